/*
 * settings.h
 *	  The values of pgtorch's settings, defined in src/pgtorch.c.
 */
#ifndef PGT_SETTINGS_H
#define PGT_SETTINGS_H

extern char *pgt_device; /* pgtorch.device: auto, cpu, cuda, cuda:N */
extern int
	pgt_threads; /* pgtorch.threads: 0 means the CPUs there are for training, 1 for the rest */
extern int pgt_matmul_precision; /* pgtorch.matmul_precision, a PtPrecision */
extern int
	pgt_max_memory; /* pgtorch.max_memory, in MB: of one plan, model or training; 0: 3/4 of the machine's */
extern int pgt_cache_memory; /* pgtorch.cache_memory, in MB: of the models that a session keeps */

#endif
