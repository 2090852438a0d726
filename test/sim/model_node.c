/* SPDX-License-Identifier: BSD-2-Clause */
#include "model_node.h"
#include "model_private.h"

#include <string.h>

#include "dice.h"
#include "memory.h"

/*
 * model_node: the message side of the server, RFC 7252 4: duplicates get the stored reply, its own
 * confirmable responses are sent again until they are acknowledged, whatever it does not understand
 * is reset. What a request means is in model_resource.c, who observes what in model_observe.c.
 */

enum {
    EXCHANGE_LIFETIME_S = 247,
    ACK_TIMEOUT_MS = 2000,
    TRANSMISSIONS_MAX = 5,
};

static void send_empty(struct model_node *node, unsigned peer, enum wire_type type, uint16_t mid)
{
    uint8_t bytes[4] = {(uint8_t)(1 << 6 | type << 4), 0, (uint8_t)(mid >> 8), (uint8_t)mid};

    node->host.send(node->host.handle, peer, bytes, sizeof bytes);
}

/* --- messages that came --- */

static struct model_seen *find_seen(struct model_node *node, unsigned peer, uint16_t mid)
{
    struct model_seen *seen = *mid_map_at(&node->seen, mid);

    while (seen != NULL && seen->peer != peer)
        seen = seen->next;
    return seen;
}

static bool is_fresh(const struct model_node *node, const struct model_seen *seen)
{
    return seen->came_us + EXCHANGE_LIFETIME_S * UINT64_C(1000000) > node->now_us;
}

static void note_seen(struct model_node *node, unsigned peer, uint16_t mid)
{
    struct model_seen *seen = find_seen(node, peer, mid);

    if (seen == NULL) {
        void **place = mid_map_at(&node->seen, mid);
        seen = memory_take(sizeof *seen);
        *seen = (struct model_seen){.peer = peer, .next = *place};
        *place = seen;
    }
    memory_return(seen->reply);
    seen->reply = NULL;
    seen->came_us = node->now_us;
}

static void store_reply(struct model_node *node, unsigned peer, uint16_t mid, const uint8_t *bytes,
                        size_t length)
{
    struct model_seen *seen = find_seen(node, peer, mid);

    if (seen == NULL)
        return;
    seen->reply = memory_resize(seen->reply, length);
    seen->reply_length = length;
    memcpy(seen->reply, bytes, length);
}

static void reply_empty(struct model_node *node, unsigned peer, enum wire_type type, uint16_t mid)
{
    uint8_t bytes[4] = {(uint8_t)(1 << 6 | type << 4), 0, (uint8_t)(mid >> 8), (uint8_t)mid};

    store_reply(node, peer, mid, bytes, sizeof bytes);
    send_empty(node, peer, type, mid);
}

static void drop_seen(void *item)
{
    struct model_seen *seen = item;

    while (seen != NULL) {
        struct model_seen *next = seen->next;
        memory_return(seen->reply);
        memory_return(seen);
        seen = next;
    }
}

/* --- what is to be done --- */

struct model_action *model_action_add(struct model_node *node, enum model_action_kind kind,
                                      uint64_t delay_us, const uint8_t *bytes, size_t length)
{
    struct model_action *action = memory_take(sizeof *action + length);
    struct model_action *before = TAILQ_LAST(&node->actions, model_actions);

    memset(action, 0, sizeof *action);
    action->kind = kind;
    action->due_us = node->now_us + delay_us;
    action->length = length;
    if (length > 0)
        memcpy(action->bytes, bytes, length);
    while (before != NULL && before->due_us > action->due_us)
        before = TAILQ_PREV(before, model_actions, link);
    if (before == NULL)
        TAILQ_INSERT_HEAD(&node->actions, action, link);
    else
        TAILQ_INSERT_AFTER(&node->actions, before, action, link);
    return action;
}

void model_action_drop(struct model_node *node, struct model_action *action)
{
    TAILQ_REMOVE(&node->actions, action, link);
    memory_return(action);
}

/* The peer has our confirmable message, or does not want it. */
static void stop_repeating(struct model_node *node, unsigned peer, uint16_t mid)
{
    struct model_action *action;

    TAILQ_FOREACH(action, &node->actions, link)
    {
        if (action->kind == MODEL_REPEAT && action->peer == peer && action->mid == mid) {
            model_action_drop(node, action);
            return;
        }
    }
}

/* Carries a request out and writes the response; type and MID are set when it is sent. */
static size_t make_response(struct model_node *node, unsigned peer, const uint8_t *bytes,
                            size_t length, uint8_t *out, size_t size)
{
    struct wire_message request, response;

    if (wire_parse(&request, bytes, length) != WIRE_FINE)
        return 0;
    wire_init(&response, WIRE_ACK, WIRE_CODE(5, 0));
    model_respond(node, peer, &request, &response);
    model_observe_answer(node, peer, &request, bytes, length, &response);
    response.token_length = request.token_length;
    memcpy(response.token, request.token, sizeof response.token);
    return wire_write(&response, out, size);
}

static void set_type_and_mid(uint8_t *bytes, enum wire_type type, uint16_t mid)
{
    bytes[0] = (uint8_t)((bytes[0] & 0xcf) | type << 4);
    bytes[2] = (uint8_t)(mid >> 8);
    bytes[3] = (uint8_t)mid;
}

static size_t finish_response(struct model_node *node, const struct model_action *action,
                              uint8_t *out, size_t size)
{
    if (!action->is_response)
        return make_response(node, action->peer, action->bytes, action->length, out, size);
    memcpy(out, action->bytes, action->length);
    return action->length;
}

static void answer_in_ack(struct model_node *node, const struct model_action *action)
{
    uint8_t out[WIRE_DATAGRAM_MAX];
    size_t length = finish_response(node, action, out, sizeof out);

    set_type_and_mid(out, WIRE_ACK, action->mid);
    store_reply(node, action->peer, action->mid, out, length);
    node->host.send(node->host.handle, action->peer, out, length);
}

static void answer_separately(struct model_node *node, const struct model_action *action)
{
    uint8_t out[WIRE_DATAGRAM_MAX];
    size_t length = finish_response(node, action, out, sizeof out);
    bool is_non = action->is_non_request || dice_below(node->dice, 100) < node->traits.non_percent;
    uint16_t mid = node->traits.copies_mids ? action->mid : node->next_mid++;

    set_type_and_mid(out, is_non ? WIRE_NON : WIRE_CON, mid);
    node->host.send(node->host.handle, action->peer, out, length);
    if (is_non)
        return;
    uint64_t timeout_us = ACK_TIMEOUT_MS * UINT64_C(1000);
    timeout_us += dice_below(node->dice, (uint32_t)timeout_us / 2);
    struct model_action *again = model_action_add(node, MODEL_REPEAT, timeout_us, out, length);
    again->peer = action->peer;
    again->mid = mid;
    again->transmissions = 1;
    again->timeout_us = timeout_us;
}

static void repeat(struct model_node *node, const struct model_action *action)
{
    if (action->transmissions >= TRANSMISSIONS_MAX)
        return;
    node->host.send(node->host.handle, action->peer, action->bytes, action->length);
    uint64_t timeout_us = action->timeout_us * 2;
    struct model_action *again =
        model_action_add(node, MODEL_REPEAT, timeout_us, action->bytes, action->length);
    again->peer = action->peer;
    again->mid = action->mid;
    again->transmissions = action->transmissions + 1;
    again->timeout_us = timeout_us;
}

uint64_t model_node_next_us(const struct model_node *node)
{
    const struct model_action *first = TAILQ_FIRST(&node->actions);

    return first == NULL ? UINT64_MAX : first->due_us;
}

void model_node_run(struct model_node *node, uint64_t now_us)
{
    struct model_action *action;

    node->now_us = now_us;
    while ((action = TAILQ_FIRST(&node->actions)) != NULL && action->due_us <= now_us) {
        TAILQ_REMOVE(&node->actions, action, link);
        if (action->kind == MODEL_THINK)
            answer_in_ack(node, action);
        else if (action->kind == MODEL_ANSWER)
            answer_separately(node, action);
        else if (action->kind == MODEL_REPEAT)
            repeat(node, action);
        else
            model_observe_run(node, action);
        memory_return(action);
    }
}

/* --- receiving --- */

static void take_request(struct model_node *node, unsigned peer, const struct wire_message *request,
                         const uint8_t *bytes, size_t length)
{
    const struct model_traits *traits = &node->traits;
    bool is_non = request->type == WIRE_NON;
    bool is_separate = is_non || dice_below(node->dice, 100) < traits->separate_percent;
    uint8_t response[WIRE_DATAGRAM_MAX];
    uint64_t delay_us;

    note_seen(node, peer, request->mid);
    if (dice_chance(node->dice, traits->reset_permille)) {
        reply_empty(node, peer, WIRE_RST, request->mid);
        return;
    }
    delay_us = is_separate && !is_non
                   ? dice_between(node->dice, traits->separate_min_us, traits->separate_max_us)
                   : dice_between(node->dice, traits->think_min_us, traits->think_max_us);
    if (is_separate && !is_non && dice_below(node->dice, 100) >= traits->ackless_percent)
        reply_empty(node, peer, WIRE_ACK, request->mid);
    if (traits->acts_at_once) {
        length = make_response(node, peer, bytes, length, response, sizeof response);
        bytes = response;
    }
    struct model_action *action =
        model_action_add(node, is_separate ? MODEL_ANSWER : MODEL_THINK, delay_us, bytes, length);
    action->peer = peer;
    action->mid = request->mid;
    action->is_non_request = is_non;
    action->is_response = traits->acts_at_once;
}

void model_node_receive(struct model_node *node, uint64_t now_us, unsigned peer,
                        const uint8_t *bytes, size_t length)
{
    struct wire_message message;
    enum wire_result result = wire_parse(&message, bytes, length);

    node->now_us = now_us;
    if (result == WIRE_IGNORED)
        return;
    if (result == WIRE_MALFORMED) {
        if (message.type == WIRE_CON)
            send_empty(node, peer, WIRE_RST, message.mid);
        return;
    }
    if (message.type == WIRE_ACK || message.type == WIRE_RST) {
        stop_repeating(node, peer, message.mid);
        if (message.type == WIRE_ACK)
            model_observe_acked(node, peer, message.mid);
        else
            model_observe_reset(node, peer, message.mid);
        return;
    }
    if (!wire_is_request(&message)) {
        if (message.type == WIRE_CON)
            send_empty(node, peer, WIRE_RST, message.mid);
        return;
    }
    struct model_seen *seen = find_seen(node, peer, message.mid);
    if (seen == NULL || !is_fresh(node, seen)) {
        take_request(node, peer, &message, bytes, length);
        model_node_run(node, now_us);
    } else if (message.type == WIRE_CON && seen->reply != NULL) {
        node->host.send(node->host.handle, peer, seen->reply, seen->reply_length);
    }
}

/* --- its life --- */

static void start(struct model_node *node, uint64_t now_us)
{
    node->now_us = now_us;
    node->next_mid = (uint16_t)dice_below(node->dice, 65536);
    node->next_version = 1 + dice_below(node->dice, 1 << 24);
    dice_bytes(node->dice, node->echo + 1, sizeof node->echo - 1);
    if (node->traits.observes)
        node->observe_number = dice_below(node->dice, 1 << 24);
    model_resources_init(node);
}

static void forget_all(struct model_node *node)
{
    struct model_action *action;

    model_observe_clear(node);
    while ((action = TAILQ_FIRST(&node->actions)) != NULL)
        model_action_drop(node, action);
    mid_map_clear(&node->seen, drop_seen);
    model_resources_clear(node);
}

struct model_node *model_node_new(const struct model_traits *traits, const struct model_host *host,
                                  struct dice *dice, uint64_t now_us)
{
    struct model_node *node = memory_take(sizeof *node);

    memset(node, 0, sizeof *node - sizeof node->scratch - sizeof node->text);
    node->traits = *traits;
    node->host = *host;
    node->dice = dice;
    TAILQ_INIT(&node->actions);
    TAILQ_INIT(&node->uploads);
    TAILQ_INIT(&node->downloads);
    TAILQ_INIT(&node->observers);
    start(node, now_us);
    return node;
}

void model_node_free(struct model_node *node)
{
    if (node == NULL)
        return;
    forget_all(node);
    memory_return(node);
}

void model_node_set_echo(struct model_node *node, uint8_t mark)
{
    node->has_echo = true;
    node->echo[0] = mark;
}

void model_node_reboot(struct model_node *node, uint64_t now_us)
{
    forget_all(node);
    start(node, now_us);
}

struct model_traits *model_node_traits(struct model_node *node)
{
    return &node->traits;
}
