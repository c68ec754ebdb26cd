/*
 * run.h
 *	  The history: rows of pgtorch.run and pgtorch.epoch.
 */
#ifndef PGT_RUN_H
#define PGT_RUN_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "store/model.h"
#include "utils/jsonb.h"

typedef struct PgtRunRow
{
	int32 version;		 /* that it made; 0: none (yet) */
	const char *status;	 /* "done", "failed", "running", ... */
	const char *dataset; /* the query */
	const char *loss;	 /* canonical text of these three */
	const char *optimizer;
	const char *scheduler; /* NULL: none */
	Jsonb *options;		   /* the other arguments */
	const char *device;
	int64 rows; /* of the dataset */
	TimestampTz started_at;
	TimestampTz finished_at; /* 0: not finished */
	const char *error;		 /* NULL: none */
} PgtRunRow;

typedef struct PgtEpochRow
{
	int32 epoch; /* 1, 2, ... */
	double loss;
	bool has_validation_loss;
	double validation_loss;
	bool has_lr;
	double lr;
	Jsonb *metrics; /* NULL: none */
	int64 rows;		/* trained on */
	double seconds;
} PgtEpochRow;

/*
 * Both write as the extension's owner, for a caller who may train the model; insert returns the
 * run's id.
 */
extern int64 pgt_run_insert(const PgtModel *model, const PgtRunRow *run);
/*
 * Says which version a run has made, once that is written (its row in pgtorch.checkpoint refers to
 * the run).
 */
extern void pgt_run_set_version(int64 run, int32 version);
extern void pgt_epoch_insert(int64 run, const PgtEpochRow *epochs, int n);

#endif
