/*
 * losses.c
 *	  What losses share (losses.h).
 *
 * Memory:  the graph's arena.
 * Errors:  the graph's; they begin with the loss's name and say the shape seen and the one wanted.
 */
#include "engine/losses/losses.h"

#include <string.h>

bool
pt_loss_same_shape(PtGraph *g, const PtModule *m, PtRef output, PtRef target)
{
	const PtShape x = pt_value(g, output)->shape;
	const PtShape y = pt_value(g, target)->shape;
	char a[PT_SHAPE_TEXT];
	char b[PT_SHAPE_TEXT];

	if (g->error.code != PT_OK)
		return false;
	if (pt_shape_equal(&x, &y))
		return true;
	return pt_graph_fail(g, PT_ESHAPE, "nn.%s: output has shape %s, target %s", m->type->name,
						 pt_shape_print(&x, a), pt_shape_print(&y, b));
}

PtRef
pt_loss_run(PtGraph *g, const PtModule *m, const char *statements, const PtVar *vars, int nvars)
{
	PtVar all[2 * PT_LOSS_VARS + PT_MAX_ARGS];
	int n = nvars;

	memcpy(all, vars, (size_t) nvars * sizeof(PtVar));
	for (int i = 0; i < m->args->count; i++)
	{
		PtArgType type = m->type->params[i].type;

		if (type == PT_ARG_REAL || type == PT_ARG_INT)
			all[n++] = (PtVar){m->type->params[i].name,
							   pt_real(g, pt_args_real(m->args, m->type->params[i].name))};
	}
	if (!pt_expr_run(g, statements, all, &n, (int) (sizeof(all) / sizeof(all[0]))))
		return PT_NO_REF;
	while (n > 0 && strcmp(all[n - 1].name, "loss") != 0)
		n--;
	return n > 0 ? all[n - 1].ref : pt_graph_fail(g, PT_EINTERNAL, "a formula gives no loss");
}

PtRef
pt_loss_list(PtGraph *g, const PtModule *m, const char *argument, int64_t n, const char *what,
			 PtDtype dtype)
{
	const PtValue *v = pt_args_get(m->args, argument);
	PtRef *parts;
	int64_t *offsets;

	if (v->kind == PT_VALUE_NONE)
		return PT_NO_REF;
	if (v->count != n)
		return pt_graph_fail(g, PT_ESHAPE,
							 "nn.%s has %d elements in \"%s\", but the output has %lld %s",
							 m->type->name, v->count, argument, (long long) n, what);
	parts = pt_arena_alloc(g->arena, (size_t) n * sizeof(*parts) + 1);
	offsets = pt_arena_alloc(g->arena, (size_t) n * sizeof(*offsets) + 1);
	if (parts == NULL || offsets == NULL)
		return pt_graph_fail(g, PT_ENOMEM, "out of memory");
	for (int i = 0; i < v->count; i++)
	{
		parts[i] = pt_reshape(g, pt_cast(g, pt_real(g, v->reals[i]), dtype), &(PtShape){1, {1}});
		offsets[i] = i;
	}
	return pt_pack(g, parts, offsets, v->count, n);
}

bool
pt_loss_parts(PtGraph *g, const PtModule *m, PtRef output, int n, const char *how, PtRef *parts)
{
	const PtShape s = pt_value(g, output)->shape;
	PtShape column = {.ndim = s.ndim - 1, .dim = {n}}; /* one number a part, for broadcasting */
	char text[PT_SHAPE_TEXT];
	PtRef number;

	if (g->error.code != PT_OK)
		return false;
	if (s.ndim < 2 || s.dim[1] != n)
	{
		pt_graph_fail(g, PT_ESHAPE, "nn.%s expects an output of shape [batch, %d, ...], not %s",
					  m->type->name, n, pt_shape_print(&s, text));
		return pt_hint(&g->error, "Along the first dimension of each row's output stand %s.", how);
	}
	for (int i = 1; i < column.ndim; i++)
		column.dim[i] = 1;
	number = pt_reshape(g, pt_arange(g, n), &column);
	for (int i = 0; i < n; i++)
	{
		PtRef mine = pt_eq(g, number, pt_integer(g, i));

		/* where() keeps a NaN of one part out of the others */
		parts[i] = pt_sum(g, pt_where(g, mine, output, pt_integer(g, 0)), (int64_t[]){1}, 1, false);
	}
	return g->error.code == PT_OK;
}

PtRef
pt_loss_target(PtGraph *g, const PtModule *m, PtRef target, const PtShape *shape)
{
	const PtShape y = pt_value(g, target)->shape;
	int same = 0;
	bool fits;
	char a[PT_SHAPE_TEXT];
	char b[PT_SHAPE_TEXT];

	if (g->error.code != PT_OK)
		return PT_NO_REF;
	while (same < y.ndim && same < shape->ndim && y.dim[same] == shape->dim[same])
		same++;
	fits = true;
	for (int i = same; i < y.ndim; i++)
		fits &= y.dim[i] == 1;
	for (int i = same; i < shape->ndim; i++)
		fits &= shape->dim[i] == 1;
	if (!fits)
		return pt_graph_fail(g, PT_ESHAPE,
							 "nn.%s: for this output, the target must have shape %s, not %s",
							 m->type->name, pt_shape_print(shape, a), pt_shape_print(&y, b));
	return pt_shape_equal(&y, shape) ? target : pt_reshape(g, target, shape);
}

PtRef
pt_loss_checked(PtGraph *g, PtRef indices, int64_t classes)
{
	PtShape s = pt_value(g, indices)->shape;
	PtRef zeros, fine;

	/* the fused op looks at the indices that it gets; of equal logits its loss is log(classes) */
	s.dim[s.ndim++] = classes;
	zeros = pt_expand(g, pt_cast(g, pt_real(g, 0), PT_FLOAT32), &s);
	fine = pt_apply_name(g, "cross_entropy", (PtRef[]){zeros, indices}, 2, NULL, 0);
	fine = pt_isfinite(g, fine);
	return pt_where(g, fine, indices, pt_integer(g, 0));
}

const char *const pt_reductions[] = {"none", "mean", "sum", NULL};

PtRef
pt_reduce_loss(PtBuild *b, const PtModule *m, PtRef loss)
{
	const char *reduction = pt_args_word(m->args, "reduction");

	if (strcmp(reduction, "mean") == 0)
		return pt_mean(b->g, loss);
	if (strcmp(reduction, "sum") == 0)
		return pt_sum(b->g, loss, NULL, 0, false);
	if (b->training)
		return pt_graph_fail(
			b->g, PT_EINVAL,
			"a loss to train with must be one number, so nn.%s cannot have reduction='none'",
			m->type->name);
	return loss;
}
