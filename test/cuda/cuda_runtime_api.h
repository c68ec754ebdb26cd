/*
 * cuda_runtime_api.h
 *	  The part of CUDA's runtime API that the device uses, for the emulated GPU (README.md).
 *
 * Names, types and numbers are CUDA's, so that the sources compile with either; what the calls do
 * is in runtime.cc.
 */
#ifndef PT_EMULATOR_RUNTIME_API_H
#define PT_EMULATOR_RUNTIME_API_H

#include <stddef.h>
#include <stdint.h>

#define PT_CUDA_EMULATOR 1
#define CUDART_VERSION 13000

#ifdef __cplusplus
extern "C"
{
#endif

	typedef enum cudaError
	{
		cudaSuccess = 0,
		cudaErrorInvalidValue = 1,
		cudaErrorMemoryAllocation = 2,
		cudaErrorInitializationError = 3,
		cudaErrorInvalidConfiguration = 9,
		cudaErrorInvalidDevicePointer = 17,
		cudaErrorInvalidMemcpyDirection = 21,
		cudaErrorStubLibrary = 34,
		cudaErrorInsufficientDriver = 35,
		cudaErrorDevicesUnavailable = 46,
		cudaErrorInvalidDeviceFunction = 98,
		cudaErrorNoDevice = 100,
		cudaErrorInvalidDevice = 101,
		cudaErrorInvalidKernelImage = 200,
		cudaErrorNoKernelImageForDevice = 209,
		cudaErrorECCUncorrectable = 214,
		cudaErrorInvalidPtx = 218,
		cudaErrorUnsupportedPtxVersion = 222,
		cudaErrorInvalidSource = 300,
		cudaErrorOperatingSystem = 304,
		cudaErrorInvalidResourceHandle = 400,
		cudaErrorIllegalState = 401,
		cudaErrorSymbolNotFound = 500,
		cudaErrorNotReady = 600,
		cudaErrorIllegalAddress = 700,
		cudaErrorLaunchOutOfResources = 701,
		cudaErrorLaunchTimeout = 702,
		cudaErrorContextIsDestroyed = 709,
		cudaErrorAssert = 710,
		cudaErrorHardwareStackError = 714,
		cudaErrorIllegalInstruction = 715,
		cudaErrorMisalignedAddress = 716,
		cudaErrorInvalidAddressSpace = 717,
		cudaErrorInvalidPc = 718,
		cudaErrorLaunchFailure = 719,
		cudaErrorNotPermitted = 800,
		cudaErrorNotSupported = 801,
		cudaErrorSystemNotReady = 802,
		cudaErrorSystemDriverMismatch = 803,
		cudaErrorCompatNotSupportedOnDevice = 804,
		cudaErrorStreamCaptureUnsupported = 900,
		cudaErrorStreamCaptureInvalidated = 901,
		cudaErrorStreamCaptureUnmatched = 903,
		cudaErrorStreamCaptureIsolation = 905,
		cudaErrorStreamCaptureImplicit = 906,
		cudaErrorCapturedEvent = 907,
		cudaErrorStreamCaptureWrongThread = 908,
		cudaErrorExternalDevice = 911,
		cudaErrorUnknown = 999
	} cudaError_t;

	typedef struct CUstream_st *cudaStream_t;
	typedef struct CUevent_st *cudaEvent_t;
	typedef struct CUgraph_st *cudaGraph_t;
	typedef struct CUgraphNode_st *cudaGraphNode_t;
	typedef struct CUgraphExec_st *cudaGraphExec_t;
	typedef struct CUlib_st *cudaLibrary_t;
	typedef struct CUkern_st *cudaKernel_t;

	struct dim3
	{
		unsigned x, y, z;
#ifdef __cplusplus
		constexpr dim3(unsigned x1 = 1, unsigned y1 = 1, unsigned z1 = 1) : x(x1), y(y1), z(z1)
		{
		}
#endif
	};
	typedef struct dim3 dim3;

	enum cudaMemcpyKind
	{
		cudaMemcpyHostToHost = 0,
		cudaMemcpyHostToDevice = 1,
		cudaMemcpyDeviceToHost = 2,
		cudaMemcpyDeviceToDevice = 3,
		cudaMemcpyDefault = 4
	};

	enum cudaStreamCaptureMode
	{
		cudaStreamCaptureModeGlobal = 0,
		cudaStreamCaptureModeThreadLocal = 1,
		cudaStreamCaptureModeRelaxed = 2
	};

	enum cudaDeviceAttr
	{
		cudaDevAttrMaxThreadsPerBlock = 1,
		cudaDevAttrMaxSharedMemoryPerBlock = 8,
		cudaDevAttrWarpSize = 10,
		cudaDevAttrMultiProcessorCount = 16,
		cudaDevAttrIntegrated = 18,
		cudaDevAttrCanMapHostMemory = 19,
		cudaDevAttrL2CacheSize = 38,
		cudaDevAttrMaxThreadsPerMultiProcessor = 39,
		cudaDevAttrAsyncEngineCount = 40,
		cudaDevAttrUnifiedAddressing = 41,
		cudaDevAttrComputeCapabilityMajor = 75,
		cudaDevAttrComputeCapabilityMinor = 76,
		cudaDevAttrMaxSharedMemoryPerMultiprocessor = 81,
		cudaDevAttrHostNativeAtomicSupported = 86,
		cudaDevAttrMaxSharedMemoryPerBlockOptin = 97
	};

	enum cudaFuncAttribute
	{
		cudaFuncAttributeMaxDynamicSharedMemorySize = 8,
		cudaFuncAttributePreferredSharedMemoryCarveout = 9
	};

#define cudaHostAllocDefault 0x00
#define cudaHostAllocPortable 0x01
#define cudaHostAllocMapped 0x02
#define cudaHostAllocWriteCombined 0x04
#define cudaStreamDefault 0x00
#define cudaStreamNonBlocking 0x01
#define cudaEventDefault 0x00
#define cudaEventBlockingSync 0x01
#define cudaEventDisableTiming 0x02

	struct cudaFuncAttributes
	{
		size_t sharedSizeBytes, constSizeBytes, localSizeBytes;
		int maxThreadsPerBlock, numRegs, ptxVersion, binaryVersion;
		int maxDynamicSharedSizeBytes;
	};

	struct cudaDeviceProp
	{
		char name[256];
		size_t totalGlobalMem, sharedMemPerBlock, sharedMemPerBlockOptin,
			sharedMemPerMultiprocessor;
		int warpSize, maxThreadsPerBlock, maxThreadsPerMultiProcessor, major, minor,
			multiProcessorCount;
		int l2CacheSize, concurrentKernels, asyncEngineCount, unifiedAddressing, canMapHostMemory,
			integrated;
		int pciDomainID, pciBusID, pciDeviceID;
	};
	typedef struct cudaDeviceProp cudaDeviceProp;
	typedef struct cudaFuncAttributes cudaFuncAttributes;
	typedef enum cudaMemcpyKind cudaMemcpyKind;
	typedef enum cudaFuncAttribute cudaFuncAttribute;

#ifdef __cplusplus
#define PT_DEFAULT(x) = x
#else
#define PT_DEFAULT(x)
#endif

	extern cudaError_t cudaGetLastError(void);
	extern cudaError_t cudaPeekAtLastError(void);
	extern const char *cudaGetErrorName(cudaError_t error);
	extern const char *cudaGetErrorString(cudaError_t error);

	extern cudaError_t cudaDriverGetVersion(int *version);
	extern cudaError_t cudaRuntimeGetVersion(int *version);
	extern cudaError_t cudaGetDeviceCount(int *count);
	extern cudaError_t cudaSetDevice(int device);
	extern cudaError_t cudaDeviceGetAttribute(int *value, enum cudaDeviceAttr attr, int device);
	extern cudaError_t cudaGetDeviceProperties(struct cudaDeviceProp *prop, int device);
	extern cudaError_t cudaDeviceSynchronize(void);
	extern cudaError_t cudaDeviceReset(void);

	extern cudaError_t cudaMalloc(void **p, size_t size);
	extern cudaError_t cudaFree(void *p);
	extern cudaError_t cudaMemGetInfo(size_t *free, size_t *total);
	extern cudaError_t cudaHostAlloc(void **p, size_t size, unsigned flags);
	extern cudaError_t cudaFreeHost(void *p);
	extern cudaError_t cudaMemcpy(void *dst, const void *src, size_t n, enum cudaMemcpyKind kind);
	extern cudaError_t cudaMemcpyAsync(void *dst, const void *src, size_t n,
									   enum cudaMemcpyKind kind,
									   cudaStream_t stream PT_DEFAULT(nullptr));
	extern cudaError_t cudaMemset(void *p, int value, size_t n);
	extern cudaError_t cudaMemsetAsync(void *p, int value, size_t n,
									   cudaStream_t stream PT_DEFAULT(nullptr));

	extern cudaError_t cudaStreamCreateWithFlags(cudaStream_t *stream, unsigned flags);
	extern cudaError_t cudaStreamDestroy(cudaStream_t stream);
	extern cudaError_t cudaStreamSynchronize(cudaStream_t stream);
	extern cudaError_t cudaStreamQuery(cudaStream_t stream);
	extern cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event,
										   unsigned flags PT_DEFAULT(0));
	extern cudaError_t cudaStreamBeginCapture(cudaStream_t stream, enum cudaStreamCaptureMode mode);
	extern cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *graph);

	extern cudaError_t cudaEventCreateWithFlags(cudaEvent_t *event, unsigned flags);
	extern cudaError_t cudaEventDestroy(cudaEvent_t event);
	extern cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream PT_DEFAULT(nullptr));
	extern cudaError_t cudaEventQuery(cudaEvent_t event);
	extern cudaError_t cudaEventSynchronize(cudaEvent_t event);

	/* dependencies of what is captured next */
	enum cudaStreamCaptureStatus
	{
		cudaStreamCaptureStatusNone = 0,
		cudaStreamCaptureStatusActive = 1,
		cudaStreamCaptureStatusInvalidated = 2
	};
	enum cudaStreamUpdateCaptureDependenciesFlags
	{
		cudaStreamAddCaptureDependencies = 0x0,
		cudaStreamSetCaptureDependencies = 0x1
	};
	/* all zero: others are not emulated */
	typedef struct cudaGraphEdgeData_st
	{
		unsigned char from_port, to_port, type, reserved[5];
	} cudaGraphEdgeData;
	extern cudaError_t cudaStreamGetCaptureInfo(
		cudaStream_t stream, enum cudaStreamCaptureStatus *status,
		unsigned long long *id PT_DEFAULT(nullptr), cudaGraph_t *graph PT_DEFAULT(nullptr),
		const cudaGraphNode_t **dependencies PT_DEFAULT(nullptr),
		const cudaGraphEdgeData **edges PT_DEFAULT(nullptr), size_t *count PT_DEFAULT(nullptr));
	extern cudaError_t cudaStreamUpdateCaptureDependencies(cudaStream_t stream,
														   cudaGraphNode_t *dependencies,
														   const cudaGraphEdgeData *edges,
														   size_t count,
														   unsigned flags PT_DEFAULT(0));
	extern cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph,
											unsigned long long flags PT_DEFAULT(0));
	extern cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes, size_t *count);
	extern cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
	extern cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);
	extern cudaError_t cudaGraphDestroy(cudaGraph_t graph);

	extern cudaError_t cudaFuncGetAttributes(struct cudaFuncAttributes *attr, const void *func);
	extern cudaError_t cudaFuncSetAttribute(const void *func, enum cudaFuncAttribute attr,
											int value);
	extern cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks, const void *func,
																	 int block, size_t shared);
	/* func: a kernel of a library; kernels of the program are launched by PT_LAUNCH */
	extern cudaError_t cudaLaunchKernel(const void *func, dim3 grid, dim3 block, void **args,
										size_t shared, cudaStream_t stream);

	enum cudaJitOption
	{
		cudaJitMaxRegisters = 0
	};
	enum cudaLibraryOption
	{
		cudaLibraryHostUniversalFunctionAndDataTable = 0,
		cudaLibraryBinaryIsPreserved = 1
	};
	/* code: what nvrtcGetCUBIN gave; options must be none */
	extern cudaError_t cudaLibraryLoadData(cudaLibrary_t *library, const void *code,
										   enum cudaJitOption *jit_options, void **jit_values,
										   unsigned njit, enum cudaLibraryOption *options,
										   void **values, unsigned noptions);
	extern cudaError_t cudaLibraryGetKernel(cudaKernel_t *kernel, cudaLibrary_t library,
											const char *name);
	extern cudaError_t cudaLibraryUnload(cudaLibrary_t library);

#ifdef __cplusplus
}
#endif

#endif
