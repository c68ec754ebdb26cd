/*
 * stat.c
 *	  clamp, variance, standard deviation, norms, and the largest and smallest elements along a dimension.
 *
 * All of them are names for compositions: what they are made of has gradients and kernels already.
 * Kinks are PyTorch's: clamp has gradient 0 on its bounds, norm has gradient 0 at 0, max over a dimension
 * gives its gradient to the element it chose.
 */
#include <math.h>

#include "engine/graph/build.h"
#include "engine/graph/op_util.h"

/* ---------- clamp ---------- */

/*
 * A bound as a value; PT_NO_REF if it is None, or so far out that every value of x's dtype is within it.  If none is, it is
 * an error.
 */
static bool
clamp_bound(PtGraph *g, PtRef x, const PtValue *v, bool low, PtRef *out)
{
	PtDtype dtype = pt_value(g, x)->dtype;
	int64_t n = v->kind == PT_VALUE_BOOL ? v->boolean : v->integer;
	bool fits = !pt_dtype_is_int(dtype) || pt_dtype_holds(dtype, n);
	char element[8], text[PT_REAL_TEXT];

	*out = PT_NO_REF;
	if (v->kind == PT_VALUE_REAL)
	{
		*out = pt_real(g, v->real);
		dtype = pt_dtype_is_float(dtype) ? dtype : PT_FLOAT32;
		if (!isfinite(v->real))
			return true;
		pt_element_set_double(dtype, element, 0, v->real);
		return isfinite(pt_element_get_double(dtype, element, 0)) ||
			   pt_graph_fail(g, PT_ERANGE, "clamp: value %s is out of range for dtype %s",
							 pt_real_print(v->real, text), pt_dtype_name(dtype));
	}
	if (!fits && low == (n > 0))
		return pt_graph_fail(g, PT_ERANGE, "clamp: value %lld is out of range for dtype %s",
							 (long long) n, pt_dtype_name(dtype));
	if (v->kind != PT_VALUE_NONE && fits)
		*out = pt_integer(g, n);
	return true;
}

static bool
decompose_clamp(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	static const char *const bounds[] = {"min", "max"};
	PtRef x = in[0], bounded = x, inside = PT_NO_REF;

	if (pt_args_is_none(attrs, "min") && pt_args_is_none(attrs, "max"))
		return pt_graph_fail(g, PT_EINVAL, "clamp needs min, max, or both");
	for (int i = 0; i < 2; i++)
	{
		PtRef bound, outside, in;

		if (!clamp_bound(g, x, pt_args_get(attrs, bounds[i]), i == 0, &bound))
			return false;
		if (bound == PT_NO_REF)
			continue;
		/* NaN is neither less nor greater, and stays; as a bound it takes all */
		if (isnan(pt_args_real(attrs, bounds[i])))
			outside = pt_logical_not(g, pt_isnan(g, bounded));
		else
			outside = i == 0 ? pt_lt(g, bounded, bound) : pt_gt(g, bounded, bound);
		bounded = pt_where(g, outside, bound, bounded);
		in = i == 0 ? pt_gt(g, x, bound) : pt_lt(g, x, bound);
		inside = inside == PT_NO_REF ? in : pt_logical_and(g, inside, in);
	}
	/* between the bounds the gradient passes, on them not */
	return pt_op_give(out, inside == PT_NO_REF ? x : pt_where(g, inside, x, pt_detach(g, bounded)));
}

/* ---------- statistics ---------- */

/* Half precision is summed in float32. */
static PtRef
widen(PtGraph *g, PtRef x)
{
	PtDtype dtype = pt_value(g, x)->dtype;

	return dtype == PT_FLOAT16 || dtype == PT_BFLOAT16 ? pt_cast(g, x, PT_FLOAT32) : x;
}

/* Squared deviations from the mean, summed and divided by n less the correction. */
static PtRef
variance(PtGraph *g, const char *op, PtRef x, const PtArgs *attrs)
{
	const PtValue *dim = pt_args_get(attrs, "dim");
	PtGiven keep[] = {{"dim", *dim}, pt_given_bool("keepdim", true)};
	PtGiven given[] = {{"dim", *dim}, {"keepdim", *pt_args_get(attrs, "keepdim")}};
	const PtValue *unbiased = pt_args_get(attrs, "unbiased");
	PtDtype dtype = pt_value(g, x)->dtype;
	PtRef centred, sum;
	int64_t before, after;
	double n;

	if (!pt_dtype_is_float(dtype))
		return pt_graph_fail(g, PT_ETYPE, "%s expects a floating point dtype, not %s", op,
							 pt_dtype_name(dtype));
	if (unbiased->kind != PT_VALUE_NONE && !pt_args_is_none(attrs, "correction"))
		return pt_graph_fail(g, PT_EINVAL, "%s takes correction or unbiased, not both", op);
	x = widen(g, x);
	centred = pt_sub(g, x, pt_apply_name(g, "mean", &x, 1, keep, 2));
	centred = pt_square(g, centred);
	sum = pt_apply_name(g, "sum", &centred, 1, given, 2);
	if (sum == PT_NO_REF)
		return PT_NO_REF;
	before = pt_shape_numel(&pt_value(g, x)->shape);
	after = pt_shape_numel(&pt_value(g, sum)->shape);
	n = after > 0 ? (double) (before / after) : 1;
	if (unbiased->kind != PT_VALUE_NONE)
		n -= unbiased->boolean;
	else
		n -= pt_args_is_none(attrs, "correction") ? 1 : pt_args_real(attrs, "correction");
	/* one element has no unbiased variance: 0 / 0 is NaN */
	return pt_div(g, sum, pt_real(g, n > 0 ? n : 0));
}

static bool
decompose_var(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	return pt_op_give(out, pt_cast(g, variance(g, "var", in[0], attrs), pt_value(g, in[0])->dtype));
}

static bool
decompose_std(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	PtRef v = variance(g, "std", in[0], attrs);
	PtVar vars[] = {{"v", v}};

	/* the root has no derivative at 0, where PyTorch's gradient is 0 */
	return v != PT_NO_REF && pt_op_give(out, pt_cast(g,
													 pt_expr_text(g,
																  "where(v == 0, 0, "
																  "sqrt(where(v == 0, 1, v)))",
																  vars, 1),
													 pt_value(g, in[0])->dtype));
}

/* The form with nothing but a truth value: of all elements. */
static bool
decompose_spread(PtGraph *g, const char *op, const PtRef *in, const PtArgs *attrs, PtRef *out)
{
	PtGiven given = {"unbiased", *pt_args_get(attrs, "unbiased")};

	return pt_op_give(out, pt_apply_name(g, op, in, 1, &given, 1));
}

static bool
decompose_var_unbiased(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	return decompose_spread(g, "var", in, attrs, out);
}

static bool
decompose_std_unbiased(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	return decompose_spread(g, "std", in, attrs, out);
}

static bool
decompose_norm(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	double power = pt_args_real(attrs, "p");
	PtGiven given[] = {{"dim", *pt_args_get(attrs, "dim")},
					   {"keepdim", *pt_args_get(attrs, "keepdim")}};
	bool empty = pt_shape_numel(&pt_value(g, in[0])->shape) == 0;
	const PtValue *dtype = pt_args_get(attrs, "dtype");
	const char *reduce = isinf(power) && !empty ? (power > 0 ? "amax" : "amin") : "sum";
	const char *root = power == 2 ? "sqrt(x)" : "x ** (1 / p)";
	PtRef x = in[0];
	PtDtype result = dtype->kind == PT_VALUE_DTYPE ? dtype->dtype : pt_value(g, x)->dtype;
	PtVar vars[3];
	char text[PT_REAL_TEXT];

	if (!pt_dtype_is_float(result))
		return pt_graph_fail(g, PT_ETYPE, "norm expects a floating point dtype, not %s",
							 pt_dtype_name(result));
	if (!pt_dtype_is_float(pt_value(g, x)->dtype))
		return pt_graph_fail(g, PT_ETYPE, "norm expects a floating point dtype, not %s",
							 pt_dtype_name(pt_value(g, x)->dtype));
	if (isnan(power))
		return pt_graph_fail(g, PT_EINVAL, "norm: p must be a number, not nan");
	x = widen(g, pt_cast(g, x, result));
	vars[0] = (PtVar){"x", x};
	vars[1] = (PtVar){"p", pt_real(g, power)};
	if (power == 0)
		x = pt_cast(g, pt_expr_text(g, "x != 0", vars, 1), pt_value(g, x)->dtype);
	else
		x = pt_expr_text(g,
						 power == 2							   ? "square(x)"
						 : power == 1 || isinf(power) || empty ? "abs(x)"
						 : power > 0 ? "where(x == 0, 0, abs(where(x == 0, 1, x)) ** p)"
									 : "where(x == 0, inf, abs(where(x == 0, 1, x)) ** p)",
						 vars, 2);
	x = pt_apply_name(g, reduce, &x, 1, given, 2);
	if (x == PT_NO_REF)
		return false;
	/* as in PyTorch, norms of nothing are 0, but there is no smallest or largest of nothing */
	if (empty && (power < 0 || isinf(power)) && pt_shape_numel(&pt_value(g, x)->shape) > 0)
		return pt_graph_fail(g, PT_ESHAPE,
							 "norm of order %s has no identity for a dimension of size 0",
							 pt_real_print(power, text));
	if (power == 0 || power == 1 || isinf(power) || empty)
		return pt_op_give(out, pt_cast(g, x, result));
	/* powers and roots have no derivative at 0, where PyTorch's gradient is 0 */
	vars[0].ref = x;
	vars[2] = (PtVar){"safe", pt_expr_text(g, "where(x == 0, 1, x)", vars, 2)};
	vars[0].ref = vars[2].ref;
	vars[2] = (PtVar){"sum", x};
	vars[0].ref = pt_expr_text(g, root, vars, 2);
	x = pt_expr_text(g, power > 0 ? "where(sum == 0, 0, x)" : "where(sum == 0, sum ** (1 / p), x)",
					 vars, 3);
	return x != PT_NO_REF && pt_op_give(out, pt_cast(g, x, result));
}

/* ---------- max and min: of all elements, over a dimension, of two tensors ---------- */

/* There is no largest of nothing. */
static bool
check_any(PtGraph *g, const char *op, int64_t n)
{
	return n > 0 ||
		   pt_graph_fail(g, PT_ESHAPE, "%s expects at least one element to choose from", op);
}

static bool
decompose_largest(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	return check_any(g, "max", pt_shape_numel(&pt_value(g, in[0])->shape)) &&
		   pt_op_give(out, pt_apply_name(g, "amax", in, nin, NULL, 0));
}

static bool
decompose_smallest(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	return check_any(g, "min", pt_shape_numel(&pt_value(g, in[0])->shape)) &&
		   pt_op_give(out, pt_apply_name(g, "amin", in, nin, NULL, 0));
}

static bool
decompose_larger(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	return pt_op_give(out, pt_maximum(g, in[0], in[1]));
}

static bool
decompose_smaller(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	return pt_op_give(out, pt_minimum(g, in[0], in[1]));
}

static bool
decompose_extreme(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out,
				  const char *op, const char *arg)
{
	PtShape shape = pt_value(g, in[0])->shape;
	PtDtype dtype = pt_value(g, in[0])->dtype;
	PtShape along = {0};
	PtShape kept, result;
	int64_t dim;
	PtGiven given[2];
	/* truth values are ordered as numbers */
	PtRef numbers = dtype == PT_BOOL ? pt_cast(g, in[0], PT_UINT8) : in[0];
	PtRef at, mask, x;

	if (!pt_op_dim(g, op, pt_args_int(attrs, "dim"), shape.ndim, &dim) ||
		!check_any(g, op, shape.ndim > 0 ? shape.dim[dim] : 1))
		return false;
	given[0] = pt_given_int("dim", dim);
	given[1] = pt_given_bool("keepdim", true);
	at = pt_apply_name(g, arg, &numbers, 1, given, 2);
	if (at == PT_NO_REF)
		return false;
	kept = result = pt_value(g, at)->shape;
	if (!pt_args_bool(attrs, "keepdim") && shape.ndim > 0)
		pt_shape_remove(&result, dim);
	if (shape.ndim == 0)
	{
		out[0] = in[0];
		out[1] = at;
		return true;
	}
	/* the chosen element, once: its gradient goes to it alone */
	along.ndim = kept.ndim;
	for (int d = 0; d < kept.ndim; d++)
		along.dim[d] = d == dim ? shape.dim[dim] : 1;
	mask = pt_eq(g, pt_reshape(g, pt_arange(g, shape.dim[dim]), &along), at);
	x = pt_where(g, mask, in[0], pt_cast(g, pt_integer(g, 0), dtype));
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

static const PtParam spread_params[] = {{PT_INPUT},
										{PT_DIMS_OR_NONE},
										{"unbiased", PT_ARG_BOOL, .init_none = true},
										{PT_KEEPDIM},
										{"correction", PT_ARG_REAL, .init_none = true,
										 .keyword = true},
										{0}};
/* in expressions alone: as SQL functions they would make '{0,1}', a list of dims, ambiguous */
static const PtParam unbiased_params[] = {{PT_INPUT},
										  {"unbiased", PT_ARG_BOOL, .required = true},
										  {0}};
static const PtParam input_params[] = {{PT_INPUT}, {0}};
static const PtParam extreme_params[] = {{PT_INPUT}, {PT_DIM}, {PT_KEEPDIM}, {0}};
static const PtParam pair_params[] = {{PT_INPUT}, {PT_OTHER}, {0}};

const PtOp pt_stat_ops[] = {
	{.name = "clamp",
	 .aliases = PT_ALIASES("clip"),
	 .params = PT_PARAMS({PT_INPUT}, {"min", PT_ARG_NUMBER, .init_none = true},
						 {"max", PT_ARG_NUMBER, .init_none = true}),
	 .decompose = decompose_clamp,
	 .doc = "Elements less than min become min, those greater than max become max; NaN stays NaN."},
	{.name = "var",
	 .params = spread_params,
	 .decompose = decompose_var,
	 .doc =
		 "Variance over the given dimensions (all by default), divided by n - correction: 1, unless it is given, or 0 with unbiased => false."},
	{.name = "var.unbiased",
	 .params = unbiased_params,
	 .flags = PT_OP_INTERNAL,
	 .decompose = decompose_var_unbiased,
	 .doc = "Variance of all elements."},
	{.name = "std",
	 .params = spread_params,
	 .decompose = decompose_std,
	 .doc =
		 "Standard deviation over the given dimensions (all by default), divided by n - correction: 1, unless it is given, or 0 with unbiased => false."},
	{.name = "std.unbiased",
	 .params = unbiased_params,
	 .flags = PT_OP_INTERNAL,
	 .decompose = decompose_std_unbiased,
	 .doc = "Standard deviation of all elements."},
	{.name = "norm",
	 .params = PT_PARAMS({PT_INPUT}, {"p", PT_ARG_REAL, .init = 2}, {PT_DIMS_OR_NONE}, {PT_KEEPDIM},
						 {PT_DTYPE_BY_NAME}),
	 .casting = PT_CAST_FULL,
	 .decompose = decompose_norm,
	 .doc = "Vector norm of order p over the given dimensions (all by default)."},
	{.name = "max",
	 .params = input_params,
	 .decompose = decompose_largest,
	 .doc = "Largest element; NaN if there is one."},
	{.name = "max.dim",
	 .params = extreme_params,
	 .nout = 2,
	 .decompose = decompose_max,
	 .results = extreme_results,
	 .doc = "Largest elements along a dimension, and where they are."},
	{.name = "max.other",
	 .params = pair_params,
	 .decompose = decompose_larger,
	 .doc = "The larger of two elements; NaN if either is NaN."},
	{.name = "min",
	 .params = input_params,
	 .decompose = decompose_smallest,
	 .doc = "Smallest element; NaN if there is one."},
	{.name = "min.dim",
	 .params = extreme_params,
	 .nout = 2,
	 .decompose = decompose_min,
	 .results = extreme_results,
	 .doc = "Smallest elements along a dimension, and where they are."},
	{.name = "min.other",
	 .params = pair_params,
	 .decompose = decompose_smaller,
	 .doc = "The smaller of two elements; NaN if either is NaN."},
	{0},
};
