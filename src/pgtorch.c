/*
 * pgtorch.c
 *	  The library: magic block and settings.
 *
 * Loading does nothing else: no threads, no libraries, no shared memory, so the postmaster may load
 * it too.
 */
#include "postgres.h"

#include "compat.h"

#include "bridge/device.h"
#include "bridge/settings.h"
#include "fmgr.h"
#include "utils/guc.h"

#include <limits.h>

PG_MODULE_MAGIC;

char *pgt_device = NULL;
int pgt_threads = 0;
int pgt_matmul_precision = PT_HIGHEST;
int pgt_max_memory = 0;
int pgt_cache_memory = 256;

static const struct config_enum_entry precisions[] = {{"highest", PT_HIGHEST, false},
													  {"high", PT_HIGH, false},
													  {NULL, 0, false}};

static bool
check_device(char **newval, void **extra, GucSource source)
{
	if (pgt_device_is_name(*newval))
		return true;
	GUC_check_errdetail("A device is \"auto\", \"cpu\", \"cuda\" or \"cuda:N\".");
	return false;
}

static void
assign_device(const char *newval pg_attribute_unused(), void *extra pg_attribute_unused())
{
	pgt_device_forget_failures();
}

void _PG_init(void);

PGDLLEXPORT void
_PG_init(void)
{
	DefineCustomStringVariable(
		"pgtorch.device", "Device that computations run on.",
		"auto trains on a GPU if there is one, and does all else on the CPU.", &pgt_device, "auto",
		PGC_USERSET, 0, check_device, assign_device, NULL);
	DefineCustomIntVariable("pgtorch.threads", "Threads that computations use.",
							"0 means the CPUs there are for training, and one for everything else.",
							&pgt_threads, 0, 0, 1024, PGC_USERSET, 0, NULL, NULL, NULL);
	DefineCustomEnumVariable("pgtorch.matmul_precision", "How a GPU multiplies float32 matrices.",
							 "highest: in float32; high: in TensorFloat32, which is faster.",
							 &pgt_matmul_precision, PT_HIGHEST, precisions, PGC_USERSET, 0, NULL,
							 NULL, NULL);
	DefineCustomIntVariable(
		"pgtorch.max_memory", "Memory that one model, training or computation may take.",
		"0 means three quarters of the machine's memory, and all that is free of a GPU's.",
		&pgt_max_memory, 0, 0, INT_MAX / 1024, PGC_SUSET, GUC_UNIT_MB, NULL, NULL, NULL);
	DefineCustomIntVariable("pgtorch.cache_memory",
							"Memory for models that a session keeps for predict.",
							"The model in use is kept, however large.", &pgt_cache_memory, 256, 0,
							INT_MAX / 1024, PGC_SUSET, GUC_UNIT_MB, NULL, NULL, NULL);
	MarkGUCPrefixReserved("pgtorch");
}
