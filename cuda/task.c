/*
 * task.c
 *	  What kernels call: a task for each launch that a step becomes, and the memory that it touches.
 *
 * What calls kernels is in queue.c.
 */
#include <stdlib.h>
#include <string.h>

#include "cuda.h"

void *
pt_cuda_task(PtCudaBind *b, const PtStep *step, size_t size,
			 cudaError_t (*launch)(PtCudaTask *, cudaStream_t))
{
	PtCudaTask *task = pt_arena_alloc(b->arena, size);

	if (task != NULL && b->ntasks == b->tasks_size)
	{
		int grown = b->tasks_size == 0 ? 16 : 2 * b->tasks_size;
		PtCudaTask **tasks = realloc(b->tasks, (size_t) grown * sizeof(*tasks));

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
	task->launch = launch;
	task->step = step;
	task->fault = b->dev->fault;
	task->number = b->ntasks;
	b->tasks[b->ntasks++] = task;
	return task;
}

bool
pt_cuda_use(PtCudaBind *b, PtCudaTask *task, const void *data, size_t bytes, bool writes)
{
	/* grows where it was 4, 8, 16, ... */
	if (task->nuses == 0 || (task->nuses >= 4 && (task->nuses & (task->nuses - 1)) == 0))
	{
		size_t grown = task->nuses == 0 ? 4 : 2 * (size_t) task->nuses;
		PtCudaUse *uses = pt_arena_alloc(b->arena, grown * sizeof(PtCudaUse));

		if (uses == NULL)
			return pt_fail_memory(b->err, grown * sizeof(PtCudaUse));
		if (task->nuses > 0)
			memcpy(uses, task->uses, (size_t) task->nuses * sizeof(PtCudaUse));
		task->uses = uses;
	}
	task->uses[task->nuses++] = (PtCudaUse){data, bytes, writes};
	return true;
}

bool
pt_cuda_use_operand(PtCudaBind *b, PtCudaTask *task, const PtOperand *o, bool writes)
{
	return pt_cuda_use(b, task, o->data, pt_cuda_operand_bytes(o), writes);
}

size_t
pt_cuda_operand_bytes(const PtOperand *o)
{
	return o->dtype == PT_NDTYPE ? 0 : (size_t) pt_shape_numel(&o->shape) * pt_dtype_size(o->dtype);
}
