/* SPDX-License-Identifier: BSD-2-Clause */
#include "fault_rules.h"
/*
 * fault_rules: reads the rules of udpfault and applies them. A rule selects by the CoAP header and,
 * if it must, by the number in a Block option; that is all it knows of CoAP. Each rule draws from a
 * random stream of its own, made from the seed and its text.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPTION_BLOCK2 23
#define OPTION_BLOCK1 27
#define RULE_WORDS    16

/* splitmix64 */
static uint64_t draw(struct fault_rule *rule)
{
    uint64_t z = rule->random += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

static double draw_fraction(struct fault_rule *rule)
{
    return (double)(draw(rule) >> 11) / 9007199254740992.0; /* 2^53 */
}

/* Reads a number with exactly `suffix` behind it. */
static bool read_number(const char *word, const char *suffix, double *number)
{
    char *end;
    *number = strtod(word, &end);
    return end != word && *number >= 0 && strcmp(end, suffix) == 0;
}

/* 1st 2nd 3rd 4th ... */
static bool read_ordinal(const char *word, unsigned long *nth)
{
    char *end;
    *nth = strtoul(word, &end, 10);
    return *nth > 0 && (strcmp(end, "st") == 0 || strcmp(end, "nd") == 0 ||
                        strcmp(end, "rd") == 0 || strcmp(end, "th") == 0);
}

static bool read_selector(struct fault_rule *rule, const char *word)
{
    static const char *const types[] = {"CON", "NON", "ACK", "RST"};
    double number = 0;
    unsigned long block = 0;
    char option = 0, more = 0;
    for (int i = 0; i < 4; i++) {
        if (strcmp(word, types[i]) == 0) {
            rule->type = i;
            return true;
        }
    }
    if (sscanf(word, "block%c=%lu%c", &option, &block, &more) == 2 &&
        (option == '1' || option == '2')) {
        rule->block = option == '1' ? OPTION_BLOCK1 : OPTION_BLOCK2;
        rule->block_number = (uint32_t)block;
        return true;
    }
    if (read_number(word, "%", &number)) {
        rule->chance = number / 100;
        return number <= 100;
    }
    if (strcmp(word, "request") == 0)
        rule->code_class = 0;
    else if (strcmp(word, "response") == 0)
        rule->code_class = 2;
    else if (strcmp(word, "empty") == 0)
        rule->is_empty = true;
    else
        return read_ordinal(word, &rule->nth);
    return true;
}

static bool read_action(struct fault_rule *rule, const char *word)
{
    static const char *const names[] = {"drop",  "duplicate", "reorder",
                                        "delay", "corrupt",   "silent"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(word, names[i]) == 0) {
            rule->action = (enum fault_action)i;
            return true;
        }
    }
    return false;
}

/* The numbers behind an action; returns how many words they are, -1 when one is missing. */
static int read_seconds(struct fault_rule *rule, char **words, int count)
{
    bool one = count > 0 && read_number(words[0], "", &rule->seconds);
    if (rule->action == FAULT_SILENT)
        return count > 1 && read_number(words[0], "", &rule->begin) &&
                       read_number(words[1], "", &rule->end)
                   ? 2
                   : -1;
    if (rule->action == FAULT_DELAY)
        return one ? 1 : -1;
    return rule->action == FAULT_DUPLICATE && one ? 1 : 0;
}

static bool read_words(struct fault_rule *rule, char **words, int count)
{
    int at = 0;
    if (count > 0 && strncmp(words[0], "to-", 3) == 0) {
        rule->any_direction = false;
        rule->direction = strcmp(words[0], "to-node") == 0 ? FAULT_TO_NODE : FAULT_TO_GATEWAY;
        if (rule->direction == FAULT_TO_GATEWAY && strcmp(words[0], "to-gateway") != 0)
            return false;
        at++;
    }
    if (at == count || !read_action(rule, words[at++]))
        return false;
    int taken = read_seconds(rule, words + at, count - at);
    if (taken < 0)
        return false;
    if (taken == 0)
        rule->seconds = 0;
    for (at += taken; at < count; at++) {
        if (!read_selector(rule, words[at]))
            return false;
    }
    return true;
}

bool fault_rule_read(struct fault_rule *rule, const char *text, uint64_t seed)
{
    char *words[RULE_WORDS], *copy = strdup(text), *rest = copy;
    int count = 0;
    *rule = (struct fault_rule){
        .text = text, .any_direction = true, .type = -1, .code_class = -1, .chance = 1};
    rule->random = seed;
    for (const char *at = text; *at != '\0'; at++)
        rule->random = (rule->random ^ (uint8_t)*at) * 1099511628211U; /* FNV-1a */
    if (copy == NULL)
        return false;
    for (char *word; (word = strsep(&rest, " ")) != NULL && count < RULE_WORDS;) {
        if (*word != '\0')
            words[count++] = word;
    }
    bool read = read_words(rule, words, count);
    free(copy);
    return read;
}

/* Reads the 13/14 extension of a delta or length (RFC 7252 3.1). */
static bool read_extension(const uint8_t **at, const uint8_t *end, unsigned *value)
{
    unsigned more = *value == 13 ? 1 : *value == 14 ? 2 : 0;
    if (*value == 15 || end - *at < (ptrdiff_t)more)
        return false;
    if (more == 1)
        *value = 13U + (*at)[0];
    else if (more == 2)
        *value = 269U + (unsigned)(*at)[0] * 256U + (*at)[1];
    *at += more;
    return true;
}

/* NUM of a Block option (RFC 7959 2.2); false when the message has none. */
static bool find_block(const uint8_t *datagram, size_t length, unsigned wanted, uint32_t *number)
{
    const uint8_t *end = datagram + length;
    unsigned option = 0;
    for (const uint8_t *at = datagram + 4 + (datagram[0] & 15); at < end && *at != 0xff;) {
        unsigned delta = *at >> 4, size = *at & 15;
        at++;
        if (!read_extension(&at, end, &delta) || !read_extension(&at, end, &size) ||
            end - at < (ptrdiff_t)size)
            return false;
        option += delta;
        uint32_t value = 0;
        for (unsigned i = 0; i < size && i < 4; i++)
            value = value << 8 | at[i];
        if (option == wanted) {
            *number = value >> 4;
            return size <= 3;
        }
        at += size;
    }
    return false;
}

static bool fits(const struct fault_rule *rule, enum fault_direction direction,
                 const uint8_t *datagram, size_t length, double now)
{
    if (!rule->any_direction && rule->direction != direction)
        return false;
    if (rule->action == FAULT_SILENT && (now < rule->begin || now >= rule->end))
        return false;
    bool selects = rule->type >= 0 || rule->code_class >= 0 || rule->is_empty || rule->block != 0;
    if (!selects)
        return true;
    if (length < 4 || datagram[0] >> 6 != 1)
        return false;
    int class = datagram[1] >> 5;
    if (rule->type >= 0 && (datagram[0] >> 4 & 3) != rule->type)
        return false;
    if (rule->is_empty && datagram[1] != 0)
        return false;
    if (rule->code_class == 0 && (class != 0 || datagram[1] == 0))
        return false;
    if (rule->code_class == 2 && class == 0)
        return false;
    uint32_t number = 0;
    return rule->block == 0 ||
           (find_block(datagram, length, rule->block, &number) && number == rule->block_number);
}

static void apply(struct fault_rule *rule, size_t length, struct fault_verdict *verdict)
{
    rule->applied++;
    switch (rule->action) {
    case FAULT_DROP:
    case FAULT_SILENT:
        verdict->drop = true;
        break;
    case FAULT_DUPLICATE:
        verdict->duplicate = true;
        verdict->duplicate_delay = rule->seconds;
        break;
    case FAULT_REORDER:
        verdict->reorder = true;
        break;
    case FAULT_DELAY:
        verdict->delay += rule->seconds;
        break;
    case FAULT_CORRUPT:
        verdict->corrupt = length > 0;
        verdict->corrupt_at = length > 0 ? draw(rule) % length : 0;
        verdict->corrupt_by = (uint8_t)(1 + draw(rule) % 255);
        break;
    }
}

void fault_rules_judge(struct fault_rule *rules, size_t count, enum fault_direction direction,
                       const uint8_t *datagram, size_t length, double now,
                       struct fault_verdict *verdict)
{
    *verdict = (struct fault_verdict){.drop = false};
    for (size_t i = 0; i < count; i++) {
        struct fault_rule *rule = &rules[i];
        if (!fits(rule, direction, datagram, length, now))
            continue;
        rule->matched++;
        if (rule->nth != 0 && rule->nth != rule->matched)
            continue;
        if (rule->chance >= 1 || draw_fraction(rule) < rule->chance)
            apply(rule, length, verdict);
    }
}
