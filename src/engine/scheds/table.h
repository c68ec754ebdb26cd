/*
 * table.h
 *	  The rows of the scheduler table, and what they are made of.
 */
#ifndef PT_SCHEDS_TABLE_H
#define PT_SCHEDS_TABLE_H

#include "engine/scheds/formula.h"
#include "engine/train/sched.h"

/* What schedulers act on: what PyTorch keeps in an optimizer's param_group.  All of a tree share it. */
typedef struct PtGroup
{
	const PtOptimizer *optimizer;
	double lr, momentum; /* momentum: or beta1 */
	bool has_initial;
	double initial_lr;
	double max_lr, min_lr;				/* OneCycleLR's */
	double max_momentum, base_momentum; /* what CyclicLR says, too, and OneCycleLR goes by */
	int64_t epochs, steps;				/* of the training; steps of an epoch */
	PtArena *arena;
} PtGroup;

/* A scheduler that runs; fields below the line are of single types. */
struct PtPace
{
	const PtScheduler *s;
	PtGroup *group;
	PtPace *children;	/* [s->nchildren] */
	int64_t last_epoch; /* or step; 0 is the first */
	bool initial;		/* the step that the constructor takes */
	double base_lr;
	/* ---------- */
	const PtFormula *formula;
	int64_t cur, period; /* CosineAnnealingWarmRestarts */
	double best;		 /* ReduceLROnPlateau */
	int64_t bad, cooldown;
	int64_t total; /* steps that it is for; 0: any number (all but OneCycleLR) */
};

struct PtSchedulerType
{
	PT_CONSTRUCTOR;
	bool per_step;
	bool plateau;	  /* steps with a loss, and cannot be one of several */
	const char *list; /* holds schedulers in the argument of this name */
	const char *base; /* the argument that base_lr is after the first step */

	bool (*check)(const PtScheduler *s, PtError *err); /* (optional) of arguments together */

	/* (optional) what the constructor does before the first step */
	bool (*start)(PtPace *p, PtError *err);
	/* The learning rate at last_epoch, from the one before: PyTorch's get_lr. */
	bool (*rate)(PtPace *p, double *lr, PtError *err);
	/* (optional) the same for epoch 0 without looking back: PyTorch's _get_closed_form_lr */
	bool (*first)(PtPace *p, double *lr, PtError *err);
	/* (optional) in place of counting and rate; epoch is -1 (the next) or 0 */
	bool (*step)(PtPace *p, int epoch, double loss, PtError *err);
};

extern const PtSchedulerType *const pt_scheduler_tables[]; /* a file's rows each; NULL-terminated */

/* sched.c, for lists: one step of a child; epoch as above. */
extern bool pt_pace_advance(PtPace *p, int epoch, double loss, PtError *err);
/* PyTorch's _initial_step: to epoch 0. */
extern bool pt_pace_begin(PtPace *p, PtError *err);

#endif
