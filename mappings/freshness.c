/* SPDX-License-Identifier: BSD-2-Clause */
#include "freshness.h"

#include <inttypes.h>

#include "http_message.h"
#include "rest.h"

/*
 * freshness: how long an answer of a node may be kept, as HTTP says it. CoAP gives every response
 * without Max-Age 60 seconds; HTTP caches are told so only where that is meant: for 2.05 to a GET
 * or FETCH. Of an error only an explicit Max-Age counts, otherwise a node that was just plugged in
 * would look absent for a minute. For 4.29 and 5.03 Max-Age is the time to wait and no freshness.
 * Notifications overtake each other on the way: the node numbers them modulo 2^24.
 */

enum { MAX_AGE_LIMIT = INT32_MAX }; /* plus one: 2^31, RFC 9111 1.2.2 */

uint32_t freshness_max_age(const struct rest_message *response, bool *is_present)
{
    uint32_t seconds = FRESHNESS_DEFAULT_S;
    const struct rest_option *option = rest_find_option(response, REST_OPTION_MAX_AGE);
    bool is_there = option && rest_option_uint(option, &seconds);
    if (is_present)
        *is_present = is_there;
    return is_there ? seconds : FRESHNESS_DEFAULT_S;
}

static uint32_t limit(uint32_t seconds)
{
    const uint32_t highest = (uint32_t)MAX_AGE_LIMIT + 1;
    return seconds > highest ? highest : seconds;
}

static int add_retry(struct http_reply *reply, uint32_t seconds)
{
    return http_reply_add(reply, "Retry-After", "%" PRIu32, limit(seconds));
}

static int add_no_store(struct http_reply *reply)
{
    return http_reply_add(reply, "Cache-Control", "no-store");
}

/* A second that has begun is over: rather too short than too long. */
static uint32_t remaining(uint32_t max_age, uint64_t age_us)
{
    uint64_t left_us = (uint64_t)max_age * 1000000;

    left_us = left_us > age_us ? left_us - age_us : 0;
    return limit((uint32_t)(left_us / 1000000));
}

int freshness_add_fields(const struct rest_message *response, const struct freshness_use *use,
                         struct http_reply *reply)
{
    bool is_explicit;
    uint32_t max_age = freshness_max_age(response, &is_explicit);

    if (use->status == 429 || use->status == 503) {
        /* RFC 8516 4: 60 seconds are meant when a 4.29 says nothing; a 5.03 promises nothing. */
        if ((use->status == 429 || is_explicit) && add_retry(reply, max_age) != 0)
            return -1;
        return add_no_store(reply);
    }

    bool is_error = use->status >= 400;
    bool may_be_kept = is_error
                           ? is_explicit
                           : response->code == REST_CODE(2, 5) || response->code == REST_CODE(2, 3);
    if (use->is_cacheable_method && may_be_kept)
        return http_reply_add(reply, "Cache-Control", "%smax-age=%" PRIu32,
                              use->is_private ? "private, " : "", remaining(max_age, use->age_us));
    /* HTTP caches may guess a lifetime for a 204 or 404 that says nothing (RFC 9110 15.1). */
    return use->is_cacheable_method || is_error ? add_no_store(reply) : 0;
}

bool freshness_is_newer(const struct freshness_mark *freshest,
                        const struct freshness_mark *incoming)
{
    static const uint32_t modulus = UINT32_C(1) << 24;
    static const uint64_t forgotten_us = UINT64_C(128) * 1000000;

    if (incoming->at_us > freshest->at_us && incoming->at_us - freshest->at_us > forgotten_us)
        return true;
    uint32_t ahead = (incoming->number - freshest->number) % modulus;
    return ahead > 0 && ahead < modulus / 2;
}
