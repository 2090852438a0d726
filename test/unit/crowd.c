/* SPDX-License-Identifier: BSD-2-Clause */
#include "crowd.h"

/*
 * Clients may leave from inside of the news of an answer, their own or another's: that is the
 * hardest that the HTTP side may do.
 */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics.h"
#include "uri.h"

struct crowd_client crowd[CROWD_MAX];
bool crowd_is_inside;

static const char access_rules[] = "[ { \"networks\": [\"192.0.2.0/24\"], \"methods\": [\"GET\", "
                                   "\"PUT\", \"POST\", \"QUERY\"] } ]";
static const char mappings[] =
    "{ \"nodes\": { \"kitchen\": { \"address\": \"coap://192.0.2.9\" },"
    "  \"twin\": { \"address\": \"coap://twin.example\" },"
    "  \"near\": { \"address\": \"coap://far.example\", \"connect\": \"192.0.2.7\" },"
    "  \"bare\": { \"address\": \"coap://192.0.2.9\", \"cache\": false },"
    "  \"old\": { \"address\": \"coap://192.0.2.8\", \"stale_if_error\": true } } }";

static void told(void *north)
{
    struct crowd_client *client = north;

    client->answered++;
    if (client->takes_along != 0)
        crowd_leave(client->takes_along);
    if (client->leaves)
        crowd_leave((unsigned)(client - crowd));
}

static void reload(size_t bytes, size_t entries, const char *proxy)
{
    fixture.policy = fixture_policy(access_rules, mappings);
    fixture.policy->cache_limits = (struct cache_limits){.bytes = bytes, .entries = entries};
    fixture.policy->has_upstream_proxy = proxy != NULL;
    if (proxy != NULL)
        ck_assert_int_eq(uri_parse_authority(proxy, strlen(proxy), URI_SCHEME_COAP,
                                             &fixture.policy->upstream_proxy),
                         URI_OK);
    ck_assert_int_eq(core_set_policy(fixture.core, fixture.policy), 0);
}

void crowd_set_up(void)
{
    memset(crowd, 0, sizeof crowd);
    fixture_set_up(access_rules, mappings);
    fixture.answered_other = told;
    reload(1 << 20, 100, NULL);
}

void crowd_limit(size_t bytes, size_t entries)
{
    reload(bytes, entries, NULL);
}

void crowd_use_proxy(const char *name)
{
    reload(1 << 20, 100, name);
}

void crowd_leave(unsigned who)
{
    if (crowd[who].id == 0)
        return;
    exchange_detach(fixture.core, crowd[who].id);
    crowd[who].id = 0;
}

void crowd_tear_down(void)
{
    for (unsigned i = 0; i < CROWD_MAX; i++)
        crowd_leave(i);
    fixture_tear_down();
}

struct crowd_client *crowd_prepare(unsigned who, enum http_method method, const char *target)
{
    struct crowd_client *client = &crowd[who];

    crowd_leave(who);
    (void)core_reap(fixture.core);
    *client = (struct crowd_client){.request = {
                                        .method = method,
                                        .method_text = "GET",
                                        .target = target,
                                        .roles = ROLE_READ | ROLE_WRITE,
                                        .client = "127.0.0.1",
                                        .client_key = who + 1,
                                        .id = "id-1",
                                    }};
    client->request.fields = client->fields;
    return client;
}

void crowd_field(unsigned who, const char *name, const char *value)
{
    struct http_request *request = &crowd[who].request;

    ck_assert_uint_lt(request->field_count, CROWD_FIELDS_MAX);
    crowd[who].fields[request->field_count++] = (struct http_field){name, value};
}

enum exchange_progress crowd_go(unsigned who, const char *body)
{
    struct crowd_client *client = &crowd[who];
    struct http_request *request = &client->request;
    enum exchange_progress progress;

    if (body != NULL) {
        request->has_body = request->has_length = true;
        request->content_length = request->body_length = strlen(body);
    }
    crowd_is_inside = true;
    progress = exchange_begin(fixture.core, request, client, &client->id);
    crowd_is_inside = false;
    if (progress != EXCHANGE_WANTS_BODY)
        return progress;
    request->body = body == NULL ? NULL : (const uint8_t *)strdup(body);
    crowd_is_inside = true;
    progress = exchange_run(fixture.core, client->id);
    crowd_is_inside = false;
    ck_assert_uint_eq(client->answered, 0);
    return progress;
}

enum exchange_progress crowd_get(unsigned who, const char *target, const char *name,
                                 const char *value)
{
    (void)crowd_prepare(who, HTTP_METHOD_GET, target);
    if (name != NULL)
        crowd_field(who, name, value);
    return crowd_go(who, NULL);
}

const struct http_reply *crowd_reply(unsigned who, unsigned status)
{
    const struct http_reply *reply = exchange_reply(fixture.core, crowd[who].id);

    ck_assert_msg(reply != NULL, "client %u has no reply", who);
    ck_assert_msg(reply->status == status, "client %u: %u, not %u: %s", who, reply->status, status,
                  buffer_text(&reply->body));
    return reply;
}

void crowd_assert_waits(unsigned who)
{
    ck_assert_uint_ne(crowd[who].id, 0);
    ck_assert_uint_eq(crowd[who].answered, 0);
    ck_assert_ptr_null(exchange_reply(fixture.core, crowd[who].id));
}

void crowd_assert_body(unsigned who, const char *text)
{
    const struct http_reply *reply = exchange_reply(fixture.core, crowd[who].id);

    ck_assert_ptr_nonnull(reply);
    ck_assert_uint_eq(reply->body.length, strlen(text));
    ck_assert_mem_eq(reply->body.data, text, strlen(text));
}

void crowd_assert_field(unsigned who, const char *name, const char *value)
{
    const char *found = http_reply_field(exchange_reply(fixture.core, crowd[who].id), name);

    if (value == NULL)
        ck_assert_msg(found == NULL, "client %u: %s: %s", who, name, found);
    else
        ck_assert_msg(found != NULL && strcmp(found, value) == 0, "client %u: %s: %s, not %s", who,
                      name, found == NULL ? "none" : found, value);
}

static struct fixture_request *take_request(size_t number)
{
    struct fixture_request *request = &fixture.requests[number - 1];

    ck_assert_uint_ge(number, 1);
    ck_assert_uint_le(number, fixture.request_count);
    ck_assert(request->is_under_way);
    request->is_under_way = false;
    return request;
}

void crowd_answer(size_t number, const struct crowd_response *response)
{
    struct fixture_request *request = take_request(number);
    struct rest_request made;
    struct request_report report = {
        .transmissions = 1, .elapsed_us = 12300, .round_trip_us = 12000};
    /* It goes when the event is over. */
    char *payload = response->payload == NULL ? NULL : strdup(response->payload);

    rest_request_init(&made);
    made.message.code = response->code;
    if (response->etag != NULL)
        rest_request_add(&made, REST_OPTION_ETAG, response->etag, strlen(response->etag));
    if (response->max_age >= 0)
        rest_request_add_uint(&made, REST_OPTION_MAX_AGE, (uint32_t)response->max_age);
    /* 16 bytes, and there are more */
    if (response->is_partial)
        rest_request_add_uint(&made, REST_OPTION_BLOCK2, 8);
    if (response->location != NULL)
        rest_request_add(&made, REST_OPTION_LOCATION_PATH, response->location,
                         strlen(response->location));
    if (response->size1 != 0)
        rest_request_add_uint(&made, REST_OPTION_SIZE1, response->size1);
    if (response->echo != NULL)
        rest_request_add(&made, REST_OPTION_ECHO, response->echo, strlen(response->echo));
    made.message.payload = (const uint8_t *)payload;
    made.message.payload_length = payload == NULL ? 0 : strlen(payload);
    crowd_is_inside = true;
    request->events->response(request->handle, &made.message, &report);
    crowd_is_inside = false;
    if (payload != NULL)
        memset(payload, '#', strlen(payload));
    free(payload);
}

void crowd_content(const char *etag, int64_t max_age, const char *payload)
{
    const struct crowd_response response = {
        .code = REST_CODE(2, 5), .etag = etag, .max_age = max_age, .payload = payload};

    crowd_answer(fixture.request_count, &response);
}

void crowd_fail(size_t number, enum request_failure failure, const struct request_report *report)
{
    struct fixture_request *request = take_request(number);

    request->events->failed(request->handle, failure, report);
}

uint64_t crowd_count(const char *result)
{
    struct buffer text;
    char name[96];
    const char *found;
    uint64_t count;

    /* Counted when an exchange ends. */
    (void)core_reap(fixture.core);
    buffer_init(&text, 1 << 20);
    ck_assert_int_eq(metrics_write(core_metrics(fixture.core), &text), 0);
    (void)snprintf(name, sizeof name, "coapgw_cache_requests_total{result=\"%s\"} ", result);
    found = strstr(buffer_text(&text), name);
    count = found == NULL ? 0 : strtoull(found + strlen(name), NULL, 10);
    buffer_clear(&text);
    return count;
}

void crowd_warm(const char *target, const char *etag, int64_t max_age, const char *payload)
{
    size_t before = fixture.request_count;

    ck_assert_int_eq(crowd_get(0, target, NULL, NULL), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, before + 1);
    crowd_content(etag, max_age, payload);
    crowd_reply(0, 200);
}

void crowd_assert_hit(unsigned who, const char *target, const char *payload)
{
    size_t before = fixture.request_count;

    ck_assert_int_eq(crowd_get(who, target, NULL, NULL), EXCHANGE_ANSWERED);
    ck_assert_uint_eq(fixture.request_count, before);
    crowd_reply(who, 200);
    crowd_assert_body(who, payload);
}

void crowd_assert_miss(unsigned who, const char *target)
{
    size_t before = fixture.request_count;

    ck_assert_int_eq(crowd_get(who, target, NULL, NULL), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, before + 1);
}

void crowd_begin_change(unsigned who, const char *target)
{
    (void)crowd_prepare(who, HTTP_METHOD_PUT, target);
    ck_assert_int_eq(crowd_go(who, "on"), EXCHANGE_PARKED);
}

void crowd_answer_code(uint8_t code)
{
    const struct crowd_response response = {.code = code, .max_age = -1};

    crowd_answer(fixture.request_count, &response);
}
