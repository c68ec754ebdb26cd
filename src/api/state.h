/*
 * state.h
 *	  What the functions around models share: arguments, and a module with its state_dict.
 */
#ifndef PGT_API_STATE_H
#define PGT_API_STATE_H

#include "postgres.h"

#include "store/checkpoint.h"
#include "engine/nn/module.h"
#include "fmgr.h"

/*
 * A module read from text, with its state_dict's names and shapes; dies with the memory context it
 * was opened in.
 */
typedef struct PgtModule
{
	PtArena *arena;
	PtModule *root;
	PtStateDict state;
} PgtModule;

extern void pgt_module_open(PgtModule *module, const char *text);

/* Fills names and params of a checkpoint from the module, with memory for the values. */
extern void pgt_module_manifest(const PgtModule *module, PgtCheckpoint *checkpoint);

/* A text argument that must not be NULL (22004). */
extern char *pgt_text_arg(FunctionCallInfo fcinfo, int i, const char *name);

#endif
