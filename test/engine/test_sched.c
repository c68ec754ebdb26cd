/*
 * test_sched.c
 *	  Schedulers: text both ways, errors, the rates that PyTorch computes, and trainings with them and
 *	  with clipped gradients that follow PyTorch's.
 */
#include "engine/scheds/table.h"
#include "engine/train/fit.h"
#include "engine/golden.h"
#include "engine/run.h"

/* ---------- text ---------- */

static void
check_text(PtArena *arena, const char *text, const char *want)
{
	PtError err = {0};
	PtScheduler *s = pt_sched_parse(arena, text, &err);
	const char *got = s ? pt_sched_print(arena, s, &err) : err.message;

	CHECK(strcmp(got, want) == 0, "%s: %s, wanted %s", text, got, want);
	if (s != NULL && (s = pt_sched_parse(arena, got, &err)) != NULL)
		CHECK(strcmp(pt_sched_print(arena, s, &err), want) == 0, "%s prints as %s", want,
			  pt_sched_print(arena, s, &err));
}

static void
test_text(void)
{
	PtArena *a = pt_arena_new();
	char deep[400] = "";

	check_text(a, "torch.optim.lr_scheduler.StepLR(30)", "lr_scheduler.StepLR(30)");
	check_text(a, "steplr(step_size=30, gamma=0.1)", "lr_scheduler.StepLR(30)");
	check_text(a, "LinearLR(1/3, total_iters=5)", "lr_scheduler.LinearLR()");
	check_text(a, "MultiStepLR([30, 80], 0.5)", "lr_scheduler.MultiStepLR((30, 80), gamma=0.5)");
	check_text(a, "LambdaLR('lambda e: 0.95 ** e')",
			   "lr_scheduler.LambdaLR('lambda e: 0.95 ** e')");
	check_text(a, "LambdaLR('epoch -> 0.95 ** epoch')",
			   "lr_scheduler.LambdaLR('epoch -> 0.95 ** epoch')");
	check_text(a, "ReduceLROnPlateau('max', patience=3)",
			   "lr_scheduler.ReduceLROnPlateau(mode='max', patience=3)");
	check_text(a, "OneCycleLR(0.1, total_steps=None)", "lr_scheduler.OneCycleLR(0.1)");
	check_text(
		a, "SequentialLR([ConstantLR(), ExponentialLR(0.9)], milestones=[4])",
		"lr_scheduler.SequentialLR([lr_scheduler.ConstantLR(), lr_scheduler.ExponentialLR(0.9)], 4)");
	check_text(a, "ChainedScheduler([StepLR(2)])",
			   "lr_scheduler.ChainedScheduler([lr_scheduler.StepLR(2)])");

	check_text(a, "StepLr2(3)", "scheduler \"StepLr2\" does not exist");
	check_text(a, "StepLR()", "lr_scheduler.StepLR is missing the argument \"step_size\"");
	check_text(a, "StepLR(0)",
			   "argument \"step_size\" of lr_scheduler.StepLR must be at least 1, not 0");
	check_text(a, "StepLR(2.5)",
			   "argument \"step_size\" of lr_scheduler.StepLR must be an integer, not a float");
	check_text(a, "StepLR(2, verbose=True)", "lr_scheduler.StepLR has no argument \"verbose\"");
	check_text(a, "StepLR(optimizer, 2)", "name \"optimizer\" does not exist");
	check_text(a, "ConstantLR(factor=2)",
			   "argument \"factor\" of lr_scheduler.ConstantLR must be at most 1, not 2.0");
	check_text(
		a, "LinearLR(start_factor=0)",
		"argument \"start_factor\" of lr_scheduler.LinearLR must be greater than 0, as it is divided by later");
	check_text(
		a, "CosineAnnealingWarmRestarts(0)",
		"argument \"T_0\" of lr_scheduler.CosineAnnealingWarmRestarts must be at least 1, not 0");
	check_text(a, "OneCycleLR(0.1, pct_start=1.5)",
			   "argument \"pct_start\" of lr_scheduler.OneCycleLR must be at most 1, not 1.5");
	check_text(
		a, "OneCycleLR(0.1, anneal_strategy='cosine')",
		"argument \"anneal_strategy\" of lr_scheduler.OneCycleLR must be \"cos\" or \"linear\", not \"cosine\"");
	check_text(
		a, "ReduceLROnPlateau(factor=1.0)",
		"argument \"factor\" of lr_scheduler.ReduceLROnPlateau must be less than 1, not 1.0");
	check_text(a, "OneCycleLR(0.1, final_div_factor=0)",
			   "argument \"final_div_factor\" of lr_scheduler.OneCycleLR must not be 0");
	check_text(a, "SequentialLR([StepLR(2), StepLR(3)], [])",
			   "lr_scheduler.SequentialLR needs one scheduler more than milestones, not 2 for 0");
	check_text(a, "SequentialLR([StepLR(2), StepLR(3), StepLR(4)], [5, 5])",
			   "milestones must increase, not go from 5 to 5");
	check_text(a, "SequentialLR([StepLR(2), ReduceLROnPlateau()], [5])",
			   "lr_scheduler.ReduceLROnPlateau cannot be part of lr_scheduler.SequentialLR");
	check_text(a, "SequentialLR([StepLR(2), ChainedScheduler([StepLR(1)])], [5])",
			   "lr_scheduler.ChainedScheduler cannot be part of lr_scheduler.SequentialLR");
	check_text(a, "ChainedScheduler([StepLR(2), OneCycleLR(0.1)])",
			   "schedulers of one list must all step with each epoch, or all with each batch");
	check_text(
		a, "ChainedScheduler([])",
		"argument \"schedulers\" of lr_scheduler.ChainedScheduler must be a list of schedulers, not a list of integers");
	check_text(
		a, "ChainedScheduler([1])",
		"argument \"schedulers\" of lr_scheduler.ChainedScheduler must be a list of schedulers, not a list of integers");
	check_text(a, "ChainedScheduler([StepLR(2), 1])", "a scheduler must be a call");
	check_text(a, "ChainedScheduler([StepLR(2), optim.Adam()])",
			   "scheduler \"optim.Adam\" does not exist");
	check_text(a, "30", "a scheduler must be a call");
	check_text(a, "LambdaLR('0.95 ** epochs')", "name \"epochs\" does not exist");
	check_text(a, "LambdaLR('epoch -> sin(epoch)')", "function \"sin\" does not exist");
	check_text(a, "LambdaLR('where(epoch > 0, 1, epochs)')", "name \"epochs\" does not exist");
	check_text(a, "LambdaLR('(a, b) -> a')", "a formula must be one expression of one argument");
	check_text(a, "LambdaLR('x -> y = x; y')", "a formula must be one expression of one argument");
	check_text(a, "LambdaLR('\"x\"')", "a formula must give a number, not a string");
	check_text(a, "LambdaLR(0.95)",
			   "argument \"lr_lambda\" of lr_scheduler.LambdaLR must be a word, not a float");
	for (int i = 0; i < 12; i++)
		strcat(deep, "ChainedScheduler([");
	strcat(deep, "StepLR(1)");
	for (int i = 0; i < 12; i++)
		strcat(deep, "])");
	check_text(a, deep, "schedulers are nested more than 8 deep");
	pt_arena_free(a);
}

/* Starting with an optimizer; want: the error. */
static void
check_start(PtArena *arena, const char *text, const char *optimizer, const char *want)
{
	PtError err = {0};
	PtScheduler *s = pt_sched_parse(arena, text, &err);
	PtOptimizer *o = pt_optim_parse(arena, optimizer, &err);

	if (!CHECK(s != NULL && o != NULL, "%s, %s: %s", text, optimizer, err.message))
		return;
	CHECK(pt_pace_new(arena, s, o, 5, 4, &err) == NULL && strcmp(err.message, want) == 0,
		  "%s, %s: %s, wanted %s", text, optimizer, err.message, want);
}

static void
test_start(void)
{
	PtArena *a = pt_arena_new();

	check_start(a, "CyclicLR(0.01, 0.1)", "Adagrad()",
				"lr_scheduler.CyclicLR cannot cycle the momentum of optim.Adagrad, which has none");
	check_start(
		a, "ChainedScheduler([OneCycleLR(0.1)])", "Adagrad()",
		"lr_scheduler.OneCycleLR cannot cycle the momentum of optim.Adagrad, which has none");
	check_start(a, "OneCycleLR(0.1, total_steps=19)", "Adam()",
				"lr_scheduler.OneCycleLR is for 19 steps in all, but the training has 20");
	check_start(a, "OneCycleLR(0.1, epochs=4)", "Adam()",
				"lr_scheduler.OneCycleLR is for 16 steps in all, but the training has 20");
	check_start(
		a, "OneCycleLR(0.1, pct_start=0.05)", "Adam()",
		"lr_scheduler.OneCycleLR has a phase of no steps: 20 in all, of which pct_start 0.05");
	check_start(a, "LambdaLR('1 / epoch')", "Adam()", "division by zero in a constant expression");
	check_start(a, "LambdaLR('where(epoch > 0, 1, 1 / epoch)')", "Adam()",
				"division by zero in a constant expression");
	check_start(a, "LambdaLR('inf')", "Adam()",
				"lr_scheduler.LambdaLR gives a learning rate that is not finite: inf");
	pt_arena_free(a);
}

/* ---------- rates ---------- */

typedef struct Case
{
	PtModule *model, *loss;
	PtOptimizer *optimizer;
	PtScheduler *scheduler;
	int64_t epochs, batch;
	double norm, value;
} Case;

static bool
read_case(Golden *f, Case *c)
{
	PtError err = {0};
	const char *scheduler = golden_text(f, "scheduler");
	char *numbers;

	memset(c, 0, sizeof(*c));
	c->model = pt_module_parse(f->arena, golden_text(f, "model"), &err);
	c->loss = pt_module_parse(f->arena, golden_text(f, "loss"), &err);
	c->optimizer = pt_optim_parse(f->arena, golden_text(f, "optimizer"), &err);
	if (scheduler != NULL)
		c->scheduler = pt_sched_parse(f->arena, scheduler, &err);
	numbers = (char *) golden_text(f, "numbers");
	c->epochs = strtoll(numbers, &numbers, 10);
	c->batch = strtoll(numbers, &numbers, 10);
	c->norm = strtod(numbers, &numbers);
	c->value = strtod(numbers, &numbers);
	return CHECK(c->model && c->loss && c->optimizer && (scheduler == NULL || c->scheduler != NULL),
				 "%s: %s", f->name, err.message);
}

/* The rates alone: nothing but doubles, computed as PyTorch does; ReduceLROnPlateau is seen in training. */
static void
check_rates(Golden *f, const Case *c)
{
	PtError err = {0};
	PtTensor rates, momentums;
	PtPace *p;

	if (!golden_tensor(f, "rates", &rates) || !golden_tensor(f, "momentums", &momentums) ||
		c->scheduler == NULL || c->scheduler->type->plateau)
		return;
	p = pt_pace_new(f->arena, c->scheduler, c->optimizer, c->epochs, (16 + c->batch - 1) / c->batch,
					&err);
	if (!CHECK(p != NULL, "%s: %s", f->name, err.message))
		return;
	for (int64_t i = 0; i < rates.shape.dim[0]; i++)
	{
		if (!CHECK(check_close(pt_pace_lr(p), ((double *) rates.data)[i], 1e-15, 1e-18),
				   "%s: rate %d is %.17g, wanted %.17g", f->name, (int) i, pt_pace_lr(p),
				   ((double *) rates.data)[i]) ||
			!CHECK(check_close(pt_pace_momentum(p), ((double *) momentums.data)[i], 1e-15, 1e-16),
				   "%s: momentum %d is %.17g, wanted %.17g", f->name, (int) i, pt_pace_momentum(p),
				   ((double *) momentums.data)[i]))
			return;
		if (i + 1 < rates.shape.dim[0])
			CHECK_OK(pt_pace_step(p, 0, &err), &err);
	}
}

/* ---------- trainings ---------- */

static void
check_training(Golden *f, const Case *c, PtDevice *dev, const PtTensor *x, const PtTensor *y)
{
	PtError err = {0};
	PtStateDict sd;
	PtTensor values[8], lrs, losses;
	void *data[8];
	PtRng rng;
	PtRowsetColumn input = {PT_FLOAT32, {1, {4}}, 0};
	PtFitSpec spec = {.module = c->model,
					  .sd = &sd,
					  .values = values,
					  .loss = c->loss,
					  .optimizer = c->optimizer,
					  .scheduler = c->scheduler,
					  .nrows = 16,
					  .stride = 7 * sizeof(float),
					  .inputs = &input,
					  .ninputs = 1,
					  .target = {PT_FLOAT32, {1, {3}}, 4 * sizeof(float)},
					  .options = {.epochs = c->epochs,
								  .batch_size = c->batch,
								  .clip_grad_norm = c->norm,
								  .clip_grad_value = c->value},
					  .plan = {.poison = true}};
	float rows[16][7];
	PtFit *fit;
	int64_t ended = 0;

	if (!CHECK_OK(pt_module_state(f->arena, c->model, &sd, &err), &err) ||
		!golden_tensor(f, "lrs", &lrs) || !golden_tensor(f, "losses", &losses))
		return;
	for (int i = 0; i < sd.count; i++)
	{
		values[i] = (PtTensor){sd.entries[i].dtype, sd.entries[i].shape, NULL};
		data[i] = values[i].data = pt_arena_alloc(f->arena, pt_tensor_bytes(&values[i]));
	}
	pt_rng_seed(&rng, strtoull(golden_text(f, "seed"), NULL, 10));
	CHECK_OK(pt_module_init(c->model, &sd, &rng, data, &err), &err);
	for (int i = 0; i < 16; i++)
	{
		memcpy(rows[i], (float *) x->data + i * 4, 4 * sizeof(float));
		memcpy(rows[i] + 4, (float *) y->data + i * 3, 3 * sizeof(float));
	}
	spec.rows = rows;
	fit = pt_fit_new(&spec, dev, &err);
	if (!CHECK(fit != NULL, "%s: %s", f->name, err.message))
		return;
	for (;;)
	{
		PtEpoch e;
		PtRun run = pt_fit_run(fit, 1000 * 1000, &e, &err);

		if (run == PT_RUN_DONE || !CHECK(run == PT_RUN_MORE, "%s: %s", f->name, err.message))
			break;
		if (e.epoch == 0)
			continue;
		ended = e.epoch;
		if (!CHECK(check_close(e.loss, ((double *) losses.data)[ended - 1], 3e-5, 1e-6),
				   "%s: loss of epoch %d is %.9g, wanted %.9g", f->name, (int) ended, e.loss,
				   ((double *) losses.data)[ended - 1]) ||
			!CHECK(check_close(e.lr, ((double *) lrs.data)[ended - 1], 1e-15, 1e-18),
				   "%s: rate of epoch %d is %.17g, wanted %.17g", f->name, (int) ended, e.lr,
				   ((double *) lrs.data)[ended - 1]))
			break;
	}
	CHECK(ended == c->epochs, "%s: %d epochs", f->name, (int) ended);
	pt_fit_free(fit);
}

/* An epoch of more steps than there is room for rates at a time. */
static void
test_long_epoch(PtDevice *dev)
{
	const int64_t steps = tries(dev, 40000, 17000);
	const int64_t epochs = tries(dev, 2, 1);
	PtError err = {0};
	PtArena *arena = pt_arena_new();
	PtModule *model = pt_module_parse(arena, "nn.Linear(1, 1, bias=False)", &err);
	PtStateDict sd;
	float weight = 0.5f;
	PtTensor value = {PT_FLOAT32, {2, {1, 1}}, &weight};
	PtRowsetColumn input = {PT_FLOAT32, {1, {1}}, 0};
	float(*rows)[2] = calloc((size_t) steps, sizeof(*rows));
	PtFitSpec spec = {.module = model,
					  .sd = &sd,
					  .values = &value,
					  .loss = pt_module_parse(arena, "nn.MSELoss()", &err),
					  .optimizer = pt_optim_parse(arena, "optim.SGD(lr=1, momentum=0.5)", &err),
					  .scheduler =
						  pt_sched_parse(arena, "OneCycleLR(1.0, cycle_momentum=False)", &err),
					  .rows = rows,
					  .nrows = steps,
					  .stride = sizeof(*rows),
					  .inputs = &input,
					  .ninputs = 1,
					  .target = {PT_FLOAT32, {1, {1}}, sizeof(float)},
					  .options = {.epochs = epochs, .batch_size = 1}};
	PtFit *fit;
	PtPace *p;
	double want = 0;

	CHECK_OK(pt_module_state(arena, model, &sd, &err), &err);
	p = pt_pace_new(arena, spec.scheduler, spec.optimizer, epochs, steps, &err);
	fit = pt_fit_new(&spec, dev, &err);
	if (CHECK(p != NULL && fit != NULL, "%s", err.message))
	{
		for (int64_t epoch = 1; epoch <= epochs; epoch++)
		{
			PtEpoch e = {0};
			PtRun run = PT_RUN_MORE;

			while (run == PT_RUN_MORE && e.epoch == 0)
				run = pt_fit_run(fit, 10 * 1000 * 1000, &e, &err);
			for (int64_t i = 0; i < steps; i++)
			{
				want = pt_pace_lr(p);
				if (epoch < epochs || i < steps - 1)
					pt_pace_step(p, 0, &err);
			}
			CHECK(e.epoch == epoch && e.steps == epoch * steps && e.lr == want,
				  "epoch %d, %d steps, rate %.17g, wanted %.17g", (int) e.epoch, (int) e.steps,
				  e.lr, want);
		}
	}
	pt_fit_free(fit);
	free(rows);
	pt_arena_free(arena);
}

int
main(void)
{
	PtDevice *dev;
	Golden f;
	PtTensor x = {0}, y = {0};
	int cases[64] = {0};
	int clipped = 0;

	test_text();
	test_start();
	dev = open_device(1);
	if (!golden_open(&f, "test/golden/sched.txt"))
		return check_done();
	while (golden_case(&f))
	{
		Case c;

		if (strncmp(f.name, "data ", 5) == 0)
		{
			CHECK(golden_tensor(&f, "x", &x) && golden_tensor(&f, "y", &y), "%s", f.name);
			continue;
		}
		if (!read_case(&f, &c))
			continue;
		check_rates(&f, &c);
		check_training(&f, &c, dev, &x, &y);
		for (int i = 0; c.scheduler != NULL && pt_schedulers.at(i) != NULL; i++)
			cases[i] += (const PtConstructor *) c.scheduler->type == pt_schedulers.at(i);
		clipped += c.norm > 0 || c.value > 0;
	}
	for (int i = 0; pt_schedulers.at(i) != NULL; i++)
		CHECK(cases[i] >= 2, "lr_scheduler.%s has %d cases", pt_schedulers.at(i)->name, cases[i]);
	CHECK(clipped >= 4, "%d cases with clipped gradients", clipped);
	golden_close(&f);
	test_long_epoch(dev);
	dev->type->close(dev);
	return check_done();
}
