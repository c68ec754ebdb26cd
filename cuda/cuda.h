/*
 * cuda.h
 *	  Inside the device "cuda": its state, its kernels' table, the tasks that a queue becomes.
 *
 * A kernel's bind resolves a step into tasks, each of which puts work on a stream.  A queue
 * (queue.c) runs its tasks one after the other the first time; from the second time on they are
 * a CUDA graph, of one run or several, launched as a whole.  So a task's launch must do the same work
 * every time: whatever changes between runs is read from device memory.
 *
 * Host code is C; the files *.cu hold kernels and the functions that launch them, and
 * reach the device only through launch.cuh.  That is what lets the tests run them on a machine without a GPU.
 *
 * Memory:  tasks live in an arena of the queue; what else they own goes in their release.
 * Errors:  CUDA's become PtError in pt_cuda_fail; a kernel that finds bad data notes it in the fault
 *			record, and the task's explain finds the words after the run.
 * Order:	all work is on one stream; no kernel uses atomics to add up numbers, so runs repeat bit by bit.
 */
#ifndef PT_CUDA_H
#define PT_CUDA_H

#include <cuda_runtime_api.h>

#include "fault.h"

#ifdef __cplusplus
#define PT_CUDA_EXTERN extern "C"
extern "C"
{
#else
#define PT_CUDA_EXTERN extern
#endif

#include "engine/plan/device.h" /* C functions */

	/* How programs run: tests force one or the other. */
	typedef enum PtCudaPrograms
	{
		PT_CUDA_ADAPTIVE,	 /* interpreted until a queue has run long enough */
		PT_CUDA_INTERPRETED, /* never compiled */
		PT_CUDA_COMPILED	 /* compiled at once; an error without NVRTC */
	} PtCudaPrograms;

	typedef struct PtCudaBlas PtCudaBlas; /* matmul.c */
	typedef struct PtCudaJit PtCudaJit;	  /* jit.c */

	typedef struct PtCuda
	{
		PtDevice base;
		int ordinal;
		char name[128];
		int major, minor; /* compute capability */
		int sms;
		PtPrecision precision; /* of float32 products */
		PtCudaPrograms programs;
		cudaStream_t stream; /* kernels, and copies that are waited for */
		cudaStream_t feed;	 /* copies of data beside them */
		cudaEvent_t fed;	 /* after the last of these */
		PtCudaFault *fault;
		PtCudaBlas *blas;
		PtCudaJit *jit;
		void *running; /* queue.c: what was launched last */
		bool lost;	   /* the context is broken: nothing works any more in this process */
		int64_t captured, not_captured; /* graphs, for pgtorch_info() */
	} PtCuda;

	/* ---------- tasks ---------- */

	/* Device memory that a task reads or writes. */
	typedef struct PtCudaUse
	{
		const void *data;
		size_t bytes;
		bool writes;
	} PtCudaUse;

	typedef struct PtCudaTask PtCudaTask;
	struct PtCudaTask
	{
		cudaError_t (*launch)(PtCudaTask *task, cudaStream_t stream);
		/* (optional) called once, when a queue has run for long: compile what has been interpreted so far */
		bool (*specialise)(PtCuda *dev, PtCudaTask *task, PtError *err);
		/* (optional) fills err with what fault means; without it the task notes none */
		bool (*explain)(const PtCudaTask *task, const PtCudaFault *fault, PtError *err);
		void (*release)(PtCudaTask *task); /* (optional) */
		const PtStep *step;
		/* what it touches, for the order of tasks (depend.c); NULL: its step's operands and workspace */
		PtCudaUse *uses;
		int nuses;
		PtCudaFault *fault; /* for kernels: the record, and the number that they note */
		int number;
	};

	/* What a kernel's bind works with. */
	typedef struct PtCudaBind
	{
		PtCuda *dev;
		int variant;	/* of the kernel that is bound */
		PtArena *arena; /* of the queue; zeroed memory */
		PtCudaTask **tasks;
		int ntasks, tasks_size;
		PtQueue *queue;
		bool *
			done_elsewhere; /* [nsteps]: another step's kernel does this one's work too; its tasks are dropped */
		PtError *err;
	} PtCudaBind;

	/* A row of a file's table.  Ops that differ in little share functions, and are told apart by variant. */
	typedef struct PtCudaKernel
	{
		const char *name; /* of the op; NULL ends a table */
		/* (optional) Checks dtypes, sets step->workspace.  Attributes and shapes were checked by the op's infer. */
		bool (*prepare)(PtCuda *dev, PtStep *step, PtError *err);
		/* Adds tasks; none if there is nothing to do (no elements). */
		bool (*bind)(PtCudaBind *b, PtStep *step);
		int variant;   /* for bind: b->variant */
		bool epilogue; /* it runs one (pt_cuda_add_program) */
	} PtCudaKernel;

/* Begins a file's table, which kernels.c names (in C++ a constant is its file's own unless it was declared). */
#define PT_CUDA_KERNELS(family)                                     \
	PT_CUDA_EXTERN const PtCudaKernel pt_cuda_##family##_kernels[]; \
	const PtCudaKernel pt_cuda_##family##_kernels[]

	/* kernels.c: NULL if there is none */
	extern const PtCudaKernel *pt_cuda_kernel_find(const char *name);

	/* task.c: adds a task of the given size (a struct that begins with PtCudaTask); NULL after b->err is filled */
	extern void *pt_cuda_task(PtCudaBind *b, const PtStep *step, size_t size,
							  cudaError_t (*launch)(PtCudaTask *, cudaStream_t));

	/*
 * task.c: says one more piece of memory that the task touches.  A task that says any must say all: its step's
 * operands do not count then.  False after b->err is filled.
 */
	extern bool pt_cuda_use(PtCudaBind *b, PtCudaTask *task, const void *data, size_t bytes,
							bool writes);
	extern bool pt_cuda_use_operand(PtCudaBind *b, PtCudaTask *task, const PtOperand *o,
									bool writes);
	/* Bytes of an operand; 0 of one that is not given. */
	extern size_t pt_cuda_operand_bytes(const PtOperand *o);

	/*
 * program.c: adds the task of a program over operands in the order of the program's.  result (may be NULL): address
 * of input 0 instead of in[0], and then in holds inputs 1..
 */
	extern bool pt_cuda_add_program(PtCudaBind *b, const PtStep *step, const PtProgram *program,
									const PtOperand *in, void *result, const PtOperand *out);
	/* Whether all of its instructions exist here. */
	extern bool pt_cuda_check_program(const PtProgram *program, const char *path, PtError *err);

	/* ---------- errors (error.c) ---------- */

	/*
 * Fills err with what CUDA said and returns false.  what: "launching mm".  An error that broke the context
 * marks the device lost.
 */
	extern bool pt_cuda_fail(PtCuda *dev, cudaError_t error, const char *what, PtError *err);
	/* Out of device memory: what was asked and what was free. */
	extern bool pt_cuda_fail_memory(PtCuda *dev, size_t bytes, PtError *err);
	/* "no kernel": op, dtype and module path */
	extern bool pt_cuda_fail_dtype(const PtStep *step, PtDtype dtype, PtError *err);

	/* ---------- parts of the device, each opened with it ---------- */

	extern PtCudaBlas *pt_cuda_blas_open(PtCuda *dev, PtError *err);
	extern void pt_cuda_blas_close(PtCudaBlas *blas); /* NULL is fine */
	/* Compiler of programs; without NVRTC one that says so. */
	extern PtCudaJit *pt_cuda_jit_open(PtCuda *dev, PtError *err);
	extern void pt_cuda_jit_close(PtCudaJit *jit); /* NULL is fine */

	/* device.c: the one symbol that the library exports */
	extern __attribute__((visibility("default"))) const PtDeviceType *pt_cuda_device_type(void);

	/* queue.c: these of the device ABI */
	extern bool pt_cuda_supports(PtDevice *dev, const PtStep *step);
	extern bool pt_cuda_prepare(PtDevice *dev, PtQueue *s, PtError *err);
	extern bool pt_cuda_bind(PtDevice *dev, PtQueue *s, PtError *err);
	extern bool pt_cuda_launch(PtDevice *dev, PtQueue *s, int64_t repeat, PtError *err);
	extern PtRun pt_cuda_wait(PtDevice *dev, PtQueue *s, int64_t budget_ns, PtError *err);
	extern void pt_cuda_unbind(PtDevice *dev, PtQueue *s);

#ifdef __cplusplus
}
#endif

#endif
