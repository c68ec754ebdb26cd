/*
 * error.h
 *	  Errors as values: what went wrong, for whom, and what would have been right.
 *
 * Every engine function that can fail takes a PtError and returns false (or NULL) after
 * filling it.  Only src/bridge turns one into an ereport, by way of the code.
 */
#ifndef PT_ERROR_H
#define PT_ERROR_H

#include <stdbool.h>

typedef enum PtCode
{
	PT_OK,
	PT_EINVAL,		 /* a value that is not allowed: 22023 */
	PT_ESHAPE,		 /* shapes that do not fit: 22023 */
	PT_ETYPE,		 /* a dtype or argument type that does not fit: 42804 */
	PT_ESYNTAX,		 /* text of a type that cannot be read: 22P02 */
	PT_EBINARY,		 /* binary input that cannot be read: 22P03 */
	PT_ERANGE,		 /* a number out of the range of its dtype: 22003 */
	PT_EZERODIV,	 /* integer division by zero: 22012 */
	PT_ENAME,		 /* an unknown op, module, argument or parameter: 42704 */
	PT_EDATA,		 /* data that cannot be used, e.g. a class index out of range: 22000 */
	PT_EDIVERGED,	 /* a loss that is NaN or infinite: 22000 */
	PT_ELIMIT,		 /* more than a limit allows: 54000 */
	PT_ENOMEM,		 /* out of memory: 53200 */
	PT_EUNSUPPORTED, /* a combination that does not exist (yet): 0A000 */
	PT_EDEVICE,		 /* a device that is missing or failed: 58000 */
	PT_EINTERNAL	 /* a bug: XX000 */
} PtCode;

/* message: lower case, no full stop.  detail and hint: sentences, empty if there is nothing to say. */
typedef struct PtError
{
	PtCode code;
	char message[512];
	char detail[512];
	char hint[256];
} PtError;

#define PT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Fills err (detail and hint empty) and returns false, so that "return pt_fail(...)" reads well. */
extern bool pt_fail(PtError *err, PtCode code, const char *fmt, ...) PT_PRINTF(3, 4);

/* Adds a detail or a hint to a filled error; returns false. */
extern bool pt_detail(PtError *err, const char *fmt, ...) PT_PRINTF(2, 3);
extern bool pt_hint(PtError *err, const char *fmt, ...) PT_PRINTF(2, 3);

/* Out of memory: says how many bytes were wanted; returns false. */
extern bool pt_fail_memory(PtError *err, unsigned long long bytes);

#endif
