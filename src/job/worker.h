/*
 * worker.h
 *	  Running a training task in a background worker while the caller waits.
 */
#ifndef PGT_WORKER_H
#define PGT_WORKER_H

#include "job/trainer.h"

/*
 * Runs the task in a parallel worker of this transaction, or here if none is free.  NOTICEs and
 * ERRORs of the worker arrive as if raised here; cancelling this backend ends the worker.
 */
extern void pgt_task_run(const PgtTask *task);

#endif
