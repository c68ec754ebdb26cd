/*
 * test_layers.c
 *	  Layers are PyTorch's: outputs, gradients, three steps of SGD with their buffers, then evaluation.
 *
 * Every row of the module table must have fixtures, with options that are not the defaults among them.
 */
#include "engine/golden.h"
#include "engine/nn/module.h"
#include "engine/run.h"

#define MAX_STATE 16
#define MAX_TYPES 256

static int cases[MAX_TYPES];
static int optional[MAX_TYPES]; /* those whose arguments are not all defaults */

/* The largest magnitude, at least as large as scale. */
static double
largest(const PtTensor *t, double scale)
{
	int64_t n = pt_shape_numel(&t->shape);

	for (int64_t i = 0; i < n; i++)
	{
		double y = fabs(pt_element_get_double(t->dtype, t->data, (size_t) i));

		if (y > scale && y < INFINITY) /* not of NaN */
			scale = y;
	}
	return scale;
}

/* |got - want| <= 1e-5 |want| + 1e-6 scale */
static void
compare(const char *what, const char *name, const PtTensor *want, const void *got, double scale)
{
	int64_t n = pt_shape_numel(&want->shape);

	for (int64_t i = 0; i < n; i++)
	{
		double y = pt_element_get_double(want->dtype, want->data, (size_t) i);
		double have = pt_element_get_double(want->dtype, got, (size_t) i);

		if (!CHECK(check_close(have, y, 1e-5, 1e-6 * scale), "%s: %s[%d] is %.9g, wanted %.9g",
				   name, what, (int) i, have, y))
			return;
	}
}

/* Reads a tensor that must be there. */
static bool
fixture(Golden *f, PtTensor *out, const char *fmt, const char *name)
{
	char key[128];

	snprintf(key, sizeof(key), fmt, name);
	return CHECK(golden_tensor(f, key, out), "%s: there is no %s", f->name, key);
}

typedef struct Run
{
	PtGraph *g;
	PtPlan *plan;
	PtBuild b;
	PtRef in[2], state[MAX_STATE], updates[MAX_STATE];
	PtRef wrt[MAX_STATE + 2], grad[MAX_STATE + 2];
	PtRef out, gout[MAX_STATE + 2];
} Run;

static void
begin(Run *r, const PtTensor *x, int nin, const PtStateDict *sd, bool training)
{
	PtError err = {0};

	memset(r, 0, sizeof(*r));
	r->g = pt_graph_new(&err);
	for (int i = 0; i < nin; i++)
		r->in[i] = pt_external(r->g, "x", x[i].dtype, &x[i].shape);
	for (int i = 0; i < sd->count; i++)
		r->state[i] =
			pt_external(r->g, sd->entries[i].name, sd->entries[i].dtype, &sd->entries[i].shape);
	r->b = (PtBuild){.g = r->g,
					 .sd = sd,
					 .state = r->state,
					 .updates = r->updates,
					 .training = training};
	if (training)
	{
		r->b.seed = pt_integer(r->g, 1);
		r->b.step = pt_integer(r->g, 1);
	}
}

static void
end(Run *r)
{
	pt_plan_free(r->plan);
	pt_graph_free(r->g);
}

static bool
compile(Run *r, Golden *f, PtDevice *dev, bool fused, const PtTensor *x, int nin, PtTensor *state,
		int nstate)
{
	PtError err = {0};
	PtPlanOptions options = {.poison = true, .no_fuse = !fused};

	if (pt_graph_ok(r->g, &err))
		r->plan = pt_plan_compile(r->g, dev, &options, &err);
	if (!CHECK(r->plan != NULL, "%s: %s", f->name, err.message))
		return false;
	for (int i = 0; i < nin; i++)
		pt_plan_bind(r->plan, r->in[i], x[i].data);
	for (int i = 0; i < nstate; i++)
		pt_plan_bind(r->plan, r->state[i], state[i].data);
	return true;
}

static void
check_case(Golden *f, PtDevice *dev, bool fused)
{
	PtError err = {0};
	char *text = pt_arena_strdup(f->arena, f->name);
	bool training = atoi(golden_text(f, "training")) != 0;
	PtModule *m;
	PtStateDict sd;
	PtTensor x[2], v, y, eval, want, state[MAX_STATE], grads[MAX_STATE + 2];
	PtRef vref, loss;
	int nin, ngrad = 0;
	char plain[64];
	double scale = 1;
	void *got;
	Run r;

	*strchr(text, '#') = '\0';
	m = pt_module_parse(f->arena, text, &err);
	if (!CHECK(m != NULL && pt_module_state(f->arena, m, &sd, &err), "%s: %s", text, err.message))
		return;
	for (int i = 0; pt_module_type_at(i) != NULL; i++)
		if (m->type == pt_module_type_at(i))
		{
			snprintf(plain, sizeof(plain), "nn.%s()", m->type->name);
			optional[i] += strcmp(pt_module_print(f->arena, m, &err), plain) != 0;
			cases[i]++;
		}
	nin = pt_module_inputs(m);
	for (int i = 0; i < nin; i++)
		if (!fixture(f, &x[i], i == 0 ? "x0" : "x1", ""))
			return;
	/* of what is no function of elements, errors are those of the largest input */
	for (int i = 0; i < nin && m->type->shapes != NULL; i++)
		scale = largest(&x[i], scale);
	if (!fixture(f, &v, "v", "") || !fixture(f, &y, "y", "") || !fixture(f, &eval, "eval", ""))
		return;
	for (int i = 0; i < sd.count; i++)
		if (!fixture(f, &state[i], "state/%s", sd.entries[i].name) ||
			!CHECK(pt_shape_equal(&state[i].shape, &sd.entries[i].shape) &&
					   state[i].dtype == sd.entries[i].dtype,
				   "%s: %s has another shape or dtype", text, sd.entries[i].name))
			return;

	/* training: y, gradients, new state */
	begin(&r, x, nin, &sd, training);
	vref = pt_external(r.g, "v", PT_FLOAT32, &v.shape);
	loss = pt_module_build(&r.b, m, r.in, nin);
	if (loss != PT_NO_REF &&
		CHECK(pt_shape_equal(&pt_value(r.g, loss)->shape, &y.shape), "%s: shape", f->name))
	{
		PtRef rate = pt_real(r.g, 0.1);

		r.out = pt_external(r.g, "y", PT_FLOAT32, &y.shape);
		pt_graph_assign(r.g, r.out, loss);
		loss = pt_sum(r.g, pt_mul(r.g, loss, vref), NULL, 0, false);
		for (int i = 0; i < nin; i++)
			r.wrt[ngrad++] = r.in[i];
		for (int i = 0; i < sd.count; i++)
			if (sd.entries[i].trainable)
				r.wrt[ngrad++] = r.state[i];
		pt_gradient(r.g, loss, r.wrt, ngrad, r.grad);
		for (int i = 0; i < ngrad; i++)
		{
			PtShape shape = pt_value(r.g, r.wrt[i])->shape;

			if (r.grad[i] == PT_NO_REF)
				r.grad[i] = pt_expand(r.g, pt_cast(r.g, pt_real(r.g, 0), PT_FLOAT32), &shape);
			r.gout[i] = pt_external(r.g, "grad", PT_FLOAT32, &shape);
			pt_graph_assign(r.g, r.gout[i], r.grad[i]);
		}
		ngrad = nin;
		for (int i = 0; i < sd.count; i++)
		{
			PtRef next = r.updates[i];

			if (sd.entries[i].trainable)
				next = pt_sub(r.g, r.state[i], pt_mul(r.g, rate, r.grad[ngrad++]));
			if (next != PT_NO_REF)
				pt_graph_assign(r.g, r.state[i], next);
		}
	}
	if (compile(&r, f, dev, fused, x, nin, state, sd.count))
	{
		got = pt_arena_alloc(f->arena, pt_tensor_bytes(&y) + 1);
		pt_plan_bind(r.plan, vref, v.data);
		pt_plan_bind(r.plan, r.out, got);
		for (int i = 0; i < ngrad; i++)
		{
			grads[i] = (PtTensor){PT_FLOAT32, pt_value(r.g, r.wrt[i])->shape, NULL};
			grads[i].data = pt_arena_alloc(f->arena, pt_tensor_bytes(&grads[i]) + 1);
			pt_plan_bind(r.plan, r.gout[i], grads[i].data);
		}
		for (int step = 0; step < 3; step++)
		{
			if (!CHECK(run_plan(r.plan, &err), "%s: %s", f->name, err.message))
				break;
			if (step > 0)
				continue;
			compare("y", f->name, &y, got, scale);
			for (int i = 0, n = nin; i < sd.count; i++)
				if (sd.entries[i].trainable && fixture(f, &want, "grad/%s", sd.entries[i].name))
					compare(sd.entries[i].name, f->name, &want, grads[n++].data,
							largest(&want, scale));
			for (int i = 0; i < nin; i++)
				if (fixture(f, &want, i == 0 ? "grad/x0" : "grad/x1", ""))
					compare("gradient", f->name, &want, grads[i].data, scale);
		}
		for (int i = 0; i < sd.count; i++)
			if (fixture(f, &want, "after/%s", sd.entries[i].name))
			{
				compare(sd.entries[i].name, f->name, &want, state[i].data, largest(&want, scale));
				/* evaluation starts from PyTorch's, not from what rounding made of ours */
				memcpy(state[i].data, want.data, pt_tensor_bytes(&want));
			}
	}
	end(&r);

	begin(&r, x, nin, &sd, false);
	loss = pt_module_build(&r.b, m, r.in, nin);
	r.out = pt_external(r.g, "y", PT_FLOAT32, &eval.shape);
	if (loss != PT_NO_REF)
		pt_graph_assign(r.g, r.out, loss);
	if (compile(&r, f, dev, fused, x, nin, state, sd.count))
	{
		got = pt_arena_alloc(f->arena, pt_tensor_bytes(&eval) + 1);
		pt_plan_bind(r.plan, r.out, got);
		if (CHECK(run_plan(r.plan, &err), "%s: %s", f->name, err.message))
			compare("evaluation", f->name, &eval, got, scale);
	}
	end(&r);
}

/* Are there arguments that change results?  Of Graph and Sequential: test_expr.c. */
static bool
has_options(const PtModuleType *type)
{
	const PtParam *p = type->params;

	return p->name != NULL && strcmp(p->name, "inplace") != 0 && p->type != PT_ARG_OBJECTS &&
		   strcmp(type->name, "Graph") != 0;
}

int
main(void)
{
	PtDevice *dev = open_device(1);
	Golden f;

	if (!golden_open(&f, "test/golden/layers"))
		return check_done();
	while (golden_case(&f))
	{
		check_case(&f, dev, true);
		check_case(&f, dev, false);
	}
	golden_close(&f);
	for (int i = 0; pt_module_type_at(i) != NULL; i++)
	{
		const PtModuleType *type = pt_module_type_at(i);

		/* a Graph is what its expression makes of it: test_expr.c */
		if (type->loss == NULL && strcmp(type->name, "Graph") != 0)
			CHECK(cases[i] >= 4, "nn.%s has %d cases in layers.txt", type->name, cases[i] / 2);
		if (type->loss == NULL && has_options(type))
			CHECK(optional[i] >= 4, "nn.%s has %d cases with options in layers.txt", type->name,
				  optional[i] / 2);
	}
	dev->type->close(dev);
	return check_done();
}
