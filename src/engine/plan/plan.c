/*
 * plan.c
 *	  Compiling a graph into a queue for a device, and running it.
 *
 * Order of passes: what is needed at all, fusion, order of units, the device's choice of kernels (which
 * says how much workspace each wants), places, addresses.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/plan/plan_private.h"

/* An address that follows an external's, or the arena's. */
typedef struct Fixup
{
	void **address;
	PtRef external; /* PT_NO_REF: the arena */
	size_t offset;
} Fixup;

struct PtPlan
{
	PtArena *arena;
	PtDevice *dev;
	PtQueue queue;
	PtRef nvalues;
	void **addresses;	/* [nvalues] of externals */
	bool *needed;		/* [nvalues] externals that some step uses */
	const char **names; /* [nvalues] of externals */
	Fixup *fixups;
	int nfixups;
	void *memory; /* the planned arena, on the device */
	size_t bytes;
	bool bound;
	bool ran; /* to its end, since it was bound */
	bool prepared;
	bool running;
	bool poison;
};

/* ---------- passes ---------- */

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
		PtGiven dtype = {"dtype", {PT_VALUE_DTYPE, 0, {.dtype = g->values[r].dtype}}};
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

		for (int k = 0; k < pt_op_nout(node->op); k++)
			p->live[i] = p->live[i] || wanted[node->out[k]];
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

static void
add_fixup(PtPlan *plan, const PtPlanning *p, PtRef ref, PtOperand *operand)
{
	size_t offset;
	PtRef base = pt_plan_base(p, ref, &offset);
	const PtPlace *place = &p->places[base];

	if (ref == PT_NO_REF)
		return;
	plan->fixups[plan->nfixups++] =
		(Fixup){&operand->data, place->external, place->offset + offset};
	if (place->external != PT_NO_REF)
		plan->needed[place->external] = true;
}

/* The bytes of an external that could not be computed in place are copied last. */
static const PtOp copy_op = {.name = "copy"};

static bool
make_queue(PtPlan *plan, PtPlanning *p)
{
	const PtGraph *g = p->g;
	PtQueue *s = &plan->queue;
	int noperands = 0, most;

	/* at most one copy per external, known after places: room for all of them */
	most = p->nsteps;
	for (PtRef r = 1; r < g->nvalues; r++)
		most += g->values[r].role == PT_ROLE_EXTERNAL && g->values[r].assigned != PT_NO_REF;
	s->steps = pt_arena_alloc(plan->arena, (most + 1) * sizeof(PtStep));
	if (s->steps == NULL)
		return pt_fail_memory(p->err, most * sizeof(PtStep));
	for (int i = 0; i < p->nsteps; i++)
	{
		const PtUnit *u = &p->units[p->order[i]];

		if (!make_step(plan, p, u, &s->steps[i]))
			return false;
		noperands += u->nin + u->nout;
	}
	s->nsteps = p->nsteps;
	/* workspace is asked of a queue without the copies, which need none; then places, then all */
	if (!plan->dev->type->prepare(plan->dev, s, p->err))
		return false;
	plan->prepared = true;
	if (!pt_plan_places(p, s))
		return false;
	if (p->ncopies > 0)
	{
		plan->dev->type->unbind(plan->dev, s);
		plan->prepared = false;
	}
	plan->fixups =
		pt_arena_alloc(plan->arena, (noperands + p->nsteps + 2 * p->ncopies + 1) * sizeof(Fixup));
	if (plan->fixups == NULL)
		return pt_fail_memory(p->err, noperands * sizeof(Fixup));
	for (int i = 0; i < p->nsteps; i++)
	{
		const PtUnit *u = &p->units[p->order[i]];

		for (int k = 0; k < u->nin; k++)
			add_fixup(plan, p, u->in[k], &s->steps[i].in[k]);
		for (int k = 0; k < u->nout; k++)
			add_fixup(plan, p, u->out[k], &s->steps[i].out[k]);
		if (s->steps[i].workspace > 0)
			plan->fixups[plan->nfixups++] = (Fixup){&s->steps[i].scratch, PT_NO_REF, p->scratch[i]};
	}
	for (int i = 0; i < p->ncopies; i++)
	{
		PtStep *step = &s->steps[s->nsteps];
		PtRef external = p->copies[i];

		step->in = pt_arena_alloc(plan->arena, sizeof(PtOperand));
		step->out = pt_arena_alloc(plan->arena, sizeof(PtOperand));
		if (step->in == NULL || step->out == NULL)
			return pt_fail_memory(p->err, sizeof(PtOperand));
		step->op = &copy_op;
		step->nin = step->nout = 1;
		describe(g, external, step->in);
		describe(g, external, step->out);
		add_fixup(plan, p, g->values[external].assigned, step->in);
		add_fixup(plan, p, external, step->out);
		s->nsteps++;
	}
	if (!plan->prepared)
	{
		if (!plan->dev->type->prepare(plan->dev, s, p->err))
			return false;
		plan->prepared = true;
	}
	return true;
}

/* ---------- compile ---------- */

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
	if (!order_units(p) || !make_queue(plan, p))
		return false;

	plan->bytes = p->arena_bytes;
	if (p->options->max_bytes > 0 && plan->bytes > p->options->max_bytes)
	{
		pt_fail(p->err, PT_ELIMIT, "a plan of %zu MB exceeds the limit of %zu MB",
				plan->bytes >> 20, p->options->max_bytes >> 20);
		return pt_hint(p->err, "Use smaller batches, or raise \"pgtorch.max_memory\".");
	}
	if (plan->bytes > 0 &&
		(plan->memory = plan->dev->type->alloc(plan->dev, plan->bytes, p->err)) == NULL)
		return false;
	return true;
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
pt_plan_free(PtPlan *plan)
{
	if (plan == NULL)
		return;
	if (plan->prepared)
		plan->dev->type->unbind(plan->dev, &plan->queue);
	if (plan->memory != NULL)
		plan->dev->type->free(plan->dev, plan->memory);
	pt_arena_free(plan->arena);
}

size_t
pt_plan_bytes(const PtPlan *plan)
{
	return plan->bytes;
}

int
pt_plan_steps(const PtPlan *plan)
{
	return plan->queue.nsteps;
}

/* ---------- running ---------- */

void
pt_plan_bind(PtPlan *plan, PtRef external, void *address)
{
	if (external >= plan->nvalues || plan->addresses[external] == address)
		return;
	plan->addresses[external] = address;
	plan->bound = plan->ran = false;
}

static bool
resolve(PtPlan *plan, PtError *err)
{
	for (PtRef r = 1; r < plan->nvalues; r++)
		if (plan->needed[r] && plan->addresses[r] == NULL)
			return pt_fail(err, PT_EINTERNAL, "external \"%s\" of a plan has no address",
						   plan->names[r]);
	for (int i = 0; i < plan->nfixups; i++)
	{
		const Fixup *f = &plan->fixups[i];
		char *base = f->external != PT_NO_REF ? plan->addresses[f->external] : plan->memory;

		*f->address = base + f->offset;
	}
	if (!plan->dev->type->bind(plan->dev, &plan->queue, err))
		return false;
	plan->bound = true;
	return true;
}

/* NaN in floats, nonsense in integers: what is read before it was written shows. */
static bool
poison(PtPlan *plan, PtError *err)
{
	char *nan;
	bool ok;

	if (plan->bytes == 0)
		return true;
	nan = malloc(plan->bytes);
	if (nan == NULL)
		return pt_fail_memory(err, plan->bytes);
	memset(nan, 0xff, plan->bytes);
	ok = plan->dev->type->upload(plan->dev, plan->memory, nan, plan->bytes, err);
	free(nan);
	return ok;
}

PtRun
pt_plan_run(PtPlan *plan, int64_t repeat, int64_t budget_ns, PtError *err)
{
	PtRun run;

	if (!plan->running)
	{
		if (!plan->bound && !resolve(plan, err))
			return PT_RUN_ERROR;
		if (plan->poison && !poison(plan, err))
			return PT_RUN_ERROR;
		if (!plan->dev->type->launch(plan->dev, &plan->queue, repeat, err))
			return PT_RUN_ERROR;
		plan->running = true;
	}
	run = plan->dev->type->wait(plan->dev, &plan->queue, budget_ns, err);
	plan->running = run == PT_RUN_MORE;
	plan->ran = plan->ran || run == PT_RUN_DONE;
	return run;
}

void
pt_plan_abandon(PtPlan *plan)
{
	plan->running = false;
}

bool
pt_plan_is_running(const PtPlan *plan)
{
	return plan->running;
}

bool
pt_plan_is_quiet(const PtPlan *plan)
{
	return plan->ran && !plan->dev->threads;
}

/* ---------- printing ---------- */

char *
pt_plan_print(const PtPlan *plan)
{
	size_t size = 256 + (size_t) plan->queue.nsteps * 256;
	char *text = malloc(size);
	size_t used = 0;

	if (text == NULL)
		return NULL;
	text[0] = '\0';
	for (int i = 0; i < plan->queue.nsteps && used + 256 < size; i++)
	{
		const PtStep *s = &plan->queue.steps[i];
		const PtProgram *program = s->op ? s->epilogue : s->program;
		char shape[PT_SHAPE_TEXT];

		used += snprintf(text + used, size - used, "%s", s->op ? s->op->name : "program");
		for (int k = 0; program != NULL && k < program->ninstructions && used + 64 < size; k++)
		{
			const PtInstruction *ins = &program->instructions[k];
			const PtOp *op = pt_op_scalar((PtScalar) ins->op);

			used += snprintf(text + used, size - used, "%s%s",
							 k > 0	 ? " "
							 : s->op ? " + "
									 : ": ",
							 op != NULL				  ? op->name
							 : ins->op == PT_S_philox ? "philox"
													  : "convert");
		}
		used +=
			snprintf(text + used, size - used, "  %s\n", pt_shape_print(&s->out[0].shape, shape));
	}
	return text;
}
