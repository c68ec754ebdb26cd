/*
 * check.c
 *	  What a C unit test needs.
 */
#include "engine/check.h"

#include <stdarg.h>

int check_passed;
int check_failed;

bool
check_report(bool ok, const char *file, int line, const char *what, const char *fmt, ...)
{
	if (ok)
		check_passed++;
	else
	{
		va_list ap;

		check_failed++;
		printf("not ok %s:%d: %s", file, line, what);
		va_start(ap, fmt);
		vprintf(fmt, ap);
		va_end(ap);
		printf("\n");
		fflush(stdout);
	}
	return ok;
}

bool
check_close(double got, double want, double rel, double abs)
{
	if (isnan(want) || isinf(want))
		return isnan(want) ? isnan(got) : got == want;
	return fabs(got - want) <= rel * fabs(want) + abs;
}

int
check_done(void)
{
	printf("%d passed, %d failed\n", check_passed, check_failed);
	return check_failed != 0 || check_passed == 0;
}
