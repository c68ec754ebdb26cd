/*
 * cross_entropy.cu
 *	  Cross entropy of each row of logits with its class, and its gradient.
 *
 * Forward gives the loss and the log-sum-exp of each row.  The gradient makes the softmax anew: the
 * log-sum-exp has lost, to rounding, what logits have beyond their dtype's digits.  A class that does not
 * exist is noted as a fault, and the row's results are NaN.
 */
#include "rows.cuh"

typedef struct CrossEntropyTask
{
	PtCudaTask task;
	Rows r;
	PtDtype target_dtype;
	const void *x, *target, *grad;
	void *out, *lse;
} CrossEntropyTask;

/* Classes, and where one that does not exist is noted. */
typedef struct Targets
{
	PtDtype dtype;
	const void *classes;
	PtCudaFault *fault;
	int number;
} Targets;

/* The class of a row, -1 if there is no such class; noted if note. */
static __device__ __forceinline__ int64_t
target_of(const Rows &r, const Targets &t, int64_t row, bool note)
{
	int64_t target = pt_load<int64_t>(t.dtype, t.classes, row);

	if (target >= 0 && target < r.cols)
		return target;
	if (note)
		pt_note_fault(t.fault, t.number, row, target);
	return -1;
}

/* ---------- forward ---------- */

/* lse = largest + log(sum), loss = lse - x[target] */
template <typename T, typename Load>
static __device__ __forceinline__ void
finish_row(const Rows &r, const Targets &t, const void *x, void *out, void *lses, int64_t row,
		   T largest, double sum)
{
	int64_t target = target_of(r, t, row, true);
	double top = (double) largest, rest = log(sum), lse = NAN, loss = NAN;

	if (target >= 0)
	{
		lse = top + rest;
		/* in this order: nothing is lost */
		loss = top - (double) Load::template load<T>(r.dtype, x, row * r.cols + target) + rest;
	}
	pt_store<double>(r.dtype, lses, row, lse);
	pt_store<double>(r.dtype, out, row, loss);
}

template <typename T, typename Load, int HELD>
static __global__ void
__launch_bounds__(LANES_THREADS)
	cross_entropy_lanes(Rows r, Targets t, const void *x, void *out, void *lse)
{
	ROWS_OF_WARP(r, begin)
	{
		int64_t row = rows_lane_row(r, begin);
		T held[HELD], largest;
		double sum;

		rows_lanes_begin<T, Load, HELD>(r, x, row, false, held, &largest, &sum);
		if (row < r.rows && (int) threadIdx.x % r.width == 0)
			finish_row<T, Load>(r, t, x, out, lse, row, largest, sum);
	}
}

template <typename T, typename Load>
static __global__ void
__launch_bounds__(PT_BLOCK_THREADS)
	cross_entropy_block(Rows r, Targets t, const void *x, void *out, void *lse)
{
	__shared__ double shared[PT_BLOCK_THREADS];

	for (int64_t tile = blockIdx.x; tile < r.tiles; tile += gridDim.x)
	{
		RowsPlace p = rows_place(r, tile);
		T largest;
		double sum;

		rows_block_begin<T, Load>(r, x, p, shared, &largest, &sum);
		if (p.in && p.first == 0)
			finish_row<T, Load>(r, t, x, out, lse, p.row, largest, sum);
	}
}

/* ---------- gradient ---------- */

/* (softmax(x) - onehot(target)) grad; e: exp(x - largest), by: 1 / sum */
template <typename T>
static __device__ __forceinline__ T
gradient_of(T e, T by, int64_t col, int64_t target, T grad)
{
	T y = e * by;

	if (col == target)
		y -= 1;
	return y * grad;
}

template <typename T, typename Load, int HELD>
static __global__ void
__launch_bounds__(LANES_THREADS)
	gradient_lanes(Rows r, Targets t, const void *x, const void *grads, void *out)
{
	int lane = (int) threadIdx.x % r.width;

	ROWS_OF_WARP(r, begin)
	{
		int64_t row = rows_lane_row(r, begin), target;
		T held[HELD], largest, grad;
		double sum;

		rows_lanes_begin<T, Load, HELD>(r, x, row, true, held, &largest, &sum);
		if (row < r.rows)
		{
			target = target_of(r, t, row, lane == 0);
			grad = target < 0 ? (T) NAN : Load::template load<T>(r.dtype, grads, row);
#pragma unroll
			for (int k = 0; k < HELD; k++)
			{
				int col = lane + k * r.width;

				if (col < r.cols)
					Load::template store<T>(r.dtype, out, row * r.cols + col,
											gradient_of<T>(held[k], (T) (1 / sum), col, target,
														   grad));
			}
		}
	}
}

template <typename T, typename Load>
static __global__ void
__launch_bounds__(PT_BLOCK_THREADS)
	gradient_block(Rows r, Targets t, const void *x, const void *grads, void *out)
{
	__shared__ double shared[PT_BLOCK_THREADS];

	for (int64_t tile = blockIdx.x; tile < r.tiles; tile += gridDim.x)
	{
		RowsPlace p = rows_place(r, tile);
		int64_t target;
		T largest, grad;
		double sum;

		rows_block_begin<T, Load>(r, x, p, shared, &largest, &sum);
		if (!p.in)
			continue;
		target = target_of(r, t, p.row, p.first == 0);
		grad = target < 0 ? (T) NAN : Load::template load<T>(r.dtype, grads, p.row);
		for (int64_t j = p.first; j < r.cols; j += p.step)
		{
			int64_t at = p.base + j * r.inner;
			T e = rows_exp(Load::template load<T>(r.dtype, x, at) - largest);

			Load::template store<T>(r.dtype, out, at,
									gradient_of<T>(e, (T) (1 / sum), j, target, grad));
		}
	}
}

/* ---------- binding ---------- */

static Targets
targets_of(const CrossEntropyTask *t)
{
	Targets to = {t->target_dtype, t->target, t->task.fault, t->task.number};

	return to;
}

static cudaError_t
launch_forward(PtCudaTask *task, cudaStream_t stream)
{
	CrossEntropyTask *t = (CrossEntropyTask *) task;
	Targets targets = targets_of(t);
	cudaError_t error;

	ROWS_LAUNCH(error, &t->r, stream, cross_entropy_lanes, cross_entropy_block, t->r, targets, t->x,
				t->out, t->lse);
	return error;
}

static cudaError_t
launch_gradient(PtCudaTask *task, cudaStream_t stream)
{
	CrossEntropyTask *t = (CrossEntropyTask *) task;
	Targets targets = targets_of(t);
	cudaError_t error;

	ROWS_LAUNCH(error, &t->r, stream, gradient_lanes, gradient_block, t->r, targets, t->x, t->grad,
				t->out);
	return error;
}

static bool
explain_target(const PtCudaTask *task, const PtCudaFault *fault, PtError *err)
{
	const Rows *r = &((const CrossEntropyTask *) task)->r;

	pt_fail(err, PT_EDATA, "target %lld is out of bounds for %lld classes", fault->value,
			(long long) r->cols);
	pt_detail(err, "It is row %lld of the batch; classes count from 0 to %lld.", fault->place + 1,
			  (long long) r->cols - 1);
	return false;
}

static bool
prepare_cross_entropy(PtCuda *dev, PtStep *step, PtError *err)
{
	(void) dev;
	if (!pt_dtype_is_float(step->in[0].dtype))
		return pt_cuda_fail_dtype(step, step->in[0].dtype, err);
	return true;
}

/* The task with what both have; NULL in *t if there is nothing to do. */
static bool
add_task(PtCudaBind *b, PtStep *step, cudaError_t (*launch)(PtCudaTask *, cudaStream_t),
		 CrossEntropyTask **task)
{
	const PtShape *shape = &step->in[0].shape;
	CrossEntropyTask *t;

	*task = NULL;
	if (pt_shape_numel(shape) == 0)
		return true;
	t = (CrossEntropyTask *) pt_cuda_task(b, step, sizeof(CrossEntropyTask), launch);
	if (t == NULL)
		return false;
	t->task.explain = explain_target;
	t->r.dtype = step->in[0].dtype;
	t->r.rows = shape->dim[0];
	t->r.cols = shape->dim[1];
	t->r.inner = 1;
	rows_plan(&t->r);
	t->x = step->in[0].data;
	t->target = step->in[1].data;
	t->target_dtype = step->in[1].dtype;
	t->out = step->out[0].data;
	*task = t;
	return true;
}

static bool
bind_forward(PtCudaBind *b, PtStep *step)
{
	CrossEntropyTask *t;

	if (!add_task(b, step, launch_forward, &t))
		return false;
	if (t != NULL)
		t->lse = step->out[1].data;
	return true;
}

static bool
bind_gradient(PtCudaBind *b, PtStep *step)
{
	CrossEntropyTask *t;

	if (!add_task(b, step, launch_gradient, &t))
		return false;
	if (t == NULL)
		return true;
	t->grad = step->in[3].data;
	/* all but the log-sum-exp, so that it does not wait for the forward's kernel */
	return pt_cuda_use_operand(b, &t->task, &step->in[0], false) &&
		   pt_cuda_use_operand(b, &t->task, &step->in[1], false) &&
		   pt_cuda_use_operand(b, &t->task, &step->in[3], false) &&
		   pt_cuda_use_operand(b, &t->task, &step->out[0], true);
}

PT_CUDA_KERNELS(cross_entropy) = {
	{"cross_entropy", prepare_cross_entropy, bind_forward, 0, false},
	{"cross_entropy_backward", prepare_cross_entropy, bind_gradient, 0, false},
	{},
};
