/*
 * sched.c
 *	  Learning rate schedulers: their type, and what all of them do to run.
 *
 * A list of schedulers is a tree, made bottom-up.
 *
 * Memory:  schedulers and paces live in the arena that they were made in.
 * Threads: a scheduler is read-only; a pace is one thread's.
 * Errors:  values.
 */
#include "engine/train/sched.h"

#include <math.h>

#include "engine/scheds/table.h"

/* Lists nest at most so deep, so that whoever walks a tree may recurse. */
#define MAX_DEPTH 8

/* ---------- making ---------- */

static bool
take_children(PtScheduler *s, PtError *err)
{
	const PtValue *list = s->type->list ? pt_args_get(s->args, s->type->list) : NULL;

	s->depth = 1;
	s->per_step = s->type->per_step;
	if (list == NULL)
		return true;
	if (list->count == 0)
		return pt_fail(err, PT_EINVAL, "lr_scheduler.%s needs at least one scheduler",
					   s->type->name);
	s->nchildren = list->count;
	s->children = (PtScheduler **) list->objects;
	s->per_step = s->children[0]->per_step;
	for (int i = 0; i < s->nchildren; i++)
	{
		const PtScheduler *child = s->children[i];

		if (child->type->plateau)
		{
			pt_fail(err, PT_EINVAL, "lr_scheduler.%s cannot be part of lr_scheduler.%s",
					child->type->name, s->type->name);
			return pt_hint(err, "It waits for losses, the others go by the number of epochs.");
		}
		if (child->per_step != s->per_step)
		{
			pt_fail(err, PT_EINVAL,
					"schedulers of one list must all step with each epoch, or all with each batch");
			return pt_hint(err, "OneCycleLR and CyclicLR step with each batch.");
		}
		if (child->depth >= MAX_DEPTH)
			return pt_fail(err, PT_ELIMIT, "schedulers are nested more than %d deep", MAX_DEPTH);
		if (child->depth >= s->depth)
			s->depth = child->depth + 1;
	}
	return true;
}

static bool
make(PtArena *arena, PtObject *o, PtError *err)
{
	PtScheduler *s = (PtScheduler *) o;

	(void) arena;
	return take_children(s, err) && (s->type->check == NULL || s->type->check(s, err));
}

static const PtConstructor *
at(int i)
{
	for (const PtSchedulerType *const *table = pt_scheduler_tables; *table != NULL; table++)
		for (const PtSchedulerType *type = *table; type->name != NULL; type++)
			if (i-- == 0)
				return (const PtConstructor *) type;
	return NULL;
}

const PtConstructors pt_schedulers = {
	.schema = "lr_scheduler",
	.type = "scheduler",
	.one = "a scheduler",
	.several = "a list of schedulers",
	.example = "lr_scheduler.StepLR(30, gamma=0.1)",
	.doc = "a learning rate scheduler, e.g. lr_scheduler.StepLR(30, gamma=0.1); "
		   "PyTorch's arguments but optimizer, last_epoch and verbose",
	.prefixes = (const char *const[]){"torch.optim.lr_scheduler.", "optim.lr_scheduler.", NULL},
	.size = sizeof(PtScheduler),
	.at = at,
	.make = make,
};

/* ---------- with an optimizer ---------- */

bool
pt_sched_cycles(const PtScheduler *s)
{
	if (pt_args_get(s->args, "cycle_momentum") != NULL && pt_args_bool(s->args, "cycle_momentum"))
		return true;
	for (int i = 0; i < s->nchildren; i++)
		if (pt_sched_cycles(s->children[i]))
			return true;
	return false;
}

bool
pt_sched_check(const PtScheduler *s, const PtOptimizer *o, PtError *err)
{
	if (s->nchildren == 0 && pt_sched_cycles(s) && pt_optim_cycles(o) == NULL)
	{
		pt_fail(err, PT_EINVAL,
				"lr_scheduler.%s cannot cycle the momentum of optim.%s, which has none",
				s->type->name, o->type->name);
		return pt_hint(err, "Use cycle_momentum => false, or another optimizer.");
	}
	for (int i = 0; i < s->nchildren; i++)
		if (!pt_sched_check(s->children[i], o, err))
			return false;
	return true;
}

/* ---------- running ---------- */

bool
pt_pace_advance(PtPace *p, int epoch, double loss, PtError *err)
{
	const PtSchedulerType *type = p->s->type;
	double lr = p->group->lr;

	if (type->step != NULL)
		return type->step(p, epoch, loss, err);
	p->last_epoch = epoch < 0 ? p->last_epoch + 1 : epoch;
	if (!(epoch == 0 && type->first != NULL ? type->first : type->rate)(p, &lr, err))
		return false;
	p->group->lr = lr;
	return true;
}

bool
pt_pace_begin(PtPace *p, PtError *err)
{
	bool ok;

	p->initial = true;
	ok = pt_pace_advance(p, -1, 0, err);
	p->initial = false;
	return ok;
}

/* As Python constructs it: first what it holds, then itself; leaves take their first step at once. */
static bool
start(PtPace *p, const PtScheduler *s, PtGroup *group, PtError *err)
{
	p->s = s;
	p->group = group;
	p->last_epoch = -1;
	if (s->nchildren > 0)
	{
		p->children = pt_arena_alloc(group->arena, (size_t) s->nchildren * sizeof(PtPace));
		if (p->children == NULL)
			return pt_fail_memory(err, (size_t) s->nchildren * sizeof(PtPace));
		for (int i = 0; i < s->nchildren; i++)
			if (!start(&p->children[i], s->children[i], group, err))
				return false;
		return s->type->start == NULL || s->type->start(p, err);
	}
	if (s->type->start != NULL && !s->type->start(p, err))
		return false;
	if (s->type->plateau)
		return true;
	if (!group->has_initial)
	{
		group->has_initial = true;
		group->initial_lr = group->lr;
	}
	p->base_lr = group->initial_lr;
	if (!pt_pace_begin(p, err))
		return false;
	if (s->type->base != NULL)
		p->base_lr = pt_args_real(s->args, s->type->base);
	return true;
}

/* Infinite factors, division by what came to 0: nothing can be trained with that. */
static bool
check_pace(const PtPace *p, PtError *err)
{
	bool rate = !isfinite(p->group->lr);

	if (!rate && isfinite(p->group->momentum))
		return true;
	return pt_fail(err, PT_EINVAL, "lr_scheduler.%s gives a %s that is not finite: %g",
				   p->s->type->name, rate ? "learning rate" : "momentum",
				   rate ? p->group->lr : p->group->momentum);
}

PtPace *
pt_pace_new(PtArena *arena, const PtScheduler *s, const PtOptimizer *o, int64_t epochs,
			int64_t steps, PtError *err)
{
	PtPace *p = pt_arena_alloc(arena, sizeof(PtPace));
	PtGroup *group = pt_arena_alloc(arena, sizeof(PtGroup));

	if (p == NULL || group == NULL)
	{
		pt_fail_memory(err, sizeof(PtPace));
		return NULL;
	}
	*group = (PtGroup){.optimizer = o,
					   .lr = pt_args_real(o->args, "lr"),
					   .epochs = epochs,
					   .steps = steps,
					   .arena = arena};
	if (pt_optim_cycles(o) != NULL)
		group->momentum = pt_optim_momentum(o);
	if (!pt_sched_check(s, o, err) || !start(p, s, group, err) || !check_pace(p, err))
		return NULL;
	/* said now, not in the middle of the training */
	if (p->total > 0 && p->total < epochs * steps)
	{
		pt_fail(err, PT_EINVAL,
				"lr_scheduler.%s is for %lld steps in all, but the training has %lld",
				s->type->name, (long long) p->total, (long long) (epochs * steps));
		pt_hint(err, "Leave out total_steps, epochs and steps_per_epoch.");
		return NULL;
	}
	return p;
}

double
pt_pace_lr(const PtPace *p)
{
	return p->group->lr;
}

double
pt_pace_momentum(const PtPace *p)
{
	return p->group->momentum;
}

bool
pt_pace_step(PtPace *p, double loss, PtError *err)
{
	return pt_pace_advance(p, -1, loss, err) && check_pace(p, err);
}
