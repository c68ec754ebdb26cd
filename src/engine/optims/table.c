/*
 * table.c
 *	  All optimizers: arguments, state, and the update rule in the order of operations of PyTorch's
 *	  single-tensor implementations.
 *
 * A rule is joined from statements, of which some depend on the arguments: an optimizer without
 * momentum has no momentum buffer.  A slot belongs to an instance if its rule assigns it.
 */
#include "engine/optims/table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Appends a statement; false when buf is full. */
static bool
add(char *buf, size_t size, const char *statement)
{
	size_t used = strlen(buf);
	size_t n = strlen(statement);

	if (used + n + 3 > size)
		return false;
	if (used > 0)
	{
		memcpy(buf + used, "; ", 3);
		used += 2;
	}
	memcpy(buf + used, statement, n + 1);
	return true;
}

/*
 * What nearly all have first: gradients to be maximized, and weight decay, as an L2 penalty in the
 * gradient, or decoupled: apart from the gradient, it shrinks the parameters themselves.
 */
static bool
begin(const PtArgs *args, bool decoupled, char *buf, size_t size)
{
	bool decays = pt_args_get(args, "weight_decay") && pt_args_real(args, "weight_decay") != 0;

	buf[0] = '\0';
	return (!pt_args_bool(args, "maximize") || add(buf, size, "g = -g")) &&
		   (!decays || add(buf, size,
						   decoupled || pt_args_bool(args, "decoupled_weight_decay")
							   ? "p = p * (1 - lr * weight_decay)"
							   : "g = g + weight_decay * p"));
}

/* begin, then one text: what most rules are. */
static bool
simple(const PtArgs *args, char *buf, size_t size, const char *statements)
{
	return begin(args, false, buf, size) && add(buf, size, statements);
}

/*
 * A running average of g that keeps as much of itself as the argument decay says: PyTorch's lerp, which
 * starts from the nearer end.  value: the argument's, unless it changes from step to step (NAN).
 */
static bool
add_average(char *buf, size_t size, const char *average, const char *decay, double value)
{
	char near[80], far[80], text[240];

	snprintf(near, sizeof(near), "%s + (1 - %s) * (g - %s)", average, decay, average);
	snprintf(far, sizeof(far), "g - %s * (g - %s)", decay, average);
	if (isnan(value))
		snprintf(text, sizeof(text), "%s = where(%s > 0.5, %s, %s)", average, decay, near, far);
	else
		snprintf(text, sizeof(text), "%s = %s", average, fabs(1 - value) < 0.5 ? near : far);
	return add(buf, size, text);
}

static bool
add_momentum(const PtOptimizer *o, char *buf, size_t size)
{
	return add_average(buf, size, "exp_avg", "beta1",
					   o->cycled ? NAN : pt_args_get(o->args, "betas")->reals[0]);
}

/* The running averages of g and of its square. */
static bool
add_moments(const PtOptimizer *o, char *buf, size_t size)
{
	return add_momentum(o, buf, size) &&
		   add(buf, size, "exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * g * g");
}

/* 0 <= beta < 1 of each */
static bool
check_betas(const PtArgs *args, PtError *err)
{
	const PtValue *v = pt_args_get(args, "betas");
	char text[PT_REAL_TEXT];

	for (int i = 0; i < v->count; i++)
		if (!(v->reals[i] >= 0 && v->reals[i] < 1))
			return pt_fail(
				err, PT_EINVAL,
				"invalid beta parameter at index %d: it must be at least 0 and less than 1, not %s",
				i, pt_real_print(v->reals[i], text));
	return true;
}

#define NOT_NEGATIVE .bounded = true, .min = 0, .max = INFINITY

/* Arguments that several have. */
#define LR(value)                                      \
	{                                                  \
		"lr", PT_ARG_REAL, .init = value, NOT_NEGATIVE \
	}
#define BETAS                                         \
	{                                                 \
		"betas", PT_ARG_REALS, .text = "(0.9, 0.999)" \
	}
#define EPS(value)                                      \
	{                                                   \
		"eps", PT_ARG_REAL, .init = value, NOT_NEGATIVE \
	}
#define WEIGHT_DECAY(value)                                      \
	{                                                            \
		"weight_decay", PT_ARG_REAL, .init = value, NOT_NEGATIVE \
	}
#define MAXIMIZE                                 \
	{                                            \
		"maximize", PT_ARG_BOOL, .keyword = true \
	}

/* ---------- SGD ---------- */

static bool
check_sgd(const PtArgs *args, PtError *err)
{
	if (pt_args_bool(args, "nesterov") &&
		(pt_args_real(args, "momentum") <= 0 || pt_args_real(args, "dampening") != 0))
		return pt_fail(err, PT_EINVAL, "nesterov momentum requires a momentum and zero dampening");
	return true;
}

/*
 * The first step takes the gradient whole, without dampening.  A momentum that is cycled may come to
 * 0, and then leaves the buffer as it is.
 */
static bool
rule_sgd(const PtOptimizer *o, char *buf, size_t size)
{
	const PtArgs *args = o->args;
	bool ok = begin(args, false, buf, size);

	if (o->cycled || pt_args_real(args, "momentum") != 0)
	{
		ok =
			ok &&
			add(buf, size,
				pt_args_real(args, "dampening") == 0
					? "moved = momentum * momentum_buffer + g"
					: "moved = where(t == 1, g, momentum * momentum_buffer + (1 - dampening) * g)");
		ok = ok && add(buf, size,
					   o->cycled ? "momentum_buffer = where(momentum == 0, momentum_buffer, moved)"
								 : "momentum_buffer = moved");
		if (o->cycled)
			ok = ok && add(buf, size, "moved = where(momentum == 0, g, moved)");
		ok = ok && add(buf, size,
					   pt_args_bool(args, "nesterov") ? "g = g + momentum * moved" : "g = moved");
	}
	return ok && add(buf, size, "p = p - lr * g");
}

/* ---------- Adam and AdamW ---------- */

/* eps outside the root; amsgrad keeps the maximum of the raw second moments. */
static bool
add_adam(const PtOptimizer *o, bool decoupled, char *buf, size_t size)
{
	bool amsgrad = pt_args_bool(o->args, "amsgrad");

	return begin(o->args, decoupled, buf, size) && add_moments(o, buf, size) &&
		   (!amsgrad || add(buf, size, "max_exp_avg_sq = maximum(max_exp_avg_sq, exp_avg_sq)")) &&
		   add(buf, size, "step_size = lr / (1 - beta1 ** t)") &&
		   add(buf, size, "root = sqrt(1 - beta2 ** t)") &&
		   add(buf, size,
			   amsgrad ? "denom = sqrt(max_exp_avg_sq) / root + eps"
					   : "denom = sqrt(exp_avg_sq) / root + eps") &&
		   add(buf, size, "p = p - step_size * exp_avg / denom");
}

static bool
rule_adam(const PtOptimizer *o, char *buf, size_t size)
{
	return add_adam(o, false, buf, size);
}

static bool
rule_adamw(const PtOptimizer *o, char *buf, size_t size)
{
	return add_adam(o, true, buf, size);
}

static const PtOptimSlot slots_adam[] = {{"exp_avg"}, {"exp_avg_sq"}, {"max_exp_avg_sq"}, {NULL}};

/* ---------- RMSprop ---------- */

static bool
rule_rmsprop(const PtOptimizer *o, char *buf, size_t size)
{
	const PtArgs *args = o->args;
	bool centered = pt_args_bool(args, "centered");
	bool ok = begin(args, false, buf, size);

	ok = ok && add(buf, size, "square_avg = alpha * square_avg + (1 - alpha) * g * g");
	if (centered)
		ok = ok && add_average(buf, size, "grad_avg", "alpha", pt_args_real(args, "alpha"));
	ok = ok && add(buf, size,
				   centered ? "avg = sqrt(square_avg - grad_avg * grad_avg) + eps"
							: "avg = sqrt(square_avg) + eps");
	if (o->cycled)
		ok = ok && add(buf, size,
					   "moved = momentum * momentum_buffer + g / avg; "
					   "momentum_buffer = where(momentum > 0, moved, momentum_buffer); "
					   "p = p - lr * where(momentum > 0, moved, g / avg)");
	else if (pt_args_real(args, "momentum") > 0)
		ok = ok && add(buf, size,
					   "momentum_buffer = momentum * momentum_buffer + g / avg; "
					   "p = p - lr * momentum_buffer");
	else
		ok = ok && add(buf, size, "p = p - lr * g / avg");
	return ok;
}

/* ---------- Adagrad, Adadelta ---------- */

static bool
rule_adagrad(const PtOptimizer *o, char *buf, size_t size)
{
	return simple(o->args, buf, size,
				  "clr = lr / (1 + (t - 1) * lr_decay); "
				  "sum = sum + g * g; "
				  "p = p - clr * g / (sqrt(sum) + eps)");
}

static bool
rule_adadelta(const PtOptimizer *o, char *buf, size_t size)
{
	return simple(o->args, buf, size,
				  "square_avg = rho * square_avg + (1 - rho) * g * g; "
				  "delta = sqrt(acc_delta + eps) / sqrt(square_avg + eps) * g; "
				  "acc_delta = rho * acc_delta + (1 - rho) * delta * delta; "
				  "p = p - lr * delta");
}

/* ---------- Adamax, NAdam, RAdam ---------- */

static bool
rule_adamax(const PtOptimizer *o, char *buf, size_t size)
{
	return begin(o->args, false, buf, size) && add_momentum(o, buf, size) &&
		   add(buf, size,
			   "exp_inf = maximum(beta2 * exp_inf, abs(g) + eps); "
			   "clr = lr / (1 - beta1 ** t); "
			   "p = p - clr * exp_avg / exp_inf");
}

/* The product of all mu is a float32 in PyTorch. */
static bool
rule_nadam(const PtOptimizer *o, char *buf, size_t size)
{
	return begin(o->args, false, buf, size) && add_moments(o, buf, size) &&
		   add(buf, size,
			   "mu = beta1 * (1 - 0.5 * 0.96 ** (t * momentum_decay)); "
			   "mu_next = beta1 * (1 - 0.5 * 0.96 ** ((t + 1) * momentum_decay)); "
			   "mu_product = to(to(mu_product, 'float32') * to(mu, 'float32'), 'float64'); "
			   "denom = sqrt(exp_avg_sq / (1 - beta2 ** t)) + eps; "
			   "of_g = lr * (1 - mu) / (1 - mu_product); "
			   "of_avg = lr * mu_next / (1 - mu_product * mu_next); "
			   "p = p - of_g * g / denom - of_avg * exp_avg / denom");
}

/* The variance is rectified once enough steps are known (rho_t > 5); before, steps are momentum's. */
static bool
rule_radam(const PtOptimizer *o, char *buf, size_t size)
{
	return begin(o->args, false, buf, size) && add_moments(o, buf, size) &&
		   add(buf, size,
			   "bias1 = 1 - beta1 ** t; "
			   "bias2 = 1 - beta2 ** t; "
			   "rho_inf = 2 / (1 - beta2) - 1; "
			   "rho = rho_inf - 2 * t * beta2 ** t / bias2; "
			   "rect = sqrt((rho - 4) * (rho - 2) * rho_inf / ((rho_inf - 4) * (rho_inf - 2) * rho)); "
			   "root = sqrt(bias2); "
			   "step = exp_avg / bias1 * lr; "
			   "p = p - where(rho > 5, step * (root / (sqrt(exp_avg_sq) + eps)) * rect, step)");
}

/* ---------- Rprop ---------- */

static bool
check_rprop(const PtArgs *args, PtError *err)
{
	const PtValue *v = pt_args_get(args, "etas");
	char minus[PT_REAL_TEXT], plus[PT_REAL_TEXT];

	if (!(v->reals[0] > 0 && v->reals[0] < 1 && v->reals[1] > 1))
		return pt_fail(
			err, PT_EINVAL,
			"invalid eta values %s, %s: the first must be between 0 and 1, the second over 1",
			pt_real_print(v->reals[0], minus), pt_real_print(v->reals[1], plus));
	return true;
}

/* A step whose gradient changed its sign is not taken, and its gradient not remembered. */
static bool
rule_rprop(const PtOptimizer *o, char *buf, size_t size)
{
	return simple(o->args, buf, size,
				  "same = g * prev; "
				  "factor = where(same > 0, eta2, where(same < 0, eta1, 1.0)); "
				  "step_size = minimum(maximum(step_size * factor, step_size1), step_size2); "
				  "prev = where(same < 0, 0.0, g); "
				  "p = p - sign(prev) * step_size");
}

/* ---------- ASGD ---------- */

/* The average ax is kept as PyTorch keeps it; the trained parameters do not depend on it. */
static bool
rule_asgd(const PtOptimizer *o, char *buf, size_t size)
{
	return simple(o->args, buf, size,
				  "p = p * (1 - lambd * eta) - eta * g; "
				  "ax = where(mu == 1, p, ax + (p - ax) * mu); "
				  "eta = lr / (1 + lambd * lr * t) ** alpha; "
				  "mu = 1 / maximum(1, t - t0)");
}

const PtOptimType pt_optim_types[] = {
	{
		.name = "SGD",
		.doc = "Stochastic gradient descent, optionally with momentum.",
		.params =
			(const PtParam[]){
				LR(1e-3),
				{"momentum", PT_ARG_REAL, NOT_NEGATIVE},
				{"dampening", PT_ARG_REAL},
				WEIGHT_DECAY(0),
				{"nesterov", PT_ARG_BOOL},
				MAXIMIZE,
				{NULL},
			},
		.slots = (const PtOptimSlot[]){{"momentum_buffer"}, {NULL}},
		.check = check_sgd,
		.rule = rule_sgd,
	},
	{
		.name = "Adam",
		.doc = "Adam: steps scaled by running averages of the gradients and of their squares.",
		.params = (const PtParam[]){LR(1e-3),
									BETAS,
									EPS(1e-8),
									WEIGHT_DECAY(0),
									{"amsgrad", PT_ARG_BOOL},
									MAXIMIZE,
									{"decoupled_weight_decay", PT_ARG_BOOL, .keyword = true},
									{NULL}},
		.slots = slots_adam,
		.check = check_betas,
		.rule = rule_adam,
	},
	{
		.name = "AdamW",
		.doc = "Adam with weight decay apart from the gradient.",
		.params = (const PtParam[]){LR(1e-3),
									BETAS,
									EPS(1e-8),
									WEIGHT_DECAY(1e-2),
									{"amsgrad", PT_ARG_BOOL},
									MAXIMIZE,
									{NULL}},
		.slots = slots_adam,
		.check = check_betas,
		.rule = rule_adamw,
	},
	{
		.name = "RMSprop",
		.doc = "Steps scaled by a running average of the gradients' squares.",
		.params =
			(const PtParam[]){
				LR(1e-2),
				{"alpha", PT_ARG_REAL, .init = 0.99, NOT_NEGATIVE},
				EPS(1e-8),
				WEIGHT_DECAY(0),
				{"momentum", PT_ARG_REAL, NOT_NEGATIVE},
				{"centered", PT_ARG_BOOL},
				MAXIMIZE,
				{NULL},
			},
		.slots = (const PtOptimSlot[]){{"square_avg"}, {"grad_avg"}, {"momentum_buffer"}, {NULL}},
		.rule = rule_rmsprop,
	},
	{
		.name = "Adagrad",
		.doc = "Steps scaled by the root of the sum of all squared gradients so far.",
		.params =
			(const PtParam[]){
				LR(1e-2),
				{"lr_decay", PT_ARG_REAL, NOT_NEGATIVE},
				WEIGHT_DECAY(0),
				{"initial_accumulator_value", PT_ARG_REAL, NOT_NEGATIVE},
				EPS(1e-10),
				MAXIMIZE,
				{NULL},
			},
		.slots = (const PtOptimSlot[]){{"sum", .initial = "initial_accumulator_value"}, {NULL}},
		.rule = rule_adagrad,
	},
	{
		.name = "Adadelta",
		.doc = "Steps scaled by running averages of squared gradients and of squared updates.",
		.params =
			(const PtParam[]){
				LR(1.0),
				{"rho", PT_ARG_REAL, .init = 0.9, .bounded = true, .min = 0, .max = 1},
				EPS(1e-6),
				WEIGHT_DECAY(0),
				MAXIMIZE,
				{NULL},
			},
		.slots = (const PtOptimSlot[]){{"square_avg"}, {"acc_delta"}, {NULL}},
		.rule = rule_adadelta,
	},
	{
		.name = "Adamax",
		.doc =
			"Adam with the largest gradient so far, fading, in place of the root of the squares' average.",
		.params = (const PtParam[]){LR(2e-3), BETAS, EPS(1e-8), WEIGHT_DECAY(0), MAXIMIZE, {NULL}},
		.slots = (const PtOptimSlot[]){{"exp_avg"}, {"exp_inf"}, {NULL}},
		.check = check_betas,
		.rule = rule_adamax,
	},
	{
		.name = "NAdam",
		.doc = "Adam with Nesterov momentum.",
		.params =
			(const PtParam[]){
				LR(2e-3),
				BETAS,
				EPS(1e-8),
				WEIGHT_DECAY(0),
				{"momentum_decay", PT_ARG_REAL, .init = 4e-3, NOT_NEGATIVE},
				{"decoupled_weight_decay", PT_ARG_BOOL},
				MAXIMIZE,
				{NULL},
			},
		.slots = (const PtOptimSlot[]){{"exp_avg"},
									   {"exp_avg_sq"},
									   {"mu_product", .scalar = true, .init = 1},
									   {NULL}},
		.check = check_betas,
		.rule = rule_nadam,
	},
	{
		.name = "RAdam",
		.doc = "Adam whose first steps are held back until the variance of its scale is known.",
		.params = (const PtParam[]){LR(1e-3),
									BETAS,
									EPS(1e-8),
									WEIGHT_DECAY(0),
									{"decoupled_weight_decay", PT_ARG_BOOL},
									MAXIMIZE,
									{NULL}},
		.slots = (const PtOptimSlot[]){{"exp_avg"}, {"exp_avg_sq"}, {NULL}},
		.check = check_betas,
		.rule = rule_radam,
	},
	{
		.name = "Rprop",
		.doc =
			"Resilient backpropagation: a step size of its own for each parameter, by the signs of the gradients alone.",
		.params =
			(const PtParam[]){
				LR(1e-2),
				{"etas", PT_ARG_REALS, .text = "(0.5, 1.2)"},
				{"step_sizes", PT_ARG_REALS, .text = "(1e-06, 50.0)"},
				MAXIMIZE,
				{NULL},
			},
		.slots = (const PtOptimSlot[]){{"prev"}, {"step_size", .initial = "lr"}, {NULL}},
		.check = check_rprop,
		.rule = rule_rprop,
	},
	{
		.name = "ASGD",
		.doc = "Averaged stochastic gradient descent.",
		.params =
			(const PtParam[]){
				LR(1e-2),
				{"lambd", PT_ARG_REAL, .init = 1e-4},
				{"alpha", PT_ARG_REAL, .init = 0.75},
				{"t0", PT_ARG_REAL, .init = 1e6},
				WEIGHT_DECAY(0),
				MAXIMIZE,
				{NULL},
			},
		.slots =
			(const PtOptimSlot[]){
				{"ax"},
				{"eta", .scalar = true, .initial = "lr"},
				{"mu", .scalar = true, .init = 1},
				{NULL},
			},
		.rule = rule_asgd,
	},
	{NULL},
};
