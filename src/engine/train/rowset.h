/*
 * rowset.h
 *	  The rows of a data set as a training plan reads them: where the device finds them, in what order.
 *
 * Three ways, chosen once.  In place: the device works in host memory.  Resident: it has memory of its own and
 * room there for all rows, which are copied once.  Streamed: it has room for a window; while the device
 * works on one half, rows for the other are gathered in the epoch's order and copied beside its work.
 *
 * A plan sees an array of rows and an array of row numbers (the order), and reads from a position in it:
 *
 *		pt_rowset_begin			an epoch begins: the order is new
 *		pt_rowset_next			makes the next part ready; says the position where it begins
 *		pt_rowset_left			rows of the part that no step was started for
 *		pt_rowset_take			a step, or several, were started for so many of them
 *		pt_rowset_ahead			while they run: gathers a piece of the next part
 */
#ifndef PT_ROWSET_H
#define PT_ROWSET_H

#include "engine/plan/device.h"

typedef struct PtRowset PtRowset;

/* One column of the data set: where it stands in a row, and what it is. */
typedef struct PtRowsetColumn
{
	PtDtype dtype;
	PtShape shape;	/* per row */
	int64_t offset; /* bytes from the start of the row */
} PtRowsetColumn;

typedef struct PtRowsetSpec
{
	const void *rows; /* nrows x stride bytes; stays mapped while the rowset lives */
	int64_t nrows, stride;
	int64_t used;		/* rows of an epoch, at most nrows */
	int64_t batch_size; /* parts are multiples of it, save the last */
	/* most bytes of rows to keep on the device; 0: half of what is free there, and of limit */
	size_t resident;
	size_t limit; /* bytes that a training may take; 0: any number */
} PtRowsetSpec;

extern PtRowset *pt_rowset_new(const PtRowsetSpec *spec, PtDevice *dev, PtError *err);
extern void pt_rowset_free(PtRowset *r); /* NULL is fine */

/* What a plan is compiled for and bound to: so many rows, in an order of so many positions, at these addresses. */
extern int64_t pt_rowset_rows(const PtRowset *r);
extern void *pt_rowset_data(const PtRowset *r);
extern void *pt_rowset_order_data(const PtRowset *r);
extern size_t pt_rowset_bytes(const PtRowset *r); /* on the device */

/* The order of an epoch, for the caller to fill: row numbers [nrows]. */
extern int64_t *pt_rowset_order(PtRowset *r);

extern void pt_rowset_begin(PtRowset *r);
extern int64_t pt_rowset_left(const PtRowset *r);
extern void pt_rowset_take(PtRowset *r, int64_t rows);
/* MORE: call again.  DONE: the part is ready, from *position on.  Nothing launched for the last part may be under way. */
extern PtRun pt_rowset_next(PtRowset *r, int64_t *position, PtError *err);
/* Whether the next part is being gathered while one is worked on: ahead gathers some more of it, and wants to be called often. */
extern bool pt_rowset_gathers(const PtRowset *r);
extern bool pt_rowset_ahead(PtRowset *r, PtError *err);

#endif
