/*
 * program_harness.h
 *	  For tests of elementwise programs on any device: building them, running them, comparing outputs.
 */
#ifndef PT_PROGRAM_HARNESS_H
#define PT_PROGRAM_HARNESS_H

#include "engine/cpu_harness.h"

/* ---------- running a program anywhere ---------- */

typedef struct ProgramCase
{
	PtProgram p;
	PtOperand in[PT_PROGRAM_INPUTS]; /* host memory */
	int alias[PT_PROGRAM_OUTPUTS];	 /* output j is the memory of input alias[j] - 1; 0: its own */
	int shift;						 /* operands begin so many elements after an aligned address */
	int64_t repeat;					 /* 0: once */
	double rel[PT_PROGRAM_OUTPUTS],
		abs[PT_PROGRAM_OUTPUTS]; /* of the CPU's; both 0: the same bits */
} ProgramCase;

/* Output j without memory. */
extern PtOperand program_output(const PtProgram *p, int j);

/* Runs a case; the outputs come back in out[j].data, malloc'ed. */
extern bool program_run(PtDevice *dev, const ProgramCase *c, PtOperand *out, PtError *err);

/* Output j of a case; rel and abs both 0: the same bits. */
extern void program_compare(const ProgramCase *c, int j, const char *what, const PtOperand *got,
							const PtOperand *want, double rel, double abs);

extern void program_free_outputs(const ProgramCase *c, PtOperand *out);
extern void program_free(ProgramCase *c);

/* ---------- building programs ---------- */

/* A program of one register over n points (1: a single element without dimensions). */
extern ProgramCase program_case(int64_t n);

/* An input into register reg; stride: NULL for contiguous. */
extern void add_input(ProgramCase *c, int reg, PtOperand operand, const int64_t *stride);

/* The same element for all points. */
extern void add_single(ProgramCase *c, int reg, PtDtype dtype, double value);

extern void add_number(ProgramCase *c, int reg, PtClass cls, double value);

/* An instruction: registers out = op(a, b, third). */
extern void add(ProgramCase *c, PtScalar op, PtClass cls, int out, int a, int b, int third);

extern void add_output(ProgramCase *c, int reg, PtDtype dtype);

#endif
