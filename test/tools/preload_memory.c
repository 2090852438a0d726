/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * preload_memory: an allocator that runs dry on command, put before the C library's by LD_PRELOAD.
 * While the file that NO_MEMORY names exists, every allocation of at least NO_MEMORY_FROM bytes
 * (1 when unset) fails.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);

static int is_dry(size_t size)
{
    const char *path = getenv("NO_MEMORY");
    const char *from = getenv("NO_MEMORY_FROM");
    int saved = errno;
    int dry = path != NULL && size >= (from != NULL ? strtoul(from, NULL, 10) : 1) &&
              access(path, F_OK) == 0;
    errno = dry ? ENOMEM : saved;
    return dry;
}

void *malloc(size_t size)
{
    return is_dry(size) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return is_dry(count * size) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
    return is_dry(size) ? NULL : __libc_realloc(block, size);
}
