/*
 * feed.c
 *	  What a training plan does between steps: gather a batch, count, watch the loss (PtCtl, PtStats).
 */
#include <math.h>
#include <string.h>

#include "cpu/cpu.h"

#define TILE_BYTES (128 * 1024)

/* ---------- batch ---------- */

typedef struct BatchTask
{
	PtCpuTask task;
	const char *rows;
	const int64_t *perm, *ctl;
	char *to;
	int64_t nrows, nperm, stride; /* the file: rows, and bytes from one to the next */
	int64_t offset, bytes, count; /* of the column in a row; rows wanted */
	int64_t tile_rows;
} BatchTask;

/* The file's row for row r of the batch; -1: there is none. */
static int64_t
row_of(const BatchTask *t, int64_t r)
{
	int64_t at = t->ctl[PT_CTL_POSITION] + r, row;

	if (at < 0 || at >= t->nperm)
		return -1;
	row = t->perm[at];
	return row >= 0 && row < t->nrows ? row : -1;
}

static void
run_batch(PtCpuTask *task, int64_t tile, char *scratch)
{
	BatchTask *t = (BatchTask *) task;
	int64_t first = tile * t->tile_rows;
	int64_t end = first + t->tile_rows < t->count ? first + t->tile_rows : t->count;

	(void) scratch;
	for (int64_t r = first; r < end; r++)
	{
		int64_t row = row_of(t, r);
		const char *from;

		if (row < 0)
		{
			atomic_store(&task->fault, 1);
			return;
		}
		from = t->rows + row * t->stride + t->offset;
		/* rows come in random order: ask for one some way ahead */
		if (r + 8 < end)
		{
			int64_t next = row_of(t, r + 8);

			if (next >= 0)
				__builtin_prefetch(t->rows + next * t->stride + t->offset);
		}
		if (t->bytes == 4)
			memcpy(t->to + r * 4, from, 4);
		else if (t->bytes == 8)
			memcpy(t->to + r * 8, from, 8);
		else
			memcpy(t->to + r * t->bytes, from, (size_t) t->bytes);
	}
}

static bool
explain_batch(const PtCpuTask *task, PtError *err)
{
	const BatchTask *t = (const BatchTask *) task;

	for (int64_t r = 0; r < t->count; r++)
		if (row_of(t, r) < 0)
			return pt_fail(err, PT_EINTERNAL, "batch wants position %lld of %lld rows",
						   (long long) (t->ctl[PT_CTL_POSITION] + r), (long long) t->nperm);
	return pt_fail(err, PT_EINTERNAL, "batch wants rows that are not there");
}

static bool
bind_batch(PtCpuBind *b, PtStep *step)
{
	BatchTask plan = {.rows = step->in[0].data,
					  .perm = step->in[1].data,
					  .ctl = step->in[2].data,
					  .to = step->out[0].data};
	BatchTask *t;

	plan.nrows = step->in[0].shape.dim[0];
	plan.stride = step->in[0].shape.dim[1];
	plan.nperm = step->in[1].shape.dim[0];
	plan.offset = pt_args_int(step->attrs, "offset");
	plan.count = step->out[0].shape.ndim > 0 ? step->out[0].shape.dim[0] : 1;
	plan.bytes = (int64_t) pt_dtype_size(step->out[0].dtype);
	for (int d = 1; d < step->out[0].shape.ndim; d++)
		plan.bytes *= step->out[0].shape.dim[d];
	if (plan.offset < 0 || plan.offset + plan.bytes > plan.stride)
		return pt_fail(b->err, PT_EINTERNAL,
					   "batch column of %lld bytes at %lld is outside rows of %lld bytes",
					   (long long) plan.bytes, (long long) plan.offset, (long long) plan.stride);
	plan.tile_rows = plan.bytes > 0 ? TILE_BYTES / plan.bytes : plan.count;
	plan.tile_rows = plan.tile_rows < 1			   ? 1
					 : plan.tile_rows > plan.count ? plan.count
												   : plan.tile_rows;
	t = pt_cpu_task(b, step, sizeof(BatchTask), run_batch,
					plan.count > 0 ? pt_cpu_ceil(plan.count, plan.tile_rows) : 0,
					plan.tile_rows * (10 + plan.bytes / 8));
	if (t == NULL)
		return false;
	plan.task = t->task;
	*t = plan;
	t->task.explain = explain_batch;
	return true;
}

/* ---------- advance, check_finite ---------- */

typedef struct CountTask
{
	PtCpuTask task;
	const int64_t *ctl;
	const double *stats;
	int64_t *ctl_out;
	double *stats_out;
	const void *loss;
	PtDtype dtype;
	int64_t by;
} CountTask;

static void
run_advance(PtCpuTask *task, int64_t tile, char *scratch)
{
	CountTask *t = (CountTask *) task;

	(void) tile;
	(void) scratch;
	if (t->ctl_out != t->ctl)
		memcpy(t->ctl_out, t->ctl, PT_CTL_SIZE * sizeof(int64_t));
	t->ctl_out[PT_CTL_POSITION] += t->by;
	t->ctl_out[PT_CTL_STEPS] += 1;
}

static void
run_check_finite(PtCpuTask *task, int64_t tile, char *scratch)
{
	CountTask *t = (CountTask *) task;
	double loss = pt_element_get_double(t->dtype, t->loss, 0);

	(void) tile;
	(void) scratch;
	if (t->ctl_out != t->ctl)
		memcpy(t->ctl_out, t->ctl, PT_CTL_SIZE * sizeof(int64_t));
	if (t->stats_out != t->stats)
		memcpy(t->stats_out, t->stats, PT_STATS_SIZE * sizeof(double));
	t->stats_out[PT_STATS_LOSS] += loss * (double) t->by;
	t->stats_out[PT_STATS_ROWS] += (double) t->by;
	t->stats_out[PT_STATS_LAST] = loss;
	if (!isfinite(loss) && t->ctl_out[PT_CTL_DIVERGED] == 0)
		t->ctl_out[PT_CTL_DIVERGED] = t->ctl_out[PT_CTL_STEPS] + 1;
}

static bool
bind_advance(PtCpuBind *b, PtStep *step)
{
	CountTask *t = pt_cpu_task(b, step, sizeof(CountTask), run_advance, 1, 5);

	if (t == NULL)
		return false;
	t->ctl = step->in[0].data;
	t->ctl_out = step->out[0].data;
	t->by = pt_args_int(step->attrs, "by");
	return true;
}

static bool
bind_check_finite(PtCpuBind *b, PtStep *step)
{
	CountTask *t = pt_cpu_task(b, step, sizeof(CountTask), run_check_finite, 1, 5);

	if (t == NULL)
		return false;
	t->ctl = step->in[0].data;
	t->stats = step->in[1].data;
	t->loss = step->in[2].data;
	t->dtype = step->in[2].dtype;
	t->ctl_out = step->out[0].data;
	t->stats_out = step->out[1].data;
	t->by = pt_args_int(step->attrs, "count");
	return true;
}

const PtCpuKernel pt_cpu_feed_kernels[] = {
	{"batch", NULL, bind_batch},
	{"advance", NULL, bind_advance},
	{"check_finite", NULL, bind_check_finite},
	{0},
};
