/*
 * optim.h
 *	  Optimizers: rows of data, not copies of a loop.
 *
 * A row has the constructor's arguments, the state slots (arrays of the parameters' flat layout, or
 * single numbers) and the update rule as text in the expression language, which becomes nodes of the
 * training graph and is fused into one pass over the flat arrays.
 *
 * A rule sees: p (parameters), g (gradients), each slot by name, t (step, from 1, float64), lr (float64) and
 * every constructor argument by name as a number (of a tuple each element: beta1, beta2 of betas); it
 * assigns p and slots.  Scalars are computed in float64 and rounded once when they meet float32
 * arrays, as PyTorch does.
 */
#ifndef PT_OPTIM_H
#define PT_OPTIM_H

#include "engine/graph/graph.h"
#include "engine/graph/constructor.h"

typedef struct PtOptimizer PtOptimizer;

typedef struct PtOptimSlot
{
	const char *name;	 /* PyTorch's; NULL ends a list */
	bool scalar;		 /* one float64, not an array like the parameters */
	double init;		 /* what it starts as */
	const char *initial; /* (instead) the argument whose value it starts as */
} PtOptimSlot;

typedef struct PtOptimType
{
	PT_CONSTRUCTOR;			  /* without "params": lr first where PyTorch has it first */
	const PtOptimSlot *slots; /* all slots it can have */
	bool (*check)(const PtArgs *args, PtError *err); /* (optional) */
	/* the rule for this instance (optional parts depend on the arguments); statements joined into buf */
	bool (*rule)(const PtOptimizer *o, char *buf, size_t size);
} PtOptimType;

struct PtOptimizer
{
	PT_OBJECT(PtOptimType);
	bool
		cycled; /* momentum or beta1 changes from step to step: whatever its argument is, it is on */
};

extern const PtConstructors pt_optimizers;

static inline PtOptimizer *
pt_optim_parse(PtArena *arena, const char *text, PtError *err)
{
	return (PtOptimizer *) pt_constructor_parse(arena, &pt_optimizers, text, err);
}

static inline char *
pt_optim_print(PtArena *arena, const PtOptimizer *o, PtError *err)
{
	return pt_object_print(arena, (const PtObject *) o, err);
}

/*
 * The argument that schedulers may cycle beside lr: "momentum", "betas" (of which the first), or NULL.
 * Its value is what pt_optim_momentum gives.
 */
extern const char *pt_optim_cycles(const PtOptimizer *o);
extern double pt_optim_momentum(const PtOptimizer *o);

/*
 * The slots that this instance uses (SGD without momentum has none), with init as it starts
 * when the first learning rate is lr: count, slots in out[PT_OPTIM_SLOTS].
 */
#define PT_OPTIM_SLOTS 8
extern int pt_optim_slots(const PtOptimizer *o, double lr, PtOptimSlot *out);

/*
 * Adds one update to a graph: p, g: flat float32 arrays; t, lr: float64 scalars; momentum: the cycled
 * argument as a float64 scalar if o is cycled, else PT_NO_REF; slots in the order of pt_optim_slots.  Gives
 * the new p and slots.
 */
extern bool pt_optim_build(PtGraph *graph, const PtOptimizer *o, PtRef p, PtRef g, PtRef t,
						   PtRef lr, PtRef momentum, const PtRef *slots, PtRef *new_p,
						   PtRef *new_slots);

#endif
