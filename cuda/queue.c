/*
 * queue.c
 *	  Queues on the GPU: tasks put on a stream once, then captured and launched as one CUDA graph.
 *
 * The first run of a queue goes task by task: it loads kernels and lets libraries set themselves up,
 * which a capture must not have to, and a queue that runs once (a tensor function) pays for no
 * graph.  Before the second run they are captured; short runs that come by the thousand are then captured several to a graph,
 * so that one begins beside the end of the one before.  Once a queue has taken a quarter of a second its programs
 * are compiled, one at a time between two looks at the clock and no faster than they run, and the tasks are captured
 * anew.
 *
 * Runs are submitted in bursts, an event after each; a few bursts are under way at a time, each sized
 * to take about a millisecond, so the GPU never waits for the host and a cancel waits only for
 * a few milliseconds.  Nothing here blocks: events are polled.
 *
 * Memory:  a queue's tasks live in an arena that bind makes and unbind frees.
 * Errors:  a kernel notes bad data in the fault record; it is looked at after each burst.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cuda.h"
#include "depend.h"

#define BURSTS 8
#define BURST_NS 1000000
/* Runs in the larger of a queue's graphs: a power of two, of which a burst has at least as many. */
#define RUNS 8
/* Runs that take longer than this are at most two under way: a cancel waits for them. */
#define LONG_NS 20000000
/* Than this: one, though the GPU pauses between them. */
#define LONGEST_NS 250000000
/*
 * A queue that has kept us waiting this long has a program compiled: about what that costs.  The next one waits
 * until as much time has passed beside compiling as in it, so that it is never the larger part of the time.
 */
#define COMPILE_AFTER_NS 250000000
/* Less than compiling takes, and more than finding what was compiled before. */
#define COMPILED_NS 2000000
/* Polls this long without sleeping: what a single small run takes. */
#define SPIN_NS 300000
#define SLEEP_NS 20000

typedef struct Run
{
	PtArena *arena;
	PtCudaTask **tasks;
	int ntasks;
	cudaGraphExec_t graph, graph_of_runs; /* NULL: not captured, yet */
	bool no_graph, no_graph_of_runs;	  /* and will not be: tasks go on the stream one by one */
	int64_t waited_ns;					  /* in all */
	int64_t compiled_ns;				  /* of it, in compiling */
	int specialised;					  /* tasks that have had their chance to compile */
	bool stale;							  /* the graphs are of the time before that */
	int64_t submitted;					  /* runs since bind */

	int64_t left; /* runs to submit */
	/* bursts under way: a ring */
	cudaEvent_t done[BURSTS];
	int first, under_way;
	int depth;		  /* how many at a time */
	int64_t burst;	  /* runs in one */
	int64_t began_ns; /* when the oldest began: the one before was seen to be done; 0: unknown */
} Run;

static PtCuda *
cuda_of(PtDevice *dev)
{
	return (PtCuda *) dev;
}

static int64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t) t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---------- prepare ---------- */

static const PtCudaKernel *
kernel_of(const PtStep *step)
{
	return step->op != NULL ? pt_cuda_kernel_find(step->op->name) : NULL;
}

bool
pt_cuda_supports(PtDevice *d, const PtStep *step)
{
	const PtCudaKernel *kernel = kernel_of(step);

	(void) d;
	return step->op == NULL || (kernel != NULL && (step->epilogue == NULL || kernel->epilogue));
}

static bool
prepare_step(PtCuda *dev, PtStep *step, PtError *err)
{
	const PtCudaKernel *kernel = kernel_of(step);

	step->workspace = 0;
	step->kernel = (void *) kernel;
	if (!pt_cuda_supports(&dev->base, step))
	{
		pt_fail(err, PT_EUNSUPPORTED,
				kernel == NULL ? "%s is not implemented on device \"cuda\""
							   : "%s has no epilogue on device \"cuda\"",
				pt_step_name(step));
		return step->path == NULL ? false : pt_detail(err, "In module %s.", step->path);
	}
	if ((step->program != NULL && !pt_cuda_check_program(step->program, step->path, err)) ||
		(step->epilogue != NULL && !pt_cuda_check_program(step->epilogue, step->path, err)))
		return false;
	return kernel == NULL || kernel->prepare == NULL || kernel->prepare(dev, step, err);
}

bool
pt_cuda_prepare(PtDevice *d, PtQueue *s, PtError *err)
{
	s->state = NULL;
	for (int i = 0; i < s->nsteps; i++)
		if (!prepare_step(cuda_of(d), &s->steps[i], err))
			return false;
	return true;
}

/* ---------- bind, unbind ---------- */

/* Waits until nothing that was submitted is under way, be it a burst that was not completed. */
static void
drain(PtCuda *dev, Run *r)
{
	(void) cudaStreamSynchronize(dev->stream);
	r->under_way = 0;
	r->left = 0;
	r->began_ns = 0;
}

static void
drop_graphs(Run *r)
{
	if (r->graph != NULL)
		(void) cudaGraphExecDestroy(r->graph);
	if (r->graph_of_runs != NULL)
		(void) cudaGraphExecDestroy(r->graph_of_runs);
	r->graph = r->graph_of_runs = NULL;
	r->stale = false;
}

static void
free_run(PtCuda *dev, Run *r)
{
	if (r == NULL)
		return;
	if (dev->running == r)
	{
		drain(dev, r);
		dev->running = NULL;
	}
	drop_graphs(r);
	for (int i = 0; i < BURSTS; i++)
		if (r->done[i] != NULL)
			(void) cudaEventDestroy(r->done[i]);
	for (int i = 0; i < r->ntasks; i++)
		if (r->tasks[i]->release != NULL)
			r->tasks[i]->release(r->tasks[i]);
	free(r->tasks);
	pt_arena_free(r->arena);
	free(r);
	/* errors of a lost device were reported when it was lost */
	(void) cudaGetLastError();
}

void
pt_cuda_unbind(PtDevice *d, PtQueue *s)
{
	free_run(cuda_of(d), s->state);
	s->state = NULL;
}

static bool
bind_step(PtCudaBind *b, PtStep *step)
{
	const PtCudaKernel *kernel = step->kernel;

	if (kernel == NULL)
		return pt_cuda_add_program(b, step, step->program, step->in, NULL, step->out);
	b->variant = kernel->variant;
	return kernel->bind(b, step);
}

/* Drops the tasks of steps that others do.  The rest keep their numbers, which kernels may have been given. */
static void
settle(PtCudaBind *b)
{
	int n = 0;

	for (int i = 0; i < b->ntasks; i++)
	{
		PtCudaTask *task = b->tasks[i];

		if (!b->done_elsewhere[task->step - b->queue->steps])
			b->tasks[n++] = task;
		else if (task->release != NULL)
			task->release(task);
	}
	b->ntasks = n;
}

bool
pt_cuda_bind(PtDevice *d, PtQueue *s, PtError *err)
{
	PtCuda *dev = cuda_of(d);
	PtCudaBind b = {.dev = dev, .queue = s, .err = err};
	Run *r = calloc(1, sizeof(Run));
	cudaError_t error;
	bool ok = true;

	pt_cuda_unbind(d, s);
	b.arena = pt_arena_new();
	if (b.arena != NULL)
		b.done_elsewhere = pt_arena_alloc(b.arena, (size_t) s->nsteps + 1);
	if (r == NULL || b.done_elsewhere == NULL)
	{
		free(r);
		pt_arena_free(b.arena);
		return pt_fail_memory(err, sizeof(Run));
	}
	r->arena = b.arena;
	r->burst = 1;
	r->depth = 2;
	for (int i = 0; ok && i < s->nsteps; i++)
		ok = bind_step(&b, &s->steps[i]);
	settle(&b);
	r->tasks = b.tasks;
	r->ntasks = b.ntasks;
	for (int i = 0; ok && i < BURSTS; i++)
		if ((error = cudaEventCreateWithFlags(&r->done[i], cudaEventDisableTiming)) != cudaSuccess)
			ok = pt_cuda_fail(dev, error, "creating an event", err);
	if (!ok)
	{
		free_run(dev, r);
		return false;
	}
	s->state = r;
	return true;
}

/* ---------- running ---------- */

/* A run that was left before it was done, of whatever queue, is waited for: it would note its faults as ours. */
bool
pt_cuda_launch(PtDevice *d, PtQueue *s, int64_t repeat, PtError *err)
{
	PtCuda *dev = cuda_of(d);
	Run *r = s->state;
	cudaError_t error;

	if (r == NULL)
		return pt_fail(err, PT_EINTERNAL, "queue was launched before it was bound");
	if (dev->running != NULL)
		drain(dev, dev->running);
	dev->running = r;
	/* what was fed before; of an event never recorded nothing is awaited */
	if ((error = cudaStreamWaitEvent(dev->stream, dev->fed, 0)) != cudaSuccess)
		return pt_cuda_fail(dev, error, "waiting for data", err);
	dev->fault->set = 0;
	/* of a thread that sees set before it sees the key none is overlooked */
	dev->fault->key = ~0ULL;
	r->left = repeat;
	return true;
}

static bool
submit_task(PtCuda *dev, PtCudaTask *task, PtError *err)
{
	cudaError_t error = task->launch(task, dev->stream);
	char what[128];

	if (error == cudaSuccess)
		return true;
	snprintf(what, sizeof(what), "launching %s", pt_step_name(task->step));
	return pt_cuda_fail(dev, error, what, err);
}

static bool
submit_tasks(PtCuda *dev, PtCudaTask **tasks, int ntasks, PtError *err)
{
	for (int i = 0; i < ntasks; i++)
		if (!submit_task(dev, tasks[i], err))
			return false;
	return true;
}

#if CUDART_VERSION >= 13000

/* The nodes that stand for a task: what waits for it waits for them. */
typedef struct Nodes
{
	cudaGraphNode_t *node;
	size_t n;
} Nodes;

/* Makes the stream's next operation wait for the tasks that task i waits for, and no others. */
static bool
set_dependencies(PtCuda *dev, const PtCudaOrder *order, const Nodes *nodes)
{
	size_t n = 0;
	cudaGraphNode_t *all;
	bool ok;

	for (int k = 0; k < order->n; k++)
		n += nodes[order->on[k]].n;
	all = malloc((n + 1) * sizeof(cudaGraphNode_t));
	if (all == NULL)
		return false;
	n = 0;
	for (int k = 0; k < order->n; k++)
		for (size_t j = 0; j < nodes[order->on[k]].n; j++)
		{
			size_t at = 0;

			/* each once: a task that puts nothing on the stream stands for those before it */
			while (at < n && all[at] != nodes[order->on[k]].node[j])
				at++;
			all[at] = nodes[order->on[k]].node[j];
			n = at == n ? n + 1 : n;
		}
	ok = cudaStreamUpdateCaptureDependencies(dev->stream, all, NULL, n,
											 cudaStreamSetCaptureDependencies) == cudaSuccess;
	free(all);
	return ok;
}

/* Remembers what the stream's next operation would wait for now. */
static bool
get_nodes(PtCuda *dev, Nodes *nodes)
{
	enum cudaStreamCaptureStatus status;
	const cudaGraphNode_t *node = NULL;
	size_t n = 0;

	if (cudaStreamGetCaptureInfo(dev->stream, &status, NULL, NULL, &node, NULL, &n) !=
			cudaSuccess ||
		status != cudaStreamCaptureStatusActive)
		return false;
	nodes->node = malloc((n + 1) * sizeof(cudaGraphNode_t));
	if (nodes->node == NULL)
		return false;
	memcpy(nodes->node, node, n * sizeof(cudaGraphNode_t));
	nodes->n = n;
	return true;
}

/* While the stream is captured: tasks wait for those that they must, and run beside the others. */
static bool
submit_side_by_side(PtCuda *dev, PtCudaTask **tasks, int ntasks, const PtCudaOrder *order,
					PtError *err)
{
	Nodes *nodes = calloc((size_t) ntasks + 1, sizeof(Nodes));
	bool ok = nodes != NULL;

	for (int i = 0; ok && i < ntasks; i++)
		ok = set_dependencies(dev, &order[i], nodes) && submit_task(dev, tasks[i], err) &&
			 get_nodes(dev, &nodes[i]);
	for (int i = 0; nodes != NULL && i < ntasks; i++)
		free(nodes[i].node);
	free(nodes);
	return ok;
}

#else

static bool
submit_side_by_side(PtCuda *dev, PtCudaTask **tasks, int ntasks, const PtCudaOrder *order,
					PtError *err)
{
	(void) order;
	return submit_tasks(dev, tasks, ntasks, err);
}

#endif

/* NULL: the tasks cannot be captured in this order (NULL: one after the other). */
static cudaGraphExec_t
capture_in_order(PtCuda *dev, PtCudaTask **tasks, int ntasks, const PtCudaOrder *order)
{
	cudaGraph_t graph = NULL;
	cudaGraphExec_t exec = NULL;
	PtError ignored;
	bool ok = cudaStreamBeginCapture(dev->stream, cudaStreamCaptureModeRelaxed) == cudaSuccess;

	if (ok)
	{
		bool submitted = order != NULL ? submit_side_by_side(dev, tasks, ntasks, order, &ignored)
									   : submit_tasks(dev, tasks, ntasks, &ignored);

		ok = cudaStreamEndCapture(dev->stream, &graph) == cudaSuccess && submitted && graph != NULL;
	}
	if (!ok || cudaGraphInstantiate(&exec, graph, 0) != cudaSuccess)
	{
		exec = NULL;
		(void) cudaGetLastError();
	}
	if (graph != NULL)
		(void) cudaGraphDestroy(graph);
	return exec;
}

/* So many runs as one graph.  NULL: there can be none, which costs speed and nothing else. */
static cudaGraphExec_t
capture(PtCuda *dev, Run *r, int runs)
{
	PtArena *arena = pt_arena_new();
	int n = runs * r->ntasks;
	PtCudaTask **tasks =
		arena != NULL ? pt_arena_alloc(arena, (size_t) (n + 1) * sizeof(PtCudaTask *)) : NULL;
	PtCudaOrder *order = NULL;
	cudaGraphExec_t exec = NULL;
	bool lost = dev->lost;

	if (tasks != NULL)
	{
		for (int i = 0; i < n; i++)
			tasks[i] = r->tasks[i % r->ntasks];
		order = pt_cuda_order(arena, tasks, n);
		if (order != NULL)
			exec = capture_in_order(dev, tasks, n, order);
		if (exec == NULL)
			exec = capture_in_order(dev, tasks, n, NULL);
	}
	pt_arena_free(arena);
	if (exec != NULL)
		dev->captured++;
	else
	{
		dev->not_captured++;
		/* if it is, the next call says so */
		dev->lost = lost;
	}
	return exec;
}

/* Lets the next tasks compile, if it is time for that: up to one that takes time, as it was not compiled before. */
static bool
specialise(PtCuda *dev, Run *r, PtError *err)
{
	int64_t spent = r->compiled_ns;

	if (r->waited_ns < COMPILE_AFTER_NS + 2 * r->compiled_ns || r->left == 0)
		return true;
	while (r->specialised < r->ntasks && r->compiled_ns - spent < COMPILED_NS)
	{
		PtCudaTask *task = r->tasks[r->specialised++];
		cudaError_t (*before)(PtCudaTask *, cudaStream_t) = task->launch;
		int64_t started = now_ns();

		if (task->specialise == NULL)
			continue;
		if (!task->specialise(dev, task, err))
			return false;
		r->compiled_ns += now_ns() - started;
		if (task->launch != before)
			r->stale = r->graph != NULL || r->graph_of_runs != NULL;
	}
	return true;
}

/* Whether the next runs, up to n, go as the graph of several; not where the order of so many tasks is not looked for. */
static bool
several(PtCuda *dev, Run *r, int64_t n)
{
	if (n < RUNS || r->burst < RUNS || r->no_graph || r->no_graph_of_runs ||
		r->ntasks > PT_CUDA_ORDER_MAX / RUNS)
		return false;
	if (r->graph_of_runs == NULL)
		r->graph_of_runs = capture(dev, r, RUNS);
	r->no_graph_of_runs = r->graph_of_runs == NULL;
	return !r->no_graph_of_runs;
}

/* Puts the next runs, up to n, on the stream; *runs: how many. */
static bool
submit_next(PtCuda *dev, Run *r, int64_t n, int64_t *runs, PtError *err)
{
	cudaGraphExec_t graph;
	cudaError_t error;

	*runs = 1;
	if (r->submitted == 0)
		return submit_tasks(dev, r->tasks, r->ntasks, err);
	if (several(dev, r, n))
	{
		*runs = RUNS;
		graph = r->graph_of_runs;
	}
	else
	{
		if (r->graph == NULL && !r->no_graph)
			r->no_graph = (r->graph = capture(dev, r, 1)) == NULL;
		if (r->graph == NULL)
			return submit_tasks(dev, r->tasks, r->ntasks, err);
		graph = r->graph;
	}
	error = cudaGraphLaunch(graph, dev->stream);
	return error == cudaSuccess ? true : pt_cuda_fail(dev, error, "launching a graph", err);
}

/* Puts n runs on the stream, and an event after them. */
static bool
submit(PtCuda *dev, Run *r, int64_t n, PtError *err)
{
	cudaError_t error;

	if (r->stale)
		drop_graphs(r);
	/* one at a time would otherwise never be seen to have become short */
	if (r->depth == 1)
		r->began_ns = now_ns();
	for (int64_t i = 0, runs; i < n; i += runs)
	{
		if (!submit_next(dev, r, n - i, &runs, err))
			return false;
		r->submitted += runs;
	}
	error = cudaEventRecord(r->done[(r->first + r->under_way) % BURSTS], dev->stream);
	if (error != cudaSuccess)
		return pt_cuda_fail(dev, error, "recording an event", err);
	r->under_way++;
	r->left -= n;
	return true;
}

/* What a kernel found wrong, in words. */
static bool
explain(PtCuda *dev, Run *r, PtError *err)
{
	PtCudaFault fault;
	int number;

	drain(dev, r);
	fault = *dev->fault;
	number = (int) (fault.key >> 40);
	for (int i = 0; i < r->ntasks; i++)
		if (r->tasks[i]->number == number && r->tasks[i]->explain != NULL)
			return r->tasks[i]->explain(r->tasks[i], &fault, err);
	return pt_fail(err, PT_EINTERNAL, "task %d noted value %lld at %lld", number, fault.value,
				   fault.place);
}

/* The oldest burst is done: the next ones are sized by how long it took. */
static void
retire(Run *r)
{
	int64_t now = now_ns();

	/* with a burst behind it, it was a whole one, and the GPU did not pause before it */
	if (r->began_ns > 0 && (r->under_way > 1 || r->depth == 1))
	{
		int64_t took = now - r->began_ns;

		if (took < BURST_NS / 2 && r->burst < 1 << 16)
			r->burst *= 2;
		else if (took > 2 * BURST_NS && r->burst > 1)
			r->burst /= 2;
		r->depth = took > LONGEST_NS ? 1 : took > LONG_NS ? 2 : BURSTS;
	}
	r->first = (r->first + 1) % BURSTS;
	r->under_way--;
	r->began_ns = r->under_way > 0 ? now : 0;
}

PtRun
pt_cuda_wait(PtDevice *d, PtQueue *s, int64_t budget_ns, PtError *err)
{
	PtCuda *dev = cuda_of(d);
	Run *r = s->state;
	int64_t started = now_ns(), counted = 0;

	if (r == NULL)
	{
		pt_fail(err, PT_EINTERNAL, "queue was run before it was bound");
		return PT_RUN_ERROR;
	}
	for (;;)
	{
		cudaError_t error;
		int64_t waited;

		if (!specialise(dev, r, err))
		{
			drain(dev, r);
			return PT_RUN_ERROR;
		}
		/* a graph is not dropped while it runs */
		while (r->left > 0 && r->under_way < (r->stale ? 1 : r->depth))
			if (!submit(dev, r, r->left < r->burst ? r->left : r->burst, err))
			{
				drain(dev, r);
				return PT_RUN_ERROR;
			}
		if (r->under_way == 0)
			return PT_RUN_DONE;
		error = cudaEventQuery(r->done[r->first]);
		if (error == cudaSuccess)
		{
			retire(r);
			if (((volatile PtCudaFault *) dev->fault)->set != 0)
			{
				explain(dev, r, err);
				return PT_RUN_ERROR;
			}
			if (r->left == 0 && r->under_way == 0)
				return PT_RUN_DONE;
		}
		else if (error != cudaErrorNotReady)
		{
			pt_cuda_fail(dev, error, "running a plan", err);
			drain(dev, r);
			return PT_RUN_ERROR;
		}
		else
			/* CUDA remembers this as an error, which the next launch would report as its own */
			(void) cudaGetLastError();
		/* also between bursts that are done at once: submitting them may be what takes long */
		waited = now_ns() - started;
		r->waited_ns += waited - counted;
		counted = waited;
		if (waited >= budget_ns)
			return PT_RUN_MORE;
		if (error == cudaErrorNotReady && waited > SPIN_NS)
			nanosleep(&(struct timespec){0, SLEEP_NS}, NULL);
	}
}
