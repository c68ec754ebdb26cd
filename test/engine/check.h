/*
 * check.h
 *	  What a C unit test needs: CHECK, and a summary.
 *
 * A test is a program.  Each CHECK is one test; main ends with "return check_done();".
 *
 *		CHECK(n == 3, "%d nodes, wanted 3", n);
 *		CHECK_OK(pt_foo(&err), &err);
 *		CHECK_CLOSE(loss, 0.25, 1e-6, 1e-9);
 *
 * Only failures are printed, one line each, and at last "N passed, N failed".
 */
#ifndef PT_CHECK_H
#define PT_CHECK_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>

/* so far */
extern int check_passed;
extern int check_failed;

extern bool check_report(bool ok, const char *file, int line, const char *what, const char *fmt,
						 ...) __attribute__((format(printf, 5, 6)));

/* CHECK(condition, format, ...): gives the condition, so that a test can stop where going on is senseless. */
#define CHECK(cond, ...) check_report((cond), __FILE__, __LINE__, #cond, " " __VA_ARGS__)

/* A call that fills a PtError when it returns false. */
#define CHECK_OK(call, err) check_report((call), __FILE__, __LINE__, #call, ": %s", (err)->message)

/* |got - want| <= rel |want| + abs; NaN equals NaN, infinities equal themselves. */
#define CHECK_CLOSE(got, want, rel, abs)                                             \
	check_report(check_close((got), (want), (rel), (abs)), __FILE__, __LINE__, #got, \
				 " is %.9g, wanted %.9g", (double) (got), (double) (want))

extern bool check_close(double got, double want, double rel, double abs);

/* Prints the summary; what main returns. */
extern int check_done(void);

#endif
