/*
 * callee.c
 *	  Calls by name in text, both ways (callee.h).
 *
 * Memory:  what is printed lives in the caller's arena.
 * Threads: any; nothing is shared.
 * Errors:  values.
 */
#include "engine/lang/callee.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define MAX_NAMES 64 /* that are looked at for a hint */

/* The text behind a prefix, or all of it. */
static const char *
without_prefix(const PtCallees *c, const char *text)
{
	size_t n = strlen(c->prefix);

	if (strncmp(text, c->prefix, n) == 0)
		return text + n;
	for (const char *const *p = c->prefixes; *p != NULL; p++)
		if (strncmp(text, *p, strlen(*p)) == 0)
			return text + strlen(*p);
	return text;
}

int
pt_callee_find(const PtCallees *c, const PtExpr *e, PtError *err)
{
	const char *names[MAX_NAMES];
	const char *text, *name, *nearest;
	int n = 0;

	if (e->kind != PT_EXPR_CALL || e->args[0]->kind != PT_EXPR_NAME)
	{
		pt_fail(err, PT_ESYNTAX, "%s must be a call", c->kind);
		pt_hint(err, "For example %s.", c->example);
		return -1;
	}
	text = e->args[0]->text;
	name = without_prefix(c, text);
	for (int i = 0; c->name(i) != NULL; i++)
	{
		if (strcasecmp(c->name(i), name) == 0)
			return i;
		if (n < MAX_NAMES)
			names[n++] = c->name(i);
	}
	pt_fail(err, PT_ENAME, "%s \"%.64s\" does not exist", strchr(c->kind, ' ') + 1, text);
	if ((nearest = pt_nearest(name, names, n)) != NULL)
		pt_hint(err, "Perhaps you meant \"%s%s\".", c->prefix, nearest);
	return -1;
}

char *
pt_callee_print(PtArena *arena, const PtCallees *c, const char *name, const PtArgs *args,
				PtError *err)
{
	PtBuffer b = {.arena = arena};
	char what[80];

	snprintf(what, sizeof(what), "%s%s", c->prefix, name);
	pt_buffer_addf(&b, "%s(", what);
	if (!pt_args_print(&b, what, args, NULL, err))
		return NULL;
	pt_buffer_add(&b, ")");
	if (b.failed)
		pt_fail_memory(err, b.used);
	return b.failed ? NULL : b.text;
}
