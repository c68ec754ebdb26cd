/*
 * program_harness.c
 *	  Building elementwise programs, running them anywhere, comparing outputs.
 */
#include "engine/program_harness.h"

/* ---------- running a program anywhere ---------- */

PtOperand
program_output(const PtProgram *p, int j)
{
	return (PtOperand){.dtype = p->outputs[j].dtype, .shape = {1, {p->points}}};
}

/* A copy on the device, between fences. */
static char *
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
static void *
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

bool
program_run(PtDevice *dev, const ProgramCase *c, PtOperand *out, PtError *err)
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
		results[j] = program_output(&c->p, j);
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
		out[j] = program_output(&c->p, j);
		if (ok)
			out[j].data = from_device(dev, &out[j], c->shift,
									  c->alias[j] > 0 ? memory[c->alias[j] - 1] : own[j]);
		type->free(dev, own[j]);
	}
	for (int k = 0; k < c->p.ninputs; k++)
		type->free(dev, memory[k]);
	return ok;
}

static bool
same(const PtOperand *a, const PtOperand *b, int64_t i)
{
	size_t size = pt_dtype_size(a->dtype);

	if (pt_dtype_is_float(a->dtype) && isnan(at(a, i)))
		return isnan(at(b, i));
	return memcmp((char *) a->data + (size_t) i * size, (char *) b->data + (size_t) i * size,
				  size) == 0;
}

void
program_compare(const ProgramCase *c, int j, const char *what, const PtOperand *got,
				const PtOperand *want, double rel, double abs)
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

void
program_free_outputs(const ProgramCase *c, PtOperand *out)
{
	for (int j = 0; j < c->p.noutputs; j++)
		free(out[j].data);
}

void
program_free(ProgramCase *c)
{
	for (int k = 0; k < c->p.ninputs; k++)
		free(c->in[k].data);
}

/* ---------- building programs ---------- */

ProgramCase
program_case(int64_t n)
{
	return (ProgramCase){.p = {.space = {n == 1 ? 0 : 1, {n}}, .points = n, .nregisters = 1}};
}

static void
use_register(ProgramCase *c, int reg)
{
	if (reg >= c->p.nregisters)
		c->p.nregisters = reg + 1;
}

void
add_input(ProgramCase *c, int reg, PtOperand operand, const int64_t *stride)
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

void
add_single(ProgramCase *c, int reg, PtDtype dtype, double value)
{
	static const int64_t stride[PT_MAX_DIM];
	PtOperand o = new_operand(dtype, 0, NULL);

	if (dtype == PT_INT64)
		*(int64_t *) o.data = (int64_t) value;
	else
		pt_element_set_double(dtype, o.data, 0, value);
	add_input(c, reg, o, stride);
}

void
add_number(ProgramCase *c, int reg, PtClass cls, double value)
{
	c->p.numbers[c->p.nnumbers++] =
		(PtProgramNumber){.reg = (uint8_t) reg,
						  .cls = (uint8_t) cls,
						  .real = cls == PT_I64 ? 0 : value,
						  .integer = cls == PT_I64 ? (int64_t) value : 0};
	use_register(c, reg);
}

void
add(ProgramCase *c, PtScalar op, PtClass cls, int out, int a, int b, int third)
{
	c->p.instructions[c->p.ninstructions++] =
		(PtInstruction){(uint8_t) op,
						(uint8_t) cls,
						(uint8_t) out,
						{(uint8_t) a, (uint8_t) b, (uint8_t) third}};
	use_register(c, out);
}

void
add_output(ProgramCase *c, int reg, PtDtype dtype)
{
	c->p.outputs[c->p.noutputs++] = (PtProgramOutput){(uint8_t) reg, dtype};
}
