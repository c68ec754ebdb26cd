/*
 * fit.c
 *	  Training: the graph of one step, and the loop over epochs.
 */
#include "engine/train/fit.h"

#include <stdlib.h>
#include <string.h>

#include "engine/graph/build.h"

/* Learning rates (and momentums) that are computed and uploaded at a time, where they change with each step. */
#define RATES 16384

/* Rows shuffled between two looks at the clock. */
#define SHUFFLE_SLICE 1000000

/* Of a slot, filled in one call. */
#define SLOT_BYTES ((size_t) 1 << 20)

/*
 * Steps between two looks at the loss on a device with memory of its own.  Fetching it waits for all that is under
 * way there, so it is fetched when nothing is: a cancel would wait, too, and the device would idle.
 */
#define LOOK_STEPS 4096

/* A step for a fixed number of rows. */
typedef struct Step
{
	PtPlan *plan; /* NULL if no batch has this size */
	int64_t rows;
	int64_t repeat; /* batches of this size in an epoch */
} Step;

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
	PtNetwork *net;
	PtRng rng;

	PtOptimizer optimizer;
	PtPace *pace; /* NULL: the rate stays */

	/* device memory */
	PtRowset *rowset;
	void *grads, *slots[PT_OPTIM_SLOTS], *ctl, *stats, *lr;
	PtOptimSlot slot[PT_OPTIM_SLOTS];
	int nslots;

	/*
	 * Rates that change with each step: lr becomes a table of nrates rows {learning rate, momentum}, read like a
	 * data set, by its own position (at) in its own order (0, 1, 2, ...).
	 */
	void *at, *entries;
	double (*rates)[2]; /* host copy */
	int64_t nrates;		/* 0: there is one rate for an epoch */
	int64_t rates_left; /* not used yet */

	Step full, tail;
	double rate; /* of the last step */

	Phase phase;
	int64_t todo;	 /* steps of the phase */
	int64_t running; /* of these, under way in the plan */
	int64_t paced;	 /* steps since the start that have a rate */
	int64_t epoch;	 /* ended so far */
	int64_t cursor;	 /* of the shuffle */
	int64_t steps;
};

/* ---------- the graph of a step ---------- */

static PtRef
fetch(PtGraph *g, const PtColumn *c, int64_t rows, PtRef data, PtRef perm, PtRef ctl)
{
	int64_t *dims = pt_arena_alloc(g->arena, (PT_MAX_DIM + 1) * sizeof(int64_t));
	PtGiven given[] = {{"offset", {PT_VALUE_INT, 0, {.integer = c->offset}}},
					   {"shape", {PT_VALUE_INTS, c->shape.ndim + 1, {.ints = dims}}},
					   {"dtype", {PT_VALUE_DTYPE, 0, {.dtype = c->dtype}}}};

	if (dims == NULL || c->shape.ndim == PT_MAX_DIM)
		return pt_graph_fail(g, PT_ELIMIT, "a column of %d dimensions leaves none for the batch",
							 c->shape.ndim);
	dims[0] = rows;
	memcpy(dims + 1, c->shape.dim, c->shape.ndim * sizeof(int64_t));
	return pt_apply_name(g, "batch", (PtRef[]){data, perm, ctl}, 3, given, 3);
}

/*
 * Under autocast gradients come in the lower precision and are cast.  If all are, from one dtype, they are packed
 * before: the cast of the flat array becomes part of the optimizer's program, which then reads half as much.
 */
static void
before_casts(const PtGraph *g, PtRef *grad, int n)
{
	PtDtype dtype = PT_NDTYPE;

	for (int i = 0; i < n; i++)
	{
		const PtGraphValue *v = pt_value(g, grad[i]);
		const PtNode *node = v->role == PT_ROLE_RESULT ? &g->nodes[v->node] : NULL;
		PtDtype from;

		if (node == NULL || strcmp(node->op->name, "to") != 0)
			return;
		from = pt_value(g, node->in[0])->dtype;
		if ((from != PT_BFLOAT16 && from != PT_FLOAT16) || (i > 0 && from != dtype))
			return;
		dtype = from;
	}
	for (int i = 0; i < n; i++)
		grad[i] = g->nodes[pt_value(g, grad[i])->node].in[0];
}

/*
 * Gradients of all trainable entries as one flat value with the parameters' layout, in float32 or what they were
 * computed in.  Those that the loss does not depend on have gradient 0, and are true in *unused, which is NULL if
 * there are none.
 */
static PtRef
flat_gradients(PtFit *fit, PtGraph *g, const PtWeights *w, PtRef loss, bool **unused)
{
	const PtStateDict *sd = fit->spec.sd;
	PtRef *wrt = pt_arena_alloc(g->arena, (sd->count + 1) * sizeof(PtRef));
	PtRef *grad = pt_arena_alloc(g->arena, (sd->count + 1) * sizeof(PtRef));
	int64_t *offsets = pt_arena_alloc(g->arena, (sd->count + 1) * sizeof(int64_t));
	int n = 0, parts = 0;

	*unused = pt_arena_alloc(g->arena, sd->count + 1);
	if (wrt == NULL || grad == NULL || offsets == NULL || *unused == NULL)
		return pt_graph_fail(g, PT_ENOMEM, "out of memory");
	for (int i = 0; i < sd->count; i++)
		if (sd->entries[i].trainable)
			wrt[n++] = w->entries[i];
	if (!pt_gradient(g, loss, wrt, n, grad))
		return PT_NO_REF;
	n = 0;
	for (int i = 0; i < sd->count; i++)
	{
		if (!sd->entries[i].trainable)
			continue;
		(*unused)[i] = grad[n] == PT_NO_REF;
		if (grad[n] != PT_NO_REF)
		{
			grad[parts] = grad[n];
			offsets[parts++] = sd->entries[i].offset;
		}
		n++;
	}
	if (parts == n)
		*unused = NULL;
	if (parts == 0)
		return pt_graph_fail(g, PT_EINVAL, "the loss does not depend on any parameter");
	before_casts(g, grad, parts);
	return pt_pack(g, grad, offsets, parts, sd->flat);
}

/*
 * Parameters after the step.  PyTorch's optimizers pass over those without a gradient: neither weight
 * decay nor momentum moves them.
 */
static PtRef
keep_unused(const PtFit *fit, PtGraph *g, const PtWeights *w, const bool *unused, PtRef new_p)
{
	const PtStateDict *sd = fit->spec.sd;
	PtRef *parts;
	int64_t *offsets;
	int n = 0;

	if (unused == NULL)
		return new_p;
	parts = pt_arena_alloc(g->arena, (sd->count + 1) * sizeof(PtRef));
	offsets = pt_arena_alloc(g->arena, (sd->count + 1) * sizeof(int64_t));
	if (parts == NULL || offsets == NULL)
		return pt_graph_fail(g, PT_ENOMEM, "out of memory");
	for (int i = 0; i < sd->count; i++)
	{
		const PtState *e = &sd->entries[i];

		if (!e->trainable)
			continue;
		parts[n] = unused[i] ? w->entries[i] : pt_slice(g, new_p, e->offset, &e->shape);
		offsets[n++] = e->offset;
	}
	return pt_pack(g, parts, offsets, n, sd->flat);
}

/* PyTorch's clip_grad_norm_, which multiplies by 1 too, then clip_grad_value_. */
static PtRef
clip(const PtFit *fit, PtGraph *g, PtRef grads)
{
	double norm = fit->spec.clip_grad_norm, value = fit->spec.clip_grad_value;

	if (norm > 0)
		grads = pt_expr_text(g, "g * minimum(limit / (sqrt(sum(g * g)) + 1e-06), 1.0)",
							 (PtVar[]){{"g", grads}, {"limit", pt_real(g, norm)}}, 2);
	if (value > 0)
		grads = pt_expr_text(g, "maximum(minimum(g, limit), -limit)",
							 (PtVar[]){{"g", grads}, {"limit", pt_real(g, value)}}, 2);
	return grads;
}

/* The learning rate of a step and the momentum, if that changes: what is read, and from where. */
typedef struct Rates
{
	PtRef table, entries, at; /* externals; table alone if there is one rate for an epoch */
	PtRef lr, momentum;
} Rates;

static PtRef
read_rate(PtGraph *g, const Rates *r, int64_t offset)
{
	const PtShape scalar = {0};
	const PtColumn column = {PT_FLOAT64, {0}, offset};
	PtRef entry = fetch(g, &column, 1, r->table, r->entries, r->at);

	return entry != PT_NO_REF ? pt_slice(g, entry, 0, &scalar) : PT_NO_REF;
}

static void
build_rates(const PtFit *fit, PtGraph *g, Rates *r)
{
	const PtShape scalar = {0};
	PtGiven by = {"by", {PT_VALUE_INT, 0, {.integer = 1}}};

	*r = (Rates){0};
	if (fit->nrates == 0)
	{
		r->table = r->lr = pt_external(g, "lr", PT_FLOAT64, &scalar);
		return;
	}
	r->table = pt_external(g, "rates", PT_UINT8, &(PtShape){2, {fit->nrates, 2 * sizeof(double)}});
	r->entries = pt_external(g, "entries", PT_INT64, &(PtShape){1, {fit->nrates}});
	r->at = pt_external(g, "at", PT_INT64, &(PtShape){1, {PT_CTL_SIZE}});
	r->lr = read_rate(g, r, 0);
	if (fit->optimizer.cycled)
		r->momentum = read_rate(g, r, sizeof(double));
	pt_graph_assign(g, r->at, pt_apply_name(g, "advance", &r->at, 1, &by, 1));
}

static bool
build_step(PtFit *fit, Step *step, PtError *err)
{
	const PtFitSpec *spec = &fit->spec;
	const PtShape scalar = {0};
	const PtShape flat = {1, {spec->sd->flat}};
	PtGraph *g = pt_graph_new(err);
	PtWeights w;
	PtBuild b;
	Rates rates;
	bool *unused;
	PtRef in[PT_MAX_IN], slots[PT_OPTIM_SLOTS], new_slots[PT_OPTIM_SLOTS];
	PtRef rows, perm, ctl, stats, gflat, output, target, loss, t, new_p, counted, next;
	PtRef grads = PT_NO_REF;
	PtGiven count = {"count", {PT_VALUE_INT, 0, {.integer = step->rows}}};
	PtGiven by = {"by", {PT_VALUE_INT, 0, {.integer = step->rows}}};

	if (g == NULL)
		return false;
	rows = pt_external(g, "rows", PT_UINT8,
					   &(PtShape){2, {pt_rowset_rows(fit->rowset), spec->stride}});
	perm = pt_external(g, "perm", PT_INT64, &(PtShape){1, {pt_rowset_rows(fit->rowset)}});
	ctl = pt_external(g, "ctl", PT_INT64, &(PtShape){1, {PT_CTL_SIZE}});
	stats = pt_external(g, "stats", PT_FLOAT64, &(PtShape){1, {PT_STATS_SIZE}});
	build_rates(fit, g, &rates);
	for (int i = 0; i < fit->nslots; i++)
		slots[i] = fit->slot[i].scalar ? pt_external(g, fit->slot[i].name, PT_FLOAT64, &scalar)
									   : pt_external(g, fit->slot[i].name, PT_FLOAT32, &flat);
	pt_network_weights(fit->net, g, &w);

	for (int i = 0; i < spec->ninputs; i++)
		in[i] = fetch(g, &spec->inputs[i], step->rows, rows, perm, ctl);
	target = fetch(g, &spec->target, step->rows, rows, perm, ctl);
	b = (PtBuild){.g = g, .sd = spec->sd, .state = w.entries, .training = true};
	b.autocast = spec->autocast;
	b.updates = pt_arena_alloc(g->arena, (spec->sd->count + 1) * sizeof(PtRef));
	b.seed = pt_integer(g, (int64_t) spec->seed);
	b.step = pt_slice(g, ctl, PT_CTL_STEPS, &scalar);
	output = pt_module_build(&b, spec->module, in, spec->ninputs);
	loss = pt_module_build(&b, spec->loss, (PtRef[]){output, target}, 2);
	if (loss != PT_NO_REF && pt_shape_numel(&pt_value(g, loss)->shape) != 1)
	{
		char text[PT_SHAPE_TEXT];

		pt_graph_fail(g, PT_EINVAL, "the training loss must be a single number, not of shape %s",
					  pt_shape_print(&pt_value(g, loss)->shape, text));
		pt_hint(&g->error, "Use reduction => 'mean' or 'sum'.");
	}
	/* of an expression: it may be of the lower precision, which is kept out of the sums */
	loss = pt_autocast(g, loss, PT_FLOAT32);
	gflat = flat_gradients(fit, g, &w, loss, &unused);
	if (g->error.code != PT_OK)
		goto done;
	/* memory in which they are packed, nothing that lasts */
	grads = pt_external(g, "gradients", pt_value(g, gflat)->dtype, &flat);

	/* torch counts the first step as 1 */
	t = pt_cast(g, pt_slice(g, ctl, PT_CTL_STEPS, &scalar), PT_FLOAT64);
	t = pt_scalar2(g, PT_S_add, t, pt_integer(g, 1));
	if (pt_optim_build(g, &fit->optimizer, w.flat, clip(fit, g, pt_cast(g, gflat, PT_FLOAT32)), t,
					   rates.lr, rates.momentum, slots, &new_p, new_slots))
	{
		pt_graph_assign(g, grads, gflat);
		pt_graph_assign(g, w.flat, keep_unused(fit, g, &w, unused, new_p));
		for (int i = 0; i < fit->nslots; i++)
			pt_graph_assign(g, slots[i], new_slots[i]);
	}
	for (int i = 0; i < spec->sd->count; i++)
		if (b.updates[i] != PT_NO_REF)
			pt_graph_assign(g, w.entries[i], b.updates[i]);
	counted = pt_apply_name(g, "check_finite", (PtRef[]){ctl, stats, loss}, 3, &count, 1);
	next = pt_apply_name(g, "advance", &counted, 1, &by, 1);
	pt_graph_assign(g, ctl, next);
	pt_graph_assign(g, stats, pt_result(g, counted, 1));
done:
	if (!pt_graph_ok(g, err) ||
		(step->plan = pt_plan_compile(g, fit->dev, &spec->options, err)) == NULL)
	{
		pt_graph_free(g);
		return false;
	}
	pt_network_bind(fit->net, step->plan, &w);
	pt_plan_bind(step->plan, rows, pt_rowset_data(fit->rowset));
	pt_plan_bind(step->plan, perm, pt_rowset_order_data(fit->rowset));
	pt_plan_bind(step->plan, ctl, fit->ctl);
	pt_plan_bind(step->plan, stats, fit->stats);
	pt_plan_bind(step->plan, rates.table, fit->lr);
	if (fit->nrates > 0)
	{
		pt_plan_bind(step->plan, rates.entries, fit->entries);
		pt_plan_bind(step->plan, rates.at, fit->at);
	}
	pt_plan_bind(step->plan, grads, fit->grads);
	for (int i = 0; i < fit->nslots; i++)
		pt_plan_bind(step->plan, slots[i], fit->slots[i]);
	pt_graph_free(g);
	return true;
}

/* ---------- making and freeing ---------- */

static void *
room(PtFit *fit, size_t bytes, PtError *err)
{
	return fit->dev->type->alloc(fit->dev, bytes > 0 ? bytes : 1, err);
}

/* Room for a slot, filled with what it starts as. */
static bool
make_slot(PtFit *fit, int i, PtError *err)
{
	const PtOptimSlot *slot = &fit->slot[i];
	PtDevice *dev = fit->dev;
	size_t flat = fit->spec.sd->flat * sizeof(float);
	size_t most = flat < SLOT_BYTES ? flat : SLOT_BYTES;
	float *part;
	bool ok = true;

	if ((fit->slots[i] = room(fit, slot->scalar ? sizeof(double) : flat, err)) == NULL)
		return false;
	if (slot->scalar)
		return dev->type->upload(dev, fit->slots[i], &slot->init, sizeof(double), err);
	if (slot->init == 0)
		return true;
	if ((part = malloc(most)) == NULL)
		return pt_fail_memory(err, most);
	for (size_t j = 0; j < most / sizeof(float); j++)
		part[j] = (float) slot->init;
	for (size_t at = 0; ok && at < flat; at += most)
		ok = dev->type->upload(dev, (char *) fit->slots[i] + at, part,
							   flat - at < most ? flat - at : most, err);
	free(part);
	return ok;
}

/* The first learning rate, and what holds it and those to come. */
static bool
prepare_rates(PtFit *fit, PtError *err)
{
	const PtFitSpec *spec = &fit->spec;
	PtDevice *dev = fit->dev;
	int64_t steps = fit->full.repeat + fit->tail.repeat;
	int64_t *entries;

	fit->optimizer = *spec->optimizer;
	fit->rate = pt_args_real(spec->optimizer->args, "lr");
	if (spec->scheduler != NULL)
	{
		fit->pace =
			pt_pace_new(fit->arena, spec->scheduler, spec->optimizer, spec->epochs, steps, err);
		if (fit->pace == NULL)
			return false;
		fit->rate = pt_pace_lr(fit->pace);
		fit->optimizer.cycled = pt_sched_cycles(spec->scheduler);
	}
	if (spec->scheduler == NULL || !spec->scheduler->per_step)
		return (fit->lr = room(fit, sizeof(double), err)) != NULL;
	fit->nrates = steps < RATES ? steps : RATES;
	fit->rates = pt_arena_alloc(fit->arena, fit->nrates * sizeof(*fit->rates));
	entries = pt_arena_alloc(fit->arena, fit->nrates * sizeof(int64_t));
	if (fit->rates == NULL || entries == NULL)
		return pt_fail_memory(err, fit->nrates * sizeof(*fit->rates));
	for (int64_t i = 0; i < fit->nrates; i++)
		entries[i] = i;
	return (fit->lr = room(fit, fit->nrates * sizeof(*fit->rates), err)) != NULL &&
		   (fit->at = room(fit, PT_CTL_SIZE * sizeof(int64_t), err)) != NULL &&
		   (fit->entries = room(fit, fit->nrates * sizeof(int64_t), err)) != NULL &&
		   dev->type->upload(dev, fit->entries, entries, fit->nrates * sizeof(int64_t), err);
}

static bool
prepare(PtFit *fit, PtError *err)
{
	const PtFitSpec *spec = &fit->spec;
	PtDevice *dev = fit->dev;
	size_t flat = spec->sd->flat * sizeof(float);

	fit->net = pt_network_new(spec->module, spec->sd, spec->values, dev, err);
	if (fit->net == NULL)
		return false;
	fit->full.rows = spec->batch_size;
	fit->full.repeat = spec->nrows / spec->batch_size;
	fit->tail.rows = spec->nrows % spec->batch_size;
	fit->tail.repeat = fit->tail.rows > 0 && !spec->drop_last ? 1 : 0;
	if (!prepare_rates(fit, err))
		return false;
	fit->nslots = pt_optim_slots(&fit->optimizer, fit->rate, fit->slot);
	pt_rng_seed(&fit->rng, spec->seed);
	if ((fit->grads = room(fit, flat, err)) == NULL ||
		(fit->ctl = room(fit, PT_CTL_SIZE * sizeof(int64_t), err)) == NULL ||
		(fit->stats = room(fit, PT_STATS_SIZE * sizeof(double), err)) == NULL)
		return false;
	for (int i = 0; i < fit->nslots; i++)
		if (!make_slot(fit, i, err))
			return false;
	fit->rowset = pt_rowset_new(&(PtRowsetSpec){.rows = spec->rows,
												.nrows = spec->nrows,
												.stride = spec->stride,
												.used = fit->full.repeat * fit->full.rows +
														fit->tail.repeat * fit->tail.rows,
												.batch_size = spec->batch_size,
												.resident = spec->resident,
												.limit = spec->options.max_bytes},
								dev, err);
	if (fit->rowset == NULL)
		return false;

	return (fit->full.repeat == 0 || build_step(fit, &fit->full, err)) &&
		   (fit->tail.repeat == 0 || build_step(fit, &fit->tail, err));
}

PtFit *
pt_fit_new(const PtFitSpec *spec, PtDevice *dev, PtError *err)
{
	PtArena *arena;
	PtFit *fit;

	if (spec->batch_size < 1)
	{
		pt_fail(err, PT_EINVAL, "batch_size must be at least 1, not %lld",
				(long long) spec->batch_size);
		return NULL;
	}
	if (spec->ninputs > PT_MAX_IN)
	{
		pt_fail(err, PT_ELIMIT, "%d inputs are too many, at most %d are possible", spec->ninputs,
				PT_MAX_IN);
		return NULL;
	}
	if (spec->nrows < 1)
	{
		pt_fail(err, PT_EINVAL, "the dataset has no rows");
		return NULL;
	}
	if (spec->drop_last && spec->nrows < spec->batch_size)
	{
		pt_fail(err, PT_EINVAL, "the dataset has %lld rows, fewer than one batch of %lld",
				(long long) spec->nrows, (long long) spec->batch_size);
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
	if (fit == NULL)
		return;
	pt_plan_free(fit->full.plan);
	pt_plan_free(fit->tail.plan);
	pt_network_free(fit->net);
	pt_rowset_free(fit->rowset);
	{
		void *all[] = {fit->grads, fit->ctl, fit->stats, fit->lr, fit->at, fit->entries};

		for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
			if (all[i] != NULL)
				fit->dev->type->free(fit->dev, all[i]);
	}
	for (int i = 0; i < fit->nslots; i++)
		if (fit->slots[i] != NULL)
			fit->dev->type->free(fit->dev, fit->slots[i]);
	pt_arena_free(fit->arena);
}

/* ---------- running ---------- */

/* Begins an epoch: counters 0, a new order.  True when the order is complete. */
static bool
shuffle(PtFit *fit, bool *complete, PtError *err)
{
	const PtFitSpec *spec = &fit->spec;
	int64_t *order = pt_rowset_order(fit->rowset);
	int64_t ctl[PT_CTL_SIZE] = {[PT_CTL_STEPS] = fit->steps};
	double stats[PT_STATS_SIZE] = {0};
	int64_t to = fit->cursor + SHUFFLE_SLICE;

	*complete = false;
	if (fit->cursor == 0)
		for (int64_t i = 0; i < spec->nrows; i++)
			order[i] = i;
	if (spec->shuffle)
	{
		pt_rng_shuffle(&fit->rng, order, spec->nrows, fit->cursor, to);
		fit->cursor = to;
		if (to < spec->nrows)
			return true;
	}
	fit->cursor = 0;
	*complete = true;
	pt_rowset_begin(fit->rowset);
	return fit->dev->type->upload(fit->dev, fit->ctl, ctl, sizeof(ctl), err) &&
		   fit->dev->type->upload(fit->dev, fit->stats, stats, sizeof(stats), err);
}

/* Fetches the counters; a loss that was not finite is an error. */
static bool
look(PtFit *fit, double *stats, PtError *err)
{
	const PtLossType *loss = pt_module_loss(fit->spec.loss);
	int64_t ctl[PT_CTL_SIZE];

	if (!fit->dev->type->download(fit->dev, ctl, fit->ctl, sizeof(ctl), err) ||
		!fit->dev->type->download(fit->dev, stats, fit->stats, PT_STATS_SIZE * sizeof(double), err))
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
	int64_t all = fit->spec.epochs * (fit->full.repeat + fit->tail.repeat);
	int64_t n = steps < fit->nrates ? steps : fit->nrates;

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
	return fit->dev->type->upload(fit->dev, fit->lr, fit->rates, n * sizeof(*fit->rates), err) &&
		   fit->dev->type->upload(fit->dev, fit->at, ctl, sizeof(ctl), err);
}

/* How many steps to start now, from rows and rates that are there; MORE: none are yet. */
static PtRun
start_steps(PtFit *fit, const Step *step, PtError *err)
{
	if (pt_rowset_left(fit->rowset) == 0)
	{
		int64_t position;
		PtRun run = pt_rowset_next(fit->rowset, &position, err);

		if (run != PT_RUN_DONE)
			return run;
		if (!fit->dev->type->upload(fit->dev, (int64_t *) fit->ctl + PT_CTL_POSITION, &position,
									sizeof(position), err))
			return PT_RUN_ERROR;
	}
	if (fit->nrates > 0 && fit->rates_left == 0 &&
		!refill(fit, fit->todo + (fit->phase == FULL ? fit->tail.repeat : 0), err))
		return PT_RUN_ERROR;
	fit->running = pt_rowset_left(fit->rowset) / step->rows;
	if (fit->running > fit->todo)
		fit->running = fit->todo;
	if (fit->nrates > 0 && fit->running > fit->rates_left)
		fit->running = fit->rates_left;
	if (!fit->dev->type->shares_host && fit->running > LOOK_STEPS)
		fit->running = LOOK_STEPS;
	pt_rowset_take(fit->rowset, fit->running * step->rows);
	return PT_RUN_DONE;
}

/* Some of the steps of FULL or TAIL; DONE: all of them have been done. */
static PtRun
run_steps(PtFit *fit, int64_t budget_ns, PtError *err)
{
	Step *step = fit->phase == FULL ? &fit->full : &fit->tail;
	double stats[PT_STATS_SIZE];
	PtRun run;

	if (fit->todo == 0)
		return PT_RUN_DONE;
	if (fit->running == 0 && (run = start_steps(fit, step, err)) != PT_RUN_DONE)
		return run;
	/* as long as there are rows to gather the device is not waited for: it only gets new work between two pieces */
	run =
		pt_plan_run(step->plan, fit->running, pt_rowset_gathers(fit->rowset) ? 0 : budget_ns, err);
	if (run == PT_RUN_ERROR || !pt_rowset_ahead(fit->rowset, err))
		return PT_RUN_ERROR;
	if (run == PT_RUN_MORE && !fit->dev->type->shares_host)
		return PT_RUN_MORE;
	if (!look(fit, stats, err))
		return PT_RUN_ERROR;
	if (run == PT_RUN_MORE)
		return PT_RUN_MORE;
	fit->todo -= fit->running;
	if (fit->nrates > 0)
		fit->rates_left -= fit->running;
	fit->running = 0;
	return fit->todo == 0 ? PT_RUN_DONE : PT_RUN_MORE;
}

/* The epoch has ended: what the next one's rate is, unless that comes from a table. */
static bool
pace_epoch(PtFit *fit, double loss, PtError *err)
{
	if (fit->pace == NULL || fit->nrates > 0 || fit->epoch == fit->spec.epochs)
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
	if (fit->epoch >= fit->spec.epochs)
		return PT_RUN_DONE;
	switch (fit->phase)
	{
		case SHUFFLE:
			if (!shuffle(fit, &complete, err))
				return PT_RUN_ERROR;
			if (!complete)
				return PT_RUN_MORE;
			if (fit->nrates == 0 &&
				!fit->dev->type->upload(fit->dev, fit->lr, &fit->rate, sizeof(double), err))
				return PT_RUN_ERROR;
			fit->phase = FULL;
			fit->todo = fit->full.repeat;
			return PT_RUN_MORE;
		case FULL:
		case TAIL:
			if ((run = run_steps(fit, budget_ns, err)) != PT_RUN_DONE)
				return run;
			fit->todo = fit->phase == FULL ? fit->tail.repeat : 0;
			fit->phase = fit->phase == FULL ? TAIL : REPORT;
			return PT_RUN_MORE;
		case REPORT:
			if (!look(fit, stats, err))
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
	return fit->net;
}

size_t
pt_fit_bytes(const PtFit *fit)
{
	return (fit->full.plan ? pt_plan_bytes(fit->full.plan) : 0) +
		   (fit->tail.plan ? pt_plan_bytes(fit->tail.plan) : 0) +
		   (2 + fit->nslots) * fit->spec.sd->flat * sizeof(float) + pt_rowset_bytes(fit->rowset) +
		   fit->nrates * (sizeof(*fit->rates) * 2 + sizeof(int64_t) * 2);
}
