/*
 * program.c
 *	  Elementwise programs on the GPU: how one is read and written, and in which of two forms it runs.
 *
 * A program is one launch.  It is interpreted (program.cu) until its queue has run for a while (queue.c),
 * then compiled (source.c, jit.c); both forms give the same bits.  Where NVRTC is missing or fails, programs
 * stay interpreted: slower, nothing else.
 *
 * Outputs may be inputs' memory at the same index: a thread reads its points before it writes them.
 */
#include <stdlib.h>
#include <string.h>

#include "elementwise.h"

_Static_assert(PT_CUDA_DIMS == PT_MAX_DIM && PT_CUDA_INPUTS == PT_PROGRAM_INPUTS &&
				   PT_CUDA_NUMBERS == PT_PROGRAM_NUMBERS && PT_CUDA_OUTPUTS == PT_PROGRAM_OUTPUTS,
			   "elementwise.h repeats these for NVRTC");
_Static_assert(sizeof(PtCudaOperands) + sizeof(PtCudaCode) <= 4096, "a launch passes at most 4 KB");

/* From that many points on a thread takes several: fewer would leave most of a GPU idle. */
#define PACK_POINTS 32768
/* Blocks of a compiled program for each SM; more points than they have threads take turns. */
#define BLOCKS_PER_SM 64

typedef struct ProgramTask
{
	PtCudaTask task;
	const PtProgram *program;
	PtCudaOperands operands;
	PtCudaForm form;
	PtCudaCode code;			   /* interpreted */
	const PtCudaKernelRef *kernel; /* compiled */
	unsigned blocks;
} ProgramTask;

/* ---------- check ---------- */

bool
pt_cuda_check_program(const PtProgram *p, const char *path, PtError *err)
{
	static const char *const classes[] = {"float32", "float64", "int64"};

	for (int k = 0; k < p->ninstructions; k++)
	{
		const PtInstruction *i = &p->instructions[k];

		const PtCudaScalar *s = &pt_cuda_scalars[i->op < PT_S_TOTAL ? i->op : PT_S_NONE];

		if (i->cls <= PT_I64 && (s->classes >> i->cls & 1) != 0)
			continue;
		pt_fail(err, PT_EUNSUPPORTED, "%s is not implemented on device \"cuda\" for %s",
				i->op < PT_S_END ? s->name : "a conversion",
				i->cls <= PT_I64 ? classes[i->cls] : "its class");
		return path == NULL ? false : pt_detail(err, "In module %s.", path);
	}
	return true;
}

/* ---------- what can be said before it runs ---------- */

/* Magic and shift for quotient() of scalar.cuh: shift = ceil(log2 d), magic = floor(2^32 (2^shift - d) / d) + 1. */
static PtCudaSize
size_of(int64_t d)
{
	PtCudaSize s = {.size = d};

	if (d >= INT64_C(1) << 31)
		return s; /* indices are wide */
	while (INT64_C(1) << s.shift < d)
		s.shift++;
	s.magic = (uint32_t) (((((uint64_t) 1 << s.shift) - (uint64_t) d) << 32) / (uint64_t) d + 1);
	return s;
}

static PtCudaAccess
access_of(const PtProgram *p, int input)
{
	const int64_t *stride = p->inputs[input].stride;
	bool one = true, linear = true;
	int64_t run = 1;

	for (int d = p->space.ndim - 1; d >= 0; d--)
	{
		one = one && stride[d] == 0;
		linear = linear && stride[d] == run;
		run *= p->space.dim[d];
	}
	return one ? PT_ACCESS_ONE : linear ? PT_ACCESS_LINEAR : PT_ACCESS_STRIDED;
}

static bool
aligned(const void *p, size_t bytes)
{
	return (uintptr_t) p % (bytes < 16 ? bytes : 16) == 0;
}

/* Whether packs of that many points can be loaded and stored. */
static bool
can_pack(const ProgramTask *t, int lanes)
{
	const PtProgram *p = t->program;

	for (int k = 0; k < p->ninputs; k++)
	{
		size_t bytes = pt_dtype_size(p->inputs[k].dtype) * (size_t) lanes;

		if (t->form.access[k] == PT_ACCESS_LINEAR && !aligned(t->operands.in[k].data, bytes))
			return false;
		/* a pack lies within a row, so one place serves it */
		if (t->form.access[k] == PT_ACCESS_STRIDED && p->space.dim[p->space.ndim - 1] % lanes != 0)
			return false;
	}
	for (int j = 0; j < p->noutputs; j++)
		if (!aligned(t->operands.out[j], pt_dtype_size(p->outputs[j].dtype) * (size_t) lanes))
			return false;
	return true;
}

/* So many that the widest elements of the points that a thread takes are 16 bytes. */
static int
choose_lanes(const ProgramTask *t)
{
	const PtProgram *p = t->program;
	size_t widest = 2;
	int lanes;

	if (p->points < PACK_POINTS)
		return 1;
	for (int k = 0; k < p->ninputs; k++)
		if (t->form.access[k] == PT_ACCESS_LINEAR && pt_dtype_size(p->inputs[k].dtype) > widest)
			widest = pt_dtype_size(p->inputs[k].dtype);
	for (int j = 0; j < p->noutputs; j++)
		if (pt_dtype_size(p->outputs[j].dtype) > widest)
			widest = pt_dtype_size(p->outputs[j].dtype);
	for (lanes = (int) (16 / widest); lanes > 1 && !can_pack(t, lanes); lanes /= 2)
		;
	return lanes;
}

static void
describe(ProgramTask *t)
{
	const PtProgram *p = t->program;
	PtCudaForm *form = &t->form;
	int last = p->space.ndim - 1;

	form->wide = p->points >= INT64_C(1) << 31;
	for (int k = 0; k < p->ninputs; k++)
	{
		int64_t highest = 0;

		form->access[k] = access_of(p, k);
		for (int d = 0; d <= last; d++)
			highest += (p->space.dim[d] - 1) * p->inputs[k].stride[d];
		form->wide = form->wide || highest >= INT64_C(1) << 31;
	}
	for (int k = 0; k < p->ninstructions; k++)
		form->divides = form->divides || pt_cuda_divides(&p->instructions[k]);
	form->lanes = choose_lanes(t);
	for (int k = 0; k < p->ninputs; k++)
	{
		size_t bytes = pt_dtype_size(p->inputs[k].dtype) * (size_t) form->lanes;

		if (form->access[k] != PT_ACCESS_STRIDED)
			continue;
		form->packed[k] = p->inputs[k].stride[last] == 1 && aligned(t->operands.in[k].data, bytes);
		for (int d = 0; d < last; d++)
			if (p->inputs[k].stride[d] % form->lanes != 0)
				form->packed[k] = false;
	}
}

/* ---------- the task ---------- */

static void
fill_operands(ProgramTask *t, const PtOperand *in, void *result, const PtOperand *out)
{
	const PtProgram *p = t->program;
	PtCudaOperands *o = &t->operands;

	o->points = p->points;
	o->fault = t->task.fault;
	o->task = t->task.number;
	for (int d = 0; d < p->space.ndim; d++)
		o->dim[d] = size_of(p->space.dim[d]);
	for (int k = 0; k < p->ninputs; k++)
	{
		o->in[k].data = result == NULL ? in[k].data : k == 0 ? result : in[k - 1].data;
		memcpy(o->in[k].stride, p->inputs[k].stride, sizeof(o->in[k].stride));
	}
	for (int j = 0; j < p->noutputs; j++)
		o->out[j] = out[j].data;
	for (int k = 0; k < p->nnumbers; k++)
		switch ((PtClass) p->numbers[k].cls)
		{
			case PT_F32:
				o->number[k].f32 = (float) p->numbers[k].real;
				break;
			case PT_F64:
				o->number[k].f64 = p->numbers[k].real;
				break;
			case PT_I64:
				o->number[k].i64 = p->numbers[k].integer;
				break;
		}
}

static void
fill_code(ProgramTask *t)
{
	const PtProgram *p = t->program;
	PtCudaCode *c = &t->code;

	c->ndim = (uint8_t) p->space.ndim;
	c->ninputs = (uint8_t) p->ninputs;
	c->nnumbers = (uint8_t) p->nnumbers;
	c->ninstructions = (uint8_t) p->ninstructions;
	c->noutputs = (uint8_t) p->noutputs;
	c->wide = t->form.wide;
	for (int k = 0; k < p->ninputs; k++)
	{
		c->in[k].reg = p->inputs[k].reg;
		c->in[k].dtype = (uint8_t) p->inputs[k].dtype;
		c->in[k].access = (uint8_t) t->form.access[k];
	}
	for (int k = 0; k < p->nnumbers; k++)
		c->number[k] = p->numbers[k].reg;
	for (int j = 0; j < p->noutputs; j++)
	{
		c->out[j].reg = p->outputs[j].reg;
		c->out[j].dtype = (uint8_t) p->outputs[j].dtype;
	}
	memcpy(c->instructions, p->instructions, sizeof(c->instructions));
	c->divides = 0;
	for (int k = 0; k < p->ninstructions; k++)
		c->divides |= (uint64_t) pt_cuda_divides(&p->instructions[k]) << k;
}

static cudaError_t
launch_interpreted(PtCudaTask *task, cudaStream_t stream)
{
	ProgramTask *t = (ProgramTask *) task;

	return pt_cuda_interpret(&t->operands, &t->code, t->program->nregisters, stream);
}

static cudaError_t
launch_compiled(PtCudaTask *task, cudaStream_t stream)
{
	ProgramTask *t = (ProgramTask *) task;
	void *args[] = {&t->operands};

	return cudaLaunchKernel(t->kernel->function, (dim3){t->blocks, 1, 1},
							(dim3){PT_CUDA_PROGRAM_BLOCK, 1, 1}, args, 0, stream);
}

static bool
compile(PtCuda *dev, ProgramTask *t, PtError *err)
{
	int64_t threads = (t->program->points + t->form.lanes - 1) / t->form.lanes;
	int64_t blocks = (threads + PT_CUDA_PROGRAM_BLOCK - 1) / PT_CUDA_PROGRAM_BLOCK;
	int64_t most = (int64_t) dev->sms * BLOCKS_PER_SM;
	char *text = pt_cuda_source(t->program, &t->form);

	if (text == NULL)
		return pt_fail_memory(err, sizeof(*t));
	t->kernel = pt_cuda_jit_take(dev->jit, text, err);
	free(text);
	if (t->kernel == NULL)
		return false;
	t->blocks = (unsigned) (blocks < most ? blocks : most);
	t->task.launch = launch_compiled;
	return true;
}

/* The interpreter does the same where there is no compiler. */
static bool
specialise(PtCuda *dev, PtCudaTask *task, PtError *err)
{
	return compile(dev, (ProgramTask *) task, err) || (err->code != PT_ENOMEM && !dev->lost);
}

static void
release(PtCudaTask *task)
{
	pt_cuda_jit_give(((ProgramTask *) task)->kernel);
}

static bool
explain(const PtCudaTask *task, const PtCudaFault *fault, PtError *err)
{
	(void) fault;
	pt_fail(err, PT_EZERODIV, "integer division by zero");
	return task->step->path == NULL ? false : pt_detail(err, "In module %s.", task->step->path);
}

bool
pt_cuda_add_program(PtCudaBind *b, const PtStep *step, const PtProgram *program,
					const PtOperand *in, void *result, const PtOperand *out)
{
	ProgramTask *t;

	if (program->points == 0)
		return true;
	t = pt_cuda_task(b, step, sizeof(ProgramTask), launch_interpreted);
	if (t == NULL)
		return false;
	t->task.release = release;
	t->program = program;
	fill_operands(t, in, result, out);
	describe(t);
	fill_code(t);
	if (t->form.divides)
		t->task.explain = explain;
	switch (b->dev->programs)
	{
		case PT_CUDA_ADAPTIVE:
			t->task.specialise = specialise;
			return true;
		case PT_CUDA_INTERPRETED:
			return true;
		case PT_CUDA_COMPILED:
			return compile(b->dev, t, b->err);
	}
	return true;
}
