/*
 * reduce.c
 *	  Reductions over dimensions: sum, mean, the largest and smallest element, and where they are.
 *
 * "dim" is normalised by infer to sorted non-negative dimensions (all of them for None), which
 * is what kernels and gradients see.
 */
#include "engine/graph/op_util.h"

/* The shape without (or with size 1 in) the dimensions of attribute "dim". */
static void
reduced_shape(const PtNode *node, const PtShape *in, bool keepdim, PtShape *out)
{
	const PtValue *dims = pt_args_get(node->attrs, "dim");
	bool gone[PT_MAX_DIM] = {false};

	for (int i = 0; i < dims->count; i++)
		gone[dims->ints[i]] = true;
	out->ndim = 0;
	for (int i = 0; i < in->ndim; i++)
	{
		if (!gone[i])
			out->dim[out->ndim++] = in->dim[i];
		else if (keepdim)
			out->dim[out->ndim++] = 1;
	}
}

/* Gives a reduced value its missing dimensions back, as size 1, so that it broadcasts over the input. */
static PtRef
unreduce(PtGraph *g, const PtNode *node, PtRef x)
{
	PtShape shape;

	reduced_shape(node, &pt_value(g, node->in[0])->shape, true, &shape);
	return pt_reshape(g, x, &shape);
}

/* ---------- sum, mean ---------- */

static bool
infer_sum(PtGraph *g, PtNode *node, PtTensorType *out)
{
	const PtValue *dtype = pt_args_get(node->attrs, "dtype");
	PtDtype from;

	if (dtype->kind == PT_VALUE_DTYPE)
		node->in[0] = pt_cast(g, node->in[0], dtype->dtype);
	if (!pt_op_dims(g, node, pt_value(g, node->in[0])->shape.ndim))
		return false;
	from = pt_value(g, node->in[0])->dtype;
	out->dtype = pt_dtype_is_float(from) || dtype->kind == PT_VALUE_DTYPE ? from : PT_INT64;
	reduced_shape(node, &pt_value(g, node->in[0])->shape, pt_args_bool(node->attrs, "keepdim"),
				  &out->shape);
	return true;
}

static bool
gradient_sum(PtGraph *g, const PtNode *node, const PtRef *gout, const bool *want, PtRef *grad)
{
	const PtShape shape = pt_value(g, node->in[0])->shape;

	grad[0] = pt_expand(g, unreduce(g, node, gout[0]), &shape);
	return true;
}

static bool
decompose_mean(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	const PtValue *dtype = pt_args_get(attrs, "dtype");
	PtGiven given[] = {{"dim", *pt_args_get(attrs, "dim")},
					   {"keepdim", *pt_args_get(attrs, "keepdim")}};
	PtRef x = dtype->kind == PT_VALUE_DTYPE ? pt_cast(g, in[0], dtype->dtype) : in[0];
	PtDtype from = pt_value(g, x)->dtype;
	PtRef sum;
	int64_t before, after;

	if (!pt_dtype_is_float(from))
	{
		pt_graph_fail(g, PT_ETYPE, "mean expects a floating point dtype, not %s",
					  pt_dtype_name(from));
		return pt_hint(&g->error, "Convert first: torch.to(x, 'float32'), or dtype => 'float32'.");
	}
	if (from == PT_FLOAT16 || from == PT_BFLOAT16)
		x = pt_cast(g, x, PT_FLOAT32); /* the sum may be no number of half precision */
	sum = pt_apply_name(g, "sum", &x, 1, given, 2);
	if (sum == PT_NO_REF)
		return false;
	before = pt_shape_numel(&pt_value(g, x)->shape);
	after = pt_shape_numel(&pt_value(g, sum)->shape);
	/* the mean of nothing is NaN; a result without elements has nothing to divide */
	sum = pt_div(g, sum, pt_real(g, after > 0 ? (double) (before / after) : 1.0));
	return pt_op_give(out, pt_cast(g, sum, from));
}

/* ---------- amax, amin ---------- */

static bool
infer_extreme(PtGraph *g, PtNode *node, PtTensorType *out)
{
	const PtGraphValue *x = pt_value(g, node->in[0]);

	if (!pt_op_dims(g, node, x->shape.ndim))
		return false;
	out->dtype = x->dtype;
	reduced_shape(node, &x->shape, pt_args_bool(node->attrs, "keepdim"), &out->shape);
	if (pt_shape_numel(&x->shape) == 0 && pt_shape_numel(&out->shape) > 0)
		return pt_graph_fail(g, PT_ESHAPE, "%s has no identity for a dimension of size 0",
							 node->op->name);
	return true;
}

/* Ties share the gradient evenly. */
static bool
gradient_extreme(PtGraph *g, const PtNode *node, const PtRef *gout, const bool *want, PtRef *grad)
{
	PtRef x = node->in[0];
	const PtValue *dims = pt_args_get(node->attrs, "dim");
	PtRef chosen = pt_cast(g, pt_eq(g, x, unreduce(g, node, node->out[0])), pt_value(g, x)->dtype);
	PtRef count = dims->count > 0 ? pt_sum(g, chosen, dims->ints, dims->count, true) : chosen;

	grad[0] = pt_mul(g, pt_div(g, chosen, count), unreduce(g, node, gout[0]));
	return true;
}

/* ---------- argmax, argmin ---------- */

static bool
infer_arg(PtGraph *g, PtNode *node, PtTensorType *out)
{
	const PtGraphValue *x = pt_value(g, node->in[0]);
	const PtValue *dim = pt_args_get(node->attrs, "dim");
	bool keepdim = pt_args_bool(node->attrs, "keepdim");
	int64_t d = -1;

	if (x->dtype == PT_BOOL)
		return pt_graph_fail(g, PT_ETYPE, "%s does not support bool tensors", node->op->name);
	if (dim->kind != PT_VALUE_NONE &&
		!pt_op_dim(g, node->op->name, dim->integer, x->shape.ndim, &d))
		return false;
	if (d < 0 ? pt_shape_numel(&x->shape) == 0 : x->shape.ndim > 0 && x->shape.dim[d] == 0)
		return pt_graph_fail(g, PT_ESHAPE, "%s expects at least one element to choose from",
							 node->op->name);
	out->dtype = PT_INT64;
	out->shape.ndim = 0;
	for (int i = 0; i < x->shape.ndim; i++)
	{
		if (d >= 0 && i != d)
			out->shape.dim[out->shape.ndim++] = x->shape.dim[i];
		else if (keepdim)
			out->shape.dim[out->shape.ndim++] = 1;
	}
	return d < 0 || pt_op_set(g, node, "dim", pt_value_int(d));
}

static const PtParam sum_params[] = {{PT_INPUT},
									 {PT_DIMS_OR_NONE},
									 {PT_KEEPDIM},
									 {PT_DTYPE_BY_NAME},
									 {0}};
static const PtParam extreme_params[] = {{PT_INPUT}, {PT_DIMS_OR_NONE}, {PT_KEEPDIM}, {0}};
static const PtParam arg_params[] = {{PT_INPUT}, {PT_DIM_OR_NONE}, {PT_KEEPDIM}, {0}};

const PtOp pt_reduce_ops[] = {
	{.name = "sum",
	 .params = sum_params,
	 .casting = PT_CAST_FULL,
	 .infer = infer_sum,
	 .gradient = gradient_sum,
	 .doc = "Sum over the given dimensions (all by default); integers sum as int64."},
	{.name = "mean",
	 .params = sum_params,
	 .casting = PT_CAST_INNER,
	 .decompose = decompose_mean,
	 .doc = "Mean over the given dimensions (all by default)."},
	{.name = "amax",
	 .params = extreme_params,
	 .infer = infer_extreme,
	 .gradient = gradient_extreme,
	 .doc = "Largest element over the given dimensions (all by default); NaN if there is one."},
	{.name = "amin",
	 .params = extreme_params,
	 .infer = infer_extreme,
	 .gradient = gradient_extreme,
	 .doc = "Smallest element over the given dimensions (all by default); NaN if there is one."},
	{.name = "argmax",
	 .params = arg_params,
	 .infer = infer_arg,
	 .doc = "Index of the first largest element along a dimension, or in the flattened tensor."},
	{.name = "argmin",
	 .params = arg_params,
	 .infer = infer_arg,
	 .doc = "Index of the first smallest element along a dimension, or in the flattened tensor."},
	{0},
};
