/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_RANDOM_SOURCE_H
#define COAPGW_RANDOM_SOURCE_H

/*
 * random_source: the injected source of random bytes. The daemon's is secure (GnuTLS) and buffered;
 * tests give a deterministic one. Each consumer has its own, so that one more draw by one does not
 * shift the others.
 */

#include <stddef.h>
#include <stdint.h>

struct random_source {
    void (*fill)(void *handle, void *bytes, size_t length);
    void *handle;
};

/* Fills `bytes`. */
void random_bytes(const struct random_source *source, void *bytes, size_t length);
/* A number in 0 .. bound-1, without bias. `bound` is above 0. */
uint32_t random_below(const struct random_source *source, uint32_t bound);

/* A small deterministic generator (xorshift64*) for tests and the simulation; not secure. */
struct random_sequence {
    uint64_t state;
};
void random_sequence_init(struct random_sequence *sequence, uint64_t seed);
struct random_source random_sequence_source(struct random_sequence *sequence);

#endif
