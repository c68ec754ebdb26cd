/*
 * clock.h
 *	  Seconds that something took.
 */
#ifndef PGT_CLOCK_H
#define PGT_CLOCK_H

#include "postgres.h"

#include "portability/instr_time.h"

static inline double
pgt_seconds_since(instr_time start)
{
	instr_time now;

	INSTR_TIME_SET_CURRENT(now);
	INSTR_TIME_SUBTRACT(now, start);
	return INSTR_TIME_GET_DOUBLE(now);
}

#endif
