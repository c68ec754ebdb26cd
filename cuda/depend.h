/*
 * depend.h
 *	  The order that the tasks of a queue need.
 */
#ifndef PT_CUDA_DEPEND_H
#define PT_CUDA_DEPEND_H

#include "cuda.h"

/* More tasks than this go one after the other: looking at all pairs would take long. */
#define PT_CUDA_ORDER_MAX 1024

/* What one task waits for: earlier tasks, by their places in the array. */
typedef struct PtCudaOrder
{
	int n;
	int *on;
} PtCudaOrder;

/*
 * One for each task, in the arena; NULL if there are too many, or there is no memory: one after the other, then.  A task may
 * stand there several times: that many runs of it.
 */
extern PtCudaOrder *pt_cuda_order(PtArena *arena, PtCudaTask **tasks, int ntasks);

#endif
