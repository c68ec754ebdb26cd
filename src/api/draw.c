/*
 * draw.c
 *	  Tensors by chance: torch.rand and its kin, rows of ops/draw.c, drawn from the session's generator.
 *
 * It is PyTorch's.  Unlike PyTorch's it starts with a random seed, so that no two sessions draw the same numbers
 * unless torch.manual_seed says so.  A rollback does not turn it back.
 */
#include "postgres.h"

#include "api/call.h"
#include "bridge/bridge.h"
#include "compat.h"
#include "engine/data/rng.h"
#include "engine/graph/graph.h"
#include "miscadmin.h"
#include "tensor/datum.h"

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

static void
free_graph(void *g)
{
	pt_graph_free(g);
}

/* The arguments, bound, and the tensor to draw; the graph is only asked what there would be. */
static const PtArgs *
describe(FunctionCallInfo fcinfo, const PgtCall *call, const PtOp *op, const PtParam *const *params,
		 PtGraph *g, PtTensorType *type)
{
	PtGiven given[PT_MAX_ARGS];
	int n = 0;
	PtArgs *args;
	PtRef ref;
	PtError err;

	for (int i = 0; i < call->nargs; i++)
		if (params[i] != NULL)
		{
			given[n].name = params[i]->name;
			pgt_call_value(fcinfo, call, i, params[i], g->arena, &given[n++].value);
		}
	args = pt_args_bind(g->arena, call->name, op->params, given, n, &err);
	pgt_check(args != NULL, &err);
	ref = pt_apply(g, op, NULL, 0, args);
	pgt_check(pt_graph_ok(g, &err), &err);
	*type = (PtTensorType){pt_value(g, ref)->dtype, pt_value(g, ref)->shape};
	return args;
}

/*
 * torch.rand(...) and the like return tensor
 *
 * NULL if a required argument is NULL.  Drawn in pieces, which give the same stream as one draw.
 */
PG_FUNCTION_INFO_V1(pgtorch_draw);
Datum
pgtorch_draw(PG_FUNCTION_ARGS)
{
	PgtCall *call = pgt_call_open(fcinfo);
	const PtParam *params[PT_MAX_ARGS];
	const PtOp *op = pgt_call_op(call, params);
	const PtArgs *args;
	PtGraph *g;
	PtTensorType type;
	PtTensor view;
	PgtTensor *t;
	int64 n;
	PtError err;

	for (int i = 0; i < call->nargs; i++)
		if (PG_ARGISNULL(i) && (params[i] == NULL || params[i]->required))
			PG_RETURN_NULL();
	g = pt_graph_new(&err);
	pgt_check(g != NULL, &err);
	pgt_release_with(CurrentMemoryContext, free_graph, g);
	args = describe(fcinfo, call, op, params, g, &type);
	t = pgt_tensor_result(type.dtype, &type.shape, &view);
	n = pt_shape_numel(&type.shape);
	for (int64 i = 0; i < n;)
	{
		/* the last piece of normals must not be shorter than a block */
		int64 end = n - i < PIECE + 16 ? n : i + PIECE;

		op->draw(session_generator(), args, &view, i, end);
		i = end;
		CHECK_FOR_INTERRUPTS();
	}
	PG_RETURN_TENSOR(t);
}

/* torch.manual_seed(seed bigint) returns void */
PG_FUNCTION_INFO_V1(pgtorch_manual_seed);
Datum
pgtorch_manual_seed(PG_FUNCTION_ARGS)
{
	pgt_arg_require(fcinfo, 0, "seed");
	pt_rng_seed(&generator, (uint64) PG_GETARG_INT64(0));
	seeded = true;
	PG_RETURN_VOID();
}
