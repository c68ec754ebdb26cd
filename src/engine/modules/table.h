/*
 * table.h
 *	  The rows of the module table.  A new module or loss is a file, a line here and one in table.c.
 */
#ifndef PT_MODULES_TABLE_H
#define PT_MODULES_TABLE_H

#include "engine/module.h"

extern const PtModuleType *const pt_module_types[]; /* NULL-terminated */

extern const PtModuleType pt_module_sequential;
extern const PtModuleType pt_module_linear;
extern const PtModuleType pt_module_relu;
extern const PtModuleType pt_loss_cross_entropy;
extern const PtModuleType pt_loss_mse;

/*
 * For shapes functions of layers over the last dimension: checks that it has this many features, as
 * far as it is known, and sets its new size.
 */
extern bool pt_shapes_last(const PtModule *m, int64_t want, int64_t size, const PtShape *in,
						   PtShape *out, PtError *err);

/* The words of every loss's reduction. */
extern const char *const pt_reductions[];
/*
 * The end of every loss: the elements' losses as the argument "reduction" says.  A training
 * needs one number, hence refuses 'none'.
 */
extern PtRef pt_reduce_loss(PtBuild *b, const PtModule *m, PtRef loss);

#endif
