/* SPDX-License-Identifier: BSD-2-Clause */
#include "histogram.h"

/*
 * Durations are counted in the one bucket that they fall into; the sums that Prometheus wants
 * ("less or equal") are made when the text is written, which is rare.
 */

#include <inttypes.h>

#include "buffer.h"

void histogram_add(struct histogram *histogram, const struct histogram_bounds *bounds, uint64_t us)
{
    size_t i = 0;

    while (i < bounds->count && us > bounds->bounds[i].us)
        i++;
    histogram->counts[i]++;
    histogram->sum_us += us;
}

void histogram_write(const struct histogram *histogram, const struct histogram_bounds *bounds,
                     const char *name, const char *labels, struct buffer *out)
{
    const char *comma = labels[0] == '\0' ? "" : ",";
    const char *open = labels[0] == '\0' ? "" : "{";
    const char *close = labels[0] == '\0' ? "" : "}";
    uint64_t sum = 0;

    for (size_t i = 0; i < bounds->count; i++) {
        sum += histogram->counts[i];
        buffer_printf(out, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", name, labels, comma,
                      bounds->bounds[i].text, sum);
    }
    sum += histogram->counts[bounds->count];
    buffer_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, labels, comma, sum);
    buffer_printf(out, "%s_sum%s%s%s %" PRIu64 ".%06" PRIu64 "\n", name, open, labels, close,
                  histogram->sum_us / 1000000, histogram->sum_us % 1000000);
    buffer_printf(out, "%s_count%s%s%s %" PRIu64 "\n", name, open, labels, close, sum);
}
