/*
 * test_ops.c
 *	  Ops against PyTorch at special values, in all dtypes, at odd shapes and arguments (test/golden/ops).
 *
 * A case is an expression over a, b, c ...: its results and gradients, or that it is refused
 * (test/golden/generate.py).  Floats may differ by rounding; NaN, infinities, integers, dtypes, shapes
 * and the sign of a negative zero may not.
 */
#include "engine/golden.h"
#include "engine/graph_harness.h"

#define MOST 26 /* inputs, of one letter each, and results */

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

/* How a failure names a case: its first input says which of several. */
static const char *
title(const Golden *f, char *buf, size_t size)
{
	snprintf(buf, size, "%s%s%s", f->name, f->nlines > 0 ? ", " : "",
			 f->nlines > 0 ? f->lines[0].key : "");
	return buf;
}

/* What an expression gives: one tensor, or each of a tuple's; false: the graph has the error. */
static bool
build(PtGraph *g, const char *text, const PtVar *vars, int nvars, PtRef *results, int *count,
	  bool *several)
{
	PtExpr *e = pt_expr_parse(g->arena, text, &g->error);
	PtValue v, one;

	*count = 0;
	if (e == NULL || !pt_expr_build_with(g, e, text, vars, nvars, NULL, &v))
		return false;
	*several = v.kind == PT_VALUE_TUPLE || v.kind == PT_VALUE_TENSORS;
	for (int n = *several ? v.count : 1; *count < n; ++*count)
	{
		if (!CHECK(*count < MOST, "%s: %d results", text, n))
			return false;
		one = v;
		if ((*several && !pt_value_element(&v, *count, &one)) ||
			(results[*count] = pt_value_ref(g, &one)) == PT_NO_REF)
			return false;
	}
	return true;
}

/* The sum of all results that are floats, as PyTorch's gradients are of it. */
static PtRef
total(PtGraph *g, const PtRef *results, int count)
{
	PtRef sum = PT_NO_REF;

	for (int i = 0; i < count; i++)
		if (pt_dtype_is_float(pt_value(g, results[i])->dtype))
		{
			PtRef one = pt_sum(g, results[i], NULL, 0, false);

			sum = sum == PT_NO_REF ? one : pt_add(g, sum, one);
		}
	return sum;
}

static void
test_case(Golden *f)
{
	Case c;
	char names[MOST][2], key[64], name[256];
	PtVar vars[MOST];
	PtRef wrt[MOST], grad[MOST], results[MOST];
	int of[MOST], out[MOST], gout[MOST], nwrt = 0, nin = 0, nout = 0;
	bool several = false;
	PtTensor t, want;
	PtError err = {0};
	const char *refused = golden_text(f, "error"), *count = golden_text(f, "count");

	title(f, name, sizeof(name));
	case_begin(&c);
	for (; nin < MOST; nin++)
	{
		int k;

		names[nin][0] = (char) ('a' + nin);
		names[nin][1] = 0;
		if (!golden_tensor(f, names[nin], &t))
			break;
		k = case_external(&c, t.dtype, &t.shape);
		memcpy(c.initial[k], t.data, case_bytes(&c, k));
		vars[nin] = (PtVar){names[nin], c.ext[k]};
		snprintf(key, sizeof(key), "grad/%s", names[nin]);
		if (golden_tensor(f, key, &want))
		{
			of[nwrt] = nin;
			wrt[nwrt++] = c.ext[k];
		}
	}
	if (build(c.g, f->name, vars, nin, results, &nout, &several))
		for (int i = 0; i < nout; i++)
			out[i] = case_output(&c, results[i]);
	if (refused == NULL && CHECK(c.g->error.code == PT_OK, "%s: %s", name, c.g->error.message) &&
		nwrt > 0)
	{
		CHECK(pt_gradient(c.g, total(c.g, results, nout), wrt, nwrt, grad), "%s: %s", name,
			  c.g->error.message);
		for (int i = 0; i < nwrt; i++)
			gout[i] = case_output(&c, grad[i]);
	}
	if (c.g->error.code == PT_OK)
	{
		bool ok = run_case(&c, dev, &(PtPlanOptions){.poison = true}, 1, &err);

		if (refused != NULL)
			CHECK(!ok, "%s is not refused: %s", name, refused);
		else if (CHECK(ok, "%s: %s", name, err.message) &&
				 CHECK(several == (count != NULL) && (!several || nout == atoi(count)),
					   "%s: %d results, wanted %s", name, nout, count ? count : "one"))
		{
			for (int i = 0; i < nout; i++)
			{
				snprintf(key, sizeof(key), several ? "want/%d" : "want", i);
				if (CHECK(golden_tensor(f, key, &want), "%s: no %s", name, key))
					compare(&c, out[i], &want, f->name, key);
			}
			for (int i = 0; i < nwrt; i++)
			{
				snprintf(key, sizeof(key), "grad/%s", names[of[i]]);
				if (golden_tensor(f, key, &want) && gout[i] >= 0)
					compare(&c, gout[i], &want, f->name, key);
				else
					CHECK(all_zero(&want), "%s: no %s", name, key);
			}
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
	if (golden_open(&f, "test/golden/ops"))
	{
		while (golden_case(&f))
			test_case(&f);
		golden_close(&f);
	}
	test_huge();
	dev->type->close(dev);
	return check_done();
}
