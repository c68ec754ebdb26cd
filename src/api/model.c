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

#include "bridge/bridge.h"
#include "bridge/device.h"
#include "store/checkpoint.h"
#include "store/model.h"
#include "store/tables.h"
#include "commands/extension.h"
#include "fmgr.h"
#include "funcapi.h"
#include "job/module.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "compat.h"

static bool
interrupted(void)
{
	return InterruptPending;
}

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
	char *text = pgt_arg_text(fcinfo, 1, "module");
	bool or_replace;
	PgtOpenModule module;
	PgtModel model;
	PgtCheckpoint checkpoint = {0};
	PtRng rng;
	void **data;
	char *canonical;
	PtError err;

	pgt_arg_require(fcinfo, 2, "seed");
	pgt_arg_require(fcinfo, 3, "or_replace");
	or_replace = PG_GETARG_BOOL(3);
	pgt_catalog_check_writable("pgtorch_create_model()");

	pgt_module_open(&module, text);
	if (module.root->type->loss != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s is a loss, a model needs a module that computes an output", module.root->type->name)));
	canonical = pt_module_print(module.arena, module.root, &err);
	pgt_check(canonical != NULL, &err);

	pgt_model_create(&model, name, canonical, or_replace);
	pgt_module_manifest(&module, &checkpoint);
	data = palloc(checkpoint.nparams * sizeof(void *) + 1);
	for (int i = 0; i < checkpoint.nparams; i++)
		data[i] = checkpoint.params[i].data;
	/* what stopped it need not be an error (a reload of the configuration): then from the beginning */
	do
	{
		CHECK_FOR_INTERRUPTS();
		pt_rng_seed(&rng, (uint64_t) PG_GETARG_INT64(2));
		rng.stop = interrupted;
		pgt_check(pt_module_init(module.root, &module.state, &rng, data, &err), &err);
	} while (rng.stopped);
	(void) pgt_checkpoint_write(&model, &checkpoint, true);
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
	int32 version;

	pgt_arg_require(fcinfo, 1, "version");
	version = PG_GETARG_INT32(1);
	pgt_catalog_check_writable("pgtorch_deploy()");
	pgt_model_open_to_change(&model, name, ACL_UPDATE, RowExclusiveLock, false);
	if (!pgt_model_find_version(&model, version))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("version %d of model \"%s\" does not exist", version, name),
				 errdetail("The newest version is %d.", pgt_model_newest_version(&model))));
	pgt_model_deploy(&model, version);
	PG_RETURN_VOID();
}

/* ---------------------------------------------------------------------------
 * Privileges
 * --------------------------------------------------------------------------- */

/* GRANT or REVOKE on the storage table, as the current user would say it in SQL. */
static void
change_privilege(FunctionCallInfo fcinfo, bool is_grant)
{
	char *name = pgt_arg_text(fcinfo, 0, "model");
	char *role = pgt_arg_text(fcinfo, 1, "role");
	char *privilege = pgt_arg_text(fcinfo, 2, "privilege");
	const char *sql_name;
	AclMode mode;
	PgtModel model;
	AccessPriv *access = makeNode(AccessPriv);
	RoleSpec *grantee = makeNode(RoleSpec);
	GrantStmt *stmt = makeNode(GrantStmt);

	if (strcmp(privilege, "predict") == 0)
	{
		mode = ACL_SELECT;
		sql_name = "select";
	}
	else if (strcmp(privilege, "train") == 0)
	{
		mode = ACL_UPDATE;
		sql_name = "update";
	}
	else
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unrecognized privilege \"%s\"", privilege),
				 errhint("The privileges are \"predict\" and \"train\".")));

	pgt_catalog_check_writable(is_grant ? "pgtorch_grant()" : "pgtorch_revoke()");
	pgt_model_open_to_change(&model, name, ACL_GRANT_OPTION_FOR(mode), RowExclusiveLock, false);

	access->priv_name = pstrdup(sql_name);
	if (strcmp(role, "public") == 0)
		grantee->roletype = ROLESPEC_PUBLIC;
	else
	{
		grantee->roletype = ROLESPEC_CSTRING;
		grantee->rolename = role;
	}
	grantee->location = -1;

	stmt->is_grant = is_grant;
	stmt->targtype = ACL_TARGET_OBJECT;
	stmt->objtype = OBJECT_TABLE;
	stmt->objects = list_make1(makeRangeVar("pgtorch_store", get_rel_name(model.storage), -1));
	stmt->privileges = list_make1(access);
	stmt->grantees = list_make1(grantee);
	stmt->behavior = DROP_RESTRICT;
	ExecuteGrantStmt(stmt);
}

/*
 * pgtorch_grant(model text, role text, privilege text) returns void
 */
PG_FUNCTION_INFO_V1(pgtorch_grant);
Datum
pgtorch_grant(PG_FUNCTION_ARGS)
{
	change_privilege(fcinfo, true);
	PG_RETURN_VOID();
}

/*
 * pgtorch_revoke(model text, role text, privilege text) returns void
 */
PG_FUNCTION_INFO_V1(pgtorch_revoke);
Datum
pgtorch_revoke(PG_FUNCTION_ARGS)
{
	change_privilege(fcinfo, false);
	PG_RETURN_VOID();
}

/* ---------------------------------------------------------------------------
 * Summary
 * --------------------------------------------------------------------------- */

/*
 * Elements of the module's own parameters (without buffers, and without its children's); own:
 * whether it has any state.
 */
static int64
own_parameters(const PgtOpenModule *module, const PtModule *m, bool *own)
{
	int64 n = 0;

	*own = false;
	for (int i = 0; i < module->state.count; i++)
	{
		const PtState *entry = &module->state.entries[i];

		if (entry->owner != m)
			continue;
		*own = true;
		if (entry->trainable)
			n += pt_shape_numel(&entry->shape);
	}
	return n;
}

/* "[N, 10]", N being the batch */
static char *
print_output(const PtShape *shape)
{
	StringInfoData s;

	initStringInfo(&s);
	appendStringInfoString(&s, "[N");
	for (int i = 0; i < shape->ndim; i++)
		appendStringInfo(&s, ", " INT64_FORMAT, shape->dim[i]);
	appendStringInfoChar(&s, ']');
	return s.data;
}

/* Output shapes by module, as a trial of the network tells them. */
typedef struct SeenShape
{
	const PtModule *module; /* key */
	PtShape shape;
} SeenShape;

/* What was seen, as a list: no ERROR may leave the engine while it calls. */
typedef struct Seen
{
	PtArena *arena;
	struct SeenLink
	{
		SeenShape shape;
		struct SeenLink *next;
	} * first;
	bool failed;
} Seen;

static void
note_shape(void *arg, const PtModule *m, const PtShape *row)
{
	Seen *seen = arg;
	struct SeenLink *link = pt_arena_alloc(seen->arena, sizeof(*link));

	seen->failed |= link == NULL;
	if (link == NULL)
		return;
	link->shape = (SeenShape){m, *row};
	link->next = seen->first;
	seen->first = link;
}

/* The output shape of each module, once data was seen; none before. */
static HTAB *
trace_shapes(const PgtOpenModule *module, const PgtCheckpoint *checkpoint)
{
	HASHCTL ctl = {.keysize = sizeof(PtModule *),
				   .entrysize = sizeof(SeenShape),
				   .hcxt = CurrentMemoryContext};
	HTAB *shapes = hash_create("pgtorch summary", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	PtShape *in = palloc(checkpoint->ninputs * sizeof(PtShape) + 1);
	Seen seen = {.arena = module->arena};
	PtShape out;
	PtError err;

	for (int i = 0; i < checkpoint->ninputs; i++)
		in[i] = checkpoint->inputs[i].shape;
	if (checkpoint->ninputs != pt_module_inputs(module->root))
		return shapes;
	pgt_check(pt_module_trace(module->root, in, checkpoint->ninputs, &out, note_shape, &seen, &err),
			  &err);
	if (seen.failed)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	/* a module that is called several times shows its first output, which is the last of the list */
	for (struct SeenLink *link = seen.first; link != NULL; link = link->next)
	{
		SeenShape *entry = hash_search(shapes, &link->shape.module, HASH_ENTER, NULL);

		entry->shape = link->shape.shape;
	}
	return shapes;
}

/* One row for each module that has no children or state of its own. */
static void
summarize(ReturnSetInfo *result, const PgtOpenModule *module, const PtModule *m, HTAB *shapes)
{
	PtError err;
	SeenShape *seen = hash_search(shapes, &m, HASH_FIND, NULL);
	bool own;
	int64 parameters = own_parameters(module, m, &own);

	check_stack_depth();
	if (m->nchildren == 0 || own)
	{
		Datum values[4];
		bool nulls[4] = {false};
		char *text =
			m->nchildren > 0 ? pstrdup(m->type->name) : pt_module_print(module->arena, m, &err);

		pgt_check(text != NULL, &err);
		values[0] = CStringGetTextDatum(m->path);
		values[1] = CStringGetTextDatum(text);
		values[2] = seen ? CStringGetTextDatum(print_output(&seen->shape)) : (Datum) 0;
		nulls[2] = seen == NULL;
		values[3] = Int64GetDatum(parameters);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	for (int i = 0; i < m->nchildren; i++)
		summarize(result, module, m->children[i], shapes);
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
	PgtModel model;
	PgtCheckpoint *checkpoint;
	PgtOpenModule module;

	pgt_model_open(&model, reference);
	checkpoint = pgt_checkpoint_get(&model);
	pgt_module_open(&module, pgt_model_module(&model));

	InitMaterializedSRF(fcinfo, 0);
	summarize((ReturnSetInfo *) fcinfo->resultinfo, &module, module.root,
			  trace_shapes(&module, checkpoint));
	return (Datum) 0;
}
