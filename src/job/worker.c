/*
 * worker.c
 *	  Running a training task in a background worker while the caller waits.
 *
 * The worker is one of a core ParallelContext, as index builds use them: its messages and errors
 * are forwarded, it ends when this backend is cancelled or terminated, and it is never left behind.
 * What it needs is in the task; it shares nothing else with us but two files.
 */
#include "postgres.h"

#include "compat.h"

#include "job/worker.h"

#include "access/parallel.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/shm_toc.h"

#define KEY_TASK UINT64CONST(1)

PGDLLEXPORT void pgtorch_train_worker(dsm_segment *seg, shm_toc *toc);

void
pgtorch_train_worker(dsm_segment *seg, shm_toc *toc)
{
	pgt_trainer_run(shm_toc_lookup(toc, KEY_TASK, false));
}

void
pgt_task_run(const PgtTask *task)
{
	ParallelContext *pcxt;
	bool launched;
	void *shared;

	EnterParallelMode();
	pcxt = CreateParallelContext("pgtorch", "pgtorch_train_worker", 1);
	shm_toc_estimate_chunk(&pcxt->estimator, task->size);
	shm_toc_estimate_keys(&pcxt->estimator, 1);
	InitializeParallelDSM(pcxt);
	shared = shm_toc_allocate(pcxt->toc, task->size);
	memcpy(shared, task, task->size);
	shm_toc_insert(pcxt->toc, KEY_TASK, shared);
	LaunchParallelWorkers(pcxt);
	launched = pcxt->nworkers_launched > 0;
	if (launched)
	{
		/* it may fail to start, which this notices, or be started later than we would like: wait either way */
		WaitForParallelWorkersToAttach(pcxt);
		WaitForParallelWorkersToFinish(pcxt);
	}
	DestroyParallelContext(pcxt);
	ExitParallelMode();
	if (!launched)
		pgt_trainer_run(task);
}
