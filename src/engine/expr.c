/*
 * expr.c
 *	  The parser of Python's expression syntax.
 *
 * A lexer that looks one token ahead, and precedence climbing over one table of operators.  Postfix
 * forms (calls today; indexing and fields when they come) are one loop in parse_postfix.
 * Names keep their dots: "nn.Linear" is one token.
 *
 * Text comes from users, so every way to recurse counts: nesting while parsing, and depth of
 * the finished tree, because whoever walks it recurses (a + b + c + ... leans left without nesting).
 * Time is linear in the length of the text.
 *
 * Memory:  the tree and its strings live in the caller's arena; the source is not needed afterwards.
 * Threads: any; nothing is shared.
 * Errors:  PT_ESYNTAX with the character's position, PT_ERANGE, PT_ELIMIT, PT_ENOMEM.
 */
#include "engine/expr.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum TokenKind
{
	TOKEN_END,
	TOKEN_NAME,
	TOKEN_INT,
	TOKEN_REAL,
	TOKEN_STRING,
	TOKEN_OPERATOR /* also brackets, comma, "=", ";", "->" */
} TokenKind;

typedef struct Token
{
	TokenKind kind;
	const char *text; /* in the arena; of an operator: static */
	int64_t integer;
	double real;
	int position;
} Token;

typedef struct Parser
{
	PtArena *arena;
	PtError *err;
	const char *source;
	const char *next;
	Token token; /* the one looked at */
	int nesting;
} Parser;

typedef struct Operator
{
	const char *text;
	int precedence; /* binary; higher binds tighter */
} Operator;

enum
{
	PRECEDENCE_OR = 1,
	PRECEDENCE_AND,
	PRECEDENCE_NOT,
	PRECEDENCE_COMPARE,
	PRECEDENCE_SUM = 6,
	PRECEDENCE_PRODUCT,
	PRECEDENCE_SIGN,
	PRECEDENCE_POWER
};

/* Longer ones first where one begins with another. */
static const Operator operators[] = {
	{"**", PRECEDENCE_POWER},
	{"*", PRECEDENCE_PRODUCT},
	{"//", PRECEDENCE_PRODUCT},
	{"/", PRECEDENCE_PRODUCT},
	{"%", PRECEDENCE_PRODUCT},
	{"@", PRECEDENCE_PRODUCT},
	{"+", PRECEDENCE_SUM},
	{"->", 0},
	{"-", PRECEDENCE_SUM},
	{"==", PRECEDENCE_COMPARE},
	{"!=", PRECEDENCE_COMPARE},
	{"<=", PRECEDENCE_COMPARE},
	{">=", PRECEDENCE_COMPARE},
	{"<<", 0},
	{">>", 0},
	{"<", PRECEDENCE_COMPARE},
	{">", PRECEDENCE_COMPARE},
	{"=", 0},
	{"(", 0},
	{")", 0},
	{"[", 0},
	{"]", 0},
	{",", 0},
	{";", 0},
	{":", 0},
	{".", 0},
	{"&", 0},
	{"|", 0},
	{"^", 0},
	{"~", 0},
};

static const char *const reserved[] = {"if",	"else",	 "for",	  "in",	 "is",	   "lambda",
									   "await", "yield", "while", "def", "return", "import"};

/* ---------- errors ---------- */

int
pt_expr_character(const char *text, int position)
{
	int n = 1;

	for (int i = 0; i < position; i++)
		n += ((unsigned char) text[i] & 0xc0) != 0x80;
	return n;
}

static bool fail_at(Parser *p, int position, const char *fmt, ...) PT_PRINTF(3, 4);

static bool
fail_at(Parser *p, int position, const char *fmt, ...)
{
	char what[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return pt_fail(p->err, PT_ESYNTAX, "%s at character %d", what,
				   pt_expr_character(p->source, position));
}

static bool
fail_token(Parser *p, const char *wanted)
{
	const Token *t = &p->token;

	switch (t->kind)
	{
		case TOKEN_END:
			return pt_fail(p->err, PT_ESYNTAX, "unexpected end of text, expected %s", wanted);
		case TOKEN_NAME:
			return fail_at(p, t->position, "unexpected \"%.64s\", expected %s,", t->text, wanted);
		case TOKEN_OPERATOR:
			return fail_at(p, t->position, "unexpected \"%s\", expected %s,", t->text, wanted);
		case TOKEN_INT:
		case TOKEN_REAL:
			return fail_at(p, t->position, "unexpected number, expected %s,", wanted);
		case TOKEN_STRING:
			return fail_at(p, t->position, "unexpected string, expected %s,", wanted);
	}
	return false;
}

static void *
allocate(Parser *p, size_t bytes)
{
	void *m = pt_arena_alloc(p->arena, bytes);

	if (m == NULL)
		pt_fail_memory(p->err, bytes);
	return m;
}

/* ---------- tokens ---------- */

static bool
is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int
digit_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

/* 0x1f, 0b101, 0o17 and decimals; an underscore may stand between digits. */
static bool
lex_integer(Parser *p, const char *s, const char *end, int base)
{
	uint64_t value = 0;

	for (; s < end; s++)
	{
		if (*s == '_')
			continue;
		if (__builtin_mul_overflow(value, (uint64_t) base, &value) ||
			__builtin_add_overflow(value, (uint64_t) digit_value(*s), &value) || value > INT64_MAX)
			return pt_fail(p->err, PT_ERANGE, "integer too large at character %d",
						   pt_expr_character(p->source, p->token.position));
	}
	p->token.kind = TOKEN_INT;
	p->token.integer = (int64_t) value;
	return true;
}

/* Digits with single underscores between them; NULL if an underscore stands elsewhere. */
static const char *
skip_digits(const char *s, int base)
{
	while (digit_value(*s) < base)
	{
		s++;
		if (*s == '_' && digit_value(*++s) >= base)
			return NULL;
	}
	return s;
}

static bool
lex_number(Parser *p)
{
	const char *start = p->next;
	const char *s = start;
	bool real = false;
	char *copy;
	size_t n = 0;

	if (s[0] == '0' && s[1] != '\0' && strchr("xXoObB", s[1]) != NULL)
	{
		int base = (s[1] | 0x20) == 'x' ? 16 : (s[1] | 0x20) == 'o' ? 8 : 2;

		s = skip_digits(start + 2, base);
		if (s == NULL || s == start + 2 || is_name_start(*s) || is_digit(*s))
			return fail_at(p, p->token.position, "malformed number");
		p->next = s;
		return lex_integer(p, start + 2, s, base);
	}
	s = skip_digits(s, 10);
	if (s != NULL && *s == '.')
	{
		real = true;
		s = skip_digits(s + 1, 10);
	}
	if (s != NULL && (*s == 'e' || *s == 'E'))
	{
		const char *digits = s + 1 + (s[1] == '+' || s[1] == '-');

		real = true;
		s = is_digit(*digits) ? skip_digits(digits, 10) : NULL;
	}
	if (s == NULL || is_name_start(*s))
		return fail_at(p, p->token.position, "malformed number");
	p->next = s;
	if (!real)
	{
		if (*start == '0' && strspn(start, "0_") != (size_t) (s - start))
			return fail_at(p, p->token.position, "integer with leading zeros");
		return lex_integer(p, start, s, 10);
	}
	if ((copy = allocate(p, (size_t) (s - start) + 1)) == NULL)
		return false;
	for (; start < s; start++)
		if (*start != '_')
			copy[n++] = *start;
	p->token.kind = TOKEN_REAL;
	p->token.real = strtod(copy, NULL); /* too large is inf, as in Python */
	return true;
}

static bool
lex_string(Parser *p)
{
	char quote = *p->next;
	const char *s = p->next + 1;
	const char *end = s;
	char *copy;
	size_t n = 0;

	while (*end != quote)
	{
		if (*end == '\\' && end[1] != '\0')
			end++;
		if (*end == '\0' || *end == '\n')
			return fail_at(p, p->token.position, "unterminated string");
		end++;
	}
	if ((copy = allocate(p, (size_t) (end - s) + 1)) == NULL)
		return false;
	for (; s < end; s++)
	{
		char c = *s;

		if (c == '\\')
		{
			c = *++s;
			if (c == 'n')
				c = '\n';
			else if (c == 't')
				c = '\t';
			else if (c == 'r')
				c = '\r';
			else if (c != '\\' && c != '\'' && c != '"')
				return fail_at(p, (int) (s - 1 - p->source), "unknown escape in a string");
		}
		copy[n++] = c;
	}
	p->next = end + 1;
	p->token.kind = TOKEN_STRING;
	p->token.text = copy;
	return true;
}

static bool
lex_name(Parser *p)
{
	const char *s = p->next;

	for (;;)
	{
		while (is_name_start(*s) || is_digit(*s))
			s++;
		if (*s != '.' || !is_name_start(s[1]))
			break;
		s++;
	}
	p->token.kind = TOKEN_NAME;
	p->token.text = pt_arena_strndup(p->arena, p->next, (size_t) (s - p->next));
	if (p->token.text == NULL)
		return pt_fail_memory(p->err, (size_t) (s - p->next));
	p->next = s;
	return true;
}

/* Moves on to the next token. */
static bool
advance(Parser *p)
{
	const char *s = p->next;

	for (;;)
	{
		while (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r')
			s++;
		if (*s != '#')
			break;
		while (*s != '\0' && *s != '\n')
			s++;
	}
	p->next = s;
	memset(&p->token, 0, sizeof(p->token));
	p->token.position = (int) (s - p->source);
	if (*s == '\0')
		return true;
	if (is_digit(*s) || (*s == '.' && is_digit(s[1])))
		return lex_number(p);
	if (*s == '\'' || *s == '"')
		return lex_string(p);
	if (is_name_start(*s))
		return lex_name(p);
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
	{
		const char *text = operators[i].text;

		if (s[0] == text[0] && (text[1] == '\0' || s[1] == text[1]))
		{
			p->token.kind = TOKEN_OPERATOR;
			p->token.text = text;
			p->next = s + strlen(text);
			return true;
		}
	}
	if (*s > ' ' && *s < 0x7f)
		return fail_at(p, p->token.position, "unexpected \"%c\"", *s);
	return fail_at(p, p->token.position, "unexpected character");
}

static bool
at_operator(const Parser *p, const char *text)
{
	return p->token.kind == TOKEN_OPERATOR && strcmp(p->token.text, text) == 0;
}

static bool
at_word(const Parser *p, const char *word)
{
	return p->token.kind == TOKEN_NAME && strcmp(p->token.text, word) == 0;
}

static bool
expect(Parser *p, const char *text)
{
	char wanted[16];

	if (at_operator(p, text))
		return advance(p);
	snprintf(wanted, sizeof(wanted), "\"%s\"", text);
	return fail_token(p, wanted);
}

/* ---------- nodes ---------- */

static bool
fail_depth(Parser *p)
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
add_child(Parser *p, Children *c, PtExpr *child, const char *keyword)
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
new_node(Parser *p, PtExprKind kind, const char *text, int position)
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
new_parent(Parser *p, PtExprKind kind, const char *text, int position, const Children *c)
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
new_operation(Parser *p, PtExprKind kind, const char *text, int position, PtExpr *a, PtExpr *b)
{
	Children c = {.count = b ? 2 : 1, .depth = b && b->depth > a->depth ? b->depth : a->depth};

	if ((c.args = allocate(p, 2 * sizeof(*c.args))) == NULL)
		return NULL;
	c.args[0] = a;
	c.args[1] = b;
	return new_parent(p, kind, text, position, &c);
}

/* ---------- grammar ---------- */

static PtExpr *parse_binary(Parser *p, int lowest);

static PtExpr *
parse_expression(Parser *p)
{
	return parse_binary(p, PRECEDENCE_OR);
}

/* After "(" of a call: arguments and ")". */
static bool
parse_arguments(Parser *p, Children *c)
{
	bool named = false;

	while (!at_operator(p, ")"))
	{
		PtExpr *value;
		const char *keyword = NULL;

		if (at_operator(p, "*") || at_operator(p, "**"))
			return fail_at(p, p->token.position, "unpacking with \"%s\" is not supported",
						   p->token.text);
		if ((value = parse_expression(p)) == NULL)
			return false;
		if (at_operator(p, "="))
		{
			if (value->kind != PT_EXPR_NAME || strchr(value->text, '.') != NULL)
				return fail_at(p, value->position, "expected an argument's name before \"=\"");
			keyword = value->text;
			for (int i = 0; i < c->count && named; i++)
				if (c->keywords[i] != NULL && strcmp(c->keywords[i], keyword) == 0)
					return fail_at(p, value->position, "argument \"%.64s\" is given twice",
								   keyword);
			named = true;
			if (!advance(p) || (value = parse_expression(p)) == NULL)
				return false;
			if (c->count > 64 + 1 && c->keywords[c->count - 64] != NULL)
				return fail_at(p, value->position, "too many named arguments");
		}
		else if (named)
			return fail_at(p, value->position, "positional argument after one by name");
		if (!add_child(p, c, value, keyword))
			return false;
		if (at_operator(p, ","))
		{
			if (!advance(p))
				return false;
		}
		else if (!at_operator(p, ")"))
			return fail_token(p, "\",\" or \")\"");
	}
	return advance(p);
}

/* "[" or "(" was read: elements up to the closing bracket.  One in parentheses without a comma is itself. */
static PtExpr *
parse_list(Parser *p, const char *opening, int position)
{
	const char *closing = opening[0] == '[' ? "]" : ")";
	bool comma = opening[0] == '[';
	Children c = {0};

	while (!at_operator(p, closing))
	{
		PtExpr *e = parse_expression(p);

		if (e == NULL || !add_child(p, &c, e, NULL))
			return NULL;
		if (at_operator(p, ","))
		{
			comma = true;
			if (!advance(p))
				return NULL;
		}
		else if (!at_operator(p, closing))
		{
			fail_token(p, opening[0] == '[' ? "\",\" or \"]\"" : "\",\" or \")\"");
			return NULL;
		}
	}
	if (!advance(p))
		return NULL;
	if (c.count == 1 && !comma)
		return c.args[0];
	c.keywords = NULL;
	return new_parent(p, PT_EXPR_LIST, opening, position, &c);
}

static PtExpr *
parse_atom(Parser *p)
{
	Token t = p->token;
	PtExpr *e = NULL;

	switch (t.kind)
	{
		case TOKEN_NAME:
			for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++)
			{
				if (strcmp(t.text, reserved[i]) == 0)
				{
					fail_at(p, t.position, "\"%s\" is not supported", t.text);
					if (strcmp(t.text, "lambda") == 0)
						pt_hint(p->err, "Write (x, y) -> x + y.");
					return NULL;
				}
			}
			if (strcmp(t.text, "None") == 0)
				e = new_node(p, PT_EXPR_NONE, NULL, t.position);
			else if (strcmp(t.text, "True") == 0 || strcmp(t.text, "False") == 0)
			{
				if ((e = new_node(p, PT_EXPR_BOOL, NULL, t.position)) != NULL)
					e->integer = t.text[0] == 'T';
			}
			else
				e = new_node(p, PT_EXPR_NAME, t.text, t.position);
			break;
		case TOKEN_INT:
			if ((e = new_node(p, PT_EXPR_INT, NULL, t.position)) != NULL)
				e->integer = t.integer;
			break;
		case TOKEN_REAL:
			if ((e = new_node(p, PT_EXPR_REAL, NULL, t.position)) != NULL)
				e->real = t.real;
			break;
		case TOKEN_STRING:
			e = new_node(p, PT_EXPR_STRING, t.text, t.position);
			break;
		case TOKEN_OPERATOR:
			if (t.text[0] == '(' || t.text[0] == '[')
				return advance(p) ? parse_list(p, t.text, t.position) : NULL;
			fail_token(p, "an expression");
			return NULL;
		case TOKEN_END:
			fail_token(p, "an expression");
			return NULL;
	}
	return e != NULL && advance(p) ? e : NULL;
}

/* Atoms and what may follow them: calls. */
static PtExpr *
parse_postfix(Parser *p)
{
	PtExpr *e = parse_atom(p);

	while (e != NULL)
	{
		int position = p->token.position;

		if (at_operator(p, "("))
		{
			Children c = {0};

			if (!add_child(p, &c, e, NULL) || !advance(p) || !parse_arguments(p, &c))
				return NULL;
			e = new_parent(p, PT_EXPR_CALL, NULL, position, &c);
		}
		else if (at_operator(p, "[") || at_operator(p, "."))
		{
			fail_at(p, position, "%s not supported",
					p->token.text[0] == '[' ? "indexing is" : "fields are");
			return NULL;
		}
		else
			break;
	}
	return e;
}

/* "-", "+", "not", each of which may be repeated, then a power. */
static PtExpr *
parse_unary(Parser *p)
{
	PtExpr *e = NULL;
	const char *op = at_operator(p, "-")   ? "-"
					 : at_operator(p, "+") ? "+"
					 : at_word(p, "not")   ? "not"
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
		if (advance(p))
			e = op[0] == 'n' ? parse_binary(p, PRECEDENCE_NOT + 1) : parse_unary(p);
		if (e != NULL)
			e = new_operation(p, PT_EXPR_UNARY, op, position, e, NULL);
	}
	else
	{
		e = parse_postfix(p);
		if (e != NULL && at_operator(p, "**"))
		{
			PtExpr *power = NULL;

			/* binds tighter than a sign on its left, not on its right, and to the right: 2 ** -x ** y */
			position = p->token.position;
			if (advance(p))
				power = parse_unary(p);
			e = power ? new_operation(p, PT_EXPR_BINARY, "**", position, e, power) : NULL;
		}
	}
	p->nesting--;
	return e;
}

/* The binary operator looked at, or NULL; its precedence in *precedence. */
static const char *
binary_operator(const Parser *p, int *precedence)
{
	if (at_word(p, "and") || at_word(p, "or"))
	{
		*precedence = p->token.text[0] == 'a' ? PRECEDENCE_AND : PRECEDENCE_OR;
		return p->token.text[0] == 'a' ? "and" : "or";
	}
	if (p->token.kind != TOKEN_OPERATOR)
		return NULL;
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
	{
		if (operators[i].text == p->token.text && operators[i].precedence > 0)
		{
			*precedence = operators[i].precedence;
			return operators[i].text;
		}
	}
	return NULL;
}

static PtExpr *
parse_binary(Parser *p, int lowest)
{
	PtExpr *left;
	const char *op;
	int precedence;
	bool compared = false;

	/* a sign may stand where any operand may, "not" only where a comparison may */
	if (at_word(p, "not") && lowest > PRECEDENCE_NOT + 1)
	{
		fail_token(p, "an operand");
		return NULL;
	}
	left = parse_unary(p);
	while (left != NULL && (op = binary_operator(p, &precedence)) != NULL && precedence >= lowest)
	{
		int position = p->token.position;
		PtExpr *right;

		if (precedence == PRECEDENCE_COMPARE && compared)
		{
			fail_at(p, position, "chained comparison");
			pt_hint(p->err, "Write logical_and(a < b, b < c) instead of a < b < c.");
			return NULL;
		}
		compared = precedence == PRECEDENCE_COMPARE;
		if (!advance(p) || (right = parse_binary(p, precedence + 1)) == NULL)
			return NULL;
		left = new_operation(p, PT_EXPR_BINARY, op, position, left, right);
	}
	return left;
}

/* ---------- whole texts ---------- */

/* "name = expression" or an expression; several with ";" between them, up to the end. */
static bool
parse_statements(Parser *p, Children *c)
{
	for (;;)
	{
		PtExpr *e;

		while (at_operator(p, ";") && c->count > 0)
			if (!advance(p))
				return false;
		if (p->token.kind == TOKEN_END && c->count > 0)
			return true;
		if ((e = parse_expression(p)) == NULL)
			return false;
		if (at_operator(p, "="))
		{
			PtExpr *value;

			if (e->kind != PT_EXPR_NAME || strchr(e->text, '.') != NULL)
				return fail_at(p, p->token.position, "only a plain name can be assigned to");
			if (!advance(p) || (value = parse_expression(p)) == NULL)
				return false;
			e = new_operation(p, PT_EXPR_ASSIGN, e->text, e->position, value, NULL);
			if (e == NULL)
				return false;
		}
		if (!add_child(p, c, e, NULL))
			return false;
		if (p->token.kind != TOKEN_END && !at_operator(p, ";"))
			return fail_token(p, "an operator or the end");
	}
}

static bool
start(Parser *p, PtArena *arena, const char *text, PtError *err)
{
	*p = (Parser){.arena = arena, .err = err, .source = text, .next = text};
	if (strlen(text) > PT_EXPR_TEXT)
		return pt_fail(err, PT_ELIMIT, "expression is longer than %d bytes", PT_EXPR_TEXT);
	return advance(p);
}

/* A lambda over statements. */
static PtExpr *
finish_lambda(Parser *p, const Children *params, Children *body)
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

/* Is there "->" after the name or the parenthesis that begins the text? */
static bool
begins_lambda(const char *text)
{
	const char *s = text;
	bool parenthesis;

	s += strspn(s, " \t\r\n");
	parenthesis = *s == '(';
	s += parenthesis;
	while (is_name_start(*s) || is_digit(*s) ||
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

static PtExpr *
parse_lambda(Parser *p)
{
	Children params = {0};
	Children body = {0};
	bool parenthesis = at_operator(p, "(");

	if (parenthesis && !advance(p))
		return NULL;
	while (p->token.kind == TOKEN_NAME)
	{
		PtExpr *name = new_node(p, PT_EXPR_NAME, p->token.text, p->token.position);

		if (strchr(p->token.text, '.') != NULL)
		{
			fail_token(p, "a plain name");
			return NULL;
		}
		for (int i = 0; i < params.count; i++)
		{
			if (strcmp(params.keywords[i], p->token.text) == 0)
			{
				fail_at(p, p->token.position, "parameter \"%.64s\" is named twice", p->token.text);
				return NULL;
			}
		}
		if (params.count >= 1000)
		{
			pt_fail(p->err, PT_ELIMIT, "more than 1000 parameters");
			return NULL;
		}
		if (name == NULL || !add_child(p, &params, name, p->token.text) || !advance(p))
			return NULL;
		if (!parenthesis || !at_operator(p, ","))
			break;
		if (!advance(p))
			return NULL;
	}
	if (parenthesis && !expect(p, ")"))
		return NULL;
	if (!expect(p, "->"))
		return NULL;
	return finish_lambda(p, &params, &body);
}

PtExpr *
pt_expr_parse(PtArena *arena, const char *text, PtError *err)
{
	Parser p;
	PtExpr *e;

	if (!start(&p, arena, text, err))
		return NULL;
	if (begins_lambda(text))
		return parse_lambda(&p);
	e = parse_expression(&p);
	if (e != NULL && p.token.kind != TOKEN_END)
	{
		fail_token(&p, "an operator or the end");
		if (at_word(&p, "if"))
			pt_hint(err, "Write where(condition, a, b).");
		else if (p.token.kind == TOKEN_OPERATOR && strchr("&|^~<>", p.token.text[0]) != NULL)
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
	Parser p;
	Children none = {0};
	Children body = {0};

	return start(&p, arena, text, err) ? finish_lambda(&p, &none, &body) : NULL;
}
