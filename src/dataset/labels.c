/*
 * labels.c
 *	  Labels of a class, and the class index of each.
 *
 * A hash table from the value's key to its index.  The key of text is its bytes (char(n) without
 * the padding), the key of an enum its Oid.  Open addressing, half full at most.  Booleans need no
 * table: both labels are always there.
 *
 * Memory: all in the context given to pgt_labels_new.
 * Errors: too many labels (54000).
 */
#include "postgres.h"

#include "dataset/labels.h"

#include "compat.h"

#include "access/htup_details.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "dataset/decode.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

typedef struct Label
{
	const char *key;
	uint32 len;
	uint32 hash;
	int64 index;
} Label;

/* What a label sorts by, once all are known. */
typedef struct Order
{
	char *text;
	float4 rank; /* of an enum value; 0 for text */
	int64 index; /* provisional */
} Order;

struct PgtLabels
{
	MemoryContext cxt;
	Oid type;
	bool is_enum;
	bool fixed; /* known beforehand: nothing is added */
	int64 boolean[2];

	int nknown;
	char **known;

	Label *label; /* in order of appearance */
	int n;
	int space;
	Size bytes;
	int32 *slot; /* 0 empty, else position in label + 1; nslot is a power of 2 */
	uint32 nslot;
};

bool
pgt_labels_type(Oid type)
{
	switch (type)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case NAMEOID:
		case BOOLOID:
			return true;
		default:
			return type_is_enum(type);
	}
}

static void
grow(PgtLabels *l)
{
	uint32 nslot = l->nslot * 2;
	int32 *slot = MemoryContextAllocZero(l->cxt, nslot * sizeof(int32));

	for (int i = 0; i < l->n; i++)
	{
		uint32 at = l->label[i].hash & (nslot - 1);

		while (slot[at] != 0)
			at = (at + 1) & (nslot - 1);
		slot[at] = i + 1;
	}
	l->label = repalloc(l->label, (nslot / 2) * sizeof(Label));
	pfree(l->slot);
	l->slot = slot;
	l->nslot = nslot;
	l->space = nslot / 2;
}

/* The label of a key; with index >= 0 it is added if it is missing, else the answer is NULL. */
static Label *
find_or_add(PgtLabels *l, const char *key, uint32 len, int64 index)
{
	uint32 hash = hash_bytes((const unsigned char *) key, (int) len);
	uint32 at = hash & (l->nslot - 1);
	Label *label;
	char *copy;

	while (l->slot[at] != 0)
	{
		label = &l->label[l->slot[at] - 1];
		if (label->hash == hash && label->len == len && memcmp(label->key, key, len) == 0)
			return label;
		at = (at + 1) & (l->nslot - 1);
	}
	if (index < 0)
		return NULL;

	l->bytes += len;
	if (l->n >= PGT_MAX_LABELS || l->bytes > PGT_MAX_LABEL_BYTES)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many distinct labels in the target column"),
				 errdetail("The limits are %d labels and %d bytes of them together.", PGT_MAX_LABELS,
						   PGT_MAX_LABEL_BYTES)));
	if (l->n == l->space)
	{
		grow(l);
		at = hash & (l->nslot - 1);
		while (l->slot[at] != 0)
			at = (at + 1) & (l->nslot - 1);
	}
	copy = MemoryContextAlloc(l->cxt, len + 1);
	memcpy(copy, key, len);
	copy[len] = '\0';
	label = &l->label[l->n];
	*label = (Label){copy, len, hash, index};
	l->slot[at] = ++l->n;
	return label;
}

/* The sort position and the name of an enum value. */
static char *
enum_label(Oid value, float4 *rank)
{
	HeapTuple tuple = SearchSysCache1(ENUMOID, ObjectIdGetDatum(value));
	Form_pg_enum form;
	char *text;

	if (!HeapTupleIsValid(tuple))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("invalid internal value for enum: %u", value)));
	form = (Form_pg_enum) GETSTRUCT(tuple);
	*rank = form->enumsortorder;
	text = pstrdup(NameStr(form->enumlabel));
	ReleaseSysCache(tuple);
	return text;
}

PgtLabels *
pgt_labels_new(MemoryContext cxt, Oid type, int n, const char *const *known)
{
	PgtLabels *l = MemoryContextAllocZero(cxt, sizeof(PgtLabels));

	l->cxt = cxt;
	l->type = type;
	l->is_enum = type_is_enum(type);
	l->nslot = 64;
	l->space = l->nslot / 2;
	l->slot = MemoryContextAllocZero(cxt, l->nslot * sizeof(int32));
	l->label = MemoryContextAlloc(cxt, l->space * sizeof(Label));
	l->boolean[1] = 1;
	if (n <= 0)
		return l;

	l->fixed = true;
	l->nknown = n;
	l->known = MemoryContextAlloc(cxt, n * sizeof(char *));
	l->boolean[0] = l->boolean[1] = -1;
	for (int i = 0; i < n; i++)
	{
		l->known[i] = MemoryContextStrdup(cxt, known[i]);
		if (type == BOOLOID)
		{
			if (strcmp(known[i], "false") == 0)
				l->boolean[0] = i;
			else if (strcmp(known[i], "true") == 0)
				l->boolean[1] = i;
		}
		else if (l->is_enum)
		{
			/* a label that the type does not have cannot appear either */
			HeapTuple tuple;
			Oid value;

			if (strlen(known[i]) >= NAMEDATALEN)
				continue;
			tuple =
				SearchSysCache2(ENUMTYPOIDNAME, ObjectIdGetDatum(type), CStringGetDatum(known[i]));
			if (!HeapTupleIsValid(tuple))
				continue;
			value = ((Form_pg_enum) GETSTRUCT(tuple))->oid;
			ReleaseSysCache(tuple);
			find_or_add(l, (const char *) &value, sizeof(Oid), i);
		}
		else
			find_or_add(l, known[i], strlen(known[i]), i);
	}
	return l;
}

/* Borrows the bytes of a text-like value; *copy is what must be freed afterwards, or NULL. */
static const char *
text_bytes(const PgtLabels *l, Datum value, uint32 *len, void **copy)
{
	struct varlena *v;

	*copy = NULL;
	if (l->type == NAMEOID)
	{
		const char *s = NameStr(*DatumGetName(value));

		*len = strlen(s);
		return s;
	}
	v = pg_detoast_datum_packed((struct varlena *) DatumGetPointer(value));
	if (v != (struct varlena *) DatumGetPointer(value))
		*copy = v;
	*len = VARSIZE_ANY_EXHDR(v);
	if (l->type == BPCHAROID)
		*len = bpchartruelen(VARDATA_ANY(v), *len);
	return VARDATA_ANY(v);
}

int64
pgt_labels_index(PgtLabels *l, Datum value)
{
	int64 next = l->fixed ? -1 : l->n;
	const char *key;
	uint32 len;
	void *copy;
	Label *label;

	if (l->type == BOOLOID)
		return l->boolean[DatumGetBool(value) ? 1 : 0];
	if (l->is_enum)
	{
		Oid oid = DatumGetObjectId(value);

		label = find_or_add(l, (const char *) &oid, sizeof(Oid), next);
		return label ? label->index : -1;
	}
	key = text_bytes(l, value, &len, &copy);
	label = find_or_add(l, key, len, next);
	if (copy != NULL)
		pfree(copy);
	return label ? label->index : -1;
}

char *
pgt_labels_text(const PgtLabels *l, Datum value)
{
	const char *key;
	uint32 len;
	void *copy;
	float4 rank;

	if (l->type == BOOLOID)
		return pstrdup(DatumGetBool(value) ? "true" : "false");
	if (l->is_enum)
		return enum_label(DatumGetObjectId(value), &rank);
	key = text_bytes(l, value, &len, &copy);
	return pnstrdup(key, len);
}

static int
compare(const void *a, const void *b)
{
	const Order *x = a;
	const Order *y = b;

	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	return strcmp(x->text, y->text);
}

char **
pgt_labels_sort(PgtLabels *l, int *n, int64 **remap)
{
	MemoryContext old = MemoryContextSwitchTo(l->cxt);
	Order *order;
	char **text;
	bool sorted = true;

	*remap = NULL;
	if (l->fixed)
	{
		*n = l->nknown;
		text = l->known;
	}
	else if (l->type == BOOLOID)
	{
		*n = 2;
		text = palloc(2 * sizeof(char *));
		text[0] = pstrdup("false");
		text[1] = pstrdup("true");
	}
	else
	{
		*n = l->n;
		order = palloc(Max(l->n, 1) * sizeof(Order));
		text = palloc(Max(l->n, 1) * sizeof(char *));
		for (int i = 0; i < l->n; i++)
		{
			order[i].index = i;
			order[i].rank = 0;
			if (l->is_enum)
			{
				Oid oid;

				memcpy(&oid, l->label[i].key, sizeof(Oid));
				order[i].text = enum_label(oid, &order[i].rank);
			}
			else
				order[i].text = unconstify(char *, l->label[i].key);
		}
		qsort(order, l->n, sizeof(Order), compare);
		*remap = palloc(Max(l->n, 1) * sizeof(int64));
		for (int i = 0; i < l->n; i++)
		{
			text[i] = order[i].text;
			(*remap)[order[i].index] = i;
			sorted &= order[i].index == i;
		}
		pfree(order);
		if (sorted)
			*remap = NULL;
	}
	MemoryContextSwitchTo(old);
	return text;
}
