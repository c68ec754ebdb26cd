/*
 * program_harness.h
 *	  For tests of elementwise programs on any device: building them, running them, comparing outputs.
 */
#ifndef PT_PROGRAM_HARNESS_H
#define PT_PROGRAM_HARNESS_H

#include "cpu_harness.h"

/* ---------- running a program anywhere ---------- */

typedef struct Case
{
	PtProgram p;
	PtOperand in[PT_PROGRAM_INPUTS]; /* host memory */
	int alias[PT_PROGRAM_OUTPUTS];	 /* output j is the memory of input alias[j] - 1; 0: its own */
	int shift;						 /* operands begin so many elements after an aligned address */
	int64_t repeat;					 /* 0: once */
	double rel[PT_PROGRAM_OUTPUTS],
		abs[PT_PROGRAM_OUTPUTS]; /* of the CPU's; both 0: the same bits */
} Case;

__attribute__((unused)) static PtOperand
output_of(const PtProgram *p, int j)
{
	return (PtOperand){.dtype = p->outputs[j].dtype, .shape = {1, {p->points}}};
}

/* A copy on the device, between fences. */
__attribute__((unused)) static char *
to_device(PtDevice *dev, const PtOperand *o, int shift)
{
	size_t offset = FENCE + (size_t) shift * pt_dtype_size(o->dtype);
	size_t bytes = offset + bytes_of(o) + FENCE;
	char *host = malloc(bytes), *p;
	PtError err;

	memset(host, 0xa5, bytes);
	if (o->data != NULL)
		memcpy(host + offset, o->data, bytes_of(o));
	p = dev->type->alloc(dev, bytes, &err);
	if (CHECK(p != NULL, "%s", err.message))
		CHECK_OK(dev->type->upload(dev, p, host, bytes, &err), &err);
	free(host);
	return p;
}

/* Downloads what to_device made, with the fences looked at. */
__attribute__((unused)) static void *
from_device(PtDevice *dev, const PtOperand *o, int shift, const char *p)
{
	size_t offset = FENCE + (size_t) shift * pt_dtype_size(o->dtype);
	size_t bytes = offset + bytes_of(o) + FENCE;
	unsigned char *host = malloc(bytes);
	bool stands = true;
	PtError err;

	CHECK_OK(dev->type->download(dev, host, p, bytes, &err), &err);
	for (size_t i = 0; i < bytes; i++)
		if (i < offset || i >= offset + bytes_of(o))
			stands = stands && host[i] == 0xa5;
	CHECK(stands, "a program wrote beside its output");
	memmove(host, host + offset, bytes_of(o));
	return host;
}

/* Runs a case; the outputs come back in out[j].data, malloc'ed. */
__attribute__((unused)) static bool
run_case(PtDevice *dev, const Case *c, PtOperand *out, PtError *err)
{
	const PtDeviceType *type = dev->type;
	PtOperand in[PT_PROGRAM_INPUTS], results[PT_PROGRAM_OUTPUTS];
	char *memory[PT_PROGRAM_INPUTS], *own[PT_PROGRAM_OUTPUTS] = {NULL};
	PtStep step = {.program = &c->p,
				   .nin = c->p.ninputs,
				   .nout = c->p.noutputs,
				   .in = in,
				   .out = results};
	PtQueue s = {.steps = &step, .nsteps = 1};
	PtRun state = PT_RUN_ERROR;
	bool ok;

	for (int k = 0; k < c->p.ninputs; k++)
	{
		in[k] = c->in[k];
		memory[k] = to_device(dev, &in[k], c->shift);
		in[k].data = memory[k] + FENCE + (size_t) c->shift * pt_dtype_size(in[k].dtype);
	}
	for (int j = 0; j < c->p.noutputs; j++)
	{
		results[j] = output_of(&c->p, j);
		if (c->alias[j] == 0)
			own[j] = to_device(dev, &results[j], c->shift);
		results[j].data =
			c->alias[j] > 0 ? in[c->alias[j] - 1].data
							: own[j] + FENCE + (size_t) c->shift * pt_dtype_size(results[j].dtype);
	}
	ok = type->prepare(dev, &s, err) && type->bind(dev, &s, err) &&
		 type->launch(dev, &s, c->repeat > 0 ? c->repeat : 1, err);
	while (ok && (state = type->wait(dev, &s, INT64_MAX, err)) == PT_RUN_MORE)
		;
	type->unbind(dev, &s);
	ok = ok && state == PT_RUN_DONE;
	for (int j = 0; j < c->p.noutputs; j++)
	{
		out[j] = output_of(&c->p, j);
		if (ok)
			out[j].data = from_device(dev, &out[j], c->shift,
									  c->alias[j] > 0 ? memory[c->alias[j] - 1] : own[j]);
		type->free(dev, own[j]);
	}
	for (int k = 0; k < c->p.ninputs; k++)
		type->free(dev, memory[k]);
	return ok;
}

__attribute__((unused)) static bool
same(const PtOperand *a, const PtOperand *b, int64_t i)
{
	size_t size = pt_dtype_size(a->dtype);

	if (pt_dtype_is_float(a->dtype) && isnan(at(a, i)))
		return isnan(at(b, i));
	return memcmp((char *) a->data + (size_t) i * size, (char *) b->data + (size_t) i * size,
				  size) == 0;
}

__attribute__((unused)) static void
compare(const Case *c, int j, const char *what, const PtOperand *got, const PtOperand *want,
		double rel, double abs)
{
	bool exact = rel == 0 && abs == 0;
	int bad = 0;

	for (int64_t i = 0; i < c->p.points && bad < 3; i++)
		if (exact ? !same(got, want, i) : !check_close(at(got, i), at(want, i), rel, abs))
		{
			char x[3][32] = {"", "", ""};

			for (int k = 0; k < c->p.ninputs && k < 3; k++)
				if (numel(&c->in[k]) == c->p.points)
					snprintf(x[k], sizeof(x[k]), "%.17g", at(&c->in[k], i));
			CHECK(false, "%s, output %d, point %lld of %lld (%s, %s, %s): %.17g, wanted %.17g",
				  what, j, (long long) i, (long long) c->p.points, x[0], x[1], x[2], at(got, i),
				  at(want, i));
			bad++;
		}
	CHECK(bad == 0, "%s, output %d", what, j);
}

__attribute__((unused)) static void
free_outputs(const Case *c, PtOperand *out)
{
	for (int j = 0; j < c->p.noutputs; j++)
		free(out[j].data);
}

__attribute__((unused)) static void
free_case(Case *c)
{
	for (int k = 0; k < c->p.ninputs; k++)
		free(c->in[k].data);
}

/* ---------- building programs ---------- */

__attribute__((unused)) static Case
new_case(int64_t n)
{
	return (Case){.p = {.space = {n == 1 ? 0 : 1, {n}}, .points = n, .nregisters = 1}};
}

__attribute__((unused)) static void
use_register(Case *c, int reg)
{
	if (reg >= c->p.nregisters)
		c->p.nregisters = reg + 1;
}

/* An input into register reg; stride: NULL for contiguous. */
__attribute__((unused)) static void
add_input(Case *c, int reg, PtOperand operand, const int64_t *stride)
{
	PtProgramInput *in = &c->p.inputs[c->p.ninputs];
	int64_t run = 1;

	in->reg = (uint8_t) reg;
	in->dtype = operand.dtype;
	for (int d = c->p.space.ndim - 1; d >= 0; d--)
	{
		in->stride[d] = stride != NULL ? stride[d] : run;
		run *= c->p.space.dim[d];
	}
	c->in[c->p.ninputs++] = operand;
	use_register(c, reg);
}

/* The same element for all points. */
__attribute__((unused)) static void
add_single(Case *c, int reg, PtDtype dtype, double value)
{
	static const int64_t stride[PT_MAX_DIM];
	PtOperand o = new_operand(dtype, 0, NULL);

	if (dtype == PT_INT64)
		*(int64_t *) o.data = (int64_t) value;
	else
		pt_element_set_double(dtype, o.data, 0, value);
	add_input(c, reg, o, stride);
}

__attribute__((unused)) static void
add_number(Case *c, int reg, PtClass cls, double value)
{
	c->p.numbers[c->p.nnumbers++] =
		(PtProgramNumber){.reg = (uint8_t) reg,
						  .cls = (uint8_t) cls,
						  .real = cls == PT_I64 ? 0 : value,
						  .integer = cls == PT_I64 ? (int64_t) value : 0};
	use_register(c, reg);
}

__attribute__((unused)) static void
add(Case *c, PtScalar op, PtClass cls, int out, int a, int b, int third)
{
	c->p.instructions[c->p.ninstructions++] =
		(PtInstruction){(uint8_t) op,
						(uint8_t) cls,
						(uint8_t) out,
						{(uint8_t) a, (uint8_t) b, (uint8_t) third}};
	use_register(c, out);
}

__attribute__((unused)) static void
add_output(Case *c, int reg, PtDtype dtype)
{
	c->p.outputs[c->p.noutputs++] = (PtProgramOutput){(uint8_t) reg, dtype};
}

#endif
