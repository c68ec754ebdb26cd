/*
 * fold.h
 *	  Python's numbers: arithmetic on them, and functions of them.
 *
 * An expression without tensors is computed here, in int64 and double; a result that Python would need
 * a big integer or a complex number for is an error.
 */
#ifndef PT_FOLD_H
#define PT_FOLD_H

#include "engine/lang/value.h"

/* "-", "+", "not" of a number. */
extern bool pt_fold_unary(const char *op, const PtValue *a, PtValue *out, PtError *err);
/* + - * / // % **, comparisons, "and", "or" of two numbers. */
extern bool pt_fold_binary(const char *op, const PtValue *a, const PtValue *b, PtValue *out,
						   PtError *err);
/* float(x), int(x), min(x, y), where(condition, x, y), math.sqrt(x) and the like; *known says whether there is such a function. */
extern bool pt_fold_call(const char *name, const PtValue *args, int nargs, PtValue *out,
						 bool *known, PtError *err);
static inline bool
pt_fold_truth(const PtValue *v)
{
	return v->kind == PT_VALUE_REAL	  ? v->real != 0
		   : v->kind == PT_VALUE_BOOL ? v->boolean
									  : v->integer != 0;
}

/* inf and nan, math.pi and math.e, also of torch; false if it is not one of them. */
extern bool pt_fold_constant(const char *name, PtValue *out);

#endif
