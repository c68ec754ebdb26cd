/*
 * datum.c
 *	  A tensor as a PostgreSQL datum: making, checking, text, binary, order.
 *
 * What comes from disk is checked as far as that is cheap: the header, the sizes and that they
 * agree with the length. The elements need no check; any bits are a value, and bool counts as true
 * unless zero.
 */
#include "tensor/datum.h"

#include <inttypes.h>

#include "access/detoast.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "bridge/bridge.h"
#include "tensor/typmod.h"

/* Text and elements between two checks for interrupts: some milliseconds. */
#define TEXT_STEP ((size_t) 256 * 1024)

/* Bytes of new memory between two checks for interrupts. */
#define ZERO_STEP ((Size) 16 * 1024 * 1024)

static void
corrupted(const char *what, int64 value)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("stored tensor is corrupted: %s " INT64_FORMAT, what, value)));
}

/* length: of the whole datum, with header; elements need not be there */
static void
check_header(const PgtTensor *t, Size length, PtTensor *out)
{
	PtError err;
	int64 numel;

	if (length < offsetof(PgtTensor, dim))
		corrupted("length", length);
	if (t->version != PGT_TENSOR_VERSION)
		corrupted("unknown version", t->version);
	if (t->dtype >= PT_NDTYPE)
		corrupted("unknown dtype", t->dtype);
	if (t->ndim > PT_MAX_DIM)
		corrupted("number of dimensions", t->ndim);
	if (t->flags != 0)
		corrupted("unknown flags", t->flags);
	if (length < PGT_TENSOR_HEADER(t->ndim))
		corrupted("length", length);
	out->dtype = (PtDtype) t->dtype;
	out->shape.ndim = t->ndim;
	out->data = NULL;
	for (int d = 0; d < t->ndim; d++)
	{
		if (t->dim[d] < 0)
			corrupted("size", t->dim[d]);
		out->shape.dim[d] = t->dim[d];
	}
	if (!pt_shape_check(&out->shape, out->dtype, &numel, &err) || numel > (int64) MaxAllocSize ||
		PGT_TENSOR_HEADER(t->ndim) + numel * pt_dtype_size(out->dtype) != length)
		corrupted("length", length);
}

PgtTensor *
pgt_tensor_from_datum(Datum datum)
{
	PgtTensor *t = (PgtTensor *) PG_DETOAST_DATUM(datum);
	PtTensor ignored;

	check_header(t, VARSIZE(t), &ignored);
	return t;
}

PgtTensor *
pgt_tensor_open(Datum datum, PtTensor *out)
{
	PgtTensor *t = (PgtTensor *) PG_DETOAST_DATUM(datum);

	check_header(t, VARSIZE(t), out);
	out->data = pgt_tensor_data(t);
	return (Pointer) t != DatumGetPointer(datum) ? t : NULL;
}

void
pgt_tensor_view(const PgtTensor *t, PtTensor *out)
{
	out->dtype = (PtDtype) t->dtype;
	out->shape.ndim = t->ndim;
	for (int d = 0; d < t->ndim; d++)
		out->shape.dim[d] = t->dim[d];
	out->data = pgt_tensor_data(t);
}

void
pgt_tensor_describe(Datum datum, PtTensor *out)
{
	Size length = toast_raw_datum_size(datum);
	PgtTensor *head;

	/* a slice counts from behind the varlena header */
	head = (PgtTensor *) PG_DETOAST_DATUM_SLICE(datum, 0, PGT_TENSOR_HEADER(PT_MAX_DIM) - VARHDRSZ);
	check_header(head, length, out);
	if ((Pointer) head != DatumGetPointer(datum))
		pfree(head);
}

void
pgt_tensor_check_size(PtDtype dtype, const PtShape *shape)
{
	PtError err;
	int64 numel;
	char text[PT_SHAPE_TEXT];

	pgt_check(pt_shape_check(shape, dtype, &numel, &err), &err);
	for (int d = 0; d < shape->ndim; d++)
		if (shape->dim[d] > PG_INT32_MAX)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("tensor size exceeds the maximum of %d", PG_INT32_MAX),
					 errdetail("The shape is %s.", pt_shape_print(shape, text))));
	if (numel > PT_MAX_TENSOR_BYTES / (int64) pt_dtype_size(dtype))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("tensor exceeds the maximum size of " INT64_FORMAT " bytes",
						(int64) PT_MAX_TENSOR_BYTES),
				 errdetail("A %s tensor of shape %s takes " UINT64_FORMAT " bytes.",
						   pt_dtype_name(dtype), pt_shape_print(shape, text),
						   (uint64) numel * pt_dtype_size(dtype))));
}

/* The header of a new datum of that many bytes of elements. */
static void
set_header(PgtTensor *t, PtDtype dtype, const PtShape *shape, Size bytes)
{
	SET_VARSIZE(t, PGT_TENSOR_HEADER(shape->ndim) + bytes);
	t->version = PGT_TENSOR_VERSION;
	t->dtype = dtype;
	t->ndim = shape->ndim;
	t->flags = 0;
	for (int d = 0; d < shape->ndim; d++)
		t->dim[d] = shape->dim[d];
}

PgtTensor *
pgt_tensor_result(PtDtype dtype, const PtShape *shape, PtTensor *out)
{
	Size header = PGT_TENSOR_HEADER(shape->ndim);
	Size bytes;
	PgtTensor *t;

	pgt_tensor_check_size(dtype, shape);
	bytes = pt_shape_numel(shape) * pt_dtype_size(dtype);
	t = palloc(header + bytes);
	memset(t, 0, header);
	set_header(t, dtype, shape, bytes);
	pgt_tensor_view(t, out);
	return t;
}

PgtTensor *
pgt_tensor_make(PtDtype dtype, const PtShape *shape, PtTensor *out)
{
	PgtTensor *t = pgt_tensor_result(dtype, shape, out);
	Size bytes = pt_tensor_bytes(out);

	for (Size done = 0; done < bytes; done += ZERO_STEP)
	{
		memset((char *) out->data + done, 0, Min(bytes - done, ZERO_STEP));
		CHECK_FOR_INTERRUPTS();
	}
	return t;
}

PgtTensor *
pgt_tensor_from(const PtTensor *t)
{
	Size header = PGT_TENSOR_HEADER(t->shape.ndim);
	Size bytes;
	PgtTensor *datum;

	pgt_tensor_check_size(t->dtype, &t->shape);
	bytes = pt_tensor_bytes(t);
	datum = palloc(header + bytes);
	memset(datum, 0, header);
	set_header(datum, t->dtype, &t->shape, bytes);
	if (bytes > 0)
		memcpy(pgt_tensor_data(datum), t->data, bytes);
	return datum;
}

/* ----- text ----- */

PgtTensor *
pgt_tensor_read(const char *text)
{
	PtReader reader;
	PtError err;
	PgtTensor *t = NULL;

	pt_reader_init(&reader, text);
	while (reader.state != PT_READ_DONE)
	{
		pgt_check(pt_reader_run(&reader, TEXT_STEP, &err), &err);
		CHECK_FOR_INTERRUPTS();
		if (reader.state == PT_READ_BUFFER)
		{
			Size header = PGT_TENSOR_HEADER(reader.tensor.shape.ndim);

			/*
			 * The elements are read to where they belong.  Only a tensor without any can turn out
			 * to have more dimensions than brackets, so its header may need more room, but no
			 * element moves.
			 */
			t = palloc(Max(header + reader.bytes, PGT_TENSOR_HEADER(PT_MAX_DIM)));
			memset(t, 0, PGT_TENSOR_HEADER(PT_MAX_DIM));
			reader.tensor.data = (char *) t + header;
		}
	}
	set_header(t, reader.tensor.dtype, &reader.tensor.shape, pt_tensor_bytes(&reader.tensor));
	return t;
}

char *
pgt_tensor_print(const PgtTensor *t)
{
	PtTensor view;
	PtWriter writer;
	StringInfoData text;

	pgt_tensor_view(t, &view);
	pt_writer_init(&writer, &view);
	initStringInfo(&text);
	for (;;)
	{
		/* never less room than the writer wants, never so much that its turn is long */
		Size room;
		Size n;

		if ((Size) text.len + PT_WRITER_MIN + 1 > MaxAllocSize)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("the text of the tensor exceeds 1 GB"),
					 errhint("Use binary format, or take a part of it.")));
		enlargeStringInfo(&text, PT_WRITER_MIN);
		room = Min((Size) (text.maxlen - text.len - 1), TEXT_STEP);
		n = pt_writer_run(&writer, text.data + text.len, room);
		if (n == 0)
			break;
		text.len += n;
		CHECK_FOR_INTERRUPTS();
	}
	text.data[text.len] = '\0';
	return text.data;
}

/* ----- binary ----- */

PgtTensor *
pgt_tensor_decode(const char *bytes, Size length, int32 typmod)
{
	const unsigned char *wire = (const unsigned char *) bytes;
	PtTensor head;
	PtTensor view;
	PgtTensor *t;
	size_t offset;
	PtError err;

	pgt_check(pt_wire_header(wire, length, &head, &offset, &err), &err);
	pgt_typmod_check(typmod, &head);
	t = pgt_tensor_make(head.dtype, &head.shape, &view);
	pgt_check(pt_wire_elements(wire + offset, &view, &err), &err);
	return t;
}

bytea *
pgt_tensor_encode(const PgtTensor *t)
{
	PtTensor view;
	Size bytes;
	bytea *out;

	pgt_tensor_view(t, &view);
	bytes = VARHDRSZ + pt_tensor_wire_bytes(&view);
	out = palloc(bytes);
	SET_VARSIZE(out, bytes);
	pt_tensor_encode(&view, (unsigned char *) VARDATA(out));
	return out;
}

/* ----- order ----- */

int
pgt_tensor_compare(const PgtTensor *a, const PgtTensor *b)
{
	PtTensor x;
	PtTensor y;
	Size size;
	Size n;
	int order;

	pgt_tensor_view(a, &x);
	pgt_tensor_view(b, &y);
	order = pt_compare_head(&x, &y);
	if (order != 0)
		return order;
	size = pt_dtype_size(x.dtype);
	n = pt_shape_numel(&x.shape);
	for (Size i = 0; i < n && order == 0; i += PT_ORDER_PIECE)
	{
		order = pt_compare_elements(x.dtype, (char *) x.data + i * size, (char *) y.data + i * size,
									Min(n - i, PT_ORDER_PIECE));
		CHECK_FOR_INTERRUPTS();
	}
	return order;
}

uint64
pgt_tensor_hash(const PgtTensor *t, uint64 seed)
{
	PtTensor x;
	Size size;
	Size n;
	uint64 hash;

	pgt_tensor_view(t, &x);
	size = pt_dtype_size(x.dtype);
	n = pt_shape_numel(&x.shape);
	hash = pt_hash_head(&x, seed);
	for (Size i = 0; i < n; i += PT_ORDER_PIECE)
	{
		hash =
			pt_hash_elements(x.dtype, (char *) x.data + i * size, Min(n - i, PT_ORDER_PIECE), hash);
		CHECK_FOR_INTERRUPTS();
	}
	return pt_hash_end(hash);
}
