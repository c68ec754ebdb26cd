/*
 * text.c
 *	  A tensor as text.
 *
 *		text  :=  [ dtype [ '(' sizes ')' ] ] value
 *		value :=  number  |  '[' ']'  |  '[' value ( ',' value )* ']'
 *
 * Without a dtype, the numbers decide as in torch.tensor: any float makes float32, else any integer
 * int64, else bool.  So the text is gone over twice: a scan that looks for what makes a float and
 * counts commas, which bounds the number of elements; then the reading proper, straight into the
 * final memory.  The number of dimensions is the number of brackets before the first element.  Both
 * passes are loops without recursion over an explicit stack of at most 8 levels, linear in the
 * text, and can stop and go on anywhere.
 *
 * Memory: none of its own; the caller gives the elements' memory.
 * Errors: say the character, counted from 1.
 */
#include "engine/data/tensor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/data/number.h"

enum
{
	PHASE_PREFIX,
	PHASE_SCAN,
	PHASE_VALUE,		/* a value must come */
	PHASE_VALUE_OR_END, /* just behind '[' */
	PHASE_COMMA_OR_END, /* behind a value */
	PHASE_TAIL			/* behind the outermost value */
};

#define SEEN_INT 1
#define SEEN_FLOAT 2
#define SEEN_BOOL 4

/* ----- errors ----- */

/* Says where: the number of the character, in UTF-8 not counting continuation bytes. */
static bool
at(const PtReader *r, const char *p, PtError *err)
{
	size_t n = 1;

	for (const char *q = r->text; q < p; q++)
		n += ((unsigned char) *q & 0xc0) != 0x80;
	return pt_detail(err, "At character %zu of the text.", n);
}

/*
 * What stands there instead of the thing expected; only ASCII is quoted, as a cut could split a
 * character.
 */
static bool
unexpected(const PtReader *r, const char *p, const char *expected, PtError *err)
{
	int n = 0;

	while (n < 20 && p[n] > ' ' && p[n] < 127 && (n == 0 || strchr("[](),", p[n]) == NULL) &&
		   !(n == 1 && strchr("[](),", p[0]) != NULL))
		n++;
	if (*p == '\0')
		pt_fail(err, PT_ESYNTAX, "invalid tensor: expected %s before the end of the text",
				expected);
	else if (n == 0)
		pt_fail(err, PT_ESYNTAX, "invalid tensor: expected %s", expected);
	else
		pt_fail(err, PT_ESYNTAX, "invalid tensor: expected %s, found \"%.*s\"", expected, n, p);
	return at(r, p, err);
}

static bool
too_large(PtError *err)
{
	return pt_fail(err, PT_ELIMIT, "tensor exceeds the maximum size of %" PRId64 " bytes",
				   PT_MAX_TENSOR_BYTES);
}

/* ----- reading ----- */

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static const char *
skip_space(const char *p)
{
	while (is_space(*p))
		p++;
	return p;
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* "(2,0,3)", at the opening parenthesis */
static bool
read_shape(PtReader *r, PtError *err)
{
	const char *p = skip_space(r->p + 1);
	PtShape *shape = &r->stated;

	shape->ndim = 0;
	while (*p != ')')
	{
		int64_t size = 0;

		if (shape->ndim > 0)
		{
			if (*p != ',')
				return unexpected(r, p, "\",\" or \")\"", err);
			p = skip_space(p + 1);
		}
		if (*p < '0' || *p > '9')
			return unexpected(r, p, "a size", err);
		if (shape->ndim == PT_MAX_DIM)
		{
			pt_fail(err, PT_ESYNTAX, "invalid tensor: more than %d dimensions", PT_MAX_DIM);
			return at(r, p, err);
		}
		for (; *p >= '0' && *p <= '9'; p++)
		{
			size = size * 10 + (*p - '0');
			if (size > INT32_MAX)
			{
				pt_fail(err, PT_ELIMIT, "tensor size exceeds the maximum of %d", INT32_MAX);
				return at(r, p, err);
			}
		}
		shape->dim[shape->ndim++] = size;
		p = skip_space(p);
	}
	r->p = p + 1;
	r->shaped = true;
	return pt_shape_check(shape, r->tensor.dtype, NULL, err);
}

/* dtype and shape, if given; the number of dimensions in any case */
static bool
read_prefix(PtReader *r, PtError *err)
{
	PtNumber number;
	int brackets = 0;

	r->p = skip_space(r->p);
	pt_number_lex(r->p, &number);
	if (number.kind == PT_NUMBER_NONE && is_word(*r->p))
	{
		char name[32];
		size_t n = 0;

		while ((is_word(r->p[n]) || r->p[n] == '.') && n < sizeof(name) - 1)
			n++;
		memcpy(name, r->p, n);
		name[n] = '\0';
		if (!pt_dtype_parse(name, &r->tensor.dtype, err))
		{
			char hint[sizeof(err->hint)];

			memcpy(hint, err->hint, sizeof(hint));
			unexpected(r, r->p, "a number, \"[\" or a dtype", err);
			return pt_hint(err, "%s", hint);
		}
		r->typed = true;
		r->p = skip_space(r->p + n);
		if (*r->p == '(')
		{
			if (!read_shape(r, err))
				return false;
			r->p = skip_space(r->p);
		}
		else if (*r->p != '[')
			return unexpected(r, r->p, "\"[\" or \"(\" after the dtype", err);
	}
	r->body = r->p;
	for (const char *p = r->p; *p == '['; p = skip_space(p + 1))
		if (++brackets > PT_MAX_DIM)
		{
			pt_fail(err, PT_ESYNTAX, "invalid tensor: more than %d dimensions", PT_MAX_DIM);
			return at(r, p, err);
		}
	r->tensor.shape.ndim = brackets;
	r->phase = PHASE_SCAN;
	return true;
}

/* Looks at every character for what decides the dtype, and counts the commas. */
static void
scan(PtReader *r, size_t bytes)
{
	const char *p = r->p;
	char seen = r->seen;
	size_t commas = r->commas;

	for (; bytes > 0 && *p != '\0'; p++, bytes--)
		switch (*p)
		{
			case ',':
				commas++;
				break;
			case '.':
			case 'n': /* nan, inf */
			case 'N':
			case 'i':
			case 'I':
				seen |= SEEN_FLOAT;
				break;
			case 'e': /* an exponent, or of true and false */
			case 'E':
				if (p > r->body && p[-1] >= '0' && p[-1] <= '9')
					seen |= SEEN_FLOAT;
				break;
			case 't':
			case 'T':
			case 'f':
			case 'F':
				seen |= SEEN_BOOL;
				break;
			default:
				if (*p >= '0' && *p <= '9')
					seen |= SEEN_INT;
				break;
		}
	r->p = p;
	r->seen = seen;
	r->commas = commas;
}

/* At the end of the scan: the dtype, and how much memory to ask for. */
static bool
decide(PtReader *r, PtError *err)
{
	size_t size;

	if (!r->typed)
		r->tensor.dtype = r->seen & SEEN_FLOAT	? PT_FLOAT32
						  : r->seen & SEEN_INT	? PT_INT64
						  : r->seen & SEEN_BOOL ? PT_BOOL
												: PT_FLOAT32;
	size = pt_dtype_size(r->tensor.dtype);
	if (r->commas >= (size_t) PT_MAX_TENSOR_BYTES / size)
		return too_large(err);
	r->bytes = (r->commas + 1) * size;
	r->state = PT_READ_BUFFER;
	r->phase = PHASE_VALUE;
	r->p = r->body;
	return true;
}

/* A value is complete: count it in the list around it. */
static void
complete(PtReader *r)
{
	if (r->depth > 0)
		r->count[r->depth - 1]++;
	r->phase = r->depth > 0 ? PHASE_COMMA_OR_END : PHASE_TAIL;
}

static bool
close_list(PtReader *r, PtError *err)
{
	int d = --r->depth;
	int64_t *size = &r->tensor.shape.dim[d];

	if (!r->known[d])
	{
		/*
		 * "[]" where deeper lists were seen elsewhere is ragged, and found so by the list around it
		 */
		*size = r->count[d];
		r->known[d] = true;
	}
	else if (*size != r->count[d])
	{
		pt_fail(err, PT_ESYNTAX,
				"expected sequence of length %" PRId64 " at dim %d (got %" PRId64 ")", *size, d,
				r->count[d]);
		return at(r, r->p, err);
	}
	r->p++;
	complete(r);
	return true;
}

static bool
read_number(PtReader *r, PtError *err)
{
	PtNumber number;
	const char *end;

	if (r->depth < r->tensor.shape.ndim)
	{
		pt_fail(err, PT_ESYNTAX, "expected a list at dim %d, not a number", r->depth);
		return at(r, r->p, err);
	}
	pt_number_lex(r->p, &number);
	end = r->p + number.length;
	if (number.kind == PT_NUMBER_NONE ||
		!(*end == '\0' || *end == ',' || *end == ']' || *end == '[' || is_space(*end)))
		return unexpected(r, r->p,
						  r->depth == 0 && r->phase == PHASE_VALUE ? "a number or \"[\""
																   : "a number",
						  err);
	if (!pt_number_store(&number, r->tensor.dtype, r->tensor.data, r->elements, err))
		return at(r, r->p, err);
	r->elements++;
	r->p = end;
	complete(r);
	return true;
}

static bool
read_value(PtReader *r, PtError *err)
{
	if (*r->p != '[')
		return read_number(r, err);
	if (r->depth == r->tensor.shape.ndim)
	{
		pt_fail(err, PT_ESYNTAX, "expected a number at dim %d, not a list", r->depth);
		return at(r, r->p, err);
	}
	r->count[r->depth++] = 0;
	r->phase = PHASE_VALUE_OR_END;
	r->p++;
	return true;
}

/* The text is read: do a stated shape and the brackets agree? */
static bool
finish(PtReader *r, PtError *err)
{
	PtShape *shape = &r->tensor.shape;
	char want[PT_SHAPE_TEXT];
	char got[PT_SHAPE_TEXT];

	if (r->shaped && !pt_shape_equal(shape, &r->stated))
	{
		if (pt_shape_numel(&r->stated) != 0 || shape->ndim != 1 || shape->dim[0] != 0)
			return pt_fail(err, PT_ESYNTAX,
						   "the tensor is stated to have shape %s, but has shape %s",
						   pt_shape_print(&r->stated, want), pt_shape_print(shape, got));
		*shape = r->stated;
	}
	r->state = PT_READ_DONE;
	return true;
}

void
pt_reader_init(PtReader *reader, const char *text)
{
	memset(reader, 0, sizeof(*reader));
	reader->text = text;
	reader->p = text;
	reader->phase = PHASE_PREFIX;
	reader->state = PT_READ_MORE;
}

bool
pt_reader_run(PtReader *r, size_t bytes, PtError *err)
{
	const char *start;

	if (r->phase == PHASE_PREFIX && !read_prefix(r, err))
		return false;
	if (r->phase == PHASE_SCAN)
	{
		scan(r, bytes);
		return *r->p != '\0' || decide(r, err);
	}
	r->state = PT_READ_MORE;
	start = r->p;
	while ((size_t) (r->p - start) < bytes)
	{
		bool ok = true;

		r->p = skip_space(r->p);
		switch (r->phase)
		{
			case PHASE_VALUE_OR_END:
				ok = *r->p == ']' ? close_list(r, err) : read_value(r, err);
				break;
			case PHASE_VALUE:
				ok = read_value(r, err);
				break;
			case PHASE_COMMA_OR_END:
				if (*r->p == ']')
					ok = close_list(r, err);
				else if (*r->p == ',')
				{
					r->p++;
					r->phase = PHASE_VALUE;
				}
				else
					ok = unexpected(r, r->p, "\",\" or \"]\"", err);
				break;
			default:
				if (*r->p != '\0')
					return unexpected(r, r->p, "the end of the text", err);
				return finish(r, err);
		}
		if (!ok)
			return false;
	}
	return true;
}

bool
pt_tensor_parse(PtArena *arena, const char *text, PtTensor *out, PtError *err)
{
	PtReader r;

	pt_reader_init(&r, text);
	while (r.state != PT_READ_DONE)
	{
		if (!pt_reader_run(&r, SIZE_MAX / 2, err))
			return false;
		if (r.state == PT_READ_BUFFER && (r.tensor.data = pt_arena_alloc(arena, r.bytes)) == NULL)
			return pt_fail_memory(err, r.bytes);
	}
	*out = r.tensor;
	return true;
}

/* ----- printing ----- */

/* Can brackets and digits say the dtype? */
static bool
speaks_for_itself(PtDtype dtype)
{
	return dtype == PT_FLOAT32 || dtype == PT_INT64 || dtype == PT_BOOL;
}

void
pt_writer_init(PtWriter *writer, const PtTensor *tensor)
{
	memset(writer, 0, sizeof(*writer));
	writer->tensor = tensor;
	writer->numel = (size_t) pt_shape_numel(&tensor->shape);
}

/* What stands before the first element, or for a tensor without elements all of it. */
static size_t
print_head(PtWriter *w, char *buf)
{
	const PtShape *shape = &w->tensor->shape;
	bool empty = w->numel == 0;
	char *p = buf;

	/* no element shows the dtype: only "[]" speaks, as torch.tensor([]) does, for float32 */
	if (empty ? shape->ndim > 1 || w->tensor->dtype != PT_FLOAT32
			  : !speaks_for_itself(w->tensor->dtype))
		p += sprintf(p, "%s", pt_dtype_name(w->tensor->dtype));
	if (empty ? shape->ndim > 1 : shape->ndim == 0 && p > buf)
	{
		*p++ = '(';
		for (int d = 0; d < shape->ndim; d++)
			p += sprintf(p, "%s%" PRId64, d > 0 ? "," : "", shape->dim[d]);
		*p++ = ')';
	}
	if (empty)
	{
		*p++ = '[';
		*p++ = ']';
		w->ended = true;
	}
	else
		for (int d = 0; d < shape->ndim; d++)
			*p++ = '[';
	w->begun = true;
	return (size_t) (p - buf);
}

/* What stands behind an element: brackets close where indices run over, and open again. */
static size_t
print_separator(PtWriter *w, char *buf)
{
	const PtShape *shape = &w->tensor->shape;
	char *p = buf;
	int closed = 0;

	for (int d = shape->ndim - 1; d >= 0; d--)
	{
		if (++w->index[d] < shape->dim[d])
			break;
		w->index[d] = 0;
		*p++ = ']';
		closed++;
	}
	if (++w->next == w->numel)
		w->ended = true;
	else
	{
		*p++ = ',';
		*p++ = ' ';
		while (closed-- > 0)
			*p++ = '[';
	}
	return (size_t) (p - buf);
}

size_t
pt_writer_run(PtWriter *w, char *buf, size_t size)
{
	const PtTensor *t = w->tensor;
	char *p = buf;

	if (!w->begun)
		p += print_head(w, p);
	while (!w->ended && size - (size_t) (p - buf) >= PT_WRITER_MIN / 2)
	{
		p += pt_element_print(t->dtype, t->data, w->next, p);
		p += print_separator(w, p);
	}
	return (size_t) (p - buf);
}

char *
pt_tensor_print(const PtTensor *t, size_t max_bytes, PtError *err)
{
	PtWriter w;
	size_t size = 4096;
	size_t used = 0;
	char *text = malloc(size);

	if (text == NULL)
	{
		pt_fail_memory(err, size);
		return NULL;
	}
	pt_writer_init(&w, t);
	for (;;)
	{
		size_t n = pt_writer_run(&w, text + used, size - used - 1);
		char *larger;

		used += n;
		if (used >= max_bytes)
		{
			free(text);
			pt_fail(err, PT_ELIMIT, "the text of the tensor exceeds %zu bytes", max_bytes);
			return NULL;
		}
		if (n == 0)
			break;
		if (size - used - 1 >= PT_WRITER_MIN)
			continue;
		larger = realloc(text, size * 2);
		if (larger == NULL)
		{
			free(text);
			pt_fail_memory(err, size * 2);
			return NULL;
		}
		text = larger;
		size *= 2;
	}
	text[used] = '\0';
	return text;
}
