/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_config: coapgw.json, and behind a NUL a mapping document beside it. Both either load, and
 * what --print-config shows of them loads again and shows the same, or there are errors, each of
 * which names its file.
 */
#include "../../gateway/config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "fuzz.h"
#include "policy.h"
#include "text.h"

enum { TEXT_MAXIMUM = 1 << 22, PATH_SIZE = 256 };

/* A folder of our own: coapgw.json and mappings/x.json. */
static char folder[PATH_SIZE - 32];
static char path[PATH_SIZE], mappings[PATH_SIZE], mapping_path[PATH_SIZE];

static void remove_folder(void)
{
    (void)unlink(path);
    (void)unlink(mapping_path);
    (void)rmdir(mappings);
    (void)rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const char *parent = getenv("TMPDIR");
    int length = snprintf(folder, sizeof folder, "%s/coapgw-fuzz-XXXXXX",
                          parent == NULL ? P_tmpdir : parent);

    (void)argc;
    (void)argv;
    if (length < 0 || (size_t)length >= sizeof folder || mkdtemp(folder) == NULL)
        abort();
    snprintf(path, sizeof path, "%s/coapgw.json", folder);
    snprintf(mappings, sizeof mappings, "%s/mappings", folder);
    snprintf(mapping_path, sizeof mapping_path, "%s/mappings/x.json", folder);
    if (mkdir(mappings, 0700) != 0 || atexit(remove_folder) != 0)
        abort();
    return 0;
}

static void write_file(const char *name, const void *bytes, size_t length)
{
    int file = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (file < 0 || write(file, bytes, length) != (ssize_t)length || close(file) != 0)
        abort();
}

static void check_errors(const struct buffer *errors)
{
    const char *text = buffer_text(errors);

    FUZZ_CHECK(errors->length > 0);
    while (text[0] != '\0') {
        size_t length = strcspn(text, "\n");

        FUZZ_CHECK(text_is_utf8(text, length) && text[length] == '\n');
        FUZZ_CHECK(text[0] == '/' && memchr(text, ':', length) != NULL);
        for (size_t i = 0; i < length; i++)
            FUZZ_CHECK((unsigned char)text[i] >= ' ' && text[i] != 0x7f);
        text += length + 1;
    }
}

static void check_config(const struct config *config)
{
    FUZZ_CHECK(config->policy->mappings != NULL && config->policy->access != NULL &&
               config->policy->media != NULL && config->policy->name != NULL);
    FUZZ_CHECK(config->policy->maximum_body <= config->limits.body &&
               config->policy->maximum_body <= config->coap_max_body);
    for (size_t i = 0; i < config->listen_count; i++) {
        struct endpoint_address address;
        bool has_port;

        FUZZ_CHECK(config_parse_address(config->listen[i], &address, &has_port));
    }
}

/* Loads what was printed and prints it again. */
static void check_printing(const struct config *config)
{
    struct buffer first, second, errors;
    struct config *again;

    buffer_init(&first, TEXT_MAXIMUM);
    buffer_init(&second, TEXT_MAXIMUM);
    buffer_init(&errors, TEXT_MAXIMUM);
    if (config_print(config, &first) == 0) {
        FUZZ_CHECK(fuzz_is_json(first.data, first.length));
        write_file(path, first.data, first.length);
        again = config_load(path, &errors);
        FUZZ_CHECK(again != NULL);
        if (again != NULL && config_print(again, &second) == 0)
            FUZZ_CHECK(second.length == first.length &&
                       memcmp(first.data, second.data, first.length) == 0);
        config_free(again);
    } else {
        FUZZ_CHECK(fuzz_memory.has_failed);
    }
    buffer_clear(&first);
    buffer_clear(&second);
    buffer_clear(&errors);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *mark = size > 0 ? memchr(data, '\0', size) : NULL;
    size_t length = mark != NULL ? (size_t)(mark - data) : size;
    struct buffer errors;

    write_file(path, data, length);
    if (mark != NULL)
        write_file(mapping_path, mark + 1, size - length - 1);
    else
        (void)unlink(mapping_path);
    buffer_init(&errors, TEXT_MAXIMUM);
    struct config *config = config_load(path, &errors);
    if (config == NULL) {
        check_errors(&errors);
    } else {
        FUZZ_CHECK(errors.length == 0);
        check_config(config);
        check_printing(config);
    }
    config_free(config);
    buffer_clear(&errors);
    return 0;
}
