/*
 * plan.c
 *	  Compiling a graph for a device: the passes, and the order of units.
 *
 * First what is needed at all, then fusion, order, and steps with their places (steps.c).
 */
#include <stdlib.h>
#include <string.h>

#include "engine/plan/plan_private.h"

/*
 * What an external is assigned must be a result: a number has no memory, and another external that is
 * assigned as well (or a view of it) may be overwritten before it is copied.  Such values get a
 * node of their own, which reads the old contents in the order of the plan.
 */
static bool
assign_results(PtPlanning *p)
{
	PtGraph *g = p->g;
	PtRef n = g->nvalues;

	for (PtRef r = 1; r < n; r++)
	{
		PtRef value = g->values[r].role == PT_ROLE_EXTERNAL ? g->values[r].assigned : PT_NO_REF;
		PtGiven dtype = pt_given_dtype("dtype", g->values[r].dtype);
		size_t offset;
		const PtGraphValue *base;

		if (value == PT_NO_REF)
			continue;
		base = pt_value(g, pt_plan_base(p, value, &offset));
		if (base->role != PT_ROLE_NUMBER &&
			!(base->role == PT_ROLE_EXTERNAL && base->assigned != PT_NO_REF))
			continue;
		value = pt_apply_name(g, "to", &value, 1, &dtype, 1);
		g->values[r].assigned = value;
	}
	return pt_graph_ok(g, p->err);
}

/* Nodes that some assignment depends on. */
static bool
find_live(PtPlanning *p)
{
	const PtGraph *g = p->g;
	bool *wanted = pt_arena_alloc(p->arena, g->nvalues);

	p->live = pt_arena_alloc(p->arena, g->nnodes + 1);
	if (wanted == NULL || p->live == NULL)
		return pt_fail_memory(p->err, g->nvalues);
	for (PtRef r = 1; r < g->nvalues; r++)
		if (g->values[r].role == PT_ROLE_EXTERNAL)
			wanted[g->values[r].assigned] = true;
	for (uint32_t i = g->nnodes; i-- > 0;)
	{
		const PtNode *node = &g->nodes[i];

		/* a result that is memory already (graph/read.c) is not computed again */
		for (int k = 0; k < pt_op_nout(node->op); k++)
			p->live[i] = p->live[i] || (wanted[node->out[k]] &&
										pt_value(g, node->out[k])->role == PT_ROLE_RESULT);
		if (!p->live[i])
			continue;
		for (int k = 0; k < node->nin; k++)
			wanted[node->in[k]] = true;
		for (int k = 0; k < node->nlist; k++)
			wanted[node->list[k]] = true;
	}
	return true;
}

/* Position in the order of creation that a unit would like to run at. */
static uint32_t
rank(const PtUnit *u)
{
	uint32_t last = u->nmembers > 0 ? u->members[u->nmembers - 1] : 0;

	return u->main >= 0 && (uint32_t) u->main > last ? (uint32_t) u->main : last;
}

/* The unit that computes a value's memory, or -1. */
static int
source_unit(const PtPlanning *p, PtRef ref)
{
	size_t offset;
	const PtGraphValue *v = pt_value(p->g, pt_plan_base(p, ref, &offset));

	return v->role == PT_ROLE_RESULT ? p->unit_of[v->node] : -1;
}

typedef struct Visit
{
	int unit;
	int next; /* operand to look at next */
} Visit;

static int
by_rank(const void *x, const void *y)
{
	const uint64_t a = *(const uint64_t *) x, b = *(const uint64_t *) y;

	return a < b ? -1 : a > b;
}

/*
 * Run order: units by rank, each after the units it reads from.  Depth first with an own stack, as
 * graphs may be deep.
 */
static bool
order_units(PtPlanning *p)
{
	uint64_t *ranked = pt_arena_alloc(p->arena, (p->nunits + 1) * sizeof(uint64_t));
	Visit *stack = pt_arena_alloc(p->arena, (p->nunits + 1) * sizeof(Visit));
	char *state = pt_arena_alloc(p->arena, p->nunits + 1); /* 0 new, 1 on the stack, 2 done */
	int n = 0;

	p->order = pt_arena_alloc(p->arena, (p->nunits + 1) * sizeof(int));
	if (ranked == NULL || stack == NULL || state == NULL || p->order == NULL)
		return pt_fail_memory(p->err, p->nunits * sizeof(Visit));
	for (int i = 0; i < p->nunits; i++)
		if (!p->units[i].dead && !p->units[i].view)
			ranked[n++] = (uint64_t) rank(&p->units[i]) << 32 | (uint32_t) i;
	qsort(ranked, n, sizeof(uint64_t), by_rank);
	for (int i = 0; i < n; i++)
	{
		int depth = 0;
		int root = (int) (ranked[i] & 0xffffffff);

		if (state[root] == 2)
			continue;
		stack[depth++] = (Visit){root, 0};
		state[root] = 1;
		while (depth > 0)
		{
			Visit *top = &stack[depth - 1];
			const PtUnit *u = &p->units[top->unit];

			if (top->next < u->nin)
			{
				PtRef ref = u->in[top->next++];
				int from = ref != PT_NO_REF ? source_unit(p, ref) : -1;

				if (from < 0 || state[from] == 2)
					continue;
				if (state[from] == 1)
					return pt_fail(p->err, PT_EINTERNAL, "the plan has a cycle");
				state[from] = 1;
				stack[depth++] = (Visit){from, 0};
				continue;
			}
			state[top->unit] = 2;
			p->order[p->nsteps++] = top->unit;
			depth--;
		}
	}
	return true;
}

static bool
empty(const PtPlanning *p, const PtUnit *u)
{
	for (int i = 0; i < u->nout; i++)
		if (pt_shape_numel(&pt_value(p->g, u->out[i])->shape) > 0)
			return false;
	return true;
}

/* On the host where copies to the device are fastest from. */
static void *
alloc_host(const PtPlan *plan, PtError *err)
{
	PtDevice *dev = plan->dev, *host = plan->host;

	return dev->type->alloc_host != NULL ? dev->type->alloc_host(dev, plan->host_bytes, err)
										 : host->type->alloc(host, plan->host_bytes, err);
}

static void
free_host(const PtPlan *plan)
{
	PtDevice *dev = plan->dev, *host = plan->host;

	if (plan->host_memory == NULL)
		return;
	if (dev->type->alloc_host != NULL)
		dev->type->free_host(dev, plan->host_memory);
	else
		host->type->free(host, plan->host_memory);
}

bool
pt_plan_fits(const PtPlanOptions *options, size_t bytes, PtError *err)
{
	if (options->max_bytes == 0 || bytes <= options->max_bytes)
		return true;
	pt_fail(err, PT_ELIMIT, "a plan of %zu MB exceeds the limit of %zu MB", bytes >> 20,
			options->max_bytes >> 20);
	return pt_hint(err, "Use smaller batches, or raise \"pgtorch.max_memory\".");
}

static bool
allocate(PtPlan *plan, PtPlanning *p)
{
	plan->bytes = p->arena_bytes;
	if (!pt_plan_fits(p->options, pt_plan_bytes(plan) + p->options->held, p->err))
		return false;
	if (plan->bytes > 0 &&
		(plan->memory = plan->dev->type->alloc(plan->dev, plan->bytes, p->err)) == NULL)
		return false;
	return plan->host_bytes == 0 || (plan->host_memory = alloc_host(plan, p->err)) != NULL;
}

static bool
compile(PtPlan *plan, PtPlanning *p)
{
	const PtGraph *g = p->g;

	if (!assign_results(p))
		return false;
	plan->nvalues = g->nvalues;
	plan->addresses = pt_arena_alloc(plan->arena, g->nvalues * sizeof(void *));
	plan->needed = pt_arena_alloc(plan->arena, g->nvalues);
	plan->names = pt_arena_alloc(plan->arena, g->nvalues * sizeof(char *));
	if (plan->addresses == NULL || plan->needed == NULL || plan->names == NULL)
		return pt_fail_memory(p->err, g->nvalues * sizeof(void *));
	for (PtRef r = 1; r < g->nvalues; r++)
		if (g->values[r].role == PT_ROLE_EXTERNAL)
			plan->names[r] = pt_arena_strdup(plan->arena, g->values[r].name);
	if (!find_live(p) || !pt_plan_fuse(p))
		return false;
	/* a step without results to write has nothing to do */
	for (int i = 0; i < p->nunits; i++)
		if (!p->units[i].dead && !p->units[i].view && empty(p, &p->units[i]))
			p->units[i].view = true;
	return order_units(p) && pt_plan_make_steps(plan, p) && allocate(plan, p);
}

PtPlan *
pt_plan_compile(PtGraph *g, PtDevice *dev, const PtPlanOptions *options, PtError *err)
{
	static const PtPlanOptions defaults = {0};
	PtPlanning p = {.g = g, .options = options ? options : &defaults, .err = err};
	PtArena *arena = NULL;
	PtPlan *plan = NULL;

	if (!pt_graph_ok(g, err))
		return NULL;
	p.arena = pt_arena_new();
	arena = pt_arena_new();
	if (p.arena != NULL && arena != NULL)
		plan = pt_arena_alloc(arena, sizeof(PtPlan));
	if (plan == NULL)
	{
		pt_fail_memory(err, sizeof(PtPlan));
		pt_arena_free(arena);
	}
	else
	{
		plan->arena = arena;
		plan->dev = dev;
		plan->host = dev->host;
		plan->poison = p.options->poison;
		if (!compile(plan, &p))
		{
			pt_plan_free(plan);
			plan = NULL;
		}
	}
	pt_arena_free(p.arena);
	return plan;
}

void
pt_plan_unbind(PtPlan *plan)
{
	for (int i = 0; i < plan->nstages; i++)
		if (plan->stages[i].queue != NULL)
			plan->stages[i].dev->type->unbind(plan->stages[i].dev, plan->stages[i].queue);
	plan->nstages = 0;
}

void
pt_plan_free(PtPlan *plan)
{
	if (plan == NULL)
		return;
	pt_plan_unbind(plan);
	if (plan->memory != NULL)
		plan->dev->type->free(plan->dev, plan->memory);
	free_host(plan);
	pt_arena_free(plan->arena);
}
