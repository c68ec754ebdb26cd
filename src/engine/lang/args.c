/*
 * args.c
 *	  Binding given values to declared parameters: positions, names, defaults, types and ranges.
 *
 * One rule, one message: whatever calls in (Python text, SQL, the engine itself) gets the same errors.
 * Conversions are those that lose nothing: an int is a real too, a single int is a list of one,
 * 0 and 1 are booleans.
 *
 * Memory:  the result and everything it points to that was not given lives in the caller's arena;
 *			lists and words that were given are pointed to, not copied.
 * Threads: any; nothing is shared.
 * Errors:  values.
 */
#include "engine/lang/args.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/lang/fold.h"

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

bool
pt_value_element(const PtValue *v, int i, PtValue *out)
{
	if (v->kind == PT_VALUE_TUPLE)
		*out = v->tuple->values[i];
	else if (v->kind == PT_VALUE_TENSORS)
		*out = (PtValue){PT_VALUE_TENSOR, 0, {.tensor = v->tensors[i]}};
	else if (v->kind == PT_VALUE_INTS)
		*out = (PtValue){PT_VALUE_INT, 0, {.integer = v->ints[i]}};
	else if (v->kind == PT_VALUE_REALS)
		*out = (PtValue){PT_VALUE_REAL, 0, {.real = v->reals[i]}};
	else
		return false;
	return true;
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

/* ---------- one value ---------- */

static const char *
type_name(PtArgType type)
{
	switch (type)
	{
		case PT_ARG_TENSOR:
			return "a tensor";
		case PT_ARG_TENSORS:
			return "a list of tensors";
		case PT_ARG_NUMBER:
			return "a number";
		case PT_ARG_INT:
			return "an integer";
		case PT_ARG_INTS:
			return "an integer or a list of integers";
		case PT_ARG_REAL:
			return "a number";
		case PT_ARG_REALS:
			return "a list of numbers";
		case PT_ARG_BOOL:
			return "True or False";
		case PT_ARG_DTYPE:
			return "a dtype";
		case PT_ARG_WORD:
			return "a word";
		case PT_ARG_MODULE:
		case PT_ARG_MODULES:
		case PT_ARG_NAMED_MODULES:
			return "a module";
		case PT_ARG_SCHEDULERS:
			return "a list of schedulers";
	}
	return "something else";
}

const char *
pt_value_kind(const PtValue *v)
{
	switch (v->kind)
	{
		case PT_VALUE_NONE:
			return "None";
		case PT_VALUE_BOOL:
			return "a boolean";
		case PT_VALUE_INT:
			return "an integer";
		case PT_VALUE_REAL:
			return "a float";
		case PT_VALUE_INTS:
			return "a list of integers";
		case PT_VALUE_REALS:
			return "a list of floats";
		case PT_VALUE_WORD:
			return "a string";
		case PT_VALUE_DTYPE:
			return "a dtype";
		case PT_VALUE_TENSOR:
			return "a tensor";
		case PT_VALUE_TENSORS:
			return "a list of tensors";
		case PT_VALUE_TUPLE:
			return "a tuple";
		case PT_VALUE_MODULES:
			return "a module";
		case PT_VALUE_SCHEDULERS:
			return "a list of schedulers";
	}
	return "something else";
}

static bool
fail_type(const char *what, const PtParam *p, const PtValue *v, PtError *err)
{
	return pt_fail(err, PT_ETYPE, "argument \"%s\" of %s must be %s, not %s", p->name, what,
				   type_name(p->type), pt_value_kind(v));
}

static bool
fail_memory(size_t bytes, PtError *err)
{
	return pt_fail_memory(err, bytes);
}

/* min <= x <= max, or < with open bounds; NaN is never inside. */
static bool
check_range(const char *what, const PtParam *p, double x, PtError *err)
{
	char value[PT_REAL_TEXT];
	char bound[PT_REAL_TEXT];
	bool low = p->open ? x > p->min : x >= p->min;
	bool high = p->open ? x < p->max : x <= p->max;

	if (!p->bounded || (low && high))
		return true;
	if (p->type == PT_ARG_REAL || p->type == PT_ARG_REALS || p->type == PT_ARG_NUMBER)
		pt_real_print(x, value);
	else
		pt_integer_print((int64_t) x, value);
	pt_number_print(low ? p->max : p->min, bound);
	if (isinf(p->max) && (isinf(p->min) || (low && x > 0)))
		return pt_fail(err, PT_EINVAL, "argument \"%s\" of %s must be finite, not %s", p->name,
					   what, value);
	return pt_fail(err, PT_EINVAL, "argument \"%s\" of %s must be %s %s, not %s", p->name, what,
				   p->open ? (low ? "less than" : "greater than") : (low ? "at most" : "at least"),
				   bound, value);
}

static bool
check_word(const char *what, const PtParam *p, const PtValue *v, PtError *err)
{
	char words[256] = "";

	if (p->words == NULL)
		return true;
	for (int i = 0; p->words[i] != NULL; i++)
	{
		size_t used = strlen(words);

		if (strcmp(p->words[i], v->word) == 0)
			return true;
		snprintf(words + used, sizeof(words) - used, "%s\"%s\"",
				 i == 0			   ? ""
				 : p->words[i + 1] ? ", "
								   : " or ",
				 p->words[i]);
	}
	return pt_fail(err, PT_EINVAL, "argument \"%s\" of %s must be %s, not \"%.64s\"", p->name, what,
				   words, v->word);
}

/* A list of ints as a list of reals. */
static bool
widen(PtArena *arena, PtValue *v, PtError *err)
{
	double *reals = pt_arena_alloc(arena, (size_t) v->count * sizeof(double) + 1);

	if (reals == NULL)
		return fail_memory((size_t) v->count * sizeof(double), err);
	for (int i = 0; i < v->count; i++)
		reals[i] = (double) v->ints[i];
	v->kind = PT_VALUE_REALS;
	v->reals = reals;
	return true;
}

/* A tuple of tensors as a list of them. */
static bool
tensors_of_tuple(PtArena *arena, const char *what, const PtParam *p, PtValue *v, PtError *err)
{
	PtRef *list = pt_arena_alloc(arena, (size_t) v->count * sizeof(PtRef) + 1);

	if (list == NULL)
		return pt_fail_memory(err, (size_t) v->count * sizeof(PtRef));
	for (int i = 0; i < v->count; i++)
	{
		if (v->tuple->values[i].kind != PT_VALUE_TENSOR)
			return pt_fail(err, PT_ETYPE, "argument \"%s\" of %s must hold tensors only, not %s",
						   p->name, what, pt_value_kind(&v->tuple->values[i]));
		list[i] = v->tuple->values[i].tensor;
	}
	*v = (PtValue){PT_VALUE_TENSORS, v->count, {.tensors = list}};
	return true;
}

/* How many numbers a default text holds: "(0.9, 0.999)" has 2; 0 without a text. */
static int
fixed_length(const PtParam *p)
{
	int n = 0;

	if (p->text != NULL && p->text[1] != ')' && p->text[1] != ']')
	{
		n = 1;
		for (const char *s = p->text; *s != '\0'; s++)
			n += *s == ',' && s[1] != ')';
	}
	return n;
}

/* Converts *v to what the parameter wants, or says why it cannot be. */
static bool
convert(PtArena *arena, const char *what, const PtParam *p, PtValue *v, PtError *err)
{
	if (v->kind == PT_VALUE_NONE)
	{
		if (p->nullable || p->init_none)
			return true;
		return pt_fail(err, PT_ETYPE, "argument \"%s\" of %s must be %s, not None", p->name, what,
					   type_name(p->type));
	}
	switch (p->type)
	{
		case PT_ARG_TENSOR:
			if (v->kind == PT_VALUE_TENSOR || v->kind == PT_VALUE_INT || v->kind == PT_VALUE_REAL ||
				v->kind == PT_VALUE_BOOL)
				return true;
			break;
		case PT_ARG_TENSORS:
			if (v->kind == PT_VALUE_TUPLE)
				return tensors_of_tuple(arena, what, p, v, err);
			if (v->kind == PT_VALUE_TENSORS)
				return true;
			if (v->kind == PT_VALUE_INTS && v->count == 0)
			{
				*v = (PtValue){PT_VALUE_TENSORS, 0, {.tensors = NULL}};
				return true;
			}
			break;
		case PT_ARG_NUMBER:
			if (v->kind == PT_VALUE_BOOL)
				return true;
			if (v->kind == PT_VALUE_INT)
				return check_range(what, p, (double) v->integer, err);
			if (v->kind == PT_VALUE_REAL)
				return check_range(what, p, v->real, err);
			break;
		case PT_ARG_INT:
			if (v->kind == PT_VALUE_INT)
				return check_range(what, p, (double) v->integer, err);
			break;
		case PT_ARG_INTS:
			if (v->kind == PT_VALUE_INT)
			{
				int64_t *one = pt_arena_alloc(arena, sizeof(int64_t));

				if (one == NULL)
					return fail_memory(sizeof(int64_t), err);
				*one = v->integer;
				*v = (PtValue){PT_VALUE_INTS, 1, {.ints = one}};
			}
			if (v->kind == PT_VALUE_WORD && p->words != NULL)
				return check_word(what, p, v, err);
			if (v->kind != PT_VALUE_INTS)
				break;
			for (int i = 0; i < v->count; i++)
				if (!check_range(what, p, (double) v->ints[i], err))
					return false;
			return true;
		case PT_ARG_REAL:
			if (v->kind == PT_VALUE_INT)
				*v = (PtValue){PT_VALUE_REAL, 0, {.real = (double) v->integer}};
			if (v->kind == PT_VALUE_REAL)
				return check_range(what, p, v->real, err);
			break;
		case PT_ARG_REALS:
		{
			int want = fixed_length(p);

			if (v->kind == PT_VALUE_INTS && !widen(arena, v, err))
				return false;
			if (v->kind != PT_VALUE_REALS)
				break;
			if (want > 0 && v->count != want)
				return pt_fail(err, PT_EINVAL,
							   "argument \"%s\" of %s must have %d elements, not %d", p->name, what,
							   want, v->count);
			for (int i = 0; i < v->count; i++)
				if (!check_range(what, p, v->reals[i], err))
					return false;
			return true;
		}
		case PT_ARG_BOOL:
			if (v->kind == PT_VALUE_INT && (v->integer == 0 || v->integer == 1))
				*v = (PtValue){PT_VALUE_BOOL, 0, {.boolean = v->integer != 0}};
			if (v->kind == PT_VALUE_BOOL)
				return true;
			break;
		case PT_ARG_DTYPE:
			if (v->kind == PT_VALUE_WORD)
			{
				PtDtype dtype;

				if (!pt_dtype_parse(v->word, &dtype, err))
					return false;
				*v = (PtValue){PT_VALUE_DTYPE, 0, {.dtype = dtype}};
			}
			if (v->kind == PT_VALUE_DTYPE)
				return true;
			break;
		case PT_ARG_WORD:
			if (v->kind == PT_VALUE_WORD)
				return check_word(what, p, v, err);
			break;
		case PT_ARG_MODULE:
			if (v->kind == PT_VALUE_MODULES && v->count == 1)
				return true;
			break;
		case PT_ARG_MODULES:
		case PT_ARG_NAMED_MODULES:
			if (v->kind == PT_VALUE_MODULES)
				return true;
			break;
		case PT_ARG_SCHEDULERS:
			if (v->kind == PT_VALUE_SCHEDULERS)
				return true;
			break;
	}
	return fail_type(what, p, v, err);
}

/* "(0.9, 0.999)", "[]", "3": the numbers of a default text. */
static bool
text_numbers(PtArena *arena, const PtParam *p, PtValue *v, PtError *err)
{
	bool real = p->type == PT_ARG_REALS;
	int room = (int) strlen(p->text);
	int64_t *ints = pt_arena_alloc(arena, (size_t) room * sizeof(int64_t));
	double *reals = pt_arena_alloc(arena, (size_t) room * sizeof(double));
	const char *s = p->text;
	int n = 0;

	if (ints == NULL || reals == NULL)
		return fail_memory((size_t) room * sizeof(double), err);
	while (*s != '\0' && *s != ')' && *s != ']')
	{
		char *end;

		if (*s == '(' || *s == '[' || *s == ',' || *s == ' ')
		{
			s++;
			continue;
		}
		reals[n] = strtod(s, &end);
		ints[n] = strtoll(s, NULL, 10);
		if (end == s)
			return pt_fail(err, PT_EINTERNAL, "the default of parameter \"%s\" cannot be read",
						   p->name);
		s = end;
		n++;
	}
	v->count = n;
	v->kind = real ? PT_VALUE_REALS : PT_VALUE_INTS;
	if (real)
		v->reals = reals;
	else
		v->ints = ints;
	return true;
}

/* A word is written plainly, "mean", or as Python does, "'mean'". */
static const char *
text_word(PtArena *arena, const PtParam *p)
{
	size_t n = strlen(p->text);

	if (n < 2 || p->text[0] != '\'')
		return p->text;
	return pt_arena_strndup(arena, p->text + 1, n - 2);
}

static bool
fill_default(PtArena *arena, const char *what, const PtParam *p, PtValue *v, PtError *err)
{
	if (p->required)
		return pt_fail(err, PT_EINVAL, "%s is missing the argument \"%s\"", what, p->name);
	if (p->init_none)
	{
		v->kind = PT_VALUE_NONE;
		return true;
	}
	switch (p->type)
	{
		case PT_ARG_BOOL:
			*v = (PtValue){PT_VALUE_BOOL, 0, {.boolean = p->init != 0}};
			return true;
		case PT_ARG_INT:
			*v = (PtValue){PT_VALUE_INT, 0, {.integer = (int64_t) p->init}};
			return true;
		case PT_ARG_NUMBER:
			if (p->init == floor(p->init) && fabs(p->init) < 0x1p62)
				*v = (PtValue){PT_VALUE_INT, 0, {.integer = (int64_t) p->init}};
			else
				*v = (PtValue){PT_VALUE_REAL, 0, {.real = p->init}};
			return true;
		case PT_ARG_REAL:
			*v = (PtValue){PT_VALUE_REAL, 0, {.real = p->init}};
			return true;
		case PT_ARG_WORD:
		case PT_ARG_DTYPE:
			*v = (PtValue){PT_VALUE_WORD, 0, {.word = text_word(arena, p)}};
			return v->word ? convert(arena, what, p, v, err) : fail_memory(strlen(p->text), err);
		case PT_ARG_INTS:
			if (p->text == NULL)
			{
				*v = (PtValue){PT_VALUE_INT, 0, {.integer = (int64_t) p->init}};
				return convert(arena, what, p, v, err);
			}
			return text_numbers(arena, p, v, err);
		case PT_ARG_REALS:
			return text_numbers(arena, p, v, err);
		case PT_ARG_MODULES:
		case PT_ARG_NAMED_MODULES:
			*v = (PtValue){PT_VALUE_MODULES, 0, {.modules = NULL}};
			return true;
		case PT_ARG_TENSORS:
			*v = (PtValue){PT_VALUE_TENSORS, 0, {.tensors = NULL}};
			return true;
		case PT_ARG_TENSOR:
		case PT_ARG_MODULE:
		case PT_ARG_SCHEDULERS:
			break;
	}
	return pt_fail(err, PT_EINTERNAL, "parameter \"%s\" of %s has no default", p->name, what);
}

/* ---------- all of them ---------- */

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

/* The modules given by position from given[0] on, as one list. */
static bool
gather_modules(PtArena *arena, const char *what, const PtParam *p, const PtGiven *given, int n,
			   PtValue *v, PtError *err)
{
	struct PtModule **list;
	int count = 0;

	for (int i = 0; i < n; i++)
	{
		if (given[i].value.kind != PT_VALUE_MODULES)
			return fail_type(what, p, &given[i].value, err);
		count += given[i].value.count;
	}
	list = pt_arena_alloc(arena, (size_t) count * sizeof(*list) + 1);
	if (list == NULL)
		return fail_memory((size_t) count * sizeof(*list), err);
	*v = (PtValue){PT_VALUE_MODULES, count, {.modules = list}};
	for (int i = 0; i < n; i++)
		for (int j = 0; j < given[i].value.count; j++)
			*list++ = given[i].value.modules[j];
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
		fail_memory(sizeof(PtArgs), err);
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
		if (params[i].type == PT_ARG_MODULES || params[i].type == PT_ARG_NAMED_MODULES)
		{
			if (!gather_modules(arena, what, &params[i], given + i, positional - i,
								&args->values[i], err))
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
		if (set[i] ? !convert(arena, what, &params[i], &args->values[i], err)
				   : !fill_default(arena, what, &params[i], &args->values[i], err))
			return NULL;
	}
	return args;
}
