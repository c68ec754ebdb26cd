/*
 * bridge.c
 *	  Errors and memory between the engine and PostgreSQL.
 */
#include "postgres.h"

#include "bridge/bridge.h"

#include "mb/pg_wchar.h"
#include "utils/memutils.h"

static int
sqlstate(PtCode code)
{
	switch (code)
	{
		case PT_OK:
		case PT_EINTERNAL:
			break;
		case PT_EINVAL:
		case PT_ESHAPE:
			return ERRCODE_INVALID_PARAMETER_VALUE;
		case PT_ETYPE:
			return ERRCODE_DATATYPE_MISMATCH;
		case PT_ESYNTAX:
			return ERRCODE_INVALID_TEXT_REPRESENTATION;
		case PT_EBINARY:
			return ERRCODE_INVALID_BINARY_REPRESENTATION;
		case PT_ERANGE:
			return ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE;
		case PT_EZERODIV:
			return ERRCODE_DIVISION_BY_ZERO;
		case PT_ENAME:
			return ERRCODE_UNDEFINED_OBJECT;
		case PT_EDATA:
		case PT_EDIVERGED:
			return ERRCODE_DATA_EXCEPTION;
		case PT_ELIMIT:
			return ERRCODE_PROGRAM_LIMIT_EXCEEDED;
		case PT_ENOMEM:
			return ERRCODE_OUT_OF_MEMORY;
		case PT_EUNSUPPORTED:
			return ERRCODE_FEATURE_NOT_SUPPORTED;
		case PT_EDEVICE:
			return ERRCODE_SYSTEM_ERROR;
	}
	return ERRCODE_INTERNAL_ERROR;
}

/* The engine cuts long texts by bytes: without what is left of a character that it cut, which no client could read. */
static const char *
whole_characters(const char *message)
{
	int left = strlen(message);
	char *copy = palloc(left + 1);
	char *to = copy;

	while (left > 0)
	{
		int n = pg_encoding_verifymbchar(GetDatabaseEncoding(), message, left);

		if (n > 0)
		{
			memcpy(to, message, n);
			to += n;
		}
		n = Max(n, 1);
		message += n;
		left -= n;
	}
	*to = '\0';
	return copy;
}

void
pgt_raise(const PtError *err)
{
	ereport(ERROR,
			(errcode(sqlstate(err->code)),
			 errmsg_internal("%s", whole_characters(err->message)),
			 err->detail[0] ? errdetail_internal("%s", whole_characters(err->detail)) : 0,
			 err->hint[0] ? errhint("%s", whole_characters(err->hint)) : 0));
	pg_unreachable();
}

typedef struct Release
{
	MemoryContextCallback callback;
	void (*release)(void *);
	void *arg;
} Release;

static void
run_release(void *arg)
{
	Release *r = arg;

	r->release(r->arg);
}

void
pgt_release_with(MemoryContext cxt, void (*release)(void *), void *arg)
{
	Release *r;

	/* the caller hands over: if even this fails, what it hands over must not leak */
	r = MemoryContextAllocExtended(cxt, sizeof(Release), MCXT_ALLOC_NO_OOM);
	if (r == NULL)
	{
		release(arg);
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	}
	r->release = release;
	r->arg = arg;
	r->callback.func = run_release;
	r->callback.arg = r;
	MemoryContextRegisterResetCallback(cxt, &r->callback);
}

static void
release_arena(void *arena)
{
	pt_arena_free(arena);
}

PtArena *
pgt_arena_new(MemoryContext cxt)
{
	PtArena *arena = pt_arena_new();

	if (arena == NULL)
		ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
	pgt_release_with(cxt, release_arena, arena);
	return arena;
}
