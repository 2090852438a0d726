/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_PROBLEM_REFERENCE_H
#define COAPGW_PROBLEM_REFERENCE_H

/*
 * problem_reference: the URI references inside of problem details.
 */

struct buffer;

/* Appends `reference` resolved against `base` (RFC 3986 5.2), or as it is when there is no base
 * that could be one. 0 or -1 as buffer_append. */
int problem_reference_resolve(const char *base, const char *reference, struct buffer *out);

#endif
