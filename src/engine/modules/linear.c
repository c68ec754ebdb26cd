/*
 * linear.c
 *	  y = x W^T + b, over the last dimension.
 *
 * Initial values are PyTorch's: kaiming_uniform_(weight, a=sqrt(5)) and U(-1/sqrt(in), 1/sqrt(in))
 * for the bias, with its own order of roundings.
 */
#include <math.h>

#include "engine/modules/dims.h"

static void
init_weight(PtRng *rng, const PtModule *m, PtDtype dtype, const PtShape *shape, void *data)
{
	double gain = sqrt(2.0 / (1 + sqrt(5.0) * sqrt(5.0)));
	double bound = sqrt(3.0) * (gain / sqrt((double) pt_args_int(m->args, "in_features")));

	pt_rng_uniform(rng, dtype, data, pt_shape_numel(shape), -bound, bound);
}

static void
init_bias(PtRng *rng, const PtModule *m, PtDtype dtype, const PtShape *shape, void *data)
{
	double bound = 1 / sqrt((double) pt_args_int(m->args, "in_features"));

	pt_rng_uniform(rng, dtype, data, pt_shape_numel(shape), -bound, bound);
}

static bool
declare(PtDeclare *d, const PtModule *m)
{
	int64_t in = pt_args_int(m->args, "in_features");
	int64_t out = pt_args_int(m->args, "out_features");

	if (!pt_declare(d, "weight", PT_FLOAT32, &(PtShape){2, {out, in}}, true, init_weight))
		return false;
	return !pt_args_bool(m->args, "bias") ||
		   pt_declare(d, "bias", PT_FLOAT32, &(PtShape){1, {out}}, true, init_bias);
}

static bool
shapes(const PtModule *m, const PtShape *in, PtShape *out, PtError *err)
{
	return pt_shapes_last(m, pt_args_int(m->args, "in_features"),
						  pt_args_int(m->args, "out_features"), in, out, err);
}

static PtRef
build(PtBuild *b, const PtModule *m, const PtRef *in)
{
	PtShape row = pt_value(b->g, in[0])->shape;
	PtShape out;
	PtError err;

	if (!shapes(m, &row, &out, &err))
		return pt_build_fail(b, &err);
	return pt_linear(b->g, in[0], pt_build_state(b, m, "weight"), pt_build_state(b, m, "bias"));
}

static const PtParam params[] = {
	{"in_features", PT_ARG_INT, PT_SIZE},
	{"out_features", PT_ARG_INT, PT_SIZE},
	{"bias", PT_ARG_BOOL, .init = 1},
	{NULL},
};

const PtModuleType pt_linear_modules[] = {
	{
		.name = "Linear",
		.doc = "A fully connected layer: x W^T + b over the last dimension.",
		.params = params,
		.declare = declare,
		.shapes = shapes,
		.casting = PT_CAST_LOW,
		.build = build,
	},
	{NULL},
};
