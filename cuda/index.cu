/*
 * index.cu
 *	  Ops that move elements with strides: permute, getitem and its gradient.
 *
 * Results are contiguous.  gather makes each of their elements from a place found by strides: it
 * serves getitem, and permute where the last dimension stays last (then whole words move) or has
 * only a few elements.  Else permute exchanges the last dimension and the one that is contiguous in
 * the input in squares that pass through shared memory, so that both sides are read and written in
 * runs.  The gradient of getitem asks, for each element of its result, whether and where the part
 * has it: one launch, that writes everything once.
 *
 * Dimensions are stored innermost first, and divided by with a multiplication.
 */
#include "launch.cuh"
#include "words.cuh"

#define THREADS 256
#define EACH 4 /* elements that a thread has under way */
#define BLOCK_WORDS (THREADS * EACH)
#define SMALL 8 /* a dimension below this is not worth a square */

/* ---------- places ---------- */

/* Quotients of numbers below 2^31 by 1 to 2^31: (high half of n * magic + n) >> shift. */
typedef struct Divider
{
	uint32_t by, magic, shift;
} Divider;

static Divider
divider(int64_t by)
{
	Divider d = {(uint32_t) by, 0, 0};

	while ((1ull << d.shift) < (uint64_t) by)
		d.shift++;
	d.magic = (uint32_t) ((((1ull << d.shift) - (uint64_t) by) << 32) / (uint64_t) by + 1);
	return d;
}

/* One dimension of a result. */
typedef struct Side
{
	int64_t dim, stride; /* stride: in the input */
	Divider divider;	 /* of results below 2^31 elements */
} Side;

/* Splits i into a quotient, which stays, and the remainder by a dimension. */
template <bool WIDE>
static __device__ __forceinline__ int64_t
split(int64_t *i, const Side &side)
{
	int64_t rest;

	if (WIDE)
	{
		rest = *i % side.dim;
		*i /= side.dim;
	}
	else
	{
		uint32_t n = (uint32_t) *i;
		uint32_t q = (__umulhi(n, side.divider.magic) + n) >> side.divider.shift;

		rest = (int64_t) (n - q * side.divider.by);
		*i = (int64_t) q;
	}
	return rest;
}

/* ---------- gather ---------- */

typedef struct Walk
{
	int ndim; /* at least 1 */
	int64_t n;
	Side side[PT_MAX_DIM];
} Walk;

template <typename Word, bool WIDE>
static __global__ void
__launch_bounds__(THREADS) gather(Word *to, const Word *from, const Walk walk)
{
	for (int64_t first = (int64_t) blockIdx.x * BLOCK_WORDS + threadIdx.x; first < walk.n;
		 first += (int64_t) gridDim.x * BLOCK_WORDS)
	{
		Word word[EACH] = {};

		for (int k = 0; k < EACH; k++)
		{
			int64_t i = first + k * THREADS, at = 0;

			if (i >= walk.n)
				break;
			for (int d = 0; d < PT_MAX_DIM - 1; d++)
			{
				if (d == walk.ndim - 1)
					break;
				at += split<WIDE>(&i, walk.side[d]) * walk.side[d].stride;
			}
			word[k] = from[at + i * walk.side[walk.ndim - 1].stride];
		}
		for (int k = 0; k < EACH; k++)
			if (first + k * THREADS < walk.n)
				to[first + k * THREADS] = word[k];
	}
}

typedef struct GatherTask
{
	PtCudaTask task;
	const void *from;
	void *to;
	int width;
	Walk walk;
} GatherTask;

template <typename Word>
static cudaError_t
launch_gather_of(const GatherTask *t, cudaStream_t stream)
{
	unsigned blocks = pt_blocks(t->walk.n, BLOCK_WORDS);

	if (t->walk.n > INT32_MAX)
		return PT_LAUNCH(stream, blocks, THREADS, 0, (gather<Word, true>), (Word *) t->to,
						 (const Word *) t->from, t->walk);
	return PT_LAUNCH(stream, blocks, THREADS, 0, (gather<Word, false>), (Word *) t->to,
					 (const Word *) t->from, t->walk);
}

static cudaError_t
launch_gather(PtCudaTask *task, cudaStream_t stream)
{
	const GatherTask *t = (const GatherTask *) task;

	switch (t->width)
	{
		case 16:
			return launch_gather_of<PtWord16>(t, stream);
		case 8:
			return launch_gather_of<uint64_t>(t, stream);
		case 4:
			return launch_gather_of<uint32_t>(t, stream);
		case 2:
			return launch_gather_of<uint16_t>(t, stream);
		default:
			return launch_gather_of<uint8_t>(t, stream);
	}
}

/*
 * to gets ndim dimensions (as in shapes, outermost first) from places with strides, in elements of
 * size bytes.  Those of 1 and such that are one in the input too were taken out, so ndim may be 0.
 */
static bool
add_gather(PtCudaBind *b, const PtStep *step, void *to, const void *from, int size, int ndim,
		   const int64_t *dim, const int64_t *stride)
{
	GatherTask *t = (GatherTask *) pt_cuda_task(b, step, sizeof(GatherTask), launch_gather);
	Walk *w;
	int64_t scale = 1, sizes = 0;

	if (t == NULL)
		return false;
	w = &t->walk;
	w->ndim = ndim > 0 ? ndim : 1;
	w->side[0].dim = w->side[0].stride = 1;
	for (int d = 0; d < ndim; d++)
	{
		w->side[d].dim = dim[ndim - 1 - d];
		w->side[d].stride = stride[ndim - 1 - d];
	}
	/* runs of elements as words, if all runs are alike */
	if (w->side[0].stride == 1)
	{
		sizes = w->side[0].dim;
		for (int d = 1; d < w->ndim; d++)
			sizes |= w->side[d].stride;
		scale = pt_word_width(to, from, sizes * size) / size;
		scale = scale < 1 ? 1 : scale;
	}
	w->side[0].dim /= scale;
	w->n = 1;
	for (int d = 0; d < w->ndim; d++)
	{
		w->side[d].stride /= d > 0 ? scale : 1;
		w->n *= w->side[d].dim;
	}
	if (w->n <= INT32_MAX)
		for (int d = 0; d < w->ndim; d++)
			w->side[d].divider = divider(w->side[d].dim);
	t->width = size * (int) scale;
	t->to = to;
	t->from = from;
	return true;
}

/* ---------- permute ---------- */

/*
 * to[i * to_row + j] = from[j * from_row + i] for i < rows, j < cols, for each place of the other
 * dimensions
 */
typedef struct Squares
{
	int64_t rows, cols, from_row, to_row;
	int64_t across, down; /* squares: of cols, of rows */
	int nrest;
	int64_t dim[PT_MAX_DIM], from_stride[PT_MAX_DIM], to_stride[PT_MAX_DIM];
} Squares;

template <typename Word, int SIDE>
static __global__ void
__launch_bounds__(THREADS) transpose(Word *to, const Word *from, const Squares s)
{
	__shared__ Word square[SIDE][SIDE + 1]; /* a column more: columns lie in different banks */
	int64_t rest = blockIdx.x, i0, j0;
	Word word[SIDE * SIDE / THREADS] = {};

	j0 = rest % s.across * SIDE;
	rest /= s.across;
	i0 = rest % s.down * SIDE;
	rest /= s.down;
	for (int d = 0; d < s.nrest; d++)
	{
		from += rest % s.dim[d] * s.from_stride[d];
		to += rest % s.dim[d] * s.to_stride[d];
		rest /= s.dim[d];
	}
	from += j0 * s.from_row + i0;
	to += i0 * s.to_row + j0;
	for (int k = 0; k < SIDE * SIDE / THREADS; k++)
	{
		int at = k * THREADS + (int) threadIdx.x, j = at / SIDE, i = at % SIDE;

		if (j0 + j < s.cols && i0 + i < s.rows)
			word[k] = from[j * s.from_row + i];
	}
	for (int k = 0; k < SIDE * SIDE / THREADS; k++)
	{
		int at = k * THREADS + (int) threadIdx.x;

		square[at / SIDE][at % SIDE] = word[k];
	}
	__syncthreads();
	for (int k = 0; k < SIDE * SIDE / THREADS; k++)
	{
		int at = k * THREADS + (int) threadIdx.x, i = at / SIDE, j = at % SIDE;

		if (j0 + j < s.cols && i0 + i < s.rows)
			to[i * s.to_row + j] = square[j][i];
	}
}

typedef struct TransposeTask
{
	PtCudaTask task;
	const void *from;
	void *to;
	int size;
	unsigned blocks;
	Squares squares;
} TransposeTask;

static int
side_of(int size)
{
	return size < 4 ? 64 : 32;
}

static cudaError_t
launch_transpose(PtCudaTask *task, cudaStream_t stream)
{
	const TransposeTask *t = (const TransposeTask *) task;

	switch (t->size)
	{
		case 1:
			return PT_LAUNCH(stream, t->blocks, THREADS, 0, (transpose<uint8_t, 64>),
							 (uint8_t *) t->to, (const uint8_t *) t->from, t->squares);
		case 2:
			return PT_LAUNCH(stream, t->blocks, THREADS, 0, (transpose<uint16_t, 64>),
							 (uint16_t *) t->to, (const uint16_t *) t->from, t->squares);
		case 4:
			return PT_LAUNCH(stream, t->blocks, THREADS, 0, (transpose<uint32_t, 32>),
							 (uint32_t *) t->to, (const uint32_t *) t->from, t->squares);
		default:
			return PT_LAUNCH(stream, t->blocks, THREADS, 0, (transpose<uint64_t, 32>),
							 (uint64_t *) t->to, (const uint64_t *) t->from, t->squares);
	}
}

/* The last of ndim dimensions and dimension along, whose stride is 1, change places. */
static bool
add_transpose(PtCudaBind *b, const PtStep *step, int size, int ndim, const int64_t *dim,
			  const int64_t *stride, int along)
{
	TransposeTask *t =
		(TransposeTask *) pt_cuda_task(b, step, sizeof(TransposeTask), launch_transpose);
	Squares *s;
	int64_t to_stride = 1, blocks;

	if (t == NULL)
		return false;
	s = &t->squares;
	s->rows = dim[along];
	s->cols = dim[ndim - 1];
	s->from_row = stride[ndim - 1];
	s->across = (s->cols + side_of(size) - 1) / side_of(size);
	s->down = (s->rows + side_of(size) - 1) / side_of(size);
	blocks = s->across * s->down;
	for (int d = ndim - 1; d >= 0; d--)
	{
		if (d == along)
			s->to_row = to_stride;
		else if (d < ndim - 1)
		{
			s->dim[s->nrest] = dim[d];
			s->from_stride[s->nrest] = stride[d];
			s->to_stride[s->nrest++] = to_stride;
			blocks *= dim[d];
		}
		to_stride *= dim[d];
	}
	/* fits: a square has SMALL * SMALL elements at least */
	t->blocks = (unsigned) blocks;
	t->size = size;
	t->from = step->in[0].data;
	t->to = step->out[0].data;
	return true;
}

static bool
bind_permute(PtCudaBind *b, PtStep *step)
{
	const PtValue *dims = pt_args_get(step->attrs, "dims");
	const PtShape *shape = &step->in[0].shape;
	int64_t strides[PT_MAX_DIM], dim[PT_MAX_DIM], stride[PT_MAX_DIM], numel = 1;
	int n = 0, along = -1, size = (int) pt_dtype_size(step->in[0].dtype);

	for (int d = shape->ndim - 1; d >= 0; d--)
	{
		strides[d] = numel;
		numel *= shape->dim[d];
	}
	if (numel == 0)
		return true;
	/* without sizes of 1, and neighbours that stay neighbours as one */
	for (int d = 0; d < shape->ndim; d++)
	{
		int source = (int) dims->ints[d];

		if (shape->dim[source] == 1)
			continue;
		if (n > 0 && stride[n - 1] == strides[source] * shape->dim[source])
		{
			dim[n - 1] *= shape->dim[source];
			stride[n - 1] = strides[source];
			continue;
		}
		dim[n] = shape->dim[source];
		stride[n++] = strides[source];
	}
	for (int d = 0; d < n; d++)
		if (stride[d] == 1)
			along = d;
	if (n > 1 && along != n - 1 && dim[along] >= SMALL && dim[n - 1] >= SMALL)
		return add_transpose(b, step, size, n, dim, stride, along);
	return add_gather(b, step, step->out[0].data, step->in[0].data, size, n, dim, stride);
}

/* ---------- getitem ---------- */

static bool
bind_getitem(PtCudaBind *b, PtStep *step)
{
	const int64_t *start = pt_args_get(step->attrs, "start")->ints;
	const int64_t *by = pt_args_get(step->attrs, "step")->ints;
	const PtShape *whole = &step->in[0].shape, *part = &step->out[0].shape;
	int64_t strides[PT_MAX_DIM], dim[PT_MAX_DIM], far[PT_MAX_DIM], stride = 1, first = 0;
	int n = 0, size = (int) pt_dtype_size(step->out[0].dtype);

	if (pt_shape_numel(part) == 0)
		return true;
	for (int d = whole->ndim - 1; d >= 0; d--)
	{
		strides[d] = stride;
		stride *= whole->dim[d];
		first += start[d] * strides[d];
	}
	/* without sizes of 1, and neighbours that stay neighbours as one */
	for (int d = 0; d < part->ndim; d++)
	{
		if (part->dim[d] == 1)
			continue;
		if (n > 0 && far[n - 1] == strides[d] * by[d] * part->dim[d])
			n--;
		else
			dim[n] = 1;
		dim[n] *= part->dim[d];
		far[n++] = strides[d] * by[d];
	}
	return add_gather(b, step, step->out[0].data, (const char *) step->in[0].data + first * size,
					  size, n, dim, far);
}

/* ---------- getitem_backward ---------- */

/* Which indices of a dimension of the result the part has: start + step * 0, 1, ... size - 1 */
typedef struct Pick
{
	int64_t start, step, size;
} Pick;

typedef struct Spread
{
	Walk walk; /* of the result; strides in the part */
	Pick pick[PT_MAX_DIM];
} Spread;

template <typename Word, bool WIDE>
static __global__ void
__launch_bounds__(THREADS) spread(Word *to, const Word *from, const Spread s)
{
	for (int64_t first = (int64_t) blockIdx.x * BLOCK_WORDS + threadIdx.x; first < s.walk.n;
		 first += (int64_t) gridDim.x * BLOCK_WORDS)
	{
		Word word[EACH] = {};

		for (int k = 0; k < EACH; k++)
		{
			int64_t i = first + k * THREADS, at = 0;
			bool picked = i < s.walk.n;

			for (int d = 0; d < s.walk.ndim && picked; d++)
			{
				int64_t place =
					(d == s.walk.ndim - 1 ? i : split<WIDE>(&i, s.walk.side[d])) - s.pick[d].start;

				picked = place >= 0;
				if (picked && s.pick[d].step > 1)
				{
					int64_t number = WIDE
										 ? place / s.pick[d].step
										 : (int64_t) ((uint32_t) place / (uint32_t) s.pick[d].step);

					picked = number * s.pick[d].step == place;
					place = number;
				}
				picked = picked && place < s.pick[d].size;
				at += place * s.walk.side[d].stride;
			}
			if (picked)
				word[k] = from[at];
		}
		for (int k = 0; k < EACH; k++)
			if (first + k * THREADS < s.walk.n)
				to[first + k * THREADS] = word[k];
	}
}

typedef struct SpreadTask
{
	PtCudaTask task;
	const void *from;
	void *to;
	int width;
	Spread spread;
} SpreadTask;

template <typename Word>
static cudaError_t
launch_spread_of(const SpreadTask *t, cudaStream_t stream)
{
	unsigned blocks = pt_blocks(t->spread.walk.n, BLOCK_WORDS);

	if (t->spread.walk.n > INT32_MAX)
		return PT_LAUNCH(stream, blocks, THREADS, 0, (spread<Word, true>), (Word *) t->to,
						 (const Word *) t->from, t->spread);
	return PT_LAUNCH(stream, blocks, THREADS, 0, (spread<Word, false>), (Word *) t->to,
					 (const Word *) t->from, t->spread);
}

static cudaError_t
launch_spread(PtCudaTask *task, cudaStream_t stream)
{
	const SpreadTask *t = (const SpreadTask *) task;

	switch (t->width)
	{
		case 16:
			return launch_spread_of<PtWord16>(t, stream);
		case 8:
			return launch_spread_of<uint64_t>(t, stream);
		case 4:
			return launch_spread_of<uint32_t>(t, stream);
		case 2:
			return launch_spread_of<uint16_t>(t, stream);
		default:
			return launch_spread_of<uint8_t>(t, stream);
	}
}

static bool
bind_getitem_backward(PtCudaBind *b, PtStep *step)
{
	const int64_t *start = pt_args_get(step->attrs, "start")->ints;
	const int64_t *by = pt_args_get(step->attrs, "step")->ints;
	const PtShape *whole = &step->out[0].shape, *part = &step->in[0].shape;
	int64_t n = pt_shape_numel(whole), near = 1, scale = 1;
	int size = (int) pt_dtype_size(step->out[0].dtype);
	SpreadTask *t;
	Walk *w;

	if (n == 0)
		return true;
	t = (SpreadTask *) pt_cuda_task(b, step, sizeof(SpreadTask), launch_spread);
	if (t == NULL)
		return false;
	w = &t->spread.walk;
	for (int d = whole->ndim - 1; d >= 0; d--)
	{
		int last = w->ndim > 0 ? w->ndim - 1 : 0;
		Pick *p = &t->spread.pick[last];
		Side *side = &w->side[last];

		/* a dimension without steps takes the one inside it in, if that is there as a whole */
		if (w->ndim > 0 && by[d] == 1 && p->start == 0 && p->step == 1 && p->size == side->dim)
		{
			p->start = start[d] * side->dim;
			p->size = part->dim[d] * side->dim;
			side->dim *= whole->dim[d];
		}
		else
		{
			p = &t->spread.pick[w->ndim];
			side = &w->side[w->ndim++];
			side->dim = whole->dim[d];
			side->stride = near;
			p->start = start[d];
			p->step =
				by[d] < side->dim ? by[d] : side->dim; /* larger ones pick the first alone too */
			p->size = part->dim[d];
		}
		near *= part->dim[d];
	}
	if (w->ndim == 0)
	{
		w->ndim = 1;
		w->side[0].dim = w->side[0].stride = 1;
		t->spread.pick[0].step = t->spread.pick[0].size = 1;
	}
	/* runs of elements as words: then so are all strides, which are multiples of the run */
	if (t->spread.pick[0].step == 1)
	{
		scale = pt_word_width(step->out[0].data, step->in[0].data,
							  (w->side[0].dim | t->spread.pick[0].start | t->spread.pick[0].size) *
								  size) /
				size;
		scale = scale < 1 ? 1 : scale;
		w->side[0].dim /= scale;
		t->spread.pick[0].start /= scale;
		t->spread.pick[0].size /= scale;
		for (int d = 1; d < w->ndim; d++)
			w->side[d].stride /= scale;
	}
	w->n = n / scale;
	if (w->n <= INT32_MAX)
		for (int d = 0; d < w->ndim; d++)
			w->side[d].divider = divider(w->side[d].dim);
	t->width = size * (int) scale;
	t->to = step->out[0].data;
	t->from = step->in[0].data;
	return true;
}

PT_CUDA_KERNELS(index) = {
	{"permute", NULL, bind_permute, 0, false},
	{"getitem", NULL, bind_getitem, 0, false},
	{"getitem_backward", NULL, bind_getitem_backward, 0, false},
	{},
};
