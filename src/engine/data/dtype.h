/*
 * dtype.h
 *	  The ten element types: their names, sizes, promotion and conversion.
 *
 * Values of the enum are stored on disk inside tensors: append, never renumber.
 */
#ifndef PT_DTYPE_H
#define PT_DTYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/data/error.h"

typedef enum PtDtype
{
	PT_FLOAT32,
	PT_FLOAT64,
	PT_FLOAT16,
	PT_BFLOAT16,
	PT_INT64,
	PT_INT32,
	PT_INT16,
	PT_INT8,
	PT_UINT8,
	PT_BOOL,
	PT_NDTYPE
} PtDtype;

/*
 * What arithmetic is done in.  Kernels load any dtype into one of three classes and
 * store back, so an op has three forms, not ten.  float16 and bfloat16 compute in F32 and
 * are rounded after every op, as PyTorch does; integers and bool in I64, and wrap on store.
 */
typedef enum PtClass
{
	PT_F32,
	PT_F64,
	PT_I64
} PtClass;

extern const char *pt_dtype_name(PtDtype dtype); /* "float32" */
extern size_t pt_dtype_size(PtDtype dtype);		 /* bytes an element */
extern PtClass pt_dtype_class(PtDtype dtype);
extern bool pt_dtype_is_float(PtDtype dtype);
extern bool pt_dtype_is_int(PtDtype dtype); /* the integers, without bool */

/* "float32", "torch.float32", and PyTorch's other names (float, double, half, long, int, short). */
extern bool pt_dtype_parse(const char *name, PtDtype *dtype, PtError *err);

/* torch.promote_types */
extern PtDtype pt_dtype_promote(PtDtype a, PtDtype b);

/* IEEE half and bfloat16, round to nearest even. */
extern uint16_t pt_half_from_float(float f);
extern float pt_half_to_float(uint16_t h);
extern uint16_t pt_bfloat_from_float(float f);
extern float pt_bfloat_to_float(uint16_t b);

/*
 * One element to and from a number, as Tensor.item() and Tensor.to(dtype) convert: floats to
 * integers truncate toward zero (and wrap; NaN and infinities give what the CPU gives),
 * anything but zero is true.
 */
extern double pt_element_get_double(PtDtype dtype, const void *data, size_t i);
extern int64_t pt_element_get_int64(PtDtype dtype, const void *data, size_t i);
extern void pt_element_set_double(PtDtype dtype, void *data, size_t i, double value);
extern void pt_element_set_int64(PtDtype dtype, void *data, size_t i, int64_t value);

/* Is an integer among the values of a dtype (of a float dtype: not beyond its largest)? */
extern bool pt_dtype_holds(PtDtype dtype, int64_t value);
/* The first of n elements that an integer dtype does not hold once its fraction is cut off; n if there is none. */
extern size_t pt_dtype_first_misfit(PtDtype dtype, PtDtype from, const void *values, size_t n);

/*
 * n elements of one dtype into another (to and from may be the same array only if the dtypes are).
 */
extern void pt_convert(PtDtype to, void *dst, PtDtype from, const void *src, size_t n);

/*
 * Prints element i in the fewest digits that read back to the same value, in PyTorch's manner:
 * floats have a point, an exponent or are nan or inf.  buf holds PT_ELEMENT_TEXT bytes; returns the
 * length.
 */
#define PT_ELEMENT_TEXT 32
extern size_t pt_element_print(PtDtype dtype, const void *data, size_t i, char *buf);

#endif
