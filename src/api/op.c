/*
 * op.c
 *	  The tensor functions torch.*: one C entry for all rows of the op table.
 *
 * An SQL function's name is its op's name, its arguments are the op's parameters in their order; where the
 * op takes a tensor the SQL argument may also be a number.  A call is a graph of one node.
 */
#include "postgres.h"

#include "compat.h"

#include "api/call.h"
#include "bridge/bridge.h"
#include "catalog/pg_type.h"
#include "compute/compute.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "tensor/datum.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#define MAX_TENSORS (PT_MAX_OPERANDS + PT_MAX_LIST)

/* What a call site keeps, behind its PgtCall. */
typedef struct OpSite
{
	const PtOp *op;
	PgtSite *site;
} OpSite;

/* The arguments of one call: its tensors, and the key of what else there is. */
typedef struct Operands
{
	FunctionCallInfo fcinfo;
	const PgtCall *call;
	const PtOp *op;
	PtTensor tensors[MAX_TENSORS];
	int count;
	int listed; /* of them, in the list that an op may have */
	StringInfoData key;
} Operands;

static const OpSite *
make_site(FunctionCallInfo fcinfo, PgtCall *call)
{
	OpSite *s = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(OpSite));

	s->op = pt_op_find(call->name);
	if (s->op == NULL || pt_op_nout(s->op) != 1)
		elog(ERROR, "function %s is no tensor function", call->name);
	s->site = pgt_site_new(fcinfo->flinfo->fn_mcxt);
	call->row = s;
	return s;
}

/* ---------- reading the arguments ---------- */

static void
take_tensor(Operands *o, Datum datum)
{
	if (o->count == MAX_TENSORS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("a tensor function takes at most %d tensors", MAX_TENSORS)));
	pgt_tensor_open(datum, &o->tensors[o->count++]);
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
read_operands(Operands *o)
{
	FunctionCallInfo fcinfo = o->fcinfo;

	o->count = o->listed = 0;
	initStringInfo(&o->key);
	for (int i = 0; i < o->call->nargs; i++)
	{
		const PtParam *p = &o->op->params[i];
		int16 len;
		bool byval;

		if (PG_ARGISNULL(i) && p->required && !p->nullable)
			return false;
		appendStringInfoChar(&o->key, PG_ARGISNULL(i) ? 'n' : 'v');
		if (PG_ARGISNULL(i))
			continue;
		if (p->type == PT_ARG_TENSORS)
			take_tensors(o, PG_GETARG_ARRAYTYPE_P(i), p->name);
		else if (is_tensor(o->call, i))
			take_tensor(o, PG_GETARG_DATUM(i));
		else
		{
			get_typlenbyval(o->call->types[i], &len, &byval);
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

/* ---------- building the graph ---------- */

/* PgtBuild: the op, applied to tensors, numbers and attributes. */
static int
build(PtGraph *g, const PtRef *tensors, PtRef *out, void *arg)
{
	static const PtParam any_number = {"other", PT_ARG_NUMBER};
	const Operands *o = arg;
	FunctionCallInfo fcinfo = o->fcinfo;
	PtRef in[PT_MAX_OPERANDS];
	const PtRef *list = NULL;
	PtGiven given[PT_MAX_ARGS];
	const PtArgs *attrs = NULL;
	int nin = 0;
	bool attributes = false;
	PtError err;

	for (int i = 0; i < o->call->nargs; i++)
	{
		const PtParam *p = &o->op->params[i];
		bool list_param = p->type == PT_ARG_TENSORS;

		given[i] = (PtGiven){p->name, {.kind = list_param ? PT_VALUE_TENSORS : PT_VALUE_TENSOR}};
		if (!list_param && p->type != PT_ARG_TENSOR)
		{
			pgt_call_value(fcinfo, o->call, i, p, g->arena, &given[i].value);
			attributes = true;
		}
		else if (list_param)
		{
			list = tensors;
			tensors += o->listed;
		}
		else if (PG_ARGISNULL(i))
			in[nin++] = PT_NO_REF;
		else if (is_tensor(o->call, i))
			in[nin++] = *tensors++;
		else
		{
			PtValue v;

			pgt_call_value(fcinfo, o->call, i, &any_number, g->arena, &v);
			in[nin++] = pt_number(g, &v);
		}
	}
	if (attributes)
	{
		attrs = pt_args_bind(g->arena, o->op->name, o->op->params, given, o->call->nargs, &err);
		pgt_check(attrs != NULL, &err);
	}
	pt_apply_all(g, o->op, in, nin, list, o->listed, attrs, out);
	return pt_op_nout(o->op);
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
	const OpSite *s = call->row ? call->row : make_site(fcinfo, call);
	PgtTensor *results[PGT_MAX_RESULTS];
	Operands o;

	o.fcinfo = fcinfo;
	o.call = call;
	o.op = s->op;
	if (!read_operands(&o))
		PG_RETURN_NULL();
	pgt_compute(s->site, &o.key, build, &o, o.tensors, o.count, results);
	PG_RETURN_TENSOR(results[0]);
}
