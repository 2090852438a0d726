/* SPDX-License-Identifier: BSD-2-Clause */
#include "blockwise_private.h"

#include <stdlib.h>
#include <string.h>

#include "block_option.h"
#include "memory_account.h"

/*
 * blockwise_receive: what follows from a response. A byte offset is the measure on both sides: what
 * the node has of an upload, and what we have of a download; a block that does not continue there
 * is not joined. The end is where M is 0, whatever a Size option said (RFC 7959 4).
 */

static struct transfer_judgement judged(enum transfer_verdict verdict)
{
    return (struct transfer_judgement){.verdict = verdict};
}

static struct transfer_judgement failed(const char *detail)
{
    return (struct transfer_judgement){.verdict = TRANSFER_FAILED, .detail = detail};
}

/* The block option of that number: 1 when there is one, 0 when not, -1 when it is malformed. */
static int read_block(const struct rest_message *response, uint16_t number, struct block *block)
{
    const struct rest_option *option = rest_find_option(response, number);

    if (option == NULL)
        return 0;
    return block_read(option, block) ? 1 : -1;
}

static bool is_success(const struct rest_message *response)
{
    return REST_CODE_CLASS(response->code) == 2;
}

/* --- answers to earlier blocks --- */

static bool awaits_in_upload(const struct transfer *transfer, const struct rest_message *response)
{
    struct block block, current;

    if (read_block(response, REST_OPTION_BLOCK1, &block) != 1 ||
        !block_at(transfer->sent, transfer->upload_szx, &current))
        return true;
    return block.number >= current.number || block_offset(&block) >= transfer->sent;
}

static bool awaits_in_download(const struct transfer *transfer, const struct rest_message *response)
{
    struct block block;

    switch (read_block(response, REST_OPTION_BLOCK2, &block)) {
    case 1:
        return block_offset(&block) >= transfer->body.length;
    case 0:
        /* of the upload that went before */
        return rest_find_option(response, REST_OPTION_BLOCK1) == NULL;
    default:
        return true;
    }
}

bool transfer_awaits(const struct transfer *transfer, const struct rest_message *response)
{
    if (!is_success(response) &&
        !(transfer_collects_error(transfer) && response->code == transfer->representation.code))
        return true;
    switch (transfer->phase) {
    case TRANSFER_UPLOAD:
        return awaits_in_upload(transfer, response);
    case TRANSFER_DOWNLOAD:
        return awaits_in_download(transfer, response);
    case TRANSFER_WAITING:
    case TRANSFER_WHOLE:
        break;
    }
    return true;
}

/* --- beginning again --- */

static void begin_again(struct transfer *transfer)
{
    transfer->phase =
        transfer->is_upload && !transfer->is_second_try ? TRANSFER_UPLOAD : TRANSFER_WHOLE;
    transfer->sent = 0;
    transfer->token.is_set = false;
    buffer_clear(&transfer->body);
}

/* 4.02: perhaps the node knows no blocks (RFC 8075 8.3). The whole request goes out once more,
 * without Block and Size options. */
static bool try_without_blocks(struct transfer *transfer)
{
    bool had_block = transfer->phase != TRANSFER_WHOLE || transfer->wishes_size ||
                     (transfer->spec.is_probe && !transfer->shuns_blocks);
    bool may_be_sent_again = transfer->phase != TRANSFER_DOWNLOAD || transfer_is_safe(transfer);

    if (!had_block || transfer->is_second_try || !may_be_sent_again)
        return false;
    transfer->wishes_size = false;
    if (!transfer_fits_whole(transfer))
        return false;
    transfer->shuns_blocks = true;
    transfer->is_second_try = true;
    begin_again(transfer);
    return true;
}

static void learn_of_second_try(const struct transfer *transfer,
                                const struct rest_message *response)
{
    /* Who had answered a block before knows blocks: it refused this one for another reason. */
    if (transfer->is_second_try && !transfer->has_progress && is_success(response) &&
        rest_find_option(response, REST_OPTION_BLOCK2) == NULL)
        capability_learn(transfer->layer->options.capabilities, &transfer->spec.peer,
                         CAPABILITY_NO_BLOCKS);
}

/* RFC 7959 2.4: what was collected is of another representation. */
static struct transfer_judgement read_again(struct transfer *transfer)
{
    if (!transfer_is_safe(transfer))
        return failed("its answer changed while it was read in blocks");
    if (transfer->restarts == TRANSFER_RESTARTS_MAX)
        return failed("the resource changed each time while it was read in blocks");
    transfer->restarts++;
    transfer->wishes_size = true;
    begin_again(transfer);
    return judged(TRANSFER_GOES_ON);
}

/* --- Location --- */

static bool is_location(uint16_t number)
{
    switch (number) {
    case REST_OPTION_LOCATION_PATH:
    case REST_OPTION_LOCATION_QUERY:
    case REST_OPTION_LOCATION_RESERVED_128:
    case REST_OPTION_LOCATION_RESERVED_132:
    case REST_OPTION_LOCATION_RESERVED_136:
    case REST_OPTION_LOCATION_RESERVED_140:
        return true;
    default:
        return false;
    }
}

/* Keeps what a 2.01 says of the place: a later block may not say it again. The first one that
 * names a place counts. Half of a place is none: it would be another one. */
static struct transfer_judgement note_location(struct transfer *transfer,
                                               const struct rest_message *response)
{
    struct rest_request *location = NULL;

    if (transfer->location != NULL)
        return judged(TRANSFER_GOES_ON);
    for (size_t i = 0; i < response->option_count; i++) {
        const struct rest_option *option = &response->options[i];

        if (!is_location(option->number))
            continue;
        if (location == NULL) {
            location = malloc(sizeof *location);
            if (location == NULL)
                return judged(TRANSFER_NO_MEMORY);
            rest_request_init(location);
        }
        if (rest_request_add(location, option->number, option->value, option->length) != 0) {
            free(location);
            return judged(TRANSFER_GOES_ON);
        }
    }
    if (location != NULL)
        memory_account_add(transfer->layer->options.memory, sizeof *location);
    transfer->location = location;
    return judged(TRANSFER_GOES_ON);
}

/* --- Block2 --- */

static void note_representation(struct representation *representation,
                                const struct rest_message *response)
{
    const struct rest_option *etag = rest_find_option(response, REST_OPTION_ETAG);
    const struct rest_option *format = rest_find_option(response, REST_OPTION_CONTENT_FORMAT);
    uint32_t number;

    *representation = (struct representation){.code = response->code, .format = -1};
    if (etag != NULL && etag->length > 0 && etag->length <= sizeof representation->etag) {
        representation->etag_length = (uint8_t)etag->length;
        memcpy(representation->etag, etag->value, etag->length);
    }
    if (format != NULL && format->length <= sizeof representation->format_value &&
        rest_option_uint(format, &number)) {
        representation->format = (int)number;
        representation->format_length = (uint8_t)format->length;
        if (format->length > 0)
            memcpy(representation->format_value, format->value, format->length);
    }
}

static bool is_same_representation(const struct transfer *transfer,
                                   const struct rest_message *response)
{
    struct representation now;
    const struct representation *before = &transfer->representation;

    note_representation(&now, response);
    /* Servers in use (node-coap) leave Content-Format out of later blocks; what to make of that is
     * up to us (RFC 7959 2.3), and the ETag vouches for the block. */
    bool is_same_format = now.format == before->format || (now.format == -1 && now.etag_length > 0);

    return now.code == before->code && is_same_format && now.etag_length == before->etag_length &&
           memcmp(now.etag, before->etag, sizeof now.etag) == 0;
}

static struct transfer_judgement add_to_body(struct transfer *transfer,
                                             const struct rest_message *response)
{
    struct buffer *body = &transfer->body;

    if (response->payload_length > body->maximum - body->length)
        return failed("its answer is larger than the gateway takes (coap.max_body)");
    if (buffer_append(body, response->payload, response->payload_length) != 0)
        return judged(TRANSFER_NO_MEMORY);
    return judged(TRANSFER_GOES_ON);
}

/* The first of several blocks. */
static struct transfer_judgement begin_download(struct transfer *transfer,
                                                const struct rest_message *response,
                                                const struct block *block)
{
    if (transfer->spec.is_probe) {
        struct transfer_judgement judgement = judged(TRANSFER_DONE);
        judgement.is_partial = true;
        return judgement;
    }
    /* Two downloads that the node cannot tell apart: this one begins again under a tag. */
    if (!transfer->is_listed && transfer_is_safe(transfer) && turn_is_matchable(transfer)) {
        turn_tag(transfer);
        transfer->wishes_size = transfer->wishes_size && !transfer->shuns_blocks;
        begin_again(transfer);
        return judged(TRANSFER_GOES_ON);
    }
    note_representation(&transfer->representation, response);
    transfer->phase = TRANSFER_DOWNLOAD;
    transfer->has_progress = true;
    if (block->szx < transfer->download_szx)
        transfer->download_szx = block->szx;
    (void)turn_enter(transfer);
    if (response->code == REST_CODE(2, 1) &&
        note_location(transfer, response).verdict == TRANSFER_NO_MEMORY)
        return judged(TRANSFER_NO_MEMORY);
    return add_to_body(transfer, response);
}

static struct transfer_judgement continue_download(struct transfer *transfer,
                                                   const struct rest_message *response,
                                                   const struct block *block)
{
    if (!is_same_representation(transfer, response))
        return read_again(transfer);
    struct transfer_judgement judgement = add_to_body(transfer, response);
    if (judgement.verdict == TRANSFER_GOES_ON && !block->more)
        return judged(TRANSFER_COLLECTED);
    if (block->szx < transfer->download_szx)
        transfer->download_szx = block->szx;
    return judgement;
}

/* A successful response to a request whose body the node has. */
static struct transfer_judgement judge_body(struct transfer *transfer,
                                            const struct rest_message *response)
{
    bool is_first = transfer->phase != TRANSFER_DOWNLOAD;
    size_t expected = is_first ? 0 : transfer->body.length;
    struct block block;

    switch (read_block(response, REST_OPTION_BLOCK2, &block)) {
    case 0:
        /* The whole of it, at once: it has become shorter. */
        if (is_first || transfer_is_safe(transfer))
            return judged(TRANSFER_DONE);
        return failed("it answered the request for a block with something else");
    case 1:
        break;
    default:
        return failed("its answer has a malformed Block2 option");
    }
    if (block_offset(&block) != expected)
        return failed("it left out a block of its answer");
    if (block.more ? response->payload_length != block_size(block.szx)
                   : !is_first && response->payload_length > block_size(block.szx))
        return failed("a block of its answer has the wrong size");
    if (!is_first)
        return continue_download(transfer, response, &block);
    return block.more ? begin_download(transfer, response, &block) : judged(TRANSFER_DONE);
}

/* --- Block1 --- */

/* 4.13: smaller blocks may do, and blocks where there were none (RFC 7959 2.9.3). */
static struct transfer_judgement judge_too_large(struct transfer *transfer,
                                                 const struct rest_message *response)
{
    size_t length = transfer->spec.message->payload_length;
    struct block wish;
    bool has_wish = read_block(response, REST_OPTION_BLOCK1, &wish) == 1;

    if (length == 0 || transfer->is_second_try)
        return judged(TRANSFER_DONE);
    if (transfer->phase == TRANSFER_UPLOAD) {
        if (!has_wish || wish.szx >= transfer->upload_szx)
            return judged(TRANSFER_DONE);
        (void)transfer_plan_upload(transfer, block_size(wish.szx));
        return judged(TRANSFER_GOES_ON);
    }
    if (transfer->phase != TRANSFER_WHOLE ||
        !transfer_plan_upload(transfer, has_wish ? block_size(wish.szx) : length - 1))
        return judged(TRANSFER_DONE);
    return judged(TRANSFER_NEEDS_TURN);
}

/* RFC 7959 2.9.2: the node has not, or no more, what came before. The body is here: once more. */
static struct transfer_judgement judge_incomplete(struct transfer *transfer)
{
    if (transfer->phase != TRANSFER_UPLOAD)
        return judged(TRANSFER_DONE);
    if (transfer->was_incomplete)
        return failed("it lost the blocks of the body twice (4.08)");
    transfer->was_incomplete = true;
    begin_again(transfer);
    return judged(TRANSFER_GOES_ON);
}

static struct transfer_judgement continue_upload(struct transfer *transfer,
                                                 const struct rest_message *response,
                                                 const struct block *control)
{
    transfer->has_progress = true;
    transfer->sent += block_size(transfer->upload_szx);
    if (control != NULL && control->szx < transfer->upload_szx)
        transfer->upload_szx = control->szx;
    if (response->code != REST_CODE(2, 1))
        return judged(TRANSFER_GOES_ON);
    /* RFC 7959 2.10: a stateless node may say so for the first block only. */
    transfer->was_created = true;
    return note_location(transfer, response);
}

/* A successful response to a block of the upload. */
static struct transfer_judgement judge_upload(struct transfer *transfer,
                                              const struct rest_message *response)
{
    size_t left = transfer->spec.message->payload_length - transfer->sent;
    bool is_last = left <= block_size(transfer->upload_szx);
    struct block control, current;
    int has_control = read_block(response, REST_OPTION_BLOCK1, &control);

    (void)block_at(transfer->sent, transfer->upload_szx, &current);
    if (has_control < 0)
        return failed("its answer has a malformed Block1 option");
    if (has_control == 1 && control.number != current.number &&
        block_offset(&control) != transfer->sent)
        return failed("it confirmed a block that was not sent yet");
    if (is_last)
        return response->code == REST_CODE(2, 31) ? judged(TRANSFER_DONE)
                                                  : judge_body(transfer, response);
    /* Nothing but 2.31 says without the option that it was understood. */
    if (has_control == 0 && response->code != REST_CODE(2, 31))
        return failed("it took a block for the whole body");
    return continue_upload(transfer, response, has_control == 1 ? &control : NULL);
}

/* --- errors --- */

/* DONE: the error stands. */
static struct transfer_judgement judge_error(struct transfer *transfer,
                                             const struct rest_message *response)
{
    switch (response->code) {
    case REST_CODE(4, 2):
        return judged(try_without_blocks(transfer) ? TRANSFER_GOES_ON : TRANSFER_DONE);
    case REST_CODE(4, 8):
        return judge_incomplete(transfer);
    case REST_CODE(4, 13):
        return judge_too_large(transfer, response);
    default:
        return judged(TRANSFER_DONE);
    }
}

/* The first of several blocks of what the node says of an error. Who asks to be spared is not asked
 * for more of it, and who asks whether the request is fresh is answered with the whole request. */
static bool is_longer_error(const struct rest_message *response)
{
    unsigned class = REST_CODE_CLASS(response->code);
    struct block block;

    if ((class != 4 && class != 5) || response->code == REST_CODE(4, 29) ||
        response->code == REST_CODE(5, 3) || rest_find_option(response, REST_OPTION_ECHO) != NULL)
        return false;
    return read_block(response, REST_OPTION_BLOCK2, &block) == 1 && block.more &&
           block.number == 0 && response->payload_length == block_size(block.szx);
}

/* What the node says of an error is a body as any other (RFC 7959 2.4 knows no difference). */
static struct transfer_judgement collect_error(struct transfer *transfer,
                                               const struct rest_message *response)
{
    if (!is_longer_error(response))
        return judged(TRANSFER_DONE);
    /* What was collected until now is of no use. */
    transfer->phase = TRANSFER_WHOLE;
    buffer_clear(&transfer->body);
    return judge_body(transfer, response);
}

struct transfer_judgement transfer_judge(struct transfer *transfer,
                                         const struct rest_message *response)
{
    struct transfer_judgement judgement;

    if (transfer_collects_error(transfer))
        return response->code == transfer->representation.code || is_success(response)
                   ? judge_body(transfer, response)
                   : failed("it answered the request for a block with another error");
    learn_of_second_try(transfer, response);
    if (is_success(response))
        return transfer->phase == TRANSFER_UPLOAD ? judge_upload(transfer, response)
                                                  : judge_body(transfer, response);
    judgement = judge_error(transfer, response);
    return judgement.verdict == TRANSFER_DONE ? collect_error(transfer, response) : judgement;
}

/* --- the final response --- */

/* The last block may leave out the Content-Format that the first one had. */
static void keep_format(const struct transfer *transfer, struct rest_message *final)
{
    const struct representation *first = &transfer->representation;
    const struct rest_option format = {REST_OPTION_CONTENT_FORMAT, first->format_length,
                                       first->format_value};

    if (first->format >= 0 && rest_find_option(final, REST_OPTION_CONTENT_FORMAT) == NULL)
        (void)rest_insert_option(final, &format);
}

static void keep_location(const struct transfer *transfer, struct rest_message *final)
{
    const struct rest_message *location = &transfer->location->message;

    if (location->option_count > REST_OPTIONS_MAX - final->option_count)
        return;
    for (size_t i = 0; i < location->option_count; i++)
        (void)rest_insert_option(final, &location->options[i]);
}

void transfer_make_part(const struct transfer *transfer, struct rest_message *final)
{
    bool is_text = transfer->representation.format == -1;

    final->code = transfer->representation.code;
    final->option_count = 0;
    final->payload = is_text ? (const uint8_t *)transfer->body.data : NULL;
    final->payload_length = is_text ? transfer->body.length : 0;
}

void transfer_make_response(const struct transfer *transfer, const struct rest_message *response,
                            enum transfer_verdict verdict, struct rest_message *final)
{
    bool is_created = transfer->was_created && response->code == REST_CODE(2, 4);
    bool has_location = false;

    final->code = is_created ? REST_CODE(2, 1) : response->code;
    final->option_count = 0;
    for (size_t i = 0; i < response->option_count; i++) {
        const struct rest_option *option = &response->options[i];

        if (option->number == REST_OPTION_BLOCK1 || option->number == REST_OPTION_BLOCK2)
            continue;
        has_location |= is_location(option->number);
        final->options[final->option_count++] = *option;
    }
    final->payload = response->payload;
    final->payload_length = response->payload_length;
    if (verdict == TRANSFER_COLLECTED) {
        final->payload = (const uint8_t *)transfer->body.data;
        final->payload_length = transfer->body.length;
        keep_format(transfer, final);
    }
    if (final->code == REST_CODE(2, 1) && transfer->location != NULL && !has_location)
        keep_location(transfer, final);
}
