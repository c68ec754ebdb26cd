/*
 * block.cuh
 *	  Joining the accumulators of threads, within a warp and within a block, in a fixed order; and
 *	  what is joined: numbers, and elements as they are loaded.
 *
 * What is joined is described by an Op:
 *
 *		typedef ... Acc;							an accumulator, a plain struct or number
 *		static Acc join(Acc a, Acc b);				any order of joins is right, one order is used
 *		static Acc shuffle(Acc a, int lanes);		that of the lane whose number differs by lanes
 *
 * The order depends on the sizes alone, so sums repeat bit by bit.  All threads of a block take part, and
 * blocks are whole warps.
 */
#ifndef PT_CUDA_BLOCK_CUH
#define PT_CUDA_BLOCK_CUH

#include <math.h>

#include "launch.cuh"

/* Most threads of a block here. */
#define PT_BLOCK_THREADS 1024

/* Joins groups of `width` neighbouring lanes (a power of two); each lane gets its group's. */
template <typename Op>
static __device__ __forceinline__ typename Op::Acc
pt_lanes_join(typename Op::Acc a, int width)
{
	for (int lanes = width / 2; lanes > 0; lanes /= 2)
		a = Op::join(a, Op::shuffle(a, lanes));
	return a;
}

/*
 * Joins the threads with equal threadIdx.x % width (a power of two); each thread gets its column's.
 * shared: room for PT_BLOCK_THREADS accumulators, free for other use after the next __syncthreads.
 */
template <typename Op>
static __device__ __forceinline__ typename Op::Acc
pt_columns_join(typename Op::Acc a, int width, typename Op::Acc *shared)
{
	int thread = (int) threadIdx.x, column = thread % width;
	int row = width < PT_WARP ? PT_WARP : width; /* threads that are one row of shared */
	int rows = (int) blockDim.x / row;

	for (int lanes = PT_WARP / 2; lanes >= width; lanes /= 2)
		a = Op::join(a, Op::shuffle(a, lanes));
	if (thread % row < width)
		shared[thread / row * width + column] = a;
	__syncthreads();
	a = shared[column];
	for (int i = 1; i < rows; i++)
		a = Op::join(a, shared[i * width + column]);
	return a;
}

/* The smallest power of two that is not less than n, between lowest and highest (powers of two). */
static inline int
pt_power_of_two(int64_t n, int lowest, int highest)
{
	int power = lowest;

	while (power < highest && power < n)
		power *= 2;
	return power;
}

/* ---------- numbers ---------- */

static __device__ __forceinline__ double
pt_add(double a, double b)
{
	return a + b;
}

/* integers wrap */
static __device__ __forceinline__ int64_t
pt_add(int64_t a, int64_t b)
{
	return (int64_t) ((uint64_t) a + (uint64_t) b);
}

static __device__ __forceinline__ double
pt_multiply(double a, double b)
{
	return a * b;
}

static __device__ __forceinline__ int64_t
pt_multiply(int64_t a, int64_t b)
{
	return (int64_t) ((uint64_t) a * (uint64_t) b);
}

/* The larger (smaller), NaN if either is. */
template <typename C>
static __device__ __forceinline__ C
pt_larger(C a, C b)
{
	return a != a ? a : a > b ? a : b;
}

template <typename C>
static __device__ __forceinline__ C
pt_smaller(C a, C b)
{
	return a != a ? a : a < b ? a : b;
}

/* ---------- loads and stores ---------- */

/*
 * Element i, converted to V or from it: of one known type, or of any dtype of a kind.  pt_store, which asks for the
 * dtype, is for what is stored once in a while: for each element its branches cost more than the store.
 */
template <typename T> struct LoadNative
{
	template <typename V>
	static __device__ __forceinline__ V load(PtDtype dtype, const void *x, int64_t i)
	{
		(void) dtype;
		return (V) ((const T *) x)[i];
	}

	template <typename V>
	static __device__ __forceinline__ void store(PtDtype dtype, void *y, int64_t i, V x)
	{
		(void) dtype;
		((T *) y)[i] = (T) x;
	}
};

struct LoadHalf
{
	template <typename V>
	static __device__ __forceinline__ V load(PtDtype dtype, const void *x, int64_t i)
	{
		uint16_t bits = ((const uint16_t *) x)[i];

		return (V) (dtype == PT_FLOAT16 ? pt_half_load(bits) : pt_bfloat_load(bits));
	}

	template <typename V>
	static __device__ __forceinline__ void store(PtDtype dtype, void *y, int64_t i, V x)
	{
		((uint16_t *) y)[i] =
			dtype == PT_FLOAT16 ? pt_half_store((float) x) : pt_bfloat_store((float) x);
	}
};

struct LoadInteger
{
	template <typename V>
	static __device__ __forceinline__ V load(PtDtype dtype, const void *x, int64_t i)
	{
		return (V) pt_load<int64_t>(dtype, x, i);
	}
};

/* ---------- sums and maxima of double ---------- */

struct PtSumOp
{
	typedef double Acc;

	static __device__ __forceinline__ Acc join(Acc a, Acc b)
	{
		return a + b;
	}

	static __device__ __forceinline__ Acc shuffle(Acc a, int lanes)
	{
		return __shfl_xor_sync(PT_FULL_WARP, a, lanes);
	}
};

struct PtMaxOp
{
	typedef double Acc;

	static __device__ __forceinline__ Acc join(Acc a, Acc b)
	{
		return pt_larger(a, b);
	}

	static __device__ __forceinline__ Acc shuffle(Acc a, int lanes)
	{
		return __shfl_xor_sync(PT_FULL_WARP, a, lanes);
	}
};

#endif
