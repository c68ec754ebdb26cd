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

/* The shape per row; false if the rows are not its first dimension. */
static bool
row_of(const PtShape *shape, PtShape *row)
{
	if (shape->ndim == 0 || shape->dim[0] != ROWS)
		return false;
	*row = (PtShape){.ndim = shape->ndim - 1};
	memcpy(row->dim, shape->dim + 1, (size_t) row->ndim * sizeof(int64_t));
	return true;
}

/* The shapes per row of a value's tensors. */
static void
collect(PtGraph *g, const PtValue *v, PtShape *rows, int *n)
{
	PtValue element;

	if (v->kind == PT_VALUE_TENSOR && *n < PT_MAX_OUTPUTS)
	{
		if (!row_of(&pt_value(g, v->tensor)->shape, &rows[*n]))
			rows[*n] = (PtShape){-1, {-1}};
		(*n)++;
	}
	for (int i = 0; pt_value_is_list(v) && i < v->count && pt_value_element(v, i, &element); i++)
		collect(g, &element, rows, n);
}

static void
tell(void *arg, const PtModule *m, const PtValue *given)
{
	const Trace *t = arg;
	PtShape rows[PT_MAX_OUTPUTS];
	int n = 0;

	if (t->seen == NULL)
		return;
	collect(t->g, given, rows, &n);
	t->seen(t->arg, m, rows, n);
}

static int
run(PtArena *arena, PtGraph *g, const PtModule *m, const PtShape *in, int nin, PtShape *out,
	PtSeen seen, void *arg, PtError *err)
{
	Trace trace = {g, seen, arg};
	PtBuild b = {.g = g, .seen = tell, .seen_arg = &trace};
	PtStateDict sd;
	PtRef inputs[PT_MAX_INPUTS], results[PT_MAX_OUTPUTS];
	PtRef *state;
	char title[PT_MODULE_TITLE], text[PT_SHAPE_TEXT];
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
		if (!row_of(&pt_value(g, results[i])->shape, &out[i]))
			return pt_fail(
				err, PT_ESHAPE,
				"module %s must give one output for each row, but for %d rows it gives the shape %s",
				pt_module_title(m, title), ROWS,
				pt_shape_print(&pt_value(g, results[i])->shape, text));
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
