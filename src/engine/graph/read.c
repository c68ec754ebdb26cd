/*
 * read.c
 *	  Numbers that shapes depend on and only a run can tell: what ops with data-dependent shapes are made of.
 *
 * Such an op is a composition that reads a number on its way: nonzero counts, reads the count, and goes on with
 * it as with any attribute.  Who builds the graph lets it read (pt_graph_let_read).  At a number that is not known
 * yet the graph stops, by an error that nobody sees; what it needs is run (plan/pieces.h), and
 * the same is built again from the start, with the number known.  Nodes come in the same order then, so that the
 * values that were kept go by their own names.
 */
#include "engine/graph/graph.h"

void
pt_graph_let_read(PtGraph *g, PtReads *reads)
{
	g->reads = reads;
	reads->met = 0;
	reads->stopped = false;
}

bool
pt_graph_read(PtGraph *g, const char *op, PtRef ref, const PtRef *keep, int nkeep, int64_t *number)
{
	PtReads *reads = g->reads;
	PtRead *read;

	if (g->error.code != PT_OK)
		return false;
	if (reads == NULL)
		return pt_graph_fail(g, PT_EUNSUPPORTED,
							 "%s cannot be used here: the shape of its result depends on the data",
							 op);
	if (reads->met == PT_MAX_READS)
		return pt_graph_fail(g, PT_ELIMIT,
							 "more than %d operations whose result's shape depends on the data",
							 PT_MAX_READS);
	read = &reads->reads[reads->met];
	if (reads->met++ == reads->known)
	{
		*read = (PtRead){.ref = ref, .nkept = nkeep};
		for (int i = 0; i < nkeep; i++)
			read->kept[i] = keep[i];
		reads->stopped = true;
		return pt_graph_fail(g, PT_EINTERNAL, "%s: a size is not known yet", op);
	}
	if (read->ref != ref)
		return pt_graph_fail(g, PT_EINTERNAL, "%s: the graph is not the one that was read from",
							 op);
	/* what is kept is memory now; its node stays for gradients */
	for (int i = 0; i < read->nkept; i++)
		if (read->memory[i] != NULL)
		{
			g->values[read->kept[i]].role = PT_ROLE_EXTERNAL;
			g->values[read->kept[i]].name = "kept";
		}
	*number = read->number;
	return true;
}
