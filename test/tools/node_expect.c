/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario.h"
/*
 * node_expect: the receiving verbs of a node: expect messages and compare them option by option,
 * and notice what should not have come.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTION_HOP_LIMIT  16
#define DEFAULT_HOP_LIMIT 16

static bool same_bytes(const struct bytes *a, const struct bytes *b)
{
    return a->length == b->length && (a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

/* All expected options in order; with `partly` others may stand between them. */
static bool options_match(const struct coap_message *expected, const struct coap_message *got,
                          bool partly)
{
    size_t at = 0;
    for (size_t i = 0; i < expected->option_count; i++, at++) {
        const struct message_option *want = &expected->options[i];
        while (partly && at < got->option_count &&
               (got->options[at].number != want->number ||
                !same_bytes(&got->options[at].value, &want->value)))
            at++;
        if (at >= got->option_count || got->options[at].number != want->number ||
            !same_bytes(&got->options[at].value, &want->value))
            return false;
    }
    return partly || at == got->option_count;
}

struct expectation {
    struct coap_message message;
    struct bytes shown; /* sorted, as it would be on the wire */
    bool partly;
    const char *name;
};

static bool read_expectation(struct scenario *scenario, const struct words *words,
                             struct expectation *expectation)
{
    bool hop_given = false;
    struct bytes wire = {NULL, 0, 0};
    if (!coap_message_type(words_at(words, 2), &expectation->message.type) ||
        !coap_message_code(words_at(words, 3), &expectation->message.code))
        return scenario_fail(scenario, "expect needs a type and a method or code");
    for (size_t i = 4; i < words->count; i++) {
        if (words_is(words, i, "...")) {
            expectation->partly = true;
        } else if (words_is(words, i, "as")) {
            expectation->name = words_at(words, ++i);
        } else if (words_is(words, i, "hop=none")) {
            hop_given = true;
        } else {
            hop_given = hop_given || strncmp(words_at(words, i), "hop=", 4) == 0;
            if (!coap_message_add_word(&expectation->message, &words->list[i]))
                return scenario_fail(scenario, "no option or payload: %s", words_at(words, i));
        }
    }
    if (!hop_given && !expectation->partly && expectation->message.code < 0x20)
        coap_message_add_uint(&expectation->message, OPTION_HOP_LIMIT, DEFAULT_HOP_LIMIT);
    coap_message_write(&expectation->message, &wire); /* puts the options in order */
    bytes_clear(&wire);
    coap_message_show(&expectation->message, &expectation->shown);
    return true;
}

static bool differs(struct scenario *scenario, const struct expectation *expectation,
                    const struct node_message *got)
{
    struct bytes expected = {NULL, 0, 0}, shown = {NULL, 0, 0};
    bytes_append(&expected, expectation->shown.data, expectation->shown.length);
    if (expectation->partly)
        bytes_print(&expected, " ...");
    coap_message_show(&got->message, &shown);
    return scenario_differ(scenario, &expected, &shown);
}

static bool compare(struct scenario *scenario, const struct expectation *expectation,
                    struct node_message *got)
{
    const struct coap_message *want = &expectation->message;
    bool any_payload = expectation->partly && want->payload.length == 0;
    if (want->type != got->message.type || want->code != got->message.code ||
        !options_match(want, &got->message, expectation->partly) ||
        (!any_payload && !same_bytes(&want->payload, &got->message.payload)))
        return differs(scenario, expectation, got);
    if (expectation->name != NULL)
        snprintf(got->name, sizeof(got->name), "%s", expectation->name);
    return true;
}

static bool nothing_came(struct scenario *scenario, const char *expected)
{
    return scenario_fail(scenario, "expected: %s\n    got:      no datagram in time", expected);
}

/* expect ACK | RST: the empty message that answers what this node sent last. */
static bool expect_empty(struct scenario *scenario, struct scripted_node *node,
                         enum message_type type)
{
    struct node_message *before = node->current;
    struct coap_message sent = {.option_count = 0};
    const struct node_message *got =
        scripted_node_receive(node, &scenario->gateway, scenario->until);
    if (got == NULL)
        return nothing_came(scenario, type == MESSAGE_ACK ? "ACK" : "RST");
    bool known = coap_message_parse(&sent, node->last_sent.data, node->last_sent.length);
    struct coap_message want = {.type = type, .mid = sent.mid};
    struct expectation expectation = {.message = want};
    coap_message_show(&want, &expectation.shown);
    bool fits = known && got->message.type == type && got->message.code == 0 &&
                got->message.mid == sent.mid && got->raw.length == 4;
    if (!fits)
        differs(scenario, &expectation, got);
    bytes_clear(&expectation.shown);
    coap_message_clear(&sent);
    node->current = before; /* replies still refer to the request */
    return fits;
}

/* expect ping: an empty CON; replies refer to it from then on. */
static bool expect_ping(struct scenario *scenario, struct scripted_node *node)
{
    const struct node_message *got =
        scripted_node_receive(node, &scenario->gateway, scenario->until);
    struct bytes expected = {NULL, 0, 0}, shown = {NULL, 0, 0};
    if (got == NULL)
        return nothing_came(scenario, "a ping");
    if (got->message.type == MESSAGE_CON && got->message.code == 0 && got->raw.length == 4)
        return true;
    bytes_print(&expected, "a ping (empty CON)");
    coap_message_show(&got->message, &shown);
    return scenario_differ(scenario, &expected, &shown);
}

/* expect retransmission [MIN MAX]: the bytes of the current message again, that many seconds after
 * the selected client sent its request. Not after the message came before: when that one was read
 * late, or left late, the time between them is shorter than what the sender waited. */
static bool expect_retransmission(struct scenario *scenario, struct scripted_node *node,
                                  const struct words *words)
{
    struct node_message *first = node->current;
    double minimum = 0, maximum = 1e9;
    if (first == NULL)
        return scenario_fail(scenario, "nothing came that could be retransmitted");
    if (words->count > 3 && (!words_seconds(words_at(words, 3), &minimum) ||
                             !words_seconds(words_at(words, 4), &maximum)))
        return scenario_fail(scenario, "expect retransmission MIN MAX in seconds");
    struct node_message *got = scripted_node_receive(node, &scenario->gateway, scenario->until);
    if (got == NULL)
        return nothing_came(scenario, "a retransmission");
    node->current = first;
    if (!same_bytes(&first->raw, &got->raw)) {
        struct bytes expected = {NULL, 0, 0}, shown = {NULL, 0, 0};
        bytes_show_hex(&expected, first->raw.data, first->raw.length);
        bytes_show_hex(&shown, got->raw.data, got->raw.length);
        return scenario_differ(scenario, &expected, &shown);
    }
    if (words->count <= 3)
        return true;
    if (scenario->client == NULL)
        return scenario_fail(scenario, "no client has sent a request");
    double after = got->time - scenario->client->sent;
    maximum *= scenario->patience;
    if (after < minimum || after > maximum)
        return scenario_fail(scenario,
                             "expected: %.3f..%.3f s after the request\n    got:      %.3f s",
                             minimum, maximum, after);
    return true;
}

static bool verb_expect(struct scenario *scenario, struct scripted_node *node,
                        const struct words *words)
{
    if (words_is(words, 2, "retransmission"))
        return expect_retransmission(scenario, node, words);
    if (words->count == 3 && words_is(words, 2, "ping"))
        return expect_ping(scenario, node);
    if (words->count == 3 && words_is(words, 2, "ACK"))
        return expect_empty(scenario, node, MESSAGE_ACK);
    if (words->count == 3 && words_is(words, 2, "RST"))
        return expect_empty(scenario, node, MESSAGE_RST);
    struct expectation expectation = {.partly = false};
    bool holds = read_expectation(scenario, words, &expectation);
    if (holds) {
        struct node_message *got = scripted_node_receive(node, &scenario->gateway, scenario->until);
        holds = got == NULL ? nothing_came(scenario, bytes_text(&expectation.shown))
                            : compare(scenario, &expectation, got);
    }
    coap_message_clear(&expectation.message);
    bytes_clear(&expectation.shown);
    return holds;
}

/* largest BYTES: no datagram that came in this case is longer. */
static bool verb_largest(struct scenario *scenario, struct scripted_node *node,
                         const struct words *words)
{
    long maximum = 0;
    if (!words_number(words_at(words, 2), &maximum))
        return scenario_fail(scenario, "largest BYTES");
    for (size_t i = 0; i < node->seen_count; i++)
        if (node->seen[i]->raw.length > (size_t)maximum)
            return scenario_fail(scenario, "expected: at most %ld bytes\n    got:      %zu",
                                 maximum, node->seen[i]->raw.length);
    return true;
}

/* quiet [for SECONDS]: nothing came, or comes, that was not expected. */
static bool verb_quiet(struct scenario *scenario, struct scripted_node *node,
                       const struct words *words)
{
    double seconds = 0;
    if (words_is(words, 2, "for") && !words_seconds(words_at(words, 3), &seconds))
        return scenario_fail(scenario, "quiet for SECONDS");
    const struct node_message *got =
        scripted_node_receive(node, &scenario->gateway, gateway_process_now() + seconds);
    if (got == NULL)
        return true;
    struct bytes expected = {NULL, 0, 0}, shown = {NULL, 0, 0};
    bytes_print(&expected, "no datagram");
    coap_message_show(&got->message, &shown);
    return scenario_differ(scenario, &expected, &shown);
}

static bool verb_drop(struct scenario *scenario, struct scripted_node *node,
                      const struct words *words)
{
    (void)words;
    struct node_message *got = scripted_node_receive(node, &scenario->gateway, scenario->until);
    if (got == NULL)
        return nothing_came(scenario, "any datagram");
    got->answered = true; /* lost on purpose */
    return true;
}

static struct node_message *named(struct scripted_node *node, const char *name)
{
    for (size_t i = node->seen_count; i > 0; i--) {
        if (strcmp(node->seen[i - 1]->name, name) == 0)
            return node->seen[i - 1];
    }
    return NULL;
}

/* select NAME: replies refer to that message now. */
static bool verb_select(struct scenario *scenario, struct scripted_node *node,
                        const struct words *words)
{
    struct node_message *message = named(node, words_at(words, 2));
    if (message != NULL)
        node->current = message;
    return message != NULL || scenario_fail(scenario, "nothing came as %s", words_at(words, 2));
}

/* The current message equals NAME's in everything but MID and token. */
static bool verb_same(struct scenario *scenario, struct scripted_node *node,
                      const struct words *words)
{
    const struct node_message *other = named(node, words_at(words, 3));
    if (!words_is(words, 2, "as") || other == NULL || node->current == NULL)
        return scenario_fail(scenario, "same as NAME of a message of this case");
    struct bytes expected = {NULL, 0, 0}, got = {NULL, 0, 0};
    const struct node_message *pair[2] = {other, node->current};
    struct bytes *texts[2] = {&expected, &got};
    for (size_t i = 0; i < 2; i++) {
        size_t head = 4 + pair[i]->message.token_length;
        bytes_show_hex(texts[i], pair[i]->raw.data, 2);
        bytes_append(texts[i], " ", 1);
        bytes_show_hex(texts[i], pair[i]->raw.data + head, pair[i]->raw.length - head);
    }
    if (!same_bytes(&expected, &got))
        return scenario_differ(scenario, &expected, &got);
    bytes_clear(&expected);
    bytes_clear(&got);
    return true;
}

/* fresh: the MID and the token of the current message came with no other one of this
 * case (retransmissions aside). */
static bool verb_fresh(struct scenario *scenario, struct scripted_node *node,
                       const struct words *words)
{
    (void)words;
    const struct node_message *now = node->current;
    for (size_t i = 0; now != NULL && i < node->seen_count; i++) {
        const struct coap_message *one = &node->seen[i]->message;
        if (same_bytes(&node->seen[i]->raw, &now->raw) || one->type == MESSAGE_ACK ||
            one->type == MESSAGE_RST)
            continue;
        if (one->mid == now->message.mid ||
            (one->token_length == now->message.token_length &&
             memcmp(one->token, now->message.token, one->token_length) == 0))
            return scenario_fail(scenario, "MID %04x or its token came before", now->message.mid);
    }
    return now != NULL || scenario_fail(scenario, "nothing came yet");
}

/* token of NAME: the current message is another one with the token of NAME. */
static bool verb_token(struct scenario *scenario, struct scripted_node *node,
                       const struct words *words)
{
    const struct node_message *other = named(node, words_at(words, 3)), *now = node->current;
    if (!words_is(words, 2, "of") || other == NULL || now == NULL)
        return scenario_fail(scenario, "token of NAME of a message of this case");
    if (other->message.mid == now->message.mid)
        return scenario_fail(scenario, "it is the same message, MID %04x", now->message.mid);
    if (other->message.token_length != now->message.token_length ||
        memcmp(other->message.token, now->message.token, now->message.token_length) != 0)
        return scenario_fail(scenario, "the token is not that of %s", words_at(words, 3));
    return true;
}

/* keep NAME NUMBER: the value of an option of the current message becomes ${NAME}, as hex. */
static bool verb_keep(struct scenario *scenario, struct scripted_node *node,
                      const struct words *words)
{
    unsigned number = (unsigned)strtoul(words_at(words, 3), NULL, 10);
    const struct message_option *option =
        node->current == NULL ? NULL : coap_message_find(&node->current->message, number);
    if (option == NULL)
        return scenario_fail(scenario, "there is no option %u", number);
    struct bytes text = {NULL, 0, 0};
    bytes_show_hex(&text, option->value.data, option->value.length);
    variables_set(&scenario->variables, words_at(words, 2), bytes_text(&text));
    bytes_clear(&text);
    return true;
}

bool node_expect_run(struct scenario *scenario, struct scripted_node *node,
                     const struct words *words, bool *known)
{
    static const struct {
        const char *name;
        bool (*run)(struct scenario *, struct scripted_node *, const struct words *);
    } verbs[] = {
        {"expect", verb_expect}, {"quiet", verb_quiet}, {"drop", verb_drop},
        {"select", verb_select}, {"same", verb_same},   {"fresh", verb_fresh},
        {"token", verb_token},   {"keep", verb_keep},   {"largest", verb_largest},
    };
    *known = true;
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (words_is(words, 1, verbs[i].name))
            return verbs[i].run(scenario, node, words);
    }
    *known = false;
    return false;
}
