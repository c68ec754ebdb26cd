/*
 * module.c
 *	  Trees of modules: made from their arguments, and what is known of them without a graph.
 *
 * A tree is made bottom-up (children are arguments of their parent), so paths are set and shapes
 * checked once the root is there.  What a type does is in its row (modules/, losses/); reading and printing is
 * graph/constructor.c's.
 *
 * Memory:  a tree lives in the arena that it was made in.
 * Threads: a finished tree is read-only.
 * Errors:  values; those about one module name its path.
 */
#include "engine/nn/module.h"

#include <stdio.h>
#include <string.h>

#include "engine/modules/table.h"

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

/* How many modules an argument is. */
static int
objects(const PtValue *v)
{
	return v->kind == PT_VALUE_OBJECT || v->kind == PT_VALUE_OBJECTS ? v->count : 0;
}

/* The children are the modules among the arguments, with the names they were given or "0", "1", ... */
static bool
take_children(PtArena *arena, PtModule *m, PtError *err)
{
	const char **names;
	int n = 0;

	for (int i = 0; i < m->args->count; i++)
		n += objects(&m->args->values[i]);
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

		for (int j = 0; j < objects(v); j++)
		{
			PtModule *child = (PtModule *) v->objects[j];

			if (child->type->loss != NULL)
				return pt_fail(err, PT_EINVAL, "nn.%s is a loss, not a layer", child->type->name);
			if (child->depth >= PT_MODULE_DEPTH)
				return pt_fail(err, PT_ELIMIT, "modules are nested more than %d deep",
							   PT_MODULE_DEPTH);
			if (child->depth >= m->depth)
				m->depth = child->depth + 1;
			m->work += child->work;
			if (m->args->params[i].type != PT_ARG_NAMED_OBJECTS)
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

/* What forward takes, where a row does not say otherwise. */
static const PtParam layer_inputs[] = {{"input", PT_ARG_TENSOR, .required = true}, {NULL}};
static const PtParam loss_inputs[] = {{"input", PT_ARG_TENSOR, .required = true},
									  {"target", PT_ARG_TENSOR, .required = true},
									  {NULL}};

/* A module whose tree is not finished: no paths, shapes unchecked. */
static bool
make(PtArena *arena, PtObject *o, PtError *err)
{
	PtModule *m = (PtModule *) o;

	m->path = "";
	m->indices = m->type->indices;
	m->inputs = m->type->inputs != NULL ? m->type->inputs
				: m->type->loss != NULL ? loss_inputs
										: layer_inputs;
	if (!take_children(arena, m, err))
		return false;
	if (m->type->prepare != NULL && !m->type->prepare(arena, m, err))
		return false;
	if (m->work > PT_MODULE_WORK)
		return pt_fail(err, PT_ELIMIT, "nn.%s is made of more than %d modules and operations",
					   m->type->name, PT_MODULE_WORK);
	return m->type->check == NULL || m->type->check(m, err);
}

/* The root of a tree: paths, and shapes as far as they are known without data. */
static bool
finish(PtArena *arena, PtObject *o, PtError *err)
{
	PtModule *m = (PtModule *) o;

	return set_paths(arena, m, "", err) && (m->type->loss != NULL || pt_module_fits(m, err));
}

static const PtConstructor *
at(int i)
{
	return (const PtConstructor *) pt_module_type_at(i);
}

const PtConstructors pt_modules = {
	.schema = "nn",
	.type = "module",
	.one = "a module",
	.several = "a list of modules",
	.example = "nn.Linear(64, 10)",
	.doc = "a module or loss, e.g. nn.Sequential(nn.Linear(64, 32), nn.ReLU())",
	.prefixes = (const char *const[]){"torch.nn.", NULL},
	.size = sizeof(PtModule),
	.at = at,
	.make = make,
	.finish = finish,
};

const PtModuleType *
pt_module_type_at(int i)
{
	for (const PtModuleType *const *table = pt_module_tables; *table != NULL; table++)
		for (const PtModuleType *type = *table; type->name != NULL; type++)
			if (i-- == 0)
				return type;
	return NULL;
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
	int n = 0;

	while (m->inputs[n].name != NULL && m->inputs[n].required)
		n++;
	return n;
}

bool
pt_module_input_is_index(const PtModule *m, int i)
{
	return (m->indices >> i & 1) != 0;
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

bool
pt_module_fits(const PtModule *m, PtError *err)
{
	static const PtShape unknown[PT_MAX_INPUTS] = {[0 ... PT_MAX_INPUTS - 1] = {-1, {-1}}};
	PtShape out;

	return pt_module_output_shape(m, unknown, pt_module_inputs(m), &out, err);
}

bool
pt_module_row(const PtModule *m, const PtShape *shape, int64_t rows, PtShape *row, PtError *err)
{
	char title[PT_MODULE_TITLE], text[PT_SHAPE_TEXT];

	if (shape->ndim > 0 && shape->dim[0] == rows)
	{
		if (row == NULL)
			return true;
		*row = (PtShape){.ndim = shape->ndim - 1};
		memcpy(row->dim, shape->dim + 1, (size_t) row->ndim * sizeof(int64_t));
		return true;
	}
	pt_fail(err, PT_ESHAPE,
			"module %s must give one output for each row, but for %lld rows it gives the shape %s",
			pt_module_title(m, title), (long long) rows, pt_shape_print(shape, text));
	return shape->ndim > 1 && shape->dim[1] == rows
			   ? pt_hint(err, "Rows come first: transpose(x, 0, 1).")
			   : false;
}
