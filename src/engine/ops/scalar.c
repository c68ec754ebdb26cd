/*
 * scalar.c
 *	  The scalar ops of scalar.def as rows of the op table.
 *
 * Their inputs broadcast, their dtype is PyTorch's promotion, their gradients are the texts of
 * scalar.def, built through the expression language.
 */
#include <string.h>

#include "engine/graph/build.h"
#include "engine/graph/graph.h"

typedef enum Rule
{
	FLOAT,
	SAME,
	BOOL
} Rule;

typedef struct ScalarRow
{
	int arity;
	Rule rule;
	const char *gradient[3]; /* of each operand; "NONE" */
} ScalarRow;

static const ScalarRow rows[] = {
#define PT_UNARY(name, rule, ints, f, da, doc) [PT_S_##name] = {1, rule, {#da, "NONE", "NONE"}},
#define PT_BINARY(name, rule, ints, f, da, db, doc) [PT_S_##name] = {2, rule, {#da, #db, "NONE"}},
#define PT_TERNARY(name, rule, ints, f, da, db, dc, doc) [PT_S_##name] = {3, rule, {#da, #db, #dc}},
#include "engine/ops/scalar.def"
};

int
pt_scalar_arity(PtScalar scalar)
{
	return scalar < PT_S_END ? rows[scalar].arity : scalar == PT_S_philox ? 2 : 1;
}

/* The condition of where is no part of promotion. */
static int
first_promoted(PtScalar scalar)
{
	return scalar == PT_S_where ? 1 : 0;
}

PtDtype
pt_scalar_dtype(const PtGraph *g, const PtNode *node)
{
	int first = first_promoted(node->op->scalar);
	PtDtype dtype = pt_result_type(g, node->in + first, node->nin - first);

	if (rows[node->op->scalar].rule == FLOAT && !pt_dtype_is_float(dtype))
		return PT_FLOAT32;
	if (node->op->scalar == PT_S_square && dtype == PT_BOOL)
		return PT_INT64; /* to the power of a Python number */
	return dtype;
}

/* Arithmetic that PyTorch has for numbers but not for truth values. */
static bool
refuses_bool(PtScalar op)
{
	return op == PT_S_neg || op == PT_S_remainder || op == PT_S_floor_divide || op == PT_S_pow ||
		   op == PT_S_abs || op == PT_S_relu || op == PT_S_floor || op == PT_S_ceil ||
		   op == PT_S_round || op == PT_S_trunc;
}

/* Is every integer operand that is a number a value of the result's integer dtype?  add and its like wrap instead. */
static bool
numbers_fit(PtGraph *g, const PtNode *node, PtDtype dtype)
{
	int bits = (int) pt_dtype_size(dtype) * 8;
	int64_t most = (int64_t) (UINT64_MAX >> (dtype == PT_UINT8 ? 64 - bits : 65 - bits));

	for (int i = first_promoted(node->op->scalar); i < node->nin; i++)
	{
		const PtGraphValue *v = pt_value(g, node->in[i]);

		if (v->role != PT_ROLE_NUMBER || v->dtype == PT_BOOL ||
			(v->integer <= most && v->integer >= -most - 1))
			continue;
		return pt_graph_fail(g, PT_ERANGE, "%s: value %lld is out of range for dtype %s",
							 node->op->name, (long long) v->integer, pt_dtype_name(dtype));
	}
	return true;
}

/*
 * 0-d operands of a larger result are converted once, not with every element.  A truth value stays as
 * it is: programs convert those for nothing.
 */
static void
convert_scalars(PtGraph *g, PtNode *node, PtDtype dtype)
{
	for (int i = 0; i < node->nin; i++)
	{
		const PtGraphValue *v = pt_value(g, node->in[i]);

		if (v->role != PT_ROLE_NUMBER && v->shape.ndim == 0 && v->dtype != dtype &&
			v->dtype != PT_BOOL)
			node->in[i] = pt_cast(g, node->in[i], dtype);
	}
}

static bool
infer(PtGraph *g, PtNode *node, PtTensorType *out)
{
	PtScalar op = node->op->scalar;
	PtDtype dtype = pt_scalar_dtype(g, node);
	PtError err;

	for (int i = 0; i < node->nin; i++)
	{
		PtShape shape;

		if (i == 0)
		{
			out->shape = pt_value(g, node->in[0])->shape;
			continue;
		}
		if (!pt_shape_broadcast(&out->shape, &pt_value(g, node->in[i])->shape, &shape, &err))
			return pt_graph_fail(g, err.code, "%s: %s", node->op->name, err.message);
		out->shape = shape;
	}
	if (dtype == PT_BOOL && refuses_bool(op))
	{
		pt_graph_fail(g, PT_ETYPE, "%s does not support bool tensors", node->op->name);
		if (op == PT_S_neg)
			pt_hint(&g->error, "Use torch.logical_not.");
		return false;
	}
	if (op == PT_S_sub &&
		(pt_value(g, node->in[0])->dtype == PT_BOOL || pt_value(g, node->in[1])->dtype == PT_BOOL))
	{
		pt_graph_fail(g, PT_ETYPE, "sub does not support bool operands");
		return pt_hint(
			&g->error,
			"Use torch.logical_not, torch.ne for a difference, or convert with torch.to.");
	}
	if (op == PT_S_pow && !pt_dtype_is_float(dtype))
	{
		const PtGraphValue *b = pt_value(g, node->in[1]);

		if (b->role == PT_ROLE_NUMBER && b->integer < 0)
			return pt_graph_fail(g, PT_EINVAL,
								 "integers to negative integer powers are not allowed");
	}
	if ((op == PT_S_pow || op == PT_S_where) && pt_dtype_is_int(dtype) &&
		!numbers_fit(g, node, dtype))
		return false;
	if (op == PT_S_where && pt_value(g, node->in[0])->dtype != PT_BOOL)
		return pt_graph_fail(g, PT_ETYPE, "where expects a condition of dtype bool, not %s",
							 pt_dtype_name(pt_value(g, node->in[0])->dtype));
	out->dtype = rows[op].rule == BOOL ? PT_BOOL : dtype;
	if (out->shape.ndim > 0)
		convert_scalars(g, node, dtype);
	return true;
}

static bool
gradient(PtGraph *g, const PtNode *node, const PtRef *gout, const bool *want, PtRef *grad)
{
	static const char *const names[] = {"a", "b", "c"};
	const ScalarRow *row = &rows[node->op->scalar];
	PtVar vars[5];
	int n = 0;

	for (int i = 0; i < node->nin; i++)
		vars[n++] = (PtVar){names[i], node->in[i]};
	vars[n++] = (PtVar){"y", node->out[0]};
	vars[n++] = (PtVar){"g", gout[0]};
	for (int i = 0; i < node->nin; i++)
	{
		if (!want[i] || strcmp(row->gradient[i], "NONE") == 0)
			continue;
		grad[i] = pt_expr_text(g, row->gradient[i], vars, n);
	}
	return g->error.code == PT_OK;
}

static const PtParam unary_params[] = {{"input", PT_ARG_TENSOR, .required = true}, {0}};
static const PtParam binary_params[] = {{"input", PT_ARG_TENSOR, .required = true},
										{"other", PT_ARG_TENSOR, .required = true},
										{0}};
static const PtParam pow_params[] = {{"input", PT_ARG_TENSOR, .required = true},
									 {"exponent", PT_ARG_TENSOR, .required = true},
									 {0}};
static const PtParam where_params[] = {{"condition", PT_ARG_TENSOR, .required = true},
									   {"input", PT_ARG_TENSOR, .required = true},
									   {"other", PT_ARG_TENSOR, .required = true},
									   {0}};

/* What autocast computes in float32: of little precision these lose too much, or overflow. */
#define NEEDS_FLOAT32(op)                                                                \
	((op) == PT_S_exp || (op) == PT_S_expm1 || (op) == PT_S_log || (op) == PT_S_log1p || \
	 (op) == PT_S_reciprocal || (op) == PT_S_rsqrt || (op) == PT_S_pow || (op) == PT_S_square)

#define ROW(name_, params_, doc_)                                             \
	{.name = #name_,                                                          \
	 .params = params_,                                                       \
	 .flags = PT_OP_PUBLIC,                                                   \
	 .scalar = PT_S_##name_,                                                  \
	 .casting = NEEDS_FLOAT32(PT_S_##name_) ? PT_CAST_FULL : PT_CAST_DEFAULT, \
	 .infer = infer,                                                          \
	 .gradient = gradient,                                                    \
	 .doc = doc_},

const PtOp pt_scalar_ops[] = {
#define PT_UNARY(name, rule, ints, f, da, doc) ROW(name, unary_params, doc)
#define PT_BINARY(name, rule, ints, f, da, db, doc) \
	ROW(name, PT_S_##name == PT_S_pow ? pow_params : binary_params, doc)
#define PT_TERNARY(name, rule, ints, f, da, db, dc, doc) ROW(name, where_params, doc)
#include "engine/ops/scalar.def"
	{0}};

_Static_assert(sizeof(pt_scalar_ops) / sizeof(pt_scalar_ops[0]) == PT_S_END,
			   "one row per scalar op, and the last");
