/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_guard: the head of an HTTP request: request line, then fields to an empty line. What the
 * guard lets through has one meaning: one Host, one way to find the end of the body, a target
 * without control characters.
 */
#include "../../gateway/http/http_guard.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "text.h"

enum { HEADER_MAXIMUM = 512 };

static size_t count_fields(const struct http_guard_head *head, const char *name)
{
    size_t count = 0;

    for (size_t i = 0; i < head->field_count; i++)
        count += text_equal_ignoring_case(head->fields[i].name, name);
    return count;
}

/* The framing as RFC 9112 6.3 has it, found by another way than the guard's. */
static void check_framing(const struct http_guard_head *head,
                          const struct http_guard_verdict *verdict)
{
    size_t lengths = count_fields(head, "Content-Length");
    size_t codings = count_fields(head, "Transfer-Encoding");

    FUZZ_CHECK(lengths + codings <= 1);
    FUZZ_CHECK(verdict->has_length == (lengths == 1));
    for (size_t i = 0; i < head->field_count; i++) {
        const struct http_field *field = &head->fields[i];

        if (text_equal_ignoring_case(field->name, "Content-Length"))
            FUZZ_CHECK(strtoull(field->value, NULL, 10) == verdict->content_length);
        if (text_equal_ignoring_case(field->name, "Transfer-Encoding"))
            FUZZ_CHECK(text_equal_ignoring_case(field->value, "chunked"));
    }
    FUZZ_CHECK(verdict->has_body == (codings == 1 || verdict->content_length > 0));
    FUZZ_CHECK(codings == 0 || !verdict->is_http_1_0);
}

static void check_passed(const struct http_guard_head *head,
                         const struct http_guard_verdict *verdict)
{
    size_t hosts = count_fields(head, "Host");
    size_t length = strlen(head->target);

    FUZZ_CHECK(verdict->slug == NULL && verdict->detail == NULL);
    FUZZ_CHECK(head->header_bytes <= head->header_maximum && head->is_as_sent);
    FUZZ_CHECK(hosts == 1 || (hosts == 0 && verdict->is_http_1_0));
    check_framing(head, verdict);
    FUZZ_CHECK(verdict->target >= head->target && verdict->target <= head->target + length);
    FUZZ_CHECK(verdict->is_absolute_form || verdict->target[0] == '/' || verdict->lacks_slash);
    FUZZ_CHECK(!verdict->is_absolute_form || strstr(verdict->target, "://") != NULL);
    for (const char *c = verdict->target; *c != '\0'; c++)
        FUZZ_CHECK((unsigned char)*c > ' ' && *c != 0x7f && *c != '#');
    for (size_t i = 0; i < head->field_count; i++)
        FUZZ_CHECK(fuzz_is_field_text(head->fields[i].value));
}

static void check_host(const char *text, size_t length)
{
    if (!http_guard_is_host(text, length))
        return;
    FUZZ_CHECK(length > 0 && text[0] != ':');
    for (size_t i = 0; i < length; i++)
        FUZZ_CHECK((unsigned char)text[i] > ' ' && (unsigned char)text[i] < 0x7f &&
                   strchr("/?#@\\\"<>", text[i]) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct http_field fields[FUZZ_FIELDS_MAX];
    struct http_guard_verdict verdict;
    char *line = fuzz_take_line(&input, NULL);

    if (line == NULL)
        return 0;
    struct http_guard_head head = {
        .fields = fields,
        .method = line,
        .header_maximum = HEADER_MAXIMUM,
        .is_as_sent = true,
    };
    char *target = line + strcspn(line, " ");
    if (*target != '\0')
        *target++ = '\0';
    char *version = target + strcspn(target, " ");
    if (*version != '\0')
        *version++ = '\0';
    head.target = target;
    head.version = version;
    head.field_count = fuzz_take_fields(&input, fields);
    head.header_bytes = size - input.left;
    http_guard_judge(&head, &verdict);
    if (verdict.status == 0)
        check_passed(&head, &verdict);
    else
        FUZZ_CHECK(verdict.status >= 400 && verdict.slug != NULL && verdict.detail != NULL);
    for (size_t i = 0; i < head.field_count; i++)
        check_host(head.fields[i].value, strlen(head.fields[i].value));
    check_host(target, strlen(target));
    head.is_as_sent = false;
    http_guard_judge(&head, &verdict);
    FUZZ_CHECK(verdict.status != 0);
    fuzz_free_fields(fields, head.field_count);
    free(line);
    return 0;
}
