/*
 * cast.c
 *	  Tensors from and to PostgreSQL's arrays and numbers.
 *
 * Arrays without NULLs of fixed-size types are plain C arrays, so most casts are one copy.  Values
 * that must be checked go through a small buffer as double or int64, whichever holds them exactly.
 */
#include "tensor/cast.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/memutils.h"
#include "utils/numeric.h"


/* elements between two checks for interrupts */
#define PIECE 4096

typedef struct Element
{
	Oid type;
	PtDtype dtype; /* the dtype of the same bytes; of numeric, what it becomes */
	const char *name;
} Element;

static const Element elements[] = {
	{FLOAT4OID, PT_FLOAT32, "real"},	 {FLOAT8OID, PT_FLOAT64, "double precision"},
	{INT2OID, PT_INT16, "smallint"},	 {INT4OID, PT_INT32, "integer"},
	{INT8OID, PT_INT64, "bigint"},		 {BOOLOID, PT_BOOL, "boolean"},
	{NUMERICOID, PT_FLOAT64, "numeric"},
};

static const Element *
find_element(Oid type)
{
	for (int i = 0; i < lengthof(elements); i++)
		if (elements[i].type == type)
			return &elements[i];
	elog(ERROR, "no cast between tensor and type %u", type);
}

/* ----- from arrays ----- */

static void
from_numerics(ArrayType *array, double *out)
{
	Datum *values;
	int n;

	deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT, &values, NULL, &n);
	for (int i = 0; i < n; i++)
	{
		out[i] = DatumGetFloat8(DirectFunctionCall1(numeric_float8, values[i]));
		if (i % PIECE == 0)
			CHECK_FOR_INTERRUPTS();
	}
	pfree(values);
}

PgtTensor *
pgt_tensor_from_array(ArrayType *array)
{
	const Element *element = find_element(ARR_ELEMTYPE(array));
	PtShape shape = {1, {0}};
	PtTensor view;
	PgtTensor *t;

	if (array_contains_nulls(array))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("array with NULL elements cannot become a tensor")));
	if (ARR_NDIM(array) > 0)
	{
		shape.ndim = ARR_NDIM(array);
		for (int d = 0; d < shape.ndim; d++)
			shape.dim[d] = ARR_DIMS(array)[d];
	}
	t = pgt_tensor_make(element->dtype, &shape, &view);
	if (element->type == NUMERICOID)
		from_numerics(array, view.data);
	else
		memcpy(view.data, ARR_DATA_PTR(array), pt_tensor_bytes(&view));
	return t;
}

/* ----- to numbers ----- */

static void
out_of_range(const Element *element)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("%s out of range", element->name)));
}

/* n floats, already as doubles, to an integer type: rounded, or refused */
static void
round_to_ints(const Element *element, const double *in, int64 *out, int n)
{
	/* bounds that are exact as double; the upper one is excluded */
	double limit = element->type == INT2OID ? 0x1p15 : element->type == INT4OID ? 0x1p31 : 0x1p63;

	for (int i = 0; i < n; i++)
	{
		double value = rint(in[i]);

		if (!(value >= -limit && value < limit))
			out_of_range(element);
		out[i] = (int64) value;
	}
}

static void
check_ints(const Element *element, const int64 *in, int n)
{
	int64 greatest = element->type == INT2OID	? PG_INT16_MAX
					 : element->type == INT4OID ? PG_INT32_MAX
												: PG_INT64_MAX;

	for (int i = 0; i < n; i++)
		if (in[i] > greatest || in[i] < -greatest - 1)
			out_of_range(element);
}

/* PostgreSQL's cast to real refuses what becomes infinite, or zero */
static void
check_reals(const double *in, const float *out, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (isinf(out[i]) && !isinf(in[i]))
			float_overflow_error();
		if (out[i] == 0 && in[i] != 0)
			float_underflow_error();
	}
}

/* n elements from data, at most PIECE, into PostgreSQL's type */
static void
convert_piece(const Element *element, void *out, PtDtype dtype, const void *data, int n)
{
	double doubles[PIECE];
	int64 ints[PIECE];

	switch (element->type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			if (pt_dtype_is_float(dtype))
			{
				pt_convert(PT_FLOAT64, doubles, dtype, data, n);
				round_to_ints(element, doubles, ints, n);
			}
			else
			{
				pt_convert(PT_INT64, ints, dtype, data, n);
				check_ints(element, ints, n);
			}
			pt_convert(element->dtype, out, PT_INT64, ints, n);
			break;
		case FLOAT4OID:
			pt_convert(PT_FLOAT32, out, dtype, data, n);
			if (dtype == PT_FLOAT64)
				check_reals(data, out, n);
			break;
		default:
			pt_convert(element->dtype, out, dtype, data, n);
			break;
	}
}

/*
 * numeric holds every finite float; its digits are the shortest that read back, as the tensor
 * prints
 */
static Datum
to_numeric(const PtTensor *t, Size i)
{
	char text[PT_ELEMENT_TEXT];

	if (!pt_dtype_is_float(t->dtype))
		return NumericGetDatum(int64_to_numeric(pt_element_get_int64(t->dtype, t->data, i)));
	pt_element_print(t->dtype, t->data, i, text);
	return DirectFunctionCall3(numeric_in, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid),
							   Int32GetDatum(-1));
}

static ArrayType *
to_numerics(const PtTensor *t, int ndim, int *dims, int *lower)
{
	Size n = pt_shape_numel(&t->shape);
	Datum *values;
	ArrayType *array;

	if (n > MaxAllocSize / sizeof(Datum))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("array size exceeds the maximum allowed (%d)",
						(int) (MaxAllocSize / sizeof(Datum)))));
	values = palloc(n * sizeof(Datum));
	for (Size i = 0; i < n; i++)
	{
		values[i] = to_numeric(t, i);
		if (i % PIECE == 0)
			CHECK_FOR_INTERRUPTS();
	}
	array =
		construct_md_array(values, NULL, ndim, dims, lower, NUMERICOID, -1, false, TYPALIGN_INT);
	for (Size i = 0; i < n; i++)
		pfree(DatumGetPointer(values[i]));
	pfree(values);
	return array;
}

ArrayType *
pgt_tensor_to_array(const PtTensor *t, Oid element_type)
{
	const Element *element = find_element(element_type);
	Size size = pt_dtype_size(element->dtype);
	Size from_size = pt_dtype_size(t->dtype);
	Size n = pt_shape_numel(&t->shape);
	int ndim = t->shape.ndim;
	int dims[MAXDIM];
	int lower[MAXDIM];
	Size bytes;
	ArrayType *array;

	if (ndim < 1 || ndim > MAXDIM)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a tensor of %d dimensions cannot become an array", ndim),
				 errdetail("Arrays have 1 to %d dimensions.", MAXDIM),
				 ndim == 0 ? errhint("Cast it to a number.") : errhint("Reshape it first.")));
	if (n == 0)
		return construct_empty_array(element_type);
	for (int d = 0; d < ndim; d++)
	{
		dims[d] = (int) t->shape.dim[d];
		lower[d] = 1;
	}
	if (element_type == NUMERICOID)
		return to_numerics(t, ndim, dims, lower);

	bytes = ARR_OVERHEAD_NONULLS(ndim) + n * size;
	if (ArrayGetNItems(ndim, dims) != n || !AllocSizeIsValid(bytes))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("array size exceeds the maximum allowed (%d)", (int) MaxAllocSize)));
	array = palloc(bytes);
	memset(array, 0, ARR_OVERHEAD_NONULLS(ndim));
	SET_VARSIZE(array, bytes);
	array->ndim = ndim;
	array->dataoffset = 0;
	array->elemtype = element_type;
	memcpy(ARR_DIMS(array), dims, ndim * sizeof(int));
	memcpy(ARR_LBOUND(array), lower, ndim * sizeof(int));
	for (Size i = 0; i < n; i += PIECE)
	{
		convert_piece(element, ARR_DATA_PTR(array) + i * size, t->dtype,
					  (char *) t->data + i * from_size, (int) Min(n - i, PIECE));
		CHECK_FOR_INTERRUPTS();
	}
	return array;
}

Datum
pgt_tensor_to_scalar(const PtTensor *t, Oid type)
{
	const Element *element = find_element(type);
	int64 n = pt_shape_numel(&t->shape);
	union
	{
		double float8;
		int32 int4;
		int64 int8;
		bool boolean;
	} value;

	if (n != 1)
	{
		char text[PT_SHAPE_TEXT];

		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("only a tensor of one element can become a number, "
						"not one of " INT64_FORMAT,
						n),
				 errdetail("Its shape is %s.", pt_shape_print(&t->shape, text))));
	}
	convert_piece(element, &value, t->dtype, t->data, 1);
	switch (type)
	{
		case FLOAT8OID:
			return Float8GetDatum(value.float8);
		case INT4OID:
			return Int32GetDatum(value.int4);
		case INT8OID:
			return Int64GetDatum(value.int8);
		default:
			return BoolGetDatum(value.boolean);
	}
}
