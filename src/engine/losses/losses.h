/*
 * losses.h
 *	  What losses share: checks of shapes, formulas as text, lists as values, parts of an output.
 *
 * Private to src/engine/losses.  All of it composes ops; failures are the graph's.
 */
#ifndef PT_LOSSES_H
#define PT_LOSSES_H

#include <math.h>

#include "engine/graph/build.h"
#include "engine/nn/module.h"

/* Of a parameter: neither NaN nor infinite. */
#define PT_LOSS_FINITE .bounded = true, .open = true, .min = -HUGE_VAL, .max = HUGE_VAL

/* The parameter that every loss has. */
#define PT_LOSS_REDUCTION                                                \
	{                                                                    \
		"reduction", PT_ARG_WORD, .text = "mean", .words = pt_reductions \
	}
extern const char *const pt_reductions[];

/*
 * The end of every loss: the elements' losses as the argument "reduction" says.  A training
 * needs one number, hence refuses 'none'.
 */
extern PtRef pt_reduce_loss(PtBuild *b, const PtModule *m, PtRef loss);

/*
 * Output and target must have one shape.  PyTorch broadcasts them and warns that this is likely a mistake:
 * here it is one.
 */
extern bool pt_loss_same_shape(PtGraph *g, const PtModule *m, PtRef output, PtRef target);

/*
 * Runs statements over vars and the module's numeric arguments by name; the value they assign to "loss".
 * At most PT_LOSS_VARS vars, and as many names again that the statements assign.
 */
#define PT_LOSS_VARS 8
extern PtRef pt_loss_run(PtGraph *g, const PtModule *m, const char *statements, const PtVar *vars,
						 int nvars);

/*
 * A list of numbers among the arguments as a value [n] of that dtype; PT_NO_REF if it is None.  what says
 * in an error how the n of the output is meant: "classes".
 */
extern PtRef pt_loss_list(PtGraph *g, const PtModule *m, const char *argument, int64_t n,
						  const char *what, PtDtype dtype);

/*
 * The parts of an output along dimension 1, each without it: [B, n, ...] as n values [B, ...].  How
 * losses of several tensors get them from one output; how says in an error what they are.
 */
extern bool pt_loss_parts(PtGraph *g, const PtModule *m, PtRef output, int n, const char *how,
						  PtRef *parts);

/* The target under a shape that differs from its own by dimensions of size 1 at the end, if at all. */
extern PtRef pt_loss_target(PtGraph *g, const PtModule *m, PtRef target, const PtShape *shape);

/* Class indices [N], unchanged; when the loss runs, those that are not of so many classes are an error. */
extern PtRef pt_loss_checked(PtGraph *g, PtRef indices, int64_t classes);

#endif
