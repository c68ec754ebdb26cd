/*
 * checkpoint.h
 *	  Versions of a model: what each was trained for, what it saw, and its weights.
 *
 * The weights of a checkpoint never change, and ids are never used again, so caches need no
 * invalidation. hash is SHA-256 over all that decides a prediction: module, loss, inputs, labels,
 * and names, dtypes, shapes and bytes of the parameters.  Equal hashes predict the same; it is
 * verified whenever weights are read (XX001).
 */
#ifndef PGT_CHECKPOINT_H
#define PGT_CHECKPOINT_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "engine/data/tensor.h"
#include "store/model.h"
#include "utils/jsonb.h"

typedef struct PgtCheckpoint
{
	int64 id;					/* set by write */
	int32 version;				/* set by write */
	uint8 hash[PGT_HASH_BYTES]; /* set by write */
	TimestampTz created_at;		/* set by get */

	int64 run;	 /* in pgtorch.run; 0: not from training */
	int32 epoch; /* after which epoch; 0: none */
	bool has_loss;
	double loss;
	Jsonb *metrics; /* NULL: none */

	char *loss_module; /* training loss in canonical text; NULL before training */
	int ninputs;	   /* 0 before data was seen */
	PtTensor *inputs;  /* dtype and shape of one row of each; data is NULL */
	char *label_type;  /* SQL type of the target if it has labels, else NULL */
	int nlabels;	   /* 0: classes are their numbers, or there are none */
	char **labels;	   /* position = class index */

	int nparams;	  /* the state_dict, in its order */
	char **names;	  /* "0.weight" */
	PtTensor *params; /* dtype and shape; data: given to write, NULL from get */
} PgtCheckpoint;

/*
 * The row of the model's version (model->version), in the current memory context; params without
 * data.
 */
extern PgtCheckpoint *pgt_checkpoint_get(const PgtModel *model);

/*
 * Reads the weights: data[i] has room for pt_tensor_bytes(&checkpoint->params[i]) bytes.  XX001
 * unless they are, to the bit, what was written.
 */
extern void pgt_checkpoint_read(const PgtModel *model, const PgtCheckpoint *checkpoint,
								void *const *data);

/*
 * The same, one parameter after another; nothing may be used before close, which verifies the hash,
 * has returned.
 */
typedef struct PgtWeights PgtWeights;
extern PgtWeights *pgt_weights_open(const PgtModel *model, const PgtCheckpoint *checkpoint);
extern void pgt_weights_next(PgtWeights *weights, void *data);
extern void pgt_weights_close(PgtWeights *weights);

/*
 * Writes the next version of a model that is open to train or was just created: fills version, id
 * and hash of checkpoint, returns version.  deploy: makes it the deployed one.
 */
extern int32 pgt_checkpoint_write(const PgtModel *model, PgtCheckpoint *checkpoint, bool deploy);

#endif
