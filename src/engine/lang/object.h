/*
 * object.h
 *	  Types whose values are written as the call of a constructor: modules, optimizers, schedulers.
 *
 * A new type is one PtConstructors with its rows: SQL's type, its functions and their reading follow
 * (graph/constructor.h).
 */
#ifndef PT_OBJECT_H
#define PT_OBJECT_H

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

#endif
