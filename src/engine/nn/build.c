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
#include <string.h>

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

/* What the type's build gives under autocast. */
static PtRef
build_autocast(PtBuild *b, const PtModule *m, const PtRef *in, int nin)
{
	PtGraph *g = b->g;
	const PtAutocast outer = g->autocast;
	const bool outer_lower = b->lower;
	PtCasting casting = m->type->casting;
	PtDtype dtype, back;
	PtRef cast[PT_MAX_INPUTS], y;
	PtError err;

	if (m->type->no_autocast != NULL && !pt_module_can_autocast(m, &err))
		return pt_build_fail(b, &err);
	if (casting == PT_CAST_DEFAULT)
		casting = m->type->loss != NULL ? PT_CAST_FULL : PT_CAST_INNER;
	dtype = casting == PT_CAST_LOW ? pt_autocast_dtype(b->autocast) : PT_FLOAT32;
	back = casting == PT_CAST_INNER ? pt_autocast_back(g, in, nin) : PT_NDTYPE;
	g->autocast = PT_AUTOCAST_OFF;
	for (int i = 0; i < nin; i++)
		cast[i] = casting == PT_CAST_NONE ? in[i] : pt_autocast(g, in[i], dtype);
	g->autocast = casting == PT_CAST_NONE ? b->autocast : PT_AUTOCAST_OFF;
	b->lower = casting == PT_CAST_LOW;
	y = m->type->build(b, m, cast);
	b->lower = outer_lower;
	g->autocast = outer;
	return y != PT_NO_REF && back != PT_NDTYPE ? pt_autocast(g, y, back) : y;
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

/* ---------- calls ---------- */

PtRef
pt_module_build(PtBuild *b, const PtModule *m, const PtRef *in, int nin)
{
	const char *outer = b->g->path;
	char title[PT_MODULE_TITLE];
	PtRef y;

	if (b->g->error.code != PT_OK)
		return PT_NO_REF;
	if (nin != pt_module_inputs(m))
		return pt_graph_fail(b->g, PT_EINVAL, "module %s takes %d inputs, not %d",
							 pt_module_title(m, title), pt_module_inputs(m), nin);
	/* a container's nodes are its children's */
	if (m->nchildren == 0)
	{
		b->g->path = pt_arena_strdup(b->g->arena, pt_module_title(m, title));
		if (b->g->path == NULL)
			return pt_graph_fail(b->g, PT_ENOMEM, "out of memory");
	}
	y = b->autocast != PT_AUTOCAST_OFF ? build_autocast(b, m, in, nin) : m->type->build(b, m, in);
	b->g->path = outer;
	if (b->seen != NULL && y != PT_NO_REF)
		b->seen(b->seen_arg, m, y);
	return y;
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
