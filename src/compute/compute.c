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

	PtPieces *pieces;
	PtPlan *plan;
	PtRef *externals; /* in the order of types */
	void **copies;	  /* on the device; all NULL where it shares the host's memory */
} Compiled;

struct PgtSite
{
	MemoryContext cxt;
	Compiled *compiled; /* of the last call, NULL if there is none that can run again */
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
	pt_pieces_free(c->pieces);
	for (int i = 0; c->copies != NULL && i < c->nin + c->nout; i++)
		if (c->copies[i] != NULL)
			c->dev->type->free(c->dev, c->copies[i]);
	pgt_signals_restore(&saved);
}

static void
free_plan(Compiled *c)
{
	PgtSignals saved;

	pgt_signals_block(&saved);
	pt_plan_free(c->plan);
	c->plan = NULL;
	pgt_signals_restore(&saved);
}

static void
free_graph(void *g)
{
	pt_graph_free(g);
}

/* A graph's inputs, then all of it, unless it stops at a size that is not known yet. */
static void
build_graph(Compiled *c, PtGraph *g, PgtBuild build, void *arg)
{
	PtRef *out;
	PtError err;
	int nout;

	for (int i = 0; i < c->nin; i++)
		c->externals[i] = pt_external(g, "input", c->types[i].dtype, &c->types[i].shape);
	nout = build(g, c->externals, &out, arg);
	if (pt_pieces_stopped(c->pieces))
		return;
	pgt_check(pt_graph_ok(g, &err), &err);

	c->types = repalloc(c->types, (c->nin + nout + 1) * sizeof(PtTensorType));
	c->externals = repalloc(c->externals, (c->nin + nout + 1) * sizeof(PtRef));
	c->copies = repalloc(c->copies, (c->nin + nout + 1) * sizeof(void *));
	for (; c->nout < nout; c->nout++)
	{
		const PtGraphValue *v = pt_value(g, out[c->nout]);
		PtTensorType type = {v->dtype, v->shape};
		PtRef ref;

		pgt_tensor_check_size(type.dtype, &type.shape);
		ref = pt_external(g, "result", type.dtype, &type.shape);
		pt_graph_assign(g, ref, out[c->nout]);
		c->types[c->nin + c->nout] = type;
		c->externals[c->nin + c->nout] = ref;
		c->copies[c->nin + c->nout] = NULL;
	}
	pgt_check(pt_graph_ok(g, &err), &err);
}

/* Memory on the device for inputs and results from first on. */
static void
make_copies(Compiled *c, int first)
{
	for (int i = first; i < c->nin + c->nout && !c->dev->type->shares_host; i++)
	{
		PtTensor t = {c->types[i].dtype, c->types[i].shape};

		c->copies[i] = pgt_device_alloc(c->dev, pt_tensor_bytes(&t));
	}
}

/* Where the plan finds the inputs of this call. */
static void
bind_inputs(Compiled *c, const PtTensor *in)
{
	for (int i = 0; i < c->nin; i++)
	{
		pt_plan_bind(c->plan, c->externals[i], c->copies[i] != NULL ? c->copies[i] : in[i].data);
		if (c->copies[i] != NULL)
			pgt_device_upload(c->dev, c->copies[i], in[i].data, pt_tensor_bytes(&in[i]));
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
	bool last = false;

	site->compiled = NULL;
	MemoryContextReset(site->cxt);
	c = MemoryContextAllocZero(site->cxt, sizeof(Compiled));
	c->dev = dev;
	pgt_release_with(site->cxt, free_compiled, c);
	c->types = MemoryContextAlloc(site->cxt, (nin + 1) * sizeof(PtTensorType));
	c->externals = MemoryContextAlloc(site->cxt, (nin + 1) * sizeof(PtRef));
	c->copies = MemoryContextAllocZero(site->cxt, (nin + 1) * sizeof(void *));
	c->nin = nin;
	for (int i = 0; i < nin; i++)
		c->types[i] = (PtTensorType){in[i].dtype, in[i].shape};
	make_copies(c, 0);
	c->pieces = pgt_pieces_new(dev);

	while (!last)
	{
		PtError err;
		PtGraph *g = pt_graph_new(&err);

		pgt_check(g != NULL, &err);
		pgt_release_with(cxt, free_graph, g);
		pt_pieces_attach(c->pieces, g);
		build_graph(c, g, build, arg);
		c->plan = pgt_pieces_compile(c->pieces, g, &last);
		if (!last)
		{
			bind_inputs(c, in);
			pgt_pieces_run(c->pieces, c->plan);
			free_plan(c);
		}
		MemoryContextReset(cxt);
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);

	make_copies(c, nin);
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

PgtTensor **
pgt_compute(PgtSite *site, const StringInfoData *key, PgtBuild build, void *arg, const PtTensor *in,
			int nin, int *nout)
{
	PtDevice *dev = pgt_device_local();
	PgtTensor **results;
	PtTensor *views;
	Compiled *c;

	if (!fits(site->compiled, dev, key, in, nin))
		compile(site, dev, key, build, arg, in, nin);
	c = site->compiled;
	results = palloc((c->nout + 1) * sizeof(PgtTensor *));
	views = palloc((c->nout + 1) * sizeof(PtTensor));
	bind_inputs(c, in);
	for (int i = 0; i < c->nout; i++)
	{
		const PtTensorType *type = &c->types[nin + i];
		void *copy = c->copies[nin + i];

		results[i] = pgt_tensor_result(type->dtype, &type->shape, &views[i]);
		pt_plan_bind(c->plan, c->externals[nin + i], copy != NULL ? copy : views[i].data);
	}
	pgt_plan_run(c->plan);
	for (int i = 0; i < c->nout; i++)
		if (c->copies[nin + i] != NULL)
			pgt_device_download(dev, views[i].data, c->copies[nin + i], pt_tensor_bytes(&views[i]));
	*nout = c->nout;
	/* sizes that were read are those of this data: the plan is of no more use, nor what its pieces kept */
	if (pt_pieces_reads(c->pieces) > 0)
	{
		site->compiled = NULL;
		MemoryContextReset(site->cxt);
	}
	return results;
}
