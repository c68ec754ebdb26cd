/*
 * fuzz_expr.c
 *	  libFuzzer target: the expression parser, and everything that reads its trees.
 *
 * The first byte says what the text is taken for: a module, an optimizer, statements for a graph, the
 * expression of a network.
 * What a module prints must read back and print the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/graph/build.h"
#include "engine/nn/module.h"
#include "engine/train/sched.h"

extern int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void
fuzz_module(PtArena *arena, const char *text)
{
	PtError err;
	PtModule *m = pt_module_parse(arena, text, &err);
	PtStateDict sd;
	char *first, *second;

	if (m == NULL)
		return;
	first = pt_module_print(arena, m, &err);
	m = first ? pt_module_parse(arena, first, &err) : NULL;
	second = m ? pt_module_print(arena, m, &err) : NULL;
	if (second == NULL || strcmp(first, second) != 0)
		abort();
	if (pt_module_state(arena, m, &sd, &err))
	{
		PtShape in[PT_MAX_INPUTS], out[PT_MAX_OUTPUTS];

		for (int i = 0; i < PT_MAX_INPUTS; i++)
			in[i] = (PtShape){1 + i % 2, {3, 2}};
		pt_module_trace(m, in, pt_module_inputs(m), out, NULL, NULL, &err);
	}
}

/* A network over the text, with two modules and three inputs at most. */
static void
fuzz_network(PtArena *arena, const char *text)
{
	static const char before[] = "nn.Graph('(x, y, z) -> ";
	static const char after[] = "', 'fc', nn.Linear(3, 3), 'act', nn.ReLU())";
	char *all = malloc(sizeof(before) + 2 * strlen(text) + sizeof(after));
	char *s = all + sprintf(all, "%s", before);

	for (; *text != '\0'; text++)
	{
		if (*text == '\'' || *text == '\\' || *text == '\n')
			*s++ = '\\';
		*s++ = *text == '\n' ? 'n' : *text;
	}
	strcpy(s, after);
	fuzz_module(arena, all);
	free(all);
}

static void
fuzz_optimizer(PtArena *arena, const char *text)
{
	PtError err;
	PtOptimizer *o = pt_optim_parse(arena, text, &err);
	char *first, *second;

	if (o == NULL)
		return;
	first = pt_optim_print(arena, o, &err);
	o = first ? pt_optim_parse(arena, first, &err) : NULL;
	second = o ? pt_optim_print(arena, o, &err) : NULL;
	if (second == NULL || strcmp(first, second) != 0)
		abort();
}

/* Also runs it: whatever the arguments are, the rates of some steps can be computed or are an error. */
static void
fuzz_scheduler(PtArena *arena, const char *text)
{
	PtError err;
	PtOptimizer *o = pt_optim_parse(arena, "optim.SGD(0.1, momentum=0.9)", &err);
	PtScheduler *s = pt_sched_parse(arena, text, &err);
	PtScheduler *again;
	char *first, *second;
	PtPace *p;

	if (s == NULL)
		return;
	first = pt_sched_print(arena, s, &err);
	again = first ? pt_sched_parse(arena, first, &err) : NULL;
	second = again ? pt_sched_print(arena, again, &err) : NULL;
	if (second == NULL || strcmp(first, second) != 0)
		abort();
	p = pt_pace_new(arena, s, o, 5, 4, &err);
	for (int i = 0; p != NULL && i < 20; i++)
		if (!pt_pace_step(p, 1.0 / (i + 1), &err))
			break;
}

static void
fuzz_graph(const char *text)
{
	PtError err;
	PtGraph *g = pt_graph_new(&err);
	PtVar vars[16] = {{"x", pt_external(g, "x", PT_FLOAT32, &(PtShape){2, {2, 3}})},
					  {"n", pt_external(g, "n", PT_INT64, &(PtShape){1, {3}})},
					  {"t", pt_external(g, "t", PT_FLOAT64, &(PtShape){0})},
					  {"half", pt_real(g, 0.5)}};
	int n = 4;

	pt_expr_run(g, text, vars, &n, 16);
	pt_graph_free(g);
}

int
LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	PtArena *arena;
	char *text;

	if (size == 0)
		return 0;
	arena = pt_arena_new();
	/* of its own size, so that reading on is noticed */
	text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	switch (data[0] % 5)
	{
		case 0:
			fuzz_module(arena, text);
			break;
		case 1:
			fuzz_optimizer(arena, text);
			break;
		case 2:
			fuzz_scheduler(arena, text);
			break;
		case 3:
			fuzz_network(arena, text);
			break;
		default:
			fuzz_graph(text);
	}
	free(text);
	pt_arena_free(arena);
	return 0;
}
