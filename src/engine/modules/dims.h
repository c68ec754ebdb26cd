/*
 * dims.h
 *	  Dimensions of rows: what layers over features and channels share.
 *
 * Private to src/engine/modules.
 */
#ifndef PT_MODULES_DIMS_H
#define PT_MODULES_DIMS_H

#include "engine/nn/module.h"

/* Of a parameter that counts features, channels, ...: it must be there, and is one or more. */
#define PT_SIZE .required = true, .bounded = true, .min = 1, .max = 2147483647

/* The shape of a row: without the batch's dimension. */
extern PtShape pt_row_shape(const PtShape *shape);

/*
 * For shapes functions of layers over the last dimension: checks that it has this many features, as
 * far as it is known, and sets its new size.
 */
extern bool pt_shapes_last(const PtModule *m, int64_t want, int64_t size, const PtShape *in,
						   PtShape *out, PtError *err);

/*
 * A dimension as PyTorch counts it, the batch's being 0, as one of a row with ndim dimensions; fails if there
 * is none, and if it is the batch's.
 */
extern bool pt_row_dim(const PtModule *m, int64_t dim, int ndim, int64_t *out, PtError *err);

/* For shapes functions of layers with channels, the first dimension of a row: are there so many? */
extern bool pt_shapes_channels(const PtModule *m, int64_t want, const PtShape *in, PtError *err);

/* One value a channel under a shape that broadcasts over an input; of PT_NO_REF, PT_NO_REF. */
extern PtRef pt_build_channels(PtBuild *b, const PtModule *m, PtRef v, const PtShape *x);

#endif
