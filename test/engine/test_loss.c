/*
 * test_loss.c
 *	  Losses and their gradients are PyTorch's, with fused ops and with their primitives.
 */
#include "engine/golden.h"
#include "engine/module.h"
#include "engine/run.h"

static void
compare(const char *what, const char *name, const PtTensor *want, const float *got)
{
	int64_t n = pt_shape_numel(&want->shape);
	double scale = 0;

	for (int64_t i = 0; i < n; i++)
	{
		double y = fabs(((float *) want->data)[i]);

		if (y > scale) /* not of NaN */
			scale = y;
	}
	for (int64_t i = 0; i < n; i++)
	{
		float y = ((float *) want->data)[i];

		if (!CHECK(check_close(got[i], y, 1e-5, 1e-6 * scale), "%s: %s[%d] is %.9g, wanted %.9g",
				   name, what, (int) i, got[i], y))
			return;
	}
}

static void
check_loss(Golden *f, PtDevice *dev, bool decomposed)
{
	PtError err = {0};
	PtGraph *g = pt_graph_new(&err);
	PtStateDict sd = {0};
	PtBuild b = {.g = g, .sd = &sd};
	PtModule *m = pt_module_parse(f->arena, f->name, &err);
	PtTensor output, target, loss, grad;
	PtRef in[2], y, gy, out, gout;
	PtPlan *plan;
	float *got, *ggot;

	if (!CHECK(m != NULL, "%s: %s", f->name, err.message) || !golden_tensor(f, "output", &output) ||
		!golden_tensor(f, "target", &target) || !golden_tensor(f, "loss", &loss) ||
		!golden_tensor(f, "grad", &grad))
		return;
	got = pt_arena_alloc(f->arena, pt_tensor_bytes(&loss));
	ggot = pt_arena_alloc(f->arena, pt_tensor_bytes(&grad));
	g->decomposed = decomposed;
	in[0] = pt_external(g, "output", output.dtype, &output.shape);
	in[1] = pt_external(g, "target", target.dtype, &target.shape);
	out = pt_external(g, "loss", PT_FLOAT32, &loss.shape);
	gout = pt_external(g, "grad", PT_FLOAT32, &grad.shape);
	y = pt_module_build(&b, m, in, 2);
	if (pt_gradient(g, y, in, 1, &gy) && pt_graph_assign(g, out, y))
		pt_graph_assign(g, gout, gy);
	plan = pt_graph_ok(g, &err) ? pt_plan_compile(g, dev, &(PtPlanOptions){0}, &err) : NULL;
	if (CHECK(plan != NULL, "%s: %s", f->name, err.message))
	{
		pt_plan_bind(plan, in[0], output.data);
		pt_plan_bind(plan, in[1], target.data);
		pt_plan_bind(plan, out, got);
		pt_plan_bind(plan, gout, ggot);
		if (CHECK(run_plan(plan, &err), "%s: %s", f->name, err.message))
		{
			compare("loss", f->name, &loss, got);
			/* without any row the gradient is not defined; PyTorch's kernels say 0 */
			if (!isnan(((float *) loss.data)[0]))
				compare("grad", f->name, &grad, ggot);
		}
	}
	pt_plan_free(plan);
	pt_graph_free(g);
}

/* A class that does not exist is an error, not a number. */
static void
check_bad_class(PtDevice *dev, const char *text, int64_t class)
{
	PtError err = {0};
	PtArena *arena = pt_arena_new();
	PtGraph *g = pt_graph_new(&err);
	PtStateDict sd = {0};
	PtBuild b = {.g = g, .sd = &sd};
	PtRef in[2] = {pt_external(g, "output", PT_FLOAT32, &(PtShape){2, {2, 3}}),
				   pt_external(g, "target", PT_INT64, &(PtShape){1, {2}})};
	PtRef out = pt_external(g, "loss", PT_FLOAT32, &(PtShape){0});
	float logits[6] = {0};
	int64_t classes[2] = {1, class};
	float loss = 0;
	PtPlan *plan;

	pt_graph_assign(g, out, pt_module_build(&b, pt_module_parse(arena, text, &err), in, 2));
	plan = pt_graph_ok(g, &err) ? pt_plan_compile(g, dev, &(PtPlanOptions){0}, &err) : NULL;
	if (CHECK(plan != NULL, "%s", err.message))
	{
		pt_plan_bind(plan, in[0], logits);
		pt_plan_bind(plan, in[1], classes);
		pt_plan_bind(plan, out, &loss);
		CHECK(!run_plan(plan, &err) && err.code == PT_EDATA, "%s: class %d gives %g (%s)", text,
			  (int) class, loss, err.message);
	}
	pt_plan_free(plan);
	pt_graph_free(g);
	pt_arena_free(arena);
}

int
main(void)
{
	PtDevice *dev = run_device();
	Golden f;

	if (dev == NULL || !golden_open(&f, "test/golden/loss.txt"))
		return check_done();
	while (golden_case(&f))
	{
		check_loss(&f, dev, false);
		check_loss(&f, dev, true);
	}
	golden_close(&f);
	check_bad_class(dev, "nn.CrossEntropyLoss()", 3);
	check_bad_class(dev, "nn.CrossEntropyLoss()", -1);
	check_bad_class(dev, "nn.CrossEntropyLoss(weight=[1, 2, 3], label_smoothing=0.1)", 3);
	dev->type->close(dev);
	return check_done();
}
