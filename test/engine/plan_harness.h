/*
 * plan_harness.h
 *	  What tests of plans share: running a case again, under other options, against a snapshot.
 */
#ifndef PT_PLAN_HARNESS_H
#define PT_PLAN_HARNESS_H

#include "engine/graph_harness.h"

/*
 * Compiles and runs a case under options and compares with `want` (case_differs), then runs the same plan again.  seed and
 * what: for the message.
 */
extern void case_compare(Case *c, PtDevice *on, const PtPlanOptions *options, int64_t budget,
						 void **want, double rel, uint64_t seed, const char *what);

#endif
