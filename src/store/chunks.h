/*
 * chunks.h
 *	  The storage table of a model: weights in chunks, one row a page.
 *
 * pgtorch_store.m_<id> (checkpoint, param, seq, data), primary key (checkpoint, param, seq),
 * belongs to the model's owner, who may do to it whatever he may do to a table.  So nothing about
 * it is trusted: it is opened by OID and checked (columns, index, no triggers, rules, row-level
 * security), read by an ordered index scan and written by table calls, never by SQL; and what was
 * read is validated.
 *
 * A parameter's bytes are its elements in C order, little-endian; chunk seq (0, 1, ...) of a
 * parameter follows on chunk seq - 1.  A reader takes chunks of any size.
 */
#ifndef PGT_CHUNKS_H
#define PGT_CHUNKS_H

#include "postgres.h"

#include "storage/lock.h"
#include "utils/snapshot.h"

/* With 8 kB pages, a row of 8064 bytes fills one. */
#define PGT_CHUNK_BYTES (BLCKSZ - 128)

/*
 * Makes the storage table of a model, owned by the current user, who needs no privilege on the
 * schema.
 */
extern Oid pgt_storage_create(int64 model);

/* Whether this is the table that a model was given: false once it was dropped, renamed or moved. */
extern bool pgt_storage_exists(Oid storage, int64 model);

/* Whether the name of a model's storage table is in use already. */
extern bool pgt_storage_is_taken(int64 model);

/* Drops the table; the caller holds AccessExclusiveLock and has checked ownership. */
extern void pgt_storage_drop(Oid storage);

/* Deletes every chunk; the caller holds a lock that keeps trainers out. */
extern void pgt_storage_clear(Oid storage, const char *model, Snapshot snapshot);

/*
 * Writing the parameters of one checkpoint, in order.  size is the size of an element, for byte
 * order. Both kinds of cursor live in the current memory context and belong to the current resource
 * owner; model is its name and version its number, for messages.
 */
typedef struct PgtWriter PgtWriter;
extern PgtWriter *pgt_writer_open(Oid storage, const char *model, int64 checkpoint);
extern void pgt_writer_param(PgtWriter *writer, const void *data, size_t bytes, size_t size);
extern void pgt_writer_close(PgtWriter *writer);

/*
 * Reading the parameters of one checkpoint, in order: each must have exactly the wanted bytes, and
 * after the last there must be nothing left, else XX001.
 */
typedef struct PgtValuesReader PgtValuesReader;
extern PgtValuesReader *pgt_values_open(Oid storage, const char *model, int32 version,
										int64 checkpoint, Snapshot snapshot);
extern void pgt_values_param(PgtValuesReader *reader, void *data, size_t bytes, size_t size);
extern void pgt_values_close(PgtValuesReader *reader);

#endif
