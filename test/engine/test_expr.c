/*
 * test_expr.c
 *	  The expression language: syntax, Python's arithmetic, errors with positions, hostile text, and ops in a graph.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/check.h"
#include "engine/graph/build.h"

static PtArena *arena;

/* A tree as text with every pair of parentheses. */
static void
show(PtBuffer *b, const PtExpr *e)
{
	PtValue v;

	switch (e->kind)
	{
		case PT_EXPR_NAME:
			pt_buffer_add(b, e->text);
			break;
		case PT_EXPR_INT:
			pt_buffer_addf(b, "%lld", (long long) e->integer);
			break;
		case PT_EXPR_REAL:
			v = (PtValue){PT_VALUE_REAL, 0, {.real = e->real}};
			pt_value_print(b, &v);
			break;
		case PT_EXPR_STRING:
			v = (PtValue){PT_VALUE_WORD, 0, {.word = e->text}};
			pt_value_print(b, &v);
			break;
		case PT_EXPR_NONE:
			pt_buffer_add(b, "None");
			break;
		case PT_EXPR_BOOL:
			pt_buffer_add(b, e->integer ? "True" : "False");
			break;
		case PT_EXPR_UNARY:
			pt_buffer_addf(b, "(%s ", e->text);
			show(b, e->args[0]);
			pt_buffer_add(b, ")");
			break;
		case PT_EXPR_BINARY:
			pt_buffer_add(b, "(");
			show(b, e->args[0]);
			pt_buffer_addf(b, " %s ", e->text);
			show(b, e->args[1]);
			pt_buffer_add(b, ")");
			break;
		case PT_EXPR_ASSIGN:
			show(b, e->args[0]);
			pt_buffer_add(b, " = ");
			show(b, e->args[1]);
			break;
		case PT_EXPR_FIELD:
			show(b, e->args[0]);
			pt_buffer_addf(b, ".%s", e->text);
			break;
		case PT_EXPR_ELLIPSIS:
			pt_buffer_add(b, "...");
			break;
		case PT_EXPR_SLICE:
			for (int i = 0; i < 3; i++)
			{
				pt_buffer_add(b, i > 0 ? ":" : "");
				if (e->args[i]->kind != PT_EXPR_NONE)
					show(b, e->args[i]);
			}
			break;
		case PT_EXPR_INDEX:
			show(b, e->args[0]);
			for (int i = 1; i < e->nargs; i++)
			{
				pt_buffer_add(b, i > 1 ? ", " : "<");
				show(b, e->args[i]);
			}
			pt_buffer_add(b, ">");
			break;
		case PT_EXPR_LIST:
		case PT_EXPR_CALL:
		case PT_EXPR_LAMBDA:
			if (e->kind == PT_EXPR_LAMBDA)
			{
				pt_buffer_add(b, "(");
				for (int i = 0; i < e->integer; i++)
					pt_buffer_addf(b, "%s%s", i ? " " : "", e->keywords[i]);
				pt_buffer_add(b, ") -> ");
			}
			else
				pt_buffer_add(b, e->kind == PT_EXPR_LIST ? "[" : "{");
			for (int i = 0; i < e->nargs; i++)
			{
				pt_buffer_add(b, i == 0 ? "" : e->kind == PT_EXPR_LAMBDA ? "; " : " ");
				if (e->kind == PT_EXPR_CALL && e->keywords[i] != NULL)
					pt_buffer_addf(b, "%s:", e->keywords[i]);
				show(b, e->args[i]);
			}
			pt_buffer_add(b, e->kind == PT_EXPR_LIST ? "]" : e->kind == PT_EXPR_CALL ? "}" : "");
			break;
	}
}

static void
check_tree(const char *text, const char *want)
{
	PtError err = {0};
	PtBuffer b = {.arena = arena};
	PtExpr *e = pt_expr_parse(arena, text, &err);

	if (!CHECK(e != NULL, "%s: %s", text, err.message))
		return;
	show(&b, e);
	CHECK(strcmp(b.text, want) == 0, "%s is %s, wanted %s", text, b.text, want);
}

static void
test_trees(void)
{
	static const char *const cases[][2] = {
		{"a + b * c - d", "((a + (b * c)) - d)"},
		{"-x ** 2", "(- (x ** 2))"},
		{"2 ** -x ** y", "(2 ** (- (x ** y)))"},
		{"-a * b", "((- a) * b)"},
		{"x @ w + b", "((x @ w) + b)"},
		{"a // b % c", "((a // b) % c)"},
		{"not a == b and c or d", "(((not (a == b)) and c) or d)"},
		{"not not a", "(not (not a))"},
		{"a < b or c >= d", "((a < b) or (c >= d))"},
		{"(a < b) == c", "((a < b) == c)"},
		{"f()", "{f}"},
		{"f(x, 1, dim=-1,)", "{f x 1 dim:(- 1)}"},
		{"torch.nn.functional.relu(x)(y)", "{{torch.nn.functional.relu x} y}"},
		{"(1)", "1"},
		{"(1,)", "[1]"},
		{"()", "[]"},
		{"[1, 2.5, 'a\\'b', \"c\", None, True]", "[1 2.5 \"a'b\" 'c' None True]"},
		{"1_000 + 0x1F + 0b11 + 0o17 + 00", "((((1000 + 31) + 3) + 15) + 0)"},
		{"[1., .5, 1e-3, 1_0.2_5e1, 1E+2, 1e999]", "[1.0 0.5 0.001 102.5 100.0 float('inf')]"},
		{" \n f ( x ) # the end", "{f x}"},
		{"x -> relu(x)", "(x) -> {relu x}"},
		{"(x, w,) -> h = x @ w; h + 1;", "(x w) -> h = (x @ w); (h + 1)"},
		{"() -> 1", "() -> 1"},
		{" lambda x, w: h = x[0:1]; h", "(x w) -> h = x<0:1:>; h"},
		{"lambda: lambdas", "() -> lambdas"},
		{"(x) - y", "(x - y)"},
		{"x[0]", "x<0>"},
		{"x[:, -1]", "x<::, (- 1)>"},
		{"x[..., None]", "x<..., None>"},
		{"x[1:10:2]", "x<1:10:2>"},
		{"x[::2, :3:, 1:, a+1:b]", "x<::2, :3:, 1::, (a + 1):b:>"},
		{"x[0,]", "x<0>"},
		{"x[(0, 1)]", "x<0, 1>"},
		{"x[(0, 1),]", "x<[0 1]>"},
		{"x[[0, 1]]", "x<[0 1]>"},
		{"x[y[0]][1]", "x<y<0>><1>"},
		{"-x[0] ** 2", "(- (x<0> ** 2))"},
		{"max(x, 0).values[0]", "{max x 0}.values<0>"},
		{"max(x, 0) . indices", "{max x 0}.indices"},
		{"f(x)[0](y)", "{{f x}<0> y}"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_tree(cases[i][0], cases[i][1]);
}

static void
check_error(const char *text, PtCode code, const char *want)
{
	PtError err = {0};
	PtExpr *e = pt_expr_parse(arena, text, &err);

	CHECK(e == NULL && err.code == code && strstr(err.message, want) != NULL, "%.60s: %s", text,
		  e != NULL ? "accepted" : err.message);
}

static void
test_errors(void)
{
	check_error("", PT_ESYNTAX, "unexpected end of text, expected an expression");
	check_error("a +", PT_ESYNTAX, "unexpected end of text");
	check_error("f(x, ]", PT_ESYNTAX, "unexpected \"]\", expected an expression, at character 6");
	check_error("'\xc3\xa4\xc3\xa4' + $", PT_ESYNTAX, "unexpected \"$\" at character 8");
	check_error("a \x01", PT_ESYNTAX, "unexpected character at character 3");
	check_error("\xff\xfe", PT_ESYNTAX, "unexpected character");
	check_error("a < b < c", PT_ESYNTAX, "chained comparison at character 7");
	check_error("a < b == c", PT_ESYNTAX, "chained comparison");
	check_error("'abc", PT_ESYNTAX, "unterminated string at character 1");
	check_error("'abc\\", PT_ESYNTAX, "unterminated string");
	check_error("'a\\x41'", PT_ESYNTAX, "unknown escape");
	check_error("1__0", PT_ESYNTAX, "malformed number");
	check_error("1_", PT_ESYNTAX, "malformed number");
	check_error("0x", PT_ESYNTAX, "malformed number");
	check_error("0b12", PT_ESYNTAX, "malformed number");
	check_error("1e", PT_ESYNTAX, "malformed number");
	check_error("3x", PT_ESYNTAX, "malformed number");
	check_error("012", PT_ESYNTAX, "leading zeros");
	check_error("9223372036854775808", PT_ERANGE, "integer too large at character 1");
	check_error("f(a=1, 2)", PT_ESYNTAX, "positional argument after one by name at character 8");
	check_error("f(a=1, a=2)", PT_ESYNTAX, "given twice");
	check_error("f(1=2)", PT_ESYNTAX, "expected an argument's name");
	check_error("f(*a)", PT_ESYNTAX, "unpacking");
	check_error("x[]", PT_ESYNTAX, "unexpected \"]\", expected an index, at character 3");
	check_error("x[0", PT_ESYNTAX, "unexpected end of text, expected \",\", \":\" or \"]\"");
	check_error("x[,]", PT_ESYNTAX, "unexpected \",\", expected an index");
	check_error("x[0,,1]", PT_ESYNTAX, "unexpected \",\", expected an index");
	check_error("x[0:1:2:3]", PT_ESYNTAX,
				"unexpected \":\", expected \",\", \":\" or \"]\", at character 8");
	check_error("x[0 1]", PT_ESYNTAX, "unexpected number");
	check_error("x[*a]", PT_ESYNTAX, "unexpected \"*\"");
	check_error("f(0:1)", PT_ESYNTAX, "unexpected \":\"");
	check_error("...", PT_ESYNTAX, "unexpected \"...\"");
	check_error("f(x).", PT_ESYNTAX, "unexpected end of text, expected a result's name");
	check_error("f(x).1", PT_ESYNTAX, "unexpected number");
	check_error("f(x) ..", PT_ESYNTAX, "expected a result's name");
	check_error("a if b else c", PT_ESYNTAX, "unexpected \"if\"");
	check_error("f(lambda x: x)", PT_ESYNTAX, "\"lambda\" is not supported");
	check_error("lambda x -> x", PT_ESYNTAX, "unexpected \"->\", expected \":\"");
	check_error("lambda (x): x", PT_ESYNTAX, "unexpected \"(\", expected \":\"");
	check_error("(x, None) -> x", PT_ESYNTAX, "unexpected \"None\", expected a plain name");
	check_error("a & b", PT_ESYNTAX, "unexpected \"&\"");
	check_error("a b", PT_ESYNTAX,
				"unexpected \"b\", expected an operator or the end, at character 3");
	check_error("1 + not x", PT_ESYNTAX, "expected an operand");
	check_error("(x, x) -> x", PT_ESYNTAX, "named twice");
	check_error("(x, a.b) -> x", PT_ESYNTAX, "unexpected \"->\"");
	check_error("x -> ", PT_ESYNTAX, "unexpected end");
	check_error("x -> f(x) = 1", PT_ESYNTAX, "only a plain name");
	check_error("f(and)", PT_ESYNTAX, "\"and\" is not supported at character 3");
	check_error("a = 1", PT_ESYNTAX, "unexpected \"=\"");
}

/* n copies of a piece between two ends, in memory of malloc */
static char *
repeat(const char *before, const char *piece, int n, const char *after)
{
	size_t size = strlen(before) + strlen(piece) * (size_t) n + strlen(after) + 1;
	char *text = malloc(size);
	char *s = text;

	s += sprintf(s, "%s", before);
	for (int i = 0; i < n; i++)
		s += sprintf(s, "%s", piece);
	sprintf(s, "%s", after);
	return text;
}

/* Deep in every way that there is: an error, never a crash; long and flat: fine. */
static void
test_hostile(void)
{
	static const char *const deep[][2] = {{"(", ""},	   {"[", ""},	  {"f(", ""},
										  {"-", "x"},	   {"not ", "x"}, {"x ** ", "x"},
										  {"x + ", "x"},   {"f(a=", "x"}, {"2 ** -", "x"},
										  {"x and ", "x"}, {"x[", ""},	  {"x[:", ""},
										  {"x[..., ", ""}};
	char *text;
	PtError err = {0};
	PtExpr *e;

	for (size_t i = 0; i < sizeof(deep) / sizeof(deep[0]); i++)
	{
		text = repeat("", deep[i][0], 100000, deep[i][1]);
		check_error(text, PT_ELIMIT, "nested more than 1000 deep");
		free(text);
	}
	for (int i = 0; i < 3; i++)
	{
		text = repeat("f", i == 0 ? "()" : i == 1 ? "[0]" : "(x).a", 100000, "");
		check_error(text, PT_ELIMIT, "nested more than 1000 deep");
		free(text);
	}
	text = repeat("x[", "0, ", 100000, "0]");
	e = pt_expr_parse(arena, text, &err);
	CHECK(e != NULL && e->nargs == 100002, "%s", err.message);
	free(text);
	text = repeat("f(", "x, ", 100000, "y)");
	e = pt_expr_parse(arena, text, &err);
	CHECK(e != NULL && e->nargs == 100002, "%s", err.message);
	free(text);
	text = repeat("x -> a = x; ", "a = a + x; ", 100000, "a");
	e = pt_expr_parse(arena, text, &err);
	CHECK(e != NULL && e->nargs == 100002 && e->depth < 10, "%s", err.message);
	free(text);
	text = repeat("f(", "x = 1, ", 3, "y=2)");
	check_error(text, PT_ESYNTAX, "given twice");
	free(text);
}

static void
check_constant(const char *text, const char *want)
{
	PtError err = {0};
	PtBuffer b = {.arena = arena};
	PtValue v;
	PtExpr *e = pt_expr_parse(arena, text, &err);

	if (e == NULL || !pt_expr_constant(arena, e, &v, &err))
		pt_buffer_add(&b, err.message);
	else
		pt_value_print(&b, &v);
	CHECK(strcmp(b.text, want) == 0, "%s is %s, wanted %s", text, b.text, want);
}

/* What Python prints for the same text. */
static void
test_numbers(void)
{
	static const char *const cases[][2] = {
		{"28 * 28", "784"},
		{"7 / 2", "3.5"},
		{"6 / 2", "3.0"},
		{"7 // 2", "3"},
		{"-7 // 2", "-4"},
		{"7 // -2", "-4"},
		{"-7 % 3", "2"},
		{"7 % -3", "-2"},
		{"-6 % 3", "0"},
		{"-7.5 // 2", "-4.0"},
		{"-7.5 % 2", "0.5"},
		{"7.5 % -2", "-0.5"},
		{"1e300 // 1e-300", "float('inf')"},
		{"2 ** 10", "1024"},
		{"2 ** 62", "4611686018427387904"},
		{"(-2) ** 63", "-9223372036854775808"},
		{"2 ** -1", "0.5"},
		{"-2 ** 2", "-4"},
		{"0 ** 0", "1"},
		{"True + True", "2"},
		{"1 < 2", "True"},
		{"1 == 1.0", "True"},
		{"9007199254740993 == 9007199254740992.0", "True"},
		{"9007199254740993 == 9007199254740992", "False"},
		{"not 0", "True"},
		{"0 or 3", "3"},
		{"0.0 and 3", "0.0"},
		{"1 - 0.9", "0.09999999999999998"},
		{"0.1 + 0.2", "0.30000000000000004"},
		{"1e16", "1e+16"},
		{"123456789012345.0 * 10", "1234567890123450.0"},
		{"1e-5", "1e-05"},
		{"1e-4", "0.0001"},
		{"5e-324", "5e-324"},
		{"1.7976931348623157e308", "1.7976931348623157e+308"},
		{"float('inf')", "float('inf')"},
		{"-float('inf')", "float('-inf')"},
		{"float('nan')", "float('nan')"},
		{"torch.inf", "float('inf')"},
		{"math.sqrt(2)", "1.4142135623730951"},
		{"int(3.9)", "3"},
		{"min(3, 2.5, 4)", "2.5"},
		{"max(1, True)", "1"},
		{"abs(-3)", "3"},
		{"abs(-0.0)", "0.0"},
		{"pow(2, -1)", "0.5"},
		{"math.floor(-2.5) + math.ceil(0.5)", "-2"},
		{"where(1 > 0, 3, 1 / 0)", "3"},
		{"0 and 1 / 0", "0"},
		{"2 or 1 / 0", "2"},
		{"where(1, 2, x)", "name \"x\" does not exist"},
		{"where(1, 2)", "where() takes three numbers"},
		{"max()", "max() takes numbers"},
		{"abs('x')", "abs() takes numbers, not a string"},
		{"min(1, key=2)", "min() has no argument \"key\""},
		{"torch.float64", "torch.float64"},
		{"(1, 2.5)", "(1.0, 2.5)"},
		{"[3]", "3"},
		{"[0.5]", "(0.5,)"},
		/* and what has no answer */
		{"1 / 0", "division by zero in a constant expression"},
		{"1 // 0", "division by zero in a constant expression"},
		{"1 % 0", "division by zero in a constant expression"},
		{"1.0 % 0", "division by zero in a constant expression"},
		{"0 ** -1", "division by zero in a constant expression"},
		{"2 ** 63", "integer out of range in a constant expression"},
		{"9223372036854775807 + 1", "integer out of range in a constant expression"},
		{"3 ** 1000000000000", "integer out of range in a constant expression"},
		{"10.0 ** 400", "float out of range in a constant expression"},
		{"(-8) ** 0.5", "a negative number to a fractional power is not real"},
		{"math.log(0)", "math.log() is not defined for 0"},
		{"[3, 4][1]", "4"},
		{"(1, 2.5)[-1]", "2.5"},
		{"[3, 4][2]", "index 2 is out of bounds for a list of 2 elements"},
		{"[3, 4][0:1]", "a list can be indexed by one integer only"},
		{"3[0]", "an integer cannot be indexed"},
		{"x + 1", "name \"x\" does not exist"},
		{"f(1)", "function \"f\" does not exist"},
		{"'a' + 1", "operator + does not take strings"},
		{"[[1, 2], 3]", "((1, 2), 3)"},
		{"((1, None), (2.5,))[1]", "(2.5,)"},
		{"[1, 'a']", "a list may hold tensors or numbers only, not a string"},
		{"1 @ 2", "operator @ needs tensors, not numbers"},
		{"float('x')", "float() cannot read \"x\""},
		{"float('0x1p-1')", "float() cannot read \"0x1p-1\""},
		{"min('3')", "min() takes numbers, not a string"},
		{"bool('1')", "bool() takes numbers, not a string"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_constant(cases[i][0], cases[i][1]);
}

/* ---------- into a graph ---------- */

static void
check_graph(const char *text, const char *want)
{
	PtError err = {0};
	PtGraph *g = pt_graph_new(&err);
	PtVar vars[4] = {{"x", pt_external(g, "x", PT_FLOAT32, &(PtShape){2, {2, 3}})},
					 {"n", pt_external(g, "n", PT_INT64, &(PtShape){1, {3}})},
					 {"t", pt_external(g, "t", PT_FLOAT64, &(PtShape){0})},
					 {"half", pt_real(g, 0.5)}};
	PtRef y = pt_expr_text(g, text, vars, 4);
	char buf[512] = "";
	char shape[PT_SHAPE_TEXT];

	if (!pt_graph_ok(g, &err))
		snprintf(buf, sizeof(buf), "%s", err.message);
	else
	{
		const PtGraphValue *v = pt_value(g, y);

		if (v->role == PT_ROLE_NUMBER)
			snprintf(buf, sizeof(buf), "number %g, %u nodes",
					 v->dtype == PT_FLOAT32 ? v->real : (double) v->integer, g->nnodes);
		else
			snprintf(buf, sizeof(buf), "%s %s %s, %u nodes",
					 v->role == PT_ROLE_RESULT ? g->nodes[v->node].op->name : v->name,
					 pt_dtype_name(v->dtype), pt_shape_print(&v->shape, shape), g->nnodes);
	}
	CHECK(strcmp(buf, want) == 0, "%s gives %s, wanted %s", text, buf, want);
	pt_graph_free(g);
}

static void
test_graph(void)
{
	check_graph("x + n * 2", "add float32 [2, 3], 2 nodes");
	check_graph("1 - half ** 2", "number 0.75, 0 nodes");
	check_graph("1 - half ** t", "sub float64 [], 2 nodes");
	check_graph("n / 2", "div float32 [3], 1 nodes");
	check_graph("n // 2 % 3", "remainder int64 [3], 2 nodes");
	check_graph("-x ** 2", "neg float32 [2, 3], 2 nodes");
	check_graph("x ** 2", "square float32 [2, 3], 1 nodes");
	check_graph("+x", "x float32 [2, 3], 0 nodes");
	check_graph("x < n", "lt bool [2, 3], 1 nodes");
	check_graph("torch.nn.functional.softmax(x, dim=-1)", "softmax float32 [2, 3], 1 nodes");
	check_graph("sum(input=x, dim=[0, -1], keepdim=True)", "sum float32 [1, 1], 1 nodes");
	check_graph("where(x > 0, x, 0)", "where float32 [2, 3], 2 nodes");
	check_graph("F.relu(x) + float('inf')", "add float32 [2, 3], 2 nodes");
	check_graph("torch.to(x, torch.float64)", "to float64 [2, 3], 1 nodes");

	/* indexing */
	check_graph("x[0]", "reshape float32 [3], 2 nodes");
	check_graph("x[:, -1]", "reshape float32 [2], 2 nodes");
	check_graph("x[-2, 1]", "reshape float32 [], 2 nodes");
	check_graph("x[..., None]", "reshape float32 [2, 3, 1], 1 nodes");
	check_graph("x[None, ..., 0]", "reshape float32 [1, 2], 2 nodes");
	check_graph("x[0, ...]", "reshape float32 [3], 2 nodes");
	check_graph("x[:]", "x float32 [2, 3], 0 nodes");
	check_graph("x[...]", "x float32 [2, 3], 0 nodes");
	check_graph("x[:, 0:10:2]", "getitem float32 [2, 2], 1 nodes");
	check_graph("x[:, -2:-1]", "getitem float32 [2, 1], 1 nodes");
	check_graph("x[5:]", "getitem float32 [0, 3], 1 nodes");
	check_graph("x[:, 2:1]", "getitem float32 [2, 0], 1 nodes");
	check_graph("x[-100:100, ::9223372036854775807]", "getitem float32 [2, 1], 1 nodes");
	check_graph("t[None, None]", "reshape float64 [1, 1], 1 nodes");
	check_graph("t[...]", "t float64 [], 0 nodes");
	check_graph("x[2]", "index 2 is out of bounds for dimension 0 with size 2");
	check_graph("x[0, -4]", "index -4 is out of bounds for dimension 1 with size 3");
	check_graph("x[0, 0, 0]", "too many indices for a tensor of dimension 2");
	check_graph("t[0]", "too many indices for a tensor of dimension 0");
	check_graph("x[..., ...]", "an index can have only one \"...\"");
	check_graph("x[None, None, None, None, None, None, None]",
				"an index would give more than 8 dimensions");
	check_graph("x[::0]", "the step of a slice must be greater than zero");
	check_graph("x[::-1]", "the step of a slice must be greater than zero");
	check_graph("x[1.5]", "an index must be an integer, a slice, None or ..., not a float");
	check_graph("x[True]", "an index must be an integer, a slice, None or ..., not a boolean");
	check_graph("x[0.5:]", "the start of a slice must be an integer, not a float");
	check_graph("x[x > 0]", "indexing by a tensor is not supported");
	check_graph("x[[0, 1]]", "indexing by a list of integers is not supported");
	check_graph("x[:n]", "the stop of a slice must be an integer, not a tensor");

	/* several results */
	check_graph("max(x)", "amax float32 [], 1 nodes");
	check_graph("max(x, n)", "maximum float32 [2, 3], 1 nodes");
	check_graph("max(x, 1).values + max(x, 1).indices", "add float32 [2], 19 nodes");
	check_graph("max(x, dim=0)[1]", "reshape int64 [3], 9 nodes");
	check_graph("max(x, 1, True).values", "sum float32 [2, 1], 7 nodes");
	check_graph("max(x, 1)", "an expression must give a tensor, not the several results of max");
	check_graph("max(x, 1) + 1", "operator + does not take the several results of max");
	check_graph("max(x, 1).value", "max has no result \"value\"");
	check_graph("relu(x).values", "a tensor has no field \"values\"");
	check_graph("x.T", "a tensor has no field \"T\"");

	/* tuples, taken apart by assignment */
	check_graph("(x, n, t, half) -> v, i = max(x, 1); v + i", "add float32 [2], 10 nodes");
	check_graph("(x, n, t, half) -> (v, i) = max(x, 1); v", "reshape float32 [2], 9 nodes");
	check_graph("(x, n, t, half) -> a, (b, [c]) = x, (x + 1, [x]); a + b + c",
				"add float32 [2, 3], 3 nodes");
	check_graph("(x, n, t, half) -> m = max(x, 1); v, _ = m; v + m.values",
				"add float32 [2], 10 nodes");
	check_graph("(x, n, t, half) -> n, m = 2, 3; x * (n + m)", "mul float32 [2, 3], 1 nodes");
	check_graph("(x, n, t, half) -> a, = x, ; a", "x float32 [2, 3], 0 nodes");
	check_graph("(x, n, t, half) -> cat(max(x, 1, True))", "cat float32 [4, 1], 9 nodes");
	check_graph("(x, n, t, half) -> (x, (x, x))[1]",
				"an expression must give a tensor, not a list of tensors");
	check_graph("(x, n, t, half) -> x, x + 1",
				"an expression must give a tensor, not a list of tensors");
	check_graph("(x, n, t, half) -> a, b, c = max(x, 1); a",
				"3 names cannot be assigned from 2 values");
	check_graph("(x, n, t, half) -> a, b = x; a", "2 names cannot be assigned from a tensor");
	check_graph("(x, n, t, half) -> a, (b, c) = max(x, 1); a",
				"2 names cannot be assigned from a tensor");
	check_graph("(x, n, t, half) -> a, b = max(x, 1)", "the last statement must be an expression");
	check_graph("(x, n, t, half) -> cat((x, (x, x)))",
				"argument \"tensors\" of cat must hold tensors only, not a list of tensors");
	check_graph("(x, n, t, half) -> cat((x, None))",
				"argument \"tensors\" of cat must hold tensors only, not None");

	/* gradients */
	check_graph("grad(x ** 2, x)", "mul float32 [2, 3], 5 nodes");
	check_graph("grad(sum(x ** 3), x)[0]", "reshape float32 [3], 11 nodes");
	check_graph("grad(n, x)", "gradients are of floating point values, not of int64");
	check_graph("grad(x, n)",
				"grad: a gradient is with respect to floating point values, not int64");
	check_graph("grad(x, t)", "grad: the first argument does not depend on the second");
	check_graph("grad(x)", "grad takes 2 arguments, not 1");
	check_graph("grad(x, x, x)", "grad takes at most 2 arguments, not 3");
	check_graph("grad(x, x, create_graph=True)", "grad takes at most 2 arguments, not 3");
	for (int n = 1000; n <= 10000; n *= 10)
	{
		char *text = malloc(64 + 20 * (size_t) n);
		char *s = text + sprintf(text, "(x, n, t, half) -> y = x * x; ");

		for (int i = 0; i < n; i++)
			s += sprintf(s, "s = grad(y, x); ");
		sprintf(s, "s");
		check_graph(text, n == 1000 ? "add float32 [2, 3], 5001 nodes"
									: "too many calls of grad: together they go over more than "
									  "5000000 operations");
		free(text);
	}

	/* lists of tensors */
	check_graph("cat([x, x, x], dim=-1)", "cat float32 [2, 9], 1 nodes");
	check_graph("stack((x, x), 1)", "stack float32 [2, 2, 3], 1 nodes");
	check_graph("cat([x, n])", "cat: shapes [2, 3] and [3] differ in another dimension than 0");
	check_graph("stack([])", "stack expects at least one tensor");
	check_graph("cat(x)", "argument \"tensors\" of cat must be a list of tensors, not a tensor");

	check_graph("y + 1", "name \"y\" at character 1 does not exist");
	check_graph("relo(x)", "function \"relo\" at character 1 does not exist");
	check_graph("x.sum()", "function \"x.sum\" at character 1 does not exist");
	check_graph("relu(x).sum()", "only a name can be called");
	check_graph("softmax(x)", "softmax is missing the argument \"dim\"");
	check_graph("softmax(x, dims=1)", "softmax has no argument \"dims\"");
	check_graph("softmax(x, 1, dim=1)", "argument \"dim\" of softmax is given twice");
	check_graph("softmax(2, 1)", "argument \"input\" of softmax must be a tensor, not a number");
	check_graph("softmax(x, 1.5)", "argument \"dim\" of softmax must be an integer, not a float");
	check_graph("add(x, 'a')", "argument \"other\" of add must be a tensor, not a string");
	check_graph("x and n", "\"and\" does not take tensors");
	check_graph("not x", "\"not\" does not take tensors");
	check_graph("x + [1]", "operator + does not take lists");
	check_graph("None", "an expression must give a tensor, not None");
	check_graph("1 // 0", "division by zero in a constant expression");
	check_graph("mm(x, x)", "function \"mm\" at character 1 does not exist");
	check_graph("batch(x, x, x)", "function \"batch\" at character 1 does not exist");
}

static void
test_statements(void)
{
	PtError err = {0};
	PtGraph *g = pt_graph_new(&err);
	PtVar vars[4] = {{"p", pt_external(g, "p", PT_FLOAT32, &(PtShape){1, {8}})},
					 {"g", pt_external(g, "g", PT_FLOAT32, &(PtShape){1, {8}})}};
	int n = 2;
	PtRef p = vars[0].ref;
	PtExpr *lambda;

	CHECK(pt_expr_run(g, "b = 0.9; m = b * g; p = p - m;", vars, &n, 4), "%s", g->error.message);
	CHECK(n == 4 && strcmp(vars[2].name, "b") == 0 && strcmp(vars[3].name, "m") == 0,
		  "%d variables", n);
	CHECK(vars[0].ref != p && pt_value(g, vars[2].ref)->role == PT_ROLE_NUMBER,
		  "p is assigned, b a number");
	CHECK(!pt_expr_run(g, "q = 1", vars, &n, 4) && g->error.code == PT_ELIMIT, "%s",
		  g->error.message);
	pt_graph_free(g);

	g = pt_graph_new(&err);
	vars[0].ref = pt_external(g, "p", PT_FLOAT32, &(PtShape){1, {8}});
	vars[1].ref = pt_external(g, "g", PT_FLOAT32, &(PtShape){1, {4}});
	lambda = pt_expr_parse(arena, "(a, b) -> c = sum(a); c + b", &err);
	p = pt_expr_build(g, lambda, vars, 2);
	CHECK(p != PT_NO_REF && pt_value(g, p)->shape.dim[0] == 4, "%s", g->error.message);
	CHECK(pt_expr_build(g, lambda, vars, 1) == PT_NO_REF && g->error.code == PT_EINVAL, "%s",
		  g->error.message);
	pt_graph_free(g);
}

/* ---------- arguments ---------- */

static void
test_args(void)
{
	static const char *const words[] = {"none", "mean", "sum", NULL};
	static const PtParam params[] = {{"n", PT_ARG_INT, .required = true, .bounded = true, .min = 1,
									  .max = 10},
									 {"p", PT_ARG_REAL, .init = 0.5, .bounded = true, .open = true,
									  .max = 1},
									 {"betas", PT_ARG_REALS, .text = "(0.9, 0.999)"},
									 {"size", PT_ARG_INTS, .text = "(1, 2)"},
									 {"reduction", PT_ARG_WORD, .text = "mean", .words = words},
									 {"dtype", PT_ARG_DTYPE, .text = "'float64'"},
									 {"seed", PT_ARG_INT, .init_none = true},
									 {"on", PT_ARG_BOOL, .init = 1},
									 {NULL}};
	PtGiven given[3] = {{NULL, {PT_VALUE_INT, 0, {.integer = 3}}}};
	PtError err = {0};
	PtArgs *a = pt_args_bind(arena, "f", params, given, 1, &err);

	if (!CHECK(a != NULL, "%s", err.message))
		return;
	CHECK(pt_args_int(a, "n") == 3 && pt_args_real(a, "p") == 0.5 && pt_args_bool(a, "on"));
	CHECK(pt_args_get(a, "betas")->count == 2 && pt_args_get(a, "betas")->reals[1] == 0.999);
	CHECK(pt_args_get(a, "size")->count == 2 && pt_args_get(a, "size")->ints[1] == 2);
	CHECK(strcmp(pt_args_word(a, "reduction"), "mean") == 0 && pt_args_is_none(a, "seed"));
	CHECK(pt_args_get(a, "dtype")->dtype == PT_FLOAT64 && pt_args_get(a, "other") == NULL);

#define REFUSED(name_, value_, code_, text_)                                                   \
	do                                                                                         \
	{                                                                                          \
		given[1] = (PtGiven){name_, value_};                                                   \
		CHECK(pt_args_bind(arena, "f", params, given, 2, &err) == NULL && err.code == code_ && \
				  strcmp(err.message, text_) == 0,                                             \
			  "%s", err.message);                                                              \
	} while (0)
#define INT(x) ((PtValue){PT_VALUE_INT, 0, {.integer = (x)}})
#define REAL(x) ((PtValue){PT_VALUE_REAL, 0, {.real = (x)}})
#define WORD(x) ((PtValue){PT_VALUE_WORD, 0, {.word = (x)}})
	REFUSED("p", REAL(1), PT_EINVAL, "argument \"p\" of f must be less than 1, not 1.0");
	REFUSED("p", INT(0), PT_EINVAL, "argument \"p\" of f must be greater than 0, not 0.0");
	REFUSED("p", REAL(NAN), PT_EINVAL, "argument \"p\" of f must be greater than 0, not nan");
	REFUSED("p", WORD("a"), PT_ETYPE, "argument \"p\" of f must be a number, not a string");
	REFUSED("n", INT(1), PT_EINVAL, "argument \"n\" of f is given twice");
	REFUSED("reduction", WORD("avg"), PT_EINVAL,
			"argument \"reduction\" of f must be \"none\", \"mean\" or \"sum\", not \"avg\"");
	REFUSED("betas", ((PtValue){PT_VALUE_REALS, 1, {.reals = (double[]){1}}}), PT_EINVAL,
			"argument \"betas\" of f must have 2 elements, not 1");
	REFUSED("on", INT(2), PT_ETYPE, "argument \"on\" of f must be True or False, not an integer");
	REFUSED("on", ((PtValue){PT_VALUE_NONE, 0, {0}}), PT_ETYPE,
			"argument \"on\" of f must be True or False, not None");
	REFUSED("reductoin", WORD("sum"), PT_ENAME, "f has no argument \"reductoin\"");
	CHECK(strcmp(err.hint, "Perhaps you meant \"reduction\".") == 0, "%s", err.hint);
	given[0] = (PtGiven){NULL, INT(11)};
	CHECK(pt_args_bind(arena, "f", params, given, 1, &err) == NULL &&
			  strcmp(err.message, "argument \"n\" of f must be at most 10, not 11") == 0,
		  "%s", err.message);
	CHECK(pt_args_bind(arena, "f", params, NULL, 0, &err) == NULL &&
			  strcmp(err.message, "f is missing the argument \"n\"") == 0,
		  "%s", err.message);
}

int
main(void)
{
	arena = pt_arena_new();
	test_trees();
	test_errors();
	test_hostile();
	test_numbers();
	test_graph();
	test_statements();
	test_args();
	pt_arena_free(arena);
	return check_done();
}
