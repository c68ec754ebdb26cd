/*
 * call.h
 *	  Arguments of SQL functions.
 *
 * Functions whose declarations are generated have one C entry for a whole table of rows: which row is meant follows
 * from the SQL function's own name, which arguments there are from its signature; both are looked up once and kept in
 * fn_extra.
 */
#ifndef PGT_CALL_H
#define PGT_CALL_H

#include "postgres.h"

#include "fmgr.h"

#include "engine/graph/op.h"

/* Raises 22004 if the argument is NULL; an argument of text, which must not be. */
extern void pgt_arg_require(FunctionCallInfo fcinfo, int i, const char *name);
extern char *pgt_arg_text(FunctionCallInfo fcinfo, int i, const char *name);

typedef struct PgtCall
{
	const char *name; /* of the SQL function, without schema */
	int nargs;
	Oid *types;		 /* as declared */
	char **names;	 /* of the arguments */
	const void *row; /* the entry's own: what the name means; NULL at first */
} PgtCall;

extern PgtCall *pgt_call_open(FunctionCallInfo fcinfo);

/*
 * The row of the op table that the function is declared for: of the rows of its name the form whose parameters its
 * arguments are.  params gets those, NULL for integers that follow a first size and belong to it.
 */
extern const PtOp *pgt_call_op(const PgtCall *call, const PtParam **params);

/*
 * Argument i as a value for a parameter of any type but tensors.  SQL NULL is None, 22004 where that is not
 * allowed.  What the value points to lives in the arena.
 */
extern void pgt_call_value(FunctionCallInfo fcinfo, const PgtCall *call, int i,
						   const PtParam *param, PtArena *arena, PtValue *out);

/* All arguments by position: given[i] has the name of params[i]. */
extern void pgt_call_given(FunctionCallInfo fcinfo, const PgtCall *call, const PtParam *params,
						   PtArena *arena, PtGiven *given);

/*
 * The same for a function whose last argument is VARIADIC "any": names and modules as they come, by
 * position.
 */
extern PtGiven *pgt_call_variadic(FunctionCallInfo fcinfo, const PgtCall *call,
								  const PtParam *params, PtArena *arena, int *n);

#endif
