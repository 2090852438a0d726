/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario.h"
/*
 * stream_verbs: a client of a scenario reads server-sent events. `stream` takes the head of the
 * response; from then on each verb reads as much of the body as it needs, and compares what comes.
 */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client_stream.h"

/* Where the stream of the selected client is kept. */
static struct client_stream **slot(struct scenario *scenario)
{
    size_t at = 0;
    while (at + 1 < scenario->client_count && scenario->clients[at] != scenario->client)
        at++;
    return &scenario->streams[at];
}

/* stream: the head of the next response, which must open an event stream. */
static bool verb_stream(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)words, (void)line;
    struct http_client *client = scenario->client;
    struct bytes type = {NULL, 0, 0};
    client_stream_free(*slot(scenario));
    struct client_stream *stream =
        client_stream_new(client, &scenario->gateway, &scenario->transcript);
    *slot(scenario) = stream;
    const char *trouble = client->fd < 0
                              ? "the client is not connected"
                              : http_client_head(client, &scenario->gateway, scenario->until);
    if (trouble != NULL)
        return scenario_fail(scenario, "expected: an event stream\n    got:      %s", trouble);
    client->responses++;
    client->response.time = gateway_process_now();
    bytes_print(&scenario->transcript, "  %.3f http %s <- %s\n", client->response.time,
                client->name, bytes_text(&client->response.head));
    http_client_field(&client->response, "Content-Type", 0, &type);
    bool opens =
        client->response.status == 200 && strcmp(bytes_text(&type), "text/event-stream") == 0;
    if (!opens)
        scenario_fail(scenario, "expected: an event stream\n    got:      status %u, %s",
                      client->response.status, bytes_text(&type));
    bytes_clear(&type);
    client_stream_begin(stream);
    return opens;
}

/* --- events --- */

/* member=value: of a JSON text as this gateway writes it, without blanks between its parts. */
static bool has_member(const char *json, const char *name, size_t length, const char *value)
{
    struct bytes text = {NULL, 0, 0};
    bytes_print(&text, "\"%.*s\":\"%s\"", (int)length, name, value);
    bool found = strstr(json, bytes_text(&text)) != NULL;
    bytes_empty(&text);
    bytes_print(&text, "\"%.*s\":%s", (int)length, name, value);
    const char *number = strstr(json, bytes_text(&text));
    found = found || (number != NULL && strchr(",}", number[text.length]) != NULL);
    bytes_clear(&text);
    return found;
}

/* One word of an event behind its name. */
static bool word_fits(const struct stream_item *item, const struct word *word)
{
    const char *text = bytes_text(&word->value), *equals = strchr(text, '=');
    if (word->quoted)
        return item->data.length == word->value.length &&
               memcmp(bytes_text(&item->data), text, word->value.length) == 0;
    if (strncmp(text, "id=", 3) == 0)
        return strcmp(bytes_text(&item->id), strcmp(text, "id=none") == 0 ? "" : text + 3) == 0;
    return equals != NULL &&
           has_member(bytes_text(&item->data), text, (size_t)(equals - text), equals + 1);
}

/* [NAME] ["data"] [member=value]... [id=ID]; of a state event the word behind its name is the
 * state. */
static bool event_fits(const struct stream_item *item, const struct words *words)
{
    const char *type = "message";
    size_t at = 1;
    if (words->count > 1 && !words->list[1].quoted && strchr(words_at(words, 1), '=') == NULL)
        type = words_at(words, at++);
    if (strcmp(bytes_text(&item->type), type) != 0)
        return false;
    if (strcmp(type, "state") == 0 && at < words->count &&
        strchr(words_at(words, at), '=') == NULL &&
        !has_member(bytes_text(&item->data), "state", 5, words_at(words, at++)))
        return false;
    for (; at < words->count; at++)
        if (!word_fits(item, &words->list[at]))
            return false;
    return true;
}

static bool misses(struct scenario *scenario, const char *line, const struct stream_item *item,
                   const char *otherwise)
{
    struct bytes expected = {NULL, 0, 0}, got = {NULL, 0, 0};
    bytes_print(&expected, "%s", line + strspn(line, " \t"));
    if (item == NULL) {
        bytes_print(&got, "%s", otherwise);
    } else {
        bytes_print(&got, "%s %s id=%s ", item->is_comment ? "comment" : "event",
                    bytes_text(&item->type), bytes_text(&item->id));
        bytes_show(&got, item->data.data, item->data.length < 2000 ? item->data.length : 2000);
    }
    return scenario_differ(scenario, &expected, &got);
}

static bool takes_event(struct scenario *scenario, const struct words *words, const char *line)
{
    const struct client_stream *stream = *slot(scenario);
    const struct stream_item *item = stream->current;
    if (words_is(words, 1, "~"))
        return strcmp(bytes_text(&item->type), "message") == 0 &&
               scenario_match(scenario, "event", scenario_rest(scenario_rest(line)),
                              bytes_text(&item->data));
    return event_fits(item, words);
}

/* How long after the latest datagram of any node it came. */
static void note_delay(struct scenario *scenario, const struct stream_item *item)
{
    for (size_t i = 0; i < SCENARIO_NODES; i++) {
        double delay = item->time - scenario->nodes[i].sent_time;
        if (delay >= 0 && delay < scenario->quickest)
            scenario->quickest = delay;
    }
}

/* event ...: the next event, comments aside. */
static bool verb_event(struct scenario *scenario, const struct words *words, const char *line)
{
    struct client_stream *stream = *slot(scenario);
    if (!client_stream_next(stream, false, scenario->until))
        return misses(scenario, line, NULL, client_stream_trouble(stream));
    note_delay(scenario, stream->current);
    return takes_event(scenario, words, line) || misses(scenario, line, stream->current, NULL);
}

/* eventually ...: the next event that is like that; those before it are passed over. */
static bool verb_eventually(struct scenario *scenario, const struct words *words, const char *line)
{
    struct client_stream *stream = *slot(scenario);
    while (client_stream_next(stream, false, scenario->until)) {
        if (takes_event(scenario, words, line))
            return true;
    }
    return misses(scenario, line, NULL, client_stream_trouble(stream));
}

/* no-event [for SECONDS]: no event came, or comes; the stream goes on. */
static bool verb_no_event(struct scenario *scenario, const struct words *words, const char *line)
{
    struct client_stream *stream = *slot(scenario);
    double seconds = 0;
    if (words_is(words, 1, "for") && !words_seconds(words_at(words, 2), &seconds))
        return scenario_fail(scenario, "no-event for SECONDS");
    double until = gateway_process_now() + seconds;
    while (client_stream_read(stream, until))
        continue;
    client_stream_skip_comments(stream);
    if (stream->first == NULL && stream->progress == BODY_GOES_ON)
        return true;
    return misses(scenario, line, stream->first, client_stream_trouble(stream));
}

/* comment ["text"]: a comment is what comes next. */
static bool verb_comment(struct scenario *scenario, const struct words *words, const char *line)
{
    struct client_stream *stream = *slot(scenario);
    if (!client_stream_next(stream, true, scenario->until))
        return misses(scenario, line, NULL, client_stream_trouble(stream));
    const struct stream_item *item = stream->current;
    return (item->is_comment &&
            (words->count < 2 || strcmp(bytes_text(&item->data), words_at(words, 1)) == 0)) ||
           misses(scenario, line, item, NULL);
}

/* retry MIN MAX: the stream tells so many milliseconds, in front of all events. */
static bool verb_retry(struct scenario *scenario, const struct words *words, const char *line)
{
    struct client_stream *stream = *slot(scenario);
    long minimum = 0, maximum = 0;
    (void)line;
    if (!words_number(words_at(words, 1), &minimum) || !words_number(words_at(words, 2), &maximum))
        return scenario_fail(scenario, "retry MIN MAX in milliseconds");
    while (stream->events.retry_ms < 0 && client_stream_read(stream, scenario->until))
        continue;
    long told = stream->first == NULL ? stream->events.retry_ms : stream->first->retry_ms;
    return (told >= minimum && told <= maximum) ||
           scenario_fail(scenario, "expected: retry: %ld to %ld\n    got:      %ld", minimum,
                         maximum, told);
}

/* retry-spread MS: the smallest and the largest of what the streams of this case told differ by so
 * much. */
static bool verb_retry_spread(struct scenario *scenario, const struct words *words,
                              const char *line)
{
    long wanted = 0, least = LONG_MAX, most = 0;
    (void)line;
    if (!words_number(words_at(words, 1), &wanted))
        return scenario_fail(scenario, "retry-spread MILLISECONDS");
    for (size_t i = 0; i < scenario->client_count; i++) {
        long told = scenario->streams[i] == NULL ? -1 : scenario->streams[i]->events.retry_ms;
        if (told >= 0 && told < least)
            least = told;
        if (told > most)
            most = told;
    }
    return most - least >= wanted ||
           scenario_fail(scenario, "expected: values that differ by %ld\n    got:      %ld to %ld",
                         wanted, least, most);
}

/* quickest SECONDS: the shortest time in this case from when a node sent something to the event
 * that `event` took next was no longer. */
static bool verb_quickest(struct scenario *scenario, const struct words *words, const char *line)
{
    double seconds = 0;
    (void)line;
    if (!words_seconds(words_at(words, 1), &seconds))
        return scenario_fail(scenario, "quickest SECONDS");
    seconds *= scenario->patience;
    return scenario->quickest <= seconds ||
           scenario_fail(scenario, "expected: an event within %.3f s\n    got:      %.3f s",
                         seconds, scenario->quickest);
}

/* stream-ends: the body is complete, and no event is left in it. */
static bool verb_ends(struct scenario *scenario, const struct words *words, const char *line)
{
    struct client_stream *stream = *slot(scenario);
    (void)words;
    while (client_stream_read(stream, scenario->until))
        continue;
    client_stream_skip_comments(stream);
    return (stream->progress == BODY_ENDED && stream->first == NULL) ||
           misses(scenario, line, stream->first, client_stream_trouble(stream));
}

/* save-id NAME: the id of the latest event as ${NAME}, what stands before its "-" as
 * ${NAME-epoch}. */
static bool verb_save_id(struct scenario *scenario, const struct words *words, const char *line)
{
    const struct client_stream *stream = *slot(scenario);
    (void)line;
    if (stream->current == NULL || stream->current->id.length == 0)
        return scenario_fail(scenario, "no event with an id came");
    const char *id = bytes_text(&stream->current->id);
    char text[128];
    variables_set(&scenario->variables, words_at(words, 1), id);
    snprintf(text, sizeof(text), "%s-epoch", words_at(words, 1));
    char *epoch = strndup(id, strcspn(id, "-"));
    variables_set(&scenario->variables, text, epoch);
    free(epoch);
    return true;
}

bool stream_verbs_run(struct scenario *scenario, const struct words *words, const char *line,
                      bool *known)
{
    static const struct {
        const char *name;
        bool (*run)(struct scenario *, const struct words *, const char *);
    } verbs[] = {
        {"event", verb_event},       {"eventually", verb_eventually},
        {"no-event", verb_no_event}, {"comment", verb_comment},
        {"retry", verb_retry},       {"stream-ends", verb_ends},
        {"save-id", verb_save_id},   {"retry-spread", verb_retry_spread},
        {"quickest", verb_quickest},
    };
    *known = true;
    if (words_is(words, 0, "stream"))
        return verb_stream(scenario, words, line);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (!words_is(words, 0, verbs[i].name))
            continue;
        const struct client_stream *stream = *slot(scenario);
        if (stream == NULL)
            return scenario_fail(scenario, "%s needs stream first", verbs[i].name);
        bool held = verbs[i].run(scenario, words, line);
        if (held && stream->fires_handlers)
            return scenario_fail(scenario, "an event is named error or open");
        return held;
    }
    *known = false;
    return false;
}
