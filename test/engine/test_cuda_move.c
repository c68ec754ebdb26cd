/*
 * test_cuda_move.c
 *	  The device "cuda": ops that copy, and the training feed.  Every bit is as on the CPU.
 *
 * Elements are random bits, NaNs of all kinds among them.  Shapes are drawn around the limits of the
 * kernels: dimensions of 1 and 0, runs that are whole words and such that are not, addresses with
 * and without alignment.  Queues that may be repeated run three times, so as a CUDA graph too.
 */
#include "engine/cuda_harness.h"

static const PtDtype all_dtypes[] = {PT_FLOAT32, PT_FLOAT64, PT_FLOAT16, PT_BFLOAT16, PT_INT64,
									 PT_INT32,	 PT_INT16,	 PT_INT8,	 PT_UINT8,	  PT_BOOL};

#define NELEMS(a) (sizeof(a) / sizeof((a)[0]))

/* ---------- operands ---------- */

static int64_t
below(int64_t n)
{
	return (int64_t) (random_bits() % (uint64_t) n);
}

static void
fill_bits(PtOperand *o)
{
	unsigned char *p = o->data;

	for (size_t i = 0; i < bytes_of(o); i++)
		p[i] = (unsigned char) (random_bits() >> 32);
}

/* Random bits at an address that is a multiple of the element's size alone; see free_shifted. */
static PtOperand
shifted(PtDtype dtype, int64_t shift, int ndim, const int64_t *dim)
{
	PtOperand o = {.dtype = dtype, .shape = {.ndim = ndim}};

	for (int d = 0; d < ndim; d++)
		o.shape.dim[d] = dim[d];
	o.data = (char *) malloc(bytes_of(&o) + 128) + (size_t) shift % 8 * pt_dtype_size(dtype);
	fill_bits(&o);
	return o;
}

static void
free_shifted(PtOperand *o, int64_t shift)
{
	free((char *) o->data - (size_t) shift % 8 * pt_dtype_size(o->dtype));
}

/* An op with one result: the same bits on both devices.  shift: of CUDA's result */
static bool
same_bits(const char *name, const Attribute *attrs, int nattrs, PtOperand *in, int nin,
		  PtOperand *out, int64_t shift, const char *what)
{
	PtError err = {0};
	PtOperand copy = shifted(out->dtype, shift, out->shape.ndim, out->shape.dim);
	bool ok;

	ok = CHECK_OK(run_op(cuda_cpu, name, attrs, nattrs, in, nin, out, 1, &err), &err) &&
		 CHECK_OK(run_op_cuda(name, attrs, nattrs, in, nin, &copy, 1, &err), &err) &&
		 CHECK(memcmp(out->data, copy.data, bytes_of(out)) == 0, "%s: %s %s", what, name,
			   pt_dtype_name(out->dtype));
	free_shifted(&copy, shift);
	return ok;
}

/* ---------- permute ---------- */

static void
check_permute(PtDtype dtype, int ndim, const int64_t *dim, const int64_t *order, int64_t shift)
{
	PtOperand x = shifted(dtype, shift, ndim, dim), y;
	Attribute attrs[] = {INTS_ATTR("dims", ndim, order)};
	int64_t to[PT_MAX_DIM];
	char what[PT_SHAPE_TEXT + 32], text[PT_SHAPE_TEXT];

	for (int d = 0; d < ndim; d++)
		to[d] = dim[order[d]];
	y = new_operand(dtype, ndim, to);
	snprintf(what, sizeof(what), "%s, shift %d", pt_shape_print(&x.shape, text), (int) shift);
	same_bits("permute", attrs, 1, &x, 1, &y, shift / 2, what);
	free_shifted(&x, shift);
	free(y.data);
}

static void
test_permute(void)
{
	static const int64_t sizes[][2] = {{1, 1},	   {1, 9},	  {8, 8},	{7, 8},
									   {31, 33},   {32, 32},  {64, 64}, {65, 63},
									   {100, 160}, {3, 1000}, {1000, 3}};
	static const int64_t matrix[] = {1, 0}, nchw[] = {0, 2, 3, 1}, heads[] = {0, 2, 1, 3};

	for (size_t t = 0; t < NELEMS(all_dtypes); t++)
		for (size_t s = 0; s < NELEMS(sizes); s++)
		{
			check_permute(all_dtypes[t], 2, sizes[s], matrix, 0);
			check_permute(all_dtypes[t], 2, sizes[s], matrix, 3);
		}
	for (int64_t last = 1; last <= 16; last++)
		for (int shift = 0; shift < 3; shift++)
		{
			check_permute(all_dtypes[last % 10], 4, (int64_t[]){2, last, 12, 9}, nchw, shift);
			check_permute(all_dtypes[last % 10], 4, (int64_t[]){3, 7, 5, last}, heads, shift);
		}
	for (int round = 0; round < 400; round++)
	{
		PtDtype dtype = all_dtypes[below(10)];
		int ndim = (int) below(PT_MAX_DIM + 1);
		int64_t dim[PT_MAX_DIM], order[PT_MAX_DIM];

		for (int d = 0; d < ndim; d++)
		{
			dim[d] = 1 + below(ndim > 5 ? 4 : ndim > 3 ? 9 : 45);
			order[d] = d;
		}
		if (round % 50 == 0 && ndim > 0)
			dim[below(ndim)] = 0;
		for (int d = ndim - 1; d > 0; d--)
		{
			int64_t o = below(d + 1), swap = order[d];

			order[d] = order[o];
			order[o] = swap;
		}
		check_permute(dtype, ndim, dim, order, below(8));
	}
}

/* ---------- getitem and its gradient ---------- */

/* mode 0: anything; 1: steps of 1; 2: only the first dimension; 3: only the last one */
static void
check_getitem(PtDtype dtype, int ndim, int mode, int64_t largest, bool empty)
{
	int64_t dim[PT_MAX_DIM], start[PT_MAX_DIM], step[PT_MAX_DIM], size[PT_MAX_DIM];
	int64_t shift = below(8);
	PtOperand whole, part, back;
	Attribute get[] = {INTS_ATTR("start", ndim, start), INTS_ATTR("step", ndim, step),
					   INTS_ATTR("size", ndim, size)};
	Attribute spread[] = {INTS_ATTR("start", ndim, start), INTS_ATTR("step", ndim, step),
						  INTS_ATTR("shape", ndim, dim)};
	char what[2 * PT_SHAPE_TEXT + 64], a[PT_SHAPE_TEXT], b[PT_SHAPE_TEXT];

	for (int d = 0; d < ndim; d++)
	{
		bool whole_dim = (mode == 2 && d > 0) || (mode == 3 && d < ndim - 1);

		dim[d] = 1 + below(largest);
		if (below(3) == 0)
			dim[d] = (dim[d] + 3) / 4 * 4;
		start[d] = whole_dim ? 0 : below(2) * below(dim[d]);
		if (below(2) == 0)
			start[d] = start[d] / 4 * 4;
		step[d] = mode == 0 && !whole_dim ? 1 + below(3) * below(3) : 1;
		size[d] = (dim[d] - 1 - start[d]) / step[d] + 1;
		if (!whole_dim && below(2) == 0)
			size[d] = 1 + below(size[d]);
		if (!whole_dim && size[d] >= 4 && below(2) == 0)
			size[d] = size[d] / 4 * 4;
		/* far beyond the end, where only one element is taken: legal */
		if (size[d] == 1 && below(4) == 0)
			step[d] = (int64_t) 1 << below(50);
	}
	if (empty && ndim > 0)
		size[below(ndim)] = 0;
	whole = shifted(dtype, shift, ndim, dim);
	part = new_operand(dtype, ndim, size);
	snprintf(what, sizeof(what), "%s of %s, mode %d, shift %d", pt_shape_print(&part.shape, a),
			 pt_shape_print(&whole.shape, b), mode, (int) shift);
	if (same_bits("getitem", get, 3, &whole, 1, &part, shift / 2, what))
	{
		back = new_operand(dtype, ndim, dim);
		same_bits("getitem_backward", spread, 3, &part, 1, &back, shift / 3, what);
		free(back.data);
	}
	free_shifted(&whole, shift);
	free(part.data);
}

static void
test_getitem(void)
{
	for (int round = 0; round < 600; round++)
	{
		int ndim = (int) below(PT_MAX_DIM + 1);

		check_getitem(all_dtypes[below(10)], ndim, round % 4,
					  ndim > 5	 ? 4
					  : ndim > 3 ? 9
					  : ndim > 1 ? 45
								 : 3000,
					  round % 40 == 7);
	}
}

/* ---------- cat, stack, copy ---------- */

static void
check_cat(PtDtype dtype, bool stack, int nin, int ndim, int dim)
{
	PtOperand *in = calloc((size_t) nin, sizeof(PtOperand)), out;
	int64_t size[PT_MAX_DIM], whole[PT_MAX_DIM], length = 0, shift = below(3);
	Attribute attrs[] = {INT_ATTR("dim", below(2) == 0 ? dim : dim - ndim - stack)};
	char what[64];

	for (int d = 0; d < ndim; d++)
		size[d] = 1 + below(ndim > 2 ? 8 : 30);
	for (int i = 0; i < nin; i++)
	{
		if (!stack)
			size[dim] = below(6) == 0 ? 0 : below(3) == 0 ? 4 * (1 + below(4)) : 1 + below(9);
		in[i] = shifted(dtype, shift, ndim, size);
		length += stack ? 1 : size[dim];
	}
	for (int d = 0; d < ndim + stack; d++)
		whole[d] = d < dim ? size[d] : d > dim ? size[d - stack] : length;
	out = new_operand(dtype, ndim + stack, whole);
	snprintf(what, sizeof(what), "%d tensors of %d dimensions along %d", nin, ndim, dim);
	same_bits(stack ? "stack" : "cat", attrs, 1, in, nin, &out, shift, what);
	for (int i = 0; i < nin; i++)
		free_shifted(&in[i], shift);
	free(in);
	free(out.data);
}

static void
test_cat(void)
{
	static const int counts[] = {1, 2, 3, 7, 8, 9, 63, 64, 65};

	for (int round = 0; round < 120; round++)
	{
		int ndim = (int) below(5), nin = counts[below(NELEMS(counts))];

		if (ndim > 0)
			check_cat(all_dtypes[round % 10], false, nin, ndim, (int) below(ndim));
		check_cat(all_dtypes[round % 10], true, nin, ndim, (int) below(ndim + 1));
	}
}

static void
test_copy(void)
{
	static const int64_t sizes[] = {0,	  1,	2,	  3,	15,	  16,	17,	   255,	  256,	 1000,
									1023, 1024, 1025, 4095, 4097, 8200, 16384, 20001, 100003};

	for (size_t s = 0; s < NELEMS(sizes); s++)
		for (size_t t = 0; t < NELEMS(all_dtypes); t++)
			for (int64_t shift = 0; shift<4; shift += sizes[s]> 5000 ? 3 : 1)
			{
				PtOperand x = shifted(all_dtypes[t], shift, 1, &sizes[s]),
						  y = new_operand(all_dtypes[t], 1, &sizes[s]);
				char what[64];

				snprintf(what, sizeof(what), "%lld elements, shift %d", (long long) sizes[s],
						 (int) shift);
				same_bits("copy", NULL, 0, &x, 1, &y, shift / 2, what);
				free_shifted(&x, shift);
				free(y.data);
			}
}

/* ---------- pack ---------- */

/* nparts parts with gaps between; some of them, if in_place, are in the array already. */
static void
check_pack(PtDtype dtype, int nparts, int64_t align, bool in_place)
{
	PtError err = {0};
	size_t size = pt_dtype_size(dtype);
	PtOperand *cpu = calloc((size_t) nparts, sizeof(PtOperand)),
			  *gpu = calloc((size_t) nparts, sizeof(PtOperand));
	bool *inside = calloc((size_t) nparts, sizeof(bool));
	int64_t *offsets = calloc((size_t) nparts, sizeof(int64_t)), total = below(3) * below(5);
	PtOperand out[2];
	Attribute attrs[] = {INTS_ATTR("offsets", nparts, offsets), INT_ATTR("total", 0)};

	for (int i = 0; i < nparts; i++)
	{
		cpu[i].dtype = dtype;
		cpu[i].shape = (PtShape){2, {1 + below(12), below(9)}};
		if (below(10) == 0)
			cpu[i].shape.dim[0] = 400;
		total = (total + align - 1) / align * align;
		offsets[i] = total;
		total += numel(&cpu[i]);
		inside[i] = in_place && below(3) > 0;
	}
	total += below(2) * below(40);
	attrs[1].value.integer = total;
	out[0] = new_operand(dtype, 1, &total);
	fill_bits(&out[0]);
	out[1] = new_operand(dtype, 1, &total);
	memcpy(out[1].data, out[0].data, bytes_of(&out[0]));
	for (int i = 0; i < nparts; i++)
	{
		gpu[i] = cpu[i];
		if (inside[i])
		{
			cpu[i].data = (char *) out[0].data + (size_t) offsets[i] * size;
			gpu[i].data = (char *) out[1].data + (size_t) offsets[i] * size;
			continue;
		}
		cpu[i].data = malloc(bytes_of(&cpu[i]) + 1);
		fill_bits(&cpu[i]);
		gpu[i].data = cpu[i].data;
	}
	CHECK_OK(run_op(cuda_cpu, "pack", attrs, 2, cpu, nparts, &out[0], 1, &err), &err);
	CHECK_OK(run_op_cuda("pack", attrs, 2, gpu, nparts, &out[1], 1, &err), &err);
	CHECK(memcmp(out[0].data, out[1].data, bytes_of(&out[0])) == 0,
		  "%d parts of %s, multiples of %lld%s", nparts, pt_dtype_name(dtype), (long long) align,
		  in_place ? ", some in place" : "");
	for (int i = 0; i < nparts; i++)
		if (!inside[i])
			free(cpu[i].data);
	free(cpu);
	free(gpu);
	free(inside);
	free(offsets);
	free(out[0].data);
	free(out[1].data);
}

static void
test_pack(void)
{
	static const int counts[] = {0, 1, 2, 5, 9, 33, 64, 100};

	for (size_t c = 0; c < NELEMS(counts); c++)
		for (int round = 0; round < 8; round++)
			check_pack(all_dtypes[(round + (int) c) % 10], counts[c],
					   (int64_t[]){1, 4, 16, 64}[round % 4], round >= 4);
}

/* ---------- arange ---------- */

static void
test_arange(void)
{
	static const double starts[] = {0, 0.5, -3, 1e300, 0.1}, steps[] = {1, 0.25, -1.5, 1e295, 0.1};
	static const int64_t first[] = {0, 3, -200, INT64_MAX - 5, INT64_MIN, 100},
						 by[] = {1, -2, 7, 3, INT64_MAX, 1000003};

	for (size_t t = 0; t < NELEMS(all_dtypes) - 1; t++) /* not bool */
		for (int i = 0; i < 6; i++)
		{
			PtOperand out = OPERAND(all_dtypes[t], (int64_t[]){1, 255, 20000, 700, 33, 0}[i]);
			bool real = pt_dtype_is_float(all_dtypes[t]);
			Attribute ints[] = {INT_ATTR("start", first[i]), NONE_ATTR("end"),
								INT_ATTR("step", by[i])};
			Attribute reals[] = {REAL_ATTR("start", starts[i % 5]), NONE_ATTR("end"),
								 REAL_ATTR("step", steps[i % 5])};

			same_bits("arange", ints, 3, NULL, 0, &out, 0, "of integers");
			if (real)
				same_bits("arange", reals, 3, NULL, 0, &out, 1, "of reals");
			free(out.data);
		}
}

/* ---------- batch ---------- */

typedef struct File
{
	PtOperand in[3]; /* rows, perm, ctl */
} File;

static File
new_file(int64_t n, int64_t stride)
{
	File f = {{OPERAND(PT_UINT8, n, stride), OPERAND(PT_INT64, n), OPERAND(PT_INT64, PT_CTL_SIZE)}};
	int64_t *perm = f.in[1].data;

	fill_bits(&f.in[0]);
	memset(f.in[2].data, 0, PT_CTL_SIZE * sizeof(int64_t));
	for (int64_t i = 0; i < n; i++)
		perm[i] = i;
	for (int64_t i = n - 1; i > 0; i--)
	{
		int64_t o = below(i + 1), swap = perm[i];

		perm[i] = perm[o];
		perm[o] = swap;
	}
	return f;
}

static void
free_file(File *f)
{
	for (int i = 0; i < 3; i++)
		free(f->in[i].data);
}

static void
test_batch(void)
{
	static const int64_t widths[] = {1,	 2,	 3,	  4,   5,	 8,	   10,	 15,   16,	 17,
									 31, 33, 100, 784, 1023, 1024, 1025, 4096, 5000, 0};

	for (size_t w = 0; w < NELEMS(widths); w++)
		for (int mode = 0; mode < 6; mode++)
		{
			PtDtype dtype = all_dtypes[((int) w + mode) % 10];
			int64_t size = (int64_t) pt_dtype_size(dtype), n = 60, count = 1 + below(40);
			int64_t offset = mode < 2 ? 0 : mode < 4 ? 16 * below(4) : size * below(9);
			int64_t stride = offset + widths[w] * size;
			File f;
			PtOperand out;
			Attribute attrs[] = {INT_ATTR("offset", offset)};
			char what[96];

			stride = mode % 2 == 0 ? (stride + 63) / 64 * 64 : (stride + 8 + 7) / 8 * 8;
			f = new_file(n, stride);
			((int64_t *) f.in[2].data)[0] = below(n - count + 1);
			if (mode == 1 && widths[w] == 1)
				out = OPERAND(dtype, count);
			else if (widths[w] % 5 == 0)
				out = OPERAND(dtype, count, 5, widths[w] / 5);
			else
				out = OPERAND(dtype, count, widths[w]);
			snprintf(what, sizeof(what), "%lld rows of %lld elements at %lld of %lld bytes",
					 (long long) count, (long long) widths[w], (long long) offset,
					 (long long) stride);
			same_bits("batch", attrs, 1, f.in, 3, &out, mode, what);
			free(out.data);
			free_file(&f);
		}
}

/* Both devices refuse, in the same words. */
static void
check_refused(File *f, int64_t offset, PtOperand *out, const char *what)
{
	PtError cpu = {0}, gpu = {0};
	Attribute attrs[] = {INT_ATTR("offset", offset)};

	CHECK(!run_op(cuda_cpu, "batch", attrs, 1, f->in, 3, out, 1, &cpu), "%s", what);
	CHECK(!run_op_cuda("batch", attrs, 1, f->in, 3, out, 1, &gpu), "%s", what);
	CHECK(cpu.code == gpu.code && strcmp(cpu.message, gpu.message) == 0,
		  "%s: \"%s\", wanted \"%s\"", what, gpu.message, cpu.message);
}

static void
test_batch_faults(void)
{
	File f = new_file(300, 64);
	PtOperand wide = OPERAND(PT_FLOAT32, 100, 8), narrow = OPERAND(PT_INT64, 100),
			  none = OPERAND(PT_INT64, 100, 0);
	PtOperand *outs[] = {&wide, &narrow, &none};
	int64_t *perm = f.in[1].data, *ctl = f.in[2].data;

	for (int i = 0; i < 3; i++)
	{
		int64_t saved[2] = {perm[70], perm[90]};

		ctl[PT_CTL_POSITION] = 250;
		check_refused(&f, 0, outs[i], "past the last row");
		ctl[PT_CTL_POSITION] = -1;
		check_refused(&f, 0, outs[i], "before the first row");
		ctl[PT_CTL_POSITION] = -((int64_t) 1 << 40);
		check_refused(&f, 0, outs[i], "far before the first row");
		ctl[PT_CTL_POSITION] = (int64_t) 1 << 40;
		check_refused(&f, 0, outs[i], "far past the last row");
		ctl[PT_CTL_POSITION] = 5;
		perm[70] = 300;
		perm[90] = -1;
		check_refused(&f, 0, outs[i], "no such rows");
		perm[70] = INT64_MIN;
		perm[90] = INT64_MAX;
		check_refused(&f, 0, outs[i], "no such rows, by far");
		perm[70] = saved[0];
		perm[90] = saved[1];
		check_refused(&f, 65, outs[i], "outside of a row");
		check_refused(&f, -8, outs[i], "before a row");
		/* a fault leaves nothing behind */
		same_bits("batch", (Attribute[]){INT_ATTR("offset", 8)}, 1, f.in, 3, outs[i], 0,
				  "after faults");
	}
	free_file(&f);
	free(wide.data);
	free(narrow.data);
	free(none.data);
}

/* ---------- advance, check_finite ---------- */

static void
test_counters(void)
{
	static const double losses[] = {0.5, -2, 0.1, 65504, NAN, INFINITY, -INFINITY};

	for (size_t t = 0; t < 4; t++)
		for (size_t l = 0; l < NELEMS(losses); l++)
			for (int mode = 0; mode < 4; mode++)
			{
				/* mode 1: in place; 2: so and three times; 3: a loss was not finite before */
				PtError err = {0};
				PtOperand cpu[3] = {OPERAND(PT_INT64, PT_CTL_SIZE),
									OPERAND(PT_FLOAT64, PT_STATS_SIZE), OPERAND(all_dtypes[t], 1)};
				PtOperand gpu[3] = {OPERAND(PT_INT64, PT_CTL_SIZE),
									OPERAND(PT_FLOAT64, PT_STATS_SIZE), cpu[2]};
				PtOperand cpu_out[2], gpu_out[2];
				Attribute count[] = {INT_ATTR("count", 37)}, by[] = {INT_ATTR("by", 128)};
				int times = mode == 2 ? 3 : 1;
				bool in_place = mode == 1 || mode == 2;

				for (int i = 0; i < PT_CTL_SIZE; i++)
					((int64_t *) cpu[0].data)[i] = below(1000);
				((int64_t *) cpu[0].data)[PT_CTL_DIVERGED] = mode == 3 ? 4 : 0;
				fill_random(&cpu[1], 100);
				pt_element_set_double(all_dtypes[t], cpu[2].data, 0, losses[l]);
				for (int i = 0; i < 2; i++)
				{
					memcpy(gpu[i].data, cpu[i].data, bytes_of(&cpu[i]));
					cpu_out[i] =
						in_place ? cpu[i]
								 : new_operand(cpu[i].dtype, cpu[i].shape.ndim, cpu[i].shape.dim);
					gpu_out[i] =
						in_place ? gpu[i]
								 : new_operand(cpu[i].dtype, cpu[i].shape.ndim, cpu[i].shape.dim);
				}
				cuda_repeat = times;
				for (int i = 0; i < times; i++)
					CHECK_OK(run_op(cuda_cpu, "check_finite", count, 1, cpu, 3, cpu_out, 2, &err),
							 &err);
				CHECK_OK(run_op_cuda("check_finite", count, 1, gpu, 3, gpu_out, 2, &err), &err);
				for (int i = 0; i < 2; i++)
					CHECK(memcmp(cpu_out[i].data, gpu_out[i].data, bytes_of(&cpu_out[i])) == 0 ||
							  (i == 1 && isnan(losses[l]) &&
							   close_operands(&gpu_out[i], &cpu_out[i], 0, 0, "check_finite")),
						  "check_finite: loss %g, mode %d, result %d", losses[l], mode, i);
				for (int i = 0; i < times; i++)
					CHECK_OK(run_op(cuda_cpu, "advance", by, 1, cpu, 1, cpu_out, 1, &err), &err);
				CHECK_OK(run_op_cuda("advance", by, 1, gpu, 1, gpu_out, 1, &err), &err);
				CHECK(memcmp(cpu_out[0].data, gpu_out[0].data, bytes_of(&cpu_out[0])) == 0,
					  "advance: mode %d", mode);
				cuda_repeat = 3;
				for (int i = 0; i < 2; i++)
				{
					if (!in_place)
					{
						free(cpu_out[i].data);
						free(gpu_out[i].data);
					}
					free(cpu[i].data);
					free(gpu[i].data);
				}
				free(cpu[2].data);
			}
}

/* Batches of an epoch by one queue that is run again and again: its place is read from ctl. */
static void
test_epoch(void)
{
	PtError err = {0};
	File f = new_file(100, 24);
	PtOperand x = OPERAND(PT_FLOAT32, 10, 4), last = OPERAND(PT_FLOAT32, 10, 4), ctl = f.in[2];
	PtOp batch = {.name = "batch"}, advance = {.name = "advance"};
	Attributes a, b;
	PtStep steps[] = {{.op = &batch,
					   .attrs = set_attributes(&a, (Attribute[]){INT_ATTR("offset", 8)}, 1),
					   .nin = 3,
					   .nout = 1,
					   .in = f.in,
					   .out = &x},
					  {.op = &advance,
					   .attrs = set_attributes(&b, (Attribute[]){INT_ATTR("by", 10)}, 1),
					   .nin = 1,
					   .nout = 1,
					   .in = &ctl,
					   .out = &ctl}};
	const int64_t *perm = f.in[1].data;

	cuda_repeat = 10;
	CHECK_OK(run_queue_cuda(&(PtQueue){.steps = steps, .nsteps = 2}, &err), &err);
	CHECK(((int64_t *) ctl.data)[PT_CTL_POSITION] == 100 &&
			  ((int64_t *) ctl.data)[PT_CTL_STEPS] == 10,
		  "ten batches");
	for (int r = 0; r < 10; r++)
		memcpy((char *) last.data + 16 * r, (char *) f.in[0].data + perm[90 + r] * 24 + 8, 16);
	CHECK(memcmp(x.data, last.data, 160) == 0, "the tenth batch");
	/* the eleventh is not there */
	CHECK(!run_queue_cuda(&(PtQueue){.steps = steps, .nsteps = 2}, &err) &&
			  strcmp(err.message, "batch wants position 100 of 100 rows") == 0,
		  "an eleventh batch: %s", err.message);
	/* eight of ten go well, then a fault inside of a graph */
	((int64_t *) ctl.data)[PT_CTL_POSITION] = 20;
	CHECK(!run_queue_cuda(&(PtQueue){.steps = steps, .nsteps = 2}, &err) &&
			  strcmp(err.message, "batch wants position 100 of 100 rows") == 0,
		  "a ninth batch: %s", err.message);
	cuda_repeat = 3;
	free_file(&f);
	free(x.data);
	free(last.data);
}

int
main(void)
{
	if (!cuda_open(NULL))
		return cuda_skipped();
	cuda_repeat = 3;
	test_permute();
	test_getitem();
	test_cat();
	test_copy();
	test_pack();
	test_arange();
	test_batch();
	test_batch_faults();
	test_counters();
	test_epoch();
	cuda_close();
	return check_done();
}
