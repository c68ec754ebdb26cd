/*
 * lists.c
 *	  Schedulers of schedulers: one after the other, or all at once.
 */
#include "engine/scheds/table.h"

/* ---------- SequentialLR ---------- */

static bool
check_sequential(const PtScheduler *s, PtError *err)
{
	const PtValue *milestones = pt_args_get(s->args, "milestones");

	for (int i = 0; i < s->nchildren; i++)
		if (s->children[i]->nchildren > 0)
			return pt_fail(err, PT_EINVAL,
						   "lr_scheduler.%s cannot be part of lr_scheduler.SequentialLR",
						   s->children[i]->type->name);
	if (milestones->count != s->nchildren - 1)
		return pt_fail(
			err, PT_EINVAL,
			"lr_scheduler.SequentialLR needs one scheduler more than milestones, not %d for %d",
			s->nchildren, milestones->count);
	for (int i = 1; i < milestones->count; i++)
		if (milestones->ints[i] <= milestones->ints[i - 1])
			return pt_fail(err, PT_EINVAL, "milestones must increase, not go from %lld to %lld",
						   (long long) milestones->ints[i - 1], (long long) milestones->ints[i]);
	return true;
}

/* Which scheduler an epoch belongs to. */
static int
at_epoch(const PtPace *p, int64_t epoch)
{
	const PtValue *milestones = pt_args_get(p->s->args, "milestones");
	int i = 0;

	while (i < milestones->count && milestones->ints[i] <= epoch)
		i++;
	return i;
}

/* What all did when they were made is undone; the one of epoch 0 begins again. */
static bool
start_sequential(PtPace *p, PtError *err)
{
	p->group->lr = p->group->initial_lr;
	for (int i = 0; i < p->s->nchildren; i++)
		p->children[i].last_epoch--;
	p->last_epoch = 0;
	return pt_pace_begin(&p->children[at_epoch(p, 0)], err);
}

static bool
step_sequential(PtPace *p, int epoch, double loss, PtError *err)
{
	const PtValue *milestones = pt_args_get(p->s->args, "milestones");
	int i;

	(void) epoch;
	i = at_epoch(p, ++p->last_epoch);
	return pt_pace_advance(&p->children[i],
						   i > 0 && milestones->ints[i - 1] == p->last_epoch ? 0 : -1, loss, err);
}

/* ---------- ChainedScheduler ---------- */

static bool
step_chained(PtPace *p, int epoch, double loss, PtError *err)
{
	(void) epoch;
	for (int i = 0; i < p->s->nchildren; i++)
		if (!pt_pace_advance(&p->children[i], -1, loss, err))
			return false;
	return true;
}

const PtSchedulerType pt_lists_schedulers[] = {
	{
		.name = "SequentialLR",
		.doc = "Several schedulers one after the other: the next begins at each milestone.",
		.params =
			(const PtParam[]){
				{"schedulers", PT_ARG_OBJECT_LIST, .required = true, .of = &pt_schedulers},
				{"milestones", PT_ARG_INTS, .required = true},
				{NULL},
			},
		.list = "schedulers",
		.check = check_sequential,
		.start = start_sequential,
		.step = step_sequential,
	},
	{
		.name = "ChainedScheduler",
		.doc = "Several schedulers at once: each changes the rate that the one before it left.",
		.params = (const PtParam[]){{"schedulers", PT_ARG_OBJECT_LIST, .required = true,
									 .of = &pt_schedulers},
									{NULL}},
		.list = "schedulers",
		.step = step_chained,
	},
	{NULL},
};
