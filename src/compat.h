/*
 * compat.h
 *	  What differs between PostgreSQL 15 and 18.
 *
 * The only place that tests PG_VERSION_NUM.  bridge/bridge.h brings it; besides, every file includes it that
 * defines an SQL-callable function or another symbol that PostgreSQL looks up by name.
 */
#ifndef PGT_COMPAT_H
#define PGT_COMPAT_H

#include "postgres.h"

#include "fmgr.h"

#if PG_VERSION_NUM < 150000
#error "pgtorch needs PostgreSQL 15 or later"
#endif

/* The VARDATA macros left postgres.h. */
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* 18 has pg_noreturn instead, at the other end of a declaration. */
#if PG_VERSION_NUM >= 180000
#define pg_attribute_noreturn() __attribute__((noreturn))
#endif

/*
 * Symbols are hidden unless marked.  PostgreSQL 16 and later mark what fmgr looks up; 15 leaves
 * PGDLLEXPORT empty and PG_FUNCTION_INFO_V1 without it.
 */
#if PG_VERSION_NUM < 160000
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))

#undef PG_FUNCTION_INFO_V1
#define PG_FUNCTION_INFO_V1(name)                                               \
	extern PGDLLEXPORT Datum name(PG_FUNCTION_ARGS);                            \
	extern PGDLLEXPORT const Pg_finfo_record *CppConcat(pg_finfo_, name)(void); \
	const Pg_finfo_record *CppConcat(pg_finfo_, name)(void)                     \
	{                                                                           \
		static const Pg_finfo_record record = {1};                              \
                                                                                \
		return &record;                                                         \
	}                                                                           \
	extern int no_such_variable

extern PGDLLEXPORT void _PG_init(void);
#endif

/* Privilege checks: 16 has one function for all kinds of objects. */
#if PG_VERSION_NUM < 160000
#define pgt_tablespace_aclcheck(oid, role, mode) pg_tablespace_aclcheck(oid, role, mode)
#define pgt_class_ownercheck(oid, role) pg_class_ownercheck(oid, role)
#else
#define pgt_tablespace_aclcheck(oid, role, mode) \
	object_aclcheck(TableSpaceRelationId, oid, role, mode)
#define pgt_class_ownercheck(oid, role) object_ownercheck(RelationRelationId, oid, role)
#endif

/* An index of a table that is being made, without checks of privileges: 16 added the number of partitions. */
#if PG_VERSION_NUM < 160000
#define pgt_define_index(relid, stmt) \
	DefineIndex(relid, stmt, InvalidOid, InvalidOid, InvalidOid, false, false, false, false, true)
#else
#define pgt_define_index(relid, stmt)                                                            \
	DefineIndex(relid, stmt, InvalidOid, InvalidOid, InvalidOid, -1, false, false, false, false, \
				true)
#endif

#endif
