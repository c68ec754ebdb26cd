/*
 * device_harness.c
 *	  A thin device around a GPU's, whose plans work on the host memory that tests bind.
 */
#include "engine/device_harness.h"

#include "bridge/library.h"
#include "engine/data/rng.h"

/* ---------- ops on the host ---------- */

static const char *refused; /* between spaces; NULL: none */

/* About a third of the ops, the same for all devices of a program: their bits are compared. */
static const char *
choose_ops(uint64_t seed)
{
	static char names[4096];
	PtRng rng;
	size_t used = 0;
	const PtOp *op;

	pt_rng_seed(&rng, seed);
	for (int i = 0; (op = pt_op_at(i)) != NULL; i++)
		if (pt_rng_uint32(&rng) % 3 == 0 && used + strlen(op->name) + 2 < sizeof(names))
			used += (size_t) snprintf(names + used, sizeof(names) - used, "%s%s",
									  used > 0 ? " " : "", op->name);
	printf("ops on the host: %s\n", names);
	return names;
}

static bool
is_refused(const PtStep *step)
{
	const char *name = step->op != NULL ? step->op->name : "program";
	size_t n = strlen(name);

	for (const char *at = refused; at != NULL && (at = strstr(at, name)) != NULL; at += n)
		if ((at == refused || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
			return true;
	return false;
}

/* ---------- memory ---------- */

/* What alloc or alloc_host gave. */
typedef struct GpuRoom
{
	char *p;
	size_t bytes;
	bool host;
} GpuRoom;

/* A stretch of a test's memory, and where it is on the GPU. */
typedef struct GpuMirror
{
	char *host;
	size_t bytes;
	bool written; /* some step's output */
	char *room, *device;
} GpuMirror;

typedef struct GpuBound
{
	PtQueue *queue;
	GpuMirror *mirrors;
	int n;
	struct GpuBound *next;
} GpuBound;

typedef struct GpuDevice
{
	PtDevice base;
	PtDeviceType type;
	PtDevice *gpu;
	GpuRoom *rooms;
	int nrooms, rooms_size;
	GpuBound *bound;
} GpuDevice;

static GpuDevice *
gpu_of(PtDevice *dev)
{
	return (GpuDevice *) dev;
}

static void *
gpu_note_room(GpuDevice *d, void *p, size_t bytes, bool host)
{
	if (p == NULL)
		return NULL;
	if (d->nrooms == d->rooms_size)
	{
		d->rooms_size = 2 * d->rooms_size + 16;
		d->rooms = realloc(d->rooms, (size_t) d->rooms_size * sizeof(GpuRoom));
		if (d->rooms == NULL)
			abort();
	}
	d->rooms[d->nrooms++] = (GpuRoom){p, bytes > 0 ? bytes : 1, host};
	return p;
}

static void
gpu_forget_room(GpuDevice *d, void *p)
{
	if (p == NULL)
		return;
	for (int i = 0; i < d->nrooms; i++)
		if (d->rooms[i].p == p)
		{
			d->rooms[i] = d->rooms[--d->nrooms];
			return;
		}
	CHECK(false, "%p is freed, but was not allocated", p);
}

static bool
gpu_on_device(const GpuDevice *d, const char *p)
{
	for (int i = 0; i < d->nrooms; i++)
		if (!d->rooms[i].host && p >= d->rooms[i].p && p < d->rooms[i].p + d->rooms[i].bytes)
			return true;
	return false;
}

static void *
gpu_alloc(PtDevice *dev, size_t bytes, PtError *err)
{
	GpuDevice *d = gpu_of(dev);

	return gpu_note_room(d, d->gpu->type->alloc(d->gpu, bytes, err), bytes, false);
}

static void
gpu_free(PtDevice *dev, void *p)
{
	GpuDevice *d = gpu_of(dev);

	gpu_forget_room(d, p);
	d->gpu->type->free(d->gpu, p);
}

static void *
gpu_alloc_host(PtDevice *dev, size_t bytes, PtError *err)
{
	GpuDevice *d = gpu_of(dev);

	return gpu_note_room(d, d->gpu->type->alloc_host(d->gpu, bytes, err), bytes, true);
}

static void
gpu_free_host(PtDevice *dev, void *p)
{
	GpuDevice *d = gpu_of(dev);

	gpu_forget_room(d, p);
	d->gpu->type->free_host(d->gpu, p);
}

static size_t
gpu_available(PtDevice *dev)
{
	PtDevice *gpu = gpu_of(dev)->gpu;

	return gpu->type->available(gpu);
}

static bool
gpu_upload(PtDevice *dev, void *dst, const void *host, size_t bytes, PtError *err)
{
	PtDevice *gpu = gpu_of(dev)->gpu;

	if (gpu_on_device(gpu_of(dev), dst))
		return gpu->type->upload(gpu, dst, host, bytes, err);
	memcpy(dst, host, bytes);
	return true;
}

static bool
gpu_download(PtDevice *dev, void *host, const void *src, size_t bytes, PtError *err)
{
	PtDevice *gpu = gpu_of(dev)->gpu;

	if (gpu_on_device(gpu_of(dev), src))
		return gpu->type->download(gpu, host, src, bytes, err);
	memcpy(host, src, bytes);
	return true;
}

static bool
gpu_feed(PtDevice *dev, void *dst, const void *host, size_t bytes, PtError *err)
{
	PtDevice *gpu = gpu_of(dev)->gpu;

	return gpu->type->feed(gpu, dst, host, bytes, err);
}

/* ---------- mirrors ---------- */

static size_t
gpu_operand_bytes(const PtOperand *o)
{
	return (size_t) pt_shape_numel(&o->shape) * pt_dtype_size(o->dtype);
}

static bool
gpu_is_mirrored(const GpuDevice *d, const PtOperand *o)
{
	return o->dtype != PT_NDTYPE && o->data != NULL && gpu_operand_bytes(o) > 0 &&
		   !gpu_on_device(d, o->data);
}

static void
gpu_unmirror(GpuDevice *d, GpuBound *b)
{
	for (int i = 0; i < b->n; i++)
		if (b->mirrors[i].room != NULL)
			d->gpu->type->free(d->gpu, b->mirrors[i].room);
	free(b->mirrors);
	b->mirrors = NULL;
	b->n = 0;
}

static GpuBound *
gpu_bound_of(GpuDevice *d, PtQueue *s)
{
	GpuBound *b = d->bound;

	while (b != NULL && b->queue != s)
		b = b->next;
	return b;
}

static int
gpu_by_address(const void *x, const void *y)
{
	const GpuMirror *a = x, *b = y;

	return a->host < b->host ? -1 : a->host > b->host;
}

/* Calls f for each operand of a queue that is mirrored. */
static void
gpu_each_operand(GpuDevice *d, PtQueue *s, GpuBound *b,
				 void (*f)(GpuBound *b, PtOperand *o, bool written))
{
	for (int i = 0; i < s->nsteps; i++)
	{
		PtStep *step = &s->steps[i];

		for (int k = 0; k < step->nin; k++)
			if (gpu_is_mirrored(d, &step->in[k]))
				f(b, &step->in[k], false);
		for (int k = 0; k < step->nout; k++)
			if (gpu_is_mirrored(d, &step->out[k]))
				f(b, &step->out[k], true);
	}
}

static void
gpu_count(GpuBound *b, PtOperand *o, bool written)
{
	(void) o;
	(void) written;
	b->n++;
}

static void
gpu_collect(GpuBound *b, PtOperand *o, bool written)
{
	b->mirrors[b->n++] =
		(GpuMirror){.host = o->data, .bytes = gpu_operand_bytes(o), .written = written};
}

/* The mirror that ends behind p is the first such one. */
static void
gpu_translate(GpuBound *b, PtOperand *o, bool written)
{
	int from = 0, to = b->n - 1;
	char *p = o->data;

	(void) written;
	while (from < to)
	{
		int middle = (from + to) / 2;

		if (b->mirrors[middle].host + b->mirrors[middle].bytes > p)
			to = middle;
		else
			from = middle + 1;
	}
	o->data = b->mirrors[from].device + (p - b->mirrors[from].host);
}

/* Makes mirrors for all operands in host memory, those that overlap in one, and puts their addresses in place. */
static bool
gpu_mirror(GpuDevice *d, PtQueue *s, GpuBound *b, PtError *err)
{
	int all;

	gpu_each_operand(d, s, b, gpu_count);
	b->mirrors = calloc((size_t) b->n + 1, sizeof(GpuMirror));
	if (b->mirrors == NULL)
		abort();
	b->n = 0;
	gpu_each_operand(d, s, b, gpu_collect);
	qsort(b->mirrors, (size_t) b->n, sizeof(GpuMirror), gpu_by_address);
	all = b->n;
	b->n = 0;
	for (int i = 0; i < all; i++)
	{
		GpuMirror next = b->mirrors[i];
		GpuMirror *last = b->n > 0 ? &b->mirrors[b->n - 1] : NULL;

		if (last == NULL || next.host >= last->host + last->bytes)
		{
			b->mirrors[b->n++] = next;
			continue;
		}
		if (next.host + next.bytes > last->host + last->bytes)
			last->bytes = (size_t) (next.host - last->host) + next.bytes;
		last->written = last->written || next.written;
	}
	for (int i = 0; i < b->n; i++)
	{
		GpuMirror *m = &b->mirrors[i];
		size_t before = (uintptr_t) m->host % 64;

		m->room = d->gpu->type->alloc(d->gpu, before + m->bytes, err);
		if (m->room == NULL)
			return false;
		m->device = m->room + before;
	}
	gpu_each_operand(d, s, b, gpu_translate);
	return true;
}

/* Copies results back; what no step writes must be as it was. */
static bool
gpu_fetch(GpuDevice *d, const GpuBound *b, PtError *err)
{
	for (int i = 0; i < b->n; i++)
	{
		const GpuMirror *m = &b->mirrors[i];
		char *copy = malloc(m->bytes);

		if (copy == NULL)
			abort();
		if (!d->gpu->type->download(d->gpu, copy, m->device, m->bytes, err))
		{
			free(copy);
			return false;
		}
		if (m->written)
			memcpy(m->host, copy, m->bytes);
		else if (memcmp(m->host, copy, m->bytes) != 0)
			CHECK(false, "a plan wrote to %zu bytes that it only reads", m->bytes);
		free(copy);
	}
	return true;
}

/* ---------- queues ---------- */

static bool
gpu_supports(PtDevice *dev, const PtStep *step)
{
	PtDevice *gpu = gpu_of(dev)->gpu;

	return !is_refused(step) && gpu->type->supports(gpu, step);
}

static bool
gpu_prepare(PtDevice *dev, PtQueue *s, PtError *err)
{
	PtDevice *gpu = gpu_of(dev)->gpu;

	return gpu->type->prepare(gpu, s, err);
}

static void
gpu_unbind(PtDevice *dev, PtQueue *s)
{
	GpuDevice *d = gpu_of(dev);
	GpuBound *b = gpu_bound_of(d, s);

	d->gpu->type->unbind(d->gpu, s);
	if (b == NULL)
		return;
	gpu_unmirror(d, b);
	for (GpuBound **at = &d->bound; *at != NULL; at = &(*at)->next)
		if (*at == b)
		{
			*at = b->next;
			break;
		}
	free(b);
}

/* The plan writes all addresses anew before it binds again. */
static bool
gpu_bind(PtDevice *dev, PtQueue *s, PtError *err)
{
	GpuDevice *d = gpu_of(dev);
	GpuBound *b = gpu_bound_of(d, s), old = {0};
	bool ok;

	if (b == NULL)
	{
		b = calloc(1, sizeof(GpuBound));
		if (b == NULL)
			abort();
		b->queue = s;
		b->next = d->bound;
		d->bound = b;
	}
	/* freed only now: a run that was left may still work there */
	old.mirrors = b->mirrors;
	old.n = b->n;
	b->mirrors = NULL;
	b->n = 0;
	ok = gpu_mirror(d, s, b, err) && d->gpu->type->bind(d->gpu, s, err);
	gpu_unmirror(d, &old);
	return ok;
}

static bool
gpu_launch(PtDevice *dev, PtQueue *s, int64_t repeat, PtError *err)
{
	GpuDevice *d = gpu_of(dev);
	const GpuBound *b = gpu_bound_of(d, s);

	for (int i = 0; b != NULL && i < b->n; i++)
		if (!d->gpu->type->upload(d->gpu, b->mirrors[i].device, b->mirrors[i].host,
								  b->mirrors[i].bytes, err))
			return false;
	return d->gpu->type->launch(d->gpu, s, repeat, err);
}

static PtRun
gpu_wait(PtDevice *dev, PtQueue *s, int64_t budget_ns, PtError *err)
{
	GpuDevice *d = gpu_of(dev);
	const GpuBound *b = gpu_bound_of(d, s);
	PtRun run = d->gpu->type->wait(d->gpu, s, budget_ns, err);
	PtError ignored;

	if (run == PT_RUN_MORE || b == NULL)
		return run;
	/* of a lost device nothing comes back */
	if (!gpu_fetch(d, b, run == PT_RUN_DONE ? err : &ignored))
		return PT_RUN_ERROR;
	return run;
}

/* ---------- opening ---------- */

static void
gpu_close(PtDevice *dev)
{
	GpuDevice *d = gpu_of(dev);

	CHECK(d->nrooms == 0 && d->bound == NULL, "%d pieces of memory were not freed, %s", d->nrooms,
		  d->bound != NULL ? "nor was a plan" : "all plans were");
	for (GpuBound *b = d->bound, *next; b != NULL; b = next)
	{
		next = b->next;
		gpu_unmirror(d, b);
		free(b);
	}
	d->gpu->type->close(d->gpu);
	free(d->rooms);
	free(d);
}

static bool
gpu_info(PtDevice *dev, int i, const char **key, char *value, size_t size)
{
	PtDevice *gpu = gpu_of(dev)->gpu;

	return gpu->type->info(gpu, i, key, value, size);
}

bool
on_cuda(void)
{
	const char *name = getenv("PGTORCH_TEST_DEVICE");

	return name != NULL && strcmp(name, "cuda") == 0;
}

/* Opens the GPU; NULL after a failed check. */
static PtDevice *
open_gpu(const PtDeviceOptions *options)
{
	const char *path = getenv("PGTORCH_CUDA_LIBRARY");
	GpuDevice *d = calloc(1, sizeof(GpuDevice));
	const PtDeviceType *type = NULL;
	PtError err = {0};

	if (CHECK(path != NULL, "PGTORCH_CUDA_LIBRARY is not set") && d != NULL)
		CHECK((type = pgt_library_open(path, &err)) != NULL, "%s: %s", err.message, err.detail);
	if (type == NULL || !CHECK((d->gpu = type->open(options, &err)) != NULL, "%s", err.message))
	{
		free(d);
		return NULL;
	}
	d->type = *type;
	d->type.open = NULL; /* only here */
	d->type.close = gpu_close;
	d->type.info = gpu_info;
	d->type.alloc = gpu_alloc;
	d->type.free = gpu_free;
	d->type.upload = gpu_upload;
	d->type.download = gpu_download;
	d->type.available = gpu_available;
	d->type.alloc_host = gpu_alloc_host;
	d->type.free_host = gpu_free_host;
	d->type.feed = gpu_feed;
	d->type.supports = gpu_supports;
	d->type.prepare = gpu_prepare;
	d->type.bind = gpu_bind;
	d->type.launch = gpu_launch;
	d->type.wait = gpu_wait;
	d->type.unbind = gpu_unbind;
	d->base = (PtDevice){.type = &d->type, .threads = d->gpu->threads};
	return &d->base;
}

static PtDevice *
open_device(int threads)
{
	PtDeviceOptions options = {.threads = threads, .no_library = true};
	PtError err = {0};
	PtDevice *dev;

	if (on_cuda())
	{
		options.isa = getenv("PGTORCH_TEST_PROGRAMS");
		return open_gpu(&options);
	}
	dev = pt_cpu_device.open(&options, &err);
	CHECK(dev != NULL, "%s", err.message);
	return dev;
}

static PtDevice *host; /* of all devices */

static void
close_host(void)
{
	host->type->close(host);
}

static bool
cpu_supports(PtDevice *dev, const PtStep *step)
{
	(void) dev;
	return !is_refused(step);
}

void
test_on_host(PtDevice *dev, const char *ops)
{
	static PtDeviceType cpu;
	PtError err = {0};

	refused = ops;
	if (host == NULL)
	{
		host = pt_cpu_device.open(&(PtDeviceOptions){.threads = 1, .no_library = true}, &err);
		if (!CHECK(host != NULL, "%s", err.message))
			return;
		atexit(close_host);
	}
	dev->host = host;
	if (dev->type == &pt_cpu_device)
	{
		cpu = pt_cpu_device;
		cpu.supports = cpu_supports;
		dev->type = &cpu;
	}
}

PtDevice *
test_device(int threads)
{
	const char *ops = getenv("PGTORCH_TEST_HOST_OPS");
	PtDevice *dev = open_device(threads);

	if (ops != NULL && strncmp(ops, "random:", 7) == 0)
		ops = refused != NULL ? refused : choose_ops(strtoull(ops + 7, NULL, 10));
	/* a GPU has a host outside of tests, too */
	if (dev != NULL && (ops != NULL || on_cuda()))
		test_on_host(dev, ops);
	return dev;
}

bool
is_emulated(PtDevice *dev)
{
	const char *key;
	char value[128];

	for (int i = 0; on_cuda() && dev->type->info(dev, i, &key, value, sizeof(value)); i++)
		if (strcmp(key, "gpu") == 0)
			return strcmp(value, "Emulated GPU") == 0;
	return false;
}

int
tries(PtDevice *dev, int n, int emulated)
{
	return is_emulated(dev) && emulated < n ? emulated : n;
}
