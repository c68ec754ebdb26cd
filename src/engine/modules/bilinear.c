/*
 * bilinear.c
 *	  y_o = x1^T W_o x2 + b_o over the last dimensions of two inputs.
 *
 * The products of all pairs of features go through one matrix product.  Initial values are PyTorch's: weight
 * and bias from U(-k, k), k = 1/sqrt(in1_features).
 */
#include <math.h>

#include "engine/modules/dims.h"

static void
init(PtRng *rng, const PtModule *m, PtDtype dtype, const PtShape *shape, void *data)
{
	double bound = 1 / sqrt((double) pt_args_int(m->args, "in1_features"));

	pt_rng_uniform(rng, dtype, data, pt_shape_numel(shape), -bound, bound);
}

static bool
declare(PtDeclare *d, const PtModule *m)
{
	int64_t in1 = pt_args_int(m->args, "in1_features");
	int64_t in2 = pt_args_int(m->args, "in2_features");
	int64_t out = pt_args_int(m->args, "out_features");

	return pt_declare(d, "weight", PT_FLOAT32, &(PtShape){3, {out, in1, in2}}, true, init) &&
		   (!pt_args_bool(m->args, "bias") ||
			pt_declare(d, "bias", PT_FLOAT32, &(PtShape){1, {out}}, true, init));
}

static bool
shapes(const PtModule *m, const PtShape *in, PtShape *out, PtError *err)
{
	int64_t size = pt_args_int(m->args, "out_features");
	PtShape other;
	char title[PT_MODULE_TITLE], a[PT_SHAPE_TEXT], b[PT_SHAPE_TEXT];
	bool differ;

	if (!pt_shapes_last(m, pt_args_int(m->args, "in1_features"), size, &in[0], out, err) ||
		!pt_shapes_last(m, pt_args_int(m->args, "in2_features"), size, &in[1], &other, err))
		return false;
	if (out->ndim < 0 || other.ndim < 0)
		return true;
	differ = out->ndim != other.ndim;
	for (int i = 0; i < out->ndim && !differ; i++)
		differ = out->dim[i] >= 0 && other.dim[i] >= 0 && out->dim[i] != other.dim[i];
	return !differ ||
		   pt_fail(err, PT_ESHAPE,
				   "module %s: inputs of shapes %s and %s differ in more than their features",
				   pt_module_title(m, title), pt_shape_print(&in[0], a), pt_shape_print(&in[1], b));
}

static PtRef
build(PtBuild *b, const PtModule *m, const PtRef *in)
{
	PtGraph *g = b->g;
	int64_t in1 = pt_args_int(m->args, "in1_features");
	int64_t in2 = pt_args_int(m->args, "in2_features");
	PtShape have[2], out, pairs;
	PtRef weight, x;
	PtError err;
	int64_t rows;

	for (int i = 0; i < 2; i++)
		have[i] = pt_value(g, in[i])->shape;
	if (!shapes(m, have, &out, &err))
		return pt_build_fail(b, &err);
	rows = pt_shape_numel(&have[0]) / in1;
	x = pt_mul(g, pt_reshape(g, in[0], &(PtShape){3, {rows, in1, 1}}),
			   pt_reshape(g, in[1], &(PtShape){3, {rows, 1, in2}}));
	pairs = out;
	pairs.dim[pairs.ndim - 1] = in1 * in2;
	x = pt_reshape(g, x, &pairs);
	weight = pt_build_state(b, m, "weight");
	weight = pt_reshape(g, weight, &(PtShape){2, {out.dim[out.ndim - 1], in1 * in2}});
	return pt_linear(g, x, weight, pt_build_state(b, m, "bias"));
}

const PtModuleType pt_bilinear_modules[] = {
	{
		.name = "Bilinear",
		.doc = "x1^T W x2 + b of two inputs over their last dimensions.",
		.params = (const PtParam[]){{"in1_features", PT_ARG_INT, PT_SIZE},
									{"in2_features", PT_ARG_INT, PT_SIZE},
									{"out_features", PT_ARG_INT, PT_SIZE},
									{"bias", PT_ARG_BOOL, .init = 1},
									{NULL}},
		.inputs = (const PtParam[]){{"input1", PT_ARG_TENSOR, .required = true},
									{"input2", PT_ARG_TENSOR, .required = true},
									{NULL}},
		.declare = declare,
		.shapes = shapes,
		.casting = PT_CAST_FULL,
		.build = build,
	},
	{NULL},
};
