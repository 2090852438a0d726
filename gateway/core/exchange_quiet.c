/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange_private.h"

/*
 * Requests to which the configuration wants not every answer (RFC 7967 3.4). They are
 * non-confirmable, since an acknowledgement would be an answer again. When no class of answers is
 * wanted, the client gets 204 once the request has left; when some are, 204 once the time for them
 * has passed. Only requests with an effect are asked that way: the answer to the others is all
 * that they are made for. A body in blocks needs the answer to each of them.
 * Where nothing is answered nobody would notice a congestion, so of requests in quick succession
 * only some go that way (RFC 7967 3.2).
 */

#include "blockwise.h"
#include "method.h"
#include "node.h"
#include "policy.h"

int exchange_add_no_response(struct exchange *exchange)
{
    const struct settings *settings = &exchange->rules->settings;

    if (!settings->has_no_response || method_is_safe((enum http_method)exchange->method) ||
        exchange->coap.message.payload_length > settings->blockwise_threshold)
        return 0;
    /* 0 says that all answers are wanted. */
    exchange->is_quiet = settings->no_response != 0;
    exchange->quiet_settings = *settings;
    exchange->quiet_settings.is_non_confirmable = true;
    return rest_request_add_uint(&exchange->coap, REST_OPTION_NO_RESPONSE, settings->no_response);
}

void exchange_limit_silence(struct exchange *exchange)
{
    if (!exchange->is_quiet)
        return;
    if (blockwise_fits(&exchange->coap.message) && node_may_keep_silent(exchange->node))
        return;
    rest_request_remove(&exchange->coap, REST_OPTION_NO_RESPONSE);
    exchange->is_quiet = false;
}

bool exchange_wants_no_answer(const struct exchange *exchange)
{
    return exchange->is_quiet && exchange->quiet_settings.no_response == NO_RESPONSE_ALL;
}

enum step_result exchange_answer_quiet(struct exchange *exchange)
{
    exchange->reply.status = 204;
    exchange->step = EXCHANGE_STEP_ANSWERED;
    return STEP_ANSWERED;
}
