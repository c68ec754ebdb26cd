/*
 * activations.c
 *	  Functions of one element: each is a formula in the expression language.
 *
 * A formula sees x and the module's numeric arguments by name, and assigns y.  Where it could be written in
 * several ways, the one stands here whose gradient is PyTorch's at kinks, and finite where a branch that is not
 * taken overflows: expm1(where(p, 0, x)), not expm1(x) alone.
 */
#include <math.h>
#include <string.h>

#include "engine/graph/build.h"
#include "engine/nn/module.h"

typedef struct Formula
{
	const char *text;
	/* (optional) another one, if that argument is that word */
	const char *argument, *word, *other;
} Formula;

/* Formulas name at most so many values of their own. */
#define MAX_NAMES 4

static PtRef
run(PtBuild *b, const char *text, PtVar *vars, int n)
{
	if (!pt_expr_run(b->g, text, vars, &n, n + MAX_NAMES))
		return PT_NO_REF;
	while (n > 0 && strcmp(vars[n - 1].name, "y") != 0)
		n--;
	return n > 0 ? vars[n - 1].ref : pt_graph_fail(b->g, PT_EINTERNAL, "a formula gives no y");
}

static PtRef
build(PtBuild *b, const PtModule *m, const PtRef *in)
{
	const Formula *f = m->type->variant;
	PtVar vars[1 + PT_MAX_ARGS + MAX_NAMES] = {{"x", in[0]}};
	int n = 1;

	for (int i = 0; i < m->args->count; i++)
		if (m->type->params[i].type == PT_ARG_REAL)
		{
			const char *name = m->type->params[i].name;

			vars[n++] = (PtVar){name, pt_real(b->g, pt_args_real(m->args, name))};
		}
	if (f->other != NULL && strcmp(pt_args_word(m->args, f->argument), f->word) == 0)
		return run(b, f->other, vars, n);
	return run(b, f->text, vars, n);
}

/* ---------- Hardtanh: its bounds have older names, too ---------- */

static void
hardtanh_bounds(const PtModule *m, double *low, double *high)
{
	*low = pt_args_real(m->args, pt_args_is_none(m->args, "min_value") ? "min_val" : "min_value");
	*high = pt_args_real(m->args, pt_args_is_none(m->args, "max_value") ? "max_val" : "max_value");
}

static bool
check_hardtanh(const PtModule *m, PtError *err)
{
	double low, high;

	hardtanh_bounds(m, &low, &high);
	return low < high ||
		   pt_fail(err, PT_EINVAL, "nn.Hardtanh expects min_val less than max_val, not %g and %g",
				   low, high);
}

static PtRef
build_hardtanh(PtBuild *b, const PtModule *m, const PtRef *in)
{
	PtVar vars[3 + MAX_NAMES] = {{"x", in[0]}};
	double low, high;

	hardtanh_bounds(m, &low, &high);
	vars[1] = (PtVar){"low", pt_real(b->g, low)};
	vars[2] = (PtVar){"high", pt_real(b->g, high)};
	return run(b, ((const Formula *) m->type->variant)->text, vars, 3);
}

static bool
check_celu(const PtModule *m, PtError *err)
{
	return pt_args_real(m->args, "alpha") != 0 ||
		   pt_fail(err, PT_EINVAL, "argument \"alpha\" of nn.CELU must not be 0");
}

/* ---------- the rows ---------- */

#define INPLACE                \
	{                          \
		"inplace", PT_ARG_BOOL \
	}
#define NUMBER(name, default_)              \
	{                                       \
		name, PT_ARG_REAL, .init = default_ \
	}
#define PARAMS(...)             \
	.params = (const PtParam[]) \
	{                           \
		__VA_ARGS__,            \
		{                       \
			NULL                \
		}                       \
	}
#define NO_PARAMS               \
	.params = (const PtParam[]) \
	{                           \
		{                       \
			NULL                \
		}                       \
	}
#define FORMULA(...)            \
	.variant = &(const Formula) \
	{                           \
		__VA_ARGS__             \
	}
#define ROW(name_, doc_) .name = name_, .doc = doc_, .build = build

/* Under autocast: one op, or several of them in PyTorch, too.  The others round once, at their end. */
#define COMPOSED .casting = PT_CAST_NONE

static const char *const approximations[] = {"none", "tanh", NULL};

const PtModuleType pt_activations_modules[] = {
	{ROW("ReLU", "max(x, 0) of each element. inplace has no effect on results."), PARAMS(INPLACE),
	 COMPOSED, FORMULA("y = relu(x)")},
	{ROW("ReLU6", "min(max(x, 0), 6) of each element. inplace has no effect on results."),
	 PARAMS(INPLACE), FORMULA("y = where(x <= 0, 0, where(x >= 6, 6, x))")},
	{ROW("LeakyReLU",
		 "x if it is positive, else negative_slope x. inplace has no effect on results."),
	 PARAMS(NUMBER("negative_slope", 0.01), INPLACE),
	 FORMULA("y = where(x > 0, x, x * negative_slope)")},
	{ROW("ELU", "x if it is positive, else alpha (exp(x) - 1). inplace has no effect on results."),
	 PARAMS(NUMBER("alpha", 1), INPLACE),
	 FORMULA("p = x > 0; y = where(p, x, alpha * expm1(where(p, 0, x)))")},
	{ROW("SELU",
		 "Scaled ELU, which keeps mean 0 and variance 1 from layer to layer. inplace has no effect "
		 "on results."),
	 PARAMS(INPLACE),
	 FORMULA("p = x > 0; y = where(p, 1.0507009873554805 * x,"
			 " 1.0507009873554805 * 1.6732632423543772 * expm1(where(p, 0, x)))")},
	{ROW("CELU",
		 "max(0, x) + min(0, alpha (exp(x / alpha) - 1)). inplace has no effect on results."),
	 PARAMS(NUMBER("alpha", 1), INPLACE), .check = check_celu,
	 FORMULA("p = x > 0; y = where(p, x, alpha * expm1(where(p, 0, x / alpha)))")},
	{ROW("GELU", "x times the normal distribution function of x; approximate may be \"tanh\"."),
	 PARAMS({"approximate", PT_ARG_WORD, .text = "none", .words = approximations}),
	 FORMULA("y = x * 0.5 * (1 + erf(x * 0.7071067811865476))", "approximate", "tanh",
			 "y = 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))")},
	{ROW("SiLU", "x sigmoid(x), also known as swish. inplace has no effect on results."),
	 PARAMS(INPLACE), FORMULA("y = x * sigmoid(x)")},
	{ROW("Mish", "x tanh(softplus(x)). inplace has no effect on results."), PARAMS(INPLACE),
	 FORMULA("y = x * tanh(logaddexp(x, 0.0))")},
	{ROW("Sigmoid", "1 / (1 + exp(-x)) of each element."), NO_PARAMS, COMPOSED,
	 FORMULA("y = sigmoid(x)")},
	{ROW("LogSigmoid", "log(1 / (1 + exp(-x))) of each element."), NO_PARAMS,
	 FORMULA("y = -logaddexp(-x, 0.0)")},
	{ROW("Tanh", "Hyperbolic tangent of each element."), NO_PARAMS, COMPOSED,
	 FORMULA("y = tanh(x)")},
	{ROW("Softplus", "log(1 + exp(beta x)) / beta; x itself where beta x is above threshold."),
	 PARAMS(NUMBER("beta", 1), NUMBER("threshold", 20)), .casting = PT_CAST_FULL,
	 FORMULA("z = x * beta; y = where(z > threshold, x, logaddexp(z, 0.0) / beta)")},
	{ROW("Softsign", "x / (1 + |x|) of each element."), NO_PARAMS, COMPOSED,
	 FORMULA("y = x / (1 + abs(x))")},
	{.name = "Hardtanh",
	 .doc = "x kept between min_val and max_val (min_value and max_value are their older names). "
			"inplace has no effect on results.",
	 .build = build_hardtanh,
	 .check = check_hardtanh,
	 PARAMS(NUMBER("min_val", -1), NUMBER("max_val", 1), INPLACE,
			{"min_value", PT_ARG_REAL, .init_none = true},
			{"max_value", PT_ARG_REAL, .init_none = true}),
	 FORMULA("y = where(x <= low, low, where(x >= high, high, x))")},
	{ROW("Hardsigmoid",
		 "min(max(x + 3, 0), 6) / 6 of each element. inplace has no effect on results."),
	 PARAMS(INPLACE), FORMULA("y = where(x <= -3, 0, where(x >= 3, 1, (x + 3) / 6))")},
	{ROW("Hardswish",
		 "x min(max(x + 3, 0), 6) / 6 of each element. inplace has no effect on results."),
	 PARAMS(INPLACE), FORMULA("y = x * where(x <= -3, 0, where(x < 3, x + 3, 6)) / 6")},
	{ROW("Hardshrink", "0 between -lambd and lambd, x elsewhere."), PARAMS(NUMBER("lambd", 0.5)),
	 FORMULA("y = where(abs(x) <= lambd, 0, x)")},
	{ROW("Softshrink", "x moved toward 0 by lambd, 0 between -lambd and lambd."),
	 PARAMS({"lambd", PT_ARG_REAL, .init = 0.5, .bounded = true, .min = 0, .max = INFINITY}),
	 FORMULA("y = where(abs(x) <= lambd, x * 0, x - where(x > 0, lambd, -lambd))")},
	{ROW("Tanhshrink", "x - tanh(x) of each element."), NO_PARAMS, COMPOSED,
	 FORMULA("y = x - tanh(x)")},
	{ROW("Threshold",
		 "x if it is greater than threshold, else value. inplace has no effect on results."),
	 PARAMS({"threshold", PT_ARG_REAL, .required = true}, {"value", PT_ARG_REAL, .required = true},
			INPLACE),
	 FORMULA("y = where(x <= threshold, value, x)")},
	{NULL},
};
