/*
 * train.c
 *	  pgtorch_train: reading its arguments by the table of options, returning its row.
 */
#include "postgres.h"

#include "compat.h"

#include "access/htup_details.h"
#include "api/call.h"
#include "bridge/bridge.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "job/train.h"
#include "store/tables.h"
#include "utils/array.h"
#include "utils/builtins.h"

static PtAutocast
read_autocast(const PtOption *o, text *value)
{
	char *name = text_to_cstring(value);
	PtDtype dtype;
	PtError err;

	if (!pt_dtype_parse(name, &dtype, &err) || dtype != PT_BFLOAT16)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("argument \"%s\" must be 'bfloat16', not '%s'", o->name, name),
				 o->hint ? errhint("%s", o->hint) : 0));
	return PT_AUTOCAST_BFLOAT16;
}

static PtNames
read_names(const PtOption *o, ArrayType *array)
{
	PtNames result;
	Datum *names;
	bool *nulls;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &result.count);
	if (result.count == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" names no column", o->name),
						o->hint ? errhint("%s", o->hint) : 0));
	result.names = palloc(sizeof(char *) * result.count);
	for (int i = 0; i < result.count; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("argument \"%s\" must not contain nulls", o->name)));
		result.names[i] = TextDatumGetCString(names[i]);
	}
	return result;
}

/* Argument i, checked, into a member that is 0. */
static void
read_argument(FunctionCallInfo fcinfo, int i, const PtOption *o, void *to)
{
	PtError err;

	if (PG_ARGISNULL(i))
	{
		if (!pt_option_is_nullable(o))
			pgt_arg_require(fcinfo, i, o->name);
		return;
	}
	switch (o->kind)
	{
		case PT_OPTION_INT:
			*(int64_t *) to = PG_GETARG_INT32(i);
			pgt_check(pt_option_check(o, PG_GETARG_INT32(i), &err), &err);
			return;
		case PT_OPTION_LONG:
			*(int64_t *) to = PG_GETARG_INT64(i);
			pgt_check(pt_option_check(o, (double) PG_GETARG_INT64(i), &err), &err);
			return;
		case PT_OPTION_REAL:
			*(double *) to = PG_GETARG_FLOAT8(i);
			pgt_check(pt_option_check(o, PG_GETARG_FLOAT8(i), &err), &err);
			return;
		case PT_OPTION_BOOL:
			*(bool *) to = PG_GETARG_BOOL(i);
			return;
		case PT_OPTION_AUTOCAST:
			*(PtAutocast *) to = read_autocast(o, PG_GETARG_TEXT_PP(i));
			return;
		case PT_OPTION_TEXT:
		case PT_OPTION_MODULE:
		case PT_OPTION_OPTIMIZER:
		case PT_OPTION_SCHEDULER:
			*(const char **) to = text_to_cstring(PG_GETARG_TEXT_PP(i));
			return;
		case PT_OPTION_NAMES:
			*(PtNames *) to = read_names(o, PG_GETARG_ARRAYTYPE_P(i));
			return;
	}
	elog(ERROR, "option \"%s\" is of an unknown kind", o->name);
}

/*
 * pgtorch_train(model text, dataset text, loss nn.module, ...) returns one row
 *
 * Trains the deployed version (or the named one) on the rows of a query, and makes the next version.
 */
PG_FUNCTION_INFO_V1(pgtorch_train);
Datum
pgtorch_train(PG_FUNCTION_ARGS)
{
	PgtTrainArgs args = {0};
	PgtTrainResult result = {0};
	TupleDesc desc;
	Datum values[7];
	bool nulls[7] = {0};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");
	pgt_catalog_check_writable("pgtorch_train()");
	for (int i = 0; pt_options[i].name != NULL; i++)
		read_argument(fcinfo, i, &pt_options[i], pgt_train_arg(&args, i));

	pgt_train(&args, &result);

	values[0] = Int64GetDatum(result.run);
	values[1] = CStringGetTextDatum("done");
	values[2] = Int32GetDatum(result.epochs);
	values[3] = Int64GetDatum(result.steps);
	values[4] = Float8GetDatum(result.loss);
	values[5] = Int32GetDatum(result.version);
	values[6] = Float8GetDatum(result.seconds);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
