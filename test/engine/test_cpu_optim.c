/*
 * test_cpu_optim.c
 *	  Optimizer steps with a loop of their own: which programs are taken for one, and that the loop gives
 *	  what the same rule gives op by op.
 */
#include "cpu/cpu.h"
#include "engine/graph_harness.h"
#include "engine/train/optim.h"

/* ---------- a device that looks at what is bound ---------- */

static PtDeviceType watched;
static int found; /* programs that are Adam's, of the queues bound so far */

static bool
bind_watched(PtDevice *dev, PtQueue *s, PtError *err)
{
	PtArena *arena = pt_arena_new();

	for (int i = 0; i < s->nsteps; i++)
		found +=
			s->steps[i].op == NULL &&
			pt_cpu_adam_match(arena, s->steps[i].program, s->steps[i].in, s->steps[i].out) != NULL;
	pt_arena_free(arena);
	return pt_cpu_device.bind(dev, s, err);
}

/* ---------- one optimizer, fused against op by op ---------- */

#define SLOTS 3

/* known: the loop must be taken, or must not; steps: of one plan, with the step's number as it goes. */
static void
check_optimizer(PtDevice *dev, const char *text, int64_t n, bool known)
{
	static const PtPlanOptions unfused = {.no_fuse = true};
	const PtShape flat = {1, {n}}, scalar = {0};
	PtArena *arena = pt_arena_new();
	PtError err = {0};
	PtOptimizer *o = pt_optim_parse(arena, text, &err);
	PtOptimSlot slots[PT_OPTIM_SLOTS];
	PtRef slot[PT_OPTIM_SLOTS], new_slot[PT_OPTIM_SLOTS], new_p, t;
	int p, g, step, lr, s[PT_OPTIM_SLOTS], nslots;
	void **fused;
	int at;
	Case c;

	if (!CHECK(o != NULL, "%s: %s", text, err.message))
		return;
	case_begin(&c);
	p = case_random(&c, PT_FLOAT32, &flat, 1);
	g = case_random(&c, PT_FLOAT32, &flat, 0.1);
	step = case_external(&c, PT_FLOAT64, &scalar);
	lr = case_external(&c, PT_FLOAT64, &scalar);
	case_set(&c, lr, 0, 0.01);
	nslots = pt_optim_slots(o, 0.01, slots);
	for (int i = 0; i < nslots; i++)
	{
		s[i] = case_external(&c, PT_FLOAT32, &flat);
		slot[i] = c.ext[s[i]];
	}
	t = pt_add(c.g, c.ext[step], pt_integer(c.g, 1));
	if (CHECK(pt_optim_build(c.g, o, c.ext[p], c.ext[g], t, c.ext[lr], PT_NO_REF, slot, &new_p,
							 new_slot),
			  "%s: %s", text, c.g->error.message))
	{
		pt_graph_assign(c.g, c.ext[p], new_p);
		for (int i = 0; i < nslots; i++)
			pt_graph_assign(c.g, c.ext[s[i]], new_slot[i]);
		pt_graph_assign(c.g, c.ext[step], t);

		found = 0;
		CHECK_OK(run_case(&c, dev, NULL, 5, &err), &err);
		CHECK(found == known, "%s, %lld parameters: %s", text, (long long) n,
			  known ? "interpreted" : "taken for Adam's");
		CHECK(case_get(&c, step, 0) == 5, "%s: %g steps", text, case_get(&c, step, 0));
		fused = case_snapshot(&c);
		CHECK_OK(run_case(&c, dev, &unfused, 5, &err), &err);
		at = case_differs(&c, fused, 1e-6);
		CHECK(at < 0, "%s, %lld parameters: external %d differs from op by op", text, (long long) n,
			  at);
		free_snapshot(&c, fused);
	}
	case_end(&c);
	pt_arena_free(arena);
}

/* Programs that compute nearly the same, or the same of other operands, are not taken for it. */
static void
check_strangers(PtDevice *dev)
{
	static const PtShape flat = {1, {100}};

	for (int which = 0; which < 4; which++)
	{
		PtError err = {0};
		Case c;
		PtRef x[4], m, v, denom, p, r1, b2, r2, eps, step, root;

		case_begin(&c);
		for (int i = 0; i < 4; i++)
			x[i] = c.ext[case_random(&c, PT_FLOAT32, &flat, 1)];
		r1 = pt_real(c.g, 0.1), b2 = pt_real(c.g, 0.99), r2 = pt_real(c.g, 0.01);
		eps = pt_real(c.g, 1e-8), step = pt_real(c.g, 0.001), root = pt_real(c.g, 0.5);
#define ADD(a, b) pt_add(c.g, a, b)
#define SUB(a, b) pt_sub(c.g, a, b)
#define MUL(a, b) pt_mul(c.g, a, b)
		/* 0: Adam's; 1: of two gradients; 2: eps inside the root; 3: a sum where a difference belongs */
		m = ADD(x[2], MUL(r1, SUB(x[1], x[2])));
		v = ADD(MUL(b2, x[3]), MUL(MUL(r2, x[1]), which == 1 ? x[0] : x[1]));
		if (which == 2)
			denom = pt_div(c.g, pt_sqrt(c.g, ADD(v, eps)), root);
		else
			denom = ADD(pt_div(c.g, pt_sqrt(c.g, v), root), eps);
		p = pt_scalar2(c.g, which == 3 ? PT_S_add : PT_S_sub, x[0],
					   pt_div(c.g, MUL(step, m), denom));
		pt_graph_assign(c.g, x[0], p);
		pt_graph_assign(c.g, x[2], m);
		pt_graph_assign(c.g, x[3], v);
		found = 0;
		CHECK_OK(run_case(&c, dev, NULL, 1, &err), &err);
		CHECK(found == (which == 0), "program %d: %d times taken for Adam's", which, found);
		case_end(&c);
	}
}

/*
 * One operand is a value of the plan that dies with the step: the first result, a moment, gets its memory.
 * So parameters must be read before moments are written.
 */
static void
check_shared(PtDevice *dev)
{
	static const PtShape two = {2, {40, 25}};
	static const int64_t dims[] = {1, 0};
	const PtShape back = {2, {25, 40}};

	for (int which = 0; which < 4; which++)
	{
		PtGiven given = {"dims", {PT_VALUE_INTS, 2, {.ints = dims}}};
		PtError err = {0};
		Case c;
		PtRef x[4], m, v, denom, p; /* p, g, m, v */
		void **want;
		int at;

		case_begin(&c);
		for (int i = 0; i < 4; i++)
		{
			x[i] = c.ext[case_random(&c, PT_FLOAT32, i == which ? &two : &back, 1)];
			if (i == which)
				x[i] = pt_apply_name(c.g, "permute", &x[i], 1, &given, 1);
		}
		m = ADD(x[2], MUL(pt_real(c.g, 0.1), SUB(x[1], x[2])));
		v = ADD(MUL(pt_real(c.g, 0.99), x[3]), MUL(MUL(pt_real(c.g, 0.01), x[1]), x[1]));
		denom = ADD(pt_div(c.g, pt_sqrt(c.g, v), pt_real(c.g, 0.5)), pt_real(c.g, 1e-8));
		p = pt_sub(c.g, x[0], pt_div(c.g, MUL(pt_real(c.g, 0.001), m), denom));
		/* read again, so that they are values of the plan, not of externals */
		case_output(&c, pt_apply_name(c.g, "permute", &m, 1, &given, 1));
		case_output(&c, pt_apply_name(c.g, "permute", &v, 1, &given, 1));
		case_output(&c, pt_apply_name(c.g, "permute", &p, 1, &given, 1));
		found = 0;
		CHECK_OK(run_case(&c, dev, &(PtPlanOptions){.poison = true}, 1, &err), &err);
		CHECK(found == 1, "%d programs taken for Adam's", found);
		want = case_snapshot(&c);
		CHECK_OK(run_case(&c, dev, &(PtPlanOptions){.no_fuse = true, .no_reuse = true}, 1, &err),
				 &err);
		at = case_differs(&c, want, 1e-6);
		CHECK(at < 0, "operand %d in the memory of a result: external %d differs", which, at);
		free_snapshot(&c, want);
		case_end(&c);
	}
}

int
main(void)
{
	static const int64_t sizes[] = {1, 7, 64, 1003, 200001};
	PtDevice *devices[] = {open_cpu(1), open_cpu(3)};

	watched = pt_cpu_device;
	watched.bind = bind_watched;
	draw_seed(1);
	for (int d = 0; d < 2; d++)
	{
		devices[d]->type = &watched;
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		{
			/* of a single parameter there is no array: all operands have one element */
			bool array = sizes[i] > 1;

			check_optimizer(devices[d], "optim.Adam()", sizes[i], array);
			check_optimizer(devices[d], "optim.Adam(lr=0.1, betas=(0.6, 0.75), eps=0.001)",
							sizes[i], array);
			check_optimizer(devices[d], "optim.Adam(betas=(0.5, 0.75))", sizes[i], false);
			check_optimizer(devices[d], "optim.AdamW(weight_decay=0.1)", sizes[i], array);
			check_optimizer(devices[d], "optim.Adam(weight_decay=0.1)", sizes[i], false);
			check_optimizer(devices[d], "optim.Adam(amsgrad=True)", sizes[i], false);
			check_optimizer(devices[d], "optim.SGD(lr=0.1, momentum=0.9)", sizes[i], false);
		}
		check_strangers(devices[d]);
		check_shared(devices[d]);
		pt_cpu_device.close(devices[d]);
	}
	return check_done();
}
