/*
 * create.c
 *	  Ops that make tensors from sizes and numbers.
 *
 * All but arange are compositions: one number for all elements, or a function of the index.
 */
#include <math.h>

#include "engine/graph/build.h"
#include "engine/graph/op_util.h"

/* ---------- arange ---------- */

/* A float as int64, toward zero; false if it is none. */
static bool
truncate_real(double x, int64_t *out)
{
	if (!(x > -0x1p63 && x < 0x1p63))
		return false;
	*out = (int64_t) x;
	return true;
}

/* Elements of start, start + step, ... before end; exact for all int64, UINT64_MAX at most. */
static uint64_t
count_ints(int64_t start, int64_t end, int64_t step)
{
	uint64_t span =
		step > 0 ? (uint64_t) end - (uint64_t) start : (uint64_t) start - (uint64_t) end;
	uint64_t stride = step > 0 ? (uint64_t) step : 0 - (uint64_t) step;

	return span / stride + (span % stride != 0);
}

/*
 * The number of elements is ceil((end - start) / step).  As in PyTorch, values of integer dtypes are computed in
 * integers, after fractions were cut off; for the number of elements the fractions count.
 */
static bool
infer_arange(PtGraph *g, PtNode *node, PtTensorType *out)
{
	static const char *const names[] = {"start", "end", "step"};
	const PtValue *dtype = pt_args_get(node->attrs, "dtype");
	double x[3];
	int64_t n[3];
	double count;
	bool real = false, ints = true, exact;

	for (int i = 0; i < 3; i++)
	{
		bool is_real = pt_args_get(node->attrs, names[i])->kind == PT_VALUE_REAL;

		real = real || is_real;
		x[i] = pt_args_real(node->attrs, names[i]);
		n[i] = pt_args_int(node->attrs, names[i]);
		ints = (is_real ? truncate_real(x[i], &n[i]) : true) && ints;
	}
	out->dtype = dtype->kind == PT_VALUE_DTYPE ? dtype->dtype : real ? PT_FLOAT32 : PT_INT64;
	if (out->dtype == PT_BOOL)
		return pt_graph_fail(g, PT_ETYPE, "arange does not support dtype bool");
	exact = !real && !pt_dtype_is_float(out->dtype); /* no fractions anywhere */
	real = pt_dtype_is_float(out->dtype);
	if (!isfinite(x[0]) || !isfinite(x[1]) || !isfinite(x[2]) || (!real && !ints))
		return pt_graph_fail(g, PT_EINVAL, "arange: unsupported range: %g to %g by %g", x[0], x[1],
							 x[2]);
	if (exact ? n[2] == 0 : x[2] == 0)
		return pt_graph_fail(g, PT_EINVAL, "arange: step must be nonzero");
	if (!exact ? (x[1] - x[0]) / x[2] < 0 : n[2] > 0 ? n[1] < n[0] : n[1] > n[0])
		return pt_graph_fail(g, PT_EINVAL,
							 "arange: end %g is on the wrong side of start %g for step %g", x[1],
							 x[0], x[2]);
	count = exact ? (double) count_ints(n[0], n[1], n[2]) : ceil((x[1] - x[0]) / x[2]);
	if (count > (double) PT_MAX_TENSOR_BYTES)
		return pt_graph_fail(g, PT_ELIMIT, "arange: %.16g elements are too many", count);
	out->shape = (PtShape){1, {(int64_t) count}};
	for (int i = 0; i < 3; i++)
		if (!pt_op_set(g, node, names[i], real ? pt_value_real(x[i]) : pt_value_int(n[i])))
			return false;
	return true;
}

static bool
decompose_arange_end(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	PtGiven given[] = {pt_given_int("start", 0),
					   {"end", *pt_args_get(attrs, "end")},
					   {"dtype", *pt_args_get(attrs, "dtype")}};

	return pt_op_give(out, pt_apply_name(g, "arange", NULL, 0, given, 3));
}

/* ---------- one number everywhere ---------- */

/* The attribute "dtype", or what there is without it. */
static PtDtype
dtype_of(const PtArgs *attrs, PtDtype dtype)
{
	const PtValue *v = pt_args_get(attrs, "dtype");

	return v->kind == PT_VALUE_DTYPE ? v->dtype : dtype;
}

static bool
fill(PtGraph *g, PtRef number, PtDtype dtype, const PtArgs *attrs, PtRef *out)
{
	PtShape shape;

	if (!pt_op_size(g, attrs, dtype, &shape))
		return false;
	return pt_op_give(out, pt_expand(g, pt_cast(g, number, dtype), &shape));
}

static bool
decompose_zeros(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	return fill(g, pt_integer(g, 0), dtype_of(attrs, PT_FLOAT32), attrs, out);
}

static bool
decompose_ones(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	return fill(g, pt_integer(g, 1), dtype_of(attrs, PT_FLOAT32), attrs, out);
}

/*
 * *element: a number of a call as an element of a dtype, which cuts off fractions, or rounds.  Refuses what the dtype cannot
 * hold, infinity for a finite number included.
 */
static bool
as_element(PtGraph *g, PtDtype dtype, const PtValue *v, double *element)
{
	PtDtype from = v->kind == PT_VALUE_REAL ? PT_FLOAT64 : PT_INT64;
	int64_t integer = v->kind == PT_VALUE_BOOL ? v->boolean : v->integer;
	const void *value = v->kind == PT_VALUE_REAL ? (const void *) &v->real : &integer;
	char bytes[8], text[PT_ELEMENT_TEXT];

	pt_convert(dtype, bytes, from, value, 1);
	*element = pt_element_get_double(dtype, bytes, 0);
	if (pt_dtype_is_float(dtype) ? !isinf(*element) || (v->kind == PT_VALUE_REAL && isinf(v->real))
								 : pt_dtype_first_misfit(dtype, from, value, 1) == 1)
		return true;
	pt_element_print(from, value, 0, text);
	return pt_graph_fail(g, PT_ERANGE, "value %s is out of range for dtype %s", text,
						 pt_dtype_name(dtype));
}

static bool
decompose_full(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	const PtValue *v = pt_args_get(attrs, "fill_value");
	/* that of torch.tensor(fill_value), which a number of the graph has */
	PtRef number = pt_number(g, v);
	PtDtype dtype = dtype_of(attrs, pt_value(g, number)->dtype);
	double element;

	return as_element(g, dtype, v, &element) && fill(g, number, dtype, attrs, out);
}

/* ---------- functions of the index ---------- */

static bool
decompose_eye(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	int64_t n = pt_args_int(attrs, "n");
	int64_t m = pt_args_is_none(attrs, "m") ? n : pt_args_int(attrs, "m");
	PtRef same;

	same = pt_eq(g, pt_reshape(g, pt_arange(g, n), &(PtShape){2, {n, 1}}), pt_arange(g, m));
	return pt_op_give(out, pt_cast(g, same, dtype_of(attrs, PT_FLOAT32)));
}

/*
 * PyTorch counts from both ends, which are elements, so that both are exact; integers are computed as float64 and cut off,
 * halves as float32.
 */
static bool
decompose_linspace(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	int64_t steps = pt_args_int(attrs, "steps");
	PtDtype dtype = dtype_of(attrs, PT_FLOAT32);
	PtDtype inner = dtype == PT_FLOAT64 || pt_dtype_is_int(dtype) ? PT_FLOAT64 : PT_FLOAT32;
	double start, end;
	PtVar vars[6];

	if (dtype == PT_BOOL)
		return pt_graph_fail(g, PT_ETYPE, "linspace does not support dtype bool");
	if (!as_element(g, dtype, pt_args_get(attrs, "start"), &start) ||
		!as_element(g, dtype, pt_args_get(attrs, "end"), &end))
		return false;
	vars[0] = (PtVar){"i", pt_cast(g, pt_arange(g, steps), inner)};
	vars[1] = (PtVar){"start", pt_real(g, start)};
	vars[2] = (PtVar){"end", pt_real(g, end)};
	vars[3] = (PtVar){"step", pt_real(g, steps > 1 ? (end - start) / (double) (steps - 1) : 0)};
	vars[4] = (PtVar){"half", pt_integer(g, steps / 2)};
	vars[5] = (PtVar){"top", pt_integer(g, steps - 1)};
	if (vars[0].ref == PT_NO_REF)
		return false;
	return pt_op_give(
		out,
		pt_cast(g,
				steps == 1
					? pt_expr_text(g, "i + start", vars, 6)
					: pt_expr_text(g, "where(i < half, start + step * i, end - step * (top - i))",
								   vars, 6),
				dtype));
}

static const PtParam size_params[] = {{"size", PT_ARG_SIZES, .required = true},
									  {PT_DTYPE_OR_NONE},
									  {0}};

const PtOp pt_create_ops[] = {
	{.name = "zeros",
	 .params = size_params,
	 .decompose = decompose_zeros,
	 .doc = "Tensor of zeros; float32 unless a dtype is named."},
	{.name = "ones",
	 .params = size_params,
	 .decompose = decompose_ones,
	 .doc = "Tensor of ones; float32 unless a dtype is named."},
	{.name = "empty",
	 .params = size_params,
	 .decompose = decompose_zeros,
	 .doc = "Tensor whose elements do not matter: zeros; float32 unless a dtype is named."},
	{.name = "full",
	 .params = PT_PARAMS({"size", PT_ARG_INTS, .required = true},
						 {"fill_value", PT_ARG_NUMBER, .required = true}, {PT_DTYPE_OR_NONE}),
	 .flags = PT_OP_TRUTH,
	 .decompose = decompose_full,
	 .doc =
		 "Tensor with one value everywhere; its dtype is that of torch.tensor(fill_value) unless one is named."},
	{.name = "eye",
	 .params = PT_PARAMS({"n", PT_ARG_INT, .required = true, .bounded = true, .max = INT32_MAX},
						 {"m", PT_ARG_INT, .init_none = true, .bounded = true, .max = INT32_MAX},
						 {PT_DTYPE_OR_NONE}),
	 .decompose = decompose_eye,
	 .doc =
		 "Matrix of n rows and m columns (n by default) with ones on the diagonal; float32 unless a dtype is named."},
	{.name = "arange",
	 .params = PT_PARAMS({"start", PT_ARG_NUMBER, .required = true},
						 {"end", PT_ARG_NUMBER, .required = true},
						 {"step", PT_ARG_NUMBER, .init = 1}, {PT_DTYPE_OR_NONE}),
	 .infer = infer_arange,
	 .doc =
		 "start, start + step, ... as long as end is not reached; int64 for integers, float32 for other numbers, unless a dtype is named."},
	{.name = "arange.end",
	 .params = PT_PARAMS({"end", PT_ARG_NUMBER, .required = true}, {PT_DTYPE_OR_NONE}),
	 .decompose = decompose_arange_end,
	 .doc =
		 "0, 1, ... as long as end is not reached; int64 for integers, float32 for other numbers, unless a dtype is named."},
	{.name = "linspace",
	 .params = PT_PARAMS({"start", PT_ARG_NUMBER, .required = true},
						 {"end", PT_ARG_NUMBER, .required = true},
						 {"steps", PT_ARG_INT, .required = true, .bounded = true, .max = INT32_MAX},
						 {PT_DTYPE_OR_NONE}),
	 .decompose = decompose_linspace,
	 .doc =
		 "So many numbers from start to end, both included, at equal distances; float32 unless a dtype is named."},
	{0},
};
