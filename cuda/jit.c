/*
 * jit.c
 *	  Compiles programs at run time with NVRTC, and keeps what was compiled.
 *
 * NVRTC is large and not everywhere, so it is opened when a program is first compiled, and stays open.
 * Kernels are kept by their text, for all devices of the process: a plan that is made again, or another
 * with layers of other sizes, finds them.  Beyond MOST_KERNELS those are dropped that no task uses.
 *
 * Memory:  everything is freed when the last device is closed.
 * Threads: the device's functions are called on one thread.
 * Errors:  a text that failed to compile is kept too, with the error, so that it fails once.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nvrtc.h>

#include "elementwise.h"

#define MOST_KERNELS 512

struct PtCudaJit
{
	int arch; /* 90 for compute capability 9.0 */
};

typedef struct Entry
{
	PtCudaKernelRef ref; /* what the user sees; first */
	struct Entry *next;	 /* the last one used is the first */
	int users;
	int arch;
	uint64_t hash;
	char *text;
	cudaLibrary_t library;
	PtError *failure; /* NULL: it compiled */
} Entry;

/* NVRTC's functions */
typedef struct Nvrtc
{
	void *library; /* NULL: not open */
	nvrtcResult (*count_archs)(int *n);
	nvrtcResult (*archs)(int *archs);
	nvrtcResult (*ptx_size)(nvrtcProgram program, size_t *size);
	nvrtcResult (*ptx)(nvrtcProgram program, char *ptx);
	__typeof__(nvrtcGetErrorString) *error_string;
	__typeof__(nvrtcCreateProgram) *create;
	__typeof__(nvrtcDestroyProgram) *destroy;
	__typeof__(nvrtcCompileProgram) *compile;
	__typeof__(nvrtcGetCUBINSize) *cubin_size;
	__typeof__(nvrtcGetCUBIN) *cubin;
	__typeof__(nvrtcGetProgramLogSize) *log_size;
	__typeof__(nvrtcGetProgramLog) *log;
} Nvrtc;

static Nvrtc nvrtc;
static Entry *entries;
static int nentries;
static int ndevices;

/* ---------- NVRTC ---------- */

#ifdef PT_NVRTC_LINKED /* the tests' */
static bool
open_nvrtc(PtError *err)
{
	(void) err;
	nvrtc = (Nvrtc){.library = &nvrtc,
					.error_string = nvrtcGetErrorString,
					.create = nvrtcCreateProgram,
					.destroy = nvrtcDestroyProgram,
					.compile = nvrtcCompileProgram,
					.cubin_size = nvrtcGetCUBINSize,
					.cubin = nvrtcGetCUBIN,
					.log_size = nvrtcGetProgramLogSize,
					.log = nvrtcGetProgramLog};
	return true;
}
#else
static bool
open_nvrtc(PtError *err)
{
	/* that of the toolkit that made the interpreter first: the same mathematics, and code that the driver knows */
	static const char *const names[] = {
#if CUDART_VERSION >= 13000
		"libnvrtc.so.13",
		"libnvrtc.so.12",
#else
		"libnvrtc.so.12",
		"libnvrtc.so.13",
#endif
		"libnvrtc.so"
	};
	const struct
	{
		const char *name;
		void **at;
	} symbols[] = {
		{"nvrtcGetErrorString", (void **) &nvrtc.error_string},
		{"nvrtcGetNumSupportedArchs", (void **) &nvrtc.count_archs},
		{"nvrtcGetSupportedArchs", (void **) &nvrtc.archs},
		{"nvrtcCreateProgram", (void **) &nvrtc.create},
		{"nvrtcDestroyProgram", (void **) &nvrtc.destroy},
		{"nvrtcCompileProgram", (void **) &nvrtc.compile},
		{"nvrtcGetCUBINSize", (void **) &nvrtc.cubin_size},
		{"nvrtcGetCUBIN", (void **) &nvrtc.cubin},
		{"nvrtcGetPTXSize", (void **) &nvrtc.ptx_size},
		{"nvrtcGetPTX", (void **) &nvrtc.ptx},
		{"nvrtcGetProgramLogSize", (void **) &nvrtc.log_size},
		{"nvrtcGetProgramLog", (void **) &nvrtc.log},
	};
	char why[256] = "";
	void *library = NULL;

	if (nvrtc.library != NULL)
		return true;
	for (size_t i = 0; library == NULL && i < sizeof(names) / sizeof(names[0]); i++)
	{
		library = dlopen(names[i], RTLD_NOW | RTLD_LOCAL);
		if (library == NULL && i == 0)
			snprintf(why, sizeof(why), "%s", dlerror());
	}
	for (size_t i = 0; library != NULL && i < sizeof(symbols) / sizeof(symbols[0]); i++)
		if ((*symbols[i].at = dlsym(library, symbols[i].name)) == NULL)
		{
			snprintf(why, sizeof(why), "%s", dlerror());
			dlclose(library);
			library = NULL;
		}
	nvrtc.library = library;
	if (library != NULL)
		return true;
	pt_fail(err, PT_EDEVICE, "CUDA's run-time compiler is not available");
	pt_detail(err, "%s.", why);
	return pt_hint(err, "Install NVRTC (%s) where the dynamic linker finds it.", names[0]);
}

#endif

/* The newest architecture that NVRTC knows and the device runs. */
static int
choose_arch(int arch)
{
	int n = 0, best = 0;
	int *known;

	if (nvrtc.count_archs == NULL || nvrtc.count_archs(&n) != NVRTC_SUCCESS || n <= 0 ||
		(known = malloc((size_t) n * sizeof(int))) == NULL)
		return arch;
	if (nvrtc.archs(known) == NVRTC_SUCCESS)
		for (int i = 0; i < n; i++)
			if (known[i] <= arch && known[i] > best)
				best = known[i];
	free(known);
	return best > 0 ? best : arch;
}

/* err: the first line of the log that speaks of an error */
static bool
fail_compile(nvrtcProgram program, nvrtcResult result, PtError *err)
{
	size_t size = 0;
	char *log = NULL;

	pt_fail(err, result == NVRTC_ERROR_OUT_OF_MEMORY ? PT_ENOMEM : PT_EDEVICE,
			"CUDA's run-time compiler failed: %s", nvrtc.error_string(result));
	if (program != NULL && nvrtc.log_size(program, &size) == NVRTC_SUCCESS && size > 1 &&
		(log = malloc(size + 1)) != NULL && nvrtc.log(program, log) == NVRTC_SUCCESS)
	{
		char *line;

		log[size] = '\0';
		line = strstr(log, "error");
		line = line != NULL ? line : log;
		pt_detail(err, "%.*s", (int) strcspn(line, "\n"), line);
	}
	free(log);
	return false;
}

/*
 * The text as machine code (or PTX, if NVRTC is older than the device), malloc'ed; NULL after err is
 * filled.
 */
static char *
compile(const char *text, int arch, PtError *err)
{
	int known = choose_arch(arch);
	char option[48];
	const char *const options[] = {option, "--std=c++17", "--fmad=false", "-default-device"};
	size_t head = strlen(pt_cuda_scalar_text), size = 0;
	char *source = malloc(head + strlen(text) + 1);
	char *code = NULL;
	nvrtcProgram program = NULL;
	nvrtcResult result;

	if (source == NULL)
	{
		pt_fail_memory(err, head);
		return NULL;
	}
	memcpy(source, pt_cuda_scalar_text, head);
	strcpy(source + head, text);
	snprintf(option, sizeof(option), "--gpu-architecture=%s_%d", known == arch ? "sm" : "compute",
			 known);
	result = nvrtc.create(&program, source, "program.cu", 0, NULL, NULL);
	if (result == NVRTC_SUCCESS)
		result = nvrtc.compile(program, (int) (sizeof(options) / sizeof(options[0])), options);
	if (result == NVRTC_SUCCESS)
		result = known == arch ? nvrtc.cubin_size(program, &size) : nvrtc.ptx_size(program, &size);
	if (result == NVRTC_SUCCESS)
		result = (code = malloc(size + 1)) == NULL ? NVRTC_ERROR_OUT_OF_MEMORY
				 : known == arch				   ? nvrtc.cubin(program, code)
												   : nvrtc.ptx(program, code);
	if (result != NVRTC_SUCCESS)
	{
		free(code);
		code = NULL;
		fail_compile(program, result, err);
	}
	if (program != NULL)
		nvrtc.destroy(&program);
	free(source);
	return code;
}

/* ---------- kernels ---------- */

static void
free_entry(Entry *e)
{
	if (e->library != NULL)
	{
		(void) cudaLibraryUnload(e->library);
		(void) cudaGetLastError(); /* of a lost device */
	}
	free(e->failure);
	free(e->text);
	free(e);
	nentries--;
}

/* Those that were not used for longest go first. */
static void
drop_unused(void)
{
	while (nentries >= MOST_KERNELS)
	{
		Entry **unused = NULL;

		for (Entry **at = &entries; *at != NULL; at = &(*at)->next)
			if ((*at)->users == 0)
				unused = at;
		if (unused == NULL)
			return;
		Entry *e = *unused;

		*unused = e->next;
		free_entry(e);
	}
}

static uint64_t
hash_of(const char *text)
{
	uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */

	for (; *text != '\0'; text++)
		hash = (hash ^ (unsigned char) *text) * UINT64_C(1099511628211);
	return hash;
}

static bool
load(Entry *e, PtError *err)
{
	char *code = compile(e->text, e->arch, err);
	struct cudaFuncAttributes attributes;
	cudaKernel_t kernel = NULL;
	cudaError_t error;

	if (code == NULL)
		return false;
	error = cudaLibraryLoadData(&e->library, code, NULL, NULL, 0, NULL, NULL, 0);
	free(code);
	if (error == cudaSuccess)
		error = cudaLibraryGetKernel(&kernel, e->library, PT_CUDA_PROGRAM);
	else
		e->library = NULL;
	/* puts it on the device now: it may be first launched in a capture, which is no time to load it */
	if (error == cudaSuccess)
		error = cudaFuncGetAttributes(&attributes, (const void *) kernel);
	if (error != cudaSuccess)
	{
		(void) cudaGetLastError();
		pt_fail(err, error == cudaErrorMemoryAllocation ? PT_ENOMEM : PT_EDEVICE,
				"a compiled program cannot be loaded: %s", cudaGetErrorString(error));
		return pt_detail(err, "CUDA calls this %s.", cudaGetErrorName(error));
	}
	e->ref.function = (const void *) kernel;
	return true;
}

/* Finds the text's entry and puts it first; NULL if there is none. */
static Entry *
find(const char *text, int arch, uint64_t hash)
{
	for (Entry **at = &entries; *at != NULL; at = &(*at)->next)
	{
		Entry *e = *at;

		if (e->hash != hash || e->arch != arch || strcmp(e->text, text) != 0)
			continue;
		*at = e->next;
		e->next = entries;
		entries = e;
		return e;
	}
	return NULL;
}

const PtCudaKernelRef *
pt_cuda_jit_take(PtCudaJit *jit, const char *text, PtError *err)
{
	uint64_t hash = hash_of(text);
	Entry *e;

	if (!open_nvrtc(err))
		return NULL;
	e = find(text, jit->arch, hash);
	if (e == NULL)
	{
		drop_unused();
		e = calloc(1, sizeof(Entry));
		if (e == NULL || (e->text = strdup(text)) == NULL)
		{
			free(e);
			pt_fail_memory(err, strlen(text));
			return NULL;
		}
		e->hash = hash;
		e->arch = jit->arch;
		nentries++;
		if (!load(e, err))
		{
			/* memory may be there the next time */
			if (err->code == PT_ENOMEM || (e->failure = malloc(sizeof(PtError))) == NULL)
			{
				free_entry(e);
				return NULL;
			}
			*e->failure = *err;
		}
		e->next = entries;
		entries = e;
	}
	if (e->failure != NULL)
	{
		*err = *e->failure;
		return NULL;
	}
	e->users++;
	return &e->ref;
}

void
pt_cuda_jit_give(const PtCudaKernelRef *ref)
{
	if (ref != NULL)
		((Entry *) ref)->users--;
}

/* ---------- open, close ---------- */

PtCudaJit *
pt_cuda_jit_open(PtCuda *dev, PtError *err)
{
	PtCudaJit *jit = calloc(1, sizeof(PtCudaJit));

	if (jit == NULL)
	{
		pt_fail_memory(err, sizeof(PtCudaJit));
		return NULL;
	}
	jit->arch = dev->major * 10 + dev->minor;
	ndevices++;
	return jit;
}

void
pt_cuda_jit_close(PtCudaJit *jit)
{
	if (jit == NULL)
		return;
	free(jit);
	if (--ndevices > 0)
		return;
	while (entries != NULL)
	{
		Entry *e = entries;

		entries = e->next;
		free_entry(e);
	}
}
