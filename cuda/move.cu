/*
 * move.cu
 *	  Ops that copy contiguous pieces: copy, cat, stack, pack; and arange.
 *
 * Each of these is a list of parts, a part being rows of bytes that go from one place to another.
 * The list is an argument of the kernel, so many parts are one launch; what would pass the 4 KB that
 * arguments may take is another.  Blocks take equal shares of the parts' words, so a small part costs
 * a block and a large one no more than its bytes.
 *
 * Elements are only bytes here, copied in the widest words that all of a part is a multiple of.
 */
#include "launch.cuh"
#include "words.cuh"

#define THREADS 256
#define EACH 4 /* words that a thread has under way */
#define BLOCK_WORDS (THREADS * EACH)

/* parts in a kernel's arguments: mostly there are few, and a launch copies them all */
#define FEW 8
#define MANY 64

typedef struct Part
{
	const char *from; /* NULL: zeros */
	char *to;
	int64_t rows, bytes, from_step, to_step;
	unsigned first; /* its first block */
	int width;		/* bytes of a word */
} Part;

template <int N> struct Parts
{
	int n;
	Part part[N];
};

static_assert(sizeof(Parts<MANY>) <= 4096, "more than a kernel's arguments may take");

/* ---------- the kernel ---------- */

static __device__ __forceinline__ int64_t
divide(int64_t a, int64_t b)
{
	return ((a | b) >> 32) == 0 ? (int64_t) ((uint32_t) a / (uint32_t) b) : a / b;
}

template <typename Word>
static __device__ __forceinline__ void
copy_words(const Part &p, int64_t block)
{
	const int64_t across = p.bytes / (int64_t) sizeof(Word), n = p.rows * across;
	const int64_t first = block * BLOCK_WORDS + threadIdx.x;
	Word word[EACH] = {};
	int64_t row[EACH] = {}, at[EACH];

	for (int k = 0; k < EACH; k++)
	{
		int64_t i = first + k * THREADS;

		if (i < n && p.rows > 1)
			row[k] = divide(i, across);
		at[k] = (i - row[k] * across) * (int64_t) sizeof(Word);
		if (i < n && p.from != NULL)
			word[k] = *(const Word *) (p.from + row[k] * p.from_step + at[k]);
	}
	for (int k = 0; k < EACH; k++)
		if (first + k * THREADS < n)
			*(Word *) (p.to + row[k] * p.to_step + at[k]) = word[k];
}

template <int N>
static __global__ void
__launch_bounds__(THREADS) copy_parts(const Parts<N> parts)
{
	int low = 0, high = parts.n - 1;
	int64_t block;

	/* the last part that begins here or before */
	while (low < high)
	{
		int middle = (low + high + 1) / 2;

		if (parts.part[middle].first <= blockIdx.x)
			low = middle;
		else
			high = middle - 1;
	}
	block = (int64_t) (blockIdx.x - parts.part[low].first);
	switch (parts.part[low].width)
	{
		case 16:
			copy_words<PtWord16>(parts.part[low], block);
			break;
		case 8:
			copy_words<uint64_t>(parts.part[low], block);
			break;
		case 4:
			copy_words<uint32_t>(parts.part[low], block);
			break;
		case 2:
			copy_words<uint16_t>(parts.part[low], block);
			break;
		default:
			copy_words<uint8_t>(parts.part[low], block);
			break;
	}
}

/* ---------- lists of parts ---------- */

typedef struct PartsTask
{
	PtCudaTask task;
	unsigned blocks;
	Parts<MANY> parts;
} PartsTask;

static cudaError_t
launch_parts(PtCudaTask *task, cudaStream_t stream)
{
	const PartsTask *t = (const PartsTask *) task;
	Parts<FEW> few;

	if (t->parts.n > FEW)
		return PT_LAUNCH(stream, t->blocks, THREADS, 0, (copy_parts<MANY>), t->parts);
	few.n = t->parts.n;
	for (int i = 0; i < FEW; i++)
		few.part[i] = t->parts.part[i];
	return PT_LAUNCH(stream, t->blocks, THREADS, 0, (copy_parts<FEW>), few);
}

/* What parts of one step are collected with. */
typedef struct List
{
	PtCudaBind *b;
	const PtStep *step;
	PartsTask *last; /* NULL: none yet */
} List;

/* rows pieces of bytes each; from (NULL: zeros) and to advance by their own steps */
static bool
add_part(List *list, char *to, int64_t to_step, const char *from, int64_t from_step, int64_t bytes,
		 int64_t rows)
{
	Part part = {from, to, rows, bytes, from_step, to_step, 0, 16};
	PartsTask *t = list->last;

	if (bytes == 0 || rows == 0 || to == from)
		return true;
	if (rows == 1 || (from_step == bytes && to_step == bytes))
	{
		part.bytes = bytes = bytes * rows;
		part.rows = rows = 1;
		part.from_step = part.to_step = bytes;
		/* a few bytes at the end do not make the rest slow */
		if (bytes > 4096 && bytes % 16 != 0 && pt_word_width(to, from, 0) == 16)
		{
			int64_t whole = bytes / 16 * 16, rest = bytes - whole;

			return add_part(list, to, whole, from, whole, whole, 1) &&
				   add_part(list, to + whole, rest, from == NULL ? NULL : from + whole, rest, rest,
							1);
		}
	}
	part.width = pt_word_width(to, from, bytes | part.from_step | part.to_step);
	if (t == NULL || t->parts.n == MANY)
	{
		t = (PartsTask *) pt_cuda_task(list->b, list->step, sizeof(PartsTask), launch_parts);
		if (t == NULL)
			return false;
		list->last = t;
	}
	part.first = t->blocks;
	t->parts.part[t->parts.n++] = part;
	t->blocks += (unsigned) ((rows * (bytes / part.width) + BLOCK_WORDS - 1) / BLOCK_WORDS);
	/* no more than that: what lies in its place already is not touched, so nothing waits for it */
	return pt_cuda_use(list->b, &t->task, to, (size_t) ((rows - 1) * to_step + bytes), true) &&
		   (from == NULL ||
			pt_cuda_use(list->b, &t->task, from, (size_t) ((rows - 1) * from_step + bytes), false));
}

static int64_t
bytes_of(const PtOperand *o)
{
	return pt_shape_numel(&o->shape) * (int64_t) pt_dtype_size(o->dtype);
}

static bool
bind_copy(PtCudaBind *b, PtStep *step)
{
	List list = {b, step, NULL};
	int64_t bytes = bytes_of(&step->out[0]);

	return add_part(&list, (char *) step->out[0].data, bytes, (const char *) step->in[0].data,
					bytes, bytes, 1);
}

/*
 * Each part to its offset, which grow, and zeros between.  Parts that were computed in their places
 * cost nothing.
 */
static bool
bind_pack(PtCudaBind *b, PtStep *step)
{
	const PtValue *offsets = pt_args_get(step->attrs, "offsets");
	int64_t size = (int64_t) pt_dtype_size(step->out[0].dtype), end = 0;
	char *to = (char *) step->out[0].data;
	List list = {b, step, NULL};

	for (int i = 0; i <= step->nin; i++)
	{
		int64_t bytes = i < step->nin ? bytes_of(&step->in[i]) : 0;
		int64_t at = i < step->nin ? offsets->ints[i] * size : bytes_of(&step->out[0]);

		if (at > end && !add_part(&list, to + end, at - end, NULL, at - end, at - end, 1))
			return false;
		end = at + bytes;
		if (i < step->nin &&
			!add_part(&list, to + at, bytes, (const char *) step->in[i].data, bytes, bytes, 1))
			return false;
	}
	return true;
}

static bool
bind_cat(PtCudaBind *b, PtStep *step)
{
	const PtShape *whole = &step->out[0].shape;
	int64_t dim = pt_args_int(step->attrs, "dim");
	int64_t rows = 1, inner = (int64_t) pt_dtype_size(step->out[0].dtype), at = 0;
	List list = {b, step, NULL};

	dim = dim < 0 ? dim + whole->ndim : dim;
	for (int d = 0; d < whole->ndim; d++)
		*(d < dim ? &rows : &inner) *= whole->dim[d];
	for (int i = 0; i < step->nin; i++)
	{
		int64_t bytes = rows == 0 ? 0 : bytes_of(&step->in[i]) / rows;

		if (!add_part(&list, (char *) step->out[0].data + at, inner,
					  (const char *) step->in[i].data, bytes, bytes, rows))
			return false;
		at += bytes;
	}
	return true;
}

/* ---------- arange ---------- */

typedef struct ArangeTask
{
	PtCudaTask task;
	bool real;
	PtDtype dtype;
	double start, step;
	int64_t start_int, step_int;
	void *to;
	int64_t n;
} ArangeTask;

static __global__ void
__launch_bounds__(THREADS)
	arange_real(PtDtype dtype, void *to, int64_t n, double start, double step)
{
	for (int64_t i = (int64_t) blockIdx.x * THREADS + threadIdx.x; i < n;
		 i += (int64_t) gridDim.x * THREADS)
		pt_store(dtype, to, i, start + (double) i * step);
}

/* Of integers: wraps, hence unsigned until it is stored. */
static __global__ void
__launch_bounds__(THREADS)
	arange_int(PtDtype dtype, void *to, int64_t n, uint64_t start, uint64_t step)
{
	for (int64_t i = (int64_t) blockIdx.x * THREADS + threadIdx.x; i < n;
		 i += (int64_t) gridDim.x * THREADS)
		pt_store(dtype, to, i, (int64_t) (start + (uint64_t) i * step));
}

static cudaError_t
launch_arange(PtCudaTask *task, cudaStream_t stream)
{
	const ArangeTask *t = (const ArangeTask *) task;

	if (t->real)
		return PT_LAUNCH(stream, pt_blocks(t->n, THREADS), THREADS, 0, arange_real, t->dtype, t->to,
						 t->n, t->start, t->step);
	return PT_LAUNCH(stream, pt_blocks(t->n, THREADS), THREADS, 0, arange_int, t->dtype, t->to,
					 t->n, (uint64_t) t->start_int, (uint64_t) t->step_int);
}

static bool
bind_arange(PtCudaBind *b, PtStep *step)
{
	const PtValue *start = pt_args_get(step->attrs, "start"),
				  *by = pt_args_get(step->attrs, "step");
	int64_t n = pt_shape_numel(&step->out[0].shape);
	ArangeTask *t;

	if (n == 0)
		return true;
	t = (ArangeTask *) pt_cuda_task(b, step, sizeof(ArangeTask), launch_arange);
	if (t == NULL)
		return false;
	t->dtype = step->out[0].dtype;
	t->to = step->out[0].data;
	t->n = n;
	t->real = start->kind == PT_VALUE_REAL || by->kind == PT_VALUE_REAL;
	t->start = start->kind == PT_VALUE_REAL ? start->real : (double) start->integer;
	t->step = by->kind == PT_VALUE_REAL ? by->real : (double) by->integer;
	t->start_int = t->real ? 0 : start->integer;
	t->step_int = t->real ? 0 : by->integer;
	return true;
}

PT_CUDA_KERNELS(move) = {
	{"copy", NULL, bind_copy, 0, false},
	{"pack", NULL, bind_pack, 0, false},
	{"cat", NULL, bind_cat, 0, false},
	/* a list's tensors, each under a shape with one more dimension, are concatenated */
	{"stack", NULL, bind_cat, 0, false},
	{"arange", NULL, bind_arange, 0, false},
	{},
};
