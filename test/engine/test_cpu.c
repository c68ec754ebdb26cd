/*
 * test_cpu.c
 *	  The CPU device: elementwise programs, its mathematics, and how queues run.
 *
 * References are libm in double and loops over indices.
 */
#include "engine/cpu_harness.h"

#include "cpu/isa/isa.h"

static const PtDtype dtypes[] = {PT_FLOAT32, PT_FLOAT64, PT_FLOAT16, PT_BFLOAT16, PT_INT64,
								 PT_INT32,	 PT_INT16,	 PT_INT8,	 PT_UINT8,	  PT_BOOL};

/* ---------- scalar ops ---------- */

typedef struct Reference
{
	PtScalar op;
	int arity;
	bool integers;
	double ulps; /* allowed in float, beside the rounding of a float reference */
} Reference;

static const Reference references[] = {
#define PT_UNARY(name, rule, integers, ...) \
	{PT_S_##name, 1, sizeof(#integers) == sizeof("INTS"), 2.5},
#define PT_BINARY(name, rule, integers, ...) \
	{PT_S_##name, 2, sizeof(#integers) == sizeof("INTS"), 2.5},
#define PT_TERNARY(name, rule, integers, ...) \
	{PT_S_##name, 3, sizeof(#integers) == sizeof("INTS"), 2.5},
#include "engine/ops/scalar.def"
};

/* torch's floor_divide and remainder: Python's */
static double
python_mod(double a, double b)
{
	double m = fmod(a, b);

	return m != 0 && (m < 0) != (b < 0) ? m + b : m;
}

static double
wanted(PtScalar op, double a, double b, double c)
{
	switch (op)
	{
		case PT_S_add:
			return a + b;
		case PT_S_sub:
			return a - b;
		case PT_S_mul:
			return a * b;
		case PT_S_div:
			return a / b;
		case PT_S_floor_divide:
			return b == 0 ? a / b : floor((a - python_mod(a, b)) / b + 0.25);
		case PT_S_remainder:
			return python_mod(a, b);
		case PT_S_pow:
			return pow(a, b);
		case PT_S_maximum:
			return isnan(a) || isnan(b) ? NAN : fmax(a, b);
		case PT_S_minimum:
			return isnan(a) || isnan(b) ? NAN : fmin(a, b);
		case PT_S_neg:
			return -a;
		case PT_S_abs:
			return fabs(a);
		case PT_S_detach:
			return a;
		case PT_S_sign:
			return (a > 0) - (a < 0);
		case PT_S_square:
			return a * a;
		case PT_S_reciprocal:
			return 1 / a;
		case PT_S_exp:
			return exp(a);
		case PT_S_expm1:
			return expm1(a);
		case PT_S_log:
			return log(a);
		case PT_S_log1p:
			return log1p(a);
		case PT_S_sqrt:
			return sqrt(a);
		case PT_S_rsqrt:
			return 1 / sqrt(a);
		case PT_S_tanh:
			return tanh(a);
		case PT_S_sigmoid:
			return 1 / (1 + exp(-a));
		case PT_S_erf:
			return erf(a);
		case PT_S_logaddexp:
			return a == b ? a + log(2) : fmax(a, b) + log1p(exp(-fabs(a - b)));
		case PT_S_relu:
			return isnan(a) ? a : fmax(a, 0);
		case PT_S_floor:
			return floor(a);
		case PT_S_ceil:
			return ceil(a);
		case PT_S_round:
			return nearbyint(a);
		case PT_S_trunc:
			return trunc(a);
		case PT_S_eq:
			return a == b;
		case PT_S_ne:
			return a != b;
		case PT_S_lt:
			return a < b;
		case PT_S_le:
			return a <= b;
		case PT_S_gt:
			return a > b;
		case PT_S_ge:
			return a >= b;
		case PT_S_logical_and:
			return a != 0 && b != 0;
		case PT_S_logical_or:
			return a != 0 || b != 0;
		case PT_S_logical_not:
			return a == 0;
		case PT_S_isnan:
			return isnan(a);
		case PT_S_isfinite:
			return isfinite(a);
		case PT_S_where:
			return a != 0 ? b : c;
		default:
			return NAN;
	}
}

/* y = op(a, b, c), all contiguous and of one dtype */
static PtProgram
one_op(PtScalar op, int arity, PtDtype dtype, int64_t n)
{
	PtProgram p = {.space = {1, {n}},
				   .points = n,
				   .ninputs = arity,
				   .ninstructions = 1,
				   .noutputs = 1,
				   .nregisters = 4};

	for (int k = 0; k < arity; k++)
	{
		p.inputs[k] = (PtProgramInput){.reg = (uint8_t) k, .dtype = dtype, .stride = {1}};
		p.instructions[0].in[k] = (uint8_t) k;
	}
	p.instructions[0].op = (uint8_t) op;
	p.instructions[0].cls = (uint8_t) pt_dtype_class(dtype);
	p.instructions[0].out = 3;
	p.outputs[0] = (PtProgramOutput){3, dtype};
	return p;
}

static const double specials[] = {0.0, -0.0, 1.0,	-1.0,	0.5,   -0.5, 2.0,
								  3.0, -3.0, 100.0, -100.0, 1e-30, 1e30, -1e30};

static void
test_scalar_ops(PtDevice *dev, const char *what)
{
	static const int64_t sizes[] = {1, 7, 300, 2500};
	PtError err;

	for (size_t r = 0; r < sizeof(references) / sizeof(references[0]); r++)
		for (size_t d = 0; d < 5; d++)
		{
			const Reference *ref = &references[r];
			PtDtype dtype = dtypes[d];
			bool is_int = dtype == PT_INT64;
			int64_t n = sizes[(r + d) % 4];
			PtOperand in[3], out;
			PtProgram p;
			int bad = 0;

			if (is_int && !ref->integers)
				continue;
			out = OPERAND(dtype, n);
			for (int k = 0; k < 3; k++)
			{
				in[k] = RANDOM(dtype, is_int ? 20 : 4, n);
				for (int64_t i = 0; i < n; i++)
					if (is_int)
					{
						int64_t *x = in[k].data;

						if (x[i] == 0 && k > 0)
							x[i] = 3;
						if (k == 1 && ref->op == PT_S_pow)
							x[i] = llabs(x[i]) % 5;
					}
					else if (random_bits() % 4 == 0)
						pt_element_set_double(dtype, in[k].data, (size_t) i,
											  specials[random_bits() %
													   (sizeof(specials) / sizeof(double))]);
					else if (random_bits() % 16 == 0)
						pt_element_set_double(dtype, in[k].data, (size_t) i,
											  (double[]){NAN, INFINITY,
														 -INFINITY}[random_bits() % 3]);
			}
			p = one_op(ref->op, ref->arity, dtype, n);
			CHECK_OK(run_program(dev, &p, in, &out, &err), &err);
			for (int64_t i = 0; i < n && bad < 3; i++)
			{
				double a = at(&in[0], i), b = at(&in[1], i), c = at(&in[2], i);
				double want = wanted(ref->op, a, b, c), got = at(&out, i);
				double eps =
					epsilon(dtype) * (dtype == PT_FLOAT32 || dtype == PT_FLOAT64 ? 2.5 : 0.51) +
					1e-6 * (d == 2 || d == 3);
				PtOperand one = {.dtype = dtype};
				double cell[1];

				one.data = cell;
				if (ref->op == PT_S_sigmoid || ref->op == PT_S_rsqrt)
					eps *= 2;
				/* a reference that is out of the dtype's range */
				pt_element_set_double(dtype, cell, 0, want);
				if (isinf(at(&one, 0)))
					want = at(&one, 0);
				/* float floor_divide and remainder of huge quotients are what float makes of them */
				if ((ref->op == PT_S_floor_divide || ref->op == PT_S_remainder) &&
					(fabs(a) > 1e6 || fabs(b) < 1e-6 || dtype != PT_FLOAT64) && !is_int)
				{
					float fm = (float) python_mod(a, b);

					if (ref->op == PT_S_remainder && isfinite(want))
						want = dtype == PT_FLOAT64 ? want : fm;
					else
						continue;
				}
				if (!check_close(got, want, eps,
								 dtype == PT_FLOAT64	   ? 1e-300
								 : dtype == PT_FLOAT16	   ? 6e-8
								 : dtype == PT_BFLOAT16	   ? 1e-40
								 : ref->op == PT_S_sigmoid ? 1e-38 /* 1 / infinity */
														   : 1e-44))
				{
					bad++;
					CHECK(false, "%s: op %zu %s: op(%g, %g, %g) is %.9g, wanted %.9g", what, r,
						  pt_dtype_name(dtype), a, b, c, got, want);
				}
			}
			CHECK(fence_stands(&out), "op %zu wrote past the end", r);
			for (int k = 0; k < 3; k++)
				free(in[k].data);
			free(out.data);
		}
}

/* Conversions and roundings against data/dtype.c's. */
static void
test_conversions(PtDevice *dev, const char *what)
{
	PtError err;
	const int64_t n = 700;

	for (size_t f = 0; f < 10; f++)
		for (size_t t = 0; t < 10; t++)
		{
			PtDtype from = dtypes[f], to = dtypes[t];
			PtOperand x = RANDOM(from, 300, n), y = OPERAND(to, n), want = OPERAND(to, n);
			PtProgram p = {.space = {1, {n}},
						   .points = n,
						   .ninputs = 1,
						   .noutputs = 1,
						   .nregisters = 4};
			PtClass cls = pt_dtype_class(from);

			p.inputs[0] = (PtProgramInput){.reg = 0, .dtype = from, .stride = {1}};
			p.instructions[p.ninstructions++] =
				(PtInstruction){(uint8_t) (pt_dtype_class(to) == PT_F32	  ? PT_S_to_f32
										   : pt_dtype_class(to) == PT_F64 ? PT_S_to_f64
																		  : PT_S_to_i64),
								(uint8_t) cls,
								1,
								{0}};
			if (to == PT_BOOL)
				p.instructions[0] = (PtInstruction){PT_S_to_bool, (uint8_t) cls, 2, {0}},
				p.instructions[p.ninstructions++] =
					(PtInstruction){PT_S_to_i64, (uint8_t) cls, 1, {2}};
			p.outputs[0] = (PtProgramOutput){1, to};
			CHECK_OK(run_program(dev, &p, &x, &y, &err), &err);
			pt_convert(to, want.data, from, x.data, (size_t) n);
			CHECK(memcmp(y.data, want.data, bytes_of(&y)) == 0, "%s: %s to %s", what,
				  pt_dtype_name(from), pt_dtype_name(to));
			CHECK(fence_stands(&y), "fence");
			free(x.data);
			free(y.data);
			free(want.data);
		}
}

/* ---------- shapes and strides ---------- */

/* y0 = a * b + c and y1 = that > 1, over random strides and dtypes, also in place. */
static void
test_strides(PtDevice *dev, const char *what)
{
	PtError err;

	for (int round = 0; round < 120; round++)
	{
		PtProgram p = {.ninputs = 3,
					   .nnumbers = 1,
					   .ninstructions = 3,
					   .noutputs = 2,
					   .nregisters = 6,
					   .points = 1};
		PtOperand in[3], out[2];
		int64_t dim[4];
		int bad = 0;
		bool in_place = false;

		p.space.ndim = 1 + (int) (random_bits() % 4);
		for (int d = 0; d < p.space.ndim; d++)
		{
			static const int64_t sizes[] = {2, 3, 5, 10, 17, 64, 130};

			dim[d] = p.space.dim[d] = sizes[random_bits() % (p.space.ndim > 2 ? 5 : 7)];
			p.points *= dim[d];
		}
		if (p.space.ndim == 1)
			p.points = p.space.dim[0] = dim[0] = 1 + (int64_t) (random_bits() % 9000);
		for (int k = 0; k < 3; k++)
		{
			int64_t stride = 1;
			unsigned kept = (unsigned) (random_bits() % 3 == 0 ? 15 : random_bits() % 16);
			bool swap = random_bits() % 4 == 0 && p.space.ndim > 1;
			int order[4] = {0, 1, 2, 3};

			p.inputs[k] =
				(PtProgramInput){.reg = (uint8_t) k, .dtype = k == 2 ? PT_FLOAT16 : PT_FLOAT32};
			if (swap)
			{
				order[0] = p.space.ndim - 1;
				order[p.space.ndim - 1] = 0;
			}
			for (int d = p.space.ndim - 1; d >= 0; d--)
				if (kept & 1u << order[d])
				{
					p.inputs[k].stride[order[d]] = stride;
					stride *= dim[order[d]];
				}
			in[k] = RANDOM(p.inputs[k].dtype, 4, stride);
		}
		p.numbers[0] = (PtProgramNumber){.reg = 3, .cls = PT_F32, .real = 1};
		/* register 0 is used again, as a compiler would */
		p.instructions[0] = (PtInstruction){PT_S_mul, PT_F32, 4, {0, 1}};
		p.instructions[1] = (PtInstruction){PT_S_add, PT_F32, 0, {4, 2}};
		p.instructions[2] = (PtInstruction){PT_S_gt, PT_F32, 5, {0, 3}};
		p.outputs[0] = (PtProgramOutput){0, PT_FLOAT32};
		p.outputs[1] = (PtProgramOutput){5, PT_FLOAT16};
		out[0] = OPERAND(PT_FLOAT32, p.points);
		out[1] = OPERAND(PT_FLOAT16, p.points);
		{
			/* the reference, before anything is overwritten */
			double *want = malloc((size_t) p.points * sizeof(double));
			void *mine = out[0].data;

			for (int64_t i = 0; i < p.points; i++)
			{
				double x[3];

				for (int k = 0; k < 3; k++)
				{
					int64_t rest = i, where = 0;

					for (int d = p.space.ndim - 1; d >= 0; d--)
					{
						where += rest % dim[d] * p.inputs[k].stride[d];
						rest /= dim[d];
					}
					x[k] = at(&in[k], where);
				}
				want[i] = x[0] * x[1] + x[2];
			}
			/* in place over an input that is as large as the space and not broadcast */
			if (numel(&in[0]) == p.points && p.inputs[0].stride[p.space.ndim - 1] == 1 && round % 2)
			{
				in_place = true;
				out[0].data = in[0].data;
			}
			if (in_place)
			{
				int64_t stride = 1;

				for (int d = p.space.ndim - 1; d >= 0; d--)
				{
					if (p.inputs[0].stride[d] != stride)
						in_place = false;
					stride *= dim[d];
				}
				if (!in_place)
					out[0].data = mine;
			}
			CHECK_OK(run_program(dev, &p, in, out, &err), &err);
			for (int64_t i = 0; i < p.points && bad < 3; i++)
				if (!check_close(at(&out[0], i), want[i], 1e-6, 2e-6) ||
					at(&out[1], i) != (at(&out[0], i) > 1))
				{
					bad++;
					CHECK(false, "%s: round %d, point %lld of %lld: %g and %g, wanted %g", what,
						  round, (long long) i, (long long) p.points, at(&out[0], i),
						  at(&out[1], i), want[i]);
				}
			CHECK(bad == 0 && (in_place || fence_stands(&out[0])) && fence_stands(&out[1]),
				  "%s: strides, round %d", what, round);
			free(want);
			free(mine);
		}
		free(out[1].data);
		for (int k = 0; k < 3; k++)
			free(in[k].data);
	}
}

/* Outputs that are inputs: swapped, written while the input is still wanted, stored twice. */
static void
test_in_place(PtDevice *dev, const char *what)
{
	PtError err;
	const int64_t n = 3000;
	PtOperand in[2] = {RANDOM(PT_FLOAT32, 4, n), RANDOM(PT_FLOAT32, 4, n)}, out[2] = {in[1], in[0]};
	PtOperand a = RANDOM(PT_FLOAT32, 0, n), b = RANDOM(PT_FLOAT32, 0, n),
			  third = OPERAND(PT_FLOAT32, n);
	PtProgram p = {.space = {1, {n}}, .points = n, .ninputs = 2, .noutputs = 2, .nregisters = 4};
	bool ok = true;

	memcpy(a.data, in[0].data, bytes_of(&a));
	memcpy(b.data, in[1].data, bytes_of(&b));
	p.inputs[0] = (PtProgramInput){.reg = 0, .dtype = PT_FLOAT32, .stride = {1}};
	p.inputs[1] = (PtProgramInput){.reg = 1, .dtype = PT_FLOAT32, .stride = {1}};
	p.outputs[0] = (PtProgramOutput){0, PT_FLOAT32};
	p.outputs[1] = (PtProgramOutput){1, PT_FLOAT32};
	CHECK_OK(run_program(dev, &p, in, out, &err), &err);
	CHECK(memcmp(in[1].data, a.data, bytes_of(&a)) == 0 &&
			  memcmp(in[0].data, b.data, bytes_of(&b)) == 0,
		  "%s: swap", what);

	/* in0 = in0 + in1, but in0 is read again; the sum is stored twice */
	memcpy(in[0].data, a.data, bytes_of(&a));
	memcpy(in[1].data, b.data, bytes_of(&b));
	p.ninstructions = 2;
	p.instructions[0] = (PtInstruction){PT_S_add, PT_F32, 2, {0, 1}};
	p.instructions[1] = (PtInstruction){PT_S_mul, PT_F32, 3, {0, 2}};
	p.noutputs = 3;
	p.outputs[0] = (PtProgramOutput){2, PT_FLOAT32};
	p.outputs[1] = (PtProgramOutput){3, PT_FLOAT32};
	p.outputs[2] = (PtProgramOutput){2, PT_FLOAT32};
	CHECK_OK(run_program(dev, &p, in, (PtOperand[]){in[0], in[1], third}, &err), &err);
	for (int64_t i = 0; i < n; i++)
	{
		float sum = (float) at(&a, i) + (float) at(&b, i);

		ok = ok && at(&in[0], i) == sum && at(&third, i) == sum &&
			 at(&in[1], i) == (float) at(&a, i) * sum;
	}
	CHECK(ok, "%s: in place", what);
	free(a.data);
	free(b.data);
	free(third.data);
	free(in[0].data);
	free(in[1].data);
}

/* An integer divided by zero is an error, wherever it stands. */
static void
test_zero_division(PtDevice *dev, const char *what)
{
	for (int64_t where = 0; where < 100000; where += 33333)
	{
		PtError err;
		PtOperand in[2] = {RANDOM(PT_INT32, 50, 100000), OPERAND(PT_INT32, 100000)},
				  out = OPERAND(PT_INT32, 100000);
		PtProgram p = one_op(PT_S_remainder, 2, PT_INT32, 100000);

		for (int64_t i = 0; i < 100000; i++)
			pt_element_set_int64(PT_INT32, in[1].data, (size_t) i, i == where ? 0 : 7);
		CHECK(!run_program(dev, &p, in, &out, &err) && err.code == PT_EZERODIV, "%s: zero at %lld",
			  what, (long long) where);
		p = one_op(PT_S_floor_divide, 2, PT_INT32, 100000);
		pt_element_set_int64(PT_INT32, in[1].data, (size_t) where, -2);
		CHECK_OK(run_program(dev, &p, in, &out, &err), &err);
		CHECK(at(&out, where) == floor(at(&in[0], where) / -2), "%s: floor division", what);
		free(in[0].data);
		free(in[1].data);
		free(out.data);
	}
}

/* ---------- mathematics ---------- */

static void
sweep(const PtIsa *isa, const char *name, PtScalar op, double (*reference)(double), double allowed)
{
	enum
	{
		N = 512
	};
	double worst = 0;
	float x[N], y[N], worst_at = 0;
	uint64_t bits = 0;
	int filled = 0;

	/* every 1009th float: all exponents, both signs, NaN and infinities */
	while (bits < (UINT64_C(1) << 32))
	{
		uint32_t u = (uint32_t) bits;

		memcpy(&x[filled++], &u, 4);
		bits += 1009;
		if (filled < N && bits < (UINT64_C(1) << 32))
			continue;
		isa->scalar->unit[op][PT_F32](y, x, NULL, NULL, (size_t) filled);
		for (int i = 0; i < filled; i++)
		{
			double want = reference((double) x[i]);
			float rounded = (float) want;
			double ulp;

			if (isnan(want) || isinf(rounded) || rounded == 0)
			{
				if (isnan(want)
						? !isnan(y[i])
						: y[i] != rounded && !(rounded == 0 && fabsf(y[i]) <= 0x1p-149f) &&
							  !(isinf(rounded) && isfinite(want) && fabsf(y[i]) > 3.40282e38f))
					CHECK(false, "%s %s(%g) is %g, wanted %g", isa->name, name, (double) x[i],
						  (double) y[i], want);
				continue;
			}
			ulp = fabs((double) y[i] - want) / fmax(ldexp(1, ilogb(want) - 23), 0x1p-149);
			if (!(ulp <= worst))
			{
				worst = ulp;
				worst_at = x[i];
			}
		}
		filled = 0;
	}
	CHECK(worst <= allowed, "%s %s: %.3f ulp at %a", isa->name, name, worst, (double) worst_at);
	if (getenv("PT_VERBOSE") != NULL)
		printf("%s %s: %.3f ulp at %g\n", isa->name, name, worst, (double) worst_at);
}

static void
test_mathematics(void)
{
	for (int i = 0; isa_names[i] != NULL; i++)
	{
		PtError err;
		const PtIsa *isa = pt_isa_choose(isa_names[i], &err);

		if (isa == NULL)
			continue;
		sweep(isa, "exp", PT_S_exp, exp, 2);
		sweep(isa, "log", PT_S_log, log, 2);
		sweep(isa, "log1p", PT_S_log1p, log1p, 2);
		sweep(isa, "expm1", PT_S_expm1, expm1, 2);
		sweep(isa, "tanh", PT_S_tanh, tanh, 2);
	}
}

/* ---------- running ---------- */

static PtProgram
increment(int64_t n)
{
	PtProgram p = {.space = {1, {n}},
				   .points = n,
				   .ninputs = 1,
				   .nnumbers = 1,
				   .ninstructions = 1,
				   .noutputs = 1,
				   .nregisters = 3};

	p.inputs[0] = (PtProgramInput){.reg = 0, .dtype = PT_FLOAT32, .stride = {1}};
	p.numbers[0] = (PtProgramNumber){.reg = 1, .cls = PT_F32, .real = 1};
	p.instructions[0] = (PtInstruction){PT_S_add, PT_F32, 2, {0, 1}};
	p.outputs[0] = (PtProgramOutput){2, PT_FLOAT32};
	return p;
}

/* Any budget gives the same result; a small one returns often; a plan may be run again. */
static void
test_budget(PtDevice *dev, const char *what)
{
	static const int64_t budgets[] = {1, 100000, INT64_MAX};

	for (int b = 0; b < 3; b++)
		for (int64_t n = 10; n <= 1000000; n *= 100)
		{
			PtError err;
			PtOperand x = RANDOM(PT_FLOAT32, 0, n), y = RANDOM(PT_FLOAT32, 0, n);
			PtProgram p = increment(n);
			PtStep steps[2] = {{.program = &p, .nin = 1, .nout = 1, .in = &x, .out = &y},
							   {.program = &p, .nin = 1, .nout = 1, .in = &y, .out = &x}};
			PtQueue s = {.steps = steps, .nsteps = 2};
			int64_t repeat = 20000000 / n > 300 ? 300 : 20000000 / n;
			int waits = 0;
			bool ok = true;

			CHECK_OK(run_queue(dev, &s, repeat, budgets[b], &waits, &err), &err);
			for (int64_t i = 0; i < n; i++)
				ok = ok && at(&x, i) == (double) (2 * repeat);
			CHECK(ok, "%s: budget %lld: %g after %lld runs", what, (long long) budgets[b],
				  at(&x, 0), (long long) repeat);
			if (budgets[b] == 1 && n == 1000000)
				CHECK(waits > 20, "%s: %d waits", what, waits);
			if (budgets[b] == INT64_MAX)
				CHECK(waits == 0, "%s: %d waits without a limit", what, waits);
			free(x.data);
			free(y.data);
		}
}

static void
test_errors(PtDevice *dev, const char *what)
{
	PtError err;
	PtOperand x = RANDOM(PT_FLOAT32, 1, 4);
	PtOp op = {.name = "frobnicate"};
	PtStep step =
		{.op = &op, .nin = 1, .nout = 1, .in = &x, .out = &x, .path = "0 (nn.Frobnicate)"};
	PtQueue s = {.steps = &step, .nsteps = 1};
	void *p;

	CHECK(!pt_cpu_device.prepare(dev, &s, &err) && err.code == PT_EUNSUPPORTED &&
			  strstr(err.message, "frobnicate") && strstr(err.detail, "0 (nn.Frobnicate)"),
		  "%s: %s", what, err.message);
	CHECK(pt_cpu_device.alloc(dev, SIZE_MAX - 100, &err) == NULL && err.code == PT_ENOMEM,
		  "a huge allocation");
	p = pt_cpu_device.alloc(dev, 1000, &err);
	CHECK(p != NULL && (uintptr_t) p % 64 == 0 && ((char *) p)[999] == 0, "alloc");
	pt_cpu_device.free(dev, p);
	pt_cpu_device.free(dev, NULL);
	free(x.data);
}

static void
test_info(void)
{
	PtError err;
	PtDevice *dev = pt_cpu_device.open(&(PtDeviceOptions){.threads = 2}, &err);
	const char *key;
	char value[256];
	int n = 0;

	if (!CHECK(dev != NULL, "open"))
		return;
	for (; pt_cpu_device.info(dev, n, &key, value, sizeof(value)); n++)
	{
		CHECK(value[0] != '\0', "%s", key);
		if (getenv("PT_VERBOSE") != NULL)
			printf("%s: %s\n", key, value);
	}
	CHECK(n == 4, "%d lines of info", n);
	pt_cpu_device.close(dev);
	CHECK(pt_cpu_device.open(&(PtDeviceOptions){.isa = "mmx"}, &err) == NULL &&
			  err.code == PT_EDEVICE,
		  "an unknown isa");
}

int
main(void)
{
	each_device(test_scalar_ops, true);
	each_device(test_conversions, true);
	each_device(test_strides, true);
	each_device(test_in_place, true);
	each_device(test_zero_division, true);
	each_device(test_budget, true);
	each_device(test_errors, true);
	test_info();
	test_mathematics();
	return check_done();
}
