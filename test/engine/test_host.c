/*
 * test_host.c
 *	  Steps on the host (plan/host.c): what is copied, how often, and what plans say of it.
 *
 * That results are the same is what all tests of plans show with PGTORCH_TEST_HOST_OPS; here copies are counted.
 */
#include <stdio.h>

#include "engine/graph_harness.h"
#include "engine/plan/plan.h"

static PtDevice *dev;

/* ---------- the device under test, counting copies ---------- */

static const PtDeviceType *counted;
static int downs, ups, launches;
static size_t down_bytes;

static bool
count_download(PtDevice *d, void *host, const void *src, size_t bytes, PtError *err)
{
	downs++;
	down_bytes += bytes;
	return counted->download(d, host, src, bytes, err);
}

static bool
count_upload(PtDevice *d, void *dst, const void *host, size_t bytes, PtError *err)
{
	ups++;
	return counted->upload(d, dst, host, bytes, err);
}

static bool
count_launch(PtDevice *d, PtQueue *s, int64_t repeat, PtError *err)
{
	launches++;
	return counted->launch(d, s, repeat, err);
}

static void
count_copies(void)
{
	static PtDeviceType counting;

	counted = dev->type;
	counting = *counted;
	counting.download = count_download;
	counting.upload = count_upload;
	counting.launch = count_launch;
	dev->type = &counting;
}

static bool
run_counted(PtPlan *plan, int64_t repeat, int64_t budget_ns, int *more)
{
	PtError err = {0};
	bool ok;

	downs = ups = launches = 0;
	down_bytes = 0;
	ok = plan != NULL && run_all(plan, repeat, budget_ns, more, &err);
	return CHECK(ok, "%s", err.message);
}

/* How often a line of the plan contains text. */
static int
lines_with(const PtPlan *plan, const char *what)
{
	char *text = plan != NULL ? pt_plan_print(plan) : NULL;
	int n = 0;

	for (const char *at = text; at != NULL && (at = strstr(at, what)) != NULL; at++)
		n++;
	free(text);
	return n;
}

/* Compares with the plan that has nothing on the host, after so many runs from the start; gives another such plan. */
static PtPlan *
compile_with(Case *c, const char *ops, int64_t repeat, double rel)
{
	PtError err = {0};
	void **want;
	PtPlan *plan;
	int at;

	test_on_host(dev, "");
	CHECK(run_case(c, dev, NULL, repeat, &err), "%s", err.message);
	want = case_snapshot(c);
	test_on_host(dev, ops);
	plan = case_compile(c, dev, &(PtPlanOptions){.poison = true}, &err);
	if (CHECK(plan != NULL && run_all(plan, repeat, INT64_MAX, NULL, &err), "%s: %s", ops,
			  err.message))
	{
		at = case_differs(c, want, rel);
		CHECK(at < 0, "%s: external %d differs", ops, at);
	}
	pt_plan_free(plan);
	free_snapshot(c, want);
	return case_compile(c, dev, NULL, &err);
}

static PtRef
softmax(PtGraph *g, PtRef x)
{
	return pt_apply_name(g, "softmax", &x, 1, &(PtGiven){"dim", {PT_VALUE_INT, 0, {.integer = 1}}},
						 1);
}

/* ---------- tests ---------- */

/* What two host steps hand on stays there; only what the device reads goes back. */
static void
test_chain(void)
{
	Case c;
	PtRef x, y;
	PtPlan *plan;

	case_begin(&c);
	draw_seed(1);
	x = pt_exp(c.g, c.ext[case_random(&c, PT_FLOAT32, SHAPE(50, 70), 1)]);
	y = pt_sum(c.g, softmax(c.g, softmax(c.g, x)), (int64_t[]){0}, 1, false);
	case_output(&c, pt_log(c.g, y));
	plan = compile_with(&c, "softmax sum", 1, 1e-5);
	CHECK(lines_with(plan, "on the host") == 3 && lines_with(plan, "download 14000 bytes") == 1 &&
			  lines_with(plan, "upload 280 bytes") == 1 && lines_with(plan, "load") == 2,
		  "steps %d, copies %d", lines_with(plan, "on the host"), lines_with(plan, "load"));
	run_counted(plan, 3, INT64_MAX, NULL);
	CHECK(downs == 3 && ups == 3 && launches == 6, "%d down, %d up, %d launches", downs, ups,
		  launches);
	CHECK(strcmp(pt_plan_host_op(plan, 0), "softmax") == 0 &&
			  strcmp(pt_plan_host_op(plan, 2), "sum") == 0 && pt_plan_host_op(plan, 3) == NULL,
		  "names");
	/* on the host two of the three values and what is copied; on the device neither softmax */
	CHECK(pt_plan_bytes(plan) >= 3 * 14000 && pt_plan_bytes(plan) <= 3 * 14000 + 2048, "%zu bytes",
		  pt_plan_bytes(plan));
	pt_plan_free(plan);
	case_end(&c);
}

/* Of what the plan does not change a step's own part is copied, once a launch; of what it changes, each run. */
static void
test_constants(void)
{
	Case c;
	int w, n;
	PtRef part, y;
	PtPlan *plan;

	case_begin(&c);
	draw_seed(2);
	w = case_random(&c, PT_FLOAT32, SHAPE(100000), 1);
	n = case_random(&c, PT_FLOAT32, SHAPE(4, 5), 1);
	part = pt_slice(c.g, c.ext[w], 500, SHAPE(4, 5));
	y = pt_add(c.g, softmax(c.g, part), softmax(c.g, c.ext[n]));
	pt_graph_assign(c.g, c.ext[n], y);
	plan = compile_with(&c, "softmax", 7, 1e-5);
	run_counted(plan, 7, INT64_MAX, NULL);
	CHECK(downs == 1 + 7 && down_bytes == 8 * 80 && ups == 14, "%d down (%zu bytes), %d up", downs,
		  down_bytes, ups);
	CHECK(pt_plan_is_quiet(plan) != dev->threads, "quiet where no device has threads");
	/* between launches it may have changed */
	run_counted(plan, 1, INT64_MAX, NULL);
	CHECK(downs == 2, "%d down", downs);
	pt_plan_free(plan);
	case_end(&c);
}

/* Slices of any length, and a run that was left. */
static void
test_slices(void)
{
	Case c;
	int x, more = 0;
	PtRef t;
	PtPlan *plan;
	PtError err = {0};
	void **want;

	case_begin(&c);
	draw_seed(3);
	x = case_random(&c, PT_FLOAT32, SHAPE(200, 300), 1);
	t = c.ext[x];
	for (int i = 0; i < 6; i++)
		t = pt_exp(c.g, softmax(c.g, t));
	pt_graph_assign(c.g, c.ext[x], t);
	case_output(&c, pt_sum(c.g, t, NULL, 0, false));
	plan = compile_with(&c, "softmax", 4, 1e-5);
	CHECK(run_all(plan, 4, INT64_MAX, NULL, &err), "%s", err.message);
	want = case_snapshot(&c);
	for (int stop = 0; stop < 40; stop += 7)
	{
		PtRun run = PT_RUN_MORE;

		for (int i = 0; i < c.n; i++)
			memcpy(c.data[i], c.initial[i], case_bytes(&c, i));
		for (int i = 0; i < stop && run == PT_RUN_MORE; i++)
			run = pt_plan_run(plan, 4, 0, &err);
		CHECK(run == PT_RUN_MORE && (stop == 0 || pt_plan_is_running(plan)), "call %d", stop);
		pt_plan_abandon(plan);
		for (int i = 0; i < c.n; i++)
			memcpy(c.data[i], c.initial[i], case_bytes(&c, i));
		CHECK(run_all(plan, 4, 0, &more, &err) && case_differs(&c, want, -1) < 0,
			  "after %d calls: %s", stop, err.message);
	}
	CHECK(more > 6 * 4 * 18, "%d slices", more);
	CHECK(run_all(plan, 0, 0, NULL, &err) && case_differs(&c, want, -1) < 0, "no run at all");
	free_snapshot(&c, want);
	pt_plan_free(plan);
	case_end(&c);
}

/* A copy of many pieces is left in the middle, too. */
static void
test_large(void)
{
	Case c;
	int more = 0;
	PtPlan *plan;
	PtRef sum;

	case_begin(&c);
	draw_seed(4);
	sum = pt_sum(c.g, c.ext[case_random(&c, PT_FLOAT32, SHAPE(9, 1 << 20), 1)], (int64_t[]){1}, 1,
				 false);
	case_output(&c, sum);
	plan = compile_with(&c, "sum", 1, 1e-5);
	run_counted(plan, 1, 0, &more);
	CHECK(downs == 3 && down_bytes == (size_t) 36 << 20 && more >= 3, "%d down, %d slices", downs,
		  more);
	pt_plan_free(plan);
	case_end(&c);
}

/*
 * Values that are too large to have a place to themselves, read soon and late, whole and in parts, on both sides: what
 * lies where another still lives, or was not copied, changes the result.
 */
static void
test_places(void)
{
	static const char *const ops[] = {"softmax",		 "permute",		"softmax permute",
									  "softmax program", "program sum", "mm permute copy"};
	enum
	{
		N = 24
	};

	for (uint64_t seed = 0; seed < (uint64_t) tries(dev, 120, 30); seed++)
	{
		Case c;
		PtRef x[64];
		int n = 0, flat;

		case_begin(&c);
		draw_seed(seed);
		flat = case_random(&c, PT_FLOAT32, SHAPE(8 * N * N), 1);
		for (int i = 0; i < 3; i++)
			x[n++] = c.ext[case_random(&c, PT_FLOAT32, SHAPE(N, N), 1)];
		while (n < 40)
		{
			/* often one of the last, at times one of long ago */
			PtRef a = x[draw_int(3) > 0 ? n - 1 - draw_int(3) : draw_int(n)], b = x[draw_int(n)];

			switch (draw_int(7))
			{
				case 0:
					a = pt_tanh(c.g, a);
					break;
				case 1:
					a = pt_add(c.g, a, b);
					break;
				case 2:
				case 3:
					a = softmax(c.g, a);
					break;
				case 4:
					a = pt_apply_name(c.g, "t", &a, 1, NULL, 0);
					break;
				case 5:
					a = pt_mm(c.g, a, b, false, false);
					break;
				default:
					/* of an external, or of what was computed */
					b = draw_int(2) ? c.ext[flat]
									: pt_reshape(c.g, pt_add(c.g, a, b), SHAPE(N * N));
					b = pt_slice(c.g, b, draw_int(N) * 8, SHAPE(N / 2, N));
					a = pt_add(c.g, a, pt_sum(c.g, softmax(c.g, b), (int64_t[]){0}, 1, false));
					break;
			}
			x[n++] = a;
		}
		for (int i = 0; i < 4; i++)
			case_output(&c, x[n - 1 - draw_int(12)]);
		pt_graph_assign(c.g, c.ext[1], x[n - 1]);
		pt_plan_free(compile_with(&c, ops[seed % (sizeof(ops) / sizeof(ops[0]))], 2, 1e-4));
		case_end(&c);
	}
}

static void
test_errors(void)
{
	Case c;
	int x, t;
	PtRef out[2];
	PtPlan *plan;
	PtError err = {0}, want = {0};
	PtOp op = *pt_op_find("softmax");

	/* the words are those of the device */
	case_begin(&c);
	x = case_random(&c, PT_FLOAT32, SHAPE(6, 4), 1);
	t = case_external(&c, PT_INT64, SHAPE(6));
	case_set(&c, t, 3, 4);
	pt_apply_all(c.g, pt_op_find("cross_entropy"), (PtRef[]){c.ext[x], c.ext[t]}, 2, NULL, 0, NULL,
				 out);
	case_output(&c, pt_exp(c.g, out[0]));
	test_on_host(dev, "");
	CHECK(!run_case(&c, dev, NULL, 1, &want) && want.code == PT_EDATA, "%s", want.message);
	test_on_host(dev, "cross_entropy");
	plan = case_compile(&c, dev, NULL, &err);
	for (int i = 0; i < 2; i++)
		CHECK(plan != NULL && !run_all(plan, 3, INT64_MAX, NULL, &err) && err.code == want.code &&
				  strcmp(err.message, want.message) == 0 && strcmp(err.detail, want.detail) == 0,
			  "%s, not %s", err.message, want.message);
	((int64_t *) c.data[t])[3] = 3;
	CHECK_OK(run_all(plan, 3, INT64_MAX, NULL, &err), &err);
	pt_plan_free(plan);

	/* the limit is of both memories */
	test_on_host(dev, "");
	plan = case_compile(&c, dev, NULL, &err);
	CHECK(plan != NULL && pt_plan_host_op(plan, 0) == NULL && lines_with(plan, "load") == 0,
		  "nothing on the host");
	t = plan != NULL ? (int) pt_plan_bytes(plan) : 0;
	pt_plan_free(plan);
	test_on_host(dev, "cross_entropy");
	CHECK(case_compile(&c, dev, &(PtPlanOptions){.max_bytes = (size_t) t}, &err) == NULL &&
			  err.code == PT_ELIMIT,
		  "%s", err.message);
	case_end(&c);

	/* an op that neither has */
	op.name = "no_such";
	case_begin(&c);
	x = case_random(&c, PT_FLOAT32, SHAPE(6, 4), 1);
	out[0] = softmax(c.g, c.ext[x]);
	c.g->nodes[pt_value(c.g, out[0])->node].op = &op;
	case_output(&c, out[0]);
	test_on_host(dev, "no_such");
	CHECK(case_compile(&c, dev, NULL, &err) == NULL && err.code == PT_EUNSUPPORTED &&
			  strstr(err.message, "no_such is not implemented on device ") != NULL &&
			  strstr(err.message, dev->type->name) != NULL,
		  "%s", err.message);
	case_end(&c);
}

static void
test_lacks(void)
{
	test_on_host(dev, "softmax exp narrow reshape");
	CHECK(pt_plan_lacks(dev, pt_op_find("softmax")), "softmax");
	CHECK(!pt_plan_lacks(dev, pt_op_find("log_softmax")), "log_softmax");
	/* no steps of their own */
	CHECK(!pt_plan_lacks(dev, pt_op_find("exp")) && !pt_plan_lacks(dev, pt_op_find("narrow")) &&
			  !pt_plan_lacks(dev, pt_op_find("reshape")),
		  "others");
	/* only what the host has: not what no plan ever runs */
	test_on_host(dev, "rand rand_like nonzero_indices");
	CHECK(!pt_plan_lacks(dev, pt_op_find("rand")) &&
			  pt_plan_lacks(dev, pt_op_find("nonzero_indices")),
		  "what no device runs");
}

int
main(void)
{
	dev = open_device(1);
	test_on_host(dev, "");
	count_copies();
	test_chain();
	test_constants();
	test_slices();
	test_large();
	test_places();
	test_errors();
	test_lacks();
	dev->type->close(dev);
	return check_done();
}
