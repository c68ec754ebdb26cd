/*
 * create.c
 *	  Tensors made from SQL values: torch.tensor; and what there is to ask of a tensor: torch.item, shape, dtype, numel, dim.
 *
 * torch.tensor takes SQL's numbers and arrays as PyTorch takes Python's: integers become int64, other
 * numbers float32, boolean bool, unless a dtype is named.  (A cast, array::tensor, keeps the array's own type.)
 * What an integer dtype cannot hold is refused; fractions are cut off, as PyTorch does.
 */
#include "postgres.h"

#include "api/call.h"
#include "bridge/bridge.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "tensor/cast.h"
#include "tensor/convert.h"
#include "tensor/datum.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* ---------- arguments ---------- */

/* A text argument as a dtype; false if it is NULL. */
static bool
dtype_arg(FunctionCallInfo fcinfo, int i, PtDtype *dtype)
{
	PtError err;

	if (PG_ARGISNULL(i))
		return false;
	pgt_check(pt_dtype_parse(text_to_cstring(PG_GETARG_TEXT_PP(i)), dtype, &err), &err);
	return true;
}

/* ---------- torch.tensor ---------- */

/* What PyTorch makes of Python's numbers. */
static PtDtype
inferred(PtDtype dtype)
{
	return pt_dtype_is_float(dtype) ? PT_FLOAT32 : dtype == PT_BOOL ? PT_BOOL : PT_INT64;
}

/* A number; returns its dtype. */
static PtDtype
number_arg(FunctionCallInfo fcinfo, Oid type, int i, void *value)
{
	switch (type)
	{
		case BOOLOID:
			*(bool *) value = PG_GETARG_BOOL(i);
			return PT_BOOL;
		case INT2OID:
			*(int64 *) value = PG_GETARG_INT16(i);
			return PT_INT64;
		case INT4OID:
			*(int64 *) value = PG_GETARG_INT32(i);
			return PT_INT64;
		case INT8OID:
			*(int64 *) value = PG_GETARG_INT64(i);
			return PT_INT64;
		case FLOAT8OID:
			*(double *) value = PG_GETARG_FLOAT8(i);
			return PT_FLOAT64;
		default:
			elog(ERROR, "type %u is no number", type);
	}
}

/*
 * torch.tensor(data, dtype text DEFAULT NULL) returns tensor
 *
 * data: smallint, integer, bigint, double precision, boolean; arrays of those, real or numeric; text; or
 * a tensor, which is copied.
 */
PG_FUNCTION_INFO_V1(pgtorch_tensor);
Datum
pgtorch_tensor(PG_FUNCTION_ARGS)
{
	PgtCall *call = pgt_call_open(fcinfo);
	Oid type = call->types[0];
	PtDtype dtype = PT_FLOAT32;
	bool typed = dtype_arg(fcinfo, 1, &dtype);
	int64 number;
	PtTensor view;

	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	if (type == TEXTOID)
	{
		char *source = text_to_cstring(PG_GETARG_TEXT_PP(0));

		PG_RETURN_TENSOR(typed ? pgt_tensor_read_as(source, dtype) : pgt_tensor_read(source));
	}
	if (pgt_tensor_is_type(type))
	{
		pgt_tensor_open(PG_GETARG_DATUM(0), &view);
		PG_RETURN_TENSOR(pgt_tensor_convert(&view, typed ? dtype : view.dtype));
	}
	if (OidIsValid(get_element_type(type)))
		pgt_tensor_view(pgt_tensor_from_array(PG_GETARG_ARRAYTYPE_P(0)), &view);
	else
	{
		view.dtype = number_arg(fcinfo, type, 0, &number);
		view.shape.ndim = 0;
		view.data = &number;
	}
	PG_RETURN_TENSOR(pgt_tensor_convert(&view, typed ? dtype : inferred(view.dtype)));
}

/* ---------- what a tensor is ---------- */

/*
 * torch.item(tensor) returns double precision
 *
 * The one element; an int64 beyond 2^53 is rounded.
 */
PG_FUNCTION_INFO_V1(pgtorch_item);
Datum
pgtorch_item(PG_FUNCTION_ARGS)
{
	PtTensor view;

	pgt_tensor_open(PG_GETARG_DATUM(0), &view);
	return pgt_tensor_to_scalar(&view, FLOAT8OID);
}

/* torch.shape(tensor) returns integer[] */
PG_FUNCTION_INFO_V1(pgtorch_shape);
Datum
pgtorch_shape(PG_FUNCTION_ARGS)
{
	Datum sizes[PT_MAX_DIM];
	PtTensor head;

	pgt_tensor_describe(PG_GETARG_DATUM(0), &head);
	for (int d = 0; d < head.shape.ndim; d++)
		sizes[d] = Int32GetDatum((int32) head.shape.dim[d]);
	PG_RETURN_ARRAYTYPE_P(construct_array(sizes, head.shape.ndim, INT4OID, 4, true, TYPALIGN_INT));
}

/* torch.dtype(tensor) returns text */
PG_FUNCTION_INFO_V1(pgtorch_dtype);
Datum
pgtorch_dtype(PG_FUNCTION_ARGS)
{
	PtTensor head;

	pgt_tensor_describe(PG_GETARG_DATUM(0), &head);
	PG_RETURN_TEXT_P(cstring_to_text(pt_dtype_name(head.dtype)));
}

/* torch.numel(tensor) returns bigint */
PG_FUNCTION_INFO_V1(pgtorch_numel);
Datum
pgtorch_numel(PG_FUNCTION_ARGS)
{
	PtTensor head;

	pgt_tensor_describe(PG_GETARG_DATUM(0), &head);
	PG_RETURN_INT64(pt_shape_numel(&head.shape));
}

/* torch.dim(tensor) returns integer */
PG_FUNCTION_INFO_V1(pgtorch_dim);
Datum
pgtorch_dim(PG_FUNCTION_ARGS)
{
	PtTensor head;

	pgt_tensor_describe(PG_GETARG_DATUM(0), &head);
	PG_RETURN_INT32(head.shape.ndim);
}
