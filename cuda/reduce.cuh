/*
 * reduce.cuh
 *	  Reducing any dimensions of an array, whatever the accumulator: what reduce.cu and argmax.cu share.
 *
 * Neighbouring dimensions that are both kept or both reduced become one.  What remains begins (innermost) with
 * a reduced dimension (a result is made of runs) or with a kept one (results lie side by side in
 * columns).  There are two ways to do it:
 *
 *		lanes	2 to 32 lanes of a warp reduce one result: many results of short runs
 *		tiles	a block reduces `width` columns side by side (runs: one result), its threads standing
 *				in width columns; one result's elements may be cut into parts, for several blocks,
 *				whose accumulators go to the workspace and are joined by a second kernel
 *
 * All sizes follow from the shape, never from the device, so results are equal everywhere.
 *
 * On top of what block.cuh wants, an Op has
 *
 *		typedef ... Value;								double or int64_t: elements are loaded as that
 *		static Acc none();								of no elements
 *		static Acc add(Acc a, Value x, int64_t i);		with element i of the reduced ones, in order
 *		static void store(PtDtype to, void *out, int64_t result, Acc a);
 */
#ifndef PT_CUDA_REDUCE_CUH
#define PT_CUDA_REDUCE_CUH

#include "block.cuh"

/* Tiles are done in a loop by this many blocks at most. */
#define REDUCE_BLOCKS 4096
/* A part is worth a block of its own from this many elements (runs) or rows for each thread (columns) on. */
#define RUN_PART 8192
#define COLUMN_PART 32
/* elements that a thread reduces, if there are so few; the block has threads accordingly */
#define THREAD_ELEMENTS 8

/* A reduction, as kernels see it. */
typedef struct Reduction
{
	const void *x;
	void *out, *partial; /* partial: accumulators [results][parts] */
	PtDtype from, to;
	int ndim, nreduced_dims; /* collapsed; kept and reduced alternate, innermost first */
	int64_t dim[PT_MAX_DIM + 1], stride[PT_MAX_DIM + 1];
	bool reduced[PT_MAX_DIM + 1];
	int64_t results, elements; /* elements of each result */
	int64_t inner;			   /* results that lie side by side: columns, or 1 */
	int64_t parts, part;	   /* how many of how many elements */
	int64_t across;			   /* tiles that cover inner */
	int64_t tiles;
	bool lanes;
	int width, threads;
	int step;							/* a thread goes on by so many elements: */
	int64_t step_outer, step_innermost; /* so many in the innermost reduced dimension and above */
} Reduction;

/* ---------- shape ---------- */

static void
reduction_collapse(Reduction *p, const PtShape *shape, const bool *reduced)
{
	int64_t stride = 1;
	int n = 0;

	for (int d = shape->ndim - 1; d >= 0; d--)
	{
		if (shape->dim[d] == 1)
			continue;
		if (n > 0 && p->reduced[n - 1] == reduced[d])
			p->dim[n - 1] *= shape->dim[d];
		else
		{
			p->dim[n] = shape->dim[d];
			p->stride[n] = stride;
			p->reduced[n] = reduced[d];
			n++;
		}
		stride *= shape->dim[d];
	}
	if (n == 0 || (n == 1 && !p->reduced[0]))
	{
		/* nothing is reduced: runs of one */
		p->dim[n] = p->dim[0];
		p->stride[n] = p->stride[0];
		p->reduced[n] = false;
		p->dim[0] = p->stride[0] = 1;
		p->reduced[0] = true;
		n++;
	}
	p->ndim = n;
	p->results = p->elements = 1;
	p->nreduced_dims = 0;
	for (int d = 0; d < n; d++)
		if (p->reduced[d])
		{
			p->elements *= p->dim[d];
			p->nreduced_dims++;
		}
		else
			p->results *= p->dim[d];
	p->inner = p->reduced[0] ? 1 : p->dim[0];
}

/* Fills p for the reduction of these dimensions of the step's first input. */
static void
reduction_plan(Reduction *p, const PtStep *step, const bool *reduced)
{
	const PtOperand *x = &step->in[0];
	int axis;

	p->x = x->data;
	p->out = step->out[0].data;
	p->partial = step->scratch;
	p->from = x->dtype;
	p->to = step->out[0].dtype;
	reduction_collapse(p, &x->shape, reduced);
	p->parts = 1;
	p->part = p->elements;
	p->tiles = 0;
	if (p->results == 0)
		return;
	axis = p->reduced[0] ? 0 : 1;
	p->lanes = axis == 0 && (p->elements <= 512 || (p->elements <= 8192 && p->results >= 2048));
	if (p->lanes)
	{
		p->width = pt_power_of_two(p->elements, 1, PT_WARP);
		p->threads = 256;
		p->step = p->width;
	}
	else
	{
		int64_t most, wanted;

		p->width = pt_power_of_two(p->inner, 1, PT_WARP);
		p->step = pt_power_of_two((p->elements + THREAD_ELEMENTS - 1) / THREAD_ELEMENTS, 1,
								  PT_BLOCK_THREADS / p->width);
		/* few rows: more columns, until a block is worth it */
		while (p->width * p->step < 256 && p->width < p->inner)
			p->width *= 2;
		while (p->width * p->step < PT_WARP)
			p->step *= 2;
		p->threads = p->width * p->step;
		p->across = (p->inner + p->width - 1) / p->width;
		p->tiles = p->results / p->inner * p->across;
		wanted = axis == 0 ? RUN_PART : (int64_t) COLUMN_PART * p->step;
		most = 1024 / p->tiles;
		if (p->elements >= 2 * wanted && most > 1)
		{
			p->parts = (p->elements + wanted - 1) / wanted;
			p->parts = p->parts < most ? p->parts : most;
			p->part = (p->elements + p->parts - 1) / p->parts;
			p->parts = (p->elements + p->part - 1) / p->part;
		}
	}
	if (p->elements > 0)
	{
		p->step_outer = p->step / p->dim[axis];
		p->step_innermost = p->step % p->dim[axis];
	}
}

/* ---------- kernels ---------- */

/* Offset of index i among the kept (or reduced) dimensions from dimension `from` on. */
static __device__ __forceinline__ int64_t
reduction_offset(const Reduction &p, int64_t i, bool reduced, int from)
{
	int64_t at = 0;

	for (int d = from; d < p.ndim && i > 0; d++)
		if (p.reduced[d] == reduced)
		{
			int64_t above = i / p.dim[d];

			at += (i - above * p.dim[d]) * p.stride[d];
			i = above;
		}
	return at;
}

/* Adds elements first, first + step, ... of those before last, of the result at base. */
template <typename Op, typename Load>
static __device__ __forceinline__ typename Op::Acc
reduction_run(const Reduction &p, int64_t base, int64_t first, int64_t last)
{
	typedef typename Op::Value V;
	typename Op::Acc acc = Op::none();
	int axis = p.reduced[0] ? 0 : 1;
	int64_t stride = p.stride[axis], i = first, step = p.step;

	if (p.nreduced_dims == 1)
	{
		int64_t at = base + i * stride, hop = step * stride;

		for (; i + 3 * step < last; i += 4 * step, at += 4 * hop)
		{
			V a = Load::template load<V>(p.from, p.x, at);
			V b = Load::template load<V>(p.from, p.x, at + hop);
			V c = Load::template load<V>(p.from, p.x, at + 2 * hop);
			V d = Load::template load<V>(p.from, p.x, at + 3 * hop);

			acc = Op::add(acc, a, i);
			acc = Op::add(acc, b, i + step);
			acc = Op::add(acc, c, i + 2 * step);
			acc = Op::add(acc, d, i + 3 * step);
		}
		for (; i < last; i += step, at += hop)
			acc = Op::add(acc, Load::template load<V>(p.from, p.x, at), i);
	}
	else if (first < last)
	{
		int64_t length = p.dim[axis], outer = i / length, innermost = i - outer * length;
		/* two reduced dimensions: they are axis and axis + 2 */
		int64_t above = p.nreduced_dims == 2 ? p.stride[axis + 2] : 0;

		for (; i < last; i += step)
		{
			int64_t at = base + innermost * stride +
						 (above != 0 ? outer * above : reduction_offset(p, outer, true, axis + 1));

			acc = Op::add(acc, Load::template load<V>(p.from, p.x, at), i);
			innermost += p.step_innermost;
			outer += p.step_outer;
			if (innermost >= length)
			{
				innermost -= length;
				outer++;
			}
		}
	}
	return acc;
}

template <typename Op, typename Load>
static __global__ void __launch_bounds__(256) reduce_lanes(Reduction p)
{
	int lane = (int) threadIdx.x % PT_WARP, groups = PT_WARP / p.width;
	int64_t warp = (int64_t) blockIdx.x * (blockDim.x / PT_WARP) + threadIdx.x / PT_WARP;
	int64_t warps = (int64_t) gridDim.x * (blockDim.x / PT_WARP);

	for (int64_t begin = warp * groups; begin < p.results; begin += warps * groups)
	{
		int64_t result = begin + lane / p.width;
		typename Op::Acc acc = Op::none();

		if (result < p.results)
			acc = reduction_run<Op, Load>(p, reduction_offset(p, result, false, 0), lane % p.width,
										  p.elements);
		acc = pt_lanes_join<Op>(acc, p.width);
		if (lane % p.width == 0 && result < p.results)
			Op::store(p.to, p.out, result, acc);
	}
}

template <typename Op, typename Load>
static __global__ void
__launch_bounds__(PT_BLOCK_THREADS) reduce_tiles(Reduction p)
{
	typedef typename Op::Acc Acc;
	__shared__ Acc shared[PT_BLOCK_THREADS];
	int across = (int) threadIdx.x % p.width, down = (int) threadIdx.x / p.width;

	for (int64_t b = blockIdx.x; b < p.tiles * p.parts; b += gridDim.x)
	{
		int64_t tile = b / p.parts, part = b - tile * p.parts;
		int64_t group = tile / p.across;
		int64_t column = (tile - group * p.across) * p.width + across;
		int64_t first = part * p.part;
		int64_t last = first + p.part < p.elements ? first + p.part : p.elements;
		Acc acc = Op::none();

		if (column < p.inner)
			acc = reduction_run<Op, Load>(p,
										  column + reduction_offset(p, group, false,
																	p.reduced[0] ? 0 : 1),
										  first + down, last);
		acc = pt_columns_join<Op>(acc, p.width, shared);
		if (down == 0 && column < p.inner)
		{
			int64_t result = group * p.inner + column;

			if (p.parts > 1)
				((Acc *) p.partial)[result * p.parts + part] = acc;
			else
				Op::store(p.to, p.out, result, acc);
		}
		__syncthreads(); /* shared is used again */
	}
}

/* A warp joins the parts of a result. */
template <typename Op> static __global__ void __launch_bounds__(256) reduce_parts(Reduction p)
{
	typedef typename Op::Acc Acc;
	int lane = (int) threadIdx.x % PT_WARP;
	int64_t warp = (int64_t) blockIdx.x * (blockDim.x / PT_WARP) + threadIdx.x / PT_WARP;
	int64_t warps = (int64_t) gridDim.x * (blockDim.x / PT_WARP);

	for (int64_t result = warp; result < p.results; result += warps)
	{
		const Acc *partial = (const Acc *) p.partial + result * p.parts;
		Acc acc = Op::none();

		for (int64_t i = lane; i < p.parts; i += PT_WARP)
			acc = Op::join(acc, partial[i]);
		acc = pt_lanes_join<Op>(acc, PT_WARP);
		if (lane == 0)
			Op::store(p.to, p.out, result, acc);
	}
}

/* ---------- binding ---------- */

typedef struct ReduceTask
{
	PtCudaTask task;
	Reduction p;
} ReduceTask;

template <typename Op, typename Load>
static cudaError_t
reduce_launch(PtCudaTask *task, cudaStream_t stream)
{
	const Reduction &p = ((ReduceTask *) task)->p;
	int64_t blocks = p.tiles * p.parts;
	cudaError_t error;

	if (p.lanes)
		return PT_LAUNCH(stream, pt_blocks(p.results * p.width, p.threads), (unsigned) p.threads, 0,
						 (reduce_lanes<Op, Load>), p);
	error = PT_LAUNCH(stream, (unsigned) (blocks < REDUCE_BLOCKS ? blocks : REDUCE_BLOCKS),
					  (unsigned) p.threads, 0, (reduce_tiles<Op, Load>), p);
	if (error != cudaSuccess || p.parts == 1)
		return error;
	return PT_LAUNCH(stream, pt_blocks(p.results * PT_WARP, 256), 256, 0, (reduce_parts<Op>), p);
}

typedef cudaError_t (*ReduceLaunch)(PtCudaTask *, cudaStream_t);

/* Real, Integer: the Op for elements that are double, and int64_t. */
template <typename Real, typename Integer>
static ReduceLaunch
reduce_launcher(PtDtype from)
{
	switch (from)
	{
		case PT_FLOAT32:
			return reduce_launch<Real, LoadNative<float>>;
		case PT_FLOAT64:
			return reduce_launch<Real, LoadNative<double>>;
		case PT_FLOAT16:
		case PT_BFLOAT16:
			return reduce_launch<Real, LoadHalf>;
		case PT_INT64:
			return reduce_launch<Integer, LoadNative<int64_t>>;
		default:
			return reduce_launch<Integer, LoadInteger>;
	}
}

static inline bool
reduce_add_task(PtCudaBind *b, const PtStep *step, const bool *reduced, ReduceLaunch launch)
{
	Reduction plan = {};
	ReduceTask *t;

	reduction_plan(&plan, step, reduced);
	if (plan.results == 0)
		return true;
	t = (ReduceTask *) pt_cuda_task(b, step, sizeof(ReduceTask), launch);
	if (t == NULL)
		return false;
	t->p = plan;
	return true;
}

#endif
