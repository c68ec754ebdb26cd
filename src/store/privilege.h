/*
 * privilege.h
 *	  Granting and revoking privileges on models.
 */
#ifndef PGT_PRIVILEGE_H
#define PGT_PRIVILEGE_H

#include "postgres.h"

/*
 * GRANT or REVOKE on the storage table, as the current user would say it in SQL; privilege is "predict" or "train", role
 * may be "public".
 */
extern void pgt_model_grant(const char *model, const char *role, const char *privilege, bool grant);

#endif
