/* SPDX-License-Identifier: BSD-2-Clause */
#include "model_private.h"

#include <string.h>

#include "dice.h"
#include "memory.h"

/*
 * model_observe: the observers of a model node (RFC 7641 4): an entry for each endpoint and token,
 * which has the request that it registered with, so that a notification is what that request would
 * get now. One confirmable notification at a time is under way to an observer; what is sent again
 * shows the newest state (4.5.2). An RST for a notification, a confirmable one that nobody
 * acknowledges, an error, and a reboot remove the entry.
 */

enum {
    GET = 1,
    ACK_TIMEOUT_MS = 2000,
    TRANSMISSIONS_MAX = 5,
    NOTIFY_DELAY_MAX_US = 100000,
    SECOND_US = 1000000,
};

static struct model_observer *find(struct model_node *node, unsigned peer, const uint8_t *token,
                                   size_t length)
{
    struct model_observer *observer;

    TAILQ_FOREACH(observer, &node->observers, link)
    {
        if (observer->peer == peer && observer->token_length == length &&
            memcmp(observer->token, token, length) == 0)
            return observer;
    }
    return NULL;
}

static void drop_actions(struct model_node *node, const struct model_observer *observer,
                         bool is_of_kind, enum model_action_kind kind)
{
    struct model_action *action, *next;

    for (action = TAILQ_FIRST(&node->actions); action != NULL; action = next) {
        next = TAILQ_NEXT(action, link);
        if (action->observer == observer && (!is_of_kind || action->kind == kind))
            model_action_drop(node, action);
    }
}

static void drop(struct model_node *node, struct model_observer *observer)
{
    drop_actions(node, observer, false, MODEL_NOTIFY);
    TAILQ_REMOVE(&node->observers, observer, link);
    memory_return(observer->request);
    memory_return(observer);
}

void model_observe_clear(struct model_node *node)
{
    while (!TAILQ_EMPTY(&node->observers))
        drop(node, TAILQ_FIRST(&node->observers));
}

static uint32_t next_number(struct model_node *node)
{
    unsigned step = node->traits.observe_step_max;

    node->observe_number += step > 1 ? 1 + dice_below(node->dice, step) : 1;
    node->observe_number &= 0xffffff;
    return node->observe_number;
}

/* --- notifications --- */

/* Whatever changed before it goes out goes with it. */
static void notify(struct model_node *node, struct model_observer *observer)
{
    bool is_at_once = dice_chance(node->dice, 500);

    observer->is_dirty = true;
    if (observer->is_waiting || observer->is_scheduled)
        return;
    observer->is_scheduled = true;
    struct model_action *action = model_action_add(
        node, MODEL_NOTIFY, is_at_once ? 0 : dice_below(node->dice, NOTIFY_DELAY_MAX_US), NULL, 0);
    action->observer = observer;
}

void model_observe_changed(struct model_node *node, unsigned resource)
{
    struct model_observer *observer, *next;

    for (observer = TAILQ_FIRST(&node->observers); observer != NULL; observer = next) {
        next = TAILQ_NEXT(observer, link);
        if (observer->resource != resource)
            continue;
        if (dice_chance(node->dice, node->traits.forgets_observers_permille))
            drop(node, observer);
        else
            notify(node, observer);
    }
}

/* Before what was told becomes stale it is told again, changed or not (RFC 7641 4.3.1). */
static void renew_later(struct model_node *node, struct model_observer *observer,
                        const struct wire_message *response)
{
    uint32_t max_age_s = wire_uint(response, WIRE_MAX_AGE, 60);

    drop_actions(node, observer, true, MODEL_RENEW);
    if (max_age_s == 0 || dice_below(node->dice, 100) >= node->traits.renews_percent)
        return;
    struct model_action *action =
        model_action_add(node, MODEL_RENEW, max_age_s * (uint64_t)SECOND_US, NULL, 0);
    action->observer = observer;
}

static size_t render(struct model_node *node, struct model_observer *observer, uint8_t *out,
                     size_t size)
{
    struct wire_message request, response;

    (void)wire_parse(&request, observer->request, observer->request_length);
    wire_init(&response, WIRE_NON, WIRE_CODE(5, 0));
    model_respond(node, observer->peer, &request, &response);
    observer->is_ending = response.code >> 5 != 2;
    if (!observer->is_ending)
        wire_add_uint(&response, WIRE_OBSERVE, next_number(node));
    observer->is_confirmable = dice_below(node->dice, 100) < node->traits.notify_con_percent;
    response.type = observer->is_confirmable ? WIRE_CON : WIRE_NON;
    response.mid = observer->mid = node->next_mid++;
    observer->mids[observer->mid_count++ % MODEL_OBSERVER_MIDS] = response.mid;
    response.token_length = observer->token_length;
    memcpy(response.token, observer->token, sizeof response.token);
    observer->is_dirty = false;
    renew_later(node, observer, &response);
    return wire_write(&response, out, size);
}

static void wait_for_ack(struct model_node *node, struct model_observer *observer,
                         const uint8_t *bytes, size_t length)
{
    struct model_action *again =
        model_action_add(node, MODEL_NOTIFY_AGAIN, observer->timeout_us, bytes, length);

    again->observer = observer;
}

static void send_notification(struct model_node *node, struct model_observer *observer)
{
    uint8_t out[WIRE_DATAGRAM_MAX];
    size_t length = render(node, observer, out, sizeof out);

    node->host.send(node->host.handle, observer->peer, out, length);
    if (!observer->is_confirmable) {
        if (observer->is_ending)
            drop(node, observer);
        return;
    }
    observer->is_waiting = true;
    observer->transmissions = 1;
    observer->timeout_us = ACK_TIMEOUT_MS * UINT64_C(1000);
    observer->timeout_us += dice_below(node->dice, (uint32_t)observer->timeout_us / 2);
    wait_for_ack(node, observer, out, length);
}

/* A newer state goes out in place of the one that nobody acknowledged (RFC 7641 4.5.2). */
static void send_again(struct model_node *node, const struct model_action *action)
{
    struct model_observer *observer = action->observer;
    uint8_t out[WIRE_DATAGRAM_MAX];
    size_t length = action->length;

    if (observer->transmissions >= TRANSMISSIONS_MAX) {
        drop(node, observer);
        return;
    }
    memcpy(out, action->bytes, length);
    if (observer->is_dirty) {
        length = render(node, observer, out, sizeof out);
        out[0] = (uint8_t)((out[0] & 0xcf) | WIRE_CON << 4);
    }
    node->host.send(node->host.handle, observer->peer, out, length);
    observer->transmissions++;
    observer->timeout_us *= 2;
    wait_for_ack(node, observer, out, length);
}

void model_observe_run(struct model_node *node, const struct model_action *action)
{
    struct model_observer *observer = action->observer;

    if (action->kind == MODEL_NOTIFY_AGAIN) {
        send_again(node, action);
    } else if (action->kind == MODEL_RENEW) {
        notify(node, observer);
    } else {
        observer->is_scheduled = false;
        send_notification(node, observer);
    }
}

void model_observe_acked(struct model_node *node, unsigned peer, uint16_t mid)
{
    struct model_observer *observer;

    TAILQ_FOREACH(observer, &node->observers, link)
    {
        if (observer->peer != peer || !observer->is_waiting || observer->mid != mid)
            continue;
        observer->is_waiting = false;
        drop_actions(node, observer, true, MODEL_NOTIFY_AGAIN);
        if (observer->is_ending)
            drop(node, observer);
        else if (observer->is_dirty)
            notify(node, observer);
        return;
    }
}

void model_observe_reset(struct model_node *node, unsigned peer, uint16_t mid)
{
    struct model_observer *observer, *next;

    for (observer = TAILQ_FIRST(&node->observers); observer != NULL; observer = next) {
        next = TAILQ_NEXT(observer, link);
        for (unsigned i = 0; i < MODEL_OBSERVER_MIDS && i < observer->mid_count; i++) {
            if (observer->peer == peer && observer->mids[i] == mid) {
                drop(node, observer);
                break;
            }
        }
    }
}

/* --- registration --- */

static bool may_register(struct model_node *node)
{
    struct model_observer *observer;
    unsigned count = 0;

    TAILQ_FOREACH(observer, &node->observers, link)
    count++;
    return (node->traits.observers_max == 0 || count < node->traits.observers_max) &&
           !dice_chance(node->dice, node->traits.refuses_observers_permille);
}

static void enter(struct model_node *node, struct model_observer *observer, unsigned peer,
                  unsigned resource, const struct wire_message *request, const uint8_t *bytes,
                  size_t length)
{
    if (observer == NULL) {
        observer = memory_take(sizeof *observer);
        *observer = (struct model_observer){.peer = peer, .token_length = request->token_length};
        memcpy(observer->token, request->token, sizeof observer->token);
        TAILQ_INSERT_TAIL(&node->observers, observer, link);
    }
    observer->resource = resource;
    observer->request = memory_resize(observer->request, length);
    memcpy(observer->request, bytes, length);
    observer->request_length = length;
}

void model_observe_answer(struct model_node *node, unsigned peer,
                          const struct wire_message *request, const uint8_t *bytes, size_t length,
                          struct wire_message *response)
{
    struct model_observer *observer = find(node, peer, request->token, request->token_length);
    uint32_t wish = wire_uint(request, WIRE_OBSERVE, 2);
    int resource = model_find_resource(node, request);

    if (!node->traits.observes || request->code != GET || wish > 1)
        return;
    if (wish == 1 || response->code >> 5 != 2 || resource < 0) {
        if (observer != NULL)
            drop(node, observer);
        return;
    }
    if (observer == NULL && !may_register(node))
        return;
    enter(node, observer, peer, (unsigned)resource, request, bytes, length);
    wire_add_uint(response, WIRE_OBSERVE, next_number(node));
    observer = find(node, peer, request->token, request->token_length);
    renew_later(node, observer, response);
}

unsigned model_node_observers(const struct model_node *node, unsigned resource)
{
    const struct model_observer *observer;
    unsigned count = 0;

    TAILQ_FOREACH(observer, &node->observers, link)
    count += observer->resource == resource;
    return count;
}

bool model_node_observer(const struct model_node *node, unsigned at, const uint8_t **token,
                         size_t *length)
{
    const struct model_observer *observer;

    TAILQ_FOREACH(observer, &node->observers, link)
    {
        if (at-- > 0)
            continue;
        *token = observer->token;
        *length = observer->token_length;
        return true;
    }
    return false;
}
