/*
 * memory.c
 *	  Where every value of a plan lives.
 *
 * Three steps.  (1) Views show their base's memory.  (2) A value that an external shall hold, or that is
 * a part of a packed array, is computed right there, if nobody needs the old contents later.
 * (3) All others get room in one arena: intervals from first write to last read are exact, so
 * they are placed greedily, largest first, at the lowest offset that is free for the whole
 * interval; small ones live all the time.  A program may write over an operand that it is the last to read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/plan/plan_private.h"

#define ALIGN(bytes) (((bytes) + 63) & ~(size_t) 63)
/*
 * Values up to this size have their place to themselves.  It costs next to nothing, and a device that runs
 * steps side by side need not let one wait only because its few numbers were put where something large was.
 */
#define SMALL ((size_t) 1024)

PtRef
pt_plan_base(const PtPlanning *p, PtRef ref, size_t *offset)
{
	const PtGraph *g = p->g;

	*offset = 0;
	while (pt_value(g, ref)->role == PT_ROLE_RESULT)
	{
		const PtNode *node = &g->nodes[pt_value(g, ref)->node];

		if (!(node->op->flags & PT_OP_VIEW))
			break;
		if (strcmp(node->op->name, "slice") == 0)
			*offset += pt_args_int(node->attrs, "offset") * pt_dtype_size(pt_value(g, ref)->dtype);
		ref = node->in[0];
	}
	return ref;
}

size_t
pt_plan_value_bytes(const PtPlanning *p, PtRef ref)
{
	const PtGraphValue *v = pt_value(p->g, ref);

	return pt_shape_numel(&v->shape) * pt_dtype_size(v->dtype);
}

typedef struct Life
{
	int from, to; /* steps; from -1: not written by a step */
} Life;

/* First write and last read of each base value. */
static void
measure(const PtPlanning *p, Life *life)
{
	size_t offset;

	for (PtRef r = 0; r < p->g->nvalues; r++)
		life[r] = (Life){-1, -1};
	for (int s = 0; s < p->nsteps; s++)
	{
		const PtUnit *u = &p->units[p->order[s]];

		for (int i = 0; i < u->nin; i++)
			if (u->in[i] != PT_NO_REF)
				life[pt_plan_base(p, u->in[i], &offset)].to = s;
		for (int i = 0; i < u->nout; i++)
		{
			life[u->out[i]].from = s;
			if (life[u->out[i]].to < s)
				life[u->out[i]].to = s;
		}
	}
}

/* May step s write over x element by element while it reads it?  Only programs, at equal addresses. */
static bool
reads_in_place(const PtPlanning *p, int s, PtRef x, PtRef out)
{
	const PtUnit *u = &p->units[p->order[s]];

	if (u->main >= 0)
		return false;
	if (pt_dtype_size(pt_value(p->g, x)->dtype) != pt_dtype_size(pt_value(p->g, out)->dtype) ||
		!pt_shape_equal(&pt_value(p->g, x)->shape, &pt_value(p->g, out)->shape))
		return false;
	for (int i = 0; i < u->nin; i++)
	{
		size_t a;

		/* the same memory, but not as the same elements */
		if (u->in[i] != x && pt_plan_base(p, u->in[i], &a) == x)
			return false;
	}
	return true;
}

/* Places a value at an external (or a part of a packed array that is placed there), with all views of it. */
static void
place(PtPlanning *p, PtRef value, PtRef external, size_t offset)
{
	const PtGraphValue *v = pt_value(p->g, value);
	const PtNode *node = &p->g->nodes[v->node];

	p->places[value] = (PtPlace){external, offset};
	if (strcmp(node->op->name, "pack") != 0)
		return;
	for (int i = 0; i < node->nlist; i++)
	{
		size_t inner;
		PtRef part = pt_plan_base(p, node->list[i], &inner);
		const PtGraphValue *b = pt_value(p->g, part);

		/* fresh, whole, not placed yet: write it where it belongs */
		if (b->role == PT_ROLE_RESULT && inner == 0 && p->places[part].external == PT_NO_REF &&
			pt_plan_value_bytes(p, part) == pt_plan_value_bytes(p, node->list[i]))
			place(p, part, external,
				  offset + pt_args_get(node->attrs, "offsets")->ints[i] * pt_dtype_size(v->dtype));
	}
}

/* An assignment can be done by computing the value in the external itself. */
static bool
can_place(const PtPlanning *p, PtRef external, PtRef value, const Life *life)
{
	const PtGraphValue *v = pt_value(p->g, value);
	size_t offset;

	if (v->role != PT_ROLE_RESULT || pt_plan_base(p, value, &offset) != value ||
		p->places[value].external != PT_NO_REF || life[value].from < 0)
		return false;
	/* parts of a packed array are written long before the array is complete */
	if (strcmp(p->g->nodes[v->node].op->name, "pack") == 0)
		return life[external].to < 0;
	/* the old contents are read before, or by the same program at the same place */
	if (life[external].to < life[value].from)
		return true;
	return life[external].to == life[value].from &&
		   reads_in_place(p, life[value].from, external, value);
}

static int
by_size(const void *x, const void *y)
{
	const PtBlock *a = x, *b = y;

	if (a->bytes != b->bytes)
		return a->bytes < b->bytes ? 1 : -1;
	if (a->from != b->from)
		return a->from < b->from ? -1 : 1;
	return a->workspace != b->workspace ? (a->workspace ? -1 : 1)
										: (a->id > b->id) - (a->id < b->id);
}

/*
 * Puts a block at the lowest offset that is free while it lives.  placed: the n blocks before it, by offset,
 * so that one walk finds the gap, and deep networks compile in time.  False: no address reaches its end.
 */
static bool
find_room(PtBlock **placed, int n, PtBlock *b)
{
	int at = n;

	for (int i = 0; i < n; i++)
	{
		const PtBlock *other = placed[i];

		if (other->from > b->to || b->from > other->to)
			continue;
		if (other->offset >= b->offset && other->offset - b->offset >= b->bytes)
			break;
		if (other->offset + other->bytes > b->offset)
			b->offset = other->offset + other->bytes;
	}
	while (at > 0 && placed[at - 1]->offset > b->offset)
		at--;
	memmove(placed + at + 1, placed + at, (size_t) (n - at) * sizeof(PtBlock *));
	placed[at] = b;
	return b->bytes <= PTRDIFF_MAX && b->offset <= PTRDIFF_MAX - b->bytes;
}

bool
pt_plan_arrange(PtPlanning *p, PtBlock *blocks, int n, int nsteps, size_t *bytes)
{
	PtBlock **placed = pt_arena_alloc(p->arena, ((size_t) n + 1) * sizeof(PtBlock *));

	*bytes = 0;
	if (placed == NULL)
		return pt_fail_memory(p->err, (size_t) n * sizeof(PtBlock *));
	for (int i = 0; i < n; i++)
	{
		blocks[i].bytes = ALIGN(blocks[i].bytes);
		if (p->options->no_reuse || blocks[i].bytes <= SMALL)
		{
			blocks[i].from = 0;
			blocks[i].to = nsteps;
		}
	}
	qsort(blocks, n, sizeof(PtBlock), by_size);
	for (int i = 0; i < n; i++)
	{
		size_t end;

		if (!find_room(placed, i, &blocks[i]))
			return pt_fail_memory(p->err, blocks[i].bytes);
		end = blocks[i].offset + blocks[i].bytes;
		*bytes = end > *bytes ? end : *bytes;
	}
	return true;
}

/*
 * Programs write over an operand that dies with them: the result joins the operand's block.  joined[r] is
 * the value whose block r uses.
 */
static void
join_in_place(const PtPlanning *p, Life *life, PtRef *joined)
{
	for (int s = 0; s < p->nsteps; s++)
	{
		const PtUnit *u = &p->units[p->order[s]];

		for (int o = 0; u->main < 0 && !p->on_host[s] && o < u->nout; o++)
		{
			PtRef out = u->out[o];

			for (int i = 0;
				 p->places[out].external == PT_NO_REF && joined[out] == out && i < u->nin; i++)
			{
				PtRef x = u->in[i];
				PtRef owner = joined[x];
				bool taken = false;

				if (pt_value(p->g, x)->role != PT_ROLE_RESULT ||
					pt_plan_value_bytes(p, x) <= SMALL || p->places[x].external != PT_NO_REF ||
					life[x].from < 0 || life[owner].to != s || life[x].to != s ||
					!reads_in_place(p, s, x, out))
					continue;
				for (int k = 0; k < o; k++)
					taken = taken || joined[u->out[k]] == owner;
				if (taken)
					continue;
				joined[out] = owner;
				life[owner].to = life[out].to;
			}
		}
	}
}

/* Whether a value needs room on the device: what only steps on the host touch does not. */
static bool
is_on_device(const PtPlanning *p, PtRef ref)
{
	return p->on_device == NULL || p->on_device[ref];
}

/* Where externals get what they are assigned: right there, or by a copy at the end. */
static void
place_assigned(PtPlanning *p, Life *life)
{
	const PtGraph *g = p->g;

	for (PtRef r = 1; r < g->nvalues; r++)
	{
		PtRef v = g->values[r].role == PT_ROLE_EXTERNAL ? g->values[r].assigned : PT_NO_REF;

		if (v == PT_NO_REF)
			continue;
		if (can_place(p, r, v, life))
			place(p, v, r, 0);
		else
			p->copies[p->ncopies++] = r;
	}
	/* what is copied lives until then */
	for (int i = 0; i < p->ncopies; i++)
	{
		size_t offset;
		PtRef base = pt_plan_base(p, g->values[p->copies[i]].assigned, &offset);

		life[base].to = p->nsteps;
		if (p->on_device != NULL)
			p->on_device[base] = true;
	}
}

bool
pt_plan_places(PtPlanning *p, const PtStep *steps)
{
	const PtGraph *g = p->g;
	Life *life = pt_arena_alloc(p->arena, g->nvalues * sizeof(Life));
	PtRef *joined = pt_arena_alloc(p->arena, g->nvalues * sizeof(PtRef));
	PtBlock *blocks = pt_arena_alloc(p->arena, (g->nvalues + p->nsteps) * sizeof(PtBlock));
	int n = 0;

	p->places = pt_arena_alloc(p->arena, g->nvalues * sizeof(PtPlace));
	p->copies = pt_arena_alloc(p->arena, g->nvalues * sizeof(PtRef));
	p->scratch = pt_arena_alloc(p->arena, (p->nsteps + 1) * sizeof(size_t));
	if (life == NULL || joined == NULL || blocks == NULL || p->places == NULL ||
		p->copies == NULL || p->scratch == NULL)
		return pt_fail_memory(p->err, g->nvalues * sizeof(PtBlock));
	measure(p, life);
	for (PtRef r = 1; r < g->nvalues; r++)
	{
		joined[r] = r;
		if (g->values[r].role == PT_ROLE_EXTERNAL)
			p->places[r].external = r;
	}
	place_assigned(p, life);
	if (!p->options->no_reuse)
		join_in_place(p, life, joined);

	for (PtRef r = 1; r < g->nvalues; r++)
		if (g->values[r].role == PT_ROLE_RESULT && life[r].from >= 0 &&
			p->places[r].external == PT_NO_REF && joined[r] == r && is_on_device(p, r))
			blocks[n++] = (PtBlock){.id = r,
									.bytes = pt_plan_value_bytes(p, r),
									.from = life[r].from,
									.to = life[r].to};
	for (int s = 0; s < p->nsteps; s++)
		if (steps[s].workspace > 0 && !p->on_host[s])
			blocks[n++] = (PtBlock){.id = s,
									.workspace = true,
									.bytes = steps[s].workspace,
									.from = s,
									.to = s};
	if (!pt_plan_arrange(p, blocks, n, p->nsteps, &p->arena_bytes))
		return false;
	for (int i = 0; i < n; i++)
		if (blocks[i].workspace)
			p->scratch[blocks[i].id] = blocks[i].offset;
		else
			p->places[blocks[i].id].offset = blocks[i].offset;
	for (PtRef r = 1; r < g->nvalues; r++)
		if (joined[r] != r)
			p->places[r] = p->places[joined[r]];
	return true;
}
