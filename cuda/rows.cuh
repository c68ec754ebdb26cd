/*
 * rows.cuh
 *	  The largest element of a row, and the sum of exp(x - largest): what softmax and cross entropy begin with.
 *
 * Rows of up to LANES_COLS contiguous elements are held in the registers of 1 to 32 lanes of a warp, each lane
 * having up to LANES_COLS / 32 of them.  All others are done by a block, `width` rows that lie side by
 * side at once, in passes over memory (mostly a cache's).
 *
 * T: what is computed with, float or double; sums are double.  A NaN, an infinity or nothing but
 * -inf in a row makes its sum NaN, as in PyTorch.
 */
#ifndef PT_CUDA_ROWS_CUH
#define PT_CUDA_ROWS_CUH

#include "block.cuh"

#define LANES_COLS 1024
#define LANES_THREADS 128
/* elements that a thread of a block has under way */
#define ROWS_EACH 4
/* Tiles are done in a loop by this many blocks at most. */
#define ROWS_BLOCKS 4096

/* Rows, as kernels see them. */
typedef struct Rows
{
	PtDtype dtype;
	int64_t rows, cols;
	int64_t inner; /* distance of a row's elements; so many rows lie side by side */
	int width;	   /* lanes of a row, or rows of a block side by side */
	int threads;
	int64_t across, tiles; /* of blocks: tiles that cover inner, and all */
} Rows;

/* ---------- host ---------- */

static inline bool
rows_in_lanes(const Rows *r)
{
	return r->inner == 1 && r->cols <= LANES_COLS;
}

/* Fills in how the rows (dtype, rows, cols and inner are set) are shared out. */
static inline void
rows_plan(Rows *r)
{
	if (rows_in_lanes(r))
	{
		r->width = pt_power_of_two(r->cols, 1, PT_WARP);
		r->threads = LANES_THREADS;
		return;
	}
	r->width = pt_power_of_two(r->inner, 1, PT_WARP);
	r->threads = pt_power_of_two((r->cols + 7) / 8 * r->width, PT_WARP, PT_BLOCK_THREADS);
	r->across = (r->inner + r->width - 1) / r->width;
	r->tiles = r->rows / r->inner * r->across;
}

/* elements that each lane holds */
static inline int
rows_held(const Rows *r)
{
	return pt_power_of_two((r->cols + PT_WARP - 1) / PT_WARP, 1, LANES_COLS / PT_WARP);
}

static inline unsigned
rows_blocks(const Rows *r)
{
	if (rows_in_lanes(r))
		return pt_blocks((r->rows + PT_WARP / r->width - 1) / (PT_WARP / r->width) * PT_WARP,
						 LANES_THREADS);
	return (unsigned) (r->tiles < ROWS_BLOCKS ? r->tiles : ROWS_BLOCKS);
}

/*
 * ROWS_LAUNCH(error, r, stream, lanes, block, arguments...) launches kernel lanes<T, Load, elements held> or block<T, Load>.
 */
#define ROWS_LAUNCH(error, r, stream, lanes, block, ...)                                           \
	switch ((r)->dtype)                                                                            \
	{                                                                                              \
		case PT_FLOAT32:                                                                           \
			ROWS_LAUNCH_AS(error, r, stream, lanes, block, float, LoadNative<float>, __VA_ARGS__); \
			break;                                                                                 \
		case PT_FLOAT64:                                                                           \
			ROWS_LAUNCH_AS(error, r, stream, lanes, block, double, LoadNative<double>,             \
						   __VA_ARGS__);                                                           \
			break;                                                                                 \
		default:                                                                                   \
			ROWS_LAUNCH_AS(error, r, stream, lanes, block, float, LoadHalf, __VA_ARGS__);          \
			break;                                                                                 \
	}

#define ROWS_LAUNCH_AS(error, r, stream, lanes, block, T, Load, ...)                \
	switch (rows_in_lanes(r) ? rows_held(r) : 0)                                    \
	{                                                                               \
		case 0:                                                                     \
			error = PT_LAUNCH(stream, rows_blocks(r), (unsigned) (r)->threads, 0,   \
							  (block<T, Load>), __VA_ARGS__);                       \
			break;                                                                  \
		case 1:                                                                     \
			error = ROWS_LAUNCH_HELD(r, stream, (lanes<T, Load, 1>), __VA_ARGS__);  \
			break;                                                                  \
		case 2:                                                                     \
			error = ROWS_LAUNCH_HELD(r, stream, (lanes<T, Load, 2>), __VA_ARGS__);  \
			break;                                                                  \
		case 4:                                                                     \
			error = ROWS_LAUNCH_HELD(r, stream, (lanes<T, Load, 4>), __VA_ARGS__);  \
			break;                                                                  \
		case 8:                                                                     \
			error = ROWS_LAUNCH_HELD(r, stream, (lanes<T, Load, 8>), __VA_ARGS__);  \
			break;                                                                  \
		case 16:                                                                    \
			error = ROWS_LAUNCH_HELD(r, stream, (lanes<T, Load, 16>), __VA_ARGS__); \
			break;                                                                  \
		default:                                                                    \
			error = ROWS_LAUNCH_HELD(r, stream, (lanes<T, Load, 32>), __VA_ARGS__); \
			break;                                                                  \
	}

#define ROWS_LAUNCH_HELD(r, stream, kernel, ...) \
	PT_LAUNCH(stream, rows_blocks(r), LANES_THREADS, 0, kernel, __VA_ARGS__)

/* ---------- device ---------- */

static __device__ __forceinline__ float
rows_exp(float x)
{
	return expf(x);
}

static __device__ __forceinline__ double
rows_exp(double x)
{
	return exp(x);
}

/* Loops over rows in lanes: begin is the first row of a warp's turn, all lanes take part in all turns. */
#define ROWS_OF_WARP(r, begin)                                                                     \
	for (int64_t groups_ = PT_WARP / (r).width,                                                    \
				 warp_ = (int64_t) blockIdx.x * (LANES_THREADS / PT_WARP) + threadIdx.x / PT_WARP, \
				 warps_ = (int64_t) gridDim.x * (LANES_THREADS / PT_WARP),                         \
				 begin = warp_ * groups_;                                                          \
		 begin < (r).rows; begin += warps_ * groups_)

/* The row of this lane's group in the warp's turn that begins with row `begin`. */
static __device__ __forceinline__ int64_t
rows_lane_row(const Rows &r, int64_t begin)
{
	return begin + (int) threadIdx.x % PT_WARP / r.width;
}

/*
 * Loads a lane's share of a row (elements lane, lane + width, ...) into x, -inf for what is not there, and turns it into
 * x - largest.  Gives the largest and the sum of exponentials, which replace x if exponentials.
 */
template <typename T, typename Load, int HELD>
static __device__ __forceinline__ void
rows_lanes_begin(const Rows &r, const void *from, int64_t row, bool exponentials, T *x, T *largest,
				 double *sum)
{
	int lane = (int) threadIdx.x % r.width;
	T best = (T) -HUGE_VAL;
	double total = 0;

#pragma unroll
	for (int k = 0; k < HELD; k++)
	{
		int col = lane + k * r.width;

		x[k] = row < r.rows && col < r.cols
				   ? Load::template load<T>(r.dtype, from, row * r.cols + col)
				   : (T) -HUGE_VAL;
		best = pt_larger(best, x[k]);
	}
	best = (T) pt_lanes_join<PtMaxOp>((double) best, r.width);
#pragma unroll
	for (int k = 0; k < HELD; k++)
	{
		T e;

		x[k] = x[k] - best;
		e = rows_exp(x[k]);
		total += (double) e;
		if (exponentials)
			x[k] = e;
	}
	*largest = best;
	*sum = pt_lanes_join<PtSumOp>(total, r.width);
}

/* Where a thread of a block works: which row, from which element on, and where its row lies. */
typedef struct RowsPlace
{
	bool in; /* there is such a row */
	int64_t row, base;
	int first, step; /* elements */
} RowsPlace;

static __device__ __forceinline__ RowsPlace
rows_place(const Rows &r, int64_t tile)
{
	int64_t group = tile / r.across;
	int64_t column = (tile - group * r.across) * r.width + (int) threadIdx.x % r.width;
	RowsPlace p;

	p.in = column < r.inner;
	p.row = group * r.inner + column;
	p.base = group * r.inner * r.cols + column;
	p.first = (int) threadIdx.x / r.width;
	p.step = (int) blockDim.x / r.width;
	return p;
}

/*
 * A thread's elements from j on, as many as it has under way at once: one at a time it would wait for memory
 * most of the time.  What is not there is -inf, having been loaded from j, for no branch to come between loads.
 */
template <typename T, typename Load>
static __device__ __forceinline__ void
rows_block_load(const Rows &r, const void *from, const RowsPlace &p, int64_t j, T *x)
{
#pragma unroll
	for (int k = 0; k < ROWS_EACH; k++)
	{
		int64_t i = j + k * p.step;

		x[k] = Load::template load<T>(r.dtype, from, p.base + (i < r.cols ? i : j) * r.inner);
		x[k] = i < r.cols ? x[k] : (T) -HUGE_VAL;
	}
}

/* As rows_lanes_begin for a block's rows; each thread gets its row's.  shared: PT_BLOCK_THREADS numbers */
template <typename T, typename Load>
static __device__ __forceinline__ void
rows_block_begin(const Rows &r, const void *from, const RowsPlace &p, double *shared, T *largest,
				 double *sum)
{
	T best = (T) -HUGE_VAL, x[ROWS_EACH];
	double total = 0;

	for (int64_t j = p.first; p.in && j < r.cols; j += ROWS_EACH * p.step)
	{
		rows_block_load<T, Load>(r, from, p, j, x);
#pragma unroll
		for (int k = 0; k < ROWS_EACH; k++)
			best = pt_larger(best, x[k]);
	}
	best = (T) pt_columns_join<PtMaxOp>((double) best, r.width, shared);
	__syncthreads();
	for (int64_t j = p.first; p.in && j < r.cols; j += ROWS_EACH * p.step)
	{
		rows_block_load<T, Load>(r, from, p, j, x);
#pragma unroll
		for (int k = 0; k < ROWS_EACH; k++)
			total += (double) rows_exp(x[k] - best);
	}
	*largest = best;
	*sum = pt_columns_join<PtSumOp>(total, r.width, shared);
	__syncthreads();
}

#endif
