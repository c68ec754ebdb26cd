/*
 * reduce.c
 *	  Sum, product, maximum and minimum of contiguous runs, and of columns.
 *
 * Floats are summed in blocks of a few hundred, in float and in many lanes; block sums are added
 * in double, so the error does not grow with the length.  The order depends on the length alone.
 * A NaN that max or min has met stays.
 */
#include "cpu/isa/isa.h"

/* elements that are added in the element's own precision */
#define BLOCK 512
#define LANES 32

/* The larger (smaller), NaN if either is: a NaN b loses every comparison. */
#define MAX(a, b) ((a) != (a) ? (a) : (a) > (b) ? (a) : (b))
#define MIN(a, b) ((a) != (a) ? (a) : (a) < (b) ? (a) : (b))
#define ADD(a, b) ((a) + (b))
#define MUL(a, b) ((a) * (b))

/*
 * T: type of elements, ACC: of the accumulator, IN: in which lanes are reduced (T, or ACC where T
 * would overflow).
 */
#define RUN(name, T, ACC, IN, OP)                                  \
	static void name(void *acc, const void *px, size_t n)          \
	{                                                              \
		const T *x = px;                                           \
		ACC total = *(ACC *) acc;                                  \
                                                                   \
		while (n > 0)                                              \
		{                                                          \
			size_t take = n < BLOCK ? n : BLOCK, i = 0;            \
			IN lane[LANES];                                        \
                                                                   \
			if (take >= LANES)                                     \
			{                                                      \
				for (size_t j = 0; j < LANES; j++)                 \
					lane[j] = (IN) x[j];                           \
				for (i = LANES; i + LANES <= take; i += LANES)     \
					for (size_t j = 0; j < LANES; j++)             \
						lane[j] = OP(lane[j], (IN) x[i + j]);      \
				for (size_t half = LANES / 2; half > 0; half /= 2) \
					for (size_t j = 0; j < half; j++)              \
						lane[j] = OP(lane[j], lane[j + half]);     \
				total = OP(total, (ACC) lane[0]);                  \
			}                                                      \
			for (; i < take; i++)                                  \
				total = OP(total, (ACC) x[i]);                     \
			x += take;                                             \
			n -= take;                                             \
		}                                                          \
		*(ACC *) acc = total;                                      \
	}

#define COLS(name, T, ACC, IN, OP, BLOCK_ROWS)                                           \
	static void name(void *acc, const void *px, size_t rows, size_t stride, size_t cols) \
	{                                                                                    \
		const T *x = px;                                                                 \
		ACC *total = acc;                                                                \
		IN part[PT_REDUCE_COLS];                                                         \
                                                                                         \
		while (rows > 0)                                                                 \
		{                                                                                \
			size_t take = rows < (BLOCK_ROWS) ? rows : (BLOCK_ROWS);                     \
                                                                                         \
			for (size_t j = 0; j < cols; j++)                                            \
				part[j] = (IN) x[j];                                                     \
			for (size_t r = 1; r < take; r++)                                            \
				for (size_t j = 0; j < cols; j++)                                        \
					part[j] = OP(part[j], (IN) x[r * stride + j]);                       \
			for (size_t j = 0; j < cols; j++)                                            \
				total[j] = OP(total[j], (ACC) part[j]);                                  \
			x += take * stride;                                                          \
			rows -= take;                                                                \
		}                                                                                \
	}

RUN(run_sum_f32, float, double, float, ADD)
RUN(run_sum_f64, double, double, double, ADD)
RUN(run_sum_i64, int64_t, int64_t, int64_t, ADD)
RUN(run_prod_f32, float, double, double, MUL)
RUN(run_prod_f64, double, double, double, MUL)
RUN(run_prod_i64, int64_t, int64_t, int64_t, MUL)
RUN(run_max_f32, float, double, float, MAX)
RUN(run_max_f64, double, double, double, MAX)
RUN(run_max_i64, int64_t, int64_t, int64_t, MAX)
RUN(run_min_f32, float, double, float, MIN)
RUN(run_min_f64, double, double, double, MIN)
RUN(run_min_i64, int64_t, int64_t, int64_t, MIN)

COLS(cols_sum_f32, float, double, float, ADD, 64)
COLS(cols_sum_f64, double, double, double, ADD, 64)
COLS(cols_sum_i64, int64_t, int64_t, int64_t, ADD, 64)
COLS(cols_prod_f32, float, double, double, MUL, 64)
COLS(cols_prod_f64, double, double, double, MUL, 64)
COLS(cols_prod_i64, int64_t, int64_t, int64_t, MUL, 64)
COLS(cols_max_f32, float, double, float, MAX, 64)
COLS(cols_max_f64, double, double, double, MAX, 64)
COLS(cols_max_i64, int64_t, int64_t, int64_t, MAX, 64)
COLS(cols_min_f32, float, double, float, MIN, 64)
COLS(cols_min_f64, double, double, double, MIN, 64)
COLS(cols_min_i64, int64_t, int64_t, int64_t, MIN, 64)

const PtIsaReduce PT_ISA_NAME(reduce) = {
	.run = {{run_sum_f32, run_sum_f64, run_sum_i64},
			{run_prod_f32, run_prod_f64, run_prod_i64},
			{run_max_f32, run_max_f64, run_max_i64},
			{run_min_f32, run_min_f64, run_min_i64}},
	.cols = {{cols_sum_f32, cols_sum_f64, cols_sum_i64},
			 {cols_prod_f32, cols_prod_f64, cols_prod_i64},
			 {cols_max_f32, cols_max_f64, cols_max_i64},
			 {cols_min_f32, cols_min_f64, cols_min_i64}},
};
