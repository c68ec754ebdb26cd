/*
 * table.c
 *	  All files of modules and losses: a new one is a line here.
 */
#include "engine/modules/table.h"

extern const PtModuleType pt_sequential_modules[];
extern const PtModuleType pt_graph_modules[];
extern const PtModuleType pt_shape_modules[];
extern const PtModuleType pt_linear_modules[];
extern const PtModuleType pt_bilinear_modules[];
extern const PtModuleType pt_activations_modules[];
extern const PtModuleType pt_prelu_modules[];
extern const PtModuleType pt_glu_modules[];
extern const PtModuleType pt_softmax_modules[];
extern const PtModuleType pt_norm_modules[];
extern const PtModuleType pt_dropout_modules[];

extern const PtModuleType pt_cross_entropy_losses[];
extern const PtModuleType pt_elementwise_losses[];
extern const PtModuleType pt_binary_losses[];
extern const PtModuleType pt_pairs_losses[];
extern const PtModuleType pt_margin_losses[];

/* Each ends with a row without a name. */
const PtModuleType *const pt_module_tables[] = {
	pt_sequential_modules,	 pt_graph_modules,		pt_shape_modules,
	pt_linear_modules,		 pt_bilinear_modules,	pt_activations_modules,
	pt_prelu_modules,		 pt_glu_modules,		pt_softmax_modules,
	pt_norm_modules,		 pt_dropout_modules,

	pt_cross_entropy_losses, pt_elementwise_losses, pt_binary_losses,
	pt_pairs_losses,		 pt_margin_losses,		NULL,
};
