/*
 * wire.h
 *	  Binary input in two steps, for callers that bring the memory; see pt_tensor_decode in engine/tensor.h.
 */
#ifndef PT_WIRE_H
#define PT_WIRE_H

#include "engine/tensor.h"

/* Validates the header and the exact length; sets dtype and shape, and where the elements begin. */
extern bool pt_wire_header(const unsigned char *in, size_t len, PtTensor *out, size_t *offset, PtError *err);

/* Validates and copies the elements to out->data, which the caller has set. */
extern bool pt_wire_elements(const unsigned char *in, PtTensor *out, PtError *err);

#endif
