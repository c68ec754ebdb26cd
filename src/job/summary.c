/*
 * summary.c
 *	  What a model is made of: its layers, with their outputs' shapes and parameters.
 */
#include "postgres.h"

#include "job/summary.h"

#include "bridge/bridge.h"
#include "job/module.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "store/checkpoint.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"

/*
 * Elements of the module's own parameters (without buffers, and without its children's), whose entries of the
 * state_dict begin at *next, if it has any; *next moves behind them.
 */
static int64
own_parameters(const PtStateDict *state, const PtModule *m, int *next)
{
	int64 n = 0;

	for (; *next < state->count && state->entries[*next].owner == m; (*next)++)
		if (state->entries[*next].trainable)
			n += pt_shape_numel(&state->entries[*next].shape);
	return n;
}

/* "[N, 10]", N being the batch; of several results "[N, 10], [N, 4]", "?" where rows do not come first */
static char *
print_output(const PtShape *shapes, int n)
{
	StringInfoData s;

	initStringInfo(&s);
	for (int k = 0; k < n; k++)
	{
		appendStringInfoString(&s, k > 0 ? ", " : "");
		appendStringInfoString(&s, shapes[k].ndim < 0 ? "?" : "[N");
		for (int i = 0; i < shapes[k].ndim; i++)
			appendStringInfo(&s, ", " INT64_FORMAT, shapes[k].dim[i]);
		appendStringInfoString(&s, shapes[k].ndim < 0 ? "" : "]");
	}
	return s.data;
}

/* Output shapes by module, as a trial of the network tells them. */
typedef struct SeenShape
{
	const PtModule *module; /* key */
	int n;
	PtShape *shapes;
} SeenShape;

/* What was seen, as a list: no ERROR may leave the engine while it calls. */
typedef struct Seen
{
	PtArena *arena;
	struct SeenLink
	{
		SeenShape shape;
		struct SeenLink *next;
	} * first;
	bool failed;
} Seen;

static void
note_shape(void *arg, const PtModule *m, const PtShape *rows, int n)
{
	Seen *seen = arg;
	struct SeenLink *link = pt_arena_alloc(seen->arena, sizeof(*link));
	PtShape *shapes = pt_arena_alloc(seen->arena, n * sizeof(PtShape) + 1);

	if (n == 1 && rows[0].ndim < 0)
		return;
	seen->failed |= link == NULL || shapes == NULL;
	if (link == NULL || shapes == NULL)
		return;
	memcpy(shapes, rows, n * sizeof(PtShape));
	link->shape = (SeenShape){m, n, shapes};
	link->next = seen->first;
	seen->first = link;
}

/* The output shape of each module, once data was seen; none before. */
static HTAB *
trace_shapes(const PgtOpenModule *module, const PgtCheckpoint *checkpoint)
{
	HASHCTL ctl = {.keysize = sizeof(PtModule *),
				   .entrysize = sizeof(SeenShape),
				   .hcxt = CurrentMemoryContext};
	HTAB *shapes = hash_create("pgtorch summary", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	PtShape *in = palloc(checkpoint->ninputs * sizeof(PtShape) + 1);
	Seen seen = {.arena = module->arena};
	PtShape out[PT_MAX_OUTPUTS];
	PtError err;

	for (int i = 0; i < checkpoint->ninputs; i++)
		in[i] = checkpoint->inputs[i].shape;
	if (checkpoint->ninputs != pt_module_inputs(module->root))
		return shapes;
	pgt_check(pt_module_trace(module->root, in, checkpoint->ninputs, out, note_shape, &seen, &err) >
				  0,
			  &err);
	if (seen.failed)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	/* a module that is called several times shows its first output, which is the last of the list */
	for (struct SeenLink *link = seen.first; link != NULL; link = link->next)
	{
		SeenShape *entry = hash_search(shapes, &link->shape.module, HASH_ENTER, NULL);

		*entry = link->shape;
	}
	return shapes;
}

/* One row for each module that has no children or state of its own, in the order of the state_dict. */
static void
summarize(Tuplestorestate *rows, TupleDesc desc, const PgtOpenModule *module, const PtModule *m,
		  HTAB *shapes, int *next)
{
	PtError err;
	SeenShape *seen = hash_search(shapes, &m, HASH_FIND, NULL);
	int first = *next;
	int64 parameters = own_parameters(&module->state, m, next);

	check_stack_depth();
	CHECK_FOR_INTERRUPTS();
	if (m->nchildren == 0 || *next > first)
	{
		Datum values[4];
		bool nulls[4] = {false};
		char *text =
			m->nchildren > 0 ? pstrdup(m->type->name) : pt_module_print(module->arena, m, &err);

		pgt_check(text != NULL, &err);
		values[0] = CStringGetTextDatum(m->path);
		values[1] = CStringGetTextDatum(text);
		values[2] = seen ? CStringGetTextDatum(print_output(seen->shapes, seen->n)) : (Datum) 0;
		nulls[2] = seen == NULL;
		values[3] = Int64GetDatum(parameters);
		tuplestore_putvalues(rows, desc, values, nulls);
	}
	for (int i = 0; i < m->nchildren; i++)
		summarize(rows, desc, module, m->children[i], shapes, next);
}

void
pgt_summary(const char *reference, Tuplestorestate *rows, TupleDesc desc)
{
	PgtModel model;
	PgtCheckpoint *checkpoint;
	PgtOpenModule module;
	int next = 0;

	pgt_model_open(&model, reference);
	checkpoint = pgt_checkpoint_get(&model);
	pgt_module_open(&module, pgt_model_module(&model));
	summarize(rows, desc, &module, module.root, trace_shapes(&module, checkpoint), &next);
}
