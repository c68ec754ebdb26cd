/*
 * typmod.h
 *	  tensor(float32, 3, 224, 224): dtype and shape in the type modifier of a column.
 */
#ifndef PGT_TYPMOD_H
#define PGT_TYPMOD_H

#include "postgres.h"

#include "utils/array.h"

#include "engine/data/tensor.h"

/*
 * From the words in the parentheses, a cstring[]; 22023 if they make no dtype and shape, or do not
 * fit.
 */
extern int32 pgt_typmod_in(ArrayType *words);

/* "(float32,3,224,224)", palloc'ed */
extern char *pgt_typmod_out(int32 typmod);

/*
 * Raises 22023 when t is not what the type modifier (-1: anything) asks for; t->data is not looked
 * at.
 */
extern void pgt_typmod_check(int32 typmod, const PtTensor *t);

#endif
