/*
 * trainer_file.h
 *	  The file through which caller and trainer pass weights and epochs.
 */
#ifndef PGT_TRAINER_FILE_H
#define PGT_TRAINER_FILE_H

#include "postgres.h"

#include "engine/nn/module.h"
#include "storage/fd.h"

typedef struct PgtExchangeFile
{
	File file;
	const char *path; /* relative to the data directory */
	size_t size;
} PgtExchangeFile;

/* Creates one under pgsql_tmp with all its room allocated; it goes with the current resource owner. */
extern PgtExchangeFile *pgt_exchange_create(size_t size);

/* Maps one for reading and writing, in any process; unmapped with cxt. */
extern char *pgt_exchange_map(MemoryContext cxt, const char *path, size_t size);

#endif
