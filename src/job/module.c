/*
 * module.c
 *	  Networks and what trains them, read from their texts.
 */
#include "postgres.h"

#include "job/module.h"

#include "bridge/bridge.h"
#include "bridge/device.h"
#include "utils/memutils.h"

PtModule *
pgt_module_parse(PtArena *arena, const char *text)
{
	PtError err;
	PtModule *module = pt_module_parse(arena, text, &err);

	pgt_check(module != NULL, &err);
	return module;
}

PtOptimizer *
pgt_optimizer_parse(PtArena *arena, const char *text)
{
	PtError err;
	PtOptimizer *optimizer = pt_optim_parse(arena, text, &err);

	pgt_check(optimizer != NULL, &err);
	return optimizer;
}

PtScheduler *
pgt_scheduler_parse(PtArena *arena, const char *text)
{
	PtError err;
	PtScheduler *scheduler = pt_sched_parse(arena, text, &err);

	pgt_check(scheduler != NULL, &err);
	return scheduler;
}

void
pgt_module_open(PgtOpenModule *m, const char *text)
{
	PtError err;

	m->arena = pgt_arena_new(CurrentMemoryContext);
	m->root = pgt_module_parse(m->arena, text);
	pgt_check(pt_module_state(m->arena, m->root, &m->state, &err), &err);
}

void
pgt_module_manifest(const PgtOpenModule *m, PgtCheckpoint *checkpoint)
{
	int n = m->state.count;
	uint64 bytes = 0;

	for (int i = 0; i < n; i++)
		bytes +=
			pt_shape_numel(&m->state.entries[i].shape) * pt_dtype_size(m->state.entries[i].dtype);
	pgt_check_memory(bytes, "a model");

	checkpoint->nparams = n;
	checkpoint->names = palloc0(n * sizeof(char *) + 1);
	checkpoint->params = palloc0(n * sizeof(PtTensor) + 1);
	for (int i = 0; i < n; i++)
	{
		const PtState *entry = &m->state.entries[i];
		PtTensor *t = &checkpoint->params[i];

		checkpoint->names[i] = unconstify(char *, entry->name);
		t->dtype = entry->dtype;
		t->shape = entry->shape;
		t->data = MemoryContextAllocHuge(CurrentMemoryContext, pt_tensor_bytes(t) + 1);
	}
}
