/*
 * error.c
 *	  Filling a PtError.
 */
#include "engine/data/error.h"

#include <stdarg.h>
#include <stdio.h>

bool
pt_fail(PtError *err, PtCode code, const char *fmt, ...)
{
	va_list ap;

	err->code = code;
	err->detail[0] = '\0';
	err->hint[0] = '\0';
	va_start(ap, fmt);
	vsnprintf(err->message, sizeof(err->message), fmt, ap);
	va_end(ap);
	return false;
}

bool
pt_detail(PtError *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->detail, sizeof(err->detail), fmt, ap);
	va_end(ap);
	return false;
}

bool
pt_hint(PtError *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
	va_end(ap);
	return false;
}

bool
pt_fail_memory(PtError *err, unsigned long long bytes)
{
	pt_fail(err, PT_ENOMEM, "out of memory");
	return pt_detail(err, "Failed on a request of %llu bytes.", bytes);
}
