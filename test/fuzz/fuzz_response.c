/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_response: the whole gateway below HTTP and above the socket answers one request while a node
 * sends whatever the input says. The first byte chooses the request, then come the node's doings:
 *
 *     control  type (2 bits), as given or an answer (bit 2), message ID of its own (bit 3), from
 *              another port (bit 4), then how much time passes (3 bits; 7: an ICMP error instead)
 *     code     only of an answer: token and message ID are those of the latest request
 *     length   of what follows: a datagram, or options and payload; 255: two bytes more of length
 *
 * Every request is answered once, by a reply that HTTP can carry, and nothing of it stays behind.
 */
#include "exchange.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "blockwise.h"
#include "capability.h"
#include "core.h"
#include "document.h"
#include "fuzz.h"
#include "http_message.h"
#include "mapping.h"
#include "media_type.h"
#include "message_layer.h"
#include "observe.h"
#include "pdu.h"
#include "policy.h"
#include "request_layer.h"
#include "settings.h"
#include "text.h"
#include "timers.h"

enum { DATAGRAM_MAXIMUM = 2048, DOINGS_MAXIMUM = 64, LIFE_S = 3000, BODY_MAXIMUM = 1 << 20 };

/* The world of one request. */
struct world {
    struct timers *timers;
    struct request_layer *requests;
    struct blockwise *blockwise;
    struct capability_table *capabilities;
    struct observe *observe;
    struct channel_events events;
    struct core *core;
    uint64_t id;
    unsigned answered;
    /* the latest request that was sent */
    struct endpoint_address to;
    uint8_t sent[DATAGRAM_MAXIMUM];
    size_t sent_length;
    uint16_t own_mid; /* of the node */
};

static struct policy *policy;

static const struct http_field json_first[] = {{"Accept", "application/json, */*;q=0.1"}};
static const struct http_field cbor_problems[] = {
    {"Accept", "application/concise-problem-details+cbor, text/plain;q=0.5"},
    {"Accept-Encoding", "deflate"}};
static const struct http_field text_body[] = {{"Content-Type", "text/plain"},
                                              {"If-Match", "\"0a0b\""}};

/* The requests to choose from. */
static const struct {
    enum http_method method;
    const char *method_text;
    const char *target;
    const struct http_field *fields;
    size_t field_count;
    size_t body_length;
} cases[] = {
    {HTTP_METHOD_GET, "GET", "/nodes/kitchen/t", NULL, 0, 0},
    {HTTP_METHOD_GET, "GET", "/hc/coap://192.0.2.1/t?q=1", json_first, 1, 0},
    {HTTP_METHOD_GET, "GET", "/k/strict", json_first, 1, 0},
    {HTTP_METHOD_HEAD, "HEAD", "/nodes/kitchen/t", cbor_problems, 2, 0},
    {HTTP_METHOD_POST, "POST", "/k/list/new?x=1", text_body, 1, 5},
    {HTTP_METHOD_PUT, "PUT", "/k/strict", text_body, 2, 5},
    {HTTP_METHOD_PUT, "PUT", "/nodes/kitchen/big", text_body, 1, 5000},
    {HTTP_METHOD_DELETE, "DELETE", "/nodes/kitchen/t", NULL, 0, 0},
    {HTTP_METHOD_PATCH, "PATCH", "/nodes/kitchen/t", text_body, 2, 5},
    {HTTP_METHOD_QUERY, "QUERY", "/nodes/kitchen/t", text_body, 1, 5},
    {HTTP_METHOD_POST, "POST", "/hc/coap://192.0.2.1/c", text_body, 1, 0},
    {HTTP_METHOD_GET, "GET", "/nodes/quick/t", cbor_problems, 2, 0},
};

static const char access_text[] =
    "{ \"access\": [ { \"targets\": [\"coap://192.0.2.1:*\"], \"methods\": [\"GET\", \"POST\"] } ] "
    "}";
static const char mapping_text[] =
    "{ \"nodes\": {"
    " \"kitchen\": { \"address\": \"coap://192.0.2.1\" },"
    " \"quick\": { \"address\": \"coap://192.0.2.1\", \"coap\": { \"type\": \"non\" } } },"
    " \"mappings\": ["
    " { \"path\": \"/k/list{+p}{+qq}\", \"target\": \"coap://192.0.2.1/l{+p}{+qq}\" },"
    " { \"path\": \"/k/strict\", \"target\": \"coap://192.0.2.1/s?u=C\", \"strict_accept\": true,"
    " \"put_etag\": true, \"methods\": [\"GET\", \"PUT\"] } ] }";

static struct document *read_document(const char *text)
{
    struct document *document = document_read_text("x.json", text, strlen(text));

    if (document == NULL)
        abort();
    return document;
}

static void close_document(struct document *document)
{
    if (document_has_errors(document)) {
        fuzz_violation(document_errors(document), __FILE__, __LINE__);
        abort();
    }
    document_free(document);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct document *document = read_document(access_text);
    struct document_place top = document_top(document), place;

    (void)argc;
    (void)argv;
    policy = policy_new();
    if (policy == NULL)
        abort();
    policy->defaults.content_format = MEDIA_FORMAT_NONE;
    settings_init(&policy->defaults.settings);
    policy->takes_query = true;
    policy->maximum_body = BODY_MAXIMUM;
    policy->maximum_reply = BODY_MAXIMUM;
    policy->outstanding = 100;
    (void)policy_set_name(policy, "gw.example", true);
    policy->media = media_table_new();
    policy->access = access_table_new();
    policy->mappings = mapping_table_new(&policy->defaults.settings);
    place = document_member(document, &top, "access");
    access_load(policy->access, document, &place);
    place = document_member(document, &top, "hc");
    mapping_load_hc(policy->mappings, document, &place);
    close_document(document);
    document = read_document(mapping_text);
    mapping_load_document(policy->mappings, document, &policy->defaults);
    close_document(document);
    return 0;
}

/* The world outside of the core. */

static enum channel_result take_datagram(void *handle, const struct endpoint_address *to,
                                         const uint8_t *datagram, size_t length)
{
    struct world *world = handle;
    struct pdu pdu;

    FUZZ_CHECK(length <= sizeof world->sent);
    FUZZ_CHECK(pdu_parse(&pdu, datagram, length) == PDU_FINE);
    if (length > sizeof world->sent || pdu.message.code == 0)
        return CHANNEL_SENT;
    memcpy(world->sent, datagram, length);
    world->sent_length = length;
    world->to = *to;
    return CHANNEL_SENT;
}

static void note_answer(void *north)
{
    struct world *world = north;

    world->answered++;
}

static uint64_t ask_nobody(void *resolver, const char *name, resolver_answer *answer, void *handle)
{
    (void)resolver;
    (void)name;
    (void)answer;
    (void)handle;
    return 0;
}

static void cancel_nothing(void *resolver, uint64_t id)
{
    (void)resolver;
    (void)id;
}

static uint64_t wall_ms(void)
{
    return 1700000000000;
}

static void pass_time(struct world *world, uint64_t ms)
{
    uint64_t until_us = timers_now_us(world->timers) + ms * 1000;

    while (timers_next_us(world->timers) <= until_us) {
        timers_set_now_us(world->timers, timers_next_us(world->timers));
        timers_run(world->timers);
    }
    timers_set_now_us(world->timers, until_us);
}

/* Hands a datagram over in memory of just its size. */
static void deliver(struct world *world, const struct endpoint_address *from, const uint8_t *bytes,
                    size_t length)
{
    uint8_t *copy = malloc(length > 0 ? length : 1);

    if (copy == NULL)
        return;
    memcpy(copy, bytes, length);
    world->events.received(world->events.handle, from, copy, length);
    free(copy);
}

/* Writes the header of an answer to the latest request; returns its length. */
static size_t write_head(struct world *world, uint8_t *out, uint8_t control, uint8_t code)
{
    uint8_t token_length = world->sent_length > 0 ? world->sent[0] & 0x0f : 0;

    out[0] = (uint8_t)(0x40 | (control & 3) << 4 | token_length);
    out[1] = code;
    out[2] = control & 8 ? (uint8_t)(world->own_mid >> 8) : world->sent[2];
    out[3] = control & 8 ? (uint8_t)world->own_mid++ : world->sent[3];
    memcpy(out + PDU_HEADER_SIZE, world->sent + PDU_HEADER_SIZE, token_length);
    return (size_t)PDU_HEADER_SIZE + token_length;
}

/* One doing of the node. */
static void act(struct world *world, struct fuzz_input *input)
{
    static const uint64_t pauses_ms[] = {0, 0, 100, 3000, 20000, 70000, 250000, 0};
    uint8_t datagram[DATAGRAM_MAXIMUM + PDU_HEADER_SIZE + PDU_TOKEN_MAX];
    uint8_t control = fuzz_take_byte(input);
    size_t head = control & 4 ? write_head(world, datagram, control, fuzz_take_byte(input)) : 0;
    size_t wanted = fuzz_take_byte(input), length;
    struct endpoint_address from = world->to;

    if (wanted == UINT8_MAX) {
        wanted = fuzz_take_byte(input);
        wanted = wanted << 8 | fuzz_take_byte(input);
    }
    if (wanted > DATAGRAM_MAXIMUM)
        wanted = DATAGRAM_MAXIMUM;
    const uint8_t *bytes = fuzz_take_bytes(input, wanted, &length);
    memcpy(datagram + head, bytes, length);
    from.port = (uint16_t)(from.port + (control >> 4 & 1));
    if (control >> 5 == 7)
        world->events.undeliverable(world->events.handle, &from, world->sent,
                                    length % (world->sent_length + 1), ECONNREFUSED, control & 1);
    else
        deliver(world, &from, datagram, head + length);
    pass_time(world, pauses_ms[control >> 5]);
    (void)core_reap(world->core);
}

static bool set_up(struct world *world)
{
    static const struct north_ops north = {.answered = note_answer};
    static const struct resolver_ops resolver = {.ask = ask_nobody, .cancel = cancel_nothing};
    static struct random_sequence mids, tokens, core, blocks;

    random_sequence_init(&mids, 1);
    random_sequence_init(&tokens, 2);
    random_sequence_init(&core, 3);
    random_sequence_init(&blocks, 4);
    world->timers = timers_new();
    if (world->timers == NULL)
        return false;
    timers_set_now_us(world->timers, 1000000);
    const struct request_layer_options layer = {
        .message = {.timers = world->timers,
                    .random = random_sequence_source(&mids),
                    .channel = {.send = take_datagram, .handle = world},
                    .maximum_endpoints = 10},
        .token_random = random_sequence_source(&tokens),
        .maximum_requests = 100,
    };
    world->requests = request_layer_new(&layer);
    if (world->requests == NULL)
        return false;
    world->events = message_layer_channel_events(request_layer_messages(world->requests));
    struct random_source tags = random_sequence_source(&blocks);
    world->capabilities = capability_table_new(world->timers, &tags);
    if (world->capabilities == NULL)
        return false;
    const struct blockwise_options transfers = {.timers = world->timers,
                                                .requests = world->requests,
                                                .capabilities = world->capabilities,
                                                .random = tags};
    world->blockwise = blockwise_new(&transfers);
    if (world->blockwise == NULL)
        return false;
    const struct observe_options relations = {.timers = world->timers,
                                              .requests = world->requests,
                                              .blockwise = world->blockwise,
                                              .capabilities = world->capabilities,
                                              .random = tags};
    world->observe = observe_new(&relations);
    if (world->observe == NULL)
        return false;
    const struct core_options options = {
        .timers = world->timers,
        .random = random_sequence_source(&core),
        .requests = world->requests,
        .blockwise = world->blockwise,
        .observe = world->observe,
        .resolver = {.ops = &resolver},
        .north = &north,
        .wall_ms = wall_ms,
    };
    world->core = core_new(&options);
    if (world->core == NULL)
        return false;
    if (core_set_policy(world->core, policy_reference(policy)) != 0) {
        policy_release(policy);
        return false;
    }
    return true;
}

static void tear_down(struct world *world)
{
    core_free(world->core);
    observe_free(world->observe);
    blockwise_free(world->blockwise);
    capability_table_free(world->capabilities);
    request_layer_free(world->requests);
    timers_free(world->timers);
}

static void check_reply(const struct http_reply *reply)
{
    const char *type;

    FUZZ_CHECK(reply != NULL);
    if (reply == NULL)
        return;
    fuzz_check_reply(reply);
    FUZZ_CHECK(reply->body.length <= BODY_MAXIMUM);
    type = http_reply_field(reply, "Content-Type");
    FUZZ_CHECK(reply->body.length == 0 || type != NULL);
    /* Text that a node calls text may be anything; what we call text is UTF-8. */
    if (reply->status >= 400 && type != NULL && http_reply_field(reply, "X-CoAP-Code") == NULL)
        FUZZ_CHECK(text_is_utf8(buffer_text(&reply->body), reply->body.length));
}

/* Plays the node until the input ends, then lets all deadlines pass. */
static void play(struct world *world, struct fuzz_input *input, enum exchange_progress progress)
{
    for (int i = 0; i < DOINGS_MAXIMUM && input->left > 0; i++)
        act(world, input);
    pass_time(world, LIFE_S * 1000);
    FUZZ_CHECK(world->answered == (progress == EXCHANGE_PARKED));
    check_reply(exchange_reply(world->core, world->id));
    exchange_detach(world->core, world->id);
    (void)core_reap(world->core);
    FUZZ_CHECK(core_exchange_count(world->core) == 0);
    FUZZ_CHECK(blockwise_count(world->blockwise) == 0);
    FUZZ_CHECK(request_layer_outstanding(world->requests) == 0);
}

/* The body is taken by the exchange. */
static uint8_t *make_body(size_t length)
{
    uint8_t *body = length > 0 ? malloc(length) : NULL;

    if (body != NULL)
        memset(body, 'x', length);
    return body;
}

/* Without memory the body never comes: the client leaves. */
static enum exchange_progress send_body(struct world *world, struct http_request *request)
{
    request->body = make_body(request->body_length);
    if (request->body != NULL || request->body_length == 0)
        return exchange_run(world->core, world->id);
    exchange_detach(world->core, world->id);
    (void)core_reap(world->core);
    return EXCHANGE_NO_MEMORY;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    size_t chosen = fuzz_take_byte(&input) % (sizeof cases / sizeof *cases);
    struct world *world = calloc(1, sizeof *world);
    struct http_request request = {
        .method = cases[chosen].method,
        .method_text = cases[chosen].method_text,
        .target = cases[chosen].target,
        .fields = cases[chosen].fields,
        .field_count = cases[chosen].field_count,
        .roles = ROLE_READ | ROLE_WRITE,
        .client = "127.0.0.1",
        .id = "id-1",
        .has_body = cases[chosen].body_length > 0,
        .has_length = cases[chosen].body_length > 0,
        .content_length = cases[chosen].body_length,
        .body_length = cases[chosen].body_length,
    };

    if (world == NULL)
        return 0;
    if (set_up(world)) {
        enum exchange_progress progress = exchange_begin(world->core, &request, world, &world->id);

        if (progress == EXCHANGE_WANTS_BODY) {
            progress = send_body(world, &request);
        }
        FUZZ_CHECK(progress == EXCHANGE_PARKED || progress == EXCHANGE_ANSWERED);
        if (progress == EXCHANGE_PARKED || progress == EXCHANGE_ANSWERED)
            play(world, &input, progress);
    }
    tear_down(world);
    free(world);
    return 0;
}
