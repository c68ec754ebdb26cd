/*
 * formula.c
 *	  Functions of one number: parsing and evaluating them.
 *
 * Memory:  a formula lives in the arena that it was parsed in; evaluating keeps nothing.
 * Threads: a finished one is read-only.
 * Errors:  values; what a formula is not defined for (division by zero, overflow) is an error.
 */
#include "engine/scheds/formula.h"

#include <string.h>

#include "engine/graph/build.h"

struct PtFormula
{
	const PtExpr *body;
	const char *name; /* of the argument */
	const char *text; /* for errors */
};

bool
pt_formula_eval(const PtFormula *f, int64_t x, double *out, PtError *err)
{
	return pt_expr_number(f->body, f->name, x, out, err) ||
		   pt_detail(err, "The formula was %.200s, with %s = %lld.", f->text, f->name,
					 (long long) x);
}

PtFormula *
pt_formula_parse(PtArena *arena, const char *text, const char *name, PtError *err)
{
	PtFormula *f = pt_arena_alloc(arena, sizeof(PtFormula));
	PtExpr *e;
	double ignored;

	if (f == NULL)
	{
		pt_fail_memory(err, sizeof(PtFormula));
		return NULL;
	}
	if ((e = pt_expr_parse(arena, text, err)) == NULL)
	{
		if (err->hint[0] == '\0' && strstr(text, " if ") != NULL)
			pt_hint(err, "Write where(condition, a, b).");
		return NULL;
	}
	f->name = name;
	f->body = e;
	f->text = text;
	if (e->kind == PT_EXPR_LAMBDA)
	{
		if (e->integer != 1 || e->nargs != 1 || e->args[0]->kind == PT_EXPR_ASSIGN)
		{
			pt_fail(err, PT_ESYNTAX, "a formula must be one expression of one argument");
			pt_hint(err, "For example '%s -> 0.95 ** %s'.", name, name);
			return NULL;
		}
		f->name = e->keywords[0];
		f->body = e->args[0];
	}
	return pt_formula_eval(f, 1, &ignored, err) ? f : NULL;
}
