/*
 * dtype.c
 *	  The ten element types: names, sizes, promotion.
 */
#include "engine/data/dtype.h"

#include <math.h>
#include <string.h>

#include "engine/data/half.h"

static const struct
{
	const char *name;
	const char *alias; /* PyTorch's other name */
	unsigned char size;
	PtClass class;
} dtypes[PT_NDTYPE] = {
	[PT_FLOAT32] = {"float32", "float", 4, PT_F32}, [PT_FLOAT64] = {"float64", "double", 8, PT_F64},
	[PT_FLOAT16] = {"float16", "half", 2, PT_F32},	[PT_BFLOAT16] = {"bfloat16", NULL, 2, PT_F32},
	[PT_INT64] = {"int64", "long", 8, PT_I64},		[PT_INT32] = {"int32", "int", 4, PT_I64},
	[PT_INT16] = {"int16", "short", 2, PT_I64},		[PT_INT8] = {"int8", NULL, 1, PT_I64},
	[PT_UINT8] = {"uint8", NULL, 1, PT_I64},		[PT_BOOL] = {"bool", NULL, 1, PT_I64},
};

const char *
pt_dtype_name(PtDtype dtype)
{
	return dtypes[dtype].name;
}

size_t
pt_dtype_size(PtDtype dtype)
{
	return dtypes[dtype].size;
}

PtClass
pt_dtype_class(PtDtype dtype)
{
	return dtypes[dtype].class;
}

bool
pt_dtype_is_float(PtDtype dtype)
{
	return dtypes[dtype].class != PT_I64;
}

bool
pt_dtype_is_int(PtDtype dtype)
{
	return dtypes[dtype].class == PT_I64 && dtype != PT_BOOL;
}

bool
pt_dtype_parse(const char *name, PtDtype *dtype, PtError *err)
{
	const char *plain = strncmp(name, "torch.", 6) == 0 ? name + 6 : name;

	for (int i = 0; i < PT_NDTYPE; i++)
		if (strcmp(plain, dtypes[i].name) == 0 ||
			(dtypes[i].alias != NULL && strcmp(plain, dtypes[i].alias) == 0))
		{
			*dtype = (PtDtype) i;
			return true;
		}
	pt_fail(err, PT_EINVAL, "unknown dtype \"%.64s\"", name);
	return pt_hint(err,
				   "The dtypes are float32, float64, float16, bfloat16, int64, int32, int16, int8, "
				   "uint8 and bool.");
}

/*
 * Floats beat integers beat bool.  Within a kind the wider one wins, except that neither of
 * float16 and bfloat16 holds the other (float32 does), nor int8 and uint8 (int16 does).
 */
PtDtype
pt_dtype_promote(PtDtype a, PtDtype b)
{
	if (a == b || b == PT_BOOL)
		return a;
	if (a == PT_BOOL)
		return b;
	if (pt_dtype_is_float(a) != pt_dtype_is_float(b))
		return pt_dtype_is_float(a) ? a : b;
	if (dtypes[a].size != dtypes[b].size)
		return dtypes[a].size > dtypes[b].size ? a : b;
	return pt_dtype_is_float(a) ? PT_FLOAT32 : PT_INT16;
}

bool
pt_dtype_holds(PtDtype dtype, int64_t value)
{
	int bits = (int) dtypes[dtype].size * 8 - (dtype == PT_UINT8 ? 0 : 1);
	int64_t most = (int64_t) (UINT64_MAX >> (64 - bits));

	if (pt_dtype_is_float(dtype))
		return dtype != PT_FLOAT16 || (value >= -65504 && value <= 65504);
	if (dtype == PT_BOOL)
		return value == 0 || value == 1;
	return value <= most && value >= (dtype == PT_UINT8 ? 0 : -most - 1);
}

size_t
pt_dtype_first_misfit(PtDtype dtype, PtDtype from, const void *values, size_t n)
{
	if (!pt_dtype_is_int(dtype) || from == dtype || from == PT_BOOL)
		return n;
	for (size_t i = 0; i < n; i++)
	{
		/* of floats, what is not within int64 is not within any; NaN is not */
		double x = pt_dtype_is_float(from) ? trunc(pt_element_get_double(from, values, i)) : 0;

		if (!(x >= -0x1p63 && x < 0x1p63) ||
			!pt_dtype_holds(dtype, pt_dtype_is_float(from) ? (int64_t) x
														   : pt_element_get_int64(from, values, i)))
			return i;
	}
	return n;
}

uint16_t
pt_half_from_float(float f)
{
	return pt_half_store(f);
}

float
pt_half_to_float(uint16_t h)
{
	return pt_half_load(h);
}

uint16_t
pt_bfloat_from_float(float f)
{
	return pt_bfloat_store(f);
}

float
pt_bfloat_to_float(uint16_t b)
{
	return pt_bfloat_load(b);
}
