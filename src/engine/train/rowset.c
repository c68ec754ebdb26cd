/*
 * rowset.c
 *	  The rows of a data set where the device finds them.
 *
 * Memory: the device's, page-locked memory of the host for streaming, and the order in plain host memory unless
 * the device works there.  Copies go in pieces, so that a caller can look for interrupts in between.
 */
#include "engine/train/rowset.h"

#include <stdlib.h>
#include <string.h>

/* Copied in one call: some milliseconds. */
#define COPY_BYTES ((size_t) 32 << 20)
/* Gathered in one call: rows in random order, some hundred microseconds. */
#define GATHER_BYTES ((size_t) 1 << 20)
/* Half of a window. */
#define HALF_BYTES ((int64_t) 64 << 20)

struct PtRowset
{
	PtRowsetSpec spec;
	PtDevice *dev;
	bool in_place, streamed; /* neither: resident */
	int64_t *order;
	void *data, *order_data; /* the device's */
	int64_t rows;			 /* in data */

	size_t loaded, ordered; /* bytes of rows and order that were copied so far */

	/* streamed: data holds two halves, host what they are copied from */
	int64_t half; /* rows */
	char *host[2];
	int64_t
		gathered; /* rows of the next part that are in host memory; -1: their copy was started */

	int64_t begin, end; /* positions of the part in the epoch */
	int64_t taken;		/* of them */
	int64_t part;		/* parts begun in the epoch */
};

/* Bytes of rows that may lie on the device. */
static size_t
room_for_rows(const PtRowset *r)
{
	const PtRowsetSpec *s = &r->spec;
	size_t half = r->dev->type->available(r->dev) / 2;

	if (s->resident > 0)
		return s->resident;
	return s->limit > 0 && s->limit / 2 < half ? s->limit / 2 : half;
}

static bool
open_stream(PtRowset *r, PtError *err)
{
	const PtRowsetSpec *s = &r->spec;
	PtDevice *dev = r->dev;
	int64_t batch_bytes = s->batch_size * s->stride;
	/* both halves in what was asked for, or in half of what there is */
	size_t most = s->resident > 0 ? s->resident / 2 : room_for_rows(r) / 4;
	int64_t limit = most < (size_t) HALF_BYTES ? (int64_t) most : HALF_BYTES;
	int64_t batches = batch_bytes > 0 ? limit / batch_bytes : 1;
	int64_t *positions;
	bool ok;

	r->streamed = true;
	r->half = s->batch_size * (batches > 0 ? batches : 1);
	if (r->half > s->used)
		r->half = s->used;
	r->rows = 2 * r->half;
	positions = malloc((size_t) r->rows * sizeof(int64_t));
	if (positions == NULL)
		return pt_fail_memory(err, (size_t) r->rows * sizeof(int64_t));
	for (int64_t i = 0; i < r->rows; i++)
		positions[i] = i;
	ok = (r->data = dev->type->alloc(dev, (size_t) (r->rows * s->stride), err)) != NULL &&
		 (r->order_data = dev->type->alloc(dev, (size_t) r->rows * sizeof(int64_t), err)) != NULL &&
		 dev->type->upload(dev, r->order_data, positions, (size_t) r->rows * sizeof(int64_t), err);
	free(positions);
	for (int i = 0; ok && i < 2; i++)
		ok = (r->host[i] = dev->type->alloc_host(dev, (size_t) (r->half * s->stride), err)) != NULL;
	return ok;
}

static bool
open_rows(PtRowset *r, PtError *err)
{
	const PtRowsetSpec *s = &r->spec;
	PtDevice *dev = r->dev;
	size_t bytes = (size_t) s->nrows * (size_t) s->stride;
	size_t order_bytes = (size_t) s->nrows * sizeof(int64_t);

	r->in_place = dev->type->shares_host;
	r->rows = s->nrows;
	r->order = r->in_place ? dev->type->alloc(dev, order_bytes, err) : malloc(order_bytes);
	if (r->order == NULL)
		return r->in_place ? false : pt_fail_memory(err, order_bytes);
	if (r->in_place)
	{
		r->data = (void *) s->rows;
		r->order_data = r->order;
		return true;
	}
	if (bytes + order_bytes > room_for_rows(r))
		return open_stream(r, err);
	return (r->data = dev->type->alloc(dev, bytes, err)) != NULL &&
		   (r->order_data = dev->type->alloc(dev, order_bytes, err)) != NULL;
}

PtRowset *
pt_rowset_new(const PtRowsetSpec *spec, PtDevice *dev, PtError *err)
{
	PtRowset *r = calloc(1, sizeof(PtRowset));

	if (r == NULL)
	{
		pt_fail_memory(err, sizeof(PtRowset));
		return NULL;
	}
	r->spec = *spec;
	r->dev = dev;
	if (open_rows(r, err))
		return r;
	pt_rowset_free(r);
	return NULL;
}

void
pt_rowset_free(PtRowset *r)
{
	const PtDeviceType *type;

	if (r == NULL)
		return;
	type = r->dev->type;
	if (r->in_place)
		type->free(r->dev, r->order);
	else
	{
		type->free(r->dev, r->data);
		type->free(r->dev, r->order_data);
		for (int i = 0; i < 2; i++)
			if (r->host[i] != NULL)
				type->free_host(r->dev, r->host[i]);
		free(r->order);
	}
	free(r);
}

int64_t
pt_rowset_rows(const PtRowset *r)
{
	return r->rows;
}

void *
pt_rowset_data(const PtRowset *r)
{
	return r->data;
}

void *
pt_rowset_order_data(const PtRowset *r)
{
	return r->order_data;
}

size_t
pt_rowset_bytes(const PtRowset *r)
{
	return (size_t) r->rows * ((r->in_place ? 0 : (size_t) r->spec.stride) + sizeof(int64_t));
}

int64_t *
pt_rowset_order(PtRowset *r)
{
	return r->order;
}

void
pt_rowset_begin(PtRowset *r)
{
	r->begin = r->end = r->taken = 0;
	r->part = 0;
	r->ordered = 0;
	r->gathered = 0;
}

int64_t
pt_rowset_left(const PtRowset *r)
{
	return r->end - r->begin - r->taken;
}

void
pt_rowset_take(PtRowset *r, int64_t rows)
{
	r->taken += rows;
}

/* Copies a piece of an array; done when all of it was. */
static bool
copy_piece(PtRowset *r, void *to, const void *from, size_t bytes, size_t *done, PtError *err)
{
	size_t n = bytes - *done < COPY_BYTES ? bytes - *done : COPY_BYTES;

	if (!r->dev->type->upload(r->dev, (char *) to + *done, (const char *) from + *done, n, err))
		return false;
	*done += n;
	return true;
}

/* The part after the current one: where it begins in the epoch and how many rows it has. */
static int64_t
next_part(const PtRowset *r, int64_t *rows)
{
	int64_t begin = r->part * r->half;
	int64_t left = r->spec.used - begin;

	*rows = left < r->half ? left : r->half;
	return begin;
}

bool
pt_rowset_gathers(const PtRowset *r)
{
	int64_t rows;

	next_part(r, &rows);
	return r->streamed && r->gathered >= 0 && rows > 0;
}

bool
pt_rowset_ahead(PtRowset *r, PtError *err)
{
	int64_t stride = r->spec.stride, piece = stride > 0 ? (int64_t) GATHER_BYTES / stride : 0;
	int64_t rows, begin = next_part(r, &rows);
	char *host = r->host[r->part % 2];

	if (!pt_rowset_gathers(r))
		return true;
	piece = piece > 0 ? piece : 1;
	for (; piece > 0 && r->gathered < rows; piece--, r->gathered++)
		memcpy(host + r->gathered * stride,
			   (const char *) r->spec.rows + r->order[begin + r->gathered] * stride,
			   (size_t) stride);
	if (r->gathered < rows)
		return true;
	r->gathered = -1;
	return r->dev->type->feed(r->dev, (char *) r->data + r->part % 2 * r->half * stride, host,
							  (size_t) (rows * stride), err);
}

PtRun
pt_rowset_next(PtRowset *r, int64_t *position, PtError *err)
{
	size_t order_bytes = (size_t) r->spec.nrows * sizeof(int64_t);
	int64_t rows;

	if (r->streamed)
	{
		if (r->gathered >= 0)
		{
			if (!pt_rowset_ahead(r, err))
				return PT_RUN_ERROR;
			if (r->gathered >= 0)
				return PT_RUN_MORE;
		}
		r->begin = next_part(r, &rows);
		r->end = r->begin + rows;
		*position = r->part % 2 * r->half;
		r->part++;
		r->gathered = 0;
	}
	else
	{
		if (!r->in_place && r->loaded < (size_t) r->spec.nrows * (size_t) r->spec.stride)
			return copy_piece(r, r->data, r->spec.rows,
							  (size_t) r->spec.nrows * (size_t) r->spec.stride, &r->loaded, err)
					   ? PT_RUN_MORE
					   : PT_RUN_ERROR;
		if (!r->in_place && r->ordered < order_bytes)
			return copy_piece(r, r->order_data, r->order, order_bytes, &r->ordered, err)
					   ? PT_RUN_MORE
					   : PT_RUN_ERROR;
		r->begin = 0;
		r->end = r->spec.used;
		*position = 0;
	}
	r->taken = 0;
	return PT_RUN_DONE;
}
