/*
 * test_cuda_rows.c
 *	  Reductions, softmax and cross entropy of the device "cuda", against the CPU's.
 *
 * Shapes are chosen for the ways that the kernels go: a few lanes for a result or a row, a block, several
 * blocks whose parts are joined, columns side by side, several reduced dimensions that do not adjoin.  Every run is
 * done a few times, so that the results are those of a replayed graph.
 */
#include "engine/cuda_harness.h"

static const PtDtype floats[] = {PT_FLOAT32, PT_FLOAT64, PT_FLOAT16, PT_BFLOAT16};
static const PtDtype all_dtypes[] = {PT_FLOAT32, PT_FLOAT64, PT_FLOAT16, PT_BFLOAT16, PT_INT64,
									 PT_INT32,	 PT_INT16,	 PT_INT8,	 PT_UINT8,	  PT_BOOL};

#define COUNT(x) (sizeof(x) / sizeof((x)[0]))

static void
free_all(PtOperand *o, int n)
{
	for (int i = 0; i < n; i++)
		free(o[i].data);
}

/* Does a second run give the same bits? */
static void
check_repeats(const char *name, const Attribute *attrs, int nattrs, PtOperand *in, int nin,
			  const PtOperand *like)
{
	PtError err;
	PtOperand out[2];

	for (int i = 0; i < 2; i++)
	{
		out[i] = new_operand(like->dtype, like->shape.ndim, like->shape.dim);
		CHECK_OK(run_op_cuda(name, attrs, nattrs, in, nin, &out[i], 1, &err), &err);
	}
	CHECK(memcmp(out[0].data, out[1].data, bytes_of(&out[0])) == 0, "%s: bits of two runs", name);
	free_all(out, 2);
}

/* ---------- reductions ---------- */

/* Rounded as the results are, on either device; the order differs, which float64 shows in sums and products. */
static double
relative(PtDtype dtype)
{
	return epsilon(dtype) * 4 + 1e-13;
}

static double
absolute(const char *name, PtDtype dtype, int64_t n)
{
	if (strcmp(name, "sum") != 0)
		return dtype == PT_FLOAT16 ? 0x1p-23 : 0; /* products may be subnormal */
	return (dtype == PT_FLOAT64 ? 1e-15 : 1e-6) * sqrt((double) n) * 3;
}

/* specials: NaN and infinities are strewn in */
static void
check_reduction(const char *name, PtDtype dtype, int ndim, const int64_t *dim, unsigned which,
				bool specials)
{
	int64_t dims[8] = {0}, kept[8] = {0};
	int nreduced = 0, nkept = 0;
	int64_t n = 1, results = 1;
	bool folds = strcmp(name, "sum") == 0 || strcmp(name, "prod") == 0;
	PtDtype to = folds && !pt_dtype_is_float(dtype) ? PT_INT64 : dtype;
	char what[128];
	Attribute attrs[1];
	PtOperand x, out;

	for (int d = 0; d < ndim; d++)
	{
		n *= dim[d];
		if (which & 1u << d)
			dims[nreduced++] = d;
		else
			kept[nkept++] = dim[d], results *= dim[d];
	}
	attrs[0] = (Attribute) INTS_ATTR("dim", nreduced, dims);
	if (nreduced == ndim)
		attrs[0] = (Attribute) NONE_ATTR("dim");
	x = random_operand(dtype, pt_dtype_is_float(dtype) ? 1.3 : 5, ndim, dim);
	for (int i = 0; specials && n > 0 && i < 3; i++)
	{
		static const double odd[] = {NAN, INFINITY, -INFINITY, -0.0};

		pt_element_set_double(dtype, x.data, (size_t) (random_bits() % (uint64_t) n),
							  odd[random_bits() % 4]);
	}
	out = new_operand(to, nkept, kept);
	snprintf(what, sizeof(what), "%s of %s, %lld elements, %lld results, dims %x", name,
			 pt_dtype_name(dtype), (long long) n, (long long) results, which);
	same_on_cuda(name, attrs, 1, &x, 1, &out, 1, relative(to),
				 absolute(name, to, results > 0 ? n / results : 0), what);
	free(x.data);
	free(out.data);
}

typedef struct Shape
{
	int ndim;
	int64_t dim[6];
} Shape;

static void
test_reductions(void)
{
	static const char *const names[] = {"sum", "prod", "amax", "amin"};
	static const Shape shapes[] = {
		{0, {0}},
		{1, {1}},
		{2, {128, 512}},	   /* a bias' gradient */
		{2, {4096, 10}},	   /* few columns, many rows */
		{2, {3000, 12}},	   /* lanes */
		{2, {3, 40000}},	   /* parts of runs */
		{2, {70000, 3}},	   /* parts of columns */
		{2, {2, 3000}},		   /* wide columns of two */
		{2, {20, 1500}},	   /* a block each */
		{1, {66000}},		   /* all */
		{3, {40, 3, 700}},	   /* a batch norm's statistics */
		{3, {9000, 2, 4}},	   /* parts of runs that do not adjoin */
		{4, {1, 6, 1, 8}},	   /* dimensions of size 1 */
		{5, {3, 4, 5, 3, 6}},  /* three reduced dimensions that do not adjoin, and more */
		{5, {33, 2, 20, 3, 9}} /* and in columns */
	};

	for (size_t n = 0; n < COUNT(names); n++)
	{
		for (size_t t = 0; t < COUNT(all_dtypes); t++)
			for (unsigned which = 1; which < 8; which++)
			{
				bool real = pt_dtype_is_float(all_dtypes[t]);

				check_reduction(names[n], all_dtypes[t], 3, (const int64_t[]){5, 7, 9}, which,
								false);
				if (real && n != 1)
					check_reduction(names[n], all_dtypes[t], 3, (const int64_t[]){5, 7, 9}, which,
									true);
			}
		for (size_t s = 0; s < COUNT(shapes) && n != 1; s++)
			for (unsigned which = shapes[s].ndim == 0 ? 0 : 1; which < 1u << shapes[s].ndim;
				 which++)
			{
				PtDtype dtype = all_dtypes[(s + n + which) % 10];

				if (n > 1 && (s + n + which) % 3 != 0)
					continue; /* the way is the same as for sum */
				check_reduction(names[n], PT_FLOAT32, shapes[s].ndim, shapes[s].dim, which,
								n > 1 && which % 2);
				if (dtype != PT_FLOAT32 && which % 2 == 1)
					check_reduction(names[n], dtype, shapes[s].ndim, shapes[s].dim, which, false);
			}
	}
	/* more than there are blocks, so that they loop */
	check_reduction("sum", PT_FLOAT32, 3, (const int64_t[]){4200, 80, 3}, 2, false);
	check_reduction("sum", PT_FLOAT32, 2, (const int64_t[]){17000, 17}, 2, false);
	/* of nothing: 0 and 1; or no results at all */
	for (int n = 0; n < 2; n++)
		for (unsigned which = 1; which < 8; which++)
		{
			check_reduction(names[n], PT_FLOAT32, 3, (const int64_t[]){2, 0, 5}, which, false);
			check_reduction(names[n], PT_INT32, 3, (const int64_t[]){0, 3, 40}, which, false);
			check_reduction(names[n], PT_FLOAT16, 3, (const int64_t[]){3, 40, 0}, which, false);
		}
}

/* Integers wrap, the extremes are themselves, and a bool counts as 1. */
static void
test_integers(void)
{
	PtOperand x = OPERAND(PT_INT64, 3, 1000), y = OPERAND(PT_INT64, 3),
			  small = RANDOM(PT_INT8, 128, 40, 50), sum = OPERAND(PT_INT64, 50);
	PtOperand truths = RANDOM(PT_BOOL, 1, 30000), count = OPERAND(PT_INT64, 1);
	int64_t rows[] = {1}, columns[] = {0};
	Attribute row[] = {INTS_ATTR("dim", 1, rows)}, column[] = {INTS_ATTR("dim", 1, columns)};
	static const char *const names[] = {"sum", "prod", "amax", "amin"};

	count.shape.ndim = 0;
	for (int64_t i = 0; i < numel(&x); i++)
		((int64_t *) x.data)[i] = i % 7 == 0   ? INT64_MAX - i
								  : i % 5 == 0 ? INT64_MIN + i
											   : (int64_t) random_bits();
	for (size_t n = 0; n < COUNT(names); n++)
		same_on_cuda(names[n], row, 1, &x, 1, &y, 1, 0, 0, "int64 that overflow");
	same_on_cuda("sum", column, 1, &small, 1, &sum, 1, 0, 0, "sum of int8");
	memset(truths.data, 1, 15000);
	same_on_cuda("sum", NULL, 0, &truths, 1, &count, 1, 0, 0, "sum of bool");
	free(x.data);
	free(y.data);
	free(small.data);
	free(sum.data);
	free(truths.data);
	free(count.data);
}

/* A sum that cancels: only double accumulators find the 1 that is left. */
static void
test_sum_accuracy(void)
{
	PtError err;
	PtOperand x = OPERAND(PT_FLOAT32, 1 << 16), y = OPERAND(PT_FLOAT32, 1);
	float *v = x.data;

	y.shape.ndim = 0;
	for (int i = 0; i < 1 << 16; i++)
		v[i] = i % 2 ? -1e7f : 1e7f;
	v[77] += 1;
	CHECK_OK(run_op_cuda("sum", NULL, 0, &x, 1, &y, 1, &err), &err);
	CHECK_CLOSE(at(&y, 0), 1, 0, 0);
	for (int i = 0; i < 1 << 16; i++)
		v[i] = 0.1f;
	CHECK_OK(run_op_cuda("sum", NULL, 0, &x, 1, &y, 1, &err), &err);
	CHECK_CLOSE(at(&y, 0), (double) 0.1f * (1 << 16), 1e-7, 0);
	free(x.data);
	free(y.data);
}

static void
test_repeats(void)
{
	PtOperand x = RANDOM(PT_FLOAT32, 1, 70000, 3), sums = OPERAND(PT_FLOAT32, 3),
			  sum = OPERAND(PT_FLOAT32, 1), y = OPERAND(PT_FLOAT32, 70000, 3);
	int64_t dims[] = {0};
	Attribute dim[] = {INTS_ATTR("dim", 1, dims)}, last[] = {INT_ATTR("dim", 1)},
			  first[] = {INT_ATTR("dim", 0)};

	sum.shape.ndim = 0;
	check_repeats("sum", dim, 1, &x, 1, &sums);
	check_repeats("sum", NULL, 0, &x, 1, &sum);
	check_repeats("softmax", last, 1, &x, 1, &y);
	check_repeats("log_softmax", first, 1, &x, 1, &y);
	free(x.data);
	free(sums.data);
	free(sum.data);
	free(y.data);
}

/* ---------- argmax, argmin ---------- */

static void
check_arg(PtDtype dtype, const int64_t *dim, int d, bool max, double scale, int nans)
{
	PtOperand x = random_operand(dtype, scale, 3, dim), out;
	Attribute attrs[1] = {INT_ATTR("dim", d)};
	int64_t kept[2] = {d == 0 ? dim[1] : dim[0], d == 2 ? dim[1] : dim[2]};
	char what[96];

	if (d == 3)
		attrs[0] = (Attribute) NONE_ATTR("dim");
	for (int i = 0; i < nans && pt_dtype_is_float(dtype); i++)
		pt_element_set_double(dtype, x.data, (size_t) (random_bits() % (uint64_t) numel(&x)), NAN);
	out = new_operand(PT_INT64, d == 3 ? 0 : 2, kept);
	snprintf(what, sizeof(what), "%s of %s %lldx%lldx%lld, dim %d", max ? "argmax" : "argmin",
			 pt_dtype_name(dtype), (long long) dim[0], (long long) dim[1], (long long) dim[2], d);
	same_on_cuda(max ? "argmax" : "argmin", attrs, 1, &x, 1, &out, 1, 0, 0, what);
	free(x.data);
	free(out.data);
}

static void
test_arg(void)
{
	static const int64_t shapes[][3] = {{1, 1, 1},	{5, 10, 1},	   {200, 10, 1},  {3, 900, 1},
										{4, 33, 5}, {2, 30000, 1}, {1, 40000, 3}, {7, 2, 300}};

	for (size_t s = 0; s < COUNT(shapes); s++)
		for (int d = 0; d < 4; d++)
			for (size_t t = 0; t < 9; t++)
			{
				bool max = (s + (size_t) d + t) % 2;
				int64_t n = shapes[s][0] * shapes[s][1] * shapes[s][2];

				if (n > 10000 && t % 4 != 0)
					continue;
				/* few values, many ties */
				check_arg(all_dtypes[t], shapes[s], d, max, 3, 0);
				if (pt_dtype_is_float(all_dtypes[t]))
				{
					check_arg(all_dtypes[t], shapes[s], d, !max, 100, 0);
					check_arg(all_dtypes[t], shapes[s], d, max, 100, 3);
				}
			}
}

/* Equals and NaN in the parts of one result: the first is found. */
static void
test_arg_first(void)
{
	PtError err;
	PtOperand x = OPERAND(PT_FLOAT32, 50000), out = OPERAND(PT_INT64, 1);
	float *v = x.data;
	int64_t *found = out.data;

	out.shape.ndim = 0;
	memset(v, 0, bytes_of(&x));
	for (int max = 0; max < 2; max++)
	{
		const char *name = max ? "argmax" : "argmin";

		v[7] = 0;
		CHECK_OK(run_op_cuda(name, NULL, 0, &x, 1, &out, 1, &err), &err);
		CHECK(*found == 0, "%s of equals is %lld", name, (long long) *found);
		v[30001] = v[49999] = v[20002] = max ? 1 : -1;
		CHECK_OK(run_op_cuda(name, NULL, 0, &x, 1, &out, 1, &err), &err);
		CHECK(*found == 20002, "%s is %lld", name, (long long) *found);
		v[49998] = v[40000] = NAN;
		v[10] = max ? INFINITY : -INFINITY;
		CHECK_OK(run_op_cuda(name, NULL, 0, &x, 1, &out, 1, &err), &err);
		CHECK(*found == 40000, "%s with NaN is %lld", name, (long long) *found);
		memset(v, 0, bytes_of(&x));
	}
	free(x.data);
	free(out.data);
}

/* ---------- softmax, cross entropy ---------- */

/* specials: rows of -inf alone, with an infinity, with NaN */
static void
check_softmax(PtDtype dtype, const int64_t *dim, int d, bool logarithm, bool specials)
{
	Attribute attrs[] = {INT_ATTR("dim", d)};
	PtOperand x = random_operand(dtype, 20, 3, dim), y = new_operand(dtype, 3, dim);
	double eps = epsilon(dtype);
	char what[96];

	if (specials)
		for (int64_t i = 0; i < numel(&x); i++)
		{
			int64_t row = i / dim[2] / dim[1];
			double v = row % 4 == 0								? -INFINITY
					   : row % 4 == 1 && random_bits() % 2		? -INFINITY
					   : row % 4 == 2 && i % dim[1] == 0		? INFINITY
					   : row % 4 == 3 && random_bits() % 9 == 0 ? NAN
																: at(&x, i);

			pt_element_set_double(dtype, x.data, (size_t) i, v);
		}
	snprintf(what, sizeof(what), "%s of %s %lldx%lldx%lld, dim %d%s",
			 logarithm ? "log_softmax" : "softmax", pt_dtype_name(dtype), (long long) dim[0],
			 (long long) dim[1], (long long) dim[2], d, specials ? ", with infinities" : "");
	same_on_cuda(logarithm ? "log_softmax" : "softmax", attrs, 1, &x, 1, &y, 1, eps * 8,
				 dtype == PT_FLOAT64   ? 1e-13
				 : logarithm		   ? 4e-6
				 : dtype == PT_FLOAT16 ? 0x1p-23
									   : 1e-7,
				 what);
	free(x.data);
	free(y.data);
}

static void
test_softmax(void)
{
	/* lanes holding 1 to 32 elements, blocks, and rows side by side */
	static const int64_t shapes[][3] = {{1, 1, 1},	 {3, 10, 1},   {70, 10, 1},	 {130, 2, 1},
										{9, 33, 1},	 {5, 100, 1},  {4, 130, 1},	 {3, 300, 1},
										{2, 513, 1}, {2, 1024, 1}, {2, 1025, 1}, {5, 3000, 1},
										{4, 33, 5},	 {2, 600, 3},  {3, 7, 100},	 {1, 20000, 1},
										{6, 1, 9},	 {0, 3, 2},	   {3, 0, 2}};

	for (size_t s = 0; s < COUNT(shapes); s++)
		for (size_t t = 0; t < COUNT(floats); t++)
			for (int logarithm = 0; logarithm < 2; logarithm++)
			{
				if (t > 1 && shapes[s][1] > 5000)
					continue;
				check_softmax(floats[t], shapes[s], 1, logarithm, false);
				if (t < 2)
					check_softmax(floats[t], shapes[s], 1, logarithm, true);
				if (shapes[s][0] < 10)
					check_softmax(floats[t], shapes[s], (int) (s + t) % 3, logarithm, false);
			}
	/* more than there are blocks, so that they loop */
	check_softmax(PT_FLOAT32, (const int64_t[]){4200, 80, 3}, 1, false, false);
	check_softmax(PT_FLOAT32, (const int64_t[]){9000, 17, 1}, 1, true, true);
}

static void
check_cross_entropy(PtDtype dtype, int64_t n, int64_t c, bool specials)
{
	PtOperand in[4] = {RANDOM(dtype, 20, n, c), OPERAND(PT_INT64, n), OPERAND(dtype, n),
					   RANDOM(dtype, 1, n)},
			  out[2] = {OPERAND(dtype, n), OPERAND(dtype, n)}, grad = OPERAND(dtype, n, c);
	double eps = epsilon(dtype), abs = dtype == PT_FLOAT64 ? 1e-13 : 8e-6;
	/* a softmax less 1 has lost digits; then float16 has subnormals */
	double grad_abs = dtype == PT_FLOAT64 ? 1e-15 : dtype == PT_FLOAT16 ? 0x1p-22 : 1e-6;
	char what[96];

	for (int64_t i = 0; i < n && c > 0; i++)
		((int64_t *) in[1].data)[i] = (int64_t) (random_bits() % (uint64_t) c);
	for (int64_t i = 0; specials && i < n * c; i++)
		if (random_bits() % 16 == 0)
			pt_element_set_double(dtype, in[0].data, (size_t) i,
								  random_bits() % 8	  ? -INFINITY
								  : random_bits() % 2 ? INFINITY
													  : NAN);
	snprintf(what, sizeof(what), "cross entropy of %s %lldx%lld%s", pt_dtype_name(dtype),
			 (long long) n, (long long) c, specials ? ", with infinities" : "");
	/* what is not written for want of classes */
	memset(out[0].data, 0, bytes_of(&out[0]));
	memset(out[1].data, 0, bytes_of(&out[1]));
	same_on_cuda("cross_entropy", NULL, 0, in, 2, out, 2, eps * 4, abs, what);
	memcpy(in[2].data, out[1].data, bytes_of(&out[1]));
	same_on_cuda("cross_entropy_backward", NULL, 0, in, 4, &grad, 1, eps * 4, grad_abs, what);
	free_all(in, 4);
	free_all(out, 2);
	free(grad.data);
}

/* Both devices say the same of classes that do not exist: the first of them, by row and value. */
static void
check_bad_targets(int64_t n, int64_t c)
{
	PtError cpu, cuda;
	PtOperand in[4] = {RANDOM(PT_FLOAT32, 1, n, c), OPERAND(PT_INT64, n), RANDOM(PT_FLOAT32, 1, n),
					   RANDOM(PT_FLOAT32, 1, n)},
			  out[2] = {OPERAND(PT_FLOAT32, n), OPERAND(PT_FLOAT32, n)},
			  grad = OPERAND(PT_FLOAT32, n, c);
	int64_t *target = in[1].data;

	for (int kind = 0; kind < 5; kind++)
	{
		for (int64_t i = 0; i < n; i++)
			target[i] = kind == 4 ? c + i : i % c;
		target[n - 1] = c;
		target[n / 2] = kind == 0 ? -1 : kind == 1 ? c : kind == 2 ? INT64_MIN : INT64_MAX;
		for (int backward = 0; backward < 2; backward++)
		{
			const char *name = backward ? "cross_entropy_backward" : "cross_entropy";
			PtOperand *to = backward ? &grad : out;
			int nin = backward ? 4 : 2, nout = backward ? 1 : 2;

			memset(&cpu, 0, sizeof(cpu));
			memset(&cuda, 0, sizeof(cuda));
			CHECK(!run_op(cuda_cpu, name, NULL, 0, in, nin, to, nout, &cpu), "%s", name);
			CHECK(!run_op_cuda(name, NULL, 0, in, nin, to, nout, &cuda), "%s", name);
			CHECK(cpu.code == cuda.code && strcmp(cpu.message, cuda.message) == 0 &&
					  strcmp(cpu.detail, cuda.detail) == 0,
				  "%s: \"%s\" \"%s\", wanted \"%s\" \"%s\"", name, cuda.message, cuda.detail,
				  cpu.message, cpu.detail);
		}
	}
	free_all(in, 4);
	free_all(out, 2);
	free(grad.data);
	/* the device goes on */
	check_cross_entropy(PT_FLOAT32, n, c, false);
}

static void
test_cross_entropy(void)
{
	static const int64_t shapes[][2] = {{1, 1},	   {5, 10},	  {128, 10}, {700, 100}, {3, 700},
										{4, 1024}, {3, 2000}, {300, 2},	 {0, 7},	 {7, 0}};

	for (size_t s = 0; s < COUNT(shapes); s++)
		for (size_t t = 0; t < COUNT(floats); t++)
		{
			check_cross_entropy(floats[t], shapes[s][0], shapes[s][1], false);
			if (t < 2)
				check_cross_entropy(floats[t], shapes[s][0], shapes[s][1], true);
		}
	check_bad_targets(130, 10);
	check_bad_targets(3, 1500);
}

/* Rows of integers have no softmax. */
static void
test_dtypes(void)
{
	PtError err = {0};
	PtOperand x = RANDOM(PT_INT32, 9, 4, 5), y = OPERAND(PT_INT32, 4, 5);
	Attribute dim[] = {INT_ATTR("dim", 1)};

	CHECK(!run_op_cuda("softmax", dim, 1, &x, 1, &y, 1, &err) && err.code == PT_EUNSUPPORTED &&
			  strstr(err.message, "int32") != NULL,
		  "softmax of int32: %s", err.message);
	free(x.data);
	free(y.data);
}

/* Operands that begin anywhere: rows of a larger array. */
static void
test_alignment(void)
{
	PtOperand all = RANDOM(PT_FLOAT32, 3, 21, 1001), x = all, y = OPERAND(PT_FLOAT32, 1001),
			  p = OPERAND(PT_FLOAT32, 20, 1001);
	int64_t dims[] = {0};
	Attribute rows[] = {INTS_ATTR("dim", 1, dims)}, dim[] = {INT_ATTR("dim", 1)};

	x.shape.dim[0] = 20;
	x.data = (float *) all.data + 1001;
	same_on_cuda("sum", rows, 1, &x, 1, &y, 1, 1e-6, 5e-6, "sum of what begins anywhere");
	same_on_cuda("softmax", dim, 1, &x, 1, &p, 1, 1e-6, 1e-7, "softmax of what begins anywhere");
	free(all.data);
	free(y.data);
	free(p.data);
}

int
main(void)
{
	if (!cuda_open(NULL))
		return cuda_skipped();
	cuda_repeat = 2; /* the second one is the graph */
	test_sum_accuracy();
	test_integers();
	test_reductions();
	test_repeats();
	test_arg();
	test_arg_first();
	test_softmax();
	test_cross_entropy();
	test_dtypes();
	test_alignment();
	cuda_close();
	return check_done();
}
