/*
 * model.c
 *	  pgtorch_create_model and the other functions that make, change and describe models.
 *
 * A model is a module (text of engine/nn/module.h) and versions of its weights (store).
 * None of these functions is STRICT: a NULL argument is an error, because silently doing nothing
 * would be worse.
 */
#include "postgres.h"

#include "api/call.h"

#include "fmgr.h"
#include "funcapi.h"
#include "job/create.h"
#include "job/state_dict.h"
#include "job/summary.h"
#include "store/model.h"
#include "store/privilege.h"
#include "store/tables.h"

#include "compat.h"

/*
 * pgtorch_create_model(name text, module nn.module, seed bigint, or_replace boolean) returns void
 *
 * Version 1 has the weights that PyTorch's constructors draw after torch.manual_seed(seed).
 */
PG_FUNCTION_INFO_V1(pgtorch_create_model);
Datum
pgtorch_create_model(PG_FUNCTION_ARGS)
{
	char *name = pgt_arg_text(fcinfo, 0, "name");
	char *module = pgt_arg_text(fcinfo, 1, "module");

	pgt_arg_require(fcinfo, 2, "seed");
	pgt_arg_require(fcinfo, 3, "or_replace");
	pgt_catalog_check_writable("pgtorch_create_model()");
	pgt_create(name, module, PG_GETARG_INT64(2), PG_GETARG_BOOL(3));
	PG_RETURN_VOID();
}

/*
 * pgtorch_drop_model(name text, if_exists boolean) returns void
 */
PG_FUNCTION_INFO_V1(pgtorch_drop_model);
Datum
pgtorch_drop_model(PG_FUNCTION_ARGS)
{
	char *name = pgt_arg_text(fcinfo, 0, "name");
	PgtModel model;

	pgt_arg_require(fcinfo, 1, "if_exists");
	pgt_catalog_check_writable("pgtorch_drop_model()");
	if (pgt_model_open_to_change(&model, name, ACL_NO_RIGHTS, AccessExclusiveLock,
								 PG_GETARG_BOOL(1)))
		pgt_model_drop(&model);
	else
		ereport(NOTICE, (errmsg("model \"%s\" does not exist, skipping", name)));
	PG_RETURN_VOID();
}

/*
 * pgtorch_rename_model(name text, new_name text) returns void
 */
PG_FUNCTION_INFO_V1(pgtorch_rename_model);
Datum
pgtorch_rename_model(PG_FUNCTION_ARGS)
{
	char *name = pgt_arg_text(fcinfo, 0, "name");
	char *new_name = pgt_arg_text(fcinfo, 1, "new_name");
	PgtModel model;

	pgt_catalog_check_writable("pgtorch_rename_model()");
	pgt_model_open_to_change(&model, name, ACL_NO_RIGHTS, RowExclusiveLock, false);
	pgt_model_rename(&model, new_name);
	PG_RETURN_VOID();
}

/*
 * pgtorch_deploy(model text, version integer) returns void
 */
PG_FUNCTION_INFO_V1(pgtorch_deploy);
Datum
pgtorch_deploy(PG_FUNCTION_ARGS)
{
	char *name = pgt_arg_text(fcinfo, 0, "model");
	PgtModel model;

	pgt_arg_require(fcinfo, 1, "version");
	pgt_catalog_check_writable("pgtorch_deploy()");
	pgt_model_open_to_change(&model, name, ACL_UPDATE, RowExclusiveLock, false);
	pgt_model_deploy(&model, PG_GETARG_INT32(1));
	PG_RETURN_VOID();
}

/*
 * pgtorch_grant(model text, role text, privilege text) returns void
 */
PG_FUNCTION_INFO_V1(pgtorch_grant);
Datum
pgtorch_grant(PG_FUNCTION_ARGS)
{
	char *name = pgt_arg_text(fcinfo, 0, "model");
	char *role = pgt_arg_text(fcinfo, 1, "role");
	char *privilege = pgt_arg_text(fcinfo, 2, "privilege");

	pgt_catalog_check_writable("pgtorch_grant()");
	pgt_model_grant(name, role, privilege, true);
	PG_RETURN_VOID();
}

/*
 * pgtorch_revoke(model text, role text, privilege text) returns void
 */
PG_FUNCTION_INFO_V1(pgtorch_revoke);
Datum
pgtorch_revoke(PG_FUNCTION_ARGS)
{
	char *name = pgt_arg_text(fcinfo, 0, "model");
	char *role = pgt_arg_text(fcinfo, 1, "role");
	char *privilege = pgt_arg_text(fcinfo, 2, "privilege");

	pgt_catalog_check_writable("pgtorch_revoke()");
	pgt_model_grant(name, role, privilege, false);
	PG_RETURN_VOID();
}

/*
 * pgtorch_summary(model text) returns table(layer text, module text, output_shape text, parameters
 * bigint)
 */
PG_FUNCTION_INFO_V1(pgtorch_summary);
Datum
pgtorch_summary(PG_FUNCTION_ARGS)
{
	char *reference = pgt_arg_text(fcinfo, 0, "model");
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	pgt_summary(reference, result->setResult, result->setDesc);
	return (Datum) 0;
}

/*
 * pgtorch_state_dict(model text) returns table(name text, value tensor)
 *
 * Parameters and buffers in PyTorch's order; model may be 'm@3'.
 */
PG_FUNCTION_INFO_V1(pgtorch_state_dict);
Datum
pgtorch_state_dict(PG_FUNCTION_ARGS)
{
	char *reference = pgt_arg_text(fcinfo, 0, "model");
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	pgt_state_dict(reference, result->setResult, result->setDesc);
	return (Datum) 0;
}

/*
 * pgtorch_load_state_dict(model text, source text, strict boolean) returns integer
 *
 * Returns the new version, which is deployed.
 */
PG_FUNCTION_INFO_V1(pgtorch_load_state_dict);
Datum
pgtorch_load_state_dict(PG_FUNCTION_ARGS)
{
	char *reference = pgt_arg_text(fcinfo, 0, "model");
	char *source = pgt_arg_text(fcinfo, 1, "source");

	pgt_arg_require(fcinfo, 2, "strict");
	pgt_catalog_check_writable("pgtorch_load_state_dict()");
	PG_RETURN_INT32(pgt_state_dict_load(reference, source, PG_GETARG_BOOL(2)));
}
