/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache_key.h"

#include <string.h>

#include "rest.h"
#include "uri.h"

/*
 * cache_key: a request as bytes in which everything of variable length stands behind its length,
 * so that two keys are equal only when all their parts are, and no target is the beginning of
 * another. The target comes first and ends with a mark of its own, then where messages go instead:
 * a change of the target counts whatever way it was asked. What only the gateway's side of the
 * request has (Echo, Hop-Limit, blocks ...) is left out.
 */

/* What introduces an option; END closes the target and then the options of the request. */
enum mark { MARK_END, MARK_PATH, MARK_QUERY, MARK_ACCEPT, MARK_CONTENT_FORMAT };

enum { DEFAULT_PORT = 5683, DEFAULT_SECURE_PORT = 5684 };

/* Room for a target always leaves enough for the rest of the longest key. */
enum { REST_MAX = 16 + CACHE_KEY_BODY_MAX };

static bool add(struct cache_key *key, const void *bytes, size_t length)
{
    if (length > sizeof key->bytes - key->length)
        return false;
    if (length > 0)
        memcpy(key->bytes + key->length, bytes, length);
    key->length = (uint16_t)(key->length + length);
    return true;
}

static bool add_byte(struct cache_key *key, uint8_t byte)
{
    return add(key, &byte, 1);
}

static bool add_u16(struct cache_key *key, uint16_t value)
{
    return add_byte(key, (uint8_t)(value >> 8)) && add_byte(key, (uint8_t)value);
}

static bool add_counted(struct cache_key *key, const void *bytes, size_t length)
{
    return length <= UINT8_MAX && add_byte(key, (uint8_t)length) && add(key, bytes, length);
}

static bool add_host(struct cache_key *key, const struct uri_authority *authority)
{
    if (!add_byte(key, (uint8_t)authority->host_kind))
        return false;
    if (authority->host_kind == URI_HOST_NAME)
        return add_counted(key, authority->host, strlen(authority->host));
    return add(key, authority->address, authority->host_kind == URI_HOST_IPV4 ? 4 : 16) &&
           add_counted(key, authority->zone, strlen(authority->zone));
}

static uint16_t port_of(const struct uri_authority *authority)
{
    if (authority->port != 0)
        return authority->port;
    return authority->scheme == URI_SCHEME_COAPS ? DEFAULT_SECURE_PORT : DEFAULT_PORT;
}

static bool add_options(struct cache_key *key, const struct rest_message *message, uint16_t number,
                        enum mark mark)
{
    for (size_t i = 0; i < message->option_count; i++) {
        const struct rest_option *option = &message->options[i];

        if (option->number == number &&
            (!add_byte(key, (uint8_t)mark) || !add_counted(key, option->value, option->length)))
            return false;
    }
    return true;
}

bool cache_key_set_target(struct cache_key *key, const struct uri_authority *authority,
                          const struct endpoint_address *connect,
                          const struct rest_message *message)
{
    uint16_t target_length;

    key->length = 0;
    key->target_length = key->base_length = 0;
    if (!add_byte(key, (uint8_t)authority->scheme) || !add_host(key, authority) ||
        !add_u16(key, port_of(authority)) ||
        !add_options(key, message, REST_OPTION_URI_PATH, MARK_PATH) ||
        !add_options(key, message, REST_OPTION_URI_QUERY, MARK_QUERY) || !add_byte(key, MARK_END))
        return false;
    target_length = key->length;
    if (!add_counted(key, connect, connect != NULL ? sizeof *connect : 0) ||
        key->length > sizeof key->bytes - REST_MAX)
        return false;
    key->target_length = target_length;
    key->base_length = key->length;
    return true;
}

/* A format as a number, whatever zeros it was written with. */
static bool add_format(struct cache_key *key, const struct rest_option *option, enum mark mark)
{
    uint32_t format;

    return rest_option_uint(option, &format) && format <= UINT16_MAX &&
           add_byte(key, (uint8_t)mark) && add_u16(key, (uint16_t)format);
}

/* Adds what the option means for the answer; false when that is not known. */
static bool add_influence(struct cache_key *key, const struct rest_option *option)
{
    switch (option->number) {
    case REST_OPTION_ACCEPT:
        return add_format(key, option, MARK_ACCEPT);
    case REST_OPTION_CONTENT_FORMAT:
        return add_format(key, option, MARK_CONTENT_FORMAT);
    case REST_OPTION_URI_HOST: /* the target */
    case REST_OPTION_URI_PORT:
    case REST_OPTION_URI_PATH:
    case REST_OPTION_URI_QUERY:
    case REST_OPTION_PROXY_URI:
    case REST_OPTION_PROXY_SCHEME:
    case REST_OPTION_ETAG: /* and how it is asked for */
    case REST_OPTION_OBSERVE:
    case REST_OPTION_HOP_LIMIT:
    case REST_OPTION_BLOCK1:
    case REST_OPTION_BLOCK2:
    case REST_OPTION_SIZE1:
    case REST_OPTION_SIZE2:
    case REST_OPTION_ECHO:
    case REST_OPTION_NO_RESPONSE:
        return true;
    default:
        return false;
    }
}

bool cache_key_set_request(struct cache_key *key, const struct rest_message *message)
{
    bool is_known = message->code == REST_GET ? message->payload_length == 0
                                              : message->code == REST_FETCH &&
                                                    message->payload_length <= CACHE_KEY_BODY_MAX;

    key->length = key->base_length;
    is_known = is_known && add_byte(key, message->code);
    for (size_t i = 0; is_known && i < message->option_count; i++)
        is_known = add_influence(key, &message->options[i]);
    /* The body ends where the key does. */
    if (is_known && add_byte(key, MARK_END) && add(key, message->payload, message->payload_length))
        return true;
    key->length = key->base_length;
    return false;
}
