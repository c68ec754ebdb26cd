/*
 * constructor.h
 *	  Values written as calls of constructors (lang/object.h): made, read and printed.
 *
 * A value is made from arguments (SQL's nn.linear(4, 2)) or read from Python text ('nn.Linear(4, 2)'), and
 * prints as the canonical form of that: arguments without a default by position, then by name what differs
 * from it.
 */
#ifndef PT_CONSTRUCTOR_H
#define PT_CONSTRUCTOR_H

#include "engine/lang/object.h"

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
