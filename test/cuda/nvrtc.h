/*
 * nvrtc.h
 *	  The part of NVRTC that the device uses, for the emulated GPU (README.md).
 *
 * What is compiled here is what NVRTC takes: kernels are found in the text behind __global__, and
 * need be nothing but extern "C" void functions of parameters by value, as
 *
 *		extern "C" __global__ void __launch_bounds__(256) pt_program(const Arguments a) { ... }
 *
 * No header can be included; __CUDACC__ and __CUDACC_RTC__ are defined, device.h stands before
 * the text.  What it gives is for cudaLibraryLoadData alone; cudaLaunchKernel takes the addresses
 * of the arguments as on a GPU.  Architecture: sm_80 (the cubin of a virtual one, or of none, is
 * empty; others do not load).
 *
 * There is no libnvrtc.so: code that opens it at run time must take the functions directly where
 * PT_NVRTC_LINKED is defined, as here.
 */
#ifndef PT_EMULATOR_NVRTC_H
#define PT_EMULATOR_NVRTC_H

#include <stddef.h>

#define PT_NVRTC_LINKED 1

#ifdef __cplusplus
extern "C"
{
#endif

	typedef enum
	{
		NVRTC_SUCCESS = 0,
		NVRTC_ERROR_OUT_OF_MEMORY = 1,
		NVRTC_ERROR_PROGRAM_CREATION_FAILURE = 2,
		NVRTC_ERROR_INVALID_INPUT = 3,
		NVRTC_ERROR_INVALID_PROGRAM = 4,
		NVRTC_ERROR_INVALID_OPTION = 5,
		NVRTC_ERROR_COMPILATION = 6,
		NVRTC_ERROR_BUILTIN_OPERATION_FAILURE = 7,
		NVRTC_ERROR_INTERNAL_ERROR = 11
	} nvrtcResult;

	typedef struct _nvrtcProgram *nvrtcProgram;

	extern nvrtcResult nvrtcVersion(int *major, int *minor);
	extern const char *nvrtcGetErrorString(nvrtcResult result);
	extern nvrtcResult nvrtcCreateProgram(nvrtcProgram *program, const char *source,
										  const char *name, int nheaders,
										  const char *const *headers,
										  const char *const *header_names);
	extern nvrtcResult nvrtcDestroyProgram(nvrtcProgram *program);
	extern nvrtcResult nvrtcCompileProgram(nvrtcProgram program, int noptions,
										   const char *const *options);
	extern nvrtcResult nvrtcGetCUBINSize(nvrtcProgram program, size_t *size);
	extern nvrtcResult nvrtcGetCUBIN(nvrtcProgram program, char *cubin);
	extern nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram program, size_t *size);
	extern nvrtcResult nvrtcGetProgramLog(nvrtcProgram program, char *log);

#ifdef __cplusplus
}
#endif

#endif
