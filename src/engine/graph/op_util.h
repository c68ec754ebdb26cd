/*
 * op_util.h
 *	  What the files of ops/ share: parameters that many rows have, and help for infer, gradient and decompose.
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
/* Replaces one attribute of a node by a normalised value, for infer. */
extern bool pt_op_set(PtGraph *g, PtNode *node, const char *name, PtValue value);
/* A dimension counted from either end, -ndim <= dim < ndim (0-d tensors: -1 and 0); fails as PyTorch does. */
extern bool pt_op_dim(PtGraph *g, const char *op, int64_t dim, int ndim, int64_t *out);
/* The attribute "dim" (None: all) as sorted, distinct, non-negative dimensions. */
extern bool pt_op_dims(PtGraph *g, PtNode *node, int ndim);
/* The attribute "size" as the shape of a new tensor. */
extern bool pt_op_size(PtGraph *g, const PtArgs *attrs, PtDtype dtype, PtShape *shape);
/* *n times a size; fails on overflow, which sizes beside an empty dimension can give. */
extern bool pt_op_times(PtGraph *g, const char *op, int64_t *n, int64_t size);
/* n dimensions are more than a tensor has: false. */
extern bool pt_op_fail_rank(PtGraph *g, const char *op, int n);

#endif
