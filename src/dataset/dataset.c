/*
 * dataset.c
 *	  Runs a query and writes its rows into a file of fixed-stride rows (dataset.h).
 *
 * The query goes through SPI with a DestReceiver of our own: the executor hands over each row in its
 * slot, the decoder writes it into a block of about 1 MB, full blocks go to the file.  Class labels
 * that were not known before get their final index at the end, when they can be sorted: one pass over
 * a writable mapping of the file, only if the order of appearance was not the sorted one.
 *
 * Memory: the result in the caller's context; values fetched from TOAST in a context reset per row.
 * Errors: the resource owner closes and removes the file, whatever happens.
 */
#include "postgres.h"

#include "dataset/dataset.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge/bridge.h"
#include "bridge/clock.h"
#include "dataset/query.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "tcop/dest.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define BLOCK_BYTES (1024 * 1024)

/* The DestReceiver, and all that a reading needs. */
typedef struct Reading
{
	DestReceiver dest;
	const PgtDatasetSpec *spec;
	MemoryContext cxt;	   /* of the result */
	MemoryContext row_cxt; /* reset after each row */
	PgtDecoder *decoder;
	PgtDataset *dataset;
	char *block;
	Size block_bytes; /* a multiple of the stride */
	Size used;
} Reading;

/* ---- columns ---- */

static void
mark_targets(const PgtDatasetSpec *spec, PgtColumn *columns, int n)
{
	if (spec->decode.target == PGT_TARGET_NONE)
		return;
	if (spec->ntargets == 0)
	{
		if (n > 0)
			columns[n - 1].target = true;
		return;
	}
	for (int i = 0; i < spec->ntargets; i++)
	{
		PgtColumn *found = NULL;

		for (int j = 0; j < n; j++)
		{
			if (strcmp(columns[j].name, spec->targets[i]) != 0)
				continue;
			if (found != NULL)
				ereport(ERROR,
						(errcode(ERRCODE_AMBIGUOUS_COLUMN),
						 errmsg("target column \"%s\" is ambiguous", spec->targets[i]),
						 errdetail("The query has several columns of that name.")));
			found = &columns[j];
		}
		if (found == NULL)
		{
			StringInfoData names;

			initStringInfo(&names);
			for (int j = 0; j < n; j++)
				appendStringInfo(&names, "%s%s", j ? ", " : "", quote_identifier(columns[j].name));
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("target column \"%s\" does not exist", spec->targets[i]),
					 errhint("The columns of the query are %s.", names.data)));
		}
		if (found->target)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_COLUMN),
					 errmsg("target column \"%s\" is given twice", spec->targets[i])));
		found->target = true;
	}
}

static void
startup(DestReceiver *self, int operation pg_attribute_unused(), TupleDesc desc)
{
	Reading *r = (Reading *) self;
	PgtDecodeSpec spec = r->spec->decode;
	PgtColumn *columns = palloc0(desc->natts * sizeof(PgtColumn));

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		columns[i].name = NameStr(att->attname);
		columns[i].type = att->atttypid;
		columns[i].typmod = att->atttypmod;
	}
	mark_targets(r->spec, columns, desc->natts);
	spec.training = true;
	r->decoder = pgt_decoder_new(r->cxt, columns, desc->natts, &spec);
	pfree(columns);
}

/* ---- rows ---- */

static void
flush(Reading *r)
{
	PgtDataset *set = r->dataset;
	Size done = 0;

	while (done < r->used)
	{
		int want = (int) Min(r->used - done, (Size) BLOCK_BYTES);
		int wrote;

		CHECK_FOR_INTERRUPTS();
		errno = 0;
		wrote = FileWrite(set->file, r->block + done, want, (off_t) (set->bytes + done),
						  PG_WAIT_EXTENSION);
		if (wrote != want)
		{
			if (wrote >= 0 || errno == 0)
				errno = ENOSPC;
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not write dataset file \"%s\": %m", FilePathName(set->file))));
		}
		done += want;
	}
	set->bytes += r->used;
	r->used = 0;
}

static void
make_block(Reading *r)
{
	Size stride = r->decoder->stride;

	r->dataset->stride = stride;
	r->block_bytes = Max(BLOCK_BYTES / stride, 1) * stride;
	/* zeroed: the padding between fields is never written */
	r->block =
		MemoryContextAllocExtended(r->cxt, r->block_bytes, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

static bool
receive(TupleTableSlot *slot, DestReceiver *self)
{
	Reading *r = (Reading *) self;
	MemoryContext old = MemoryContextSwitchTo(r->row_cxt);

	slot_getallattrs(slot);
	if (unlikely(r->block == NULL))
	{
		/* in training a NULL raises, so the first row always fits */
		if (!pgt_decoder_fit(r->decoder, slot->tts_values, slot->tts_isnull))
			elog(ERROR, "dataset: the first row does not say its shapes");
		make_block(r);
	}
	if (!pgt_decoder_row(r->decoder, slot->tts_values, slot->tts_isnull, r->block + r->used))
		elog(ERROR, "dataset: a row was not read");
	r->used += r->dataset->stride;
	r->dataset->rows++;
	if (r->used == r->block_bytes)
		flush(r);
	MemoryContextSwitchTo(old);
	MemoryContextReset(r->row_cxt);
	return true;
}

static void
shutdown_nothing(DestReceiver *self pg_attribute_unused())
{
}

/* Class indices from order of appearance to sorted order. */
static void
remap_labels(const PgtDataset *set, const int64 *remap)
{
	int fd = OpenTransientFile(set->path, O_RDWR | PG_BINARY);
	char *map;

	if (fd < 0)
		ereport(ERROR,
				(errcode_for_file_access(), errmsg("could not open dataset file \"%s\": %m", set->path)));
	map = mmap(NULL, set->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		ereport(ERROR,
				(errcode_for_file_access(), errmsg("could not map dataset file \"%s\": %m", set->path)));
	PG_TRY();
	{
		for (int64 i = 0; i < set->rows; i++)
		{
			char *index = map + i * set->stride + set->target.offset;

			if (set->target.dtype == PT_INT64)
				*(int64 *) index = remap[*(int64 *) index];
			else
				*(float *) index = remap[(int64) * (float *) index];
			if (i % 65536 == 0)
				CHECK_FOR_INTERRUPTS();
		}
	}
	PG_FINALLY();
	{
		munmap(map, set->bytes);
	}
	PG_END_TRY();
	CloseTransientFile(fd);
}

/* Describes what was written, and gives labels their final indices. */
static void
complete(Reading *r)
{
	PgtDataset *set = r->dataset;
	const PgtDecoder *d = r->decoder;
	int64 *remap;

	if (r->used > 0)
		flush(r);
	if (r->block != NULL)
		pfree(r->block);
	set->path = pstrdup(FilePathName(set->file));
	set->ninputs = d->ninputs;
	set->inputs = d->inputs;
	set->target_kind = d->target_kind;
	set->target = d->target;
	set->labels = pgt_decoder_labels(r->decoder, &set->nlabels, &remap);
	if (d->has_labels)
		set->label_type = format_type_be(d->label_type);
	if (d->has_labels && d->target_kind == PGT_TARGET_BINARY && set->nlabels != 2 && set->rows > 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg_plural("the target column has %d distinct label, but a binary loss takes two",
									  "the target column has %d distinct labels, but a binary loss takes two",
									  set->nlabels, set->nlabels),
						errhint("For more labels there is nn.CrossEntropyLoss().")));
	if (remap != NULL && set->rows > 0)
		remap_labels(set, remap);
}

PgtDataset *
pgt_dataset_read(const char *query, const PgtDatasetSpec *spec)
{
	Reading r = {0};
	SPIExecuteOptions execute = {0};
	SPIPlanPtr plan;
	instr_time start;
	int rc;

	INSTR_TIME_SET_CURRENT(start);
	r.dest.receiveSlot = receive;
	r.dest.rStartup = startup;
	r.dest.rShutdown = shutdown_nothing;
	r.dest.rDestroy = shutdown_nothing;
	r.dest.mydest = DestNone;
	r.spec = spec;
	r.cxt = CurrentMemoryContext;
	r.row_cxt = AllocSetContextCreate(r.cxt, "pgtorch dataset row", ALLOCSET_DEFAULT_SIZES);
	r.dataset = palloc0(sizeof(PgtDataset));

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	plan = pgt_query_prepare(query, "dataset", CURSOR_OPT_PARALLEL_OK);

	/* before the query runs: the file belongs to the caller's resource owner */
	r.dataset->file = OpenTemporaryFile(false);
	execute.read_only = true;
	execute.must_return_tuples = true;
	execute.dest = &r.dest;
	rc = SPI_execute_plan_extended(plan, &execute);
	if (rc < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(rc));
	SPI_finish();

	/* SPI_finish went back to the caller's context */
	Assert(CurrentMemoryContext == r.cxt);
	complete(&r);
	MemoryContextDelete(r.row_cxt);
	r.dataset->seconds = pgt_seconds_since(start);
	return r.dataset;
}

void
pgt_dataset_close(PgtDataset *dataset)
{
	if (dataset->file > 0)
		FileClose(dataset->file);
	dataset->file = 0;
}

/* ---- mapping ---- */

static void
unmap(void *arg)
{
	PgtMapping *m = arg;

	if (m->data != NULL)
		munmap(unconstify(char *, m->data), m->size);
	m->data = NULL;
}

PgtMapping *
pgt_dataset_map(MemoryContext cxt, const char *path, size_t size)
{
	PgtMapping *m = MemoryContextAllocZero(cxt, sizeof(PgtMapping));
	struct stat st;
	void *map;
	int fd;

	m->size = size;
	if (size == 0)
		return m;
	fd = OpenTransientFile(path, O_RDONLY | PG_BINARY);
	if (fd < 0)
		ereport(ERROR,
				(errcode_for_file_access(), errmsg("could not open dataset file \"%s\": %m", path)));
	if (fstat(fd, &st) < 0)
		ereport(ERROR,
				(errcode_for_file_access(), errmsg("could not stat dataset file \"%s\": %m", path)));
	if ((uint64) st.st_size < size)
		ereport(ERROR,
				(errcode(ERRCODE_IO_ERROR),
				 errmsg("dataset file \"%s\" has %lld bytes, not %zu", path, (long long) st.st_size, size)));
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		ereport(ERROR,
				(errcode_for_file_access(), errmsg("could not map dataset file \"%s\": %m", path)));
	CloseTransientFile(fd);
	m->data = map;
	pgt_release_with(cxt, unmap, m);
	return m;
}
