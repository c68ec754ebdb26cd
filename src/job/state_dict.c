/*
 * state_dict.c
 *	  The weights of a model as rows of (name, value), out and in.
 *
 * Loading makes a new version that keeps what the version it starts from knows of its data (loss,
 * inputs, labels): a state_dict replaces weights and nothing else.
 */
#include "postgres.h"

#include "job/state_dict.h"

#include "catalog/pg_type.h"
#include "dataset/query.h"
#include "job/module.h"
#include "miscadmin.h"
#include "store/checkpoint.h"
#include "tensor/datum.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/portal.h"

#include "compat.h"

void
pgt_state_dict(const char *reference, Tuplestorestate *rows, TupleDesc desc)
{
	PgtModel model;
	PgtCheckpoint *checkpoint;
	PgtWeights *weights;

	pgt_model_open(&model, reference);
	checkpoint = pgt_checkpoint_get(&model);

	/*
	 * one at a time: the tuplestore spills to disk, and nothing of it is seen if the hash turns out
	 * wrong
	 */
	weights = pgt_weights_open(&model, checkpoint);
	for (int i = 0; i < checkpoint->nparams; i++)
	{
		const PtTensor *t = &checkpoint->params[i];
		PtTensor into;
		PgtTensor *value = pgt_tensor_make(t->dtype, &t->shape, &into);
		Datum values[2];
		bool nulls[2] = {false, false};

		pgt_weights_next(weights, into.data);
		values[0] = CStringGetTextDatum(checkpoint->names[i]);
		values[1] = PointerGetDatum(value);
		tuplestore_putvalues(rows, desc, values, nulls);
		pfree(value);
	}
	pgt_weights_close(weights);
}

/* ---------- loading ---------- */

static void
check_columns(TupleDesc desc)
{
	Oid name_type;
	Oid value_type;

	if (desc->natts != 2)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("source must give two columns, name and value, not %d", desc->natts)));
	name_type = getBaseType(TupleDescAttr(desc, 0)->atttypid);
	value_type = getBaseType(TupleDescAttr(desc, 1)->atttypid);
	if (name_type != TEXTOID && name_type != VARCHAROID)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the first column of source must be of type text, not %s", format_type_be(name_type))));
	if (!pgt_tensor_is_type(value_type))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("the second column of source must be of type tensor, not %s", format_type_be(value_type)),
				 errhint("Cast it, as in value::tensor.")));
}

/* "a", "b" */
static void
append_key(StringInfo list, const char *key)
{
	appendStringInfo(list, list->len > 0 ? ", \"%s\"" : "\"%s\"", key);
}

/* The parameter of that name; most come in their order, so the search begins behind the last.  -1 if there is none. */
static int
find_parameter(const PgtCheckpoint *c, const char *name, int last)
{
	for (int i = 1; i <= c->nparams; i++)
	{
		int at = (last + i) % c->nparams;

		if (strcmp(c->names[at], name) == 0)
			return at;
	}
	return -1;
}

/* Converts one row's value into its parameter, *last; unexpected names are collected. */
static void
set_value(PgtCheckpoint *to, bool *seen, const char *name, const PtTensor *value,
		  StringInfo unexpected, int *last)
{
	char shape[PT_SHAPE_TEXT];
	char want[PT_SHAPE_TEXT];
	PtTensor *t;
	int i = find_parameter(to, name, *last);

	if (i < 0)
	{
		append_key(unexpected, name);
		return;
	}
	*last = i;
	if (seen[i])
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("source gives \"%s\" more than once", name)));
	t = &to->params[i];
	if (!pt_shape_equal(&t->shape, &value->shape))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("size mismatch for \"%s\": the value has shape %s, the model wants %s", name,
						pt_shape_print(&value->shape, shape), pt_shape_print(&t->shape, want))));
	pt_convert(t->dtype, t->data, value->dtype, value->data, pt_shape_numel(&t->shape));
	seen[i] = true;
}

/* Runs the query with the caller's rights, row by row. */
static void
read_source(const char *source, PgtCheckpoint *to, bool *seen, StringInfo unexpected)
{
	SPIPlanPtr plan;
	Portal portal;
	MemoryContext row_context;
	int last = -1;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	plan = pgt_query_prepare(source, "source", 0);
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	check_columns(portal->tupDesc);
	row_context =
		AllocSetContextCreate(CurrentMemoryContext, "pgtorch state_dict row", ALLOCSET_SMALL_SIZES);
	for (;;)
	{
		MemoryContext old;
		Datum name;
		Datum value;
		bool name_null;
		bool value_null;
		PtTensor tensor;

		SPI_cursor_fetch(portal, true, 1);
		if (SPI_processed == 0)
			break;
		old = MemoryContextSwitchTo(row_context);
		name = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &name_null);
		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &value_null);
		if (name_null || value_null)
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("source gives NULL as a %s", name_null ? "name" : "value"),
					 name_null ? 0 : errdetail("The name is \"%s\".", TextDatumGetCString(name))));
		pgt_tensor_view(pgt_tensor_from_datum(value), &tensor);
		set_value(to, seen, TextDatumGetCString(name), &tensor, unexpected, &last);
		MemoryContextSwitchTo(old);
		MemoryContextReset(row_context);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	SPI_finish();
}

/*
 * Parameters that the source did not give keep the values of the version that the model was opened
 * with.
 */
static void
keep_missing(const PgtModel *model, const PgtCheckpoint *from, PgtCheckpoint *to, const bool *seen)
{
	PgtWeights *weights = pgt_weights_open(model, from);

	if (from->nparams != to->nparams)
		elog(ERROR, "version %d of model \"%s\" does not fit its module", from->version,
			 model->name);
	for (int i = 0; i < to->nparams; i++)
	{
		const PtTensor *t = &from->params[i];
		void *data = to->params[i].data;

		if (t->dtype != to->params[i].dtype || !pt_shape_equal(&t->shape, &to->params[i].shape))
			elog(ERROR, "version %d of model \"%s\" does not fit its module", from->version,
				 model->name);
		if (seen[i]) /* read all the same, for the hash */
			data = MemoryContextAllocHuge(CurrentMemoryContext, pt_tensor_bytes(t) + 1);
		pgt_weights_next(weights, data);
		if (seen[i])
			pfree(data);
	}
	pgt_weights_close(weights);
}

int32
pgt_state_dict_load(const char *reference, const char *source, bool strict)
{
	PgtModel model;
	PgtOpenModule module;
	PgtCheckpoint *from;
	PgtCheckpoint to = {0};
	bool *seen;
	StringInfoData unexpected;
	StringInfoData missing;

	pgt_model_open_to_train(&model, reference);
	from = pgt_checkpoint_get(&model);
	pgt_module_open(&module, pgt_model_module(&model));
	pgt_module_manifest(&module, &to);
	seen = palloc0(to.nparams + 1);
	initStringInfo(&unexpected);
	initStringInfo(&missing);
	read_source(source, &to, seen, &unexpected);
	pgt_model_check_unchanged(&model, "source");

	for (int i = 0; i < to.nparams; i++)
	{
		if (!seen[i])
			append_key(&missing, to.names[i]);
	}
	if (strict && (missing.len > 0 || unexpected.len > 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the state_dict does not fit model \"%s\": %s%s%s%s%s", model.name,
						missing.len > 0 ? "missing key(s): " : "", missing.data,
						missing.len > 0 && unexpected.len > 0 ? "; " : "",
						unexpected.len > 0 ? "unexpected key(s): " : "", unexpected.data),
				 errhint("With strict => false, missing keys keep their values and unexpected ones are ignored.")));
	if (missing.len > 0)
		keep_missing(&model, from, &to, seen);

	to.loss_module = from->loss_module;
	to.ninputs = from->ninputs;
	to.inputs = from->inputs;
	to.label_type = from->label_type;
	to.nlabels = from->nlabels;
	to.labels = from->labels;
	return pgt_checkpoint_write(&model, &to, true);
}
