/*
 * elementwise.h
 *	  What a launch of an elementwise program is given, interpreted or compiled.
 *
 * Everything that may differ between equal programs is here: addresses, sizes, strides, numbers.  So the
 * text of a compiled program (source.c) depends on its structure alone, and layers of all widths share
 * a kernel.  It is passed by value.  NVRTC reads the first part of this file too.
 */
#ifndef PT_CUDA_ELEMENTWISE_H
#define PT_CUDA_ELEMENTWISE_H

#ifndef __CUDACC_RTC__
#include "cuda.h"
#endif
#include "fault.h"

/* as engine/plan/program.h and tensor.h have them; program.c makes sure */
#define PT_CUDA_DIMS 8
#define PT_CUDA_INPUTS 16
#define PT_CUDA_NUMBERS 16
#define PT_CUDA_OUTPUTS 8

/* A register: which member holds the value is known from the instruction. */
typedef union PtCudaCell
{
	float f32;
	double f64;
	int64_t i64;
} PtCudaCell;

/* A size to divide by; for numbers below 2^31 by a multiplication (quotient() of scalar.cuh). */
typedef struct PtCudaSize
{
	int64_t size;
	uint32_t magic, shift;
} PtCudaSize;

typedef struct PtCudaInput
{
	const void *data;
	int64_t stride[PT_CUDA_DIMS]; /* in elements */
} PtCudaInput;

typedef struct PtCudaOperands
{
	int64_t points;
	PtCudaSize dim[PT_CUDA_DIMS];
	PtCudaInput in[PT_CUDA_INPUTS];
	void *out[PT_CUDA_OUTPUTS];
	PtCudaCell number[PT_CUDA_NUMBERS];
	PtCudaFault *fault;
	int task; /* the number that it notes faults with */
} PtCudaOperands;

/* A compiled program's kernel has this name and takes PtCudaOperands. */
#define PT_CUDA_PROGRAM "pt_program"

#ifndef __CUDACC_RTC__
#ifdef __cplusplus
extern "C"
{
#endif

	/* How an input is read. */
	typedef enum PtCudaAccess
	{
		PT_ACCESS_ONE,	  /* the same element for all points */
		PT_ACCESS_LINEAR, /* element i for point i */
		PT_ACCESS_STRIDED
	} PtCudaAccess;

	/* A function of scalar.cuh, by PtScalar: its name, but for the class; bits of the classes there are. */
	typedef struct PtCudaScalar
	{
		const char *name;
		int operands;
		unsigned classes;
		bool divides; /* of integers: a zero as second operand is noted */
	} PtCudaScalar;
	extern const PtCudaScalar pt_cuda_scalars[PT_S_TOTAL];

	static inline bool pt_cuda_divides(const PtInstruction *i)
	{
		return i->cls == PT_I64 && pt_cuda_scalars[i->op].divides;
	}

	/* What can be said of a program and its operands before it runs. */
	typedef struct PtCudaForm
	{
		bool wide; /* indices need 64 bits */
		bool divides;
		/* compiled: consecutive points of a thread: 1, 2, 4 or 8, with strided inputs a divisor of a row */
		int lanes;
		PtCudaAccess access[PT_PROGRAM_INPUTS];
		bool packed[PT_PROGRAM_INPUTS]; /* strided: lanes consecutive elements are aligned */
	} PtCudaForm;

	/* program.cu: one launch of the interpreter's kernel */
	typedef struct PtCudaCode
	{
		uint8_t ndim, ninputs, nnumbers, ninstructions, noutputs;
		bool wide;
		uint64_t divides; /* bit k: instruction k divides integers */
		struct
		{
			uint8_t reg, dtype, access;
		} in[PT_PROGRAM_INPUTS];
		uint8_t number[PT_PROGRAM_NUMBERS]; /* registers */
		struct
		{
			uint8_t reg, dtype;
		} out[PT_PROGRAM_OUTPUTS];
		PtInstruction instructions[PT_PROGRAM_INSTRUCTIONS];
	} PtCudaCode;

	extern cudaError_t pt_cuda_interpret(const PtCudaOperands *operands, const PtCudaCode *code,
										 int nregisters, cudaStream_t stream);

	/* source.c: a program as CUDA C, malloc'ed; NULL when out of memory. */
	extern char *pt_cuda_source(const PtProgram *program, const PtCudaForm *form);
	/* What stands before it: scalar.cuh, preprocessed. */
	extern const char pt_cuda_scalar_text[];
/* Threads in a block of a compiled program. */
#define PT_CUDA_PROGRAM_BLOCK 128

	/* jit.c: a compiled kernel, for cudaLaunchKernel */
	typedef struct PtCudaKernelRef
	{
		const void *function;
	} PtCudaKernelRef;

	/*
 * The kernel of a text of pt_cuda_source, compiled unless it was before; NULL after err is filled.  Who
 * takes it gives it back.
 */
	extern const PtCudaKernelRef *pt_cuda_jit_take(PtCudaJit *jit, const char *text, PtError *err);
	extern void pt_cuda_jit_give(const PtCudaKernelRef *ref); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif

#endif
