/*
 * arena.h
 *	  Memory that dies together: a growing list of blocks, freed in one call.
 *
 * A model, a graph, a plan each own one arena.  Nothing in an arena is freed singly.
 */
#ifndef PT_ARENA_H
#define PT_ARENA_H

#include <stddef.h>

typedef struct PtArena PtArena;

/* NULL when out of memory. */
extern PtArena *pt_arena_new(void);
extern void pt_arena_free(PtArena *arena); /* NULL is fine */

/* Zeroed, aligned to 64 bytes; NULL when out of memory. */
extern void *pt_arena_alloc(PtArena *arena, size_t bytes);
extern char *pt_arena_strdup(PtArena *arena, const char *s);
extern char *pt_arena_strndup(PtArena *arena, const char *s, size_t n);
/* printf into the arena; NULL when out of memory. */
extern char *pt_arena_printf(PtArena *arena, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
