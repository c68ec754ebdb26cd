/*
 * cross_entropy.c -- negative log-likelihood of the softmax, for class indices or probabilities.
 *
 * Index targets go through the fused op, which also refuses classes that do not exist; rows that are
 * ignored are given class 0 there and weight 0 afterwards.  Weights, label smoothing and
 * probability targets are composed around it.  All as PyTorch 1.13: the mean divides by the weights
 * of the targets, for probabilities by the number of rows.
 */
#include <string.h>

#include "engine/modules/table.h"

/* What the pieces below share. */
typedef struct Loss
{
	PtBuild *b;
	PtGraph *g;
	const PtModule *m;
	PtRef logits; /* [N, C] */
	int64_t rows;
	int64_t classes;
	PtRef weight; /* [C], or PT_NO_REF */
	double smoothing;
} Loss;

static PtRef
log_softmax(Loss *l)
{
	PtGiven dim = {"dim", {PT_VALUE_INT, 0, {.integer = 1}}};

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
	return l->weight == PT_NO_REF ? x : pt_scalar2(l->g, PT_S_mul, x, l->weight);
}

/* The weights as a value [C]; PT_NO_REF without weights or after an error. */
static PtRef
class_weights(Loss *l)
{
	const PtValue *v = pt_args_get(l->m->args, "weight");
	PtRef *parts;
	int64_t *offsets;
	PtShape one = {1, {1}};

	if (v->kind == PT_VALUE_NONE)
		return PT_NO_REF;
	if (v->count != l->classes)
		return pt_graph_fail(
			l->g, PT_ESHAPE,
			"nn.CrossEntropyLoss has weights for %d classes, but the output has %lld", v->count,
			(long long) l->classes);
	parts = pt_arena_alloc(l->g->arena, (size_t) v->count * sizeof(*parts));
	offsets = pt_arena_alloc(l->g->arena, (size_t) v->count * sizeof(*offsets));
	if (parts == NULL || offsets == NULL)
		return pt_graph_fail(l->g, PT_ENOMEM, "out of memory");
	for (int i = 0; i < v->count; i++)
	{
		parts[i] =
			pt_reshape(l->g,
					   pt_cast(l->g, pt_real(l->g, v->reals[i]), pt_value(l->g, l->logits)->dtype),
					   &one);
		offsets[i] = i;
	}
	return pt_pack(l->g, parts, offsets, v->count, v->count);
}

static PtRef
class_range(Loss *l)
{
	PtGiven end = {"end", {PT_VALUE_INT, 0, {.integer = l->classes}}};

	return pt_apply_name(l->g, "arange", NULL, 0, &end, 1);
}

/* target: int64 [N].  Gives the rows' losses, and in *total what the mean divides their sum by. */
static PtRef
index_loss(Loss *l, PtRef target, PtRef *total)
{
	PtGraph *g = l->g;
	PtDtype dtype = pt_value(g, l->logits)->dtype;
	PtRef ignore = pt_integer(g, pt_args_int(l->m->args, "ignore_index"));
	PtRef keep = pt_scalar2(g, PT_S_ne, target, ignore);
	PtRef zero = pt_integer(g, 0);
	PtRef safe = pt_scalar3(g, PT_S_where, keep, target, zero);
	PtRef loss = pt_apply_name(g, "cross_entropy", (PtRef[]){l->logits, safe}, 2, NULL, 0);
	PtRef share = pt_cast(g, keep, dtype); /* each row's weight */

	if (l->weight != PT_NO_REF)
	{
		PtRef hot = pt_scalar2(g, PT_S_eq, pt_reshape(g, safe, &(PtShape){2, {l->rows, 1}}),
							   class_range(l));

		share = pt_scalar2(g, PT_S_mul, share,
						   sum_classes(l, pt_scalar3(g, PT_S_where, hot, l->weight, zero)));
	}
	/* an infinite loss times 0 would be NaN: where() instead of a product */
	loss = pt_scalar3(g, PT_S_where, keep, loss, zero);
	if (l->weight != PT_NO_REF)
		loss = pt_scalar2(g, PT_S_mul, loss, share);
	if (l->smoothing > 0)
	{
		PtRef smooth = pt_scalar1(g, PT_S_neg, sum_classes(l, weighted(l, log_softmax(l))));

		smooth = pt_scalar3(g, PT_S_where, keep, smooth, zero);
		loss = pt_scalar2(g, PT_S_add, pt_scalar2(g, PT_S_mul, loss, pt_real(g, 1 - l->smoothing)),
						  pt_scalar2(g, PT_S_mul, smooth,
									 pt_real(g, l->smoothing / (double) l->classes)));
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
		target =
			pt_scalar2(g, PT_S_add, pt_scalar2(g, PT_S_mul, target, pt_real(g, 1 - l->smoothing)),
					   pt_real(g, l->smoothing / (double) l->classes));
	*total = pt_real(g, (double) l->rows);
	return pt_scalar1(g, PT_S_neg,
					  sum_classes(l, weighted(l, pt_scalar2(g, PT_S_mul, log_softmax(l), target))));
}

/* [N, C, d1, ...] -> [N * d1 * ..., C] */
static PtRef
classes_last(PtGraph *g, PtRef x, int64_t rows)
{
	PtShape s = pt_value(g, x)->shape;
	int64_t order[PT_MAX_DIM];
	PtGiven dims = {"dims", {PT_VALUE_INTS, s.ndim, {.ints = order}}};

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
build(PtBuild *b, const PtModule *m, const PtRef *in, int nin)
{
	PtGraph *g = b->g;
	PtRef target = in[1];
	const PtShape s = pt_value(g, in[0])->shape;
	PtShape want = s; /* of index targets: without the classes */
	const PtGraphValue *t = pt_value(g, target);
	bool indices = !pt_dtype_is_float(t->dtype);
	Loss l = {.b = b, .g = g, .m = m, .smoothing = pt_args_real(m->args, "label_smoothing")};
	const char *reduction = pt_args_word(m->args, "reduction");
	char x[PT_SHAPE_TEXT];
	char y[PT_SHAPE_TEXT];
	PtRef total;
	PtRef loss;

	(void) nin;
	if (s.ndim < 2)
		return pt_graph_fail(g, PT_ESHAPE,
							 "nn.CrossEntropyLoss expects an output of shape [N, C], not %s",
							 pt_shape_print(&s, x));
	want.ndim--;
	for (int i = 1; i < want.ndim; i++)
		want.dim[i] = s.dim[i + 1];
	if (!pt_shape_equal(&t->shape, indices ? &want : &s))
		return pt_graph_fail(
			g, PT_ESHAPE,
			"nn.CrossEntropyLoss: for an output of shape %s, %s must have shape %s, not %s",
			pt_shape_print(&s, x), indices ? "class indices" : "class probabilities",
			indices ? pt_shape_print(&want, (char[PT_SHAPE_TEXT]){0}) : x,
			pt_shape_print(&t->shape, y));
	l.classes = s.dim[1];
	l.rows = pt_shape_numel(&want);
	l.logits = classes_last(g, in[0], l.rows);
	l.weight = class_weights(&l);
	if (indices)
		loss = index_loss(&l, pt_reshape(g, pt_cast(g, target, PT_INT64), &(PtShape){1, {l.rows}}),
						  &total);
	else
		loss = probability_loss(&l, classes_last(g, target, l.rows), &total);
	if (g->error.code != PT_OK)
		return PT_NO_REF;
	if (strcmp(reduction, "mean") == 0)
		return pt_scalar2(g, PT_S_div, pt_sum(g, loss, NULL, 0, false), total);
	return pt_reshape(g, pt_reduce_loss(b, m, loss),
					  strcmp(reduction, "sum") == 0 ? &(PtShape){0} : &want);
}

static const PtParam params[] = {
	{"weight", PT_ARG_REALS, .init_none = true},
	{"ignore_index", PT_ARG_INT, .init = -100},
	{"reduction", PT_ARG_WORD, .text = "mean", .words = pt_reductions},
	{"label_smoothing", PT_ARG_REAL, .bounded = true, .min = 0, .max = 1},
	{NULL},
};

const PtModuleType pt_loss_cross_entropy = {
	.name = "CrossEntropyLoss",
	.kind = PT_MODULE_LOSS,
	.doc =
		"Negative log-likelihood of the softmax of the outputs. Targets are class indices or class probabilities.",
	.params = params,
	.build = build,
	.class_targets = true,
	.probability = "softmax",
};
