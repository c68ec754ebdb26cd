/*
 * aggregate.h
 *	  What the aggregates over rows of tensors keep while they run.
 *
 * States live in the memory context given when they are made (the aggregate's), and grow there.
 */
#ifndef PGT_AGGREGATE_H
#define PGT_AGGREGATE_H

#include "postgres.h"

#include "tensor/datum.h"

/* sum and avg: element by element over rows of one shape, in double or (wrapping) in int64. */
typedef struct PgtSum PgtSum;

/* Adds a row; sum is NULL for the first.  A row of another shape is 22023. */
extern PgtSum *pgt_sum_add(MemoryContext cxt, PgtSum *sum, const PtTensor *row);
/* Adds what another process has summed up; either may be NULL. */
extern PgtSum *pgt_sum_merge(MemoryContext cxt, PgtSum *sum, const PgtSum *other);
/*
 * torch.sum and torch.mean of the stacked rows along dim 0; the mean of integers is 42804, as in
 * PyTorch.
 */
extern PgtTensor *pgt_sum_total(const PgtSum *sum);
extern PgtTensor *pgt_sum_mean(const PgtSum *sum);
/* For the way between processes of one server. */
extern bytea *pgt_sum_save(const PgtSum *sum);
extern PgtSum *pgt_sum_load(MemoryContext cxt, const bytea *saved);

/* torch.stack and torch.cat of rows along dim 0, in the order they come. */
typedef struct PgtStack PgtStack;

extern PgtStack *pgt_stack_new(MemoryContext cxt, bool cat);
/* Adds a row; 22023 if its shape does not fit, 54000 as soon as the result would be too large. */
extern void pgt_stack_add(PgtStack *stack, const PtTensor *row);
extern PgtTensor *pgt_stack_result(const PgtStack *stack);

#endif
