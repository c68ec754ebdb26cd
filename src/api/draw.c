/*
 * draw.c
 *	  Tensors by chance: torch.rand and its kin, rows of ops/draw.c.
 */
#include "postgres.h"

#include "api/call.h"
#include "bridge/bridge.h"
#include "compat.h"
#include "compute/draw.h"

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
 * NULL if a required argument is NULL.
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
	PtError err;

	for (int i = 0; i < call->nargs; i++)
		if (PG_ARGISNULL(i) && (params[i] == NULL || params[i]->required))
			PG_RETURN_NULL();
	g = pt_graph_new(&err);
	pgt_check(g != NULL, &err);
	pgt_release_with(CurrentMemoryContext, free_graph, g);
	args = describe(fcinfo, call, op, params, g, &type);
	PG_RETURN_TENSOR(pgt_draw(op, args, &type));
}

/* torch.manual_seed(seed bigint) returns void */
PG_FUNCTION_INFO_V1(pgtorch_manual_seed);
Datum
pgtorch_manual_seed(PG_FUNCTION_ARGS)
{
	pgt_arg_require(fcinfo, 0, "seed");
	pgt_draw_seed(PG_GETARG_INT64(0));
	PG_RETURN_VOID();
}
