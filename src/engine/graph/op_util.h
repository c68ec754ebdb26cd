/*
 * op_util.h
 *	  What the files of ops/ share: parameters that many rows have, and help for infer, gradient and decompose
 *	  (more of it stands in op.h).
 */
#ifndef PT_OP_UTIL_H
#define PT_OP_UTIL_H

#include <string.h>

#include "engine/graph/graph.h"

/* .params = PT_PARAMS({PT_INPUT}, {PT_DIM}, {"index", PT_ARG_INT, .required = true}) */
#define PT_PARAMS(...) ((const PtParam[]){__VA_ARGS__, {0}})
#define PT_TENSOR(name) name, PT_ARG_TENSOR, .required = true
#define PT_INPUT PT_TENSOR("input")
#define PT_OTHER PT_TENSOR("other")
#define PT_DIM "dim", PT_ARG_INT, .required = true
#define PT_DIM_OR_NONE "dim", PT_ARG_INT, .init_none = true
#define PT_DIMS_OR_NONE "dim", PT_ARG_INTS, .init_none = true
#define PT_KEEPDIM "keepdim", PT_ARG_BOOL
#define PT_DTYPE_OR_NONE "dtype", PT_ARG_DTYPE, .init_none = true
#define PT_DTYPE_BY_NAME PT_DTYPE_OR_NONE, .keyword = true

/* The end of a gradient or decompose with one result: y, unless it failed. */
static inline bool
pt_op_give(PtRef *out, PtRef y)
{
	out[0] = y;
	return y != PT_NO_REF;
}

/* Room for one number a dimension and one more, for as long as the graph, zeros; NULL if that failed. */
extern int64_t *pt_op_new_dims(PtGraph *g);
/* n dimensions are more than a tensor has: false. */
extern bool pt_op_fail_rank(PtGraph *g, const char *op, int n);

#endif
