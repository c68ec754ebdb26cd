/*
 * elementwise.c
 *	  Losses of each element of the output and the target's at the same place.
 *
 * A row is a formula in the expression language over x (output), y (target) and the numeric arguments.
 * Where it has a kink it is written so that autograd gives PyTorch's gradient there:
 * "where(z <= 0, 0, z)" stops the gradient at 0 as clamp_min does, and lets NaN through;
 * "maximum(z, 0) + log1p(exp(-abs(z)))" is softplus with 1/2 at 0.
 */
#include <float.h>
#include <string.h>

#include "engine/losses/losses.h"

/* The formula's losses, one an element; PT_NO_REF if the shapes differ. */
static PtRef
elements(PtBuild *b, const PtModule *m, const PtRef *in, const char *formula)
{
	PtVar vars[] = {{"x", in[0]}, {"y", in[1]}};

	if (!pt_loss_same_shape(b->g, m, in[0], in[1]))
		return PT_NO_REF;
	return pt_loss_run(b->g, m, formula, vars, 2);
}

static PtRef
reduced(PtBuild *b, const PtModule *m, PtRef loss)
{
	return loss == PT_NO_REF ? PT_NO_REF : pt_reduce_loss(b, m, loss);
}

static const PtParam reduction_params[] = {PT_LOSS_REDUCTION, {NULL}};

/* ---------- regression ---------- */

static PtRef
build_mse(PtBuild *b, const PtModule *m, const PtRef *in)
{
	return reduced(b, m, elements(b, m, in, "loss = square(x - y)"));
}

static PtRef
build_l1(PtBuild *b, const PtModule *m, const PtRef *in)
{
	return reduced(b, m, elements(b, m, in, "loss = abs(x - y)"));
}

static PtRef
build_smooth_l1(PtBuild *b, const PtModule *m, const PtRef *in)
{
	if (pt_args_real(m->args, "beta") == 0)
		return reduced(b, m, elements(b, m, in, "loss = abs(x - y)"));
	return reduced(b, m,
				   elements(b, m, in,
							"z = abs(x - y);"
							"loss = where(z < beta, square(z) * (0.5 / beta), z - 0.5 * beta)"));
}

static PtRef
build_huber(PtBuild *b, const PtModule *m, const PtRef *in)
{
	return reduced(b, m,
				   elements(b, m, in,
							"z = abs(x - y); c = minimum(z, delta); loss = c * (z - 0.5 * c)"));
}

/* ---------- distributions ---------- */

static PtRef
build_kl_div(PtBuild *b, const PtModule *m, const PtRef *in)
{
	PtGraph *g = b->g;
	PtRef loss = elements(b, m, in,
						  pt_args_bool(m->args, "log_target")
							  ? "loss = exp(y) * (y - x)"
							  : "loss = where(y == 0, 0, y * log(y)) - y * x");

	if (loss == PT_NO_REF || strcmp(pt_args_word(m->args, "reduction"), "batchmean") != 0)
		return reduced(b, m, loss);
	if (pt_value(g, loss)->shape.ndim == 0)
		return pt_graph_fail(g, PT_ESHAPE,
							 "nn.KLDivLoss: reduction='batchmean' needs a batch dimension");
	return pt_div(g, pt_sum(g, loss, NULL, 0, false),
				  pt_real(g, (double) pt_value(g, loss)->shape.dim[0]));
}

static const char *const kl_div_reductions[] = {"none", "batchmean", "mean", "sum", NULL};

static PtRef
build_poisson(PtBuild *b, const PtModule *m, const PtRef *in)
{
	/* Stirling's approximation of log(y!), for y > 1 */
	static const char *const formulas[] = {
		"loss = x - y * log(x + eps)", "loss = exp(x) - y * x",
		"loss = x - y * log(x + eps) + where(y <= 1, 0, y * log(y) - y + 0.5 * log(6.283185307179586 * y))",
		"loss = exp(x) - y * x + where(y <= 1, 0, y * log(y) - y + 0.5 * log(6.283185307179586 * y))"};

	return reduced(b, m,
				   elements(b, m, in,
							formulas[2 * pt_args_bool(m->args, "full") +
									 pt_args_bool(m->args, "log_input")]));
}

/* Output [B, 2k, ...] as means and variances, for targets [B, k, ...]. */
static PtRef
build_gaussian(PtBuild *b, const PtModule *m, const PtRef *in)
{
	/*
	 * As PyTorch's clamp under no_grad: a variance below eps counts as eps, and the gradient passes.  A
	 * negative one gives NaN (PyTorch: an error).
	 */
	static const char formula[] =
		"v = where(var < 0, detach(log(var)), var + detach(maximum(var, eps) - var));"
		"loss = 0.5 * (log(v) + square(mean - y) / v)";
	static const char full[] =
		"v = where(var < 0, detach(log(var)), var + detach(maximum(var, eps) - var));"
		"loss = 0.5 * (log(v) + square(mean - y) / v) + 0.9189385332046727";
	PtGraph *g = b->g;
	const PtShape x = pt_value(g, in[0])->shape;
	const PtShape y = pt_value(g, in[1])->shape;
	PtShape split = y;
	PtRef parts[2];
	char text[2][PT_SHAPE_TEXT];

	if (y.ndim >= 2)
		split.dim[1] *= 2;
	if (y.ndim < 2 || !pt_shape_equal(&x, &split))
	{
		pt_graph_fail(
			g, PT_ESHAPE,
			"nn.GaussianNLLLoss: for a target of shape %s, the output must have shape %s, not %s",
			pt_shape_print(&y, text[0]),
			y.ndim < 2 ? "[batch, 2k] and the target [batch, k]"
					   : pt_shape_print(&split, (char[PT_SHAPE_TEXT]){0}),
			pt_shape_print(&x, text[1]));
		pt_hint(&g->error, "The output holds the k means, then the k variances.");
		return PT_NO_REF;
	}
	if (y.ndim == PT_MAX_DIM)
		return pt_graph_fail(g, PT_ELIMIT, "nn.GaussianNLLLoss takes at most %d dimensions",
							 PT_MAX_DIM - 1);
	split = (PtShape){y.ndim + 1, {y.dim[0], 2}};
	for (int i = 1; i < y.ndim; i++)
		split.dim[i + 1] = y.dim[i];
	if (!pt_loss_parts(g, m, pt_reshape(g, in[0], &split), 2, "means and variances", parts))
		return PT_NO_REF;
	return reduced(b, m,
				   pt_loss_run(g, m, pt_args_bool(m->args, "full") ? full : formula,
							   (PtVar[]){{"mean", parts[0]}, {"var", parts[1]}, {"y", in[1]}}, 3));
}

/* ---------- two classes, targets 1 and -1 ---------- */

static PtRef
build_soft_margin(PtBuild *b, const PtModule *m, const PtRef *in)
{
	/* log(1 + exp(-y x)) without its overflow */
	return reduced(b, m,
				   elements(b, m, in, "z = -y * x; loss = maximum(z, 0) + log1p(exp(-abs(z)))"));
}

static PtRef
build_hinge(PtBuild *b, const PtModule *m, const PtRef *in)
{
	return reduced(b, m,
				   elements(b, m, in,
							"z = margin - x;"
							"loss = where(y != 1, where(z <= 0, 0, z), 0) + where(y != -1, x, 0)"));
}

const PtModuleType pt_elementwise_losses[] = {
	{
		.name = "MSELoss",
		.doc = "Mean squared error: (output - target)^2.",
		.params = reduction_params,
		.build = build_mse,
		.loss = &(const PtLossType){.target = PT_TARGET_NUMBERS},
	},
	{
		.name = "L1Loss",
		.doc = "Mean absolute error: |output - target|.",
		.params = reduction_params,
		.build = build_l1,
		.loss = &(const PtLossType){.target = PT_TARGET_NUMBERS},
	},
	{
		.name = "SmoothL1Loss",
		.doc = "Absolute error, but a squared one, divided by beta, where it is less than beta.",
		.params = (const PtParam[]){PT_LOSS_REDUCTION,
									{"beta", PT_ARG_REAL, .init = 1, .bounded = true, .min = 0,
									 .max = DBL_MAX},
									{NULL}},
		.build = build_smooth_l1,
		.loss = &(const PtLossType){.target = PT_TARGET_NUMBERS},
	},
	{
		.name = "HuberLoss",
		.doc = "Half the squared error, but linear from delta on.",
		.params = (const PtParam[]){PT_LOSS_REDUCTION,
									{"delta", PT_ARG_REAL, .init = 1, .bounded = true, .open = true,
									 .min = 0, .max = HUGE_VAL},
									{NULL}},
		.build = build_huber,
		.loss = &(const PtLossType){.target = PT_TARGET_NUMBERS},
	},
	{
		.name = "KLDivLoss",
		.doc =
			"Kullback-Leibler divergence: target * (log(target) - output), where the output is log-probabilities. "
			"reduction => 'batchmean' is the divergence proper.",
		.params = (const PtParam[]){{"reduction", PT_ARG_WORD, .text = "mean",
									 .words = kl_div_reductions},
									{"log_target", PT_ARG_BOOL},
									{NULL}},
		.build = build_kl_div,
		.loss = &(const PtLossType){.target = PT_TARGET_NUMBERS},
	},
	{
		.name = "PoissonNLLLoss",
		.doc =
			"Negative log-likelihood of Poisson counts: exp(output) - target * output, or of the rate itself "
			"with log_input => false.",
		.params = (const PtParam[]){{"log_input", PT_ARG_BOOL, .init = 1},
									{"full", PT_ARG_BOOL},
									{"eps", PT_ARG_REAL, .init = 1e-8, PT_LOSS_FINITE},
									PT_LOSS_REDUCTION,
									{NULL}},
		.build = build_poisson,
		.loss = &(const PtLossType){.target = PT_TARGET_NUMBERS},
	},
	{
		.name = "GaussianNLLLoss",
		.doc =
			"Negative log-likelihood of normal distributions. The output holds k means, then k variances "
			"(not negative, so end that half with nn.Softplus() or exp), for k target columns.",
		.params = (const PtParam[]){{"full", PT_ARG_BOOL, .keyword = true},
									{"eps", PT_ARG_REAL, .keyword = true, .init = 1e-6,
									 .bounded = true, .min = 0, .max = HUGE_VAL},
									PT_LOSS_REDUCTION,
									{NULL}},
		.build = build_gaussian,
		.loss =
			&(const PtLossType){
				.target = PT_TARGET_NUMBERS,
				.domain =
					"The second half of the outputs are variances, which must not be negative: end it with nn.Softplus() or exp."},
	},
	{
		.name = "SoftMarginLoss",
		.doc = "Logistic loss log(1 + exp(-target * output)) for targets 1 and -1.",
		.params = reduction_params,
		.build = build_soft_margin,
		.loss = &(const PtLossType){.target = PT_TARGET_NUMBERS},
	},
	{
		.name = "HingeEmbeddingLoss",
		.doc =
			"Of a distance: itself where the target is 1, max(0, margin - output) where it is -1.",
		.params = (const PtParam[]){{"margin", PT_ARG_REAL, .init = 1, PT_LOSS_FINITE},
									PT_LOSS_REDUCTION,
									{NULL}},
		.build = build_hinge,
		.loss = &(const PtLossType){.target = PT_TARGET_NUMBERS},
	},
	{NULL},
};
