/*
 * subscript.h
 *	  Python's indexing with numbers, slices, None and ... as ops of a graph.
 */
#ifndef PT_SUBSCRIPT_H
#define PT_SUBSCRIPT_H

#include "engine/graph/graph.h"

typedef enum PtSubscriptKind
{
	PT_SUBSCRIPT_INDEX, /* x[start] */
	PT_SUBSCRIPT_SLICE, /* x[start:stop:step] */
	PT_SUBSCRIPT_NEW,	/* x[None] */
	PT_SUBSCRIPT_REST	/* x[...] */
} PtSubscriptKind;

typedef struct PtSubscript
{
	PtSubscriptKind kind;
	bool has_start, has_stop;
	int64_t start, stop, step; /* step at least 1 */
} PtSubscript;

/* x[subscripts] as PyTorch's basic indexing; failures are the graph's error. */
extern PtRef pt_subscript(PtGraph *g, PtRef x, const PtSubscript *subscripts, int n);

#endif
