/*
 * run.h
 *	  Compiles and runs a small graph on the device under test, for tests of what graphs compute.
 */
#ifndef PT_RUN_H
#define PT_RUN_H

#include "engine/check.h"
#include "engine/plan/plan.h"
#include "engine/test_device.h"

/* On one thread; NULL after a failed check. */
__attribute__((unused)) static PtDevice *
run_device(void)
{
	return test_device(1);
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
