/*
 * state.c
 *	  Parameters and buffers of a tree of modules: the state_dict, and initial values.
 *
 * Each type declares its own entries, in PyTorch's order; the walk over the tree that collects them is the same
 * that later draws their initial values, so that both agree and random numbers come in PyTorch's order.
 *
 * Memory:  entries live in the arena; initial values are the caller's memory.
 * Threads: any; nothing is shared.
 * Errors:  values.
 */
#include <string.h>

#include "engine/nn/module.h"

/* Collects entries, or (data set) gives the entries of a finished dict their initial values. */
struct PtDeclare
{
	PtArena *arena;
	PtStateDict *sd;
	int size;
	const PtModule *module;
	PtError *err;
	PtRng *rng;
	void **data;
	int next;
};

/* Offsets in the flat array are multiples of so many elements: 64 bytes of float32. */
#define FLAT_ALIGN 16

/* The largest flat array: its bytes must stay far from what an int64 or an address can say. */
#define FLAT_MAX ((int64_t) 1 << 40)

bool
pt_declare(PtDeclare *d, const char *name, PtDtype dtype, const PtShape *shape, bool trainable,
		   PtInit init)
{
	PtStateDict *sd = d->sd;
	PtState *entry;
	int64_t numel;

	if (d->data != NULL)
	{
		init(d->rng, d->module, dtype, shape, d->data[d->next++]);
		return true;
	}
	if (!pt_shape_check(shape, dtype, &numel, d->err))
		return false;
	if (numel > FLAT_MAX || sd->flat + numel > FLAT_MAX)
		return pt_fail(d->err, PT_ELIMIT, "a model may have %lld parameters at most",
					   (long long) FLAT_MAX);
	if (sd->count == d->size)
	{
		int size = d->size == 0 ? 16 : 2 * d->size;
		PtState *grown = pt_arena_alloc(d->arena, (size_t) size * sizeof(PtState));

		if (grown == NULL)
			return pt_fail_memory(d->err, (size_t) size * sizeof(PtState));
		if (sd->count > 0)
			memcpy(grown, sd->entries, (size_t) sd->count * sizeof(PtState));
		sd->entries = grown;
		d->size = size;
	}
	entry = &sd->entries[sd->count++];
	*entry = (PtState){.dtype = dtype, .shape = *shape, .trainable = trainable, .owner = d->module};
	entry->name = d->module->path[0] == '\0'
					  ? pt_arena_strdup(d->arena, name)
					  : pt_arena_printf(d->arena, "%s.%s", d->module->path, name);
	if (entry->name == NULL)
		return pt_fail_memory(d->err, strlen(d->module->path));
	if (trainable)
	{
		entry->offset = sd->flat;
		sd->flat += (numel + FLAT_ALIGN - 1) / FLAT_ALIGN * FLAT_ALIGN;
		sd->numel += numel;
	}
	return true;
}

/* A module's own entries, then its children's: PyTorch's order. */
static bool
declare(PtDeclare *d, const PtModule *m)
{
	d->module = m;
	if (m->type->declare != NULL && !m->type->declare(d, m))
		return false;
	for (int i = 0; i < m->nchildren; i++)
		if (!declare(d, m->children[i]))
			return false;
	return true;
}

bool
pt_module_state(PtArena *arena, const PtModule *m, PtStateDict *out, PtError *err)
{
	PtDeclare d = {.arena = arena, .sd = out, .err = err};

	memset(out, 0, sizeof(*out));
	return declare(&d, m);
}

bool
pt_module_init(const PtModule *m, const PtStateDict *sd, PtRng *rng, void **data, PtError *err)
{
	PtStateDict unused = *sd;
	PtDeclare d = {.sd = &unused, .err = err, .rng = rng, .data = data};

	return declare(&d, m);
}
