/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_REQUEST_TIMES_H
#define COAPGW_REQUEST_TIMES_H

/*
 * request_times: what deadlines are counted from. A client may be the reason for several requests:
 * another Content-Format, a proof of freshness, the next address. The deadlines are what it waits,
 * so they count once, whatever has to be asked again (CONG-11).
 */

#include <stdbool.h>
#include <stdint.h>

struct settings;

/* Zeroed before the first request. */
struct request_times {
    bool has_begun;
    bool was_acknowledged;
    uint64_t begun_us;        /* of the first request */
    uint64_t acknowledged_us; /* the first empty ACK for one of them */
};

/* A request begins; the first one counts. */
void request_times_begin(struct request_times *times, uint64_t now_us);
/* An empty ACK came; the first one counts. */
void request_times_acknowledge(struct request_times *times, uint64_t now_us);
/* Microseconds that are left of settings->deadline_ms, or of acked_deadline_ms behind an ACK. */
uint64_t request_times_left_us(const struct request_times *times, const struct settings *settings,
                               uint64_t now_us);

#endif
