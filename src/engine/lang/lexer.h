/*
 * lexer.h
 *	  Tokens of Python's expression syntax, one at a time.
 */
#ifndef PT_LEXER_H
#define PT_LEXER_H

#include <stdint.h>

#include "engine/data/arena.h"
#include "engine/data/error.h"

typedef enum PtTokenKind
{
	PT_TOKEN_END,
	PT_TOKEN_NAME,
	PT_TOKEN_INT,
	PT_TOKEN_REAL,
	PT_TOKEN_STRING,
	PT_TOKEN_OPERATOR /* also brackets, comma, "=", ";", "->" */
} PtTokenKind;

/* Of binary operators; higher binds tighter, 0 is none. */
enum
{
	PT_PRECEDENCE_OR = 1,
	PT_PRECEDENCE_AND,
	PT_PRECEDENCE_NOT,
	PT_PRECEDENCE_COMPARE,
	PT_PRECEDENCE_SUM = 6,
	PT_PRECEDENCE_PRODUCT,
	PT_PRECEDENCE_SIGN,
	PT_PRECEDENCE_POWER
};

typedef struct PtToken
{
	PtTokenKind kind;
	const char *text; /* in the arena; of an operator: static */
	int64_t integer;
	double real;
	int position;	/* byte offset in the source */
	int precedence; /* of a binary operator, also "and" and "or" */
} PtToken;

typedef struct PtLexer
{
	PtArena *arena;
	PtError *err;
	const char *source;
	const char *next;
	PtToken token; /* the one looked at */
	int nesting;   /* the parser's */
} PtLexer;

/* Moves on to the next token; after the last one kind is PT_TOKEN_END. */
extern bool pt_lex(PtLexer *l);

/* Is this operator, or this name, looked at? */
extern bool pt_lex_operator(const PtLexer *l, const char *text);
extern bool pt_lex_word(const PtLexer *l, const char *word);

/* PT_ESYNTAX with the character at a byte of the source; "unexpected ..., expected WANTED" of the token. */
extern bool pt_lex_fail(PtLexer *l, int position, const char *fmt, ...) PT_PRINTF(3, 4);
extern bool pt_lex_unexpected(PtLexer *l, const char *wanted);

/* For messages: which character of the text stands at a byte, from 1. */
extern int pt_lex_character(const char *text, int position);

/* May a name begin with this character?  Is it a decimal digit? */
static inline bool
pt_lex_is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static inline bool
pt_lex_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

#endif
