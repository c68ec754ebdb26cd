/*
 * op_index.c
 *	  Parts of tensors and changes of dimensions: indexing, narrow, transpose, stack, clamp, statistics.
 *
 * All indexing ends in one op, getitem: a start, a step and a size for each dimension, which keeps
 * the number of dimensions (a reshape drops or adds those of size 1).  Its gradient, getitem_backward,
 * writes into zeros, and is the other's gradient in turn.  The rest are names for compositions: what
 * they are made of has gradients and kernels already.
 *
 * Kinks are PyTorch's: clamp has gradient 1 on its bounds, norm has gradient 0 at 0, max over a dimension
 * gives its gradient to the element it chose.
 */
#include <math.h>
#include <string.h>

#include "engine/expr.h"

#define GIVE_INT(key, value) {key, {PT_VALUE_INT, 0, {.integer = (value)}}}
#define GIVE_BOOL(key, value) {key, {PT_VALUE_BOOL, 0, {.boolean = (value)}}}
#define GIVE_INTS(key, n, list) {key, {PT_VALUE_INTS, (n), {.ints = (list)}}}

/* Room for one number a dimension, for as long as the graph. */
static int64_t *
new_dims(PtGraph *g)
{
	int64_t *dims = pt_arena_alloc(g->arena, (PT_MAX_DIM + 1) * sizeof(int64_t));

	if (dims == NULL)
		pt_graph_fail(g, PT_ENOMEM, "out of memory");
	return dims;
}

static PtShape
shape_of(const PtGraph *g, PtRef x)
{
	return pt_value(g, x)->shape;
}

static bool
give(PtRef *out, PtRef y)
{
	out[0] = y;
	return y != PT_NO_REF;
}

/* ---------- getitem ---------- */

/* Are start, step and size (or the result's shape) inside of a shape? */
static bool
check_item(PtGraph *g, const PtNode *node, const PtShape *whole, const PtShape *part)
{
	const PtValue *start = pt_args_get(node->attrs, "start");
	const PtValue *step = pt_args_get(node->attrs, "step");
	bool ok = start->count == whole->ndim && step->count == whole->ndim && part->ndim == whole->ndim;

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
infer_getitem(PtGraph *g, PtNode *node, PtResult *out)
{
	const PtGraphValue *x = pt_value(g, node->in[0]);
	const PtValue *size = pt_args_get(node->attrs, "size");

	out->dtype = x->dtype;
	out->shape.ndim = size->count <= PT_MAX_DIM ? size->count : -1;
	for (int d = 0; d < out->shape.ndim; d++)
		out->shape.dim[d] = size->ints[d];
	return check_item(g, node, &x->shape, &out->shape);
}

static bool
gradient_getitem(PtGraph *g, const PtNode *node, const PtRef *gout, const bool *want, PtRef *grad)
{
	PtShape shape = shape_of(g, node->in[0]);
	int64_t *dims = new_dims(g);
	PtGiven given[] = {{"start", *pt_args_get(node->attrs, "start")},
					   {"step", *pt_args_get(node->attrs, "step")},
					   GIVE_INTS("shape", shape.ndim, dims)};

	(void) want;
	if (dims == NULL)
		return false;
	memcpy(dims, shape.dim, sizeof(shape.dim));
	return give(grad, pt_apply_name(g, "getitem_backward", gout, 1, given, 3));
}

static bool
infer_getitem_backward(PtGraph *g, PtNode *node, PtResult *out)
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
	PtShape shape = shape_of(g, node->in[0]);
	int64_t *dims = new_dims(g);
	PtGiven given[] = {{"start", *pt_args_get(node->attrs, "start")},
					   {"step", *pt_args_get(node->attrs, "step")},
					   GIVE_INTS("size", shape.ndim, dims)};

	(void) want;
	if (dims == NULL)
		return false;
	memcpy(dims, shape.dim, sizeof(shape.dim));
	return give(grad, pt_apply_name(g, "getitem", gout, 1, given, 3));
}

/* Elements start, start + 1, ... of one dimension. */
static PtRef
narrow(PtGraph *g, PtRef x, int64_t dim, int64_t start, int64_t length)
{
	PtShape shape = shape_of(g, x);
	int64_t *starts = new_dims(g);
	int64_t *steps = new_dims(g);
	int64_t *sizes = new_dims(g);
	PtGiven given[] = {GIVE_INTS("start", shape.ndim, starts), GIVE_INTS("step", shape.ndim, steps),
					   GIVE_INTS("size", shape.ndim, sizes)};

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
	PtShape shape = shape_of(g, in[0]);
	int64_t start = pt_args_int(attrs, "start");
	int64_t length = pt_args_int(attrs, "length");
	int64_t dim;

	(void) nin;
	if (shape.ndim == 0)
	{
		pt_graph_fail(g, PT_ESHAPE, "narrow cannot be applied to a 0-d tensor");
		return false;
	}
	if (!pt_op_dim(g, "narrow", pt_args_int(attrs, "dim"), shape.ndim, &dim))
		return false;
	if (start < -shape.dim[dim] || start > shape.dim[dim])
	{
		pt_graph_fail(g, PT_EINVAL, "narrow: start %lld is out of range for dimension %lld of size %lld",
					  (long long) start, (long long) dim, (long long) shape.dim[dim]);
		return false;
	}
	start += start < 0 ? shape.dim[dim] : 0;
	if (length < 0 || length > shape.dim[dim] - start)
	{
		pt_graph_fail(g, PT_EINVAL,
					  "narrow: start %lld and length %lld exceed dimension %lld of size %lld",
					  (long long) start, (long long) length, (long long) dim,
					  (long long) shape.dim[dim]);
		return false;
	}
	return give(out, narrow(g, in[0], dim, start, length));
}

/* Element index of dimension dim, which goes. */
static PtRef
select_index(PtGraph *g, PtRef x, int64_t dim, int64_t index)
{
	PtShape shape = shape_of(g, x);
	PtRef y = narrow(g, x, dim, index, 1);

	if (y == PT_NO_REF)
		return PT_NO_REF;
	memmove(shape.dim + dim, shape.dim + dim + 1,
			(size_t) (shape.ndim - dim - 1) * sizeof(int64_t));
	shape.ndim--;
	return pt_reshape(g, y, &shape);
}

static bool
decompose_select(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	PtShape shape = shape_of(g, in[0]);
	int64_t index = pt_args_int(attrs, "index");
	int64_t dim;

	(void) nin;
	if (shape.ndim == 0)
	{
		pt_graph_fail(g, PT_ESHAPE, "select cannot be applied to a 0-d tensor");
		return false;
	}
	if (!pt_op_dim(g, "select", pt_args_int(attrs, "dim"), shape.ndim, &dim))
		return false;
	if (index < -shape.dim[dim] || index >= shape.dim[dim])
	{
		pt_graph_fail(g, PT_EINVAL, "select: index %lld is out of bounds for dimension %lld of size %lld",
					  (long long) index, (long long) dim, (long long) shape.dim[dim]);
		return false;
	}
	return give(out, select_index(g, in[0], dim, index < 0 ? index + shape.dim[dim] : index));
}

/* ---------- dimensions ---------- */

static bool
fail_rank(PtGraph *g, const char *op, int n)
{
	pt_graph_fail(g, PT_ELIMIT, "%s: %d dimensions are too many", op, n);
	return pt_hint(&g->error, "A tensor has at most %d dimensions.", PT_MAX_DIM);
}

static bool
decompose_unsqueeze(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	PtShape shape = shape_of(g, in[0]);
	int64_t dim;

	(void) nin;
	if (shape.ndim == PT_MAX_DIM)
		return fail_rank(g, "unsqueeze", PT_MAX_DIM + 1);
	if (!pt_op_dim(g, "unsqueeze", pt_args_int(attrs, "dim"), shape.ndim + 1, &dim))
		return false;
	memmove(shape.dim + dim + 1, shape.dim + dim, (size_t) (shape.ndim - dim) * sizeof(int64_t));
	shape.dim[dim] = 1;
	shape.ndim++;
	return give(out, pt_reshape(g, in[0], &shape));
}

static bool
decompose_squeeze(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	PtShape shape = shape_of(g, in[0]);
	PtShape left = {0};
	bool all = pt_args_is_none(attrs, "dim");
	int64_t dim = -1;

	(void) nin;
	if (!all && !pt_op_dim(g, "squeeze", pt_args_int(attrs, "dim"), shape.ndim, &dim))
		return false;
	for (int d = 0; d < shape.ndim; d++)
		if (shape.dim[d] != 1 || (!all && d != dim))
			left.dim[left.ndim++] = shape.dim[d];
	return give(out, pt_reshape(g, in[0], &left));
}

static bool
decompose_flatten(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	PtShape shape = shape_of(g, in[0]);
	PtShape flat = {0};
	int64_t first, last;

	(void) nin;
	if (!pt_op_dim(g, "flatten", pt_args_int(attrs, "start_dim"), shape.ndim, &first) ||
		!pt_op_dim(g, "flatten", pt_args_int(attrs, "end_dim"), shape.ndim, &last))
		return false;
	if (first > last)
	{
		pt_graph_fail(g, PT_EINVAL, "flatten: start_dim %lld comes after end_dim %lld",
					  (long long) first, (long long) last);
		return false;
	}
	if (shape.ndim == 0)
		return give(out, pt_reshape(g, in[0], &(PtShape){1, {1}}));
	for (int d = 0; d < shape.ndim; d++)
	{
		if (d > first && d <= last)
			flat.dim[flat.ndim - 1] *= shape.dim[d];
		else
			flat.dim[flat.ndim++] = shape.dim[d];
	}
	return give(out, pt_reshape(g, in[0], &flat));
}

static bool
decompose_unflatten(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	PtShape shape = shape_of(g, in[0]);
	const PtValue *sizes = pt_args_get(attrs, "sizes");
	PtShape into = {0};
	int64_t dim, product = 1;
	int open = -1;

	(void) nin;
	if (!pt_op_dim(g, "unflatten", pt_args_int(attrs, "dim"), shape.ndim, &dim))
		return false;
	if (shape.ndim == 0 || sizes->count == 0)
	{
		pt_graph_fail(g, PT_EINVAL, shape.ndim == 0 ? "unflatten cannot be applied to a 0-d tensor"
													: "unflatten: sizes must not be empty");
		return false;
	}
	if (shape.ndim - 1 + sizes->count > PT_MAX_DIM)
		return fail_rank(g, "unflatten", shape.ndim - 1 + sizes->count);
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
			{
				pt_graph_fail(g, PT_EINVAL, n < -1 ? "unflatten: invalid size %lld"
												   : "unflatten: only one size can be %lld",
							  (long long) n);
				return false;
			}
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
	{
		pt_graph_fail(g, PT_ESHAPE, "unflatten: sizes do not multiply up to %lld, the size of dimension %lld",
					  (long long) shape.dim[dim], (long long) dim);
		return false;
	}
	return give(out, pt_reshape(g, in[0], &into));
}

static PtRef
swap(PtGraph *g, PtRef x, int64_t a, int64_t b)
{
	int ndim = shape_of(g, x).ndim;
	int64_t *dims = new_dims(g);
	PtGiven given[] = {GIVE_INTS("dims", ndim, dims)};

	if (dims == NULL)
		return PT_NO_REF;
	for (int d = 0; d < ndim; d++)
		dims[d] = d == a ? b : d == b ? a : d;
	return a == b ? x : pt_apply_name(g, "permute", &x, 1, given, 1);
}

static bool
decompose_transpose(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	int ndim = shape_of(g, in[0]).ndim;
	int64_t a, b;

	(void) nin;
	return pt_op_dim(g, "transpose", pt_args_int(attrs, "dim0"), ndim, &a) &&
		   pt_op_dim(g, "transpose", pt_args_int(attrs, "dim1"), ndim, &b) &&
		   give(out, swap(g, in[0], a, b));
}

static bool
decompose_t(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	int ndim = shape_of(g, in[0]).ndim;

	(void) nin;
	(void) attrs;
	if (ndim > 2)
	{
		pt_graph_fail(g, PT_ESHAPE, "t expects a tensor with at most 2 dimensions, not %d", ndim);
		return pt_hint(&g->error, "Use transpose(x, -2, -1).");
	}
	return give(out, ndim < 2 ? in[0] : swap(g, in[0], 0, 1));
}

/* ---------- stack ---------- */

static bool
infer_stack(PtGraph *g, PtNode *node, PtResult *out)
{
	PtShape first;
	int64_t dim;

	if (node->nlist == 0)
	{
		pt_graph_fail(g, PT_EINVAL, "stack expects at least one tensor");
		return false;
	}
	first = shape_of(g, node->list[0]);
	if (first.ndim == PT_MAX_DIM)
		return fail_rank(g, "stack", PT_MAX_DIM + 1);
	if (!pt_op_dim(g, "stack", pt_args_int(node->attrs, "dim"), first.ndim + 1, &dim))
		return false;
	out->dtype = pt_result_type(g, node->list, node->nlist);
	for (int i = 0; i < node->nlist; i++)
	{
		PtShape shape = shape_of(g, node->list[i]);

		if (!pt_shape_equal(&shape, &first))
		{
			char a[PT_SHAPE_TEXT], b[PT_SHAPE_TEXT];

			pt_graph_fail(g, PT_ESHAPE, "stack expects tensors of equal shapes, not %s and %s",
						  pt_shape_print(&first, a), pt_shape_print(&shape, b));
			return false;
		}
		node->list[i] = pt_cast(g, node->list[i], out->dtype);
	}
	out->shape = first;
	memmove(out->shape.dim + dim + 1, out->shape.dim + dim,
			(size_t) (first.ndim - dim) * sizeof(int64_t));
	out->shape.dim[dim] = node->nlist;
	out->shape.ndim++;
	return pt_op_set(g, node, "dim", (PtValue){PT_VALUE_INT, 0, {.integer = dim}});
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

/* ---------- clamp ---------- */

static bool
decompose_clamp(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	static const char *const bounds[] = {"min", "max"};
	PtRef x = in[0];

	(void) nin;
	if (pt_args_is_none(attrs, "min") && pt_args_is_none(attrs, "max"))
	{
		pt_graph_fail(g, PT_EINVAL, "clamp needs min, max, or both");
		return false;
	}
	for (int i = 0; i < 2; i++)
	{
		const PtValue *v = pt_args_get(attrs, bounds[i]);
		PtRef bound;

		if (v->kind == PT_VALUE_NONE)
			continue;
		bound = v->kind == PT_VALUE_REAL ? pt_real(g, v->real) : pt_integer(g, v->integer);
		/* NaN is neither less nor greater, and stays */
		x = pt_scalar3(g, PT_S_where,
					   pt_scalar2(g, i == 0 ? PT_S_lt : PT_S_gt, x, bound), bound, x);
	}
	return give(out, x);
}

/* ---------- statistics ---------- */

/* Squared deviations from the mean, summed and divided by n or n - 1. */
static PtRef
variance(PtGraph *g, const char *op, PtRef x, const PtArgs *attrs)
{
	const PtValue *dim = pt_args_get(attrs, "dim");
	PtGiven keep[] = {{"dim", *dim}, GIVE_BOOL("keepdim", true)};
	PtGiven given[] = {{"dim", *dim}, {"keepdim", *pt_args_get(attrs, "keepdim")}};
	PtDtype dtype = pt_value(g, x)->dtype;
	PtRef centred, sum;
	int64_t before, after;
	double n;

	if (!pt_dtype_is_float(dtype))
		return pt_graph_fail(g, PT_ETYPE, "%s expects a floating point dtype, not %s", op,
							 pt_dtype_name(dtype));
	centred = pt_scalar2(g, PT_S_sub, x, pt_apply_name(g, "mean", &x, 1, keep, 2));
	centred = pt_scalar1(g, PT_S_square, centred);
	sum = pt_apply_name(g, "sum", &centred, 1, given, 2);
	if (sum == PT_NO_REF)
		return PT_NO_REF;
	before = pt_shape_numel(&pt_value(g, x)->shape);
	after = pt_shape_numel(&pt_value(g, sum)->shape);
	n = after > 0 ? (double) (before / after) : 1;
	n -= pt_args_bool(attrs, "unbiased") ? 1 : 0;
	/* one element has no unbiased variance: 0 / 0 is NaN */
	return pt_scalar2(g, PT_S_div, sum, pt_real(g, n > 0 ? n : 0));
}

static bool
decompose_var(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	(void) nin;
	return give(out, variance(g, "var", in[0], attrs));
}

static bool
decompose_std(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	PtRef v = variance(g, "std", in[0], attrs);

	(void) nin;
	return v != PT_NO_REF && give(out, pt_scalar1(g, PT_S_sqrt, v));
}

static bool
decompose_norm(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	const PtValue *p = pt_args_get(attrs, "p");
	double power = p->kind == PT_VALUE_REAL ? p->real : (double) p->integer;
	PtGiven given[] = {{"dim", *pt_args_get(attrs, "dim")},
					   {"keepdim", *pt_args_get(attrs, "keepdim")}};
	const char *reduce = isinf(power) ? (power > 0 ? "amax" : "amin") : "sum";
	const char *root = power == 2 ? "sqrt(x)" : "x ** (1 / p)";
	PtRef x = in[0];
	PtVar vars[3];

	(void) nin;
	if (!pt_dtype_is_float(pt_value(g, x)->dtype))
	{
		pt_graph_fail(g, PT_ETYPE, "norm expects a floating point dtype, not %s",
					  pt_dtype_name(pt_value(g, x)->dtype));
		return false;
	}
	if (isnan(power))
	{
		pt_graph_fail(g, PT_EINVAL, "norm: p must be a number, not nan");
		return false;
	}
	vars[0] = (PtVar){"x", x};
	vars[1] = (PtVar){"p", pt_real(g, power)};
	x = pt_expr_text(g,
					 power == 2	  ? "square(x)"
					 : power == 0 ? "where(x == 0, x * 0, x * 0 + 1)"
					 : power == 1 || isinf(power) ? "abs(x)"
					 : power > 0				  ? "where(x == 0, 0, abs(where(x == 0, 1, x)) ** p)"
												  : "abs(x) ** p",
					 vars, 2);
	x = pt_apply_name(g, reduce, &x, 1, given, 2);
	if (x == PT_NO_REF || power == 0 || power == 1 || isinf(power))
		return give(out, x);
	/* the root has no derivative at 0, where PyTorch's gradient is 0 */
	vars[0].ref = x;
	vars[2] = (PtVar){"safe", pt_expr_text(g, "where(x == 0, 1, x)", vars, 2)};
	vars[0].ref = vars[2].ref;
	vars[2] = (PtVar){"sum", x};
	vars[0].ref = pt_expr_text(g, root, vars, 2);
	return give(out, pt_expr_text(g, power > 0 ? "where(sum == 0, 0, x)" : "where(sum == 0, sum ** (1 / p), x)",
								  vars, 3));
}

/* ---------- max and min over a dimension ---------- */

static bool
decompose_extreme(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out,
				  const char *op, const char *arg)
{
	PtShape shape = shape_of(g, in[0]);
	PtDtype dtype = pt_value(g, in[0])->dtype;
	PtShape along = {0};
	PtShape kept, result;
	int64_t dim;
	PtGiven given[2], range[] = {{"end", {PT_VALUE_INT, 0, {.integer = 0}}}};
	PtRef at, mask, x;

	(void) nin;
	if (!pt_op_dim(g, op, pt_args_int(attrs, "dim"), shape.ndim, &dim))
		return false;
	given[0] = (PtGiven) GIVE_INT("dim", dim);
	given[1] = (PtGiven) GIVE_BOOL("keepdim", true);
	at = pt_apply_name(g, arg, in, 1, given, 2);
	if (at == PT_NO_REF)
		return false;
	kept = result = shape_of(g, at);
	if (!pt_args_bool(attrs, "keepdim") && shape.ndim > 0)
	{
		memmove(result.dim + dim, result.dim + dim + 1,
				(size_t) (result.ndim - dim - 1) * sizeof(int64_t));
		result.ndim--;
	}
	if (shape.ndim == 0)
	{
		out[0] = in[0];
		out[1] = at;
		return true;
	}
	/* the chosen element, once: its gradient goes to it alone */
	range[0].value.integer = shape.dim[dim];
	x = pt_apply_name(g, "arange", NULL, 0, range, 1);
	along.ndim = kept.ndim;
	for (int d = 0; d < kept.ndim; d++)
		along.dim[d] = d == dim ? shape.dim[dim] : 1;
	mask = pt_scalar2(g, PT_S_eq, pt_reshape(g, x, &along), at);
	x = pt_scalar3(g, PT_S_where, mask, in[0], pt_cast(g, pt_integer(g, 0), dtype));
	x = pt_cast(g, pt_sum(g, x, &dim, 1, true), dtype);
	out[0] = pt_reshape(g, x, &result);
	out[1] = pt_reshape(g, at, &result);
	return out[0] != PT_NO_REF && out[1] != PT_NO_REF;
}

static bool
decompose_max(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	return decompose_extreme(g, in, nin, attrs, out, "max", "argmax");
}

static bool
decompose_min(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	return decompose_extreme(g, in, nin, attrs, out, "min", "argmin");
}

static const char *const extreme_results[] = {"values", "indices", NULL};

#define INPUT {"input", PT_ARG_TENSOR, .required = true}
#define DIM {"dim", PT_ARG_INT, .required = true}
#define KEEPDIM {"keepdim", PT_ARG_BOOL}
#define COMPOSED(op, what) .nout = 1, .scalar = PT_S_NONE, .decompose = decompose_##op, .doc = what

static const PtParam spread_params[] = {INPUT,
										{"dim", PT_ARG_INTS, .init_none = true},
										{"unbiased", PT_ARG_BOOL, .init = 1},
										KEEPDIM,
										{0}};
static const PtParam extreme_params[] = {INPUT, DIM, KEEPDIM, {0}};

const PtOp pt_index_ops[] = {
	{.name = "getitem",
	 .params = (const PtParam[]){INPUT,
								 {"start", PT_ARG_INTS, .text = "[]"},
								 {"step", PT_ARG_INTS, .text = "[]"},
								 {"size", PT_ARG_INTS, .text = "[]"},
								 {0}},
	 .flags = PT_OP_INTERNAL,
	 .nout = 1,
	 .scalar = PT_S_NONE,
	 .infer = infer_getitem,
	 .gradient = gradient_getitem,
	 .doc = "Every step-th element from start on, in each dimension."},
	{.name = "getitem_backward",
	 .params = (const PtParam[]){INPUT,
								 {"start", PT_ARG_INTS, .text = "[]"},
								 {"step", PT_ARG_INTS, .text = "[]"},
								 {"shape", PT_ARG_INTS, .text = "[]"},
								 {0}},
	 .flags = PT_OP_INTERNAL,
	 .nout = 1,
	 .scalar = PT_S_NONE,
	 .infer = infer_getitem_backward,
	 .gradient = gradient_getitem_backward,
	 .doc = "The elements where getitem took them from, and zeros elsewhere."},
	{.name = "narrow",
	 .params = (const PtParam[]){INPUT,
								 DIM,
								 {"start", PT_ARG_INT, .required = true},
								 {"length", PT_ARG_INT, .required = true},
								 {0}},
	 .flags = PT_OP_PUBLIC,
	 COMPOSED(narrow, "The elements start to start + length - 1 of a dimension.")},
	{.name = "select",
	 .params = (const PtParam[]){INPUT, DIM, {"index", PT_ARG_INT, .required = true}, {0}},
	 .flags = PT_OP_PUBLIC,
	 COMPOSED(select, "One element of a dimension, without that dimension.")},
	{.name = "unsqueeze",
	 .params = (const PtParam[]){INPUT, DIM, {0}},
	 .flags = PT_OP_PUBLIC,
	 COMPOSED(unsqueeze, "A new dimension of size 1 at this place.")},
	{.name = "squeeze",
	 .params = (const PtParam[]){INPUT, {"dim", PT_ARG_INT, .init_none = true}, {0}},
	 .flags = PT_OP_PUBLIC,
	 COMPOSED(squeeze, "Without a dimension of size 1 (all of them by default).")},
	{.name = "flatten",
	 .params = (const PtParam[]){INPUT, {"start_dim", PT_ARG_INT}, {"end_dim", PT_ARG_INT, .init = -1}, {0}},
	 .flags = PT_OP_PUBLIC,
	 COMPOSED(flatten, "Dimensions start_dim to end_dim as one.")},
	{.name = "unflatten",
	 .params = (const PtParam[]){INPUT, DIM, {"sizes", PT_ARG_INTS, .required = true}, {0}},
	 .flags = PT_OP_PUBLIC,
	 COMPOSED(unflatten, "One dimension as several; one size may be -1.")},
	{.name = "transpose",
	 .params = (const PtParam[]){INPUT,
								 {"dim0", PT_ARG_INT, .required = true},
								 {"dim1", PT_ARG_INT, .required = true},
								 {0}},
	 .flags = PT_OP_PUBLIC,
	 COMPOSED(transpose, "Two dimensions exchanged.")},
	{.name = "t",
	 .params = (const PtParam[]){INPUT, {0}},
	 .flags = PT_OP_PUBLIC,
	 COMPOSED(t, "The transpose of a matrix; a vector stays as it is.")},
	{.name = "stack",
	 .params = (const PtParam[]){{"tensors", PT_ARG_TENSORS, .required = true}, {"dim", PT_ARG_INT}, {0}},
	 .flags = PT_OP_PUBLIC,
	 .nout = 1,
	 .scalar = PT_S_NONE,
	 .infer = infer_stack,
	 .gradient = gradient_stack,
	 .doc = "Tensors of one shape along a new dimension."},
	{.name = "clamp",
	 .params = (const PtParam[]){INPUT,
								 {"min", PT_ARG_NUMBER, .init_none = true},
								 {"max", PT_ARG_NUMBER, .init_none = true},
								 {0}},
	 .flags = PT_OP_PUBLIC,
	 COMPOSED(clamp, "Elements less than min become min, those greater than max become max; NaN stays NaN.")},
	{.name = "var",
	 .params = spread_params,
	 .flags = PT_OP_PUBLIC,
	 COMPOSED(var, "Variance over the given dimensions (all by default), divided by n - 1 if unbiased.")},
	{.name = "std",
	 .params = spread_params,
	 .flags = PT_OP_PUBLIC,
	 COMPOSED(std, "Standard deviation over the given dimensions (all by default), divided by n - 1 if unbiased.")},
	{.name = "norm",
	 .params = (const PtParam[]){INPUT,
								 {"p", PT_ARG_NUMBER, .init = 2},
								 {"dim", PT_ARG_INTS, .init_none = true},
								 KEEPDIM,
								 {0}},
	 .flags = PT_OP_PUBLIC,
	 COMPOSED(norm, "Vector norm of order p over the given dimensions (all by default).")},
	/* several results: in the expression language; not a function of SQL yet */
	{.name = "max",
	 .params = extreme_params,
	 .nout = 2,
	 .scalar = PT_S_NONE,
	 .decompose = decompose_max,
	 .results = extreme_results,
	 .doc = "Largest elements along a dimension, and where they are."},
	{.name = "min",
	 .params = extreme_params,
	 .nout = 2,
	 .scalar = PT_S_NONE,
	 .decompose = decompose_min,
	 .results = extreme_results,
	 .doc = "Smallest elements along a dimension, and where they are."},
	{0}};
