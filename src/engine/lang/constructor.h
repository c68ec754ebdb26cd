/*
 * constructor.h
 *	  Types whose values are written as the call of a constructor: modules, optimizers, schedulers.
 *
 * A value is made from arguments (SQL's nn.linear(4, 2)) or read from Python text ('nn.Linear(4, 2)'), and
 * prints as the canonical form of that: arguments without a default by position, then by name what differs
 * from it.  A new type is one PtConstructors with its rows: SQL's type, its functions and their reading follow.
 */
#ifndef PT_CONSTRUCTOR_H
#define PT_CONSTRUCTOR_H

#include "engine/lang/args.h"

/* What each row begins with: PyTorch's name ("Linear"; SQL: nn.linear), and its arguments with their defaults. */
#define PT_CONSTRUCTOR \
	const char *name;  \
	const char *doc;   \
	const PtParam *params

typedef struct PtConstructor
{
	PT_CONSTRUCTOR;
} PtConstructor;

/* What each value begins with; name: that the arguments of an outer one give it, or NULL. */
#define PT_OBJECT(row)               \
	const row *type;                 \
	const struct PtConstructors *of; \
	const PtArgs *args;              \
	const char *name

typedef struct PtObject
{
	PT_OBJECT(PtConstructor);
} PtObject;

/* A type of values. */
typedef struct PtConstructors
{
	const char *schema;			 /* "optim": as it is printed, "optim.Adam()", and in SQL */
	const char *type;			 /* SQL's: "optimizer"; a value is called so in messages */
	const char *one, *several;	 /* "an optimizer", "a list of optimizers" */
	const char *example;		 /* a call, for hints */
	const char *doc;			 /* of the type */
	const char *const *prefixes; /* others than the schema that may be written; NULL-terminated */
	size_t size;				 /* of a value */
	const PtConstructor *(*at)(int i); /* the rows; NULL past the end */

	/* Completes a value that has type, of and args. */
	bool (*make)(PtArena *arena, PtObject *o, PtError *err);
	/* (optional) of the outermost one, too: what is known once all of it is there */
	bool (*finish)(PtArena *arena, PtObject *o, PtError *err);
} PtConstructors;

/* The row of that name: exactly PyTorch's, or in any case if it is the only one then; NULL if there is none. */
extern const PtConstructor *pt_constructor_find(const PtConstructors *c, const char *name);

/* A value from arguments. */
extern PtObject *pt_constructor_call(PtArena *arena, const PtConstructors *c,
									 const PtConstructor *row, const PtGiven *given, int ngiven,
									 PtError *err);
/* A value from Python text. */
extern PtObject *pt_constructor_parse(PtArena *arena, const PtConstructors *c, const char *text,
									  PtError *err);
/* The canonical text; "optim.Adam(lr=0.01)". */
extern char *pt_object_print(PtArena *arena, const PtObject *o, PtError *err);

#endif
