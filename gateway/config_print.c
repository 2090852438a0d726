/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config_print: `coapgw --print-config`: the configuration in force as a document that coapgw loads
 * again, so that one sees what the defaults are and can keep them. Only members that this version
 * knows are shown. No member holds a secret: those stand in files that are named, and a file's
 * content is never shown.
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "buffer.h"
#include "endpoint_address.h"
#include "policy.h"
#include "settings.h"
#include "uri.h"

/* Seconds as a person writes them: 2, not 2.0. */
static json_t *seconds(uint32_t milliseconds)
{
    if (milliseconds % 1000 == 0)
        return json_integer(milliseconds / 1000);
    return json_real(milliseconds / 1000.0);
}

static json_t *size(size_t number)
{
    return json_integer((json_int_t)number);
}

static json_t *kept_or(json_t *kept, json_t *substitute)
{
    if (kept == NULL)
        return substitute;
    json_decref(substitute);
    return json_incref(kept);
}

static json_t *print_listen(const struct config *config)
{
    json_t *list = json_array();

    for (size_t i = 0; i < config->listen_count; i++)
        if (json_array_append_new(list, json_string(config->listen[i])) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}

static json_t *print_http(const struct config *config)
{
    const struct policy *policy = config->policy;
    const struct http_limits *limits = &config->limits;

    return json_pack("{s:o, s:s, s:{s:o, s:o, s:o, s:o, s:o, s:o, s:o}, s:b, s:{s:s, s:s, s:b}}",
                     "listen", print_listen(config), "name", policy->name, "limits", "body",
                     size(limits->body), "header", size(limits->header), "connections",
                     size(limits->connections), "streams", size(policy->stream_limits.streams),
                     "idle_timeout", seconds(limits->idle_timeout_ms), "request_timeout",
                     seconds(limits->request_timeout_ms), "memory", size(policy->memory),
                     "forward_proxy", (int)policy->forward_proxy, "methods", "patch",
                     policy->defaults.patch_is_ipatch ? "ipatch" : "patch", "query",
                     policy->takes_query ? "fetch" : "off", "method_override",
                     (int)policy->defaults.method_override);
}

static int add_bind(const struct config *config, json_t *coap)
{
    char text[ENDPOINT_ADDRESS_TEXT_SIZE];

    if (!config->has_bind)
        return 0;
    return json_object_set_new(coap, "bind",
                               json_string(endpoint_address_format(&config->bind, text)));
}

static int add_no_response(const struct settings *settings, json_t *coap)
{
    if (!settings->has_no_response)
        return 0;
    return json_object_set_new(coap, "no_response", json_integer(settings->no_response));
}

static int add_upstream_proxy(const struct policy *policy, json_t *coap)
{
    struct buffer text;
    int result = -1;

    if (!policy->has_upstream_proxy)
        return 0;
    buffer_init(&text, 512);
    if (uri_compose_authority(&text, &policy->upstream_proxy) == 0)
        result = json_object_set_new(coap, "upstream_proxy", json_string(buffer_text(&text)));
    buffer_clear(&text);
    return result;
}

static json_t *print_coap(const struct config *config)
{
    const struct policy *policy = config->policy;
    const struct settings *settings = &policy->defaults.settings;
    json_t *coap = json_pack(
        "{s:o, s:o, s:i, s:i, s:o, s:b, s:o, s:o, s:o, s:s, s:i, s:i, s:s, s:i, s:o, s:o, s:i}",
        "ack_timeout", seconds(settings->ack_timeout_ms), "ack_random_factor",
        json_real(settings->ack_random_percent / 100.0), "max_retransmit",
        (int)settings->max_retransmit, "nstart", (int)settings->nstart, "probing_rate",
        json_real(settings->probing_rate_milli / 1000.0), "unsafe_timing",
        (int)settings->has_unsafe_timing, "deadline", seconds(settings->deadline_ms),
        "acked_deadline", seconds(settings->acked_deadline_ms), "transfer_deadline",
        seconds(settings->transfer_deadline_ms), "type",
        settings->is_non_confirmable ? "non" : "con", "block_size", (int)settings->block_size,
        "blockwise_threshold", (int)settings->blockwise_threshold, "block_token",
        settings->block_token == BLOCK_TOKEN_FRESH ? "fresh" : "reuse", "queue_per_node",
        (int)settings->queue_per_node, "outstanding", size(policy->outstanding), "max_body",
        size(config->coap_max_body), "hop_limit", (int)settings->hop_limit);

    if (coap != NULL && (add_bind(config, coap) != 0 || add_no_response(settings, coap) != 0 ||
                         add_upstream_proxy(policy, coap) != 0)) {
        json_decref(coap);
        return NULL;
    }
    return coap;
}

static json_t *print_media(const struct config *config)
{
    const struct policy *policy = config->policy;

    return json_pack("{s:b, s:b, s:b, s:o}", "loose", (int)policy->defaults.has_loose,
                     "coap_payload", (int)policy->takes_coap_payload, "strict_accept",
                     (int)policy->defaults.strict_accept, "formats",
                     kept_or(config->formats, json_object()));
}

static json_t *print_cache(const struct policy *policy)
{
    return json_pack("{s:o, s:o, s:b}", "bytes", size(policy->cache_limits.bytes), "entries",
                     size(policy->cache_limits.entries), "auto_observe", (int)policy->auto_observe);
}

static json_t *print_observe(const struct policy *policy)
{
    const struct observation_limits *nodes = &policy->observation_limits;
    const struct stream_limits *streams = &policy->stream_limits;

    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "registrations", size(nodes->registrations),
                     "registrations_per_node", size(nodes->registrations_per_node), "poll_minimum",
                     seconds(nodes->poll_minimum_ms), "heartbeat", seconds(streams->heartbeat_ms),
                     "retry", seconds(streams->retry_ms), "queue", size(streams->queue));
}

static json_t *print_log(const struct config *config)
{
    static const char *const levels[] = {
        [LOG_LEVEL_ERROR] = "error",
        [LOG_LEVEL_WARNING] = "warning",
        [LOG_LEVEL_INFO] = "info",
        [LOG_LEVEL_DEBUG] = "debug",
    };

    return json_pack("{s:s, s:s, s:b}", "level", levels[config->log_level], "format",
                     config->log_format == LOG_FORMAT_JSON ? "json" : "text", "access",
                     (int)config->policy->writes_access_log);
}

/* What stands for "hc" when the member is absent (RFC 8075 5.2). */
static json_t *default_hc(void)
{
    return json_pack("[{s:s, s:s}]", "uri", "/hc/", "template", "{+tu}");
}

/* A folder (NULL: none) by its absolute name: the printed document may be kept anywhere. */
static int add_folder(json_t *top, const char *key, const char *path)
{
    char *folder;
    int result;

    if (path == NULL)
        return 0;
    folder = realpath(path, NULL);
    if (folder == NULL)
        return -1;
    result = json_object_set_new(top, key, json_string(folder));
    free(folder);
    return result;
}

static json_t *print_document(const struct config *config)
{
    json_t *top = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "http", print_http(config), "auth",
        config->policy->is_open ? json_string("none") : json_object(), "access",
        kept_or(config->access, json_array()), "hc", kept_or(config->hc, default_hc()), "coap",
        print_coap(config), "media", print_media(config), "cache", print_cache(config->policy),
        "observe", print_observe(config->policy), "log", print_log(config));

    if (top != NULL && (add_folder(top, "mappings", config->mappings_folder) != 0 ||
                        add_folder(top, "state", config->state_folder) != 0)) {
        json_decref(top);
        return NULL;
    }
    return top;
}

int config_print(const struct config *config, struct buffer *out)
{
    json_t *top = print_document(config);
    char *text = top == NULL ? NULL : json_dumps(top, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    int result = -1;

    if (text != NULL && buffer_append_text(out, text) == 0 && buffer_append_char(out, '\n') == 0)
        result = 0;
    free(text);
    json_decref(top);
    return result;
}
