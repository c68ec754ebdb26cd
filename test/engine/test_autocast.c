/*
 * test_autocast.c
 *	  Mixed precision: which ops and modules compute in what, where they round, and that training works.
 *
 * The fixtures are PyTorch's under torch.autocast with bfloat16 (test/golden/generate_autocast.py).  A value differs by
 * a step of bfloat16 where a sum came out on the other side of a half, and what follows it differs, too; so
 * most elements must be equal, none far off, and the average difference small.
 */
#include "engine/train/fit.h"
#include "engine/golden.h"
#include "engine/graph_harness.h"

#define MAX_STATE 16
#define MAX_OUT 16

static PtDevice *dev, *dev3; /* under test */
static PtDevice *devices[3]; /* CPUs: one thread, three, one with the library */

/* ---------- PyTorch's steps ---------- */

typedef struct Compared
{
	int64_t n, equal;
	double error, size; /* sums of magnitudes */
} Compared;

/*
 * steps: how many steps of bfloat16 (2^-8) of the tensor's largest element any element may be off.  Elements count as
 * equal if they are, or of float32 nearly are.
 */
static Compared
compare(const char *name, const char *what, const PtTensor *want, const PtTensor *got, double steps)
{
	Compared c = {pt_shape_numel(&want->shape), 0, 0, 0};
	double largest = 1e-6;

	for (int64_t i = 0; i < c.n; i++)
		largest = fmax(largest, fabs(pt_element_get_double(want->dtype, want->data, (size_t) i)));
	for (int64_t i = 0; i < c.n; i++)
	{
		double y = pt_element_get_double(want->dtype, want->data, (size_t) i);
		double x = pt_element_get_double(got->dtype, got->data, (size_t) i);
		double off = fabs(x - y);

		c.equal += x == y || (want->dtype == PT_FLOAT32 && off <= 1e-5 * largest);
		c.error += off;
		c.size += fabs(y);
		if (!CHECK(off <= steps * 0x1p-8 * largest, "%s: %s[%ld] is %.9g, wanted %.9g", name, what,
				   (long) i, x, y))
			break;
	}
	/* a tenth of a step, on the average: what rounds elsewhere, or not at all, is further off */
	CHECK(c.error <= 0.1 * steps * 0x1p-8 * c.size + 1e-7 * largest * (double) c.n,
		  "%s: %s differs by %.3g of itself", name, what, c.error / c.size);
	return c;
}

typedef struct Outputs
{
	Case *c;
	int n;
	char names[MAX_OUT][64];
	int at[MAX_OUT];
} Outputs;

static void
note(void *arg, const PtModule *m, const PtValue *y)
{
	Outputs *o = arg;

	int i = 0;
	char name[64];

	snprintf(name, sizeof(name), "out/%.50s", m->path);
	while (i < o->n && strcmp(o->names[i], name) != 0)
		i++;
	if (i == MAX_OUT)
		return;
	/* of a module that is called twice, the fixture has what it gave last */
	strcpy(o->names[i], name);
	o->at[i] = case_output(o->c, y->tensor);
	o->n += i == o->n;
}

static PtTensor
contents(const Case *c, int i)
{
	const PtGraphValue *v = pt_value(c->g, c->ext[i]);

	return (PtTensor){v->dtype, v->shape, c->data[i]};
}

static int
input(Case *c, const PtTensor *t)
{
	int i = case_external(c, t->dtype, &t->shape);

	memcpy(c->initial[i], t->data, pt_tensor_bytes(t));
	return i;
}

static void
follow(Golden *f, PtDevice *dev, const PtPlanOptions *options, Compared *all)
{
	PtError err = {0};
	PtModule *m = pt_module_parse(f->arena, f->name, &err);
	PtModule *loss = m ? pt_module_parse(f->arena, golden_text(f, "loss"), &err) : NULL;
	PtTensor x, target, want, state[MAX_STATE];
	PtStateDict sd;
	Case c;
	Outputs seen = {.c = &c};
	PtRef values[MAX_STATE], updates[MAX_STATE] = {0}, wrt[MAX_STATE], grad[MAX_STATE], y, l;
	PtBuild b;
	int ext[MAX_STATE], gout[MAX_STATE], vout, n = 0;
	char key[64];

	if (!CHECK(loss != NULL && pt_module_state(f->arena, m, &sd, &err), "%s: %s", f->name,
			   err.message) ||
		!CHECK(golden_tensor(f, "x", &x) && golden_tensor(f, "target", &target), "%s", f->name))
		return;
	case_begin(&c);
	for (int i = 0; i < sd.count; i++)
	{
		snprintf(key, sizeof(key), "state/%s", sd.entries[i].name);
		CHECK(golden_tensor(f, key, &state[i]), "%s: no %s", f->name, key);
		ext[i] = input(&c, &state[i]);
		values[i] = c.ext[ext[i]];
	}
	b = (PtBuild){.g = c.g,
				  .sd = &sd,
				  .state = values,
				  .updates = updates,
				  .training = true,
				  .autocast = PT_AUTOCAST_BFLOAT16,
				  .seen = note,
				  .seen_arg = &seen};
	b.seed = pt_integer(c.g, 1);
	b.step = pt_integer(c.g, 1);
	y = pt_module_build(&b, m, (PtRef[]){c.ext[input(&c, &x)]}, 1);
	b.seen = NULL;
	l = pt_module_build(&b, loss, (PtRef[]){y, c.ext[input(&c, &target)]}, 2);
	CHECK(c.g->autocast == PT_AUTOCAST_OFF && !b.lower, "%s: autocast stays on", f->name);
	vout = case_output(&c, l);
	for (int i = 0; i < sd.count; i++)
		if (sd.entries[i].trainable)
			wrt[n++] = values[i];
	pt_gradient(c.g, l, wrt, n, grad);
	n = 0;
	for (int i = 0; i < sd.count && pt_graph_ok(c.g, &err); i++)
	{
		PtRef next = updates[i];

		gout[i] = -1;
		if (sd.entries[i].trainable)
		{
			gout[i] = case_output(&c, grad[n]);
			next = pt_sub(c.g, values[i], pt_mul(c.g, pt_real(c.g, 0.1), grad[n++]));
		}
		if (next != PT_NO_REF)
			pt_graph_assign(c.g, values[i], next);
	}
	if (CHECK_OK(pt_graph_ok(c.g, &err), &err) &&
		CHECK(run_case(&c, dev, options, 1, &err), "%s: %s", f->name, err.message))
	{
		for (int i = 0; i < seen.n; i++)
		{
			PtTensor got = contents(&c, seen.at[i]);
			Compared one;

			if (!CHECK(golden_tensor(f, seen.names[i], &want), "%s: no %s", f->name,
					   seen.names[i]) ||
				!CHECK(got.dtype == want.dtype, "%s: %s is %s", f->name, seen.names[i],
					   pt_dtype_name(got.dtype)))
				continue;
			one = compare(f->name, seen.names[i], &want, &got, 4);
			all->n += one.n;
			all->equal += one.equal;
		}
		if (CHECK(golden_tensor(f, "value", &want), "%s", f->name))
		{
			PtTensor got = contents(&c, vout);

			CHECK(got.dtype == want.dtype, "%s: the loss is %s", f->name, pt_dtype_name(got.dtype));
			compare(f->name, "loss", &want, &got, 2);
		}
		for (int i = 0; i < sd.count; i++)
		{
			snprintf(key, sizeof(key), "grad/%s", sd.entries[i].name);
			if (gout[i] >= 0 && CHECK(golden_tensor(f, key, &want), "%s: no %s", f->name, key))
			{
				PtTensor got = contents(&c, gout[i]);

				CHECK(got.dtype == PT_FLOAT32, "%s: %s is %s", f->name, key,
					  pt_dtype_name(got.dtype));
				compare(f->name, key, &want, &got, 8);
			}
		}
	}
	/* three steps; externals keep what the last left */
	if (c.g->error.code == PT_OK && run_case(&c, dev, options, 3, &err))
		for (int i = 0; i < sd.count; i++)
		{
			PtTensor got = contents(&c, ext[i]);

			snprintf(key, sizeof(key), "after/%s", sd.entries[i].name);
			if (CHECK(golden_tensor(f, key, &want), "%s: no %s", f->name, key))
				compare(f->name, key, &want, &got, 4);
		}
	case_end(&c);
}

static void
test_golden(void)
{
	Golden f;
	Compared all = {0};
	int cases = 0;

	if (!golden_open(&f, "test/golden/autocast.txt"))
		return;
	while (golden_case(&f))
	{
		cases++;
		follow(&f, dev, &(PtPlanOptions){.poison = true}, &all);
		follow(&f, dev3, &(PtPlanOptions){.no_fuse = true, .no_reuse = true}, &all);
	}
	golden_close(&f);
	CHECK(cases > 25, "%d cases", cases);
	/* the rounding points are PyTorch's: else most elements would differ in the last bit */
	CHECK((double) all.equal > 0.97 * (double) all.n, "%ld of %ld elements are PyTorch's",
		  (long) all.equal, (long) all.n);
}

/* ---------- dtypes ---------- */

/* What an expression over h (bfloat16), x (float32), d (float64), i (int64) gives as nn.Graph's. */
static void
test_ops(void)
{
	static const struct
	{
		const char *text;
		PtDtype dtype;
	} rows[] = {
		{"matmul(x, x)", PT_BFLOAT16},
		{"x @ h", PT_BFLOAT16},
		{"linear(x, x, x[0])", PT_BFLOAT16},
		{"d @ d", PT_FLOAT64},
		{"i @ i", PT_INT64},
		{"exp(h)", PT_FLOAT32},
		{"expm1(h)", PT_FLOAT32},
		{"log(h)", PT_FLOAT32},
		{"log1p(h)", PT_FLOAT32},
		{"reciprocal(h)", PT_FLOAT32},
		{"rsqrt(h)", PT_FLOAT32},
		{"square(h)", PT_FLOAT32},
		{"h ** 2", PT_FLOAT32},
		{"h ** h", PT_FLOAT32},
		{"i ** 2", PT_INT64},
		{"d ** 2", PT_FLOAT64},
		{"exp(d)", PT_FLOAT64},
		{"exp(to(h, 'float16'))", PT_FLOAT32},
		{"softmax(h, -1)", PT_FLOAT32},
		{"log_softmax(h, -1)", PT_FLOAT32},
		{"softmax(h, -1, dtype='float64')", PT_FLOAT64},
		{"sum(h)", PT_FLOAT32},
		{"sum(h, 1, dtype='bfloat16')", PT_BFLOAT16},
		{"sum(i)", PT_INT64},
		{"norm(h)", PT_FLOAT32},
		{"mean(h)", PT_BFLOAT16},
		{"mean(x)", PT_FLOAT32},
		{"mean(h, dtype='float32')", PT_FLOAT32},
		{"var(h)", PT_BFLOAT16},
		{"amax(h)", PT_BFLOAT16},
		{"sqrt(h)", PT_BFLOAT16},
		{"tanh(h)", PT_BFLOAT16},
		{"sigmoid(h)", PT_BFLOAT16},
		{"h + 1.5", PT_BFLOAT16},
		{"h * h", PT_BFLOAT16},
		{"h + x", PT_FLOAT32},
		{"h / 2", PT_BFLOAT16},
		{"2 / h", PT_FLOAT32},
		{"1.5 / d", PT_FLOAT64},
		{"h // 2", PT_BFLOAT16},
		{"where(h > 0, h, 0.0)", PT_BFLOAT16},
		{"cat([h, x])", PT_FLOAT32},
		{"clamp(h, 0, 1)", PT_BFLOAT16},
		{"to(h, 'float32') * 2", PT_FLOAT32},
		{"grad(exp(x @ x), x)", PT_FLOAT32},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int on = 1; on >= 0; on--)
		{
			PtError err = {0};
			PtGraph *g = pt_graph_new(&err);
			PtVar vars[] = {{"h", pt_external(g, "h", PT_BFLOAT16, SHAPE(3, 3))},
							{"x", pt_external(g, "x", PT_FLOAT32, SHAPE(3, 3))},
							{"d", pt_external(g, "d", PT_FLOAT64, SHAPE(3, 3))},
							{"i", pt_external(g, "i", PT_INT64, SHAPE(3, 3))}};
			PtRef y;

			g->autocast = on ? PT_AUTOCAST_BFLOAT16 : PT_AUTOCAST_OFF;
			y = pt_expr_text(g, rows[i].text, vars, 4);
			if (on)
				CHECK(y != PT_NO_REF && pt_value(g, y)->dtype == rows[i].dtype, "%s is %s: %s",
					  rows[i].text, pt_dtype_name(pt_value(g, y)->dtype), g->error.message);
			else if (y != PT_NO_REF && strstr(rows[i].text, "h)") != NULL &&
					 strstr(rows[i].text, "to(") == NULL)
				CHECK(pt_value(g, y)->dtype == PT_BFLOAT16, "without autocast, %s is %s",
					  rows[i].text, pt_dtype_name(pt_value(g, y)->dtype));
			CHECK(g->autocast == (on ? PT_AUTOCAST_BFLOAT16 : PT_AUTOCAST_OFF), "%s", rows[i].text);
			pt_graph_free(g);
		}
}

/* What every layer of a dtype in gives out, and which losses are refused. */
static void
test_modules(void)
{
	static const struct
	{
		const char *text;
		PtDtype in, out;
	} rows[] = {
		{"Linear(8, 8)", PT_FLOAT32, PT_BFLOAT16},
		{"Linear(8, 8)", PT_FLOAT16, PT_BFLOAT16},
		{"PReLU()", PT_FLOAT32, PT_BFLOAT16},
		{"Bilinear(8, 8, 3)", PT_BFLOAT16, PT_FLOAT32},
		{"LayerNorm(8)", PT_BFLOAT16, PT_FLOAT32},
		{"GroupNorm(2, 8)", PT_BFLOAT16, PT_FLOAT32},
		{"BatchNorm1d(8)", PT_BFLOAT16, PT_BFLOAT16},
		{"BatchNorm1d(8)", PT_FLOAT32, PT_FLOAT32},
		{"Softmax(1)", PT_BFLOAT16, PT_FLOAT32},
		{"LogSoftmax(1)", PT_BFLOAT16, PT_FLOAT32},
		{"Softmin(1)", PT_BFLOAT16, PT_FLOAT32},
		{"Softplus()", PT_BFLOAT16, PT_FLOAT32},
		{"Dropout(0.5)", PT_BFLOAT16, PT_BFLOAT16},
		{"AlphaDropout(0.5)", PT_BFLOAT16, PT_BFLOAT16},
		{"RReLU()", PT_BFLOAT16, PT_BFLOAT16},
		{"GLU()", PT_BFLOAT16, PT_BFLOAT16},
		{"GELU()", PT_BFLOAT16, PT_BFLOAT16},
		{"GELU()", PT_FLOAT16, PT_FLOAT16},
		{"GELU()", PT_FLOAT32, PT_FLOAT32},
		{"Mish()", PT_BFLOAT16, PT_BFLOAT16},
		{"ReLU()", PT_BFLOAT16, PT_BFLOAT16},
		{"Tanhshrink()", PT_BFLOAT16, PT_BFLOAT16},
		{"Identity()", PT_BFLOAT16, PT_BFLOAT16},
		{"Flatten()", PT_BFLOAT16, PT_BFLOAT16},
		{"Sequential()", PT_FLOAT32, PT_FLOAT32},
		{"Graph('x -> exp(x)')", PT_BFLOAT16, PT_FLOAT32},
		{"Graph('(x, y) -> x * y')", PT_BFLOAT16, PT_BFLOAT16},
		{"Sequential(nn.Graph('x -> sum(f(x), 1, True) + 0 * x', 'f', nn.Linear(8, 8)), nn.GELU())",
		 PT_FLOAT32, PT_FLOAT32},
		{"MSELoss()", PT_BFLOAT16, PT_FLOAT32},
		{"BCEWithLogitsLoss()", PT_BFLOAT16, PT_FLOAT32},
		{"BCELoss()", PT_BFLOAT16, PT_NDTYPE},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
	{
		PtError err = {0};
		PtArena *arena = pt_arena_new();
		PtGraph *g = pt_graph_new(&err);
		PtModule *m = pt_module_parse(arena, rows[i].text, &err);
		PtStateDict sd;
		PtRef state[8], updates[8] = {0}, x[2], y;
		PtBuild b;

		if (CHECK(m != NULL && pt_module_state(arena, m, &sd, &err), "%s: %s", rows[i].text,
				  err.message))
		{
			for (int k = 0; k < sd.count; k++)
				state[k] = pt_external(g, "w", sd.entries[k].dtype, &sd.entries[k].shape);
			for (int k = 0; k < 2; k++)
				x[k] = pt_external(g, "x", rows[i].in, SHAPE(4, 8));
			b = (PtBuild){.g = g,
						  .sd = &sd,
						  .state = state,
						  .updates = updates,
						  .training = true,
						  .autocast = PT_AUTOCAST_BFLOAT16};
			b.seed = pt_integer(g, 1);
			b.step = pt_integer(g, 1);
			y = pt_module_build(&b, m, x, pt_module_inputs(m));
			if (rows[i].out == PT_NDTYPE)
				CHECK(g->error.code == PT_EUNSUPPORTED &&
						  strstr(g->error.hint, "BCEWithLogitsLoss") != NULL &&
						  !pt_module_can_autocast(m, &err) && err.code == PT_EUNSUPPORTED,
					  "%s: %s", rows[i].text, g->error.message);
			else
				CHECK(y != PT_NO_REF && pt_value(g, y)->dtype == rows[i].out &&
						  pt_module_can_autocast(m, &err),
					  "%s of %s is %s: %s", rows[i].text, pt_dtype_name(rows[i].in),
					  pt_dtype_name(pt_value(g, y)->dtype), g->error.message);
			for (int k = 0; k < sd.count; k++)
				CHECK(updates[k] == PT_NO_REF ||
						  pt_value(g, updates[k])->dtype == sd.entries[k].dtype,
					  "%s: %s", rows[i].text, sd.entries[k].name);
		}
		pt_graph_free(g);
		pt_arena_free(arena);
	}
}

/* ---------- products of half precision ---------- */

/* All of an external's initial elements; free it. */
static double *
doubles(const Case *c, int i)
{
	size_t n = (size_t) case_numel(c, i);
	double *v = malloc((n + 1) * sizeof(double));

	pt_convert(PT_FLOAT64, v, pt_value(c->g, c->ext[i])->dtype, c->initial[i], n);
	return v;
}

/*
 * Each element is the exact sum rounded once: to less than a step, and mostly to the last bit; with an epilogue, a
 * bias, transposed, in batches; the same bits from any number of threads.
 */
static void
test_products(void)
{
	static const struct
	{
		int64_t batch, m, n, k;
		bool ta, tb;
	} rows[] = {{0, 1, 1, 1, false, false},	  {0, 3, 70, 129, false, true},
				{0, 5, 1, 300, false, false}, {0, 64, 65, 66, true, false},
				{0, 33, 40, 50, true, true},  {0, 100, 150, 300, false, true},
				{3, 17, 19, 23, false, true}, {3, 40, 30, 20, true, false},
				{0, 7, 9, 0, false, false},	  {0, 190, 200, 300, false, false}};

	for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++)
		for (int half = 0; half < 4; half++)
		{
			PtDtype dtype = half % 2 ? PT_FLOAT16 : PT_BFLOAT16;
			double step = dtype == PT_FLOAT16 ? 0x1p-11 : 0x1p-8; /* half of one, of 1 */
			bool relu = half > 1;
			int64_t batch = rows[r].batch, m = rows[r].m, n = rows[r].n, k = rows[r].k;
			int nb = batch > 0 ? 3 : 2;
			PtShape sa = {nb, {batch, batch, batch}}, sb = sa;
			PtError err = {0};
			Case c;
			int a, b, bias = -1, out;
			PtRef y;
			void **first = NULL;

			sa.dim[nb - 2] = rows[r].ta ? k : m;
			sa.dim[nb - 1] = rows[r].ta ? m : k;
			sb.dim[nb - 2] = rows[r].tb ? n : k;
			sb.dim[nb - 1] = rows[r].tb ? k : n;
			draw_seed(r * 4 + (unsigned) half);
			case_begin(&c);
			a = case_random(&c, dtype, &sa, 1);
			b = case_random(&c, dtype, &sb, 1);
			if (batch == 0 && !rows[r].ta && rows[r].tb)
			{
				bias = case_random(&c, dtype, SHAPE(n), 1);
				y = pt_linear(c.g, c.ext[a], c.ext[b], c.ext[bias]);
			}
			else
				y = pt_mm(c.g, c.ext[a], c.ext[b], rows[r].ta, rows[r].tb);
			if (relu)
				y = pt_relu(c.g, y);
			out = case_output(&c, y);
			for (int d = 0; d < 3; d++)
			{
				int64_t equal = 0, bad = 0, all = (batch > 0 ? batch : 1) * m * n;
				double *va = doubles(&c, a), *vb = doubles(&c, b);

				CHECK_OK(run_case(&c, devices[d], &(PtPlanOptions){.poison = true}, 2, &err), &err);
				for (int64_t e = 0; e < all && d != 1; e++)
				{
					int64_t q = e / (m * n), i = e / n % m, j = e % n;
					double sum = bias >= 0 ? case_get(&c, bias, j) : 0, size = fabs(sum), got;
					uint16_t rounded;

					for (int64_t p = 0; p < k; p++)
					{
						double term = va[q * m * k + (rows[r].ta ? p * m + i : i * k + p)] *
									  vb[q * k * n + (rows[r].tb ? j * k + p : p * n + j)];

						sum += term;
						size += fabs(term);
					}
					sum = relu && sum < 0 ? 0 : sum;
					pt_element_set_double(dtype, &rounded, 0, sum);
					got = case_get(&c, out, e);
					equal += got == pt_element_get_double(dtype, &rounded, 0);
					bad += !(fabs(got - sum) <= step * fabs(sum) + 1e-5 * size + 0x1p-25);
				}
				CHECK(bad == 0 && (d == 1 || (double) equal >= 0.98 * (double) all),
					  "%ld x %ld x %ld of %s: %ld of %ld are off, %ld equal", (long) m, (long) n,
					  (long) k, pt_dtype_name(dtype), (long) bad, (long) all, (long) equal);
				free(va);
				free(vb);
				if (d == 0)
					first = case_snapshot(&c);
				else if (d == 1)
					CHECK(case_differs(&c, first, -1) < 0,
						  "%ld x %ld x %ld: threads change the result", (long) m, (long) n,
						  (long) k);
			}
			if (first != NULL)
				free_snapshot(&c, first);
			case_end(&c);
		}
}

/* ---------- training ---------- */

/* The loss after some epochs; a line of two features.  weights: those of the end. */
static double
train(PtAutocast autocast, const char *module, float *weights, PtError *err)
{
	enum
	{
		ROWS = 96
	};
	float rows[ROWS][3];
	PtArena *arena = pt_arena_new();
	PtModule *m = pt_module_parse(arena, module, err);
	PtStateDict sd;
	PtTensor values[8];
	void *data[8];
	PtRng rng;
	PtRowsetColumn feature = {PT_FLOAT32, {1, {2}}, 0};
	PtFitSpec spec = {.module = m, .options = {.autocast = autocast}};
	PtEpoch epoch;
	PtFit *fit;
	double loss = NAN;

	CHECK_OK(m != NULL && pt_module_state(arena, m, &sd, err), err);
	pt_rng_seed(&rng, 5);
	for (int i = 0; i < sd.count; i++)
	{
		values[i] = (PtTensor){sd.entries[i].dtype, sd.entries[i].shape, NULL};
		data[i] = values[i].data = pt_arena_alloc(arena, pt_tensor_bytes(&values[i]));
	}
	CHECK_OK(pt_module_init(m, &sd, &rng, data, err), err);
	for (int i = 0; i < ROWS; i++)
	{
		rows[i][0] = (float) (i % 12) / 6 - 1;
		rows[i][1] = (float) (i / 12) / 4 - 1;
		rows[i][2] = 2 * rows[i][0] - rows[i][1] + 0.5f;
	}
	spec.sd = &sd;
	spec.values = values;
	spec.loss = pt_module_parse(arena, "MSELoss()", err);
	spec.optimizer = pt_optim_parse(arena, "Adam(0.02)", err);
	spec.rows = rows;
	spec.nrows = ROWS;
	spec.stride = sizeof(rows[0]);
	spec.inputs = &feature;
	spec.ninputs = 1;
	spec.target = (PtRowsetColumn){PT_FLOAT32, {1, {1}}, 2 * sizeof(float)};
	spec.options.epochs = 60;
	spec.options.batch_size = 40;
	spec.options.shuffle = true;
	fit = pt_fit_new(&spec, dev, err);
	if (fit != NULL)
	{
		PtRun run;

		while ((run = pt_fit_run(fit, INT64_MAX, &epoch, err)) == PT_RUN_MORE)
			if (epoch.epoch > 0)
				loss = epoch.loss;
		CHECK_OK(run == PT_RUN_DONE, err);
		CHECK_OK(pt_network_read(pt_fit_network(fit), 0, weights, err), err);
	}
	pt_fit_free(fit);
	pt_arena_free(arena);
	return loss;
}

static void
test_training(void)
{
	const char *module =
		"Sequential(Linear(2, 16), GELU(), LayerNorm(16), Dropout(0.0), Linear(16, 1))";
	PtError err = {0};
	float w[32], v[32];
	double full = train(PT_AUTOCAST_OFF, module, w, &err);
	double mixed = train(PT_AUTOCAST_BFLOAT16, module, v, &err);
	int fine = 0;

	CHECK(full < 0.01 && mixed < 0.02, "losses %g and %g: %s", full, mixed, err.message);
	/* the weights are float32 that no bfloat16 is, and not those of full precision */
	for (int i = 0; i < 32; i++)
		fine += pt_bfloat_to_float(pt_bfloat_from_float(v[i])) != v[i];
	CHECK(fine > 28 && memcmp(w, v, sizeof(w)) != 0, "%d of 32 weights have float32's digits",
		  fine);
	train(PT_AUTOCAST_BFLOAT16, "Graph('x -> f(x) * 0 + mean(f(x))', 'f', Linear(2, 1))", v, &err);
	/* gradients are packed in bfloat16 if all are cast, and in float32 if one is not: here that of weights times 0 */
	train(PT_AUTOCAST_BFLOAT16, "Sequential(Linear(2, 16), ReLU(), Linear(16, 1))", v, &err);
	train(PT_AUTOCAST_BFLOAT16,
		  "Graph('x -> f(x) + 0 * mean(n(x))', 'f', Sequential(Linear(2, 16), ReLU(), "
		  "Linear(16, 1)), 'n', LayerNorm(2))",
		  w, &err);
	/* the optimizer's arithmetic may round in another way where the cast is a part of it */
	for (int i = 0; i < 32; i++)
		CHECK(check_close(w[i], v[i], 1e-3, 1e-4), "weight %d is %.9g, wanted %.9g", i, w[i], v[i]);
}

int
main(void)
{
	PtError err;

	dev = open_device(1);
	dev3 = open_device(3);
	devices[0] = open_cpu(1);
	devices[1] = open_cpu(3);
	devices[2] = pt_cpu_device.open(&(PtDeviceOptions){.threads = 2}, &err);
	test_ops();
	test_modules();
	test_products();
	test_golden();
	test_training();
	for (int i = 0; i < 3; i++)
		pt_cpu_device.close(devices[i]);
	dev->type->close(dev);
	dev3->type->close(dev3);
	return check_done();
}
