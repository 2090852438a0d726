/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_problem: a body of concise problem details (RFC 9290). What is made of it is one JSON object
 * whose status and CoAP code are the gateway's, of bounded size; a body that cannot be read leaves
 * nothing. The same bytes serve as the texts of a problem document of our own.
 */
#include "problem.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "fuzz.h"
#include "http_message.h"
#include "rest.h"

enum { OUT_MAXIMUM = 1 << 20, STATUS = 404 };

static void check_document(const struct buffer *out)
{
    json_t *document = json_loadb(out->data, out->length, JSON_ALLOW_NUL, NULL);
    const char *code;

    FUZZ_CHECK(json_is_object(document));
    FUZZ_CHECK(fuzz_is_json(out->data, out->length));
    FUZZ_CHECK(out->data[out->length - 1] == '\n' && strlen(out->data) == out->length);
    FUZZ_CHECK(json_integer_value(json_object_get(document, "status")) == STATUS);
    code = json_string_value(json_object_get(document, "coap-code"));
    FUZZ_CHECK(code != NULL && strlen(code) == 4 && code[1] == '.');
    json_decref(document);
}

static void check_concise(const uint8_t *data, size_t size)
{
    struct buffer out;
    uint16_t told = 0, told_alone = 0;

    buffer_init(&out, OUT_MAXIMUM);
    int result = problem_from_concise(data, size, STATUS, REST_CODE(4, 4), &out, &told);
    int result_alone = problem_from_concise(data, size, STATUS, REST_CODE(4, 4), NULL, &told_alone);
    FUZZ_CHECK(told == told_alone && (result == 0 || result_alone != 0 || out.length == 0));
    if (result == 0 && out.length > 0)
        check_document(&out);
    else
        FUZZ_CHECK(out.length == 0 && result != 0);
    buffer_clear(&out);
}

/* Texts of any bytes still give JSON, or one line of text. */
static void check_own(const char *text, bool is_text)
{
    const struct http_field accept = {"Accept", "text/plain"};
    const struct http_request request = {.fields = &accept, .field_count = is_text};
    const struct problem problem = {
        .type = (enum problem_type)((unsigned char)text[0] % PROBLEM_TYPES),
        .status = 502,
        .detail = text,
        .node = text,
        .coap_code = (uint8_t)strlen(text),
        .elapsed_ms = (int64_t)strlen(text) - 1,
        .request_id = text,
    };
    struct http_reply reply;

    http_reply_init(&reply, OUT_MAXIMUM);
    FUZZ_CHECK(problem_write(&problem, &request, &reply) == 0);
    fuzz_check_reply(&reply);
    if (is_text && reply.body.length > 0)
        FUZZ_CHECK(strchr(reply.body.data, '\n') == reply.body.data + reply.body.length - 1);
    http_reply_clear(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);

    check_concise(data, size);
    if (text == NULL)
        return 0;
    if (size > 0)
        memcpy(text, data, size);
    text[size] = '\0';
    check_own(text, false);
    check_own(text, true);
    free(text);
    return 0;
}
