/*
 * test_random.c
 *	  Random numbers of graphs: Philox as published, the same on any number of threads, and what
 *	  Dropout, AlphaDropout and RReLU make of them.
 *
 * They are not PyTorch's numbers, so they are tested by a reference, by statistics, and by what must not matter.
 */
#include <stdlib.h>
#include <string.h>

#include "engine/nn/module.h"
#include "engine/run.h"

static PtArena *arena;

/* ---------- a reference ---------- */

/* Philox4x32-10 as its authors define it. */
static void
reference(uint32_t c[4], uint32_t k0, uint32_t k1)
{
	for (int i = 0; i < 10; i++, k0 += 0x9E3779B9, k1 += 0xBB67AE85)
	{
		uint64_t a = (uint64_t) 0xD2511F53 * c[0], b = (uint64_t) 0xCD9E8D57 * c[2];
		uint32_t next[4] = {(uint32_t) (b >> 32) ^ c[1] ^ k0, (uint32_t) b,
							(uint32_t) (a >> 32) ^ c[3] ^ k1, (uint32_t) a};

		memcpy(c, next, sizeof(next));
	}
}

static float
reference_uniform(int64_t i, uint64_t stream, uint64_t seed)
{
	uint64_t counter = (uint64_t) (i / 64 * 16 + i % 16);
	uint32_t c[4] = {(uint32_t) counter, (uint32_t) (counter >> 32), (uint32_t) stream,
					 (uint32_t) (stream >> 32)};

	reference(c, (uint32_t) seed, (uint32_t) (seed >> 32));
	return (float) (c[i % 64 / 16] >> 8) / 16777216;
}

/* The authors' known answers (Random123, kat_vectors). */
static void
test_reference(void)
{
	static const uint32_t cases[3][10] = {
		{0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
		{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d,
		 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
		{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
		 0x94fdcceb, 0x5001e420, 0x24126ea1},
	};

	for (int i = 0; i < 3; i++)
	{
		uint32_t c[4];

		memcpy(c, cases[i], sizeof(c));
		reference(c, cases[i][4], cases[i][5]);
		CHECK(memcmp(c, cases[i] + 6, sizeof(c)) == 0, "known answer %d", i);
	}
}

/* ---------- running a module ---------- */

typedef struct Setting
{
	const char *text;
	int64_t seed, step;
	int threads;
	bool no_fuse, no_reuse;
} Setting;

/* y = module(x) while training, and the gradient of sum(y v); shape of x, v, y and dx. */
static bool
run(const Setting *s, const PtShape *shape, float *x, float *v, float *y, float *dx)
{
	PtPlanOptions how = {.poison = true, .no_fuse = s->no_fuse, .no_reuse = s->no_reuse};
	PtError err = {0};
	PtDevice *dev = test_device(s->threads);
	PtGraph *g = pt_graph_new(&err);
	PtModule *m = pt_module_parse(arena, s->text, &err);
	PtStateDict sd;
	PtRef in[3] = {pt_external(g, "x", PT_FLOAT32, shape), pt_external(g, "v", PT_FLOAT32, shape),
				   pt_external(g, "step", PT_INT64, &(PtShape){0})};
	PtRef out[2] = {pt_external(g, "y", PT_FLOAT32, shape),
					pt_external(g, "dx", PT_FLOAT32, shape)};
	PtBuild b = {.g = g,
				 .sd = &sd,
				 .seed = pt_integer(g, s->seed),
				 .step = in[2],
				 .training = true};
	PtRef ref, grad;
	PtPlan *plan = NULL;
	int64_t step = s->step;
	bool ok = false;

	if (CHECK(dev != NULL && m != NULL && pt_module_state(arena, m, &sd, &err), "%s", err.message))
	{
		ref = pt_module_build(&b, m, in, 1);
		pt_graph_assign(g, out[0], ref);
		ref = pt_sum(g, pt_mul(g, ref, in[1]), NULL, 0, false);
		pt_gradient(g, ref, in, 1, &grad);
		pt_graph_assign(g, out[1], grad);
		if (pt_graph_ok(g, &err))
			plan = pt_plan_compile(g, dev, &how, &err);
		if (CHECK(plan != NULL, "%s: %s", s->text, err.message))
		{
			pt_plan_bind(plan, in[0], x);
			pt_plan_bind(plan, in[1], v);
			pt_plan_bind(plan, in[2], &step);
			pt_plan_bind(plan, out[0], y);
			pt_plan_bind(plan, out[1], dx);
			ok = CHECK(run_plan(plan, &err), "%s: %s", s->text, err.message);
		}
	}
	pt_plan_free(plan);
	pt_graph_free(g);
	if (dev != NULL)
		dev->type->close(dev);
	return ok;
}

#define N 30000

static float x[N], v[N], y[N], dx[N], y2[N], dx2[N];

static const PtShape shapes[] = {{1, {N}}, {2, {N / 100, 100}}, {3, {7, 1, 61}}, {2, {1, 1}},
								 {0},	   {2, {0, 3}}};

/* Element by element, for shapes and streams of all kinds. */
static void
test_values(void)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		for (int k = 0; k < 4; k++)
		{
			Setting s = {.text = "nn.Dropout(0.3)",
						 .seed = (int64_t[]){0, 1, -5, INT64_MIN + 77}[k],
						 .step = (int64_t[]){0, 1, 1000, (int64_t) 1 << 33}[k],
						 .threads = 1};
			uint64_t stream = (uint64_t) s.step * (1 << 24) + 1;
			int64_t n = pt_shape_numel(&shapes[i]);
			int bad = 0;

			if (!run(&s, &shapes[i], x, v, y, dx))
				continue;
			for (int64_t j = 0; j < n; j++)
			{
				bool keep = reference_uniform(j, stream, (uint64_t) s.seed) < 0.7f;
				float f = keep ? (float) (1 / (double) 0.7f) : 0;

				bad += y[j] != x[j] * f || dx[j] != v[j] * f;
			}
			CHECK(bad == 0, "shape %d, seed %d: %d elements differ", (int) i, k, bad);
		}
}

/* Threads, fusion and memory change nothing; seed, step and module change everything. */
static void
test_determinism(void)
{
	static const char *const texts[] =
		{"nn.Dropout()", "nn.AlphaDropout(0.2)", "nn.RReLU()",
		 "nn.Sequential(nn.Sigmoid(), nn.Dropout(0.25), nn.Tanh(), nn.Dropout())"};
	Setting again[] = {{.threads = 2},
					   {.threads = 3},
					   {.threads = 1, .no_fuse = true},
					   {.threads = 2, .no_reuse = true}};
	Setting other[] = {{.seed = 4, .step = 5, .threads = 1}, {.seed = 3, .step = 6, .threads = 1}};

	for (int j = 0; j < N; j++)
		x[j] = j % 3 ? -1 - (float) (j % 100) : 1;
	for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++)
	{
		Setting s = {.text = texts[t], .seed = 3, .step = 5, .threads = 1};

		if (!run(&s, &shapes[1], x, v, y, dx))
			continue;
		for (int i = 0; i < 4; i++)
		{
			again[i].text = texts[t];
			again[i].seed = 3;
			again[i].step = 5;
			if (run(&again[i], &shapes[1], x, v, y2, dx2))
				CHECK(memcmp(y, y2, sizeof(y)) == 0 && memcmp(dx, dx2, sizeof(dx)) == 0,
					  "%s, variant %d", texts[t], i);
		}
		for (int i = 0; i < 2; i++)
		{
			int same = 0;

			other[i].text = texts[t];
			run(&other[i], &shapes[1], x, v, y2, dx2);
			for (int j = 0; j < N; j++)
				same += y[j] == y2[j];
			CHECK(same < 0.9 * N, "%s: other %s, but %d of %d values are equal", texts[t],
				  i ? "step" : "seed", same, N);
		}
	}
	for (int j = 0; j < N; j++)
		x[j] = 1 + (float) (j % 100);
	/* two modules: a quarter is kept by both */
	{
		Setting s = {.text = "nn.Sequential(nn.Dropout(), nn.Dropout())",
					 .seed = 3,
					 .step = 5,
					 .threads = 1};
		int kept = 0;

		run(&s, &shapes[1], x, v, y, dx);
		for (int j = 0; j < N; j++)
			kept += y[j] != 0;
		CHECK(fabs(kept - N / 4.0) < 4 * sqrt(N * 3 / 16.0), "%d of %d are kept", kept, N);
	}
}

/* Drop rates within 4 sigma; forward and backward use one mask; kept values are scaled exactly. */
static void
test_statistics(void)
{
	static const double rates[] = {0.01, 0.1, 0.5, 0.9, 1};

	for (int i = 0; i < 5; i++)
	{
		char text[40];
		Setting s = {.text = text, .seed = 11, .step = i, .threads = 1};
		int dropped = 0, runs = 0, differ = 0;
		double p = rates[i], sum = 0, squares = 0;

		snprintf(text, sizeof(text), "nn.Dropout(%g)", p);
		if (!run(&s, &shapes[1], x, v, y, dx))
			continue;
		for (int j = 0; j < N; j++)
		{
			dropped += y[j] == 0;
			runs += j > 0 && y[j] == 0 && y[j - 1] == 0;
			differ += (y[j] == 0) != (dx[j] == 0);
		}
		CHECK(fabs(dropped - N * p) <= 4 * sqrt(N * p * (1 - p)), "p %g: %d of %d dropped", p,
			  dropped, N);
		CHECK(fabs(runs - N * p * p) <= 6 * sqrt(N * p * p * (1 - p * p)) + 1,
			  "p %g: %d of %d are neighbours", p, runs, N);
		CHECK(differ == 0, "p %g: %d masks differ", p, differ);

		snprintf(text, sizeof(text), "nn.AlphaDropout(%g)", p);
		for (int j = 0; j < N; j++)
			x[j] = (j % 2 ? 1 : -1) * 1.0f; /* mean 0, variance 1 */
		run(&s, &shapes[1], x, v, y, dx);
		for (int j = 0; j < N; j++)
		{
			sum += y[j] / N;
			squares += (double) y[j] * y[j] / N;
		}
		if (p < 1)
			CHECK(fabs(sum) < 0.05 && fabs(squares - 1) < 0.06, "p %g: mean %g, square %g", p, sum,
				  squares);
		else
			CHECK(squares == 0, "p 1: square %g", squares);
		for (int j = 0; j < N; j++)
			x[j] = 1 + (float) (j % 100);
	}
	/* slopes of RReLU */
	{
		Setting s = {.text = "nn.RReLU(0.1, 0.5)", .seed = 2, .step = 9, .threads = 1};
		double sum = 0;
		int bad = 0, n = 0;

		for (int j = 0; j < N; j++)
			x[j] = (j % 2 ? 1 : -1) * (1 + (float) (j % 10));
		run(&s, &shapes[1], x, v, y, dx);
		for (int j = 0; j < N; j++)
		{
			double slope = y[j] / x[j];

			bad += fabs(dx[j] / v[j] - slope) > 1e-6 ||
				   (x[j] > 0 ? slope != 1 : slope < 0.1 || slope >= 0.5);
			sum += x[j] > 0 ? 0 : slope;
			n += x[j] <= 0;
		}
		CHECK(bad == 0 && fabs(sum / n - 0.3) < 4 * 0.4 / sqrt(12.0 * n), "%d bad, mean %g", bad,
			  sum / n);
	}
}

/* Without seed and step there is no training, but evaluation. */
static void
test_errors(void)
{
	PtError err = {0};
	PtGraph *g = pt_graph_new(&err);
	PtStateDict sd = {0};
	PtBuild b = {.g = g, .sd = &sd};
	PtModule *m = pt_module_parse(arena, "nn.Dropout()", &err);
	PtRef in = pt_external(g, "x", PT_FLOAT32, &shapes[1]);

	CHECK(pt_module_build(&b, m, &in, 1) == in, "evaluation is the identity");
	b.training = true;
	CHECK(pt_module_build(&b, m, &in, 1) == PT_NO_REF && g->error.code == PT_EINTERNAL);
	pt_graph_free(g);
}

int
main(void)
{
	arena = pt_arena_new();
	for (int i = 0; i < N; i++)
	{
		x[i] = 1 + (float) (i % 100);
		v[i] = 0.5f + (float) (i % 7);
	}
	test_reference();
	test_values();
	test_determinism();
	test_statistics();
	test_errors();
	pt_arena_free(arena);
	return check_done();
}
