/*
 * network.c
 *	  A module with its weights on a device, and its forward pass.
 */
#include "engine/nn/network.h"

#include <stdlib.h>
#include <string.h>

struct PtNetwork
{
	PtArena *arena;
	const PtModule *module;
	const PtStateDict *sd;
	PtDevice *dev;
	void *flat;		/* device */
	void **buffers; /* [count], device; NULL for trainable entries */
};

static size_t
entry_bytes(const PtState *e)
{
	return pt_shape_numel(&e->shape) * pt_dtype_size(e->dtype);
}

PtNetwork *
pt_network_new(const PtModule *module, const PtStateDict *sd, const PtTensor *values, PtDevice *dev,
			   PtError *err)
{
	PtArena *arena = pt_arena_new();
	PtNetwork *net = arena ? pt_arena_alloc(arena, sizeof(PtNetwork)) : NULL;

	if (net == NULL ||
		(net->buffers = pt_arena_alloc(arena, (sd->count + 1) * sizeof(void *))) == NULL)
	{
		pt_arena_free(arena);
		pt_fail_memory(err, sizeof(PtNetwork));
		return NULL;
	}
	net->arena = arena;
	net->module = module;
	net->sd = sd;
	net->dev = dev;
	if (sd->flat > 0 && (net->flat = dev->type->alloc(dev, sd->flat * sizeof(float), err)) == NULL)
		goto fail;
	for (int i = 0; i < sd->count; i++)
	{
		const PtState *e = &sd->entries[i];
		void *to = e->trainable ? (char *) net->flat + e->offset * sizeof(float) : NULL;

		if (values[i].dtype != e->dtype || !pt_shape_equal(&values[i].shape, &e->shape))
		{
			char want[PT_SHAPE_TEXT], have[PT_SHAPE_TEXT];

			pt_fail(err, PT_ESHAPE, "parameter \"%s\" should be %s%s, not %s%s", e->name,
					pt_dtype_name(e->dtype), pt_shape_print(&e->shape, want),
					pt_dtype_name(values[i].dtype), pt_shape_print(&values[i].shape, have));
			goto fail;
		}
		if (to == NULL)
		{
			to = net->buffers[i] = dev->type->alloc(dev, entry_bytes(e), err);
			if (to == NULL)
				goto fail;
		}
		if (entry_bytes(e) > 0 && values[i].data != NULL &&
			!dev->type->upload(dev, to, values[i].data, entry_bytes(e), err))
			goto fail;
	}
	return net;
fail:
	pt_network_free(net);
	return NULL;
}

void
pt_network_free(PtNetwork *net)
{
	if (net == NULL)
		return;
	for (int i = 0; i < net->sd->count; i++)
		if (net->buffers[i] != NULL)
			net->dev->type->free(net->dev, net->buffers[i]);
	if (net->flat != NULL)
		net->dev->type->free(net->dev, net->flat);
	pt_arena_free(net->arena);
}

size_t
pt_network_bytes(const PtNetwork *net)
{
	size_t bytes = net->sd->flat * sizeof(float);

	for (int i = 0; i < net->sd->count; i++)
		if (!net->sd->entries[i].trainable)
			bytes += entry_bytes(&net->sd->entries[i]);
	return bytes;
}

/* Where entry i is on the device. */
static char *
entry_data(const PtNetwork *net, int i)
{
	const PtState *e = &net->sd->entries[i];

	return e->trainable ? (char *) net->flat + e->offset * sizeof(float) : net->buffers[i];
}

bool
pt_network_read(PtNetwork *net, int i, void *data, PtError *err)
{
	return pt_network_read_part(net, i, 0, data, entry_bytes(&net->sd->entries[i]), err);
}

bool
pt_network_read_part(PtNetwork *net, int i, size_t offset, void *data, size_t bytes, PtError *err)
{
	return bytes == 0 ||
		   net->dev->type->download(net->dev, data, entry_data(net, i) + offset, bytes, err);
}

bool
pt_network_write_part(PtNetwork *net, int i, size_t offset, const void *data, size_t bytes,
					  PtError *err)
{
	return bytes == 0 ||
		   net->dev->type->upload(net->dev, entry_data(net, i) + offset, data, bytes, err);
}

bool
pt_network_weights(const PtNetwork *net, PtGraph *g, PtWeights *w)
{
	const PtStateDict *sd = net->sd;

	w->flat = PT_NO_REF;
	w->entries = pt_arena_alloc(g->arena, (sd->count + 1) * sizeof(PtRef));
	if (w->entries == NULL)
		return pt_graph_fail(g, PT_ENOMEM, "out of memory");
	if (sd->flat > 0)
		w->flat = pt_external(g, "parameters", PT_FLOAT32, &(PtShape){1, {sd->flat}});
	for (int i = 0; i < sd->count; i++)
	{
		const PtState *e = &sd->entries[i];

		w->entries[i] = e->trainable ? pt_slice(g, w->flat, e->offset, &e->shape)
									 : pt_external(g, e->name, e->dtype, &e->shape);
	}
	return g->error.code == PT_OK;
}

void
pt_network_bind(const PtNetwork *net, PtPlan *plan, const PtWeights *w)
{
	if (w->flat != PT_NO_REF)
		pt_plan_bind(plan, w->flat, net->flat);
	for (int i = 0; i < net->sd->count; i++)
		if (!net->sd->entries[i].trainable)
			pt_plan_bind(plan, w->entries[i], net->buffers[i]);
}

/* ---------- forward ---------- */

/* The shape of a row, with a batch dimension in front. */
static PtShape
batched(const PtShape *row, int64_t rows)
{
	PtShape shape = {row->ndim + 1, {rows}};

	memcpy(shape.dim + 1, row->dim, row->ndim * sizeof(int64_t));
	return shape;
}

static PtRef
add_probability(PtGraph *g, PtRef y, const char *op)
{
	PtGiven dim = pt_given_int("dim", -1);

	if (op == NULL || op[0] == '\0')
		return y;
	return pt_apply_name(g, op, &y, 1, &dim, strcmp(op, "softmax") == 0 ? 1 : 0);
}

/* Memory for a tensor on the host, and on the device if that has its own. */
static bool
alloc_tensor(PtForward *f, PtTensor *t, void **device, PtError *err)
{
	PtDevice *dev = f->net->dev;
	size_t bytes = pt_tensor_bytes(t);

	if (!dev->type->shares_host)
		return (t->data = dev->type->alloc_host(dev, bytes, err)) != NULL &&
			   (*device = dev->type->alloc(dev, bytes, err)) != NULL;
	t->data = *device = pt_arena_alloc(f->arena, bytes > 0 ? bytes : 1);
	return t->data != NULL ? true : pt_fail_memory(err, bytes);
}

/* Externals that hold what the module gives. */
static bool
add_outputs(PtForward *f, PtGraph *g, const PtRef *y, int64_t rows, PtRef *out, PtError *err)
{
	f->outputs = pt_arena_alloc(f->arena, (size_t) f->noutputs * sizeof(PtTensor));
	f->device_out = pt_arena_alloc(f->arena, (size_t) f->noutputs * sizeof(void *));
	if (f->outputs == NULL || f->device_out == NULL)
		return pt_fail_memory(err, (size_t) f->noutputs * sizeof(PtTensor));
	for (int i = 0; i < f->noutputs; i++)
	{
		PtTensor *t = &f->outputs[i];

		t->dtype = pt_value(g, y[i])->dtype;
		t->shape = pt_value(g, y[i])->shape;
		if (!pt_module_row(f->net->module, &t->shape, rows, NULL, err))
			return false;
		out[i] = pt_external(g, "output", t->dtype, &t->shape);
		pt_graph_assign(g, out[i], y[i]);
	}
	return pt_graph_ok(g, err);
}

static bool
build_forward(PtForward *f, PtGraph *g, const PtTensorType *inputs, int64_t rows,
			  const char *probability, const PtPlanOptions *options, PtError *err)
{
	PtNetwork *net = f->net;
	PtRef in[PT_MAX_INPUTS], y[PT_MAX_OUTPUTS], out[PT_MAX_OUTPUTS];
	PtWeights w;
	PtBuild b = {.g = g, .sd = net->sd, .training = false};

	if (!pt_network_weights(net, g, &w))
		return pt_graph_ok(g, err);
	b.state = w.entries;
	for (int i = 0; i < f->ninputs; i++)
	{
		f->inputs[i].dtype = inputs[i].dtype;
		if (inputs[i].shape.ndim == PT_MAX_DIM)
			return pt_fail(err, PT_ELIMIT, "an input of %d dimensions leaves none for the batch",
						   PT_MAX_DIM);
		f->inputs[i].shape = batched(&inputs[i].shape, rows);
		in[i] = pt_external(g, "input", inputs[i].dtype, &f->inputs[i].shape);
	}
	f->noutputs = pt_module_results(&b, net->module, in, f->ninputs, y);
	if (!pt_graph_ok(g, err))
		return false;
	y[0] = add_probability(g, y[0], probability);
	if (!pt_graph_ok(g, err) || !add_outputs(f, g, y, rows, out, err))
		return false;
	f->plan = pt_plan_compile(g, net->dev, options, err);
	if (f->plan == NULL)
		return false;
	pt_network_bind(net, f->plan, &w);
	for (int i = 0; i < f->ninputs; i++)
	{
		if (!alloc_tensor(f, &f->inputs[i], &f->device_in[i], err))
			return false;
		pt_plan_bind(f->plan, in[i], f->device_in[i]);
	}
	for (int i = 0; i < f->noutputs; i++)
	{
		if (!alloc_tensor(f, &f->outputs[i], &f->device_out[i], err))
			return false;
		pt_plan_bind(f->plan, out[i], f->device_out[i]);
	}
	return true;
}

PtForward *
pt_forward_new(PtNetwork *net, const PtTensorType *inputs, int ninputs, int64_t rows,
			   const char *probability, const PtPlanOptions *options, PtError *err)
{
	PtArena *arena;
	PtForward *f;
	PtGraph *g;
	bool ok;

	if (ninputs > PT_MAX_INPUTS)
	{
		pt_fail(err, PT_ELIMIT, "%d inputs are too many, at most %d are possible", ninputs,
				PT_MAX_INPUTS);
		return NULL;
	}
	arena = pt_arena_new();
	f = arena ? pt_arena_alloc(arena, sizeof(PtForward)) : NULL;
	if (f == NULL ||
		(f->inputs = pt_arena_alloc(arena, (size_t) ninputs * sizeof(PtTensor) + 1)) == NULL ||
		(f->device_in = pt_arena_alloc(arena, (size_t) ninputs * sizeof(void *) + 1)) == NULL)
	{
		pt_arena_free(arena);
		pt_fail_memory(err, sizeof(PtForward));
		return NULL;
	}
	f->arena = arena;
	f->net = net;
	f->ninputs = ninputs;
	g = pt_graph_new(err);
	ok = g != NULL && build_forward(f, g, inputs, rows, probability, options, err);
	pt_graph_free(g);
	if (ok)
		return f;
	pt_forward_free(f);
	return NULL;
}

/* Frees what alloc_tensor made, on a device with memory of its own. */
static void
free_tensors(PtDevice *dev, const PtTensor *t, void **device, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (t[i].data != NULL)
			dev->type->free_host(dev, t[i].data);
		dev->type->free(dev, device[i]);
	}
}

void
pt_forward_free(PtForward *f)
{
	PtDevice *dev;

	if (f == NULL)
		return;
	dev = f->net->dev;
	pt_plan_free(f->plan);
	if (!dev->type->shares_host)
	{
		free_tensors(dev, f->inputs, f->device_in, f->ninputs);
		if (f->device_out != NULL && f->outputs != NULL)
			free_tensors(dev, f->outputs, f->device_out, f->noutputs);
	}
	pt_arena_free(f->arena);
}

PtRun
pt_forward_run(PtForward *f, int64_t budget_ns, PtError *err)
{
	PtDevice *dev = f->net->dev;
	PtRun run;

	if (!dev->type->shares_host && !pt_plan_is_running(f->plan))
		for (int i = 0; i < f->ninputs; i++)
			if (!dev->type->upload(dev, f->device_in[i], f->inputs[i].data,
								   pt_tensor_bytes(&f->inputs[i]), err))
				return PT_RUN_ERROR;
	run = pt_plan_run(f->plan, 1, budget_ns, err);
	if (run == PT_RUN_DONE && !dev->type->shares_host)
		for (int i = 0; i < f->noutputs; i++)
			if (!dev->type->download(dev, f->outputs[i].data, f->device_out[i],
									 pt_tensor_bytes(&f->outputs[i]), err))
				return PT_RUN_ERROR;
	return run;
}
