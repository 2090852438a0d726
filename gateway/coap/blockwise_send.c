/* SPDX-License-Identifier: BSD-2-Clause */
#include "blockwise_private.h"

#include <string.h>

#include "block_option.h"
#include "pdu.h"

/*
 * blockwise_send: the next message of a transfer. Each is made anew from the request as it was
 * given: its options, plus those that say which block this is (RFC 7959 2.3), plus a slice of the
 * body. Nothing of the body is copied but into the datagram.
 */

enum {
    /* Room for Block1, Block2, Size1 and Request-Tag, whatever their values. */
    BLOCK_OPTIONS_SIZE = 24,
    PAYLOAD_MARKER_SIZE = 1,
    ADDED_OPTIONS_MAX = 4,
};

/* A message with the values of the options that were added. */
struct outgoing {
    struct rest_message message;
    size_t used;
    uint8_t values[ADDED_OPTIONS_MAX][4];
};

/* --- what fits --- */

static size_t room_behind(size_t options_size)
{
    size_t used = PDU_HEADER_SIZE + PDU_TOKEN_MAX + options_size + PAYLOAD_MARKER_SIZE;

    return used < REST_REQUEST_SIZE ? REST_REQUEST_SIZE - used : 0;
}

/* Bytes for a block beside all options. */
static size_t room_for_block(const struct transfer *transfer)
{
    return room_behind(rest_options_size(transfer->spec.message) + BLOCK_OPTIONS_SIZE);
}

bool transfer_fits_whole(const struct transfer *transfer)
{
    size_t length = transfer->spec.message->payload_length;
    size_t options_size = rest_options_size(transfer->spec.message);

    if (transfer->wishes_size || transfer->is_tagged)
        options_size += BLOCK_OPTIONS_SIZE;
    /* RFC 7252 4.6: a good upper bound for a payload when nothing is known of the path. */
    return length <= BLOCK_SIZE_MAX && length <= room_behind(options_size);
}

bool blockwise_fits(const struct rest_message *message)
{
    return message->payload_length <= BLOCK_SIZE_MAX &&
           message->payload_length <= room_behind(rest_options_size(message) + BLOCK_OPTIONS_SIZE);
}

bool transfer_plan_upload(struct transfer *transfer, size_t size)
{
    size_t room = room_for_block(transfer);

    if (size > transfer->spec.settings->block_size)
        size = transfer->spec.settings->block_size;
    if (room < BLOCK_SIZE_MIN)
        return false;
    transfer->upload_szx = block_szx_within(size < room ? size : room);
    transfer->is_upload = true;
    transfer->phase = TRANSFER_UPLOAD;
    transfer->sent = 0;
    transfer->token.is_set = false;
    return true;
}

bool transfer_plan(struct transfer *transfer)
{
    const struct rest_message *message = transfer->spec.message;
    const struct settings *settings = transfer->spec.settings;

    transfer->phase = TRANSFER_WHOLE;
    transfer->download_szx = block_szx_within(settings->block_size);
    transfer->wishes_size = settings->block_size < BLOCK_SIZE_MAX && !transfer->shuns_blocks &&
                            (transfer_is_safe(transfer) || message->code == REST_POST);
    if (message->payload_length == 0)
        return true;
    if (transfer_fits_whole(transfer) &&
        (transfer->shuns_blocks || message->payload_length <= settings->blockwise_threshold))
        return true;
    return transfer_plan_upload(transfer, BLOCK_SIZE_MAX);
}

/* --- the message --- */

static void add_bytes(struct outgoing *out, uint16_t number, const uint8_t *bytes, size_t length)
{
    struct rest_option option = {.number = number, .length = (uint16_t)length};

    option.value = out->values[out->used];
    memcpy(out->values[out->used++], bytes, length);
    (void)rest_insert_option(&out->message, &option);
}

static void add_uint(struct outgoing *out, uint16_t number, uint32_t value)
{
    uint8_t bytes[4] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                        (uint8_t)value};
    size_t zeros = 0;

    while (zeros < sizeof bytes && bytes[zeros] == 0)
        zeros++;
    add_bytes(out, number, bytes + zeros, sizeof bytes - zeros);
}

static void add_block(struct outgoing *out, uint16_t number, const struct block *block)
{
    add_uint(out, number, block_value(block));
}

/* Asks for blocks of at most that size from the beginning on (early negotiation, RFC 7959 2.4). */
static void add_wish(struct outgoing *out, uint8_t szx)
{
    add_block(out, REST_OPTION_BLOCK2, &(struct block){.szx = szx});
}

static bool compose_upload(const struct transfer *transfer, struct outgoing *out)
{
    const struct rest_message *whole = transfer->spec.message;
    size_t left = whole->payload_length - transfer->sent;
    struct block block;

    if (!block_at(transfer->sent, transfer->upload_szx, &block))
        return false;
    block.more = left > block_size(block.szx);
    out->message.payload = whole->payload + transfer->sent;
    out->message.payload_length = block.more ? block_size(block.szx) : left;
    add_block(out, REST_OPTION_BLOCK1, &block);
    if (block.number == 0)
        add_uint(out, REST_OPTION_SIZE1, (uint32_t)whole->payload_length);
    if (!block.more && transfer->wishes_size)
        add_wish(out, transfer->download_szx);
    return true;
}

/* Like the request before, without its body and Block1 (RFC 7959 2.7). A FETCH that had all of its
 * body in the first message repeats it: it is part of what is asked for (RFC 8132 2.1). */
static bool compose_download(const struct transfer *transfer, struct outgoing *out)
{
    struct block block;

    if (!block_at(transfer->body.length, transfer->download_szx, &block))
        return false;
    if (transfer->is_upload || transfer->spec.message->code != REST_FETCH)
        out->message.payload_length = 0;
    add_block(out, REST_OPTION_BLOCK2, &block);
    return true;
}

static void compose_whole(const struct transfer *transfer, struct outgoing *out)
{
    if (transfer->shuns_blocks)
        return;
    if (transfer->spec.is_probe) {
        add_wish(out, 0);
        add_uint(out, REST_OPTION_SIZE2, 0);
    } else if (transfer->wishes_size) {
        add_wish(out, transfer->download_szx);
    }
}

static bool is_behind_first_block(const struct transfer *transfer)
{
    return transfer->phase == TRANSFER_DOWNLOAD ||
           (transfer->phase == TRANSFER_UPLOAD && transfer->sent > 0);
}

static bool is_left_out(const struct transfer *transfer, uint16_t number)
{
    switch (number) {
    case REST_OPTION_IF_NONE_MATCH:
        /* It asks for what the first block has ended by itself (RFC 7959 2.10). */
        return is_behind_first_block(transfer);
    case REST_OPTION_NO_RESPONSE:
        /* The next block goes by the answer to this one. */
        return transfer->phase == TRANSFER_UPLOAD;
    default:
        return false;
    }
}

/* False when there are too many blocks or options. */
static bool compose(const struct transfer *transfer, struct outgoing *out)
{
    const struct rest_message *whole = transfer->spec.message;

    if (whole->option_count + ADDED_OPTIONS_MAX > REST_OPTIONS_MAX)
        return false;
    out->used = 0;
    out->message.code = whole->code;
    out->message.payload = whole->payload;
    out->message.payload_length = whole->payload_length;
    out->message.option_count = 0;
    for (size_t i = 0; i < whole->option_count; i++) {
        if (is_left_out(transfer, whole->options[i].number))
            continue;
        out->message.options[out->message.option_count++] = whole->options[i];
    }
    if (transfer->is_tagged)
        add_bytes(out, REST_OPTION_REQUEST_TAG, transfer->tag, sizeof transfer->tag);
    if (transfer->phase == TRANSFER_UPLOAD)
        return compose_upload(transfer, out);
    if (transfer->phase == TRANSFER_DOWNLOAD)
        return compose_download(transfer, out);
    compose_whole(transfer, out);
    return true;
}

/* RFC 7959 leaves it open whether the blocks of a transfer share a token; there are nodes that know
 * an upload by it. Over DTLS a token that is used again could bind an old response to a new request
 * (RFC 9175 4.2). */
static bool reuses_token(const struct transfer *transfer)
{
    switch (transfer->spec.settings->block_token) {
    case BLOCK_TOKEN_REUSE:
        return true;
    case BLOCK_TOKEN_FRESH:
        return false;
    case BLOCK_TOKEN_BY_SCHEME:
        break;
    }
    return !transfer->spec.peer.is_secure;
}

enum request_refusal transfer_send(struct transfer *transfer, const struct request_events *events)
{
    struct outgoing out;
    struct request_spec spec = {
        .peer = transfer->spec.peer,
        .message = transfer->spec.message,
        .settings = transfer->spec.settings,
        .events = events,
        .handle = transfer,
        .token = &transfer->token,
        .times =
            transfer->was_answered && transfer_is_in_blocks(transfer) ? NULL : transfer->spec.times,
        .client = transfer->spec.client,
        .is_continuation = transfer->has_begun,
        .is_peer_of_client = transfer->spec.is_peer_of_client,
        .withholds_echo = transfer->spec.withholds_echo,
        .ends_when_sent = transfer->spec.ends_when_sent && transfer->phase == TRANSFER_WHOLE,
        .needs_no_answer = transfer->spec.needs_no_answer && transfer->phase == TRANSFER_WHOLE,
    };
    bool is_as_given =
        transfer->phase == TRANSFER_WHOLE && !transfer->is_tagged &&
        (transfer->shuns_blocks || (!transfer->wishes_size && !transfer->spec.is_probe));

    if (!reuses_token(transfer))
        transfer->token.is_set = false;
    if (!is_as_given) {
        if (!compose(transfer, &out))
            return REQUEST_TOO_LONG;
        spec.message = &out.message;
    }
    return request_start(transfer->layer->options.requests, &spec, &transfer->request_id);
}
