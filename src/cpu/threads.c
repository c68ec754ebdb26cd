/*
 * threads.c
 *	  The CPU device's own threads.
 *
 * A run is published in three fields and one counter: the number of tiles that nobody has taken yet.  Taking a
 * tile is a decrement; whoever gets a positive number may read the fields, and the fields do
 * not change before all tiles are done.  So late workers need no barrier: they find the
 * counter at zero or below and go back to waiting.
 *
 * Sleeping: a worker counts itself in `sleepers` under the mutex and looks at the counter once more;
 * the caller stores the counter and then looks at `sleepers`.  Both orders are sequentially
 * consistent, so one of them sees the other.
 */
#include "cpu/threads.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#define SPINS 2000		/* of about 20 ns each, before a worker sleeps */
#define SPINS_YIELD 200 /* before it lets others have the core */
#define STACK_BYTES (2 * 1024 * 1024)

typedef struct Worker
{
	PtThreads *pool;
	pthread_t thread;
	int index;
} Worker;

struct PtThreads
{
	int wanted;	 /* threads, the caller included */
	int started; /* workers that run */
	bool tried;
	Worker *workers; /* [wanted - 1] */

	void (*run)(void *arg, int64_t tile, int thread);
	void *arg;
	int64_t end; /* tile = end - what the counter gave */

	_Alignas(64) atomic_llong left; /* tiles that nobody has taken; negative: more asked */
	_Alignas(64) atomic_llong done;
	_Alignas(64) atomic_int sleepers;
	atomic_bool resting; /* do not spin */
	atomic_bool stop;
	pthread_mutex_t lock;
	pthread_cond_t wake;
};

static inline void
relax(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

static void
take_tiles(PtThreads *pool, int thread)
{
	long long ticket;

	while ((ticket = atomic_fetch_sub(&pool->left, 1)) > 0)
	{
		pool->run(pool->arg, pool->end - ticket, thread);
		atomic_fetch_add(&pool->done, 1);
	}
}

static void *
work(void *arg)
{
	Worker *me = arg;
	PtThreads *pool = me->pool;

	for (;;)
	{
		for (int spin = 0; spin < SPINS && atomic_load(&pool->left) <= 0; spin++)
		{
			if (atomic_load_explicit(&pool->resting, memory_order_relaxed))
				break;
			relax();
			if (spin > SPINS_YIELD && spin % 16 == 0)
				sched_yield();
		}
		if (atomic_load(&pool->left) <= 0)
		{
			pthread_mutex_lock(&pool->lock);
			atomic_fetch_add(&pool->sleepers, 1);
			while (atomic_load(&pool->left) <= 0 && !atomic_load(&pool->stop))
				pthread_cond_wait(&pool->wake, &pool->lock);
			atomic_fetch_sub(&pool->sleepers, 1);
			pthread_mutex_unlock(&pool->lock);
			if (atomic_load(&pool->stop))
				return NULL;
		}
		take_tiles(pool, me->index);
	}
}

PtThreads *
pt_threads_new(int threads)
{
	PtThreads *pool = aligned_alloc(64, (sizeof(PtThreads) + 63) & ~(size_t) 63);

	if (pool == NULL)
		return NULL;
	*pool = (PtThreads){.wanted = threads};
	pool->workers = calloc((size_t) threads, sizeof(Worker));
	if (pool->workers == NULL)
	{
		free(pool);
		return NULL;
	}
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->wake, NULL);
	return pool;
}

static void
start(PtThreads *pool)
{
	sigset_t all, before;
	pthread_attr_t attr;

	pool->tried = true;
	if (pthread_attr_init(&attr) != 0)
		return;
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (pool->started < pool->wanted - 1)
	{
		Worker *w = &pool->workers[pool->started];

		w->pool = pool;
		w->index = pool->started + 1;
		if (pthread_create(&w->thread, &attr, work, w) != 0)
			break;
		pool->started++;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
}

void
pt_threads_free(PtThreads *pool)
{
	if (pool == NULL)
		return;
	pthread_mutex_lock(&pool->lock);
	atomic_store(&pool->stop, true);
	atomic_store(&pool->resting, true);
	pthread_cond_broadcast(&pool->wake);
	pthread_mutex_unlock(&pool->lock);
	for (int i = 0; i < pool->started; i++)
		pthread_join(pool->workers[i].thread, NULL);
	pthread_cond_destroy(&pool->wake);
	pthread_mutex_destroy(&pool->lock);
	free(pool->workers);
	free(pool);
}

void
pt_threads_run(PtThreads *pool, void (*run)(void *, int64_t, int), void *arg, int64_t first,
			   int64_t count)
{
	if (!pool->tried)
		start(pool);
	if (pool->started == 0 || count < 2)
	{
		for (int64_t i = 0; i < count; i++)
			run(arg, first + i, 0);
		return;
	}
	pool->run = run;
	pool->arg = arg;
	pool->end = first + count;
	atomic_store(&pool->done, 0);
	atomic_store_explicit(&pool->resting, false, memory_order_relaxed);
	atomic_store(&pool->left, count);
	if (atomic_load(&pool->sleepers) > 0)
	{
		pthread_mutex_lock(&pool->lock);
		pthread_cond_broadcast(&pool->wake);
		pthread_mutex_unlock(&pool->lock);
	}
	take_tiles(pool, 0);
	for (int spin = 0; atomic_load(&pool->done) < count; spin++)
	{
		relax();
		if (spin > SPINS_YIELD && spin % 16 == 0)
			sched_yield();
	}
}

void
pt_threads_rest(PtThreads *pool)
{
	atomic_store_explicit(&pool->resting, true, memory_order_relaxed);
}

int
pt_threads_running(const PtThreads *pool)
{
	return pool->started + 1;
}
