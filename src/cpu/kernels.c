/*
 * kernels.c
 *	  Which kernel runs an op, by the op's name.
 */
#include <string.h>

#include "cpu/cpu.h"

static const PtCpuKernel *const kernels[] = {
	&pt_cpu_mm_kernel,
	&pt_cpu_linear_kernel,
	&pt_cpu_sum_kernel,
	&pt_cpu_prod_kernel,
	&pt_cpu_amax_kernel,
	&pt_cpu_amin_kernel,
	&pt_cpu_argmax_kernel,
	&pt_cpu_argmin_kernel,
	&pt_cpu_softmax_kernel,
	&pt_cpu_log_softmax_kernel,
	&pt_cpu_cross_entropy_kernel,
	&pt_cpu_cross_entropy_backward_kernel,
	&pt_cpu_permute_kernel,
	&pt_cpu_cat_kernel,
	&pt_cpu_copy_kernel,
	&pt_cpu_arange_kernel,
	&pt_cpu_pack_kernel,
	&pt_cpu_batch_kernel,
	&pt_cpu_advance_kernel,
	&pt_cpu_check_finite_kernel,
	&pt_cpu_stack_kernel,
	&pt_cpu_getitem_kernel,
	&pt_cpu_getitem_backward_kernel,
};

const PtCpuKernel *
pt_cpu_kernel_find(const char *name)
{
	for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++)
		if (strcmp(kernels[i]->name, name) == 0)
			return kernels[i];
	return NULL;
}
