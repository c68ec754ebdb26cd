/*
 * test_rng.c
 *	  Random numbers are PyTorch's: uniform values and permutations bit for bit, normal ones within rounding.
 */
#include "engine/golden.h"
#include "engine/data/rng.h"

/* In two parts, which give what one would. */
static void
draw_permutation(PtRng *rng, int64_t *perm, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		perm[i] = i;
	pt_rng_shuffle(rng, perm, n, 0, n / 3);
	pt_rng_shuffle(rng, perm, n, n / 3, n);
}

int
main(void)
{
	Golden f;
	PtRng rng;

	if (!golden_open(&f, "test/golden/rng.txt"))
		return check_done();
	while (golden_case(&f))
	{
		const char *kind = golden_text(&f, "kind");
		double a = atof(golden_text(&f, "a"));
		double b = atof(golden_text(&f, "b"));
		PtTensor want;
		int64_t n;
		void *got;
		int64_t wrong = 0;
		double scale = kind[0] == 'n' ? fabs(a) + b : 0;
		/* log, sin and cos are other functions there; half a unit of bfloat16 may become a whole one */
		double tolerance;

		if (!CHECK(golden_tensor(&f, "value", &want)))
			continue;
		n = pt_shape_numel(&want.shape);
		got = pt_arena_alloc(f.arena, (size_t) n * 8);
		if (strcmp(golden_text(&f, "first"), "1") == 0)
			pt_rng_seed(&rng, strtoull(golden_text(&f, "seed"), NULL, 10));
		if (kind[0] == 'u')
			pt_rng_uniform(&rng, want.dtype, got, n, a, b);
		else if (kind[0] == 'n')
			pt_rng_normal(&rng, want.dtype, got, n, a, b);
		else
			draw_permutation(&rng, got, n);
		tolerance = want.dtype == PT_FLOAT64 ? 1e-15 : 2.4e-7;
		for (int64_t i = 0; i < n; i++)
		{
			double x = pt_element_get_double(want.dtype, got, (size_t) i);
			double y = pt_element_get_double(want.dtype, want.data, (size_t) i);

			wrong += fabs(x - y) > tolerance * scale * (1 + fabs(y));
		}
		CHECK(wrong == 0, "%s (%s): %d of %d values differ", f.name, kind, (int) wrong, (int) n);
	}
	golden_close(&f);

	/* nothing to draw draws nothing */
	{
		uint32_t next;
		float x;

		pt_rng_seed(&rng, 1);
		pt_rng_uniform(&rng, PT_FLOAT32, &x, 0, 0, 1);
		pt_rng_normal(&rng, PT_FLOAT32, &x, 0, 0, 1);
		draw_permutation(&rng, NULL, 0);
		next = pt_rng_uint32(&rng);
		pt_rng_seed(&rng, 1);
		CHECK(next == pt_rng_uint32(&rng));
		pt_rng_seed(&rng, 1 + (UINT64_C(1) << 32));
		CHECK(next == pt_rng_uint32(&rng), "PyTorch looks at the low half of a seed");
	}
	return check_done();
}
