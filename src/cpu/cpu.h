/*
 * cpu.h
 *	  Inside the CPU device: tasks, kernels, and the program interpreter.
 *
 * bind turns each step of a queue into one task or a few.  A task is a number of tiles that do not
 * depend on each other, each a few milliseconds at most, run in one or more rounds with a
 * barrier between.  The device runs tiles, on one thread or on all; between any two it may
 * return to the caller and go on later.  What a tile computes does not depend on the number of threads.
 */
#ifndef PT_CPU_H
#define PT_CPU_H

#include <stdatomic.h>

#include "cpu/blas.h"
#include "cpu/isa/isa.h"
#include "cpu/threads.h"
#include "engine/plan/device.h"

typedef struct PtCpu
{
	PtDevice base;
	const PtIsa *isa;
	bool no_library;
	int threads;
	PtThreads *pool;
	char **scratch; /* [threads], each of scratch_size bytes, 64-byte aligned */
	size_t scratch_size;
} PtCpu;

typedef struct PtCpuTask PtCpuTask;
struct PtCpuTask
{
	/* scratch: the thread's own.  A tile that fails sets fault and does whatever is harmless. */
	void (*run)(PtCpuTask *task, int64_t tile, char *scratch);
	int64_t ntiles;
	int64_t nrounds;  /* all tiles run once in each */
	int64_t round;	  /* the current one; set by the device */
	int64_t tile_ns;  /* estimate */
	bool parallel;	  /* worth more than one thread */
	atomic_int fault; /* not 0: explain says what it means */
	bool (*explain)(const PtCpuTask *task, PtError *err);
	const PtStep *step;
	const PtIsa *isa;
};

/* What a kernel's bind works with. */
typedef struct PtCpuBind
{
	PtCpu *dev;
	int variant;	/* of the kernel that is bound */
	PtArena *arena; /* of the queue; zeroed memory */
	PtCpuTask **tasks;
	int ntasks, tasks_size;
	size_t scratch; /* the largest any task wants per thread */
	PtError *err;
} PtCpuBind;

/* A row of a file's table.  Ops that differ in little share functions, and are told apart by variant. */
typedef struct PtCpuKernel
{
	const char *name; /* of the op; NULL ends a table */
	/* Checks dtypes, sets step->workspace.  Attributes and shapes were checked by the op's infer. */
	bool (*prepare)(PtCpu *dev, PtStep *step, PtError *err);
	bool (*bind)(PtCpuBind *b, PtStep *step);
	int variant;   /* for bind: b->variant */
	bool epilogue; /* it runs one */
} PtCpuKernel;

/* kernels.c: NULL if there is none */
extern const PtCpuKernel *pt_cpu_kernel_find(const char *name);

/* ---------- for kernels (task.c) ---------- */

/* Adds a task of the given size (a struct that begins with PtCpuTask); NULL after b->err is filled. */
extern void *pt_cpu_task(PtCpuBind *b, const PtStep *step, size_t size,
						 void (*run)(PtCpuTask *, int64_t, char *), int64_t ntiles,
						 int64_t tile_ns);
/* Says that a task needs bytes of scratch on each thread. */
extern void pt_cpu_want_scratch(PtCpuBind *b, size_t bytes);
/* "no kernel": op, dtype and module path */
extern bool pt_cpu_fail_dtype(const PtStep *step, PtDtype dtype, PtError *err);

/* program.c: of steps without op */
extern const PtCpuKernel pt_cpu_program_kernel;
/* ---------- programs (program.c) ---------- */

/* A program with its addresses resolved, ready to run over ranges of points. */
typedef struct PtCpuProgram PtCpuProgram;

/* Whether there is a loop for each instruction. */
extern bool pt_cpu_program_check(const PtProgram *p, const char *path, PtError *err);
/*
 * in and out: operands in the order of the program's.  result (may be NULL): address of input 0
 * instead of in[0], and then in holds inputs 1..  In the arena of b; NULL after b->err is filled.
 */
extern PtCpuProgram *pt_cpu_program_bind(PtCpuBind *b, const PtProgram *p, const PtOperand *in,
										 void *result, const PtOperand *out);
/* Bytes of scratch that running it needs. */
extern size_t pt_cpu_program_scratch(const PtCpuProgram *p);
extern int64_t pt_cpu_program_ns(const PtCpuProgram *p, int64_t points);
/* Runs points first to last - 1; false at an integer division by zero. */
extern bool pt_cpu_program_run(const PtCpuProgram *p, int64_t first, int64_t last, char *scratch);
extern bool pt_cpu_fail_zero_division(const PtCpuTask *task, PtError *err);

/* ---------- optimizer steps (optim.c) ---------- */

/* If the program is Adam's step, what it works on, in the arena; else, or without memory, NULL. */
extern PtAdam *pt_cpu_adam_match(PtArena *arena, const PtProgram *p, const PtOperand *in,
								 const PtOperand *out);

static inline int64_t
pt_cpu_ceil(int64_t a, int64_t b)
{
	return (a + b - 1) / b;
}

#endif
