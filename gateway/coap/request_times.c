/* SPDX-License-Identifier: BSD-2-Clause */
#include "request_times.h"

#include "settings.h"

/*
 * request_times: the deadlines of RFC 7252 have no number; the gateway's are two, one until the
 * node has taken the request (a response or an empty ACK) and one for its work. Each has one
 * beginning, the first that there was.
 */

void request_times_begin(struct request_times *times, uint64_t now_us)
{
    if (times->has_begun)
        return;
    times->has_begun = true;
    times->begun_us = now_us;
}

void request_times_acknowledge(struct request_times *times, uint64_t now_us)
{
    if (times->was_acknowledged)
        return;
    times->was_acknowledged = true;
    times->acknowledged_us = now_us;
}

uint64_t request_times_left_us(const struct request_times *times, const struct settings *settings,
                               uint64_t now_us)
{
    uint64_t end_us = times->was_acknowledged
                          ? times->acknowledged_us + (uint64_t)settings->acked_deadline_ms * 1000
                          : times->begun_us + (uint64_t)settings->deadline_ms * 1000;

    return end_us > now_us ? end_us - now_us : 0;
}
