/*
 * test_ops.c
 *	  Ops against PyTorch at special values, in all dtypes, at odd shapes and arguments (test/golden/ops.txt).
 *
 * A case is an expression over a, b, c: its result and gradients, or that it is refused.  Floats may differ by
 * rounding; NaN, infinities, integers, dtypes, shapes and the sign of a negative zero may not.
 */
#include "engine/golden.h"
#include "engine/graph_harness.h"

static PtDevice *dev;

/* How far a result may be off, as part of the largest number in it. */
static double
tolerance(PtDtype dtype)
{
	switch (dtype)
	{
		case PT_FLOAT64:
			return 1e-12;
		case PT_FLOAT16:
			return 2e-3;
		case PT_BFLOAT16:
			return 2e-2;
		default:
			return pt_dtype_is_float(dtype) ? 3e-6 : 0;
	}
}

static void
compare(Case *c, int at, const PtTensor *want, const char *name, const char *what)
{
	const PtGraphValue *v = pt_value(c->g, c->ext[at]);
	char a[PT_SHAPE_TEXT], b[PT_SHAPE_TEXT];
	double rel = tolerance(want->dtype);
	/* sums cancel */
	bool sums = strchr(name, '@') != NULL || strstr(name, "linear") != NULL ||
				strstr(name, "softmax") != NULL;
	double least = sums ? 1e-6 : 1e-30;

	if (!CHECK(v->dtype == want->dtype && pt_shape_equal(&v->shape, &want->shape),
			   "%s: %s is %s%s, wanted %s%s", name, what, pt_dtype_name(v->dtype),
			   pt_shape_print(&v->shape, a), pt_dtype_name(want->dtype),
			   pt_shape_print(&want->shape, b)))
		return;
	for (size_t i = 0; i < (size_t) pt_shape_numel(&want->shape); i++)
	{
		char got_text[PT_ELEMENT_TEXT], want_text[PT_ELEMENT_TEXT];
		double x = pt_element_get_double(v->dtype, c->data[at], i);
		double y = pt_element_get_double(want->dtype, want->data, i);
		bool ok = pt_dtype_is_float(want->dtype)
					  ? check_close(x, y, rel, least) && (y != 0 || !signbit(y) || signbit(x))
					  : pt_element_get_int64(v->dtype, c->data[at], i) ==
							pt_element_get_int64(want->dtype, want->data, i);

		pt_element_print(v->dtype, c->data[at], i, got_text);
		pt_element_print(want->dtype, want->data, i, want_text);
		if (!CHECK(ok, "%s: %s[%zu] of %s%s is %s, wanted %s", name, what, i,
				   pt_dtype_name(want->dtype), pt_shape_print(&want->shape, a), got_text,
				   want_text))
			return;
	}
}

static bool
all_zero(const PtTensor *t)
{
	for (size_t i = 0; i < (size_t) pt_shape_numel(&t->shape); i++)
		if (pt_element_get_double(t->dtype, t->data, i) != 0)
			return false;
	return true;
}

static void
test_case(Golden *f)
{
	static const char *const names[] = {"a", "b", "c"};
	static const char *const grads[] = {"grad/a", "grad/b", "grad/c"};
	Case c;
	PtVar vars[3];
	PtRef wrt[3], grad[3], y, total;
	int nwrt = 0, n = 0, which[3], at[4], k;
	PtTensor t, want;
	PtError err = {0};
	const char *refused = golden_text(f, "error");

	case_begin(&c);
	while (n < 3 && golden_tensor(f, names[n], &t))
	{
		k = case_external(&c, t.dtype, &t.shape);
		memcpy(c.initial[k], t.data, case_bytes(&c, k));
		vars[n] = (PtVar){names[n], c.ext[k]};
		if (golden_tensor(f, grads[n], &want))
		{
			which[nwrt] = n;
			wrt[nwrt++] = c.ext[k];
		}
		n++;
	}
	y = pt_expr_text(c.g, f->name, vars, n);
	at[0] = case_output(&c, y);
	if (refused == NULL && CHECK(golden_tensor(f, "want", &want), "%s: no result", f->name) &&
		CHECK(y != PT_NO_REF, "%s (%s%s): %s", f->name,
			  pt_dtype_name(pt_value(c.g, vars[0].ref)->dtype),
			  pt_shape_print(&pt_value(c.g, vars[0].ref)->shape, (char[PT_SHAPE_TEXT]){0}),
			  c.g->error.message) &&
		nwrt > 0)
	{
		total = pt_sum(c.g, y, NULL, 0, false);
		CHECK(pt_gradient(c.g, total, wrt, nwrt, grad), "%s: %s", f->name, c.g->error.message);
		for (int i = 0; i < nwrt; i++)
			at[i + 1] = case_output(&c, grad[i]);
	}
	if (c.g->error.code == PT_OK)
	{
		bool ok = run_case(&c, dev, &(PtPlanOptions){.poison = true}, 1, &err);

		if (refused != NULL)
			CHECK(!ok, "%s (%s%s) is not refused: %s", f->name,
				  pt_dtype_name(pt_value(c.g, vars[0].ref)->dtype),
				  pt_shape_print(&pt_value(c.g, vars[0].ref)->shape, (char[PT_SHAPE_TEXT]){0}),
				  refused);
		else if (CHECK(ok, "%s: %s", f->name, err.message))
		{
			compare(&c, at[0], &want, f->name, "result");
			for (int i = 0; i < nwrt; i++)
				if (golden_tensor(f, grads[which[i]], &want) && at[i + 1] >= 0)
					compare(&c, at[i + 1], &want, f->name, grads[which[i]]);
				else
					CHECK(all_zero(&want), "%s: no gradient of %s", f->name, names[which[i]]);
		}
	}
	case_end(&c);
}

/* Beside an empty dimension any sizes may stand, whose product is no number. */
static void
test_huge(void)
{
	static const char *const texts[] = {"flatten(a, 0, 2)", "a @ b", "linear(a, b)",
										"linear(a, b[0])"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		PtError err;
		PtGraph *g = pt_graph_new(&err);
		PtVar vars[] = {{"a", pt_external(g, "a", PT_FLOAT32,
										  SHAPE(INT32_MAX, INT32_MAX, INT32_MAX, 0))},
						{"b", pt_external(g, "b", PT_FLOAT32, i == 1 ? SHAPE(0, 0) : SHAPE(2, 0))}};

		CHECK(pt_expr_text(g, texts[i], vars, 2) == PT_NO_REF && g->error.code == PT_ELIMIT,
			  "%s: %s", texts[i], g->error.message);
		pt_graph_free(g);
	}
}

int
main(void)
{
	Golden f;

	dev = open_device(1);
	if (golden_open(&f, "test/golden/ops.txt"))
	{
		while (golden_case(&f))
			test_case(&f);
		golden_close(&f);
	}
	test_huge();
	dev->type->close(dev);
	return check_done();
}
