/* SPDX-License-Identifier: BSD-2-Clause */
#include "observe.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "observe_fixture.h"

/*
 * Tests of relations where something is short: memory, places in a queue, time between two
 * notifications.
 */

enum { CONTENT = REST_CODE(2, 5) };

/* --- allocation --- */

/* The n-th allocation of the layers fails, and all after it; 0: none does. */
static unsigned long fails_at;
/* What the layers allocated. */
static unsigned long allocations;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

static bool may_allocate(void)
{
    if (!w.is_inside)
        return true;
    allocations++;
    if (fails_at == 0)
        return true;
    if (fails_at == 1)
        return false;
    fails_at--;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return may_allocate() ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *block, size_t size)
{
    return may_allocate() ? __real_realloc(block, size) : NULL;
}

/* The channel of the test has its memory from now on. */
static void use_channel(void)
{
    for (unsigned i = 0; i < 40; i++) {
        start(0, REST_GET, "t", 0);
        expect(REST_GET, "", 0, 0);
        reply(CONTENT, "", 0, 1);
    }
    fake_channel_forget(&w.channel);
    w.read = 0;
}

static void set_up(void)
{
    fails_at = 0;
    observe_setup();
}

START_TEST(a_registration_that_finds_no_memory_is_refused)
{
    enum request_refusal refusal;
    unsigned long at = 0;

    use_channel();
    do {
        prepare_watcher(0, "t");
        fails_at = ++at;
        refusal = begin_watcher(0);
        fails_at = 0;
        if (refusal != REQUEST_STARTED)
            ck_assert_int_eq(refusal, REQUEST_NO_MEMORY);
        if (refusal != REQUEST_STARTED)
            ck_assert_uint_eq(observe_count(o.layer), 0);
    } while (refusal != REQUEST_STARTED);
    ck_assert_uint_gt(at, 4);
    expect(REST_GET, "obs=0", 0, 0);
    reply(CONTENT, "obs=1", 0, 5);
    expect_told(0, 1, 0);
}
END_TEST

START_TEST(a_notification_whose_blocks_find_no_memory_is_a_failure)
{
    char options[40];
    unsigned at = 0;

    use_channel();
    watch_answered(0, 1, 5);
    do {
        unsigned failures = o.watchers[0].failures;

        fails_at = ++at;
        (void)snprintf(options, sizeof options, "obs=%u b2=0/1/64", 1 + at);
        notify(0, PDU_CON, CONTENT, options, 0, 64);
        fails_at = 0;
        if (o.watchers[0].failures == failures)
            break;
        ck_assert_uint_eq(o.watchers[0].failures, failures + 1);
        ck_assert_int_eq(o.watchers[0].failure, REQUEST_OUT_OF_MEMORY);
        expect_empty(PDU_ACK);
    } while (true);
    ck_assert_uint_gt(at, 2);
    expect(REST_GET, "b2=1/0/64", 0, 0);
    struct pdu block = w.current;
    expect_empty(PDU_ACK);
    w.current = block;
    reply(CONTENT, "b2=1/0/64", 64, 5);
    expect_answer(0, CONTENT, 0, 69);
}
END_TEST

START_TEST(a_deregistration_that_finds_no_memory_is_left_to_resets)
{
    for (unsigned at = 1; at < 4; at++) {
        watch_answered(0, 1, 5);
        fails_at = at;
        cancel(0);
        fails_at = 0;
        ck_assert_uint_eq(observe_count(o.layer), 0);
        if (w.read < w.channel.count) {
            expect_errand(0, "obs=1");
            reply(CONTENT, "", 0, 5);
        }
        notify_expecting(0, PDU_RST, "obs=9", 0, 5);
    }
}
END_TEST

START_TEST(a_refresh_that_finds_no_memory_is_made_up_for)
{
    watch(0, "t", "obs=0");
    reply(CONTENT, "obs=1 maxage=1", 0, 5);
    w.is_inside = true;
    fails_at = 1;
    clock_advance(w.timers, 16000);
    fails_at = 0;
    w.is_inside = false;
    expect_nothing();
    expect_told(0, 1, 0);
    clock_advance(w.timers, 15000);
    expect_errand(0, "obs=0");
    reply(CONTENT, "obs=2", 0, 5);
    expect_told(0, 2, 0);
}
END_TEST

/* --- floods --- */

START_TEST(a_flood_of_notifications_takes_no_memory)
{
    char options[40];
    unsigned number = 1;

    watch_answered(0, 0, 5);
    /* Copies are remembered by then. */
    for (unsigned i = 0; i < 2000; i++) {
        (void)snprintf(options, sizeof options, "obs=%u", number++);
        notify(0, i % 2 == 0 ? PDU_CON : PDU_NON, CONTENT, options, 0, 5);
        clock_advance(w.timers, 1);
    }
    fake_channel_forget(&w.channel);
    allocations = 0;
    size_t memory = w.memory.used;
    for (unsigned i = 0; i < 10000; i++) {
        (void)snprintf(options, sizeof options, "obs=%u", number++);
        notify(0, i % 2 == 0 ? PDU_CON : PDU_NON, CONTENT, options, 0, 1000);
        clock_advance(w.timers, 1);
        if (i % 2 == 0)
            ck_assert_int_eq(fake_channel_read(&w.channel, w.channel.count - 1).type, PDU_ACK);
        if (w.channel.count == 500)
            fake_channel_forget(&w.channel);
    }
    expect_told(0, 12001, 0);
    ck_assert_uint_eq(allocations, 0);
    ck_assert_uint_eq(w.memory.used, memory);
}
END_TEST

START_TEST(a_flood_of_first_blocks_has_one_request_under_way)
{
    char options[40];

    watch_answered(0, 0, 5);
    size_t memory = 0;
    for (unsigned i = 1; i <= 5000; i++) {
        (void)snprintf(options, sizeof options, "obs=%u b2=0/1/64", i);
        notify(0, PDU_NON, CONTENT, options, 0, 64);
        clock_advance(w.timers, 1);
        memory = i == 100 ? w.memory.used : memory;
        ck_assert_uint_eq(blockwise_count(w.layer), 1);
        ck_assert_uint_le(request_layer_outstanding(w.requests), 2);
    }
    ck_assert_uint_eq(w.memory.used, memory);
    /* the first one, and again where it was lost */
    for (; w.read < w.channel.count;)
        expect(REST_GET, "b2=1/0/64", 0, 0);
    reply(CONTENT, "b2=1/0/64", 64, 1);
    expect_told(0, 1, 0);
    expect(REST_GET, "b2=1/0/64", 0, 0);
    reply(CONTENT, "b2=1/0/64", 64, 1);
    expect_told(0, 2, 0);
}
END_TEST

/* --- places --- */

START_TEST(a_full_queue_refuses_a_registration_and_puts_a_refresh_off)
{
    w.settings.queue_per_node = 1;
    watch(0, "t", "obs=0");
    reply(CONTENT, "obs=1 maxage=1", 0, 5);
    start(0, REST_GET, "other", 0);
    expect(REST_GET, "", 0, 0);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_ACK, 1);
    /* of the same client: others could displace it */
    prepare(1, REST_GET, "other", 0)->spec.client = 0;
    ck_assert_int_eq(begin(1), REQUEST_STARTED);
    prepare_watcher(1, "u")->spec.client = 0;
    ck_assert_int_eq(begin_watcher(1), REQUEST_QUEUE_FULL);
    ck_assert_int_eq(renew(0), REQUEST_QUEUE_FULL);
    expect_told(0, 1, 0);
    /* The end of a relation is not refused. */
    cancel(0);
    reply(CONTENT, "", 0, 5);
    expect_errand(0, "obs=1");
}
END_TEST

START_TEST(an_etag_for_which_there_is_no_room_is_left_out)
{
    struct watcher *watcher = prepare_watcher(0, "t");
    uint8_t text[255] = {0};

    /* 1152 bytes in all: 4 of header, 8 of token, 2 of path, 1 of Observe; 4 x (255 + 2) and one
     * more, each with 2 or 3 bytes before it */
    for (unsigned i = 0; i < 4; i++)
        rest_request_add(&watcher->request, REST_OPTION_URI_QUERY, text, sizeof text);
    rest_request_add(&watcher->request, REST_OPTION_URI_QUERY, text, 104);
    ck_assert_uint_le(rest_options_size(&watcher->request.message), 1152 - 12 - 1);
    ck_assert_uint_gt(rest_options_size(&watcher->request.message), 1152 - 12 - 1 - 9);
    ck_assert_int_eq(begin_watcher(0), REQUEST_STARTED);
    expect(REST_GET, "obs=0", 0, 0);
    watcher->registration = w.current;
    reply(CONTENT, "obs=1 etag=1684234849", 0, 5);
    ck_assert_str_eq(watcher->etag, "dcba");
    ck_assert_int_eq(renew(0), REQUEST_STARTED);
    expect_errand(0, "obs=0");
    ck_assert(!has_option(REST_OPTION_ETAG, NULL));
}
END_TEST

START_TEST(more_options_than_a_message_can_have_are_refused)
{
    struct watcher *watcher = prepare_watcher(0, "t");

    while (watcher->request.message.option_count < REST_OPTIONS_MAX)
        rest_request_add(&watcher->request, REST_OPTION_URI_QUERY, "a", 1);
    ck_assert_int_eq(begin_watcher(0), REQUEST_TOO_LONG);
    rest_request_remove(&watcher->request, REST_OPTION_URI_PATH);
    ck_assert_int_eq(begin_watcher(0), REQUEST_STARTED);
    observe_drop(o.layer, watcher->id);
    /* beside a wish for smaller blocks */
    w.settings.block_size = 64;
    ck_assert_int_eq(begin_watcher(0), REQUEST_TOO_LONG);
    ck_assert_uint_eq(observe_count(o.layer), 0);
}
END_TEST

static unsigned dues;

static void count_due(void *handle)
{
    (void)handle;
    dues++;
}

START_TEST(who_wants_to_be_asked_is_told_that_a_refresh_is_due)
{
    struct observe_events events = *prepare_watcher(0, "t")->spec.events;

    dues = 0;
    events.due = count_due;
    o.watchers[0].spec.events = &events;
    ck_assert_int_eq(begin_watcher(0), REQUEST_STARTED);
    expect(REST_GET, "obs=0", 0, 0);
    o.watchers[0].registration = w.current;
    reply(CONTENT, "obs=1 maxage=1", 0, 5);
    clock_advance(w.timers, 16000);
    ck_assert_uint_eq(dues, 1);
    clock_advance(w.timers, 1000000);
    ck_assert_uint_eq(dues, 1);
    expect_nothing();
    ck_assert_int_eq(renew(0), REQUEST_STARTED);
    expect_errand(0, "obs=0");
    reply(CONTENT, "obs=2 maxage=1", 0, 5);
    clock_advance(w.timers, 16000);
    ck_assert_uint_eq(dues, 2);
    observe_drop(o.layer, o.watchers[0].id);
}
END_TEST

START_TEST(more_peers_than_can_be_remembered_are_refused)
{
    for (uint16_t i = 0; i < 100; i++) {
        w.node = fake_address((uint16_t)(10000 + i));
        prepare_watcher(0, "t");
        ck_assert_int_eq(begin_watcher(0), REQUEST_STARTED);
    }
    w.node = fake_address(20000);
    prepare_watcher(1, "t");
    ck_assert_int_eq(begin_watcher(1), REQUEST_TOO_MANY_PEERS);
    ck_assert_uint_eq(observe_count(o.layer), 100);
}
END_TEST

START_TEST(a_peer_is_remembered_as_long_as_it_is_watched)
{
    struct message_layer *messages = request_layer_messages(w.requests);

    watch(0, "t", "obs=0");
    reply(CONTENT, "obs=1 maxage=1000000", 0, 5);
    clock_advance(w.timers, 900000000);
    ck_assert_uint_eq(message_layer_endpoint_count(messages), 1);
    notify_expecting(0, PDU_ACK, "obs=2", 0, 6);
    expect_told(0, 2, 0);
    cancel(0);
    expect_errand(0, "obs=1");
    reply(CONTENT, "", 0, 5);
    clock_advance(w.timers, 1000000);
    ck_assert_uint_eq(message_layer_endpoint_count(messages), 0);
}
END_TEST

/* --- anything --- */

static struct random_sequence doings;

static unsigned pick(unsigned count)
{
    struct random_source source = random_sequence_source(&doings);

    return random_below(&source, count);
}

/* A message with the token of one of the requests that were sent last. */
static void say_something(void)
{
    static const enum pdu_type types[] = {PDU_ACK, PDU_ACK, PDU_CON, PDU_NON};
    static const uint8_t codes[] = {CONTENT,         CONTENT,         CONTENT,
                                    REST_CODE(2, 3), REST_CODE(4, 4), REST_CODE(2, 4)};
    static const char *const options[] = {
        "obs=1",           "obs=2 maxage=1",   "obs=2 b2=0/1/64 etag=1",
        "obs=3 b2=0/1/64", "b2=0/1/64 etag=2", "b2=1/0/64 etag=1",
        "b2=1/1/64",       "b2=1/0/64",        "",
        "etag=1"};
    const char *words = options[pick(10)];
    unsigned back = 1 + pick(6);

    if (w.channel.count < back)
        return;
    w.current = fake_channel_read(&w.channel, w.channel.count - back);
    if (w.current.message.code == 0)
        return;
    enum pdu_type type = types[pick(4)];
    uint8_t code = codes[pick(6)];
    size_t length = strstr(words, "/64") != NULL ? 64 : 5;

    if (pick(20) == 0)
        fake_channel_deliver_empty(&w.channel, &w.node, pick(2) == 0 ? PDU_RST : PDU_ACK,
                                   w.current.mid);
    else if (type == PDU_ACK)
        reply(code, words, 0, length);
    else
        reply_separately(type, code, words, 0, length);
}

static void act_somehow(struct watcher *watcher)
{
    switch (pick(12)) {
    case 0:
        observe_cancel(o.layer, watcher->id);
        break;
    case 1:
        observe_drop(o.layer, watcher->id);
        break;
    case 2:
        (void)observe_renew(o.layer, watcher->id);
        break;
    case 3:
        observe_forget_etag(o.layer, watcher->id);
        break;
    default:
        break;
    }
}

static void do_something(void)
{
    unsigned n = pick(WATCHERS);

    switch (pick(10)) {
    case 0:
        observe_cancel(o.layer, o.watchers[n].id);
        prepare_watcher(n, "t")->action = act_somehow;
        (void)begin_watcher(n);
        break;
    case 1:
        w.is_inside = true;
        act_somehow(&o.watchers[n]);
        w.is_inside = false;
        break;
    case 2:
        w.is_inside = true;
        clock_advance(w.timers, pick(4) == 0 ? pick(100000) : pick(3000));
        w.is_inside = false;
        break;
    default:
        say_something();
    }
}

START_TEST(whatever_happens_nothing_is_left_behind)
{
    random_sequence_init(&doings, (uint64_t)_i + 1);
    use_channel();
    for (unsigned i = 0; i < 1500; i++) {
        /* The channel of the test has room, so that only the layers run short. */
        if (w.channel.count > 30)
            fake_channel_forget(&w.channel);
        fails_at = pick(8) == 0 ? 1 + pick(6) : 0;
        do_something();
        fails_at = 0;
    }
    for (unsigned n = 0; n < WATCHERS; n++)
        observe_cancel(o.layer, o.watchers[n].id);
    ck_assert_uint_eq(observe_count(o.layer), 0);
    /* What was told to somebody who has left would have crashed. */
    clock_advance(w.timers, 10000000);
    ck_assert_uint_eq(request_layer_outstanding(w.requests), 0);
    ck_assert_uint_eq(blockwise_count(w.layer), 0);
    ck_assert_uint_eq(w.memory.used, 0);
    ck_assert_uint_eq(message_layer_endpoint_count(request_layer_messages(w.requests)), 0);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("observe_limits");
    TCase *limits = tcase_create("limits");

    tcase_set_timeout(limits, 60);
    tcase_add_checked_fixture(limits, set_up, observe_teardown);
    suite_add_tcase(suite, limits);
    tcase_add_test(limits, a_registration_that_finds_no_memory_is_refused);
    tcase_add_test(limits, a_notification_whose_blocks_find_no_memory_is_a_failure);
    tcase_add_test(limits, a_deregistration_that_finds_no_memory_is_left_to_resets);
    tcase_add_test(limits, a_refresh_that_finds_no_memory_is_made_up_for);
    tcase_add_test(limits, a_flood_of_notifications_takes_no_memory);
    tcase_add_test(limits, a_flood_of_first_blocks_has_one_request_under_way);
    tcase_add_test(limits, a_full_queue_refuses_a_registration_and_puts_a_refresh_off);
    tcase_add_test(limits, an_etag_for_which_there_is_no_room_is_left_out);
    tcase_add_test(limits, more_options_than_a_message_can_have_are_refused);
    tcase_add_test(limits, who_wants_to_be_asked_is_told_that_a_refresh_is_due);
    tcase_add_test(limits, more_peers_than_can_be_remembered_are_refused);
    tcase_add_test(limits, a_peer_is_remembered_as_long_as_it_is_watched);
    tcase_add_loop_test(limits, whatever_happens_nothing_is_left_behind, 0, 20);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(make_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
