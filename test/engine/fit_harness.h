/*
 * fit_harness.h
 *	  For tests of training: a data set by a closed formula, and what a fit needs.
 *
 * test/golden/generate_fit.py computes the formula as well.
 */
#ifndef PT_FIT_HARNESS_H
#define PT_FIT_HARNESS_H

#include "engine/train/fit.h"
#include "engine/graph_harness.h"

/* Feature j of row i. */
extern float feature(int64_t i, int64_t j);

/* A fit with all that it needs. */
typedef struct Setup
{
	PtArena *arena;
	PtFitSpec spec;
	PtStateDict sd;
	PtRowsetColumn input;
	PtTensor *values;
	void **data; /* of values */
	char *rows;
	PtFit *fit;
	PtError err;
} Setup;

/* Parses, initializes and fills; classes: of an int64 target, 0 for a float32 one. */
extern bool set_up(Setup *s, const char *model, const char *loss, const char *optimizer,
				   int64_t seed, int64_t rows, int64_t width, int64_t classes);

extern void tear_down(Setup *s);

/* The bytes of row i. */
extern const void *row_at(const Setup *s, int64_t i);

/* Runs to the end; epochs[] gets what was reported (room for all of them). */
extern PtRun run_fit(Setup *s, int64_t budget, PtEpoch *epochs, int *nepochs, int *slices);

/* All trainable parameters of a fit, one after another. */
extern float *read_weights(Setup *s);

#endif
