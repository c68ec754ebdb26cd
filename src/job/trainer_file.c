/*
 * trainer_file.c
 *	  The file through which caller and trainer pass weights and epochs.
 */
#include "postgres.h"

#include "job/trainer_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "bridge/bridge.h"
#include "miscadmin.h"
#include "utils/wait_event.h"

#define ALIGN64(n) (((n) + 63) & ~(size_t) 63)
#define WRITE_BYTES ((size_t) 1024 * 1024)

/* Where the parts are, from base on; gives their size.  NULL: that alone. */
static size_t
lay_out(PgtTrainerFile *f, char *base, const PtStateDict *sd, int64 epochs)
{
	size_t at = ALIGN64(sizeof(PgtTrainerHeader));

	f->header = (PgtTrainerHeader *) base;
	for (int i = 0; i < sd->count; i++)
	{
		const PtState *e = &sd->entries[i];

		f->weights[i] = (PtTensor){e->dtype, e->shape, base ? base + at : NULL};
		at = ALIGN64(at + pt_tensor_bytes(&f->weights[i]));
	}
	f->epochs = base ? (PgtTimedEpoch *) (base + at) : NULL;
	return at + (size_t) epochs * sizeof(PgtTimedEpoch);
}

/* Written, not only extended: a full disk must be an error here, not a SIGBUS in the mapping. */
static void
fill(const PgtTrainerFile *f, size_t size)
{
	char *zeros = palloc0(WRITE_BYTES);

	for (size_t at = 0; at < size; at += WRITE_BYTES)
	{
		int n = (int) Min(WRITE_BYTES, size - at);

		CHECK_FOR_INTERRUPTS();
		errno = 0;
		if (FileWrite(f->file, zeros, n, (off_t) at, WAIT_EVENT_BUFFILE_WRITE) != n)
		{
			if (errno == 0)
				errno = ENOSPC;
			ereport(ERROR, (errcode_for_file_access(),
							errmsg("could not write to file \"%s\": %m", f->path)));
		}
	}
	pfree(zeros);
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

static char *
map(const char *path, size_t size)
{
	Mapping *m = palloc(sizeof(Mapping));
	int fd = OpenTransientFile(path, O_RDWR | PG_BINARY);
	struct stat st;

	if (fd < 0)
		ereport(ERROR,
				(errcode_for_file_access(), errmsg("could not open file \"%s\": %m", path)));
	if (fstat(fd, &st) != 0 || (size_t) st.st_size != size)
		elog(ERROR, "file \"%s\" has %lld bytes, not %zu", path, (long long) st.st_size, size);
	m->size = size;
	m->address = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (m->address == MAP_FAILED)
		ereport(ERROR, (errcode_for_file_access(), errmsg("could not map file \"%s\": %m", path)));
	pgt_release_with(CurrentMemoryContext, unmap, m);
	CloseTransientFile(fd);
	return m->address;
}

static PgtTrainerFile *
new_file(const PtStateDict *sd)
{
	PgtTrainerFile *f = palloc0(sizeof(PgtTrainerFile));

	f->weights = palloc0(sizeof(PtTensor) * (sd->count + 1));
	return f;
}

PgtTrainerFile *
pgt_trainer_file_create(const PtStateDict *sd, int64 epochs)
{
	PgtTrainerFile *f = new_file(sd);
	size_t size = lay_out(f, NULL, sd, epochs);

	f->file = OpenTemporaryFile(false);
	f->path = pstrdup(FilePathName(f->file));
	fill(f, size);
	lay_out(f, map(f->path, size), sd, epochs);
	return f;
}

void
pgt_trainer_file_close(PgtTrainerFile *f)
{
	FileClose(f->file);
}

PgtTrainerFile *
pgt_trainer_file_open(const char *path, const PtStateDict *sd, int64 epochs)
{
	PgtTrainerFile *f = new_file(sd);

	f->path = path;
	lay_out(f, map(path, lay_out(f, NULL, sd, epochs)), sd, epochs);
	return f;
}
