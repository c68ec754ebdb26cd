/*
 * predict.c
 *	  One forward pass per row.
 *
 * The state of a call site hangs on its FmgrInfo.  In a query that is one execution; in PL/pgSQL it may
 * live through many statements, so the name is looked up again whenever the snapshot or the user
 * has changed.
 */
#include "postgres.h"

#include "job/predict.h"

#include <math.h>

#include "access/xact.h"
#include "bridge/bridge.h"
#include "bridge/device.h"
#include "dataset/decode.h"
#include "job/inputs.h"
#include "job/loaded_model.h"
#include "miscadmin.h"
#include "store/model.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

/* What a lookup depends on: equal means that nothing can have changed in between. */
typedef struct Moment
{
	Oid user;
	SubTransactionId
		subxact; /* what a savepoint undoes changes no snapshot of the transaction's own */
	TransactionId xmin, xmax;
	uint32 xcnt;
	CommandId curcid;
	uint64 completed;
} Moment;

typedef struct CallSite
{
	MemoryContext cxt; /* of model and decoder, while the name means the same; child of fn_mcxt */
	Moment moment;
	char reference[NAMEDATALEN + 16];
	PgtModel model;
	PgtLoaded *loaded;
	PgtDecoder *decoder;
	char *row;
	PgtForwardEntry *forward;
} CallSite;

static Moment
this_moment(void)
{
	Snapshot s = GetActiveSnapshot();
	Moment m;

	memset(&m, 0, sizeof(m));
	m.user = GetUserId();
	m.subxact = GetCurrentSubTransactionId();
	m.xmin = s->xmin;
	m.xmax = s->xmax;
	m.xcnt = s->xcnt;
	m.curcid = s->curcid;
	m.completed = s->snapXactCompletionCount;
	return m;
}

/* ---------- the model of a call ---------- */

static void
open_model(CallSite *site, FunctionCallInfo fcinfo, const char *reference, const Moment *moment)
{
	PgtModel model;

	pgt_model_open(&model, reference);
	site->moment = *moment;
	if (site->loaded != NULL && site->loaded->dev == pgt_device_local() &&
		memcmp(site->model.hash, model.hash, PGT_HASH_BYTES) == 0)
	{
		site->model = model;
		strlcpy(site->reference, reference, sizeof(site->reference));
		return;
	}
	/* another model: drop what was for the old one */
	site->loaded = NULL;
	site->decoder = NULL;
	site->forward = NULL;
	site->row = NULL;
	site->reference[0] = '\0';
	if (site->cxt != NULL)
		MemoryContextReset(site->cxt);
	else
		site->cxt =
			AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "pgtorch predict", ALLOCSET_SMALL_SIZES);
	site->model = model;
	site->loaded = pgt_loaded_get(&model, site->cxt);
	if (strlen(reference) < sizeof(site->reference))
		strcpy(site->reference, reference);
}

static CallSite *
call_site(FunctionCallInfo fcinfo)
{
	CallSite *site = fcinfo->flinfo->fn_extra;
	text *name = PG_GETARG_TEXT_PP(0);
	size_t len = VARSIZE_ANY_EXHDR(name);
	Moment moment = this_moment();

	if (site == NULL)
	{
		site = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(CallSite));
		fcinfo->flinfo->fn_extra = site;
	}
	if (site->loaded == NULL || len != strlen(site->reference) ||
		memcmp(VARDATA_ANY(name), site->reference, len) != 0 ||
		memcmp(&moment, &site->moment, sizeof(Moment)) != 0 ||
		site->loaded->dev != pgt_device_local())
		open_model(site, fcinfo, text_to_cstring(name), &moment);
	return site;
}

/* ---------- the features of a call ---------- */

static void
make_decoder(CallSite *site, FunctionCallInfo fcinfo)
{
	int ncolumns = PG_NARGS() - 1;
	PgtColumn *columns = palloc0(sizeof(PgtColumn) * Max(ncolumns, 1));
	PgtDecodeSpec spec = {.target = PGT_TARGET_NONE};

	if (ncolumns == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("predict expects at least one feature")));
	pgt_inputs_describe(site->loaded->module.root, site->loaded->checkpoint, &spec);
	for (int i = 0; i < ncolumns; i++)
	{
		columns[i].type = get_fn_expr_argtype(fcinfo->flinfo, i + 1);
		columns[i].typmod = -1;
		if (!OidIsValid(columns[i].type))
			ereport(ERROR, (errcode(ERRCODE_INDETERMINATE_DATATYPE),
							errmsg("could not determine the type of feature %d", i + 1)));
	}
	site->decoder = pgt_decoder_new(site->cxt, columns, ncolumns, &spec);
}

/* Once shapes are known: the plan, and room for a row. */
static void
make_forward(CallSite *site, PgtForm form)
{
	PgtDecoder *d = site->decoder;
	PtTensorType *inputs = palloc(sizeof(PtTensorType) * d->ninputs);

	if (form == PGT_PREDICT_PROBABILITY && site->loaded->loss == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("version %d of model \"%s\" has not been trained", site->model.version,
							   site->model.name),
						errhint("Probabilities depend on the training loss; use predict for the plain output.")));
	if (form == PGT_PREDICT_PROBABILITY && pt_module_loss(site->loaded->loss)->probability == NULL)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("model \"%s\" was trained with nn.%s, which gives no probabilities", site->model.name,
							   site->loaded->loss->type->name),
						errhint("Use predict or predict_value.")));
	for (int i = 0; i < d->ninputs; i++)
		inputs[i] = (PtTensorType){d->inputs[i].dtype, d->inputs[i].shape};
	site->row = MemoryContextAllocZero(site->cxt, d->stride);
	site->forward =
		pgt_loaded_forward(site->loaded, form == PGT_PREDICT_PROBABILITY, inputs, d->ninputs);
	pfree(inputs);
}

static const PtTensor *
run_row(CallSite *site, FunctionCallInfo fcinfo, PgtForm form)
{
	Datum values[FUNC_MAX_ARGS];
	bool nulls[FUNC_MAX_ARGS];
	PgtDecoder *d;
	PtForward *f;

	if (site->decoder == NULL)
		make_decoder(site, fcinfo);
	d = site->decoder;
	for (int i = 1; i < PG_NARGS(); i++)
	{
		values[i - 1] = fcinfo->args[i].value;
		nulls[i - 1] = fcinfo->args[i].isnull;
	}
	if (!d->ready && !pgt_decoder_fit(d, values, nulls))
		return NULL;
	if (site->forward == NULL)
		make_forward(site, form);
	if (!pgt_decoder_row(d, values, nulls, site->row))
		return NULL;
	f = site->forward->forward;
	for (int i = 0; i < d->ninputs; i++)
		memcpy(f->inputs[i].data, site->row + d->inputs[i].offset, pt_tensor_bytes(&f->inputs[i]));
	pgt_forward_run(f);
	return site->forward->outputs;
}

const PtTensor *
pgt_predict_row(FunctionCallInfo fcinfo, PgtForm form)
{
	return run_row(call_site(fcinfo), fcinfo, form);
}

const PtTensor *
pgt_predict_outputs(FunctionCallInfo fcinfo, int *n)
{
	CallSite *site = call_site(fcinfo);
	const PtTensor *y = run_row(site, fcinfo, PGT_PREDICT_RAW);

	*n = y != NULL ? site->forward->noutputs : 0;
	return y;
}

/* The class of the largest score. */
static int64
largest(const PtTensor *y)
{
	int64 best = 0;
	char text[PT_SHAPE_TEXT];

	if (y->shape.ndim != 1 || y->shape.dim[0] == 0)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("predict_class expects one score for each class, but the output has shape %s",
							   pt_shape_print(&y->shape, text))));
	for (int64 i = 1; i < y->shape.dim[0]; i++)
	{
		double score = pt_element_get_double(y->dtype, y->data, i);

		/* NaN counts as largest, as in torch.argmax */
		if (score > pt_element_get_double(y->dtype, y->data, best) ||
			(isnan(score) && !isnan(pt_element_get_double(y->dtype, y->data, best))))
			best = i;
	}
	return best;
}

/* Of the probability of label 1: 1 from one half on. */
static int64
label_at_half(const PtTensor *p)
{
	char text[PT_SHAPE_TEXT];

	if (pt_shape_numel(&p->shape) != 1)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("predict_class expects one probability, but the output has shape %s",
							   pt_shape_print(&p->shape, text)),
						errhint("Use predict_proba.")));
	return pt_element_get_double(p->dtype, p->data, 0) >= 0.5 ? 1 : 0;
}

char *
pgt_predict_label(FunctionCallInfo fcinfo)
{
	CallSite *site = call_site(fcinfo);
	const PgtCheckpoint *c = site->loaded->checkpoint;
	PtTarget target =
		site->loaded->loss ? pt_module_loss(site->loaded->loss)->target : PT_TARGET_NUMBERS;
	bool binary = target == PT_TARGET_BINARY;
	const PtTensor *y;
	int64 best;

	if (target != PT_TARGET_CLASS && !binary)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("model \"%s\" was not trained on classes", site->model.name),
						errhint("Train it with nn.CrossEntropyLoss(), or use predict.")));
	y = run_row(site, fcinfo, binary ? PGT_PREDICT_PROBABILITY : PGT_PREDICT_RAW);
	if (y == NULL)
		return NULL;
	best = binary ? label_at_half(y) : largest(y);
	return best < c->nlabels ? pstrdup(c->labels[best]) : psprintf(INT64_FORMAT, best);
}
