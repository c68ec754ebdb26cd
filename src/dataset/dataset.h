/*
 * dataset.h
 *	  A query becomes a file of rows: read once, trained on many times.
 *
 * The query runs once, in the caller's backend, with his rights and snapshot, as any query of his
 * would: temporary tables, uncommitted rows, views, row-level security and parallel plans work.
 * Its rows go through a decoder (decode.h) into a file of fixed-stride rows under pgsql_tmp, which
 * is counted against temp_file_limit and disappears with the statement (or its failure).  Whoever
 * trains maps the file, in this process or another; the page cache is the RAM.
 */
#ifndef PGT_DATASET_H
#define PGT_DATASET_H

#include "postgres.h"

#include "dataset/decode.h"
#include "storage/fd.h"

typedef struct PgtDatasetSpec
{
	PgtDecodeSpec decode; /* .training is taken as true */
	int ntargets; /* 0: the target is the last column (unless decode.target is PGT_TARGET_NONE) */
	const char *const *targets;
} PgtDatasetSpec;

typedef struct PgtDataset
{
	int64 rows; /* may be 0: then shapes may be unknown, and the caller decides what that means */
	size_t stride; /* bytes a row; 0 with 0 rows */
	uint64 bytes;  /* rows x stride, the size of the file */
	int ninputs;
	PgtField *inputs; /* name, dtype, shape, offset */
	PgtTargetKind target_kind;
	PgtField target;
	int nlabels;	  /* labels of a text, enum or boolean target; 0 if it has none */
	char **labels;	  /* position = class index */
	char *label_type; /* "text", "mood", ...; NULL without labels */
	double seconds;	  /* spent reading */
	/* of the file, relative to the data directory, which is the working directory of every backend */
	char *path;
	File file;
} PgtDataset;

/*
 * Runs the query and gives its rows; everything is allocated in the current memory context, the file
 * belongs to the current resource owner.  Refuses what is not one plain SELECT, VALUES, TABLE or
 * WITH (0A000), an unknown target (42703), columns that cannot be read (42804), NULLs (22004).
 */
extern PgtDataset *pgt_dataset_read(const char *query, const PgtDatasetSpec *spec);

/* Closes (and so removes) the file now; mappings stay valid. */
extern void pgt_dataset_close(PgtDataset *dataset);

typedef struct PgtMapping
{
	const char *data; /* row i is at data + i * stride; NULL when size is 0 */
	size_t size;
} PgtMapping;

/*
 * Maps the file read-only, in any process of the server that is told path and size (dataset->bytes).
 * Unmapped when cxt goes.  Raises 58P01 or 58030 if it cannot be.
 */
extern PgtMapping *pgt_dataset_map(MemoryContext cxt, const char *path, size_t size);

#endif
