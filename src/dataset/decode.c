/*
 * decode.c
 *	  The decoder (decode.h): made from columns, fitted to a first row, run on every row.
 *
 * layout.c and composite.c say what goes where, reader.c and labels.c do the reading.
 *
 * Memory: the decoder lives in the caller's context, its plan and labels in a child of that.
 * Errors: raised, with the names of columns, and rows in training.
 */
#include "postgres.h"

#include "dataset/layout.h"

#include "utils/memutils.h"

char *
pgt_column_text(const PgtDecoder *d, int column)
{
	const PgtColumn *c = &d->state->flat[column];

	return c->name ? psprintf("column \"%s\"", c->name) : psprintf("feature %d", column + 1);
}

bool
pgt_part_null(const PgtDecoder *d, int column)
{
	if (d->state->training)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s is null%s", pgt_column_text(d, column), pgt_row_text(d)),
				 errhint("Leave such rows out of the query, or replace the value with coalesce.")));
	return false;
}

PgtDecoder *
pgt_decoder_new(MemoryContext cxt, const PgtColumn *columns, int ncolumns,
				const PgtDecodeSpec *spec)
{
	MemoryContext old = MemoryContextSwitchTo(cxt);
	PgtDecoder *d = palloc0(sizeof(PgtDecoder));
	PgtDecoderState *s = palloc0(sizeof(PgtDecoderState));

	Assert(spec->ninputs >= 1);
	d->state = s;
	d->ninputs = spec->ninputs;
	d->inputs = palloc(spec->ninputs * sizeof(PgtField));
	for (int i = 0; i < spec->ninputs; i++)
	{
		d->inputs[i] = spec->inputs[i];
		d->inputs[i].name = pstrdup(spec->inputs[i].name);
	}
	d->target_kind = spec->target;
	d->target.name = "target";

	s->training = spec->training;
	s->given = palloc(spec->ninputs * sizeof(PgtField));
	memcpy(s->given, d->inputs, spec->ninputs * sizeof(PgtField));
	if (spec->target_shape != NULL && spec->target_shape->known)
	{
		s->has_given_target = true;
		s->given_target = *spec->target_shape;
	}
	s->ncolumns = ncolumns;
	s->columns = palloc(ncolumns * sizeof(PgtColumn));
	for (int i = 0; i < ncolumns; i++)
	{
		s->columns[i] = columns[i];
		if (columns[i].name)
			s->columns[i].name = pstrdup(columns[i].name);
	}
	s->nlabels = spec->nlabels;
	s->labels = palloc(spec->nlabels * sizeof(char *));
	for (int i = 0; i < spec->nlabels; i++)
		s->labels[i] = pstrdup(spec->labels[i]);
	s->plan = AllocSetContextCreate(cxt, "pgtorch decoder", ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(old);

	pgt_plan_make(d, NULL, NULL);
	return d;
}

bool
pgt_decoder_fit(PgtDecoder *d, const Datum *values, const bool *isnull)
{
	PgtDecoderState *s = d->state;

	if (d->ready)
		return true;
	if (s->training)
		d->row++;
	if (!s->planned && !pgt_plan_make(d, values, isnull))
	{
		for (int i = 0; s->training && i < s->ncolumns; i++)
		{
			if (isnull[i])
				ereport(ERROR,
						(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
						 errmsg("column \"%s\" is null%s", s->columns[i].name, pgt_row_text(d))));
		}
		return false;
	}
	if (s->ncomposite > 0)
	{
		if (!pgt_composite_expand(d, values, isnull))
			return false;
		values = s->values;
		isnull = s->isnull;
	}

	/* a row with a NULL decides nothing */
	for (int i = 0; i < s->npart; i++)
	{
		if (!s->part[i].known && isnull[s->part[i].first])
			return pgt_part_null(d, s->part[i].first);
	}
	if (!d->ready)
		pgt_plan_fit(d, values);
	if (s->training)
		d->row--;
	return d->ready;
}

bool
pgt_decoder_row(PgtDecoder *d, const Datum *values, const bool *isnull, void *row)
{
	PgtDecoderState *s = d->state;

	Assert(d->ready);
	if (s->training)
		d->row++;
	if (unlikely(s->ncomposite > 0))
	{
		if (!pgt_composite_expand(d, values, isnull))
			return false;
		values = s->values;
		isnull = s->isnull;
	}
	for (int i = 0; i < s->npart; i++)
	{
		if (unlikely(!s->part[i].read(d, &s->part[i], values, isnull, row)))
			return false;
	}
	return true;
}

char **
pgt_decoder_labels(PgtDecoder *d, int *nlabels, int64 **remap)
{
	*nlabels = 0;
	*remap = NULL;
	if (!d->has_labels || d->state->label_part == NULL)
		return NULL;
	return pgt_labels_finish(d->state->label_part->labels, nlabels, remap);
}
