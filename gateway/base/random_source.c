/* SPDX-License-Identifier: BSD-2-Clause */
#include "random_source.h"

/*
 * random_source: draws from the injected source. Message IDs, tokens and retransmission jitter take
 * their randomness here, so that tests repeat from a seed while the daemon uses a secure generator.
 */

#include <assert.h>
#include <string.h>

void random_bytes(const struct random_source *source, void *bytes, size_t length)
{
    source->fill(source->handle, bytes, length);
}

uint32_t random_below(const struct random_source *source, uint32_t bound)
{
    assert(bound > 0);
    /* 2^32 modulo bound: so many of the lowest values would favour small results */
    uint32_t unfair = (uint32_t)-bound % bound;
    uint32_t value;
    do {
        random_bytes(source, &value, sizeof value);
    } while (value < unfair);
    return value % bound;
}

/* xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled"):
 * one multiplication a draw and good high bits. */
static uint64_t sequence_next(struct random_sequence *sequence)
{
    uint64_t x = sequence->state;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    sequence->state = x;
    return x * UINT64_C(0x2545F4914F6CDD1D);
}

static void sequence_fill(void *handle, void *bytes, size_t length)
{
    struct random_sequence *sequence = handle;
    uint8_t *out = bytes;
    while (length > 0) {
        uint64_t value = sequence_next(sequence);
        /* high byte first: the high bits are the good ones, and the result does not depend on the
         * byte order of the machine */
        for (int shift = 56; shift >= 0 && length > 0; shift -= 8, length--) {
            *out++ = (uint8_t)(value >> shift);
        }
    }
}

void random_sequence_init(struct random_sequence *sequence, uint64_t seed)
{
    /* splitmix64 spreads small seeds over all bits; the state must not be 0 */
    uint64_t z = seed + UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    z ^= z >> 31;
    sequence->state = z != 0 ? z : 1;
}

struct random_source random_sequence_source(struct random_sequence *sequence)
{
    return (struct random_source){.fill = sequence_fill, .handle = sequence};
}
