/*
 * chunks.c
 *	  Making, checking, reading, writing and dropping storage tables.
 *
 * Chunks are written in batches of a few pages with table_multi_insert, so that a chunk is one
 * page, one WAL record shared by several, and one index entry.
 *
 * Errors: a table that its owner altered is 55000; chunks that are not what was written are XX001.
 */
#include "postgres.h"

#include "store/chunks.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/dependency.h"
#include "catalog/index.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_tablespace.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "commands/tablecmds.h"
#include "commands/tablespace.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "parser/parse_utilcmd.h"
#include "storage/lmgr.h"
#include "store/tables.h"
#include "tcop/tcopprot.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "compat.h"

enum
{
	COL_CHECKPOINT = 1,
	COL_PARAM,
	COL_SEQ,
	COL_DATA,
	NCOLS = COL_DATA,
	NKEYS = COL_SEQ
};

static const struct
{
	const char *name;
	Oid type;
} columns[NCOLS] = {
	{"checkpoint", INT8OID},
	{"param", INT4OID},
	{"seq", INT4OID},
	{"data", BYTEAOID},
};

/* Chunks written by one table_multi_insert. */
#define BATCH 16

/* ---------------------------------------------------------------------------
 * Creating and dropping
 * --------------------------------------------------------------------------- */

/*
 * CREATE TABLE under two users: the extension's owner has the right to create in pgtorch_store, the
 * current user will own it.  What the user chose by settings must be allowed to him, not to the
 * other.
 */
Oid
pgt_storage_create(int64 model)
{
	Oid store_owner = pgt_catalog()->owner;
	Oid tablespace = GetDefaultTablespace(RELPERSISTENCE_PERMANENT, false);
	Oid relid = InvalidOid;
	char *sql;
	List *statements;
	ListCell *lc;
	Oid user;
	int security;

	GetUserIdAndSecContext(&user, &security);
	if (OidIsValid(tablespace) && tablespace != MyDatabaseTableSpace)
	{
		AclResult acl = pgt_tablespace_aclcheck(tablespace, user, ACL_CREATE);

		if (acl != ACLCHECK_OK)
			aclcheck_error(acl, OBJECT_TABLESPACE, get_tablespace_name(tablespace));
	}

	sql = psprintf(
		"CREATE TABLE pgtorch_store.m_" INT64_FORMAT
		" (checkpoint pg_catalog.int8, param pg_catalog.int4, seq pg_catalog.int4,"
		" data pg_catalog.bytea NOT NULL, PRIMARY KEY (checkpoint, param, seq)) USING heap",
		model);
	statements = pg_parse_query(sql);

	SetUserIdAndSecContext(store_owner, security | SECURITY_LOCAL_USERID_CHANGE);
	statements = transformCreateStmt((CreateStmt *) linitial_node(RawStmt, statements)->stmt, sql);
	foreach (lc, statements)
	{
		Node *node = lfirst(lc);

		if (IsA(node, CreateStmt))
		{
			CreateStmt *stmt = (CreateStmt *) node;
			ListCell *element;

			foreach (element, stmt->tableElts)
			{
				ColumnDef *column = lfirst_node(ColumnDef, element);

				if (strcmp(column->colname, columns[COL_DATA - 1].name) == 0)
					column->storage = TYPSTORAGE_PLAIN;
			}
			relid = DefineRelation(stmt, RELKIND_RELATION, user, NULL, sql).objectId;
			CommandCounterIncrement();
		}
		else if (IsA(node, IndexStmt))
			pgt_define_index(relid, (IndexStmt *) node);
		else
			elog(ERROR, "unexpected statement in CREATE TABLE: %d", (int) nodeTag(node));
	}
	SetUserIdAndSecContext(user, security);
	CommandCounterIncrement();
	return relid;
}

static const char *
storage_name(int64 model, char *name)
{
	snprintf(name, NAMEDATALEN, "m_" INT64_FORMAT, model);
	return name;
}

bool
pgt_storage_is_taken(int64 model)
{
	char name[NAMEDATALEN];

	return OidIsValid(get_relname_relid(storage_name(model, name), pgt_catalog()->store));
}

bool
pgt_storage_exists(Oid storage, int64 model)
{
	HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(storage));
	Form_pg_class form;
	char name[NAMEDATALEN];
	bool exists;

	if (!HeapTupleIsValid(tuple))
		return false;
	form = (Form_pg_class) GETSTRUCT(tuple);
	storage_name(model, name);
	exists =
		form->relnamespace == pgt_catalog()->store && strcmp(NameStr(form->relname), name) == 0;
	ReleaseSysCache(tuple);
	return exists;
}

void
pgt_storage_drop(Oid storage)
{
	ObjectAddress address;

	ObjectAddressSet(address, RelationRelationId, storage);
	performDeletion(&address, DROP_RESTRICT, 0);
}

/* ---------------------------------------------------------------------------
 * Opening
 * --------------------------------------------------------------------------- */

static void altered(const char *model, const char *what) pg_attribute_noreturn();

static void
altered(const char *model, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the storage table of model \"%s\" was altered", model),
			 errdetail("%s", what),
			 errhint("Undo the change, or create the model again.")));
}

/*
 * The single index, which must be the primary key as it was made: another could run its owner's
 * functions.
 */
static Relation
open_index(Relation rel, const char *model, LOCKMODE lock)
{
	List *indexes = RelationGetIndexList(rel);
	Relation index;
	Form_pg_index form;

	if (list_length(indexes) != 1)
		altered(model, "It must have its primary key and no other index.");
	index = index_open(linitial_oid(indexes), lock);
	form = index->rd_index;
	if (!form->indisunique || !form->indisvalid || !form->indimmediate ||
		index->rd_rel->relam != BTREE_AM_OID || form->indnatts != NKEYS ||
		form->indnkeyatts != NKEYS ||
		!heap_attisnull(index->rd_indextuple, Anum_pg_index_indpred, NULL) ||
		form->indkey.values[0] != COL_CHECKPOINT || form->indkey.values[1] != COL_PARAM ||
		form->indkey.values[2] != COL_SEQ)
		altered(model, "Its index is not the primary key (checkpoint, param, seq).");
	for (int i = 0; i < NKEYS; i++)
	{
		if (index->rd_indoption[i] != 0 || index->rd_opcintype[i] != columns[i].type)
			altered(model, "Its index is not the primary key (checkpoint, param, seq).");
	}
	list_free(indexes);
	return index;
}

/*
 * Opens a storage table and its index.  The owner may have done anything to it, and who trains or
 * predicts may be somebody else: nothing that would run code of the owner's is let through.
 */
static Relation
open_storage(Oid storage, const char *model, LOCKMODE lock, Relation *index)
{
	Relation rel = try_relation_open(storage, lock);
	TupleDesc desc;

	if (rel == NULL)
		ereport(ERROR, (errcode(ERRCODE_UNDEFINED_OBJECT), errmsg("model \"%s\" does not exist", model)));
	desc = RelationGetDescr(rel);

	if (rel->rd_rel->relkind != RELKIND_RELATION || rel->rd_rel->relispartition)
		altered(model, "It must be an ordinary table, and no partition.");
	if (rel->rd_rel->relpersistence != RELPERSISTENCE_PERMANENT)
		altered(model, "It must be a logged table.");
	if (rel->rd_rules != NULL || rel->trigdesc != NULL) /* the flags of pg_class may be stale */
		altered(model, "It must have no rules, triggers or foreign keys.");
	if (rel->rd_rel->relrowsecurity || rel->rd_rel->relforcerowsecurity)
		altered(model, "It must have no row-level security.");
	if (desc->natts != NCOLS)
		altered(model, "It must have the columns checkpoint, param, seq and data, and no others.");
	for (int i = 0; i < NCOLS; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped || att->atttypid != columns[i].type || att->attgenerated != '\0' ||
			strcmp(NameStr(att->attname), columns[i].name) != 0)
			altered(
				model,
				"It must have the columns checkpoint bigint, param integer, seq integer, data bytea.");
	}
	if (desc->constr != NULL && desc->constr->num_check > 0)
		altered(model, "It must have no check constraints.");
	*index = open_index(rel, model, lock);
	return rel;
}

/* Copies elements between host order and little-endian. */
static void
copy_elements(void *to, const void *from, size_t bytes, size_t size)
{
#ifdef WORDS_BIGENDIAN
	const char *src = from;
	char *dst = to;

	for (size_t i = 0; i < bytes; i++)
		dst[i] = src[i / size * size + (size - 1 - i % size)];
#else
	(void) size;
	memcpy(to, from, bytes);
#endif
}

/* ---------------------------------------------------------------------------
 * Writing
 * --------------------------------------------------------------------------- */

struct PgtWriter
{
	Relation rel;
	Relation index;
	IndexInfo *index_info;
	BulkInsertState bulk;
	CommandId command;
	int64 checkpoint;
	int32 param; /* the next one's number */
	int n;		 /* slots that are filled */
	TupleTableSlot *slots[BATCH];
	bytea *chunks[BATCH];
};

PgtWriter *
pgt_writer_open(Oid storage, const char *model, int64 checkpoint)
{
	PgtWriter *writer = palloc0(sizeof(PgtWriter));

	writer->rel = open_storage(storage, model, RowExclusiveLock, &writer->index);
	writer->index_info = BuildIndexInfo(writer->index);
	writer->bulk = GetBulkInsertState();
	writer->command = GetCurrentCommandId(true);
	writer->checkpoint = checkpoint;
	for (int i = 0; i < BATCH; i++)
	{
		writer->slots[i] = MakeSingleTupleTableSlot(RelationGetDescr(writer->rel),
													table_slot_callbacks(writer->rel));
		writer->chunks[i] = palloc(VARHDRSZ + PGT_CHUNK_BYTES);
	}
	return writer;
}

static void
flush(PgtWriter *writer)
{
	if (writer->n == 0)
		return;
	CHECK_FOR_INTERRUPTS();
	table_multi_insert(writer->rel, writer->slots, writer->n, writer->command, 0, writer->bulk);
	for (int i = 0; i < writer->n; i++)
	{
		TupleTableSlot *slot = writer->slots[i];

		/* the key columns come first in the table, so the row's values are the index's too */
		(void) index_insert(writer->index, slot->tts_values, slot->tts_isnull, &slot->tts_tid,
							writer->rel, UNIQUE_CHECK_YES, false, writer->index_info);
		ExecClearTuple(slot);
	}
	writer->n = 0;
}

void
pgt_writer_param(PgtWriter *writer, const void *data, size_t bytes, size_t size)
{
	int32 seq = 0;

	StaticAssertStmt(PGT_CHUNK_BYTES % 8 == 0, "elements must not straddle chunks");
	for (size_t at = 0; at < bytes; at += PGT_CHUNK_BYTES)
	{
		size_t len = Min(bytes - at, PGT_CHUNK_BYTES);
		TupleTableSlot *slot = writer->slots[writer->n];
		bytea *chunk = writer->chunks[writer->n];

		copy_elements(VARDATA(chunk), (const char *) data + at, len, size);
		SET_VARSIZE(chunk, VARHDRSZ + len);

		ExecClearTuple(slot);
		memset(slot->tts_isnull, 0, NCOLS * sizeof(bool));
		slot->tts_values[COL_CHECKPOINT - 1] = Int64GetDatum(writer->checkpoint);
		slot->tts_values[COL_PARAM - 1] = Int32GetDatum(writer->param);
		slot->tts_values[COL_SEQ - 1] = Int32GetDatum(seq++);
		slot->tts_values[COL_DATA - 1] = PointerGetDatum(chunk);
		ExecStoreVirtualTuple(slot);
		if (++writer->n == BATCH)
			flush(writer);
	}
	writer->param++;
}

void
pgt_writer_close(PgtWriter *writer)
{
	flush(writer);
	for (int i = 0; i < BATCH; i++)
	{
		ExecDropSingleTupleTableSlot(writer->slots[i]);
		pfree(writer->chunks[i]);
	}
	FreeBulkInsertState(writer->bulk);
	index_close(writer->index, NoLock);
	table_close(writer->rel, NoLock);
	pfree(writer);
	CommandCounterIncrement();
}

void
pgt_storage_clear(Oid storage, const char *model, Snapshot snapshot)
{
	Relation index;
	Relation rel = open_storage(storage, model, RowExclusiveLock, &index);
	SysScanDesc scan = systable_beginscan_ordered(rel, index, snapshot, 0, NULL);
	HeapTuple row;

	while (HeapTupleIsValid(row = systable_getnext_ordered(scan, ForwardScanDirection)))
	{
		CHECK_FOR_INTERRUPTS();
		simple_table_tuple_delete(rel, &row->t_self, snapshot);
	}
	systable_endscan_ordered(scan);
	index_close(index, NoLock);
	table_close(rel, NoLock);
	CommandCounterIncrement();
}

/* ---------------------------------------------------------------------------
 * Reading
 * --------------------------------------------------------------------------- */

struct PgtValuesReader
{
	Relation rel;
	Relation index;
	SysScanDesc scan;
	const char *model;
	int32 version;
	int32 param; /* the next one's number */
};

PgtValuesReader *
pgt_values_open(Oid storage, const char *model, int32 version, int64 checkpoint, Snapshot snapshot)
{
	PgtValuesReader *reader = palloc0(sizeof(PgtValuesReader));
	ScanKeyData key;

	reader->model = model;
	reader->version = version;
	reader->rel = open_storage(storage, model, AccessShareLock, &reader->index);
	ScanKeyInit(&key, COL_CHECKPOINT, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(checkpoint));
	reader->scan = systable_beginscan_ordered(reader->rel, reader->index, snapshot, 1, &key);
	return reader;
}

static void damaged(const PgtValuesReader *reader, const char *detail) pg_attribute_noreturn();

static void
damaged(const PgtValuesReader *reader, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("the stored weights of model \"%s\" are damaged", reader->model),
			 errdetail("Version %d: %s", reader->version, detail)));
}

void
pgt_values_param(PgtValuesReader *reader, void *data, size_t bytes, size_t size)
{
	TupleDesc desc = RelationGetDescr(reader->rel);
	size_t at = 0;

	for (int32 seq = 0; at < bytes; seq++)
	{
		HeapTuple row = systable_getnext_ordered(reader->scan, ForwardScanDirection);
		Datum values[NCOLS];
		bool isnull[NCOLS];
		struct varlena *chunk;
		size_t len;

		CHECK_FOR_INTERRUPTS();
		if (!HeapTupleIsValid(row))
			damaged(reader, psprintf("parameter %d ends after %zu of %zu bytes.", reader->param, at,
									 bytes));
		heap_deform_tuple(row, desc, values, isnull);
		if (isnull[COL_PARAM - 1] || isnull[COL_SEQ - 1] || isnull[COL_DATA - 1] ||
			DatumGetInt32(values[COL_PARAM - 1]) != reader->param ||
			DatumGetInt32(values[COL_SEQ - 1]) != seq)
			damaged(reader, psprintf("chunk %d of parameter %d is missing.", seq, reader->param));

		chunk = PG_DETOAST_DATUM_PACKED(values[COL_DATA - 1]);
		len = VARSIZE_ANY_EXHDR(chunk);
		if (len == 0 || len > bytes - at || len % size != 0)
			damaged(reader, psprintf("chunk %d of parameter %d has %zu bytes, %zu are left of %zu.",
									 seq, reader->param, len, bytes - at, bytes));
		copy_elements((char *) data + at, VARDATA_ANY(chunk), len, size);
		at += len;
		if ((Pointer) chunk != DatumGetPointer(values[COL_DATA - 1]))
			pfree(chunk);
	}
	reader->param++;
}

void
pgt_values_close(PgtValuesReader *reader)
{
	if (HeapTupleIsValid(systable_getnext_ordered(reader->scan, ForwardScanDirection)))
		damaged(reader, "it has more chunks than it should.");
	systable_endscan_ordered(reader->scan);
	index_close(reader->index, AccessShareLock);
	table_close(reader->rel, AccessShareLock);
	pfree(reader);
}
