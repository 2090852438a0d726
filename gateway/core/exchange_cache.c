/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange_private.h"

/*
 * The cache's part in an exchange: whether a request is answered from it, waits for the request of
 * another or goes out itself (RFC 9111 4, RFC 7252 5.6), what becomes of the answer, and what a
 * request with an effect makes invalid. The access rules were asked before, for each exchange: the
 * cache knows only what nodes answer, not to whom. From LOOK_UP on the exchange has its key for
 * itself, since the CoAP half goes on without the client.
 */

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "blockwise.h"
#include "core_private.h"
#include "freshness.h"
#include "method.h"
#include "policy.h"
#include "representation.h"

enum { US_PER_S = 1000000 };

static bool is_safe(const struct exchange *exchange)
{
    return method_is_safe((enum http_method)exchange->method);
}

static uint64_t now_us(const struct exchange *exchange)
{
    return timers_now_us(exchange->core->options.timers);
}

/* --- the key --- */

static const struct endpoint_address *connect_of(const struct exchange *exchange)
{
    bool is_mapped = exchange->match.kind != MAPPING_HC;

    return is_mapped && exchange->rules->has_connect ? &exchange->rules->connect : NULL;
}

/* The target stands in the first key for good: behind ROUTE it need not be in the options. */
static bool set_target(const struct exchange *exchange, struct cache_key *key)
{
    if (exchange->key == NULL)
        return !exchange->is_routed &&
               cache_key_set_target(key, &exchange->match.authority, connect_of(exchange),
                                    &exchange->coap.message);
    key->target_length = exchange->key->target_length;
    key->base_length = key->length = exchange->key->base_length;
    memcpy(key->bytes, exchange->key->bytes, key->length);
    return true;
}

/* Keeps as much of the key as is written. 0, or -1 when memory is short. */
static int keep_key(struct exchange *exchange, const struct cache_key *key)
{
    size_t size = offsetof(struct cache_key, bytes) + key->length;
    struct cache_key *copy = malloc(size);

    if (copy == NULL)
        return -1;
    memcpy(copy, key, size);
    free(exchange->key);
    exchange->key = copy;
    return 0;
}

/* --- LOOK_UP --- */

/* Whether what is stored may be used by this client: `least_fresh_us` is how much longer it has to
 * be fresh; negative: how long it may have been stale. */
static bool is_usable(const struct exchange *exchange, const struct cache_found *found,
                      int64_t least_fresh_us)
{
    const struct cache_control *wishes = &exchange->wishes;

    if (found->is_invalidated || wishes->no_cache || found->fresh_us < least_fresh_us)
        return false;
    if (wishes->has_max_age && found->age_us > (uint64_t)wishes->max_age_s * US_PER_S)
        return false;
    return !wishes->has_min_fresh || found->fresh_us >= (int64_t)wishes->min_fresh_s * US_PER_S;
}

static bool is_fresh_enough(const struct exchange *exchange, const struct cache_found *found)
{
    return is_usable(exchange, found, 1);
}

static bool is_hardly_stale(const struct exchange *exchange, const struct cache_found *found)
{
    return exchange->wishes.has_max_stale &&
           is_usable(exchange, found, -(int64_t)exchange->wishes.max_stale_s * US_PER_S);
}

static enum cache_forwarded reason(const struct cache_found *found, bool has_others)
{
    if (found == NULL)
        return has_others ? CACHE_FORWARDED_VARY_MISS : CACHE_FORWARDED_URI_MISS;
    if (found->is_invalidated || found->fresh_us <= 0)
        return CACHE_FORWARDED_STALE;
    return CACHE_FORWARDED_REQUEST;
}

static void answer_stored(struct exchange *exchange, const struct cache_found *found,
                          enum cache_forwarded forwarded)
{
    struct rest_message message;
    struct exchange_outcome outcome = {
        .response = &message,
        .representation = representation_reference(found->representation),
        .age_us = found->age_us,
    };
    struct cache_status *status = &exchange->cache_status;

    representation_read(outcome.representation, &message);
    exchange->response_code = message.code;
    *status = (struct cache_status){
        .forwarded = forwarded,
        .has_ttl = true,
        .ttl_s = found->fresh_us / US_PER_S,
        .detail = status->detail,
    };
    exchange->cache_result = found->fresh_us > 0 && forwarded == CACHE_FORWARDED_NOT
                                 ? METRICS_CACHE_HIT
                                 : METRICS_CACHE_STALE;
    exchange_translate(exchange, &outcome);
    representation_release(outcome.representation);
}

static enum step_result answer_hit(struct exchange *exchange, const struct cache_found *found)
{
    bool is_get = (exchange->method & (HTTP_METHOD_GET | HTTP_METHOD_HEAD)) != 0;

    /* The node was asked before whether it has that media type. */
    if (is_get && representation_code(found->representation) == REST_CODE(4, 6) &&
        exchange_next_candidate(exchange)) {
        exchange->step = EXCHANGE_STEP_LOOK_UP;
        return STEP_NEXT;
    }
    exchange_note_given(exchange, representation_code(found->representation));
    answer_stored(exchange, found, CACHE_FORWARDED_NOT);
    return STEP_ANSWERED;
}

static struct exchange *exchange_of(struct cache_pending *pending)
{
    return (struct exchange *)(void *)((char *)pending - offsetof(struct exchange, pending));
}

/* The node acknowledged the request longer ago than an answer may take: it may have forgotten it,
 * as after a restart. Who comes now asks again instead of waiting for nothing. */
static bool is_forgotten(const struct exchange *leader)
{
    const struct core_options *options = &leader->core->options;
    const struct request_times *times = &leader->times;

    return times->was_acknowledged &&
           timers_now_us(options->timers) - times->acknowledged_us >
               (uint64_t)leader->rules->settings.deadline_ms * 1000 &&
           !blockwise_is_in_blocks(options->blockwise, leader->request_id);
}

/* Somebody whose request may answer this exchange too. With no-cache the answer has to be newer
 * than the request (CACHE-13). */
static struct exchange *find_leader(const struct exchange *exchange)
{
    struct cache_pending *pending = cache_find_pending(exchange->core->cache, exchange->key);
    struct exchange *leader;

    if (pending == NULL)
        return NULL;
    leader = exchange_of(pending);
    /* Its request has ended this moment: what comes of it is about to be told. */
    if (leader->request_id == 0 || is_forgotten(leader))
        return NULL;
    if (exchange->wishes.no_cache && leader->announced_us <= exchange->began_us)
        return NULL;
    return leader;
}

/* Keeps what is stored where the node can be asked whether it is still good. */
static void hold(struct exchange *exchange, const struct cache_found *found)
{
    const uint8_t *etag;
    size_t length;

    if (representation_code(found->representation) == REST_CODE(2, 5) &&
        representation_etag(found->representation, &etag, &length) &&
        representation_lend(found->representation, exchange->core->options.memory))
        exchange->held = found->representation;
}

static enum step_result fail_not_cached(struct exchange *exchange)
{
    return exchange_fail(exchange, PROBLEM_NOT_CACHED, 504,
                         "nothing is stored that may answer the request, and it must not be sent "
                         "to the node");
}

static enum step_result consult(struct exchange *exchange)
{
    struct cache_found found;
    bool has_others = false;
    bool is_found = cache_find(exchange->core->cache, exchange->key, &found, &has_others);
    struct exchange *leader;

    exchange->uses_cache = true;
    exchange->cache_status.forwarded = reason(is_found ? &found : NULL, has_others);
    if (is_found && (is_fresh_enough(exchange, &found) ||
                     (exchange->wishes.only_if_cached && is_hardly_stale(exchange, &found))))
        return answer_hit(exchange, &found);
    if (exchange->wishes.only_if_cached)
        return fail_not_cached(exchange);
    leader = find_leader(exchange);
    if (leader != NULL) {
        exchange->cache_result = METRICS_CACHE_COLLAPSED;
        return exchange_join(exchange, leader);
    }
    exchange->cache_result = METRICS_CACHE_MISS;
    if (is_found)
        hold(exchange, &found);
    return STEP_NEXT;
}

/* Whether the request may have to do with what others get at all. */
static bool may_use_cache(const struct exchange *exchange)
{
    const struct core *core = exchange->core;

    return exchange->rules->is_cached && core->policy->cache_limits.entries > 0 &&
           !exchange->is_partly_refused && exchange->policy == core->policy;
}

/* What an earlier look-up has left. */
static void forget_look_up(struct exchange *exchange)
{
    exchange_leave_cache(exchange);
    exchange->uses_cache = exchange->is_alone = false;
    exchange->cache_status = (struct cache_status){0};
    rest_request_remove(&exchange->coap, REST_OPTION_ETAG);
}

static enum step_result bypass(struct exchange *exchange, enum cache_forwarded forwarded)
{
    exchange->cache_status.forwarded = forwarded;
    exchange->cache_result = METRICS_CACHE_BYPASS;
    return exchange->wishes.only_if_cached ? fail_not_cached(exchange) : STEP_NEXT;
}

/* An observation is known by its key. */
static enum step_result fail_no_key(struct exchange *exchange)
{
    return exchange_fail(exchange, PROBLEM_PRECONDITION_NOT_MAPPABLE, 501,
                         "what is observed has no preconditions");
}

/* What is stored may be older than what the observation has: nothing is answered from it. */
static enum step_result prepare_stream(struct exchange *exchange, bool has_key)
{
    exchange->cache_status.forwarded = CACHE_FORWARDED_BYPASS;
    return has_key ? STEP_NEXT : fail_no_key(exchange);
}

static enum step_result look_up_without_key(struct exchange *exchange)
{
    if (exchange->wants_stream)
        return exchange_fail(exchange, PROBLEM_TARGET_TOO_LONG, 414,
                             "the target is too long to be observed");
    return is_safe(exchange) ? bypass(exchange, CACHE_FORWARDED_BYPASS) : STEP_NEXT;
}

enum step_result exchange_look_up(struct exchange *exchange)
{
    struct cache_key key;
    bool has_key;

    exchange->step = EXCHANGE_STEP_ROUTE;
    forget_look_up(exchange);
    if (!set_target(exchange, &key))
        return look_up_without_key(exchange);
    has_key = cache_key_set_request(&key, &exchange->coap.message);
    if (keep_key(exchange, &key) != 0)
        return exchange_fail(exchange, PROBLEM_OUT_OF_MEMORY, 503,
                             "the gateway is short of memory");
    if (exchange->wants_stream)
        return prepare_stream(exchange, has_key);
    if (!is_safe(exchange)) {
        exchange->cache_status.forwarded = CACHE_FORWARDED_METHOD;
        return STEP_NEXT;
    }
    cache_control_read(exchange->request, &exchange->wishes);
    if (!has_key || !may_use_cache(exchange))
        return bypass(exchange, CACHE_FORWARDED_BYPASS);
    if (exchange->wishes.no_store)
        return bypass(exchange, CACHE_FORWARDED_REQUEST);
    return consult(exchange);
}

void exchange_add_tags(struct exchange *exchange)
{
    const uint8_t *etag;
    size_t length;

    if (!is_safe(exchange))
        return;
    /* HEAD asks for no more than the beginning of the body. */
    exchange->is_alone = exchange->method == HTTP_METHOD_HEAD;
    if (exchange->held != NULL && representation_etag(exchange->held, &etag, &length) &&
        exchange_add_etag(exchange, etag, length))
        return;
    /* Whoever asks about his own tags asks for nobody else. */
    if (exchange_add_client_etags(exchange) > 0)
        exchange->is_alone = true;
}

void exchange_announce(struct exchange *exchange)
{
    struct cache *cache = exchange->core->cache;
    struct cache_pending *pending = &exchange->pending;

    if (!exchange->uses_cache || pending->cache != NULL)
        return;
    exchange->announced_us = now_us(exchange);
    /* Without the record nobody would learn of a change meanwhile. */
    if ((exchange->is_alone ? cache_begin_alone(cache, exchange->key, pending)
                            : cache_begin(cache, exchange->key, pending)) != 0)
        exchange->uses_cache = false;
}

/* --- the answer --- */

/* RFC 7252 5.9.1.3: what is stored is still good, and as fresh as the 2.03 says. */
static void take_valid(struct exchange *exchange, struct exchange_outcome *outcome)
{
    outcome->representation =
        representation_refresh(exchange->held, outcome->response, now_us(exchange));
    outcome->body = NULL;
    exchange->cache_result = METRICS_CACHE_REVALIDATED;
    if (outcome->representation == NULL) {
        outcome->response = NULL;
        outcome->failure = REQUEST_OUT_OF_MEMORY;
    }
}

/* Says that it fails, or that it wants to be spared: what is stored may still be wanted then. */
static bool spares_stored(const struct rest_message *response)
{
    return REST_CODE_CLASS(response->code) == 5 || response->code == REST_CODE(4, 29);
}

static bool has_something_good(const struct exchange *exchange)
{
    struct cache_found found;

    return cache_find(exchange->core->cache, exchange->key, &found, NULL) &&
           !found.is_invalidated && REST_CODE_CLASS(representation_code(found.representation)) == 2;
}

static void store(struct exchange *exchange, struct exchange_outcome *outcome)
{
    bool is_outdated = cache_is_outdated(&exchange->pending);
    uint32_t max_age_s;

    if (spares_stored(outcome->response) && has_something_good(exchange))
        return;
    /* Only a HEAD asks for the beginning of a body; what is stored may be of another by now. */
    if (outcome->representation == NULL || outcome->report->is_partial) {
        cache_forget(exchange->core->cache, exchange->key);
        return;
    }
    if (!cache_store_pending(exchange->core->cache, exchange->key, &exchange->pending,
                             outcome->representation) ||
        is_outdated || !cache_may_store(outcome->representation, &max_age_s))
        return;
    outcome->is_stored = true;
    outcome->fresh_us = (int64_t)max_age_s * US_PER_S;
}

/* One copy for the cache and for all who wait. */
static bool is_worth_keeping(const struct exchange *exchange, const struct rest_message *response)
{
    return !TAILQ_EMPTY(&exchange->joiners) ||
           response->payload_length < exchange->core->policy->cache_limits.bytes;
}

void exchange_take_response(struct exchange *exchange, struct exchange_outcome *outcome,
                            struct rest_message *room)
{
    const struct rest_message *response = outcome->response;
    bool is_valid = response->code == REST_CODE(2, 3);

    if (!is_safe(exchange)) {
        exchange_invalidate(exchange, response);
        return;
    }
    /* It concerns this one request and nothing that is stored. */
    if (exchange_is_challenge(response)) {
        exchange_leave_cache(exchange);
        return;
    }
    if (is_valid && exchange->held != NULL && representation_has_etag(exchange->held, response))
        take_valid(exchange, outcome);
    else if (!is_valid && exchange->uses_cache && is_worth_keeping(exchange, response))
        outcome->representation = representation_new(response, now_us(exchange));
    if (outcome->representation != NULL) {
        representation_read(outcome->representation, room);
        outcome->response = room;
    }
    if (exchange->uses_cache && (!is_valid || outcome->representation != NULL))
        store(exchange, outcome);
    exchange_leave_cache(exchange);
}

void exchange_leave_cache(struct exchange *exchange)
{
    if (exchange->pending.cache != NULL)
        cache_end(exchange->core->cache, &exchange->pending);
    representation_return(exchange->held);
    exchange->held = NULL;
}

void exchange_free_cache(struct exchange *exchange)
{
    assert(TAILQ_EMPTY(&exchange->joiners));
    if (exchange->cache_result != METRICS_CACHE_RESULTS)
        metrics_cache_request(exchange->core->metrics, exchange->cache_result);
    exchange_leave_cache(exchange);
    free(exchange->key);
    exchange->key = NULL;
}

/* --- changes --- */

/* RFC 9111 4.4: also what a 2.01 says to have been made. */
static void invalidate_location(struct exchange *exchange, const struct rest_message *response)
{
    struct rest_message place = {.code = REST_GET};
    struct cache_key key;

    for (size_t i = 0; i < response->option_count; i++) {
        struct rest_option option = response->options[i];

        if (option.number == REST_OPTION_LOCATION_PATH)
            option.number = REST_OPTION_URI_PATH;
        else if (option.number == REST_OPTION_LOCATION_QUERY)
            option.number = REST_OPTION_URI_QUERY;
        else
            continue;
        place.options[place.option_count++] = option;
    }
    if (place.option_count > 0 &&
        cache_key_set_target(&key, &exchange->match.authority, connect_of(exchange), &place))
        cache_invalidate(exchange->core->cache, &key);
}

void exchange_invalidate(struct exchange *exchange, const struct rest_message *response)
{
    unsigned class = response == NULL ? 2 : REST_CODE_CLASS(response->code);

    /* Behind a 5.xx, too, it may have happened: what answers may be a proxy. */
    if (exchange->key == NULL || is_safe(exchange) || (class != 2 && class != 5))
        return;
    cache_invalidate(exchange->core->cache, exchange->key);
    if (response != NULL && response->code == REST_CODE(2, 1))
        invalidate_location(exchange, response);
}

/* --- failures --- */

static bool is_failure(const struct exchange *exchange)
{
    return exchange->reply.status >= 500 ||
           (exchange->reply.status == 429 && exchange->problem == PROBLEM_HELD);
}

void exchange_prefer_stale(struct exchange *exchange)
{
    struct cache_found found;

    if (!exchange->uses_cache || !is_failure(exchange) ||
        !cache_find(exchange->core->cache, exchange->key, &found, NULL) ||
        REST_CODE_CLASS(representation_code(found.representation)) != 2)
        return;
    if (!is_hardly_stale(exchange, &found) &&
        !(exchange->rules->stale_if_error && is_usable(exchange, &found, INT64_MIN)))
        return;
    exchange->cache_status.detail =
        exchange->problem == PROBLEM_TYPES ? "node-error" : problem_slug(exchange->problem);
    exchange_reset_reply(exchange);
    answer_stored(exchange, &found, CACHE_FORWARDED_STALE);
}
