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
#include "miscadmin.h"
#include "tensor/cast.h"
#include "tensor/datum.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* elements between two checks for interrupts */
#define PIECE 65536

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

static void
fail_range(PtDtype dtype, const void *values, PtDtype from, Size i)
{
	char number[PT_ELEMENT_TEXT];

	pt_element_print(from, values, i, number);
	ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					errmsg("value %s is out of range for dtype %s", number, pt_dtype_name(dtype))));
}

/* Refuses what an integer dtype cannot hold. */
static void
check_range(PtDtype dtype, const PtTensor *t, Size n)
{
	for (Size i = 0; i < n; i += PIECE)
	{
		Size piece = Min(n - i, PIECE);
		Size bad = pt_dtype_first_misfit(dtype, t->dtype, pt_tensor_at(t, i), piece);

		if (bad < piece)
			fail_range(dtype, t->data, t->dtype, i + bad);
		CHECK_FOR_INTERRUPTS();
	}
}

static PgtTensor *
convert(const PtTensor *from, PtDtype dtype)
{
	Size n = pt_shape_numel(&from->shape);
	PtTensor view;
	PgtTensor *t;

	check_range(dtype, from, n);
	t = pgt_tensor_result(dtype, &from->shape, &view);
	for (Size i = 0; i < n; i += PIECE)
	{
		pt_convert(dtype, (char *) view.data + i * pt_dtype_size(dtype), from->dtype,
				   pt_tensor_at(from, i), Min(n - i, PIECE));
		CHECK_FOR_INTERRUPTS();
	}
	return t;
}

/* What PyTorch makes of Python's numbers. */
static PtDtype
inferred(PtDtype dtype)
{
	return pt_dtype_is_float(dtype) ? PT_FLOAT32 : dtype == PT_BOOL ? PT_BOOL : PT_INT64;
}

/* The text of a tensor; with a dtype, it is read in that one at once unless it states its own. */
static PgtTensor *
from_text(const char *text, bool typed, PtDtype dtype)
{
	const char *s = text + strspn(text, " \t\n\r\f\v");
	bool bracket = *s == '[';
	PgtTensor *t;
	PtTensor view;

	if (typed && (bracket || strpbrk(s, "[(") == NULL))
		text = psprintf("%s%s%s", pt_dtype_name(dtype), bracket ? "" : "()", s);
	t = pgt_tensor_read(text);
	pgt_tensor_view(t, &view);
	return typed && view.dtype != dtype ? convert(&view, dtype) : t;
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
		PG_RETURN_TENSOR(from_text(text_to_cstring(PG_GETARG_TEXT_PP(0)), typed, dtype));
	if (pgt_tensor_is_type(type))
	{
		pgt_tensor_open(PG_GETARG_DATUM(0), &view);
		PG_RETURN_TENSOR(convert(&view, typed ? dtype : view.dtype));
	}
	if (OidIsValid(get_element_type(type)))
		pgt_tensor_view(pgt_tensor_from_array(PG_GETARG_ARRAYTYPE_P(0)), &view);
	else
	{
		view.dtype = number_arg(fcinfo, type, 0, &number);
		view.shape.ndim = 0;
		view.data = &number;
	}
	PG_RETURN_TENSOR(convert(&view, typed ? dtype : inferred(view.dtype)));
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
