/*
 * kernels.c
 *	  Which kernel runs an op, by the op's name: one line for each file of kernels.
 */
#include <string.h>

#include "cuda.h"

/* Each is in the file of its name and ends with a row without one. */
#define FAMILIES(F)  \
	F(matmul)        \
	F(reduce)        \
	F(argmax)        \
	F(softmax)       \
	F(cross_entropy) \
	F(move)          \
	F(index)         \
	F(feed)

#define DECLARE(family) extern const PtCudaKernel pt_cuda_##family##_kernels[];
#define ENTRY(family) pt_cuda_##family##_kernels,

FAMILIES(DECLARE)
static const PtCudaKernel *const families[] = {FAMILIES(ENTRY)};

const PtCudaKernel *
pt_cuda_kernel_find(const char *name)
{
	for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++)
		for (const PtCudaKernel *kernel = families[f]; kernel->name != NULL; kernel++)
			if (strcmp(kernel->name, name) == 0)
				return kernel;
	return NULL;
}
