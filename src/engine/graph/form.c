/*
 * form.c
 *	  Forms: rows of the op table that bear one public name, and which of them a call means.
 *
 * As ATen names its overloads: "max", "max.dim", "max.other" are all max to those who call.  Wherever their rows stand,
 * the one without a suffix comes first.  A call means the first form that its arguments fit.
 */
#include <string.h>

#include "engine/graph/op.h"
#include "engine/lang/fold.h"

bool
pt_op_is_form(const PtOp *op)
{
	return strchr(op->name, '.') != NULL;
}

bool
pt_op_asks(const PtOp *op, const PtParam *param)
{
	for (int i = 0; op->asked != NULL && i < pt_op_nout(op); i++)
		if (op->asked[i] != NULL && strcmp(op->asked[i], param->name) == 0)
			return true;
	return false;
}

/* Has every argument a parameter, whatever its type? */
static bool
has_places(const PtOp *op, const PtGiven *given, int ngiven)
{
	for (int i = 0; i < ngiven; i++)
	{
		int at = 0;

		while (op->params[at].name != NULL &&
			   (given[i].name != NULL ? strcmp(op->params[at].name, given[i].name) != 0
									  : at < i && op->params[at].type != PT_ARG_SIZES))
			at++;
		if (op->params[at].name == NULL || (given[i].name == NULL && op->params[at].keyword))
			return false;
	}
	return true;
}

/* "Write max(input), max(input, dim, keepdim) or max(input, other)." */
static bool
hint_forms(PtArena *arena, const PtOp *first, PtError *err)
{
	PtBuffer b = {.arena = arena};

	for (const PtOp *op = first; op != NULL; op = pt_op_next_form(op))
	{
		pt_buffer_add(&b, op == first ? "" : pt_op_next_form(op) != NULL ? ", " : " or ");
		pt_buffer_addf(&b, "%s(", first->name);
		for (int i = 0; op->params[i].name != NULL; i++)
			pt_buffer_addf(&b, "%s%s", i > 0 ? ", " : "", op->params[i].name);
		pt_buffer_add(&b, ")");
	}
	return b.failed ? false : pt_hint(err, "Write %s.", b.text);
}

const PtOp *
pt_op_choose(PtArena *arena, const PtOp *first, const PtGiven *given, int ngiven, PtArgs **args,
			 PtError *err)
{
	bool any = false, places = false;
	PtError e;

	for (const PtOp *op = first; op != NULL; op = pt_op_next_form(op))
	{
		if ((*args = pt_args_bind(arena, first->name, op->params, given, ngiven, &e)) != NULL)
			return op;
		/* the error of the first form that knows all arguments is of most use */
		if (!any || (!places && has_places(op, given, ngiven)))
			*err = e;
		any = true;
		places = places || has_places(op, given, ngiven);
	}
	if (pt_op_next_form(first) != NULL && err->hint[0] == '\0')
		hint_forms(arena, first, err);
	return NULL;
}
