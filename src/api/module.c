/*
 * module.c
 *	  Types nn.module, optim.optimizer and lr_scheduler.scheduler, and the functions that make them.
 *
 * A value is its canonical Python text, so that equal modules are equal bytes, dumps are readable,
 * and nothing in the tables depends on how the engine numbers things.  Whatever comes in, as text,
 * binary or arguments, is parsed by the engine and printed again.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"

#include "api/call.h"
#include "bridge/bridge.h"
#include "compat.h"
#include "engine/nn/module.h"
#include "engine/train/sched.h"

static text *
canonical_module(const char *source)
{
	PtArena *arena = pgt_arena_new(CurrentMemoryContext);
	PtError err;
	PtModule *m = pt_module_parse(arena, source, &err);
	char *s = m ? pt_module_print(arena, m, &err) : NULL;

	pgt_check(s != NULL, &err);
	return cstring_to_text(s);
}

static text *
canonical_optimizer(const char *source)
{
	PtArena *arena = pgt_arena_new(CurrentMemoryContext);
	PtError err;
	PtOptimizer *o = pt_optim_parse(arena, source, &err);
	char *s = o ? pt_optim_print(arena, o, &err) : NULL;

	pgt_check(s != NULL, &err);
	return cstring_to_text(s);
}

static text *
canonical_scheduler(const char *source)
{
	PtArena *arena = pgt_arena_new(CurrentMemoryContext);
	PtError err;
	PtScheduler *s = pt_sched_parse(arena, source, &err);

	pgt_check(s != NULL, &err);
	return cstring_to_text(s->spelled.text);
}

PG_FUNCTION_INFO_V1(pgtorch_module_in);
Datum
pgtorch_module_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(canonical_module(PG_GETARG_CSTRING(0)));
}

PG_FUNCTION_INFO_V1(pgtorch_optim_in);
Datum
pgtorch_optim_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(canonical_optimizer(PG_GETARG_CSTRING(0)));
}

PG_FUNCTION_INFO_V1(pgtorch_sched_in);
Datum
pgtorch_sched_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(canonical_scheduler(PG_GETARG_CSTRING(0)));
}

PG_FUNCTION_INFO_V1(pgtorch_module_recv);
Datum
pgtorch_module_recv(PG_FUNCTION_ARGS)
{
	StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);
	int length;

	PG_RETURN_TEXT_P(canonical_module(pq_getmsgtext(buf, buf->len - buf->cursor, &length)));
}

PG_FUNCTION_INFO_V1(pgtorch_optim_recv);
Datum
pgtorch_optim_recv(PG_FUNCTION_ARGS)
{
	StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);
	int length;

	PG_RETURN_TEXT_P(canonical_optimizer(pq_getmsgtext(buf, buf->len - buf->cursor, &length)));
}

PG_FUNCTION_INFO_V1(pgtorch_sched_recv);
Datum
pgtorch_sched_recv(PG_FUNCTION_ARGS)
{
	StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);
	int length;

	PG_RETURN_TEXT_P(canonical_scheduler(pq_getmsgtext(buf, buf->len - buf->cursor, &length)));
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

/*
 * nn.linear(in_features integer, ...) returns nn.module, and every other module and loss
 *
 * The SQL function's name says which.
 */
PG_FUNCTION_INFO_V1(pgtorch_module_new);
Datum
pgtorch_module_new(PG_FUNCTION_ARGS)
{
	PgtCall *call = pgt_call_open(fcinfo);
	PtArena *arena = pgt_arena_new(CurrentMemoryContext);
	PtGiven declared[PT_MAX_ARGS];
	PtGiven *given = declared;
	int n = call->nargs;
	const PtModuleType *type = call->row;
	PtModule *m;
	PtError err;
	char *s;

	if (type == NULL)
		call->row = type = pt_module_type_find(call->name);
	if (type == NULL)
		elog(ERROR, "there is no module type for function %s", call->name);
	if (n > 0 && call->types[n - 1] == ANYOID)
		given = pgt_call_variadic(fcinfo, call, type->params, arena, &n);
	else
		pgt_call_given(fcinfo, call, type->params, arena, given);
	m = pt_module_new(arena, type, given, n, &err);
	s = m ? pt_module_print(arena, m, &err) : NULL;
	pgt_check(s != NULL, &err);
	PG_RETURN_TEXT_P(cstring_to_text(s));
}

/* optim.adam(lr double precision, ...) returns optim.optimizer, and every other optimizer */
PG_FUNCTION_INFO_V1(pgtorch_optim_new);
Datum
pgtorch_optim_new(PG_FUNCTION_ARGS)
{
	PgtCall *call = pgt_call_open(fcinfo);
	PtArena *arena = pgt_arena_new(CurrentMemoryContext);
	PtGiven given[PT_MAX_ARGS];
	const PtOptimType *type = call->row;
	PtOptimizer *o;
	PtError err;
	char *s;

	if (type == NULL)
		call->row = type = pt_optim_type_find(call->name);
	if (type == NULL)
		elog(ERROR, "there is no optimizer type for function %s", call->name);
	pgt_call_given(fcinfo, call, type->params, arena, given);
	o = pt_optim_new(arena, type, given, call->nargs, &err);
	s = o ? pt_optim_print(arena, o, &err) : NULL;
	pgt_check(s != NULL, &err);
	PG_RETURN_TEXT_P(cstring_to_text(s));
}

/* lr_scheduler.steplr(step_size integer, ...) returns lr_scheduler.scheduler, and every other scheduler */
PG_FUNCTION_INFO_V1(pgtorch_sched_new);
Datum
pgtorch_sched_new(PG_FUNCTION_ARGS)
{
	PgtCall *call = pgt_call_open(fcinfo);
	PtArena *arena = pgt_arena_new(CurrentMemoryContext);
	PtGiven given[PT_MAX_ARGS];
	const PtSchedulerType *type = call->row;
	PtScheduler *s;
	PtError err;

	if (type == NULL)
		call->row = type = pt_sched_type_find(call->name);
	if (type == NULL)
		elog(ERROR, "there is no scheduler type for function %s", call->name);
	pgt_call_given(fcinfo, call, pt_sched_type_params(type), arena, given);
	s = pt_sched_new(arena, type, given, call->nargs, &err);
	pgt_check(s != NULL, &err);
	PG_RETURN_TEXT_P(cstring_to_text(s->spelled.text));
}
