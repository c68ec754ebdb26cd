/*
 * memory.cc
 *	  Memory of the emulated GPU, and copies.
 *
 * Device memory comes from malloc, filled with 0xFF (NaN).  Under ASan overruns are found, and
 * what the host touches of device memory while nothing of the device runs (the first 64 KB of
 * each piece).  CUDA_EMULATOR_MEMORY: its size in MB.
 */
#include <stdlib.h>

#include "state.h"

#if defined(__SANITIZE_ADDRESS__)
#define PT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PT_ASAN 1
#endif
#endif
#ifdef PT_ASAN
#include <sanitizer/asan_interface.h>
#endif

using namespace emulator;

/* Whether the host may touch a piece. */
static void
allow(uintptr_t p, const Piece &m, bool allowed)
{
	(void) p, (void) m, (void) allowed;
#ifdef PT_ASAN
	size_t n = m.size < 65536 ? m.size : 65536;

	if (m.place == DEVICE && allowed)
		ASAN_UNPOISON_MEMORY_REGION(reinterpret_cast<void *>(p), n);
	else if (m.place == DEVICE)
		ASAN_POISON_MEMORY_REGION(reinterpret_cast<void *>(p), n);
#endif
}

static void
allow_all(bool allowed)
{
	for (const auto &m : state().memory)
		allow(m.first, m.second, allowed);
}

emulator::OnDevice::OnDevice()
{
	if (state().on_device++ == 0)
		allow_all(true);
}

emulator::OnDevice::~OnDevice()
{
	if (--state().on_device == 0)
		allow_all(false);
}

void
emulator::drop_memory()
{
	allow_all(true);
	for (const auto &m : state().memory)
		free(reinterpret_cast<void *>(m.first));
	state().memory.clear();
	state().used = 0;
}

size_t
emulator::memory_size()
{
	const char *mb = getenv("CUDA_EMULATOR_MEMORY");

	return (mb != NULL && mb[0] != '\0' ? strtoull(mb, NULL, 10) : 1024) << 20;
}

/* The piece that holds all of a range, or NULL. */
static const Piece *
find_piece(const void *p, size_t n)
{
	uintptr_t address = reinterpret_cast<uintptr_t>(p);
	auto next = state().memory.upper_bound(address);

	if (next == state().memory.begin())
		return nullptr;
	--next;
	return address - next->first <= next->second.size &&
				   n <= next->second.size - (address - next->first)
			   ? &next->second
			   : nullptr;
}

bool
pt_emulator_on_device(const void *p, size_t n)
{
	return find_piece(p, n) != nullptr;
}

static cudaError_t
take_memory(void **p, size_t size, Place place, size_t alignment)
{
	State &s = state();

	*p = NULL;
	if (size == 0)
		return cudaSuccess;
	if (place == DEVICE && (size > memory_size() || s.used > memory_size() - size))
		return say(cudaErrorMemoryAllocation);
	if (posix_memalign(p, alignment, size) != 0)
	{
		*p = NULL;
		return say(cudaErrorMemoryAllocation);
	}
	memset(*p, 0xff, size);
	s.used += place == DEVICE ? size : 0;
	s.memory[reinterpret_cast<uintptr_t>(*p)] = {size, place};
	allow(reinterpret_cast<uintptr_t>(*p), {size, place}, false);
	return cudaSuccess;
}

static cudaError_t
give_memory(void *p, Place place)
{
	State &s = state();
	auto m = s.memory.find(reinterpret_cast<uintptr_t>(p));

	if (p == NULL)
		return cudaSuccess;
	CHECK_VALUE(m != s.memory.end() && m->second.place == place, cudaErrorInvalidValue);
	finish_all(); /* as on a GPU: what is freed may still be worked on */
	s.used -= place == DEVICE ? m->second.size : 0;
	allow(m->first, m->second, true);
	s.memory.erase(m);
	free(p);
	return say(s.broken);
}

cudaError_t
cudaMalloc(void **p, size_t size)
{
	ENTER_WAITING_OR(cudaErrorMemoryAllocation);
	return take_memory(p, size, DEVICE, 256);
}

cudaError_t
cudaFree(void *p)
{
	ENTER_WAITING();
	return give_memory(p, DEVICE);
}

cudaError_t
cudaHostAlloc(void **p, size_t size, unsigned flags)
{
	ENTER_WAITING_OR(cudaErrorMemoryAllocation);
	CHECK_VALUE(flags <= 7, cudaErrorInvalidValue);
	return take_memory(p, size, PINNED, 512);
}

cudaError_t
cudaFreeHost(void *p)
{
	ENTER_WAITING();
	return give_memory(p, PINNED);
}

cudaError_t
cudaMemGetInfo(size_t *free, size_t *total)
{
	ENTER();
	*total = memory_size();
	*free = *total > state().used ? *total - state().used : 0;
	return cudaSuccess;
}

/* Whether a copy may go this way; sets where it goes from and to. */
static bool
check_copy(const void *dst, const void *src, size_t n, enum cudaMemcpyKind kind, Place *to,
		   Place *from)
{
	const Piece *d = find_piece(dst, n), *s = find_piece(src, n);

	*to = d != nullptr ? d->place : HOST;
	*from = s != nullptr ? s->place : HOST;
	if (dst == NULL || src == NULL)
		return false;
	/* the beginning lies on the device, the end beyond */
	if ((d == nullptr && find_piece(dst, 1) != nullptr) ||
		(s == nullptr && find_piece(src, 1) != nullptr))
		return false;
	if (kind == cudaMemcpyDefault)
		return true;
	return kind <= cudaMemcpyDefault &&
		   (*to == DEVICE) ==
			   (kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice) &&
		   (*from == DEVICE) ==
			   (kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice);
}

cudaError_t
cudaMemcpy(void *dst, const void *src, size_t n, enum cudaMemcpyKind kind)
{
	Place to, from;

	ENTER_WAITING();
	if (n == 0)
		return cudaSuccess;
	CHECK_VALUE(check_copy(dst, src, n, kind, &to, &from), cudaErrorInvalidValue);
	CHECK_VALUE(finish_blocking(), cudaErrorStreamCaptureImplicit);
	finish(&state().null_stream);
	run([=] {
		memmove(dst, src, n);
		return cudaSuccess;
	});
	return say(state().broken);
}

/*
 * Between the device and memory that is not pinned: the source is read before the call returns,
 * the destination is written before.
 */
cudaError_t
cudaMemcpyAsync(void *dst, const void *src, size_t n, enum cudaMemcpyKind kind, cudaStream_t handle)
{
	CUstream_st *stream = stream_of(handle);
	Work copy = [=] {
		memmove(dst, src, n);
		return cudaSuccess;
	};
	Place to, from;
	cudaError_t error;

	ENTER();
	CHECK_VALUE(stream != nullptr, cudaErrorInvalidResourceHandle);
	if (n == 0)
		return cudaSuccess;
	CHECK_VALUE(check_copy(dst, src, n, kind, &to, &from), cudaErrorInvalidValue);
	if (from == HOST && to == DEVICE && stream->capture == nullptr)
	{
		auto kept = std::make_shared<std::string>(static_cast<const char *>(src), n);

		copy = [=] {
			memcpy(dst, kept->data(), n);
			return cudaSuccess;
		};
	}
	error = pt_emulator_add(handle, copy);
	if (error == cudaSuccess && to == HOST && stream->capture == nullptr)
	{
		finish(stream);
		error = say(state().broken);
	}
	return error;
}

static bool
check_fill(const void *p, size_t n)
{
	const Piece *m = find_piece(p, n);

	return m != nullptr && m->place != HOST;
}

cudaError_t
cudaMemsetAsync(void *p, int value, size_t n, cudaStream_t stream)
{
	ENTER();
	if (n == 0)
		return cudaSuccess;
	CHECK_VALUE(check_fill(p, n), cudaErrorInvalidValue);
	return pt_emulator_add(stream, [=] {
		memset(p, value, n);
		return cudaSuccess;
	});
}

cudaError_t
cudaMemset(void *p, int value, size_t n)
{
	ENTER_WAITING();
	return cudaMemsetAsync(p, value, n, NULL);
}
