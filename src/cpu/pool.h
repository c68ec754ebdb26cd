/*
 * pool.h
 *	  The CPU device's own threads.
 *
 * pt_pool_run hands out tiles to all threads of the pool, the caller being one of them, and returns
 * when all are done.  Between calls workers spin for a moment, then sleep; after
 * pt_pool_rest they sleep at once.  They start at the first run, with every signal blocked, so
 * that a signal handler never runs on them.  If the system gives fewer threads, the pool is smaller.
 */
#ifndef PT_CPU_POOL_H
#define PT_CPU_POOL_H

#include <stdbool.h>
#include <stdint.h>

typedef struct PtPool PtPool;

/* NULL when out of memory.  threads counts the caller. */
extern PtPool *pt_pool_new(int threads);
extern void pt_pool_free(PtPool *pool); /* joins; NULL is fine */
/* Calls run(arg, tile, thread) for first <= tile < first + count; thread counts from 0, the caller. */
extern void pt_pool_run(PtPool *pool, void (*run)(void *arg, int64_t tile, int thread), void *arg,
						int64_t first, int64_t count);
extern void pt_pool_rest(PtPool *pool);
/* How many threads there are by now, the caller included. */
extern int pt_pool_running(const PtPool *pool);

#endif
