/*
 * pieces.h
 *	  Graphs with ops whose results' shapes depend on data: plan, run, read the sizes, plan the rest.
 *
 *		PtPieces *p = pt_pieces_new(dev, options, &err);
 *		bool last;
 *		do
 *		{
 *			g = pt_graph_new(&err);
 *			pt_pieces_attach(p, g);
 *			... build it, always alike: externals, ops, assignments if nothing failed ...
 *			plan = pt_pieces_compile(p, g, &last, &err);	an error, or the plan of the next piece
 *			... bind its externals, run it ...
 *			if (!last)
 *				pt_pieces_read(p, &err);
 *			pt_plan_free(plan);
 *		} while (!last);
 *		pt_pieces_free(p);
 *
 * A graph without such ops is one piece.  The values that ops want to keep (graph/read.c) stay in memory of
 * the device from one piece to the next; other values that several pieces need are computed in each.
 *
 * Memory: the plans are the caller's; what was kept is the pieces', and must outlive them.
 * Errors: after one, nothing but pt_pieces_free is of use.
 */
#ifndef PT_PIECES_H
#define PT_PIECES_H

#include "engine/plan/plan.h"

typedef struct PtPieces PtPieces;

extern PtPieces *pt_pieces_new(PtDevice *dev, const PtPlanOptions *options, PtError *err);
extern void pt_pieces_free(PtPieces *p); /* NULL is fine */
/* Before a graph is built. */
extern void pt_pieces_attach(PtPieces *p, PtGraph *g);
/* Did the graph stop at a number that is not known?  Then it has no results yet, and its error is none. */
extern bool pt_pieces_stopped(const PtPieces *p);
/* The plan up to where the graph stopped, or *last: of all of it. */
extern PtPlan *pt_pieces_compile(PtPieces *p, PtGraph *g, bool *last, PtError *err);
/* Once a piece that was not the last has run. */
extern bool pt_pieces_read(PtPieces *p, PtError *err);
/* How many numbers were read so far. */
extern int pt_pieces_reads(const PtPieces *p);

#endif
