/* SPDX-License-Identifier: BSD-2-Clause */
#include "access.h"
#include "access_private.h"

/*
 * Judges targets by the rules of "access". The first rule that applies decides, so the rules are
 * walked in order and the walk stops at the first that matches scheme, port, path and host.
 * Matching errs on the side of refusal: where something cannot be known (a name that does not
 * resolve, a zone that does not exist), a rule that denies matches and a rule that allows does not.
 */

#include <stdlib.h>
#include <string.h>

#include "http_message.h"
#include "method.h"
#include "rest.h"
#include "text.h"

enum match {
    MATCH_NO,
    MATCH_YES,
    MATCH_NEEDS_NAME,
    MATCH_BUT_PORT, /* all but the special port, which "*" does not cover */
};

struct access_table *access_table_new(void)
{
    return calloc(1, sizeof(struct access_table));
}

void access_rule_clear(struct access_rule *rule)
{
    for (size_t i = 0; i < rule->target_count; i++) {
        for (size_t j = 0; j < rule->targets[i].segment_count; j++)
            free(rule->targets[i].segments[j].bytes);
        free(rule->targets[i].segments);
    }
    free(rule->targets);
    free(rule->networks);
    free(rule->ports);
    memset(rule, 0, sizeof *rule);
}

void access_table_free(struct access_table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->rule_count; i++)
        access_rule_clear(&table->rules[i]);
    free(table->rules);
    free(table);
}

/* Services that answer small forged requests with large answers, or obey them (SEC-07). */
static bool is_special_port(uint16_t port)
{
    static const uint16_t special[] = {53, 123, 161, 1900, 5353};

    for (size_t i = 0; i < sizeof special / sizeof special[0]; i++)
        if (special[i] == port)
            return true;
    return false;
}

static bool is_same_host(const struct endpoint_address *a, const struct endpoint_address *b)
{
    return a->family == b->family && a->scope_id == b->scope_id &&
           memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

/* The IPv4 address that a NAT64 makes of this one, by the well-known prefix 64:ff9b::/96 (RFC 6052
 * 2.1); false when it is none. A translator on the way would carry a request to that address past
 * the rules for it. */
static bool is_behind_nat64(const struct endpoint_address *address, struct endpoint_address *ipv4)
{
    static const uint8_t prefix[12] = {0x00, 0x64, 0xff, 0x9b};

    if (address->family != 6 || memcmp(address->bytes, prefix, sizeof prefix) != 0)
        return false;
    memset(ipv4, 0, sizeof *ipv4);
    memcpy(ipv4->bytes, address->bytes + sizeof prefix, 4);
    ipv4->family = 4;
    ipv4->port = address->port;
    return true;
}

/* The decoded segments of the prefix are the first ones of the request: whole segments, compared
 * byte by byte (URI-32). */
static bool path_matches(const struct access_target *target, const struct rest_message *request)
{
    size_t matched = 0;

    for (size_t i = 0; i < request->option_count && matched < target->segment_count; i++) {
        const struct rest_option *option = &request->options[i];
        const struct access_segment *segment = &target->segments[matched];

        if (option->number != REST_OPTION_URI_PATH)
            continue;
        if (option->length != segment->length ||
            memcmp(option->value, segment->bytes, segment->length) != 0)
            return false;
        matched++;
    }
    return matched == target->segment_count;
}

static enum match port_matches(bool is_any, bool is_listed, uint16_t port, bool is_allow)
{
    if (is_listed)
        return MATCH_YES;
    if (!is_any)
        return MATCH_NO;
    return is_allow && is_special_port(port) ? MATCH_BUT_PORT : MATCH_YES;
}

static enum match name_matches(const struct access_target *target, bool is_allow,
                               const struct access_question *question)
{
    struct access_addresses known = {0};

    if (question->authority->host_kind == URI_HOST_NAME &&
        text_equal_ignoring_case(question->authority->host, target->authority.host))
        return MATCH_YES;
    if (question->lookup == NULL ||
        !question->lookup(question->lookup_handle, target->authority.host, &known))
        return MATCH_NEEDS_NAME;
    if (known.count == 0)
        return is_allow ? MATCH_NO : MATCH_YES;
    for (size_t i = 0; i < known.count; i++) {
        struct endpoint_address address = known.addresses[i];

        /* getaddrinfo knows no zone of link-local addresses in most name services. */
        if (address.scope_id == 0 && endpoint_address_is_link_local6(&address))
            address.scope_id = question->address->scope_id;
        if (is_same_host(&address, question->address))
            return MATCH_YES;
    }
    return MATCH_NO;
}

static enum match host_matches(const struct access_target *target, bool is_allow,
                               const struct access_question *question)
{
    struct endpoint_address address;

    if (target->authority.host_kind == URI_HOST_NAME)
        return name_matches(target, is_allow, question);
    memset(&address, 0, sizeof address);
    if (!uri_authority_address(&target->authority, &address))
        return is_allow ? MATCH_NO : MATCH_YES;
    return is_same_host(&address, question->address) ? MATCH_YES : MATCH_NO;
}

static enum match target_matches(const struct access_target *target, bool is_allow,
                                 const struct access_question *question)
{
    uint16_t port = question->address->port;
    enum match by_port;
    enum match by_host;

    if (target->authority.scheme != question->authority->scheme)
        return MATCH_NO;
    by_port = port_matches(target->is_any_port,
                           !target->is_any_port && target->authority.port == port, port, is_allow);
    if (by_port == MATCH_NO || !path_matches(target, question->request))
        return MATCH_NO;
    by_host = host_matches(target, is_allow, question);
    return by_host == MATCH_YES ? by_port : by_host;
}

static enum match networks_match(const struct access_rule *rule,
                                 const struct access_question *question)
{
    uint16_t port = question->address->port;
    bool is_listed = false;
    enum match by_port;

    if (rule->network_count == 0)
        return MATCH_NO;
    if (question->authority->scheme == URI_SCHEME_COAPS ? !rule->takes_coaps : !rule->takes_coap)
        return MATCH_NO;
    for (size_t i = 0; i < rule->port_count; i++)
        is_listed = is_listed || rule->ports[i] == port;
    by_port = port_matches(rule->is_any_port, is_listed, port, rule->is_allow);
    if (by_port == MATCH_NO)
        return MATCH_NO;
    for (size_t i = 0; i < rule->network_count; i++)
        if (endpoint_address_in_network(question->address, &rule->networks[i].address,
                                        rule->networks[i].prefix_length))
            return by_port;
    return MATCH_NO;
}

/* One address, whatever stands behind it; `*name` as below. */
static enum match match_address(const struct access_rule *rule,
                                const struct access_question *question, const char **name)
{
    enum match best = networks_match(rule, question);

    for (size_t i = 0; i < rule->target_count && best != MATCH_YES; i++) {
        enum match match = target_matches(&rule->targets[i], rule->is_allow, question);

        if (match == MATCH_YES || (match == MATCH_NEEDS_NAME && best != MATCH_NEEDS_NAME) ||
            (match == MATCH_BUT_PORT && best == MATCH_NO))
            best = match;
        if (match == MATCH_NEEDS_NAME && *name == NULL)
            *name = rule->targets[i].authority.host;
    }
    return best;
}

/* `*name` is set when the result is MATCH_NEEDS_NAME. What a rule denies it also denies by way of a
 * NAT64; what it allows is the address as it stands. */
static enum match rule_matches(const struct access_rule *rule,
                               const struct access_question *question, const char **name)
{
    enum match match = match_address(rule, question, name);
    struct access_question translated = *question;
    struct endpoint_address ipv4;

    if (match != MATCH_NO || rule->is_allow || !is_behind_nat64(question->address, &ipv4))
        return match;
    translated.address = &ipv4;
    return match_address(rule, &translated, name);
}

static unsigned expand_roles(unsigned roles)
{
    if ((roles & ROLE_ADMIN) != 0)
        roles |= ROLE_WRITE;
    if ((roles & ROLE_WRITE) != 0)
        roles |= ROLE_READ;
    return roles;
}

bool access_role_suffices(unsigned required, unsigned roles, unsigned method)
{
    if (required == 0)
        required = method_is_safe((enum http_method)method) ? ROLE_READ : ROLE_WRITE;
    return (expand_roles(roles) & required) != 0;
}

enum access_verdict access_judge_address(const struct endpoint_address *address)
{
    struct endpoint_address ipv4;

    if (endpoint_address_is_multicast(address) ||
        (is_behind_nat64(address, &ipv4) && endpoint_address_is_multicast(&ipv4)))
        return ACCESS_MULTICAST;
    if (endpoint_address_is_link_local6(address) && address->scope_id == 0)
        return ACCESS_LINK_LOCAL;
    return ACCESS_ALLOWED;
}

static struct access_judgement apply_rule(const struct access_rule *rule,
                                          const struct access_question *question)
{
    struct access_judgement judgement = {.verdict = ACCESS_ALLOWED};

    if (!rule->is_allow) {
        judgement.verdict = ACCESS_DENIED;
    } else if (rule->methods != 0 && (rule->methods & question->method) == 0) {
        judgement.verdict = ACCESS_METHOD_NOT_ALLOWED;
        judgement.allowed_methods = rule->methods;
    } else if (!access_role_suffices(rule->roles, question->roles, question->method)) {
        judgement.verdict = ACCESS_DENIED;
    }
    return judgement;
}

struct access_judgement access_judge(const struct access_table *table,
                                     const struct access_question *question)
{
    struct access_judgement judgement = {.verdict = access_judge_address(question->address)};
    bool port_was_in_the_way = false;

    if (judgement.verdict != ACCESS_ALLOWED)
        return judgement;
    judgement.verdict = ACCESS_DENIED;
    /* 0.0.0.0 and :: reach this very host by an address that no rule for loopback would cover. */
    if (endpoint_address_is_unspecified(question->address))
        return judgement;
    for (size_t i = 0; i < table->rule_count; i++) {
        const char *name = NULL;

        switch (rule_matches(&table->rules[i], question, &name)) {
        case MATCH_YES:
            return apply_rule(&table->rules[i], question);
        case MATCH_NEEDS_NAME:
            judgement.verdict = ACCESS_NEEDS_NAME;
            judgement.name = name;
            return judgement;
        case MATCH_BUT_PORT:
            port_was_in_the_way = true;
            break;
        case MATCH_NO:
            break;
        }
    }
    if (port_was_in_the_way)
        judgement.verdict = ACCESS_SPECIAL_PORT;
    return judgement;
}
