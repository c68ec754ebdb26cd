/*
 * messages.h
 *	  What errors about columns, rows and values say.  Private to src/dataset.
 */
#ifndef PGT_MESSAGES_H
#define PGT_MESSAGES_H

#include "postgres.h"

#include "dataset/layout.h"

/* 'column "x"' or 'feature 2': of a flat column, and of a column as the caller gave it. */
extern char *pgt_column_text(const PgtDecoder *d, int column);
extern char *pgt_given_column_text(const PgtDecoder *d, int column);
/* ' in row 7', or '' outside of training. */
extern char *pgt_row_text(const PgtDecoder *d);

/* A NULL in a flat column, in a column as it was given, or among a column's elements: raises 22004 in training, else false. */
extern bool pgt_refuse_null(const PgtDecoder *d, int column);
extern bool pgt_refuse_given_null(const PgtDecoder *d, int column);
extern bool pgt_refuse_null_element(const PgtDecoder *d, int column);

/* A value that has another shape than the part. */
extern void pgt_refuse_shape(const PgtDecoder *d, const PgtPart *part, const PtShape *shape)
	pg_attribute_noreturn();

#endif
