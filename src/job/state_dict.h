/*
 * state_dict.h
 *	  The weights of a model as rows of (name, value), out and in.
 */
#ifndef PGT_STATE_DICT_H
#define PGT_STATE_DICT_H

#include "postgres.h"

#include "utils/tuplestore.h"

/* A row for each parameter and buffer of 'm' or 'm@3', in PyTorch's order. */
extern void pgt_state_dict(const char *reference, Tuplestorestate *rows, TupleDesc desc);

/*
 * The values that a query gives become a new version, which is deployed; returns its number.  Names are matched as
 * PyTorch's Module.load_state_dict does: with strict, all must be given, and no others.
 */
extern int32 pgt_state_dict_load(const char *reference, const char *source, bool strict);

#endif
