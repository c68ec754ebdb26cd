/*
 * optim.c
 *	  Optimizers: their type, and their rule as nodes of a graph.
 *
 * Memory:  an optimizer lives in the arena that it was made in.
 * Threads: a finished one is read-only.
 * Errors:  values; of graphs, the graph's.
 */
#include "engine/train/optim.h"

#include <string.h>

#include "engine/graph/build.h"
#include "engine/optims/table.h"

#define RULE_SIZE 1536

static const PtConstructor *
at(int i)
{
	for (const PtOptimType *type = pt_optim_types; type->name != NULL; type++)
		if (i-- == 0)
			return (const PtConstructor *) type;
	return NULL;
}

static bool
make(PtArena *arena, PtObject *object, PtError *err)
{
	const PtOptimizer *o = (const PtOptimizer *) object;

	(void) arena;
	return o->type->check == NULL || o->type->check(o->args, err);
}

const PtConstructors pt_optimizers = {
	.schema = "optim",
	.type = "optimizer",
	.one = "an optimizer",
	.several = "a list of optimizers",
	.example = "optim.Adam(lr=0.001)",
	.doc = "an optimizer, e.g. optim.Adam(lr=0.001)",
	.prefixes = (const char *const[]){"torch.optim.", NULL},
	.size = sizeof(PtOptimizer),
	.at = at,
	.make = make,
};

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
