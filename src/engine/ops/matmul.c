/*
 * matmul.c
 *	  Matrix products.
 *
 * mm is the one product that devices know: two matrices, or batches of them, each possibly
 * transposed.  matmul is PyTorch's general form, made of reshapes and mm.  linear is a fused
 * product with bias; the plan hangs activations onto it.
 */
#include "engine/graph/op_util.h"

static bool
fail_shapes(PtGraph *g, const char *what, const PtShape *a, const PtShape *b)
{
	char x[PT_SHAPE_TEXT], y[PT_SHAPE_TEXT];

	return pt_graph_fail(g, PT_ESHAPE, "%s: shapes %s and %s cannot be multiplied", what,
						 pt_shape_print(a, x), pt_shape_print(b, y));
}

static bool
same_dtype(PtGraph *g, const char *what, PtRef a, PtRef b)
{
	PtDtype x = pt_value(g, a)->dtype;
	PtDtype y = pt_value(g, b)->dtype;

	if (x == PT_BOOL && y == PT_BOOL)
	{
		pt_graph_fail(g, PT_ETYPE, "%s does not support bool tensors", what);
		return pt_hint(&g->error, "Convert them with torch.to.");
	}
	if (x == y)
		return true;
	pt_graph_fail(g, PT_ETYPE, "%s expects two tensors of the same dtype, not %s and %s", what,
				  pt_dtype_name(x), pt_dtype_name(y));
	return pt_hint(&g->error, "Convert one with torch.to.");
}

/* ---------- mm ---------- */

static bool
infer_mm(PtGraph *g, PtNode *node, PtTensorType *out)
{
	const PtShape *a = &pt_value(g, node->in[0])->shape;
	const PtShape *b = &pt_value(g, node->in[1])->shape;
	bool ta = pt_args_bool(node->attrs, "ta");
	bool tb = pt_args_bool(node->attrs, "tb");
	int n = a->ndim;

	if (!same_dtype(g, "matmul", node->in[0], node->in[1]))
		return false;
	if (n != b->ndim || n < 2 || n > 3 ||
		(n == 3 && a->dim[0] != b->dim[0] && a->dim[0] != 1 && b->dim[0] != 1) ||
		a->dim[ta ? n - 2 : n - 1] != b->dim[tb ? n - 1 : n - 2])
		return fail_shapes(g, "matmul", a, b);
	out->dtype = pt_value(g, node->in[0])->dtype;
	out->shape.ndim = n;
	if (n == 3)
		out->shape.dim[0] = a->dim[0] == 1 ? b->dim[0] : a->dim[0];
	out->shape.dim[n - 2] = a->dim[ta ? n - 1 : n - 2];
	out->shape.dim[n - 1] = b->dim[tb ? n - 2 : n - 1];
	return true;
}

/* C = op(A) op(B):  dA = dC op(B)^T and dB = op(A)^T dC, each transposed if its operand was. */
static bool
gradient_mm(PtGraph *g, const PtNode *node, const PtRef *gout, const bool *want, PtRef *grad)
{
	bool ta = pt_args_bool(node->attrs, "ta");
	bool tb = pt_args_bool(node->attrs, "tb");
	PtRef a = node->in[0], b = node->in[1], d = gout[0];

	if (want[0])
		grad[0] = ta ? pt_mm(g, b, d, tb, true) : pt_mm(g, d, b, false, !tb);
	if (want[1])
		grad[1] = tb ? pt_mm(g, d, a, true, ta) : pt_mm(g, a, d, !ta, false);
	return true; /* a batch of 1 that was repeated is summed by autograd */
}

/* ---------- matmul ---------- */

/* PyTorch's rules: vectors gain a dimension that the result loses, leading dimensions broadcast. */
static bool
decompose_matmul(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	PtRef a = in[0], b = in[1];
	const PtShape sa = pt_value(g, a)->shape;
	const PtShape sb = pt_value(g, b)->shape;
	PtShape ma = sa, mb = sb, batch, batch_a = {0}, batch_b = {0}, result, t;
	PtError err;
	int64_t numel;

	if (!same_dtype(g, "matmul", a, b))
		return false;
	if (sa.ndim == 0 || sb.ndim == 0)
		return pt_graph_fail(
			g, PT_ESHAPE,
			"matmul: both arguments need to be at least 1-D, but they are %d-D and %d-D", sa.ndim,
			sb.ndim);
	if (sa.ndim == 1)
		ma = (PtShape){2, {1, sa.dim[0]}};
	if (sb.ndim == 1)
		mb = (PtShape){2, {sb.dim[0], 1}};
	if (ma.dim[ma.ndim - 1] != mb.dim[mb.ndim - 2])
		return fail_shapes(g, "matmul", &sa, &sb);
	batch_a.ndim = ma.ndim - 2;
	batch_b.ndim = mb.ndim - 2;
	memcpy(batch_a.dim, ma.dim, batch_a.ndim * sizeof(int64_t));
	memcpy(batch_b.dim, mb.dim, batch_b.ndim * sizeof(int64_t));
	if (!pt_shape_broadcast(&batch_a, &batch_b, &batch, &err))
		return fail_shapes(g, "matmul", &sa, &sb);

	result = batch;
	if (sa.ndim > 1)
		result.dim[result.ndim++] = ma.dim[ma.ndim - 2];
	if (sb.ndim > 1)
		result.dim[result.ndim++] = mb.dim[mb.ndim - 1];

	if (mb.ndim == 2)
	{
		/* one matrix on the right: all rows of the left at once */
		t = (PtShape){2, {1, ma.dim[ma.ndim - 1]}};
		for (int i = 0; i < ma.ndim - 1; i++)
			if (!pt_op_times(g, "matmul", &t.dim[0], ma.dim[i]))
				return false;
		out[0] = pt_reshape(g, pt_mm(g, pt_reshape(g, a, &t), pt_reshape(g, b, &mb), false, false),
							&result);
		return out[0] != PT_NO_REF;
	}
	numel = pt_shape_numel(&batch);
	t = batch;
	t.dim[t.ndim++] = ma.dim[ma.ndim - 2];
	t.dim[t.ndim++] = ma.dim[ma.ndim - 1];
	a = pt_reshape(g, a, &ma);
	if (pt_shape_numel(&batch_a) != 1 || numel == 1)
		a = pt_reshape(g, pt_expand(g, a, &t),
					   &(PtShape){3, {numel, t.dim[t.ndim - 2], t.dim[t.ndim - 1]}});
	else
		a = pt_reshape(g, a, &(PtShape){3, {1, t.dim[t.ndim - 2], t.dim[t.ndim - 1]}});
	t.dim[t.ndim - 2] = mb.dim[mb.ndim - 2];
	t.dim[t.ndim - 1] = mb.dim[mb.ndim - 1];
	b = pt_reshape(g, pt_expand(g, b, &t),
				   &(PtShape){3, {numel, t.dim[t.ndim - 2], t.dim[t.ndim - 1]}});
	return pt_op_give(out, pt_reshape(g, pt_mm(g, a, b, false, false), &result));
}

/* ---------- linear ---------- */

/* Leaves a matrix in in[1] and a bias for each of its rows in in[2], which is what kernels see. */
static bool
infer_linear(PtGraph *g, PtNode *node, PtTensorType *out)
{
	const PtGraphValue *x = pt_value(g, node->in[0]);
	const PtGraphValue *w = pt_value(g, node->in[1]);
	const PtGraphValue *b = node->nin > 2 ? pt_value(g, node->in[2]) : NULL;
	int64_t rows = 1;

	if (!same_dtype(g, "linear", node->in[0], node->in[1]) ||
		(b != NULL && !same_dtype(g, "linear", node->in[0], node->in[2])))
		return false;
	if (x->shape.ndim < 1 || w->shape.ndim < 1 || w->shape.ndim > 2 ||
		x->shape.dim[x->shape.ndim - 1] != w->shape.dim[w->shape.ndim - 1])
		return fail_shapes(g, "linear", &x->shape, &w->shape);
	for (int i = 0; i < x->shape.ndim - 1; i++)
		if (!pt_op_times(g, "linear", &rows, x->shape.dim[i]))
			return false;
	out->dtype = x->dtype;
	out->shape = x->shape;
	if (w->shape.ndim == 1)
	{
		/* one row of weights, for which the result has no dimension */
		if (b != NULL)
			return pt_graph_fail(g, PT_ESHAPE,
								 "linear expects a weight of 2 dimensions beside a bias, not 1");
		out->shape.ndim--;
		node->in[1] = pt_reshape(g, node->in[1], &(PtShape){2, {1, w->shape.dim[0]}});
		return true;
	}
	out->shape.dim[out->shape.ndim - 1] = w->shape.dim[0];
	if (b != NULL && (b->shape.ndim == 0 || (b->shape.ndim == 1 && b->shape.dim[0] == 1)))
		node->in[2] = pt_expand(g, node->in[2], &(PtShape){1, {w->shape.dim[0]}});
	else if (b != NULL && (b->shape.ndim != 1 || b->shape.dim[0] != w->shape.dim[0]))
	{
		char text[PT_SHAPE_TEXT];

		return pt_graph_fail(g, PT_ESHAPE, "linear expects a bias of shape [%lld], not %s",
							 (long long) w->shape.dim[0], pt_shape_print(&b->shape, text));
	}
	return true;
}

/* x as a matrix of rows. */
static PtRef
rows_of(PtGraph *g, PtRef x)
{
	const PtShape *s = &pt_value(g, x)->shape;
	int64_t last = s->ndim > 0 ? s->dim[s->ndim - 1] : 1;
	int64_t rows = 1;

	for (int i = 0; i < s->ndim - 1; i++)
		if (!pt_op_times(g, "linear", &rows, s->dim[i]))
			return PT_NO_REF;
	return pt_reshape(g, x, &(PtShape){2, {rows, last}});
}

static bool
gradient_linear(PtGraph *g, const PtNode *node, const PtRef *gout, const bool *want, PtRef *grad)
{
	const PtShape shape = pt_value(g, node->in[0])->shape;
	PtRef x = rows_of(g, node->in[0]);
	PtRef d = pt_reshape(g, gout[0],
						 &(PtShape){2,
									{pt_value(g, x)->shape.dim[0],
									 pt_value(g, node->in[1])->shape.dim[0]}});

	if (want[1])
		grad[1] = pt_mm(g, d, x, true, false);
	if (node->nin > 2 && want[2])
		grad[2] = pt_sum(g, d, (int64_t[]){0}, 1, false);
	if (want[0])
		grad[0] = pt_reshape(g, pt_mm(g, d, node->in[1], false, false), &shape);
	return true;
}

static bool
decompose_linear(PtGraph *g, const PtRef *in, int nin, const PtArgs *attrs, PtRef *out)
{
	PtNode probe = {.in = {in[0], in[1], nin > 2 ? in[2] : PT_NO_REF}, .nin = nin};
	PtTensorType result;

	if (!infer_linear(g, &probe, &result))
		return false;
	out[0] = pt_reshape(g, pt_mm(g, rows_of(g, in[0]), probe.in[1], false, true), &result.shape);
	if (nin > 2)
		out[0] = pt_add(g, out[0], probe.in[2]);
	return out[0] != PT_NO_REF;
}

const PtOp pt_matmul_ops[] = {
	{.name = "mm",
	 .params = PT_PARAMS({PT_INPUT}, {PT_TENSOR("mat2")}, {"ta", PT_ARG_BOOL}, {"tb", PT_ARG_BOOL}),
	 .flags = PT_OP_INTERNAL,
	 .casting = PT_CAST_LOW,
	 .infer = infer_mm,
	 .gradient = gradient_mm,
	 .doc = "Product of two matrices, or of two batches of matrices."},
	{.name = "matmul",
	 .aliases = PT_ALIASES("linalg_matmul"),
	 .params = PT_PARAMS({PT_INPUT}, {PT_OTHER}),
	 .casting = PT_CAST_LOW,
	 .decompose = decompose_matmul,
	 .doc = "Matrix product; vectors count as a row or column, leading dimensions broadcast."},
	{.name = "linear",
	 .params =
		 PT_PARAMS({PT_INPUT}, {PT_TENSOR("weight")}, {"bias", PT_ARG_TENSOR, .init_none = true}),
	 .casting = PT_CAST_LOW,
	 .infer = infer_linear,
	 .gradient = gradient_linear,
	 .decompose = decompose_linear,
	 .doc =
		 "input times the transpose of weight, plus bias: weight is [out_features, in_features]."},
	{0},
};
