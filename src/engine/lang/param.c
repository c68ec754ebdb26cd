/*
 * param.c
 *	  One parameter: what it takes, and its default.
 *
 * Conversions are those that lose nothing: an int is a real too, a single int is a list of one,
 * 0 and 1 are booleans.  One rule, one message: whoever calls gets the same errors.
 *
 * Memory:  what a value comes to point to lives in the caller's arena.
 * Threads: any; nothing is shared.
 * Errors:  values.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/lang/object.h"

/* A value that is wanted, and by whom. */
typedef struct Want
{
	PtArena *arena;
	const char *what; /* the callee */
	const PtParam *param;
	PtError *err;
} Want;

static const char *type_name(const PtParam *p);

static bool
fail_type(const Want *w, const PtValue *v)
{
	return pt_fail(w->err, PT_ETYPE, "argument \"%s\" of %s must be %s, not %s", w->param->name,
				   w->what, type_name(w->param), pt_value_kind(v));
}

/* min <= x <= max, or < with open bounds; NaN is never inside. */
static bool
check_range(const Want *w, double x)
{
	const PtParam *p = w->param;
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
		return pt_fail(w->err, PT_EINVAL, "argument \"%s\" of %s must be finite, not %s", p->name,
					   w->what, value);
	return pt_fail(w->err, PT_EINVAL, "argument \"%s\" of %s must be %s %s, not %s", p->name,
				   w->what,
				   p->open ? (low ? "less than" : "greater than") : (low ? "at most" : "at least"),
				   bound, value);
}

static bool
check_word(const Want *w, const PtValue *v)
{
	const PtParam *p = w->param;
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
	return pt_fail(w->err, PT_EINVAL, "argument \"%s\" of %s must be %s, not \"%.64s\"", p->name,
				   w->what, words, v->word);
}

/* A list of ints as a list of reals. */
static bool
widen(PtArena *arena, PtValue *v, PtError *err)
{
	double *reals = pt_arena_alloc(arena, (size_t) v->count * sizeof(double) + 1);

	if (reals == NULL)
		return pt_fail_memory(err, (size_t) v->count * sizeof(double));
	for (int i = 0; i < v->count; i++)
		reals[i] = (double) v->ints[i];
	v->kind = PT_VALUE_REALS;
	v->reals = reals;
	return true;
}

/* ---------- conversions, one a type: *v becomes what the parameter wants, or err says why it cannot ---------- */

static bool
to_tensor(const Want *w, PtValue *v)
{
	return v->kind == PT_VALUE_TENSOR || pt_value_is_number(v) || fail_type(w, v);
}

static bool
to_tensors(const Want *w, PtValue *v)
{
	PtRef *list;

	if (v->kind == PT_VALUE_TENSORS)
		return true;
	if (v->kind != PT_VALUE_TUPLE && (v->kind != PT_VALUE_INTS || v->count > 0))
		return fail_type(w, v);
	list = pt_arena_alloc(w->arena, (size_t) v->count * sizeof(PtRef) + 1);
	if (list == NULL)
		return pt_fail_memory(w->err, (size_t) v->count * sizeof(PtRef));
	for (int i = 0; i < v->count; i++)
	{
		const PtValue *element = &v->tuple->values[i];

		if (element->kind != PT_VALUE_TENSOR)
			return pt_fail(w->err, PT_ETYPE, "argument \"%s\" of %s must hold tensors only, not %s",
						   w->param->name, w->what, pt_value_kind(element));
		list[i] = element->tensor;
	}
	*v = (PtValue){PT_VALUE_TENSORS, v->count, {.tensors = list}};
	return true;
}

static bool
to_number(const Want *w, PtValue *v)
{
	if (v->kind == PT_VALUE_BOOL)
		return true;
	if (v->kind != PT_VALUE_INT && v->kind != PT_VALUE_REAL)
		return fail_type(w, v);
	return check_range(w, v->kind == PT_VALUE_REAL ? v->real : (double) v->integer);
}

static bool
to_int(const Want *w, PtValue *v)
{
	return v->kind == PT_VALUE_INT ? check_range(w, (double) v->integer) : fail_type(w, v);
}

static bool
to_ints(const Want *w, PtValue *v)
{
	if (v->kind == PT_VALUE_WORD && w->param->words != NULL)
		return check_word(w, v);
	if (v->kind == PT_VALUE_INT)
	{
		int64_t *one = pt_arena_alloc(w->arena, sizeof(int64_t));

		if (one == NULL)
			return pt_fail_memory(w->err, sizeof(int64_t));
		*one = v->integer;
		*v = pt_value_ints(one, 1);
	}
	if (v->kind != PT_VALUE_INTS)
		return fail_type(w, v);
	for (int i = 0; i < v->count; i++)
		if (!check_range(w, (double) v->ints[i]))
			return false;
	return true;
}

static bool
to_real(const Want *w, PtValue *v)
{
	if (v->kind == PT_VALUE_INT)
		*v = pt_value_real((double) v->integer);
	return v->kind == PT_VALUE_REAL ? check_range(w, v->real) : fail_type(w, v);
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

static bool
to_reals(const Want *w, PtValue *v)
{
	int want = fixed_length(w->param);

	if (v->kind == PT_VALUE_INTS && !widen(w->arena, v, w->err))
		return false;
	if (v->kind != PT_VALUE_REALS)
		return fail_type(w, v);
	if (want > 0 && v->count != want)
		return pt_fail(w->err, PT_EINVAL, "argument \"%s\" of %s must have %d elements, not %d",
					   w->param->name, w->what, want, v->count);
	for (int i = 0; i < v->count; i++)
		if (!check_range(w, v->reals[i]))
			return false;
	return true;
}

static bool
to_bool(const Want *w, PtValue *v)
{
	if (v->kind == PT_VALUE_INT && (v->integer == 0 || v->integer == 1))
		*v = pt_value_bool(v->integer != 0);
	return v->kind == PT_VALUE_BOOL || fail_type(w, v);
}

static bool
to_dtype(const Want *w, PtValue *v)
{
	PtDtype dtype;

	if (v->kind != PT_VALUE_WORD)
		return v->kind == PT_VALUE_DTYPE || fail_type(w, v);
	if (!pt_dtype_parse(v->word, &dtype, w->err))
		return false;
	*v = pt_value_dtype(dtype);
	return true;
}

static bool
to_word(const Want *w, PtValue *v)
{
	return v->kind == PT_VALUE_WORD ? check_word(w, v) : fail_type(w, v);
}

static bool
to_object(const Want *w, PtValue *v)
{
	return v->kind == PT_VALUE_OBJECT || fail_type(w, v);
}

static bool
to_objects(const Want *w, PtValue *v)
{
	if (v->kind == PT_VALUE_OBJECT)
		v->kind = PT_VALUE_OBJECTS;
	return v->kind == PT_VALUE_OBJECTS || fail_type(w, v);
}

static bool
to_object_list(const Want *w, PtValue *v)
{
	return v->kind == PT_VALUE_OBJECTS || fail_type(w, v);
}

/* What a parameter's type is called (NULL: as its objects say), and how a value becomes one. */
static const struct
{
	const char *name;
	bool (*convert)(const Want *w, PtValue *v);
} types[] = {
	[PT_ARG_TENSOR] = {"a tensor", to_tensor},
	[PT_ARG_TENSORS] = {"a list of tensors", to_tensors},
	[PT_ARG_NUMBER] = {"a number", to_number},
	[PT_ARG_INT] = {"an integer", to_int},
	[PT_ARG_INTS] = {"an integer or a list of integers", to_ints},
	[PT_ARG_SIZES] = {"integers or a list of integers", to_ints},
	[PT_ARG_REAL] = {"a number", to_real},
	[PT_ARG_REALS] = {"a list of numbers", to_reals},
	[PT_ARG_BOOL] = {"True or False", to_bool},
	[PT_ARG_DTYPE] = {"a dtype", to_dtype},
	[PT_ARG_WORD] = {"a word", to_word},
	[PT_ARG_OBJECT] = {NULL, to_object},
	[PT_ARG_OBJECTS] = {NULL, to_objects},
	[PT_ARG_NAMED_OBJECTS] = {NULL, to_objects},
	[PT_ARG_OBJECT_LIST] = {NULL, to_object_list},
};

static const char *
type_name(const PtParam *p)
{
	if (types[p->type].name != NULL)
		return types[p->type].name;
	return p->type == PT_ARG_OBJECT ? p->of->one : p->of->several;
}

bool
pt_param_convert(PtArena *arena, const char *what, const PtParam *p, PtValue *v, PtError *err)
{
	const Want want = {arena, what, p, err};

	if (v->kind == PT_VALUE_NONE)
		return p->nullable || p->init_none || fail_type(&want, v);
	return types[p->type].convert(&want, v);
}

/* ---------- defaults ---------- */

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
		return pt_fail_memory(err, (size_t) room * sizeof(double));
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

bool
pt_param_default(PtArena *arena, const char *what, const PtParam *p, PtValue *v, PtError *err)
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
			*v = pt_value_bool(p->init != 0);
			return true;
		case PT_ARG_INT:
			*v = pt_value_int((int64_t) p->init);
			return true;
		case PT_ARG_NUMBER:
			if (p->init == floor(p->init) && fabs(p->init) < 0x1p62)
				*v = pt_value_int((int64_t) p->init);
			else
				*v = pt_value_real(p->init);
			return true;
		case PT_ARG_REAL:
			*v = pt_value_real(p->init);
			return true;
		case PT_ARG_WORD:
		case PT_ARG_DTYPE:
			*v = (PtValue){PT_VALUE_WORD, 0, {.word = text_word(arena, p)}};
			return v->word ? pt_param_convert(arena, what, p, v, err)
						   : pt_fail_memory(err, strlen(p->text));
		case PT_ARG_INTS:
			if (p->text == NULL)
			{
				*v = pt_value_int((int64_t) p->init);
				return pt_param_convert(arena, what, p, v, err);
			}
			return text_numbers(arena, p, v, err);
		case PT_ARG_REALS:
			return text_numbers(arena, p, v, err);
		case PT_ARG_OBJECTS:
		case PT_ARG_NAMED_OBJECTS:
			*v = (PtValue){PT_VALUE_OBJECTS, 0, {.objects = NULL}};
			return true;
		case PT_ARG_TENSORS:
			*v = (PtValue){PT_VALUE_TENSORS, 0, {.tensors = NULL}};
			return true;
		case PT_ARG_SIZES:
		case PT_ARG_TENSOR:
		case PT_ARG_OBJECT:
		case PT_ARG_OBJECT_LIST:
			break;
	}
	return pt_fail(err, PT_EINTERNAL, "parameter \"%s\" of %s has no default", p->name, what);
}
