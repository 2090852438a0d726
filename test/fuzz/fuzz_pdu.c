/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_pdu: a datagram. What our codec and libcoap's parser both take must say the same; what we
 * took can be written and read again; a message made from the input's bytes comes back as it was.
 */
#include "pdu.h"

#include <string.h>

#include <coap3/coap.h>

#include "block_option.h"
#include "fuzz.h"

enum { DATAGRAM_MAXIMUM = 65535 };

/* Every option and the payload are where libcoap finds them. */
static void compare_messages(const struct rest_message *ours, const coap_pdu_t *theirs)
{
    coap_opt_iterator_t iterator;
    coap_opt_t *option;
    const uint8_t *payload = NULL;
    size_t payload_length = 0, at = 0;

    coap_option_iterator_init(theirs, &iterator, COAP_OPT_ALL);
    while ((option = coap_option_next(&iterator)) != NULL) {
        FUZZ_CHECK(at < ours->option_count);
        FUZZ_CHECK(ours->options[at].number == iterator.number);
        FUZZ_CHECK(ours->options[at].length == coap_opt_length(option));
        FUZZ_CHECK(
            memcmp(ours->options[at].value, coap_opt_value(option), ours->options[at].length) == 0);
        at++;
    }
    FUZZ_CHECK(at == ours->option_count);
    if (!coap_get_data(theirs, &payload_length, &payload))
        payload_length = 0;
    FUZZ_CHECK(payload_length == ours->payload_length);
    FUZZ_CHECK(payload_length == 0 || memcmp(payload, ours->payload, payload_length) == 0);
}

static void compare_with_libcoap(const struct pdu *pdu, const uint8_t *data, size_t size)
{
    coap_pdu_t *theirs = coap_pdu_init(COAP_MESSAGE_CON, 0, 0, size);

    if (theirs == NULL)
        return;
    if (coap_pdu_parse(COAP_PROTO_UDP, data, size, theirs)) {
        coap_bin_const_t token = coap_pdu_get_token(theirs);

        FUZZ_CHECK((int)pdu->type == (int)coap_pdu_get_type(theirs));
        FUZZ_CHECK(pdu->mid == (uint16_t)coap_pdu_get_mid(theirs));
        FUZZ_CHECK((int)pdu->message.code == (int)coap_pdu_get_code(theirs));
        FUZZ_CHECK(pdu->token_length == token.length);
        FUZZ_CHECK(token.length == 0 || memcmp(pdu->token, token.s, token.length) == 0);
        compare_messages(&pdu->message, theirs);
    }
    coap_delete_pdu(theirs);
}

/* Parse, write, parse gives the same; the second writing gives the same bytes. */
static void check_rewriting(const struct pdu *pdu, size_t size)
{
    static uint8_t first[DATAGRAM_MAXIMUM], second[DATAGRAM_MAXIMUM];
    struct pdu again;
    size_t length = pdu_write(first, sizeof first, pdu->type, pdu->mid, pdu->token,
                              pdu->token_length, &pdu->message);

    FUZZ_CHECK(length > 0 && length <= size);
    FUZZ_CHECK(pdu_parse(&again, first, length) == PDU_FINE);
    FUZZ_CHECK(again.type == pdu->type && again.mid == pdu->mid);
    FUZZ_CHECK(again.token_length == pdu->token_length &&
               memcmp(again.token, pdu->token, pdu->token_length) == 0);
    FUZZ_CHECK(fuzz_same_message(&again.message, &pdu->message));
    FUZZ_CHECK(pdu_write(second, length, again.type, again.mid, again.token, again.token_length,
                         &again.message) == length);
    FUZZ_CHECK(memcmp(first, second, length) == 0);
    FUZZ_CHECK(pdu_write(second, length - 1, again.type, again.mid, again.token, again.token_length,
                         &again.message) == 0);
    pdu_set_type_and_mid(second, PDU_NON, 0x1234);
    FUZZ_CHECK(second[2] == 0x12 && second[3] == 0x34 && second[0] >> 4 == 5);
}

/* A block option that can be read is written as the same, and its offset names the same block. */
static void check_block(const struct rest_option *option)
{
    struct block block, again;

    if ((option->number != REST_OPTION_BLOCK1 && option->number != REST_OPTION_BLOCK2) ||
        !block_read(option, &block))
        return;
    uint32_t value = block_value(&block);
    const uint8_t bytes[] = {(uint8_t)(value >> 16), (uint8_t)(value >> 8), (uint8_t)value};
    const struct rest_option written = {option->number, sizeof bytes, bytes};
    FUZZ_CHECK(value <= 0xffffff && block_read(&written, &again));
    FUZZ_CHECK(again.number == block.number && again.more == block.more && again.szx == block.szx);
    FUZZ_CHECK(block_size(block.szx) >= BLOCK_SIZE_MIN && block_size(block.szx) <= BLOCK_SIZE_MAX);
    FUZZ_CHECK(block_szx_within(block_size(block.szx)) == block.szx);
    FUZZ_CHECK(block_at(block_offset(&block), block.szx, &again) && again.number == block.number);
}

static void check_parsed(const struct pdu *pdu, const uint8_t *data, size_t size)
{
    const struct rest_message *message = &pdu->message;
    uint8_t token[PDU_TOKEN_MAX];
    size_t token_length = 0;
    uint16_t mid = 0;

    FUZZ_CHECK(message->option_count <= REST_OPTIONS_MAX);
    for (size_t i = 0; i < message->option_count; i++) {
        const struct rest_option *option = &message->options[i];

        FUZZ_CHECK(option->number > 0);
        FUZZ_CHECK(i == 0 || option->number >= message->options[i - 1].number);
        FUZZ_CHECK(option->value >= data && option->value + option->length <= data + size);
        check_block(option);
    }
    FUZZ_CHECK(rest_options_size(message) <= size);
    FUZZ_CHECK(pdu_peek(data, size, &mid, token, &token_length));
    FUZZ_CHECK(mid == pdu->mid && token_length == pdu->token_length);
    FUZZ_CHECK(memcmp(token, pdu->token, token_length) == 0);
}

/* Reads the bytes as a list of options instead, and sends the message through the codec. */
static void check_own_message(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct rest_request request;
    uint8_t datagram[REST_ARENA_SIZE + 8 * REST_OPTIONS_MAX];
    struct pdu pdu;

    rest_request_init(&request);
    request.message.code = REST_CODE(2, fuzz_take_byte(&input) & 7);
    while (input.left > 2) {
        uint16_t number = fuzz_take_byte(&input);
        uint8_t control = fuzz_take_byte(&input);
        size_t length;
        const uint8_t *value = fuzz_take_bytes(&input, control & 0x7f, &length);

        number = control & 0x80 ? (uint16_t)(number * 257) : number;
        if (rest_request_add(&request, number == 0 ? 1 : number, value, length) != 0)
            break;
    }
    size_t length = pdu_write(datagram, sizeof datagram, PDU_ACK, 7, NULL, 0, &request.message);
    FUZZ_CHECK(length == PDU_HEADER_SIZE + rest_options_size(&request.message));
    FUZZ_CHECK(pdu_parse(&pdu, datagram, length) == PDU_FINE);
    FUZZ_CHECK(fuzz_same_message(&pdu.message, &request.message));
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    coap_set_log_level(LOG_EMERG); /* libcoap says what it refuses */
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pdu pdu;

    if (size > DATAGRAM_MAXIMUM)
        return 0;
    switch (pdu_parse(&pdu, data, size)) {
    case PDU_FINE:
        check_parsed(&pdu, data, size);
        check_rewriting(&pdu, size);
        compare_with_libcoap(&pdu, data, size);
        break;
    case PDU_FORMAT_ERROR:
        FUZZ_CHECK(size >= PDU_HEADER_SIZE && data[0] >> 6 == 1);
        FUZZ_CHECK(pdu.mid == (data[2] << 8 | data[3]) && pdu.type == (data[0] >> 4 & 3));
        break;
    case PDU_IGNORE:
        FUZZ_CHECK(size < PDU_HEADER_SIZE || data[0] >> 6 != 1);
        break;
    }
    check_own_message(data, size);
    return 0;
}
