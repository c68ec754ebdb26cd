/*
 * library.c
 *	  Opening pgtorch_cuda.so.
 */
#include "bridge/library.h"

#include <dlfcn.h>
#include <string.h>
#include <unistd.h>

bool
pgt_library_fits(const PtDeviceType *type, const char *path, PtError *err)
{
	if (type != NULL && type->abi == PT_DEVICE_ABI && type->step_bytes == sizeof(PtStep) &&
		type->program_bytes == sizeof(PtProgram) &&
		strcmp(type->scalars(), pt_device_scalars()) == 0)
		return true;
	pt_fail(err, PT_EDEVICE, "library \"%s\" does not belong to this version of pgtorch", path);
	if (type == NULL || type->abi != PT_DEVICE_ABI)
		pt_detail(err, "Its device interface is version %d, not %d.", type != NULL ? type->abi : 0,
				  PT_DEVICE_ABI);
	else
		pt_detail(err, "It was built from other sources.");
	return pt_hint(err, "Build and install both together: \"make; make cuda; make install\".");
}

const PtDeviceType *
pgt_library_open(const char *path, PtError *err)
{
	const PtDeviceType *(*get)(void) = NULL;
	const PtDeviceType *type;
	void *library;

	if (access(path, R_OK) != 0)
	{
		pt_fail(err, PT_EDEVICE, "device \"cuda\" is not available");
		pt_detail(err, "There is no library \"%s\".", path);
		pt_hint(err,
				"Install it with \"make cuda install\", or set \"pgtorch.device\" to \"cpu\".");
		return NULL;
	}
	library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL)
	{
		pt_fail(err, PT_EDEVICE, "device \"cuda\" is not available");
		pt_detail(err, "%s.", dlerror());
		pt_hint(err,
				"Install the libraries of the CUDA toolkit, or set \"pgtorch.device\" to \"cpu\".");
		return NULL;
	}
	*(void **) &get = dlsym(library, "pt_cuda_device_type");
	type = get != NULL ? get() : NULL;
	if (pgt_library_fits(type, path, err))
		return type;
	dlclose(library);
	return NULL;
}
