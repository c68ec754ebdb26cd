/*
 * test_plan.c
 *	  Plans: what random graphs (test_random_graphs.c) rarely meet: assignments that read each other,
 *	  limits of programs, threads, errors.
 */
#include "engine/plan_harness.h"

static PtDevice *dev, *dev2, *dev3;

/* ---------- assignments ---------- */

/*
 * Statements over externals a, b, c (float32 [3, 3]) and f (float32 [12]): each runs for all of them at
 * once, so reads see the old contents.  The reference holds results in other externals.
 */
typedef struct Assignment
{
	const char *to;
	const char *text; /* PACK: a pack of a and square(b) at 0 and 16 of f */
} Assignment;

#define PACK "pack"

static const Assignment assignments[][4] = {
	{{"a", "b"}, {"b", "a"}},
	{{"a", "b"}, {"b", "c"}, {"c", "a"}},
	{{"a", "b"}, {"b", "c"}},
	{{"a", "a"}},
	{{"a", "a + 1"}, {"b", "a"}},
	{{"a", "a + 1"}, {"b", "a + 1"}},
	{{"a", "b"}, {"b", "b * 2"}},
	{{"b", "b * 2"}, {"c", "b"}},
	{{"a", "reshape(reshape(b, [9]), [3, 3])"}, {"b", "b * 2"}},
	{{"a", "reshape(reshape(a, [9]), [3, 3])"}},
	{{"a", "permute(a, [1, 0])"}},
	{{"a", "permute(a, [1, 0])"}, {"b", "permute(a, [1, 0])"}},
	{{"a", "permute(a, [1, 0]) + a"}},
	{{"a", "a + sum(a)"}},
	{{"a", "a + sum(a, 0) + sum(a, 1, True)"}},
	{{"a", "a @ a"}},
	{{"a", "relu(a @ b) + a"}, {"b", "b - a"}},
	{{"a", "linear(a, b)"}, {"b", "linear(b, a)"}},
	{{"a", "linear(a, b) + c"}, {"c", "a * c"}},
	{{"a", "a * b"}, {"b", "a / b"}, {"c", "a * b + c"}},
	{{"a", "exp(a * b)"}, {"b", "exp(a * b) + a"}, {"c", "(exp(a * b) + a) * c * b"}},
	{{"a", "softmax(a, 1)"}, {"b", "softmax(a, 0)"}},
	{{"a", "a"}, {"b", "a"}, {"c", "a"}},
	{{"a", "to(a > b, float32)"}, {"b", "where(a > b, a, b)"}},
	{{"a", "expand(sum(a), [3, 3])"}, {"b", "a"}},
	{{"f", PACK}},
	{{"f", PACK}, {"a", "a * 2"}},
	{{"f", PACK}, {"a", "square(b)"}, {"b", "a"}},
	{{"f", "f + f[1]"}},
	{{"f", "f + f[1]"}, {"b", "a"}},
	{{"f", "f * 2"}, {"a", "reshape(f[0], [3, 3])"}},
};

static PtRef
make_assigned(Case *c, const char *text, PtVar *vars, PtRef *packed)
{
	PtGraph *g = c->g;
	char buf[128];

	if (strcmp(text, PACK) == 0)
	{
		/* parts: an external, a result, and what is read as a part and by others */
		PtRef parts[3] = {vars[0].ref, pt_square(g, vars[1].ref),
						  pt_reshape(g, pt_square(g, vars[1].ref), SHAPE(9))};

		if (*packed == PT_NO_REF)
			*packed = pt_pack(g, parts, (int64_t[]){0, 16, 32}, 3, 48);
		return *packed;
	}
	if (strstr(text, "f[0]") != NULL)
		return pt_reshape(g, pt_slice(g, vars[3].ref, 16, SHAPE(9)), SHAPE(3, 3));
	if (strstr(text, "f[1]") != NULL)
		return pt_add(g, vars[3].ref, pt_slice(g, vars[3].ref, 20, SHAPE(1)));
	snprintf(buf, sizeof(buf), "%s", text);
	return pt_expr_text(g, buf, vars, 4);
}

static void
test_assignment(const Assignment *list, const PtPlanOptions *options, int which)
{
	Case c[2];
	PtError err = {0};
	int names[4][2];
	static const char *const letters[] = {"a", "b", "c", "f"};

	for (int k = 0; k < 2; k++)
	{
		PtVar vars[4];
		PtRef results[4];
		PtRef packed = PT_NO_REF;

		draw_seed(77);
		case_begin(&c[k]);
		for (int i = 0; i < 4; i++)
		{
			names[i][k] = case_random(&c[k], PT_FLOAT32, i < 3 ? SHAPE(3, 3) : SHAPE(48), 1);
			vars[i] = (PtVar){letters[i], c[k].ext[names[i][k]]};
		}
		for (int i = 0; i < 4 && list[i].to != NULL; i++)
			results[i] = make_assigned(&c[k], list[i].text, vars, &packed);
		for (int i = 0; i < 4 && list[i].to != NULL; i++)
			for (int n = 0; n < 4; n++)
				if (strcmp(letters[n], list[i].to) == 0)
				{
					if (k == 0)
						names[n][0] = case_output(&c[0], results[i]);
					else
						pt_graph_assign(c[1].g, vars[n].ref, results[i]);
				}
	}
	CHECK_OK(run_case(&c[0], dev,
					  &(PtPlanOptions){.no_fuse = true, .no_reuse = true, .poison = true}, 1, &err),
			 &err);
	CHECK_OK(run_case(&c[1], dev, options, 1, &err), &err);
	for (int n = 0; n < 4; n++)
		CHECK(memcmp(c[0].data[names[n][0]], c[1].data[names[n][1]],
					 case_bytes(&c[1], names[n][1])) == 0,
			  "assignments %d (%s := %s ...): \"%s\" is wrong", which, list[0].to, list[0].text,
			  letters[n]);
	case_end(&c[0]);
	case_end(&c[1]);
}

static void
test_assignments(void)
{
	for (size_t i = 0; i < sizeof(assignments) / sizeof(assignments[0]); i++)
		for (int o = 0; o < 4; o++)
			test_assignment(assignments[i],
							&(PtPlanOptions){.no_fuse = o & 1,
											 .no_reuse = (o & 2) != 0,
											 .poison = true},
							(int) i);
}

/* Every element reads the first one, which must stay as it is until the last has read it. */
static void
test_first_element(void)
{
	Case c;
	PtError err = {0};
	int f, bad = 0;
	const int64_t n = 300000;

	case_begin(&c);
	f = case_external(&c, PT_FLOAT32, SHAPE(n));
	for (int64_t i = 0; i < n; i++)
		case_set(&c, f, i, (double) (i % 100 + 1));
	pt_graph_assign(c.g, c.ext[f], pt_add(c.g, c.ext[f], pt_slice(c.g, c.ext[f], 0, SHAPE(1))));
	CHECK_OK(run_case(&c, dev3, &(PtPlanOptions){.poison = true}, 1, &err), &err);
	for (int64_t i = 0; i < n; i++)
		bad += case_get(&c, f, i) != (double) (i % 100 + 2);
	CHECK(bad == 0, "%d elements are wrong", bad);
	case_end(&c);
}

/* Numbers have no memory of their own. */
static void
test_numbers(void)
{
	Case c;
	PtError err = {0};
	int at[5];
	PtRef x, n;

	case_begin(&c);
	at[0] = case_output(&c, pt_real(c.g, 2.5));
	at[1] = case_output(&c, pt_integer(c.g, 7));
	at[2] = case_output(&c, pt_boolean(c.g, true));
	n = pt_real(c.g, 1.5);
	x = pt_reshape(c.g, n, SHAPE(1, 1));
	at[3] = case_output(&c, x);
	at[4] = case_output(&c, pt_sum(c.g, pt_integer(c.g, 9), NULL, 0, false));
	CHECK_OK(run_case(&c, dev, &(PtPlanOptions){.poison = true}, 1, &err), &err);
	CHECK(case_get(&c, at[0], 0) == 2.5 && case_get(&c, at[1], 0) == 7 &&
			  case_get(&c, at[2], 0) == 1,
		  "numbers");
	CHECK(case_get(&c, at[3], 0) == 1.5 && case_get(&c, at[4], 0) == 9,
		  "a number reshaped, and summed");
	case_end(&c);
}

/* Gaps of a packed array are zero after every run, whatever was there. */
static void
test_pack(void)
{
	for (int o = 0; o < 8; o++)
	{
		Case c;
		PtError err = {0};
		PtPlan *plan;
		PtRef a, y, p;
		int x, f, twice;

		case_begin(&c);
		draw_seed(3);
		x = case_random(&c, PT_FLOAT32, SHAPE(5), 1);
		f = case_external(&c, PT_FLOAT32, SHAPE(40));
		a = c.ext[x];
		y = pt_exp(c.g, a);
		/* the same part twice, a part of nothing, a part at an odd place */
		p = pt_pack(c.g,
					(PtRef[]){y, y, pt_external(c.g, "none", PT_FLOAT32, SHAPE(0)), pt_neg(c.g, y)},
					(int64_t[]){1, 16, 21, 32}, 4, 40);
		twice = case_output(&c, pt_mul(c.g, p, pt_integer(c.g, 2)));
		if (o & 4)
			case_output(&c, p);
		pt_graph_assign(c.g, c.ext[f], p);
		plan = case_compile(&c, dev,
							&(PtPlanOptions){.poison = true,
											 .no_fuse = o & 1,
											 .no_reuse = (o & 2) != 0},
							&err);
		CHECK(plan != NULL, "%s", err.message);
		if (plan != NULL)
		{
			char nothing[64];

			/* "none" is the only external that has no memory in the case */
			for (PtRef r = 1; r < c.g->nvalues; r++)
				if (c.g->values[r].role == PT_ROLE_EXTERNAL &&
					strcmp(c.g->values[r].name, "none") == 0)
					pt_plan_bind(plan, r, nothing);
			for (int run = 0; run < 2; run++)
			{
				memset(c.data[f], 0xee, case_bytes(&c, f));
				CHECK_OK(run_all(plan, 3, INT64_MAX, NULL, &err), &err);
				for (int i = 0; i < 40; i++)
				{
					int part = i >= 1 && i < 6	   ? i - 1
							   : i >= 16 && i < 21 ? i - 16
							   : i >= 32 && i < 37 ? i - 32
												   : -1;
					double want = part < 0 ? 0 : exp(case_get(&c, x, part)) * (i >= 32 ? -1 : 1);

					CHECK_CLOSE(case_get(&c, f, i), want, 1e-6, 0);
					CHECK_CLOSE(case_get(&c, twice, i), 2 * want, 1e-6, 0);
				}
			}
		}
		pt_plan_free(plan);
		case_end(&c);
	}
}

/* Updates go on from run to run: repeat works like as many runs. */
static void
test_repeat(void)
{
	Case c;
	PtError err = {0};
	PtPlan *plan;
	int a, b;
	PtVar vars[2];

	case_begin(&c);
	a = case_external(&c, PT_INT64, SHAPE(3));
	b = case_external(&c, PT_INT64, SHAPE(3));
	for (int i = 0; i < 3; i++)
		case_set(&c, b, i, 1 + i);
	vars[0] = (PtVar){"a", c.ext[a]};
	vars[1] = (PtVar){"b", c.ext[b]};
	/* Fibonacci */
	pt_graph_assign(c.g, c.ext[a], c.ext[b]);
	pt_graph_assign(c.g, c.ext[b], pt_expr_text(c.g, "a + b", vars, 2));
	plan = case_compile(&c, dev, NULL, &err);
	CHECK_OK(plan != NULL && run_all(plan, 20, 1, NULL, &err) && run_all(plan, 0, 1, NULL, &err) &&
				 run_all(plan, 10, INT64_MAX, NULL, &err),
			 &err);
	CHECK(case_get(&c, a, 0) == 832040 && case_get(&c, b, 2) == 3 * 1346269.0, "%g, %g",
		  case_get(&c, a, 0), case_get(&c, b, 2));
	pt_plan_free(plan);
	case_end(&c);
}

/* ---------- programs ---------- */

/* Runs a case fused and not, which must give the same bits; returns the number of fused steps. */
static int
fused_alike(Case *c, const char *what)
{
	PtError err = {0};
	PtPlan *plan;
	void **want;
	int steps;

	if (!CHECK(run_case(c, dev, &(PtPlanOptions){.no_fuse = true, .no_reuse = true, .poison = true},
						1, &err),
			   "%s: %s", what, err.message))
		return 0;
	want = case_snapshot(c);
	case_compare(c, dev, &(PtPlanOptions){.poison = true}, INT64_MAX, want, -1, 0, what);
	free_snapshot(c, want);
	plan = pt_plan_compile(c->g, dev, NULL, &err);
	steps = plan ? pt_plan_steps(plan) : 0;
	pt_plan_free(plan);
	return steps;
}

/* Programs over any limit become several. */
static void
test_limits(void)
{
	PtRef x, y[64];
	int steps;

	for (int kind = 0; kind < 6; kind++)
	{
		static const char *const names[] = {"long chain",	  "many inputs",  "many outputs",
											"many registers", "many numbers", "many conversions"};
		Case c;
		PtGraph *g;

		case_begin(&c);
		draw_seed(9);
		g = c.g;
		x = c.ext[case_random(&c, kind == 5 ? PT_FLOAT16 : PT_FLOAT32, SHAPE(2, 50), 1)];
		switch (kind)
		{
			case 0:
				for (int i = 0; i < 300; i++)
					x = pt_scalar1(g, i % 2 ? PT_S_sigmoid : PT_S_neg, x);
				break;
			case 1:
				for (int i = 0; i < 50; i++)
					x = pt_add(g, x,
							   c.ext[case_random(&c, PT_FLOAT32, i % 2 ? SHAPE(50) : SHAPE(2, 1),
												 1)]);
				break;
			case 2:
				for (int i = 0; i < 40; i++)
				{
					x = pt_sigmoid(g, x);
					case_output(&c, x);
				}
				break;
			case 3:
				for (int i = 0; i < 60; i++)
					y[i] = pt_mul(g, x, pt_sigmoid(g, i ? y[i - 1] : x));
				for (int i = 60; i-- > 0;)
					x = pt_add(g, x, y[i]);
				break;
			case 4:
				for (int i = 0; i < 60; i++)
					x = pt_mul(g, x, pt_real(g, 1 + 0.01 * i));
				break;
			case 5:
				for (int i = 0; i < 60; i++)
					x = pt_cast(g, pt_sigmoid(g, x),
								i % 3 == 0	 ? PT_BFLOAT16
								: i % 3 == 1 ? PT_FLOAT64
											 : PT_INT8);
				break;
		}
		case_output(&c, x);
		steps = fused_alike(&c, names[kind]);
		CHECK(steps > 1 && steps < 50, "%s: %d steps", names[kind], steps);
		case_end(&c);
	}
}

/* Every cell of a broadcast of up to eight dimensions, against index arithmetic. */
static void
test_broadcast(void)
{
	for (int round = 0; round < 60; round++)
	{
		Case c;
		PtError err = {0};
		PtShape full = {1 + round % 8, {0}}, s[3];
		int in[3], out, bad = 0;
		PtRef y;

		draw_seed((uint64_t) round);
		case_begin(&c);
		for (int d = 0; d < full.ndim; d++)
			full.dim[d] = 1 + draw_int(3);
		for (int k = 0; k < 3; k++)
		{
			int drop = k > 0 ? draw_int(full.ndim + 1) : 0;

			s[k].ndim = full.ndim - drop;
			for (int d = 0; d < s[k].ndim; d++)
				s[k].dim[d] = draw_int(2) && k > 0 ? 1 : full.dim[d + drop];
			in[k] = case_random(&c, k == 1 ? PT_FLOAT32 : PT_FLOAT64, &s[k], 1);
		}
		y = pt_sub(c.g, pt_mul(c.g, c.ext[in[0]], c.ext[in[1]]), c.ext[in[2]]);
		out = case_output(&c, y);
		CHECK_OK(run_case(&c, dev, &(PtPlanOptions){.poison = true}, 1, &err), &err);
		for (int64_t i = 0; i < pt_shape_numel(&full) && bad < 3; i++)
		{
			double v[3];

			for (int k = 0; k < 3; k++)
			{
				int64_t rest = i, at = 0, stride = 1;

				for (int d = full.ndim - 1; d >= 0; d--)
				{
					int own = d - (full.ndim - s[k].ndim);

					if (own >= 0)
					{
						at += s[k].dim[own] == 1 ? 0 : rest % full.dim[d] * stride;
						stride *= s[k].dim[own];
					}
					rest /= full.dim[d];
				}
				v[k] = case_get(&c, in[k], at);
			}
			if (!check_close(case_get(&c, out, i), v[0] * v[1] - v[2], 1e-15, 1e-15))
				bad++;
		}
		CHECK(bad == 0, "broadcast %d", round);
		case_end(&c);
	}
}

/* Half precision is rounded after every op, fused or not; a truth value is 0 or 1 in any class. */
static void
test_rounding(void)
{
	static const char *const texts[] = {
		"(h + f * b) * h - b / h",
		"where(h > b, h, b) * (h > b) + (f < d)",
		"to(to(to(d, float16) * 3, int8), bfloat16) / 3 + i",
		"(h > 0) + (b > 0)",
		"(h > 0) * f + (f > 0) * i - (i > 0) * d",
		"to(h > 0, int32) + to(to(h > 0, float16), uint8) + u",
		"u * u * u - i * u",
		"to(u + 250, int8) * to(i * 1000000, int16)",
		"to(d * 1e6, int32) + to(f * 100, uint8)",
		"exp(h) * 1000 * 1000",
		"h * 0.1 + b * 0.1 + f * 0.1 + d * 0.1 + i * 0.1",
		"to(i, bool) * to(h, bool) + to(d, bool)",
		"(h == to(h, float32)) + (to(f, float16) == f) + (u == i)",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		Case c;
		static const PtDtype dtypes[] = {PT_FLOAT16, PT_BFLOAT16, PT_FLOAT32,
										 PT_FLOAT64, PT_INT32,	  PT_UINT8};
		static const char *const names[] = {"h", "b", "f", "d", "i", "u"};
		PtVar vars[6];
		PtRef y;

		case_begin(&c);
		draw_seed(i);
		for (int k = 0; k < 6; k++)
			vars[k] =
				(PtVar){names[k], c.ext[case_random(&c, dtypes[k], SHAPE(3, 77), k < 4 ? 2 : 100)]};
		for (int64_t k = 0; k < 231; k++)
			case_set(&c, 5, k, draw_int(256));
		y = pt_expr_text(c.g, texts[i], vars, 6);
		if (CHECK(y != PT_NO_REF, "%s: %s", texts[i], c.g->error.message))
		{
			int steps;

			case_output(&c, y);
			steps = fused_alike(&c, texts[i]);
			CHECK(steps == 1, "%s: %d steps", texts[i], steps);
		}
		case_end(&c);
	}
}

/* A product's epilogue sees the product as memory would hold it. */
static void
test_epilogue(void)
{
	static const PtDtype dtypes[] = {PT_FLOAT32,  PT_FLOAT64, PT_FLOAT16,
									 PT_BFLOAT16, PT_INT64,	  PT_INT32};
	static const char *const texts[] = {"relu(a @ b + c)",
										"(a @ b) * (a @ b) - c",
										"relu(linear(a, b, d)) * c",
										"linear(a, b) + linear(c, b)",
										"to(a @ b > c, float32) * 2",
										"where(linear(a, b, d) > 0, c, 0)"};

	int largest = tries(dev, 79, 40);

	for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++)
		for (size_t i = 0; i < sizeof(dtypes) / sizeof(dtypes[0]); i++)
			for (int size = 1; size <= largest; size += 39)
			{
				Case c;
				PtVar vars[4];
				static const char *const names[] = {"a", "b", "c", "d"};

				case_begin(&c);
				draw_seed(i);
				for (int k = 0; k < 4; k++)
					vars[k] =
						(PtVar){names[k],
								c.ext[case_random(&c, dtypes[i],
												  k < 3 ? SHAPE(size, size) : SHAPE(size), 3)]};
				case_output(&c, pt_expr_text(c.g, texts[t], vars, 4));
				fused_alike(&c, texts[t]);
				case_end(&c);
			}
}

/* A product that is wanted itself has no epilogue; nor has one that two groups read. */
static void
test_shared_product(void)
{
	for (int kind = 0; kind < 4; kind++)
	{
		Case c;
		PtRef a, b, y, z;
		int steps;

		case_begin(&c);
		draw_seed(8);
		a = c.ext[case_random(&c, PT_FLOAT32, SHAPE(7, 7), 1)];
		b = c.ext[case_random(&c, PT_FLOAT32, SHAPE(7, 7), 1)];
		y = pt_linear(c.g, a, b, PT_NO_REF);
		z = pt_relu(c.g, y);
		if (kind == 0)
			case_output(&c, y);
		if (kind == 1)
			case_output(&c, pt_sum(c.g, pt_reshape(c.g, y, SHAPE(49)), NULL, 0, false));
		if (kind == 2)
			case_output(&c, pt_expand(c.g, y, SHAPE(2, 7, 7)));
		case_output(&c, z);
		steps = fused_alike(&c, "a shared product");
		CHECK(steps == (kind == 3	? 1
						: kind == 1 ? 3
						: kind == 2 ? 3
									: 2),
			  "kind %d: %d steps", kind, steps);
		case_end(&c);
	}
}

/* Nothing in, nothing out, through every kind of op. */
static void
test_empty(void)
{
	static const char *const texts[] = {"a + 1",
										"sum(a)",
										"sum(a, 0)",
										"sum(a, 1)",
										"mean(a)",
										"a @ permute(a, [1, 0])",
										"permute(a, [1, 0]) @ a",
										"linear(a, c)",
										"softmax(a, 1)",
										"softmax(a, 0)",
										"relu(linear(a, c)) * 2 + sum(a)",
										"reshape(a, [0]) + b",
										"sum(a * 2, 1) + amax(a, 1)",
										"permute(a, [1, 0]) @ a + sum(exp(a)) * 3"};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		Case c;
		PtVar vars[3];

		case_begin(&c);
		vars[0] = (PtVar){"a", c.ext[case_random(&c, PT_FLOAT32, SHAPE(0, 3), 1)]};
		vars[1] = (PtVar){"b", c.ext[case_random(&c, PT_FLOAT32, SCALAR, 1)]};
		vars[2] = (PtVar){"c", c.ext[case_random(&c, PT_FLOAT32, SHAPE(2, 3), 1)]};
		if (CHECK(case_output(&c, pt_expr_text(c.g, texts[i], vars, 3)) >= 0, "%s: %s", texts[i],
				  c.g->error.message))
			fused_alike(&c, texts[i]);
		case_end(&c);
	}
}

/* ---------- threads, budgets, errors ---------- */

static void
make_large(Case *c)
{
	PtVar vars[3];
	int n = tries(dev, 100, 12);

	case_begin(c);
	draw_seed(4);
	vars[0] = (PtVar){"a", c->ext[case_random(c, PT_FLOAT32, SHAPE(6 * n, 7 * n), 1)]};
	vars[1] = (PtVar){"b", c->ext[case_random(c, PT_FLOAT32, SHAPE(3 * n, 7 * n), 1)]};
	vars[2] = (PtVar){"c", c->ext[case_random(c, PT_FLOAT32, SHAPE(3 * n), 1)]};
	case_output(c, pt_expr_text(c->g, "relu(linear(a, b, c))", vars, 3));
	case_output(c, pt_expr_text(c->g, "sum(exp(a) * 2 + 1)", vars, 3));
	case_output(c, pt_expr_text(c->g, "sum(a, 0)", vars, 3));
	case_output(c, pt_expr_text(c->g, "amax(a, 1)", vars, 3));
	case_output(c, pt_expr_text(c->g, "softmax(a, 1)", vars, 3));
	case_output(c, pt_expr_text(c->g, "permute(a, [1, 0]) @ (linear(a, b, c))", vars, 3));
}

static void
test_threads(void)
{
	Case c;
	PtError err = {0};
	void **want;
	PtDevice *devices[] = {dev, dev2, dev3};
	PtPlan *plan;
	int more = 0, again = 0, at;

	make_large(&c);
	CHECK_OK(run_case(&c, dev, NULL, 1, &err), &err);
	want = case_snapshot(&c);
	for (int i = 0; i < 3; i++)
		case_compare(&c, devices[i], &(PtPlanOptions){.poison = true}, INT64_MAX, want, -1, 0,
					 "threads, large");
	plan = case_compile(&c, dev, NULL, &err);
	CHECK_OK(plan != NULL && run_all(plan, 3, 1, &more, &err), &err);
	/* a GPU works on meanwhile */
	CHECK(more > (on_cuda() ? 0 : 10), "a budget of 1 ns: %d times MORE", more);
	at = case_differs(&c, want, -1);
	CHECK(at < 0, "slices change external %d", at);
	/* a run that is left under way and given up: the next is a whole one */
	CHECK(pt_plan_run(plan, 100, 1, &err) == PT_RUN_MORE, "too fast");
	pt_plan_abandon(plan);
	CHECK_OK(run_all(plan, 3, 1, &again, &err), &err);
	CHECK(on_cuda() || again == more, "%d times MORE after a run that was given up, not %d", again,
		  more);
	at = case_differs(&c, want, -1);
	CHECK(at < 0, "a run that was given up changes external %d", at);
	/* a plan that is left under way */
	CHECK(pt_plan_run(plan, 100, 1, &err) == PT_RUN_MORE, "too fast");
	pt_plan_free(plan);
	free_snapshot(&c, want);
	case_end(&c);
}

static void
test_errors(void)
{
	Case c;
	PtError err = {0};
	PtPlan *plan;
	PtRef out[PT_MAX_RESULTS];
	int a, b, x, t, y;

	/* an integer division by zero, then none */
	case_begin(&c);
	a = case_random(&c, PT_INT32, SHAPE(5000), 100);
	b = case_external(&c, PT_INT32, SHAPE(5000));
	for (int i = 0; i < 5000; i++)
		case_set(&c, b, i, i == 4321 ? 0 : 7);
	y = case_output(&c, pt_floor_divide(c.g, c.ext[a], c.ext[b]));
	plan = case_compile(&c, dev2, NULL, &err);
	CHECK(plan != NULL && !run_all(plan, 2, INT64_MAX, NULL, &err) && err.code == PT_EZERODIV, "%s",
		  err.message);
	CHECK(!run_all(plan, 2, INT64_MAX, NULL, &err) && err.code == PT_EZERODIV, "%s", err.message);
	((int32_t *) c.data[b])[4321] = -7;
	CHECK_OK(run_all(plan, 2, INT64_MAX, NULL, &err), &err);
	CHECK(case_get(&c, y, 4321) == floor(case_get(&c, a, 4321) / -7), "after the error");
	pt_plan_free(plan);
	case_end(&c);

	/* a class that does not exist */
	case_begin(&c);
	x = case_random(&c, PT_FLOAT32, SHAPE(6, 4), 1);
	t = case_external(&c, PT_INT64, SHAPE(6));
	case_set(&c, t, 3, 4);
	pt_apply_all(c.g, pt_op_find("cross_entropy"), (PtRef[]){c.ext[x], c.ext[t]}, 2, NULL, 0, NULL,
				 out);
	y = case_output(&c, out[0]);
	plan = case_compile(&c, dev, NULL, &err);
	CHECK(plan != NULL && !run_all(plan, 1, INT64_MAX, NULL, &err) && err.code == PT_EDATA, "%s",
		  err.message);
	((int64_t *) c.data[t])[3] = -1;
	CHECK(!run_all(plan, 1, INT64_MAX, NULL, &err) && err.code == PT_EDATA, "%s", err.message);
	((int64_t *) c.data[t])[3] = 3;
	CHECK_OK(run_all(plan, 1, INT64_MAX, NULL, &err), &err);
	CHECK(case_get(&c, y, 3) > 0, "after the error");
	pt_plan_free(plan);
	case_end(&c);

	/* the first fault of a run is told, whichever step it is in */
	case_begin(&c);
	x = case_random(&c, PT_FLOAT32, SHAPE(6, 4), 1);
	t = case_external(&c, PT_INT64, SHAPE(6));
	a = case_random(&c, PT_INT32, SHAPE(6), 100);
	b = case_external(&c, PT_INT32, SHAPE(6));
	case_output(&c, pt_sum(c.g, c.ext[x], NULL, 0, false));
	case_output(&c, pt_floor_divide(c.g, c.ext[a], c.ext[b]));
	pt_apply_all(c.g, pt_op_find("cross_entropy"), (PtRef[]){c.ext[x], c.ext[t]}, 2, NULL, 0, NULL,
				 out);
	case_output(&c, out[0]);
	plan = case_compile(&c, dev, NULL, &err);
	for (int k = 0; plan != NULL && k < 4; k++)
	{
		for (int i = 0; i < 6; i++)
		{
			((int32_t *) c.data[b])[i] = !(k & 1);
			((int64_t *) c.data[t])[i] = k & 2 ? 4 : 3;
		}
		err.code = PT_OK;
		CHECK(run_all(plan, 3, INT64_MAX, NULL, &err) == (k == 0) &&
				  err.code == (k & 1   ? PT_EZERODIV
							   : k & 2 ? PT_EDATA
									   : PT_OK),
			  "faults %d: code %d, %s", k, err.code, err.message);
	}
	pt_plan_free(plan);
	case_end(&c);

	/* an external without an address; a limit on memory; a graph that failed */
	case_begin(&c);
	a = case_random(&c, PT_FLOAT32, SHAPE(1000, 1000), 1);
	y = case_output(&c, pt_sum(c.g, pt_exp(c.g, c.ext[a]), NULL, 0, false));
	plan = pt_plan_compile(c.g, dev, NULL, &err);
	CHECK(plan != NULL && pt_plan_run(plan, 1, 1, &err) == PT_RUN_ERROR && err.code == PT_EINTERNAL,
		  "%s", err.message);
	pt_plan_free(plan);
	plan = pt_plan_compile(c.g, dev, &(PtPlanOptions){.max_bytes = 1 << 20}, &err);
	CHECK(plan == NULL && err.code == PT_ELIMIT, "%s", err.message);
	plan = pt_plan_compile(c.g, dev, &(PtPlanOptions){.max_bytes = 8 << 20}, &err);
	CHECK(plan != NULL && pt_plan_bytes(plan) >= 4000000 && pt_plan_bytes(plan) <= 8 << 20,
		  "plan of 4 MB");
	pt_plan_free(plan);
	pt_mm(c.g, c.ext[a], pt_external(c.g, "v", PT_FLOAT32, SHAPE(3)), false, false);
	CHECK(pt_plan_compile(c.g, dev, NULL, &err) == NULL && err.code == PT_ESHAPE, "%s",
		  err.message);
	case_end(&c);

	/* assignments that do not fit */
	case_begin(&c);
	a = case_random(&c, PT_FLOAT32, SHAPE(2), 1);
	CHECK(!pt_graph_assign(c.g, c.ext[a], pt_integer(c.g, 1)) && c.g->error.code == PT_EINTERNAL,
		  "shape");
	case_end(&c);
}

/* An empty graph is a plan without steps. */
static void
test_nothing(void)
{
	PtError err = {0};
	PtGraph *g = pt_graph_new(&err);
	PtPlan *plan;

	pt_exp(g, pt_external(g, "x", PT_FLOAT32, SHAPE(3)));
	plan = pt_plan_compile(g, dev, NULL, &err);
	CHECK(plan != NULL && pt_plan_steps(plan) == 0 && run_all(plan, 5, 1, NULL, &err), "%s",
		  err.message);
	pt_plan_free(plan);
	pt_graph_free(g);
}

int
main(void)
{
	dev = open_device(1);
	dev2 = open_device(2);
	dev3 = open_device(3);
	test_assignments();
	test_first_element();
	test_numbers();
	test_pack();
	test_repeat();
	test_limits();
	test_broadcast();
	test_rounding();
	test_epilogue();
	test_shared_product();
	test_empty();
	test_threads();
	test_errors();
	test_nothing();
	dev->type->close(dev);
	dev2->type->close(dev2);
	dev3->type->close(dev3);
	return check_done();
}
