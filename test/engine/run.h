/*
 * run.h
 *	  Compiles and runs a small graph on the CPU, for tests of what graphs compute.
 */
#ifndef PT_RUN_H
#define PT_RUN_H

#include "engine/check.h"
#include "engine/plan.h"

/* The CPU without a BLAS, on one thread; NULL after a failed check. */
__attribute__((unused)) static PtDevice *
run_device(void)
{
	PtDeviceOptions options = {.threads = 1, .no_library = true};
	PtError err = {0};
	PtDevice *dev = pt_cpu_device.open(&options, &err);

	CHECK(dev != NULL, "%s", err.message);
	return dev;
}

/* Runs a compiled plan once. */
__attribute__((unused)) static bool
run_plan(PtPlan *plan, PtError *err)
{
	PtRun run;

	do
		run = pt_plan_run(plan, 1, 50 * 1000 * 1000, err);
	while (run == PT_RUN_MORE);
	return run == PT_RUN_DONE;
}

#endif
