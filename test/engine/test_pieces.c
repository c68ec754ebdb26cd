/*
 * test_pieces.c
 *	  Graphs in pieces, and ops with several results: shapes that depend on data, in the middle of an expression, in a
 *	  row, feeding others; lists; forms of one name.  Against PyTorch (test/golden/results.txt) and by hand.
 */
#include "engine/golden.h"
#include "engine/graph_harness.h"
#include "engine/plan/pieces.h"

#define MOST 16

static PtDevice *dev;

/* An expression over a and b, built again for every piece. */
typedef struct Run
{
	const char *text;
	PtTensor in[2];
	int nin;
	bool gradient; /* of the sum of all floats among the results, with respect to a */
	const PtPlanOptions *options;
	int64_t budget_ns;

	Case c; /* the last graph */
	bool several;
	int nout, out[MOST], grad; /* externals; grad -1 if there is none */
	int reads, more;
	PtError err;
} Run;

/* Adds what is computed to the graph; its failures are the graph's. */
static void
build(Run *r)
{
	PtGraph *g = r->c.g;
	static const char *const names[] = {"a", "b"};
	PtVar vars[2];
	PtRef refs[MOST], sum = PT_NO_REF, grad;
	PtArena *scratch = pt_arena_new();
	PtExpr *e = pt_expr_parse(scratch, r->text, &g->error);
	PtValue v, one;

	for (int i = 0; i < r->nin; i++)
	{
		case_external(&r->c, r->in[i].dtype, &r->in[i].shape);
		memcpy(r->c.initial[i], r->in[i].data, case_bytes(&r->c, i));
		vars[i] = (PtVar){names[i], r->c.ext[i]};
	}
	r->nout = 0;
	r->grad = -1;
	if (e != NULL && pt_expr_build_with(g, e, r->text, vars, r->nin, NULL, &v))
	{
		r->several = v.kind == PT_VALUE_TUPLE;
		while (r->nout < (r->several ? v.count : 1) && r->nout < MOST)
		{
			one = v;
			pt_value_element(&v, r->nout, &one);
			refs[r->nout++] = pt_value_ref(g, &one);
		}
	}
	for (int i = 0; i < r->nout && r->gradient; i++)
		if (pt_dtype_is_float(pt_value(g, refs[i])->dtype))
		{
			PtRef s = pt_sum(g, refs[i], NULL, 0, false);

			sum = sum == PT_NO_REF ? s : pt_add(g, sum, s);
		}
	for (int i = 0; i < r->nout; i++)
		r->out[i] = case_output(&r->c, refs[i]);
	if (sum != PT_NO_REF && pt_gradient(g, sum, &r->c.ext[0], 1, &grad) && grad != PT_NO_REF)
		r->grad = case_output(&r->c, grad);
	pt_arena_free(scratch);
}

static bool
run(Run *r)
{
	PtPieces *p = pt_pieces_new(dev, r->options, &r->err);
	bool last = false;

	r->more = 0;
	r->err.code = PT_OK;
	while (!last && r->err.code == PT_OK)
	{
		PtPlan *plan;

		case_begin(&r->c);
		pt_pieces_attach(p, r->c.g);
		build(r);
		plan = pt_pieces_compile(p, r->c.g, &last, &r->err);
		for (int i = 0; plan != NULL && i < r->c.n; i++)
		{
			memcpy(r->c.data[i], r->c.initial[i], case_bytes(&r->c, i));
			pt_plan_bind(plan, r->c.ext[i], r->c.data[i]);
		}
		if (plan != NULL &&
			run_all(plan, 1, r->budget_ns > 0 ? r->budget_ns : INT64_MAX, &r->more, &r->err) &&
			!last)
			pt_pieces_read(p, &r->err);
		pt_plan_free(plan);
		if (!last)
			case_end(&r->c);
		else if (plan == NULL || r->err.code != PT_OK)
		{
			case_end(&r->c);
			break;
		}
	}
	r->reads = pt_pieces_reads(p);
	pt_pieces_free(p);
	return r->err.code == PT_OK;
}

/* ---------- by hand ---------- */

/* Over a float32 tensor: the numbers of runs for sizes, and the result. */
static void
check_values(const char *text, const PtShape *shape, const float *a, int reads,
			 const PtShape *wanted, const double *values)
{
	Run r = {.text = text,
			 .in = {{PT_FLOAT32, *shape, (void *) a}},
			 .nin = 1,
			 .options = &(PtPlanOptions){.poison = true}};
	char buf[PT_SHAPE_TEXT];

	if (!CHECK(run(&r), "%s: %s", text, r.err.message))
		return;
	CHECK(r.reads == reads, "%s: %d reads, wanted %d", text, r.reads, reads);
	if (CHECK(pt_shape_equal(&pt_value(r.c.g, r.c.ext[r.out[0]])->shape, wanted), "%s: %s", text,
			  pt_shape_print(&pt_value(r.c.g, r.c.ext[r.out[0]])->shape, buf)))
		for (int64_t i = 0; i < pt_shape_numel(wanted); i++)
			CHECK(case_get(&r.c, r.out[0], i) == values[i], "%s: [%lld] is %g, wanted %g", text,
				  (long long) i, case_get(&r.c, r.out[0], i), values[i]);
	case_end(&r.c);
}

static void
test_expressions(void)
{
	static const float a[] = {0, 2, 0, -1, 2, NAN};

	/* nothing to read: one piece */
	check_values("a[1:2] + 1", SHAPE(6), a, 0, SHAPE(1), (double[]){3});
	check_values("linspace(False, True, 3)", SHAPE(6), a, 0, SHAPE(3), (double[]){0, 0.5, 1});
	check_values("where(a > 0, zeros([1], dtype=uint8), -255)", SHAPE(2), a, 0, SHAPE(2),
				 (double[]){1, 0});
	/* the ends of integers are integers first, as in PyTorch */
	check_values("linspace(0.9, 10.9, 5, dtype=int64)", SHAPE(6), a, 0, SHAPE(5),
				 (double[]){0, 2, 5, 7, 10});
	/* at the end, in the middle, of a computed value */
	check_values("nonzero(a)", SHAPE(6), a, 1, SHAPE(4, 1), (double[]){1, 3, 4, 5});
	check_values("nonzero(a)", SHAPE(2, 3), a, 1, SHAPE(4, 2), (double[]){0, 1, 1, 0, 1, 1, 1, 2});
	check_values("sum(nonzero(a * 2 > 0)) * 10", SHAPE(6), a, 1, SCALAR, (double[]){50});
	/* in a row: what the second sees is the first's result */
	check_values("nonzero(nonzero(a))", SHAPE(2, 3), a, 2, SHAPE(6, 2),
				 (double[]){0, 1, 1, 0, 2, 0, 2, 1, 3, 0, 3, 1});
	check_values("nonzero(nonzero(nonzero(a) - 1))", SHAPE(6), a, 3, SHAPE(3, 2),
				 (double[]){0, 0, 1, 0, 2, 0});
	check_values("unique(nonzero(a))", SHAPE(2, 3), a, 2, SHAPE(3), (double[]){0, 1, 2});
	/* beside each other, and both used; what was there before is used after */
	check_values("sum(nonzero(a > 0)) - sum(nonzero(a < 0)) + a[1]", SHAPE(6), a, 2, SCALAR,
				 (double[]){1 + 4 - 3 + 2});
	/* of nothing */
	check_values("nonzero(a > 99)", SHAPE(2, 3), a, 1, SHAPE(0, 2), NULL);
	check_values("nonzero(nonzero(a > 99))", SHAPE(6), a, 2, SHAPE(0, 2), NULL);
	check_values("sum(nonzero(a > 99))", SHAPE(6), a, 1, SCALAR, (double[]){0});
	/* several results, by place and by name */
	check_values("unique(a[:5], return_counts=True)[1]", SHAPE(6), a, 1, SHAPE(3),
				 (double[]){1, 2, 2});
	check_values("unique(a[:5], return_counts=True).counts", SHAPE(6), a, 1, SHAPE(3),
				 (double[]){1, 2, 2});
	check_values("sum(stack(unbind(a[:4])))", SHAPE(6), a, 0, SCALAR, (double[]){1});
}

/* A gradient goes past what depends on data, and is cut off where a size comes from. */
static void
test_gradient(void)
{
	static const float a[] = {0, 2, 0, -1};
	Run r = {.text = "sum(a * a) * sum(nonzero(a))",
			 .in = {{PT_FLOAT32, {1, {4}}, (void *) a}},
			 .nin = 1,
			 .gradient = true};

	if (!CHECK(run(&r), "%s", r.err.message))
		return;
	for (int i = 0; CHECK(r.grad >= 0, "no gradient") && i < 4; i++)
		CHECK(case_get(&r.c, r.grad, i) == 2 * a[i] * 4, "gradient %d is %g", i,
			  case_get(&r.c, r.grad, i));
	case_end(&r.c);
}

/* Who may not read says so by the op's name; so does a plan without room for what is kept. */
static void
test_refusals(void)
{
	static const char *const texts[] = {"nonzero(a)", "sum(unique(a))"};
	static const char *const ops[] = {"nonzero", "unique"};
	static float a[4096];
	PtError err;
	Run r = {.text = "nonzero(a + 1)",
			 .in = {{PT_FLOAT32, {1, {4096}}, a}},
			 .nin = 1,
			 .options = &(PtPlanOptions){.max_bytes = 4096}};

	for (int i = 0; i < 2; i++)
	{
		PtGraph *g = pt_graph_new(&err);
		PtVar var = {"a", pt_external(g, "a", PT_FLOAT32, SHAPE(4))};

		CHECK(pt_expr_text(g, texts[i], &var, 1) == PT_NO_REF && g->error.code == PT_EUNSUPPORTED &&
				  strstr(g->error.message, ops[i]) != NULL,
			  "%s: %s", texts[i], g->error.message);
		pt_graph_free(g);
	}
	CHECK(!run(&r) && r.err.code == PT_ELIMIT && strstr(r.err.hint, "max_memory") != NULL,
		  "without memory: %s", r.err.message);
}

/* Where no form fits, the error is of the nearest one, and all are named; sizes and lists say what they take. */
static void
test_messages(void)
{
	static const struct
	{
		const char *text, *message, *hint;
	} cases[] = {
		{"max(a, 'x')", "argument \"dim\" of max must be an integer, not a string",
		 "Write max(input), max(input, dim, keepdim) or max(input, other)."},
		{"max(a, keepdim=True)", "max is missing the argument \"dim\"",
		 "Write max(input), max(input, dim, keepdim) or max(input, other)."},
		{"max(a, 0, False, 1)", "max takes at most 1 argument, not 4",
		 "Write max(input), max(input, dim, keepdim) or max(input, other)."},
		{"max(a, 1.5)", "argument \"other\" of max must be a tensor, not a number", ""},
		{"max(a, dum=1)", "max has no argument \"dum\"",
		 "Write max(input), max(input, dim, keepdim) or max(input, other)."},
		{"maxx(a)", "function \"maxx\" at character 1 does not exist",
		 "Perhaps you meant \"max\"."},
		{"max(a, 0) + 1", "operator + does not take the several results of max",
		 "Write max(...).values."},
		{"unbind(a) + 1", "operator + does not take the several results of unbind", ""},
		{"arange('x')", "argument \"start\" of arange must be a number, not a string",
		 "Write arange(start, end, step, dtype) or arange(end, dtype)."},
		{"zeros(2, 'x')",
		 "argument \"size\" of zeros must be integers or one list, not a string too", ""},
		{"zeros([2], 3)",
		 "argument \"size\" of zeros must be integers or one list, not a list of integers too", ""},
		{"zeros(2.5)",
		 "argument \"size\" of zeros must be integers or a list of integers, not a float", ""},
		{"where(a > 0, zeros([1], dtype=uint8), -256)",
		 "where: value -256 is out of range for dtype uint8", ""},
		{"rand(2)", "rand cannot be part of an expression: it is random", ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		PtError err;
		PtGraph *g = pt_graph_new(&err);
		PtVar var = {"a", pt_external(g, "a", PT_FLOAT32, SHAPE(2, 3))};

		CHECK(pt_expr_text(g, cases[i].text, &var, 1) == PT_NO_REF &&
				  strcmp(g->error.message, cases[i].message) == 0 &&
				  strcmp(g->error.hint, cases[i].hint) == 0,
			  "%s: %s [%s]", cases[i].text, g->error.message, g->error.hint);
		pt_graph_free(g);
	}
}

/* So many sizes one expression may read, and a list so many operations. */
static void
test_limits(void)
{
	static char text[1 << 14];
	static float a[4];
	Run r = {.text = text, .in = {{PT_FLOAT32, {1, {4}}, a}}, .nin = 1};

	for (int i = 0; i <= PT_MAX_READS; i++)
		strcat(text, i == 0 ? "sum(nonzero(a))" : "+sum(nonzero(a))");
	CHECK(!run(&r) && r.err.code == PT_ELIMIT && r.reads == PT_MAX_READS, "%d reads: %s", r.reads,
		  r.err.message);
	strcpy(text, "0");
	for (int i = 0; i < 110; i++)
		strcat(text, "+sum(unbind(zeros(1024))[0])");
	CHECK(!run(&r) && r.err.code == PT_ELIMIT, "lists: %s", r.err.message);
}

/* Long runs return within their budget, and know where they were. */
static void
test_budget(void)
{
	enum
	{
		N = 300000
	};
	static int32_t a[N];
	Run r = {.text = "unique(a, True, True, True)",
			 .in = {{PT_INT32, {1, {N}}, a}},
			 .nin = 1,
			 .budget_ns = 1000000};
	int64_t count, total = 0;

	for (int i = 0; i < N; i++)
		a[i] = (int32_t) ((uint32_t) i * 2654435761u >> 12) % 100003;
	if (!CHECK(run(&r), "%s", r.err.message))
		return;
	CHECK(r.more >= 3, "returned %d times", r.more);
	count = case_numel(&r.c, r.out[0]);
	for (int64_t i = 0; i < count; i++)
	{
		total += (int64_t) case_get(&r.c, r.out[2], i);
		if (!CHECK(i == 0 || case_get(&r.c, r.out[0], i - 1) < case_get(&r.c, r.out[0], i),
				   "element %lld is out of order", (long long) i))
			break;
	}
	CHECK(total == N, "counts of %lld", (long long) total);
	for (int i = 0; i < N; i++)
		if (!CHECK(case_get(&r.c, r.out[0], (int64_t) case_get(&r.c, r.out[1], i)) == a[i],
				   "element %d is not where the inverse says", i))
			break;
	case_end(&r.c);
}

/* How many of the rows [x, y, 0] and [x, z, 0] there are; each of one element. */
static void
check_rows(PtDtype dtype, double x, const void *y, const void *z, int64_t count, const char *what)
{
	size_t size = pt_dtype_size(dtype);
	char a[6 * 8] = {0};
	Run r = {.text = "unique(a, dim=0)", .in = {{dtype, {2, {2, 3}}, a}}, .nin = 1};

	pt_element_set_double(dtype, a, 0, x);
	pt_element_set_double(dtype, a, 3, x);
	memcpy(a + size, y, size);
	memcpy(a + 4 * size, z, size);
	if (!CHECK(run(&r), "%s", r.err.message))
		return;
	CHECK(case_numel(&r.c, r.out[0]) == 3 * count, "%s, %s: %lld rows", pt_dtype_name(dtype), what,
		  (long long) case_numel(&r.c, r.out[0]) / 3);
	case_end(&r.c);
}

/* Every bit tells rows apart but the sign of zero; with NaN, wherever it is, none is like another. */
static void
test_rows(void)
{
	for (int d = 0; d < PT_NDTYPE; d++)
	{
		bool real = pt_dtype_is_float((PtDtype) d);
		char sign[8] = {0}, zero[8] = {0}, number[8];

		sign[pt_dtype_size((PtDtype) d) - 1] = d == PT_BOOL ? 1 : (char) 0x80;
		check_rows((PtDtype) d, 1, sign, zero, real ? 1 : 2, "the highest bit");
		check_rows((PtDtype) d, 1, sign, sign, 1, "the same");
		if (!real)
			continue;
		pt_element_set_double((PtDtype) d, number, 0, NAN);
		check_rows((PtDtype) d, 1, number, number, 2, "NaN");
		check_rows((PtDtype) d, NAN, zero, zero, 2, "NaN first");
		pt_element_set_double((PtDtype) d, number, 0, INFINITY);
		check_rows((PtDtype) d, 1, number, number, 1, "infinity");
		pt_element_set_double((PtDtype) d, number, 0, -INFINITY);
		check_rows((PtDtype) d, 1, number, number, 1, "minus infinity");
	}
}

/* ---------- against PyTorch ---------- */

/* Of what is computed rather than chosen. */
static double
tolerance(PtDtype dtype)
{
	return dtype == PT_FLOAT64	 ? 1e-14
		   : dtype == PT_FLOAT32 ? 1e-6
		   : dtype == PT_FLOAT16 ? 1e-3
								 : 8e-3;
}

static void
compare(const Run *r, int at, const PtTensor *want, const char *what, bool close)
{
	const PtGraphValue *v = pt_value(r->c.g, r->c.ext[at]);
	bool signs = strncmp(r->text, "unique", 6) == 0;
	char a[PT_SHAPE_TEXT], b[PT_SHAPE_TEXT];

	if (!CHECK(v->dtype == want->dtype && pt_shape_equal(&v->shape, &want->shape),
			   "%s: %s is %s%s, wanted %s%s", r->text, what, pt_dtype_name(v->dtype),
			   pt_shape_print(&v->shape, a), pt_dtype_name(want->dtype),
			   pt_shape_print(&want->shape, b)))
		return;
	for (size_t i = 0; i < (size_t) pt_shape_numel(&want->shape); i++)
	{
		double x = pt_element_get_double(v->dtype, r->c.data[at], i);
		double y = pt_element_get_double(want->dtype, want->data, i);
		bool ok = pt_dtype_is_float(want->dtype)
					  ? (close || strncmp(r->text, "linspace", 8) == 0
							 ? check_close(x, y, tolerance(want->dtype), 0)
							 : x == y || (isnan(x) && isnan(y))) &&
							(!signs || isnan(y) || signbit(x) == signbit(y))
					  : pt_element_get_int64(v->dtype, r->c.data[at], i) ==
							pt_element_get_int64(want->dtype, want->data, i);

		if (!CHECK(ok, "%s: %s[%zu] of %s%s is %g, wanted %g", r->text, what, i,
				   pt_dtype_name(want->dtype), pt_shape_print(&want->shape, a), x, y))
			return;
	}
}

static void
test_case(Golden *f)
{
	Run r = {.text = f->name, .gradient = true, .options = &(PtPlanOptions){.poison = true}};
	const char *refused = golden_text(f, "error"), *count = golden_text(f, "count");
	PtTensor want;
	char key[32];

	r.nin = golden_tensor(f, "a", &r.in[0]) + golden_tensor(f, "b", &r.in[1]);
	if (!run(&r))
	{
		CHECK(refused != NULL, "%s (%s): %s", f->name, pt_dtype_name(r.in[0].dtype), r.err.message);
		return;
	}
	CHECK(refused == NULL, "%s (%s) is not refused: %s", f->name, pt_dtype_name(r.in[0].dtype),
		  refused);
	if (refused == NULL &&
		CHECK(r.several == (count != NULL) && r.nout == (r.several ? atoi(count) : 1),
			  "%s: %d results, wanted %s", f->name, r.nout, count ? count : "one"))
	{
		for (int i = 0; i < r.nout; i++)
		{
			snprintf(key, sizeof(key), r.several ? "want/%d" : "want", i);
			if (CHECK(golden_tensor(f, key, &want), "%s: no %s", f->name, key))
				compare(&r, r.out[i], &want, key, false);
		}
		if (golden_tensor(f, "grad/a", &want) && CHECK(r.grad >= 0, "%s: no gradient", f->name))
			compare(&r, r.grad, &want, "grad/a", true);
	}
	case_end(&r.c);
}

int
main(void)
{
	Golden f;

	dev = open_device(1);
	/* a GPU has no kernels of these ops, and in a session always a host */
	if (dev->type != &pt_cpu_device && dev->host == NULL)
		test_on_host(dev, "");
	test_expressions();
	test_gradient();
	test_refusals();
	test_messages();
	test_limits();
	test_budget();
	test_rows();
	if (golden_open(&f, "test/golden/results.txt"))
	{
		while (golden_case(&f))
			test_case(&f);
		golden_close(&f);
	}
	dev->type->close(dev);
	return check_done();
}
