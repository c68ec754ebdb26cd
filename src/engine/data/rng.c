/*
 * rng.c
 *	  PyTorch's CPU generator: mt19937 (Matsumoto, Nishimura) and the transforms on top of it.
 *
 * Every function draws exactly as many words, in the same order, as PyTorch's kernel for the
 * same call, so streams stay in step however calls are mixed.  Uniform values and permutations are
 * equal bit for bit; normal float32 values within the rounding of log, sin and cos.
 *
 * Memory:  the caller's PtRng, nothing else.
 * Threads: one thread a generator.
 * Errors:  none.
 */
#include "engine/data/rng.h"

#include <math.h>
#include <string.h>

#define MT_N 624
#define MT_M 397
#define TWO_PI 6.283185307179586476925286766559

void
pt_rng_seed(PtRng *rng, uint64_t seed)
{
	rng->state[0] = (uint32_t) seed; /* PyTorch keeps the low half, too */
	for (int i = 1; i < MT_N; i++)
	{
		uint32_t prev = rng->state[i - 1];

		rng->state[i] = 1812433253u * (prev ^ (prev >> 30)) + (uint32_t) i;
	}
	rng->left = 1;
	rng->next = 0;
	rng->has_normal = false;
	rng->normal = 0;
	rng->stop = NULL;
	rng->stopped = false;
}

static inline uint32_t
twist(uint32_t u, uint32_t v)
{
	return (((u & 0x80000000u) | (v & 0x7fffffffu)) >> 1) ^ (-(v & 1u) & 0x9908b0dfu);
}

static void
reload(PtRng *rng)
{
	uint32_t *s = rng->state;
	int i = 0;

	for (; i < MT_N - MT_M; i++)
		s[i] = s[i + MT_M] ^ twist(s[i], s[i + 1]);
	for (; i < MT_N - 1; i++)
		s[i] = s[i + MT_M - MT_N] ^ twist(s[i], s[i + 1]);
	s[i] = s[i + MT_M - MT_N] ^ twist(s[i], s[0]);
	rng->left = MT_N;
	rng->next = 0;
}

uint32_t
pt_rng_uint32(PtRng *rng)
{
	uint32_t y;

	if (--rng->left == 0)
		reload(rng);
	y = rng->state[rng->next++];
	y ^= y >> 11;
	y ^= (y << 7) & 0x9d2c5680u;
	y ^= (y << 15) & 0xefc60000u;
	return y ^ (y >> 18);
}

uint64_t
pt_rng_uint64(PtRng *rng)
{
	uint64_t high = pt_rng_uint32(rng);

	return high << 32 | pt_rng_uint32(rng);
}

/* [0, 1): as many random bits as the mantissa has, so that every value is exact. */
static inline float
unit_float(PtRng *rng)
{
	return (float) (pt_rng_uint32(rng) & 0xffffffu) * 0x1p-24f;
}

static inline double
unit_double(PtRng *rng)
{
	return (double) (pt_rng_uint64(rng) & ((UINT64_C(1) << 53) - 1)) * 0x1p-53;
}

/* Whether a fill should end before element i. */
static inline bool
stopped(PtRng *rng, int64_t i)
{
	if ((i & 0xffff) == 0 && rng->stop != NULL && rng->stop())
		rng->stopped = true;
	return rng->stopped;
}

/* [from, to): what rounding makes "to" becomes "from".  Half precision is drawn as float32, then rounded. */
void
pt_rng_uniform(PtRng *rng, PtDtype dtype, void *data, int64_t n, double from, double to)
{
	float low = (float) from;
	float range = (float) to - low;
	char high[8];
	size_t size = pt_dtype_size(dtype);

	if (dtype == PT_FLOAT32 && from == 0 && to == 1)
	{
		for (int64_t i = 0; i < n && !stopped(rng, i); i++)
			((float *) data)[i] = unit_float(rng);
		return;
	}
	pt_element_set_double(dtype, high, 0, to);
	for (int64_t i = 0; i < n && !stopped(rng, i); i++)
	{
		double x = dtype == PT_FLOAT64 ? fma(unit_double(rng), to - from, from)
									   : (double) fmaf(unit_float(rng), range, low);

		pt_element_set_double(dtype, data, (size_t) i, x);
		if (memcmp((char *) data + (size_t) i * size, high, size) == 0)
			pt_element_set_double(dtype, data, (size_t) i, from);
	}
}

/* Sixteen uniforms become eight Box-Muller pairs: u1 from the first eight, u2 from the others. */
static void
normal16_float(float *d, float mean, float std)
{
	for (int j = 0; j < 8; j++)
	{
		float radius = sqrtf(-2 * logf(1 - d[j]));
		float theta = (float) TWO_PI * d[j + 8];

		d[j] = fmaf(radius * cosf(theta), std, mean);
		d[j + 8] = fmaf(radius * sinf(theta), std, mean);
	}
}

static void
normal16_double(double *d, double mean, double std)
{
	for (int j = 0; j < 8; j++)
	{
		double radius = sqrt(-2 * log(1 - d[j]));
		double theta = TWO_PI * d[j + 8];

		d[j] = radius * cos(theta) * std + mean;
		d[j + 8] = radius * sin(theta) * std + mean;
	}
}

/*
 * PyTorch first draws all uniforms, then transforms blocks of sixteen in place.  Drawing block
 * by block gives the same stream; the words of an incomplete last block are drawn and lost,
 * because the last sixteen values are then made anew from sixteen more draws.  Half precision it
 * draws block by block, as float32, and so loses none.
 */
static void
normal_blocks(PtRng *rng, PtDtype dtype, void *data, int64_t n, double mean, double std)
{
	int64_t whole = n & ~(int64_t) 15;

	for (int64_t start = 0; start < n && !stopped(rng, start); start += 16)
	{
		int64_t at = start;

		if (start == whole)
		{
			for (int64_t i = whole; i < n; i++)
			{
				if (dtype == PT_FLOAT64)
					pt_rng_uint64(rng);
				else if (dtype == PT_FLOAT32)
					pt_rng_uint32(rng);
			}
			at = n - 16;
		}
		if (dtype == PT_FLOAT64)
		{
			double *d = (double *) data + at;

			for (int j = 0; j < 16; j++)
				d[j] = unit_double(rng);
			normal16_double(d, mean, std);
		}
		else
		{
			float d[16];

			for (int j = 0; j < 16; j++)
				d[j] = unit_float(rng);
			normal16_float(d, (float) mean, (float) std);
			for (int j = 0; j < 16; j++)
				pt_element_set_double(dtype, data, (size_t) (at + j), d[j]);
		}
	}
}

void
pt_rng_normal(PtRng *rng, PtDtype dtype, void *data, int64_t n, double mean, double std)
{
	if (n >= 16)
	{
		normal_blocks(rng, dtype, data, n, mean, std);
		return;
	}
	for (int64_t i = 0; i < n; i++)
	{
		double value = rng->normal;

		if (rng->has_normal)
			rng->has_normal = false;
		else
		{
			double u1 = unit_double(rng);
			double radius = sqrt(-2 * log1p(-unit_double(rng)));
			double theta = TWO_PI * u1;

			rng->normal = radius * sin(theta);
			rng->has_normal = true;
			value = radius * cos(theta);
		}
		pt_element_set_double(dtype, data, (size_t) i, fma(value, std, mean));
	}
}

void
pt_rng_integers(PtRng *rng, PtDtype dtype, void *data, int64_t n, int64_t low, uint64_t range)
{
	for (int64_t i = 0; i < n && !stopped(rng, i); i++)
	{
		uint64_t bits = range >= UINT64_C(1) << 28 ? pt_rng_uint64(rng) : pt_rng_uint32(rng);

		pt_element_set_int64(dtype, data, (size_t) i, (int64_t) ((uint64_t) low + bits % range));
	}
}

void
pt_rng_shuffle(PtRng *rng, int64_t *perm, int64_t n, int64_t from, int64_t to)
{
	for (int64_t i = from; i < to && i < n - 1; i++)
	{
		int64_t j = i + (int64_t) (pt_rng_uint32(rng) % (uint64_t) (n - i));
		int64_t t = perm[i];

		perm[i] = perm[j];
		perm[j] = t;
	}
}
