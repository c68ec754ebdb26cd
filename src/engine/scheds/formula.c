/*
 * formula.c
 *	  Functions of one number: parsing and evaluating them.
 *
 * Memory:  a formula lives in the arena that it was parsed in; evaluating allocates nothing.
 * Threads: a finished one is read-only.
 * Errors:  values; what a formula is not defined for (division by zero, overflow) is an error.
 */
#include "engine/scheds/formula.h"

#include <math.h>
#include <string.h>

#include "engine/graph/build.h"
#include "engine/lang/fold.h"

#define MAX_ARGS 16

struct PtFormula
{
	const PtExpr *body;
	const char *name; /* of the argument */
	const char *text; /* for errors */
};

/* ---------- evaluating ---------- */

static bool eval(const PtFormula *f, const PtExpr *e, int64_t x, PtValue *out, PtError *err);

static double
real_of(const PtValue *v)
{
	return v->kind == PT_VALUE_REAL	 ? v->real
		   : v->kind == PT_VALUE_INT ? (double) v->integer
									 : v->boolean;
}

/* min, max, abs, pow, math.floor, ...: what fold.h does not know. */
static bool
call_own(const char *name, const PtValue *args, int n, PtValue *out, bool *known, PtError *err)
{
	bool least = strcmp(name, "min") == 0;
	bool floors = strcmp(name, "math.floor") == 0;

	*known = true;
	if ((least || strcmp(name, "max") == 0) && n > 0)
	{
		*out = args[0];
		for (int i = 1; i < n; i++)
		{
			PtValue better;

			if (!pt_fold_binary(least ? "<" : ">", &args[i], out, &better, err))
				return false;
			if (better.boolean)
				*out = args[i];
		}
		return true;
	}
	if (strcmp(name, "where") == 0 && n == 3)
	{
		*out = args[real_of(&args[0]) != 0 ? 1 : 2];
		return true;
	}
	if (strcmp(name, "abs") == 0 && n == 1)
	{
		*out = args[0];
		return real_of(out) < 0 ? pt_fold_unary("-", &args[0], out, err) : true;
	}
	if ((strcmp(name, "pow") == 0 || strcmp(name, "math.pow") == 0) && n == 2)
		return pt_fold_binary("**", &args[0], &args[1], out, err);
	if ((floors || strcmp(name, "math.ceil") == 0) && n == 1)
	{
		PtValue whole = {PT_VALUE_REAL,
						 0,
						 {.real = floors ? floor(real_of(args)) : ceil(real_of(args))}};

		return pt_fold_call("int", &whole, 1, out, known, err);
	}
	*known = false;
	return false;
}

/*
 * What Python would not evaluate, as it does not count: a branch of where(), the right side of and, or.
 * Names and types in it must be right all the same, so that they are known to be from the beginning.
 */
static bool
eval_unused(const PtFormula *f, const PtExpr *e, int64_t x, PtValue *out, PtError *err)
{
	*out = (PtValue){PT_VALUE_INT};
	if (eval(f, e, x, out, err))
		return true;
	if (err->code != PT_EZERODIV && err->code != PT_ERANGE && err->code != PT_EINVAL)
		return false;
	*err = (PtError){PT_OK};
	return true;
}

static bool
eval_call(const PtFormula *f, const PtExpr *e, int64_t x, PtValue *out, PtError *err)
{
	PtValue args[MAX_ARGS];
	int n = e->nargs - 1;
	const char *name = e->args[0]->text;
	bool known;
	bool where, unused;

	if (e->args[0]->kind != PT_EXPR_NAME)
		return pt_fail(err, PT_ESYNTAX, "only functions can be called in a formula");
	where = n == 3 && strcmp(name, "where") == 0;
	if (n > MAX_ARGS)
		return pt_fail(err, PT_ELIMIT, "more than %d arguments of %.64s()", MAX_ARGS, name);
	for (int i = 0; i < n; i++)
	{
		if (e->keywords != NULL && e->keywords[i + 1] != NULL)
			return pt_fail(err, PT_ESYNTAX, "arguments of %.64s() have no names in a formula",
						   name);
		unused = where && i > 0 && (real_of(&args[0]) != 0) != (i == 1);
		if (!(unused ? eval_unused : eval)(f, e->args[i + 1], x, &args[i], err))
			return false;
	}
	if (call_own(name, args, n, out, &known, err) || known)
		return known && err->code == PT_OK;
	if (!pt_fold_call(name, args, n, out, &known, err))
		return false;
	if (known)
		return pt_value_is_number(out) || pt_fail(err, PT_ETYPE, "%.64s() gives no number", name);
	pt_fail(err, PT_ENAME, "function \"%.64s\" with %d argument%s does not exist in a formula",
			name, n, n == 1 ? "" : "s");
	return pt_hint(err, "There are min, max, abs, pow, where, int, float and functions of math.");
}

static bool
eval(const PtFormula *f, const PtExpr *e, int64_t x, PtValue *out, PtError *err)
{
	PtValue a, b;
	bool unused;

	switch (e->kind)
	{
		case PT_EXPR_NAME:
			if (strcmp(e->text, f->name) == 0)
			{
				*out = (PtValue){PT_VALUE_INT, 0, {.integer = x}};
				return true;
			}
			if (pt_fold_constant(e->text, out))
				return true;
			return pt_fail(err, PT_ENAME, "name \"%.64s\" does not exist in a formula of \"%.64s\"",
						   e->text, f->name);
		case PT_EXPR_INT:
			*out = (PtValue){PT_VALUE_INT, 0, {.integer = e->integer}};
			return true;
		case PT_EXPR_REAL:
			*out = (PtValue){PT_VALUE_REAL, 0, {.real = e->real}};
			return true;
		case PT_EXPR_BOOL:
			*out = (PtValue){PT_VALUE_BOOL, 0, {.boolean = e->integer != 0}};
			return true;
		case PT_EXPR_UNARY:
			return eval(f, e->args[0], x, &a, err) && pt_fold_unary(e->text, &a, out, err);
		case PT_EXPR_BINARY:
			if (!eval(f, e->args[0], x, &a, err))
				return false;
			unused = (strcmp(e->text, "and") == 0 && real_of(&a) == 0) ||
					 (strcmp(e->text, "or") == 0 && real_of(&a) != 0);
			return (unused ? eval_unused : eval)(f, e->args[1], x, &b, err) &&
				   pt_fold_binary(e->text, &a, &b, out, err);
		case PT_EXPR_CALL:
			return eval_call(f, e, x, out, err);
		default:
			return pt_fail(err, PT_ESYNTAX,
						   "a formula can hold only numbers, \"%.64s\", operators and functions",
						   f->name);
	}
}

bool
pt_formula_eval(const PtFormula *f, int64_t x, double *out, PtError *err)
{
	PtValue v;

	err->code = PT_OK;
	if (!eval(f, f->body, x, &v, err))
		return pt_detail(err, "The formula was %.200s, with %s = %lld.", f->text, f->name,
						 (long long) x);
	*out = real_of(&v);
	return true;
}

/* ---------- parsing ---------- */

/* "lambda epoch: body" as "epoch -> body"; other texts as they are. */
static const char *
from_python(PtArena *arena, const char *text)
{
	const char *s = text + strspn(text, " \t\r\n");
	const char *colon;

	if (strncmp(s, "lambda", 6) != 0 || (s[6] != ' ' && s[6] != '\t'))
		return text;
	if ((colon = strchr(s, ':')) == NULL)
		return text;
	return pt_arena_printf(arena, "%.*s -> %s", (int) (colon - s - 6), s + 6, colon + 1);
}

PtFormula *
pt_formula_parse(PtArena *arena, const char *text, const char *name, PtError *err)
{
	PtFormula *f = pt_arena_alloc(arena, sizeof(PtFormula));
	PtExpr *e;
	double ignored;

	if (f == NULL || (text = from_python(arena, text)) == NULL)
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
