/* SPDX-License-Identifier: BSD-2-Clause */
#include "observe_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * observe_fixture: see the header. What the layer does inside a call of it is marked in the world,
 * so that a test can make its allocations fail.
 */

struct observe_world o;

static void told_answered(void *handle, const struct rest_message *response,
                          const struct observe_report *report)
{
    struct watcher *watcher = handle;
    const struct rest_option *etag = rest_find_option(response, REST_OPTION_ETAG);

    w.is_inside = false;
    ck_assert_ptr_null(rest_find_option(response, REST_OPTION_OBSERVE));
    ck_assert_ptr_null(rest_find_option(response, REST_OPTION_BLOCK2));
    watcher->answers++;
    watcher->code = response->code;
    watcher->is_registered = report->is_registered;
    watcher->is_asked_for = report->is_asked_for;
    watcher->is_partial = report->request.is_partial;
    watcher->told_us = timers_now_us(w.timers);
    (void)snprintf(watcher->etag, sizeof watcher->etag, "%.*s", etag == NULL ? 0 : etag->length,
                   etag == NULL ? "" : (const char *)etag->value);
    free(watcher->body);
    watcher->length = response->payload_length;
    watcher->body = malloc(watcher->length + 1);
    if (watcher->length > 0)
        memcpy(watcher->body, response->payload, watcher->length);
    w.is_inside = true;
    if (watcher->action != NULL)
        watcher->action(watcher);
}

static void told_failed(void *handle, enum request_failure failure,
                        const struct request_report *report)
{
    struct watcher *watcher = handle;

    watcher->failures++;
    watcher->failure = failure;
    watcher->bad_option = report->bad_option;
    watcher->told_us = timers_now_us(w.timers);
    (void)snprintf(watcher->detail, sizeof watcher->detail, "%s",
                   report->detail == NULL ? "" : report->detail);
    if (watcher->action != NULL)
        watcher->action(watcher);
}

static void told_overdue(void *handle, const struct request_report *report)
{
    struct watcher *watcher = handle;

    (void)report;
    watcher->overdues++;
    watcher->told_us = timers_now_us(w.timers);
}

static const struct observe_events recorder = {
    .answered = told_answered, .failed = told_failed, .overdue = told_overdue};

void observe_setup(void)
{
    blockwise_setup();
    memset(&o, 0, sizeof o);
    random_sequence_init(&o.delays, 4);
    struct observe_options options = {.timers = w.timers,
                                      .requests = w.requests,
                                      .blockwise = w.layer,
                                      .capabilities = w.capabilities,
                                      .random = random_sequence_source(&o.delays),
                                      .memory = &w.memory};
    o.layer = observe_new(&options);
    ck_assert_ptr_nonnull(o.layer);
}

void observe_teardown(void)
{
    observe_free(o.layer);
    for (unsigned i = 0; i < WATCHERS; i++)
        free(o.watchers[i].body);
    blockwise_teardown();
}

struct watcher *prepare_watcher(unsigned n, const char *path)
{
    struct watcher *watcher = &o.watchers[n];

    free(watcher->body);
    *watcher = (struct watcher){0};
    rest_request_init(&watcher->request);
    watcher->request.message.code = REST_GET;
    rest_request_add(&watcher->request, REST_OPTION_URI_PATH, path, strlen(path));
    watcher->spec = (struct observe_spec){.peer = w.node,
                                          .message = &watcher->request.message,
                                          .settings = &w.settings,
                                          .events = &recorder,
                                          .handle = watcher,
                                          .client = n,
                                          .maximum_body = 1 << 20};
    return watcher;
}

enum request_refusal begin_watcher(unsigned n)
{
    struct watcher *watcher = &o.watchers[n];

    w.is_inside = true;
    enum request_refusal refusal = observe_start(o.layer, &watcher->spec, &watcher->id);
    w.is_inside = false;

    ck_assert((refusal == REQUEST_STARTED) == (watcher->id != 0));
    expect_told(n, 0, 0);
    return refusal;
}

void watch(unsigned n, const char *path, const char *options)
{
    prepare_watcher(n, path);
    ck_assert_int_eq(begin_watcher(n), REQUEST_STARTED);
    expect(REST_GET, options, 0, 0);
    o.watchers[n].registration = w.current;
}

void watch_answered(unsigned n, unsigned number, size_t length)
{
    char options[40];

    watch(n, "t", "obs=0");
    (void)snprintf(options, sizeof options, "obs=%u", number);
    reply(REST_CODE(2, 5), options, 0, length);
    expect_told(n, 1, 0);
    expect_answer(n, REST_CODE(2, 5), 0, length);
}

void expect_errand(unsigned n, const char *options)
{
    struct watcher *watcher = &o.watchers[n];
    const struct rest_option *path;

    expect(REST_GET, options, 0, 0);
    path = rest_find_option(&w.current.message, REST_OPTION_URI_PATH);
    ck_assert_ptr_nonnull(path);
    ck_assert_uint_eq(w.current.token_length, watcher->registration.token_length);
    ck_assert_mem_eq(w.current.token, watcher->registration.token, w.current.token_length);
    watcher->registration = w.current;
}

enum request_refusal renew(unsigned n)
{
    struct watcher before = o.watchers[n];

    w.is_inside = true;
    enum request_refusal refusal = observe_renew(o.layer, before.id);
    w.is_inside = false;
    expect_told(n, before.answers, before.failures);
    return refusal;
}

void cancel(unsigned n)
{
    w.is_inside = true;
    observe_cancel(o.layer, o.watchers[n].id);
    w.is_inside = false;
}

void notify(unsigned n, enum pdu_type type, uint8_t code, const char *options, size_t offset,
            size_t length)
{
    struct pdu current = w.current;

    w.current = o.watchers[n].registration;
    reply_separately(type, code, options, offset, length);
    w.current = current;
}

void expect_empty(enum pdu_type type)
{
    struct pdu empty;

    ck_assert_uint_lt(w.read, w.channel.count);
    empty = fake_channel_read(&w.channel, w.read++);
    ck_assert_int_eq(empty.type, type);
    ck_assert_uint_eq(empty.message.code, 0);
    ck_assert_uint_eq(empty.mid, w.separate_mid - 1);
}

void notify_expecting(unsigned n, enum pdu_type answer, const char *options, size_t offset,
                      size_t length)
{
    notify(n, PDU_CON, REST_CODE(2, 5), options, offset, length);
    expect_empty(answer);
}

void expect_told(unsigned n, unsigned answers, unsigned failures)
{
    ck_assert_uint_eq(o.watchers[n].answers, answers);
    ck_assert_uint_eq(o.watchers[n].failures, failures);
}

void expect_answer(unsigned n, uint8_t code, size_t offset, size_t length)
{
    const struct watcher *watcher = &o.watchers[n];

    ck_assert_uint_gt(watcher->answers, 0);
    ck_assert_uint_eq(watcher->code, code);
    ck_assert_uint_eq(watcher->length, length);
    if (length > 0)
        ck_assert_mem_eq(watcher->body, some_bytes() + offset, length);
}
