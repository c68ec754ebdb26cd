/*
 * trainer.h
 *	  Training itself: a task in, epochs and weights out.
 *
 * The trainer touches no table.  It is given texts (module, loss, optimizer, scheduler), the path of the dataset's
 * file and the path of an exchange file that holds the initial weights, and it leaves the final
 * weights and a record of each epoch in the exchange file.  It runs in a background worker, or
 * in the caller's backend when there is no free worker, and could run in a program of its own.
 *
 * Exchange file:  PgtExchange; the entries of the state_dict, each at a multiple of 64; PtEpoch[epochs].
 */
#ifndef PGT_TRAINER_H
#define PGT_TRAINER_H

#include "postgres.h"

#include "engine/train/fit.h"

#define PGT_DEVICE_NAME 32

/* All that the trainer is told; texts stand behind the struct, so that it can be copied as one piece. */
typedef struct PgtTask
{
	size_t size;											  /* of struct and texts */
	size_t module, loss, optimizer, rows_path, exchange_path; /* offsets of texts */
	size_t scheduler;										  /* 0: none */
	char device[PGT_DEVICE_NAME];
	int threads;

	int64 nrows, stride;
	int ninputs;
	PtColumn inputs[PT_MAX_IN];
	PtColumn target;

	int64 epochs, batch_size;
	bool shuffle, drop_last;
	double clip_grad_norm, clip_grad_value; /* 0: none */
	PtAutocast autocast;
	uint64 seed;
	size_t exchange_bytes;
} PgtTask;

#define PGT_TASK_TEXT(task, field) ((const char *) (task) + (task)->field)

typedef struct PgtExchange
{
	int64 epochs; /* that ended; equal to the task's when it is done */
	int64 steps;
	char device[PGT_DEVICE_NAME]; /* that it ran on */
} PgtExchange;

/* Where the parts of the exchange file are, for this state_dict; gives its size. */
extern size_t pgt_exchange_layout(const PtStateDict *sd, int64 epochs, size_t *offsets,
								  size_t *epochs_at);

/* One record of an epoch in the exchange file. */
typedef struct PgtEpochRecord
{
	PtEpoch epoch;
	double seconds;
} PgtEpochRecord;

/* Trains; NOTICE for each epoch, ERROR as the engine reports them. */
extern void pgt_trainer_run(const PgtTask *task);

#endif
