/*
 * number.h
 *	  Numbers in text, read into an element of any dtype; pt_element_print (engine/data/dtype.h) prints.
 *
 * Numbers are read in the C locale's form (PostgreSQL keeps LC_NUMERIC at C).
 */
#ifndef PT_NUMBER_H
#define PT_NUMBER_H

#include "engine/data/dtype.h"

typedef enum PtNumberKind
{
	PT_NUMBER_NONE, /* not a number */
	PT_NUMBER_INT,
	PT_NUMBER_FLOAT, /* with a decimal point, an exponent, nan or inf */
	PT_NUMBER_BOOL
} PtNumberKind;

/*
 * A number found in text: its digits as mantissa * 10^exponent, exact unless digits were dropped.
 */
typedef struct PtNumber
{
	PtNumberKind kind;
	const char *text;
	size_t length;
	bool negative;
	bool exact;		   /* the mantissa holds all digits that matter */
	uint64_t mantissa; /* bool: 0 or 1 */
	int exponent;
	double special; /* FLOAT: nan or inf, else 0 */
} PtNumber;

/*
 * Finds the longest number at the beginning of text: digits with an optional sign, point and
 * exponent; nan, inf, infinity, true, false in any case.  kind is PT_NUMBER_NONE when there is
 * none.
 */
extern void pt_number_lex(const char *text, PtNumber *number);

/* As the nearest double, infinite if too large; text must continue to be there. */
extern double pt_number_double(const PtNumber *number);

/*
 * Into element i; an integer dtype refuses what it cannot hold, a float dtype what would become
 * infinite.
 */
extern bool pt_number_store(const PtNumber *number, PtDtype dtype, void *data, size_t i,
							PtError *err);

#endif
