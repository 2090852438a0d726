/* SPDX-License-Identifier: BSD-2-Clause */
#include "observe_fake.h"

/*
 * Relations are never used twice, so that a test can look at one that has ended. Nothing happens by
 * itself, refreshing included.
 */

#include <check.h>
#include <string.h>

struct observe_fake observe_fake;

void observe_fake_reset(void)
{
    memset(&observe_fake, 0, sizeof observe_fake);
}

static struct relation *find(uint64_t id)
{
    struct relation *relation;

    if (id == 0 || id > observe_fake.count)
        return NULL;
    relation = &observe_fake.relations[id - 1];
    return relation->is_open ? relation : NULL;
}

enum request_refusal observe_start(struct observe *layer, const struct observe_spec *spec,
                                   uint64_t *id)
{
    struct relation *relation = &observe_fake.relations[observe_fake.count];

    (void)layer;
    if (observe_fake.refusal != REQUEST_STARTED)
        return observe_fake.refusal;
    observe_fake.is_faking = true;
    ck_assert_uint_lt(observe_fake.count, RELATIONS_MAX);
    rest_request_init(&relation->copy);
    relation->copy.message.code = spec->message->code;
    for (size_t i = 0; i < spec->message->option_count; i++) {
        const struct rest_option *option = &spec->message->options[i];

        ck_assert_int_eq(
            rest_request_add(&relation->copy, option->number, option->value, option->length), 0);
    }
    relation->peer = spec->peer;
    relation->settings = spec->settings;
    relation->events = spec->events;
    relation->handle = spec->handle;
    relation->client = spec->client;
    relation->is_peer_of_client = spec->is_peer_of_client;
    relation->is_open = relation->is_asking = true;
    relation->asked = 1;
    *id = ++observe_fake.count;
    observe_fake.is_faking = false;
    return REQUEST_STARTED;
}

enum request_refusal observe_renew(struct observe *layer, uint64_t id)
{
    struct relation *relation = find(id);

    (void)layer;
    if (relation == NULL || relation->is_asking)
        return REQUEST_STARTED;
    if (observe_fake.refusal != REQUEST_STARTED)
        return observe_fake.refusal;
    relation->is_asking = true;
    relation->is_refreshed = false;
    relation->asked++;
    return REQUEST_STARTED;
}

void observe_forget_etag(struct observe *layer, uint64_t id)
{
    struct relation *relation = find(id);

    (void)layer;
    if (relation != NULL)
        relation->forgets = true;
}

static void end(uint64_t id, bool is_told)
{
    struct relation *relation = find(id);

    if (relation == NULL)
        return;
    relation->is_open = relation->is_asking = false;
    relation->was_told = is_told;
}

void observe_cancel(struct observe *layer, uint64_t id)
{
    (void)layer;
    end(id, true);
}

void observe_drop(struct observe *layer, uint64_t id)
{
    (void)layer;
    end(id, false);
}

struct relation *relation_last(void)
{
    observe_fake.is_faking = true;
    ck_assert_uint_gt(observe_fake.count, 0);
    observe_fake.is_faking = false;
    return &observe_fake.relations[observe_fake.count - 1];
}

size_t relations_open(void)
{
    size_t count = 0;

    for (size_t i = 0; i < observe_fake.count; i++)
        count += observe_fake.relations[i].is_open;
    return count;
}

void relation_answer(struct relation *relation, const struct relation_answer *answer)
{
    static struct rest_request response;
    struct observe_report report = {
        .is_registered = !answer->is_not_observed,
        .is_asked_for = relation->is_asking,
        .request = {.transmissions = 1, .elapsed_us = 12300, .round_trip_us = 12000},
    };
    int failed = 0;

    observe_fake.is_faking = true;
    ck_assert(relation->is_open);
    rest_request_init(&response);
    response.message.code = answer->code == 0 ? REST_CODE(2, 5) : answer->code;
    if (answer->etag != NULL)
        failed |= rest_request_add(&response, REST_OPTION_ETAG, answer->etag, strlen(answer->etag));
    if (answer->max_age >= 0)
        failed |= rest_request_add_uint(&response, REST_OPTION_MAX_AGE, (uint32_t)answer->max_age);
    if (answer->echo != NULL)
        failed |= rest_request_add(&response, REST_OPTION_ECHO, answer->echo, strlen(answer->echo));
    if (answer->is_text || answer->format != 0)
        failed |= rest_request_add_uint(&response, REST_OPTION_CONTENT_FORMAT,
                                        answer->is_text ? 0 : (uint32_t)answer->format);
    ck_assert_int_eq(failed, 0);
    response.message.payload = (const uint8_t *)answer->payload;
    response.message.payload_length = answer->payload == NULL ? 0 : strlen(answer->payload);
    if (REST_CODE_CLASS(response.message.code) != 2)
        report.is_registered = false;
    relation->is_asking = false;
    relation->is_refreshed = report.is_registered;
    observe_fake.is_faking = false;
    relation->events->answered(relation->handle, &response.message, &report);
}

void relation_value(struct relation *relation, const char *payload, int max_age)
{
    relation_answer(relation, &(struct relation_answer){.payload = payload, .max_age = max_age});
}

void relation_due(struct relation *relation)
{
    observe_fake.is_faking = true;
    ck_assert(relation->is_open && relation->is_refreshed);
    relation->is_refreshed = false;
    observe_fake.is_faking = false;
    relation->events->due(relation->handle);
}

void relation_fail(struct relation *relation, enum request_failure failure,
                   const struct request_report *report)
{
    observe_fake.is_faking = true;
    ck_assert(relation->is_open && relation->is_asking);
    observe_fake.is_faking = false;
    relation->is_asking = relation->is_refreshed = false;
    relation->events->failed(relation->handle, failure, report);
}
