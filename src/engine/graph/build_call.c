/*
 * build_call.c
 *	  Calls in an expression: modules of a network, ops of the table, grad, and Python's functions of numbers.
 *
 * Arguments are bound against the op's parameters (args.h), but for plain calls of scalar ops, which
 * gradients and update rules are full of.
 *
 * Memory:  what the graph keeps lives in its arena.
 * Threads: the graph's.
 * Errors:  the builder's, or the graph's.
 */
#include <string.h>

#include "engine/graph/building.h"
#include "engine/lang/fold.h"

/* Differentiating adds to all nodes there are, a list is many: a short text could ask for any number of them. */
#define MAX_NODES 100000

/* ... and goes over all of them: so many in all gradients together. */
#define MAX_GRADIENT_WORK 5000000

/* Arguments of a function of numbers. */
#define MAX_NUMBERS 16

/* ---------- names of functions ---------- */

/* The op's name without the modules that PyTorch users write before it; NULL if it is too long. */
static const char *
op_name(const char *name, char *buf, size_t size)
{
	static const char *const prefixes[] = {"torch.nn.functional.", "nn.functional.", "torch.",
										   "F."};
	size_t n;

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
	{
		n = strlen(prefixes[i]);
		if (strncmp(name, prefixes[i], n) == 0)
		{
			name += n;
			break;
		}
	}
	n = strlen(name);
	if (n >= size)
		return NULL;
	memcpy(buf, name, n + 1);
	for (char *s = buf; *s != '\0'; s++)
		if (*s == '.')
			*s = '_'; /* linalg.norm is linalg_norm */
	return buf;
}

static int
find_function(const PtBuilder *b, const char *name)
{
	for (int i = 0; b->functions != NULL && i < b->functions->count; i++)
		if (strcmp(b->functions->names[i], name) == 0)
			return i;
	return -1;
}

static const PtOp *
find_op(const char *callee)
{
	char buf[64];
	const char *name = op_name(callee, buf, sizeof(buf));
	const PtOp *op = name != NULL ? pt_op_find(name) : NULL;

	return op != NULL && pt_op_is_public(op) ? op : NULL;
}

static bool
is_grad(const char *callee)
{
	return strcmp(callee, "grad") == 0 || strcmp(callee, "torch.grad") == 0 ||
		   strcmp(callee, "torch.autograd.grad") == 0;
}

static bool
fail_function(PtBuilder *b, const PtExpr *callee)
{
	const char *dot = strrchr(callee->text, '.');
	const char *names[1024];
	const char *nearest;
	char buf[64];
	const char *name = op_name(callee->text, buf, sizeof(buf));
	int n = 0;

	pt_build_fail_name(b, callee, "function", callee->text);
	if (b->g == NULL && b->functions == NULL)
		return pt_hint(
			b->err, "There are min, max, abs, pow, where, int, float, bool and functions of math.");
	for (int i = 0; dot != NULL && i < b->nvars; i++)
		if (strlen(b->vars[i].name) == (size_t) (dot - callee->text) &&
			strncmp(b->vars[i].name, callee->text, (size_t) (dot - callee->text)) == 0)
			return pt_hint(b->err, "Write %.64s(%.64s) instead of %.64s().", dot + 1,
						   b->vars[i].name, callee->text);
	if (strncmp(callee->text, "self.", 5) == 0)
		return pt_hint(b->err, "Write %.64s(...) instead of %.64s(...).", callee->text + 5,
					   callee->text);
	for (int i = 0; n < 512 && b->functions != NULL && i < b->functions->count; i++)
		names[n++] = b->functions->names[i];
	for (int i = 0; pt_op_at(i) != NULL; i++)
	{
		const PtOp *op = pt_op_at(i);

		if (!pt_op_is_public(op) || pt_op_is_form(op))
			continue;
		for (const char *const *a = op->aliases; n < 1023 && a != NULL && *a != NULL; a++)
			names[n++] = *a;
		if (n < 1024)
			names[n++] = op->name;
	}
	nearest = name ? pt_nearest(name, names, n) : NULL;
	return nearest ? pt_hint(b->err, "Perhaps you meant \"%s\".", nearest) : false;
}

/* A call must be of a name; f(x).sum() is not. */
static bool
check_callee(PtBuilder *b, const PtExpr *callee)
{
	if (callee->kind == PT_EXPR_NAME)
		return true;
	pt_fail(b->err, PT_ESYNTAX, "only a name can be called");
	if (callee->kind == PT_EXPR_FIELD)
		pt_hint(b->err, "Functions are not written as methods: %.64s(x).", callee->text);
	return false;
}

/* What an expression, and what a network's cannot hold. */
static bool
check_op(PtBuilder *b, const PtOp *op)
{
	unsigned refused =
		PT_OP_DRAWS | (b->functions != NULL ? (unsigned) PT_OP_RANDOM | PT_OP_DYNAMIC : 0);

	if ((op->flags & refused) == 0)
		return true;
	if (op->flags & PT_OP_DYNAMIC)
		return pt_fail(b->err, PT_EUNSUPPORTED,
					   "%s cannot be part of a model: the shape of its result depends on the data",
					   op->name);
	pt_fail(b->err, PT_EUNSUPPORTED, "%s cannot be part of an expression: it is random", op->name);
	return b->functions == NULL ? false : pt_hint(b->err, "Use a module, for example nn.Dropout.");
}

bool
pt_build_check_call(PtBuilder *b, const PtExpr *e)
{
	const PtExpr *callee = e->args[0];
	const PtOp *op;
	PtValue unused;
	PtError ignored;
	bool known;

	if (!check_callee(b, callee))
		return false;
	if (find_function(b, callee->text) >= 0 || is_grad(callee->text))
		return true;
	if ((op = find_op(callee->text)) != NULL)
		return check_op(b, op);
	pt_fold_call(callee->text, &unused, 0, &unused, &known, &ignored);
	return known || fail_function(b, callee);
}

/* ---------- ops ---------- */

/* The results of an op as a value: those that were asked for, in a tuple if there are several. */
static bool
set_results(PtBuilder *b, const PtOp *op, const char *name, const PtArgs *args, const PtRef *refs,
			int n, PtValue *out)
{
	PtValue *values = pt_arena_alloc(b->arena, (size_t) n * sizeof(PtValue) + 1);
	const char **names = pt_arena_alloc(b->arena, (size_t) n * sizeof(char *) + 1);
	int count = 0;

	if (values == NULL || names == NULL)
		return pt_fail_memory(b->err, (size_t) n * sizeof(PtValue));
	for (int i = 0; i < n; i++)
	{
		if (op->asked != NULL && op->asked[i] != NULL && !pt_args_bool(args, op->asked[i]))
			continue;
		values[count] = (PtValue){PT_VALUE_TENSOR, 0, {.tensor = refs[i]}};
		names[count++] = op->results != NULL ? op->results[i] : NULL;
	}
	if (count == 1 && op->list == NULL)
	{
		*out = values[0];
		return true;
	}
	return pt_build_tuple(b, name, op->results != NULL ? names : NULL, values, count, out);
}

/* Sorts bound arguments into tensors and attributes, and applies the op, which errors call by name. */
static bool
apply_bound(PtBuilder *b, const PtOp *op, const char *name, PtArgs *args, PtValue *out)
{
	PtRef in[PT_MAX_OPERANDS];
	PtRef results[PT_MAX_RESULTS], *refs = results;
	int nresults = pt_op_nout(op);
	const PtRef *list = NULL;
	int nin = 0;
	int nlist = 0;

	for (int i = 0; i < args->count; i++)
	{
		PtValue *v = &args->values[i];

		if (op->params[i].type == PT_ARG_TENSORS)
		{
			list = v->kind == PT_VALUE_TENSORS ? v->tensors : NULL;
			nlist = v->kind == PT_VALUE_TENSORS ? v->count : 0;
		}
		else if (op->params[i].type == PT_ARG_TENSOR)
		{
			if (pt_value_is_number(v) && op->scalar == PT_S_NONE)
				return pt_fail(b->err, PT_ETYPE,
							   "argument \"%s\" of %s must be a tensor, not a number",
							   op->params[i].name, name);
			in[nin++] = v->kind == PT_VALUE_TENSOR ? v->tensor
						: v->kind == PT_VALUE_NONE ? PT_NO_REF
												   : pt_number(b->g, v);
		}
		else
			continue;
		*v = (PtValue){PT_VALUE_NONE, 0, {0}};
	}
	if (op->list != NULL && b->g->nnodes > MAX_NODES)
		return pt_fail(b->err, PT_ELIMIT, "%s: the expression has more than %d operations", name,
					   MAX_NODES);
	if (op->list != NULL ? !op->list(b->g, in, nin, args, &refs, &nresults)
						 : !pt_apply_all(b->g, op, in, nin, list, nlist, args, results))
		return pt_build_set(b, PT_NO_REF, out);
	return set_results(b, op, name, args, refs, nresults, out);
}

/* A call's arguments, evaluated. */
static bool
eval_arguments(PtBuilder *b, const PtExpr *e, PtGiven **out)
{
	int n = e->nargs - 1;
	PtGiven *given = pt_arena_alloc(b->arena, (size_t) n * sizeof(PtGiven) + 1);

	if (given == NULL)
		return pt_fail_memory(b->err, (size_t) n * sizeof(PtGiven));
	for (int i = 0; i < n; i++)
	{
		given[i].name = e->keywords ? e->keywords[i + 1] : NULL;
		if (!pt_build_expr(b, e->args[i + 1], &given[i].value))
			return false;
	}
	*out = given;
	return true;
}

static bool
eval_op(PtBuilder *b, const PtOp *op, const PtExpr *e, PtValue *out)
{
	int n = e->nargs - 1;
	const char *name = op->name;
	PtGiven *given;
	bool plain;
	PtArgs *args;

	if (!check_op(b, op) || !eval_arguments(b, e, &given))
		return false;
	plain = op->scalar != PT_S_NONE && n <= 3;
	for (int i = 0; plain && i < n; i++)
		plain = given[i].name == NULL &&
				(given[i].value.kind == PT_VALUE_TENSOR || pt_value_is_number(&given[i].value));
	for (int i = 0; plain && i <= n; i++)
		plain = (op->params[i].name == NULL) == (i == n);
	if (plain)
	{
		PtRef in[3];

		for (int i = 0; i < n; i++)
			in[i] = given[i].value.kind == PT_VALUE_TENSOR ? given[i].value.tensor
														   : pt_number(b->g, &given[i].value);
		return pt_build_set(b, pt_apply(b->g, op, in, n, NULL), out);
	}
	op = pt_op_choose(b->arena, op, given, n, &args, b->err);
	return op != NULL && apply_bound(b, op, name, args, out);
}

/* ---------- functions of the caller, grad, numbers ---------- */

bool
pt_given_tensors(const char *name, const PtGiven *given, int ngiven, int most, PtRef *in,
				 PtError *err)
{
	if (ngiven > most)
		return pt_fail(err, PT_EINVAL, "%s takes at most %d arguments, not %d", name, most, ngiven);
	for (int i = 0; i < ngiven; i++)
	{
		const PtValue *v = &given[i].value;

		if (given[i].name != NULL)
			return pt_fail(err, PT_ENAME, "%s has no argument \"%.64s\"", name, given[i].name);
		if (v->kind == PT_VALUE_TUPLE && v->tuple->names != NULL)
		{
			pt_fail(err, PT_ETYPE, "argument %d of %s must be a tensor, not several results", i + 1,
					name);
			return pt_hint(err, "Write %s(...).%s.", v->tuple->of, v->tuple->names[0]);
		}
		if (v->kind != PT_VALUE_TENSOR)
			return pt_fail(err, PT_ETYPE, "argument %d of %s must be a tensor", i + 1, name);
		in[i] = v->tensor;
	}
	return true;
}

static bool
eval_function(PtBuilder *b, int which, const PtExpr *e, PtValue *out)
{
	PtGiven *given;

	if (!eval_arguments(b, e, &given))
		return false;
	if (b->functions->call(b->functions->arg, which, given, e->nargs - 1, out))
		return true;
	*b->err = b->g->error;
	return false;
}

/* The gradient of sum(y) with respect to x. */
static bool
eval_grad(PtBuilder *b, const PtExpr *e, PtValue *out)
{
	const char *path = b->g->path;
	PtRef in[2] = {PT_NO_REF, PT_NO_REF};
	PtRef gradient;
	PtGiven *given;
	bool ok;

	if (!eval_arguments(b, e, &given) ||
		!pt_given_tensors("grad", given, e->nargs - 1, 2, in, b->err))
		return false;
	if (e->nargs - 1 < 2)
		return pt_fail(b->err, PT_EINVAL, "grad takes 2 arguments, not %d", e->nargs - 1);
	if (!pt_dtype_is_float(pt_value(b->g, in[1])->dtype))
		return pt_fail(b->err, PT_ETYPE,
					   "grad: a gradient is with respect to floating point values, not %s",
					   pt_dtype_name(pt_value(b->g, in[1])->dtype));
	if (b->g->nnodes > MAX_NODES)
		return pt_fail(b->err, PT_ELIMIT, "grad: the expression has more than %d operations",
					   MAX_NODES);
	if ((b->g->differentiated += b->g->nnodes) > MAX_GRADIENT_WORK)
		return pt_fail(b->err, PT_ELIMIT,
					   "too many calls of grad: together they go over more than %d operations",
					   MAX_GRADIENT_WORK);
	ok = pt_gradient(b->g, in[0], &in[1], 1, &gradient);
	b->g->path = path;
	if (ok && gradient == PT_NO_REF)
		return pt_fail(b->err, PT_EINVAL, "grad: the first argument does not depend on the second");
	return pt_build_set(b, ok ? gradient : PT_NO_REF, out);
}

/* Python's functions of numbers.  Of where(), one branch does not count. */
static bool
eval_numbers(PtBuilder *b, const PtExpr *e, PtValue *out)
{
	const char *name = e->args[0]->text;
	int n = e->nargs - 1;
	bool where = n == 3 && strcmp(name, "where") == 0;
	PtValue args[MAX_NUMBERS] = {{PT_VALUE_NONE}};
	PtError ignored;
	bool known;

	/* is there such a function at all, before its arguments are looked at? */
	pt_fold_call(name, args, 0, out, &known, &ignored);
	if (!known)
		return fail_function(b, e->args[0]);
	if (n > MAX_NUMBERS)
		return pt_fail(b->err, PT_ELIMIT, "more than %d arguments of %s()", MAX_NUMBERS, name);
	for (int i = 0; i < n; i++)
	{
		bool unused =
			where && i > 0 && pt_value_is_number(&args[0]) && pt_fold_truth(&args[0]) != (i == 1);

		if (e->keywords != NULL && e->keywords[i + 1] != NULL)
			return pt_fail(b->err, PT_ENAME, "%s() has no argument \"%.64s\"", name,
						   e->keywords[i + 1]);
		if (!(unused ? pt_build_unused : pt_build_expr)(b, e->args[i + 1], &args[i]))
			return false;
	}
	return pt_fold_call(name, args, n, out, &known, b->err);
}

bool
pt_build_call(PtBuilder *b, const PtExpr *e, PtValue *out)
{
	const PtExpr *callee = e->args[0];
	const PtOp *op;
	int which;

	if (!check_callee(b, callee))
		return false;
	if (b->g != NULL)
	{
		if ((which = find_function(b, callee->text)) >= 0)
			return eval_function(b, which, e, out);
		if ((op = find_op(callee->text)) != NULL)
			return eval_op(b, op, e, out);
		if (is_grad(callee->text))
			return eval_grad(b, e, out);
	}
	return eval_numbers(b, e, out);
}
