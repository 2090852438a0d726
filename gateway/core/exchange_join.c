/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange_private.h"

/*
 * Those that share one CoAP request (CACHE-13): the leader's exchange has it, the others wait in
 * the leader's list, and each makes its own reply from what comes of it. The leader's CoAP half
 * goes on without the leader's client. How long somebody waits is counted from when he came, by the
 * rules of his own mapping.
 *
 * To tell a reply may detach any exchange, those in the list included: so the list is emptied from
 * its head, one by one, and never walked.
 */

#include <assert.h>

#include "blockwise.h"
#include "core_private.h"
#include "policy.h"

enum { US_PER_MS = 1000, US_PER_S = 1000000 };

static uint64_t now_us(const struct exchange *exchange)
{
    return timers_now_us(exchange->core->options.timers);
}

/* What is left of the exchange's time, by what is known of a request of the leader's. An ACK counts
 * from when the exchange was there to wait for what follows. */
static uint64_t left_us(struct exchange *exchange, const struct exchange *leader, bool is_in_blocks)
{
    const struct settings *settings = &exchange->rules->settings;
    struct request_times *times = &exchange->times;
    uint64_t end_us = times->begun_us + (uint64_t)settings->transfer_deadline_ms * US_PER_MS;

    if (leader->times.was_acknowledged)
        request_times_acknowledge(times, leader->times.acknowledged_us > times->begun_us
                                             ? leader->times.acknowledged_us
                                             : times->begun_us);
    if (is_in_blocks)
        return end_us > now_us(exchange) ? end_us - now_us(exchange) : 0;
    return request_times_left_us(times, settings, now_us(exchange));
}

static uint64_t left_while_joined_us(struct exchange *exchange)
{
    const struct exchange *leader = exchange->leader;

    return left_us(exchange, leader,
                   blockwise_is_in_blocks(exchange->core->options.blockwise, leader->request_id));
}

static void deadline_passed(void *handle)
{
    struct exchange *exchange = handle;
    uint64_t rest_us = left_while_joined_us(exchange);
    char node[128];

    /* The node has taken the request meanwhile, or it goes in blocks. */
    if (rest_us > 0) {
        timers_arm(exchange->core->options.timers, &exchange->join_deadline, rest_us);
        return;
    }
    (void)exchange_fail(exchange, PROBLEM_TIMEOUT, 504, "%s did not answer within %.3g s",
                        exchange_node_phrase(exchange, node, sizeof node),
                        (double)(now_us(exchange) - exchange->times.begun_us) / US_PER_S);
    exchange_prefer_stale(exchange);
    exchange_tell(exchange);
}

void exchange_init_joining(struct exchange *exchange)
{
    TAILQ_INIT(&exchange->joiners);
    timer_init(&exchange->join_deadline, deadline_passed, exchange);
}

enum step_result exchange_join(struct exchange *exchange, struct exchange *leader)
{
    assert(leader->request_id != 0 && leader != exchange);
    exchange->leader = leader;
    exchange->step = EXCHANGE_STEP_AWAIT;
    exchange->has_sent = true;
    exchange->response_code = 0;
    TAILQ_INSERT_TAIL(&leader->joiners, exchange, join_link);
    request_times_begin(&exchange->times, now_us(exchange));
    timers_arm(exchange->core->options.timers, &exchange->join_deadline,
               left_while_joined_us(exchange));
    return STEP_PARKED;
}

void exchange_leave(struct exchange *exchange)
{
    if (exchange->leader == NULL)
        return;
    timers_disarm(exchange->core->options.timers, &exchange->join_deadline);
    TAILQ_REMOVE(&exchange->leader->joiners, exchange, join_link);
    exchange->leader = NULL;
}

/* What comes of the request says nothing of what the exchange would get, or it was given up when
 * the leader's time was over, though the node could still have answered. */
static bool is_inconclusive(struct exchange *exchange, const struct exchange *leader,
                            const struct exchange_outcome *outcome)
{
    if (outcome == NULL || outcome->is_inconclusive)
        return true;
    return outcome->response == NULL && outcome->failure == REQUEST_TIMED_OUT &&
           !outcome->report->is_spent &&
           left_us(exchange, leader, outcome->report->earlier_messages > 0) > 0;
}

void exchange_share(struct exchange *leader, const struct exchange_outcome *outcome)
{
    struct exchange *exchange;

    assert(leader->pending.cache == NULL);
    while ((exchange = TAILQ_FIRST(&leader->joiners)) != NULL) {
        exchange_leave(exchange);
        if (is_inconclusive(exchange, leader, outcome)) {
            exchange->step = EXCHANGE_STEP_LOOK_UP;
            exchange_resume(exchange);
        } else {
            exchange->cache_status.is_collapsed = true;
            exchange_settle(exchange, outcome);
        }
    }
}
