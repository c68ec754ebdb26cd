/*
 * convert.c
 *	  Elements of one dtype into another, as Tensor.to(dtype) does on the CPU.
 *
 * One plain loop for each of the hundred pairs, generated from the list of dtypes, so that the
 * compiler vectorises them.  A float outside an integer's range is undefined in C; here it gives
 * what the x86 instructions give that PyTorch compiles to: the smallest int64 or int32, from
 * which the narrower types take their low bits (int16 and int8 go through int32, uint8 through
 * int64).  Selecting a value that is in range first, rather than branching around the
 * conversion, is what keeps the loops vectorisable.
 */
#include "engine/data/dtype.h"

/*
 * gcc vectorises loops of unknown length from O3 on, and selects between floats only if none may
 * trap (nothing here looks at floating-point exceptions).  Before what is to be inlined below.
 */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("O3,no-trapping-math")
#endif

#include <string.h>

#include "engine/data/half.h"

static inline int64_t
int64_from_float(float x)
{
	return (int64_t) (x >= -0x1p63f && x < 0x1p63f ? x : -0x1p63f);
}

static inline int64_t
int64_from_double(double x)
{
	return (int64_t) (x >= -0x1p63 && x < 0x1p63 ? x : -0x1p63);
}

static inline int32_t
int32_from_float(float x)
{
	return (int32_t) (x >= -0x1p31f && x < 0x1p31f ? x : -0x1p31f);
}

static inline int32_t
int32_from_double(double x)
{
	return (int32_t) (x > -2147483649.0 && x < 0x1p31 ? x : -0x1p31);
}

static inline int64_t
same_int(int64_t x)
{
	return x;
}

/* by way of int64 or int32, whatever the source */
#define WIDE(x) \
	_Generic((x), float : int64_from_float, double : int64_from_double, default : same_int)(x)
#define WIDE32(x) \
	_Generic((x), float : int32_from_float, double : int32_from_double, default : same_int)(x)

/* FROM: dtype, its C type in memory, the type to compute with, loading element p[i] */
#define PAIR(FROM, CTYPE, NUMBER, LOAD, TO, TOTYPE, STORE)                             \
	static void FROM##_TO_##TO(void *restrict dst, const void *restrict src, size_t n) \
	{                                                                                  \
		const CTYPE *p = src;                                                          \
		TOTYPE *q = dst;                                                               \
                                                                                       \
		for (size_t i = 0; i < n; i++)                                                 \
		{                                                                              \
			NUMBER x = LOAD;                                                           \
                                                                                       \
			q[i] = STORE;                                                              \
		}                                                                              \
	}

#define FROM(DTYPE, CTYPE, NUMBER, LOAD)                                             \
	PAIR(DTYPE, CTYPE, NUMBER, LOAD, FLOAT32, float, (float) x)                      \
	PAIR(DTYPE, CTYPE, NUMBER, LOAD, FLOAT64, double, (double) x)                    \
	PAIR(DTYPE, CTYPE, NUMBER, LOAD, FLOAT16, uint16_t, pt_half_store((float) x))    \
	PAIR(DTYPE, CTYPE, NUMBER, LOAD, BFLOAT16, uint16_t, pt_bfloat_store((float) x)) \
	PAIR(DTYPE, CTYPE, NUMBER, LOAD, INT64, int64_t, WIDE(x))                        \
	PAIR(DTYPE, CTYPE, NUMBER, LOAD, INT32, int32_t, (int32_t) WIDE32(x))            \
	PAIR(DTYPE, CTYPE, NUMBER, LOAD, INT16, int16_t, (int16_t) WIDE32(x))            \
	PAIR(DTYPE, CTYPE, NUMBER, LOAD, INT8, int8_t, (int8_t) WIDE32(x))               \
	PAIR(DTYPE, CTYPE, NUMBER, LOAD, UINT8, uint8_t, (uint8_t) WIDE(x))              \
	PAIR(DTYPE, CTYPE, NUMBER, LOAD, BOOL, uint8_t, (uint8_t) (x != 0))

FROM(FLOAT32, float, float, p[i])
FROM(FLOAT64, double, double, p[i])
FROM(FLOAT16, uint16_t, float, pt_half_load(p[i]))
FROM(BFLOAT16, uint16_t, float, pt_bfloat_load(p[i]))
FROM(INT64, int64_t, int64_t, p[i])
FROM(INT32, int32_t, int32_t, p[i])
FROM(INT16, int16_t, int16_t, p[i])
FROM(INT8, int8_t, int8_t, p[i])
FROM(UINT8, uint8_t, uint8_t, p[i])
FROM(BOOL, uint8_t, uint8_t, (uint8_t) (p[i] != 0))

#define TO(FROM)                                                                                \
	{                                                                                           \
		FROM##_TO_FLOAT32, FROM##_TO_FLOAT64, FROM##_TO_FLOAT16, FROM##_TO_BFLOAT16,            \
			FROM##_TO_INT64, FROM##_TO_INT32, FROM##_TO_INT16, FROM##_TO_INT8, FROM##_TO_UINT8, \
			FROM##_TO_BOOL                                                                      \
	}

/* converters[from][to], in the order of the enum */
static void (*const converters[PT_NDTYPE][PT_NDTYPE])(void *restrict, const void *restrict,
													  size_t) = {
	TO(FLOAT32), TO(FLOAT64), TO(FLOAT16), TO(BFLOAT16), TO(INT64),
	TO(INT32),	 TO(INT16),	  TO(INT8),	   TO(UINT8),	 TO(BOOL),
};

void
pt_convert(PtDtype to, void *dst, PtDtype from, const void *src, size_t n)
{
	if (to != from)
		converters[from][to](dst, src, n);
	else if (n > 0)
		memmove(dst, src, n * pt_dtype_size(to));
}

static const void *
element(PtDtype dtype, const void *data, size_t i)
{
	return (const char *) data + i * pt_dtype_size(dtype);
}

double
pt_element_get_double(PtDtype dtype, const void *data, size_t i)
{
	double value;

	pt_convert(PT_FLOAT64, &value, dtype, element(dtype, data, i), 1);
	return value;
}

int64_t
pt_element_get_int64(PtDtype dtype, const void *data, size_t i)
{
	int64_t value;

	pt_convert(PT_INT64, &value, dtype, element(dtype, data, i), 1);
	return value;
}

void
pt_element_set_double(PtDtype dtype, void *data, size_t i, double value)
{
	pt_convert(dtype, (char *) data + i * pt_dtype_size(dtype), PT_FLOAT64, &value, 1);
}

void
pt_element_set_int64(PtDtype dtype, void *data, size_t i, int64_t value)
{
	pt_convert(dtype, (char *) data + i * pt_dtype_size(dtype), PT_INT64, &value, 1);
}
