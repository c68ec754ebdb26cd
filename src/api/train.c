/*
 * train.c
 *	  pgtorch_train: reading its arguments, returning its row.
 */
#include "postgres.h"

#include "compat.h"

#include "access/htup_details.h"
#include "api/call.h"
#include "catalog/pg_type.h"
#include "store/tables.h"
#include "fmgr.h"
#include "funcapi.h"
#include "job/train.h"
#include "utils/array.h"
#include "utils/builtins.h"

/* Arguments by position; the order is that of sql/50_train.sql. */
enum
{
	ARG_MODEL,
	ARG_DATASET,
	ARG_LOSS,
	ARG_OPTIMIZER,
	ARG_SCHEDULER,
	ARG_EPOCHS,
	ARG_BATCH_SIZE,
	ARG_SHUFFLE,
	ARG_DROP_LAST,
	ARG_TARGET,
	ARG_CLIP_GRAD_NORM,
	ARG_CLIP_GRAD_VALUE,
	ARG_SEED,
	ARG_DEVICE,
	ARG_DEPLOY,
	ARG_AUTOCAST
};

#define MAX_EPOCHS 1000000

static int32
positive_arg(FunctionCallInfo fcinfo, int arg, const char *name)
{
	pgt_arg_require(fcinfo, arg, name);
	if (PG_GETARG_INT32(arg) < 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" must be at least 1, not %d", name, PG_GETARG_INT32(arg))));
	return PG_GETARG_INT32(arg);
}

/* Each leaves a record: what nobody waits for is not worth a file for it. */
static int32
epochs_arg(FunctionCallInfo fcinfo)
{
	int32 epochs = positive_arg(fcinfo, ARG_EPOCHS, "epochs");

	if (epochs > MAX_EPOCHS)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"epochs\" must be at most %d, not %d", MAX_EPOCHS, epochs)));
	return epochs;
}

static bool
bool_arg(FunctionCallInfo fcinfo, int arg, const char *name)
{
	pgt_arg_require(fcinfo, arg, name);
	return PG_GETARG_BOOL(arg);
}

/* NULL as 0 */
static double
clip_arg(FunctionCallInfo fcinfo, int arg, const char *name)
{
	double value;

	if (PG_ARGISNULL(arg))
		return 0;
	value = PG_GETARG_FLOAT8(arg);
	if (!(value > 0))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"%s\" must be greater than 0, not %g", name, value),
						errhint("Use NULL not to clip.")));
	return value;
}

/* NULL as off */
static PtAutocast
autocast_arg(FunctionCallInfo fcinfo)
{
	char *name;
	PtDtype dtype;
	PtError err;

	if (PG_ARGISNULL(ARG_AUTOCAST))
		return PT_AUTOCAST_OFF;
	name = text_to_cstring(PG_GETARG_TEXT_PP(ARG_AUTOCAST));
	if (!pt_dtype_parse(name, &dtype, &err) || dtype != PT_BFLOAT16)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("argument \"autocast\" must be 'bfloat16', not '%s'", name),
						errhint("Use NULL to compute in float32.")));
	return PT_AUTOCAST_BFLOAT16;
}

static void
target_arg(FunctionCallInfo fcinfo, PgtTrainArgs *args)
{
	Datum *names;
	bool *nulls;

	if (PG_ARGISNULL(ARG_TARGET))
		return;
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(ARG_TARGET), TEXTOID, -1, false, TYPALIGN_INT, &names,
					  &nulls, &args->ntargets);
	if (args->ntargets == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("argument \"target\" names no column"),
						errhint("Leave it out to take the last column.")));
	args->targets = palloc(sizeof(char *) * args->ntargets);
	for (int i = 0; i < args->ntargets; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("argument \"target\" must not contain nulls")));
		args->targets[i] = TextDatumGetCString(names[i]);
	}
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
	args.model = pgt_arg_text(fcinfo, ARG_MODEL, "model");
	args.dataset = pgt_arg_text(fcinfo, ARG_DATASET, "dataset");
	args.loss = pgt_arg_text(fcinfo, ARG_LOSS, "loss");
	args.optimizer = pgt_arg_text(fcinfo, ARG_OPTIMIZER, "optimizer");
	args.scheduler =
		PG_ARGISNULL(ARG_SCHEDULER) ? NULL : pgt_arg_text(fcinfo, ARG_SCHEDULER, "scheduler");
	args.epochs = epochs_arg(fcinfo);
	args.batch_size = positive_arg(fcinfo, ARG_BATCH_SIZE, "batch_size");
	args.shuffle = bool_arg(fcinfo, ARG_SHUFFLE, "shuffle");
	args.drop_last = bool_arg(fcinfo, ARG_DROP_LAST, "drop_last");
	target_arg(fcinfo, &args);
	args.clip_grad_norm = clip_arg(fcinfo, ARG_CLIP_GRAD_NORM, "clip_grad_norm");
	args.clip_grad_value = clip_arg(fcinfo, ARG_CLIP_GRAD_VALUE, "clip_grad_value");
	pgt_arg_require(fcinfo, ARG_SEED, "seed");
	args.seed = PG_GETARG_INT64(ARG_SEED);
	args.device = PG_ARGISNULL(ARG_DEVICE) ? NULL : pgt_arg_text(fcinfo, ARG_DEVICE, "device");
	args.deploy = bool_arg(fcinfo, ARG_DEPLOY, "deploy");
	args.autocast = autocast_arg(fcinfo);

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
