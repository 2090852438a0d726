/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange_private.h"

/*
 * What plain GETs ask for and nodes answer, as far as observations of the gateway's own accord are
 * concerned (CACHE-22). Only exchanges that may use the cache count: it is by the cache that such
 * an observation saves requests.
 */

#include "auto_observe.h"
#include "core_private.h"
#include "observation.h"
#include "policy.h"
#include "representation.h"

static bool is_counted(const struct exchange *exchange)
{
    const struct core *core = exchange->core;

    return core->policy->auto_observe && !core->is_draining && exchange->uses_cache &&
           exchange->method == HTTP_METHOD_GET;
}

void exchange_note_given(const struct exchange *exchange, uint8_t code)
{
    if (is_counted(exchange) && (code == REST_CODE(2, 5) || code == REST_CODE(2, 3)))
        auto_observe_asked(exchange->core, exchange->key);
}

/* The entity tags that the node was asked about are no part of the request. */
static void note_value(const struct exchange *exchange, const struct representation *value)
{
    struct rest_request request = exchange->coap;
    struct observation_spec spec = exchange_observation_spec(exchange);

    rest_request_remove(&request, REST_OPTION_ETAG);
    spec.coap = &request;
    auto_observe_answered(exchange->core, &spec, value);
}

void exchange_note_value(const struct exchange *exchange, const struct exchange_outcome *outcome)
{
    if (is_counted(exchange) && outcome->is_stored &&
        representation_code(outcome->representation) == REST_CODE(2, 5))
        note_value(exchange, outcome->representation);
}
