/*
 * dropout.c
 *	  Dropout, AlphaDropout and RReLU: random while training, plain functions otherwise.
 *
 * The random numbers are ops/random.c's: they cost no memory, and the same seed gives the same ones on every
 * device and number of threads.  They are not PyTorch's.
 */
#include <math.h>

#include "engine/nn/module.h"

/* ---------- Dropout ---------- */

static PtGiven
probability(const PtModule *m)
{
	return pt_given_real("p", pt_args_real(m->args, "p"));
}

static PtRef
build_dropout(PtBuild *b, const PtModule *m, const PtRef *in)
{
	PtGiven p = probability(m);

	if (!b->training || p.value.real == 0)
		return in[0];
	return pt_build_random(b, "random_drop", in[0], &p, 1);
}

/* ---------- AlphaDropout ---------- */

/*
 * Dropped values become alpha', the value that SELU goes to, and an affine map restores mean 0 and variance 1:
 * a (x k + alpha' (1 - k)) - a p alpha', where k is 1 if kept, q = 1 - p, a = 1 / sqrt(q + alpha'^2 p q).
 * random_drop gives x k / q, and from ones k / q.
 */
static PtRef
build_alpha_dropout(PtBuild *b, const PtModule *m, const PtRef *in)
{
	PtGraph *g = b->g;
	const PtShape shape = pt_value(g, in[0])->shape;
	PtGiven p = probability(m);
	double q = 1 - p.value.real;
	double alpha = -1.0507009873554805 * 1.6732632423543772;
	double a = 1 / sqrt(q + alpha * alpha * p.value.real * q);
	PtRef kept, mask;

	if (!b->training || p.value.real == 0)
		return in[0];
	kept = pt_build_random(b, "random_drop", in[0], &p, 1);
	if (q == 0) /* zeros */
		return kept;
	mask = pt_expand(g, pt_cast(g, pt_real(g, 1), PT_FLOAT32), &shape);
	mask = pt_build_random_again(b, "random_drop", mask, &p, 1);
	kept = pt_mul(g, kept, pt_real(g, a * q));
	mask = pt_mul(g, mask, pt_real(g, -a * alpha * q));
	return pt_add(g, pt_add(g, kept, mask), pt_real(g, a * alpha * q));
}

/* ---------- RReLU ---------- */

static bool
check_rrelu(const PtModule *m, PtError *err)
{
	double lower = pt_args_real(m->args, "lower"), upper = pt_args_real(m->args, "upper");

	return lower <= upper ||
		   pt_fail(err, PT_EINVAL, "nn.RReLU expects lower not greater than upper, not %g and %g",
				   lower, upper);
}

static PtRef
build_rrelu(PtBuild *b, const PtModule *m, const PtRef *in)
{
	PtGraph *g = b->g;
	double lower = pt_args_real(m->args, "lower"), upper = pt_args_real(m->args, "upper");
	PtGiven bounds[] = {pt_given_real("lower", lower), pt_given_real("upper", upper)};
	PtRef x = in[0];
	PtRef low = b->training ? pt_build_random(b, "random_mul", x, bounds, 2)
							: pt_mul(g, x, pt_real(g, (lower + upper) / 2));

	return pt_where(g, pt_gt(g, x, pt_integer(g, 0)), x, low);
}

static const PtParam params[] = {
	{"p", PT_ARG_REAL, .init = 0.5, .bounded = true, .min = 0, .max = 1},
	{"inplace", PT_ARG_BOOL},
	{NULL},
};

const PtModuleType pt_dropout_modules[] = {
	{
		.name = "Dropout",
		.doc =
			"Zeroes each value with probability p while training, and scales the others by 1 / (1 - p). "
			"inplace has no effect on results.",
		.params = params,
		.build = build_dropout,
	},
	{
		.name = "AlphaDropout",
		.doc =
			"Dropout that keeps mean 0 and variance 1, for SELU networks. inplace has no effect on results.",
		.params = params,
		.build = build_alpha_dropout,
	},
	{
		.name = "RReLU",
		.doc =
			"x if it is positive, else x times a slope: random between lower and upper while training, their "
			"middle otherwise. inplace has no effect on results.",
		.params = (const PtParam[]){{"lower", PT_ARG_REAL, .init = 1.0 / 8},
									{"upper", PT_ARG_REAL, .init = 1.0 / 3},
									{"inplace", PT_ARG_BOOL},
									{NULL}},
		.check = check_rrelu,
		.build = build_rrelu,
	},
	{NULL},
};
