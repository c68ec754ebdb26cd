/*
 * tables.c
 *	  Finding, reading and writing the tables of schema pgtorch.
 *
 * The OIDs are kept per session and looked up again after any invalidation of a table among them,
 * so DROP EXTENSION and CREATE EXTENSION in one session work.
 */
#include "postgres.h"

#include "store/tables.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

static PgtCatalog catalog;
static bool catalog_valid;
static uint64 invalidations;

/* Only sets flags: no catalog may be read from here. */
static void
invalidate(Datum arg, Oid relid)
{
	invalidations++;
	if (!OidIsValid(relid) || relid == catalog.model || relid == catalog.checkpoint)
		catalog_valid = false;
}

/* A table or index of schema pgtorch; raises unless it is there. */
static Oid
find_relation(Oid schema, const char *name)
{
	Oid relid = get_relname_relid(name, schema);

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("relation \"pgtorch.%s\" is missing", name),
				 errhint("Create extension \"pgtorch\" again.")));
	return relid;
}

static Oid
relation_owner(Oid relid)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

const PgtCatalog *
pgt_catalog(void)
{
	static bool registered;
	PgtCatalog found;
	uint64 before = invalidations;
	Oid extension;
	Oid schema;

	if (catalog_valid)
		return &catalog;

	if (!registered)
	{
		CacheRegisterRelcacheCallback(invalidate, (Datum) 0);
		registered = true;
	}

	extension = get_extension_oid("pgtorch", true);
	schema = get_namespace_oid("pgtorch", true);
	if (!OidIsValid(extension) || !OidIsValid(schema))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("extension \"pgtorch\" is not installed in this database")));

	found.store = get_namespace_oid("pgtorch_store", false);
	found.model = find_relation(schema, "model");
	found.model_pkey = find_relation(schema, "model_pkey");
	found.model_name = find_relation(schema, "model_name_key");
	found.checkpoint = find_relation(schema, "checkpoint");
	found.checkpoint_pkey = find_relation(schema, "checkpoint_pkey");
	found.checkpoint_version = find_relation(schema, "checkpoint_model_version_key");
	found.owner = relation_owner(found.model);

	/* somebody else may have put tables of these names there */
	if (getExtensionOfObject(RelationRelationId, found.model) != extension ||
		getExtensionOfObject(RelationRelationId, found.checkpoint) != extension)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("the tables of schema \"pgtorch\" do not belong to the extension")));

	/* an invalidation during the lookups may have been meant for what they found */
	catalog = found;
	catalog_valid = before == invalidations;
	return &catalog;
}

void
pgt_catalog_check_writable(const char *command)
{
	PreventCommandDuringRecovery(command);
	PreventCommandIfReadOnly(command);
	PreventCommandIfParallelMode(command);
}

Snapshot
pgt_catalog_snapshot(bool latest)
{
	return RegisterSnapshot(latest ? GetLatestSnapshot() : GetActiveSnapshot());
}

void
pgt_catalog_scan(Oid table, Oid index, const PgtKey *keys, int nkeys, Snapshot snapshot,
				 PgtRowCallback callback, void *arg)
{
	Relation rel = table_open(table, AccessShareLock);
	ScanKeyData scankey[2];
	SysScanDesc scan;
	HeapTuple row;

	Assert(nkeys <= lengthof(scankey));
	for (int i = 0; i < nkeys; i++)
	{
		RegProcedure equal = keys[i].type == TEXTOID   ? F_TEXTEQ
							 : keys[i].type == INT8OID ? F_INT8EQ
													   : F_INT4EQ;

		/* ScanKeyInit compares in collation "C", which is the column's */
		ScanKeyInit(&scankey[i], keys[i].column, BTEqualStrategyNumber, equal, keys[i].value);
	}
	scan = systable_beginscan(rel, index, true, snapshot, nkeys, scankey);
	while (HeapTupleIsValid(row = systable_getnext(scan)))
	{
		if (!callback(row, RelationGetDescr(rel), arg))
			break;
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
}

void
pgt_catalog_set(int i, Datum *values, char *nulls, bool present, Datum value)
{
	values[i] = present ? value : (Datum) 0;
	nulls[i] = present ? ' ' : 'n';
}

void
pgt_catalog_set_text(int i, Datum *values, char *nulls, const char *value)
{
	pgt_catalog_set(i, values, nulls, value != NULL,
					value != NULL ? CStringGetTextDatum(value) : (Datum) 0);
}

uint64
pgt_catalog_execute(const char *sql, int nargs, const Oid *types, const Datum *values,
					const char *nulls, int64 *result)
{
	Oid owner = pgt_catalog()->owner;
	Oid user;
	int security;
	int nest;
	int rc;
	uint64 processed;

	/* An error ends the (sub)transaction, which restores user and settings. */
	GetUserIdAndSecContext(&user, &security);
	SetUserIdAndSecContext(owner,
						   security | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
	nest = NewGUCNestLevel();
	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	rc = SPI_execute_with_args(sql, nargs, unconstify(Oid *, types), unconstify(Datum *, values),
							   nulls, false, 0);
	if (rc < 0)
		elog(ERROR, "SPI_execute_with_args failed: %s", SPI_result_code_string(rc));
	processed = SPI_processed;
	if (result != NULL && processed > 0)
	{
		bool isnull;
		Datum value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);

		Assert(SPI_gettypeid(SPI_tuptable->tupdesc, 1) == INT8OID);
		*result = isnull ? 0 : DatumGetInt64(value);
	}
	SPI_finish();

	AtEOXact_GUC(false, nest);
	SetUserIdAndSecContext(user, security);
	return processed;
}
