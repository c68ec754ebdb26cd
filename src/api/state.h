/*
 * state.h
 *	  What the functions around models share: a module with its state_dict.
 */
#ifndef PGT_API_STATE_H
#define PGT_API_STATE_H

#include "postgres.h"

#include "store/checkpoint.h"
#include "engine/nn/module.h"

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

#endif
