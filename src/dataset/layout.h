/*
 * layout.h
 *	  What a decoder is inside: its columns in groups and parts, and how they are laid out.  Private to src/dataset.
 *
 * The columns are first made flat: a composite column is replaced by its own columns.  Flat
 * columns are grouped into fields (the inputs, and the target), each a list of parts.  A part is
 * an array or tensor column, or a run of neighbouring scalar columns of one type.
 */
#ifndef PGT_LAYOUT_H
#define PGT_LAYOUT_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "dataset/reader.h"

/* A composite column. */
typedef struct PgtComposite
{
	int arg;
	Oid type; /* of the values seen last */
	int32 typmod;
	uint64 version; /* of the row type, which a session may alter between two calls of predict */
	TupleDesc desc; /* NULL: a record that was not seen yet */
	Datum *values;	/* desc->natts */
	bool *isnull;
} PgtComposite;

/* The parts of a field: an input or the target. */
typedef struct PgtGroup
{
	int first; /* part */
	int n;
	bool join;
} PgtGroup;

typedef struct PgtDecoderState
{
	MemoryContext layout_cxt;
	bool training;

	int ncolumns;
	PgtColumn *columns;
	PgtField *given;	   /* inputs as the caller gave them */
	bool has_given_target; /* target as given */
	PgtField given_target;
	int nlabels;
	char **labels;

	/* the layout, in layout_cxt; grouped: what follows is there */
	bool grouped;
	int ncomposite;
	PgtComposite *composite;
	int nflat;
	PgtColumn *flat;
	Datum *values; /* of flat columns, if there are composites */
	bool *isnull;
	int npart;
	PgtPart *part;
	PgtGroup *group; /* ninputs, then the target */
	PgtPart *label_part;
} PgtDecoderState;

/* composite.c: flat columns.  Values may be NULL; false if a record's columns are unknown without. */
extern bool pgt_composite_flatten(PgtDecoderState *s, const Datum *values, const bool *isnull);
/* Takes composite values apart, into s->values and s->isnull; false for a NULL (an error in training). */
extern bool pgt_composite_expand(PgtDecoder *d, const Datum *values, const bool *isnull);

/* layout.c: groups the columns, from a row if composite columns need one; d->ready if nothing more has to be known. */
extern bool pgt_layout_make(PgtDecoder *d, const Datum *values, const bool *isnull);
/* Fixes the shapes that are unknown from the flat values of a row, none of them NULL. */
extern void pgt_layout_fit(PgtDecoder *d, const Datum *values);

#endif
