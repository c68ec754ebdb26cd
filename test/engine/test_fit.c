/*
 * test_fit.c
 *	  Training: every step's loss follows PyTorch's, and what happens at the edges of a data set.
 */
#include <time.h>

#include "engine/fit_harness.h"
#include "engine/golden.h"

static PtDevice *dev, *dev2, *dev3;

/* ---------- trajectories ---------- */

/*
 * A fit tells the mean of an epoch, so PyTorch's losses of the batches are averaged here as a fit does:
 * by their rows.  Some cases have one batch an epoch, so that every step's loss is compared.
 */
static void
follow(Golden *f, PtDevice *on, const PtPlanOptions *options)
{
	Setup s;
	PtTensor losses, final;
	int64_t seed, rows, epochs, batch;
	int shuffle, drop_last, n = 0, bad = 0;
	const char *model = golden_text(f, "model");
	const char *loss = golden_text(f, "loss");
	const char *last = strstr(model, "nn.Linear(");
	int64_t width = strtoll(last + 10, NULL, 10), classes = 0;
	PtEpoch *got;
	int64_t at = 0;
	bool whole;

	CHECK(sscanf(golden_text(f, "numbers"), "%ld %ld %ld %ld %d %d", &seed, &rows, &epochs, &batch,
				 &shuffle, &drop_last) == 6,
		  "numbers");
	CHECK(golden_tensor(f, "losses", &losses), "losses");
	/* the beginning is what an emulated GPU has time for */
	whole = !is_emulated(on) || epochs * rows <= 1500;
	if (!whole)
		epochs = 1 + 1000 / rows;
	for (const char *p = last; (p = strstr(p, "nn.Linear(")) != NULL; p++)
		last = p;
	if (strstr(loss, "CrossEntropy") != NULL)
		classes = strtoll(strchr(last, ',') + 1, NULL, 10);
	if (!set_up(&s, model, loss, golden_text(f, "optimizer"), seed, rows, width, classes))
		return;
	s.spec.options.epochs = epochs;
	s.spec.options.batch_size = batch;
	s.spec.options.shuffle = shuffle;
	s.spec.options.drop_last = drop_last;
	s.spec.plan = *options;
	s.fit = pt_fit_new(&s.spec, on, &s.err);
	got = calloc((size_t) epochs, sizeof(PtEpoch));
	if (CHECK(s.fit != NULL, "%s: %s", f->name, s.err.message) &&
		CHECK(run_fit(&s, INT64_MAX, got, &n, NULL) == PT_RUN_DONE && n == epochs,
			  "%s: %d epochs, %s", f->name, n, s.err.message))
	{
		for (int64_t e = 0; e < epochs && bad < 3; e++)
		{
			double sum = 0;
			int64_t seen = 0;

			for (int64_t start = 0; start < rows; start += batch)
			{
				int64_t size = rows - start < batch ? rows - start : batch;

				if (drop_last && size < batch)
					continue;
				sum += ((float *) losses.data)[at++] * (double) size;
				seen += size;
			}
			if (!check_close(got[e].loss, sum / (double) seen, 1e-4, 1e-7) || got[e].rows != seen ||
				got[e].steps != at)
			{
				bad++;
				CHECK(
					false,
					"%s, epoch %ld: loss %.9g, PyTorch's %.9g; %ld rows, wanted %ld; %ld steps, wanted %ld",
					f->name, e + 1, got[e].loss, sum / (double) seen, got[e].rows, seen,
					got[e].steps, at);
			}
		}
		CHECK(bad == 0, "%s", f->name);
		CHECK((!whole || at == pt_shape_numel(&losses.shape)) && pt_fit_steps_done(s.fit) == at,
			  "%s: %ld steps", f->name, at);
		for (int i = 0; whole && i < s.sd.count; i++)
		{
			char key[64];
			int64_t numel = pt_shape_numel(&s.sd.entries[i].shape);
			float *have = malloc((size_t) numel * sizeof(float));

			snprintf(key, sizeof(key), "final/%s", s.sd.entries[i].name);
			CHECK_OK(pt_network_read(pt_fit_network(s.fit), i, have, &s.err), &s.err);
			if (CHECK(golden_tensor(f, key, &final), "%s is missing", key))
			{
				int64_t kept = pt_shape_numel(&final.shape);

				for (int64_t k = 0; k < kept; k++)
					bad +=
						!check_close(have[numel - kept + k], ((float *) final.data)[k], 2e-3, 2e-4);
				CHECK(bad == 0, "%s: %s went another way", f->name, s.sd.entries[i].name);
			}
			free(have);
		}
	}
	free(got);
	tear_down(&s);
}

static void
test_trajectories(void)
{
	Golden f;

	if (!golden_open(&f, "test/golden/fit.txt"))
		return;
	while (golden_case(&f))
	{
		follow(&f, dev, &(PtPlanOptions){.poison = true});
		if (!is_emulated(dev3))
			follow(&f, dev3, &(PtPlanOptions){0});
		follow(&f, dev, &(PtPlanOptions){.no_fuse = true, .no_reuse = true});
	}
	golden_close(&f);
}

/* ---------- threads, slices ---------- */

static float *
train(PtDevice *on, int64_t budget, bool fuse, PtEpoch *epochs, int *slices)
{
	Setup s;
	int n = 0;
	float *weights = NULL;

	if (!set_up(&s, "nn.Sequential(nn.Linear(64, 96), nn.ReLU(), nn.Linear(96, 10))",
				"nn.CrossEntropyLoss()", "optim.Adam()", 3, tries(on, 700, 200), 64, 10))
		return NULL;
	s.spec.options.epochs = 3;
	s.spec.options.batch_size = 128;
	s.spec.options.shuffle = true;
	s.spec.plan.no_fuse = !fuse;
	s.fit = pt_fit_new(&s.spec, on, &s.err);
	if (CHECK(s.fit != NULL && run_fit(&s, budget, epochs, &n, slices) == PT_RUN_DONE && n == 3,
			  "%s", s.err.message))
		weights = read_weights(&s);
	tear_down(&s);
	return weights;
}

static void
test_threads(void)
{
	PtDevice *devices[] = {dev, dev2, dev3};
	PtEpoch want[3], got[3];
	int slices = 0;
	const int64_t n = 64 * 96 + 96 + 960 + 10;
	float *w = train(dev, INT64_MAX, true, want, NULL);

	for (int i = 0; w != NULL && i < 5; i++)
	{
		float *v = train(devices[i % 3], i == 3 ? 1 : INT64_MAX, i != 4, got, &slices);
		int64_t bad = 0;

		if (v == NULL)
			continue;
		for (int64_t k = 0; k < n; k++)
			bad += !check_close(v[k], w[k], 1e-4, 1e-5);
		CHECK(bad == 0, "run %d: %ld weights differ", i, bad);
		CHECK_CLOSE(got[2].loss, want[2].loss, 1e-5, 0);
		/* one number of threads gives one result */
		if (i < 4)
		{
			float *again = train(devices[i % 3], INT64_MAX, true, got, NULL);

			CHECK(again != NULL && memcmp(again, v, (size_t) n * sizeof(float)) == 0,
				  "run %d is not repeated", i);
			free(again);
		}
		free(v);
	}
	/* a GPU works on meanwhile */
	CHECK(slices > 30 || on_cuda(), "%d slices", slices);
	free(w);
}

/* ---------- edges ---------- */

/*
 * A batch as large as the data or larger is all rows; one row is a batch.  Batches of one size, in whatever epoch, are
 * one plan.
 */
static void
test_sizes(void)
{
	for (int64_t rows = 1; rows <= 5; rows += 4)
		for (int64_t batch = 1; batch < 12; batch++)
		{
			Setup s;
			PtEpoch epochs[2];
			int n = 0;

			if (!set_up(&s, "nn.Linear(3, 2)", "nn.CrossEntropyLoss()", "optim.SGD(0.1)", 1, rows,
						3, 2))
				return;
			s.spec.options.batch_size = batch;
			s.spec.options.epochs = 2;
			s.fit = pt_fit_new(&s.spec, dev, &s.err);
			CHECK(s.fit != NULL && run_fit(&s, INT64_MAX, epochs, &n, NULL) == PT_RUN_DONE, "%s",
				  s.err.message);
			CHECK(n == 2 && epochs[1].epoch == 2 && epochs[0].rows == rows &&
					  epochs[1].steps == 2 * ((rows + batch - 1) / batch) && epochs[0].lr == 0.1,
				  "%ld rows in batches of %ld: %d epochs, %ld rows, %ld steps", rows, batch, n,
				  epochs[0].rows, epochs[1].steps);
			CHECK(pt_fit_plans(s.fit) == (rows >= batch) + (rows % batch > 0),
				  "%ld rows in batches of %ld: %d plans", rows, batch, pt_fit_plans(s.fit));
			CHECK(pt_fit_bytes(s.fit) > 0, "bytes");
			/* done is done */
			CHECK(pt_fit_run(s.fit, 1, &epochs[0], &s.err) == PT_RUN_DONE && epochs[0].epoch == 0,
				  "after the end");
			tear_down(&s);
		}
}

/* The order of many rows, which is made in slices, is torch.randperm's: what is left out by drop_last shows it. */
static void
test_long_order(void)
{
	const int64_t rows = 1300000, batch = 900000;
	int64_t *order = malloc((size_t) rows * sizeof(int64_t));
	Setup s;
	PtEpoch epoch;
	PtRng rng;
	float *p;
	double sum = 0;
	int n = 0;

	if (is_emulated(dev) ||
		!set_up(&s, "nn.Linear(1, 1)", "nn.MSELoss()", "optim.SGD(0.0)", 11, rows, 1, 0))
	{
		free(order);
		return;
	}
	s.spec.options.batch_size = batch;
	s.spec.options.shuffle = true;
	s.spec.options.drop_last = true;
	s.spec.options.seed = 11;
	s.fit = pt_fit_new(&s.spec, dev, &s.err);
	if (CHECK(s.fit != NULL && run_fit(&s, INT64_MAX, &epoch, &n, NULL) == PT_RUN_DONE && n == 1,
			  "%s", s.err.message))
	{
		p = read_weights(&s);
		for (int64_t i = 0; i < rows; i++)
			order[i] = i;
		pt_rng_seed(&rng, 11);
		pt_rng_shuffle(&rng, order, rows, 0, rows);
		for (int64_t i = 0; i < batch; i++)
		{
			const char *row = row_at(&s, order[i]);
			double x = *(const float *) (row + s.input.offset);
			double y = *(const float *) (row + s.spec.target.offset);

			sum += (p[0] * x + p[1] - y) * (p[0] * x + p[1] - y);
		}
		CHECK(check_close(epoch.loss, sum / (double) batch, 1e-6, 0), "loss %.9g, not %.9g",
			  epoch.loss, sum / (double) batch);
		free(p);
	}
	tear_down(&s);
	free(order);
}

/* What drop_last leaves out needs no plan; more plans take more memory. */
static void
test_plans(void)
{
	size_t bytes[2];

	for (int drop_last = 0; drop_last < 2; drop_last++)
	{
		Setup s;
		PtEpoch epoch;
		int n;

		if (!set_up(&s, "nn.Linear(3, 2)", "nn.CrossEntropyLoss()", "optim.SGD(0.1)", 1, 50, 3, 2))
			return;
		s.spec.options.drop_last = drop_last;
		s.fit = pt_fit_new(&s.spec, dev, &s.err);
		if (!CHECK(s.fit != NULL, "%s", s.err.message))
			return;
		CHECK(run_fit(&s, INT64_MAX, &epoch, &n, NULL) == PT_RUN_DONE &&
				  epoch.steps == 2 - drop_last && pt_fit_plans(s.fit) == 2 - drop_last,
			  "drop_last %d: %d plans", drop_last, pt_fit_plans(s.fit));
		bytes[drop_last] = pt_fit_bytes(s.fit);
		tear_down(&s);
	}
	CHECK(bytes[1] < bytes[0], "%zu bytes for one plan, %zu for two", bytes[1], bytes[0]);
}

static void
refuse(Setup *s, PtCode code, const char *message)
{
	s->fit = pt_fit_new(&s->spec, dev, &s->err);
	CHECK(s->fit == NULL && s->err.code == code && strcmp(s->err.message, message) == 0,
		  "code %d: %s, wanted %s", s->err.code, s->fit ? "nothing" : s->err.message, message);
	tear_down(s);
}

static void
test_refusals(void)
{
	Setup s;

	if (set_up(&s, "nn.Sequential()", "nn.MSELoss()", "optim.SGD(0.1)", 0, 4, 3, 0))
		refuse(&s, PT_EINVAL, "the module has no parameters to train");
	if (set_up(&s, "nn.Linear(3, 1)", "nn.MSELoss()", "optim.SGD(0.1)", 0, 4, 3, 0))
	{
		s.spec.options.drop_last = true;
		refuse(&s, PT_EINVAL, "the dataset has 4 rows, fewer than one batch of 32");
	}
	if (set_up(&s, "nn.Linear(3, 1)", "nn.MSELoss()", "optim.SGD(0.1)", 0, 4, 3, 0))
	{
		s.spec.nrows = 0;
		refuse(&s, PT_EINVAL, "the dataset has no rows");
	}
	if (set_up(&s, "nn.Linear(3, 1)", "nn.MSELoss()", "optim.SGD(0.1)", 0, 4, 3, 0))
	{
		s.spec.options.batch_size = 0;
		refuse(&s, PT_EINVAL, "batch_size must be at least 1, not 0");
	}
	if (set_up(&s, "nn.Linear(3, 1)", "nn.MSELoss(reduction='none')", "optim.SGD(0.1)", 0, 4, 3, 0))
		refuse(
			&s, PT_EINVAL,
			"a loss to train with must be one number, so nn.MSELoss cannot have reduction='none'");
	if (set_up(&s, "nn.Linear(4, 1)", "nn.MSELoss()", "optim.SGD(0.1)", 0, 4, 3, 0))
	{
		s.fit = pt_fit_new(&s.spec, dev, &s.err);
		CHECK(s.fit == NULL && s.err.code == PT_ESHAPE, "%s", s.err.message);
		tear_down(&s);
	}
	if (set_up(&s, "nn.Linear(3, 1)", "nn.MSELoss()", "optim.SGD(0.1)", 0, 4, 3, 0))
	{
		s.values[0].shape = *SHAPE(3);
		refuse(&s, PT_ESHAPE, "parameter \"weight\" should be float32[1, 3], not float32[3]");
	}
	if (set_up(&s, "nn.Linear(3, 1)", "nn.MSELoss()", "optim.SGD(0.1)", 0, 4, 3, 0))
	{
		s.spec.plan.max_bytes = 1;
		s.fit = pt_fit_new(&s.spec, dev, &s.err);
		CHECK(s.fit == NULL && s.err.code == PT_ELIMIT, "%s", s.err.message);
		tear_down(&s);
	}
}

/* The step whose loss was not finite first, counted from 1 over all epochs. */
static void
test_divergence(void)
{
	static const struct
	{
		int64_t row;
		float value;
		const char *message;
	} cases[] = {{17, NAN, "the loss is not finite at step 5 (epoch 1)"},
				 {0, INFINITY, "the loss is not finite at step 1 (epoch 1)"},
				 {21, -INFINITY, "the loss is not finite at step 6 (epoch 1)"}};

	for (size_t i = 0; i < 3; i++)
		for (int64_t budget = 1; budget > 0; budget = budget == 1 ? INT64_MAX : 0)
		{
			Setup s;
			PtEpoch epochs[8];
			int n = 0;

			if (!set_up(&s, "nn.Linear(3, 1)", "nn.MSELoss()", "optim.SGD(0.01)", 0, 22, 3, 0))
				return;
			s.spec.options.batch_size = 4;
			s.spec.options.epochs = 8;
			memcpy((char *) row_at(&s, cases[i].row) + 12, &cases[i].value, sizeof(float));
			s.fit = pt_fit_new(&s.spec, dev, &s.err);
			CHECK(s.fit != NULL && run_fit(&s, budget, epochs, &n, NULL) == PT_RUN_ERROR &&
					  s.err.code == PT_EDIVERGED && strcmp(s.err.message, cases[i].message) == 0 &&
					  n == 0,
				  "%s, wanted %s", s.err.message, cases[i].message);
			tear_down(&s);
		}
	{
		/* a learning rate that blows up: some later epoch */
		Setup s;
		PtEpoch epochs[100];
		int n = 0;
		long step = 0, epoch = 0;

		if (!set_up(&s, "nn.Linear(3, 1)", "nn.MSELoss()", "optim.SGD(50)", 0, 22, 3, 0))
			return;
		s.spec.options.batch_size = 4;
		s.spec.options.epochs = 100;
		s.fit = pt_fit_new(&s.spec, dev, &s.err);
		CHECK(s.fit != NULL && run_fit(&s, INT64_MAX, epochs, &n, NULL) == PT_RUN_ERROR &&
				  s.err.code == PT_EDIVERGED &&
				  sscanf(s.err.message, "the loss is not finite at step %ld (epoch %ld)", &step,
						 &epoch) == 2,
			  "%s", s.err.message);
		CHECK(epoch == n + 1 && n > 0 && (step - 1) / 6 + 1 == epoch,
			  "step %ld, epoch %ld after %d", step, epoch, n);
		tear_down(&s);
	}
}

static void
test_classes(void)
{
	static const int64_t bad[] = {3, -1, INT64_MAX, INT64_MIN};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		Setup s;
		PtEpoch epochs[2];
		int n = 0;

		if (!set_up(&s, "nn.Linear(4, 3)", "nn.CrossEntropyLoss()", "optim.Adam()", 0, 40, 4, 3))
			return;
		memcpy((char *) row_at(&s, 33), &bad[i], 8);
		s.fit = pt_fit_new(&s.spec, dev2, &s.err);
		CHECK(s.fit != NULL && run_fit(&s, INT64_MAX, epochs, &n, NULL) == PT_RUN_ERROR &&
				  s.err.code == PT_EDATA,
			  "%s", s.err.message);
		tear_down(&s);
	}
	{
		/* ignored rows are no rows */
		Setup s;
		PtEpoch epochs[2];
		int n = 0;

		if (!set_up(&s, "nn.Linear(4, 3)", "nn.CrossEntropyLoss(ignore_index=-5)", "optim.Adam()",
					0, 40, 4, 3))
			return;
		memcpy((char *) row_at(&s, 7), &(int64_t){-5}, 8);
		s.fit = pt_fit_new(&s.spec, dev, &s.err);
		CHECK(s.fit != NULL && run_fit(&s, INT64_MAX, epochs, &n, NULL) == PT_RUN_DONE, "%s",
			  s.err.message);
		tear_down(&s);
	}
}

/* A ReLU that is never on: its layer's gradient is 0, and plain SGD leaves the weights as they are. */
static void
test_unused(void)
{
	Setup s;
	PtEpoch epochs[3];
	int n = 0;
	float *after;

	if (!set_up(&s, "nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 1))", "nn.MSELoss()",
				"optim.SGD(0.1, momentum=0.9)", 0, 40, 4, 0))
		return;
	for (int k = 0; k < 20; k++)
		((float *) s.values[0].data)[k] = 0;
	for (int k = 0; k < 5; k++)
		((float *) s.values[1].data)[k] = -1;
	s.spec.options.epochs = 3;
	s.fit = pt_fit_new(&s.spec, dev, &s.err);
	CHECK(s.fit != NULL && run_fit(&s, INT64_MAX, epochs, &n, NULL) == PT_RUN_DONE && n == 3, "%s",
		  s.err.message);
	after = read_weights(&s);
	for (int k = 0; k < 20; k++)
		CHECK(after[k] == 0, "weight %d", k);
	for (int k = 20; k < 25; k++)
		CHECK(after[k] == -1, "bias %d", k);
	CHECK(memcmp(after + 25, s.values[2].data, 5 * sizeof(float)) == 0,
		  "weights after a ReLU that is off");
	CHECK(after[30] != ((float *) s.values[3].data)[0], "the last bias is trained");
	free(after);
	tear_down(&s);
}

/* A module that the output does not depend on stays as it is, whatever the optimizer does with weights. */
static void
test_untouched(void)
{
	static const char *const optimizers[] = {"optim.AdamW(lr=0.1, weight_decay=0.5, eps=0)",
											 "optim.ASGD(lr=0.1, lambd=0.5)",
											 "optim.SGD(0.1, momentum=0.9, weight_decay=0.5)"};

	for (int i = 0; i < 6; i++)
	{
		Setup s;
		PtEpoch epochs[3];
		int n = 0;
		float *after;

		if (!set_up(
				&s,
				"nn.Graph('x -> fc1(x)', 'fc0', nn.Linear(3, 3), 'fc1', nn.Linear(4, 1), 'fc2', nn.Linear(2, 2))",
				"nn.MSELoss()", optimizers[i / 2], 0, 40, 4, 0))
			return;
		s.spec.options.epochs = 3;
		s.spec.plan.no_fuse = s.spec.plan.no_reuse = i % 2;
		s.fit = pt_fit_new(&s.spec, dev, &s.err);
		CHECK(s.fit != NULL && run_fit(&s, INT64_MAX, epochs, &n, NULL) == PT_RUN_DONE && n == 3,
			  "%s: %s", optimizers[i / 2], s.err.message);
		after = read_weights(&s);
		CHECK(memcmp(after, s.values[0].data, 9 * sizeof(float)) == 0 &&
				  memcmp(after + 9, s.values[1].data, 3 * sizeof(float)) == 0 &&
				  memcmp(after + 17, s.values[4].data, 4 * sizeof(float)) == 0 &&
				  memcmp(after + 21, s.values[5].data, 2 * sizeof(float)) == 0,
			  "%s moves what is not used", optimizers[i / 2]);
		for (int k = 0; k < 4; k++)
			CHECK(isfinite(after[12 + k]) && after[12 + k] != ((float *) s.values[2].data)[k],
				  "%s does not move what is used", optimizers[i / 2]);
		free(after);
		tear_down(&s);
	}
}

static bool
run_forward(PtForward *f, int64_t budget_ns, PtError *err)
{
	PtRun run;

	while ((run = pt_forward_run(f, budget_ns, err)) == PT_RUN_MORE)
		;
	return run == PT_RUN_DONE;
}

/* Predictions of the trained network are those of its weights. */
static void
test_forward(void)
{
	for (int64_t rows = 0; rows < 70; rows += 23)
	{
		Setup s;
		PtEpoch epochs[2];
		int n = 0, bad = 0;
		PtForward *f;
		float *w;

		if (!set_up(&s, "nn.Linear(4, 3)", "nn.CrossEntropyLoss()", "optim.Adam(0.1)", 0, 70, 4, 3))
			return;
		s.fit = pt_fit_new(&s.spec, dev, &s.err);
		CHECK(s.fit != NULL && run_fit(&s, INT64_MAX, epochs, &n, NULL) == PT_RUN_DONE, "%s",
			  s.err.message);
		w = read_weights(&s);
		f = pt_forward_new(pt_fit_network(s.fit), &(PtTensorType){PT_FLOAT32, {1, {4}}}, 1, rows,
						   rows % 2 ? "softmax" : NULL, &(PtPlanOptions){.poison = true}, &s.err);
		if (CHECK(f != NULL, "%s", s.err.message))
		{
			for (int64_t i = 0; i < rows * 4; i++)
				((float *) f->inputs[0].data)[i] = feature(i / 4, i % 4);
			CHECK_OK(run_forward(f, INT64_MAX, &s.err), &s.err);
			CHECK(pt_shape_equal(&f->outputs[0].shape, SHAPE(rows, 3)), "output");
			for (int64_t i = 0; i < rows; i++)
			{
				double y[3], sum = 0;

				for (int k = 0; k < 3; k++)
				{
					y[k] = w[12 + k];
					for (int j = 0; j < 4; j++)
						y[k] += (double) feature(i, j) * w[k * 4 + j];
					sum += exp(y[k]);
				}
				for (int k = 0; k < 3; k++)
					bad += !check_close(((float *) f->outputs[0].data)[i * 3 + k],
										rows % 2 ? exp(y[k]) / sum : y[k], 1e-5, 1e-6);
			}
			CHECK(bad == 0, "%d predictions differ", bad);
		}
		pt_forward_free(f);
		free(w);
		tear_down(&s);
	}
	{
		/* a module that does nothing gives its input */
		Setup s;
		PtNetwork *net;
		PtForward *f = NULL;

		if (!set_up(&s, "nn.Sequential()", "nn.MSELoss()", "optim.SGD(0.1)", 0, 4, 3, 0))
			return;
		net = pt_network_new(s.spec.module, &s.sd, s.values, dev, &s.err);
		if (CHECK(net != NULL, "%s", s.err.message))
			f = pt_forward_new(net, &(PtTensorType){PT_INT64, {1, {2}}}, 1, 2, NULL, NULL, &s.err);
		if (CHECK(f != NULL, "%s", s.err.message))
		{
			for (int i = 0; i < 4; i++)
				((int64_t *) f->inputs[0].data)[i] = 40 + i;
			CHECK_OK(run_forward(f, 1, &s.err), &s.err);
			CHECK(((int64_t *) f->outputs[0].data)[3] == 43, "identity");
		}
		pt_forward_free(f);
		pt_network_free(net);
		tear_down(&s);
	}
}

/* ---------- for the eye ---------- */

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double) t.tv_sec + (double) t.tv_nsec * 1e-9;
}

/* Prints the plan of a large MLP's step; fusion must not get worse unnoticed. */
static void
test_plan_size(bool print)
{
	PtError err = {0};
	PtArena *arena = pt_arena_new();
	PtGraph *g = pt_graph_new(&err);
	PtModule *m = pt_module_parse(
		arena,
		"nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 10))",
		&err);
	PtModule *loss = pt_module_parse(arena, "nn.CrossEntropyLoss()", &err);
	PtOptimizer *adam = pt_optim_parse(arena, "optim.Adam()", &err);
	PtStateDict sd;
	PtRef state[6], in[2], y, grad[6], flat, packed, slots[2], t, lr, new_p, new_slots[2];
	int64_t offsets[6];
	PtBuild b = {.g = g, .sd = &sd, .state = state, .training = true};
	PtRef updates[6] = {PT_NO_REF};
	PtPlan *plan;
	double start;
	char *text;

	CHECK_OK(pt_module_state(arena, m, &sd, &err), &err);
	b.updates = updates;
	flat = pt_external(g, "parameters", PT_FLOAT32, SHAPE(sd.flat));
	for (int i = 0; i < 6; i++)
	{
		state[i] = pt_slice(g, flat, sd.entries[i].offset, &sd.entries[i].shape);
		offsets[i] = sd.entries[i].offset;
	}
	in[0] = pt_external(g, "input", PT_FLOAT32, SHAPE(128, 784));
	in[1] = pt_external(g, "target", PT_INT64, SHAPE(128));
	y = pt_module_build(&b, loss, (PtRef[]){pt_module_build(&b, m, in, 1), in[1]}, 2);
	CHECK(pt_gradient(g, y, state, 6, grad), "%s", g->error.message);
	packed = pt_pack(g, grad, offsets, 6, sd.flat);
	for (int i = 0; i < 2; i++)
		slots[i] = pt_external(g, "slot", PT_FLOAT32, SHAPE(sd.flat));
	t = pt_external(g, "t", PT_FLOAT64, SCALAR);
	lr = pt_external(g, "lr", PT_FLOAT64, SCALAR);
	CHECK(pt_optim_build(g, adam, flat, packed, t, lr, PT_NO_REF, slots, &new_p, new_slots), "%s",
		  g->error.message);
	pt_graph_assign(g, pt_external(g, "loss", PT_FLOAT32, SCALAR), y);
	pt_graph_assign(g, pt_external(g, "gradients", PT_FLOAT32, SHAPE(sd.flat)), packed);
	pt_graph_assign(g, flat, new_p);
	for (int i = 0; i < 2; i++)
		pt_graph_assign(g, slots[i], new_slots[i]);
	start = now();
	plan = pt_plan_compile(g, dev, NULL, &err);
	start = now() - start;
	if (CHECK(plan != NULL, "%s", err.message))
	{
		CHECK(pt_plan_steps(plan) <= 24, "%d steps", pt_plan_steps(plan));
		text = pt_plan_print(plan);
		if (print)
			printf("%s\n%d nodes, %d steps, %.0f KB, compiled in %.2f ms\n%s", pt_graph_print(g),
				   (int) g->nnodes, pt_plan_steps(plan), (double) pt_plan_bytes(plan) / 1024,
				   start * 1e3, text);
		free(text);
	}
	pt_plan_free(plan);
	pt_graph_free(g);
	pt_arena_free(arena);
}

/* A network of very many layers compiles in a time that a user waits for. */
static void
test_deep(bool print)
{
	const int layers = 300;
	char *text = malloc((size_t) layers * 64);
	char *p = text + sprintf(text, "nn.Sequential(nn.Linear(4, 4)");
	Setup s;
	double start;
	PtEpoch epochs[1];
	int n = 0;

	for (int i = 0; i < layers; i++)
		p += sprintf(p, ", nn.ReLU(), nn.Linear(4, 4)");
	sprintf(p, ")");
	if (set_up(&s, text, "nn.CrossEntropyLoss()", "optim.SGD(0.1)", 0, 40, 4, 4))
	{
		start = now();
		s.fit = pt_fit_new(&s.spec, dev, &s.err);
		start = now() - start;
		CHECK(s.fit != NULL && run_fit(&s, INT64_MAX, epochs, &n, NULL) == PT_RUN_DONE, "%s",
			  s.err.message);
		CHECK(start < 60, "%g s", start);
		if (print)
			printf("%d layers, two plans: %.0f ms\n", layers, start * 1e3);
		tear_down(&s);
	}
	free(text);
}

int
main(int argc, char **argv)
{
	(void) argv;
	dev = open_device(1);
	dev2 = open_device(2);
	dev3 = open_device(3);
	test_trajectories();
	test_threads();
	test_sizes();
	test_long_order();
	test_plans();
	test_refusals();
	test_divergence();
	test_classes();
	test_unused();
	test_untouched();
	test_forward();
	test_plan_size(argc > 1);
	test_deep(argc > 1);
	dev->type->close(dev);
	dev2->type->close(dev2);
	dev3->type->close(dev3);
	return check_done();
}
