/*
 * constructor.c
 *	  Values written as calls of constructors: made, read and printed (constructor.h).
 *
 * Values hold others of their own type, so they are made bottom-up, and the outermost one is finished when all of it is
 * there.  The parser limits how deep they nest, each type by what it makes of them.
 *
 * Memory:  values live in the arena that they were made in.
 * Threads: any; nothing is shared.
 * Errors:  values.
 */
#include "engine/graph/constructor.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "engine/graph/build.h"

#define MAX_NAMES 256 /* that are looked at for a hint */
#define MAX_WHAT 80	  /* bytes of "lr_scheduler.CosineAnnealingWarmRestarts" */

static const char *
full_name(const PtConstructors *c, const PtConstructor *row, char *what)
{
	snprintf(what, MAX_WHAT, "%s.%s", c->schema, row->name);
	return what;
}

/* ---------- rows ---------- */

const PtConstructor *
pt_constructor_find(const PtConstructors *c, const char *name)
{
	const PtConstructor *row;
	const PtConstructor *found = NULL;
	int like = 0;

	for (int i = 0; (row = c->at(i)) != NULL; i++)
	{
		if (strcmp(row->name, name) == 0)
			return row;
		if (strcasecmp(row->name, name) == 0)
		{
			found = row;
			like++;
		}
	}
	return like == 1 ? found : NULL; /* not if it is ambiguous */
}

/* The text behind "optim." or another prefix; NULL if there is none. */
static const char *
behind_prefix(const PtConstructors *c, const char *text)
{
	size_t n = strlen(c->schema);

	if (strncmp(text, c->schema, n) == 0 && text[n] == '.')
		return text + n + 1;
	for (const char *const *p = c->prefixes; *p != NULL; p++)
		if (strncmp(text, *p, strlen(*p)) == 0)
			return text + strlen(*p);
	return NULL;
}

static const PtConstructor *
find_row(const PtConstructors *c, const char *text, PtError *err)
{
	const char *name = behind_prefix(c, text);
	const PtConstructor *row;
	const char *names[MAX_NAMES];
	const char *nearest;
	int n = 0;

	if (name == NULL)
		name = text;
	if ((row = pt_constructor_find(c, name)) != NULL)
		return row;
	pt_fail(err, PT_ENAME, "%s \"%.64s\" does not exist", c->type, text);
	for (; n < MAX_NAMES && (row = c->at(n)) != NULL; n++)
		names[n] = row->name;
	if ((nearest = pt_nearest(name, names, n)) != NULL)
		pt_hint(err, "Perhaps you meant \"%s.%s\".", c->schema, nearest);
	return NULL;
}

/* ---------- from arguments ---------- */

/*
 * Takes the names out of 'fc1', nn.Linear(8, 8), ... behind the parameters before them, and gives them to the
 * values.
 */
static bool
take_names(PtArena *arena, const PtConstructors *c, const PtConstructor *row, const PtGiven **given,
		   int *n, PtError *err)
{
	PtGiven *left;
	int first = 0, count = 0;
	char what[MAX_WHAT];

	while (row->params[first].name != NULL && row->params[first].type != PT_ARG_NAMED_OBJECTS)
		first++;
	if (row->params[first].name == NULL)
		return true;
	left = pt_arena_alloc(arena, (size_t) *n * sizeof(PtGiven) + 1);
	if (left == NULL)
		return pt_fail_memory(err, (size_t) *n * sizeof(PtGiven));
	for (int i = 0; i < *n; i++)
	{
		const PtGiven *g = &(*given)[i];

		if (i >= first && g->name == NULL)
		{
			if (g->value.kind != PT_VALUE_WORD || i + 1 == *n || g[1].name != NULL ||
				g[1].value.kind != PT_VALUE_OBJECT)
			{
				pt_fail(err, PT_EINVAL, "%s takes %ss each after its name", full_name(c, row, what),
						c->type);
				return pt_hint(err, "For example %s(..., 'first', %s).", what, c->example);
			}
			g[1].value.objects[0]->name = g->value.word;
			i++;
		}
		left[count++] = (*given)[i];
	}
	*given = left;
	*n = count;
	return true;
}

/* All of a value but what is the outermost's. */
static PtObject *
make(PtArena *arena, const PtConstructors *c, const PtConstructor *row, const PtGiven *given, int n,
	 PtError *err)
{
	PtObject *o = pt_arena_alloc(arena, c->size);
	char what[MAX_WHAT];

	if (o == NULL)
	{
		pt_fail_memory(err, c->size);
		return NULL;
	}
	o->type = row;
	o->of = c;
	if (!take_names(arena, c, row, &given, &n, err))
		return NULL;
	o->args = pt_args_bind(arena, full_name(c, row, what), row->params, given, n, err);
	return o->args != NULL && c->make(arena, o, err) ? o : NULL;
}

static PtObject *
finish(PtArena *arena, PtObject *o, PtError *err)
{
	return o == NULL || o->of->finish == NULL || o->of->finish(arena, o, err) ? o : NULL;
}

PtObject *
pt_constructor_call(PtArena *arena, const PtConstructors *c, const PtConstructor *row,
					const PtGiven *given, int ngiven, PtError *err)
{
	return finish(arena, make(arena, c, row, given, ngiven, err), err);
}

/* ---------- from text ---------- */

static PtObject *from_expr(PtArena *arena, const PtConstructors *c, const PtExpr *e, PtError *err);

/* Is this a call that must be a value of the type, rather than arithmetic like float('inf')? */
static bool
is_call(const PtConstructors *c, const PtExpr *e)
{
	return e->kind == PT_EXPR_CALL && e->args[0]->kind == PT_EXPR_NAME &&
		   (behind_prefix(c, e->args[0]->text) != NULL ||
			pt_constructor_find(c, e->args[0]->text) != NULL);
}

/* One value, or (a list) all of them. */
static bool
objects(PtArena *arena, const PtConstructors *c, PtExpr *const *e, int n, PtValue *out,
		PtError *err)
{
	PtObject **list = pt_arena_alloc(arena, (size_t) n * sizeof(*list));

	if (list == NULL)
		return pt_fail_memory(err, (size_t) n * sizeof(*list));
	for (int i = 0; i < n; i++)
		if ((list[i] = from_expr(arena, c, e[i], err)) == NULL)
			return false;
	out->count = n;
	out->objects = list;
	return true;
}

static bool
argument(PtArena *arena, const PtConstructors *c, PtExpr *e, PtValue *out, PtError *err)
{
	if (is_call(c, e))
	{
		out->kind = PT_VALUE_OBJECT;
		return objects(arena, c, &e, 1, out, err);
	}
	if (e->kind == PT_EXPR_LIST && e->nargs > 0 && is_call(c, e->args[0]))
	{
		out->kind = PT_VALUE_OBJECTS;
		return objects(arena, c, e->args, e->nargs, out, err);
	}
	return pt_expr_constant(arena, e, out, err);
}

static PtObject *
from_expr(PtArena *arena, const PtConstructors *c, const PtExpr *e, PtError *err)
{
	const PtConstructor *row;
	PtGiven *given;
	int n = e->nargs - 1;

	if (e->kind != PT_EXPR_CALL || e->args[0]->kind != PT_EXPR_NAME)
	{
		pt_fail(err, PT_ESYNTAX, "%s must be a call", c->one);
		pt_hint(err, "For example %s.", c->example);
		return NULL;
	}
	if ((row = find_row(c, e->args[0]->text, err)) == NULL)
		return NULL;
	if ((given = pt_arena_alloc(arena, (size_t) n * sizeof(PtGiven) + 1)) == NULL)
	{
		pt_fail_memory(err, (size_t) n * sizeof(PtGiven));
		return NULL;
	}
	for (int i = 0; i < n; i++)
	{
		given[i].name = e->keywords[i + 1];
		if (!argument(arena, c, e->args[i + 1], &given[i].value, err))
			return NULL;
	}
	return make(arena, c, row, given, n, err);
}

PtObject *
pt_constructor_parse(PtArena *arena, const PtConstructors *c, const char *text, PtError *err)
{
	PtExpr *e = pt_expr_parse(arena, text, err);

	return e != NULL ? finish(arena, from_expr(arena, c, e, err), err) : NULL;
}

/* ---------- to text ---------- */

static bool print(PtBuffer *b, const PtObject *o, PtError *err);

/* Values one after the other, each after its name if it has one. */
static bool
print_objects(PtBuffer *b, const PtValue *v, PtError *err)
{
	for (int i = 0; i < v->count; i++)
	{
		pt_buffer_add(b, i > 0 ? ", " : "");
		if (v->objects[i]->name != NULL)
		{
			pt_value_print(b, &(PtValue){PT_VALUE_WORD, 0, {.word = v->objects[i]->name}});
			pt_buffer_add(b, ", ");
		}
		if (!print(b, v->objects[i], err))
			return false;
	}
	return true;
}

/* Is it what binding nothing would give? */
static bool
is_default(PtArena *arena, const PtParam *p, const PtValue *v)
{
	const PtParam alone[2] = {*p, {NULL}};
	PtError err;
	PtArgs *init = p->required ? NULL : pt_args_bind(arena, "", alone, NULL, 0, &err);

	return init != NULL && pt_value_equal(v, &init->values[0]);
}

static bool
print(PtBuffer *b, const PtObject *o, PtError *err)
{
	const char *separator = "";

	pt_buffer_addf(b, "%s.%s(", o->of->schema, o->type->name);
	for (int i = 0; i < o->args->count; i++)
	{
		const PtParam *p = &o->args->params[i];
		const PtValue *v = &o->args->values[i];
		bool positional =
			p->required || p->type == PT_ARG_OBJECTS || p->type == PT_ARG_NAMED_OBJECTS;

		if (is_default(b->arena, p, v))
			continue;
		pt_buffer_add(b, separator);
		separator = ", ";
		if (!positional)
			pt_buffer_addf(b, "%s=", p->name);
		if (v->kind != PT_VALUE_OBJECT && v->kind != PT_VALUE_OBJECTS)
			pt_value_print(b, v);
		else
		{
			pt_buffer_add(b, p->type == PT_ARG_OBJECT_LIST ? "[" : "");
			if (!print_objects(b, v, err))
				return false;
			pt_buffer_add(b, p->type == PT_ARG_OBJECT_LIST ? "]" : "");
		}
	}
	pt_buffer_add(b, ")");
	return b->failed ? pt_fail_memory(err, b->used) : true;
}

char *
pt_object_print(PtArena *arena, const PtObject *o, PtError *err)
{
	PtBuffer b = {.arena = arena};

	return print(&b, o, err) ? b.text : NULL;
}
