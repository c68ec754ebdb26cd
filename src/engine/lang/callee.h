/*
 * callee.h
 *	  What text calls by name, "optim.Adam(lr=0.1)": finding its row in a table, and printing it.
 */
#ifndef PT_CALLEE_H
#define PT_CALLEE_H

#include "engine/lang/args.h"
#include "engine/lang/expr.h"

/* A table of them. */
typedef struct PtCallees
{
	const char *kind;			 /* with its article, for errors: "an optimizer" */
	const char *example;		 /* a call, for a hint */
	const char *prefix;			 /* as it is printed: "optim." */
	const char *const *prefixes; /* others that may be written; NULL-terminated */
	const char *(*name)(int i);	 /* of row i, without a prefix; NULL past the end */
} PtCallees;

/* The row that e calls, in any case; -1 if e is no call, or of no row (then the nearest name is a hint). */
extern int pt_callee_find(const PtCallees *c, const PtExpr *e, PtError *err);

/* A row, by its name, with arguments: "optim.Adam(lr=0.1)"; defaults are left out. */
extern char *pt_callee_print(PtArena *arena, const PtCallees *c, const char *name,
							 const PtArgs *args, PtError *err);

#endif
