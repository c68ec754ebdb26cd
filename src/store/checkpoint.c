/*
 * checkpoint.c
 *	  Rows of pgtorch.checkpoint, and the weights that they stand for.
 *
 * dtype and shape are kept as text, 'float32(10,64)', one for each parameter and input, so that the
 * catalog can be read by people and holds no numbers of enums.
 */
#include "postgres.h"

#include "store/checkpoint.h"

#include "access/htup_details.h"
#include "bridge/bridge.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "port/pg_bswap.h"
#include "store/chunks.h"
#include "store/tables.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* ---------------------------------------------------------------------------
 * The hash
 * --------------------------------------------------------------------------- */

typedef struct Hash
{
	pg_cryptohash_ctx *ctx;
} Hash;

static void
hash_failed(const Hash *hash)
{
	elog(ERROR, "could not compute SHA-256: %s", pg_cryptohash_error(hash->ctx));
}

static void
hash_bytes(Hash *hash, const void *data, size_t len)
{
	/* in pieces, so that a cancel is heard */
	while (len > 0)
	{
		size_t n = Min(len, 4 * 1024 * 1024);

		CHECK_FOR_INTERRUPTS();
		if (pg_cryptohash_update(hash->ctx, data, n) < 0)
			hash_failed(hash);
		data = (const char *) data + n;
		len -= n;
	}
}

static void
hash_number(Hash *hash, int64 value)
{
	uint64 n = pg_hton64((uint64) value);

	hash_bytes(hash, &n, sizeof(n));
}

/* With its length, so that what follows cannot be mistaken for it; NULL is not ''. */
static void
hash_string(Hash *hash, const char *s)
{
	hash_number(hash, s ? (int64) strlen(s) : -1);
	if (s)
		hash_bytes(hash, s, strlen(s));
}

static void
hash_type(Hash *hash, const PtTensor *t)
{
	hash_string(hash, pt_dtype_name(t->dtype));
	hash_number(hash, t->shape.ndim);
	for (int i = 0; i < t->shape.ndim; i++)
		hash_number(hash, t->shape.dim[i]);
}

/* Elements as they are stored: little-endian. */
static void
hash_data(Hash *hash, const PtTensor *t, const void *data)
{
#ifdef WORDS_BIGENDIAN
	size_t size = pt_dtype_size(t->dtype);
	size_t bytes = pt_tensor_bytes(t);
	const char *src = data;
	char piece[4096];

	for (size_t at = 0; at < bytes; at += sizeof(piece))
	{
		size_t n = Min(sizeof(piece), bytes - at);

		for (size_t i = 0; i < n; i++)
			piece[i] = src[at + i / size * size + (size - 1 - i % size)];
		hash_bytes(hash, piece, n);
	}
#else
	hash_bytes(hash, data, pt_tensor_bytes(t));
#endif
}

/* Starts the hash with all but the elements. */
static void
hash_begin(Hash *hash, const char *module, const PgtCheckpoint *c)
{
	hash->ctx = pg_cryptohash_create(PG_SHA256);
	if (hash->ctx == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	if (pg_cryptohash_init(hash->ctx) < 0)
		hash_failed(hash);
	hash_string(hash, "pgtorch checkpoint 1");
	hash_string(hash, module);
	hash_string(hash, c->loss_module);
	hash_number(hash, c->ninputs);
	for (int i = 0; i < c->ninputs; i++)
		hash_type(hash, &c->inputs[i]);
	hash_string(hash, c->label_type);
	hash_number(hash, c->nlabels);
	for (int i = 0; i < c->nlabels; i++)
		hash_string(hash, c->labels[i]);
	hash_number(hash, c->nparams);
	for (int i = 0; i < c->nparams; i++)
	{
		hash_string(hash, c->names[i]);
		hash_type(hash, &c->params[i]);
	}
}

static void
hash_end(Hash *hash, uint8 *out)
{
	StaticAssertStmt(PGT_HASH_BYTES == PG_SHA256_DIGEST_LENGTH, "hash is SHA-256");
	if (pg_cryptohash_final(hash->ctx, out, PGT_HASH_BYTES) < 0)
		hash_failed(hash);
	pg_cryptohash_free(hash->ctx);
}

/* ---------------------------------------------------------------------------
 * Arrays of text, and types in them
 * --------------------------------------------------------------------------- */

static Datum
text_array(char *const *strings, int n)
{
	Datum *values = palloc(n * sizeof(Datum) + 1);

	for (int i = 0; i < n; i++)
		values[i] = CStringGetTextDatum(strings[i]);
	return PointerGetDatum(construct_array(values, n, TEXTOID, -1, false, TYPALIGN_INT));
}

static char **
text_strings(Datum array, int *n)
{
	Datum *values;
	bool *nulls;
	char **strings;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls,
					  n);
	strings = palloc(*n * sizeof(char *) + 1);
	for (int i = 0; i < *n; i++)
		strings[i] = nulls[i] ? pstrdup("") : TextDatumGetCString(values[i]);
	return strings;
}

static char *
print_type(const PtTensor *t)
{
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfo(&s, "%s(", pt_dtype_name(t->dtype));
	for (int i = 0; i < t->shape.ndim; i++)
		appendStringInfo(&s, i ? "," INT64_FORMAT : INT64_FORMAT, t->shape.dim[i]);
	appendStringInfoChar(&s, ')');
	return s.data;
}

/* Reads what print_type wrote; false for anything else. */
static bool
parse_type(const char *text, PtTensor *t)
{
	const char *open = strchr(text, '(');
	const char *p;
	char *name;
	PtError err;

	memset(t, 0, sizeof(*t));
	if (open == NULL)
		return false;
	name = pnstrdup(text, open - text);
	if (!pt_dtype_parse(name, &t->dtype, &err))
		return false;
	pfree(name);

	for (p = open + 1; *p != ')';)
	{
		char *end;

		if (t->shape.ndim == PT_MAX_DIM || (t->shape.ndim > 0 && *p++ != ',') ||
			!isdigit((unsigned char) *p))
			return false;
		errno = 0;
		t->shape.dim[t->shape.ndim++] = strtoi64(p, &end, 10);
		if (errno != 0)
			return false;
		p = end;
	}
	return p[1] == '\0' && pt_shape_check(&t->shape, t->dtype, NULL, &err);
}

static Datum
type_array(const PtTensor *types, int n)
{
	char **strings = palloc(n * sizeof(char *) + 1);

	for (int i = 0; i < n; i++)
		strings[i] = print_type(&types[i]);
	return text_array(strings, n);
}

static PtTensor *
parse_types(Datum array, int *n, const PgtModel *model)
{
	char **strings = text_strings(array, n);
	PtTensor *types = palloc(*n * sizeof(PtTensor) + 1);

	for (int i = 0; i < *n; i++)
	{
		if (!parse_type(strings[i], &types[i]))
			ereport(ERROR,
					(errcode(ERRCODE_DATA_CORRUPTED),
					 errmsg("the catalog row of version %d of model \"%s\" is damaged", model->version, model->name),
					 errdetail("\"%s\" is no dtype and shape.", strings[i])));
	}
	return types;
}

/* ---------------------------------------------------------------------------
 * Reading
 * --------------------------------------------------------------------------- */

typedef struct Get
{
	const PgtModel *model;
	PgtCheckpoint *checkpoint;
} Get;

static char *
text_or_null(Datum value, bool isnull)
{
	return isnull ? NULL : TextDatumGetCString(value);
}

static bool
read_row(HeapTuple row, TupleDesc desc, void *arg)
{
	Get *get = arg;
	PgtCheckpoint *c = palloc0(sizeof(PgtCheckpoint));
	Datum *values = palloc(desc->natts * sizeof(Datum));
	bool *isnull = palloc(desc->natts * sizeof(bool));
	bytea *hash;
	int nshapes;

#define COLUMN(name) values[PGT_CHECKPOINT_##name - 1]
#define NULL_COLUMN(name) isnull[PGT_CHECKPOINT_##name - 1]
	heap_deform_tuple(row, desc, values, isnull);
	c->id = DatumGetInt64(COLUMN(ID));
	c->version = DatumGetInt32(COLUMN(VERSION));
	hash = DatumGetByteaPP(COLUMN(HASH));
	memcpy(c->hash, VARDATA_ANY(hash), Min(VARSIZE_ANY_EXHDR(hash), PGT_HASH_BYTES));
	c->created_at = DatumGetTimestampTz(COLUMN(CREATED_AT));
	c->run = NULL_COLUMN(RUN) ? 0 : DatumGetInt64(COLUMN(RUN));
	c->epoch = NULL_COLUMN(EPOCH) ? 0 : DatumGetInt32(COLUMN(EPOCH));
	c->has_loss = !NULL_COLUMN(LOSS);
	c->loss = c->has_loss ? DatumGetFloat8(COLUMN(LOSS)) : 0;
	c->metrics = NULL_COLUMN(METRICS) ? NULL : DatumGetJsonbPCopy(COLUMN(METRICS));
	c->names = text_strings(COLUMN(NAMES), &c->nparams);
	c->params = parse_types(COLUMN(SHAPES), &nshapes, get->model);
	if (nshapes != c->nparams)
		elog(ERROR, "checkpoint " INT64_FORMAT " has %d names and %d shapes", c->id, c->nparams,
			 nshapes);
	c->loss_module = text_or_null(COLUMN(LOSS_MODULE), NULL_COLUMN(LOSS_MODULE));
	if (!NULL_COLUMN(INPUTS))
		c->inputs = parse_types(COLUMN(INPUTS), &c->ninputs, get->model);
	c->label_type = text_or_null(COLUMN(LABEL_TYPE), NULL_COLUMN(LABEL_TYPE));
	if (!NULL_COLUMN(LABELS))
		c->labels = text_strings(COLUMN(LABELS), &c->nlabels);
#undef COLUMN
#undef NULL_COLUMN

	pfree(values);
	pfree(isnull);
	get->checkpoint = c;
	return false;
}

PgtCheckpoint *
pgt_checkpoint_get(const PgtModel *model)
{
	const PgtCatalog *catalog = pgt_catalog();
	Snapshot snapshot = pgt_catalog_snapshot(model->latest);
	PgtKey key = {PGT_CHECKPOINT_ID, INT8OID, Int64GetDatum(model->checkpoint)};
	Get get = {model, NULL};

	pgt_catalog_scan(catalog->checkpoint, catalog->checkpoint_pkey, &key, 1, snapshot, read_row,
					 &get);
	UnregisterSnapshot(snapshot);
	if (get.checkpoint == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("version %d of model \"%s\" does not exist", model->version, model->name)));
	return get.checkpoint;
}

struct PgtWeights
{
	const PgtModel *model;
	const PgtCheckpoint *checkpoint;
	PgtValuesReader *reader;
	Snapshot snapshot;
	Hash hash;
	int next;
};

PgtWeights *
pgt_weights_open(const PgtModel *model, const PgtCheckpoint *checkpoint)
{
	PgtWeights *w = palloc0(sizeof(PgtWeights));

	w->model = model;
	w->checkpoint = checkpoint;
	w->snapshot = pgt_catalog_snapshot(model->latest);
	w->reader = pgt_values_open(model->storage, model->name, checkpoint->version, checkpoint->id,
								w->snapshot);
	hash_begin(&w->hash, pgt_model_module(model), checkpoint);
	return w;
}

void
pgt_weights_next(PgtWeights *w, void *data)
{
	const PtTensor *t = &w->checkpoint->params[w->next];

	Assert(w->next < w->checkpoint->nparams);
	pgt_values_param(w->reader, data, pt_tensor_bytes(t), pt_dtype_size(t->dtype));
	hash_data(&w->hash, t, data);
	w->next++;
}

void
pgt_weights_close(PgtWeights *w)
{
	uint8 hash[PGT_HASH_BYTES];

	Assert(w->next == w->checkpoint->nparams);
	pgt_values_close(w->reader);
	UnregisterSnapshot(w->snapshot);
	hash_end(&w->hash, hash);
	if (memcmp(hash, w->checkpoint->hash, PGT_HASH_BYTES) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("the stored weights of model \"%s\" are damaged", w->model->name),
				 errdetail("Version %d does not have the content hash that it was written with.",
						   w->checkpoint->version)));
	pfree(w);
}

void
pgt_checkpoint_read(const PgtModel *model, const PgtCheckpoint *checkpoint, void *const *data)
{
	PgtWeights *weights = pgt_weights_open(model, checkpoint);

	for (int i = 0; i < checkpoint->nparams; i++)
		pgt_weights_next(weights, data[i]);
	pgt_weights_close(weights);
}

/* ---------------------------------------------------------------------------
 * Writing
 * --------------------------------------------------------------------------- */

static void
write_weights(const PgtModel *model, const PgtCheckpoint *c)
{
	PgtWriter *writer = pgt_writer_open(model->storage, model->name, c->id);

	for (int i = 0; i < c->nparams; i++)
		pgt_writer_param(writer, c->params[i].data, pt_tensor_bytes(&c->params[i]),
						 pt_dtype_size(c->params[i].dtype));
	pgt_writer_close(writer);
}

int32
pgt_checkpoint_write(const PgtModel *model, PgtCheckpoint *c, bool deploy)
{
	static const char sql[] =
		"INSERT INTO pgtorch.checkpoint"
		" (model, version, hash, run, epoch, loss, metrics, names, shapes, loss_module, inputs, label_type, labels)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id";
	static const Oid types[] = {INT8OID,	  INT4OID,	BYTEAOID,	  INT8OID,		INT4OID,
								FLOAT8OID,	  JSONBOID, TEXTARRAYOID, TEXTARRAYOID, TEXTOID,
								TEXTARRAYOID, TEXTOID,	TEXTARRAYOID};
	Datum values[lengthof(types)];
	char nulls[lengthof(types)];
	char *module = pgt_model_module(model);
	bytea *hash_value = palloc(VARHDRSZ + PGT_HASH_BYTES);
	Hash hash;

	c->version = pgt_model_newest_version(model) + 1;
	hash_begin(&hash, module, c);
	for (int i = 0; i < c->nparams; i++)
		hash_data(&hash, &c->params[i], c->params[i].data);
	hash_end(&hash, c->hash);
	SET_VARSIZE(hash_value, VARHDRSZ + PGT_HASH_BYTES);
	memcpy(VARDATA(hash_value), c->hash, PGT_HASH_BYTES);

	pgt_catalog_set(0, values, nulls, true, Int64GetDatum(model->id));
	pgt_catalog_set(1, values, nulls, true, Int32GetDatum(c->version));
	pgt_catalog_set(2, values, nulls, true, PointerGetDatum(hash_value));
	pgt_catalog_set(3, values, nulls, c->run != 0, Int64GetDatum(c->run));
	pgt_catalog_set(4, values, nulls, c->epoch != 0, Int32GetDatum(c->epoch));
	pgt_catalog_set(5, values, nulls, c->has_loss, Float8GetDatum(c->loss));
	pgt_catalog_set(6, values, nulls, c->metrics != NULL, JsonbPGetDatum(c->metrics));
	pgt_catalog_set(7, values, nulls, true, text_array(c->names, c->nparams));
	pgt_catalog_set(8, values, nulls, true, type_array(c->params, c->nparams));
	pgt_catalog_set_text(9, values, nulls, c->loss_module);
	pgt_catalog_set(10, values, nulls, c->ninputs > 0, type_array(c->inputs, c->ninputs));
	pgt_catalog_set_text(11, values, nulls, c->label_type);
	pgt_catalog_set(12, values, nulls, c->nlabels > 0, text_array(c->labels, c->nlabels));
	if (pgt_catalog_execute(sql, lengthof(types), types, values, nulls, &c->id) != 1)
		elog(ERROR, "could not write a checkpoint of model \"%s\"", model->name);

	write_weights(model, c);
	if (deploy)
		pgt_model_deploy(model, c->version);
	return c->version;
}
