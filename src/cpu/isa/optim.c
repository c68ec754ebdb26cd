/*
 * optim.c
 *	  Optimizer steps as one loop each.
 */
#include "cpu/isa/isa.h"

#include <math.h>

/* The order of operations is that of engine/optims/table.c; products and sums may contract. */
static void
adam(const PtAdam *x, size_t first, size_t n)
{
	const float *p = x->p + first, *g = x->g + first, *m = x->m + first, *v = x->v + first;
	float *new_p = x->new_p + first, *new_m = x->new_m + first, *new_v = x->new_v + first;
	float rest1 = *x->rest1, beta2 = *x->beta2, rest2 = *x->rest2;
	float keep = *x->keep, step = *x->step, root = *x->root, eps = *x->eps;

	PT_INDEPENDENT
	for (size_t i = 0; i < n; i++)
	{
		float a = m[i] + rest1 * (g[i] - m[i]);
		float b = beta2 * v[i] + rest2 * g[i] * g[i];

		float c = p[i] * keep - step * a / (sqrtf(b) / root + eps);

		/* all is read before anything is written: any result may have any operand's memory */
		new_m[i] = a;
		new_v[i] = b;
		new_p[i] = c;
	}
}

const PtIsaOptim PT_ISA_NAME(optim) = {.adam = adam};
