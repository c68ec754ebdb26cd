/*
 * gemm.c
 *	  Matrix products: packed panels around a micro-kernel that keeps its tile of C in registers.
 *
 * The design is Goto's: a block of op(A) (MC x KC, in L2) is multiplied by panels of op(B) (KC x NR, in
 * L1), MR rows at a time.  Packing is skipped where it does not pay: op(A) is read in place unless the same
 * elements are wanted by many panels, op(B) is read in place if its rows are contiguous and used once.
 * The micro-kernel is plain C on vector types; one is generated for each number of rows, so the
 * last rows of C cost what they are worth.
 *
 * The order of additions depends on the shape alone, not on where in C a tile lies.
 */
#include "cpu/isa/isa.h"

#include <string.h>

#if defined(__AVX512F__)
#define BYTES 64
#elif defined(__AVX2__)
#define BYTES 32
#else
#define BYTES 16
#endif

#if BYTES >= 32 && defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define FOLD_LANES
#endif
#endif

#define KC 256

/* X(row, group of four rows, row within the group) */
#define ROWS1(X) X(0, 0, 0)
#define ROWS2(X) ROWS1(X) X(1, 0, 1)
#define ROWS3(X) ROWS2(X) X(2, 0, 2)
#define ROWS4(X) ROWS3(X) X(3, 0, 3)
#define ROWS5(X) ROWS4(X) X(4, 1, 0)
#define ROWS6(X) ROWS5(X) X(5, 1, 1)
#define ROWS7(X) ROWS6(X) X(6, 1, 2)
#define ROWS8(X) ROWS7(X) X(7, 1, 3)
#define ROWS9(X) ROWS8(X) X(8, 2, 0)
#define ROWS10(X) ROWS9(X) X(9, 2, 1)
#define ROWS11(X) ROWS10(X) X(10, 2, 2)
#define ROWS12(X) ROWS11(X) X(11, 2, 3)

#if BYTES == 64
#define MR 12
#define EACH_KERNEL(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
#else
#define MR 6
#define EACH_KERNEL(X) X(1) X(2) X(3) X(4) X(5) X(6)
#endif
#define MC 144 /* rows of A in a block: a multiple of MR */

#define GLUE2(a, b) a##b
#define GLUE(a, b) GLUE2(a, b)

#define T float
#define NAME(x) GLUE(x, _f32)
#define BLOCK_M MC
#define BLOCK_N 512
#include "cpu/isa/gemm_body.h"
#undef T
#undef NAME
#undef BLOCK_M
#undef BLOCK_N

#define T double
#define NAME(x) GLUE(x, _f64)
#define BLOCK_M (MC / 2)
#define BLOCK_N 256
#include "cpu/isa/gemm_body.h"

const PtIsaGemm PT_ISA_NAME(gemm) = {
	.gemm = {gemm_f32, gemm_f64},
	.rows = {rows_f32, rows_f64},
	.lanes = BYTES / 4,
};
