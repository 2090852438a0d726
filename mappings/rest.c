/* SPDX-License-Identifier: BSD-2-Clause */
#include "rest.h"

#include <stdio.h>
#include <string.h>

/*
 * rest: the message in CoAP-shaped terms between the mappings and the codec. Options are a sorted
 * array of at most REST_OPTIONS_MAX entries, so that writing them ascending is a walk; the values
 * of a request live in an arena inside it, those of a response in the datagram. Nothing is
 * allocated. What is known of each option stands once, in tables/options.h.
 */

struct option_facts {
    const char *name;
    uint16_t minimum;
    uint16_t maximum;
    bool is_repeatable;
    bool is_taken; /* in a response */
};

static bool find_facts(uint16_t number, struct option_facts *facts)
{
    switch (number) {
#define OPTION(id, option_number, text, min, max, repeatable, taken)                               \
    case option_number:                                                                            \
        *facts = (struct option_facts){text, min, max, repeatable, taken};                         \
        return true;
#include "tables/options.h"
#undef OPTION
    default:
        return false;
    }
}

/* RFC 7252 5.4.1, 5.4.2: properties that an option's number shows. */
static bool is_critical(uint16_t number)
{
    return number & 1;
}

static bool is_unsafe(uint16_t number)
{
    return number & 2;
}

void rest_request_init(struct rest_request *request)
{
    request->message.code = 0;
    request->message.option_count = 0;
    request->message.payload = NULL;
    request->message.payload_length = 0;
    request->arena_used = 0;
}

int rest_request_add(struct rest_request *request, uint16_t number, const void *value,
                     size_t length)
{
    struct rest_message *message = &request->message;
    if (message->option_count >= REST_OPTIONS_MAX ||
        length > sizeof(request->arena) - request->arena_used)
        return -1;

    uint8_t *copy = request->arena + request->arena_used;
    if (length > 0)
        memcpy(copy, value, length);
    request->arena_used += length;

    size_t at = message->option_count;
    while (at > 0 && message->options[at - 1].number > number) {
        message->options[at] = message->options[at - 1];
        at--;
    }
    message->options[at] = (struct rest_option){number, (uint16_t)length, copy};
    message->option_count++;
    return 0;
}

int rest_request_add_uint(struct rest_request *request, uint16_t number, uint32_t value)
{
    uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                        (uint8_t)value};
    size_t zeros = 0;
    while (zeros < sizeof(bytes) && bytes[zeros] == 0)
        zeros++;
    return rest_request_add(request, number, bytes + zeros, sizeof(bytes) - zeros);
}

void rest_request_remove(struct rest_request *request, uint16_t number)
{
    struct rest_message *message = &request->message;
    size_t kept = 0;
    for (size_t i = 0; i < message->option_count; i++) {
        const struct rest_option *option = &message->options[i];
        if (option->number != number) {
            message->options[kept++] = *option;
            continue;
        }
        /* Gives the bytes back when they were the last ones taken: so trying one Accept candidate
         * after another needs no room. */
        if (option->value + option->length == request->arena + request->arena_used)
            request->arena_used -= option->length;
    }
    message->option_count = kept;
}

/* Bytes that a delta or a length takes beside its nibble (RFC 7252 3.1). */
static size_t extended_size(size_t n)
{
    return n < 13 ? 0 : n < 269 ? 1 : 2;
}

size_t rest_options_size(const struct rest_message *message)
{
    size_t size = 0;
    uint16_t previous = 0;
    for (size_t i = 0; i < message->option_count; i++) {
        const struct rest_option *option = &message->options[i];
        size += 1 + extended_size((size_t)(option->number - previous)) +
                extended_size(option->length) + option->length;
        previous = option->number;
    }
    return size;
}

const struct rest_option *rest_find_option(const struct rest_message *message, uint16_t number)
{
    for (size_t i = 0; i < message->option_count; i++) {
        if (message->options[i].number == number)
            return &message->options[i];
        if (message->options[i].number > number)
            break;
    }
    return NULL;
}

bool rest_message_add_option(struct rest_message *out, const struct rest_message *message,
                             uint16_t number, const uint8_t *value, size_t length)
{
    size_t at = 0;

    while (at < message->option_count && message->options[at].number < number)
        at++;
    if (message->option_count == REST_OPTIONS_MAX ||
        (at < message->option_count && message->options[at].number == number))
        return false;
    out->code = message->code;
    out->option_count = message->option_count + 1;
    memcpy(out->options, message->options, at * sizeof out->options[0]);
    out->options[at] = (struct rest_option){number, (uint16_t)length, value};
    memcpy(out->options + at + 1, message->options + at,
           (message->option_count - at) * sizeof out->options[0]);
    out->payload = message->payload;
    out->payload_length = message->payload_length;
    return true;
}

bool rest_insert_option(struct rest_message *message, const struct rest_option *option)
{
    size_t at = message->option_count;

    if (at == REST_OPTIONS_MAX)
        return false;
    while (at > 0 && message->options[at - 1].number > option->number) {
        message->options[at] = message->options[at - 1];
        at--;
    }
    message->options[at] = *option;
    message->option_count++;
    return true;
}

bool rest_option_uint(const struct rest_option *option, uint32_t *value)
{
    if (option->length > 4)
        return false;
    *value = 0;
    for (size_t i = 0; i < option->length; i++)
        *value = *value << 8 | option->value[i];
    return true;
}

/* What becomes of one option of a response. */
enum handling { HANDLING_KEEP, HANDLING_DROP, HANDLING_CRITICAL, HANDLING_UNSAFE };

static enum handling judge(const struct rest_option *option, bool is_further)
{
    uint16_t number = option->number;
    struct option_facts facts;
    bool is_known = find_facts(number, &facts) && facts.is_taken;
    if (is_known && option->length >= facts.minimum && option->length <= facts.maximum &&
        (facts.is_repeatable || !is_further))
        return HANDLING_KEEP;
    if (is_critical(number))
        return HANDLING_CRITICAL;
    /* A known option too much or of a wrong size is ignored even when it is unsafe: what it would
     * have meant for forwarding is known (OPT-26). */
    if (!is_known && is_unsafe(number))
        return HANDLING_UNSAFE;
    return HANDLING_DROP;
}

enum rest_verdict rest_check_response(struct rest_message *response, uint16_t *number)
{
    size_t kept = 0;
    for (size_t i = 0; i < response->option_count; i++) {
        struct rest_option option = response->options[i];
        bool is_further = kept > 0 && response->options[kept - 1].number == option.number;
        switch (judge(&option, is_further)) {
        case HANDLING_KEEP:
            response->options[kept++] = option;
            break;
        case HANDLING_DROP:
            break;
        case HANDLING_CRITICAL:
            *number = option.number;
            return REST_VERDICT_CRITICAL;
        case HANDLING_UNSAFE:
            *number = option.number;
            return REST_VERDICT_UNSAFE;
        }
    }
    response->option_count = kept;
    return REST_VERDICT_FINE;
}

bool rest_option_is_unrecognised(uint16_t number, size_t length)
{
    struct option_facts facts;
    return !find_facts(number, &facts) || length < facts.minimum || length > facts.maximum;
}

const char *rest_option_name(uint16_t number)
{
    struct option_facts facts;
    return find_facts(number, &facts) ? facts.name : NULL;
}

bool rest_option_names_resource(uint16_t number)
{
    switch (number) {
    case REST_OPTION_URI_HOST:
    case REST_OPTION_URI_PORT:
    case REST_OPTION_URI_PATH:
    case REST_OPTION_URI_QUERY:
    case REST_OPTION_PROXY_URI:
    case REST_OPTION_PROXY_SCHEME:
        return true;
    default:
        return false;
    }
}

const char *rest_code_format(uint8_t code, char text[8])
{
    snprintf(text, 8, "%d.%02d", REST_CODE_CLASS(code), REST_CODE_DETAIL(code));
    return text;
}
