/*
 * feed.cu
 *	  What a training plan does between steps: gather a batch, count, watch the loss.
 *
 * The counters (PtCtl, PtStats) stay on the device: a step that reads its place in the epoch from there can be
 * repeated as it is, so thousands of steps need no host.
 */
#include "launch.cuh"
#include "words.cuh"

#define THREADS 256
#define EACH 4 /* words of a row that a thread has under way */

/* ---------- batch ---------- */

typedef struct Batch
{
	const char *rows;
	const int64_t *perm, *ctl;
	char *to;
	int64_t nrows, nperm, stride; /* the file: rows, and bytes from one to the next */
	int64_t bytes, count;		  /* of the column in a row; rows wanted */
	int64_t across;				  /* shares of a row, of one group of threads each; at least 1 */
	int group;					  /* threads on a row: a power of two */
} Batch;

/* Neighbouring threads take neighbouring words of a row; narrow rows share a block. */
template <typename Word>
static __global__ void
__launch_bounds__(THREADS) gather_batch(const Batch b, PtCudaFault *fault, int number)
{
	const int64_t share = (int64_t) blockIdx.x * (THREADS / b.group) + threadIdx.x / b.group;
	const int64_t r = share / b.across, words = b.bytes / (int64_t) sizeof(Word);
	const int64_t first = share % b.across * (b.group * EACH) + (int64_t) (threadIdx.x % b.group);
	int64_t at, row = -1;
	const Word *from;
	Word *to, word[EACH] = {};

	if (r >= b.count)
		return;
	at = b.ctl[PT_CTL_POSITION] + r;
	if (at >= 0 && at < b.nperm)
		row = b.perm[at];
	if (row >= b.nrows)
		row = -1;
	if (row < 0 && first == 0)
		pt_note_fault(fault, number, r, at);
	from = (const Word *) (b.rows + (row < 0 ? 0 : row) * b.stride);
	to = (Word *) (b.to + r * b.bytes);
	for (int k = 0; k < EACH; k++)
		if (row >= 0 && first + k * b.group < words)
			word[k] = from[first + k * b.group];
	for (int k = 0; k < EACH; k++)
		if (first + k * b.group < words)
			to[first + k * b.group] = word[k];
}

typedef struct BatchTask
{
	PtCudaTask task;
	Batch batch;
	int width; /* bytes of a word */
	unsigned blocks;
} BatchTask;

static cudaError_t
launch_batch(PtCudaTask *task, cudaStream_t stream)
{
	const BatchTask *t = (const BatchTask *) task;

	switch (t->width)
	{
		case 16:
			return PT_LAUNCH(stream, t->blocks, THREADS, 0, (gather_batch<PtWord16>), t->batch,
							 task->fault, task->number);
		case 8:
			return PT_LAUNCH(stream, t->blocks, THREADS, 0, (gather_batch<uint64_t>), t->batch,
							 task->fault, task->number);
		case 4:
			return PT_LAUNCH(stream, t->blocks, THREADS, 0, (gather_batch<uint32_t>), t->batch,
							 task->fault, task->number);
		case 2:
			return PT_LAUNCH(stream, t->blocks, THREADS, 0, (gather_batch<uint16_t>), t->batch,
							 task->fault, task->number);
		default:
			return PT_LAUNCH(stream, t->blocks, THREADS, 0, (gather_batch<uint8_t>), t->batch,
							 task->fault, task->number);
	}
}

static bool
explain_batch(const PtCudaTask *task, const PtCudaFault *fault, PtError *err)
{
	const BatchTask *t = (const BatchTask *) task;

	return pt_fail(err, PT_EINTERNAL, "batch wants position %lld of %lld rows", fault->value,
				   (long long) t->batch.nperm);
}

static bool
bind_batch(PtCudaBind *b, PtStep *step)
{
	const PtOperand *out = &step->out[0];
	int64_t offset = pt_args_int(step->attrs, "offset"), words, shares;
	BatchTask *t;
	Batch plan;

	plan.perm = (const int64_t *) step->in[1].data;
	plan.ctl = (const int64_t *) step->in[2].data;
	plan.to = (char *) out->data;
	plan.nrows = step->in[0].shape.dim[0];
	plan.stride = step->in[0].shape.dim[1];
	plan.nperm = step->in[1].shape.dim[0];
	plan.count = out->shape.ndim > 0 ? out->shape.dim[0] : 1;
	plan.bytes = (int64_t) pt_dtype_size(out->dtype);
	for (int d = 1; d < out->shape.ndim; d++)
		plan.bytes *= out->shape.dim[d];
	if (offset < 0 || offset + plan.bytes > plan.stride)
		return pt_fail(b->err, PT_EINTERNAL,
					   "batch column of %lld bytes at %lld is outside rows of %lld bytes",
					   (long long) plan.bytes, (long long) offset, (long long) plan.stride);
	if (plan.count == 0)
		return true;
	plan.rows = (const char *) step->in[0].data + offset;
	t = (BatchTask *) pt_cuda_task(b, step, sizeof(BatchTask), launch_batch);
	if (t == NULL)
		return false;
	t->task.explain = explain_batch;
	t->width = pt_word_width(plan.rows, plan.to, plan.bytes | plan.stride);
	words = plan.bytes / t->width;
	plan.group = 1;
	while (plan.group < THREADS && plan.group < words)
		plan.group *= 2;
	plan.across = words == 0 ? 1 : (words + plan.group * EACH - 1) / (plan.group * EACH);
	shares = plan.count * plan.across;
	t->blocks = (unsigned) ((shares + THREADS / plan.group - 1) / (THREADS / plan.group));
	t->batch = plan;
	return true;
}

/* ---------- advance, check_finite ---------- */

/* A thread for each number, which may be written in place: none depends on another that changes. */
static __global__ void
advance(int64_t *ctl_out, const int64_t *ctl, int64_t by)
{
	int i = (int) threadIdx.x;

	if (i < PT_CTL_SIZE)
		ctl_out[i] = ctl[i] + (i == PT_CTL_POSITION ? by : i == PT_CTL_STEPS ? 1 : 0);
}

/* The first threads' numbers are of ctl, the others' of stats. */
static __global__ void
check_finite(int64_t *ctl_out, double *stats_out, const int64_t *ctl, const double *stats,
			 const void *loss, PtDtype dtype, int64_t by)
{
	const int i = (int) threadIdx.x, s = i - PT_CTL_SIZE;
	double x = pt_load<double>(dtype, loss, 0);
	bool finite = x - x == 0;

	if (i < PT_CTL_SIZE)
		ctl_out[i] =
			i == PT_CTL_DIVERGED && !finite && ctl[i] == 0 ? ctl[PT_CTL_STEPS] + 1 : ctl[i];
	else if (s < PT_STATS_SIZE)
		stats_out[s] = s == PT_STATS_LOSS	? stats[s] + x * (double) by
					   : s == PT_STATS_ROWS ? stats[s] + (double) by
					   : s == PT_STATS_LAST ? x
											: stats[s];
}

typedef struct CountTask
{
	PtCudaTask task;
	const int64_t *ctl;
	const double *stats;
	int64_t *ctl_out;
	double *stats_out;
	const void *loss;
	PtDtype dtype;
	int64_t by;
} CountTask;

static cudaError_t
launch_advance(PtCudaTask *task, cudaStream_t stream)
{
	const CountTask *t = (const CountTask *) task;

	return PT_LAUNCH(stream, 1, PT_WARP, 0, advance, t->ctl_out, t->ctl, t->by);
}

static cudaError_t
launch_check_finite(PtCudaTask *task, cudaStream_t stream)
{
	const CountTask *t = (const CountTask *) task;

	return PT_LAUNCH(stream, 1, PT_WARP, 0, check_finite, t->ctl_out, t->stats_out, t->ctl,
					 t->stats, t->loss, t->dtype, t->by);
}

static bool
bind_advance(PtCudaBind *b, PtStep *step)
{
	CountTask *t = (CountTask *) pt_cuda_task(b, step, sizeof(CountTask), launch_advance);

	if (t == NULL)
		return false;
	t->ctl = (const int64_t *) step->in[0].data;
	t->ctl_out = (int64_t *) step->out[0].data;
	t->by = pt_args_int(step->attrs, "by");
	return true;
}

static bool
bind_check_finite(PtCudaBind *b, PtStep *step)
{
	CountTask *t = (CountTask *) pt_cuda_task(b, step, sizeof(CountTask), launch_check_finite);

	if (t == NULL)
		return false;
	t->ctl = (const int64_t *) step->in[0].data;
	t->stats = (const double *) step->in[1].data;
	t->loss = step->in[2].data;
	t->dtype = step->in[2].dtype;
	t->ctl_out = (int64_t *) step->out[0].data;
	t->stats_out = (double *) step->out[1].data;
	t->by = pt_args_int(step->attrs, "count");
	return true;
}

PT_CUDA_KERNELS(feed) = {
	{"batch", NULL, bind_batch, 0, false},
	{"advance", NULL, bind_advance, 0, false},
	{"check_finite", NULL, bind_check_finite, 0, false},
	{},
};
