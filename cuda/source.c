/*
 * source.c
 *	  An elementwise program as CUDA C: straight-line code over packs of points.
 *
 * Instructions become calls of scalar.cuh's functions, registers become variables that are set once,
 * so types follow from classes.  Nothing in the text depends on addresses, sizes, strides (but whether
 * they are 0 or 1) or the values of numbers: those come with the launch (elementwise.h), also because a
 * compiler that knows a number may compute other bits than the interpreter (pow(x, 2) as x * x).
 *
 * A thread takes `lanes` consecutive points.  Those of the last pack that are out of range are computed
 * from zeros and not stored.  Where inputs are strided a pack lies within a row, so their place is
 * computed once.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "elementwise.h"

const char pt_cuda_scalar_text[] =
#include "cuda/scalar_text.inc"
	;

/* ---------- text ---------- */

typedef struct Text
{
	char *s; /* NULL: out of memory */
	size_t length, size;
} Text;

static void put(Text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
put(Text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (t->s == NULL)
		return;
	for (;;)
	{
		char *grown;

		va_start(ap, fmt);
		n = vsnprintf(t->s + t->length, t->size - t->length, fmt, ap);
		va_end(ap);
		if (n < 0)
			break;
		if ((size_t) n < t->size - t->length)
		{
			t->length += (size_t) n;
			return;
		}
		grown = realloc(t->s, 2 * t->size + (size_t) n);
		if (grown == NULL)
			break;
		t->s = grown;
		t->size = 2 * t->size + (size_t) n;
	}
	free(t->s);
	t->s = NULL;
}

/* ---------- names ---------- */

/* of functions and types, in the orders of PtClass and PtDtype */
static const char *const suffixes[] = {"f32", "f64", "i64"};
static const char *const types[] = {"float", "double", "long long"};
static const char *const dtypes[] = {"float32", "float64", "float16", "bfloat16", "int64",
									 "int32",	"int16",   "int8",	  "uint8",	  "bool"};
static const char *const elements[] = {"float",			 "double",		"unsigned short",
									   "unsigned short", "long long",	"int",
									   "short",			 "signed char", "unsigned char",
									   "unsigned char"};

static PtClass
result_class(const PtInstruction *i)
{
	switch ((PtScalar) i->op)
	{
		case PT_S_to_f32:
		case PT_S_philox:
			return PT_F32;
		case PT_S_to_f64:
			return PT_F64;
		case PT_S_to_i64:
			return PT_I64;
		default:
			return (PtClass) i->cls;
	}
}

/* ---------- parts of a kernel ---------- */

/* Variables: n0 numbers, x0 inputs, v0 results of instructions. */
typedef struct Variable
{
	char kind;
	int number;
} Variable;

static void
put_constants(Text *t, const PtProgram *p, const PtCudaForm *form)
{
	for (int k = 0; k < p->nnumbers; k++)
		put(t, "\tconst %s n%d = p.number[%d].%s;\n", types[p->numbers[k].cls], k, k,
			suffixes[p->numbers[k].cls]);
	for (int k = 0; k < p->ninputs; k++)
		if (form->access[k] == PT_ACCESS_ONE)
			put(t, "\tconst %s x%d = get_%s(*(const %s *) p.in[%d].data);\n",
				types[pt_dtype_class(p->inputs[k].dtype)], k, dtypes[p->inputs[k].dtype],
				elements[p->inputs[k].dtype], k);
}

/* i0 to i7: the point's index in each dimension, of those that strided inputs need */
static void
put_indices(Text *t, const PtProgram *p, const PtCudaForm *form)
{
	int first = p->space.ndim;

	for (int k = 0; k < p->ninputs; k++)
		for (int d = 0; form->access[k] == PT_ACCESS_STRIDED && d < first; d++)
			if (p->inputs[k].stride[d] != 0)
				first = d;
	for (int d = p->space.ndim - 1; d >= first; d--)
	{
		char from[16] = "at";

		if (d < p->space.ndim - 1)
			snprintf(from, sizeof(from), "q%d", d + 1);
		if (d == 0)
			put(t, "\t\tconst Index i0 = %s;\n", from);
		else
			put(t,
				"\t\tconst Index q%d = quotient(%s, p.dim[%d]);\n"
				"\t\tconst Index i%d = %s - q%d * (Index) p.dim[%d].size;\n",
				d, from, d, d, from, d, d);
	}
}

static void
put_load(Text *t, const PtProgram *p, const PtCudaForm *form, int k)
{
	const PtProgramInput *in = &p->inputs[k];
	const char *element = elements[in->dtype];
	int last = p->space.ndim - 1;

	if (form->access[k] == PT_ACCESS_ONE)
		return;
	put(t, "\t\tPack<%s, %d> a%d;\n", element, form->lanes, k);
	if (form->access[k] == PT_ACCESS_LINEAR)
	{
		put(t, "\t\tload_pack(&a%d, (const %s *) p.in[%d].data + at, count);\n", k, element, k);
		return;
	}
	put(t, "\t\tconst %s *s%d = (const %s *) p.in[%d].data", element, k, element, k);
	for (int d = 0; d <= last; d++)
		if (in->stride[d] == 1)
			put(t, " + i%d", d);
		else if (in->stride[d] != 0)
			put(t, " + i%d * (Index) p.in[%d].stride[%d]", d, k, d);
	put(t, ";\n");
	if (form->packed[k])
		put(t, "\t\tload_pack(&a%d, s%d, %d);\n", k, k, form->lanes);
	else if (in->stride[last] <= 1)
		put(t, "\t\tgather_pack(&a%d, s%d, (Index) %d);\n", k, k, (int) in->stride[last]);
	else
		put(t, "\t\tgather_pack(&a%d, s%d, (Index) p.in[%d].stride[%d]);\n", k, k, k, last);
}

/* of a lane: values of inputs, instructions, values of outputs */
static void
put_lane(Text *t, const PtProgram *p, const PtCudaForm *form)
{
	Variable at[PT_PROGRAM_REGISTERS]; /* what a register holds now */

	for (int r = 0; r < PT_PROGRAM_REGISTERS; r++)
		at[r] = (Variable){'v', 0};
	for (int k = 0; k < p->nnumbers; k++)
		at[p->numbers[k].reg] = (Variable){'n', k};
	for (int k = 0; k < p->ninputs; k++)
	{
		at[p->inputs[k].reg] = (Variable){'x', k};
		if (form->access[k] != PT_ACCESS_ONE)
			put(t, "\t\t\tconst %s x%d = get_%s(a%d.e[e]);\n",
				types[pt_dtype_class(p->inputs[k].dtype)], k, dtypes[p->inputs[k].dtype], k);
	}
	for (int k = 0; k < p->ninstructions; k++)
	{
		const PtInstruction *i = &p->instructions[k];
		const Variable *b = &at[i->in[1]];

		if (pt_cuda_divides(i))
			put(t, "\t\t\tzero = zero || (e < count && %c%d == 0);\n", b->kind, b->number);
		put(t, "\t\t\tconst %s v%d = %s", types[result_class(i)], k, pt_cuda_scalars[i->op].name);
		if (i->op != PT_S_philox)
			put(t, "_%s", suffixes[i->cls]);
		for (int o = 0; o < pt_cuda_scalars[i->op].operands; o++)
			put(t, "%s%c%d", o == 0 ? "(" : ", ", at[i->in[o]].kind, at[i->in[o]].number);
		put(t, i->op == PT_S_philox ? ", (long long) (at + e));\n" : ");\n");
		at[i->out] = (Variable){'v', k};
	}
	for (int j = 0; j < p->noutputs; j++)
		put(t, "\t\t\tb%d.e[e] = put_%s(%c%d);\n", j, dtypes[p->outputs[j].dtype],
			at[p->outputs[j].reg].kind, at[p->outputs[j].reg].number);
}

char *
pt_cuda_source(const PtProgram *p, const PtCudaForm *form)
{
	Text t = {.s = malloc(4096), .size = 4096};
	int lanes = form->lanes;

	put(&t,
		"extern \"C\" __global__ void __launch_bounds__(%d)\n"
		"%s(PtCudaOperands p)\n"
		"{\n"
		"\ttypedef %s Index;\n"
		"\tconst Index points = (Index) p.points;\n",
		PT_CUDA_PROGRAM_BLOCK, PT_CUDA_PROGRAM, form->wide ? "long long" : "unsigned int");
	if (form->divides)
		put(&t, "\tbool zero = false;\n");
	put_constants(&t, p, form);
	put(&t,
		"\n\tfor (Index at = ((Index) blockIdx.x * blockDim.x + threadIdx.x) * %d; at < points;\n"
		"\t\t at += (Index) gridDim.x * blockDim.x * %d)\n\t{\n",
		lanes, lanes);
	if (lanes > 1)
		put(&t, "\t\tconst int count = points - at < %d ? (int) (points - at) : %d;\n", lanes,
			lanes);
	else
		put(&t, "\t\tconst int count = 1;\n");
	put_indices(&t, p, form);
	for (int k = 0; k < p->ninputs; k++)
		put_load(&t, p, form, k);
	for (int j = 0; j < p->noutputs; j++)
		put(&t, "\t\tPack<%s, %d> b%d;\n", elements[p->outputs[j].dtype], lanes, j);
	put(&t, "#pragma unroll\n\t\tfor (int e = 0; e < %d; e++)\n\t\t{\n", lanes);
	put_lane(&t, p, form);
	put(&t, "\t\t}\n");
	for (int j = 0; j < p->noutputs; j++)
		put(&t, "\t\tstore_pack((%s *) p.out[%d] + at, &b%d, count);\n",
			elements[p->outputs[j].dtype], j, j);
	put(&t, "\t}\n");
	if (form->divides)
		put(&t, "\tif (zero)\n\t\tpt_note_fault(p.fault, p.task, 0, 0);\n");
	put(&t, "}\n");
	return t.s;
}
