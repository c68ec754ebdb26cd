/*
 * softmax.c
 *	  softmax, log_softmax, cross entropy and its gradient, by rows.
 *
 * float32 and float64 rows that are contiguous are worked on in place, several short rows at once so
 * that exp runs over long arrays.  float16, bfloat16 and softmax over a dimension that is not
 * the last go through a buffer, a chunk at a time.
 *
 * As in PyTorch, a row's maximum is subtracted first; a NaN in a row makes the row NaN.
 */
#include <math.h>
#include <string.h>

#include "cpu/cpu.h"

#define BUFFER 512 /* elements worked on at once */
#define TILE_ELEMENTS 16384

typedef struct RowsTask
{
	PtCpuTask task;
	bool logarithm; /* log_softmax */
	int kind;		/* of the isa's tables: 0 float, 1 double */
	PtDtype dtype, target_dtype;
	size_t size;
	int64_t rows, cols; /* rows to do, elements in each */
	int64_t inner; /* distance of a row's elements; rows of one group of inner lie side by side */
	int64_t tile_rows;
	const char *x, *target, *grad;
	char *out, *lse;
} RowsTask;

static double
get(const RowsTask *t, const void *p, int64_t i)
{
	return t->kind == 1 ? ((const double *) p)[i] : (double) ((const float *) p)[i];
}

static void
put(const RowsTask *t, void *p, int64_t i, double value)
{
	if (t->kind == 1)
		((double *) p)[i] = value;
	else
		((float *) p)[i] = (float) value;
}

static int64_t
tile_end(const RowsTask *t, int64_t first)
{
	return first + t->tile_rows < t->rows ? first + t->tile_rows : t->rows;
}

/* How many rows fit the buffer; at least one. */
static int64_t
rows_at_once(const RowsTask *t)
{
	return t->cols >= BUFFER ? 1 : BUFFER / t->cols;
}

/* ---------- softmax, log_softmax ---------- */

/* Contiguous rows of float or double. */
static void
softmax_contiguous(const RowsTask *t, int64_t first, int64_t last)
{
	const PtIsaRows *isa = t->task.isa->rows;
	int k = t->kind;
	int64_t at_once = rows_at_once(t);
	double highest[BUFFER]; /* room for float or double */

	for (int64_t r = first; r < last; r += at_once)
	{
		int64_t n = last - r < at_once ? last - r : at_once;
		size_t cols = (size_t) t->cols, row = cols * t->size;
		const char *x = t->x + (size_t) r * row;
		char *y = t->out + (size_t) r * row;

		for (int64_t i = 0; i < n; i++)
		{
			char *top = (char *) highest + (size_t) i * t->size;

			isa->max[k](top, x + (size_t) i * row, cols);
			isa->sub[k](y + (size_t) i * row, x + (size_t) i * row, top, cols);
		}
		if (!t->logarithm)
			isa->exp[k](y, y, cols * (size_t) n);
		for (int64_t i = 0; i < n; i++)
		{
			double sum = 0, value;

			if (t->logarithm)
			{
				/* the exponentials are only summed */
				double buffer[BUFFER], part;

				for (size_t j = 0; j < cols; j += BUFFER)
				{
					size_t take = cols - j < BUFFER ? cols - j : BUFFER;

					isa->exp[k](buffer, y + (size_t) i * row + j * t->size, take);
					isa->sum[k](&part, buffer, take);
					sum += get(t, &part, 0);
				}
				put(t, &value, 0, log(sum));
				isa->sub[k](y + (size_t) i * row, y + (size_t) i * row, &value, cols);
			}
			else
			{
				isa->sum[k](&value, y + (size_t) i * row, cols);
				put(t, &value, 0, 1 / get(t, &value, 0));
				isa->mul[k](y + (size_t) i * row, y + (size_t) i * row, &value, cols);
			}
		}
	}
}

/* One row of any stride and dtype, in three passes. */
static void
softmax_strided(const RowsTask *t, int64_t r)
{
	const PtIsa *isa = t->task.isa;
	int k = t->kind;
	int64_t base = r / t->inner * t->inner * t->cols + r % t->inner;
	double buffer[BUFFER], top = -INFINITY, sum = 0, part, value;

	for (int pass = 0; pass < 3; pass++)
	{
		for (int64_t j = 0; j < t->cols; j += BUFFER)
		{
			size_t take = t->cols - j < BUFFER ? (size_t) (t->cols - j) : BUFFER;
			size_t at = (size_t) (base + j * t->inner) * t->size;

			isa->scalar->gather[t->dtype](buffer, t->x + at, t->inner, take);
			if (pass == 0)
			{
				isa->rows->max[k](&part, buffer, take);
				part = get(t, &part, 0);
				top = isnan(top) || top > part ? top : part;
				continue;
			}
			put(t, &value, 0, top);
			isa->rows->sub[k](buffer, buffer, &value, take);
			if (pass == 1 || !t->logarithm)
				isa->rows->exp[k](buffer, buffer, take);
			if (pass == 1)
			{
				isa->rows->sum[k](&part, buffer, take);
				sum += get(t, &part, 0);
				continue;
			}
			put(t, &value, 0, t->logarithm ? log(sum) : 1 / sum);
			if (t->logarithm)
				isa->rows->sub[k](buffer, buffer, &value, take);
			else
				isa->rows->mul[k](buffer, buffer, &value, take);
			for (size_t i = 0; i < take; i++)
				isa->scalar->store[t->dtype](t->out + at + i * (size_t) t->inner * t->size,
											 (char *) buffer + i * (k == 1 ? 8 : 4), 1);
		}
	}
}

static void
run_softmax(PtCpuTask *task, int64_t tile, char *scratch)
{
	RowsTask *t = (RowsTask *) task;
	int64_t first = tile * t->tile_rows, last = tile_end(t, first);

	(void) scratch;
	if (t->inner == 1 && (t->dtype == PT_FLOAT32 || t->dtype == PT_FLOAT64))
		softmax_contiguous(t, first, last);
	else
		for (int64_t r = first; r < last; r++)
			softmax_strided(t, r);
}

/* ---------- cross entropy ---------- */

static int64_t
target_of(const RowsTask *t, int64_t r)
{
	int64_t target;

	t->task.isa->scalar->load[t->target_dtype](&target,
											   t->target +
												   (size_t) r * pt_dtype_size(t->target_dtype),
											   1);
	return target;
}

/*
 * The largest element of each of n rows from r on, and the sum of exp(x - largest).  exps: those
 * exponentials, unless a row is longer than BUFFER and so done in pieces.
 */
static void
measure_rows(const RowsTask *t, int64_t r, int64_t n, double *tops, double *sums, double *exps)
{
	const PtIsa *isa = t->task.isa;
	int k = t->kind;
	size_t width = k == 1 ? 8 : 4;
	bool native = t->dtype == PT_FLOAT32 || t->dtype == PT_FLOAT64;
	double loaded[BUFFER];

	for (int64_t i = 0; i < n; i++)
	{
		put(t, sums, i, 0);
		put(t, tops, i, -INFINITY);
	}
	/* one piece of n rows, or pieces of one row: the maximum first, then the sum */
	for (int pass = t->cols <= BUFFER ? 1 : 0; pass < 2; pass++)
		for (int64_t j = 0; j < t->cols; j += BUFFER)
		{
			size_t take = t->cols - j < BUFFER ? (size_t) (t->cols - j) : BUFFER;
			const char *x = t->x + (size_t) (r * t->cols + j) * t->size;

			if (!native)
			{
				isa->scalar->load[t->dtype](loaded, x, take * (size_t) n);
				x = (const char *) loaded;
			}
			for (int64_t i = 0; i < n; i++)
			{
				const char *row = x + (size_t) i * take * width;
				double part, top;

				if (pass == 0 || t->cols <= BUFFER)
				{
					isa->rows->max[k](&part, row, take);
					part = get(t, &part, 0);
					top = get(t, tops, i);
					put(t, tops, i, isnan(top) || top > part ? top : part);
				}
				if (pass == 1)
					isa->rows->sub[k]((char *) exps + (size_t) i * take * width, row,
									  (char *) tops + (size_t) i * width, take);
			}
			if (pass == 0)
				continue;
			isa->rows->exp[k](exps, exps, take * (size_t) n);
			for (int64_t i = 0; i < n; i++)
			{
				double part;

				isa->rows->sum[k](&part, (char *) exps + (size_t) i * take * width, take);
				put(t, sums, i, get(t, sums, i) + get(t, &part, 0));
			}
		}
}

/* lse = log sum exp(x), out = lse - x[target] */
static void
run_cross_entropy(PtCpuTask *task, int64_t tile, char *scratch)
{
	RowsTask *t = (RowsTask *) task;
	const PtIsa *isa = task->isa;
	int64_t first = tile * t->tile_rows, last = tile_end(t, first), at_once = rows_at_once(t);
	double exps[BUFFER], sums[BUFFER], tops[BUFFER];

	(void) scratch;
	for (int64_t r = first; r < last; r += at_once)
	{
		int64_t n = last - r < at_once ? last - r : at_once;

		measure_rows(t, r, n, tops, sums, exps);
		isa->rows->log[t->kind](sums, sums, (size_t) n);
		for (int64_t i = 0; i < n; i++)
		{
			int64_t target = target_of(t, r + i);
			double log_sum = get(t, sums, i), top = get(t, tops, i), loss[1], x[1];
			size_t at = (size_t) (r + i) * t->size;

			if (target < 0 || target >= t->cols)
			{
				atomic_store(&task->fault, 1);
				return;
			}
			put(t, loss, 0, top + log_sum);
			isa->scalar->store[t->dtype](t->lse + at, loss, 1);
			isa->scalar->load[t->dtype](x, t->x + (size_t) ((r + i) * t->cols + target) * t->size,
										1);
			put(t, loss, 0, top - get(t, x, 0) + log_sum); /* in this order: nothing is lost */
			isa->scalar->store[t->dtype](t->out + at, loss, 1);
		}
	}
}

/*
 * out = (softmax(x) - onehot(target)) grad.  The softmax is made anew: lse has lost, to rounding, what x has beyond
 * its dtype's digits, so that exp(x - lse) of large logits (or of bfloat16) would be far from a softmax.
 */
static void
run_cross_entropy_backward(PtCpuTask *task, int64_t tile, char *scratch)
{
	RowsTask *t = (RowsTask *) task;
	const PtIsa *isa = task->isa;
	int k = t->kind;
	size_t width = k == 1 ? 8 : 4;
	int64_t first = tile * t->tile_rows, last = tile_end(t, first), at_once = rows_at_once(t);
	double exps[BUFFER], sums[BUFFER], tops[BUFFER];

	(void) scratch;
	for (int64_t r = first; r < last; r += at_once)
	{
		int64_t n = last - r < at_once ? last - r : at_once;

		measure_rows(t, r, n, tops, sums, exps);
		for (int64_t j = 0; j < t->cols; j += BUFFER)
		{
			size_t take = t->cols - j < BUFFER ? (size_t) (t->cols - j) : BUFFER;
			size_t at = (size_t) (r * t->cols + j) * t->size;

			if (t->cols > BUFFER)
			{
				isa->scalar->load[t->dtype](exps, t->x + at, take);
				isa->rows->sub[k](exps, exps, tops, take);
				isa->rows->exp[k](exps, exps, take);
			}
			for (int64_t i = 0; i < n; i++)
			{
				char *row = (char *) exps + (size_t) i * take * width;
				int64_t target = target_of(t, r + i);
				double by;

				if (target < 0 || target >= t->cols)
				{
					atomic_store(&task->fault, 1);
					return;
				}
				put(t, &by, 0, 1 / get(t, sums, i));
				isa->rows->mul[k](row, row, &by, take);
				if (target >= j && target < j + (int64_t) take)
					put(t, row, target - j, get(t, row, target - j) - 1);
				isa->scalar->load[t->dtype](&by, t->grad + (size_t) (r + i) * t->size, 1);
				isa->rows->mul[k](row, row, &by, take);
			}
			isa->scalar->store[t->dtype](t->out + at, exps, take * (size_t) n);
		}
	}
}

static bool
explain_target(const PtCpuTask *task, PtError *err)
{
	const RowsTask *t = (const RowsTask *) task;

	for (int64_t r = 0; r < t->rows; r++)
	{
		int64_t target = target_of(t, r);

		if (target >= 0 && target < t->cols)
			continue;
		pt_fail(err, PT_EDATA, "target %lld is out of bounds for %lld classes", (long long) target,
				(long long) t->cols);
		pt_detail(err, "It is row %lld of the batch; classes count from 0 to %lld.",
				  (long long) r + 1, (long long) t->cols - 1);
		return false;
	}
	return pt_fail(err, PT_EDATA, "target is out of bounds for %lld classes", (long long) t->cols);
}

/* ---------- binding ---------- */

static bool
prepare_rows(PtCpu *dev, PtStep *step, PtError *err)
{
	(void) dev;
	if (!pt_dtype_is_float(step->in[0].dtype))
		return pt_cpu_fail_dtype(step, step->in[0].dtype, err);
	return true;
}

static bool
bind_rows(PtCpuBind *b, PtStep *step, RowsTask *plan, void (*run)(PtCpuTask *, int64_t, char *))
{
	RowsTask *t;
	int64_t ns;

	plan->dtype = step->in[0].dtype;
	plan->size = pt_dtype_size(plan->dtype);
	plan->kind = plan->dtype == PT_FLOAT64 ? 1 : 0;
	plan->x = step->in[0].data;
	plan->out = step->out[0].data;
	plan->tile_rows = plan->cols > 0 ? TILE_ELEMENTS / plan->cols : plan->rows;
	plan->tile_rows = plan->tile_rows < 1 ? 1 : plan->tile_rows;
	ns = (plan->tile_rows < plan->rows ? plan->tile_rows : plan->rows) *
		 (20 + plan->cols * (plan->kind == 1 ? 15 : 2));
	t = pt_cpu_task(b, step, sizeof(RowsTask), run,
					plan->cols > 0 ? pt_cpu_ceil(plan->rows, plan->tile_rows) : 0, ns);
	if (t == NULL)
		return false;
	plan->task = t->task;
	*t = *plan;
	t->task.explain = explain_target;
	return true;
}

static bool
bind_softmax(PtCpuBind *b, PtStep *step)
{
	const PtShape *shape = &step->in[0].shape;
	int64_t dim = pt_args_int(step->attrs, "dim");
	RowsTask t = {.logarithm = b->variant != 0, .rows = 1, .cols = 1, .inner = 1};

	for (int d = 0; d < shape->ndim; d++)
	{
		*(d == dim ? &t.cols : &t.rows) *= shape->dim[d];
		if (d > dim)
			t.inner *= shape->dim[d];
	}
	return bind_rows(b, step, &t, run_softmax);
}

static bool
bind_cross_entropy(PtCpuBind *b, PtStep *step)
{
	RowsTask t = {.rows = step->in[0].shape.dim[0], .cols = step->in[0].shape.dim[1], .inner = 1};

	t.target = step->in[1].data;
	t.target_dtype = step->in[1].dtype;
	t.lse = step->out[1].data;
	return bind_rows(b, step, &t, run_cross_entropy);
}

static bool
bind_cross_entropy_backward(PtCpuBind *b, PtStep *step)
{
	RowsTask t = {.rows = step->in[0].shape.dim[0], .cols = step->in[0].shape.dim[1], .inner = 1};

	t.target = step->in[1].data;
	t.target_dtype = step->in[1].dtype;
	t.grad = step->in[3].data;
	return bind_rows(b, step, &t, run_cross_entropy_backward);
}

const PtCpuKernel pt_cpu_softmax_kernels[] = {
	{"softmax", prepare_rows, bind_softmax, false},
	{"log_softmax", prepare_rows, bind_softmax, true},
	{"cross_entropy", prepare_rows, bind_cross_entropy},
	{"cross_entropy_backward", prepare_rows, bind_cross_entropy_backward},
	{0},
};
