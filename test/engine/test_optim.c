/*
 * test_optim.c
 *	  Optimizers: text both ways, errors, and whole trainings that follow PyTorch's, step by step.
 */
#include "engine/golden.h"
#include "engine/nn/module.h"
#include "engine/train/optim.h"
#include "engine/run.h"

/* ---------- text ---------- */

static void
check_text(PtArena *arena, const char *text, const char *want)
{
	PtError err = {0};
	PtOptimizer *o = pt_optim_parse(arena, text, &err);
	const char *got = o ? pt_optim_print(arena, o, &err) : NULL;

	if (got == NULL)
		got = err.message;
	CHECK(strcmp(got, want) == 0, "%s: %s, wanted %s", text, got, want);
}

static void
check_slots(PtArena *arena, const char *text, const char *want)
{
	PtError err = {0};
	PtOptimizer *o = pt_optim_parse(arena, text, &err);
	PtOptimSlot slots[PT_OPTIM_SLOTS];
	char got[128] = "";

	if (!CHECK(o != NULL, "%s: %s", text, err.message))
		return;
	for (int i = 0, n = pt_optim_slots(o, 0.125, slots); i < n; i++)
	{
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%s%s", i ? " " : "",
				 slots[i].name, slots[i].scalar ? "()" : "");
		if (slots[i].init != 0)
			snprintf(got + strlen(got), sizeof(got) - strlen(got), "=%g", slots[i].init);
	}
	CHECK(strcmp(got, want) == 0, "%s has slots %s, wanted %s", text, got, want);
}

static void
test_text(void)
{
	PtArena *a = pt_arena_new();

	check_text(a, "Adam()", "optim.Adam()");
	check_text(a, "torch.optim.Adam(lr=1e-3, betas=[0.9, 0.999], eps=1e-08, amsgrad=False)",
			   "optim.Adam()");
	check_text(a, "optim.Adam(0.01, (0.5, 0.75))", "optim.Adam(lr=0.01, betas=(0.5, 0.75))");
	check_text(a, "optim.SGD(1/10, momentum=0.9, nesterov=True)",
			   "optim.SGD(lr=0.1, momentum=0.9, nesterov=True)");
	check_text(a, "optim.sgd(1)", "optim.SGD(lr=1.0)");
	check_text(a, "optim.SGD()", "optim.SGD()");
	check_text(a, "optim.SGD(lr=-1)", "argument \"lr\" of optim.SGD must be at least 0, not -1.0");
	check_text(a, "optim.SGD(float('nan'))",
			   "argument \"lr\" of optim.SGD must be at least 0, not nan");
	check_text(a, "optim.SGD(0.1, nesterov=True)",
			   "nesterov momentum requires a momentum and zero dampening");
	check_text(a, "optim.SGD(0.1, 0.9, 0.1, nesterov=True)",
			   "nesterov momentum requires a momentum and zero dampening");
	check_text(a, "optim.Adam(betas=(0.9, 1.0))",
			   "invalid beta parameter at index 1: it must be at least 0 and less than 1, not 1.0");
	check_text(a, "optim.Adam(betas=(0.9,))",
			   "argument \"betas\" of optim.Adam must have 2 elements, not 1");
	check_text(a, "optim.Adam(model.parameters())", "function \"model.parameters\" does not exist");
	check_text(a, "optim.Adma()", "optimizer \"optim.Adma\" does not exist");
	check_text(a, "0.1", "an optimizer must be a call");
	check_slots(a, "optim.SGD(0.1)", "");
	check_slots(a, "optim.SGD(0.1, momentum=0.9)", "momentum_buffer");
	check_slots(a, "optim.Adam()", "exp_avg exp_avg_sq");
	check_slots(a, "optim.Adam(amsgrad=True)", "exp_avg exp_avg_sq max_exp_avg_sq");
	check_slots(a, "optim.RMSprop(centered=True)", "square_avg grad_avg");
	check_slots(a, "optim.RMSprop(momentum=0.5)", "square_avg momentum_buffer");
	check_slots(a, "optim.Adagrad()", "sum");
	check_slots(a, "optim.Adagrad(initial_accumulator_value=0.25)", "sum=0.25");
	check_slots(a, "optim.Rprop(lr=0.5)", "prev step_size=0.125");
	check_slots(a, "optim.NAdam()", "exp_avg exp_avg_sq mu_product()=1");
	check_slots(a, "optim.ASGD()", "ax eta()=0.125 mu()=1");
	check_text(a, "optim.AdamW(weight_decay=0.01, lr=0.001)", "optim.AdamW()");
	check_text(a, "optim.RMSprop(0.01, 0.9)", "optim.RMSprop(alpha=0.9)");
	check_text(a, "optim.Adadelta(rho=1.5)",
			   "argument \"rho\" of optim.Adadelta must be at most 1, not 1.5");
	check_text(a, "optim.Rprop(etas=(0.5, 1.0))",
			   "invalid eta values 0.5, 1.0: the first must be between 0 and 1, the second over 1");
	check_text(a, "optim.Rprop(step_sizes=(1e-6, 50))", "optim.Rprop()");
	check_text(
		a, "optim.Adamax(betas=(-0.1, 0.9))",
		"invalid beta parameter at index 0: it must be at least 0 and less than 1, not -0.1");
	check_text(a, "optim.NAdam(momentum_decay=-1)",
			   "argument \"momentum_decay\" of optim.NAdam must be at least 0, not -1.0");
	check_text(a, "optim.RAdam(1e-3, (0.9, 0.999), 1e-8, 0.1, True)",
			   "optim.RAdam(weight_decay=0.1, decoupled_weight_decay=True)");
	/* behind the arguments that a position can reach */
	check_text(a, "optim.RAdam(1e-3, (0.9, 0.999), 1e-8, 0, False, True)",
			   "argument \"maximize\" of optim.RAdam must be given by name");
	check_text(a, "optim.SGD(0.1, 0, 0, 0, False, True)",
			   "argument \"maximize\" of optim.SGD must be given by name");
	check_text(a, "optim.Adam(decoupled_weight_decay=True, maximize=True)",
			   "optim.Adam(maximize=True, decoupled_weight_decay=True)");
	pt_arena_free(a);
}

/* ---------- trainings ---------- */

/* Elements of a flat array against the fixture's tensor of each parameter. */
static void
compare_flat(Golden *f, const PtStateDict *sd, const char *prefix, const float *flat)
{
	for (int i = 0; i < sd->count; i++)
	{
		const PtState *s = &sd->entries[i];
		char key[128];
		PtTensor want;

		snprintf(key, sizeof(key), "%s/%s", prefix, s->name);
		if (!CHECK(golden_tensor(f, key, &want), "%s: there is no %s", f->name, key))
			continue;
		for (int64_t j = 0; j < pt_shape_numel(&s->shape); j++)
		{
			float got = flat[s->offset + j];
			float y = ((float *) want.data)[j];

			if (!CHECK(check_close(got, y, 1e-4, 1e-5), "%s: %s[%d] is %.9g, wanted %.9g", f->name,
					   key, (int) j, got, y))
				break;
		}
	}
}

/* The data that all cases train on, by the loss's text. */
typedef struct Data
{
	char loss[64];
	PtTensor x, y;
} Data;

static void
check_training(Golden *f, PtDevice *dev, const Data *all, int ndata)
{
	const char *loss_text = golden_text(f, "loss");
	PtError err = {0};
	PtArena *arena = f->arena;
	PtModule *model = pt_module_parse(arena, golden_text(f, "model"), &err);
	PtModule *loss = pt_module_parse(arena, loss_text, &err);
	PtOptimizer *o = pt_optim_parse(arena, golden_text(f, "optimizer"), &err);
	PtGraph *g = pt_graph_new(&err);
	PtStateDict sd, none = {0};
	PtTensor x = {0}, y = {0}, losses;
	PtRng rng;
	PtShape scalar = {0};
	PtShape flat;
	PtOptimSlot used[PT_OPTIM_SLOTS];
	int nslots;
	float *arrays[9] = {NULL}; /* parameters, then slots */
	double scalars[9];
	PtRef refs[9], news[9], data[2], state[16], grads[16], in[2];
	int64_t offsets[16];
	void *initial[16];
	double t = 1, lr;
	float value = 0;
	PtRef t_ref, lr_ref, loss_ref, p;
	PtPlan *plan;

	if (!CHECK(model != NULL && loss != NULL && o != NULL &&
				   pt_module_state(arena, model, &sd, &err),
			   "%s: %s", f->name, err.message) ||
		!golden_tensor(f, "losses", &losses))
		return;
	for (int i = 0; i < ndata; i++)
		if (strcmp(all[i].loss, loss_text) == 0)
		{
			x = all[i].x;
			y = all[i].y;
		}
	lr = pt_args_real(o->args, "lr");
	nslots = pt_optim_slots(o, lr, used);
	flat = (PtShape){1, {sd.flat}};
	for (int i = 0; i <= nslots; i++)
	{
		if (i > 0 && used[i - 1].scalar)
		{
			scalars[i] = used[i - 1].init;
			refs[i] = pt_external(g, used[i - 1].name, PT_FLOAT64, &scalar);
			continue;
		}
		arrays[i] = pt_arena_alloc(arena, (size_t) sd.flat * sizeof(float));
		for (int64_t j = 0; i > 0 && j < sd.flat; j++)
			arrays[i][j] = (float) used[i - 1].init;
		refs[i] = pt_external(g, i == 0 ? "p" : used[i - 1].name, PT_FLOAT32, &flat);
	}
	for (int i = 0; i < sd.count; i++)
	{
		initial[i] = arrays[0] + sd.entries[i].offset;
		offsets[i] = sd.entries[i].offset;
		state[i] = pt_slice(g, refs[0], offsets[i], &sd.entries[i].shape);
	}
	pt_rng_seed(&rng, strtoull(golden_text(f, "seed"), NULL, 10));
	CHECK_OK(pt_module_init(model, &sd, &rng, initial, &err), &err);

	data[0] = pt_external(g, "x", x.dtype, &x.shape);
	data[1] = pt_external(g, "y", y.dtype, &y.shape);
	t_ref = pt_external(g, "t", PT_FLOAT64, &scalar);
	lr_ref = pt_external(g, "lr", PT_FLOAT64, &scalar);
	loss_ref = pt_external(g, "loss", PT_FLOAT32, &scalar);
	{
		PtBuild b = {.g = g, .sd = &sd, .state = state, .training = true};
		PtBuild l = {.g = g, .sd = &none, .training = true};
		PtRef value_ref;

		in[0] = pt_module_build(&b, model, data, 1);
		in[1] = data[1];
		value_ref = pt_module_build(&l, loss, in, 2);
		if (pt_gradient(g, value_ref, state, sd.count, grads) &&
			pt_graph_assign(g, loss_ref, value_ref))
		{
			p = pt_pack(g, grads, offsets, sd.count, sd.flat);
			if (pt_optim_build(g, o, refs[0], p, t_ref, lr_ref, PT_NO_REF, refs + 1, news,
							   news + 1))
				for (int i = 0; i <= nslots; i++)
					pt_graph_assign(g, refs[i], news[i]);
		}
	}
	plan = pt_graph_ok(g, &err) ? pt_plan_compile(g, dev, &(PtPlanOptions){0}, &err) : NULL;
	if (CHECK(plan != NULL, "%s: %s", f->name, err.message))
	{
		for (int i = 0; i <= nslots; i++)
			pt_plan_bind(plan, refs[i], arrays[i] ? (void *) arrays[i] : &scalars[i]);
		pt_plan_bind(plan, data[0], x.data);
		pt_plan_bind(plan, data[1], y.data);
		pt_plan_bind(plan, t_ref, &t);
		pt_plan_bind(plan, lr_ref, &lr);
		pt_plan_bind(plan, loss_ref, &value);
		for (int64_t i = 0; i < losses.shape.dim[0]; i++, t++)
		{
			float want = ((float *) losses.data)[i];

			if (!CHECK(run_plan(plan, &err), "%s: %s", f->name, err.message) ||
				!CHECK(check_close(value, want, 2e-5, 1e-6),
					   "%s: loss of step %d is %.9g, wanted %.9g", f->name, (int) i + 1, value,
					   want))
				break;
		}
		compare_flat(f, &sd, "state", arrays[0]);
		for (int i = 0; i < nslots; i++)
		{
			char key[64];
			PtTensor want;

			if (!used[i].scalar)
			{
				compare_flat(f, &sd, used[i].name, arrays[i + 1]);
				continue;
			}
			/* PyTorch keeps it in float32 */
			snprintf(key, sizeof(key), "scalar/%s", used[i].name);
			if (CHECK(golden_tensor(f, key, &want), "%s: there is no %s", f->name, key))
				CHECK_CLOSE(scalars[i + 1], *(double *) want.data, 1e-5, 0);
		}
	}
	pt_plan_free(plan);
	pt_graph_free(g);
}

int
main(void)
{
	PtDevice *dev;
	Golden f;
	Data data[4];
	int ndata = 0;
	int cases[64] = {0};

	test_text();
	dev = open_device(1);
	if (!golden_open(&f, "test/golden/optim.txt"))
		return check_done();
	while (golden_case(&f))
	{
		const PtConstructor *type;
		PtError err;

		if (strncmp(f.name, "data ", 5) == 0)
		{
			snprintf(data[ndata].loss, sizeof(data[0].loss), "%s", f.name + 5);
			CHECK(golden_tensor(&f, "x", &data[ndata].x) && golden_tensor(&f, "y", &data[ndata].y),
				  "%s", f.name);
			ndata++;
			continue;
		}
		check_training(&f, dev, data, ndata);
		for (int i = 0; (type = pt_optimizers.at(i)) != NULL; i++)
		{
			const PtOptimizer *o = pt_optim_parse(f.arena, golden_text(&f, "optimizer"), &err);

			cases[i] += o != NULL && (const PtConstructor *) o->type == type;
		}
	}
	/* the defaults and two others */
	for (int i = 0; pt_optimizers.at(i) != NULL; i++)
		CHECK(cases[i] >= 3, "optim.%s has %d cases", pt_optimizers.at(i)->name, cases[i]);
	golden_close(&f);
	dev->type->close(dev);
	return check_done();
}
