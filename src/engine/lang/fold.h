/*
 * fold.h
 *	  Python's numbers: arithmetic on them, and how Python spells values.
 *
 * An expression without tensors is computed here, in int64 and double; a result that Python would need
 * a big integer or a complex number for is an error.
 */
#ifndef PT_FOLD_H
#define PT_FOLD_H

#include <stdio.h>

#include "engine/lang/args.h"

static inline bool
pt_value_is_number(const PtValue *v)
{
	return v->kind == PT_VALUE_INT || v->kind == PT_VALUE_REAL || v->kind == PT_VALUE_BOOL;
}

/* "-", "+", "not" of a number. */
extern bool pt_fold_unary(const char *op, const PtValue *a, PtValue *out, PtError *err);
/* + - * / // % **, comparisons, "and", "or" of two numbers. */
extern bool pt_fold_binary(const char *op, const PtValue *a, const PtValue *b, PtValue *out,
						   PtError *err);
/* float(x), int(x), math.sqrt(x) and the like; *known says whether there is such a function. */
extern bool pt_fold_call(const char *name, const PtValue *args, int nargs, PtValue *out,
						 bool *known, PtError *err);
/* inf and nan, math.pi and math.e, also of torch; false if it is not one of them. */
extern bool pt_fold_constant(const char *name, PtValue *out);

/* Python's repr of a float: 0.1, 1e-08, 1.0, inf, nan.  buf has PT_REAL_TEXT bytes; returns buf. */
#define PT_REAL_TEXT 40
extern char *pt_real_print(double x, char *buf);
extern char *pt_integer_print(int64_t x, char *buf);
extern char *pt_number_print(double x, char *buf); /* without ".0" where it is whole */

/* Text that grows in an arena; failed is set when memory runs out and everything after is ignored. */
typedef struct PtBuffer
{
	PtArena *arena;
	char *text;
	size_t used, size;
	bool failed;
} PtBuffer;

extern void pt_buffer_add(PtBuffer *b, const char *s);
extern void pt_buffer_addf(PtBuffer *b, const char *fmt, ...) PT_PRINTF(2, 3);

extern bool pt_value_equal(const PtValue *a, const PtValue *b);
/* As Python source: True, 0.001, (1, 2), 'mean', torch.float32, None, float('inf'). */
extern void pt_value_print(PtBuffer *b, const PtValue *v);
/*
 * The arguments of a canonical call: those without a default by position, then by name what differs
 * from its default.  MODULE and MODULES are left to print_module.
 */
extern bool pt_args_print(PtBuffer *b, const char *what, const PtArgs *args,
						  bool (*print_module)(PtBuffer *b, const struct PtModule *m, PtError *err),
						  PtError *err);

#endif
