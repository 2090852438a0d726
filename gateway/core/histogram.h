/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_HISTOGRAM_H
#define COAPGW_HISTOGRAM_H

/*
 * histogram: a Prometheus histogram of durations. The buckets are the caller's table, so that many
 * histograms share one.
 */

#include <stddef.h>
#include <stdint.h>

struct buffer;

enum { HISTOGRAM_BUCKETS_MAX = 18 };

struct histogram_bounds {
    size_t count;
    struct {
        uint64_t us;
        const char *text; /* in seconds, for the label "le" */
    } bounds[HISTOGRAM_BUCKETS_MAX];
};

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS_MAX + 1]; /* the last: above every bound */
    uint64_t sum_us;
};

void histogram_add(struct histogram *histogram, const struct histogram_bounds *bounds, uint64_t us);
/* Appends the samples name_bucket, name_sum and name_count; `labels` is "" or `node="x"`. The
 * buffer tells of failures. */
void histogram_write(const struct histogram *histogram, const struct histogram_bounds *bounds,
                     const char *name, const char *labels, struct buffer *out);

#endif
