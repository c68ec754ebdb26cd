/*
 * streams.cc
 *	  Streams, events and graphs of the emulated GPU.
 *
 * A stream is a queue that nobody works on: a query of it, or of an event of it, does one item (a
 * graph is one), a synchronisation all.  So work that is not waited for is not done.  Operations
 * on the NULL stream and on streams that block with it wait for each other as CUDA says.
 * A graph runs its nodes in random order, as far as their dependencies allow.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>

#include "state.h"

#define MAX_QUEUE 1024 /* a launch waits for the queue to be shorter */

using namespace emulator;

/* ---------- running ---------- */

void
emulator::run(const Work &work)
{
	State &s = state();

	if (s.broken == cudaSuccess)
	{
		OnDevice guard;
		cudaError_t error = work();

		if (s.broken == cudaSuccess)
			s.broken = error;
	}
}

bool
emulator::step(CUstream_st *stream)
{
	Work work;

	if (stream->queue.empty())
		return false;
	work = std::move(stream->queue.front());
	stream->queue.pop_front();
	run(work);
	return true;
}

void
emulator::finish(CUstream_st *stream)
{
	while (step(stream))
		;
}

bool
emulator::finish_blocking()
{
	State &s = state();

	for (CUstream_st *stream : s.streams)
		if (stream->blocking && stream->capture != nullptr)
		{
			stream->invalid = true;
			return false;
		}
	for (CUstream_st *stream : s.streams)
		if (stream->blocking)
			finish(stream);
	return true;
}

void
emulator::finish_all()
{
	finish(&state().null_stream);
	for (CUstream_st *stream : state().streams)
		finish(stream);
}

CUstream_st *
emulator::stream_of(cudaStream_t stream)
{
	if (stream == NULL)
		return &state().null_stream;
	return state().streams.count(stream) != 0 ? stream : nullptr;
}

/* A captured operation; the next one waits for it. */
static void
add_node(CUstream_st *stream, Work work)
{
	std::deque<CUgraphNode_st> &nodes = stream->capture->nodes;
	CUgraphNode_st node{std::move(work), {}, nodes.size(), stream->capture};

	for (cudaGraphNode_t on : stream->waits)
		node.on.push_back(on->place);
	nodes.push_back(std::move(node));
	stream->waits.assign(1, &nodes.back());
}

static void
add_waits(CUstream_st *stream, const std::vector<cudaGraphNode_t> &nodes)
{
	for (cudaGraphNode_t node : nodes)
		if (std::find(stream->waits.begin(), stream->waits.end(), node) == stream->waits.end())
			stream->waits.push_back(node);
}

cudaError_t
pt_emulator_add(cudaStream_t handle, std::function<cudaError_t()> work)
{
	State &s = state();
	CUstream_st *stream = stream_of(handle);

	CHECK_VALUE(stream != nullptr, cudaErrorInvalidResourceHandle);
	if (stream->capture != nullptr)
	{
		CHECK_VALUE(!stream->invalid, cudaErrorStreamCaptureInvalidated);
		add_node(stream, std::move(work));
		return cudaSuccess;
	}
	if (handle == NULL)
		CHECK_VALUE(finish_blocking(), cudaErrorStreamCaptureImplicit);
	else if (stream->blocking)
		finish(&s.null_stream);
	stream->queue.push_back(std::move(work));
	if (stream->queue.size() > MAX_QUEUE)
		step(stream);
	return cudaSuccess;
}

cudaError_t
emulator::not_in_capture()
{
	for (CUstream_st *stream : state().streams)
		if (stream->capture != nullptr && stream->mode != cudaStreamCaptureModeRelaxed)
		{
			stream->invalid = true;
			return say(cudaErrorStreamCaptureUnsupported);
		}
	return cudaSuccess;
}

/* ---------- streams ---------- */

cudaError_t
cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags)
{
	ENTER();
	CHECK_VALUE(flags <= cudaStreamNonBlocking, cudaErrorInvalidValue);
	*stream = new CUstream_st();
	(*stream)->blocking = flags == cudaStreamDefault;
	state().streams.insert(*stream);
	return cudaSuccess;
}

cudaError_t
cudaStreamDestroy(cudaStream_t stream)
{
	CHECK_VALUE(stream != NULL && stream_of(stream) != nullptr, cudaErrorInvalidResourceHandle);
	finish(stream);
	if (stream->capture != nullptr)
		delete stream->capture;
	state().streams.erase(stream);
	delete stream;
	ENTER();
	return cudaSuccess;
}

/* Common to waiting for a stream and asking it. */
static cudaError_t
check_wait(CUstream_st *stream)
{
	CHECK_VALUE(stream != nullptr, cudaErrorInvalidResourceHandle);
	if (stream->capture != nullptr)
	{
		stream->invalid = true;
		return say(cudaErrorStreamCaptureUnsupported);
	}
	return cudaSuccess;
}

cudaError_t
cudaStreamSynchronize(cudaStream_t handle)
{
	CUstream_st *stream = stream_of(handle);

	ENTER_WAITING();
	if (check_wait(stream) != cudaSuccess)
		return state().last;
	finish(stream);
	return say(state().broken);
}

cudaError_t
cudaStreamQuery(cudaStream_t handle)
{
	CUstream_st *stream = stream_of(handle);

	ENTER_WAITING();
	if (check_wait(stream) != cudaSuccess)
		return state().last;
	step(stream);
	return say(state().broken != cudaSuccess ? state().broken
			   : stream->queue.empty()		 ? cudaSuccess
											 : cudaErrorNotReady);
}

/* ---------- events ---------- */

cudaError_t
cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags)
{
	ENTER();
	CHECK_VALUE(flags <= 3, cudaErrorInvalidValue);
	*event = new CUevent_st();
	state().events.insert(*event);
	return cudaSuccess;
}

cudaError_t
cudaEventDestroy(cudaEvent_t event)
{
	CHECK_VALUE(state().events.erase(event) != 0, cudaErrorInvalidResourceHandle);
	delete event;
	ENTER();
	return cudaSuccess;
}

cudaError_t
cudaEventRecord(cudaEvent_t event, cudaStream_t handle)
{
	CUstream_st *stream = stream_of(handle);
	std::shared_ptr<Mark> mark;
	uint64_t number;
	cudaError_t error;

	ENTER();
	CHECK_VALUE(state().events.count(event) != 0 && stream != nullptr,
				cudaErrorInvalidResourceHandle);
	if (stream->capture != nullptr)
	{
		CHECK_VALUE(!stream->invalid, cudaErrorStreamCaptureInvalidated);
		event->mark->captured = stream->capture_id;
		event->mark->nodes = stream->waits;
		return cudaSuccess;
	}
	mark = event->mark;
	number = mark->recorded + 1;
	error = pt_emulator_add(handle, [=] {
		mark->done = number;
		return cudaSuccess;
	});
	if (error != cudaSuccess)
		return error;
	mark->captured = 0;
	mark->recorded = number;
	mark->stream = stream;
	return cudaSuccess;
}

/* Common to waiting for an event and asking it. */
static cudaError_t
check_event(cudaEvent_t event)
{
	CHECK_VALUE(state().events.count(event) != 0, cudaErrorInvalidResourceHandle);
	CHECK_VALUE(event->mark->captured == 0, cudaErrorCapturedEvent);
	return cudaSuccess;
}

cudaError_t
cudaEventQuery(cudaEvent_t event)
{
	ENTER_WAITING();
	if (check_event(event) != cudaSuccess)
		return state().last;
	if (event->mark->done < event->mark->recorded)
		step(event->mark->stream);
	return say(state().broken != cudaSuccess			   ? state().broken
			   : event->mark->done < event->mark->recorded ? cudaErrorNotReady
														   : cudaSuccess);
}

cudaError_t
cudaEventSynchronize(cudaEvent_t event)
{
	ENTER_WAITING();
	if (check_event(event) != cudaSuccess)
		return state().last;
	while (event->mark->done < event->mark->recorded && step(event->mark->stream))
		;
	return say(state().broken);
}

/* Captures of several streams into one graph are not emulated. */
cudaError_t
cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned flags)
{
	CUstream_st *stream = stream_of(handle);
	std::shared_ptr<Mark> mark;
	uint64_t number;

	ENTER();
	CHECK_VALUE(state().events.count(event) != 0 && stream != nullptr,
				cudaErrorInvalidResourceHandle);
	CHECK_VALUE(flags == 0, cudaErrorInvalidValue);
	mark = event->mark;
	number = mark->recorded;
	if (stream->capture != nullptr && mark->captured == stream->capture_id)
	{
		CHECK_VALUE(!stream->invalid, cudaErrorStreamCaptureInvalidated);
		add_waits(stream, mark->nodes);
		return cudaSuccess;
	}
	if (stream->capture != nullptr)
	{
		stream->invalid = true;
		return say(cudaErrorStreamCaptureIsolation);
	}
	if (mark->captured != 0)
	{
		fprintf(stderr,
				"cuda emulator: a capture that spreads to another stream is not emulated\n");
		return say(cudaErrorNotSupported);
	}
	if (mark->done >= number)
		return cudaSuccess;
	return pt_emulator_add(handle, [=] {
		while (mark->done < number && state().broken == cudaSuccess && step(mark->stream))
			;
		return cudaSuccess;
	});
}

/* ---------- graphs ---------- */

cudaError_t
cudaStreamBeginCapture(cudaStream_t handle, enum cudaStreamCaptureMode mode)
{
	static uint64_t captures;
	CUstream_st *stream = stream_of(handle);

	ENTER();
	CHECK_VALUE(stream != nullptr, cudaErrorInvalidResourceHandle);
	CHECK_VALUE(handle != NULL, cudaErrorStreamCaptureUnsupported);
	CHECK_VALUE(mode <= cudaStreamCaptureModeRelaxed, cudaErrorInvalidValue);
	CHECK_VALUE(stream->capture == nullptr, cudaErrorIllegalState);
	stream->capture = new CUgraph_st();
	stream->capture_id = ++captures;
	stream->waits.clear();
	stream->mode = mode;
	stream->invalid = false;
	return cudaSuccess;
}

cudaError_t
cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t *graph)
{
	CUstream_st *stream = stream_of(handle);
	cudaError_t error;

	*graph = NULL;
	CHECK_VALUE(stream != nullptr, cudaErrorInvalidResourceHandle);
	CHECK_VALUE(stream->capture != nullptr, cudaErrorIllegalState);
	error = pt_emulator_enter(__func__, cudaErrorUnknown);
	if (error == cudaSuccess && stream->invalid)
		error = say(cudaErrorStreamCaptureInvalidated);
	if (error == cudaSuccess)
		state().graphs.insert(*graph = stream->capture);
	else
		delete stream->capture;
	stream->capture = nullptr;
	stream->waits.clear();
	return error;
}

cudaError_t
cudaStreamGetCaptureInfo(cudaStream_t handle, enum cudaStreamCaptureStatus *status,
						 unsigned long long *id, cudaGraph_t *graph,
						 const cudaGraphNode_t **dependencies, const cudaGraphEdgeData **edges,
						 size_t *count)
{
	CUstream_st *stream = stream_of(handle);

	ENTER();
	CHECK_VALUE(stream != nullptr, cudaErrorInvalidResourceHandle);
	CHECK_VALUE(status != NULL && (edges == NULL || dependencies != NULL), cudaErrorInvalidValue);
	for (CUstream_st *other : state().streams)
		CHECK_VALUE(handle != NULL || !other->blocking || other->capture == nullptr,
					cudaErrorStreamCaptureImplicit);
	*status = stream->capture == nullptr ? cudaStreamCaptureStatusNone
			  : stream->invalid			 ? cudaStreamCaptureStatusInvalidated
										 : cudaStreamCaptureStatusActive;
	if (*status != cudaStreamCaptureStatusActive)
		return cudaSuccess;
	if (id != NULL)
		*id = stream->capture_id;
	if (graph != NULL)
		*graph = stream->capture;
	if (dependencies != NULL)
		*dependencies = stream->waits.data();
	stream->edges.assign(stream->waits.size(), cudaGraphEdgeData());
	if (edges != NULL)
		*edges = stream->edges.data();
	if (count != NULL)
		*count = stream->waits.size();
	return cudaSuccess;
}

cudaError_t
cudaStreamUpdateCaptureDependencies(cudaStream_t handle, cudaGraphNode_t *dependencies,
									const cudaGraphEdgeData *edges, size_t count, unsigned flags)
{
	const cudaGraphEdgeData ordinary = {};
	CUstream_st *stream = stream_of(handle);
	std::vector<cudaGraphNode_t> added;

	ENTER();
	CHECK_VALUE(stream != nullptr, cudaErrorInvalidResourceHandle);
	CHECK_VALUE(stream->capture != nullptr, cudaErrorIllegalState);
	CHECK_VALUE(!stream->invalid, cudaErrorStreamCaptureInvalidated);
	CHECK_VALUE(flags <= cudaStreamSetCaptureDependencies && (dependencies != NULL || count == 0),
				cudaErrorInvalidValue);
	for (size_t i = 0; edges != NULL && i < count; i++)
		if (memcmp(&edges[i], &ordinary, sizeof(ordinary)) != 0)
		{
			fprintf(stderr, "cuda emulator: edges of graphs that are not zero are not emulated\n");
			return say(cudaErrorNotSupported);
		}
	for (size_t i = 0; i < count; i++)
	{
		bool ours = false;

		for (const CUgraphNode_st &node : stream->capture->nodes)
			ours = ours || &node == dependencies[i];
		CHECK_VALUE(ours, cudaErrorInvalidValue);
		added.push_back(dependencies[i]);
	}
	if (flags == cudaStreamSetCaptureDependencies)
		stream->waits.clear();
	add_waits(stream, added);
	return cudaSuccess;
}

cudaError_t
cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *count)
{
	ENTER();
	CHECK_VALUE(state().graphs.count(graph) != 0 && nodes == NULL, cudaErrorInvalidValue);
	*count = graph->nodes.size();
	return cudaSuccess;
}

cudaError_t
cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long flags)
{
	ENTER();
	CHECK_VALUE(state().graphs.count(graph) != 0 && (flags & ~15ull) == 0, cudaErrorInvalidValue);
	*exec = new CUgraphExec_st{std::make_shared<std::deque<CUgraphNode_st>>(graph->nodes)};
	state().execs.insert(*exec);
	return cudaSuccess;
}

/*
 * Nodes in some order that their dependencies allow, another one for each launch; for seed 0 as
 * they were captured.
 */
static void
run_nodes(const std::deque<CUgraphNode_st> &nodes, uint64_t launch)
{
	const char *text = getenv("CUDA_EMULATOR_SEED");
	uint64_t seed = text == NULL ? 1 : strtoull(text, NULL, 10);
	uint64_t draw = (seed * 0x9e3779b97f4a7c15u + launch) * 0xbf58476d1ce4e5b9u | 1;
	std::vector<size_t> missing(nodes.size()), ready;
	std::vector<std::vector<size_t>> followers(nodes.size());

	for (const CUgraphNode_st &node : nodes)
	{
		missing[node.place] = node.on.size();
		for (size_t on : node.on)
			followers[on].push_back(node.place);
		if (node.on.empty())
			ready.push_back(node.place);
	}
	while (!ready.empty())
	{
		size_t at, place;

		draw ^= draw << 13;
		draw ^= draw >> 7;
		draw ^= draw << 17;
		at = seed == 0 ? (size_t) (std::min_element(ready.begin(), ready.end()) - ready.begin())
					   : (size_t) ((draw >> 32) % ready.size());
		place = ready[at];
		ready[at] = ready.back();
		ready.pop_back();
		run(nodes[place].work);
		for (size_t next : followers[place])
			if (--missing[next] == 0)
				ready.push_back(next);
	}
}

cudaError_t
cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream)
{
	static uint64_t launches;
	std::shared_ptr<std::deque<CUgraphNode_st>> nodes;
	uint64_t launch;

	ENTER();
	CHECK_VALUE(state().execs.count(exec) != 0, cudaErrorInvalidValue);
	nodes = exec->nodes; /* it may be destroyed before it ran */
	launch = ++launches;
	return pt_emulator_add(stream, [=] {
		run_nodes(*nodes, launch);
		return state().broken;
	});
}

cudaError_t
cudaGraphExecDestroy(cudaGraphExec_t exec)
{
	CHECK_VALUE(state().execs.erase(exec) != 0, cudaErrorInvalidValue);
	delete exec;
	return cudaSuccess;
}

cudaError_t
cudaGraphDestroy(cudaGraph_t graph)
{
	CHECK_VALUE(state().graphs.erase(graph) != 0, cudaErrorInvalidValue);
	delete graph;
	return cudaSuccess;
}
