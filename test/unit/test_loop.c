/* SPDX-License-Identifier: BSD-2-Clause */
#include "loop.h"

/* test_loop: what a turn does and in which order, on pipes and sockets of the test's own. */

#include <check.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SECOND_US = 1000000 };

static struct timers *timers;
static struct loop *loop;
static char story[64]; /* one letter for each thing that happened */

static void tell(char letter)
{
    size_t length = strlen(story);
    ck_assert_uint_lt(length + 1, sizeof story);
    story[length] = letter;
    story[length + 1] = '\0';
}

static void setup(void)
{
    timers = timers_new();
    ck_assert_ptr_nonnull(timers);
    loop = loop_new(timers);
    ck_assert_ptr_nonnull(loop);
    story[0] = '\0';
}

static void teardown(void)
{
    loop_free(loop);
    timers_free(timers);
}

static uint64_t clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND_US + (uint64_t)now.tv_nsec / 1000;
}

static void read_one(void *handle, unsigned events)
{
    const int *fd = handle;
    ck_assert_uint_eq(events, LOOP_READ);
    char c;
    ck_assert_int_eq(read(*fd, &c, 1), 1);
    tell('r');
}

static void timer_fired(void *handle)
{
    (void)handle;
    tell('t');
}

static bool hook_told(void *handle)
{
    const char *letter = handle;
    tell(*letter);
    return false;
}

START_TEST(a_turn_runs_descriptors_then_timers_then_hooks_in_order)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(write(fds[1], "x", 1), 1);
    char first = '1';
    char second = '2';
    ck_assert_int_eq(loop_add_turn_end(loop, hook_told, &first), 0);
    ck_assert_int_eq(loop_add_turn_end(loop, hook_told, &second), 0);
    struct timer timer;
    timer_init(&timer, timer_fired, NULL);
    timers_arm(timers, &timer, 0);
    struct loop_watch *watch = loop_watch(loop, fds[0], LOOP_READ, read_one, &fds[0]);
    ck_assert_ptr_nonnull(watch);
    ck_assert_int_eq(loop_turn(loop, SECOND_US), 0);
    ck_assert_str_eq(story, "rt12");
    loop_unwatch(watch);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

START_TEST(a_paused_watch_is_silent_until_it_is_resumed)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(write(fds[1], "x", 1), 1);
    struct loop_watch *watch = loop_watch(loop, fds[0], LOOP_READ, read_one, &fds[0]);
    loop_watch_pause(watch);
    loop_turn(loop, 0);
    ck_assert_str_eq(story, "");
    ck_assert_int_eq(loop_watch_resume(watch), 0);
    loop_turn(loop, SECOND_US);
    ck_assert_str_eq(story, "r");
    loop_unwatch(watch);
    loop_unwatch(NULL);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

struct doomed {
    struct loop_watch *watches[2];
};

static void unwatch_both(void *handle, unsigned events)
{
    (void)events;
    struct doomed *doomed = handle;
    tell('u');
    loop_unwatch(doomed->watches[0]);
    loop_unwatch(doomed->watches[1]);
}

START_TEST(a_callback_may_free_its_own_watch_and_another_that_is_ready)
{
    int fds[2][2];
    struct doomed doomed;
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pipe(fds[i]), 0);
        ck_assert_int_eq(write(fds[i][1], "x", 1), 1);
        doomed.watches[i] = loop_watch(loop, fds[i][0], LOOP_READ, unwatch_both, &doomed);
    }
    loop_turn(loop, SECOND_US);
    loop_turn(loop, 0);
    ck_assert_str_eq(story, "u");
    for (int i = 0; i < 2; i++) {
        close(fds[i][0]);
        close(fds[i][1]);
    }
}
END_TEST

START_TEST(a_deadline_ends_the_wait_and_not_before_its_time)
{
    struct timer timer;
    timer_init(&timer, timer_fired, NULL);
    uint64_t armed_us = timers_now_us(timers);
    timers_arm(timers, &timer, 20000);
    unsigned turns = 0;
    while (story[0] == '\0') {
        loop_turn(loop, 10 * SECOND_US);
        turns++;
    }
    ck_assert_uint_eq(turns, 1);
    ck_assert_uint_ge(timers_now_us(timers), armed_us + 20000);
    ck_assert_uint_lt(timers_now_us(timers), armed_us + 5 * SECOND_US);
}
END_TEST

START_TEST(a_timer_that_is_moved_wakes_at_its_new_time)
{
    struct timer timer;
    timer_init(&timer, timer_fired, NULL);
    timers_arm(timers, &timer, 3600 * UINT64_C(1000000));
    loop_turn(loop, 1000);
    ck_assert_str_eq(story, "");
    timers_arm(timers, &timer, 5000);
    loop_turn(loop, 10 * SECOND_US);
    ck_assert_str_eq(story, "t");
}
END_TEST

START_TEST(the_clock_stands_still_within_a_turn)
{
    uint64_t before_us = clock_us();
    loop_turn(loop, 3000);
    uint64_t now_us = timers_now_us(timers);
    ck_assert_uint_ge(now_us, before_us + 3000);
    ck_assert_uint_le(now_us, clock_us());
    while (clock_us() < now_us + 1000) {
    }
    ck_assert_uint_eq(timers_now_us(timers), now_us);
}
END_TEST

static bool hook_wants_more(void *handle)
{
    unsigned *left = handle;
    tell('h');
    if (*left == 0) {
        loop_stop(loop);
        return false;
    }
    (*left)--;
    return true;
}

START_TEST(a_hook_that_wants_another_turn_gets_it_and_starves_nobody)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(write(fds[1], "xyz", 3), 3);
    struct loop_watch *watch = loop_watch(loop, fds[0], LOOP_READ, read_one, &fds[0]);
    struct timer timer;
    timer_init(&timer, timer_fired, NULL);
    timers_arm(timers, &timer, 0);
    unsigned left = 2;
    ck_assert_int_eq(loop_add_turn_end(loop, hook_wants_more, &left), 0);
    ck_assert_int_eq(loop_run(loop), 0);
    ck_assert_str_eq(story, "rthrhrh");
    loop_unwatch(watch);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

START_TEST(descriptors_that_stay_ready_do_not_hold_up_timers)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(write(fds[1], "xxxx", 4), 4);
    struct loop_watch *watch = loop_watch(loop, fds[0], LOOP_READ, read_one, &fds[0]);
    struct timer timer;
    timer_init(&timer, timer_fired, NULL);
    timers_arm(timers, &timer, 0);
    loop_turn(loop, 0);
    loop_turn(loop, 0);
    ck_assert_str_eq(story, "rtr");
    loop_unwatch(watch);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

static void signal_told(void *handle, int number)
{
    (void)handle;
    ck_assert_int_eq(number, SIGHUP);
    tell('s');
}

START_TEST(a_signal_is_told_in_the_loop)
{
    ck_assert_int_eq(loop_signal(loop, SIGHUP, signal_told, NULL), 0);
    ck_assert_int_eq(raise(SIGHUP), 0);
    ck_assert_str_eq(story, "");
    loop_turn(loop, SECOND_US);
    ck_assert_str_eq(story, "s");
}
END_TEST

START_TEST(an_idle_loop_makes_no_wake_ups)
{
    int fds[2];
    ck_assert_int_eq(pipe(fds), 0);
    struct loop_watch *watch = loop_watch(loop, fds[0], LOOP_READ, read_one, &fds[0]);
    loop_turn(loop, 0);
    struct rusage before;
    struct rusage after;
    getrusage(RUSAGE_SELF, &before);
    /* a turn ends only when something was called back: one turn is one wake-up */
    ck_assert_int_eq(loop_turn(loop, 200000), 0);
    getrusage(RUSAGE_SELF, &after);
    ck_assert_int_le(after.ru_nvcsw - before.ru_nvcsw, 2);
    ck_assert_str_eq(story, "");
    loop_unwatch(watch);
    close(fds[0]);
    close(fds[1]);
}
END_TEST

/* A connected pair on loopback: reset needs TCP. */
static void connect_pair(int pair[2])
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_eq(connect(pair[0], (struct sockaddr *)&address, sizeof address), 0);
    pair[1] = accept(listener, NULL, NULL);
    ck_assert_int_ge(pair[1], 0);
    close(listener);
}

static void closed_told(void *handle, unsigned events)
{
    const int *fd = handle;
    ck_assert_uint_ne(events & LOOP_CLOSED, 0);
    char c;
    ssize_t count = recv(*fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);
    tell(count > 0 ? 'p' : count == 0 ? 'f' : 'e');
}

START_TEST(an_orderly_close_is_noticed)
{
    int pair[2];
    connect_pair(pair);
    struct loop_watch *watch = loop_watch(loop, pair[0], LOOP_CLOSED, closed_told, &pair[0]);
    loop_turn(loop, 0);
    ck_assert_str_eq(story, "");
    close(pair[1]);
    loop_turn(loop, SECOND_US);
    ck_assert_str_eq(story, "f");
    loop_unwatch(watch);
    close(pair[0]);
}
END_TEST

START_TEST(a_peer_that_closes_with_unread_data_is_noticed_once)
{
    int pair[2];
    connect_pair(pair);
    ck_assert_int_eq(send(pair[0], "unread", 6, 0), 6);
    struct loop_watch *watch = loop_watch(loop, pair[0], LOOP_CLOSED, closed_told, &pair[0]);
    close(pair[1]); /* with data unread: RST */
    loop_turn(loop, SECOND_US);
    ck_assert_str_eq(story, "e");
    loop_turn(loop, 20000);
    ck_assert_str_eq(story, "e"); /* no spinning on the error */
    loop_unwatch(watch);
    close(pair[0]);
}
END_TEST

START_TEST(a_pipelined_request_is_told_once_and_the_close_behind_it_too)
{
    int pair[2];
    connect_pair(pair);
    struct loop_watch *watch = loop_watch(loop, pair[0], LOOP_CLOSED, closed_told, &pair[0]);
    ck_assert_int_eq(send(pair[1], "GET", 3, 0), 3);
    loop_turn(loop, SECOND_US);
    loop_turn(loop, 20000);
    ck_assert_str_eq(story, "p");
    close(pair[1]);
    loop_turn(loop, SECOND_US);
    ck_assert_str_eq(story, "pp");
    loop_unwatch(watch);
    close(pair[0]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("loop");
    TCase *tcase = tcase_create("loop");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_turn_runs_descriptors_then_timers_then_hooks_in_order);
    tcase_add_test(tcase, a_paused_watch_is_silent_until_it_is_resumed);
    tcase_add_test(tcase, a_callback_may_free_its_own_watch_and_another_that_is_ready);
    tcase_add_test(tcase, a_deadline_ends_the_wait_and_not_before_its_time);
    tcase_add_test(tcase, a_timer_that_is_moved_wakes_at_its_new_time);
    tcase_add_test(tcase, the_clock_stands_still_within_a_turn);
    tcase_add_test(tcase, a_hook_that_wants_another_turn_gets_it_and_starves_nobody);
    tcase_add_test(tcase, descriptors_that_stay_ready_do_not_hold_up_timers);
    tcase_add_test(tcase, a_signal_is_told_in_the_loop);
    tcase_add_test(tcase, an_idle_loop_makes_no_wake_ups);
    tcase_add_test(tcase, an_orderly_close_is_noticed);
    tcase_add_test(tcase, a_peer_that_closes_with_unread_data_is_noticed_once);
    tcase_add_test(tcase, a_pipelined_request_is_told_once_and_the_close_behind_it_too);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
