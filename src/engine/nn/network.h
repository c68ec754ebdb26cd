/*
 * network.h
 *	  A module with its weights on a device, ready to predict.
 *
 * The trainable entries of the state_dict are one flat array, entry i at its offset, so that one loop
 * updates, copies or checks all of them; buffers are arrays of their own.
 */
#ifndef PT_NETWORK_H
#define PT_NETWORK_H

#include "engine/nn/module.h"
#include "engine/plan/plan.h"

typedef struct PtNetwork PtNetwork;

/*
 * module and sd must outlive the network.  values[i]: entry i of the state_dict in host memory, of
 * its dtype and shape; they are copied to the device.  Those without data are zero until written.
 */
extern PtNetwork *pt_network_new(const PtModule *module, const PtStateDict *sd,
								 const PtTensor *values, PtDevice *dev, PtError *err);
extern void pt_network_free(PtNetwork *net); /* NULL is fine */
extern size_t pt_network_bytes(const PtNetwork *net);

/* Copies entry i back to host memory. */
extern bool pt_network_read(PtNetwork *net, int i, void *data, PtError *err);

/* Bytes offset .. offset + bytes of entry i, so that a caller can copy a large one piece by piece. */
extern bool pt_network_read_part(PtNetwork *net, int i, size_t offset, void *data, size_t bytes,
								 PtError *err);
extern bool pt_network_write_part(PtNetwork *net, int i, size_t offset, const void *data,
								  size_t bytes, PtError *err);

/* For graphs over the network: externals for the weights, and the values of all entries. */
typedef struct PtWeights
{
	PtRef flat;		/* external, float32 [sd->flat]; PT_NO_REF if nothing is trainable */
	PtRef *entries; /* [sd->count]: slices of flat, or externals of buffers */
} PtWeights;
extern bool pt_network_weights(const PtNetwork *net, PtGraph *g, PtWeights *w);
extern void pt_network_bind(const PtNetwork *net, PtPlan *plan, const PtWeights *w);

/*
 * A compiled forward pass over a fixed number of rows.  The caller fills inputs (host memory, row by
 * row) and reads the outputs after a run.
 */
typedef struct PtForward
{
	PtNetwork *net;
	PtPlan *plan;
	int ninputs;
	PtTensor *inputs; /* [rows, ...] each; data is the caller's to fill */
	int noutputs;
	PtTensor *outputs; /* [rows, ...] each: what the module gives, in tuples or not */
	PtArena *arena;
	void **device_in, **device_out; /* where host memory is not the device's */
} PtForward;

/*
 * inputs: dtype and shape per row, in the order of the module's inputs.  probability: op applied to the first output
 * along its last dimension ("softmax", "exp", "sigmoid"), or NULL.
 */
extern PtForward *pt_forward_new(PtNetwork *net, const PtTensorType *inputs, int ninputs,
								 int64_t rows, const char *probability,
								 const PtPlanOptions *options, PtError *err);
extern void pt_forward_free(PtForward *f); /* NULL is fine; before its network */
/* Like pt_plan_run: DONE when outputs are filled. */
extern PtRun pt_forward_run(PtForward *f, int64_t budget_ns, PtError *err);

#endif
