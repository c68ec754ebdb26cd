/*
 * train.h
 *	  pgtorch_train from its arguments to its result: read, train, write.
 */
#ifndef PGT_TRAIN_H
#define PGT_TRAIN_H

#include "postgres.h"

#include "job/train_args.h"

typedef struct PgtTrainResult
{
	int64 run;
	int32 epochs;
	int64 steps;
	double loss; /* of the last epoch */
	int32 version;
	double seconds; /* reading, training and writing */
} PgtTrainResult;

extern void pgt_train(const PgtTrainArgs *args, PgtTrainResult *result);

#endif
