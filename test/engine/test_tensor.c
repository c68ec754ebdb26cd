/*
 * test_tensor.c
 *	  dtypes, shapes, text, binary, order and hash of tensors.
 *
 * Promotion and conversions were written down from PyTorch 2.15; halves are compared with their
 * definition.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/check.h"
#include "engine/data/number.h"
#include "engine/data/tensor.h"

static PtArena *arena;
static uint64_t random_state = 42;

static uint64_t
random_bits(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state * UINT64_C(0x2545f4914f6cdd1d);
}

/* ----- dtypes ----- */

static void
test_dtypes(void)
{
	/* torch.promote_types, rows and columns in the order of the enum */
	static const char *const promote[PT_NDTYPE] = {
		"0100000000", "1111111111", "0120222222", "0103333333", "0123444444",
		"0123455555", "0123456666", "0123456767", "0123456688", "0123456789",
	};
	PtError err;
	PtDtype dtype;

	for (int a = 0; a < PT_NDTYPE; a++)
		for (int b = 0; b < PT_NDTYPE; b++)
			CHECK((int) pt_dtype_promote((PtDtype) a, (PtDtype) b) == promote[a][b] - '0', "%s, %s",
				  pt_dtype_name((PtDtype) a), pt_dtype_name((PtDtype) b));
	for (int a = 0; a < PT_NDTYPE; a++)
	{
		CHECK(pt_dtype_parse(pt_dtype_name((PtDtype) a), &dtype, &err) && dtype == (PtDtype) a,
			  "%d", a);
		CHECK(pt_dtype_is_float((PtDtype) a) == (a <= PT_BFLOAT16), "%d", a);
		CHECK(pt_dtype_is_int((PtDtype) a) == (a >= PT_INT64 && a <= PT_UINT8), "%d", a);
	}
	CHECK(pt_dtype_parse("torch.half", &dtype, &err) && dtype == PT_FLOAT16, "half");
	CHECK(pt_dtype_parse("long", &dtype, &err) && dtype == PT_INT64, "long");
	CHECK(pt_dtype_parse("float", &dtype, &err) && dtype == PT_FLOAT32, "float");
	CHECK(pt_dtype_parse("torch.double", &dtype, &err) && dtype == PT_FLOAT64, "double");
	CHECK(pt_dtype_parse("int", &dtype, &err) && dtype == PT_INT32, "int");
	CHECK(pt_dtype_parse("short", &dtype, &err) && dtype == PT_INT16, "short");
	CHECK(!pt_dtype_parse("complex64", &dtype, &err) && err.code == PT_EINVAL &&
			  err.hint[0] != '\0',
		  "complex64");
	CHECK(!pt_dtype_parse("", &dtype, &err), "empty");
	CHECK(pt_dtype_class(PT_BFLOAT16) == PT_F32 && pt_dtype_class(PT_FLOAT64) == PT_F64 &&
			  pt_dtype_class(PT_BOOL) == PT_I64,
		  "classes");
}

/* The value of sign, exponent and fraction by definition. */
static double
value_by_definition(unsigned bits, int exponent_bits, int fraction_bits)
{
	int fraction = (int) (bits & ((1u << fraction_bits) - 1));
	int exponent = (int) (bits >> fraction_bits & ((1u << exponent_bits) - 1));
	int bias = (1 << (exponent_bits - 1)) - 1;
	double sign = bits >> (exponent_bits + fraction_bits) & 1 ? -1 : 1;

	if (exponent == (1 << exponent_bits) - 1)
		return fraction != 0 ? NAN : sign * INFINITY;
	if (exponent == 0)
		return sign * ldexp(fraction, 1 - bias - fraction_bits);
	return sign * ldexp((1 << fraction_bits) + fraction, exponent - bias - fraction_bits);
}

/*
 * Round to nearest even by definition: to a multiple of the unit in the last place, which ldexp
 * makes 1.
 */
static double
round_by_definition(double x, int fraction_bits, int least_exponent, double overflow)
{
	int e;
	double r;

	if (isnan(x) || isinf(x) || x == 0)
		return x;
	frexp(x, &e);
	e = (e - 1 < least_exponent ? least_exponent : e - 1) - fraction_bits;
	r = ldexp(nearbyint(ldexp(x, -e)), e);
	return fabs(r) >= overflow ? copysign(INFINITY, x) : r;
}

static bool
same_value(double a, double b)
{
	return isnan(a) ? isnan(b) : a == b && signbit(a) == signbit(b);
}

static void
test_halves(void)
{
	int wrong = 0;

	for (unsigned h = 0; h < 65536; h++)
	{
		float f = pt_half_to_float((uint16_t) h);
		float b = pt_bfloat_to_float((uint16_t) h);

		wrong += !same_value(f, value_by_definition(h, 5, 10));
		wrong += !same_value(b, value_by_definition(h, 8, 7));
		wrong += !isnan(f) && pt_half_from_float(f) != h;
		wrong += !isnan(b) && pt_bfloat_from_float(b) != h;
	}
	CHECK(wrong == 0, "%d halves differ from their definition", wrong);
	for (int i = 0; i < 2000000; i++)
	{
		uint32_t bits = (uint32_t) random_bits();
		float f;

		/* half of them near the range of float16, and some exactly between two */
		if (i % 2)
			bits = (bits & 0x8fffffff) | 0x30000000 | (bits & 0x0f800000);
		if (i % 8 == 1)
			bits &= ~0xfffu;
		memcpy(&f, &bits, sizeof(f));
		wrong += !same_value(pt_half_to_float(pt_half_from_float(f)),
							 round_by_definition(f, 10, -14, 65536));
		wrong += !same_value(pt_bfloat_to_float(pt_bfloat_from_float(f)),
							 round_by_definition(f, 7, -126, 0x1p128));
	}
	CHECK(wrong == 0, "%d roundings differ from their definition", wrong);
	CHECK(pt_half_from_float(65519.9f) == 0x7bff, "65504");
	CHECK(pt_half_from_float(65520.f) == 0x7c00, "inf");
	CHECK(pt_half_from_float(0x1p-25f) == 0 && pt_half_from_float(0x1.8p-25f) == 1,
		  "subnormal ties");
}

static void
test_conversion(void)
{
	/* as Tensor.to gives on an x86 CPU */
	static const double from[] = {3e9,		300,	   -1,	 70000, -3.7, NAN,
								  INFINITY, -INFINITY, 1e20, -1e20, 2.5e9};
	static const int64_t int64s[] = {3000000000, 300,		-1,		   70000,
									 -3,		 INT64_MIN, INT64_MIN, INT64_MIN,
									 INT64_MIN,	 INT64_MIN, 2500000000};
	static const int64_t int32s[] = {INT32_MIN, 300,	   -1,		  70000,
									 -3,		INT32_MIN, INT32_MIN, INT32_MIN,
									 INT32_MIN, INT32_MIN, INT32_MIN};
	static const int64_t int16s[] = {0, 300, -1, 4464, -3, 0, 0, 0, 0, 0, 0};
	static const int64_t int8s[] = {0, 44, -1, 112, -3, 0, 0, 0, 0, 0, 0};
	static const int64_t uint8s[] = {0, 44, 255, 112, 253, 0, 0, 0, 0, 0, 0};
	static const int64_t bools[] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
	static const int64_t *const want[] =
		{[PT_INT64] = int64s, [PT_INT32] = int32s, [PT_INT16] = int16s,
		 [PT_INT8] = int8s,	  [PT_UINT8] = uint8s, [PT_BOOL] = bools};
	float floats[11];

	pt_convert(PT_FLOAT32, floats, PT_FLOAT64, from, 11);
	for (int to = PT_INT64; to <= PT_BOOL; to++)
	{
		int64_t out[11];

		pt_convert((PtDtype) to, out, PT_FLOAT64, from, 11);
		for (size_t i = 0; i < 11; i++)
			CHECK(pt_element_get_int64((PtDtype) to, out, i) == want[to][i], "%g to %s", from[i],
				  pt_dtype_name((PtDtype) to));
		pt_convert((PtDtype) to, out, PT_FLOAT32, floats, 11);
		for (size_t i = 0; i < 11; i++)
			CHECK(pt_element_get_int64((PtDtype) to, out, i) == want[to][i], "%gf to %s", from[i],
				  pt_dtype_name((PtDtype) to));
	}
	/*
	 * the loop over many and the single element agree, for all pairs, lengths and a value of each
	 * kind
	 */
	for (int a = 0; a < PT_NDTYPE; a++)
		for (int b = 0; b < PT_NDTYPE; b++)
			for (size_t n = 0; n < 40; n += 13)
			{
				unsigned char src[320] = {0};
				unsigned char dst[328];
				int wrong = 0;

				for (size_t i = 0; i < n; i++)
					pt_element_set_double((PtDtype) a, src, i,
										  ((double) (int64_t) random_bits()) / 0x1p56);
				memset(dst, 0xaa, sizeof(dst));
				pt_convert((PtDtype) b, dst, (PtDtype) a, src, n);
				for (size_t i = 0; i < n; i++)
				{
					unsigned char one[8];

					if (pt_dtype_is_float((PtDtype) a))
						pt_element_set_double((PtDtype) b, one, 0,
											  pt_element_get_double((PtDtype) a, src, i));
					else
						pt_element_set_int64((PtDtype) b, one, 0,
											 pt_element_get_int64((PtDtype) a, src, i));
					wrong += pt_compare_elements((PtDtype) b, one,
												 dst + i * pt_dtype_size((PtDtype) b), 1) != 0;
				}
				CHECK(wrong == 0 && dst[n * pt_dtype_size((PtDtype) b)] == 0xaa, "%s to %s",
					  pt_dtype_name((PtDtype) a), pt_dtype_name((PtDtype) b));
			}
}

/* ----- shapes ----- */

static void
test_shapes(void)
{
	PtShape a = {3, {2, 1, 3}};
	PtShape b = {2, {4, 1}};
	PtShape huge = {3, {INT64_MAX, INT64_MAX, 0}};
	PtShape out;
	PtError err;
	char text[PT_SHAPE_TEXT];
	int64_t n = -1;

	CHECK(pt_shape_broadcast(&a, &b, &out, &err) &&
			  strcmp(pt_shape_print(&out, text), "[2, 4, 3]") == 0,
		  "%s", text);
	b.dim[1] = 2;
	CHECK(!pt_shape_broadcast(&a, &b, &out, &err) && err.code == PT_ESHAPE, "3 and 2");
	CHECK(pt_shape_check(&huge, PT_FLOAT64, &n, &err) && n == 0, "empty");
	huge.dim[2] = 1;
	CHECK(!pt_shape_check(&huge, PT_FLOAT64, &n, &err) && err.code == PT_ELIMIT, "overflow");
	huge = (PtShape){1, {INT64_MAX / 2}};
	CHECK(!pt_shape_check(&huge, PT_FLOAT64, &n, &err) && err.code == PT_ELIMIT,
		  "overflow in bytes");
	CHECK(pt_shape_check(&huge, PT_BOOL, &n, &err) && n == INT64_MAX / 2, "large");
	huge = (PtShape){1, {-1}};
	CHECK(!pt_shape_check(&huge, PT_BOOL, &n, &err) && err.code == PT_EINVAL, "negative");
	huge.ndim = 9;
	CHECK(!pt_shape_check(&huge, PT_BOOL, &n, &err) && err.code == PT_EINVAL, "9 dimensions");
	out = (PtShape){8,
					{INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN,
					 INT64_MIN}};
	CHECK(strlen(pt_shape_print(&out, text)) < PT_SHAPE_TEXT, "the longest shape fits");
	out.ndim = 0;
	CHECK(pt_shape_numel(&out) == 1 && strcmp(pt_shape_print(&out, text), "[]") == 0, "scalar");
}

/* ----- text ----- */

/* Reads and prints; the text is as wanted, and reads back the same. */
static void
reads_as(const char *text, const char *want)
{
	PtTensor t;
	PtTensor again;
	PtError err;
	char *got;

	if (!check_report(pt_tensor_parse(arena, text, &t, &err), __FILE__, __LINE__, text, ": %s %s",
					  err.message, err.detail))
		return;
	got = pt_tensor_print(&t, 1 << 20, &err);
	CHECK(got != NULL && strcmp(got, want) == 0, "\"%s\" gave \"%s\", wanted \"%s\"", text, got,
		  want);
	CHECK(pt_tensor_parse(arena, got, &again, &err) && pt_tensor_compare(&t, &again) == 0,
		  "\"%s\" does not read back", got);
	free(got);
}

static void
fails_with(const char *text, PtCode code, const char *message)
{
	PtTensor t;
	PtError err;

	if (!CHECK(!pt_tensor_parse(arena, text, &t, &err), "\"%.60s\" was read", text))
		return;
	CHECK(err.code == code && strstr(err.message, message) != NULL,
		  "\"%.60s\": code %d, \"%s\" (%s), wanted %d, \"%s\"", text, err.code, err.message,
		  err.detail, code, message);
}

static void
test_text(void)
{
	reads_as("[[1., 2.], [3., 4.]]", "[[1., 2.], [3., 4.]]");
	reads_as(" [ [ 1 ,2 ]\n,[3,\t4] ] ", "[[1, 2], [3, 4]]");
	reads_as("[1, 2.5]", "[1., 2.5]");
	reads_as("[1e3, 2]", "[1000., 2.]");
	reads_as("[nan, 1, -inf, Infinity, NaN]", "[nan, 1., -inf, inf, nan]");
	reads_as("-nan", "nan");
	reads_as("[true, False]", "[true, false]");
	reads_as("[true, 2]", "[1, 2]");
	reads_as("[true, 1.5]", "[1., 1.5]");
	reads_as("3.5", "3.5");
	reads_as("3", "3");
	reads_as("true", "true");
	reads_as("-0.", "-0.");
	reads_as("[-0.0, 0.0]", "[-0., 0.]");
	reads_as("-0", "0");
	reads_as("+.5", "0.5");
	reads_as("float64()3.5", "float64()3.5");
	reads_as("float32()3.5", "3.5");
	reads_as("int32 ( ) 7", "int32()7");
	reads_as("torch.float64[1, 2]", "float64[1., 2.]");
	reads_as("half[1, 2]", "float16[1., 2.]");
	reads_as("bfloat16[1.0078125]", "bfloat16[1.01]");
	reads_as("float16[65504, 0.1, 5.9604645e-8]", "float16[65500., 0.1, 6e-08]");
	reads_as("float32(0,3)[]", "float32(0,3)[]");
	reads_as("float32 ( 2 , 0 ) [[], []]", "float32(2,0)[]");
	reads_as("[[], []]", "float32(2,0)[]");
	reads_as("[[[]]]", "float32(1,1,0)[]");
	reads_as("int64(2,2)[[1, 2], [3, 4]]", "[[1, 2], [3, 4]]");
	reads_as("[]", "[]");
	reads_as("float32[]", "[]");
	reads_as("int64[]", "int64[]");
	reads_as("bool(0)[]", "bool[]");
	reads_as("float64[]", "float64[]");
	reads_as("float32(2147483647,2147483647,2147483647,0)[]",
			 "float32(2147483647,2147483647,2147483647,0)[]");
	reads_as("[[[[[[[[1]]]]]]]]", "[[[[[[[[1]]]]]]]]");
	reads_as("[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]", "[[[1, 2], [3, 4]], [[5, 6], [7, 8]]]");
	reads_as("[9223372036854775807, -9223372036854775808]",
			 "[9223372036854775807, -9223372036854775808]");
	reads_as("[9223372036854775809, 1.5]", "[9.223372e+18, 1.5]");
	reads_as("int32[1.0, 1e3, 250e-1, 0.000, 000000000000000000000000012]",
			 "int32[1, 1000, 25, 0, 12]");
	reads_as("int64[9.223372036854775807e18, 0e99999999999999]", "[9223372036854775807, 0]");
	reads_as("uint8[0, 255, true]", "uint8[0, 255, 1]");
	reads_as("int8[-128, 127]", "int8[-128, 127]");
	reads_as("bool[0, 1, 1.0, true]", "[false, true, true, true]");
	reads_as(
		"[0.1, 1e20, 1.5e-7, 123456792., 16777217, 1e16, 1e15, 0.0001, 0.00001]",
		"[0.1, 1e+20, 1.5e-07, 123456790., 16777216., 1e+16, 1000000000000000., 0.0001, 1e-05]");
	reads_as("[3.4028235e38, 1.17549435e-38, 1e-45, 1e-50]",
			 "[3.4028235e+38, 1.1754944e-38, 1e-45, 0.]");
	reads_as("float64[0.1, 0.30000000000000004, 1.7976931348623157e308, 5e-324, "
			 "2.2250738585072014e-308, 1e22, 1e23, 123456789012345680]",
			 "float64[0.1, 0.30000000000000004, 1.7976931348623157e+308, 5e-324, "
			 "2.2250738585072014e-308, 1e+22, 1e+23, 1.2345678901234568e+17]");
	reads_as("float64[9007199254740993, 9007199254740992, 1234567890123456.7, 4.35, "
			 "0.1000000000000000055511151231257827]",
			 "float64[9007199254740992., 9007199254740992., 1234567890123456.8, 4.35, 0.1]");

	fails_with("", PT_ESYNTAX, "before the end");
	fails_with("   ", PT_ESYNTAX, "before the end");
	fails_with("[", PT_ESYNTAX, "before the end");
	fails_with("]", PT_ESYNTAX, "found \"]\"");
	fails_with("[1", PT_ESYNTAX, "before the end");
	fails_with("[1,", PT_ESYNTAX, "before the end");
	fails_with("[1,]", PT_ESYNTAX, "expected a number");
	fails_with("[,1]", PT_ESYNTAX, "expected a number");
	fails_with("[1 2]", PT_ESYNTAX, "\",\" or \"]\"");
	fails_with("[1] 2", PT_ESYNTAX, "the end of the text, found \"2\"");
	fails_with("[1]]", PT_ESYNTAX, "the end of the text");
	fails_with("1 2", PT_ESYNTAX, "the end of the text");
	fails_with("[1x]", PT_ESYNTAX, "found \"1x\"");
	fails_with("0x10", PT_ESYNTAX, "found \"0x10\"");
	fails_with("[1..2]", PT_ESYNTAX, "found \"1..2\"");
	fails_with("[1e]", PT_ESYNTAX, "found \"1e\"");
	fails_with("[.]", PT_ESYNTAX, "expected a number");
	fails_with("[-]", PT_ESYNTAX, "expected a number");
	fails_with("[-true]", PT_ESYNTAX, "expected a number");
	fails_with("[nanx]", PT_ESYNTAX, "found \"nanx\"");
	fails_with("[\xc3\xa4]", PT_ESYNTAX, "expected a number");
	fails_with("complex64[1]", PT_ESYNTAX, "found \"complex64\"");
	fails_with("float32", PT_ESYNTAX, "after the dtype");
	fails_with("float32 3", PT_ESYNTAX, "after the dtype");
	fails_with("float32(", PT_ESYNTAX, "a size before the end");
	fails_with("float32(1", PT_ESYNTAX, "before the end");
	fails_with("float32(1 2)[]", PT_ESYNTAX, "found \"2\"");
	fails_with("float32(-1)[]", PT_ESYNTAX, "a size");
	fails_with("float32(1,)[1]", PT_ESYNTAX, "a size");
	fails_with("float32(1,1,1,1,1,1,1,1,1)[]", PT_ESYNTAX, "more than 8 dimensions");
	fails_with("float32(2147483648)[]", PT_ELIMIT, "maximum");
	fails_with("float32(2000000000,2000000000,2000000000)[]", PT_ELIMIT, "too large");
	fails_with("float32(3)[]", PT_ESYNTAX, "stated to have shape [3], but has shape [0]");
	fails_with("float32(3)[1, 2]", PT_ESYNTAX, "[3], but has shape [2]");
	fails_with("float32()[1]", PT_ESYNTAX, "[], but has shape [1]");
	fails_with("float32(1)1", PT_ESYNTAX, "[1], but has shape []");
	fails_with("float32(0,3)[[1]]", PT_ESYNTAX, "[0, 3], but has shape [1, 1]");
	fails_with("[[1, 2, 3], [1, 2]]", PT_ESYNTAX, "expected sequence of length 3 at dim 1 (got 2)");
	fails_with("[[1, 2], [1, 2, 3]]", PT_ESYNTAX, "expected sequence of length 2 at dim 1 (got 3)");
	fails_with("[[[1], [2]], [[1]]]", PT_ESYNTAX, "expected sequence of length 2 at dim 1 (got 1)");
	fails_with("[[], [1]]", PT_ESYNTAX, "expected sequence of length 0 at dim 1 (got 1)");
	fails_with("[[[]], []]", PT_ESYNTAX, "expected sequence of length 1 at dim 1 (got 0)");
	fails_with("[[1], 2]", PT_ESYNTAX, "expected a list at dim 1");
	fails_with("[1, [2]]", PT_ESYNTAX, "expected a number at dim 1");
	fails_with("[[], [[]]]", PT_ESYNTAX, "expected a number at dim 2");
	fails_with("[[[[[[[[[1]]]]]]]]]", PT_ESYNTAX, "more than 8 dimensions");
	fails_with("9223372036854775808", PT_ERANGE, "out of range for dtype int64");
	fails_with("-9223372036854775809", PT_ERANGE, "out of range for dtype int64");
	fails_with("99999999999999999999999", PT_ERANGE, "out of range for dtype int64");
	fails_with("int8[128]", PT_ERANGE, "\"128\" is out of range for dtype int8");
	fails_with("uint8[-1]", PT_ERANGE, "out of range");
	fails_with("int32[1e10]", PT_ERANGE, "out of range");
	fails_with("int32[1e999999999999]", PT_ERANGE, "out of range");
	fails_with("int32[nan]", PT_ERANGE, "out of range");
	fails_with("bool[2]", PT_ERANGE, "out of range");
	fails_with("int32[1.5]", PT_ESYNTAX, "fraction");
	fails_with("int32[1e-1]", PT_ESYNTAX, "fraction");
	fails_with("int64[1.00000000000000000000000000001]", PT_ESYNTAX, "fraction");
	fails_with("1e39", PT_ERANGE, "out of range for dtype float32");
	fails_with("float64[1e309]", PT_ERANGE, "out of range for dtype float64");
	fails_with("float16[65520]", PT_ERANGE, "out of range for dtype float16");
}

/* Where the error is: characters from 1, UTF-8 continuation bytes not counted. */
static void
test_position(void)
{
	PtTensor t;
	PtError err;

	CHECK(!pt_tensor_parse(arena, "[1, 2, x]", &t, &err) &&
			  strcmp(err.detail, "At character 8 of the text.") == 0,
		  "%s", err.detail);
	CHECK(!pt_tensor_parse(arena, "[1, 2] \xc3\xa4x", &t, &err) &&
			  strcmp(err.detail, "At character 8 of the text.") == 0,
		  "%s", err.detail);
}

/*
 * Any bits of any dtype: printing in small steps gives what printing at once gives, and reads back
 * identical.
 */
static void
test_round_trip(void)
{
	static const PtShape shapes[] = {{1, {500}},   {3, {4, 5, 6}},
									 {0, {0}},	   {8, {1, 2, 1, 2, 1, 2, 1, 2}},
									 {2, {30, 1}}, {3, {2, 0, 2}}};
	int wrong = 0;

	for (int round = 0; round < 40; round++)
		for (int dtype = 0; dtype < PT_NDTYPE; dtype++)
			for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]); s++)
			{
				uint64_t data[500];
				PtTensor t = {(PtDtype) dtype, shapes[s], data};
				PtTensor again;
				PtWriter writer;
				PtReader reader;
				PtError err;
				char small[PT_WRITER_MIN];
				char *text;
				size_t used = 0;
				size_t n;
				PtArena *mine = pt_arena_new();
				size_t numel = (size_t) pt_shape_numel(&t.shape);

				for (size_t i = 0; i < 500; i++)
				{
					if (dtype == PT_BOOL)
						((uint8_t *) data)[i] = random_bits() & 1;
					else if (round % 2 == 0)
						data[i] = random_bits();
					else /* decimals that people write */
						pt_element_set_double((PtDtype) dtype, data, i,
											  ((double) (int64_t) (random_bits() % 200001) -
											   100000) /
												  pow(10, round % 9));
				}
				text = pt_tensor_print(&t, 1 << 20, &err);
				if (text == NULL)
				{
					CHECK(false, "%s", err.message);
					return;
				}
				pt_writer_init(&writer, &t);
				while ((n = pt_writer_run(&writer, small, sizeof(small))) > 0)
				{
					wrong += memcmp(text + used, small, n) != 0;
					used += n;
				}
				wrong += used != strlen(text);
				wrong += !pt_tensor_parse(mine, text, &again, &err) ||
						 pt_tensor_compare(&t, &again) != 0;
				/* identical in bits, but for the payload of NaN */
				if (!pt_dtype_is_float((PtDtype) dtype))
					wrong += numel > 0 && memcmp(data, again.data, pt_tensor_bytes(&t)) != 0;
				else
					for (size_t i = 0; i < numel; i++)
						wrong += !same_value(pt_element_get_double((PtDtype) dtype, data, i),
											 pt_element_get_double((PtDtype) dtype, again.data, i));
				/* reading in small steps */
				pt_reader_init(&reader, text);
				while (reader.state != PT_READ_DONE)
				{
					if (!pt_reader_run(&reader, 7, &err))
					{
						CHECK(false, "%s", err.message);
						return;
					}
					if (reader.state == PT_READ_BUFFER)
						reader.tensor.data = pt_arena_alloc(mine, reader.bytes);
				}
				wrong += pt_tensor_compare(&reader.tensor, &again) != 0;
				free(text);
				pt_arena_free(mine);
			}
	CHECK(wrong == 0, "%d round trips failed", wrong);
}

/* The shortest digits: no decimal of one digit less reads back. */
static void
test_shortest(void)
{
	int longer = 0;

	for (int i = 0; i < 200000; i++)
	{
		uint32_t bits = (uint32_t) random_bits();
		uint64_t bits64 = random_bits();
		float f;
		double d;
		char text[PT_ELEMENT_TEXT];
		char less[64];
		int digits = 0;

		memcpy(&f, &bits, sizeof(f));
		memcpy(&d, &bits64, sizeof(d));
		if (i % 2)
		{
			f = (float) ((double) (bits % 1000000) / 1000);
			d = (double) (bits64 % 100000000) / 10000;
		}
		if (!isfinite(f) || !isfinite(d) || f == 0 || d == 0)
			continue;
		for (int wide = 0; wide < 2; wide++)
		{
			double value = wide ? d : f;
			PtNumber number;

			pt_element_print(wide ? PT_FLOAT64 : PT_FLOAT32, wide ? (void *) &d : (void *) &f, 0,
							 text);
			pt_number_lex(text, &number);
			while (number.mantissa % 10 == 0)
				number.mantissa /= 10;
			for (digits = 0; number.mantissa > 0; digits++)
				number.mantissa /= 10;
			if (digits == 1)
				continue;
			snprintf(less, sizeof(less), "%.*e", digits - 2, value);
			longer += wide ? strtod(less, NULL) == d : (float) strtod(less, NULL) == f;
		}
	}
	CHECK(longer == 0, "%d numbers could be shorter", longer);
}

static void
test_limits(void)
{
	size_t size = 3 << 20;
	char *text = malloc(size + 1);
	int64_t data[100] = {0};
	PtTensor t = {PT_INT64, {1, {100}}, data};
	PtError err;

	if (!CHECK(text != NULL, "memory"))
		return;
	memset(text, '[', size);
	text[size] = '\0';
	fails_with(text, PT_ESYNTAX, "more than 8 dimensions");
	memset(text, ',', size);
	fails_with(text, PT_ESYNTAX, "expected a number");
	memset(text, '9', size);
	fails_with(text, PT_ERANGE, "out of range");
	memcpy(text, "float64[0.", 10);
	text[size - 1] = ']';
	reads_as(text, "float64[1.]");
	memset(text, 'x', size);
	fails_with(text, PT_ESYNTAX, "found \"xxxxxxxxxxxxxxxxxxxx\"");
	free(text);
	CHECK(pt_tensor_print(&t, 100, &err) == NULL && err.code == PT_ELIMIT, "a limit for the text");
}

/* ----- binary ----- */

static void
test_binary(void)
{
	static const unsigned char want[] = {1, PT_INT16, 2, 0, 0,	  0,	0,	  1,
										 0, 0,		  0, 2, 0x01, 0x02, 0xff, 0xfe};
	int16_t data[] = {0x0102, -2};
	PtTensor t = {PT_INT16, {2, {1, 2}}, data};
	PtTensor back;
	unsigned char wire[64];
	PtError err;
	struct
	{
		int at;
		unsigned char byte;
	} const broken[] = {{0, 2},	   {1, PT_NDTYPE}, {1, PT_INT32}, {2, 9},  {2, 1}, {3, 1},
						{4, 0x80}, {4, 0x7f},	   {11, 3},		  {11, 1}, {11, 0}};

	CHECK(pt_tensor_wire_bytes(&t) == sizeof(want), "%zu", pt_tensor_wire_bytes(&t));
	pt_tensor_encode(&t, wire);
	CHECK(memcmp(wire, want, sizeof(want)) == 0, "bytes");
	CHECK(pt_tensor_decode(arena, wire, sizeof(want), &back, &err) &&
			  pt_tensor_compare(&t, &back) == 0,
		  "decoded");
	for (size_t len = 0; len < sizeof(want); len++)
		CHECK(!pt_tensor_decode(arena, wire, len, &back, &err) && err.code == PT_EBINARY,
			  "%zu bytes", len);
	CHECK(!pt_tensor_decode(arena, wire, sizeof(want) + 1, &back, &err) && err.code == PT_EBINARY,
		  "a byte too many");
	for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
	{
		memcpy(wire, want, sizeof(want));
		wire[broken[i].at] = broken[i].byte;
		CHECK(!pt_tensor_decode(arena, wire, sizeof(want), &back, &err) && err.code == PT_EBINARY,
			  "%zu: %s", i, err.message);
	}
	memcpy(wire, (unsigned char[]){1, PT_BOOL, 1, 0, 0, 0, 0, 2, 1, 2}, 10);
	CHECK(!pt_tensor_decode(arena, wire, 10, &back, &err) && err.code == PT_EBINARY, "a bool of 2");
	memcpy(wire, (unsigned char[]){1, PT_UINT8, 2, 0, 0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0}, 12);
	CHECK(pt_tensor_decode(arena, wire, 12, &back, &err) && back.shape.dim[0] == INT32_MAX,
		  "empty");
	for (int dtype = 0; dtype < PT_NDTYPE; dtype++)
	{
		uint64_t bits[3] = {random_bits(), random_bits(), random_bits()};
		PtTensor any = {(PtDtype) dtype, {1, {3}}, bits};

		if (dtype == PT_BOOL)
			memcpy(bits, "\1\0\1", 3);
		pt_tensor_encode(&any, wire);
		CHECK(pt_tensor_decode(arena, wire, pt_tensor_wire_bytes(&any), &back, &err) &&
				  memcmp(back.data, bits, pt_tensor_bytes(&any)) == 0,
			  "%s", pt_dtype_name((PtDtype) dtype));
	}
}

/* ----- order and hash ----- */

static void
test_order(void)
{
	/* strictly ascending: dtype, dimensions, sizes, elements */
	static const char *const sorted[] = {
		"-inf",
		"-1.",
		"0.",
		"1.",
		"inf",
		"nan",
		"[]",
		"[-1.]",
		"[1.]",
		"[nan]",
		"[1., 2.]",
		"[1., 3.]",
		"[1., nan]",
		"[2., 0.]",
		"float32(0,3)[]",
		"[[1.]]",
		"float64()-1",
		"float64()nan",
		"float16()-1",
		"float16()2",
		"float16()nan",
		"bfloat16()-3",
		"bfloat16()1",
		"-5",
		"7",
		"[-9223372036854775808, 1]",
		"[9223372036854775807, 0]",
		"int32()-1",
		"int16()-1",
		"int8()-1",
		"int8()1",
		"uint8()1",
		"uint8()255",
		"false",
		"true",
	};
	size_t n = sizeof(sorted) / sizeof(sorted[0]);
	PtTensor t[64];
	PtTensor zero[2];
	PtError err;

	for (size_t i = 0; i < n; i++)
		if (!CHECK_OK(pt_tensor_parse(arena, sorted[i], &t[i], &err), &err))
			return;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++)
		{
			int want = i < j ? -1 : i > j;

			CHECK(pt_tensor_compare(&t[i], &t[j]) == want, "%s, %s", sorted[i], sorted[j]);
			CHECK((pt_tensor_hash(&t[i], 0) == pt_tensor_hash(&t[j], 0)) == (i == j),
				  "hash of %s, %s", sorted[i], sorted[j]);
		}
	CHECK(pt_tensor_hash(&t[0], 0) != pt_tensor_hash(&t[0], 1), "the seed matters");
	for (int dtype = PT_FLOAT32; dtype <= PT_BFLOAT16; dtype++)
	{
		double values[2][3] = {{0.0, NAN, 1}, {-0.0, -NAN, 1}};
		uint64_t data[2][3];

		for (int k = 0; k < 2; k++)
		{
			pt_convert((PtDtype) dtype, data[k], PT_FLOAT64, values[k], 3);
			zero[k] = (PtTensor){(PtDtype) dtype, {1, {3}}, data[k]};
		}
		CHECK(pt_tensor_compare(&zero[0], &zero[1]) == 0, "-0 and the sign of NaN, %s",
			  pt_dtype_name((PtDtype) dtype));
		CHECK(pt_tensor_hash(&zero[0], 7) == pt_tensor_hash(&zero[1], 7), "hash, %s",
			  pt_dtype_name((PtDtype) dtype));
	}
}

/* Piece by piece gives the same hash. */
static void
test_pieces(void)
{
	size_t n = PT_ORDER_PIECE + 1000;
	int16_t *data = calloc(n, sizeof(*data));
	PtTensor t = {PT_INT16, {1, {(int64_t) n}}, data};
	uint64_t hash = pt_hash_head(&t, 5);

	if (!CHECK(data != NULL, "memory"))
		return;
	for (size_t i = 0; i < n; i++)
		data[i] = (int16_t) random_bits();
	hash = pt_hash_elements(PT_INT16, data, PT_ORDER_PIECE, hash);
	hash = pt_hash_end(pt_hash_elements(PT_INT16, data + PT_ORDER_PIECE, 1000, hash));
	CHECK(hash == pt_tensor_hash(&t, 5), "pieces");
	free(data);
}

int
main(void)
{
	arena = pt_arena_new();
	if (!CHECK(arena != NULL, "memory"))
		return check_done();
	test_dtypes();
	test_halves();
	test_conversion();
	test_shapes();
	test_text();
	test_position();
	test_round_trip();
	test_shortest();
	test_limits();
	test_binary();
	test_order();
	test_pieces();
	pt_arena_free(arena);
	return check_done();
}
