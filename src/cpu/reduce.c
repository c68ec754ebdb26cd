/*
 * reduce.c
 *	  sum, prod, amax, amin over any dimensions; argmax and argmin over one or all.
 *
 * Neighbouring dimensions that are both kept or both reduced become one.  What remains ends with a reduced
 * dimension (runs of contiguous elements) or with a kept one (rows of contiguous columns); the
 * isa kernels do either.  The elements of one result, in order, are cut into parts of fixed
 * size; parts are reduced on any thread into the workspace and then combined in order, so
 * the result does not depend on the number of threads.
 *
 * Accumulators are double for floats and int64 for the rest (isa.h).
 */
#include <math.h>
#include <string.h>

#include "cpu/cpu.h"

/* elements in a part, and in a tile of small results */
#define PART 65536
#define LOADED 512 /* elements converted at a time, of dtypes that are not their class's type */

typedef struct ReduceTask
{
	PtCpuTask task;
	PtReduce op;
	PtDtype from, to;
	PtClass cls;
	bool native;
	const char *x;
	char *out;
	int ndim; /* collapsed; kept and reduced alternate */
	int64_t dim[PT_MAX_DIM + 1], stride[PT_MAX_DIM + 1];
	bool reduced[PT_MAX_DIM + 1];
	int64_t nresults, nreduced; /* elements of a result */
	int64_t inner;				/* results that lie side by side: columns, or 1 */
	int64_t parts, part;		/* each of part rows (columns) or elements (runs) */
	int64_t group;				/* results in a tile */
	int64_t groups;
	char *partial; /* accumulators [parts][nresults], if there is more than one part */
} ReduceTask;

/* ---------- shape ---------- */

static void
collapse(ReduceTask *t, const PtShape *shape, const bool *reduced)
{
	int64_t stride = 1;
	int n = 0;

	/* from the last dimension backward, then turned round */
	for (int d = shape->ndim - 1; d >= 0; d--)
	{
		if (shape->dim[d] == 1)
			continue;
		if (n > 0 && t->reduced[n - 1] == reduced[d])
			t->dim[n - 1] *= shape->dim[d];
		else
		{
			t->dim[n] = shape->dim[d];
			t->stride[n] = stride;
			t->reduced[n] = reduced[d];
			n++;
		}
		stride *= shape->dim[d];
	}
	if (n == 0 || (!t->reduced[0] && n == 1))
	{
		/* nothing is reduced: a run of one */
		memmove(t->dim + 1, t->dim, (size_t) n * sizeof(int64_t));
		memmove(t->stride + 1, t->stride, (size_t) n * sizeof(int64_t));
		memmove(t->reduced + 1, t->reduced, (size_t) n * sizeof(bool));
		t->dim[0] = 1;
		t->stride[0] = 1;
		t->reduced[0] = true;
		n++;
	}
	t->ndim = n;
	t->nresults = t->nreduced = 1;
	for (int d = 0; d < n; d++)
		if (t->reduced[d])
			t->nreduced *= t->dim[d];
		else
			t->nresults *= t->dim[d];
	t->inner = t->reduced[0] || t->dim[0] == 0 ? 1 : t->dim[0];
}

/* Offset of index i among the kept (or reduced) dimensions from dimension `from` on. */
static int64_t
offset_of(const ReduceTask *t, int64_t i, bool reduced, int from)
{
	int64_t at = 0;

	for (int d = from; d < t->ndim; d++)
		if (t->reduced[d] == reduced)
		{
			at += i % t->dim[d] * t->stride[d];
			i /= t->dim[d];
		}
	return at;
}

/* ---------- one part of one result, or of columns ---------- */

static void
start(const ReduceTask *t, void *acc, int64_t n)
{
	double real = t->op == PT_REDUCE_SUM	? 0
				  : t->op == PT_REDUCE_PROD ? 1
				  : t->op == PT_REDUCE_MAX	? -INFINITY
											: INFINITY;
	int64_t integer = t->op == PT_REDUCE_SUM	? 0
					  : t->op == PT_REDUCE_PROD ? 1
					  : t->op == PT_REDUCE_MAX	? INT64_MIN
												: INT64_MAX;

	for (int64_t i = 0; i < n; i++)
		if (t->cls == PT_I64)
			((int64_t *) acc)[i] = integer;
		else
			((double *) acc)[i] = real;
}

static void
reduce_run(const ReduceTask *t, void *acc, int64_t at, int64_t n)
{
	const PtIsa *isa = t->task.isa;
	size_t size = pt_dtype_size(t->from);
	const char *x = t->x + (size_t) at * size;
	int64_t loaded[LOADED];

	if (t->native)
	{
		isa->reduce->run[t->op][t->cls](acc, x, (size_t) n);
		return;
	}
	for (; n > 0; n -= LOADED, x += LOADED * size)
	{
		size_t take = n < LOADED ? (size_t) n : LOADED;

		isa->scalar->load[t->from](loaded, x, take);
		isa->reduce->run[t->op][t->cls](acc, loaded, take);
	}
}

static void
reduce_cols(const ReduceTask *t, void *acc, int64_t at, int64_t rows, int64_t stride, int64_t cols)
{
	const PtIsa *isa = t->task.isa;
	size_t size = pt_dtype_size(t->from);
	const char *x = t->x + (size_t) at * size;
	int64_t loaded[PT_REDUCE_COLS];

	if (t->native)
	{
		isa->reduce->cols[t->op][t->cls](acc, x, (size_t) rows, (size_t) stride, (size_t) cols);
		return;
	}
	for (; rows > 0; rows--, x += (size_t) stride * size)
	{
		isa->scalar->load[t->from](loaded, x, (size_t) cols);
		isa->reduce->cols[t->op][t->cls](acc, loaded, 1, 0, (size_t) cols);
	}
}

/* Elements first to last - 1 of the reduced ones, for `cols` results from result on (side by side). */
static void
reduce_part(const ReduceTask *t, void *acc, int64_t result, int64_t cols, int64_t first,
			int64_t last)
{
	int axis = t->reduced[0] ? 0 : 1; /* the innermost reduced dimension */
	int64_t base = offset_of(t, result, false, 0);
	int64_t length = t->dim[axis];

	while (first < last)
	{
		int64_t within = first % length;
		int64_t take = length - within < last - first ? length - within : last - first;
		int64_t at = base + within * t->stride[axis] + offset_of(t, first / length, true, axis + 1);

		if (axis == 0)
			reduce_run(t, acc, at, take);
		else
			reduce_cols(t, acc, at, take, t->stride[1], cols);
		first += take;
	}
}

static void
store(const ReduceTask *t, const void *acc, int64_t result, int64_t n)
{
	char *out = t->out + (size_t) result * pt_dtype_size(t->to);

	if (t->cls == PT_I64)
		pt_convert(t->to, out, PT_INT64, acc, (size_t) n);
	else
		pt_convert(t->to, out, PT_FLOAT64, acc, (size_t) n);
}

static void
run_reduce(PtCpuTask *task, int64_t tile, char *scratch)
{
	ReduceTask *t = (ReduceTask *) task;
	int64_t part = tile / t->groups, group = tile - part * t->groups;
	int64_t first = part * t->part;
	int64_t last = first + t->part < t->nreduced ? first + t->part : t->nreduced;
	int64_t result = group * t->group;
	int64_t end = result + t->group < t->nresults ? result + t->group : t->nresults;
	int64_t acc[PT_REDUCE_COLS];

	(void) scratch;
	while (result < end)
	{
		int64_t cols = t->inner - result % t->inner;
		void *to = acc;

		cols = cols < end - result ? cols : end - result;
		cols = cols < PT_REDUCE_COLS ? cols : PT_REDUCE_COLS;
		if (t->parts > 1)
			to = t->partial + (size_t) (part * t->nresults + result) * 8;
		start(t, to, cols);
		reduce_part(t, to, result, cols, first, last);
		if (t->parts == 1)
			store(t, to, result, cols);
		result += cols;
	}
}

static void
run_combine(PtCpuTask *task, int64_t tile, char *scratch)
{
	ReduceTask *t = (ReduceTask *) task;
	PtClass cls = t->cls == PT_I64 ? PT_I64 : PT_F64;
	int64_t first = tile * PT_REDUCE_COLS;
	int64_t cols = t->nresults - first < PT_REDUCE_COLS ? t->nresults - first : PT_REDUCE_COLS;
	int64_t acc[PT_REDUCE_COLS];

	(void) scratch;
	start(t, acc, cols);
	task->isa->reduce->cols[t->op][cls](acc, t->partial + (size_t) first * 8, (size_t) t->parts,
										(size_t) t->nresults, (size_t) cols);
	store(t, acc, first, cols);
}

/* ---------- binding ---------- */

static void
plan_reduce(ReduceTask *t, const PtStep *step)
{
	const PtValue *dims = step->attrs == NULL ? NULL : pt_args_get(step->attrs, "dim");
	const PtShape *shape = &step->in[0].shape;
	bool reduced[PT_MAX_DIM] = {false};
	bool all = dims == NULL || dims->kind == PT_VALUE_NONE ||
			   (dims->kind == PT_VALUE_INTS && dims->count == 0);

	for (int d = 0; d < shape->ndim; d++)
		reduced[d] = all;
	if (!all && dims->kind == PT_VALUE_INT)
		reduced[dims->integer] = true;
	else if (!all)
		for (int i = 0; i < dims->count; i++)
			reduced[dims->ints[i]] = true;
	t->from = step->in[0].dtype;
	t->to = step->out[0].dtype;
	t->cls = pt_dtype_class(t->from);
	t->native = t->from == PT_FLOAT32 || t->from == PT_FLOAT64 || t->from == PT_INT64;
	collapse(t, shape, reduced);
	/* columns: as many rows as make a part; runs: elements */
	t->part = PART / (t->inner < PT_REDUCE_COLS ? t->inner : PT_REDUCE_COLS);
	if (t->nresults * 16 > t->nreduced)
		t->part = t->nreduced; /* results enough to share out */
	t->part = t->part < 1 ? 1 : t->part;
	t->parts = t->nreduced > 0 ? pt_cpu_ceil(t->nreduced, t->part) : 1;
	/* a tile: one column block, or so many results as make a part */
	t->group = t->part > 0 ? PART / t->part : PART;
	if (t->inner > 1 && t->group > PT_REDUCE_COLS)
		t->group = t->group / PT_REDUCE_COLS * PT_REDUCE_COLS;
	t->group = t->group < 1 ? 1 : t->group;
	if (t->inner > 1 && t->group < 64)
		t->group = 64;
	t->groups = t->nresults > 0 ? pt_cpu_ceil(t->nresults, t->group) : 0;
}

static bool
prepare_reduce(PtCpu *dev, PtStep *step, PtError *err)
{
	ReduceTask t = {0};

	(void) dev;
	(void) err;
	plan_reduce(&t, step);
	step->workspace = t.parts > 1 ? (size_t) (t.parts * t.nresults) * 8 : 0;
	return true;
}

static bool
bind_reduce(PtCpuBind *b, PtStep *step)
{
	ReduceTask plan = {.op = (PtReduce) b->variant,
					   .x = step->in[0].data,
					   .out = step->out[0].data,
					   .partial = step->scratch};
	int64_t ns;

	plan_reduce(&plan, step);
	ns = 30 + plan.group * (10 + plan.part / 8);
	for (int phase = 0; phase < (plan.parts > 1 ? 2 : 1); phase++)
	{
		ReduceTask *t =
			phase == 0
				? pt_cpu_task(b, step, sizeof(ReduceTask), run_reduce, plan.parts * plan.groups, ns)
				: pt_cpu_task(b, step, sizeof(ReduceTask), run_combine,
							  pt_cpu_ceil(plan.nresults, PT_REDUCE_COLS), plan.parts * 50);

		if (t == NULL)
			return false;
		plan.task = t->task;
		*t = plan;
	}
	return true;
}

/* ---------- argmax, argmin ---------- */

typedef struct ArgTask
{
	PtCpuTask task;
	bool largest;
	PtDtype dtype;
	const char *x;
	int64_t *out;
	int64_t outer, length, inner;
	int64_t parts, part; /* the searched dimension is cut into parts */
	int64_t group;		 /* results in a tile */
	int64_t groups;
	int64_t *partial; /* the best index of each part, [parts][results] */
} ArgTask;

typedef union Number
{
	float f32;
	double f64;
	int64_t i64;
} Number;

/* Whether a wins over b, which comes first and so wins ties; NaN wins over all. */
static bool
beats(const ArgTask *t, const Number *a, const Number *b)
{
	double x, y;

	if (pt_dtype_class(t->dtype) == PT_I64)
		return t->largest ? a->i64 > b->i64 : a->i64 < b->i64;
	x = t->dtype == PT_FLOAT64 ? a->f64 : (double) a->f32;
	y = t->dtype == PT_FLOAT64 ? b->f64 : (double) b->f32;
	if (isnan(y))
		return false;
	return isnan(x) || (t->largest ? x > y : x < y);
}

static void
load_number(const ArgTask *t, Number *to, int64_t result, int64_t i)
{
	int64_t at = result / t->inner * t->length * t->inner + i * t->inner + result % t->inner;

	t->task.isa->scalar->load[t->dtype](to, t->x + (size_t) at * pt_dtype_size(t->dtype), 1);
}

static int64_t
search(const ArgTask *t, int64_t result, int64_t first, int64_t last)
{
	enum
	{
		MANY = 64
	};
	const PtIsaScalar *isa = t->task.isa->scalar;
	size_t size = pt_dtype_size(t->dtype);
	size_t width = pt_dtype_class(t->dtype) == PT_F32 ? 4 : 8;
	int64_t base = result / t->inner * t->length * t->inner + result % t->inner;
	int64_t best_at = first;
	char loaded[MANY * 8] __attribute__((aligned(8)));
	Number best, x;

	load_number(t, &best, result, first);
	for (int64_t i = first; i < last; i += MANY)
	{
		int64_t take = last - i < MANY ? last - i : MANY;

		isa->gather[t->dtype](loaded, t->x + (size_t) (base + i * t->inner) * size, t->inner,
							  (size_t) take);
		for (int64_t j = 0; j < take; j++)
		{
			memcpy(&x, loaded + (size_t) j * width, width);
			if (beats(t, &x, &best))
			{
				best = x;
				best_at = i + j;
			}
		}
	}
	return best_at;
}

static void
run_arg(PtCpuTask *task, int64_t tile, char *scratch)
{
	ArgTask *t = (ArgTask *) task;
	int64_t results = t->outer * t->inner;
	int64_t part = tile / t->groups;
	int64_t result = (tile - part * t->groups) * t->group;
	int64_t end = result + t->group < results ? result + t->group : results;
	int64_t first = part * t->part;
	int64_t last = first + t->part < t->length ? first + t->part : t->length;

	(void) scratch;
	for (; result < end; result++)
		(t->parts > 1 ? t->partial + part * results : t->out)[result] =
			search(t, result, first, last);
}

static void
run_arg_combine(PtCpuTask *task, int64_t tile, char *scratch)
{
	ArgTask *t = (ArgTask *) task;
	int64_t results = t->outer * t->inner;
	int64_t best_at = t->partial[tile];
	Number best, x;

	(void) scratch;
	load_number(t, &best, tile, best_at);
	for (int64_t p = 1; p < t->parts; p++)
	{
		int64_t at = t->partial[p * results + tile];

		load_number(t, &x, tile, at);
		if (beats(t, &x, &best))
		{
			best = x;
			best_at = at;
		}
	}
	t->out[tile] = best_at;
}

static void
plan_arg(ArgTask *t, const PtStep *step)
{
	const PtValue *dim = step->attrs == NULL ? NULL : pt_args_get(step->attrs, "dim");
	const PtShape *shape = &step->in[0].shape;
	int64_t results;

	t->outer = t->length = t->inner = 1;
	if (dim == NULL || dim->kind != PT_VALUE_INT)
		t->length = pt_shape_numel(shape);
	else
		for (int d = 0; d < shape->ndim; d++)
			*(d < dim->integer	  ? &t->outer
			  : d == dim->integer ? &t->length
								  : &t->inner) *= shape->dim[d];
	results = t->outer * t->inner;
	/* results enough are shared out whole, unless one alone would take long */
	t->part = t->length <= PART || (results >= 16 && t->length <= 16 * PART) ? t->length : PART;
	t->part = t->part < 1 ? 1 : t->part;
	t->parts = t->length > 0 ? pt_cpu_ceil(t->length, t->part) : 1;
	t->group = PART / t->part < 1 ? 1 : PART / t->part;
	t->groups = pt_cpu_ceil(results, t->group);
}

static bool
prepare_arg(PtCpu *dev, PtStep *step, PtError *err)
{
	ArgTask t = {0};

	(void) dev;
	(void) err;
	plan_arg(&t, step);
	step->workspace = t.parts > 1 ? (size_t) (t.parts * t.outer * t.inner) * 8 : 0;
	return true;
}

static bool
bind_arg(PtCpuBind *b, PtStep *step)
{
	ArgTask plan = {.largest = b->variant != 0,
					.dtype = step->in[0].dtype,
					.x = step->in[0].data,
					.out = step->out[0].data,
					.partial = step->scratch};

	plan_arg(&plan, step);
	for (int phase = 0; phase < (plan.parts > 1 ? 2 : 1); phase++)
	{
		ArgTask *t = phase == 0
						 ? pt_cpu_task(b, step, sizeof(ArgTask), run_arg, plan.parts * plan.groups,
									   30 + plan.group * (20 + 2 * plan.part))
						 : pt_cpu_task(b, step, sizeof(ArgTask), run_arg_combine,
									   plan.outer * plan.inner, plan.parts * 20);

		if (t == NULL)
			return false;
		plan.task = t->task;
		*t = plan;
	}
	return true;
}

const PtCpuKernel pt_cpu_reduce_kernels[] = {
	{"sum", prepare_reduce, bind_reduce, PT_REDUCE_SUM},
	{"prod", prepare_reduce, bind_reduce, PT_REDUCE_PROD},
	{"amax", prepare_reduce, bind_reduce, PT_REDUCE_MAX},
	{"amin", prepare_reduce, bind_reduce, PT_REDUCE_MIN},
	{"argmax", prepare_arg, bind_arg, true},
	{"argmin", prepare_arg, bind_arg, false},
	{0},
};
