/*
 * device.h
 *	  What kernels see of the emulated GPU, and how a launch is kept.
 *
 * It includes nothing: programs that are compiled at run time (nvrtc.cc) begin with it, and find
 * no header of the system, as with NVRTC.  There PT_EMULATOR_LIBRARY is defined, and pt_emulated
 * is the library's own.
 */
#ifndef PT_EMULATOR_DEVICE_H
#define PT_EMULATOR_DEVICE_H

#define __global__
#define __device__
#define __host__
#define __constant__
#define __shared__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))

/* ---------- the running thread ---------- */

struct uint3
{
	unsigned x, y, z;
};

struct PtEmulated
{
	uint3 thread, block, block_size, grid_size;
	void *shared; /* dynamic shared memory */
	void (*sync_block)(const char *file, int line);
	/* what: PT_WARP_*; lane: whose value is wanted */
	unsigned long long (*sync_warp)(int what, unsigned mask, unsigned long long value, int lane,
									const char *file, int line);
};

enum
{
	PT_WARP_SYNC,
	PT_WARP_SHUFFLE,
	PT_WARP_BALLOT
};

#ifdef PT_EMULATOR_LIBRARY
extern "C"
{
	__attribute__((visibility("default")))
	PtEmulated *pt_emulated; /* set when the library is loaded */
}
#else
extern "C" PtEmulated *pt_emulated; /* blocks.cc */
#endif

#define threadIdx (pt_emulated->thread)
#define blockIdx (pt_emulated->block)
#define blockDim (pt_emulated->block_size)
#define gridDim (pt_emulated->grid_size)
static constexpr int warpSize = 32;

/* ---------- a launch: kernel and copies of its arguments ---------- */

struct PtClosure
{
	void (*run)(PtClosure *c);
	void (*free)(PtClosure *c);
};

template <class F> struct PtCall : PtClosure
{
	F f;

	explicit PtCall(const F &call) : PtClosure{run_call, free_call}, f(call)
	{
	}
	static void run_call(PtClosure *c)
	{
		static_cast<PtCall *>(c)->f();
	}
	static void free_call(PtClosure *c)
	{
		delete static_cast<PtCall *>(c);
	}
};

/* The arguments are converted to the parameters' types here, as the compiler does in a launch. */
template <class... P> struct PtBind
{
	static PtClosure *make(void (*kernel)(P...), P... p)
	{
		auto call = [=] { kernel(p...); };

		return new PtCall<decltype(call)>(call);
	}
};

template <class... P, class... A>
static inline PtClosure *
pt_closure(void (*kernel)(P...), const A &...a)
{
	return PtBind<P...>::make(kernel, a...);
}

/* The same of addresses of the arguments. */
template <int... I> struct PtIndices
{
};
template <int N, int... I> struct PtCount : PtCount<N - 1, N - 1, I...>
{
};
template <int... I> struct PtCount<0, I...>
{
	typedef PtIndices<I...> type;
};

template <class... P, int... I>
static inline PtClosure *
pt_unpack_all(void (*kernel)(P...), void **args, PtIndices<I...>)
{
	(void) args;
	return PtBind<P...>::make(kernel, *static_cast<P *>(args[I])...);
}

template <class... P>
static inline PtClosure *
pt_unpack(void (*kernel)(P...), void **args)
{
	return pt_unpack_all(kernel, args, typename PtCount<sizeof...(P)>::type());
}

/* ---------- barriers and shuffles ---------- */

#define PT_CALLER const char *file = __builtin_FILE(), int line = __builtin_LINE()

static inline void
__syncthreads(PT_CALLER)
{
	pt_emulated->sync_block(file, line);
}

static inline void
__syncwarp(unsigned mask = 0xffffffffu, PT_CALLER)
{
	pt_emulated->sync_warp(PT_WARP_SYNC, mask, 0, 0, file, line);
}

static inline unsigned
__ballot_sync(unsigned mask, int predicate, PT_CALLER)
{
	return (unsigned) pt_emulated->sync_warp(PT_WARP_BALLOT, mask, predicate != 0, 0, file, line);
}

static inline int
__any_sync(unsigned mask, int predicate, PT_CALLER)
{
	return __ballot_sync(mask, predicate, file, line) != 0;
}

static inline int
__all_sync(unsigned mask, int predicate, PT_CALLER)
{
	return __ballot_sync(mask, predicate, file, line) == mask;
}

template <class T>
static inline T
pt_exchange(unsigned mask, T value, int lane, const char *file, int line)
{
	static_assert(sizeof(T) == 4 || sizeof(T) == 8, "the GPU shuffles 4 or 8 bytes");
	unsigned long long bits = 0;

	__builtin_memcpy(&bits, &value, sizeof(T));
	bits = pt_emulated->sync_warp(PT_WARP_SHUFFLE, mask, bits, lane, file, line);
	__builtin_memcpy(&value, &bits, sizeof(T));
	return value;
}

/* A lane outside of its segment of width lanes gives the caller's own value. */
template <class T>
static inline T
__shfl_sync(unsigned mask, T value, int lane, int width = 32, PT_CALLER)
{
	int own = (int) threadIdx.x & 31;

	return pt_exchange(mask, value, (own & ~(width - 1)) | (lane & (width - 1)), file, line);
}

template <class T>
static inline T
__shfl_xor_sync(unsigned mask, T value, int lanes, int width = 32, PT_CALLER)
{
	int own = (int) threadIdx.x & 31, lane = own ^ lanes;

	return pt_exchange(mask, value, lane < ((own & ~(width - 1)) + width) ? lane : own, file, line);
}

template <class T>
static inline T
__shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, PT_CALLER)
{
	int own = (int) threadIdx.x & 31, lane = own + (int) delta;

	return pt_exchange(mask, value, lane < ((own & ~(width - 1)) + width) ? lane : own, file, line);
}

template <class T>
static inline T
__shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, PT_CALLER)
{
	int own = (int) threadIdx.x & 31, lane = own - (int) delta;

	return pt_exchange(mask, value, lane >= (own & ~(width - 1)) ? lane : own, file, line);
}

/* ---------- memory ---------- */

static inline void
__threadfence()
{
	__asm__ volatile("" ::: "memory");
}
#define __threadfence_block __threadfence
#define __threadfence_system __threadfence

template <class T>
static inline T
__ldg(const T *p)
{
	return *p;
}

/* Threads change only at barriers, so these need no more. */
template <class T> struct PtSame
{
	typedef T type;
};

#define PT_ATOMIC(name, result)                                               \
	template <class T> static inline T name(T *p, typename PtSame<T>::type x) \
	{                                                                         \
		T old = *static_cast<volatile T *>(p);                                \
                                                                              \
		*static_cast<volatile T *>(p) = static_cast<T>(result);               \
		return old;                                                           \
	}
PT_ATOMIC(atomicAdd, old + x)
PT_ATOMIC(atomicExch, x)
PT_ATOMIC(atomicMin, x < old ? x : old)
PT_ATOMIC(atomicMax, x > old ? x : old)
PT_ATOMIC(atomicOr, old | x)
PT_ATOMIC(atomicAnd, old &x)

template <class T>
static inline T
atomicCAS(T *p, typename PtSame<T>::type compare, typename PtSame<T>::type x)
{
	T old = *static_cast<volatile T *>(p);

	if (old == compare)
		*static_cast<volatile T *>(p) = x;
	return old;
}

/* ---------- numbers ---------- */

#define PT_CAST(name, to, from)                       \
	static inline to name(from x)                     \
	{                                                 \
		to y;                                         \
                                                      \
		static_assert(sizeof(x) == sizeof(y), #name); \
		__builtin_memcpy(&y, &x, sizeof(y));          \
		return y;                                     \
	}
PT_CAST(__float_as_uint, unsigned, float)
PT_CAST(__uint_as_float, float, unsigned)
PT_CAST(__float_as_int, int, float)
PT_CAST(__int_as_float, float, int)
PT_CAST(__double_as_longlong, long long, double)
PT_CAST(__longlong_as_double, double, long long)

static inline unsigned
__umulhi(unsigned a, unsigned b)
{
	return (unsigned) ((unsigned long long) a * b >> 32);
}

static inline unsigned long long
__umul64hi(unsigned long long a, unsigned long long b)
{
	return (unsigned long long) ((unsigned __int128) a * b >> 64);
}

static inline int
__popc(unsigned x)
{
	return __builtin_popcount(x);
}

static inline int
__clz(int x)
{
	return x == 0 ? 32 : __builtin_clz((unsigned) x);
}

static inline int
__ffs(int x)
{
	return __builtin_ffs(x);
}

/* macros, since new C libraries have functions of these names */
#define rsqrtf pt_rsqrtf
#define rsqrt pt_rsqrt

static inline float
pt_rsqrtf(float x)
{
	return 1.0f / __builtin_sqrtf(x);
}

static inline double
pt_rsqrt(double x)
{
	return 1.0 / __builtin_sqrt(x);
}

#define PT_MIN_MAX(T)             \
	static inline T min(T a, T b) \
	{                             \
		return b < a ? b : a;     \
	}                             \
	static inline T max(T a, T b) \
	{                             \
		return a < b ? b : a;     \
	}
PT_MIN_MAX(int)
PT_MIN_MAX(unsigned)
PT_MIN_MAX(long)
PT_MIN_MAX(unsigned long)
PT_MIN_MAX(long long)
PT_MIN_MAX(unsigned long long)
static inline float
min(float a, float b)
{
	return __builtin_fminf(a, b);
}
static inline float
max(float a, float b)
{
	return __builtin_fmaxf(a, b);
}
static inline double
min(double a, double b)
{
	return __builtin_fmin(a, b);
}
static inline double
max(double a, double b)
{
	return __builtin_fmax(a, b);
}

/* Vectors: aligned as on the GPU, for wide loads. */
#define PT_VECTOR2(name, T)                  \
	struct __align__(2 * sizeof(T)) name     \
	{                                        \
		T x, y;                              \
	};                                       \
	static inline name make_##name(T x, T y) \
	{                                        \
		return name{x, y};                   \
	}
#define PT_VECTOR4(name, T)                                        \
	struct __align__(4 * sizeof(T) < 16 ? 4 * sizeof(T) : 16) name \
	{                                                              \
		T x, y, z, w;                                              \
	};                                                             \
	static inline name make_##name(T x, T y, T z, T w)             \
	{                                                              \
		return name{x, y, z, w};                                   \
	}
PT_VECTOR2(float2, float)
PT_VECTOR2(double2, double)
PT_VECTOR2(int2, int)
PT_VECTOR2(uint2, unsigned)
PT_VECTOR2(longlong2, long long)
PT_VECTOR2(ulonglong2, unsigned long long)
PT_VECTOR4(float4, float)
PT_VECTOR4(int4, int)
PT_VECTOR4(uint4, unsigned)
PT_VECTOR4(ushort4, unsigned short)
PT_VECTOR4(uchar4, unsigned char)

#ifdef PT_EMULATOR_LIBRARY
/* What NVRTC has without headers: names of the language's libraries. */
#define __CUDACC__
#define __CUDACC_RTC__

typedef __SIZE_TYPE__ size_t;

extern "C"
{
	void *memcpy(void *, const void *, size_t);
	void *memset(void *, int, size_t);
}

#define PT_MATH1(name)                \
	extern "C" double name(double);   \
	extern "C" float name##f(float);  \
	static inline float name(float x) \
	{                                 \
		return name##f(x);            \
	}
#define PT_MATH2(name)                         \
	extern "C" double name(double, double);    \
	extern "C" float name##f(float, float);    \
	static inline float name(float x, float y) \
	{                                          \
		return name##f(x, y);                  \
	}
PT_MATH1(acos)
PT_MATH1(acosh)
PT_MATH1(asin)
PT_MATH1(asinh)
PT_MATH1(atan)
PT_MATH1(atanh)
PT_MATH1(cbrt)
PT_MATH1(ceil)
PT_MATH1(cos)
PT_MATH1(cosh)
PT_MATH1(erf)
PT_MATH1(erfc)
PT_MATH1(exp)
PT_MATH1(exp2)
PT_MATH1(expm1)
PT_MATH1(fabs)
PT_MATH1(floor)
PT_MATH1(lgamma)
PT_MATH1(log)
PT_MATH1(log10)
PT_MATH1(log1p)
PT_MATH1(log2)
PT_MATH1(nearbyint)
PT_MATH1(rint)
PT_MATH1(round)
PT_MATH1(sin)
PT_MATH1(sinh)
PT_MATH1(sqrt)
PT_MATH1(tan)
PT_MATH1(tanh)
PT_MATH1(tgamma)
PT_MATH1(trunc)
PT_MATH2(atan2)
PT_MATH2(copysign)
PT_MATH2(fmax)
PT_MATH2(fmin)
PT_MATH2(fmod)
PT_MATH2(hypot)
PT_MATH2(nextafter)
PT_MATH2(pow)
PT_MATH2(remainder)
extern "C" double fma(double, double, double);
extern "C" float fmaf(float, float, float);

#define PT_CLASSIFY(name, T)             \
	static inline bool name(T x)         \
	{                                    \
		return __builtin_##name(x) != 0; \
	}
PT_CLASSIFY(isnan, float)
PT_CLASSIFY(isnan, double)
PT_CLASSIFY(isinf, float)
PT_CLASSIFY(isinf, double)
PT_CLASSIFY(isfinite, float)
PT_CLASSIFY(isfinite, double)
PT_CLASSIFY(signbit, float)
PT_CLASSIFY(signbit, double)
static inline int
abs(int x)
{
	return x < 0 ? -x : x;
}
static inline long long
llabs(long long x)
{
	return x < 0 ? -x : x;
}
#endif

#endif
