/*
 * index.c
 *	  Parts of tensors and changes of dimensions: indexing, narrow, transpose, stack.
 *
 * All indexing ends in one op, getitem: a start, a step and a size for each dimension, which keeps
 * the number of dimensions (a reshape drops or adds those of size 1).  Its gradient, getitem_backward,
 * writes into zeros, and is the other's gradient in turn.  The rest are names for compositions: what
 * they are made of has gradients and kernels already.
 */
#include "engine/graph/op_util.h"

/* ---------- getitem ---------- */

/* Are start, step and size (or the result's shape) inside of a shape? */
static bool
check_item(PtGraph *g, const PtNode *node, const PtShape *whole, const PtShape *part)
{
	const PtValue *start = pt_args_get(node->attrs, "start");
	const PtValue *step = pt_args_get(node->attrs, "step");
	bool ok =
		start->count == whole->ndim && step->count == whole->ndim && part->ndim == whole->ndim;

	for (int d = 0; ok && d < whole->ndim; d++)
	{
		int64_t first = start->ints[d], by = step->ints[d], n = part->dim[d];

		ok = first >= 0 && first <= whole->dim[d] && by >= 1 && n >= 0 &&
			 (n == 0 || (first < whole->dim[d] && (n - 1) <= (whole->dim[d] - 1 - first) / by));
	}
	if (!ok)
		pt_graph_fail(g, PT_EINTERNAL, "%s is outside of its tensor", node->op->name);
	return ok;
}

static bool
infer_getitem(PtGraph *g, PtNode *node, PtTensorType *out)
{
	const PtGraphValue *x = pt_value(g, node->in[0]);
	const PtValue *size = pt_args_get(node->attrs, "size");

	out->dtype = x->dtype;
	out->shape.ndim = size->count <= PT_MAX_DIM ? size->count : -1;
	for (int d = 0; d < out->shape.ndim; d++)
		out->shape.dim[d] = size->ints[d];
	return check_item(g, node, &x->shape, &out->shape);
}

/* Where one takes elements, the other puts them: sized is its attribute for the shape of the node's input. */
static PtRef
inverse(PtGraph *g, const PtNode *node, PtRef x, const char *op, const char *sized)
{
	PtShape shape = pt_shape_of(g, node->in[0]);
	PtGiven given[] = {{"start", *pt_args_get(node->attrs, "start")},
					   {"step", *pt_args_get(node->attrs, "step")},
					   pt_given_ints(sized, pt_keep_ints(g, shape.dim, shape.ndim), shape.ndim)};

	return pt_apply_name(g, op, &x, 1, given, 3);
}

static bool
gradient_getitem(PtGraph *g, const PtNode *node, const PtRef *gout, const bool *want, PtRef *grad)
{
	return pt_op_give(grad, inverse(g, node, gout[0], "getitem_backward", "shape"));
}

static bool
infer_getitem_backward(PtGraph *g, PtNode *node, PtTensorType *out)
{
	const PtGraphValue *x = pt_value(g, node->in[0]);
	const PtValue *shape = pt_args_get(node->attrs, "shape");

	out->dtype = x->dtype;
	out->shape.ndim = shape->count <= PT_MAX_DIM ? shape->count : -1;
	for (int d = 0; d < out->shape.ndim; d++)
		out->shape.dim[d] = shape->ints[d];
	return check_item(g, node, &out->shape, &x->shape);
}

static bool
gradient_getitem_backward(PtGraph *g, const PtNode *node, const PtRef *gout, const bool *want,
						  PtRef *grad)
{
	return pt_op_give(grad, inverse(g, node, gout[0], "getitem", "size"));
}

/* Elements start, start + 1, ... of one dimension. */
static PtRef
narrow(PtGraph *g, PtRef x, int64_t dim, int64_t start, int64_t length)
{
	PtShape shape = pt_shape_of(g, x);
	int64_t *starts = pt_op_new_dims(g);
	int64_t *steps = pt_op_new_dims(g);
	int64_t *sizes = pt_op_new_dims(g);
	PtGiven given[] = {pt_given_ints("start", starts, shape.ndim),
					   pt_given_ints("step", steps, shape.ndim),
					   pt_given_ints("size", sizes, shape.ndim)};

	if (starts == NULL || steps == NULL || sizes == NULL)
		return PT_NO_REF;
	for (int d = 0; d < shape.ndim; d++)
	{
		steps[d] = 1;
		sizes[d] = shape.dim[d];
	}
	starts[dim] = start;
	sizes[dim] = length;
	return length == shape.dim[dim] ? x : pt_apply_name(g, "getitem", &x, 1, given, 3);
}

static bool
decompose_narrow(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	PtShape shape = pt_shape_of(g, in[0]);
	int64_t start = pt_args_int(attrs, "start");
	int64_t length = pt_args_int(attrs, "length");
	int64_t dim;

	if (shape.ndim == 0)
		return pt_graph_fail(g, PT_ESHAPE, "narrow cannot be applied to a 0-d tensor");
	if (!pt_op_dim(g, "narrow", pt_args_int(attrs, "dim"), shape.ndim, &dim))
		return false;
	if (start < -shape.dim[dim] || start > shape.dim[dim])
		return pt_graph_fail(g, PT_EINVAL,
							 "narrow: start %lld is out of range for dimension %lld of size %lld",
							 (long long) start, (long long) dim, (long long) shape.dim[dim]);
	start += start < 0 ? shape.dim[dim] : 0;
	if (length < 0 || length > shape.dim[dim] - start)
		return pt_graph_fail(
			g, PT_EINVAL, "narrow: start %lld and length %lld exceed dimension %lld of size %lld",
			(long long) start, (long long) length, (long long) dim, (long long) shape.dim[dim]);
	return pt_op_give(out, narrow(g, in[0], dim, start, length));
}

/* Element index of dimension dim, which goes. */
static PtRef
select_index(PtGraph *g, PtRef x, int64_t dim, int64_t index)
{
	PtShape shape = pt_shape_of(g, x);
	PtRef y = narrow(g, x, dim, index, 1);

	if (y == PT_NO_REF)
		return PT_NO_REF;
	pt_shape_remove(&shape, dim);
	return pt_reshape(g, y, &shape);
}

static bool
decompose_select(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	PtShape shape = pt_shape_of(g, in[0]);
	int64_t index = pt_args_int(attrs, "index");
	int64_t dim;

	if (shape.ndim == 0)
		return pt_graph_fail(g, PT_ESHAPE, "select cannot be applied to a 0-d tensor");
	if (!pt_op_dim(g, "select", pt_args_int(attrs, "dim"), shape.ndim, &dim))
		return false;
	if (index < -shape.dim[dim] || index >= shape.dim[dim])
		return pt_graph_fail(g, PT_EINVAL,
							 "select: index %lld is out of bounds for dimension %lld of size %lld",
							 (long long) index, (long long) dim, (long long) shape.dim[dim]);
	return pt_op_give(out, select_index(g, in[0], dim, index < 0 ? index + shape.dim[dim] : index));
}

/* ---------- dimensions ---------- */

static bool
decompose_unsqueeze(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	PtShape shape = pt_shape_of(g, in[0]);
	int64_t dim;

	if (shape.ndim == PT_MAX_DIM)
		return pt_op_fail_rank(g, "unsqueeze", PT_MAX_DIM + 1);
	if (!pt_op_dim(g, "unsqueeze", pt_args_int(attrs, "dim"), shape.ndim + 1, &dim))
		return false;
	pt_shape_insert(&shape, dim, 1);
	return pt_op_give(out, pt_reshape(g, in[0], &shape));
}

static bool
decompose_squeeze(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	PtShape shape = pt_shape_of(g, in[0]);
	PtShape left = {0};
	const PtValue *dims = pt_args_get(attrs, "dim");
	bool all = dims->kind == PT_VALUE_NONE;
	bool chosen[PT_MAX_DIM] = {false};
	int64_t dim;

	for (int i = 0; !all && i < dims->count; i++)
	{
		if (!pt_op_dim(g, "squeeze", dims->ints[i], shape.ndim, &dim))
			return false;
		if (chosen[dim])
			return pt_graph_fail(g, PT_EINVAL,
								 "squeeze: dim %lld appears multiple times in the list of dims",
								 (long long) dim);
		chosen[dim] = true;
	}
	for (int d = 0; d < shape.ndim; d++)
		if (shape.dim[d] != 1 || !(all || chosen[d]))
			left.dim[left.ndim++] = shape.dim[d];
	return pt_op_give(out, pt_reshape(g, in[0], &left));
}

static bool
decompose_flatten(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	PtShape shape = pt_shape_of(g, in[0]);
	PtShape flat = {0};
	int64_t first, last;

	if (!pt_op_dim(g, "flatten", pt_args_int(attrs, "start_dim"), shape.ndim, &first) ||
		!pt_op_dim(g, "flatten", pt_args_int(attrs, "end_dim"), shape.ndim, &last))
		return false;
	if (first > last)
		return pt_graph_fail(g, PT_EINVAL, "flatten: start_dim %lld comes after end_dim %lld",
							 (long long) first, (long long) last);
	if (shape.ndim == 0)
		return pt_op_give(out, pt_reshape(g, in[0], &(PtShape){1, {1}}));
	for (int d = 0; d < shape.ndim; d++)
	{
		if (d <= first || d > last)
			flat.dim[flat.ndim++] = shape.dim[d];
		else if (!pt_op_times(g, "flatten", &flat.dim[flat.ndim - 1], shape.dim[d]))
			return false;
	}
	return pt_op_give(out, pt_reshape(g, in[0], &flat));
}

static bool
decompose_unflatten(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	PtShape shape = pt_shape_of(g, in[0]);
	const PtValue *sizes = pt_args_get(attrs, "sizes");
	PtShape into = {0};
	int64_t dim, product = 1;
	int open = -1;

	if (!pt_op_dim(g, "unflatten", pt_args_int(attrs, "dim"), shape.ndim, &dim))
		return false;
	if (shape.ndim == 0 || sizes->count == 0)
		return pt_graph_fail(g, PT_EINVAL,
							 shape.ndim == 0 ? "unflatten cannot be applied to a 0-d tensor"
											 : "unflatten: sizes must not be empty");
	if (shape.ndim - 1 + sizes->count > PT_MAX_DIM)
		return pt_op_fail_rank(g, "unflatten", shape.ndim - 1 + sizes->count);
	for (int d = 0; d < shape.ndim; d++)
	{
		if (d != dim)
		{
			into.dim[into.ndim++] = shape.dim[d];
			continue;
		}
		for (int i = 0; i < sizes->count; i++)
		{
			int64_t n = sizes->ints[i];

			if (n < -1 || (n == -1 && open >= 0))
				return pt_graph_fail(g, PT_EINVAL,
									 n < -1 ? "unflatten: invalid size %lld"
											: "unflatten: only one size can be %lld",
									 (long long) n);
			if (n == -1)
				open = into.ndim;
			else if (__builtin_mul_overflow(product, n, &product))
				product = INT64_MAX;
			into.dim[into.ndim++] = n;
		}
	}
	if (open >= 0 && product > 0 && shape.dim[dim] % product == 0)
	{
		into.dim[open] = shape.dim[dim] / product;
		product = shape.dim[dim];
	}
	if (product != shape.dim[dim])
		return pt_graph_fail(
			g, PT_ESHAPE, "unflatten: sizes do not multiply up to %lld, the size of dimension %lld",
			(long long) shape.dim[dim], (long long) dim);
	return pt_op_give(out, pt_reshape(g, in[0], &into));
}

static PtRef
swap(PtGraph *g, PtRef x, int64_t a, int64_t b)
{
	int ndim = pt_shape_of(g, x).ndim;
	int64_t *dims = pt_op_new_dims(g);
	PtGiven given[] = {pt_given_ints("dims", dims, ndim)};

	if (dims == NULL)
		return PT_NO_REF;
	for (int d = 0; d < ndim; d++)
		dims[d] = d == a ? b : d == b ? a : d;
	return a == b ? x : pt_apply_name(g, "permute", &x, 1, given, 1);
}

static bool
decompose_transpose(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	int ndim = pt_shape_of(g, in[0]).ndim;
	int64_t a, b;

	return pt_op_dim(g, "transpose", pt_args_int(attrs, "dim0"), ndim, &a) &&
		   pt_op_dim(g, "transpose", pt_args_int(attrs, "dim1"), ndim, &b) &&
		   pt_op_give(out, swap(g, in[0], a, b));
}

static bool
decompose_t(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	int ndim = pt_shape_of(g, in[0]).ndim;

	if (ndim > 2)
	{
		pt_graph_fail(g, PT_ESHAPE, "t expects a tensor with at most 2 dimensions, not %d", ndim);
		return pt_hint(&g->error, "Use transpose(x, -2, -1).");
	}
	return pt_op_give(out, ndim < 2 ? in[0] : swap(g, in[0], 0, 1));
}

/* ---------- unbind, stack ---------- */

static bool
list_unbind(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef **out, int *nout)
{
	PtShape shape = pt_shape_of(g, in[0]);
	int64_t dim;

	if (shape.ndim == 0)
		return pt_graph_fail(g, PT_ESHAPE, "unbind cannot be applied to a 0-d tensor");
	if (!pt_op_dim(g, "unbind", pt_args_int(attrs, "dim"), shape.ndim, &dim))
		return false;
	if (shape.dim[dim] > PT_MAX_RESULT_LIST)
		return pt_graph_fail(g, PT_ELIMIT, "unbind gives at most %d tensors, not %lld",
							 PT_MAX_RESULT_LIST, (long long) shape.dim[dim]);
	*nout = (int) shape.dim[dim];
	*out = pt_arena_alloc(g->arena, (size_t) *nout * sizeof(PtRef) + 1);
	if (*out == NULL)
		return pt_graph_fail(g, PT_ENOMEM, "out of memory");
	for (int i = 0; i < *nout; i++)
		(*out)[i] = select_index(g, in[0], dim, i);
	return g->error.code == PT_OK;
}

static bool
infer_stack(PtGraph *g, PtNode *node, PtTensorType *out)
{
	PtShape first;
	int64_t dim;

	if (node->nlist == 0)
		return pt_graph_fail(g, PT_EINVAL, "stack expects at least one tensor");
	first = pt_shape_of(g, node->list[0]);
	if (first.ndim == PT_MAX_DIM)
		return pt_op_fail_rank(g, "stack", PT_MAX_DIM + 1);
	if (!pt_op_dim(g, "stack", pt_args_int(node->attrs, "dim"), first.ndim + 1, &dim))
		return false;
	out->dtype = pt_result_type(g, node->list, node->nlist);
	for (int i = 0; i < node->nlist; i++)
	{
		PtShape shape = pt_shape_of(g, node->list[i]);

		if (!pt_shape_equal(&shape, &first))
		{
			char a[PT_SHAPE_TEXT], b[PT_SHAPE_TEXT];

			return pt_graph_fail(g, PT_ESHAPE,
								 "stack expects tensors of equal shapes, not %s and %s",
								 pt_shape_print(&first, a), pt_shape_print(&shape, b));
		}
		node->list[i] = pt_cast(g, node->list[i], out->dtype);
	}
	out->shape = first;
	pt_shape_insert(&out->shape, dim, node->nlist);
	return pt_op_set(g, node, "dim", pt_value_int(dim));
}

static bool
gradient_stack(PtGraph *g, const PtNode *node, const PtRef *gout, const bool *want, PtRef *grad)
{
	int64_t dim = pt_args_int(node->attrs, "dim");

	for (int i = 0; i < node->nlist; i++)
		if (want[i])
			grad[i] = select_index(g, gout[0], dim, i);
	return true;
}

const PtOp pt_index_ops[] = {
	{.name = "getitem",
	 .params = PT_PARAMS({PT_INPUT}, {"start", PT_ARG_INTS, .text = "[]"},
						 {"step", PT_ARG_INTS, .text = "[]"}, {"size", PT_ARG_INTS, .text = "[]"}),
	 .flags = PT_OP_INTERNAL,
	 .infer = infer_getitem,
	 .gradient = gradient_getitem,
	 .doc = "Every step-th element from start on, in each dimension."},
	{.name = "getitem_backward",
	 .params = PT_PARAMS({PT_INPUT}, {"start", PT_ARG_INTS, .text = "[]"},
						 {"step", PT_ARG_INTS, .text = "[]"}, {"shape", PT_ARG_INTS, .text = "[]"}),
	 .flags = PT_OP_INTERNAL,
	 .infer = infer_getitem_backward,
	 .gradient = gradient_getitem_backward,
	 .doc = "The elements where getitem took them from, and zeros elsewhere."},
	{.name = "narrow",
	 .params = PT_PARAMS({PT_INPUT}, {PT_DIM}, {"start", PT_ARG_INT, .required = true},
						 {"length", PT_ARG_INT, .required = true}),
	 .decompose = decompose_narrow,
	 .doc = "The elements start to start + length - 1 of a dimension."},
	{.name = "select",
	 .params = PT_PARAMS({PT_INPUT}, {PT_DIM}, {"index", PT_ARG_INT, .required = true}),
	 .decompose = decompose_select,
	 .doc = "One element of a dimension, without that dimension."},
	{.name = "unsqueeze",
	 .params = PT_PARAMS({PT_INPUT}, {PT_DIM}),
	 .decompose = decompose_unsqueeze,
	 .doc = "A new dimension of size 1 at this place."},
	{.name = "squeeze",
	 .params = PT_PARAMS({PT_INPUT}, {PT_DIMS_OR_NONE}),
	 .decompose = decompose_squeeze,
	 .doc = "Without dimensions of size 1 (all of them by default)."},
	{.name = "flatten",
	 .params =
		 PT_PARAMS({PT_INPUT}, {"start_dim", PT_ARG_INT}, {"end_dim", PT_ARG_INT, .init = -1}),
	 .decompose = decompose_flatten,
	 .doc = "Dimensions start_dim to end_dim as one."},
	{.name = "unflatten",
	 .params = PT_PARAMS({PT_INPUT}, {PT_DIM}, {"sizes", PT_ARG_INTS, .required = true}),
	 .decompose = decompose_unflatten,
	 .doc = "One dimension as several; one size may be -1."},
	{.name = "transpose",
	 .aliases = PT_ALIASES("swapdims"),
	 .params = PT_PARAMS({PT_INPUT}, {"dim0", PT_ARG_INT, .required = true},
						 {"dim1", PT_ARG_INT, .required = true}),
	 .decompose = decompose_transpose,
	 .doc = "Two dimensions exchanged."},
	{.name = "t",
	 .params = PT_PARAMS({PT_INPUT}),
	 .decompose = decompose_t,
	 .doc = "The transpose of a matrix; a vector stays as it is."},
	{.name = "unbind",
	 .params = PT_PARAMS({PT_INPUT}, {"dim", PT_ARG_INT}),
	 .list = list_unbind,
	 .doc = "The slices of a dimension, without that dimension."},
	{.name = "stack",
	 .params = PT_PARAMS({"tensors", PT_ARG_TENSORS, .required = true}, {"dim", PT_ARG_INT}),
	 .infer = infer_stack,
	 .gradient = gradient_stack,
	 .doc = "Tensors of one shape along a new dimension."},
	{0},
};
