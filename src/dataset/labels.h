/*
 * labels.h
 *	  Labels of a class: text, enum or boolean values, and the class index of each.
 *
 * A version of a model keeps its labels; where it has none yet they are collected in order of
 * appearance and sorted afterwards.
 */
#ifndef PGT_LABELS_H
#define PGT_LABELS_H

#include "postgres.h"

typedef struct PgtLabels PgtLabels;

/* True for the (base) types that are labels: text, varchar, char(n), name, enums, boolean. */
extern bool pgt_labels_type(Oid type);

/* Labels of a column of that type, in cxt; known (n of them, copied) are the only ones allowed if n > 0. */
extern PgtLabels *pgt_labels_new(MemoryContext cxt, Oid type, int n, const char *const *known);

/* The class index of a value (not NULL); -1 if it is not among the known ones. */
extern int64 pgt_labels_index(PgtLabels *labels, Datum value);

/* The value as a label, palloc'd. */
extern char *pgt_labels_text(const PgtLabels *labels, Datum value);

/* As pgt_decoder_labels in decode.h. */
extern char **pgt_labels_sort(PgtLabels *labels, int *n, int64 **remap);

#endif
