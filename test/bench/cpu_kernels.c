/*
 * cpu_kernels.c
 *	  Micro-benchmark of the CPU device: products, an optimizer-like program, launch overhead.
 *
 * Prints one line a case: GFLOP/s, or nanoseconds.  Build:
 *
 *		cc -O2 -Isrc -Itest -o cpu_kernels test/bench/cpu_kernels.c build/obj/libpgtorch.a -lm -ldl -pthread
 */
#include <time.h>

#include "engine/cpu_harness.h"

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

/* Seconds of one run of the schedule: the best of many short tries, as others use the machine. */
static double
seconds(PtDevice *dev, PtQueue *s)
{
	PtError err;
	double best = 1e9;
	int64_t repeat = 1;
	size_t workspace = 0;
	void *scratch = NULL;

	if (!pt_cpu_device.prepare(dev, s, &err))
		return -1;
	for (int i = 0; i < s->nsteps; i++)
		workspace = s->steps[i].workspace > workspace ? s->steps[i].workspace : workspace;
	scratch = pt_cpu_device.alloc(dev, workspace + 64, &err);
	for (int i = 0; i < s->nsteps; i++)
		s->steps[i].scratch = scratch;
	if (!pt_cpu_device.bind(dev, s, &err))
		return -1;
	for (int try = 0; try < 30;)
	{
		double start = now(), took;

		pt_cpu_device.launch(dev, s, repeat, &err);
		while (pt_cpu_device.wait(dev, s, 50000000, &err) == PT_RUN_MORE)
			;
		took = now() - start;
		if (took < 0.004)
		{
			repeat *= 2;
			continue;
		}
		best = took / (double) repeat < best ? took / (double) repeat : best;
		try++;
	}
	pt_cpu_device.unbind(dev, s);
	pt_cpu_device.free(dev, scratch);
	return best;
}

static double
product(PtDevice *dev, int64_t m, int64_t n, int64_t k, bool ta, bool tb, bool linear)
{
	Attribute attrs[] = {BOOL_ATTR("ta", ta), BOOL_ATTR("tb", tb)};
	PtOperand in[3] = {RANDOM(PT_FLOAT32, 1, ta ? k : m, ta ? m : k),
					   RANDOM(PT_FLOAT32, 1, tb ? n : k, tb ? k : n), RANDOM(PT_FLOAT32, 1, n)};
	PtOperand out = OPERAND(PT_FLOAT32, m, n);
	PtOp op = {.name = linear ? "linear" : "mm"};
	Attributes a;
	PtStep step = {.op = &op,
				   .attrs = set_attributes(&a, attrs, 2),
				   .nin = linear ? 3 : 2,
				   .nout = 1,
				   .in = in,
				   .out = &out};
	PtQueue s = {.steps = &step, .nsteps = 1};
	double t = seconds(dev, &s);

	for (int i = 0; i < 3; i++)
		free(in[i].data);
	free(out.data);
	return t;
}

static void
products(int64_t batch, const int64_t *width, int layers)
{
	PtError err;
	PtDevice *dev[4];

	for (int i = 0; i < 4; i++)
		dev[i] =
			pt_cpu_device.open(&(PtDeviceOptions){.threads = 1 + i / 2, .no_library = i % 2}, &err);
	printf("%-34s %10s %10s %10s %10s   GFLOP/s\n", "m x n x k", "default 1", "own 1", "default 2",
		   "own 2");
	for (int l = 0; l + 1 < layers; l++)
		for (int form = 0; form < 3; form++)
		{
			int64_t in = width[l], out = width[l + 1];
			int64_t m = form == 2 ? out : batch, n = form == 0 ? out : in,
					k = form == 0	? in
						: form == 1 ? out
									: batch;
			char name[64];

			snprintf(name, sizeof(name), "%s %lldx%lldx%lld",
					 form == 0	 ? "x W'  "
					 : form == 1 ? "dy W  "
								 : "dy' x ",
					 (long long) m, (long long) n, (long long) k);
			printf("%-34s", name);
			for (int i = 0; i < 4; i++)
			{
				double t = product(dev[i], m, n, k, form == 2, form == 0, form == 0);

				printf(" %10.1f", 2e-9 * (double) m * (double) n * (double) k / t);
			}
			printf("\n");
		}
	for (int i = 0; i < 4; i++)
		pt_cpu_device.close(dev[i]);
}

/* PyTorch's Adam on flat arrays, as the optimizer writes it: p, g, m, v and four numbers */
static void
adam(int threads, int64_t n)
{
	PtError err;
	PtDevice *dev = pt_cpu_device.open(&(PtDeviceOptions){.threads = threads}, &err);
	PtProgram p = {.space = {1, {n}},
				   .points = n,
				   .ninputs = 4,
				   .nnumbers = 6,
				   .noutputs = 3,
				   .nregisters = 16};
	PtOperand o[4] = {RANDOM(PT_FLOAT32, 1, n), RANDOM(PT_FLOAT32, 1, n), RANDOM(PT_FLOAT32, 1, n),
					  RANDOM(PT_FLOAT32, 0, n)};
	PtOperand out[3] = {o[0], o[2], o[3]};
	static const double numbers[] = {0.9, 0.1, 0.999, 0.001, 1e-8, 1e-3};
	static const PtInstruction code[] =
		{{PT_S_mul, PT_F32, 10, {2, 4}},   {PT_S_mul, PT_F32, 11, {1, 5}},
		 {PT_S_add, PT_F32, 10, {10, 11}}, {PT_S_mul, PT_F32, 11, {1, 1}},
		 {PT_S_mul, PT_F32, 11, {11, 7}},  {PT_S_mul, PT_F32, 12, {3, 6}},
		 {PT_S_add, PT_F32, 11, {11, 12}}, {PT_S_sqrt, PT_F32, 12, {11}},
		 {PT_S_add, PT_F32, 12, {12, 8}},  {PT_S_div, PT_F32, 12, {10, 12}},
		 {PT_S_mul, PT_F32, 12, {12, 9}},  {PT_S_sub, PT_F32, 13, {0, 12}}};
	PtStep step = {.program = &p, .nin = 4, .nout = 3, .in = o, .out = out};
	PtQueue s = {.steps = &step, .nsteps = 1};

	for (int k = 0; k < 4; k++)
		p.inputs[k] = (PtProgramInput){.reg = (uint8_t) k, .dtype = PT_FLOAT32, .stride = {1}};
	for (int k = 0; k < 6; k++)
		p.numbers[k] =
			(PtProgramNumber){.reg = (uint8_t) (4 + k), .cls = PT_F32, .real = numbers[k]};
	p.ninstructions = sizeof(code) / sizeof(code[0]);
	memcpy(p.instructions, code, sizeof(code));
	p.outputs[0] = (PtProgramOutput){13, PT_FLOAT32};
	p.outputs[1] = (PtProgramOutput){10, PT_FLOAT32};
	p.outputs[2] = (PtProgramOutput){11, PT_FLOAT32};
	printf("adam of %lld, %d threads: %.3f ns an element\n", (long long) n, threads,
		   seconds(dev, &s) * 1e9 / (double) n);
	for (int k = 0; k < 4; k++)
		free(o[k].data);
	pt_cpu_device.close(dev);
}

static void
overhead(void)
{
	PtError err;
	PtDevice *dev = pt_cpu_device.open(&(PtDeviceOptions){.threads = 2}, &err);
	PtOperand x = RANDOM(PT_FLOAT32, 1, 1, 32), h = RANDOM(PT_FLOAT32, 1, 1, 64);
	PtProgram p = {.space = {1, {32}},
				   .points = 32,
				   .ninputs = 1,
				   .ninstructions = 1,
				   .noutputs = 1,
				   .nregisters = 2};
	PtStep step = {.program = &p, .nin = 1, .nout = 1, .in = &x, .out = &h};
	PtQueue s = {.steps = &step, .nsteps = 1};
	double start, took;
	int n = 1000000;

	p.inputs[0] = (PtProgramInput){.reg = 0, .dtype = PT_FLOAT32, .stride = {1}};
	p.instructions[0] = (PtInstruction){PT_S_relu, PT_F32, 1, {0}};
	p.outputs[0] = (PtProgramOutput){1, PT_FLOAT32};
	pt_cpu_device.prepare(dev, &s, &err);
	pt_cpu_device.bind(dev, &s, &err);
	start = now();
	for (int i = 0; i < n; i++)
	{
		pt_cpu_device.launch(dev, &s, 1, &err);
		pt_cpu_device.wait(dev, &s, 50000000, &err);
	}
	took = now() - start;
	printf("launch and wait, relu of 32: %.1f ns\n", took * 1e9 / n);
	printf("repeated relu of 32: %.1f ns\n", seconds(dev, &s) * 1e9);
	start = now();
	for (int i = 0; i < 100000; i++)
		pt_cpu_device.bind(dev, &s, &err);
	took = now() - start;
	printf("bind: %.1f ns\n", took * 1e9 / 100000);
	pt_cpu_device.unbind(dev, &s);
	printf("linear 1x64x32: %.1f ns\n", product(dev, 1, 64, 32, false, true, true) * 1e9);
	printf("linear 1x32x64: %.1f ns\n", product(dev, 1, 32, 64, false, true, true) * 1e9);
	printf("linear 1x1x32: %.1f ns\n", product(dev, 1, 1, 32, false, true, true) * 1e9);
	printf("linear 32x1x32: %.1f ns\n", product(dev, 32, 1, 32, false, true, true) * 1e9);
	pt_cpu_device.close(dev);
}

int
main(int argc, char **argv)
{
	static const int64_t mlp[] = {784, 512, 256, 10}, small[] = {32, 64, 32, 1};
	const char *which = argc > 1 ? argv[1] : "all";
	bool all = strcmp(which, "all") == 0;

	if (all || strcmp(which, "overhead") == 0)
		overhead();
	if (all || strcmp(which, "adam") == 0)
		for (int threads = 1; threads <= 2; threads++)
		{
			adam(threads, 4257);
			adam(threads, 535818);
		}
	if (all || strcmp(which, "small") == 0)
	{
		products(32, small, 4);
		products(256, small, 4);
	}
	if (all || strcmp(which, "mlp") == 0)
	{
		products(128, mlp, 4);
		products(1024, mlp, 4);
	}
	return 0;
}
