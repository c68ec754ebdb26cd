/*
 * softmax.c
 *	  softmax and log_softmax, and the cross entropy that is fused from them.
 *
 * cross_entropy works row by row: it gives each row's loss and the row's log-sum-exp.  Its backward pass makes the
 * softmax anew from the logits: exp(logits - lse) would lose what rounding lse has lost.  Weights, smoothing and probability targets are
 * composed from log_softmax by the loss module.
 */
#include "engine/graph/op_util.h"

/* ---------- softmax ---------- */

static bool
infer_softmax(PtGraph *g, PtNode *node, PtTensorType *out)
{
	const PtValue *dtype = pt_args_get(node->attrs, "dtype");
	const PtGraphValue *x;
	int64_t dim;

	if (dtype->kind == PT_VALUE_DTYPE)
		node->in[0] = pt_cast(g, node->in[0], dtype->dtype);
	x = pt_value(g, node->in[0]);
	if (!pt_dtype_is_float(x->dtype))
	{
		pt_graph_fail(g, PT_ETYPE, "%s expects a floating point dtype, not %s", node->op->name,
					  pt_dtype_name(x->dtype));
		return pt_hint(&g->error, "Convert first: torch.to(x, 'float32'), or dtype => 'float32'.");
	}
	out->dtype = x->dtype;
	out->shape = x->shape;
	return pt_op_dim(g, node->op->name, pt_args_int(node->attrs, "dim"), x->shape.ndim, &dim) &&
		   pt_op_set(g, node, "dim", pt_value_int(dim));
}

/* Sum along the softmax dimension, kept with size 1; the only element of a 0-d tensor is its sum. */
static PtRef
sum_along(PtGraph *g, const PtNode *node, PtRef x)
{
	int64_t dim = pt_args_int(node->attrs, "dim");

	return pt_value(g, x)->shape.ndim == 0 ? x : pt_sum(g, x, &dim, 1, true);
}

/* y * (g - sum(g * y)) */
static bool
gradient_softmax(PtGraph *g, const PtNode *node, const PtRef *gout, const bool *want, PtRef *grad)
{
	PtRef y = node->out[0];
	PtRef s = sum_along(g, node, pt_mul(g, gout[0], y));

	grad[0] = pt_mul(g, y, pt_sub(g, gout[0], s));
	return true;
}

/* g - exp(y) * sum(g) */
static bool
gradient_log_softmax(PtGraph *g, const PtNode *node, const PtRef *gout, const bool *want,
					 PtRef *grad)
{
	PtRef p = pt_exp(g, node->out[0]);

	grad[0] = pt_sub(g, gout[0], pt_mul(g, p, sum_along(g, node, gout[0])));
	return true;
}

/* ---------- cross_entropy ---------- */

static bool
infer_cross_entropy(PtGraph *g, PtNode *node, PtTensorType *out)
{
	const PtGraphValue *x = pt_value(g, node->in[0]);
	const PtGraphValue *t = pt_value(g, node->in[1]);
	char a[PT_SHAPE_TEXT], b[PT_SHAPE_TEXT];

	if (!pt_dtype_is_float(x->dtype) || t->dtype != PT_INT64)
		return pt_graph_fail(
			g, PT_ETYPE,
			"cross entropy expects floating point logits and int64 classes, not %s and %s",
			pt_dtype_name(x->dtype), pt_dtype_name(t->dtype));
	if (x->shape.ndim != 2 || t->shape.ndim != 1 || x->shape.dim[0] != t->shape.dim[0])
		return pt_graph_fail(g, PT_ESHAPE,
							 "cross entropy expects logits [N, C] and classes [N], not %s and %s",
							 pt_shape_print(&x->shape, a), pt_shape_print(&t->shape, b));
	out[0].dtype = out[1].dtype = x->dtype;
	out[0].shape = out[1].shape = t->shape;
	return true;
}

static PtRef
as_column(PtGraph *g, PtRef x)
{
	return pt_reshape(g, x, &(PtShape){2, {pt_value(g, x)->shape.dim[0], 1}});
}

static PtRef
probabilities(PtGraph *g, PtRef logits)
{
	PtGiven dim = pt_given_int("dim", 1);

	return pt_apply_name(g, "softmax", &logits, 1, &dim, 1);
}

/* Of the loss (softmax - one-hot) times its gradient, of the log-sum-exp softmax times its own. */
static bool
gradient_cross_entropy(PtGraph *g, const PtNode *node, const PtRef *gout, const bool *want,
					   PtRef *grad)
{
	if (!want[0])
		return true;
	if (gout[0] != PT_NO_REF)
		grad[0] =
			pt_apply_name(g, "cross_entropy_backward",
						  (PtRef[]){node->in[0], node->in[1], node->out[1], gout[0]}, 4, NULL, 0);
	if (gout[1] != PT_NO_REF)
	{
		PtRef more = pt_mul(g, probabilities(g, node->in[0]), as_column(g, gout[1]));

		grad[0] = grad[0] == PT_NO_REF ? more : pt_add(g, grad[0], more);
	}
	return true;
}

/* One-hot rows of the classes, as truth values: classes == arange(C) */
static PtRef
one_hot(PtGraph *g, PtRef logits, PtRef target)
{
	const PtShape s = pt_value(g, logits)->shape;

	return pt_eq(g, pt_reshape(g, target, &(PtShape){2, {s.dim[0], 1}}), pt_arange(g, s.dim[1]));
}

static bool
decompose_cross_entropy(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	PtNode probe = {.in = {in[0], in[1]}, .nin = nin};
	PtTensorType result[2];
	PtGiven dim = pt_given_int("dim", 1);
	PtRef logp, peak;

	if (!infer_cross_entropy(g, &probe, result))
		return false;
	logp = pt_apply_name(g, "log_softmax", in, 1, &dim, 1);
	out[0] = pt_sum(g, pt_where(g, one_hot(g, in[0], in[1]), pt_neg(g, logp), pt_integer(g, 0)),
					(int64_t[]){1}, 1, false);
	/* log-sum-exp: any logit less its log-probability; the first will do */
	peak = pt_sub(g, in[0], logp);
	out[1] = pt_apply_name(g, "amax", &peak, 1, &dim, 1);
	return out[1] != PT_NO_REF;
}

/* ---------- its backward pass ---------- */

static bool
infer_backward(PtGraph *g, PtNode *node, PtTensorType *out)
{
	*out = (PtTensorType){pt_value(g, node->in[0])->dtype, pt_value(g, node->in[0])->shape};
	return true;
}

/* softmax(logits) - onehot */
static PtRef
residual(PtGraph *g, const PtRef *in)
{
	PtRef hot = pt_cast(g, one_hot(g, in[0], in[1]), pt_value(g, in[0])->dtype);

	return pt_sub(g, probabilities(g, in[0]), hot);
}

/* (softmax(logits) - onehot) * g */
static bool
decompose_backward(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	return pt_op_give(out, pt_mul(g, residual(g, in), as_column(g, in[3])));
}

/* Of logits and g; lse says nothing that the logits do not. */
static bool
gradient_backward(PtGraph *g, const PtNode *node, const PtRef *gout, const bool *want, PtRef *grad)
{
	const int64_t classes[] = {1};

	if (want[0])
	{
		PtRef p = probabilities(g, node->in[0]);
		PtRef h = pt_mul(g, gout[0], as_column(g, node->in[3]));
		PtRef mean = pt_sum(g, pt_mul(g, p, h), classes, 1, true);

		grad[0] = pt_mul(g, p, pt_sub(g, h, mean));
	}
	if (want[3])
		grad[3] = pt_sum(g, pt_mul(g, residual(g, node->in), gout[0]), classes, 1, false);
	return true;
}

static const PtParam softmax_params[] = {{PT_INPUT}, {PT_DIM}, {PT_DTYPE_OR_NONE}, {0}};

const PtOp pt_softmax_ops[] = {
	{.name = "softmax",
	 .aliases = PT_ALIASES("special_softmax"),
	 .params = softmax_params,
	 .casting = PT_CAST_FULL,
	 .infer = infer_softmax,
	 .gradient = gradient_softmax,
	 .doc = "exp(input) over its sum along a dimension."},
	{.name = "log_softmax",
	 .aliases = PT_ALIASES("special_log_softmax"),
	 .params = softmax_params,
	 .casting = PT_CAST_FULL,
	 .infer = infer_softmax,
	 .gradient = gradient_log_softmax,
	 .doc = "Logarithm of the softmax, computed without overflow."},
	{.name = "cross_entropy",
	 .params = PT_PARAMS({PT_INPUT}, {PT_TENSOR("target")}),
	 .flags = PT_OP_INTERNAL,
	 .nout = 2,
	 .casting = PT_CAST_FULL,
	 .infer = infer_cross_entropy,
	 .gradient = gradient_cross_entropy,
	 .decompose = decompose_cross_entropy,
	 .doc = "Negative log-probability of each row's class, and each row's log-sum-exp."},
	{.name = "cross_entropy_backward",
	 .params =
		 PT_PARAMS({PT_INPUT}, {PT_TENSOR("target")}, {PT_TENSOR("lse")}, {PT_TENSOR("grad")}),
	 .flags = PT_OP_INTERNAL,
	 .infer = infer_backward,
	 .gradient = gradient_backward,
	 .decompose = decompose_backward,
	 .doc = "Gradient of cross_entropy: (softmax - one-hot) times each row's incoming gradient."},
	{0},
};
