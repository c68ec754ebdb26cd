/*
 * args.h
 *	  Arguments of ops, modules, losses and optimizers: declared once, bound from anywhere.
 *
 * A callable thing declares a list of PtParam (PyTorch's names, order and defaults).  Calls reach
 * it as Python text (expr.c) or as SQL arguments (src/api); both end as PtArgs, one PtValue a
 * parameter, defaults filled in, types and ranges checked.  SQL declarations are generated
 * from the same lists.
 */
#ifndef PT_ARGS_H
#define PT_ARGS_H

#include "engine/lang/value.h"

typedef enum PtArgType
{
	PT_ARG_TENSOR,	/* a tensor; of scalar ops, a number too */
	PT_ARG_TENSORS, /* a list of them */
	PT_ARG_NUMBER,	/* int, float or bool, kept as given */
	PT_ARG_INT,
	PT_ARG_INTS,  /* an int or a list of ints */
	PT_ARG_SIZES, /* the same, or ints by position, as many as there are: zeros(2, 3) */
	PT_ARG_REAL,
	PT_ARG_REALS, /* a fixed-length tuple of floats, e.g. betas */
	PT_ARG_BOOL,
	PT_ARG_DTYPE,
	PT_ARG_WORD,		  /* one of .words */
	PT_ARG_OBJECT,		  /* made by a constructor of .of: a module */
	PT_ARG_OBJECTS,		  /* any number of them, positional: Sequential */
	PT_ARG_NAMED_OBJECTS, /* the same, each after its name: Graph */
	PT_ARG_OBJECT_LIST	  /* a list of them: learning rate schedulers */
} PtArgType;

typedef struct PtParam
{
	const char *name; /* NULL ends a list */
	PtArgType type;
	bool required; /* no default */
	bool nullable; /* None is allowed */
	bool keyword;  /* only by name, as what stands after "*" in Python */
	bool wide;	   /* of an op's INT: in SQL bigint, too */
	double init;   /* default of NUMBER, INT, REAL, BOOL (0 or 1); ignored if init_none or text */
	const char
		*text;		/* default as Python text where a number does not do: "(0.9, 0.999)", "mean" */
	bool init_none; /* the default is None (implies nullable) */
	bool bounded;	/* min <= value <= max is checked, of each element of a list */
	bool open;		/* the bounds themselves are not allowed */
	double min, max;
	const char *const *words;		 /* NULL-terminated, for PT_ARG_WORD */
	const struct PtConstructors *of; /* of objects: their type */
} PtParam;

/* param.c: *v becomes what the parameter takes, or its default; what: the callee, for errors */
extern bool pt_param_convert(PtArena *arena, const char *what, const PtParam *p, PtValue *v,
							 PtError *err);
extern bool pt_param_default(PtArena *arena, const char *what, const PtParam *p, PtValue *v,
							 PtError *err);

#define PT_MAX_ARGS 64

typedef struct PtArgs
{
	const PtParam *params;
	int count;
	PtValue *values; /* [count], in the order of params */
} PtArgs;

/* The value of a parameter by name; the name must be declared.  NULL if it is not. */
extern const PtValue *pt_args_get(const PtArgs *args, const char *name);
extern int64_t pt_args_int(const PtArgs *args, const char *name);
extern double pt_args_real(const PtArgs *args, const char *name); /* an int is a real too */
extern bool pt_args_bool(const PtArgs *args, const char *name);
extern const char *pt_args_word(const PtArgs *args, const char *name);
extern bool pt_args_is_none(const PtArgs *args, const char *name);

/* One argument of a call. */
typedef struct PtGiven
{
	const char *name; /* NULL: positional */
	PtValue value;
} PtGiven;

static inline PtGiven
pt_given_int(const char *name, int64_t x)
{
	return (PtGiven){name, pt_value_int(x)};
}

static inline PtGiven
pt_given_real(const char *name, double x)
{
	return (PtGiven){name, pt_value_real(x)};
}

static inline PtGiven
pt_given_bool(const char *name, bool x)
{
	return (PtGiven){name, pt_value_bool(x)};
}

static inline PtGiven
pt_given_dtype(const char *name, PtDtype x)
{
	return (PtGiven){name, pt_value_dtype(x)};
}

static inline PtGiven
pt_given_ints(const char *name, const int64_t *list, int n)
{
	return (PtGiven){name, pt_value_ints(list, n)};
}

/*
 * Checks and converts given values (by position, then by name) against a declaration, and fills in
 * defaults.  what names the callee in errors: "nn.Linear".  Unknown names get the nearest
 * declared name as a hint.  The result lives in the arena; NULL after err is filled.
 */
extern PtArgs *pt_args_bind(PtArena *arena, const char *what, const PtParam *params,
							const PtGiven *given, int ngiven, PtError *err);

/* The declared name nearest to one that is not declared (edit distance), or NULL if none is near. */
extern const char *pt_nearest(const char *name, const char *const *names, int count);

#endif
