/*
 * table.c
 *	  All modules and losses, and what several of them share.
 */
#include "engine/modules/table.h"

#include <string.h>

const PtModuleType *const pt_module_types[] = {
	&pt_module_sequential,
	&pt_module_graph,
	&pt_module_identity,
	&pt_module_flatten,
	&pt_module_unflatten,
	&pt_module_linear,
	&pt_module_bilinear,
	&pt_module_prelu,
	&pt_module_rrelu,
	&pt_module_glu,
	&pt_module_softmax,
	&pt_module_log_softmax,
	&pt_module_softmin,
	&pt_module_batch_norm1d,
	&pt_module_layer_norm,
	&pt_module_group_norm,
	&pt_module_dropout,
	&pt_module_alpha_dropout,
	&pt_loss_cross_entropy,
	&pt_loss_nll,
	&pt_loss_mse,
	&pt_loss_l1,
	&pt_loss_smooth_l1,
	&pt_loss_huber,
	&pt_loss_bce,
	&pt_loss_bce_with_logits,
	&pt_loss_kl_div,
	&pt_loss_poisson_nll,
	&pt_loss_gaussian_nll,
	&pt_loss_hinge_embedding,
	&pt_loss_cosine_embedding,
	&pt_loss_margin_ranking,
	&pt_loss_multi_margin,
	&pt_loss_multi_label_margin,
	&pt_loss_multi_label_soft_margin,
	&pt_loss_soft_margin,
	&pt_loss_triplet_margin,
	NULL,
};

const int pt_module_ntypes = (int) (sizeof(pt_module_types) / sizeof(pt_module_types[0])) - 1;

const char *const pt_reductions[] = {"none", "mean", "sum", NULL};

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

PtRef
pt_reduce_loss(PtBuild *b, const PtModule *m, PtRef loss)
{
	const char *reduction = pt_args_word(m->args, "reduction");

	if (strcmp(reduction, "mean") == 0)
		return pt_mean(b->g, loss);
	if (strcmp(reduction, "sum") == 0)
		return pt_sum(b->g, loss, NULL, 0, false);
	if (b->training)
		return pt_graph_fail(
			b->g, PT_EINVAL,
			"a loss to train with must be one number, so nn.%s cannot have reduction='none'",
			m->type->name);
	return loss;
}
