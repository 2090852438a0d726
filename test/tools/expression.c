/* SPDX-License-Identifier: BSD-2-Clause */
#include "expression.h"
/*
 * expression: repeated text, whole numbers, and generated bodies for block-wise scenarios. A body
 * is made of groups of eight characters that name their own offset ("0001024." and so on), so
 * that a block in the wrong place shows at a glance; another letter at the end of each group
 * makes another body of the same size. Nothing in it needs quoting in a scenario.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "words.h"

#define GROUP 8

/* ${3*ab} -> ababab */
static bool write_repetition(const char *expression, struct bytes *out)
{
    char *rest;
    unsigned long count = strtoul(expression, &rest, 10);
    if (rest == expression || *rest != '*')
        return false;
    for (unsigned long i = 0; i < count; i++)
        bytes_append(out, rest + 1, strlen(rest + 1));
    return true;
}

static bool read_size(const struct words *words, size_t index, size_t *size)
{
    long number = 0;
    if (!words_number(words_at(words, index), &number) || number < 0)
        return false;
    *size = (size_t)number;
    return true;
}

static bool write_calculation(const struct words *words, struct bytes *out)
{
    long a = 0, b = 0, result = 0;
    const char *sign = words_at(words, 2);
    if (words->count != 4 || !words_number(words_at(words, 1), &a) ||
        !words_number(words_at(words, 3), &b) || strlen(sign) != 1)
        return false;
    if ((*sign == '/' || *sign == '%') && b == 0)
        return false;
    switch (*sign) {
    case '+':
        result = a + b;
        break;
    case '-':
        result = a - b;
        break;
    case '*':
        result = a * b;
        break;
    case '/':
        result = a / b;
        break;
    case '%':
        result = a % b;
        break;
    default:
        return false;
    }
    bytes_print(out, "%ld", result);
    return true;
}

static void write_groups(size_t begin, size_t end, char letter, struct bytes *out)
{
    for (size_t at = begin; at < end; at++) {
        char group[32];
        snprintf(group, sizeof(group), "%07zu%c", at / GROUP * GROUP % 10000000, letter);
        bytes_append(out, group + at % GROUP, 1);
    }
}

static bool write_body(const struct words *words, struct bytes *out)
{
    size_t length = 0, begin = 0, count = 0;
    char letter = '.';
    if (!read_size(words, 1, &length))
        return false;
    size_t end = length;
    for (size_t i = 2; i < words->count;) {
        if (words_is(words, i, "letter") && strlen(words_at(words, i + 1)) == 1) {
            letter = *words_at(words, i + 1);
            i += 2;
            continue;
        }
        bool is_block = words_is(words, i, "block");
        if ((!is_block && !words_is(words, i, "slice")) || !read_size(words, i + 1, &begin) ||
            !read_size(words, i + 2, &count))
            return false;
        begin = is_block ? begin * count : begin;
        end = begin + count < length ? begin + count : length;
        i += 3;
    }
    write_groups(begin, end, letter, out);
    return true;
}

static bool write_more(const struct words *words, struct bytes *out)
{
    size_t length = 0, number = 0, size = 0;
    if (words->count != 4 || !read_size(words, 1, &length) || !read_size(words, 2, &number) ||
        !read_size(words, 3, &size))
        return false;
    bytes_print(out, "%d", (number + 1) * size < length);
    return true;
}

bool expression_write(const char *expression, struct bytes *out)
{
    static const struct {
        const char *name;
        bool (*write)(const struct words *words, struct bytes *out);
    } functions[] = {{"calc", write_calculation}, {"body", write_body}, {"more", write_more}};
    struct words words = {.count = 0};
    bool written = false;
    if (write_repetition(expression, out))
        return true;
    bool whole = words_split(&words, expression);
    for (size_t i = 0; whole && i < sizeof(functions) / sizeof(functions[0]) && !written; i++)
        written = words_is(&words, 0, functions[i].name) && functions[i].write(&words, out);
    words_clear(&words);
    return written;
}
