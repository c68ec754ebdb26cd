/*
 * build.c
 *	  Walking an expression: into a graph's nodes, or into a constant.
 *
 * Names are variables, constants or dtypes; calls go to the op table; operators are ops of their own
 * names.  What has no tensor in it is computed at once as Python does (fold.c), so that
 * 1 - 0.9 ** 2 is one number of the graph.
 *
 * Gradients and update rules are texts that come through here for every node, so the tree goes
 * into a scratch arena, and operators and calls of scalar ops skip the binding of arguments.
 *
 * Memory:  what the graph keeps lives in its arena; the tree does not.
 * Threads: the graph's.
 * Errors:  sticky, the graph's first one; a name's error says the character.
 */
#include "engine/expr.h"

#include <string.h>

#include "engine/fold.h"

typedef struct Builder
{
	PtGraph *g;			/* NULL: constants only */
	PtArena *arena;		/* for values that ops keep */
	const char *source; /* for positions; may be NULL */
	const PtVar *vars;
	int nvars;
	PtError *err;
} Builder;

static bool eval(Builder *b, const PtExpr *e, PtValue *out);

static bool
fail_name(Builder *b, const PtExpr *e, const char *what, const char *name)
{
	if (b->source == NULL)
		return pt_fail(b->err, PT_ENAME, "%s \"%.64s\" does not exist", what, name);
	return pt_fail(b->err, PT_ENAME, "%s \"%.64s\" at character %d does not exist", what, name,
				   pt_expr_character(b->source, e->position));
}

/* Takes over the graph's error, which ops leave there. */
static bool
graph_failed(Builder *b)
{
	*b->err = b->g->error;
	return false;
}

static bool
set_ref(Builder *b, PtRef ref, PtValue *out)
{
	*out = (PtValue){PT_VALUE_TENSOR, 0, {.tensor = ref}};
	return ref != PT_NO_REF || graph_failed(b);
}

/* A number becomes a value of the graph. */
static PtRef
number_ref(Builder *b, const PtValue *v)
{
	if (v->kind == PT_VALUE_REAL)
		return pt_real(b->g, v->real);
	if (v->kind == PT_VALUE_BOOL)
		return pt_boolean(b->g, v->boolean);
	return pt_integer(b->g, v->integer);
}

/* ---------- names ---------- */

static bool
eval_name(Builder *b, const PtExpr *e, PtValue *out)
{
	const char *names[64];
	const char *nearest;
	int n = 0;
	PtDtype dtype;
	PtError ignored;

	for (int i = b->nvars - 1; i >= 0; i--)
	{
		const PtGraphValue *v;

		if (strcmp(b->vars[i].name, e->text) != 0)
			continue;
		v = pt_value(b->g, b->vars[i].ref);
		if (v->role != PT_ROLE_NUMBER)
			return set_ref(b, b->vars[i].ref, out);
		/* numbers go on being numbers, so that arithmetic on them folds */
		if (pt_dtype_is_float(v->dtype))
			*out = (PtValue){PT_VALUE_REAL, 0, {.real = v->real}};
		else if (v->dtype == PT_BOOL)
			*out = (PtValue){PT_VALUE_BOOL, 0, {.boolean = v->integer != 0}};
		else
			*out = (PtValue){PT_VALUE_INT, 0, {.integer = v->integer}};
		return true;
	}
	if (pt_fold_constant(e->text, out))
		return true;
	if (pt_dtype_parse(e->text, &dtype, &ignored))
	{
		*out = (PtValue){PT_VALUE_DTYPE, 0, {.dtype = dtype}};
		return true;
	}
	fail_name(b, e, "name", e->text);
	for (; n < b->nvars && n < 64; n++)
		names[n] = b->vars[n].name;
	nearest = pt_nearest(e->text, names, n);
	return nearest ? pt_hint(b->err, "Perhaps you meant \"%s\".", nearest) : false;
}

/* ---------- lists ---------- */

static bool
eval_list(Builder *b, const PtExpr *e, PtValue *out)
{
	size_t n = (size_t) e->nargs;
	PtValue *values = pt_arena_alloc(b->arena, n * sizeof(PtValue) + 1);
	bool tensors = false;
	bool reals = false;
	void *list;

	if (values == NULL)
		return pt_fail_memory(b->err, n * sizeof(PtValue));
	for (int i = 0; i < e->nargs; i++)
	{
		if (!eval(b, e->args[i], &values[i]))
			return false;
		tensors |= values[i].kind == PT_VALUE_TENSOR;
		reals |= values[i].kind == PT_VALUE_REAL;
		if (values[i].kind != PT_VALUE_TENSOR && values[i].kind != PT_VALUE_INT &&
			values[i].kind != PT_VALUE_REAL)
			return pt_fail(b->err, PT_ETYPE, "a list may hold tensors or numbers only");
	}
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
			((PtRef *) list)[i] = v->kind == PT_VALUE_TENSOR ? v->tensor : number_ref(b, v);
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
fail_operand(Builder *b, const char *op, const PtValue *v)
{
	const char *what = v->kind == PT_VALUE_WORD	  ? "strings"
					   : v->kind == PT_VALUE_NONE ? "None"
												  : "lists";

	return pt_fail(b->err, PT_ETYPE, "operator %s does not take %s", op, what);
}

static bool
eval_unary(Builder *b, const PtExpr *e, PtValue *out)
{
	PtValue a;

	if (!eval(b, e->args[0], &a))
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
	return set_ref(b, e->text[0] == '-' ? pt_scalar1(b->g, PT_S_neg, a.tensor) : a.tensor, out);
}

static bool
eval_binary(Builder *b, const PtExpr *e, PtValue *out)
{
	PtValue v[2];
	PtRef in[2];

	for (int i = 0; i < 2; i++)
	{
		if (!eval(b, e->args[i], &v[i]))
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
		return set_ref(b, pt_scalar1(b->g, PT_S_square, v[0].tensor), out);
	for (int i = 0; i < 2; i++)
		in[i] = v[i].kind == PT_VALUE_TENSOR ? v[i].tensor : number_ref(b, &v[i]);
	if (e->text[0] == '@')
		return set_ref(b, pt_apply_name(b->g, "matmul", in, 2, NULL, 0), out);
	return set_ref(b, pt_scalar2(b->g, operator_scalar(e->text), in[0], in[1]), out);
}

/* ---------- calls ---------- */

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

static bool
fail_function(Builder *b, const PtExpr *callee)
{
	const char *dot = strchr(callee->text, '.');
	const char *names[1024];
	const char *nearest;
	char buf[64];
	const char *name = op_name(callee->text, buf, sizeof(buf));
	int n = 0;

	fail_name(b, callee, "function", callee->text);
	if (dot != NULL)
	{
		for (int i = 0; i < b->nvars; i++)
			if (strlen(b->vars[i].name) == (size_t) (dot - callee->text) &&
				strncmp(b->vars[i].name, callee->text, (size_t) (dot - callee->text)) == 0)
				return pt_hint(b->err, "Write %s(%s) instead of %s().", dot + 1, b->vars[i].name,
							   callee->text);
	}
	for (int i = 0; n < 1024 && pt_op_at(i) != NULL; i++)
		if (pt_op_at(i)->flags & PT_OP_PUBLIC)
			names[n++] = pt_op_at(i)->name;
	nearest = name ? pt_nearest(name, names, n) : NULL;
	return nearest ? pt_hint(b->err, "Perhaps you meant \"%s\".", nearest) : false;
}

/* Sorts bound arguments into tensors and attributes, and applies the op. */
static bool
apply_bound(Builder *b, const PtOp *op, PtArgs *args, PtValue *out)
{
	PtRef in[PT_MAX_IN];
	PtRef results[PT_MAX_OUT];
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
							   op->params[i].name, op->name);
			in[nin++] = v->kind == PT_VALUE_TENSOR ? v->tensor
						: v->kind == PT_VALUE_NONE ? PT_NO_REF
												   : number_ref(b, v);
		}
		else
			continue;
		*v = (PtValue){PT_VALUE_NONE, 0, {0}};
	}
	if (!pt_apply_all(b->g, op, in, nin, list, nlist, args, results))
		return graph_failed(b);
	return set_ref(b, results[0], out);
}

/* A list where PyTorch takes an int or a tuple: its own errors must name the argument, so binding looks at it. */
static bool
eval_op(Builder *b, const PtOp *op, const PtExpr *e, PtValue *out)
{
	int n = e->nargs - 1;
	PtGiven *given = pt_arena_alloc(b->arena, (size_t) n * sizeof(PtGiven) + 1);
	bool plain = op->scalar != PT_S_NONE && n <= 3;
	PtArgs *args;

	if (given == NULL)
		return pt_fail_memory(b->err, (size_t) n * sizeof(PtGiven));
	for (int i = 0; i < n; i++)
	{
		given[i].name = e->keywords ? e->keywords[i + 1] : NULL;
		if (!eval(b, e->args[i + 1], &given[i].value))
			return false;
		plain &= given[i].name == NULL &&
				 (given[i].value.kind == PT_VALUE_TENSOR || pt_value_is_number(&given[i].value));
	}
	for (int i = 0; plain && i <= n; i++)
		plain = (op->params[i].name == NULL) == (i == n);
	if (plain)
	{
		PtRef in[3];

		for (int i = 0; i < n; i++)
			in[i] = given[i].value.kind == PT_VALUE_TENSOR ? given[i].value.tensor
														   : number_ref(b, &given[i].value);
		return set_ref(b, pt_apply(b->g, op, in, n, NULL), out);
	}
	args = pt_args_bind(b->arena, op->name, op->params, given, n, b->err);
	return args != NULL && apply_bound(b, op, args, out);
}

static bool
eval_call(Builder *b, const PtExpr *e, PtValue *out)
{
	const PtExpr *callee = e->args[0];
	char buf[64];
	const char *name;
	const PtOp *op;
	PtValue args[4];
	bool known;

	if (callee->kind != PT_EXPR_NAME)
		return pt_fail(b->err, PT_ESYNTAX, "only a name can be called");
	name = op_name(callee->text, buf, sizeof(buf));
	op = b->g != NULL && name != NULL ? pt_op_find(name) : NULL;
	if (op != NULL && (op->flags & PT_OP_INTERNAL) == 0)
		return eval_op(b, op, e, out);
	if (e->nargs - 1 <= 4)
	{
		for (int i = 1; i < e->nargs; i++)
		{
			if (e->keywords != NULL && e->keywords[i] != NULL)
				return fail_function(b, callee);
			args[i - 1].kind = PT_VALUE_NONE;
		}
		/* is there such a function at all, before its arguments are looked at? */
		if (pt_fold_call(callee->text, args, 0, out, &known, b->err) || known)
		{
			if (!known)
				return fail_function(b, callee);
			for (int i = 1; i < e->nargs; i++)
				if (!eval(b, e->args[i], &args[i - 1]))
					return false;
			return pt_fold_call(callee->text, args, e->nargs - 1, out, &known, b->err);
		}
	}
	return fail_function(b, callee);
}

/* ---------- all kinds ---------- */

static bool
eval(Builder *b, const PtExpr *e, PtValue *out)
{
	switch (e->kind)
	{
		case PT_EXPR_NAME:
			return eval_name(b, e, out);
		case PT_EXPR_INT:
			*out = (PtValue){PT_VALUE_INT, 0, {.integer = e->integer}};
			return true;
		case PT_EXPR_REAL:
			*out = (PtValue){PT_VALUE_REAL, 0, {.real = e->real}};
			return true;
		case PT_EXPR_STRING:
			/* the tree may go before what keeps the word */
			*out = (PtValue){PT_VALUE_WORD, 0, {.word = pt_arena_strdup(b->arena, e->text)}};
			return out->word != NULL || pt_fail_memory(b->err, strlen(e->text));
		case PT_EXPR_NONE:
			*out = (PtValue){PT_VALUE_NONE, 0, {0}};
			return true;
		case PT_EXPR_BOOL:
			*out = (PtValue){PT_VALUE_BOOL, 0, {.boolean = e->integer != 0}};
			return true;
		case PT_EXPR_LIST:
			return eval_list(b, e, out);
		case PT_EXPR_UNARY:
			return eval_unary(b, e, out);
		case PT_EXPR_BINARY:
			return eval_binary(b, e, out);
		case PT_EXPR_CALL:
			return eval_call(b, e, out);
		case PT_EXPR_LAMBDA:
		case PT_EXPR_ASSIGN:
			break;
	}
	return pt_fail(b->err, PT_ESYNTAX, "a function cannot stand inside an expression");
}

bool
pt_expr_constant(PtArena *arena, const PtExpr *expr, PtValue *out, PtError *err)
{
	Builder b = {.arena = arena, .err = err};

	return eval(&b, expr, out);
}

/* An expression that must be a tensor, or a number that becomes one of the graph's. */
static PtRef
eval_ref(Builder *b, const PtExpr *e)
{
	PtValue v;

	if (b->g->error.code != PT_OK)
		return PT_NO_REF;
	if (eval(b, e, &v))
	{
		if (v.kind == PT_VALUE_TENSOR)
			return v.tensor;
		if (pt_value_is_number(&v))
			return number_ref(b, &v);
		pt_fail(b->err, PT_ETYPE, "an expression must give a tensor, not %s",
				v.kind == PT_VALUE_NONE	  ? "None"
				: v.kind == PT_VALUE_WORD ? "a string"
										  : "a list");
	}
	if (b->g->error.code == PT_OK)
		b->g->error = *b->err;
	return PT_NO_REF;
}

/* Runs statements; assignments change vars, which has room for so many; the last expression's value. */
static PtRef
run(Builder *b, const PtExpr *lambda, PtVar *vars, int *nvars, int room)
{
	PtRef last = PT_NO_REF;

	b->vars = vars;
	for (int i = 0; i < lambda->nargs; i++)
	{
		const PtExpr *s = lambda->args[i];
		PtRef value;
		int at = 0;

		b->nvars = *nvars;
		value = eval_ref(b, s->kind == PT_EXPR_ASSIGN ? s->args[0] : s);
		if (value == PT_NO_REF)
			return PT_NO_REF;
		if (s->kind != PT_EXPR_ASSIGN)
		{
			last = value;
			continue;
		}
		last = PT_NO_REF;
		while (at < *nvars && strcmp(vars[at].name, s->text) != 0)
			at++;
		if (at == *nvars)
		{
			if (at == room)
				return pt_graph_fail(b->g, PT_ELIMIT, "more than %d variables", room);
			vars[at].name = pt_arena_strdup(b->arena, s->text);
			if (vars[at].name == NULL)
				return pt_graph_fail(b->g, PT_ENOMEM, "out of memory");
			(*nvars)++;
		}
		vars[at].ref = value;
	}
	return last;
}

PtRef
pt_expr_build(PtGraph *g, const PtExpr *expr, const PtVar *vars, int nvars)
{
	PtError err;
	Builder b = {.g = g, .arena = g->arena, .vars = vars, .nvars = nvars, .err = &err};
	PtVar *own;
	PtRef result;

	if (g->error.code != PT_OK)
		return PT_NO_REF;
	if (expr->kind != PT_EXPR_LAMBDA)
		return eval_ref(&b, expr);
	if (expr->integer != nvars)
		return pt_graph_fail(g, PT_EINVAL, "expression takes %d inputs, not %d",
							 (int) expr->integer, nvars);
	own = pt_arena_alloc(g->arena, (size_t) (nvars + expr->nargs) * sizeof(PtVar));
	if (own == NULL)
		return pt_graph_fail(g, PT_ENOMEM, "out of memory");
	for (int i = 0; i < nvars; i++)
		own[i] = (PtVar){expr->keywords[i], vars[i].ref};
	result = run(&b, expr, own, &nvars, nvars + expr->nargs);
	if (result == PT_NO_REF)
		return pt_graph_fail(g, PT_ESYNTAX, "the last statement must be an expression");
	return result;
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

bool
pt_expr_run(PtGraph *g, const char *statements, PtVar *vars, int *nvars, int room)
{
	PtError err;
	PtArena *scratch;
	const PtExpr *e = parse_scratch(g, statements, true, &scratch);
	Builder b = {.g = g, .arena = g->arena, .source = statements, .err = &err};

	if (e != NULL)
		run(&b, e, vars, nvars, room);
	pt_arena_free(scratch);
	return g->error.code == PT_OK;
}

PtRef
pt_expr_text(PtGraph *g, const char *text, const PtVar *vars, int nvars)
{
	PtError err;
	PtArena *scratch;
	const PtExpr *e = parse_scratch(g, text, false, &scratch);
	Builder b =
		{.g = g, .arena = g->arena, .source = text, .vars = vars, .nvars = nvars, .err = &err};
	PtRef ref = e != NULL ? eval_ref(&b, e) : PT_NO_REF;

	pt_arena_free(scratch);
	return ref;
}
