/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_KEYED_HASH_H
#define COAPGW_KEYED_HASH_H

/*
 * keyed_hash: SipHash-1-3 for hash tables whose keys a peer chooses: without the key nobody can
 * make entries that fall into one bucket.
 */

#include <stddef.h>
#include <stdint.h>

struct keyed_hash {
    uint64_t key[2]; /* random bytes */
};

uint32_t keyed_hash(const struct keyed_hash *hash, const void *bytes, size_t length);
/* All bits of it, for those who keep the hash in place of the bytes. */
uint64_t keyed_hash_64(const struct keyed_hash *hash, const void *bytes, size_t length);

#endif
