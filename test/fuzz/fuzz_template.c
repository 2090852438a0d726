/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_template: the first line is a URI mapping template, the second a request target behind the
 * HC Proxy URI. What matched can be expanded, and the expansion matches with the same values once
 * they are percent-decoded.
 */
#include "template.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "fuzz.h"
#include "text.h"

enum { TEXT_MAXIMUM = 1 << 20 };

/* One character of a value, an escape read as what it means; -1 at the end. */
static int next_character(struct template_span *span)
{
    if (span->length == 0)
        return -1;
    int high = span->length > 2 ? text_hex_digit(span->text[1]) : -1;
    int low = span->length > 2 ? text_hex_digit(span->text[2]) : -1;
    bool is_escape = span->text[0] == '%' && high >= 0 && low >= 0;
    int c = is_escape ? high * 16 + low : (unsigned char)span->text[0];

    span->text += is_escape ? 3 : 1;
    span->length -= is_escape ? 3 : 1;
    return c;
}

static bool means_the_same(struct template_span a, struct template_span b)
{
    int c;

    if ((a.text == NULL) != (b.text == NULL))
        return false;
    while ((c = next_character(&a)) == next_character(&b))
        if (c == -1)
            return true;
    return false;
}

static void check_values(const struct template *template, const char *text, size_t length,
                         const struct template_span values[TEMPLATE_VARIABLES])
{
    for (int i = 0; i < TEMPLATE_VARIABLES; i++) {
        enum template_variable variable = (enum template_variable)i;
        const struct template_span *value = &values[i];

        FUZZ_CHECK((value->text != NULL) == template_has(template, variable));
        if (value->text == NULL)
            continue;
        FUZZ_CHECK(value->text >= text && value->text + value->length <= text + length);
        FUZZ_CHECK(variable != TEMPLATE_HP || memchr(value->text, '/', value->length) == NULL);
        FUZZ_CHECK(variable != TEMPLATE_P || value->length == 0 || value->text[0] == '/');
        FUZZ_CHECK(variable != TEMPLATE_QQ || value->length == 0 || value->text[0] == '?');
    }
}

static void check_expansion(const struct template *template,
                            const struct template_span values[TEMPLATE_VARIABLES])
{
    struct template_span again[TEMPLATE_VARIABLES];
    struct buffer out;
    char *fixed = NULL;
    size_t length = 0;

    buffer_init(&out, TEXT_MAXIMUM);
    FUZZ_CHECK(template_expand(template, values, &out) == 0);
    FUZZ_CHECK(template_match(template, buffer_text(&out), out.length, again));
    for (int i = 0; i < TEMPLATE_VARIABLES && !fuzz_memory.has_failed; i++)
        FUZZ_CHECK(means_the_same(values[i], again[i]));
    if (out.length > 0)
        fixed = malloc(out.length);
    if (fixed != NULL) {
        FUZZ_CHECK(template_expand_into(template, values, fixed, out.length, &length) == 0);
        FUZZ_CHECK(length == out.length && memcmp(fixed, out.data, length) == 0);
        FUZZ_CHECK(template_expand_into(template, values, fixed, out.length - 1, &length) != 0);
    }
    free(fixed);
    buffer_clear(&out);
}

static void check_template(const char *template_line, const char *text, size_t length,
                           bool is_complete)
{
    const char *reason = NULL;
    struct template *template = template_parse(template_line, is_complete, &reason);
    struct template_span values[TEMPLATE_VARIABLES];

    if (template == NULL) {
        FUZZ_CHECK(reason != NULL);
        return;
    }
    FUZZ_CHECK(strcmp(template_text(template), template_line) == 0);
    if (is_complete)
        FUZZ_CHECK(template_has(template, TEMPLATE_TU) || template_has(template, TEMPLATE_HP));
    if (text != NULL && template_match(template, text, length, values)) {
        check_values(template, text, length, values);
        check_expansion(template, values);
    }
    template_free(template);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    char *template_line = fuzz_take_line(&input, NULL);
    size_t length = 0;
    char *text = fuzz_take_line(&input, &length);

    if (template_line != NULL) {
        check_template(template_line, text, length, true);
        check_template(template_line, text, length, false);
    }
    free(template_line);
    free(text);
    return 0;
}
