/*
 * subscript.c
 *	  x[...]: one getitem for all dimensions, then a reshape that drops and adds dimensions of size 1.
 *
 * Memory:  attributes live in the graph's arena.
 * Errors:  the graph's.
 */
#include "engine/graph/subscript.h"

/* A bound of a slice as Python clips it: negative counts from the end. */
static int64_t
clip(int64_t at, int64_t size)
{
	if (at < 0)
		at = at < -size ? 0 : at + size;
	return at > size ? size : at;
}

PtRef
pt_subscript(PtGraph *g, PtRef x, const PtSubscript *subscripts, int n)
{
	const PtShape shape = pt_value(g, x)->shape;
	int64_t *lists = pt_arena_alloc(g->arena, 3 * PT_MAX_DIM * sizeof(int64_t));
	int64_t *start = lists, *step = lists + PT_MAX_DIM, *size = lists + 2 * PT_MAX_DIM;
	PtGiven given[] = {pt_given_ints("start", start, shape.ndim),
					   pt_given_ints("step", step, shape.ndim),
					   pt_given_ints("size", size, shape.ndim)};
	PtShape result = {0};
	int named = 0, rest = -1, d = 0;
	bool whole = true;

	if (g->error.code != PT_OK)
		return PT_NO_REF;
	if (lists == NULL)
		return pt_graph_fail(g, PT_ENOMEM, "out of memory");
	for (int i = 0; i < n; i++)
	{
		named +=
			subscripts[i].kind == PT_SUBSCRIPT_INDEX || subscripts[i].kind == PT_SUBSCRIPT_SLICE;
		if (subscripts[i].kind == PT_SUBSCRIPT_REST && rest >= 0)
			return pt_graph_fail(g, PT_EINVAL, "an index can have only one \"...\"");
		if (subscripts[i].kind == PT_SUBSCRIPT_REST)
			rest = i;
	}
	if (named > shape.ndim)
		return pt_graph_fail(g, PT_EINVAL, "too many indices for a tensor of dimension %d",
							 shape.ndim);
	for (int i = 0; i <= n; i++)
	{
		/* what no subscript names is taken whole, at the "..." or at the end */
		if (i == rest || (i == n && rest < 0))
			for (int left = shape.ndim - named; left > 0; left--, d++)
			{
				step[d] = 1;
				size[d] = shape.dim[d];
				if (result.ndim == PT_MAX_DIM)
					goto too_many;
				result.dim[result.ndim++] = size[d];
			}
		if (i == n || i == rest)
			continue;
		if (subscripts[i].kind != PT_SUBSCRIPT_INDEX && result.ndim == PT_MAX_DIM)
			goto too_many;
		if (subscripts[i].kind == PT_SUBSCRIPT_NEW)
		{
			result.dim[result.ndim++] = 1;
			continue;
		}
		if (subscripts[i].kind == PT_SUBSCRIPT_INDEX)
		{
			int64_t at = subscripts[i].start;

			if (at < -shape.dim[d] || at >= shape.dim[d])
				return pt_graph_fail(g, PT_EINVAL,
									 "index %lld is out of bounds for dimension %d with size %lld",
									 (long long) at, d, (long long) shape.dim[d]);
			start[d] = at < 0 ? at + shape.dim[d] : at;
			step[d] = size[d] = 1;
		}
		else
		{
			int64_t first = subscripts[i].has_start ? clip(subscripts[i].start, shape.dim[d]) : 0;
			int64_t last =
				subscripts[i].has_stop ? clip(subscripts[i].stop, shape.dim[d]) : shape.dim[d];

			step[d] = subscripts[i].step;
			start[d] = first;
			size[d] = last > first ? (last - first - 1) / step[d] + 1 : 0;
			result.dim[result.ndim++] = size[d];
		}
		whole = whole && size[d] == shape.dim[d];
		d++;
	}
	if (!whole)
		x = pt_apply_name(g, "getitem", &x, 1, given, 3);
	return x == PT_NO_REF ? PT_NO_REF : pt_reshape(g, x, &result);

too_many:
	return pt_graph_fail(g, PT_ELIMIT, "an index would give more than %d dimensions", PT_MAX_DIM);
}
