/*
 * depend.c
 *	  Which tasks must wait for which: what does not, a CUDA graph runs side by side.
 *
 * Small networks leave most of a GPU idle, so a step of training takes as long as its longest chain of kernels, if
 * the others may run beside it: a weight's gradient beside the product that goes on to the layer before, the
 * optimizer's scalars beside both.
 *
 * A task waits for each earlier one that writes what it touches, or touches what it writes.  Those
 * that are waited for anyway, through another one, are left out.
 */
#include "depend.h"

#include <string.h>

typedef struct Set
{
	uint64_t bits[PT_CUDA_ORDER_MAX / 64];
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
overlap(const PtCudaUse *a, const PtCudaUse *b)
{
	return a->bytes > 0 && b->bytes > 0 &&
		   (const char *) a->data < (const char *) b->data + b->bytes &&
		   (const char *) b->data < (const char *) a->data + a->bytes;
}

/* ---------- what a task touches ---------- */

typedef struct Uses
{
	const PtCudaUse *use;
	int n;
} Uses;

static PtCudaUse
use_of(const PtOperand *o, bool writes)
{
	return (PtCudaUse){o->data, pt_cuda_operand_bytes(o), writes};
}

/* False: no memory. */
static bool
find_uses(PtArena *arena, const PtCudaTask *task, Uses *uses)
{
	const PtStep *s = task->step;
	PtCudaUse *use;

	*uses = (Uses){task->uses, task->nuses};
	if (task->uses != NULL)
		return true;
	uses->use = use = pt_arena_alloc(arena, (size_t) (s->nin + s->nout + 1) * sizeof(PtCudaUse));
	if (use == NULL)
		return false;
	for (int i = 0; i < s->nin; i++)
		use[uses->n++] = use_of(&s->in[i], false);
	for (int i = 0; i < s->nout; i++)
		use[uses->n++] = use_of(&s->out[i], true);
	use[uses->n++] = (PtCudaUse){s->scratch, s->workspace, true};
	return true;
}

static bool
conflict(const Uses *a, const Uses *b)
{
	for (int i = 0; i < a->n; i++)
		for (int j = 0; j < b->n; j++)
			if ((a->use[i].writes || b->use[j].writes) && overlap(&a->use[i], &b->use[j]))
				return true;
	return false;
}

/* ---------- the order ---------- */

PtCudaOrder *
pt_cuda_order(PtArena *arena, PtCudaTask **tasks, int ntasks)
{
	PtCudaOrder *order;
	Uses *uses;
	Set *before; /* all that a task waits for, also through others */

	if (ntasks > PT_CUDA_ORDER_MAX)
		return NULL;
	order = pt_arena_alloc(arena, (size_t) (ntasks + 1) * sizeof(PtCudaOrder));
	uses = pt_arena_alloc(arena, (size_t) (ntasks + 1) * sizeof(Uses));
	before = pt_arena_alloc(arena, (size_t) (ntasks + 1) * sizeof(Set));
	if (order == NULL || uses == NULL || before == NULL)
		return NULL;
	for (int i = 0; i < ntasks; i++)
	{
		int found[PT_CUDA_ORDER_MAX], n = 0;

		if (!find_uses(arena, tasks[i], &uses[i]))
			return NULL;
		/* the nearest first: what it waits for need not be looked at */
		for (int j = i - 1; j >= 0; j--)
		{
			if (has(&before[i], j) || !conflict(&uses[i], &uses[j]))
				continue;
			add(&before[i], j);
			for (size_t k = 0; k < sizeof(Set) / sizeof(uint64_t); k++)
				before[i].bits[k] |= before[j].bits[k];
			found[n++] = j;
		}
		order[i].on = pt_arena_alloc(arena, (size_t) (n + 1) * sizeof(int));
		if (order[i].on == NULL)
			return NULL;
		memcpy(order[i].on, found, (size_t) n * sizeof(int));
		order[i].n = n;
	}
	return order;
}
