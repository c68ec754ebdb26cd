/*
 * info.c
 *	  pgtorch_info: what runs here, for users and bug reports.
 */
#include "postgres.h"

#include "compat.h"

#include "bridge/bridge.h"
#include "bridge/device.h"
#include "bridge/settings.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

static void
put(ReturnSetInfo *rs, const char *key, const char *value)
{
	Datum values[2] = {CStringGetTextDatum(key), CStringGetTextDatum(value)};
	bool nulls[2] = {false, false};

	tuplestore_putvalues(rs->setResult, rs->setDesc, values, nulls);
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
	put(rs, "pgtorch", PGTORCH_VERSION);
	put(rs, "postgresql", PG_VERSION);
	put(rs, "device", pgt_device);
	if (dev == NULL)
		put(rs, "device error",
			psprintf("%s: %s", err.message, err.detail[0] ? err.detail : err.hint));
	for (int i = 0; dev != NULL; i++)
	{
		const char *key;
		char value[256];
		PgtSignals saved;
		bool more;

		pgt_signals_block(&saved);
		more = dev->type->info(dev, i, &key, value, sizeof(value));
		pgt_signals_restore(&saved);
		if (!more)
			break;
		if (strcmp(key, "threads") != 0)
			put(rs, key, value);
	}
	put(rs, "threads",
		psprintf("%d for training, %d for the rest", threads, pgt_threads > 0 ? pgt_threads : 1));
	return (Datum) 0;
}
