/*
 * graph_harness.h
 *	  For tests of graphs and plans: random values, memory for externals, runs under many options.
 *
 * A Case is a graph with memory bound to its externals.  run_case compiles and runs it from the initial
 * contents of that memory, so one graph can be run under several options and the results
 * compared.  Memory is exactly as large as a tensor, so that the sanitizer sees who writes past it.
 */
#ifndef PT_GRAPH_HARNESS_H
#define PT_GRAPH_HARNESS_H

#include <stdlib.h>
#include <string.h>

#include "engine/graph/build.h"
#include "engine/run.h"

/* ---------- random numbers ---------- */

extern void draw_seed(uint64_t seed);
extern uint64_t draw_bits(void);
extern int draw_int(int n);	   /* 0 .. n - 1 */
extern double draw_real(void); /* 0 <= x < 1 */

/* ---------- cases ---------- */

#define CASE_EXTERNALS 96

typedef struct Case
{
	PtGraph *g;
	int n;
	PtRef ext[CASE_EXTERNALS];
	void *data[CASE_EXTERNALS];
	void *initial[CASE_EXTERNALS];
} Case;

extern void case_begin(Case *c);
extern void case_end(Case *c);

/* Of external i. */
extern size_t case_bytes(const Case *c, int i);
extern int64_t case_numel(const Case *c, int i);

/* The index of a new external; its initial contents are zeros. */
extern int case_external(Case *c, PtDtype dtype, const PtShape *shape);

/* Sets an element of the initial contents. */
extern void case_set(Case *c, int i, int64_t at, double value);

/* What is there after a run. */
extern double case_get(const Case *c, int i, int64_t at);

/* Random floats of -scale .. scale; integers truncate them. */
extern int case_random(Case *c, PtDtype dtype, const PtShape *shape, double scale);

/* The index of an external that is assigned a value; -1 if the graph failed. */
extern int case_output(Case *c, PtRef value);

/* A plan bound to the memory, which has its initial contents. */
extern PtPlan *case_compile(Case *c, PtDevice *dev, const PtPlanOptions *options, PtError *err);

/* Compiles, and runs from the initial contents; results are in data. */
extern bool run_case(Case *c, PtDevice *dev, const PtPlanOptions *options, int64_t repeat,
					 PtError *err);

/* A copy of all externals, for comparing runs. */
extern void **case_snapshot(const Case *c);
extern void free_snapshot(const Case *c, void **copy);

/*
 * The first external that differs, or -1.  rel < 0: the bytes must be equal (any NaN equals any); else
 * |a - b| <= rel * max(1, |b|).
 */
extern int case_differs(const Case *c, void **copy, double rel);

#define SHAPE(...) \
	(&(PtShape){(int) (sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), {__VA_ARGS__}})
#define SCALAR (&(PtShape){0})

#endif
