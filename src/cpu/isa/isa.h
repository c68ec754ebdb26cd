/*
 * isa.h
 *	  The kernels that are built once for each instruction set, and the tables they are reached by.
 *
 * Every file in this folder is compiled with -DPT_ISA=v2|v3|v4|generic and its own -march, and
 * exports one table of function pointers.  They hold loops and nothing else: no memory of their
 * own, no errors, no threads.  Whatever needs no wide registers stays outside, in src/cpu.
 *
 * Inline functions that are not static must not be used here: the linker would keep one copy of
 * them, perhaps one that the machine cannot run.
 */
#ifndef PT_CPU_ISA_H
#define PT_CPU_ISA_H

#if defined(__clang__)
/* a loop that calls libm stays scalar; before the includes, as scalar.def is where clang says so */
#pragma clang diagnostic ignored "-Wpass-failed"
#endif

#include "engine/plan/program.h"

#define PT_ISA_GLUE2(a, b, c) a##b##_##c
#define PT_ISA_GLUE(a, b, c) PT_ISA_GLUE2(a, b, c)
/* pt_cpu_v3_NAME */
#define PT_ISA_NAME(name) PT_ISA_GLUE(pt_cpu_, PT_ISA, name)

/* The iterations of the next loop do not depend on each other, even where arrays are the same. */
#if defined(__clang__)
#define PT_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define PT_INDEPENDENT _Pragma("GCC ivdep")
#else
#define PT_INDEPENDENT
#endif

/* The next loop stays one: unrolled before it is vectorised, it would not be vectorised. */
#if defined(__GNUC__) && !defined(__clang__)
#define PT_ROLLED _Pragma("GCC unroll 1")
#else
#define PT_ROLLED
#endif

/* ---------- elementwise (elementwise.c) ---------- */

/* out[i] = op(a[i], b[i], c[i]); operands may be the same array as out, or not used. */
typedef void (*PtUnit)(void *out, const void *a, const void *b, const void *c, size_t n);

typedef struct PtIsaScalar
{
	PtUnit unit[PT_S_TOTAL][3]; /* [PtScalar][PtClass]; NULL: not defined */
	void (*load[PT_NDTYPE])(void *reg, const void *src, size_t n); /* into the dtype's class */
	void (*gather[PT_NDTYPE])(void *reg, const void *src, int64_t stride, size_t n);
	void (*store[PT_NDTYPE])(void *dst, const void *reg, size_t n); /* from the dtype's class */
	void (*fill[3])(void *reg, const void *value, size_t n);
} PtIsaScalar;

/* ---------- matrix products (gemm.c) ---------- */

/*
 * C = op(A) op(B), row-major; op(A) is m x k, op(B) k x n; ta: A is stored k x m; tb: B is stored
 * n x k.  accumulate: C += instead.  bias (NULL: none; not with accumulate) has n elements and is added to every row.
 */
typedef struct PtGemm
{
	bool ta, tb, accumulate;
	size_t m, n, k;
	const void *a, *b, *bias;
	void *c;
	size_t lda, ldb, ldc;
} PtGemm;

/* Bytes that gemm needs at scratch, 64-byte aligned. */
#define PT_GEMM_SCRATCH (144 * 256 * 4 + 256 * 512 * 4 + 32 * 64 * 8)
/* rows may be used for m up to this */
#define PT_GEMM_ROWS 4

typedef struct PtIsaGemm
{
	/* [0] float, [1] double */
	void (*gemm[2])(const PtGemm *g, void *scratch);
	/* A not transposed and of at most PT_GEMM_ROWS rows, B transposed: dot products, nothing packed */
	void (*rows[2])(const PtGemm *g);
	int lanes; /* floats in a vector */
} PtIsaGemm;

/* ---------- reductions (reduce.c) ---------- */

typedef enum PtReduce
{
	PT_REDUCE_SUM,
	PT_REDUCE_PROD,
	PT_REDUCE_MAX,
	PT_REDUCE_MIN,
	PT_NREDUCE
} PtReduce;

/* Accumulators are double for the float classes, int64 for the other. */
typedef struct PtIsaReduce
{
	/* acc = acc op x[0] op x[1] ... */
	void (*run[PT_NREDUCE][3])(void *acc, const void *x, size_t n);
	/* acc[j] = acc[j] op x[0][j] op x[1][j] ...; rows are stride elements apart; cols <= PT_REDUCE_COLS */
	void (*cols[PT_NREDUCE][3])(void *acc, const void *x, size_t rows, size_t stride, size_t cols);
} PtIsaReduce;

#define PT_REDUCE_COLS 256

/* ---------- rows of softmax and cross entropy (rows.c) ---------- */

typedef struct PtIsaRows
{
	/* all of [0] float, [1] double; x contiguous */
	void (*max[2])(void *out, const void *x, size_t n); /* NaN if there is one */
	void (*exp_sub[2])(void *out, const void *x, const void *sub, size_t n); /* exp(x[i] - *sub) */
	void (*exp[2])(void *out, const void *x, size_t n);
	void (*log[2])(void *out, const void *x, size_t n);
	void (*sum[2])(void *out, const void *x, size_t n);
	void (*sub[2])(void *out, const void *x, const void *sub, size_t n);
	void (*mul[2])(void *out, const void *x, const void *by, size_t n);
} PtIsaRows;

/* ---------- optimizer steps (optim.c) ---------- */

/* Adam's and AdamW's: arrays and constants; new_p may be p, and so on. */
typedef struct PtAdam
{
	const float *p, *g, *m, *v;
	float *new_p, *new_m, *new_v;
	const float *keep; /* what is left of p after weight decay: 1 for Adam */
	const float *rest1, *beta2, *rest2, *step, *root, *eps;
	float numbers[7]; /* where constants that are no operands are kept */
} PtAdam;

typedef struct PtIsaOptim
{
	void (*adam)(const PtAdam *x, size_t first, size_t n);
} PtIsaOptim;

/* ---------- all of one instruction set (src/cpu/isa.c) ---------- */

typedef struct PtIsa
{
	const char *name;
	const PtIsaScalar *scalar;
	const PtIsaGemm *gemm;
	const PtIsaReduce *reduce;
	const PtIsaRows *rows;
	const PtIsaOptim *optim;
} PtIsa;

#define PT_ISA_DECLARE(isa)                         \
	extern const PtIsaScalar pt_cpu_##isa##_scalar; \
	extern const PtIsaGemm pt_cpu_##isa##_gemm;     \
	extern const PtIsaReduce pt_cpu_##isa##_reduce; \
	extern const PtIsaRows pt_cpu_##isa##_rows;     \
	extern const PtIsaOptim pt_cpu_##isa##_optim;

#if defined(__x86_64__)
PT_ISA_DECLARE(v2)
PT_ISA_DECLARE(v3)
PT_ISA_DECLARE(v4)
#else
PT_ISA_DECLARE(generic)
#endif

/* The best one that this machine runs, or the named one if the machine runs it; else NULL with err. */
extern const PtIsa *pt_isa_choose(const char *name, PtError *err);

#endif
