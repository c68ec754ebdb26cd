/*
 * op.c
 *	  The op table: scalar ops first, then the families; rows by number and by name.
 *
 * Threads: the first caller of all puts the table together, the others wait.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "engine/graph/op.h"

extern const PtOp pt_scalar_ops[];
extern const PtOp pt_shape_ops[];
extern const PtOp pt_index_ops[];
extern const PtOp pt_stat_ops[];
extern const PtOp pt_reduce_ops[];
extern const PtOp pt_matmul_ops[];
extern const PtOp pt_softmax_ops[];
extern const PtOp pt_create_ops[];
extern const PtOp pt_dynamic_ops[];
extern const PtOp pt_draw_ops[];
extern const PtOp pt_random_ops[];
extern const PtOp pt_train_ops[];

/* Each ends with a row without a name. */
static const PtOp *const families[] = {pt_scalar_ops,  pt_shape_ops,  pt_index_ops,	  pt_stat_ops,
									   pt_reduce_ops,  pt_matmul_ops, pt_softmax_ops, pt_create_ops,
									   pt_dynamic_ops, pt_draw_ops,	  pt_random_ops,  pt_train_ops};

#define MAX_ROWS 1024
#define MAX_NAMES 2048

typedef struct Name
{
	const char *name;
	int row;
} Name;

static const PtOp *rows[MAX_ROWS];
static Name names[MAX_NAMES]; /* and aliases, in order; forms of one name in the order of rows */
static int nrows, nnames;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* By public names: of "max.dim" what is before the point. */
static int
compare_public(const char *a, const char *b)
{
	for (;; a++, b++)
	{
		char x = *a == '.' ? '\0' : *a, y = *b == '.' ? '\0' : *b;

		if (x != y || x == '\0')
			return x - y;
	}
}

static int
compare_names(const void *a, const void *b)
{
	const Name *x = a, *y = b;
	int order = compare_public(x->name, y->name);

	return order != 0 ? order : x->row - y->row;
}

/* Should the sizes above be too small, nothing is found at all, so that no test passes. */
static void
collect(void)
{
	for (size_t f = 0; f < sizeof(families) / sizeof(families[0]); f++)
		for (const PtOp *op = families[f]; op->name != NULL; op++)
		{
			const char *const *alias = op->aliases;
			int naliases = 0;

			while (alias != NULL && alias[naliases] != NULL)
				naliases++;
			if (nrows == MAX_ROWS || nnames + 1 + naliases > MAX_NAMES)
			{
				nrows = nnames = 0;
				return;
			}
			names[nnames++] = (Name){op->name, nrows};
			for (int i = 0; i < naliases; i++)
				names[nnames++] = (Name){alias[i], nrows};
			rows[nrows++] = op;
		}
	qsort(names, (size_t) nnames, sizeof(Name), compare_names);
}

const PtOp *
pt_op_scalar(PtScalar scalar)
{
	return scalar > PT_S_NONE && scalar < PT_S_END ? &pt_scalar_ops[scalar - 1] : NULL;
}

const PtOp *
pt_op_at(int i)
{
	pthread_once(&once, collect);
	return i >= 0 && i < nrows ? rows[i] : NULL;
}

/* Where a name stands; nnames if it does not. */
static int
find(const char *name)
{
	int low = 0, high;

	pthread_once(&once, collect);
	for (high = nnames; low < high;)
	{
		int middle = (low + high) / 2;

		if (compare_public(names[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < nnames && compare_public(names[low].name, name) == 0; low++)
		if (strcmp(names[low].name, name) == 0)
			return low;
	return nnames;
}

const PtOp *
pt_op_find(const char *name)
{
	int at = find(name);

	return at < nnames ? rows[names[at].row] : NULL;
}

const PtOp *
pt_op_next_form(const PtOp *op)
{
	int at = find(op->name) + 1;

	return at < nnames && compare_public(names[at].name, op->name) == 0 ? rows[names[at].row]
																		: NULL;
}
