/*
 * lacking.cc
 *	  Kernels that are not there: the library looks them up through this (the linker's --wrap).
 *
 * Environment: CUDA_EMULATOR_LACKS (README.md).
 */
#include <cstdlib>
#include <cstring>

struct PtCudaKernel;

extern "C"
{
	/* weak: programs of the emulator alone have no kernels */
	__attribute__((weak)) const PtCudaKernel *__real_pt_cuda_kernel_find(const char *name);
	const PtCudaKernel *__wrap_pt_cuda_kernel_find(const char *name);
}

const PtCudaKernel *
__wrap_pt_cuda_kernel_find(const char *name)
{
	size_t n = strlen(name);

	for (const char *at = getenv("CUDA_EMULATOR_LACKS"); at != nullptr;)
	{
		size_t word = strcspn(at, ",");

		if (word == n && strncmp(at, name, n) == 0)
			return nullptr;
		at = at[word] == ',' ? at + word + 1 : nullptr;
	}
	return __real_pt_cuda_kernel_find(name);
}
