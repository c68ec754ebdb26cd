/*
 * fit.c
 *	  Training: the loop over epochs, in phases.
 *
 * An epoch is a shuffle, the full batches, what is left of the rows as one smaller batch, and a report.  Batches of one
 * size are one step (step.h), run again and again; what all steps share is made here, before the first.
 *
 * Memory: an arena, and the device's for the state of the steps.
 */
#include "engine/train/fit.h"

#include <stdlib.h>

#include "engine/train/step.h"

/* Learning rates (and momentums) that are computed and uploaded at a time, where they change with each step. */
#define RATES 16384

/* Rows shuffled between two looks at the clock. */
#define SHUFFLE_SLICE 1000000

/* Of a slot, filled in one call. */
#define SLOT_BYTES ((size_t) 1 << 20)

/*
 * Steps between two reads of the counters on a device with memory of its own.  Fetching them waits for all that is under
 * way there, so they are fetched when nothing is: a cancel would wait, too, and the device would idle.
 */
#define STEPS_BETWEEN_READS 4096

typedef struct Step
{
	PtStepKey key;
	PtPlan *plan;
} Step;

/* Batches of one size in an epoch. */
typedef struct Batches
{
	int64_t rows;
	int64_t count;
} Batches;

typedef enum Phase
{
	SHUFFLE,
	FULL,
	TAIL,
	REPORT
} Phase;

struct PtFit
{
	PtArena *arena;
	PtFitSpec spec;
	PtDevice *dev;
	PtFitState state; /* that the steps share */
	Step *compiled;	  /* so far */
	int ncompiled;
	PtRng rng;

	PtPace *pace;		/* NULL: the rate stays */
	double (*rates)[2]; /* of the table of rates, on the host */
	int64_t rates_left; /* not used yet */

	Batches full, tail;
	double rate; /* of the last step */

	Phase phase;
	int64_t todo;	 /* steps of the phase */
	int64_t running; /* of these, under way in the plan */
	int64_t paced;	 /* steps since the start that have a rate */
	int64_t epoch;	 /* ended so far */
	int64_t cursor;	 /* of the shuffle */
	int64_t steps;
};

/* ---------- making and freeing ---------- */

static void *
device_alloc(PtFit *fit, size_t bytes, PtError *err)
{
	return fit->dev->type->alloc(fit->dev, bytes > 0 ? bytes : 1, err);
}

static void
device_free(PtFit *fit, void *p)
{
	if (p != NULL)
		fit->dev->type->free(fit->dev, p);
}

/* Memory of a slot, filled with what it starts as. */
static bool
make_slot(PtFit *fit, int i, PtError *err)
{
	PtFitState *s = &fit->state;
	const PtOptimSlot *slot = &s->slot[i];
	PtDevice *dev = fit->dev;
	size_t flat = fit->spec.sd->flat * sizeof(float);
	size_t most = flat < SLOT_BYTES ? flat : SLOT_BYTES;
	float *part;
	bool ok = true;

	if ((s->slots[i] = device_alloc(fit, slot->scalar ? sizeof(double) : flat, err)) == NULL)
		return false;
	if (slot->scalar)
		return dev->type->upload(dev, s->slots[i], &slot->init, sizeof(double), err);
	if (slot->init == 0)
		return true;
	if ((part = malloc(most)) == NULL)
		return pt_fail_memory(err, most);
	for (size_t j = 0; j < most / sizeof(float); j++)
		part[j] = (float) slot->init;
	for (size_t at = 0; ok && at < flat; at += most)
		ok = dev->type->upload(dev, (char *) s->slots[i] + at, part,
							   flat - at < most ? flat - at : most, err);
	free(part);
	return ok;
}

/* The first learning rate, and what holds it and those to come. */
static bool
prepare_rates(PtFit *fit, PtError *err)
{
	PtFitState *s = &fit->state;
	const PtFitSpec *spec = &fit->spec;
	PtDevice *dev = fit->dev;
	int64_t steps = fit->full.count + fit->tail.count;
	int64_t *entries;

	s->optimizer = *spec->optimizer;
	fit->rate = pt_args_real(spec->optimizer->args, "lr");
	if (spec->scheduler != NULL)
	{
		fit->pace = pt_pace_new(fit->arena, spec->scheduler, spec->optimizer, spec->options.epochs,
								steps, err);
		if (fit->pace == NULL)
			return false;
		fit->rate = pt_pace_lr(fit->pace);
		s->optimizer.cycled = pt_sched_cycles(spec->scheduler);
	}
	if (spec->scheduler == NULL || !spec->scheduler->per_step)
		return (s->lr = device_alloc(fit, sizeof(double), err)) != NULL;
	s->nrates = steps < RATES ? steps : RATES;
	fit->rates = pt_arena_alloc(fit->arena, s->nrates * sizeof(*fit->rates));
	entries = pt_arena_alloc(fit->arena, s->nrates * sizeof(int64_t));
	if (fit->rates == NULL || entries == NULL)
		return pt_fail_memory(err, s->nrates * sizeof(*fit->rates));
	for (int64_t i = 0; i < s->nrates; i++)
		entries[i] = i;
	return (s->lr = device_alloc(fit, s->nrates * sizeof(*fit->rates), err)) != NULL &&
		   (s->at = device_alloc(fit, PT_CTL_SIZE * sizeof(int64_t), err)) != NULL &&
		   (s->entries = device_alloc(fit, s->nrates * sizeof(int64_t), err)) != NULL &&
		   dev->type->upload(dev, s->entries, entries, s->nrates * sizeof(int64_t), err);
}

/* The step for such batches, compiled when it is first asked for. */
static PtPlan *
plan_for(PtFit *fit, const Batches *batches, PtError *err)
{
	const PtStepKey key = {.rows = batches->rows, .purpose = PT_PURPOSE_TRAIN};
	Step *compiled;
	PtPlan *plan;

	for (int i = 0; i < fit->ncompiled; i++)
	{
		const PtStepKey *k = &fit->compiled[i].key;

		if (k->rows == key.rows && k->length == key.length && k->purpose == key.purpose)
			return fit->compiled[i].plan;
	}
	compiled = realloc(fit->compiled, (fit->ncompiled + 1) * sizeof(Step));
	if (compiled == NULL)
	{
		pt_fail_memory(err, (fit->ncompiled + 1) * sizeof(Step));
		return NULL;
	}
	fit->compiled = compiled;
	plan = pt_step_compile(&fit->spec, &fit->state, fit->dev, &key, err);
	if (plan != NULL)
		compiled[fit->ncompiled++] = (Step){key, plan};
	return plan;
}

static bool
prepare(PtFit *fit, PtError *err)
{
	PtFitState *s = &fit->state;
	const PtFitSpec *spec = &fit->spec;
	PtDevice *dev = fit->dev;
	size_t flat = spec->sd->flat * sizeof(float);

	s->net = pt_network_new(spec->module, spec->sd, spec->values, dev, err);
	if (s->net == NULL)
		return false;
	fit->full.rows = spec->options.batch_size;
	fit->full.count = spec->nrows / spec->options.batch_size;
	fit->tail.rows = spec->nrows % spec->options.batch_size;
	fit->tail.count = fit->tail.rows > 0 && !spec->options.drop_last ? 1 : 0;
	if (!prepare_rates(fit, err))
		return false;
	s->nslots = pt_optim_slots(&s->optimizer, fit->rate, s->slot);
	pt_rng_seed(&fit->rng, spec->options.seed);
	if ((s->grads = device_alloc(fit, flat, err)) == NULL ||
		(s->ctl = device_alloc(fit, PT_CTL_SIZE * sizeof(int64_t), err)) == NULL ||
		(s->stats = device_alloc(fit, PT_STATS_SIZE * sizeof(double), err)) == NULL)
		return false;
	for (int i = 0; i < s->nslots; i++)
		if (!make_slot(fit, i, err))
			return false;
	s->rowset = pt_rowset_new(&(PtRowsetSpec){.rows = spec->rows,
											  .nrows = spec->nrows,
											  .stride = spec->stride,
											  .used = fit->full.count * fit->full.rows +
													  fit->tail.count * fit->tail.rows,
											  .batch_size = spec->options.batch_size,
											  .resident = spec->resident,
											  .limit = spec->plan.max_bytes},
							  dev, err);
	if (s->rowset == NULL)
		return false;

	/* now, not when the first batch of a size comes: what cannot be built is said before anything runs */
	return (fit->full.count == 0 || plan_for(fit, &fit->full, err) != NULL) &&
		   (fit->tail.count == 0 || plan_for(fit, &fit->tail, err) != NULL);
}

PtFit *
pt_fit_new(const PtFitSpec *spec, PtDevice *dev, PtError *err)
{
	PtArena *arena;
	PtFit *fit;

	if (spec->options.batch_size < 1)
	{
		pt_fail(err, PT_EINVAL, "batch_size must be at least 1, not %lld",
				(long long) spec->options.batch_size);
		return NULL;
	}
	if (spec->ninputs > PT_MAX_INPUTS)
	{
		pt_fail(err, PT_ELIMIT, "%d inputs are too many, at most %d are possible", spec->ninputs,
				PT_MAX_INPUTS);
		return NULL;
	}
	if (spec->nrows < 1)
	{
		pt_fail(err, PT_EINVAL, "the dataset has no rows");
		return NULL;
	}
	if (spec->options.drop_last && spec->nrows < spec->options.batch_size)
	{
		pt_fail(err, PT_EINVAL, "the dataset has %lld rows, fewer than one batch of %lld",
				(long long) spec->nrows, (long long) spec->options.batch_size);
		pt_hint(err, "Use a smaller batch_size, or drop_last => false.");
		return NULL;
	}
	if (spec->sd->numel == 0)
	{
		pt_fail(err, PT_EINVAL, "the module has no parameters to train");
		return NULL;
	}
	arena = pt_arena_new();
	fit = arena ? pt_arena_alloc(arena, sizeof(PtFit)) : NULL;
	if (fit == NULL)
	{
		pt_arena_free(arena);
		pt_fail_memory(err, sizeof(PtFit));
		return NULL;
	}
	fit->arena = arena;
	fit->spec = *spec;
	fit->dev = dev;
	if (!prepare(fit, err))
	{
		pt_fit_free(fit);
		return NULL;
	}
	return fit;
}

void
pt_fit_free(PtFit *fit)
{
	PtFitState *s;

	if (fit == NULL)
		return;
	s = &fit->state;
	for (int i = 0; i < fit->ncompiled; i++)
		pt_plan_free(fit->compiled[i].plan);
	free(fit->compiled);
	pt_network_free(s->net);
	pt_rowset_free(s->rowset);
	for (int i = 0; i < s->nslots; i++)
		device_free(fit, s->slots[i]);
	device_free(fit, s->grads);
	device_free(fit, s->ctl);
	device_free(fit, s->stats);
	device_free(fit, s->lr);
	device_free(fit, s->at);
	device_free(fit, s->entries);
	pt_arena_free(fit->arena);
}

/* ---------- running ---------- */

/*
 * Begins an epoch: counters 0, a new order, in slices: rows in their own order, then places of that shuffled.  True
 * when the order is complete.
 */
static bool
shuffle(PtFit *fit, bool *complete, PtError *err)
{
	const PtFitSpec *spec = &fit->spec;
	int64_t *order = pt_rowset_order(fit->state.rowset);
	int64_t ctl[PT_CTL_SIZE] = {[PT_CTL_STEPS] = fit->steps};
	double stats[PT_STATS_SIZE] = {0};
	int64_t n = spec->nrows, from = fit->cursor, to = from + SHUFFLE_SLICE;

	for (int64_t i = from; i < to && i < n; i++)
		order[i] = i;
	if (spec->options.shuffle && to > n)
		pt_rng_shuffle(&fit->rng, order, n, from > n ? from - n : 0, to - n);
	*complete = to >= (spec->options.shuffle ? 2 * n : n);
	fit->cursor = *complete ? 0 : to;
	if (!*complete)
		return true;
	pt_rowset_begin(fit->state.rowset);
	return fit->dev->type->upload(fit->dev, fit->state.ctl, ctl, sizeof(ctl), err) &&
		   fit->dev->type->upload(fit->dev, fit->state.stats, stats, sizeof(stats), err);
}

/* Fetches the counters; a loss that was not finite is an error. */
static bool
read_counters(PtFit *fit, double *stats, PtError *err)
{
	const PtLossType *loss = pt_module_loss(fit->spec.loss);
	int64_t ctl[PT_CTL_SIZE];

	if (!fit->dev->type->download(fit->dev, ctl, fit->state.ctl, sizeof(ctl), err) ||
		!fit->dev->type->download(fit->dev, stats, fit->state.stats, PT_STATS_SIZE * sizeof(double),
								  err))
		return false;
	fit->steps = ctl[PT_CTL_STEPS];
	if (ctl[PT_CTL_DIVERGED] == 0)
		return true;
	pt_fail(err, PT_EDIVERGED, "the loss is not finite at step %lld (epoch %lld)",
			(long long) ctl[PT_CTL_DIVERGED], (long long) fit->epoch + 1);
	if (loss->domain != NULL)
		return pt_hint(err, "%s", loss->domain);
	return pt_hint(
		err,
		"Look for NaN or infinity in the data, use a smaller learning rate, or scale the features.");
}

/* The next rows of the table of rates: as many as the epoch has steps, or as there is room for. */
static bool
refill(PtFit *fit, int64_t steps, PtError *err)
{
	int64_t ctl[PT_CTL_SIZE] = {0};
	int64_t all = fit->spec.options.epochs * (fit->full.count + fit->tail.count);
	int64_t n = steps < fit->state.nrates ? steps : fit->state.nrates;

	for (int64_t i = 0; i < n; i++)
	{
		fit->rates[i][0] = pt_pace_lr(fit->pace);
		fit->rates[i][1] = pt_pace_momentum(fit->pace);
		/* nothing comes after the last */
		if (++fit->paced < all && !pt_pace_step(fit->pace, 0, err))
			return false;
	}
	fit->rate = fit->rates[n - 1][0];
	fit->rates_left = n;
	return fit->dev->type->upload(fit->dev, fit->state.lr, fit->rates, n * sizeof(*fit->rates),
								  err) &&
		   fit->dev->type->upload(fit->dev, fit->state.at, ctl, sizeof(ctl), err);
}

/* How many steps to start now, from rows and rates that are there; MORE: none are yet. */
static PtRun
start_steps(PtFit *fit, const Batches *batches, PtError *err)
{
	if (pt_rowset_left(fit->state.rowset) == 0)
	{
		int64_t position;
		PtRun run = pt_rowset_next(fit->state.rowset, &position, err);

		if (run != PT_RUN_DONE)
			return run;
		if (!fit->dev->type->upload(fit->dev, (int64_t *) fit->state.ctl + PT_CTL_POSITION,
									&position, sizeof(position), err))
			return PT_RUN_ERROR;
	}
	if (fit->state.nrates > 0 && fit->rates_left == 0 &&
		!refill(fit, fit->todo + (fit->phase == FULL ? fit->tail.count : 0), err))
		return PT_RUN_ERROR;
	fit->running = pt_rowset_left(fit->state.rowset) / batches->rows;
	if (fit->running > fit->todo)
		fit->running = fit->todo;
	if (fit->state.nrates > 0 && fit->running > fit->rates_left)
		fit->running = fit->rates_left;
	if (!fit->dev->type->shares_host && fit->running > STEPS_BETWEEN_READS)
		fit->running = STEPS_BETWEEN_READS;
	pt_rowset_take(fit->state.rowset, fit->running * batches->rows);
	return PT_RUN_DONE;
}

/* Some of the steps of FULL or TAIL; DONE: all of them have been done. */
static PtRun
run_steps(PtFit *fit, int64_t budget_ns, PtError *err)
{
	const Batches *batches = fit->phase == FULL ? &fit->full : &fit->tail;
	double stats[PT_STATS_SIZE];
	PtPlan *plan;
	PtRun run;

	if (fit->todo == 0)
		return PT_RUN_DONE;
	if ((plan = plan_for(fit, batches, err)) == NULL)
		return PT_RUN_ERROR;
	if (fit->running == 0 && (run = start_steps(fit, batches, err)) != PT_RUN_DONE)
		return run;
	/* as long as there are rows to gather the device is not waited for: it only gets new work between two pieces */
	run =
		pt_plan_run(plan, fit->running, pt_rowset_gathers(fit->state.rowset) ? 0 : budget_ns, err);
	if (run == PT_RUN_ERROR || !pt_rowset_ahead(fit->state.rowset, err))
		return PT_RUN_ERROR;
	if (run == PT_RUN_MORE && !fit->dev->type->shares_host)
		return PT_RUN_MORE;
	if (!read_counters(fit, stats, err))
		return PT_RUN_ERROR;
	if (run == PT_RUN_MORE)
		return PT_RUN_MORE;
	fit->todo -= fit->running;
	if (fit->state.nrates > 0)
		fit->rates_left -= fit->running;
	fit->running = 0;
	return fit->todo == 0 ? PT_RUN_DONE : PT_RUN_MORE;
}

/* The epoch has ended: what the next one's rate is, unless that comes from a table. */
static bool
pace_epoch(PtFit *fit, double loss, PtError *err)
{
	if (fit->pace == NULL || fit->state.nrates > 0 || fit->epoch == fit->spec.options.epochs)
		return true;
	if (!pt_pace_step(fit->pace, loss, err))
		return false;
	fit->rate = pt_pace_lr(fit->pace);
	return true;
}

PtRun
pt_fit_run(PtFit *fit, int64_t budget_ns, PtEpoch *epoch, PtError *err)
{
	double stats[PT_STATS_SIZE];
	bool complete;
	PtRun run;

	epoch->epoch = 0;
	if (fit->epoch >= fit->spec.options.epochs)
		return PT_RUN_DONE;
	switch (fit->phase)
	{
		case SHUFFLE:
			if (!shuffle(fit, &complete, err))
				return PT_RUN_ERROR;
			if (!complete)
				return PT_RUN_MORE;
			if (fit->state.nrates == 0 &&
				!fit->dev->type->upload(fit->dev, fit->state.lr, &fit->rate, sizeof(double), err))
				return PT_RUN_ERROR;
			fit->phase = FULL;
			fit->todo = fit->full.count;
			return PT_RUN_MORE;
		case FULL:
		case TAIL:
			if ((run = run_steps(fit, budget_ns, err)) != PT_RUN_DONE)
				return run;
			fit->todo = fit->phase == FULL ? fit->tail.count : 0;
			fit->phase = fit->phase == FULL ? TAIL : REPORT;
			return PT_RUN_MORE;
		case REPORT:
			if (!read_counters(fit, stats, err))
				return PT_RUN_ERROR;
			fit->phase = SHUFFLE;
			*epoch = (PtEpoch){++fit->epoch, stats[PT_STATS_LOSS] / stats[PT_STATS_ROWS], fit->rate,
							   (int64_t) stats[PT_STATS_ROWS], fit->steps};
			return pace_epoch(fit, epoch->loss, err) ? PT_RUN_MORE : PT_RUN_ERROR;
	}
	return PT_RUN_ERROR;
}

int64_t
pt_fit_steps_done(const PtFit *fit)
{
	return fit->steps;
}

PtNetwork *
pt_fit_network(PtFit *fit)
{
	return fit->state.net;
}

int
pt_fit_plans(const PtFit *fit)
{
	return fit->ncompiled;
}

size_t
pt_fit_bytes(const PtFit *fit)
{
	const PtFitState *s = &fit->state;
	size_t bytes = (2 + s->nslots) * fit->spec.sd->flat * sizeof(float) +
				   pt_rowset_bytes(s->rowset) +
				   s->nrates * (sizeof(*fit->rates) * 2 + sizeof(int64_t) * 2);

	for (int i = 0; i < fit->ncompiled; i++)
		bytes += pt_plan_bytes(fit->compiled[i].plan);
	return bytes;
}

const char *
pt_fit_host_op(const PtFit *fit, int i)
{
	/* plans for other sizes have the same ops */
	return fit->ncompiled > 0 ? pt_plan_host_op(fit->compiled[0].plan, i) : NULL;
}
