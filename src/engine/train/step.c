/*
 * step.c
 *	  The graph of a training step, compiled and bound.
 *
 * Memory: the graph and everything here lives until the plan is compiled.
 * Errors: the graph remembers the first; it is looked at once, before compiling.
 */
#include "engine/train/step.h"

#include <string.h>

#include "engine/graph/build.h"

/* The learning rate of a step and the momentum, if that changes: what is read, and from where. */
typedef struct Rates
{
	PtRef table, entries, at; /* externals; table alone if there is one rate for an epoch */
	PtRef lr, momentum;
} Rates;

/* A step under construction. */
typedef struct Draft
{
	const PtFitSpec *spec;
	const PtFitState *state;
	const PtStepKey *key;
	PtGraph *g;

	/* externals */
	PtRef rows, perm, ctl, stats, grads, slots[PT_OPTIM_SLOTS];
	Rates rates;
	PtWeights w;

	PtRef in[PT_MAX_INPUTS], target, loss;
	PtRef *updates; /* of buffers: [sd->count], PT_NO_REF where there is none */
} Draft;

/* ---------- input ---------- */

static PtRef
fetch(PtGraph *g, const PtRowsetColumn *c, int64_t rows, PtRef data, PtRef perm, PtRef ctl)
{
	int64_t *dims = pt_arena_alloc(g->arena, (PT_MAX_DIM + 1) * sizeof(int64_t));
	PtGiven given[] = {pt_given_int("offset", c->offset),
					   pt_given_ints("shape", dims, c->shape.ndim + 1),
					   pt_given_dtype("dtype", c->dtype)};

	if (dims == NULL || c->shape.ndim == PT_MAX_DIM)
		return pt_graph_fail(g, PT_ELIMIT, "a column of %d dimensions leaves none for the batch",
							 c->shape.ndim);
	dims[0] = rows;
	memcpy(dims + 1, c->shape.dim, c->shape.ndim * sizeof(int64_t));
	return pt_apply_name(g, "batch", (PtRef[]){data, perm, ctl}, 3, given, 3);
}

static PtRef
read_rate(PtGraph *g, const Rates *r, int64_t offset)
{
	const PtShape scalar = {0};
	const PtRowsetColumn column = {PT_FLOAT64, {0}, offset};
	PtRef entry = fetch(g, &column, 1, r->table, r->entries, r->at);

	return entry != PT_NO_REF ? pt_slice(g, entry, 0, &scalar) : PT_NO_REF;
}

static void
build_rates(Draft *d)
{
	const PtFitState *s = d->state;
	const PtShape scalar = {0};
	PtGraph *g = d->g;
	Rates *r = &d->rates;
	PtGiven by = pt_given_int("by", 1);

	if (s->nrates == 0)
	{
		r->table = r->lr = pt_external(g, "lr", PT_FLOAT64, &scalar);
		return;
	}
	r->table = pt_external(g, "rates", PT_UINT8, &(PtShape){2, {s->nrates, 2 * sizeof(double)}});
	r->entries = pt_external(g, "entries", PT_INT64, &(PtShape){1, {s->nrates}});
	r->at = pt_external(g, "at", PT_INT64, &(PtShape){1, {PT_CTL_SIZE}});
	r->lr = read_rate(g, r, 0);
	if (s->optimizer.cycled)
		r->momentum = read_rate(g, r, sizeof(double));
	pt_graph_assign(g, r->at, pt_apply_name(g, "advance", &r->at, 1, &by, 1));
}

static void
build_input(Draft *d)
{
	const PtFitSpec *spec = d->spec;
	const PtFitState *s = d->state;
	const PtShape scalar = {0};
	const PtShape flat = {1, {spec->sd->flat}};
	const int64_t nrows = pt_rowset_rows(s->rowset);
	PtGraph *g = d->g;

	d->rows = pt_external(g, "rows", PT_UINT8, &(PtShape){2, {nrows, spec->stride}});
	d->perm = pt_external(g, "perm", PT_INT64, &(PtShape){1, {nrows}});
	d->ctl = pt_external(g, "ctl", PT_INT64, &(PtShape){1, {PT_CTL_SIZE}});
	d->stats = pt_external(g, "stats", PT_FLOAT64, &(PtShape){1, {PT_STATS_SIZE}});
	build_rates(d);
	for (int i = 0; i < s->nslots; i++)
		d->slots[i] = s->slot[i].scalar ? pt_external(g, s->slot[i].name, PT_FLOAT64, &scalar)
										: pt_external(g, s->slot[i].name, PT_FLOAT32, &flat);
	pt_network_weights(s->net, g, &d->w);
	for (int i = 0; i < spec->ninputs; i++)
		d->in[i] = fetch(g, &spec->inputs[i], d->key->rows, d->rows, d->perm, d->ctl);
	d->target = fetch(g, &spec->target, d->key->rows, d->rows, d->perm, d->ctl);
}

/* ---------- loss ---------- */

/* The loss of all that the model gives, and the target. */
static PtRef
apply_loss(Draft *d, PtBuild *b)
{
	const PtFitSpec *spec = d->spec;
	PtRef in[PT_MAX_OUTPUTS + 1], loss[PT_MAX_OUTPUTS];
	int n = pt_module_results(b, spec->module, d->in, spec->ninputs, in);
	int want = pt_module_inputs(spec->loss);

	if (n == 0)
		return PT_NO_REF;
	in[n] = d->target;
	if (n + 1 == want)
	{
		n = pt_module_results(b, spec->loss, in, want, loss);
		if (n > 1)
			pt_graph_fail(d->g, PT_EINVAL,
						  "the training loss must be a single number, not %d results", n);
		return n == 1 ? loss[0] : PT_NO_REF;
	}
	pt_graph_fail(
		d->g, PT_EINVAL,
		"nn.%s takes %d inputs, but there are %d: %d output%s of the model, and the target",
		spec->loss->type->name, want, n + 1, n, n == 1 ? "" : "s");
	pt_hint(&d->g->error, "A loss of several outputs is an expression: "
						  "nn.Graph('(a, b, target) -> mean((a - target) ** 2) + mean(b ** 2)').");
	return PT_NO_REF;
}

static void
build_loss(Draft *d)
{
	const PtFitSpec *spec = d->spec;
	PtGraph *g = d->g;
	PtBuild b = {.g = g, .sd = spec->sd, .state = d->w.entries, .training = true};

	d->updates = pt_arena_alloc(g->arena, (spec->sd->count + 1) * sizeof(PtRef));
	if (d->updates == NULL)
	{
		pt_graph_fail(g, PT_ENOMEM, "out of memory");
		return;
	}
	b.autocast = spec->options.autocast;
	b.updates = d->updates;
	b.seed = pt_integer(g, (int64_t) spec->options.seed);
	b.step = pt_slice(g, d->ctl, PT_CTL_STEPS, &(PtShape){0});
	d->loss = apply_loss(d, &b);
	if (d->loss != PT_NO_REF && pt_shape_numel(&pt_value(g, d->loss)->shape) != 1)
	{
		char text[PT_SHAPE_TEXT];

		pt_graph_fail(g, PT_EINVAL, "the training loss must be a single number, not of shape %s",
					  pt_shape_print(&pt_value(g, d->loss)->shape, text));
		pt_hint(&g->error, "Take its mean() or sum().");
	}
	else if (d->loss != PT_NO_REF && !pt_dtype_is_float(pt_value(g, d->loss)->dtype))
		pt_graph_fail(g, PT_ETYPE, "the training loss must be a floating point number, not of %s",
					  pt_dtype_name(pt_value(g, d->loss)->dtype));
	/* of an expression: it may be of the lower precision, which is kept out of the sums */
	d->loss = pt_autocast(g, d->loss, PT_FLOAT32);
}

/* ---------- update ---------- */

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
flat_gradients(const Draft *d, bool **unused)
{
	const PtStateDict *sd = d->spec->sd;
	PtGraph *g = d->g;
	PtRef *wrt = pt_arena_alloc(g->arena, (sd->count + 1) * sizeof(PtRef));
	PtRef *grad = pt_arena_alloc(g->arena, (sd->count + 1) * sizeof(PtRef));
	int64_t *offsets = pt_arena_alloc(g->arena, (sd->count + 1) * sizeof(int64_t));
	int n = 0, parts = 0;

	*unused = pt_arena_alloc(g->arena, sd->count + 1);
	if (wrt == NULL || grad == NULL || offsets == NULL || *unused == NULL)
		return pt_graph_fail(g, PT_ENOMEM, "out of memory");
	for (int i = 0; i < sd->count; i++)
		if (sd->entries[i].trainable)
			wrt[n++] = d->w.entries[i];
	if (!pt_gradient(g, d->loss, wrt, n, grad))
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
keep_unused(const Draft *d, const bool *unused, PtRef new_p)
{
	const PtStateDict *sd = d->spec->sd;
	PtGraph *g = d->g;
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
		parts[n] = unused[i] ? d->w.entries[i] : pt_slice(g, new_p, e->offset, &e->shape);
		offsets[n++] = e->offset;
	}
	return pt_pack(g, parts, offsets, n, sd->flat);
}

/* PyTorch's clip_grad_norm_, which multiplies by 1 too, then clip_grad_value_. */
static PtRef
clip(const Draft *d, PtRef grads)
{
	double norm = d->spec->options.clip_grad_norm, value = d->spec->options.clip_grad_value;
	PtGraph *g = d->g;

	if (norm > 0)
		grads = pt_expr_text(g, "g * minimum(limit / (sqrt(sum(g * g)) + 1e-06), 1.0)",
							 (PtVar[]){{"g", grads}, {"limit", pt_real(g, norm)}}, 2);
	if (value > 0)
		grads = pt_expr_text(g, "maximum(minimum(g, limit), -limit)",
							 (PtVar[]){{"g", grads}, {"limit", pt_real(g, value)}}, 2);
	return grads;
}

/* Parameters, optimizer state, buffers and counters after the step. */
static void
build_update(Draft *d)
{
	const PtFitSpec *spec = d->spec;
	const PtFitState *s = d->state;
	PtGraph *g = d->g;
	PtRef new_slots[PT_OPTIM_SLOTS], gflat, t, new_p, counted;
	PtGiven count = pt_given_int("count", d->key->rows);
	PtGiven by = pt_given_int("by", d->key->rows);
	bool *unused;

	gflat = flat_gradients(d, &unused);
	if (g->error.code != PT_OK)
		return;
	/* memory in which they are packed, nothing that lasts */
	d->grads =
		pt_external(g, "gradients", pt_value(g, gflat)->dtype, &(PtShape){1, {spec->sd->flat}});
	/* torch counts the first step as 1 */
	t = pt_cast(g, pt_slice(g, d->ctl, PT_CTL_STEPS, &(PtShape){0}), PT_FLOAT64);
	t = pt_add(g, t, pt_integer(g, 1));
	if (!pt_optim_build(g, &s->optimizer, d->w.flat, clip(d, pt_cast(g, gflat, PT_FLOAT32)), t,
						d->rates.lr, d->rates.momentum, d->slots, &new_p, new_slots))
		return;
	pt_graph_assign(g, d->grads, gflat);
	pt_graph_assign(g, d->w.flat, keep_unused(d, unused, new_p));
	for (int i = 0; i < s->nslots; i++)
		pt_graph_assign(g, d->slots[i], new_slots[i]);
	for (int i = 0; i < spec->sd->count; i++)
		if (d->updates[i] != PT_NO_REF)
			pt_graph_assign(g, d->w.entries[i], d->updates[i]);
	counted = pt_apply_name(g, "check_finite", (PtRef[]){d->ctl, d->stats, d->loss}, 3, &count, 1);
	pt_graph_assign(g, d->ctl, pt_apply_name(g, "advance", &counted, 1, &by, 1));
	pt_graph_assign(g, d->stats, pt_result(g, counted, 1));
}

/* ---------- the whole ---------- */

static void
bind(const Draft *d, PtPlan *plan)
{
	const PtFitState *s = d->state;

	pt_network_bind(s->net, plan, &d->w);
	pt_plan_bind(plan, d->rows, pt_rowset_data(s->rowset));
	pt_plan_bind(plan, d->perm, pt_rowset_order_data(s->rowset));
	pt_plan_bind(plan, d->ctl, s->ctl);
	pt_plan_bind(plan, d->stats, s->stats);
	pt_plan_bind(plan, d->rates.table, s->lr);
	if (s->nrates > 0)
	{
		pt_plan_bind(plan, d->rates.entries, s->entries);
		pt_plan_bind(plan, d->rates.at, s->at);
	}
	pt_plan_bind(plan, d->grads, s->grads);
	for (int i = 0; i < s->nslots; i++)
		pt_plan_bind(plan, d->slots[i], s->slots[i]);
}

PtPlan *
pt_step_compile(const PtFitSpec *spec, const PtFitState *state, PtDevice *dev, const PtStepKey *key,
				PtError *err)
{
	Draft d = {.spec = spec, .state = state, .key = key, .g = pt_graph_new(err)};
	PtPlan *plan = NULL;

	if (d.g == NULL)
		return NULL;
	build_input(&d);
	build_loss(&d);
	build_update(&d);
	if (pt_graph_ok(d.g, err) && (plan = pt_plan_compile(d.g, dev, &spec->plan, err)) != NULL)
		bind(&d, plan);
	pt_graph_free(d.g);
	return plan;
}
