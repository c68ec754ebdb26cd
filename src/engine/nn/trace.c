/*
 * trace.c
 *	  Shapes of all modules of a tree, found by building it once for a few rows.
 *
 * What a module knows of shapes without a graph (its shapes function) goes as far as a chain of layers;
 * where an expression decides what is computed, only the ops can tell.
 *
 * Memory:  an arena and a graph of its own, which die before it returns.
 * Errors:  values.
 */
#include <string.h>

#include "engine/nn/module.h"

/* Rows of the trial: a size that is unlikely to fit anything by accident. */
#define ROWS 7

typedef struct Trace
{
	PtGraph *g;
	PtSeen seen;
	void *arg;
} Trace;

/* The shapes per row of a value's tensors. */
static void
collect(PtGraph *g, const PtModule *m, const PtValue *v, PtShape *rows, int *n)
{
	PtValue element;
	PtError ignored;

	if (v->kind == PT_VALUE_TENSOR && *n < PT_MAX_OUTPUTS)
	{
		if (!pt_module_row(m, &pt_value(g, v->tensor)->shape, ROWS, &rows[*n], &ignored))
			rows[*n] = (PtShape){-1, {-1}};
		(*n)++;
	}
	for (int i = 0; pt_value_is_list(v) && i < v->count && pt_value_element(v, i, &element); i++)
		collect(g, m, &element, rows, n);
}

static void
report(void *arg, const PtModule *m, const PtValue *given)
{
	const Trace *t = arg;
	PtShape rows[PT_MAX_OUTPUTS];
	int n = 0;

	if (t->seen == NULL)
		return;
	collect(t->g, m, given, rows, &n);
	t->seen(t->arg, m, rows, n);
}

static int
run(PtArena *arena, PtGraph *g, const PtModule *m, const PtShape *in, int nin, PtShape *out,
	PtSeen seen, void *arg, PtError *err)
{
	Trace trace = {g, seen, arg};
	PtBuild b = {.g = g, .seen = report, .seen_arg = &trace};
	PtStateDict sd;
	PtRef inputs[PT_MAX_INPUTS], results[PT_MAX_OUTPUTS];
	PtRef *state;
	int n;

	if (!pt_module_state(arena, m, &sd, err))
		return false;
	state = pt_arena_alloc(arena, (size_t) sd.count * sizeof(PtRef) + 1);
	if (state == NULL)
		return pt_fail_memory(err, (size_t) sd.count * sizeof(PtRef));
	for (int i = 0; i < sd.count; i++)
		state[i] = pt_external(g, sd.entries[i].name, sd.entries[i].dtype, &sd.entries[i].shape);
	b.sd = &sd;
	b.state = state;
	for (int i = 0; i < nin; i++)
	{
		PtShape shape = {in[i].ndim + 1, {ROWS}};

		if (in[i].ndim >= PT_MAX_DIM)
			return pt_fail(err, PT_ELIMIT, "an input of %d dimensions leaves none for the batch",
						   PT_MAX_DIM);
		memcpy(shape.dim + 1, in[i].dim, (size_t) in[i].ndim * sizeof(int64_t));
		inputs[i] =
			pt_external(g, "input", pt_module_input_is_index(m, i) ? PT_INT64 : PT_FLOAT32, &shape);
	}
	n = pt_module_results(&b, m, inputs, nin, results);
	if (!pt_graph_ok(g, err))
		return err->detail[0] != '\0' ? 0 : pt_detail(err, "In a trial with %d rows.", ROWS);
	for (int i = 0; i < n; i++)
		if (!pt_module_row(m, &pt_value(g, results[i])->shape, ROWS, &out[i], err))
			return 0;
	return n;
}

int
pt_module_trace(const PtModule *m, const PtShape *in, int nin, PtShape *out, PtSeen seen, void *arg,
				PtError *err)
{
	PtArena *arena;
	PtGraph *g;
	int n;

	if (nin > PT_MAX_INPUTS)
		return pt_fail(err, PT_ELIMIT, "%d inputs are too many, at most %d are possible", nin,
					   PT_MAX_INPUTS);
	if ((g = pt_graph_new(err)) == NULL)
		return false;
	arena = pt_arena_new();
	n = arena != NULL ? run(arena, g, m, in, nin, out, seen, arg, err)
					  : pt_fail_memory(err, sizeof(PtShape));
	pt_graph_free(g);
	pt_arena_free(arena);
	return n;
}
