/*
 * lexer.c
 *	  Tokens of Python's expression syntax: names with their dots, numbers, strings, operators.
 *
 * Memory:  text of tokens lives in the lexer's arena.
 * Threads: any; nothing is shared.
 * Errors:  PT_ESYNTAX with the character's position, PT_ERANGE, PT_ENOMEM.
 */
#include "engine/lang/lexer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/lang/expr.h"

typedef struct Operator
{
	const char *text;
	int precedence; /* binary; higher binds tighter */
} Operator;

/* Longer ones first where one begins with another. */
static const Operator operators[] = {
	{"**", PT_PRECEDENCE_POWER},
	{"*", PT_PRECEDENCE_PRODUCT},
	{"//", PT_PRECEDENCE_PRODUCT},
	{"/", PT_PRECEDENCE_PRODUCT},
	{"%", PT_PRECEDENCE_PRODUCT},
	{"@", PT_PRECEDENCE_PRODUCT},
	{"+", PT_PRECEDENCE_SUM},
	{"->", 0},
	{"-", PT_PRECEDENCE_SUM},
	{"==", PT_PRECEDENCE_COMPARE},
	{"!=", PT_PRECEDENCE_COMPARE},
	{"<=", PT_PRECEDENCE_COMPARE},
	{">=", PT_PRECEDENCE_COMPARE},
	{"<<", 0},
	{">>", 0},
	{"<", PT_PRECEDENCE_COMPARE},
	{">", PT_PRECEDENCE_COMPARE},
	{"=", 0},
	{"(", 0},
	{")", 0},
	{"[", 0},
	{"]", 0},
	{",", 0},
	{";", 0},
	{":", 0},
	{"...", 0},
	{".", 0},
	{"&", 0},
	{"|", 0},
	{"^", 0},
	{"~", 0},
};

/* ---------- errors ---------- */

int
pt_lex_character(const char *text, int position)
{
	int n = 1;

	for (int i = 0; i < position; i++)
		n += ((unsigned char) text[i] & 0xc0) != 0x80;
	return n;
}

bool
pt_lex_fail(PtLexer *p, int position, const char *fmt, ...)
{
	char what[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	return pt_fail(p->err, PT_ESYNTAX, "%s at character %d", what,
				   pt_lex_character(p->source, position));
}

bool
pt_lex_unexpected(PtLexer *p, const char *wanted)
{
	const PtToken *t = &p->token;

	switch (t->kind)
	{
		case PT_TOKEN_END:
			return pt_fail(p->err, PT_ESYNTAX, "unexpected end of text, expected %s", wanted);
		case PT_TOKEN_NAME:
			return pt_lex_fail(p, t->position, "unexpected \"%.64s\", expected %s,", t->text,
							   wanted);
		case PT_TOKEN_OPERATOR:
			return pt_lex_fail(p, t->position, "unexpected \"%s\", expected %s,", t->text, wanted);
		case PT_TOKEN_INT:
		case PT_TOKEN_REAL:
			return pt_lex_fail(p, t->position, "unexpected number, expected %s,", wanted);
		case PT_TOKEN_STRING:
			return pt_lex_fail(p, t->position, "unexpected string, expected %s,", wanted);
	}
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

/* ---------- tokens ---------- */

static int
digit_value(char c)
{
	if (pt_lex_is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return 99;
}

/* 0x1f, 0b101, 0o17 and decimals; an underscore may stand between digits. */
static bool
lex_integer(PtLexer *p, const char *s, const char *end, int base)
{
	uint64_t value = 0;

	for (; s < end; s++)
	{
		if (*s == '_')
			continue;
		if (__builtin_mul_overflow(value, (uint64_t) base, &value) ||
			__builtin_add_overflow(value, (uint64_t) digit_value(*s), &value) || value > INT64_MAX)
			return pt_fail(p->err, PT_ERANGE, "integer too large at character %d",
						   pt_lex_character(p->source, p->token.position));
	}
	p->token.kind = PT_TOKEN_INT;
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
lex_number(PtLexer *p)
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
		if (s == NULL || s == start + 2 || pt_lex_is_letter(*s) || pt_lex_is_digit(*s))
			return pt_lex_fail(p, p->token.position, "malformed number");
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
		s = pt_lex_is_digit(*digits) ? skip_digits(digits, 10) : NULL;
	}
	if (s == NULL || pt_lex_is_letter(*s))
		return pt_lex_fail(p, p->token.position, "malformed number");
	p->next = s;
	if (!real)
	{
		if (*start == '0' && strspn(start, "0_") != (size_t) (s - start))
			return pt_lex_fail(p, p->token.position, "integer with leading zeros");
		return lex_integer(p, start, s, 10);
	}
	if ((copy = allocate(p, (size_t) (s - start) + 1)) == NULL)
		return false;
	for (; start < s; start++)
		if (*start != '_')
			copy[n++] = *start;
	p->token.kind = PT_TOKEN_REAL;
	p->token.real = strtod(copy, NULL); /* too large is inf, as in Python */
	return true;
}

static bool
lex_string(PtLexer *p)
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
			return pt_lex_fail(p, p->token.position, "unterminated string");
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
				return pt_lex_fail(p, (int) (s - 1 - p->source), "unknown escape in a string");
		}
		copy[n++] = c;
	}
	p->next = end + 1;
	p->token.kind = PT_TOKEN_STRING;
	p->token.text = copy;
	return true;
}

static bool
lex_name(PtLexer *p)
{
	const char *s = p->next;

	for (;;)
	{
		while (pt_lex_is_letter(*s) || pt_lex_is_digit(*s))
			s++;
		if (*s != '.' || !pt_lex_is_letter(s[1]))
			break;
		s++;
	}
	p->token.kind = PT_TOKEN_NAME;
	p->token.text = pt_arena_strndup(p->arena, p->next, (size_t) (s - p->next));
	if (p->token.text == NULL)
		return pt_fail_memory(p->err, (size_t) (s - p->next));
	if (strcmp(p->token.text, "and") == 0)
		p->token.precedence = PT_PRECEDENCE_AND;
	else if (strcmp(p->token.text, "or") == 0)
		p->token.precedence = PT_PRECEDENCE_OR;
	p->next = s;
	return true;
}

/* Moves on to the next token. */
bool
pt_lex(PtLexer *p)
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
	if (pt_lex_is_digit(*s) || (*s == '.' && pt_lex_is_digit(s[1])))
		return lex_number(p);
	if (*s == '\'' || *s == '"')
		return lex_string(p);
	if (pt_lex_is_letter(*s))
		return lex_name(p);
	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
	{
		const char *text = operators[i].text;

		if (strncmp(s, text, strlen(text)) == 0)
		{
			p->token.kind = PT_TOKEN_OPERATOR;
			p->token.text = text;
			p->token.precedence = operators[i].precedence;
			p->next = s + strlen(text);
			return true;
		}
	}
	if (*s > ' ' && *s < 0x7f)
		return pt_lex_fail(p, p->token.position, "unexpected \"%c\"", *s);
	return pt_lex_fail(p, p->token.position, "unexpected character");
}

bool
pt_lex_operator(const PtLexer *p, const char *text)
{
	return p->token.kind == PT_TOKEN_OPERATOR && strcmp(p->token.text, text) == 0;
}

bool
pt_lex_word(const PtLexer *p, const char *word)
{
	return p->token.kind == PT_TOKEN_NAME && strcmp(p->token.text, word) == 0;
}
