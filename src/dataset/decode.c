/*
 * decode.c
 *	  The decoder (decode.h): made from columns, fitted to a first row, run on every row.
 *
 * layout.c and composite.c say what goes where, reader.c and labels.c do the reading.
 *
 * Memory: the decoder lives in the caller's context, its layout and labels in a child of that.
 * Errors: raised, with the names of columns, and rows in training.
 */
#include "postgres.h"

#include "dataset/messages.h"

#include "utils/memutils.h"

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
	s->layout_cxt = AllocSetContextCreate(cxt, "pgtorch decoder", ALLOCSET_SMALL_SIZES);
	MemoryContextSwitchTo(old);

	pgt_layout_make(d, NULL, NULL);
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
	if (!s->grouped && !pgt_layout_make(d, values, isnull))
	{
		for (int i = 0; s->training && i < s->ncolumns; i++)
		{
			if (isnull[i])
				pgt_refuse_given_null(d, i);
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
			return pgt_refuse_null(d, s->part[i].first);
	}
	if (!d->ready)
		pgt_layout_fit(d, values);
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
	return pgt_labels_sort(d->state->label_part->labels, nlabels, remap);
}
