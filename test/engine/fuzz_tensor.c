/*
 * fuzz_tensor.c
 *	  libFuzzer target: hostile text and hostile bytes of tensors.
 *
 *		clang -g -O1 -fsanitize=fuzzer,address,undefined -Isrc test/engine/fuzz_tensor.c
 *		src/engine/{tensor,text,number,...}.c
 *
 * What can be read prints to text that reads back equal, in one go and in small steps; binary
 * likewise.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/data/tensor.h"

extern int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool ok)
{
	if (!ok)
		abort();
}

static void
round_trip(PtArena *arena, const PtTensor *t)
{
	PtTensor again;
	PtReader reader;
	PtError err;
	size_t bytes = pt_tensor_wire_bytes(t);
	unsigned char *wire = malloc(bytes);
	char *text = pt_tensor_print(t, (size_t) 1 << 26, &err);

	must(text != NULL && wire != NULL);
	must(pt_tensor_parse(arena, text, &again, &err));
	must(pt_tensor_compare(t, &again) == 0 && pt_tensor_hash(t, 0) == pt_tensor_hash(&again, 0));
	pt_reader_init(&reader, text);
	while (reader.state != PT_READ_DONE)
	{
		must(pt_reader_run(&reader, 3, &err));
		if (reader.state == PT_READ_BUFFER)
			must((reader.tensor.data = pt_arena_alloc(arena, reader.bytes)) != NULL);
	}
	must(pt_tensor_compare(t, &reader.tensor) == 0);
	pt_tensor_encode(t, wire);
	must(pt_tensor_decode(arena, wire, bytes, &again, &err) && pt_tensor_compare(t, &again) == 0);
	free(text);
	free(wire);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	PtArena *arena = pt_arena_new();
	char *text = malloc(size + 1);
	PtTensor t;
	PtError err;

	must(arena != NULL && text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (pt_tensor_parse(arena, text, &t, &err))
		round_trip(arena, &t);
	if (pt_tensor_decode(arena, data, size, &t, &err))
		round_trip(arena, &t);
	free(text);
	pt_arena_free(arena);
	return 0;
}
