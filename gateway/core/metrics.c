/* SPDX-License-Identifier: BSD-2-Clause */
#include "autoconfig.h"
#include "metrics.h"

/*
 * Counters of the daemon and their text. Counting happens on the path of every request and is one
 * addition to an array; names, labels and the process's own figures cost something only when the
 * text is asked for.
 */

#include <dirent.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buffer.h"
#include "histogram.h"
#include "method.h"

enum {
    METRICS_METHODS = 11, /* bits of enum http_method */
    METRICS_STATUS_FIRST = 100,
    METRICS_STATUS_COUNT = 500,
};

struct metrics {
    uint64_t values[METRICS_COUNT];
    uint64_t requests[METRICS_METHODS][METRICS_STATUS_COUNT];
    uint64_t left[METRICS_METHODS]; /* the client left before the answer */
    uint64_t cache_results[METRICS_CACHE_RESULTS];
    struct histogram durations;
};

static const struct histogram_bounds duration_bounds = {
    .count = 15,
    .bounds = {{1000, "0.001"},
               {2500, "0.0025"},
               {5000, "0.005"},
               {10000, "0.01"},
               {25000, "0.025"},
               {50000, "0.05"},
               {100000, "0.1"},
               {250000, "0.25"},
               {500000, "0.5"},
               {1000000, "1"},
               {2500000, "2.5"},
               {5000000, "5"},
               {10000000, "10"},
               {45000000, "45"},
               {120000000, "120"}},
};

struct metrics *metrics_new(void)
{
    return calloc(1, sizeof(struct metrics));
}

void metrics_free(struct metrics *metrics)
{
    free(metrics);
}

void metrics_add(struct metrics *metrics, enum metric metric, uint64_t amount)
{
    metrics->values[metric] += amount;
}

void metrics_set(struct metrics *metrics, enum metric metric, uint64_t value)
{
    metrics->values[metric] = value;
}

static unsigned method_index(unsigned method)
{
    unsigned index = 0;

    while (index < METRICS_METHODS - 1 && (method & (1u << index)) == 0)
        index++;
    return index;
}

void metrics_http_request(struct metrics *metrics, unsigned method, unsigned status,
                          uint64_t elapsed_us)
{
    unsigned index = method_index(method);

    if (status < METRICS_STATUS_FIRST || status >= METRICS_STATUS_FIRST + METRICS_STATUS_COUNT)
        metrics->left[index]++;
    else
        metrics->requests[index][status - METRICS_STATUS_FIRST]++;
    histogram_add(&metrics->durations, &duration_bounds, elapsed_us);
}

void metrics_cache_request(struct metrics *metrics, enum metrics_cache_result result)
{
    metrics->cache_results[result]++;
}

static void write_head(struct buffer *out, const char *name, const char *type, const char *help)
{
    buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* The method "other" stands for all that the gateway does not know: no text of a client becomes a
 * label. */
static const char *method_label(unsigned index)
{
    enum http_method method = (enum http_method)(1u << index);

    return method == HTTP_METHOD_UNKNOWN ? "other" : method_text(method);
}

static void write_requests(const struct metrics *metrics, struct buffer *out)
{
    static const char name[] = "coapgw_http_requests_total";

    write_head(out, name, "counter",
               "HTTP requests by method and status; code \"none\": the client left first.");
    for (unsigned i = 0; i < METRICS_METHODS; i++) {
        for (unsigned j = 0; j < METRICS_STATUS_COUNT; j++)
            if (metrics->requests[i][j] > 0)
                buffer_printf(out, "%s{method=\"%s\",code=\"%u\"} %" PRIu64 "\n", name,
                              method_label(i), j + METRICS_STATUS_FIRST, metrics->requests[i][j]);
        if (metrics->left[i] > 0)
            buffer_printf(out, "%s{method=\"%s\",code=\"none\"} %" PRIu64 "\n", name,
                          method_label(i), metrics->left[i]);
    }
    write_head(out, "coapgw_http_request_duration_seconds", "histogram",
               "Time from the head of an HTTP request to its answer.");
    histogram_write(&metrics->durations, &duration_bounds, "coapgw_http_request_duration_seconds",
                    "", out);
}

static void write_cache_results(const struct metrics *metrics, struct buffer *out)
{
    static const char *const labels[METRICS_CACHE_RESULTS] = {
        [METRICS_CACHE_HIT] = "hit",
        [METRICS_CACHE_MISS] = "miss",
        [METRICS_CACHE_REVALIDATED] = "revalidated",
        [METRICS_CACHE_STALE] = "stale",
        [METRICS_CACHE_COLLAPSED] = "collapsed",
        [METRICS_CACHE_BYPASS] = "bypass",
    };
    static const char name[] = "coapgw_cache_requests_total";

    write_head(out, name, "counter", "HTTP requests for nodes by what the cache did for them.");
    for (size_t i = 0; i < METRICS_CACHE_RESULTS; i++)
        buffer_printf(out, "%s{result=\"%s\"} %" PRIu64 "\n", name, labels[i],
                      metrics->cache_results[i]);
}

static void write_values(const struct metrics *metrics, struct buffer *out)
{
    static const struct {
        const char *name;
        const char *type;
        const char *help;
    } table[METRICS_COUNT] = {
#define METRIC(id, name, type, help) {name, type, help},
#include "tables/metrics.h"
#undef METRIC
    };

    for (size_t i = 0; i < METRICS_COUNT; i++) {
        write_head(out, table[i].name, table[i].type, table[i].help);
        buffer_printf(out, "%s %" PRIu64 "\n", table[i].name, metrics->values[i]);
    }
    write_head(out, "coapgw_build_info", "gauge", "Version of the daemon, as a label.");
    buffer_printf(out, "coapgw_build_info{version=\"%s\"} 1\n", PACKAGE_VERSION);
}

/* Reads a small file of /proc as text. False where there is none. */
static bool read_text(const char *path, char *text, size_t size)
{
    FILE *file = fopen(path, "re");
    size_t length;

    if (file == NULL)
        return false;
    length = fread(text, 1, size - 1, file);
    text[length] = '\0';
    (void)fclose(file);
    return length > 0;
}

/* Seconds since 1970 at which the system started; 0 when unknown. */
static uint64_t boot_time(void)
{
    FILE *file = fopen("/proc/stat", "re");
    char line[256];
    uint64_t seconds = 0;

    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "btime %" SCNu64, &seconds) == 1)
            break;
    (void)fclose(file);
    return seconds;
}

static void write_process_times(struct buffer *out)
{
    char text[1024];
    const char *behind_name;
    uint64_t user = 0, system = 0, start = 0;
    uint64_t ticks = (uint64_t)sysconf(_SC_CLK_TCK);
    uint64_t boot = boot_time();

    /* The name of the program stands in parentheses and may hold anything. */
    if (!read_text("/proc/self/stat", text, sizeof text) ||
        (behind_name = strrchr(text, ')')) == NULL || ticks == 0 ||
        sscanf(behind_name + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64
               " %*d %*d %*d %*d %*d %*d %" SCNu64,
               &user, &system, &start) != 3)
        return;
    write_head(out, "process_cpu_seconds_total", "counter", "CPU time of the process.");
    buffer_printf(out, "process_cpu_seconds_total %.2f\n", (double)(user + system) / (double)ticks);
    if (boot == 0)
        return;
    write_head(out, "process_start_time_seconds", "gauge", "Start of the process.");
    buffer_printf(out, "process_start_time_seconds %.2f\n",
                  (double)boot + (double)start / (double)ticks);
}

static void write_process_memory(struct buffer *out)
{
    char text[256];
    uint64_t size = 0, resident = 0;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);

    if (!read_text("/proc/self/statm", text, sizeof text) ||
        sscanf(text, "%" SCNu64 " %" SCNu64, &size, &resident) != 2)
        return;
    write_head(out, "process_virtual_memory_bytes", "gauge", "Virtual memory of the process.");
    buffer_printf(out, "process_virtual_memory_bytes %" PRIu64 "\n", size * page);
    write_head(out, "process_resident_memory_bytes", "gauge", "Resident memory of the process.");
    buffer_printf(out, "process_resident_memory_bytes %" PRIu64 "\n", resident * page);
}

static void write_process_descriptors(struct buffer *out)
{
    DIR *folder = opendir("/proc/self/fd");
    unsigned count = 0;
    long maximum = sysconf(_SC_OPEN_MAX);

    if (folder == NULL)
        return;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder))
        count += entry->d_name[0] != '.';
    (void)closedir(folder);
    write_head(out, "process_open_fds", "gauge", "Open file descriptors of the process.");
    buffer_printf(out, "process_open_fds %u\n", count - 1); /* without that of the folder */
    if (maximum > 0) {
        write_head(out, "process_max_fds", "gauge", "Most file descriptors that may be open.");
        buffer_printf(out, "process_max_fds %ld\n", maximum);
    }
}

int metrics_write(const struct metrics *metrics, struct buffer *out)
{
    write_requests(metrics, out);
    write_cache_results(metrics, out);
    write_values(metrics, out);
    write_process_times(out);
    write_process_memory(out);
    write_process_descriptors(out);
    return out->failed ? -1 : 0;
}
