/*
 * convert.h
 *	  Tensors of another dtype, made as torch.tensor(data, dtype) does.
 */
#ifndef PGT_TENSOR_CONVERT_H
#define PGT_TENSOR_CONVERT_H

#include "postgres.h"

#include "tensor/datum.h"

/* A new tensor of that dtype; 22003 for what an integer dtype cannot hold. */
extern PgtTensor *pgt_tensor_convert(const PtTensor *from, PtDtype dtype);

/* The text of a tensor, read in that dtype at once unless it states its own. */
extern PgtTensor *pgt_tensor_read_as(const char *text, PtDtype dtype);

#endif
