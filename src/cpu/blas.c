/*
 * blas.c
 *	  OpenBLAS, opened when the first big matrix product wants it.
 *
 * OpenBLAS reads two environment variables while it is loaded.  OPENBLAS_NUM_THREADS=1 keeps it from
 * starting threads of its own.  OPENBLAS_CORETYPE corrects what it takes the CPU for: releases up to
 * 0.3.23 know no processor that is younger than they are and fall back to SSE kernels.
 * Both are set only if the user has not, and only while the library is opened.
 *
 * A build over OpenMP takes the number of threads from OpenMP, which keeps one for each thread that
 * calls: so each is told once, before its first product.
 *
 * If something else in the process had already loaded it, with the wrong kernels, it is not used.
 */
#include "cpu/blas.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define ROW_MAJOR 101
#define NO_TRANS 111
#define TRANS 112

static const char *const libraries[] = {"libopenblas.so.0", "libopenblas.so", "libopenblasp.so.0",
										NULL};

#if defined(__x86_64__)
static bool
has_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}

/* What OpenBLAS should take this CPU for; NULL: leave it to OpenBLAS. */
static const char *
core_type(void)
{
	unsigned a = 0, b = 0, c = 0, d = 0, family;

	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		__builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
		__builtin_cpu_supports("avx512cd"))
		return "SkylakeX";
	if (!has_avx2())
		return NULL;
	if (__builtin_cpu_is("amd") && __get_cpuid(1, &a, &b, &c, &d))
	{
		family = (a >> 8) & 15;
		if (family == 15)
			family += (a >> 20) & 255;
		if (family >= 0x17)
			return "Zen";
	}
	return "Haswell";
}

/* Whether a core type that OpenBLAS reports uses what this CPU has. */
static bool
core_suits(const char *core)
{
	static const char *const narrow[] = {"Prescott",	"Core2",   "Penryn",
										 "Dunnington",	"Atom",	   "Nehalem",
										 "Sandybridge", "Opteron", "Opteron_SSE3",
										 "Barcelona",	"Bobcat",  "Bulldozer",
										 "Nano",		"Katmai",  "Coppermine",
										 "Northwood",	"Banias",  "Athlon",
										 "Generic",		"generic", NULL};

	if (!has_avx2())
		return true;
	for (int i = 0; narrow[i] != NULL; i++)
		if (strcmp(core, narrow[i]) == 0)
			return false;
	return true;
}
#else
static const char *
core_type(void)
{
	return NULL;
}

static bool
core_suits(const char *core)
{
	(void) core;
	return true;
}
#endif

/* dlsym gives void *, which ISO C does not let become a function pointer by a cast */
static bool
find(void *library, const char *name, void *function)
{
	void *p = dlsym(library, name);

	memcpy(function, &p, sizeof(p));
	return p != NULL;
}

static void *
open_library(void)
{
	const char *core = getenv("OPENBLAS_CORETYPE") == NULL ? core_type() : NULL;
	bool threads = getenv("OPENBLAS_NUM_THREADS") == NULL;
	void *library = NULL;

	if (core != NULL)
		setenv("OPENBLAS_CORETYPE", core, 0);
	if (threads)
		setenv("OPENBLAS_NUM_THREADS", "1", 0);
	for (int i = 0; libraries[i] != NULL && library == NULL; i++)
		library = dlopen(libraries[i], RTLD_NOW | RTLD_LOCAL);
	if (core != NULL)
		unsetenv("OPENBLAS_CORETYPE");
	if (threads)
		unsetenv("OPENBLAS_NUM_THREADS");
	return library;
}

static bool
open_blas(PtBlas *blas)
{
	void *library = open_library();
	char *(*get_config)(void) = NULL;
	char *(*get_corename)(void) = NULL;
	int (*get_parallel)(void) = NULL;
	void (*set_num_threads)(int) = NULL;
	const char *core = "";

	if (library == NULL)
		return false;
	if (!find(library, "cblas_sgemm", &blas->sgemm) ||
		!find(library, "cblas_dgemm", &blas->dgemm) ||
		!find(library, "openblas_set_num_threads", &set_num_threads))
		goto refuse;
	if (find(library, "openblas_get_corename", &get_corename))
		core = get_corename();
	if (!core_suits(core))
		goto refuse;
	set_num_threads(1);
	/* dlsym searches what the library needs, too: a build over OpenMP needs its runtime */
	if (!find(library, "omp_set_num_threads", &blas->omp_set_num_threads))
		blas->omp_set_num_threads = NULL;
	blas->serial = !find(library, "openblas_get_parallel", &get_parallel) || get_parallel() == 0;
	if (find(library, "openblas_get_config", &get_config))
	{
		/* "OpenBLAS 0.3.21 NO_LAPACKE DYNAMIC_ARCH ... Zen MAX_THREADS=64" */
		const char *config = get_config();
		const char *end = strchr(config, ' ');

		end = end == NULL ? config + strlen(config) : end + 1 + strcspn(end + 1, " ");
		snprintf(blas->name, sizeof(blas->name), "%.*s (%s)", (int) (end - config), config, core);
	}
	else
		snprintf(blas->name, sizeof(blas->name), "OpenBLAS (%s)", core);
	pthread_mutex_init(&blas->lock, NULL);
	return true;
refuse:
	dlclose(library);
	return false;
}

PtBlas *
pt_blas_open(void)
{
	static PtBlas blas;
	static enum { UNTRIED, ABSENT, OPEN } state;

	if (state == UNTRIED)
		state = open_blas(&blas) ? OPEN : ABSENT;
	return state == OPEN ? &blas : NULL;
}

void
pt_blas_gemm(PtBlas *blas, bool is_double, bool ta, bool tb, size_t m, size_t n, size_t k,
			 const void *a, size_t lda, const void *b, size_t ldb, bool accumulate, void *c,
			 size_t ldc)
{
	static _Thread_local bool told;

	if (!told && blas->omp_set_num_threads != NULL)
		blas->omp_set_num_threads(1);
	told = true;
	if (blas->serial)
		pthread_mutex_lock(&blas->lock);
	if (is_double)
		blas->dgemm(ROW_MAJOR, ta ? TRANS : NO_TRANS, tb ? TRANS : NO_TRANS, (int) m, (int) n,
					(int) k, 1.0, a, (int) lda, b, (int) ldb, accumulate ? 1.0 : 0.0, c, (int) ldc);
	else
		blas->sgemm(ROW_MAJOR, ta ? TRANS : NO_TRANS, tb ? TRANS : NO_TRANS, (int) m, (int) n,
					(int) k, 1.0f, a, (int) lda, b, (int) ldb, accumulate ? 1.0f : 0.0f, c,
					(int) ldc);
	if (blas->serial)
		pthread_mutex_unlock(&blas->lock);
}
