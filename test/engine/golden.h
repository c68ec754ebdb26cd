/*
 * golden.h
 *	  Reads the fixtures that test/golden/generate.py wrote with PyTorch, which says what is in them.
 *
 *		Golden f;
 *		golden_open(&f, "test/golden/losses");		a file, or a folder: all of its files
 *		while (golden_case(&f))
 *		{
 *			golden_text(&f, "kind");					NULL if there is no such line
 *			golden_tensor(&f, "value", &tensor);		false if there is none; elements in f.arena
 *		}
 *		golden_close(&f);
 *
 * A line that cannot be read, and a tensor with more or fewer elements than its shape says, fail a CHECK.
 * Tests run from the root of the source tree.
 */
#ifndef PT_GOLDEN_H
#define PT_GOLDEN_H

#include <stdlib.h>
#include <string.h>

#include "engine/check.h"
#include "engine/data/tensor.h"

/* A line "key: text" or "key dtype[sizes]: elements", cut at the colon. */
typedef struct GoldenLine
{
	char *key;
	char *value;
} GoldenLine;

typedef struct Golden
{
	PtArena *arena;
	const char *path;
	char *text;
	char *next;		   /* where the next case begins */
	const char *name;  /* of the case */
	GoldenLine *lines; /* of the case */
	int nlines, size;
} Golden;

/* A fixture, or all of a folder; false after a failed check. */
extern bool golden_open(Golden *f, const char *path);
extern void golden_close(Golden *f);

/* Goes on to the next case; false at the end. */
extern bool golden_case(Golden *f);

extern const char *golden_text(Golden *f, const char *key);
extern bool golden_tensor(Golden *f, const char *key, PtTensor *out);

#endif
