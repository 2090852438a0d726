/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange_private.h"

/*
 * A node that must know whether a request is fresh answers 4.01 with an Echo value, and acts on the
 * request once the value has come back (RFC 9175 2.3). To send it back is to vouch for the HTTP
 * request: the gateway does so for requests without an effect, and for those that it knows to have
 * just been made; for others the client must try again on a new connection. One round only with
 * each address, so that a node cannot keep us going.
 */

#include <string.h>

#include "method.h"

void exchange_forget_challenge(struct exchange *exchange)
{
    rest_request_remove(&exchange->coap, REST_OPTION_ECHO);
    exchange->has_echoed = false;
}

bool exchange_is_challenge(const struct rest_message *response)
{
    return response->code == REST_CODE(4, 1) &&
           rest_find_option(response, REST_OPTION_ECHO) != NULL;
}

static bool came_early(const struct exchange *exchange)
{
    const char *early = http_request_field(exchange->request, "Early-Data");

    return early != NULL && strcmp(early, "1") == 0;
}

bool exchange_may_echo(const struct exchange *exchange)
{
    if (method_is_safe((enum http_method)exchange->method))
        return true;
    return exchange->request->is_fresh && !came_early(exchange);
}

/* RFC 8470 5.2: a request in early data may have been replayed by anybody. */
static enum step_result refuse_stale(struct exchange *exchange)
{
    char node[128];

    (void)exchange_node_phrase(exchange, node, sizeof node);
    if (came_early(exchange))
        return exchange_fail(exchange, PROBLEM_FRESHNESS, 425,
                             "%s takes this request only when it is fresh, which early data is not "
                             "known to be",
                             node);
    (void)exchange_fail(exchange, PROBLEM_FRESHNESS, 503,
                        "%s takes this request only when it is fresh: try again at once, on a new "
                        "connection",
                        node);
    (void)http_reply_add(&exchange->reply, "Retry-After", "0");
    exchange->reply.must_close = true;
    return STEP_ANSWERED;
}

bool exchange_may_meet_challenge(const struct exchange *exchange)
{
    return !exchange->has_echoed && exchange_may_echo(exchange);
}

enum step_result exchange_refuse_challenge(struct exchange *exchange)
{
    char node[128];

    if (!exchange_may_echo(exchange))
        return refuse_stale(exchange);
    return exchange_fail(exchange, PROBLEM_FRESHNESS, 403,
                         "%s refused the request a second time, with the proof of freshness that "
                         "it had asked for",
                         exchange_node_phrase(exchange, node, sizeof node));
}

enum step_result exchange_meet_challenge(struct exchange *exchange,
                                         const struct rest_message *response)
{
    const struct rest_option *echo = rest_find_option(response, REST_OPTION_ECHO);
    char node[128];

    exchange->has_echoed = true;
    if (rest_request_add(&exchange->coap, REST_OPTION_ECHO, echo->value, echo->length) != 0)
        return exchange_fail(exchange, PROBLEM_TARGET_TOO_LONG, 414,
                             "path and query do not fit into a CoAP message beside the proof of "
                             "freshness that %s asks for",
                             exchange_node_phrase(exchange, node, sizeof node));
    return exchange_forward(exchange);
}
