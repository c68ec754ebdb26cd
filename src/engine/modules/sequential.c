/*
 * sequential.c
 *	  Modules one after the other.
 */
#include "engine/nn/module.h"

/* What goes in goes into the first. */
static bool
prepare(PtArena *arena, PtModule *m, PtError *err)
{
	(void) arena;
	(void) err;
	m->indices = m->nchildren > 0 ? m->children[0]->indices : 0;
	return true;
}

static bool
shapes(const PtModule *m, const PtShape *in, PtShape *out, PtError *err)
{
	PtShape x = *in;

	for (int i = 0; i < m->nchildren; i++)
	{
		if (!pt_module_output_shape(m->children[i], &x, 1, out, err))
			return false;
		x = *out;
	}
	*out = x;
	return true;
}

static PtRef
build(PtBuild *b, const PtModule *m, const PtRef *in)
{
	PtRef x = in[0];

	for (int i = 0; i < m->nchildren; i++)
		x = pt_module_build(b, m->children[i], &x, 1);
	return x;
}

static const PtParam params[] = {{"modules", PT_ARG_OBJECTS, .of = &pt_modules}, {NULL}};

const PtModuleType pt_sequential_modules[] = {
	{
		.name = "Sequential",
		.doc =
			"Modules one after the other: each takes the output of the one before, the first if it has several.",
		.params = params,
		.prepare = prepare,
		.shapes = shapes,
		.casting = PT_CAST_NONE,
		.build = build,
	},
	{NULL},
};
