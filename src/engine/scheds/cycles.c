/*
 * cycles.c
 *	  Schedulers that step with each batch: CyclicLR and OneCycleLR.
 *
 * Both may move the momentum (or beta1) against the learning rate.
 */
#include "engine/scheds/table.h"

#include <math.h>
#include <string.h>

#define POSITIVE_INT .bounded = true, .min = 1, .max = INFINITY

/* ---------- CyclicLR ---------- */

static bool
check_cyclic(const PtScheduler *s, PtError *err)
{
	PtArena *arena;
	bool ok;

	if (pt_args_is_none(s->args, "scale_fn"))
		return true;
	if ((arena = pt_arena_new()) == NULL)
		return pt_fail_memory(err, sizeof(PtFormula *));
	ok = pt_formula_parse(arena, pt_args_word(s->args, "scale_fn"), "x", err) != NULL;
	pt_arena_free(arena);
	return ok;
}

static bool
start_cyclic(PtPace *p, PtError *err)
{
	const PtArgs *args = p->s->args;

	p->group->lr = pt_args_real(args, "base_lr");
	if (pt_args_bool(args, "cycle_momentum"))
	{
		p->group->momentum = p->group->max_momentum = pt_args_real(args, "max_momentum");
		p->group->base_momentum = pt_args_real(args, "base_momentum");
	}
	if (pt_args_is_none(args, "scale_fn"))
		return true;
	p->formula = pt_formula_parse(p->group->arena, pt_args_word(args, "scale_fn"), "x", err);
	return p->formula != NULL;
}

/* How high this cycle is, of the whole height. */
static bool
scale_cyclic(const PtPace *p, int64_t cycle, double *out, PtError *err)
{
	const PtArgs *args = p->s->args;
	const char *mode = pt_args_word(args, "mode");

	if (p->formula != NULL)
		return pt_formula_eval(p->formula,
							   strcmp(pt_args_word(args, "scale_mode"), "cycle") == 0
								   ? cycle
								   : p->last_epoch,
							   out, err);
	if (strcmp(mode, "triangular2") == 0)
		*out = 1 / pow(2, (double) (cycle - 1));
	else if (strcmp(mode, "exp_range") == 0)
		*out = pow(pt_args_real(args, "gamma"), (double) p->last_epoch);
	else
		*out = 1;
	return true;
}

static bool
rate_cyclic(PtPace *p, double *lr, PtError *err)
{
	const PtArgs *args = p->s->args;
	double up = pt_args_real(args, "step_size_up");
	double down =
		pt_args_is_none(args, "step_size_down") ? up : pt_args_real(args, "step_size_down");
	double total = up + down;
	double ratio = up / total;
	double cycle = floor(1 + (double) p->last_epoch / total);
	double x = 1. + (double) p->last_epoch / total - cycle;
	double part = x <= ratio ? x / ratio : (x - 1) / (ratio - 1);
	double scale;

	if (!scale_cyclic(p, (int64_t) cycle, &scale, err))
		return false;
	*lr = p->base_lr + (pt_args_real(args, "max_lr") - p->base_lr) * part * scale;
	if (pt_args_bool(args, "cycle_momentum"))
	{
		double max = pt_args_real(args, "max_momentum");

		p->group->momentum = max - (max - pt_args_real(args, "base_momentum")) * part * scale;
	}
	return true;
}

/* ---------- OneCycleLR ---------- */

static bool
check_one_cycle(const PtScheduler *s, PtError *err)
{
	static const char *const divisors[] = {"div_factor", "final_div_factor"};

	for (int i = 0; i < 2; i++)
		if (pt_args_real(s->args, divisors[i]) == 0)
			return pt_fail(err, PT_EINVAL,
						   "argument \"%s\" of lr_scheduler.OneCycleLR must not be 0", divisors[i]);
	return true;
}

/* What is not said comes from the training. */
static bool
start_one_cycle(PtPace *p, PtError *err)
{
	const PtArgs *args = p->s->args;
	PtGroup *g = p->group;
	int64_t epochs = pt_args_is_none(args, "epochs") ? g->epochs : pt_args_int(args, "epochs");
	int64_t steps =
		pt_args_is_none(args, "steps_per_epoch") ? g->steps : pt_args_int(args, "steps_per_epoch");

	if (!pt_args_is_none(args, "total_steps"))
		p->total = pt_args_int(args, "total_steps");
	else if (__builtin_mul_overflow(epochs, steps, &p->total))
		return pt_fail(err, PT_ERANGE, "%lld epochs of %lld steps are too many", (long long) epochs,
					   (long long) steps);
	g->max_lr = pt_args_real(args, "max_lr");
	g->initial_lr = g->max_lr / pt_args_real(args, "div_factor");
	g->has_initial = true;
	g->min_lr = g->initial_lr / pt_args_real(args, "final_div_factor");
	if (pt_args_bool(args, "cycle_momentum"))
	{
		g->momentum = g->max_momentum = pt_args_real(args, "max_momentum");
		g->base_momentum = pt_args_real(args, "base_momentum");
	}
	return true;
}

static double
anneal(bool cosine, double from, double to, double part)
{
	return cosine ? to + (from - to) / 2.0 * (cos(M_PI * part) + 1) : (to - from) * part + from;
}

static bool
rate_one_cycle(PtPace *p, double *lr, PtError *err)
{
	const PtArgs *args = p->s->args;
	PtGroup *g = p->group;
	bool three = pt_args_bool(args, "three_phase");
	bool cosine = strcmp(pt_args_word(args, "anneal_strategy"), "cos") == 0;
	double share = pt_args_real(args, "pct_start");
	double total = (double) p->total;
	double step = (double) p->last_epoch;
	const struct
	{
		double end, from, to, momentum_from, momentum_to;
	} phases[] = {
		{share * total - 1, g->initial_lr, g->max_lr, g->max_momentum, g->base_momentum},
		{2 * share * total - 2, g->max_lr, g->initial_lr, g->base_momentum, g->max_momentum},
		{total - 1, three ? g->initial_lr : g->max_lr, g->min_lr,
		 three ? g->max_momentum : g->base_momentum, g->max_momentum},
	};
	double begin = 0, part;
	int i = 0;

	if (p->last_epoch > p->total)
		return pt_fail(
			err, PT_EINVAL,
			"lr_scheduler.OneCycleLR is for %lld steps in all, and cannot take step %lld",
			(long long) p->total, (long long) p->last_epoch + 1);
	while (i < 2 && step > phases[i].end)
	{
		begin = phases[i].end;
		i += three ? 1 : 2;
	}
	part = (step - begin) / (phases[i].end - begin);
	if (!isfinite(part))
	{
		pt_fail(
			err, PT_EINVAL,
			"lr_scheduler.OneCycleLR has a phase of no steps: %lld in all, of which pct_start %g",
			(long long) p->total, share);
		return pt_hint(err, "Use another pct_start, or train for more steps.");
	}
	*lr = anneal(cosine, phases[i].from, phases[i].to, part);
	if (pt_args_bool(args, "cycle_momentum"))
		g->momentum = anneal(cosine, phases[i].momentum_from, phases[i].momentum_to, part);
	return true;
}

const PtSchedulerType pt_cycles_schedulers[] = {
	{
		.name = "CyclicLR",
		.doc =
			"Up from base_lr to max_lr and down again, over and over, with each batch.  scale_fn is text: "
			"'x -> 0.99 ** x'.",
		.params =
			(const PtParam[]){
				{"base_lr", PT_ARG_REAL, .required = true},
				{"max_lr", PT_ARG_REAL, .required = true},
				{"step_size_up", PT_ARG_INT, .init = 2000, POSITIVE_INT},
				{"step_size_down", PT_ARG_INT, .init_none = true, POSITIVE_INT},
				{"mode", PT_ARG_WORD, .text = "'triangular'",
				 .words = (const char *const[]){"triangular", "triangular2", "exp_range", NULL}},
				{"gamma", PT_ARG_REAL, .init = 1.0},
				{"scale_fn", PT_ARG_WORD, .init_none = true},
				{"scale_mode", PT_ARG_WORD, .text = "'cycle'",
				 .words = (const char *const[]){"cycle", "iterations", NULL}},
				{"cycle_momentum", PT_ARG_BOOL, .init = 1},
				{"base_momentum", PT_ARG_REAL, .init = 0.8},
				{"max_momentum", PT_ARG_REAL, .init = 0.9},
				{NULL},
			},
		.per_step = true,
		.base = "base_lr",
		.check = check_cyclic,
		.start = start_cyclic,
		.rate = rate_cyclic,
	},
	{
		.name = "OneCycleLR",
		.doc =
			"Up to max_lr and down to nearly nothing, once, with each batch.  Without total_steps it covers the training.",
		.params =
			(const PtParam[]){
				{"max_lr", PT_ARG_REAL, .required = true},
				{"total_steps", PT_ARG_INT, .init_none = true, POSITIVE_INT},
				{"epochs", PT_ARG_INT, .init_none = true, POSITIVE_INT},
				{"steps_per_epoch", PT_ARG_INT, .init_none = true, POSITIVE_INT},
				{"pct_start", PT_ARG_REAL, .init = 0.3, .bounded = true, .min = 0, .max = 1},
				{"anneal_strategy", PT_ARG_WORD, .text = "'cos'",
				 .words = (const char *const[]){"cos", "linear", NULL}},
				{"cycle_momentum", PT_ARG_BOOL, .init = 1},
				{"base_momentum", PT_ARG_REAL, .init = 0.85},
				{"max_momentum", PT_ARG_REAL, .init = 0.95},
				{"div_factor", PT_ARG_REAL, .init = 25},
				{"final_div_factor", PT_ARG_REAL, .init = 1e4},
				{"three_phase", PT_ARG_BOOL},
				{NULL},
			},
		.per_step = true,
		.check = check_one_cycle,
		.start = start_one_cycle,
		.rate = rate_one_cycle,
	},
	{NULL},
};
