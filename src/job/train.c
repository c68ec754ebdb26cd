/*
 * train.c
 *	  pgtorch_train: read the dataset, train, write the new version.
 *
 * Reading happens here, in the caller's backend; training in a worker (worker.h); writing here
 * again, in the caller's transaction, so that a rollback undoes all of it.
 *
 * Locks: the model's storage is locked against other trainers from the beginning (model.h).
 */
#include "postgres.h"

#include "job/train.h"

#include <math.h>

#include "access/xact.h"
#include "bridge/bridge.h"
#include "bridge/device.h"
#include "bridge/settings.h"
#include "store/checkpoint.h"
#include "store/run.h"
#include "dataset/dataset.h"
#include "job/trainer_file.h"
#include "job/worker.h"
#include "portability/instr_time.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

/* What is known of the network before data is read. */
typedef struct Network
{
	PtArena *arena;
	PtModule *module;
	PtModule *loss;
	PtStateDict sd;
	char *module_text;
} Network;

static double
elapsed(instr_time start)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, start);
	return INSTR_TIME_GET_DOUBLE(now);
}

static void
open_network(Network *net, const PgtModel *model, const PgtTrainArgs *args)
{
	PtError err;

	net->arena = pgt_arena_new(CurrentMemoryContext);
	net->module_text = pgt_model_module(model);
	net->module = pt_module_parse(net->arena, net->module_text, &err);
	pgt_check(net->module != NULL, &err);
	pgt_check(pt_module_state(net->arena, net->module, &net->sd, &err), &err);
	net->loss = pt_module_parse(net->arena, args->loss, &err);
	pgt_check(net->loss != NULL, &err);
	if (!pt_module_is_loss(net->loss))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("loss must be a loss function, not nn.%s", net->loss->type->name),
						errhint("For example: loss => nn.CrossEntropyLoss().")));
	if (args->autocast != PT_AUTOCAST_OFF)
		pgt_check(pt_module_can_autocast(net->module, &err) &&
					  pt_module_can_autocast(net->loss, &err),
				  &err);
	if (net->sd.numel == 0)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("model \"%s\" has no parameters to train", model->name)));
	/* weights, gradients and at least one copy on the way in and out */
	pgt_check_memory((uint64) net->sd.flat * sizeof(float) * 3, "training memory");
}

/* A scheduler that cannot go with the optimizer is refused before anything is read. */
static void
check_scheduler(PtArena *arena, const PgtTrainArgs *args)
{
	PtOptimizer *o;
	PtScheduler *s;
	PtError err;

	if (args->scheduler == NULL)
		return;
	o = pt_optim_parse(arena, args->optimizer, &err);
	pgt_check(o != NULL, &err);
	s = pt_sched_parse(arena, args->scheduler, &err);
	pgt_check(s != NULL, &err);
	pgt_check(pt_sched_check(s, o, &err), &err);
}

/* Reads the query as this network and loss want it. */
static PgtDataset *
read_dataset(const Network *net, const PgtCheckpoint *from, const PgtTrainArgs *args)
{
	/* how the dataset reads what the loss means */
	static const PgtTargetKind kinds[] = {[PT_TARGET_NUMBERS] = PGT_TARGET_VALUE,
										  [PT_TARGET_CLASS] = PGT_TARGET_CLASS,
										  [PT_TARGET_CLASS_LIST] = PGT_TARGET_CLASS,
										  [PT_TARGET_BINARY] = PGT_TARGET_BINARY};
	PgtDatasetSpec spec = {0};
	int n = pt_module_inputs(net->module);
	PgtField *inputs = palloc0(sizeof(PgtField) * n);
	PgtDataset *data;

	for (int i = 0; i < n; i++)
	{
		inputs[i].name = psprintf("input %d", i + 1);
		inputs[i].dtype = pt_module_input_is_index(net->module, i) ? PT_INT64 : PT_FLOAT32;
		if (i < from->ninputs)
		{
			inputs[i].known = true;
			inputs[i].shape = from->inputs[i].shape;
		}
	}
	spec.decode.ninputs = n;
	spec.decode.inputs = inputs;
	spec.decode.target = kinds[pt_module_loss(net->loss)->target];
	spec.decode.nlabels = from->nlabels;
	spec.decode.labels = (const char *const *) from->labels;
	spec.decode.training = true;
	spec.ntargets = args->ntargets;
	spec.targets = args->targets;
	data = pgt_dataset_read(args->dataset, &spec);
	if (data->rows == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the dataset has no rows")));
	ereport(NOTICE, (errmsg(INT64_FORMAT " rows read in %.2f s", data->rows, data->seconds)));
	return data;
}

/* The lock keeps others from replacing or dropping the model, but not functions that the dataset query calls. */
static void
check_unchanged(const PgtModel *model)
{
	PgtModel now = *model;

	if (!pgt_model_find_version(&now, model->version) || now.checkpoint != model->checkpoint)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_IN_USE),
						errmsg("version %d of model \"%s\" was replaced or dropped by the dataset query", model->version,
							   model->name)));
}

/* Shapes that cannot fit are said here, before a worker starts. */
static void
check_shapes(const Network *net, const PgtDataset *data)
{
	PtShape *shapes = palloc(sizeof(PtShape) * data->ninputs);
	PtShape out;
	PtError err;

	for (int i = 0; i < data->ninputs; i++)
		shapes[i] = data->inputs[i].shape;
	pgt_check(pt_module_output_shape(net->module, shapes, data->ninputs, &out, &err), &err);
}

static size_t
put_text(PgtTask *task, const char *text)
{
	size_t at = task->size;

	strcpy((char *) task + at, text);
	task->size += strlen(text) + 1;
	return at;
}

static PgtTask *
make_task(const Network *net, const PgtDataset *data, const PgtExchangeFile *exchange,
		  const PgtTrainArgs *args, const char *device)
{
	size_t texts = strlen(net->module_text) + strlen(args->loss) + strlen(args->optimizer) +
				   (args->scheduler ? strlen(args->scheduler) : 0) + strlen(data->path) +
				   strlen(exchange->path) + 6;
	PgtTask *task = palloc0(sizeof(PgtTask) + texts);

	task->size = sizeof(PgtTask);
	task->module = put_text(task, net->module_text);
	task->loss = put_text(task, args->loss);
	task->optimizer = put_text(task, args->optimizer);
	task->scheduler = args->scheduler ? put_text(task, args->scheduler) : 0;
	task->rows_path = put_text(task, data->path);
	task->exchange_path = put_text(task, exchange->path);
	strlcpy(task->device, device, sizeof(task->device));
	task->threads = pgt_threads > 0 ? pgt_threads : pgt_cpu_count();

	task->nrows = data->rows;
	task->stride = data->stride;
	task->ninputs = data->ninputs;
	for (int i = 0; i < data->ninputs; i++)
		task->inputs[i] =
			(PtColumn){data->inputs[i].dtype, data->inputs[i].shape, data->inputs[i].offset};
	task->target = (PtColumn){data->target.dtype, data->target.shape, data->target.offset};
	task->epochs = args->epochs;
	task->batch_size = args->batch_size;
	task->shuffle = args->shuffle;
	task->drop_last = args->drop_last;
	task->clip_grad_norm = args->clip_grad_norm;
	task->clip_grad_value = args->clip_grad_value;
	task->autocast = args->autocast;
	task->seed = args->seed;
	task->exchange_bytes = exchange->size;
	return task;
}

/* The other arguments, for the history. */
static Jsonb *
options_json(const PgtTrainArgs *args, const PgtDataset *data)
{
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfo(
		&s,
		"{\"epochs\": %d, \"batch_size\": %d, \"shuffle\": %s, \"drop_last\": %s, \"seed\": " INT64_FORMAT
		", \"deploy\": %s, \"read_seconds\": %.3f",
		args->epochs, args->batch_size, args->shuffle ? "true" : "false",
		args->drop_last ? "true" : "false", args->seed, args->deploy ? "true" : "false",
		data->seconds);
	if (args->clip_grad_norm > 0 && !isinf(args->clip_grad_norm))
		appendStringInfo(&s, ", \"clip_grad_norm\": %s", float8out_internal(args->clip_grad_norm));
	if (args->clip_grad_value > 0 && !isinf(args->clip_grad_value))
		appendStringInfo(&s, ", \"clip_grad_value\": %s",
						 float8out_internal(args->clip_grad_value));
	if (args->autocast != PT_AUTOCAST_OFF)
		appendStringInfo(&s, ", \"autocast\": \"%s\"",
						 pt_dtype_name(pt_autocast_dtype(args->autocast)));
	if (args->ntargets > 0)
	{
		appendStringInfoString(&s, ", \"target\": [");
		for (int i = 0; i < args->ntargets; i++)
		{
			if (i > 0)
				appendStringInfoString(&s, ", ");
			escape_json(&s, args->targets[i]);
		}
		appendStringInfoChar(&s, ']');
	}
	appendStringInfoChar(&s, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(s.data)));
}

/* The run, the new version and the epochs. */
static void
write_results(PgtModel *model, const Network *net, const PgtDataset *data, const PgtTrainArgs *args,
			  TimestampTz started, char *exchange, const size_t *offsets, size_t epochs_at,
			  PgtTrainResult *result)
{
	const PgtExchange *x = (PgtExchange *) exchange;
	const PgtEpochRecord *records = (PgtEpochRecord *) (exchange + epochs_at);
	PgtEpoch *epochs = palloc0(sizeof(PgtEpoch) * args->epochs);
	PgtCheckpoint c = {0};
	PgtRun run = {.status = "done",
				  .dataset = args->dataset,
				  .loss = args->loss,
				  .optimizer = args->optimizer,
				  .scheduler = args->scheduler};

	if (x->epochs != args->epochs)
		elog(ERROR, "training ended after " INT64_FORMAT " of %d epochs", x->epochs, args->epochs);
	run.options = options_json(args, data);
	run.device = x->device;
	run.rows = data->rows;
	run.started_at = started;
	run.finished_at = GetCurrentTimestamp();
	result->run = pgt_run_insert(model, &run);

	c.run = result->run;
	c.epoch = args->epochs;
	c.has_loss = true;
	c.loss = records[args->epochs - 1].epoch.loss;
	c.loss_module = pstrdup(args->loss);
	c.ninputs = data->ninputs;
	c.inputs = palloc0(sizeof(PtTensor) * data->ninputs);
	for (int i = 0; i < data->ninputs; i++)
		c.inputs[i] = (PtTensor){data->inputs[i].dtype, data->inputs[i].shape, NULL};
	c.label_type = data->label_type;
	c.nlabels = data->nlabels;
	c.labels = data->labels;
	c.nparams = net->sd.count;
	c.names = palloc(sizeof(char *) * (net->sd.count + 1));
	c.params = palloc(sizeof(PtTensor) * (net->sd.count + 1));
	for (int i = 0; i < net->sd.count; i++)
	{
		const PtState *e = &net->sd.entries[i];

		c.names[i] = pstrdup(e->name);
		c.params[i] = (PtTensor){e->dtype, e->shape, exchange + offsets[i]};
	}
	result->version = pgt_checkpoint_write(model, &c, args->deploy);
	pgt_run_set_version(result->run, result->version);

	for (int i = 0; i < args->epochs; i++)
		epochs[i] = (PgtEpoch){.epoch = i + 1,
							   .loss = records[i].epoch.loss,
							   .has_lr = true,
							   .lr = records[i].epoch.lr,
							   .rows = records[i].epoch.rows,
							   .seconds = records[i].seconds};
	pgt_epoch_insert(result->run, epochs, args->epochs);
	result->epochs = args->epochs;
	result->steps = x->steps;
	result->loss = c.loss;
}

void
pgt_train(const PgtTrainArgs *args, PgtTrainResult *result)
{
	TimestampTz started = GetCurrentTimestamp();
	instr_time start;
	PgtModel model;
	PgtCheckpoint *from;
	Network net = {0};
	PgtDataset *data;
	PgtExchangeFile *file;
	const char *device = pgt_device_resolve(args->device ? args->device : pgt_device);
	char *exchange;
	size_t *offsets, epochs_at, size;
	void **weights;

	INSTR_TIME_SET_CURRENT(start);
	pgt_model_open_to_train(&model, args->model);
	from = pgt_checkpoint_get(&model);
	open_network(&net, &model, args);
	check_scheduler(net.arena, args);
	data = read_dataset(&net, from, args);
	check_unchanged(&model);
	check_shapes(&net, data);

	offsets = palloc(sizeof(size_t) * (net.sd.count + 1));
	size = pgt_exchange_layout(&net.sd, args->epochs, offsets, &epochs_at);
	file = pgt_exchange_create(size);
	exchange = pgt_exchange_map(CurrentMemoryContext, file->path, size);
	weights = palloc(sizeof(void *) * (net.sd.count + 1));
	for (int i = 0; i < net.sd.count; i++)
		weights[i] = exchange + offsets[i];
	pgt_checkpoint_read(&model, from, weights);

	pgt_task_run(make_task(&net, data, file, args, device));

	write_results(&model, &net, data, args, started, exchange, offsets, epochs_at, result);
	pgt_dataset_close(data);
	FileClose(file->file);
	result->seconds = elapsed(start);
}
