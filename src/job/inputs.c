/*
 * inputs.c
 *	  The inputs of a model, as a decoder of rows is told them.
 */
#include "postgres.h"

#include "job/inputs.h"

void
pgt_inputs_describe(const PtModule *module, const PgtCheckpoint *version, PgtDecodeSpec *spec)
{
	int n = pt_module_inputs(module);
	PgtField *inputs = palloc0(sizeof(PgtField) * n);

	for (int i = 0; i < n; i++)
	{
		inputs[i].name = psprintf("input %d", i + 1);
		inputs[i].dtype = pt_module_input_is_index(module, i) ? PT_INT64 : PT_FLOAT32;
		if (i < version->ninputs)
		{
			inputs[i].known = true;
			inputs[i].shape = version->inputs[i].shape;
		}
	}
	spec->ninputs = n;
	spec->inputs = inputs;
}
