/*
 * prelu.c
 *	  x where it is positive, else x times a learned slope: one for all, or one a channel (dimension 1).
 */
#include "engine/modules/dims.h"

static void
init(PtRng *rng, const PtModule *m, PtDtype dtype, const PtShape *shape, void *data)
{
	(void) rng;
	for (int64_t i = 0; i < shape->dim[0]; i++)
		pt_element_set_double(dtype, data, (size_t) i, pt_args_real(m->args, "init"));
}

static bool
declare(PtDeclare *d, const PtModule *m)
{
	return pt_declare(d, "weight", PT_FLOAT32,
					  &(PtShape){1, {pt_args_int(m->args, "num_parameters")}}, true, init);
}

static bool
shapes(const PtModule *m, const PtShape *in, PtShape *out, PtError *err)
{
	int64_t n = pt_args_int(m->args, "num_parameters");

	*out = *in;
	return n == 1 || pt_shapes_channels(m, n, in, err);
}

static PtRef
build(PtBuild *b, const PtModule *m, const PtRef *in)
{
	const PtShape shape = pt_value(b->g, in[0])->shape;
	PtRef weight = pt_build_state(b, m, "weight");
	PtRef x = in[0];
	PtRef positive = pt_gt(b->g, x, pt_integer(b->g, 0));
	/* without what is positive: an infinite x must not make the slope's gradient 0 times infinite */
	PtRef rest = pt_where(b->g, positive, pt_integer(b->g, 0), x);

	if (pt_args_int(m->args, "num_parameters") > 1)
		weight = pt_build_channels(b, m, weight, &shape);
	return pt_where(b->g, positive, x, pt_mul(b->g, weight, rest));
}

const PtModuleType pt_prelu_modules[] = {
	{
		.name = "PReLU",
		.doc =
			"x where it is positive, else x times a learned slope: one for all, or one a channel.",
		.params = (const PtParam[]){{"num_parameters", PT_ARG_INT, .init = 1, .bounded = true,
									 .min = 1, .max = 2147483647},
									{"init", PT_ARG_REAL, .init = 0.25},
									{NULL}},
		.declare = declare,
		.shapes = shapes,
		.casting = PT_CAST_LOW,
		.build = build,
	},
	{NULL},
};
