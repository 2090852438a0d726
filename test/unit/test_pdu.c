/* SPDX-License-Identifier: BSD-2-Clause */
#include "pdu.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <coap3/coap.h>

#include "proves.h"
#include "random_source.h"

/*
 * Tests of the codec: a table of datagrams that RFC 7252 refuses, and libcoap's parser as the
 * oracle over random and mutated datagrams: what both accept must agree.
 */

static size_t from_hex(const char *hex, uint8_t *out)
{
    size_t length = 0;
    unsigned byte;
    int taken;

    while (sscanf(hex, " %2x%n", &byte, &taken) == 1) {
        out[length++] = (uint8_t)byte;
        hex += taken;
    }
    return length;
}

static const struct {
    const char *hex;
    enum pdu_outcome outcome;
    const char *why;
} outcomes[] = {
    {"", PDU_IGNORE, "empty datagram"},
    {"40 01 00", PDU_IGNORE, "shorter than a header"},
    {"00 45 12 34", PDU_IGNORE, "version 0 (RFC 7252 3)"},
    {"80 45 12 34", PDU_IGNORE, "version 2"},
    {"c9 45 12 34", PDU_IGNORE, "version 3, whatever follows"},
    {"60 00 12 34", PDU_FINE, "empty ACK"},
    {"70 00 12 34", PDU_FINE, "RST"},
    {"40 00 12 34", PDU_FINE, "ping"},
    {"50 00 12 34", PDU_FORMAT_ERROR, "empty NON (4.3)"},
    {"61 00 12 34 aa", PDU_FORMAT_ERROR, "empty ACK with a token (4.1)"},
    {"61 00 12 34", PDU_FORMAT_ERROR, "empty ACK with a token length"},
    {"60 00 12 34 ff 61", PDU_FORMAT_ERROR, "empty ACK with a payload (4.1)"},
    {"70 45 12 34", PDU_FORMAT_ERROR, "RST with a code (4.2)"},
    {"70 01 12 34", PDU_FORMAT_ERROR, "RST with a request code"},
    {"60 01 12 34", PDU_FORMAT_ERROR, "ACK with a request (4.2)"},
    {"40 01 12 34", PDU_FINE, "CON GET"},
    {"50 01 12 34", PDU_FINE, "NON GET"},
    {"40 20 12 34", PDU_FORMAT_ERROR, "class 1 (4.2)"},
    {"60 c1 12 34", PDU_FORMAT_ERROR, "class 6"},
    {"60 e1 12 34", PDU_FORMAT_ERROR, "class 7"},
    {"60 45 12 34", PDU_FINE, "2.05"},
    {"60 84 12 34", PDU_FINE, "4.04"},
    {"60 a0 12 34", PDU_FINE, "5.00"},
    {"68 45 12 34 01 02 03 04 05 06 07 08", PDU_FINE, "token of 8"},
    {"68 45 12 34 01 02 03 04 05 06 07", PDU_FORMAT_ERROR, "token cut"},
    {"69 45 12 34 01 02 03 04 05 06 07 08 09", PDU_FORMAT_ERROR, "token length 9 (3)"},
    {"6f 45 12 34 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f", PDU_FORMAT_ERROR,
     "token length 15"},
    {"60 45 12 34 ff", PDU_FORMAT_ERROR, "marker without payload (3)"},
    {"60 45 12 34 ff 61", PDU_FINE, "payload"},
    {"60 45 12 34 c1 28 ff", PDU_FORMAT_ERROR, "option, marker, no payload"},
    {"60 45 12 34 c1", PDU_FORMAT_ERROR, "option value cut"},
    {"60 45 12 34 d0", PDU_FORMAT_ERROR, "delta byte cut"},
    {"60 45 12 34 e0 00", PDU_FORMAT_ERROR, "delta bytes cut"},
    {"60 45 12 34 4d", PDU_FORMAT_ERROR, "length byte cut"},
    {"60 45 12 34 f0", PDU_FORMAT_ERROR, "delta 15 (3.1)"},
    {"60 45 12 34 4f 61 61", PDU_FORMAT_ERROR, "length 15 (3.1)"},
    {"60 45 12 34 00", PDU_FORMAT_ERROR, "option number 0"},
    {"60 45 12 34 e0 fe f2", PDU_FINE, "option number 65535"},
    {"60 45 12 34 e0 fe f3", PDU_FORMAT_ERROR, "option number 65536 in one delta"},
    {"60 45 12 34 e0 fe f7", PDU_FORMAT_ERROR, "option number 65540, 4 when it wraps"},
    {"60 45 12 34 e0 ff ff", PDU_FORMAT_ERROR, "the largest delta"},
    {"60 45 12 34 10 e0 fe f2", PDU_FORMAT_ERROR, "option number 65536 in two deltas"},
    {"60 45 12 34 49 01 02 03 04 05 06 07 08 09", PDU_FINE, "ETag of 9 bytes is kept (5.4.3)"},
    {"60 45 12 34 40", PDU_FINE, "empty ETag is kept (5.4.3)"},
    {"60 45 12 34 c3 01 02 03", PDU_FINE, "Content-Format of 3 bytes is kept (5.4.3)"},
};

START_TEST(datagrams_are_taken_or_refused_as_rfc_7252_says)
{
    uint8_t datagram[64];
    struct pdu pdu;
    size_t length = from_hex(outcomes[_i].hex, datagram);

    ck_assert_msg(pdu_parse(&pdu, datagram, length) == outcomes[_i].outcome, "%s: %s",
                  outcomes[_i].hex, outcomes[_i].why);
    if (outcomes[_i].outcome != PDU_IGNORE)
        ck_assert_uint_eq(pdu.mid, 0x1234);
}
END_TEST

START_TEST(type_and_mid_of_a_refused_message_are_told)
{
    uint8_t datagram[16];
    struct pdu pdu;

    ck_assert_int_eq(pdu_parse(&pdu, datagram, from_hex("4f 45 be ef", datagram)),
                     PDU_FORMAT_ERROR);
    ck_assert_int_eq(pdu.type, PDU_CON);
    ck_assert_uint_eq(pdu.mid, 0xbeef);
}
END_TEST

START_TEST(an_option_more_than_the_maximum_is_refused)
{
    uint8_t datagram[PDU_HEADER_SIZE + REST_OPTIONS_MAX + 1];
    struct pdu pdu;

    memset(datagram, 0, sizeof(datagram));
    from_hex("60 45 00 01 10", datagram);
    ck_assert_int_eq(pdu_parse(&pdu, datagram, PDU_HEADER_SIZE + REST_OPTIONS_MAX), PDU_FINE);
    ck_assert_uint_eq(pdu.message.option_count, REST_OPTIONS_MAX);
    ck_assert_int_eq(pdu_parse(&pdu, datagram, PDU_HEADER_SIZE + REST_OPTIONS_MAX + 1),
                     PDU_FORMAT_ERROR);
}
END_TEST

START_TEST(options_token_and_payload_are_read_in_place)
{
    uint8_t datagram[64];
    struct pdu pdu;
    size_t length =
        from_hex("64 45 7d 34 de ad be ef 42 aa bb 81 3c d1 fe 07 ff 32 31 2e 35", datagram);

    ck_assert_int_eq(pdu_parse(&pdu, datagram, length), PDU_FINE);
    ck_assert_int_eq(pdu.type, PDU_ACK);
    ck_assert_uint_eq(pdu.token_length, 4);
    ck_assert_mem_eq(pdu.token, "\xde\xad\xbe\xef", 4);
    ck_assert_uint_eq(pdu.message.code, REST_CODE(2, 5));
    ck_assert_uint_eq(pdu.message.option_count, 3);
    ck_assert_uint_eq(pdu.message.options[0].number, REST_OPTION_ETAG);
    ck_assert_uint_eq(pdu.message.options[0].length, 2);
    ck_assert_ptr_eq(pdu.message.options[0].value, datagram + 9);
    ck_assert_uint_eq(pdu.message.options[1].number, REST_OPTION_CONTENT_FORMAT);
    ck_assert_uint_eq(pdu.message.options[2].number, 12 + 13 + 0xfe);
    ck_assert_uint_eq(pdu.message.payload_length, 4);
    ck_assert_mem_eq(pdu.message.payload, "21.5", 4);
}
END_TEST

START_TEST(a_request_with_all_options_is_written_in_ascending_order_with_short_uints)
{
    struct rest_request request;
    uint8_t out[REST_REQUEST_SIZE], expected[64];
    const uint8_t token[2] = {0x51, 0x52};

    rest_request_init(&request);
    request.message.code = REST_PUT;
    /* On purpose in descending order. */
    ck_assert_int_eq(rest_request_add_uint(&request, REST_OPTION_SIZE1, 65536), 0);
    ck_assert_int_eq(rest_request_add_uint(&request, REST_OPTION_ACCEPT, 50), 0);
    ck_assert_int_eq(rest_request_add_uint(&request, REST_OPTION_HOP_LIMIT, 16), 0);
    ck_assert_int_eq(rest_request_add(&request, REST_OPTION_URI_QUERY, "a=1", 3), 0);
    ck_assert_int_eq(rest_request_add_uint(&request, REST_OPTION_CONTENT_FORMAT, 0), 0);
    ck_assert_int_eq(rest_request_add(&request, REST_OPTION_URI_PATH, "led", 3), 0);
    ck_assert_int_eq(rest_request_add(&request, REST_OPTION_URI_PATH, "", 0), 0);
    ck_assert_int_eq(rest_request_add_uint(&request, REST_OPTION_URI_PORT, 5683), 0);
    ck_assert_int_eq(rest_request_add(&request, REST_OPTION_IF_NONE_MATCH, NULL, 0), 0);
    request.message.payload = (const uint8_t *)"on";
    request.message.payload_length = 2;

    size_t length = pdu_write(out, sizeof(out), PDU_CON, 0x0102, token, 2, &request.message);
    size_t expected_length = from_hex("42 03 01 02 51 52"
                                      " 50"             /* 5 If-None-Match */
                                      " 22 16 33"       /* 7 Uri-Port 5683 */
                                      " 43 6c 65 64"    /* 11 Uri-Path led */
                                      " 00"             /* 11 Uri-Path, empty */
                                      " 10"             /* 12 Content-Format 0: no byte */
                                      " 33 61 3d 31"    /* 15 Uri-Query a=1 */
                                      " 11 10"          /* 16 Hop-Limit 16 */
                                      " 11 32"          /* 17 Accept 50 */
                                      " d3 1e 01 00 00" /* 60 Size1 65536: three bytes */
                                      " ff 6f 6e",
                                      expected);
    ck_assert_uint_eq(length, expected_length);
    ck_assert_mem_eq(out, expected, length);
    proves("OPT-28");
}
END_TEST

START_TEST(a_message_is_written_only_when_it_fits)
{
    struct rest_request request;
    uint8_t out[64];
    const uint8_t token[8] = {1, 2, 3, 4, 5, 6, 7, 8};

    rest_request_init(&request);
    request.message.code = REST_POST;
    ck_assert_int_eq(rest_request_add(&request, REST_OPTION_URI_PATH, "sensors-of-the-house", 20),
                     0);
    request.message.payload = (const uint8_t *)"x";
    request.message.payload_length = 1;
    size_t whole = 4 + 8 + 2 + 20 + 2;
    for (size_t size = 0; size < whole; size++)
        ck_assert_uint_eq(pdu_write(out, size, PDU_CON, 1, token, 8, &request.message), 0);
    ck_assert_uint_eq(pdu_write(out, whole, PDU_CON, 1, token, 8, &request.message), whole);
    request.message.payload_length = 0;
    ck_assert_uint_eq(pdu_write(out, whole - 2, PDU_CON, 1, token, 8, &request.message), whole - 2);
}
END_TEST

START_TEST(type_and_mid_are_set_afterwards_and_read_back)
{
    uint8_t datagram[16], token[PDU_TOKEN_MAX];
    size_t token_length;
    uint16_t mid;

    from_hex("43 01 00 00 0a 0b 0c b1 61", datagram);
    pdu_set_type_and_mid(datagram, PDU_NON, 0xfffe);
    ck_assert_mem_eq(datagram, "\x53\x01\xff\xfe\x0a\x0b\x0c\xb1\x61", 9);
    ck_assert(pdu_peek(datagram, 7, &mid, token, &token_length));
    ck_assert_uint_eq(mid, 0xfffe);
    ck_assert_uint_eq(token_length, 3);
    ck_assert_mem_eq(token, "\x0a\x0b\x0c", 3);
    ck_assert(!pdu_peek(datagram, 6, &mid, token, &token_length));
    ck_assert(!pdu_peek(datagram, 0, &mid, token, &token_length));
    pdu_write_empty(datagram, PDU_RST, 0x1234);
    ck_assert_mem_eq(datagram, "\x70\x00\x12\x34", 4);
}
END_TEST

/* Random bytes that look like CoAP, so that the parser gets past the header. */
static size_t make_datagram(struct random_source *random, uint8_t *out, size_t size)
{
    size_t length = random_below(random, (uint32_t)size);

    random_bytes(random, out, length);
    if (length > 0 && random_below(random, 8) != 0)
        out[0] = (uint8_t)(0x40 | (out[0] & 0x30) | random_below(random, 9));
    if (length > 1 && random_below(random, 4) != 0)
        out[1] = (uint8_t)(2 << 5 | random_below(random, 6));
    /* Long deltas and lengths are rare in random bytes: make small ones. */
    for (size_t i = 4; i < length && random_below(random, 3) != 0; i++)
        out[i] &= 0x31;
    return length;
}

/* A message of ours with some bytes changed. */
static size_t mutate_message(struct random_source *random, uint8_t *out, size_t size)
{
    static const uint16_t numbers[] = {4, 6, 8, 12, 14, 20, 28, 60, 258, 2048, 65000};
    struct rest_request request;
    uint8_t bytes[300];
    size_t options = random_below(random, 8);

    rest_request_init(&request);
    request.message.code = REST_CODE(2, 5);
    random_bytes(random, bytes, sizeof(bytes));
    for (size_t i = 0; i < options; i++)
        rest_request_add(&request, numbers[random_below(random, 11)], bytes,
                         random_below(random, random_below(random, 4) ? 8 : sizeof(bytes)));
    request.message.payload = bytes;
    request.message.payload_length = random_below(random, 20);
    size_t length =
        pdu_write(out, size, PDU_ACK, 7, bytes, random_below(random, 9), &request.message);
    ck_assert_uint_gt(length, 0);
    for (unsigned n = random_below(random, 3); n > 0; n--)
        out[random_below(random, (uint32_t)length)] = (uint8_t)random_below(random, 256);
    return random_below(random, 4) ? length : random_below(random, (uint32_t)length + 1);
}

static void compare_with_oracle(const struct pdu *pdu, const coap_pdu_t *oracle)
{
    coap_opt_iterator_t iterator;
    coap_bin_const_t token = coap_pdu_get_token(oracle);
    const uint8_t *payload = NULL;
    size_t payload_length = 0, count = 0;

    ck_assert_int_eq((int)pdu->type, (int)coap_pdu_get_type(oracle));
    ck_assert_int_eq(pdu->message.code, (int)coap_pdu_get_code(oracle));
    ck_assert_int_eq(pdu->mid, coap_pdu_get_mid(oracle));
    ck_assert_uint_eq(pdu->token_length, token.length);
    ck_assert(token.length == 0 || memcmp(pdu->token, token.s, token.length) == 0);
    coap_option_iterator_init(oracle, &iterator, COAP_OPT_ALL);
    for (coap_opt_t *option; (option = coap_option_next(&iterator)) != NULL; count++) {
        const struct rest_option *ours = &pdu->message.options[count];
        ck_assert_uint_lt(count, pdu->message.option_count);
        ck_assert_uint_eq(ours->number, iterator.number);
        ck_assert_uint_eq(ours->length, coap_opt_length(option));
        ck_assert(ours->length == 0 ||
                  memcmp(ours->value, coap_opt_value(option), ours->length) == 0);
    }
    ck_assert_uint_eq(pdu->message.option_count, count);
    coap_get_data(oracle, &payload_length, &payload);
    ck_assert_uint_eq(pdu->message.payload_length, payload_length);
    ck_assert(payload_length == 0 || memcmp(pdu->message.payload, payload, payload_length) == 0);
}

START_TEST(what_we_and_the_oracle_accept_agrees_over_100000_datagrams)
{
    struct random_sequence sequence;
    unsigned both = 0;

    coap_startup();
    coap_set_log_level(LOG_EMERG);
    random_sequence_init(&sequence, 7252);
    struct random_source random = random_sequence_source(&sequence);
    coap_pdu_t *oracle = coap_pdu_init(COAP_MESSAGE_CON, 0, 0, 2048);
    ck_assert_ptr_nonnull(oracle);
    for (unsigned i = 0; i < 100000; i++) {
        uint8_t scratch[2560];
        struct pdu pdu;
        size_t length = i & 1 ? make_datagram(&random, scratch, 64)
                              : mutate_message(&random, scratch, sizeof(scratch));
        /* An allocation of just that size lets the sanitizer see a byte read too many. */
        uint8_t *datagram = malloc(length ? length : 1);
        ck_assert_ptr_nonnull(datagram);
        memcpy(datagram, scratch, length);
        enum pdu_outcome outcome = pdu_parse(&pdu, datagram, length);
        if (coap_pdu_parse(COAP_PROTO_UDP, datagram, length, oracle) && outcome == PDU_FINE) {
            compare_with_oracle(&pdu, oracle);
            both++;
        }
        free(datagram);
    }
    coap_delete_pdu(oracle);
    coap_cleanup();
    /* The comparison is worth something only when it happened often. */
    ck_assert_uint_gt(both, 10000);
}
END_TEST

START_TEST(what_is_written_reads_back_the_same)
{
    struct random_sequence sequence;
    random_sequence_init(&sequence, 1);
    struct random_source random = random_sequence_source(&sequence);

    for (unsigned i = 0; i < 2000; i++) {
        struct rest_request request;
        uint8_t out[4096], bytes[600], token[8];
        struct pdu pdu;

        rest_request_init(&request);
        request.message.code = REST_PUT;
        random_bytes(&random, bytes, sizeof(bytes));
        random_bytes(&random, token, sizeof(token));
        for (unsigned n = random_below(&random, 10); n > 0; n--)
            rest_request_add(&request, (uint16_t)(1 + random_below(&random, 65535)), bytes,
                             random_below(&random, 300));
        size_t length =
            pdu_write(out, sizeof(out), PDU_NON, (uint16_t)i, token, 8, &request.message);
        ck_assert_int_eq(pdu_parse(&pdu, out, length), PDU_FINE);
        ck_assert_uint_eq(pdu.mid, i);
        ck_assert_mem_eq(pdu.token, token, 8);
        ck_assert_uint_eq(pdu.message.option_count, request.message.option_count);
        for (size_t n = 0; n < pdu.message.option_count; n++) {
            const struct rest_option *a = &pdu.message.options[n], *b = &request.message.options[n];
            ck_assert_uint_eq(a->number, b->number);
            ck_assert_uint_eq(a->length, b->length);
            ck_assert(a->length == 0 || memcmp(a->value, b->value, a->length) == 0);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("pdu");
    TCase *tests = tcase_create("pdu");

    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, datagrams_are_taken_or_refused_as_rfc_7252_says, 0,
                        sizeof(outcomes) / sizeof(outcomes[0]));
    tcase_add_test(tests, type_and_mid_of_a_refused_message_are_told);
    tcase_add_test(tests, an_option_more_than_the_maximum_is_refused);
    tcase_add_test(tests, options_token_and_payload_are_read_in_place);
    tcase_add_test(tests,
                   a_request_with_all_options_is_written_in_ascending_order_with_short_uints);
    tcase_add_test(tests, a_message_is_written_only_when_it_fits);
    tcase_add_test(tests, type_and_mid_are_set_afterwards_and_read_back);
    tcase_add_test(tests, what_we_and_the_oracle_accept_agrees_over_100000_datagrams);
    tcase_add_test(tests, what_is_written_reads_back_the_same);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
