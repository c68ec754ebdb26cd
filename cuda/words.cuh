/*
 * words.cuh
 *	  The words that kernels move bytes in: as wide as alignment lets them be.
 */
#ifndef PT_CUDA_WORDS_CUH
#define PT_CUDA_WORDS_CUH

#include <stdint.h>

/* the widest: one load or store of 16 bytes */
struct alignas(16) PtWord16
{
	uint64_t half[2];
};

/* The widest of 16, 8, 4, 2 and 1 bytes that both addresses and sizes (several, or-ed) are multiples of. */
static inline int
pt_word_width(const void *a, const void *b, int64_t sizes)
{
	uint64_t all = (uint64_t) (uintptr_t) a | (uint64_t) (uintptr_t) b | (uint64_t) sizes | 16;

	return (int) (all & (0 - all));
}

#endif
