/*
 * buffer.h
 *	  Text that grows in an arena.
 */
#ifndef PT_BUFFER_H
#define PT_BUFFER_H

#include <stdbool.h>

#include "engine/data/arena.h"
#include "engine/data/error.h"

/* failed is set when memory runs out and everything after is ignored. */
typedef struct PtBuffer
{
	PtArena *arena;
	char *text;
	size_t used, size;
	bool failed;
} PtBuffer;

extern void pt_buffer_add(PtBuffer *b, const char *s);
extern void pt_buffer_addf(PtBuffer *b, const char *fmt, ...) PT_PRINTF(2, 3);

#endif
