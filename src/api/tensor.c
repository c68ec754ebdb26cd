/*
 * tensor.c
 *	  Type tensor in SQL: text, binary, type modifier, casts.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "compat.h"
#include "tensor/cast.h"
#include "tensor/datum.h"
#include "tensor/typmod.h"

/* ----- text ----- */

/* tensor_in(cstring, oid, integer) returns tensor */
PG_FUNCTION_INFO_V1(pgtorch_tensor_in);
Datum
pgtorch_tensor_in(PG_FUNCTION_ARGS)
{
	PgtTensor *t = pgt_tensor_read(PG_GETARG_CSTRING(0));
	PtTensor view;

	pgt_tensor_view(t, &view);
	pgt_typmod_check(PG_GETARG_INT32(2), &view);
	PG_RETURN_TENSOR(t);
}

/* tensor_out(tensor) returns cstring */
PG_FUNCTION_INFO_V1(pgtorch_tensor_out);
Datum
pgtorch_tensor_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(pgt_tensor_print(PG_GETARG_TENSOR(0)));
}

/* ----- binary ----- */

/* tensor_recv(internal, oid, integer) returns tensor */
PG_FUNCTION_INFO_V1(pgtorch_tensor_recv);
Datum
pgtorch_tensor_recv(PG_FUNCTION_ARGS)
{
	StringInfo buf = (StringInfo) PG_GETARG_POINTER(0);
	int length = buf->len - buf->cursor;

	PG_RETURN_TENSOR(pgt_tensor_decode(pq_getmsgbytes(buf, length), length, PG_GETARG_INT32(2)));
}

/* tensor_send(tensor) returns bytea */
PG_FUNCTION_INFO_V1(pgtorch_tensor_send);
Datum
pgtorch_tensor_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(pgt_tensor_encode(PG_GETARG_TENSOR(0)));
}

/* ----- type modifier ----- */

/* tensor_typmod_in(cstring[]) returns integer */
PG_FUNCTION_INFO_V1(pgtorch_tensor_typmod_in);
Datum
pgtorch_tensor_typmod_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(pgt_typmod_in(PG_GETARG_ARRAYTYPE_P(0)));
}

/* tensor_typmod_out(integer) returns cstring */
PG_FUNCTION_INFO_V1(pgtorch_tensor_typmod_out);
Datum
pgtorch_tensor_typmod_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(pgt_typmod_out(PG_GETARG_INT32(0)));
}

/*
 * tensor(tensor, integer, boolean) returns tensor
 *
 * Into a column or to a type with dtype and shape: nothing changes, but what does not fit is
 * refused.
 */
PG_FUNCTION_INFO_V1(pgtorch_tensor_coerce);
Datum
pgtorch_tensor_coerce(PG_FUNCTION_ARGS)
{
	PtTensor head;

	if (PG_GETARG_INT32(1) >= 0)
	{
		pgt_tensor_describe(PG_GETARG_DATUM(0), &head);
		pgt_typmod_check(PG_GETARG_INT32(1), &head);
	}
	PG_RETURN_DATUM(PG_GETARG_DATUM(0));
}

/* ----- casts ----- */

/* array_to_tensor(real[]) and its like return tensor */
PG_FUNCTION_INFO_V1(pgtorch_tensor_from_array);
Datum
pgtorch_tensor_from_array(PG_FUNCTION_ARGS)
{
	PG_RETURN_TENSOR(pgt_tensor_from_array(PG_GETARG_ARRAYTYPE_P(0)));
}

/* tensor_to_real_array(tensor) returns real[], and its like */
#define TO_ARRAY(NAME, TYPE)                                     \
	PG_FUNCTION_INFO_V1(NAME);                                   \
	Datum NAME(PG_FUNCTION_ARGS)                                 \
	{                                                            \
		PtTensor view;                                           \
                                                                 \
		pgt_tensor_view(PG_GETARG_TENSOR(0), &view);             \
		PG_RETURN_ARRAYTYPE_P(pgt_tensor_to_array(&view, TYPE)); \
	}                                                            \
	extern int no_such_variable

TO_ARRAY(pgtorch_tensor_to_float4s, FLOAT4OID);
TO_ARRAY(pgtorch_tensor_to_float8s, FLOAT8OID);
TO_ARRAY(pgtorch_tensor_to_int2s, INT2OID);
TO_ARRAY(pgtorch_tensor_to_int4s, INT4OID);
TO_ARRAY(pgtorch_tensor_to_int8s, INT8OID);
TO_ARRAY(pgtorch_tensor_to_bools, BOOLOID);
TO_ARRAY(pgtorch_tensor_to_numerics, NUMERICOID);

/* tensor_to_double(tensor) returns double precision, and its like */
#define TO_SCALAR(NAME, TYPE)                        \
	PG_FUNCTION_INFO_V1(NAME);                       \
	Datum NAME(PG_FUNCTION_ARGS)                     \
	{                                                \
		PtTensor view;                               \
                                                     \
		pgt_tensor_view(PG_GETARG_TENSOR(0), &view); \
		return pgt_tensor_to_scalar(&view, TYPE);    \
	}                                                \
	extern int no_such_variable

TO_SCALAR(pgtorch_tensor_to_float8, FLOAT8OID);
TO_SCALAR(pgtorch_tensor_to_int4, INT4OID);
TO_SCALAR(pgtorch_tensor_to_int8, INT8OID);
TO_SCALAR(pgtorch_tensor_to_bool, BOOLOID);
