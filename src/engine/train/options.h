/*
 * options.h
 *	  What a training is told: the table of its options, and the struct of those that a fit reads.
 */
#ifndef PT_OPTIONS_H
#define PT_OPTIONS_H

#include "engine/graph/op.h"

/* Kinds of values, with the types of their members. */
typedef enum PtOptionKind
{
	PT_OPTION_INT,
	PT_OPTION_LONG, /* the same, where an integer of SQL is too small */
	PT_OPTION_REAL,
	PT_OPTION_BOOL,
	PT_OPTION_AUTOCAST,
	PT_OPTION_TEXT,
	PT_OPTION_MODULE, /* canonical texts of these three */
	PT_OPTION_OPTIMIZER,
	PT_OPTION_SCHEDULER,
	PT_OPTION_NAMES
} PtOptionKind;

typedef struct PtNames
{
	int count; /* 0: None */
	const char **names;
} PtNames;

#define PT_MEMBER_INT int64_t
#define PT_MEMBER_LONG int64_t
#define PT_MEMBER_REAL double
#define PT_MEMBER_BOOL bool
#define PT_MEMBER_AUTOCAST PtAutocast
#define PT_MEMBER_TEXT const char *
#define PT_MEMBER_MODULE const char *
#define PT_MEMBER_OPTIMIZER const char *
#define PT_MEMBER_SCHEDULER const char *
#define PT_MEMBER_NAMES PtNames

/* The options of the loop over epochs; None is 0, off. */
typedef struct PtFitOptions
{
#define PT_TEXT(kind, name, ...)
#define PT_JOB(kind, name, ...)
#define PT_FIT(kind, name, ...) PT_MEMBER_##kind name;
#include "engine/train/options.def"
} PtFitOptions;

/* Whose an option is: see options.def. */
typedef enum PtOptionScope
{
	PT_OPTION_OF_RUN,
	PT_OPTION_OF_JOB,
	PT_OPTION_OF_FIT
} PtOptionScope;

typedef struct PtOption
{
	const char *name;
	PtOptionScope scope;
	PtOptionKind kind;
	const char *init; /* default as Python text; NULL: it must be given */
	double min, max;  /* of a number */
	bool open;		  /* the bounds themselves are refused */
	const char *hint; /* for a value that is refused; may be NULL */
} PtOption;

/* All rows of options.def, in its order; a name of NULL ends them. */
extern const PtOption pt_options[];

/* May it be None?  Its default is. */
extern bool pt_option_is_nullable(const PtOption *option);

/* Refuses a number out of bounds, by name. */
extern bool pt_option_check(const PtOption *option, double value, PtError *err);

#endif
