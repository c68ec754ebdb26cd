/*
 * test_emulator.cc
 *	  Whether the emulated GPU does what a GPU does, and finds what it should find.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

extern "C"
{
#include "../engine/check.h"
}
#include "cublasLt.h"
#include "cuda_runtime.h"
#include "engine/data/half.h"
#include "nvrtc.h"

#define OK(call) CHECK((call) == cudaSuccess)
#define ERROR_IS(call, error)                                                 \
	do                                                                        \
	{                                                                         \
		cudaError_t got_ = (call);                                            \
                                                                              \
		CHECK(got_ == (error), "%s gives %s", #call, cudaGetErrorName(got_)); \
	} while (0)

/* What is written on stderr meanwhile. */
static std::string
listen(const std::function<void()> &act)
{
	FILE *f = tmpfile();
	int kept = dup(2);
	char text[4096];
	size_t n;

	fflush(stderr);
	dup2(fileno(f), 2);
	act();
	fflush(stderr);
	dup2(kept, 2);
	close(kept);
	rewind(f);
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	return std::string(text, n);
}

template <class T>
static T *
pinned(size_t n)
{
	T *p = NULL;

	OK(cudaHostAlloc(&p, n * sizeof(T), cudaHostAllocMapped));
	memset(p, 0, n * sizeof(T));
	return p;
}

template <class T>
static T *
upload(const std::vector<T> &host)
{
	T *p = NULL;

	OK(cudaMalloc(&p, host.size() * sizeof(T)));
	OK(cudaMemcpy(p, host.data(), host.size() * sizeof(T), cudaMemcpyHostToDevice));
	return p;
}

template <class T>
static std::vector<T>
download(const T *p, size_t n)
{
	std::vector<T> host(n);

	OK(cudaMemcpy(host.data(), p, n * sizeof(T), cudaMemcpyDeviceToHost));
	return host;
}

static cudaStream_t stream;

static void
begin()
{
	OK(cudaDeviceReset());
	OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
}

/* ---------- kernels ---------- */

struct Pair
{
	float a, b;
};

static __global__ void __launch_bounds__(128) scale_kernel(float *x, int64_t n, Pair p)
{
	for (int64_t i = (int64_t) blockIdx.x * blockDim.x + threadIdx.x; i < n;
		 i += (int64_t) gridDim.x * blockDim.x)
		x[i] = x[i] * p.a + p.b;
}

static __global__ void
add_one_kernel(int *x)
{
	atomicAdd(x, 1);
}

template <typename T>
static __global__ void
sum_kernel(const T *x, int n, T *out, bool with_barrier)
{
	PT_SHARED(T, part);
	unsigned t = threadIdx.x;

	part[t] = (int) t < n ? x[t] : 0;
	__syncthreads();
	for (unsigned half = blockDim.x / 2; half > 0; half /= 2)
	{
		if (t < half)
			part[t] += part[t + half];
		if (with_barrier)
			__syncthreads();
	}
	if (t == 0)
		out[blockIdx.x] = part[0];
}

static __global__ void
warp_kernel(int *out)
{
	int t = (int) threadIdx.x, x = t * t, y;

	for (int i = 16; i > 0; i /= 2)
		x += __shfl_xor_sync(0xffffffffu, x, i);
	out[t * 6] = x;
	out[t * 6 + 1] = __shfl_down_sync(0xffffffffu, t, 3, 8);
	out[t * 6 + 2] = (int) __shfl_sync(0xffffffffu, (double) t, 5);
	out[t * 6 + 3] = (int) __ballot_sync(0xffffffffu, t % 3 == 0);
	out[t * 6 + 4] = __shfl_up_sync(0xffffffffu, t, 1);
	/* two halves of a warp on their own */
	if (t % 32 < 16)
		y = __shfl_sync(0x0000ffffu, t, 3);
	else
		y = __shfl_sync(0xffff0000u, t, 19);
	__syncwarp();
	out[t * 6 + 5] = y;
}

static __global__ void
shared_kernel(unsigned *out)
{
	PT_SHARED(unsigned, room);

	if (threadIdx.x == 0)
		out[blockIdx.x] = room[3];
	__syncthreads();
	room[threadIdx.x] = 1;
}

enum Bad
{
	SKIPPED,
	RETURNED,
	TWO_PLACES,
	LANES,
	MASK,
	MIXED
};

static __global__ void
bad_kernel(Bad bad, int *out)
{
	unsigned t = threadIdx.x;
	int x = 0;

	if (bad == RETURNED && t == 3)
		return;
	if (bad == SKIPPED && t >= 32)
		x = __shfl_sync(0xffffffffu, 1, 0);
	else if (bad == SKIPPED)
	{
		__syncthreads();
		x = __shfl_sync(0xffffffffu, 1, 0);
	}
	if (bad == TWO_PLACES && t < 32)
		__syncthreads();
	else if (bad != LANES && bad != MASK && bad != MIXED && bad != SKIPPED)
		__syncthreads();
	if (bad == LANES && t < 20)
		x = __shfl_sync(0xffffffffu, 1, 0);
	if (bad == MASK)
		x = __shfl_sync(0x0000ffffu, 1, 0);
	if (bad == MIXED && t % 2 == 0)
		x = __shfl_sync(0xffffffffu, 1, 0);
	else if (bad == MIXED)
		__syncwarp();
	out[t] = x;
}

static void
test_kernels()
{
	std::vector<float> host(1000);
	std::vector<int> numbers(256);
	float *x;
	int *n, *out, wrong = 0, total = 0;
	unsigned *room;

	begin();
	for (int i = 0; i < 1000; i++)
		host[(size_t) i] = (float) i;
	x = upload(host);
	OK(PT_LAUNCH(stream, 3, 128, 0, scale_kernel, x, 1000, Pair{2, 1}));
	OK(cudaStreamSynchronize(stream));
	host = download(x, 1000);
	for (int i = 0; i < 1000; i++)
		wrong += host[(size_t) i] != (float) (2 * i + 1);
	CHECK(wrong == 0, "%d of 1000", wrong);

	for (int i = 0; i < 256; i++)
		total += numbers[(size_t) i] = i % 7;
	n = upload(numbers);
	out = pinned<int>(192 * 6);
	OK(PT_LAUNCH(stream, 5, 256, 256 * sizeof(int), (sum_kernel<int>), n, 256, out, true));
	CHECK(out[0] == 0, "work is done before anyone waits");
	OK(cudaStreamSynchronize(stream));
	for (int i = 0; i < 5; i++)
		CHECK(out[i] == total, "block %d: %d, wanted %d", i, out[i], total);

	/* a missing barrier shows */
	wrong = 0;
	for (int i = 0; i < 10; i++)
	{
		OK(PT_LAUNCH(stream, 1, 256, 256 * sizeof(int), (sum_kernel<int>), n, 256, out, false));
		OK(cudaStreamSynchronize(stream));
		wrong += out[0] != total;
	}
	CHECK(wrong > 5, "only %d of 10 runs without a barrier are wrong", wrong);

	OK(PT_LAUNCH(stream, 1, 96, 0, warp_kernel, out));
	OK(cudaStreamSynchronize(stream));
	wrong = 0;
	for (int t = 0; t < 96; t++)
	{
		int first = t & ~31, squares = 0;
		unsigned thirds = 0;

		for (int i = 0; i < 32; i++)
		{
			squares += (first + i) * (first + i);
			thirds |= ((first + i) % 3 == 0 ? 1u : 0) << i;
		}
		wrong += out[t * 6] != squares;
		wrong += out[t * 6 + 1] != (t % 8 < 5 ? t + 3 : t);
		wrong += out[t * 6 + 2] != first + 5;
		wrong += out[t * 6 + 3] != (int) thirds;
		wrong += out[t * 6 + 4] != (t % 32 == 0 ? t : t - 1);
		wrong += out[t * 6 + 5] != first + (t % 32 < 16 ? 3 : 19);
	}
	CHECK(wrong == 0, "%d of 576", wrong);

	room = pinned<unsigned>(20);
	OK(PT_LAUNCH(stream, 20, 64, 64 * sizeof(unsigned), shared_kernel, room));
	OK(cudaStreamSynchronize(stream));
	for (int i = 0; i < 20; i++)
		CHECK(room[i] == 0xabababab, "block %d sees shared memory of another", i);

	ERROR_IS(PT_LAUNCH(stream, 0, 32, 0, add_one_kernel, n), cudaErrorInvalidConfiguration);
	ERROR_IS(PT_LAUNCH(stream, 1, 1025, 0, add_one_kernel, n), cudaErrorInvalidConfiguration);
	ERROR_IS(PT_LAUNCH(stream, 1, 32, 100000, add_one_kernel, n), cudaErrorInvalidValue);
	OK(cudaFuncSetAttribute(add_one_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 100000));
	OK(PT_LAUNCH(stream, 1, 32, 100000, add_one_kernel, n));
	OK(cudaStreamSynchronize(stream));
}

static void
test_barriers_missed()
{
	const struct
	{
		Bad bad;
		const char *says;
	} cases[] = {{SKIPPED, "wait"},
				 {RETURNED, "__syncthreads"},
				 {TWO_PLACES, "another in that at"},
				 {LANES, "lanes 000fffff of ffffffff"},
				 {MASK, "is not in its mask"},
				 {MIXED, " of ffffffff reached"}};

	for (const auto &c : cases)
	{
		int *out, value = 0;
		cudaError_t error = cudaSuccess;
		std::string said;

		begin();
		OK(cudaMalloc(&out, 64 * sizeof(int)));
		OK(PT_LAUNCH(stream, 2, 64, 0, bad_kernel, c.bad, out));
		said = listen([&] { error = cudaStreamSynchronize(stream); });
		CHECK(error == cudaErrorLaunchFailure, "case %d", c.bad);
		CHECK(said.find(c.says) != std::string::npos &&
				  said.find("\"bad_kernel\"") != std::string::npos,
			  "case %d says: %s", c.bad, said.c_str());
		/* it sticks */
		ERROR_IS(cudaMemcpy(&value, out, 4, cudaMemcpyDeviceToHost), cudaErrorLaunchFailure);
		ERROR_IS(cudaMalloc(&out, 4), cudaErrorLaunchFailure);
		ERROR_IS(PT_LAUNCH(stream, 1, 1, 0, add_one_kernel, out), cudaErrorLaunchFailure);
		ERROR_IS(cudaGetLastError(), cudaErrorLaunchFailure);
	}
	begin();
	test_kernels(); /* stacks that were left are good again */
}

/* ---------- memory, streams, events ---------- */

static void
test_memory()
{
	void *p, *q;
	size_t available, total, now;
	float x;

	begin();
	OK(cudaMemGetInfo(&available, &total));
	CHECK(total == (size_t) 1 << 30 && available == total);
	OK(cudaMalloc(&p, 1000));
	CHECK((uintptr_t) p % 256 == 0);
	OK(cudaMemGetInfo(&now, &total));
	CHECK(now == available - 1000);
	ERROR_IS(cudaMalloc(&q, total), cudaErrorMemoryAllocation);
	CHECK(q == NULL);
	ERROR_IS(cudaGetLastError(), cudaErrorMemoryAllocation);
	OK(cudaGetLastError());
	OK(cudaMemcpy(&x, p, 4, cudaMemcpyDeviceToHost));
	CHECK(isnan(x), "fresh memory looks like %g", x);
	ERROR_IS(cudaMemcpy(&x, (char *) p + 998, 4, cudaMemcpyDeviceToHost), cudaErrorInvalidValue);
	ERROR_IS(cudaMemcpy(&x, p, 4, cudaMemcpyHostToDevice), cudaErrorInvalidValue);
	OK(cudaMemset(p, 0, 1000));
	OK(cudaMemcpy(&x, p, 4, cudaMemcpyDefault));
	CHECK(x == 0);
	ERROR_IS(cudaFree((char *) p + 4), cudaErrorInvalidValue);
	OK(cudaFree(p));
	OK(cudaFree(NULL));
	OK(cudaMalloc(&p, 0));
	CHECK(p == NULL);
	OK(cudaMemGetInfo(&now, &total));
	CHECK(now == available);

	setenv("CUDA_EMULATOR_DEVICES", "0", 1);
	int count = 1;
	ERROR_IS(cudaGetDeviceCount(&count), cudaErrorNoDevice);
	CHECK(count == 0);
	unsetenv("CUDA_EMULATOR_DEVICES");
	(void) cudaGetLastError();
	OK(cudaGetDeviceCount(&count));
	CHECK(count == 1);
}

static void
test_streams()
{
	cudaStream_t other;
	cudaEvent_t event, late;
	int *x, *y, *device, three = 3;

	begin();
	x = pinned<int>(1);
	y = pinned<int>(1);
	OK(cudaMalloc(&device, sizeof(int)));
	OK(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
	OK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));
	OK(cudaEventCreateWithFlags(&late, cudaEventDisableTiming));

	/* one item for each query */
	OK(cudaEventQuery(event)); /* never recorded */
	for (int i = 0; i < 3; i++)
		OK(PT_LAUNCH(stream, 1, 1, 0, add_one_kernel, x));
	OK(cudaEventRecord(event, stream));
	OK(PT_LAUNCH(stream, 1, 1, 0, add_one_kernel, x));
	for (int i = 1; i <= 3; i++)
	{
		ERROR_IS(cudaEventQuery(event), cudaErrorNotReady);
		CHECK(*x == i, "%d", *x);
	}
	OK(cudaEventQuery(event));
	CHECK(*x == 3, "%d", *x);
	ERROR_IS(cudaGetLastError(), cudaErrorNotReady);
	OK(cudaStreamSynchronize(stream));
	CHECK(*x == 4, "%d", *x);

	/* a stream that waits for another does its work when it must */
	*x = 0;
	OK(PT_LAUNCH(other, 1, 1, 0, add_one_kernel, x));
	OK(cudaEventRecord(late, other));
	OK(PT_LAUNCH(other, 1, 1, 0, add_one_kernel, y));
	OK(cudaStreamWaitEvent(stream, late, 0));
	OK(cudaMemcpyAsync(device, x, sizeof(int), cudaMemcpyHostToDevice, stream));
	OK(cudaMemcpyAsync(x, device, sizeof(int), cudaMemcpyDeviceToHost, stream));
	OK(cudaStreamSynchronize(stream));
	CHECK(*x == 1 && *y == 0, "%d %d", *x, *y);
	OK(cudaDeviceSynchronize());
	CHECK(*y == 1);

	/* pinned memory is read when the copy runs, other memory when it is asked for */
	*x = 5;
	OK(cudaMemcpyAsync(device, x, sizeof(int), cudaMemcpyHostToDevice, stream));
	*x = 6;
	OK(cudaStreamSynchronize(stream));
	CHECK(download(device, 1)[0] == 6);
	OK(cudaMemcpyAsync(device, &three, sizeof(int), cudaMemcpyHostToDevice, stream));
	three = 4;
	OK(cudaMemcpyAsync(&three, device, sizeof(int), cudaMemcpyDeviceToHost, stream));
	CHECK(three == 3, "%d", three);

	OK(cudaEventDestroy(event));
	ERROR_IS(cudaEventQuery(event), cudaErrorInvalidResourceHandle);
	OK(cudaStreamDestroy(other));
	ERROR_IS(cudaStreamSynchronize(other), cudaErrorInvalidResourceHandle);
}

static void
test_graphs()
{
	cudaGraph_t graph;
	cudaGraphExec_t exec;
	cudaEvent_t outside, inside;
	size_t nodes = 0;
	int *x, *device;
	void *p;

	begin();
	x = pinned<int>(1);
	OK(cudaMalloc(&device, sizeof(int)));
	OK(cudaEventCreateWithFlags(&outside, cudaEventDisableTiming));
	OK(cudaEventCreateWithFlags(&inside, cudaEventDisableTiming));
	OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
	OK(cudaMemsetAsync(device, 0, sizeof(int), stream));
	for (int i = 0; i < 3; i++)
		OK(PT_LAUNCH(stream, 1, 2, 0, add_one_kernel, device));
	OK(cudaEventRecord(inside, stream));
	OK(cudaStreamWaitEvent(stream, inside, 0));
	OK(cudaMemcpyAsync(x, device, sizeof(int), cudaMemcpyDeviceToHost, stream));
	OK(cudaStreamEndCapture(stream, &graph));
	ERROR_IS(cudaEventQuery(inside), cudaErrorCapturedEvent);
	OK(cudaGraphGetNodes(graph, NULL, &nodes));
	CHECK(nodes == 5, "%zu", nodes);
	OK(cudaStreamSynchronize(stream));
	CHECK(*x == 0, "what is captured is not run");
	OK(cudaGraphInstantiate(&exec, graph, 0));
	OK(cudaGraphDestroy(graph));
	for (int i = 0; i < 2; i++)
	{
		*x = 0;
		OK(cudaGraphLaunch(exec, stream));
		OK(cudaStreamQuery(stream)); /* a graph is one item */
		CHECK(*x == 6, "%d", *x);
	}
	OK(cudaGraphLaunch(exec, stream));
	OK(cudaGraphExecDestroy(exec)); /* while under way */
	OK(cudaStreamSynchronize(stream));
	ERROR_IS(cudaGraphLaunch(exec, stream), cudaErrorInvalidValue);

	/* what waits breaks a capture */
	OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
	ERROR_IS(cudaMalloc(&p, 4), cudaErrorStreamCaptureUnsupported);
	ERROR_IS(PT_LAUNCH(stream, 1, 1, 0, add_one_kernel, x), cudaErrorStreamCaptureInvalidated);
	ERROR_IS(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
	CHECK(graph == NULL);
	OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
	OK(cudaMalloc(&p, 4));
	ERROR_IS(cudaStreamSynchronize(stream), cudaErrorStreamCaptureUnsupported);
	ERROR_IS(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
	OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
	OK(cudaEventRecord(outside, NULL));
	ERROR_IS(cudaStreamWaitEvent(stream, outside, 0), cudaErrorStreamCaptureIsolation);
	ERROR_IS(cudaStreamEndCapture(stream, &graph), cudaErrorStreamCaptureInvalidated);
	(void) cudaGetLastError();
	OK(PT_LAUNCH(stream, 1, 1, 0, add_one_kernel, x));
	OK(cudaStreamSynchronize(stream));
	ERROR_IS(cudaStreamEndCapture(stream, &graph), cudaErrorIllegalState);
}

static __global__ void
append_kernel(int *x, int digit)
{
	*x = *x * 10 + digit;
}

static cudaGraphNode_t
captured_last()
{
	enum cudaStreamCaptureStatus status;
	const cudaGraphNode_t *node = NULL;
	size_t n = 0;

	OK(cudaStreamGetCaptureInfo(stream, &status, NULL, NULL, &node, NULL, &n));
	CHECK(status == cudaStreamCaptureStatusActive && n == 1, "%d, %zu", (int) status, n);
	return n == 1 ? *node : NULL;
}

/* Whether a graph's nodes run in other orders than that in which they were captured. */
static bool
in_any_order()
{
	const char *seed = getenv("CUDA_EMULATOR_SEED");

	return seed == NULL || strtoull(seed, NULL, 10) != 0;
}

/* A diamond: 1 comes first, 4 last, 2 and 3 between them in either order. */
static void
test_dependencies()
{
	cudaGraph_t graph;
	cudaGraphExec_t exec;
	cudaGraphNode_t one, both[2];
	int *x, seen[2] = {0, 0};

	begin();
	x = pinned<int>(1);
	OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
	OK(PT_LAUNCH(stream, 1, 1, 0, append_kernel, x, 1));
	one = captured_last();
	for (int i = 0; i < 2; i++)
	{
		OK(cudaStreamUpdateCaptureDependencies(stream, &one, NULL, 1,
											   cudaStreamSetCaptureDependencies));
		OK(PT_LAUNCH(stream, 1, 1, 0, append_kernel, x, 2 + i));
		both[i] = captured_last();
	}
	OK(cudaStreamUpdateCaptureDependencies(stream, both, NULL, 2,
										   cudaStreamSetCaptureDependencies));
	OK(PT_LAUNCH(stream, 1, 1, 0, append_kernel, x, 4));
	OK(cudaStreamEndCapture(stream, &graph));
	OK(cudaGraphInstantiate(&exec, graph, 0));
	OK(cudaGraphDestroy(graph));
	for (int i = 0; i < 64; i++)
	{
		*x = 0;
		OK(cudaGraphLaunch(exec, stream));
		OK(cudaStreamSynchronize(stream));
		CHECK(*x == 1234 || *x == 1324, "%d", *x);
		seen[*x == 1324]++;
	}
	CHECK(seen[0] > 0 && (seen[1] > 0) == in_any_order(), "%d and %d times", seen[0], seen[1]);
	OK(cudaGraphExecDestroy(exec));

	/* nodes of another graph, and a stream that is not captured */
	OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
	one = NULL;
	ERROR_IS(cudaStreamUpdateCaptureDependencies(stream, &one, NULL, 1,
												 cudaStreamSetCaptureDependencies),
			 cudaErrorInvalidValue);
	OK(cudaStreamEndCapture(stream, &graph));
	OK(cudaGraphDestroy(graph));
	ERROR_IS(cudaStreamUpdateCaptureDependencies(stream, NULL, NULL, 0,
												 cudaStreamSetCaptureDependencies),
			 cudaErrorIllegalState);
}

static void
set_waits(std::vector<cudaGraphNode_t> nodes, unsigned flags = cudaStreamSetCaptureDependencies)
{
	OK(cudaStreamUpdateCaptureDependencies(stream, nodes.data(), NULL, nodes.size(), flags));
}

static cudaGraphExec_t
end_capture(size_t wanted)
{
	cudaGraph_t graph = NULL;
	cudaGraphExec_t exec = NULL;
	size_t nodes = 0;

	OK(cudaStreamEndCapture(stream, &graph));
	OK(cudaGraphGetNodes(graph, NULL, &nodes));
	CHECK(nodes == wanted, "%zu", nodes);
	OK(cudaGraphInstantiate(&exec, graph, 0));
	OK(cudaGraphDestroy(graph));
	return exec;
}

/* What x is after the graph and 9, which comes after all of the graph, for each of n launches. */
static std::map<int, int>
launch_often(cudaGraphExec_t exec, int *x, int n)
{
	std::map<int, int> seen;

	for (int i = 0; i < n; i++)
	{
		*x = 0;
		OK(cudaGraphLaunch(exec, stream));
		OK(PT_LAUNCH(stream, 1, 1, 0, append_kernel, x, 9));
		OK(cudaStreamSynchronize(stream));
		seen[*x]++;
	}
	return seen;
}

static void
test_orders()
{
	const char *seed = getenv("CUDA_EMULATOR_SEED");
	std::string kept = seed != NULL ? seed : "";
	std::map<int, int> seen;
	std::vector<cudaGraphNode_t> nodes;
	cudaGraphExec_t free_order, chain, joined, waited;
	cudaEvent_t event;
	int *x;

	begin();
	x = pinned<int>(1);
	OK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));

	/* three that nobody waits for, and that wait for nothing */
	OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
	for (int i = 1; i <= 3; i++)
	{
		set_waits({});
		OK(PT_LAUNCH(stream, 1, 1, 0, append_kernel, x, i));
	}
	free_order = end_capture(3);

	OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
	for (int i = 1; i <= 3; i++)
		OK(PT_LAUNCH(stream, 1, 1, 0, append_kernel, x, i));
	chain = end_capture(3);

	/* 3 waits for 2, as before, and for 1, which was added, twice */
	OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
	OK(PT_LAUNCH(stream, 1, 1, 0, append_kernel, x, 1));
	nodes.assign(1, captured_last());
	set_waits({});
	OK(PT_LAUNCH(stream, 1, 1, 0, append_kernel, x, 2));
	set_waits({nodes[0], nodes[0]}, cudaStreamAddCaptureDependencies);
	OK(PT_LAUNCH(stream, 1, 1, 0, append_kernel, x, 3));
	joined = end_capture(3);

	/* an event stands for what the stream waited for when it was recorded */
	OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
	OK(PT_LAUNCH(stream, 1, 1, 0, append_kernel, x, 1));
	OK(cudaEventRecord(event, stream));
	set_waits({});
	OK(cudaStreamWaitEvent(stream, event, 0));
	OK(PT_LAUNCH(stream, 1, 1, 0, append_kernel, x, 2));
	waited = end_capture(2);

	seen = launch_often(free_order, x, 200);
	CHECK(seen.size() == (in_any_order() ? 6 : 1), "%zu orders", seen.size());
	for (const auto &order : seen)
		CHECK(order.second > 10, "%d: %d of 200 times", order.first, order.second);
	seen = launch_often(chain, x, 20);
	CHECK(seen[1239] == 20, "%d", seen[1239]);
	seen = launch_often(joined, x, 64);
	CHECK(seen[1239] > 0 && (seen[2139] > 0) == in_any_order() && seen[1239] + seen[2139] == 64,
		  "%d and %d", seen[1239], seen[2139]);
	seen = launch_often(waited, x, 64);
	CHECK(seen[129] == 64, "%d", seen[129]);

	setenv("CUDA_EMULATOR_SEED", "0", 1);
	seen = launch_often(free_order, x, 20);
	CHECK(seen[1239] == 20, "seed 0: %d", seen[1239]);
	if (seed != NULL)
		setenv("CUDA_EMULATOR_SEED", kept.c_str(), 1);
	else
		unsetenv("CUDA_EMULATOR_SEED");
	for (cudaGraphExec_t exec : {free_order, chain, joined, waited})
		OK(cudaGraphExecDestroy(exec));
}

static void
test_dependency_errors()
{
	const cudaGraphEdgeData ordinary[2] = {}, *edges = NULL;
	cudaGraphEdgeData odd = {};
	enum cudaStreamCaptureStatus status;
	unsigned long long id = 0, first = 0;
	const cudaGraphNode_t *now = NULL;
	cudaGraphNode_t foreign, node;
	cudaGraph_t graph, other, none;
	cudaStream_t blocking;
	size_t n = 7;
	int *x;
	void *p;
	std::string said;
	auto update = [&](cudaGraphNode_t *nodes, const cudaGraphEdgeData *data, size_t count,
					  unsigned flags) {
		return cudaStreamUpdateCaptureDependencies(stream, nodes, data, count, flags);
	};

	begin();
	x = pinned<int>(1);
	OK(cudaStreamGetCaptureInfo(stream, &status));
	CHECK(status == cudaStreamCaptureStatusNone);
	ERROR_IS(update(NULL, NULL, 0, 1), cudaErrorIllegalState);
	ERROR_IS(cudaGetLastError(), cudaErrorIllegalState);

	OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
	OK(cudaStreamGetCaptureInfo(stream, &status, &first, NULL, &now, &edges, &n));
	CHECK(status == cudaStreamCaptureStatusActive && n == 0, "%zu", n);
	OK(PT_LAUNCH(stream, 1, 1, 0, append_kernel, x, 1));
	foreign = captured_last();
	OK(cudaStreamEndCapture(stream, &other));

	OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
	OK(PT_LAUNCH(stream, 1, 1, 0, append_kernel, x, 1));
	node = captured_last();
	OK(cudaStreamGetCaptureInfo(stream, &status, &id, &graph, &now, &edges, &n));
	CHECK(id != first && n == 1 && *now == node && edges != NULL &&
		  memcmp(edges, ordinary, sizeof(*edges)) == 0);
	ERROR_IS(cudaStreamGetCaptureInfo(stream, &status, NULL, NULL, NULL, &edges, &n),
			 cudaErrorInvalidValue);
	ERROR_IS(cudaStreamGetCaptureInfo(stream, NULL), cudaErrorInvalidValue);

	/* what is refused changes nothing */
	cudaGraphNode_t both[2] = {node, foreign};
	ERROR_IS(update(&foreign, NULL, 1, 1), cudaErrorInvalidValue);
	ERROR_IS(update(both, NULL, 2, 1), cudaErrorInvalidValue);
	ERROR_IS(update(NULL, NULL, 1, 1), cudaErrorInvalidValue);
	ERROR_IS(update(&node, NULL, 1, 2), cudaErrorInvalidValue);
	odd.type = 1;
	said = listen([&] { ERROR_IS(update(&node, &odd, 1, 1), cudaErrorNotSupported); });
	CHECK(said.find("not emulated") != std::string::npos, "%s", said.c_str());
	CHECK(captured_last() == node);
	OK(update(&node, ordinary, 1, 1));

	/* the capture breaks */
	ERROR_IS(cudaMalloc(&p, 4), cudaErrorStreamCaptureUnsupported);
	OK(cudaStreamGetCaptureInfo(stream, &status));
	CHECK(status == cudaStreamCaptureStatusInvalidated);
	ERROR_IS(update(&node, NULL, 1, 1), cudaErrorStreamCaptureInvalidated);
	ERROR_IS(cudaStreamEndCapture(stream, &none), cudaErrorStreamCaptureInvalidated);
	OK(cudaGraphDestroy(other));

	/* the NULL stream beside a stream that blocks with it */
	OK(cudaStreamCreateWithFlags(&blocking, cudaStreamDefault));
	OK(cudaStreamGetCaptureInfo(NULL, &status));
	OK(cudaStreamBeginCapture(blocking, cudaStreamCaptureModeRelaxed));
	ERROR_IS(cudaStreamGetCaptureInfo(NULL, &status), cudaErrorStreamCaptureImplicit);
	OK(cudaStreamEndCapture(blocking, &graph)); /* that did not break it */
	OK(cudaGraphDestroy(graph));
	(void) cudaGetLastError();
}

static void
test_failures()
{
	int *x;

	begin();
	setenv("CUDA_EMULATOR_FAIL", "cudaMalloc:2,add_one_kernel:3,cudaStreamQuery:2+:719", 1);
	OK(cudaMalloc(&x, 4));
	ERROR_IS(cudaMalloc(&x, 4), cudaErrorMemoryAllocation);
	OK(cudaMalloc(&x, 4));
	OK(cudaStreamQuery(stream));
	ERROR_IS(cudaStreamQuery(stream), cudaErrorLaunchFailure);
	ERROR_IS(cudaStreamQuery(stream), cudaErrorLaunchFailure);
	(void) cudaGetLastError();
	for (int i = 0; i < 3; i++)
		OK(PT_LAUNCH(stream, 1, 1, 0, add_one_kernel, x));
	ERROR_IS(cudaStreamSynchronize(stream), cudaErrorIllegalAddress);
	ERROR_IS(cudaFree(x), cudaErrorIllegalAddress);
	unsetenv("CUDA_EMULATOR_FAIL");
	ERROR_IS(cudaDeviceSynchronize(), cudaErrorIllegalAddress);
}

/* ---------- cuBLASLt ---------- */

static cublasLtHandle_t blas;

struct Case
{
	cublasComputeType_t compute;
	cudaDataType in, out;
	bool ta, tb;
	uint32_t epilogue;
	int order_a, order_d;
	int batch;
	double alpha, beta;
	double tolerance;
};

static std::vector<uint8_t>
encode(const std::vector<double> &x, cudaDataType type)
{
	std::vector<uint8_t> bytes(x.size() * (type == CUDA_R_64F ? 8 : type == CUDA_R_32F ? 4 : 2));

	for (size_t i = 0; i < x.size(); i++)
		if (type == CUDA_R_64F)
			((double *) bytes.data())[i] = x[i];
		else if (type == CUDA_R_32F)
			((float *) bytes.data())[i] = (float) x[i];
		else if (type == CUDA_R_16F)
			((uint16_t *) bytes.data())[i] = pt_half_store((float) x[i]);
		else
			((uint16_t *) bytes.data())[i] = pt_bfloat_store((float) x[i]);
	return bytes;
}

static double
decode(const uint8_t *bytes, cudaDataType type, size_t i)
{
	return type == CUDA_R_64F	? ((const double *) bytes)[i]
		   : type == CUDA_R_32F ? ((const float *) bytes)[i]
		   : type == CUDA_R_16F ? pt_half_load(((const uint16_t *) bytes)[i])
								: pt_bfloat_load(((const uint16_t *) bytes)[i]);
}

static cublasLtMatrixLayout_t
layout(cudaDataType type, int rows, int cols, int ld, int order, int batch, int64_t stride)
{
	cublasLtMatrixLayout_t l;
	int32_t o = order, n = batch;

	CHECK(cublasLtMatrixLayoutCreate(&l, type, (uint64_t) rows, (uint64_t) cols, ld) ==
		  CUBLAS_STATUS_SUCCESS);
	CHECK(cublasLtMatrixLayoutSetAttribute(l, CUBLASLT_MATRIX_LAYOUT_ORDER, &o, 4) ==
		  CUBLAS_STATUS_SUCCESS);
	CHECK(cublasLtMatrixLayoutSetAttribute(l, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &n, 4) ==
		  CUBLAS_STATUS_SUCCESS);
	CHECK(cublasLtMatrixLayoutSetAttribute(l, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride,
										   8) == CUBLAS_STATUS_SUCCESS);
	return l;
}

/* Small whole numbers and halves: exact in all types, so only epilogues and output round. */
static std::vector<double>
noise(size_t n, unsigned seed)
{
	std::vector<double> x(n);

	for (size_t i = 0; i < n; i++)
	{
		seed = seed * 1664525u + 1013904223u;
		x[i] = ((int) (seed >> 24) % 17 - 8) / 2.0;
	}
	return x;
}

static void
check_product(const Case &c, int number)
{
	enum
	{
		M = 5,
		N = 7,
		K = 6,
		LD = 11,
		STRIDE = LD * LD,
		VECTOR = 9
	};
	int rows_a = c.ta ? K : M, cols_a = c.ta ? M : K, rows_b = c.tb ? N : K, cols_b = c.tb ? K : N;
	std::vector<double> a = noise(STRIDE * 3, 1), b = noise(STRIDE * 3, 2),
						d = noise(STRIDE * 3, 3), v = noise(VECTOR * 3, 4);
	uint8_t *da = upload(encode(a, c.in)), *db = upload(encode(b, c.in)),
			*dd = upload(encode(d, c.out)), *dv = upload(encode(v, c.out));
	std::vector<uint8_t> got, vector;
	cublasLtMatmulDesc_t desc;
	cublasLtMatmulPreference_t pref;
	cublasLtMatmulHeuristicResult_t result[3];
	cublasLtMatrixLayout_t la = layout(c.in, rows_a, cols_a, LD, c.order_a, c.batch, STRIDE),
						   lb = layout(c.in, rows_b, cols_b, LD, 0, c.batch, STRIDE),
						   ld = layout(c.out, M, N, LD, c.order_d, c.batch, STRIDE);
	bool wide = c.compute == CUBLAS_COMPUTE_64F, bgrada = c.epilogue == CUBLASLT_EPILOGUE_BGRADA,
		 bgradb = c.epilogue == CUBLASLT_EPILOGUE_BGRADB;
	float alpha = (float) c.alpha, beta = (float) c.beta;
	int32_t ta = c.ta, tb = c.tb;
	int64_t stride = VECTOR;
	uint64_t most = 1 << 20;
	void *workspace;
	int found, wrong = 0;

	OK(cudaMalloc(&workspace, 1 << 20));
	cublasLtMatmulDescCreate(&desc, c.compute, wide ? CUDA_R_64F : CUDA_R_32F);
	cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_TRANSA, &ta, 4);
	cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_TRANSB, &tb, 4);
	cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &c.epilogue, 4);
	cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &dv, 8);
	cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_BIAS_BATCH_STRIDE, &stride, 8);
	cublasLtMatmulPreferenceCreate(&pref);
	cublasLtMatmulPreferenceSetAttribute(pref, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &most, 8);
	CHECK(cublasLtMatmulAlgoGetHeuristic(blas, desc, la, lb, ld, ld, pref, 3, result, &found) ==
				  CUBLAS_STATUS_SUCCESS &&
			  found == 2,
		  "case %d", number);
	CHECK(cublasLtMatmul(blas, desc, wide ? (void *) &c.alpha : &alpha, da, la, db, lb,
						 wide ? (void *) &c.beta : &beta, dd, ld, dd, ld, &result[number % 2].algo,
						 workspace, result[number % 2].workspaceSize,
						 stream) == CUBLAS_STATUS_SUCCESS,
		  "case %d", number);
	OK(cudaStreamSynchronize(stream));
	got = download(dd, encode(d, c.out).size());
	vector = download(dv, encode(v, c.out).size());
	auto at_a = [&](int z, int i, int j) {
		return a[(size_t) (z * STRIDE + (c.order_a ? j + i * LD : i + j * LD))];
	};
	auto at_b = [&](int z, int i, int j) { return b[(size_t) (z * STRIDE + i + j * LD)]; };
	for (int z = 0; z < c.batch; z++)
	{
		for (int i = 0; i < M; i++)
			for (int j = 0; j < N; j++)
			{
				size_t place = (size_t) (z * STRIDE + (c.order_d ? j + i * LD : i + j * LD));
				double sum = 0, y, x;

				for (int k = 0; k < K; k++)
					sum += (c.ta ? at_a(z, k, i) : at_a(z, i, k)) *
						   (c.tb ? at_b(z, j, k) : at_b(z, k, j));
				x = c.alpha * sum + c.beta * d[place];
				if (c.epilogue < 128 && c.epilogue & CUBLASLT_EPILOGUE_BIAS)
					x += v[(size_t) (z * VECTOR + i)];
				if (c.epilogue < 128 && c.epilogue & CUBLASLT_EPILOGUE_RELU)
					x = x > 0 ? x : 0;
				if (c.epilogue < 128 && c.epilogue & CUBLASLT_EPILOGUE_GELU)
					x = x / (1 + exp(-2 * 0.7978845608028654 * (x + 0.044715 * x * x * x)));
				y = decode(got.data(), c.out, place);
				wrong += !(fabs(x - y) <= c.tolerance * (1 + fabs(x)));
			}
		for (int i = 0; i < (bgrada ? M : bgradb ? N : 0); i++)
		{
			double sum = 0, y = decode(vector.data(), c.out, (size_t) (z * VECTOR + i));

			for (int k = 0; k < K; k++)
				sum += bgrada ? (c.ta ? at_a(z, k, i) : at_a(z, i, k))
							  : (c.tb ? at_b(z, i, k) : at_b(z, k, i));
			wrong += !(fabs(sum - y) <= c.tolerance * (1 + fabs(sum)));
		}
	}
	CHECK(wrong == 0, "case %d: %d elements", number, wrong);
	for (void *p : {(void *) da, (void *) db, (void *) dd, (void *) dv, workspace})
		OK(cudaFree(p));
	cublasLtMatrixLayoutDestroy(la);
	cublasLtMatrixLayoutDestroy(lb);
	cublasLtMatrixLayoutDestroy(ld);
	cublasLtMatmulDescDestroy(desc);
	cublasLtMatmulPreferenceDestroy(pref);
}

static void
test_products()
{
	const cublasComputeType_t f32 = CUBLAS_COMPUTE_32F, tf32 = CUBLAS_COMPUTE_32F_FAST_TF32;
	const Case cases[] = {
		{f32, CUDA_R_32F, CUDA_R_32F, false, false, CUBLASLT_EPILOGUE_DEFAULT, 0, 0, 1, 1, 0, 1e-6},
		{f32, CUDA_R_32F, CUDA_R_32F, true, false, CUBLASLT_EPILOGUE_DEFAULT, 0, 0, 2, 2, 0.5,
		 1e-6},
		{f32, CUDA_R_32F, CUDA_R_32F, false, true, CUBLASLT_EPILOGUE_BIAS, 0, 0, 3, 1, 0, 1e-6},
		{f32, CUDA_R_32F, CUDA_R_32F, true, true, CUBLASLT_EPILOGUE_RELU_BIAS, 0, 0, 1, 1, 1, 1e-6},
		{f32, CUDA_R_32F, CUDA_R_32F, true, true, CUBLASLT_EPILOGUE_RELU, 1, 0, 1, 1, 0, 1e-6},
		{f32, CUDA_R_32F, CUDA_R_32F, false, false, CUBLASLT_EPILOGUE_DEFAULT, 1, 1, 2, 1, 3, 1e-6},
		{f32, CUDA_R_32F, CUDA_R_32F, false, false, CUBLASLT_EPILOGUE_GELU_BIAS, 0, 0, 1, 0.125, 0,
		 1e-6},
		{f32, CUDA_R_32F, CUDA_R_32F, false, true, CUBLASLT_EPILOGUE_BGRADA, 0, 0, 1, 1, 0, 1e-6},
		{f32, CUDA_R_32F, CUDA_R_32F, false, true, CUBLASLT_EPILOGUE_BGRADB, 0, 0, 2, 1, 0, 1e-6},
		{f32, CUDA_R_32F, CUDA_R_32F, true, false, CUBLASLT_EPILOGUE_BGRADB, 0, 0, 1, 1, 0, 1e-6},
		{tf32, CUDA_R_32F, CUDA_R_32F, true, false, CUBLASLT_EPILOGUE_BIAS, 0, 0, 1, 1, 0, 1e-6},
		{CUBLAS_COMPUTE_64F, CUDA_R_64F, CUDA_R_64F, true, true, CUBLASLT_EPILOGUE_DEFAULT, 0, 0, 2,
		 3, 1, 1e-14},
		{f32, CUDA_R_16F, CUDA_R_16F, true, false, CUBLASLT_EPILOGUE_BIAS, 0, 0, 1, 1, 0, 1e-3},
		{f32, CUDA_R_16BF, CUDA_R_16BF, false, true, CUBLASLT_EPILOGUE_BGRADB, 0, 0, 1, 1, 0, 1e-2},
		{f32, CUDA_R_16BF, CUDA_R_32F, false, true, CUBLASLT_EPILOGUE_DEFAULT, 0, 0, 1, 1, 0, 1e-6},
	};
	int number = 0;

	begin();
	CHECK(cublasLtCreate(&blas) == CUBLAS_STATUS_SUCCESS);
	for (const Case &c : cases)
		check_product(c, number++);
	CHECK(cublasLtDestroy(blas) == CUBLAS_STATUS_SUCCESS);
}

/* What the library refuses, and an operand on the host. */
static void
test_products_refused()
{
	cublasLtMatmulDesc_t desc, wide;
	cublasLtMatmulPreference_t pref;
	cublasLtMatmulHeuristicResult_t result;
	cublasLtMatrixLayout_t l, other, thin;
	std::vector<float> host(64 * 64);
	float *x, *y, one = 1, zero = 0, tf = 1 + 1.0f / 4096;
	uint32_t epilogue = CUBLASLT_EPILOGUE_BIAS, align = 4;
	int found;
	std::string said;
	auto ask = [&](cublasLtMatmulDesc_t t, cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b) {
		return cublasLtMatmulAlgoGetHeuristic(blas, t, a, b, b, b, pref, 1, &result, &found);
	};
	auto multiply = [&](const float *a, float *d) {
		return cublasLtMatmul(blas, desc, &one, a, l, x, l, &zero, d, l, d, l, &result.algo, NULL,
							  0, stream);
	};

	begin();
	cublasLtCreate(&blas);
	x = upload(host);
	y = upload(host);
	cublasLtMatmulPreferenceCreate(&pref);
	cublasLtMatmulDescCreate(&desc, CUBLAS_COMPUTE_32F_FAST_TF32, CUDA_R_32F);
	cublasLtMatmulDescCreate(&wide, CUBLAS_COMPUTE_64F, CUDA_R_64F);
	l = layout(CUDA_R_32F, 8, 8, 8, 0, 1, 0);
	other = layout(CUDA_R_32F, 8, 9, 8, 0, 1, 0);
	thin = layout(CUDA_R_32F, 8, 8, 7, 0, 1, 0);
	CHECK(ask(desc, other, l) == CUBLAS_STATUS_INVALID_VALUE && found == 0);
	CHECK(ask(desc, l, thin) == CUBLAS_STATUS_INVALID_VALUE);
	CHECK(ask(wide, l, l) == CUBLAS_STATUS_NOT_SUPPORTED);
	CHECK(cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, 8) ==
		  CUBLAS_STATUS_INVALID_VALUE);
	CHECK(ask(desc, l, l) == CUBLAS_STATUS_SUCCESS && found == 1 && result.workspaceSize == 0);
	CHECK(multiply(y + 1, y + 256) == CUBLAS_STATUS_NOT_SUPPORTED, "less aligned than promised");
	said = listen([&] { CHECK(multiply(y, y + 8) == CUBLAS_STATUS_INVALID_VALUE); });
	CHECK(said.find("D overlaps") != std::string::npos, "%s", said.c_str());
	cublasLtMatmulPreferenceSetAttribute(pref, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, &align,
										 4);
	CHECK(ask(desc, l, l) == CUBLAS_STATUS_SUCCESS);
	CHECK(multiply(y + 1, y + 256) == CUBLAS_STATUS_SUCCESS);
	cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, 4);
	CHECK(multiply(y + 1, y + 256) == CUBLAS_STATUS_INVALID_VALUE, "no bias given");
	cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &x, 8);
	CHECK(multiply(y + 1, y + 256) == CUBLAS_STATUS_NOT_SUPPORTED,
		  "the algorithm is for another epilogue");
	OK(cudaStreamSynchronize(stream));

	/* TF32 has 10 bits */
	epilogue = CUBLASLT_EPILOGUE_DEFAULT;
	cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, 4);
	OK(cudaMemcpy(x, &tf, 4, cudaMemcpyHostToDevice));
	OK(cudaMemcpy(y, &tf, 4, cudaMemcpyHostToDevice));
	CHECK(ask(desc, l, l) == CUBLAS_STATUS_SUCCESS);
	CHECK(multiply(y, y + 256) == CUBLAS_STATUS_SUCCESS);
	OK(cudaStreamSynchronize(stream));
	CHECK(download(y + 256, 1)[0] == 1);

	setenv("CUDA_EMULATOR_FAIL", "cublasLtMatmul:1", 1);
	CHECK(multiply(y, y + 256) == CUBLAS_STATUS_EXECUTION_FAILED);
	unsetenv("CUDA_EMULATOR_FAIL");
	CHECK(multiply(host.data(), y + 256) == CUBLAS_STATUS_SUCCESS);
	said = listen([&] { ERROR_IS(cudaStreamSynchronize(stream), cudaErrorIllegalAddress); });
	CHECK(said.find("does not lie on the device") != std::string::npos, "%s", said.c_str());
	for (cublasLtMatrixLayout_t k : {l, other, thin})
		cublasLtMatrixLayoutDestroy(k);
	cublasLtMatmulDescDestroy(desc);
	cublasLtMatmulDescDestroy(wide);
	cublasLtMatmulPreferenceDestroy(pref);
	cublasLtDestroy(blas);
}

/* ---------- NVRTC ---------- */

static const char program_text[] =
	"struct Arguments { float *x; long long n; float add; };\n"
	"static __device__ float half_of(float x) { return x * 0.5f; }\n"
	"extern \"C\" __global__ void __launch_bounds__(256)\n"
	"pt_program(const Arguments a)\n"
	"{\n"
	"	__shared__ float sum[8];\n"
	"	long long i = (long long) blockIdx.x * blockDim.x + threadIdx.x;\n"
	"	if (threadIdx.x < 8) sum[threadIdx.x] = sqrtf((float) threadIdx.x * threadIdx.x);\n"
	"	__syncthreads();\n"
	"	if (i < a.n) a.x[i] = half_of(a.x[i]) + a.add + sum[7];\n"
	"}\n"
	"extern \"C\" __global__ void two(int *p, int q) { *p = q; }\n"
	"__global__ void hidden(int *p) { *p = 0; }\n";

static void
test_nvrtc()
{
	const char *options[] = {"--gpu-architecture=sm_80", "--fmad=false", "--std=c++17"};
	struct
	{
		float *x;
		long long n;
		float add;
	} arguments;
	int q = 42, *p;
	void *args[] = {&arguments}, *both[] = {&p, &q};
	nvrtcProgram program;
	cudaLibrary_t library;
	cudaKernel_t kernel, two;
	std::vector<char> cubin, log;
	std::vector<float> host(300, 4.0f);
	size_t size;
	int major, minor, wrong = 0;

	begin();
	CHECK(nvrtcVersion(&major, &minor) == NVRTC_SUCCESS && major >= 12);
	CHECK(nvrtcCreateProgram(&program, program_text, "program.cu", 0, NULL, NULL) == NVRTC_SUCCESS);
	CHECK(nvrtcGetCUBINSize(program, &size) == NVRTC_ERROR_INVALID_PROGRAM);
	CHECK(nvrtcCompileProgram(program, 3, options) == NVRTC_SUCCESS);
	CHECK(nvrtcGetProgramLogSize(program, &size) == NVRTC_SUCCESS);
	log.resize(size);
	CHECK(nvrtcGetProgramLog(program, log.data()) == NVRTC_SUCCESS && strlen(log.data()) == 0, "%s",
		  log.data());
	CHECK(nvrtcGetCUBINSize(program, &size) == NVRTC_SUCCESS && size > 0);
	cubin.resize(size);
	CHECK(nvrtcGetCUBIN(program, cubin.data()) == NVRTC_SUCCESS);
	CHECK(nvrtcDestroyProgram(&program) == NVRTC_SUCCESS && program == NULL);

	OK(cudaLibraryLoadData(&library, cubin.data(), NULL, NULL, 0, NULL, NULL, 0));
	cubin.clear();
	OK(cudaLibraryGetKernel(&kernel, library, "pt_program"));
	OK(cudaLibraryGetKernel(&two, library, "two"));
	ERROR_IS(cudaLibraryGetKernel(&two, library, "three"), cudaErrorSymbolNotFound);
	ERROR_IS(cudaLibraryGetKernel(&two, library, "hidden"), cudaErrorSymbolNotFound);
	arguments = {upload(host), 300, 1};
	p = pinned<int>(1);
	OK(cudaLaunchKernel((const void *) kernel, dim3(2), dim3(256), args, 0, stream));
	OK(cudaLaunchKernel((const void *) two, dim3(1), dim3(1), both, 0, stream));
	q = 0;
	arguments.add = 100;
	OK(cudaLibraryUnload(library)); /* while under way */
	OK(cudaStreamSynchronize(stream));
	for (float x : download(arguments.x, 300))
		wrong += x != 10;
	CHECK(wrong == 0, "%d of 300", wrong);
	CHECK(*p == 42, "%d", *p);
	ERROR_IS(cudaLaunchKernel((const void *) two, dim3(1), dim3(1), both, 0, stream),
			 cudaErrorInvalidDeviceFunction);

	CHECK(nvrtcCreateProgram(&program, "int f() { return nowhere; }", "bad.cu", 0, NULL, NULL) ==
		  NVRTC_SUCCESS);
	CHECK(nvrtcCompileProgram(program, 1, options) == NVRTC_ERROR_COMPILATION);
	nvrtcGetProgramLogSize(program, &size);
	log.resize(size);
	nvrtcGetProgramLog(program, log.data());
	CHECK(strstr(log.data(), "bad.cu:1") != NULL && strstr(log.data(), "nowhere") != NULL, "%s",
		  log.data());
	options[0] = "--gpu-architectur=sm_80";
	CHECK(nvrtcCompileProgram(program, 1, options) == NVRTC_ERROR_INVALID_OPTION);
	nvrtcDestroyProgram(&program);
	(void) cudaGetLastError();
}

int
main()
{
	test_kernels();
	test_barriers_missed();
	test_memory();
	test_streams();
	test_graphs();
	test_dependencies();
	test_orders();
	test_dependency_errors();
	test_failures();
	test_products();
	test_products_refused();
	test_nvrtc();
	OK(cudaDeviceReset());
	return check_done();
}
