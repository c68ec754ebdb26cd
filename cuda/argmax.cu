/*
 * argmax.cu
 *	  argmax and argmin over one dimension or all: the place of the largest (smallest) element.
 *
 * As on the CPU and in PyTorch, the first of equals wins, and the first NaN over all numbers.  The accumulator is the
 * best element so far and its place, which makes the order of joins matter to nothing.
 */
#include "reduce.cuh"

template <typename C> struct Best
{
	C value;
	int64_t at; /* -1: none yet */
};

template <bool LARGEST, typename C> struct ArgOp
{
	typedef C Value;
	typedef Best<C> Acc;

	static __device__ __forceinline__ Acc none()
	{
		Acc a = {0, -1};

		return a;
	}

	static __device__ __forceinline__ Acc join(Acc a, Acc b)
	{
		bool a_nan = a.value != a.value, b_nan = b.value != b.value;
		bool b_wins, equal;

		if (a.at < 0 || b.at < 0)
			return a.at < 0 ? b : a;
		b_wins = a_nan || b_nan ? !a_nan : LARGEST ? b.value > a.value : b.value < a.value;
		equal = a_nan || b_nan ? a_nan && b_nan : a.value == b.value;
		return b_wins || (equal && b.at < a.at) ? b : a;
	}

	/* elements come in order, so equals lose */
	static __device__ __forceinline__ Acc add(Acc a, Value x, int64_t i)
	{
		bool wins = LARGEST ? x > a.value : x < a.value;
		Acc b = {x, i};

		if (a.at < 0)
			return b;
		if (a.value != a.value)
			return a;
		return wins || x != x ? b : a;
	}

	static __device__ __forceinline__ Acc shuffle(Acc a, int lanes)
	{
		Acc b;

		b.value = __shfl_xor_sync(PT_FULL_WARP, a.value, lanes);
		b.at = __shfl_xor_sync(PT_FULL_WARP, a.at, lanes);
		return b;
	}

	static __device__ __forceinline__ void store(PtDtype to, void *out, int64_t result, Acc a)
	{
		(void) to;
		((int64_t *) out)[result] = a.at;
	}
};

static void
searched_dims(const PtStep *step, bool *searched)
{
	const PtValue *dim = step->attrs == NULL ? NULL : pt_args_get(step->attrs, "dim");
	bool all = dim == NULL || dim->kind != PT_VALUE_INT;

	for (int d = 0; d < PT_MAX_DIM; d++)
		searched[d] = all || d == dim->integer;
}

static bool
prepare_arg(PtCuda *dev, PtStep *step, PtError *err)
{
	Reduction plan = {};
	bool searched[PT_MAX_DIM];

	(void) dev;
	(void) err;
	searched_dims(step, searched);
	reduction_plan(&plan, step, searched);
	step->workspace =
		plan.parts > 1 ? (size_t) (plan.parts * plan.results) * sizeof(Best<int64_t>) : 0;
	return true;
}

template <bool LARGEST>
static bool
bind_arg(PtCudaBind *b, PtStep *step)
{
	bool searched[PT_MAX_DIM];

	searched_dims(step, searched);
	return reduce_add_task(b, step, searched,
						   reduce_launcher<ArgOp<LARGEST, double>, ArgOp<LARGEST, int64_t>>(
							   step->in[0].dtype));
}

PT_CUDA_KERNELS(argmax) = {
	{"argmax", prepare_arg, bind_arg<true>, 0, false},
	{"argmin", prepare_arg, bind_arg<false>, 0, false},
	{},
};
