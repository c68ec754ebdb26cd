/*
 * typmod.c
 *	  tensor(float32, 3, 224, 224): dtype and shape in the 31 bits of a type modifier.
 *
 *		4 bits dtype, 3 bits number of dimensions (0 to 6; 7: any shape), 24 bits shared evenly by
 *		the sizes
 *
 * So one size goes up to 16777215, each of two to 4095, of three to 255, of four to 63, of five and
 * six to 15. What is stored in catalogs is this packing: never change it.
 */
#include "tensor/typmod.h"

#include <errno.h>

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"

#include "bridge/bridge.h"

#define DTYPE_SHIFT 27
#define NDIM_SHIFT 24
#define ANY_SHAPE 7
#define MOST_DIMS 6
/* PostgreSQL: -1 is no modifier, and none is negative */
StaticAssertDecl(PT_NDTYPE <= 16, "a dtype must fit in 4 bits");

static int
size_bits(int ndim)
{
	return ndim > 1 ? 24 / ndim : 24;
}

static void
unpack(int32 typmod, PtDtype *dtype, bool *any_shape, PtShape *shape)
{
	int ndim = (typmod >> NDIM_SHIFT) & 7;

	*dtype = (PtDtype) (typmod >> DTYPE_SHIFT);
	*any_shape = ndim == ANY_SHAPE;
	shape->ndim = *any_shape ? 0 : ndim;
	for (int d = 0; d < shape->ndim; d++)
		shape->dim[d] = (typmod >> (d * size_bits(ndim))) & ((1 << size_bits(ndim)) - 1);
}

static int64
parse_size(const char *word)
{
	char *end;
	long size;

	errno = 0;
	size = strtol(word, &end, 10);
	if (*word == '\0' || *end != '\0' || errno != 0 || size < 0 || size > PG_INT32_MAX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("type modifier of tensor must be a dtype and sizes, not \"%s\"", word),
				 errhint("Write, for example, tensor(float32, 3, 224, 224).")));
	return size;
}

int32
pgt_typmod_in(ArrayType *words)
{
	PtDtype dtype;
	PtShape shape;
	PtError err;
	int32 typmod;
	int bits;
	Datum *elements;
	int n;

	/* as ArrayGetIntegerTypmods checks, which takes numbers only */
	if (ARR_ELEMTYPE(words) != CSTRINGOID || ARR_NDIM(words) != 1 || array_contains_nulls(words))
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_ELEMENT_ERROR),
				 errmsg("typmod array must be a one-dimensional cstring[] without NULLs")));
	deconstruct_array(words, CSTRINGOID, -2, false, TYPALIGN_CHAR, &elements, NULL, &n);
	pgt_check(pt_dtype_parse(DatumGetCString(elements[0]), &dtype, &err), &err);
	typmod = (int32) dtype << DTYPE_SHIFT;
	if (n == 1)
		return typmod | ANY_SHAPE << NDIM_SHIFT;

	shape.ndim = Min(n - 1, PT_MAX_DIM);
	for (int d = 0; d < shape.ndim; d++)
		shape.dim[d] = parse_size(DatumGetCString(elements[d + 1]));
	if (n - 1 > PT_MAX_DIM)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a tensor has at most %d dimensions, not %d", PT_MAX_DIM, n - 1)));
	bits = size_bits(shape.ndim);
	typmod |= shape.ndim << NDIM_SHIFT;
	for (int d = 0; d < shape.ndim; d++)
	{
		if (shape.ndim > MOST_DIMS || shape.dim[d] >= (int64) 1 << bits)
		{
			StringInfoData sizes;
			char text[PT_SHAPE_TEXT];

			initStringInfo(&sizes);
			for (int i = 0; i < shape.ndim; i++)
				appendStringInfo(&sizes, "%s" INT64_FORMAT, i > 0 ? "," : "", shape.dim[i]);
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("shape %s does not fit in a type modifier",
							pt_shape_print(&shape, text)),
					 shape.ndim > MOST_DIMS
						 ? errdetail("It holds at most %d dimensions.", MOST_DIMS)
						 : errdetail("In %d-D it holds sizes up to %d.", shape.ndim,
								   (1 << bits) - 1),
					 errhint("Use tensor(%s) and CHECK (torch.shape(x) = '{%s}').",
							 pt_dtype_name(dtype), sizes.data)));
		}
		typmod |= (int32) shape.dim[d] << (d * bits);
	}
	return typmod;
}

char *
pgt_typmod_out(int32 typmod)
{
	PtDtype dtype;
	PtShape shape;
	bool any_shape;
	StringInfoData text;

	initStringInfo(&text);
	if (typmod < 0)
		return text.data;
	unpack(typmod, &dtype, &any_shape, &shape);
	if (dtype >= PT_NDTYPE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid type modifier of tensor: %d", typmod)));
	appendStringInfo(&text, "(%s", pt_dtype_name(dtype));
	for (int d = 0; d < shape.ndim; d++)
		appendStringInfo(&text, "," INT64_FORMAT, shape.dim[d]);
	appendStringInfoChar(&text, ')');
	return text.data;
}

void
pgt_typmod_check(int32 typmod, const PtTensor *t)
{
	PtDtype dtype;
	PtShape shape;
	bool any_shape;
	char want[PT_SHAPE_TEXT];
	char got[PT_SHAPE_TEXT];

	if (typmod < 0)
		return;
	unpack(typmod, &dtype, &any_shape, &shape);
	if (dtype >= PT_NDTYPE)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid type modifier of tensor: %d", typmod)));
	if (t->dtype != dtype)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 any_shape
					 ? errmsg("expected a tensor of dtype %s, not %s with shape %s",
							  pt_dtype_name(dtype), pt_dtype_name(t->dtype),
							  pt_shape_print(&t->shape, got))
					 : errmsg("expected a tensor of dtype %s and shape %s, not %s with shape %s",
							  pt_dtype_name(dtype), pt_shape_print(&shape, want),
							  pt_dtype_name(t->dtype), pt_shape_print(&t->shape, got)),
				 errhint("Convert it with torch.to(x, '%s').", pt_dtype_name(dtype))));
	if (!any_shape && !pt_shape_equal(&t->shape, &shape))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("expected a tensor of shape %s, not %s", pt_shape_print(&shape, want),
						pt_shape_print(&t->shape, got))));
}
