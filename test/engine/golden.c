/*
 * golden.c
 *	  Reads the fixtures of test/golden.
 */
#include "engine/golden.h"

#include <dirent.h>

/* Appends a file to text; NULL after a failed check. */
static char *
read_file(const char *path, char *text, size_t *size)
{
	FILE *file = fopen(path, "r");
	long bytes = 0;

	if (!CHECK(file != NULL && fseek(file, 0, SEEK_END) == 0 && (bytes = ftell(file)) >= 0,
			   "%s cannot be opened", path))
		return NULL;
	rewind(file);
	text = realloc(text, *size + (size_t) bytes + 1);
	if (text == NULL)
		abort();
	CHECK(fread(text + *size, 1, (size_t) bytes, file) == (size_t) bytes, "%s cannot be read",
		  path);
	*size += (size_t) bytes;
	text[*size] = '\0';
	fclose(file);
	return text;
}

static int
is_fixture(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot != NULL && strcmp(dot, ".txt") == 0;
}

bool
golden_open(Golden *f, const char *path)
{
	struct dirent **files;
	int n = scandir(path, &files, is_fixture, alphasort);
	size_t size = 0;

	memset(f, 0, sizeof(*f));
	f->path = path;
	f->arena = pt_arena_new();
	if (n < 0)
		f->text = read_file(path, NULL, &size);
	for (int i = 0; i < n; i++)
	{
		char file[512];

		snprintf(file, sizeof(file), "%s/%s", path, files[i]->d_name);
		f->text = read_file(file, f->text, &size);
		free(files[i]);
	}
	if (n >= 0)
		free(files);
	f->next = f->text;
	if (CHECK(f->text != NULL, "%s has no cases", path))
		return true;
	golden_close(f);
	return false;
}

void
golden_close(Golden *f)
{
	pt_arena_free(f->arena);
	free(f->lines);
	free(f->text);
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
