/*
 * cpu_harness.c
 *	  Queues by hand, random operands, every instruction set.
 */
#include "engine/cpu_harness.h"

/* ---------- devices ---------- */

const char *const isa_names[] = {"v2", "v3", "v4", "generic", NULL};

void
each_device(void (*f)(PtDevice *dev, const char *what), bool no_library)
{
	for (int i = 0; isa_names[i] != NULL; i++)
		for (int threads = 1; threads <= 3; threads += 2)
		{
			PtError err;
			PtDeviceOptions options = {.threads = threads,
									   .no_library = no_library,
									   .isa = isa_names[i]};
			PtDevice *dev = pt_cpu_device.open(&options, &err);
			char what[32];

			if (dev == NULL)
				continue;
			snprintf(what, sizeof(what), "%s, %d threads", isa_names[i], threads);
			f(dev, what);
			pt_cpu_device.close(dev);
		}
}

/* ---------- numbers ---------- */

static uint64_t random_state = 88172645463325252u;

uint64_t
random_bits(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

double
random_real(void)
{
	return (double) (random_bits() >> 11) * 0x1p-52 - 1;
}

int64_t
numel(const PtOperand *o)
{
	return pt_shape_numel(&o->shape);
}

size_t
bytes_of(const PtOperand *o)
{
	return (size_t) numel(o) * pt_dtype_size(o->dtype);
}

PtOperand
new_operand(PtDtype dtype, int ndim, const int64_t *dim)
{
	PtOperand o = {.dtype = dtype, .shape = {.ndim = ndim}};

	for (int d = 0; d < ndim; d++)
		o.shape.dim[d] = dim[d];
	o.data = aligned_alloc(64, (bytes_of(&o) + FENCE + 63) / 64 * 64);
	memset(o.data, 0xa5, bytes_of(&o) + FENCE);
	return o;
}

bool
fence_stands(const PtOperand *o)
{
	const unsigned char *p = (const unsigned char *) o->data + bytes_of(o);

	for (int i = 0; i < FENCE; i++)
		if (p[i] != 0xa5)
			return false;
	return true;
}

void
fill_random(PtOperand *o, double scale)
{
	for (int64_t i = 0; i < numel(o); i++)
		pt_element_set_double(o->dtype, o->data, (size_t) i,
							  (o->dtype == PT_UINT8 ? fabs(random_real()) : random_real()) * scale);
}

PtOperand
random_operand(PtDtype dtype, double scale, int ndim, const int64_t *dim)
{
	PtOperand o = new_operand(dtype, ndim, dim);

	fill_random(&o, scale);
	return o;
}

double
at(const PtOperand *o, int64_t i)
{
	return pt_element_get_double(o->dtype, o->data, (size_t) i);
}

double *
values(const PtOperand *o)
{
	double *v = malloc(((size_t) numel(o) + 1) * sizeof(double));

	pt_convert(PT_FLOAT64, v, o->dtype, o->data, (size_t) numel(o));
	return v;
}

double
epsilon(PtDtype dtype)
{
	switch (dtype)
	{
		case PT_FLOAT64:
			return 0x1p-52;
		case PT_FLOAT32:
			return 0x1p-23;
		case PT_FLOAT16:
			return 0x1p-10;
		case PT_BFLOAT16:
			return 0x1p-7;
		default:
			return 0;
	}
}

/* ---------- attributes ---------- */

const PtArgs *
set_attributes(Attributes *to, const Attribute *from, int n)
{
	memset(to, 0, sizeof(*to));
	for (int i = 0; i < n; i++)
	{
		to->params[i].name = from[i].name;
		to->values[i] = from[i].value;
	}
	to->args = (PtArgs){to->params, n, to->values};
	return &to->args;
}

/* ---------- running ---------- */

bool
run_queue(PtDevice *dev, PtQueue *s, int64_t repeat, int64_t budget_ns, int *waits, PtError *err)
{
	PtRun state = PT_RUN_ERROR;
	size_t workspace = 0;
	void *scratch = NULL;
	bool ok = pt_cpu_device.prepare(dev, s, err);

	for (int i = 0; ok && i < s->nsteps; i++)
		if (s->steps[i].workspace > workspace)
			workspace = s->steps[i].workspace;
	if (ok && workspace > 0)
		ok = (scratch = pt_cpu_device.alloc(dev, workspace, err)) != NULL;
	for (int i = 0; i < s->nsteps; i++)
		s->steps[i].scratch = scratch;
	ok = ok && pt_cpu_device.bind(dev, s, err) && pt_cpu_device.launch(dev, s, repeat, err);
	while (ok && (state = pt_cpu_device.wait(dev, s, budget_ns, err)) == PT_RUN_MORE)
		if (waits != NULL)
			++*waits;
	pt_cpu_device.unbind(dev, s);
	pt_cpu_device.free(dev, scratch);
	return ok && state == PT_RUN_DONE;
}

bool
run_op(PtDevice *dev, const char *name, const Attribute *attrs, int nattrs, PtOperand *in, int nin,
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
	PtQueue s = {.steps = &step, .nsteps = 1};

	return run_queue(dev, &s, 1, INT64_MAX, NULL, err);
}

bool
run_program(PtDevice *dev, const PtProgram *program, PtOperand *in, PtOperand *out, PtError *err)
{
	PtStep step = {.program = program,
				   .nin = program->ninputs,
				   .nout = program->noutputs,
				   .in = in,
				   .out = out};
	PtQueue s = {.steps = &step, .nsteps = 1};

	return run_queue(dev, &s, 1, INT64_MAX, NULL, err);
}
