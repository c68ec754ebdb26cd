/*
 * train_args.c
 *	  The arguments of a training, from SQL to the worker and into the history.
 */
#include "postgres.h"

#include "job/train_args.h"

#include <math.h>

#include "common/shortest_dec.h"
#include "engine/graph/graph.h"
#include "utils/json.h"

/* Members, in the order of pt_options. */
static const struct
{
	size_t offset, size;
} members[] = {
#define PT_TEXT(kind, name, ...) {offsetof(PgtTrainArgs, name), sizeof(PT_MEMBER_##kind)},
#define PT_JOB(kind, name, ...) {offsetof(PgtTrainArgs, name), sizeof(PT_MEMBER_##kind)},
#define PT_FIT(kind, name, ...) {offsetof(PgtTrainArgs, options.name), sizeof(PT_MEMBER_##kind)},
#include "engine/train/options.def"
};

void *
pgt_train_arg(PgtTrainArgs *args, int i)
{
	return (char *) args + members[i].offset;
}

static const void *
value_of(const PgtTrainArgs *args, int i)
{
	return (const char *) args + members[i].offset;
}

/* ---------- JSON ---------- */

/* None is all bits 0, of every kind. */
static bool
is_none(const PgtTrainArgs *args, int i)
{
	static const PtNames zeros;

	return pt_option_is_nullable(&pt_options[i]) &&
		   memcmp(value_of(args, i), &zeros, members[i].size) == 0;
}

static void
print_names(const PtNames *names, StringInfo json)
{
	for (int i = 0; i < names->count; i++)
	{
		appendStringInfoString(json, i > 0 ? ", " : "[");
		escape_json(json, names->names[i]);
	}
	appendStringInfoChar(json, ']');
}

static void
print_value(const PtOption *o, const void *value, StringInfo json)
{
	char number[DOUBLE_SHORTEST_DECIMAL_LEN];
	double real;

	switch (o->kind)
	{
		case PT_OPTION_INT:
		case PT_OPTION_LONG:
			appendStringInfo(json, "%lld", (long long) *(const int64_t *) value);
			break;
		case PT_OPTION_REAL:
			real = *(const double *) value;
			/* exactly, whatever extra_float_digits says; JSON has no numbers for what is not finite */
			double_to_shortest_decimal_buf(real, number);
			appendStringInfo(json, isfinite(real) ? "%s" : "\"%s\"", number);
			break;
		case PT_OPTION_BOOL:
			appendStringInfoString(json, *(const bool *) value ? "true" : "false");
			break;
		case PT_OPTION_AUTOCAST:
			escape_json(json, pt_dtype_name(pt_autocast_dtype(*(const PtAutocast *) value)));
			break;
		case PT_OPTION_TEXT:
		case PT_OPTION_MODULE:
		case PT_OPTION_OPTIMIZER:
		case PT_OPTION_SCHEDULER:
			escape_json(json, *(const char *const *) value);
			break;
		case PT_OPTION_NAMES:
			print_names(value, json);
			break;
	}
}

void
pgt_train_args_print(const PgtTrainArgs *args, StringInfo json)
{
	for (int i = 0; pt_options[i].name != NULL; i++)
	{
		const PtOption *o = &pt_options[i];

		if (o->scope == PT_OPTION_OF_RUN || is_none(args, i))
			continue;
		appendStringInfoString(json, ", ");
		escape_json(json, o->name);
		appendStringInfoString(json, ": ");
		print_value(o, value_of(args, i), json);
	}
}

/* ---------- copies ---------- */

/* "+" and a text; "-": there is none, or no more. */
static void
put_text(StringInfo texts, const char *text)
{
	appendStringInfoChar(texts, text ? '+' : '-');
	if (text != NULL)
		appendBinaryStringInfo(texts, text, strlen(text) + 1);
}

static const char *
next_text(const char **texts)
{
	const char *text = *texts + 1;

	if (**texts == '-')
	{
		*texts += 1;
		return NULL;
	}
	*texts = text + strlen(text) + 1;
	return text;
}

static bool
is_text(const PtOption *o)
{
	return o->kind == PT_OPTION_TEXT || o->kind == PT_OPTION_MODULE ||
		   o->kind == PT_OPTION_OPTIMIZER || o->kind == PT_OPTION_SCHEDULER;
}

void
pgt_train_args_pack(const PgtTrainArgs *args, StringInfo texts)
{
	for (int i = 0; pt_options[i].name != NULL; i++)
		if (is_text(&pt_options[i]))
			put_text(texts, *(const char *const *) value_of(args, i));
		else if (pt_options[i].kind == PT_OPTION_NAMES)
		{
			const PtNames *names = value_of(args, i);

			for (int j = 0; j < names->count; j++)
				put_text(texts, names->names[j]);
			put_text(texts, NULL);
		}
}

void
pgt_train_args_unpack(PgtTrainArgs *args, const char *texts)
{
	for (int i = 0; pt_options[i].name != NULL; i++)
		if (is_text(&pt_options[i]))
			*(const char **) pgt_train_arg(args, i) = next_text(&texts);
		else if (pt_options[i].kind == PT_OPTION_NAMES)
		{
			PtNames *names = pgt_train_arg(args, i);

			names->names = palloc(sizeof(char *) * (names->count + 1));
			for (int j = 0; j <= names->count; j++)
				names->names[j] = next_text(&texts);
		}
}
