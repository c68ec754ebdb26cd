/*
 * test_loss.c
 *	  Losses, their gradients and three SGD steps are PyTorch's, with fused ops and with their
 *	  primitives; what is refused.  Every loss of the table must have cases in the fixture.
 */
#include "engine/graph/build.h"
#include "engine/golden.h"
#include "engine/nn/module.h"
#include "engine/run.h"

static void
compare(const char *what, const char *name, const PtTensor *want, const float *got)
{
	int64_t n = pt_shape_numel(&want->shape);
	double scale = 0;

	for (int64_t i = 0; i < n; i++)
	{
		double y = fabs(((float *) want->data)[i]);

		/* not of NaN, nor of the gradients of saturated probabilities */
		if (y > scale && y < 1e6)
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

/* Three steps of SGD with lr 0.05 on one matrix of weights. */
static void
check_steps(Golden *f, PtDevice *dev)
{
	PtError err = {0};
	PtGraph *g = pt_graph_new(&err);
	PtStateDict sd = {0};
	PtBuild b = {.g = g, .sd = &sd, .training = true};
	PtModule *m = pt_module_parse(f->arena, golden_text(f, "loss"), &err);
	PtTensor x, w, y, losses, after;
	PtRef rx, rw, ry, rloss, output, loss, slope;
	PtPlan *plan;
	float values[3] = {0};

	if (!CHECK(m != NULL, "%s: %s", f->name, err.message) || !golden_tensor(f, "x", &x) ||
		!golden_tensor(f, "w", &w) || !golden_tensor(f, "y", &y) ||
		!golden_tensor(f, "losses", &losses) || !golden_tensor(f, "after", &after))
		return;
	rx = pt_external(g, "x", x.dtype, &x.shape);
	rw = pt_external(g, "w", w.dtype, &w.shape);
	ry = pt_external(g, "y", y.dtype, &y.shape);
	rloss = pt_external(g, "loss", PT_FLOAT32, &(PtShape){0});
	output = pt_expr_text(g, golden_text(f, "model"), (PtVar[]){{"x", rx}, {"w", rw}}, 2);
	loss = pt_module_build(&b, m, (PtRef[]){output, ry}, 2);
	if (loss != PT_NO_REF && pt_gradient(g, loss, &rw, 1, &slope))
	{
		pt_graph_assign(g, rloss, loss);
		pt_graph_assign(g, rw, pt_sub(g, rw, pt_mul(g, pt_real(g, 0.05), slope)));
	}
	plan = pt_graph_ok(g, &err) ? pt_plan_compile(g, dev, &(PtPlanOptions){0}, &err) : NULL;
	if (CHECK(plan != NULL, "%s: %s", f->name, err.message))
	{
		pt_plan_bind(plan, rx, x.data);
		pt_plan_bind(plan, rw, w.data);
		pt_plan_bind(plan, ry, y.data);
		for (int i = 0; i < 3; i++)
		{
			pt_plan_bind(plan, rloss, &values[i]);
			CHECK(run_plan(plan, &err), "%s: %s", f->name, err.message);
		}
		compare("losses", f->name, &losses, values);
		compare("after", f->name, &after, w.data);
	}
	pt_plan_free(plan);
	pt_graph_free(g);
}

/* ---------- what is refused ---------- */

/* A loss of zeros as output, for targets of that dtype and shape; the error of building or running it. */
static PtCode
loss_error(PtDevice *dev, const char *text, const PtShape *output, const PtTensor *target,
		   bool training, PtError *err, float *value)
{
	PtArena *arena = pt_arena_new();
	PtModule *m = pt_module_parse(arena, text, err);
	PtGraph *g = pt_graph_new(err);
	PtStateDict sd = {0};
	PtBuild b = {.g = g, .sd = &sd, .training = training};
	PtRef in[2] = {pt_external(g, "output", PT_FLOAT32, output),
				   pt_external(g, "target", target->dtype, &target->shape)};
	PtRef out = pt_external(g, "loss", PT_FLOAT32, &(PtShape){0});
	float zeros[64] = {0};
	PtPlan *plan = NULL;
	bool ok = m != NULL;

	err->code = ok ? PT_OK : err->code;
	if (ok)
	{
		pt_graph_assign(g, out, pt_module_build(&b, m, in, 2));
		ok = pt_graph_ok(g, err) &&
			 (plan = pt_plan_compile(g, dev, &(PtPlanOptions){0}, err)) != NULL;
	}
	if (ok)
	{
		pt_plan_bind(plan, in[0], zeros);
		pt_plan_bind(plan, in[1], target->data);
		pt_plan_bind(plan, out, value);
		ok = run_plan(plan, err);
	}
	pt_plan_free(plan);
	pt_graph_free(g);
	pt_arena_free(arena);
	return ok ? PT_OK : err->code;
}

/* A class that does not exist is an error, not a number. */
static void
check_classes(PtDevice *dev)
{
	static const struct
	{
		const char *loss;
		bool list;
		int64_t classes[6];
		bool good;
	} cases[] = {
		{"nn.CrossEntropyLoss()", false, {1, 3}, false},
		{"nn.CrossEntropyLoss()", false, {1, -1}, false},
		{"nn.CrossEntropyLoss(weight=[1, 2, 3], label_smoothing=0.1)", false, {1, 3}, false},
		{"nn.NLLLoss()", false, {2, 0}, true},
		{"nn.NLLLoss()", false, {3, 0}, false},
		{"nn.NLLLoss()", false, {0, -100}, true},
		{"nn.NLLLoss()", false, {0, -1}, false},
		{"nn.NLLLoss(weight=[1, 2, 3])", false, {0, INT64_MAX}, false},
		{"nn.MultiMarginLoss()", false, {2, 0}, true},
		{"nn.MultiMarginLoss()", false, {1, 3}, false},
		{"nn.MultiMarginLoss(p=2)", false, {-1, 0}, false},
		{"nn.MultiLabelMarginLoss()", true, {2, 0, -1, 1, -1, 0}, true},
		{"nn.MultiLabelMarginLoss()", true, {2, 0, -1, 1, 3, 0}, false},
		{"nn.MultiLabelMarginLoss()", true, {2, -2, -1, 1, -1, 0}, false},
		{"nn.MultiLabelMarginLoss()", true, {0, -2, 2, 1, -1, 0}, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		int64_t classes[6];
		PtTensor target = {PT_INT64, {cases[i].list ? 2 : 1, {2, 3}}, classes};
		PtError err = {0};
		float value = 0;
		PtCode code;

		memcpy(classes, cases[i].classes, sizeof(classes));
		code = loss_error(dev, cases[i].loss, &(PtShape){2, {2, 3}}, &target, true, &err, &value);
		CHECK(code == (cases[i].good ? PT_OK : PT_EDATA), "%s, case %d gives %g (%s)",
			  cases[i].loss, (int) i, value, err.message);
	}
}

/* Shapes that do not fit, arguments out of range, numbers where there must be one. */
static void
check_refusals(PtDevice *dev)
{
	static const struct
	{
		const char *loss;
		PtShape output, target;
		PtCode code;
		const char *message;
	} cases[] = {
		{"nn.MSELoss()",
		 {1, {4}},
		 {2, {4, 1}},
		 PT_ESHAPE,
		 "nn.MSELoss: output has shape [4], target [4, 1]"},
		{"nn.BCELoss()",
		 {2, {4, 2}},
		 {2, {4, 1}},
		 PT_ESHAPE,
		 "nn.BCELoss: output has shape [4, 2], target [4, 1]"},
		{"nn.BCELoss(weight=[1, 2])",
		 {2, {4, 3}},
		 {2, {4, 3}},
		 PT_ESHAPE,
		 "nn.BCELoss has 2 elements in \"weight\", but the output has 3 columns"},
		{"nn.BCEWithLogitsLoss(pos_weight=[1, 2])",
		 {2, {4, 1}},
		 {2, {4, 1}},
		 PT_ESHAPE,
		 "nn.BCEWithLogitsLoss has 2 elements in \"pos_weight\", but the output has 1 columns"},
		{"nn.CrossEntropyLoss(weight=[1, 2])",
		 {2, {4, 3}},
		 {2, {4, 3}},
		 PT_ESHAPE,
		 "nn.CrossEntropyLoss has 2 elements in \"weight\", but the output has 3 classes"},
		{"nn.NLLLoss()",
		 {1, {4}},
		 {1, {4}},
		 PT_ESHAPE,
		 "nn.NLLLoss expects an output of shape [batch, classes], not [4]"},
		{"nn.MultiMarginLoss()",
		 {2, {4, 3}},
		 {2, {4, 3}},
		 PT_ETYPE,
		 "nn.MultiMarginLoss expects class indices as targets, not float32"},
		{"nn.MultiLabelMarginLoss()",
		 {1, {4}},
		 {1, {4}},
		 PT_ESHAPE,
		 "nn.MultiLabelMarginLoss expects an output of shape [batch, classes], not [4]"},
		{"nn.MultiLabelSoftMarginLoss()",
		 {1, {4}},
		 {1, {4}},
		 PT_ESHAPE,
		 "nn.MultiLabelSoftMarginLoss expects an output of shape [batch, classes], not [4]"},
		{"nn.CosineEmbeddingLoss()",
		 {2, {4, 2}},
		 {2, {4, 1}},
		 PT_ESHAPE,
		 "nn.CosineEmbeddingLoss expects an output of shape [batch, 2, D], not [4, 2]"},
		{"nn.CosineEmbeddingLoss()",
		 {3, {4, 3, 2}},
		 {2, {4, 1}},
		 PT_ESHAPE,
		 "nn.CosineEmbeddingLoss expects an output of shape [batch, 2, ...], not [4, 3, 2]"},
		{"nn.CosineEmbeddingLoss()",
		 {3, {4, 2, 2}},
		 {2, {4, 2}},
		 PT_ESHAPE,
		 "nn.CosineEmbeddingLoss: for this output, the target must have shape [4], not [4, 2]"},
		{"nn.MarginRankingLoss()",
		 {2, {4, 1}},
		 {2, {4, 1}},
		 PT_ESHAPE,
		 "nn.MarginRankingLoss expects an output of shape [batch, 2, ...], not [4, 1]"},
		{"nn.MarginRankingLoss()",
		 {3, {4, 2, 3}},
		 {2, {4, 1}},
		 PT_ESHAPE,
		 "nn.MarginRankingLoss: for this output, the target must have shape [4, 3], not [4, 1]"},
		{"nn.TripletMarginLoss()",
		 {2, {4, 3}},
		 {2, {4, 1}},
		 PT_ESHAPE,
		 "nn.TripletMarginLoss expects an output of shape [batch, 3, D], not [4, 3]"},
		{"nn.GaussianNLLLoss()",
		 {2, {4, 3}},
		 {2, {4, 1}},
		 PT_ESHAPE,
		 "nn.GaussianNLLLoss: for a target of shape [4, 1], the output must have shape [4, 2], not [4, 3]"},
		{"nn.GaussianNLLLoss()",
		 {1, {4}},
		 {1, {4}},
		 PT_ESHAPE,
		 "nn.GaussianNLLLoss: for a target of shape [4], the output must have shape [batch, 2k] and the target "
		 "[batch, k], not [4]"},
		{"nn.CrossEntropyLoss(ignore_index=2)",
		 {2, {4, 3}},
		 {2, {4, 3}},
		 PT_EINVAL,
		 "nn.CrossEntropyLoss: ignore_index=2 is for class indices, but the target has class probabilities"},
		{"nn.SmoothL1Loss(beta=-1)",
		 {2, {4, 1}},
		 {2, {4, 1}},
		 PT_EINVAL,
		 "argument \"beta\" of nn.SmoothL1Loss must be at least 0, not -1.0"},
		{"nn.HuberLoss(delta=0)",
		 {2, {4, 1}},
		 {2, {4, 1}},
		 PT_EINVAL,
		 "argument \"delta\" of nn.HuberLoss must be greater than 0, not 0.0"},
		{"nn.TripletMarginLoss(margin=0)",
		 {3, {4, 3, 1}},
		 {2, {4, 1}},
		 PT_EINVAL,
		 "argument \"margin\" of nn.TripletMarginLoss must be greater than 0, not 0.0"},
		{"nn.TripletMarginLoss(p=0)",
		 {3, {4, 3, 1}},
		 {2, {4, 1}},
		 PT_EINVAL,
		 "argument \"p\" of nn.TripletMarginLoss must be greater than 0, not 0.0"},
		{"nn.MultiMarginLoss(p=3)",
		 {2, {4, 3}},
		 {1, {4}},
		 PT_EINVAL,
		 "argument \"p\" of nn.MultiMarginLoss must be at most 2, not 3"},
		{"nn.L1Loss(reduction='batchmean')", {2, {4, 1}}, {2, {4, 1}}, PT_EINVAL, NULL},
		{"nn.KLDivLoss(reduction='none')",
		 {2, {4, 1}},
		 {2, {4, 1}},
		 PT_EINVAL,
		 "a loss to train with must be one number, so nn.KLDivLoss cannot have reduction='none'"},
		{"nn.NLLLoss(reduction='none')",
		 {2, {4, 3}},
		 {2, {4, 3}},
		 PT_EINVAL,
		 "a loss to train with must be one number, so nn.NLLLoss cannot have reduction='none'"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		float zeros[64] = {0};
		PtTensor target = {PT_FLOAT32, cases[i].target, zeros};
		PtError err = {0};
		float value = 0;
		PtCode code = loss_error(dev, cases[i].loss, &cases[i].output, &target, true, &err, &value);

		CHECK(code == cases[i].code, "%s: code %d (%s)", cases[i].loss, code, err.message);
		CHECK(cases[i].message == NULL || strcmp(err.message, cases[i].message) == 0, "%s: %s",
			  cases[i].loss, err.message);
	}
}

/* What PyTorch refuses by looking at the values gives NaN, which ends a training. */
static void
check_nan(PtDevice *dev)
{
	static const struct
	{
		const char *loss;
		float output[2], target;
		int width;
	} cases[] = {
		{"nn.BCELoss()", {-0.25f}, 0, 1},		   {"nn.BCELoss()", {1.25f}, 1, 1},
		{"nn.BCELoss()", {-0.25f}, 1, 1},		   {"nn.BCELoss()", {1.25f}, 0, 1},
		{"nn.GaussianNLLLoss()", {0, -1}, 0, 2},   {"nn.BCELoss()", {NAN}, 0, 1},
		{"nn.BCEWithLogitsLoss()", {NAN}, 0, 1},   {"nn.HuberLoss()", {NAN}, 0, 1},
		{"nn.HingeEmbeddingLoss()", {NAN}, -1, 1}, {"nn.MarginRankingLoss()", {NAN, 0}, 1, 2},
		{"nn.SoftMarginLoss()", {NAN}, 1, 1},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		PtError err = {0};
		PtArena *arena = pt_arena_new();
		PtGraph *g = pt_graph_new(&err);
		PtStateDict sd = {0};
		PtBuild b = {.g = g, .sd = &sd};
		PtRef in[2] = {pt_external(g, "output", PT_FLOAT32, &(PtShape){2, {1, cases[i].width}}),
					   pt_external(g, "target", PT_FLOAT32, &(PtShape){2, {1, 1}})};
		PtRef out = pt_external(g, "loss", PT_FLOAT32, &(PtShape){0});
		float output[2] = {cases[i].output[0], cases[i].output[1]};
		float target = cases[i].target;
		float loss = 0;
		PtPlan *plan;

		pt_graph_assign(g, out,
						pt_module_build(&b, pt_module_parse(arena, cases[i].loss, &err), in, 2));
		plan = pt_graph_ok(g, &err) ? pt_plan_compile(g, dev, &(PtPlanOptions){0}, &err) : NULL;
		if (CHECK(plan != NULL, "%s: %s", cases[i].loss, err.message))
		{
			pt_plan_bind(plan, in[0], output);
			pt_plan_bind(plan, in[1], &target);
			pt_plan_bind(plan, out, &loss);
			CHECK(run_plan(plan, &err) && isnan(loss), "%s of %g gives %g", cases[i].loss,
				  output[0], loss);
		}
		pt_plan_free(plan);
		pt_graph_free(g);
		pt_arena_free(arena);
	}
}

/* ---------- coverage ---------- */

/* What the fixture has of each loss of the table: values with default and two other sets of options, trainings. */
typedef struct Coverage
{
	const PtModuleType *type;
	int cases, trainings;
	char seen[2][160]; /* two different sets of options besides the defaults */
	int options;
} Coverage;

static void
cover(Coverage *all, const char *text)
{
	bool training = strncmp(text, "train ", 6) == 0;
	const char *name = text + (training ? 9 : 3);

	for (Coverage *c = all; c->type != NULL; c++)
	{
		size_t n = strlen(c->type->name);

		if (strncmp(name, c->type->name, n) != 0 || name[n] != '(')
			continue;
		c->cases += !training;
		c->trainings += training;
		if (!training && name[n + 1] != ')' && c->options < 2 &&
			(c->options == 0 || strcmp(c->seen[0], name) != 0))
			snprintf(c->seen[c->options++], sizeof(c->seen[0]), "%s", name);
	}
}

int
main(void)
{
	PtDevice *dev = open_device(1);
	Coverage all[64] = {0};
	int n = 0;
	Golden f;

	for (int i = 0; pt_module_type_at(i) != NULL; i++)
		if (pt_module_type_at(i)->loss != NULL && n < 63)
			all[n++].type = pt_module_type_at(i);
	if (!golden_open(&f, "test/golden/losses"))
		return check_done();
	while (golden_case(&f))
	{
		cover(all, f.name);
		if (strncmp(f.name, "train ", 6) == 0)
		{
			check_steps(&f, dev);
			continue;
		}
		check_loss(&f, dev, false);
		check_loss(&f, dev, true);
	}
	golden_close(&f);
	for (int i = 0; i < n; i++)
		CHECK(all[i].options == 2 && all[i].trainings >= 2,
			  "nn.%s has %d cases and %d trainings in the fixture", all[i].type->name, all[i].cases,
			  all[i].trainings);
	check_classes(dev);
	check_refusals(dev);
	check_nan(dev);
	dev->type->close(dev);
	return check_done();
}
