/*
 * model.c
 *	  Models by name, their privileges, and their rows in pgtorch.model.
 *
 * Two ways to look: a reader takes the statement's snapshot and no lock, so that a prediction sees
 * one version throughout and works on a standby.  Who is about to change something takes a lock on
 * the storage table first and then looks at what is committed now, since the change that he waited
 * for must not be lost.
 *
 * The row of a model whose storage table is gone is an orphan: it is never found, and is deleted
 * when its name is wanted again.
 */
#include "postgres.h"

#include "store/model.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "common/string.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "store/chunks.h"
#include "store/tables.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"

/* ---------------------------------------------------------------------------
 * Names
 * --------------------------------------------------------------------------- */

static void
check_name(const char *name)
{
	if (name[0] == '\0')
		ereport(ERROR, (errcode(ERRCODE_INVALID_NAME), errmsg("the name of a model must not be empty")));
	if (strchr(name, '@') != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid model name \"%s\"", name),
				 errdetail("\"@\" separates a name from a version, and no version is expected here.")));
	if (strlen(name) >= NAMEDATALEN)
		ereport(ERROR,
				(errcode(ERRCODE_NAME_TOO_LONG),
				 errmsg("model name \"%s\" is too long", name),
				 errdetail("It has %zu bytes, the most is %d.", strlen(name), NAMEDATALEN - 1)));
}

/* 'm@3' into name (of NAMEDATALEN bytes) and version; version 0 for 'm'. */
static void
parse_reference(const char *reference, char *name, int32 *version)
{
	const char *at = strchr(reference, '@');
	char *copy = at ? pnstrdup(reference, at - reference) : pstrdup(reference);

	check_name(copy);
	strlcpy(name, copy, NAMEDATALEN);
	pfree(copy);
	*version = 0;
	if (at == NULL)
		return;

	if (at[1] == '\0' || strspn(at + 1, "0123456789") != strlen(at + 1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("invalid model reference \"%s\"", reference),
				 errdetail("A version is a number, as in \"%s@3\".", name)));
	errno = 0;
	*version = strtoint(at + 1, NULL, 10);
	if (errno != 0 || *version == 0)
		*version = -1; /* well-formed, but there cannot be one */
}

/* ---------------------------------------------------------------------------
 * Looking up
 * --------------------------------------------------------------------------- */

typedef struct ModelRow
{
	int64 id;
	Oid storage;
	int32 deployed;
	char *module; /* only if wanted */
	bool want_module;
	bool found;
} ModelRow;

static bool
read_model_row(HeapTuple tuple, TupleDesc desc, void *arg)
{
	ModelRow *row = arg;
	bool isnull; /* every column is NOT NULL */

	row->id = DatumGetInt64(heap_getattr(tuple, PGT_MODEL_ID, desc, &isnull));
	row->storage = DatumGetObjectId(heap_getattr(tuple, PGT_MODEL_STORAGE, desc, &isnull));
	row->deployed = DatumGetInt32(heap_getattr(tuple, PGT_MODEL_DEPLOYED, desc, &isnull));
	if (row->want_module)
		row->module = TextDatumGetCString(heap_getattr(tuple, PGT_MODEL_MODULE, desc, &isnull));
	row->found = true;
	return false;
}

/* The row of a name, orphan or not. */
static bool
find_row(const char *name, Snapshot snapshot, ModelRow *row)
{
	const PgtCatalog *catalog = pgt_catalog();
	text *value = cstring_to_text(name);
	PgtKey key = {PGT_MODEL_NAME, TEXTOID, PointerGetDatum(value)};

	memset(row, 0, sizeof(*row));
	pgt_catalog_scan(catalog->model, catalog->model_name, &key, 1, snapshot, read_model_row, row);
	pfree(value);
	return row->found;
}

static bool
read_checkpoint_row(HeapTuple tuple, TupleDesc desc, void *arg)
{
	PgtModel *model = arg;
	bool isnull;
	bytea *hash;

	model->checkpoint = DatumGetInt64(heap_getattr(tuple, PGT_CHECKPOINT_ID, desc, &isnull));
	model->version = DatumGetInt32(heap_getattr(tuple, PGT_CHECKPOINT_VERSION, desc, &isnull));
	hash = DatumGetByteaPP(heap_getattr(tuple, PGT_CHECKPOINT_HASH, desc, &isnull));
	memcpy(model->hash, VARDATA_ANY(hash), Min(VARSIZE_ANY_EXHDR(hash), PGT_HASH_BYTES));
	return false;
}

static bool
find_version(PgtModel *model, int32 version, Snapshot snapshot)
{
	const PgtCatalog *catalog = pgt_catalog();
	PgtKey keys[2] = {{PGT_CHECKPOINT_MODEL, INT8OID, Int64GetDatum(model->id)},
					  {PGT_CHECKPOINT_VERSION, INT4OID, Int32GetDatum(version)}};

	model->checkpoint = 0;
	pgt_catalog_scan(catalog->checkpoint, catalog->checkpoint_version, keys, 2, snapshot,
					 read_checkpoint_row, model);
	return model->checkpoint != 0;
}

bool
pgt_model_find_version(PgtModel *model, int32 version)
{
	Snapshot snapshot = pgt_catalog_snapshot(model->latest);
	bool found = find_version(model, version, snapshot);

	UnregisterSnapshot(snapshot);
	return found;
}

void
pgt_model_check_unchanged(const PgtModel *model, const char *argument)
{
	PgtModel now = *model;

	if (!pgt_model_find_version(&now, model->version) || now.checkpoint != model->checkpoint)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
						errmsg("version %d of model \"%s\" was replaced or dropped by the query in \"%s\"", model->version,
							   model->name, argument)));
}

static bool
read_max_version(HeapTuple tuple, TupleDesc desc, void *arg)
{
	int32 *max = arg;
	bool isnull;

	*max = Max(*max, DatumGetInt32(heap_getattr(tuple, PGT_CHECKPOINT_VERSION, desc, &isnull)));
	return true;
}

static int32
newest_version(int64 model, Snapshot snapshot)
{
	const PgtCatalog *catalog = pgt_catalog();
	PgtKey key = {PGT_CHECKPOINT_MODEL, INT8OID, Int64GetDatum(model)};
	int32 max = 0;

	pgt_catalog_scan(catalog->checkpoint, catalog->checkpoint_version, &key, 1, snapshot,
					 read_max_version, &max);
	return max;
}

int32
pgt_model_newest_version(const PgtModel *model)
{
	Snapshot snapshot = pgt_catalog_snapshot(model->latest);
	int32 newest = newest_version(model->id, snapshot);

	UnregisterSnapshot(snapshot);
	return newest;
}

static void no_such_model(const char *name) pg_attribute_noreturn();

static void
no_such_model(const char *name)
{
	ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" does not exist", name)));
}

static void
open_version(PgtModel *model, const char *reference, int32 version, Snapshot snapshot)
{
	int32 newest;

	if (find_version(model, version ? version : model->deployed, snapshot))
		return;
	newest = newest_version(model->id, snapshot);
	if (version == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("version %d of model \"%s\" is deployed, but does not exist", model->deployed, model->name),
				 newest > 0 ? errhint("Deploy another one with pgtorch_deploy; the newest is %d.", newest) : 0));
	ereport(ERROR,
			(errcode(ERRCODE_UNDEFINED_OBJECT),
			 errmsg("version %s of model \"%s\" does not exist", strchr(reference, '@') + 1, model->name),
			 errdetail("The newest version is %d.", newest)));
}

/* ---------------------------------------------------------------------------
 * Privileges
 * --------------------------------------------------------------------------- */

/* acl ACL_NO_RIGHTS: the owner's right.  False if the table has just been dropped. */
static bool
check_privilege(const char *name, Oid storage, AclMode acl)
{
	bool missing = false;
	AclResult result;

	if (acl == ACL_NO_RIGHTS)
	{
		/* the ownership check raises for a table that is gone: ask for it first */
		(void) pg_class_aclcheck_ext(storage, GetUserId(), ACL_SELECT, &missing);
		if (missing)
			return false;
		if (!pgt_class_ownercheck(storage, GetUserId()))
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("must be owner of model %s", name)));
		return true;
	}
	result = pg_class_aclcheck_ext(storage, GetUserId(), acl, &missing);
	if (missing)
		return false;
	if (result != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE), errmsg("permission denied for model %s", name)));
	return true;
}

/* ---------------------------------------------------------------------------
 * Opening
 * --------------------------------------------------------------------------- */

static void
describe(PgtModel *model, const char *name, const ModelRow *row, bool latest)
{
	memset(model, 0, sizeof(*model));
	model->id = row->id;
	strlcpy(model->name, name, NAMEDATALEN);
	model->storage = row->storage;
	model->deployed = row->deployed;
	model->latest = latest;
}

void
pgt_model_open(PgtModel *model, const char *reference)
{
	char name[NAMEDATALEN];
	int32 version;
	Snapshot snapshot;
	ModelRow row;

	parse_reference(reference, name, &version);
	snapshot = pgt_catalog_snapshot(false);
	if (!find_row(name, snapshot, &row) || !pgt_storage_exists(row.storage, row.id) ||
		!check_privilege(name, row.storage, ACL_SELECT))
		no_such_model(name);
	describe(model, name, &row, false);
	open_version(model, reference, version, snapshot);
	UnregisterSnapshot(snapshot);
}

/*
 * Finds the row as it is committed now, and locks the storage table: privileges are checked before
 * waiting, and what was found is looked up again after, until it holds.
 */
static bool
lock_row(const char *name, AclMode acl, LOCKMODE lock, ModelRow *row)
{
	Oid locked = InvalidOid;

	for (;;)
	{
		Snapshot snapshot = pgt_catalog_snapshot(true);
		bool found = find_row(name, snapshot, row);

		UnregisterSnapshot(snapshot);
		if (!found || !pgt_storage_exists(row->storage, row->id) ||
			!check_privilege(name, row->storage, acl))
			row->storage = InvalidOid;
		if (row->storage == locked)
			return OidIsValid(locked);
		if (OidIsValid(locked))
			UnlockRelationOid(locked, lock);
		locked = row->storage;
		if (!OidIsValid(locked))
			return false;
		LockRelationOid(locked, lock); /* reads invalidations, too */
	}
}

void
pgt_model_open_to_train(PgtModel *model, const char *reference)
{
	char name[NAMEDATALEN];
	int32 version;
	Snapshot snapshot;
	ModelRow row;

	parse_reference(reference, name, &version);
	if (!lock_row(name, ACL_UPDATE, ShareUpdateExclusiveLock, &row))
		no_such_model(name);
	describe(model, name, &row, true);

	if (IsolationUsesXactSnapshot())
	{
		ModelRow old;
		Snapshot own = RegisterSnapshot(GetTransactionSnapshot());
		bool same = find_row(name, own, &old) && old.id == row.id && old.deployed == row.deployed &&
					newest_version(row.id, own) == pgt_model_newest_version(model);

		UnregisterSnapshot(own);
		if (!same)
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("could not serialize access due to concurrent training of model \"%s\"", name)));
	}

	snapshot = pgt_catalog_snapshot(true);
	open_version(model, reference, version, snapshot);
	UnregisterSnapshot(snapshot);
}

bool
pgt_model_open_to_change(PgtModel *model, const char *name, AclMode acl, LOCKMODE lock,
						 bool missing_ok)
{
	ModelRow row;

	check_name(name);
	if (!lock_row(name, acl, lock, &row))
	{
		if (missing_ok)
			return false;
		no_such_model(name);
	}
	describe(model, name, &row, true);
	(void) pgt_model_find_version(model, row.deployed);
	return true;
}

char *
pgt_model_module(const PgtModel *model)
{
	const PgtCatalog *catalog = pgt_catalog();
	PgtKey key = {PGT_MODEL_ID, INT8OID, Int64GetDatum(model->id)};
	Snapshot snapshot = pgt_catalog_snapshot(model->latest);
	ModelRow row = {.want_module = true};

	pgt_catalog_scan(catalog->model, catalog->model_pkey, &key, 1, snapshot, read_model_row, &row);
	UnregisterSnapshot(snapshot);
	if (!row.found)
		no_such_model(model->name);
	return row.module;
}

/* ---------------------------------------------------------------------------
 * Changing
 * --------------------------------------------------------------------------- */

/*
 * After a write of one row: none means that the transaction's snapshot does not see the row that is
 * there now.
 */
static void
check_one_row(uint64 rows, const char *name)
{
	if (rows != 1)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("could not serialize access due to concurrent change of model \"%s\"", name)));
}

static void name_is_taken(const char *name) pg_attribute_noreturn();

static void
name_is_taken(const char *name)
{
	ereport(ERROR, (errcode(ERRCODE_DUPLICATE_OBJECT), errmsg("model \"%s\" already exists", name)));
}

/* Deletes versions and runs of a model; there are no foreign keys that would. */
static void
delete_history(int64 model)
{
	Oid type = INT8OID;
	Datum id = Int64GetDatum(model);

	(void) pgt_catalog_execute(
		"DELETE FROM pgtorch.epoch e USING pgtorch.run r WHERE e.run = r.id AND r.model = $1", 1,
		&type, &id, NULL, NULL);
	(void) pgt_catalog_execute("DELETE FROM pgtorch.run WHERE model = $1", 1, &type, &id, NULL,
							   NULL);
	(void) pgt_catalog_execute("DELETE FROM pgtorch.checkpoint WHERE model = $1", 1, &type, &id,
							   NULL, NULL);
}

/* Makes a name free: raises if a model has it, deletes the row of one whose storage is gone. */
static void
claim_name(const char *name)
{
	Snapshot snapshot = pgt_catalog_snapshot(true);
	ModelRow row;
	bool found = find_row(name, snapshot, &row);
	Oid type = INT8OID;
	Datum id;

	UnregisterSnapshot(snapshot);
	if (!found)
		return;
	if (pgt_storage_exists(row.storage, row.id))
		name_is_taken(name);
	id = Int64GetDatum(row.id);
	delete_history(row.id);
	(void) pgt_catalog_execute("DELETE FROM pgtorch.model WHERE id = $1", 1, &type, &id, NULL,
							   NULL);
}

static void
replace(PgtModel *model, const char *module)
{
	Oid types[2] = {INT8OID, TEXTOID};
	Datum values[2] = {Int64GetDatum(model->id), CStringGetTextDatum(module)};
	Snapshot snapshot = pgt_catalog_snapshot(true);

	pgt_storage_clear(model->storage, model->name, snapshot);
	UnregisterSnapshot(snapshot);
	delete_history(model->id);
	check_one_row(pgt_catalog_execute(
					  "UPDATE pgtorch.model SET module = $2, created_at = DEFAULT WHERE id = $1", 2,
					  types, values, NULL, NULL),
				  model->name);
}

void
pgt_model_create(PgtModel *model, const char *name, const char *module, bool or_replace)
{
	ModelRow row = {0};
	Oid types[4] = {INT8OID, TEXTOID, TEXTOID, REGCLASSOID};
	Datum values[4];

	check_name(name);
	if (or_replace &&
		pgt_model_open_to_change(model, name, ACL_NO_RIGHTS, ShareUpdateExclusiveLock, true))
	{
		replace(model, module);
		model->version = 0;
		return;
	}
	claim_name(name);

	/*
	 * a table of that number may be there without its row, restored from a dump of the schema alone
	 */
	do
	{
		if (pgt_catalog_execute("SELECT pg_catalog.nextval('pgtorch.model_id_seq')", 0, NULL, NULL,
								NULL, &row.id) != 1)
			elog(ERROR, "could not get a model id");
	} while (pgt_storage_is_taken(row.id));
	row.storage = pgt_storage_create(row.id);
	row.deployed = 1;

	values[0] = Int64GetDatum(row.id);
	values[1] = CStringGetTextDatum(name);
	values[2] = CStringGetTextDatum(module);
	values[3] = ObjectIdGetDatum(row.storage);
	/* waits for a concurrent creator of the same name */
	if (pgt_catalog_execute(
			"INSERT INTO pgtorch.model (id, name, module, storage, deployed)"
			" OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, $4, 1) ON CONFLICT (name) DO NOTHING",
			4, types, values, NULL, NULL) != 1)
		name_is_taken(name);
	describe(model, name, &row, true);
}

void
pgt_model_drop(const PgtModel *model)
{
	Oid type = INT8OID;
	Datum id = Int64GetDatum(model->id);

	check_one_row(pgt_catalog_execute("DELETE FROM pgtorch.model WHERE id = $1", 1, &type, &id,
									  NULL, NULL),
				  model->name);
	delete_history(model->id);
	pgt_storage_drop(model->storage);
}

void
pgt_model_rename(const PgtModel *model, const char *new_name)
{
	Oid types[2] = {INT8OID, TEXTOID};
	Datum values[2] = {Int64GetDatum(model->id), CStringGetTextDatum(new_name)};

	check_name(new_name);
	claim_name(new_name);
	check_one_row(pgt_catalog_execute("UPDATE pgtorch.model SET name = $2 WHERE id = $1", 2, types,
									  values, NULL, NULL),
				  model->name);
}

void
pgt_model_deploy(const PgtModel *model, int32 version)
{
	Oid types[2] = {INT8OID, INT4OID};
	Datum values[2] = {Int64GetDatum(model->id), Int32GetDatum(version)};
	PgtModel found = *model;

	if (!pgt_model_find_version(&found, version))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("version %d of model \"%s\" does not exist", version, model->name),
				 errdetail("The newest version is %d.", pgt_model_newest_version(model))));
	check_one_row(pgt_catalog_execute("UPDATE pgtorch.model SET deployed = $2 WHERE id = $1", 2,
									  types, values, NULL, NULL),
				  model->name);
}
