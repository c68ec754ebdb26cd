/*
 * draw.c
 *	  The session's random numbers.
 *
 * The generator is PyTorch's.  Unlike PyTorch's it starts with a random seed, so that no two sessions draw the same
 * numbers unless torch.manual_seed says so.  A rollback does not turn it back.
 */
#include "postgres.h"

#include "compute/draw.h"

#include "engine/data/rng.h"
#include "miscadmin.h"

/* elements between two checks for interrupts; a multiple of 16, the block of pt_rng_normal */
#define PIECE 65536

static PtRng generator;
static bool seeded = false;

static PtRng *
session_generator(void)
{
	uint64 seed;

	if (!seeded)
	{
		if (!pg_strong_random(&seed, sizeof(seed)))
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate a random seed")));
		pt_rng_seed(&generator, seed);
		seeded = true;
	}
	return &generator;
}

/*
 * In pieces, which give the same stream as one draw.  The first of a permutation writes all elements, so memory comes
 * with its pages in place, which takes much longer than that and lets interrupts in.
 */
PgtTensor *
pgt_draw(const PtOp *op, const PtArgs *args, const PtTensorType *type)
{
	int64 n = pt_shape_numel(&type->shape);
	PtTensor view;
	PgtTensor *t = pgt_tensor_make(type->dtype, &type->shape, &view);

	for (int64 i = 0; i < n;)
	{
		/* the last piece of normals must not be shorter than a block */
		int64 end = n - i < PIECE + 16 ? n : i + PIECE;

		op->draw(session_generator(), args, &view, i, end);
		i = end;
		CHECK_FOR_INTERRUPTS();
	}
	return t;
}

void
pgt_draw_seed(int64 seed)
{
	pt_rng_seed(&generator, (uint64) seed);
	seeded = true;
}
