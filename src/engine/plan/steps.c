/*
 * steps.c
 *	  Units as steps: operands, the devices' choice of kernels, places, addresses.
 *
 * Kernels come before places, as they say how much workspace they want; copies into externals that could not be
 * computed in place come after, and are steps as the others.
 */
#include <string.h>

#include "engine/plan/plan_private.h"

static void
describe(const PtGraph *g, PtRef ref, PtOperand *operand)
{
	const PtGraphValue *v = pt_value(g, ref);

	operand->dtype = ref == PT_NO_REF ? PT_NDTYPE : v->dtype;
	operand->shape = v->shape;
}

/* Keeps what the graph owns beyond compile. */
static const PtArgs *
keep_attributes(PtArena *arena, const PtArgs *args)
{
	PtArgs *copy;

	if (args == NULL)
		return NULL;
	copy = pt_arena_alloc(arena, sizeof(PtArgs));
	if (copy == NULL)
		return NULL;
	copy->params = args->params;
	copy->count = args->count;
	copy->values = pt_arena_alloc(arena, args->count * sizeof(PtValue));
	if (copy->values == NULL)
		return NULL;
	memcpy(copy->values, args->values, args->count * sizeof(PtValue));
	for (int i = 0; i < args->count; i++)
	{
		PtValue *v = &copy->values[i];

		if (v->kind == PT_VALUE_INTS && v->count > 0)
		{
			int64_t *ints = pt_arena_alloc(arena, v->count * sizeof(int64_t));

			if (ints == NULL)
				return NULL;
			memcpy(ints, v->ints, v->count * sizeof(int64_t));
			v->ints = ints;
		}
		else if (v->kind == PT_VALUE_REALS && v->count > 0)
		{
			double *reals = pt_arena_alloc(arena, v->count * sizeof(double));

			if (reals == NULL)
				return NULL;
			memcpy(reals, v->reals, v->count * sizeof(double));
			v->reals = reals;
		}
		else if (v->kind == PT_VALUE_WORD && (v->word = pt_arena_strdup(arena, v->word)) == NULL)
			return NULL;
	}
	return copy;
}

static bool
make_step(PtPlan *plan, const PtPlanning *p, const PtUnit *u, PtStep *step)
{
	const PtNode *node = u->main >= 0 ? &p->g->nodes[u->main] : NULL;
	PtProgram *program = NULL;
	const char *path = p->g->nodes[u->main >= 0 ? (uint32_t) u->main : u->members[0]].path;

	step->in = pt_arena_alloc(plan->arena, (u->nin + 1) * sizeof(PtOperand));
	step->out = pt_arena_alloc(plan->arena, (u->nout + 1) * sizeof(PtOperand));
	if (u->program != NULL)
	{
		program = pt_arena_alloc(plan->arena, sizeof(PtProgram));
		if (program != NULL)
			*program = *u->program;
	}
	if (path != NULL)
		step->path = pt_arena_strdup(plan->arena, path);
	if (node != NULL)
	{
		step->op = node->op;
		step->attrs = keep_attributes(plan->arena, node->attrs);
		step->epilogue = program;
		step->nepilogue = u->nepilogue;
	}
	else
		step->program = program;
	if (step->in == NULL || step->out == NULL || (u->program != NULL && program == NULL) ||
		(node != NULL && node->attrs != NULL && step->attrs == NULL))
		return pt_fail_memory(p->err, sizeof(PtProgram));
	step->nin = u->nin;
	step->nout = u->nout;
	for (int i = 0; i < u->nin; i++)
		describe(p->g, u->in[i], &step->in[i]);
	for (int i = 0; i < u->nout; i++)
		describe(p->g, u->out[i], &step->out[i]);
	return true;
}

/* The bytes of an external that could not be computed in place are copied last. */
static const PtOp copy_op = {.name = "copy"};

static bool
make_copy(PtPlan *plan, const PtPlanning *p, PtRef external, PtStep *step)
{
	step->in = pt_arena_alloc(plan->arena, sizeof(PtOperand));
	step->out = pt_arena_alloc(plan->arena, sizeof(PtOperand));
	if (step->in == NULL || step->out == NULL)
		return pt_fail_memory(p->err, sizeof(PtOperand));
	step->op = &copy_op;
	step->nin = step->nout = 1;
	describe(p->g, external, step->in);
	describe(p->g, external, step->out);
	return true;
}

PtRef
pt_plan_operand(const PtPlanning *p, int step, bool output, int k)
{
	const PtUnit *u;
	PtRef external;

	if (step < p->nsteps)
	{
		u = &p->units[p->order[step]];
		return output ? u->out[k] : u->in[k];
	}
	external = p->copies[step - p->nsteps];
	return output ? external : p->g->values[external].assigned;
}

void
pt_plan_fix(PtPlan *plan, const PtPlanning *p, PtRef ref, void **address, size_t offset)
{
	size_t inner;
	const PtPlace *place = &p->places[pt_plan_base(p, ref, &inner)];

	plan->fixups[plan->nfixups++] =
		(PtFixup){address, place->external, false, place->offset + inner + offset};
	if (place->external != PT_NO_REF)
		plan->needed[place->external] = true;
}

/* Of the steps that the device runs. */
static void
fix_steps(PtPlan *plan, const PtPlanning *p)
{
	for (int i = 0; i < plan->nsteps; i++)
	{
		PtStep *step = &plan->steps[i];

		if (p->on_host[i])
			continue;
		for (int k = 0; k < step->nin; k++)
			if (pt_plan_operand(p, i, false, k) != PT_NO_REF)
				pt_plan_fix(plan, p, pt_plan_operand(p, i, false, k), &step->in[k].data, 0);
		for (int k = 0; k < step->nout; k++)
			pt_plan_fix(plan, p, pt_plan_operand(p, i, true, k), &step->out[k].data, 0);
		if (step->workspace > 0)
			plan->fixups[plan->nfixups++] =
				(PtFixup){&step->scratch, PT_NO_REF, false, p->scratch[i]};
	}
}

static bool
prepare(PtPlan *plan, PtError *err)
{
	for (int i = 0; i < plan->nstages; i++)
		if (!plan->stages[i].dev->type->prepare(plan->stages[i].dev, plan->stages[i].queue, err))
			return false;
	return true;
}

bool
pt_plan_make_steps(PtPlan *plan, PtPlanning *p)
{
	const PtGraph *g = p->g;
	size_t noperands = 0;
	int most = p->nsteps;

	/* at most one copy per external, known after places: room for all of them */
	for (PtRef r = 1; r < g->nvalues; r++)
		most += g->values[r].role == PT_ROLE_EXTERNAL && g->values[r].assigned != PT_NO_REF;
	plan->steps = pt_arena_alloc(plan->arena, (most + 1) * sizeof(PtStep));
	p->on_host = pt_arena_alloc(p->arena, most + 1);
	if (plan->steps == NULL || p->on_host == NULL)
		return pt_fail_memory(p->err, most * sizeof(PtStep));
	for (; plan->nsteps < p->nsteps; plan->nsteps++)
		if (!make_step(plan, p, &p->units[p->order[plan->nsteps]], &plan->steps[plan->nsteps]))
			return false;
	if (!pt_plan_cut(plan, p, 0) || !prepare(plan, p->err) || !pt_plan_places(p, plan->steps))
		return false;
	for (int i = 0; i < p->ncopies; i++, plan->nsteps++)
		if (!make_copy(plan, p, p->copies[i], &plan->steps[plan->nsteps]))
			return false;
	if (p->ncopies > 0 && (!pt_plan_cut(plan, p, p->nsteps) || !prepare(plan, p->err)))
		return false;

	for (int i = 0; i < plan->nsteps; i++)
		noperands += (size_t) (plan->steps[i].nin + plan->steps[i].nout);
	/* operands and workspaces; and on the host both ends of a copy for each operand */
	plan->fixups =
		pt_arena_alloc(plan->arena, (3 * noperands + (size_t) plan->nsteps + 1) * sizeof(PtFixup));
	if (plan->fixups == NULL)
		return pt_fail_memory(p->err, noperands * sizeof(PtFixup));
	fix_steps(plan, p);
	return pt_plan_transfers(plan, p);
}
