/*
 * softmax.c
 *	  Softmax, LogSoftmax and Softmin along a dimension.
 *
 * dim None is PyTorch's implicit choice: 0 for 0, 1 and 3 dimensions, else 1.  Dimension 0 is the batch:
 * probabilities that depend on which rows happen to stand together are refused.
 */
#include "engine/modules/dims.h"

static PtRef
apply(PtBuild *b, const PtModule *m, const char *op, PtRef x)
{
	int ndim = pt_value(b->g, x)->shape.ndim;
	int64_t dim =
		pt_args_is_none(m->args, "dim") ? ndim != 3 && ndim > 1 : pt_args_int(m->args, "dim");
	PtGiven given = pt_given_int("dim", dim);
	PtError err;

	if (!pt_row_dim(m, dim, ndim - 1, &dim, &err))
		return pt_build_fail(b, &err);
	return pt_apply_name(b->g, op, &x, 1, &given, 1);
}

static PtRef
build_softmax(PtBuild *b, const PtModule *m, const PtRef *in)
{
	return apply(b, m, "softmax", in[0]);
}

static PtRef
build_log_softmax(PtBuild *b, const PtModule *m, const PtRef *in)
{
	return apply(b, m, "log_softmax", in[0]);
}

static PtRef
build_softmin(PtBuild *b, const PtModule *m, const PtRef *in)
{
	return apply(b, m, "softmax", pt_neg(b->g, in[0]));
}

/* As far as it is known before data: dim is one of the row's. */
static bool
shapes(const PtModule *m, const PtShape *in, PtShape *out, PtError *err)
{
	int64_t dim;

	*out = *in;
	return pt_args_is_none(m->args, "dim") || in->ndim < 0 ||
		   pt_row_dim(m, pt_args_int(m->args, "dim"), in->ndim, &dim, err);
}

static const PtParam params[] = {{"dim", PT_ARG_INT, .init_none = true}, {NULL}};

const PtModuleType pt_softmax_modules[] = {
	{
		.name = "Softmax",
		.doc = "exp(x) over its sum along a dimension.",
		.params = params,
		.shapes = shapes,
		.casting = PT_CAST_FULL,
		.build = build_softmax,
	},
	{
		.name = "LogSoftmax",
		.doc = "Logarithm of the softmax along a dimension.",
		.params = params,
		.shapes = shapes,
		.casting = PT_CAST_FULL,
		.build = build_log_softmax,
	},
	{
		.name = "Softmin",
		.doc = "Softmax of -x along a dimension.",
		.params = params,
		.shapes = shapes,
		.casting = PT_CAST_FULL,
		.build = build_softmin,
	},
	{NULL},
};
