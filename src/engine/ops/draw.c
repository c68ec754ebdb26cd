/*
 * draw.c
 *	  Tensors by chance, from PyTorch's generator: what torch.rand and its kin draw.
 *
 * Rows say sizes and dtypes as all ops do, and how elements are drawn; they are no steps of a plan, as a
 * generator belongs to a session and goes on with every draw.  So expressions refuse them.  (What Dropout needs is
 * in random.c.)
 */
#include <math.h>

#include "engine/data/rng.h"
#include "engine/graph/op_util.h"

/* Sizes from attribute "size"; a float dtype, float32 by default. */
static bool
infer_real(PtGraph *g, PtNode *node, PtTensorType *out)
{
	const PtValue *dtype = pt_args_get(node->attrs, "dtype");

	out->dtype = dtype->kind == PT_VALUE_DTYPE ? dtype->dtype : PT_FLOAT32;
	if (!pt_dtype_is_float(out->dtype))
		return pt_graph_fail(g, PT_ETYPE, "%s expects a floating point dtype, not %s",
							 node->op->name, pt_dtype_name(out->dtype));
	return pt_op_size(g, node->attrs, out->dtype, &out->shape);
}

static void
draw_uniform(PtRng *rng, const PtArgs *attrs, PtTensor *t, int64_t first, int64_t last)
{
	pt_rng_uniform(rng, t->dtype, pt_tensor_at(t, first), last - first, 0, 1);
}

static void
draw_normal(PtRng *rng, const PtArgs *attrs, PtTensor *t, int64_t first, int64_t last)
{
	bool standard = pt_args_get(attrs, "std") == NULL;

	pt_rng_normal(rng, t->dtype, pt_tensor_at(t, first), last - first,
				  standard ? 0 : pt_args_real(attrs, "mean"),
				  standard ? 1 : pt_args_real(attrs, "std"));
}

/* ---------- integers ---------- */

static int64_t
low_of(const PtArgs *attrs)
{
	return pt_args_get(attrs, "low") != NULL ? pt_args_int(attrs, "low") : 0;
}

static bool
infer_integers(PtGraph *g, PtNode *node, PtTensorType *out)
{
	const PtValue *dtype = pt_args_get(node->attrs, "dtype");
	int64_t low = low_of(node->attrs), high = pt_args_int(node->attrs, "high");

	out->dtype = dtype->kind == PT_VALUE_DTYPE ? dtype->dtype : PT_INT64;
	if (low >= high)
		return pt_graph_fail(g, PT_EINVAL,
							 "randint expects low to be less than high, not %lld and %lld",
							 (long long) low, (long long) high);
	for (int64_t bound = low;; bound = high - 1)
	{
		if (!pt_dtype_holds(out->dtype, bound))
			return pt_graph_fail(g, PT_ERANGE, "randint: value %lld is out of range for dtype %s",
								 (long long) bound, pt_dtype_name(out->dtype));
		if (bound == high - 1)
			return pt_op_size(g, node->attrs, out->dtype, &out->shape);
	}
}

static void
draw_integers(PtRng *rng, const PtArgs *attrs, PtTensor *t, int64_t first, int64_t last)
{
	int64_t low = low_of(attrs);

	pt_rng_integers(rng, t->dtype, pt_tensor_at(t, first), last - first, low,
					(uint64_t) pt_args_int(attrs, "high") - (uint64_t) low);
}

static bool
infer_permutation(PtGraph *g, PtNode *node, PtTensorType *out)
{
	*out = (PtTensorType){PT_INT64, {1, {pt_args_int(node->attrs, "n")}}};
	return true;
}

static void
draw_permutation(PtRng *rng, const PtArgs *attrs, PtTensor *t, int64_t first, int64_t last)
{
	int64_t *perm = t->data, n = t->shape.dim[0];

	for (int64_t i = 0; first == 0 && i < n; i++)
		perm[i] = i;
	pt_rng_shuffle(rng, perm, n, first, last);
}

static const PtParam size_params[] = {{"size", PT_ARG_SIZES, .required = true},
									  {PT_DTYPE_OR_NONE},
									  {0}};

const PtOp pt_draw_ops[] = {
	{.name = "rand",
	 .params = size_params,
	 .flags = PT_OP_DRAWS,
	 .infer = infer_real,
	 .draw = draw_uniform,
	 .doc = "Random numbers, uniform between 0 and 1; float32 unless a dtype is named."},
	{.name = "randn",
	 .params = size_params,
	 .flags = PT_OP_DRAWS,
	 .infer = infer_real,
	 .draw = draw_normal,
	 .doc = "Random numbers, normal with mean 0 and variance 1; float32 unless a dtype is named."},
	{.name = "normal",
	 .params = PT_PARAMS({"mean", PT_ARG_REAL, .required = true},
						 {"std", PT_ARG_REAL, .required = true, .bounded = true, .max = INFINITY},
						 {"size", PT_ARG_INTS, .required = true}, {PT_DTYPE_OR_NONE}),
	 .flags = PT_OP_DRAWS,
	 .infer = infer_real,
	 .draw = draw_normal,
	 .doc =
		 "Random numbers, normal with this mean and standard deviation; float32 unless a dtype is named."},
	{.name = "randint",
	 .params = PT_PARAMS({"high", PT_ARG_INT, .required = true, .wide = true},
						 {"size", PT_ARG_INTS, .required = true}, {PT_DTYPE_OR_NONE}),
	 .flags = PT_OP_DRAWS,
	 .infer = infer_integers,
	 .draw = draw_integers,
	 .doc = "Random integers from 0 to high - 1; int64 unless a dtype is named."},
	{.name = "randint.low",
	 .params = PT_PARAMS({"low", PT_ARG_INT, .required = true, .wide = true},
						 {"high", PT_ARG_INT, .required = true, .wide = true},
						 {"size", PT_ARG_INTS, .required = true}, {PT_DTYPE_OR_NONE}),
	 .flags = PT_OP_DRAWS,
	 .infer = infer_integers,
	 .draw = draw_integers,
	 .doc = "Random integers from low to high - 1; int64 unless a dtype is named."},
	{.name = "randperm",
	 .params = PT_PARAMS({"n", PT_ARG_INT, .required = true, .bounded = true, .max = INT32_MAX}),
	 .flags = PT_OP_DRAWS,
	 .infer = infer_permutation,
	 .draw = draw_permutation,
	 .doc = "The integers from 0 to n - 1 in random order."},
	{0},
};
