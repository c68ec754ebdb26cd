/*
 * test_gradient.c
 *	  Gradients of every op against central differences in float64, first and second order.
 *
 * Scalar ops come from scalar.def, the others from a table of cases; an op with a gradient that has no
 * case fails.  The loss is sum(y * w) with random w, its gradients are compared at every
 * element of every input; for the second order the loss is the sum of the gradients, each times
 * random weights.  Inputs are drawn away from kinks and poles.
 */
#include "engine/graph_harness.h"

static PtDevice *dev;
static bool *covered; /* [ops of the table] */

static void
cover(const char *name)
{
	for (int i = 0; pt_op_at(i) != NULL; i++)
		if (strcmp(pt_op_at(i)->name, name) == 0)
			covered[i] = true;
}

/* ---------- one check ---------- */

#define MAX_INPUTS 4

typedef struct Input
{
	PtShape shape;
	PtDtype dtype; /* PT_FLOAT64 is differentiated */
	const double *values;
} Input;

typedef PtRef (*Make)(PtGraph *g, const PtRef *in, const void *arg);

/* sum(x * w), w random and constant */
static PtRef
weigh(Case *c, PtRef x)
{
	PtShape shape;
	int w;

	if (x == PT_NO_REF)
		return PT_NO_REF;
	shape = pt_value(c->g, x)->shape;
	w = case_random(c, PT_FLOAT64, &shape, 1);
	return pt_sum(c->g, pt_mul(c->g, pt_cast(c->g, x, PT_FLOAT64), c->ext[w]), NULL, 0, false);
}

static void
check_gradient(const char *what, const Input *inputs, int n, Make make, const void *arg, int order,
			   bool decomposed)
{
	Case c;
	PtRef in[MAX_INPUTS] = {PT_NO_REF}, wrt[MAX_INPUTS], grad[MAX_INPUTS];
	int place[MAX_INPUTS], nwrt = 0, got[MAX_INPUTS], loss_at;
	PtRef loss;
	PtError err = {0};
	PtPlan *plan;
	void **analytic;

	case_begin(&c);
	c.g->decomposed = decomposed;
	for (int i = 0; i < n; i++)
	{
		int at = case_external(&c, inputs[i].dtype, &inputs[i].shape);

		for (int64_t k = 0; k < case_numel(&c, at); k++)
			case_set(&c, at, k, inputs[i].values[k]);
		in[i] = c.ext[at];
		if (inputs[i].dtype == PT_FLOAT64)
		{
			place[nwrt] = at;
			wrt[nwrt++] = in[i];
		}
	}
	loss = weigh(&c, make(c.g, in, arg));
	if (order == 2 && loss != PT_NO_REF && pt_gradient(c.g, loss, wrt, nwrt, grad))
	{
		loss = pt_cast(c.g, pt_real(c.g, 0), PT_FLOAT64);
		for (int i = 0; i < nwrt; i++)
			if (grad[i] != PT_NO_REF)
				loss = pt_add(c.g, loss, weigh(&c, grad[i]));
	}
	if (!CHECK(loss != PT_NO_REF && pt_gradient(c.g, loss, wrt, nwrt, grad), "%s: %s", what,
			   c.g->error.message))
	{
		case_end(&c);
		return;
	}
	loss_at = case_output(&c, loss);
	for (int i = 0; i < nwrt; i++)
	{
		got[i] = case_output(&c, grad[i]);
		if (got[i] >= 0)
			CHECK(pt_shape_equal(&pt_value(c.g, grad[i])->shape, &pt_value(c.g, wrt[i])->shape) &&
					  pt_value(c.g, grad[i])->dtype == PT_FLOAT64,
				  "%s: gradient of input %d has another shape or dtype", what, i);
	}
	plan = case_compile(&c, dev, &(PtPlanOptions){.poison = true}, &err);
	if (!CHECK(plan != NULL && run_all(plan, 1, INT64_MAX, NULL, &err), "%s: %s", what,
			   err.message))
	{
		pt_plan_free(plan);
		case_end(&c);
		return;
	}
	analytic = case_snapshot(&c);
	for (int i = 0; i < nwrt; i++)
	{
		int bad = 0;

		for (int64_t k = 0; k < case_numel(&c, place[i]) && bad < 3; k++)
		{
			const double eps = 1e-6;
			double *x = (double *) c.data[place[i]] + k;
			double old = *x, want[2], have;
			bool ok;

			*x = old + eps;
			ok = run_all(plan, 1, INT64_MAX, NULL, &err);
			want[0] = case_get(&c, loss_at, 0);
			*x = old - eps;
			ok = ok && run_all(plan, 1, INT64_MAX, NULL, &err);
			want[1] = case_get(&c, loss_at, 0);
			*x = old;
			have = got[i] >= 0 ? ((double *) analytic[got[i]])[k] : 0;
			if (!ok || !check_close(have, (want[0] - want[1]) / (2 * eps), 1e-3, 1e-5))
			{
				bad++;
				CHECK(false, "%s: order %d%s, input %d, element %lld: %.9g, differences say %.9g",
					  what, order, decomposed ? " decomposed" : "", i, (long long) k, have,
					  (want[0] - want[1]) / (2 * eps));
			}
		}
		CHECK(bad == 0, "%s", what);
	}
	free_snapshot(&c, analytic);
	pt_plan_free(plan);
	case_end(&c);
}

/* ---------- scalar ops ---------- */

/* where to draw an operand from */
typedef enum Domain
{
	ANY,	  /* +-0.3 .. 2 */
	POSITIVE, /* 0.3 .. 2 */
	SMALL,	  /* +-0.3 .. 0.9 */
	LARGE,	  /* +-1.1 .. 2 */
	EVEN,	  /* multiples of 0.2 */
	ODD,	  /* 0.1 more */
	TRUTH
} Domain;

static double
draw_from(Domain d)
{
	double sign = draw_int(2) ? 1 : -1;

	switch (d)
	{
		case ANY:
			return sign * (0.3 + 1.7 * draw_real());
		case POSITIVE:
			return 0.3 + 1.7 * draw_real();
		case SMALL:
			return sign * (0.3 + 0.6 * draw_real());
		case LARGE:
			return sign * (1.1 + 0.9 * draw_real());
		case EVEN:
			return (draw_int(20) - 10) * 0.2;
		case ODD:
			return (draw_int(20) - 10) * 0.2 + 0.1;
		case TRUTH:
			return draw_int(2);
	}
	return 0;
}

static Domain
domain(PtScalar op, int operand)
{
	switch (op)
	{
		case PT_S_log:
		case PT_S_sqrt:
		case PT_S_rsqrt:
		case PT_S_log1p:
			return POSITIVE;
		case PT_S_pow:
			return operand == 0 ? POSITIVE : ANY;
		case PT_S_remainder:
			return operand == 0 ? SMALL : LARGE;
		case PT_S_maximum:
		case PT_S_minimum:
			return operand == 0 ? EVEN : ODD;
		case PT_S_where:
			return operand == 0 ? TRUTH : ANY;
		default:
			return ANY;
	}
}

static const struct
{
	bool differentiable;
} scalar_rows[] = {
#define NONE_TEXT(x) (#x)[0] == 'N' && (#x)[1] == 'O'
#define PT_UNARY(name, rule, ints, flags, f, da, ...) [PT_S_##name] = {!(NONE_TEXT(da))},
#define PT_BINARY(name, rule, ints, flags, f, da, db, ...) \
	[PT_S_##name] = {!(NONE_TEXT(da) && NONE_TEXT(db))},
#define PT_TERNARY(name, ...) [PT_S_##name] = {true},
#include "engine/ops/scalar.def"
};

static PtRef
make_scalar(PtGraph *g, const PtRef *in, const void *arg)
{
	PtScalar op = *(const PtScalar *) arg;

	return pt_apply(g, pt_op_scalar(op), in, pt_scalar_arity(op), NULL);
}

/* with a Python number in the place of one operand */
typedef struct WithNumber
{
	PtScalar op;
	int operand;
	double number;
} WithNumber;

static PtRef
make_with_number(PtGraph *g, const PtRef *in, const void *arg)
{
	const WithNumber *w = arg;
	PtRef all[3];

	for (int i = 0, k = 0; i < pt_scalar_arity(w->op); i++)
		all[i] = i == w->operand ? pt_real(g, w->number) : in[k++];
	return pt_apply(g, pt_op_scalar(w->op), all, pt_scalar_arity(w->op), NULL);
}

static double pool[MAX_INPUTS][512];

static void
fill(Input *in, int i, Domain d)
{
	for (int64_t k = 0; k < pt_shape_numel(&in->shape); k++)
		pool[i][k] = draw_from(d);
	in->values = pool[i];
	in->dtype = d == TRUTH ? PT_BOOL : PT_FLOAT64;
}

static void
test_scalar(PtScalar op)
{
	/* three shapes that broadcast; ops of fewer operands take the first ones */
	static const PtShape shapes[][3] = {
		{{2, {2, 3}}, {2, {2, 3}}, {2, {2, 3}}},
		{{0}, {0}, {0}},
		{{1, {1}}, {1, {1}}, {1, {1}}},
		{{2, {2, 3}}, {1, {3}}, {0}},
		{{2, {2, 1}}, {2, {1, 3}}, {1, {1}}},
		{{0}, {2, {2, 3}}, {1, {3}}},
		{{1, {0}}, {1, {1}}, {0}},
		{{3, {2, 0, 3}}, {1, {3}}, {3, {1, 1, 1}}},
		{{3, {2, 1, 3}}, {2, {4, 1}}, {3, {1, 4, 3}}},
		{{4, {1, 2, 1, 2}}, {3, {2, 3, 1}}, {1, {2}}},
	};
	const char *name = pt_op_scalar(op)->name;
	int arity = pt_scalar_arity(op);

	cover(name);
	if (!scalar_rows[op].differentiable)
		return;
	for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
		for (int order = 1; order <= 2; order++)
		{
			Input in[3];
			char what[64];

			for (int i = 0; i < arity; i++)
			{
				in[i].shape = shapes[s][i];
				fill(&in[i], i, domain(op, i));
			}
			snprintf(what, sizeof(what), "%s, shapes %zu", name, s);
			check_gradient(what, in, arity, make_scalar, &op, order, false);
		}
	for (int operand = 0; arity > 1 && operand < arity; operand++)
		for (int order = 1; order <= 2; order++)
		{
			WithNumber w = {op, operand, draw_from(domain(op, operand))};
			Input in[3];
			int n = 0;
			char what[64];

			if (domain(op, operand) == TRUTH)
				continue;
			for (int i = 0; i < arity; i++)
				if (i != operand)
				{
					in[n].shape = *SHAPE(2, 3);
					fill(&in[n], n, domain(op, i));
					n++;
				}
			snprintf(what, sizeof(what), "%s, operand %d a number", name, operand);
			check_gradient(what, in, n, make_with_number, &w, order, false);
		}
}

/* ---------- the other ops ---------- */

/* Texts in the expression language see the inputs as a, b, c. */
static PtRef
make_text(PtGraph *g, const PtRef *in, const void *arg)
{
	PtVar vars[] = {{"a", in[0]}, {"b", in[1]}, {"c", in[2]}};
	int n = in[2] != PT_NO_REF ? 3 : in[1] != PT_NO_REF ? 2 : 1;

	return pt_expr_text(g, arg, vars, n);
}

static PtRef
make_mm(PtGraph *g, const PtRef *in, const void *arg)
{
	const char *t = arg;

	return pt_mm(g, in[0], in[1], t[0] == 't', t[1] == 't');
}

static PtRef
make_cross_entropy(PtGraph *g, const PtRef *in, const void *arg)
{
	PtRef out[PT_MAX_RESULTS];

	(void) arg;
	return pt_apply_all(g, pt_op_find("cross_entropy"), in, 2, NULL, 0, NULL, out) ? out[0]
																				   : PT_NO_REF;
}

/* both results, and the loss in another function, as a loss module would */
static PtRef
make_cross_entropy_squared(PtGraph *g, const PtRef *in, const void *arg)
{
	PtRef out[PT_MAX_RESULTS];

	(void) arg;
	if (!pt_apply_all(g, pt_op_find("cross_entropy"), in, 2, NULL, 0, NULL, out))
		return PT_NO_REF;
	return pt_add(g, pt_square(g, out[0]), pt_sigmoid(g, out[1]));
}

static PtRef
make_cross_entropy_backward(PtGraph *g, const PtRef *in, const void *arg)
{
	(void) arg;
	return pt_apply_name(g, "cross_entropy_backward", in, 4, NULL, 0);
}

typedef struct OpCase
{
	const char *op;
	Make make;
	const char *arg;
	int n;
	PtShape shapes[MAX_INPUTS];
	int first_order_only;
} OpCase;

#define S(...)                                                      \
	{                                                               \
		(int) (sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), \
		{                                                           \
			__VA_ARGS__                                             \
		}                                                           \
	}
#define S0 \
	{      \
		0  \
	}

static const OpCase op_cases[] = {
	{"reshape", make_text, "reshape(a, [3, 2])", 1, {S(2, 3)}},
	{"reshape", make_text, "reshape(a * a, [-1])", 1, {S(2, 3)}},
	{"reshape", make_text, "reshape(a, [1, 1])", 1, {S0}},
	{"reshape", make_text, "reshape(a, [0, 5])", 1, {S(2, 0)}},
	{"expand", make_text, "expand(a, [4, 2, 3])", 1, {S(2, 1)}},
	{"expand", make_text, "expand(a, [3]) ** 3", 1, {S0}},
	{"expand", make_text, "expand(a, [0, 2])", 1, {S(1, 2)}},
	{"expand", make_text, "expand(a, [-1, 2])", 1, {S(0, 1)}},
	{"to", make_text, "to(a, float64) * a", 1, {S(3)}},
	{"permute", make_text, "permute(a, [1, 0]) * b", 2, {S(2, 3), S(3, 2)}},
	{"permute", make_text, "square(permute(a, [2, 0, -1, 1]))", 1, {S(2, 3, 1, 2)}},
	{"permute", make_text, "permute(a, [1, 0])", 1, {S(0, 3)}},
	{"permute",
	 make_text,
	 "exp(permute(a, [7, 0, 1, 2, 3, 4, 6, 5]))",
	 1,
	 {S(2, 1, 2, 1, 2, 1, 3, 2)}},
	{"sum", make_text, "sum(a) * sum(a)", 1, {S(2, 3)}},
	{"sum", make_text, "square(sum(a, 0))", 1, {S(2, 3)}},
	{"sum", make_text, "square(sum(a, -1, True))", 1, {S(2, 3)}},
	{"sum", make_text, "square(sum(a, [0, 2]))", 1, {S(2, 3, 2)}},
	{"sum", make_text, "square(sum(a, [1], keepdim=True)) * a", 1, {S(2, 3, 2)}},
	{"sum", make_text, "square(sum(a, 0))", 1, {S0}},
	{"sum", make_text, "square(sum(a, 0))", 1, {S(0, 2)}},
	{"sum", make_text, "sum(a)", 1, {S(0)}},
	{"mean", make_text, "square(mean(a))", 1, {S(2, 3)}},
	{"mean", make_text, "square(mean(a, [0, -1], True)) * a", 1, {S(2, 3, 2)}},
	{"amax", make_text, "square(amax(a))", 1, {S(2, 3)}},
	{"amax", make_text, "square(amax(a, 1))", 1, {S(2, 3)}},
	{"amax", make_text, "amax(a, [0, 2], True) * a", 1, {S(2, 3, 2)}},
	{"amax", make_text, "square(amax(a))", 1, {S0}},
	{"amax", make_text, "amax(a, 1)", 1, {S(0, 2)}},
	{"amin", make_text, "square(amin(a))", 1, {S(2, 3)}},
	{"amin", make_text, "square(amin(a, 0))", 1, {S(2, 3)}},
	{"amin", make_text, "amin(a, [1], True) * a", 1, {S(2, 3, 2)}},
	{"mm", make_mm, "nn", 2, {S(2, 3), S(3, 4)}},
	{"mm", make_mm, "tn", 2, {S(3, 2), S(3, 4)}},
	{"mm", make_mm, "nt", 2, {S(2, 3), S(4, 3)}},
	{"mm", make_mm, "tt", 2, {S(3, 2), S(4, 3)}},
	{"mm", make_mm, "nn", 2, {S(5, 2, 3), S(5, 3, 4)}},
	{"mm", make_mm, "tn", 2, {S(5, 3, 2), S(1, 3, 4)}},
	{"mm", make_mm, "nt", 2, {S(1, 2, 3), S(5, 4, 3)}},
	{"mm", make_mm, "tt", 2, {S(2, 3, 2), S(2, 4, 3)}},
	{"mm", make_mm, "nn", 2, {S(1, 1), S(1, 1)}},
	{"mm", make_mm, "nn", 2, {S(2, 0), S(0, 3)}},
	{"mm", make_mm, "nt", 2, {S(0, 2), S(3, 2)}},
	{"mm", make_mm, "tn", 2, {S(0, 3, 2), S(1, 3, 2)}},
	{"matmul", make_text, "a @ b", 2, {S(3), S(3)}},
	{"matmul", make_text, "a @ b", 2, {S(3), S(3, 2)}},
	{"matmul", make_text, "a @ b", 2, {S(2, 3), S(3)}},
	{"matmul", make_text, "square(a @ b)", 2, {S(2, 3), S(3, 2)}},
	{"matmul", make_text, "a @ b", 2, {S(2, 2, 3), S(3, 2)}},
	{"matmul", make_text, "a @ b", 2, {S(2, 3), S(4, 3, 2)}},
	{"matmul", make_text, "a @ b", 2, {S(2, 1, 2, 3), S(3, 3, 2)}},
	{"matmul", make_text, "a @ b", 2, {S(3), S(2, 3, 2)}},
	{"matmul", make_text, "a @ b", 2, {S(2, 2, 3), S(3)}},
	{"matmul", make_text, "a @ b", 2, {S(0, 2, 3), S(3, 2)}},
	{"linear", make_text, "linear(a, b, c)", 3, {S(4, 3), S(2, 3), S(2)}},
	{"linear", make_text, "square(linear(a, b))", 2, {S(4, 3), S(2, 3)}},
	{"linear", make_text, "relu(linear(a, b, c))", 3, {S(3), S(2, 3), S(2)}},
	{"linear", make_text, "linear(a, b)", 2, {S(3), S(2, 3)}},
	{"linear", make_text, "tanh(linear(a, b, c))", 3, {S(2, 2, 3), S(4, 3), S(4)}},
	{"linear", make_text, "linear(a, b, c)", 3, {S(0, 3), S(2, 3), S(2)}},
	{"linear", make_text, "linear(a, b, c)", 3, {S(2, 0), S(2, 0), S(2)}},
	{"linear", make_text, "linear(linear(a, b), b)", 2, {S(2, 3), S(3, 3)}},
	{"softmax", make_text, "softmax(a, 1)", 1, {S(3, 4)}},
	{"softmax", make_text, "square(softmax(a, 0))", 1, {S(3, 4)}},
	{"softmax", make_text, "softmax(a, -2)", 1, {S(2, 3, 2)}},
	{"softmax", make_text, "softmax(a, 0) * a", 1, {S0}},
	{"softmax", make_text, "softmax(a, 1) * a", 1, {S(2, 1)}},
	{"softmax", make_text, "softmax(a, 1)", 1, {S(0, 3)}},
	{"log_softmax", make_text, "log_softmax(a, 1)", 1, {S(3, 4)}},
	{"log_softmax", make_text, "square(log_softmax(a, 0))", 1, {S(3, 4)}},
	{"log_softmax", make_text, "log_softmax(a, 1) * a", 1, {S(2, 3, 2)}},
	{"log_softmax", make_text, "log_softmax(a, 0) * a", 1, {S0}},
	{"log_softmax", make_text, "log_softmax(a, 1)", 1, {S(0, 3)}},
	{"getitem", make_text, "exp(a[1, ..., ::2]) * a[0, :, 1:]", 1, {S(2, 3, 3)}},
	{"getitem", make_text, "square(a[..., None, 1:0]) + a[0, 0]", 1, {S(2, 3)}},
	{"getitem", make_text, "square(a[:, :, 1, 1::3])", 1, {S(2, 3, 2, 5)}},
	{"max.dim", make_text, "exp(max(a, -1)[0]) + max(b, 0).values", 2, {S(3, 4), S0}},
	{"norm", make_text, "norm(a, 0.5) + norm(a, -1, 0) + norm(a, -inf, 1)", 1, {S(3, 3)}},
	{"cat", make_text, "square(cat([a, b * 2, a], 0)) * c", 3, {S(2, 3), S(1, 3), S(5, 1)}},
	{"cat", make_text, "exp(cat([a, b, b], -1))", 2, {S(2, 1, 3), S(2, 1, 2)}},
	{"cat", make_text, "cat([a, b], 1)", 2, {S(2, 0), S(2, 3)}},
	{"stack", make_text, "square(stack([a, b, a])) * c", 3, {S(2, 3), S(2, 3), S(3, 1, 1)}},
	{"stack", make_text, "square(stack([a, b], -1))", 2, {S(2), S(2)}},
	{"stack", make_text, "exp(stack([a, b], 1))", 2, {S(2, 3), S(2, 3)}},
	{"narrow", make_text, "square(narrow(a, 1, 1, 2))", 1, {S(3, 4)}},
	{"getitem", make_text, "exp(narrow(a, -2, 0, 2)) * narrow(a, 0, 2, 2)", 1, {S(4, 3)}},
	{"getitem_backward", make_text, "narrow(narrow(a, 0, 1, 3) ** 3, 1, 1, 1)", 1, {S(4, 3)}},
	{"select", make_text, "square(select(a, 1, -1)) + select(a, 1, 0)", 1, {S(3, 4)}},
	{"select", make_text, "square(select(a, 0, 1))", 1, {S(3)}},
	{"unsqueeze", make_text, "square(unsqueeze(a, 1) * a)", 1, {S(3)}},
	{"squeeze", make_text, "square(squeeze(a)) + squeeze(squeeze(a, 0), -1)", 1, {S(1, 3, 1)}},
	{"flatten", make_text, "square(flatten(a, 1)) * flatten(a, 1, 2)", 1, {S(2, 3, 2)}},
	{"flatten", make_text, "square(flatten(a))", 1, {S0}},
	{"unflatten", make_text, "square(unflatten(a, 1, [2, -1]))", 1, {S(3, 4)}},
	{"transpose", make_text, "square(transpose(a, 0, -1))", 1, {S(2, 3, 2)}},
	{"t", make_text, "square(t(a)) @ a", 1, {S(3, 2)}},
	{"clamp",
	 make_text,
	 "square(clamp(a, -1.0, 1.05)) + clamp(a, max=0.1) * clamp(a, 0.15)",
	 1,
	 {S(3, 4)}},
	{"var", make_text, "square(var(a, [0, 1]))", 1, {S(3, 4)}},
	{"var", make_text, "square(var(a, 1, False, True)) * a", 1, {S(3, 4)}},
	{"var.unbiased", make_text, "var(a, False) * a", 1, {S(3, 4)}},
	{"std.unbiased", make_text, "std(a, True) * a", 1, {S(3, 4)}},
	{"std", make_text, "square(std(a)) + std(a, 0)", 1, {S(3, 4)}},
	{"norm", make_text, "norm(a) + norm(a, 2, 1) + norm(a, 1)", 1, {S(3, 4)}},
	{"norm", make_text, "norm(a, 3, 0, True) + norm(a, inf)", 1, {S(3, 4)}},
	{"max.dim", make_text, "square(max(a, 1).values)", 1, {S(3, 4)}},
	{"min.dim", make_text, "square(min(a, 0, True).values) * a", 1, {S(3, 4)}},
	{"max", make_text, "max(a) * a", 1, {S(3, 4)}},
	{"min", make_text, "min(a) * a", 1, {S(3, 4)}},
	{"max.other", make_text, "square(max(a, b))", 2, {S(3, 4), S(4)}},
	{"min.other", make_text, "square(min(a, b))", 2, {S(3, 4), S(4)}},
	{"unbind", make_text, "square(unbind(a, 1)[0]) + exp(unbind(a)[1][1])", 1, {S(3, 4)}},
	{"cross_entropy", make_cross_entropy, "", 2, {S(4, 3), S(4)}},
	{"cross_entropy", make_cross_entropy, "", 2, {S(1, 1), S(1)}},
	{"cross_entropy", make_cross_entropy, "", 2, {S(0, 3), S(0)}},
	{"cross_entropy", make_cross_entropy_squared, "", 2, {S(4, 3), S(4)}},
	{"cross_entropy_backward", make_cross_entropy_backward, "", 4, {S(4, 3), S(4), S(4), S(4)}},
};

static void
test_ops(void)
{
	for (size_t i = 0; i < sizeof(op_cases) / sizeof(op_cases[0]); i++)
	{
		const OpCase *c = &op_cases[i];
		Input in[MAX_INPUTS] = {0};
		bool classes = strncmp(c->op, "cross", 5) == 0;
		char what[128];

		cover(c->op);
		for (int k = 0; k < c->n; k++)
		{
			in[k].shape = c->shapes[k];
			fill(&in[k], k, ANY);
			/* elements that are distinct, so that the largest stays the largest */
			for (int64_t e = 0; e < pt_shape_numel(&in[k].shape); e++)
				pool[k][e] += 0.01 * (double) e;
			if (classes && k == 1)
			{
				in[k].dtype = PT_INT64;
				in[k].values = pool[k];
				for (int64_t e = 0; e < in[k].shape.dim[0]; e++)
					pool[k][e] = draw_int((int) c->shapes[0].dim[1]);
			}
		}
		snprintf(what, sizeof(what), "%s, case %zu: %s", c->op, i, c->arg);
		check_gradient(what, in, c->n, c->make, c->arg, 1, false);
		check_gradient(what, in, c->n, c->make, c->arg, 2, false);
		check_gradient(what, in, c->n, c->make, c->arg, 1, true);
	}
}

/* ---------- shapes of graphs ---------- */

/* Values used several times, in both branches, and through a long chain. */
static void
test_graphs(void)
{
	static const char *const texts[] = {
		"a * a * a + a",
		"exp(a) * tanh(b) + exp(a) / (1 + exp(-b))",
		"sum(a * b, 0) * sum(b, 0) + amax(a * b, 0)",
		"where(a > b, a * a, b * a) - where(a < b, b, 2)",
		"softmax(a @ permute(b, [1, 0]), 1) @ a",
		"sqrt(sum(square(a - mean(a, 0, True)), 1)) * sum(b)",
		"linear(relu(linear(a, b)), permute(b, [1, 0])) * a",
		"maximum(a, a) + minimum(a, a)",
		"(a ** 2 + 1) ** 0.5 * abs(b) ** -1.5",
		"to(a > 0, float64) * a + to(a, float32) * 0",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		Input in[MAX_INPUTS] = {{.shape = *SHAPE(3, 4)}, {.shape = *SHAPE(3, 4)}};

		fill(&in[0], 0, EVEN);
		fill(&in[1], 1, ODD);
		for (int k = 0; k < 12; k++)
		{
			pool[0][k] += 0.011 * k + 0.03;
			pool[1][k] += 0.012 * k + 0.03;
		}
		check_gradient(texts[i], in, 2, make_text, texts[i], 1, false);
		if (i != 9)
			check_gradient(texts[i], in, 2, make_text, texts[i], 2, false);
	}
}

/* What depends on nothing has no gradient; gradients are of floats; y itself has gradient 1. */
static void
test_none(void)
{
	Case c;
	PtRef a, b, n, y, wrt[4], grad[4];
	PtError err = {0};
	int at;

	case_begin(&c);
	a = c.ext[case_random(&c, PT_FLOAT32, SHAPE(2), 1)];
	b = c.ext[case_random(&c, PT_FLOAT32, SHAPE(2), 1)];
	n = c.ext[case_random(&c, PT_INT64, SHAPE(2), 3)];
	y = pt_mul(c.g, a, n);
	wrt[0] = a, wrt[1] = b, wrt[2] = y, wrt[3] = a;
	CHECK(pt_gradient(c.g, y, wrt, 4, grad), "%s", c.g->error.message);
	CHECK(grad[1] == PT_NO_REF, "b has a gradient");
	CHECK(grad[0] != PT_NO_REF && grad[0] == grad[3], "a has no gradient");
	at = case_output(&c, grad[2]);
	CHECK_OK(run_case(&c, dev, NULL, 1, &err), &err);
	CHECK(at >= 0 && case_get(&c, at, 0) == 1 && case_get(&c, at, 1) == 1, "y's gradient is not 1");
	y = pt_gt(c.g, a, b);
	CHECK(!pt_gradient(c.g, y, wrt, 2, grad) && c.g->error.code == PT_ETYPE, "gradient of a bool");
	case_end(&c);
}

/* Gradients of half precision come back in half precision. */
static void
test_dtypes(void)
{
	static const PtDtype dtypes[] = {PT_FLOAT32, PT_FLOAT16, PT_BFLOAT16};

	for (size_t i = 0; i < 3; i++)
	{
		Case c;
		PtRef a, b, y, grad[2];
		PtError err = {0};
		int at[2];

		case_begin(&c);
		draw_seed(5);
		a = c.ext[case_random(&c, dtypes[i], SHAPE(3), 1)];
		b = c.ext[case_random(&c, PT_FLOAT64, SHAPE(2, 1), 1)];
		y = pt_mul(c.g, a, b);
		CHECK(pt_value(c.g, y)->dtype == PT_FLOAT64, "promotion");
		CHECK(pt_gradient(c.g, y, (PtRef[]){a, b}, 2, grad), "%s", c.g->error.message);
		CHECK(pt_value(c.g, grad[0])->dtype == dtypes[i] &&
				  pt_value(c.g, grad[1])->dtype == PT_FLOAT64,
			  "dtypes");
		at[0] = case_output(&c, grad[0]);
		at[1] = case_output(&c, grad[1]);
		CHECK_OK(run_case(&c, dev, &(PtPlanOptions){.poison = true}, 1, &err), &err);
		CHECK_CLOSE(case_get(&c, at[0], 1), case_get(&c, 1, 0) + case_get(&c, 1, 1), 0.01, 0);
		CHECK_CLOSE(case_get(&c, at[1], 1),
					case_get(&c, 0, 0) + case_get(&c, 0, 1) + case_get(&c, 0, 2), 1e-12, 1e-12);
		case_end(&c);
	}
}

static bool
takes_tensor(const PtOp *op)
{
	for (const PtParam *p = op->params; p->name != NULL; p++)
		if (p->type == PT_ARG_TENSOR || p->type == PT_ARG_TENSORS)
			return true;
	return false;
}

int
main(void)
{
	int n = 0;

	while (pt_op_at(n) != NULL)
		n++;
	covered = calloc((size_t) n, sizeof(bool));
	dev = open_device(1);
	draw_seed(1);
	for (int op = PT_S_NONE + 1; op < PT_S_END; op++)
		test_scalar((PtScalar) op);
	test_ops();
	test_graphs();
	test_none();
	test_dtypes();
	for (int i = 0; i < n; i++)
	{
		const PtOp *op = pt_op_at(i);

		/* a row without infer is its decomposition; of no tensor and past a data-dependent shape there is none */
		if ((op->gradient != NULL || op->infer == NULL) && takes_tensor(op) &&
			(op->flags & (PT_OP_RANDOM | PT_OP_DYNAMIC)) == 0) /* test_random.c, test_pieces.c */
			CHECK(covered[i], "op \"%s\" has no gradient case", op->name);
	}
	dev->type->close(dev);
	free(covered);
	return check_done();
}
