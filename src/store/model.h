/*
 * model.h
 *	  Models by name: looking them up, checking privileges, making, changing and dropping them.
 *
 * A model is a row of pgtorch.model and a storage table, whose privileges are the model's.  Its
 * weights are its checkpoints (checkpoint.h), versions 1, 2, ...; the deployed one is what 'name'
 * means, 'name@3' is version 3.
 *
 * Errors: 42602 a bad name (42622: too long), 42704 an unknown model or version, 42501 no
 * privilege, 42710 a name that is taken, 40001 a concurrent change in a transaction that may not
 * see it.
 */
#ifndef PGT_MODEL_H
#define PGT_MODEL_H

#include "postgres.h"

#include "storage/lock.h"
#include "utils/acl.h"

#define PGT_HASH_BYTES 32

typedef struct PgtModel
{
	int64 id;
	char name[NAMEDATALEN];
	Oid storage;
	int32 deployed;	  /* version */
	int32 version;	  /* that the reference names: the deployed one unless it says otherwise */
	int64 checkpoint; /* id of that version; never used again for another */
	uint8 hash[PGT_HASH_BYTES]; /* of that version: equal hashes predict the same (checkpoint.h) */
	bool latest;				/* opened to be changed: reads what is committed now */
} PgtModel;

/*
 * Opens 'm' or 'm@3' for prediction (privilege SELECT on the storage), as the statement's snapshot
 * sees it.  Takes no lock, costs two index lookups: once a statement is often enough.
 */
extern void pgt_model_open(PgtModel *model, const char *reference);

/*
 * Opens 'm' or 'm@3' to add a version (privilege UPDATE): waits for another trainer, then sees what
 * that one left.  Holds ShareUpdateExclusiveLock on the storage to the end of the transaction.  A
 * change since the snapshot of a REPEATABLE READ or SERIALIZABLE transaction is 40001.  Not while
 * in parallel mode.
 */
extern void pgt_model_open_to_train(PgtModel *model, const char *reference);

/*
 * Opens 'm' (no version) for a change: with a privilege, or with ACL_NO_RIGHTS for its owner only.
 * False if there is no such model and missing_ok.  Holds the lock on the storage to the end of the
 * transaction.
 */
extern bool pgt_model_open_to_change(PgtModel *model, const char *name, AclMode acl, LOCKMODE lock,
									 bool missing_ok);

/* The module, as text; needs no privilege beyond the open. */
extern char *pgt_model_module(const PgtModel *model);

/*
 * Makes a model without a version: the caller writes version 1 with pgt_checkpoint_write (deploying
 * it).  With or_replace an existing model of the caller's loses its versions and runs, but keeps
 * its privileges.
 */
extern void pgt_model_create(PgtModel *model, const char *name, const char *module,
							 bool or_replace);

/* Of a model that is open to change, for its owner. */
extern void pgt_model_drop(const PgtModel *model);
extern void pgt_model_rename(const PgtModel *model, const char *new_name);

/* Makes a version the deployed one, 42704 if there is none; of a model that is open to train or change. */
extern void pgt_model_deploy(const PgtModel *model, int32 version);

/*
 * Finds a version with the model's snapshot: fills version, checkpoint and hash; false if there is
 * none.
 */
extern bool pgt_model_find_version(PgtModel *model, int32 version);
/*
 * Of a model that is open to train, after the caller's query in that argument has run: 55006 if the version is not
 * the one that was opened.  The lock keeps others from replacing or dropping the model, but not functions that the
 * query calls.
 */
extern void pgt_model_check_unchanged(const PgtModel *model, const char *argument);
/* The newest version, 0 if there is none. */
extern int32 pgt_model_newest_version(const PgtModel *model);

#endif
