/*
 * number.c
 *	  Elements as text.
 *
 * Reading: the digits are gathered in an integer mantissa.  A mantissa up to 2^53 and a power of
 * ten up to 10^22 are exact doubles, so one multiplication or division rounds correctly; strtod
 * does the rest.
 *
 * Printing: tries 1, 2, 3 ... digits until reading back gives the same value of the dtype; a
 * decimal of n + 1 digits is at least as near as one of n, so the first hit is the shortest.  The
 * tries use the same exact arithmetic where it holds (it does for nearly all numbers in practice),
 * printf and strtod elsewhere.
 */
#include "engine/data/number.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "engine/data/half.h"

#define EXACT_POWER 22
#define EXACT_MANTISSA ((uint64_t) 1 << 53)

static const double power10[EXACT_POWER + 1] = {1e0,  1e1,	1e2,  1e3,	1e4,  1e5,	1e6,  1e7,
												1e8,  1e9,	1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
												1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* ----- reading ----- */

static void
lex_word(const char *p, PtNumber *number)
{
	static const struct
	{
		const char *word;
		PtNumberKind kind;
		uint64_t mantissa;
		double special;
	} words[] = {
		{"nan", PT_NUMBER_FLOAT, 0, NAN},
		{"inf", PT_NUMBER_FLOAT, 0, INFINITY},
		{"infinity", PT_NUMBER_FLOAT, 0, INFINITY},
		{"true", PT_NUMBER_BOOL, 1, 0},
		{"false", PT_NUMBER_BOOL, 0, 0},
	};
	bool sign = p != number->text;
	size_t n = 0;

	while (is_letter(p[n]) && n < 16)
		n++;
	for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
		if (strlen(words[w].word) == n && strncasecmp(p, words[w].word, n) == 0 &&
			!(sign && words[w].kind == PT_NUMBER_BOOL))
		{
			number->kind = words[w].kind;
			number->mantissa = words[w].mantissa;
			number->special = words[w].special;
			number->length = (size_t) (p + n - number->text);
		}
}

void
pt_number_lex(const char *text, PtNumber *number)
{
	const char *p = text;
	bool point = false;
	bool any = false;
	int digits = 0; /* significant ones in the mantissa, at most 19, so that it fits 64 bits */
	int64_t exponent = 0;

	number->kind = PT_NUMBER_NONE;
	number->text = text;
	number->length = 0;
	number->negative = *p == '-';
	number->exact = true;
	number->mantissa = 0;
	number->special = 0;
	if (*p == '-' || *p == '+')
		p++;
	if (is_letter(*p))
	{
		lex_word(p, number);
		return;
	}
	for (;; p++)
	{
		if (*p == '.' && !point)
		{
			point = true;
			continue;
		}
		if (!is_digit(*p))
			break;
		any = true;
		if (digits == 19)
		{
			if (*p != '0')
				number->exact = false;
			exponent += !point;
			continue;
		}
		number->mantissa = number->mantissa * 10 + (uint64_t) (*p - '0');
		digits += number->mantissa != 0;
		exponent -= point;
	}
	if (!any)
		return;
	number->kind = point ? PT_NUMBER_FLOAT : PT_NUMBER_INT;
	if (*p == 'e' || *p == 'E')
	{
		const char *q = p + 1;
		bool down = *q == '-';

		if (*q == '-' || *q == '+')
			q++;
		if (is_digit(*q))
		{
			int64_t e = 0;

			for (; is_digit(*q); q++)
				if (e < INT32_MAX)
					e = e * 10 + (*q - '0');
			exponent += down ? -e : e;
			number->kind = PT_NUMBER_FLOAT;
			p = q;
		}
	}
	/* far beyond any double, and sums of such exponents still fit an int */
	number->exponent = (int) (exponent > 1000000000	   ? 1000000000
							  : exponent < -1000000000 ? -1000000000
													   : exponent);
	number->length = (size_t) (p - text);
}

double
pt_number_double(const PtNumber *number)
{
	double value;

	if (number->special != 0)
		value = number->special;
	else if (number->kind == PT_NUMBER_BOOL || number->mantissa == 0)
		value = (double) number->mantissa;
	else if (number->exact && number->mantissa <= EXACT_MANTISSA &&
			 abs(number->exponent) <= EXACT_POWER)
		value = number->exponent < 0 ? (double) number->mantissa / power10[-number->exponent]
									 : (double) number->mantissa * power10[number->exponent];
	else
		return strtod(number->text, NULL);
	return number->negative ? -value : value;
}

static bool
out_of_range(const PtNumber *number, PtDtype dtype, PtError *err)
{
	return pt_fail(err, PT_ERANGE, "value \"%.*s\" is out of range for dtype %s",
				   (int) (number->length > 64 ? 64 : number->length), number->text,
				   pt_dtype_name(dtype));
}

static bool
has_fraction(const PtNumber *number, PtDtype dtype, PtError *err)
{
	return pt_fail(err, PT_ESYNTAX, "value \"%.*s\" has a fraction, which dtype %s cannot hold",
				   (int) (number->length > 64 ? 64 : number->length), number->text,
				   pt_dtype_name(dtype));
}

static bool
store_integer(const PtNumber *number, PtDtype dtype, void *data, size_t i, PtError *err)
{
	static const struct
	{
		uint64_t below; /* magnitude of the least value */
		uint64_t above; /* the greatest value */
	} range[PT_NDTYPE] = {
		[PT_INT64] = {(uint64_t) 1 << 63, INT64_MAX},
		[PT_INT32] = {(uint64_t) 1 << 31, INT32_MAX},
		[PT_INT16] = {1 << 15, INT16_MAX},
		[PT_INT8] = {1 << 7, INT8_MAX},
		[PT_UINT8] = {0, UINT8_MAX},
		[PT_BOOL] = {0, 1},
	};
	uint64_t m = number->mantissa;
	int e = number->exponent;

	if (number->special != 0)
		return out_of_range(number, dtype, err);
	if (!number->exact)
		return e > 0 ? out_of_range(number, dtype, err) : has_fraction(number, dtype, err);
	for (; m != 0 && e < 0; e++, m /= 10)
		if (m % 10 != 0)
			return has_fraction(number, dtype, err);
	for (; m != 0 && e > 0; e--)
		if (__builtin_mul_overflow(m, 10, &m))
			return out_of_range(number, dtype, err);
	if (m > (number->negative ? range[dtype].below : range[dtype].above))
		return out_of_range(number, dtype, err);
	pt_element_set_int64(dtype, data, i, (int64_t) (number->negative ? -m : m));
	return true;
}

bool
pt_number_store(const PtNumber *number, PtDtype dtype, void *data, size_t i, PtError *err)
{
	double value;

	if (number->kind == PT_NUMBER_BOOL)
		pt_element_set_int64(dtype, data, i, (int64_t) number->mantissa);
	else if (!pt_dtype_is_float(dtype))
		return store_integer(number, dtype, data, i, err);
	else
	{
		value = pt_number_double(number);
		if (dtype == PT_FLOAT32)
			((float *) data)[i] = (float) value;
		else if (dtype == PT_FLOAT64)
			((double *) data)[i] = value;
		else
			pt_element_set_double(dtype, data, i, value);
		if (number->special == 0 && isinf(pt_element_get_double(dtype, data, i)))
			return out_of_range(number, dtype, err);
	}
	return true;
}

/* ----- printing ----- */

/* Does this decimal, read as a double, become the value in the dtype? */
static inline bool
reads_back(PtDtype dtype, double value, double decimal)
{
	switch (dtype)
	{
		case PT_FLOAT32:
			return (float) decimal == (float) value;
		case PT_FLOAT16:
			return pt_half_store((float) decimal) == pt_half_store((float) value);
		case PT_BFLOAT16:
			return pt_bfloat_store((float) decimal) == pt_bfloat_store((float) value);
		default:
			return decimal == value;
	}
}

/* The decimal of fewest digits for a finite value > 0: mantissa * 10^exponent. */
static void
shortest(PtDtype dtype, double value, uint64_t *mantissa, int *exponent)
{
	int magnitude = (int) floor(log10(value));
	char buf[40];

	/*
	 * up to 15 digits the scaled value is off by less than half, so its rounding is the decimal
	 * sought
	 */
	for (int n = 1; n <= 15 && magnitude <= EXACT_POWER; n++)
	{
		int e = magnitude - n + 1;
		double scaled;
		uint64_t m;

		if (e < -EXACT_POWER)
			break;
		scaled = e < 0 ? value * power10[-e] : value / power10[e];
		m = (uint64_t) (scaled + 0.5);
		if (m <= EXACT_MANTISSA &&
			reads_back(dtype, value, e < 0 ? (double) m / power10[-e] : (double) m * power10[e]))
		{
			*mantissa = m;
			*exponent = e;
			return;
		}
	}
	for (int n = 1; n <= 17; n++)
	{
		snprintf(buf, sizeof(buf), "%.*e", n - 1, value);
		if (n == 17 || reads_back(dtype, value, strtod(buf, NULL)))
		{
			PtNumber number;

			pt_number_lex(buf, &number);
			*mantissa = number.mantissa;
			*exponent = number.exponent;
			return;
		}
	}
}

/* mantissa * 10^exponent as Python prints a float, without the zero after a bare point. */
static size_t
print_decimal(uint64_t mantissa, int exponent, char *buf)
{
	char digits[24];
	char *p = buf;
	int n;
	int point; /* digits before the decimal point */

	for (; mantissa % 10 == 0; mantissa /= 10)
		exponent++;
	n = snprintf(digits, sizeof(digits), "%" PRIu64, mantissa);
	point = n + exponent;
	if (point > 16 || point < -3)
	{
		*p++ = digits[0];
		if (n > 1)
		{
			*p++ = '.';
			memcpy(p, digits + 1, (size_t) n - 1);
			p += n - 1;
		}
		return (size_t) (p - buf) + (size_t) snprintf(p, 8, "e%+03d", point - 1);
	}
	if (point <= 0)
	{
		*p++ = '0';
		*p++ = '.';
		for (; point < 0; point++)
			*p++ = '0';
		memcpy(p, digits, (size_t) n);
		return (size_t) (p - buf) + (size_t) n;
	}
	for (int i = 0; i < point; i++)
		*p++ = i < n ? digits[i] : '0';
	*p++ = '.';
	for (int i = point; i < n; i++)
		*p++ = digits[i];
	return (size_t) (p - buf);
}

static size_t
print_word(const char *word, char *buf)
{
	size_t n = strlen(word);

	memcpy(buf, word, n);
	return n;
}

static size_t
print_integer(int64_t value, char *buf)
{
	char digits[24];
	uint64_t m = value < 0 ? -(uint64_t) value : (uint64_t) value;
	size_t n = 0;
	size_t length = 0;

	do
		digits[n++] = (char) ('0' + m % 10);
	while ((m /= 10) != 0);
	if (value < 0)
		buf[length++] = '-';
	while (n > 0)
		buf[length++] = digits[--n];
	return length;
}

size_t
pt_element_print(PtDtype dtype, const void *data, size_t i, char *buf)
{
	size_t length = 0;

	if (dtype == PT_BOOL)
		length = print_word(pt_element_get_int64(dtype, data, i) ? "true" : "false", buf);
	else if (!pt_dtype_is_float(dtype))
		length = print_integer(pt_element_get_int64(dtype, data, i), buf);
	else
	{
		double value = pt_element_get_double(dtype, data, i);

		if (signbit(value) && !isnan(value))
			buf[length++] = '-';
		if (isnan(value))
			length += print_word("nan", buf + length);
		else if (isinf(value))
			length += print_word("inf", buf + length);
		else if (value == 0)
			length += print_word("0.", buf + length);
		else
		{
			uint64_t mantissa;
			int exponent;

			shortest(dtype, fabs(value), &mantissa, &exponent);
			length += print_decimal(mantissa, exponent, buf + length);
		}
	}
	buf[length] = '\0';
	return length;
}
