/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_SECURE_RANDOM_H
#define COAPGW_SECURE_RANDOM_H

/*
 * secure_random: the daemon's random source: GnuTLS's generator, buffered. For one thread.
 */

#include "random_source.h"

struct secure_random;

/* NULL when memory is short or the system has no randomness. */
struct secure_random *secure_random_new(void);
/* Wipes what is left in the buffer. */
void secure_random_free(struct secure_random *random);
/* The source; it lives as long as `random`. A generator that fails later ends the process. */
struct random_source secure_random_source(struct secure_random *random);

#endif
