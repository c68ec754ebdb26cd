/*
 * task.c
 *	  What kernels call: the tasks that a step becomes, their scratch, their errors.
 *
 * What calls kernels is in device.c.
 */
#include <stdlib.h>

#include "cpu/cpu.h"

/* a task below this stays on one thread: waking the others would take as long */
#define PARALLEL_NS 15000

void *
pt_cpu_task(PtCpuBind *b, const PtStep *step, size_t size,
			void (*run)(PtCpuTask *, int64_t, char *), int64_t ntiles, int64_t tile_ns)
{
	PtCpuTask *task = pt_arena_alloc(b->arena, size);

	if (task != NULL && b->ntasks == b->tasks_size)
	{
		int grown = b->tasks_size == 0 ? 16 : 2 * b->tasks_size;
		PtCpuTask **tasks = realloc(b->tasks, (size_t) grown * sizeof(*tasks));

		if (tasks == NULL)
			task = NULL;
		else
		{
			b->tasks = tasks;
			b->tasks_size = grown;
		}
	}
	if (task == NULL)
	{
		pt_fail_memory(b->err, size);
		return NULL;
	}
	b->tasks[b->ntasks++] = task;
	task->run = run;
	task->step = step;
	task->isa = b->dev->isa;
	task->ntiles = ntiles;
	task->nrounds = 1;
	task->tile_ns = tile_ns > 0 ? tile_ns : 1;
	task->parallel = b->dev->threads > 1 && ntiles > 1 && ntiles > PARALLEL_NS / task->tile_ns;
	return task;
}

void
pt_cpu_want_scratch(PtCpuBind *b, size_t bytes)
{
	if (b->scratch < bytes)
		b->scratch = bytes;
}

bool
pt_cpu_fail_dtype(const PtStep *step, PtDtype dtype, PtError *err)
{
	pt_fail(err, PT_EUNSUPPORTED, "%s is not implemented on device \"cpu\" for dtype %s",
			pt_step_name(step), pt_dtype_name(dtype));
	return step->path == NULL ? false : pt_detail(err, "In module %s.", step->path);
}
