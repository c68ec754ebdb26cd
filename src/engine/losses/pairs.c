/*
 * pairs.c
 *	  Losses that compare several outputs of one network: similarity, ranking, triplets.
 *
 * PyTorch gives them two or three tensors.  Here they are the parts of one output along
 * dimension 1: a model that maps [F] to [D] maps a feature column of shape [2, F] (in SQL:
 * ARRAY[a, b]) to [2, D], the same weights for each part.
 */
#include <math.h>

#include "engine/losses/losses.h"

/* ---------- cosine ---------- */

static PtRef
build_cosine(PtBuild *b, const PtModule *m, const PtRef *in)
{
	PtGraph *g = b->g;
	const PtShape s = pt_value(g, in[0])->shape;
	PtRef parts[2], y;
	char text[PT_SHAPE_TEXT];

	if (s.ndim != 3)
	{
		pt_graph_fail(g, PT_ESHAPE,
					  "nn.CosineEmbeddingLoss expects an output of shape [batch, 2, D], not %s",
					  pt_shape_print(&s, text));
		pt_hint(
			&g->error,
			"Feed pairs as one feature column, ARRAY[a, b], so that each row's output is [2, D].");
		return PT_NO_REF;
	}
	if (!pt_loss_parts(g, m, in[0], 2, "the two vectors that are compared", parts))
		return PT_NO_REF;
	y = pt_loss_target(g, m, in[1], &(PtShape){1, {s.dim[0]}});
	if (y == PT_NO_REF)
		return PT_NO_REF;
	return pt_reduce_loss(
		b, m,
		pt_loss_run(
			g, m,
			"squares = (sum(square(a), 1) + 1e-12) * (sum(square(b), 1) + 1e-12);"
			"similarity = sum(a * b, 1) / sqrt(squares);"
			"z = similarity - margin;"
			"loss = where(y == 1, 1 - similarity, 0) + where(y == -1, where(z <= 0, 0, z), 0)",
			(PtVar[]){{"a", parts[0]}, {"b", parts[1]}, {"y", y}}, 3));
}

/* ---------- ranking ---------- */

static PtRef
build_ranking(PtBuild *b, const PtModule *m, const PtRef *in)
{
	PtGraph *g = b->g;
	PtRef parts[2], y;
	PtShape shape;

	if (!pt_loss_parts(
			g, m, in[0], 2,
			"the two scores that are ranked; feed pairs as one feature column, ARRAY[a, b]", parts))
		return PT_NO_REF;
	shape = pt_value(g, parts[0])->shape;
	y = pt_loss_target(g, m, in[1], &shape);
	if (y == PT_NO_REF)
		return PT_NO_REF;
	return pt_reduce_loss(b, m,
						  pt_loss_run(g, m, "z = -y * (a - b) + margin; loss = where(z <= 0, 0, z)",
									  (PtVar[]){{"a", parts[0]}, {"b", parts[1]}, {"y", y}}, 3));
}

/* ---------- triplets ---------- */

/* The p-norm of a - b + eps along the last dimension; gradient 0 where it is 0. */
static PtRef
distance(PtGraph *g, const PtModule *m, PtRef a, PtRef b)
{
	double p = pt_args_real(m->args, "p");
	PtVar vars[] = {{"a", a}, {"b", b}};
	const char *formula;

	if (p == 1)
		formula = "loss = sum(abs(a - b + eps), -1)";
	else if (p == 2)
		formula = "s = sum(square(a - b + eps), -1);"
				  "loss = where(s == 0, 0, sqrt(where(s == 0, 1, s)))";
	else if (isinf(p))
		formula = "loss = amax(abs(a - b + eps), -1)";
	else
		formula = "q = abs(a - b + eps);"
				  "s = sum(where(q == 0, 0, pow(where(q == 0, 1, q), p)), -1);"
				  "loss = where(s == 0, 0, pow(where(s == 0, 1, s), 1 / p))";
	return pt_loss_run(g, m, formula, vars, 2);
}

/* A norm's order may be infinite, but not 0 or less. */
static bool
check_triplet(const PtModule *m, PtError *err)
{
	double p = pt_args_real(m->args, "p");
	char text[PT_REAL_TEXT];

	return p > 0 || pt_fail(err, PT_EINVAL,
							"argument \"p\" of nn.TripletMarginLoss must be greater than 0, not %s",
							pt_real_print(p, text));
}

static PtRef
build_triplet(PtBuild *b, const PtModule *m, const PtRef *in)
{
	PtGraph *g = b->g;
	const PtShape s = pt_value(g, in[0])->shape;
	PtRef parts[3], near, far;
	char text[PT_SHAPE_TEXT];

	if (s.ndim < 3)
	{
		pt_graph_fail(g, PT_ESHAPE,
					  "nn.TripletMarginLoss expects an output of shape [batch, 3, D], not %s",
					  pt_shape_print(&s, text));
		pt_hint(
			&g->error,
			"Feed triplets as one feature column, ARRAY[anchor, positive, negative], so that each row's output is [3, D].");
		return PT_NO_REF;
	}
	if (!pt_loss_parts(g, m, in[0], 3, "anchor, positive and negative", parts))
		return PT_NO_REF;
	near = distance(g, m, parts[0], parts[1]);
	far = distance(g, m, parts[0], parts[2]);
	if (pt_args_bool(m->args, "swap"))
		far = pt_minimum(g, far, distance(g, m, parts[1], parts[2]));
	return pt_reduce_loss(b, m,
						  pt_loss_run(g, m, "z = margin + near - far; loss = where(z <= 0, 0, z)",
									  (PtVar[]){{"near", near}, {"far", far}}, 2));
}

const PtModuleType pt_pairs_losses[] = {
	{
		.name = "CosineEmbeddingLoss",
		.doc =
			"Of two vectors: 1 - cosine where the target is 1, max(0, cosine - margin) where it is -1. Each row's output has "
			"shape [2, D]: feed the pairs as one feature column, ARRAY[a, b].",
		.params =
			(const PtParam[]){{"margin", PT_ARG_REAL, PT_LOSS_FINITE}, PT_LOSS_REDUCTION, {NULL}},
		.build = build_cosine,
		.loss = &(const PtLossType){.target = PT_TARGET_NUMBERS},
	},
	{
		.name = "MarginRankingLoss",
		.doc =
			"Of two scores: max(0, -target * (first - second) + margin), where the target is 1 if the first shall be larger, "
			"else -1. Each row's output has shape [2] or [2, 1]: feed the pairs as one feature column, ARRAY[a, b].",
		.params =
			(const PtParam[]){{"margin", PT_ARG_REAL, PT_LOSS_FINITE}, PT_LOSS_REDUCTION, {NULL}},
		.build = build_ranking,
		.loss = &(const PtLossType){.target = PT_TARGET_NUMBERS},
	},
	{
		.name = "TripletMarginLoss",
		.doc =
			"max(0, margin + |anchor - positive| - |anchor - negative|) with p-norms. Each row's output has shape [3, D]: feed "
			"the triplets as one feature column, ARRAY[anchor, positive, negative]. The target column is not looked at; "
			"select any number.",
		.params = (const PtParam[]){{"margin", PT_ARG_REAL, .init = 1, .bounded = true,
									 .open = true, .min = 0, .max = HUGE_VAL},
									{"p", PT_ARG_REAL, .init = 2},
									{"eps", PT_ARG_REAL, .init = 1e-6, PT_LOSS_FINITE},
									{"swap", PT_ARG_BOOL},
									PT_LOSS_REDUCTION,
									{NULL}},
		.check = check_triplet,
		.build = build_triplet,
		.loss = &(const PtLossType){.target = PT_TARGET_NUMBERS},
	},
	{NULL},
};
