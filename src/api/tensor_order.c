/*
 * tensor_order.c
 *	  Comparison of whole tensors: operators, and the support functions of the btree and hash
 *	  classes.
 */
#include "postgres.h"

#include "compat.h"
#include "tensor/datum.h"

static int
compare(FunctionCallInfo fcinfo)
{
	PgtTensor *a = PG_GETARG_TENSOR(0);
	PgtTensor *b = PG_GETARG_TENSOR(1);
	int order = pgt_tensor_compare(a, b);

	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return order;
}

/* tensor_eq(tensor, tensor) returns boolean, and its like */
#define COMPARISON(NAME, OPERATOR)                  \
	PG_FUNCTION_INFO_V1(NAME);                      \
	Datum NAME(PG_FUNCTION_ARGS)                    \
	{                                               \
		PG_RETURN_BOOL(compare(fcinfo) OPERATOR 0); \
	}                                               \
	extern int no_such_variable

COMPARISON(pgtorch_tensor_eq, ==);
COMPARISON(pgtorch_tensor_ne, !=);
COMPARISON(pgtorch_tensor_lt, <);
COMPARISON(pgtorch_tensor_le, <=);
COMPARISON(pgtorch_tensor_gt, >);
COMPARISON(pgtorch_tensor_ge, >=);

/* tensor_cmp(tensor, tensor) returns integer */
PG_FUNCTION_INFO_V1(pgtorch_tensor_cmp);
Datum
pgtorch_tensor_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(compare(fcinfo));
}

static uint64
hash(FunctionCallInfo fcinfo, uint64 seed)
{
	PgtTensor *t = PG_GETARG_TENSOR(0);
	uint64 result = pgt_tensor_hash(t, seed);

	PG_FREE_IF_COPY(t, 0);
	return result;
}

/*
 * tensor_hash(tensor) returns integer: the low half of the extended hash with seed 0, as PostgreSQL
 * wants
 */
PG_FUNCTION_INFO_V1(pgtorch_tensor_hash);
Datum
pgtorch_tensor_hash(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32((int32) (uint32) hash(fcinfo, 0));
}

/* tensor_hash_extended(tensor, bigint) returns bigint */
PG_FUNCTION_INFO_V1(pgtorch_tensor_hash_extended);
Datum
pgtorch_tensor_hash_extended(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT64((int64) hash(fcinfo, (uint64) PG_GETARG_INT64(1)));
}
