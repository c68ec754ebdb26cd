/*
 * reader.c
 *	  Reading the values of columns: scalars, arrays, tensors, labels.
 *
 * There is one reader per (type, dtype), chosen once, as this runs for every value of every row.
 * An array that is stored with a short header is read in place: its fields are then unaligned,
 * hence the memcpy.  Only toasted, compressed and expanded values are copied.
 *
 * Memory: copies are freed at once, except by functions of PostgreSQL's numeric.
 * Errors: raised here, named by column and row.
 */
#include "postgres.h"

#include "dataset/reader.h"

#include "compat.h"

#include "catalog/pg_type.h"
#include "dataset/convert.h"
#include "dataset/messages.h"
#include "fmgr.h"
#include "tensor/datum.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

/* ---- messages ---- */

static void out_of_range(const PgtDecoder *d, const PgtPart *part, int column, const char *value)
	pg_attribute_noreturn();

static void
out_of_range(const PgtDecoder *d, const PgtPart *part, int column, const char *value)
{
	if (part->to == PT_INT64)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s has the value %s%s, which is not an index", pgt_column_text(d, column), value,
						pgt_row_text(d)),
				 errdetail("It is read as int64, so it must be a whole number.")));
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("%s has the value %s%s, which is out of range for float32", pgt_column_text(d, column),
					value, pgt_row_text(d))));
}

static void
out_of_range_double(const PgtDecoder *d, const PgtPart *part, int column, double value)
{
	out_of_range(d, part, column, float8out_internal(value));
}

/* ---- elements ---- */

#define CONVERT(name, ctype, rtype, function)                    \
	static int64 name(const char *from, int64 n, char *to)       \
	{                                                            \
		rtype *out = (rtype *) to;                               \
                                                                 \
		for (int64 i = 0; i < n; i++)                            \
		{                                                        \
			ctype v;                                             \
                                                                 \
			memcpy(&v, from + i * sizeof(ctype), sizeof(ctype)); \
			if (unlikely(!function))                             \
				return i;                                        \
		}                                                        \
		return -1;                                               \
	}

static int64
float_float32(const char *from, int64 n, char *to)
{
	memcpy(to, from, n * sizeof(float));
	return -1;
}

static int64
int_int64(const char *from, int64 n, char *to)
{
	memcpy(to, from, n * sizeof(int64));
	return -1;
}

CONVERT(float_float64, double, float, pgt_float_of_double(v, &out[i]))
CONVERT(float_float16, uint16_t, float, pgt_float_of_float(pt_half_to_float(v), &out[i]))
CONVERT(float_bfloat16, uint16_t, float, pgt_float_of_float(pt_bfloat_to_float(v), &out[i]))
CONVERT(float_int64, int64_t, float, pgt_float_of_int(v, &out[i]))
CONVERT(float_int32, int32_t, float, pgt_float_of_int(v, &out[i]))
CONVERT(float_int16, int16_t, float, pgt_float_of_int(v, &out[i]))
CONVERT(float_int8, int8_t, float, pgt_float_of_int(v, &out[i]))
CONVERT(float_uint8, uint8_t, float, pgt_float_of_int(v, &out[i]))
CONVERT(float_bool, uint8_t, float, pgt_float_of_int(v != 0, &out[i]))
CONVERT(int_float32, float, int64_t, pgt_int_of_float(v, &out[i]))
CONVERT(int_float64, double, int64_t, pgt_int_of_double(v, &out[i]))
CONVERT(int_float16, uint16_t, int64_t, pgt_int_of_float(pt_half_to_float(v), &out[i]))
CONVERT(int_bfloat16, uint16_t, int64_t, pgt_int_of_float(pt_bfloat_to_float(v), &out[i]))
CONVERT(int_int32, int32_t, int64_t, pgt_int_of_int(v, &out[i]))
CONVERT(int_int16, int16_t, int64_t, pgt_int_of_int(v, &out[i]))
CONVERT(int_int8, int8_t, int64_t, pgt_int_of_int(v, &out[i]))
CONVERT(int_uint8, uint8_t, int64_t, pgt_int_of_int(v, &out[i]))
CONVERT(int_bool, uint8_t, int64_t, pgt_int_of_int(v != 0, &out[i]))

static const PgtConvert converters[PT_NDTYPE][2] = {
	[PT_FLOAT32] = {float_float32, int_float32}, [PT_FLOAT64] = {float_float64, int_float64},
	[PT_FLOAT16] = {float_float16, int_float16}, [PT_BFLOAT16] = {float_bfloat16, int_bfloat16},
	[PT_INT64] = {float_int64, int_int64},		 [PT_INT32] = {float_int32, int_int32},
	[PT_INT16] = {float_int16, int_int16},		 [PT_INT8] = {float_int8, int_int8},
	[PT_UINT8] = {float_uint8, int_uint8},		 [PT_BOOL] = {float_bool, int_bool},
};

static PgtConvert
converter(PtDtype from, PtDtype to)
{
	return converters[from][to == PT_INT64];
}

/* One element of a numeric column or array, as a double; false if it is finite but no double is. */
static bool
numeric_double(Datum value, double *out)
{
	Numeric n = DatumGetNumeric(value);
	bool fits;

	*out = DatumGetFloat8(DirectFunctionCall1(numeric_float8_no_overflow, NumericGetDatum(n)));
	fits = !isinf(*out) || numeric_is_inf(n);
	if ((Pointer) n != DatumGetPointer(value))
		pfree(n);
	return fits;
}

static void
numeric_element(const PgtDecoder *d, const PgtPart *part, int column, Datum value, char *to,
				int64 i)
{
	double v;

	if (!numeric_double(value, &v) ||
		!(part->to == PT_INT64 ? pgt_int_of_double(v, &((int64_t *) to)[i])
							   : pgt_float_of_double(v, &((float *) to)[i])))
	{
		/* it may have thousands of digits */
		char *text = DatumGetCString(DirectFunctionCall1(numeric_out, value));

		if (strlen(text) > 40)
			strcpy(text + 37, "...");
		out_of_range(d, part, column, text);
	}
}

/* ---- scalar columns ---- */

#define SCALARS(name, ctype, get, rtype, function)                                  \
	static bool name(const PgtDecoder *d, const PgtPart *part, const Datum *values, \
					 const bool *isnull, char *row)                                 \
	{                                                                               \
		rtype *out = (rtype *) (row + part->offset);                                \
		int n = part->n;                                                            \
                                                                                    \
		values += part->first;                                                      \
		isnull += part->first;                                                      \
		for (int i = 0; i < n; i++)                                                 \
		{                                                                           \
			ctype v;                                                                \
                                                                                    \
			if (unlikely(isnull[i]))                                                \
				return pgt_refuse_null(d, part->first + i);                         \
			v = get(values[i]);                                                     \
			if (unlikely(!function(v, &out[i])))                                    \
				out_of_range_double(d, part, part->first + i, v);                   \
		}                                                                           \
		return true;                                                                \
	}

SCALARS(scalar_float_int2, int16_t, DatumGetInt16, float, pgt_float_of_int)
SCALARS(scalar_float_int4, int32_t, DatumGetInt32, float, pgt_float_of_int)
SCALARS(scalar_float_int8, int64_t, DatumGetInt64, float, pgt_float_of_int)
SCALARS(scalar_float_float4, float, DatumGetFloat4, float, pgt_float_of_float)
SCALARS(scalar_float_float8, double, DatumGetFloat8, float, pgt_float_of_double)
SCALARS(scalar_float_bool, bool, DatumGetBool, float, pgt_float_of_int)
SCALARS(scalar_int_int2, int16_t, DatumGetInt16, int64_t, pgt_int_of_int)
SCALARS(scalar_int_int4, int32_t, DatumGetInt32, int64_t, pgt_int_of_int)
SCALARS(scalar_int_int8, int64_t, DatumGetInt64, int64_t, pgt_int_of_int)
SCALARS(scalar_int_float4, float, DatumGetFloat4, int64_t, pgt_int_of_float)
SCALARS(scalar_int_float8, double, DatumGetFloat8, int64_t, pgt_int_of_double)
SCALARS(scalar_int_bool, bool, DatumGetBool, int64_t, pgt_int_of_int)

static bool
scalar_numeric(const PgtDecoder *d, const PgtPart *part, const Datum *values, const bool *isnull,
			   char *row)
{
	for (int i = 0; i < part->n; i++)
	{
		int column = part->first + i;

		if (isnull[column])
			return pgt_refuse_null(d, column);
		numeric_element(d, part, column, values[column], row + part->offset, i);
	}
	return true;
}

static const PgtPartReader scalar_readers[PT_NDTYPE][2] = {
	[PT_INT16] = {scalar_float_int2, scalar_int_int2},
	[PT_INT32] = {scalar_float_int4, scalar_int_int4},
	[PT_INT64] = {scalar_float_int8, scalar_int_int8},
	[PT_FLOAT32] = {scalar_float_float4, scalar_int_float4},
	[PT_FLOAT64] = {scalar_float_float8, scalar_int_float8},
	[PT_BOOL] = {scalar_float_bool, scalar_int_bool},
};

/* ---- arrays ---- */

/* Where the parts of an array lie behind its varlena header, short or long. */
typedef struct ArrayView
{
	const char *body; /* behind the header */
	int ndim;
	int dim[MAXDIM];
	bool bitmap; /* it may have NULL elements */
	const char *data;
	struct varlena *copy; /* to be freed, or NULL */
} ArrayView;

static inline void
array_view(Datum value, ArrayView *a)
{
	struct varlena *v = (struct varlena *) DatumGetPointer(value);
	int32 dataoffset;

	a->copy = NULL;
	if (unlikely(VARATT_IS_EXTERNAL(v) || VARATT_IS_COMPRESSED(v)))
		v = a->copy = pg_detoast_datum(v);
	a->body = VARDATA_ANY(v);
	memcpy(&a->ndim, a->body + offsetof(ArrayType, ndim) - VARHDRSZ, sizeof(int));
	memcpy(&dataoffset, a->body + offsetof(ArrayType, dataoffset) - VARHDRSZ, sizeof(int32));
	memcpy(a->dim, a->body + sizeof(ArrayType) - VARHDRSZ, a->ndim * sizeof(int));
	a->bitmap = dataoffset != 0;
	a->data = a->body + (a->bitmap ? (Size) dataoffset : ARR_OVERHEAD_NONULLS(a->ndim)) - VARHDRSZ;
}

/* An empty array has no dimensions in PostgreSQL; here it is a vector of no elements. */
static void
array_shape(const ArrayView *a, PtShape *shape)
{
	shape->ndim = Max(a->ndim, 1);
	shape->dim[0] = 0;
	for (int i = 0; i < a->ndim; i++)
		shape->dim[i] = a->dim[i];
}

static inline void
array_check(const PgtDecoder *d, const PgtPart *part, const ArrayView *a)
{
	PtShape shape;

	/* an empty array has none, a shape without dimensions has one element */
	if (likely(a->ndim == part->shape.ndim && a->ndim > 0))
	{
		int i = 0;

		while (i < a->ndim && a->dim[i] == part->shape.dim[i])
			i++;
		if (likely(i == a->ndim))
			return;
	}
	array_shape(a, &shape);
	if (!pt_shape_equal(&shape, &part->shape))
		pgt_refuse_shape(d, part, &shape);
}

/* True if an array with a bitmap has a NULL; the array's lower bits come first. */
static bool
array_has_null(const PgtPart *part, const ArrayView *a)
{
	const unsigned char *bits =
		(const unsigned char *) a->body + sizeof(ArrayType) - VARHDRSZ + 2 * a->ndim * sizeof(int);

	for (int64 i = 0; i < part->numel; i++)
	{
		if ((bits[i / 8] & (1 << (i % 8))) == 0)
			return true;
	}
	return false;
}

static void bad_element(const PgtDecoder *d, const PgtPart *part, PtDtype dtype, const char *data,
						int64 i) pg_attribute_noreturn();

static void
bad_element(const PgtDecoder *d, const PgtPart *part, PtDtype dtype, const char *data, int64 i)
{
	/* the data may be unaligned */
	double element = 0;

	memcpy(&element, data + i * pt_dtype_size(dtype), pt_dtype_size(dtype));
	out_of_range(d, part, part->first,
				 float8out_internal(pt_element_get_double(dtype, &element, 0)));
}

static bool
read_array(const PgtDecoder *d, const PgtPart *part, const Datum *values, const bool *isnull,
		   char *row)
{
	ArrayView a;
	int64 bad;

	if (unlikely(isnull[part->first]))
		return pgt_refuse_null(d, part->first);
	array_view(values[part->first], &a);
	array_check(d, part, &a);
	if (unlikely(a.bitmap) && array_has_null(part, &a))
		return pgt_refuse_null_element(d, part->first);
	bad = part->convert(a.data, part->numel, row + part->offset);
	if (unlikely(bad >= 0))
		bad_element(d, part, part->source.dtype, a.data, bad);
	if (unlikely(a.copy != NULL))
		pfree(a.copy);
	return true;
}

static bool
read_array_numeric(const PgtDecoder *d, const PgtPart *part, const Datum *values,
				   const bool *isnull, char *row)
{
	ArrayView a;
	ArrayType *array;
	ArrayIterator iterator;
	Datum value;
	bool null;
	bool ok = true;

	if (isnull[part->first])
		return pgt_refuse_null(d, part->first);
	array_view(values[part->first], &a);
	array_check(d, part, &a);

	/* elements of varying length: the array's own functions step through them, and want it aligned */
	array = a.copy ? (ArrayType *) a.copy : DatumGetArrayTypeP(values[part->first]);
	iterator = array_create_iterator(array, 0, NULL);
	for (int64 i = 0; ok && array_iterate(iterator, &value, &null); i++)
	{
		if (null)
			ok = pgt_refuse_null_element(d, part->first);
		else
			numeric_element(d, part, part->first, value, row + part->offset, i);
	}
	array_free_iterator(iterator);
	if ((Pointer) array != DatumGetPointer(values[part->first]))
		pfree(array);
	return ok;
}

/* ---- tensors ---- */

static bool
read_tensor(const PgtDecoder *d, const PgtPart *part, const Datum *values, const bool *isnull,
			char *row)
{
	PtTensor t;
	PgtTensor *copy;
	int64 bad;

	if (unlikely(isnull[part->first]))
		return pgt_refuse_null(d, part->first);
	copy = pgt_tensor_open(values[part->first], &t);
	if (unlikely(!pt_shape_equal(&t.shape, &part->shape)))
		pgt_refuse_shape(d, part, &t.shape);
	bad = converter(t.dtype, part->to)(t.data, part->numel, row + part->offset);
	if (unlikely(bad >= 0))
		bad_element(d, part, t.dtype, t.data, bad);
	if (copy != NULL)
		pfree(copy);
	return true;
}

/* ---- labels ---- */

static bool
read_label(const PgtDecoder *d, const PgtPart *part, const Datum *values, const bool *isnull,
		   char *row)
{
	int64 index;

	if (unlikely(isnull[part->first]))
		return pgt_refuse_null(d, part->first);
	index = pgt_labels_index(part->labels, values[part->first]);
	if (unlikely(index < 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s has the label \"%s\"%s, which the model does not know",
						pgt_column_text(d, part->first),
						pgt_labels_text(part->labels, values[part->first]), pgt_row_text(d)),
				 errhint("The labels of a model are those of its first training.")));
	if (part->to == PT_INT64)
		*(int64 *) (row + part->offset) = index;
	else
		*(float *) (row + part->offset) = (float) index;
	return true;
}

/* ---- types ---- */

/* The dtype that elements of an SQL type are read as. */
static bool
element_dtype(Oid type, PtDtype *dtype)
{
	switch (type)
	{
		case INT2OID:
			*dtype = PT_INT16;
			return true;
		case INT4OID:
			*dtype = PT_INT32;
			return true;
		case INT8OID:
			*dtype = PT_INT64;
			return true;
		case FLOAT4OID:
			*dtype = PT_FLOAT32;
			return true;
		case FLOAT8OID:
		case NUMERICOID:
			*dtype = PT_FLOAT64;
			return true;
		case BOOLOID:
			*dtype = PT_BOOL;
			return true;
		default:
			return false;
	}
}

bool
pgt_source_of(Oid type, PgtSource *source)
{
	Oid element;

	memset(source, 0, sizeof(PgtSource));
	source->type = getBaseType(type);
	source->element = source->type;
	if (pgt_tensor_is_type(source->type))
	{
		source->kind = PGT_KIND_TENSOR;
		return true;
	}
	element = get_element_type(source->type);
	if (OidIsValid(element))
	{
		source->kind = PGT_KIND_ARRAY;
		source->element = getBaseType(element);
	}
	source->numeric = source->element == NUMERICOID;
	return element_dtype(source->element, &source->dtype);
}

void
pgt_part_reader(PgtPart *part)
{
	const PgtSource *s = &part->source;

	if (part->labels != NULL)
		part->read = read_label;
	else if (s->kind == PGT_KIND_TENSOR)
		part->read = read_tensor;
	else if (s->kind == PGT_KIND_SCALAR)
		part->read = s->numeric ? scalar_numeric : scalar_readers[s->dtype][part->to == PT_INT64];
	else
	{
		part->read = s->numeric ? read_array_numeric : read_array;
		part->convert = converter(s->dtype, part->to);
	}
}

void
pgt_source_shape(const PgtSource *source, Datum value, PtShape *shape, PtDtype *dtype)
{
	*dtype = source->dtype;
	if (source->kind == PGT_KIND_TENSOR)
	{
		PtTensor t;

		pgt_tensor_describe(value, &t);
		*shape = t.shape;
		*dtype = t.dtype;
	}
	else
	{
		ArrayView a;

		array_view(value, &a);
		array_shape(&a, shape);
		if (a.copy != NULL)
			pfree(a.copy);
	}
}
