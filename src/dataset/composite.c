/*
 * composite.c
 *	  Composite columns, which stand for their own columns.
 *
 * A column of type record says what it is made of only in its values, so then the layout waits for the
 * first row.  Later rows may be of another row type as long as its columns have the same types.
 *
 * Memory: descriptors and flat columns in the layout's context.
 * Errors: a composite value in another, or as the target; row types that differ.
 */
#include "postgres.h"

#include "dataset/messages.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

/* The columns of a composite column, or false if that is not known before a value is seen. */
static bool
composite_open(PgtDecoderState *s, PgtComposite *c, Oid type, int32 typmod)
{
	MemoryContext old;

	c->type = type;
	c->typmod = typmod;
	c->desc = NULL;
	if (type == RECORDOID && typmod < 0)
		return false;
	old = MemoryContextSwitchTo(s->layout_cxt);
	c->version = assign_record_type_identifier(type, typmod);
	c->desc = lookup_rowtype_tupdesc_copy(type, typmod);
	c->values = palloc(c->desc->natts * sizeof(Datum));
	c->isnull = palloc(c->desc->natts * sizeof(bool));
	MemoryContextSwitchTo(old);
	return true;
}

/* A value of another row type: goes on with that one if its columns have the same types. */
static void
composite_change(PgtDecoder *d, PgtComposite *c, Oid type, int32 typmod)
{
	PgtDecoderState *s = d->state;
	PgtComposite now = *c;
	bool same = true;
	int n = 0;
	int m = 0;

	composite_open(s, &now, type, typmod);
	while (same)
	{
		while (n < c->desc->natts && TupleDescAttr(c->desc, n)->attisdropped)
			n++;
		while (m < now.desc->natts && TupleDescAttr(now.desc, m)->attisdropped)
			m++;
		if (n == c->desc->natts || m == now.desc->natts)
		{
			same = n == c->desc->natts && m == now.desc->natts;
			break;
		}
		same = TupleDescAttr(c->desc, n++)->atttypid == TupleDescAttr(now.desc, m++)->atttypid;
	}
	if (!same)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the composite values of %s are of different row types",
						pgt_given_column_text(d, c->arg)),
				 errhint("Give all rows columns of the same types, or name the columns one by one.")));
	FreeTupleDesc(c->desc);
	pfree(c->values);
	pfree(c->isnull);
	*c = now;
}

/* Opens the composite columns; returns the number of flat ones, or -1 if a record's columns are not known yet. */
static int
open_composites(PgtDecoderState *s, const Datum *values, const bool *isnull)
{
	int n = 0;

	s->composite = palloc(s->ncolumns * sizeof(PgtComposite));
	s->ncomposite = 0;
	for (int i = 0; i < s->ncolumns; i++)
	{
		Oid type = getBaseType(s->columns[i].type);
		PgtComposite *c = &s->composite[s->ncomposite];
		int32 typmod = -1;

		if (!type_is_rowtype(type))
		{
			n++;
			continue;
		}
		if (values != NULL && !isnull[i])
		{
			HeapTupleHeader tuple = DatumGetHeapTupleHeader(values[i]);

			type = HeapTupleHeaderGetTypeId(tuple);
			typmod = HeapTupleHeaderGetTypMod(tuple);
		}
		else if (type == RECORDOID)
			typmod = s->columns[i].typmod;
		c->arg = i;
		if (!composite_open(s, c, type, typmod))
			return -1;
		n += c->desc->natts;
		s->ncomposite++;
	}
	return n;
}

/* Adds the columns of a composite column to the flat ones. */
static void
add_columns(PgtDecoderState *s, PgtComposite *c)
{
	const PgtColumn *column = &s->columns[c->arg];

	if (column->target)
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("target column \"%s\" has composite type %s", column->name,
							   format_type_be(column->type))));
	for (int i = 0; i < c->desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(c->desc, i);
		PgtColumn *flat = &s->flat[s->nflat];

		if (att->attisdropped)
			continue;
		flat->name = column->name ? psprintf("%s.%s", column->name, NameStr(att->attname))
								  : pstrdup(NameStr(att->attname));
		flat->type = att->atttypid;
		flat->typmod = att->atttypmod;
		flat->target = false;
		if (type_is_rowtype(getBaseType(flat->type)))
			ereport(ERROR,
					(errcode(ERRCODE_DATATYPE_MISMATCH),
					 errmsg("column \"%s\" is of composite type %s inside another composite value",
							flat->name, format_type_be(flat->type)),
					 errhint("Name its columns one by one.")));
		s->nflat++;
	}
}

bool
pgt_composite_flatten(PgtDecoderState *s, const Datum *values, const bool *isnull)
{
	int n = open_composites(s, values, isnull);

	if (n < 0)
		return false;
	s->flat = palloc(n * sizeof(PgtColumn));
	s->nflat = 0;
	for (int i = 0, k = 0; i < s->ncolumns; i++)
	{
		if (k < s->ncomposite && s->composite[k].arg == i)
			add_columns(s, &s->composite[k++]);
		else
			s->flat[s->nflat++] = s->columns[i];
	}
	if (s->ncomposite > 0)
	{
		s->values = palloc(s->nflat * sizeof(Datum));
		s->isnull = palloc(s->nflat * sizeof(bool));
	}
	return true;
}

bool
pgt_composite_expand(PgtDecoder *d, const Datum *values, const bool *isnull)
{
	PgtDecoderState *s = d->state;
	int to = 0;
	int k = 0;

	for (int i = 0; i < s->ncolumns; i++)
	{
		PgtComposite *c = &s->composite[k];
		HeapTupleHeader header;
		HeapTupleData tuple;

		if (k == s->ncomposite || c->arg != i)
		{
			s->values[to] = values[i];
			s->isnull[to++] = isnull[i];
			continue;
		}
		k++;
		if (isnull[i])
			return pgt_refuse_given_null(d, i);
		header = DatumGetHeapTupleHeader(values[i]);
		if (HeapTupleHeaderGetTypeId(header) != c->type ||
			HeapTupleHeaderGetTypMod(header) != c->typmod ||
			assign_record_type_identifier(c->type, c->typmod) != c->version)
			composite_change(d, c, HeapTupleHeaderGetTypeId(header),
							 HeapTupleHeaderGetTypMod(header));
		tuple.t_len = HeapTupleHeaderGetDatumLength(header);
		ItemPointerSetInvalid(&tuple.t_self);
		tuple.t_tableOid = InvalidOid;
		tuple.t_data = header;
		heap_deform_tuple(&tuple, c->desc, c->values, c->isnull);
		for (int j = 0; j < c->desc->natts; j++)
		{
			if (TupleDescAttr(c->desc, j)->attisdropped)
				continue;
			s->values[to] = c->values[j];
			s->isnull[to++] = c->isnull[j];
		}
	}
	return true;
}
