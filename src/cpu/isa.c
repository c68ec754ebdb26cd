/*
 * isa.c
 *	  Which instruction set's kernels this machine runs.
 *
 * Decided from the single features that a build uses, not from level names, which older
 * compilers do not know.
 */
#include "cpu/isa/isa.h"

#include <string.h>

#define ISA(isa)                                                                    \
	{                                                                               \
#isa, &pt_cpu_##isa##_scalar, &pt_cpu_##isa##_gemm, &pt_cpu_##isa##_reduce, \
			&pt_cpu_##isa##_rows, &pt_cpu_##isa##_optim                             \
	}

#if defined(__x86_64__)

static const PtIsa all[] = {ISA(v4), ISA(v3), ISA(v2)};

static bool
runs(const char *name)
{
	bool v2 = __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt") &&
			  __builtin_cpu_supports("ssse3");
	bool v3 = v2 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
			  __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");

	if (strcmp(name, "v2") == 0)
		return v2;
	if (strcmp(name, "v3") == 0)
		return v3;
	return v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		   __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
		   __builtin_cpu_supports("avx512cd");
}

#else

static const PtIsa all[] = {ISA(generic)};

static bool
runs(const char *name)
{
	(void) name;
	return true;
}

#endif

const PtIsa *
pt_isa_choose(const char *name, PtError *err)
{
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if ((name == NULL || strcmp(name, all[i].name) == 0) && runs(all[i].name))
			return &all[i];
	if (name != NULL)
		pt_fail(err, PT_EDEVICE, "this CPU does not run instruction set \"%s\"", name);
	else
		pt_fail(err, PT_EDEVICE,
				"this CPU runs none of the instruction sets pgtorch was built for");
	return NULL;
}
