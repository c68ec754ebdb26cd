/*
 * dynamic.c
 *	  Kernels of ops with data-dependent shapes: where elements are not zero, which rows are distinct.
 *
 * Rows are sorted by merging: blocks first, each by one tile, then runs of twice the length in every round, of which each
 * tile writes one block, whose beginnings in the two runs it finds by halving.  So no tile takes
 * long, all of them are busy in the last round too, and the order is stable.
 *
 * A row goes by its first element as a number whose order is the elements' own (key_of); the rest is
 * looked at where those are equal.  NaN is the largest, and equal to nothing when rows are told apart; -0 is 0.
 */
#include <math.h>
#include <string.h>

#include "cpu/cpu.h"

/* ---------- nonzero_indices ---------- */

typedef struct NonzeroTask
{
	PtCpuTask task;
	PtDtype dtype;
	PtShape shape;
	const char *x;
	int64_t *counts; /* [ntiles] */
	int64_t *out;
	int64_t n, block, most;
} NonzeroTask;

/* elements whose truth is looked at together */
#define MASK 1024

#define MASK_OF(type, bits)         \
	for (int64_t i = 0; i < n; i++) \
	mask[i] = (((const type *) x)[i] & bits) != 0

/* Which of up to MASK elements are not zero; of floats all bits count but the sign. */
static void
mask_of(PtDtype dtype, const char *x, int64_t n, uint8_t *mask)
{
	bool real = pt_dtype_is_float(dtype);

	switch (pt_dtype_size(dtype))
	{
		case 1:
			MASK_OF(uint8_t, UINT8_MAX);
			break;
		case 2:
			MASK_OF(uint16_t, (real ? INT16_MAX : UINT16_MAX));
			break;
		case 4:
			MASK_OF(uint32_t, (real ? INT32_MAX : UINT32_MAX));
			break;
		default:
			MASK_OF(uint64_t, (real ? INT64_MAX : UINT64_MAX));
	}
}

/* Round 0 counts each block, round 1 knows where its indices begin. */
static void
run_nonzero(PtCpuTask *task, int64_t tile, char *scratch)
{
	NonzeroTask *t = (NonzeroTask *) task;
	uint8_t mask[MASK];
	int64_t first = tile * t->block;
	int64_t end = first + t->block < t->n ? first + t->block : t->n;
	int64_t index[PT_MAX_DIM] = {0}, rest = first, at = 0;
	int last = t->shape.ndim - 1;

	(void) scratch;
	for (int64_t i = 0; task->round == 1 && i < tile; i++)
		at += t->counts[i];
	for (int d = last; d >= 0; d--)
	{
		index[d] = rest % t->shape.dim[d];
		rest /= t->shape.dim[d];
	}
	for (; first < end; first += MASK)
	{
		int64_t n = end - first < MASK ? end - first : MASK;

		mask_of(t->dtype, t->x + first * (int64_t) pt_dtype_size(t->dtype), n, mask);
		for (int64_t i = 0; i < n; i++)
		{
			if (mask[i] && task->round == 1 && at < t->most)
				memcpy(t->out + at * t->shape.ndim, index, (size_t) t->shape.ndim * 8);
			at += mask[i];
			for (int d = last; task->round == 1 && d >= 0 && ++index[d] == t->shape.dim[d]; d--)
				index[d] = 0;
		}
	}
	if (task->round == 0)
		t->counts[tile] = at;
}

static int64_t
nonzero_block(int64_t n)
{
	int64_t block = n / 64;

	return block < 4096 ? 4096 : block > 262144 ? 262144 : block;
}

static bool
prepare_nonzero(PtCpu *dev, PtStep *step, PtError *err)
{
	int64_t n = pt_shape_numel(&step->in[0].shape);

	(void) dev;
	(void) err;
	step->workspace = (size_t) pt_cpu_ceil(n, nonzero_block(n)) * 8;
	return true;
}

static bool
bind_nonzero(PtCpuBind *b, PtStep *step)
{
	int64_t n = pt_shape_numel(&step->in[0].shape), block = nonzero_block(n);
	NonzeroTask *t = pt_cpu_task(b, step, sizeof(NonzeroTask), run_nonzero, pt_cpu_ceil(n, block),
								 2 * (n < block ? n : block));

	if (t == NULL)
		return false;
	t->task.nrounds = 2;
	t->dtype = step->in[0].dtype;
	t->shape = step->in[0].shape;
	t->x = step->in[0].data;
	t->counts = step->scratch;
	t->out = step->out[0].data;
	t->n = n;
	t->block = block;
	t->most = step->out[0].shape.dim[0];
	return true;
}

/* ---------- rows ---------- */

typedef struct Rows
{
	PtDtype dtype;
	const char *x;
	int64_t n, m; /* m at least 1 */
} Rows;

typedef struct Item
{
	uint64_t key;
	int64_t row;
} Item;

#define NAN_KEY UINT64_MAX

/* A number in the order of the elements, of element i. */
static uint64_t
key_of(const Rows *r, int64_t i)
{
	double x;
	uint64_t bits;

	if (!pt_dtype_is_float(r->dtype))
		return (uint64_t) pt_element_get_int64(r->dtype, r->x, (size_t) i) ^ UINT64_C(1) << 63;
	x = pt_element_get_double(r->dtype, r->x, (size_t) i);
	if (isnan(x))
		return NAN_KEY;
	x = x == 0 ? 0 : x;
	memcpy(&bits, &x, sizeof(bits));
	return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

/* elements that are compared by their bytes first */
#define CHUNK 64

#define DIFFER(type, bits)                                    \
	for (int64_t i = 0; i < n; i++)                           \
	any |= (((const type *) a)[i] != ((const type *) b)[i]) & \
		   (((((const type *) a)[i] | ((const type *) b)[i]) & (bits)) != 0)

/* Do any of n elements differ, but for the sign of zero? */
static bool
differ(PtDtype dtype, const char *a, const char *b, int64_t n)
{
	bool real = pt_dtype_is_float(dtype), any = false;

	switch (pt_dtype_size(dtype))
	{
		case 1:
			DIFFER(uint8_t, UINT8_MAX);
			break;
		case 2:
			DIFFER(uint16_t, real ? INT16_MAX : UINT16_MAX);
			break;
		case 4:
			DIFFER(uint32_t, real ? INT32_MAX : UINT32_MAX);
			break;
		default:
			DIFFER(uint64_t, real ? INT64_MAX : UINT64_MAX);
	}
	return any;
}

#define NAN_IN(type, infinity)      \
	for (int64_t i = 0; i < n; i++) \
	any |= (type) (((const type *) x)[i] << 1) > (type) ((infinity) << 1)

/* Is any of n elements NaN: without its sign more than infinity? */
static bool
any_nan(PtDtype dtype, const char *x, int64_t n)
{
	bool any = false;

	switch (dtype)
	{
		case PT_FLOAT16:
			NAN_IN(uint16_t, 0x7c00);
			break;
		case PT_BFLOAT16:
			NAN_IN(uint16_t, 0x7f80);
			break;
		case PT_FLOAT32:
			NAN_IN(uint32_t, UINT32_C(0x7f800000));
			break;
		case PT_FLOAT64:
			NAN_IN(uint64_t, UINT64_C(0x7ff0000000000000));
			break;
		default:
			break;
	}
	return any;
}

/* Order of the elements of two rows from the second on. */
static int
compare_rest(const Rows *r, int64_t a, int64_t b)
{
	int64_t size = (int64_t) pt_dtype_size(r->dtype);

	for (int64_t j = 1; j < r->m; j += CHUNK)
	{
		int64_t n = r->m - j < CHUNK ? r->m - j : CHUNK;
		const char *x = r->x + (a * r->m + j) * size, *y = r->x + (b * r->m + j) * size;

		if (memcmp(x, y, (size_t) (n * size)) == 0 || !differ(r->dtype, x, y, n))
			continue;
		for (int64_t i = j; i < j + n; i++)
		{
			uint64_t p = key_of(r, a * r->m + i), q = key_of(r, b * r->m + i);

			if (p != q)
				return p < q ? -1 : 1;
		}
	}
	return 0;
}

static bool
less(const Rows *r, const Item *a, const Item *b)
{
	return a->key < b->key || (a->key == b->key && r->m > 1 && compare_rest(r, a->row, b->row) < 0);
}

static bool
equal(const Rows *r, const Item *a, const Item *b)
{
	return a->key == b->key && a->key != NAN_KEY && compare_rest(r, a->row, b->row) == 0 &&
		   !any_nan(r->dtype, r->x + (a->row * r->m + 1) * (int64_t) pt_dtype_size(r->dtype),
					r->m - 1);
}

/* Rows of one tile: fewer the longer they are, so that it takes some milliseconds at most. */
static int64_t
rows_block(int64_t m)
{
	int64_t block = 4096;

	while (block > 1 && block * m > 65536)
		block /= 2;
	return block;
}

/* ---------- unique_order ---------- */

typedef struct OrderTask
{
	PtCpuTask task;
	Rows rows;
	Item *items[2]; /* [n]: every round reads one and writes the other */
	int64_t block;
	int64_t *order;
	bool *first;
} OrderTask;

/* The first `count` items of two runs merged; runs end at na and nb. */
static void
merge(const Rows *r, const Item *a, int64_t na, const Item *b, int64_t nb, Item *out, int64_t count)
{
	int64_t i = 0, j = 0, k = 0;

	/* keys alone: without branches, which nobody could predict */
	for (; r->m == 1 && k < count && i < na && j < nb; k++)
	{
		bool second = b[j].key < a[i].key;

		out[k] = *(second ? &b[j] : &a[i]);
		j += second;
		i += !second;
	}
	for (; k < count; k++)
		out[k] = j == nb || (i < na && !less(r, &b[j], &a[i])) ? a[i++] : b[j++];
}

/* How many of the first k merged items come from a. */
static int64_t
split(const Rows *r, const Item *a, int64_t na, const Item *b, int64_t nb, int64_t k)
{
	int64_t low = k > nb ? k - nb : 0, high = k < na ? k : na;

	while (low < high)
	{
		int64_t i = low + (high - low) / 2;

		/* a[i] is among them unless b[k - i - 1] is before it */
		if (less(r, &b[k - i - 1], &a[i]))
			high = i;
		else
			low = i + 1;
	}
	return low;
}

/* One block, sorted in place; other has room for as many. */
static void
sort_block(const Rows *r, Item *items, Item *other, int64_t n)
{
	Item *from = items, *to = other;

	for (int64_t width = 1; width < n; width *= 2)
	{
		Item *swap = from;

		for (int64_t at = 0; at < n; at += 2 * width)
		{
			int64_t na = n - at < width ? n - at : width;
			int64_t nb = n - at - na < width ? n - at - na : width;

			merge(r, from + at, na, from + at + na, nb, to + at, na + nb);
		}
		from = to;
		to = swap;
	}
	if (from != items)
		memcpy(items, from, (size_t) n * sizeof(Item));
}

static void
run_order(PtCpuTask *task, int64_t tile, char *scratch)
{
	OrderTask *t = (OrderTask *) task;
	const Rows *r = &t->rows;
	int64_t at = tile * t->block;
	int64_t n = r->n - at < t->block ? r->n - at : t->block;
	const Item *from = t->items[(task->round + 1) % 2];
	Item *to = t->items[task->round % 2] + at;

	if (task->round == 0)
	{
		for (int64_t i = 0; i < n; i++)
			to[i] = (Item){key_of(r, (at + i) * r->m), at + i};
		sort_block(r, to, (Item *) scratch, n);
	}
	else if (task->round == task->nrounds - 1)
		for (int64_t i = at; i < at + n; i++)
		{
			t->order[i] = from[i].row;
			t->first[i] = i == 0 || !equal(r, &from[i - 1], &from[i]);
		}
	else
	{
		int64_t width = t->block << (task->round - 1);
		int64_t begin = at / (2 * width) * (2 * width), k = at - begin, i;
		int64_t na = r->n - begin < width ? r->n - begin : width;
		int64_t nb = r->n - begin - na < width ? r->n - begin - na : width;
		const Item *a = from + begin, *b = a + na;

		i = split(r, a, na, b, nb, k);
		merge(r, a + i, na - i, b + (k - i), nb - (k - i), to, n);
	}
}

static bool
prepare_order(PtCpu *dev, PtStep *step, PtError *err)
{
	(void) dev;
	(void) err;
	step->workspace = (size_t) step->in[0].shape.dim[0] * 2 * sizeof(Item);
	return true;
}

static Rows
rows_of(const PtStep *step)
{
	const PtOperand *x = &step->in[0];

	return (Rows){x->dtype, x->data, x->shape.dim[0], x->shape.dim[1]};
}

static bool
bind_order(PtCpuBind *b, PtStep *step)
{
	Rows rows = rows_of(step);
	int64_t block = rows_block(rows.m);
	OrderTask *t;

	if (rows.n == 0)
		return true;
	t = pt_cpu_task(b, step, sizeof(OrderTask), run_order, pt_cpu_ceil(rows.n, block),
					(rows.n < block ? rows.n : block) * (60 + rows.m));
	if (t == NULL)
		return false;
	t->task.nrounds = 2;
	for (int64_t width = block; width < rows.n; width *= 2)
		t->task.nrounds++;
	t->rows = rows;
	t->items[0] = step->scratch;
	t->items[1] = t->items[0] + rows.n;
	t->block = block;
	t->order = step->out[0].data;
	t->first = step->out[1].data;
	pt_cpu_want_scratch(b, (size_t) block * sizeof(Item));
	return true;
}

/* ---------- unique_groups ---------- */

typedef struct GroupsTask
{
	PtCpuTask task;
	Rows rows;
	const int64_t *order;
	const bool *first;
	int64_t *groups; /* [ntiles] that begin in each block */
	char *out;
	int64_t *inverse, *counts;
	int64_t block, count;
} GroupsTask;

static void
run_groups(PtCpuTask *task, int64_t tile, char *scratch)
{
	GroupsTask *t = (GroupsTask *) task;
	int64_t at = tile * t->block;
	int64_t end = at + t->block < t->rows.n ? at + t->block : t->rows.n;
	size_t bytes = (size_t) t->rows.m * pt_dtype_size(t->rows.dtype);
	int64_t group = -1;

	(void) scratch;
	if (task->round == 0)
	{
		t->groups[tile] = 0;
		for (int64_t i = at; i < end; i++)
			t->groups[tile] += t->first[i];
		return;
	}
	for (int64_t i = 0; i < tile; i++)
		group += t->groups[i];
	for (int64_t i = at; i < end; i++)
	{
		if (t->first[i] && ++group < t->count)
		{
			const bool *rest = t->first + i + 1;
			const bool *next = memchr(rest, 1, (size_t) (t->rows.n - i - 1));

			memcpy(t->out + (size_t) group * bytes, t->rows.x + (size_t) t->order[i] * bytes,
				   bytes);
			t->counts[group] = next != NULL ? next - rest + 1 : t->rows.n - i;
		}
		t->inverse[t->order[i]] = group;
	}
}

static bool
prepare_groups(PtCpu *dev, PtStep *step, PtError *err)
{
	(void) dev;
	(void) err;
	step->workspace =
		(size_t) pt_cpu_ceil(step->in[0].shape.dim[0], rows_block(step->in[0].shape.dim[1])) * 8;
	return true;
}

static bool
bind_groups(PtCpuBind *b, PtStep *step)
{
	Rows rows = rows_of(step);
	int64_t block = rows_block(rows.m);
	GroupsTask *t;

	if (rows.n == 0)
		return true;
	t = pt_cpu_task(b, step, sizeof(GroupsTask), run_groups, pt_cpu_ceil(rows.n, block),
					(rows.n < block ? rows.n : block) * (5 + rows.m));
	if (t == NULL)
		return false;
	t->task.nrounds = 2;
	t->rows = rows;
	t->order = step->in[1].data;
	t->first = step->in[2].data;
	t->groups = step->scratch;
	t->out = step->out[0].data;
	t->inverse = step->out[1].data;
	t->counts = step->out[2].data;
	t->block = block;
	t->count = step->out[2].shape.dim[0];
	return true;
}

const PtCpuKernel pt_cpu_dynamic_kernels[] = {
	{"nonzero_indices", prepare_nonzero, bind_nonzero},
	{"unique_order", prepare_order, bind_order},
	{"unique_groups", prepare_groups, bind_groups},
	{0},
};
