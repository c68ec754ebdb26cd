/*
 * tensor.h
 *	  A tensor in host memory: dtype, shape and contiguous elements in C order.
 *
 * A PtTensor only describes; whoever made the elements owns them.
 */
#ifndef PT_TENSOR_H
#define PT_TENSOR_H

#include "engine/arena.h"
#include "engine/dtype.h"

#define PT_MAX_DIM 8

/* The largest tensor: PostgreSQL's largest datum, less the header. */
#define PT_MAX_TENSOR_BYTES ((int64_t) 0x3fffffff - 128)

typedef struct PtShape
{
	int ndim;
	int64_t dim[PT_MAX_DIM];
} PtShape;

typedef struct PtTensor
{
	PtDtype dtype;
	PtShape shape;
	void *data;
} PtTensor;

extern int64_t pt_shape_numel(const PtShape *shape); /* of a shape that was checked */
extern bool pt_shape_equal(const PtShape *a, const PtShape *b);
/* Checks 0 <= ndim <= 8, sizes >= 0 and that dtype x shape does not overflow int64; numel may be NULL. */
extern bool pt_shape_check(const PtShape *shape, PtDtype dtype, int64_t *numel, PtError *err);
/* PyTorch's broadcasting of two shapes. */
extern bool pt_shape_broadcast(const PtShape *a, const PtShape *b, PtShape *out, PtError *err);
/* "[2, 3]"; buf of PT_SHAPE_TEXT bytes; returns buf. */
#define PT_SHAPE_TEXT 192
extern char *pt_shape_print(const PtShape *shape, char *buf);

extern size_t pt_tensor_bytes(const PtTensor *t);

/*
 * Text, as SQL.md says: '[[1., 2.], [3., 4.]]', 'float64[1, 2]', 'float32(0,3)[]', 'float64()3.5'.
 * Reading allocates the elements in the arena.  Printing gives the shortest text that reads back to
 * the identical tensor; it is a malloc'ed, NUL-terminated string, NULL (with err) when it would
 * exceed max_bytes or memory.
 */
extern bool pt_tensor_parse(PtArena *arena, const char *text, PtTensor *out, PtError *err);
extern char *pt_tensor_print(const PtTensor *t, size_t max_bytes, PtError *err);

/*
 * Binary, big-endian: uint8 version (1), uint8 dtype, uint8 ndim, uint8 zero, int32 dim[ndim], elements.
 * Decoding validates everything, including the exact length and bool bytes 0 or 1.
 */
extern size_t pt_tensor_wire_bytes(const PtTensor *t);
extern void pt_tensor_encode(const PtTensor *t, unsigned char *out);
extern bool pt_tensor_decode(PtArena *arena, const unsigned char *in, size_t len, PtTensor *out, PtError *err);

/*
 * Total order for btree: dtype, then ndim, then sizes, then elements; NaN equals NaN and sorts last, -0 equals 0.
 * Equal tensors hash equal.
 */
extern int pt_tensor_compare(const PtTensor *a, const PtTensor *b);
extern uint64_t pt_tensor_hash(const PtTensor *t, uint64_t seed);

#endif
