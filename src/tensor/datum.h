/*
 * datum.h
 *	  A tensor as a PostgreSQL datum.
 *
 * The elements follow the header and the sizes at the next multiple of 8; padding is zero.  The
 * type has alignment double and storage external, so a detoasted datum can be computed on in place.
 */
#ifndef PGT_DATUM_H
#define PGT_DATUM_H

#include "postgres.h"

#include "fmgr.h"

#include "compat.h"
#include "engine/data/tensor.h"

#define PGT_TENSOR_VERSION 1

typedef struct PgtTensor
{
	int32 vl_len_; /* varlena header: never touch directly */
	uint8 version;
	uint8 dtype; /* a PtDtype */
	uint8 ndim;
	uint8 flags; /* zero */
	int32 dim[FLEXIBLE_ARRAY_MEMBER];
} PgtTensor;

/* Bytes before the elements. */
#define PGT_TENSOR_HEADER(ndim) TYPEALIGN(8, offsetof(PgtTensor, dim) + (ndim) * sizeof(int32))

/* The OID of type tensor; InvalidOid if the extension is not there (any more). */
extern Oid pgt_tensor_oid(void);
extern bool pgt_tensor_is_type(Oid type);

static inline void *
pgt_tensor_data(const PgtTensor *t)
{
	return (char *) t + PGT_TENSOR_HEADER(t->ndim);
}

/*
 * Detoasts and checks; XX001 if what is stored is not a tensor.  A copy only if it was toasted or
 * short.
 */
extern PgtTensor *pgt_tensor_from_datum(Datum datum);

#define PG_GETARG_TENSOR(n) pgt_tensor_from_datum(PG_GETARG_DATUM(n))
#define PG_RETURN_TENSOR(t) PG_RETURN_POINTER(t)

/* Describes the tensor; out->data points into it. */
extern void pgt_tensor_view(const PgtTensor *t, PtTensor *out);

/*
 * Both in one: describes the datum, and returns what the caller must pfree when done with
 * out->data, or NULL if that points into the datum itself.
 */
extern PgtTensor *pgt_tensor_open(Datum datum, PtTensor *out);

/* dtype and shape alone, fetching no more than the header of a toasted datum; data is NULL. */
extern void pgt_tensor_describe(Datum datum, PtTensor *out);

/*
 * A new datum in the current memory context, all elements zero; 54000 when it would be too large.
 * It is described in *out, to be filled through out->data.
 */
extern PgtTensor *pgt_tensor_make(PtDtype dtype, const PtShape *shape, PtTensor *out);

/* The same with elements not set, for callers that write all of them. */
extern PgtTensor *pgt_tensor_result(PtDtype dtype, const PtShape *shape, PtTensor *out);

/* A datum with a copy of t. */
extern PgtTensor *pgt_tensor_from(const PtTensor *t);

/* Raises 54000 when a tensor of that dtype and shape would be too large to be a datum. */
extern void pgt_tensor_check_size(PtDtype dtype, const PtShape *shape);

/* Text: reading, and printing into one palloc'ed string. */
extern PgtTensor *pgt_tensor_read(const char *text);
extern char *pgt_tensor_print(const PgtTensor *t);

/* The binary form of clients; what comes in must fit the type modifier (-1: any). */
extern PgtTensor *pgt_tensor_decode(const char *bytes, Size length, int32 typmod);
extern bytea *pgt_tensor_encode(const PgtTensor *t);

/* Order and hash of engine/data/tensor.h, interruptible. */
extern int pgt_tensor_compare(const PgtTensor *a, const PgtTensor *b);
extern uint64 pgt_tensor_hash(const PgtTensor *t, uint64 seed);

#endif
