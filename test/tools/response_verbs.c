/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario.h"
/*
 * response_verbs: the receiving side of the clients of a scenario. status reads the next response
 * of the selected client; the verbs behind it look at that response.
 */

#include <stdio.h>
#include <string.h>

static void note_response(struct scenario *scenario)
{
    const struct http_response *response = &scenario->client->response;
    struct bytes *transcript = &scenario->transcript;
    bytes_print(transcript, "  %.3f http %s <- ", gateway_process_now(), scenario->client->name);
    bytes_show(transcript, response->head.data, response->head.length);
    bytes_print(transcript, " ");
    bytes_show(transcript, response->body.data,
               response->body.length < 2000 ? response->body.length : 2000);
    bytes_print(transcript, "\n");
}

static bool verb_status(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)line;
    struct http_client *client = scenario->client;
    long wanted = 0;
    if (!words_number(words_at(words, 1), &wanted))
        return scenario_fail(scenario, "status NUMBER");
    const char *trouble = client->fd < 0
                              ? "the client is not connected"
                              : http_client_response(client, &scenario->gateway, scenario->until);
    note_response(scenario);
    if (trouble != NULL)
        return scenario_fail(scenario, "expected: status %ld\n    got:      %s", wanted, trouble);
    if ((long)client->response.status != wanted)
        return scenario_fail(scenario, "expected: status %ld\n    got:      status %u", wanted,
                             client->response.status);
    return true;
}

static bool verb_status_line(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)line;
    struct bytes expected = {NULL, 0, 0}, got = {NULL, 0, 0};
    const char *head = bytes_text(&scenario->client->response.head);
    bytes_print(&expected, "%s", words_at(words, 1));
    bytes_append(&got, head, strcspn(head, "\r"));
    if (strcmp(bytes_text(&expected), bytes_text(&got)) != 0)
        return scenario_differ(scenario, &expected, &got);
    bytes_clear(&expected);
    bytes_clear(&got);
    return true;
}

/* has Name: value (exactly one field, equal) | has Name ~ regex | has Name (any value). */
static bool verb_has(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)words;
    const char *rest = scenario_rest(line);
    size_t length = strcspn(rest, ": \t");
    char name[128];
    struct bytes value = {NULL, 0, 0};
    struct bytes second = {NULL, 0, 0};
    snprintf(name, sizeof(name), "%.*s", (int)length, rest);
    const char *wanted = rest + length + strspn(rest + length, ": \t");
    const struct http_response *response = &scenario->client->response;
    bool holds = http_client_field(response, name, 0, &value);
    if (!holds)
        scenario_fail(scenario, "expected: a field %s\n    got:      none", name);
    else if (http_client_field(response, name, 1, &second))
        holds = scenario_fail(scenario, "the field %s came twice", name);
    else if (*wanted == '~')
        holds = scenario_match(scenario, name, wanted + 1 + strspn(wanted + 1, " "),
                               bytes_text(&value));
    else if (rest[length] == ':' && strcmp(wanted, bytes_text(&value)) != 0)
        holds = scenario_fail(scenario, "expected: %s: %s\n    got:      %s: %s", name, wanted,
                              name, bytes_text(&value));
    bytes_clear(&value);
    bytes_clear(&second);
    return holds;
}

static bool verb_lacks(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)line;
    struct bytes value = {NULL, 0, 0};
    bool found = http_client_field(&scenario->client->response, words_at(words, 1), 0, &value);
    if (found)
        scenario_fail(scenario, "expected: no field %s\n    got:      %s", words_at(words, 1),
                      bytes_text(&value));
    bytes_clear(&value);
    return !found;
}

/* head lacks "text": neither the status line nor any field. */
static bool verb_head(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)line;
    const char *head = bytes_text(&scenario->client->response.head);
    if (!words_is(words, 1, "lacks") || words->count != 3)
        return scenario_fail(scenario, "head lacks TEXT");
    return strstr(head, words_at(words, 2)) == NULL ||
           scenario_fail(scenario, "the head contains %s: %s", words_at(words, 2), head);
}

/* A short body whole; of a long one what stands around its first difference from `other`. */
static void show_body(struct bytes *out, const struct bytes *body, const struct bytes *other)
{
    size_t same = 0, window = 48;
    while (same < body->length && same < other->length && body->data[same] == other->data[same])
        same++;
    if (body->length <= 2000) {
        bytes_show(out, body->data, body->length);
        return;
    }
    size_t begin = same < window ? 0 : same - window;
    size_t end = same + window < body->length ? same + window : body->length;
    bytes_print(out, "%zu bytes, different from byte %zu on: ...", body->length, same);
    bytes_show(out, body->data + begin, end - begin);
}

/* body "text" | body hex=... | body ~ regex | body lacks "text" | body-length N */
static bool verb_body(struct scenario *scenario, const struct words *words, const char *line)
{
    const struct bytes *body = &scenario->client->response.body;
    struct bytes expected = {NULL, 0, 0}, got = {NULL, 0, 0};
    const struct word *word = &words->list[1];
    if (words_is(words, 1, "~"))
        return scenario_match(scenario, "body", scenario_rest(scenario_rest(line)),
                              bytes_text(body));
    if (words_is(words, 1, "lacks")) {
        if (memmem(bytes_text(body), body->length, words_at(words, 2), strlen(words_at(words, 2))))
            return scenario_fail(scenario, "the body contains %s: %s", words_at(words, 2),
                                 bytes_text(body));
        return true;
    }
    if (words->count > 1 && !word->quoted && strncmp(words_at(words, 1), "hex=", 4) == 0)
        bytes_append_hex(&expected, words_at(words, 1) + 4, word->value.length - 4);
    else
        bytes_append(&expected, words_at(words, 1), words->count > 1 ? word->value.length : 0);
    bool equal = body->length == expected.length &&
                 memcmp(bytes_text(body), expected.data, expected.length) == 0;
    if (!equal) {
        struct bytes shown = {NULL, 0, 0};
        show_body(&shown, &expected, body);
        show_body(&got, body, &expected);
        scenario_differ(scenario, &shown, &got);
    }
    bytes_clear(&expected);
    return equal;
}

static bool verb_body_length(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)line;
    long wanted = 0;
    size_t length = scenario->client->response.body.length;
    if (!words_number(words_at(words, 1), &wanted) || wanted < 0)
        return scenario_fail(scenario, "body-length NUMBER");
    return length == (size_t)wanted ||
           scenario_fail(scenario, "expected: a body of %ld bytes\n    got:      %zu", wanted,
                         length);
}

/* closed: the gateway closes the connection and sends nothing more. */
static bool verb_closed(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)words, (void)line;
    struct http_client *client = scenario->client;
    while (!client->ended) {
        if (!http_client_read(client, &scenario->gateway, scenario->until))
            return scenario_fail(scenario, "expected: the connection is closed\n    got:      it "
                                           "stays open");
    }
    if (client->input.length == 0)
        return true;
    struct bytes expected = {NULL, 0, 0}, got = {NULL, 0, 0};
    bytes_print(&expected, "the connection is closed");
    bytes_show(&got, client->input.data, client->input.length);
    return scenario_differ(scenario, &expected, &got);
}

/* ends: the gateway closes the connection, whatever else it sent. */
static bool verb_ends(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)words, (void)line;
    while (!scenario->client->ended) {
        if (!http_client_read(scenario->client, &scenario->gateway, scenario->until))
            return scenario_fail(scenario, "the connection stays open");
    }
    return true;
}

/* nothing [for SECONDS]: no byte of a response, and the connection is open. */
static bool verb_nothing(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)line;
    struct http_client *client = scenario->client;
    double seconds = 0;
    if (words_is(words, 1, "for") && !words_seconds(words_at(words, 2), &seconds))
        return scenario_fail(scenario, "nothing for SECONDS");
    if (client->input.length == 0)
        http_client_read(client, &scenario->gateway, gateway_process_now() + seconds);
    if (client->input.length == 0 && !client->ended)
        return true;
    struct bytes expected = {NULL, 0, 0}, got = {NULL, 0, 0};
    bytes_print(&expected, "no answer");
    bytes_show(&got, client->input.data, client->input.length);
    bytes_print(&got, client->ended ? " and close" : "");
    return scenario_differ(scenario, &expected, &got);
}

/* took MIN MAX: seconds between the latest send and the latest response. */
static bool verb_took(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)line;
    const struct http_client *client = scenario->client;
    double minimum = 0, maximum = 0, took = client->response.time - client->sent;
    if (!words_seconds(words_at(words, 1), &minimum) ||
        !words_seconds(words_at(words, 2), &maximum))
        return scenario_fail(scenario, "took MIN MAX in seconds");
    maximum *= scenario->patience;
    return (took >= minimum && took <= maximum) ||
           scenario_fail(scenario, "expected: an answer after %.2f..%.2f s\n    got:      %.3f s",
                         minimum, maximum, took);
}

/* save NAME Field: the field's value as ${NAME}. */
static bool verb_save(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)line;
    struct bytes value = {NULL, 0, 0};
    bool found = http_client_field(&scenario->client->response, words_at(words, 2), 0, &value);
    if (found)
        variables_set(&scenario->variables, words_at(words, 1), bytes_text(&value));
    else
        scenario_fail(scenario, "no field %s to save", words_at(words, 2));
    bytes_clear(&value);
    return found;
}

bool response_verbs_run(struct scenario *scenario, const struct words *words, const char *line,
                        bool *known)
{
    static const struct {
        const char *name;
        bool (*run)(struct scenario *, const struct words *, const char *);
    } verbs[] = {
        {"status", verb_status}, {"status-line", verb_status_line},
        {"has", verb_has},       {"lacks", verb_lacks},
        {"body", verb_body},     {"body-length", verb_body_length},
        {"closed", verb_closed}, {"nothing", verb_nothing},
        {"took", verb_took},     {"ends", verb_ends},
        {"save", verb_save},     {"head", verb_head},
    };
    *known = true;
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (words_is(words, 0, verbs[i].name))
            return verbs[i].run(scenario, words, line);
    }
    *known = false;
    return false;
}
