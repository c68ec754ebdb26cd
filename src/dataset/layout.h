/*
 * layout.h
 *	  What a decoder is inside: its plan and how that is made.  Private to src/dataset.
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
	int first; /* flat column of its first column */
	Oid type;  /* of the values seen last */
	int32 typmod;
	uint64 version; /* of the row type, which a session may alter between two calls of predict */
	TupleDesc desc; /* NULL: a record that was not seen yet */
	Datum *values;	/* desc->natts */
	bool *isnull;
} PgtComposite;

/* A field while it is planned: which parts are its own. */
typedef struct PgtFieldPlan
{
	int first; /* part */
	int n;
	bool join;
} PgtFieldPlan;

typedef struct PgtDecoderState
{
	MemoryContext plan;
	bool training;

	int ncolumns;
	PgtColumn *columns;
	PgtField *given;	   /* inputs as the caller gave them */
	bool has_given_target; /* target as given */
	PgtField given_target;
	int nlabels;
	char **labels;

	/* the plan */
	bool planned;
	int ncomposite;
	PgtComposite *composite;
	int nflat;
	PgtColumn *flat;
	Datum *values; /* of flat columns, if there are composites */
	bool *isnull;
	int npart;
	PgtPart *part;
	PgtFieldPlan *group; /* ninputs, then the target */
	PgtPart *label_part;
} PgtDecoderState;

/* composite.c: flat columns.  Values may be NULL; false if a record's columns are unknown without. */
extern bool pgt_composite_flatten(PgtDecoderState *s, const Datum *values, const bool *isnull);
/* Takes composite values apart, into s->values and s->isnull; false for a NULL (an error in training). */
extern bool pgt_composite_expand(PgtDecoder *d, const Datum *values, const bool *isnull);

/* layout.c: makes the plan, from a row if composite columns need one; d->ready if nothing more has to be known. */
extern bool pgt_plan_make(PgtDecoder *d, const Datum *values, const bool *isnull);
/* Fixes the shapes that are unknown from the flat values of a row, none of them NULL. */
extern void pgt_plan_fit(PgtDecoder *d, const Datum *values);

#endif
