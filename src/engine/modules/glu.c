/*
 * glu.c
 *	  a sigmoid(b) of the two halves a and b of a dimension.
 */
#include "engine/modules/dims.h"

static bool
shapes(const PtModule *m, const PtShape *in, PtShape *out, PtError *err)
{
	int64_t dim = pt_args_int(m->args, "dim");
	char title[PT_MODULE_TITLE];

	*out = *in;
	if (in->ndim < 0 && dim != -1)
	{
		out->dim[0] = -1;
		return true;
	}
	if (in->ndim < 0)
		dim = 0; /* which stands for the last one */
	else if (!pt_row_dim(m, dim, in->ndim, &dim, err))
		return false;
	if (in->dim[dim] < 0)
		return true;
	if (in->dim[dim] % 2 != 0)
		return pt_fail(err, PT_ESHAPE, "module %s halves a dimension, which must be even, not %lld",
					   pt_module_title(m, title), (long long) in->dim[dim]);
	out->dim[dim] = in->dim[dim] / 2;
	return true;
}

static PtRef
build(PtBuild *b, const PtModule *m, const PtRef *in)
{
	const PtShape shape = pt_value(b->g, in[0])->shape;
	PtShape row, out;
	PtRef half[2];
	int64_t dim;
	PtError err;

	if (b->g->error.code != PT_OK)
		return PT_NO_REF;
	row = pt_row_shape(&shape);
	if (!shapes(m, &row, &out, &err) ||
		!pt_row_dim(m, pt_args_int(m->args, "dim"), row.ndim, &dim, &err))
		return pt_build_fail(b, &err);
	for (int i = 0; i < 2; i++)
	{
		PtGiven given[] = {pt_given_int("dim", dim + 1), pt_given_int("start", i * out.dim[dim]),
						   pt_given_int("length", out.dim[dim])};

		half[i] = pt_apply_name(b->g, "narrow", in, 1, given, 3);
	}
	return pt_mul(b->g, half[0], pt_sigmoid(b->g, half[1]));
}

const PtModuleType pt_glu_modules[] = {
	{
		.name = "GLU",
		.doc = "a sigmoid(b) of the two halves a and b of a dimension.",
		.params = (const PtParam[]){{"dim", PT_ARG_INT, .init = -1}, {NULL}},
		.shapes = shapes,
		.build = build,
	},
	{NULL},
};
