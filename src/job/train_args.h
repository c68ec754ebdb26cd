/*
 * train_args.h
 *	  The arguments of a training, from SQL to the worker and into the history.
 *
 * All of it follows from the rows of engine/train/options.def.
 */
#ifndef PGT_TRAIN_ARGS_H
#define PGT_TRAIN_ARGS_H

#include "postgres.h"

#include "engine/train/options.h"
#include "lib/stringinfo.h"

typedef struct PgtTrainArgs
{
#define PT_TEXT(kind, name, ...) PT_MEMBER_##kind name;
#define PT_JOB(kind, name, ...) PT_MEMBER_##kind name;
#define PT_FIT(kind, name, ...)
#include "engine/train/options.def"
	PtFitOptions options;
} PgtTrainArgs;

/* Where the value of pt_options[i] is. */
extern void *pgt_train_arg(PgtTrainArgs *args, int i);

/*
 * Appends what the history has no column for as members of a JSON object, each after a comma; without what is None.
 * An array or a string, read as SQL would, gives the argument again.
 */
extern void pgt_train_args_print(const PgtTrainArgs *args, StringInfo json);

/*
 * The args may be copied to another process as they are, but for what they point to: that is appended to texts, and
 * what is read there gives a copy its pointers.
 */
extern void pgt_train_args_pack(const PgtTrainArgs *args, StringInfo texts);
extern void pgt_train_args_unpack(PgtTrainArgs *args, const char *texts);

#endif
