/*
 * convert.h
 *	  Numbers into the two dtypes of a row, with checks.  Private to src/dataset.
 *
 * Each function returns false where the value has no place: a finite number that float32 makes
 * infinite, a fraction, NaN or too large a number for int64.
 */
#ifndef PGT_CONVERT_H
#define PGT_CONVERT_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

static inline bool
pgt_float_of_double(double v, float *out)
{
	*out = (float) v;
	return isfinite(*out) || !isfinite(v);
}

static inline bool
pgt_float_of_float(float v, float *out)
{
	*out = v;
	return true;
}

static inline bool
pgt_float_of_int(int64_t v, float *out)
{
	*out = (float) v;
	return true;
}

static inline bool
pgt_int_of_double(double v, int64_t *out)
{
	if (!(v >= -9223372036854775808.0 && v < 9223372036854775808.0) || v != rint(v))
		return false;
	*out = (int64_t) v;
	return true;
}

static inline bool
pgt_int_of_float(float v, int64_t *out)
{
	return pgt_int_of_double(v, out);
}

static inline bool
pgt_int_of_int(int64_t v, int64_t *out)
{
	*out = v;
	return true;
}

#endif
