/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_sections: one function for each section of coapgw.json. A member that is right is stored,
 * a wrong one is noted with what would be right, and its default stays.
 */
#include "config_private.h"

#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "buffer.h"
#include "document.h"
#include "mapping.h"
#include "media_type.h"
#include "policy.h"
#include "settings.h"
#include "uri.h"

enum {
    HEADER_MINIMUM = 8192, /* RFC 9112 3: request lines of 8000 octets are to be supported */
    HEADER_MAXIMUM = 65536,
    BODY_MAXIMUM = 1 << 30,
    CACHE_MAXIMUM = 1 << 30,
    CACHE_ENTRIES_MAXIMUM = 10000000,
    MEMORY_MINIMUM = 65536,
    STREAMS_MAXIMUM = 1000000,
    REGISTRATIONS_MAXIMUM = 1000000,
    QUEUE_MAXIMUM = 1000, /* events that wait for one reader */
};

/* Members that later versions bring, by the object they stand in. */
static const char *const unbuilt_at_top[] = {"cors", "security", NULL};
static const char *const unbuilt_in_http[] = {"tls", "insecure_http", "hosts", "trusted_proxies",
                                              NULL};
static const char *const unbuilt_in_limits[] = {"connections_per_client", "requests_per_second",
                                                NULL};
static const char *const unbuilt_in_auth[] = {"tokens", "passwords", "client_certificates", NULL};
static const char *const unbuilt_in_coap[] = {"listen", NULL};

static void refuse_unbuilt(struct document *document, const struct document_place *place,
                           const char *const keys[])
{
    for (size_t i = 0; keys[i] != NULL; i++)
        document_refuse_unbuilt(document, place, keys[i]);
}

static void read_size(struct document *document, const struct document_place *place,
                      const char *key, uint64_t minimum, uint64_t maximum, size_t *size)
{
    uint64_t number;

    if (document_read_number(document, place, key, minimum, maximum, &number))
        *size = (size_t)number;
}

/* The index of the string member `key` in `words`, or -1 when it is absent or wrong. */
static int read_word(struct document *document, const struct document_place *place, const char *key,
                     const char *const words[])
{
    struct document_place member;
    struct buffer expected;
    const char *text;

    if (!document_read_string(document, place, key, &text))
        return -1;
    for (int i = 0; words[i] != NULL; i++)
        if (strcmp(words[i], text) == 0)
            return i;
    buffer_init(&expected, 200);
    for (int i = 0; words[i] != NULL; i++)
        buffer_printf(&expected, "%s\"%s\"", i == 0 ? "" : ", ", words[i]);
    member = document_member(document, place, key);
    document_error(document, &member, "must be one of %s", buffer_text(&expected));
    buffer_clear(&expected);
    return -1;
}

static bool is_listed(const struct config *config, const char *address)
{
    for (size_t i = 0; i < config->listen_count; i++)
        if (strcmp(config->listen[i], address) == 0)
            return true;
    return false;
}

/* "http.listen" */
static void read_listen(struct config_loading *loading, const struct document_place *http)
{
    struct document *document = loading->document;
    struct document_place listen = document_member(document, http, "listen");
    size_t count;

    if (listen.value == NULL || !document_expect_array(document, &listen))
        return;
    count = json_array_size(listen.value);
    if (count == 0) {
        document_error(document, &listen, "must have at least one address");
        return;
    }
    if (config_reserve_listen(loading->config, count) != 0) {
        config_note_no_memory(loading, &listen);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        struct document_place element = document_element(&listen, i);
        const char *text = json_string_value(element.value);
        struct endpoint_address address;
        bool has_port = false;

        if (text == NULL || !config_parse_address(text, &address, &has_port) || !has_port)
            document_error(document, &element,
                           "must be an address and a port, such as \"127.0.0.1:8080\" or "
                           "\"[::1]:8080\"");
        else if (address.port != 0 && is_listed(loading->config, text))
            document_error(document, &element, "stands in the list already");
        else if (config_add_listen(loading->config, text) != 0)
            config_note_no_memory(loading, &element);
    }
}

bool config_is_name(const char *text)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                  "-._~:[]";

    return text[0] != '\0' && strlen(text) <= 255 && text[strspn(text, allowed)] == '\0';
}

/* "http.name" */
static void read_name(struct config_loading *loading, const struct document_place *http)
{
    struct document_place place = document_member(loading->document, http, "name");
    const char *text;

    if (!document_read_string(loading->document, http, "name", &text))
        return;
    if (!config_is_name(text)) {
        document_error(loading->document, &place,
                       "must be a host name or a word like one, of at most 255 characters");
        return;
    }
    if (policy_set_name(loading->policy, text, true) != 0)
        config_note_no_memory(loading, &place);
}

/* "http.limits" */
static void read_limits(struct config_loading *loading, const struct document_place *http)
{
    struct document *document = loading->document;
    struct http_limits *limits = &loading->config->limits;
    struct document_place place = document_member(document, http, "limits");
    uint64_t connections;

    if (!document_expect_object(document, &place))
        return;
    read_size(document, &place, "body", 0, BODY_MAXIMUM, &limits->body);
    read_size(document, &place, "header", HEADER_MINIMUM, HEADER_MAXIMUM, &limits->header);
    if (document_read_number(document, &place, "connections", 1, 1000000, &connections))
        limits->connections = (unsigned)connections;
    read_size(document, &place, "streams", 0, STREAMS_MAXIMUM,
              &loading->policy->stream_limits.streams);
    read_size(document, &place, "memory", MEMORY_MINIMUM, UINT32_MAX, &loading->policy->memory);
    document_read_seconds(document, &place, "idle_timeout", 0.1, 86400, &limits->idle_timeout_ms);
    document_read_seconds(document, &place, "request_timeout", 0.1, 86400,
                          &limits->request_timeout_ms);
    refuse_unbuilt(document, &place, unbuilt_in_limits);
    document_refuse_unknown(document, &place);
}

/* "http.methods" */
static void read_methods(struct config_loading *loading, const struct document_place *http)
{
    static const char *const patch_words[] = {"patch", "ipatch", NULL};
    static const char *const query_words[] = {"off", "fetch", NULL};
    struct document *document = loading->document;
    struct mapping_policy *defaults = &loading->policy->defaults;
    struct document_place place = document_member(document, http, "methods");
    int word;

    if (!document_expect_object(document, &place))
        return;
    word = read_word(document, &place, "patch", patch_words);
    if (word >= 0)
        defaults->patch_is_ipatch = word == 1;
    word = read_word(document, &place, "query", query_words);
    if (word >= 0)
        loading->policy->takes_query = word == 1;
    document_read_bool(document, &place, "method_override", &defaults->method_override);
    document_refuse_unknown(document, &place);
}

static void read_http(struct config_loading *loading, const struct document_place *top)
{
    struct document *document = loading->document;
    struct document_place http = document_member(document, top, "http");

    if (!document_expect_object(document, &http))
        return;
    read_listen(loading, &http);
    read_name(loading, &http);
    read_limits(loading, &http);
    document_read_bool(document, &http, "forward_proxy", &loading->policy->forward_proxy);
    read_methods(loading, &http);
    refuse_unbuilt(document, &http, unbuilt_in_http);
    document_refuse_unknown(document, &http);
}

/* "auth": the word "none", or an object; an empty one demands credentials that nobody has. */
static void read_auth(struct config_loading *loading, const struct document_place *top)
{
    struct document *document = loading->document;
    struct document_place auth = document_member(document, top, "auth");
    const char *text = json_string_value(auth.value);

    if (text != NULL && strcmp(text, "none") == 0) {
        loading->policy->is_open = true;
        return;
    }
    if (auth.value == NULL)
        return;
    if (!json_is_object(auth.value)) {
        document_error(document, &auth, "must be \"none\" or an object: { ... }");
        return;
    }
    refuse_unbuilt(document, &auth, unbuilt_in_auth);
    document_refuse_unknown(document, &auth);
}

/* "coap.bind" */
static void read_bind(struct config_loading *loading, const struct document_place *coap)
{
    struct config *config = loading->config;
    struct document_place place = document_member(loading->document, coap, "bind");
    const char *text;
    bool has_port;

    if (!document_read_string(loading->document, coap, "bind", &text))
        return;
    config->has_bind = config_parse_address(text, &config->bind, &has_port);
    if (!config->has_bind)
        document_error(loading->document, &place,
                       "must be an address with or without a port, such as \"0.0.0.0:5683\" or "
                       "\"[::]\"");
}

/* "coap.upstream_proxy" */
static void read_upstream_proxy(struct config_loading *loading, const struct document_place *coap)
{
    struct policy *policy = loading->policy;
    struct document_place place = document_member(loading->document, coap, "upstream_proxy");
    struct uri_parts parts;
    const char *text;
    int error;

    if (!document_read_string(loading->document, coap, "upstream_proxy", &text))
        return;
    error = uri_parse(text, strlen(text), URI_SCHEME_NONE, &parts);
    if (error != URI_OK) {
        document_error(loading->document, &place, "%s", uri_error_text(error));
    } else if (parts.authority.scheme != URI_SCHEME_COAP) {
        document_error(loading->document, &place,
                       "only the scheme \"coap\" is available in this version");
    } else if (parts.path_length > 1 || parts.has_query) {
        document_error(loading->document, &place,
                       "must be a scheme, a host and perhaps a port, without a path");
    } else {
        policy->has_upstream_proxy = true;
        policy->upstream_proxy = parts.authority;
    }
}

/* "coap": what one node may have in its own way is read by settings, the rest here. */
static void read_coap(struct config_loading *loading, const struct document_place *top)
{
    struct document *document = loading->document;
    struct policy *policy = loading->policy;
    struct document_place coap = document_member(document, top, "coap");

    if (!document_expect_object(document, &coap))
        return;
    settings_read(&policy->defaults.settings, document, &coap, SETTINGS_GLOBAL);
    read_size(document, &coap, "outstanding", 1, 1000000, &policy->outstanding);
    read_size(document, &coap, "max_body", 0, BODY_MAXIMUM, &loading->config->coap_max_body);
    read_bind(loading, &coap);
    read_upstream_proxy(loading, &coap);
    refuse_unbuilt(document, &coap, unbuilt_in_coap);
    document_refuse_unknown(document, &coap);
}

static void read_media(struct config_loading *loading, const struct document_place *top)
{
    struct document *document = loading->document;
    struct policy *policy = loading->policy;
    struct document_place media = document_member(document, top, "media");
    struct document_place formats;

    if (!document_expect_object(document, &media))
        return;
    document_read_bool(document, &media, "loose", &policy->defaults.has_loose);
    document_read_bool(document, &media, "coap_payload", &policy->takes_coap_payload);
    document_read_bool(document, &media, "strict_accept", &policy->defaults.strict_accept);
    formats = document_member(document, &media, "formats");
    if (document_expect_object(document, &formats)) {
        media_table_load(policy->media, document, &formats);
        loading->config->formats = json_incref(formats.value);
    }
    document_refuse_unknown(document, &media);
}

static void read_cache(struct config_loading *loading, const struct document_place *top)
{
    struct document *document = loading->document;
    struct cache_limits *limits = &loading->policy->cache_limits;
    struct document_place cache = document_member(document, top, "cache");

    if (!document_expect_object(document, &cache))
        return;
    read_size(document, &cache, "bytes", 0, CACHE_MAXIMUM, &limits->bytes);
    read_size(document, &cache, "entries", 0, CACHE_ENTRIES_MAXIMUM, &limits->entries);
    document_read_bool(document, &cache, "auto_observe", &loading->policy->auto_observe);
    document_refuse_unknown(document, &cache);
}

static void read_observe(struct config_loading *loading, const struct document_place *top)
{
    struct document *document = loading->document;
    struct observation_limits *nodes = &loading->policy->observation_limits;
    struct stream_limits *streams = &loading->policy->stream_limits;
    struct document_place observe = document_member(document, top, "observe");

    if (!document_expect_object(document, &observe))
        return;
    read_size(document, &observe, "registrations", 1, REGISTRATIONS_MAXIMUM, &nodes->registrations);
    read_size(document, &observe, "registrations_per_node", 1, REGISTRATIONS_MAXIMUM,
              &nodes->registrations_per_node);
    document_read_seconds(document, &observe, "poll_minimum", 0.1, 86400, &nodes->poll_minimum_ms);
    document_read_seconds(document, &observe, "heartbeat", 0.1, 86400, &streams->heartbeat_ms);
    document_read_seconds(document, &observe, "retry", 0.1, 86400, &streams->retry_ms);
    read_size(document, &observe, "queue", 1, QUEUE_MAXIMUM, &streams->queue);
    document_refuse_unknown(document, &observe);
}

static void read_log(struct config_loading *loading, const struct document_place *top)
{
    static const char *const level_words[] = {"error", "warning", "info", "debug", NULL};
    static const char *const format_words[] = {"text", "json", NULL};
    struct document *document = loading->document;
    struct document_place place = document_member(document, top, "log");
    int word;

    if (!document_expect_object(document, &place))
        return;
    word = read_word(document, &place, "level", level_words);
    if (word >= 0)
        loading->config->log_level = (enum log_level)word;
    word = read_word(document, &place, "format", format_words);
    if (word >= 0)
        loading->config->log_format = (enum log_format)word;
    document_read_bool(document, &place, "access", &loading->policy->writes_access_log);
    document_refuse_unknown(document, &place);
}

/* "access" and "hc" */
static void read_tables(struct config_loading *loading, const struct document_place *top)
{
    struct document *document = loading->document;
    struct config *config = loading->config;
    struct document_place access = document_member(document, top, "access");
    struct document_place hc = document_member(document, top, "hc");

    if (access.value != NULL) {
        access_load(loading->policy->access, document, &access);
        config->access = json_incref(access.value);
    }
    mapping_load_hc(loading->policy->mappings, document, &hc);
    if (hc.value != NULL)
        config->hc = json_incref(hc.value);
}

void config_read_sections(struct config_loading *loading, const struct document_place *top)
{
    struct config *config = loading->config;
    struct policy *policy = loading->policy;

    read_http(loading, top);
    read_auth(loading, top);
    read_coap(loading, top);
    read_media(loading, top);
    read_cache(loading, top);
    read_observe(loading, top);
    read_log(loading, top);
    policy->maximum_reply = config->coap_max_body;
    policy->maximum_body =
        config->limits.body < config->coap_max_body ? config->limits.body : config->coap_max_body;
    /* Behind "coap", whose settings hold for every target that has none of its own. */
    policy->mappings = mapping_table_new(&policy->defaults.settings);
    if (policy->mappings == NULL)
        config_note_no_memory(loading, top);
    else
        read_tables(loading, top);
    refuse_unbuilt(loading->document, top, unbuilt_at_top);
}
