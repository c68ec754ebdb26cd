/*
 * text.h
 *	  A tensor as text, read and printed in steps, so that a gigabyte of it can be interrupted.
 *
 * pt_tensor_parse and pt_tensor_print (engine/tensor.h) do the same in one call.
 */
#ifndef PT_TEXT_H
#define PT_TEXT_H

#include "engine/tensor.h"

typedef enum PtReadState
{
	PT_READ_MORE,	/* call again */
	PT_READ_BUFFER, /* set data to bytes of memory, then call again */
	PT_READ_DONE	/* dtype and shape are final, data holds the elements */
} PtReadState;

/*
 * Reads a tensor.  tensor.dtype, tensor.shape.ndim and bytes are known from PT_READ_BUFFER on; bytes is an
 * upper bound of what the elements take, at most PT_MAX_TENSOR_BYTES and 8 for each byte of text.
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
/* Writes up to size bytes, which must be at least PT_WRITER_MIN; returns how many (no NUL), 0 at the end. */
#define PT_WRITER_MIN 512
extern size_t pt_writer_run(PtWriter *writer, char *buf, size_t size);

#endif
