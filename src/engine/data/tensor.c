/*
 * tensor.c
 *	  Shapes.
 */
#include "engine/data/tensor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

int64_t
pt_shape_numel(const PtShape *shape)
{
	int64_t n = 1;

	/* one empty dimension empties all, and the product of the others may be anything */
	for (int d = 0; d < shape->ndim; d++)
		if (shape->dim[d] == 0)
			return 0;
	for (int d = 0; d < shape->ndim; d++)
		n *= shape->dim[d];
	return n;
}

void
pt_shape_insert(PtShape *shape, int64_t dim, int64_t size)
{
	memmove(shape->dim + dim + 1, shape->dim + dim, (size_t) (shape->ndim - dim) * sizeof(int64_t));
	shape->dim[dim] = size;
	shape->ndim++;
}

void
pt_shape_remove(PtShape *shape, int64_t dim)
{
	shape->ndim--;
	memmove(shape->dim + dim, shape->dim + dim + 1, (size_t) (shape->ndim - dim) * sizeof(int64_t));
}

bool
pt_shape_equal(const PtShape *a, const PtShape *b)
{
	if (a->ndim != b->ndim)
		return false;
	for (int d = 0; d < a->ndim; d++)
		if (a->dim[d] != b->dim[d])
			return false;
	return true;
}

bool
pt_shape_check(const PtShape *shape, PtDtype dtype, int64_t *numel, PtError *err)
{
	int64_t n = 1;
	int64_t bytes;
	bool empty = false;
	char text[PT_SHAPE_TEXT];

	if (shape->ndim < 0 || shape->ndim > PT_MAX_DIM)
		return pt_fail(err, PT_EINVAL, "a tensor has 0 to %d dimensions, not %d", PT_MAX_DIM,
					   shape->ndim);
	for (int d = 0; d < shape->ndim; d++)
	{
		if (shape->dim[d] < 0)
			return pt_fail(err, PT_EINVAL, "negative size %" PRId64 " at dim %d of shape %s",
						   shape->dim[d], d, pt_shape_print(shape, text));
		empty |= shape->dim[d] == 0;
	}
	for (int d = 0; d < shape->ndim && !empty; d++)
		if (__builtin_mul_overflow(n, shape->dim[d], &n))
			return pt_fail(err, PT_ELIMIT, "a tensor of shape %s is too large",
						   pt_shape_print(shape, text));
	if (empty)
		n = 0;
	if (__builtin_mul_overflow(n, (int64_t) pt_dtype_size(dtype), &bytes))
		return pt_fail(err, PT_ELIMIT, "a tensor of shape %s is too large",
					   pt_shape_print(shape, text));
	if (numel != NULL)
		*numel = n;
	return true;
}

bool
pt_shape_broadcast(const PtShape *a, const PtShape *b, PtShape *out, PtError *err)
{
	PtShape shape;

	shape.ndim = a->ndim > b->ndim ? a->ndim : b->ndim;
	for (int d = 0; d < shape.ndim; d++)
	{
		/* shapes are aligned at their ends; missing sizes count as 1 */
		int da = d - (shape.ndim - a->ndim);
		int db = d - (shape.ndim - b->ndim);
		int64_t na = da < 0 ? 1 : a->dim[da];
		int64_t nb = db < 0 ? 1 : b->dim[db];

		if (na != nb && na != 1 && nb != 1)
		{
			char ta[PT_SHAPE_TEXT];
			char tb[PT_SHAPE_TEXT];

			return pt_fail(err, PT_ESHAPE,
						   "shapes %s and %s cannot be broadcast: sizes %" PRId64 " and %" PRId64
						   " differ at dim %d",
						   pt_shape_print(a, ta), pt_shape_print(b, tb), na, nb, d);
		}
		shape.dim[d] = na == 1 ? nb : na;
	}
	*out = shape;
	return true;
}

char *
pt_shape_print(const PtShape *shape, char *buf)
{
	char *p = buf;

	/* 8 sizes of at most 20 characters, with ", " between */
	*p++ = '[';
	for (int d = 0; d < shape->ndim && d < PT_MAX_DIM; d++)
		p += sprintf(p, "%s%" PRId64, d > 0 ? ", " : "", shape->dim[d]);
	*p++ = ']';
	*p = '\0';
	return buf;
}

size_t
pt_tensor_bytes(const PtTensor *t)
{
	return (size_t) pt_shape_numel(&t->shape) * pt_dtype_size(t->dtype);
}
