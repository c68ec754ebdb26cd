/*
 * args.c
 *	  Binding given values to declared parameters: positions, names, defaults, types and ranges.
 *
 * One rule, one message: whatever calls in (Python text, SQL, the engine itself) gets the same errors.
 * What one parameter takes is in param.c.
 *
 * Memory:  the result and everything it points to that was not given lives in the caller's arena;
 *			lists and words that were given are pointed to, not copied.
 * Threads: any; nothing is shared.
 * Errors:  values.
 */
#include "engine/lang/args.h"

#include <string.h>

const PtValue *
pt_args_get(const PtArgs *args, const char *name)
{
	for (int i = 0; i < args->count; i++)
		if (strcmp(args->params[i].name, name) == 0)
			return &args->values[i];
	return NULL;
}

int64_t
pt_args_int(const PtArgs *args, const char *name)
{
	const PtValue *v = pt_args_get(args, name);

	if (v == NULL)
		return 0;
	return v->kind == PT_VALUE_INT ? v->integer : v->kind == PT_VALUE_BOOL ? v->boolean : 0;
}

double
pt_args_real(const PtArgs *args, const char *name)
{
	const PtValue *v = pt_args_get(args, name);

	if (v == NULL)
		return 0;
	return v->kind == PT_VALUE_REAL ? v->real : (double) pt_args_int(args, name);
}

bool
pt_args_bool(const PtArgs *args, const char *name)
{
	return pt_args_int(args, name) != 0;
}

const char *
pt_args_word(const PtArgs *args, const char *name)
{
	const PtValue *v = pt_args_get(args, name);

	return v != NULL && v->kind == PT_VALUE_WORD ? v->word : NULL;
}

bool
pt_args_is_none(const PtArgs *args, const char *name)
{
	const PtValue *v = pt_args_get(args, name);

	return v == NULL || v->kind == PT_VALUE_NONE;
}

/* ---------- the nearest name ---------- */

#define NEAREST_LENGTH 40

/* Levenshtein distance; names over NEAREST_LENGTH are far from everything. */
static int
edit_distance(const char *a, const char *b)
{
	size_t na = strlen(a);
	size_t nb = strlen(b);
	int row[NEAREST_LENGTH + 1];

	if (na > NEAREST_LENGTH || nb > NEAREST_LENGTH)
		return NEAREST_LENGTH;
	for (size_t j = 0; j <= nb; j++)
		row[j] = (int) j;
	for (size_t i = 1; i <= na; i++)
	{
		int diagonal = row[0];

		row[0] = (int) i;
		for (size_t j = 1; j <= nb; j++)
		{
			int change = diagonal + (a[i - 1] != b[j - 1]);
			int best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;

			diagonal = row[j];
			row[j] = change < best ? change : best;
		}
	}
	return row[nb];
}

const char *
pt_nearest(const char *name, const char *const *names, int count)
{
	const char *nearest = NULL;
	int best = 1 + (int) strlen(name) / 3; /* the more letters, the more typing errors */

	for (int i = 0; i < count; i++)
	{
		int d = edit_distance(name, names[i]);

		if (d < best || (d == best && nearest == NULL))
		{
			best = d;
			nearest = names[i];
		}
	}
	return nearest;
}

/* ---------- binding ---------- */

static int
find_param(const PtParam *params, const char *name)
{
	for (int i = 0; params[i].name != NULL; i++)
		if (strcmp(params[i].name, name) == 0)
			return i;
	return -1;
}

static bool
fail_unknown(const char *what, const PtParam *params, const char *name, PtError *err)
{
	const char *names[PT_MAX_ARGS];
	const char *nearest;
	int n = 0;

	for (; n < PT_MAX_ARGS && params[n].name != NULL; n++)
		names[n] = params[n].name;
	nearest = pt_nearest(name, names, n);
	pt_fail(err, PT_ENAME, "%s has no argument \"%.64s\"", what, name);
	return nearest ? pt_hint(err, "Perhaps you meant \"%s\".", nearest) : false;
}

/* The objects given by position from given[0] on, as one list. */
static bool
gather(PtArena *arena, const char *what, const PtParam *p, const PtGiven *given, int n, PtValue *v,
	   PtError *err)
{
	struct PtObject **list = pt_arena_alloc(arena, (size_t) n * sizeof(*list) + 1);

	if (list == NULL)
		return pt_fail_memory(err, (size_t) n * sizeof(*list));
	for (int i = 0; i < n; i++)
	{
		PtValue one = given[i].value;

		if (one.kind != PT_VALUE_OBJECT)
			return pt_param_convert(arena, what, &(PtParam){p->name, PT_ARG_OBJECT, .of = p->of},
									&one, err);
		list[i] = one.objects[0];
	}
	*v = (PtValue){PT_VALUE_OBJECTS, n, {.objects = list}};
	return true;
}

/* The ints given by position from given[0] on, if there are several, as one list. */
static bool
gather_sizes(PtArena *arena, const char *what, const PtParam *p, const PtGiven *given, int n,
			 PtValue *v, PtError *err)
{
	int64_t *list = pt_arena_alloc(arena, (size_t) n * sizeof(int64_t));

	if (list == NULL)
		return pt_fail_memory(err, (size_t) n * sizeof(int64_t));
	for (int i = 0; i < n; i++)
	{
		if (given[i].value.kind != PT_VALUE_INT)
			return pt_fail(err, PT_ETYPE,
						   "argument \"%s\" of %s must be integers or one list, not %s too",
						   p->name, what, pt_value_kind(&given[i].value));
		list[i] = given[i].value.integer;
	}
	*v = pt_value_ints(list, n);
	return true;
}

PtArgs *
pt_args_bind(PtArena *arena, const char *what, const PtParam *params, const PtGiven *given,
			 int ngiven, PtError *err)
{
	PtArgs *args;
	int count = 0;
	int positional = 0;
	bool set[PT_MAX_ARGS] = {false};

	while (params[count].name != NULL)
		count++;
	if (count > PT_MAX_ARGS)
	{
		pt_fail(err, PT_EINTERNAL, "%s declares too many parameters", what);
		return NULL;
	}
	args = pt_arena_alloc(arena, sizeof(PtArgs) + (size_t) count * sizeof(PtValue));
	if (args == NULL)
	{
		pt_fail_memory(err, sizeof(PtArgs));
		return NULL;
	}
	args->params = params;
	args->count = count;
	args->values = (PtValue *) (args + 1);

	while (positional < ngiven && given[positional].name == NULL)
		positional++;
	for (int i = 0; i < positional; i++)
	{
		if (i >= count)
		{
			pt_fail(err, PT_EINVAL, "%s takes at most %d argument%s, not %d", what, count,
					count == 1 ? "" : "s", positional);
			return NULL;
		}
		if (params[i].keyword)
		{
			pt_fail(err, PT_EINVAL, "argument \"%s\" of %s must be given by name", params[i].name,
					what);
			pt_hint(err, "Write \"%s=\" before the value.", params[i].name);
			return NULL;
		}
		set[i] = true;
		if (params[i].type == PT_ARG_OBJECTS || params[i].type == PT_ARG_NAMED_OBJECTS)
		{
			if (!gather(arena, what, &params[i], given + i, positional - i, &args->values[i], err))
				return NULL;
			break;
		}
		if (params[i].type == PT_ARG_SIZES && i + 1 < positional)
		{
			if (!gather_sizes(arena, what, &params[i], given + i, positional - i, &args->values[i],
							  err))
				return NULL;
			break;
		}
		args->values[i] = given[i].value;
	}
	for (int i = positional; i < ngiven; i++)
	{
		int at = given[i].name ? find_param(params, given[i].name) : -1;

		if (given[i].name == NULL)
		{
			pt_fail(err, PT_EINVAL, "%s: a positional argument follows one by name", what);
			return NULL;
		}
		if (at < 0)
		{
			fail_unknown(what, params, given[i].name, err);
			return NULL;
		}
		if (set[at])
		{
			pt_fail(err, PT_EINVAL, "argument \"%s\" of %s is given twice", params[at].name, what);
			return NULL;
		}
		set[at] = true;
		args->values[at] = given[i].value;
	}
	for (int i = 0; i < count; i++)
	{
		if (set[i] ? !pt_param_convert(arena, what, &params[i], &args->values[i], err)
				   : !pt_param_default(arena, what, &params[i], &args->values[i], err))
			return NULL;
	}
	return args;
}
