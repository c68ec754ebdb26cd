/*
 * op_create.c
 *	  Ops that make tensors from numbers.
 */
#include <math.h>

#include "engine/graph.h"

/* Number of elements of arange, as PyTorch counts: ceil((end - start) / step). */
static bool
infer_arange(PtGraph *g, PtNode *node, PtResult *out)
{
	const PtValue *v[3] = {pt_args_get(node->attrs, "start"), pt_args_get(node->attrs, "end"),
						   pt_args_get(node->attrs, "step")};
	const PtValue *dtype = pt_args_get(node->attrs, "dtype");
	double x[3];
	double count;
	bool real = false;

	for (int i = 0; i < 3; i++)
	{
		real = real || v[i]->kind == PT_VALUE_REAL;
		x[i] = v[i]->kind == PT_VALUE_REAL ? v[i]->real : (double) v[i]->integer;
	}
	if (!isfinite(x[0]) || !isfinite(x[1]) || !isfinite(x[2]))
	{
		pt_graph_fail(g, PT_EINVAL, "arange: unsupported range: %g to %g by %g", x[0], x[1], x[2]);
		return false;
	}
	if (x[2] == 0)
	{
		pt_graph_fail(g, PT_EINVAL, "arange: step must be nonzero");
		return false;
	}
	if ((x[1] - x[0]) / x[2] < 0)
	{
		pt_graph_fail(g, PT_EINVAL, "arange: end %g is on the wrong side of start %g for step %g", x[1], x[0], x[2]);
		return false;
	}
	count = ceil((x[1] - x[0]) / x[2]);
	if (count > (double) PT_MAX_TENSOR_BYTES)
	{
		pt_graph_fail(g, PT_ELIMIT, "arange: %.0f elements are too many", count);
		return false;
	}
	out->dtype = dtype->kind == PT_VALUE_DTYPE ? dtype->dtype : real ? PT_FLOAT32 : PT_INT64;
	out->shape = (PtShape){1, {(int64_t) count}};
	return true;
}

const PtOp pt_create_ops[] = {
	{.name = "arange",
	 .params = (const PtParam[]){{"start", PT_ARG_NUMBER},
								 {"end", PT_ARG_NUMBER, .required = true},
								 {"step", PT_ARG_NUMBER, .init = 1},
								 {"dtype", PT_ARG_DTYPE, .init_none = true},
								 {0}},
	 .flags = 0,
	 .nout = 1,
	 .scalar = PT_S_NONE,
	 .infer = infer_arange,
	 .doc = "start, start + step, ... as long as end is not reached."},
	{0}};
