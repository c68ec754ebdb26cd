/*
 * random_graph.h
 *	  Random graphs over the op table, with gradients, views, and externals that hold results.
 *
 * The same seed gives the same graph in both flavors, so that results in externals of their own can
 * be compared with results over inputs.
 */
#ifndef PT_RANDOM_GRAPH_H
#define PT_RANDOM_GRAPH_H

#include "engine/graph_harness.h"

typedef enum Flavor
{
	FRESH,	 /* results go to externals of their own */
	IN_PLACE /* results go over inputs */
} Flavor;

/* A random graph from a seed; smooth: for comparisons with a tolerance. */
extern void make_random(Case *c, uint64_t seed, Flavor flavor, bool smooth, bool decomposed);

#endif
