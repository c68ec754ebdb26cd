/*
 * rng.h
 *	  Random numbers: PyTorch's CPU generator, bit for bit.
 *
 * mt19937 with the transforms of at::CPUGeneratorImpl, so that initial weights, shuffles and
 * torch.rand equal PyTorch's from the same seed.
 */
#ifndef PT_RNG_H
#define PT_RNG_H

#include "engine/data/tensor.h"

typedef struct PtRng
{
	uint32_t state[624];
	int left;
	int next;
	bool has_normal; /* the second value of a Box-Muller pair, as PyTorch keeps it */
	double normal;
	/* (optional, set after seeding) asked every 65536 values; when it says true, fills end early and stopped is set */
	bool (*stop)(void);
	bool stopped;
} PtRng;

extern void pt_rng_seed(PtRng *rng, uint64_t seed); /* torch.manual_seed */
extern uint32_t pt_rng_uint32(PtRng *rng);
extern uint64_t pt_rng_uint64(PtRng *rng);

/* Fills n elements of a float dtype as tensor.uniform_(from, to) and tensor.normal_(mean, std) do. */
extern void pt_rng_uniform(PtRng *rng, PtDtype dtype, void *data, int64_t n, double from,
						   double to);
extern void pt_rng_normal(PtRng *rng, PtDtype dtype, void *data, int64_t n, double mean,
						  double std);
/* tensor.random_(low, low + range), range at least 1 */
extern void pt_rng_integers(PtRng *rng, PtDtype dtype, void *data, int64_t n, int64_t low,
							uint64_t range);
/* torch.randperm(n), in parts so that long ones can be interrupted: places from..to-1 of perm, which begins as 0..n-1. */
extern void pt_rng_shuffle(PtRng *rng, int64_t *perm, int64_t n, int64_t from, int64_t to);

#endif
