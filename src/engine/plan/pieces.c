/*
 * pieces.c
 *	  Plans of graphs that are built piece by piece.
 */
#include "engine/plan/pieces.h"

#include <stdlib.h>

struct PtPieces
{
	PtDevice *dev;
	PtPlanOptions options; /* held: what was kept */
	PtReads reads;
	void *number; /* int64 on the device: what a piece is run for */
};

PtPieces *
pt_pieces_new(PtDevice *dev, const PtPlanOptions *options, PtError *err)
{
	PtPieces *p = calloc(1, sizeof(PtPieces));

	if (p == NULL)
	{
		pt_fail_memory(err, sizeof(PtPieces));
		return NULL;
	}
	p->dev = dev;
	if (options != NULL)
		p->options = *options;
	return p;
}

void
pt_pieces_free(PtPieces *p)
{
	if (p == NULL)
		return;
	for (int i = 0; i < PT_MAX_READS; i++)
		for (int k = 0; k < p->reads.reads[i].nkept; k++)
			if (p->reads.reads[i].memory[k] != NULL)
				p->dev->type->free(p->dev, p->reads.reads[i].memory[k]);
	if (p->number != NULL)
		p->dev->type->free(p->dev, p->number);
	free(p);
}

void
pt_pieces_attach(PtPieces *p, PtGraph *g)
{
	pt_graph_let_read(g, &p->reads);
}

int
pt_pieces_reads(const PtPieces *p)
{
	return p->reads.known;
}

bool
pt_pieces_stopped(const PtPieces *p)
{
	return p->reads.stopped;
}

/* Is it, seen through views, memory already? */
static bool
in_memory(const PtGraph *g, PtRef ref)
{
	const PtGraphValue *v = pt_value(g, ref);

	while (v->role == PT_ROLE_RESULT && (g->nodes[v->node].op->flags & PT_OP_VIEW))
		v = pt_value(g, g->nodes[v->node].in[0]);
	return v->role != PT_ROLE_RESULT;
}

/* Memory for the values to keep, assigned in the graph; refs are the externals. */
static bool
keep_values(PtPieces *p, PtGraph *g, PtRead *read, PtRef *externals, PtError *err)
{
	for (int i = 0; i < read->nkept; i++)
	{
		PtTensor t = {pt_value(g, read->kept[i])->dtype, pt_value(g, read->kept[i])->shape, NULL};

		externals[i] = PT_NO_REF;
		if (in_memory(g, read->kept[i]) || pt_shape_numel(&t.shape) == 0)
			continue;
		p->options.held += pt_tensor_bytes(&t);
		if (!pt_plan_fits(&p->options, p->options.held, err))
			return false;
		read->memory[i] = p->dev->type->alloc(p->dev, pt_tensor_bytes(&t), err);
		if (read->memory[i] == NULL)
			return false;
		externals[i] = pt_external(g, "kept", t.dtype, &t.shape);
		pt_graph_assign(g, externals[i], read->kept[i]);
	}
	return pt_graph_ok(g, err);
}

/* A stopped graph's plan: the number, and what shall be kept. */
static PtPlan *
compile_piece(PtPieces *p, PtGraph *g, PtError *err)
{
	PtRead *read = &p->reads.reads[p->reads.known];
	PtRef externals[PT_MAX_KEPT], number;
	PtShape shape; /* a copy: values move when there are more */
	PtPlan *plan;

	g->error = (PtError){PT_OK};
	if (!keep_values(p, g, read, externals, err))
		return NULL;
	shape = pt_value(g, read->ref)->shape;
	number = pt_external(g, "number", PT_INT64, &shape);
	pt_graph_assign(g, number, read->ref);
	if (p->number == NULL && (p->number = p->dev->type->alloc(p->dev, 8, err)) == NULL)
		return NULL;
	plan = pt_plan_compile(g, p->dev, &p->options, err);
	if (plan == NULL)
		return NULL;
	pt_plan_bind(plan, number, p->number);
	for (int i = 0; i < read->nkept; i++)
		if (externals[i] != PT_NO_REF)
			pt_plan_bind(plan, externals[i], read->memory[i]);
	return plan;
}

PtPlan *
pt_pieces_compile(PtPieces *p, PtGraph *g, bool *last, PtError *err)
{
	PtPlan *plan;

	*last = !p->reads.stopped;
	plan = *last ? pt_plan_compile(g, p->dev, &p->options, err) : compile_piece(p, g, err);
	for (int i = 0; plan != NULL && i < p->reads.known; i++)
	{
		const PtRead *read = &p->reads.reads[i];

		for (int k = 0; k < read->nkept; k++)
			if (read->memory[k] != NULL)
				pt_plan_bind(plan, read->kept[k], read->memory[k]);
	}
	return plan;
}

bool
pt_pieces_read(PtPieces *p, PtError *err)
{
	PtRead *read = &p->reads.reads[p->reads.known];

	if (!p->dev->type->download(p->dev, &read->number, p->number, sizeof(int64_t), err))
		return false;
	p->reads.known++;
	return true;
}
