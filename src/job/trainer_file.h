/*
 * trainer_file.h
 *	  The file through which caller and trainer pass weights and epochs.
 *
 * The caller writes the initial weights, the trainer the final ones in their place, and a record of each epoch as it
 * ends.  Both have it mapped: a header, the entries of the state_dict, each at a multiple of 64, the records.
 */
#ifndef PGT_TRAINER_FILE_H
#define PGT_TRAINER_FILE_H

#include "postgres.h"

#include "engine/nn/module.h"
#include "engine/train/fit.h"
#include "storage/fd.h"

#define PGT_DEVICE_NAME 32

typedef struct PgtTrainerHeader
{
	int64 epochs; /* that ended; equal to those that were wanted when it is done */
	int64 steps;
	char device[PGT_DEVICE_NAME]; /* that it ran on */
} PgtTrainerHeader;

/* An epoch that has ended, and how long it took. */
typedef struct PgtTimedEpoch
{
	PtEpoch epoch;
	double seconds;
} PgtTimedEpoch;

typedef struct PgtTrainerFile
{
	const char *path; /* relative to the data directory */
	PgtTrainerHeader *header;
	PtTensor *weights; /* [sd->count], with data */
	PgtTimedEpoch *epochs;
	File file; /* of who made it */
} PgtTrainerFile;

/*
 * Makes one under pgsql_tmp with all its room allocated, mapped into this process.  It goes with the current resource
 * owner, or when it is closed; the mapping with the current memory context.
 */
extern PgtTrainerFile *pgt_trainer_file_create(const PtStateDict *sd, int64 epochs);
extern void pgt_trainer_file_close(PgtTrainerFile *file);

/* Maps one that another process has made for the same state_dict and number of epochs. */
extern PgtTrainerFile *pgt_trainer_file_open(const char *path, const PtStateDict *sd, int64 epochs);

#endif
