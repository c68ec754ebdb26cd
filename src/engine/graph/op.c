/*
 * op.c
 *	  The op table as one list: scalar ops first, then the families.
 */
#include <string.h>

#include "engine/graph/op.h"

extern const PtOp pt_scalar_ops[];
extern const PtOp pt_shape_ops[];
extern const PtOp pt_index_ops[];
extern const PtOp pt_stat_ops[];
extern const PtOp pt_reduce_ops[];
extern const PtOp pt_matmul_ops[];
extern const PtOp pt_softmax_ops[];
extern const PtOp pt_create_ops[];
extern const PtOp pt_random_ops[];
extern const PtOp pt_train_ops[];

/* Each ends with a row without a name. */
static const PtOp *const families[] = {
	pt_scalar_ops, pt_shape_ops, pt_index_ops, pt_stat_ops, pt_reduce_ops,
	pt_matmul_ops, pt_softmax_ops, pt_create_ops, pt_random_ops, pt_train_ops};

const PtOp *
pt_op_scalar(PtScalar scalar)
{
	return scalar > PT_S_NONE && scalar < PT_S_END ? &pt_scalar_ops[scalar - 1] : NULL;
}

bool
pt_is_elementwise(const PtOp *op)
{
	return op->scalar != PT_S_NONE || (op->flags & PT_OP_RANDOM) || strcmp(op->name, "to") == 0 ||
		   strcmp(op->name, "expand") == 0;
}

const PtOp *
pt_op_at(int i)
{
	for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++)
		for (const PtOp *op = families[f]; op->name != NULL; op++)
			if (i-- == 0)
				return op;
	return NULL;
}

const PtOp *
pt_op_find(const char *name)
{
	const PtOp *op;

	for (int i = 0; (op = pt_op_at(i)) != NULL; i++)
		if (strcmp(op->name, name) == 0)
			return op;
	return NULL;
}
