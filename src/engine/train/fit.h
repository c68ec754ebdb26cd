/*
 * fit.h
 *	  Training: epochs over a data set in memory, in slices that the caller paces.
 *
 * The whole step (fetch a batch, forward, loss, backward, optimizer, count) is one plan, run many
 * times; batches of another size, as the last of an epoch, have a plan of their own over the same weights.
 * What changes from step to step (position, step number, learning rate) is device memory: with a
 * scheduler that steps with each batch, a table of the rates of the next some ten thousand steps.
 */
#ifndef PT_FIT_H
#define PT_FIT_H

#include "engine/nn/network.h"
#include "engine/train/options.h"
#include "engine/train/rowset.h"
#include "engine/train/sched.h"

typedef struct PtFitSpec
{
	const PtModule *module;
	const PtStateDict *sd;
	const PtTensor *values; /* initial weights, [sd->count] */
	const PtModule *loss;
	const PtOptimizer *optimizer;
	const PtScheduler *scheduler; /* NULL: the learning rate stays */

	const void *rows; /* nrows x stride bytes; stays mapped while the fit lives */
	int64_t nrows, stride;
	/* most bytes of rows that a GPU keeps; 0: half of what is free there, and of plan.max_bytes */
	size_t resident;
	const PtRowsetColumn *inputs;
	int ninputs;
	PtRowsetColumn target;

	PtFitOptions options;
	PtPlanOptions plan;
} PtFitSpec;

typedef struct PtFit PtFit;

/* An epoch that has just ended. */
typedef struct PtEpoch
{
	int64_t epoch;		 /* from 1 */
	double loss;		 /* mean over the epoch's samples */
	double lr;			 /* of its last step */
	int64_t rows, steps; /* rows of this epoch; steps since the start */
} PtEpoch;

/* What spec points to must outlive the fit; values may go. */
extern PtFit *pt_fit_new(const PtFitSpec *spec, PtDevice *dev, PtError *err);
extern void pt_fit_free(PtFit *fit); /* NULL is fine */

/*
 * Works for about budget_ns.  MORE with epoch->epoch > 0: that epoch has ended; MORE with 0: go on.
 * DONE: all epochs ended (the last one was reported before).  A loss that is not finite is
 * PT_EDIVERGED and names the step.
 */
extern PtRun pt_fit_run(PtFit *fit, int64_t budget_ns, PtEpoch *epoch, PtError *err);

extern int64_t pt_fit_steps_done(const PtFit *fit);
extern PtNetwork *pt_fit_network(PtFit *fit);
extern int pt_fit_plans(const PtFit *fit); /* compiled: one for each size of batches */
extern size_t pt_fit_bytes(const PtFit *fit);
/* As pt_plan_host_op, of what is compiled so far. */
extern const char *pt_fit_host_op(const PtFit *fit, int i);

#endif
