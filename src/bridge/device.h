/*
 * device.h
 *	  Devices as PostgreSQL sees them: opened when first used, run in slices between interrupts.
 */
#ifndef PGT_DEVICE_H
#define PGT_DEVICE_H

#include "postgres.h"

#include "engine/fit.h"
#include "engine/network.h"

/* A computation works this long before interrupts are looked at. */
#define PGT_SLICE_NS ((int64) 50 * 1000 * 1000)

/* CPUs that this process may use. */
extern int pgt_cpu_count(void);

/* Whether it is written as a device is: auto, cpu, cuda, cuda:N. */
extern bool pgt_device_is_name(const char *name);

/* "cpu" for "auto" without a GPU, else as given; raises 55000 if there is no such device, 22023 if it is no name. */
extern const char *pgt_device_resolve(const char *name);

/* Opens a device of that (resolved) name; it is closed with cxt. */
extern PtDevice *pgt_device_open(MemoryContext cxt, const char *name, int threads);

/* The CPU for predict and tensor functions: one for the session, with pgtorch.threads threads or one. */
extern PtDevice *pgt_device_local(void);

/* Limits for plans from pgtorch.max_memory. */
extern PtPlanOptions pgt_plan_options(void);

/* Refuses (54000) what would take more than pgtorch.max_memory. */
extern void pgt_check_memory(uint64 bytes, const char *what);

/* Compile, run to the end, with interrupts in between; raise on errors. */
extern PtPlan *pgt_plan_compile(PtGraph *g, PtDevice *dev);
extern void pgt_plan_run(PtPlan *plan);
extern void pgt_forward_run(PtForward *f);
/* Copy entry i of the state_dict to or from host memory. */
extern void pgt_network_write(PtNetwork *net, int i, const PtTensor *value);
extern void pgt_network_read(PtNetwork *net, int i, const PtTensor *value);
/* One slice of training, with the signal guard; the caller looks at interrupts. */
extern PtRun pgt_fit_run(PtFit *fit, PtEpoch *epoch);

#endif
