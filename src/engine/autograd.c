/*
 * autograd.c
 *	  Gradients by graph: backward is more nodes.
 *
 * Walks the nodes from the last to the first and asks each op that lies between wrt and y
 * for its inputs' gradients.  Values used several times get the sum of what their users ask.
 * Results are cut back to each input's own shape and dtype here, so that ops need not think
 * of broadcasting or promotion.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/graph.h"

/* Which values depend on any of wrt through ops that have a gradient. */
static void
mark_dependents(const PtGraph *g, uint32_t nnodes, bool *depends)
{
	for (uint32_t i = 0; i < nnodes; i++)
	{
		const PtNode *node = &g->nodes[i];
		bool any = false;

		if (node->op->gradient == NULL)
			continue;
		for (int k = 0; k < node->nin; k++)
			any = any || (depends[node->in[k]] && pt_dtype_is_float(pt_value(g, node->in[k])->dtype));
		for (int k = 0; any && k < node->op->nout; k++)
			if (pt_dtype_is_float(pt_value(g, node->out[k])->dtype))
				depends[node->out[k]] = true;
	}
}

static void
accumulate(PtGraph *g, PtRef *grads, PtRef x, PtRef gradient)
{
	const PtShape shape = pt_value(g, x)->shape;
	PtDtype dtype = pt_value(g, x)->dtype;
	PtShape have;

	if (gradient == PT_NO_REF)
		return;
	gradient = pt_sum_to(g, gradient, &shape);
	gradient = pt_cast(g, gradient, dtype);
	/* a gradient that came out as a number, or smaller than x (where(a, g, 0) of constants) */
	have = pt_value(g, gradient)->shape;
	if (!pt_shape_equal(&have, &shape))
		gradient = pt_expand(g, gradient, &shape);
	grads[x] = grads[x] == PT_NO_REF ? gradient : pt_scalar2(g, PT_S_add, grads[x], gradient);
}

bool
pt_gradient(PtGraph *g, PtRef y, const PtRef *wrt, int n, PtRef *grad)
{
	uint32_t nnodes = g->nnodes;
	uint32_t nvalues = g->nvalues;
	bool *depends = calloc(nvalues, sizeof(bool));
	PtRef *grads = calloc(nvalues, sizeof(PtRef));
	const PtShape shape = pt_value(g, y)->shape;
	PtRef one;

	if (depends == NULL || grads == NULL)
	{
		pt_graph_fail(g, PT_ENOMEM, "out of memory");
		goto done;
	}
	for (int i = 0; i < n; i++)
	{
		grad[i] = PT_NO_REF;
		depends[wrt[i]] = wrt[i] != PT_NO_REF;
	}
	if (!pt_dtype_is_float(pt_value(g, y)->dtype))
	{
		pt_graph_fail(g, PT_ETYPE, "gradients are of floating point values, not of %s",
					  pt_dtype_name(pt_value(g, y)->dtype));
		goto done;
	}
	mark_dependents(g, nnodes, depends);

	/* d sum(y) / dy is 1 everywhere */
	one = pt_cast(g, pt_real(g, 1.0), pt_value(g, y)->dtype);
	grads[y] = pt_expand(g, one, &shape);

	for (uint32_t i = nnodes; i-- > 0 && g->error.code == PT_OK;)
	{
		const PtNode node = g->nodes[i]; /* a copy: the array grows */
		PtRef gout[PT_MAX_OUT] = {PT_NO_REF};
		PtRef gin[PT_MAX_IN] = {PT_NO_REF};
		bool want[PT_MAX_IN] = {false};
		bool any_out = false, any_in = false;

		if (node.op->gradient == NULL)
			continue;
		for (int k = 0; k < node.op->nout; k++)
		{
			gout[k] = depends[node.out[k]] ? grads[node.out[k]] : PT_NO_REF;
			any_out = any_out || gout[k] != PT_NO_REF;
		}
		for (int k = 0; k < node.nin; k++)
		{
			want[k] = depends[node.in[k]];
			any_in = any_in || want[k];
		}
		if (!any_out || !any_in)
			continue;
		g->path = node.path;
		if (!node.op->gradient(g, &node, gout, want, gin))
			break;
		for (int k = 0; k < node.nin; k++)
			if (want[k])
				accumulate(g, grads, node.in[k], gin[k]);
	}
	g->path = NULL;
	for (int i = 0; i < n; i++)
		grad[i] = grads[wrt[i]];
done:
	free(depends);
	free(grads);
	return g->error.code == PT_OK;
}
