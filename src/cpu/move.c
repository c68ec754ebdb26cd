/*
 * move.c
 *	  Ops that copy elements: permute, cat, stack, getitem, copy, pack; and arange.
 *
 * Elements are only bytes here; loops exist for the four sizes.
 */
#include <string.h>

#include "cpu/cpu.h"

#define TILE_BYTES (256 * 1024)
#define BLOCK 32 /* side of the squares in which permute transposes */

static int64_t
move_ns(int64_t bytes)
{
	return 20 + bytes / 8;
}

/* ---------- contiguous pieces: copy, pack, cat ---------- */

/* rows pieces of bytes each; from and to advance by their own steps */
typedef struct PiecesTask
{
	PtCpuTask task;
	const char *from;
	char *to;
	int64_t rows, bytes, from_step, to_step;
	int64_t tile_rows, tile_bytes, tiles_across;
} PiecesTask;

static void
run_pieces(PtCpuTask *task, int64_t tile, char *scratch)
{
	PiecesTask *t = (PiecesTask *) task;
	int64_t row = tile / t->tiles_across * t->tile_rows,
			at = tile % t->tiles_across * t->tile_bytes;
	int64_t end = row + t->tile_rows < t->rows ? row + t->tile_rows : t->rows;
	int64_t bytes = t->bytes - at < t->tile_bytes ? t->bytes - at : t->tile_bytes;

	(void) scratch;
	for (; row < end; row++)
		memcpy(t->to + row * t->to_step + at, t->from + row * t->from_step + at, (size_t) bytes);
}

static bool
add_pieces(PtCpuBind *b, PtStep *step, char *to, int64_t to_step, const char *from,
		   int64_t from_step, int64_t bytes, int64_t rows)
{
	PiecesTask *t;
	int64_t tile_bytes = bytes < TILE_BYTES ? bytes : TILE_BYTES;
	int64_t tile_rows, across;

	if (bytes == 0 || rows == 0 || to == from)
		return true;
	tile_rows = TILE_BYTES / tile_bytes;
	tile_rows = tile_rows < rows ? tile_rows : rows;
	across = pt_cpu_ceil(bytes, tile_bytes);
	t = pt_cpu_task(b, step, sizeof(PiecesTask), run_pieces, pt_cpu_ceil(rows, tile_rows) * across,
					move_ns(tile_bytes * tile_rows) + tile_rows * 5);
	if (t == NULL)
		return false;
	t->to = to;
	t->from = from;
	t->rows = rows;
	t->bytes = bytes;
	t->from_step = from_step;
	t->to_step = to_step;
	t->tile_rows = tile_rows;
	t->tile_bytes = tile_bytes;
	t->tiles_across = across;
	return true;
}

static int64_t
bytes_of(const PtOperand *o)
{
	return pt_shape_numel(&o->shape) * (int64_t) pt_dtype_size(o->dtype);
}

static bool
bind_copy(PtCpuBind *b, PtStep *step)
{
	int64_t bytes = bytes_of(&step->out[0]);

	return add_pieces(b, step, step->out[0].data, bytes, step->in[0].data, bytes, bytes, 1);
}

/* What no part of a packed array covers. */
typedef struct GapsTask
{
	PtCpuTask task;
	char *to;
	int ngaps;
	const int64_t *gaps; /* pairs: first byte, bytes */
} GapsTask;

static void
run_gaps(PtCpuTask *task, int64_t tile, char *scratch)
{
	GapsTask *t = (GapsTask *) task;

	(void) tile;
	(void) scratch;
	for (int i = 0; i < t->ngaps; i++)
		memset(t->to + t->gaps[2 * i], 0, (size_t) t->gaps[2 * i + 1]);
}

/* Each part to its offset, which grow, and zeros between. */
static bool
bind_pack(PtCpuBind *b, PtStep *step)
{
	const PtValue *offsets = pt_args_get(step->attrs, "offsets");
	int64_t size = (int64_t) pt_dtype_size(step->out[0].dtype);
	int64_t *gaps = pt_arena_alloc(b->arena, ((size_t) step->nin + 1) * 2 * sizeof(int64_t));
	int64_t end = 0, total = 0;
	int ngaps = 0;
	GapsTask *t;

	if (gaps == NULL)
		return pt_fail_memory(b->err, (size_t) step->nin * 2 * sizeof(int64_t));
	for (int i = 0; i <= step->nin; i++)
	{
		int64_t bytes = i < step->nin ? bytes_of(&step->in[i]) : 0;
		int64_t at = i < step->nin ? offsets->ints[i] * size : bytes_of(&step->out[0]);

		if (at > end)
		{
			gaps[2 * ngaps] = end;
			gaps[2 * ngaps++ + 1] = at - end;
			total += at - end;
		}
		end = at + bytes;
		if (i < step->nin && !add_pieces(b, step, (char *) step->out[0].data + at, bytes,
										 step->in[i].data, bytes, bytes, 1))
			return false;
	}
	if (ngaps == 0)
		return true;
	t = pt_cpu_task(b, step, sizeof(GapsTask), run_gaps, 1, move_ns(total) + ngaps * 5);
	if (t == NULL)
		return false;
	t->to = step->out[0].data;
	t->ngaps = ngaps;
	t->gaps = gaps;
	return true;
}

static bool
bind_cat(PtCpuBind *b, PtStep *step)
{
	const PtShape *whole = &step->out[0].shape;
	int64_t dim = pt_args_int(step->attrs, "dim");
	int64_t rows = 1, inner = (int64_t) pt_dtype_size(step->out[0].dtype), at = 0;

	dim = dim < 0 ? dim + whole->ndim : dim;
	for (int d = 0; d < whole->ndim; d++)
		*(d < dim ? &rows : &inner) *= whole->dim[d];
	for (int i = 0; i < step->nin; i++)
	{
		int64_t bytes = rows == 0 ? 0 : bytes_of(&step->in[i]) / rows;

		if (!add_pieces(b, step, (char *) step->out[0].data + at, inner, step->in[i].data, bytes,
						bytes, rows))
			return false;
		at += bytes;
	}
	return true;
}

/* ---------- permute ---------- */

typedef struct PermuteTask
{
	PtCpuTask task;
	const char *from;
	char *to;
	int size;
	int ndim;
	int64_t dim[PT_MAX_DIM],
		stride[PT_MAX_DIM];		  /* of the result; strides in the input, in elements */
	int64_t step[PT_MAX_DIM];	  /* strides in the result */
	int along;					  /* the result's dimension that is contiguous in the input */
	int64_t blocks, blocks_along; /* of the last dimension, of that one */
} PermuteTask;

/* to[i * to_row + j] = from[j * from_row + i] for i < rows, j < cols */
#define TRANSPOSE(type)                                                                        \
	static void transpose_##type(char *to, int64_t to_row, const char *from, int64_t from_row, \
								 int64_t rows, int64_t cols)                                   \
	{                                                                                          \
		for (int64_t i = 0; i < rows; i++)                                                     \
			for (int64_t j = 0; j < cols; j++)                                                 \
				((type *) to)[i * to_row + j] = ((const type *) from)[j * from_row + i];       \
	}
TRANSPOSE(uint8_t)
TRANSPOSE(uint16_t)
TRANSPOSE(uint32_t)
TRANSPOSE(uint64_t)

/* A square of the last dimension and the one that is contiguous in the input; or, if they are one, a run. */
static void
run_permute(PtCpuTask *task, int64_t tile, char *scratch)
{
	PermuteTask *t = (PermuteTask *) task;
	int last = t->ndim - 1;
	int64_t from = 0, to = 0, rows, cols, j0, i0 = 0;
	char *out;
	const char *in;

	(void) scratch;
	j0 = tile % t->blocks * (t->along == last ? TILE_BYTES / 8 : BLOCK);
	tile /= t->blocks;
	if (t->along != last)
	{
		i0 = tile % t->blocks_along * BLOCK;
		tile /= t->blocks_along;
	}
	for (int d = last - 1; d >= 0; d--)
	{
		if (d == t->along)
			continue;
		from += tile % t->dim[d] * t->stride[d];
		to += tile % t->dim[d] * t->step[d];
		tile /= t->dim[d];
	}
	in = t->from + (from + j0 * t->stride[last] + i0) * t->size;
	out = t->to + (to + j0 + (t->along == last ? 0 : i0 * t->step[t->along])) * t->size;
	cols = t->dim[last] - j0;
	if (t->along == last)
	{
		in = t->from + (from + j0) * t->size;
		cols = cols < TILE_BYTES / 8 ? cols : TILE_BYTES / 8;
		memcpy(out, in, (size_t) (cols * t->size));
		return;
	}
	cols = cols < BLOCK ? cols : BLOCK;
	rows = t->dim[t->along] - i0 < BLOCK ? t->dim[t->along] - i0 : BLOCK;
	switch (t->size)
	{
		case 1:
			transpose_uint8_t(out, t->step[t->along], in, t->stride[last], rows, cols);
			break;
		case 2:
			transpose_uint16_t(out, t->step[t->along], in, t->stride[last], rows, cols);
			break;
		case 4:
			transpose_uint32_t(out, t->step[t->along], in, t->stride[last], rows, cols);
			break;
		default:
			transpose_uint64_t(out, t->step[t->along], in, t->stride[last], rows, cols);
			break;
	}
}

static bool
bind_permute(PtCpuBind *b, PtStep *step)
{
	const PtValue *dims = pt_args_get(step->attrs, "dims");
	const PtShape *from = &step->in[0].shape;
	PermuteTask plan = {.from = step->in[0].data, .to = step->out[0].data, .along = -1};
	PermuteTask *t;
	int64_t strides[PT_MAX_DIM], tiles = 1, stride = 1, cols;
	int n = 0, last;

	plan.size = (int) pt_dtype_size(step->in[0].dtype);
	for (int d = from->ndim - 1; d >= 0; d--)
	{
		strides[d] = stride;
		stride *= from->dim[d];
	}
	if (stride == 0)
		return true;
	/* without sizes of 1, and neighbours that stay neighbours as one */
	for (int d = 0; d < from->ndim; d++)
	{
		int source = (int) dims->ints[d];

		if (from->dim[source] == 1)
			continue;
		if (n > 0 && plan.stride[n - 1] == strides[source] * from->dim[source])
		{
			plan.dim[n - 1] *= from->dim[source];
			plan.stride[n - 1] = strides[source];
			continue;
		}
		plan.dim[n] = from->dim[source];
		plan.stride[n] = strides[source];
		n++;
	}
	if (n == 0)
	{
		plan.dim[0] = plan.stride[0] = 1;
		n = 1;
	}
	plan.ndim = n;
	last = n - 1;
	stride = 1;
	for (int d = last; d >= 0; d--)
	{
		plan.step[d] = stride;
		stride *= plan.dim[d];
		if (plan.stride[d] == 1)
			plan.along = d;
	}
	if (plan.along == last)
	{
		plan.blocks = pt_cpu_ceil(plan.dim[last], TILE_BYTES / 8);
		cols = plan.dim[last] < TILE_BYTES / 8 ? plan.dim[last] : TILE_BYTES / 8;
	}
	else
	{
		plan.blocks = pt_cpu_ceil(plan.dim[last], BLOCK);
		plan.blocks_along = pt_cpu_ceil(plan.dim[plan.along], BLOCK);
		cols = (plan.dim[last] < BLOCK ? plan.dim[last] : BLOCK) *
			   (plan.dim[plan.along] < BLOCK ? plan.dim[plan.along] : BLOCK) * 4;
		tiles = plan.blocks_along;
	}
	tiles *= plan.blocks;
	for (int d = 0; d < last; d++)
		if (d != plan.along)
			tiles *= plan.dim[d];
	t = pt_cpu_task(b, step, sizeof(PermuteTask), run_permute, tiles, move_ns(cols * plan.size));
	if (t == NULL)
		return false;
	plan.task = t->task;
	*t = plan;
	return true;
}

/* ---------- getitem ---------- */

/* Elements from one place to another, each with strides (in elements) for every dimension. */
typedef struct StridedTask
{
	PtCpuTask task;
	const char *from;
	char *to;
	int size;
	int ndim; /* at least 1 */
	int64_t dim[PT_MAX_DIM], from_stride[PT_MAX_DIM], to_stride[PT_MAX_DIM];
	int64_t rows, tile_rows; /* a row is the last dimension */
	int64_t tile_cols, tiles_across;
} StridedTask;

#define COPY_STRIDED(type)                                                                         \
	static void strided_##type(char *to, int64_t to_stride, const char *from, int64_t from_stride, \
							   int64_t n)                                                          \
	{                                                                                              \
		for (int64_t i = 0; i < n; i++)                                                            \
			((type *) to)[i * to_stride] = ((const type *) from)[i * from_stride];                 \
	}
COPY_STRIDED(uint8_t)
COPY_STRIDED(uint16_t)
COPY_STRIDED(uint32_t)
COPY_STRIDED(uint64_t)

static void
run_strided(PtCpuTask *task, int64_t tile, char *scratch)
{
	StridedTask *t = (StridedTask *) task;
	int last = t->ndim - 1;
	int64_t row = tile / t->tiles_across * t->tile_rows;
	int64_t col = tile % t->tiles_across * t->tile_cols;
	int64_t end = row + t->tile_rows < t->rows ? row + t->tile_rows : t->rows;
	int64_t n = t->dim[last] - col < t->tile_cols ? t->dim[last] - col : t->tile_cols;
	int64_t from_stride = t->from_stride[last], to_stride = t->to_stride[last];

	(void) scratch;
	for (; row < end; row++)
	{
		int64_t from = col * from_stride, to = col * to_stride, rest = row;
		const char *in;
		char *out;

		for (int d = last - 1; d >= 0; d--)
		{
			from += rest % t->dim[d] * t->from_stride[d];
			to += rest % t->dim[d] * t->to_stride[d];
			rest /= t->dim[d];
		}
		in = t->from + from * t->size;
		out = t->to + to * t->size;
		if (from_stride == 1 && to_stride == 1)
			memcpy(out, in, (size_t) (n * t->size));
		else if (t->size == 1)
			strided_uint8_t(out, to_stride, in, from_stride, n);
		else if (t->size == 2)
			strided_uint16_t(out, to_stride, in, from_stride, n);
		else if (t->size == 4)
			strided_uint32_t(out, to_stride, in, from_stride, n);
		else
			strided_uint64_t(out, to_stride, in, from_stride, n);
	}
}

/*
 * part is contiguous; its element [i, j, ...] stands in whole at start + step * [i, j, ...].  scatter:
 * from part into whole, else the other way.
 */
static bool
add_strided(PtCpuBind *b, PtStep *step, const PtOperand *part, const PtOperand *whole, bool scatter)
{
	const int64_t *start = pt_args_get(step->attrs, "start")->ints;
	const int64_t *by = pt_args_get(step->attrs, "step")->ints;
	StridedTask plan = {.size = (int) pt_dtype_size(part->dtype)};
	StridedTask *t;
	int64_t strides[PT_MAX_DIM], stride = 1, first = 0, cols;
	int64_t *far = scatter ? plan.to_stride : plan.from_stride;
	int64_t *near = scatter ? plan.from_stride : plan.to_stride;
	int n = 0;

	if (pt_shape_numel(&part->shape) == 0)
		return true;
	for (int d = whole->shape.ndim - 1; d >= 0; d--)
	{
		strides[d] = stride;
		stride *= whole->shape.dim[d];
		first += start[d] * strides[d];
	}
	/* without sizes of 1, and neighbours that stay neighbours as one */
	for (int d = 0; d < part->shape.ndim; d++)
	{
		if (part->shape.dim[d] == 1)
			continue;
		if (n > 0 && far[n - 1] == strides[d] * by[d] * part->shape.dim[d])
			n--;
		else
			plan.dim[n] = 1;
		plan.dim[n] *= part->shape.dim[d];
		far[n++] = strides[d] * by[d];
	}
	if (n == 0)
	{
		plan.dim[0] = far[0] = 1;
		n = 1;
	}
	stride = 1;
	for (int d = n - 1; d >= 0; d--)
	{
		near[d] = stride;
		stride *= plan.dim[d];
	}
	plan.ndim = n;
	plan.from = (const char *) (scatter ? part : whole)->data + (scatter ? 0 : first * plan.size);
	plan.to = (char *) (scatter ? whole : part)->data + (scatter ? first * plan.size : 0);
	cols = plan.dim[n - 1];
	plan.rows = stride / cols;
	plan.tile_cols = cols < TILE_BYTES / 8 ? cols : TILE_BYTES / 8;
	plan.tiles_across = pt_cpu_ceil(cols, plan.tile_cols);
	plan.tile_rows = TILE_BYTES / 8 / plan.tile_cols;
	plan.tile_rows = plan.tile_rows < plan.rows ? plan.tile_rows : plan.rows;
	t = pt_cpu_task(b, step, sizeof(StridedTask), run_strided,
					pt_cpu_ceil(plan.rows, plan.tile_rows) * plan.tiles_across,
					move_ns(plan.tile_rows * plan.tile_cols * 8) + plan.tile_rows * 10);
	if (t == NULL)
		return false;
	plan.task = t->task;
	*t = plan;
	return true;
}

static bool
bind_getitem(PtCpuBind *b, PtStep *step)
{
	return add_strided(b, step, &step->out[0], &step->in[0], false);
}

typedef struct ZeroTask
{
	PtCpuTask task;
	char *to;
	int64_t bytes;
} ZeroTask;

static void
run_zero(PtCpuTask *task, int64_t tile, char *scratch)
{
	ZeroTask *t = (ZeroTask *) task;
	int64_t at = tile * TILE_BYTES;

	(void) scratch;
	memset(t->to + at, 0, (size_t) (t->bytes - at < TILE_BYTES ? t->bytes - at : TILE_BYTES));
}

static bool
bind_getitem_backward(PtCpuBind *b, PtStep *step)
{
	int64_t bytes = bytes_of(&step->out[0]);
	ZeroTask *t;

	if (bytes > bytes_of(&step->in[0]))
	{
		t = pt_cpu_task(b, step, sizeof(ZeroTask), run_zero, pt_cpu_ceil(bytes, TILE_BYTES),
						move_ns(bytes < TILE_BYTES ? bytes : TILE_BYTES));
		if (t == NULL)
			return false;
		t->to = step->out[0].data;
		t->bytes = bytes;
	}
	return add_strided(b, step, &step->in[0], &step->out[0], true);
}

/* ---------- arange ---------- */

typedef struct ArangeTask
{
	PtCpuTask task;
	bool real;
	PtDtype dtype;
	double start, step;
	int64_t start_int, step_int;
	char *to;
	int64_t n;
} ArangeTask;

#define ARANGE_TILE 8192

static void
run_arange(PtCpuTask *task, int64_t tile, char *scratch)
{
	ArangeTask *t = (ArangeTask *) task;
	int64_t first = tile * ARANGE_TILE;
	int64_t end = first + ARANGE_TILE < t->n ? first + ARANGE_TILE : t->n;

	(void) scratch;
	for (int64_t i = first; i < end; i++)
		if (t->real)
			pt_element_set_double(t->dtype, t->to, (size_t) i, t->start + (double) i * t->step);
		else
			pt_element_set_int64(t->dtype, t->to, (size_t) i,
								 (int64_t) ((uint64_t) t->start_int +
											(uint64_t) i * (uint64_t) t->step_int));
}

static bool
bind_arange(PtCpuBind *b, PtStep *step)
{
	const PtValue *start = pt_args_get(step->attrs, "start"),
				  *by = pt_args_get(step->attrs, "step");
	int64_t n = pt_shape_numel(&step->out[0].shape);
	ArangeTask *t =
		pt_cpu_task(b, step, sizeof(ArangeTask), run_arange, pt_cpu_ceil(n, ARANGE_TILE),
					(n < ARANGE_TILE ? n : ARANGE_TILE) * 4);

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

const PtCpuKernel pt_cpu_move_kernels[] = {
	{"copy", NULL, bind_copy},
	{"pack", NULL, bind_pack},
	{"cat", NULL, bind_cat},
	/* a list's tensors, each under a shape with one more dimension, are concatenated */
	{"stack", NULL, bind_cat},
	{"getitem", NULL, bind_getitem},
	{"getitem_backward", NULL, bind_getitem_backward},
	{"permute", NULL, bind_permute},
	{"arange", NULL, bind_arange},
	{0},
};
