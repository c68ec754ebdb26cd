/*
 * depend.h
 *	  The order that the tasks of a schedule need.
 */
#ifndef PT_CUDA_DEPEND_H
#define PT_CUDA_DEPEND_H

#include "cuda.h"

/* What one task waits for: earlier tasks. */
typedef struct PtCudaOrder
{
	int n;
	int *on;
} PtCudaOrder;

/* One for each task, in the arena; NULL if there are too many, or there is no memory: one after the other, then. */
extern PtCudaOrder *pt_cuda_order(PtArena *arena, PtCudaTask **tasks, int ntasks);

#endif
