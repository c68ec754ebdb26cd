/*
 * graph.c
 *	  A network, or a loss, as an expression over named modules.
 *
 * nn.Graph('(ids, dense) -> h = relu(fc1(dense)); fc2(h) + emb(ids)', 'fc1', nn.Linear(8, 8), ...): the modules
 * are the expression's functions, the parameters its inputs.  A module that is called twice has one set of
 * weights.  What is known before data: names, numbers of inputs, what each module knows of itself.  The
 * shapes come from a trial (trace.c).
 */
#include <stdio.h>
#include <string.h>

#include "engine/graph/build.h"
#include "engine/nn/module.h"

/* So many modules one graph may name: they are searched one by one. */
#define MAX_MODULES 1000

/* This much nesting of an expression counts as one level of modules: both use the stack. */
#define DEPTH_SHARE 10

/* ---------- making ---------- */

/* A name that a call can have: nothing reserved, no dots. */
static bool
check_name(PtArena *arena, const PtModule *m, const PtExpr *lambda, int i, PtError *err)
{
	const char *name = m->names[i];
	const PtExpr *e = strlen(name) <= 200 ? pt_expr_parse(arena, name, err) : NULL;

	if (e == NULL || e->kind != PT_EXPR_NAME || strcmp(e->text, name) != 0 ||
		strchr(name, '.') != NULL)
	{
		pt_fail(err, PT_EINVAL, "\"%.64s\" cannot be the name of a module in nn.Graph", name);
		return pt_hint(
			err, "A name has letters, digits and underscores, and does not begin with a digit.");
	}
	for (int k = 0; k < i; k++)
		if (strcmp(m->names[k], name) == 0)
			return pt_fail(err, PT_EINVAL, "nn.Graph has two modules of the name \"%.64s\"", name);
	for (int k = 0; k < lambda->integer; k++)
		if (strcmp(lambda->keywords[k], name) == 0)
			return pt_fail(err, PT_EINVAL, "\"%.64s\" is both an input and a module of nn.Graph",
						   name);
	return true;
}

/* The module that e calls; NULL if it is another call, or none. */
static const PtModule *
called(const PtModule *m, const PtExpr *e)
{
	if (e->kind == PT_EXPR_CALL && e->args[0]->kind == PT_EXPR_NAME)
		for (int i = 0; i < m->nchildren; i++)
			if (strcmp(m->names[i], e->args[0]->text) == 0)
				return m->children[i];
	return NULL;
}

/* Which of a module's inputs is given as argument k of a call; -1 if there is none of that name or place. */
static int
input_of(const PtModule *child, const PtExpr *call, int k)
{
	const char *name = call->keywords != NULL ? call->keywords[k] : NULL;

	for (int i = 0; child->inputs[i].name != NULL; i++)
		if (name != NULL ? strcmp(child->inputs[i].name, name) == 0 : i == k - 1)
			return i;
	return -1;
}

/* Marks the inputs that are handed, as they are, to a module that takes indices there. */
static void
mark_indices(PtModule *m, const PtExpr *lambda, const PtExpr *e)
{
	const PtModule *child = called(m, e);

	for (int k = 1; child != NULL && child->indices != 0 && k < e->nargs; k++)
	{
		int i = input_of(child, e, k);

		if (e->args[k]->kind != PT_EXPR_NAME || i < 0 || !pt_module_input_is_index(child, i))
			continue;
		for (int v = 0; v < lambda->integer; v++)
			if (strcmp(lambda->keywords[v], e->args[k]->text) == 0)
				m->indices |= UINT64_C(1) << v;
	}
	for (int i = 0; i < e->nargs; i++)
		mark_indices(m, lambda, e->args[i]);
}

/* Counts an expression's nodes, and the work of the modules that it calls, as often as it does. */
static int64_t
count_work(const PtModule *m, const PtExpr *e)
{
	const PtModule *child = called(m, e);
	int64_t work = child != NULL ? 1 + child->work : 1;

	for (int i = 0; i < e->nargs && work <= PT_MODULE_WORK; i++)
		work += count_work(m, e->args[i]);
	return work;
}

/* The parameters of the expression are what forward takes. */
static bool
set_inputs(PtArena *arena, PtModule *m, const PtExpr *lambda, PtError *err)
{
	int n = (int) lambda->integer;
	PtParam *inputs = pt_arena_alloc(arena, (size_t) (n + 1) * sizeof(PtParam));

	if (inputs == NULL)
		return pt_fail_memory(err, (size_t) (n + 1) * sizeof(PtParam));
	for (int i = 0; i < n; i++)
		inputs[i] = (PtParam){lambda->keywords[i], PT_ARG_TENSOR, .required = true};
	mark_indices(m, lambda, lambda);
	m->inputs = inputs;
	return true;
}

static bool
prepare(PtArena *arena, PtModule *m, PtError *err)
{
	const char *source = pt_args_word(m->args, "expression");
	PtExpr *lambda = pt_expr_parse(arena, source, err);
	PtFunctions functions = {.names = m->names, .count = m->nchildren};

	if (lambda == NULL)
		return false;
	if (lambda->kind != PT_EXPR_LAMBDA || lambda->integer == 0)
	{
		pt_fail(err, PT_ESYNTAX, "the expression of nn.Graph must name its inputs");
		return pt_hint(err, "For example 'x -> fc2(relu(fc1(x))) + x', or '(a, b) -> a * b'.");
	}
	if (lambda->integer > PT_MAX_INPUTS)
		return pt_fail(err, PT_ELIMIT, "nn.Graph has %d inputs, at most %d are possible",
					   (int) lambda->integer, PT_MAX_INPUTS);
	if (m->nchildren > MAX_MODULES)
		return pt_fail(err, PT_ELIMIT, "nn.Graph has %d modules, at most %d are possible",
					   m->nchildren, MAX_MODULES);
	for (int i = 0; i < m->nchildren; i++)
		if (!check_name(arena, m, lambda, i, err))
			return false;
	m->work = count_work(m, lambda);
	if (m->work > PT_MODULE_WORK)
		return true; /* the caller says so */
	if (!pt_expr_check(arena, lambda, source, &functions, err))
		return false;
	m->depth += lambda->depth / DEPTH_SHARE;
	if (m->depth > PT_MODULE_DEPTH)
		return pt_fail(err, PT_ELIMIT, "modules and their expressions are nested too deep");
	m->body = lambda;
	/* outputs, and a target */
	m->may_be_loss = m->nchildren == 0 && lambda->integer >= 2;
	return set_inputs(arena, m, lambda, err);
}

/* ---------- shapes ---------- */

/* Apart from shapes(), which recurses: room for all results stands on the stack. */
static __attribute__((noinline)) bool
trace(const PtModule *m, const PtShape *in, PtShape *out, PtError *err)
{
	PtShape all[PT_MAX_OUTPUTS];

	if (pt_module_trace(m, in, pt_module_inputs(m), all, NULL, NULL, err) == 0)
		return false;
	*out = all[0];
	return true;
}

static bool
shapes(const PtModule *m, const PtShape *in, PtShape *out, PtError *err)
{
	int n = pt_module_inputs(m);
	bool known = true;

	for (int i = 0; i < n; i++)
	{
		known = known && in[i].ndim >= 0;
		for (int d = 0; known && d < in[i].ndim; d++)
			known = in[i].dim[d] >= 0;
	}
	if (known)
		return trace(m, in, out, err);
	/* the modules may not fit in themselves */
	for (int i = 0; i < m->nchildren; i++)
		if (!pt_module_fits(m->children[i], err))
			return false;
	*out = (PtShape){-1, {-1}};
	return true;
}

/* ---------- into a graph ---------- */

typedef struct Call
{
	PtBuild *b;
	const PtModule *m;
	bool inside; /* a module failed, and has said which */
} Call;

static bool
call_module(void *arg, int which, const PtGiven *given, int ngiven, PtValue *out)
{
	Call *c = arg;

	c->inside = !pt_module_call(c->b, c->m->children[which], given, ngiven, out);
	return !c->inside;
}

static bool
forward(PtBuild *b, const PtModule *m, const PtArgs *in, PtValue *out)
{
	PtGraph *g = b->g;
	Call call = {b, m, false};
	PtFunctions functions = {m->names, m->nchildren, call_module, &call};
	PtVar vars[PT_MAX_INPUTS];
	char title[PT_MODULE_TITLE];
	bool ok;

	for (int i = 0; i < in->count; i++)
		vars[i] = (PtVar){"", in->values[i].tensor};
	g->path = pt_arena_strdup(g->arena, pt_module_title(m, title));
	if (g->path == NULL)
		return pt_graph_fail(g, PT_ENOMEM, "out of memory");
	ok = pt_expr_build_with(g, m->body, pt_args_word(m->args, "expression"), vars, in->count,
							&functions, out);
	/* a tuple stays as it is, anything else must be a tensor */
	if (ok && !pt_value_is_list(out))
	{
		*out = (PtValue){PT_VALUE_TENSOR, 0, {.tensor = pt_value_ref(g, out)}};
		ok = out->tensor != PT_NO_REF;
	}
	if (!ok && !call.inside)
	{
		char message[sizeof(g->error.message)];

		memcpy(message, g->error.message, sizeof(message));
		snprintf(g->error.message, sizeof(g->error.message), "module %.160s: %.300s", title,
				 message);
	}
	return ok;
}

static const PtParam params[] = {{"expression", PT_ARG_WORD, .required = true},
								 {"modules", PT_ARG_NAMED_OBJECTS, .of = &pt_modules},
								 {NULL}};

const PtModuleType pt_graph_modules[] = {
	{
		.name = "Graph",
		.doc =
			"An expression over named modules: nn.Graph('x -> fc2(relu(fc1(x))) + x', 'fc1', nn.Linear(8, 8), 'fc2', nn.Linear(8, 8)). "
			"It may give a tuple. Without modules and with two inputs or more, outputs and a target, it can be a loss.",
		.params = params,
		.prepare = prepare,
		.shapes = shapes,
		.casting = PT_CAST_NONE,
		.forward = forward,
	},
	{NULL},
};
