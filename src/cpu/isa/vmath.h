/*
 * vmath.h
 *	  exp, log, log1p, expm1, tanh and erf of floats without branches or calls, for loops that are to be
 *	  vectorised.
 *
 * At most 2 ulp; NaN, infinities, overflow and subnormals come out as from libm.  Doubles go to
 * libm.  Reductions follow Cody and Waite; the polynomials are least-maximum fits
 * over the reduced range (test/engine/test_cpu.c measures the errors).  Integers are taken out of floats by
 * adding 1.5 * 2^23, so nothing here converts a float that could be NaN.
 */
#ifndef PT_CPU_VMATH_H
#define PT_CPU_VMATH_H

#include <math.h>

#include "engine/data/half.h"

#define PT_ROUNDER 0x1.8p23f

/* 2^n for -126 <= n <= 127 */
static inline float
pt_pow2f(int32_t n)
{
	return pt_bits_float((uint32_t) (n + 127) << 23);
}

static inline float
pt_expf(float x)
{
	float z = x > 90.0f ? 90.0f : x;
	float t, n, r, p;
	int32_t i, half;

	z = z < -105.0f ? -105.0f : z;
	t = z * 0x1.715476p0f + PT_ROUNDER;
	n = t - PT_ROUNDER;
	i = (int32_t) (pt_float_bits(t) - pt_float_bits(PT_ROUNDER));
	r = z - n * 0x1.62e4p-1f; /* 15 bits: exact */
	r = r - n * 0x1.7f7d1cp-20f;
	p = 1.3930436e-3f;
	p = p * r + 8.3632916e-3f;
	p = p * r + 4.1666519e-2f;
	p = p * r + 1.6666576e-1f;
	p = p * r + 0.5f;
	p = (p * r) * r + r;
	p = p + 1.0f;
	half = i >> 1; /* in two steps, as 2^i may be out of range */
	return p * pt_pow2f(half) * pt_pow2f(i - half);
}

static inline float
pt_logf(float x)
{
	/* subnormals are scaled up */
	float scaled = x < 0x1p-126f ? x * 0x1p23f : x;
	float shift = x < 0x1p-126f ? 23.0f : 0.0f;
	uint32_t bits = pt_float_bits(scaled);
	/* m in [sqrt(1/2), sqrt(2)), x = 2^e m */
	uint32_t off = bits - 0x3f3504f3;
	float e = (float) ((int32_t) off >> 23) - shift;
	float f = pt_bits_float((off & 0x007fffff) + 0x3f3504f3) - 1.0f;
	float z = f * f;
	float p, y;

	p = 7.0376836292e-2f;
	p = p * f - 1.1514610310e-1f;
	p = p * f + 1.1676998740e-1f;
	p = p * f - 1.2420140846e-1f;
	p = p * f + 1.4249322787e-1f;
	p = p * f - 1.6668057665e-1f;
	p = p * f + 2.0000714765e-1f;
	p = p * f - 2.4999993993e-1f;
	p = p * f + 3.3333331174e-1f;
	y = p * f * z;
	y = y + e * -2.12194440e-4f;
	y = y - 0.5f * z;
	y = f + y;
	y = y + e * 0.693359375f;
	y = x == INFINITY ? x : y;
	y = x == 0.0f ? -INFINITY : y;
	return x >= 0.0f ? y : NAN;
}

static inline float
pt_log1pf(float x)
{
	float u = 1.0f + x;
	float c = (x - (u - 1.0f)) / u; /* what rounding u lost */
	float y = pt_logf(u) + c;

	y = u == 1.0f ? x : y;
	y = u == 0.0f ? -INFINITY : y;
	return u == INFINITY ? u : y;
}

static inline float
pt_expm1f(float x)
{
	float z = x > 90.0f ? 90.0f : x;
	float t, n, r, p, s, y;
	int32_t i;

	z = z < -20.0f ? -20.0f : z;
	t = z * 0x1.715476p0f + PT_ROUNDER;
	n = t - PT_ROUNDER;
	i = (int32_t) (pt_float_bits(t) - pt_float_bits(PT_ROUNDER));
	r = z - n * 0x1.62e4p-1f;
	r = r - n * 0x1.7f7d1cp-20f;
	p = 1.9856989e-4f;
	p = p * r + 1.3948719e-3f;
	p = p * r + 8.3333803e-3f;
	p = p * r + 4.1666485e-2f;
	p = p * r + 1.6666667e-1f;
	p = p * r + 0.5f;
	p = (p * r) * r + r;   /* exp(r) - 1 */
	i = i > 128 ? 128 : i; /* 90 gives 130, beyond what two steps can scale */
	s = pt_pow2f(i - 1);
	y = (s * p + (s - 0.5f)) * 2.0f;
	y = x > 89.0f ? INFINITY : y;
	return fabsf(x) < 0x1p-25f ? x : y;
}

static inline float
pt_tanhf(float x)
{
	float a = fabsf(x);
	float z = x * x;
	float p = -5.70498872745e-3f;
	float big = 1.0f - 2.0f / (pt_expf(2.0f * a) + 1.0f);

	p = p * z + 2.06390887954e-2f;
	p = p * z - 5.37397155531e-2f;
	p = p * z + 1.33314422036e-1f;
	p = p * z - 3.33332819422e-1f;
	p = p * z * x + x;
	return copysignf(a < 0.625f ? p : big, x); /* of the small ones, -0 */
}

/* Odd polynomial near 0; beyond, 1 - exp(q) where q follows log(erfc). */
static inline float
pt_erff(float x)
{
	float a = fabsf(x);
	float z = a < 0.9375f ? x * x : 0.0f;
	float c = a > 4.0f ? 4.0f : a; /* from there on erf is 1 */
	float p, q, big;

	p = 8.26746303e-5f;
	p = p * z - 8.11807596e-4f;
	p = p * z + 5.19882993e-3f;
	p = p * z - 2.68584971e-2f;
	p = p * z + 1.12836790e-1f;
	p = p * z - 3.76126326e-1f;
	p = p * z + 1.28379167e-1f;
	p = p * x + x;
	q = 1.93900638e-4f;
	q = q * c - 3.02316292e-3f;
	q = q * c + 2.21466440e-2f;
	q = q * c - 1.03764308e-1f;
	q = q * c - 6.37373788e-1f;
	q = q * c - 1.12756129f;
	q = q * c - 2.23501354e-4f;
	big = copysignf(1.0f - pt_expf(q), x);
	p = a < 0.9375f ? p : big;
	return x != x ? x : p;
}

#endif
