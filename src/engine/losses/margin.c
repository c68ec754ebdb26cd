/*
 * margin.c
 *	  Multi-class hinge losses: the right classes' outputs shall exceed the others' by a margin.
 *
 * Targets are class indices; the one-hot comparison stands for picking elements.  Indices that do not
 * exist are an error when the loss runs.
 */
#include "engine/losses/losses.h"

static bool
check_output(PtGraph *g, const PtModule *m, PtRef output)
{
	const PtShape s = pt_value(g, output)->shape;
	char text[PT_SHAPE_TEXT];

	if (g->error.code != PT_OK)
		return false;
	if (s.ndim == 2 && s.dim[1] > 0)
		return true;
	return pt_graph_fail(g, PT_ESHAPE, "nn.%s expects an output of shape [batch, classes], not %s",
						 m->type->name, pt_shape_print(&s, text));
}

static bool
check_indices(PtGraph *g, const PtModule *m, PtRef target, const PtShape *want)
{
	const PtGraphValue *t = pt_value(g, target);
	char a[PT_SHAPE_TEXT];
	char b[PT_SHAPE_TEXT];

	if (pt_dtype_is_float(t->dtype))
		return pt_graph_fail(g, PT_ETYPE, "nn.%s expects class indices as targets, not %s",
							 m->type->name, pt_dtype_name(t->dtype));
	if (pt_shape_equal(&t->shape, want))
		return true;
	return pt_graph_fail(g, PT_ESHAPE,
						 "nn.%s: for this output, class indices must have shape %s, not %s",
						 m->type->name, pt_shape_print(want, a), pt_shape_print(&t->shape, b));
}

/* ---------- one class a row ---------- */

static PtRef
build_multi_margin(PtBuild *b, const PtModule *m, const PtRef *in)
{
	PtGraph *g = b->g;
	const PtShape s = pt_value(g, in[0])->shape;
	PtRef weight, target, hot, loss;

	if (!check_output(g, m, in[0]) || !check_indices(g, m, in[1], &(PtShape){1, {s.dim[0]}}))
		return PT_NO_REF;
	weight = pt_loss_list(g, m, "weight", s.dim[1], "classes", pt_value(g, in[0])->dtype);
	target = pt_loss_checked(g, pt_cast(g, in[1], PT_INT64), s.dim[1]);
	hot = pt_eq(g, pt_reshape(g, target, &(PtShape){2, {s.dim[0], 1}}), pt_arange(g, s.dim[1]));
	loss = pt_loss_run(g, m,
					   pt_args_int(m->args, "p") == 1
						   ? "z = margin - sum(where(hot, x, 0), 1, True) + x;"
							 "loss = mean(where(logical_or(hot, z <= 0), 0, z), 1)"
						   : "z = margin - sum(where(hot, x, 0), 1, True) + x;"
							 "loss = mean(square(where(logical_or(hot, z <= 0), 0, z)), 1)",
					   (PtVar[]){{"x", in[0]}, {"hot", hot}}, 2);
	if (weight != PT_NO_REF)
		loss =
			pt_mul(g, loss,
				   pt_sum(g, pt_where(g, hot, weight, pt_integer(g, 0)), (int64_t[]){1}, 1, false));
	return g->error.code == PT_OK ? pt_reduce_loss(b, m, loss) : PT_NO_REF;
}

/* ---------- several classes a row ---------- */

/* Along dimension 1: the largest or the smallest of each row. */
static PtRef
extreme(PtGraph *g, const char *op, PtRef x)
{
	PtGiven dim = pt_given_int("dim", 1);

	return pt_apply_name(g, op, &x, 1, &dim, 1);
}

static PtRef
build_multi_label(PtBuild *b, const PtModule *m, const PtRef *in)
{
	PtGraph *g = b->g;
	const PtShape s = pt_value(g, in[0])->shape;
	int64_t rows = s.dim[0];
	int64_t classes = s.dim[1];
	const PtShape row_column = {3, {rows, classes, 1}};
	PtRef range = pt_arange(g, s.ndim == 2 ? classes : 1);
	PtRef target, safe, fine, count;
	PtVar vars[8];
	int n = 0;

	if (!check_output(g, m, in[0]) || !check_indices(g, m, in[1], &s))
		return PT_NO_REF;
	/* what stands before the first -1: counting the ends so far is a product with a triangle of ones */
	target = pt_cast(g, in[1], PT_INT64);
	vars[n++] = (PtVar){"t", target};
	vars[n++] = (PtVar){"column", range};
	vars[n++] = (PtVar){"row", pt_reshape(g, range, &(PtShape){2, {classes, 1}})};
	safe = pt_loss_run(g, m,
					   "ends = matmul(to(t == -1, 'float32'), to(row <= column, 'float32'));"
					   "loss = where(ends > 0, -1, t)",
					   vars, n);
	n = 0;
	vars[n++] =
		(PtVar){"largest",
				pt_loss_checked(g, pt_maximum(g, extreme(g, "amax", safe), pt_integer(g, 0)),
								classes)};
	vars[n++] =
		(PtVar){"smallest", pt_loss_checked(g,
											extreme(g, "amin",
													pt_where(g, pt_eq(g, safe, pt_integer(g, -1)),
															 pt_integer(g, 0), safe)),
											classes)};
	fine = pt_loss_run(g, m, "loss = largest >= smallest", vars, n);
	/* count: how often each class is named; over the classes that are (dimension 1) and are not (dimension 2) */
	n = 0;
	vars[n++] = (PtVar){"hot", pt_eq(g, pt_reshape(g, safe, &row_column), range)};
	vars[n++] = (PtVar){"fine", fine};
	vars[n++] = (PtVar){"x", pt_reshape(g, in[0], &(PtShape){3, {rows, 1, classes}})};
	vars[n++] = (PtVar){"own", pt_reshape(g, in[0], &row_column)};
	vars[n++] = (PtVar){"classes", pt_real(g, (double) classes)};
	count = pt_loss_run(g, m, "loss = sum(to(hot, 'float32'), 1)", vars, 1);
	vars[n++] = (PtVar){"named", pt_reshape(g, count, &row_column)};
	vars[n++] = (PtVar){"other", pt_reshape(g, count, &(PtShape){3, {rows, 1, classes}})};
	return pt_reduce_loss(b, m,
						  pt_loss_run(g, m,
									  "z = 1 - own + x;"
									  "pair = where(logical_or(other > 0, z <= 0), 0, z) * named;"
									  "loss = where(fine, sum(pair, [1, 2]) / classes, 0)",
									  vars, n));
}

const PtModuleType pt_margin_losses[] = {
	{
		.name = "MultiMarginLoss",
		.doc =
			"Hinge loss of classes: max(0, margin - output[target] + output[i])^p over the other classes, divided by "
			"their number. p is 1 or 2; weight has one element for each class.",
		.params =
			(const PtParam[]){{"p", PT_ARG_INT, .init = 1, .bounded = true, .min = 1, .max = 2},
							  {"margin", PT_ARG_REAL, .init = 1, PT_LOSS_FINITE},
							  {"weight", PT_ARG_REALS, .init_none = true},
							  PT_LOSS_REDUCTION,
							  {NULL}},
		.build = build_multi_margin,
		.loss = &(const PtLossType){.target = PT_TARGET_CLASS},
	},
	{
		.name = "MultiLabelMarginLoss",
		.doc =
			"Hinge loss of several classes a row: max(0, 1 - output[own] + output[other]) over all pairs, divided by the "
			"number of classes. The target is an array of as many integers as there are classes: the indices of the row's "
			"own classes, then -1.",
		.params = (const PtParam[]){PT_LOSS_REDUCTION, {NULL}},
		.build = build_multi_label,
		.loss = &(const PtLossType){.target = PT_TARGET_CLASS_LIST},
	},
	{NULL},
};
