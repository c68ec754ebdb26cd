/*
 * info.c
 *	  pgtorch_info: what runs here, for users and bug reports.
 */
#include "postgres.h"

#include "compat.h"

#include "bridge/device.h"
#include "bridge/settings.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

static void
add_row(ReturnSetInfo *rs, const char *key, const char *value)
{
	Datum values[2] = {CStringGetTextDatum(key), CStringGetTextDatum(value)};
	bool nulls[2] = {false, false};

	tuplestore_putvalues(rs->setResult, rs->setDesc, values, nulls);
}

/* What a GPU has no kernel for, in the table's order. */
static char *
host_ops(PtDevice *dev)
{
	StringInfoData names;
	const PtOp *op;

	initStringInfo(&names);
	for (int i = 0; (op = pt_op_at(i)) != NULL; i++)
		if (pt_plan_lacks(dev, op))
			appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "", op->name);
	return names.len > 0 ? names.data : "none";
}

/*
 * pgtorch_info() returns table(key text, value text)
 *
 * Opens the device, if it is not open yet, to say what it is, and on a CPU which BLAS.  One that cannot be opened is
 * told, not raised: that is when this is called.
 */
PG_FUNCTION_INFO_V1(pgtorch_info);
Datum
pgtorch_info(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rs = (ReturnSetInfo *) fcinfo->resultinfo;
	PtError err;
	PtDevice *dev = pgt_device_try_local(&err);
	int threads = pgt_threads > 0 ? pgt_threads : pgt_cpu_count();

	InitMaterializedSRF(fcinfo, 0);
	add_row(rs, "pgtorch", PGTORCH_VERSION);
	add_row(rs, "postgresql", PG_VERSION);
	add_row(rs, "device", pgt_device);
	if (dev == NULL)
		add_row(rs, "device error",
				psprintf("%s: %s", err.message, err.detail[0] ? err.detail : err.hint));
	for (int i = 0; dev != NULL; i++)
	{
		const char *key;
		char value[256];

		if (!pgt_device_info(dev, i, &key, value, sizeof(value)))
			break;
		if (strcmp(key, "threads") != 0)
			add_row(rs, key, value);
	}
	if (dev != NULL && dev->host != NULL)
		add_row(rs, "ops on the host", host_ops(dev));
	add_row(rs, "threads",
			psprintf("%d for training, %d for the rest", threads,
					 pgt_threads > 0 ? pgt_threads : 1));
	return (Datum) 0;
}
