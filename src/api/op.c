/*
 * op.c
 *	  The tensor functions torch.*: one C entry for all rows of the op table.
 *
 * An SQL function's name is its op's name, its arguments are the op's parameters in their order; where the
 * op takes a tensor the SQL argument may also be a number.  A call is a graph of one node, compiled
 * to a plan that the call site keeps, so that calls with equal dtypes, shapes and attributes run
 * it again at once.
 */
#include "postgres.h"

#include "compat.h"

#include "api/call.h"
#include "bridge/bridge.h"
#include "bridge/device.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "tensor/datum.h"
#include "utils/array.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define MAX_TENSORS (PT_MAX_IN + PT_MAX_LIST)

/* What a call site keeps, behind its PgtCall. */
typedef struct Site
{
	const PtOp *op;

	/* the plan of the last call */
	PtDevice *dev;
	PtPlan *plan;
	void
		*copies[MAX_TENSORS + 1]; /* of inputs and output, where the device has memory of its own */
	char *key;					  /* what it depends on, in fn_mcxt */
	int key_len;				  /* -1: the plan is not complete */
	PtRef inputs[MAX_TENSORS];
	int ninputs;
	PtRef output;
	PtTensorType result;
} Site;

/* The tensors of one call, and the key of the plan for it. */
typedef struct Operands
{
	PtTensor tensors[MAX_TENSORS];
	int count;
	int listed; /* of them, in the list that an op may have */
	StringInfoData key;
} Operands;

static void
free_plan(void *arg)
{
	Site *site = arg;
	PgtSignals saved;

	pgt_signals_block(&saved);
	pt_plan_free(site->plan);
	site->plan = NULL;
	for (int i = 0; i < lengthof(site->copies); i++)
		if (site->copies[i] != NULL)
			site->dev->type->free(site->dev, site->copies[i]);
	pgt_signals_restore(&saved);
	memset(site->copies, 0, sizeof(site->copies));
	site->key_len = -1;
}

static Site *
make_site(FunctionCallInfo fcinfo, PgtCall *call)
{
	Site *site = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Site));

	site->op = pt_op_find(call->name);
	if (site->op == NULL || site->op->nout != 1)
		elog(ERROR, "function %s is no tensor function", call->name);
	pgt_release_with(fcinfo->flinfo->fn_mcxt, free_plan, site);
	call->row = site;
	return site;
}

/* ---------- reading the arguments ---------- */

static void
take_tensor(Operands *o, Datum datum)
{
	PtTensor *t;

	if (o->count == MAX_TENSORS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("a tensor function takes at most %d tensors", MAX_TENSORS)));
	t = &o->tensors[o->count++];
	pgt_tensor_open(datum, t);
	appendBinaryStringInfo(&o->key, (char *) &t->dtype, sizeof(t->dtype));
	appendBinaryStringInfo(&o->key, (char *) &t->shape.ndim, sizeof(t->shape.ndim));
	appendBinaryStringInfo(&o->key, (char *) t->shape.dim, t->shape.ndim * sizeof(int64));
}

static void
take_tensors(Operands *o, ArrayType *array, const char *name)
{
	Datum *elements;
	bool *nulls;
	int n;
	int16 len;
	bool byval;
	char align;

	get_typlenbyvalalign(ARR_ELEMTYPE(array), &len, &byval, &align);
	deconstruct_array(array, ARR_ELEMTYPE(array), len, byval, align, &elements, &nulls, &n);
	appendBinaryStringInfo(&o->key, (char *) &n, sizeof(n));
	o->listed = n;
	for (int i = 0; i < n; i++)
	{
		if (nulls[i])
			ereport(ERROR, (errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
							errmsg("argument \"%s\" must not contain nulls", name)));
		take_tensor(o, elements[i]);
	}
}

static bool
is_tensor(const PgtCall *call, int i)
{
	return pgt_tensor_is_type(call->types[i]);
}

/* Fetches the tensors and collects the key; false if a required argument is NULL, as then the result is. */
static bool
read_operands(FunctionCallInfo fcinfo, const PgtCall *call, const PtOp *op, Operands *o)
{
	o->count = o->listed = 0;
	initStringInfo(&o->key);
	for (int i = 0; i < call->nargs; i++)
	{
		const PtParam *p = &op->params[i];
		int16 len;
		bool byval;

		if (PG_ARGISNULL(i) && p->required && !p->nullable)
			return false;
		appendStringInfoChar(&o->key, PG_ARGISNULL(i) ? 'n' : 'v');
		if (PG_ARGISNULL(i))
			continue;
		if (p->type == PT_ARG_TENSORS)
			take_tensors(o, PG_GETARG_ARRAYTYPE_P(i), p->name);
		else if (is_tensor(call, i))
			take_tensor(o, PG_GETARG_DATUM(i));
		else
		{
			get_typlenbyval(call->types[i], &len, &byval);
			if (byval)
				appendBinaryStringInfo(&o->key, (char *) &fcinfo->args[i].value, sizeof(Datum));
			else
			{
				struct varlena *v = PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(i));

				appendBinaryStringInfo(&o->key, (char *) v, VARSIZE_ANY(v));
			}
		}
	}
	return true;
}

/* ---------- making the plan ---------- */

/* A number in a tensor's place. */
static PtRef
number(PtGraph *g, const PtValue *v)
{
	switch (v->kind)
	{
		case PT_VALUE_INT:
			return pt_integer(g, v->integer);
		case PT_VALUE_BOOL:
			return pt_boolean(g, v->boolean);
		default:
			return pt_real(g, v->real);
	}
}

/* Makes the graph of this call, and its plan. */
static void
build(FunctionCallInfo fcinfo, const PgtCall *call, Site *site, const Operands *o, PtGraph *g)
{
	static const PtParam any_number = {"other", PT_ARG_NUMBER};
	PtRef in[PT_MAX_IN], list[MAX_TENSORS], out[PT_MAX_OUT];
	PtGiven given[PT_MAX_ARGS];
	const PtArgs *attrs = NULL;
	int nin = 0, nlist = 0, next = 0;
	bool attributes = false;
	PtError err;

	site->ninputs = 0;
	for (int i = 0; i < call->nargs; i++)
	{
		const PtParam *p = &site->op->params[i];
		bool list_param = p->type == PT_ARG_TENSORS;

		given[i] = (PtGiven){p->name, {.kind = list_param ? PT_VALUE_TENSORS : PT_VALUE_TENSOR}};
		if (!list_param && p->type != PT_ARG_TENSOR)
		{
			pgt_call_value(fcinfo, call, i, p, g->arena, &given[i].value);
			attributes = true;
		}
		else if (PG_ARGISNULL(i))
			in[nin++] = PT_NO_REF;
		else if (!list_param && !is_tensor(call, i))
		{
			PtValue v;

			pgt_call_value(fcinfo, call, i, &any_number, g->arena, &v);
			in[nin++] = number(g, &v);
		}
		else
			for (int n = list_param ? o->listed : 1; n > 0; n--)
			{
				PtRef x = pt_external(g, p->name, o->tensors[next].dtype, &o->tensors[next].shape);

				site->inputs[site->ninputs++] = x;
				next++;
				if (list_param)
					list[nlist++] = x;
				else
					in[nin++] = x;
			}
	}
	if (attributes)
	{
		attrs = pt_args_bind(g->arena, site->op->name, site->op->params, given, call->nargs, &err);
		pgt_check(attrs != NULL, &err);
	}
	if (pt_apply_all(g, site->op, in, nin, list, nlist, attrs, out))
	{
		const PtGraphValue *v = pt_value(g, out[0]);

		site->result = (PtTensorType){v->dtype, v->shape};
		site->output = pt_external(g, "output", site->result.dtype, &site->result.shape);
		pt_graph_assign(g, site->output, out[0]);
	}
	pgt_check(pt_graph_ok(g, &err), &err);
	pgt_tensor_check_size(site->result.dtype, &site->result.shape);
	site->plan = pgt_plan_compile(g, site->dev);
}

static size_t
result_bytes(const PtTensorType *r)
{
	return pt_shape_numel(&r->shape) * pt_dtype_size(r->dtype);
}

/* Memory on the device for inputs and output; they stay there for all calls with this plan. */
static void
make_copies(Site *site, const Operands *o)
{
	for (int i = 0; i <= site->ninputs; i++)
	{
		size_t bytes =
			i < site->ninputs ? pt_tensor_bytes(&o->tensors[i]) : result_bytes(&site->result);

		site->copies[i] = pgt_device_alloc(site->dev, bytes);
		pt_plan_bind(site->plan, i < site->ninputs ? site->inputs[i] : site->output,
					 site->copies[i]);
	}
}

static void
free_graph(void *g)
{
	pt_graph_free(g);
}

static void
make_plan(FunctionCallInfo fcinfo, const PgtCall *call, Site *site, const Operands *o,
		  PtDevice *dev)
{
	MemoryContext cxt =
		AllocSetContextCreate(CurrentMemoryContext, "pgtorch graph", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	PtGraph *g;
	PtError err;

	free_plan(site);
	site->dev = dev;
	g = pt_graph_new(&err);
	pgt_check(g != NULL, &err);
	pgt_release_with(cxt, free_graph, g);
	build(fcinfo, call, site, o, g);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
	if (!dev->type->shares_host)
		make_copies(site, o);

	if (site->key != NULL)
		pfree(site->key);
	site->key = NULL;
	site->key_len = 0;
	site->key = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, o->key.len);
	memcpy(site->key, o->key.data, o->key.len);
	site->key_len = o->key.len;
}

/*
 * torch.NAME(...) returns tensor
 *
 * NULL if a required argument is NULL.
 */
PG_FUNCTION_INFO_V1(pgtorch_op);
Datum
pgtorch_op(PG_FUNCTION_ARGS)
{
	PgtCall *call = pgt_call_open(fcinfo);
	Site *site = call->row ? (Site *) call->row : make_site(fcinfo, call);
	Operands o;
	PtDevice *dev = pgt_device_local();
	PgtTensor *result;
	PtTensor view;

	if (!read_operands(fcinfo, call, site->op, &o))
		PG_RETURN_NULL();
	if (site->plan == NULL || site->dev != dev || site->key_len != o.key.len ||
		memcmp(site->key, o.key.data, o.key.len) != 0)
		make_plan(fcinfo, call, site, &o, dev);

	result = pgt_tensor_result(site->result.dtype, &site->result.shape, &view);
	if (dev->type->shares_host)
	{
		for (int i = 0; i < site->ninputs; i++)
			pt_plan_bind(site->plan, site->inputs[i], o.tensors[i].data);
		pt_plan_bind(site->plan, site->output, view.data);
		pgt_plan_run(site->plan);
		PG_RETURN_POINTER(result);
	}
	for (int i = 0; i < site->ninputs; i++)
		pgt_device_upload(dev, site->copies[i], o.tensors[i].data, pt_tensor_bytes(&o.tensors[i]));
	pgt_plan_run(site->plan);
	pgt_device_download(dev, view.data, site->copies[site->ninputs], result_bytes(&site->result));
	PG_RETURN_POINTER(result);
}
