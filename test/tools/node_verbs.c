/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario.h"
/*
 * node_verbs: the sending verbs of a node: it answers in every manner of RFC 7252 and in some that
 * RFC 7252 forbids. The receiving verbs are in node_expect.c.
 */

#include <string.h>

/* [wrong-token] [wrong-mid] [from-other-port] [from-other-address] in front of a code. */
struct manner {
    bool wrong_token;
    bool wrong_mid;
    enum node_source source;
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
        else
            return at;
    }
}

static bool send_message(struct scenario *scenario, struct scripted_node *node,
                         struct coap_message *message, enum node_source source)
{
    struct bytes datagram = {NULL, 0, 0};
    coap_message_write(message, &datagram);
    bool sent = scripted_node_send(node, source, &datagram);
    bytes_clear(&datagram);
    return sent ||
           scenario_fail(scenario, "%s has nobody to answer: expect something first", node->name);
}

/* Code, options and payload from words[at..], token of the current message. */
static bool respond(struct scenario *scenario, struct scripted_node *node,
                    const struct words *words, size_t at, enum message_type type, uint16_t mid)
{
    struct manner manner = {.source = NODE_SOURCE_OWN};
    struct coap_message response = {.type = type, .mid = mid};
    at = read_manner(words, at, &manner);
    bool ready = coap_message_code(words_at(words, at), &response.code);
    for (size_t i = at + 1; ready && i < words->count; i++)
        ready = coap_message_add_word(&response, &words->list[i]);
    if (!ready)
        scenario_fail(scenario, "cannot read the response");
    if (ready && node->current != NULL) {
        const struct coap_message *request = &node->current->message;
        response.token_length = request->token_length;
        memcpy(response.token, request->token, sizeof(response.token));
        response.token[0] ^= manner.wrong_token ? 0xff : 0;
        response.mid ^= manner.wrong_mid ? 0x0100 : 0;
    }
    ready = ready && send_message(scenario, node, &response, manner.source);
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
    return respond(scenario, node, words, 2, MESSAGE_ACK, current_mid(node));
}

static bool verb_separate(struct scenario *scenario, struct scripted_node *node,
                          const struct words *words)
{
    enum message_type type = MESSAGE_CON;
    if (!coap_message_type(words_at(words, 2), &type))
        return scenario_fail(scenario, "separate CON or separate NON");
    return respond(scenario, node, words, 3, type, node->next_mid++);
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
    return send_message(scenario, node, &empty, manner.source);
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
    if (ready)
        ready = scripted_node_send(node, manner.source, &datagram);
    bytes_clear(&datagram);
    return ready || scenario_fail(scenario, "raw needs hex digits and a request before");
}

static bool verb_repeat(struct scenario *scenario, struct scripted_node *node,
                        const struct words *words)
{
    (void)words;
    struct bytes copy = {NULL, 0, 0};
    bytes_append(&copy, node->last_sent.data, node->last_sent.length);
    bool sent = copy.length > 0 && scripted_node_send(node, NODE_SOURCE_OWN, &copy);
    bytes_clear(&copy);
    return sent || scenario_fail(scenario, "%s sent nothing yet", node->name);
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
    };
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (words_is(words, 1, verbs[i].name))
            return verbs[i].run(scenario, node, words);
    }
    bool known = false;
    bool held = node_expect_run(scenario, node, words, &known);
    return known ? held : scenario_fail(scenario, "a node has no verb %s", words_at(words, 1));
}
