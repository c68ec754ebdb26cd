/*
 * test_memory.c
 *	  Where a plan puts its values: checked byte by byte, whatever kernels would make of it.
 *
 * Tests that compare numbers see a misplaced value only if a kernel happens to tread on it and the numbers
 * happen to differ.  Here each plan's memory is simulated instead: every byte carries the name of the
 * value that was last written there, and of its place in it.  A step must find in its operands what the
 * graph says, must not write where it still reads, and may use all of its workspace; when the plan
 * ends, externals must hold what they were assigned, and others what they held.
 *
 * The device computes nothing and asks for workspaces of all sizes; its addresses are compared with
 * the places that were checked.  steps.c is included to come between it and memory.c.
 */
#include "engine/plan/plan_private.h"

static bool checked_places(PtPlanning *p, const PtStep *steps);

#define pt_plan_places checked_places
#include "engine/plan/steps.c"
#undef pt_plan_places

#include <time.h>

#include "engine/random_graph.h"

static uint64_t seed;
static const char *what;

#define CHECK_PLAN(cond, ...) \
	CHECK(cond, "graph %llu, %s: step %d %s", (unsigned long long) seed, what, now, __VA_ARGS__)

/* ---------- simulated memory ---------- */

/* What a byte is of: byte `at` of a value; value PT_NO_REF: of nothing that may be read. */
typedef struct Tag
{
	PtRef value;
	size_t at;
} Tag;

typedef struct Memory
{
	const PtPlanning *p;
	Tag **space; /* of each external; [0]: the arena */
	size_t *size;
} Memory;

typedef struct Range
{
	PtRef external; /* PT_NO_REF: the arena */
	size_t from, bytes;
} Range;

static int now; /* the step that is simulated */

static size_t
value_bytes(const PtGraph *g, PtRef ref)
{
	return (size_t) pt_shape_numel(&pt_value(g, ref)->shape) *
		   pt_dtype_size(pt_value(g, ref)->dtype);
}

/* Byte at of a value by the name it was written under: a part's, where a pack shows the part in place. */
static Tag
name_of(const PtPlanning *p, PtRef ref, size_t at)
{
	const PtGraphValue *v = pt_value(p->g, ref);
	const PtNode *node = v->role == PT_ROLE_RESULT ? &p->g->nodes[v->node] : NULL;

	if (node != NULL && (node->op->flags & PT_OP_VIEW))
	{
		/* on its own, not by pt_plan_base, which is under test */
		if (strcmp(node->op->name, "slice") == 0)
			at += (size_t) pt_args_int(node->attrs, "offset") * pt_dtype_size(v->dtype);
		return name_of(p, node->in[0], at);
	}
	if (node != NULL && strcmp(node->op->name, "pack") == 0)
		for (int i = 0; i < node->nlist; i++)
		{
			size_t from =
				(size_t) pt_args_get(node->attrs, "offsets")->ints[i] * pt_dtype_size(v->dtype);

			if (at >= from && at - from < value_bytes(p->g, node->list[i]))
				return name_of(p, node->list[i], at - from);
		}
	return (Tag){ref, at};
}

static Range
range_of(const PtPlanning *p, PtRef ref)
{
	size_t offset;
	const PtPlace *place = &p->places[pt_plan_base(p, ref, &offset)];

	return (Range){place->external, place->offset + offset, value_bytes(p->g, ref)};
}

static bool
disjoint(Range a, Range b)
{
	return a.bytes == 0 || b.bytes == 0 || a.external != b.external || a.from >= b.from + b.bytes ||
		   b.from >= a.from + a.bytes;
}

static bool
within(const Memory *m, Range r)
{
	return r.bytes == 0 ||
		   (r.from <= m->size[r.external] && r.bytes <= m->size[r.external] - r.from);
}

static void
write_value(Memory *m, PtRef ref, Range r)
{
	for (size_t i = 0; i < r.bytes; i++)
		m->space[r.external][r.from + i] = name_of(m->p, ref, i);
}

static bool
holds(const Memory *m, PtRef ref, Range r)
{
	for (size_t i = 0; i < r.bytes; i++)
	{
		Tag want = name_of(m->p, ref, i);
		const Tag *have = &m->space[r.external][r.from + i];

		if (have->value != want.value || have->at != want.at)
			return false;
	}
	return true;
}

/* ---------- a plan ---------- */

/*
 * May a step's output lie on an operand?  A program's on one that it reads element by element; a packed
 * array on a part that is where it belongs already.
 */
static bool
may_share(const PtPlanning *p, const PtUnit *u, int in, int out)
{
	const PtGraphValue *x = pt_value(p->g, u->in[in]), *y = pt_value(p->g, u->out[out]);
	Range a = range_of(p, u->in[in]), b = range_of(p, u->out[out]);

	if (u->main >= 0)
	{
		if (strcmp(p->g->nodes[u->main].op->name, "pack") != 0)
			return false;
		for (size_t i = 0; i < a.bytes; i++)
		{
			Tag have = name_of(p, u->in[in], i), then;

			if (a.from + i < b.from || a.from + i >= b.from + b.bytes)
				continue;
			then = name_of(p, u->out[out], a.from + i - b.from);
			if (have.value != then.value || have.at != then.at)
				return false;
		}
		return true;
	}
	return a.from == b.from && a.bytes == b.bytes &&
		   pt_dtype_size(x->dtype) == pt_dtype_size(y->dtype);
}

static void
simulate_step(Memory *m, const PtUnit *u, const PtStep *step, size_t scratch)
{
	const PtPlanning *p = m->p;
	Range work = {PT_NO_REF, scratch, step->workspace};

	CHECK_PLAN(within(m, work) && scratch % 64 == 0, "has a workspace outside the arena");
	for (int i = 0; i < u->nin; i++)
	{
		if (u->in[i] == PT_NO_REF || pt_value(p->g, u->in[i])->role == PT_ROLE_NUMBER)
			continue;
		CHECK_PLAN(within(m, range_of(p, u->in[i])) && holds(m, u->in[i], range_of(p, u->in[i])),
				   "reads what was overwritten or not yet written");
		CHECK_PLAN(disjoint(work, range_of(p, u->in[i])), "has an operand in its workspace");
	}
	for (int o = 0; o < u->nout; o++)
	{
		Range to = range_of(p, u->out[o]);

		CHECK_PLAN(within(m, to), "writes outside of its memory");
		CHECK_PLAN(disjoint(work, to), "has a result in its workspace");
		for (int k = 0; k < o; k++)
			CHECK_PLAN(disjoint(to, range_of(p, u->out[k])), "has two results in one place");
		for (int i = 0; i < u->nin; i++)
			CHECK_PLAN(u->in[i] == PT_NO_REF || disjoint(to, range_of(p, u->in[i])) ||
						   may_share(p, u, i, o),
					   "writes over an operand that it reads");
	}
	for (size_t i = 0; i < work.bytes; i++)
		m->space[0][work.from + i] = (Tag){PT_NO_REF, 0};
	for (int o = 0; o < u->nout; o++)
		write_value(m, u->out[o], range_of(p, u->out[o]));
}

/* ---------- between plan.c and memory.c ---------- */

/* Where each operand of each step shall be: inputs, outputs, workspace. */
static Range *expected;
static int nexpected;
static size_t arena_bytes;
static int planned, workspaces, shared; /* that the tests reach what they test */
static bool unchecked;					/* simulating would take too long */

static void
expect(Range r)
{
	expected = realloc(expected, ((size_t) nexpected + 1) * sizeof(Range));
	expected[nexpected++] = r;
}

static bool
checked_places(PtPlanning *p, const PtStep *steps)
{
	const PtGraph *g = p->g;
	Memory m = {.p = p};

	if (!pt_plan_places(p, steps))
		return false;
	if (unchecked)
		return true;
	m.space = calloc(g->nvalues, sizeof(Tag *));
	m.size = calloc(g->nvalues, sizeof(size_t));
	m.size[0] = arena_bytes = p->arena_bytes;
	for (PtRef r = 0; r < g->nvalues; r++)
	{
		if (r > 0 && pt_value(g, r)->role != PT_ROLE_EXTERNAL)
			continue;
		m.size[r] = r > 0 ? value_bytes(g, r) : m.size[0];
		m.space[r] = calloc(m.size[r] + 1, sizeof(Tag));
		if (r > 0)
			write_value(&m, r, (Range){r, 0, m.size[r]});
	}
	nexpected = 0;
	for (now = 0; now < p->nsteps; now++)
	{
		const PtUnit *u = &p->units[p->order[now]];

		simulate_step(&m, u, &steps[now], p->scratch[now]);
		for (int i = 0; i < u->nin; i++)
			expect(u->in[i] == PT_NO_REF ? (Range){0} : range_of(p, u->in[i]));
		for (int o = 0; o < u->nout; o++)
		{
			expect(range_of(p, u->out[o]));
			for (int i = 0; i < u->nin; i++)
				shared += u->in[i] != PT_NO_REF &&
						  !disjoint(range_of(p, u->in[i]), range_of(p, u->out[o]));
		}
		expect((Range){PT_NO_REF, p->scratch[now], steps[now].workspace});
		workspaces += steps[now].workspace > 0;
	}
	for (int i = 0; i < p->ncopies; i++, now++)
	{
		PtRef to = p->copies[i], from = pt_value(g, to)->assigned;

		CHECK_PLAN(holds(&m, from, range_of(p, from)), "copies what is no longer there");
		for (int k = i; k < p->ncopies; k++)
			CHECK_PLAN(disjoint(range_of(p, from), range_of(p, p->copies[k])),
					   "copies from what another copy overwrites");
		write_value(&m, from, range_of(p, to));
		expect(range_of(p, from));
		expect(range_of(p, to));
		expect((Range){0});
	}
	for (PtRef r = 1; r < g->nvalues; r++)
		if (pt_value(g, r)->role == PT_ROLE_EXTERNAL)
		{
			PtRef assigned = pt_value(g, r)->assigned;

			CHECK_PLAN(holds(&m, assigned != PT_NO_REF ? assigned : r, (Range){r, 0, m.size[r]}),
					   assigned != PT_NO_REF ? "leaves an external without what it was assigned"
											 : "leaves an external changed");
		}
	for (PtRef r = 0; r < g->nvalues; r++)
		free(m.space[r]);
	free(m.space);
	free(m.size);
	planned++;
	return true;
}

/* ---------- a device that computes nothing ---------- */

static char *memory;  /* what it gave the plan */
static Case *at_work; /* whose externals are bound */
static int bound;

static void *
give(PtDevice *dev, size_t bytes, PtError *err)
{
	(void) dev;
	memory = aligned_alloc(64, (bytes + 63) & ~(size_t) 63);
	if (memory == NULL)
		pt_fail_memory(err, bytes);
	return memory;
}

static void
take(PtDevice *dev, void *p)
{
	(void) dev;
	free(p);
}

static bool
prepare_nothing(PtDevice *dev, PtQueue *s, PtError *err)
{
	(void) dev;
	(void) err;
	for (int i = 0; i < s->nsteps; i++)
		s->steps[i].workspace = (i + seed) % 3 == 0 ? 0 : ((i * 7919 + seed) * 104729) % 3000 + 1;
	return true;
}

static bool
stands(const void *address, Range r)
{
	if (r.external == PT_NO_REF)
		return r.bytes == 0 || address == memory + r.from;
	for (int i = 0; i < at_work->n; i++)
		if (at_work->ext[i] == r.external)
			return address == (char *) at_work->data[i] + r.from;
	return false;
}

static bool
bind_nothing(PtDevice *dev, PtQueue *s, PtError *err)
{
	int k = 0;

	(void) dev;
	(void) err;
	for (now = 0; now < s->nsteps; now++)
	{
		const PtStep *step = &s->steps[now];

		for (int i = 0; i < step->nin; i++, k++)
			CHECK_PLAN(k < nexpected && (step->in[i].dtype == PT_NDTYPE ||
										 stands(step->in[i].data, expected[k])),
					   "has an operand elsewhere than planned");
		for (int o = 0; o < step->nout; o++, k++)
			CHECK_PLAN(k < nexpected && stands(step->out[o].data, expected[k]),
					   "has a result elsewhere than planned");
		CHECK_PLAN(k < nexpected &&
					   (step->op == &copy_op || (expected[k].bytes == step->workspace &&
												 stands(step->scratch, expected[k]))),
				   "has a workspace elsewhere than planned");
		k++;
	}
	CHECK_PLAN(k == nexpected, "is missing");
	bound++;
	return true;
}

static bool
launch_nothing(PtDevice *dev, PtQueue *s, int64_t repeat, PtError *err)
{
	(void) dev;
	(void) s;
	(void) repeat;
	(void) err;
	return true;
}

static PtRun
wait_nothing(PtDevice *dev, PtQueue *s, int64_t budget_ns, PtError *err)
{
	(void) dev;
	(void) s;
	(void) budget_ns;
	(void) err;
	return PT_RUN_DONE;
}

static void
unbind_nothing(PtDevice *dev, PtQueue *s)
{
	(void) dev;
	(void) s;
}

static const PtDeviceType idle_type = {.abi = PT_DEVICE_ABI,
									   .name = "idle",
									   .alloc = give,
									   .free = take,
									   .prepare = prepare_nothing,
									   .bind = bind_nothing,
									   .launch = launch_nothing,
									   .wait = wait_nothing,
									   .unbind = unbind_nothing};
static PtDevice idle = {.type = &idle_type};

/* ---------- tests ---------- */

static void
check_case(Case *c)
{
	static const struct
	{
		const char *what;
		PtPlanOptions options;
	} ways[] = {{"fused", {0}},
				{"op by op", {.no_fuse = true}},
				{"fused, without reuse", {.no_reuse = true}}};

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
	{
		PtError err = {0};
		PtPlan *plan;

		what = ways[i].what;
		at_work = c;
		plan = case_compile(c, &idle, &ways[i].options, &err);
		CHECK(plan != NULL && run_all(plan, 1, INT64_MAX, NULL, &err), "graph %llu, %s: %s",
			  (unsigned long long) seed, what, err.message);
		pt_plan_free(plan);
	}
}

static void
test_random(void)
{
	Case c;

	for (int flavor = FRESH; flavor <= IN_PLACE; flavor++)
		for (int smooth = 0; smooth < 2; smooth++)
		{
			make_random(&c, seed, (Flavor) flavor, smooth, false);
			check_case(&c);
			case_end(&c);
		}
}

/* A training step: gradients packed into one external, parameters as slices of another, updated in place. */
static void
test_training(int layers)
{
	enum
	{
		WIDTH = 5
	};
	int64_t each = WIDTH * WIDTH + WIDTH, total = layers * each + 3; /* with a gap at the end */
	PtRef *w = calloc((size_t) layers * 2, sizeof(PtRef)),
		  *grad = calloc((size_t) layers * 2, sizeof(PtRef));
	int64_t *offsets = calloc((size_t) layers * 2, sizeof(int64_t));
	PtRef flat, m, x, packed;
	int grads;
	Case c;

	case_begin(&c);
	flat = c.ext[case_random(&c, PT_FLOAT32, SHAPE(total), 1)];
	m = c.ext[case_random(&c, PT_FLOAT32, SHAPE(total), 1)];
	grads = case_external(&c, PT_FLOAT32, SHAPE(total));
	x = c.ext[case_random(&c, PT_FLOAT32, SHAPE(3, WIDTH), 1)];
	for (int i = 0; i < layers; i++)
	{
		offsets[2 * i] = i * each;
		offsets[2 * i + 1] = i * each + WIDTH * WIDTH;
		w[2 * i] = pt_slice(c.g, flat, offsets[2 * i], SHAPE(WIDTH, WIDTH));
		w[2 * i + 1] = pt_slice(c.g, flat, offsets[2 * i + 1], SHAPE(WIDTH));
		x = pt_add(c.g, x,
				   pt_scalar1(c.g, i % 2 ? PT_S_tanh : PT_S_relu,
							  pt_linear(c.g, x, w[2 * i], w[2 * i + 1])));
	}
	x = pt_mean(c.g, x);
	case_output(&c, x);
	pt_gradient(c.g, x, w, layers * 2, grad);
	packed = pt_pack(c.g, grad, offsets, layers * 2, total);
	/* odd seeds: the old gradients are read, so that they cannot be computed in place */
	if (seed % 2)
		packed = pt_add(c.g, packed, c.ext[grads]);
	pt_graph_assign(c.g, c.ext[grads], packed);
	x = pt_add(c.g, pt_mul(c.g, m, pt_real(c.g, 0.9)), packed);
	pt_graph_assign(c.g, m, x);
	pt_graph_assign(c.g, flat, pt_sub(c.g, flat, pt_mul(c.g, x, pt_real(c.g, 0.1))));
	check_case(&c);
	case_end(&c);
	free(w);
	free(grad);
	free(offsets);
}

/* Views of views, arrays packed of packed ones, parts that are wanted twice. */
static void
test_views(bool old_contents)
{
	Case c;
	PtRef x, y, part, fresh, whole;
	int held;

	case_begin(&c);
	x = c.ext[case_random(&c, PT_FLOAT32, SHAPE(5, 16), 1)];
	/* a result that is read as it is and, by a view of a view, as one of its elements */
	y = pt_sum(c.g, x, (int64_t[]){0}, 1, false);
	part = pt_slice(c.g, pt_slice(c.g, y, 4, SHAPE(8)), 3, SHAPE(1));
	y = pt_mul(c.g, y, part);
	case_output(&c, pt_sum(c.g, y, NULL, 0, false));
	/* two parts, one of them in an external of its own and twice in the inner array */
	part = pt_exp(c.g, pt_sum(c.g, x, (int64_t[]){0}, 1, false));
	case_output(&c, part);
	fresh = pt_sum(c.g, x, (int64_t[]){1}, 1, false);
	whole = pt_pack(c.g, (PtRef[]){part, fresh, pt_slice(c.g, part, 2, SHAPE(3))},
					(int64_t[]){2, 18, 24}, 3, 28);
	y = pt_tanh(c.g, pt_slice(c.g, part, 1, SHAPE(6)));
	whole = pt_pack(c.g, (PtRef[]){y, whole, y}, (int64_t[]){1, 8, 37}, 3, 44);
	held = case_random(&c, PT_FLOAT32, SHAPE(44), 1);
	pt_graph_assign(c.g, c.ext[held], whole);
	/* the old contents are read when parts of the new ones are long computed */
	if (old_contents)
		case_output(&c, pt_sum(c.g, pt_mul(c.g, whole, c.ext[held]), NULL, 0, false));
	CHECK(c.g->error.code == PT_OK, "%s", c.g->error.message);
	check_case(&c);
	case_end(&c);
}

/* Values that no address space can hold together are refused before anything is written. */
static void
test_huge(void)
{
	PtError err = {0};
	PtDevice *cpu = open_cpu(1);
	Case c;
	PtRef x, y;

	case_begin(&c);
	x = pt_expand(c.g, c.ext[case_random(&c, PT_FLOAT32, SCALAR, 1)],
				  SHAPE(INT64_C(1) << 30, INT64_C(1) << 29));
	/* eight of 2^61 bytes, alive at once: their sum is 2^64, which is 0 */
	y = pt_sum(c.g, x, NULL, 0, false);
	for (int i = 1; i < 8; i++)
	{
		PtRef z = pt_cast(c.g, pt_exp(c.g, x), PT_FLOAT32);

		y = pt_add(c.g, y, pt_sum(c.g, z, NULL, 0, false));
		x = z;
	}
	case_output(&c, y);
	CHECK(pt_plan_compile(c.g, cpu, &(PtPlanOptions){.no_reuse = true}, &err) == NULL &&
			  err.code == PT_ENOMEM,
		  "a plan of 2^64 bytes: code %d, %s", err.code, err.message);
	pt_cpu_device.close(cpu);
	case_end(&c);
}

/* A network of thousands of layers compiles in seconds, not in minutes. */
static void
test_deep(void)
{
	clock_t before = clock();
	Case c;
	PtError err = {0};
	PtRef x, y, g;
	PtPlan *plan;
	double seconds;

	case_begin(&c);
	y = x = c.ext[case_random(&c, PT_FLOAT32, SHAPE(2, 2), 1)];
	for (int i = 0; i < 3000; i++)
		y = pt_relu(c.g, pt_linear(c.g, y, x, PT_NO_REF));
	case_output(&c, y);
	pt_gradient(c.g, y, &x, 1, &g);
	case_output(&c, g);
	unchecked = true;
	plan = pt_plan_compile(c.g, &idle, NULL, &err);
	unchecked = false;
	seconds = (double) (clock() - before) / CLOCKS_PER_SEC;
	CHECK(plan != NULL, "%s", err.message);
	CHECK(seconds < 20, "3000 layers took %.0f s", seconds);
	pt_plan_free(plan);
	case_end(&c);
}

int
main(void)
{
	/* SEED=n: that random graph alone; SEEDS=n: so many */
	const char *only = getenv("SEED");
	const char *many = getenv("SEEDS");
	uint64_t seeds = many ? strtoull(many, NULL, 10) : 200;

	for (seed = only ? strtoull(only, NULL, 10) : 0; seed < seeds || only; seed++)
	{
		test_random();
		test_training(1 + (int) (seed % 6));
		if (only)
			return check_done();
	}
	for (seed = 0; seed < 6; seed++)
		test_views(seed % 2);
	CHECK(planned > 0 && bound > 0 && workspaces > planned && shared > planned / 4,
		  "%d plans, %d bound, %d workspaces, %d results on operands", planned, bound, workspaces,
		  shared);
	test_huge();
	test_deep();
	free(expected);
	return check_done();
}
