/*
 * module.c
 *	  Trees of modules: from text and arguments, and to text.
 *
 * A tree is made bottom-up (children are arguments of their parent), so paths are set and shapes
 * checked once the root is there.  What a type does is in its row (modules/, losses/); here is only
 * what all of them share.
 *
 * Memory:  a tree lives in the arena that it was made in.
 * Threads: a finished tree is read-only.
 * Errors:  values; those about one module name its path.
 */
#include "engine/nn/module.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "engine/graph/build.h"
#include "engine/modules/table.h"

/* ---------- types ---------- */

const PtModuleType *
pt_module_type_at(int i)
{
	for (const PtModuleType *const *table = pt_module_tables; *table != NULL; table++)
		for (const PtModuleType *type = *table; type->name != NULL; type++)
			if (i-- == 0)
				return type;
	return NULL;
}

const PtModuleType *
pt_module_type_find(const char *name)
{
	const PtModuleType *type;
	const PtModuleType *found = NULL;
	int like = 0;

	for (int i = 0; (type = pt_module_type_at(i)) != NULL; i++)
		if (strcmp(type->name, name) == 0)
			return type;
	for (int i = 0; (type = pt_module_type_at(i)) != NULL; i++)
		if (strcasecmp(type->name, name) == 0)
		{
			found = type;
			like++;
		}
	return like == 1 ? found : NULL; /* not if it is ambiguous */
}

char *
pt_module_title(const PtModule *m, char *buf)
{
	if (m->path[0] == '\0')
		snprintf(buf, PT_MODULE_TITLE, "nn.%s", m->type->name);
	else
		snprintf(buf, PT_MODULE_TITLE, "%.100s (nn.%s)", m->path, m->type->name);
	return buf;
}

/* ---------- making ---------- */

/* Gives all of a tree its paths. */
static bool
set_paths(PtArena *arena, PtModule *m, const char *path, PtError *err)
{
	if (strlen(path) > PT_MODULE_PATH)
		return pt_fail(err, PT_ELIMIT, "the path of a module is longer than %d bytes: %.64s...",
					   PT_MODULE_PATH, path);
	m->path = path;
	for (int i = 0; i < m->nchildren; i++)
	{
		const char *child =
			path[0] == '\0' ? m->names[i] : pt_arena_printf(arena, "%s.%s", path, m->names[i]);

		if (child == NULL)
			return pt_fail_memory(err, strlen(path));
		if (!set_paths(arena, m->children[i], child, err))
			return false;
	}
	return true;
}

static bool
takes_names(const PtModuleType *type)
{
	for (const PtParam *p = type->params; p->name != NULL; p++)
		if (p->type == PT_ARG_NAMED_MODULES)
			return true;
	return false;
}

/*
 * Takes the names out of 'fc1', nn.Linear(8, 8), ... after the first argument, and gives them to the
 * modules.
 */
static bool
take_names(PtArena *arena, const char *what, const PtGiven **given, int *n, PtError *err)
{
	PtGiven *left = pt_arena_alloc(arena, (size_t) *n * sizeof(PtGiven) + 1);
	int count = 0;

	if (left == NULL)
		return pt_fail_memory(err, (size_t) *n * sizeof(PtGiven));
	for (int i = 0; i < *n; i++)
	{
		const PtGiven *g = &(*given)[i];

		if (i > 0 && g->name == NULL)
		{
			if (g->value.kind != PT_VALUE_WORD || i + 1 == *n || g[1].name != NULL ||
				g[1].value.kind != PT_VALUE_MODULES || g[1].value.count != 1)
			{
				pt_fail(err, PT_EINVAL, "%s takes modules each after its name", what);
				return pt_hint(err,
							   "For example nn.Graph('x -> fc1(x) + x', 'fc1', nn.Linear(8, 8)).");
			}
			g[1].value.modules[0]->name = g->value.word;
			i++;
		}
		left[count++] = (*given)[i];
	}
	*given = left;
	*n = count;
	return true;
}

/* The children are the modules among the arguments, with the names they were given or "0", "1", ... */
static bool
take_children(PtArena *arena, PtModule *m, PtError *err)
{
	const char **names;
	int n = 0;

	for (int i = 0; i < m->args->count; i++)
		if (m->args->values[i].kind == PT_VALUE_MODULES)
			n += m->args->values[i].count;
	m->depth = 1;
	m->work = 1;
	if (n == 0)
		return true;
	m->children = pt_arena_alloc(arena, (size_t) n * sizeof(*m->children));
	names = pt_arena_alloc(arena, (size_t) n * sizeof(*names));
	if (m->children == NULL || names == NULL)
		return pt_fail_memory(err, (size_t) n * sizeof(*names));
	m->names = names;
	for (int i = 0; i < m->args->count; i++)
	{
		const PtValue *v = &m->args->values[i];

		for (int j = 0; v->kind == PT_VALUE_MODULES && j < v->count; j++)
		{
			PtModule *child = v->modules[j];

			if (child->type->loss != NULL)
				return pt_fail(err, PT_EINVAL, "nn.%s is a loss, not a layer", child->type->name);
			if (child->depth >= PT_MODULE_DEPTH)
				return pt_fail(err, PT_ELIMIT, "modules are nested more than %d deep",
							   PT_MODULE_DEPTH);
			if (child->depth >= m->depth)
				m->depth = child->depth + 1;
			m->work += child->work;
			if (m->args->params[i].type != PT_ARG_NAMED_MODULES)
				child->name = NULL;
			names[m->nchildren] =
				child->name != NULL ? child->name : pt_arena_printf(arena, "%d", m->nchildren);
			if (names[m->nchildren] == NULL)
				return pt_fail_memory(err, sizeof(*names));
			m->children[m->nchildren++] = child;
		}
	}
	return true;
}

/* A module whose tree is not finished: no paths, shapes unchecked. */
static PtModule *
make(PtArena *arena, const PtModuleType *type, const PtGiven *given, int ngiven, PtError *err)
{
	char what[80];
	PtModule *m = pt_arena_alloc(arena, sizeof(PtModule));

	if (m == NULL)
	{
		pt_fail_memory(err, sizeof(PtModule));
		return NULL;
	}
	snprintf(what, sizeof(what), "nn.%s", type->name);
	m->type = type;
	m->path = "";
	if (takes_names(type) && !take_names(arena, what, &given, &ngiven, err))
		return NULL;
	m->args = pt_args_bind(arena, what, type->params, given, ngiven, err);
	if (m->args == NULL || !take_children(arena, m, err))
		return NULL;
	if (type->prepare != NULL && !type->prepare(arena, m, err))
		return NULL;
	if (m->work > PT_MODULE_WORK)
	{
		pt_fail(err, PT_ELIMIT, "%s is made of more than %d modules and operations", what,
				PT_MODULE_WORK);
		return NULL;
	}
	return type->check == NULL || type->check(m, err) ? m : NULL;
}

/* The root of a tree: paths, and shapes as far as they are known without data. */
static PtModule *
finish(PtArena *arena, PtModule *m, PtError *err)
{
	PtShape unknown[PT_MAX_INPUTS];
	PtShape out;

	if (!set_paths(arena, m, "", err))
		return NULL;
	for (int i = 0; i < PT_MAX_INPUTS; i++)
		unknown[i] = (PtShape){-1, {-1}};
	if (m->type->loss == NULL &&
		!pt_module_output_shape(m, unknown, pt_module_inputs(m), &out, err))
		return NULL;
	return m;
}

PtModule *
pt_module_new(PtArena *arena, const PtModuleType *type, const PtGiven *given, int ngiven,
			  PtError *err)
{
	PtModule *m = make(arena, type, given, ngiven, err);

	return m != NULL ? finish(arena, m, err) : NULL;
}

/* ---------- from text ---------- */

static const PtModuleType *
find_type(const PtExpr *callee, PtError *err)
{
	static const char *const prefixes[] = {"torch.nn.", "nn."};
	const char *name = callee->text;
	const char *names[256];
	const char *nearest;
	const PtModuleType *type;
	int n = 0;

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
	{
		size_t length = strlen(prefixes[i]);

		if (strncmp(name, prefixes[i], length) == 0)
		{
			name += length;
			break;
		}
	}
	if ((type = pt_module_type_find(name)) != NULL)
		return type;
	pt_fail(err, PT_ENAME, "module \"%.64s\" does not exist", callee->text);
	for (; n < 256 && (type = pt_module_type_at(n)) != NULL; n++)
		names[n] = type->name;
	if ((nearest = pt_nearest(name, names, n)) != NULL)
		pt_hint(err, "Perhaps you meant \"nn.%s\".", nearest);
	return NULL;
}

static PtModule *from_expression(PtArena *arena, const PtExpr *e, PtError *err);

/* Is this a call that must be a module, rather than arithmetic like float('inf')? */
static bool
is_module(const PtExpr *e)
{
	const char *name;

	if (e->kind != PT_EXPR_CALL || e->args[0]->kind != PT_EXPR_NAME)
		return false;
	name = e->args[0]->text;
	return strncmp(name, "nn.", 3) == 0 || strncmp(name, "torch.nn.", 9) == 0 ||
		   pt_module_type_find(name) != NULL;
}

static bool
argument(PtArena *arena, const PtExpr *e, PtValue *out, PtError *err)
{
	struct PtModule **one;

	if (!is_module(e))
		return pt_expr_constant(arena, e, out, err);
	if ((one = pt_arena_alloc(arena, sizeof(*one))) == NULL)
		return pt_fail_memory(err, sizeof(*one));
	*out = (PtValue){PT_VALUE_MODULES, 1, {.modules = one}};
	*one = from_expression(arena, e, err);
	return *one != NULL;
}

static PtModule *
from_expression(PtArena *arena, const PtExpr *e, PtError *err)
{
	const PtModuleType *type;
	PtGiven *given;
	int n = e->nargs - 1;

	if (e->kind != PT_EXPR_CALL || e->args[0]->kind != PT_EXPR_NAME)
	{
		pt_fail(err, PT_ESYNTAX, "a module must be a call");
		pt_hint(err, "For example nn.Linear(64, 10).");
		return NULL;
	}
	if ((type = find_type(e->args[0], err)) == NULL)
		return NULL;
	if ((given = pt_arena_alloc(arena, (size_t) n * sizeof(PtGiven) + 1)) == NULL)
	{
		pt_fail_memory(err, (size_t) n * sizeof(PtGiven));
		return NULL;
	}
	for (int i = 0; i < n; i++)
	{
		given[i].name = e->keywords[i + 1];
		if (!argument(arena, e->args[i + 1], &given[i].value, err))
			return NULL;
	}
	return make(arena, type, given, n, err);
}

PtModule *
pt_module_parse(PtArena *arena, const char *text, PtError *err)
{
	PtExpr *e = pt_expr_parse(arena, text, err);
	PtModule *m = e ? from_expression(arena, e, err) : NULL;

	return m != NULL ? finish(arena, m, err) : NULL;
}

/* ---------- to text ---------- */

static bool print_child(PtBuffer *b, const PtModule *m, PtError *err);

static bool
print(PtBuffer *b, const PtModule *m, PtError *err)
{
	char what[80];

	snprintf(what, sizeof(what), "nn.%s", m->type->name);
	pt_buffer_add(b, what);
	pt_buffer_add(b, "(");
	if (!pt_args_print(b, what, m->args, print_child, err))
		return false;
	pt_buffer_add(b, ")");
	return true;
}

/* 'fc1', nn.Linear(8, 8), or without a name */
static bool
print_child(PtBuffer *b, const PtModule *m, PtError *err)
{
	if (m->name != NULL)
	{
		pt_value_print(b, &(PtValue){PT_VALUE_WORD, 0, {.word = m->name}});
		pt_buffer_add(b, ", ");
	}
	return print(b, m, err);
}

char *
pt_module_print(PtArena *arena, const PtModule *m, PtError *err)
{
	PtBuffer b = {.arena = arena};

	if (!print(&b, m, err))
		return NULL;
	if (b.failed)
	{
		pt_fail_memory(err, b.used);
		return NULL;
	}
	return b.text;
}

/* ---------- inputs and shapes ---------- */

bool
pt_module_is_loss(const PtModule *m)
{
	return m->type->loss != NULL || m->may_be_loss;
}

const PtLossType *
pt_module_loss(const PtModule *m)
{
	static const PtLossType plain = {PT_TARGET_NUMBERS};

	return m->type->loss != NULL ? m->type->loss : &plain;
}

int
pt_module_inputs(const PtModule *m)
{
	if (m->inputs > 0)
		return m->inputs;
	return m->type->loss != NULL ? 2 : m->type->inputs > 0 ? m->type->inputs : 1;
}

bool
pt_module_input_is_index(const PtModule *m, int i)
{
	/* a container hands its input to its first child, if it does not know better */
	while (m->nchildren > 0 && m->type->takes_index == NULL)
		m = m->children[0];
	if (m->type->takes_index != NULL)
		return m->type->takes_index(m, i);
	return i == 0 && m->type->index_input;
}

bool
pt_module_output_shape(const PtModule *m, const PtShape *in, int nin, PtShape *out, PtError *err)
{
	char title[PT_MODULE_TITLE];

	if (nin != pt_module_inputs(m))
		return pt_fail(err, PT_EINVAL, "module %s takes %d inputs, not %d",
					   pt_module_title(m, title), pt_module_inputs(m), nin);
	*out = *in;
	return m->type->shapes == NULL || m->type->shapes(m, in, out, err);
}
