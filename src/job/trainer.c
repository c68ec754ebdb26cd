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
#include "bridge/device.h"
#include "dataset/dataset.h"
#include "job/trainer_file.h"
#include "miscadmin.h"
#include "portability/instr_time.h"
#include "utils/memutils.h"

#define ALIGN64(n) (((n) + 63) & ~(size_t) 63)

size_t
pgt_exchange_layout(const PtStateDict *sd, int64 epochs, size_t *offsets, size_t *epochs_at)
{
	size_t at = ALIGN64(sizeof(PgtExchange));

	for (int i = 0; i < sd->count; i++)
	{
		const PtState *e = &sd->entries[i];

		offsets[i] = at;
		at = ALIGN64(at + pt_shape_numel(&e->shape) * pt_dtype_size(e->dtype));
	}
	*epochs_at = at;
	return at + (size_t) epochs * sizeof(PgtEpochRecord);
}

static double
seconds_since(instr_time start)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, start);
	return INSTR_TIME_GET_DOUBLE(now);
}

static void
notice_epoch(const PgtTask *task, const PgtEpochRecord *r, double elapsed)
{
	int64 left = task->epochs - r->epoch.epoch;

	ereport(NOTICE,
			(errmsg("epoch " INT64_FORMAT "/" INT64_FORMAT ": loss %.6g, %.0f rows/s%s", r->epoch.epoch, task->epochs,
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
run_epochs(const PgtTask *task, PtFit *fit, PgtExchange *exchange, PgtEpochRecord *records)
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
			PgtEpochRecord *r = &records[epoch.epoch - 1];
			MemoryContext old = MemoryContextSwitchTo(cxt);

			r->epoch = epoch;
			r->seconds = seconds_since(epoch_start);
			INSTR_TIME_SET_CURRENT(epoch_start);
			exchange->epochs = epoch.epoch;
			exchange->steps = epoch.steps;
			notice_epoch(task, r, seconds_since(start));
			MemoryContextSwitchTo(old);
			MemoryContextReset(cxt);
		}
		if (run == PT_RUN_DONE)
			break;
	}
	MemoryContextDelete(cxt);
}

void
pgt_trainer_run(const PgtTask *task)
{
	MemoryContext cxt =
		AllocSetContextCreate(CurrentMemoryContext, "pgtorch trainer", ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	PtArena *arena = pgt_arena_new(cxt);
	PtStateDict *sd =
		palloc0(sizeof(PtStateDict)); /* the fit reads it while it is freed, after an ERROR too */
	PtFitSpec spec = {0};
	PtTensor *values, *entries;
	size_t *offsets;
	size_t epochs_at;
	char *exchange;
	PtDevice *dev;
	PtFit *fit;
	PtError err;
	PgtSignals saved;

	spec.module = pt_module_parse(arena, PGT_TASK_TEXT(task, module), &err);
	pgt_check(spec.module != NULL, &err);
	spec.loss = pt_module_parse(arena, PGT_TASK_TEXT(task, loss), &err);
	pgt_check(spec.loss != NULL, &err);
	spec.optimizer = pt_optim_parse(arena, PGT_TASK_TEXT(task, optimizer), &err);
	pgt_check(spec.optimizer != NULL, &err);
	if (task->scheduler != 0)
	{
		spec.scheduler = pt_sched_parse(arena, PGT_TASK_TEXT(task, scheduler), &err);
		pgt_check(spec.scheduler != NULL, &err);
	}
	pgt_check(pt_module_state(arena, spec.module, sd, &err), &err);
	spec.sd = sd;

	exchange = pgt_exchange_map(cxt, PGT_TASK_TEXT(task, exchange_path), task->exchange_bytes);
	offsets = palloc(sizeof(size_t) * (sd->count + 1));
	if (pgt_exchange_layout(sd, task->epochs, offsets, &epochs_at) != task->exchange_bytes)
		elog(ERROR, "exchange file has another size than the task");
	values = palloc(sizeof(PtTensor) * (sd->count + 1));
	entries = palloc(sizeof(PtTensor) * (sd->count + 1));
	for (int i = 0; i < sd->count; i++)
	{
		entries[i] = values[i] =
			(PtTensor){sd->entries[i].dtype, sd->entries[i].shape, exchange + offsets[i]};
		entries[i].data = NULL; /* written below, in pieces */
	}
	spec.values = entries;

	spec.rows =
		pgt_dataset_map(cxt, PGT_TASK_TEXT(task, rows_path), task->nrows * task->stride)->data;
	spec.nrows = task->nrows;
	spec.stride = task->stride;
	spec.inputs = task->inputs;
	spec.ninputs = task->ninputs;
	spec.target = task->target;
	spec.epochs = task->epochs;
	spec.batch_size = task->batch_size;
	spec.shuffle = task->shuffle;
	spec.drop_last = task->drop_last;
	spec.clip_grad_norm = task->clip_grad_norm;
	spec.clip_grad_value = task->clip_grad_value;
	spec.autocast = task->autocast;
	spec.seed = task->seed;

	dev = pgt_device_open(cxt, task->device, task->threads);
	spec.options = pgt_plan_options(dev);
	strlcpy(((PgtExchange *) exchange)->device,
			strcmp(task->device, "auto") == 0 ? dev->type->name : task->device, PGT_DEVICE_NAME);
	pgt_signals_block(&saved);
	fit = pt_fit_new(&spec, dev, &err);
	pgt_signals_restore(&saved);
	pgt_check(fit != NULL, &err);
	pgt_release_with(cxt, close_fit,
					 fit); /* callbacks run last to first: before the device is closed */
	if (spec.options.max_bytes > 0)
		pgt_check_memory(pt_fit_bytes(fit), "training memory");
	for (int i = 0; i < sd->count; i++)
		pgt_network_write(pt_fit_network(fit), i, &values[i]);

	run_epochs(task, fit, (PgtExchange *) exchange, (PgtEpochRecord *) (exchange + epochs_at));

	for (int i = 0; i < sd->count; i++)
		pgt_network_read(pt_fit_network(fit), i, &values[i]);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(cxt);
}
