/*
 * program.c
 *	  From a group of scalar ops to a program: instructions, conversions, registers.
 *
 * First pass: virtual registers, one per result, with the conversions that promotion asks for.  A
 * truth value may exist in several classes at once (a comparison leaves it in the class of its
 * operands), so that where(a > b, ...) needs no conversion.  Second pass: 32 real registers by
 * last use; numbers and values that are the same for all points keep theirs.
 */
#include <string.h>

#include "engine/plan/plan_private.h"

#define MAX_VIRTUAL 160

/* A value, as a dtype, in a register.  bool in class F32 and F64 is 0 or 1 there. */
typedef struct Known
{
	PtRef ref;
	PtDtype dtype;
	PtClass cls;
	int reg;
} Known;

typedef struct Instr
{
	uint8_t op, cls;
	int out, in[3];
} Instr;

typedef struct Builder
{
	const PtGraph *g;
	PtProgram *program;
	PtShape space; /* as it is, before collapsing */
	PtRef *in;
	Known known[MAX_VIRTUAL];
	int nknown;
	Instr instrs[PT_PROGRAM_INSTRUCTIONS];
	int ninstrs;
	int nvirtual;
	int input_reg[PT_PROGRAM_INPUTS];
	int number_reg[PT_PROGRAM_NUMBERS];
	bool full; /* over a limit */
} Builder;

static int
emit(Builder *b, int op, PtClass cls, int x, int y, int z)
{
	if (b->ninstrs == PT_PROGRAM_INSTRUCTIONS || b->nvirtual == MAX_VIRTUAL)
	{
		b->full = true;
		return 0;
	}
	b->instrs[b->ninstrs++] = (Instr){(uint8_t) op, (uint8_t) cls, b->nvirtual, {x, y, z}};
	return b->nvirtual++;
}

static void
remember(Builder *b, PtRef ref, PtDtype dtype, PtClass cls, int reg)
{
	if (b->nknown == MAX_VIRTUAL)
		b->full = true;
	else
		b->known[b->nknown++] = (Known){ref, dtype, cls, reg};
}

static int
recall(const Builder *b, PtRef ref, PtDtype dtype, PtClass cls)
{
	for (int i = 0; i < b->nknown; i++)
		if (b->known[i].ref == ref && b->known[i].dtype == dtype && b->known[i].cls == cls)
			return b->known[i].reg;
	return -1;
}

/* ---------- numbers and inputs ---------- */

static int
number(Builder *b, const PtGraphValue *v, PtDtype dtype, PtClass cls)
{
	PtProgram *p = b->program;
	PtProgramNumber n = {.cls = (uint8_t) cls};
	bool real = pt_dtype_is_float(v->dtype);
	char element[8] = {0};

	/* as the dtype rounds or wraps it */
	if (real && dtype != PT_FLOAT64)
		pt_element_set_double(dtype, element, 0, v->real);
	else if (!real)
		pt_element_set_int64(dtype, element, 0, v->integer);
	if (cls == PT_I64)
		n.integer = pt_element_get_int64(dtype, element, 0);
	else
		n.real = real && dtype == PT_FLOAT64 ? v->real : pt_element_get_double(dtype, element, 0);
	for (int i = 0; i < p->nnumbers; i++)
		if (p->numbers[i].cls == n.cls &&
			memcmp(&p->numbers[i].real, &n.real, sizeof(double)) == 0 &&
			p->numbers[i].integer == n.integer)
			return b->number_reg[i];
	if (p->nnumbers == PT_PROGRAM_NUMBERS || b->nvirtual == MAX_VIRTUAL)
	{
		b->full = true;
		return 0;
	}
	b->number_reg[p->nnumbers] = b->nvirtual;
	p->numbers[p->nnumbers++] = n;
	return b->nvirtual++;
}

static int
input(Builder *b, PtRef ref)
{
	PtProgram *p = b->program;
	const PtGraphValue *v = pt_value(b->g, ref);
	PtProgramInput *in = &p->inputs[p->ninputs];
	int64_t stride = 1;

	if (p->ninputs == PT_PROGRAM_INPUTS || b->nvirtual == MAX_VIRTUAL)
	{
		b->full = true;
		return 0;
	}
	memset(in, 0, sizeof(*in));
	in->dtype = v->dtype;
	for (int i = b->space.ndim - 1, k = v->shape.ndim - 1; k >= 0; i--, k--)
	{
		in->stride[i] = v->shape.dim[k] == 1 ? 0 : stride;
		stride *= v->shape.dim[k];
	}
	b->in[p->ninputs] = ref;
	b->input_reg[p->ninputs++] = b->nvirtual;
	remember(b, ref, v->dtype, pt_dtype_class(v->dtype), b->nvirtual);
	return b->nvirtual++;
}

/* ---------- conversions ---------- */

/* Results of arithmetic in a class, brought back into what a narrower dtype can hold. */
static int
narrow(Builder *b, int reg, PtDtype dtype)
{
	switch (dtype)
	{
		case PT_FLOAT16:
			return emit(b, PT_S_round_float16, PT_F32, reg, 0, 0);
		case PT_BFLOAT16:
			return emit(b, PT_S_round_bfloat16, PT_F32, reg, 0, 0);
		case PT_INT32:
			return emit(b, PT_S_wrap_int32, PT_I64, reg, 0, 0);
		case PT_INT16:
			return emit(b, PT_S_wrap_int16, PT_I64, reg, 0, 0);
		case PT_INT8:
			return emit(b, PT_S_wrap_int8, PT_I64, reg, 0, 0);
		case PT_UINT8:
			return emit(b, PT_S_wrap_uint8, PT_I64, reg, 0, 0);
		case PT_BOOL:
			return emit(b, PT_S_to_bool, PT_I64, reg, 0, 0);
		default:
			return reg;
	}
}

static int
to_class(Builder *b, int reg, PtClass from, PtClass to)
{
	static const int op[] =
		{[PT_F32] = PT_S_to_f32, [PT_F64] = PT_S_to_f64, [PT_I64] = PT_S_to_i64};

	return from == to ? reg : emit(b, op[to], from, reg, 0, 0);
}

/* The value as a dtype, in the dtype's class; a truth value in any class asked for. */
static int
operand(Builder *b, PtRef ref, PtDtype dtype, PtClass cls)
{
	const PtGraphValue *v = pt_value(b->g, ref);
	int reg = recall(b, ref, dtype, cls);
	PtClass from = pt_dtype_class(v->dtype);

	if (reg >= 0)
		return reg;
	if (v->role == PT_ROLE_NUMBER)
		return number(b, v, dtype, cls);
	reg = -1;
	if (v->dtype == PT_BOOL)
		for (PtClass c = PT_F32; reg < 0 && c <= PT_I64; c++)
			if ((reg = recall(b, ref, PT_BOOL, c)) >= 0)
				from = c;
	if (reg < 0)
		reg = recall(b, ref, v->dtype, from);
	if (reg < 0)
		reg = input(b, ref);

	if (dtype == PT_BOOL && v->dtype != PT_BOOL)
		reg = to_class(b, emit(b, PT_S_to_bool, from, reg, 0, 0), from, cls);
	else
	{
		reg = to_class(b, reg, from, cls);
		if (dtype != v->dtype && v->dtype != PT_BOOL)
			reg = narrow(b, reg, dtype);
	}
	remember(b, ref, dtype, cls, reg);
	/* 0 and 1 are 0 and 1 in every dtype of a class */
	if (v->dtype == PT_BOOL && dtype != PT_BOOL)
		remember(b, ref, PT_BOOL, cls, reg);
	return reg;
}

/* ---------- nodes ---------- */

/* A float32 that is not of the graph. */
static int
constant(Builder *b, double real)
{
	PtGraphValue v = {.role = PT_ROLE_NUMBER, .dtype = PT_FLOAT64, .real = real};

	return number(b, &v, PT_FLOAT32, PT_F32);
}

/*
 * Random ops are a few instructions.  A program's space is its members' shape, collapsed, which keeps the
 * order of points: so a point's place is the element's.
 */
static void
add_random(Builder *b, const PtNode *node)
{
	int x = operand(b, node->in[0], PT_FLOAT32, PT_F32);
	int seed = operand(b, node->in[1], PT_INT64, PT_I64);
	int stream = operand(b, node->in[2], PT_INT64, PT_I64);
	int u = emit(b, PT_S_philox, PT_I64, seed, stream, 0);
	int factor;

	if (strcmp(node->op->name, "random_drop") == 0)
	{
		float keep = (float) (1 - pt_args_real(node->attrs, "p"));

		factor = emit(b, PT_S_lt, PT_F32, u, constant(b, keep), 0);
		factor =
			emit(b, PT_S_mul, PT_F32, factor, constant(b, keep > 0 ? 1 / (double) keep : 0), 0);
	}
	else
	{
		double lower = pt_args_real(node->attrs, "lower");

		factor = emit(b, PT_S_mul, PT_F32, u,
					  constant(b, pt_args_real(node->attrs, "upper") - lower), 0);
		factor = emit(b, PT_S_add, PT_F32, factor, constant(b, lower), 0);
	}
	remember(b, node->out[0], PT_FLOAT32, PT_F32, emit(b, PT_S_mul, PT_F32, x, factor, 0));
}

static void
add_node(Builder *b, const PtNode *node)
{
	const PtGraphValue *out = pt_value(b->g, node->out[0]);
	PtClass cls = pt_dtype_class(out->dtype);
	int in[3] = {0};
	int reg;

	if (node->op->flags & PT_OP_RANDOM)
	{
		add_random(b, node);
		return;
	}
	if (node->op->scalar == PT_S_NONE)
	{
		/* to, expand: another name for a converted operand */
		remember(b, node->out[0], out->dtype, cls, operand(b, node->in[0], out->dtype, cls));
		return;
	}
	PtDtype dtype = pt_scalar_dtype(b->g, node);

	cls = pt_dtype_class(dtype);
	for (int i = 0; i < node->nin; i++)
	{
		bool condition = i == 0 && (node->op->flags & PT_OP_CONDITION) != 0;

		in[i] = operand(b, node->in[i], condition ? PT_BOOL : dtype, cls);
	}
	if (cls == PT_I64 && (node->op->flags & PT_OP_INT_IDENTITY) != 0)
		reg = in[0];
	else
		reg = emit(b, node->op->scalar, cls, in[0], in[1], in[2]);
	if (out->dtype == dtype)
		reg = narrow(b, reg, dtype);
	remember(b, node->out[0], out->dtype, cls, reg);
}

/* ---------- shape of the space ---------- */

static void
collapse(PtProgram *p, const PtShape *shape)
{
	PtShape s = {0};
	int keep[PT_MAX_DIM];

	for (int i = 0; i < shape->ndim; i++)
	{
		bool joins;

		if (shape->dim[i] == 1)
			continue;
		/* the previous kept dimension runs on in this one, for all inputs */
		joins = s.ndim > 0;
		for (int k = 0; joins && k < p->ninputs; k++)
			joins = p->inputs[k].stride[keep[s.ndim - 1]] == p->inputs[k].stride[i] * shape->dim[i];
		if (joins)
		{
			s.dim[s.ndim - 1] *= shape->dim[i];
			keep[s.ndim - 1] = i;
		}
		else
		{
			keep[s.ndim] = i;
			s.dim[s.ndim++] = shape->dim[i];
		}
	}
	for (int k = 0; k < p->ninputs; k++)
	{
		int64_t stride[PT_MAX_DIM] = {0};

		for (int i = 0; i < s.ndim; i++)
			stride[i] = p->inputs[k].stride[keep[i]];
		memcpy(p->inputs[k].stride, stride, sizeof(stride));
	}
	p->space = s;
	p->points = pt_shape_numel(&s);
}

/* ---------- registers ---------- */

static bool
uniform(const PtProgram *p, int input)
{
	for (int i = 0; i < p->space.ndim; i++)
		if (p->inputs[input].stride[i] != 0)
			return false;
	return true;
}

static bool
allocate(Builder *b, const int *output_reg)
{
	PtProgram *p = b->program;
	int last[MAX_VIRTUAL];
	int real[MAX_VIRTUAL];
	bool busy[PT_PROGRAM_REGISTERS] = {false};
	int used = 0;

	for (int v = 0; v < b->nvirtual; v++)
		last[v] = real[v] = -1;
	for (int i = 0; i < b->ninstrs; i++)
		for (int k = 0; k < pt_scalar_arity(b->instrs[i].op); k++)
			last[b->instrs[i].in[k]] = i;
	for (int i = 0; i < p->noutputs; i++)
		last[output_reg[i]] = b->ninstrs;
	for (int i = 0; i < p->nnumbers; i++)
		last[b->number_reg[i]] = b->ninstrs;
	for (int i = 0; i < p->ninputs; i++)
		if (uniform(p, i))
			last[b->input_reg[i]] = b->ninstrs;

	for (int i = -1; i < b->ninstrs; i++)
	{
		/* before the first instruction: numbers and inputs */
		int first = 0, count = i < 0 ? p->nnumbers + p->ninputs : 1;

		if (i >= 0)
			for (int v = 0; v < b->nvirtual; v++)
				if (real[v] >= 0 && last[v] < i)
				{
					busy[real[v]] = false;
					last[v] = MAX_VIRTUAL * 2; /* released once */
				}
		for (; first < count; first++)
		{
			int v = i >= 0				  ? b->instrs[i].out
					: first < p->nnumbers ? b->number_reg[first]
										  : b->input_reg[first - p->nnumbers];
			int r = 0;

			while (r < PT_PROGRAM_REGISTERS && busy[r])
				r++;
			if (r == PT_PROGRAM_REGISTERS)
				return false;
			busy[r] = true;
			real[v] = r;
			used = r + 1 > used ? r + 1 : used;
		}
	}
	for (int i = 0; i < p->nnumbers; i++)
		p->numbers[i].reg = (uint8_t) real[b->number_reg[i]];
	for (int i = 0; i < p->ninputs; i++)
		p->inputs[i].reg = (uint8_t) real[b->input_reg[i]];
	for (int i = 0; i < p->noutputs; i++)
		p->outputs[i].reg = (uint8_t) real[output_reg[i]];
	p->ninstructions = b->ninstrs;
	for (int i = 0; i < b->ninstrs; i++)
	{
		PtInstruction *to = &p->instructions[i];
		int arity = pt_scalar_arity(b->instrs[i].op);

		to->op = b->instrs[i].op;
		to->cls = b->instrs[i].cls;
		to->out = (uint8_t) real[b->instrs[i].out];
		for (int k = 0; k < 3; k++)
			to->in[k] = (uint8_t) (k < arity ? real[b->instrs[i].in[k]] : 0);
	}
	p->nregisters = used;
	return true;
}

bool
pt_program_build(const PtGraph *g, const uint32_t *members, int nmembers, const PtRef *outputs,
				 int noutputs, PtRef epilogue, PtProgram *program, PtRef *in, int *nin)
{
	Builder builder = {.g = g, .program = program, .in = in};
	Builder *b = &builder;
	int output_reg[PT_PROGRAM_OUTPUTS];

	memset(program, 0, sizeof(*program));
	b->space = pt_value(g, g->nodes[members[0]].out[0])->shape;
	if (noutputs > PT_PROGRAM_OUTPUTS)
		return false;
	if (epilogue != PT_NO_REF)
		input(b, epilogue);
	for (int i = 0; i < nmembers && !b->full; i++)
		add_node(b, &g->nodes[members[i]]);
	for (int i = 0; i < noutputs && !b->full; i++)
	{
		const PtGraphValue *v = pt_value(g, outputs[i]);
		PtClass cls = pt_dtype_class(v->dtype);
		int reg = operand(b, outputs[i], v->dtype, cls);
		bool computed = false;

		for (int k = 0; k < b->ninstrs; k++)
			computed = computed || b->instrs[k].out == reg;
		for (int k = 0; k < i; k++)
			computed = computed && output_reg[k] != reg;
		output_reg[i] = computed ? reg : emit(b, PT_S_copy, cls, reg, 0, 0);
		program->outputs[i].dtype = v->dtype;
		program->noutputs++;
	}
	if (b->full)
		return false;
	collapse(program, &b->space);
	if (!allocate(b, output_reg))
		return false;
	*nin = program->ninputs;
	return true;
}
