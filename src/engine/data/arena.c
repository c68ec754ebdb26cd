/*
 * arena.c
 *	  Memory that dies together.
 */
#include "engine/data/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_ALIGN 64
#define ARENA_BLOCK 8192

typedef struct Block
{
	struct Block *next;
	size_t size;
	size_t used;
} Block;

struct PtArena
{
	Block *blocks;
};

/* Offset of a block's first usable byte: the header, rounded up to the alignment. */
#define BLOCK_HEADER ((sizeof(Block) + ARENA_ALIGN - 1) & ~(size_t) (ARENA_ALIGN - 1))

PtArena *
pt_arena_new(void)
{
	return calloc(1, sizeof(PtArena));
}

void
pt_arena_free(PtArena *arena)
{
	if (arena == NULL)
		return;
	for (Block *b = arena->blocks, *next; b != NULL; b = next)
	{
		next = b->next;
		free(b);
	}
	free(arena);
}

void *
pt_arena_alloc(PtArena *arena, size_t bytes)
{
	Block *b = arena->blocks;
	size_t need;
	void *p;

	if (bytes > SIZE_MAX / 2)
		return NULL;
	need = (bytes + ARENA_ALIGN - 1) & ~(size_t) (ARENA_ALIGN - 1);
	if (b == NULL || b->size - b->used < need)
	{
		size_t size = BLOCK_HEADER + (need > ARENA_BLOCK / 2 ? need : ARENA_BLOCK);

		b = aligned_alloc(ARENA_ALIGN, size);
		if (b == NULL)
			return NULL;
		b->size = size;
		b->used = BLOCK_HEADER;
		/* a block made for one big request goes behind the current one, which still has room */
		if (need > ARENA_BLOCK / 2 && arena->blocks != NULL)
		{
			b->next = arena->blocks->next;
			arena->blocks->next = b;
		}
		else
		{
			b->next = arena->blocks;
			arena->blocks = b;
		}
	}
	p = (char *) b + b->used;
	b->used += need;
	memset(p, 0, need);
	return p;
}

char *
pt_arena_strndup(PtArena *arena, const char *s, size_t n)
{
	char *copy = pt_arena_alloc(arena, n + 1);

	if (copy != NULL)
		memcpy(copy, s, n);
	return copy;
}

char *
pt_arena_strdup(PtArena *arena, const char *s)
{
	return pt_arena_strndup(arena, s, strlen(s));
}

char *
pt_arena_printf(PtArena *arena, const char *fmt, ...)
{
	va_list ap;
	int n;
	char *s;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || (s = pt_arena_alloc(arena, (size_t) n + 1)) == NULL)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(s, (size_t) n + 1, fmt, ap);
	va_end(ap);
	return s;
}
