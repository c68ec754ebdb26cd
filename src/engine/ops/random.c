/*
 * random.c
 *	  Ops that multiply by random numbers: what Dropout and its kin are made of.
 *
 * The number of element i is word (i mod 64) / 16 of Philox4x32-10 with the counter (16 (i div 64) + i mod 16,
 * stream) and the key seed, its upper 24 bits as a float in [0, 1).  So it depends on seed, stream and
 * position alone, not on device, threads or how nodes are fused, and nothing has to be kept for the
 * backward pass: the gradient is the same op on the incoming gradient.
 *
 * seed and stream are int64 tensors without dimensions; a stream belongs to one module and one step.
 */
#include "engine/graph/op_util.h"

static bool
infer(PtGraph *g, PtNode *node, PtTensorType *out)
{
	const PtGraphValue *x = pt_value(g, node->in[0]);

	for (int i = 1; i < 3; i++)
	{
		const PtGraphValue *v = pt_value(g, node->in[i]);

		if (v->dtype != PT_INT64 || v->shape.ndim != 0)
			return pt_graph_fail(g, PT_EINTERNAL, "%s expects seed and stream as int64 numbers",
								 node->op->name);
	}
	if (x->dtype != PT_FLOAT32)
		return pt_graph_fail(g, PT_ETYPE, "%s expects dtype float32, not %s", node->op->name,
							 pt_dtype_name(x->dtype));
	*out = (PtTensorType){x->dtype, x->shape};
	return true;
}

static bool
gradient(PtGraph *g, const PtNode *node, const PtRef *gout, const bool *want, PtRef *grad)
{
	return pt_op_give(grad, pt_apply(g, node->op, (PtRef[]){gout[0], node->in[1], node->in[2]}, 3,
									 node->attrs));
}

const PtOp pt_random_ops[] = {
	{.name = "random_drop",
	 .params = PT_PARAMS({PT_INPUT}, {PT_TENSOR("seed")}, {PT_TENSOR("stream")},
						 {"p", PT_ARG_REAL, .required = true}),
	 .flags = PT_OP_INTERNAL | PT_OP_RANDOM,
	 .infer = infer,
	 .gradient = gradient,
	 .doc = "0 with probability p, else input / (1 - p)."},
	{.name = "random_mul",
	 .params = PT_PARAMS({PT_INPUT}, {PT_TENSOR("seed")}, {PT_TENSOR("stream")},
						 {"lower", PT_ARG_REAL, .required = true},
						 {"upper", PT_ARG_REAL, .required = true}),
	 .flags = PT_OP_INTERNAL | PT_OP_RANDOM,
	 .infer = infer,
	 .gradient = gradient,
	 .doc = "input times a number between lower and upper."},
	{0},
};
