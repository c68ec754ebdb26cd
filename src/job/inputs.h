/*
 * inputs.h
 *	  The inputs of a model, as a decoder of rows is told them.
 */
#ifndef PGT_INPUTS_H
#define PGT_INPUTS_H

#include "postgres.h"

#include "dataset/decode.h"
#include "engine/nn/module.h"
#include "store/checkpoint.h"

/*
 * Fills inputs and ninputs of spec: what the module reads from each, with the shapes that the version saw in
 * training, if it has been trained.
 */
extern void pgt_inputs_describe(const PtModule *module, const PgtCheckpoint *version,
								PgtDecodeSpec *spec);

#endif
