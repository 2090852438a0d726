/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange_private.h"

/*
 * How long a client wants to wait (RFC 7240). "wait" alone ends its waiting by 504; with
 * "respond-async" the client gets 202 and the exchange goes on without it: from then on it works on
 * a copy of the request, and its reply goes to a status monitor. Neither touches the CoAP half, nor
 * says it anything of the node.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core_private.h"
#include "status_monitor.h"
#include "timers.h"

enum { ASYNC_WAIT_DEFAULT_S = 5 };

struct exchange_async {
    struct http_reply reply; /* 202 */
    struct http_request request;
    char id[STATUS_MONITOR_ID_SIZE];
    struct http_field *fields; /* owned, with all texts behind them */
};

static const char *put_text(char **room, const char *text)
{
    size_t size;
    char *copy = *room;

    if (text == NULL)
        return NULL;
    size = strlen(text) + 1;
    memcpy(copy, text, size);
    *room += size;
    return copy;
}

static size_t text_size(const char *text)
{
    return text == NULL ? 0 : strlen(text) + 1;
}

/* Copies the request, since its owner goes, but for the body, which is the exchange's. 0, or -1
 * when memory is short. */
static int copy_request(struct exchange_async *async, const struct http_request *request)
{
    size_t size = request->field_count * sizeof *async->fields + text_size(request->method_text) +
                  text_size(request->target) + text_size(request->client) + text_size(request->id);
    char *room;

    for (size_t i = 0; i < request->field_count; i++)
        size += text_size(request->fields[i].name) + text_size(request->fields[i].value);
    async->fields = malloc(size);
    if (async->fields == NULL)
        return -1;
    room = (char *)(async->fields + request->field_count);
    async->request = *request;
    async->request.fields = async->fields;
    async->request.method_text = put_text(&room, request->method_text);
    async->request.target = put_text(&room, request->target);
    async->request.client = put_text(&room, request->client);
    async->request.id = put_text(&room, request->id);
    for (size_t i = 0; i < request->field_count; i++) {
        async->fields[i].name = put_text(&room, request->fields[i].name);
        async->fields[i].value = put_text(&room, request->fields[i].value);
    }
    return 0;
}

/* Lets the exchange go on without its client. False when that is not possible: it goes on as ever.
 */
static bool accept_request(struct exchange *exchange)
{
    struct exchange_async *async = calloc(1, sizeof *async);

    if (async == NULL)
        return false;
    http_reply_init(&async->reply, 4096);
    if (copy_request(async, exchange->request) != 0 ||
        status_monitors_add(exchange->core->monitors, exchange->request, exchange->method,
                            async->id) != 0) {
        free(async->fields);
        free(async);
        return false;
    }
    status_monitors_write_accepted(async->id, &async->reply);
    exchange->request = &async->request;
    exchange->async = async;
    return true;
}

static void patience_ended(void *handle)
{
    struct exchange *exchange = handle;
    const struct preferences *wish = &exchange->preferences;
    char node[128];

    if (wish->respond_async && accept_request(exchange)) {
        exchange->core->options.north->answered(exchange->north);
        return;
    }
    if (!wish->has_wait)
        return;
    exchange_forget_names(exchange);
    if (exchange->request_id != 0)
        exchange_invalidate(exchange, NULL);
    (void)exchange_fail(exchange, PROBLEM_TIMEOUT, 504,
                        "%s did not answer within %u s, which is as long as the client wanted to "
                        "wait",
                        exchange_node_phrase(exchange, node, sizeof node), wish->wait_s);
    exchange_prefer_stale(exchange);
    (void)http_reply_add(&exchange->reply, "Preference-Applied", "wait=%u", wish->wait_s);
    exchange_tell(exchange);
}

void exchange_init_patience(struct exchange *exchange)
{
    timer_init(&exchange->patience, patience_ended, exchange);
}

void exchange_begin_patience(struct exchange *exchange)
{
    const struct preferences *wish = &exchange->preferences;
    uint32_t wait_s = wish->has_wait ? wish->wait_s : ASYNC_WAIT_DEFAULT_S;

    if (wish->has_wait || wish->respond_async)
        timers_arm(exchange->core->options.timers, &exchange->patience, (uint64_t)wait_s * 1000000);
}

const struct http_reply *exchange_async_reply(const struct exchange *exchange)
{
    return &exchange->async->reply;
}

void exchange_complete_async(struct exchange *exchange)
{
    status_monitors_complete(exchange->core->monitors, exchange->async->id, &exchange->reply);
    exchange->request = NULL;
}

void exchange_free_async(struct exchange *exchange)
{
    if (exchange->async == NULL)
        return;
    http_reply_clear(&exchange->async->reply);
    free(exchange->async->fields);
    free(exchange->async);
    exchange->async = NULL;
}
