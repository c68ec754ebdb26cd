/*
 * expr.h
 *	  Python's expression syntax: one parser for module text, gradients, update rules and torch.eval.
 *
 * The parser knows only syntax.  What a name or a call means is decided by who walks the tree:
 * module.c (constructors), build.c below (ops of a graph).
 */
#ifndef PT_EXPR_H
#define PT_EXPR_H

#include "engine/graph.h"

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
	PT_EXPR_LAMBDA, /* '(x, w) -> ...' or 'x -> ...': args are the statements, keywords[integer] the parameters */
	PT_EXPR_ASSIGN /* a statement "text = args[0]"; only in a lambda's body or a list of statements */
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
/* For messages: which character of the text stands at a byte, from 1. */
extern int pt_expr_character(const char *text, int position);
/*
 * A number, string, list or arithmetic of these, without any names of values: arguments of modules and
 * optimizers.
 */
extern bool pt_expr_constant(PtArena *arena, const PtExpr *expr, PtValue *out, PtError *err);

/*
 * Builds an expression over ops into a graph.  Names are looked up in vars, function names in the op
 * table (with or without "torch.", "F.", "torch.nn.functional."); arithmetic on numbers is
 * done in double or int64 as Python does it.  grad(y, x) is the gradient of sum(y).  Failures are the
 * graph's error.
 */
typedef struct PtVar
{
	const char *name;
	PtRef ref;
} PtVar;
extern PtRef pt_expr_build(PtGraph *g, const PtExpr *expr, const PtVar *vars,
						   int nvars); /* a lambda's parameters are vars, in order */

/*
 * The same for a network's expression: names are functions of the caller's own, which come before ops,
 * and random ops and those whose shapes depend on data are refused.  source is for positions in errors.
 */
typedef struct PtFunctions
{
	const char *const *names;
	int count;
	/* PT_NO_REF: the graph has the error */
	PtRef (*call)(void *arg, int which, const PtRef *in, int nin);
	void *arg;
} PtFunctions;
extern PtRef pt_expr_build_with(PtGraph *g, const PtExpr *expr, const char *source,
								const PtVar *vars, int nvars, const PtFunctions *functions);
/* Does the expression name only what there will be: its parameters and variables, ops, and these functions? */
extern bool pt_expr_check(PtArena *arena, const PtExpr *expr, const char *source,
						  const PtFunctions *functions, PtError *err);

/* Several statements "h = f(x); y = h + x": assignments add to vars (of size room); for update rules. */
extern bool pt_expr_run(PtGraph *g, const char *statements, PtVar *vars, int *nvars, int room);

/* Parse and build in one call, for texts of our own (gradients). */
extern PtRef pt_expr_text(PtGraph *g, const char *text, const PtVar *vars, int nvars);

#endif
