/*
 * run.h
 *	  Devices to test on, and compiled plans run to their end.
 */
#ifndef PT_RUN_H
#define PT_RUN_H

#include "engine/check.h"
#include "engine/device_harness.h"
#include "engine/plan/plan.h"

/* Devices; a test that cannot open its own ends.  threads: of a CPU. */
extern PtDevice *open_cpu(int threads);
extern PtDevice *open_device(int threads); /* the one under test */

/* Runs to the end; counts in *more how often it said MORE (NULL: does not). */
extern bool run_all(PtPlan *plan, int64_t repeat, int64_t budget_ns, int *more, PtError *err);

/* Runs a compiled plan once. */
extern bool run_plan(PtPlan *plan, PtError *err);

#endif
