/*
 * build.c
 *	  Walking an expression: into a graph's nodes, or into a constant.
 *
 * Names are variables, constants or dtypes; operators are ops of their own names, indexing is in
 * subscript.c, calls are in build_call.c.  What has no tensor in it is computed at once as Python does
 * (fold.c), so that 1 - 0.9 ** 2 is one number of the graph.
 *
 * Gradients and update rules are texts that come through here for every node, so the tree goes
 * into a scratch arena, and operators and calls of scalar ops skip the binding of arguments.
 *
 * Memory:  what the graph keeps lives in its arena; the tree does not.
 * Threads: the graph's.
 * Errors:  sticky, the graph's first one; a name's error says the character.
 */
#include <stdio.h>
#include <string.h>

#include "engine/graph/building.h"
#include "engine/graph/subscript.h"
#include "engine/lang/fold.h"
#include "engine/lang/lexer.h"

bool
pt_build_fail_name(PtBuilder *b, const PtExpr *e, const char *what, const char *name)
{
	if (b->source == NULL)
		return pt_fail(b->err, PT_ENAME, "%s \"%.64s\" does not exist", what, name);
	return pt_fail(b->err, PT_ENAME, "%s \"%.64s\" at character %d does not exist", what, name,
				   pt_lex_character(b->source, e->position));
}

bool
pt_build_set(PtBuilder *b, PtRef ref, PtValue *out)
{
	*out = (PtValue){PT_VALUE_TENSOR, 0, {.tensor = ref}};
	if (ref == PT_NO_REF)
		*b->err = b->g->error;
	return ref != PT_NO_REF;
}

/* "operator + does not take the several results of max"; rule: up to "take". */
bool
pt_build_fail_results(PtError *err, const char *rule, const PtTuple *t)
{
	pt_fail(err, PT_ETYPE, "%s the several results of %s", rule, t->of);
	if (t->names != NULL)
		pt_hint(err, "Write %s(...).%s.", t->of, t->names[0]);
	return false;
}

/* ---------- names and fields ---------- */

/* One of several results, in place of all of them. */
static bool
take_field(PtBuilder *b, const char *field, PtValue *out)
{
	const PtTuple *t = out->kind == PT_VALUE_TUPLE ? out->tuple : NULL;
	const PtOp *op = pt_op_find(field);
	PtBuffer names = {.arena = b->arena};

	if (t != NULL && t->names != NULL)
	{
		for (int i = 0; i < t->count; i++)
		{
			if (strcmp(t->names[i], field) == 0)
				return pt_value_element(out, i, out);
			pt_buffer_addf(&names, "%s\"%s\"",
						   i == 0			  ? ""
						   : i + 1 < t->count ? ", "
											  : " and ",
						   t->names[i]);
		}
		pt_fail(b->err, PT_ENAME, "%s has no result \"%.64s\"", t->of, field);
		return !names.failed && pt_hint(b->err, "Its results are %s.", names.text);
	}
	pt_fail(b->err, PT_ENAME, "%s has no field \"%.64s\"", pt_value_kind(out), field);
	if (op != NULL && pt_op_is_public(op))
		pt_hint(b->err, "Functions are not written as methods: %s(x).", field);
	else if (strcmp(field, "T") == 0)
		pt_hint(b->err, "Write t(x).");
	return false;
}

bool
pt_build_name(PtBuilder *b, const PtExpr *e, PtValue *out)
{
	const char *dot = strrchr(e->text, '.');
	const char *names[64];
	const char *nearest;
	int n = 0;
	PtDtype dtype;
	PtError ignored;

	for (int i = b->nvars - 1; i >= 0; i--)
	{
		const char *name = b->vars[i].name;

		if (strcmp(name, e->text) == 0)
		{
			*out = b->vars[i].value;
			return true;
		}
		/* m.values, which the lexer takes for one name */
		if (dot != NULL && (size_t) (dot - e->text) == strlen(name) &&
			strncmp(e->text, name, (size_t) (dot - e->text)) == 0)
		{
			*out = b->vars[i].value;
			return take_field(b, dot + 1, out);
		}
	}
	if (pt_fold_constant(e->text, out))
		return true;
	if (pt_dtype_parse(e->text, &dtype, &ignored))
	{
		*out = pt_value_dtype(dtype);
		return true;
	}
	pt_build_fail_name(b, e, "name", e->text);
	for (; n < b->nvars && n < 64; n++)
		names[n] = b->vars[n].name;
	nearest = pt_nearest(e->text, names, n);
	return nearest ? pt_hint(b->err, "Perhaps you meant \"%s\".", nearest) : false;
}

static bool
eval_field(PtBuilder *b, const PtExpr *e, PtValue *out)
{
	return pt_build_expr(b, e->args[0], out) && take_field(b, e->text, out);
}

/* ---------- lists ---------- */

/* A value with all that it holds. */
static int
size_of(const PtValue *v)
{
	if (v->kind == PT_VALUE_TUPLE && v->tuple->size > 0)
		return v->tuple->size;
	return pt_value_is_list(v) ? 1 + v->count : 1;
}

bool
pt_build_tuple(PtBuilder *b, const char *of, const char *const *names, const PtValue *values,
			   int count, PtValue *out)
{
	PtTuple *t = pt_arena_alloc(b->arena, sizeof(PtTuple));
	int size = 1;

	if (t == NULL)
		return pt_fail_memory(b->err, sizeof(PtTuple));
	/* what an op gives is no longer than the op allows */
	for (int i = 0; i < count && (of != NULL || size <= PT_MAX_TUPLE); i++)
		size += size_of(&values[i]);
	if (of == NULL && size > PT_MAX_TUPLE)
		return pt_fail(b->err, PT_ELIMIT, "a tuple holds more than %d values", PT_MAX_TUPLE);
	*t = (PtTuple){of, names, count, values, size};
	*out = (PtValue){PT_VALUE_TUPLE, count, {.tuple = t}};
	return true;
}

static bool
eval_list(PtBuilder *b, const PtExpr *e, PtValue *out)
{
	size_t n = (size_t) e->nargs;
	PtValue *values = pt_arena_alloc(b->arena, n * sizeof(PtValue) + 1);
	bool tensors = false;
	bool reals = false;
	bool mixed = false;
	void *list;

	if (values == NULL)
		return pt_fail_memory(b->err, n * sizeof(PtValue));
	for (int i = 0; i < e->nargs; i++)
	{
		if (!pt_build_expr(b, e->args[i], &values[i]))
			return false;
		tensors |= values[i].kind == PT_VALUE_TENSOR;
		reals |= values[i].kind == PT_VALUE_REAL;
		mixed |= values[i].kind == PT_VALUE_NONE || pt_value_is_list(&values[i]);
		if (values[i].kind != PT_VALUE_TENSOR && values[i].kind != PT_VALUE_INT &&
			values[i].kind != PT_VALUE_REAL && !mixed)
			return pt_fail(b->err, PT_ETYPE, "a list may hold tensors or numbers only, not %s",
						   pt_value_kind(&values[i]));
	}
	if (mixed)
		return pt_build_tuple(b, NULL, NULL, values, e->nargs, out);
	list = pt_arena_alloc(b->arena, n * sizeof(double) + 1);
	if (list == NULL)
		return pt_fail_memory(b->err, n * sizeof(double));
	*out = (PtValue){tensors ? PT_VALUE_TENSORS
					 : reals ? PT_VALUE_REALS
							 : PT_VALUE_INTS,
					 e->nargs,
					 {.ints = list}};
	for (int i = 0; i < e->nargs; i++)
	{
		const PtValue *v = &values[i];

		if (tensors)
			((PtRef *) list)[i] = v->kind == PT_VALUE_TENSOR ? v->tensor : pt_number(b->g, v);
		else if (reals)
			((double *) list)[i] = v->kind == PT_VALUE_REAL ? v->real : (double) v->integer;
		else
			((int64_t *) list)[i] = v->integer;
	}
	return true;
}

/* ---------- operators ---------- */

static PtScalar
operator_scalar(const char *op)
{
	switch (op[0])
	{
		case '+':
			return PT_S_add;
		case '-':
			return PT_S_sub;
		case '*':
			return op[1] ? PT_S_pow : PT_S_mul;
		case '/':
			return op[1] ? PT_S_floor_divide : PT_S_div;
		case '%':
			return PT_S_remainder;
		case '=':
			return PT_S_eq;
		case '!':
			return PT_S_ne;
		case '<':
			return op[1] ? PT_S_le : PT_S_lt;
		case '>':
			return op[1] ? PT_S_ge : PT_S_gt;
	}
	return PT_S_NONE;
}

static bool
fail_operand(PtBuilder *b, const char *op, const PtValue *v)
{
	const char *what = v->kind == PT_VALUE_WORD	  ? "strings"
					   : v->kind == PT_VALUE_NONE ? "None"
												  : "lists";

	char rule[64];

	snprintf(rule, sizeof(rule), "operator %s does not take", op);
	if (v->kind == PT_VALUE_TUPLE && v->tuple->of != NULL)
		return pt_build_fail_results(b->err, rule, v->tuple);
	return pt_fail(b->err, PT_ETYPE, "%s %s", rule, what);
}

static bool
eval_unary(PtBuilder *b, const PtExpr *e, PtValue *out)
{
	PtValue a;

	if (!pt_build_expr(b, e->args[0], &a))
		return false;
	if (pt_value_is_number(&a))
		return pt_fold_unary(e->text, &a, out, b->err);
	if (a.kind != PT_VALUE_TENSOR)
		return fail_operand(b, e->text, &a);
	if (e->text[0] == 'n')
	{
		pt_fail(b->err, PT_ETYPE, "\"not\" does not take tensors");
		return pt_hint(b->err, "Write logical_not(x).");
	}
	return pt_build_set(b, e->text[0] == '-' ? pt_neg(b->g, a.tensor) : a.tensor, out);
}

static bool
eval_binary(PtBuilder *b, const PtExpr *e, PtValue *out)
{
	PtValue v[2];
	PtRef in[2];

	for (int i = 0; i < 2; i++)
	{
		bool unused = i == 1 && (e->text[0] == 'a' || e->text[0] == 'o') &&
					  v[0].kind != PT_VALUE_TENSOR && pt_fold_truth(&v[0]) == (e->text[0] == 'o');

		if (!(unused ? pt_build_unused : pt_build_expr)(b, e->args[i], &v[i]))
			return false;
		if (v[i].kind != PT_VALUE_TENSOR && !pt_value_is_number(&v[i]))
			return fail_operand(b, e->text, &v[i]);
	}
	if (v[0].kind != PT_VALUE_TENSOR && v[1].kind != PT_VALUE_TENSOR)
		return pt_fold_binary(e->text, &v[0], &v[1], out, b->err);
	if (e->text[0] == 'a' || e->text[0] == 'o')
	{
		pt_fail(b->err, PT_ETYPE, "\"%s\" does not take tensors", e->text);
		return pt_hint(b->err, "Write logical_%s(a, b).", e->text);
	}
	if (e->text[0] == '@' && (v[0].kind != v[1].kind))
		return pt_fail(b->err, PT_ETYPE, "operator @ needs tensors, not numbers");
	/* x ** 2 is the one power that everybody writes */
	if (e->text[0] == '*' && e->text[1] == '*' && v[1].kind != PT_VALUE_TENSOR &&
		(v[1].kind == PT_VALUE_REAL ? v[1].real == 2
									: v[1].kind == PT_VALUE_INT && v[1].integer == 2) &&
		pt_dtype_is_float(pt_value(b->g, v[0].tensor)->dtype))
		return pt_build_set(b, pt_square(b->g, v[0].tensor), out);
	for (int i = 0; i < 2; i++)
		in[i] = v[i].kind == PT_VALUE_TENSOR ? v[i].tensor : pt_number(b->g, &v[i]);
	if (e->text[0] == '@')
		return pt_build_set(b, pt_apply_name(b->g, "matmul", in, 2, NULL, 0), out);
	/* PyTorch's number / x is reciprocal(x) * number, which autocast computes in float32 */
	if (strcmp(e->text, "/") == 0 && v[0].kind != PT_VALUE_TENSOR &&
		b->g->autocast != PT_AUTOCAST_OFF)
		return pt_build_set(b, pt_mul(b->g, pt_reciprocal(b->g, in[1]), in[0]), out);
	return pt_build_set(b, pt_scalar2(b->g, operator_scalar(e->text), in[0], in[1]), out);
}

/* ---------- indexing ---------- */

/* Subscripts one index may have: all dimensions and as many new ones. */
#define MAX_SUBSCRIPTS (2 * PT_MAX_DIM + 1)

/* start, stop or step of a slice; None leaves it out. */
static bool
eval_bound(PtBuilder *b, const PtExpr *e, const char *what, bool *given, int64_t *out)
{
	PtValue v;

	if (!pt_build_expr(b, e, &v))
		return false;
	*given = v.kind != PT_VALUE_NONE;
	if (v.kind != PT_VALUE_INT && v.kind != PT_VALUE_NONE)
		return pt_fail(b->err, PT_ETYPE, "the %s of a slice must be an integer, not %s", what,
					   pt_value_kind(&v));
	if (*given)
		*out = v.integer;
	return true;
}

static bool
eval_subscript(PtBuilder *b, const PtExpr *e, PtSubscript *out)
{
	PtValue v;
	bool has_step;

	*out = (PtSubscript){.step = 1};
	if (e->kind == PT_EXPR_ELLIPSIS)
	{
		out->kind = PT_SUBSCRIPT_REST;
		return true;
	}
	if (e->kind == PT_EXPR_SLICE)
	{
		out->kind = PT_SUBSCRIPT_SLICE;
		if (!eval_bound(b, e->args[0], "start", &out->has_start, &out->start) ||
			!eval_bound(b, e->args[1], "stop", &out->has_stop, &out->stop) ||
			!eval_bound(b, e->args[2], "step", &has_step, &out->step))
			return false;
		return out->step > 0 ||
			   pt_fail(b->err, PT_EINVAL, "the step of a slice must be greater than zero");
	}
	if (!pt_build_expr(b, e, &v))
		return false;
	out->kind = v.kind == PT_VALUE_NONE ? PT_SUBSCRIPT_NEW : PT_SUBSCRIPT_INDEX;
	out->start = v.kind == PT_VALUE_INT ? v.integer : 0;
	if (v.kind == PT_VALUE_INT || v.kind == PT_VALUE_NONE)
		return true;
	if (v.kind == PT_VALUE_TENSOR || v.kind == PT_VALUE_INTS)
		return pt_fail(b->err, PT_EUNSUPPORTED, "indexing by %s is not supported",
					   pt_value_kind(&v));
	return pt_fail(b->err, PT_ETYPE, "an index must be an integer, a slice, None or ..., not %s",
				   pt_value_kind(&v));
}

/* One element of a list. */
static bool
take_element(PtBuilder *b, const PtSubscript *at, int n, PtValue *v)
{
	int count = v->count;
	int64_t i = at->start < 0 ? at->start + count : at->start;

	if (n != 1 || at->kind != PT_SUBSCRIPT_INDEX)
		return pt_fail(b->err, PT_ETYPE, "a list can be indexed by one integer only");
	if (i < 0 || i >= count)
		return pt_fail(b->err, PT_EINVAL, "index %lld is out of bounds for a list of %d elements",
					   (long long) at->start, count);
	return pt_value_element(v, (int) i, v);
}

static bool
eval_index(PtBuilder *b, const PtExpr *e, PtValue *out)
{
	PtSubscript subscripts[MAX_SUBSCRIPTS];
	int n = e->nargs - 1;

	if (n > MAX_SUBSCRIPTS)
		return pt_fail(b->err, PT_ELIMIT, "an index has more than %d parts", MAX_SUBSCRIPTS);
	if (!pt_build_expr(b, e->args[0], out))
		return false;
	for (int i = 0; i < n; i++)
		if (!eval_subscript(b, e->args[i + 1], &subscripts[i]))
			return false;
	if (out->kind == PT_VALUE_TENSOR)
		return pt_build_set(b, pt_subscript(b->g, out->tensor, subscripts, n), out);
	if (pt_value_is_list(out))
		return take_element(b, subscripts, n, out);
	return pt_fail(b->err, PT_ETYPE, "%s cannot be indexed", pt_value_kind(out));
}

/* ---------- all kinds ---------- */

bool
pt_build_expr(PtBuilder *b, const PtExpr *e, PtValue *out)
{
	switch (e->kind)
	{
		case PT_EXPR_NAME:
			return pt_build_name(b, e, out);
		case PT_EXPR_INT:
			*out = pt_value_int(e->integer);
			return true;
		case PT_EXPR_REAL:
			*out = pt_value_real(e->real);
			return true;
		case PT_EXPR_STRING:
			/* the tree may go before what keeps the word */
			*out = (PtValue){PT_VALUE_WORD, 0, {.word = pt_arena_strdup(b->arena, e->text)}};
			return out->word != NULL || pt_fail_memory(b->err, strlen(e->text));
		case PT_EXPR_NONE:
			*out = (PtValue){PT_VALUE_NONE, 0, {0}};
			return true;
		case PT_EXPR_BOOL:
			*out = pt_value_bool(e->integer != 0);
			return true;
		case PT_EXPR_LIST:
			return eval_list(b, e, out);
		case PT_EXPR_UNARY:
			return eval_unary(b, e, out);
		case PT_EXPR_BINARY:
			return eval_binary(b, e, out);
		case PT_EXPR_CALL:
			return pt_build_call(b, e, out);
		case PT_EXPR_INDEX:
			return eval_index(b, e, out);
		case PT_EXPR_FIELD:
			return eval_field(b, e, out);
		case PT_EXPR_SLICE:
		case PT_EXPR_ELLIPSIS:
			return pt_fail(b->err, PT_ESYNTAX, "a slice stands in an index only");
		case PT_EXPR_LAMBDA:
		case PT_EXPR_ASSIGN:
			break;
	}
	return pt_fail(b->err, PT_ESYNTAX, "a function cannot stand inside an expression");
}

bool
pt_build_unused(PtBuilder *b, const PtExpr *e, PtValue *out)
{
	if (pt_build_expr(b, e, out))
		return true;
	if (b->err->code != PT_EZERODIV && b->err->code != PT_ERANGE && b->err->code != PT_EINVAL)
		return false;
	*b->err = (PtError){PT_OK};
	*out = pt_value_int(0);
	return b->g == NULL || b->g->error.code == PT_OK;
}
