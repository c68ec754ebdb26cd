/*
 * fuse.c
 *	  Which nodes run together: chains of scalar ops, and epilogues of matrix products.
 *
 * A scalar op joins the group of an operand's producer when both have the same shape, the group
 * stays within the limits of a program, and no path leaves the group and comes back (else the
 * group would need its own result before it is run).  A group that is the only reader of a
 * matrix product, and has one result, becomes the product's epilogue.
 */
#include <string.h>

#include "engine/plan/plan_private.h"

/* More members than this gain nothing and make the search for registers long. */
#define MAX_MEMBERS 24

/* Units to look at before a merge is given up: very deep networks would compile for minutes. */
#define MAX_VISITS 4096

/* Calls f for every value a node reads. */
#define FOR_EACH_INPUT(node, ref)                            \
	for (int k_ = 0; k_ < (node)->nin + (node)->nlist; k_++) \
		if ((ref = k_ < (node)->nin ? (node)->in[k_] : (node)->list[k_ - (node)->nin]) != PT_NO_REF)

static int
producer_unit(const PtPlanning *p, PtRef ref)
{
	const PtGraphValue *v = pt_value(p->g, ref);

	return v->role == PT_ROLE_RESULT ? p->unit_of[v->node] : -1;
}

/* Units seen by one search carry its number; the stack has room for all of them. */
typedef struct Search
{
	uint32_t *seen;
	uint32_t number;
	int *stack;
} Search;

/* Pushes what a unit reads from; true if that is x or y. */
static bool
push_producers(const PtPlanning *p, int unit, int x, int y, Search *search, int *depth)
{
	const PtUnit *u = &p->units[unit];

	for (int m = u->main >= 0 ? -1 : 0; m < u->nmembers; m++)
	{
		const PtNode *node = &p->g->nodes[m < 0 ? (uint32_t) u->main : u->members[m]];
		PtRef ref;

		FOR_EACH_INPUT(node, ref)
		{
			int from = producer_unit(p, ref);

			if (from < 0)
				continue;
			if (from == x || from == y)
			{
				if (unit != x && unit != y)
					return true;
				continue;
			}
			if (search->seen[from] != search->number)
			{
				search->seen[from] = search->number;
				search->stack[(*depth)++] = from;
			}
		}
	}
	return false;
}

/* True if nobody but unit y reads what unit x, a program, gives. */
static bool
reads_alone(const PtPlanning *p, const PtUnit *x, const PtUnit *y)
{
	for (int i = 0; i < x->nout; i++)
	{
		uint32_t uses = 0;

		for (int m = 0; m < y->nmembers; m++)
		{
			const PtNode *node = &p->g->nodes[y->members[m]];
			PtRef ref;

			FOR_EACH_INPUT(node, ref)
			uses += ref == x->out[i];
		}
		if (uses < p->uses[x->out[i]])
			return false;
	}
	return true;
}

/*
 * y reads from x, both programs.  True if running them as one would make a cycle: y depends on something
 * else that depends on x.  Units may hold nodes from anywhere in the graph, so the positions of nodes tell
 * nothing: what y depends on is searched, and y assumed to depend on x when that exceeds its limit.
 */
static bool
makes_cycle(const PtPlanning *p, int x, int y, Search *search)
{
	int depth = 0;
	int visits = 0;

	if (reads_alone(p, &p->units[x], &p->units[y]))
		return false;
	search->number++;
	push_producers(p, y, x, y, search, &depth);
	while (depth > 0)
		if (++visits > MAX_VISITS ||
			push_producers(p, search->stack[--depth], x, y, search, &depth))
			return true;
	return false;
}

/* Results of a unit's members that somebody outside needs. */
static int
outputs_of(const PtPlanning *p, int unit, PtRef *out, int room)
{
	const PtUnit *u = &p->units[unit];
	int n = 0;

	for (int i = 0; i < u->nmembers; i++)
	{
		PtRef ref = p->g->nodes[u->members[i]].out[0];
		uint32_t inside = 0;

		for (int k = i + 1; k < u->nmembers; k++)
		{
			const PtNode *node = &p->g->nodes[u->members[k]];
			PtRef in;

			FOR_EACH_INPUT(node, in)
			inside += in == ref;
		}
		if (p->uses[ref] > inside)
		{
			if (n == room)
				return room + 1;
			out[n++] = ref;
		}
	}
	return n;
}

/* Builds the program of a unit's members; false, and the unit as it was, if it does not fit or there is no memory. */
static bool
build(PtPlanning *p, int unit, PtRef epilogue)
{
	PtUnit *u = &p->units[unit];
	PtProgram program;
	PtRef out[PT_PROGRAM_OUTPUTS];
	PtRef in[PT_PROGRAM_INPUTS];
	int nout = outputs_of(p, unit, out, PT_PROGRAM_OUTPUTS);
	int nin;

	if (nout > PT_PROGRAM_OUTPUTS ||
		!pt_program_build(p->g, u->members, u->nmembers, out, nout, epilogue, &program, in, &nin))
		return false;
	/* units are built again and again as they grow: they keep their room */
	if (u->program == NULL)
	{
		PtProgram *room = pt_arena_alloc(p->arena, sizeof(program));

		u->in = pt_arena_alloc(p->arena, sizeof(in));
		u->out = pt_arena_alloc(p->arena, sizeof(out));
		if (room == NULL || u->in == NULL || u->out == NULL)
			return false;
		u->program = room;
	}
	*u->program = program;
	memcpy(u->in, in, nin * sizeof(PtRef));
	memcpy(u->out, out, nout * sizeof(PtRef));
	u->nin = nin;
	u->nout = nout;
	return true;
}

/* Puts the members of y into x if that is right and possible. */
static void
try_merge(PtPlanning *p, int x, int y, Search *search)
{
	PtUnit *a = &p->units[x], *b = &p->units[y];
	PtUnit before = *a;
	uint32_t *members;
	int n = 0;

	if (a->nmembers + b->nmembers > MAX_MEMBERS || makes_cycle(p, x, y, search))
		return;
	members = pt_arena_alloc(p->arena, (a->nmembers + b->nmembers) * sizeof(uint32_t));
	if (members == NULL)
		return;
	for (int i = 0, k = 0; i < a->nmembers || k < b->nmembers;)
		members[n++] = k == b->nmembers || (i < a->nmembers && a->members[i] < b->members[k])
						   ? a->members[i++]
						   : b->members[k++];
	a->members = members;
	a->nmembers = n;
	if (!build(p, x, PT_NO_REF))
	{
		*a = before;
		return;
	}
	for (int i = 0; i < b->nmembers; i++)
		p->unit_of[b->members[i]] = x;
	b->dead = true;
}

/*
 * First, values with one reader go with it.  So what only a gradient needs (the y > 0 of a ReLU, the 1 - y * y
 * of a tanh) is computed there and not kept in memory since the forward pass, whose
 * activation then has one result and can be an epilogue.  Then the rest.
 */
static void
group_scalars(PtPlanning *p, bool single, Search *search)
{
	for (uint32_t i = 0; i < p->g->nnodes; i++)
	{
		const PtNode *node = &p->g->nodes[i];
		PtRef ref;

		if (!p->live[i] || !pt_is_elementwise(node->op))
			continue;
		FOR_EACH_INPUT(node, ref)
		{
			int from = producer_unit(p, ref);

			if (from >= 0 && from != p->unit_of[i] && p->units[from].main < 0 &&
				(!single || p->uses[ref] == 1) &&
				pt_shape_equal(&pt_value(p->g, node->out[0])->shape, &pt_value(p->g, ref)->shape))
				try_merge(p, from, p->unit_of[i], search);
		}
	}
}

/* Readers of a value: none, one unit, or several. */
#define NO_READER (-1)
#define SEVERAL (-2)

/* Products whose only reader is a group with one result take it as epilogue, which makes no cycle. */
static bool
attach_epilogues(PtPlanning *p)
{
	int *readers = pt_arena_alloc(p->arena, p->g->nvalues * sizeof(int));
	uint32_t *reads = pt_arena_alloc(p->arena, p->g->nvalues * sizeof(uint32_t));

	if (readers == NULL || reads == NULL)
		return pt_fail_memory(p->err, p->g->nvalues * sizeof(int));
	for (PtRef r = 0; r < p->g->nvalues; r++)
		readers[r] = NO_READER;
	for (uint32_t n = 0; n < p->g->nnodes; n++)
	{
		const PtNode *user = &p->g->nodes[n];
		PtRef ref;

		if (!p->live[n])
			continue;
		FOR_EACH_INPUT(user, ref)
		{
			reads[ref]++;
			readers[ref] = readers[ref] == NO_READER || readers[ref] == p->unit_of[n]
							   ? p->unit_of[n]
							   : SEVERAL;
		}
	}
	for (uint32_t i = 0; i < p->g->nnodes; i++)
	{
		const PtNode *node = &p->g->nodes[i];
		PtUnit *u = &p->units[p->unit_of[i]];
		PtRef result = node->out[0];
		int reader = readers[result];
		PtUnit before;

		if (!p->live[i] ||
			(strcmp(node->op->name, "linear") != 0 && strcmp(node->op->name, "mm") != 0))
			continue;
		/* uses counts assignments too: the product itself must not be wanted */
		if (reader < 0 || p->units[reader].dead || reads[result] != p->uses[result] ||
			p->units[reader].main >= 0 || p->units[reader].nout != 1 ||
			!pt_shape_equal(&pt_value(p->g, p->units[reader].out[0])->shape,
							&pt_value(p->g, result)->shape) ||
			pt_value(p->g, p->units[reader].out[0])->dtype != pt_value(p->g, result)->dtype)
			continue;
		before = *u;
		u->members = p->units[reader].members;
		u->nmembers = p->units[reader].nmembers;
		if (!build(p, p->unit_of[i], result))
		{
			*u = before;
			continue;
		}
		for (int k = 0; k < u->nmembers; k++)
			p->unit_of[u->members[k]] = p->unit_of[i];
		p->units[reader].dead = true;
	}
	return true;
}

/* Operands of a structured op's step: the node's, then the epilogue's after the result itself. */
static bool
finish(PtPlanning *p, PtUnit *u)
{
	const PtNode *node;
	PtRef *in;
	int n = 0;

	if (u->main < 0)
		return true;
	node = &p->g->nodes[u->main];
	in = pt_arena_alloc(p->arena, (node->nin + node->nlist + PT_PROGRAM_INPUTS) * sizeof(PtRef));
	if (in == NULL)
		return false;
	for (int i = 0; i < node->nin; i++)
		in[n++] = node->in[i];
	for (int i = 0; i < node->nlist; i++)
		in[n++] = node->list[i];
	if (u->program != NULL)
		for (int i = 1; i < u->nin; i++)
			in[n++] = u->in[i];
	u->nepilogue = u->program != NULL ? u->nin - 1 : 0;
	u->in = in;
	u->nin = n;
	if (u->program == NULL)
	{
		u->out = pt_arena_alloc(p->arena, PT_MAX_RESULTS * sizeof(PtRef));
		if (u->out == NULL)
			return false;
		u->nout = pt_op_nout(node->op);
		memcpy(u->out, node->out, u->nout * sizeof(PtRef));
	}
	return true;
}

bool
pt_plan_fuse(PtPlanning *p)
{
	const PtGraph *g = p->g;
	Search search = {0};

	p->unit_of = pt_arena_alloc(p->arena, (g->nnodes + 1) * sizeof(int));
	p->units = pt_arena_alloc(p->arena, (g->nnodes + 1) * sizeof(PtUnit));
	p->uses = pt_arena_alloc(p->arena, g->nvalues * sizeof(uint32_t));
	search.seen = pt_arena_alloc(p->arena, (g->nnodes + 1) * sizeof(uint32_t));
	search.stack = pt_arena_alloc(p->arena, (g->nnodes + 1) * sizeof(int));
	if (p->unit_of == NULL || p->units == NULL || p->uses == NULL || search.seen == NULL ||
		search.stack == NULL)
		return pt_fail_memory(p->err, g->nnodes * sizeof(PtUnit));
	for (uint32_t i = 0; i < g->nnodes; i++)
	{
		const PtNode *node = &g->nodes[i];
		PtUnit *u = &p->units[i];
		PtRef ref;

		p->unit_of[i] = i;
		u->dead = !p->live[i];
		u->view = (node->op->flags & PT_OP_VIEW) != 0;
		u->main = pt_is_elementwise(node->op) ? -1 : (int) i;
		if (u->main < 0)
		{
			u->members = pt_arena_alloc(p->arena, sizeof(uint32_t));
			if (u->members == NULL)
				return pt_fail_memory(p->err, sizeof(uint32_t));
			u->members[0] = i;
			u->nmembers = 1;
		}
		if (p->live[i])
			FOR_EACH_INPUT(node, ref)
		p->uses[ref]++;
	}
	for (PtRef r = 1; r < g->nvalues; r++)
		if (g->values[r].role == PT_ROLE_EXTERNAL && g->values[r].assigned != PT_NO_REF)
			p->uses[g->values[r].assigned]++;
	p->nunits = g->nnodes;

	for (int i = 0; i < p->nunits; i++)
		if (p->live[i] && p->units[i].main < 0 && !build(p, i, PT_NO_REF))
			return pt_fail(p->err, PT_EINTERNAL, "cannot make a program of \"%s\"",
						   g->nodes[i].op->name);
	if (!p->options->no_fuse)
	{
		group_scalars(p, true, &search);
		group_scalars(p, false, &search);
		/* what was a result of a group may be read only inside it now */
		for (int i = 0; i < p->nunits; i++)
			if (!p->units[i].dead && p->units[i].main < 0 && !build(p, i, PT_NO_REF))
				return pt_fail(p->err, PT_EINTERNAL, "cannot make a program of \"%s\"",
							   g->nodes[i].op->name);
		if (!attach_epilogues(p))
			return false;
	}
	for (int i = 0; i < p->nunits; i++)
		if (!p->units[i].dead && !finish(p, &p->units[i]))
			return pt_fail_memory(p->err, sizeof(PtRef));
	return true;
}
