/*
 * blas.h
 *	  OpenBLAS, opened when the first big matrix product wants it.
 *
 * Never linked: a process that multiplies nothing big never maps it.  It is opened once a process,
 * told to keep to the calling thread, and called from several threads on tiles of their own.
 */
#ifndef PT_CPU_BLAS_H
#define PT_CPU_BLAS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* cblas.h's interface, by hand: the header need not be there.  int as of a BLAS with 32-bit indices. */
typedef void (*PtSgemm)(int order, int ta, int tb, int m, int n, int k, float alpha, const float *a,
						int lda, const float *b, int ldb, float beta, float *c, int ldc);
typedef void (*PtDgemm)(int order, int ta, int tb, int m, int n, int k, double alpha,
						const double *a, int lda, const double *b, int ldb, double beta, double *c,
						int ldc);

typedef struct PtBlas
{
	PtSgemm sgemm;
	PtDgemm dgemm;
	void (*omp_set_num_threads)(int); /* NULL: not built over OpenMP */
	bool serial;					  /* built without locks: one call at a time */
	pthread_mutex_t lock;
	char name[128]; /* "OpenBLAS 0.3.21 (Zen)" */
} PtBlas;

/*
 * The library, opened at the first call; NULL if there is none or none that suits the machine.
 * Call on one thread, with signals blocked (the library may start threads).
 */
extern PtBlas *pt_blas_open(void);

/* op(A) op(B) with row-major operands; beta is 0, or 1 to accumulate */
extern void pt_blas_gemm(PtBlas *blas, bool is_double, bool ta, bool tb, size_t m, size_t n,
						 size_t k, const void *a, size_t lda, const void *b, size_t ldb,
						 bool accumulate, void *c, size_t ldc);

#endif
