/*
 * types.c
 *	  The list of all types of values that are written as calls: a new one is a line here.
 */
#include "engine/train/types.h"

#include <string.h>

#include "engine/nn/module.h"
#include "engine/train/sched.h"

const PtConstructors *const pt_types[] = {&pt_modules, &pt_optimizers, &pt_schedulers, NULL};

const PtConstructors *
pt_type_find(const char *schema, const char *type)
{
	for (const PtConstructors *const *c = pt_types; *c != NULL; c++)
		if (strcmp((*c)->schema, schema) == 0 && strcmp((*c)->type, type) == 0)
			return *c;
	return NULL;
}
