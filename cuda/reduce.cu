/*
 * reduce.cu
 *	  sum, prod, amax, amin over any dimensions.
 *
 * Accumulators are double for floats and int64 for the rest, as on the CPU.  NaN wins every amax
 * and amin; the sum of nothing is 0, the product 1.  reduce.cuh says how the work is shared out.
 */
#include "reduce.cuh"

typedef enum Fold
{
	FOLD_SUM,
	FOLD_PROD,
	FOLD_MAX,
	FOLD_MIN
} Fold;

static __device__ __forceinline__ void
least(double *x)
{
	*x = -HUGE_VAL;
}

static __device__ __forceinline__ void
least(int64_t *x)
{
	*x = INT64_MIN;
}

static __device__ __forceinline__ void
greatest(double *x)
{
	*x = HUGE_VAL;
}

static __device__ __forceinline__ void
greatest(int64_t *x)
{
	*x = INT64_MAX;
}

template <Fold FOLD, typename C> struct FoldOp
{
	typedef C Value;
	typedef C Acc;

	static __device__ __forceinline__ Acc none()
	{
		C x = FOLD == FOLD_PROD ? 1 : 0;

		if (FOLD == FOLD_MAX)
			least(&x);
		if (FOLD == FOLD_MIN)
			greatest(&x);
		return x;
	}

	static __device__ __forceinline__ Acc join(Acc a, Acc b)
	{
		return FOLD == FOLD_SUM	   ? pt_add(a, b)
			   : FOLD == FOLD_PROD ? pt_multiply(a, b)
			   : FOLD == FOLD_MAX  ? pt_larger(a, b)
								   : pt_smaller(a, b);
	}

	static __device__ __forceinline__ Acc add(Acc a, Value x, int64_t i)
	{
		(void) i;
		return join(a, x);
	}

	static __device__ __forceinline__ Acc shuffle(Acc a, int lanes)
	{
		return __shfl_xor_sync(PT_FULL_WARP, a, lanes);
	}

	static __device__ __forceinline__ void store(PtDtype to, void *out, int64_t result, Acc a)
	{
		pt_store<C>(to, out, result, a);
	}
};

/* Attribute "dim": one, a list, or all (none, or an empty list). */
static void
reduced_dims(const PtStep *step, bool *reduced)
{
	const PtValue *dims = step->attrs == NULL ? NULL : pt_args_get(step->attrs, "dim");
	bool all = dims == NULL || dims->kind == PT_VALUE_NONE ||
			   (dims->kind == PT_VALUE_INTS && dims->count == 0);

	for (int d = 0; d < PT_MAX_DIM; d++)
		reduced[d] = all;
	if (!all && dims->kind == PT_VALUE_INT)
		reduced[dims->integer] = true;
	else if (!all)
		for (int i = 0; i < dims->count; i++)
			reduced[dims->ints[i]] = true;
}

static bool
prepare_reduce(PtCuda *dev, PtStep *step, PtError *err)
{
	Reduction plan = {};
	bool reduced[PT_MAX_DIM];

	(void) dev;
	(void) err;
	reduced_dims(step, reduced);
	reduction_plan(&plan, step, reduced);
	step->workspace = plan.parts > 1 ? (size_t) (plan.parts * plan.results) * 8 : 0;
	return true;
}

template <Fold FOLD>
static bool
bind_reduce(PtCudaBind *b, PtStep *step)
{
	bool reduced[PT_MAX_DIM];

	reduced_dims(step, reduced);
	return reduce_add_task(b, step, reduced,
						   reduce_launcher<FoldOp<FOLD, double>, FoldOp<FOLD, int64_t>>(
							   step->in[0].dtype));
}

PT_CUDA_KERNELS(reduce) = {
	{"sum", prepare_reduce, bind_reduce<FOLD_SUM>, 0, false},
	{"prod", prepare_reduce, bind_reduce<FOLD_PROD>, 0, false},
	{"amax", prepare_reduce, bind_reduce<FOLD_MAX>, 0, false},
	{"amin", prepare_reduce, bind_reduce<FOLD_MIN>, 0, false},
	{},
};
