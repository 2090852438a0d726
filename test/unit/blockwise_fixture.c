/* SPDX-License-Identifier: BSD-2-Clause */
#include "blockwise_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "block_option.h"

/*
 * blockwise_fixture: see the header. Check forks for each test, so the one world is fresh every
 * time.
 */

struct blockwise_world w;

enum { BYTES = 2 << 20 };

const uint8_t *some_bytes(void)
{
    static uint8_t bytes[BYTES];

    if (bytes[1] == 0)
        for (size_t i = 0; i < BYTES; i++)
            bytes[i] = (uint8_t)(i * 7 + (i >> 4) * 31 + (i >> 12) + 1);
    return bytes;
}

static void told_response(void *handle, const struct rest_message *response,
                          const struct request_report *report)
{
    struct job *job = handle;
    const struct rest_option *option = rest_find_option(response, REST_OPTION_CONTENT_FORMAT);
    uint32_t format;

    w.is_inside = false;
    job->responses++;
    job->report = *report;
    job->told_us = timers_now_us(w.timers);
    job->code = response->code;
    job->format = option != NULL && rest_option_uint(option, &format) ? (int)format : -1;
    ck_assert_ptr_null(rest_find_option(response, REST_OPTION_BLOCK1));
    ck_assert_ptr_null(rest_find_option(response, REST_OPTION_BLOCK2));
    option = rest_find_option(response, REST_OPTION_LOCATION_PATH);
    if (option != NULL)
        (void)snprintf(job->location, sizeof job->location, "%.*s", (int)option->length,
                       (const char *)option->value);
    for (size_t i = 1; i < response->option_count; i++)
        ck_assert_uint_le(response->options[i - 1].number, response->options[i].number);
    job->length = response->payload_length;
    job->body = malloc(job->length + 1);
    if (job->length > 0)
        memcpy(job->body, response->payload, job->length);
    w.is_inside = true;
}

static void told_failed(void *handle, enum request_failure failure,
                        const struct request_report *report)
{
    struct job *job = handle;

    job->failures++;
    job->failure = failure;
    job->report = *report;
    job->told_us = timers_now_us(w.timers);
}

static void told_overdue(void *handle, const struct request_report *report)
{
    struct job *job = handle;

    ck_assert_uint_eq(job->responses + job->failures, 0);
    job->overdues++;
    job->report = *report;
    job->told_us = timers_now_us(w.timers);
}

static const struct request_events recorder = {
    .response = told_response, .failed = told_failed, .overdue = told_overdue};

void blockwise_setup(void)
{
    memset(&w, 0, sizeof w);
    w.timers = timers_new();
    timers_set_now_us(w.timers, 1000000);
    random_sequence_init(&w.mids, 1);
    random_sequence_init(&w.tokens, 2);
    random_sequence_init(&w.tags, 3);
    fake_channel_init(&w.channel, w.timers);
    settings_init(&w.settings);
    struct request_layer_options options = {
        .message = {.timers = w.timers,
                    .random = random_sequence_source(&w.mids),
                    .channel = fake_channel_of(&w.channel),
                    .maximum_endpoints = 100},
        .token_random = random_sequence_source(&w.tokens),
        .maximum_requests = 20000,
    };
    w.requests = request_layer_new(&options);
    w.channel.core = message_layer_channel_events(request_layer_messages(w.requests));
    struct random_source random = random_sequence_source(&w.tags);
    w.capabilities = capability_table_new(w.timers, &random);
    struct blockwise_options blocks = {.timers = w.timers,
                                       .requests = w.requests,
                                       .capabilities = w.capabilities,
                                       .random = random,
                                       .memory = &w.memory};
    w.memory.maximum = 16 << 20;
    w.layer = blockwise_new(&blocks);
    ck_assert_ptr_nonnull(w.layer);
    w.node = fake_address(NODE);
    w.separate_mid = 40000;
}

void blockwise_teardown(void)
{
    blockwise_free(w.layer);
    ck_assert_uint_eq(w.memory.used, 0);
    ck_assert_uint_eq(request_layer_outstanding(w.requests), 0);
    request_layer_free(w.requests);
    capability_table_free(w.capabilities);
    for (unsigned i = 0; i < JOBS; i++)
        free(w.jobs[i].body);
    fake_channel_clear(&w.channel);
    timers_free(w.timers);
}

struct job *prepare(unsigned n, uint8_t code, const char *path, size_t length)
{
    struct job *job = &w.jobs[n];

    free(job->body);
    *job = (struct job){0};
    rest_request_init(&job->request);
    job->request.message.code = code;
    rest_request_add(&job->request, REST_OPTION_URI_PATH, path, strlen(path));
    job->request.message.payload = length > 0 ? some_bytes() : NULL;
    job->request.message.payload_length = length;
    job->spec = (struct blockwise_spec){.peer = w.node,
                                        .message = &job->request.message,
                                        .settings = &w.settings,
                                        .events = &recorder,
                                        .handle = job,
                                        .client = n,
                                        .maximum_body = 1 << 20};
    return job;
}

enum request_refusal begin(unsigned n)
{
    w.is_inside = true;
    enum request_refusal refusal = blockwise_start(w.layer, &w.jobs[n].spec, &w.jobs[n].id);
    w.is_inside = false;

    ck_assert((refusal == REQUEST_STARTED) == (w.jobs[n].id != 0));
    for (unsigned i = 0; i < JOBS; i++)
        ck_assert(w.jobs[i].id != 0 || w.jobs[i].responses + w.jobs[i].failures == 0);
    return refusal;
}

void start(unsigned n, uint8_t code, const char *path, size_t length)
{
    prepare(n, code, path, length);
    ck_assert_int_eq(begin(n), REQUEST_STARTED);
}

/* --- options as words --- */

static bool read_block_word(const char *word, uint32_t *value)
{
    struct block block;
    unsigned number, more, size, raw;

    if (sscanf(word, "%*[^=]=raw:%u", &raw) == 1) {
        *value = raw;
        return true;
    }
    ck_assert_int_eq(sscanf(word, "%*[^=]=%u/%u/%u", &number, &more, &size), 3);
    block = (struct block){.number = number, .more = more != 0, .szx = block_szx_within(size)};
    *value = block_value(&block);
    return true;
}

static void add_word(struct rest_request *message, const char *word)
{
    static const struct {
        const char *key;
        uint16_t number;
    } numbers[] = {{"size1=", REST_OPTION_SIZE1},       {"size2=", REST_OPTION_SIZE2},
                   {"cf=", REST_OPTION_CONTENT_FORMAT}, {"etag=", REST_OPTION_ETAG},
                   {"maxage=", REST_OPTION_MAX_AGE},    {"obs=", REST_OPTION_OBSERVE}};
    uint32_t value;

    if (strncmp(word, "b1=", 3) == 0 && read_block_word(word, &value)) {
        rest_request_add_uint(message, REST_OPTION_BLOCK1, value);
        return;
    }
    if (strncmp(word, "b2=", 3) == 0 && read_block_word(word, &value)) {
        rest_request_add_uint(message, REST_OPTION_BLOCK2, value);
        return;
    }
    if (strncmp(word, "loc=", 4) == 0) {
        rest_request_add(message, REST_OPTION_LOCATION_PATH, word + 4, strlen(word + 4));
        return;
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        size_t length = strlen(numbers[i].key);
        if (strncmp(word, numbers[i].key, length) == 0) {
            rest_request_add_uint(message, numbers[i].number,
                                  (uint32_t)strtoul(word + length, NULL, 10));
            return;
        }
    }
    ck_assert_msg(strcmp(word, "tag") == 0, "%s", word);
}

static void read_words(struct rest_request *message, const char *words)
{
    char word[40];
    int used;

    rest_request_init(message);
    while (sscanf(words, " %39s%n", word, &used) == 1) {
        add_word(message, word);
        words += used;
    }
}

/* --- the node --- */

static void check_option(const struct rest_message *wanted, uint16_t number)
{
    const struct rest_option *want = rest_find_option(wanted, number);
    const struct rest_option *have = rest_find_option(&w.current.message, number);
    uint32_t wanted_value = 0, value = 0;

    ck_assert_msg((want == NULL) == (have == NULL), "message %zu: option %u is %s", w.read - 1,
                  number, have == NULL ? "missing" : "there");
    if (want == NULL)
        return;
    rest_option_uint(want, &wanted_value);
    rest_option_uint(have, &value);
    ck_assert_msg(value == wanted_value, "message %zu: option %u is 0x%x, not 0x%x", w.read - 1,
                  number, value, wanted_value);
}

void expect(uint8_t code, const char *options, size_t offset, size_t length)
{
    static const uint16_t numbers[] = {REST_OPTION_BLOCK1, REST_OPTION_BLOCK2, REST_OPTION_SIZE1,
                                       REST_OPTION_SIZE2, REST_OPTION_OBSERVE};
    struct rest_request wanted;

    ck_assert_msg(w.read < w.channel.count, "no message %zu: %s", w.read, options);
    w.current = fake_channel_read(&w.channel, w.read++);
    read_words(&wanted, options);
    ck_assert_uint_eq(w.current.message.code, code);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        check_option(&wanted.message, numbers[i]);
    ck_assert((strstr(options, "tag") != NULL) == has_option(REST_OPTION_REQUEST_TAG, NULL));
    ck_assert_uint_eq(w.current.message.payload_length, length);
    if (length > 0)
        ck_assert_mem_eq(w.current.message.payload, some_bytes() + offset, length);
}

void expect_nothing(void)
{
    ck_assert_uint_eq(w.read, w.channel.count);
}

bool has_option(uint16_t number, const char *value)
{
    const struct rest_option *option = rest_find_option(&w.current.message, number);

    if (option == NULL || value == NULL)
        return option != NULL;
    return option->length == strlen(value) && memcmp(option->value, value, option->length) == 0;
}

static void send_response(enum pdu_type type, uint16_t mid, uint8_t code, const char *options,
                          size_t offset, size_t length)
{
    struct rest_request response;
    uint8_t bytes[1280];

    read_words(&response, options);
    response.message.code = code;
    response.message.payload = some_bytes() + offset;
    response.message.payload_length = length;
    size_t written = pdu_write(bytes, sizeof bytes, type, mid, w.current.token,
                               w.current.token_length, &response.message);
    ck_assert_uint_gt(written, 0);
    w.is_inside = true;
    w.channel.core.received(w.channel.core.handle, &w.node, bytes, written);
    w.is_inside = false;
}

void reply(uint8_t code, const char *options, size_t offset, size_t length)
{
    send_response(PDU_ACK, w.current.mid, code, options, offset, length);
}

void reply_separately(enum pdu_type type, uint8_t code, const char *options, size_t offset,
                      size_t length)
{
    send_response(type, w.separate_mid++, code, options, offset, length);
}

/* --- outcomes --- */

void expect_pending(unsigned n)
{
    ck_assert_uint_eq(w.jobs[n].responses + w.jobs[n].failures, 0);
}

void expect_response(unsigned n, uint8_t code, size_t length)
{
    const struct job *job = &w.jobs[n];

    ck_assert_msg(job->failures == 0, "failed: %d %s", (int)job->failure,
                  job->report.detail == NULL ? "" : job->report.detail);
    ck_assert_uint_eq(job->responses, 1);
    ck_assert_uint_eq(job->code, code);
    ck_assert_uint_eq(job->length, length);
    ck_assert_mem_eq(job->body, some_bytes(), length);
}

void expect_failure(unsigned n, enum request_failure failure, const char *detail)
{
    const struct job *job = &w.jobs[n];

    ck_assert_uint_eq(job->responses, 0);
    ck_assert_uint_eq(job->failures, 1);
    ck_assert_int_eq(job->failure, failure);
    if (detail == NULL)
        return;
    ck_assert_ptr_nonnull(job->report.detail);
    ck_assert_msg(strstr(job->report.detail, detail) != NULL, "%s", job->report.detail);
}
