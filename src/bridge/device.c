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

static bool
has_library(void)
{
	char *path = library_path();
	bool found = access(path, R_OK) == 0;

	pfree(path);
	return found;
}

/* Cheaply, as no process but one that computes should open CUDA: its library is installed and the driver is there. */
static bool
has_gpu(void)
{
	static const char *const files[] = {"/dev/nvidiactl", "/dev/nvidia0", "/dev/dxg"};
	bool found = false;

	for (int i = 0; i < lengthof(files); i++)
		found = found || access(files[i], F_OK) == 0;
	return found && has_library();
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
	if (strcmp(name, "cpu") != 0 && !has_library())
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
	PtDevice *cpu, *dev = NULL;
	PtError err;

	/* also beside a GPU: it runs what that has no kernel for */
	cpu = try_open(&options, false, &err);
	pgt_check(cpu != NULL, &err);
	pgt_release_with(cxt, close_device, cpu);
	if (!gpu)
		return cpu;
	dev = try_open(&options, true, &err);
	if (dev == NULL && any)
	{
		ereport(NOTICE, (errmsg("training on the CPU: %s", err.message),
						 err.detail[0] != '\0' ? errdetail("%s", err.detail) : 0));
		return cpu;
	}
	pgt_check(dev != NULL, &err);
	/* callbacks run last to first: before its host is closed */
	pgt_release_with(cxt, close_device, dev);
	dev->host = cpu;
	return dev;
}

/*
 * The devices of this session by the settings that they were opened with.  Plans point to their device, so none is
 * closed before the session ends.  That a GPU could not be opened is remembered, too: to try costs much more than most
 * calls compute.
 */
typedef struct Local
{
	struct Local *next;
	int threads, ordinal, precision;
	PtDevice *dev; /* NULL: failed says why */
	PtError failed;
	bool lasting; /* another try would fail, too */
} Local;
static Local *locals = NULL;

static Local *
find_local(int threads, int ordinal, int precision)
{
	Local *l;

	for (l = locals; l != NULL; l = l->next)
		if (l->threads == threads && l->ordinal == ordinal && l->precision == precision)
			return l;
	l = MemoryContextAllocZero(TopMemoryContext, sizeof(Local));
	l->threads = threads;
	l->ordinal = ordinal;
	l->precision = precision;
	l->next = locals;
	locals = l;
	return l;
}

/* The CPU or the GPU of the settings, opened unless it is, or will not be. */
static Local *
open_one(bool gpu, bool again)
{
	/* more than there are CPUs would gain nothing, and each number has its own threads */
	int threads = gpu ? 0 : pgt_threads > 0 ? Min(pgt_threads, pgt_cpu_count()) : 1;
	int precision = gpu ? pgt_matmul_precision : 0;
	Local *l = find_local(threads, gpu ? ordinal_of(pgt_device) : -1, precision);
	PtDeviceOptions options = {.threads = threads,
							   .ordinal = gpu ? l->ordinal : 0,
							   .precision = (PtPrecision) precision};
	PtDevice *dev;

	if (l->dev != NULL || (l->lasting && !again))
		return l;
	dev = try_open(&options, gpu, &l->failed);
	if (dev != NULL)
		pgt_release_with(TopMemoryContext, close_device, dev);
	l->dev = dev;
	/* what may pass: memory that others hold, and a library that is not there, which costs nothing to see */
	l->lasting = dev == NULL && gpu && l->failed.code != PT_ENOMEM && has_library();
	return l;
}

/* The device of the settings. */
static Local *
open_local(bool again)
{
	Local *cpu = open_one(false, again), *gpu;

	/* a GPU only where it is named: each session that uses it takes some hundred megabytes there */
	if (strncmp(pgt_device, "cuda", 4) != 0 || cpu->dev == NULL)
		return cpu;
	gpu = open_one(true, again);
	if (gpu->dev != NULL)
		gpu->dev->host = cpu->dev;
	return gpu;
}

void
pgt_device_forget_failures(void)
{
	for (Local *l = locals; l != NULL; l = l->next)
		l->lasting = false;
}

PtDevice *
pgt_device_try_local(PtError *err)
{
	Local *l = open_local(true);

	*err = l->failed;
	return l->dev;
}

PtDevice *
pgt_device_local(void)
{
	Local *l = open_local(false);

	if (l->dev == NULL)
		pgt_device_resolve(pgt_device); /* without the library, its error is the better one */
	pgt_check(l->dev != NULL, &l->failed);
	return l->dev;
}

bool
pgt_device_info(PtDevice *dev, int i, const char **key, char *value, size_t size)
{
	PgtSignals saved;
	bool more;

	pgt_signals_block(&saved);
	more = dev->type->info(dev, i, key, value, size);
	pgt_signals_restore(&saved);
	return more;
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

PtPieces *
pgt_pieces_new(PtDevice *dev)
{
	PtPlanOptions options = pgt_plan_options(dev);
	PtError err;
	PtPieces *pieces = pt_pieces_new(dev, &options, &err);

	pgt_check(pieces != NULL, &err);
	return pieces;
}

PtPlan *
pgt_pieces_compile(PtPieces *pieces, PtGraph *g, bool *last)
{
	PgtSignals saved;
	PtPlan *plan;
	PtError err;

	pgt_signals_block(&saved);
	plan = pt_pieces_compile(pieces, g, last, &err);
	pgt_signals_restore(&saved);
	pgt_check(plan != NULL, &err);
	return plan;
}

void
pgt_pieces_run(PtPieces *pieces, PtPlan *plan)
{
	PgtSignals saved;
	PtError err;
	bool ok;

	pgt_plan_run(plan);
	pgt_signals_block(&saved);
	ok = pt_pieces_read(pieces, &err);
	pgt_signals_restore(&saved);
	pgt_check(ok, &err);
}

/* One slice of a run: a plan's, or a forward pass's with its copies. */
typedef PtRun (*Slice)(void *what, int64_t budget_ns, PtError *err);

static PtRun
slice_plan(void *plan, int64_t budget_ns, PtError *err)
{
	return pt_plan_run(plan, 1, budget_ns, err);
}

static PtRun
slice_forward(void *forward, int64_t budget_ns, PtError *err)
{
	return pt_forward_run(forward, budget_ns, err);
}

static void
run_slices(PtPlan *plan, Slice slice, void *what)
{
	/* the guard is two system calls, half the cost of a small plan: not where no thread can start */
	bool guard = !pt_plan_is_quiet(plan);
	PtRun run;
	PtError err;

	/* an interrupt may have ended the last call amid a run: the plan outlives a query, its inputs are others now */
	pt_plan_abandon(plan);
	do
	{
		PgtSignals saved;

		if (guard)
			pgt_signals_block(&saved);
		run = slice(what, PGT_SLICE_NS, &err);
		if (guard)
			pgt_signals_restore(&saved);
		pgt_check(run != PT_RUN_ERROR, &err);
		CHECK_FOR_INTERRUPTS();
	} while (run == PT_RUN_MORE);
}

void
pgt_plan_run(PtPlan *plan)
{
	run_slices(plan, slice_plan, plan);
}

void
pgt_forward_run(PtForward *f)
{
	run_slices(f->plan, slice_forward, f);
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
