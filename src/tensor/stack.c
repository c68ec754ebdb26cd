/*
 * stack.c
 *	  The state of the aggregates torch.stack and torch.cat.
 *
 * Both put rows one behind the other, as dim 0 is the slowest: into one buffer that doubles as it
 * fills.  A row that promotes the dtype converts what is already there.  As in PyTorch, cat passes
 * over tensors of shape (0).
 */
#include "tensor/aggregate.h"

#include "miscadmin.h"
#include "utils/memutils.h"

struct PgtStack
{
	MemoryContext cxt;
	bool cat;
	bool begun;	   /* a row gave dtype */
	bool shaped;   /* a row gave shape */
	PtDtype dtype; /* of all rows, promoted */
	PtShape shape; /* of the result so far */
	int64 rows;
	Size used; /* bytes */
	Size capacity;
	char *data;
};

PgtStack *
pgt_stack_new(MemoryContext cxt, bool cat)
{
	PgtStack *stack = MemoryContextAllocZero(cxt, sizeof(PgtStack));

	stack->cxt = cxt;
	stack->cat = cat;
	stack->shape.ndim = 1; /* what cat of nothing but shape (0) is */
	return stack;
}

/* The shape of the result with one row more. */
static PtShape
grown_shape(const PgtStack *stack, const PtTensor *row)
{
	const PtShape *first = &stack->shape;
	PtShape shape = row->shape;
	char want[PT_SHAPE_TEXT];
	char got[PT_SHAPE_TEXT];

	if (stack->cat)
	{
		if (row->shape.ndim == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("torch.cat cannot take a tensor without dimensions "
							"(row " INT64_FORMAT ")",
							stack->rows + 1),
					 errhint("Use torch.stack.")));
		if (!stack->shaped)
			return shape;
		shape.dim[0] = first->dim[0];
		if (!pt_shape_equal(&shape, first))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("torch.cat needs sizes that are equal except in dim 0, "
							"but got %s after %s (row " INT64_FORMAT ")",
							pt_shape_print(&row->shape, got), pt_shape_print(first, want),
							stack->rows + 1)));
		shape.dim[0] += row->shape.dim[0];
		return shape;
	}

	if (row->shape.ndim == PT_MAX_DIM)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("torch.stack cannot add a dimension to the %d of shape %s", PT_MAX_DIM,
						pt_shape_print(&row->shape, got))));
	for (int d = shape.ndim++; d > 0; d--)
		shape.dim[d] = shape.dim[d - 1];
	shape.dim[0] = stack->shaped ? first->dim[0] : 0;
	if (stack->shaped && !pt_shape_equal(&shape, first))
	{
		PtShape row_shape = {first->ndim - 1, {0}};

		memcpy(row_shape.dim, first->dim + 1, row_shape.ndim * sizeof(int64));
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("torch.stack needs tensors of equal shape, "
						"but got %s after %s (row " INT64_FORMAT ")",
						pt_shape_print(&row->shape, got), pt_shape_print(&row_shape, want),
							stack->rows + 1)));
	}
	shape.dim[0]++;
	return shape;
}

static void
promote(PgtStack *stack, PtDtype dtype)
{
	Size n = stack->used / pt_dtype_size(stack->dtype);
	char *data;

	if (stack->dtype == dtype)
		return;
	if (n > 0)
	{
		stack->capacity = n * pt_dtype_size(dtype);
		data = MemoryContextAllocHuge(stack->cxt, stack->capacity);
		pt_convert(dtype, data, stack->dtype, stack->data, n);
		pfree(stack->data);
		stack->data = data;
		stack->used = stack->capacity;
	}
	stack->dtype = dtype;
}

static void
ensure_capacity(PgtStack *stack, Size bytes)
{
	Size capacity = Max(stack->capacity, 1024);

	if (stack->used + bytes <= stack->capacity)
		return;
	while (capacity < stack->used + bytes)
		capacity *= 2;
	/* the size is checked, so no more than this can come */
	capacity = Max(Min(capacity, (Size) PT_MAX_TENSOR_BYTES), stack->used + bytes);
	stack->data = stack->data == NULL ? MemoryContextAllocHuge(stack->cxt, capacity)
									  : repalloc_huge(stack->data, capacity);
	stack->capacity = capacity;
}

void
pgt_stack_add(PgtStack *stack, const PtTensor *row)
{
	PtDtype dtype = stack->begun ? pt_dtype_promote(stack->dtype, row->dtype) : row->dtype;
	Size n = pt_shape_numel(&row->shape);
	bool passed_over = stack->cat && row->shape.ndim == 1 && row->shape.dim[0] == 0;
	PtShape shape = passed_over ? stack->shape : grown_shape(stack, row);

	pgt_tensor_check_size(dtype, &shape);
	if (stack->begun)
		promote(stack, dtype);
	stack->dtype = dtype;
	stack->begun = true;
	stack->rows++;
	if (passed_over)
		return;
	stack->shape = shape;
	stack->shaped = true;
	ensure_capacity(stack, n * pt_dtype_size(dtype));
	pt_convert(dtype, stack->data + stack->used, row->dtype, row->data, n);
	stack->used += n * pt_dtype_size(dtype);
	CHECK_FOR_INTERRUPTS();
}

PgtTensor *
pgt_stack_result(const PgtStack *stack)
{
	PtTensor view = {stack->dtype, stack->shape, stack->data};

	return pgt_tensor_from(&view);
}
