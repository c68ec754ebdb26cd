/*
 * shape.c
 *	  Identity, Flatten and Unflatten: what changes shapes only.
 *
 * Dimensions count from the batch's, as in PyTorch; dimension 0, the rows, must stay as it is.
 */
#include <string.h>

#include "engine/modules/dims.h"

static PtRef
build_identity(PtBuild *b, const PtModule *m, const PtRef *in)
{
	(void) b;
	(void) m;
	return in[0];
}

/* Gives an input the shape that shapes said; rows stay rows. */
static PtRef
reshape_rows(PtBuild *b, const PtModule *m, PtRef x)
{
	const PtShape shape = pt_value(b->g, x)->shape;
	const PtShape row = pt_row_shape(&shape);
	PtShape out;
	PtError err;

	if (b->g->error.code != PT_OK)
		return PT_NO_REF;
	if (!m->type->shapes(m, &row, &out, &err))
		return pt_build_fail(b, &err);
	for (int i = out.ndim; i > 0; i--)
		out.dim[i] = out.dim[i - 1];
	out.dim[0] = shape.dim[0];
	out.ndim++;
	return pt_reshape(b->g, x, &out);
}

static PtRef
build_reshape(PtBuild *b, const PtModule *m, const PtRef *in)
{
	return reshape_rows(b, m, in[0]);
}

static bool
shapes_flatten(const PtModule *m, const PtShape *in, PtShape *out, PtError *err)
{
	int64_t start = pt_args_int(m->args, "start_dim"), end = pt_args_int(m->args, "end_dim");
	int64_t first, last, size = 1;
	char title[PT_MODULE_TITLE];

	if (in->ndim < 0)
	{
		*out = start == 1 && end == -1 ? (PtShape){1, {-1}} : *in;
		out->dim[0] = -1;
		return true;
	}
	if (!pt_row_dim(m, start, in->ndim, &first, err) || !pt_row_dim(m, end, in->ndim, &last, err))
		return false;
	if (first > last)
		return pt_fail(err, PT_EINVAL, "module %s: start_dim %lld comes after end_dim %lld",
					   pt_module_title(m, title), (long long) start, (long long) end);
	for (int64_t i = first; i <= last; i++)
		if (in->dim[i] < 0 || size < 0)
			size = -1;
		else if (__builtin_mul_overflow(size, in->dim[i], &size))
			return pt_fail(err, PT_ELIMIT, "module %s gives too many features",
						   pt_module_title(m, title));
	*out = *in;
	out->dim[first] = size;
	for (int64_t i = last + 1; i < in->ndim; i++)
		out->dim[first + i - last] = in->dim[i];
	out->ndim = (int) (in->ndim - (last - first));
	return true;
}

static bool
shapes_unflatten(const PtModule *m, const PtShape *in, PtShape *out, PtError *err)
{
	const PtValue *sizes = pt_args_get(m->args, "unflattened_size");
	int64_t dim, product = 1;
	int open = -1;
	char title[PT_MODULE_TITLE], text[PT_SHAPE_TEXT];

	*out = *in;
	if (in->ndim < 0)
	{
		out->dim[0] = -1;
		return true;
	}
	if (!pt_row_dim(m, pt_args_int(m->args, "dim"), in->ndim, &dim, err))
		return false;
	if (in->ndim + sizes->count > PT_MAX_DIM)
		return pt_fail(err, PT_ELIMIT, "module %s: a tensor has at most %d dimensions",
					   pt_module_title(m, title), PT_MAX_DIM);
	for (int i = 0; i < sizes->count; i++)
	{
		if (sizes->ints[i] == -1)
			open = i;
		else if (__builtin_mul_overflow(product, sizes->ints[i], &product))
			product = INT64_MAX;
		out->dim[dim + i] = sizes->ints[i];
	}
	for (int64_t i = dim + 1; i < in->ndim; i++)
		out->dim[i + sizes->count - 1] = in->dim[i];
	out->ndim = in->ndim + sizes->count - 1;
	if (in->dim[dim] < 0)
		return true;
	if (open >= 0 && product > 0 && in->dim[dim] % product == 0)
		out->dim[dim + open] = in->dim[dim] / product;
	else if (open >= 0 || product != in->dim[dim])
	{
		PtShape want = {.ndim = sizes->count};

		memcpy(want.dim, sizes->ints, (size_t) sizes->count * sizeof(int64_t));
		return pt_fail(err, PT_ESHAPE, "module %s cannot divide %lld features into %s",
					   pt_module_title(m, title), (long long) in->dim[dim],
					   pt_shape_print(&want, text));
	}
	return true;
}

static bool
check_flatten(const PtModule *m, PtError *err)
{
	if (pt_args_int(m->args, "start_dim") != 0)
		return true;
	pt_fail(err, PT_EUNSUPPORTED, "nn.Flatten cannot flatten dimension 0, the rows of a batch");
	return pt_hint(err, "Use start_dim=1.");
}

static bool
check_unflatten(const PtModule *m, PtError *err)
{
	const PtValue *sizes = pt_args_get(m->args, "unflattened_size");
	int open = 0;

	if (pt_args_int(m->args, "dim") == 0)
		return pt_fail(err, PT_EUNSUPPORTED,
					   "nn.Unflatten cannot divide dimension 0, the rows of a batch");
	if (sizes->count == 0)
		return pt_fail(err, PT_EINVAL, "argument \"unflattened_size\" of nn.Unflatten is empty");
	for (int i = 0; i < sizes->count; i++)
		open += sizes->ints[i] == -1;
	return open <= 1 ||
		   pt_fail(err, PT_EINVAL, "nn.Unflatten can infer one size only, not %d", open);
}

const PtModuleType pt_shape_modules[] = {
	{
		.name = "Identity",
		.doc = "The input as it is.",
		.params = (const PtParam[]){{NULL}},
		.casting = PT_CAST_NONE,
		.build = build_identity,
	},
	{
		.name = "Flatten",
		.doc = "Dimensions start_dim to end_dim as one; dimension 0 is the batch's.",
		.params = (const PtParam[]){{"start_dim", PT_ARG_INT, .init = 1},
									{"end_dim", PT_ARG_INT, .init = -1},
									{NULL}},
		.check = check_flatten,
		.shapes = shapes_flatten,
		.casting = PT_CAST_NONE,
		.build = build_reshape,
	},
	{
		.name = "Unflatten",
		.doc = "One dimension as several; dimension 0 is the batch's, and one size may be -1.",
		.params = (const PtParam[]){{"dim", PT_ARG_INT, .required = true},
									{"unflattened_size", PT_ARG_INTS, .required = true,
									 .bounded = true, .min = -1, .max = 2147483647},
									{NULL}},
		.check = check_unflatten,
		.shapes = shapes_unflatten,
		.casting = PT_CAST_NONE,
		.build = build_reshape,
	},
	{NULL},
};
