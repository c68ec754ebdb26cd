/*
 * test_cuda_matmul.c
 *	  Products on the device "cuda" beside the CPU's: every layout, a bias at any address, all dtypes.
 */
#include "engine/cuda_harness.h"

/* Whether both devices computed the same, within what the dtype's rounding and sums of k products allow. */
static void
compare(const PtOperand *there, const PtOperand *here, int64_t k, const char *what)
{
	double tolerance = 4 * epsilon(here->dtype) * (double) (k + 1);
	int bad = 0;

	for (int64_t i = 0; i < numel(here); i++)
		if (!check_close(at(there, i), at(here, i), tolerance, tolerance))
			bad++;
	CHECK(bad == 0, "%s, %s: %d of %lld elements differ", what, pt_dtype_name(here->dtype), bad,
		  (long long) numel(here));
}

static void
test_mm(PtDtype dtype, int64_t m, int64_t n, int64_t k, bool ta, bool tb)
{
	double scale = pt_dtype_is_float(dtype) ? 1 : 20;
	Attribute attrs[] = {{"ta", {PT_VALUE_BOOL, 0, {.boolean = ta}}},
						 {"tb", {PT_VALUE_BOOL, 0, {.boolean = tb}}}};
	PtOperand in[2] = {RANDOM(dtype, scale, ta ? k : m, ta ? m : k),
					   RANDOM(dtype, scale, tb ? n : k, tb ? k : n)};
	PtOperand there = OPERAND(dtype, m, n), here = OPERAND(dtype, m, n);
	PtError err = {0};
	char what[80];

	snprintf(what, sizeof(what), "mm %lldx%lldx%lld%s%s", (long long) m, (long long) n,
			 (long long) k, ta ? ", ta" : "", tb ? ", tb" : "");
	CHECK(run_op_cuda("mm", attrs, 2, in, 2, &there, 1, &err), "%s: %s", what, err.message);
	CHECK(run_op(cuda_cpu, "mm", attrs, 2, in, 2, &here, 1, &err), "%s: %s", what, err.message);
	compare(&there, &here, k, what);
	free(in[0].data);
	free(in[1].data);
	free(there.data);
	free(here.data);
}

/* cuBLASLt wants a bias at a multiple of 16 bytes; in a packed array of parameters it stands anywhere. */
static void
test_bias(PtDtype dtype, int64_t m, int64_t n, int64_t k, int64_t shift)
{
	PtOperand all = RANDOM(dtype, 1, n + shift);
	PtOperand in[3] = {RANDOM(dtype, 1, m, k),
					   RANDOM(dtype, 1, n, k),
					   {dtype,
						{1, {n}},
						(char *) all.data + (size_t) shift * pt_dtype_size(dtype)}};
	PtOperand there = OPERAND(dtype, m, n), here = OPERAND(dtype, m, n);
	PtError err = {0};
	char what[80];

	snprintf(what, sizeof(what), "linear %lldx%lldx%lld, bias at %lld", (long long) m,
			 (long long) n, (long long) k, (long long) shift);
	CHECK(run_op_cuda("linear", NULL, 0, in, 3, &there, 1, &err), "%s: %s", what, err.message);
	CHECK(run_op(cuda_cpu, "linear", NULL, 0, in, 3, &here, 1, &err), "%s: %s", what, err.message);
	compare(&there, &here, k, what);
	free(all.data);
	free(in[0].data);
	free(in[1].data);
	free(there.data);
	free(here.data);
}

int
main(void)
{
	static const PtDtype dtypes[] = {PT_FLOAT32,  PT_FLOAT64, PT_FLOAT16,
									 PT_BFLOAT16, PT_INT64,	  PT_INT8};
	static const int64_t sizes[][3] = {{1, 1, 1},	{7, 33, 9}, {16, 16, 16},
									   {1, 40, 17}, {5, 3, 0},	{64, 10, 50}};

	if (!cuda_open(NULL))
		return cuda_skipped();
	for (size_t d = 0; d < sizeof(dtypes) / sizeof(dtypes[0]); d++)
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
			for (int layout = 0; layout < 4; layout++)
				test_mm(dtypes[d], sizes[s][0], sizes[s][1], sizes[s][2], layout & 1, layout & 2);
	/* alone, and as a captured graph */
	for (cuda_repeat = 1; cuda_repeat <= 5; cuda_repeat += 4)
		for (int d = 0; d < 4; d++)
			for (int64_t shift = 0; shift < 5; shift++)
				test_bias(dtypes[d], 7, 33, 9, shift);
	cuda_repeat = 1;
	/* longer than what a bias is copied for */
	test_bias(PT_FLOAT32, 1, 300000, 1, 1);
	cuda_close();
	return check_done();
}
