/*
 * program.h
 *	  Elementwise programs: what a chain of scalar ops becomes.
 *
 * A program is run for every point of an iteration space.  Inputs are loaded from any dtype into
 * registers of a compute class (PtClass), instructions work on registers, outputs are stored
 * into any dtype.  A device runs it chunk by chunk (CPU) or point by point (CUDA); memory is
 * touched once, however long the chain.
 *
 * A point's place in the space counts in row-major order: what random numbers depend on (PT_S_philox).
 *
 * Conversions are instructions of their own: all operands and the result of a scalar op are
 * of the instruction's class, also comparisons, whose result is 0 or 1 in that class.
 */
#ifndef PT_PROGRAM_H
#define PT_PROGRAM_H

#include "engine/graph/op.h"

#define PT_PROGRAM_INPUTS 16
#define PT_PROGRAM_OUTPUTS 8
#define PT_PROGRAM_REGISTERS 32
#define PT_PROGRAM_INSTRUCTIONS 64
#define PT_PROGRAM_NUMBERS 16

typedef struct PtInstruction
{
	uint8_t op; /* PtScalar */
	uint8_t
		cls; /* PtClass of operands and result; of a PT_S_to_* and PT_S_philox: of the operands */
	uint8_t out; /* registers */
	uint8_t in[3];
} PtInstruction;

typedef struct PtProgramInput
{
	uint8_t reg; /* loaded in the class of its dtype */
	PtDtype dtype;
	int64_t stride[PT_MAX_DIM]; /* in elements, per dimension of the space; 0 where broadcast */
} PtProgramInput;

typedef struct PtProgramNumber
{
	uint8_t reg;
	uint8_t cls;
	double real;	 /* classes F32 and F64 */
	int64_t integer; /* class I64 */
} PtProgramNumber;

typedef struct PtProgramOutput
{
	uint8_t reg; /* in the class of its dtype */
	PtDtype dtype;
} PtProgramOutput; /* contiguous over the space */

/*
 * Registers of numbers and of inputs whose strides are all 0 are never overwritten by
 * instructions, so a device may load them once.
 */
typedef struct PtProgram
{
	PtShape space; /* already collapsed: no size 1, no two dimensions that could be one */
	int64_t points;
	int ninputs, nnumbers, ninstructions, noutputs, nregisters;
	PtProgramInput inputs[PT_PROGRAM_INPUTS];
	PtProgramNumber numbers[PT_PROGRAM_NUMBERS];
	PtInstruction instructions[PT_PROGRAM_INSTRUCTIONS];
	PtProgramOutput outputs[PT_PROGRAM_OUTPUTS];
} PtProgram;

#endif
