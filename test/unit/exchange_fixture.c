/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange_fixture.h"

/*
 * The fakes answer nothing by themselves: a test says what the node, the name service and the clock
 * do, in the order in which it wants them.
 */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "capability.h"
#include "document.h"
#include "mapping.h"
#include "media_type.h"
#include "message_layer.h"
#include "metrics.h"
#include "uri.h"

struct fixture fixture;

/* The fake request layer. */

enum request_refusal request_start(struct request_layer *layer, const struct request_spec *spec,
                                   uint64_t *id)
{
    struct fixture_request *request = &fixture.requests[fixture.request_count];

    (void)layer;
    if (fixture.refusal != REQUEST_STARTED)
        return fixture.refusal;
    fixture.is_faking = true;
    ck_assert_uint_lt(fixture.request_count, FIXTURE_REQUESTS_MAX);
    rest_request_init(&request->copy);
    request->copy.message.code = spec->message->code;
    for (size_t i = 0; i < spec->message->option_count; i++) {
        const struct rest_option *option = &spec->message->options[i];

        ck_assert_int_eq(
            rest_request_add(&request->copy, option->number, option->value, option->length), 0);
    }
    ck_assert_uint_le(spec->message->payload_length, sizeof request->payload);
    if (spec->message->payload_length > 0)
        memcpy(request->payload, spec->message->payload, spec->message->payload_length);
    request->copy.message.payload = request->payload;
    request->copy.message.payload_length = spec->message->payload_length;
    request->peer = spec->peer;
    request->settings = spec->settings;
    request->events = spec->events;
    request->handle = spec->handle;
    request->times = spec->times;
    request->is_peer_of_client = spec->is_peer_of_client;
    request->is_under_way = true;
    request->ends_when_sent = spec->ends_when_sent;
    request->needs_no_answer = spec->needs_no_answer;
    fixture.is_faking = false;
    *id = ++fixture.request_count;
    return REQUEST_STARTED;
}

void request_cancel(struct request_layer *layer, uint64_t id)
{
    (void)layer;
    if (id > 0 && id <= fixture.request_count)
        fixture.requests[id - 1].is_under_way = false;
}

bool request_is_waiting(const struct request_layer *layer, uint64_t id)
{
    (void)layer;
    (void)id;
    return false;
}

void request_layer_set_maximum(struct request_layer *layer, size_t maximum_requests)
{
    (void)layer;
    (void)maximum_requests;
}

void request_layer_set_peer_events(struct request_layer *layer,
                                   const struct request_peer_events *events)
{
    (void)layer;
    fixture.peer_events = events == NULL ? (struct request_peer_events){0} : *events;
}

void request_layer_give_up(struct request_layer *layer, const struct endpoint_address *peer)
{
    const struct request_report report = {0};

    (void)layer;
    for (size_t i = 0; i < fixture.request_count; i++) {
        struct fixture_request *request = &fixture.requests[i];

        if (!request->is_under_way || !request->is_queued ||
            !endpoint_address_equal(&request->peer, peer))
            continue;
        request->is_under_way = false;
        request->events->failed(request->handle, REQUEST_GIVEN_UP, &report);
    }
}

void request_layer_ping(struct request_layer *layer, const struct endpoint_address *peer)
{
    (void)layer;
    fixture.pinged = *peer;
    fixture.pings++;
}

unsigned request_layer_retry_after(struct request_layer *layer, const struct endpoint_address *peer)
{
    (void)layer;
    (void)peer;
    return 7;
}

struct message_layer *request_layer_messages(struct request_layer *layer)
{
    (void)layer;
    return NULL;
}

const struct message_counters *message_layer_counters(const struct message_layer *layer)
{
    static const struct message_counters counters = {.duplicates = 3, .resets_sent = 2};

    (void)layer;
    return &counters;
}

size_t message_layer_outstanding(const struct message_layer *layer)
{
    (void)layer;
    return 5;
}

size_t message_layer_queued(const struct message_layer *layer)
{
    (void)layer;
    return 6;
}

/* The fake resolver. */

static uint64_t ask(void *resolver, const char *name, resolver_answer *answer, void *handle)
{
    struct fixture_question *question = &fixture.questions[fixture.question_count];

    (void)resolver;
    if (fixture.takes_no_questions)
        return 0;
    fixture.is_faking = true;
    ck_assert_uint_lt(fixture.question_count, FIXTURE_QUESTIONS_MAX);
    fixture.is_faking = false;
    (void)snprintf(question->name, sizeof question->name, "%s", name);
    question->answer = answer;
    question->handle = handle;
    return ++fixture.question_count;
}

static void cancel(void *resolver, uint64_t id)
{
    (void)resolver;
    if (id > 0 && id <= fixture.question_count)
        fixture.questions[id - 1].answer = NULL;
}

static struct endpoint_address read_address(const char *text)
{
    struct uri_authority authority;
    struct endpoint_address address;

    memset(&address, 0, sizeof address);
    ck_assert_int_eq(uri_parse_authority(text, strlen(text), URI_SCHEME_COAP, &authority), URI_OK);
    ck_assert(uri_authority_address(&authority, &address));
    address.port = 0;
    return address;
}

void fixture_resolve(const char *address, const char *second_address)
{
    struct endpoint_address addresses[2];
    size_t asked = fixture.question_count; /* questions that an answer raises wait */
    size_t count = 0;

    fixture.is_faking = true;
    if (address != NULL)
        addresses[count++] = read_address(address);
    if (second_address != NULL)
        addresses[count++] = read_address(second_address);
    fixture.is_faking = false;
    for (size_t i = 0; i < asked; i++) {
        struct fixture_question *question = &fixture.questions[i];
        resolver_answer *answer = question->answer;

        question->answer = NULL;
        if (answer != NULL)
            answer(question->handle, count > 0 ? RESOLVER_FOUND : RESOLVER_UNKNOWN_NAME, addresses,
                   count);
    }
}

/* The fake HTTP side. */

static void answered(void *north)
{
    if (north != &fixture && fixture.answered_other != NULL) {
        fixture.answered_other(north);
        return;
    }
    ck_assert_ptr_eq(north, &fixture);
    fixture.answered++;
}

static void readable(void *north)
{
    ck_assert(fixture.readable != NULL);
    fixture.readable(north);
}

static uint64_t wall_ms(void)
{
    return 1700000000000;
}

static bool is_self(void *handle, const struct endpoint_address *address)
{
    char text[ENDPOINT_ADDRESS_TEXT_SIZE];

    (void)handle;
    return fixture.self != NULL &&
           strcmp(endpoint_address_format(address, text), fixture.self) == 0;
}

static struct document *read_text(const char *name, const char *text)
{
    struct document *document = document_read_text(name, text, strlen(text));

    ck_assert_ptr_nonnull(document);
    return document;
}

static void finish_document(struct document *document)
{
    ck_assert_msg(!document_has_errors(document), "%s", document_errors(document));
    document_free(document);
}

struct policy *fixture_policy(const char *access, const char *mappings)
{
    struct policy *policy = policy_new();
    struct document *document;
    struct document_place top, place;
    char text[4096];

    ck_assert_ptr_nonnull(policy);
    policy->defaults.content_format = MEDIA_FORMAT_NONE;
    policy->defaults.is_cached = true;
    settings_init(&policy->defaults.settings);
    policy->takes_query = true;
    policy->maximum_body = 1 << 20;
    policy->maximum_reply = 1 << 20;
    policy->outstanding = 1000;
    policy->memory = 1 << 20;
    ck_assert_int_eq(policy_set_name(policy, "gw.example", true), 0);
    policy->media = media_table_new();
    policy->access = access_table_new();
    policy->mappings = mapping_table_new(&policy->defaults.settings);
    (void)snprintf(text, sizeof text, "{ \"access\": %s }", access == NULL ? "[]" : access);
    document = read_text("coapgw.json", text);
    top = document_top(document);
    place = document_member(document, &top, "access");
    access_load(policy->access, document, &place);
    place = document_member(document, &top, "hc");
    mapping_load_hc(policy->mappings, document, &place);
    finish_document(document);
    if (mappings != NULL) {
        document = read_text("mappings.json", mappings);
        mapping_load_document(policy->mappings, document, &policy->defaults);
        finish_document(document);
    }
    return policy;
}

void fixture_set_up(const char *access, const char *mappings)
{
    static const struct north_ops north = {.answered = answered, .readable = readable};
    static const struct resolver_ops resolver = {.ask = ask, .cancel = cancel};
    struct core_options options = {
        .resolver = {.ops = &resolver},
        .north = &north,
        .wall_ms = wall_ms,
        .is_self = is_self,
    };

    memset(&fixture, 0, sizeof fixture);
    fixture.timers = timers_new();
    timers_set_now_us(fixture.timers, 1000000000);
    random_sequence_init(&fixture.sequence, 1);
    struct blockwise_options blocks = {.timers = fixture.timers,
                                       .random = random_sequence_source(&fixture.sequence),
                                       .memory = &fixture.memory};
    fixture.capabilities = capability_table_new(fixture.timers, &blocks.random);
    blocks.capabilities = fixture.capabilities;
    fixture.blockwise = blockwise_new(&blocks);
    options.blockwise = fixture.blockwise;
    options.memory = &fixture.memory;
    options.timers = fixture.timers;
    options.random = random_sequence_source(&fixture.sequence);
    fixture.core = core_new(&options);
    ck_assert_ptr_nonnull(fixture.core);
    fixture.policy = fixture_policy(access, mappings);
    ck_assert_int_eq(core_set_policy(fixture.core, fixture.policy), 0);
}

void fixture_done(void)
{
    exchange_detach(fixture.core, fixture.id);
    (void)core_reap(fixture.core);
    fixture.id = 0;
}

void fixture_tear_down(void)
{
    fixture_done();
    core_free(fixture.core);
    ck_assert_uint_eq(blockwise_count(fixture.blockwise), 0);
    blockwise_free(fixture.blockwise);
    ck_assert_uint_eq(fixture.memory.used, 0);
    capability_table_free(fixture.capabilities);
    timers_free(fixture.timers);
}

void fixture_request(enum http_method method, const char *target)
{
    static const char *const texts[] = {"GET",   "HEAD",    "POST",  "PUT",     "DELETE",  "PATCH",
                                        "QUERY", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"};
    unsigned index = 0;

    while ((1u << index) != (unsigned)method)
        index++;
    if (fixture.id != 0)
        fixture_done();
    memset(&fixture.request, 0, sizeof fixture.request);
    fixture.body = NULL;
    fixture.request.method = method;
    fixture.request.method_text = texts[index];
    fixture.request.target = target;
    fixture.request.fields = fixture.fields;
    fixture.request.roles = ROLE_READ | ROLE_WRITE;
    fixture.request.client = "127.0.0.1";
    fixture.request.id = "id-1";
}

void fixture_field(const char *name, const char *value)
{
    ck_assert_uint_lt(fixture.request.field_count, 16);
    fixture.fields[fixture.request.field_count].name = name;
    fixture.fields[fixture.request.field_count++].value = value;
}

void fixture_body(const char *text)
{
    fixture.request.has_body = fixture.request.has_length = true;
    fixture.request.content_length = strlen(text);
    fixture.body = text;
    fixture.request.body_length = strlen(text);
}

enum exchange_progress fixture_go(void)
{
    enum exchange_progress progress;

    fixture.answered = 0;
    progress = exchange_begin(fixture.core, &fixture.request, &fixture, &fixture.id);
    ck_assert(progress == EXCHANGE_ANSWERED || progress == EXCHANGE_WANTS_BODY);
    if (progress == EXCHANGE_WANTS_BODY) {
        /* It comes behind the head, and is taken. */
        fixture.request.body = fixture.body == NULL ? NULL : (const uint8_t *)strdup(fixture.body);
        progress = exchange_run(fixture.core, fixture.id);
    }
    ck_assert_uint_eq(fixture.answered, 0);
    return progress;
}

enum exchange_progress fixture_get(const char *target)
{
    fixture_request(HTTP_METHOD_GET, target);
    return fixture_go();
}

struct fixture_request *fixture_last(void)
{
    ck_assert_uint_gt(fixture.request_count, 0);
    return &fixture.requests[fixture.request_count - 1];
}

bool fixture_has_option(uint16_t number, const char *value)
{
    const struct rest_option *option = rest_find_option(&fixture_last()->copy.message, number);

    if (option == NULL || value == NULL)
        return option != NULL;
    return option->length == strlen(value) && memcmp(option->value, value, option->length) == 0;
}

const char *fixture_path(void)
{
    static char text[512];
    struct buffer out;

    buffer_init(&out, sizeof text - 1);
    ck_assert_int_eq(uri_compose_path(&out, &fixture_last()->copy.message, REST_OPTION_URI_PATH),
                     0);
    (void)snprintf(text, sizeof text, "%s", buffer_text(&out));
    buffer_clear(&out);
    return text;
}

void fixture_answer_with(struct rest_request *response, const char *payload)
{
    struct fixture_request *request = fixture_last();
    struct request_report report = {
        .transmissions = 1, .elapsed_us = 12300, .round_trip_us = 12000};

    ck_assert(request->is_under_way);
    request->is_under_way = false;
    response->message.payload = (const uint8_t *)payload;
    response->message.payload_length = payload == NULL ? 0 : strlen(payload);
    request->events->response(request->handle, &response->message, &report);
}

void fixture_answer(uint8_t code, int format, const char *payload)
{
    static struct rest_request response;

    rest_request_init(&response);
    response.message.code = code;
    if (format >= 0)
        rest_request_add_uint(&response, REST_OPTION_CONTENT_FORMAT, (uint32_t)format);
    fixture_answer_with(&response, payload);
}

void fixture_fail(enum request_failure failure, const struct request_report *report)
{
    struct fixture_request *request = fixture_last();
    struct request_report full = *report;

    ck_assert(request->is_under_way);
    request->is_under_way = false;
    full.needs_no_answer = request->needs_no_answer;
    request->events->failed(request->handle, failure, &full);
}

void fixture_overdue(const struct request_report *report)
{
    const struct fixture_request *request = fixture_last();
    struct request_report full = *report;

    ck_assert(request->is_under_way);
    full.needs_no_answer = request->needs_no_answer;
    request->events->overdue(request->handle, &full);
}

void fixture_advance(uint64_t ms)
{
    timers_set_now_us(fixture.timers, timers_now_us(fixture.timers) + ms * 1000);
    timers_run(fixture.timers);
}

const struct http_reply *fixture_reply(unsigned status)
{
    const struct http_reply *reply = exchange_reply(fixture.core, fixture.id);

    ck_assert_msg(reply != NULL, "no reply to %s", fixture.request.target);
    ck_assert_msg(reply->status == status, "%s %s: %u, not %u: %s", fixture.request.method_text,
                  fixture.request.target, reply->status, status, buffer_text(&reply->body));
    return reply;
}

void fixture_assert_field(const char *name, const char *value)
{
    const char *found = http_reply_field(exchange_reply(fixture.core, fixture.id), name);

    if (value == NULL)
        ck_assert_msg(found == NULL, "%s: %s", name, found);
    else
        ck_assert_msg(found != NULL && strcmp(found, value) == 0, "%s: %s, not %s", name, found,
                      value);
}

void fixture_assert_body(const char *text)
{
    ck_assert_str_eq(buffer_text(&exchange_reply(fixture.core, fixture.id)->body), text);
}

void fixture_assert_body_has(const char *text)
{
    const char *body = buffer_text(&exchange_reply(fixture.core, fixture.id)->body);

    ck_assert_msg(strstr(body, text) != NULL, "%s not in %s", text, body);
}
