/*
 * value.h
 *	  The values of Python's expressions: numbers, words, lists, tensors of a graph; what is asked of them, and how they
 *	  are spelled.
 *
 * A value is small and copied; lists, words and tuples point to an arena of whoever made them.
 */
#ifndef PT_VALUE_H
#define PT_VALUE_H

#include "engine/data/tensor.h"
#include "engine/lang/buffer.h"

typedef uint32_t PtRef;		  /* a value of a graph (graph.h) */
#define PT_NO_REF ((PtRef) 0) /* "absent", or "failed: see the graph's error" */

struct PtObject;
struct PtTuple;

typedef enum PtValueKind
{
	PT_VALUE_NONE, /* Python's None, SQL's NULL */
	PT_VALUE_BOOL,
	PT_VALUE_INT,
	PT_VALUE_REAL,
	PT_VALUE_INTS,
	PT_VALUE_REALS,
	PT_VALUE_WORD,
	PT_VALUE_DTYPE,
	PT_VALUE_TENSOR,
	PT_VALUE_TENSORS,
	PT_VALUE_TUPLE,	 /* of any values; inside an expression only */
	PT_VALUE_OBJECT, /* made by a constructor (object.h): a module */
	PT_VALUE_OBJECTS /* a list of such */
} PtValueKind;

#define PT_MAX_LIST 64

typedef struct PtValue
{
	PtValueKind kind;
	int count; /* of a list */
	union
	{
		bool boolean;
		int64_t integer;
		double real;
		const int64_t *ints;
		const double *reals;
		const char *word;
		PtDtype dtype;
		PtRef tensor;
		const PtRef *tensors;
		const struct PtTuple *tuple;
		struct PtObject **objects; /* of an object, one */
	};
} PtValue;

/*
 * Several values: written, "(h, c)", or what an op or module gives.  A written one holds at most PT_MAX_TUPLE, counted
 * as often as a walk meets them: "t = (t, t)" again and again would take all time.
 */
#define PT_MAX_TUPLE 10000
typedef struct PtTuple
{
	const char *of;			  /* whose results: "max"; NULL: written */
	const char *const *names; /* [count] of its fields, or NULL */
	int count;
	const PtValue *values;
	int size; /* itself, and all that it holds */
} PtTuple;

static inline PtValue
pt_value_int(int64_t x)
{
	return (PtValue){PT_VALUE_INT, 0, {.integer = x}};
}

static inline PtValue
pt_value_real(double x)
{
	return (PtValue){PT_VALUE_REAL, 0, {.real = x}};
}

static inline PtValue
pt_value_bool(bool x)
{
	return (PtValue){PT_VALUE_BOOL, 0, {.boolean = x}};
}

static inline PtValue
pt_value_dtype(PtDtype x)
{
	return (PtValue){PT_VALUE_DTYPE, 0, {.dtype = x}};
}

/* The list must stay. */
static inline PtValue
pt_value_ints(const int64_t *list, int n)
{
	return (PtValue){PT_VALUE_INTS, n, {.ints = list}};
}

static inline bool
pt_value_is_number(const PtValue *v)
{
	return v->kind == PT_VALUE_INT || v->kind == PT_VALUE_REAL || v->kind == PT_VALUE_BOOL;
}

/* Of a number. */
static inline double
pt_value_number(const PtValue *v)
{
	return v->kind == PT_VALUE_REAL	  ? v->real
		   : v->kind == PT_VALUE_BOOL ? (double) v->boolean
									  : (double) v->integer;
}

/* For messages: "a tensor", "an integer", "None". */
extern const char *pt_value_kind(const PtValue *v);

static inline bool
pt_value_is_list(const PtValue *v)
{
	return v->kind == PT_VALUE_TUPLE || v->kind == PT_VALUE_TENSORS || v->kind == PT_VALUE_INTS ||
		   v->kind == PT_VALUE_REALS;
}

/* Element i < count of a list or tuple; false if it is neither. */
extern bool pt_value_element(const PtValue *v, int i, PtValue *out);

extern bool pt_value_equal(const PtValue *a, const PtValue *b);
/* As Python source: True, 0.001, (1, 2), 'mean', torch.float32, None, float('inf'). */
extern void pt_value_print(PtBuffer *b, const PtValue *v);

/* Python's repr of a float: 0.1, 1e-08, 1.0, inf, nan.  buf has PT_REAL_TEXT bytes; returns buf. */
#define PT_REAL_TEXT 40
extern char *pt_real_print(double x, char *buf);
extern char *pt_integer_print(int64_t x, char *buf);
extern char *pt_number_print(double x, char *buf); /* without ".0" where it is whole */

#endif
