/*
 * test_cpu_ops.c
 *	  The CPU device: products, reductions, rows, copies and the training feed, against loops.
 *
 * All references are plain loops in double over indices.  Operands end in a fence that a kernel
 * must not touch.
 */
#include "engine/cpu_harness.h"

static const PtDtype floats[] = {PT_FLOAT32, PT_FLOAT64, PT_FLOAT16, PT_BFLOAT16};
static const PtDtype all_dtypes[] = {PT_FLOAT32, PT_FLOAT64, PT_FLOAT16, PT_BFLOAT16, PT_INT64,
									 PT_INT32,	 PT_INT16,	 PT_INT8,	 PT_UINT8,	  PT_BOOL};

static void
free_all(PtOperand *o, int n)
{
	for (int i = 0; i < n; i++)
		free(o[i].data);
}

/* ---------- mm ---------- */

static void
check_mm(PtDevice *dev, const char *what, PtDtype dtype, int64_t batch, int64_t ba, int64_t bb,
		 int64_t m, int64_t n, int64_t k, bool ta, bool tb)
{
	PtError err;
	Attribute attrs[] = {BOOL_ATTR("ta", ta), BOOL_ATTR("tb", tb)};
	double scale = pt_dtype_is_float(dtype) ? 1 : 6;
	PtOperand o[3];
	double *x, *y;
	int bad = 0;

	if (batch == 0)
	{
		o[0] = RANDOM(dtype, scale, ta ? k : m, ta ? m : k);
		o[1] = RANDOM(dtype, scale, tb ? n : k, tb ? k : n);
		o[2] = OPERAND(dtype, m, n);
	}
	else
	{
		o[0] = RANDOM(dtype, scale, ba, ta ? k : m, ta ? m : k);
		o[1] = RANDOM(dtype, scale, bb, tb ? n : k, tb ? k : n);
		o[2] = OPERAND(dtype, batch, m, n);
	}
	x = values(&o[0]);
	y = values(&o[1]);
	CHECK_OK(run_op(dev, "mm", attrs, 2, o, 2, &o[2], 1, &err), &err);
	for (int64_t b = 0; b < (batch == 0 ? 1 : batch); b++)
		for (int64_t i = 0; i < m; i++)
			for (int64_t j = 0; j < n && bad < 3; j++)
			{
				double sum = 0;
				int64_t abase = ba > 1 ? b * m * k : 0, bbase = bb > 1 ? b * k * n : 0;
				double got = at(&o[2], (b * m + i) * n + j);

				for (int64_t p = 0; p < k; p++)
					sum += x[abase + (ta ? p * m + i : i * k + p)] *
						   y[bbase + (tb ? j * k + p : p * n + j)];
				if (!pt_dtype_is_float(dtype))
				{
					int64_t cell;

					pt_element_set_int64(dtype, &cell, 0, (int64_t) sum);
					sum = pt_element_get_double(dtype, &cell, 0);
				}
				if (!check_close(got, sum, epsilon(dtype) + (dtype == PT_FLOAT32 ? 1e-5 : 0),
								 1e-6 * sqrt((double) k) + epsilon(dtype)))
				{
					bad++;
					CHECK(false, "%s: mm %s [%lld] %lldx%lldx%lld%s%s at %lld, %lld: %g, wanted %g",
						  what, pt_dtype_name(dtype), (long long) batch, (long long) m,
						  (long long) n, (long long) k, ta ? " ta" : "", tb ? " tb" : "",
						  (long long) i, (long long) j, got, sum);
				}
			}
	CHECK(bad == 0 && fence_stands(&o[2]), "%s: mm", what);
	free(x);
	free(y);
	free_all(o, 3);
}

static void
test_mm(PtDevice *dev, const char *what)
{
	static const int64_t shapes[][3] = {{1, 1, 1},		{3, 5, 7},		{4, 64, 32}, {5, 17, 3},
										{13, 33, 50},	{32, 64, 32},	{64, 1, 40}, {1, 130, 70},
										{100, 10, 300}, {129, 70, 260}, {2, 9, 515}, {40, 530, 33},
										{7, 3, 0},		{0, 4, 4},		{4, 0, 4}};

	for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
		for (int trans = 0; trans < 4; trans++)
		{
			const int64_t *d = shapes[s];

			check_mm(dev, what, PT_FLOAT32, 0, 1, 1, d[0], d[1], d[2], trans & 1, trans & 2);
			check_mm(dev, what, PT_FLOAT64, 0, 1, 1, d[0], d[1], d[2], trans & 1, trans & 2);
			if (d[0] * d[1] * d[2] < 100000)
				check_mm(dev, what, all_dtypes[2 + (s + (size_t) trans) % 7], 0, 1, 1, d[0], d[1],
						 d[2], trans & 1, trans & 2);
			if (d[0] < 50)
			{
				check_mm(dev, what, PT_FLOAT32, 3, 3, 3, d[0], d[1], d[2], trans & 1, trans & 2);
				check_mm(dev, what, PT_FLOAT32, 3, 1, 3, d[0], d[1], d[2], trans & 1, trans & 2);
				check_mm(dev, what, PT_FLOAT64, 3, 3, 1, d[0], d[1], d[2], trans & 1, trans & 2);
			}
		}
}

/* ---------- linear ---------- */

static PtProgram
relu_of_sum(int64_t rows, int64_t cols, bool full, PtDtype out)
{
	/* relu(x + r), r as large as x or one for each column */
	PtProgram p = {.space = {full ? 1 : 2, {full ? rows * cols : rows, cols}},
				   .points = rows * cols,
				   .ninputs = 2,
				   .ninstructions = 2,
				   .noutputs = 1,
				   .nregisters = 4};

	p.inputs[0] = (PtProgramInput){.reg = 0, .dtype = PT_FLOAT32, .stride = {full ? 1 : cols, 1}};
	p.inputs[1] = (PtProgramInput){.reg = 1, .dtype = PT_FLOAT32, .stride = {full ? 1 : 0, 1}};
	p.instructions[0] = (PtInstruction){PT_S_add, PT_F32, 2, {0, 1}};
	p.instructions[1] = (PtInstruction){PT_S_relu, PT_F32, 3, {2}};
	p.outputs[0] = (PtProgramOutput){3, out};
	return p;
}

static void
linear_shape(PtDevice *dev, const char *what, int64_t m, int64_t n, int64_t k)
{
	for (int mode = 0; mode < 16; mode++)
	{
		/* bias; epilogue; of which the input is full, and lies where the output is, or the output is another dtype */
		bool bias = mode & 1, epilogue = mode & 2, full = mode & 4, odd = mode & 8;
		PtError err;
		PtOperand in[4] = {RANDOM(PT_FLOAT32, 1, m, k), RANDOM(PT_FLOAT32, 1, n, k),
						   RANDOM(PT_FLOAT32, 1, n),
						   full ? RANDOM(PT_FLOAT32, 1, m, n) : RANDOM(PT_FLOAT32, 1, n)};
		PtOperand extra = full ? OPERAND(PT_FLOAT32, m, n) : OPERAND(PT_FLOAT32, n);
		PtOperand out = OPERAND(odd && epilogue && !full ? PT_FLOAT64 : PT_FLOAT32, m, n), to = out;
		PtOp op = {.name = "linear"};
		Attributes a;
		PtProgram program = relu_of_sum(m, n, full, PT_FLOAT32);
		PtStep step = {.op = &op,
					   .attrs = set_attributes(&a, NULL, 0),
					   .nin = epilogue ? 4 : 3,
					   .nout = 1,
					   .in = in,
					   .out = &to};
		PtQueue queue = {.steps = &step, .nsteps = 1};
		double *x = values(&in[0]), *w = values(&in[1]);
		int bad = 0;

		memcpy(extra.data, in[3].data, bytes_of(&extra));
		if (!bias)
			in[2].dtype = PT_NDTYPE;
		if (epilogue)
		{
			if (out.dtype == PT_FLOAT64)
			{
				program.ninstructions = 3;
				program.instructions[2] = (PtInstruction){PT_S_to_f64, PT_F32, 1, {3}};
				program.outputs[0] = (PtProgramOutput){1, PT_FLOAT64};
			}
			step.epilogue = &program;
			step.nepilogue = 1;
			if (full && odd)
				to.data = in[3].data;
		}
		CHECK_OK(run_queue(dev, &queue, 1, INT64_MAX, NULL, &err), &err);
		in[2].dtype = PT_FLOAT32;
		for (int64_t i = 0; i < m; i++)
			for (int64_t j = 0; j < n && bad < 3; j++)
			{
				double sum = bias ? at(&in[2], j) : 0, got = at(&to, i * n + j);

				for (int64_t p = 0; p < k; p++)
					sum += x[i * k + p] * w[j * k + p];
				if (epilogue)
					sum = fmax(0, sum + at(&extra, full ? i * n + j : j));
				if (!check_close(got, sum, 1e-5, 1e-6 * sqrt((double) k)))
				{
					bad++;
					CHECK(false, "%s: linear %lldx%lldx%lld mode %d at %lld, %lld: %g, wanted %g",
						  what, (long long) m, (long long) n, (long long) k, mode, (long long) i,
						  (long long) j, got, sum);
				}
			}
		CHECK(bad == 0 && fence_stands(&to), "%s: linear", what);
		free(x);
		free(w);
		free_all(in, 4);
		free(out.data);
		free(extra.data);
	}
}

static void
test_linear(PtDevice *dev, const char *what)
{
	static const int64_t shapes[][3] = {{1, 64, 32},  {2, 10, 784},	  {4, 7, 5},
										{5, 100, 64}, {32, 64, 32},	  {33, 1, 64},
										{1, 1, 3},	  {70, 300, 120}, {200, 10, 64}};

	for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
		linear_shape(dev, what, shapes[s][0], shapes[s][1], shapes[s][2]);
}

/* Products that are big enough for OpenBLAS, where it is installed. */
static void
test_library(void)
{
	PtError err;
	PtDevice *dev = pt_cpu_device.open(&(PtDeviceOptions){.threads = 2}, &err);

	for (int trans = 0; trans < 4; trans++)
	{
		check_mm(dev, "library", PT_FLOAT32, 0, 1, 1, 300, 200, 90, trans & 1, trans & 2);
		check_mm(dev, "library", PT_FLOAT64, 0, 1, 1, 130, 400, 110, trans & 1, trans & 2);
		check_mm(dev, "library", PT_FLOAT32, 2, 2, 1, 210, 111, 203, trans & 1, trans & 2);
	}
	linear_shape(dev, "library", 260, 300, 120);
	pt_cpu_device.close(dev);
}

/* ---------- reductions ---------- */

static void
check_reduction(PtDevice *dev, const char *what, const char *name, PtDtype dtype, int ndim,
				const int64_t *dim, unsigned which)
{
	PtError err;
	int64_t dims[8] = {0}, kept[8] = {0};
	int nreduced = 0, nkept = 0;
	int64_t results = 1, n = 1;
	double *want;
	Attribute attrs[1];
	PtOperand x, out;
	bool sums = strcmp(name, "sum") == 0, prods = strcmp(name, "prod") == 0,
		 max = strcmp(name, "amax") == 0;
	PtDtype to = (sums || prods) && !pt_dtype_is_float(dtype) ? PT_INT64 : dtype;
	int bad = 0;

	for (int d = 0; d < ndim; d++)
	{
		n *= dim[d];
		if (which & 1u << d)
			dims[nreduced++] = d;
		else
			kept[nkept++] = dim[d], results *= dim[d];
	}
	attrs[0] = (Attribute) INTS_ATTR("dim", nreduced, dims);
	x = random_operand(dtype, pt_dtype_is_float(dtype) ? 1.3 : 5, ndim, dim);
	if (n > 50 && pt_dtype_is_float(dtype) && random_bits() % 2)
		pt_element_set_double(dtype, x.data, (size_t) (random_bits() % (uint64_t) n), NAN);
	out = new_operand(to, nkept, kept);
	want = malloc((size_t) (results + 1) * sizeof(double));
	for (int64_t i = 0; i < results; i++)
		want[i] = sums ? 0 : prods ? 1 : max ? -INFINITY : INFINITY;
	for (int64_t i = 0; i < n; i++)
	{
		int64_t rest = i, result = 0, step = 1;
		double v = at(&x, i);
		double *w;

		for (int d = ndim - 1; d >= 0; d--)
		{
			if (!(which & 1u << d))
			{
				result += rest % dim[d] * step;
				step *= dim[d];
			}
			rest /= dim[d];
		}
		w = &want[result];
		*w = sums		 ? *w + v
			 : prods	 ? *w * v
			 : isnan(*w) ? *w
			 : isnan(v)	 ? v
			 : max		 ? fmax(*w, v)
						 : fmin(*w, v);
	}
	if (nreduced == 0)
		attrs[0] = (Attribute) NONE_ATTR("dim");
	if (nreduced > 0 || ndim == 0)
	{
		CHECK_OK(run_op(dev, name, attrs, 1, &x, 1, &out, 1, &err), &err);
		for (int64_t i = 0; i < results && bad < 3; i++)
			if (!check_close(at(&out, i), want[i], epsilon(to) * 4 + (prods ? 1e-5 : 0),
							 sums ? 1e-6 * sqrt((double) (n / results)) + epsilon(to) : 1e-7))
			{
				bad++;
				CHECK(false, "%s: %s %s of %lld by %x at %lld of %lld: %g, wanted %g", what, name,
					  pt_dtype_name(dtype), (long long) n, which, (long long) i,
					  (long long) results, at(&out, i), want[i]);
			}
		CHECK(bad == 0 && fence_stands(&out), "%s: %s", what, name);
	}
	free(want);
	free(x.data);
	free(out.data);
}

static void
test_reductions(PtDevice *dev, const char *what)
{
	static const char *const names[] = {"sum", "prod", "amax", "amin"};

	for (int n = 0; n < 4; n++)
	{
		for (size_t t = 0; t < 10; t++)
			for (unsigned which = 1; which < 8; which++)
				check_reduction(dev, what, names[n], all_dtypes[t], 3, (const int64_t[]){5, 7, 9},
								which);
		if (n == 1)
			continue;
		for (unsigned which = 1; which < 4; which++)
		{
			check_reduction(dev, what, names[n], PT_FLOAT32, 2, (const int64_t[]){128, 512}, which);
			check_reduction(dev, what, names[n], PT_FLOAT32, 2, (const int64_t[]){30000, 10},
							which);
			check_reduction(dev, what, names[n], PT_FLOAT64, 2, (const int64_t[]){3, 150000},
							which);
			check_reduction(dev, what, names[n], PT_FLOAT16, 2, (const int64_t[]){700, 33}, which);
		}
		for (unsigned which = 1; which < 16; which++)
			check_reduction(dev, what, names[n], PT_FLOAT32, 4, (const int64_t[]){6, 1, 40, 300},
							which);
		check_reduction(dev, what, names[n], PT_FLOAT32, 1, (const int64_t[]){1000000}, 1);
		check_reduction(dev, what, names[n], PT_INT32, 1, (const int64_t[]){1000000}, 1);
		check_reduction(dev, what, names[n], PT_FLOAT32, 0, NULL, 0);
	}
	check_reduction(dev, what, "sum", PT_FLOAT32, 2, (const int64_t[]){0, 5}, 1);
	check_reduction(dev, what, "sum", PT_FLOAT32, 2, (const int64_t[]){5, 0}, 1);
}

static void
test_arg(PtDevice *dev, const char *what)
{
	for (int round = 0; round < 60; round++)
	{
		PtError err;
		PtDtype dtype = all_dtypes[round % 9];
		int64_t dim[3] = {1 + (int64_t) (random_bits() % 6),
						  1 + (int64_t) (random_bits() % (round == 7 ? 300000 : 50)),
						  1 + (int64_t) (random_bits() % 4)};
		int d = round % 4; /* 3: flat */
		bool max = round % 2;
		PtOperand x = random_operand(dtype, 9, 3, dim), out;
		int64_t outer = 1, length = 1, inner = 1;
		Attribute attrs[1] = {INT_ATTR("dim", d)};
		bool ok = true;

		if (d == 3)
		{
			attrs[0] = (Attribute) NONE_ATTR("dim");
			length = numel(&x);
		}
		else
			for (int i = 0; i < 3; i++)
				*(i < d ? &outer : i == d ? &length : &inner) *= dim[i];
		if (pt_dtype_is_float(dtype) && round % 3 == 0)
			pt_element_set_double(dtype, x.data, (size_t) (random_bits() % (uint64_t) numel(&x)),
								  NAN);
		out = OPERAND(PT_INT64, outer, inner);
		CHECK_OK(run_op(dev, max ? "argmax" : "argmin", attrs, 1, &x, 1, &out, 1, &err), &err);
		for (int64_t o = 0; o < outer; o++)
			for (int64_t i = 0; i < inner; i++)
			{
				int64_t best = 0;

				for (int64_t j = 1; j < length; j++)
				{
					double v = at(&x, (o * length + j) * inner + i),
						   b = at(&x, (o * length + best) * inner + i);

					if (!isnan(b) && (isnan(v) || (max ? v > b : v < b)))
						best = j;
				}
				ok = ok && ((int64_t *) out.data)[o * inner + i] == best;
			}
		CHECK(ok && fence_stands(&out), "%s: arg round %d", what, round);
		free(x.data);
		free(out.data);
	}
}

/* ---------- softmax, cross entropy ---------- */

static void
test_softmax(PtDevice *dev, const char *what)
{
	static const int64_t shapes[][3] = {{3, 10, 1}, {70, 10, 1},  {2, 1500, 1}, {4, 33, 5},
										{1, 1, 1},	{300, 64, 1}, {2, 600, 3}};

	for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
		for (int t = 0; t < 4; t++)
			for (int log_form = 0; log_form < 2; log_form++)
			{
				PtError err;
				const int64_t *d = shapes[s];
				Attribute attrs[] = {INT_ATTR("dim", 1)};
				PtOperand x = RANDOM(floats[t], 20, d[0], d[1], d[2]),
						  y = OPERAND(floats[t], d[0], d[1], d[2]);
				int bad = 0;

				CHECK_OK(run_op(dev, log_form ? "log_softmax" : "softmax", attrs, 1, &x, 1, &y, 1,
								&err),
						 &err);
				for (int64_t o = 0; o < d[0]; o++)
					for (int64_t i = 0; i < d[2]; i++)
					{
						double top = -INFINITY, sum = 0;

						for (int64_t j = 0; j < d[1]; j++)
							top = fmax(top, at(&x, (o * d[1] + j) * d[2] + i));
						for (int64_t j = 0; j < d[1]; j++)
							sum += exp(at(&x, (o * d[1] + j) * d[2] + i) - top);
						for (int64_t j = 0; j < d[1] && bad < 3; j++)
						{
							double z = at(&x, (o * d[1] + j) * d[2] + i) - top,
								   want = log_form ? z - log(sum) : exp(z) / sum;

							if (!check_close(at(&y, (o * d[1] + j) * d[2] + i), want,
											 epsilon(floats[t]) * 6, log_form ? 3e-6 : 1e-7))
							{
								bad++;
								CHECK(false, "%s: softmax %s: %g, wanted %g", what,
									  pt_dtype_name(floats[t]), at(&y, (o * d[1] + j) * d[2] + i),
									  want);
							}
						}
					}
				CHECK(bad == 0 && fence_stands(&y), "%s: softmax", what);
				if (t < 2)
				{
					/* a NaN makes its row NaN and no other */
					pt_element_set_double(floats[t], x.data, 0, NAN);
					CHECK_OK(run_op(dev, log_form ? "log_softmax" : "softmax", attrs, 1, &x, 1, &y,
									1, &err),
							 &err);
					CHECK(isnan(at(&y, (d[1] - 1) * d[2])) &&
							  (d[0] < 2 || !isnan(at(&y, d[1] * d[2]))),
						  "%s: NaN in softmax", what);
				}
				free(x.data);
				free(y.data);
			}
}

static void
test_cross_entropy(PtDevice *dev, const char *what)
{
	static const int64_t shapes[][2] = {{1, 1}, {5, 10}, {128, 10}, {3, 2000}, {700, 100}};

	for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
		for (int t = 0; t < 4; t++)
		{
			PtError err;
			int64_t n = shapes[s][0], c = shapes[s][1];
			PtOperand in[4] = {RANDOM(floats[t], 20, n, c), OPERAND(PT_INT64, n)},
					  out[2] = {OPERAND(floats[t], n), OPERAND(floats[t], n)};
			PtOperand grad = OPERAND(floats[t], n, c);
			int64_t *target = in[1].data;
			double eps = epsilon(floats[t]) * 4;
			int bad = 0;

			/* large logits: what counts are their differences, however coarse lse itself is */
			if (s % 2 == 0)
				for (int64_t i = 0; i < n * c; i++)
					pt_element_set_double(floats[t], in[0].data, (size_t) i,
										  at(&in[0], i) + (t == 1	? 1e12
														   : t == 0 ? 1e5
																	: 300));
			for (int64_t i = 0; i < n; i++)
				target[i] = (int64_t) (random_bits() % (uint64_t) c);
			CHECK_OK(run_op(dev, "cross_entropy", NULL, 0, in, 2, out, 2, &err), &err);
			in[2] = out[1];
			in[3] = RANDOM(floats[t], 1, n);
			CHECK_OK(run_op(dev, "cross_entropy_backward", NULL, 0, in, 4, &grad, 1, &err), &err);
			for (int64_t i = 0; i < n && bad < 3; i++)
			{
				double top = -INFINITY, sum = 0, lse, loss;

				for (int64_t j = 0; j < c; j++)
					top = fmax(top, at(&in[0], i * c + j));
				for (int64_t j = 0; j < c; j++)
					sum += exp(at(&in[0], i * c + j) - top);
				lse = top + log(sum);
				loss = top - at(&in[0], i * c + target[i]) + log(sum);
				bad += !check_close(at(&out[1], i), lse, eps, 1e-6) +
					   !check_close(at(&out[0], i), loss, eps, 1e-6);
				for (int64_t j = 0; j < c; j++)
				{
					double want =
						(exp(at(&in[0], i * c + j) - top) / sum - (j == target[i])) * at(&in[3], i);

					bad += !check_close(at(&grad, i * c + j), want, eps * 4, 1e-6);
				}
			}
			CHECK(bad == 0 && fence_stands(&out[0]) && fence_stands(&out[1]) && fence_stands(&grad),
				  "%s: cross entropy %s %lldx%lld", what, pt_dtype_name(floats[t]), (long long) n,
				  (long long) c);
			target[n - 1] = s % 2 ? c : -1;
			CHECK(!run_op(dev, "cross_entropy", NULL, 0, in, 2, out, 2, &err) &&
					  err.code == PT_EDATA && strstr(err.message, "is out of bounds for") != NULL,
				  "%s: a target out of range", what);
			free_all(in, 4); /* out[1] is among them */
			free(out[0].data);
			free(grad.data);
		}
}

/* ---------- copies ---------- */

static void
test_permute(PtDevice *dev, const char *what)
{
	for (int round = 0; round < 150; round++)
	{
		PtError err;
		PtDtype dtype = all_dtypes[round % 10];
		int ndim = round < 4 ? 2 : (int) (random_bits() % 5);
		int64_t dim[5], order[5], to[5], stride[5], s = 1;
		PtOperand x, y;
		Attribute attrs[1];
		size_t size = pt_dtype_size(dtype);
		bool ok = true;

		for (int d = 0; d < ndim; d++)
		{
			dim[d] = round < 4 ? 100 + 60 * d : 1 + (int64_t) (random_bits() % (ndim > 3 ? 7 : 40));
			order[d] = d;
		}
		if (round == 20 && ndim > 0)
			dim[0] = 0;
		for (int d = ndim - 1; d > 0; d--)
		{
			int o = (int) (random_bits() % (uint64_t) (d + 1));
			int64_t swap = order[d];

			order[d] = order[o];
			order[o] = swap;
		}
		if (round < 4)
			order[0] = 1, order[1] = 0;
		for (int d = ndim - 1; d >= 0; d--)
		{
			stride[d] = s;
			s *= dim[d];
		}
		for (int d = 0; d < ndim; d++)
			to[d] = dim[order[d]];
		x = random_operand(dtype, 100, ndim, dim);
		y = new_operand(dtype, ndim, to);
		attrs[0] = (Attribute) INTS_ATTR("dims", ndim, order);
		CHECK_OK(run_op(dev, "permute", attrs, 1, &x, 1, &y, 1, &err), &err);
		for (int64_t i = 0; i < numel(&y); i++)
		{
			int64_t rest = i, from = 0;

			for (int d = ndim - 1; d >= 0; d--)
			{
				from += rest % to[d] * stride[order[d]];
				rest /= to[d];
			}
			ok = ok && memcmp((char *) y.data + (size_t) i * size,
							  (char *) x.data + (size_t) from * size, size) == 0;
		}
		CHECK(ok && fence_stands(&y), "%s: permute round %d", what, round);
		free(x.data);
		free(y.data);
	}
}

static void
test_copies(PtDevice *dev, const char *what)
{
	PtError err;
	PtOperand in[3] = {RANDOM(PT_FLOAT32, 1, 4, 3, 5), RANDOM(PT_FLOAT32, 1, 4, 1, 5),
					   RANDOM(PT_FLOAT32, 1, 4, 70, 5)};
	PtOperand out = OPERAND(PT_FLOAT32, 4, 74, 5), flat = OPERAND(PT_FLOAT32, 2000),
			  big = RANDOM(PT_INT16, 99, 500000), copy = OPERAND(PT_INT16, 500000);
	Attribute dim[] = {INT_ATTR("dim", 1)};
	int64_t offsets[] = {0, 64, 100};
	Attribute pack[] = {INTS_ATTR("offsets", 3, offsets)};
	bool ok = true;

	CHECK_OK(run_op(dev, "cat", dim, 1, in, 3, &out, 1, &err), &err);
	for (int64_t o = 0; o < 4; o++)
		for (int64_t j = 0; j < 74; j++)
			for (int64_t i = 0; i < 5; i++)
			{
				int k = j < 3 ? 0 : j < 4 ? 1 : 2;
				int64_t base = k == 0 ? 0 : k == 1 ? 3 : 4;

				ok = ok && at(&out, (o * 74 + j) * 5 + i) ==
							   at(&in[k], (o * in[k].shape.dim[1] + j - base) * 5 + i);
			}
	CHECK(ok && fence_stands(&out), "%s: cat", what);

	memset(flat.data, 0, bytes_of(&flat));
	CHECK_OK(run_op(dev, "pack", pack, 1, in, 3, &flat, 1, &err), &err);
	ok = true;
	for (int64_t i = 0; i < 2000; i++)
	{
		double want = i < 60				 ? at(&in[0], i)
					  : i >= 64 && i < 84	 ? at(&in[1], i - 64)
					  : i >= 100 && i < 1500 ? at(&in[2], i - 100)
											 : 0;

		ok = ok && at(&flat, i) == want;
	}
	CHECK(ok && fence_stands(&flat), "%s: pack", what);
	CHECK_OK(run_op(dev, "copy", NULL, 0, &big, 1, &copy, 1, &err), &err);
	CHECK(memcmp(big.data, copy.data, bytes_of(&big)) == 0 && fence_stands(&copy), "%s: copy",
		  what);
	free_all(in, 3);
	free(out.data);
	free(flat.data);
	free(big.data);
	free(copy.data);
}

static void
test_arange(PtDevice *dev, const char *what)
{
	for (int t = 0; t < 9; t++)
	{
		PtError err;
		PtOperand out = OPERAND(all_dtypes[t], 20000);
		Attribute ints[] = {INT_ATTR("start", 3), NONE_ATTR("end"), INT_ATTR("step", -2)};
		Attribute reals[] = {REAL_ATTR("start", 0.5), NONE_ATTR("end"), REAL_ATTR("step", 0.25)};
		bool real = pt_dtype_is_float(all_dtypes[t]), ok = true;

		CHECK_OK(run_op(dev, "arange", real ? reals : ints, 3, NULL, 0, &out, 1, &err), &err);
		for (int64_t i = 0; i < 20000; i++)
		{
			double cell[1];

			if (real)
				pt_element_set_double(all_dtypes[t], cell, 0, 0.5 + 0.25 * (double) i);
			else
				pt_element_set_int64(all_dtypes[t], cell, 0, 3 - 2 * i);
			ok = ok && at(&out, i) == pt_element_get_double(all_dtypes[t], cell, 0);
		}
		CHECK(ok && fence_stands(&out), "%s: arange %s", what, pt_dtype_name(all_dtypes[t]));
		free(out.data);
	}
}

/* ---------- feed ---------- */

static void
test_feed(PtDevice *dev, const char *what)
{
	PtError err;
	const int64_t n = 1000, stride = 4 * 30 + 8;
	PtOperand in[3] = {OPERAND(PT_UINT8, n, stride), OPERAND(PT_INT64, n),
					   OPERAND(PT_INT64, PT_CTL_SIZE)};
	PtOperand x = OPERAND(PT_FLOAT32, 200, 5, 6), y = OPERAND(PT_INT64, 200),
			  loss = OPERAND(PT_FLOAT32, 1);
	PtOperand check_in[3] = {in[2], OPERAND(PT_FLOAT64, PT_STATS_SIZE), loss},
			  check_out[2] = {check_in[0], check_in[1]};
	int64_t *perm = in[1].data, *ctl = in[2].data;
	double *stats = check_in[1].data;
	Attribute features[] = {INT_ATTR("offset", 0)}, target[] = {INT_ATTR("offset", 120)};
	Attribute by[] = {INT_ATTR("by", 200)}, count[] = {INT_ATTR("count", 200)};
	bool ok = true;

	memset(ctl, 0, PT_CTL_SIZE * sizeof(int64_t));
	memset(stats, 0, PT_STATS_SIZE * sizeof(double));
	for (int64_t i = 0; i < n; i++)
	{
		float row[30];
		int64_t label = i * 3;

		for (int j = 0; j < 30; j++)
			row[j] = (float) (i * 100 + j);
		memcpy((char *) in[0].data + i * stride, row, 120);
		memcpy((char *) in[0].data + i * stride + 120, &label, 8);
		perm[i] = (i * 37) % n;
	}
	CHECK_OK(run_op(dev, "advance", by, 1, &in[2], 1, &in[2], 1, &err), &err);
	CHECK(ctl[PT_CTL_POSITION] == 200 && ctl[PT_CTL_STEPS] == 1, "%s: advance", what);
	CHECK_OK(run_op(dev, "batch", features, 1, in, 3, &x, 1, &err), &err);
	CHECK_OK(run_op(dev, "batch", target, 1, in, 3, &y, 1, &err), &err);
	for (int64_t r = 0; r < 200; r++)
	{
		for (int64_t j = 0; j < 30; j++)
			ok = ok && at(&x, r * 30 + j) == (double) (perm[200 + r] * 100 + j);
		ok = ok && at(&y, r) == (double) (perm[200 + r] * 3);
	}
	CHECK(ok && fence_stands(&x) && fence_stands(&y), "%s: batch", what);
	ctl[PT_CTL_POSITION] = 900;
	CHECK(!run_op(dev, "batch", features, 1, in, 3, &x, 1, &err) && err.code == PT_EINTERNAL,
		  "%s: past the last row", what);
	ctl[PT_CTL_POSITION] = 0;
	perm[3] = n;
	CHECK(!run_op(dev, "batch", features, 1, in, 3, &x, 1, &err) && err.code == PT_EINTERNAL,
		  "%s: no such row", what);

	*(float *) loss.data = 0.5f;
	CHECK_OK(run_op(dev, "check_finite", count, 1, check_in, 3, check_out, 2, &err), &err);
	*(float *) loss.data = 1.5f;
	CHECK_OK(run_op(dev, "check_finite", count, 1, check_in, 3, check_out, 2, &err), &err);
	CHECK(stats[PT_STATS_LOSS] == 400 && stats[PT_STATS_ROWS] == 400 &&
			  stats[PT_STATS_LAST] == 1.5 && ctl[PT_CTL_DIVERGED] == 0,
		  "%s: check_finite", what);
	*(float *) loss.data = NAN;
	CHECK_OK(run_op(dev, "check_finite", count, 1, check_in, 3, check_out, 2, &err), &err);
	ctl[PT_CTL_STEPS] = 7;
	CHECK_OK(run_op(dev, "check_finite", count, 1, check_in, 3, check_out, 2, &err), &err);
	CHECK(ctl[PT_CTL_DIVERGED] == 2 && isnan(stats[PT_STATS_LAST]),
		  "%s: the first loss that is not finite: step %lld", what,
		  (long long) ctl[PT_CTL_DIVERGED]);
	free_all(in, 3);
	free(x.data);
	free(y.data);
	free(loss.data);
	free(stats);
}

/* ---------- threads, and pieces ---------- */

/* The same number of threads gives the same bits; a product of seconds stops within its budget. */
static void
test_repeatable(void)
{
	PtError err;
	PtOperand in[2] = {RANDOM(PT_FLOAT32, 1, 700, 900), RANDOM(PT_FLOAT32, 1, 900, 500)},
			  out[2] = {OPERAND(PT_FLOAT32, 700, 500), OPERAND(PT_FLOAT32, 700, 500)};
	PtOperand sums[2] = {OPERAND(PT_FLOAT32, 1), OPERAND(PT_FLOAT32, 1)};
	Attribute attrs[] = {BOOL_ATTR("ta", false), BOOL_ATTR("tb", false)},
			  none[] = {NONE_ATTR("dim")};

	for (int library = 0; library < 2; library++)
	{
		PtDevice *dev =
			pt_cpu_device.open(&(PtDeviceOptions){.threads = 2, .no_library = !library}, &err);

		for (int i = 0; i < 2; i++)
		{
			CHECK_OK(run_op(dev, "mm", attrs, 2, in, 2, &out[i], 1, &err), &err);
			CHECK_OK(run_op(dev, "sum", none, 1, &in[0], 1, &sums[i], 1, &err), &err);
		}
		CHECK(memcmp(out[0].data, out[1].data, bytes_of(&out[0])) == 0, "mm: the same bits");
		CHECK(at(&sums[0], 0) == at(&sums[1], 0), "sum: the same bits");
		pt_cpu_device.close(dev);
	}
	free_all(in, 2);
	free_all(out, 2);
	free_all(sums, 2);
}

int
main(void)
{
	each_device(test_mm, true);
	each_device(test_linear, true);
	test_library();
	each_device(test_reductions, true);
	each_device(test_arg, true);
	each_device(test_softmax, true);
	each_device(test_cross_entropy, true);
	each_device(test_permute, true);
	each_device(test_copies, true);
	each_device(test_arange, true);
	each_device(test_feed, true);
	test_repeatable();
	return check_done();
}
