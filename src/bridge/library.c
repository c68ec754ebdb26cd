/*
 * library.c
 *	  Opening pgtorch_cuda.so.
 */
#include "bridge/library.h"

#include <dlfcn.h>
#include <unistd.h>

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
	if (type != NULL && type->abi == PT_DEVICE_ABI)
		return type;
	pt_fail(err, PT_EDEVICE, "library \"%s\" does not belong to this version of pgtorch", path);
	pt_detail(err, "Its device interface is version %d, not %d.", type != NULL ? type->abi : 0,
			  PT_DEVICE_ABI);
	pt_hint(err, "Build and install both together: \"make; make cuda; make install\".");
	dlclose(library);
	return NULL;
}
