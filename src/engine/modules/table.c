/*
 * table.c
 *	  All modules and losses, and what several of them share.
 */
#include "engine/modules/table.h"

#include <string.h>

const PtModuleType *const pt_module_types[] = {
	&pt_module_sequential,	&pt_module_linear, &pt_module_relu,
	&pt_loss_cross_entropy, &pt_loss_mse,	   NULL,
};

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
