/*
 * graph_harness.c
 *	  Graphs with memory bound to their externals.
 */
#include "engine/graph_harness.h"

/* ---------- random numbers ---------- */

static uint64_t draw_state;

void
draw_seed(uint64_t seed)
{
	draw_state = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

uint64_t
draw_bits(void)
{
	draw_state ^= draw_state << 13;
	draw_state ^= draw_state >> 7;
	draw_state ^= draw_state << 17;
	return draw_state * UINT64_C(0x2545f4914f6cdd1d) >> 11;
}

int
draw_int(int n)
{
	return (int) (draw_bits() % (uint64_t) n);
}

double
draw_real(void)
{
	return (double) draw_bits() * 0x1p-53;
}

/* ---------- cases ---------- */

void
case_begin(Case *c)
{
	PtError err;

	memset(c, 0, sizeof(*c));
	c->g = pt_graph_new(&err);
}

void
case_end(Case *c)
{
	pt_graph_free(c->g);
	for (int i = 0; i < c->n; i++)
	{
		free(c->data[i]);
		free(c->initial[i]);
	}
}

size_t
case_bytes(const Case *c, int i)
{
	const PtGraphValue *v = pt_value(c->g, c->ext[i]);

	return (size_t) pt_shape_numel(&v->shape) * pt_dtype_size(v->dtype);
}

int64_t
case_numel(const Case *c, int i)
{
	return pt_shape_numel(&pt_value(c->g, c->ext[i])->shape);
}

int
case_external(Case *c, PtDtype dtype, const PtShape *shape)
{
	int i = c->n++;
	size_t bytes;

	if (i >= CASE_EXTERNALS)
		abort();
	c->ext[i] = pt_external(c->g, "x", dtype, shape);
	bytes = case_bytes(c, i);
	if (posix_memalign(&c->data[i], 64, bytes) != 0)
		abort();
	c->initial[i] = calloc(1, bytes + 1);
	return i;
}

void
case_set(Case *c, int i, int64_t at, double value)
{
	pt_element_set_double(pt_value(c->g, c->ext[i])->dtype, c->initial[i], (size_t) at, value);
}

double
case_get(const Case *c, int i, int64_t at)
{
	return pt_element_get_double(pt_value(c->g, c->ext[i])->dtype, c->data[i], (size_t) at);
}

int
case_random(Case *c, PtDtype dtype, const PtShape *shape, double scale)
{
	int i = case_external(c, dtype, shape);

	for (int64_t k = 0; k < case_numel(c, i); k++)
		case_set(c, i, k, dtype == PT_BOOL ? draw_int(2) : (2 * draw_real() - 1) * scale);
	return i;
}

int
case_output(Case *c, PtRef value)
{
	int i;
	PtGraphValue v;

	if (value == PT_NO_REF)
		return -1;
	v = *pt_value(c->g, value);
	i = case_external(c, v.dtype, &v.shape);
	memset(c->initial[i], 0x5a, case_bytes(c, i));
	pt_graph_assign(c->g, c->ext[i], value);
	return i;
}

PtPlan *
case_compile(Case *c, PtDevice *dev, const PtPlanOptions *options, PtError *err)
{
	PtPlan *plan = pt_plan_compile(c->g, dev, options, err);

	for (int i = 0; plan != NULL && i < c->n; i++)
	{
		memcpy(c->data[i], c->initial[i], case_bytes(c, i));
		pt_plan_bind(plan, c->ext[i], c->data[i]);
	}
	return plan;
}

bool
run_case(Case *c, PtDevice *dev, const PtPlanOptions *options, int64_t repeat, PtError *err)
{
	PtPlan *plan = case_compile(c, dev, options, err);
	bool ok = plan != NULL && run_all(plan, repeat, INT64_MAX, NULL, err);

	pt_plan_free(plan);
	return ok;
}

void **
case_snapshot(const Case *c)
{
	void **copy = calloc((size_t) c->n + 1, sizeof(void *));

	for (int i = 0; i < c->n; i++)
	{
		copy[i] = malloc(case_bytes(c, i) + 1);
		memcpy(copy[i], c->data[i], case_bytes(c, i));
	}
	return copy;
}

void
free_snapshot(const Case *c, void **copy)
{
	for (int i = 0; i < c->n; i++)
		free(copy[i]);
	free(copy);
}

int
case_differs(const Case *c, void **copy, double rel)
{
	for (int i = 0; i < c->n; i++)
	{
		PtDtype dtype = pt_value(c->g, c->ext[i])->dtype;
		size_t size = pt_dtype_size(dtype);

		for (int64_t k = 0; k < case_numel(c, i); k++)
		{
			double a, b;

			if (memcmp((char *) copy[i] + (size_t) k * size,
					   (char *) c->data[i] + (size_t) k * size, size) == 0)
				continue;
			a = pt_element_get_double(dtype, c->data[i], (size_t) k);
			b = pt_element_get_double(dtype, copy[i], (size_t) k);
			if (isnan(a) && isnan(b))
				continue;
			if (rel < 0 || !check_close(a, b, rel, rel))
				return i;
		}
	}
	return -1;
}
