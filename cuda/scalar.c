/*
 * scalar.c
 *	  What the host knows of the functions of scalar.cuh: a row each, from scalar.def.
 */
#include "elementwise.h"

#define FLOATS (1 << PT_F32 | 1 << PT_F64)
#define ALL (FLOATS | 1 << PT_I64)
#define OF_INTS ALL
#define OF_NOINTS FLOATS

#define ROW(name, operands, integers, flags) \
	[PT_S_##name] = {#name, operands, OF_##integers, (PT_OP_DIVIDES & (flags)) != 0},

const PtCudaScalar pt_cuda_scalars[PT_S_TOTAL] = {
#define PT_UNARY(name, rule, integers, flags, ...) ROW(name, 1, integers, flags)
#define PT_BINARY(name, rule, integers, flags, ...) ROW(name, 2, integers, flags)
#define PT_TERNARY(name, rule, integers, flags, ...) ROW(name, 3, integers, flags)
#include "engine/ops/scalar.def"
	[PT_S_to_f32] = {"to_f32", 1, ALL},
	[PT_S_to_f64] = {"to_f64", 1, ALL},
	[PT_S_to_i64] = {"to_i64", 1, ALL},
	[PT_S_round_float16] = {"round_float16", 1, 1 << PT_F32},
	[PT_S_round_bfloat16] = {"round_bfloat16", 1, 1 << PT_F32},
	[PT_S_wrap_int32] = {"wrap_int32", 1, 1 << PT_I64},
	[PT_S_wrap_int16] = {"wrap_int16", 1, 1 << PT_I64},
	[PT_S_wrap_int8] = {"wrap_int8", 1, 1 << PT_I64},
	[PT_S_wrap_uint8] = {"wrap_uint8", 1, 1 << PT_I64},
	[PT_S_to_bool] = {"to_bool", 1, ALL},
	[PT_S_copy] = {"copy", 1, ALL},
	[PT_S_philox] = {"philox", 2, 1 << PT_I64},
};
