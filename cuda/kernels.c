/*
 * kernels.c
 *	  Which kernel runs an op, by the op's name.
 */
#include <string.h>

#include "cuda.h"

extern const PtCudaKernel pt_cuda_mm_kernel, pt_cuda_linear_kernel;
extern const PtCudaKernel pt_cuda_sum_kernel, pt_cuda_prod_kernel, pt_cuda_amax_kernel,
	pt_cuda_amin_kernel, pt_cuda_argmax_kernel, pt_cuda_argmin_kernel;
extern const PtCudaKernel pt_cuda_softmax_kernel, pt_cuda_log_softmax_kernel,
	pt_cuda_cross_entropy_kernel, pt_cuda_cross_entropy_backward_kernel;
extern const PtCudaKernel pt_cuda_permute_kernel, pt_cuda_cat_kernel, pt_cuda_copy_kernel,
	pt_cuda_arange_kernel, pt_cuda_stack_kernel, pt_cuda_getitem_kernel,
	pt_cuda_getitem_backward_kernel;
extern const PtCudaKernel pt_cuda_pack_kernel, pt_cuda_batch_kernel, pt_cuda_advance_kernel,
	pt_cuda_check_finite_kernel;

static const PtCudaKernel *const kernels[] = {
	&pt_cuda_mm_kernel,
	&pt_cuda_linear_kernel,
	&pt_cuda_sum_kernel,
	&pt_cuda_prod_kernel,
	&pt_cuda_amax_kernel,
	&pt_cuda_amin_kernel,
	&pt_cuda_argmax_kernel,
	&pt_cuda_argmin_kernel,
	&pt_cuda_softmax_kernel,
	&pt_cuda_log_softmax_kernel,
	&pt_cuda_cross_entropy_kernel,
	&pt_cuda_cross_entropy_backward_kernel,
	&pt_cuda_permute_kernel,
	&pt_cuda_cat_kernel,
	&pt_cuda_copy_kernel,
	&pt_cuda_arange_kernel,
	&pt_cuda_stack_kernel,
	&pt_cuda_getitem_kernel,
	&pt_cuda_getitem_backward_kernel,
	&pt_cuda_pack_kernel,
	&pt_cuda_batch_kernel,
	&pt_cuda_advance_kernel,
	&pt_cuda_check_finite_kernel,
};

const PtCudaKernel *
pt_cuda_kernel_find(const char *name)
{
	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++)
		if (strcmp(kernels[i]->name, name) == 0)
			return kernels[i];
	return NULL;
}
