/*
 * cross_entropy.c
 *	  Negative log-likelihood of classes: of the softmax of logits (CrossEntropyLoss), or of
 *	  log-probabilities that the model gives (NLLLoss).
 *
 * Targets are class indices or probabilities.  Index targets of logits go through the fused op, which also
 * refuses classes that do not exist; rows that are ignored are given class 0 there and weight 0
 * afterwards.  Weights, label smoothing and probability targets are composed around it.  All as PyTorch
 * (whose NLLLoss takes no probabilities): the mean divides by the weights of the targets, for
 * probabilities by the number of rows.
 */
#include <string.h>

#include "engine/losses/losses.h"

/* What the pieces below share. */
typedef struct Loss
{
	PtBuild *b;
	PtGraph *g;
	const PtModule *m;
	PtRef logits; /* [N, C]; of NLLLoss log-probabilities */
	bool logs;	  /* NLLLoss */
	int64_t rows;
	int64_t classes;
	PtRef weight; /* [C], or PT_NO_REF */
	double smoothing;
} Loss;

static PtRef
log_softmax(Loss *l)
{
	PtGiven dim = pt_given_int("dim", 1);

	if (l->logs)
		return l->logits;
	return pt_apply_name(l->g, "log_softmax", &l->logits, 1, &dim, 1);
}

static PtRef
sum_classes(Loss *l, PtRef x)
{
	return pt_sum(l->g, x, (int64_t[]){1}, 1, false);
}

static PtRef
weighted(Loss *l, PtRef x)
{
	return l->weight == PT_NO_REF ? x : pt_mul(l->g, x, l->weight);
}

/* [N, C]: is this the target? */
static PtRef
one_hot(Loss *l, PtRef target)
{
	return pt_eq(l->g, pt_reshape(l->g, target, &(PtShape){2, {l->rows, 1}}),
				 pt_arange(l->g, l->classes));
}

/* The rows' negative log-probabilities of the target. */
static PtRef
target_loss(Loss *l, PtRef target)
{
	PtRef minus;

	if (!l->logs)
		return pt_apply_name(l->g, "cross_entropy", (PtRef[]){l->logits, target}, 2, NULL, 0);
	minus = pt_neg(l->g, l->logits);
	return sum_classes(l, pt_where(l->g, one_hot(l, pt_loss_checked(l->g, target, l->classes)),
								   minus, pt_integer(l->g, 0)));
}

/* target: int64 [N].  Gives the rows' losses, and in *total what the mean divides their sum by. */
static PtRef
index_loss(Loss *l, PtRef target, PtRef *total)
{
	PtGraph *g = l->g;
	PtDtype dtype = pt_value(g, l->logits)->dtype;
	PtRef ignore = pt_integer(g, pt_args_int(l->m->args, "ignore_index"));
	PtRef keep = pt_ne(g, target, ignore);
	PtRef zero = pt_integer(g, 0);
	PtRef safe = pt_where(g, keep, target, zero);
	PtRef loss = target_loss(l, safe);
	PtRef share = pt_cast(g, keep, dtype); /* each row's weight */

	if (l->weight != PT_NO_REF)
		share = pt_mul(g, share, sum_classes(l, pt_where(g, one_hot(l, safe), l->weight, zero)));
	/* an infinite loss times 0 would be NaN: where() instead of a product */
	loss = pt_where(g, keep, loss, zero);
	if (l->weight != PT_NO_REF)
		loss = pt_mul(g, loss, share);
	if (l->smoothing > 0)
	{
		PtRef smooth = pt_neg(g, sum_classes(l, weighted(l, log_softmax(l))));

		smooth = pt_where(g, keep, smooth, zero);
		loss = pt_add(g, pt_mul(g, loss, pt_real(g, 1 - l->smoothing)),
					  pt_mul(g, smooth, pt_real(g, l->smoothing / (double) l->classes)));
	}
	*total = pt_sum(g, share, NULL, 0, false);
	return loss;
}

/* target: probabilities [N, C]. */
static PtRef
probability_loss(Loss *l, PtRef target, PtRef *total)
{
	PtGraph *g = l->g;

	if (l->smoothing > 0)
		target = pt_add(g, pt_mul(g, target, pt_real(g, 1 - l->smoothing)),
						pt_real(g, l->smoothing / (double) l->classes));
	*total = pt_real(g, (double) l->rows);
	return pt_neg(g, sum_classes(l, weighted(l, pt_mul(g, log_softmax(l), target))));
}

/* [N, C, d1, ...] -> [N * d1 * ..., C] */
static PtRef
classes_last(PtGraph *g, PtRef x, int64_t rows)
{
	PtShape s = pt_value(g, x)->shape;
	int64_t order[PT_MAX_DIM];
	PtGiven dims = pt_given_ints("dims", order, s.ndim);

	if (s.ndim == 2)
		return x;
	order[0] = 0;
	for (int i = 1; i < s.ndim - 1; i++)
		order[i] = i + 1;
	order[s.ndim - 1] = 1;
	return pt_reshape(g, pt_apply_name(g, "permute", &x, 1, &dims, 1),
					  &(PtShape){2, {rows, s.dim[1]}});
}

static PtRef
build_classes(PtBuild *b, const PtModule *m, const PtRef *in, bool logs)
{
	PtGraph *g = b->g;
	PtRef target = in[1];
	const PtShape s = pt_value(g, in[0])->shape;
	PtShape want = s; /* of index targets: without the classes */
	const PtGraphValue *t = pt_value(g, target);
	bool indices = !pt_dtype_is_float(t->dtype);
	Loss l = {.b = b, .g = g, .m = m, .logs = logs};
	const char *reduction = pt_args_word(m->args, "reduction");
	char x[PT_SHAPE_TEXT];
	char y[PT_SHAPE_TEXT];
	PtRef total;
	PtRef loss;

	if (!logs)
		l.smoothing = pt_args_real(m->args, "label_smoothing");
	if (s.ndim < 2)
		return pt_graph_fail(g, PT_ESHAPE,
							 "nn.%s expects an output of shape [batch, classes], not %s",
							 m->type->name, pt_shape_print(&s, x));
	want.ndim--;
	for (int i = 1; i < want.ndim; i++)
		want.dim[i] = s.dim[i + 1];
	if (!pt_shape_equal(&t->shape, indices ? &want : &s))
		return pt_graph_fail(g, PT_ESHAPE,
							 "nn.%s: for an output of shape %s, %s must have shape %s, not %s",
							 m->type->name, pt_shape_print(&s, x),
							 indices ? "class indices" : "class probabilities",
							 indices ? pt_shape_print(&want, (char[PT_SHAPE_TEXT]){0}) : x,
							 pt_shape_print(&t->shape, y));
	if (!indices && pt_args_int(m->args, "ignore_index") >= 0)
		return pt_graph_fail(
			g, PT_EINVAL,
			"nn.%s: ignore_index=%lld is for class indices, but the target has class probabilities",
			m->type->name, (long long) pt_args_int(m->args, "ignore_index"));
	l.classes = s.dim[1];
	l.rows = pt_shape_numel(&want);
	l.logits = classes_last(g, in[0], l.rows);
	l.weight = pt_loss_list(g, m, "weight", l.classes, "classes", pt_value(g, l.logits)->dtype);
	if (indices)
		loss = index_loss(&l, pt_reshape(g, pt_cast(g, target, PT_INT64), &(PtShape){1, {l.rows}}),
						  &total);
	else
		loss = probability_loss(&l, classes_last(g, target, l.rows), &total);
	if (g->error.code != PT_OK)
		return PT_NO_REF;
	if (strcmp(reduction, "mean") == 0)
		return pt_div(g, pt_sum(g, loss, NULL, 0, false), total);
	return pt_reshape(g, pt_reduce_loss(b, m, loss),
					  strcmp(reduction, "sum") == 0 ? &(PtShape){0} : &want);
}

static PtRef
build_cross_entropy(PtBuild *b, const PtModule *m, const PtRef *in)
{
	return build_classes(b, m, in, false);
}

static PtRef
build_nll(PtBuild *b, const PtModule *m, const PtRef *in)
{
	return build_classes(b, m, in, true);
}

#define CLASSES                                                                              \
	{"weight", PT_ARG_REALS, .init_none = true}, {"ignore_index", PT_ARG_INT, .init = -100}, \
		PT_LOSS_REDUCTION

const PtModuleType pt_cross_entropy_losses[] = {
	{
		.name = "CrossEntropyLoss",
		.doc =
			"Negative log-likelihood of the softmax of the outputs. Targets are class indices or class probabilities.",
		.params =
			(const PtParam[]){CLASSES,
							  {"label_smoothing", PT_ARG_REAL, .bounded = true, .min = 0, .max = 1},
							  {NULL}},
		.build = build_cross_entropy,
		.loss = &(const PtLossType){.target = PT_TARGET_CLASS, .probability = "softmax"},
	},
	{
		.name = "NLLLoss",
		.doc =
			"Negative log-likelihood of outputs that are log-probabilities (the model ends with nn.LogSoftmax(1)). Targets "
			"are class indices or class probabilities.",
		.params = (const PtParam[]){CLASSES, {NULL}},
		.build = build_nll,
		.loss = &(const PtLossType){.target = PT_TARGET_CLASS, .probability = "exp"},
	},
	{NULL},
};
