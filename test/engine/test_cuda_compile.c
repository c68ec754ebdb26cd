/*
 * test_cuda_compile.c
 *	  The device "cuda": when programs are compiled, with a compiler that the emulated GPU is given.
 */
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/program_harness.h"
#include "engine/device_harness.h"

static PtDevice *dev;

/* Lines of a file. */
static int
count_lines(const char *path)
{
	FILE *file = fopen(path, "r");
	int n = 0;

	for (int c; file != NULL && (c = fgetc(file)) != EOF;)
		n += c == '\n';
	if (file != NULL)
		fclose(file);
	return n;
}

/*
 * Many programs that take long to compile: that takes no more than half of the time, as a short training would otherwise
 * mostly wait for it.  The emulated GPU's compiler is one that takes 0.2 s and fails.
 */
static void
test_compiling_in_moderation(void)
{
	enum
	{
		PROGRAMS = 12
	};
	ProgramCase cases[PROGRAMS];
	PtStep steps[PROGRAMS] = {0};
	PtOperand in[PROGRAMS], out[PROGRAMS];
	PtQueue s = {.steps = steps, .nsteps = PROGRAMS};
	char folder[] = "/tmp/pt-program-XXXXXX", compiler[64], compiled_text[64];
	FILE *script;
	struct timespec start, now;
	double elapsed = 0;
	PtError err = {.message = ""};
	bool ok;

	if (!CHECK(mkdtemp(folder) != NULL, "%s", folder))
		return;
	snprintf(compiler, sizeof(compiler), "%s/cxx", folder);
	snprintf(compiled_text, sizeof(compiled_text), "%s/log", folder);
	script = fopen(compiler, "w");
	if (CHECK(script != NULL, "%s", compiler))
	{
		fprintf(script, "#!/bin/sh\necho >> %s\nsleep 0.2\nexit 1\n", compiled_text);
		fclose(script);
		chmod(compiler, 0700);
	}
	for (int i = 0; i < PROGRAMS; i++)
	{
		ProgramCase *c = &cases[i];

		/* programs that no other test has */
		*c = program_case(10);
		add_input(c, 0, RANDOM(PT_FLOAT32, 1, 10), NULL);
		for (int k = 0; k <= i; k++)
			add(c, PT_S_floor, PT_F32, 0, 0, 0, 0);
		add(c, PT_S_ceil, PT_F32, 0, 0, 0, 0);
		add_output(c, 0, PT_FLOAT32);
		in[i] = c->in[0];
		out[i] = program_output(&c->p, 0);
		in[i].data = dev->type->alloc(dev, 64, &err);
		out[i].data = dev->type->alloc(dev, 64, &err);
		steps[i] = (PtStep){.program = &c->p, .nin = 1, .nout = 1, .in = &in[i], .out = &out[i]};
	}
	setenv("CUDA_EMULATOR_CXX", compiler, 1);
	clock_gettime(CLOCK_MONOTONIC, &start);
	ok = dev->type->prepare(dev, &s, &err) && dev->type->bind(dev, &s, &err) &&
		 dev->type->launch(dev, &s, INT64_MAX, &err);
	while (ok && elapsed < 3)
	{
		ok = dev->type->wait(dev, &s, 50000000, &err) == PT_RUN_MORE;
		clock_gettime(CLOCK_MONOTONIC, &now);
		elapsed =
			(double) (now.tv_sec - start.tv_sec) + 1e-9 * (double) (now.tv_nsec - start.tv_nsec);
	}
	CHECK(ok, "%s", err.message);
	unsetenv("CUDA_EMULATOR_CXX");
	dev->type->unbind(dev, &s);
	CHECK(count_lines(compiled_text) > 0, "nothing was compiled in %.1f s", elapsed);
	/* of the last one we cannot know before */
	CHECK(0.2 * (count_lines(compiled_text) - 1) < elapsed / 2, "%d programs compiled in %.1f s",
		  count_lines(compiled_text), elapsed);
	for (int i = 0; i < PROGRAMS; i++)
	{
		dev->type->free(dev, in[i].data);
		dev->type->free(dev, out[i].data);
		program_free(&cases[i]);
	}
	unlink(compiler);
	unlink(compiled_text);
	rmdir(folder);
}

int
main(void)
{
	if (!on_cuda() || getenv("PGTORCH_TEST_PROGRAMS") != NULL)
	{
		printf(
			"skipped: PGTORCH_TEST_DEVICE is not cuda, or programs are not compiled as they run\n");
		return 0;
	}
	dev = test_device(1);
	if (is_emulated(dev))
		test_compiling_in_moderation();
	dev->type->close(dev);
	return check_done();
}
