/*
 * type.c
 *	  Which type is tensor: it lives in whatever schema the extension was created in.
 *
 * The OID is cached in the backend, and looked up again after any type of that kind was changed or
 * dropped.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/syscache.h"

#include "tensor/datum.h"

static Oid tensor_oid = InvalidOid;
static bool callback_registered = false;

static void
forget(Datum arg, int cache, uint32 hash)
{
	tensor_oid = InvalidOid;
}

static Oid
extension_namespace(void)
{
	Oid extension = get_extension_oid("pgtorch", true);
	Oid namespace = InvalidOid;
	Relation rel;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple tuple;

	if (!OidIsValid(extension))
		return InvalidOid;
	rel = table_open(ExtensionRelationId, AccessShareLock);
	ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(extension));
	scan = systable_beginscan(rel, ExtensionOidIndexId, true, NULL, 1, &key);
	tuple = systable_getnext(scan);
	if (HeapTupleIsValid(tuple))
	namespace = ((Form_pg_extension) GETSTRUCT(tuple))->extnamespace;
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return namespace;
}

Oid
pgt_tensor_oid(void)
{
	if (!callback_registered)
	{
		CacheRegisterSyscacheCallback(TYPEOID, forget, (Datum) 0);
		callback_registered = true;
	}
	if (!OidIsValid(tensor_oid))
	{
		Oid namespace = extension_namespace();

		if (OidIsValid(namespace))
			tensor_oid = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("tensor"),
										 ObjectIdGetDatum(namespace));
	}
	return tensor_oid;
}

bool
pgt_tensor_is_type(Oid type)
{
	return OidIsValid(type) && type == pgt_tensor_oid();
}
