/*
 * fold.c
 *	  Python's arithmetic on numbers.
 *
 * bool counts as int, int / int is a float, // and % round toward minus infinity, an int to a
 * negative power is a float: all as in Python.  Where Python's answer does not fit int64 or
 * double, there is an error instead of another answer.
 *
 * Threads: any; nothing is shared.
 * Errors:  values.
 */
#include "engine/lang/fold.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---------- arithmetic ---------- */

static PtValue
integer_value(int64_t x)
{
	return (PtValue){PT_VALUE_INT, 0, {.integer = x}};
}

static PtValue
real_value(double x)
{
	return (PtValue){PT_VALUE_REAL, 0, {.real = x}};
}

static PtValue
bool_value(bool x)
{
	return (PtValue){PT_VALUE_BOOL, 0, {.boolean = x}};
}

static int64_t
as_integer(const PtValue *v)
{
	return v->kind == PT_VALUE_BOOL ? v->boolean : v->integer;
}

static double
as_real(const PtValue *v)
{
	return v->kind == PT_VALUE_REAL ? v->real : (double) as_integer(v);
}

static bool
truth(const PtValue *v)
{
	return v->kind == PT_VALUE_REAL ? v->real != 0 : as_integer(v) != 0;
}

static bool
fail_overflow(PtError *err)
{
	return pt_fail(err, PT_ERANGE, "integer out of range in a constant expression");
}

static bool
fail_zero(PtError *err)
{
	return pt_fail(err, PT_EZERODIV, "division by zero in a constant expression");
}

bool
pt_fold_unary(const char *op, const PtValue *a, PtValue *out, PtError *err)
{
	if (op[0] == 'n')
		*out = bool_value(!truth(a));
	else if (a->kind == PT_VALUE_REAL)
		*out = real_value(op[0] == '-' ? -a->real : a->real);
	else if (op[0] == '-' && as_integer(a) == INT64_MIN)
		return fail_overflow(err);
	else
		*out = integer_value(op[0] == '-' ? -as_integer(a) : as_integer(a));
	return true;
}

/* a ** b for b >= 0 */
static bool
integer_power(int64_t a, int64_t b, int64_t *out)
{
	int64_t y = 1;

	for (;;)
	{
		if ((b & 1) && __builtin_mul_overflow(y, a, &y))
			return false;
		b >>= 1;
		if (b == 0)
			break;
		if (__builtin_mul_overflow(a, a, &a))
			return false;
	}
	*out = y;
	return true;
}

static bool
fold_integers(const char *op, int64_t a, int64_t b, PtValue *out, PtError *err)
{
	int64_t y = 0;
	bool overflow = false;

	switch (op[0])
	{
		case '+':
			overflow = __builtin_add_overflow(a, b, &y);
			break;
		case '-':
			overflow = __builtin_sub_overflow(a, b, &y);
			break;
		case '*':
			if (op[1] == '\0')
				overflow = __builtin_mul_overflow(a, b, &y);
			else
				overflow = !integer_power(a, b, &y);
			break;
		case '/':
		case '%':
			if (b == 0)
				return fail_zero(err);
			if (b == -1) /* INT64_MIN / -1 traps */
			{
				if (op[0] == '/')
					overflow = __builtin_sub_overflow((int64_t) 0, a, &y);
				break;
			}
			y = op[0] == '/' ? a / b : a % b;
			if (a % b != 0 && (a < 0) != (b < 0))
				y += op[0] == '/' ? -1 : b;
			break;
		default:
			return pt_fail(err, PT_EINTERNAL, "operator %s on numbers", op);
	}
	if (overflow)
		return fail_overflow(err);
	*out = integer_value(y);
	return true;
}

static bool
fold_reals(const char *op, double a, double b, PtValue *out, PtError *err)
{
	double y;

	if ((op[0] == '/' || op[0] == '%') && b == 0)
		return fail_zero(err);
	switch (op[0])
	{
		case '+':
			y = a + b;
			break;
		case '-':
			y = a - b;
			break;
		case '*':
			if (op[1] == '\0')
			{
				y = a * b;
				break;
			}
			if (a == 0 && b < 0)
				return fail_zero(err);
			if (a < 0 && isfinite(a) && isfinite(b) && b != floor(b))
				return pt_fail(err, PT_EINVAL,
							   "a negative number to a fractional power is not real");
			y = pow(a, b);
			if (isinf(y) && isfinite(a) && isfinite(b))
				return pt_fail(err, PT_ERANGE, "float out of range in a constant expression");
			break;
		default:
			if (op[0] == '/' && op[1] == '\0')
			{
				y = a / b;
				break;
			}
			/* as CPython: the quotient from the remainder, so that a == (a // b) * b + a % b */
			{
				double mod = fmod(a, b);
				double quotient = (a - mod) / b;

				if (mod != 0 && (mod < 0) != (b < 0))
				{
					mod += b;
					quotient -= 1;
				}
				else if (mod == 0)
					mod = copysign(0, b);
				if (quotient != 0)
				{
					double whole = floor(quotient);

					quotient = quotient - whole > 0.5 ? whole + 1 : whole;
				}
				else
					quotient = copysign(0, a / b);
				y = op[0] == '%' ? mod : quotient;
			}
			break;
	}
	*out = real_value(y);
	return true;
}

static bool
is_comparison(const char *op)
{
	return op[0] == '<' || op[0] == '>' || op[0] == '=' || op[0] == '!';
}

static bool
compare(const char *op, const PtValue *a, const PtValue *b)
{
	bool exact = a->kind != PT_VALUE_REAL && b->kind != PT_VALUE_REAL;
	double x = as_real(a);
	double y = as_real(b);
	bool less = exact ? as_integer(a) < as_integer(b) : x < y;
	bool equal = exact ? as_integer(a) == as_integer(b) : x == y;
	bool more = exact ? as_integer(a) > as_integer(b) : x > y;

	switch (op[0])
	{
		case '=':
			return equal;
		case '!':
			return !equal;
		case '<':
			return less || (op[1] == '=' && equal);
		default:
			return more || (op[1] == '=' && equal);
	}
}

bool
pt_fold_binary(const char *op, const PtValue *a, const PtValue *b, PtValue *out, PtError *err)
{
	bool power = op[0] == '*' && op[1] == '*';
	bool divide = op[0] == '/' && op[1] == '\0';

	if (op[0] == 'a')
		*out = truth(a) ? *b : *a;
	else if (op[0] == 'o')
		*out = truth(a) ? *a : *b;
	else if (is_comparison(op))
		*out = bool_value(compare(op, a, b));
	else if (op[0] == '@')
		return pt_fail(err, PT_ETYPE, "operator @ needs tensors, not numbers");
	else if (a->kind == PT_VALUE_REAL || b->kind == PT_VALUE_REAL || divide ||
			 (power && as_integer(b) < 0))
		return fold_reals(op, as_real(a), as_real(b), out, err);
	else
		return fold_integers(op, as_integer(a), as_integer(b), out, err);
	return true;
}

static bool
fold_convert(const char *name, const PtValue *v, PtValue *out, PtError *err)
{
	double x;

	if (v->kind == PT_VALUE_WORD)
	{
		char *end;

		x = strtod(v->word, &end);
		if (end == v->word || *end != '\0' || name[0] == 'i')
			return pt_fail(err, PT_EINVAL, "%s() cannot read \"%.64s\"", name, v->word);
		*out = real_value(x);
		return true;
	}
	x = as_real(v);
	if (name[0] == 'b')
		*out = bool_value(truth(v));
	else if (name[0] == 'f')
		*out = real_value(x);
	else if (v->kind != PT_VALUE_REAL)
		*out = integer_value(as_integer(v));
	else if (x >= -0x1p63 && x < 0x1p63)
		*out = integer_value((int64_t) x);
	else
		return fail_overflow(err);
	return true;
}

bool
pt_fold_call(const char *name, const PtValue *args, int nargs, PtValue *out, bool *known,
			 PtError *err)
{
	static const struct
	{
		const char *name;
		double (*f)(double);
		double min; /* of the argument; not itself if open */
		bool open;
	} functions[] = {
		{"math.sqrt", sqrt, 0, false},
		{"math.exp", exp, -INFINITY, false},
		{"math.log", log, 0, true},
		{"math.log2", log2, 0, true},
		{"math.log10", log10, 0, true},
		{"math.sin", sin, -INFINITY, false},
		{"math.cos", cos, -INFINITY, false},
		{"math.tan", tan, -INFINITY, false},
		{"math.tanh", tanh, -INFINITY, false},
	};

	*known = true;
	if (strcmp(name, "float") == 0 || strcmp(name, "int") == 0 || strcmp(name, "bool") == 0)
	{
		if (nargs != 1 || !(pt_value_is_number(args) || args->kind == PT_VALUE_WORD))
			return pt_fail(err, PT_ETYPE, "%s() takes one number", name);
		return fold_convert(name, args, out, err);
	}
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
	{
		double x;

		if (strcmp(functions[i].name, name) != 0)
			continue;
		if (nargs != 1 || !pt_value_is_number(args))
			return pt_fail(err, PT_ETYPE, "%s() takes one number", name);
		x = as_real(args);
		if (functions[i].open ? x <= functions[i].min : x < functions[i].min)
			return pt_fail(err, PT_EINVAL, "%s() is not defined for %g", name, x);
		*out = real_value(functions[i].f(x));
		return true;
	}
	*known = false;
	return true;
}

bool
pt_fold_constant(const char *name, PtValue *out)
{
	bool qualified = true;

	if (strncmp(name, "math.", 5) == 0)
		name += 5;
	else if (strncmp(name, "torch.", 6) == 0)
		name += 6;
	else
		qualified = false;
	if (strcmp(name, "inf") == 0)
		*out = real_value(INFINITY);
	else if (strcmp(name, "nan") == 0)
		*out = real_value(NAN);
	else if (qualified && strcmp(name, "pi") == 0)
		*out = real_value(3.14159265358979323846);
	else if (qualified && strcmp(name, "e") == 0)
		*out = real_value(2.71828182845904523536);
	else
		return false;
	return true;
}
