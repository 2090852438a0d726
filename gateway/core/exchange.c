/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange.h"
#include "exchange_private.h"

/*
 * The life of an exchange: begun by the HTTP side, taken through the steps, parked while a name or
 * a node is waited for, answered once, and given back to the table when both of its halves are
 * over. The CoAP half runs to its end even when the client has gone (RFC 8075 8.1): then nothing of
 * the HTTP request is touched any more.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "blockwise.h"
#include "core_private.h"
#include "events.h"
#include "log.h"
#include "memory_account.h"
#include "metrics.h"
#include "method.h"
#include "node.h"
#include "node_label.h"
#include "policy.h"
#include "timers.h"

enum {
    REPLY_BODY_MAX = 16 << 20,
    /* What an exchange takes in any case: itself and a message in a queue. */
    EXCHANGE_CHARGE = sizeof(struct exchange) + REST_REQUEST_SIZE,
};

static void open_exchange(struct exchange *exchange, struct core *core, struct policy *policy,
                          const struct http_request *request)
{
    memset((char *)exchange + offsetof(struct exchange, core), 0,
           offsetof(struct exchange, match) - offsetof(struct exchange, core));
    /* What an earlier request left here belongs to a policy that may have gone. */
    exchange->match.kind = MAPPING_HC;
    exchange->match.policy = NULL;
    exchange->match.node_name = NULL;
    exchange->core = core;
    exchange->request = request;
    exchange->is_attached = true;
    exchange->policy = policy_reference(policy);
    exchange->method = request->method;
    exchange->client_key = request->client_key;
    memory_account_add(core->options.memory, EXCHANGE_CHARGE);
    exchange->began_us = timers_now_us(core->options.timers);
    exchange->problem = PROBLEM_TYPES;
    exchange->cache_result = METRICS_CACHE_RESULTS;
    exchange->accept = MEDIA_FORMAT_NONE;
    exchange->content_format = MEDIA_FORMAT_NONE;
    exchange_init_names(exchange);
    prefer_read(request, &exchange->preferences);
    exchange_init_patience(exchange);
    exchange_init_joining(exchange);
    exchange_init_stream(exchange);
    rest_request_init(&exchange->coap);
    http_reply_init(&exchange->reply, exchange->policy->maximum_reply > REPLY_BODY_MAX
                                          ? exchange->policy->maximum_reply
                                          : REPLY_BODY_MAX);
}

static enum exchange_progress progress_of(enum step_result result)
{
    switch (result) {
    case STEP_ANSWERED:
        return EXCHANGE_ANSWERED;
    case STEP_WANTS_BODY:
        return EXCHANGE_WANTS_BODY;
    case STEP_NEXT:
    case STEP_PARKED:
        break;
    }
    return EXCHANGE_PARKED;
}

enum exchange_progress exchange_begin(struct core *core, const struct http_request *request,
                                      void *north, uint64_t *id)
{
    struct exchange *exchange;
    enum step_result result;

    assert(core->policy != NULL);
    exchange = exchange_table_add(&core->exchanges);
    if (exchange == NULL)
        return EXCHANGE_NO_MEMORY;
    open_exchange(exchange, core, core->policy, request);
    exchange->north = north;
    *id = exchange->id;
    exchange->is_beginning = true;
    result = exchange_advance(exchange);
    exchange->is_beginning = false;
    assert(result == STEP_ANSWERED || result == STEP_WANTS_BODY);
    return progress_of(result);
}

struct exchange *exchange_open_run(struct core *core, struct policy *policy, struct events_run *run,
                                   const struct http_request *request)
{
    struct exchange *exchange = NULL;

    if (memory_account_has_room(core->options.memory, EXCHANGE_CHARGE))
        exchange = exchange_table_add(&core->exchanges);
    if (exchange == NULL)
        return NULL;
    open_exchange(exchange, core, policy, request);
    exchange->run = run;
    exchange->step = EXCHANGE_STEP_MAP;
    return exchange;
}

bool exchange_run_target(struct exchange *exchange)
{
    enum step_result result;

    do
        result = exchange_advance(exchange);
    while (result == STEP_WANTS_BODY);
    return result == STEP_ANSWERED;
}

enum exchange_progress exchange_run(struct core *core, uint64_t id)
{
    struct exchange *exchange = exchange_table_find(&core->exchanges, id);
    enum exchange_progress progress = EXCHANGE_PARKED;

    if (exchange == NULL)
        return EXCHANGE_NO_MEMORY;
    exchange->body = (uint8_t *)(uintptr_t)exchange->request->body;
    exchange->body_charge = exchange->request->body_length;
    memory_account_add(core->options.memory, exchange->body_charge);
    if (exchange_is_answered(exchange))
        return EXCHANGE_ANSWERED;
    if (exchange->wait.entry == NULL)
        progress = progress_of(exchange_advance(exchange));
    if (progress == EXCHANGE_PARKED && !exchange->wants_stream)
        exchange_begin_patience(exchange);
    return progress;
}

void exchange_tell(struct exchange *exchange)
{
    assert(exchange_is_answered(exchange));
    timers_disarm(exchange->core->options.timers, &exchange->patience);
    exchange_leave(exchange);
    if (exchange->run != NULL) {
        events_answered(exchange);
    } else if (exchange->async != NULL) {
        exchange_complete_async(exchange);
        exchange_end_if_over(exchange);
    } else if (exchange->is_attached) {
        exchange->core->options.north->answered(exchange->north);
    }
}

void exchange_resume(struct exchange *exchange)
{
    if (exchange_advance(exchange) == STEP_ANSWERED)
        exchange_tell(exchange);
}

size_t exchange_body_maximum(struct core *core, uint64_t id)
{
    const struct exchange *exchange = exchange_table_find(&core->exchanges, id);

    return exchange == NULL ? 0 : exchange_body_limit(exchange);
}

void exchange_refuse_body(struct core *core, uint64_t id)
{
    struct exchange *exchange = exchange_table_find(&core->exchanges, id);

    if (exchange != NULL && !exchange_is_answered(exchange))
        (void)exchange_fail_body_too_large(exchange);
}

const struct http_reply *exchange_reply(struct core *core, uint64_t id)
{
    const struct exchange *exchange = exchange_table_find(&core->exchanges, id);

    if (exchange != NULL && exchange->async != NULL)
        return exchange_async_reply(exchange);
    return exchange != NULL && exchange_is_answered(exchange) ? &exchange->reply : NULL;
}

void exchange_end_if_over(struct exchange *exchange)
{
    if (exchange->is_ended || exchange->is_attached || exchange->request != NULL ||
        exchange->request_id != 0)
        return;
    exchange->is_ended = true;
    TAILQ_INSERT_TAIL(&exchange->core->exchanges.ended, exchange, link);
}

/* Nobody wants the reply any more: what waits for a name or for the request of another has sent
 * nothing and ends here. */
static void forget_request(struct exchange *exchange)
{
    exchange->request = NULL;
    exchange_forget_names(exchange);
    timers_disarm(exchange->core->options.timers, &exchange->patience);
    exchange_leave(exchange);
    exchange_leave_stream(exchange);
}

/* A request that was given to the request layer runs on, and so does one whose reply is wanted
 * later. */
void exchange_detach(struct core *core, uint64_t id)
{
    struct exchange *exchange = exchange_table_find(&core->exchanges, id);

    if (exchange == NULL || !exchange->is_attached)
        return;
    exchange->is_attached = false;
    exchange->north = NULL;
    if (exchange->async == NULL)
        forget_request(exchange);
    exchange_end_if_over(exchange);
}

void exchange_close(struct exchange *exchange)
{
    timers_disarm(exchange->core->options.timers, &exchange->patience);
    exchange_forget_names(exchange);
    exchange_leave_stream(exchange);
    http_reply_clear(&exchange->reply);
    exchange_free_async(exchange);
    free(exchange->body);
    node_release(exchange->node);
    node_label_release(exchange->label);
    policy_release(exchange->policy);
    exchange_free_cache(exchange);
    memory_account_give(exchange->core->options.memory, EXCHANGE_CHARGE + exchange->body_charge);
    exchange_table_remove(&exchange->core->exchanges, exchange);
}

bool core_reap(void *handle)
{
    struct core *core = handle;
    struct exchange *exchange;

    while ((exchange = TAILQ_FIRST(&core->exchanges.ended)) != NULL) {
        TAILQ_REMOVE(&core->exchanges.ended, exchange, link);
        exchange_close(exchange);
    }
    return false;
}

void exchange_abandon_all(struct core *core)
{
    for (uint32_t i = 0; i < core->exchanges.ids.slot_count; i++) {
        struct exchange *exchange = id_table_at(&core->exchanges.ids, i);

        if (exchange == NULL)
            continue;
        assert(!exchange->is_attached);
        forget_request(exchange);
        if (exchange->request_id != 0)
            blockwise_cancel(core->options.blockwise, exchange->request_id);
        exchange->request_id = 0;
        exchange_end_if_over(exchange);
    }
}

/* A CoAP half that is under way runs on, as after a deadline. */
void core_refuse_waiting(struct core *core)
{
    for (uint32_t i = 0; i < core->exchanges.ids.slot_count; i++) {
        struct exchange *exchange = id_table_at(&core->exchanges.ids, i);

        if (exchange == NULL || !exchange->is_attached || exchange->async != NULL ||
            exchange_is_answered(exchange))
            continue;
        exchange_forget_names(exchange);
        (void)exchange_fail(exchange, PROBLEM_STOPPING, 503,
                            "the gateway is stopping and cannot wait for the answer");
        exchange->reply.must_close = true;
        exchange_tell(exchange);
    }
}

/* Copies text between the quotes of a logfmt value. What is longer than `size` ends in "...". */
static void quote(char *out, size_t size, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    size_t used = 0;

    for (; *text != '\0' && used + 8 < size; text++) {
        unsigned char c = (unsigned char)*text;

        if (c < 0x20 || c == 0x7f) {
            out[used++] = '\\';
            out[used++] = 'x';
            out[used++] = hex[c >> 4];
            out[used++] = hex[c & 15];
            continue;
        }
        if (c == '"' || c == '\\')
            out[used++] = '\\';
        out[used++] = (char)c;
    }
    if (*text != '\0') {
        memcpy(out + used, "...", 3);
        used += 3;
    }
    out[used] = '\0';
}

static void write_access_log(const struct core *core, const struct exchange *exchange,
                             const struct exchange_account *account)
{
    char method[80], target[1024], client[80], id[160];
    char code[8] = "-";

    quote(method, sizeof method, account->method == NULL ? "-" : account->method);
    quote(target, sizeof target, account->target == NULL ? "-" : account->target);
    quote(client, sizeof client, account->client == NULL ? "-" : account->client);
    quote(id, sizeof id, account->request_id == NULL ? "-" : account->request_id);
    if (exchange != NULL && exchange->response_code != 0)
        (void)rest_code_format(exchange->response_code, code);
    log_write(core->options.log, LOG_LEVEL_INFO,
              "access method=\"%s\" target=\"%s\" node=%s code=%s status=%u ms=%.1f "
              "retransmissions=%u bytes=%llu client=\"%s\" id=\"%s\"",
              method, target,
              exchange == NULL || exchange->label == NULL ? "-" : node_label_name(exchange->label),
              code, account->status, (double)account->elapsed_us / 1000,
              exchange == NULL ? 0 : exchange->retransmissions + exchange->told.retransmissions,
              (unsigned long long)account->body_bytes, client, id);
}

void exchange_account(struct core *core, uint64_t exchange_id,
                      const struct exchange_account *account)
{
    const struct exchange *exchange = exchange_table_find(&core->exchanges, exchange_id);
    const struct policy *policy = exchange == NULL ? core->policy : exchange->policy;
    unsigned method =
        account->method == NULL ? HTTP_METHOD_UNKNOWN : (unsigned)method_parse(account->method);

    metrics_http_request(core->metrics, method, account->status, account->elapsed_us);
    if (policy != NULL && policy->writes_access_log)
        write_access_log(core, exchange, account);
}
