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

#include "engine/graph/graph.h"

/* A node's tensors: those of its own params, then those of its list. */
static PtRef
input(const PtNode *node, int k)
{
	return k < node->nin ? node->in[k] : node->list[k - node->nin];
}

/* Room for the gradients of a node's tensors: most nodes have few, a list may be long. */
typedef struct Inputs
{
	PtRef *gin;
	bool *want;
	int size;
} Inputs;

static bool
reserve(Inputs *x, int n)
{
	if (n > x->size)
	{
		int size = n > 2 * x->size ? n : 2 * x->size;
		PtRef *gin = realloc(x->gin, (size_t) size * sizeof(PtRef));
		bool *want;

		if (gin == NULL)
			return false;
		x->gin = gin;
		want = realloc(x->want, (size_t) size * sizeof(bool));
		if (want == NULL)
			return false;
		x->want = want;
		x->size = size;
	}
	for (int k = 0; k < n; k++)
		x->gin[k] = PT_NO_REF;
	return true;
}

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
		for (int k = 0; k < node->nin + node->nlist; k++)
			any = any || (depends[input(node, k)] &&
						  pt_dtype_is_float(pt_value(g, input(node, k))->dtype));
		for (int k = 0; any && k < pt_op_nout(node->op); k++)
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
	grads[x] = grads[x] == PT_NO_REF ? gradient : pt_add(g, grads[x], gradient);
}

bool
pt_gradient(PtGraph *g, PtRef y, const PtRef *wrt, int n, PtRef *grad)
{
	uint32_t nnodes = g->nnodes;
	uint32_t nvalues = g->nvalues;
	bool *depends = calloc(nvalues, sizeof(bool));
	PtRef *grads = calloc(nvalues, sizeof(PtRef));
	const PtShape shape = pt_value(g, y)->shape;
	PtAutocast autocast = g->autocast;
	PtRef one;
	Inputs x = {0};

	/* gradients are computed in the dtypes that forward had */
	g->autocast = PT_AUTOCAST_OFF;
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
		PtRef gout[PT_MAX_RESULTS] = {PT_NO_REF};
		int nin = node.nin + node.nlist;
		bool any_out = false, any_in = false;

		if (node.op->gradient == NULL)
			continue;
		for (int k = 0; k < pt_op_nout(node.op); k++)
		{
			gout[k] = depends[node.out[k]] ? grads[node.out[k]] : PT_NO_REF;
			any_out = any_out || gout[k] != PT_NO_REF;
		}
		if (!any_out)
			continue;
		if (!reserve(&x, nin > PT_MAX_OPERANDS ? nin : PT_MAX_OPERANDS))
		{
			pt_graph_fail(g, PT_ENOMEM, "out of memory");
			break;
		}
		for (int k = 0; k < nin; k++)
		{
			x.want[k] = depends[input(&node, k)];
			any_in = any_in || x.want[k];
		}
		if (!any_in)
			continue;
		g->path = node.path;
		if (!node.op->gradient(g, &node, gout, x.want, x.gin))
		{
			pt_graph_fail(g, PT_ENOMEM, "out of memory"); /* unless it said what was wrong */
			break;
		}
		for (int k = 0; k < nin; k++)
			if (x.want[k])
				accumulate(g, grads, input(&node, k), x.gin[k]);
	}
	g->path = NULL;
	for (int i = 0; i < n; i++)
		grad[i] = grads[wrt[i]];
done:
	free(depends);
	free(grads);
	free(x.gin);
	free(x.want);
	g->autocast = autocast;
	return g->error.code == PT_OK;
}
