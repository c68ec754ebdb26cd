/*
 * types.h
 *	  All types of values that are written as calls of constructors (lang/object.h): SQL's nn.module,
 *	  optim.optimizer, lr_scheduler.scheduler.
 */
#ifndef PT_TYPES_H
#define PT_TYPES_H

#include "engine/graph/constructor.h"

extern const PtConstructors *const pt_types[]; /* NULL-terminated */

/* The one that SQL has under that name; NULL if it is none of them. */
extern const PtConstructors *pt_type_find(const char *schema, const char *type);

#endif
