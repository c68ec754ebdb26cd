/*
 * state.h
 *	  Inside the emulated runtime API: its objects and how calls begin.
 */
#ifndef PT_EMULATOR_STATE_H
#define PT_EMULATOR_STATE_H

#include <deque>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "emulator.h"

/* Who has come how far in a stream. */
struct Mark
{
	CUstream_st *stream = nullptr; /* where it was recorded last */
	uint64_t recorded = 0, done = 0;
	uint64_t captured = 0;				/* recorded in this capture; 0: in none */
	std::vector<cudaGraphNode_t> nodes; /* what it stands for there */
};

typedef std::function<cudaError_t()> Work;

struct CUgraphNode_st
{
	Work work;
	std::vector<size_t> on; /* nodes before it that it waits for */
	size_t place;
	CUgraph_st *graph;
};

struct CUgraph_st
{
	std::deque<CUgraphNode_st> nodes; /* they stay where they are */
};

struct CUgraphExec_st
{
	std::shared_ptr<std::deque<CUgraphNode_st>> nodes;
};

struct CUevent_st
{
	std::shared_ptr<Mark> mark = std::make_shared<Mark>();
};

struct CUstream_st
{
	std::deque<Work> queue;
	bool blocking = true; /* with the NULL stream */
	CUgraph_st *capture = nullptr;
	uint64_t capture_id = 0;			  /* no two captures have the same */
	std::vector<cudaGraphNode_t> waits;	  /* what the next captured operation waits for */
	std::vector<cudaGraphEdgeData> edges; /* as many, for those who ask */
	cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
	bool invalid = false; /* the capture is broken */
};

enum Place
{
	HOST,
	PINNED,
	DEVICE
};

struct Piece
{
	size_t size;
	Place place;
};

struct Failure
{
	std::string what;
	long nth, error; /* error 0: the call's own */
	bool later;		 /* all calls from then on */
	long count;
};

/* Lives as long as the process. */
struct State
{
	cudaError_t last = cudaSuccess, broken = cudaSuccess;
	size_t used = 0;
	std::map<uintptr_t, Piece> memory;
	CUstream_st null_stream;
	std::set<CUstream_st *> streams;
	std::set<CUevent_st *> events;
	std::set<CUgraph_st *> graphs;
	std::set<CUgraphExec_st *> execs;
	std::map<const void *, size_t> shared_limit;
	std::string fail_text;
	std::vector<Failure> failures;
	int on_device = 0;
};

namespace emulator
{
/* runtime.cc */
State &state();
/* Notes an error as the last one. */
cudaError_t say(cudaError_t error);

/* memory.cc: while one lives, the host may touch device memory */
struct OnDevice
{
	OnDevice();
	~OnDevice();
};
/* Frees all. */
void drop_memory();
size_t memory_size();

/* streams.cc */

/* Does work, unless the context is broken; it may break it. */
void run(const Work &work);
/* Does one item of a stream, or all; false: there is none. */
bool step(CUstream_st *stream);
void finish(CUstream_st *stream);
void finish_all();
/* What the NULL stream waits for; false: that would break a capture, and does. */
bool finish_blocking();
/* NULL if there is no such stream. */
CUstream_st *stream_of(cudaStream_t stream);
/*
 * For a call that might wait: not while something is captured, unless relaxed; that breaks the
 * capture.
 */
cudaError_t not_in_capture();
} // namespace emulator

/* How calls begin: errors that were asked for, or that stick. */
#define ENTER_OR(otherwise)                                          \
	do                                                               \
	{                                                                \
		cudaError_t error_ = pt_emulator_enter(__func__, otherwise); \
                                                                     \
		if (error_ != cudaSuccess)                                   \
			return error_;                                           \
	} while (0)
#define ENTER() ENTER_OR(cudaErrorUnknown)

#define ENTER_WAITING_OR(otherwise)                   \
	do                                                \
	{                                                 \
		ENTER_OR(otherwise);                          \
		if (not_in_capture() != cudaSuccess)          \
			return cudaErrorStreamCaptureUnsupported; \
	} while (0)
#define ENTER_WAITING() ENTER_WAITING_OR(cudaErrorUnknown)

#define CHECK_VALUE(condition, error) \
	do                                \
	{                                 \
		if (!(condition))             \
			return say(error);        \
	} while (0)

#endif
