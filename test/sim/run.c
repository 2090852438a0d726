/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run: simulates worlds, each made from one seed.
 *
 *     run --seeds A-B           all seeds from A to B; ends at the first violation
 *     run --seed N --trace      one seed, with its story
 *     run ... --hashes          prints the trace hash of each seed: the same seed, the same hash
 *     run ... --quiet           prints nothing but violations
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "world.h"

enum { SEED_SECONDS_MAX = 120 };

struct options {
    uint64_t first, last;
    bool is_tracing;
    bool shows_hashes;
    bool is_quiet;
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
    fputs("usage: run --seeds A-B | --seed N [--trace] [--hashes] [--quiet]\n", stderr);
    return 64;
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
        } else {
            return false;
        }
        if (end != NULL && *end != '\0')
            return false;
    }
    return options->first > 0 && options->first <= options->last;
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
    printf("%" PRIu64 " datagrams sent (%" PRIu64 " retransmissions), %" PRIu64 " received\n",
           totals->sent, totals->retransmissions, totals->came);
    printf("%" PRIu64 " lost, %" PRIu64 " duplicated, %" PRIu64 " corrupted, %" PRIu64
           " forged, %" PRIu64 " given back\n",
           totals->lost, totals->duplicated, totals->corrupted, totals->forged, totals->returned);
    printf("%" PRIu64 " reboots, %" PRIu64 " reloads, %" PRIu64 " stops, %" PRIu64
           " allocations that failed\n",
           totals->reboots, totals->reloads, totals->drains, totals->failed_allocations);
    for (int i = 0; i < INVARIANTS; i++)
        printf("%12" PRIu64 " x %-20s %s\n", judge->checks[i], invariant_name((enum invariant)i),
               invariant_text((enum invariant)i));
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

int main(int count, char **arguments)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGALRM};
    struct options options = {0};
    struct totals totals = {0};
    struct judge judge = {0};
    double began_s = now_s();

    if (!read_options(count, arguments, &options))
        return usage();
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        (void)signal(signals[i], crashed);
    for (uint64_t seed = options.first; seed <= options.last; seed++)
        if (!run_seed(seed, &options, &judge, &totals))
            return 1;
    if (!options.is_quiet)
        print_totals(&totals, &judge, now_s() - began_s);
    return 0;
}
