/*
 * run.c
 *	  Writing the history of trainings.
 */
#include "postgres.h"

#include "store/run.h"

#include "catalog/pg_type.h"
#include "store/tables.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

int64
pgt_run_insert(const PgtModel *model, const PgtRunRow *run)
{
	static const char sql[] =
		"INSERT INTO pgtorch.run (model, version, status, dataset, loss, optimizer, scheduler, options, device, rows,"
		" started_at, finished_at, error)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id";
	static const Oid types[] = {INT8OID,		INT4OID,		TEXTOID,  TEXTOID, TEXTOID,
								TEXTOID,		TEXTOID,		JSONBOID, TEXTOID, INT8OID,
								TIMESTAMPTZOID, TIMESTAMPTZOID, TEXTOID};
	Datum values[lengthof(types)];
	char nulls[lengthof(types)];
	int64 id = 0;

	pgt_catalog_set(0, values, nulls, true, Int64GetDatum(model->id));
	pgt_catalog_set(1, values, nulls, run->version != 0, Int32GetDatum(run->version));
	pgt_catalog_set_text(2, values, nulls, run->status);
	pgt_catalog_set_text(3, values, nulls, run->dataset);
	pgt_catalog_set_text(4, values, nulls, run->loss);
	pgt_catalog_set_text(5, values, nulls, run->optimizer);
	pgt_catalog_set_text(6, values, nulls, run->scheduler);
	pgt_catalog_set(7, values, nulls, true, JsonbPGetDatum(run->options));
	pgt_catalog_set_text(8, values, nulls, run->device);
	pgt_catalog_set(9, values, nulls, true, Int64GetDatum(run->rows));
	pgt_catalog_set(10, values, nulls, true, TimestampTzGetDatum(run->started_at));
	pgt_catalog_set(11, values, nulls, run->finished_at != 0,
					TimestampTzGetDatum(run->finished_at));
	pgt_catalog_set_text(12, values, nulls, run->error);
	if (pgt_catalog_execute(sql, lengthof(types), types, values, nulls, &id) != 1)
		elog(ERROR, "could not write a run of model \"%s\"", model->name);
	return id;
}

void
pgt_run_set_version(int64 run, int32 version)
{
	static const Oid types[] = {INT8OID, INT4OID};
	Datum values[] = {Int64GetDatum(run), Int32GetDatum(version)};

	if (pgt_catalog_execute("UPDATE pgtorch.run SET version = $2 WHERE id = $1", 2, types, values,
							NULL, NULL) != 1)
		elog(ERROR, "run " INT64_FORMAT " does not exist", run);
}

void
pgt_epoch_insert(int64 run, const PgtEpochRow *epochs, int n)
{
	static const char sql[] =
		"INSERT INTO pgtorch.epoch (run, epoch, loss, validation_loss, lr, metrics, rows, seconds)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
	static const Oid types[] = {INT8OID,   INT4OID,	 FLOAT8OID, FLOAT8OID,
								FLOAT8OID, JSONBOID, INT8OID,	FLOAT8OID};

	for (int i = 0; i < n; i++)
	{
		const PgtEpochRow *e = &epochs[i];
		Datum values[lengthof(types)];
		char nulls[lengthof(types)];

		pgt_catalog_set(0, values, nulls, true, Int64GetDatum(run));
		pgt_catalog_set(1, values, nulls, true, Int32GetDatum(e->epoch));
		pgt_catalog_set(2, values, nulls, true, Float8GetDatum(e->loss));
		pgt_catalog_set(3, values, nulls, e->has_validation_loss,
						Float8GetDatum(e->validation_loss));
		pgt_catalog_set(4, values, nulls, e->has_lr, Float8GetDatum(e->lr));
		pgt_catalog_set(5, values, nulls, e->metrics != NULL, JsonbPGetDatum(e->metrics));
		pgt_catalog_set(6, values, nulls, true, Int64GetDatum(e->rows));
		pgt_catalog_set(7, values, nulls, true, Float8GetDatum(e->seconds));
		(void) pgt_catalog_execute(sql, lengthof(types), types, values, nulls, NULL);
	}
}
