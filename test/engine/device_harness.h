/*
 * device_harness.h
 *	  The device under test: the CPU, or a GPU whose plans work on the host memory that tests bind.
 *
 * PGTORCH_TEST_DEVICE		"cpu" (default) or "cuda"
 * PGTORCH_CUDA_LIBRARY		for "cuda": path of pgtorch_cuda.so, for a GPU or emulated (test/cuda)
 * PGTORCH_TEST_PROGRAMS	for "cuda": "interpreted" or "compiled"; otherwise as outside of tests
 * PGTORCH_TEST_HOST_OPS	ops, between spaces, that run on the host as if the device had no kernel for them; "random:SEED":
 *							some of them
 *
 * Tests give plans addresses of host memory.  On "cuda" what they hold is a thin device around the GPU's
 * that lets them: operands outside of its own memory get a mirror on the GPU when a queue is bound, which is
 * uploaded before a run and downloaded after it, also after one that failed.  Operands that overlap on the
 * host do so there, addresses keep their remainder modulo 64, and a mirror ends where its operand ends, so that the
 * sanitizer sees who writes past it.  Everything else, and all that does not live in host memory (training,
 * networks), goes to the GPU's device as it is.
 *
 * Closing it is a check that all of its memory was freed.
 */
#ifndef PT_DEVICE_HARNESS_H
#define PT_DEVICE_HARNESS_H

#include <stdlib.h>
#include <string.h>

#include "engine/check.h"
#include "engine/plan/device.h"

/* Whether the environment asks for a GPU. */
extern bool on_cuda(void);

/*
 * The device under test; NULL after a failed check.  threads: of a CPU, which has no BLAS here.  Close it with
 * dev->type->close(dev).
 */
extern PtDevice *test_device(int threads);

/*
 * Gives it a host device, which runs these ops (names between spaces, "program" for elementwise programs) of plans that
 * are compiled from now on, also where the device has a kernel.  The names stay the caller's; NULL: none.
 */
extern void test_on_host(PtDevice *dev, const char *ops);

/* Whether the GPU is the emulated one, which works on the CPU and can be told to fail. */
extern bool is_emulated(PtDevice *dev);

/* How many of n random cases to try: fewer on the emulated GPU, which is slow. */
extern int tries(PtDevice *dev, int n, int emulated);

#endif
