/*
 * dims.c
 *	  Dimensions of rows: features, channels, and PyTorch's numbers for them.
 */
#include "engine/modules/dims.h"

#include <string.h>

PtShape
pt_row_shape(const PtShape *shape)
{
	PtShape row = {.ndim = shape->ndim - 1};

	if (row.ndim > 0)
		memcpy(row.dim, shape->dim + 1, (size_t) row.ndim * sizeof(int64_t));
	return row;
}

bool
pt_shapes_last(const PtModule *m, int64_t want, int64_t size, const PtShape *in, PtShape *out,
			   PtError *err)
{
	char title[PT_MODULE_TITLE];
	int last = in->ndim < 0 ? 0 : in->ndim - 1;

	*out = *in;
	if (in->ndim == 0)
		return pt_fail(err, PT_ESHAPE, "module %s expects %lld features, not a scalar",
					   pt_module_title(m, title), (long long) want);
	if (in->dim[last] >= 0 && in->dim[last] != want)
		return pt_fail(err, PT_ESHAPE, "module %s expects %lld features, not %lld",
					   pt_module_title(m, title), (long long) want, (long long) in->dim[last]);
	out->dim[last] = size;
	return true;
}

bool
pt_row_dim(const PtModule *m, int64_t dim, int ndim, int64_t *out, PtError *err)
{
	char title[PT_MODULE_TITLE];

	*out = (dim < 0 ? dim + ndim + 1 : dim) - 1;
	if (*out >= 0 && *out < ndim)
		return true;
	if (*out != -1)
		return pt_fail(
			err, PT_ESHAPE,
			"module %s: its input has %d dimensions with the batch's, so there is no dimension %lld",
			pt_module_title(m, title), ndim + 1, (long long) dim);
	pt_fail(err, PT_EUNSUPPORTED, "module %s: dimension %lld is the batch, whose rows stay apart",
			pt_module_title(m, title), (long long) dim);
	return pt_hint(err, "The dimensions of a row count from 1, or from the end with -1.");
}

bool
pt_shapes_channels(const PtModule *m, int64_t want, const PtShape *in, PtError *err)
{
	char title[PT_MODULE_TITLE];

	if (in->ndim == 0)
		return pt_fail(err, PT_ESHAPE, "module %s expects %lld channels, not a scalar",
					   pt_module_title(m, title), (long long) want);
	return in->ndim < 0 || in->dim[0] < 0 || in->dim[0] == want ||
		   pt_fail(err, PT_ESHAPE, "module %s expects %lld channels, not %lld",
				   pt_module_title(m, title), (long long) want, (long long) in->dim[0]);
}

PtRef
pt_build_channels(PtBuild *b, const PtModule *m, PtRef v, const PtShape *x)
{
	char title[PT_MODULE_TITLE], text[PT_SHAPE_TEXT];
	PtShape shape = {.ndim = x->ndim - 1};
	int64_t n;

	if (v == PT_NO_REF || b->g->error.code != PT_OK)
		return PT_NO_REF;
	n = pt_value(b->g, v)->shape.dim[0];
	if (x->ndim < 2 || x->dim[1] != n)
		return pt_graph_fail(b->g, PT_ESHAPE,
							 "module %s expects %lld channels in dimension 1, not shape %s",
							 pt_module_title(m, title), (long long) n, pt_shape_print(x, text));
	for (int i = 0; i < shape.ndim; i++)
		shape.dim[i] = i == 0 ? n : 1;
	return shape.ndim == 1 ? v : pt_reshape(b->g, v, &shape);
}
