/*
 * test_cuda_queue.c
 *	  Queues on the device "cuda" that run many times or have many tasks: CUDA graphs of one run and of several.
 */
#include <time.h>

#include "engine/cuda_harness.h"

/* What pgtorch_info() says of the device under a key. */
static const char *
info_of(const char *key)
{
	static char value[128];
	const char *k;

	for (int i = 0; cuda_type->info(cuda_dev, i, &k, value, sizeof(value)); i++)
		if (strcmp(k, key) == 0)
			return value;
	return "";
}

static void
graphs(long *captured, long * not )
{
	CHECK(sscanf(info_of("cuda graphs"), "%ld captured, %ld not", captured, not ) == 2, "\"%s\"",
		  info_of("cuda graphs"));
}

/*
 * The end of a training's step, so many times: each run reads what the one before has written, at addresses that
 * a third task writes over.
 */
static void
count_runs(int64_t runs)
{
	PtOp check_finite = {.name = "check_finite"};
	PtOp advance = {.name = "advance"};
	PtOp copy = {.name = "copy"};
	Attribute count = {"count", {PT_VALUE_INT, 0, {.integer = 3}}};
	Attribute by = {"by", {PT_VALUE_INT, 0, {.integer = 5}}};
	Attributes counts, bys;
	PtOperand ctl = OPERAND(PT_INT64, PT_CTL_SIZE), stats = OPERAND(PT_FLOAT64, PT_STATS_SIZE);
	PtOperand next_ctl = OPERAND(PT_INT64, PT_CTL_SIZE),
			  next_stats = OPERAND(PT_FLOAT64, PT_STATS_SIZE);
	PtOperand loss = OPERAND(PT_FLOAT32, 1);
	PtOperand watched[] = {ctl, stats, loss}, seen[] = {next_ctl, next_stats};
	PtStep steps[] = {{.op = &check_finite,
					   .attrs = set_attributes(&counts, &count, 1),
					   .nin = 3,
					   .nout = 2,
					   .in = watched,
					   .out = seen},
					  {.op = &advance,
					   .attrs = set_attributes(&bys, &by, 1),
					   .nin = 1,
					   .nout = 1,
					   .in = &next_ctl,
					   .out = &ctl},
					  {.op = &copy, .nin = 1, .nout = 1, .in = &next_stats, .out = &stats}};
	const int64_t *c = ctl.data;
	const double *s = stats.data;
	PtError err = {0};

	memset(ctl.data, 0, bytes_of(&ctl));
	memset(stats.data, 0, bytes_of(&stats));
	pt_element_set_double(PT_FLOAT32, loss.data, 0, 0.5);
	cuda_repeat = runs;
	if (CHECK_OK(run_queue_cuda(&(PtQueue){.steps = steps, .nsteps = 3}, &err), &err))
	{
		CHECK(c[PT_CTL_POSITION] == 5 * runs && c[PT_CTL_STEPS] == runs && c[PT_CTL_DIVERGED] == 0,
			  "%lld runs: counted %lld, %lld", (long long) runs, (long long) c[PT_CTL_POSITION],
			  (long long) c[PT_CTL_STEPS]);
		CHECK(s[PT_STATS_LOSS] == 1.5 * (double) runs && s[PT_STATS_ROWS] == 3 * (double) runs &&
				  s[PT_STATS_LAST] == 0.5,
			  "%lld runs: summed up %g, %g", (long long) runs, s[PT_STATS_LOSS], s[PT_STATS_ROWS]);
	}
	cuda_repeat = 1;
	free(ctl.data);
	free(stats.data);
	free(next_ctl.data);
	free(next_stats.data);
	free(loss.data);
}

/* Any number of runs, in graphs of one and of several; short ones come to be several to a graph. */
static void
test_runs(void)
{
	long before = 0, captured = 0, not = 0;
	int tries = 0;

	for (int64_t runs = 1; runs < 300; runs += 1 + runs / 4)
		count_runs(runs);
	/* bursts grow with the GPU's speed: on a machine that is busy it takes a while */
	for (; captured - before < 2 && tries < 100; tries++)
	{
		graphs(&before, &not );
		count_runs(20011);
		graphs(&captured, &not );
	}
	CHECK(captured - before == 2, "%ld graphs were captured, wanted one of one run, one of several",
		  captured - before);
	CHECK(not == 0, "%ld graphs were not captured", not );
}

/*
 * More products than their workspaces have room for side by side, each of one before, over few places for
 * results: what it reads is written over as soon as it may be.
 */
static void
test_many_products(int64_t n)
{
	enum
	{
		SIZE = 4,
		PLACES = 7
	};
	PtOp mm = {.name = "mm"};
	PtOperand first = RANDOM(PT_FLOAT32, 0.7, SIZE, SIZE);
	PtOperand there = OPERAND(PT_FLOAT32, PLACES, SIZE, SIZE);
	PtOperand here = OPERAND(PT_FLOAT32, PLACES, SIZE, SIZE);
	PtStep *steps = calloc((size_t) n, sizeof(PtStep));
	PtOperand *operands = calloc((size_t) n, 3 * sizeof(PtOperand));
	const Attribute given[] = {{"ta", {PT_VALUE_BOOL, 0, {.boolean = false}}},
							   {"tb", {PT_VALUE_BOOL, 0, {.boolean = true}}}};
	Attributes a;
	const PtArgs *attrs = set_attributes(&a, given, 2);
	PtError err = {0};

	for (int device = 0; device < 2; device++)
	{
		PtOperand *all = device == 0 ? &there : &here;
		PtQueue s = {.steps = steps, .nsteps = (int) n};

		memset(all->data, 0, bytes_of(all));
		for (int64_t i = 0; i < n; i++)
		{
			PtOperand *o = &operands[3 * i];

			/* of the first, or of what was put 3 places further 4 products ago; places in turn */
			for (int k = 0; k < 3; k++)
				o[k] = first;
			if (i % 5 != 0)
				o[0].data = (char *) all->data + (size_t) ((i + 3) % PLACES) * bytes_of(&first);
			o[2].data = (char *) all->data + (size_t) (i % PLACES) * bytes_of(&first);
			steps[i] =
				(PtStep){.op = &mm, .attrs = attrs, .nin = 2, .nout = 1, .in = o, .out = &o[2]};
		}
		CHECK_OK(device == 0 ? run_queue_cuda(&s, &err)
							 : run_queue(cuda_cpu, &s, cuda_repeat, INT64_MAX, NULL, &err),
				 &err);
	}
	close_operands(&there, &here, 1e-5, 1e-6, "products of products");
	free(first.data);
	free(there.data);
	free(here.data);
	free(steps);
	free(operands);
}

/* Part of an array of float32. */
static PtOperand
part_of(const PtOperand *all, int64_t at, int64_t rows, int64_t cols)
{
	PtOperand o = {PT_FLOAT32, {1, {cols}}, (float *) all->data + at};

	if (rows > 0)
		o.shape = (PtShape){2, {rows, cols}};
	return o;
}

/*
 * Products with vectors: a bias that changes between them, biases that lie where cuBLASLt takes none (shift), a bias's
 * gradient that is fused with the weight's, read alone, and written over.
 */
static void
test_vectors(int64_t shift)
{
	enum
	{
		ROWS = 8,
		COLS = 16,
		Y = 64 /* results of ROWS x COLS from here on; before them vectors */
	};
	PtOp copy = {.name = "copy"};
	PtOp linear = {.name = "linear"};
	PtOp mm = {.name = "mm"};
	PtOp sum = {.name = "sum"};
	const int64_t rows_dim[] = {0};
	const Attribute given[] = {{"ta", {PT_VALUE_BOOL, 0, {.boolean = true}}},
							   {"tb", {PT_VALUE_BOOL, 0, {.boolean = false}}}};
	const Attribute over[] = {INTS_ATTR("dim", 1, rows_dim),
							  {"keepdim", {PT_VALUE_BOOL, 0, {.boolean = false}}}};
	Attributes a, d;
	PtOperand from = RANDOM(PT_FLOAT32, 1, 1024);
	PtOperand there = OPERAND(PT_FLOAT32, 1024), here = OPERAND(PT_FLOAT32, 1024);
	PtError err = {0};

	set_attributes(&a, given, 2);
	set_attributes(&d, over, 2);
	for (int device = 0; device < 2; device++)
	{
		const PtOperand *to = device == 0 ? &there : &here;
		PtOperand first = part_of(&from, 0, 0, COLS), second = part_of(&from, 16, 0, COLS);
		PtOperand other = part_of(&from, 32 + shift, 0, COLS);
		PtOperand x = part_of(&from, 64, ROWS, COLS), w = part_of(&from, 256, COLS, COLS);
		PtOperand bias = part_of(to, shift, 0, COLS);
		PtOperand y = part_of(to, Y, ROWS, COLS), y2 = part_of(to, Y + 128, ROWS, COLS);
		PtOperand y3 = part_of(to, Y + 256, ROWS, COLS), g = part_of(to, Y + 384, COLS, COLS);
		PtOperand gradient = part_of(to, 32, 0, COLS), seen = part_of(to, 48, 0, COLS);
		PtOperand in[][3] = {{first}, {x, w, bias}, {second},	{x, w, bias}, {x, w, other},
							 {x, x},  {x},			{gradient}, {first}};
		PtOperand out[] = {bias, y, bias, y2, y3, g, gradient, seen, gradient};
		PtStep steps[] = {
			{.op = &copy, .nin = 1},
			{.op = &linear, .nin = 3},
			{.op = &copy, .nin = 1},
			{.op = &linear, .nin = 3},
			{.op = &linear, .nin = 3},
			{.op = &mm, .attrs = &a.args, .nin = 2},
			{.op = &sum, .attrs = &d.args, .nin = 1},
			{.op = &copy, .nin = 1},
			{.op = &copy, .nin = 1},
		};
		PtQueue s = {.steps = steps, .nsteps = sizeof(steps) / sizeof(steps[0])};

		memset(to->data, 0, bytes_of(to));
		for (int i = 0; i < s.nsteps; i++)
		{
			steps[i].in = in[i];
			steps[i].out = &out[i];
			steps[i].nout = 1;
		}
		CHECK_OK(device == 0 ? run_queue_cuda(&s, &err)
							 : run_queue(cuda_cpu, &s, cuda_repeat, INT64_MAX, NULL, &err),
				 &err);
	}
	close_operands(&there, &here, 1e-5, 1e-5, "products with vectors");
	free(from.data);
	free(there.data);
	free(here.data);
}

/* How many bursts are put on the stream at once, up to most: the emulated GPU fails the one after them. */
static int
bursts_under_way(PtQueue *s, int most)
{
	int n = 0;

	for (bool failed = true; failed && n < most;)
	{
		char text[64];
		PtError err = {0};

		snprintf(text, sizeof(text), "cudaEventRecord:%d:2", n + 1);
		setenv("CUDA_EMULATOR_FAIL", text, 1);
		failed = !cuda_type->launch(cuda_dev, s, INT64_MAX, &err) ||
				 cuda_type->wait(cuda_dev, s, 0, &err) == PT_RUN_ERROR;
		n += failed;
	}
	unsetenv("CUDA_EMULATOR_FAIL");
	return n;
}

/* Bursts that seem to take long at first, as nobody looks whether they are done, are not the end of several at a time. */
static void
test_pause(void)
{
	PtOp copy = {.name = "copy"};
	PtOperand from = OPERAND(PT_FLOAT32, 1), to = OPERAND(PT_FLOAT32, 1);
	PtStep step = {.op = &copy, .nin = 1, .nout = 1, .in = &from, .out = &to};
	PtQueue s = {.steps = &step, .nsteps = 1};
	PtError err = {0};
	bool ok;
	int n = 0;

	if (strcmp(info_of("gpu"), "Emulated GPU") != 0)
		return;
	free(from.data);
	free(to.data);
	from.data = cuda_type->alloc(cuda_dev, 4, &err);
	to.data = cuda_type->alloc(cuda_dev, 4, &err);
	ok = cuda_type->prepare(cuda_dev, &s, &err) && cuda_type->bind(cuda_dev, &s, &err) &&
		 cuda_type->launch(cuda_dev, &s, INT64_MAX, &err);
	for (int i = 0; ok && i < 6; i++)
	{
		ok = cuda_type->wait(cuda_dev, &s, 0, &err) == PT_RUN_MORE;
		nanosleep(&(struct timespec){0, 300000000}, NULL);
	}
	for (int tries = 0; ok && n < 3 && tries < 20; tries++)
	{
		ok = cuda_type->wait(cuda_dev, &s, 100000000, &err) == PT_RUN_MORE;
		n = bursts_under_way(&s, 3);
		ok = ok && cuda_type->launch(cuda_dev, &s, INT64_MAX, &err);
	}
	CHECK_OK(ok, &err);
	CHECK(n >= 3, "%d bursts at a time", n);
	cuda_type->unbind(cuda_dev, &s);
	cuda_type->free(cuda_dev, from.data);
	cuda_type->free(cuda_dev, to.data);
}

int
main(void)
{
	if (!cuda_open(NULL))
		return cuda_skipped();
	test_runs();
	test_pause();
	for (cuda_repeat = 1; cuda_repeat <= 3; cuda_repeat += 2)
	{
		for (int64_t n = 10; n <= 700; n += 10 + n / 4)
			test_many_products(n);
		/* too many for their order to be looked for */
		test_many_products(1100);
	}
	/* a graph's tasks run in another order each time */
	for (cuda_repeat = 2; cuda_repeat <= 9; cuda_repeat++)
		for (int64_t shift = 0; shift < 2; shift++)
			test_vectors(shift);
	cuda_close();
	return check_done();
}
