/*
 * trainer.h
 *	  Training itself: a task in, epochs and weights out.
 *
 * The trainer touches no table.  It is given texts (module, loss, optimizer, scheduler), the path of the dataset's
 * file and the path of a file that holds the initial weights (trainer_file.h), and it leaves the final
 * weights and a record of each epoch there.  It runs in a background worker, or
 * in the caller's backend when there is no free worker, and could run in a program of its own.
 */
#ifndef PGT_TRAINER_H
#define PGT_TRAINER_H

#include "postgres.h"

#include "job/trainer_file.h"

/* All that the trainer is told; texts stand behind the struct, so that it can be copied as one piece. */
typedef struct PgtTask
{
	size_t size;										  /* of struct and texts */
	size_t module, loss, optimizer, rows_path, file_path; /* offsets of texts */
	size_t scheduler;									  /* 0: none */
	char device[PGT_DEVICE_NAME];
	int threads;

	int64 nrows, stride;
	int ninputs;
	PtRowsetColumn inputs[PT_MAX_INPUTS];
	PtRowsetColumn target;

	int64 epochs, batch_size;
	bool shuffle, drop_last;
	double clip_grad_norm, clip_grad_value; /* 0: none */
	PtAutocast autocast;
	uint64 seed;
} PgtTask;

#define PGT_TASK_TEXT(task, field) ((const char *) (task) + (task)->field)

/* Trains; NOTICE for each epoch, ERROR as the engine reports them. */
extern void pgt_trainer_run(const PgtTask *task);

#endif
