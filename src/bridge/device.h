/*
 * device.h
 *	  Devices as PostgreSQL sees them: opened when first used, run in slices between interrupts.
 */
#ifndef PGT_DEVICE_H
#define PGT_DEVICE_H

#include "postgres.h"

#include "engine/train/fit.h"
#include "engine/nn/network.h"
#include "engine/plan/pieces.h"

/* A computation works this long before interrupts are looked at. */
#define PGT_SLICE_NS ((int64) 50 * 1000 * 1000)

/* CPUs that this process might use when it was first asked. */
extern int pgt_cpu_count(void);

/* Whether it is written as a device is: auto, cpu, cuda, cuda:N. */
extern bool pgt_device_is_name(const char *name);

/*
 * "cpu" for "auto" without a GPU, else as given; raises 55000 if the GPU's library is not installed, 22023 if it is no name.
 * Opens nothing.
 */
extern const char *pgt_device_resolve(const char *name);

/* Opens a device of that (resolved) name, for "auto" the GPU if that works, else the CPU; it is closed with cxt. */
extern PtDevice *pgt_device_open(MemoryContext cxt, const char *name, int threads);

/*
 * The device of predict and tensor functions, one for the session: the GPU that pgtorch.device names, else the CPU with
 * pgtorch.threads threads or one.  Raises if it cannot be opened; a GPU that could not be is not tried again before
 * pgt_device_forget_failures, but what was wrong with it is said again.
 */
extern PtDevice *pgt_device_local(void);
/* The same, but NULL after filling err, and whatever failed is tried again. */
extern PtDevice *pgt_device_try_local(PtError *err);
/* Whoever sets pgtorch.device asks for another try. */
extern void pgt_device_forget_failures(void);

/* The i-th thing that a device says of itself: a word and a text; false past the last. */
extern bool pgt_device_info(PtDevice *dev, int i, const char **key, char *value, size_t size);

/* Memory of a device whose memory is not the host's, and copies to and from it, with interrupts in between. */
extern void *pgt_device_alloc(PtDevice *dev, size_t bytes);
extern void pgt_device_upload(PtDevice *dev, void *dst, const void *host, size_t bytes);
extern void pgt_device_download(PtDevice *dev, void *host, const void *src, size_t bytes);

/* Limits for plans on a device from pgtorch.max_memory: its default is for those that compute in the machine's memory. */
extern PtPlanOptions pgt_plan_options(const PtDevice *dev);

/* Refuses (54000) what would take more than pgtorch.max_memory. */
extern void pgt_check_memory(uint64 bytes, const char *what);

/* Compile, run to the end, with interrupts in between; raise on errors. */
extern void pgt_plan_run(PtPlan *plan);

/* Plans in pieces (engine/plan/pieces.h), limited as the settings say: compiled, and one that was not the last run. */
extern PtPieces *pgt_pieces_new(PtDevice *dev);
extern PtPlan *pgt_pieces_compile(PtPieces *pieces, PtGraph *g, bool *last);
extern void pgt_pieces_run(PtPieces *pieces, PtPlan *plan);
extern void pgt_forward_run(PtForward *f);
/* Copy entry i of the state_dict to or from host memory. */
extern void pgt_network_write(PtNetwork *net, int i, const PtTensor *value);
extern void pgt_network_read(PtNetwork *net, int i, const PtTensor *value);
/* One slice of training, with the signal guard; the caller looks at interrupts. */
extern PtRun pgt_fit_run(PtFit *fit, PtEpoch *epoch);

#endif
