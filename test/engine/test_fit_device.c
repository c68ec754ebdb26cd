/*
 * test_fit_device.c
 *	  Training on a device with memory of its own: streamed data, runs that are left, memory that ends, a device that is lost.
 */
#include "bridge/library.h"
#include "engine/fit_harness.h"

static PtDevice *dev;

/* A training whose results depend on each row, on the order of rows and on each step's rate. */
typedef struct Regime
{
	int64_t rows, batch, epochs;
	bool shuffle, drop_last;
	const char *scheduler; /* NULL: none */
} Regime;

static const Regime regimes[] = {
	{70, 8, 3, true, false, NULL},
	{70, 8, 3, true, true, "lr_scheduler.OneCycleLR(0.1)"},
	{64, 8, 2, false, false, "lr_scheduler.ExponentialLR(0.5)"},
	{65, 8, 3, true, false, "lr_scheduler.CyclicLR(0.001, 0.1, step_size_up=3)"},
	{5, 8, 4, true, false, NULL},
	{9, 1, 3, true, false, "lr_scheduler.OneCycleLR(0.1, cycle_momentum=False)"},
};

#define REGIMES ((int) (sizeof(regimes) / sizeof(regimes[0])))

/* resident: as PtFitSpec's */
static bool
begin_regime(Setup *s, const Regime *r, size_t resident)
{
	if (!set_up(s, "nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Dropout(0.2), nn.Linear(8, 3))",
				"nn.CrossEntropyLoss()", "optim.SGD(0.05, momentum=0.9)", 5, r->rows, 6, 3))
		return false;
	s->spec.options.batch_size = r->batch;
	s->spec.options.epochs = r->epochs;
	s->spec.options.shuffle = r->shuffle;
	s->spec.options.drop_last = r->drop_last;
	s->spec.resident = resident;
	if (r->scheduler != NULL)
		s->spec.scheduler = pt_sched_parse(s->arena, r->scheduler, &s->err);
	return CHECK(r->scheduler == NULL || s->spec.scheduler != NULL, "%s: %s", r->scheduler,
				 s->err.message);
}

/* The weights after a whole training, or NULL; *bytes: of the fit. */
static float *
train_regime(const Regime *r, size_t resident, int64_t budget, PtEpoch *epochs, size_t *bytes)
{
	Setup s;
	float *weights = NULL;
	int n = 0;

	if (begin_regime(&s, r, resident))
	{
		s.fit = pt_fit_new(&s.spec, dev, &s.err);
		if (CHECK(s.fit != NULL && run_fit(&s, budget, epochs, &n, NULL) == PT_RUN_DONE &&
					  n == r->epochs,
				  "%s", s.err.message))
		{
			weights = read_weights(&s);
			*bytes = pt_fit_bytes(s.fit);
		}
	}
	tear_down(&s);
	return weights;
}

#define REGIME_WEIGHTS (6 * 8 + 8 + 8 * 3 + 3)

/* Rows that pass through a window on the device train the same weights as those that all lie there, bit by bit. */
static void
test_streamed(void)
{
	const int64_t stride = 8 + 6 * 4;

	for (int i = 0; i < REGIMES; i++)
	{
		const Regime *r = &regimes[i];
		PtEpoch want[4], got[4];
		size_t resident_bytes = 0, bytes = 0;
		float *w = train_regime(r, 0, INT64_MAX, want, &resident_bytes);

		/* halves of one batch, of two, of three; less than one is one */
		for (int64_t batches = 0; w != NULL && batches <= 3; batches++)
		{
			size_t room = (size_t) (2 * batches * r->batch * stride) + 1;
			int64_t half = r->batch * (batches > 0 ? batches : 1);
			float *v;

			if ((size_t) (r->rows * (stride + 8)) <= room)
				continue;
			v = train_regime(r, room, batches == 2 ? 1 : INT64_MAX, got, &bytes);
			CHECK(v != NULL && memcmp(v, w, REGIME_WEIGHTS * sizeof(float)) == 0,
				  "regime %d, %ld batches at a time: other weights", i, batches);
			for (int e = 0; v != NULL && e < r->epochs; e++)
				CHECK(
					got[e].loss == want[e].loss && got[e].lr == want[e].lr &&
						got[e].rows == want[e].rows && got[e].steps == want[e].steps,
					"regime %d, %ld batches at a time, epoch %d: loss %.17g, rate %g, wanted %.17g, %g",
					i, batches, e + 1, got[e].loss, got[e].lr, want[e].loss, want[e].lr);
			CHECK(2 * half >= r->rows || bytes < resident_bytes,
				  "regime %d: %zu bytes, resident %zu", i, bytes, resident_bytes);
			free(v);
		}
		free(w);
	}
}

/* Rows that would exceed the limit of a training are streamed, as the limit is not theirs on a CPU. */
static void
test_limit(void)
{
	const Regime r = {4000, 8, 1, true, false, NULL};
	const size_t limit = 100000;
	PtEpoch want, got;
	int n = 0;
	size_t bytes = 0;
	float *w = train_regime(&r, 0, INT64_MAX, &want, &bytes);
	Setup s;

	CHECK(bytes > limit, "%zu bytes", bytes);
	if (w != NULL && begin_regime(&s, &r, 0))
	{
		s.spec.plan.max_bytes = limit;
		s.fit = pt_fit_new(&s.spec, dev, &s.err);
		if (CHECK(s.fit != NULL && run_fit(&s, INT64_MAX, &got, &n, NULL) == PT_RUN_DONE, "%s",
				  s.err.message))
		{
			float *v = read_weights(&s);

			CHECK(pt_fit_bytes(s.fit) <= limit, "%zu bytes", pt_fit_bytes(s.fit));
			CHECK(memcmp(v, w, REGIME_WEIGHTS * sizeof(float)) == 0 && got.loss == want.loss,
				  "other weights");
			free(v);
		}
		tear_down(&s);
	}
	free(w);
}

/* A training that is given up anywhere leaves nothing that disturbs the next. */
static void
test_left(void)
{
	for (int streamed = 0; streamed < 2; streamed++)
	{
		const Regime *r = &regimes[1];
		PtEpoch epochs[4];
		size_t room = streamed ? 600 : 0, bytes;
		float *w = train_regime(r, room, INT64_MAX, epochs, &bytes);
		PtRun run = PT_RUN_MORE;

		for (int slices = 1; w != NULL && run == PT_RUN_MORE; slices += 1 + slices / 8)
		{
			Setup s;
			float *v;

			if (begin_regime(&s, r, room))
			{
				s.fit = pt_fit_new(&s.spec, dev, &s.err);
				CHECK(s.fit != NULL, "%s", s.err.message);
				for (int i = 0; s.fit != NULL && i < slices && run == PT_RUN_MORE; i++)
					run = pt_fit_run(s.fit, 1, &epochs[0], &s.err);
				CHECK(run != PT_RUN_ERROR, "%s", s.err.message);
			}
			tear_down(&s);
			v = train_regime(r, room, INT64_MAX, epochs, &bytes);
			CHECK(v != NULL && memcmp(v, w, REGIME_WEIGHTS * sizeof(float)) == 0,
				  "a training after one that was left after %d slices", slices);
			free(v);
		}
		free(w);
	}
}

/* More rows than there is memory for, which is said; what was there before is there afterwards. */
static void
test_memory(void)
{
	size_t before = dev->type->available(dev);
	Setup s;

	if (!set_up(&s, "nn.Linear(3, 1)", "nn.MSELoss()", "optim.SGD(0.1)", 0, 4, 3, 0))
		return;
	s.spec.stride = INT64_C(1) << 40;
	s.spec.resident = SIZE_MAX;
	s.fit = pt_fit_new(&s.spec, dev, &s.err);
	CHECK(s.fit == NULL && s.err.code == PT_ENOMEM &&
			  strncmp(s.err.message, "out of memory on device \"cuda:", 29) == 0 &&
			  strstr(s.err.detail, "4194304.0 MB were asked for, ") != NULL &&
			  strstr(s.err.detail, " MB are free") != NULL && s.err.hint[0] != '\0',
		  "code %d: %s; %s", s.err.code, s.err.message, s.err.detail);
	tear_down(&s);
	/* others use a real one too */
	if (is_emulated(dev))
		CHECK(dev->type->available(dev) == before, "%zu bytes are lost",
			  before - dev->type->available(dev));
}

static const char *
other_scalars(void)
{
	return "cosh sinh ";
}

/* A library of another version, or built from other sources, is refused. */
static void
test_other_library(void)
{
	const PtDeviceType *type = pgt_library_open(getenv("PGTORCH_CUDA_LIBRARY"), &(PtError){0});
	PtDeviceType older = *type, longer = *type, other = *type;
	PtError err = {0};

	older.abi--;
	longer.program_bytes += 8;
	other.scalars = other_scalars;
	CHECK(pgt_library_fits(type, "x", &err), "%s", err.detail);
	CHECK(!pgt_library_fits(NULL, "x", &err), "without a type");
	CHECK(!pgt_library_fits(&older, "x", &err) && strstr(err.detail, "version") != NULL, "%s",
		  err.detail);
	CHECK(!pgt_library_fits(&longer, "x", &err), "another program");
	CHECK(!pgt_library_fits(&other, "x", &err) && err.code == PT_EDEVICE && err.hint[0] != '\0',
		  "other scalar ops");
}

/* A GPU without room for a context is out of memory, not missing. */
static void
test_no_context(void)
{
	const PtDeviceType *type = pgt_library_open(getenv("PGTORCH_CUDA_LIBRARY"), &(PtError){0});
	PtError err = {0};
	PtDevice *d;

	setenv("CUDA_EMULATOR_FAIL", "cudaStreamCreateWithFlags:1:2", 1);
	d = type->open(&(PtDeviceOptions){.threads = 1}, &err);
	unsetenv("CUDA_EMULATOR_FAIL");
	CHECK(d == NULL && err.code == PT_ENOMEM && strstr(err.hint, "free memory") != NULL,
		  "code %d: %s; %s", err.code, err.message, err.hint);
	type->close(d);
}

/* CUDA's calls fail one after the other, in whatever a training does: an error each time, and nothing is lost. */
static void
test_failures(void)
{
	/*
	 * Errors that leave the device in order: out of memory (2), not supported (801 and cuBLASLt's 15), a product that
	 * could not be launched (cuBLASLt's 13).  "launch" is what the emulator calls the start of any kernel.
	 */
	static const struct
	{
		const char *call;
		int error;
		PtCode code; /* PT_OK: another way is found */
	} calls[] = {{"cudaMalloc", 2, PT_ENOMEM},
				 {"cudaHostAlloc", 2, PT_ENOMEM},
				 {"cudaMemcpyAsync", 801, PT_EDEVICE},
				 {"cudaMemsetAsync", 801, PT_EDEVICE},
				 {"cudaEventCreateWithFlags", 2, PT_ENOMEM},
				 {"cudaEventRecord", 801, PT_EDEVICE},
				 {"cudaStreamWaitEvent", 801, PT_EDEVICE},
				 {"cudaStreamBeginCapture", 801, PT_OK},
				 {"cudaStreamEndCapture", 801, PT_OK},
				 {"cudaGraphInstantiate", 2, PT_OK},
				 {"cudaGraphLaunch", 801, PT_EDEVICE},
				 {"launch", 801, PT_EDEVICE},
				 {"cublasLtMatmulAlgoGetHeuristic", 15, PT_OK},
				 {"cublasLtMatmul", 15, PT_EDEVICE},
				 {"cublasLtMatmul", 13, PT_EDEVICE}};
	const Regime *r = &regimes[1];
	size_t before, bytes;
	PtEpoch epochs[4];
	float *w = train_regime(r, 600, INT64_MAX, epochs, &bytes);

	before = dev->type->available(dev);
	for (size_t i = 0; w != NULL && i < sizeof(calls) / sizeof(calls[0]); i++)
	{
		int failed = 0, passed = 0;

		/* later ones at wider distances, until there is none so late */
		for (int nth = 1; passed < 4 && nth < 2000; nth += 1 + nth / 8)
		{
			char fail[64];
			Setup s;
			int n = 0;
			bool ok;

			snprintf(fail, sizeof(fail), "%s:%d:%d", calls[i].call, nth, calls[i].error);
			if (!begin_regime(&s, r, 600))
				break;
			setenv("CUDA_EMULATOR_FAIL", fail, 1);
			s.fit = pt_fit_new(&s.spec, dev, &s.err);
			ok = s.fit != NULL && run_fit(&s, INT64_MAX, epochs, &n, NULL) == PT_RUN_DONE;
			unsetenv("CUDA_EMULATOR_FAIL");
			CHECK(ok || s.err.code == calls[i].code, "%s: code %d, %s", fail, s.err.code,
				  s.err.message);
			if (ok)
			{
				float *v = read_weights(&s);
				int bad = 0;

				/* what took a failed call's place may round in another way */
				for (int k = 0; k < REGIME_WEIGHTS; k++)
					bad += !check_close(v[k], w[k], 1e-4, 1e-5);
				CHECK(bad == 0, "%s: other weights", fail);
				free(v);
			}
			tear_down(&s);
			CHECK(dev->type->available(dev) == before, "%s: %ld bytes are lost", fail,
				  (long) (before - dev->type->available(dev)));
			failed += !ok;
			passed += ok;
		}
		CHECK(passed == 4 && (failed > 0) == (calls[i].code != PT_OK),
			  "%s: %d trainings, %d failed", calls[i].call, passed, failed);
	}
	free(w);
}

/* A device that is lost in the midst of a training says so, then and always. */
static void
test_lost(void)
{
	const Regime *r = &regimes[0];
	Setup s;
	PtEpoch epochs[4];
	int n = 0;
	float weight[48];

	if (!begin_regime(&s, r, 600))
		return;
	s.fit = pt_fit_new(&s.spec, dev, &s.err);
	setenv("CUDA_EMULATOR_FAIL", "kernel:150", 1);
	CHECK(s.fit != NULL && run_fit(&s, INT64_MAX, epochs, &n, NULL) == PT_RUN_ERROR &&
			  s.err.code == PT_EDEVICE && strstr(s.err.hint, "connect anew") != NULL,
		  "code %d: %s", s.err.code, s.err.message);
	unsetenv("CUDA_EMULATOR_FAIL");
	for (int i = 0; s.fit != NULL && i < 2; i++)
	{
		s.err = (PtError){0};
		CHECK((i == 0 ? pt_fit_run(s.fit, 1, &epochs[0], &s.err) == PT_RUN_ERROR
					  : !pt_network_read(pt_fit_network(s.fit), 0, weight, &s.err)) &&
				  s.err.code == PT_EDEVICE &&
				  strcmp(s.err.message, "device \"cuda:0\" was lost") == 0,
			  "code %d: %s", s.err.code, s.err.message);
	}
	tear_down(&s);
	s.err = (PtError){0};
	CHECK(dev->type->alloc(dev, 1, &s.err) == NULL && s.err.code == PT_EDEVICE, "%s",
		  s.err.message);
}

int
main(void)
{
	if (!on_cuda())
	{
		printf("skipped: PGTORCH_TEST_DEVICE is not cuda\n");
		return 0;
	}
	dev = open_device(1);
	test_other_library();
	test_streamed();
	test_limit();
	test_left();
	test_memory();
	if (is_emulated(dev))
	{
		test_no_context();
		test_failures();
		test_lost(); /* and is from then on, in this process */
	}
	dev->type->close(dev);
	return check_done();
}
