/*
 * plan_harness.c
 *	  Running a case again, under other options, against a snapshot.
 */
#include "engine/plan_harness.h"

void
case_compare(Case *c, PtDevice *on, const PtPlanOptions *options, int64_t budget, void **want,
			 double rel, uint64_t seed, const char *what)
{
	PtError err = {0};
	PtPlan *plan = case_compile(c, on, options, &err);
	bool ok = plan != NULL && run_all(plan, 1, budget, NULL, &err);
	int at;

	if (CHECK(ok, "graph %llu, %s: %s", (unsigned long long) seed, what, err.message))
	{
		at = case_differs(c, want, rel);
		CHECK(at < 0, "graph %llu: %s changes external %d", (unsigned long long) seed, what, at);
		/* once more, from the start */
		for (int i = 0; i < c->n; i++)
			memcpy(c->data[i], c->initial[i], case_bytes(c, i));
		ok = run_all(plan, 1, budget, NULL, &err);
		at = case_differs(c, want, rel);
		CHECK(ok && at < 0, "graph %llu: %s, second run changes external %d",
			  (unsigned long long) seed, what, at);
	}
	pt_plan_free(plan);
}
