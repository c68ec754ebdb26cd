/*
 * op.c
 *	  The tensor functions torch.*: one C entry for all rows of the op table.
 *
 * An SQL function's name is its op's name, its arguments are the op's parameters in their order and under their names,
 * which tell forms of one name apart (form.c); where the op takes a tensor the SQL argument may also be a number.
 * Several results are columns, a list is an array.  A call is a graph of one node.
 */
#include "postgres.h"

#include "compat.h"

#include "access/htup_details.h"
#include "api/call.h"
#include "bridge/bridge.h"
#include "catalog/pg_type.h"
#include "compute/compute.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "tensor/datum.h"
#include "utils/array.h"
#include "utils/lsyscache.h"

#define MAX_TENSORS (PT_MAX_OPERANDS + PT_MAX_LIST)

/* What a call site keeps, behind its PgtCall. */
typedef struct OpSite
{
	const PtOp *op;
	const PtParam *params[PT_MAX_ARGS]; /* of the arguments */
	TupleDesc columns;					/* of several results, else NULL */
	PgtSite *site;
} OpSite;

/* The arguments of one call: its tensors, and the key of what else there is. */
typedef struct Operands
{
	FunctionCallInfo fcinfo;
	const PgtCall *call;
	const OpSite *site;
	PtTensor tensors[MAX_TENSORS];
	int count;
	int listed; /* of them, in the list that an op may have */
	StringInfoData key;
	PtRef results[PT_MAX_RESULTS]; /* of a graph */
} Operands;

static const OpSite *
make_site(FunctionCallInfo fcinfo, PgtCall *call)
{
	MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	OpSite *s = palloc0(sizeof(OpSite));

	s->op = pgt_call_op(call, s->params);
	if (pt_op_nout(s->op) > 1)
	{
		if (get_call_result_type(fcinfo, NULL, &s->columns) != TYPEFUNC_COMPOSITE ||
			s->columns->natts != pt_op_nout(s->op))
			elog(ERROR, "function %s does not return %d columns", call->name, pt_op_nout(s->op));
		s->columns = BlessTupleDesc(CreateTupleDescCopy(s->columns));
	}
	s->site = pgt_site_new(fcinfo->flinfo->fn_mcxt);
	MemoryContextSwitchTo(old);
	call->row = s;
	return s;
}

/* ---------- reading the arguments ---------- */

static void
add_tensor(Operands *o, Datum datum)
{
	if (o->count == MAX_TENSORS)
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("a tensor function takes at most %d tensors", MAX_TENSORS)));
	pgt_tensor_open(datum, &o->tensors[o->count++]);
}

static void
add_tensors(Operands *o, ArrayType *array, const char *name)
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
		add_tensor(o, elements[i]);
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
		const PtParam *p = o->site->params[i];
		int16 len;
		bool byval;

		if (PG_ARGISNULL(i) && (p == NULL || (p->required && !p->nullable)))
			return false;
		appendStringInfoChar(&o->key, PG_ARGISNULL(i) ? 'n' : 'v');
		if (PG_ARGISNULL(i))
			continue;
		if (p != NULL && p->type == PT_ARG_TENSORS)
			add_tensors(o, PG_GETARG_ARRAYTYPE_P(i), p->name);
		else if (is_tensor(o->call, i))
			add_tensor(o, PG_GETARG_DATUM(i));
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
build(PtGraph *g, const PtRef *tensors, PtRef **out, void *arg)
{
	static const PtParam any_number = {"other", PT_ARG_NUMBER};
	Operands *o = arg;
	const PtOp *op = o->site->op;
	FunctionCallInfo fcinfo = o->fcinfo;
	PtRef in[PT_MAX_OPERANDS];
	const PtRef *list = NULL;
	PtGiven given[PT_MAX_ARGS];
	const PtArgs *attrs = NULL;
	int nin = 0, ngiven = 0;
	int nout = pt_op_nout(op);
	bool attributes = false;
	PtError err;

	for (int i = 0; i < o->call->nargs; i++)
	{
		const PtParam *p = o->site->params[i];
		bool list_param = p != NULL && p->type == PT_ARG_TENSORS;
		PtGiven *to = &given[ngiven];

		if (p == NULL)
			continue;
		given[ngiven++] =
			(PtGiven){p->name, {.kind = list_param ? PT_VALUE_TENSORS : PT_VALUE_TENSOR}};
		if (!list_param && p->type != PT_ARG_TENSOR)
		{
			pgt_call_value(fcinfo, o->call, i, p, g->arena, &to->value);
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
		attrs = pt_args_bind(g->arena, o->call->name, op->params, given, ngiven, &err);
		pgt_check(attrs != NULL, &err);
	}
	*out = o->results;
	if (op->list != NULL)
		op->list(g, in, nin, attrs, out, &nout);
	else
		pt_apply_all(g, op, in, nin, list, o->listed, attrs, o->results);
	return nout;
}

/* ---------- the function ---------- */

static Datum
make_columns(TupleDesc columns, PgtTensor **results)
{
	Datum values[PT_MAX_RESULTS];
	bool nulls[PT_MAX_RESULTS] = {false};

	for (int i = 0; i < columns->natts; i++)
		values[i] = PointerGetDatum(results[i]);
	return HeapTupleGetDatum(heap_form_tuple(columns, values, nulls));
}

static Datum
make_array(Oid type, PgtTensor **results, int n)
{
	Datum *elements = palloc((n + 1) * sizeof(Datum));
	int16 len;
	bool byval;
	char align;

	get_typlenbyvalalign(type, &len, &byval, &align);
	for (int i = 0; i < n; i++)
		elements[i] = PointerGetDatum(results[i]);
	return PointerGetDatum(construct_array(elements, n, type, len, byval, align));
}

/*
 * torch.NAME(...) returns tensor, tensor[] or columns of tensors
 *
 * NULL if a required argument is NULL.
 */
PG_FUNCTION_INFO_V1(pgtorch_op);
Datum
pgtorch_op(PG_FUNCTION_ARGS)
{
	PgtCall *call = pgt_call_open(fcinfo);
	const OpSite *s = call->row ? call->row : make_site(fcinfo, call);
	PgtTensor **results;
	Operands o;
	int n;

	o.fcinfo = fcinfo;
	o.call = call;
	o.site = s;
	if (!read_operands(&o))
		PG_RETURN_NULL();
	results = pgt_compute(s->site, &o.key, build, &o, o.tensors, o.count, &n);
	if (s->op->list != NULL)
		return make_array(pgt_tensor_oid(), results, n);
	if (s->columns != NULL)
		return make_columns(s->columns, results);
	PG_RETURN_TENSOR(results[0]);
}
