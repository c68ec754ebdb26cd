/*
 * expr.c
 *	  The parser of Python's expression syntax.
 *
 * The lexer looks one token ahead; precedence climbing over its table of operators does the rest.  Postfix
 * forms (calls, indexing, fields) are one loop in parse_postfix.
 *
 * Text comes from users, so every way to recurse counts: nesting while parsing, and depth of
 * the finished tree, because whoever walks it recurses (a + b + c + ... leans left without nesting).
 * Time is linear in the length of the text.
 *
 * Memory:  the tree and its strings live in the caller's arena; the source is not needed afterwards.
 * Threads: any; nothing is shared.
 * Errors:  PT_ESYNTAX with the character's position, PT_ERANGE, PT_ELIMIT, PT_ENOMEM.
 */
#include "engine/lang/expr.h"

#include <stdio.h>
#include <string.h>

#include "engine/lang/lexer.h"

/* Words that are no names: for what there is not, but for constants and operators. */
static bool
is_reserved(const char *name)
{
	static const char *const words[] = {"None",	 "True",  "False", "not", "and",	"or",
										"if",	 "else",  "for",   "in",  "is",		"lambda",
										"await", "yield", "while", "def", "return", "import"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i], name) == 0)
			return true;
	return false;
}

static void *
allocate(PtLexer *p, size_t bytes)
{
	void *m = pt_arena_alloc(p->arena, bytes);

	if (m == NULL)
		pt_fail_memory(p->err, bytes);
	return m;
}

static bool
expect(PtLexer *p, const char *text)
{
	char wanted[16];

	if (pt_lex_operator(p, text))
		return pt_lex(p);
	snprintf(wanted, sizeof(wanted), "\"%s\"", text);
	return pt_lex_unexpected(p, wanted);
}

/* ---------- nodes ---------- */

static bool
fail_depth(PtLexer *p)
{
	return pt_fail(p->err, PT_ELIMIT, "expression is nested more than %d deep", PT_EXPR_DEPTH);
}

/* Children that are collected one by one. */
typedef struct Children
{
	PtExpr **args;
	const char **keywords;
	int count, size, depth;
} Children;

static bool
add_child(PtLexer *p, Children *c, PtExpr *child, const char *keyword)
{
	if (c->count == c->size)
	{
		int size = c->size == 0 ? 8 : 2 * c->size;
		PtExpr **args = allocate(p, (size_t) size * sizeof(*args));
		const char **keywords = args ? allocate(p, (size_t) size * sizeof(*keywords)) : NULL;

		if (keywords == NULL)
			return false;
		if (c->count > 0)
		{
			memcpy(args, c->args, (size_t) c->count * sizeof(*args));
			memcpy(keywords, c->keywords, (size_t) c->count * sizeof(*keywords));
		}
		c->args = args;
		c->keywords = keywords;
		c->size = size;
	}
	c->args[c->count] = child;
	c->keywords[c->count++] = keyword;
	if (child->depth > c->depth)
		c->depth = child->depth;
	return true;
}

static PtExpr *
new_node(PtLexer *p, PtExprKind kind, const char *text, int position)
{
	PtExpr *e = allocate(p, sizeof(PtExpr));

	if (e == NULL)
		return NULL;
	e->kind = kind;
	e->text = text;
	e->position = position;
	return e;
}

/* A node over collected children. */
static PtExpr *
new_parent(PtLexer *p, PtExprKind kind, const char *text, int position, const Children *c)
{
	PtExpr *e;

	if (c->depth + 1 > PT_EXPR_DEPTH)
	{
		fail_depth(p);
		return NULL;
	}
	if ((e = new_node(p, kind, text, position)) == NULL)
		return NULL;
	e->args = c->args;
	e->keywords = c->keywords;
	e->nargs = c->count;
	e->depth = c->depth + 1;
	return e;
}

/* A node over one or two children. */
static PtExpr *
new_operation(PtLexer *p, PtExprKind kind, const char *text, int position, PtExpr *a, PtExpr *b)
{
	Children c = {.count = b ? 2 : 1, .depth = b && b->depth > a->depth ? b->depth : a->depth};

	if ((c.args = allocate(p, 2 * sizeof(*c.args))) == NULL)
		return NULL;
	c.args[0] = a;
	c.args[1] = b;
	return new_parent(p, kind, text, position, &c);
}

/* ---------- grammar ---------- */

static PtExpr *parse_binary(PtLexer *p, int lowest);

static PtExpr *
parse_expression(PtLexer *p)
{
	return parse_binary(p, PT_PRECEDENCE_OR);
}

/* After "(" of a call: arguments and ")". */
static bool
parse_arguments(PtLexer *p, Children *c)
{
	bool named = false;

	while (!pt_lex_operator(p, ")"))
	{
		PtExpr *value;
		const char *keyword = NULL;

		if (pt_lex_operator(p, "*") || pt_lex_operator(p, "**"))
			return pt_lex_fail(p, p->token.position, "unpacking with \"%s\" is not supported",
							   p->token.text);
		if ((value = parse_expression(p)) == NULL)
			return false;
		if (pt_lex_operator(p, "="))
		{
			if (value->kind != PT_EXPR_NAME || strchr(value->text, '.') != NULL)
				return pt_lex_fail(p, value->position, "expected an argument's name before \"=\"");
			keyword = value->text;
			for (int i = 0; i < c->count && named; i++)
				if (c->keywords[i] != NULL && strcmp(c->keywords[i], keyword) == 0)
					return pt_lex_fail(p, value->position, "argument \"%.64s\" is given twice",
									   keyword);
			named = true;
			if (!pt_lex(p) || (value = parse_expression(p)) == NULL)
				return false;
			if (c->count > 64 + 1 && c->keywords[c->count - 64] != NULL)
				return pt_lex_fail(p, value->position, "too many named arguments");
		}
		else if (named)
			return pt_lex_fail(p, value->position, "positional argument after one by name");
		if (!add_child(p, c, value, keyword))
			return false;
		if (pt_lex_operator(p, ","))
		{
			if (!pt_lex(p))
				return false;
		}
		else if (!pt_lex_operator(p, ")"))
			return pt_lex_unexpected(p, "\",\" or \")\"");
	}
	return pt_lex(p);
}

/* "[" or "(" was read: elements up to the closing bracket.  One in parentheses without a comma is itself. */
static PtExpr *
parse_list(PtLexer *p, const char *opening, int position)
{
	const char *closing = opening[0] == '[' ? "]" : ")";
	bool comma = opening[0] == '[';
	Children c = {0};

	while (!pt_lex_operator(p, closing))
	{
		PtExpr *e = parse_expression(p);

		if (e == NULL || !add_child(p, &c, e, NULL))
			return NULL;
		if (pt_lex_operator(p, ","))
		{
			comma = true;
			if (!pt_lex(p))
				return NULL;
		}
		else if (!pt_lex_operator(p, closing))
		{
			pt_lex_unexpected(p, opening[0] == '[' ? "\",\" or \"]\"" : "\",\" or \")\"");
			return NULL;
		}
	}
	if (!pt_lex(p))
		return NULL;
	if (c.count == 1 && !comma)
		return c.args[0];
	c.keywords = NULL;
	return new_parent(p, PT_EXPR_LIST, opening, position, &c);
}

static PtExpr *
parse_atom(PtLexer *p)
{
	PtToken t = p->token;
	PtExpr *e = NULL;

	switch (t.kind)
	{
		case PT_TOKEN_NAME:
			if (strcmp(t.text, "None") == 0)
				e = new_node(p, PT_EXPR_NONE, NULL, t.position);
			else if (strcmp(t.text, "True") == 0 || strcmp(t.text, "False") == 0)
			{
				if ((e = new_node(p, PT_EXPR_BOOL, NULL, t.position)) != NULL)
					e->integer = t.text[0] == 'T';
			}
			else if (is_reserved(t.text))
				pt_lex_fail(p, t.position, "\"%s\" is not supported", t.text);
			else
				e = new_node(p, PT_EXPR_NAME, t.text, t.position);
			break;
		case PT_TOKEN_INT:
			if ((e = new_node(p, PT_EXPR_INT, NULL, t.position)) != NULL)
				e->integer = t.integer;
			break;
		case PT_TOKEN_REAL:
			if ((e = new_node(p, PT_EXPR_REAL, NULL, t.position)) != NULL)
				e->real = t.real;
			break;
		case PT_TOKEN_STRING:
			e = new_node(p, PT_EXPR_STRING, t.text, t.position);
			break;
		case PT_TOKEN_OPERATOR:
			if (t.text[0] == '(' || t.text[0] == '[')
				return pt_lex(p) ? parse_list(p, t.text, t.position) : NULL;
			pt_lex_unexpected(p, "an expression");
			return NULL;
		case PT_TOKEN_END:
			pt_lex_unexpected(p, "an expression");
			return NULL;
	}
	return e != NULL && pt_lex(p) ? e : NULL;
}

/* One or more of start:stop:step, at a colon or an expression; an expression alone stays one. */
static PtExpr *
parse_slice(PtLexer *p)
{
	int position = p->token.position;
	Children c = {0};
	bool colon = false;

	for (int i = 0; i < 3; i++)
	{
		PtExpr *e;

		if (pt_lex_operator(p, ":") || pt_lex_operator(p, ",") || pt_lex_operator(p, "]"))
			e = new_node(p, PT_EXPR_NONE, NULL, p->token.position);
		else
			e = parse_expression(p);
		if (e == NULL || !add_child(p, &c, e, NULL))
			return NULL;
		if (i < 2 && pt_lex_operator(p, ":"))
		{
			colon = true;
			if (!pt_lex(p))
				return NULL;
		}
		else if (!colon)
			return e;
		else
			for (; i < 2; i++)
			{
				e = new_node(p, PT_EXPR_NONE, NULL, p->token.position);
				if (e == NULL || !add_child(p, &c, e, NULL))
					return NULL;
			}
	}
	c.keywords = NULL;
	return new_parent(p, PT_EXPR_SLICE, NULL, position, &c);
}

/* After "[" of an index: subscripts and "]".  A tuple is as good as its elements. */
static bool
parse_subscripts(PtLexer *p, Children *c)
{
	bool comma = false;

	if (pt_lex_operator(p, "]"))
		return pt_lex_unexpected(p, "an index");
	while (!pt_lex_operator(p, "]"))
	{
		PtExpr *e;

		if (pt_lex_operator(p, ","))
			return pt_lex_unexpected(p, "an index");
		if (!pt_lex_operator(p, "..."))
			e = parse_slice(p);
		else
		{
			e = new_node(p, PT_EXPR_ELLIPSIS, NULL, p->token.position);
			if (e != NULL && !pt_lex(p))
				return false;
		}
		if (e == NULL || !add_child(p, c, e, NULL))
			return false;
		if (pt_lex_operator(p, ","))
		{
			comma = true;
			if (!pt_lex(p))
				return false;
		}
		else if (!pt_lex_operator(p, "]"))
			return pt_lex_unexpected(p, "\",\", \":\" or \"]\"");
	}
	if (c->count == 2 && !comma && c->args[1]->kind == PT_EXPR_LIST && c->args[1]->text[0] == '(')
	{
		const PtExpr *tuple = c->args[1];

		c->count = 1;
		for (int i = 0; i < tuple->nargs; i++)
			if (!add_child(p, c, tuple->args[i], NULL))
				return false;
	}
	return pt_lex(p);
}

/* Atoms and what may follow them: calls, indexing, fields. */
static PtExpr *
parse_postfix(PtLexer *p)
{
	PtExpr *e = parse_atom(p);

	while (e != NULL)
	{
		int position = p->token.position;

		if (pt_lex_operator(p, "("))
		{
			Children c = {0};

			if (!add_child(p, &c, e, NULL) || !pt_lex(p) || !parse_arguments(p, &c))
				return NULL;
			e = new_parent(p, PT_EXPR_CALL, NULL, position, &c);
		}
		else if (pt_lex_operator(p, "["))
		{
			Children c = {0};

			if (!add_child(p, &c, e, NULL) || !pt_lex(p) || !parse_subscripts(p, &c))
				return NULL;
			c.keywords = NULL;
			e = new_parent(p, PT_EXPR_INDEX, NULL, position, &c);
		}
		else if (pt_lex_operator(p, "."))
		{
			const char *name;

			if (!pt_lex(p))
				return NULL;
			name = p->token.text;
			if (p->token.kind != PT_TOKEN_NAME)
			{
				pt_lex_unexpected(p, "a result's name");
				return NULL;
			}
			if (!pt_lex(p))
				return NULL;
			e = new_operation(p, PT_EXPR_FIELD, name, position, e, NULL);
		}
		else
			break;
	}
	return e;
}

/* "-", "+", "not", each of which may be repeated, then a power. */
static PtExpr *
parse_unary(PtLexer *p)
{
	PtExpr *e = NULL;
	const char *op = pt_lex_operator(p, "-")   ? "-"
					 : pt_lex_operator(p, "+") ? "+"
					 : pt_lex_word(p, "not")   ? "not"
											   : NULL;
	int position = p->token.position;

	/* every way down the grammar comes through here */
	if (++p->nesting > PT_EXPR_DEPTH)
	{
		fail_depth(p);
		return NULL;
	}
	if (op != NULL)
	{
		/* "not" takes a whole comparison, a sign only a power */
		if (pt_lex(p))
			e = op[0] == 'n' ? parse_binary(p, PT_PRECEDENCE_NOT + 1) : parse_unary(p);
		if (e != NULL)
			e = new_operation(p, PT_EXPR_UNARY, op, position, e, NULL);
	}
	else
	{
		e = parse_postfix(p);
		if (e != NULL && pt_lex_operator(p, "**"))
		{
			PtExpr *power = NULL;

			/* binds tighter than a sign on its left, not on its right, and to the right: 2 ** -x ** y */
			position = p->token.position;
			if (pt_lex(p))
				power = parse_unary(p);
			e = power ? new_operation(p, PT_EXPR_BINARY, "**", position, e, power) : NULL;
		}
	}
	p->nesting--;
	return e;
}

static PtExpr *
parse_binary(PtLexer *p, int lowest)
{
	PtExpr *left;
	int precedence;
	bool compared = false;

	/* a sign may stand where any operand may, "not" only where a comparison may */
	if (pt_lex_word(p, "not") && lowest > PT_PRECEDENCE_NOT + 1)
	{
		pt_lex_unexpected(p, "an operand");
		return NULL;
	}
	left = parse_unary(p);
	while (left != NULL && (precedence = p->token.precedence) > 0 && precedence >= lowest)
	{
		const char *op = p->token.text;
		int position = p->token.position;
		PtExpr *right;

		if (precedence == PT_PRECEDENCE_COMPARE && compared)
		{
			pt_lex_fail(p, position, "chained comparison");
			pt_hint(p->err, "Write logical_and(a < b, b < c) instead of a < b < c.");
			return NULL;
		}
		compared = precedence == PT_PRECEDENCE_COMPARE;
		if (!pt_lex(p) || (right = parse_binary(p, precedence + 1)) == NULL)
			return NULL;
		left = new_operation(p, PT_EXPR_BINARY, op, position, left, right);
	}
	return left;
}

/* ---------- whole texts ---------- */

/* An expression, or several with commas: a tuple that needs no parentheses. */
static PtExpr *
parse_tuple(PtLexer *p)
{
	int position = p->token.position;
	PtExpr *e = parse_expression(p);
	Children c = {0};

	if (e == NULL || !pt_lex_operator(p, ","))
		return e;
	if (!add_child(p, &c, e, NULL))
		return NULL;
	while (pt_lex_operator(p, ","))
	{
		if (!pt_lex(p))
			return NULL;
		if (p->token.kind == PT_TOKEN_END || pt_lex_operator(p, "=") || pt_lex_operator(p, ";"))
			break;
		if ((e = parse_expression(p)) == NULL || !add_child(p, &c, e, NULL))
			return NULL;
	}
	c.keywords = NULL;
	return new_parent(p, PT_EXPR_LIST, "(", position, &c);
}

/* Can it be assigned to: a plain name, or a tuple of such? */
static bool
check_target(PtLexer *p, const PtExpr *e)
{
	if (e->kind == PT_EXPR_LIST)
	{
		for (int i = 0; i < e->nargs; i++)
			if (!check_target(p, e->args[i]))
				return false;
		return e->nargs > 0 || pt_lex_fail(p, e->position, "nothing to assign to");
	}
	return (e->kind == PT_EXPR_NAME && strchr(e->text, '.') == NULL) ||
		   pt_lex_fail(p, e->position, "only a plain name can be assigned to");
}

/* "target = expression" or an expression; several with ";" between them, up to the end. */
static bool
parse_statements(PtLexer *p, Children *c)
{
	for (;;)
	{
		PtExpr *e;

		while (pt_lex_operator(p, ";") && c->count > 0)
			if (!pt_lex(p))
				return false;
		if (p->token.kind == PT_TOKEN_END && c->count > 0)
			return true;
		if ((e = parse_tuple(p)) == NULL)
			return false;
		if (pt_lex_operator(p, "="))
		{
			PtExpr *value;

			if (!check_target(p, e) || !pt_lex(p) || (value = parse_tuple(p)) == NULL)
				return false;
			e = new_operation(p, PT_EXPR_ASSIGN, NULL, e->position, e, value);
			if (e == NULL)
				return false;
		}
		if (!add_child(p, c, e, NULL))
			return false;
		if (p->token.kind != PT_TOKEN_END && !pt_lex_operator(p, ";"))
			return pt_lex_unexpected(p, "an operator or the end");
	}
}

static bool
start(PtLexer *p, PtArena *arena, const char *text, PtError *err)
{
	*p = (PtLexer){.arena = arena, .err = err, .source = text, .next = text};
	if (strlen(text) > PT_EXPR_TEXT)
		return pt_fail(err, PT_ELIMIT, "expression is longer than %d bytes", PT_EXPR_TEXT);
	return pt_lex(p);
}

/* A lambda over statements. */
static PtExpr *
finish_lambda(PtLexer *p, const Children *params, Children *body)
{
	PtExpr *e;

	if (!parse_statements(p, body))
		return NULL;
	if ((e = new_parent(p, PT_EXPR_LAMBDA, NULL, 0, body)) == NULL)
		return NULL;
	e->integer = params->count;
	e->keywords = params->keywords;
	return e;
}

/* Is there "->" after the name or the parenthesis that begins the text, or does "lambda" begin it? */
static bool
begins_lambda(const char *text)
{
	const char *s = text;
	bool parenthesis;

	s += strspn(s, " \t\r\n");
	if (strncmp(s, "lambda", 6) == 0 && !pt_lex_is_letter(s[6]) && !pt_lex_is_digit(s[6]))
		return true;
	parenthesis = *s == '(';
	s += parenthesis;
	while (pt_lex_is_letter(*s) || pt_lex_is_digit(*s) ||
		   strchr(parenthesis ? " \t\r\n," : " \t\r\n", *s) != NULL)
	{
		if (*s == '\0')
			return false;
		s++;
	}
	if (parenthesis)
	{
		if (*s++ != ')')
			return false;
		s += strspn(s, " \t\r\n");
	}
	return s[0] == '-' && s[1] == '>';
}

/* "(x, w) -> body", "x -> body" or Python's "lambda x, w: body". */
static PtExpr *
parse_lambda(PtLexer *p)
{
	Children params = {0};
	Children body = {0};
	bool python = pt_lex_word(p, "lambda");
	bool parenthesis = pt_lex_operator(p, "(");

	if ((python || parenthesis) && !pt_lex(p))
		return NULL;
	while (p->token.kind == PT_TOKEN_NAME)
	{
		PtExpr *name = new_node(p, PT_EXPR_NAME, p->token.text, p->token.position);

		if (strchr(p->token.text, '.') != NULL || is_reserved(p->token.text))
		{
			pt_lex_unexpected(p, "a plain name");
			return NULL;
		}
		for (int i = 0; i < params.count; i++)
		{
			if (strcmp(params.keywords[i], p->token.text) == 0)
			{
				pt_lex_fail(p, p->token.position, "parameter \"%.64s\" is named twice",
							p->token.text);
				return NULL;
			}
		}
		if (params.count >= 1000)
		{
			pt_fail(p->err, PT_ELIMIT, "more than 1000 parameters");
			return NULL;
		}
		if (name == NULL || !add_child(p, &params, name, p->token.text) || !pt_lex(p))
			return NULL;
		if ((!python && !parenthesis) || !pt_lex_operator(p, ","))
			break;
		if (!pt_lex(p))
			return NULL;
	}
	if (parenthesis && !expect(p, ")"))
		return NULL;
	if (!expect(p, python ? ":" : "->"))
		return NULL;
	return finish_lambda(p, &params, &body);
}

PtExpr *
pt_expr_parse(PtArena *arena, const char *text, PtError *err)
{
	PtLexer p;
	PtExpr *e;

	if (!start(&p, arena, text, err))
		return NULL;
	if (begins_lambda(text))
		return parse_lambda(&p);
	e = parse_expression(&p);
	if (e != NULL && p.token.kind != PT_TOKEN_END)
	{
		pt_lex_unexpected(&p, "an operator or the end");
		if (pt_lex_word(&p, "if"))
			pt_hint(err, "Write where(condition, a, b).");
		else if (p.token.kind == PT_TOKEN_OPERATOR && strchr("&|^~<>", p.token.text[0]) != NULL)
			pt_hint(
				err,
				"Bit operators are not supported; for conditions there are logical_and() and logical_or().");
		return NULL;
	}
	return e;
}

PtExpr *
pt_expr_parse_statements(PtArena *arena, const char *text, PtError *err)
{
	PtLexer p;
	Children none = {0};
	Children body = {0};

	return start(&p, arena, text, err) ? finish_lambda(&p, &none, &body) : NULL;
}
