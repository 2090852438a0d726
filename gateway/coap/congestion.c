/* SPDX-License-Identifier: BSD-2-Clause */
#include "congestion.h"

#include "endpoint.h"
#include "message_layer.h"
#include "timers.h"

/*
 * congestion: the counting behind the message layer's sending. Nothing is sent from here: the layer
 * asks whose turn it is until it is nobody's.
 */

enum {
    AVERAGE_WEIGHT = 8,
    SHARE_DIVISOR = 4, /* of what may be outstanding, for one endpoint */
    CLIENT_SHARE_DIVISOR = 2,
    SHARE_MIN = 64,
    CREDIT_MAX = REST_REQUEST_SIZE, /* bytes: a long pause saves one datagram */
};

void congestion_init(struct congestion *congestion, struct timers *timers,
                     const struct keyed_hash *hash, size_t maximum)
{
    *congestion = (struct congestion){.timers = timers, .maximum = maximum};
    TAILQ_INIT(&congestion->line);
    client_shares_init(&congestion->clients, hash);
}

void congestion_clear(struct congestion *congestion)
{
    client_shares_clear(&congestion->clients);
}

static void average(uint64_t *average_us, uint64_t sample_us)
{
    *average_us = *average_us == 0
                      ? sample_us
                      : (*average_us * (AVERAGE_WEIGHT - 1) + sample_us) / AVERAGE_WEIGHT;
}

/* One that acknowledges at once and answers late, if ever, must not hold up all the others. */
static size_t share_of_one(const struct congestion *congestion)
{
    size_t share = congestion->maximum / SHARE_DIVISOR;

    return share > SHARE_MIN ? share : SHARE_MIN;
}

bool congestion_admits(const struct congestion *congestion, const struct message *message)
{
    size_t share = congestion->maximum / CLIENT_SHARE_DIVISOR;

    return message->is_continuation || client_shares_count(&congestion->clients, message->client) <
                                           (share > SHARE_MIN ? share : SHARE_MIN);
}

bool congestion_is_free(const struct congestion *congestion, const struct message *message)
{
    const struct endpoint *endpoint = message->endpoint;

    return endpoint->queue.length == 0 && !endpoint->pause.is_armed &&
           endpoint->slots_used < message->settings->nstart &&
           endpoint->outstanding < share_of_one(congestion) &&
           congestion->outstanding < congestion->maximum && TAILQ_EMPTY(&congestion->line);
}

int congestion_enqueue(struct congestion *congestion, struct message *message)
{
    if (fair_queue_add(&message->endpoint->queue, message) != 0)
        return -1;
    message->state = MESSAGE_QUEUED;
    congestion->queued++;
    return 0;
}

void congestion_dequeue(struct congestion *congestion, struct message *message)
{
    fair_queue_remove(&message->endpoint->queue, message);
    message->state = MESSAGE_IDLE;
    congestion->queued--;
}

struct message *congestion_next(const struct congestion *congestion,
                                const struct endpoint *endpoint)
{
    struct message *message = fair_queue_next(&endpoint->queue);

    if (message == NULL || endpoint->slots_used >= message->settings->nstart ||
        endpoint->outstanding >= share_of_one(congestion))
        return NULL;
    return message;
}

void congestion_line_up(struct congestion *congestion, struct endpoint *endpoint)
{
    if (endpoint->is_in_line || endpoint->pause.is_armed ||
        congestion_next(congestion, endpoint) == NULL)
        return;
    endpoint->is_in_line = true;
    TAILQ_INSERT_TAIL(&congestion->line, endpoint, line);
}

struct endpoint *congestion_turn(struct congestion *congestion)
{
    struct endpoint *endpoint = TAILQ_FIRST(&congestion->line);

    if (endpoint == NULL || congestion->outstanding >= congestion->maximum)
        return NULL;
    TAILQ_REMOVE(&congestion->line, endpoint, line);
    endpoint->is_in_line = false;
    return endpoint;
}

/* What `length` bytes take at PROBING_RATE. */
static uint64_t probing_time_us(const struct settings *settings, size_t length)
{
    return (uint64_t)length * 1000000000 / settings->probing_rate_milli;
}

/* The credit pays for a message before it leaves. It grows from the transmission that was not
 * answered, so that a single request that failed delays nobody. */
static uint64_t credit_since_us(const struct congestion *congestion, const struct message *message)
{
    uint64_t now_us = timers_now_us(congestion->timers);
    uint64_t most_us = probing_time_us(message->settings, CREDIT_MAX);
    uint64_t earliest_us = now_us > most_us ? now_us - most_us : 0;
    uint64_t credit_us = message->endpoint->credit_us;

    return credit_us > earliest_us ? credit_us : earliest_us;
}

uint64_t congestion_probing_delay_us(const struct congestion *congestion,
                                     const struct message *message)
{
    uint64_t now_us = timers_now_us(congestion->timers);
    uint64_t ready_us;

    if (!message->endpoint->is_silent)
        return 0;
    ready_us =
        credit_since_us(congestion, message) + probing_time_us(message->settings, message->length);
    return ready_us > now_us ? ready_us - now_us : 0;
}

/* An endpoint that were forgotten sooner would get its next message too soon, if it is a long one.
 */
static void remember_silence(const struct message *message)
{
    endpoint_keep(message->endpoint, probing_time_us(message->settings, CREDIT_MAX));
}

void congestion_start(struct congestion *congestion, struct message *message)
{
    struct endpoint *endpoint = message->endpoint;

    if (message->state == MESSAGE_QUEUED) {
        fair_queue_serve(&endpoint->queue, message);
        congestion->queued--;
    } else {
        fair_queue_pass(&endpoint->queue, message->client);
    }
    if (endpoint->is_silent) {
        endpoint->credit_us = credit_since_us(congestion, message) +
                              probing_time_us(message->settings, message->length);
        remember_silence(message);
    }
    endpoint->started_us = timers_now_us(congestion->timers);
    message->heard_before = endpoint->heard;
    message->answered_before = endpoint->answered;
    endpoint->slots_used++;
    endpoint->nstart = message->settings->nstart;
    message->holds_slot = true;
    endpoint->outstanding++;
    congestion->outstanding++;
    message->share = client_share_take(&congestion->clients, message->client);
}

void congestion_free_slot(struct congestion *congestion, struct message *message)
{
    struct endpoint *endpoint = message->endpoint;

    if (!message->holds_slot)
        return;
    message->holds_slot = false;
    endpoint->slots_used--;
    average(&endpoint->slot_time_us, timers_now_us(congestion->timers) - message->first_sent_us);
}

void congestion_end(struct congestion *congestion, struct message *message)
{
    congestion_free_slot(congestion, message);
    message->endpoint->outstanding--;
    congestion->outstanding--;
    client_share_give_back(&congestion->clients, message->share);
    message->share = NULL;
    average(&congestion->response_time_us,
            timers_now_us(congestion->timers) - message->first_sent_us);
}

void congestion_give_up(const struct message *message)
{
    struct endpoint *endpoint = message->endpoint;

    if (message->transmissions == 0 || message->needs_no_answer ||
        endpoint->answered != message->answered_before || endpoint->is_silent)
        return;
    endpoint->is_silent = true;
    endpoint->credit_us = endpoint->started_us;
    remember_silence(message);
}

bool congestion_heard(struct endpoint *endpoint, bool is_answer)
{
    bool was_silent = endpoint->is_silent;

    endpoint->heard++;
    if (!is_answer)
        return false;
    endpoint->answered++;
    endpoint->is_silent = false;
    return was_silent;
}

/* A slot that is held longer than usual says more than the average. */
static uint64_t slot_time_us(const struct congestion *congestion, const struct endpoint *endpoint)
{
    const struct message *oldest = TAILQ_FIRST(&endpoint->in_flight);
    uint64_t held_us = 0;

    if (oldest != NULL)
        held_us = timers_now_us(congestion->timers) - oldest->first_sent_us;
    return held_us > endpoint->slot_time_us ? held_us : endpoint->slot_time_us;
}

uint64_t congestion_wait_us(const struct congestion *congestion, const struct endpoint *endpoint)
{
    uint64_t own_us =
        slot_time_us(congestion, endpoint) * (endpoint->queue.length + 1) / endpoint->nstart;
    uint64_t now_us = timers_now_us(congestion->timers);
    uint64_t common_us = 0;

    if (endpoint->pause.is_armed && endpoint->pause.deadline_us > now_us)
        own_us += endpoint->pause.deadline_us - now_us;
    if (endpoint->outstanding >= share_of_one(congestion))
        own_us +=
            congestion->response_time_us * (endpoint->queue.length + 1) / share_of_one(congestion);
    if (congestion->outstanding >= congestion->maximum && congestion->maximum > 0)
        common_us = congestion->response_time_us * (congestion->queued + 1) / congestion->maximum;
    return own_us > common_us ? own_us : common_us;
}
