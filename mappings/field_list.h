/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_FIELD_LIST_H
#define COAPGW_FIELD_LIST_H

/*
 * field_list: a header field that is a list (RFC 9110 5.6.1) of names, each perhaps with a value:
 * Prefer, Cache-Control.
 */

#include <stdbool.h>
#include <stddef.h>

enum { FIELD_VALUE_SIZE = 32 }; /* longer values are none of those that are known */

struct field_element {
    const char *name; /* borrowed from the text; not terminated */
    size_t name_length;
    bool has_value;
    char value[FIELD_VALUE_SIZE]; /* quotes and backslashes taken away; "" when there is none */
    bool is_readable;             /* name and value are right; parameters behind ";" may follow */
    bool has_parameters;
};

/* Reads the element that `text` begins with. Returns what follows it: the next one, or "". What
 * cannot be read ends at the next comma outside of quotes. */
const char *field_list_next(const char *text, struct field_element *element);
/* Names are compared without case. */
bool field_element_is(const struct field_element *element, const char *name);

#endif
