/*
 * cuda_harness.c
 *	  The queues of cpu_harness.h on the device "cuda", over mirrored operands.
 */
#include "engine/cuda_harness.h"

#include <dlfcn.h>

const PtDeviceType *cuda_type;
PtDevice *cuda_dev;
PtDevice *cuda_cpu;
int64_t cuda_repeat = 1;

bool
cuda_open(const char *how)
{
	const char *path = getenv("PGTORCH_CUDA_LIBRARY");
	PtError err = {0};
	const PtDeviceType *(*get_type)(void);
	void *library;

	if (path == NULL || path[0] == '\0')
		return false;
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!CHECK(library != NULL, "%s", dlerror()))
		return false;
	*(void **) &get_type = dlsym(library, "pt_cuda_device_type");
	if (!CHECK(get_type != NULL, "%s has no pt_cuda_device_type", path))
		return false;
	cuda_type = get_type();
	CHECK(cuda_type->abi == PT_DEVICE_ABI, "ABI %d, wanted %d", cuda_type->abi, PT_DEVICE_ABI);
	CHECK(!cuda_type->shares_host, "its memory is not the host's");
	cuda_dev = cuda_type->open(&(PtDeviceOptions){.isa = how}, &err);
	if (!CHECK(cuda_dev != NULL, "%s", err.message))
		return false;
	cuda_cpu = pt_cpu_device.open(&(PtDeviceOptions){.threads = 1, .no_library = true}, &err);
	return CHECK(cuda_cpu != NULL, "%s", err.message);
}

void
cuda_close(void)
{
	pt_cpu_device.close(cuda_cpu);
	cuda_type->close(cuda_dev);
}

int
cuda_skipped(void)
{
	if (check_failed > 0)
		return check_done();
	printf("skipped: PGTORCH_CUDA_LIBRARY is not set\n");
	return 0;
}

/* ---------- memory ---------- */

/* A stretch of host memory and its mirror. */
typedef struct CudaMirror
{
	char *host;
	size_t bytes;
	size_t before;	 /* bytes of fence, so that alignments are equal */
	char *device;	 /* of the fence before */
	char *expected;	 /* all bytes, fences included, that are on the device before the run */
	char *may_write; /* which of them belong to results */
} CudaMirror;

typedef struct CudaMirrors
{
	CudaMirror m[128];
	int n;
} CudaMirrors;

#define CUDA_RUBBISH 0xa5

static size_t
cuda_mirror_size(const CudaMirror *m)
{
	return m->before + m->bytes + FENCE;
}

static bool
cuda_mirrored(const PtOperand *o)
{
	return o->dtype != PT_NDTYPE && o->data != NULL;
}

/* Notes an operand's memory; stretches that overlap, or begin at the same address, become one. */
static void
cuda_mirror_add(CudaMirrors *all, const PtOperand *o)
{
	char *from = o->data, *to;

	if (!cuda_mirrored(o))
		return;
	to = from + bytes_of(o);
	for (int i = 0; i < all->n; i++)
	{
		CudaMirror *m = &all->m[i];
		char *end = m->host + m->bytes;

		if (!(from < end && m->host < to) && from != m->host)
			continue;
		from = from < m->host ? from : m->host;
		to = to > end ? to : end;
		*m = all->m[--all->n];
		i = -1; /* the larger one may meet others */
	}
	if (all->n < (int) (sizeof(all->m) / sizeof(all->m[0])))
		all->m[all->n++] = (CudaMirror){.host = from, .bytes = (size_t) (to - from)};
}

static CudaMirror *
cuda_mirror_find(CudaMirrors *all, const PtOperand *o)
{
	for (int i = 0; i < all->n; i++)
	{
		CudaMirror *m = &all->m[i];
		char *p = o->data;

		if (p == m->host || (p > m->host && p < m->host + m->bytes))
			return m;
	}
	return NULL;
}

static bool
cuda_mirror_upload(CudaMirror *m, bool rubbish, PtError *err)
{
	size_t size;

	m->before = FENCE + (rubbish ? 0 : (size_t) m->host % 64);
	size = cuda_mirror_size(m);
	m->expected = malloc(size);
	m->may_write = calloc(size, 1);
	memset(m->expected, CUDA_RUBBISH, size);
	if (!rubbish)
		memcpy(m->expected + m->before, m->host, m->bytes);
	m->device = cuda_type->alloc(cuda_dev, size, err);
	return m->device != NULL && cuda_type->upload(cuda_dev, m->device, m->expected, size, err);
}

/* Fetches what the device has, compares what may not have changed, and gives it all back. */
static bool
cuda_mirror_download(CudaMirror *m, const char *what, PtError *err)
{
	size_t size = cuda_mirror_size(m);
	char *got = malloc(size);
	bool ok = cuda_type->download(cuda_dev, got, m->device, size, err);
	size_t bad = 0, at = 0;

	for (size_t i = 0; ok && i < size; i++)
		if (!m->may_write[i] && got[i] != m->expected[i] && bad++ == 0)
			at = i;
	CHECK(bad == 0, "%s: %zu bytes were written that are not its result's, the first at %lld", what,
		  bad, (long long) at - (long long) m->before);
	if (ok && m->host != NULL)
		for (size_t i = 0; i < m->bytes; i++)
			if (m->may_write[m->before + i])
				m->host[i] = got[m->before + i];
	free(got);
	return ok;
}

static void
cuda_mirror_free(CudaMirror *m)
{
	if (m->device != NULL)
		cuda_type->free(cuda_dev, m->device);
	free(m->expected);
	free(m->may_write);
}

/* ---------- running ---------- */

static const char *
cuda_step_name(const PtStep *step)
{
	return step->op == NULL ? "a program" : step->op->name;
}

static bool
cuda_run_bound(PtQueue *s, PtError *err)
{
	PtRun state;

	for (int64_t done = 0; done < cuda_repeat;)
	{
		/* once alone, the rest together: launched one by one, then as a graph */
		int64_t repeat = done == 0 ? 1 : cuda_repeat - done;

		if (!cuda_type->launch(cuda_dev, s, repeat, err))
			return false;
		while ((state = cuda_type->wait(cuda_dev, s, 100 * 1000 * 1000, err)) == PT_RUN_MORE)
			;
		if (state != PT_RUN_DONE)
			return false;
		done += repeat;
	}
	return true;
}

bool
run_queue_cuda(const PtQueue *host, PtError *err)
{
	CudaMirrors *all = calloc(1, sizeof(CudaMirrors));
	CudaMirror workspace = {0};
	PtStep *steps = calloc((size_t) host->nsteps + 1, sizeof(PtStep));
	PtQueue s = {.steps = steps, .nsteps = host->nsteps};
	const char *what = host->nsteps == 1 ? cuda_step_name(&host->steps[0]) : "a queue";
	bool ok = true, ran = false;

	for (int i = 0; i < host->nsteps; i++)
	{
		for (int j = 0; j < host->steps[i].nin; j++)
			cuda_mirror_add(all, &host->steps[i].in[j]);
		for (int j = 0; j < host->steps[i].nout; j++)
			cuda_mirror_add(all, &host->steps[i].out[j]);
	}
	for (int i = 0; ok && i < all->n; i++)
		ok = cuda_mirror_upload(&all->m[i], false, err);
	for (int i = 0; ok && i < s.nsteps; i++)
	{
		PtStep *step = &steps[i];

		*step = host->steps[i];
		step->in = calloc((size_t) step->nin + 1, sizeof(PtOperand));
		step->out = calloc((size_t) step->nout + 1, sizeof(PtOperand));
		for (int j = 0; j < step->nin + step->nout; j++)
		{
			bool result = j >= step->nin;
			const PtOperand *from =
				result ? &host->steps[i].out[j - step->nin] : &host->steps[i].in[j];
			PtOperand *to = result ? &step->out[j - step->nin] : &step->in[j];
			CudaMirror *m;

			*to = *from;
			if (!cuda_mirrored(from))
				continue;
			m = cuda_mirror_find(all, from);
			to->data = m->device + m->before + ((char *) from->data - m->host);
			if (result)
				memset(m->may_write + m->before + ((char *) from->data - m->host), 1,
					   bytes_of(from));
		}
	}
	if (ok && (ran = cuda_type->prepare(cuda_dev, &s, err)))
	{
		for (int i = 0; i < s.nsteps; i++)
			if (steps[i].workspace > workspace.bytes)
				workspace.bytes = steps[i].workspace;
		ok = cuda_mirror_upload(&workspace, true, err);
		memset(workspace.may_write + workspace.before, 1, workspace.bytes);
		for (int i = 0; i < s.nsteps; i++)
			steps[i].scratch = workspace.bytes > 0 ? workspace.device + workspace.before : NULL;
		ok = ok && cuda_type->bind(cuda_dev, &s, err) && cuda_run_bound(&s, err);
		cuda_type->unbind(cuda_dev, &s);
	}
	else
		ok = false;
	if (ran)
	{
		PtError ignored;
		PtError *to = ok ? err : &ignored;

		for (int i = 0; i < all->n; i++)
			ok = cuda_mirror_download(&all->m[i], what, to) && ok;
		ok = cuda_mirror_download(&workspace, what, to) && ok;
	}
	for (int i = 0; i < all->n; i++)
		cuda_mirror_free(&all->m[i]);
	cuda_mirror_free(&workspace);
	for (int i = 0; i < s.nsteps; i++)
	{
		free(steps[i].in);
		free(steps[i].out);
	}
	free(steps);
	free(all);
	return ok;
}

bool
run_op_cuda(const char *name, const Attribute *attrs, int nattrs, PtOperand *in, int nin,
			PtOperand *out, int nout, PtError *err)
{
	PtOp op = {.name = name};
	Attributes a;
	PtStep step = {.op = &op,
				   .attrs = set_attributes(&a, attrs, nattrs),
				   .nin = nin,
				   .nout = nout,
				   .in = in,
				   .out = out};

	return run_queue_cuda(&(PtQueue){.steps = &step, .nsteps = 1}, err);
}

bool
run_program_cuda(const PtProgram *program, PtOperand *in, PtOperand *out, PtError *err)
{
	PtStep step = {.program = program,
				   .nin = program->ninputs,
				   .nout = program->noutputs,
				   .in = in,
				   .out = out};

	return run_queue_cuda(&(PtQueue){.steps = &step, .nsteps = 1}, err);
}

/* ---------- comparing ---------- */

bool
close_operands(const PtOperand *got, const PtOperand *want, double rel, double abs,
			   const char *what)
{
	int64_t bad = 0, first = 0;
	bool real = pt_dtype_is_float(want->dtype);

	for (int64_t i = 0; i < numel(want); i++)
	{
		bool ok = real ? check_close(at(got, i), at(want, i), rel, abs)
					   : pt_element_get_int64(got->dtype, got->data, (size_t) i) ==
							 pt_element_get_int64(want->dtype, want->data, (size_t) i);

		if (!ok && bad++ == 0)
			first = i;
	}
	return CHECK(bad == 0, "%s: %lld of %lld differ, the first at %lld: %.9g, wanted %.9g", what,
				 (long long) bad, (long long) numel(want), (long long) first, at(got, first),
				 at(want, first));
}

bool
same_on_cuda(const char *name, const Attribute *attrs, int nattrs, PtOperand *in, int nin,
			 PtOperand *out, int nout, double rel, double abs, const char *what)
{
	PtError err = {0};
	PtOperand copy[PT_PROGRAM_OUTPUTS];
	bool ok;

	for (int i = 0; i < nout; i++)
	{
		copy[i] = new_operand(out[i].dtype, out[i].shape.ndim, out[i].shape.dim);
		memcpy(copy[i].data, out[i].data, bytes_of(&out[i]));
	}
	ok = CHECK_OK(run_op(cuda_cpu, name, attrs, nattrs, in, nin, out, nout, &err), &err) &&
		 CHECK_OK(run_op_cuda(name, attrs, nattrs, in, nin, copy, nout, &err), &err);
	for (int i = 0; i < nout; i++)
	{
		ok = ok && close_operands(&copy[i], &out[i], rel, abs, what);
		free(copy[i].data);
	}
	return ok;
}
