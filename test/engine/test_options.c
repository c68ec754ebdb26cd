/*
 * test_options.c
 *	  The table of a training's options: what all that is generated from it takes for granted.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engine/check.h"
#include "engine/train/options.h"

static bool
is_number(const PtOption *o)
{
	return o->kind == PT_OPTION_INT || o->kind == PT_OPTION_LONG || o->kind == PT_OPTION_REAL;
}

/* Names are there once; defaults can be read and are within the bounds; what must be given comes first, as SQL wants it. */
static void
test_rows(void)
{
	bool optional = false;

	for (const PtOption *o = pt_options; o->name != NULL; o++)
	{
		PtError err;

		for (const PtOption *other = pt_options; other < o; other++)
			CHECK(strcmp(o->name, other->name) != 0, "%s is there twice", o->name);
		CHECK(o->init != NULL || !optional, "%s must be given, but stands after what need not",
			  o->name);
		optional |= o->init != NULL;
		if (o->init == NULL || pt_option_is_nullable(o))
			continue;
		if (is_number(o))
		{
			char *end;
			double init = strtod(o->init, &end);

			CHECK(*end == '\0' && pt_option_check(o, init, &err), "%s: default %s", o->name,
				  o->init);
		}
		if (o->kind == PT_OPTION_BOOL)
			CHECK(strcmp(o->init, "True") == 0 || strcmp(o->init, "False") == 0, "%s: default %s",
				  o->name, o->init);
	}
	CHECK(optional, "no rows");
}

/* Structs have 0 for None: no number that may be None may be 0 as well, and no boolean None. */
static void
test_none(void)
{
	int n = 0;

	for (const PtOption *o = pt_options; o->name != NULL; o++)
	{
		PtError err;

		if (!pt_option_is_nullable(o))
			continue;
		CHECK(o->kind != PT_OPTION_BOOL, "%s: None or False", o->name);
		CHECK(!is_number(o) || !pt_option_check(o, 0, &err), "%s: None or 0", o->name);
		n += is_number(o);
	}
	CHECK(n > 0, "no number may be None");
}

/* A row with bounds of this test's, and what is said of a value: NULL if it is taken. */
static void
say(PtOption o, double value, const char *want)
{
	PtError err;
	bool ok = pt_option_check(&o, value, &err);

	CHECK(ok == (want == NULL) && (ok || (strcmp(err.message, want) == 0 && err.code == PT_EINVAL)),
		  "%g: %s, wanted %s", value, ok ? "nothing" : err.message, want ? want : "nothing");
	if (!ok)
		CHECK(strcmp(err.hint, o.hint ? o.hint : "") == 0, "hint: %s", err.hint);
}

static void
test_bounds(void)
{
	PtOption integer = {"n", .kind = PT_OPTION_INT, .min = 1, .max = 1000000};
	PtOption real = {"x", .kind = PT_OPTION_REAL, .max = INFINITY, .open = true, .hint = "Think."};
	PtOption part = {"p", .kind = PT_OPTION_REAL, .max = 0.5, .open = true};
	PtOption any = {"s", .kind = PT_OPTION_LONG, .min = -INFINITY, .max = INFINITY};

	say(integer, 1, NULL);
	say(integer, 1000000, NULL);
	say(integer, 0, "argument \"n\" must be at least 1, not 0");
	say(integer, -2147483648.0, "argument \"n\" must be at least 1, not -2147483648");
	say(integer, 2147483647, "argument \"n\" must be at most 1000000, not 2147483647");
	say(real, 1e-300, NULL);
	say(real, INFINITY, NULL);
	say(real, 0, "argument \"x\" must be greater than 0, not 0");
	say(real, NAN, "argument \"x\" must be greater than 0, not NaN");
	say(real, -INFINITY, "argument \"x\" must be greater than 0, not -Infinity");
	say(part, 0.25, NULL);
	say(part, 0.5, "argument \"p\" must be less than 0.5, not 0.5");
	say(any, 0, NULL);
	say(any, -9e18, NULL);
}

int
main(void)
{
	test_rows();
	test_none();
	test_bounds();
	return check_done();
}
