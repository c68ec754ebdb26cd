/*
 * bridge.h
 *	  Where PostgreSQL and the engine meet: errors, memory, signals.
 *
 * The engine returns errors as values, allocates with malloc and may have threads;
 * PostgreSQL throws, allocates in contexts and must see signals on its main thread only.
 * Everything that reconciles the two is here, so that nothing else has to know.
 */
#ifndef PGT_BRIDGE_H
#define PGT_BRIDGE_H

#include "postgres.h"

#include <signal.h>

#include "compat.h"
#include "engine/data/arena.h"
#include "engine/data/error.h"

/* The one place where an engine error becomes an ereport(ERROR). */
extern void pgt_raise(const PtError *err) pg_attribute_noreturn();

/* pgt_check(pt_foo(..., &err), &err): go on, or raise. */
static inline void
pgt_check(bool ok, const PtError *err)
{
	if (unlikely(!ok))
		pgt_raise(err);
}

/* Calls release(arg) when cxt is reset or deleted, so that an ERROR frees what the engine holds. */
extern void pgt_release_with(MemoryContext cxt, void (*release)(void *), void *arg);

/* An engine arena that dies with cxt; raises when out of memory. */
extern PtArena *pgt_arena_new(MemoryContext cxt);

/*
 * Signal guard.  Threads inherit the mask of the thread that starts them, and PostgreSQL's
 * handlers must never run on another thread: block everything around any call that may start
 * threads (opening a library, running a plan).  No code that can ereport may run in between;
 * engine code cannot, as it returns its errors.
 */
typedef sigset_t PgtSignals;

static inline void
pgt_signals_block(PgtSignals *saved)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, saved);
}

static inline void
pgt_signals_restore(const PgtSignals *saved)
{
	pthread_sigmask(SIG_SETMASK, saved, NULL);
}

#endif
