/*
 * runtime.cc
 *	  CUDA's runtime API for the emulated GPU: errors, the device, kernels.
 *
 * Errors:  those of work break the context as on a GPU: every later call gives them too.
 * Environment: CUDA_EMULATOR_DEVICES (0: none), CUDA_EMULATOR_FAIL (README.md).
 */
#include <stdio.h>
#include <stdlib.h>

#include "state.h"

using namespace emulator;

State &
emulator::state()
{
	static State *s = new State();

	return *s;
}

/* ---------- errors ---------- */

static bool
no_device()
{
	const char *devices = getenv("CUDA_EMULATOR_DEVICES");

	return devices != NULL && strcmp(devices, "0") == 0;
}

cudaError_t
emulator::say(cudaError_t error)
{
	if (error != cudaSuccess)
		state().last = error;
	return error;
}

/*
 * Whether the environment wants what (a call, "kernel", a kernel's name) to fail now; counts.
 * Text: what:nth, what:nth+, each with :error if wanted, by commas.
 */
bool
pt_emulator_fails(const char *what, int otherwise, int *error)
{
	const char *text = getenv("CUDA_EMULATOR_FAIL");
	State &s = state();
	bool wanted = false;

	if (text == NULL)
		text = "";
	if (s.fail_text != text)
	{
		std::string rest = s.fail_text = text;

		s.failures.clear();
		while (!rest.empty())
		{
			std::string one = rest.substr(0, rest.find(','));
			size_t colon = one.find(':');

			rest = one.size() < rest.size() ? rest.substr(one.size() + 1) : "";
			if (colon != std::string::npos)
			{
				Failure f = {one.substr(0, colon), 0, 0, false, 0};
				char *end;

				f.nth = strtol(one.c_str() + colon + 1, &end, 10);
				f.later = *end == '+';
				end += f.later;
				f.error = *end == ':' ? strtol(end + 1, NULL, 10) : 0;
				s.failures.push_back(f);
			}
		}
	}
	for (Failure &f : s.failures)
		if (f.what == what && (++f.count == f.nth || (f.later && f.count > f.nth)))
		{
			*error = f.error != 0 ? (int) f.error : otherwise;
			wanted = true;
		}
	return wanted;
}

cudaError_t
pt_emulator_enter(const char *call, cudaError_t otherwise)
{
	int error;

	if (no_device())
		return say(cudaErrorNoDevice);
	if (state().broken != cudaSuccess)
		return say(state().broken);
	return pt_emulator_fails(call, otherwise, &error) ? say(static_cast<cudaError_t>(error))
													  : cudaSuccess;
}

static const struct
{
	cudaError_t error;
	const char *name, *text;
} errors[] = {
#define E(name, text)     \
	{                     \
		name, #name, text \
	}
	E(cudaSuccess, "no error"),
	E(cudaErrorInvalidValue, "invalid argument"),
	E(cudaErrorMemoryAllocation, "out of memory"),
	E(cudaErrorInitializationError, "initialization error"),
	E(cudaErrorInvalidConfiguration, "invalid configuration argument"),
	E(cudaErrorInsufficientDriver, "CUDA driver version is insufficient for CUDA runtime version"),
	E(cudaErrorInvalidDeviceFunction, "invalid device function"),
	E(cudaErrorNoDevice, "no CUDA-capable device is detected"),
	E(cudaErrorInvalidDevice, "invalid device ordinal"),
	E(cudaErrorInvalidKernelImage, "device kernel image is invalid"),
	E(cudaErrorNoKernelImageForDevice, "no kernel image is available for execution on the device"),
	E(cudaErrorECCUncorrectable, "uncorrectable ECC error encountered"),
	E(cudaErrorInvalidResourceHandle, "invalid resource handle"),
	E(cudaErrorIllegalState, "the operation cannot be performed in the present state"),
	E(cudaErrorSymbolNotFound, "named symbol not found"),
	E(cudaErrorNotReady, "device not ready"),
	E(cudaErrorIllegalAddress, "an illegal memory access was encountered"),
	E(cudaErrorLaunchOutOfResources, "too many resources requested for launch"),
	E(cudaErrorLaunchTimeout, "the launch timed out and was terminated"),
	E(cudaErrorMisalignedAddress, "misaligned address"),
	E(cudaErrorLaunchFailure, "unspecified launch failure"),
	E(cudaErrorNotPermitted, "operation not permitted"),
	E(cudaErrorNotSupported, "operation not supported"),
	E(cudaErrorStreamCaptureUnsupported, "operation not permitted when stream is capturing"),
	E(cudaErrorStreamCaptureInvalidated, "operation failed due to a previous error during capture"),
	E(cudaErrorStreamCaptureUnmatched, "capture was not initiated in this stream"),
	E(cudaErrorStreamCaptureIsolation, "dependency created on uncaptured work in another stream"),
	E(cudaErrorStreamCaptureImplicit,
	  "operation would make the legacy stream depend on a capturing blocking stream"),
	E(cudaErrorCapturedEvent,
	  "operation not permitted on an event last recorded in a capturing stream"),
	E(cudaErrorUnknown, "unknown error"),
#undef E
};

const char *
cudaGetErrorName(cudaError_t error)
{
	for (const auto &e : errors)
		if (e.error == error)
			return e.name;
	return "unrecognized error code";
}

const char *
cudaGetErrorString(cudaError_t error)
{
	for (const auto &e : errors)
		if (e.error == error)
			return e.text;
	return "unrecognized error code";
}

cudaError_t
cudaPeekAtLastError(void)
{
	return state().broken != cudaSuccess ? state().broken : state().last;
}

cudaError_t
cudaGetLastError(void)
{
	cudaError_t error = cudaPeekAtLastError();

	state().last = cudaSuccess;
	return error;
}

/* ---------- the device ---------- */

cudaError_t
cudaDriverGetVersion(int *version)
{
	*version = no_device() ? 0 : CUDART_VERSION;
	return cudaSuccess;
}

cudaError_t
cudaRuntimeGetVersion(int *version)
{
	*version = CUDART_VERSION;
	return cudaSuccess;
}

cudaError_t
cudaGetDeviceCount(int *count)
{
	*count = 0;
	ENTER();
	*count = 1;
	return cudaSuccess;
}

cudaError_t
cudaSetDevice(int device)
{
	ENTER();
	CHECK_VALUE(device == 0, cudaErrorInvalidDevice);
	return cudaSuccess;
}

cudaError_t
cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attr, int device)
{
	ENTER();
	CHECK_VALUE(device == 0, cudaErrorInvalidDevice);
	switch (attr)
	{
		case cudaDevAttrMaxThreadsPerBlock:
			*value = PT_EMULATOR_MAX_THREADS;
			break;
		case cudaDevAttrMaxSharedMemoryPerBlock:
			*value = PT_EMULATOR_SHARED;
			break;
		case cudaDevAttrMaxSharedMemoryPerBlockOptin:
			*value = PT_EMULATOR_SHARED_OPTIN;
			break;
		case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
			*value = PT_EMULATOR_SHARED_OPTIN + 1024;
			break;
		case cudaDevAttrWarpSize:
			*value = 32;
			break;
		case cudaDevAttrMultiProcessorCount:
			*value = 108;
			break;
		case cudaDevAttrL2CacheSize:
			*value = 40 << 20;
			break;
		case cudaDevAttrMaxThreadsPerMultiProcessor:
			*value = 2048;
			break;
		case cudaDevAttrAsyncEngineCount:
			*value = 2;
			break;
		case cudaDevAttrComputeCapabilityMajor:
			*value = 8;
			break;
		case cudaDevAttrCanMapHostMemory:
		case cudaDevAttrUnifiedAddressing:
			*value = 1;
			break;
		case cudaDevAttrComputeCapabilityMinor:
		case cudaDevAttrIntegrated:
		case cudaDevAttrHostNativeAtomicSupported:
			*value = 0;
			break;
		default:
			return say(cudaErrorInvalidValue);
	}
	return cudaSuccess;
}

cudaError_t
cudaGetDeviceProperties(struct cudaDeviceProp *p, int device)
{
	ENTER();
	CHECK_VALUE(device == 0, cudaErrorInvalidDevice);
	memset(p, 0, sizeof(*p));
	snprintf(p->name, sizeof(p->name), "Emulated GPU");
	p->totalGlobalMem = memory_size();
	p->sharedMemPerBlock = PT_EMULATOR_SHARED;
	p->sharedMemPerBlockOptin = PT_EMULATOR_SHARED_OPTIN;
	p->sharedMemPerMultiprocessor = PT_EMULATOR_SHARED_OPTIN + 1024;
	p->warpSize = 32;
	p->maxThreadsPerBlock = PT_EMULATOR_MAX_THREADS;
	p->maxThreadsPerMultiProcessor = 2048;
	p->major = 8;
	p->multiProcessorCount = 108;
	p->l2CacheSize = 40 << 20;
	p->asyncEngineCount = 2;
	p->concurrentKernels = p->unifiedAddressing = p->canMapHostMemory = 1;
	return cudaSuccess;
}

cudaError_t
cudaDeviceSynchronize(void)
{
	ENTER_WAITING();
	for (CUstream_st *stream : state().streams)
		CHECK_VALUE(stream->capture == nullptr, cudaErrorStreamCaptureUnsupported);
	finish_all();
	return say(state().broken);
}

/* Frees everything and mends the context. */
cudaError_t
cudaDeviceReset(void)
{
	State &s = state();

	drop_memory();
	for (CUstream_st *stream : s.streams)
		delete stream;
	for (CUevent_st *event : s.events)
		delete event;
	for (CUgraph_st *graph : s.graphs)
		delete graph;
	for (CUgraphExec_st *exec : s.execs)
		delete exec;
	s = State();
	return cudaSuccess;
}

/* ---------- kernels ---------- */

static cudaError_t
launch(cudaStream_t stream, dim3 grid, dim3 block, size_t shared, const void *func,
	   const char *name, PtClosure *closure)
{
	std::shared_ptr<PtClosure> kept(closure, closure->free);
	std::string shown(name);
	auto limit = state().shared_limit.find(func);
	unsigned long long threads = (unsigned long long) block.x * block.y * block.z;

	ENTER();
	CHECK_VALUE(threads > 0 && threads <= PT_EMULATOR_MAX_THREADS && grid.x > 0 &&
					grid.x <= 0x7fffffff && grid.y > 0 && grid.z > 0,
				cudaErrorInvalidConfiguration);
	if (grid.y != 1 || grid.z != 1 || block.y != 1 || block.z != 1)
	{
		fprintf(
			stderr,
			"cuda emulator: kernel \"%s\": only grids and blocks of one dimension are emulated\n",
			name);
		return say(cudaErrorInvalidConfiguration);
	}
	CHECK_VALUE(shared <=
					(limit == state().shared_limit.end() ? PT_EMULATOR_SHARED : limit->second),
				cudaErrorInvalidValue);
	return pt_emulator_add(stream, [=]() -> cudaError_t {
		int error;

		if (pt_emulator_fails("kernel", cudaErrorIllegalAddress, &error) ||
			pt_emulator_fails(shown.c_str(), cudaErrorIllegalAddress, &error))
			return static_cast<cudaError_t>(error);
		return pt_emulator_run(kept.get(), grid.x, block.x, shared, shown.c_str())
				   ? cudaSuccess
				   : cudaErrorLaunchFailure;
	});
}

/* name: the kernel, perhaps in parentheses, and its arguments */
cudaError_t
pt_emulator_launch(cudaStream_t stream, dim3 grid, dim3 block, size_t shared, const void *func,
				   const char *name, PtClosure *closure)
{
	std::string text(name);

	text = text[0] == '(' ? text.substr(1, text.find(')') - 1) : text.substr(0, text.find(','));
	return launch(stream, grid, block, shared, func, text.c_str(), closure);
}

cudaError_t
cudaLaunchKernel(const void *func, dim3 grid, dim3 block, void **args, size_t shared,
				 cudaStream_t stream)
{
	const char *name;
	PtClosure *closure = pt_emulator_library_closure(func, args, &name);

	CHECK_VALUE(closure != NULL, cudaErrorInvalidDeviceFunction);
	return launch(stream, grid, block, shared, func, name, closure);
}

cudaError_t
cudaFuncGetAttributes(struct cudaFuncAttributes *attr, const void *func)
{
	auto limit = state().shared_limit.find(func);

	ENTER();
	CHECK_VALUE(func != NULL, cudaErrorInvalidDeviceFunction);
	memset(attr, 0, sizeof(*attr));
	attr->maxThreadsPerBlock = PT_EMULATOR_MAX_THREADS;
	attr->numRegs = 32;
	attr->ptxVersion = attr->binaryVersion = 80;
	attr->maxDynamicSharedSizeBytes =
		limit == state().shared_limit.end() ? PT_EMULATOR_SHARED : (int) limit->second;
	return cudaSuccess;
}

cudaError_t
cudaFuncSetAttribute(const void *func, enum cudaFuncAttribute attr, int value)
{
	ENTER();
	CHECK_VALUE(func != NULL, cudaErrorInvalidDeviceFunction);
	if (attr == cudaFuncAttributeMaxDynamicSharedMemorySize)
	{
		CHECK_VALUE(value >= 0 && value <= PT_EMULATOR_SHARED_OPTIN, cudaErrorInvalidValue);
		state().shared_limit[func] = (size_t) value;
	}
	else
		CHECK_VALUE(attr == cudaFuncAttributePreferredSharedMemoryCarveout && value >= -1 &&
						value <= 100,
					cudaErrorInvalidValue);
	return cudaSuccess;
}

cudaError_t
cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *func, int block,
											  size_t shared)
{
	ENTER();
	CHECK_VALUE(func != NULL && block > 0, cudaErrorInvalidValue);
	*blocks = block > PT_EMULATOR_MAX_THREADS ? 0 : 2048 / ((block + 31) / 32 * 32);
	if (*blocks > 32)
		*blocks = 32;
	if (shared > 0 && (size_t) *blocks > PT_EMULATOR_SHARED_OPTIN / shared)
		*blocks = (int) (PT_EMULATOR_SHARED_OPTIN / shared);
	return cudaSuccess;
}
