/*
 * statements.c
 *	  Expressions as a whole (build.h): lambdas and statements over variables, and checks before shapes are known.
 *
 * build.c walks one expression; here are the variables that it sees, and what is done with its value.
 *
 * Memory:  the tree of our own texts goes into a scratch arena, what the graph keeps into the graph's.
 * Threads: the graph's.
 * Errors:  sticky, the graph's first one.
 */
#include <string.h>

#include "engine/graph/building.h"

/* ---------- without a graph ---------- */

bool
pt_expr_constant(PtArena *arena, const PtExpr *expr, PtValue *out, PtError *err)
{
	PtBuilder b = {.arena = arena, .err = err};

	return pt_build_expr(&b, expr, out);
}

bool
pt_expr_number(const PtExpr *expr, const char *name, int64_t x, double *out, PtError *err)
{
	PtArena *scratch = pt_arena_new();
	PtBinding var = {name, pt_value_int(x)};
	PtBuilder b = {.arena = scratch, .vars = &var, .nvars = 1, .room = 1, .err = err};
	PtValue v;
	bool ok = scratch != NULL ? pt_build_expr(&b, expr, &v) : pt_fail_memory(err, sizeof(PtValue));

	pt_arena_free(scratch);
	if (ok && !pt_value_is_number(&v))
		return pt_fail(err, PT_ETYPE, "a formula must give a number, not %s", pt_value_kind(&v));
	if (ok)
		*out = pt_value_number(&v);
	return ok;
}

/* ---------- into a graph ---------- */

/* The builder's error is the graph's, unless there is one already. */
static PtRef
fail(PtBuilder *b)
{
	if (b->g->error.code == PT_OK)
		b->g->error = *b->err;
	return PT_NO_REF;
}

PtRef
pt_value_ref(PtGraph *g, const PtValue *v)
{
	if (g->error.code != PT_OK)
		return PT_NO_REF;
	if (v->kind == PT_VALUE_TENSOR)
		return v->tensor;
	if (pt_value_is_number(v))
		return pt_number(g, v);
	if (v->kind == PT_VALUE_TUPLE && v->tuple->of != NULL)
		return pt_build_fail_results(&g->error, "an expression must give a tensor, not", v->tuple);
	return pt_graph_fail(g, PT_ETYPE, "an expression must give a tensor, not %s", pt_value_kind(v));
}

/* A value of the graph as an expression sees it: its numbers are numbers. */
static PtValue
value_of(const PtGraph *g, PtRef ref)
{
	const PtGraphValue *v = pt_value(g, ref);

	if (v->role != PT_ROLE_NUMBER)
		return (PtValue){PT_VALUE_TENSOR, 0, {.tensor = ref}};
	if (pt_dtype_is_float(v->dtype))
		return pt_value_real(v->real);
	if (v->dtype == PT_BOOL)
		return pt_value_bool(v->integer != 0);
	return pt_value_int(v->integer);
}

/* Variables of the caller, with room for more. */
static bool
set_vars(PtBuilder *b, PtArena *arena, const PtVar *vars, int n, int room)
{
	b->vars = pt_arena_alloc(arena, (size_t) room * sizeof(PtBinding) + 1);
	b->nvars = n;
	b->room = room;
	if (b->vars == NULL)
		return pt_fail_memory(b->err, (size_t) room * sizeof(PtBinding));
	for (int i = 0; i < n; i++)
		b->vars[i] = (PtBinding){vars[i].name, value_of(b->g, vars[i].ref)};
	return true;
}

/* A variable, which may be new, gets a value. */
static bool
assign(PtBuilder *b, const char *name, const PtValue *value)
{
	int at = 0;

	while (at < b->nvars && strcmp(b->vars[at].name, name) != 0)
		at++;
	if (at == b->nvars)
	{
		if (at == b->room)
			return pt_fail(b->err, PT_ELIMIT, "more than %d variables", b->room);
		b->vars[b->nvars++].name = name;
	}
	b->vars[at].value = *value;
	return true;
}

/* Several names of one value; without a value (a check before there are any) all are None. */
static bool
assign_all(PtBuilder *b, const PtExpr *target, const PtValue *value)
{
	if (target->kind == PT_EXPR_NAME)
		return assign(b, target->text, value);
	if (value->kind != PT_VALUE_NONE && !pt_value_is_list(value))
		return pt_fail(b->err, PT_ETYPE, "%d names cannot be assigned from %s", target->nargs,
					   pt_value_kind(value));
	if (value->kind != PT_VALUE_NONE && value->count != target->nargs)
		return pt_fail(b->err, PT_EINVAL, "%d names cannot be assigned from %d values",
					   target->nargs, value->count);
	for (int i = 0; i < target->nargs; i++)
	{
		PtValue element = *value;

		pt_value_element(value, i, &element);
		if (!assign_all(b, target->args[i], &element))
			return false;
	}
	return true;
}

/* Names that statements assign, counted as often as they do. */
static int
count_names(const PtExpr *e)
{
	int n = e->kind == PT_EXPR_NAME;

	for (int i = 0; e->kind == PT_EXPR_LIST && i < e->nargs; i++)
		n += count_names(e->args[i]);
	return n;
}

/* Room for all variables of a lambda, as far as it may have them. */
static int
count_variables(const PtExpr *lambda)
{
	int64_t n = lambda->integer;

	for (int i = 0; i < lambda->nargs; i++)
		if (lambda->args[i]->kind == PT_EXPR_ASSIGN)
			n += count_names(lambda->args[i]->args[0]);
	return n < PT_MAX_VARIABLES ? (int) n : PT_MAX_VARIABLES;
}

/* A lambda over values; the last statement's is its own.  scratch: for what only the walk needs. */
static bool
run_lambda(PtBuilder *b, PtArena *scratch, const PtExpr *lambda, const PtVar *vars, int nvars,
		   PtValue *out)
{
	int room = count_variables(lambda);
	const PtExpr *last = lambda->nargs > 0 ? lambda->args[lambda->nargs - 1] : NULL;

	if (lambda->integer != nvars)
		return pt_fail(b->err, PT_EINVAL, "expression takes %d inputs, not %d",
					   (int) lambda->integer, nvars);
	if (nvars > room)
		return pt_fail(b->err, PT_ELIMIT, "more than %d variables", room);
	if (last == NULL || last->kind == PT_EXPR_ASSIGN)
		return pt_fail(b->err, PT_ESYNTAX, "the last statement must be an expression");
	if (!set_vars(b, scratch, vars, nvars, room))
		return false;
	for (int i = 0; i < nvars; i++)
		b->vars[i].name = lambda->keywords[i];
	for (int i = 0; i < lambda->nargs; i++)
	{
		const PtExpr *s = lambda->args[i];
		bool assigns = s->kind == PT_EXPR_ASSIGN;

		if (!pt_build_expr(b, assigns ? s->args[1] : s, out) ||
			(assigns && !assign_all(b, s->args[0], out)))
			return false;
	}
	return true;
}

/* A lambda, or an expression over the variables as they are named. */
static bool
run(PtBuilder *b, PtArena *scratch, const PtExpr *e, const PtVar *vars, int nvars, PtValue *out)
{
	if (e->kind == PT_EXPR_LAMBDA
			? run_lambda(b, scratch, e, vars, nvars, out)
			: set_vars(b, scratch, vars, nvars, nvars) && pt_build_expr(b, e, out))
		return b->g->error.code == PT_OK;
	return fail(b);
}

bool
pt_expr_build_with(PtGraph *g, const PtExpr *expr, const char *source, const PtVar *vars, int nvars,
				   const PtFunctions *functions, PtValue *out)
{
	PtError err;
	PtBuilder b = {.g = g,
				   .arena = g->arena,
				   .source = source,
				   .functions = functions,
				   .err = &err};

	return g->error.code == PT_OK && run(&b, g->arena, expr, vars, nvars, out);
}

PtRef
pt_expr_build(PtGraph *g, const PtExpr *expr, const PtVar *vars, int nvars)
{
	PtValue v;

	return pt_expr_build_with(g, expr, NULL, vars, nvars, NULL, &v) ? pt_value_ref(g, &v)
																	: PT_NO_REF;
}

/* A tree in an arena of its own, which must go after the walk; NULL leaves the error in the graph. */
static const PtExpr *
parse_scratch(PtGraph *g, const char *text, bool statements, PtArena **scratch)
{
	PtError err;
	const PtExpr *e = NULL;

	*scratch = g->error.code == PT_OK ? pt_arena_new() : NULL;
	if (g->error.code != PT_OK)
		return NULL;
	if (*scratch == NULL)
		pt_fail_memory(&err, sizeof(PtExpr));
	else
		e = statements ? pt_expr_parse_statements(*scratch, text, &err)
					   : pt_expr_parse(*scratch, text, &err);
	if (e == NULL)
		g->error = err;
	return e;
}

/* What statements have assigned, for the caller: numbers that did not change keep their place in the graph. */
static bool
give_vars(PtBuilder *b, PtVar *vars, int *nvars)
{
	for (int i = 0; i < b->nvars; i++)
	{
		const PtValue *v = &b->vars[i].value;
		PtValue before = i < *nvars ? value_of(b->g, vars[i].ref) : *v;

		if (i < *nvars && pt_value_equal(v, &before))
			continue;
		if (i >= *nvars && (vars[i].name = pt_arena_strdup(b->g->arena, b->vars[i].name)) == NULL)
			return pt_graph_fail(b->g, PT_ENOMEM, "out of memory");
		if ((vars[i].ref = pt_value_ref(b->g, v)) == PT_NO_REF)
			return false;
	}
	*nvars = b->nvars;
	return true;
}

bool
pt_expr_run(PtGraph *g, const char *statements, PtVar *vars, int *nvars, int room)
{
	PtError err;
	PtArena *scratch;
	const PtExpr *e = parse_scratch(g, statements, true, &scratch);
	PtBuilder b = {.g = g, .arena = g->arena, .source = statements, .err = &err};
	bool ok = e != NULL;

	if (ok && !(ok = set_vars(&b, scratch, vars, *nvars, room)))
		fail(&b);
	for (int i = 0; ok && i < e->nargs; i++)
	{
		const PtExpr *s = e->args[i];
		bool assigns = s->kind == PT_EXPR_ASSIGN;
		PtValue v;

		ok = pt_build_expr(&b, assigns ? s->args[1] : s, &v) &&
			 (!assigns || assign_all(&b, s->args[0], &v));
		if (!ok)
			fail(&b);
	}
	ok = ok && give_vars(&b, vars, nvars);
	pt_arena_free(scratch);
	return ok && g->error.code == PT_OK;
}

PtRef
pt_expr_text(PtGraph *g, const char *text, const PtVar *vars, int nvars)
{
	PtError err;
	PtArena *scratch;
	const PtExpr *e = parse_scratch(g, text, false, &scratch);
	PtBuilder b = {.g = g, .arena = g->arena, .source = text, .err = &err};
	PtValue v;
	PtRef ref = e != NULL && run(&b, scratch, e, vars, nvars, &v) ? pt_value_ref(g, &v) : PT_NO_REF;

	pt_arena_free(scratch);
	return ref;
}

/* ---------- checks before shapes are known ---------- */

static bool
check(PtBuilder *b, const PtExpr *e)
{
	PtValue unused;

	if (e->kind == PT_EXPR_NAME)
	{
		/* a field of a variable can be judged only when it is there */
		for (int i = 0; i < b->nvars; i++)
		{
			size_t n = strlen(b->vars[i].name);

			if (strncmp(b->vars[i].name, e->text, n) == 0 && e->text[n] == '.')
				return true;
		}
		return pt_build_name(b, e, &unused);
	}
	if (e->kind == PT_EXPR_CALL && !pt_build_check_call(b, e))
		return false;
	for (int i = e->kind == PT_EXPR_CALL ? 1 : 0; i < e->nargs; i++)
		if (!check(b, e->args[i]))
			return false;
	return true;
}

bool
pt_expr_check(PtArena *arena, const PtExpr *expr, const char *source, const PtFunctions *functions,
			  PtError *err)
{
	PtBuilder b = {.arena = arena, .source = source, .functions = functions, .err = err};
	const PtValue none = {PT_VALUE_NONE, 0, {0}};

	b.room = count_variables(expr);
	b.vars = pt_arena_alloc(arena, (size_t) b.room * sizeof(PtBinding) + 1);
	if (b.vars == NULL)
		return pt_fail_memory(err, (size_t) b.room * sizeof(PtBinding));
	for (int i = 0; i < expr->integer; i++)
		if (!assign(&b, expr->keywords[i], &none))
			return false;
	for (int i = 0; i < expr->nargs; i++)
	{
		const PtExpr *s = expr->args[i];
		bool assigns = s->kind == PT_EXPR_ASSIGN;

		if (!check(&b, assigns ? s->args[1] : s) || (assigns && !assign_all(&b, s->args[0], &none)))
			return false;
	}
	if (expr->nargs == 0 || expr->args[expr->nargs - 1]->kind == PT_EXPR_ASSIGN)
		return pt_fail(err, PT_ESYNTAX, "the last statement must be an expression");
	return true;
}
