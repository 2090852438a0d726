/* SPDX-License-Identifier: BSD-2-Clause */
#include "mid_map.h"

#include <stddef.h>
#include <string.h>

#include "memory.h"

/*
 * mid_map: two levels of arrays.
 */

void **mid_map_at(struct mid_map *map, uint16_t mid)
{
    void ***page = &map->pages[mid / MID_MAP_PAGE_SIZE];

    if (*page == NULL) {
        *page = memory_take(MID_MAP_PAGE_SIZE * sizeof **page);
        memset(*page, 0, MID_MAP_PAGE_SIZE * sizeof **page);
    }
    return &(*page)[mid % MID_MAP_PAGE_SIZE];
}

void mid_map_clear(struct mid_map *map, void (*drop)(void *item))
{
    for (size_t i = 0; i < MID_MAP_PAGES; i++) {
        if (map->pages[i] == NULL)
            continue;
        for (size_t j = 0; j < MID_MAP_PAGE_SIZE; j++)
            if (map->pages[i][j] != NULL)
                drop(map->pages[i][j]);
        memory_return(map->pages[i]);
        map->pages[i] = NULL;
    }
}
