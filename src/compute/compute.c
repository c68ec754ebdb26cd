/*
 * compute.c
 *	  Graphs evaluated over SQL tensors.
 *
 * Inputs and results are externals of the graph.  On a device that computes in the host's memory they are bound to the
 * datums themselves; any other has a copy of each, which stays there for all runs of the plan.
 *
 * Memory: a plan and all that belongs to it live in the site's context, which the next plan resets.
 * Errors: a failed call leaves the site without a plan, or with one that can run again.
 */
#include "postgres.h"

#include "compute/compute.h"

#include "bridge/bridge.h"
#include "bridge/device.h"
#include "utils/memutils.h"

typedef struct Compiled
{
	/* what it was made for */
	PtDevice *dev;
	char *key;
	int key_bytes;
	PtTensorType *types; /* of the inputs, then the results */
	int nin, nout;

	PtPlan *plan;
	PtRef *externals; /* in the order of types */
	void **copies;	  /* on the device; all NULL where it shares the host's memory */
} Compiled;

struct PgtSite
{
	MemoryContext cxt;
	Compiled *compiled; /* of the last call, NULL if that failed to make one */
};

PgtSite *
pgt_site_new(MemoryContext cxt)
{
	PgtSite *site = MemoryContextAllocZero(cxt, sizeof(PgtSite));

	site->cxt = AllocSetContextCreate(cxt, "pgtorch plan", ALLOCSET_SMALL_SIZES);
	return site;
}

static void
free_compiled(void *arg)
{
	Compiled *c = arg;
	PgtSignals saved;

	pgt_signals_block(&saved);
	pt_plan_free(c->plan);
	for (int i = 0; c->copies != NULL && i < c->nin + c->nout; i++)
		if (c->copies[i] != NULL)
			c->dev->type->free(c->dev, c->copies[i]);
	pgt_signals_restore(&saved);
}

static void
free_graph(void *g)
{
	pt_graph_free(g);
}

/* Builds the graph between its externals. */
static void
build_graph(MemoryContext cxt, Compiled *c, PtGraph *g, PgtBuild build, void *arg,
			const PtTensor *in, int nin)
{
	PtRef out[PGT_MAX_RESULTS];
	PtRef *inputs = palloc(nin * sizeof(PtRef));
	int nout;
	PtError err;

	for (int i = 0; i < nin; i++)
		inputs[i] = pt_external(g, "input", in[i].dtype, &in[i].shape);
	nout = build(g, inputs, out, arg);
	pgt_check(pt_graph_ok(g, &err), &err);

	c->types = MemoryContextAlloc(cxt, (nin + nout) * sizeof(PtTensorType));
	c->externals = MemoryContextAlloc(cxt, (nin + nout) * sizeof(PtRef));
	for (int i = 0; i < nin; i++)
	{
		c->types[i] = (PtTensorType){in[i].dtype, in[i].shape};
		c->externals[i] = inputs[i];
	}
	for (int i = nin; i < nin + nout; i++)
	{
		const PtGraphValue *v = pt_value(g, out[i - nin]);
		PtTensorType type = {v->dtype, v->shape};

		pgt_tensor_check_size(type.dtype, &type.shape);
		c->types[i] = type;
		c->externals[i] = pt_external(g, "result", type.dtype, &type.shape);
		pt_graph_assign(g, c->externals[i], out[i - nin]);
	}
	pgt_check(pt_graph_ok(g, &err), &err);
	c->nin = nin;
	c->nout = nout;
}

/* Memory on the device for inputs and results. */
static void
make_copies(Compiled *c)
{
	for (int i = 0; i < c->nin + c->nout; i++)
	{
		PtTensor t = {c->types[i].dtype, c->types[i].shape};

		c->copies[i] = pgt_device_alloc(c->dev, pt_tensor_bytes(&t));
		pt_plan_bind(c->plan, c->externals[i], c->copies[i]);
	}
}

static void
compile(PgtSite *site, PtDevice *dev, const StringInfoData *key, PgtBuild build, void *arg,
		const PtTensor *in, int nin)
{
	MemoryContext cxt =
		AllocSetContextCreate(CurrentMemoryContext, "pgtorch graph", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	Compiled *c;
	PtGraph *g;
	PtError err;

	site->compiled = NULL;
	MemoryContextReset(site->cxt);
	c = MemoryContextAllocZero(site->cxt, sizeof(Compiled));
	c->dev = dev;
	pgt_release_with(site->cxt, free_compiled, c);

	g = pt_graph_new(&err);
	pgt_check(g != NULL, &err);
	pgt_release_with(cxt, free_graph, g);
	build_graph(site->cxt, c, g, build, arg, in, nin);
	c->plan = pgt_plan_compile(g, dev);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);

	c->copies = MemoryContextAllocZero(site->cxt, (c->nin + c->nout) * sizeof(void *));
	if (!dev->type->shares_host)
		make_copies(c);
	c->key = MemoryContextAlloc(site->cxt, key->len);
	memcpy(c->key, key->data, key->len);
	c->key_bytes = key->len;
	site->compiled = c;
}

/* Was this plan made for such a call? */
static bool
fits(const Compiled *c, const PtDevice *dev, const StringInfoData *key, const PtTensor *in, int nin)
{
	if (c == NULL || c->dev != dev || c->nin != nin || c->key_bytes != key->len ||
		memcmp(c->key, key->data, key->len) != 0)
		return false;
	for (int i = 0; i < nin; i++)
		if (c->types[i].dtype != in[i].dtype || !pt_shape_equal(&c->types[i].shape, &in[i].shape))
			return false;
	return true;
}

int
pgt_compute(PgtSite *site, const StringInfoData *key, PgtBuild build, void *arg, const PtTensor *in,
			int nin, PgtTensor **results)
{
	PtDevice *dev = pgt_device_local();
	bool shared = dev->type->shares_host;
	PtTensor views[PGT_MAX_RESULTS];
	Compiled *c;

	if (!fits(site->compiled, dev, key, in, nin))
		compile(site, dev, key, build, arg, in, nin);
	c = site->compiled;
	for (int i = 0; i < nin; i++)
		if (shared)
			pt_plan_bind(c->plan, c->externals[i], in[i].data);
		else
			pgt_device_upload(dev, c->copies[i], in[i].data, pt_tensor_bytes(&in[i]));
	for (int i = 0; i < c->nout; i++)
	{
		const PtTensorType *type = &c->types[nin + i];

		results[i] = pgt_tensor_result(type->dtype, &type->shape, &views[i]);
		if (shared)
			pt_plan_bind(c->plan, c->externals[nin + i], views[i].data);
	}
	pgt_plan_run(c->plan);
	for (int i = 0; !shared && i < c->nout; i++)
		pgt_device_download(dev, views[i].data, c->copies[nin + i], pt_tensor_bytes(&views[i]));
	return c->nout;
}
