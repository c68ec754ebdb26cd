/*
 * order.c
 *	  A total order and a hash of tensors.
 *
 * The order is: dtype, then the number of dimensions, then the sizes, then the elements in C order.
 * NaN equals NaN and comes last, -0 equals 0, as PostgreSQL orders its floats.  Equal tensors hash
 * equal: floats are made canonical first, integers are hashed as bytes, eight at a time.
 */
#include "engine/data/tensor.h"

#include <string.h>

#include "engine/data/half.h"

/* The order of two floats that may be NaN. */
#define FLOAT_ORDER(x, y) \
	((x) < (y) ? -1 : (x) > (y) ? 1 : (x) == (y) ? 0 : ((x) != (x)) - ((y) != (y)))
#define INT_ORDER(x, y) (((x) > (y)) - ((x) < (y)))

#define COMPARE(DTYPE, CTYPE, NUMBER, LOAD, ORDER)   \
	case DTYPE:                                      \
		for (size_t i = 0; i < n; i++)               \
		{                                            \
			NUMBER x = LOAD(((const CTYPE *) a)[i]); \
			NUMBER y = LOAD(((const CTYPE *) b)[i]); \
			int order = ORDER(x, y);                 \
                                                     \
			if (order != 0)                          \
				return order;                        \
		}                                            \
		break;

int
pt_compare_elements(PtDtype dtype, const void *a, const void *b, size_t n)
{
	/* the same bytes are the same elements, and that is quickly seen */
	if (n == 0 || memcmp(a, b, n * pt_dtype_size(dtype)) == 0)
		return 0;
	switch (dtype)
	{
		COMPARE(PT_FLOAT32, float, float, , FLOAT_ORDER)
		COMPARE(PT_FLOAT64, double, double, , FLOAT_ORDER)
		COMPARE(PT_FLOAT16, uint16_t, float, pt_half_load, FLOAT_ORDER)
		COMPARE(PT_BFLOAT16, uint16_t, float, pt_bfloat_load, FLOAT_ORDER)
		COMPARE(PT_INT64, int64_t, int64_t, , INT_ORDER)
		COMPARE(PT_INT32, int32_t, int32_t, , INT_ORDER)
		COMPARE(PT_INT16, int16_t, int16_t, , INT_ORDER)
		COMPARE(PT_INT8, int8_t, int8_t, , INT_ORDER)
		COMPARE(PT_UINT8, uint8_t, uint8_t, , INT_ORDER)
		COMPARE(PT_BOOL, uint8_t, uint8_t, , INT_ORDER)
		case PT_NDTYPE:
			break;
	}
	return 0;
}

int
pt_compare_head(const PtTensor *a, const PtTensor *b)
{
	if (a->dtype != b->dtype)
		return a->dtype < b->dtype ? -1 : 1;
	if (a->shape.ndim != b->shape.ndim)
		return a->shape.ndim < b->shape.ndim ? -1 : 1;
	for (int d = 0; d < a->shape.ndim; d++)
		if (a->shape.dim[d] != b->shape.dim[d])
			return a->shape.dim[d] < b->shape.dim[d] ? -1 : 1;
	return 0;
}

int
pt_tensor_compare(const PtTensor *a, const PtTensor *b)
{
	int order = pt_compare_head(a, b);

	if (order != 0)
		return order;
	return pt_compare_elements(a->dtype, a->data, b->data, (size_t) pt_shape_numel(&a->shape));
}

/*
 * One more word into a running hash: multiply by an odd constant (2^64 divided by the golden
 * ratio), fold.
 */
static inline uint64_t
mix(uint64_t hash, uint64_t word)
{
	hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

uint64_t
pt_hash_head(const PtTensor *t, uint64_t seed)
{
	uint64_t hash = mix(seed, (uint64_t) t->dtype << 8 | (uint64_t) t->shape.ndim);

	for (int d = 0; d < t->shape.ndim; d++)
		hash = mix(hash, (uint64_t) t->shape.dim[d]);
	return hash;
}

static inline uint64_t
canonical(double x)
{
	uint64_t word;

	if (x != x)
		return UINT64_C(0x7ff8000000000000);
	x += 0.0; /* -0 becomes 0 */
	memcpy(&word, &x, sizeof(word));
	return word;
}

#define HASH(DTYPE, CTYPE, LOAD)                                                   \
	case DTYPE:                                                                    \
		for (size_t i = 0; i < n; i++)                                             \
			hash = mix(hash, canonical((double) LOAD(((const CTYPE *) data)[i]))); \
		return hash;

uint64_t
pt_hash_elements(PtDtype dtype, const void *data, size_t n, uint64_t hash)
{
	const unsigned char *p = data;
	size_t bytes = n * pt_dtype_size(dtype);
	uint64_t word;

	switch (dtype)
	{
		HASH(PT_FLOAT32, float, )
		HASH(PT_FLOAT64, double, )
		HASH(PT_FLOAT16, uint16_t, pt_half_load)
		HASH(PT_BFLOAT16, uint16_t, pt_bfloat_load)
		default:
			break;
	}
	for (; bytes >= sizeof(word); bytes -= sizeof(word), p += sizeof(word))
	{
		memcpy(&word, p, sizeof(word));
		hash = mix(hash, word);
	}
	if (bytes > 0)
	{
		word = 0;
		memcpy(&word, p, bytes);
		hash = mix(hash, word);
	}
	return hash;
}

/*
 * Every bit of the hash must depend on all: two more rounds of multiply and fold (after
 * MurmurHash3's finalizer).
 */
uint64_t
pt_hash_end(uint64_t hash)
{
	hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
	hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
	return hash ^ hash >> 33;
}

uint64_t
pt_tensor_hash(const PtTensor *t, uint64_t seed)
{
	size_t n = (size_t) pt_shape_numel(&t->shape);

	return pt_hash_end(pt_hash_elements(t->dtype, t->data, n, pt_hash_head(t, seed)));
}
