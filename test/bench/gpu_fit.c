/*
 * gpu_fit.c
 *	  Training speed of the engine on a device, without PostgreSQL: the side of pgtorch in test/bench/gpu_compare.
 *
 *		gpu_fit DEVICE LIBRARY [THREADS]			reads requests, one a line, and answers each with one line
 *		gpu_fit --first DEVICE LIBRARY REQUEST		seconds from opening the device to the end of the first step
 *		gpu_fit --steps N DEVICE LIBRARY REQUEST	N steps, for checkers: nothing is measured
 *
 * DEVICE is cpu or cuda, LIBRARY pgtorch_cuda.so's path ("-" for the CPU).  A request is a network, a batch size and a
 * precision, then seconds to measure: "784-512-256-10/128/float32 0.5".  Sizes are Linear layers with ReLU between
 * them; more than one output: CrossEntropyLoss over class indices, else MSELoss.  Adam.  The precisions are
 * float32 and bfloat16, which is autocast over float32 weights.  The answer is steps per second, or "error: ...".
 *
 * The step is what pgtorch_train runs, shuffling included.  A network is made when it is first asked for and
 * goes on training from request to request; 0 seconds only make it.
 *
 *		cc -O2 -Isrc -o gpu_fit test/bench/gpu_fit.c src/bridge/library.c build/obj/libpgtorch.a -lm -ldl -pthread
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bridge/library.h"
#include "engine/train/fit.h"

#define MAX_SIZES 16
#define MAX_FITS 16

/* As pgtorch_train paces it. */
#define SLICE_NS (50 * 1000 * 1000)

static const char *const optimizer = "optim.Adam(lr=1e-4)";

typedef struct Fit
{
	char name[128]; /* the request, without seconds */
	int64_t sizes[MAX_SIZES];
	int nsizes;
	int64_t batch;
	PtAutocast autocast;
	PtArena *arena;
	PtFitSpec spec;
	PtStateDict sd;
	PtRowsetColumn input;
	char *rows;
	PtFit *fit;
} Fit;

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

/* An error as one line of an answer. */
static void
say_error(const PtError *err)
{
	printf("error: %s%s%s\n", err->message, err->detail[0] != '\0' ? ": " : "", err->detail);
}

/* ---------- requests ---------- */

/* Reads "SIZES/BATCH/PRECISION" into an empty fit. */
static bool
parse(const char *text, Fit *f, PtError *err)
{
	char precision[16];
	const char *p = text;
	long long n;
	int used;

	snprintf(f->name, sizeof(f->name), "%s", text);
	while (f->nsizes < MAX_SIZES && sscanf(p, "%lld%n", &n, &used) == 1 && n > 0)
	{
		f->sizes[f->nsizes++] = n;
		p += used;
		if (*p != '-')
			break;
		p++;
	}
	if (f->nsizes < 2 || sscanf(p, "/%lld/%15s%n", &n, precision, &used) != 2 || p[used] != '\0' ||
		n < 1)
		return pt_fail(err, PT_EINVAL, "\"%s\" is not SIZES/BATCH/PRECISION", text);
	f->batch = n;
	if (strcmp(precision, "bfloat16") == 0)
		f->autocast = PT_AUTOCAST_BFLOAT16;
	else if (strcmp(precision, "float32") != 0)
		return pt_fail(err, PT_EINVAL, "precision must be float32 or bfloat16, not \"%s\"",
					   precision);
	return true;
}

/* ---------- networks and data ---------- */

static uint64_t draw_state = 88172645463325252u;

static uint64_t
draw(void)
{
	draw_state ^= draw_state << 13;
	draw_state ^= draw_state >> 7;
	draw_state ^= draw_state << 17;
	return draw_state;
}

/* Uniform random rows: the target, then the features.  Full batches only, so there is one plan. */
static bool
make_rows(Fit *f, PtError *err)
{
	int64_t width = f->sizes[0], classes = f->sizes[f->nsizes - 1];
	int64_t batches = (int64_t) 64 * 1024 * 1024 / (f->batch * width);
	int64_t stride = 8 + width * (int64_t) sizeof(float);
	int64_t n;

	batches = batches < 4 ? 4 : batches > 400 ? 400 : batches;
	n = batches * f->batch;
	f->rows = malloc((size_t) (n * stride));
	if (f->rows == NULL)
		return pt_fail_memory(err, (size_t) (n * stride));
	for (int64_t i = 0; i < n; i++)
	{
		char *row = f->rows + i * stride;
		float *x = (float *) (row + 8);

		if (classes > 1)
			*(int64_t *) row = (int64_t) (draw() % (uint64_t) classes);
		else
			*(float *) row = (float) (draw() >> 40) * 0x1p-24f;
		for (int64_t j = 0; j + 1 < width; j += 2)
		{
			uint64_t bits = draw();

			x[j] = (float) (bits >> 40) * 0x1p-24f;
			x[j + 1] = (float) (bits & 0xffffff) * 0x1p-24f;
		}
		if (width % 2 != 0)
			x[width - 1] = (float) (draw() >> 40) * 0x1p-24f;
	}
	f->input = (PtRowsetColumn){PT_FLOAT32, {1, {width}}, 8};
	f->spec.rows = f->rows;
	f->spec.nrows = n;
	f->spec.stride = stride;
	f->spec.inputs = &f->input;
	f->spec.ninputs = 1;
	f->spec.target = classes > 1 ? (PtRowsetColumn){PT_INT64, {0}, 0}
								 : (PtRowsetColumn){PT_FLOAT32, {1, {1}}, 0};
	return true;
}

static bool
make_network(Fit *f, PtError *err)
{
	char text[1024] = "nn.Sequential(";
	const PtModule *m;
	PtTensor *values;
	void **data;
	PtRng rng;

	for (int i = 0; i + 1 < f->nsizes; i++)
	{
		size_t at = strlen(text);

		snprintf(text + at, sizeof(text) - at, "%snn.Linear(%lld, %lld)%s",
				 i > 0 ? ", nn.ReLU(), " : "", (long long) f->sizes[i], (long long) f->sizes[i + 1],
				 i + 2 == f->nsizes ? ")" : "");
	}
	f->arena = pt_arena_new();
	if (f->arena == NULL)
		return pt_fail_memory(err, 1);
	f->spec.module = m = pt_module_parse(f->arena, text, err);
	if (m == NULL || !pt_module_state(f->arena, m, &f->sd, err))
		return false;
	f->spec.loss =
		pt_module_parse(f->arena,
						f->sizes[f->nsizes - 1] > 1 ? "nn.CrossEntropyLoss()" : "nn.MSELoss()",
						err);
	if (f->spec.loss == NULL ||
		(f->spec.optimizer = pt_optim_parse(f->arena, optimizer, err)) == NULL)
		return false;
	values = pt_arena_alloc(f->arena, (size_t) f->sd.count * sizeof(PtTensor));
	data = pt_arena_alloc(f->arena, (size_t) f->sd.count * sizeof(void *));
	for (int i = 0; values != NULL && data != NULL && i < f->sd.count; i++)
	{
		values[i] = (PtTensor){f->sd.entries[i].dtype, f->sd.entries[i].shape, NULL};
		values[i].data = data[i] = pt_arena_alloc(f->arena, pt_tensor_bytes(&values[i]));
		if (data[i] == NULL)
			return pt_fail_memory(err, pt_tensor_bytes(&values[i]));
	}
	if (values == NULL || data == NULL)
		return pt_fail_memory(err, 1);
	pt_rng_seed(&rng, 1);
	if (!pt_module_init(m, &f->sd, &rng, data, err))
		return false;
	f->spec.sd = &f->sd;
	f->spec.values = values;
	return true;
}

/* All that takes no device. */
static bool
make_host(Fit *f, const char *request, PtError *err)
{
	memset(f, 0, sizeof(*f));
	if (!parse(request, f, err) || !make_network(f, err) || !make_rows(f, err))
		return false;
	f->spec.options.autocast = f->autocast;
	f->spec.options.epochs = 1000000000;
	f->spec.options.batch_size = f->batch;
	f->spec.options.shuffle = true;
	f->spec.options.seed = 1;
	return true;
}

static void
free_fit(Fit *f)
{
	pt_fit_free(f->fit);
	free(f->rows);
	if (f->arena != NULL)
		pt_arena_free(f->arena);
	memset(f, 0, sizeof(*f));
}

/* ---------- measuring ---------- */

static PtDevice *
open_device(const char *device, const char *library, int threads, PtError *err)
{
	const PtDeviceType *type = &pt_cpu_device;

	if (strcmp(device, "cuda") == 0)
		type = pgt_library_open(library, err);
	else if (strcmp(device, "cpu") != 0)
	{
		pt_fail(err, PT_EINVAL, "device must be cpu or cuda, not \"%s\"", device);
		return NULL;
	}
	return type != NULL ? type->open(&(PtDeviceOptions){.threads = threads}, err) : NULL;
}

/* Trains for at least that many steps and seconds; steps per second in *rate. */
static bool
train(Fit *f, int64_t steps, double seconds, double *rate, PtError *err)
{
	int64_t before = pt_fit_steps_done(f->fit);
	double start = now(), took = 0;
	PtEpoch epoch;

	while (pt_fit_steps_done(f->fit) - before < steps || took < seconds)
	{
		if (pt_fit_run(f->fit, SLICE_NS, &epoch, err) != PT_RUN_MORE)
			return false;
		took = now() - start;
	}
	*rate = (double) (pt_fit_steps_done(f->fit) - before) / took;
	return true;
}

static int
first_step(const char *device, const char *library, const char *request)
{
	PtError err = {0};
	PtDevice *dev;
	PtEpoch epoch;
	Fit f;
	double start;

	if (!make_host(&f, request, &err))
		goto failed;
	start = now();
	if ((dev = open_device(device, library, 1, &err)) == NULL ||
		(f.fit = pt_fit_new(&f.spec, dev, &err)) == NULL)
		goto failed;
	while (pt_fit_steps_done(f.fit) < 1)
		if (pt_fit_run(f.fit, 1, &epoch, &err) != PT_RUN_MORE)
			goto failed;
	printf("%.3f\n", now() - start);
	free_fit(&f);
	dev->type->close(dev);
	return 0;
failed:
	say_error(&err);
	return 1;
}

static int
some_steps(int64_t steps, const char *device, const char *library, const char *request)
{
	PtError err = {0};
	PtDevice *dev = NULL;
	double rate;
	Fit f;

	if (!make_host(&f, request, &err) || (dev = open_device(device, library, 1, &err)) == NULL ||
		(f.fit = pt_fit_new(&f.spec, dev, &err)) == NULL || !train(&f, steps, 0, &rate, &err))
	{
		say_error(&err);
		return 1;
	}
	printf("%lld steps\n", (long long) pt_fit_steps_done(f.fit));
	free_fit(&f);
	dev->type->close(dev);
	return 0;
}

/* One request of those that keep their networks. */
static bool
serve(PtDevice *dev, Fit *fits, int *nfits, const char *request, double seconds, double *rate,
	  PtError *err)
{
	Fit *f = fits;

	while (f < fits + *nfits && strcmp(f->name, request) != 0)
		f++;
	if (f == fits + *nfits)
	{
		if (*nfits == MAX_FITS)
			return pt_fail(err, PT_ELIMIT, "more than %d networks", MAX_FITS);
		if (!make_host(f, request, err) || (f->fit = pt_fit_new(&f->spec, dev, err)) == NULL ||
			!train(f, 2, 0, rate, err))
		{
			free_fit(f);
			return false;
		}
		++*nfits;
	}
	*rate = 0;
	return seconds <= 0 || train(f, 1, seconds, rate, err);
}

int
main(int argc, char **argv)
{
	static Fit fits[MAX_FITS];
	int nfits = 0;
	char line[256], request[128];
	double seconds, rate;
	PtError err = {0};
	PtDevice *dev;

	if (argc == 5 && strcmp(argv[1], "--first") == 0)
		return first_step(argv[2], argv[3], argv[4]);
	if (argc == 6 && strcmp(argv[1], "--steps") == 0)
		return some_steps(strtoll(argv[2], NULL, 10), argv[3], argv[4], argv[5]);
	if (argc < 3 || argc > 4 || argv[1][0] == '-')
	{
		fprintf(stderr,
				"usage: gpu_fit [--first | --steps N] DEVICE LIBRARY [REQUEST | THREADS]\n");
		return 2;
	}
	dev = open_device(argv[1], argv[2], argc > 3 ? atoi(argv[3]) : 1, &err);
	while (fgets(line, sizeof(line), stdin) != NULL)
	{
		if (dev == NULL)
			say_error(&err);
		else if (sscanf(line, "%127s %lf", request, &seconds) != 2)
			printf("error: not a request: %s", line);
		else if (serve(dev, fits, &nfits, request, seconds, &rate, &err))
			printf("%.6g\n", rate);
		else
			say_error(&err);
		fflush(stdout);
	}
	for (int i = 0; i < nfits; i++)
		free_fit(&fits[i]);
	if (dev != NULL)
		dev->type->close(dev);
	return dev == NULL;
}
