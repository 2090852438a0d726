/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_MID_MAP_H
#define COAPGW_TEST_MID_MAP_H

/*
 * mid_map: a pointer for each of 65,536 message IDs, with memory only for those in use.
 */

#include <stdint.h>

enum { MID_MAP_PAGES = 256, MID_MAP_PAGE_SIZE = 256 };

struct mid_map {
    void **pages[MID_MAP_PAGES];
};

/* The place of the pointer for `mid`, NULL in the beginning; valid until mid_map_clear. */
void **mid_map_at(struct mid_map *map, uint16_t mid);
/* Calls `drop` for every pointer that is not NULL and frees the pages. */
void mid_map_clear(struct mid_map *map, void (*drop)(void *item));

#endif
