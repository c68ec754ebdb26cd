/*
 * predict.c
 *	  predict and its kin: the output of a model for one row, as what the caller wants it.
 */
#include "postgres.h"

#include "compat.h"

#include "fmgr.h"
#include "job/predict.h"
#include "tensor/datum.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/*
 * predict(model text, VARIADIC features "any") returns tensor
 *
 * The module's (first) output for this row, without the batch dimension.
 */
PG_FUNCTION_INFO_V1(pgtorch_predict);
Datum
pgtorch_predict(PG_FUNCTION_ARGS)
{
	const PtTensor *y = pgt_predict_row(fcinfo, PGT_PREDICT_RAW);

	if (y == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(pgt_tensor_from(y));
}

/*
 * predict_all(model text, VARIADIC features "any") returns tensor[]
 *
 * Every output for this row; of a model with one output, an array of it.
 */
PG_FUNCTION_INFO_V1(pgtorch_predict_all);
Datum
pgtorch_predict_all(PG_FUNCTION_ARGS)
{
	int n;
	const PtTensor *y = pgt_predict_outputs(fcinfo, &n);
	Oid element = get_element_type(get_func_rettype(fcinfo->flinfo->fn_oid));
	Datum *outputs;
	int16 length;
	bool by_value;
	char align;

	if (y == NULL)
		PG_RETURN_NULL();
	outputs = palloc(sizeof(Datum) * n);
	for (int i = 0; i < n; i++)
		outputs[i] = PointerGetDatum(pgt_tensor_from(&y[i]));
	get_typlenbyvalalign(element, &length, &by_value, &align);
	PG_RETURN_ARRAYTYPE_P(construct_array(outputs, n, element, length, by_value, align));
}

/*
 * predict_value(model text, VARIADIC features "any") returns double precision
 *
 * The output when it has one element; 22023 otherwise.
 */
PG_FUNCTION_INFO_V1(pgtorch_predict_value);
Datum
pgtorch_predict_value(PG_FUNCTION_ARGS)
{
	const PtTensor *y = pgt_predict_row(fcinfo, PGT_PREDICT_RAW);
	char text[PT_SHAPE_TEXT];

	if (y == NULL)
		PG_RETURN_NULL();
	if (pt_shape_numel(&y->shape) != 1)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("predict_value expects an output of one element, not of shape %s",
							   pt_shape_print(&y->shape, text)),
						errhint("Use predict for the whole output.")));
	PG_RETURN_FLOAT8(pt_element_get_double(y->dtype, y->data, 0));
}

/*
 * predict_proba(model text, VARIADIC features "any") returns tensor
 *
 * The output as probabilities, as the training loss implies them; 55000 if it does not.
 */
PG_FUNCTION_INFO_V1(pgtorch_predict_proba);
Datum
pgtorch_predict_proba(PG_FUNCTION_ARGS)
{
	const PtTensor *y = pgt_predict_row(fcinfo, PGT_PREDICT_PROBABILITY);

	if (y == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(pgt_tensor_from(y));
}

/*
 * predict_class(model text, VARIADIC features "any") returns text
 *
 * The most probable label, or the class index where training data had no labels.
 */
PG_FUNCTION_INFO_V1(pgtorch_predict_class);
Datum
pgtorch_predict_class(PG_FUNCTION_ARGS)
{
	char *label = pgt_predict_label(fcinfo);

	if (label == NULL)
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(label));
}
