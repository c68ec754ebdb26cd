/*
 * create.h
 *	  A new model with its first version.
 */
#ifndef PGT_CREATE_H
#define PGT_CREATE_H

#include "postgres.h"

/*
 * Makes a model of a module; version 1, which is deployed, has the weights that PyTorch's constructors draw after
 * torch.manual_seed(seed).  or_replace as in pgt_model_create.
 */
extern void pgt_create(const char *name, const char *module, int64 seed, bool or_replace);

#endif
