/*
 * shape.c
 *	  Ops that move elements without changing them.
 *
 * Everything is contiguous, so reshape and slice are views and the others copy; expand and to are
 * elementwise and become part of programs.
 */
#include "engine/graph/op_util.h"

static bool
copy_ints(const PtValue *v, PtShape *shape)
{
	if (v->kind == PT_VALUE_INT)
	{
		shape->ndim = 1;
		shape->dim[0] = v->integer;
		return true;
	}
	if (v->count > PT_MAX_DIM)
		return false;
	shape->ndim = v->count;
	if (v->count > 0)
		memcpy(shape->dim, v->ints, v->count * sizeof(int64_t));
	return true;
}

/* ---------- reshape ---------- */

static bool
infer_reshape(PtGraph *g, PtNode *node, PtTensorType *out)
{
	const PtGraphValue *x = pt_value(g, node->in[0]);
	int64_t have = pt_shape_numel(&x->shape);
	int64_t known = 1;
	int open = -1;
	char from[PT_SHAPE_TEXT], to[PT_SHAPE_TEXT];

	out->dtype = x->dtype;
	if (!copy_ints(pt_args_get(node->attrs, "shape"), &out->shape))
		return pt_op_fail_rank(g, "reshape", pt_args_get(node->attrs, "shape")->count);
	for (int i = 0; i < out->shape.ndim; i++)
	{
		int64_t d = out->shape.dim[i];

		if (d == -1 && open < 0)
			open = i;
		else if (d < 0)
			return pt_graph_fail(g, PT_EINVAL,
								 d == -1 ? "reshape: only one dimension can be inferred"
										 : "reshape: invalid size %lld",
								 (long long) d);
		else if (d != 0 && known > INT64_MAX / d)
			known = INT64_MAX;
		else
			known *= d;
	}
	if (open >= 0 && known > 0 && have % known == 0)
	{
		out->shape.dim[open] = have / known;
		return true;
	}
	if (open < 0 && known == have)
		return true;
	pt_graph_fail(g, PT_ESHAPE, "cannot reshape a tensor of shape %s to %s",
				  pt_shape_print(&x->shape, from), pt_shape_print(&out->shape, to));
	return pt_detail(&g->error, "The tensor has %lld elements.", (long long) have);
}

static bool
gradient_reshape(PtGraph *g, const PtNode *node, const PtRef *gout, const bool *want, PtRef *grad)
{
	const PtShape shape = pt_value(g, node->in[0])->shape;

	grad[0] = pt_reshape(g, gout[0], &shape);
	return true;
}

/* ---------- expand ---------- */

static bool
infer_expand(PtGraph *g, PtNode *node, PtTensorType *out)
{
	const PtGraphValue *x = pt_value(g, node->in[0]);
	char from[PT_SHAPE_TEXT], to[PT_SHAPE_TEXT];
	int extra;

	out->dtype = x->dtype;
	if (!copy_ints(pt_args_get(node->attrs, "size"), &out->shape))
		return pt_op_fail_rank(g, "expand", pt_args_get(node->attrs, "size")->count);
	extra = out->shape.ndim - x->shape.ndim;
	for (int i = 0; i < out->shape.ndim; i++)
	{
		int64_t have = i < extra ? 1 : x->shape.dim[i - extra];

		if (out->shape.dim[i] == -1 && i >= extra)
			out->shape.dim[i] = have;
		if (extra < 0 || out->shape.dim[i] < 0 || (have != 1 && have != out->shape.dim[i]))
		{
			extra = -1;
			break;
		}
	}
	if (extra >= 0)
		return true;
	return pt_graph_fail(g, PT_ESHAPE, "cannot expand a tensor of shape %s to %s",
						 pt_shape_print(&x->shape, from), pt_shape_print(&out->shape, to));
}

/* Autograd sums what was broadcast, here as everywhere. */
static bool
gradient_same(PtGraph *g, const PtNode *node, const PtRef *gout, const bool *want, PtRef *grad)
{
	grad[0] = gout[0];
	return true;
}

/* ---------- to ---------- */

static bool
infer_to(PtGraph *g, PtNode *node, PtTensorType *out)
{
	out->dtype = pt_args_get(node->attrs, "dtype")->dtype;
	out->shape = pt_value(g, node->in[0])->shape;
	return true;
}

/* ---------- permute ---------- */

static bool
infer_permute(PtGraph *g, PtNode *node, PtTensorType *out)
{
	const PtGraphValue *x = pt_value(g, node->in[0]);
	const PtValue *v = pt_args_get(node->attrs, "dims");
	int64_t *dims = pt_op_new_dims(g);
	bool seen[PT_MAX_DIM] = {false};

	if (dims == NULL)
		return false;
	if (v->kind != PT_VALUE_INTS || v->count != x->shape.ndim)
		return pt_graph_fail(g, PT_EINVAL, "permute expects %d dims, not %d", x->shape.ndim,
							 v->kind == PT_VALUE_INTS ? v->count : 1);
	out->dtype = x->dtype;
	out->shape.ndim = x->shape.ndim;
	for (int i = 0; i < v->count; i++)
	{
		if (!pt_op_dim(g, "permute", v->ints[i], x->shape.ndim, &dims[i]))
			return false;
		if (seen[dims[i]])
			return pt_graph_fail(g, PT_EINVAL, "permute: repeated dim %lld",
								 (long long) v->ints[i]);
		seen[dims[i]] = true;
		out->shape.dim[i] = x->shape.dim[dims[i]];
	}
	return pt_op_set(g, node, "dims", pt_value_ints(dims, v->count));
}

static bool
gradient_permute(PtGraph *g, const PtNode *node, const PtRef *gout, const bool *want, PtRef *grad)
{
	const PtValue *v = pt_args_get(node->attrs, "dims");
	int64_t *inverse = pt_op_new_dims(g);
	PtGiven given = pt_given_ints("dims", inverse, v->count);

	for (int i = 0; inverse != NULL && i < v->count; i++)
		inverse[v->ints[i]] = i;
	return pt_op_give(grad, pt_apply_name(g, "permute", gout, 1, &given, 1));
}

/* ---------- cat ---------- */

/* As PyTorch, which had no other empty tensors once: one of shape [0] goes with all shapes. */
static bool
is_nothing(const PtShape *shape)
{
	return shape->ndim == 1 && shape->dim[0] == 0;
}

static bool
infer_cat(PtGraph *g, PtNode *node, PtTensorType *out)
{
	PtShape first;
	int64_t dim;
	int kept = 0;

	if (node->nlist == 0)
		return pt_graph_fail(g, PT_EINVAL, "cat expects at least one tensor");
	out->dtype = pt_result_type(g, node->list, node->nlist);
	first = pt_value(g, node->list[0])->shape;
	for (int i = 1; i < node->nlist && is_nothing(&first); i++)
		first = pt_value(g, node->list[i])->shape;
	out->shape = first;
	if (!pt_op_dim(g, "cat", pt_args_int(node->attrs, "dim"), first.ndim, &dim))
		return false;
	if (first.ndim == 0)
	{
		pt_graph_fail(g, PT_ESHAPE, "zero-dimensional tensors cannot be concatenated");
		return pt_hint(&g->error, "Use torch.stack.");
	}
	out->shape.dim[dim] = 0;
	for (int i = 0; i < node->nlist; i++)
	{
		const PtShape shape = pt_value(g, node->list[i])->shape; /* a copy: casts add values */
		PtShape rest = shape;

		if (is_nothing(&shape) && !is_nothing(&first))
			continue;
		/* all must be of the result's dtype for the kernel */
		node->list[kept++] = pt_cast(g, node->list[i], out->dtype);
		if (rest.ndim == first.ndim)
			rest.dim[dim] = first.dim[dim];
		if (!pt_shape_equal(&rest, &first))
		{
			char a[PT_SHAPE_TEXT], b[PT_SHAPE_TEXT];

			return pt_graph_fail(g, PT_ESHAPE,
								 "cat: shapes %s and %s differ in another dimension than %lld",
								 pt_shape_print(&first, a), pt_shape_print(&shape, b),
								 (long long) dim);
		}
		out->shape.dim[dim] += shape.dim[dim];
	}
	node->nlist = kept;
	return pt_op_set(g, node, "dim", pt_value_int(dim));
}

/* Each tensor gets its part. */
static bool
gradient_cat(PtGraph *g, const PtNode *node, const PtRef *gout, const bool *want, PtRef *grad)
{
	int64_t dim = pt_args_int(node->attrs, "dim");
	int64_t start = 0;

	for (int i = 0; i < node->nlist; i++)
	{
		int64_t length = pt_value(g, node->list[i])->shape.dim[dim];
		PtGiven given[] = {pt_given_int("dim", dim), pt_given_int("start", start),
						   pt_given_int("length", length)};

		if (want[i])
			grad[i] = pt_apply_name(g, "narrow", gout, 1, given, 3);
		start += length;
	}
	return true;
}

/* ---------- slice and pack: parameters in and out of flat arrays ---------- */

static bool
infer_slice(PtGraph *g, PtNode *node, PtTensorType *out)
{
	const PtGraphValue *x = pt_value(g, node->in[0]);
	int64_t offset = pt_args_int(node->attrs, "offset");

	out->dtype = x->dtype;
	copy_ints(pt_args_get(node->attrs, "shape"), &out->shape);
	if (x->shape.ndim == 1 && offset >= 0 &&
		offset + pt_shape_numel(&out->shape) <= x->shape.dim[0])
		return true;
	return pt_graph_fail(g, PT_EINTERNAL, "slice at %lld is outside of its array",
						 (long long) offset);
}

static bool
infer_pack(PtGraph *g, PtNode *node, PtTensorType *out)
{
	const PtValue *offsets = pt_args_get(node->attrs, "offsets");
	int64_t end = 0;

	out->shape = (PtShape){1, {pt_args_int(node->attrs, "total")}};
	out->dtype = node->nlist > 0 ? pt_value(g, node->list[0])->dtype : PT_FLOAT32;
	for (int i = 0; i < node->nlist; i++)
	{
		const PtGraphValue *x = pt_value(g, node->list[i]);

		if (offsets->ints[i] < end || x->dtype != out->dtype)
			end = INT64_MAX / 2;
		else
			end = offsets->ints[i] + pt_shape_numel(&x->shape);
	}
	if (end <= out->shape.dim[0])
		return true;
	return pt_graph_fail(g, PT_EINTERNAL, "parts do not fit their array");
}

const PtOp pt_shape_ops[] = {
	{.name = "reshape",
	 .params = PT_PARAMS({PT_INPUT}, {"shape", PT_ARG_INTS, .required = true}),
	 .flags = PT_OP_VIEW,
	 .infer = infer_reshape,
	 .gradient = gradient_reshape,
	 .doc = "The same elements under another shape; one size may be -1."},
	{.name = "expand",
	 .params = PT_PARAMS({PT_INPUT}, {"size", PT_ARG_INTS, .required = true}),
	 .flags = PT_OP_OPERAND,
	 .infer = infer_expand,
	 .gradient = gradient_same,
	 .doc = "Repeats dimensions of size 1; -1 keeps a size."},
	{.name = "to",
	 .params = PT_PARAMS({PT_INPUT}, {"dtype", PT_ARG_DTYPE, .required = true}),
	 .flags = PT_OP_OPERAND,
	 .infer = infer_to,
	 .gradient = gradient_same,
	 .doc = "The tensor in another dtype; floats become integers by truncation."},
	{.name = "permute",
	 .params = PT_PARAMS({PT_INPUT}, {"dims", PT_ARG_INTS, .required = true}),
	 .infer = infer_permute,
	 .gradient = gradient_permute,
	 .doc = "Reorders the dimensions."},
	{.name = "cat",
	 .aliases = PT_ALIASES("concat", "concatenate"),
	 .params = PT_PARAMS({"tensors", PT_ARG_TENSORS, .required = true}, {"dim", PT_ARG_INT}),
	 .infer = infer_cat,
	 .gradient = gradient_cat,
	 .doc = "Concatenates tensors along a dimension."},
	{.name = "slice",
	 .params = PT_PARAMS({PT_INPUT}, {"offset", PT_ARG_INT}, {"shape", PT_ARG_INTS, .text = "[]"}),
	 .flags = PT_OP_INTERNAL | PT_OP_VIEW,
	 .infer = infer_slice,
	 .doc = "A part of a flat array under a shape."},
	{.name = "pack",
	 .params = PT_PARAMS({"parts", PT_ARG_TENSORS, .required = true},
						 {"offsets", PT_ARG_INTS, .text = "[]"}, {"total", PT_ARG_INT}),
	 .flags = PT_OP_INTERNAL,
	 .infer = infer_pack,
	 .doc = "Parts at their offsets in one flat array."},
	{0},
};
