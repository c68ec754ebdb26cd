/*
 * trainer.c
 *	  Training itself.
 *
 * Memory: all in one context that is deleted at the end; an ERROR deletes it with its parent, which
 * closes the device (and its threads) and unmaps the files.
 */
#include "postgres.h"

#include "job/trainer.h"

#include "bridge/bridge.h"
#include "bridge/clock.h"
#include "bridge/device.h"
#include "dataset/dataset.h"
#include "job/module.h"
#include "miscadmin.h"
#include "utils/memutils.h"

static void
notice_epoch(int64 epochs, const PgtTimedEpoch *r, double elapsed)
{
	int64 left = epochs - r->epoch.epoch;

	ereport(NOTICE,
			(errmsg("epoch " INT64_FORMAT "/" INT64_FORMAT ": loss %.6g, %.0f rows/s%s", r->epoch.epoch, epochs,
					r->epoch.loss, r->epoch.rows / Max(r->seconds, 1e-9),
					left > 0 ? psprintf(", %.0f s left", elapsed / r->epoch.epoch * left) : "")));
}

static void
close_fit(void *fit)
{
	PgtSignals saved;

	pgt_signals_block(&saved);
	pt_fit_free(fit);
	pgt_signals_restore(&saved);
}

/* The epochs: each is recorded, and told. */
static void
run_epochs(int64 epochs, PtFit *fit, PgtTrainerFile *file)
{
	MemoryContext cxt =
		AllocSetContextCreate(CurrentMemoryContext, "pgtorch epoch", ALLOCSET_SMALL_SIZES);
	instr_time start, epoch_start;

	INSTR_TIME_SET_CURRENT(start);
	epoch_start = start;
	for (;;)
	{
		PtEpoch epoch;
		PtRun run;

		CHECK_FOR_INTERRUPTS();
		run = pgt_fit_run(fit, &epoch);
		if (epoch.epoch > 0)
		{
			PgtTimedEpoch *r = &file->epochs[epoch.epoch - 1];
			MemoryContext old = MemoryContextSwitchTo(cxt);

			r->epoch = epoch;
			r->seconds = pgt_seconds_since(epoch_start);
			INSTR_TIME_SET_CURRENT(epoch_start);
			file->header->epochs = epoch.epoch;
			file->header->steps = epoch.steps;
			notice_epoch(epochs, r, pgt_seconds_since(start));
			MemoryContextSwitchTo(old);
			MemoryContextReset(cxt);
		}
		if (run == PT_RUN_DONE)
			break;
	}
	MemoryContextDelete(cxt);
}

/* Texts and dataset as the engine wants them; all of it in the current context, which the fit must not outlive. */
static void
read_task(const PgtTask *task, PtFitSpec *spec)
{
	/* the fit reads it while it is freed, after an ERROR too */
	PgtOpenModule *module = palloc0(sizeof(PgtOpenModule));
	PgtTrainArgs args = task->args;

	pgt_train_args_unpack(&args, task->texts + strlen(task->texts) + 1);
	pgt_module_open(module, task->texts);
	spec->module = module->root;
	spec->sd = &module->state;
	spec->loss = pgt_module_parse(module->arena, args.loss);
	spec->optimizer = pgt_optimizer_parse(module->arena, args.optimizer);
	if (args.scheduler != NULL)
		spec->scheduler = pgt_scheduler_parse(module->arena, args.scheduler);
	spec->options = args.options;

	spec->rows =
		pgt_dataset_map(CurrentMemoryContext, task->rows_path, task->nrows * task->stride)->data;
	spec->nrows = task->nrows;
	spec->stride = task->stride;
	spec->inputs = task->inputs;
	spec->ninputs = task->ninputs;
	spec->target = task->target;
}

/* Says, each op once, what the device has no kernel for. */
static void
log_host_ops(const PtFit *fit, const PtDevice *dev)
{
	const char *op;

	for (int i = 0; (op = pt_fit_host_op(fit, i)) != NULL; i++)
	{
		int first = 0;

		while (strcmp(pt_fit_host_op(fit, first), op) != 0)
			first++;
		if (first == i)
			ereport(DEBUG1,
					(errmsg_internal("op \"%s\" runs on the host: device \"%s\" has no kernel for it",
									 op, dev->type->name)));
	}
}

/* A fit with the file's weights, closed with the current context. */
static PtFit *
open_fit(PtFitSpec *spec, PtDevice *dev, const PgtTrainerFile *file)
{
	PtTensor *entries = palloc(sizeof(PtTensor) * (spec->sd->count + 1));
	PtFit *fit;
	PtError err;
	PgtSignals saved;

	for (int i = 0; i < spec->sd->count; i++)
	{
		entries[i] = file->weights[i];
		entries[i].data = NULL; /* written below, in pieces */
	}
	spec->values = entries;
	spec->plan = pgt_plan_options(dev);
	pgt_signals_block(&saved);
	fit = pt_fit_new(spec, dev, &err);
	pgt_signals_restore(&saved);
	pgt_check(fit != NULL, &err);
	/* callbacks run last to first: before the device is closed */
	pgt_release_with(CurrentMemoryContext, close_fit, fit);
	log_host_ops(fit, dev);
	if (spec->plan.max_bytes > 0)
		pgt_check_memory(pt_fit_bytes(fit), "training memory");
	for (int i = 0; i < spec->sd->count; i++)
		pgt_network_write(pt_fit_network(fit), i, &file->weights[i]);
	return fit;
}

void
pgt_trainer_run(const PgtTask *task)
{
	MemoryContext cxt =
		AllocSetContextCreate(CurrentMemoryContext, "pgtorch trainer", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	PtFitSpec spec = {0};
	PgtTrainerFile *file;
	PtDevice *dev;
	PtFit *fit;

	read_task(task, &spec);
	file = pgt_trainer_file_open(task->file_path, spec.sd, task->args.options.epochs);
	dev = pgt_device_open(cxt, task->device, task->threads);
	strlcpy(file->header->device,
			strcmp(task->device, "auto") == 0 ? dev->type->name : task->device, PGT_DEVICE_NAME);
	fit = open_fit(&spec, dev, file);
	run_epochs(task->args.options.epochs, fit, file);
	for (int i = 0; i < spec.sd->count; i++)
		pgt_network_read(pt_fit_network(fit), i, &file->weights[i]);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}
