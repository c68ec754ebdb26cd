/*
 * device.h
 *	  The device ABI: all that the engine knows of a CPU or a GPU.
 *
 * A compiled plan reaches a device as a queue: a flat list of steps (kernel calls) over operands
 * whose addresses are the device's own.  The engine never dereferences those, on the CPU
 * either; it only adds offsets.  Life of a queue:
 *
 *		prepare		pick a kernel for each step (an error names the op that has none) and say
 *					how much workspace it wants
 *		bind		addresses are final now: resolve strides and pointers, capture a CUDA graph
 *		launch		start `repeat` runs of all steps; of those under way nothing more is done
 *		wait		make or await progress for about budget_ns, and say DONE, MORE or ERROR
 *		unbind		give back what prepare and bind made
 *
 * A device need not have a kernel for every op: of what it does not support the plan makes steps of another device, its
 * host, with copies in between (host.c).  So a row of the op table with a kernel on the CPU alone works on each device,
 * only slower, and dynamic rows, too: their sizes are read by download wherever they were computed.
 *
 * bind may be called again after addresses changed.  One queue runs at a time on a device.
 * All functions are called on one thread; a device may use threads of its own, which it starts
 * only inside open, prepare, bind, launch and wait, and which never touch a PtError.
 */
#ifndef PT_DEVICE_H
#define PT_DEVICE_H

#include "engine/plan/program.h"

#define PT_DEVICE_ABI 4

typedef struct PtOperand
{
	PtDtype dtype; /* PT_NDTYPE: an optional input that is not given */
	PtShape shape;
	void *data; /* device address */
} PtOperand;

typedef struct PtStep
{
	const PtOp *op;			  /* NULL: the program below */
	const PtProgram *program; /* inputs and outputs are the operands, in order */
	const PtArgs *attrs;	  /* of op */
	const PtProgram
		*epilogue; /* (optional) applied to the single result: input 0 is the result itself */
	int nin, nout; /* in: the op's inputs, then the epilogue's inputs 1.. */
	int nepilogue; /* how many of in are the epilogue's */
	PtOperand *in, *out;
	size_t workspace; /* bytes, set by prepare; shared with nothing while the step runs */
	void *scratch;	  /* its address, 64-byte aligned, set before bind */
	void *kernel;	  /* the device's own */
	void *state;	  /* the device's own; freed by unbind */
	const char *path; /* of the module, for errors; may be NULL */
} PtStep;

/* For messages. */
static inline const char *
pt_step_name(const PtStep *step)
{
	return step->op != NULL ? step->op->name : "elementwise program";
}

typedef struct PtQueue
{
	PtStep *steps;
	int nsteps;
	void *state; /* the device's own: cursor, captured graph */
} PtQueue;

typedef enum PtRun
{
	PT_RUN_ERROR,
	PT_RUN_MORE,
	PT_RUN_DONE
} PtRun;

/* Of float32 products, as torch.set_float32_matmul_precision; a CPU is always exact. */
typedef enum PtPrecision
{
	PT_HIGHEST, /* float32 */
	PT_HIGH		/* TensorFloat32: operands rounded to 10 bits */
} PtPrecision;

typedef struct PtDeviceOptions
{
	int threads;		   /* CPU: how many, at least 1 */
	int ordinal;		   /* GPU: which */
	PtPrecision precision; /* GPU */
	bool no_library;	   /* CPU: do not open a BLAS (tests) */
	/* tests: an instruction set of a CPU ("v2"), how a GPU runs programs ("interpreted", "compiled"); NULL: the best there is */
	const char *isa;
} PtDeviceOptions;

typedef struct PtDevice PtDevice;

/*
 * What a training plan counts, in two small arrays on the device, so that it can run thousands of steps without the host
 * (engine/ops/train.c says which op does what).  ctl: int64[PT_CTL_SIZE].
 */
typedef enum PtCtl
{
	PT_CTL_POSITION, /* in the order of the epoch: the next batch's first row */
	PT_CTL_STEPS,	 /* done */
	PT_CTL_DIVERGED, /* the first step (from 1) whose loss was not finite; 0: none */
	PT_CTL_SIZE = 8
} PtCtl;

/* stats: float64[PT_STATS_SIZE]. */
typedef enum PtStats
{
	PT_STATS_LOSS, /* sum of loss x rows */
	PT_STATS_ROWS,
	PT_STATS_LAST, /* the last loss */
	PT_STATS_SIZE = 4
} PtStats;

/*
 * What the numbers in a program mean: the scalar ops in their order.  A library that was built from other sources has
 * another text, and would compute something else.
 */
static inline const char *
pt_device_scalars(void)
{
#define PT_UNARY(name, ...) #name " "
#define PT_BINARY(name, ...) #name " "
#define PT_TERNARY(name, ...) #name " "
	return
#include "engine/ops/scalar.def"
		"";
}

typedef struct PtDeviceType
{
	int abi; /* PT_DEVICE_ABI */
	/* with the same abi these still differ where only ops or limits were changed */
	size_t step_bytes, program_bytes; /* sizes of PtStep, PtProgram */
	const char *(*scalars)(void);	  /* pt_device_scalars */
	const char *name;
	bool shares_host; /* host pointers are device addresses */

	PtDevice *(*open)(const PtDeviceOptions *options, PtError *err);
	void (*close)(PtDevice *dev);
	/* key and value pairs for pgtorch_info(): i counts from 0; false past the end */
	bool (*info)(PtDevice *dev, int i, const char **key, char *value, size_t size);

	void *(*alloc)(PtDevice *dev, size_t bytes, PtError *err); /* 64-byte aligned, zeroed */
	void (*free)(PtDevice *dev, void *p);
	/* Copies that are waited for, after what was launched and fed before. */
	bool (*upload)(PtDevice *dev, void *dst, const void *host, size_t bytes, PtError *err);
	bool (*download)(PtDevice *dev, void *host, const void *src, size_t bytes, PtError *err);

	/* The rest of memory; NULL where host pointers are device addresses. */

	/* Bytes that alloc can still give, about. */
	size_t (*available)(PtDevice *dev);
	/* Host memory that copies to the device are fastest from. */
	void *(*alloc_host)(PtDevice *dev, size_t bytes, PtError *err);
	void (*free_host)(PtDevice *dev, void *p);
	/*
	 * Starts a copy from such memory beside what runs.  What is launched later waits for it; once a run launched later is
	 * done, host may be written again.
	 */
	bool (*feed)(PtDevice *dev, void *dst, const void *host, size_t bytes, PtError *err);

	/* Whether there is a kernel for a step.  Where there is none, and no host that has one, prepare fails. */
	bool (*supports)(PtDevice *dev, const PtStep *step);
	bool (*prepare)(PtDevice *dev, PtQueue *s, PtError *err);
	bool (*bind)(PtDevice *dev, PtQueue *s, PtError *err);
	bool (*launch)(PtDevice *dev, PtQueue *s, int64_t repeat, PtError *err);
	PtRun (*wait)(PtDevice *dev, PtQueue *s, int64_t budget_ns, PtError *err);
	void (*unbind)(PtDevice *dev, PtQueue *s);
} PtDeviceType;

/* Every device begins with this. */
struct PtDevice
{
	const PtDeviceType *type;
	bool threads; /* it may start threads while a plan runs, not only before the first run */
	/* Runs what this one does not support; set by who opened both, and closed after it.  NULL: nothing does. */
	PtDevice *host;
};

/* src/cpu/device.c */
extern const PtDeviceType pt_cpu_device;

#endif
