/*
 * op_util.c
 *	  What infer functions share: normalising dimensions and attributes.
 */
#include "engine/graph/op_util.h"

int64_t *
pt_op_new_dims(PtGraph *g)
{
	int64_t *dims = pt_arena_alloc(g->arena, (PT_MAX_DIM + 1) * sizeof(int64_t));

	if (dims == NULL)
		pt_graph_fail(g, PT_ENOMEM, "out of memory");
	return dims;
}

bool
pt_op_fail_rank(PtGraph *g, const char *op, int n)
{
	pt_graph_fail(g, PT_ELIMIT, "%s: %d dimensions are too many", op, n);
	return pt_hint(&g->error, "A tensor has at most %d dimensions.", PT_MAX_DIM);
}

bool
pt_op_set(PtGraph *g, PtNode *node, const char *name, PtValue value)
{
	const PtArgs *old = node->attrs;
	PtArgs *args = pt_arena_alloc(g->arena, sizeof(PtArgs));
	PtValue *values = pt_arena_alloc(g->arena, old->count * sizeof(PtValue));

	if (args == NULL || values == NULL)
		return pt_graph_fail(g, PT_ENOMEM, "out of memory");
	memcpy(values, old->values, old->count * sizeof(PtValue));
	*args = (PtArgs){old->params, old->count, values};
	for (int i = 0; i < old->count; i++)
		if (strcmp(old->params[i].name, name) == 0)
			values[i] = value;
	node->attrs = args;
	return true;
}

bool
pt_op_dim(PtGraph *g, const char *op, int64_t dim, int ndim, int64_t *out)
{
	int n = ndim > 0 ? ndim : 1;

	if (dim < -n || dim >= n)
		return pt_graph_fail(
			g, PT_EINVAL,
			"%s: dimension out of range (expected to be in range of [%d, %d], but got %lld)", op,
			-n, n - 1, (long long) dim);
	*out = dim < 0 ? dim + n : dim;
	return true;
}

bool
pt_op_times(PtGraph *g, const char *op, int64_t *n, int64_t size)
{
	if (!__builtin_mul_overflow(*n, size, n))
		return true;
	return pt_graph_fail(g, PT_ELIMIT, "%s: the sizes of the dimensions multiply to more than %lld",
						 op, (long long) INT64_MAX);
}

bool
pt_op_size(PtGraph *g, const PtArgs *attrs, PtDtype dtype, PtShape *shape)
{
	const PtValue *size = pt_args_get(attrs, "size");
	PtError err;

	shape->ndim = size->count;
	for (int d = 0; d < size->count && d < PT_MAX_DIM; d++)
		shape->dim[d] = size->ints[d];
	if (!pt_shape_check(shape, dtype, NULL, &err))
		g->error = err;
	return g->error.code == PT_OK;
}

bool
pt_op_dims(PtGraph *g, PtNode *node, int ndim)
{
	const PtValue *v = pt_args_get(node->attrs, "dim");
	bool chosen[PT_MAX_DIM] = {false};
	int64_t *dims = pt_op_new_dims(g);
	int n = 0;
	bool all = v->kind == PT_VALUE_NONE || (v->kind == PT_VALUE_INTS && v->count == 0);

	if (dims == NULL)
		return false;
	for (int i = 0; !all && i < (v->kind == PT_VALUE_INTS ? v->count : 1); i++)
	{
		int64_t d = 0;

		if (!pt_op_dim(g, node->op->name, v->kind == PT_VALUE_INTS ? v->ints[i] : v->integer, ndim,
					   &d))
			return false;
		if (chosen[d])
			return pt_graph_fail(g, PT_EINVAL,
								 "%s: dim %lld appears multiple times in the list of dims",
								 node->op->name, (long long) d);
		chosen[d] = true;
	}
	for (int d = 0; d < ndim; d++)
		if (all || chosen[d])
			dims[n++] = d;
	return pt_op_set(g, node, "dim", pt_value_ints(dims, n));
}
