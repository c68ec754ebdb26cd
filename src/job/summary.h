/*
 * summary.h
 *	  What a model is made of.
 */
#ifndef PGT_SUMMARY_H
#define PGT_SUMMARY_H

#include "postgres.h"

#include "utils/tuplestore.h"

/*
 * A row for each layer of 'm' or 'm@3': path, module, shape of its output (NULL before data was seen), number of
 * parameters.
 */
extern void pgt_summary(const char *reference, Tuplestorestate *rows, TupleDesc desc);

#endif
