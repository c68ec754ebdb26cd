/*
 * tables.h
 *	  The tables of schema pgtorch: where they are, and how they are read and written.
 *
 * Users have no privileges on these tables.  C reads them by index scans with an explicit snapshot,
 * after (or while) checking the caller's privileges on the model's storage table; it writes
 * them with constant SQL as the extension's owner, so that defaults and constraints hold.
 */
#ifndef PGT_TABLES_H
#define PGT_TABLES_H

#include "postgres.h"

#include "access/attnum.h"
#include "access/htup.h"
#include "access/tupdesc.h"
#include "utils/snapshot.h"

/* Columns of pgtorch.model and pgtorch.checkpoint, in the order of sql/20_catalog.sql. */
enum
{
	PGT_MODEL_ID = 1,
	PGT_MODEL_NAME,
	PGT_MODEL_MODULE,
	PGT_MODEL_STORAGE,
	PGT_MODEL_DEPLOYED,
	PGT_MODEL_CREATED_AT
};

enum
{
	PGT_CHECKPOINT_ID = 1,
	PGT_CHECKPOINT_MODEL,
	PGT_CHECKPOINT_VERSION,
	PGT_CHECKPOINT_HASH,
	PGT_CHECKPOINT_CREATED_AT,
	PGT_CHECKPOINT_RUN,
	PGT_CHECKPOINT_EPOCH,
	PGT_CHECKPOINT_LOSS,
	PGT_CHECKPOINT_METRICS,
	PGT_CHECKPOINT_NAMES,
	PGT_CHECKPOINT_SHAPES,
	PGT_CHECKPOINT_LOSS_MODULE,
	PGT_CHECKPOINT_INPUTS,
	PGT_CHECKPOINT_LABEL_TYPE,
	PGT_CHECKPOINT_LABELS
};

typedef struct PgtCatalog
{
	Oid owner;				/* of pgtorch.model: the extension's owner */
	Oid store;				/* schema pgtorch_store */
	Oid model;				/* pgtorch.model */
	Oid model_pkey;			/* (id) */
	Oid model_name;			/* (name) */
	Oid checkpoint;			/* pgtorch.checkpoint */
	Oid checkpoint_pkey;	/* (id) */
	Oid checkpoint_version; /* (model, version) */
} PgtCatalog;

/* The catalog of the installed extension; cheap.  Raises 55000 if there is none. */
extern const PgtCatalog *pgt_catalog(void);

/*
 * Refuses on a standby, in a read-only transaction and in a parallel worker; command is for the
 * message.
 */
extern void pgt_catalog_check_writable(const char *command);

/*
 * The snapshot to read rows with, registered: unregister it.  latest: what is committed now, for
 * those who hold a lock and are about to write; else the statement's.
 */
extern Snapshot pgt_catalog_snapshot(bool latest);

/*
 * Runs the callback on each row that has column = key; stops early when it returns false.  The
 * index is on that column first.
 */
typedef bool (*PgtRowCallback)(HeapTuple row, TupleDesc desc, void *arg);
typedef struct PgtKey
{
	AttrNumber column;
	Oid type; /* INT8OID, INT4OID or TEXTOID (collation "C") */
	Datum value;
} PgtKey;
extern void pgt_catalog_scan(Oid table, Oid index, const PgtKey *keys, int nkeys, Snapshot snapshot,
							 PgtRowCallback callback, void *arg);

/*
 * Runs one constant SQL statement as the extension's owner, with a safe search_path; the number of
 * rows it touched.  result (may be NULL): the first column of the first row, which is bigint. nulls
 * as in SPI_execute_with_args.  What it wrote is visible to later commands.
 */
extern uint64 pgt_catalog_execute(const char *sql, int nargs, const Oid *types, const Datum *values,
								  const char *nulls, int64 *result);

/* Argument i of such a statement: NULL unless present; a text, which may be NULL. */
extern void pgt_catalog_set(int i, Datum *values, char *nulls, bool present, Datum value);
extern void pgt_catalog_set_text(int i, Datum *values, char *nulls, const char *value);

#endif
