/*
 * device.c
 *	  Opening devices, and running plans on them between interrupts.
 *
 * Signals are blocked around every engine call that may start a thread or open a library (see bridge.h).
 * The engine returns after a slice, so that CHECK_FOR_INTERRUPTS runs in between, outside of the guard.
 */
#include "postgres.h"

#include "bridge/device.h"

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "bridge/bridge.h"
#include "bridge/library.h"
#include "bridge/settings.h"
#include "miscadmin.h"
#include "utils/memutils.h"

int
pgt_cpu_count(void)
{
	static int n = 0; /* asked for with each call of a tensor function */
	cpu_set_t set;

	if (n > 0)
		return n;
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	else
		n = (int) sysconf(_SC_NPROCESSORS_ONLN);
	n = Max(n, 1);
	return n;
}

bool
pgt_device_is_name(const char *name)
{
	size_t digits;

	if (strcmp(name, "auto") == 0 || strcmp(name, "cpu") == 0 || strcmp(name, "cuda") == 0)
		return true;
	if (strncmp(name, "cuda:", 5) != 0)
		return false;
	digits = strspn(name + 5, "0123456789");
	return digits >= 1 && digits <= 3 && name[5 + digits] == '\0';
}

/* ---------- the GPU's library ---------- */

static char *
library_path(void)
{
	return psprintf("%s/pgtorch_cuda%s", pkglib_path, DLSUFFIX);
}

/* Cheaply, as no process but one that computes should open CUDA: its library is installed and the driver is there. */
static bool
has_gpu(void)
{
	static const char *const files[] = {"/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg"};
	char *path = library_path();
	bool found = false;

	for (int i = 0; i < lengthof(files); i++)
		found = found || access(files[i], F_OK) == 0;
	found = found && access(path, R_OK) == 0;
	pfree(path);
	return found;
}

static int
ordinal_of(const char *name)
{
	return name[4] == ':' ? atoi(name + 5) : 0;
}

const char *
pgt_device_resolve(const char *name)
{
	if (!pgt_device_is_name(name))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown device \"%s\"", name),
						errhint("A device is \"auto\", \"cpu\", \"cuda\" or \"cuda:N\".")));
	if (strcmp(name, "auto") == 0)
		return has_gpu() ? name : "cpu";
	if (strcmp(name, "cpu") != 0 && access(library_path(), R_OK) != 0)
		ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
						errmsg("device \"%s\" is not available", name),
						errdetail("The library pgtorch_cuda is not installed."),
						errhint("Install it with \"make cuda install\", or set \"pgtorch.device\" to \"cpu\".")));
	return name;
}

/* ---------- opening ---------- */

static void
close_device(void *arg)
{
	PtDevice *dev = arg;
	PgtSignals saved;

	pgt_signals_block(&saved);
	dev->type->close(dev);
	pgt_signals_restore(&saved);
}

static PtDevice *
try_open(const PtDeviceOptions *options, bool gpu, PtError *err)
{
	const PtDeviceType *type = &pt_cpu_device;
	char *path = gpu ? library_path() : NULL;
	PtDevice *dev;
	PgtSignals saved;

	pgt_signals_block(&saved);
	if (gpu)
		type = pgt_library_open(path, err);
	dev = type != NULL ? type->open(options, err) : NULL;
	pgt_signals_restore(&saved);
	return dev;
}

PtDevice *
pgt_device_open(MemoryContext cxt, const char *name, int threads)
{
	bool any = strcmp(name, "auto") == 0;
	bool gpu = strcmp(name, "cpu") != 0;
	PtDeviceOptions options = {.threads = threads,
							   .ordinal = gpu && !any ? ordinal_of(name) : 0,
							   .precision = (PtPrecision) pgt_matmul_precision};
	PtDevice *dev;
	PtError err;

	dev = try_open(&options, gpu, &err);
	if (dev == NULL && any)
	{
		ereport(NOTICE, (errmsg("training on the CPU: %s", err.message),
						 err.detail[0] != '\0' ? errdetail("%s", err.detail) : 0));
		dev = try_open(&options, false, &err);
	}
	pgt_check(dev != NULL, &err);
	pgt_release_with(cxt, close_device, dev);
	return dev;
}

PtDevice *
pgt_device_try_local(PtError *err)
{
	typedef struct Opened
	{
		struct Opened *next;
		int threads, ordinal, precision;
		PtDevice *dev;
	} Opened;
	static Opened *opened =
		NULL; /* plans point to their device, so none is closed before the session ends */
	/* a GPU only where it is named: each session that uses it takes some hundred megabytes there */
	bool gpu = strncmp(pgt_device, "cuda", 4) == 0;
	/* more than there are CPUs would gain nothing, and each number has its own threads */
	int threads = gpu ? 0 : pgt_threads > 0 ? Min(pgt_threads, pgt_cpu_count()) : 1;
	int ordinal = gpu ? ordinal_of(pgt_device) : -1;
	int precision = gpu ? pgt_matmul_precision : 0;
	PtDeviceOptions options = {.threads = threads,
							   .ordinal = gpu ? ordinal : 0,
							   .precision = (PtPrecision) precision};
	PtDevice *dev;
	Opened *o;

	for (o = opened; o != NULL; o = o->next)
		if (o->threads == threads && o->ordinal == ordinal && o->precision == precision)
			return o->dev;
	dev = try_open(&options, gpu, err);
	if (dev == NULL)
		return NULL;
	pgt_release_with(TopMemoryContext, close_device, dev);
	o = MemoryContextAlloc(TopMemoryContext, sizeof(Opened));
	*o = (Opened){opened, threads, ordinal, precision, dev};
	opened = o;
	return dev;
}

PtDevice *
pgt_device_local(void)
{
	PtError err;
	PtDevice *dev = pgt_device_try_local(&err);

	if (dev == NULL)
		pgt_device_resolve(pgt_device); /* without the library, its error is the better one */
	pgt_check(dev != NULL, &err);
	return dev;
}

/* ---------- limits ---------- */

/* In bytes.  Without a setting three quarters of the machine: less than what would bring the server down. */
static uint64
memory_limit(void)
{
	if (pgt_max_memory > 0)
		return (uint64) pgt_max_memory << 20;
	return (uint64) sysconf(_SC_PHYS_PAGES) * (uint64) sysconf(_SC_PAGESIZE) / 4 * 3;
}

PtPlanOptions
pgt_plan_options(const PtDevice *dev)
{
	/* how much memory the machine has says nothing of a GPU's, which knows itself when it is full */
	bool limited = pgt_max_memory > 0 || dev->type->shares_host;

	return (PtPlanOptions){.max_bytes = limited ? memory_limit() : 0};
}

void
pgt_check_memory(uint64 bytes, const char *what)
{
	if (bytes > memory_limit())
		ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
						errmsg("%s of " UINT64_FORMAT " MB exceeds the limit of " UINT64_FORMAT " MB", what, bytes >> 20,
							   memory_limit() >> 20),
						errhint("The limit is \"pgtorch.max_memory\", by default three quarters of the machine's memory.")));
}

PtPlan *
pgt_plan_compile(PtGraph *g, PtDevice *dev)
{
	PtPlanOptions options = pgt_plan_options(dev);
	PgtSignals saved;
	PtPlan *plan;
	PtError err;

	pgt_signals_block(&saved);
	plan = pt_plan_compile(g, dev, &options, &err);
	pgt_signals_restore(&saved);
	pgt_check(plan != NULL, &err);
	return plan;
}

void
pgt_plan_run(PtPlan *plan)
{
	/* the guard is two system calls, half the cost of a small plan: not where no thread can start */
	bool guard = !pt_plan_is_quiet(plan);
	PtRun run;
	PtError err;

	/* an interrupt may have ended the last call amid a run */
	pt_plan_abandon(plan);
	do
	{
		PgtSignals saved;

		if (guard)
			pgt_signals_block(&saved);
		run = pt_plan_run(plan, 1, PGT_SLICE_NS, &err);
		if (guard)
			pgt_signals_restore(&saved);
		pgt_check(run != PT_RUN_ERROR, &err);
		CHECK_FOR_INTERRUPTS();
	} while (run == PT_RUN_MORE);
}

void
pgt_forward_run(PtForward *f)
{
	bool guard = !pt_plan_is_quiet(f->plan);
	PtRun run;
	PtError err;

	/* an interrupt may have ended the last call amid a run: the plan outlives a query, its inputs are others now */
	pt_plan_abandon(f->plan);
	do
	{
		PgtSignals saved;

		if (guard)
			pgt_signals_block(&saved);
		run = pt_forward_run(f, PGT_SLICE_NS, &err);
		if (guard)
			pgt_signals_restore(&saved);
		pgt_check(run != PT_RUN_ERROR, &err);
		CHECK_FOR_INTERRUPTS();
	} while (run == PT_RUN_MORE);
}

/* Pieces that take well under 0.1 s, page faults included. */
#define COPY_BYTES ((size_t) 16 * 1024 * 1024)

/* Copies in pieces, with interrupts in between. */
static void
copy_pieces(bool (*copy)(void *arg, size_t at, void *host, size_t bytes, PtError *err), void *arg,
			void *host, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += COPY_BYTES)
	{
		PgtSignals saved;
		PtError err;
		bool ok;

		pgt_signals_block(&saved);
		ok = copy(arg, at, (char *) host + at, Min(COPY_BYTES, bytes - at), &err);
		pgt_signals_restore(&saved);
		pgt_check(ok, &err);
		CHECK_FOR_INTERRUPTS();
	}
}

typedef struct Entry
{
	PtNetwork *net;
	int i;
} Entry;

static bool
write_entry(void *arg, size_t at, void *host, size_t bytes, PtError *err)
{
	Entry *e = arg;

	return pt_network_write_part(e->net, e->i, at, host, bytes, err);
}

static bool
read_entry(void *arg, size_t at, void *host, size_t bytes, PtError *err)
{
	Entry *e = arg;

	return pt_network_read_part(e->net, e->i, at, host, bytes, err);
}

void
pgt_network_write(PtNetwork *net, int i, const PtTensor *value)
{
	copy_pieces(write_entry, &(Entry){net, i}, value->data, pt_tensor_bytes(value));
}

void
pgt_network_read(PtNetwork *net, int i, const PtTensor *value)
{
	copy_pieces(read_entry, &(Entry){net, i}, value->data, pt_tensor_bytes(value));
}

typedef struct Block
{
	PtDevice *dev;
	char *address;
} Block;

static bool
write_block(void *arg, size_t at, void *host, size_t bytes, PtError *err)
{
	Block *b = arg;

	return b->dev->type->upload(b->dev, b->address + at, host, bytes, err);
}

static bool
read_block(void *arg, size_t at, void *host, size_t bytes, PtError *err)
{
	Block *b = arg;

	return b->dev->type->download(b->dev, host, b->address + at, bytes, err);
}

void *
pgt_device_alloc(PtDevice *dev, size_t bytes)
{
	PgtSignals saved;
	PtError err;
	void *p;

	pgt_signals_block(&saved);
	p = dev->type->alloc(dev, bytes, &err);
	pgt_signals_restore(&saved);
	pgt_check(p != NULL, &err);
	return p;
}

void
pgt_device_upload(PtDevice *dev, void *dst, const void *host, size_t bytes)
{
	copy_pieces(write_block, &(Block){dev, dst}, unconstify(void *, host), bytes);
}

void
pgt_device_download(PtDevice *dev, void *host, const void *src, size_t bytes)
{
	copy_pieces(read_block, &(Block){dev, unconstify(void *, src)}, host, bytes);
}

PtRun
pgt_fit_run(PtFit *fit, PtEpoch *epoch)
{
	PgtSignals saved;
	PtRun run;
	PtError err;

	pgt_signals_block(&saved);
	run = pt_fit_run(fit, PGT_SLICE_NS, epoch, &err);
	pgt_signals_restore(&saved);
	pgt_check(run != PT_RUN_ERROR, &err);
	return run;
}
