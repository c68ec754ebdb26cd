/*
 * cpu_harness.h
 *	  For tests of the CPU device alone: queues by hand, random operands, every instruction set.
 */
#ifndef PT_CPU_HARNESS_H
#define PT_CPU_HARNESS_H

#include <stdlib.h>
#include <string.h>

#include "engine/check.h"
#include "engine/plan/device.h"

/* ---------- devices ---------- */

/* Every instruction set there is, NULL at the end. */
extern const char *const isa_names[];

/* Calls f on a device of each instruction set that runs here, with 1 and 3 threads. */
extern void each_device(void (*f)(PtDevice *dev, const char *what), bool no_library);

/* ---------- numbers ---------- */

extern uint64_t random_bits(void);
extern double random_real(void); /* between -1 and 1 */

extern int64_t numel(const PtOperand *o);
extern size_t bytes_of(const PtOperand *o);

/* Elements past the end are a fence: fence_stands says whether a kernel wrote there. */
#define FENCE 64

extern PtOperand new_operand(PtDtype dtype, int ndim, const int64_t *dim);

#define OPERAND(dtype, ...)                                                        \
	new_operand(dtype, (int) (sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), \
				(int64_t[]){__VA_ARGS__})

extern bool fence_stands(const PtOperand *o);

/* Values of -scale .. scale, of uint8 0 .. scale. */
extern void fill_random(PtOperand *o, double scale);
extern PtOperand random_operand(PtDtype dtype, double scale, int ndim, const int64_t *dim);

#define RANDOM(dtype, scale, ...)                                                            \
	random_operand(dtype, scale, (int) (sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), \
				   (int64_t[]){__VA_ARGS__})

/* Element i. */
extern double at(const PtOperand *o, int64_t i);

/* All elements as doubles, for references that read them often; free it. */
extern double *values(const PtOperand *o);

/* relative error that one rounding of a dtype makes */
extern double epsilon(PtDtype dtype);

/* ---------- attributes ---------- */

typedef struct Attribute
{
	const char *name;
	PtValue value;
} Attribute;

#define INT_ATTR(name, x)      \
	{                          \
		name,                  \
		{                      \
			PT_VALUE_INT, 0,   \
			{                  \
				.integer = (x) \
			}                  \
		}                      \
	}
#define REAL_ATTR(name, x)    \
	{                         \
		name,                 \
		{                     \
			PT_VALUE_REAL, 0, \
			{                 \
				.real = (x)   \
			}                 \
		}                     \
	}
#define BOOL_ATTR(name, x)     \
	{                          \
		name,                  \
		{                      \
			PT_VALUE_BOOL, 0,  \
			{                  \
				.boolean = (x) \
			}                  \
		}                      \
	}
#define INTS_ATTR(name, n, x)   \
	{                           \
		name,                   \
		{                       \
			PT_VALUE_INTS, (n), \
			{                   \
				.ints = (x)     \
			}                   \
		}                       \
	}
#define NONE_ATTR(name)           \
	{                             \
		name,                     \
		{                         \
			.kind = PT_VALUE_NONE \
		}                         \
	}

typedef struct Attributes
{
	PtArgs args;
	PtParam params[8];
	PtValue values[8];
} Attributes;

/* What from[] says, as an op takes it; it lies in *to. */
extern const PtArgs *set_attributes(Attributes *to, const Attribute *from, int n);

/* ---------- running ---------- */

/* Runs a queue `repeat` times; counts in *waits how often wait said MORE. */
extern bool run_queue(PtDevice *dev, PtQueue *s, int64_t repeat, int64_t budget_ns, int *waits,
					  PtError *err);

/* One step of an op by name. */
extern bool run_op(PtDevice *dev, const char *name, const Attribute *attrs, int nattrs,
				   PtOperand *in, int nin, PtOperand *out, int nout, PtError *err);

extern bool run_program(PtDevice *dev, const PtProgram *program, PtOperand *in, PtOperand *out,
						PtError *err);

#endif
