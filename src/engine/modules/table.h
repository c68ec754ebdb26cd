/*
 * table.h
 *	  The rows of the module table.  A new module or loss is a file, a line here and one in table.c.
 */
#ifndef PT_MODULES_TABLE_H
#define PT_MODULES_TABLE_H

#include "engine/nn/module.h"

extern const PtModuleType *const pt_module_types[]; /* NULL-terminated */
extern const int pt_module_ntypes;
/* activations.c: more rows, functions of one element; NULL past the end */
extern const PtModuleType *pt_activation_at(int i);

extern const PtModuleType pt_module_sequential;
extern const PtModuleType pt_module_graph;
extern const PtModuleType pt_module_linear;
extern const PtModuleType pt_module_identity, pt_module_flatten, pt_module_unflatten;
extern const PtModuleType pt_module_bilinear, pt_module_prelu, pt_module_rrelu, pt_module_glu;
extern const PtModuleType pt_module_softmax, pt_module_log_softmax, pt_module_softmin;
extern const PtModuleType pt_module_batch_norm1d, pt_module_layer_norm, pt_module_group_norm;
extern const PtModuleType pt_module_dropout, pt_module_alpha_dropout;

extern const PtModuleType pt_loss_cross_entropy;
extern const PtModuleType pt_loss_nll;
extern const PtModuleType pt_loss_mse;
extern const PtModuleType pt_loss_l1;
extern const PtModuleType pt_loss_smooth_l1;
extern const PtModuleType pt_loss_huber;
extern const PtModuleType pt_loss_bce;
extern const PtModuleType pt_loss_bce_with_logits;
extern const PtModuleType pt_loss_kl_div;
extern const PtModuleType pt_loss_poisson_nll;
extern const PtModuleType pt_loss_gaussian_nll;
extern const PtModuleType pt_loss_hinge_embedding;
extern const PtModuleType pt_loss_cosine_embedding;
extern const PtModuleType pt_loss_margin_ranking;
extern const PtModuleType pt_loss_multi_margin;
extern const PtModuleType pt_loss_multi_label_margin;
extern const PtModuleType pt_loss_multi_label_soft_margin;
extern const PtModuleType pt_loss_soft_margin;
extern const PtModuleType pt_loss_triplet_margin;

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

/* The words of every loss's reduction. */
extern const char *const pt_reductions[];
/*
 * The end of every loss: the elements' losses as the argument "reduction" says.  A training
 * needs one number, hence refuses 'none'.
 */
extern PtRef pt_reduce_loss(PtBuild *b, const PtModule *m, PtRef loss);

#endif
