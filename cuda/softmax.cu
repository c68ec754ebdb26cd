/*
 * softmax.cu
 *	  softmax and log_softmax over one dimension.
 *
 * As in PyTorch, a row's maximum is subtracted first; a NaN in a row makes the row NaN.
 */
#include "rows.cuh"

typedef struct SoftmaxTask
{
	PtCudaTask task;
	Rows r;
	bool logarithm;
	const void *x;
	void *y;
} SoftmaxTask;

/* x - largest into its logarithm of the softmax, or exp(x - largest) into the softmax; by: see softmax_by */
template <typename T>
static __device__ __forceinline__ T
softmax_of(bool logarithm, T x, T by)
{
	return logarithm ? x - by : x * by;
}

template <typename T>
static __device__ __forceinline__ T
softmax_by(bool logarithm, double sum)
{
	return logarithm ? (T) log(sum) : (T) (1 / sum);
}

template <typename T, typename Load, int HELD>
static __global__ void
__launch_bounds__(LANES_THREADS) softmax_lanes(Rows r, bool logarithm, const void *x, void *y)
{
	int lane = (int) threadIdx.x % r.width;

	ROWS_OF_WARP(r, begin)
	{
		int64_t row = rows_lane_row(r, begin);
		T held[HELD], largest, by;
		double sum;

		rows_lanes_begin<T, Load, HELD>(r, x, row, !logarithm, held, &largest, &sum);
		by = softmax_by<T>(logarithm, sum);
#pragma unroll
		for (int k = 0; k < HELD; k++)
		{
			int col = lane + k * r.width;

			if (row < r.rows && col < r.cols)
				Load::template store<T>(r.dtype, y, row * r.cols + col,
										softmax_of<T>(logarithm, held[k], by));
		}
	}
}

template <typename T, typename Load>
static __global__ void
__launch_bounds__(PT_BLOCK_THREADS) softmax_block(Rows r, bool logarithm, const void *x, void *y)
{
	__shared__ double shared[PT_BLOCK_THREADS];

	for (int64_t tile = blockIdx.x; tile < r.tiles; tile += gridDim.x)
	{
		RowsPlace p = rows_place(r, tile);
		T largest, by;
		double sum;

		rows_block_begin<T, Load>(r, x, p, shared, &largest, &sum);
		by = softmax_by<T>(logarithm, sum);
		for (int64_t j = p.first; p.in && j < r.cols; j += ROWS_EACH * p.step)
		{
			T z[ROWS_EACH];

			rows_block_load<T, Load>(r, x, p, j, z);
#pragma unroll
			for (int k = 0; k < ROWS_EACH; k++)
			{
				z[k] = z[k] - largest;
				if (j + k * p.step < r.cols)
					Load::template store<T>(r.dtype, y, p.base + (j + k * p.step) * r.inner,
											softmax_of<T>(logarithm,
														  logarithm ? z[k] : rows_exp(z[k]), by));
			}
		}
	}
}

static cudaError_t
launch_softmax(PtCudaTask *task, cudaStream_t stream)
{
	SoftmaxTask *t = (SoftmaxTask *) task;
	cudaError_t error;

	ROWS_LAUNCH(error, &t->r, stream, softmax_lanes, softmax_block, t->r, t->logarithm, t->x, t->y);
	return error;
}

static bool
prepare_softmax(PtCuda *dev, PtStep *step, PtError *err)
{
	(void) dev;
	if (!pt_dtype_is_float(step->in[0].dtype))
		return pt_cuda_fail_dtype(step, step->in[0].dtype, err);
	return true;
}

static bool
bind_softmax(PtCudaBind *b, PtStep *step)
{
	const PtShape *shape = &step->in[0].shape;
	int64_t dim = pt_args_int(step->attrs, "dim");
	SoftmaxTask *t;

	if (pt_shape_numel(shape) == 0)
		return true;
	t = (SoftmaxTask *) pt_cuda_task(b, step, sizeof(SoftmaxTask), launch_softmax);
	if (t == NULL)
		return false;
	t->r.dtype = step->in[0].dtype;
	t->r.rows = t->r.cols = t->r.inner = 1;
	for (int d = 0; d < shape->ndim; d++)
	{
		*(d == dim ? &t->r.cols : &t->r.rows) *= shape->dim[d];
		if (d > dim)
			t->r.inner *= shape->dim[d];
	}
	rows_plan(&t->r);
	t->logarithm = b->variant != 0;
	t->x = step->in[0].data;
	t->y = step->out[0].data;
	return true;
}

PT_CUDA_KERNELS(softmax) = {
	{"softmax", prepare_softmax, bind_softmax, false, false},
	{"log_softmax", prepare_softmax, bind_softmax, true, false},
	{},
};
