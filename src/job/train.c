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

#include "access/xact.h"
#include "bridge/bridge.h"
#include "bridge/clock.h"
#include "bridge/device.h"
#include "bridge/settings.h"
#include "dataset/dataset.h"
#include "job/inputs.h"
#include "job/module.h"
#include "job/trainer_file.h"
#include "job/worker.h"
#include "store/checkpoint.h"
#include "store/run.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

/* What is known before data is read. */
typedef struct Training
{
	PgtModel model;
	PgtCheckpoint *from; /* the version to start from */
	char *module_text;
	PgtOpenModule module;
	PtModule *loss;
} Training;

/* What cannot go together is refused before anything is read. */
static void
open_training(Training *t, const PgtTrainArgs *args)
{
	PtError err;

	pgt_model_open_to_train(&t->model, args->model);
	t->from = pgt_checkpoint_get(&t->model);
	t->module_text = pgt_model_module(&t->model);
	pgt_module_open(&t->module, t->module_text);
	t->loss = pgt_module_parse(t->module.arena, args->loss);
	if (!pt_module_is_loss(t->loss))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("loss must be a loss function, not nn.%s", t->loss->type->name),
						errhint("For example nn.CrossEntropyLoss(), or nn.Graph('(output, target) -> mean((output - target) ** 2)').")));
	if (args->options.autocast != PT_AUTOCAST_OFF)
		pgt_check(pt_module_can_autocast(t->module.root, &err) &&
					  pt_module_can_autocast(t->loss, &err),
				  &err);
	if (t->module.state.numel == 0)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("model \"%s\" has no parameters to train", t->model.name)));
	/* weights, gradients and at least one copy on the way in and out */
	pgt_check_memory((uint64) t->module.state.flat * sizeof(float) * 3, "training memory");
	if (args->scheduler != NULL)
		pgt_check(pt_sched_check(pgt_scheduler_parse(t->module.arena, args->scheduler),
								 pgt_optimizer_parse(t->module.arena, args->optimizer), &err),
				  &err);
}

/* Reads the query as this network and loss want it. */
static PgtDataset *
read_dataset(const Training *t, const PgtTrainArgs *args)
{
	/* how the dataset reads what the loss means */
	static const PgtTargetKind kinds[] = {[PT_TARGET_NUMBERS] = PGT_TARGET_VALUE,
										  [PT_TARGET_CLASS] = PGT_TARGET_CLASS,
										  [PT_TARGET_CLASS_LIST] = PGT_TARGET_CLASS,
										  [PT_TARGET_BINARY] = PGT_TARGET_BINARY};
	PgtDatasetSpec spec = {0};
	PgtDataset *data;

	pgt_inputs_describe(t->module.root, t->from, &spec.decode);
	spec.decode.target = kinds[pt_module_loss(t->loss)->target];
	spec.decode.nlabels = t->from->nlabels;
	spec.decode.labels = (const char *const *) t->from->labels;
	spec.decode.training = true;
	spec.ntargets = args->target.count;
	spec.targets = args->target.names;
	data = pgt_dataset_read(args->dataset, &spec);
	if (data->rows == 0)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("the dataset has no rows")));
	ereport(NOTICE, (errmsg(INT64_FORMAT " rows read in %.2f s", data->rows, data->seconds)));
	return data;
}

/* Shapes that cannot fit are said here, before a worker starts. */
static void
check_shapes(const PtModule *module, const PgtDataset *data)
{
	PtShape *shapes = palloc(sizeof(PtShape) * data->ninputs);
	PtShape out;
	PtError err;

	for (int i = 0; i < data->ninputs; i++)
		shapes[i] = data->inputs[i].shape;
	pgt_check(pt_module_output_shape(module, shapes, data->ninputs, &out, &err), &err);
}

static PgtTask *
make_task(const Training *t, const PgtDataset *data, const PgtTrainerFile *file,
		  const PgtTrainArgs *args, const char *device)
{
	StringInfoData texts;
	PgtTask *task;

	initStringInfo(&texts);
	appendBinaryStringInfo(&texts, t->module_text, strlen(t->module_text) + 1);
	pgt_train_args_pack(args, &texts);
	task = palloc0(sizeof(PgtTask) + texts.len);
	task->size = sizeof(PgtTask) + texts.len;
	memcpy(task->texts, texts.data, texts.len);
	task->args = *args;
	strlcpy(task->device, device, sizeof(task->device));
	task->threads = pgt_threads > 0 ? pgt_threads : pgt_cpu_count();
	strlcpy(task->file_path, file->path, sizeof(task->file_path));

	strlcpy(task->rows_path, data->path, sizeof(task->rows_path));
	task->nrows = data->rows;
	task->stride = data->stride;
	task->ninputs = data->ninputs;
	for (int i = 0; i < data->ninputs; i++)
		task->inputs[i] =
			(PtRowsetColumn){data->inputs[i].dtype, data->inputs[i].shape, data->inputs[i].offset};
	task->target = (PtRowsetColumn){data->target.dtype, data->target.shape, data->target.offset};
	return task;
}

/* What the history has no columns for. */
static Jsonb *
options_json(const PgtTrainArgs *args, const PgtDataset *data)
{
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfo(&s, "{\"read_seconds\": %.3f", data->seconds);
	pgt_train_args_print(args, &s);
	appendStringInfoChar(&s, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(s.data)));
}

/* The run, the new version and the epochs. */
static void
write_results(const Training *t, const PgtDataset *data, const PgtTrainerFile *file,
			  const PgtTrainArgs *args, TimestampTz started, PgtTrainResult *result)
{
	const PgtTimedEpoch *epochs = file->epochs;
	const PtStateDict *sd = &t->module.state;
	int n = (int) args->options.epochs;
	PgtEpochRow *rows = palloc0(sizeof(PgtEpochRow) * n);
	PgtCheckpoint c = {0};
	PgtRunRow run = {.status = "done",
					 .dataset = args->dataset,
					 .loss = args->loss,
					 .optimizer = args->optimizer,
					 .scheduler = args->scheduler};

	if (file->header->epochs != n)
		elog(ERROR, "training ended after " INT64_FORMAT " of %d epochs", file->header->epochs, n);
	run.options = options_json(args, data);
	run.device = file->header->device;
	run.rows = data->rows;
	run.started_at = started;
	run.finished_at = GetCurrentTimestamp();
	result->run = pgt_run_insert(&t->model, &run);

	c.run = result->run;
	c.epoch = n;
	c.has_loss = true;
	c.loss = epochs[n - 1].epoch.loss;
	c.loss_module = pstrdup(args->loss);
	c.ninputs = data->ninputs;
	c.inputs = palloc0(sizeof(PtTensor) * data->ninputs);
	for (int i = 0; i < data->ninputs; i++)
		c.inputs[i] = (PtTensor){data->inputs[i].dtype, data->inputs[i].shape, NULL};
	c.label_type = data->label_type;
	c.nlabels = data->nlabels;
	c.labels = data->labels;
	c.nparams = sd->count;
	c.names = palloc(sizeof(char *) * (sd->count + 1));
	for (int i = 0; i < sd->count; i++)
		c.names[i] = pstrdup(sd->entries[i].name);
	c.params = file->weights;
	result->version = pgt_checkpoint_write(&t->model, &c, args->deploy);
	pgt_run_set_version(result->run, result->version);

	for (int i = 0; i < n; i++)
		rows[i] = (PgtEpochRow){.epoch = i + 1,
								.loss = epochs[i].epoch.loss,
								.has_lr = true,
								.lr = epochs[i].epoch.lr,
								.rows = epochs[i].epoch.rows,
								.seconds = epochs[i].seconds};
	pgt_epoch_insert(result->run, rows, n);
	result->epochs = n;
	result->steps = file->header->steps;
	result->loss = c.loss;
}

void
pgt_train(const PgtTrainArgs *args, PgtTrainResult *result)
{
	TimestampTz started = GetCurrentTimestamp();
	/* a copy: functions that the dataset query calls may change the setting */
	const char *device = pgt_device_resolve(pstrdup(args->device ? args->device : pgt_device));
	Training t = {0};
	PgtDataset *data;
	PgtTrainerFile *file;
	instr_time start;
	void **weights;

	INSTR_TIME_SET_CURRENT(start);
	open_training(&t, args);
	data = read_dataset(&t, args);
	pgt_model_check_unchanged(&t.model, "dataset");
	check_shapes(t.module.root, data);

	file = pgt_trainer_file_create(&t.module.state, args->options.epochs);
	weights = palloc(sizeof(void *) * (t.module.state.count + 1));
	for (int i = 0; i < t.module.state.count; i++)
		weights[i] = file->weights[i].data;
	pgt_checkpoint_read(&t.model, t.from, weights);

	pgt_task_run(make_task(&t, data, file, args, device));

	write_results(&t, data, file, args, started, result);
	pgt_dataset_close(data);
	pgt_trainer_file_close(file);
	result->seconds = pgt_seconds_since(start);
}
