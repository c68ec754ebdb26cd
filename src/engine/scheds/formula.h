/*
 * formula.h
 *	  Functions of one number, given as text: 'epoch -> 0.95 ** epoch', '0.95 ** epoch' or
 *	  'lambda epoch: 0.95 ** epoch'.
 *
 * Python's arithmetic (fold.h) with min, max, abs, where(condition, a, b) and math's functions.
 */
#ifndef PT_SCHEDS_FORMULA_H
#define PT_SCHEDS_FORMULA_H

#include "engine/lang/args.h"

typedef struct PtFormula PtFormula;

/* name: what the argument is called where the text does not say.  Names and functions are checked. */
extern PtFormula *pt_formula_parse(PtArena *arena, const char *text, const char *name,
								   PtError *err);
extern bool pt_formula_eval(const PtFormula *f, int64_t x, double *out, PtError *err);

#endif
