/*
 * step.h
 *	  One step of a training as a plan: fetch a batch, forward, loss, backward, optimizer, count.
 *
 * Between fit.c, which makes and runs steps, and step.c, which builds their graphs.  Each is compiled for a key; all
 * of a fit work on the same weights, state and counters, so they may follow one another in any order.
 */
#ifndef PT_STEP_H
#define PT_STEP_H

#include "engine/train/fit.h"

typedef enum PtPurpose
{
	PT_PURPOSE_TRAIN
} PtPurpose;

/* What a step is compiled for. */
typedef struct PtStepKey
{
	int64_t rows;
	int64_t length; /* of the rows' sequences; 0: they have none */
	PtPurpose purpose;
} PtStepKey;

/* What the steps of a fit read and change.  Addresses are the device's. */
typedef struct PtFitState
{
	PtNetwork *net;
	PtRowset *rowset;
	PtOptimizer optimizer;
	PtOptimSlot slot[PT_OPTIM_SLOTS];
	int nslots;
	void *grads, *slots[PT_OPTIM_SLOTS], *ctl, *stats, *lr;

	/*
	 * Rates that change with each step: lr becomes a table of nrates rows {learning rate, momentum}, read like a
	 * data set, by its own position (at) in its own order (0, 1, 2, ...).
	 */
	void *at, *entries;
	int64_t nrates; /* 0: there is one rate for an epoch */
} PtFitState;

/* Compiled and bound: ready to run. */
extern PtPlan *pt_step_compile(const PtFitSpec *spec, const PtFitState *state, PtDevice *dev,
							   const PtStepKey *key, PtError *err);

#endif
