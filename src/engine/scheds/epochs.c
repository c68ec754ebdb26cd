/*
 * epochs.c
 *	  Schedulers that step with each epoch.
 *
 * Rates come from the one before, as PyTorch computes them when step() has no argument: another form of the
 * same formula would round differently, and would not go together with other schedulers.
 */
#include "engine/scheds/table.h"

#include <math.h>
#include <string.h>

#define POSITIVE_INT .bounded = true, .min = 1, .max = INFINITY
#define COUNT .bounded = true, .min = 0, .max = INFINITY
/* of what a rate is multiplied by, more than 0: it is divided by again later */
#define FACTOR .bounded = true, .min = 0, .max = 1

/* ---------- LambdaLR, MultiplicativeLR ---------- */

static bool
check_formula(const PtScheduler *s, PtError *err)
{
	PtArena *arena = pt_arena_new();
	bool ok;

	if (arena == NULL)
		return pt_fail_memory(err, sizeof(PtFormula *));
	ok = pt_formula_parse(arena, pt_args_word(s->args, "lr_lambda"), "epoch", err) != NULL;
	pt_arena_free(arena);
	return ok;
}

static bool
start_formula(PtPace *p, PtError *err)
{
	p->formula =
		pt_formula_parse(p->group->arena, pt_args_word(p->s->args, "lr_lambda"), "epoch", err);
	return p->formula != NULL;
}

static bool
rate_lambda(PtPace *p, double *lr, PtError *err)
{
	double factor;

	if (!pt_formula_eval(p->formula, p->last_epoch, &factor, err))
		return false;
	*lr = p->base_lr * factor;
	return true;
}

static bool
rate_multiplicative(PtPace *p, double *lr, PtError *err)
{
	double factor = 1;

	if (!p->initial && !pt_formula_eval(p->formula, p->last_epoch, &factor, err))
		return false;
	*lr *= factor;
	return true;
}

static const PtParam params_formula[] = {{"lr_lambda", PT_ARG_WORD, .required = true}, {NULL}};

/* ---------- StepLR, MultiStepLR, ExponentialLR ---------- */

static bool
rate_step(PtPace *p, double *lr, PtError *err)
{
	(void) err;
	if (p->last_epoch != 0 && p->last_epoch % pt_args_int(p->s->args, "step_size") == 0)
		*lr *= pt_args_real(p->s->args, "gamma");
	return true;
}

/* The rate of epoch 0 of those that begin with the initial one. */
static bool
first_base(PtPace *p, double *lr, PtError *err)
{
	(void) err;
	*lr = p->base_lr;
	return true;
}

/* How many milestones are this epoch, or up to it. */
static int
milestones(const PtPace *p, bool before)
{
	const PtValue *v = pt_args_get(p->s->args, "milestones");
	int n = 0;

	for (int i = 0; i < v->count; i++)
		n += v->ints[i] == p->last_epoch || (before && v->ints[i] < p->last_epoch);
	return n;
}

static bool
rate_multi_step(PtPace *p, double *lr, PtError *err)
{
	int n = milestones(p, false);

	(void) err;
	if (n > 0)
		*lr *= pow(pt_args_real(p->s->args, "gamma"), n);
	return true;
}

static bool
first_multi_step(PtPace *p, double *lr, PtError *err)
{
	(void) err;
	*lr = p->base_lr * pow(pt_args_real(p->s->args, "gamma"), milestones(p, true));
	return true;
}

static bool
rate_exponential(PtPace *p, double *lr, PtError *err)
{
	(void) err;
	if (p->last_epoch != 0)
		*lr *= pt_args_real(p->s->args, "gamma");
	return true;
}

/* ---------- ConstantLR, LinearLR, PolynomialLR ---------- */

static bool
check_factor(const PtScheduler *s, PtError *err)
{
	const char *name = pt_args_get(s->args, "factor") ? "factor" : "start_factor";

	return pt_args_real(s->args, name) > 0 ||
		   pt_fail(
			   err, PT_EINVAL,
			   "argument \"%s\" of lr_scheduler.%s must be greater than 0, as it is divided by later",
			   name, s->type->name);
}

static bool
rate_constant(PtPace *p, double *lr, PtError *err)
{
	double factor = pt_args_real(p->s->args, "factor");

	(void) err;
	if (p->last_epoch == 0)
		*lr *= factor;
	else if (p->last_epoch == pt_args_int(p->s->args, "total_iters"))
		*lr *= 1.0 / factor;
	return true;
}

static bool
first_constant(PtPace *p, double *lr, PtError *err)
{
	double factor = pt_args_real(p->s->args, "factor");

	(void) err;
	*lr = p->base_lr * (factor + (pt_args_int(p->s->args, "total_iters") <= 0) * (1 - factor));
	return true;
}

static bool
rate_linear(PtPace *p, double *lr, PtError *err)
{
	double start = pt_args_real(p->s->args, "start_factor");
	double end = pt_args_real(p->s->args, "end_factor");
	int64_t total = pt_args_int(p->s->args, "total_iters");

	(void) err;
	if (p->last_epoch == 0)
		*lr *= start;
	else if (p->last_epoch <= total)
		*lr *= 1. + (end - start) /
						((double) total * start + (double) (p->last_epoch - 1) * (end - start));
	return true;
}

static bool
first_linear(PtPace *p, double *lr, PtError *err)
{
	double start = pt_args_real(p->s->args, "start_factor");
	double end = pt_args_real(p->s->args, "end_factor");

	(void) err;
	/* PyTorch divides by total_iters: without any, it is over at once */
	*lr = p->base_lr * (pt_args_int(p->s->args, "total_iters") > 0 ? start : end);
	return true;
}

static bool
rate_polynomial(PtPace *p, double *lr, PtError *err)
{
	double total = pt_args_real(p->s->args, "total_iters");
	double epoch = (double) p->last_epoch;

	(void) err;
	if (p->last_epoch != 0 && epoch <= total)
		*lr *= pow((1.0 - epoch / total) / (1.0 - (epoch - 1) / total),
				   pt_args_real(p->s->args, "power"));
	return true;
}

/* ---------- CosineAnnealingLR, CosineAnnealingWarmRestarts ---------- */

static bool
rate_cosine(PtPace *p, double *lr, PtError *err)
{
	int64_t period = pt_args_int(p->s->args, "T_max");
	double low = pt_args_real(p->s->args, "eta_min");
	int64_t epoch = p->last_epoch;

	(void) err;
	if (epoch == 0)
		return true;
	if ((epoch - 1 - period) % (2 * period) == 0)
		*lr = *lr + (p->base_lr - low) * (1 - cos(M_PI / (double) period)) / 2;
	else
		*lr = (1 + cos(M_PI * (double) epoch / (double) period)) /
				  (1 + cos(M_PI * (double) (epoch - 1) / (double) period)) * (*lr - low) +
			  low;
	return true;
}

static bool
first_cosine(PtPace *p, double *lr, PtError *err)
{
	double low = pt_args_real(p->s->args, "eta_min");

	(void) err;
	*lr = low + (p->base_lr - low) * (1 + cos(0)) / 2;
	return true;
}

static bool
start_restarts(PtPace *p, PtError *err)
{
	(void) err;
	p->period = pt_args_int(p->s->args, "T_0");
	p->cur = -1;
	return true;
}

static bool
step_restarts(PtPace *p, int epoch, double loss, PtError *err)
{
	const PtArgs *args = p->s->args;
	double low = pt_args_real(args, "eta_min");

	(void) loss;
	(void) err;
	if (epoch == 0 || p->last_epoch < 0)
	{
		p->last_epoch = p->cur = 0;
		p->period = pt_args_int(args, "T_0");
	}
	else
	{
		p->last_epoch++;
		if (++p->cur >= p->period)
		{
			p->cur -= p->period;
			/* a period that no training reaches need not grow on */
			if (p->period < INT64_C(1) << 31)
				p->period *= pt_args_int(args, "T_mult");
		}
	}
	p->group->lr =
		low + (p->base_lr - low) * (1 + cos(M_PI * (double) p->cur / (double) p->period)) / 2;
	return true;
}

/* ---------- ReduceLROnPlateau ---------- */

static bool
start_plateau(PtPace *p, PtError *err)
{
	(void) err;
	p->best = strcmp(pt_args_word(p->s->args, "mode"), "min") == 0 ? INFINITY : -INFINITY;
	p->last_epoch = 0;
	return true;
}

static bool
is_better(const PtPace *p, double loss)
{
	const PtArgs *args = p->s->args;
	double threshold = pt_args_real(args, "threshold");
	bool relative = strcmp(pt_args_word(args, "threshold_mode"), "rel") == 0;

	if (strcmp(pt_args_word(args, "mode"), "min") == 0)
		return loss < (relative ? p->best * (1. - threshold) : p->best - threshold);
	return loss > (relative ? p->best * (threshold + 1.) : p->best + threshold);
}

static bool
step_plateau(PtPace *p, int epoch, double loss, PtError *err)
{
	const PtArgs *args = p->s->args;

	(void) epoch;
	(void) err;
	p->last_epoch++;
	if (is_better(p, loss))
	{
		p->best = loss;
		p->bad = 0;
	}
	else
		p->bad++;
	if (p->cooldown > 0)
	{
		p->cooldown--;
		p->bad = 0;
	}
	if (p->bad > pt_args_int(args, "patience"))
	{
		double lr = fmax(p->group->lr * pt_args_real(args, "factor"), pt_args_real(args, "min_lr"));

		if (p->group->lr - lr > pt_args_real(args, "eps"))
			p->group->lr = lr;
		p->cooldown = pt_args_int(args, "cooldown");
		p->bad = 0;
	}
	return true;
}

const PtSchedulerType pt_epochs_schedulers[] = {
	{
		.name = "LambdaLR",
		.doc =
			"The initial rate times a function of the epoch (from 0), given as text: 'epoch -> 0.95 ** epoch'.",
		.params = params_formula,
		.check = check_formula,
		.start = start_formula,
		.rate = rate_lambda,
	},
	{
		.name = "MultiplicativeLR",
		.doc = "The rate before times a function of the epoch, given as text: 'epoch -> 0.95'.",
		.params = params_formula,
		.check = check_formula,
		.start = start_formula,
		.rate = rate_multiplicative,
	},
	{
		.name = "StepLR",
		.doc = "Times gamma after every step_size epochs.",
		.params =
			(const PtParam[]){
				{"step_size", PT_ARG_INT, .required = true, POSITIVE_INT},
				{"gamma", PT_ARG_REAL, .init = 0.1},
				{NULL},
			},
		.rate = rate_step,
		.first = first_base,
	},
	{
		.name = "MultiStepLR",
		.doc = "Times gamma at each of the milestones.",
		.params =
			(const PtParam[]){
				{"milestones", PT_ARG_INTS, .required = true},
				{"gamma", PT_ARG_REAL, .init = 0.1},
				{NULL},
			},
		.rate = rate_multi_step,
		.first = first_multi_step,
	},
	{
		.name = "ExponentialLR",
		.doc = "Times gamma after every epoch.",
		.params = (const PtParam[]){{"gamma", PT_ARG_REAL, .required = true}, {NULL}},
		.rate = rate_exponential,
		.first = first_base,
	},
	{
		.name = "ConstantLR",
		.doc = "The rate times factor for the first total_iters epochs.",
		.params =
			(const PtParam[]){
				{"factor", PT_ARG_REAL, .init = 1.0 / 3, FACTOR},
				{"total_iters", PT_ARG_INT, .init = 5, COUNT},
				{NULL},
			},
		.check = check_factor,
		.rate = rate_constant,
		.first = first_constant,
	},
	{
		.name = "LinearLR",
		.doc =
			"From the rate times start_factor to the rate times end_factor in a line over total_iters epochs.",
		.params =
			(const PtParam[]){
				{"start_factor", PT_ARG_REAL, .init = 1.0 / 3, FACTOR},
				{"end_factor", PT_ARG_REAL, .init = 1.0, FACTOR},
				{"total_iters", PT_ARG_INT, .init = 5, COUNT},
				{NULL},
			},
		.check = check_factor,
		.rate = rate_linear,
		.first = first_linear,
	},
	{
		.name = "PolynomialLR",
		.doc = "Down to 0 over total_iters epochs, as a power of what is left of them.",
		.params =
			(const PtParam[]){
				{"total_iters", PT_ARG_INT, .init = 5, COUNT},
				{"power", PT_ARG_REAL, .init = 1.0},
				{NULL},
			},
		.rate = rate_polynomial,
		.first = first_base,
	},
	{
		.name = "CosineAnnealingLR",
		.doc = "Down to eta_min along half a cosine over T_max epochs, then up again.",
		.params =
			(const PtParam[]){
				{"T_max", PT_ARG_INT, .required = true, .bounded = true, .min = 1, .max = 1 << 30},
				{"eta_min", PT_ARG_REAL},
				{NULL},
			},
		.rate = rate_cosine,
		.first = first_cosine,
	},
	{
		.name = "CosineAnnealingWarmRestarts",
		.doc =
			"Down to eta_min along half a cosine over T_0 epochs, then from the initial rate again, each time T_mult as long.",
		.params =
			(const PtParam[]){
				{"T_0", PT_ARG_INT, .required = true, .bounded = true, .min = 1, .max = 1 << 30},
				{"T_mult", PT_ARG_INT, .init = 1, .bounded = true, .min = 1, .max = 1 << 30},
				{"eta_min", PT_ARG_REAL},
				{NULL},
			},
		.start = start_restarts,
		.step = step_restarts,
	},
	{
		.name = "ReduceLROnPlateau",
		.doc =
			"Times factor when the loss has not become better for more than patience epochs: the validation loss if there is "
			"one, else the training loss.",
		.params =
			(const PtParam[]){
				{"mode", PT_ARG_WORD, .text = "'min'",
				 .words = (const char *const[]){"min", "max", NULL}},
				{"factor", PT_ARG_REAL, .init = 0.1, .bounded = true, .open = true,
				 .min = -INFINITY, .max = 1},
				{"patience", PT_ARG_INT, .init = 10, COUNT},
				{"threshold", PT_ARG_REAL, .init = 1e-4},
				{"threshold_mode", PT_ARG_WORD, .text = "'rel'",
				 .words = (const char *const[]){"rel", "abs", NULL}},
				{"cooldown", PT_ARG_INT, COUNT},
				{"min_lr", PT_ARG_REAL},
				{"eps", PT_ARG_REAL, .init = 1e-8},
				{NULL},
			},
		.plateau = true,
		.start = start_plateau,
		.step = step_plateau,
	},
	{NULL},
};
