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

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---------- arithmetic ---------- */

static int64_t
as_integer(const PtValue *v)
{
	return v->kind == PT_VALUE_BOOL ? v->boolean : v->integer;
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
		*out = pt_value_bool(!pt_fold_truth(a));
	else if (a->kind == PT_VALUE_REAL)
		*out = pt_value_real(op[0] == '-' ? -a->real : a->real);
	else if (op[0] == '-' && as_integer(a) == INT64_MIN)
		return fail_overflow(err);
	else
		*out = pt_value_int(op[0] == '-' ? -as_integer(a) : as_integer(a));
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
	*out = pt_value_int(y);
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
	*out = pt_value_real(y);
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
	double x = pt_value_number(a);
	double y = pt_value_number(b);
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
		*out = pt_fold_truth(a) ? *b : *a;
	else if (op[0] == 'o')
		*out = pt_fold_truth(a) ? *a : *b;
	else if (is_comparison(op))
		*out = pt_value_bool(compare(op, a, b));
	else if (op[0] == '@')
		return pt_fail(err, PT_ETYPE, "operator @ needs tensors, not numbers");
	else if (a->kind == PT_VALUE_REAL || b->kind == PT_VALUE_REAL || divide ||
			 (power && as_integer(b) < 0))
		return fold_reals(op, pt_value_number(a), pt_value_number(b), out, err);
	else
		return fold_integers(op, as_integer(a), as_integer(b), out, err);
	return true;
}

/* float('inf'): Python's spelling, which is C's but for hexadecimal digits and nan(...) */
static bool
fold_text(const char *text, PtValue *out, PtError *err)
{
	char *end;
	double x = strtod(text, &end);

	if (end == text || *end != '\0' || strpbrk(text, "xX(") != NULL)
		return pt_fail(err, PT_EINVAL, "float() cannot read \"%.64s\"", text);
	*out = pt_value_real(x);
	return true;
}

static bool
fold_convert(const char *name, const PtValue *v, PtValue *out, PtError *err)
{
	double x = pt_value_number(v);

	if (name[0] == 'b')
		*out = pt_value_bool(pt_fold_truth(v));
	else if (name[0] == 'f')
		*out = pt_value_real(x);
	else if (v->kind != PT_VALUE_REAL)
		*out = pt_value_int(as_integer(v));
	else if (x >= -0x1p63 && x < 0x1p63)
		*out = pt_value_int((int64_t) x);
	else
		return fail_overflow(err);
	return true;
}

/* The least or the greatest of some numbers, as it was given. */
static bool
fold_extreme(const char *better, const PtValue *args, int n, PtValue *out)
{
	*out = args[0];
	for (int i = 1; i < n; i++)
		if (compare(better, &args[i], out))
			*out = args[i];
	return true;
}

/* Functions of one number; min: of the argument, not itself if open. */
typedef struct Function
{
	const char *name;
	double (*f)(double);
	double min;
	bool open;
	bool whole; /* gives an int */
} Function;

static bool
fold_function(const Function *f, double x, PtValue *out, PtError *err)
{
	PtValue y = pt_value_real(f->f(x));

	if (f->open ? x <= f->min : x < f->min)
		return pt_fail(err, PT_EINVAL, "%s() is not defined for %g", f->name, x);
	*out = y;
	return f->whole ? fold_convert("int", &y, out, err) : true;
}

bool
pt_fold_call(const char *name, const PtValue *args, int nargs, PtValue *out, bool *known,
			 PtError *err)
{
	static const Function functions[] = {
		{"math.sqrt", sqrt, 0, false},
		{"math.exp", exp, -INFINITY, false},
		{"math.log", log, 0, true},
		{"math.log2", log2, 0, true},
		{"math.log10", log10, 0, true},
		{"math.sin", sin, -INFINITY, false},
		{"math.cos", cos, -INFINITY, false},
		{"math.tan", tan, -INFINITY, false},
		{"math.tanh", tanh, -INFINITY, false},
		{"math.floor", floor, -INFINITY, false, true},
		{"math.ceil", ceil, -INFINITY, false, true},
	};
	bool power = strcmp(name, "pow") == 0 || strcmp(name, "math.pow") == 0;
	bool least = strcmp(name, "min") == 0;
	int most = least || strcmp(name, "max") == 0 ? INT_MAX
			   : strcmp(name, "where") == 0		 ? 3
			   : power							 ? 2
												 : 1;
	const Function *f = NULL;

	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		if (strcmp(functions[i].name, name) == 0)
			f = &functions[i];
	*known = f != NULL || most > 1 || strcmp(name, "float") == 0 || strcmp(name, "int") == 0 ||
			 strcmp(name, "bool") == 0 || strcmp(name, "abs") == 0;
	if (!*known)
		return true;
	if (nargs == 1 && args->kind == PT_VALUE_WORD && strcmp(name, "float") == 0)
		return fold_text(args->word, out, err);
	for (int i = 0; i < nargs; i++)
		if (!pt_value_is_number(&args[i]))
			return pt_fail(err, PT_ETYPE, "%s() takes numbers, not %s", name,
						   pt_value_kind(&args[i]));
	if (nargs < 1 || nargs > most || (most < INT_MAX && nargs < most))
		return pt_fail(err, PT_ETYPE, "%s() takes %s", name,
					   most == INT_MAX ? "numbers"
					   : most == 3	   ? "three numbers"
					   : most == 2	   ? "two numbers"
									   : "one number");
	if (f != NULL)
		return fold_function(f, pt_value_number(args), out, err);
	if (most == INT_MAX)
		return fold_extreme(least ? "<" : ">", args, nargs, out);
	if (power)
		return pt_fold_binary("**", &args[0], &args[1], out, err);
	if (most == 3)
		*out = args[pt_fold_truth(&args[0]) ? 1 : 2];
	else if (name[0] == 'a')
		return pt_fold_unary(signbit(pt_value_number(args)) ? "-" : "+", args, out, err);
	else
		return fold_convert(name, args, out, err);
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
		*out = pt_value_real(INFINITY);
	else if (strcmp(name, "nan") == 0)
		*out = pt_value_real(NAN);
	else if (qualified && strcmp(name, "pi") == 0)
		*out = pt_value_real(3.14159265358979323846);
	else if (qualified && strcmp(name, "e") == 0)
		*out = pt_value_real(2.71828182845904523536);
	else
		return false;
	return true;
}
