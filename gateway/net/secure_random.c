/* SPDX-License-Identifier: BSD-2-Clause */
#include "secure_random.h"

/*
 * secure_random: GnuTLS's generator behind a small buffer, as a request draws a few bytes at a time
 * (token, jitter, Message ID) and a call into the library costs more than the bytes. Bytes that
 * were handed out are wiped: tokens protect against spoofed responses (RFC 7252 section 5.3.1).
 */

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BUFFERED = 512 };

struct secure_random {
    uint8_t bytes[BUFFERED];
    size_t used;
};

static int refill(struct secure_random *random)
{
    random->used = 0;
    return gnutls_rnd(GNUTLS_RND_RANDOM, random->bytes, sizeof random->bytes);
}

static void secure_random_fill(void *handle, void *bytes, size_t length)
{
    struct secure_random *random = handle;
    uint8_t *out = bytes;
    while (length > 0) {
        if (random->used == BUFFERED && refill(random) != 0) {
            /* The generator worked at start. Guessable tokens would be worse than an end. */
            abort();
        }
        size_t count = BUFFERED - random->used;
        if (count > length) {
            count = length;
        }
        memcpy(out, random->bytes + random->used, count);
        gnutls_memset(random->bytes + random->used, 0, count);
        random->used += count;
        out += count;
        length -= count;
    }
}

struct secure_random *secure_random_new(void)
{
    struct secure_random *random = calloc(1, sizeof *random);
    if (random != NULL && refill(random) != 0) {
        free(random);
        return NULL;
    }
    return random;
}

void secure_random_free(struct secure_random *random)
{
    if (random != NULL) {
        gnutls_memset(random->bytes, 0, sizeof random->bytes);
        free(random);
    }
}

struct random_source secure_random_source(struct secure_random *random)
{
    return (struct random_source){.fill = secure_random_fill, .handle = random};
}
