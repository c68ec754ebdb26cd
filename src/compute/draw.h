/*
 * draw.h
 *	  The session's random numbers.
 */
#ifndef PGT_DRAW_H
#define PGT_DRAW_H

#include "postgres.h"

#include "engine/graph/graph.h"
#include "tensor/datum.h"

/* A new tensor of that type, drawn as a row of ops/draw.c says. */
extern PgtTensor *pgt_draw(const PtOp *op, const PtArgs *args, const PtTensorType *type);

/* torch.manual_seed */
extern void pgt_draw_seed(int64 seed);

#endif
