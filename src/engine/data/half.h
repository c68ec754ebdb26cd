/*
 * half.h
 *	  float16 and bfloat16 to and from float, inline and without branches, for loops.
 *
 * IEEE 754 binary16 has 5 exponent and 10 fraction bits; bfloat16 is the upper half of a float.
 * Both round to nearest even; overflow gives infinity, any NaN a quiet NaN of the same sign.
 * CUDA's compilers read this file too, NVRTC without headers of the system.
 */
#ifndef PT_HALF_H
#define PT_HALF_H

#ifndef __CUDACC_RTC__
#include <stdint.h>
#include <string.h>
#endif

#ifdef __CUDACC__
#define PT_INLINE static inline __host__ __device__
#else
#define PT_INLINE static inline
#endif

PT_INLINE uint32_t
pt_float_bits(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

PT_INLINE float
pt_bits_float(uint32_t u)
{
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
}

PT_INLINE float
pt_half_load(uint16_t h)
{
	uint32_t magnitude = h & 0x7fff;
	/* rebias the exponent: 112 = 127 - 15; once more takes 31 (inf, nan) to 255 */
	uint32_t normal = (magnitude << 13) + (112u << 23);
	uint32_t special = normal + (112u << 23);
	/* subnormals count units of 2^-24 */
	uint32_t tiny = pt_float_bits((float) (int32_t) magnitude * 0x1p-24f);
	uint32_t bits = magnitude < 0x0400 ? tiny : magnitude < 0x7c00 ? normal : special;

	return pt_bits_float(bits | (uint32_t) (h & 0x8000) << 16);
}

PT_INLINE uint16_t
pt_half_store(float f)
{
	uint32_t bits = pt_float_bits(f);
	uint32_t magnitude = bits & 0x7fffffff;
	/* half an ulp less one, plus the last kept bit: ties go to even */
	uint32_t normal = (magnitude - (112u << 23) + 0xfff + ((magnitude >> 13) & 1)) >> 13;
	/* one ulp at 0.5 is 2^-24, so the addition rounds to whole subnormal units */
	float lifted = pt_bits_float(magnitude < 0x38800000 ? magnitude : 0) + 0.5f;
	uint32_t tiny = pt_float_bits(lifted) - 0x3f000000;
	uint32_t h = magnitude < 0x38800000 ? tiny : normal;

	h = magnitude >= 0x477ff000 ? 0x7c00 : h; /* 65520 and more */
	h = magnitude > 0x7f800000 ? 0x7e00 : h;
	return (uint16_t) (h | bits >> 31 << 15);
}

PT_INLINE float
pt_bfloat_load(uint16_t b)
{
	return pt_bits_float((uint32_t) b << 16);
}

PT_INLINE uint16_t
pt_bfloat_store(float f)
{
	uint32_t bits = pt_float_bits(f);
	uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
	uint32_t nan = (bits >> 31 << 15) | 0x7fc0;

	return (uint16_t) ((bits & 0x7fffffff) > 0x7f800000 ? nan : rounded);
}

#endif
