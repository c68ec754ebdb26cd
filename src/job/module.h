/*
 * module.h
 *	  Networks and what trains them, read from their texts.
 */
#ifndef PGT_JOB_MODULE_H
#define PGT_JOB_MODULE_H

#include "postgres.h"

#include "engine/nn/module.h"
#include "engine/train/sched.h"
#include "store/checkpoint.h"

/*
 * A module with its state_dict's names and shapes, without weights; dies with the memory context that it was
 * opened in.
 */
typedef struct PgtOpenModule
{
	PtArena *arena;
	PtModule *root;
	PtStateDict state;
} PgtOpenModule;

extern void pgt_module_open(PgtOpenModule *module, const char *text);

/* A module alone: a loss. */
extern PtModule *pgt_module_parse(PtArena *arena, const char *text);

extern PtOptimizer *pgt_optimizer_parse(PtArena *arena, const char *text);
extern PtScheduler *pgt_scheduler_parse(PtArena *arena, const char *text);

/* Fills names and params of a checkpoint from the module, with memory for the values. */
extern void pgt_module_manifest(const PgtOpenModule *module, PgtCheckpoint *checkpoint);

#endif
