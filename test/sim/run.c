/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run: simulates worlds, each made from one seed.
 *
 *     run --seeds A-B           all seeds from A to B; ends at the first violation
 *     run --seed N --trace      one seed, with its story
 *     run ... --hashes          prints the trace hash of each seed: the same seed, the same hash
 *     run ... --quiet           prints nothing but violations
 *     run ... --jobs N          in so many processes, by default one for each processor
 *
 * A run without a violation prints the rows of test/data/conformance.tsv that it has proved.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "world.h"

enum { SEED_SECONDS_MAX = 120, JOBS_MAX = 64, PROOF_SEEDS_MIN = 100 };

struct options {
    uint64_t first, last;
    unsigned jobs;
    bool is_tracing;
    bool shows_hashes;
    bool is_quiet;
};

/* Of one process, in memory that all share. */
struct outcome {
    struct totals totals;
    struct judge judge;
};

/* What the invariants prove when seeds enough pass. */
static const struct {
    const char *row;
    enum invariant invariant;
} proofs[] = {
    {"MSG-01", INVARIANT_OWN_VALUE},          {"MSG-05", INVARIANT_RETRANSMIT_SAME},
    {"MSG-05", INVARIANT_RETRANSMIT_BACKOFF}, {"MSG-05", INVARIANT_RETRANSMIT_MADE},
    {"MSG-06", INVARIANT_SILENT_AFTER_END},   {"MSG-07", INVARIANT_ANSWERED_ONCE},
    {"MSG-07", INVARIANT_CON_REPLIED},        {"MSG-08", INVARIANT_REPLY_ASKED},
    {"MSG-12", INVARIANT_WELL_FORMED},        {"CONG-01", INVARIANT_NSTART},
    {"CONG-02", INVARIANT_SLOT_FREE},         {"CONG-07", INVARIANT_PROBING_RATE},
    {"CONG-09", INVARIANT_FREE_AT_END},       {"BLOCK-04", INVARIANT_OWN_VALUE},
    {"BLOCK-16", INVARIANT_WHOLE_BODY},       {"CACHE-01", INVARIANT_SHARED},
    {"CACHE-03", INVARIANT_TOLD_AGE},         {"CACHE-21", INVARIANT_SHARED},
    {"OBS-01", INVARIANT_ONE_REGISTRATION},   {"OBS-02", INVARIANT_NEWER_VALUE},
    {"OBS-03", INVARIANT_CON_REPLIED},        {"OBS-04", INVARIANT_LIVE},
    {"OBS-05", INVARIANT_SAME_RELATION},      {"OBS-05", INVARIANT_REFRESH_RARE},
    {"OBS-05", INVARIANT_REFRESH_MADE},       {"OBS-07", INVARIANT_DEREGISTERED},
    {"OBS-09", INVARIANT_POLLED_CHANGES},     {"SSE-04", INVARIANT_IDS},
    {"SSE-06", INVARIANT_HEARTBEAT},          {"SSE-07", INVARIANT_STATE_EVENTS},
    {"SSE-11", INVARIANT_OBSERVE_WANTED},
};

/* For the handler of crashes. */
static volatile uint64_t current_seed;

static void crashed(int number)
{
    char text[96];
    int length = snprintf(text, sizeof text, "seed %" PRIu64 ": violated %s: signal %d\n",
                          current_seed, number == SIGALRM ? "no-hang" : "no-crash", number);

    /* What stdio holds is lost on purpose: nothing is safe here but this. */
    (void)!write(STDOUT_FILENO, text, (size_t)length);
    _exit(1);
}

static int usage(void)
{
    fputs("usage: run --seeds A-B | --seed N [--trace] [--hashes] [--quiet] [--jobs N]\n", stderr);
    return 64;
}

/* Processes that take turns would mix up what they print. */
static unsigned usual_jobs(const struct options *options)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (options->is_tracing || options->shows_hashes || processors < 1)
        return 1;
    return processors > JOBS_MAX ? JOBS_MAX : (unsigned)processors;
}

static bool read_options(int count, char **arguments, struct options *options)
{
    for (int i = 1; i < count; i++) {
        char *end = NULL;
        if (strcmp(arguments[i], "--trace") == 0) {
            options->is_tracing = true;
        } else if (strcmp(arguments[i], "--hashes") == 0) {
            options->shows_hashes = true;
        } else if (strcmp(arguments[i], "--quiet") == 0) {
            options->is_quiet = true;
        } else if (strcmp(arguments[i], "--seed") == 0 && i + 1 < count) {
            options->first = options->last = strtoull(arguments[++i], &end, 10);
        } else if (strcmp(arguments[i], "--seeds") == 0 && i + 1 < count) {
            options->first = strtoull(arguments[++i], &end, 10);
            if (*end++ != '-')
                return false;
            options->last = strtoull(end, &end, 10);
        } else if (strcmp(arguments[i], "--jobs") == 0 && i + 1 < count) {
            options->jobs = (unsigned)strtoul(arguments[++i], &end, 10);
        } else {
            return false;
        }
        if (end != NULL && *end != '\0')
            return false;
    }
    if (options->jobs == 0)
        options->jobs = usual_jobs(options);
    return options->first > 0 && options->first <= options->last && options->jobs <= JOBS_MAX;
}

static uint64_t count_checks(const struct judge *judge)
{
    uint64_t checks = 0;

    for (int i = 0; i < INVARIANTS; i++)
        checks += judge->checks[i];
    return checks;
}

static void print_totals(const struct totals *totals, const struct judge *judge, double seconds)
{
    printf("%" PRIu64 " seeds, %.1f simulated hours in %.1f s, %.0f requests a second\n",
           totals->seeds, (double)totals->simulated_us / 3.6e9, seconds,
           (double)totals->requests / (seconds > 0 ? seconds : 1));
    printf("%" PRIu64 " HTTP requests: 2xx %" PRIu64 ", 4xx %" PRIu64 ", 5xx %" PRIu64
           ", clients that left %" PRIu64 "\n",
           totals->requests, totals->answered[2], totals->answered[4], totals->answered[5],
           totals->answered[0]);
    printf("%" PRIu64 " streams with %" PRIu64 " events, %" PRIu64 " changes of address\n",
           totals->streams, totals->events, totals->moves);
    printf("%" PRIu64 " datagrams sent (%" PRIu64 " retransmissions), %" PRIu64 " received\n",
           totals->sent, totals->retransmissions, totals->came);
    printf("%" PRIu64 " lost, %" PRIu64 " duplicated, %" PRIu64 " corrupted, %" PRIu64
           " forged, %" PRIu64 " given back\n",
           totals->lost, totals->duplicated, totals->corrupted, totals->forged, totals->returned);
    printf("%" PRIu64 " reboots, %" PRIu64 " reloads, %" PRIu64 " stops, %" PRIu64
           " allocations that failed\n",
           totals->reboots, totals->reloads, totals->drains, totals->failed_allocations);
    printf("%d invariants, checked %" PRIu64 " times\n", (int)INVARIANTS, count_checks(judge));
    for (int i = 0; i < INVARIANTS; i++)
        printf("%12" PRIu64 " x %-20s %s\n", judge->checks[i], invariant_name((enum invariant)i),
               invariant_text((enum invariant)i));
}

static void print_proofs(const struct totals *totals, const struct judge *judge)
{
    for (size_t i = 0; i < sizeof proofs / sizeof proofs[0]; i++)
        if (totals->seeds >= PROOF_SEEDS_MIN && judge->checks[proofs[i].invariant] > 0)
            printf("ROW %s sim %s: %s\n", proofs[i].row, invariant_name(proofs[i].invariant),
                   invariant_text(proofs[i].invariant));
}

static double now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* False at a violation. */
static bool run_seed(uint64_t seed, const struct options *options, struct judge *judge,
                     struct totals *totals)
{
    current_seed = seed;
    (void)alarm(SEED_SECONDS_MAX);
    judge_begin(judge, options->is_tracing);
    bool is_fine = world_run(seed, judge, totals);
    if (!is_fine)
        printf("seed %" PRIu64 ": violated %s: %s\n    replay: run --seed %" PRIu64 " --trace\n",
               seed, invariant_name(judge->failed), judge->story, seed);
    else if (options->shows_hashes)
        printf("seed %" PRIu64 " %016" PRIx64 "\n", seed, judge->hash);
    return is_fine;
}

/* Every `jobs`-th seed. */
static bool run_share(unsigned job, const struct options *options, struct outcome *outcome)
{
    for (uint64_t seed = options->first + job; seed <= options->last; seed += options->jobs)
        if (!run_seed(seed, options, &outcome->judge, &outcome->totals))
            return false;
    return true;
}

/* Waits for all; the others end when one has found a violation. */
static bool wait_for(pid_t *workers, unsigned count)
{
    bool is_fine = true;
    int status;

    for (unsigned left = count; left > 0; left--) {
        pid_t gone = wait(&status);
        bool has_failed = gone < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0;
        for (unsigned i = 0; i < count; i++) {
            if (workers[i] == gone)
                workers[i] = 0;
            else if (has_failed && is_fine && workers[i] > 0)
                (void)kill(workers[i], SIGTERM);
        }
        is_fine = is_fine && !has_failed;
    }
    return is_fine;
}

static bool run_in_parts(const struct options *options, struct outcome *outcomes)
{
    pid_t workers[JOBS_MAX];
    unsigned count = 0;

    if (options->jobs == 1)
        return run_share(0, options, &outcomes[0]);
    (void)fflush(stdout);
    for (; count < options->jobs; count++) {
        workers[count] = fork();
        if (workers[count] == 0)
            exit(run_share(count, options, &outcomes[count]) ? 0 : 1);
        if (workers[count] < 0)
            break;
    }
    bool is_fine = wait_for(workers, count);
    return is_fine && count == options->jobs;
}

/* All members of the totals are numbers of one type. */
static void add_up(struct outcome *sum, const struct outcome *part)
{
    uint64_t *to = (uint64_t *)(void *)&sum->totals;
    const uint64_t *from = (const uint64_t *)(const void *)&part->totals;

    for (size_t i = 0; i < sizeof sum->totals / sizeof *to; i++)
        to[i] += from[i];
    for (int i = 0; i < INVARIANTS; i++)
        sum->judge.checks[i] += part->judge.checks[i];
}

int main(int count, char **arguments)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM};
    struct options options = {0};
    struct outcome sum = {0};
    struct outcome *outcomes;
    double began_s = now_s();

    if (!read_options(count, arguments, &options))
        return usage();
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        (void)signal(signals[i], crashed);
    outcomes = mmap(NULL, options.jobs * sizeof *outcomes, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (outcomes == MAP_FAILED || !run_in_parts(&options, outcomes))
        return 1;
    for (unsigned i = 0; i < options.jobs; i++)
        add_up(&sum, &outcomes[i]);
    if (options.is_quiet)
        return 0;
    print_totals(&sum.totals, &sum.judge, now_s() - began_s);
    print_proofs(&sum.totals, &sum.judge);
    return 0;
}
