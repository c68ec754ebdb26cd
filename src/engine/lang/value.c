/*
 * value.c
 *	  What is asked of values, and how Python spells them.
 *
 * Memory:  printed text grows in the caller's arena.
 * Threads: any; nothing is shared.
 */
#include "engine/lang/value.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/lang/object.h"

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
		case PT_VALUE_OBJECT:
			return v->objects[0]->of->one;
		case PT_VALUE_OBJECTS:
			return v->count > 0 ? v->objects[0]->of->several : "an empty list";
	}
	return "something else";
}

bool
pt_value_element(const PtValue *v, int i, PtValue *out)
{
	if (v->kind == PT_VALUE_TUPLE)
		*out = v->tuple->values[i];
	else if (v->kind == PT_VALUE_TENSORS)
		*out = (PtValue){PT_VALUE_TENSOR, 0, {.tensor = v->tensors[i]}};
	else if (v->kind == PT_VALUE_INTS)
		*out = pt_value_int(v->ints[i]);
	else if (v->kind == PT_VALUE_REALS)
		*out = pt_value_real(v->reals[i]);
	else
		return false;
	return true;
}

bool
pt_value_equal(const PtValue *a, const PtValue *b)
{
	if (a->kind != b->kind)
		return false;
	switch (a->kind)
	{
		case PT_VALUE_NONE:
			return true;
		case PT_VALUE_BOOL:
			return a->boolean == b->boolean;
		case PT_VALUE_INT:
			return a->integer == b->integer;
		case PT_VALUE_REAL:
			return memcmp(&a->real, &b->real, sizeof(double)) == 0;
		case PT_VALUE_INTS:
			return a->count == b->count &&
				   (a->count == 0 ||
					memcmp(a->ints, b->ints, (size_t) a->count * sizeof(int64_t)) == 0);
		case PT_VALUE_REALS:
			return a->count == b->count &&
				   (a->count == 0 ||
					memcmp(a->reals, b->reals, (size_t) a->count * sizeof(double)) == 0);
		case PT_VALUE_WORD:
			return strcmp(a->word, b->word) == 0;
		case PT_VALUE_DTYPE:
			return a->dtype == b->dtype;
		case PT_VALUE_TENSOR:
			return a->tensor == b->tensor;
		case PT_VALUE_OBJECTS:
			return a->count == 0 && b->count == 0;
		case PT_VALUE_TENSORS:
		case PT_VALUE_TUPLE:
		case PT_VALUE_OBJECT:
			break;
	}
	return false;
}

/* ---------- spelling ---------- */

char *
pt_real_print(double x, char *buf)
{
	char digits[PT_REAL_TEXT];
	int precision = 1;
	int exponent;
	char *e;

	if (!isfinite(x))
		return strcpy(buf, isnan(x) ? "nan" : x < 0 ? "-inf" : "inf");
	/* the fewest digits that read back; 17 always do */
	do
		snprintf(digits, sizeof(digits), "%.*e", precision - 1, x);
	while (strtod(digits, NULL) != x && ++precision <= 17);
	e = strchr(digits, 'e');
	exponent = atoi(e + 1);
	if (exponent < -4 || exponent >= 16)
		return strcpy(buf, digits); /* C's exponent has two digits at least, as Python's has */
	snprintf(buf, PT_REAL_TEXT, "%.*f", precision - 1 - exponent > 1 ? precision - 1 - exponent : 1,
			 x);
	return buf;
}

char *
pt_integer_print(int64_t x, char *buf)
{
	snprintf(buf, PT_REAL_TEXT, "%lld", (long long) x);
	return buf;
}

char *
pt_number_print(double x, char *buf)
{
	if (x == floor(x) && fabs(x) < 1e16)
		return pt_integer_print((int64_t) x, buf);
	return pt_real_print(x, buf);
}

/* Python's quotes: ' unless the text has some and no ". */
static void
print_string(PtBuffer *b, const char *s)
{
	char quote = strchr(s, '\'') != NULL && strchr(s, '"') == NULL ? '"' : '\'';

	pt_buffer_addf(b, "%c", quote);
	for (; *s != '\0'; s++)
	{
		if (*s == quote || *s == '\\')
			pt_buffer_addf(b, "\\%c", *s);
		else if (*s == '\n' || *s == '\t' || *s == '\r')
			pt_buffer_add(b, *s == '\n' ? "\\n" : *s == '\t' ? "\\t" : "\\r");
		else
			pt_buffer_addf(b, "%c", *s);
	}
	pt_buffer_addf(b, "%c", quote);
}

static void
print_real(PtBuffer *b, double x)
{
	char text[PT_REAL_TEXT];

	pt_buffer_addf(b, isfinite(x) ? "%s" : "float('%s')", pt_real_print(x, text));
}

void
pt_value_print(PtBuffer *b, const PtValue *v)
{
	switch (v->kind)
	{
		case PT_VALUE_NONE:
			pt_buffer_add(b, "None");
			break;
		case PT_VALUE_BOOL:
			pt_buffer_add(b, v->boolean ? "True" : "False");
			break;
		case PT_VALUE_INT:
			pt_buffer_addf(b, "%lld", (long long) v->integer);
			break;
		case PT_VALUE_REAL:
			print_real(b, v->real);
			break;
		case PT_VALUE_INTS:
		case PT_VALUE_REALS:
			if (v->kind == PT_VALUE_INTS && v->count == 1)
			{
				pt_buffer_addf(b, "%lld", (long long) v->ints[0]); /* an int will do */
				break;
			}
			pt_buffer_add(b, "(");
			for (int i = 0; i < v->count; i++)
			{
				if (i > 0)
					pt_buffer_add(b, ", ");
				if (v->kind == PT_VALUE_INTS)
					pt_buffer_addf(b, "%lld", (long long) v->ints[i]);
				else
					print_real(b, v->reals[i]);
			}
			pt_buffer_add(b, v->count == 1 ? ",)" : ")");
			break;
		case PT_VALUE_TUPLE:
			for (int i = 0; i < v->count; i++)
			{
				pt_buffer_add(b, i > 0 ? ", " : "(");
				pt_value_print(b, &v->tuple->values[i]);
			}
			pt_buffer_add(b, v->count == 1 ? ",)" : ")");
			break;
		case PT_VALUE_WORD:
			print_string(b, v->word);
			break;
		case PT_VALUE_DTYPE:
			pt_buffer_addf(b, "torch.%s", pt_dtype_name(v->dtype));
			break;
		case PT_VALUE_TENSOR:
		case PT_VALUE_TENSORS:
		case PT_VALUE_OBJECT:
		case PT_VALUE_OBJECTS:
			break; /* have no spelling of their own */
	}
}
