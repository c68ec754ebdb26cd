/*
 * train.h
 *	  pgtorch_train from its arguments to its result: read, train, write.
 */
#ifndef PGT_TRAIN_H
#define PGT_TRAIN_H

#include "postgres.h"

#include "engine/graph/op.h"

typedef struct PgtTrainArgs
{
	const char *model; /* 'm' or 'm@3' */
	const char *dataset;
	const char *loss; /* canonical texts */
	const char *optimizer;
	const char *scheduler; /* NULL: none */
	int32 epochs;
	int32 batch_size;
	bool shuffle;
	bool drop_last;
	int ntargets; /* 0: the last column */
	const char **targets;
	double clip_grad_norm; /* 0: none */
	double clip_grad_value;
	PtAutocast autocast;
	int64 seed;
	const char *device; /* NULL: the setting */
	bool deploy;
} PgtTrainArgs;

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
