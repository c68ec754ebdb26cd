/*
 * building.h
 *	  What build.c and build_call.c share while they walk an expression.
 */
#ifndef PT_BUILDING_H
#define PT_BUILDING_H

#include "engine/graph/build.h"

/* What a name stands for: a number stays one, so that arithmetic on it folds. */
typedef struct PtBinding
{
	const char *name;
	PtValue value;
} PtBinding;

typedef struct PtBuilder
{
	PtGraph *g;			/* NULL: constants only */
	PtArena *arena;		/* for values that ops keep */
	const char *source; /* for positions; may be NULL */
	PtBinding *vars;
	int nvars, room;
	const PtFunctions *functions; /* of the caller's own; may be NULL */
	PtError *err;
} PtBuilder;

/* So many variables one text may have: they are searched one by one. */
#define PT_MAX_VARIABLES 1000

/* build.c */
extern bool pt_build_expr(PtBuilder *b, const PtExpr *e, PtValue *out);
/*
 * What Python would not evaluate, as it does not count: a branch of where(), the right side of and, or.  Names and
 * types in it must be right all the same, so that they are known to be from the beginning.
 */
extern bool pt_build_unused(PtBuilder *b, const PtExpr *e, PtValue *out);
extern bool pt_build_set(PtBuilder *b, PtRef ref, PtValue *out); /* false: the graph's error */
/* values must stay; of, names: as of PtTuple */
extern bool pt_build_tuple(PtBuilder *b, const char *of, const char *const *names,
						   const PtValue *values, int count, PtValue *out);
/* "WHAT "NAME" at character N does not exist" */
extern bool pt_build_fail_name(PtBuilder *b, const PtExpr *e, const char *what, const char *name);
/* "operator + does not take the several results of max"; rule: up to "take".  False. */
extern bool pt_build_fail_results(PtError *err, const char *rule, const PtTuple *t);
extern bool pt_build_name(PtBuilder *b, const PtExpr *e, PtValue *out);

/* build_call.c */
extern bool pt_build_call(PtBuilder *b, const PtExpr *e, PtValue *out);
/* Is there such a function, and may a network call it?  For checks before shapes are known. */
extern bool pt_build_check_call(PtBuilder *b, const PtExpr *e);

#endif
