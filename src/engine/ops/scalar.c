/*
 * scalar.c
 *	  The scalar ops of scalar.def as rows of the op table.
 *
 * Their inputs broadcast, their dtype is PyTorch's promotion, their gradients are the texts of
 * scalar.def, built through the expression language.
 */
#include "engine/graph/build.h"
#include "engine/graph/op_util.h"

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
#define PT_UNARY(name, rule, ints, flags, f, da, ...) \
	[PT_S_##name] = {1, rule, {#da, "NONE", "NONE"}},
#define PT_BINARY(name, rule, ints, flags, f, da, db, ...) \
	[PT_S_##name] = {2, rule, {#da, #db, "NONE"}},
#define PT_TERNARY(name, rule, ints, flags, f, da, db, dc, ...) \
	[PT_S_##name] = {3, rule, {#da, #db, #dc}},
#include "engine/ops/scalar.def"
};

int
pt_scalar_arity(PtScalar scalar)
{
	return scalar < PT_S_END ? rows[scalar].arity : scalar == PT_S_philox ? 2 : 1;
}

/* A condition has no part in promotion. */
static int
first_promoted(const PtOp *op)
{
	return (op->flags & PT_OP_CONDITION) != 0 ? 1 : 0;
}

PtDtype
pt_scalar_dtype(const PtGraph *g, const PtNode *node)
{
	int first = first_promoted(node->op);
	PtDtype dtype = pt_result_type(g, node->in + first, node->nin - first);

	if (rows[node->op->scalar].rule == FLOAT && !pt_dtype_is_float(dtype))
		return PT_FLOAT32;
	return dtype == PT_BOOL && (node->op->flags & PT_OP_BOOL_AS_INT) != 0 ? PT_INT64 : dtype;
}

/* Arithmetic that PyTorch has for numbers but not for truth values. */
static bool
check_bool(PtGraph *g, const PtNode *node, PtDtype dtype)
{
	const PtOp *op = node->op;
	bool any = false;

	for (int i = 0; i < node->nin; i++)
		any = any || pt_value(g, node->in[i])->dtype == PT_BOOL;
	if (dtype == PT_BOOL && (op->flags & PT_OP_NO_BOOL) != 0)
		pt_graph_fail(g, PT_ETYPE, "%s does not support bool tensors", op->name);
	else if (any && (op->flags & PT_OP_NO_BOOL_OPERAND) != 0)
		pt_graph_fail(g, PT_ETYPE, "%s does not support bool operands", op->name);
	else
		return true;
	if (pt_op_operator(op) == '-')
		pt_hint(
			&g->error,
			node->nin == 1
				? "Use torch.logical_not."
				: "Use torch.logical_not, torch.ne for a difference, or convert with torch.to.");
	return false;
}

/* Is every integer operand that is a number a value of the result's integer dtype?  add and its like wrap instead. */
static bool
numbers_fit(PtGraph *g, const PtNode *node, PtDtype dtype)
{
	for (int i = first_promoted(node->op); i < node->nin; i++)
	{
		const PtGraphValue *v = pt_value(g, node->in[i]);
		/* as in PyTorch -255 to -1 wrap in uint8 */
		int64_t n = dtype == PT_UINT8 && v->integer < 0 ? -v->integer : v->integer;

		if (v->role != PT_ROLE_NUMBER || v->dtype == PT_BOOL || pt_dtype_holds(dtype, n))
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
	const PtOp *op = node->op;
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
	if (!check_bool(g, node, dtype))
		return false;
	if ((op->flags & PT_OP_NO_NEGATIVE) != 0 && !pt_dtype_is_float(dtype))
	{
		const PtGraphValue *b = pt_value(g, node->in[1]);

		if (b->role == PT_ROLE_NUMBER && b->integer < 0)
			return pt_graph_fail(g, PT_EINVAL,
								 "integers to negative integer powers are not allowed");
	}
	if ((op->flags & PT_OP_IN_RANGE) != 0 && pt_dtype_is_int(dtype) && !numbers_fit(g, node, dtype))
		return false;
	if ((op->flags & PT_OP_CONDITION) != 0 && pt_value(g, node->in[0])->dtype != PT_BOOL)
		return pt_graph_fail(g, PT_ETYPE, "%s expects a condition of dtype bool, not %s", op->name,
							 pt_dtype_name(pt_value(g, node->in[0])->dtype));
	out->dtype = rows[op->scalar].rule == BOOL ? PT_BOOL : dtype;
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

#define FIRST(first, ...) first

/* ...: the row's doc, then its aliases. */
#define ROW(name_, flags_, params_, ...)                                       \
	{.name = #name_,                                                           \
	 .aliases = &(const char *const[]){__VA_ARGS__, NULL}[1],                  \
	 .params = params_,                                                        \
	 .flags = flags_,                                                          \
	 .scalar = PT_S_##name_,                                                   \
	 .casting = (PT_OP_FP32 & (flags_)) != 0 ? PT_CAST_FULL : PT_CAST_DEFAULT, \
	 .infer = infer,                                                           \
	 .gradient = gradient,                                                     \
	 .doc = FIRST(__VA_ARGS__, NULL)},

const PtOp pt_scalar_ops[] = {
#define PT_UNARY(name, rule, ints, flags, f, da, ...) \
	ROW(name, flags, PT_PARAMS({PT_INPUT}), __VA_ARGS__)
#define PT_BINARY(name, rule, ints, flags, f, da, db, other, ...) \
	ROW(name, flags, PT_PARAMS({PT_INPUT}, {PT_TENSOR(#other)}), __VA_ARGS__)
#define PT_TERNARY(name, rule, ints, flags, f, da, db, dc, first, second, third, ...)           \
	ROW(name, flags, PT_PARAMS({PT_TENSOR(#first)}, {PT_TENSOR(#second)}, {PT_TENSOR(#third)}), \
		__VA_ARGS__)
#include "engine/ops/scalar.def"
	{0}};

_Static_assert(sizeof(pt_scalar_ops) / sizeof(pt_scalar_ops[0]) == PT_S_END,
			   "one row per scalar op, and the last");
