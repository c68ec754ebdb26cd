/*
 * test_random_graphs.c
 *	  Plans of random graphs: the same numbers however a graph is fused, placed, threaded and sliced.
 *
 * Random graphs over the op table are run under all options.  The reference is the graph without fusion
 * and without reuse of memory, its results in externals of their own.
 */
#include "engine/plan_harness.h"
#include "engine/random_graph.h"

static PtDevice *dev, *dev3;
static PtDevice *cpu; /* what another device is compared with */

static void
test_random(uint64_t seed)
{
	Case c, place;
	PtError err = {0};
	void **want, **moved;
	int at = -1;

	make_random(&c, seed, FRESH, false, false);
	if (!CHECK(run_case(&c, dev,
						&(PtPlanOptions){.no_fuse = true, .no_reuse = true, .poison = true}, 1,
						&err),
			   "graph %llu: %s", (unsigned long long) seed, err.message))
	{
		case_end(&c);
		return;
	}
	want = case_snapshot(&c);
	case_compare(&c, dev, &(PtPlanOptions){.no_fuse = true, .poison = true}, INT64_MAX, want, -1,
				 seed, "reuse of memory");
	case_compare(&c, dev, &(PtPlanOptions){.no_reuse = true, .poison = true}, INT64_MAX, want, -1,
				 seed, "fusion");
	case_compare(&c, dev, &(PtPlanOptions){.poison = true}, 1, want, -1, seed, "fusion with reuse");
	case_compare(&c, dev3, NULL, INT64_MAX, want, -1, seed, "threads");

	/* over the inputs: the last externals of the first graph are the results */
	make_random(&place, seed, IN_PLACE, false, false);
	moved = calloc((size_t) place.n + 1, sizeof(void *));
	for (int i = 0; i < place.n; i++)
		moved[i] = want[i];
	for (int i = 0, k = place.n; i < place.n; i++)
		if (i < 6 && place.g->values[place.ext[i]].assigned != PT_NO_REF && k < c.n)
			moved[i] = want[k++];
	case_compare(&place, dev, &(PtPlanOptions){.no_fuse = true, .poison = true}, INT64_MAX, moved,
				 -1, seed, "in place");
	case_compare(&place, dev, &(PtPlanOptions){.poison = true}, INT64_MAX, moved, -1, seed,
				 "in place, fused");
	free(moved);
	case_end(&place);

	free_snapshot(&c, want);
	case_end(&c);
	(void) at;
}

/* Fused ops against what they stand for, on the CPU. */
static void
test_decomposed(uint64_t seed)
{
	Case c, d;
	PtError err = {0};
	void **want;

	make_random(&d, seed, FRESH, true, true);
	if (CHECK(run_case(&d, cpu, &(PtPlanOptions){.no_fuse = true, .poison = true}, 1, &err),
			  "graph %llu: %s", (unsigned long long) seed, err.message))
	{
		want = case_snapshot(&d);
		make_random(&c, seed, FRESH, true, false);
		case_compare(&c, dev, &(PtPlanOptions){.poison = true}, INT64_MAX, want, 1e-10, seed,
					 "composition");
		case_end(&c);
		free_snapshot(&d, want);
	}
	case_end(&d);
}

int
main(void)
{
	/* SEED=n: that random graph alone; SEEDS=n: so many */
	const char *only = getenv("SEED");
	const char *many = getenv("SEEDS");
	uint64_t seeds;

	dev = open_device(1);
	dev3 = open_device(3);
	cpu = open_cpu(1);
	seeds = many ? strtoull(many, NULL, 10) : (uint64_t) tries(dev, 400, 60);
	for (uint64_t seed = only ? strtoull(only, NULL, 10) : 0; seed < seeds || only; seed++)
	{
		test_random(seed);
		test_decomposed(seed);
		if (only)
			break;
	}
	dev->type->close(dev);
	dev3->type->close(dev3);
	pt_cpu_device.close(cpu);
	return check_done();
}
