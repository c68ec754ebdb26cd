/*
 * order.h
 *	  Order and hash of plain elements, for callers that go through large tensors piece by piece.
 *
 * pt_tensor_compare and pt_tensor_hash (engine/tensor.h) are pt_*_head, then these over all elements.
 */
#ifndef PT_ORDER_H
#define PT_ORDER_H

#include "engine/tensor.h"

/* Piece after piece of this many elements gives the same as all at once. */
#define PT_ORDER_PIECE ((size_t) 1 << 20)

/* dtype, number of dimensions, sizes: negative, zero, positive */
extern int pt_compare_head(const PtTensor *a, const PtTensor *b);
extern int pt_compare_elements(PtDtype dtype, const void *a, const void *b, size_t n);

extern uint64_t pt_hash_head(const PtTensor *t, uint64_t seed);
/* Chains: hash is what came out of the piece before. */
extern uint64_t pt_hash_elements(PtDtype dtype, const void *data, size_t n, uint64_t hash);
extern uint64_t pt_hash_end(uint64_t hash);

#endif
