/*
 * call.c
 *	  Reading the arguments of SQL functions.
 */
#include "postgres.h"

#include "api/call.h"

#include "access/htup_details.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "api/ints.h"
#include "bridge/bridge.h"
#include "engine/graph/constructor.h"

void
pgt_arg_require(FunctionCallInfo fcinfo, int i, const char *name)
{
	if (PG_ARGISNULL(i))
		ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						errmsg("argument \"%s\" must not be null", name)));
}

char *
pgt_arg_text(FunctionCallInfo fcinfo, int i, const char *name)
{
	pgt_arg_require(fcinfo, i, name);
	return text_to_cstring(PG_GETARG_TEXT_PP(i));
}

/* Types and names of the arguments; results have names, too, and come after them. */
static void
read_signature(Oid function, PgtCall *call)
{
	HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
	Oid *types;
	char *modes;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for function %u", function);
	call->name = pstrdup(NameStr(((Form_pg_proc) GETSTRUCT(tuple))->proname));
	call->nargs = ((Form_pg_proc) GETSTRUCT(tuple))->pronargs;
	get_func_arg_info(tuple, &types, &call->names, &modes);
	call->types = types;
	ReleaseSysCache(tuple);
}

PgtCall *
pgt_call_open(FunctionCallInfo fcinfo)
{
	FmgrInfo *flinfo = fcinfo->flinfo;
	PgtCall *call = flinfo->fn_extra;
	MemoryContext old;

	if (call != NULL)
		return call;
	old = MemoryContextSwitchTo(flinfo->fn_mcxt);
	call = palloc0(sizeof(PgtCall));
	read_signature(flinfo->fn_oid, call);
	MemoryContextSwitchTo(old);
	flinfo->fn_extra = call;
	return call;
}

/* Sizes after the first, of a function declared with (size torch.ints, VARIADIC sizes integer[]). */
static bool
is_more_sizes(const PgtCall *call, int i, const PtParam *before)
{
	return i > 0 && before != NULL && before->type == PT_ARG_SIZES &&
		   call->types[i] == INT4ARRAYOID;
}

/* The next parameter from p on that SQL has as an argument: not those that ask for results, of which SQL has all. */
static const PtParam *
next_param(const PtOp *op, const PtParam *p)
{
	while (p->name != NULL && pt_op_asks(op, p))
		p++;
	return p;
}

static bool
is_declared_for(const PgtCall *call, const PtOp *op, const PtParam **params)
{
	const PtParam *p = next_param(op, op->params);

	for (int i = 0; i < call->nargs; i++, p = next_param(op, p + 1))
	{
		params[i] = NULL;
		if (i > 0 && is_more_sizes(call, i, params[i - 1]))
			return i == call->nargs - 1;
		if (p->name == NULL || pg_strcasecmp(p->name, call->names[i]) != 0)
			return false;
		params[i] = p;
	}
	return p->name == NULL;
}

const PtOp *
pgt_call_op(const PgtCall *call, const PtParam **params)
{
	const PtOp *op = pt_op_find(call->name);

	while (op != NULL && !is_declared_for(call, op, params))
		op = pt_op_next_form(op);
	if (op == NULL)
		elog(ERROR, "function %s is no tensor function", call->name);
	return op;
}

static void *
allocate(PtArena *arena, Size bytes)
{
	void *p = pt_arena_alloc(arena, bytes + 1);

	if (p == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	return p;
}

static char *
text_in_arena(Datum datum, PtArena *arena)
{
	text *t = DatumGetTextPP(datum);
	char *s = allocate(arena, VARSIZE_ANY_EXHDR(t));

	memcpy(s, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t));
	return s;
}

static PtObject *
object_in_arena(Datum datum, const PtParam *param, PtArena *arena)
{
	PtError err;
	PtObject *o = pt_constructor_parse(arena, param->of, text_in_arena(datum, arena), &err);

	pgt_check(o != NULL, &err);
	return o;
}

/* double precision[] */
static void
reals(Datum datum, const char *name, PtArena *arena, PtValue *out)
{
	ArrayType *array = DatumGetArrayTypeP(datum);
	Datum *elements;
	double *list;
	int n;

	if (ARR_NDIM(array) > 1 || array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be a one-dimensional array without nulls", name)));
	deconstruct_array(array, FLOAT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &elements, NULL, &n);
	list = allocate(arena, n * sizeof(double));
	for (int i = 0; i < n; i++)
		list[i] = DatumGetFloat8(elements[i]);
	*out = (PtValue){PT_VALUE_REALS, n, {.reals = list}};
}

/* nn.module or nn.module[], and so on: types whose values are text */
static void
objects(Datum datum, Oid type, const PtParam *param, PtArena *arena, PtValue *out)
{
	Oid element = get_element_type(type);
	Datum *elements = &datum;
	PtObject **list;
	int n = 1;

	if (element != InvalidOid)
	{
		ArrayType *array = DatumGetArrayTypeP(datum);
		int16 length;
		bool by_value;
		char align;

		if (ARR_NDIM(array) > 1 || array_contains_nulls(array))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("argument \"%s\" must be a one-dimensional array without nulls", param->name)));
		get_typlenbyvalalign(element, &length, &by_value, &align);
		deconstruct_array(array, element, length, by_value, align, &elements, NULL, &n);
	}
	list = allocate(arena, n * sizeof(*list));
	for (int i = 0; i < n; i++)
		list[i] = object_in_arena(elements[i], param, arena);
	*out =
		(PtValue){element != InvalidOid ? PT_VALUE_OBJECTS : PT_VALUE_OBJECT, n, {.objects = list}};
}

/* torch.ints, and the integers that follow it in an argument of its own. */
static void
sizes(FunctionCallInfo fcinfo, const PgtCall *call, int i, const PtParam *param, PtArena *arena,
	  PtValue *out)
{
	Datum *more;
	bool *nulls;
	int64 *list;
	int n;

	pgt_ints_value(PG_GETARG_DATUM(i), arena, out);
	if (i + 1 == call->nargs || !is_more_sizes(call, i + 1, param))
		return;
	if (out->kind != PT_VALUE_INT)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("sizes must be one array or several integers, not both")));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(i + 1), INT4OID, 4, true, TYPALIGN_INT, &more, &nulls,
					  &n);
	list = allocate(arena, (n + 1) * sizeof(int64));
	list[0] = out->integer;
	for (int d = 0; d < n; d++)
	{
		if (nulls[d])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("a size of %s must not be null", call->name)));
		list[d + 1] = DatumGetInt32(more[d]);
	}
	*out = pt_value_ints(list, n + 1);
}

void
pgt_call_value(FunctionCallInfo fcinfo, const PgtCall *call, int i, const PtParam *param,
			   PtArena *arena, PtValue *out)
{
	Datum datum = PG_GETARG_DATUM(i);

	if (PG_ARGISNULL(i))
	{
		if (!param->nullable && !param->init_none)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("argument \"%s\" of %s must not be null", param->name, call->name)));
		*out = (PtValue){PT_VALUE_NONE, 0, {0}};
		return;
	}
	switch (call->types[i])
	{
		case BOOLOID:
			*out = pt_value_bool(DatumGetBool(datum));
			return;
		case INT2OID:
			*out = pt_value_int(DatumGetInt16(datum));
			return;
		case INT4OID:
			*out = pt_value_int(DatumGetInt32(datum));
			return;
		case INT8OID:
			*out = pt_value_int(DatumGetInt64(datum));
			return;
		case FLOAT8OID:
			*out = pt_value_real(DatumGetFloat8(datum));
			return;
		case TEXTOID:
			*out = (PtValue){PT_VALUE_WORD, 0, {.word = text_in_arena(datum, arena)}};
			return;
		case FLOAT8ARRAYOID:
			reals(datum, param->name, arena, out);
			return;
		default:
			break;
	}
	if (param->type == PT_ARG_INTS)
		pgt_ints_value(datum, arena, out);
	else if (param->type == PT_ARG_SIZES)
		sizes(fcinfo, call, i, param, arena, out);
	else if (param->of != NULL)
		objects(datum, call->types[i], param, arena, out);
	else
		elog(ERROR, "function %s is declared with an argument of type %u", call->name,
			 call->types[i]);
}

void
pgt_call_given(FunctionCallInfo fcinfo, const PgtCall *call, const PtParam *params, PtArena *arena,
			   PtGiven *given)
{
	for (int i = 0; i < call->nargs; i++)
	{
		if (params[i].name == NULL)
			elog(ERROR, "function %s is declared with too many arguments", call->name);
		given[i].name = params[i].name;
		pgt_call_value(fcinfo, call, i, &params[i], arena, &given[i].value);
	}
}

PtGiven *
pgt_call_variadic(FunctionCallInfo fcinfo, const PgtCall *call, const PtParam *params,
				  PtArena *arena, int *n)
{
	PtGiven *given = allocate(arena, PG_NARGS() * sizeof(PtGiven));
	Oid module = get_func_rettype(fcinfo->flinfo->fn_oid);

	if (get_fn_expr_variadic(fcinfo->flinfo))
		ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
						errmsg("%s does not take an array with VARIADIC", call->name),
						errhint("An array cannot hold names and modules; write the module as text.")));
	for (int i = 0; i < PG_NARGS(); i++)
	{
		Oid type = get_fn_expr_argtype(fcinfo->flinfo, i);

		if (i < call->nargs - 1)
		{
			pgt_call_value(fcinfo, call, i, &params[i], arena, &given[i].value);
			continue;
		}
		if (PG_ARGISNULL(i))
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("argument %d of %s must not be null", i + 1, call->name)));
		if (type == UNKNOWNOID)
		{
			/* an untyped literal is a C string */
			char *s = pt_arena_strdup(arena, DatumGetCString(PG_GETARG_DATUM(i)));

			if (s == NULL)
				ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
			given[i].value = (PtValue){PT_VALUE_WORD, 0, {.word = s}};
		}
		else if (type == TEXTOID || type == VARCHAROID)
			given[i].value =
				(PtValue){PT_VALUE_WORD, 0, {.word = text_in_arena(PG_GETARG_DATUM(i), arena)}};
		else if (type == module)
			objects(PG_GETARG_DATUM(i), type, &params[call->nargs - 1], arena, &given[i].value);
		else
			ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
							errmsg("argument %d of %s must be a name or a module, not %s", i + 1, call->name,
								   format_type_be(type))));
	}
	*n = PG_NARGS();
	return given;
}
