/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay: the main program of a fuzz target without a fuzzer. `replay_uri` plays every file of
 * test/fuzz/corpus/uri and every saved crash test/fuzz/crashes/uri-*; with arguments it plays those
 * files instead. Each input is played twice, and the second time may leave no allocation behind
 * (the first may fill caches of libraries). With --starve each input is played again and again
 * while its first, second, third ... allocation fails. Where malloc cannot be replaced (sanitizers,
 * other C libraries) memory is not counted; the leak sanitizer does that in its builds.
 */
#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "fuzz.h"

#if defined(__SANITIZE_ADDRESS__)
#define COUNTS_MEMORY 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define COUNTS_MEMORY 0
#endif
#endif
#if !defined(COUNTS_MEMORY) && defined(__GLIBC__)
#define COUNTS_MEMORY 1
#elif !defined(COUNTS_MEMORY)
#define COUNTS_MEMORY 0
#endif

enum { INPUT_MAXIMUM = 1 << 20 };

__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);

#if COUNTS_MEMORY
/* glibc lets a program bring its own malloc, and keeps these names for the one of its own. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);
void __libc_free(void *memory);

static bool may_allocate(void)
{
    if (fuzz_memory.suspended > 0 || ++fuzz_memory.made != fuzz_memory.fails_at)
        return true;
    fuzz_memory.has_failed = true;
    errno = ENOMEM;
    return false;
}

static void *counted(void *memory)
{
    fuzz_memory.live += memory != NULL;
    return memory;
}

void *malloc(size_t size)
{
    return may_allocate() ? counted(__libc_malloc(size)) : NULL;
}

void *calloc(size_t count, size_t size)
{
    return may_allocate() ? counted(__libc_calloc(count, size)) : NULL;
}

void *realloc(void *memory, size_t size)
{
    if (!may_allocate())
        return NULL;
    void *moved = __libc_realloc(memory, size);
    if (memory == NULL)
        return counted(moved);
    fuzz_memory.live -= size == 0 && moved == NULL;
    return moved;
}

void free(void *memory)
{
    fuzz_memory.live -= memory != NULL;
    __libc_free(memory);
}
#endif

json_t *__real_json_loadb(const char *text, size_t length, size_t flags, json_error_t *error);
json_t *__wrap_json_loadb(const char *text, size_t length, size_t flags, json_error_t *error);

/* Linked in place of json_loadb. The reader of libjansson 2.14 does not look whether its buffer
 * grew, and writes behind the end of a string when it did not: that cannot be mended here. */
json_t *__wrap_json_loadb(const char *text, size_t length, size_t flags, json_error_t *error)
{
    fuzz_memory.suspended++;
    json_t *value = __real_json_loadb(text, length, flags, error);
    fuzz_memory.suspended--;
    return value;
}

/* The file in memory of just its size; NULL when it cannot be read. */
static uint8_t *read_file(const char *path, size_t *length)
{
    static uint8_t bytes[INPUT_MAXIMUM];
    FILE *file = fopen(path, "rb");
    uint8_t *copy = NULL;

    if (file == NULL)
        return NULL;
    *length = fread(bytes, 1, sizeof bytes, file);
    if (!ferror(file))
        copy = malloc(*length + 1);
    fclose(file);
    if (copy != NULL && *length > 0)
        memcpy(copy, bytes, *length);
    return copy;
}

static void run(const uint8_t *bytes, size_t length)
{
    fuzz_memory.has_failed = false;
    fuzz_memory.made = 0;
    (void)LLVMFuzzerTestOneInput(bytes, length);
}

/* False when the input left something behind. */
static bool leaves_nothing(const char *path, const uint8_t *bytes, size_t length)
{
    size_t before = fuzz_memory.live;

    run(bytes, length);
    if (fuzz_memory.live == before)
        return true;
    fprintf(stderr, "%s: %zd allocations are left (the failing one: %zu)\n", path,
            (ssize_t)(fuzz_memory.live - before), fuzz_memory.fails_at);
    return false;
}

static bool starve(const char *path, const uint8_t *bytes, size_t length)
{
    bool is_clean = true;

    do {
        fuzz_memory.fails_at++;
        fuzz_memory.failures++;
        is_clean = leaves_nothing(path, bytes, length) && is_clean;
    } while (fuzz_memory.has_failed);
    fuzz_memory.fails_at = 0;
    return is_clean;
}

static bool play(const char *path, bool is_starved)
{
    size_t length = 0;
    uint8_t *bytes = read_file(path, &length);

    if (bytes == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return false;
    }
    run(bytes, length);
    bool is_clean = leaves_nothing(path, bytes, length);
    if (is_starved)
        is_clean = starve(path, bytes, length) && is_clean;
    free(bytes);
    return is_clean;
}

/* Plays the files of a folder whose names begin with `beginning`; counts them. */
static bool play_folder(const char *folder, const char *beginning, bool is_starved, size_t *count)
{
    struct dirent **entries = NULL;
    int found = scandir(folder, &entries, NULL, alphasort);
    bool is_clean = true;

    for (int i = 0; i < found; i++) {
        const char *name = entries[i]->d_name;
        struct buffer path;

        buffer_init(&path, 4096);
        if (name[0] != '.' && strncmp(name, beginning, strlen(beginning)) == 0 &&
            buffer_printf(&path, "%s/%s", folder, name) == 0) {
            is_clean = play(buffer_text(&path), is_starved) && is_clean;
            ++*count;
        }
        buffer_clear(&path);
        free(entries[i]);
    }
    free(entries);
    return is_clean;
}

/* Plays what is kept for the target. */
static bool play_kept(const char *target, bool is_starved)
{
    const char *source = getenv("srcdir");
    struct buffer corpus, crashes, beginning;
    size_t count = 0;

    buffer_init(&corpus, 4096);
    buffer_init(&crashes, 4096);
    buffer_init(&beginning, 256);
    if (source == NULL)
        source = ".";
    bool is_clean = buffer_printf(&corpus, "%s/test/fuzz/corpus/%s", source, target) == 0 &&
                    buffer_printf(&crashes, "%s/test/fuzz/crashes", source) == 0 &&
                    buffer_printf(&beginning, "%s-", target) == 0;
    is_clean = is_clean && play_folder(buffer_text(&corpus), "", is_starved, &count);
    size_t of_corpus = count;
    is_clean =
        is_clean && play_folder(buffer_text(&crashes), buffer_text(&beginning), is_starved, &count);
    if (of_corpus == 0)
        fprintf(stderr, "%s: no corpus\n", buffer_text(&corpus));
    printf("%s: %zu inputs of the corpus, %zu saved crashes, %zu failed allocations\n", target,
           of_corpus, count - of_corpus, fuzz_memory.failures);
    buffer_clear(&corpus);
    buffer_clear(&crashes);
    buffer_clear(&beginning);
    return is_clean && of_corpus > 0;
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    const char *name = slash != NULL ? slash + 1 : argv[0];
    const char *target = strchr(name, '_');
    bool is_starved = argc > 1 && strcmp(argv[1], "--starve") == 0;
    bool is_clean = true;

    if (is_starved && !COUNTS_MEMORY) {
        printf("SKIP: allocations cannot be made to fail in this build\n");
        return 77;
    }
    if (LLVMFuzzerInitialize != NULL)
        LLVMFuzzerInitialize(&argc, &argv);
    if (argc == 1 + (int)is_starved)
        is_clean = target != NULL && play_kept(target + 1, is_starved);
    for (int i = 1 + (int)is_starved; i < argc; i++)
        is_clean = play(argv[i], is_starved) && is_clean;
    return is_clean ? EXIT_SUCCESS : EXIT_FAILURE;
}
