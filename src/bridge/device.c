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
#include <unistd.h>

#include "bridge/bridge.h"
#include "bridge/settings.h"
#include "miscadmin.h"
#include "utils/memutils.h"

int
pgt_cpu_count(void)
{
	cpu_set_t set;
	int n = 0;

	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		n = CPU_COUNT(&set);
	else
		n = (int) sysconf(_SC_NPROCESSORS_ONLN);
	return Max(n, 1);
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

const char *
pgt_device_resolve(const char *name)
{
	if (!pgt_device_is_name(name))
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown device \"%s\"", name),
						errhint("A device is \"auto\", \"cpu\", \"cuda\" or \"cuda:N\".")));
	if (strcmp(name, "auto") == 0 || strcmp(name, "cpu") == 0)
		return "cpu";
	ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					errmsg("device \"%s\" is not available", name),
					errdetail("This version of pgtorch has no library for it."),
					errhint("Set \"pgtorch.device\" to \"cpu\".")));
}

static void
close_device(void *arg)
{
	PtDevice *dev = arg;

	dev->type->close(dev);
}

PtDevice *
pgt_device_open(MemoryContext cxt, const char *name, int threads)
{
	PtDeviceOptions options = {.threads = threads};
	PgtSignals saved;
	PtDevice *dev;
	PtError err;

	Assert(strcmp(name, "cpu") == 0);
	pgt_signals_block(&saved);
	dev = pt_cpu_device.open(&options, &err);
	pgt_signals_restore(&saved);
	pgt_check(dev != NULL, &err);
	pgt_release_with(cxt, close_device, dev);
	return dev;
}

PtDevice *
pgt_device_local(void)
{
	typedef struct Opened
	{
		struct Opened *next;
		int threads;
		PtDevice *dev;
	} Opened;
	static Opened *opened = NULL; /* plans point to their device, so none is closed before the session ends */
	/* more than there are CPUs would gain nothing, and each number has its own threads */
	int threads = pgt_threads > 0 ? Min(pgt_threads, pgt_cpu_count()) : 1;
	Opened *o;

	for (o = opened; o != NULL; o = o->next)
		if (o->threads == threads)
			return o->dev;
	o = MemoryContextAllocZero(TopMemoryContext, sizeof(Opened));
	o->threads = threads;
	o->dev = pgt_device_open(TopMemoryContext, "cpu", threads);
	o->next = opened;
	opened = o;
	return o->dev;
}

/* In bytes.  Without a setting three quarters of the machine: less than what would bring the server down. */
static uint64
memory_limit(void)
{
	if (pgt_max_memory > 0)
		return (uint64) pgt_max_memory << 20;
	return (uint64) sysconf(_SC_PHYS_PAGES) * (uint64) sysconf(_SC_PAGESIZE) / 4 * 3;
}

PtPlanOptions
pgt_plan_options(void)
{
	return (PtPlanOptions){.max_bytes = memory_limit()};
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
	PtPlanOptions options = pgt_plan_options();
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

static void
copy_entry(PtNetwork *net, int i, const PtTensor *value, bool write)
{
	size_t bytes = pt_tensor_bytes(value);

	for (size_t at = 0; at < bytes; at += COPY_BYTES)
	{
		char *data = (char *) value->data + at;
		size_t n = Min(COPY_BYTES, bytes - at);
		PgtSignals saved;
		PtError err;
		bool ok;

		pgt_signals_block(&saved);
		ok = write ? pt_network_write_part(net, i, at, data, n, &err)
				   : pt_network_read_part(net, i, at, data, n, &err);
		pgt_signals_restore(&saved);
		pgt_check(ok, &err);
		CHECK_FOR_INTERRUPTS();
	}
}

void
pgt_network_write(PtNetwork *net, int i, const PtTensor *value)
{
	copy_entry(net, i, value, true);
}

void
pgt_network_read(PtNetwork *net, int i, const PtTensor *value)
{
	copy_entry(net, i, value, false);
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
