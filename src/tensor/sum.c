/*
 * sum.c
 *	  The state of sum(tensor) and avg(tensor).
 *
 * Floats are summed in double, so that the order of rows matters little; integers and bool in
 * int64, where overflow wraps as in PyTorch.  Rows of several dtypes are promoted; the first float
 * among integers turns the sums into doubles.
 */
#include "tensor/aggregate.h"

#include "miscadmin.h"
#include "utils/memutils.h"

/* elements converted at a time, and between two checks for interrupts */
#define PIECE 1024
#define PIECES_UNCHECKED 1024

struct PgtSum
{
	PtDtype dtype; /* of all rows, promoted */
	PtShape shape;
	int64 rows;
	Size numel;
	void *total; /* numel doubles if dtype is a float, else int64s */
};

static PtDtype
total_dtype(PtDtype dtype)
{
	return pt_dtype_is_float(dtype) ? PT_FLOAT64 : PT_INT64;
}

static PtDtype
result_dtype(const PgtSum *sum)
{
	return pt_dtype_is_float(sum->dtype) ? sum->dtype : PT_INT64;
}

static void *
new_total(MemoryContext cxt, Size numel)
{
	return MemoryContextAllocExtended(cxt, Max(numel, 1) * 8, MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

static PgtSum *
new_sum(MemoryContext cxt, PtDtype dtype, const PtShape *shape)
{
	PgtSum *sum = MemoryContextAllocZero(cxt, sizeof(PgtSum));

	sum->dtype = dtype;
	sum->shape = *shape;
	sum->numel = pt_shape_numel(shape);
	/* refuse now what could not be returned */
	pgt_tensor_check_size(result_dtype(sum), shape);
	sum->total = new_total(cxt, sum->numel);
	return sum;
}

static void
check_interrupts(Size i)
{
	if (i % ((Size) PIECE * PIECES_UNCHECKED) == 0)
		CHECK_FOR_INTERRUPTS();
}

/* total += elements; the C types of the two loops are those of total_dtype */
static void
add_elements(PgtSum *sum, PtDtype dtype, const void *data)
{
	Size size = pt_dtype_size(dtype);

	for (Size i = 0; i < sum->numel; i += PIECE)
	{
		int n = (int) Min(sum->numel - i, PIECE);
		const void *from = (const char *) data + i * size;

		if (pt_dtype_is_float(sum->dtype))
		{
			double *total = (double *) sum->total + i;
			double values[PIECE];

			pt_convert(PT_FLOAT64, values, dtype, from, n);
			for (int k = 0; k < n; k++)
				total[k] += values[k];
		}
		else
		{
			uint64 *total = (uint64 *) sum->total + i;
			uint64 values[PIECE];

			pt_convert(PT_INT64, values, dtype, from, n);
			for (int k = 0; k < n; k++)
				total[k] += values[k];
		}
		check_interrupts(i);
	}
}

/* Rows of another dtype come in. */
static void
promote(MemoryContext cxt, PgtSum *sum, PtDtype dtype)
{
	PtDtype both = pt_dtype_promote(sum->dtype, dtype);

	if (pt_dtype_is_float(both) && !pt_dtype_is_float(sum->dtype))
	{
		void *total = new_total(cxt, sum->numel);

		pt_convert(PT_FLOAT64, total, PT_INT64, sum->total, sum->numel);
		pfree(sum->total);
		sum->total = total;
	}
	sum->dtype = both;
	pgt_tensor_check_size(result_dtype(sum), &sum->shape);
}

static void
check_shape(const PgtSum *sum, const PtShape *shape)
{
	char first[PT_SHAPE_TEXT];
	char other[PT_SHAPE_TEXT];

	if (!pt_shape_equal(&sum->shape, shape))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("tensors of shape %s and %s cannot be added over rows",
						pt_shape_print(&sum->shape, first), pt_shape_print(shape, other))));
}

PgtSum *
pgt_sum_add(MemoryContext cxt, PgtSum *sum, const PtTensor *row)
{
	if (sum == NULL)
		sum = new_sum(cxt, row->dtype, &row->shape);
	check_shape(sum, &row->shape);
	if (sum->dtype != row->dtype)
		promote(cxt, sum, row->dtype);
	add_elements(sum, row->dtype, row->data);
	sum->rows++;
	return sum;
}

PgtSum *
pgt_sum_merge(MemoryContext cxt, PgtSum *sum, const PgtSum *other)
{
	if (other == NULL)
		return sum;
	if (sum == NULL)
		sum = new_sum(cxt, other->dtype, &other->shape);
	check_shape(sum, &other->shape);
	promote(cxt, sum, other->dtype);
	add_elements(sum, total_dtype(other->dtype), other->total);
	sum->rows += other->rows;
	return sum;
}

PgtTensor *
pgt_sum_total(const PgtSum *sum)
{
	PtTensor out;
	PgtTensor *t = pgt_tensor_make(result_dtype(sum), &sum->shape, &out);

	pt_convert(out.dtype, out.data, total_dtype(sum->dtype), sum->total, sum->numel);
	return t;
}

PgtTensor *
pgt_sum_mean(const PgtSum *sum)
{
	PtTensor out;
	PgtTensor *t;

	if (!pt_dtype_is_float(sum->dtype))
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("avg of tensors needs a floating point dtype, not %s",
						pt_dtype_name(sum->dtype)),
				 errhint("Convert them first: avg(torch.to(x, 'float32')).")));
	t = pgt_tensor_make(sum->dtype, &sum->shape, &out);
	for (Size i = 0; i < sum->numel; i += PIECE)
	{
		const double *total = (const double *) sum->total + i;
		double values[PIECE];
		int n = (int) Min(sum->numel - i, PIECE);

		for (int k = 0; k < n; k++)
			values[k] = total[k] / sum->rows;
		pt_convert(out.dtype, (char *) out.data + i * pt_dtype_size(out.dtype), PT_FLOAT64, values,
				   n);
		check_interrupts(i);
	}
	return t;
}

/* ----- between processes: the struct as it is, then the totals ----- */

bytea *
pgt_sum_save(const PgtSum *sum)
{
	Size bytes = VARHDRSZ + sizeof(PgtSum) + sum->numel * 8;
	bytea *saved;

	if (!AllocSizeIsValid(bytes))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("tensor is too large for a parallel aggregate"),
				 errhint("Set max_parallel_workers_per_gather to 0.")));
	saved = palloc(bytes);
	SET_VARSIZE(saved, bytes);
	memcpy(VARDATA(saved), sum, sizeof(PgtSum));
	memcpy(VARDATA(saved) + sizeof(PgtSum), sum->total, sum->numel * 8);
	return saved;
}

PgtSum *
pgt_sum_load(MemoryContext cxt, const bytea *saved)
{
	PgtSum *sum = MemoryContextAlloc(cxt, sizeof(PgtSum));

	if (VARSIZE_ANY_EXHDR(saved) < sizeof(PgtSum))
		elog(ERROR, "state of a tensor aggregate is too short");
	memcpy(sum, VARDATA_ANY(saved), sizeof(PgtSum));
	if (VARSIZE_ANY_EXHDR(saved) != sizeof(PgtSum) + sum->numel * 8)
		elog(ERROR, "state of a tensor aggregate has the wrong length");
	sum->total = new_total(cxt, sum->numel);
	memcpy(sum->total, VARDATA_ANY(saved) + sizeof(PgtSum), sum->numel * 8);
	return sum;
}
