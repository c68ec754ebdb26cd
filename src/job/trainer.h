/*
 * trainer.h
 *	  Training itself: a task in, epochs and weights out.
 *
 * The trainer touches no table.  It is given the module's text and the arguments, the path of the dataset's
 * file and the path of a file that holds the initial weights (trainer_file.h), and it leaves the final
 * weights and a record of each epoch there.  It runs in a background worker, or
 * in the caller's backend when there is no free worker, and could run in a program of its own.
 */
#ifndef PGT_TRAINER_H
#define PGT_TRAINER_H

#include "postgres.h"

#include "job/train_args.h"
#include "job/trainer_file.h"

/* All that the trainer is told, as one piece that can be copied. */
typedef struct PgtTask
{
	size_t size; /* of struct and texts */
	char device[PGT_DEVICE_NAME];
	int threads;
	char file_path[MAXPGPATH]; /* trainer_file.h */

	char rows_path[MAXPGPATH];
	int64 nrows, stride;
	int ninputs;
	PtRowsetColumn inputs[PT_MAX_INPUTS];
	PtRowsetColumn target;

	PgtTrainArgs args;
	char texts[FLEXIBLE_ARRAY_MEMBER]; /* the module's, then those of args */
} PgtTask;

/* Trains; NOTICE for each epoch, ERROR as the engine reports them. */
extern void pgt_trainer_run(const PgtTask *task);

#endif
