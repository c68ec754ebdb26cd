/*
 * cuda_harness.h
 *	  For tests of the device "cuda" alone: the queues of cpu_harness.h over mirrored operands.
 *
 * The library is the one that the environment variable PGTORCH_CUDA_LIBRARY names: built by nvcc for a
 * GPU, or against the tests' stand-in for CUDA.  Without the variable a test says that it is skipped.
 *
 *		int
 *		main(void)
 *		{
 *			if (!cuda_open(NULL))
 *				return cuda_skipped();
 *			...
 *			cuda_close();
 *			return check_done();
 *		}
 *
 * Operands stand in host memory (cpu_harness.h).  A run copies them to the device and the results back;
 * operands that share memory on the host share it there, and addresses keep their remainder modulo 64.
 * Each stretch of device memory lies between two fences, checked after the run like all bytes that
 * belong to no result: a kernel that writes there fails a CHECK.  Workspace holds rubbish at first.
 */
#ifndef PT_CUDA_HARNESS_H
#define PT_CUDA_HARNESS_H

#include "engine/cpu_harness.h"

extern const PtDeviceType *cuda_type;
extern PtDevice *cuda_dev;
extern PtDevice *cuda_cpu; /* what it is compared with: one thread, no library */

/* How often run_queue_cuda runs a queue, 1 at first; more only where that changes nothing. */
extern int64_t cuda_repeat;

/* Opens both devices; false without the library.  how: "interpreted", "compiled", or NULL */
extern bool cuda_open(const char *how);

extern void cuda_close(void);
/* What main returns when cuda_open gave false. */
extern int cuda_skipped(void);

/* Runs a queue over operands in host memory cuda_repeat times. */
extern bool run_queue_cuda(const PtQueue *host, PtError *err);

/* As run_op and run_program, on the device "cuda". */
extern bool run_op_cuda(const char *name, const Attribute *attrs, int nattrs, PtOperand *in,
						int nin, PtOperand *out, int nout, PtError *err);

extern bool run_program_cuda(const PtProgram *program, PtOperand *in, PtOperand *out, PtError *err);

/* |got - want| <= rel |want| + abs everywhere; integers and bools have to be equal. */
extern bool close_operands(const PtOperand *got, const PtOperand *want, double rel, double abs,
						   const char *what);

/*
 * Runs an op on both devices and compares all results.  out: memory of the CPU's; CUDA's goes to copies of it, so
 * what is in it before the run counts where an op keeps it.  No result may share memory with an input.
 */
extern bool same_on_cuda(const char *name, const Attribute *attrs, int nattrs, PtOperand *in,
						 int nin, PtOperand *out, int nout, double rel, double abs,
						 const char *what);

#endif
