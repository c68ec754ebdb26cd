/*
 * depend.c
 *	  Which tasks of a schedule must wait for which: what does not, a CUDA graph runs side by side.
 *
 * Small networks leave most of a GPU idle, so a step of training takes as long as its longest chain of kernels, if
 * the others may run beside it: a bias gradient beside the product, the optimizer's scalars beside both.
 *
 * Steps say what memory they read and write: their operands, and workspace.  A step waits for each earlier one
 * that writes what it touches, or touches what it writes.  The tasks of a step follow each other.  Steps that are waited for anyway,
 * through another one, are left out.
 */
#include "depend.h"

#include <string.h>

/* More steps than this go one after the other: looking at all pairs would take long. */
#define STEPS_MAX 512

typedef struct Set
{
	uint64_t bits[STEPS_MAX / 64];
} Set;

static bool
has(const Set *s, int i)
{
	return (s->bits[i / 64] >> (i % 64) & 1) != 0;
}

static void
add(Set *s, int i)
{
	s->bits[i / 64] |= UINT64_C(1) << (i % 64);
}

static bool
overlap(const void *a, size_t na, const void *b, size_t nb)
{
	return na > 0 && nb > 0 && (const char *) a < (const char *) b + nb &&
		   (const char *) b < (const char *) a + na;
}

static size_t
operand_bytes(const PtOperand *o)
{
	return o->dtype == PT_NDTYPE ? 0 : (size_t) pt_shape_numel(&o->shape) * pt_dtype_size(o->dtype);
}

/* What the tasks of one step do. */
typedef struct Work
{
	const PtStep *step;
	int first, last;		   /* tasks */
	const PtCudaTask *product; /* the one that says more about memory; NULL: none */
} Work;

static bool
touches(const Work *w, const void *p, size_t bytes, bool writes_only)
{
	const PtStep *s = w->step;

	if (overlap(p, bytes, s->scratch, s->workspace) ||
		(w->product != NULL && overlap(p, bytes, w->product->also_writes, w->product->also_bytes)))
		return true;
	for (int i = 0; i < s->nout; i++)
		if (overlap(p, bytes, s->out[i].data, operand_bytes(&s->out[i])))
			return true;
	for (int i = 0; !writes_only && i < s->nin; i++)
		if (overlap(p, bytes, s->in[i].data, operand_bytes(&s->in[i])))
			return true;
	return false;
}

/* Whether one touches what the other writes. */
static bool
meets(const Work *writer, const Work *other)
{
	const PtStep *s = writer->step;

	if (touches(other, s->scratch, s->workspace, false) ||
		(writer->product != NULL &&
		 touches(other, writer->product->also_writes, writer->product->also_bytes, false)))
		return true;
	for (int i = 0; i < s->nout; i++)
		if (touches(other, s->out[i].data, operand_bytes(&s->out[i]), false))
			return true;
	return false;
}

static bool
conflict(const Work *a, const Work *b)
{
	return meets(a, b) || meets(b, a) ||
		   (a->product != NULL && b->product != NULL && a->product->shares_workspace &&
			b->product->shares_workspace);
}

PtCudaOrder *
pt_cuda_order(PtArena *arena, PtCudaTask **tasks, int ntasks)
{
	PtCudaOrder *order = pt_arena_alloc(arena, (size_t) (ntasks + 1) * sizeof(PtCudaOrder));
	Work *work;
	Set *before; /* all that a step waits for, also through others */
	int n = 0;

	if (order == NULL || ntasks == 0)
		return order;
	work = pt_arena_alloc(arena, (size_t) ntasks * sizeof(Work));
	if (work == NULL)
		return NULL;
	for (int i = 0; i < ntasks; i++)
	{
		if (i == 0 || tasks[i]->step != tasks[i - 1]->step)
			work[n++] = (Work){.step = tasks[i]->step, .first = i};
		work[n - 1].last = i;
		if (tasks[i]->also_bytes > 0 || tasks[i]->shares_workspace)
			work[n - 1].product = tasks[i];
	}
	if (n > STEPS_MAX)
		return NULL;
	before = pt_arena_alloc(arena, (size_t) n * sizeof(Set));
	if (before == NULL)
		return NULL;
	for (int i = 0; i < n; i++)
	{
		int found[STEPS_MAX], nfound = 0;

		for (int j = i - 1; j >= 0; j--)
		{
			if (has(&before[i], j) || !conflict(&work[i], &work[j]))
				continue;
			add(&before[i], j);
			for (size_t k = 0; k < sizeof(Set) / sizeof(uint64_t); k++)
				before[i].bits[k] |= before[j].bits[k];
			found[nfound++] = work[j].last;
		}
		order[work[i].first].on = pt_arena_alloc(arena, (size_t) (nfound + 1) * sizeof(int));
		if (order[work[i].first].on == NULL)
			return NULL;
		memcpy(order[work[i].first].on, found, (size_t) nfound * sizeof(int));
		order[work[i].first].n = nfound;
		for (int t = work[i].first + 1; t <= work[i].last; t++)
		{
			order[t].on = pt_arena_alloc(arena, sizeof(int));
			if (order[t].on == NULL)
				return NULL;
			order[t].on[0] = t - 1;
			order[t].n = 1;
		}
	}
	return order;
}
