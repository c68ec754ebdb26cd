/*
 * program.c
 *	  Elementwise programs: an interpreter whose registers are short arrays.
 *
 * A register holds a chunk of a few hundred elements and lives in L1; each instruction is one vectorised
 * loop over a chunk, so interpreting costs little and memory is touched once.
 *
 * bind gives every operand of every instruction a place: a register, an input's memory (when it is
 * contiguous and of its class's type, nothing is loaded), or an output's memory (the instruction
 * that computes an output writes it there).  Outputs may be inputs' memory, at the same
 * index; where a later instruction still reads the input, the output is stored at the end of the chunk.
 *
 * Inputs that repeat (a bias) are loaded once a range if a chunk holds their period: the
 * chunk is then a multiple of it.
 */
#include <string.h>

#include "cpu/cpu.h"

#define CACHE_BYTES (24 * 1024) /* for the registers: most of L1 */
#define CHUNK_MIN 128
#define CHUNK_MAX 1024

/* places: registers, then inputs, then outputs */
#define AT_INPUT PT_PROGRAM_REGISTERS
#define AT_OUTPUT (AT_INPUT + PT_PROGRAM_INPUTS)
#define NPLACES (AT_OUTPUT + PT_PROGRAM_OUTPUTS)

typedef enum Access
{
	FILL,	  /* one value everywhere */
	LINEAR,	  /* contiguous over the space */
	PERIODIC, /* contiguous over the last dimensions, repeated over the others; held in a register */
	WALK	  /* anything else */
} Access;

typedef struct Input
{
	const char *data;
	PtDtype dtype;
	PtClass cls;
	Access access;
	bool direct;	/* memory may be used in place */
	size_t size;	/* of an element */
	int place;		/* the register that it is loaded into */
	int64_t period; /* of PERIODIC, and of WALK if it is contiguous that far */
	const int64_t *stride;
} Input;

typedef struct Instruction
{
	PtUnit run;
	uint8_t out, a, b, c;
	bool divides; /* integers: look for zeros first */
	bool counts;  /* wants the chunk's first point in place of a third operand */
} Instruction;

typedef struct Output
{
	char *data;
	PtDtype dtype;
	size_t size;
	bool direct;
	int from; /* place, unless direct */
} Output;

struct PtCpuProgram
{
	const PtProgram *program;
	const PtIsaScalar *isa;
	const PtAdam *adam; /* this is what the program does; NULL: something else */
	void (*run_adam)(const PtAdam *x, size_t first, size_t n);
	int64_t chunk;
	size_t register_bytes;
	int nregisters; /* those of repeated inputs included */
	int ninputs, ninstructions, noutputs;
	int64_t point_ps; /* estimated picoseconds a point */
	Input inputs[PT_PROGRAM_INPUTS];
	Instruction instructions[PT_PROGRAM_INSTRUCTIONS];
	Output outputs[PT_PROGRAM_OUTPUTS];
};

/* ---------- check ---------- */

static PtUnit
find_unit(const PtIsaScalar *isa, const PtInstruction *i)
{
	return i->op < PT_S_TOTAL && i->cls <= PT_I64 ? isa->unit[i->op][i->cls] : NULL;
}

bool
pt_cpu_program_check(const PtProgram *p, const char *path, PtError *err)
{
	static const char *const classes[] = {"float32", "float64", "int64"};
	PtError ignored;
	const PtIsa *isa = pt_isa_choose(NULL, &ignored);

	for (int k = 0; k < p->ninstructions; k++)
	{
		const PtInstruction *i = &p->instructions[k];
		const PtOp *op = pt_op_scalar((PtScalar) i->op);

		if (isa != NULL && find_unit(isa->scalar, i) != NULL)
			continue;
		pt_fail(err, PT_EUNSUPPORTED, "%s is not implemented on device \"cpu\" for %s",
				op != NULL ? op->name : "a conversion",
				i->cls <= PT_I64 ? classes[i->cls] : "its class");
		return path == NULL ? false : pt_detail(err, "In module %s.", path);
	}
	return true;
}

/* ---------- bind ---------- */

/* Rough cost of one element, in picoseconds: of float32, and of the wider classes. */
static int64_t
cost(const PtInstruction *i)
{
	static const int64_t costs[][2] = {
		[PT_COST_SUM] = {100, 200},			[PT_COST_QUOTIENT] = {500, 1500},
		[PT_COST_FUNCTION] = {1500, 12000}, [PT_COST_FUNCTIONS] = {3000, 25000},
		[PT_COST_SLOW] = {15000, 15000},
	};
	const PtOp *op = pt_op_scalar((PtScalar) i->op);

	if (i->op == PT_S_philox)
		return 1000;
	return costs[op != NULL ? pt_op_cost(op) : PT_COST_SUM][i->cls != PT_F32];
}

static bool
divides(const PtInstruction *i)
{
	const PtOp *op = pt_op_scalar((PtScalar) i->op);

	return i->cls == PT_I64 && op != NULL && (op->flags & PT_OP_DIVIDES) != 0;
}

static void
classify(const PtShape *space, Input *in, int64_t points)
{
	int n = space->ndim;
	int64_t run = 1;
	int d = n - 1;

	for (; d >= 0 && in->stride[d] == run; d--)
		run *= space->dim[d];
	in->period = run; /* contiguous that far */
	if (run == points)
	{
		in->access = LINEAR;
		return;
	}
	for (; d >= 0 && in->stride[d] == 0; d--)
		;
	in->access = d >= 0 ? WALK : run == 1 ? FILL : PERIODIC;
	if (d >= 0)
		in->period = 0;
}

static bool
overlap(const char *a, size_t na, const char *b, size_t nb)
{
	return a < b + nb && b < a + na;
}

static bool
native(PtDtype dtype)
{
	return dtype == PT_FLOAT32 || dtype == PT_FLOAT64 || dtype == PT_INT64;
}

/* Which outputs are written by the instruction that computes them. */
static void
place_outputs(PtCpuProgram *q, const PtProgram *p, const int *written)
{
	int last_read[PT_PROGRAM_INPUTS];

	for (int k = 0; k < q->ninputs; k++)
	{
		last_read[k] = -1;
		for (int i = 0; i < q->ninstructions; i++)
		{
			const Instruction *ins = &q->instructions[i];

			if (ins->a == AT_INPUT + k || ins->b == AT_INPUT + k || ins->c == AT_INPUT + k)
				last_read[k] = i;
		}
		/* an output that is this input: another output may overwrite it first */
		for (int j = 0; j < q->noutputs; j++)
			if (q->outputs[j].from == AT_INPUT + k)
			{
				last_read[k] = q->ninstructions;
				for (int o = 0; o < q->noutputs; o++)
					if (overlap(q->inputs[k].data, p->points * q->inputs[k].size,
								q->outputs[o].data, p->points * q->outputs[o].size))
						q->inputs[k].direct = false;
			}
	}
	for (int j = 0; j < q->noutputs; j++)
	{
		Output *o = &q->outputs[j];
		int w = written[p->outputs[j].reg];

		o->direct = native(o->dtype) && w >= 0;
		for (int e = 0; e < j; e++)
			if (p->outputs[e].reg == p->outputs[j].reg && q->outputs[e].direct)
				o->direct = false; /* a second copy */
		for (int k = 0; k < q->ninputs && o->direct; k++)
			if (q->inputs[k].direct && last_read[k] > w &&
				overlap(q->inputs[k].data, p->points * q->inputs[k].size, o->data,
						p->points * o->size))
				o->direct = false;
		if (!o->direct)
			continue;
		/* from that instruction on, the register is the output's memory */
		q->instructions[w].out = AT_OUTPUT + j;
		for (int i = w + 1; i < q->ninstructions; i++)
		{
			Instruction *ins = &q->instructions[i];

			ins->a = ins->a == p->outputs[j].reg ? AT_OUTPUT + j : ins->a;
			ins->b = ins->b == p->outputs[j].reg ? AT_OUTPUT + j : ins->b;
			ins->c = ins->c == p->outputs[j].reg ? AT_OUTPUT + j : ins->c;
		}
		for (int e = 0; e < q->noutputs; e++)
			if (e != j && p->outputs[e].reg == p->outputs[j].reg)
				q->outputs[e].from = AT_OUTPUT + j;
	}
}

/* While instructions are gone through: where a register's value is, and by which of them it was written (-1: none). */
typedef struct Registers
{
	int place[PT_PROGRAM_REGISTERS];
	int written[PT_PROGRAM_REGISTERS];
} Registers;

static void
bind_inputs(PtCpuProgram *q, Registers *r, const PtOperand *in, void *result)
{
	const PtProgram *p = q->program;

	for (int k = 0; k < p->ninputs; k++)
	{
		Input *i = &q->inputs[k];

		i->dtype = p->inputs[k].dtype;
		i->cls = pt_dtype_class(i->dtype);
		i->size = pt_dtype_size(i->dtype);
		i->data = result != NULL ? (k == 0 ? result : in[k - 1].data) : in[k].data;
		i->stride = p->inputs[k].stride;
		i->place = p->inputs[k].reg;
		i->direct = native(i->dtype);
		classify(&p->space, i, p->points);
		if (i->access != FILL)
			r->place[p->inputs[k].reg] = AT_INPUT + k;
		q->point_ps += (int64_t) i->size * (i->access == LINEAR ? 40
											: i->access == WALK ? 150
																: 10);
	}
}

static void
bind_instructions(PtCpuProgram *q, Registers *r)
{
	for (int k = 0; k < q->ninstructions; k++)
	{
		const PtInstruction *i = &q->program->instructions[k];
		Instruction *ins = &q->instructions[k];
		int n = pt_scalar_arity((PtScalar) i->op);

		ins->run = find_unit(q->isa, i);
		ins->a = (uint8_t) r->place[i->in[0]];
		ins->b = n > 1 ? (uint8_t) r->place[i->in[1]] : ins->a;
		ins->c = n > 2 ? (uint8_t) r->place[i->in[2]] : ins->a;
		ins->out = i->out;
		ins->divides = divides(i);
		ins->counts = i->op == PT_S_philox;
		r->place[i->out] = i->out;
		r->written[i->out] = k;
		q->point_ps += cost(i);
	}
}

static void
bind_outputs(PtCpuProgram *q, const Registers *r, const PtOperand *out)
{
	const PtProgram *p = q->program;

	for (int j = 0; j < p->noutputs; j++)
	{
		Output *o = &q->outputs[j];

		o->data = out[j].data;
		o->dtype = p->outputs[j].dtype;
		o->size = pt_dtype_size(o->dtype);
		o->from = r->place[p->outputs[j].reg];
		q->point_ps += (int64_t) o->size * 60;
	}
	place_outputs(q, p, r->written);
}

/* Bytes of an element in a register that holds the widest. */
static size_t
width(const PtProgram *p)
{
	bool wide = false;

	for (int k = 0; k < p->ninputs; k++)
		wide = wide || pt_dtype_class(p->inputs[k].dtype) != PT_F32;
	for (int k = 0; k < p->nnumbers; k++)
		wide = wide || p->numbers[k].cls != PT_F32;
	for (int k = 0; k < p->ninstructions; k++)
	{
		const PtInstruction *i = &p->instructions[k];

		wide = wide || i->cls != PT_F32 || i->op == PT_S_to_f64 || i->op == PT_S_to_i64;
	}
	return wide ? 8 : 4;
}

/* The chunk: what keeps the registers in L1, and a multiple of the longest period it can hold. */
static void
choose_chunk(PtCpuProgram *q)
{
	int64_t bytes = (int64_t) width(q->program), period = 1;
	int64_t most = CACHE_BYTES / ((q->nregisters > 0 ? q->nregisters : 1) * bytes) & ~63;

	most = most < CHUNK_MIN ? CHUNK_MIN : most > CHUNK_MAX ? CHUNK_MAX : most;
	for (int k = 0; k < q->ninputs; k++)
		if (q->inputs[k].access == PERIODIC && q->inputs[k].period <= most &&
			q->inputs[k].period > period)
			period = q->inputs[k].period;
	q->chunk = most / period * period;
	for (int k = 0; k < q->ninputs; k++)
	{
		Input *i = &q->inputs[k];

		if (i->access == PERIODIC && i->period <= most)
			i->place = q->nregisters++; /* of its own, as instructions may reuse the other */
		else if (i->access == PERIODIC)
			i->access = WALK;
	}
	/* a line more, so that registers do not all start in one set of the cache */
	q->register_bytes = (size_t) ((q->chunk * bytes + 63) / 64 * 64 + 64);
}

PtCpuProgram *
pt_cpu_program_bind(PtCpuBind *b, const PtProgram *p, const PtOperand *in, void *result,
					const PtOperand *out)
{
	PtCpuProgram *q = pt_arena_alloc(b->arena, sizeof(PtCpuProgram));
	Registers registers;

	if (q == NULL)
	{
		pt_fail_memory(b->err, sizeof(PtCpuProgram));
		return NULL;
	}
	q->program = p;
	q->isa = b->dev->isa->scalar;
	q->nregisters = p->nregisters;
	q->ninputs = p->ninputs;
	q->ninstructions = p->ninstructions;
	q->noutputs = p->noutputs;
	for (int r = 0; r < PT_PROGRAM_REGISTERS; r++)
	{
		registers.place[r] = r;
		registers.written[r] = -1;
	}
	bind_inputs(q, &registers, in, result);
	bind_instructions(q, &registers);
	bind_outputs(q, &registers, out);
	choose_chunk(q);
	pt_cpu_want_scratch(b, pt_cpu_program_scratch(q));

	if (result == NULL && (q->adam = pt_cpu_adam_match(b->arena, p, in, out)) != NULL)
	{
		q->run_adam = b->dev->isa->optim->adam;
		q->point_ps = 600;
	}
	return q;
}

size_t
pt_cpu_program_scratch(const PtCpuProgram *p)
{
	return p->register_bytes * (size_t) p->nregisters;
}

int64_t
pt_cpu_program_ns(const PtCpuProgram *p, int64_t points)
{
	return 20 + points * p->point_ps / 1000;
}

/* ---------- run ---------- */

/* Points first to first + n - 1 of an input of any strides. */
static void
walk(const PtCpuProgram *q, const Input *in, char *reg, int64_t first, int64_t n)
{
	const PtShape *space = &q->program->space;
	size_t width = in->cls == PT_F32 ? 4 : 8;
	int last = space->ndim - 1;
	int64_t index[PT_MAX_DIM];
	int64_t at = 0;

	for (int d = last; d >= 0; d--)
	{
		index[d] = first % space->dim[d];
		first /= space->dim[d];
		at += index[d] * in->stride[d];
	}
	for (;;)
	{
		int64_t take = space->dim[last] - index[last];
		int64_t stride = in->stride[last];
		int d = last;

		take = take < n ? take : n;
		if (stride == 1)
			q->isa->load[in->dtype](reg, in->data + at * (int64_t) in->size, (size_t) take);
		else if (stride == 0 && take > 4)
		{
			int64_t value;

			q->isa->load[in->dtype](&value, in->data + at * (int64_t) in->size, 1);
			q->isa->fill[in->cls](reg, &value, (size_t) take);
		}
		else
			q->isa->gather[in->dtype](reg, in->data + at * (int64_t) in->size, stride,
									  (size_t) take);
		n -= take;
		if (n == 0)
			return;
		reg += take * (int64_t) width;
		/* take went to the end of the last dimension */
		at += (space->dim[last] - index[last]) * stride;
		index[last] = space->dim[last];
		while (d > 0 && index[d] == space->dim[d])
		{
			at += in->stride[d - 1] - space->dim[d] * in->stride[d];
			index[d] = 0;
			index[--d]++;
		}
	}
}

/* What stays the same over a range: numbers, single values, short periods. */
static void
load_constants(const PtCpuProgram *q, char **at, char **registers, int64_t first, int64_t n)
{
	const PtProgram *p = q->program;

	for (int k = 0; k < p->nnumbers; k++)
	{
		const PtProgramNumber *number = &p->numbers[k];
		float f = (float) number->real;
		const void *value = number->cls == PT_F32	? (const void *) &f
							: number->cls == PT_F64 ? (const void *) &number->real
													: (const void *) &number->integer;

		q->isa->fill[number->cls](at[number->reg], value, (size_t) n);
	}
	for (int k = 0; k < q->ninputs; k++)
	{
		const Input *in = &q->inputs[k];

		if (in->access == FILL)
		{
			int64_t value;

			q->isa->load[in->dtype](&value, in->data, 1);
			q->isa->fill[in->cls](at[in->place], &value, (size_t) n);
		}
		else if (in->access == PERIODIC)
		{
			size_t width = in->cls == PT_F32 ? 4 : 8;
			char *reg = registers[in->place];
			int64_t phase = first % in->period;
			int64_t have = in->period - phase < n ? in->period - phase : n;

			q->isa->load[in->dtype](reg, in->data + phase * (int64_t) in->size, (size_t) have);
			if (phase > 0 && have < n)
			{
				int64_t more = phase < n - have ? phase : n - have;

				q->isa->load[in->dtype](reg + have * (int64_t) width, in->data, (size_t) more);
				have += more;
			}
			for (; have < n; have *= 2) /* one whole period is there: double it */
				memcpy(reg + have * (int64_t) width, reg,
					   (size_t) (have < n - have ? have : n - have) * width);
			at[AT_INPUT + k] = reg;
		}
	}
}

static bool
has_zero(const void *x, int64_t n)
{
	const int64_t *b = x;

	for (int64_t i = 0; i < n; i++)
		if (b[i] == 0)
			return true;
	return false;
}

bool
pt_cpu_program_run(const PtCpuProgram *q, int64_t first, int64_t last, char *scratch)
{
	char *at[NPLACES];
	char *registers[PT_PROGRAM_REGISTERS + PT_PROGRAM_INPUTS];

	if (q->adam != NULL)
	{
		q->run_adam(q->adam, (size_t) first, (size_t) (last - first));
		return true;
	}
	for (int r = 0; r < q->nregisters; r++)
		registers[r] = scratch + (size_t) r * q->register_bytes;
	memcpy(at, registers, (size_t) q->program->nregisters * sizeof(char *));
	for (int64_t p = first; p < last; p += q->chunk)
	{
		int64_t n = last - p < q->chunk ? last - p : q->chunk;

		if (p == first)
			load_constants(q, at, registers, first, n);
		for (int k = 0; k < q->ninputs; k++)
		{
			const Input *in = &q->inputs[k];
			int64_t phase;

			if (in->access == LINEAR)
			{
				const char *data = in->data + p * (int64_t) in->size;

				if (in->direct)
				{
					at[AT_INPUT + k] = (char *) data;
					continue;
				}
				at[AT_INPUT + k] = registers[in->place];
				q->isa->load[in->dtype](at[AT_INPUT + k], data, (size_t) n);
			}
			else if (in->access == WALK)
			{
				phase = in->period > 0 ? p % in->period : 0;
				if (in->direct && phase + n <= in->period)
				{
					at[AT_INPUT + k] = (char *) in->data + phase * (int64_t) in->size;
					continue;
				}
				at[AT_INPUT + k] = registers[in->place];
				walk(q, in, at[AT_INPUT + k], p, n);
			}
		}
		for (int j = 0; j < q->noutputs; j++)
			at[AT_OUTPUT + j] = q->outputs[j].data + p * (int64_t) q->outputs[j].size;
		for (int i = 0; i < q->ninstructions; i++)
		{
			const Instruction *ins = &q->instructions[i];

			if (ins->divides && has_zero(at[ins->b], n))
				return false;
			ins->run(at[ins->out], at[ins->a], at[ins->b], ins->counts ? (void *) &p : at[ins->c],
					 (size_t) n);
		}
		for (int j = 0; j < q->noutputs; j++)
			if (!q->outputs[j].direct)
				q->isa->store[q->outputs[j].dtype](at[AT_OUTPUT + j], at[q->outputs[j].from],
												   (size_t) n);
	}
	return true;
}

/* ---------- the step ---------- */

typedef struct ProgramTask
{
	PtCpuTask task;
	PtCpuProgram *program;
	int64_t points, tile;
} ProgramTask;

bool
pt_cpu_fail_zero_division(const PtCpuTask *task, PtError *err)
{
	pt_fail(err, PT_EZERODIV, "integer division by zero");
	return task->step->path == NULL ? false : pt_detail(err, "In module %s.", task->step->path);
}

static void
run_program(PtCpuTask *task, int64_t tile, char *scratch)
{
	ProgramTask *t = (ProgramTask *) task;
	int64_t first = tile * t->tile;
	int64_t last = first + t->tile < t->points ? first + t->tile : t->points;

	if (!pt_cpu_program_run(t->program, first, last, scratch))
		atomic_store(&task->fault, 1);
}

static bool
bind_program(PtCpuBind *b, PtStep *step)
{
	const PtProgram *p = step->program;
	PtCpuProgram *q = pt_cpu_program_bind(b, p, step->in, NULL, step->out);
	ProgramTask *t;
	int64_t tile;

	if (q == NULL)
		return false;
	/* tiles of about 30 us */
	tile = 30000 / (1 + pt_cpu_program_ns(q, q->chunk)) * q->chunk;
	tile = tile < q->chunk ? q->chunk : tile;
	t = pt_cpu_task(b, step, sizeof(ProgramTask), run_program, pt_cpu_ceil(p->points, tile),
					pt_cpu_program_ns(q, tile < p->points ? tile : p->points));
	if (t == NULL)
		return false;
	t->program = q;
	t->points = p->points;
	t->tile = tile;
	t->task.explain = pt_cpu_fail_zero_division;
	return true;
}

const PtCpuKernel pt_cpu_program_kernel = {"elementwise program", NULL, bind_program};
