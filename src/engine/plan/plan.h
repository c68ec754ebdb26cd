/*
 * plan.h
 *	  A graph compiled for one device: fused, scheduled, with its memory planned.
 *
 * compile: dead nodes go, chains of scalar ops become programs (fuse.c), steps are ordered, every
 * value gets a place (memory.c): in an external's memory where that is right, else in one arena
 * in which values share space when their lives do not overlap.
 *
 * What the device has no kernel for runs on its host, with copies in between (host.c).
 *
 * A plan is resumable: pt_plan_run works for about the budget and says MORE, so that a caller can
 * look for interrupts in between.
 *
 * Memory: the plan has its own arena; the graph may be freed after compile.
 */
#ifndef PT_PLAN_H
#define PT_PLAN_H

#include "engine/plan/device.h"
#include "engine/graph/graph.h"

typedef struct PtPlanOptions
{
	bool no_fuse;	  /* every node its own step (tests) */
	bool no_reuse;	  /* every value its own memory (tests) */
	bool poison;	  /* fill the arena with NaN before the first run (tests) */
	size_t max_bytes; /* limit of pt_plan_bytes; 0: none */
	size_t held;	  /* bytes that count against it, too */
} PtPlanOptions;

typedef struct PtPlan PtPlan;

extern PtPlan *pt_plan_compile(PtGraph *g, PtDevice *dev, const PtPlanOptions *options,
							   PtError *err);
extern void pt_plan_free(PtPlan *plan); /* NULL is fine */
/* Fails if so many bytes are more than max_bytes. */
extern bool pt_plan_fits(const PtPlanOptions *options, size_t bytes, PtError *err);

extern size_t pt_plan_bytes(const PtPlan *plan); /* arenas, with workspaces; also on the host */
extern int pt_plan_steps(const PtPlan *plan);
extern char *pt_plan_print(const PtPlan *plan); /* one line a step or copy, malloc'ed */
/* The op of the i-th step, from 0, that runs on the host; NULL past the last. */
extern const char *pt_plan_host_op(const PtPlan *plan, int i);
/* Whether plans for a device run an op on its host. */
extern bool pt_plan_lacks(PtDevice *dev, const PtOp *op);

/*
 * Gives an external its address on the device.  All externals that the plan uses must have one
 * before the first run; changing one later rebinds at the next run.
 */
extern void pt_plan_bind(PtPlan *plan, PtRef external, void *address);

/*
 * Starts repeat runs if none is under way, then works for about budget_ns.  DONE: all of
 * them are finished.  After an error the plan may be run again from the start.
 */
extern PtRun pt_plan_run(PtPlan *plan, int64_t repeat, int64_t budget_ns, PtError *err);

/* Gives up a run that somebody left before it was done (a cancel): the next starts from the beginning. */
extern void pt_plan_abandon(PtPlan *plan);

/* Whether a run was started and is not done. */
extern bool pt_plan_is_running(const PtPlan *plan);

/* Whether running it starts no thread and opens no library: it has run before, on a device without threads. */
extern bool pt_plan_is_quiet(const PtPlan *plan);

#endif
