/*
 * cast.h
 *	  Tensors from and to PostgreSQL's arrays and numbers.
 */
#ifndef PGT_CAST_H
#define PGT_CAST_H

#include "postgres.h"

#include "utils/array.h"

#include "tensor/datum.h"

/*
 * From an array of real, double precision, smallint, integer, bigint, boolean or numeric (as
 * float64).  Lower bounds are ignored, an empty array has shape (0), NULL elements are 22004.
 */
extern PgtTensor *pgt_tensor_from_array(ArrayType *array);

/*
 * To an array of one of those types, with the tensor's dimensions: 1 to 6, else 22023.  Numbers
 * convert as PostgreSQL's casts do: fractions are rounded, what does not fit is 22003.
 */
extern ArrayType *pgt_tensor_to_array(const PtTensor *t, Oid element_type);

/*
 * The one element of a tensor, to double precision, integer, bigint or boolean, by the same rules.
 */
extern Datum pgt_tensor_to_scalar(const PtTensor *t, Oid type);

#endif
