/* SPDX-License-Identifier: BSD-2-Clause */
#include "representation.h"

/*
 * A response in one block: the head, its options as rest has them, their values, the payload. The
 * options point into the block itself, so reading one is a copy of the array and nothing else.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "allocation.h"
#include "memory_account.h"

enum {
    ETAG_MAX = 8,     /* RFC 7252 5.10.6 */
    SMALL_SIZE = 4096 /* what one message brings: cannot be refused any more */
};

struct representation {
    unsigned references;
    unsigned loans;                 /* of the references */
    struct memory_account *account; /* charged while there are loans */
    uint8_t code;
    bool is_challenge;
    uint64_t arrived_us;
    size_t size; /* of the block */
    size_t payload_length;
    size_t option_count;
    struct rest_option options[];
    /* the values of the options, the payload, a NUL */
};

/* What concerns one transfer of a response and not the response. Size1 is in a 4.13 what the node
 * can take. */
static bool is_kept(uint16_t number)
{
    switch (number) {
    case REST_OPTION_BLOCK1:
    case REST_OPTION_BLOCK2:
    case REST_OPTION_SIZE2:
    case REST_OPTION_OBSERVE:
    case REST_OPTION_ECHO:
        return false;
    default:
        return true;
    }
}

static size_t block_size(const struct rest_message *response, size_t *kept)
{
    size_t size = sizeof(struct representation) + response->payload_length + 1;

    *kept = 0;
    for (size_t i = 0; i < response->option_count; i++) {
        if (is_kept(response->options[i].number)) {
            size += sizeof response->options[i] + response->options[i].length;
            ++*kept;
        }
    }
    return size;
}

struct representation *representation_new(const struct rest_message *response, uint64_t arrived_us)
{
    size_t kept;
    size_t size = block_size(response, &kept);
    struct representation *representation = malloc(size);
    uint8_t *values;

    if (representation == NULL)
        return NULL;
    *representation = (struct representation){
        .references = 1,
        .code = response->code,
        .is_challenge = response->code == REST_CODE(4, 1) &&
                        rest_find_option(response, REST_OPTION_ECHO) != NULL,
        .arrived_us = arrived_us,
        .size = size,
        .payload_length = response->payload_length,
    };
    values = (uint8_t *)(representation->options + kept);
    for (size_t i = 0; i < response->option_count; i++) {
        const struct rest_option *option = &response->options[i];

        if (!is_kept(option->number))
            continue;
        if (option->length > 0)
            memcpy(values, option->value, option->length);
        representation->options[representation->option_count++] =
            (struct rest_option){option->number, option->length, values};
        values += option->length;
    }
    if (response->payload_length > 0)
        memcpy(values, response->payload, response->payload_length);
    values[response->payload_length] = '\0';
    return representation;
}

/* Whether a 2.03 replaces options of that number: Max-Age, which is made anew with each response,
 * and what is safe to forward (RFC 7252 5.4.2). An ETag says what was validated and nothing new. */
static bool is_replaced(const struct rest_message *valid, uint16_t number)
{
    if (number == REST_OPTION_MAX_AGE)
        return true;
    return (number & 2) == 0 && number != REST_OPTION_ETAG && is_kept(number) &&
           rest_find_option(valid, number) != NULL;
}

static bool add_option(struct rest_message *message, const struct rest_option *option)
{
    size_t at = message->option_count;

    if (at == REST_OPTIONS_MAX)
        return false;
    for (; at > 0 && message->options[at - 1].number > option->number; at--)
        message->options[at] = message->options[at - 1];
    message->options[at] = *option;
    message->option_count++;
    return true;
}

struct representation *representation_refresh(const struct representation *representation,
                                              const struct rest_message *valid, uint64_t arrived_us)
{
    struct rest_message merged;
    bool fits = true;

    representation_read(representation, &merged);
    merged.option_count = 0;
    for (size_t i = 0; i < representation->option_count; i++)
        if (!is_replaced(valid, representation->options[i].number))
            fits = fits && add_option(&merged, &representation->options[i]);
    for (size_t i = 0; i < valid->option_count; i++)
        if (is_replaced(valid, valid->options[i].number))
            fits = fits && add_option(&merged, &valid->options[i]);
    return fits ? representation_new(&merged, arrived_us) : NULL;
}

struct representation *representation_reference(struct representation *representation)
{
    representation->references++;
    return representation;
}

void representation_release(struct representation *representation)
{
    if (representation == NULL)
        return;
    assert(representation->references > 0);
    if (--representation->references == 0)
        free(representation);
}

bool representation_lend(struct representation *representation, struct memory_account *account)
{
    size_t size = representation_size(representation);

    if (representation->loans == 0) {
        if (size <= SMALL_SIZE)
            memory_account_add(account, size);
        else if (!memory_account_take(account, size))
            return false;
        representation->account = account;
    }
    assert(representation->account == account);
    representation->loans++;
    representation->references++;
    return true;
}

void representation_return(struct representation *representation)
{
    if (representation == NULL)
        return;
    assert(representation->loans > 0);
    if (--representation->loans == 0)
        memory_account_give(representation->account, representation_size(representation));
    representation_release(representation);
}

void representation_read(const struct representation *representation, struct rest_message *out)
{
    size_t count = representation->option_count;
    const uint8_t *end = (const uint8_t *)representation + representation->size - 1;
    size_t length = representation->payload_length;

    out->code = representation->code;
    out->option_count = count;
    memcpy(out->options, representation->options, count * sizeof out->options[0]);
    out->payload = length > 0 ? end - length : NULL;
    out->payload_length = length;
}

uint8_t representation_code(const struct representation *representation)
{
    return representation->code;
}

bool representation_is_challenge(const struct representation *representation)
{
    return representation->is_challenge;
}

static const struct rest_option *find(const struct representation *representation, uint16_t number)
{
    for (size_t i = 0; i < representation->option_count; i++)
        if (representation->options[i].number == number)
            return &representation->options[i];
    return NULL;
}

bool representation_max_age(const struct representation *representation, uint32_t *seconds)
{
    const struct rest_option *option = find(representation, REST_OPTION_MAX_AGE);

    return option != NULL && rest_option_uint(option, seconds);
}

bool representation_etag(const struct representation *representation, const uint8_t **etag,
                         size_t *length)
{
    const struct rest_option *option = find(representation, REST_OPTION_ETAG);

    if (option == NULL || option->length == 0 || option->length > ETAG_MAX)
        return false;
    *etag = option->value;
    *length = option->length;
    return true;
}

bool representation_has_etag(const struct representation *representation,
                             const struct rest_message *message)
{
    const struct rest_option *option = rest_find_option(message, REST_OPTION_ETAG);
    const uint8_t *etag;
    size_t length;

    return option != NULL && representation_etag(representation, &etag, &length) &&
           option->length == length && memcmp(option->value, etag, length) == 0;
}

uint64_t representation_arrived_us(const struct representation *representation)
{
    return representation->arrived_us;
}

size_t representation_size(const struct representation *representation)
{
    return allocation_size(representation->size);
}
