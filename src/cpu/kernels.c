/*
 * kernels.c
 *	  Which kernel runs an op, by the op's name: one line for each file of kernels.
 */
#include <string.h>

#include "cpu/cpu.h"

/* Each is in the file of its name and ends with a row without one. */
#define FAMILIES(F) \
	F(matmul)       \
	F(reduce)       \
	F(softmax)      \
	F(move)         \
	F(dynamic)      \
	F(feed)

#define DECLARE(family) extern const PtCpuKernel pt_cpu_##family##_kernels[];
#define ENTRY(family) pt_cpu_##family##_kernels,

FAMILIES(DECLARE)
static const PtCpuKernel *const families[] = {FAMILIES(ENTRY)};

const PtCpuKernel *
pt_cpu_kernel_find(const char *name)
{
	for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++)
		for (const PtCpuKernel *kernel = families[f]; kernel->name != NULL; kernel++)
			if (strcmp(kernel->name, name) == 0)
				return kernel;
	return NULL;
}
