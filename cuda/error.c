/*
 * error.c
 *	  CUDA's errors as values of ours.
 *
 * Most errors concern one call.  A few (an illegal address, a failed launch, an uncorrectable memory
 * error) break the process's context: from then on every call fails, so the device is marked lost and
 * says so at once.
 */
#include <stdio.h>

#include "cuda.h"

static bool
breaks_context(cudaError_t error)
{
	switch ((int) error)
	{
		case cudaErrorIllegalAddress:
		case cudaErrorLaunchFailure:
		case cudaErrorLaunchTimeout:
		case cudaErrorHardwareStackError:
		case cudaErrorIllegalInstruction:
		case cudaErrorMisalignedAddress:
		case cudaErrorInvalidAddressSpace:
		case cudaErrorInvalidPc:
		case cudaErrorAssert:
		case cudaErrorECCUncorrectable:
		case cudaErrorContextIsDestroyed:
		case cudaErrorExternalDevice:
		/* by number, as older toolkits have no names for them */
		case 220: /* cudaErrorNvlinkUncorrectable */
		case 226: /* cudaErrorContained */
		case 721: /* cudaErrorTensorMemoryLeak */
		case 810: /* cudaErrorMpsClientTerminated */
		case cudaErrorDevicesUnavailable:
		case cudaErrorUnknown:
			return true;
		default:
			return false;
	}
}

bool
pt_cuda_fail(PtCuda *dev, cudaError_t error, const char *what, PtError *err)
{
	bool lost = breaks_context(error);

	/* an error that is not sticky would otherwise be what the next call reports */
	(void) cudaGetLastError();
	pt_fail(err, error == cudaErrorMemoryAllocation ? PT_ENOMEM : PT_EDEVICE,
			"device \"cuda:%d\" failed while %s: %s", dev->ordinal, what,
			cudaGetErrorString(error));
	pt_detail(err, "CUDA calls this %s.", cudaGetErrorName(error));
	if (!lost)
		return false;
	dev->lost = true;
	return pt_hint(err, "The GPU cannot be used in this session any more; connect anew.");
}

static double
megabytes(size_t bytes)
{
	return (double) bytes / 1048576.0;
}

bool
pt_cuda_fail_memory(PtCuda *dev, size_t bytes, PtError *err)
{
	size_t available = 0, total = 0;

	(void) cudaGetLastError();
	pt_fail(err, PT_ENOMEM, "out of memory on device \"cuda:%d\"", dev->ordinal);
	if (cudaMemGetInfo(&available, &total) != cudaSuccess)
	{
		(void) cudaGetLastError();
		pt_detail(err, "%.1f MB were asked for.", megabytes(bytes));
	}
	else
		pt_detail(err, "%.1f MB were asked for, %.1f MB of %.1f MB are free.", megabytes(bytes),
				  megabytes(available), megabytes(total));
	return pt_hint(err, "Use a smaller batch_size or model, or wait until others free memory.");
}

bool
pt_cuda_fail_dtype(const PtStep *step, PtDtype dtype, PtError *err)
{
	pt_fail(err, PT_EUNSUPPORTED, "%s is not implemented on device \"cuda\" for dtype %s",
			pt_step_name(step), pt_dtype_name(dtype));
	return step->path == NULL ? false : pt_detail(err, "In module %s.", step->path);
}
