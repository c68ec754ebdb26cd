/*
 * create.c
 *	  Ops that make tensors from numbers.
 */
#include <math.h>

#include "engine/graph/graph.h"

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
		const PtValue *v = pt_args_get(node->attrs, names[i]);
		bool is_real = v->kind == PT_VALUE_REAL;

		real = real || is_real;
		x[i] = is_real ? v->real : v->kind == PT_VALUE_BOOL ? v->boolean : (double) v->integer;
		n[i] = v->kind == PT_VALUE_BOOL ? v->boolean : v->integer;
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
		return pt_graph_fail(g, PT_ELIMIT, "arange: %.0f elements are too many", count);
	out->shape = (PtShape){1, {(int64_t) count}};
	for (int i = 0; i < 3; i++)
		if (!pt_op_set(g, node, names[i],
					   real ? (PtValue){PT_VALUE_REAL, 0, {.real = x[i]}}
							: (PtValue){PT_VALUE_INT, 0, {.integer = n[i]}}))
			return false;
	return true;
}

const PtOp pt_create_ops[] = {{.name = "arange",
							   .params =
								   (const PtParam[]){{"start", PT_ARG_NUMBER},
													 {"end", PT_ARG_NUMBER, .required = true},
													 {"step", PT_ARG_NUMBER, .init = 1},
													 {"dtype", PT_ARG_DTYPE, .init_none = true},
													 {0}},
							   .flags = 0,
							   .infer = infer_arange,
							   .doc = "start, start + step, ... as long as end is not reached."},
							  {0}};
