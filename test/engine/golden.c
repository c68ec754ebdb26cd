/*
 * golden.c
 *	  Reads the fixtures of test/golden.
 */
#include "engine/golden.h"

bool
golden_open(Golden *f, const char *path)
{
	FILE *file = fopen(path, "r");
	long size;

	memset(f, 0, sizeof(*f));
	f->path = path;
	if (!CHECK(file != NULL, "%s cannot be opened", path))
		return false;
	fseek(file, 0, SEEK_END);
	size = ftell(file);
	rewind(file);
	f->arena = pt_arena_new();
	f->next = pt_arena_alloc(f->arena, (size_t) size + 1);
	CHECK(fread(f->next, 1, (size_t) size, file) == (size_t) size, "%s cannot be read", path);
	fclose(file);
	return true;
}

void
golden_close(Golden *f)
{
	pt_arena_free(f->arena);
	free(f->lines);
}

static void
add_line(Golden *f, char *line)
{
	char *colon = strstr(line, ": ");

	if (!CHECK(colon != NULL && f->name != NULL, "%s, case %s: \"%s\"", f->path,
			   f->name ? f->name : "(none)", line))
		return;
	if (f->nlines == f->size)
	{
		f->size = 2 * f->size + 16;
		f->lines = realloc(f->lines, (size_t) f->size * sizeof(GoldenLine));
		if (f->lines == NULL)
			abort();
	}
	*colon = '\0';
	f->lines[f->nlines++] = (GoldenLine){line, colon + 2};
}

bool
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
		else if (*line != '#' && *line != '\0')
			add_line(f, line);
		line = end;
	}
	f->next = line;
	return f->name != NULL;
}

const char *
golden_text(Golden *f, const char *key)
{
	for (int i = 0; i < f->nlines; i++)
		if (strcmp(f->lines[i].key, key) == 0)
			return f->lines[i].value;
	return NULL;
}

/* dtype and shape from "dtype[sizes]" */
static bool
read_type(char *s, PtTensor *out)
{
	char *sizes = strchr(s, '[');
	PtError err;

	memset(out, 0, sizeof(*out));
	if (!CHECK(sizes != NULL, "\"%s\" is no dtype[sizes]", s))
		return false;
	*sizes = '\0';
	if (!CHECK_OK(pt_dtype_parse(s, &out->dtype, &err), &err))
		return false;
	*sizes = '[';
	for (s = sizes + 1; *s != ']' && *s != '\0'; s += *s == ',')
	{
		char *from = s;

		if (!CHECK(out->shape.ndim < PT_MAX_DIM, "more than %d sizes", PT_MAX_DIM))
			return false;
		out->shape.dim[out->shape.ndim++] = strtoll(from, &s, 10);
		if (!CHECK(s != from, "a size is \"%s\"", from))
			return false;
	}
	return true;
}

/* One line's elements; returns what follows them, or NULL if there are too few. */
static const char *
read_elements(const char *s, PtTensor *to)
{
	int64_t numel = pt_shape_numel(&to->shape);

	for (int64_t j = 0; j < numel; j++)
	{
		const char *from = s;

		if (pt_dtype_is_float(to->dtype))
			pt_element_set_double(to->dtype, to->data, (size_t) j, strtod(from, (char **) &s));
		else
			pt_element_set_int64(to->dtype, to->data, (size_t) j, strtoll(from, (char **) &s, 10));
		if (s == from)
			return NULL;
	}
	return s + strspn(s, " ");
}

bool
golden_tensor(Golden *f, const char *key, PtTensor *out)
{
	size_t n = strlen(key);

	for (int i = 0; i < f->nlines; i++)
	{
		GoldenLine *l = &f->lines[i];
		const char *rest;

		if (strncmp(l->key, key, n) != 0 || l->key[n] != ' ')
			continue;
		if (!read_type(l->key + n + 1, out))
			return false;
		out->data = pt_arena_alloc(f->arena, pt_tensor_bytes(out) + 1);
		rest = read_elements(l->value, out);
		return CHECK(rest != NULL && *rest == '\0',
					 "%s, case %s: %s has %s elements than its shape", f->path, f->name, l->key,
					 rest ? "more" : "fewer");
	}
	return false;
}
