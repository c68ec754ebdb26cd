/*
 * predict.h
 *	  One forward pass per row, over models that the session keeps.
 *
 * A session keeps the models it has used, up to pgtorch.cache_memory, by their content hash: weights never
 * change, so nothing has to be invalidated.  A call site (one predict in one query) looks the name up
 * once per snapshot, checks the privilege, and holds on to the model until the query ends.
 */
#ifndef PGT_PREDICT_H
#define PGT_PREDICT_H

#include "postgres.h"

#include "engine/data/tensor.h"
#include "fmgr.h"

typedef enum PgtForm
{
	PGT_PREDICT_RAW,		/* the module's output */
	PGT_PREDICT_PROBABILITY /* what the training loss makes of it; 55000 if it makes nothing */
} PgtForm;

/*
 * The (first) output for the row in this call's arguments, without the batch dimension; NULL if a feature is NULL.
 * Argument 0 is the model's name, all others are features.  The elements are valid until the
 * next call for the same model.
 */
extern const PtTensor *pgt_predict_row(FunctionCallInfo fcinfo, PgtForm form);

/* All outputs of the row: of a model that has several, in the order in which it gives them. */
extern const PtTensor *pgt_predict_outputs(FunctionCallInfo fcinfo, int *n);

/*
 * The label of the highest score of the output: of a loss over classes only (55000).  Same rules; the
 * result is in the current memory context.
 */
extern char *pgt_predict_label(FunctionCallInfo fcinfo);

#endif
