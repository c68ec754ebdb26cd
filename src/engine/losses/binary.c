/*
 * binary.c
 *	  Losses of yes-or-no targets between 0 and 1, each output one question.
 *
 * Their gradients are PyTorch's at saturation, too: BCELoss's is (x - y) / max(x (1 - x), 1e-12)
 * wherever the logarithm of its value was cut off at -100, so value and gradient are composed
 * apart from each other.  An output that is no probability gives NaN (PyTorch: an error).
 */
#include <math.h>

#include "engine/losses/losses.h"

/* A list of numbers for the last dimension: [k], one for each output of a row. */
static PtRef
per_output(PtBuild *b, const PtModule *m, const char *argument, PtRef output)
{
	const PtShape s = pt_value(b->g, output)->shape;

	return pt_loss_list(b->g, m, argument, s.ndim > 0 ? s.dim[s.ndim - 1] : 1, "columns",
						pt_value(b->g, output)->dtype);
}

/* The formula over x, y and (if it is given) pos_weight, times the weight. */
static PtRef
weighted(PtBuild *b, const PtModule *m, const PtRef *in, PtRef pos_weight, const char *formula)
{
	PtGraph *g = b->g;
	PtVar vars[] = {{"x", in[0]}, {"y", in[1]}, {"pos_weight", pos_weight}};
	PtRef weight, loss;

	if (!pt_loss_same_shape(g, m, in[0], in[1]))
		return PT_NO_REF;
	weight = per_output(b, m, "weight", in[0]);
	loss = pt_loss_run(g, m, formula, vars, pos_weight == PT_NO_REF ? 2 : 3);
	if (weight != PT_NO_REF)
		loss = pt_mul(g, loss, weight);
	return g->error.code == PT_OK ? loss : PT_NO_REF;
}

static PtRef
build_bce(PtBuild *b, const PtModule *m, const PtRef *in)
{
	PtRef loss = weighted(b, m, in, PT_NO_REF,
						  "v = (y - 1) * maximum(log1p(-x), -100) - y * maximum(log(x), -100);"
						  "slope = (x - y) / maximum(x * (1 - x), 1e-12);"
						  "loss = detach(v) + (x - detach(x)) * detach(slope)");

	return loss == PT_NO_REF ? PT_NO_REF : pt_reduce_loss(b, m, loss);
}

static const PtParam weight_params[] = {{"weight", PT_ARG_REALS, .init_none = true},
										PT_LOSS_REDUCTION,
										{NULL}};

static PtRef
build_bce_with_logits(PtBuild *b, const PtModule *m, const PtRef *in)
{
	PtRef positive = per_output(b, m, "pos_weight", in[0]);
	PtRef loss =
		weighted(b, m, in, positive,
				 positive == PT_NO_REF
					 ? "loss = (1 - y) * x + maximum(-x, 0) + log1p(exp(-abs(x)))"
					 : "loss = (1 - y) * x"
					   " + (1 + (pos_weight - 1) * y) * (maximum(-x, 0) + log1p(exp(-abs(x))))");

	return loss == PT_NO_REF ? PT_NO_REF : pt_reduce_loss(b, m, loss);
}

static PtRef
build_multi_label(PtBuild *b, const PtModule *m, const PtRef *in)
{
	PtGraph *g = b->g;
	const PtShape s = pt_value(g, in[0])->shape;
	PtRef loss;
	char text[PT_SHAPE_TEXT];

	if (s.ndim < 2)
		return pt_graph_fail(
			g, PT_ESHAPE,
			"nn.MultiLabelSoftMarginLoss expects an output of shape [batch, classes], not %s",
			pt_shape_print(&s, text));
	loss = weighted(b, m, in, PT_NO_REF,
					"rest = log1p(exp(-abs(x)));"
					"loss = y * (maximum(-x, 0) + rest) + (1 - y) * (maximum(x, 0) + rest)");
	if (loss == PT_NO_REF)
		return PT_NO_REF;
	loss = pt_sum(g, loss, (int64_t[]){s.ndim - 1}, 1, false);
	return pt_reduce_loss(b, m, pt_div(g, loss, pt_real(g, (double) s.dim[s.ndim - 1])));
}

const PtModuleType pt_binary_losses[] = {
	{
		.name = "BCELoss",
		.doc =
			"Binary cross-entropy of outputs that are probabilities (the model ends with nn.Sigmoid()), for targets "
			"from 0 to 1 or a column of two labels. weight has one element for each output.",
		.params = weight_params,
		.no_autocast = "Use nn.BCEWithLogitsLoss(), and let the model end without nn.Sigmoid().",
		.build = build_bce,
		.loss =
			&(const PtLossType){
				.target = PT_TARGET_BINARY,
				.domain =
					"Outputs must be between 0 and 1: end the model with nn.Sigmoid(), or use nn.BCEWithLogitsLoss().",
				.probability = ""},
	},
	{
		.name = "BCEWithLogitsLoss",
		.doc =
			"Binary cross-entropy of the sigmoid of the outputs, for targets from 0 to 1 or a column of two labels. weight "
			"and pos_weight (of the positive answers) have one element for each output.",
		.params = (const PtParam[]){{"weight", PT_ARG_REALS, .init_none = true},
									PT_LOSS_REDUCTION,
									{"pos_weight", PT_ARG_REALS, .init_none = true},
									{NULL}},
		.build = build_bce_with_logits,
		.loss = &(const PtLossType){.target = PT_TARGET_BINARY, .probability = "sigmoid"},
	},
	{
		.name = "MultiLabelSoftMarginLoss",
		.doc =
			"Binary cross-entropy of the sigmoid of each class's output, averaged over the classes, for targets 0 and 1. "
			"weight has one element for each class.",
		.params = weight_params,
		.build = build_multi_label,
		.loss = &(const PtLossType){.target = PT_TARGET_NUMBERS},
	},
	{NULL},
};
