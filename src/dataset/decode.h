/*
 * decode.h
 *	  From the columns of a row to the bytes that a network reads.
 *
 * One decoder serves training (the rows of a dataset query) and inference (the arguments of
 * predict), so that both read a column in the same way.  It is made once for a list of columns
 * and a list of inputs, and chooses one reader per column.
 *
 * Which column feeds which input: as many inputs as feature columns, one column each; with one
 * input all feature columns join into one vector (scalars and arrays of one dimension), except
 * that a single array or tensor column keeps its shape; otherwise runs of neighbouring scalars
 * join, arrays and tensors stand alone, and that must give the number of inputs.  A scalar alone, and
 * a tensor of no dimensions, has shape [1].  A composite column stands for its own columns.
 *
 * A row: the inputs one after another, then the target, each aligned to its element size
 * and contiguous; the stride is a multiple of 8.  Padding bytes are zero if the caller's
 * buffer was.
 *
 * Use:
 *		d = pgt_decoder_new(cxt, columns, n, &spec);
 *		per row:
 *			if (!d->ready && !pgt_decoder_fit(d, values, isnull))
 *				... a NULL (only without spec.training): no row
 *			... once ready: d->stride, d->inputs[i].shape and .offset, d->target hold; allocate
 *			if (!pgt_decoder_row(d, values, isnull, row))
 *				... a NULL (only without spec.training): no row
 *
 * Memory: the decoder lives in cxt and dies with it.  Reading a row allocates in the current
 * memory context only to fetch toasted, compressed, expanded or composite values; the caller
 * resets that context from time to time (a function's per-tuple context does it by itself).
 */
#ifndef PGT_DECODE_H
#define PGT_DECODE_H

#include "postgres.h"

#include "engine/data/tensor.h"

/* More distinct labels than this, or more bytes of them, are refused (54000). */
#define PGT_MAX_LABELS 1000000
#define PGT_MAX_LABEL_BYTES (64 * 1024 * 1024)

typedef enum PgtTargetKind
{
	PGT_TARGET_NONE, /* every column is a feature */
	/* a label or an integer: int64 []; an array of integers: int64 of its shape; of floats: float32 [C] */
	PGT_TARGET_CLASS,
	/* k scalar columns: float32 [k]; an array: float32 of its shape */
	PGT_TARGET_VALUE,
	/* the same, but one column of labels: float32 [1], 0 for the first and 1 for the second */
	PGT_TARGET_BINARY
} PgtTargetKind;

/* A column of the query, or an argument of predict. */
typedef struct PgtColumn
{
	const char *name; /* for messages; NULL: "feature N" */
	Oid type;
	int32 typmod;
	bool target; /* feeds the target, not an input */
} PgtColumn;

/* An input or a target as it lies in a row. */
typedef struct PgtField
{
	const char *name; /* of the model's input; "target" */
	PtDtype dtype;	  /* PT_FLOAT32 or PT_INT64 */
	bool known;		  /* shape is valid */
	PtShape shape;	  /* of one row: without the batch dimension; ndim 0 for a class index */
	size_t offset;	  /* in the row, bytes; valid once the decoder is ready */
} PgtField;

typedef struct PgtDecodeSpec
{
	/* 1 or more; name, dtype (PT_INT64 if it feeds indices), and known + shape if earlier data fixed it */
	int ninputs;
	const PgtField *inputs;
	PgtTargetKind target;
	/* NULL, or dtype, known and shape that the targets must have (validation data) */
	const PgtField *target_shape;
	int nlabels;			   /* labels of the model's version, 0 if it has none yet */
	const char *const *labels; /* position = class index */
	bool training;			   /* NULL is an error (22004) and messages name row numbers */
} PgtDecodeSpec;

typedef struct PgtDecoder
{
	bool ready;	   /* all shapes, offsets and the stride are known */
	size_t stride; /* bytes a row, a multiple of 8, at least 8 */
	int ninputs;
	PgtField *inputs;
	PgtTargetKind target_kind;
	PgtField target; /* meaningless with PGT_TARGET_NONE */
	bool has_labels; /* the target column is text, enum or boolean: rows hold its label's index */
	Oid label_type;	 /* base type of that column, else InvalidOid */
	int64 row;		 /* with spec.training: rows read, for messages; else 0 */
	struct PgtDecoderState *state;
} PgtDecoder;

/*
 * Makes a decoder; copies what it needs of columns and spec into cxt.  Raises 42804 for a column type
 * that cannot be read or for columns that do not fit the number of inputs.  With composite columns
 * of type record these checks wait for the first row.
 */
extern PgtDecoder *pgt_decoder_new(MemoryContext cxt, const PgtColumn *columns, int ncolumns,
								   const PgtDecodeSpec *spec);

/*
 * Fixes the shapes that were unknown from this row, and the layout; true if the decoder is ready then,
 * false if a NULL hides a shape (with spec.training that is an error, 22004).  Reads no values.
 */
extern bool pgt_decoder_fit(PgtDecoder *decoder, const Datum *values, const bool *isnull);

/*
 * Writes one row of decoder->stride bytes (aligned to 8); the decoder must be ready.  False if a feature,
 * or an element of one, is NULL (with spec.training that is an error).  Errors name column and row:
 * 22023 a shape that differs, a label that is unknown; 22003 a number out of range of float32, a
 * fraction for an index.  NaN and infinities are taken as they are.
 */
extern bool pgt_decoder_row(PgtDecoder *decoder, const Datum *values, const bool *isnull,
							void *row);

/*
 * The labels, position = class index, in the decoder's context (NULL and 0 without labels).  Where the
 * spec gave none, they are what was read so far, sorted (text in C order, enum in its own order;
 * boolean is always false, true), and *remap says where each index that was written so far must go
 * (NULL: it stays); pass the target column of each row written through it.
 */
extern char **pgt_decoder_labels(PgtDecoder *decoder, int *nlabels, int64 **remap);

#endif
