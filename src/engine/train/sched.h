/*
 * sched.h
 *	  Learning rate schedulers: rows of a table, their text form, and running them.
 *
 * A scheduler is data, like an optimizer: a type and its constructor's arguments, read from and printed as
 * Python text ('lr_scheduler.StepLR(30, gamma=0.5)').  A pace is one that runs: it goes over a
 * training's learning rate (and momentum) step by step in doubles on the host, in the same recursive
 * forms as PyTorch, so that rounding is the same too.  What a plan reads is uploaded (fit.c).
 *
 * PyTorch's arguments optimizer, last_epoch and verbose are left out: a training begins at its first epoch,
 * and each epoch's learning rate is in pgtorch.epochs.
 */
#ifndef PT_SCHED_H
#define PT_SCHED_H

#include "engine/train/optim.h"

typedef struct PtSchedulerType PtSchedulerType; /* scheds/table.h */

typedef struct PtScheduler
{
	PT_OBJECT(PtSchedulerType);
	int nchildren; /* of lists of schedulers */
	struct PtScheduler **children;
	int depth;	   /* of the tree: 1 without children */
	bool per_step; /* steps after each batch; false: after each epoch */
} PtScheduler;

extern const PtConstructors pt_schedulers;

static inline PtScheduler *
pt_sched_parse(PtArena *arena, const char *text, PtError *err)
{
	return (PtScheduler *) pt_constructor_parse(arena, &pt_schedulers, text, err);
}

static inline char *
pt_sched_print(PtArena *arena, const PtScheduler *s, PtError *err)
{
	return pt_object_print(arena, (const PtObject *) s, err);
}

/* Whether it can go with this optimizer: one that cycles momentum needs one that has it. */
extern bool pt_sched_check(const PtScheduler *s, const PtOptimizer *o, PtError *err);
/* Whether it changes the optimizer's momentum or beta1. */
extern bool pt_sched_cycles(const PtScheduler *s);

typedef struct PtPace PtPace;

/*
 * Begins: the learning rate is now that of the first epoch (or step).  steps: in an epoch.  All memory is
 * the arena's; s and o must stay.
 */
extern PtPace *pt_pace_new(PtArena *arena, const PtScheduler *s, const PtOptimizer *o,
						   int64_t epochs, int64_t steps, PtError *err);
extern double pt_pace_lr(const PtPace *p);
extern double pt_pace_momentum(const PtPace *p); /* of a cycled optimizer: its momentum or beta1 */
/* One step on; loss: of the epoch that has ended, for those that want it. */
extern bool pt_pace_step(PtPace *p, double loss, PtError *err);

#endif
