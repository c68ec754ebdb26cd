/*
 * ints.c
 *	  Type torch.ints, and its casts from integers and their arrays.
 *
 * Text is read as users of Python or of arrays write it: '3', '(2, 3)', '[2, 3]', '{2,3}', or a word
 * such as 'same'.  What a word means is the parameter's business.
 */
#include "postgres.h"

#include "api/ints.h"

#include <ctype.h>

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "compat.h"

#define MAX_INTS 1024

static void fail_syntax(const char *text) pg_attribute_noreturn();

static void
fail_syntax(const char *text)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s: \"%s\"", "torch.ints", text),
			 errhint("Write an integer, or several as '{2,3}'.")));
}

static void
fail_size(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
			 errmsg("torch.ints holds %d integers at most", MAX_INTS)));
}

static const char *
skip_space(const char *s)
{
	while (isspace((unsigned char) *s))
		s++;
	return s;
}

/* Reads a value; ints has room for MAX_INTS.  Returns how many, -1: one without brackets, -2: a word. */
static int
read_ints(const char *text, int64 *ints)
{
	const char *s = skip_space(text);
	char closing = *s == '(' ? ')' : *s == '[' ? ']' : *s == '{' ? '}' : '\0';
	int n = 0;

	if (isalpha((unsigned char) *s))
	{
		while (isalnum((unsigned char) *s) || *s == '_')
			s++;
		if (*skip_space(s) != '\0')
			fail_syntax(text);
		return -2;
	}
	if (closing != '\0')
		s = skip_space(s + 1);
	while (closing == '\0' ? n == 0 : *s != closing)
	{
		char *end;

		if (n == MAX_INTS)
			fail_size();
		errno = 0;
		ints[n++] = strtoll(s, &end, 10);
		if (end == s)
			fail_syntax(text);
		if (errno == ERANGE)
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("value \"%s\" is out of range for type %s", text, "torch.ints")));
		s = skip_space(end);
		if (*s == ',' && closing != '\0')
			s = skip_space(s + 1);
		else if (*s != closing)
			fail_syntax(text);
	}
	if (closing != '\0')
		s++;
	if (*skip_space(s) != '\0')
		fail_syntax(text);
	return closing == '\0' ? -1 : n;
}

static text *
print_ints(const int64 *ints, int n)
{
	StringInfoData buf;

	initStringInfo(&buf);
	if (n == -1)
		appendStringInfo(&buf, INT64_FORMAT, ints[0]);
	else
	{
		appendStringInfoChar(&buf, '{');
		for (int i = 0; i < n; i++)
			appendStringInfo(&buf, "%s" INT64_FORMAT, i > 0 ? "," : "", ints[i]);
		appendStringInfoChar(&buf, '}');
	}
	return cstring_to_text_with_len(buf.data, buf.len);
}

static text *
canonical(const char *source)
{
	int64 *ints = palloc(MAX_INTS * sizeof(int64));
	int n = read_ints(source, ints);
	const char *s = skip_space(source);
	size_t length = strlen(s);

	if (n != -2)
		return print_ints(ints, n);
	while (isspace((unsigned char) s[length - 1]))
		length--;
	return cstring_to_text_with_len(s, length);
}

void
pgt_ints_value(Datum datum, PtArena *arena, PtValue *out)
{
	char *s = TextDatumGetCString(datum);
	int64 *ints = palloc(MAX_INTS * sizeof(int64));
	int n = read_ints(s, ints);
	void *kept = NULL;

	if (n == -1)
		*out = pt_value_int(ints[0]);
	else if (n == -2)
		*out = (PtValue){PT_VALUE_WORD, 0, {.word = kept = pt_arena_strdup(arena, s)}};
	else
	{
		kept = pt_arena_alloc(arena, n * sizeof(int64) + 1);
		*out = pt_value_ints(kept, n);
		if (kept != NULL)
			memcpy(kept, ints, n * sizeof(int64));
	}
	if (n != -1 && kept == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
}

PG_FUNCTION_INFO_V1(pgtorch_ints_in);
Datum
pgtorch_ints_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(canonical(PG_GETARG_CSTRING(0)));
}

PG_FUNCTION_INFO_V1(pgtorch_ints_recv);
Datum
pgtorch_ints_recv(PG_FUNCTION_ARGS)
{
	StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);
	int length;

	PG_RETURN_TEXT_P(canonical(pq_getmsgtext(buf, buf->len - buf->cursor, &length)));
}

/* integer or bigint -> torch.ints */
PG_FUNCTION_INFO_V1(pgtorch_ints_from_integer);
Datum
pgtorch_ints_from_integer(PG_FUNCTION_ARGS)
{
	int64 one = PG_GETARG_INT32(0);

	PG_RETURN_TEXT_P(print_ints(&one, -1));
}

PG_FUNCTION_INFO_V1(pgtorch_ints_from_bigint);
Datum
pgtorch_ints_from_bigint(PG_FUNCTION_ARGS)
{
	int64 one = PG_GETARG_INT64(0);

	PG_RETURN_TEXT_P(print_ints(&one, -1));
}

/* integer[] or bigint[] -> torch.ints */
PG_FUNCTION_INFO_V1(pgtorch_ints_from_array);
Datum
pgtorch_ints_from_array(PG_FUNCTION_ARGS)
{
	ArrayType *array = PG_GETARG_ARRAYTYPE_P(0);
	int64 *ints = palloc(MAX_INTS * sizeof(int64));
	Datum *elements;
	int n;

	if (ARR_NDIM(array) > 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("torch.ints takes one-dimensional arrays, not %d dimensions", ARR_NDIM(array))));
	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("torch.ints cannot hold NULL")));
	if (ARR_ELEMTYPE(array) == INT4OID)
		deconstruct_array(array, INT4OID, 4, true, TYPALIGN_INT, &elements, NULL, &n);
	else
		deconstruct_array(array, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, NULL, &n);
	if (n > MAX_INTS)
		fail_size();
	for (int i = 0; i < n; i++)
		ints[i] = ARR_ELEMTYPE(array) == INT4OID ? DatumGetInt32(elements[i])
												 : DatumGetInt64(elements[i]);
	PG_RETURN_TEXT_P(print_ints(ints, n));
}
