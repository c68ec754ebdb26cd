/*
 * library.h
 *	  Devices that live in a library of their own, opened when one is first asked for.
 *
 * Free of PostgreSQL, so that the engine's tests use it too.
 */
#ifndef PGT_LIBRARY_H
#define PGT_LIBRARY_H

#include "engine/plan/device.h"

/*
 * The device "cuda" of the library at path; NULL after filling err if it is not there, needs something that is not
 * there, or belongs to another version.  It stays open: neither CUDA nor its threads can be unloaded.
 * Blocks no signals; the caller does.
 */
extern const PtDeviceType *pgt_library_open(const char *path, PtError *err);
/* Whether a library's type (NULL: it has none) was built from the sources that this was. */
extern bool pgt_library_fits(const PtDeviceType *type, const char *path, PtError *err);

#endif
