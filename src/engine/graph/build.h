/*
 * build.h
 *	  Expressions (lang/expr.h) over ops: what a name or a call means in a graph.
 */
#ifndef PT_BUILD_H
#define PT_BUILD_H

#include "engine/graph/graph.h"
#include "engine/lang/expr.h"

/*
 * A number, string, list or arithmetic of these, without any names of values: arguments of modules and
 * optimizers.
 */
extern bool pt_expr_constant(PtArena *arena, const PtExpr *expr, PtValue *out, PtError *err);

/* The same of one variable, which must give a number: 0.95 ** epoch. */
extern bool pt_expr_number(const PtExpr *expr, const char *name, int64_t x, double *out,
						   PtError *err);

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
	/* arguments by position, then by name; false: the graph has the error */
	bool (*call)(void *arg, int which, const PtGiven *given, int ngiven, PtValue *out);
	void *arg;
} PtFunctions;
/* out: a tensor, a number, or a list or tuple of such; what it points to lives in the graph's arena. */
extern bool pt_expr_build_with(PtGraph *g, const PtExpr *expr, const char *source,
							   const PtVar *vars, int nvars, const PtFunctions *functions,
							   PtValue *out);
/* A value that must be a tensor, or a number, which becomes one of the graph's; PT_NO_REF if it is neither. */
extern PtRef pt_value_ref(PtGraph *g, const PtValue *v);
/*
 * Arguments that must be tensors given by position, at most so many; name: of what they are given to.  in has room for
 * most.
 */
extern bool pt_given_tensors(const char *name, const PtGiven *given, int ngiven, int most,
							 PtRef *in, PtError *err);
/* Does the expression name only what there will be: its parameters and variables, ops, and these functions? */
extern bool pt_expr_check(PtArena *arena, const PtExpr *expr, const char *source,
						  const PtFunctions *functions, PtError *err);

/* Several statements "h = f(x); y = h + x": assignments add to vars (of size room); for update rules. */
extern bool pt_expr_run(PtGraph *g, const char *statements, PtVar *vars, int *nvars, int room);

/* Parse and build in one call, for texts of our own (gradients). */
extern PtRef pt_expr_text(PtGraph *g, const char *text, const PtVar *vars, int nvars);

#endif
