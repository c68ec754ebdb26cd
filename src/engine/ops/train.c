/*
 * train.c
 *	  What a training plan does around the network: fetch a batch, count, watch the loss.
 *
 * State lives in two small arrays on the device, ctl and stats, whose elements plan/device.h names.  So a plan can
 * run thousands of steps without the host, and a GPU needs no copies between them.
 */
#include "engine/graph/op_util.h"

/* rows [n, stride] uint8, perm [n] int64, ctl -> count rows' values of one column */
static bool
infer_batch(PtGraph *g, PtNode *node, PtTensorType *out)
{
	const PtValue *shape = pt_args_get(node->attrs, "shape");

	out->dtype = pt_args_get(node->attrs, "dtype")->dtype;
	out->shape.ndim = shape->count;
	for (int i = 0; i < shape->count; i++)
		out->shape.dim[i] = shape->ints[i];
	return true;
}

static bool
infer_same(PtGraph *g, PtNode *node, PtTensorType *out)
{
	for (int i = 0; i < pt_op_nout(node->op); i++)
		out[i] = (PtTensorType){pt_value(g, node->in[i])->dtype, pt_value(g, node->in[i])->shape};
	return true;
}

const PtOp pt_train_ops[] = {
	{.name = "batch",
	 .params = PT_PARAMS({PT_TENSOR("rows")}, {PT_TENSOR("perm")}, {PT_TENSOR("ctl")},
						 {"offset", PT_ARG_INT}, {"shape", PT_ARG_INTS, .text = "[]"},
						 {"dtype", PT_ARG_DTYPE, .text = "'float32'"}),
	 .flags = PT_OP_INTERNAL,
	 .infer = infer_batch,
	 .doc = "One column of the next batch's rows."},
	{.name = "check_finite",
	 .params = PT_PARAMS({PT_TENSOR("ctl")}, {PT_TENSOR("stats")}, {PT_TENSOR("loss")},
						 {"count", PT_ARG_INT}),
	 .flags = PT_OP_INTERNAL,
	 .nout = 2,
	 .infer = infer_same,
	 .doc = "Adds a batch's mean loss to the epoch's, and notes the first that is not finite."},
	{.name = "advance",
	 .params = PT_PARAMS({PT_TENSOR("ctl")}, {"by", PT_ARG_INT}),
	 .flags = PT_OP_INTERNAL,
	 .infer = infer_same,
	 .doc = "Goes on to the next batch."},
	{0},
};
