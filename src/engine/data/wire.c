/*
 * wire.c
 *	  A tensor in binary: the format of send and recv.
 *
 * Big-endian: uint8 version (1), uint8 dtype, uint8 ndim, uint8 zero, int32 size for each
 * dimension, elements.
 */
#include "engine/data/tensor.h"

#include <stdint.h>
#include <string.h>

#define WIRE_VERSION 1
#define WIRE_HEADER 4

static uint32_t
load32(const unsigned char *p)
{
	return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
}

static void
store32(unsigned char *p, uint32_t x)
{
	p[0] = (unsigned char) (x >> 24);
	p[1] = (unsigned char) (x >> 16);
	p[2] = (unsigned char) (x >> 8);
	p[3] = (unsigned char) x;
}

/* n elements between big-endian and the machine's order, either way; memcpy allows any alignment */
static void
swap_copy(void *dst, const void *src, size_t size, size_t n)
{
	const unsigned char *p = src;
	unsigned char *q = dst;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	n *= size;
	size = 1;
#endif
#define SWAP(TYPE, SWAPPED)                       \
	for (size_t i = 0; i < n; i++)                \
	{                                             \
		TYPE x;                                   \
                                                  \
		memcpy(&x, p + i * sizeof(x), sizeof(x)); \
		x = SWAPPED(x);                           \
		memcpy(q + i * sizeof(x), &x, sizeof(x)); \
	}
	switch (size)
	{
		case 8:
			SWAP(uint64_t, __builtin_bswap64)
			break;
		case 4:
			SWAP(uint32_t, __builtin_bswap32)
			break;
		case 2:
			SWAP(uint16_t, __builtin_bswap16)
			break;
		default:
			if (n > 0)
				memcpy(q, p, n);
			break;
	}
#undef SWAP
}

size_t
pt_tensor_wire_bytes(const PtTensor *t)
{
	return WIRE_HEADER + 4 * (size_t) t->shape.ndim + pt_tensor_bytes(t);
}

void
pt_tensor_encode(const PtTensor *t, unsigned char *out)
{
	out[0] = WIRE_VERSION;
	out[1] = (unsigned char) t->dtype;
	out[2] = (unsigned char) t->shape.ndim;
	out[3] = 0;
	out += WIRE_HEADER;
	for (int d = 0; d < t->shape.ndim; d++, out += 4)
		store32(out, (uint32_t) t->shape.dim[d]);
	swap_copy(out, t->data, pt_dtype_size(t->dtype), (size_t) pt_shape_numel(&t->shape));
}

bool
pt_wire_header(const unsigned char *in, size_t len, PtTensor *out, size_t *offset, PtError *err)
{
	size_t head;
	int64_t numel;
	size_t want;

	if (len < WIRE_HEADER)
		return pt_fail(err, PT_EBINARY, "binary tensor of %zu bytes is too short", len);
	if (in[0] != WIRE_VERSION)
		return pt_fail(err, PT_EBINARY, "binary tensor has unknown version %d", in[0]);
	if (in[1] >= PT_NDTYPE)
		return pt_fail(err, PT_EBINARY, "binary tensor has unknown dtype %d", in[1]);
	if (in[2] > PT_MAX_DIM)
		return pt_fail(err, PT_EBINARY, "binary tensor has %d dimensions, more than %d", in[2],
					   PT_MAX_DIM);
	if (in[3] != 0)
		return pt_fail(err, PT_EBINARY, "binary tensor has unknown flags %d", in[3]);
	head = WIRE_HEADER + 4 * (size_t) in[2];
	if (len < head)
		return pt_fail(err, PT_EBINARY, "binary tensor of %zu bytes is too short", len);
	out->dtype = (PtDtype) in[1];
	out->shape.ndim = in[2];
	out->data = NULL;
	for (int d = 0; d < in[2]; d++)
	{
		uint32_t size = load32(in + WIRE_HEADER + 4 * d);

		if (size > INT32_MAX)
			return pt_fail(err, PT_EBINARY, "binary tensor has size %d at dim %d", (int) size, d);
		out->shape.dim[d] = size;
	}
	if (!pt_shape_check(&out->shape, out->dtype, &numel, err) ||
		numel > PT_MAX_TENSOR_BYTES / (int64_t) pt_dtype_size(out->dtype))
	{
		char text[PT_SHAPE_TEXT];

		return pt_fail(err, PT_EBINARY, "binary tensor of shape %s is too large",
					   pt_shape_print(&out->shape, text));
	}
	want = head + pt_tensor_bytes(out);
	if (len != want)
		return pt_fail(err, PT_EBINARY, "binary tensor has %zu bytes, not %zu", len, want);
	*offset = head;
	return true;
}

bool
pt_wire_elements(const unsigned char *in, PtTensor *out, PtError *err)
{
	size_t n = (size_t) pt_shape_numel(&out->shape);

	if (out->dtype == PT_BOOL)
		for (size_t i = 0; i < n; i++)
			if (in[i] > 1)
				return pt_fail(err, PT_EBINARY,
							   "binary tensor of dtype bool has byte %d at element %zu", in[i], i);
	swap_copy(out->data, in, pt_dtype_size(out->dtype), n);
	return true;
}

bool
pt_tensor_decode(PtArena *arena, const unsigned char *in, size_t len, PtTensor *out, PtError *err)
{
	size_t offset;

	if (!pt_wire_header(in, len, out, &offset, err))
		return false;
	out->data = pt_arena_alloc(arena, pt_tensor_bytes(out));
	if (out->data == NULL)
		return pt_fail_memory(err, pt_tensor_bytes(out));
	return pt_wire_elements(in + offset, out, err);
}
