/* SPDX-License-Identifier: BSD-2-Clause */
#include "holds.h"

/*
 * The table is an array of small sets; the key's last bits choose the set. What has ended is
 * simply not found any more and makes room for the next, so there is nothing to clean up and no
 * timer.
 */

#include <stdlib.h>
#include <string.h>

#include "endpoint_address.h"
#include "keyed_hash.h"
#include "random_source.h"
#include "rest.h"
#include "timers.h"

enum {
    SETS = 512, /* a power of 2 */
    WAYS = 4,
    /* A node that errs, or is not who it seems, must not shut a resource until a restart. */
    HOLD_MAX_S = 3600,
    /* Of an option: its number, its length, and its value. */
    OPTION_HEAD = 4,
    KEY_TEXT_MAX =
        sizeof(struct endpoint_address) + 1 + REST_OPTIONS_MAX * OPTION_HEAD + REST_ARENA_SIZE,
};

struct hold {
    uint64_t key;
    uint64_t until_us; /* 0: never used */
    uint8_t code;
};

struct holds {
    struct timers *timers;
    struct keyed_hash hash;
    struct hold holds[SETS][WAYS];
};

struct holds *holds_new(struct timers *timers, const struct random_source *random)
{
    struct holds *holds = calloc(1, sizeof *holds);

    if (holds == NULL)
        return NULL;
    holds->timers = timers;
    random_bytes(random, &holds->hash, sizeof holds->hash);
    return holds;
}

void holds_free(struct holds *holds)
{
    free(holds);
}

uint64_t holds_key(const struct holds *holds, const struct endpoint_address *peer, uint8_t method,
                   const struct rest_message *request)
{
    uint8_t text[KEY_TEXT_MAX];
    size_t length = sizeof *peer;

    memcpy(text, peer, sizeof *peer);
    text[length++] = method;
    for (size_t i = 0; i < request->option_count; i++) {
        const struct rest_option *option = &request->options[i];

        if (!rest_option_names_resource(option->number))
            continue;
        if ((size_t)option->length + OPTION_HEAD > sizeof text - length)
            break;
        text[length++] = (uint8_t)(option->number >> 8);
        text[length++] = (uint8_t)option->number;
        text[length++] = (uint8_t)(option->length >> 8);
        text[length++] = (uint8_t)option->length;
        if (option->length > 0)
            memcpy(text + length, option->value, option->length);
        length += option->length;
    }
    return keyed_hash_64(&holds->hash, text, length);
}

void holds_add(struct holds *holds, uint64_t key, uint8_t code, uint32_t seconds)
{
    struct hold *set = holds->holds[key & (SETS - 1)];
    struct hold *place = &set[0];
    uint64_t length_s = seconds < HOLD_MAX_S ? seconds : HOLD_MAX_S;

    for (int i = 0; i < WAYS; i++) {
        if (set[i].key == key) {
            place = &set[i];
            break;
        }
        if (set[i].until_us < place->until_us)
            place = &set[i];
    }
    place->key = key;
    place->code = code;
    place->until_us = timers_now_us(holds->timers) + length_s * 1000000;
}

bool holds_find(const struct holds *holds, uint64_t key, uint8_t *code, uint64_t *left_us)
{
    const struct hold *set = holds->holds[key & (SETS - 1)];
    uint64_t now_us = timers_now_us(holds->timers);

    for (int i = 0; i < WAYS; i++) {
        if (set[i].key != key || set[i].until_us <= now_us)
            continue;
        *code = set[i].code;
        *left_us = set[i].until_us - now_us;
        return true;
    }
    return false;
}
