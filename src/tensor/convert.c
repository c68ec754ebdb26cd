/*
 * convert.c
 *	  Tensors of another dtype, made as torch.tensor(data, dtype) does.
 *
 * What an integer dtype cannot hold is refused; fractions are cut off.
 */
#include "postgres.h"

#include "tensor/convert.h"

#include "miscadmin.h"

/* elements between two checks for interrupts */
#define PIECE 65536

static void
fail_range(PtDtype dtype, const void *values, PtDtype from, Size i)
{
	char number[PT_ELEMENT_TEXT];

	pt_element_print(from, values, i, number);
	ereport(ERROR, (errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					errmsg("value %s is out of range for dtype %s", number, pt_dtype_name(dtype))));
}

/* Refuses what an integer dtype cannot hold. */
static void
check_range(PtDtype dtype, const PtTensor *t, Size n)
{
	for (Size i = 0; i < n; i += PIECE)
	{
		Size piece = Min(n - i, PIECE);
		Size bad = pt_dtype_first_misfit(dtype, t->dtype, pt_tensor_at(t, i), piece);

		if (bad < piece)
			fail_range(dtype, t->data, t->dtype, i + bad);
		CHECK_FOR_INTERRUPTS();
	}
}

PgtTensor *
pgt_tensor_convert(const PtTensor *from, PtDtype dtype)
{
	Size n = pt_shape_numel(&from->shape);
	PtTensor view;
	PgtTensor *t;

	check_range(dtype, from, n);
	t = pgt_tensor_result(dtype, &from->shape, &view);
	for (Size i = 0; i < n; i += PIECE)
	{
		pt_convert(dtype, (char *) view.data + i * pt_dtype_size(dtype), from->dtype,
				   pt_tensor_at(from, i), Min(n - i, PIECE));
		CHECK_FOR_INTERRUPTS();
	}
	return t;
}

PgtTensor *
pgt_tensor_read_as(const char *text, PtDtype dtype)
{
	const char *s = text + strspn(text, " \t\n\r\f\v");
	bool bracket = *s == '[';
	PgtTensor *t;
	PtTensor view;

	if (bracket || strpbrk(s, "[(") == NULL)
		text = psprintf("%s%s%s", pt_dtype_name(dtype), bracket ? "" : "()", s);
	t = pgt_tensor_read(text);
	pgt_tensor_view(t, &view);
	return view.dtype != dtype ? pgt_tensor_convert(&view, dtype) : t;
}
