/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_METRICS_H
#define COAPGW_METRICS_H

/*
 * metrics: counters and histograms of the daemon and their text for Prometheus (format 0.0.4).
 * Counting is an addition to an array: no look-up by name. The table is tables/metrics.h.
 */

#include <stddef.h>
#include <stdint.h>

struct buffer;
struct metrics;

/* METRIC_<name>: scalar counters and gauges of tables/metrics.h */
enum metric {
#define METRIC(id, name, type, help) METRIC_##id,
#include "tables/metrics.h"
#undef METRIC
    METRICS_COUNT
};

struct metrics *metrics_new(void);
void metrics_free(struct metrics *metrics);
void metrics_add(struct metrics *metrics, enum metric metric, uint64_t amount);
void metrics_set(struct metrics *metrics, enum metric metric, uint64_t value);
/* coapgw_http_requests_total{method,code} and coapgw_http_request_duration_seconds. `method` is one
 * bit of enum http_method. */
void metrics_http_request(struct metrics *metrics, unsigned method, unsigned status,
                          uint64_t elapsed_us);
/* How the cache served a request that it could have to do with. */
enum metrics_cache_result {
    METRICS_CACHE_HIT,         /* answered from what is stored */
    METRICS_CACHE_MISS,        /* asked of the node */
    METRICS_CACHE_REVALIDATED, /* the node said that what is stored is still right */
    METRICS_CACHE_STALE,       /* answered from what is stored although it is not fresh */
    METRICS_CACHE_COLLAPSED,   /* shares the request of another */
    METRICS_CACHE_BYPASS,      /* neither looked up nor stored */
    METRICS_CACHE_RESULTS,
};
/* coapgw_cache_requests_total{result} */
void metrics_cache_request(struct metrics *metrics, enum metrics_cache_result result);
/* Appends everything but the nodes' metrics, process_* and build_info included. 0 or -1. */
int metrics_write(const struct metrics *metrics, struct buffer *out);

#endif
