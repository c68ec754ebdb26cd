/*
 * plan_private.h
 *	  What the passes of plan compilation share: units, and the order they run in.
 *
 * A unit becomes one step: a structured op, a group of scalar ops (a program), or a structured op with
 * such a group as its epilogue.  Views are units too, but make no step.
 *
 *		fuse.c		nodes -> units		(which nodes belong together)
 *		program.c	group -> program	(instructions and registers)
 *		steps.c		units -> steps		(operands, kernels, addresses)
 *		memory.c	values -> places	(externals, one arena)
 *		host.c		steps -> stages		(which run on the host, and copies for them)
 *		plan.c		runs the passes and orders the units
 *		run.c		goes through the stages, again and again
 *
 * Memory: PtPlanning is in a scratch arena that dies when compile is done, PtPlan in its own.
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

/* A stretch of an arena: from the step that first writes it to the last that reads it. */
typedef struct PtBlock
{
	uint32_t id; /* the owner's, for whoever reads offset afterwards */
	bool workspace;
	size_t bytes, offset;
	int from, to;
} PtBlock;

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
	bool *on_host; /* [nsteps + ncopies] steps that run on the host */
	bool *
		on_device; /* [nvalues] values that the others read or write; NULL: nothing runs on the host */
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

/* memory.c: fills places, scratch, arena_bytes, copies; the steps say the workspaces */
extern bool pt_plan_places(PtPlanning *p, const PtStep *steps);
/* Gives n blocks of a plan of so many steps their offsets in an arena (and another order); *bytes: its size. */
extern bool pt_plan_arrange(PtPlanning *p, PtBlock *blocks, int n, int nsteps, size_t *bytes);

/* The value whose memory a view shows, and where in it. */
extern PtRef pt_plan_base(const PtPlanning *p, PtRef ref, size_t *offset);
extern size_t pt_plan_value_bytes(const PtPlanning *p, PtRef ref);

/* An address that follows an external's, or one of the plan's arenas. */
typedef struct PtFixup
{
	void **address;
	PtRef external; /* PT_NO_REF: an arena */
	bool host;		/* the one on the host */
	size_t offset;
} PtFixup;

/* What a run goes through, one after the other: a stretch of steps, or a copy between host and device. */
typedef struct PtStage
{
	PtDevice *dev;	/* that runs the steps */
	PtQueue *queue; /* of them; NULL: a copy */
	void *host, *device;
	size_t bytes;
	bool up;
} PtStage;

struct PtPlan
{
	PtArena *arena;
	PtDevice *dev, *host; /* host: of dev when the plan was made */
	PtStep *steps;
	int nsteps;
	PtStage *stages;
	int nstages;
	int first; /* the stages before it are for the first run of a launch */
	PtRef nvalues;
	void **addresses;	/* [nvalues] of externals */
	bool *needed;		/* [nvalues] externals that some step uses */
	const char **names; /* [nvalues] of externals */
	PtFixup *fixups;
	int nfixups;
	void *memory; /* the planned arena, on the device */
	void *host_memory;
	size_t bytes, host_bytes;
	bool bound;
	bool ran; /* to its end, since it was bound */
	bool poison;
	/* the run under way */
	bool running;
	int64_t left; /* runs, the current one included */
	int at;		  /* the current stage */
	bool launched;
	size_t copied;
};

/* steps.c: makes steps, stages and fixups, and fills arena_bytes */
extern bool pt_plan_make_steps(PtPlan *plan, PtPlanning *p);
/* What an operand of a step stands for; k counts inputs, or outputs. */
extern PtRef pt_plan_operand(const PtPlanning *p, int step, bool output, int k);
extern void pt_plan_fix(PtPlan *plan, const PtPlanning *p, PtRef ref, void **address,
						size_t offset);

/* plan.c: gives back what devices have made for the steps, and forgets the stages */
extern void pt_plan_unbind(PtPlan *plan);

/* host.c: decides for the steps from first on, and cuts all into stages */
extern bool pt_plan_cut(PtPlan *plan, PtPlanning *p, int first);
/* Adds copies to the stages, and the fixups of steps on the host; fills host_bytes. */
extern bool pt_plan_transfers(PtPlan *plan, PtPlanning *p);

#endif
