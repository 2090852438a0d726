/* SPDX-License-Identifier: BSD-2-Clause */
#include "helper_thread.h"

/* test_helper_thread: jobs go there and come back in the loop; the limit; freeing with jobs out. */

#include <check.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "loop.h"
#include "timers.h"

enum { SECOND_US = 1000000, LIMIT = 64 };

static struct timers *timers;
static struct loop *loop;
static struct helper_thread *helper;
static pthread_t loop_thread;
static unsigned done_count;

struct test_job {
    struct helper_job job;
    sem_t *gate;    /* or NULL: waits for it while at work */
    sem_t *at_work; /* or NULL: told when the work begins */
    int number;
    int square;
    bool worked_elsewhere;
    bool signals_blocked;
    bool has_worked;
};

static void job_work(struct helper_job *job)
{
    struct test_job *test_job = (struct test_job *)job;
    if (test_job->at_work != NULL) {
        sem_post(test_job->at_work);
    }
    if (test_job->gate != NULL) {
        sem_wait(test_job->gate);
    }
    sigset_t blocked;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    test_job->signals_blocked = sigismember(&blocked, SIGTERM) && sigismember(&blocked, SIGHUP);
    test_job->worked_elsewhere = !pthread_equal(pthread_self(), loop_thread);
    test_job->square = test_job->number * test_job->number;
    test_job->has_worked = true;
}

static void job_done(struct helper_job *job)
{
    struct test_job *test_job = (struct test_job *)job;
    ck_assert(pthread_equal(pthread_self(), loop_thread));
    if (test_job->has_worked) {
        ck_assert_int_eq(test_job->square, test_job->number * test_job->number);
    }
    done_count++;
}

static void job_init(struct test_job *job, int number, sem_t *gate)
{
    *job = (struct test_job){
        .job = {.work = job_work, .done = job_done}, .number = number, .gate = gate};
}

static void setup(void)
{
    loop_thread = pthread_self();
    timers = timers_new();
    loop = loop_new(timers);
    helper = helper_thread_new(loop);
    ck_assert_ptr_nonnull(helper);
    done_count = 0;
}

static void teardown(void)
{
    helper_thread_free(helper);
    loop_free(loop);
    timers_free(timers);
}

static void wait_for(unsigned count)
{
    for (int turns = 0; done_count < count && turns < 1000; turns++) {
        loop_turn(loop, SECOND_US);
    }
    ck_assert_uint_eq(done_count, count);
}

START_TEST(a_job_is_worked_in_the_thread_and_done_in_the_loop)
{
    struct test_job job;
    job_init(&job, 12, NULL);
    ck_assert(helper_thread_submit(helper, &job.job));
    ck_assert_uint_eq(done_count, 0);
    wait_for(1);
    ck_assert_int_eq(job.square, 144);
    ck_assert(job.worked_elsewhere);
    ck_assert(job.signals_blocked);
}
END_TEST

START_TEST(sixty_four_jobs_are_held_and_no_more)
{
    sem_t gate;
    sem_init(&gate, 0, 0);
    static struct test_job jobs[LIMIT + 1];
    for (int i = 0; i <= LIMIT; i++) {
        job_init(&jobs[i], i, &gate);
        ck_assert(helper_thread_submit(helper, &jobs[i].job) == (i < LIMIT));
    }
    for (int i = 0; i <= LIMIT; i++) {
        sem_post(&gate);
    }
    wait_for(LIMIT);
    ck_assert(helper_thread_submit(helper, &jobs[LIMIT].job));
    wait_for(LIMIT + 1);
    sem_destroy(&gate);
}
END_TEST

START_TEST(freeing_finishes_the_running_job_and_gives_all_jobs_back)
{
    sem_t gate;
    sem_t at_work;
    sem_init(&gate, 0, 0);
    sem_init(&at_work, 0, 0);
    static struct test_job jobs[10];
    for (int i = 0; i < 10; i++) {
        job_init(&jobs[i], i, i == 1 ? &gate : NULL);
        jobs[i].at_work = i == 1 ? &at_work : NULL;
        ck_assert(helper_thread_submit(helper, &jobs[i].job));
    }
    wait_for(1);
    sem_wait(&at_work);
    sem_post(&gate);
    helper_thread_free(helper);
    helper = NULL;
    ck_assert_uint_eq(done_count, 10);
    ck_assert(jobs[1].has_worked);
    sem_destroy(&gate);
    sem_destroy(&at_work);
}
END_TEST

START_TEST(a_helper_that_was_never_used_has_no_thread)
{
    helper_thread_free(helper);
    helper = NULL;
    helper_thread_free(NULL);
    ck_assert_uint_eq(done_count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("helper_thread");
    TCase *tcase = tcase_create("helper_thread");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_job_is_worked_in_the_thread_and_done_in_the_loop);
    tcase_add_test(tcase, sixty_four_jobs_are_held_and_no_more);
    tcase_add_test(tcase, freeing_finishes_the_running_job_and_gives_all_jobs_back);
    tcase_add_test(tcase, a_helper_that_was_never_used_has_no_thread);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
