/*
 * matmul.h
 *	  A matrix product, as matmul.c describes it to cuBLASLt or to matmul_simple.cu.
 */
#ifndef PT_CUDA_MATMUL_H
#define PT_CUDA_MATMUL_H

#include "cuda.h"

#ifdef __cplusplus
extern "C"
{
#endif

	/*
 * c [batch, m, n] = op(a) op(b) + bias, row-major; op(a) is m x k (stored k x m if ta), op(b) k x n (stored n x k
 * if tb).
 */
	typedef struct PtCudaProduct
	{
		PtDtype dtype;
		bool ta, tb;
		bool relu; /* of the result */
		int64_t m, n, k, batch;
		int64_t batch_a,
			batch_b; /* elements from one matrix of the batch to the next; 0: the same one */
		const void *a, *b;
		const void *bias; /* [n], or NULL */
		void *c;
		void *bias_gradient; /* [m], or NULL: the sums over k of op(a) */
	} PtCudaProduct;

	/* matmul_simple.cu: any dtype and size, without relu and bias_gradient */
	extern bool pt_cuda_add_simple_product(PtCudaBind *b, const PtStep *step,
										   const PtCudaProduct *p);

#ifdef __cplusplus
}
#endif

#endif
