/*
 * matmul_simple.cu
 *	  Matrix products that cuBLASLt does not do: of integers, over nothing, or of odd sizes.
 *
 * A block makes a square tile of the result, reading tiles of both operands through shared memory.  Integers
 * add up in int64 and wrap on store, as on the CPU; floats in double.
 */
#include "launch.cuh"

#include "matmul.h"

#define TILE 16

typedef struct SimpleTask
{
	PtCudaTask task;
	PtCudaProduct p;
} SimpleTask;

template <typename T, typename Acc>
static __device__ __forceinline__ Acc
element(const PtCudaProduct &p, const void *from, int64_t matrix, bool transposed, int64_t row,
		int64_t col, int64_t rows, int64_t cols)
{
	if (row >= rows || col >= cols)
		return 0;
	return (Acc) pt_load<T>(p.dtype, from,
							matrix + (transposed ? col * rows + row : row * cols + col));
}

/* T: the class of the elements, Acc: what they add up in */
template <typename T, typename Acc>
static __global__ void
multiply(const PtCudaProduct p, int64_t tiles_m, int64_t tiles_n)
{
	__shared__ Acc a[TILE][TILE + 1], b[TILE][TILE + 1];
	int row = threadIdx.x / TILE, col = threadIdx.x % TILE;
	int64_t tiles = tiles_m * tiles_n * p.batch;

	for (int64_t t = blockIdx.x; t < tiles; t += gridDim.x)
	{
		int64_t matrix = t / (tiles_m * tiles_n), in = t % (tiles_m * tiles_n);
		int64_t i = in / tiles_n * TILE + row, j = in % tiles_n * TILE + col;
		Acc sum = 0;

		for (int64_t k = 0; k < p.k; k += TILE)
		{
			a[row][col] = element<T, Acc>(p, p.a, matrix * p.batch_a, p.ta, i, k + col, p.m, p.k);
			b[row][col] = element<T, Acc>(p, p.b, matrix * p.batch_b, p.tb, k + row, j, p.k, p.n);
			__syncthreads();
			for (int q = 0; q < TILE; q++)
				sum = (Acc) (sum + a[row][q] * b[q][col]);
			__syncthreads();
		}
		if (i < p.m && j < p.n)
		{
			if (p.bias != NULL)
				sum = (Acc) (sum + (Acc) pt_load<T>(p.dtype, p.bias, j));
			pt_store<T>(p.dtype, p.c, (matrix * p.m + i) * p.n + j, (T) sum);
		}
	}
}

static cudaError_t
launch_simple(PtCudaTask *task, cudaStream_t stream)
{
	const PtCudaProduct *p = &((SimpleTask *) task)->p;
	int64_t tiles_m = (p->m + TILE - 1) / TILE, tiles_n = (p->n + TILE - 1) / TILE;
	int64_t tiles = tiles_m * tiles_n * p->batch;
	unsigned blocks = (unsigned) (tiles < 65536 ? tiles : 65536);

	switch (pt_dtype_class(p->dtype))
	{
		case PT_F32:
			return PT_LAUNCH(stream, blocks, TILE * TILE, 0, (multiply<float, double>), *p, tiles_m,
							 tiles_n);
		case PT_F64:
			return PT_LAUNCH(stream, blocks, TILE * TILE, 0, (multiply<double, double>), *p,
							 tiles_m, tiles_n);
		default:
			/* unsigned, as it wraps */
			return PT_LAUNCH(stream, blocks, TILE * TILE, 0, (multiply<int64_t, uint64_t>), *p,
							 tiles_m, tiles_n);
	}
}

bool
pt_cuda_add_simple_product(PtCudaBind *b, const PtStep *step, const PtCudaProduct *p)
{
	SimpleTask *t = (SimpleTask *) pt_cuda_task(b, step, sizeof(SimpleTask), launch_simple);

	if (t == NULL)
		return false;
	t->p = *p;
	return true;
}
