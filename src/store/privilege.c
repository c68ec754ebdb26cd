/*
 * privilege.c
 *	  Granting and revoking privileges on models: they are those on the storage table.
 */
#include "postgres.h"

#include "store/privilege.h"

#include "nodes/makefuncs.h"
#include "store/model.h"
#include "utils/lsyscache.h"

static const struct
{
	const char *name;
	AclMode mode;
	const char *sql;
} privileges[] = {
	{"predict", ACL_SELECT, "select"},
	{"train", ACL_UPDATE, "update"},
};

void
pgt_model_grant(const char *name, const char *role, const char *privilege, bool grant)
{
	PgtModel model;
	AccessPriv *access = makeNode(AccessPriv);
	RoleSpec *grantee = makeNode(RoleSpec);
	GrantStmt *stmt = makeNode(GrantStmt);
	int i = 0;

	while (i < lengthof(privileges) && strcmp(privileges[i].name, privilege) != 0)
		i++;
	if (i == lengthof(privileges))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unrecognized privilege \"%s\"", privilege),
				 errhint("The privileges are \"predict\" and \"train\".")));
	pgt_model_open_to_change(&model, name, ACL_GRANT_OPTION_FOR(privileges[i].mode),
							 RowExclusiveLock, false);

	access->priv_name = pstrdup(privileges[i].sql);
	if (strcmp(role, "public") == 0)
		grantee->roletype = ROLESPEC_PUBLIC;
	else
	{
		grantee->roletype = ROLESPEC_CSTRING;
		grantee->rolename = pstrdup(role);
	}
	grantee->location = -1;

	stmt->is_grant = grant;
	stmt->targtype = ACL_TARGET_OBJECT;
	stmt->objtype = OBJECT_TABLE;
	stmt->objects = list_make1(makeRangeVar("pgtorch_store", get_rel_name(model.storage), -1));
	stmt->privileges = list_make1(access);
	stmt->grantees = list_make1(grantee);
	stmt->behavior = DROP_RESTRICT;
	ExecuteGrantStmt(stmt);
}
