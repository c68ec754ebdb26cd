/*
 * golden.h
 *	  Reads the fixtures that test/golden/generate.py wrote with PyTorch.
 *
 *		Golden f;
 *		golden_open(&f, "test/golden/loss.txt");
 *		while (golden_case(&f))
 *		{
 *			golden_text(&f, "kind");					NULL if there is no such line
 *			golden_tensor(&f, "value", &tensor);		false if there is none; elements in f.arena
 *		}
 *		golden_close(&f);
 *
 * Tests run from the root of the source tree.
 */
#ifndef PT_GOLDEN_H
#define PT_GOLDEN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/check.h"
#include "engine/data/tensor.h"

typedef struct Golden
{
	PtArena *arena;
	char *text;
	char *next;		  /* where the next case begins */
	const char *name; /* of the case */
	char *lines[64];  /* of the case: key and, NUL-separated, what follows ": " */
	char *values[64];
	int nlines;
} Golden;

__attribute__((unused)) static bool
golden_open(Golden *f, const char *path)
{
	FILE *file = fopen(path, "r");
	long size;

	memset(f, 0, sizeof(*f));
	if (!CHECK(file != NULL, "%s cannot be opened", path))
		return false;
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	f->arena = pt_arena_new();
	f->text = pt_arena_alloc(f->arena, (size_t) size + 1);
	CHECK(fread(f->text, 1, (size_t) size, file) == (size_t) size, "%s cannot be read", path);
	fclose(file);
	f->next = f->text;
	return true;
}

__attribute__((unused)) static void
golden_close(Golden *f)
{
	pt_arena_free(f->arena);
}

/* Goes on to the next case; false at the end. */
__attribute__((unused)) static bool
golden_case(Golden *f)
{
	char *line = f->next;

	f->name = NULL;
	f->nlines = 0;
	while (line != NULL && *line != '\0')
	{
		char *end = strchr(line, '\n');
		bool begins = strncmp(line, "case ", 5) == 0;

		if (begins && f->name != NULL)
			break;
		if (end != NULL)
			*end++ = '\0';
		if (begins)
			f->name = line + 5;
		else if (*line != '#' && f->nlines < 64)
		{
			char *colon = strstr(line, ": ");

			if (colon != NULL)
			{
				*colon = '\0';
				f->lines[f->nlines] = line;
				f->values[f->nlines++] = colon + 2;
			}
		}
		line = end;
	}
	f->next = line ? line : "";
	return f->name != NULL;
}

__attribute__((unused)) static const char *
golden_text(Golden *f, const char *key)
{
	for (int i = 0; i < f->nlines; i++)
		if (strcmp(f->lines[i], key) == 0)
			return f->values[i];
	return NULL;
}

/* "key float32[2,3]: elements" */
__attribute__((unused)) static bool
golden_tensor(Golden *f, const char *key, PtTensor *out)
{
	size_t n = strlen(key);

	for (int i = 0; i < f->nlines; i++)
	{
		char dtype[16];
		char *s = f->values[i];
		char *sizes = strchr(f->lines[i], '[');
		int64_t numel;
		PtError err;

		if (strncmp(f->lines[i], key, n) != 0 || f->lines[i][n] != ' ')
			continue;
		memset(out, 0, sizeof(*out));
		snprintf(dtype, sizeof(dtype), "%.*s", (int) (sizes - f->lines[i] - (long) n - 1),
				 f->lines[i] + n + 1);
		if (!CHECK_OK(pt_dtype_parse(dtype, &out->dtype, &err), &err))
			return false;
		for (sizes++; *sizes != ']'; sizes += *sizes == ',')
			out->shape.dim[out->shape.ndim++] = strtoll(sizes, &sizes, 10);
		numel = pt_shape_numel(&out->shape);
		out->data = pt_arena_alloc(f->arena, (size_t) numel * 8 + 1);
		for (int64_t j = 0; j < numel; j++)
		{
			if (pt_dtype_is_float(out->dtype))
				pt_element_set_double(out->dtype, out->data, (size_t) j, strtod(s, &s));
			else
				pt_element_set_int64(out->dtype, out->data, (size_t) j, strtoll(s, &s, 10));
		}
		return true;
	}
	return false;
}

#endif
