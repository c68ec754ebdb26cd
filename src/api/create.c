/*
 * create.c
 *	  Tensors made from SQL values, from nothing and by chance: torch.tensor, zeros, ones, full, rand, randn;
 *	  and what there is to ask of a tensor: torch.item, shape, dtype, numel, dim.
 *
 * torch.tensor takes SQL's numbers and arrays as PyTorch takes Python's: integers become int64, other
 * numbers float32, boolean bool, unless a dtype is named.  (A cast, array::tensor, keeps the array's own type.)
 * What an integer dtype cannot hold is refused; fractions are cut off, as PyTorch does.
 *
 * Random numbers come from one generator a session, PyTorch's.  Unlike PyTorch's it starts
 * with a random seed, so that no two sessions draw the same numbers unless torch.manual_seed says so.
 * A rollback does not turn it back.
 */
#include "postgres.h"

#include <math.h>

#include "api/call.h"
#include "api/ints.h"
#include "bridge/bridge.h"
#include "catalog/pg_type.h"
#include "compat.h"
#include "engine/data/rng.h"
#include "miscadmin.h"
#include "tensor/cast.h"
#include "tensor/datum.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* elements between two checks for interrupts; a multiple of 16, the block of pt_rng_normal */
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

static void
set_size(PtShape *shape, int i, int64 size)
{
	if (i >= PT_MAX_DIM)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a tensor has 0 to %d dimensions, not more", PT_MAX_DIM)));
	shape->dim[i] = size;
	shape->ndim = i + 1;
}

/* Argument 0, the sizes of a new tensor, and those that follow if argument 1 is VARIADIC integer[]. */
static void
size_args(FunctionCallInfo fcinfo, const PgtCall *call, PtShape *shape)
{
	PtArena *arena = pgt_arena_new(CurrentMemoryContext);
	PtValue value;

	pgt_ints_value(PG_GETARG_DATUM(0), arena, &value);
	if (value.kind == PT_VALUE_WORD)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("a size must be an integer, or several, not \"%s\"", value.word)));
	shape->ndim = 0;
	if (value.kind == PT_VALUE_INT)
		set_size(shape, 0, value.integer);
	else
		for (int d = 0; d < value.count; d++)
			set_size(shape, d, value.ints[d]);
	if (call->nargs > 1 && call->types[1] == INT4ARRAYOID)
	{
		Datum *sizes;
		bool *nulls;
		int n;

		if (value.kind != PT_VALUE_INT)
			ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
							errmsg("sizes must be one array or several integers, not both")));
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), INT4OID, 4, true, TYPALIGN_INT, &sizes, &nulls,
						  &n);
		for (int d = 0; d < n; d++)
		{
			if (nulls[d])
				ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED), errmsg("a size must not be null")));
			set_size(shape, d + 1, DatumGetInt32(sizes[d]));
		}
	}
}

/*
 * What zeros, ones, rand and randn have in common: their sizes, and the dtype that may follow.  False
 * if the sizes are NULL.
 */
static bool
new_args(FunctionCallInfo fcinfo, PtShape *shape, PtDtype *dtype)
{
	PgtCall *call = pgt_call_open(fcinfo);

	*dtype = PT_FLOAT32;
	if (PG_ARGISNULL(0))
		return false;
	if (call->types[1] != TEXTOID && PG_ARGISNULL(1))
		return false;
	if (call->types[1] == TEXTOID)
		dtype_arg(fcinfo, 1, dtype);
	size_args(fcinfo, call, shape);
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
check_range(PtDtype dtype, const void *values, PtDtype from, Size n)
{
	int bits = (int) pt_dtype_size(dtype) * 8 - (dtype == PT_UINT8 ? 0 : 1);
	int64 most = bits == 63 ? PG_INT64_MAX : (INT64CONST(1) << bits) - 1;
	int64 least = dtype == PT_UINT8 ? 0 : -most - 1;

	if (!pt_dtype_is_int(dtype) || from == dtype || from == PT_BOOL)
		return;
	for (Size i = 0; i < n; i++)
	{
		if (i % PIECE == 0)
			CHECK_FOR_INTERRUPTS();
		if (pt_dtype_is_float(from))
		{
			double value = trunc(pt_element_get_double(from, values, i));

			/* the bound is exact as a double where most is not */
			if (!(value >= (double) least && value < ldexp(1, bits)))
				fail_range(dtype, values, from, i);
		}
		else
		{
			int64 value = pt_element_get_int64(from, values, i);

			if (value < least || value > most)
				fail_range(dtype, values, from, i);
		}
	}
}

static PgtTensor *
convert(const PtTensor *from, PtDtype dtype)
{
	Size n = pt_shape_numel(&from->shape);
	PtTensor view;
	PgtTensor *t;

	check_range(dtype, from->data, from->dtype, n);
	t = pgt_tensor_result(dtype, &from->shape, &view);
	for (Size i = 0; i < n; i += PIECE)
	{
		pt_convert(dtype, (char *) view.data + i * pt_dtype_size(dtype), from->dtype,
				   (char *) from->data + i * pt_dtype_size(from->dtype), Min(n - i, PIECE));
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

/* ---------- zeros, ones, full ---------- */

/* A tensor with one value, given as an element of another dtype, everywhere. */
static PgtTensor *
filled(PtDtype dtype, const PtShape *shape, PtDtype from, const void *value)
{
	Size size = pt_dtype_size(dtype);
	PtTensor view;
	PgtTensor *t = pgt_tensor_result(dtype, shape, &view);
	Size bytes = pt_tensor_bytes(&view);
	char *data = view.data;
	Size piece = size;

	if (bytes > 0)
		pt_convert(dtype, data, from, value, 1);
	for (Size done = size; done < bytes; done += piece)
	{
		piece = Min(Min(done, PIECE * size), bytes - done);
		memcpy(data + done, data, piece);
		CHECK_FOR_INTERRUPTS();
	}
	return t;
}

/* torch.zeros(size torch.ints, VARIADIC sizes integer[]) and (size torch.ints, dtype text) return tensor */
PG_FUNCTION_INFO_V1(pgtorch_zeros);
Datum
pgtorch_zeros(PG_FUNCTION_ARGS)
{
	PtDtype dtype;
	PtShape shape;

	if (!new_args(fcinfo, &shape, &dtype))
		PG_RETURN_NULL();
	PG_RETURN_TENSOR(pgt_tensor_new(dtype, &shape));
}

/* torch.ones(size, VARIADIC sizes) and (size, dtype) return tensor */
PG_FUNCTION_INFO_V1(pgtorch_ones);
Datum
pgtorch_ones(PG_FUNCTION_ARGS)
{
	int64 one = 1;
	PtDtype dtype;
	PtShape shape;

	if (!new_args(fcinfo, &shape, &dtype))
		PG_RETURN_NULL();
	PG_RETURN_TENSOR(filled(dtype, &shape, PT_INT64, &one));
}

/*
 * torch.full(size torch.ints, fill_value, dtype text DEFAULT NULL) returns tensor
 *
 * The dtype is that of torch.tensor(fill_value).  What it cannot hold is refused, infinity for a finite
 * value included, as PyTorch does.
 */
PG_FUNCTION_INFO_V1(pgtorch_full);
Datum
pgtorch_full(PG_FUNCTION_ARGS)
{
	PgtCall *call = pgt_call_open(fcinfo);
	PtDtype from;
	PtDtype dtype;
	int64 value;
	PtShape shape;
	PgtTensor *t;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_NULL();
	from = number_arg(fcinfo, call->types[1], 1, &value);
	if (!dtype_arg(fcinfo, 2, &dtype))
		dtype = inferred(from);
	size_args(fcinfo, call, &shape);
	check_range(dtype, &value, from, 1);
	if (pt_dtype_is_float(dtype))
	{
		char element[8];

		pt_convert(dtype, element, from, &value, 1);
		if (isinf(pt_element_get_double(dtype, element, 0)) &&
			!isinf(pt_element_get_double(from, &value, 0)))
			fail_range(dtype, &value, from, 0);
	}
	t = filled(dtype, &shape, from, &value);
	PG_RETURN_TENSOR(t);
}

/* ---------- rand, randn ---------- */

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

typedef void (*Draw)(PtRng *rng, PtDtype dtype, void *data, int64_t n, double a, double b);

/* A tensor of random numbers, drawn in pieces that give the same stream as one draw. */
static Datum
draw(FunctionCallInfo fcinfo, const char *name, Draw fill, double a, double b)
{
	PtRng *rng;
	PtDtype dtype;
	PtShape shape;
	PtTensor view;
	PgtTensor *t;
	int64 n;

	if (!new_args(fcinfo, &shape, &dtype))
		PG_RETURN_NULL();
	if (!pt_dtype_is_float(dtype))
		ereport(ERROR, (errcode(ERRCODE_DATATYPE_MISMATCH),
						errmsg("%s expects a floating point dtype, not %s", name, pt_dtype_name(dtype))));
	t = pgt_tensor_result(dtype, &shape, &view);
	rng = session_generator();
	n = pt_shape_numel(&shape);
	for (int64 i = 0; i < n;)
	{
		/* the last piece of normals must not be shorter than a block */
		int64 piece = n - i < PIECE + 16 ? n - i : PIECE;

		fill(rng, dtype, (char *) view.data + i * (int64) pt_dtype_size(dtype), piece, a, b);
		i += piece;
		CHECK_FOR_INTERRUPTS();
	}
	PG_RETURN_TENSOR(t);
}

/* torch.rand(size, VARIADIC sizes) and (size, dtype) return tensor */
PG_FUNCTION_INFO_V1(pgtorch_rand);
Datum
pgtorch_rand(PG_FUNCTION_ARGS)
{
	return draw(fcinfo, "rand", pt_rng_uniform, 0, 1);
}

/* torch.randn(size, VARIADIC sizes) and (size, dtype) return tensor */
PG_FUNCTION_INFO_V1(pgtorch_randn);
Datum
pgtorch_randn(PG_FUNCTION_ARGS)
{
	return draw(fcinfo, "randn", pt_rng_normal, 0, 1);
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
