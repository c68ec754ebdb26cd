/*
 * device.c
 *	  The device "cuda": opening it, its memory, and the table that the engine reaches it by.
 *
 * This library is opened when a GPU is first asked for, never in the postmaster: CUDA does not survive a
 * fork.  It shares the process's primary context; each PtCuda has streams of its own.
 *
 * Memory:  device memory comes zeroed from cudaMalloc.  Copies between host and device are waited for, save
 *			those of feed, which run on a stream of their own beside kernels.
 * Threads: CUDA starts some; every call may, so the caller blocks signals around all of them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda.h"

/* Tensor cores with TensorFloat32 and bfloat16, asynchronous copies: Ampere has them all. */
#define OLDEST_MAJOR 8

static PtCuda *
cuda_of(PtDevice *dev)
{
	return (PtCuda *) dev;
}

/* False after filling err if the device was lost before. */
static bool
usable(PtCuda *dev, PtError *err)
{
	cudaError_t error;

	if (dev->lost)
	{
		pt_fail(err, PT_EDEVICE, "device \"cuda:%d\" was lost", dev->ordinal);
		return pt_hint(err, "The GPU cannot be used in this session any more; connect anew.");
	}
	/* which device is current belongs to the thread */
	error = cudaSetDevice(dev->ordinal);
	return error == cudaSuccess ? true : pt_cuda_fail(dev, error, "selecting it", err);
}

/* ---------- open, close, info ---------- */

static bool
fail_open(PtError *err, int ordinal, cudaError_t error)
{
	(void) cudaGetLastError();
	pt_fail(err, error == cudaErrorMemoryAllocation ? PT_ENOMEM : PT_EDEVICE,
			"device \"cuda:%d\" is not available", ordinal);
	pt_detail(err, "CUDA says: %s (%s).", cudaGetErrorString(error), cudaGetErrorName(error));
	switch (error)
	{
		/* on a GPU that others have filled there is no room for a context */
		case cudaErrorMemoryAllocation:
			return pt_hint(err,
						   "Wait until others free memory, or set \"pgtorch.device\" to \"cpu\".");
		case cudaErrorInsufficientDriver:
			return pt_hint(err, "Install an NVIDIA driver, or a newer one.");
		case cudaErrorNoDevice:
			return pt_hint(err, "No NVIDIA GPU is visible; set \"pgtorch.device\" to \"cpu\".");
		default:
			return pt_hint(err, "Set \"pgtorch.device\" to \"cpu\".");
	}
}

/* Driver, number of devices, and what the device must be able to do. */
static bool
check_device(PtCuda *dev, PtError *err)
{
	struct cudaDeviceProp prop;
	int count = 0;
	cudaError_t error = cudaGetDeviceCount(&count);

	if (error == cudaSuccess && count == 0)
		error = cudaErrorNoDevice;
	if (error != cudaSuccess)
		return fail_open(err, dev->ordinal, error);
	if (dev->ordinal < 0 || dev->ordinal >= count)
	{
		pt_fail(err, PT_EDEVICE, "device \"cuda:%d\" is not available", dev->ordinal);
		return pt_hint(err,
					   count == 1 ? "There is one GPU, \"cuda:0\"."
								  : "There are %d GPUs, counted from 0.",
					   count);
	}
	if ((error = cudaGetDeviceProperties(&prop, dev->ordinal)) != cudaSuccess)
		return fail_open(err, dev->ordinal, error);
	snprintf(dev->name, sizeof(dev->name), "%.127s", prop.name);
	dev->major = prop.major;
	dev->minor = prop.minor;
	dev->sms = prop.multiProcessorCount;
	if (dev->major >= OLDEST_MAJOR)
		return true;
	pt_fail(err, PT_EDEVICE, "device \"cuda:%d\" (%s) is too old", dev->ordinal, dev->name);
	pt_detail(err, "Its compute capability is %d.%d, at least %d.0 is needed.", dev->major,
			  dev->minor, OLDEST_MAJOR);
	return pt_hint(err, "Set \"pgtorch.device\" to \"cpu\".");
}

static void
close_device(PtDevice *d)
{
	PtCuda *dev = cuda_of(d);

	if (dev == NULL)
		return;
	pt_cuda_jit_close(dev->jit);
	pt_cuda_blas_close(dev->blas);
	if (dev->fault != NULL)
	{
		if (dev->fault->lock != NULL)
			cudaFree(dev->fault->lock);
		cudaFreeHost(dev->fault);
	}
	if (dev->fed != NULL)
		cudaEventDestroy(dev->fed);
	if (dev->feed != NULL)
		cudaStreamDestroy(dev->feed);
	if (dev->stream != NULL)
		cudaStreamDestroy(dev->stream);
	free(dev);
}

static bool
open_parts(PtCuda *dev, PtError *err)
{
	cudaError_t error;

	if (!check_device(dev, err))
		return false;
	if ((error = cudaSetDevice(dev->ordinal)) != cudaSuccess ||
		(error = cudaStreamCreateWithFlags(&dev->stream, cudaStreamNonBlocking)) != cudaSuccess ||
		(error = cudaStreamCreateWithFlags(&dev->feed, cudaStreamNonBlocking)) != cudaSuccess ||
		(error = cudaEventCreateWithFlags(&dev->fed, cudaEventDisableTiming)) != cudaSuccess ||
		(error = cudaHostAlloc((void **) &dev->fault, sizeof(PtCudaFault), cudaHostAllocMapped)) !=
			cudaSuccess)
		return fail_open(err, dev->ordinal, error);
	memset(dev->fault, 0, sizeof(PtCudaFault));
	if ((error = cudaMalloc((void **) &dev->fault->lock, sizeof(int))) != cudaSuccess)
	{
		dev->fault->lock = NULL;
		return fail_open(err, dev->ordinal, error);
	}
	if ((error = cudaMemsetAsync(dev->fault->lock, 0, sizeof(int), dev->stream)) != cudaSuccess ||
		(error = cudaStreamSynchronize(dev->stream)) != cudaSuccess)
		return fail_open(err, dev->ordinal, error);
	return (dev->blas = pt_cuda_blas_open(dev, err)) != NULL &&
		   (dev->jit = pt_cuda_jit_open(dev, err)) != NULL;
}

static PtDevice *
open_device(const PtDeviceOptions *options, PtError *err)
{
	PtCuda *dev = calloc(1, sizeof(PtCuda));
	bool ok = true;

	if (dev == NULL)
	{
		pt_fail_memory(err, sizeof(PtCuda));
		return NULL;
	}
	dev->base.type = pt_cuda_device_type();
	dev->base.threads = true;
	dev->ordinal = options->ordinal;
	dev->precision = options->precision;
	if (options->isa == NULL)
		dev->programs = PT_CUDA_ADAPTIVE;
	else if (strcmp(options->isa, "interpreted") == 0)
		dev->programs = PT_CUDA_INTERPRETED;
	else if (strcmp(options->isa, "compiled") == 0)
		dev->programs = PT_CUDA_COMPILED;
	else
		ok = pt_fail(err, PT_EINVAL, "device \"cuda\" cannot run programs \"%s\"", options->isa);
	if (ok && open_parts(dev, err))
		return &dev->base;
	close_device(&dev->base);
	return NULL;
}

static bool
info(PtDevice *d, int i, const char **key, char *value, size_t size)
{
	PtCuda *dev = cuda_of(d);
	size_t available = 0, total = 0;
	int version = 0;

	switch (i)
	{
		case 0:
			*key = "gpu";
			snprintf(value, size, "%s", dev->name);
			return true;
		case 1:
			*key = "compute capability";
			snprintf(value, size, "%d.%d", dev->major, dev->minor);
			return true;
		case 2:
			*key = "gpu memory";
			(void) cudaSetDevice(dev->ordinal);
			(void) cudaMemGetInfo(&available, &total);
			snprintf(value, size, "%zu of %zu MB free", available >> 20, total >> 20);
			return true;
		case 3:
			*key = "cuda driver";
			(void) cudaDriverGetVersion(&version);
			snprintf(value, size, "%d.%d", version / 1000, version % 1000 / 10);
			return true;
		case 4:
			*key = "cuda runtime";
			(void) cudaRuntimeGetVersion(&version);
			snprintf(value, size, "%d.%d", version / 1000, version % 1000 / 10);
			return true;
		case 5:
			*key = "cuda graphs";
			snprintf(value, size, "%lld captured, %lld not", (long long) dev->captured,
					 (long long) dev->not_captured);
			return true;
		default:
			return false;
	}
}

/* ---------- memory ---------- */

static void *
alloc(PtDevice *d, size_t bytes, PtError *err)
{
	PtCuda *dev = cuda_of(d);
	void *p = NULL;
	cudaError_t error;

	if (!usable(dev, err))
		return NULL;
	bytes = bytes > 0 ? bytes : 1;
	if ((error = cudaMalloc(&p, bytes)) != cudaSuccess)
	{
		if (error == cudaErrorMemoryAllocation)
			pt_cuda_fail_memory(dev, bytes, err);
		else
			pt_cuda_fail(dev, error, "allocating memory", err);
		return NULL;
	}
	/* waited for, as what is fed next does not wait for this stream */
	if ((error = cudaMemsetAsync(p, 0, bytes, dev->stream)) != cudaSuccess ||
		(error = cudaStreamSynchronize(dev->stream)) != cudaSuccess)
	{
		cudaFree(p);
		pt_cuda_fail(dev, error, "zeroing memory", err);
		return NULL;
	}
	return p;
}

/* Waits for all that is under way, which may use memory that is about to be freed. */
static void
settle(PtCuda *dev)
{
	(void) cudaSetDevice(dev->ordinal);
	(void) cudaStreamSynchronize(dev->stream);
	(void) cudaStreamSynchronize(dev->feed);
}

static void
free_memory(PtDevice *d, void *p)
{
	if (p == NULL)
		return;
	settle(cuda_of(d));
	(void) cudaFree(p);
}

/* On the stream of kernels: after what was launched before, and what was fed. */
static bool
copy(PtCuda *dev, void *dst, const void *src, size_t bytes, enum cudaMemcpyKind kind, PtError *err)
{
	cudaError_t error;

	if (!usable(dev, err))
		return false;
	if (bytes == 0)
		return true;
	/* of an event never recorded nothing is awaited */
	error = cudaStreamWaitEvent(dev->stream, dev->fed, 0);
	if (error == cudaSuccess)
		error = cudaMemcpyAsync(dst, src, bytes, kind, dev->stream);
	if (error == cudaSuccess)
		error = cudaStreamSynchronize(dev->stream);
	return error == cudaSuccess ? true : pt_cuda_fail(dev, error, "copying", err);
}

static bool
upload(PtDevice *d, void *dst, const void *host, size_t bytes, PtError *err)
{
	return copy(cuda_of(d), dst, host, bytes, cudaMemcpyHostToDevice, err);
}

static bool
download(PtDevice *d, void *host, const void *src, size_t bytes, PtError *err)
{
	return copy(cuda_of(d), host, src, bytes, cudaMemcpyDeviceToHost, err);
}

static size_t
available(PtDevice *d)
{
	size_t bytes = 0, total = 0;

	(void) cudaSetDevice(cuda_of(d)->ordinal);
	if (cudaMemGetInfo(&bytes, &total) != cudaSuccess)
		(void) cudaGetLastError();
	return bytes;
}

static void *
alloc_host(PtDevice *d, size_t bytes, PtError *err)
{
	PtCuda *dev = cuda_of(d);
	void *p = NULL;
	cudaError_t error;

	if (!usable(dev, err))
		return NULL;
	error = cudaHostAlloc(&p, bytes > 0 ? bytes : 1, cudaHostAllocDefault);
	if (error == cudaSuccess)
		return p;
	pt_cuda_fail(dev, error, "allocating page-locked host memory", err);
	return NULL;
}

static void
free_host(PtDevice *d, void *p)
{
	if (p == NULL)
		return;
	settle(cuda_of(d));
	(void) cudaFreeHost(p);
}

static bool
feed(PtDevice *d, void *dst, const void *host, size_t bytes, PtError *err)
{
	PtCuda *dev = cuda_of(d);
	cudaError_t error;

	if (!usable(dev, err))
		return false;
	if (bytes == 0)
		return true;
	if ((error = cudaMemcpyAsync(dst, host, bytes, cudaMemcpyHostToDevice, dev->feed)) !=
			cudaSuccess ||
		(error = cudaEventRecord(dev->fed, dev->feed)) != cudaSuccess)
		return pt_cuda_fail(dev, error, "copying data", err);
	return true;
}

/* ---------- the rest of the table, which first makes sure of the device ---------- */

static bool
prepare(PtDevice *d, PtQueue *s, PtError *err)
{
	s->state = NULL;
	return usable(cuda_of(d), err) && pt_cuda_prepare(d, s, err);
}

static bool
bind(PtDevice *d, PtQueue *s, PtError *err)
{
	return usable(cuda_of(d), err) && pt_cuda_bind(d, s, err);
}

static bool
launch(PtDevice *d, PtQueue *s, int64_t repeat, PtError *err)
{
	return usable(cuda_of(d), err) && pt_cuda_launch(d, s, repeat, err);
}

static PtRun
await(PtDevice *d, PtQueue *s, int64_t budget_ns, PtError *err)
{
	return usable(cuda_of(d), err) ? pt_cuda_wait(d, s, budget_ns, err) : PT_RUN_ERROR;
}

const PtDeviceType *
pt_cuda_device_type(void)
{
	static const PtDeviceType type = {
		.abi = PT_DEVICE_ABI,
		.step_bytes = sizeof(PtStep),
		.program_bytes = sizeof(PtProgram),
		.scalars = pt_device_scalars,
		.name = "cuda",
		.shares_host = false,
		.open = open_device,
		.close = close_device,
		.info = info,
		.alloc = alloc,
		.free = free_memory,
		.upload = upload,
		.download = download,
		.available = available,
		.alloc_host = alloc_host,
		.free_host = free_host,
		.feed = feed,
		.supports = pt_cuda_supports,
		.prepare = prepare,
		.bind = bind,
		.launch = launch,
		.wait = await,
		.unbind = pt_cuda_unbind,
	};

	return &type;
}
