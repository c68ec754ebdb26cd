/*
 * ints.h
 *	  Type torch.ints: what PyTorch takes as an int or a tuple of ints, or where it has one, a word.
 *
 * Stored as canonical text: 3, {2,3}, same.
 */
#ifndef PGT_INTS_H
#define PGT_INTS_H

#include "postgres.h"

#include "engine/lang/args.h"

/* A datum as a value INT, INTS or WORD in the arena. */
extern void pgt_ints_value(Datum datum, PtArena *arena, PtValue *out);

#endif
