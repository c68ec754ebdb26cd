/*
 * optim.c
 *	  Optimizers: rows, their text form, and their rule as nodes of a graph.
 *
 * Memory:  an optimizer lives in the arena that it was made in.
 * Threads: a finished one is read-only.
 * Errors:  values; of graphs, the graph's.
 */
#include "engine/train/optim.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "engine/graph/build.h"
#include "engine/lang/callee.h"
#include "engine/optims/table.h"

#define RULE_SIZE 1536

const PtOptimType *
pt_optim_type_at(int i)
{
	int n = 0;

	while (pt_optim_types[n] != NULL)
		n++;
	return i >= 0 && i < n ? pt_optim_types[i] : NULL;
}

const PtOptimType *
pt_optim_type_find(const char *name)
{
	for (int i = 0; pt_optim_types[i] != NULL; i++)
		if (strcasecmp(pt_optim_types[i]->name, name) == 0)
			return pt_optim_types[i];
	return NULL;
}

PtOptimizer *
pt_optim_new(PtArena *arena, const PtOptimType *type, const PtGiven *given, int ngiven,
			 PtError *err)
{
	char what[80];
	PtOptimizer *o = pt_arena_alloc(arena, sizeof(PtOptimizer));

	if (o == NULL)
	{
		pt_fail_memory(err, sizeof(PtOptimizer));
		return NULL;
	}
	snprintf(what, sizeof(what), "optim.%s", type->name);
	o->type = type;
	o->args = pt_args_bind(arena, what, type->params, given, ngiven, err);
	if (o->args == NULL || (type->check != NULL && !type->check(o->args, err)))
		return NULL;
	return o;
}

static const char *
row_name(int i)
{
	return pt_optim_types[i] != NULL ? pt_optim_types[i]->name : NULL;
}

static const PtCallees callees = {
	.kind = "an optimizer",
	.example = "optim.Adam(lr=0.001)",
	.prefix = "optim.",
	.prefixes = (const char *const[]){"torch.optim.", NULL},
	.name = row_name,
};

PtOptimizer *
pt_optim_parse(PtArena *arena, const char *text, PtError *err)
{
	PtExpr *e = pt_expr_parse(arena, text, err);
	PtGiven *given;
	int row, n;

	if (e == NULL || (row = pt_callee_find(&callees, e, err)) < 0)
		return NULL;
	n = e->nargs - 1;
	if ((given = pt_arena_alloc(arena, (size_t) n * sizeof(PtGiven) + 1)) == NULL)
	{
		pt_fail_memory(err, (size_t) n * sizeof(PtGiven));
		return NULL;
	}
	for (int i = 0; i < n; i++)
	{
		given[i].name = e->keywords[i + 1];
		if (!pt_expr_constant(arena, e->args[i + 1], &given[i].value, err))
			return NULL;
	}
	return pt_optim_new(arena, pt_optim_types[row], given, n, err);
}

char *
pt_optim_print(PtArena *arena, const PtOptimizer *o, PtError *err)
{
	return pt_callee_print(arena, &callees, o->type->name, o->args, err);
}

/* Does the rule assign this name?  "buf =" at the beginning of a statement. */
static bool
assigns(const char *rule, const char *name)
{
	size_t n = strlen(name);

	for (const char *s = rule; s != NULL; s = strchr(s, ';'))
	{
		s += strspn(s, "; \n\t");
		if (strncmp(s, name, n) == 0 && s[n + strspn(s + n, " ")] == '=')
			return true;
		if (*s == '\0')
			break;
	}
	return false;
}

const char *
pt_optim_cycles(const PtOptimizer *o)
{
	if (pt_args_get(o->args, "momentum") != NULL)
		return "momentum";
	return pt_args_get(o->args, "betas") != NULL ? "betas" : NULL;
}

double
pt_optim_momentum(const PtOptimizer *o)
{
	const PtValue *betas = pt_args_get(o->args, "betas");

	return betas != NULL ? betas->reals[0] : pt_args_real(o->args, "momentum");
}

int
pt_optim_slots(const PtOptimizer *o, double lr, PtOptimSlot *out)
{
	char rule[RULE_SIZE];
	int n = 0;

	if (!o->type->rule(o, rule, sizeof(rule)))
		return 0;
	for (const PtOptimSlot *s = o->type->slots; s->name != NULL && n < PT_OPTIM_SLOTS; s++)
	{
		if (!assigns(rule, s->name))
			continue;
		out[n] = *s;
		if (s->initial != NULL)
			out[n].init = strcmp(s->initial, "lr") == 0 ? lr : pt_args_real(o->args, s->initial);
		n++;
	}
	return n;
}

/* The constructor's arguments as variables of the rule; all but lr and what is cycled are numbers. */
static bool
add_arguments(PtGraph *graph, const PtOptimizer *o, PtRef momentum, PtVar *vars, int *n)
{
	const char *cycled = o->cycled ? pt_optim_cycles(o) : NULL;

	for (int i = 0; i < o->args->count; i++)
	{
		const PtParam *param = &o->args->params[i];
		const PtValue *v = &o->args->values[i];
		bool cycles = cycled != NULL && strcmp(param->name, cycled) == 0;

		if (strcmp(param->name, "lr") == 0)
			continue;
		if (v->kind == PT_VALUE_REAL)
			vars[(*n)++] = (PtVar){param->name, cycles ? momentum : pt_real(graph, v->real)};
		for (int j = 0; v->kind == PT_VALUE_REALS && j < v->count; j++)
		{
			/* betas: beta1, beta2 */
			const char *name = pt_arena_printf(graph->arena, "%.*s%d",
											   (int) strlen(param->name) - 1, param->name, j + 1);

			if (name == NULL)
				return pt_graph_fail(graph, PT_ENOMEM, "out of memory");
			vars[(*n)++] = (PtVar){name, cycles && j == 0 ? momentum : pt_real(graph, v->reals[j])};
		}
	}
	return true;
}

bool
pt_optim_build(PtGraph *graph, const PtOptimizer *o, PtRef p, PtRef g, PtRef t, PtRef lr,
			   PtRef momentum, const PtRef *slots, PtRef *new_p, PtRef *new_slots)
{
	char rule[RULE_SIZE];
	PtOptimSlot used[PT_OPTIM_SLOTS];
	PtVar vars[64] = {{"p", p}, {"g", g}, {"t", t}, {"lr", lr}};
	int n = 4;
	int nslots = pt_optim_slots(o, 0, used);
	int first_slot = n;

	for (int i = 0; i < nslots; i++)
		vars[n++] = (PtVar){used[i].name, slots[i]};
	if (!add_arguments(graph, o, momentum, vars, &n))
		return false;
	if (!o->type->rule(o, rule, sizeof(rule)))
		return pt_graph_fail(graph, PT_EINTERNAL, "the rule of optim.%s is too long",
							 o->type->name);
	if (!pt_expr_run(graph, rule, vars, &n, 64))
		return false;
	*new_p = vars[0].ref;
	for (int i = 0; i < nslots; i++)
		new_slots[i] = vars[first_slot + i].ref;
	return true;
}
