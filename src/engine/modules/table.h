/*
 * table.h
 *	  The rows of modules and losses.
 */
#ifndef PT_MODULES_TABLE_H
#define PT_MODULES_TABLE_H

#include "engine/nn/module.h"

extern const PtModuleType *const pt_module_tables[]; /* a file's rows each; NULL-terminated */

#endif
