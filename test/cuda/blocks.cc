/*
 * blocks.cc
 *	  Runs the blocks of a grid one after the other, threads on stacks of their own if need be.
 *
 * A fiber (a stack) runs threads one after the other until one of them meets a barrier.  That
 * thread is parked there with its fiber, and another fiber goes on, so a block without barriers
 * costs two switches.  Which thread goes on is chosen at random from those that can
 * (CUDA_EMULATOR_SEED; 0: in order), and the order of blocks is too: a kernel that lacks a
 * barrier gives wrong results sooner or later.
 *
 * A thread that waits for others which never come is a launch failure with a report on stderr.
 * More is asked for than a GPU does: all threads of a block must come to the same __syncthreads,
 * none having left the kernel; all lanes of a mask must come to the same shuffle.  Threads that
 * spin until another block has done something are not found out: they spin forever.
 *
 * Memory:  fibers are kept for later blocks.  Dynamic shared memory is exactly as long
 *			as asked for, and filled with 0xAB before each block; static shared memory is
 *			static and keeps what the block before left there.
 * Threads: one.
 */
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "emulator.h"

#if !defined(__x86_64__) || defined(PT_EMULATOR_UCONTEXT)
#include <ucontext.h>
#endif

#if defined(__SANITIZE_ADDRESS__)
#define PT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PT_ASAN 1
#endif
#endif
#ifdef PT_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define STACK_SIZE (256 * 1024)
#else
#define STACK_SIZE (64 * 1024)
#endif
#define GUARD_SIZE (64 * 1024) /* at least a page anywhere */

/* ---------- switching stacks ---------- */

struct Fiber
{
	char *stack;
	size_t size;
	int thread; /* that it runs */
	Fiber *next_free;
	void *fake_stack; /* ASan's */
#if defined(__x86_64__) && !defined(PT_EMULATOR_UCONTEXT)
	void *sp;
#else
	ucontext_t context;
#endif
};

static void fiber_main();
static Fiber *current;

#if defined(__x86_64__) && !defined(PT_EMULATOR_UCONTEXT)
/* Saves what a callee must keep, *save = stack pointer, goes on where load was saved. */
extern "C" void pt_emulator_switch(void **save, void *load);
__asm__(".text\n"
		".globl pt_emulator_switch\n"
		".hidden pt_emulator_switch\n"
		".type pt_emulator_switch, @function\n"
		"pt_emulator_switch:\n"
		"	push %rbp\n"
		"	push %rbx\n"
		"	push %r12\n"
		"	push %r13\n"
		"	push %r14\n"
		"	push %r15\n"
		"	mov %rsp, (%rdi)\n"
		"	mov %rsi, %rsp\n"
		"	pop %r15\n"
		"	pop %r14\n"
		"	pop %r13\n"
		"	pop %r12\n"
		"	pop %rbx\n"
		"	pop %rbp\n"
		"	ret\n"
		".size pt_emulator_switch, .-pt_emulator_switch\n");

static void
jump(Fiber *from, Fiber *to)
{
	pt_emulator_switch(&from->sp, to->sp);
}

static void
begin(Fiber *f)
{
	uint64_t *top = reinterpret_cast<uint64_t *>(f->stack + f->size);

	/* six registers, fiber_main as the address to return to, and an end for unwinders */
	for (int i = 1; i <= 8; i++)
		top[-i] = 0;
	top[-2] = reinterpret_cast<uint64_t>(fiber_main);
	f->sp = top - 8;
}
#else
static void
jump(Fiber *from, Fiber *to)
{
	swapcontext(&from->context, &to->context);
}

static void
begin(Fiber *f)
{
	getcontext(&f->context);
	f->context.uc_stack.ss_sp = f->stack;
	f->context.uc_stack.ss_size = f->size;
	f->context.uc_link = NULL;
	makecontext(&f->context, fiber_main, 0);
}
#endif

/* ---------- the block ---------- */

enum State
{
	WAITS_NOT,
	WAITS_BLOCK,
	WAITS_WARP,
	RETURNED
};

struct Thread
{
	Fiber *fiber; /* NULL: not begun */
	State state;
	const char *file; /* of the barrier */
	int line;
	uint64_t value; /* for the others; then the result */
	int lane;		/* whose is wanted */
};

/*
 * A barrier, shuffle or ballot that some lanes of a mask have come to; the others may have
 * others to go to before.
 */
struct Meeting
{
	int what;
	unsigned mask, arrived;
	const char *file;
	int line;
};

struct Warp
{
	Meeting meeting[32];
	int nmeetings;
};

static PtEmulated emulated;
PtEmulated *pt_emulated = &emulated;

static Fiber host; /* whoever launched */
static Fiber *free_fibers, *fibers[PT_EMULATOR_MAX_THREADS];
static int nfibers;
static Thread threads[PT_EMULATOR_MAX_THREADS];
static Warp warps[PT_EMULATOR_MAX_THREADS / 32];
static int runnable[PT_EMULATOR_MAX_THREADS], nrunnable; /* threads that can go on */
static int nthreads, at_barrier, returned;
static bool failed;
static PtClosure *closure;
static const char *kernel_name;
static uint64_t random_state;
static bool in_order;

static uint32_t
random_below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t) ((random_state >> 32) * n >> 32);
}

static void
enter_fiber()
{
#ifdef PT_ASAN
	const void *bottom;
	size_t size;

	__sanitizer_finish_switch_fiber(current->fake_stack, &bottom, &size);
	if (host.stack == NULL)
	{
		host.stack = static_cast<char *>(const_cast<void *>(bottom));
		host.size = size;
	}
#endif
	emulated.thread.x = (unsigned) current->thread;
}

static void
go_to(Fiber *to)
{
	Fiber *from = current;

	current = to;
#ifdef PT_ASAN
	__sanitizer_start_switch_fiber(&from->fake_stack, to->stack, to->size);
#endif
	jump(from, to);
	enter_fiber();
}

static Fiber *
get_fiber(int thread)
{
	Fiber *f = free_fibers;

	if (f != NULL)
		free_fibers = f->next_free;
	else
	{
		char *memory =
			static_cast<char *>(mmap(NULL, GUARD_SIZE + STACK_SIZE, PROT_READ | PROT_WRITE,
									 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));

		if (memory == MAP_FAILED || mprotect(memory, GUARD_SIZE, PROT_NONE) != 0)
		{
			perror("cuda emulator: stack of a thread");
			abort();
		}
		f = new Fiber();
		f->stack = memory + GUARD_SIZE;
		f->size = STACK_SIZE;
		begin(f);
		fibers[nfibers++] = f;
	}
	f->thread = thread;
	threads[thread].fiber = f;
	return f;
}

/* What to do next, taken from the runnable threads; -1: none is. */
static int
take()
{
	int i, thread;

	if (nrunnable == 0)
		return -1;
	i = in_order ? nrunnable - 1 : (int) random_below((uint32_t) nrunnable);
	thread = runnable[i];
	runnable[i] = runnable[--nrunnable];
	return thread;
}

__attribute__((format(printf, 1, 2))) static void
fail(const char *fmt, ...)
{
	va_list ap;

	if (failed)
		return;
	failed = true;
	fprintf(stderr, "cuda emulator: kernel \"%s\", block %u: ", kernel_name, emulated.block.x);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* Nobody can go on: says why, if not all have returned. */
static void
explain_stop()
{
	for (int t = 0; t < nthreads && returned < nthreads && !failed; t++)
	{
		if (threads[t].state == WAITS_BLOCK)
			fail("thread %d waits in __syncthreads at %s:%d, which %d of %d threads reached", t,
				 threads[t].file, threads[t].line, at_barrier, nthreads);
		else if (threads[t].state == WAITS_WARP)
			for (int i = 0; i < warps[t / 32].nmeetings; i++)
			{
				const Meeting *m = &warps[t / 32].meeting[i];

				if (m->arrived >> t % 32 & 1)
					fail(
						"thread %d waits in a warp's barrier or shuffle at %s:%d, which lanes %08x of %08x reached",
						t, m->file, m->line, m->arrived, m->mask);
			}
	}
}

/* Leaves the block for good. */
[[noreturn]] static void
stop()
{
	explain_stop();
	go_to(&host);
	abort(); /* a fiber left behind is begun anew */
}

/* Another thread goes on; returns when this one can. */
static void
park()
{
	int next = take();

	if (next < 0)
		stop();
	if (threads[next].fiber != current)
		go_to(threads[next].fiber != NULL ? threads[next].fiber : get_fiber(next));
}

static void
fiber_main()
{
	enter_fiber();
	for (;;)
	{
		int next;

		closure->run(closure);
		threads[current->thread].state = RETURNED;
		returned++;
		if (at_barrier > 0)
			fail("thread %d returned, and others wait in __syncthreads", current->thread);
		next = failed ? -1 : take();
		if (next < 0 && (failed || returned < nthreads))
			stop();
		if (next >= 0 && threads[next].fiber == NULL)
		{
			threads[next].fiber = current;
			current->thread = next;
			emulated.thread.x = (unsigned) next;
			continue;
		}
		current->next_free = free_fibers;
		free_fibers = current;
		go_to(next < 0 ? &host : threads[next].fiber);
	}
}

static void
sync_block(const char *file, int line)
{
	int self = current->thread;
	Thread *t = &threads[self];

	if (returned > 0)
		fail("thread %d waits in __syncthreads at %s:%d, and others returned", self, file, line);
	if (at_barrier > 0)
	{
		const Thread *other = NULL;

		for (int i = 0; other == NULL; i++)
			if (threads[i].state == WAITS_BLOCK)
				other = &threads[i];
		if (other->line != line || strcmp(other->file, file) != 0)
			fail("thread %d is in __syncthreads at %s:%d, another in that at %s:%d", self, file,
				 line, other->file, other->line);
	}
	if (failed)
		stop();
	t->file = file;
	t->line = line;
	t->state = WAITS_BLOCK;
	if (++at_barrier == nthreads)
	{
		at_barrier = 0;
		for (int i = nthreads - 1; i >= 0; i--)
		{
			threads[i].state = WAITS_NOT;
			runnable[nrunnable++] = i;
		}
	}
	park();
}

static void
finish_meeting(int first, const Meeting *m)
{
	uint64_t result[32] = {0};

	for (int i = 0; i < 32; i++)
	{
		int lane = threads[first + i].lane;

		if (!(m->mask >> i & 1))
			continue;
		if (m->what == PT_WARP_BALLOT)
			for (int j = 0; j < 32; j++)
				result[i] |= (m->mask >> j & 1 ? threads[first + j].value & 1 : 0) << j;
		else if (m->mask >> lane & 1)
			result[i] = threads[first + lane].value;
		else
			result[i] = 0xababababababababu; /* undefined on a GPU */
	}
	for (int i = 31; i >= 0; i--)
		if (m->mask >> i & 1)
		{
			threads[first + i].value = result[i];
			threads[first + i].state = WAITS_NOT;
			runnable[nrunnable++] = first + i;
		}
}

static unsigned long long
sync_warp(int what, unsigned mask, unsigned long long value, int lane, const char *file, int line)
{
	int self = current->thread, first = self & ~31;
	Warp *w = &warps[self / 32];
	Thread *t = &threads[self];
	Meeting *m = NULL;

	if (!(mask >> (self - first) & 1))
		fail("thread %d is not in its mask %08x at %s:%d", self, mask, file, line);
	if (nthreads - first < 32 && mask >> (nthreads - first) != 0)
		fail("mask %08x names lanes that the block lacks at %s:%d", mask, file, line);
	for (int i = 0; i < w->nmeetings; i++)
	{
		Meeting *o = &w->meeting[i];

		if (o->mask == mask && o->what == what && o->line == line && strcmp(o->file, file) == 0)
			m = o;
	}
	if (failed)
		stop();
	if (m == NULL)
	{
		m = &w->meeting[w->nmeetings++];
		*m = {what, mask, 0, file, line};
	}
	m->arrived |= 1u << (self - first);
	t->file = file;
	t->line = line;
	t->value = value;
	t->lane = lane & 31;
	t->state = WAITS_WARP;
	if (m->arrived == mask)
	{
		finish_meeting(first, m);
		*m = w->meeting[--w->nmeetings];
	}
	park();
	return t->value;
}

/* ---------- the grid ---------- */

static uint64_t
greatest_divisor(uint64_t a, uint64_t b)
{
	return b == 0 ? a : greatest_divisor(b, a % b);
}

/* Fibers that were left in the middle of a block can be used again. */
static void
take_back_fibers()
{
	free_fibers = NULL;
	for (int i = 0; i < nfibers; i++)
	{
#ifdef PT_ASAN
		ASAN_UNPOISON_MEMORY_REGION(fibers[i]->stack, STACK_SIZE);
#endif
		fibers[i]->fake_stack = NULL;
		begin(fibers[i]);
		fibers[i]->next_free = free_fibers;
		free_fibers = fibers[i];
	}
}

static void
run_block(size_t shared)
{
	if (shared > 0)
		memset(emulated.shared, 0xab, shared);
	at_barrier = returned = nrunnable = 0;
	for (int t = nthreads - 1; t >= 0; t--)
	{
		threads[t].fiber = NULL;
		threads[t].state = WAITS_NOT;
		runnable[nrunnable++] = t;
	}
	for (int w = 0; w < (nthreads + 31) / 32; w++)
		warps[w].nmeetings = 0;
	go_to(get_fiber(take()));
}

bool
pt_emulator_run(PtClosure *what, unsigned grid, unsigned block, size_t shared, const char *name)
{
	uint64_t start = 0, step = 1;

	if (random_state == 0)
	{
		const char *seed = getenv("CUDA_EMULATOR_SEED");

		random_state = seed == NULL ? 1 : strtoull(seed, NULL, 10);
		in_order = random_state == 0;
		random_state = random_state * 0x9e3779b97f4a7c15u | 1;
	}
	if (!in_order)
	{
		start = random_below(grid);
		step = random_below(grid) + 1;
		while (greatest_divisor(grid, step) != 1)
			step++;
	}
	emulated.sync_block = sync_block;
	emulated.sync_warp = sync_warp;
	emulated.thread = emulated.block = {0, 0, 0};
	emulated.block_size = {block, 1, 1};
	emulated.grid_size = {grid, 1, 1};
	emulated.shared = shared > 0 ? malloc(shared) : NULL;
	if (shared > 0 && emulated.shared == NULL)
		return false;
	nthreads = (int) block;
	closure = what;
	kernel_name = name;
	failed = false;
	current = &host;
	host.stack = NULL;
	for (uint64_t i = 0; i < grid && !failed; i++)
	{
		emulated.block.x = (unsigned) ((start + i * step) % grid);
		run_block(shared);
	}
	if (failed)
		take_back_fibers();
	free(emulated.shared);
	emulated.shared = NULL;
	return !failed;
}
