/* SPDX-License-Identifier: BSD-2-Clause */
#include "model_private.h"

#include <stdio.h>
#include <string.h>

#include "dice.h"
#include "memory.h"

/*
 * model_resource: what requests mean to a model node: its resources with their methods and
 * preconditions (RFC 7252 5), bodies that come in blocks and answers that go out in them (RFC
 * 7959). An upload belongs to the peer, the options that are part of a cache key, and the
 * Request-Tag (RFC 9175 3.3); the answer to an unsafe request is kept so that its further blocks
 * are those of the same answer.
 */

enum { GET = 1, POST = 2, PUT = 3, DELETE = 4, FETCH = 5 };

struct block {
    bool is_there;
    uint32_t number;
    bool more;
    unsigned size; /* 0: the reserved SZX 7 */
};

static struct block read_block(const struct wire_message *request, uint16_t number)
{
    uint32_t value = wire_uint(request, number, 0);
    unsigned szx = value & 7;

    return (struct block){
        .is_there = wire_find(request, number) != NULL,
        .number = value >> 4,
        .more = (value & 8) != 0,
        .size = szx == 7 ? 0 : 16u << szx,
    };
}

static void add_block(struct wire_message *response, uint16_t number, uint32_t index, bool more,
                      unsigned size)
{
    unsigned szx = 0;

    while (16u << szx < size)
        szx++;
    wire_add_uint(response, number, index << 4 | (more ? 8u : 0u) | szx);
}

static void respond_text(struct wire_message *response, uint8_t code, const char *text)
{
    response->code = code;
    response->payload = (const uint8_t *)text;
    response->payload_length = strlen(text);
}

/* --- resources --- */

static void set_value(struct model_node *node, unsigned index, const uint8_t *bytes, size_t length)
{
    struct model_resource *resource = &node->resources[index];

    resource->exists = bytes != NULL;
    resource->version = node->next_version++;
    if (bytes != NULL && length > 0) {
        resource->value = memory_resize(resource->value, length);
        memcpy(resource->value, bytes, length);
    }
    resource->length = length;
    node->host.value_is(node->host.handle, index, bytes, length);
    model_observe_changed(node, index);
}

void model_node_change(struct model_node *node, uint64_t now_us, unsigned resource)
{
    node->now_us = now_us;
    size_t length =
        node->host.make_value(node->host.handle, resource, node->scratch, MODEL_VALUE_MAX);
    set_value(node, resource, node->scratch, length);
}

void model_node_remove(struct model_node *node, uint64_t now_us, unsigned resource)
{
    node->now_us = now_us;
    if (node->resources[resource].exists)
        set_value(node, resource, NULL, 0);
}

void model_resources_init(struct model_node *node)
{
    for (unsigned i = 0; i < node->traits.resources; i++)
        model_node_change(node, node->now_us, i);
}

void model_resources_clear(struct model_node *node)
{
    for (unsigned i = 0; i < MODEL_RESOURCES_MAX; i++) {
        memory_return(node->resources[i].value);
        node->resources[i] = (struct model_resource){0};
    }
    while (!TAILQ_EMPTY(&node->uploads))
        model_transfer_drop(&node->uploads, TAILQ_FIRST(&node->uploads));
    while (!TAILQ_EMPTY(&node->downloads))
        model_transfer_drop(&node->downloads, TAILQ_FIRST(&node->downloads));
}

/* "/rN" with N below the number of resources, or -1. */
int model_find_resource(const struct model_node *node, const struct wire_message *request)
{
    const struct wire_option *path = wire_find(request, WIRE_URI_PATH);
    unsigned index = 0;

    if (path == NULL || path->length < 2 || path->length > 3 || path->value[0] != 'r')
        return -1;
    for (size_t i = 1; i < path->length; i++) {
        if (path->value[i] < '0' || path->value[i] > '9')
            return -1;
        index = 10 * index + (unsigned)(path->value[i] - '0');
    }
    for (size_t i = 0; i < request->option_count; i++)
        if (request->options[i].number == WIRE_URI_PATH && &request->options[i] != path)
            return -1;
    return index < node->traits.resources ? (int)index : -1;
}

/* The text behind "q=" of the query, "" when there is none. */
static void read_tag(const struct wire_message *request, char tag[MODEL_TAG_MAX])
{
    tag[0] = '\0';
    for (size_t i = 0; i < request->option_count; i++) {
        const struct wire_option *option = &request->options[i];
        if (option->number != WIRE_URI_QUERY || option->length < 2 ||
            memcmp(option->value, "q=", 2) != 0 || option->length - 2u >= MODEL_TAG_MAX)
            continue;
        memcpy(tag, option->value + 2, option->length - 2u);
        tag[option->length - 2] = '\0';
    }
}

static uint32_t etag_of(const struct model_node *node, uint32_t version)
{
    return node->traits.has_same_etags ? 7 : version;
}

static bool etag_matches(const struct model_node *node, const struct model_resource *resource,
                         const struct wire_option *option)
{
    uint32_t tag = etag_of(node, resource->version);
    const uint8_t etag[4] = {(uint8_t)(tag >> 24), (uint8_t)(tag >> 16), (uint8_t)(tag >> 8),
                             (uint8_t)tag};

    return option->length == sizeof etag && memcmp(option->value, etag, sizeof etag) == 0;
}

static void add_etag(struct wire_message *response, uint32_t version)
{
    uint8_t *at = response->arena + response->arena_used;

    if (response->arena_used + 4 > sizeof response->arena)
        return;
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(version >> (24 - 8 * i));
    response->arena_used += 4;
    wire_add(response, WIRE_ETAG, at, 4);
}

/* RFC 7252 5.10.8 */
static bool preconditions_hold(const struct model_node *node, const struct model_resource *resource,
                               const struct wire_message *request)
{
    bool wants_match = false;
    bool has_match = false;

    for (size_t i = 0; i < request->option_count; i++) {
        const struct wire_option *option = &request->options[i];
        if (option->number == WIRE_IF_NONE_MATCH && resource->exists)
            return false;
        if (option->number != WIRE_IF_MATCH)
            continue;
        wants_match = true;
        has_match |=
            resource->exists && (option->length == 0 || etag_matches(node, resource, option));
    }
    return !wants_match || has_match;
}

/* --- answers in blocks --- */

static unsigned draw_block_size(struct model_node *node, unsigned size)
{
    while (node->traits.shrinks_blocks && size > 16 && dice_chance(node->dice, 100))
        size /= 2;
    return size;
}

/* The offset of the block that goes out, which should be the one that was asked for. */
static uint64_t err(struct model_node *node, uint64_t offset, unsigned size, size_t total)
{
    if (offset >= size && dice_chance(node->dice, node->traits.repeats_permille))
        return offset - size;
    if (offset + size < total && dice_chance(node->dice, node->traits.skips_permille))
        return offset + size;
    return offset;
}

/* Cuts the payload to the block that is asked for, or to the first when it is too long for one. */
static void cut(struct model_node *node, const struct wire_message *request,
                struct wire_message *response)
{
    struct block wish = read_block(request, WIRE_BLOCK2);
    size_t total = response->payload_length;
    unsigned size = node->traits.block_size;

    if (node->traits.takes_no_blocks || (!wish.is_there && total <= size))
        return;
    if (wish.is_there && wish.size == 0) {
        wire_init(response, response->type, WIRE_CODE(4, 0));
        return;
    }
    uint64_t offset = wish.is_there ? (uint64_t)wish.number * wish.size : 0;
    if (wish.is_there && wish.size < size)
        size = wish.size;
    if (offset > 0 && offset >= total) {
        wire_init(response, response->type, WIRE_CODE(4, 0));
        return;
    }
    size = draw_block_size(node, size);
    offset = err(node, offset, size, total);
    size_t left = total - (size_t)offset;
    if (offset > 0)
        response->payload += offset;
    response->payload_length = left < size ? left : size;
    if (left > size && dice_chance(node->dice, node->traits.trims_permille))
        response->payload_length--;
    add_block(response, WIRE_BLOCK2, (uint32_t)(offset / size), left > size, size);
    if (wire_find(request, WIRE_SIZE2) != NULL)
        wire_add_uint(response, WIRE_SIZE2, (uint32_t)total);
}

/* --- methods --- */

static void add_version(const struct model_node *node, uint32_t version,
                        struct wire_message *response)
{
    wire_add_uint(response, WIRE_CONTENT_FORMAT,
                  node->traits.tells_by_format ? 65000 + version % 500 : 0);
    if (node->traits.has_etags)
        add_etag(response, etag_of(node, version));
}

static void add_max_age(struct model_node *node, struct wire_message *response)
{
    unsigned highest = node->traits.max_age_max_s;

    if (highest == 0) {
        wire_add_uint(response, WIRE_MAX_AGE, 1);
        return;
    }
    switch (dice_below(node->dice, 10)) {
    case 0:
        wire_add_uint(response, WIRE_MAX_AGE, 0);
        return;
    case 1:
        return;
    case 2:
        wire_add_uint(response, WIRE_MAX_AGE,
                      dice_chance(node->dice, 300) && !node->traits.ages_are_bounded ? UINT32_MAX
                                                                                     : highest);
        return;
    default:
        wire_add_uint(response, WIRE_MAX_AGE, (uint32_t)dice_spread(node->dice, 1, highest));
    }
}

static void respond_error(struct model_node *node, uint8_t code, const char *text,
                          struct wire_message *response)
{
    respond_text(response, code, text);
    if (node->traits.ages_errors)
        add_max_age(node, response);
}

/* The whole value behind the tag of the request. */
static void show_value(struct model_node *node, const struct model_resource *resource,
                       const struct wire_message *request, struct wire_message *response)
{
    static const char json[] = "json:";
    bool is_json = node->traits.has_json && wire_uint(request, WIRE_ACCEPT, 0) == MODEL_JSON;
    char tag[MODEL_TAG_MAX];
    size_t used = 0;

    response->code = WIRE_CODE(2, 5);
    read_tag(request, tag);
    if (tag[0] != '\0')
        used = (size_t)snprintf((char *)node->scratch, MODEL_TAG_MAX + 2, "%s ", tag);
    if (is_json) {
        memcpy(node->scratch + used, json, sizeof json - 1);
        used += sizeof json - 1;
    }
    memcpy(node->scratch + used, resource->value, resource->length);
    response->payload = node->scratch;
    response->payload_length = used + resource->length;
    add_max_age(node, response);
    if (!is_json) {
        add_version(node, resource->version, response);
        return;
    }
    wire_add_uint(response, WIRE_CONTENT_FORMAT, MODEL_JSON);
    if (node->traits.has_etags)
        add_etag(response, etag_of(node, resource->version));
}

/* What the client has already (RFC 7252 5.10.6.2); or what it has not. */
static bool respond_valid(struct model_node *node, const struct model_resource *resource,
                          const struct wire_message *request, struct wire_message *response)
{
    bool is_valid = false;

    for (size_t i = 0; node->traits.has_etags && i < request->option_count; i++)
        is_valid |= request->options[i].number == WIRE_ETAG &&
                    etag_matches(node, resource, &request->options[i]);
    if (!is_valid && !dice_chance(node->dice, node->traits.misvalid_permille))
        return false;
    response->code = WIRE_CODE(2, 3);
    if (is_valid || dice_chance(node->dice, 500))
        add_etag(response, etag_of(node, resource->version));
    if (node->traits.max_age_max_s > 0)
        add_max_age(node, response);
    return true;
}

static void respond_get(struct model_node *node, unsigned index, const struct wire_message *request,
                        struct wire_message *response)
{
    const struct model_resource *resource = &node->resources[index];

    if (read_block(request, WIRE_BLOCK2).number > 0 &&
        dice_chance(node->dice, node->traits.changes_permille))
        model_node_change(node, node->now_us, index);
    if (dice_chance(node->dice, node->traits.fails_permille)) {
        respond_error(node, WIRE_CODE(5, 0), "out of order", response);
        return;
    }
    if (!resource->exists) {
        respond_error(node, WIRE_CODE(4, 4), "gone", response);
        return;
    }
    uint32_t accept = wire_uint(request, WIRE_ACCEPT, 0);
    if (accept != 0 && !(node->traits.has_json && accept == MODEL_JSON)) {
        response->code = WIRE_CODE(4, 6);
        return;
    }
    if (respond_valid(node, resource, request, response))
        return;
    show_value(node, resource, request, response);
    if (node->has_echo && node->traits.challenges && dice_chance(node->dice, 100))
        wire_add(response, WIRE_ECHO, node->echo, sizeof node->echo);
    cut(node, request, response);
}

static void respond_post(struct model_node *node, const struct wire_message *request,
                         const char *tag, struct wire_message *response)
{
    size_t used = (size_t)snprintf((char *)node->scratch, 64, "%s done", tag);

    for (; used < node->traits.answer_size; used++)
        node->scratch[used] = model_filler(used);
    response->code = node->traits.creates ? WIRE_CODE(2, 1) : WIRE_CODE(2, 4);
    response->payload = node->scratch;
    response->payload_length = used;
    wire_add_uint(response, WIRE_CONTENT_FORMAT, 0);
    if (!node->traits.creates || tag[0] == '\0')
        return;
    const struct wire_option *path = wire_find(request, WIRE_URI_PATH);
    (void)snprintf(node->text, sizeof node->text, "%s", tag);
    wire_add(response, WIRE_LOCATION_PATH, path->value, path->length);
    wire_add(response, WIRE_LOCATION_PATH, node->text, strlen(node->text));
}

/* The body is complete. */
static void carry_out(struct model_node *node, unsigned index, const struct wire_message *request,
                      const uint8_t *body, size_t length, struct wire_message *response)
{
    struct model_resource *resource = &node->resources[index];
    char tag[MODEL_TAG_MAX];
    bool existed = resource->exists;

    read_tag(request, tag);
    if (!preconditions_hold(node, resource, request)) {
        response->code = WIRE_CODE(4, 12);
        return;
    }
    node->host.executed(node->host.handle, request->code, index, tag, body, length);
    switch (request->code) {
    case FETCH:
        if (resource->exists)
            show_value(node, resource, request, response);
        else
            respond_error(node, WIRE_CODE(4, 4), "gone", response);
        return;
    case POST:
        respond_post(node, request, tag, response);
        return;
    case PUT:
        set_value(node, index, body != NULL ? body : (const uint8_t *)"", length);
        response->code = existed ? WIRE_CODE(2, 4) : WIRE_CODE(2, 1);
        return;
    default:
        if (existed)
            set_value(node, index, NULL, 0);
        response->code = WIRE_CODE(2, 2);
        return;
    }
}

/* A body in blocks, in order (RFC 7959 2.5, 2.9.2). */
static void take_block(struct model_node *node, unsigned peer, unsigned index,
                       const struct wire_message *request, struct wire_message *response)
{
    struct block block = read_block(request, WIRE_BLOCK1);
    unsigned size = draw_block_size(node, node->traits.block_size);
    char key[MODEL_KEY_MAX];

    if (block.size < size)
        size = block.size;

    if (block.size == 0 || (block.more && request->payload_length != block.size) ||
        request->payload_length > block.size) {
        response->code = WIRE_CODE(4, 0);
        return;
    }
    model_transfer_key(request, key);
    struct model_transfer *upload = block.number == 0
                                        ? model_transfer_begin(node, &node->uploads, peer, key)
                                        : model_transfer_find(&node->uploads, peer, key);
    size_t offset = (size_t)block.number * block.size;
    /* A block that is there already: its answer was lost, and the client asks again. */
    if (upload != NULL && node->traits.knows_blocks_again && block.more &&
        offset + block.size <= upload->length &&
        memcmp(upload->bytes + offset, request->payload, block.size) == 0) {
        add_block(response, WIRE_BLOCK1, block.number, true, size);
        response->code = WIRE_CODE(2, 31);
        return;
    }
    if (upload != NULL && dice_chance(node->dice, node->traits.forgets_permille)) {
        model_transfer_drop(&node->uploads, upload);
        upload = NULL;
    }
    if (upload == NULL || offset != upload->length) {
        response->code = WIRE_CODE(4, 8);
        return;
    }
    size_t taken = request->payload_length;
    if (upload->length + taken > node->traits.body_max) {
        model_transfer_drop(&node->uploads, upload);
        response->code = WIRE_CODE(4, 13);
        if (node->traits.hints_size)
            add_block(response, WIRE_BLOCK1, block.number, block.more, size);
        return;
    }
    upload->bytes = memory_resize(upload->bytes, upload->length + taken + 1);
    memcpy(upload->bytes + upload->length, request->payload, taken);
    upload->length += taken;
    upload->touched_us = node->now_us;
    /* The size that we would rather have (RFC 7959 2.5, figure 9). */
    add_block(response, WIRE_BLOCK1, block.number, block.more, size);
    if (block.more) {
        response->code = WIRE_CODE(2, 31);
        return;
    }
    carry_out(node, index, request, upload->bytes, upload->length, response);
    model_transfer_drop(&node->uploads, upload);
}

/* Keeps an answer whose first block goes out now. */
static void keep_answer(struct model_node *node, unsigned peer, unsigned index,
                        const struct wire_message *request, const struct wire_message *response)
{
    char key[MODEL_KEY_MAX];

    model_transfer_key(request, key);
    struct model_transfer *answer = model_transfer_begin(node, &node->downloads, peer, key);
    answer->code = response->code;
    answer->version = request->code == FETCH ? node->resources[index].version : 0;
    answer->length = response->payload_length;
    answer->bytes = memory_take(answer->length);
    memcpy(answer->bytes, response->payload, answer->length);
}

/* A further block of an answer to an unsafe request: nothing is carried out again (RFC 7959 2.7).
 */
static void respond_from_answer(struct model_node *node, unsigned peer,
                                const struct wire_message *request, struct wire_message *response)
{
    char key[MODEL_KEY_MAX];

    model_transfer_key(request, key);
    const struct model_transfer *answer = model_transfer_find(&node->downloads, peer, key);
    if (answer == NULL) {
        response->code = WIRE_CODE(4, 8);
        return;
    }
    response->code = answer->code;
    response->payload = answer->bytes;
    response->payload_length = answer->length;
    if (answer->version != 0)
        add_version(node, answer->version, response);
    else
        wire_add_uint(response, WIRE_CONTENT_FORMAT, 0);
    cut(node, request, response);
}

static void respond_body(struct model_node *node, unsigned peer, unsigned index,
                         const struct wire_message *request, struct wire_message *response)
{
    if (read_block(request, WIRE_BLOCK2).number > 0 && wire_find(request, WIRE_BLOCK1) == NULL) {
        respond_from_answer(node, peer, request, response);
        return;
    }
    if (wire_find(request, WIRE_BLOCK1) != NULL) {
        take_block(node, peer, index, request, response);
    } else if (request->payload_length > node->traits.plain_max) {
        response->code = WIRE_CODE(4, 13);
        if (!node->traits.takes_no_blocks)
            add_block(response, WIRE_BLOCK1, 0, false, node->traits.block_size);
    } else {
        carry_out(node, index, request, request->payload, request->payload_length, response);
    }
    if (response->payload_length > 0 && !node->traits.takes_no_blocks)
        keep_answer(node, peer, index, request, response);
    cut(node, request, response);
}

/* The Echo that it wants is missing. Blocks behind the first are parts of what was let in. */
static bool is_challenged(const struct model_node *node, const struct wire_message *request)
{
    const struct wire_option *echo = wire_find(request, WIRE_ECHO);

    return node->traits.challenges && node->has_echo && request->code != GET &&
           request->code != FETCH && read_block(request, WIRE_BLOCK1).number == 0 &&
           read_block(request, WIRE_BLOCK2).number == 0 &&
           (echo == NULL || echo->length != sizeof node->echo ||
            memcmp(echo->value, node->echo, sizeof node->echo) != 0);
}

static void respond_challenge(const struct model_node *node, struct wire_message *response)
{
    response->code = WIRE_CODE(4, 1);
    wire_add(response, WIRE_ECHO, node->echo, sizeof node->echo);
}

/* Critical options that are not understood (RFC 7252 5.4.1). */
static bool has_bad_option(const struct model_node *node, const struct wire_message *request)
{
    for (size_t i = 0; i < request->option_count; i++) {
        switch (request->options[i].number) {
        case WIRE_BLOCK1:
        case WIRE_BLOCK2:
            if (node->traits.takes_no_blocks)
                return true;
            break;
        case WIRE_IF_MATCH:
        case WIRE_URI_HOST:
        case WIRE_IF_NONE_MATCH:
        case WIRE_URI_PORT:
        case WIRE_URI_PATH:
        case WIRE_URI_QUERY:
        case WIRE_ACCEPT:
            break;
        default:
            if (request->options[i].number % 2 == 1)
                return true;
        }
    }
    return false;
}

static void respond_core(struct model_node *node, const struct wire_message *request,
                         struct wire_message *response)
{
    size_t used = 0;

    response->code = WIRE_CODE(2, 5);
    for (unsigned i = 0; i < node->traits.resources; i++)
        used += (size_t)snprintf((char *)node->scratch + used, 16, "%s</r%u>", i > 0 ? "," : "", i);
    response->payload = node->scratch;
    response->payload_length = used;
    wire_add_uint(response, WIRE_CONTENT_FORMAT, 40);
    cut(node, request, response);
}

static bool asks_for_core(const struct wire_message *request)
{
    const struct wire_option *path = wire_find(request, WIRE_URI_PATH);

    return request->code == GET && path != NULL && path->length == 11 &&
           memcmp(path->value, ".well-known", 11) == 0;
}

void model_respond(struct model_node *node, unsigned peer, const struct wire_message *request,
                   struct wire_message *response)
{
    int index = model_find_resource(node, request);

    if (has_bad_option(node, request))
        response->code = WIRE_CODE(4, 2);
    else if (asks_for_core(request))
        respond_core(node, request, response);
    else if (request->code == 0 || request->code > FETCH)
        response->code = WIRE_CODE(4, 5);
    else if (index < 0)
        respond_text(response, WIRE_CODE(4, 4), "no such resource");
    else if (is_challenged(node, request))
        respond_challenge(node, response);
    else if (request->code == GET)
        respond_get(node, (unsigned)index, request, response);
    else
        respond_body(node, peer, (unsigned)index, request, response);
}
