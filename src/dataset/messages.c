/*
 * messages.c
 *	  What errors about columns, rows and values say.
 *
 * Below all else of this folder, so that the readers of values need not know who decodes.
 */
#include "postgres.h"

#include "dataset/messages.h"

static char *
column_text(const PgtColumn *columns, int i)
{
	return columns[i].name ? psprintf("column \"%s\"", columns[i].name)
						   : psprintf("feature %d", i + 1);
}

char *
pgt_column_text(const PgtDecoder *d, int column)
{
	return column_text(d->state->flat, column);
}

char *
pgt_given_column_text(const PgtDecoder *d, int column)
{
	return column_text(d->state->columns, column);
}

char *
pgt_row_text(const PgtDecoder *d)
{
	return d->row > 0 ? psprintf(" in row " INT64_FORMAT, d->row) : pstrdup("");
}

bool
pgt_refuse_null(const PgtDecoder *d, int column)
{
	if (d->state->training)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s is null%s", pgt_column_text(d, column), pgt_row_text(d)),
				 errhint("Leave such rows out of the query, or replace the value with coalesce.")));
	return false;
}

bool
pgt_refuse_given_null(const PgtDecoder *d, int column)
{
	if (d->state->training)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s is null%s", pgt_given_column_text(d, column), pgt_row_text(d))));
	return false;
}

bool
pgt_refuse_null_element(const PgtDecoder *d, int column)
{
	if (d->state->training)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s has a null element%s", pgt_column_text(d, column), pgt_row_text(d))));
	return false;
}

void
pgt_refuse_shape(const PgtDecoder *d, const PgtPart *part, const PtShape *shape)
{
	char got[PT_SHAPE_TEXT];
	char want[PT_SHAPE_TEXT];

	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s has shape %s%s, not %s", pgt_column_text(d, part->first),
					pt_shape_print(shape, got), pgt_row_text(d), pt_shape_print(&part->shape, want)),
			 part->trained ? errdetail("%s is the shape that the model was trained with.", want)
						   : errdetail("All rows must have the shape of the first one.")));
	pg_unreachable();
}
