/*
 * device.c
 *	  The device "cpu": memory, queues, and running them a piece at a time.
 *
 * bind makes a list of tasks (cpu.h) of a queue's steps.  wait runs tiles from where it
 * stopped and looks at the clock only when the estimates say that some time has
 * passed, so a plan that takes a microsecond pays for no clock.
 *
 * Memory:  a queue's tasks live in an arena that bind makes and unbind frees.
 * Threads: threads.h; the device's functions are called on one thread.
 * Errors:  a tile only sets its task's fault; the calling thread finds the words for it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cpu/cpu.h"

/* estimated work between two looks at the clock */
#define CLOCK_NS 20000
/* what one call of the pool should take */
#define POOL_NS 2000000

typedef struct Run
{
	PtArena *arena;
	PtCpuTask **tasks;
	int ntasks;
	/* where we are */
	int64_t left; /* runs of the whole queue, the current one included */
	int task;
	int64_t round, tile;
} Run;

static PtCpu *
cpu_of(PtDevice *dev)
{
	return (PtCpu *) dev;
}

/* ---------- open, close, info ---------- */

static void
close_device(PtDevice *dev)
{
	PtCpu *cpu = cpu_of(dev);

	if (cpu == NULL)
		return;
	pt_threads_free(cpu->pool);
	if (cpu->scratch != NULL)
		for (int i = 0; i < cpu->threads; i++)
			free(cpu->scratch[i]);
	free(cpu->scratch);
	free(cpu);
}

static PtDevice *
open_device(const PtDeviceOptions *options, PtError *err)
{
	PtCpu *cpu;
	const PtIsa *isa = pt_isa_choose(options->isa, err);

	if (isa == NULL)
		return NULL;
	cpu = calloc(1, sizeof(PtCpu));
	if (cpu == NULL)
	{
		pt_fail_memory(err, sizeof(PtCpu));
		return NULL;
	}
	cpu->base.type = &pt_cpu_device;
	cpu->isa = isa;
	cpu->no_library = options->no_library;
	cpu->threads = options->threads > 0 ? options->threads : 1;
	cpu->base.threads = cpu->threads > 1;
	cpu->scratch = calloc((size_t) cpu->threads, sizeof(char *));
	cpu->pool = pt_threads_new(cpu->threads);
	if (cpu->scratch == NULL || cpu->pool == NULL)
	{
		close_device(&cpu->base);
		pt_fail_memory(err, sizeof(PtCpu));
		return NULL;
	}
	return &cpu->base;
}

static bool
info(PtDevice *dev, int i, const char **key, char *value, size_t size)
{
	PtCpu *cpu = cpu_of(dev);
	PtBlas *blas;

	switch (i)
	{
		case 0:
			*key = "blas";
			blas = cpu->no_library ? NULL : pt_blas_open();
			snprintf(value, size, "%s", blas != NULL ? blas->name : "built-in");
			return true;
		case 1:
			*key = "isa";
			snprintf(value, size, "%s", cpu->isa->name);
			return true;
		case 2:
			*key = "threads";
			snprintf(value, size, "%d", cpu->threads);
			return true;
		case 3:
			*key = "cpus";
			snprintf(value, size, "%ld", sysconf(_SC_NPROCESSORS_ONLN));
			return true;
		default:
			return false;
	}
}

/* ---------- memory ---------- */

/* calloc, as the system gives big zeroed blocks for nothing; what it returned stands before the result */
static void *
alloc(PtDevice *dev, size_t bytes, PtError *err)
{
	char *block = bytes <= SIZE_MAX / 2 ? calloc(1, bytes + 64 + sizeof(void *)) : NULL;
	char *p;

	(void) dev;
	if (block == NULL)
	{
		pt_fail_memory(err, bytes);
		return NULL;
	}
	p = (char *) (((uintptr_t) block + sizeof(void *) + 63) & ~(uintptr_t) 63);
	memcpy(p - sizeof(void *), &block, sizeof(void *));
	return p;
}

static void
free_memory(PtDevice *dev, void *p)
{
	void *block;

	(void) dev;
	if (p == NULL)
		return;
	memcpy(&block, (char *) p - sizeof(void *), sizeof(void *));
	free(block);
}

static bool
copy(PtDevice *dev, void *dst, const void *src, size_t bytes, PtError *err)
{
	(void) dev;
	(void) err;
	if (bytes > 0)
		memcpy(dst, src, bytes);
	return true;
}

/* ---------- prepare, bind ---------- */

static const PtCpuKernel *
kernel_of(const PtStep *step)
{
	return step->op == NULL ? &pt_cpu_program_kernel : pt_cpu_kernel_find(step->op->name);
}

static bool
supports(PtDevice *dev, const PtStep *step)
{
	const PtCpuKernel *kernel = kernel_of(step);

	(void) dev;
	return kernel != NULL && (step->epilogue == NULL || kernel->epilogue);
}

static bool
prepare_step(PtDevice *dev, PtStep *step, PtError *err)
{
	const PtCpuKernel *kernel = kernel_of(step);

	step->kernel = (void *) kernel;
	step->workspace = 0;
	if (!supports(dev, step))
	{
		pt_fail(err, PT_EUNSUPPORTED,
				kernel == NULL ? "%s is not implemented on device \"cpu\""
							   : "%s has no epilogue on device \"cpu\"",
				pt_step_name(step));
		return step->path == NULL ? false : pt_detail(err, "In module %s.", step->path);
	}
	if ((step->program != NULL && !pt_cpu_program_check(step->program, step->path, err)) ||
		(step->epilogue != NULL && !pt_cpu_program_check(step->epilogue, step->path, err)))
		return false;
	return kernel->prepare == NULL || kernel->prepare(cpu_of(dev), step, err);
}

static bool
prepare(PtDevice *dev, PtQueue *s, PtError *err)
{
	s->state = NULL;
	for (int i = 0; i < s->nsteps; i++)
		if (!prepare_step(dev, &s->steps[i], err))
			return false;
	return true;
}

static void
unbind(PtDevice *dev, PtQueue *s)
{
	Run *r = s->state;

	(void) dev;
	if (r != NULL)
	{
		free(r->tasks);
		pt_arena_free(r->arena);
		free(r);
	}
	s->state = NULL;
}

static bool
grow_scratch(PtCpu *cpu, size_t bytes, PtError *err)
{
	bytes = (bytes + 63) & ~(size_t) 63;
	if (bytes <= cpu->scratch_size)
		return true;
	for (int i = 0; i < cpu->threads; i++)
	{
		char *p = aligned_alloc(64, bytes);

		if (p == NULL)
			return pt_fail_memory(err, bytes); /* the size stays; some are larger */
		free(cpu->scratch[i]);
		cpu->scratch[i] = p;
	}
	cpu->scratch_size = bytes;
	return true;
}

static bool
bind(PtDevice *dev, PtQueue *s, PtError *err)
{
	PtCpu *cpu = cpu_of(dev);
	PtCpuBind b = {.dev = cpu, .err = err};
	Run *r;
	bool ok = true;

	unbind(dev, s);
	r = calloc(1, sizeof(Run));
	b.arena = pt_arena_new();
	if (r == NULL || b.arena == NULL)
		ok = pt_fail_memory(err, sizeof(Run));
	for (int i = 0; ok && i < s->nsteps; i++)
	{
		const PtCpuKernel *kernel = s->steps[i].kernel;

		b.variant = kernel->variant;
		ok = kernel->bind(&b, &s->steps[i]);
	}
	if (!ok || !grow_scratch(cpu, b.scratch, err))
	{
		free(b.tasks);
		pt_arena_free(b.arena);
		free(r);
		return false;
	}
	r->arena = b.arena;
	r->tasks = b.tasks;
	r->ntasks = b.ntasks;
	s->state = r;
	return true;
}

/* ---------- running ---------- */

static bool
launch(PtDevice *dev, PtQueue *s, int64_t repeat, PtError *err)
{
	Run *r = s->state;

	(void) dev;
	if (r == NULL)
		return pt_fail(err, PT_EINTERNAL, "queue was launched before it was bound");
	r->left = repeat;
	r->task = 0;
	r->round = r->tile = 0;
	return true;
}

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}

typedef struct Share
{
	PtCpu *cpu;
	PtCpuTask *task;
} Share;

static void
run_tile(void *arg, int64_t tile, int thread)
{
	Share *share = arg;

	share->task->run(share->task, tile, share->cpu->scratch[thread]);
}

/* Runs some tiles of a task, from tile on; returns how many. */
static int64_t
run_some(PtCpu *cpu, PtCpuTask *task, int64_t tile, int64_t *spent)
{
	Share share = {cpu, task};
	int64_t n = task->ntiles - tile;
	int64_t most = POOL_NS / task->tile_ns * pt_threads_running(cpu->pool);

	if (!task->parallel)
	{
		task->run(task, tile, cpu->scratch[0]);
		*spent += task->tile_ns;
		return 1;
	}
	most = most < pt_threads_running(cpu->pool) ? pt_threads_running(cpu->pool) : most;
	n = n < most ? n : most;
	pt_threads_run(cpu->pool, run_tile, &share, tile, n);
	*spent += pt_cpu_ceil(n, pt_threads_running(cpu->pool)) * task->tile_ns;
	return n;
}

static PtRun
run_for(PtCpu *cpu, Run *r, int64_t budget_ns, PtError *err)
{
	int64_t spent = 0; /* estimate, since the clock was read */
	int64_t started = 0;

	for (; r->left > 0; r->left--, r->task = 0)
		for (; r->task < r->ntasks; r->task++, r->round = 0)
		{
			PtCpuTask *task = r->tasks[r->task];

			for (; r->round < task->nrounds; r->round++, r->tile = 0)
			{
				task->round = r->round;
				while (r->tile < task->ntiles)
				{
					if (spent >= CLOCK_NS)
					{
						int64_t now = now_ns();

						if (started == 0)
							started = now - spent;
						if (now - started >= budget_ns)
							return PT_RUN_MORE;
						spent = 0;
					}
					r->tile += run_some(cpu, task, r->tile, &spent);
					if (atomic_load_explicit(&task->fault, memory_order_relaxed) != 0)
					{
						r->left = 0;
						task->explain(task, err);
						atomic_store(&task->fault, 0);
						return PT_RUN_ERROR;
					}
				}
			}
		}
	return PT_RUN_DONE;
}

static PtRun
await(PtDevice *dev, PtQueue *s, int64_t budget_ns, PtError *err)
{
	PtCpu *cpu = cpu_of(dev);
	PtRun state;

	if (s->state == NULL)
	{
		pt_fail(err, PT_EINTERNAL, "queue was run before it was bound");
		return PT_RUN_ERROR;
	}
	state = run_for(cpu, s->state, budget_ns, err);
	pt_threads_rest(cpu->pool);
	return state;
}

const PtDeviceType pt_cpu_device = {
	.abi = PT_DEVICE_ABI,
	.name = "cpu",
	.shares_host = true,
	.open = open_device,
	.close = close_device,
	.info = info,
	.alloc = alloc,
	.free = free_memory,
	.upload = copy,
	.download = copy,
	.supports = supports,
	.prepare = prepare,
	.bind = bind,
	.launch = launch,
	.wait = await,
	.unbind = unbind,
};
