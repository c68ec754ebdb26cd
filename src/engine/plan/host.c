/*
 * host.c
 *	  Steps that run on the host, as the plan's device has no kernel for them, and the copies for them.
 *
 * Steps are cut into stretches that one device runs.  What a host's stretch reads is copied down before it, unless it is
 * on the host already; what it computes is copied up after it, if the device reads it or it belongs to an external.
 * A value is written once in a run, so a copy of it stays right to the end of the run; that of an external
 * which the plan never assigns is made once a launch.
 *
 * Copies are of exactly the bytes that some step reads: of a network's packed parameters only the one in question.  On the
 * host they have places in an arena of their own, by the same rules as on the device (memory.c).
 */
#include <string.h>

#include "engine/plan/plan_private.h"

/* ---------- stretches ---------- */

/* What neither has a kernel for is left to the device, whose error says so. */
static bool
runs_on_host(PtDevice *dev, const PtStep *step)
{
	return dev->host != NULL && !dev->type->supports(dev, step) &&
		   dev->host->type->supports(dev->host, step);
}

bool
pt_plan_lacks(PtDevice *dev, const PtOp *op)
{
	PtStep step = {.op = op};

	/* a name for others, a view, a scalar op, what a session draws: none of them is a step */
	if (op->infer == NULL || (op->flags & (PT_OP_VIEW | PT_OP_DRAWS)) || pt_is_elementwise(op))
		return false;
	return runs_on_host(dev, &step);
}

/* Notes what the device reads and writes, once it is known that it does not run all steps. */
static bool
note_device_values(PtPlanning *p)
{
	size_t offset;

	p->on_device = pt_arena_alloc(p->arena, p->g->nvalues);
	if (p->on_device == NULL)
		return pt_fail_memory(p->err, p->g->nvalues);
	for (int s = 0; s < p->nsteps; s++)
	{
		const PtUnit *u = &p->units[p->order[s]];

		if (p->on_host[s])
			continue;
		for (int i = 0; i < u->nin; i++)
			if (u->in[i] != PT_NO_REF)
				p->on_device[pt_plan_base(p, u->in[i], &offset)] = true;
		for (int i = 0; i < u->nout; i++)
			p->on_device[u->out[i]] = true;
	}
	return true;
}

bool
pt_plan_cut(PtPlan *plan, PtPlanning *p, int first)
{
	int n = 1;

	for (int s = first; s < plan->nsteps; s++)
		p->on_host[s] = runs_on_host(plan->dev, &plan->steps[s]);
	for (int s = 1; s < plan->nsteps; s++)
		n += p->on_host[s] != p->on_host[s - 1];
	if (first == 0 && plan->nsteps > 0 && (n > 1 || p->on_host[0]) && !note_device_values(p))
		return false;
	pt_plan_unbind(plan);
	plan->stages = pt_arena_alloc(plan->arena, (size_t) n * sizeof(PtStage));
	if (plan->stages == NULL)
		return pt_fail_memory(p->err, (size_t) n * sizeof(PtStage));
	for (int s = 0; s == 0 || s < plan->nsteps;)
	{
		PtQueue *queue = pt_arena_alloc(plan->arena, sizeof(PtQueue));
		bool host = p->on_host[s];

		if (queue == NULL)
			return pt_fail_memory(p->err, sizeof(PtQueue));
		queue->steps = &plan->steps[s];
		do
			queue->nsteps++;
		while (++s < plan->nsteps && p->on_host[s] == host);
		/* a plan may have no steps at all */
		queue->nsteps = plan->nsteps > 0 ? queue->nsteps : 0;
		plan->stages[plan->nstages++] =
			(PtStage){.dev = host ? plan->host : plan->dev, .queue = queue};
	}
	return true;
}

/* ---------- what is on the host ---------- */

/* Some bytes of a value, on the host from one step to another. */
typedef struct Mirror
{
	PtRef base;
	size_t offset, bytes; /* in the value */
	int from, to;
	int down; /* before this step it is copied down; ALWAYS: once a launch; NEVER: it was computed here */
	int up;	  /* after this step it is copied up, or NEVER */
	int next; /* of the same value; -1: none */
	size_t place;
} Mirror;

#define NEVER (-1)
#define ALWAYS (-2)

typedef struct Mirrors
{
	PtPlan *plan;
	PtPlanning *p;
	Mirror *all;
	int n;
	int *of; /* [nvalues] the last of a value; -1: none */
} Mirrors;

static Mirror *
add(Mirrors *m, PtRef base, size_t offset, size_t bytes)
{
	Mirror *mirror = &m->all[m->n];

	*mirror = (Mirror){.base = base, .offset = offset, .bytes = bytes, .next = m->of[base]};
	m->of[base] = m->n++;
	return mirror;
}

/* The operand's address is in a mirror, whose place is not known yet. */
static void
fix(Mirrors *m, PtOperand *operand, const Mirror *mirror, size_t offset)
{
	m->plan->fixups[m->plan->nfixups++] =
		(PtFixup){&operand->data, (PtRef) (mirror - m->all), true, offset - mirror->offset};
}

/* Step s, of a stretch that begins with first, reads ref. */
static void
read_value(Mirrors *m, int s, int first, PtRef ref, PtOperand *operand)
{
	size_t offset, bytes = pt_plan_value_bytes(m->p, ref);
	PtRef base = pt_plan_base(m->p, ref, &offset);
	const PtGraphValue *v = pt_value(m->p->g, base);
	Mirror *mirror = NULL;

	if (bytes == 0)
		return;
	for (int i = m->of[base]; i >= 0 && mirror == NULL; i = m->all[i].next)
		if (m->all[i].offset <= offset && offset + bytes <= m->all[i].offset + m->all[i].bytes)
			mirror = &m->all[i];
	if (mirror == NULL)
	{
		bool constant = v->role == PT_ROLE_EXTERNAL && v->assigned == PT_NO_REF;

		mirror = add(m, base, offset, bytes);
		mirror->down = constant ? ALWAYS : first;
		mirror->up = NEVER;
		mirror->from = constant ? 0 : first;
		mirror->to = constant ? m->plan->nsteps : s;
	}
	mirror->to = mirror->to > s ? mirror->to : s;
	fix(m, operand, mirror, offset);
}

/* Step s, of a stretch that ends with last, computes ref. */
static void
write_value(Mirrors *m, int s, int last, PtRef ref, PtOperand *operand)
{
	const PtPlanning *p = m->p;
	size_t bytes = pt_plan_value_bytes(p, ref);
	bool wanted = p->on_device == NULL || p->on_device[ref] || p->places[ref].external != PT_NO_REF;
	Mirror *mirror;

	if (bytes == 0)
		return;
	mirror = add(m, ref, 0, bytes);
	mirror->down = NEVER;
	mirror->up = wanted ? last : NEVER;
	mirror->from = s;
	mirror->to = wanted ? last : s;
	fix(m, operand, mirror, 0);
}

static void
find_mirrors(Mirrors *m)
{
	PtPlan *plan = m->plan;

	for (int i = 0; i < plan->nstages; i++)
	{
		const PtQueue *queue = plan->stages[i].queue;
		int first = (int) (queue->steps - plan->steps), last = first + queue->nsteps - 1;

		for (int s = first; plan->stages[i].dev != plan->dev && s <= last; s++)
		{
			PtStep *step = &plan->steps[s];

			for (int k = 0; k < step->nin; k++)
			{
				PtRef ref = pt_plan_operand(m->p, s, false, k);

				if (ref != PT_NO_REF)
					read_value(m, s, first, ref, &step->in[k]);
			}
			for (int k = 0; k < step->nout; k++)
				write_value(m, s, last, pt_plan_operand(m->p, s, true, k), &step->out[k]);
		}
	}
}

/* Gives the mirrors and the workspaces of the host's steps their places. */
static bool
place_mirrors(Mirrors *m, int first_fixup)
{
	PtPlan *plan = m->plan;
	PtBlock *blocks = pt_arena_alloc(m->p->arena, (size_t) (m->n + plan->nsteps) * sizeof(PtBlock));
	int n = 0;

	if (blocks == NULL)
		return pt_fail_memory(m->p->err, (size_t) m->n * sizeof(PtBlock));
	for (int i = 0; i < m->n; i++)
		blocks[n++] = (PtBlock){.id = (uint32_t) i,
								.bytes = m->all[i].bytes,
								.from = m->all[i].from,
								.to = m->all[i].to};
	for (int s = 0; s < plan->nsteps; s++)
		if (m->p->on_host[s] && plan->steps[s].workspace > 0)
			blocks[n++] = (PtBlock){.id = (uint32_t) s,
									.workspace = true,
									.bytes = plan->steps[s].workspace,
									.from = s,
									.to = s};
	if (!pt_plan_arrange(m->p, blocks, n, plan->nsteps, &plan->host_bytes))
		return false;
	for (int i = 0; i < n; i++)
		if (!blocks[i].workspace)
			m->all[blocks[i].id].place = blocks[i].offset;
	for (int i = first_fixup; i < plan->nfixups; i++)
	{
		PtFixup *f = &plan->fixups[i];

		f->offset += m->all[f->external].place;
		f->external = PT_NO_REF;
	}
	for (int i = 0; i < n; i++)
		if (blocks[i].workspace)
			plan->fixups[plan->nfixups++] =
				(PtFixup){&plan->steps[blocks[i].id].scratch, PT_NO_REF, true, blocks[i].offset};
	return true;
}

/* ---------- copies ---------- */

static void
add_copy(Mirrors *m, const Mirror *mirror, bool up)
{
	PtPlan *plan = m->plan;
	PtStage *stage = &plan->stages[plan->nstages++];

	*stage = (PtStage){.bytes = mirror->bytes, .up = up};
	plan->fixups[plan->nfixups++] = (PtFixup){&stage->host, PT_NO_REF, true, mirror->place};
	pt_plan_fix(plan, m->p, mirror->base, &stage->device, mirror->offset);
}

/* The stages anew, with copies between them. */
static bool
add_copies(Mirrors *m)
{
	PtPlan *plan = m->plan;
	const PtStage *old = plan->stages;
	int nold = plan->nstages;
	size_t most = (size_t) (nold + 2 * m->n);
	PtStage *stages = pt_arena_alloc(plan->arena, most * sizeof(PtStage));

	if (stages == NULL)
		return pt_fail_memory(m->p->err, most * sizeof(PtStage));
	plan->stages = stages;
	plan->nstages = 0;
	for (int i = 0; i < m->n; i++)
		if (m->all[i].down == ALWAYS)
			add_copy(m, &m->all[i], false);
	plan->first = plan->nstages;
	for (int k = 0; k < nold; k++)
	{
		int first = (int) (old[k].queue->steps - plan->steps);
		int last = first + old[k].queue->nsteps - 1;

		for (int i = 0; i < m->n; i++)
			if (m->all[i].down == first)
				add_copy(m, &m->all[i], false);
		plan->stages[plan->nstages++] = old[k];
		for (int i = 0; i < m->n; i++)
			if (m->all[i].up == last)
				add_copy(m, &m->all[i], true);
	}
	return true;
}

bool
pt_plan_transfers(PtPlan *plan, PtPlanning *p)
{
	Mirrors m = {.plan = plan, .p = p};
	int first_fixup = plan->nfixups;
	size_t most = 1;

	if (plan->nstages == 1 && plan->stages[0].dev == plan->dev)
		return true;
	for (int s = 0; s < plan->nsteps; s++)
		most += p->on_host[s] ? (size_t) (plan->steps[s].nin + plan->steps[s].nout) : 0;
	m.all = pt_arena_alloc(p->arena, most * sizeof(Mirror));
	m.of = pt_arena_alloc(p->arena, p->g->nvalues * sizeof(int));
	if (m.all == NULL || m.of == NULL)
		return pt_fail_memory(p->err, most * sizeof(Mirror));
	memset(m.of, 0xff, p->g->nvalues * sizeof(int));
	find_mirrors(&m);
	return place_mirrors(&m, first_fixup) && add_copies(&m);
}
