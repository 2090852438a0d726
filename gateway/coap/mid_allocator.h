/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_MID_ALLOCATOR_H
#define COAPGW_MID_ALLOCATOR_H

/*
 * mid_allocator: the message IDs of one endpoint: sequential from a random start, none used again
 * within its EXCHANGE_LIFETIME (RFC 7252 4.4).
 */

#include <stdbool.h>
#include <stdint.h>

enum { MID_SEGMENT_BITS = 12, MID_SEGMENTS = 65536 >> MID_SEGMENT_BITS };

struct mid_allocator {
    uint64_t free_at_us[MID_SEGMENTS]; /* when the last MID of the segment may be used again */
    uint16_t next;
};

void mid_allocator_init(struct mid_allocator *mids, uint16_t start);
/* The time from which mid_allocator_take succeeds; in the past when it does now. */
uint64_t mid_allocator_ready_us(const struct mid_allocator *mids);
/* Takes the next MID for a message that is first sent at `now_us`; false when all are in use. */
bool mid_allocator_take(struct mid_allocator *mids, uint64_t now_us, uint64_t lifetime_us,
                        uint16_t *mid);

#endif
