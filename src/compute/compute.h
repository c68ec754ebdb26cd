/*
 * compute.h
 *	  Graphs evaluated over SQL tensors: what tensor functions do once their arguments are read.
 *
 * A call site keeps the plan of its last call, so that calls which differ in nothing but the tensors'
 * elements run it again at once.
 */
#ifndef PGT_COMPUTE_H
#define PGT_COMPUTE_H

#include "postgres.h"

#include "engine/graph/graph.h"
#include "lib/stringinfo.h"
#include "tensor/datum.h"

typedef struct PgtSite PgtSite;

/* A site without a plan, which lives and dies with cxt. */
extern PgtSite *pgt_site_new(MemoryContext cxt);

/*
 * Adds the computation to a graph: in has the values of the input tensors.  Returns the number of results, which *out is
 * set to, in memory that lives as long as the graph or arg.  Failures are the graph's error, or raised.
 */
typedef int (*PgtBuild)(PtGraph *g, const PtRef *in, PtRef **out, void *arg);

/*
 * Computes on the session's device.  Returns the results, *nout new datums in the current memory context.
 * The key says all that build(arg) depends on beside number, dtypes and shapes of the inputs.
 */
extern PgtTensor **pgt_compute(PgtSite *site, const StringInfoData *key, PgtBuild build, void *arg,
							   const PtTensor *in, int nin, int *nout);

#endif
