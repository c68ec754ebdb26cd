/*
 * program.cu
 *	  The interpreter of elementwise programs: one kernel, one launch a program.
 *
 * Registers stand in shared memory, where each thread has a column of its own, so nothing waits
 * for others.  A thread takes LANES points at once to find its way through the switch less often;
 * its points lie a block's width apart, so that neighbours read neighbours.
 *
 * It runs what runs once, and everything where there is no NVRTC; what runs often is compiled (source.c).
 * Both call the functions of scalar.cuh.
 */
#include "launch.cuh"
#include "scalar.cuh"

#define LANES 4

/* Register r of the running thread. */
struct Registers
{
	PtCudaCell *mine;
	unsigned threads;

	__device__ __forceinline__ PtCudaCell *operator[](unsigned r) const
	{
		return mine + (size_t) r * LANES * threads;
	}
};

#define EACH(l) for (unsigned l = 0; l < LANES; l++)
#define CELL(reg, l) (reg)[(l) *r.threads]

/* ---------- loads and stores ---------- */

#define DTYPES(X)                        \
	X(FLOAT32, float32, float, f32)      \
	X(FLOAT64, float64, double, f64)     \
	X(FLOAT16, float16, uint16_t, f32)   \
	X(BFLOAT16, bfloat16, uint16_t, f32) \
	X(INT64, int64, int64_t, i64)        \
	X(INT32, int32, int32_t, i64)        \
	X(INT16, int16, int16_t, i64)        \
	X(INT8, int8, int8_t, i64)           \
	X(UINT8, uint8, uint8_t, i64)        \
	X(BOOL, bool, uint8_t, i64)

/* Elements at[l] of an input; out of the range, where count is smaller than LANES, nothing. */
static __device__ __forceinline__ void
load(const Registers &r, unsigned reg, unsigned dtype, const void *data, const int64_t *at,
	 unsigned count)
{
	PtCudaCell *to = r[reg];

	switch (dtype)
	{
#define LOAD(DTYPE, dtype, mem, member)                                        \
	case PT_##DTYPE:                                                           \
		EACH(l)                                                                \
		{                                                                      \
			if (l < count)                                                     \
				CELL(to, l).member = get_##dtype(((const mem *) data)[at[l]]); \
		}                                                                      \
		break;
		DTYPES(LOAD)
	}
}

static __device__ __forceinline__ void
store(const Registers &r, unsigned reg, unsigned dtype, void *data, const int64_t *at,
	  unsigned count)
{
	const PtCudaCell *from = r[reg];

	switch (dtype)
	{
#define STORE(DTYPE, dtype, mem, member)                                   \
	case PT_##DTYPE:                                                       \
		EACH(l)                                                            \
		{                                                                  \
			if (l < count)                                                 \
				((mem *) data)[at[l]] = put_##dtype(CELL(from, l).member); \
		}                                                                  \
		break;
		DTYPES(STORE)
	}
}

/* Where an input of any strides has a point.  I: 32 bits divide faster */
template <typename I>
static __device__ __forceinline__ int64_t
place(const PtCudaOperands &p, const PtCudaInput &in, int ndim, int64_t point)
{
	I i = (I) point;
	int64_t at = 0;

	for (int d = ndim - 1; d > 0; d--)
	{
		I q = quotient(i, p.dim[d]);

		at += (int64_t) (i - q * (I) p.dim[d].size) * in.stride[d];
		i = q;
	}
	return at + (int64_t) i * in.stride[0];
}

/* ---------- instructions ---------- */

#define CASE(op, cls) case (op) *3 + (cls):
#define DO(op, cls, member, expression)   \
	CASE(op, cls)                         \
	EACH(l)                               \
	{                                     \
		CELL(out, l).member = expression; \
	}                                     \
	break;
#define A(member) CELL(a, l).member
#define B(member) CELL(b, l).member
#define C(member) CELL(c, l).member

#define IF_INTS(x) x
#define IF_NOINTS(x)
#define PT_UNARY(name, rule, integers, ...)          \
	DO(PT_S_##name, PT_F32, f32, name##_f32(A(f32))) \
	DO(PT_S_##name, PT_F64, f64, name##_f64(A(f64))) \
	IF_##integers(DO(PT_S_##name, PT_I64, i64, name##_i64(A(i64))))
#define PT_BINARY(name, rule, integers, ...)                 \
	DO(PT_S_##name, PT_F32, f32, name##_f32(A(f32), B(f32))) \
	DO(PT_S_##name, PT_F64, f64, name##_f64(A(f64), B(f64))) \
	IF_##integers(DO(PT_S_##name, PT_I64, i64, name##_i64(A(i64), B(i64))))
#define PT_TERNARY(name, rule, integers, ...)                        \
	DO(PT_S_##name, PT_F32, f32, name##_f32(A(f32), B(f32), C(f32))) \
	DO(PT_S_##name, PT_F64, f64, name##_f64(A(f64), B(f64), C(f64))) \
	IF_##integers(DO(PT_S_##name, PT_I64, i64, name##_i64(A(i64), B(i64), C(i64))))

/* an op of all three classes; one that goes from each to another class */
#define ALL(name)                                    \
	DO(PT_S_##name, PT_F32, f32, name##_f32(A(f32))) \
	DO(PT_S_##name, PT_F64, f64, name##_f64(A(f64))) \
	DO(PT_S_##name, PT_I64, i64, name##_i64(A(i64)))
#define CONVERT(name, member)                           \
	DO(PT_S_##name, PT_F32, member, name##_f32(A(f32))) \
	DO(PT_S_##name, PT_F64, member, name##_f64(A(f64))) \
	DO(PT_S_##name, PT_I64, member, name##_i64(A(i64)))

/* point: those of the lanes; true if an integer is divided by zero in one of the first count lanes. */
static __device__ __forceinline__ bool
execute(const Registers &r, const PtInstruction &ins, bool divides, const int64_t *point,
		unsigned count)
{
	PtCudaCell *out = r[ins.out];
	const PtCudaCell *a = r[ins.in[0]], *b = r[ins.in[1]], *c = r[ins.in[2]];
	bool zero = false;

	if (divides)
		EACH(l)
		{
			zero = zero || (l < count && B(i64) == 0);
		}
	switch (ins.op * 3 + ins.cls)
	{
#include "engine/ops/scalar.def"
		ALL(copy)
		ALL(to_bool)
		CONVERT(to_f32, f32)
		CONVERT(to_f64, f64)
		CONVERT(to_i64, i64)
		DO(PT_S_round_float16, PT_F32, f32, round_float16_f32(A(f32)))
		DO(PT_S_round_bfloat16, PT_F32, f32, round_bfloat16_f32(A(f32)))
		DO(PT_S_wrap_int32, PT_I64, i64, wrap_int32_i64(A(i64)))
		DO(PT_S_wrap_int16, PT_I64, i64, wrap_int16_i64(A(i64)))
		DO(PT_S_wrap_int8, PT_I64, i64, wrap_int8_i64(A(i64)))
		DO(PT_S_wrap_uint8, PT_I64, i64, wrap_uint8_i64(A(i64)))
		DO(PT_S_philox, PT_I64, f32, philox(A(i64), B(i64), point[l]))
	}
	return zero;
}

/* ---------- the kernel ---------- */

static __global__ void
interpret(PtCudaOperands p, PtCudaCode code)
{
	PT_SHARED(PtCudaCell, cells);
	Registers r = {cells + threadIdx.x, blockDim.x};
	int64_t tile = (int64_t) blockDim.x * LANES;
	bool zero = false;

	for (int k = 0; k < code.nnumbers; k++)
		EACH(l)
		{
			CELL(r[code.number[k]], l) = p.number[k];
		}
	for (int k = 0; k < code.ninputs; k++)
	{
		const int64_t first[LANES] = {0, 0, 0, 0};

		if (code.in[k].access == PT_ACCESS_ONE)
			load(r, code.in[k].reg, code.in[k].dtype, p.in[k].data, first, LANES);
	}
	for (int64_t start = blockIdx.x * tile; start < p.points; start += gridDim.x * tile)
	{
		int64_t point[LANES];
		unsigned count = 0;

		EACH(l)
		{
			point[l] = start + threadIdx.x + l * blockDim.x;
			count += point[l] < p.points;
		}
		for (int k = 0; k < code.ninputs; k++)
		{
			int64_t at[LANES];

			if (code.in[k].access == PT_ACCESS_ONE)
				continue;
			EACH(l)
			{
				at[l] = code.in[k].access == PT_ACCESS_LINEAR ? point[l]
						: code.wide ? place<int64_t>(p, p.in[k], code.ndim, point[l])
									: place<uint32_t>(p, p.in[k], code.ndim, point[l]);
			}
			load(r, code.in[k].reg, code.in[k].dtype, p.in[k].data, at, count);
		}
		for (int k = 0; k < code.ninstructions; k++)
			zero = execute(r, code.instructions[k], code.divides >> k & 1, point, count) || zero;
		for (int k = 0; k < code.noutputs; k++)
			store(r, code.out[k].reg, code.out[k].dtype, p.out[k], point, count);
	}
	if (zero)
		pt_note_fault(p.fault, p.task, 0, 0);
}

cudaError_t
pt_cuda_interpret(const PtCudaOperands *operands, const PtCudaCode *code, int nregisters,
				  cudaStream_t stream)
{
	/* what a block may have without asking, and several blocks on an SM */
	int block = nregisters <= 24 ? 64 : 32;
	size_t shared = sizeof(PtCudaCell) * LANES * (size_t) block * (size_t) nregisters;

	return PT_LAUNCH(stream, pt_blocks(operands->points, block * LANES), block, shared, interpret,
					 *operands, *code);
}
