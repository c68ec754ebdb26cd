/*
 * elementwise.c
 *	  One loop for each scalar op and compute class, generated from scalar.def, and the loads and
 *	  stores between dtypes and classes.
 *
 * The loops are plain C that compilers vectorise.  T is the class's type and M(f) its math function, as scalar.def
 * wants.  Integer arithmetic wraps (the folder is built with -fwrapv); integer division by zero gives 0
 * here, having been found and refused before (src/cpu/program.c).
 */
#include "cpu/isa/isa.h"

#include <string.h>

#include "cpu/isa/vmath.h"

/* ---------- what scalar.def asks for, by class ---------- */

#define M_F32_erf pt_erff
#define M_F32_exp pt_expf
#define M_F32_expm1 pt_expm1f
#define M_F32_log pt_logf
#define M_F32_log1p pt_log1pf
#define M_F32_sqrt sqrtf
#define M_F32_tanh pt_tanhf
#define M_F32_floor floorf
#define M_F32_ceil ceilf
#define M_F32_rint rintf
#define M_F32_trunc truncf
#define M_F64_erf erf
#define M_F64_exp exp
#define M_F64_expm1 expm1
#define M_F64_log log
#define M_F64_log1p log1p
#define M_F64_sqrt sqrt
#define M_F64_tanh tanh
#define M_F64_floor floor
#define M_F64_ceil ceil
#define M_F64_rint rint
#define M_F64_trunc trunc

static inline float
maximum_f32(float a, float b)
{
	float m = a > b ? a : b;

	return a != a ? a : m; /* a NaN b loses every comparison, so m is b */
}

static inline float
minimum_f32(float a, float b)
{
	float m = a < b ? a : b;

	return a != a ? a : m;
}

static inline double
maximum_f64(double a, double b)
{
	double m = a > b ? a : b;

	return a != a ? a : m;
}

static inline double
minimum_f64(double a, double b)
{
	double m = a < b ? a : b;

	return a != a ? a : m;
}

/* Python's % and //, as torch.remainder and torch.floor_divide compute them. */
static inline double
remainder_f64(double a, double b)
{
	double m = fmod(a, b);

	return m != 0 && (m < 0) != (b < 0) ? m + b : m;
}

static inline float
remainder_f32(float a, float b)
{
	float m = fmodf(a, b);

	return m != 0 && (m < 0) != (b < 0) ? m + b : m;
}

static inline double
floor_divide_f64(double a, double b)
{
	double m, q, floored;

	if (b == 0)
		return a / b;
	m = fmod(a, b);
	q = (a - m) / b;
	if (m != 0 && (b < 0) != (m < 0))
		q -= 1;
	if (q == 0)
		return copysign(0, a / b);
	floored = floor(q);
	return q - floored > 0.5 ? floored + 1 : floored;
}

static inline float
floor_divide_f32(float a, float b)
{
	float m, q, floored;

	if (b == 0)
		return a / b;
	m = fmodf(a, b);
	q = (a - m) / b;
	if (m != 0 && (b < 0) != (m < 0))
		q -= 1;
	if (q == 0)
		return copysignf(0, a / b);
	floored = floorf(q);
	return q - floored > 0.5f ? floored + 1 : floored;
}

static inline int64_t
floor_divide_i64(int64_t a, int64_t b)
{
	int64_t q;

	if (b == 0)
		return 0;
	if (b == -1)
		return -a; /* the smallest integer wraps instead of trapping */
	q = a / b;
	return a % b != 0 && (a < 0) != (b < 0) ? q - 1 : q;
}

static inline int64_t
remainder_i64(int64_t a, int64_t b)
{
	int64_t m;

	if (b == 0 || b == -1)
		return 0;
	m = a % b;
	return m != 0 && (m < 0) != (b < 0) ? m + b : m;
}

/* A negative exponent gives 0, unless the base is 1 or -1. */
static inline int64_t
pow_i64(int64_t a, int64_t b)
{
	int64_t y = 1;

	if (b < 0)
		return a == 1 ? 1 : a == -1 ? (b & 1 ? -1 : 1) : 0;
	for (; b > 0; b >>= 1, a *= a)
		if (b & 1)
			y *= a;
	return y;
}

#define UNIT_NAME(cls, name) cls##_##name
#define UNIT(cls, name) UNIT_NAME(cls, name)
#define DEFINE(name, load, f)                                                                \
	static void UNIT(CLASS, name)(void *out, const void *pa, const void *pb, const void *pc, \
								  size_t n)                                                  \
	{                                                                                        \
		T *y = out;                                                                          \
		const T *x0 = pa, *x1 = pb, *x2 = pc;                                                \
                                                                                             \
		(void) x1;                                                                           \
		(void) x2;                                                                           \
		PT_INDEPENDENT                                                                       \
		for (size_t i = 0; i < n; i++)                                                       \
		{                                                                                    \
			load;                                                                            \
			y[i] = f;                                                                        \
		}                                                                                    \
	}
#define LOAD1 T a = x0[i]
#define LOAD2 T a = x0[i], b = x1[i]
#define LOAD3 T a = x0[i], b = x1[i], c = x2[i]

/* of rows that are not for integers, the integer class defines nothing */
#define INT_INTS(x) x
#define INT_NOINTS(x)

/* ---------- class F32 ---------- */

#define T float
#define CLASS F32
#define M(fn) M_F32_##fn
#define PT_FLOORDIV(a, b) floor_divide_f32(a, b)
#define PT_REMAINDER(a, b) remainder_f32(a, b)
#define PT_POW(a, b) powf(a, b)
#define PT_MAX(a, b) maximum_f32(a, b)
#define PT_MIN(a, b) minimum_f32(a, b)
#define PT_ABS(a) fabsf(a)
#define PT_RELU(a) ((a) <= 0 ? 0 : (a))
#define PT_UNARY(name, rule, integers, flags, f, ...) DEFINE(name, LOAD1, f)
#define PT_BINARY(name, rule, integers, flags, f, ...) DEFINE(name, LOAD2, f)
#define PT_TERNARY(name, rule, integers, flags, f, ...) DEFINE(name, LOAD3, f)
#include "engine/ops/scalar.def"
DEFINE(copy, LOAD1, a)
DEFINE(to_bool, LOAD1, (T) (a != 0))
DEFINE(round_float16, LOAD1, pt_half_load(pt_half_store(a)))
DEFINE(round_bfloat16, LOAD1, pt_bfloat_load(pt_bfloat_store(a)))
#undef T
#undef CLASS
#undef M
#undef PT_FLOORDIV
#undef PT_REMAINDER
#undef PT_POW
#undef PT_MAX
#undef PT_MIN
#undef PT_ABS

/* ---------- class F64 ---------- */

#define T double
#define CLASS F64
#define M(fn) M_F64_##fn
#define PT_FLOORDIV(a, b) floor_divide_f64(a, b)
#define PT_REMAINDER(a, b) remainder_f64(a, b)
#define PT_POW(a, b) pow(a, b)
#define PT_MAX(a, b) maximum_f64(a, b)
#define PT_MIN(a, b) minimum_f64(a, b)
#define PT_ABS(a) fabs(a)
#define PT_UNARY(name, rule, integers, flags, f, ...) DEFINE(name, LOAD1, f)
#define PT_BINARY(name, rule, integers, flags, f, ...) DEFINE(name, LOAD2, f)
#define PT_TERNARY(name, rule, integers, flags, f, ...) DEFINE(name, LOAD3, f)
#include "engine/ops/scalar.def"
DEFINE(copy, LOAD1, a)
DEFINE(to_bool, LOAD1, (T) (a != 0))
#undef T
#undef CLASS
#undef M
#undef PT_FLOORDIV
#undef PT_REMAINDER
#undef PT_POW
#undef PT_MAX
#undef PT_MIN
#undef PT_ABS

/* ---------- class I64 ---------- */

#define T int64_t
#define CLASS I64
#define PT_FLOORDIV(a, b) floor_divide_i64(a, b)
#define PT_REMAINDER(a, b) remainder_i64(a, b)
#define PT_POW(a, b) pow_i64(a, b)
#define PT_MAX(a, b) ((a) > (b) ? (a) : (b))
#define PT_MIN(a, b) ((a) < (b) ? (a) : (b))
#define PT_ABS(a) ((a) < 0 ? -(a) : (a))
#define PT_UNARY(name, rule, integers, flags, f, ...) INT_##integers(DEFINE(name, LOAD1, f))
#define PT_BINARY(name, rule, integers, flags, f, ...) INT_##integers(DEFINE(name, LOAD2, f))
#define PT_TERNARY(name, rule, integers, flags, f, ...) INT_##integers(DEFINE(name, LOAD3, f))
#include "engine/ops/scalar.def"
DEFINE(copy, LOAD1, a)
DEFINE(to_bool, LOAD1, (T) (a != 0))
DEFINE(wrap_int32, LOAD1, (int32_t) a)
DEFINE(wrap_int16, LOAD1, (int16_t) a)
DEFINE(wrap_int8, LOAD1, (int8_t) a)
DEFINE(wrap_uint8, LOAD1, (uint8_t) a)
#undef T
#undef CLASS

/* ---------- between classes ---------- */

/* as engine/data/convert.c: what does not fit gives the smallest integer */
#define INT_OF_F32(x) ((int64_t) ((x) >= -0x1p63f && (x) < 0x1p63f ? (x) : -0x1p63f))
#define INT_OF_F64(x) ((int64_t) ((x) >= -0x1p63 && (x) < 0x1p63 ? (x) : -0x1p63))

#define CONVERT(name, to, from, f)                                                        \
	static void name(void *out, const void *pa, const void *pb, const void *pc, size_t n) \
	{                                                                                     \
		to *y = out;                                                                      \
		const from *x = pa;                                                               \
                                                                                          \
		(void) pb;                                                                        \
		(void) pc;                                                                        \
		PT_INDEPENDENT                                                                    \
		for (size_t i = 0; i < n; i++)                                                    \
			y[i] = f;                                                                     \
	}
CONVERT(f64_of_f32, double, float, (double) x[i])
CONVERT(i64_of_f32, int64_t, float, INT_OF_F32(x[i]))
CONVERT(f32_of_f64, float, double, (float) x[i])
CONVERT(i64_of_f64, int64_t, double, INT_OF_F64(x[i]))
CONVERT(f32_of_i64, float, int64_t, (float) x[i])
CONVERT(f64_of_i64, double, int64_t, (double) x[i])

/* ---------- random numbers ---------- */

#define PHILOX_LANES 16

/* Words of Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3") for 16 counters in a row. */
static inline void
philox(uint32_t word[4][PHILOX_LANES], uint64_t counter, uint64_t stream, uint64_t seed)
{
	uint32_t k0 = (uint32_t) seed, k1 = (uint32_t) (seed >> 32);

	for (int j = 0; j < PHILOX_LANES; j++)
	{
		word[0][j] = (uint32_t) (counter + (uint64_t) j);
		word[1][j] = (uint32_t) ((counter + (uint64_t) j) >> 32);
		word[2][j] = (uint32_t) stream;
		word[3][j] = (uint32_t) (stream >> 32);
	}
	PT_ROLLED
	for (int round = 0; round < 10; round++)
	{
		PT_ROLLED
		for (int j = 0; j < PHILOX_LANES; j++)
		{
			uint64_t p = (uint64_t) 0xD2511F53 * word[0][j];
			uint64_t q = (uint64_t) 0xCD9E8D57 * word[2][j];

			word[0][j] = (uint32_t) (q >> 32) ^ word[1][j] ^ k0;
			word[2][j] = (uint32_t) (p >> 32) ^ word[3][j] ^ k1;
			word[1][j] = (uint32_t) q;
			word[3][j] = (uint32_t) p;
		}
		k0 += 0x9E3779B9;
		k1 += 0xBB67AE85;
	}
}

/* Numbers of points *pc and on; 64 points share 16 counters, 16 points in a row the word (ops/random.c). */
static void
uniform_philox(void *out, const void *pa, const void *pb, const void *pc, size_t n)
{
	float *y = out;
	uint64_t seed = (uint64_t) * (const int64_t *) pa, stream = (uint64_t) * (const int64_t *) pb;
	uint64_t point = (uint64_t) * (const int64_t *) pc;
	uint64_t at = point % 64;

	for (uint64_t block = point / 64; n > 0; block++, at = 0)
	{
		uint32_t word[4][PHILOX_LANES];
		const uint32_t *w = word[0];
		size_t take = 64 - at < n ? 64 - at : n;

		philox(word, block * PHILOX_LANES, stream, seed);
		if (take == 64)
			for (int j = 0; j < 64; j++)
				y[j] = (float) (int32_t) (w[j] >> 8) * 0x1p-24f;
		else
			for (size_t j = 0; j < take; j++)
				y[j] = (float) (int32_t) (w[at + j] >> 8) * 0x1p-24f;
		y += take;
		n -= take;
	}
}

/* ---------- loads and stores ---------- */

#define MOVE(dtype, mem, reg, get, put)                                              \
	static void load_##dtype(void *to, const void *from, size_t n)                   \
	{                                                                                \
		reg *y = to;                                                                 \
		const mem *p = from;                                                         \
                                                                                     \
		PT_INDEPENDENT                                                               \
		for (size_t i = 0; i < n; i++)                                               \
		{                                                                            \
			mem v = p[i];                                                            \
                                                                                     \
			y[i] = get;                                                              \
		}                                                                            \
	}                                                                                \
	static void gather_##dtype(void *to, const void *from, int64_t stride, size_t n) \
	{                                                                                \
		reg *y = to;                                                                 \
		const mem *p = from;                                                         \
                                                                                     \
		for (size_t i = 0; i < n; i++, p += stride)                                  \
		{                                                                            \
			mem v = *p;                                                              \
                                                                                     \
			y[i] = get;                                                              \
		}                                                                            \
	}                                                                                \
	static void store_##dtype(void *to, const void *from, size_t n)                  \
	{                                                                                \
		mem *p = to;                                                                 \
		const reg *x = from;                                                         \
                                                                                     \
		PT_INDEPENDENT                                                               \
		for (size_t i = 0; i < n; i++)                                               \
		{                                                                            \
			reg v = x[i];                                                            \
                                                                                     \
			p[i] = put;                                                              \
		}                                                                            \
	}
MOVE(FLOAT32, float, float, v, v)
MOVE(FLOAT64, double, double, v, v)
MOVE(FLOAT16, uint16_t, float, pt_half_load(v), pt_half_store(v))
MOVE(BFLOAT16, uint16_t, float, pt_bfloat_load(v), pt_bfloat_store(v))
MOVE(INT64, int64_t, int64_t, v, v)
MOVE(INT32, int32_t, int64_t, v, (int32_t) v)
MOVE(INT16, int16_t, int64_t, v, (int16_t) v)
MOVE(INT8, int8_t, int64_t, v, (int8_t) v)
MOVE(UINT8, uint8_t, int64_t, v, (uint8_t) v)
MOVE(BOOL, uint8_t, int64_t, v != 0, v != 0)

#define FILL(name, type)                                    \
	static void name(void *to, const void *value, size_t n) \
	{                                                       \
		type *y = to;                                       \
		type v = *(const type *) value;                     \
                                                            \
		for (size_t i = 0; i < n; i++)                      \
			y[i] = v;                                       \
	}
FILL(fill_f32, float)
FILL(fill_f64, double)
FILL(fill_i64, int64_t)

/* ---------- the table ---------- */

#define I64_INTS(name) , [PT_I64] = I64_##name
#define I64_NOINTS(name)
#define PT_UNARY(name, rule, integers, ...) \
	[PT_S_##name] = {[PT_F32] = F32_##name, [PT_F64] = F64_##name I64_##integers(name)},
#define PT_BINARY(name, rule, integers, ...) PT_UNARY(name, rule, integers)
#define PT_TERNARY(name, rule, integers, ...) PT_UNARY(name, rule, integers)

const PtIsaScalar PT_ISA_NAME(scalar) = {
	.unit =
		{
#include "engine/ops/scalar.def"
			[PT_S_to_f32] = {F32_copy, f32_of_f64, f32_of_i64},
			[PT_S_to_f64] = {f64_of_f32, F64_copy, f64_of_i64},
			[PT_S_to_i64] = {i64_of_f32, i64_of_f64, I64_copy},
			[PT_S_round_float16] = {F32_round_float16},
			[PT_S_round_bfloat16] = {F32_round_bfloat16},
			[PT_S_wrap_int32] = {[PT_I64] = I64_wrap_int32},
			[PT_S_wrap_int16] = {[PT_I64] = I64_wrap_int16},
			[PT_S_wrap_int8] = {[PT_I64] = I64_wrap_int8},
			[PT_S_wrap_uint8] = {[PT_I64] = I64_wrap_uint8},
			[PT_S_to_bool] = {F32_to_bool, F64_to_bool, I64_to_bool},
			[PT_S_copy] = {F32_copy, F64_copy, I64_copy},
			[PT_S_philox] = {[PT_I64] = uniform_philox},
		},
#define MOVES(X)                                                                            \
	X(FLOAT32), X(FLOAT64), X(FLOAT16), X(BFLOAT16), X(INT64), X(INT32), X(INT16), X(INT8), \
		X(UINT8), X(BOOL)
#define LOAD_ENTRY(d) [PT_##d] = load_##d
#define GATHER_ENTRY(d) [PT_##d] = gather_##d
#define STORE_ENTRY(d) [PT_##d] = store_##d
	.load = {MOVES(LOAD_ENTRY)},
	.gather = {MOVES(GATHER_ENTRY)},
	.store = {MOVES(STORE_ENTRY)},
	.fill = {fill_f32, fill_f64, fill_i64},
};
