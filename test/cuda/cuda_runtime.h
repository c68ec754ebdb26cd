/*
 * cuda_runtime.h
 *	  The runtime API and what CUDA's C++ adds to it, for the emulated GPU (README.md).
 *
 * PT_LAUNCH and PT_SHARED take the places of those of cuda/launch.cuh.
 */
#ifndef PT_EMULATOR_RUNTIME_H
#define PT_EMULATOR_RUNTIME_H

#include <cuda_runtime_api.h>

#ifdef __cplusplus
#include <math.h>
#include <string.h>

#include "device.h"

/*
 * runtime.cc: takes the closure; func: its function, name: it and its arguments as they stand in
 * the source
 */
extern "C" cudaError_t pt_emulator_launch(cudaStream_t stream, dim3 grid, dim3 block, size_t shared,
										  const void *func, const char *name, PtClosure *closure);

template <class... P, class... A>
static inline cudaError_t
pt_emulator_enqueue(cudaStream_t stream, dim3 grid, dim3 block, size_t shared, const char *name,
					void (*kernel)(P...), const A &...a)
{
	return pt_emulator_launch(stream, grid, block, shared, reinterpret_cast<const void *>(kernel),
							  name, pt_closure(kernel, a...));
}

#define PT_LAUNCH(stream, grid, block, shared, ...)                                       \
	(pt_emulator_enqueue((stream), (grid), (block), (shared), #__VA_ARGS__, __VA_ARGS__), \
	 cudaGetLastError())
#define PT_SHARED(type, name) type *name = reinterpret_cast<type *>(pt_emulated->shared)

template <class T>
static inline cudaError_t
cudaMalloc(T **p, size_t size)
{
	return cudaMalloc(reinterpret_cast<void **>(p), size);
}

template <class T>
static inline cudaError_t
cudaHostAlloc(T **p, size_t size, unsigned flags)
{
	return cudaHostAlloc(reinterpret_cast<void **>(p), size, flags);
}

template <class... P>
static inline cudaError_t
cudaFuncGetAttributes(cudaFuncAttributes *attr, void (*func)(P...))
{
	return cudaFuncGetAttributes(attr, reinterpret_cast<const void *>(func));
}

template <class... P>
static inline cudaError_t
cudaFuncSetAttribute(void (*func)(P...), cudaFuncAttribute attr, int value)
{
	return cudaFuncSetAttribute(reinterpret_cast<const void *>(func), attr, value);
}

template <class... P>
static inline cudaError_t
cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, void (*func)(P...), int block,
											  size_t shared)
{
	return cudaOccupancyMaxActiveBlocksPerMultiprocessor(blocks,
														 reinterpret_cast<const void *>(func),
														 block, shared);
}
#endif

#endif
