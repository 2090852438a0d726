/* SPDX-License-Identifier: BSD-2-Clause */
#include "mid_allocator.h"

/*
 * mid_allocator: a time for each of 65,536 MIDs would cost half a megabyte per node, so the space
 * is cut into 16 segments of 4,096 with one time each: a segment is entered again only when the
 * last use of any of its MIDs is a lifetime ago. At worst 4,096 MIDs wait longer than they must.
 */

enum { MID_SEGMENT_MASK = (1 << MID_SEGMENT_BITS) - 1 };

void mid_allocator_init(struct mid_allocator *mids, uint16_t start)
{
    *mids = (struct mid_allocator){.next = start};
}

uint64_t mid_allocator_ready_us(const struct mid_allocator *mids)
{
    /* Inside a segment the MIDs ahead were free when it was entered. */
    if ((mids->next & MID_SEGMENT_MASK) != 0)
        return 0;
    return mids->free_at_us[mids->next >> MID_SEGMENT_BITS];
}

bool mid_allocator_take(struct mid_allocator *mids, uint64_t now_us, uint64_t lifetime_us,
                        uint16_t *mid)
{
    if (mid_allocator_ready_us(mids) > now_us)
        return false;
    uint64_t *free_at_us = &mids->free_at_us[mids->next >> MID_SEGMENT_BITS];
    if (now_us + lifetime_us > *free_at_us)
        *free_at_us = now_us + lifetime_us;
    *mid = mids->next++;
    return true;
}
