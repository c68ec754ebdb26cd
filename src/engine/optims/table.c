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
#include <string.h>

#include "engine/fold.h"

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

/* What nearly all have first: gradients to be maximized, and weight decay as an L2 penalty. */
static bool
begin(const PtArgs *args, char *buf, size_t size)
{
	buf[0] = '\0';
	return (!pt_args_bool(args, "maximize") || add(buf, size, "g = -g")) &&
		   (pt_args_real(args, "weight_decay") == 0 || add(buf, size, "g = g + weight_decay * p"));
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

/* ---------- SGD ---------- */

static bool
check_sgd(const PtArgs *args, PtError *err)
{
	if (pt_args_bool(args, "nesterov") &&
		(pt_args_real(args, "momentum") <= 0 || pt_args_real(args, "dampening") != 0))
		return pt_fail(err, PT_EINVAL, "nesterov momentum requires a momentum and zero dampening");
	return true;
}

/* The first step takes the gradient whole, without dampening. */
static bool
rule_sgd(const PtArgs *args, char *buf, size_t size)
{
	bool ok = begin(args, buf, size);

	if (pt_args_real(args, "momentum") != 0)
	{
		if (pt_args_real(args, "dampening") == 0)
			ok = ok && add(buf, size, "momentum_buffer = momentum * momentum_buffer + g");
		else
			ok =
				ok &&
				add(buf, size,
					"momentum_buffer = where(t == 1, g, momentum * momentum_buffer + (1 - dampening) * g)");
		ok = ok && add(buf, size,
					   pt_args_bool(args, "nesterov") ? "g = g + momentum * momentum_buffer"
													  : "g = momentum_buffer");
	}
	return ok && add(buf, size, "p = p - lr * g");
}

static const PtParam params_sgd[] = {
	{"lr", PT_ARG_REAL, .required = true, NOT_NEGATIVE},
	{"momentum", PT_ARG_REAL, NOT_NEGATIVE},
	{"dampening", PT_ARG_REAL},
	{"weight_decay", PT_ARG_REAL, NOT_NEGATIVE},
	{"nesterov", PT_ARG_BOOL},
	{"maximize", PT_ARG_BOOL},
	{NULL},
};

static const char *const slots_sgd[] = {"momentum_buffer", NULL};

static const PtOptimType sgd = {
	.name = "SGD",
	.doc = "Stochastic gradient descent, optionally with momentum.",
	.params = params_sgd,
	.slots = slots_sgd,
	.check = check_sgd,
	.rule = rule_sgd,
};

/* ---------- Adam ---------- */

/* eps outside the root; amsgrad keeps the maximum of the raw second moments. */
static bool
rule_adam(const PtArgs *args, char *buf, size_t size)
{
	bool amsgrad = pt_args_bool(args, "amsgrad");

	return begin(args, buf, size) &&
		   add(buf, size, "exp_avg = beta1 * exp_avg + (1 - beta1) * g") &&
		   add(buf, size, "exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * g * g") &&
		   (!amsgrad || add(buf, size, "max_exp_avg_sq = maximum(max_exp_avg_sq, exp_avg_sq)")) &&
		   add(buf, size, "step_size = lr / (1 - beta1 ** t)") &&
		   add(buf, size, "root = sqrt(1 - beta2 ** t)") &&
		   add(buf, size,
			   amsgrad ? "denom = sqrt(max_exp_avg_sq) / root + eps"
					   : "denom = sqrt(exp_avg_sq) / root + eps") &&
		   add(buf, size, "p = p - step_size * exp_avg / denom");
}

static const PtParam params_adam[] = {
	{"lr", PT_ARG_REAL, .init = 1e-3, NOT_NEGATIVE},
	{"betas", PT_ARG_REALS, .text = "(0.9, 0.999)"},
	{"eps", PT_ARG_REAL, .init = 1e-8, NOT_NEGATIVE},
	{"weight_decay", PT_ARG_REAL, NOT_NEGATIVE},
	{"amsgrad", PT_ARG_BOOL},
	{"maximize", PT_ARG_BOOL},
	{NULL},
};

static const char *const slots_adam[] = {"exp_avg", "exp_avg_sq", "max_exp_avg_sq", NULL};

static const PtOptimType adam = {
	.name = "Adam",
	.doc = "Adam: steps scaled by running averages of the gradients and of their squares.",
	.params = params_adam,
	.slots = slots_adam,
	.check = check_betas,
	.rule = rule_adam,
};

const PtOptimType *const pt_optim_types[] = {&sgd, &adam, NULL};
