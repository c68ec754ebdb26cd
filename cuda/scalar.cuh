/*
 * scalar.cuh
 *	  One device function for each scalar op and compute class, generated from scalar.def; conversions,
 *	  random numbers, loads and stores of packs of elements.
 *
 * Both forms of a program call these, so they give the same bits.  The interpreter includes this file;
 * for compiled programs it is preprocessed when this library is built, and the text stands before each
 * program (source.c).  NVRTC has no headers, so the fixed-width integers are spelt out.
 *
 * Semantics are those of src/cpu/isa/elementwise.c; mathematics is CUDA's.  Names end on their class:
 * add_f32.
 */
#ifndef PT_CUDA_SCALAR_CUH
#define PT_CUDA_SCALAR_CUH

#ifdef __CUDACC_RTC__
#pragma nv_diag_suppress 177 /* functions that a program does not call */
#define int8_t signed char
#define int16_t short
#define int32_t int
#define int64_t long long
#define uint8_t unsigned char
#define uint16_t unsigned short
#define uint32_t unsigned int
#define uint64_t unsigned long long
#define DEVICE static __device__ inline
#else
#define DEVICE static __device__ __forceinline__
#endif

#if defined(__CUDACC__) || defined(__CUDACC_RTC__)
#define UNROLL _Pragma("unroll")
#else
#define UNROLL
#endif

#include "elementwise.h"
#include "engine/data/half.h"
#include "fault.cuh"

/* ---------- integers that wrap ---------- */

/* int64 whose arithmetic is modulo 2^64; all else is that of int64. */
struct Integer
{
	int64_t v;

	__device__ __forceinline__ Integer(int64_t x) : v(x)
	{
	}
	__device__ __forceinline__ operator int64_t() const
	{
		return v;
	}
};

DEVICE Integer
operator+(Integer a, Integer b)
{
	return (int64_t) ((uint64_t) a.v + (uint64_t) b.v);
}

DEVICE Integer
operator-(Integer a, Integer b)
{
	return (int64_t) ((uint64_t) a.v - (uint64_t) b.v);
}

DEVICE Integer
operator*(Integer a, Integer b)
{
	return (int64_t) ((uint64_t) a.v * (uint64_t) b.v);
}

DEVICE Integer
operator-(Integer a)
{
	return (int64_t) (0 - (uint64_t) a.v);
}

/* ---------- what scalar.def asks for, by class ---------- */

/* NaN if either is: b loses every comparison, a is asked */
template <typename F>
DEVICE F
larger(F a, F b)
{
	F m = a > b ? a : b;

	return a != a ? a : m;
}

template <typename F>
DEVICE F
smaller(F a, F b)
{
	F m = a < b ? a : b;

	return a != a ? a : m;
}

DEVICE float
modulo(float a, float b)
{
	return fmodf(a, b);
}

DEVICE double
modulo(double a, double b)
{
	return fmod(a, b);
}

DEVICE float
round_down(float a)
{
	return floorf(a);
}

DEVICE double
round_down(double a)
{
	return floor(a);
}

DEVICE float
zero_like(float a)
{
	return copysignf(0.0f, a);
}

DEVICE double
zero_like(double a)
{
	return copysign(0.0, a);
}

/* Python's % and //, as torch.remainder and torch.floor_divide compute them. */
template <typename F>
DEVICE F
python_remainder(F a, F b)
{
	F m = modulo(a, b);

	return m != 0 && (m < 0) != (b < 0) ? m + b : m;
}

template <typename F>
DEVICE F
python_floor_divide(F a, F b)
{
	F m, q, floored;

	if (b == 0)
		return a / b;
	m = modulo(a, b);
	q = (a - m) / b;
	if (m != 0 && (b < 0) != (m < 0))
		q -= 1;
	if (q == 0)
		return zero_like(a / b);
	floored = round_down(q);
	return q - floored > (F) 0.5 ? floored + 1 : floored;
}

/* Division by zero, which the caller notes, gives 0. */
DEVICE Integer
python_floor_divide(Integer a, Integer b)
{
	int64_t q;

	if (b.v == 0)
		return 0;
	if (b.v == -1)
		return -a; /* the smallest integer wraps */
	q = a.v / b.v;
	return a.v % b.v != 0 && (a.v < 0) != (b.v < 0) ? q - 1 : q;
}

DEVICE Integer
python_remainder(Integer a, Integer b)
{
	int64_t m;

	if (b.v == 0 || b.v == -1)
		return 0;
	m = a.v % b.v;
	return m != 0 && (m < 0) != (b.v < 0) ? m + b.v : m;
}

DEVICE float
power(float a, float b)
{
	return powf(a, b);
}

DEVICE double
power(double a, double b)
{
	return pow(a, b);
}

/* A negative exponent gives 0, unless the base is 1 or -1. */
DEVICE Integer
power(Integer a, Integer b)
{
	Integer y = 1;

	if (b.v < 0)
		return a.v == 1 ? 1 : a.v == -1 ? ((b.v & 1) != 0 ? -1 : 1) : 0;
	for (int64_t n = b.v; n > 0; n >>= 1, a = a * a)
		if ((n & 1) != 0)
			y = y * a;
	return y;
}

DEVICE float
magnitude(float a)
{
	return fabsf(a);
}

DEVICE double
magnitude(double a)
{
	return fabs(a);
}

DEVICE Integer
magnitude(Integer a)
{
	return a.v < 0 ? -a : a;
}

#define PT_FLOORDIV(a, b) python_floor_divide(a, b)
#define PT_REMAINDER(a, b) python_remainder(a, b)
#define PT_POW(a, b) power(a, b)
#define PT_MAX(a, b) larger(a, b)
#define PT_MIN(a, b) smaller(a, b)
#define PT_ABS(a) magnitude(a)
#define PT_RELU(a) ((a) <= 0 ? (T) 0 : (a))

#define M_F32_erf erff
#define M_F32_exp expf
#define M_F32_expm1 expm1f
#define M_F32_log logf
#define M_F32_log1p log1pf
#define M_F32_sqrt sqrtf
#define M_F32_tanh tanhf
#define M_F32_floor floorf
#define M_F32_ceil ceilf
#define M_F32_rint rintf
#define M_F32_trunc truncf

/* type: of parameters and result, which T computes for */
#define DEFINE1(name, type, f) \
	DEVICE type name(type x0)  \
	{                          \
		T a = x0;              \
		return f;              \
	}
#define DEFINE2(name, type, f)         \
	DEVICE type name(type x0, type x1) \
	{                                  \
		T a = x0, b = x1;              \
		return f;                      \
	}
#define DEFINE3(name, type, f)                  \
	DEVICE type name(type x0, type x1, type x2) \
	{                                           \
		T a = x0, b = x1, c = x2;               \
		return f;                               \
	}

/* of rows that are not for integers, the integer class defines nothing */
#define IF_INTS(x) x
#define IF_NOINTS(x)

/* ---------- class F32 ---------- */

#define T float
#define M(fn) M_F32_##fn
#define PT_UNARY(name, rule, integers, flags, f, ...) DEFINE1(name##_f32, float, f)
#define PT_BINARY(name, rule, integers, flags, f, ...) DEFINE2(name##_f32, float, f)
#define PT_TERNARY(name, rule, integers, flags, f, ...) DEFINE3(name##_f32, float, f)
#include "engine/ops/scalar.def"
DEFINE1(copy_f32, float, a)
DEFINE1(to_bool_f32, float, (T) (a != 0))
DEFINE1(round_float16_f32, float, pt_half_load(pt_half_store(a)))
DEFINE1(round_bfloat16_f32, float, pt_bfloat_load(pt_bfloat_store(a)))
#undef T
#undef M

/* ---------- class F64 ---------- */

#define T double
#define M(fn) fn
#define PT_UNARY(name, rule, integers, flags, f, ...) DEFINE1(name##_f64, double, f)
#define PT_BINARY(name, rule, integers, flags, f, ...) DEFINE2(name##_f64, double, f)
#define PT_TERNARY(name, rule, integers, flags, f, ...) DEFINE3(name##_f64, double, f)
#include "engine/ops/scalar.def"
DEFINE1(copy_f64, double, a)
DEFINE1(to_bool_f64, double, (T) (a != 0))
#undef T
#undef M

/* ---------- class I64 ---------- */

#define T Integer
#define PT_UNARY(name, rule, integers, flags, f, ...) IF_##integers(DEFINE1(name##_i64, int64_t, f))
#define PT_BINARY(name, rule, integers, flags, f, ...) \
	IF_##integers(DEFINE2(name##_i64, int64_t, f))
#define PT_TERNARY(name, rule, integers, flags, f, ...) \
	IF_##integers(DEFINE3(name##_i64, int64_t, f))
#include "engine/ops/scalar.def"
DEFINE1(copy_i64, int64_t, a)
DEFINE1(to_bool_i64, int64_t, (T) (a != 0))
DEFINE1(wrap_int32_i64, int64_t, (int32_t) a.v)
DEFINE1(wrap_int16_i64, int64_t, (int16_t) a.v)
DEFINE1(wrap_int8_i64, int64_t, (int8_t) a.v)
DEFINE1(wrap_uint8_i64, int64_t, (uint8_t) a.v)
#undef T

#undef PT_FLOORDIV
#undef PT_REMAINDER
#undef PT_POW
#undef PT_MAX
#undef PT_MIN
#undef PT_ABS
#undef PT_RELU

/* ---------- between classes ---------- */

DEVICE float
to_f32_f32(float x)
{
	return x;
}

DEVICE float
to_f32_f64(double x)
{
	return (float) x;
}

DEVICE float
to_f32_i64(int64_t x)
{
	return (float) x;
}

DEVICE double
to_f64_f32(float x)
{
	return (double) x;
}

DEVICE double
to_f64_f64(double x)
{
	return x;
}

DEVICE double
to_f64_i64(int64_t x)
{
	return (double) x;
}

/* as engine/data/convert.c: what does not fit gives the smallest integer */
DEVICE int64_t
to_i64_f32(float x)
{
	return (int64_t) (x >= -0x1p63f && x < 0x1p63f ? x : -0x1p63f);
}

DEVICE int64_t
to_i64_f64(double x)
{
	return (int64_t) (x >= -0x1p63 && x < 0x1p63 ? x : -0x1p63);
}

DEVICE int64_t
to_i64_i64(int64_t x)
{
	return x;
}

/* ---------- random numbers ---------- */

/* The number of a point (ops/random.c): a word of Philox4x32-10. */
DEVICE float
philox(int64_t seed, int64_t stream, int64_t point)
{
	uint64_t i = (uint64_t) point;
	uint64_t counter = i / 64 * 16 + i % 16;
	uint32_t word = (uint32_t) (i % 64 / 16);
	uint32_t w0 = (uint32_t) counter, w1 = (uint32_t) (counter >> 32);
	uint32_t w2 = (uint32_t) (uint64_t) stream, w3 = (uint32_t) ((uint64_t) stream >> 32);
	uint32_t k0 = (uint32_t) (uint64_t) seed, k1 = (uint32_t) ((uint64_t) seed >> 32);

	UNROLL
	for (int round = 0; round < 10; round++)
	{
		uint64_t p = (uint64_t) 0xD2511F53u * w0;
		uint64_t q = (uint64_t) 0xCD9E8D57u * w2;

		w0 = (uint32_t) (q >> 32) ^ w1 ^ k0;
		w2 = (uint32_t) (p >> 32) ^ w3 ^ k1;
		w1 = (uint32_t) q;
		w3 = (uint32_t) p;
		k0 += 0x9E3779B9u;
		k1 += 0xBB67AE85u;
	}
	w0 = word == 0 ? w0 : word == 1 ? w1 : word == 2 ? w2 : w3;
	return (float) (int32_t) (w0 >> 8) * 0x1p-24f;
}

/* ---------- elements in memory ---------- */

#define MOVE(dtype, mem, reg, get, put) \
	DEVICE reg get_##dtype(mem v)       \
	{                                   \
		return get;                     \
	}                                   \
	DEVICE mem put_##dtype(reg v)       \
	{                                   \
		return put;                     \
	}
MOVE(float32, float, float, v, v)
MOVE(float64, double, double, v, v)
MOVE(float16, uint16_t, float, pt_half_load(v), pt_half_store(v))
MOVE(bfloat16, uint16_t, float, pt_bfloat_load(v), pt_bfloat_store(v))
MOVE(int64, int64_t, int64_t, v, v)
MOVE(int32, int32_t, int64_t, v, (int32_t) v)
MOVE(int16, int16_t, int64_t, v, (int16_t) v)
MOVE(int8, int8_t, int64_t, v, (int8_t) v)
MOVE(uint8, uint8_t, int64_t, v, (uint8_t) v)
MOVE(bool, uint8_t, int64_t, v != 0, v != 0)
#undef MOVE

/* N elements in a row, loaded 16 bytes at a time where they are as many. */
template <typename E, int N> struct alignas(sizeof(E) * N < 16 ? sizeof(E) * N : 16) Pack
{
	E e[N];
};

/* All, if n is N; else the first n, and zeros. */
template <typename E, int N>
DEVICE void
load_pack(Pack<E, N> *to, const E *from, int n)
{
	if (n == N)
		*to = *(const Pack<E, N> *) from;
	else
	{
		UNROLL
		for (int i = 0; i < N; i++)
			to->e[i] = i < n ? from[i] : (E) 0;
	}
}

template <typename E, int N>
DEVICE void
store_pack(E *to, const Pack<E, N> *from, int n)
{
	if (n == N)
		*(Pack<E, N> *) to = *from;
	else
	{
		UNROLL
		for (int i = 0; i < N; i++)
			if (i < n)
				to[i] = from->e[i];
	}
}

/* Elements with a stride, 0 too. */
template <typename E, int N, typename I>
DEVICE void
gather_pack(Pack<E, N> *to, const E *from, I stride)
{
	UNROLL
	for (int i = 0; i < N; i++)
		to->e[i] = from[(I) i * stride];
}

/* ---------- places ---------- */

/* n / d for n < 2^31 by Granlund and Montgomery's method; magic and shift are of program.c. */
DEVICE uint32_t
quotient(uint32_t n, const PtCudaSize &d)
{
	return (__umulhi(n, d.magic) + n) >> d.shift;
}

DEVICE int64_t
quotient(int64_t n, const PtCudaSize &d)
{
	return n / d.size;
}

#endif
