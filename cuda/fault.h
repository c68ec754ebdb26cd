/*
 * fault.h
 *	  What a kernel noticed, in host memory that the device sees; only the lock is in the device's, as atomics on
 *	  memory across a bus are not to be relied on.
 *
 * Of several faults the smallest key stays: the first step, and in it the first place.  fault.cuh has the
 * function that writes it.  NVRTC reads this file too.
 */
#ifndef PT_CUDA_FAULT_H
#define PT_CUDA_FAULT_H

typedef struct PtCudaFault
{
	int *lock;				/* 1: taken */
	int set;				/* 0: the rest means nothing */
	unsigned long long key; /* step << 40 | place */
	long long place;		/* e.g. the row of a batch */
	long long value;		/* what was there */
} PtCudaFault;

#endif
