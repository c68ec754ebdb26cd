/*
 * relu.c -- max(x, 0).
 */
#include "engine/modules/table.h"

static PtRef
build(PtBuild *b, const PtModule *m, const PtRef *in, int nin)
{
	(void) m;
	(void) nin;
	return pt_scalar1(b->g, PT_S_relu, in[0]);
}

static const PtParam params[] = {{"inplace", PT_ARG_BOOL}, {NULL}};

const PtModuleType pt_module_relu = {
	.name = "ReLU",
	.doc = "max(x, 0) of each element. inplace has no effect on results.",
	.params = params,
	.build = build,
};
