/*
 * trainer_file.c
 *	  The file through which caller and trainer pass weights and epochs.
 */
#include "postgres.h"

#include "job/trainer_file.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "bridge/bridge.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/wait_event.h"

PgtExchangeFile *
pgt_exchange_create(size_t size)
{
	PgtExchangeFile *x = palloc(sizeof(PgtExchangeFile));
	char *zeros = palloc0(1024 * 1024);

	x->size = size;
	x->file = OpenTemporaryFile(false);
	x->path = pstrdup(FilePathName(x->file));
	/* written, not only extended: a full disk must be an error here, not a SIGBUS in the mapping */
	for (size_t at = 0; at < size; at += 1024 * 1024)
	{
		int n = (int) Min((size_t) 1024 * 1024, size - at);

		CHECK_FOR_INTERRUPTS();
		errno = 0;
		if (FileWrite(x->file, zeros, n, (off_t) at, WAIT_EVENT_BUFFILE_WRITE) != n)
		{
			if (errno == 0)
				errno = ENOSPC;
			ereport(ERROR, (errcode_for_file_access(), errmsg("could not write to file \"%s\": %m", x->path)));
		}
	}
	pfree(zeros);
	return x;
}

typedef struct Mapping
{
	void *address;
	size_t size;
} Mapping;

static void
unmap(void *arg)
{
	Mapping *m = arg;

	munmap(m->address, m->size);
}

char *
pgt_exchange_map(MemoryContext cxt, const char *path, size_t size)
{
	Mapping *m = MemoryContextAlloc(cxt, sizeof(Mapping));
	int fd = OpenTransientFile(path, O_RDWR | PG_BINARY);

	if (fd < 0)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not open file \"%s\": %m", path)));
	m->size = size;
	m->address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (m->address == MAP_FAILED)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not map file \"%s\": %m", path)));
	pgt_release_with(cxt, unmap, m);
	CloseTransientFile(fd);
	return m->address;
}
