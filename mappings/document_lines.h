/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_DOCUMENT_LINES_H
#define COAPGW_DOCUMENT_LINES_H

/*
 * document_lines: where a value stands in the text of a JSON document.
 */

#include <stddef.h>

struct document_place;

/* The line (from 1) of the member or element that `place` leads to, or of its nearest parent when
 * it does not stand there. The text must be one that jansson took. */
unsigned document_line(const char *text, size_t length, const struct document_place *place);

#endif
