/*
 * test_cuda_program.c
 *	  Elementwise programs on the device "cuda": interpreted against the CPU, compiled against interpreted.
 *
 * The environment variable PGTORCH_CUDA_LIBRARY names the library to test: the one for GPUs, or the
 * one on top of test/cuda.  Without it there is nothing to do.  What IEEE 754 or the integers define
 * must have the CPU's bits, mathematical functions may differ by a few units in the last place; compiled
 * programs must have the interpreter's bits.  Any NaN equals any other.
 */
#include <dlfcn.h>

#include "engine/program_harness.h"

static PtDevice *cpu, *interpreted, *compiled, *adaptive;

/* The case on the CPU, interpreted, compiled, and on what begins as the one and becomes the other. */
static void
check_case(const ProgramCase *c, const char *what)
{
	PtDevice *const others[] = {compiled, adaptive};
	PtOperand want[PT_PROGRAM_OUTPUTS], first[PT_PROGRAM_OUTPUTS], got[PT_PROGRAM_OUTPUTS];
	PtError err = {.message = ""};

	if (!CHECK(program_run(cpu, c, want, &err), "%s: %s", what, err.message))
		return;
	if (!CHECK(program_run(interpreted, c, first, &err), "%s: %s", what, err.message))
	{
		program_free_outputs(c, want);
		return;
	}
	for (int j = 0; j < c->p.noutputs; j++)
	{
		char name[128];

		snprintf(name, sizeof(name), "%.80s, interpreted", what);
		program_compare(c, j, name, &first[j], &want[j], c->rel[j], c->abs[j]);
	}
	for (int o = 0; o < (c->repeat > 1 ? 2 : 1); o++)
	{
		char name[128];

		if (others[o] == NULL)
			continue;
		snprintf(name, sizeof(name), "%.80s, %s", what, o == 0 ? "compiled" : "adaptive");
		if (!CHECK(program_run(others[o], c, got, &err), "%s: %s", name, err.message))
			continue;
		for (int j = 0; j < c->p.noutputs; j++)
			program_compare(c, j, name, &got[j], &first[j], 0, 0);
		program_free_outputs(c, got);
	}
	program_free_outputs(c, want);
	program_free_outputs(c, first);
}

/* ---------- scalar ops ---------- */

static const struct
{
	PtScalar op;
	const char *name;
	bool integers;
} ops[] = {
#define PT_UNARY(name, rule, integers, ...) \
	{PT_S_##name, #name, sizeof(#integers) == sizeof("INTS")},
#define PT_BINARY(name, rule, integers, ...) PT_UNARY(name, rule, integers)
#define PT_TERNARY(name, rule, integers, ...) PT_UNARY(name, rule, integers)
#include "engine/ops/scalar.def"
};

#define NOPS ((int) (sizeof(ops) / sizeof(ops[0])))

/* Functions that CUDA and the CPU compute differently, by a few units in the last place. */
static double
allowed_ulps(PtScalar op)
{
	switch (op)
	{
		case PT_S_pow:
			return 16;
		case PT_S_exp:
		case PT_S_expm1:
		case PT_S_log:
		case PT_S_log1p:
		case PT_S_tanh:
		case PT_S_sigmoid:
		case PT_S_erf:
		case PT_S_logaddexp:
			return 6;
		default:
			return 0;
	}
}

static const double specials[] = {0.0,	 -0.0,	 1.0,	 -1.0,	   0.5,		  -0.5,			1.5,
								  2.5,	 -2.5,	 3.0,	 -3.0,	   7.25,	  -100.0,		100.0,
								  88.7,	 -104.0, 1e-30,	 -1e-40,   1e30,	  -1e30,		3.4e38,
								  65504, 65536,	 2.5e-8, INFINITY, -INFINITY, (double) NAN, 1e-300};
static const int64_t integers[] = {0,
								   1,
								   -1,
								   2,
								   3,
								   -3,
								   7,
								   10,
								   -10,
								   63,
								   64,
								   127,
								   -128,
								   255,
								   32767,
								   -32768,
								   40000,
								   2147483647,
								   -2147483648ll,
								   4294967296ll,
								   INT64_MAX,
								   INT64_MIN,
								   INT64_MIN + 1};

/* Every pair of special values at first, random ones after. */
static PtOperand
special_operand(PtDtype dtype, int64_t n, int which)
{
	PtOperand o = RANDOM(dtype, 4, n);
	size_t many = sizeof(specials) / sizeof(specials[0]);
	size_t whole = sizeof(integers) / sizeof(integers[0]);

	for (int64_t i = 0; i < n; i++)
	{
		size_t place = (size_t) i;

		if (pt_dtype_is_float(dtype))
		{
			place = which == 0 ? place : which == 1 ? place / many : place * 7 + place / 11;
			if (i < (int64_t) (many * many))
				pt_element_set_double(dtype, o.data, (size_t) i, specials[place % many]);
			else if (i % 3 == 0)
				pt_element_set_double(dtype, o.data, (size_t) i, random_real() * 1000);
		}
		else
		{
			place = which == 0 ? place : which == 1 ? place / whole : place * 7 + place / 11;
			pt_element_set_int64(dtype, o.data, (size_t) i,
								 i < (int64_t) (whole * whole)
									 ? integers[place % whole]
									 : (int64_t) (random_bits() >> (i % 61)));
		}
	}
	return o;
}

/* Up to 8 ops at a time: y = op(a, b, c). */
static void
test_scalar_ops(void)
{
	static const PtDtype dtypes[] = {PT_FLOAT32, PT_FLOAT64, PT_BFLOAT16, PT_INT64};
	int group = 0;

	for (size_t d = 0; d < sizeof(dtypes) / sizeof(dtypes[0]); d++)
		for (int next = 0; next < NOPS; group++)
		{
			PtDtype dtype = dtypes[d];
			PtClass cls = pt_dtype_class(dtype);
			/* beyond some points programs take packs; odd sizes end in a part of one */
			int64_t n = group % 2 == 0 ? 32771 : 1023;
			ProgramCase c = program_case(n);
			char what[256] = "";

			for (int k = 0; k < 3; k++)
				add_input(&c, k, special_operand(dtype, n, k), NULL);
			for (; next < NOPS && c.p.noutputs < PT_PROGRAM_OUTPUTS; next++)
			{
				int j = c.p.noutputs;
				double ulps = allowed_ulps(ops[next].op);

				if (cls == PT_I64 && (!ops[next].integers || ops[next].op == PT_S_floor_divide ||
									  ops[next].op == PT_S_remainder))
					continue; /* division: test_division */
				add(&c, ops[next].op, cls, 3 + j, 0, 1, 2);
				add_output(&c, 3 + j, dtype);
				if (cls != PT_I64 && ulps > 0)
				{
					/* a rounding to bfloat16 may go the other way */
					c.rel[j] = ulps * epsilon(dtype == PT_BFLOAT16 ? PT_FLOAT32 : dtype) +
							   (dtype == PT_BFLOAT16 ? epsilon(dtype) : 0);
					c.abs[j] = cls == PT_F64				  ? 1e-307
							   : ops[next].op == PT_S_sigmoid ? 1e-37
															  : 3e-44;
					if (ops[next].op == PT_S_logaddexp) /* its sum may cancel */
						c.abs[j] = cls == PT_F64 ? 2e-15 : 1e-6;
				}
				snprintf(what + strlen(what), sizeof(what) - strlen(what), "%s ", ops[next].name);
			}
			if (c.p.noutputs > 0)
			{
				snprintf(what + strlen(what), sizeof(what) - strlen(what), "%s",
						 pt_dtype_name(dtype));
				check_case(&c, what);
			}
			program_free(&c);
		}
}

/* Integer division where no divisor is 0, of all pairs of special values. */
static void
test_division(void)
{
	int64_t n = 40000;
	ProgramCase c = program_case(n);
	PtOperand a = special_operand(PT_INT64, n, 0), b = special_operand(PT_INT64, n, 1);

	for (int64_t i = 0; i < n; i++)
		if (((int64_t *) b.data)[i] == 0)
			((int64_t *) b.data)[i] = -1;
	add_input(&c, 0, a, NULL);
	add_input(&c, 1, b, NULL);
	add(&c, PT_S_floor_divide, PT_I64, 2, 0, 1, 0);
	add(&c, PT_S_remainder, PT_I64, 3, 0, 1, 0);
	add_output(&c, 2, PT_INT64);
	add_output(&c, 3, PT_INT64);
	check_case(&c, "integer division");
	program_free(&c);
}

/* ---------- conversions ---------- */

/* Every dtype into every other, by way of their classes. */
static void
test_conversions(void)
{
	static const PtScalar to_class[] = {PT_S_to_f32, PT_S_to_f64, PT_S_to_i64};

	for (PtDtype from = 0; from < PT_NDTYPE; from++)
		for (int half = 0; half < 2; half++)
		{
			int64_t n = half == 0 ? 1500 : 33333;
			ProgramCase c = program_case(n);
			PtOperand x = special_operand(from, n, 0);
			char what[64];

			if (from == PT_BOOL) /* other bytes than 0 and 1 do not exist */
				for (int64_t i = 0; i < n; i++)
					((uint8_t *) x.data)[i] = (uint8_t) (random_bits() & 1);
			add_input(&c, 0, x, NULL);
			for (PtDtype to = half * 5; to < (PtDtype) (half * 5 + 5); to++)
			{
				int reg = 1 + c.p.noutputs;
				PtClass cls = pt_dtype_class(to);

				if (to == PT_BOOL)
				{
					add(&c, PT_S_to_bool, pt_dtype_class(from), 20, 0, 0, 0);
					add(&c, PT_S_to_i64, pt_dtype_class(from), reg, 20, 0, 0);
				}
				else
					add(&c, to_class[cls], pt_dtype_class(from), reg, 0, 0, 0);
				add_output(&c, reg, to);
			}
			snprintf(what, sizeof(what), "%s to others", pt_dtype_name(from));
			check_case(&c, what);
			program_free(&c);
		}
}

static void
test_roundings(void)
{
	static const PtScalar floats[] = {PT_S_round_float16, PT_S_round_bfloat16, PT_S_to_bool,
									  PT_S_copy};
	static const PtScalar ints[] = {PT_S_wrap_int32, PT_S_wrap_int16, PT_S_wrap_int8,
									PT_S_wrap_uint8, PT_S_to_bool,	  PT_S_copy};
	ProgramCase f = program_case(70000), i = program_case(1000), d = program_case(300);
	PtOperand bits = OPERAND(PT_FLOAT32, 70000);

	/* bit patterns from all over the floats, halves of an ulp of the narrow types among them */
	for (uint32_t k = 0; k < 70000; k++)
	{
		uint32_t u = k * 61357u;

		u = k % 3 == 0 ? (u & 0xfffff000u) | 0x1000 : k % 3 == 1 ? (u & 0xffff8000u) | 0x8000 : u;
		memcpy((char *) bits.data + 4 * (size_t) k, &u, 4);
	}
	add_input(&f, 0, bits, NULL);
	for (int k = 0; k < 4; k++)
	{
		add(&f, floats[k], PT_F32, 1 + k, 0, 0, 0);
		add_output(&f, 1 + k, PT_FLOAT32);
	}
	add_output(&f, 0, PT_FLOAT16);
	add_output(&f, 0, PT_BFLOAT16);
	check_case(&f, "roundings");
	add_input(&i, 0, special_operand(PT_INT64, 1000, 0), NULL);
	for (int k = 0; k < 6; k++)
	{
		add(&i, ints[k], PT_I64, 1 + k, 0, 0, 0);
		add_output(&i, 1 + k, PT_INT64);
	}
	check_case(&i, "wrapping");
	add_input(&d, 0, special_operand(PT_FLOAT64, 300, 0), NULL);
	add(&d, PT_S_to_bool, PT_F64, 1, 0, 0, 0);
	add(&d, PT_S_copy, PT_F64, 2, 0, 0, 0);
	add_output(&d, 1, PT_FLOAT64);
	add_output(&d, 2, PT_FLOAT64);
	check_case(&d, "of doubles");
	program_free(&f);
	program_free(&i);
	program_free(&d);
}

/* ---------- places ---------- */

/* y0 = a * b + c and y1 = that > 1 over a space, inputs with their strides */
static void
check_strides(int ndim, const int64_t *dim, const int64_t stride[3][PT_MAX_DIM], int shift,
			  const char *what)
{
	static const PtDtype dtypes[] = {PT_FLOAT32, PT_FLOAT16, PT_FLOAT32};
	ProgramCase c = program_case(2);

	c.p.space.ndim = ndim;
	c.p.points = 1;
	for (int d = 0; d < ndim; d++)
		c.p.points *= c.p.space.dim[d] = dim[d];
	for (int k = 0; k < 3; k++)
	{
		int64_t elements = 1;

		for (int d = 0; d < ndim; d++)
			elements += (dim[d] - 1) * stride[k][d];
		add_input(&c, k, RANDOM(dtypes[k], 2, elements), stride[k]);
	}
	add_number(&c, 3, PT_F32, 1);
	add(&c, PT_S_mul, PT_F32, 4, 0, 1, 0);
	add(&c, PT_S_add, PT_F32, 0, 4, 2, 0); /* a register that was an input's */
	add(&c, PT_S_gt, PT_F32, 5, 0, 3, 0);
	add(&c, PT_S_to_i64, PT_F32, 6, 5, 0, 0);
	add_output(&c, 0, PT_FLOAT32);
	add_output(&c, 6, PT_BOOL);
	c.shift = shift;
	check_case(&c, what);
	program_free(&c);
}

static void
test_strides(void)
{
	/* a bias, a column, a transposed matrix; rows of even, odd and small width */
	static const int64_t widths[] = {128, 129, 10, 6};

	for (int w = 0; w < 4; w++)
	{
		int64_t n = widths[w], rows = 33000 / n + 1;

		check_strides(2, (int64_t[]){rows, n}, (int64_t[3][PT_MAX_DIM]){{n, 1}, {0, 1}, {1, 0}}, 0,
					  "rows");
		check_strides(2, (int64_t[]){rows, n}, (int64_t[3][PT_MAX_DIM]){{1, rows}, {n, 1}, {0, 0}},
					  w % 2, "transposed");
	}
	/* aligned so far, but not from row to row */
	check_strides(2, (int64_t[]){300, 128}, (int64_t[3][PT_MAX_DIM]){{129, 1}, {131, 1}, {128, 1}},
				  0, "rows with gaps");
	check_strides(1, (int64_t[]){40000}, (int64_t[3][PT_MAX_DIM]){{3}, {1}, {0}}, 0, "every third");
	check_strides(4, (int64_t[]){7, 9, 11, 48},
				  (int64_t[3][PT_MAX_DIM]){{0, 48, 0, 1}, {1, 0, 7, 0}, {0, 0, 432, 9}}, 0, "four");
}

/* Any strides; interpreted alone, as each would be compiled anew. */
static void
test_random_strides(void)
{
	PtDevice *kept[2] = {compiled, adaptive};

	compiled = adaptive = NULL;
	for (int round = 0; round < 60; round++)
	{
		static const int64_t sizes[] = {2, 3, 5, 10, 17, 64};
		int ndim = 1 + (int) (random_bits() % 6);
		int64_t dim[PT_MAX_DIM], stride[3][PT_MAX_DIM] = {{0}};
		char what[32];

		for (int d = 0; d < ndim; d++)
			dim[d] = sizes[random_bits() % (ndim > 3 ? 3 : 6)];
		for (int k = 0; k < 3; k++)
		{
			int64_t run = 1 + (int64_t) (random_bits() % 4 == 0);

			for (int d = ndim - 1; d >= 0; d--)
				if (random_bits() % 4 != 0)
				{
					stride[k][d] = run;
					run *= dim[d];
				}
		}
		snprintf(what, sizeof(what), "strides, round %d", round);
		check_strides(ndim, dim, stride, (int) (random_bits() % 3), what);
	}
	compiled = kept[0];
	adaptive = kept[1];
}

/* Sizes around those where something changes; no points at all. */
static void
test_sizes(void)
{
	static const int64_t sizes[] = {0,	 1,	  2,	 127,	128,   129,	  255,	256,
									257, 511, 32767, 32768, 32769, 32770, 65537};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		for (int shift = 0; shift < 2; shift++)
		{
			ProgramCase c = program_case(sizes[i]);
			char what[64];

			add_input(&c, 0, RANDOM(PT_FLOAT32, 3, sizes[i]), NULL);
			add_single(&c, 1, PT_FLOAT64, 0.75);
			add_number(&c, 2, PT_F32, 3.5);
			add(&c, PT_S_to_f32, PT_F64, 3, 1, 0, 0);
			add(&c, PT_S_mul, PT_F32, 4, 0, 3, 0);
			add(&c, PT_S_sub, PT_F32, 5, 4, 2, 0);
			add_output(&c, 5, PT_FLOAT32);
			add_output(&c, 4, PT_FLOAT16);
			c.shift = shift;
			snprintf(what, sizeof(what), "%lld points, shifted by %d", (long long) sizes[i], shift);
			check_case(&c, what);
			program_free(&c);
		}
}

/* ---------- outputs that are inputs ---------- */

static void
test_in_place(void)
{
	int64_t n = 33001;
	ProgramCase swap = program_case(n), twice = program_case(n);

	add_input(&swap, 0, RANDOM(PT_FLOAT32, 4, n), NULL);
	add_input(&swap, 1, RANDOM(PT_FLOAT32, 4, n), NULL);
	add_output(&swap, 1, PT_FLOAT32);
	add_output(&swap, 0, PT_FLOAT32);
	swap.alias[0] = 1;
	swap.alias[1] = 2;
	check_case(&swap, "swap");
	swap.repeat = 5;
	check_case(&swap, "swap 5 times");
	program_free(&swap);

	/* in0 = in0 + in1, but in0 is read again; the sum is stored twice */
	add_input(&twice, 0, RANDOM(PT_FLOAT32, 4, n), NULL);
	add_input(&twice, 1, RANDOM(PT_FLOAT32, 4, n), NULL);
	add(&twice, PT_S_add, PT_F32, 2, 0, 1, 0);
	add(&twice, PT_S_mul, PT_F32, 3, 0, 2, 0);
	add_output(&twice, 2, PT_FLOAT32);
	add_output(&twice, 3, PT_FLOAT32);
	add_output(&twice, 2, PT_FLOAT32);
	twice.alias[0] = 1;
	twice.alias[1] = 2;
	check_case(&twice, "in place");
	program_free(&twice);
}

/* Adam over a flat array, three outputs in place, some steps: the adaptive device compiles after the first. */
static void
test_adam(void)
{
	for (int shift = 0; shift < 2; shift++)
	{
		int64_t n = 40003;
		ProgramCase c = program_case(n);

		for (int k = 0; k < 4; k++) /* p, g, m, v */
			add_input(&c, k, RANDOM(PT_FLOAT32, 1, n), NULL);
		for (int64_t i = 0; i < n; i++)
			((float *) c.in[3].data)[i] = fabsf(((float *) c.in[3].data)[i]);
		add_single(&c, 4, PT_FLOAT32, 1e-3);
		add_single(&c, 5, PT_FLOAT32, 0.3);
		add_number(&c, 6, PT_F32, 0.9);
		add_number(&c, 7, PT_F32, 0.1);
		add_number(&c, 8, PT_F32, 0.999);
		add_number(&c, 9, PT_F32, 0.001);
		add_number(&c, 10, PT_F32, 1e-8);
		add(&c, PT_S_mul, PT_F32, 11, 6, 2, 0);
		add(&c, PT_S_mul, PT_F32, 12, 7, 1, 0);
		add(&c, PT_S_add, PT_F32, 13, 11, 12, 0);
		add(&c, PT_S_mul, PT_F32, 11, 8, 3, 0);
		add(&c, PT_S_mul, PT_F32, 12, 9, 1, 0);
		add(&c, PT_S_mul, PT_F32, 12, 12, 1, 0);
		add(&c, PT_S_add, PT_F32, 14, 11, 12, 0);
		add(&c, PT_S_sqrt, PT_F32, 11, 14, 0, 0);
		add(&c, PT_S_div, PT_F32, 11, 11, 5, 0);
		add(&c, PT_S_add, PT_F32, 11, 11, 10, 0);
		add(&c, PT_S_mul, PT_F32, 12, 4, 13, 0);
		add(&c, PT_S_div, PT_F32, 12, 12, 11, 0);
		add(&c, PT_S_sub, PT_F32, 15, 0, 12, 0);
		add_output(&c, 15, PT_FLOAT32);
		add_output(&c, 13, PT_FLOAT32);
		add_output(&c, 14, PT_FLOAT32);
		for (int j = 0; j < 3; j++)
		{
			c.alias[j] = j == 0 ? 1 : j + 2;
			c.rel[j] = 1e-5;
			c.abs[j] = 1e-6;
		}
		c.repeat = 4;
		c.shift = shift;
		check_case(&c, "Adam");
		program_free(&c);
	}
}

/* ---------- random numbers ---------- */

static void
test_philox(void)
{
	static const double seeds[] = {0, 1, -7, 9007199254740991.0};
	static const int64_t sizes[] = {1, 100, 70003};

	for (int s = 0; s < 4; s++)
		for (int i = 0; i < 3; i++)
		{
			ProgramCase c = program_case(sizes[i]);

			add_single(&c, 0, PT_INT64, seeds[s]);
			add_single(&c, 1, PT_INT64, seeds[3 - s]);
			add_input(&c, 2, RANDOM(PT_FLOAT32, 1, sizes[i]), NULL);
			add_number(&c, 3, PT_F32, 0.7);
			add(&c, PT_S_philox, PT_I64, 4, 0, 1, 0);
			add(&c, PT_S_lt, PT_F32, 5, 4, 3, 0);
			add(&c, PT_S_mul, PT_F32, 6, 2, 5, 0);
			add_output(&c, 4, PT_FLOAT32);
			add_output(&c, 6, PT_FLOAT32);
			check_case(&c, "philox");
			program_free(&c);
		}
}

/* ---------- integer division by zero ---------- */

static void
test_zero_division(void)
{
	PtDevice *const devices[] = {cpu, interpreted, compiled, adaptive};

	for (int d = 0; d < 4; d++)
		for (int64_t where = -1; where < 40000; where += 13333)
		{
			int64_t n = 40000;
			ProgramCase c = program_case(n);
			PtOperand b = OPERAND(PT_INT32, n), out[1];
			PtError err = {.message = ""};

			if (devices[d] == NULL)
				continue;
			for (int64_t i = 0; i < n; i++)
				((int32_t *) b.data)[i] = i == where ? 0 : 7;
			add_input(&c, 0, RANDOM(PT_INT32, 50, n), NULL);
			add_input(&c, 1, b, NULL);
			add(&c, where % 2 == 0 ? PT_S_remainder : PT_S_floor_divide, PT_I64, 2, 0, 1, 0);
			add_output(&c, 2, PT_INT32);
			c.repeat = 3;
			if (where < 0) /* and the failures before are forgotten */
			{
				if (CHECK(program_run(devices[d], &c, out, &err), "device %d: %s", d, err.message))
					program_free_outputs(&c, out);
			}
			else
				CHECK(!program_run(devices[d], &c, out, &err) && err.code == PT_EZERODIV &&
						  strcmp(err.message, "integer division by zero") == 0,
					  "device %d: zero at %lld: %s", d, (long long) where, err.message);
			/* everywhere: many threads note it at once */
			memset(b.data, 0, bytes_of(&b));
			CHECK(!program_run(devices[d], &c, out, &err) && err.code == PT_EZERODIV,
				  "device %d: zero everywhere: %s", d, err.message);
			program_free(&c);
		}
}

/* ---------- what is refused ---------- */

static void
test_refused(void)
{
	ProgramCase c = program_case(5);
	PtOperand out[1];
	PtError err = {.message = ""};

	add_input(&c, 0, RANDOM(PT_INT64, 5, 5), NULL);
	add(&c, PT_S_exp, PT_I64, 1, 0, 0, 0);
	add_output(&c, 1, PT_INT64);
	CHECK(!program_run(interpreted, &c, out, &err) && err.code == PT_EUNSUPPORTED &&
			  strcmp(err.message, "exp is not implemented on device \"cuda\" for int64") == 0,
		  "%s", err.message);
	program_free(&c);
}

/* ---------- a compiler that fails ---------- */

static bool
is_emulated(PtDevice *dev)
{
	const char *key;
	char value[256];

	for (int i = 0; dev->type->info(dev, i, &key, value, sizeof(value)); i++)
		if (strcmp(key, "gpu") == 0)
			return strcmp(value, "Emulated GPU") == 0;
	return false;
}

/*
 * Only the emulated GPU can be asked to: what is adaptive stays interpreted, what must be compiled
 * says why it is not.
 */
static void
test_compiler_fails(void)
{
	static const char *const calls[] = {"nvrtcCompileProgram:1+", "cudaLibraryLoadData:1+",
										"cudaLibraryGetKernel:1+"};

	if (compiled == NULL || !is_emulated(compiled))
		return;
	for (int f = 0; f < 3; f++)
		for (int round = 0; round < 2; round++)
		{
			ProgramCase c = program_case(1000);
			PtOperand out[1], want[1];
			PtError err = {.message = ""};

			/* a program that no other test has */
			add_input(&c, 0, RANDOM(PT_FLOAT32, 1, 1000), NULL);
			for (int k = 0; k <= f; k++)
				add(&c, PT_S_ceil, PT_F32, 0, 0, 0, 0);
			add(&c, PT_S_floor, PT_F32, 0, 0, 0, 0);
			add_output(&c, 0, PT_FLOAT32);
			c.repeat = 3;
			/* the second time nothing fails, but the text did */
			setenv("CUDA_EMULATOR_FAIL", round == 0 ? calls[f] : "", 1);
			if (CHECK(program_run(adaptive, &c, out, &err), "%s: %s", calls[f], err.message))
			{
				CHECK_OK(program_run(cpu, &c, want, &err), &err);
				program_compare(&c, 0, calls[f], out, want, 0, 0);
				program_free_outputs(&c, out);
				program_free_outputs(&c, want);
			}
			CHECK(!program_run(compiled, &c, out, &err) && err.code == PT_EDEVICE &&
					  err.message[0] != '\0',
				  "%s: %s", calls[f], err.message);
			unsetenv("CUDA_EMULATOR_FAIL");
			program_free(&c);
		}
}

/* Without NVRTC a program that must be compiled says what is missing. */
static bool
can_compile(void)
{
	ProgramCase c = program_case(3);
	PtOperand out[1];
	PtError err = {.message = ""};
	bool ok;

	add_input(&c, 0, RANDOM(PT_FLOAT32, 5, 3), NULL);
	add(&c, PT_S_neg, PT_F32, 1, 0, 0, 0);
	add_output(&c, 1, PT_FLOAT32);
	ok = program_run(compiled, &c, out, &err);
	if (ok)
		program_free_outputs(&c, out);
	else if (CHECK(strcmp(err.message, "CUDA's run-time compiler is not available") == 0 &&
					   err.hint[0] != '\0',
				   "%s: %s", err.message, err.detail))
		printf("# %s, only the interpreter is tested\n", err.message);
	program_free(&c);
	return ok;
}

static PtDevice *
open_cuda(const PtDeviceType *type, const char *programs)
{
	PtError err = {.message = ""};
	PtDevice *dev = type->open(&(PtDeviceOptions){.threads = 1, .isa = programs}, &err);

	CHECK(dev != NULL, "%s: %s %s", programs != NULL ? programs : "adaptive", err.message,
		  err.detail);
	return dev;
}

int
main(void)
{
	const char *name = getenv("PGTORCH_CUDA_LIBRARY");
	const PtDeviceType *(*get)(void) = NULL;
	void *library;
	PtError err;

	if (name == NULL || name[0] == '\0')
	{
		printf("skipped: PGTORCH_CUDA_LIBRARY is not set\n");
		return 0;
	}
	library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
	if (library != NULL)
		*(void **) &get = dlsym(library, "pt_cuda_device_type");
	if (!CHECK(get != NULL, "%s: %s", name, dlerror()))
		return check_done();
	cpu = pt_cpu_device.open(&(PtDeviceOptions){.threads = 1}, &err);
	interpreted = open_cuda(get(), "interpreted");
	compiled = open_cuda(get(), "compiled");
	adaptive = open_cuda(get(), NULL);
	if (cpu == NULL || interpreted == NULL || compiled == NULL || adaptive == NULL)
		return check_done();
	if (!can_compile())
	{
		get()->close(compiled);
		compiled = NULL;
	}
	test_refused();
	test_sizes();
	test_scalar_ops();
	test_division();
	test_conversions();
	test_roundings();
	test_strides();
	test_random_strides();
	test_in_place();
	test_adam();
	test_philox();
	test_zero_division();
	test_compiler_fails();
	get()->close(interpreted);
	if (compiled != NULL)
		get()->close(compiled);
	get()->close(adaptive);
	pt_cpu_device.close(cpu);
	return check_done();
}
