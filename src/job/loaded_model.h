/*
 * loaded_model.h
 *	  Models in this session's memory.
 */
#ifndef PGT_LOADED_MODEL_H
#define PGT_LOADED_MODEL_H

#include "postgres.h"

#include "engine/nn/network.h"
#include "job/module.h"
#include "lib/ilist.h"
#include "store/checkpoint.h"

/* A compiled forward pass for one row of given shapes. */
typedef struct PgtForwardEntry
{
	struct PgtForwardEntry *next;
	bool probability;
	int ninputs;
	PtTensorType *inputs;
	PtForward *forward;
	int noutputs;
	PtTensor *outputs; /* without the batch dimension; data is the forward's */
} PgtForwardEntry;

typedef struct PgtLoaded
{
	dlist_node node; /* most recently used first */
	MemoryContext cxt;
	uint8 hash[PGT_HASH_BYTES];
	PtDevice *dev; /* where its weights are */
	PgtOpenModule module;
	const PtModule *loss;	   /* it was trained with; NULL: it was not */
	PgtCheckpoint *checkpoint; /* inputs, labels */
	PtNetwork *network;
	PgtForwardEntry *forwards;
	size_t bytes;
	int pins; /* call sites that use it; not evicted while there are any */
} PgtLoaded;

/* The model's version, from memory or storage, pinned until user (a memory context) goes. */
extern PgtLoaded *pgt_loaded_get(const PgtModel *model, MemoryContext user);

/* The forward pass for rows of these shapes. */
extern PgtForwardEntry *pgt_loaded_forward(PgtLoaded *m, bool probability,
										   const PtTensorType *inputs, int ninputs);

#endif
