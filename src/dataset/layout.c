/*
 * layout.c
 *	  Which columns feed which input, and where their values go in a row (decode.h says the rules).
 *
 * Scalars are known in size; an array's shape comes from the model, or from the first row.  Once all
 * shapes are known, the row is laid out and each part gets its reader.
 *
 * Memory: the layout's context, reset when one is made.
 * Errors: types that cannot be read, columns that do not fit the inputs, shapes that are not the model's.
 */
#include "postgres.h"

#include "dataset/messages.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

static const char feature_hint[] =
	"A feature is smallint, integer, bigint, real, double precision, "
	"numeric, boolean, an array of these, or tensor.";
static const char value_hint[] =
	"This loss compares numbers: smallint, integer, bigint, real, double "
	"precision, numeric, boolean, arrays of these, or tensor.";
static const char class_hint[] =
	"A class is an integer (its index), text, an enum or boolean (a label), "
	"or an array of probabilities.";

static void unreadable(const PgtDecoder *d, int column, const char *hint) pg_attribute_noreturn();

static void
unreadable(const PgtDecoder *d, int column, const char *hint)
{
	const PgtColumn *c = &d->state->flat[column];

	if (c->type == UNKNOWNOID)
		ereport(ERROR,
				(errcode(ERRCODE_INDETERMINATE_DATATYPE),
				 errmsg("%s is a literal without a type", pgt_column_text(d, column)),
				 errhint("Add a cast, such as '{1,2,3}'::real[].")));
	ereport(ERROR,
			(errcode(ERRCODE_DATATYPE_MISMATCH),
			 errmsg("%s has type %s, which cannot be read as %s", pgt_column_text(d, column),
					format_type_with_typemod(c->type, c->typmod), c->target ? "a target" : "a feature"),
			 errhint("%s", hint)));
	pg_unreachable();
}

/* Adds a flat column to the current group: to the run of scalars it continues, or as a part. */
static PgtPart *
add_column(PgtDecoder *d, PgtGroup *g, int column, PtDtype to)
{
	PgtDecoderState *s = d->state;
	PgtSource source;
	PgtPart *part = g->n > 0 ? &s->part[s->npart - 1] : NULL;

	if (!pgt_source_of(s->flat[column].type, &source))
		unreadable(d, column, s->flat[column].target ? value_hint : feature_hint);
	if (part != NULL && source.kind == PGT_KIND_SCALAR && part->source.kind == PGT_KIND_SCALAR &&
		part->source.element == source.element && part->first + part->n == column)
	{
		part->n++;
		part->numel = part->shape.dim[0] = part->n;
		return part;
	}
	if (g->n == 0)
		g->first = s->npart;
	g->n++;
	part = &s->part[s->npart++];
	part->source = source;
	part->first = column;
	part->n = 1;
	part->to = to;
	if (source.kind == PGT_KIND_SCALAR)
	{
		part->known = true;
		part->shape.ndim = 1;
		part->shape.dim[0] = 1;
		part->numel = 1;
	}
	return part;
}

/* The columns of each input, as decode.h says. */
static void
group_inputs(PgtDecoder *d)
{
	PgtDecoderState *s = d->state;
	int *feature = palloc(s->nflat * sizeof(int));
	int n = 0;

	for (int i = 0; i < s->nflat; i++)
	{
		if (!s->flat[i].target)
			feature[n++] = i;
	}
	if (n == 0)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH), errmsg("there is no feature column"),
				 s->training ? errhint("All columns of the query but the target are features.") : 0));

	if (n == d->ninputs)
	{
		for (int i = 0; i < n; i++)
			add_column(d, &s->group[i], feature[i], d->inputs[i].dtype);
	}
	else if (d->ninputs == 1)
	{
		s->group[0].join = true;
		for (int i = 0; i < n; i++)
			add_column(d, &s->group[0], feature[i], d->inputs[0].dtype);
	}
	else
	{
		/* runs of scalars join; count them before anything is laid out */
		int groups = 0;
		bool scalars = false;

		for (int pass = 0; pass < 2; pass++)
		{
			groups = 0;
			scalars = false;
			for (int i = 0; i < n; i++)
			{
				PgtSource source;
				bool scalar;

				if (!pgt_source_of(s->flat[feature[i]].type, &source))
					unreadable(d, feature[i], feature_hint);
				scalar = source.kind == PGT_KIND_SCALAR;
				/* a target between two scalars does not part them: they are neighbours as features */
				if (!scalar || !scalars)
					groups++;
				scalars = scalar;
				if (pass == 1)
				{
					s->group[groups - 1].join = scalar;
					add_column(d, &s->group[groups - 1], feature[i], d->inputs[groups - 1].dtype);
				}
			}
			if (groups != d->ninputs)
				ereport(ERROR,
						(errcode(ERRCODE_DATATYPE_MISMATCH),
						 errmsg_plural("the model has %d inputs, but there is %d feature column",
									   "the model has %d inputs, but there are %d feature columns", n,
									   d->ninputs, n),
						 errdetail("Where their numbers differ, neighbouring scalars join, and arrays and "
								   "tensors stand alone: that gives %d.",
								   groups)));
		}
	}
	pfree(feature);
}

static void
group_target(PgtDecoder *d)
{
	PgtDecoderState *s = d->state;
	PgtGroup *g = &s->group[d->ninputs];
	bool classes = d->target_kind == PGT_TARGET_CLASS;
	bool labels;
	PgtPart *part;
	int n = 0;
	int column = 0;

	for (int i = 0; i < s->nflat; i++)
	{
		if (s->flat[i].target && n++ == 0)
			column = i;
	}
	d->target.dtype = PT_FLOAT32;
	labels = n == 1 && d->target_kind != PGT_TARGET_VALUE &&
			 pgt_labels_type(getBaseType(s->flat[column].type));
	if (!classes && !labels)
	{
		g->join = n > 1;
		for (int i = 0; i < s->nflat; i++)
		{
			if (s->flat[i].target)
				add_column(d, g, i, PT_FLOAT32);
		}
		return;
	}

	if (n != 1)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("%d target columns are given, but the loss wants one class", n),
				 errhint("Give one column of labels or class indices, or an array of probabilities.")));
	if (labels)
	{
		part = &s->part[s->npart++];
		*g = (PgtGroup){s->npart - 1, 1, false};
		part->first = column;
		part->n = 1;
		part->to = d->target.dtype = classes ? PT_INT64 : PT_FLOAT32;
		part->known = true;
		part->shape = classes ? (PtShape){0} : (PtShape){1, {1}};
		part->numel = 1;
		d->has_labels = true;
		d->label_type = getBaseType(s->flat[column].type);
		part->labels = pgt_labels_new(s->layout_cxt, d->label_type, s->nlabels,
									  (const char *const *) s->labels);
		s->label_part = part;
		return;
	}

	if (!pgt_source_of(s->flat[column].type, &(PgtSource){0}))
		unreadable(d, column, class_hint);
	part = add_column(d, g, column, PT_FLOAT32);
	if (part->source.kind == PGT_KIND_TENSOR)
	{
		/* its values say */
		if (s->has_given_target)
			part->to = s->given_target.dtype;
	}
	else if (pt_dtype_is_int(part->source.dtype))
		part->to = PT_INT64;
	else if (part->source.kind == PGT_KIND_SCALAR || part->source.dtype == PT_BOOL)
		unreadable(d, column, class_hint);
	if (part->source.kind == PGT_KIND_SCALAR)
		part->shape.ndim = 0;
	d->target.dtype = part->to;
}

/* The field of a group; the target is the last. */
static PgtField *
field_of(PgtDecoder *d, int i)
{
	return i < d->ninputs ? &d->inputs[i] : &d->target;
}

static int
ngroups(const PgtDecoder *d)
{
	return d->ninputs + (d->target_kind != PGT_TARGET_NONE);
}

static void
part_shape(PgtPart *part, const PtShape *shape, bool trained)
{
	part->shape = *shape;
	part->numel = pt_shape_numel(shape);
	part->known = true;
	part->trained = trained;
}

/* A field whose columns are known and do not make up the shape that the model has. */
static void
refuse_field(PgtDecoder *d, int i, const PtShape *got)
{
	const PgtGroup *g = &d->state->group[i];
	PgtField *field = field_of(d, i);
	char gottext[PT_SHAPE_TEXT];
	char want[PT_SHAPE_TEXT];

	if (g->n == 1 && !g->join)
	{
		PgtPart part = d->state->part[g->first];

		part.shape = field->shape;
		part.trained = true;
		pgt_refuse_shape(d, &part, got);
	}
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 i < d->ninputs ? errmsg("the features of input \"%s\" have shape %s, not %s", field->name,
									 pt_shape_print(got, gottext), pt_shape_print(&field->shape, want))
							: errmsg("the target has shape %s, not %s", pt_shape_print(got, gottext),
									 pt_shape_print(&field->shape, want)),
			 errdetail("%s is the shape that the model was trained with.", want)));
}

/* If all parts of a field are known: its shape, checked against the model's. */
static bool
derive_shape(PgtDecoder *d, int i)
{
	PgtDecoderState *s = d->state;
	PgtGroup *g = &s->group[i];
	PgtField *field = field_of(d, i);
	/* a tensor of no dimensions is a scalar, so it has shape [1], save as a class index */
	bool as_scalar = i < d->ninputs || d->target_kind != PGT_TARGET_CLASS;
	const PtShape one = {.ndim = 1, .dim = {1}};
	PtShape shape = {.ndim = 1};
	int unknown = 0;
	PgtPart *missing = NULL;

	for (int j = g->first; j < g->first + g->n; j++)
	{
		if (s->part[j].known)
			shape.dim[0] += s->part[j].numel;
		else
		{
			missing = &s->part[j];
			unknown++;
		}
	}

	/* the one part that is missing follows from the model's shape */
	if (unknown == 1 && field->known)
	{
		if (!g->join && as_scalar && missing->source.kind == PGT_KIND_TENSOR &&
			pt_shape_equal(&field->shape, &one))
			return false;
		else if (!g->join)
			part_shape(missing, &field->shape, true);
		else if (field->shape.ndim == 1 && field->shape.dim[0] >= shape.dim[0])
		{
			PtShape rest = {.ndim = 1, .dim = {field->shape.dim[0] - shape.dim[0]}};

			/* not of a tensor: one of no dimensions counts as an element too */
			if (missing->source.kind != PGT_KIND_ARRAY)
				return false;
			part_shape(missing, &rest, true);
			shape.dim[0] += rest.dim[0];
		}
		else
			return false;
	}
	else if (unknown > 0)
		return false;

	if (!g->join)
		shape = s->part[g->first].shape;
	if (as_scalar && shape.ndim == 0)
		shape = one;
	if (field->known && !pt_shape_equal(&field->shape, &shape))
		refuse_field(d, i, &shape);
	field->shape = shape;
	field->known = true;
	return true;
}

/* Offsets and the stride, once all shapes are known. */
static void
place_fields(PgtDecoder *d)
{
	PgtDecoderState *s = d->state;
	int64 offset = 0;

	for (int i = 0; i < ngroups(d); i++)
	{
		PgtGroup *g = &s->group[i];
		PgtField *field = field_of(d, i);
		int64 size = pt_dtype_size(field->dtype);

		offset = TYPEALIGN64(size, offset);
		field->offset = offset;
		for (int j = g->first; j < g->first + g->n; j++)
		{
			PgtPart *part = &s->part[j];

			part->offset = offset;
			part->trained |=
				field == &d->target ? s->has_given_target : s->given[i].known && !g->join;
			pgt_part_reader(part);
			/* every size is below 2^30 elements, and the sum is checked each time */
			offset += part->numel * size;
			if (offset > PT_MAX_TENSOR_BYTES)
				ereport(ERROR,
						(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						 errmsg("a row is larger than the limit of " INT64_FORMAT " bytes",
								PT_MAX_TENSOR_BYTES)));
		}
	}
	d->stride = Max(TYPEALIGN64(8, offset), 8);
	d->ready = true;
}

bool
pgt_layout_make(PgtDecoder *d, const Datum *values, const bool *isnull)
{
	PgtDecoderState *s = d->state;
	MemoryContext old;
	bool ready = true;

	MemoryContextReset(s->layout_cxt);
	old = MemoryContextSwitchTo(s->layout_cxt);
	s->grouped = pgt_composite_flatten(s, values, isnull);
	if (s->grouped)
	{
		s->part = palloc0((s->nflat + 1) * sizeof(PgtPart));
		s->npart = 0;
		s->group = palloc0((d->ninputs + 1) * sizeof(PgtGroup));
		group_inputs(d);
		if (d->target_kind != PGT_TARGET_NONE)
			group_target(d);
		for (int i = 0; i < ngroups(d); i++)
		{
			if (i == d->ninputs && s->has_given_target)
			{
				if (d->target.dtype != s->given_target.dtype)
					ereport(ERROR,
							(errcode(ERRCODE_DATATYPE_MISMATCH),
							 errmsg("the target is read as %s, not %s as in training",
									pt_dtype_name(d->target.dtype), pt_dtype_name(s->given_target.dtype))));
				d->target.shape = s->given_target.shape;
				d->target.known = s->given_target.known;
			}
			ready &= derive_shape(d, i);
		}
		if (ready)
			place_fields(d);
	}
	MemoryContextSwitchTo(old);
	return s->grouped;
}

void
pgt_layout_fit(PgtDecoder *d, const Datum *values)
{
	PgtDecoderState *s = d->state;
	bool ready = true;

	for (int i = 0; i < ngroups(d); i++)
	{
		const PgtGroup *g = &s->group[i];

		for (int j = g->first; j < g->first + g->n; j++)
		{
			PgtPart *part = &s->part[j];
			PtShape shape;
			PtDtype dtype;

			if (part->known)
				continue;
			pgt_source_shape(&part->source, values[part->first], &shape, &dtype);
			if (g->join && shape.ndim > 1)
			{
				char text[PT_SHAPE_TEXT];

				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("%s has shape %s%s, but only scalars and arrays of one dimension join into "
								"a vector",
								pgt_column_text(d, part->first), pt_shape_print(&shape, text),
								pgt_row_text(d))));
			}
			part_shape(part, &shape, false);
			if (i == d->ninputs && d->target_kind == PGT_TARGET_CLASS &&
				part->source.kind == PGT_KIND_TENSOR && !s->has_given_target)
				part->to = d->target.dtype = pt_dtype_is_int(dtype) ? PT_INT64 : PT_FLOAT32;
		}
		ready &= derive_shape(d, i);
	}
	if (ready)
		place_fields(d);
}
