/*
 * loaded_model.c
 *	  Models in this session's memory.
 *
 * Each lives in a memory context of its own, deleted when it is evicted.  It is built in a context that only
 * becomes part of the cache when it is complete, so an error while loading leaves nothing behind.
 */
#include "postgres.h"

#include "job/loaded_model.h"

#include "bridge/bridge.h"
#include "bridge/device.h"
#include "bridge/settings.h"
#include "utils/memutils.h"

static dlist_head cache = DLIST_STATIC_INIT(cache);
static size_t cache_bytes;

static void
close_network(void *network)
{
	PgtSignals saved;

	pgt_signals_block(&saved);
	pt_network_free(network);
	pgt_signals_restore(&saved);
}

static void
close_forward(void *forward)
{
	PgtSignals saved;

	pgt_signals_block(&saved);
	pt_forward_free(forward);
	pgt_signals_restore(&saved);
}

/* Makes room for what was added: the least recently used go, unless a query uses them. */
static void
evict(void)
{
	size_t limit = (size_t) pgt_cache_memory << 20;
	dlist_node *node = dlist_is_empty(&cache) ? NULL : dlist_tail_node(&cache);

	while (node != NULL && cache_bytes > limit)
	{
		PgtLoaded *m = dlist_container(PgtLoaded, node, node);
		dlist_node *prev = dlist_has_prev(&cache, node) ? dlist_prev_node(&cache, node) : NULL;

		if (m->pins == 0)
		{
			dlist_delete(node);
			cache_bytes -= m->bytes;
			MemoryContextDelete(m->cxt);
		}
		node = prev;
	}
}

/* Reads weights into a context that the caller deletes. */
static PtTensor *
read_weights(const PgtModel *model, const PgtCheckpoint *c, const PtStateDict *sd)
{
	PtTensor *values = palloc(sizeof(PtTensor) * (sd->count + 1));
	void **data = palloc(sizeof(void *) * (sd->count + 1));

	if (c->nparams != sd->count)
		ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED),
						errmsg("version %d of model \"%s\" has %d parameters, not %d", model->version, model->name,
							   c->nparams, sd->count)));
	for (int i = 0; i < sd->count; i++)
	{
		values[i] = c->params[i];
		data[i] = values[i].data =
			MemoryContextAllocHuge(CurrentMemoryContext, Max(pt_tensor_bytes(&values[i]), 1));
	}
	pgt_checkpoint_read(model, c, data);
	return values;
}

static PgtLoaded *
load(const PgtModel *model, PtDevice *dev)
{
	MemoryContext cxt =
		AllocSetContextCreate(CurrentMemoryContext, "pgtorch model", ALLOCSET_SMALL_SIZES);
	MemoryContext work =
		AllocSetContextCreate(CurrentMemoryContext, "pgtorch load", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	PgtLoaded *m = palloc0(sizeof(PgtLoaded));
	const PtStateDict *sd = &m->module.state;
	PtTensor *values, *entries;
	PgtSignals saved;
	PtError err;

	m->cxt = cxt;
	m->dev = dev;
	memcpy(m->hash, model->hash, PGT_HASH_BYTES);
	m->checkpoint = pgt_checkpoint_get(model);
	pgt_module_open(&m->module, pgt_model_module(model));
	if (m->checkpoint->loss_module != NULL)
		m->loss = pgt_module_parse(m->module.arena, m->checkpoint->loss_module);
	pgt_check_memory(sd->flat * sizeof(float), "a model");
	MemoryContextSwitchTo(work);
	values = read_weights(model, m->checkpoint, sd);
	entries = palloc(sizeof(PtTensor) * (sd->count + 1));
	for (int i = 0; i < sd->count; i++)
	{
		entries[i] = values[i];
		entries[i].data = NULL; /* written below, in pieces */
	}
	pgt_signals_block(&saved);
	m->network = pt_network_new(m->module.root, sd, entries, dev, &err);
	pgt_signals_restore(&saved);
	pgt_check(m->network != NULL, &err);
	pgt_release_with(cxt, close_network, m->network);
	for (int i = 0; i < sd->count; i++)
		pgt_network_write(m->network, i, &values[i]);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(work);

	m->bytes = pt_network_bytes(m->network) + MemoryContextMemAllocated(cxt, true);
	MemoryContextSetParent(cxt, TopMemoryContext);
	dlist_push_head(&cache, &m->node);
	cache_bytes += m->bytes;
	return m;
}

static void
unpin(void *arg)
{
	PgtLoaded *m = arg;

	m->pins--;
	evict();
}

PgtLoaded *
pgt_loaded_get(const PgtModel *model, MemoryContext user)
{
	dlist_iter iter;
	PtDevice *dev = pgt_device_local();
	PgtLoaded *m = NULL;

	dlist_foreach (iter, &cache)
	{
		PgtLoaded *x = dlist_container(PgtLoaded, node, iter.cur);

		if (x->dev == dev && memcmp(x->hash, model->hash, PGT_HASH_BYTES) == 0)
		{
			m = x;
			break;
		}
	}
	if (m != NULL)
		dlist_move_head(&cache, &m->node);
	else
		m = load(model, dev);
	m->pins++;
	pgt_release_with(user, unpin, m);
	evict();
	return m;
}

static bool
same_inputs(const PgtForwardEntry *e, const PtTensorType *inputs, int ninputs)
{
	for (int i = 0; i < ninputs; i++)
		if (e->inputs[i].dtype != inputs[i].dtype ||
			!pt_shape_equal(&e->inputs[i].shape, &inputs[i].shape))
			return false;
	return e->ninputs == ninputs;
}

PgtForwardEntry *
pgt_loaded_forward(PgtLoaded *m, bool probability, const PtTensorType *inputs, int ninputs)
{
	PtPlanOptions options = pgt_plan_options(m->dev);
	PgtForwardEntry *e;
	PtForward *forward;
	PgtSignals saved;
	PtError err;
	const char *op = NULL;

	if (probability)
		op = pt_module_loss(m->loss)->probability;
	for (e = m->forwards; e != NULL; e = e->next)
		if (e->probability == probability && same_inputs(e, inputs, ninputs))
			return e;
	pgt_signals_block(&saved);
	forward = pt_forward_new(m->network, inputs, ninputs, 1, op, &options, &err);
	pgt_signals_restore(&saved);
	/* the model outlives an error: nothing of what failed may stay in its context */
	pgt_check(forward != NULL, &err);
	pgt_release_with(m->cxt, close_forward, forward);
	e = MemoryContextAllocZero(m->cxt, sizeof(PgtForwardEntry));
	e->forward = forward;
	e->probability = probability;
	e->ninputs = ninputs;
	e->inputs = MemoryContextAlloc(m->cxt, sizeof(PtTensorType) * ninputs);
	memcpy(e->inputs, inputs, sizeof(PtTensorType) * ninputs);
	e->noutputs = forward->noutputs;
	e->outputs = MemoryContextAlloc(m->cxt, sizeof(PtTensor) * forward->noutputs);
	for (int i = 0; i < forward->noutputs; i++)
	{
		PtTensor *t = &e->outputs[i];

		*t = forward->outputs[i];
		t->shape.ndim--;
		memmove(t->shape.dim, t->shape.dim + 1, t->shape.ndim * sizeof(int64));
	}
	e->next = m->forwards;
	m->forwards = e;
	m->bytes += pt_plan_bytes(e->forward->plan);
	cache_bytes += pt_plan_bytes(e->forward->plan);
	return e;
}
