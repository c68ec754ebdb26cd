/*
 * mse.c -- mean squared error.
 */
#include "engine/modules/table.h"

/* PyTorch broadcasts outputs and targets of different shapes and warns that this is likely a mistake: here it is one. */
static PtRef
build(PtBuild *b, const PtModule *m, const PtRef *in, int nin)
{
	PtGraph *g = b->g;
	char x[PT_SHAPE_TEXT];
	char y[PT_SHAPE_TEXT];

	(void) nin;
	if (!pt_shape_equal(&pt_value(g, in[0])->shape, &pt_value(g, in[1])->shape))
		return pt_graph_fail(g, PT_ESHAPE, "nn.MSELoss: output has shape %s, target %s",
							 pt_shape_print(&pt_value(g, in[0])->shape, x),
							 pt_shape_print(&pt_value(g, in[1])->shape, y));
	return pt_reduce_loss(b, m, pt_scalar1(g, PT_S_square, pt_scalar2(g, PT_S_sub, in[0], in[1])));
}

static const PtParam params[] = {{"reduction", PT_ARG_WORD, .text = "mean", .words = pt_reductions},
								 {NULL}};

const PtModuleType pt_loss_mse = {
	.name = "MSELoss",
	.kind = PT_MODULE_LOSS,
	.doc = "Mean squared error: (output - target)^2.",
	.params = params,
	.build = build,
};
