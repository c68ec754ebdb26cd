/*
 * expr.h
 *	  Python's expression syntax: one parser for module text, gradients, update rules and torch.eval.
 *
 * The parser knows only syntax.  What a name or a call means is decided by who walks the tree:
 * graph/constructor.c (modules and their like), graph/build.c (ops of a graph).
 */
#ifndef PT_EXPR_H
#define PT_EXPR_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/data/arena.h"
#include "engine/data/error.h"

typedef enum PtExprKind
{
	PT_EXPR_NAME,	/* text: dotted, "nn.Linear" */
	PT_EXPR_INT,	/* integer */
	PT_EXPR_REAL,	/* real */
	PT_EXPR_STRING, /* text */
	PT_EXPR_NONE,
	PT_EXPR_BOOL,	/* integer 0 or 1 */
	PT_EXPR_LIST,	/* args: of [..] or (..) with a comma */
	PT_EXPR_UNARY,	/* text "-", "+", "not"; args[0] */
	PT_EXPR_BINARY, /* text "+", "==", "**", "@", ...; args[0], args[1] */
	PT_EXPR_CALL,	/* args[0] is the callee; then positional args, then keywords */
	PT_EXPR_INDEX,	/* args[0] is indexed by args[1..] */
	PT_EXPR_SLICE,	/* start:stop:step, in an index only; args[0..2], NONE where there is nothing */
	PT_EXPR_ELLIPSIS, /* in an index only */
	PT_EXPR_FIELD,	  /* args[0].text: one of several results */
	PT_EXPR_LAMBDA, /* '(x, w) -> ...', 'x -> ...' or 'lambda x, w: ...': args are the statements, keywords[integer] the parameters */
	PT_EXPR_ASSIGN /* a statement "args[0] = args[1]", a name or a LIST of such targets; only in a lambda's body or a list of statements */
} PtExprKind;

typedef struct PtExpr
{
	PtExprKind kind;
	const char *text;
	double real;
	int64_t integer;
	int position; /* byte offset in the source, for errors */
	int depth;	  /* of the tree below; a walker may recurse, the parser limits it */
	int nargs;
	struct PtExpr **args;
	const char *
		*keywords; /* of a call: [nargs], NULL where positional; or NULL if there are none */
} PtExpr;

/* The whole text is one expression or a lambda; nesting over 1000 deep or too long is PT_ELIMIT. */
#define PT_EXPR_DEPTH 1000
#define PT_EXPR_TEXT (16 << 20) /* bytes: so that nobody has to interrupt a parser */
extern PtExpr *pt_expr_parse(PtArena *arena, const char *text, PtError *err);
/* "h = f(x); y = h + x": a lambda without parameters. */
extern PtExpr *pt_expr_parse_statements(PtArena *arena, const char *text, PtError *err);

#endif
