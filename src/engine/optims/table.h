/*
 * table.h
 *	  The rows of the optimizer table.
 */
#ifndef PT_OPTIMS_TABLE_H
#define PT_OPTIMS_TABLE_H

#include "engine/train/optim.h"

extern const PtOptimType pt_optim_types[]; /* up to one without a name */

#endif
