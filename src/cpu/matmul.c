/*
 * matmul.c
 *	  mm and linear: which routine multiplies, in tiles of what size, and the epilogue on each tile.
 *
 * float32 and float64 go three ways.  Few rows against rows (a prediction) are dot products.  What is
 * small goes to our own product, which has no overhead to speak of; what is big to OpenBLAS, each
 * thread calling it for tiles of its own, or to our own if there is none.  Operands of float16 and bfloat16 are
 * converted to float32 in the workspace, where the product and the bias are added up too, and rounded once at
 * the end.  Integers are multiplied by simple loops in int64.
 *
 * A tile is a block of rows and columns of one matrix of the batch; products with an enormous inner
 * dimension are cut there too, into rounds.  Bias is what C begins with; the epilogue is
 * a program that runs over the tile while it is in cache.
 *
 * The product goes to the first output if its dtype is the same and no other input of the epilogue
 * lies there, else to the workspace (layout: see Room).
 */
#include <limits.h>
#include <string.h>

#include "cpu/cpu.h"

/* Measured: from here on OpenBLAS is faster than our own product. */
#define LIBRARY_FLOP 8e6
/* The most a tile may cost, as nothing interrupts it. */
#define TILE_NS 15000000.0
/* Elements that a tile converts to float32, and what each costs, or one that is rounded back. */
#define CONVERT_TILE 16384
#define CONVERT_NS 0.3
/* A tile below this is not worth another thread. */
#define SHARE_NS 8000.0

typedef enum Way
{
	WAY_ROWS,	/* dot products */
	WAY_COLUMN, /* the same, of a product with one column */
	WAY_OWN,
	WAY_LIBRARY,
	WAY_SIMPLE
} Way;

typedef struct MatmulTask
{
	PtCpuTask task;
	Way way;
	PtDtype dtype;
	size_t size; /* of an element */
	bool ta, tb;
	int64_t m, n, k, lda, ldb;
	int64_t batch_a, batch_b; /* elements from one matrix of the batch to the next */
	const char *a, *b, *bias;
	char *c;
	PtDtype rounded; /* what c is rounded to when it is done; PT_NDTYPE: it is the product */
	char *product;
	int64_t tile_m, tile_n, tile_k;
	int64_t tiles_m, tiles_n;
	PtBlas *blas;
	PtCpuProgram *epilogue;
} MatmulTask;

/* ---------- one tile ---------- */

/* A tile of integers: in int64, wrapped once. */
static void
multiply_simply(const MatmulTask *t, const PtGemm *g, char *scratch)
{
	const PtIsaScalar *isa = t->task.isa->scalar;
	enum
	{
		COLS = 64
	};
	int64_t *sum = (int64_t *) scratch, *row = sum + COLS, *one = row + COLS;

	for (size_t i = 0; i < g->m; i++)
		for (size_t j = 0; j < g->n; j += COLS)
		{
			size_t cols = g->n - j < COLS ? g->n - j : COLS;
			char *c = (char *) g->c + (i * g->ldc + j) * t->size;

			memset(sum, 0, COLS * sizeof(*sum));
			if (g->accumulate)
				isa->load[t->dtype](sum, c, cols);
			else if (g->bias != NULL)
				isa->load[t->dtype](sum, (const char *) g->bias + j * t->size, cols);
			for (size_t p = 0; p < g->k; p++)
			{
				const char *a =
					(const char *) g->a + (g->ta ? p * g->lda + i : i * g->lda + p) * t->size;
				const char *b =
					(const char *) g->b + (g->tb ? j * g->ldb + p : p * g->ldb + j) * t->size;

				isa->load[t->dtype](one, a, 1);
				if (g->tb)
					isa->gather[t->dtype](row, b, (int64_t) g->ldb, cols);
				else
					isa->load[t->dtype](row, b, cols);
				for (size_t q = 0; q < cols; q++)
					sum[q] = (int64_t) ((uint64_t) sum[q] + (uint64_t) one[0] * (uint64_t) row[q]);
			}
			isa->store[t->dtype](c, sum, cols);
		}
}

/* Rows of C begin with the bias, so that the library adds to it. */
static void
begin_with_bias(const MatmulTask *t, const PtGemm *g)
{
	for (size_t i = 0; i < g->m; i++)
		memcpy((char *) g->c + i * g->ldc * t->size, g->bias, g->n * t->size);
}

static void
multiply_column(const MatmulTask *t, PtGemm *g, int is_double)
{
	/* the column is contiguous: it is the row of the transposed product */
	PtGemm h = {.m = 1,
				.n = g->m,
				.k = g->k,
				.a = g->b,
				.lda = g->ldb,
				.b = g->a,
				.ldb = g->lda,
				.c = g->c,
				.ldc = g->m,
				.tb = true,
				.accumulate = g->accumulate};

	t->task.isa->gemm->rows[is_double](&h);
	if (g->bias == NULL)
		return;
	if (is_double)
		for (size_t i = 0; i < g->m; i++)
			((double *) g->c)[i] += *(const double *) g->bias;
	else
		for (size_t i = 0; i < g->m; i++)
			((float *) g->c)[i] += *(const float *) g->bias;
}

static void
run_epilogue(MatmulTask *t, int64_t at, const PtGemm *g, char *scratch)
{
	bool ok = true;

	if ((int64_t) g->n == t->n)
		ok = pt_cpu_program_run(t->epilogue, at, at + (int64_t) g->m * t->n, scratch);
	else
		for (size_t i = 0; ok && i < g->m; i++)
			ok = pt_cpu_program_run(t->epilogue, at + (int64_t) i * t->n,
									at + (int64_t) i * t->n + (int64_t) g->n, scratch);
	if (!ok)
		atomic_store(&t->task.fault, 1);
}

/* The tile of the product, of which g->c is the exact one; at: its first element's place. */
static void
round_product(const MatmulTask *t, int64_t at, const PtGemm *g)
{
	for (size_t i = 0; i < g->m; i++)
		t->task.isa->scalar->store[t->rounded](t->product + ((size_t) at + i * g->ldc) *
																pt_dtype_size(t->rounded),
											   (const float *) g->c + i * g->ldc, g->n);
}

static void
run_matmul(PtCpuTask *task, int64_t tile, char *scratch)
{
	MatmulTask *t = (MatmulTask *) task;
	int64_t per_matrix = t->tiles_m * t->tiles_n;
	int64_t batch = per_matrix == 1 ? tile : tile / per_matrix;
	int64_t within = tile - batch * per_matrix;
	int64_t row = t->tiles_n == 1 ? within : within / t->tiles_n;
	int64_t m0 = row * t->tile_m, n0 = (within - row * t->tiles_n) * t->tile_n,
			k0 = task->round * t->tile_k;
	int64_t at = batch * t->m * t->n + m0 * t->n + n0;
	int is_double = t->dtype == PT_FLOAT64;
	PtGemm g;

	g.ta = t->ta;
	g.tb = t->tb;
	g.m = (size_t) (t->m - m0 < t->tile_m ? t->m - m0 : t->tile_m);
	g.n = (size_t) (t->n - n0 < t->tile_n ? t->n - n0 : t->tile_n);
	g.k = (size_t) (t->k - k0 < t->tile_k ? t->k - k0 : t->tile_k);
	g.a = t->a +
		  (size_t) (batch * t->batch_a + (t->ta ? k0 * t->lda + m0 : m0 * t->lda + k0)) * t->size;
	g.b = t->b +
		  (size_t) (batch * t->batch_b + (t->tb ? n0 * t->ldb + k0 : k0 * t->ldb + n0)) * t->size;
	g.c = t->c + (size_t) at * t->size;
	g.lda = (size_t) t->lda;
	g.ldb = (size_t) t->ldb;
	g.ldc = (size_t) t->n;
	g.accumulate = task->round > 0;
	g.bias = t->bias != NULL && task->round == 0 ? t->bias + (size_t) n0 * t->size : NULL;

	switch (t->way)
	{
		case WAY_ROWS:
			task->isa->gemm->rows[is_double](&g);
			break;
		case WAY_COLUMN:
			multiply_column(t, &g, is_double);
			break;
		case WAY_OWN:
			task->isa->gemm->gemm[is_double](&g, scratch);
			break;
		case WAY_LIBRARY:
			if (g.bias != NULL)
				begin_with_bias(t, &g);
			pt_blas_gemm(t->blas, is_double, g.ta, g.tb, g.m, g.n, g.k, g.a, g.lda, g.b, g.ldb,
						 g.accumulate || g.bias != NULL, g.c, g.ldc);
			break;
		case WAY_SIMPLE:
			multiply_simply(t, &g, scratch);
			break;
	}
	if (t->rounded != PT_NDTYPE && task->round == task->nrounds - 1)
		round_product(t, at, &g);
	if (t->epilogue != NULL && task->round == task->nrounds - 1)
		run_epilogue(t, at, &g, scratch);
}

/* ---------- choosing ---------- */

static bool
overlap(const char *a, size_t na, const char *b, size_t nb)
{
	return a < b + nb && b < a + na;
}

static size_t
operand_bytes(const PtOperand *o)
{
	return (size_t) pt_shape_numel(&o->shape) * pt_dtype_size(o->dtype);
}

/* Whether the product can go to the first output, before addresses are known: no means never. */
static bool
fits_output(const PtStep *step)
{
	return step->epilogue == NULL || (step->out[0].dtype == step->in[0].dtype &&
									  step->epilogue->inputs[0].dtype == step->in[0].dtype);
}

static bool
is_half(PtDtype dtype)
{
	return dtype == PT_FLOAT16 || dtype == PT_BFLOAT16;
}

/* The workspace: the product, where that is not the output, and float32 copies of what is of half precision. */
typedef struct Room
{
	size_t a, b, bias, c; /* offsets of the copies */
	size_t bytes;
} Room;

static size_t
take_room(Room *room, size_t bytes)
{
	size_t at = room->bytes;

	room->bytes += (bytes + 63) / 64 * 64;
	return at;
}

/* The bias of a step of "linear"; NULL if it has none. */
static const PtOperand *
bias_of(const PtStep *step)
{
	return step->nin - step->nepilogue > 2 && step->in[2].dtype != PT_NDTYPE ? &step->in[2] : NULL;
}

static Room
plan_room(const PtStep *step)
{
	Room room = {0};
	bool spare = !fits_output(step);
	size_t points = (size_t) pt_shape_numel(&step->out[0].shape);

	/* an input of the epilogue as large as the output may be given the same memory */
	for (int i = step->nin - step->nepilogue; step->epilogue != NULL && i < step->nin; i++)
		spare = spare || pt_shape_numel(&step->in[i].shape) == step->epilogue->points;
	if (spare)
		take_room(&room, (size_t) step->epilogue->points * pt_dtype_size(step->in[0].dtype));
	if (!is_half(step->in[0].dtype))
		return room;
	room.a = take_room(&room, (size_t) pt_shape_numel(&step->in[0].shape) * sizeof(float));
	room.b = take_room(&room, (size_t) pt_shape_numel(&step->in[1].shape) * sizeof(float));
	if (bias_of(step) != NULL)
		room.bias = take_room(&room, (size_t) pt_shape_numel(&step->in[2].shape) * sizeof(float));
	room.c = take_room(&room, points * sizeof(float));
	return room;
}

static bool
prepare_matmul(PtCpu *dev, PtStep *step, PtError *err)
{
	(void) dev;
	(void) err;
	step->workspace = plan_room(step).bytes;
	return true;
}

static void *
product_address(const PtStep *step)
{
	const PtOperand *out = &step->out[0];

	if (!fits_output(step))
		return step->scratch;
	for (int i = step->nin - step->nepilogue; i < step->nin; i++)
		if (overlap(out->data, operand_bytes(out), step->in[i].data, operand_bytes(&step->in[i])))
			return step->scratch;
	return out->data;
}

static bool
is_small_int(int64_t n)
{
	return n <= INT_MAX;
}

static Way
choose_way(const MatmulTask *t)
{
	double flop = 2.0 * (double) t->m * (double) t->n * (double) t->k;

	if (t->dtype != PT_FLOAT32 && t->dtype != PT_FLOAT64)
		return WAY_SIMPLE;
	if (!t->ta && t->tb && t->m <= PT_GEMM_ROWS)
		return WAY_ROWS;
	if (!t->ta && t->n == 1 && t->ldb == (t->tb ? t->k : 1))
		return WAY_COLUMN;
	if (flop < LIBRARY_FLOP || t->k == 0 || !is_small_int(t->m) || !is_small_int(t->n) ||
		!is_small_int(t->k))
		return WAY_OWN;
	return WAY_LIBRARY;
}

/* Cuts what is too much for one thread or too long for one piece. */
static void
choose_tiles(MatmulTask *t, int threads, int64_t batch, double mac_ns)
{
	int64_t unit_m = t->way == WAY_SIMPLE ? 1 : 12, unit_n = 64;

	t->tile_m = t->m;
	t->tile_n = t->n;
	t->tile_k = t->k;
	for (;;)
	{
		double ns = (double) t->tile_m * (double) t->tile_n * (double) t->k * mac_ns;
		int64_t tiles = pt_cpu_ceil(t->m, t->tile_m) * pt_cpu_ceil(t->n, t->tile_n) * batch;
		/* cutting a dimension makes the other operand be packed once more: cut the longer, but keep
		 * whole rows while there are enough, as the epilogue likes them */
		bool can_m = t->tile_m > unit_m, can_n = t->tile_n > unit_n && t->way != WAY_COLUMN;
		bool by_m = can_m && (!can_n || t->tile_m * 2 >= t->tile_n);

		if ((ns <= TILE_NS && (tiles >= threads || ns < 2 * SHARE_NS)) || (!can_m && !can_n))
			break;
		if (ns > TILE_NS && t->way != WAY_SIMPLE && t->tile_m <= 192 && t->tile_n <= 192)
			break;
		if (by_m)
			t->tile_m = pt_cpu_ceil(pt_cpu_ceil(t->tile_m, 2), unit_m) * unit_m;
		else
			t->tile_n = pt_cpu_ceil(pt_cpu_ceil(t->tile_n, 2), unit_n) * unit_n;
	}
	while ((double) t->tile_m * (double) t->tile_n * (double) t->tile_k * mac_ns > 2 * TILE_NS &&
		   t->tile_k > 1024)
		t->tile_k = pt_cpu_ceil(t->tile_k, 2);
}

/* ---------- half precision ---------- */

/* Operands to float32: tiles of the first, then of the second, then of the bias. */
typedef struct ConvertTask
{
	PtCpuTask task;
	const PtOperand *from[3];
	float *to[3];
	int64_t tiles[3];
} ConvertTask;

static void
run_convert(PtCpuTask *task, int64_t tile, char *scratch)
{
	ConvertTask *t = (ConvertTask *) task;
	PtDtype dtype = t->from[0]->dtype;
	const char *from;
	int which = 0;
	int64_t first, n;

	(void) scratch;
	while (tile >= t->tiles[which])
		tile -= t->tiles[which++];
	first = tile * CONVERT_TILE;
	n = pt_shape_numel(&t->from[which]->shape) - first;
	from = (const char *) t->from[which]->data + (size_t) first * pt_dtype_size(dtype);
	task->isa->scalar->load[dtype](t->to[which] + first, from,
								   (size_t) (n < CONVERT_TILE ? n : CONVERT_TILE));
}

/* Has the operands converted, and makes the plan one of float32. */
static bool
convert_operands(PtCpuBind *b, const PtStep *step, MatmulTask *plan)
{
	const Room room = plan_room(step);
	char *scratch = step->scratch;
	int64_t tiles = 0, largest = 0;
	ConvertTask t = {.from = {&step->in[0], &step->in[1], bias_of(step)},
					 .to = {(float *) (scratch + room.a), (float *) (scratch + room.b),
							(float *) (scratch + room.bias)}};
	ConvertTask *task;

	for (int i = 0; i < 3; i++)
	{
		int64_t n = t.from[i] != NULL ? pt_shape_numel(&t.from[i]->shape) : 0;

		t.tiles[i] = pt_cpu_ceil(n, CONVERT_TILE);
		tiles += t.tiles[i];
		largest = n > largest ? n : largest;
	}
	plan->rounded = plan->dtype;
	plan->dtype = PT_FLOAT32;
	plan->size = sizeof(float);
	plan->a = (const char *) t.to[0];
	plan->b = (const char *) t.to[1];
	plan->bias = t.from[2] != NULL ? (const char *) t.to[2] : NULL;
	plan->c = scratch + room.c;
	if (tiles == 0)
		return true;
	largest = largest < CONVERT_TILE ? largest : CONVERT_TILE;
	task = pt_cpu_task(b, step, sizeof(ConvertTask), run_convert, tiles,
					   20 + (int64_t) ((double) largest * CONVERT_NS));
	if (task == NULL)
		return false;
	t.task = task->task;
	*task = t;
	return true;
}

/* ---------- binding ---------- */

static bool
bind_product(PtCpuBind *b, PtStep *step, const MatmulTask *shape, int64_t batch)
{
	MatmulTask plan = *shape;
	MatmulTask *t;
	double mac_ns;
	int64_t tiles, ns, rounds;

	if (plan.m == 0 || plan.n == 0 || batch == 0)
		return true;
	plan.dtype = step->in[0].dtype;
	plan.size = pt_dtype_size(plan.dtype);
	plan.a = step->in[0].data;
	plan.b = step->in[1].data;
	plan.c = plan.product = product_address(step);
	plan.rounded = PT_NDTYPE;
	if (bias_of(step) != NULL)
		plan.bias = step->in[2].data;
	if (is_half(plan.dtype) && !convert_operands(b, step, &plan))
		return false;
	plan.way = choose_way(&plan);
	if (plan.way == WAY_LIBRARY)
	{
		plan.blas = b->dev->no_library ? NULL : pt_blas_open();
		if (plan.blas == NULL)
			plan.way = WAY_OWN;
	}
	if (step->epilogue != NULL)
	{
		plan.epilogue =
			pt_cpu_program_bind(b, step->epilogue, step->in + step->nin - step->nepilogue,
								plan.product, step->out);
		if (plan.epilogue == NULL)
			return false;
	}
	mac_ns = plan.way == WAY_SIMPLE							  ? 1.0
			 : plan.way == WAY_LIBRARY || plan.way == WAY_OWN ? 0.04
															  : 0.1;
	if (plan.dtype == PT_FLOAT64)
		mac_ns *= 2;
	choose_tiles(&plan, b->dev->threads, batch, mac_ns);
	plan.tiles_m = pt_cpu_ceil(plan.m, plan.tile_m);
	plan.tiles_n = pt_cpu_ceil(plan.n, plan.tile_n);
	rounds = plan.k > 0 ? pt_cpu_ceil(plan.k, plan.tile_k) : 1;
	tiles = batch * plan.tiles_m * plan.tiles_n;
	ns = 50 +
		 (int64_t) ((double) plan.tile_m * (double) plan.tile_n * (double) plan.tile_k * mac_ns);
	if (plan.rounded != PT_NDTYPE)
		ns += (int64_t) ((double) plan.tile_m * (double) plan.tile_n * CONVERT_NS);
	if (plan.epilogue != NULL)
		ns += pt_cpu_program_ns(plan.epilogue, plan.tile_m * plan.tile_n);
	t = pt_cpu_task(b, step, sizeof(MatmulTask), run_matmul, tiles, ns);
	if (t == NULL)
		return false;
	plan.task = t->task;
	*t = plan;
	t->task.nrounds = rounds;
	t->task.explain = pt_cpu_fail_zero_division;
	if (plan.way == WAY_OWN)
		pt_cpu_want_scratch(b, PT_GEMM_SCRATCH);
	if (plan.way == WAY_SIMPLE)
		pt_cpu_want_scratch(b, 3 * 64 * 8);
	return true;
}

static bool
bind_mm(PtCpuBind *b, PtStep *step)
{
	const PtShape *sa = &step->in[0].shape, *sb = &step->in[1].shape;
	int n = sa->ndim;
	int64_t batch = 1;
	MatmulTask t = {.ta = pt_args_bool(step->attrs, "ta"), .tb = pt_args_bool(step->attrs, "tb")};

	t.lda = sa->dim[n - 1];
	t.ldb = sb->dim[n - 1];
	t.m = t.ta ? sa->dim[n - 1] : sa->dim[n - 2];
	t.k = t.ta ? sa->dim[n - 2] : sa->dim[n - 1];
	t.n = t.tb ? sb->dim[n - 2] : sb->dim[n - 1];
	if (n == 3)
	{
		batch = sa->dim[0] > sb->dim[0] ? sa->dim[0] : sb->dim[0];
		if (sa->dim[0] == 0 || sb->dim[0] == 0)
			batch = 0;
		t.batch_a = sa->dim[0] == 1 ? 0 : t.m * t.k;
		t.batch_b = sb->dim[0] == 1 ? 0 : t.k * t.n;
		/* one matrix B for all: the batch is only more rows */
		if (t.batch_b == 0 && !t.ta && t.batch_a != 0)
		{
			t.m *= batch;
			batch = 1;
		}
	}
	return bind_product(b, step, &t, batch);
}

static bool
bind_linear(PtCpuBind *b, PtStep *step)
{
	const PtShape *x = &step->in[0].shape, *w = &step->in[1].shape;
	MatmulTask t =
		{.tb = true, .m = 1, .n = w->dim[0], .k = w->dim[1], .lda = w->dim[1], .ldb = w->dim[1]};

	for (int i = 0; i < x->ndim - 1; i++)
		t.m *= x->dim[i];
	return bind_product(b, step, &t, 1);
}

const PtCpuKernel pt_cpu_matmul_kernels[] = {
	{"mm", prepare_matmul, bind_mm, .epilogue = true},
	{"linear", prepare_matmul, bind_linear, .epilogue = true},
	{0},
};
