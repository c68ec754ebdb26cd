/*
 * test_graph.c
 *	  nn.Graph: text both ways, errors, inputs, shapes, traces; and PyTorch's numbers for networks and expressions.
 */
#include "engine/graph/build.h"
#include "engine/golden.h"
#include "engine/nn/module.h"
#include "engine/graph_harness.h"
#include "engine/run.h"

static PtDevice *dev;

static void
compare(const char *name, const char *what, const PtTensor *want, const float *got)
{
	int64_t n = pt_shape_numel(&want->shape);
	double scale = 0;

	for (int64_t i = 0; i < n; i++)
	{
		double y = fabs(pt_element_get_double(want->dtype, want->data, (size_t) i));

		if (y > scale && isfinite(y))
			scale = y;
	}
	for (int64_t i = 0; i < n; i++)
	{
		double y = pt_element_get_double(want->dtype, want->data, (size_t) i);

		if (!CHECK(check_close(got[i], y, 1e-5, 2e-6 * scale), "%s: %s[%d] is %.9g, wanted %.9g",
				   name, what, (int) i, got[i], y))
			return;
	}
}

/* ---------- PyTorch's numbers ---------- */

#define MAX_OUTPUTS 64

/* A graph whose outputs are compared with tensors of the fixture. */
typedef struct Run
{
	Golden *f;
	PtGraph *g;
	PtRef bound[2 * MAX_OUTPUTS];
	void *data[2 * MAX_OUTPUTS];
	int nbound;
	PtTensor want[MAX_OUTPUTS];
	const char *keys[MAX_OUTPUTS];
	float *got[MAX_OUTPUTS];
	int n;
} Run;

static PtRef
bind(Run *r, const char *name, const PtTensor *t)
{
	PtRef x = pt_external(r->g, name, t->dtype, &t->shape);

	r->bound[r->nbound] = x;
	r->data[r->nbound++] = t->data;
	return x;
}

/* y shall be the tensor of that key. */
static void
expect(Run *r, const char *key, PtRef y)
{
	PtTensor *want = &r->want[r->n];
	PtError err = {0};
	PtRef out;

	if (!CHECK(golden_tensor(r->f, key, want), "%s: no %s", r->f->name, key))
		return;
	if (!CHECK(y != PT_NO_REF, "%s: %s: %s", r->f->name, key,
			   pt_graph_ok(r->g, &err) ? "no gradient" : err.message))
		return;
	y = pt_cast(r->g, y, PT_FLOAT32);
	if (!CHECK(pt_shape_equal(&pt_value(r->g, y)->shape, &want->shape), "%s: %s has another shape",
			   r->f->name, key))
		return;
	out = pt_external(r->g, key, PT_FLOAT32, &want->shape);
	r->keys[r->n] = key;
	r->got[r->n] =
		pt_arena_alloc(r->f->arena, (size_t) pt_shape_numel(&want->shape) * sizeof(float) + 1);
	r->bound[r->nbound] = out;
	r->data[r->nbound++] = r->got[r->n++];
	pt_graph_assign(r->g, out, y);
}

static PtPlan *
compile(Run *r)
{
	PtError err = {0};
	PtPlan *plan = pt_graph_ok(r->g, &err)
					   ? pt_plan_compile(r->g, dev, &(PtPlanOptions){.poison = true}, &err)
					   : NULL;

	CHECK(plan != NULL, "%s: %s", r->f->name, err.message);
	for (int i = 0; plan != NULL && i < r->nbound; i++)
		pt_plan_bind(plan, r->bound[i], r->data[i]);
	return plan;
}

static void
run_once(Run *r, PtPlan *plan, const char *only)
{
	PtError err = {0};

	if (!CHECK(run_plan(plan, &err), "%s: %s", r->f->name, err.message))
		return;
	for (int i = 0; i < r->n; i++)
		if (only == NULL || strcmp(r->keys[i], only) == 0)
			compare(r->f->name, r->keys[i], &r->want[i], r->got[i]);
}

static void
check_loss(Golden *f, const PtModule *m)
{
	PtError err = {0};
	Run r = {.f = f, .g = pt_graph_new(&err)};
	PtStateDict sd = {0};
	PtBuild b = {.g = r.g, .sd = &sd, .training = true};
	PtTensor output, target;
	PtRef in[2], y, grad;
	PtPlan *plan;

	golden_tensor(f, "output", &output);
	golden_tensor(f, "loss_target", &target);
	CHECK(pt_module_is_loss(m), "%s is no loss", f->name);
	in[0] = bind(&r, "output", &output);
	in[1] = bind(&r, "target", &target);
	y = pt_module_build(&b, m, in, 2);
	expect(&r, "loss", y);
	if (pt_gradient(r.g, y, in, 1, &grad))
		expect(&r, "grad0", grad);
	if ((plan = compile(&r)) != NULL)
		run_once(&r, plan, NULL);
	pt_plan_free(plan);
	pt_graph_free(r.g);
}

/* Forward, gradients, and parameters after three steps of SGD with the mean squared error. */
static void
check_network(Golden *f, const PtModule *m, bool decomposed)
{
	static const char *const keys[][2] = {{"in0", "grad0"}, {"in1", "grad1"}, {"in2", "grad2"}};
	PtError err = {0};
	Run r = {.f = f, .g = pt_graph_new(&err)};
	PtStateDict sd;
	PtBuild b = {.g = r.g, .sd = &sd, .training = true};
	PtRef in[3], wrt[32], grad[32], y, loss;
	PtRef state[16];
	PtTensor params[16], target, t;
	int nin = pt_module_inputs(m), n = 0;
	PtPlan *plan;

	r.g->decomposed = decomposed;
	if (!CHECK(pt_module_state(f->arena, m, &sd, &err) && sd.count <= 16, "%s: %s", f->name,
			   err.message))
		return;
	for (int i = 0; i < nin; i++)
	{
		golden_tensor(f, keys[i][0], &t);
		wrt[n++] = in[i] = bind(&r, keys[i][0], &t);
	}
	for (int i = 0; i < sd.count; i++)
	{
		char *key = pt_arena_printf(f->arena, "start/%s", sd.entries[i].name);

		if (!CHECK(golden_tensor(f, key, &params[i]), "%s: PyTorch has no %s", f->name, key))
			return;
		wrt[n++] = state[i] = bind(&r, key, &params[i]);
	}
	golden_tensor(f, "target", &target);
	b.state = state;
	y = pt_module_build(&b, m, in, nin);
	expect(&r, "output", y);
	loss = pt_sub(r.g, y, bind(&r, "target", &target));
	loss = pt_mean(r.g, pt_square(r.g, loss));
	if (!CHECK(pt_gradient(r.g, loss, wrt, n, grad), "%s: %s", f->name, r.g->error.message))
		return;
	for (int i = 0; i < nin; i++)
		expect(&r, keys[i][1], grad[i]);
	for (int i = 0; i < sd.count; i++)
	{
		char *key = pt_arena_printf(f->arena, "grad/%s", sd.entries[i].name);
		PtRef by = grad[nin + i];

		if (by == PT_NO_REF)
		{
			CHECK(!golden_tensor(f, key, &t), "%s: no gradient of %s", f->name, sd.entries[i].name);
			continue;
		}
		expect(&r, key, by);
		by = pt_sub(r.g, state[i], pt_mul(r.g, by, pt_real(r.g, 0.1)));
		pt_graph_assign(r.g, state[i], by);
	}
	if ((plan = compile(&r)) != NULL)
	{
		run_once(&r, plan, NULL);
		run_once(&r, plan, "");
		run_once(&r, plan, "");
		for (int i = 0; i < sd.count; i++)
		{
			char *key = pt_arena_printf(f->arena, "end/%s", sd.entries[i].name);

			if (CHECK(golden_tensor(f, key, &t), "%s: no %s", f->name, key))
				compare(f->name, key, &t, params[i].data);
		}
	}
	pt_plan_free(plan);
	pt_graph_free(r.g);
}

/* An expression of x and y. */
static void
check_expression(Golden *f, const PtTensor *x, const PtTensor *y, bool decomposed)
{
	PtError err = {0};
	Run r = {.f = f, .g = pt_graph_new(&err)};
	PtExpr *e = pt_expr_parse(f->arena, f->name, &err);
	PtVar vars[2] = {{"x", bind(&r, "x", x)}, {"y", bind(&r, "y", y)}};
	PtPlan *plan = NULL;

	r.g->decomposed = decomposed;
	if (CHECK(e != NULL, "%s: %s", f->name, err.message))
		expect(&r, "value", pt_expr_build(r.g, e, vars, 2));
	if (r.n > 0 && (plan = compile(&r)) != NULL)
		run_once(&r, plan, NULL);
	pt_plan_free(plan);
	pt_graph_free(r.g);
}

static void
test_golden(void)
{
	Golden f;
	PtTensor x, y, t;
	int networks = 0, expressions = 0;

	if (!golden_open(&f, "test/golden/graph.txt"))
		return;
	while (golden_case(&f))
	{
		PtError err = {0};
		PtModule *m;

		if (strcmp(f.name, "expressions") == 0)
		{
			golden_tensor(&f, "x", &x);
			golden_tensor(&f, "y", &y);
			continue;
		}
		if (f.name[0] == '(')
		{
			check_expression(&f, &x, &y, false);
			check_expression(&f, &x, &y, true);
			expressions++;
			continue;
		}
		m = pt_module_parse(f.arena, f.name, &err);
		if (!CHECK(m != NULL, "%s: %s", f.name, err.message))
			continue;
		networks++;
		if (golden_tensor(&f, "loss", &t))
			check_loss(&f, m);
		else
		{
			/* parameters are changed in place, and start anew for each run */
			check_network(&f, m, false);
			check_network(&f, m, true);
		}
	}
	CHECK(networks >= 10 && expressions >= 100, "%d networks, %d expressions", networks,
		  expressions);
	golden_close(&f);
}

/* ---------- text and errors ---------- */

static void
check_text(PtArena *arena, const char *text, const char *want)
{
	PtError err = {0};
	PtModule *m = pt_module_parse(arena, text, &err);
	const char *got = m ? pt_module_print(arena, m, &err) : err.message;

	CHECK(strcmp(got, want) == 0, "%s: %s, wanted %s", text, got, want);
}

static void
test_text(PtArena *arena)
{
	check_text(arena, "nn.Graph('x -> f(x)', 'f', nn.Linear(8, 8))",
			   "nn.Graph('x -> f(x)', 'f', nn.Linear(8, 8))");
	check_text(arena, "Graph(\"x -> 'a'\")", "nn.Graph(\"x -> 'a'\")");
	check_text(arena, "nn.Graph('x -> g(f(x))', 'f', nn.ReLU(), 'g', nn.Graph('y -> y'))",
			   "nn.Graph('x -> g(f(x))', 'f', nn.ReLU(), 'g', nn.Graph('y -> y'))");
	check_text(arena, "nn.Sequential(nn.Graph('x -> x'))", "nn.Sequential(nn.Graph('x -> x'))");
	check_text(arena, "nn.Graph('x -> f(x)', 'f', nn.Linear(8, 8), 'g')",
			   "nn.Graph takes modules each after its name");
	check_text(arena, "nn.Graph('x -> f(x)', 'f', 'g', nn.Linear(8, 8))",
			   "nn.Graph takes modules each after its name");
	check_text(arena, "nn.Graph(nn.Linear(8, 8))",
			   "argument \"expression\" of nn.Graph must be a word, not a module");
	check_text(arena, "nn.Graph('x -> h = x; h = h + k; h')",
			   "name \"k\" at character 21 does not exist");
	check_text(arena, "nn.Graph('x -> f(x).y', 'f', nn.ReLU())",
			   "nn.Graph('x -> f(x).y', 'f', nn.ReLU())");
	check_text(arena, "nn.Graph('x -> x + 1; y = 2')", "the last statement must be an expression");
	check_text(arena, "nn.Graph('x -> f(x)', 'f', nn.MSELoss())",
			   "nn.MSELoss is a loss, not a layer");
	check_text(arena, "nn.Sequential(nn.Graph('(x, y) -> x'))",
			   "module 0 (nn.Graph) takes 2 inputs, not 1");
}

/* Random ops are no part of a network's expression. */
static void
test_refused(PtArena *arena)
{
	for (int i = 0; pt_op_at(i) != NULL; i++)
	{
		const PtOp *op = pt_op_at(i);
		char text[200];
		PtError err = {0};

		if ((op->flags & (PT_OP_RANDOM | PT_OP_DYNAMIC)) == 0)
			continue;
		snprintf(text, sizeof(text), "nn.Graph('x -> %s(x)')", op->name);
		CHECK(pt_module_parse(arena, text, &err) == NULL && strstr(err.message, op->name) != NULL,
			  "%s: %s", text, err.message);
	}
}

/* Expressions and modules nested in each other use the stack together. */
static void
test_depth(PtArena *arena)
{
	size_t room = 4 << 20;
	char *text = malloc(room);
	PtError err = {0};

	for (int levels = 1; levels <= 100; levels *= 10)
	{
		char *s = text;

		for (int i = 0; i < levels; i++)
		{
			s += sprintf(s, "nn.Graph('x -> f(");
			for (int k = 0; k < 900; k++)
				s += sprintf(s, "-");
			s += sprintf(s, "x)', 'f', ");
		}
		s += sprintf(s, "nn.ReLU()");
		for (int i = 0; i < levels; i++)
			s += sprintf(s, ")");
		CHECK((pt_module_parse(arena, text, &err) != NULL) == (levels < 3) &&
				  (levels < 3 || err.code == PT_ELIMIT),
			  "%d levels: %s", levels, err.message);
	}
	free(text);
}

/* ---------- shapes ---------- */

typedef struct Seen
{
	int n;
	char text[400];
} Seen;

static void
note(void *arg, const PtModule *m, const PtShape *rows, int n)
{
	Seen *s = arg;
	char shape[PT_SHAPE_TEXT];
	size_t used = strlen(s->text);

	s->n++;
	snprintf(s->text + used, sizeof(s->text) - used, "%s", m->path);
	for (int i = 0; i < n; i++)
	{
		used = strlen(s->text);
		snprintf(s->text + used, sizeof(s->text) - used, "%s%s", pt_shape_print(&rows[i], shape),
				 i + 1 < n ? "" : " ");
	}
}

static void
test_shapes(PtArena *arena)
{
	PtError err = {0};
	PtShape in[2] = {{1, {3}}, {1, {2}}}, out, all[PT_MAX_OUTPUTS];
	Seen seen = {0};
	PtModule *m =
		pt_module_parse(arena,
						"nn.Graph('(a, b) -> h = f(cat([a, b], -1)); g(h) + g(h[:, :1])', "
						"'f', nn.Sequential(nn.Linear(5, 1), nn.ReLU()), 'g', nn.Linear(1, 4))",
						&err);

	if (!CHECK(m != NULL, "%s", err.message))
		return;
	CHECK(pt_module_inputs(m) == 2 && !pt_module_is_loss(m) && !pt_module_input_is_index(m, 0));
	CHECK(pt_module_output_shape(m, in, 2, &out, &err) && out.ndim == 1 && out.dim[0] == 4, "%s",
		  err.message);
	CHECK(pt_module_trace(m, in, 2, all, note, &seen, &err) == 1, "%s", err.message);
	CHECK(strcmp(seen.text, "f.0[1] f.1[1] f[1] g[4] g[4] [4] ") == 0, "%s", seen.text);
	in[1].dim[0] = 3;
	CHECK(!pt_module_output_shape(m, in, 2, &out, &err) &&
			  strcmp(err.message, "module f.0 (nn.Linear) expects 5 features, not 6") == 0,
		  "%s", err.message);
	m = pt_module_parse(arena, "nn.Sequential(nn.Linear(3, 2), nn.Graph('x -> x @ x'))", &err);
	CHECK(m != NULL && !pt_module_output_shape(m, in, 1, &out, &err) &&
			  strncmp(err.message, "module 1 (nn.Graph): ", 21) == 0 && err.detail[0] != '\0',
		  "%s", err.message);
	m = pt_module_parse(arena, "nn.Graph('(a, b) -> sum(a - b)')", &err);
	CHECK(m != NULL && pt_module_is_loss(m), "%s", err.message);
	m = pt_module_parse(arena, "nn.Graph('a -> sum(a)')", &err);
	CHECK(m != NULL && !pt_module_is_loss(m), "%s", err.message);
}

/* Casts grow the graph while cat looks at its inputs. */
static void
test_cat(void)
{
	for (int n = 2; n < 40; n++)
	{
		Case c;
		PtError err = {0};
		PtRef list[40], out[PT_MAX_RESULTS];
		PtGiven given[] = {{"tensors", {PT_VALUE_TENSORS, 0, {.tensor = 0}}},
						   {"dim", {PT_VALUE_INT, 0, {.integer = -1}}}};
		const PtOp *op = pt_op_find("cat");
		int y, bad = 0;

		case_begin(&c);
		for (int i = 0; i < n; i++)
		{
			int x = case_external(&c, i == n - 1 ? PT_FLOAT64 : PT_INT32, SHAPE(2, 3));

			list[i] = c.ext[x];
			for (int k = 0; k < 6; k++)
				case_set(&c, x, k, i * 10 + k);
		}
		CHECK(pt_apply_all(c.g, op, NULL, 0, list, n,
						   pt_args_bind(c.g->arena, "cat", op->params, given, 2, &err), out),
			  "%s", c.g->error.message);
		y = case_output(&c, out[0]);
		CHECK(y >= 0 && pt_value(c.g, out[0])->dtype == PT_FLOAT64, "dtype of cat");
		CHECK_OK(run_case(&c, dev, NULL, 1, &err), &err);
		for (int i = 0; i < n; i++)
			for (int r = 0; r < 2; r++)
				for (int k = 0; k < 3; k++)
					bad += case_get(&c, y, r * 3 * n + i * 3 + k) != i * 10 + r * 3 + k;
		CHECK(bad == 0, "cat of %d", n);
		case_end(&c);
	}
}

/* ---------- many inputs ---------- */

/* nn.Graph('(x1, ...) -> f(x1, ...)', 'f', nn.Graph('(x1, ...) -> 1 * x1 + 2 * x2 + ...')) */
static PtModule *
weighted_sum(PtArena *arena, int n, PtError *err)
{
	char names[1024] = "x1", sum[2048] = "1 * x1";

	for (int i = 2; i <= n; i++)
	{
		sprintf(names + strlen(names), ", x%d", i);
		sprintf(sum + strlen(sum), " + %d * x%d", i, i);
	}
	return pt_module_parse(arena,
						   pt_arena_printf(arena,
										   "nn.Graph('(%s) -> f(%s)', 'f', nn.Graph('(%s) -> %s'))",
										   names, names, names, sum),
						   err);
}

/* A network has more inputs than an op has operands, and each arrives. */
static void
test_inputs(PtArena *arena)
{
	static const int counts[] = {PT_MAX_OPERANDS + 1, 20, PT_MAX_INPUTS};
	PtError err = {0};

	for (int k = 0; k < 3; k++)
	{
		int n = counts[k], y;
		PtModule *m = weighted_sum(arena, n, &err);
		PtShape shapes[PT_MAX_INPUTS], out;
		PtRef in[PT_MAX_INPUTS];
		double want = 0;
		PtBuild b = {0};
		PtStateDict sd;
		Case c;

		if (!CHECK(m != NULL && pt_module_state(arena, m, &sd, &err), "%s", err.message))
			return;
		case_begin(&c);
		b = (PtBuild){.g = c.g, .sd = &sd};
		for (int i = 0; i < n; i++)
		{
			int x = case_external(&c, PT_FLOAT32, SHAPE(2, 1));

			shapes[i] = (PtShape){1, {1}};
			in[i] = c.ext[x];
			for (int row = 0; row < 2; row++)
				case_set(&c, x, row, i % 7 + row);
			want += (i + 1) * (i % 7);
		}
		CHECK(pt_module_trace(m, shapes, n, &out, NULL, NULL, &err), "%s", err.message);
		y = case_output(&c, pt_module_build(&b, m, in, n));
		CHECK_OK(run_case(&c, dev, NULL, 1, &err), &err);
		CHECK(case_get(&c, y, 0) == want && case_get(&c, y, 1) == want + n * (n + 1) / 2,
			  "%d inputs: %g and %g, wanted %g", n, case_get(&c, y, 0), case_get(&c, y, 1), want);
		case_end(&c);
	}
	CHECK(weighted_sum(arena, PT_MAX_INPUTS + 1, &err) == NULL && err.code == PT_ELIMIT, "%s",
		  err.message);
}

/* The row that a form comes after: the last before it of the same public name, or if there is none NULL. */
static const PtOp *
form_before(int i)
{
	const char *name = pt_op_at(i)->name;
	size_t n = strcspn(name, ".");

	while (i-- > 0)
		if (strcspn(pt_op_at(i)->name, ".") == n && strncmp(pt_op_at(i)->name, name, n) == 0)
			return pt_op_at(i);
	return NULL;
}

/* Is op among the forms of a name? */
static bool
has_form(const char *name, const PtOp *op)
{
	const PtOp *form = pt_op_find(name);

	while (form != NULL && form != op)
		form = pt_op_next_form(form);
	return form != NULL;
}

/* Rows of the op table keep its limits; a name, or another name, is of one row and its forms. */
static void
test_rows(void)
{
	const PtOp *op;

	for (int i = 0; (op = pt_op_at(i)) != NULL; i++)
	{
		int tensors = 0;

		for (const PtParam *p = op->params; p->name != NULL; p++)
			tensors += p->type == PT_ARG_TENSOR;
		CHECK(tensors <= PT_MAX_OPERANDS, "op \"%s\" takes %d tensors", op->name, tensors);
		CHECK(pt_op_nout(op) >= 1 && pt_op_nout(op) <= PT_MAX_RESULTS, "op \"%s\" has %d results",
			  op->name, pt_op_nout(op));
		CHECK(pt_op_find(op->name) == op, "op \"%s\" stands twice", op->name);
		CHECK(pt_op_is_form(op) == (form_before(i) != NULL), "op \"%s\" is the first form",
			  op->name);
		CHECK(!pt_op_is_form(op) || pt_op_next_form(form_before(i)) == op,
			  "op \"%s\" is not the next form", op->name);
		for (int k = 0; op->aliases != NULL && op->aliases[k] != NULL; k++)
			CHECK(has_form(op->aliases[k], op) &&
					  strcmp(pt_op_find(op->aliases[k])->name, op->aliases[k]) != 0,
				  "\"%s\" is taken", op->aliases[k]);
		CHECK((op->scalar != PT_S_NONE) == (pt_op_scalar(op->scalar) == op), "op \"%s\"", op->name);
	}
}

int
main(void)
{
	PtArena *arena = pt_arena_new();

	dev = open_device(1);
	if (dev == NULL)
		return check_done();
	test_golden();
	test_text(arena);
	test_refused(arena);
	test_depth(arena);
	test_shapes(arena);
	test_cat();
	test_inputs(arena);
	test_rows();
	dev->type->close(dev);
	pt_arena_free(arena);
	return check_done();
}
