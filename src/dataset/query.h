/*
 * query.h
 *	  Queries that callers give as text.
 */
#ifndef PGT_QUERY_H
#define PGT_QUERY_H

#include "postgres.h"

#include "executor/spi.h"

/*
 * Prepares a query, inside SPI_connect; refuses all but one that only reads: 0A000, in a message that calls it what ("dataset").
 */
extern SPIPlanPtr pgt_query_prepare(const char *query, const char *what, int cursor_options);

#endif
