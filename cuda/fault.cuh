/*
 * fault.cuh
 *	  How a kernel notes bad data.
 *
 * Whole batches may be bad, and the record is far away from the device: threads that would not change
 * it leave it alone, before they wait for its lock and while they do.
 */
#ifndef PT_CUDA_FAULT_CUH
#define PT_CUDA_FAULT_CUH

#include "fault.h"

/* Whether a fault with this key or a smaller one stands there. */
static __device__ __forceinline__ bool
pt_fault_stands(volatile PtCudaFault *v, unsigned long long key)
{
	return v->set != 0 && v->key <= key;
}

/* Notes that task number found a bad value at place. */
static __device__ __forceinline__ void
pt_note_fault(PtCudaFault *f, int number, long long place, long long value)
{
	unsigned long long key = (unsigned long long) number << 40 | (unsigned long long) place;
	volatile PtCudaFault *v = f;

	/*
	 * The lock is given back inside of the loop: lanes of a warp may be made to wait for each other where a loop
	 * ends, those that have the lock for those that want it.
	 */
	while (!pt_fault_stands(v, key))
		if (atomicCAS(f->lock, 0, 1) == 0)
		{
			__threadfence_system();
			if (!pt_fault_stands(v, key))
			{
				v->key = key;
				v->place = place;
				v->value = value;
				__threadfence_system(); /* who sees set sees the rest */
				v->set = 1;
			}
			__threadfence_system();
			atomicExch(f->lock, 0);
		}
}

#endif
