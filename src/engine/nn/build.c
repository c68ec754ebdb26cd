/*
 * build.c
 *	  A tree of modules into a graph: calls, state, autocast, random numbers.
 *
 * What is computed is in the rows (modules/, losses/); here is what all of them do around it.
 *
 * Memory:  the graph's arena.
 * Threads: the graph's.
 * Errors:  the graph's, and name the module's path.
 */
#include <stdio.h>
#include <string.h>

#include "engine/graph/build.h"
#include "engine/nn/module.h"

/* ---------- autocast ---------- */

bool
pt_module_can_autocast(const PtModule *m, PtError *err)
{
	if (m->type->no_autocast != NULL)
	{
		pt_fail(err, PT_EUNSUPPORTED, "nn.%s is not safe with autocast", m->type->name);
		return pt_hint(err, "%s", m->type->no_autocast);
	}
	for (int i = 0; i < m->nchildren; i++)
		if (!pt_module_can_autocast(m->children[i], err))
			return false;
	return true;
}

/* A weight in the lower precision: one cast a run however often it is used, as PyTorch's cache. */
static PtRef
lowered(PtBuild *b, int at, PtRef value)
{
	if (!b->sd->entries[at].trainable)
		return value;
	if (b->lowered == NULL)
		b->lowered = pt_arena_alloc(b->g->arena, (size_t) b->sd->count * sizeof(PtRef));
	if (b->lowered == NULL)
		return pt_graph_fail(b->g, PT_ENOMEM, "out of memory");
	if (b->lowered[at] == PT_NO_REF)
		b->lowered[at] = pt_autocast(b->g, value, pt_autocast_dtype(b->autocast));
	return b->lowered[at];
}

/* The tensors of a value, nested or not, as far as there is room; n: how many there were before. */
static int
tensors_of(const PtValue *v, PtRef *out, int n, int room)
{
	PtValue element;

	if (v->kind == PT_VALUE_TENSOR && n < room)
		out[n++] = v->tensor;
	for (int i = 0; pt_value_is_list(v) && i < v->count && pt_value_element(v, i, &element); i++)
		n = tensors_of(&element, out, n, room);
	return n;
}

/* The value with its tensors cast as autocast does. */
static bool
cast(PtGraph *g, PtValue *v, PtDtype dtype)
{
	if (v->kind == PT_VALUE_TENSOR)
		v->tensor = pt_autocast(g, v->tensor, dtype);
	else if (v->kind == PT_VALUE_TENSORS)
	{
		PtRef *list = pt_arena_alloc(g->arena, (size_t) v->count * sizeof(PtRef) + 1);

		if (list == NULL)
			return pt_graph_fail(g, PT_ENOMEM, "out of memory");
		for (int i = 0; i < v->count; i++)
			list[i] = pt_autocast(g, v->tensors[i], dtype);
		v->tensors = list;
	}
	else if (v->kind == PT_VALUE_TUPLE)
	{
		PtTuple *tuple = pt_arena_alloc(g->arena, sizeof(PtTuple));
		PtValue *values = pt_arena_alloc(g->arena, (size_t) v->count * sizeof(PtValue) + 1);

		if (tuple == NULL || values == NULL)
			return pt_graph_fail(g, PT_ENOMEM, "out of memory");
		*tuple = *v->tuple;
		tuple->values = values;
		for (int i = 0; i < v->count; i++)
		{
			values[i] = v->tuple->values[i];
			if (!cast(g, &values[i], dtype))
				return false;
		}
		v->tuple = tuple;
	}
	return g->error.code == PT_OK;
}

/* ---------- calls ---------- */

/* What the row composes. */
static bool
compose(PtBuild *b, const PtModule *m, const PtArgs *args, PtValue *out)
{
	PtRef in[PT_MAX_INPUTS];

	if (m->type->forward != NULL)
		return m->type->forward(b, m, args, out);
	for (int i = 0; i < args->count; i++)
		in[i] = args->values[i].tensor;
	*out = (PtValue){PT_VALUE_TENSOR, 0, {.tensor = m->type->build(b, m, in)}};
	return out->tensor != PT_NO_REF;
}

/* ... under autocast: what goes in is cast as the row says, and what comes out back, if it does. */
static bool
compose_autocast(PtBuild *b, const PtModule *m, const PtArgs *args, PtValue *out)
{
	PtGraph *g = b->g;
	const PtAutocast outer = g->autocast;
	const bool outer_lower = b->lower;
	PtCasting casting = m->type->casting;
	PtDtype dtype, back = PT_NDTYPE;
	bool ok = true;

	if (m->type->no_autocast != NULL && !pt_module_can_autocast(m, &g->error))
		return false;
	if (casting == PT_CAST_DEFAULT)
		casting = m->type->loss != NULL ? PT_CAST_FULL : PT_CAST_INNER;
	dtype = casting == PT_CAST_LOW ? pt_autocast_dtype(b->autocast) : PT_FLOAT32;
	if (casting == PT_CAST_INNER)
	{
		PtRef in[PT_MAX_INPUTS];
		int n = 0;

		for (int i = 0; i < args->count; i++)
			n = tensors_of(&args->values[i], in, n, PT_MAX_INPUTS);
		back = pt_autocast_back(g, in, n);
	}
	g->autocast = PT_AUTOCAST_OFF;
	for (int i = 0; ok && casting != PT_CAST_NONE && i < args->count; i++)
		ok = cast(g, &args->values[i], dtype);
	g->autocast = casting == PT_CAST_NONE ? b->autocast : PT_AUTOCAST_OFF;
	b->lower = casting == PT_CAST_LOW;
	ok = ok && compose(b, m, args, out);
	b->lower = outer_lower;
	g->autocast = outer;
	return ok && (back == PT_NDTYPE || cast(g, out, back));
}

/* A call's arguments, of which those that are tensors must be. */
static PtArgs *
bind(PtBuild *b, const PtModule *m, const PtGiven *given, int ngiven)
{
	PtError *err = &b->g->error;
	int least = pt_module_inputs(m), most = least;
	char title[PT_MODULE_TITLE], what[PT_MODULE_TITLE + 8], range[32];
	PtArgs *args;

	while (m->inputs[most].name != NULL)
		most++;
	pt_module_title(m, title);
	if ((ngiven == 0 || given[ngiven - 1].name == NULL) && (ngiven < least || ngiven > most))
	{
		snprintf(range, sizeof(range), least < most ? "%d to %d" : "%d", least, most);
		pt_fail(err, PT_EINVAL, "module %s takes %s inputs, not %d", title, range, ngiven);
		return NULL;
	}
	snprintf(what, sizeof(what), "module %s", title);
	args = pt_args_bind(b->g->arena, what, m->inputs, given, ngiven, err);
	for (int i = 0; args == NULL && i < ngiven; i++)
		if (err->code == PT_ETYPE && pt_value_is_list(&given[i].value))
			pt_hint(err, "Take one of several results: f(x)[0], or a, b = f(x).");
	for (int i = 0; args != NULL && i < args->count; i++)
	{
		const PtValue *v = &args->values[i];

		if (m->inputs[i].type != PT_ARG_TENSOR || v->kind == PT_VALUE_TENSOR ||
			v->kind == PT_VALUE_NONE)
			continue;
		pt_fail(err, PT_ETYPE, "argument \"%s\" of %s must be a tensor, not %s", m->inputs[i].name,
				what, pt_value_kind(v));
		return NULL;
	}
	return args;
}

bool
pt_module_call(PtBuild *b, const PtModule *m, const PtGiven *given, int ngiven, PtValue *out)
{
	const char *outer = b->g->path;
	char title[PT_MODULE_TITLE];
	PtArgs *args;
	bool ok;

	if (b->g->error.code != PT_OK || (args = bind(b, m, given, ngiven)) == NULL)
		return false;
	/* a container's nodes are its children's */
	if (m->nchildren == 0)
	{
		b->g->path = pt_arena_strdup(b->g->arena, pt_module_title(m, title));
		if (b->g->path == NULL)
			return pt_graph_fail(b->g, PT_ENOMEM, "out of memory");
	}
	ok = b->autocast != PT_AUTOCAST_OFF ? compose_autocast(b, m, args, out)
										: compose(b, m, args, out);
	b->g->path = outer;
	if (b->seen != NULL && ok)
		b->seen(b->seen_arg, m, out);
	return ok;
}

/* The tensors of what a module gives; numbers become some. */
static bool
flatten(PtBuild *b, const PtModule *m, const PtValue *v, PtRef *out, int *n)
{
	PtValue element;
	char title[PT_MODULE_TITLE];

	if (v->kind == PT_VALUE_NONE)
		return true;
	for (int i = 0; pt_value_is_list(v) && i < v->count; i++)
		if (!pt_value_element(v, i, &element) || !flatten(b, m, &element, out, n))
			return false;
	if (pt_value_is_list(v))
		return true;
	if (*n == PT_MAX_OUTPUTS)
		return pt_graph_fail(b->g, PT_ELIMIT, "module %s gives more than %d results",
							 pt_module_title(m, title), PT_MAX_OUTPUTS);
	return (out[(*n)++] = pt_value_ref(b->g, v)) != PT_NO_REF;
}

int
pt_module_results(PtBuild *b, const PtModule *m, const PtRef *in, int nin, PtRef *out)
{
	PtGiven *given = pt_arena_alloc(b->g->arena, (size_t) nin * sizeof(PtGiven) + 1);
	char title[PT_MODULE_TITLE];
	PtValue v;
	int n = 0;

	if (given == NULL)
		return pt_graph_fail(b->g, PT_ENOMEM, "out of memory");
	for (int i = 0; i < nin; i++)
		given[i].value = (PtValue){PT_VALUE_TENSOR, 0, {.tensor = in[i]}};
	if (!pt_module_call(b, m, given, nin, &v) || !flatten(b, m, &v, out, &n))
		return 0;
	return n > 0 ? n
				 : pt_graph_fail(b->g, PT_EINVAL, "module %s gives no tensor",
								 pt_module_title(m, title));
}

PtRef
pt_module_build(PtBuild *b, const PtModule *m, const PtRef *in, int nin)
{
	PtRef out[PT_MAX_OUTPUTS];

	return pt_module_results(b, m, in, nin, out) > 0 ? out[0] : PT_NO_REF;
}

/* ---------- state ---------- */

/* Where in the state_dict m's own entry "weight" stands; -1 if it has none. */
static int
find_state(PtBuild *b, const PtModule *m, const char *name)
{
	int n = b->sd->count;

	/* modules are built in the order of their entries, and ask for few in any order: the search is short */
	for (int i = 0; i < n; i++)
	{
		int at = (b->cursor + (n > 8 ? n - 8 : 0) + i) % n;
		const PtState *s = &b->sd->entries[at];
		const char *last = s->owner == m ? strrchr(s->name, '.') : NULL;

		if (s->owner == m && strcmp(last != NULL ? last + 1 : s->name, name) == 0)
		{
			b->cursor = (at + 1) % n;
			return at;
		}
	}
	return -1;
}

PtRef
pt_build_state(PtBuild *b, const PtModule *m, const char *name)
{
	int at = find_state(b, m, name);

	if (at < 0)
		return PT_NO_REF;
	if (b->lower)
		return lowered(b, at, b->state[at]);
	/* a module that is called again goes on from what its first call gave */
	return b->updates != NULL && b->updates[at] != PT_NO_REF ? b->updates[at] : b->state[at];
}

void
pt_build_update(PtBuild *b, const PtModule *m, const char *name, PtRef value)
{
	int at = b->updates != NULL ? find_state(b, m, name) : -1;

	if (at >= 0)
		b->updates[at] = value;
}

/* ---------- random numbers ---------- */

/* A stream is a step's and a module's: so many modules can be told apart. */
#define STREAMS ((int64_t) 1 << 24)

PtRef
pt_build_random_again(PtBuild *b, const char *op, PtRef x, const PtGiven *given, int ngiven)
{
	PtRef stream;

	if (b->seed == PT_NO_REF || b->step == PT_NO_REF)
		return pt_graph_fail(b->g, PT_EINTERNAL, "random numbers need a seed and a step");
	stream = pt_mul(b->g, b->step, pt_integer(b->g, STREAMS));
	stream = pt_add(b->g, stream, pt_integer(b->g, b->streams % STREAMS));
	return pt_apply_name(b->g, op, (PtRef[]){x, b->seed, stream}, 3, given, ngiven);
}

PtRef
pt_build_random(PtBuild *b, const char *op, PtRef x, const PtGiven *given, int ngiven)
{
	b->streams++;
	return pt_build_random_again(b, op, x, given, ngiven);
}

PtRef
pt_build_fail(PtBuild *b, const PtError *err)
{
	if (b->g->error.code == PT_OK)
		b->g->error = *err;
	return PT_NO_REF;
}
