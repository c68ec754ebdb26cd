/*
 * random_graph.c
 *	  Random graphs over the op table.
 */
#include "engine/random_graph.h"

#define MAX_VALUES 200

/* A graph being made. */
typedef struct Making
{
	Case *c;
	PtRef values[MAX_VALUES];
	int nvalues;
	PtShape base;				  /* all shapes broadcast to this one */
	bool smooth;				  /* float64, and no op that jumps: small differences stay small */
	PtRef target[16], result[16]; /* what externals shall hold */
	int ntargets;
	int inputs;
} Making;

static void
forget_error(PtGraph *g)
{
	memset(&g->error, 0, sizeof(g->error));
}

static PtRef
keep(Making *m, PtRef x)
{
	if (x == PT_NO_REF)
		forget_error(m->c->g);
	else if (m->nvalues < MAX_VALUES)
		m->values[m->nvalues++] = x;
	return x;
}

static PtRef
pick(Making *m)
{
	/* rather a recent one, so that chains grow */
	int from = draw_int(2) && m->nvalues > 4 ? m->nvalues - 4 : 0;

	return m->values[from + draw_int(m->nvalues - from)];
}

static PtShape
draw_shape(Making *m)
{
	PtShape s = m->base;
	int drop = draw_int(3) == 0 ? draw_int(s.ndim + 1) : 0;

	s.ndim -= drop;
	memmove(s.dim, s.dim + drop, (size_t) s.ndim * sizeof(int64_t));
	for (int i = 0; i < s.ndim; i++)
		if (draw_int(4) == 0)
			s.dim[i] = 1;
	return s;
}

static PtDtype
draw_dtype(Making *m)
{
	static const PtDtype often[] = {PT_FLOAT32, PT_FLOAT32, PT_FLOAT64, PT_FLOAT16, PT_BFLOAT16};

	if (m->smooth)
		return PT_FLOAT64;
	return draw_int(3) ? often[draw_int(5)] : (PtDtype) draw_int(PT_NDTYPE);
}

static PtRef
draw_number(Making *m)
{
	if (m->smooth || draw_int(2))
		return pt_real(m->c->g, draw_real() * 2 - 1);
	return draw_int(5) ? pt_integer(m->c->g, draw_int(9) - 4) : pt_boolean(m->c->g, draw_int(2));
}

static PtRef
bounded(Making *m, PtRef x)
{
	return m->smooth && x != PT_NO_REF ? pt_tanh(m->c->g, x) : x;
}

static void
add_scalar(Making *m)
{
	static const PtScalar smooth[] = {PT_S_add, PT_S_sub,  PT_S_mul,	 PT_S_neg,	  PT_S_tanh,
									  PT_S_exp, PT_S_relu, PT_S_sigmoid, PT_S_square, PT_S_add};
	PtScalar op = m->smooth ? smooth[draw_int(10)] : (PtScalar) (1 + draw_int(PT_S_END - 1));
	PtRef in[3];
	int arity = pt_scalar_arity(op);
	PtRef x;

	for (int i = 0; i < arity; i++)
		in[i] = i > 0 && draw_int(4) == 0 ? draw_number(m) : pick(m);
	if (op == PT_S_where)
		in[0] = pt_gt(m->c->g, pick(m), draw_number(m));
	/* integers divided by zero are an error, tested elsewhere */
	if ((op == PT_S_floor_divide || op == PT_S_remainder || op == PT_S_pow) &&
		!pt_dtype_is_float(pt_result_type(m->c->g, in, 2)))
		return;
	x = pt_apply(m->c->g, pt_op_scalar(op), in, arity, NULL);
	keep(m, bounded(m, x));
}

static void
add_reduction(Making *m)
{
	static const char *const names[] = {"sum", "mean", "amax", "amin"};
	PtRef x = pick(m), y;
	PtShape s = pt_value(m->c->g, x)->shape;
	int64_t dims[PT_MAX_DIM];
	int n = 0;
	PtGiven given[2] = {{"keepdim", {PT_VALUE_BOOL, 0, {.boolean = true}}}};

	for (int i = 0; i < s.ndim; i++)
		if (draw_int(2))
			dims[n++] = i;
	given[1] = (PtGiven){"dim",
						 {PT_VALUE_INTS,
						  n,
						  {.ints = memcpy(pt_arena_alloc(m->c->g->arena, sizeof(dims)), dims,
										  sizeof(dims))}}};
	y = pt_apply_name(m->c->g, names[draw_int(m->smooth ? 2 : 4)], &x, 1, given, draw_int(2) + 1);
	keep(m, bounded(m, y));
}

static PtRef
as_float(Making *m, PtRef x)
{
	return pt_dtype_is_float(pt_value(m->c->g, x)->dtype) ? x : pt_cast(m->c->g, x, PT_FLOAT32);
}

static void
add_structured(Making *m)
{
	PtGraph *g = m->c->g;
	PtRef x = pick(m), y = PT_NO_REF, w;
	PtShape s = pt_value(g, x)->shape;
	int64_t last = s.ndim > 0 ? s.dim[s.ndim - 1] : 1;
	PtDtype dtype;
	PtGiven given;
	int64_t *ints = pt_arena_alloc(g->arena, PT_MAX_DIM * sizeof(int64_t));

	switch (draw_int(6))
	{
		case 0: /* back to the same shape, so that it goes on */
			if (s.ndim == 0)
				return;
			x = as_float(m, x);
			dtype = pt_value(g, x)->dtype;
			w = m->c->ext[case_random(m->c, dtype, SHAPE(last, last), 0.5)];
			y = pt_linear(g, x, w,
						  draw_int(2) ? m->c->ext[case_random(m->c, dtype, SHAPE(last), 0.5)]
									  : PT_NO_REF);
			break;
		case 1:
			dtype = pt_value(g, x)->dtype;
			x = pt_reshape(g, x, &(PtShape){2, {pt_shape_numel(&s) / (last ? last : 1), last}});
			if (x == PT_NO_REF)
				break;
			w = m->c->ext[case_random(m->c, dtype, SHAPE(last, last), 1)];
			y = pt_reshape(g, pt_mm(g, x, w, false, draw_int(2)), &s);
			break;
		case 2:
			given = (PtGiven){"dim", {PT_VALUE_INT, 0, {.integer = s.ndim ? draw_int(s.ndim) : 0}}};
			x = as_float(m, x);
			y = pt_apply_name(g, draw_int(2) ? "softmax" : "log_softmax", &x, 1, &given, 1);
			break;
		case 3: /* there and back */
			for (int i = 0; i < s.ndim; i++)
				ints[i] = s.ndim - 1 - i;
			given = (PtGiven){"dims", {PT_VALUE_INTS, s.ndim, {.ints = ints}}};
			if (s.ndim == 0)
				return;
			y = pt_apply_name(g, "permute", &x, 1, &given, 1);
			y = y == PT_NO_REF ? y : pt_mul(g, y, pt_integer(g, 1));
			y = pt_apply_name(g, "permute", &y, 1, &given, 1);
			break;
		case 4:
			y = m->smooth ? x : pt_cast(g, x, draw_dtype(m));
			break;
		case 5:
			y = pt_expand(g, x, &m->base);
			break;
	}
	keep(m, bounded(m, y));
}

/* A value of an external's dtype and shape. */
static PtRef
fitted(Making *m, PtRef external)
{
	PtGraph *g = m->c->g;
	PtShape s = pt_value(g, external)->shape;
	PtDtype dtype = pt_value(g, external)->dtype;
	PtRef x = pick(m);

	switch (draw_int(4))
	{
		case 0: /* as it is, if it fits: externals, views, values that others hold too */
			for (int i = 0; i < m->nvalues; i++)
			{
				const PtGraphValue *v = pt_value(g, m->values[(i + draw_int(3)) % m->nvalues]);

				if (v->dtype == dtype && pt_shape_equal(&v->shape, &s))
					return m->values[i % m->nvalues] == external && draw_int(2)
							   ? external
							   : (PtRef) (v - g->values);
			}
			/* fall through */
		case 1: /* an update of the old contents */
			x = pt_mul(g, external, x);
			break;
		default:
			break;
	}
	if (pt_value(g, x)->shape.ndim > s.ndim ||
		pt_shape_numel(&pt_value(g, x)->shape) > pt_shape_numel(&s))
		x = pt_sum_to(g, pt_expand(g, x, &m->base), &s);
	else
		x = pt_expand(g, x, &s);
	return pt_cast(g, bounded(m, x), dtype);
}

void
make_random(Case *c, uint64_t seed, Flavor flavor, bool smooth, bool decomposed)
{
	static const PtShape bases[] =
		{{3, {4, 3, 5}}, {2, {7, 33}},	 {4, {2, 1, 3, 4}},		 {1, {300}},
		 {2, {3, 0}},	 {3, {1, 1, 2}}, {6, {2, 3, 1, 2, 2, 2}}};
	Making m = {.c = c, .smooth = smooth};
	int steps;

	draw_seed(seed);
	case_begin(c);
	c->g->decomposed = decomposed;
	m.base = bases[draw_int(7)];
	m.inputs = 2 + draw_int(4);
	for (int i = 0; i < m.inputs; i++)
	{
		PtShape s = draw_shape(&m);
		PtDtype dtype = draw_dtype(&m);

		keep(&m, c->ext[case_random(c, dtype, &s,
									dtype == PT_BOOL		   ? 1
									: pt_dtype_is_float(dtype) ? 1.5
															   : 9)]);
	}
	steps = 3 + draw_int(40);
	for (int i = 0; i < steps; i++)
	{
		int what = draw_int(10);

		if (what < 7)
			add_scalar(&m);
		else if (what < 8)
			add_reduction(&m);
		else
			add_structured(&m);
		forget_error(c->g);
	}
	/* gradients, too */
	if (draw_int(2))
	{
		PtRef y = pick(&m);
		PtRef grad[6];

		if (pt_dtype_is_float(pt_value(c->g, y)->dtype) &&
			pt_gradient(c->g, y, m.values, m.inputs, grad))
			for (int i = 0; i < m.inputs; i++)
				if (grad[i] != PT_NO_REF)
					keep(&m, bounded(&m, grad[i]));
		forget_error(c->g);
	}
	for (int i = 0; i < m.inputs; i++)
		if (draw_int(2))
		{
			PtRef x = fitted(&m, m.values[i]);

			if (x == PT_NO_REF || c->g->error.code != PT_OK)
				forget_error(c->g);
			else
			{
				m.target[m.ntargets] = m.values[i];
				m.result[m.ntargets++] = x;
			}
		}
	for (int i = 0; i < 3; i++)
		case_output(c, pick(&m));
	for (int i = 0; i < m.ntargets; i++)
	{
		if (flavor == IN_PLACE)
			pt_graph_assign(c->g, m.target[i], m.result[i]);
		else
			case_output(c, m.result[i]);
	}
}
