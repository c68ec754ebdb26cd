/*
 * rows.c
 *	  What softmax and cross entropy do to a row, or to several short rows at once.
 *
 * float, and double by way of libm.
 */
#include "cpu/isa/isa.h"

#include "cpu/isa/vmath.h"

#define LANES 32

#define ROWS(T, s, EXP, LOG)                                                       \
	static void max_##s(void *out, const void *px, size_t n)                       \
	{                                                                              \
		const T *x = px;                                                           \
		T lane[LANES], best;                                                       \
		size_t i = 1;                                                              \
                                                                                   \
		if (n >= LANES)                                                            \
		{                                                                          \
			for (size_t j = 0; j < LANES; j++)                                     \
				lane[j] = x[j];                                                    \
			for (i = LANES; i + LANES <= n; i += LANES)                            \
				for (size_t j = 0; j < LANES; j++)                                 \
				{                                                                  \
					T m = lane[j] > x[i + j] ? lane[j] : x[i + j];                 \
                                                                                   \
					lane[j] = lane[j] != lane[j] ? lane[j] : m;                    \
				}                                                                  \
			best = lane[0];                                                        \
			for (size_t j = 1; j < LANES; j++)                                     \
				best = best != best ? best : best > lane[j] ? best : lane[j];      \
		}                                                                          \
		else                                                                       \
			best = x[0];                                                           \
		for (; i < n; i++)                                                         \
			best = best != best ? best : best > x[i] ? best : x[i];                \
		*(T *) out = best;                                                         \
	}                                                                              \
	static void exp_sub_##s(void *out, const void *px, const void *psub, size_t n) \
	{                                                                              \
		T *y = out;                                                                \
		const T *x = px;                                                           \
		T sub = *(const T *) psub;                                                 \
                                                                                   \
		PT_INDEPENDENT                                                             \
		for (size_t i = 0; i < n; i++)                                             \
			y[i] = EXP(x[i] - sub);                                                \
	}                                                                              \
	static void exp_##s(void *out, const void *px, size_t n)                       \
	{                                                                              \
		T *y = out;                                                                \
		const T *x = px;                                                           \
                                                                                   \
		PT_INDEPENDENT                                                             \
		for (size_t i = 0; i < n; i++)                                             \
			y[i] = EXP(x[i]);                                                      \
	}                                                                              \
	static void log_##s(void *out, const void *px, size_t n)                       \
	{                                                                              \
		T *y = out;                                                                \
		const T *x = px;                                                           \
                                                                                   \
		PT_INDEPENDENT                                                             \
		for (size_t i = 0; i < n; i++)                                             \
			y[i] = LOG(x[i]);                                                      \
	}                                                                              \
	static void sum_##s(void *out, const void *px, size_t n)                       \
	{                                                                              \
		const T *x = px;                                                           \
		double total = 0;                                                          \
                                                                                   \
		while (n > 0)                                                              \
		{                                                                          \
			size_t take = n < 16 * LANES ? n : 16 * LANES, i = 0;                  \
			T lane[LANES], sum = 0;                                                \
                                                                                   \
			if (take >= LANES)                                                     \
			{                                                                      \
				for (size_t j = 0; j < LANES; j++)                                 \
					lane[j] = x[j];                                                \
				for (i = LANES; i + LANES <= take; i += LANES)                     \
					for (size_t j = 0; j < LANES; j++)                             \
						lane[j] += x[i + j];                                       \
				for (size_t half = LANES / 2; half > 0; half /= 2)                 \
					for (size_t j = 0; j < half; j++)                              \
						lane[j] += lane[j + half];                                 \
				total += lane[0];                                                  \
			}                                                                      \
			for (; i < take; i++)                                                  \
				sum += x[i];                                                       \
			total += sum;                                                          \
			x += take;                                                             \
			n -= take;                                                             \
		}                                                                          \
		*(T *) out = (T) total;                                                    \
	}                                                                              \
	static void sub_##s(void *out, const void *px, const void *psub, size_t n)     \
	{                                                                              \
		T *y = out;                                                                \
		const T *x = px;                                                           \
		T sub = *(const T *) psub;                                                 \
                                                                                   \
		PT_INDEPENDENT                                                             \
		for (size_t i = 0; i < n; i++)                                             \
			y[i] = x[i] - sub;                                                     \
	}                                                                              \
	static void mul_##s(void *out, const void *px, const void *pby, size_t n)      \
	{                                                                              \
		T *y = out;                                                                \
		const T *x = px;                                                           \
		T by = *(const T *) pby;                                                   \
                                                                                   \
		PT_INDEPENDENT                                                             \
		for (size_t i = 0; i < n; i++)                                             \
			y[i] = x[i] * by;                                                      \
	}

ROWS(float, f32, pt_expf, pt_logf)
ROWS(double, f64, exp, log)

const PtIsaRows PT_ISA_NAME(rows) = {
	.max = {max_f32, max_f64},
	.exp_sub = {exp_sub_f32, exp_sub_f64},
	.exp = {exp_f32, exp_f64},
	.log = {log_f32, log_f64},
	.sum = {sum_f32, sum_f64},
	.sub = {sub_f32, sub_f64},
	.mul = {mul_f32, mul_f64},
};
