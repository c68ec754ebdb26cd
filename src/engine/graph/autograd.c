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

typedef struct Backward
{
	PtGraph *g;
	bool *depends; /* [values] on any of wrt, through ops that have a gradient */
	PtRef *grads;  /* [values] PT_NO_REF as long as nothing was added */
	/* of one node's tensors: most nodes have few, a list may be long */
	PtRef *gin;
	bool *want;
	int size;
} Backward;

static bool
reserve(Backward *x, int n)
{
	if (n > x->size)
	{
		int size = n > 2 * x->size ? n : 2 * x->size;
		PtRef *gin = realloc(x->gin, (size_t) size * sizeof(PtRef));
		bool *want = realloc(x->want, (size_t) size * sizeof(bool));

		x->gin = gin != NULL ? gin : x->gin;
		x->want = want != NULL ? want : x->want;
		if (gin == NULL || want == NULL)
			return pt_graph_fail(x->g, PT_ENOMEM, "out of memory");
		x->size = size;
	}
	for (int k = 0; k < n; k++)
		x->gin[k] = PT_NO_REF;
	return true;
}

static void
mark_dependents(Backward *x, uint32_t nnodes)
{
	for (uint32_t i = 0; i < nnodes; i++)
	{
		const PtNode *node = &x->g->nodes[i];
		bool any = false;

		if (node->op->gradient == NULL)
			continue;
		for (int k = 0; k < node->nin + node->nlist; k++)
			any = any || (x->depends[input(node, k)] &&
						  pt_dtype_is_float(pt_dtype_of(x->g, input(node, k))));
		for (int k = 0; any && k < pt_op_nout(node->op); k++)
			if (pt_dtype_is_float(pt_dtype_of(x->g, node->out[k])))
				x->depends[node->out[k]] = true;
	}
}

static void
accumulate(Backward *b, PtRef x, PtRef gradient)
{
	PtGraph *g = b->g;
	const PtShape shape = pt_shape_of(g, x);
	PtShape have;

	if (gradient == PT_NO_REF)
		return;
	gradient = pt_sum_to(g, gradient, &shape);
	gradient = pt_cast(g, gradient, pt_dtype_of(g, x));
	/* a gradient that came out as a number, or smaller than x (where(a, g, 0) of constants) */
	have = pt_shape_of(g, gradient);
	if (!pt_shape_equal(&have, &shape))
		gradient = pt_expand(g, gradient, &shape);
	b->grads[x] = b->grads[x] == PT_NO_REF ? gradient : pt_add(g, b->grads[x], gradient);
}

/* Adds what the node's tensors get from its results; false after a failure. */
static bool
visit(Backward *x, uint32_t i)
{
	PtGraph *g = x->g;
	const PtNode node = g->nodes[i]; /* a copy: the array grows */
	PtRef gout[PT_MAX_RESULTS] = {PT_NO_REF};
	int nin = node.nin + node.nlist;
	bool any_out = false, any_in = false;

	if (node.op->gradient == NULL)
		return true;
	for (int k = 0; k < pt_op_nout(node.op); k++)
	{
		gout[k] = x->depends[node.out[k]] ? x->grads[node.out[k]] : PT_NO_REF;
		any_out = any_out || gout[k] != PT_NO_REF;
	}
	if (!any_out)
		return true;
	if (!reserve(x, nin > PT_MAX_OPERANDS ? nin : PT_MAX_OPERANDS))
		return false;
	for (int k = 0; k < nin; k++)
	{
		x->want[k] = x->depends[input(&node, k)];
		any_in = any_in || x->want[k];
	}
	if (!any_in)
		return true;
	g->path = node.path;
	if (!node.op->gradient(g, &node, gout, x->want, x->gin))
		return pt_graph_fail(g, PT_EINTERNAL, "the gradient of %s failed", node.op->name);
	for (int k = 0; k < nin; k++)
		if (x->want[k])
			accumulate(x, input(&node, k), x->gin[k]);
	return g->error.code == PT_OK;
}

static void
backward(Backward *x, PtRef y, const PtRef *wrt, int n)
{
	PtGraph *g = x->g;
	uint32_t nnodes = g->nnodes;
	const PtShape shape = pt_shape_of(g, y);

	for (int i = 0; i < n; i++)
		x->depends[wrt[i]] = wrt[i] != PT_NO_REF;
	mark_dependents(x, nnodes);
	/* d sum(y) / dy is 1 everywhere */
	x->grads[y] = pt_expand(g, pt_cast(g, pt_real(g, 1.0), pt_dtype_of(g, y)), &shape);
	for (uint32_t i = nnodes; i-- > 0 && visit(x, i);)
		;
	g->path = NULL;
}

bool
pt_gradient(PtGraph *g, PtRef y, const PtRef *wrt, int n, PtRef *grad)
{
	PtAutocast autocast = g->autocast;
	Backward x = {.g = g,
				  .depends = calloc(g->nvalues, sizeof(bool)),
				  .grads = calloc(g->nvalues, sizeof(PtRef))};

	/* gradients are computed in the dtypes that forward had */
	g->autocast = PT_AUTOCAST_OFF;
	if (x.depends == NULL || x.grads == NULL)
		pt_graph_fail(g, PT_ENOMEM, "out of memory");
	else if (!pt_dtype_is_float(pt_dtype_of(g, y)))
		pt_graph_fail(g, PT_ETYPE, "gradients are of floating point values, not of %s",
					  pt_dtype_name(pt_dtype_of(g, y)));
	else
		backward(&x, y, wrt, n);
	for (int i = 0; i < n; i++)
		grad[i] = g->error.code == PT_OK ? x.grads[wrt[i]] : PT_NO_REF;
	free(x.depends);
	free(x.grads);
	free(x.gin);
	free(x.want);
	g->autocast = autocast;
	return g->error.code == PT_OK;
}
