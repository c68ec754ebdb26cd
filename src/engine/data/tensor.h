/*
 * tensor.h
 *	  A tensor in host memory: dtype, shape and contiguous elements in C order.
 *
 * A PtTensor only describes; whoever made the elements owns them.
 */
#ifndef PT_TENSOR_H
#define PT_TENSOR_H

#include "engine/data/arena.h"
#include "engine/data/dtype.h"

#define PT_MAX_DIM 8

/* The largest tensor: PostgreSQL's largest datum, less the header. */
#define PT_MAX_TENSOR_BYTES ((int64_t) 0x3fffffff - 128)

typedef struct PtShape
{
	int ndim;
	int64_t dim[PT_MAX_DIM];
} PtShape;

typedef struct PtTensor
{
	PtDtype dtype;
	PtShape shape;
	void *data;
} PtTensor;

extern int64_t pt_shape_numel(const PtShape *shape); /* of a shape that was checked */
/* With another dimension of that size at dim; without dimension dim. */
extern void pt_shape_insert(PtShape *shape, int64_t dim, int64_t size);
extern void pt_shape_remove(PtShape *shape, int64_t dim);
extern bool pt_shape_equal(const PtShape *a, const PtShape *b);
/*
 * Checks 0 <= ndim <= 8, sizes >= 0 and that dtype x shape does not overflow int64; numel may be
 * NULL.
 */
extern bool pt_shape_check(const PtShape *shape, PtDtype dtype, int64_t *numel, PtError *err);
/* PyTorch's broadcasting of two shapes. */
extern bool pt_shape_broadcast(const PtShape *a, const PtShape *b, PtShape *out, PtError *err);
/* "[2, 3]"; buf of PT_SHAPE_TEXT bytes; returns buf. */
#define PT_SHAPE_TEXT 192
extern char *pt_shape_print(const PtShape *shape, char *buf);

extern size_t pt_tensor_bytes(const PtTensor *t);
/* Element i's place. */
static inline void *
pt_tensor_at(const PtTensor *t, int64_t i)
{
	return (char *) t->data + i * (int64_t) pt_dtype_size(t->dtype);
}

/*
 * Text: '[[1., 2.], [3., 4.]]', 'float64[1, 2]', 'float32(0,3)[]', 'float64()3.5'.
 * Reading allocates the elements in the arena.  Printing gives the shortest text that reads back to
 * the identical tensor; it is a malloc'ed, NUL-terminated string, NULL (with err) when it would
 * exceed max_bytes or memory.
 */
extern bool pt_tensor_parse(PtArena *arena, const char *text, PtTensor *out, PtError *err);
extern char *pt_tensor_print(const PtTensor *t, size_t max_bytes, PtError *err);

/* The same in steps, so that a gigabyte of text can be interrupted. */
typedef enum PtReadState
{
	PT_READ_MORE,	/* call again */
	PT_READ_BUFFER, /* set data to bytes of memory, then call again */
	PT_READ_DONE	/* dtype and shape are final, data holds the elements */
} PtReadState;

/*
 * Reads a tensor.  tensor.dtype, tensor.shape.ndim and bytes are known from PT_READ_BUFFER on;
 * bytes is an upper bound of what the elements take, at most PT_MAX_TENSOR_BYTES and 8 for each
 * byte of text.
 */
typedef struct PtReader
{
	PtReadState state;
	PtTensor tensor;
	size_t bytes;

	/* private */
	const char *text;
	const char *p;
	int phase;
	bool typed;	 /* a dtype was given */
	bool shaped; /* a shape was given, kept in stated */
	PtShape stated;
	const char *body; /* where the value begins */
	char seen;		  /* what kinds of numbers the scan saw */
	size_t commas;
	int depth;
	bool known[PT_MAX_DIM]; /* is this size known? */
	int64_t count[PT_MAX_DIM];
	size_t elements;
} PtReader;

extern void pt_reader_init(PtReader *reader, const char *text);
/* Goes on for about that many bytes of text; false with err on any error. */
extern bool pt_reader_run(PtReader *reader, size_t bytes, PtError *err);

/* Prints a tensor, which must stay in place meanwhile. */
typedef struct PtWriter
{
	/* private */
	const PtTensor *tensor;
	size_t numel;
	size_t next;
	bool begun;
	bool ended;
	int64_t index[PT_MAX_DIM];
} PtWriter;

extern void pt_writer_init(PtWriter *writer, const PtTensor *tensor);
/*
 * Writes up to size bytes, which must be at least PT_WRITER_MIN; returns how many (no NUL), 0 at
 * the end.
 */
#define PT_WRITER_MIN 512
extern size_t pt_writer_run(PtWriter *writer, char *buf, size_t size);

/*
 * Binary, big-endian: uint8 version (1), uint8 dtype, uint8 ndim, uint8 zero, int32 dim[ndim],
 * elements. Decoding validates everything, including the exact length and bool bytes 0 or 1.
 */
extern size_t pt_tensor_wire_bytes(const PtTensor *t);
extern void pt_tensor_encode(const PtTensor *t, unsigned char *out);
extern bool pt_tensor_decode(PtArena *arena, const unsigned char *in, size_t len, PtTensor *out,
							 PtError *err);

/* Decoding in two steps, for callers that bring the memory. */

/* Validates the header and the exact length; sets dtype and shape, and where the elements begin. */
extern bool pt_wire_header(const unsigned char *in, size_t len, PtTensor *out, size_t *offset,
						   PtError *err);

/* Validates and copies the elements to out->data, which the caller has set. */
extern bool pt_wire_elements(const unsigned char *in, PtTensor *out, PtError *err);

/*
 * Total order for btree: dtype, then ndim, then sizes, then elements; NaN equals NaN and sorts
 * last, -0 equals 0. Equal tensors hash equal.
 */
extern int pt_tensor_compare(const PtTensor *a, const PtTensor *b);
extern uint64_t pt_tensor_hash(const PtTensor *t, uint64_t seed);

/*
 * Order and hash piece by piece, for large tensors: the head, then the elements in pieces of
 * PT_ORDER_PIECE (the last one may be shorter), then the end.
 */
#define PT_ORDER_PIECE ((size_t) 1 << 20)

/* dtype, number of dimensions, sizes: negative, zero, positive */
extern int pt_compare_head(const PtTensor *a, const PtTensor *b);
extern int pt_compare_elements(PtDtype dtype, const void *a, const void *b, size_t n);

extern uint64_t pt_hash_head(const PtTensor *t, uint64_t seed);
/* Chains: hash is what came out of the piece before. */
extern uint64_t pt_hash_elements(PtDtype dtype, const void *data, size_t n, uint64_t hash);
extern uint64_t pt_hash_end(uint64_t hash);

#endif
