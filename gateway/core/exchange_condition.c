/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange_private.h"

/*
 * What a client already has need not be sent to it again (RFC 9110 13.1.2): before the request goes
 * out its entity tags become ETag options, so that the node can answer 2.03 without a payload; and
 * whatever reply comes of it, from the node or from a store, is judged once more. A request with a
 * client's tags is that client's alone: nobody else could make use of its 2.03.
 */

#include <string.h>

#include "condition.h"
#include "pdu.h"

enum {
    ETAG_OPTION_MAX = 9, /* bytes */
    /* For what is added to the request behind our back: Block, Size, Echo, Request-Tag. */
    ROOM_FOR_OTHERS = 64,
    OPTIONS_FOR_OTHERS = 8,
};

/* How many ETag options can be added without the request becoming too long for a datagram. */
static size_t count_room(const struct exchange *exchange)
{
    const struct rest_message *message = &exchange->coap.message;
    size_t used = rest_options_size(message) + PDU_HEADER_SIZE + PDU_TOKEN_MAX + ROOM_FOR_OTHERS;
    size_t options = message->option_count + OPTIONS_FOR_OTHERS;
    size_t room;

    if (used >= REST_REQUEST_SIZE || options >= REST_OPTIONS_MAX)
        return 0;
    room = (REST_REQUEST_SIZE - used) / ETAG_OPTION_MAX;
    return room < REST_OPTIONS_MAX - options ? room : REST_OPTIONS_MAX - options;
}

size_t exchange_add_client_etags(struct exchange *exchange)
{
    size_t room;

    rest_request_remove(&exchange->coap, REST_OPTION_ETAG);
    room = count_room(exchange);
    return condition_add_etags(exchange->request, (enum http_method)exchange->method,
                               exchange->accept, &exchange->coap,
                               room < CONDITION_ETAGS_MAX ? room : CONDITION_ETAGS_MAX);
}

bool exchange_add_etag(struct exchange *exchange, const uint8_t *etag, size_t length)
{
    return count_room(exchange) > 0 &&
           rest_request_add(&exchange->coap, REST_OPTION_ETAG, etag, length) == 0;
}

bool exchange_is_confirmation(const struct exchange *exchange, const struct rest_message *response)
{
    const struct rest_message *request = &exchange->coap.message;
    const struct rest_option *etag = rest_find_option(response, REST_OPTION_ETAG);

    if (response->code != REST_CODE(2, 3) || etag == NULL)
        return false;
    for (size_t i = 0; i < request->option_count; i++) {
        const struct rest_option *asked = &request->options[i];

        if (asked->number == REST_OPTION_ETAG && asked->length == etag->length &&
            memcmp(asked->value, etag->value, etag->length) == 0)
            return true;
    }
    return false;
}

void exchange_judge_condition(struct exchange *exchange)
{
    struct http_reply *reply = &exchange->reply;

    if (condition_judge(exchange->request, (enum http_method)exchange->method,
                        http_reply_field(reply, "ETag"), reply->status) == CONDITION_SERVE)
        return;
    /* The body stays for its length. Of metadata only what controls caches belongs into a 304. */
    reply->status = 304;
    http_reply_remove(reply, "Content-Type");
    http_reply_remove(reply, "Content-Encoding");
}
