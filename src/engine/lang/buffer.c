/*
 * buffer.c
 *	  Text that grows in an arena (buffer.h).
 */
#include "engine/lang/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static bool
reserve(PtBuffer *b, size_t more)
{
	size_t need = b->used + more + 1;

	if (b->failed)
		return false;
	if (need > b->size)
	{
		size_t size = need > 2 * b->size ? need + 64 : 2 * b->size;
		char *text = pt_arena_alloc(b->arena, size);

		if (text == NULL)
		{
			b->failed = true;
			return false;
		}
		if (b->used > 0)
			memcpy(text, b->text, b->used);
		b->text = text;
		b->size = size;
	}
	return true;
}

void
pt_buffer_add(PtBuffer *b, const char *s)
{
	size_t n = strlen(s);

	if (!reserve(b, n))
		return;
	memcpy(b->text + b->used, s, n + 1);
	b->used += n;
}

void
pt_buffer_addf(PtBuffer *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !reserve(b, (size_t) n))
		return;
	va_start(ap, fmt);
	vsnprintf(b->text + b->used, (size_t) n + 1, fmt, ap);
	va_end(ap);
	b->used += (size_t) n;
}
