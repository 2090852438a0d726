/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario.h"
/*
 * node_verbs: the sending verbs of a node: it answers in every manner of RFC 7252 and in some that
 * RFC 7252 forbids. The receiving verbs are in node_expect.c.
 */

#include <string.h>

#define OPTION_OBSERVE 6

/* [wrong-token] [wrong-mid] [from-other-port] [from-other-address] [cut N] [delay SECONDS] in front
 * of a code. */
struct manner {
    bool wrong_token;
    bool wrong_mid;
    enum node_source source;
    long cut;     /* so many bytes are missing at the end */
    double delay; /* seconds */
};

static size_t read_manner(const struct words *words, size_t at, struct manner *manner)
{
    for (;; at++) {
        if (words_is(words, at, "wrong-token"))
            manner->wrong_token = true;
        else if (words_is(words, at, "wrong-mid"))
            manner->wrong_mid = true;
        else if (words_is(words, at, "from-other-port"))
            manner->source = NODE_SOURCE_OTHER_PORT;
        else if (words_is(words, at, "from-other-address"))
            manner->source = NODE_SOURCE_OTHER_ADDRESS;
        else if (words_is(words, at, "cut") && words_number(words_at(words, at + 1), &manner->cut))
            at++;
        else if (words_is(words, at, "delay") &&
                 words_seconds(words_at(words, at + 1), &manner->delay))
            at++;
        else
            return at;
    }
}

static bool send_datagram(struct scenario *scenario, struct scripted_node *node,
                          struct bytes *datagram, const struct manner *manner)
{
    size_t cut = manner->cut < 0 ? 0 : (size_t)manner->cut;
    if (cut > datagram->length)
        return scenario_fail(scenario, "the datagram has only %zu bytes", datagram->length);
    datagram->length -= cut;
    return scripted_node_send(node, manner->source, manner->delay, datagram) ||
           scenario_fail(scenario, "%s has nobody to answer: expect something first", node->name);
}

static bool send_message(struct scenario *scenario, struct scripted_node *node,
                         struct coap_message *message, const struct manner *manner)
{
    struct bytes datagram = {NULL, 0, 0};
    coap_message_write(message, &datagram);
    bool sent = send_datagram(scenario, node, &datagram, manner);
    bytes_clear(&datagram);
    return sent;
}

#define NO_SEQUENCE (-1)

/* Code, options and payload from words[at..], token of the current message. */
static bool respond(struct scenario *scenario, struct scripted_node *node,
                    const struct words *words, size_t at, enum message_type type, uint16_t mid,
                    long sequence)
{
    struct manner manner = {.source = NODE_SOURCE_OWN};
    struct coap_message response = {.type = type, .mid = mid};
    at = read_manner(words, at, &manner);
    bool ready = coap_message_code(words_at(words, at), &response.code);
    for (size_t i = at + 1; ready && i < words->count; i++)
        ready = coap_message_add_word(&response, &words->list[i]);
    if (!ready)
        scenario_fail(scenario, "cannot read the response");
    if (sequence != NO_SEQUENCE)
        coap_message_add_uint(&response, OPTION_OBSERVE, (uint64_t)sequence);
    if (ready && node->current != NULL) {
        const struct coap_message *request = &node->current->message;
        response.token_length = request->token_length;
        memcpy(response.token, request->token, sizeof(response.token));
        response.token[0] ^= manner.wrong_token ? 0xff : 0;
        response.mid ^= manner.wrong_mid ? 0x0100 : 0;
    }
    ready = ready && send_message(scenario, node, &response, &manner);
    coap_message_clear(&response);
    return ready;
}

static uint16_t current_mid(const struct scripted_node *node)
{
    return node->current == NULL ? 0 : node->current->message.mid;
}

static bool verb_piggyback(struct scenario *scenario, struct scripted_node *node,
                           const struct words *words)
{
    return respond(scenario, node, words, 2, MESSAGE_ACK, current_mid(node), NO_SEQUENCE);
}

static bool verb_separate(struct scenario *scenario, struct scripted_node *node,
                          const struct words *words)
{
    enum message_type type = MESSAGE_CON;
    if (!coap_message_type(words_at(words, 2), &type))
        return scenario_fail(scenario, "separate CON or separate NON");
    return respond(scenario, node, words, 3, type, node->next_mid++, NO_SEQUENCE);
}

/* ack and rst, both empty. */
static bool verb_empty(struct scenario *scenario, struct scripted_node *node,
                       const struct words *words)
{
    struct manner manner = {.source = NODE_SOURCE_OWN};
    struct coap_message empty = {.mid = current_mid(node)};
    read_manner(words, 2, &manner);
    empty.type = words_is(words, 1, "ack") ? MESSAGE_ACK : MESSAGE_RST;
    empty.mid ^= manner.wrong_mid ? 0x0100 : 0;
    return send_message(scenario, node, &empty, &manner);
}

/* raw 68 45 MID TOKEN c0 ff: hex digits, MID and TOKEN standing for those of the request. */
static bool verb_raw(struct scenario *scenario, struct scripted_node *node,
                     const struct words *words)
{
    struct manner manner = {.source = NODE_SOURCE_OWN};
    struct bytes datagram = {NULL, 0, 0};
    bool ready = node->current != NULL;
    for (size_t i = read_manner(words, 2, &manner); ready && i < words->count; i++) {
        const struct coap_message *request = &node->current->message;
        uint8_t mid[2] = {(uint8_t)(request->mid >> 8), (uint8_t)request->mid};
        if (words_is(words, i, "MID"))
            bytes_append(&datagram, mid, 2);
        else if (words_is(words, i, "TOKEN"))
            bytes_append(&datagram, request->token, request->token_length);
        else
            ready = bytes_append_hex(&datagram, words_at(words, i), words->list[i].value.length);
    }
    if (!ready)
        scenario_fail(scenario, "raw needs hex digits and a request before");
    ready = ready && send_datagram(scenario, node, &datagram, &manner);
    bytes_clear(&datagram);
    return ready;
}

static bool verb_repeat(struct scenario *scenario, struct scripted_node *node,
                        const struct words *words)
{
    struct manner manner = {.source = NODE_SOURCE_OWN};
    struct bytes copy = {NULL, 0, 0};
    read_manner(words, words_is(words, 2, "last") ? 3 : 2, &manner);
    bytes_append(&copy, node->last_sent.data, node->last_sent.length);
    bool sent = copy.length > 0 ? send_datagram(scenario, node, &copy, &manner)
                                : scenario_fail(scenario, "%s sent nothing yet", node->name);
    bytes_clear(&copy);
    return sent;
}

/* The newest request of this case that registers an observation (RFC 7641 2). */
static struct node_message *registration(const struct scripted_node *node)
{
    for (size_t i = node->seen_count; i > 0; i--) {
        struct node_message *one = node->seen[i - 1];
        const struct message_option *observe = coap_message_find(&one->message, OPTION_OBSERVE);
        if (one->message.code < 0x20 && observe != NULL && observe->value.length == 0)
            return one;
    }
    return NULL;
}

/* notify CON|NON SEQUENCE code option... ["payload"]: with the token of the registration, whatever
 * came since; the current message stays what it is. */
static bool verb_notify(struct scenario *scenario, struct scripted_node *node,
                        const struct words *words)
{
    struct node_message *before = node->current;
    struct node_message *registered = registration(node);
    enum message_type type = MESSAGE_CON;
    long sequence = 0;
    if (!coap_message_type(words_at(words, 2), &type) ||
        !words_number(words_at(words, 3), &sequence))
        return scenario_fail(scenario, "notify CON|NON SEQUENCE CODE");
    if (registered == NULL)
        return scenario_fail(scenario, "nobody registered in this case");
    node->current = registered;
    bool sent = respond(scenario, node, words, 4, type, node->next_mid++, sequence);
    node->current = before;
    return sent;
}

/* sync: the gateway has read everything that this node sent before. */
static bool verb_sync(struct scenario *scenario, struct scripted_node *node,
                      const struct words *words)
{
    (void)words;
    return scripted_node_synchronise(node, &scenario->gateway, scenario->until) ||
           scenario_fail(scenario, "expected: RST for a ping\n    got:      none in time");
}

/* babble SEED COUNT */
static bool verb_babble(struct scenario *scenario, struct scripted_node *node,
                        const struct words *words)
{
    long seed = 0, count = 0;
    if (!words_number(words_at(words, 2), &seed) || !words_number(words_at(words, 3), &count))
        return scenario_fail(scenario, "babble SEED COUNT");
    return node_babble(node, &scenario->gateway, (uint32_t)seed, count) ||
           scenario_fail(scenario, "the gateway does not answer a ping any more");
}

bool node_verbs_run(struct scenario *scenario, struct scripted_node *node,
                    const struct words *words)
{
    static const struct {
        const char *name;
        bool (*run)(struct scenario *, struct scripted_node *, const struct words *);
    } verbs[] = {
        {"piggyback", verb_piggyback}, {"separate", verb_separate}, {"ack", verb_empty},
        {"rst", verb_empty},           {"raw", verb_raw},           {"repeat", verb_repeat},
        {"notify", verb_notify},       {"sync", verb_sync},         {"babble", verb_babble},
    };
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (words_is(words, 1, verbs[i].name))
            return verbs[i].run(scenario, node, words);
    }
    bool known = false;
    bool held = node_expect_run(scenario, node, words, &known);
    return known ? held : scenario_fail(scenario, "a node has no verb %s", words_at(words, 1));
}
