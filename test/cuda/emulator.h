/*
 * emulator.h
 *	  Between the files of the emulated GPU.
 */
#ifndef PT_EMULATOR_H
#define PT_EMULATOR_H

#include <functional>
#include <memory>

#include "cuda_runtime.h"

#define PT_EMULATOR_MAX_THREADS 1024
#define PT_EMULATOR_SHARED (48 * 1024)		  /* what a block may have */
#define PT_EMULATOR_SHARED_OPTIN (163 * 1024) /* what it may have after asking for it */

/* blocks.cc: false after a barrier that not all threads reach, which it reports on stderr. */
extern bool pt_emulator_run(PtClosure *closure, unsigned grid, unsigned block, size_t shared,
							const char *name);

/*
 * runtime.cc: puts work on a stream, or into the graph that the stream is captured into.  When it
 * runs it gives an error that breaks the context, or cudaSuccess.
 */
extern cudaError_t pt_emulator_add(cudaStream_t stream, std::function<cudaError_t()> work);
/*
 * Whether the environment wants that (a call, "kernel", a kernel's name) to fail this time: with
 * the error that it says, or otherwise.
 */
extern bool pt_emulator_fails(const char *what, int otherwise, int *error);
/*
 * The start of an API call: an error that was asked for (otherwise if no number is given), or
 * one that sticks.
 */
extern cudaError_t pt_emulator_enter(const char *call, cudaError_t otherwise);
/* Whether a range lies in device memory (or in pinned host memory, which the device sees). */
extern bool pt_emulator_on_device(const void *p, size_t n);

/* nvrtc.cc: a kernel of a library; NULL if func is none */
extern PtClosure *pt_emulator_library_closure(const void *func, void **args, const char **name);

#endif
