/*
 * threads.h
 *	  The CPU device's own threads.
 *
 * pt_threads_run hands out tiles to all threads of the pool, the caller being one of them, and returns
 * when all are done.  Between calls workers spin for a moment, then sleep; after
 * pt_threads_rest they sleep at once.  They start at the first run, with every signal blocked, so
 * that a signal handler never runs on them.  If the system gives fewer threads, the pool is smaller.
 */
#ifndef PT_CPU_THREADS_H
#define PT_CPU_THREADS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct PtThreads PtThreads;

/* NULL when out of memory.  threads counts the caller. */
extern PtThreads *pt_threads_new(int threads);
extern void pt_threads_free(PtThreads *pool); /* joins; NULL is fine */
/* Calls run(arg, tile, thread) for first <= tile < first + count; thread counts from 0, the caller. */
extern void pt_threads_run(PtThreads *pool, void (*run)(void *arg, int64_t tile, int thread),
						   void *arg, int64_t first, int64_t count);
extern void pt_threads_rest(PtThreads *pool);
/* How many threads there are by now, the caller included. */
extern int pt_threads_running(const PtThreads *pool);

#endif
