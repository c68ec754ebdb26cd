/*
 * plan_private.h
 *	  What the passes of plan compilation share: units, and the order they run in.
 *
 * A unit becomes one step: a structured op, a group of scalar ops (a program), or a structured op with
 * such a group as its epilogue.  Views are units too, but make no step.
 *
 *		fuse.c		nodes -> units		(which nodes belong together)
 *		program.c	group -> program	(instructions and registers)
 *		memory.c	values -> places	(externals, one arena)
 *		plan.c		runs the passes, orders the units, makes the queue
 *
 * Memory: all of it in a scratch arena that dies when compile is done.
 */
#ifndef PT_PLAN_PRIVATE_H
#define PT_PLAN_PRIVATE_H

#include "engine/plan/plan.h"

typedef struct PtUnit
{
	int main;		   /* node of a structured op or view, -1 if only scalar ops */
	uint32_t *members; /* nodes of scalar ops, in order */
	int nmembers;
	bool dead; /* merged into another, or not needed */
	bool view;
	PtProgram *program; /* of the members; NULL if there are none */
	PtRef *in;			/* the step's operands: of main, then of the program */
	int nin, nepilogue;
	PtRef *out;
	int nout;
} PtUnit;

/* Where a value lives: an external's memory (external != 0) or the arena, at a byte offset. */
typedef struct PtPlace
{
	PtRef external;
	size_t offset;
} PtPlace;

typedef struct PtPlanning
{
	PtGraph *g;
	PtArena *arena;
	const PtPlanOptions *options;
	PtError *err;
	bool *live;		/* [nnodes] */
	int *unit_of;	/* [nnodes] */
	uint32_t *uses; /* [nvalues] how many live nodes read it */
	PtUnit *units;	/* [nnodes] */
	int nunits;
	int *order; /* units that make steps, in run order */
	int nsteps;
	PtPlace *places; /* [nvalues] */
	size_t *scratch; /* [nsteps] offset in the arena of a step's workspace */
	size_t arena_bytes;
	int ncopies;   /* copies at the end: external <- value that could not be placed there */
	PtRef *copies; /* [ncopies] externals */
} PtPlanning;

/* fuse.c: fills units, unit_of, uses */
extern bool pt_plan_fuse(PtPlanning *p);

/*
 * program.c: the program of some nodes.  epilogue: the value that is input 0, or PT_NO_REF.  in gets the
 * values that its inputs stand for (room for PT_PROGRAM_INPUTS).  False: over a limit of program.h.
 */
extern bool pt_program_build(const PtGraph *g, const uint32_t *members, int nmembers,
							 const PtRef *outputs, int noutputs, PtRef epilogue, PtProgram *program,
							 PtRef *in, int *nin);

/* memory.c: fills places, scratch, arena_bytes, copies; the queue says the workspaces */
extern bool pt_plan_places(PtPlanning *p, const PtQueue *queue);

/* The value whose memory a view shows, and where in it. */
extern PtRef pt_plan_base(const PtPlanning *p, PtRef ref, size_t *offset);

#endif
