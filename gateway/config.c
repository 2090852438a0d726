/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config: reads coapgw.json and the mapping documents into a policy and the daemon's own settings.
 * Every member has its default in config_new(); the sections of the file are read in
 * config_sections.c. Nothing stops at the first error: a person mends a file in one go. What
 * belongs to a module (access rules, mappings, media types, the settings of a node) is read by that
 * module.
 */
#include "config.h"

#include <dirent.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access.h"
#include "buffer.h"
#include "config_private.h"
#include "document.h"
#include "mapping.h"
#include "media_type.h"
#include "policy.h"
#include "settings.h"

static const char *const default_listen[] = {"127.0.0.1:8080", "[::1]:8080"};

static void free_listen(struct config *config)
{
    for (size_t i = 0; i < config->listen_count; i++)
        free(config->listen[i]);
    free(config->listen);
    config->listen = NULL;
    config->listen_count = 0;
}

int config_reserve_listen(struct config *config, size_t count)
{
    free_listen(config);
    config->listen = calloc(count, sizeof *config->listen);
    return config->listen == NULL ? -1 : 0;
}

int config_add_listen(struct config *config, const char *address)
{
    char *copy = strdup(address);

    if (copy == NULL)
        return -1;
    config->listen[config->listen_count++] = copy;
    return 0;
}

static int set_default_name(struct policy *policy)
{
    char name[256];

    if (gethostname(name, sizeof name) != 0)
        name[0] = '\0';
    name[sizeof name - 1] = '\0';
    /* A kernel takes any bytes as the name of a host, a header field does not. */
    if (!config_is_name(name))
        memcpy(name, "coapgw", sizeof "coapgw");
    return policy_set_name(policy, name, false);
}

static void set_default_numbers(struct config *config)
{
    struct policy *policy = config->policy;

    config->limits = (struct http_limits){
        .body = 1048576,
        .header = 9216,
        .connections = 10000,
        .idle_timeout_ms = 60000,
        .request_timeout_ms = 10000,
    };
    config->log_level = LOG_LEVEL_INFO;
    config->log_format = LOG_FORMAT_TEXT;
    config->coap_max_body = 1048576;
    policy->takes_query = true;
    policy->outstanding = 1000;
    policy->cache_limits = (struct cache_limits){.bytes = 16 << 20, .entries = 10000};
    policy->observation_limits = (struct observation_limits){
        .registrations = 10000,
        .registrations_per_node = 100,
        .poll_minimum_ms = 10000,
    };
    policy->stream_limits = (struct stream_limits){
        .streams = 10000,
        .queue = 16,
        .heartbeat_ms = 15000,
        .retry_ms = 5000,
    };
    policy->memory = 64 << 20;
    policy->defaults.content_format = MEDIA_FORMAT_NONE;
    policy->defaults.is_cached = true;
    settings_init(&policy->defaults.settings);
}

/* A configuration with the defaults; its tables are made while loading. */
static struct config *config_new(void)
{
    struct config *config = calloc(1, sizeof *config);

    if (config == NULL)
        return NULL;
    config->policy = policy_new();
    if (config->policy == NULL || set_default_name(config->policy) != 0)
        goto out;
    set_default_numbers(config);
    if (config_reserve_listen(config, sizeof default_listen / sizeof *default_listen) != 0)
        goto out;
    for (size_t i = 0; i < sizeof default_listen / sizeof *default_listen; i++)
        if (config_add_listen(config, default_listen[i]) != 0)
            goto out;
    return config;
out:
    config_free(config);
    return NULL;
}

void config_free(struct config *config)
{
    if (config == NULL)
        return;
    policy_release(config->policy);
    free_listen(config);
    free(config->mappings_folder);
    free(config->state_folder);
    json_decref(config->access);
    json_decref(config->hc);
    json_decref(config->formats);
    free(config);
}

struct policy *config_take_policy(struct config *config)
{
    struct policy *policy = config->policy;

    config->policy = NULL;
    return policy;
}

void config_note_no_memory(struct config_loading *loading, const struct document_place *place)
{
    document_error(loading->document, place, "not enough memory");
}

/* "mappings" beside the file at `path`: what is read when the member is absent. */
static char *default_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t prefix = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    char *folder = malloc(prefix + sizeof "mappings");

    if (folder == NULL)
        return NULL;
    memcpy(folder, path, prefix);
    memcpy(folder + prefix, "mappings", sizeof "mappings");
    return folder;
}

/* Sets the folder of the mapping documents, if there is one. */
static void find_mappings(struct config_loading *loading, const struct document_place *top,
                          const char *path)
{
    struct document_place place = document_member(loading->document, top, "mappings");
    struct config *config = loading->config;
    char *folder = NULL;
    struct stat status;

    if (!document_read_path(loading->document, top, "mappings", &folder)) {
        if (place.value != NULL)
            return;
        folder = default_folder(path);
    }
    if (folder == NULL) {
        config_note_no_memory(loading, &place);
    } else if (stat(folder, &status) == 0 && S_ISDIR(status.st_mode)) {
        config->mappings_folder = folder;
        return;
    } else if (place.value != NULL) {
        document_error(loading->document, &place, "is no folder: %s", folder);
    }
    free(folder);
}

/* "state": the folder is never made here, as a mistyped name would go unnoticed. */
static void find_state(struct config_loading *loading, const struct document_place *top)
{
    struct document_place place = document_member(loading->document, top, "state");
    struct stat status;
    char *folder = NULL;

    if (!document_read_path(loading->document, top, "state", &folder))
        return;
    if (stat(folder, &status) == 0 && S_ISDIR(status.st_mode)) {
        loading->config->state_folder = folder;
        return;
    }
    document_error(loading->document, &place, "is no folder: %s", folder);
    free(folder);
}

static void read_main_document(struct config_loading *loading, const char *path)
{
    struct document_place top = document_top(loading->document);

    config_read_sections(loading, &top);
    find_mappings(loading, &top, path);
    find_state(loading, &top);
    document_refuse_unknown(loading->document, &top);
}

static int is_mapping_document(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return entry->d_name[0] != '.' && length > 5 &&
           strcmp(entry->d_name + length - 5, ".json") == 0;
}

/* By bytes, whatever the locale says (alphasort follows the locale). */
static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* One error of a document, to be sorted. */
struct error_line {
    const char *text; /* up to its newline */
    size_t length;
    unsigned long line;
};

/* By line; errors of one line stay in the order in which they were found (they lie in one text). */
static int by_line(const void *a, const void *b)
{
    const struct error_line *first = a;
    const struct error_line *second = b;

    if (first->line != second->line)
        return first->line < second->line ? -1 : 1;
    return first->text < second->text ? -1 : 1;
}

/* Splits "NAME:LINE: ..." lines; returns how many there are (at most `maximum`). */
static size_t split_errors(const char *text, size_t name_length, struct error_line *lines,
                           size_t maximum)
{
    size_t count = 0;

    while (*text != '\0' && count < maximum) {
        size_t length = strcspn(text, "\n");

        lines[count].text = text;
        lines[count].length = length;
        lines[count].line = length > name_length ? strtoul(text + name_length + 1, NULL, 10) : 0;
        count++;
        text += length + (text[length] == '\n' ? 1 : 0);
    }
    return count;
}

/* Appends the errors of a document in the order of its lines, however the sections were read. */
static void collect_errors(const struct document *document, const char *name, struct buffer *errors)
{
    const char *text = document_errors(document);
    struct error_line *lines;
    size_t count = 0;

    if (!document_has_errors(document))
        return;
    for (const char *at = text; *at != '\0'; at++)
        count += *at == '\n';
    lines = calloc(count + 1, sizeof *lines);
    if (lines == NULL || text[0] == '\0') {
        buffer_printf(errors, "%s: not enough memory\n", name);
        free(lines);
        return;
    }
    count = split_errors(text, strlen(name), lines, count + 1);
    qsort(lines, count, sizeof *lines, by_line);
    for (size_t i = 0; i < count; i++) {
        buffer_append(errors, lines[i].text, lines[i].length);
        buffer_append_char(errors, '\n');
    }
    free(lines);
}

static void read_mapping_document(struct config_loading *loading, const char *name)
{
    struct policy *policy = loading->policy;
    struct document *document;
    struct buffer path;

    buffer_init(&path, PATH_MAX);
    if (buffer_printf(&path, "%s/%s", loading->config->mappings_folder, name) == 0) {
        document = document_read_file(buffer_text(&path));
        if (document != NULL) {
            mapping_load_document(policy->mappings, document, &policy->defaults);
            collect_errors(document, buffer_text(&path), loading->errors);
            document_free(document);
        } else {
            buffer_printf(loading->errors, "%s: not enough memory\n", buffer_text(&path));
        }
    } else {
        buffer_printf(loading->errors, "%s: file name too long\n", name);
    }
    buffer_clear(&path);
}

static void read_mapping_documents(struct config_loading *loading)
{
    const char *folder = loading->config->mappings_folder;
    struct dirent **entries = NULL;
    int count = scandir(folder, &entries, is_mapping_document, by_bytes);

    if (count < 0) {
        buffer_printf(loading->errors, "%s: cannot be read\n", folder);
        return;
    }
    for (int i = 0; i < count; i++) {
        read_mapping_document(loading, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

/* Everything but the memory of `loading`: 0 or -1 when memory is short. */
static int load_documents(struct config_loading *loading, const char *path)
{
    struct policy *policy = loading->policy;

    policy->access = access_table_new();
    policy->media = media_table_new();
    if (policy->access == NULL || policy->media == NULL)
        return -1;
    loading->document = document_read_file(path);
    if (loading->document == NULL)
        return -1;
    read_main_document(loading, path);
    collect_errors(loading->document, path, loading->errors);
    document_free(loading->document);
    if (policy->mappings != NULL && loading->config->mappings_folder != NULL)
        read_mapping_documents(loading);
    return 0;
}

struct config *config_load(const char *path, struct buffer *errors)
{
    struct config_loading loading = {.config = config_new(), .errors = errors};

    if (loading.config != NULL)
        loading.policy = loading.config->policy;
    if (loading.config == NULL || load_documents(&loading, path) != 0)
        buffer_printf(errors, "%s: not enough memory\n", path);
    if (errors->length == 0 && !errors->failed)
        return loading.config;
    config_free(loading.config);
    return NULL;
}
