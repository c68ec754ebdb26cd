/*
 * tensor_aggregate.c
 *	  The steps of sum(tensor), avg(tensor), torch.stack(tensor) and torch.cat(tensor) over rows.
 */
#include "postgres.h"

#include "bridge/bridge.h"
#include "compat.h"
#include "tensor/aggregate.h"

/* Where the aggregate's state lives; an error if this is no aggregate. */
static MemoryContext
state_context(FunctionCallInfo fcinfo)
{
	MemoryContext cxt;

	if (!AggCheckCallContext(fcinfo, &cxt))
		elog(ERROR, "aggregate function called in non-aggregate context");
	return cxt;
}

#define STATE(n) (PG_ARGISNULL(n) ? NULL : (void *) PG_GETARG_POINTER(n))

/* ----- sum and avg ----- */

/* tensor_sum_add(internal, tensor) returns internal: NULL rows are passed over */
PG_FUNCTION_INFO_V1(pgtorch_tensor_sum_add);
Datum
pgtorch_tensor_sum_add(PG_FUNCTION_ARGS)
{
	MemoryContext cxt = state_context(fcinfo);
	PgtSum *sum = STATE(0);
	PtTensor row;

	if (!PG_ARGISNULL(1))
	{
		PgtTensor *copy = pgt_tensor_open(PG_GETARG_DATUM(1), &row);

		sum = pgt_sum_add(cxt, sum, &row);
		if (copy != NULL)
			pfree(copy);
	}
	if (sum == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(sum);
}

/* tensor_sum_combine(internal, internal) returns internal */
PG_FUNCTION_INFO_V1(pgtorch_tensor_sum_combine);
Datum
pgtorch_tensor_sum_combine(PG_FUNCTION_ARGS)
{
	PgtSum *sum = pgt_sum_merge(state_context(fcinfo), STATE(0), STATE(1));

	if (sum == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(sum);
}

/* tensor_sum_save(internal) returns bytea */
PG_FUNCTION_INFO_V1(pgtorch_tensor_sum_save);
Datum
pgtorch_tensor_sum_save(PG_FUNCTION_ARGS)
{
	state_context(fcinfo);
	PG_RETURN_BYTEA_P(pgt_sum_save((PgtSum *) PG_GETARG_POINTER(0)));
}

/* tensor_sum_load(bytea, internal) returns internal */
PG_FUNCTION_INFO_V1(pgtorch_tensor_sum_load);
Datum
pgtorch_tensor_sum_load(PG_FUNCTION_ARGS)
{
	state_context(fcinfo);
	PG_RETURN_POINTER(pgt_sum_load(CurrentMemoryContext, PG_GETARG_BYTEA_PP(0)));
}

/* tensor_sum_total(internal) returns tensor */
PG_FUNCTION_INFO_V1(pgtorch_tensor_sum_total);
Datum
pgtorch_tensor_sum_total(PG_FUNCTION_ARGS)
{
	state_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_TENSOR(pgt_sum_total(STATE(0)));
}

/* tensor_sum_mean(internal) returns tensor */
PG_FUNCTION_INFO_V1(pgtorch_tensor_sum_mean);
Datum
pgtorch_tensor_sum_mean(PG_FUNCTION_ARGS)
{
	state_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_TENSOR(pgt_sum_mean(STATE(0)));
}

/* ----- stack and cat ----- */

static Datum
stack_add(FunctionCallInfo fcinfo, bool cat)
{
	MemoryContext cxt = state_context(fcinfo);
	PgtStack *stack = STATE(0);
	PgtTensor *copy;
	PtTensor row;

	/* passing over a row would shift the ones behind it against whatever they belong to */
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s does not accept NULL", cat ? "torch.cat" : "torch.stack"),
				 errhint("Leave such rows out with FILTER (WHERE ... IS NOT NULL).")));
	if (stack == NULL)
		stack = pgt_stack_new(cxt, cat);
	copy = pgt_tensor_open(PG_GETARG_DATUM(1), &row);
	pgt_stack_add(stack, &row);
	if (copy != NULL)
		pfree(copy);
	PG_RETURN_POINTER(stack);
}

/* tensor_stack_add(internal, tensor) returns internal */
PG_FUNCTION_INFO_V1(pgtorch_tensor_stack_add);
Datum
pgtorch_tensor_stack_add(PG_FUNCTION_ARGS)
{
	return stack_add(fcinfo, false);
}

/* tensor_cat_add(internal, tensor) returns internal */
PG_FUNCTION_INFO_V1(pgtorch_tensor_cat_add);
Datum
pgtorch_tensor_cat_add(PG_FUNCTION_ARGS)
{
	return stack_add(fcinfo, true);
}

/* tensor_stack_result(internal) returns tensor */
PG_FUNCTION_INFO_V1(pgtorch_tensor_stack_result);
Datum
pgtorch_tensor_stack_result(PG_FUNCTION_ARGS)
{
	state_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_TENSOR(pgt_stack_result(STATE(0)));
}
