/*
 * launch.cuh
 *	  What all kernels share: launching, and loads and stores between dtypes.
 *
 * Kernels are launched by PT_LAUNCH alone and take shared memory by PT_SHARED, which is all that the
 * tests' stand-in for CUDA has to replace (test/cuda).
 */
#ifndef PT_CUDA_LAUNCH_CUH
#define PT_CUDA_LAUNCH_CUH

#include <cuda_runtime.h>

#include "cuda.h"
#include "fault.cuh"
#include "engine/data/half.h"

/*
 * PT_LAUNCH(stream, grid, block, shared bytes, kernel, arguments...), an expression of cudaError_t.  A kernel's name that
 * holds a comma goes in parentheses.
 */
#ifndef PT_LAUNCH
#define PT_LAUNCH(stream, grid, block, shared, kernel, ...) \
	(kernel<<<(grid), (block), (shared), (stream)>>>(__VA_ARGS__), cudaGetLastError())
/* the dynamic shared memory of a block */
#define PT_SHARED(type, name)                             \
	extern __shared__ __align__(16) char pt_shared_mem[]; \
	type *name = reinterpret_cast<type *>(pt_shared_mem)
#endif

#define PT_WARP 32
#define PT_FULL_WARP 0xffffffffu

/* Most blocks that a grid-stride loop is launched with; fixed, so that results do not depend on the device. */
#define PT_MAX_BLOCKS 2048

static inline unsigned
pt_blocks(int64_t n, int block)
{
	int64_t blocks = (n + block - 1) / block;

	return (unsigned) (blocks < 1 ? 1 : blocks > PT_MAX_BLOCKS ? PT_MAX_BLOCKS : blocks);
}

/* ---------- elements ---------- */

/* Element i of an array as its class's type; C is float, double or int64_t. */
template <typename C>
static __device__ __forceinline__ C
pt_load(PtDtype dtype, const void *p, int64_t i)
{
	switch (dtype)
	{
		case PT_FLOAT32:
			return (C) ((const float *) p)[i];
		case PT_FLOAT64:
			return (C) ((const double *) p)[i];
		case PT_FLOAT16:
			return (C) pt_half_load(((const uint16_t *) p)[i]);
		case PT_BFLOAT16:
			return (C) pt_bfloat_load(((const uint16_t *) p)[i]);
		case PT_INT64:
			return (C) ((const int64_t *) p)[i];
		case PT_INT32:
			return (C) ((const int32_t *) p)[i];
		case PT_INT16:
			return (C) ((const int16_t *) p)[i];
		case PT_INT8:
			return (C) ((const int8_t *) p)[i];
		default: /* uint8 and bool */
			return (C) ((const uint8_t *) p)[i];
	}
}

/* Stores a value of the dtype's class; integers wrap, a bool is whether it is not 0. */
template <typename C>
static __device__ __forceinline__ void
pt_store(PtDtype dtype, void *p, int64_t i, C x)
{
	switch (dtype)
	{
		case PT_FLOAT32:
			((float *) p)[i] = (float) x;
			break;
		case PT_FLOAT64:
			((double *) p)[i] = (double) x;
			break;
		case PT_FLOAT16:
			((uint16_t *) p)[i] = pt_half_store((float) x);
			break;
		case PT_BFLOAT16:
			((uint16_t *) p)[i] = pt_bfloat_store((float) x);
			break;
		case PT_INT64:
			((int64_t *) p)[i] = (int64_t) x;
			break;
		case PT_INT32:
			((int32_t *) p)[i] = (int32_t) (int64_t) x;
			break;
		case PT_INT16:
			((int16_t *) p)[i] = (int16_t) (int64_t) x;
			break;
		case PT_INT8:
			((int8_t *) p)[i] = (int8_t) (int64_t) x;
			break;
		case PT_UINT8:
			((uint8_t *) p)[i] = (uint8_t) (int64_t) x;
			break;
		default:
			((uint8_t *) p)[i] = x != 0;
			break;
	}
}

#endif
