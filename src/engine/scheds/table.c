/*
 * table.c
 *	  All files of schedulers: a new one is a line here.
 */
#include "engine/scheds/table.h"

extern const PtSchedulerType pt_epochs_schedulers[];
extern const PtSchedulerType pt_cycles_schedulers[];
extern const PtSchedulerType pt_lists_schedulers[];

/* Each ends with a row without a name. */
const PtSchedulerType *const pt_scheduler_tables[] = {
	pt_epochs_schedulers,
	pt_cycles_schedulers,
	pt_lists_schedulers,
	NULL,
};
