/*
 * create.c
 *	  A new model with its first version.
 */
#include "postgres.h"

#include "job/create.h"

#include "bridge/bridge.h"
#include "job/module.h"
#include "miscadmin.h"
#include "store/checkpoint.h"

static bool
interrupted(void)
{
	return InterruptPending;
}

/* Draws the values of a checkpoint. */
static void
draw_weights(const PgtOpenModule *module, PgtCheckpoint *checkpoint, int64 seed)
{
	void **data = palloc(checkpoint->nparams * sizeof(void *) + 1);
	PtRng rng;
	PtError err;

	for (int i = 0; i < checkpoint->nparams; i++)
		data[i] = checkpoint->params[i].data;
	/* what stopped it need not be an error (a reload of the configuration): then from the beginning */
	do
	{
		CHECK_FOR_INTERRUPTS();
		pt_rng_seed(&rng, (uint64_t) seed);
		rng.stop = interrupted;
		pgt_check(pt_module_init(module->root, &module->state, &rng, data, &err), &err);
	} while (rng.stopped);
	pfree(data);
}

void
pgt_create(const char *name, const char *text, int64 seed, bool or_replace)
{
	PgtOpenModule module;
	PgtModel model;
	PgtCheckpoint checkpoint = {0};
	char *canonical;
	PtError err;

	pgt_module_open(&module, text);
	if (module.root->type->loss != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("nn.%s is a loss, a model needs a module that computes an output", module.root->type->name)));
	canonical = pt_module_print(module.arena, module.root, &err);
	pgt_check(canonical != NULL, &err);

	pgt_model_create(&model, name, canonical, or_replace);
	pgt_module_manifest(&module, &checkpoint);
	draw_weights(&module, &checkpoint, seed);
	(void) pgt_checkpoint_write(&model, &checkpoint, true);
}
