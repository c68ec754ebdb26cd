/*
 * run.c
 *	  Devices to test on, and compiled plans run to their end.
 */
#include "engine/run.h"

PtDevice *
open_cpu(int threads)
{
	PtDeviceOptions options = {.threads = threads, .no_library = true};
	PtError err = {0};
	PtDevice *dev = pt_cpu_device.open(&options, &err);

	if (!CHECK(dev != NULL, "%s", err.message))
		exit(check_done());
	return dev;
}

PtDevice *
open_device(int threads)
{
	PtDevice *dev = test_device(threads);

	if (dev == NULL)
		exit(check_done());
	return dev;
}

bool
run_all(PtPlan *plan, int64_t repeat, int64_t budget_ns, int *more, PtError *err)
{
	PtRun run;

	while ((run = pt_plan_run(plan, repeat, budget_ns, err)) == PT_RUN_MORE)
		if (more != NULL)
			++*more;
	return run == PT_RUN_DONE;
}

bool
run_plan(PtPlan *plan, PtError *err)
{
	return run_all(plan, 1, 50 * 1000 * 1000, NULL, err);
}
