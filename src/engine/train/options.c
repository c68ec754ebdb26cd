/*
 * options.c
 *	  The table of a training's options.
 */
#include "engine/train/options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define REQUIRED NULL
#define ANY -INFINITY, INFINITY, false
#define AT_LEAST(a) a, INFINITY, false
#define ABOVE(a) a, INFINITY, true
#define WITHIN(a, b) a, b, false

/* the rest of a row: bounds, which are three members, and hint */
#define ROW(scope, kind, name, init, ...) \
	{#name, PT_OPTION_OF_##scope, PT_OPTION_##kind, init, __VA_ARGS__},

const PtOption pt_options[] = {
#define PT_TEXT(...) ROW(RUN, __VA_ARGS__)
#define PT_JOB(...) ROW(JOB, __VA_ARGS__)
#define PT_FIT(...) ROW(FIT, __VA_ARGS__)
#include "engine/train/options.def"
	{0}};

bool
pt_option_is_nullable(const PtOption *option)
{
	return option->init != NULL && strcmp(option->init, "None") == 0;
}

static const char *
print(const PtOption *o, double value, char *text, size_t size)
{
	if (isnan(value))
		return "NaN";
	if (isinf(value))
		return value > 0 ? "Infinity" : "-Infinity";
	snprintf(text, size, o->kind == PT_OPTION_REAL ? "%g" : "%.0f", value);
	return text;
}

/* NaN is within no bounds. */
bool
pt_option_check(const PtOption *o, double value, PtError *err)
{
	bool low = o->open ? value > o->min : value >= o->min;
	bool high = o->open && !isinf(o->max) ? value < o->max : value <= o->max;
	char text[32], bound[32];

	if ((low && high) || (isinf(o->min) && isinf(o->max)))
		return true;
	pt_fail(err, PT_EINVAL, "argument \"%s\" must be %s %s, not %s", o->name,
			o->open ? (low ? "less than" : "greater than") : (low ? "at most" : "at least"),
			print(o, low ? o->max : o->min, bound, sizeof(bound)),
			print(o, value, text, sizeof(text)));
	return o->hint ? pt_hint(err, "%s", o->hint) : false;
}
