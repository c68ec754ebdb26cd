/*
 * object.c
 *	  Types nn.module, optim.optimizer, lr_scheduler.scheduler, and the functions that make their values.
 *
 * A value is its canonical Python text, so that equal modules are equal bytes, dumps are readable,
 * and nothing in the tables depends on how the engine numbers things.  Whatever comes in, as text,
 * binary or arguments, is parsed by the engine and printed again.
 *
 * All types share these functions: which is meant follows from what the SQL function returns.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "api/call.h"
#include "bridge/bridge.h"
#include "compat.h"
#include "engine/train/types.h"

/* ---------- which type ---------- */

static const PtConstructors *
returned_type(const FmgrInfo *flinfo)
{
	Oid oid = get_func_rettype(flinfo->fn_oid);
	HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(oid));
	const PtConstructors *found;
	Form_pg_type type;
	char *schema;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for type %u", oid);
	type = (Form_pg_type) GETSTRUCT(tuple);
	schema = get_namespace_name(type->typnamespace);
	found = schema ? pt_type_find(schema, NameStr(type->typname)) : NULL;
	if (found == NULL)
		elog(ERROR, "function %u returns a type that the engine does not know", flinfo->fn_oid);
	ReleaseSysCache(tuple);
	return found;
}

/* ---------- input and output ---------- */

static text *
canonical(FunctionCallInfo fcinfo, const char *source)
{
	FmgrInfo *flinfo = fcinfo->flinfo;
	PtArena *arena = pgt_arena_new(CurrentMemoryContext);
	PtObject *o;
	PtError err;
	char *s;

	if (flinfo->fn_extra == NULL)
		flinfo->fn_extra = (void *) returned_type(flinfo);
	o = pt_constructor_parse(arena, flinfo->fn_extra, source, &err);
	s = o ? pt_object_print(arena, o, &err) : NULL;
	pgt_check(s != NULL, &err);
	return cstring_to_text(s);
}

PG_FUNCTION_INFO_V1(pgtorch_object_in);
Datum
pgtorch_object_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(canonical(fcinfo, PG_GETARG_CSTRING(0)));
}

PG_FUNCTION_INFO_V1(pgtorch_object_recv);
Datum
pgtorch_object_recv(PG_FUNCTION_ARGS)
{
	StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);
	int length;

	PG_RETURN_TEXT_P(canonical(fcinfo, pq_getmsgtext(buf, buf->len - buf->cursor, &length)));
}

/* Output of all types that are canonical text. */
PG_FUNCTION_INFO_V1(pgtorch_canonical_out);
Datum
pgtorch_canonical_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(TextDatumGetCString(PG_GETARG_DATUM(0)));
}

PG_FUNCTION_INFO_V1(pgtorch_canonical_send);
Datum
pgtorch_canonical_send(PG_FUNCTION_ARGS)
{
	text *t = PG_GETARG_TEXT_PP(0);
	StringInfoData buf;

	pq_begintypsend(&buf);
	pq_sendtext(&buf, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
	PG_RETURN_BYTEA_P(pq_endtypsend(&buf));
}

static bool
canonical_equal(FunctionCallInfo fcinfo)
{
	text *a = PG_GETARG_TEXT_PP(0);
	text *b = PG_GETARG_TEXT_PP(1);

	return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
		   memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

PG_FUNCTION_INFO_V1(pgtorch_canonical_eq);
Datum
pgtorch_canonical_eq(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(canonical_equal(fcinfo));
}

PG_FUNCTION_INFO_V1(pgtorch_canonical_ne);
Datum
pgtorch_canonical_ne(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(!canonical_equal(fcinfo));
}

PG_FUNCTION_INFO_V1(pgtorch_canonical_hash);
Datum
pgtorch_canonical_hash(PG_FUNCTION_ARGS)
{
	text *t = PG_GETARG_TEXT_PP(0);

	return hash_any((unsigned char *) VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
}

PG_FUNCTION_INFO_V1(pgtorch_canonical_hash_extended);
Datum
pgtorch_canonical_hash_extended(PG_FUNCTION_ARGS)
{
	text *t = PG_GETARG_TEXT_PP(0);

	return hash_any_extended((unsigned char *) VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t),
							 PG_GETARG_INT64(1));
}

/* ---------- constructors ---------- */

/* What a call site keeps of the function's name. */
typedef struct Constructor
{
	const PtConstructors *of;
	const PtConstructor *row;
} Constructor;

static const Constructor *
find_constructor(const FmgrInfo *flinfo, const char *name)
{
	Constructor *c = MemoryContextAlloc(flinfo->fn_mcxt, sizeof(Constructor));

	c->of = returned_type(flinfo);
	c->row = pt_constructor_find(c->of, name);
	if (c->row == NULL)
		elog(ERROR, "there is no %s for function %s", c->of->type, name);
	return c;
}

/*
 * nn.linear(in_features integer, ...) returns nn.module, optim.adam(lr double precision, ...) returns
 * optim.optimizer, and all others of these types
 *
 * The SQL function's name says which.
 */
PG_FUNCTION_INFO_V1(pgtorch_object_new);
Datum
pgtorch_object_new(PG_FUNCTION_ARGS)
{
	PgtCall *call = pgt_call_open(fcinfo);
	PtArena *arena = pgt_arena_new(CurrentMemoryContext);
	PtGiven declared[PT_MAX_ARGS];
	PtGiven *given = declared;
	int n = call->nargs;
	const Constructor *c;
	PtObject *o;
	PtError err;
	char *s;

	if (call->row == NULL)
		call->row = find_constructor(fcinfo->flinfo, call->name);
	c = call->row;
	if (n > 0 && call->types[n - 1] == ANYOID)
		given = pgt_call_variadic(fcinfo, call, c->row->params, arena, &n);
	else
		pgt_call_given(fcinfo, call, c->row->params, arena, given);
	o = pt_constructor_call(arena, c->of, c->row, given, n, &err);
	s = o ? pt_object_print(arena, o, &err) : NULL;
	pgt_check(s != NULL, &err);
	PG_RETURN_TEXT_P(cstring_to_text(s));
}
