/*
 * optim.c
 *	  Optimizer steps that have a loop of their own.
 *
 * An optimizer's rule is text (engine/optims) and becomes a program like any other.  The interpreter runs it
 * from L1, but with a dozen passes over each chunk; one loop over the parameters is several times
 * as fast, and in a training with small batches that is a good part of a step.  So bind looks
 * whether a program is one of the few that are known here, by what its outputs compute.  Any other rule, and any
 * variant (weight decay in the gradient, amsgrad), is interpreted.
 */
#include <string.h>

#include "cpu/cpu.h"

/* What a variable of a formula stands for: an input (from 0) or a number (from PT_PROGRAM_INPUTS). */
#define UNBOUND (-1)
#define NUMBER PT_PROGRAM_INPUTS

typedef struct Match
{
	const PtProgram *p;
	int variable[26]; /* of 'a' to 'z' */
} Match;

/* Where a register's value comes from, before an instruction: an instruction, or -1 and a source. */
static int
definition(const PtProgram *p, int reg, int before, int *source)
{
	for (int i = before - 1; i >= 0; i--)
		if (p->instructions[i].out == reg)
			return i;
	*source = UNBOUND;
	for (int k = 0; k < p->ninputs; k++)
		if (p->inputs[k].reg == reg)
			*source = k;
	for (int k = 0; k < p->nnumbers; k++)
		if (p->numbers[k].reg == reg)
			*source = NUMBER + k;
	return -1;
}

/*
 * Whether the register's value is the formula at *text: names of scalar ops before their operands,
 * variables of one letter.  Moves *text past it.
 */
static bool
computes(Match *m, const char **text, int reg, int before)
{
	int source;
	int i = definition(m->p, reg, before, &source);
	size_t length = strcspn(*text, " ");
	const char *word = *text;
	const PtInstruction *ins;
	const PtOp *op;

	*text += length + (word[length] == ' ');
	if (length == 1)
	{
		int *variable = &m->variable[*word - 'a'];

		if (i >= 0 || source == UNBOUND || (*variable != UNBOUND && *variable != source))
			return false;
		*variable = source;
		return true;
	}
	if (i < 0)
		return false;
	ins = &m->p->instructions[i];
	op = pt_op_scalar((PtScalar) ins->op);
	if (op == NULL || ins->cls != PT_F32)
		return false;
	if (strlen(op->name) != length || memcmp(op->name, word, length) != 0)
		return false;
	for (int k = 0; k < pt_scalar_arity(op->scalar); k++)
		if (!computes(m, text, ins->in[k], i))
			return false;
	return true;
}

/* The output that the formula describes, or -1.  Variables that earlier formulas bound must agree. */
static int
find_output(Match *m, const char *formula)
{
	for (int j = 0; j < m->p->noutputs; j++)
	{
		Match before = *m;
		const char *text = formula;

		if (m->p->outputs[j].dtype == PT_FLOAT32 &&
			computes(m, &text, m->p->outputs[j].reg, m->p->ninstructions) && *text == '\0')
			return j;
		*m = before;
	}
	return -1;
}

/* A variable that is an array of float, one element a point. */
static const float *
array(const Match *m, char variable, const PtOperand *in)
{
	int k = m->variable[variable - 'a'];

	if (k < 0 || k >= NUMBER || m->p->inputs[k].dtype != PT_FLOAT32 || m->p->space.ndim != 1 ||
		m->p->inputs[k].stride[0] != 1)
		return NULL;
	return in[k].data;
}

/* A variable that is the same for all points: its address, or that of a copy. */
static const float *
constant(const Match *m, char variable, const PtOperand *in, float *copy)
{
	int k = m->variable[variable - 'a'];

	if (k >= NUMBER)
	{
		*copy = (float) m->p->numbers[k - NUMBER].real;
		return m->p->numbers[k - NUMBER].cls == PT_F32 ? copy : NULL;
	}
	if (k < 0 || m->p->inputs[k].dtype != PT_FLOAT32)
		return NULL;
	for (int d = 0; d < m->p->space.ndim; d++)
		if (m->p->inputs[k].stride[d] != 0)
			return NULL;
	return in[k].data;
}

/*
 * b: 1 - beta1 (of a beta1 over 0.5: else the rule is another one), c: beta2, d: 1 - beta2, s: step size, r: root of the bias correction, e: eps,
 * k: what weight decay keeps
 */
#define ADAM_M "add m mul b sub g m"
#define ADAM_V "add mul c v mul mul d g g"
#define ADAM_STEP "div mul s " ADAM_M " add div sqrt " ADAM_V " r e"
#define ADAM_P "sub p " ADAM_STEP
#define ADAMW_P "sub mul p k " ADAM_STEP

PtAdam *
pt_cpu_adam_match(PtArena *arena, const PtProgram *p, const PtOperand *in, const PtOperand *out)
{
	Match m = {.p = p};
	PtAdam x;
	PtAdam *found;
	int om, ov, op;

	for (int i = 0; i < 26; i++)
		m.variable[i] = UNBOUND;
	if (p->noutputs != 3 || (om = find_output(&m, ADAM_M)) < 0 ||
		(ov = find_output(&m, ADAM_V)) < 0 ||
		((op = find_output(&m, ADAM_P)) < 0 && (op = find_output(&m, ADAMW_P)) < 0))
		return NULL;
	x.new_m = out[om].data;
	x.new_v = out[ov].data;
	x.new_p = out[op].data;
	if ((x.p = array(&m, 'p', in)) == NULL || (x.g = array(&m, 'g', in)) == NULL ||
		(x.m = array(&m, 'm', in)) == NULL || (x.v = array(&m, 'v', in)) == NULL ||
		(found = pt_arena_alloc(arena, sizeof(PtAdam))) == NULL)
		return NULL;
	*found = x;
	found->numbers[6] = 1;
	found->keep = &found->numbers[6];
	if (m.variable['k' - 'a'] != UNBOUND &&
		(found->keep = constant(&m, 'k', in, &found->numbers[6])) == NULL)
		return NULL;
	if ((found->rest1 = constant(&m, 'b', in, &found->numbers[0])) == NULL ||
		(found->beta2 = constant(&m, 'c', in, &found->numbers[1])) == NULL ||
		(found->rest2 = constant(&m, 'd', in, &found->numbers[2])) == NULL ||
		(found->step = constant(&m, 's', in, &found->numbers[3])) == NULL ||
		(found->root = constant(&m, 'r', in, &found->numbers[4])) == NULL ||
		(found->eps = constant(&m, 'e', in, &found->numbers[5])) == NULL)
		return NULL;
	return found;
}
