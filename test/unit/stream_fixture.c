/* SPDX-License-Identifier: BSD-2-Clause */
#include "stream_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "core_private.h"
#include "observation.h"

static void answered(void *north)
{
    struct client *client = north;

    client->answered++;
}

static void readable(void *north)
{
    struct client *client = north;

    ck_assert_ptr_nonnull(client->stream);
    client->told++;
    if (client->closes_when_told)
        client_leave(client);
}

void streaming_set_up(void)
{
    static char observe; /* never looked at: the fake stands behind it */

    observe_fake_reset();
    fixture_set_up(
        "[ { \"networks\": [\"192.0.2.0/24\"] },"
        "  { \"networks\": [\"198.51.100.0/24\"], \"roles\": [\"write\"] } ]",
        "{ \"nodes\": { \"kitchen\": { \"address\": \"coap://192.0.2.9\" },"
        "  \"hall\": { \"address\": \"coap://192.0.2.10\" },"
        "  \"far\": { \"address\": \"coap://far.example\" } },"
        "  \"mappings\": [ { \"path\": \"/kitchen/light\", \"target\": \"coap://192.0.2.9/light\" "
        "},"
        "  { \"path\": \"/kitchen/fan\", \"target\": \"coap://192.0.2.9/fan\" },"
        "  { \"path\": \"/kitchen/door\", \"target\": \"coap://192.0.2.9/door\","
        "    \"roles\": [\"admin\"] },"
        "  { \"path\": \"/kitchen/any{+p}\", \"target\": \"coap://192.0.2.9{+p}\" } ] }");
    fixture.answered_other = answered;
    fixture.readable = readable;
    fixture.core->options.observe = (struct observe *)(void *)&observe;
    fixture.policy->cache_limits = (struct cache_limits){.bytes = 1 << 20, .entries = 100};
    cache_set_limits(fixture.core->cache, &fixture.policy->cache_limits);
    fixture.policy->observation_limits = (struct observation_limits){
        .registrations = 100, .registrations_per_node = 50, .poll_minimum_ms = 10000};
    fixture.policy->stream_limits = (struct stream_limits){
        .streams = 10000, .queue = 4, .heartbeat_ms = 15000, .retry_ms = 5000};
}

void streaming_tear_down(void)
{
    ck_assert_uint_eq(streams_count(fixture.core), 0);
    ck_assert_uint_eq(observations_count(fixture.core), 0);
    ck_assert_uint_eq(relations_open(), 0);
    fixture_tear_down();
}

void client_init(struct client *client, const char *target)
{
    memset(client, 0, offsetof(struct client, text));
    client->request = (struct http_request){
        .method = HTTP_METHOD_GET,
        .method_text = "GET",
        .target = target,
        .fields = client->fields,
        .roles = ROLE_READ,
        .client = "127.0.0.1",
        .client_key = 1,
        .id = "id-1",
    };
    client_add_field(client, "Accept", "text/event-stream");
}

void client_add_field(struct client *client, const char *name, const char *value)
{
    struct http_field *field = &client->fields[client->request.field_count++];

    ck_assert_uint_le(client->request.field_count, 4);
    field->name = name;
    field->value = value;
}

enum exchange_progress client_go(struct client *client)
{
    enum exchange_progress progress =
        exchange_begin(fixture.core, &client->request, client, &client->exchange);

    if (progress == EXCHANGE_WANTS_BODY)
        progress = exchange_run(fixture.core, client->exchange);
    ck_assert_uint_eq(client->answered, 0);
    return progress;
}

void client_ask(struct client *client, const char *target)
{
    client_init(client, target);
    ck_assert_int_eq(client_go(client), EXCHANGE_PARKED);
    fixture_advance(0);
}

const struct http_reply *client_reply(struct client *client, unsigned status)
{
    const struct http_reply *reply = exchange_reply(fixture.core, client->exchange);

    ck_assert_msg(reply != NULL, "no reply for %s", client->request.target);
    ck_assert_msg(reply->status == status, "%s: %u, not %u: %s", client->request.target,
                  reply->status, status, buffer_text(&reply->body));
    return reply;
}

void client_take(struct client *client)
{
    (void)client_reply(client, 200);
    client->stream = exchange_take_stream(fixture.core, client->exchange);
    ck_assert_ptr_nonnull(client->stream);
    ck_assert_ptr_null(exchange_take_stream(fixture.core, client->exchange));
    stream_bind(client->stream, client);
    exchange_detach(fixture.core, client->exchange);
    (void)core_reap(fixture.core);
    client->exchange = 0;
}

void client_leave(struct client *client)
{
    struct stream *stream = client->stream;

    if (client->exchange != 0)
        exchange_detach(fixture.core, client->exchange);
    client->exchange = 0;
    client->stream = NULL;
    stream_close(stream);
    (void)core_reap(fixture.core);
}

const char *client_read_by(struct client *client, size_t chunk)
{
    size_t length = 0;
    long part;

    do {
        size_t room = sizeof client->text - 1 - length;

        part = stream_read(client->stream, client->text + length, chunk < room ? chunk : room);
        if (part > 0)
            length += (size_t)part;
        ck_assert_uint_lt(length, sizeof client->text - 1);
    } while (part > 0);
    client->is_over = part < 0;
    client->told = 0;
    client->text[length] = '\0';
    if (strncmp(client->text, "retry: ", 7) == 0)
        return strstr(client->text, "\n\n") + 2;
    return client->text;
}

const char *client_read(struct client *client)
{
    return client_read_by(client, 1000);
}

void client_assert_reads(struct client *client, const char *text)
{
    ck_assert_str_eq(client_read(client), text);
}

/* Writes the member of the JSON object, with what stands before it. */
static void add_member(char *words, size_t size, const char *event, const char *name,
                       const char *before)
{
    const char *member = strstr(event, name);
    size_t length = strlen(words);

    if (member == NULL || member > strstr(event, "\n\n"))
        return;
    member += strlen(name);
    member += *member == '"';
    (void)snprintf(words + length, size - length, "%s%.*s", before, (int)strcspn(member, "\",}\n"),
                   member);
}

static void add_words(char *words, size_t size, const char *event)
{
    size_t length = strlen(words);
    const char *data = strstr(event, "data: ");

    if (length > 0)
        (void)snprintf(words + length, size - length, " ");
    length = strlen(words);
    if (strncmp(event, "event: state\n", 13) == 0) {
        (void)snprintf(words + length, size - length, "<");
        add_member(words, size, event, "\"state\":", "");
        add_member(words, size, event, "\"reason\":", ":");
        add_member(words, size, event, "\"status\":", "/");
        length = strlen(words);
        (void)snprintf(words + length, size - length, ">");
    } else if (strncmp(event, "id: ", 4) == 0) {
        const char *number = strchr(event, '-') + 1;

        (void)snprintf(words + length, size - length, "%.*s=%.*s", (int)strcspn(number, "\n"),
                       number, (int)strcspn(data + 6, "\n"), data + 6);
    } else {
        (void)snprintf(words + length, size - length, "%.*s", (int)strcspn(event, "\n"), event);
    }
}

void client_assert_hears(struct client *client, const char *expected)
{
    static char words[8192];
    const char *event = client_read(client);

    words[0] = '\0';
    while (*event != '\0') {
        const char *end = strstr(event, "\n\n");

        ck_assert_msg(end != NULL, "half an event: %s", event);
        add_words(words, sizeof words, event);
        event = end + 2;
    }
    ck_assert_str_eq(words, expected);
}

void node_tells(struct relation *relation, const char *text)
{
    relation_answer(relation,
                    &(struct relation_answer){.payload = text, .max_age = 60, .is_text = true});
}
