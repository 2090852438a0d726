/* SPDX-License-Identifier: BSD-2-Clause */
#include "stream.h"

/* test_stream_chance: clients, nodes, names, time and memory do anything, in any order. Nothing is
 * left in the end, and who still has a stream then sees the last value. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core_private.h"
#include "policy.h"
#include "stream_fixture.h"
#include "stream_private.h"

enum { CLIENTS = 12, STEPS = 400, WORLDS = 60 };

static struct client clients[CLIENTS];
static bool sees_end[CLIENTS];
static struct random_sequence doings;
static unsigned long fails_at; /* 0: none fails; 1: the next one */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_emalloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

static bool may_allocate(void)
{
    return fails_at == 0 || --fails_at > 0;
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

/* What Check notes of each assertion never fails. */
void *__wrap_emalloc(size_t size)
{
    return __real_malloc(size);
}

static unsigned pick(unsigned count)
{
    struct random_source source = random_sequence_source(&doings);

    return random_below(&source, count);
}

static void set_up(void)
{
    fails_at = 0;
    streaming_set_up();
    for (unsigned i = 0; i < CLIENTS; i++)
        client_init(&clients[i], "");
}

static void tear_down(void)
{
    fails_at = 0;
    for (unsigned i = 0; i < CLIENTS; i++)
        client_leave(&clients[i]);
    streaming_tear_down();
}

static void ask(struct client *client)
{
    static const char *const targets[] = {
        "/nodes/kitchen/a",
        "/nodes/kitchen/a",
        "/nodes/kitchen/%61",
        "/nodes/kitchen/b",
        "/nodes/hall/c",
        "/kitchen/light",
        "/hc/coap://192.0.2.9/light",
        "/events?target=/nodes/kitchen/a&target=/nodes/hall/c",
        "/events?match=/kitchen/*&target=/nodes/nobody/x",
        "/events?target=/nodes/kitchen/b&target=coap://198.51.100.1/x",
        "/events?target=/nodes/far/d&target=/nodes/kitchen/a",
        "/nodes/far/d",
    };
    /* The fixture has room for few questions. */
    unsigned count = sizeof targets / sizeof targets[0];

    client_leave(client);
    client_init(client, targets[pick(fixture.question_count < 10 ? count : count - 2)]);
    if (pick(4) == 0)
        client->fields[0].value = "text/event-stream, application/cbor;q=0.5, text/plain;q=0.1";
    client->closes_when_told = pick(5) == 0;
    if (pick(3) == 0)
        client->request.roles |= ROLE_WRITE;
    if (client_go(client) == EXCHANGE_NO_MEMORY)
        client->exchange = 0;
}

static void go_on(struct client *client)
{
    const struct http_reply *reply;

    if (client->stream != NULL) {
        (void)client_read_by(client, pick(2) == 0 ? 7 : 1000);
        if (client->is_over)
            client_leave(client);
        return;
    }
    if (client->exchange == 0)
        return;
    reply = exchange_reply(fixture.core, client->exchange);
    if (reply != NULL && reply->status == 200)
        client_take(client);
    else if (reply != NULL)
        client_leave(client);
}

static void say_something(struct relation *relation)
{
    static const uint8_t codes[] = {REST_CODE(4, 4), REST_CODE(4, 6), REST_CODE(5, 0),
                                    REST_CODE(5, 3)};
    static const struct request_report report = {.transmissions = 1, .was_heard = true};
    struct relation_answer answer = {.payload = "v", .max_age = (int)pick(30), .is_text = true};

    if (!relation->is_open)
        return;
    switch (pick(10)) {
    case 0:
        answer.code = codes[pick(4)];
        break;
    case 1:
        if (relation->is_asking)
            relation_fail(relation, pick(2) == 0 ? REQUEST_RESET : REQUEST_UNREACHABLE, &report);
        return;
    case 2:
        answer.is_not_observed = true;
        break;
    case 3:
        answer.is_text = false;
        break;
    default:
        break;
    }
    relation_answer(relation, &answer);
}

static void do_something(void)
{
    struct client *client = &clients[pick(CLIENTS)];

    switch (pick(12)) {
    case 0:
    case 1:
        ask(client);
        break;
    case 2:
        if (pick(3) == 0)
            client_leave(client);
        break;
    case 3:
    case 4:
    case 5:
        go_on(client);
        break;
    case 6:
        fixture_advance(pick(5) == 0 ? pick(70000) : pick(3000));
        break;
    case 7:
        fixture_resolve(pick(4) == 0 ? NULL : "192.0.2.77", NULL);
        break;
    case 8:
        fixture_advance(0);
        break;
    default:
        if (observe_fake.count > 0)
            say_something(&observe_fake.relations[pick((unsigned)observe_fake.count)]);
    }
}

static void end_round(const char *text)
{
    fixture_resolve("192.0.2.77", NULL);
    fixture_advance(61000);
    for (size_t i = 0; i < observe_fake.count; i++)
        if (observe_fake.relations[i].is_open)
            node_tells(&observe_fake.relations[i], text);
    fixture_advance(0);
    for (unsigned i = 0; i < CLIENTS; i++) {
        struct client *client = &clients[i];

        client->closes_when_told = false;
        if (client->stream == NULL)
            go_on(client);
        if (client->stream != NULL)
            sees_end[i] |= strstr(client_read(client), text) != NULL;
    }
    (void)core_reap(fixture.core);
}

START_TEST(whatever_happens_nothing_is_left_and_the_newest_is_seen)
{
    random_sequence_init(&doings, (uint64_t)_i + 1);
    memset(sees_end, 0, sizeof sees_end);
    for (unsigned i = 0; i < STEPS && observe_fake.count < RELATIONS_MAX - 50; i++) {
        fails_at = pick(6) == 0 ? 1 + pick(12) : 0;
        do_something();
        fails_at = 0;
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        if (clients[i].closes_when_told)
            client_leave(&clients[i]);
    end_round("end1");
    end_round("end2");
    memset(sees_end, 0, sizeof sees_end);
    end_round("last");
    for (unsigned i = 0; i < CLIENTS; i++)
        ck_assert_msg(clients[i].stream == NULL || clients[i].is_over || sees_end[i],
                      "world %d, %s: %s", _i, clients[i].request.target, clients[i].text);
    if (_i % 2 == 0) {
        core_set_draining(fixture.core);
        fixture_advance(0);
        for (unsigned i = 0; i < CLIENTS; i++)
            if (clients[i].stream != NULL) {
                (void)client_read(&clients[i]);
                ck_assert(clients[i].is_over);
            }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream_chance");
    TCase *all = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_set_timeout(all, 60);
    tcase_add_loop_test(all, whatever_happens_nothing_is_left_and_the_newest_is_seen, 0, WORLDS);
    suite_add_tcase(suite, all);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
