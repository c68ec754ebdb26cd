/*
 * reader.h
 *	  Readers: functions that copy the value of one column, or of a run of scalar columns of one
 *	  type, into a row.  Private to src/dataset.
 *
 * A part is a piece of an input or of the target that one reader fills.  layout.c makes the
 * parts and knows where they go; reader.c knows the types.
 */
#ifndef PGT_READER_H
#define PGT_READER_H

#include "postgres.h"

#include "compat.h"
#include "dataset/decode.h"
#include "dataset/labels.h"

typedef struct PgtPart PgtPart;

/* Fills the part; false for a NULL (an error with training).  values and isnull are of all flat columns. */
typedef bool (*PgtPartReader)(const PgtDecoder *d, const PgtPart *part, const Datum *values,
							  const bool *isnull, char *row);

/* Converts n elements (unaligned) into the part's dtype (aligned); the first that cannot be, or -1. */
typedef int64 (*PgtConvert)(const char *from, int64 n, char *to);

typedef enum PgtTypeKind
{
	PGT_KIND_SCALAR,
	PGT_KIND_ARRAY,
	PGT_KIND_TENSOR
} PgtTypeKind;

/* What is readable of an SQL type. */
typedef struct PgtSource
{
	PgtTypeKind kind;
	Oid type;	   /* base type of the column */
	Oid element;   /* base type of its elements; of a scalar, the same */
	bool numeric;  /* elements are numeric, read as float64 */
	PtDtype dtype; /* of the elements; not for a tensor */
} PgtSource;

struct PgtPart
{
	PgtPartReader read;
	int first; /* flat column */
	int n;	   /* flat columns */
	PgtSource source;
	PtDtype to;			/* PT_FLOAT32 or PT_INT64 */
	PgtConvert convert; /* of an array */
	PgtLabels *labels;
	bool
		join; /* part of a vector: any shape of at most one dimension and this many elements does */
	bool known;	  /* shape and numel are */
	bool trained; /* shape comes from the model, not from the first row */
	PtShape shape;
	int64 numel;
	size_t offset;
};

/* False if the type cannot be read. */
extern bool pgt_source_of(Oid type, PgtSource *source);

/* Chooses part->read and part->convert by source, to and labels. */
extern void pgt_part_reader(PgtPart *part);

/* The shape (and, of a tensor, the dtype) of a value of an array or tensor column; not NULL. */
extern void pgt_source_shape(const PgtSource *source, Datum value, PtShape *shape, PtDtype *dtype);

#endif
