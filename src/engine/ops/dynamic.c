/*
 * dynamic.c
 *	  Ops whose results' shapes depend on data: nonzero, unique.
 *
 * Each is a composition that reads a number (graph/read.c) between two ops of fixed shapes: one that finds out how
 * many elements there will be, and one that writes so many.  No gradient goes through them, as PyTorch has none.
 */
#include "engine/graph/op_util.h"

/* ---------- nonzero ---------- */

static bool
decompose_nonzero(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	PtGiven given = pt_given_int("count", 0);
	PtRef x = in[0];
	/* NaN is not zero */
	PtRef count = pt_sum(g, pt_ne(g, x, pt_integer(g, 0)), NULL, 0, false);

	if (!pt_graph_read(g, "nonzero", count, &x, 1, &given.value.integer))
		return false;
	return pt_op_give(out, pt_apply_name(g, "nonzero_indices", &x, 1, &given, 1));
}

static bool
infer_indices(PtGraph *g, PtNode *node, PtTensorType *out)
{
	*out =
		(PtTensorType){PT_INT64,
					   {2,
						{pt_args_int(node->attrs, "count"), pt_value(g, node->in[0])->shape.ndim}}};
	return true;
}

/* ---------- unique ---------- */

/* input [n, m]: its rows' order, and where in it a row differs from the one before */
static bool
infer_order(PtGraph *g, PtNode *node, PtTensorType *out)
{
	int64_t n = pt_value(g, node->in[0])->shape.dim[0];

	out[0] = (PtTensorType){PT_INT64, {1, {n}}};
	out[1] = (PtTensorType){PT_BOOL, {1, {n}}};
	return true;
}

/* input [n, m], order and first [n]: the count distinct rows, which of them each row is, how often each is there */
static bool
infer_groups(PtGraph *g, PtNode *node, PtTensorType *out)
{
	const PtGraphValue *x = pt_value(g, node->in[0]);
	int64_t count = pt_args_int(node->attrs, "count");

	out[0] = (PtTensorType){x->dtype, {2, {count, x->shape.dim[1]}}};
	out[1] = (PtTensorType){PT_INT64, {1, {x->shape.dim[0]}}};
	out[2] = (PtTensorType){PT_INT64, {1, {count}}};
	return true;
}

/* Dimension dim first, the others as they come; and the way back. */
static PtRef
move_dim(PtGraph *g, PtRef x, int64_t dim, bool back)
{
	PtShape shape = pt_value(g, x)->shape;
	int64_t *dims = pt_op_new_dims(g);
	PtGiven given = pt_given_ints("dims", dims, shape.ndim);

	if (dims == NULL)
		return PT_NO_REF;
	for (int d = 0; d < shape.ndim; d++)
	{
		int64_t from = d == 0 ? dim : d <= dim ? d - 1 : d;

		dims[back ? from : d] = back ? d : from;
	}
	return dim == 0 ? x : pt_apply_name(g, "permute", &x, 1, &given, 1);
}

/* Rows to compare: of all elements one each, or the slices of a dimension. */
static bool
rows_of(PtGraph *g, PtRef x, const PtArgs *attrs, int64_t *dim, PtRef *rows)
{
	PtShape shape = pt_value(g, x)->shape;
	PtShape flat = {2, {1, 1}};
	int empty = 0;

	if (pt_args_is_none(attrs, "dim"))
	{
		flat.dim[0] = pt_shape_numel(&shape);
		*dim = -1;
		*rows = pt_reshape(g, x, &flat);
		return *rows != PT_NO_REF;
	}
	if (shape.ndim == 0)
		return pt_graph_fail(g, PT_EINVAL, "unique: a tensor without dimensions has no dim %lld",
							 (long long) pt_args_int(attrs, "dim"));
	if (!pt_op_dim(g, "unique", pt_args_int(attrs, "dim"), shape.ndim, dim))
		return false;
	for (int d = 0; d < shape.ndim; d++)
		empty += shape.dim[d] == 0 && d != *dim;
	if (empty > 0)
		return pt_graph_fail(g, PT_ESHAPE,
							 "unique: dim %lld cannot be chosen where another has size 0",
							 (long long) *dim);
	flat.dim[0] = shape.dim[*dim];
	/* of no rows the length does not matter, and might be more than an integer holds */
	for (int d = 0; d < shape.ndim && flat.dim[0] > 0; d++)
		flat.dim[1] *= d == *dim ? 1 : shape.dim[d];
	*rows = pt_reshape(g, move_dim(g, x, *dim, false), &flat);
	return *rows != PT_NO_REF;
}

static bool
decompose_unique(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	PtGiven given = pt_given_int("count", 0);
	PtShape shape = pt_value(g, in[0])->shape;
	PtRef keep[3], first;
	int64_t dim;

	if (!rows_of(g, in[0], attrs, &dim, &keep[0]))
		return false;
	keep[1] = pt_apply_name(g, "unique_order", keep, 1, NULL, 0);
	if (keep[1] == PT_NO_REF)
		return false;
	keep[2] = first = pt_result(g, keep[1], 1);
	if (!pt_graph_read(g, "unique", pt_sum(g, first, NULL, 0, false), keep, 3,
					   &given.value.integer))
		return false;
	out[0] = pt_apply_name(g, "unique_groups", keep, 3, &given, 1);
	if (out[0] == PT_NO_REF)
		return false;
	out[1] = pt_result(g, out[0], 1);
	out[2] = pt_result(g, out[0], 2);
	if (dim < 0)
	{
		out[0] = pt_reshape(g, out[0], &(PtShape){1, {given.value.integer}});
		out[1] = pt_reshape(g, out[1], &shape);
	}
	else
	{
		PtShape moved = {shape.ndim, {given.value.integer}};

		for (int d = 1; d < shape.ndim; d++)
			moved.dim[d] = shape.dim[d <= dim ? d - 1 : d];
		out[0] = move_dim(g, pt_reshape(g, out[0], &moved), dim, true);
	}
	return g->error.code == PT_OK;
}

const PtOp pt_dynamic_ops[] = {
	{.name = "nonzero",
	 .params = PT_PARAMS({PT_INPUT}),
	 .flags = PT_OP_DYNAMIC,
	 .decompose = decompose_nonzero,
	 .doc = "Indices of the elements that are not zero, a row each."},
	{.name = "nonzero_indices",
	 .params = PT_PARAMS({PT_INPUT}, {"count", PT_ARG_INT}),
	 .flags = PT_OP_INTERNAL,
	 .infer = infer_indices,
	 .doc = "Indices of the count elements that are not zero."},
	{.name = "unique",
	 .params =
		 PT_PARAMS({PT_INPUT}, {"sorted", PT_ARG_BOOL, .init = 1}, {"return_inverse", PT_ARG_BOOL},
				   {"return_counts", PT_ARG_BOOL}, {PT_DIM_OR_NONE}),
	 .flags = PT_OP_DYNAMIC,
	 .nout = 3,
	 .decompose = decompose_unique,
	 .results = (const char *const[]){"output", "inverse_indices", "counts", NULL},
	 .asked = (const char *const[]){NULL, "return_inverse", "return_counts"},
	 .doc =
		 "Distinct elements in order (or slices of a dimension), where each element's is, and how often each is there."},
	{.name = "unique_order",
	 .params = PT_PARAMS({PT_INPUT}),
	 .flags = PT_OP_INTERNAL,
	 .nout = 2,
	 .infer = infer_order,
	 .doc = "The order of a matrix' rows, and where in it a row differs from the one before."},
	{.name = "unique_groups",
	 .params =
		 PT_PARAMS({PT_INPUT}, {PT_TENSOR("order")}, {PT_TENSOR("first")}, {"count", PT_ARG_INT}),
	 .flags = PT_OP_INTERNAL,
	 .nout = 3,
	 .infer = infer_groups,
	 .doc = "The count distinct rows, which of them each row is, and how often each is there."},
	{0},
};
