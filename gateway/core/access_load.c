/* SPDX-License-Identifier: BSD-2-Clause */
#include "access.h"
#include "access_private.h"

/*
 * Reads the array "access" of coapgw.json into rules. Everything that is wrong is noted with its
 * place in the document; a rule with an error is left out (the document is refused as a whole, so
 * that no rule is ever missing from a table in force).
 */

#include <arpa/inet.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "http_message.h"
#include "method.h"
#include "rest.h"
#include "text.h"

static const char *const no_memory = "memory is short";

/* The text of an element, or NULL with an error noted. */
static const char *element_text(struct document *document, const struct document_place *element,
                                const char *wanted)
{
    if (!json_is_string(element->value)) {
        document_error(document, element, "must be a text such as %s", wanted);
        return NULL;
    }
    return json_string_value(element->value);
}

/* Copies the decoded segments of a path prefix. A slash at the end says nothing: "/a/" covers what
 * "/a" covers, since prefixes match whole segments anyway. */
static int copy_segments(struct access_target *target, const struct rest_message *path)
{
    size_t count = path->option_count;

    while (count > 0 && path->options[count - 1].length == 0)
        count--;
    if (count == 0)
        return 0;
    target->segments = calloc(count, sizeof *target->segments);
    if (target->segments == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct access_segment *segment = &target->segments[i];

        segment->length = path->options[i].length;
        segment->bytes = malloc(segment->length + 1);
        target->segment_count = i + 1;
        if (segment->bytes == NULL)
            return -1;
        if (segment->length > 0)
            memcpy(segment->bytes, path->options[i].value, segment->length);
    }
    return 0;
}

/* Copies `text` without ":*" behind the host, which is no URI syntax. Returns the new length. */
static size_t cut_any_port(const char *text, char *out, bool *is_any_port)
{
    size_t length = strlen(text);
    const char *authority = strstr(text, "://");
    size_t end;

    *is_any_port = false;
    memcpy(out, text, length + 1);
    if (authority == NULL)
        return length;
    end = (size_t)(authority - text) + 3;
    end += strcspn(text + end, "/?#");
    if (end < 2 || text[end - 2] != ':' || text[end - 1] != '*')
        return length;
    *is_any_port = true;
    memmove(out + end - 2, text + end, length - end + 1);
    return length - 2;
}

static int read_target(struct document *document, const struct document_place *element,
                       struct access_target *target)
{
    const char *text = element_text(document, element, "\"coap://host:5683/path\"");
    struct rest_request path;
    struct uri_parts parts;
    size_t length;
    char *copy;
    int error;

    if (text == NULL)
        return -1;
    copy = malloc(strlen(text) + 1);
    if (copy == NULL) {
        document_error(document, element, "%s", no_memory);
        return -1;
    }
    length = cut_any_port(text, copy, &target->is_any_port);
    memset(&parts, 0, sizeof parts);
    error = uri_parse(copy, length, URI_SCHEME_NONE, &parts);
    rest_request_init(&path);
    if (error == URI_OK && !parts.has_query)
        error = uri_add_path(&path, parts.path, parts.path_length);
    if (error == URI_OK && parts.has_query)
        document_error(document, element, "a target has no query: leave out \"?\" and the rest");
    else if (error == URI_OK && parts.authority.scheme != URI_SCHEME_COAP &&
             parts.authority.scheme != URI_SCHEME_COAPS)
        document_error(document, element, "the scheme must be coap or coaps");
    else if (error == URI_OK && strchr(parts.authority.host, '*') != NULL)
        document_error(document, element,
                       "\"*\" stands for ports only; use \"networks\" for many hosts");
    else if (error != URI_OK)
        document_error(document, element, "%s; a target looks like \"coap://host:5683/path\"",
                       uri_error_text(error));
    else if (copy_segments(target, &path.message) != 0)
        document_error(document, element, "%s", no_memory);
    else {
        target->authority = parts.authority;
        free(copy);
        return 0;
    }
    free(copy);
    return -1;
}

/* An IPv4-mapped network is the IPv4 network it means, as addresses are kept that way. */
static void make_canonical(struct access_network *network)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    struct endpoint_address *address = &network->address;

    if (address->family != 6 || network->prefix_length < 96 ||
        memcmp(address->bytes, mapped, sizeof mapped) != 0)
        return;
    memmove(address->bytes, address->bytes + 12, 4);
    memset(address->bytes + 4, 0, 12);
    address->family = 4;
    network->prefix_length -= 96;
}

static int read_network(struct document *document, const struct document_place *element,
                        struct access_network *network)
{
    const char *text = element_text(document, element, "\"fd00::/64\"");
    const char *slash = text == NULL ? NULL : strchr(text, '/');
    char host[64] = "";
    uint64_t prefix_length = 0;

    if (text == NULL)
        return -1;
    memset(network, 0, sizeof *network);
    if (slash != NULL && (size_t)(slash - text) < sizeof host)
        memcpy(host, text, (size_t)(slash - text));
    if (inet_pton(AF_INET, host, network->address.bytes) == 1)
        network->address.family = 4;
    else if (inet_pton(AF_INET6, host, network->address.bytes) == 1)
        network->address.family = 6;
    if (network->address.family == 0 ||
        !text_to_number(slash + 1, strlen(slash + 1), network->address.family == 4 ? 32 : 128,
                        &prefix_length)) {
        document_error(document, element,
                       "must be an address and a prefix length such as \"fd00::/64\"");
        return -1;
    }
    network->prefix_length = (unsigned)prefix_length;
    make_canonical(network);
    return 0;
}

/* Room for the elements of an array, and never none; NULL with an error noted. */
static void *make_elements(struct document *document, const struct document_place *array,
                           size_t size)
{
    void *elements;

    if (!document_expect_array(document, array))
        return NULL;
    elements = calloc(json_array_size(array->value) + 1, size);
    if (elements == NULL)
        document_error(document, array, "%s", no_memory);
    return elements;
}

static bool read_targets(struct document *document, const struct document_place *place,
                         struct access_rule *rule)
{
    struct document_place array = document_member(document, place, "targets");

    if (array.value == NULL)
        return true;
    rule->targets = make_elements(document, &array, sizeof *rule->targets);
    if (rule->targets == NULL)
        return false;
    for (size_t i = 0; i < json_array_size(array.value); i++) {
        struct document_place element = document_element(&array, i);

        rule->target_count = i + 1;
        if (read_target(document, &element, &rule->targets[i]) != 0)
            return false;
    }
    return true;
}

static bool read_networks(struct document *document, const struct document_place *place,
                          struct access_rule *rule)
{
    struct document_place array = document_member(document, place, "networks");

    if (array.value == NULL)
        return true;
    rule->networks = make_elements(document, &array, sizeof *rule->networks);
    if (rule->networks == NULL)
        return false;
    for (size_t i = 0; i < json_array_size(array.value); i++) {
        struct document_place element = document_element(&array, i);

        if (read_network(document, &element, &rule->networks[i]) != 0)
            return false;
        rule->network_count = i + 1;
    }
    return true;
}

/* A rule that refuses does so whoever asks, and by what method. */
static bool refuse_beside_deny(struct document *document, const struct document_place *place,
                               const struct access_rule *rule)
{
    static const char *const members[] = {"methods", "roles"};
    bool is_fine = true;

    for (size_t i = 0; !rule->is_allow && i < sizeof members / sizeof members[0]; i++) {
        struct document_place member = document_member(document, place, members[i]);

        if (member.value == NULL)
            continue;
        document_error(document, &member,
                       "does not go with \"allow\": false, which refuses all: name what is allowed "
                       "in a rule that allows");
        is_fine = false;
    }
    return is_fine;
}

/* "ports" and "schemes" say more about networks; a target has its own. */
static bool needs_networks(struct document *document, const struct document_place *array,
                           const struct access_rule *rule)
{
    if (rule->network_count > 0)
        return true;
    document_error(document, array, "goes with \"networks\" only; a target names its own");
    return false;
}

static bool read_ports(struct document *document, const struct document_place *place,
                       struct access_rule *rule)
{
    struct document_place array = document_member(document, place, "ports");
    bool is_any = json_is_string(array.value) && strcmp(json_string_value(array.value), "*") == 0;
    size_t count = json_is_array(array.value) ? json_array_size(array.value) : 2;

    if (array.value != NULL && ((!is_any && !document_expect_array(document, &array)) ||
                                !needs_networks(document, &array, rule)))
        return false;
    rule->is_any_port = is_any;
    if (is_any)
        return true;
    rule->ports = calloc(count + 1, sizeof *rule->ports);
    if (rule->ports == NULL) {
        document_error(document, &array, "%s", no_memory);
        return false;
    }
    if (array.value == NULL) {
        rule->ports[rule->port_count++] = 5683;
        rule->ports[rule->port_count++] = 5684;
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        struct document_place element = document_element(&array, i);
        json_int_t number = json_integer_value(element.value);

        if (json_is_string(element.value) && strcmp(json_string_value(element.value), "*") == 0) {
            rule->is_any_port = true;
        } else if (json_is_integer(element.value) && number >= 1 && number <= 65535) {
            rule->ports[rule->port_count++] = (uint16_t)number;
        } else {
            document_error(document, &element, "must be a port number from 1 to 65535 or \"*\"");
            return false;
        }
    }
    return true;
}

static bool read_schemes(struct document *document, const struct document_place *place,
                         struct access_rule *rule)
{
    struct document_place array = document_member(document, place, "schemes");

    rule->takes_coap = rule->takes_coaps = array.value == NULL;
    if (array.value == NULL)
        return true;
    if (!document_expect_array(document, &array) || !needs_networks(document, &array, rule))
        return false;
    for (size_t i = 0; i < json_array_size(array.value); i++) {
        struct document_place element = document_element(&array, i);
        const char *text = json_string_value(element.value);

        if (text != NULL && strcmp(text, "coap") == 0) {
            rule->takes_coap = true;
        } else if (text != NULL && strcmp(text, "coaps") == 0) {
            rule->takes_coaps = true;
        } else {
            document_error(document, &element, "must be \"coap\" or \"coaps\"");
            return false;
        }
    }
    return true;
}

static bool read_methods(struct document *document, const struct document_place *place,
                         struct access_rule *rule)
{
    const unsigned served = HTTP_METHOD_GET | HTTP_METHOD_HEAD | HTTP_METHOD_POST |
                            HTTP_METHOD_PUT | HTTP_METHOD_DELETE | HTTP_METHOD_PATCH |
                            HTTP_METHOD_QUERY;
    struct document_place array = document_member(document, place, "methods");

    if (array.value == NULL)
        return true;
    if (!document_expect_array(document, &array))
        return false;
    for (size_t i = 0; i < json_array_size(array.value); i++) {
        struct document_place element = document_element(&array, i);
        const char *text = json_string_value(element.value);
        unsigned method = text == NULL ? 0 : (unsigned)method_parse(text);

        if ((method & served) == 0) {
            document_error(document, &element,
                           "must be GET, HEAD, POST, PUT, DELETE, PATCH or QUERY");
            return false;
        }
        rule->methods |= method;
    }
    if ((rule->methods & HTTP_METHOD_GET) != 0)
        rule->methods |= HTTP_METHOD_HEAD;
    if (rule->methods != 0)
        return true;
    document_error(document, &array,
                   "names no method; leave it out for all, or use \"allow\": false");
    return false;
}

static bool read_roles(struct document *document, const struct document_place *place,
                       struct access_rule *rule)
{
    static const struct {
        const char *name;
        unsigned role;
    } roles[] = {{"read", ROLE_READ}, {"write", ROLE_WRITE}, {"admin", ROLE_ADMIN}};
    struct document_place array = document_member(document, place, "roles");

    if (array.value == NULL)
        return true;
    if (!document_expect_array(document, &array))
        return false;
    for (size_t i = 0; i < json_array_size(array.value); i++) {
        struct document_place element = document_element(&array, i);
        const char *text = json_string_value(element.value);
        unsigned role = 0;

        for (size_t j = 0; text != NULL && j < sizeof roles / sizeof roles[0]; j++)
            if (strcmp(text, roles[j].name) == 0)
                role = roles[j].role;
        if (role == 0) {
            document_error(document, &element, "must be \"read\", \"write\" or \"admin\"");
            return false;
        }
        rule->roles |= role;
    }
    if (rule->roles != 0)
        return true;
    document_error(document, &array, "names no role; use \"allow\": false to deny all");
    return false;
}

/* Multicast requests need answers to be collected from many senders (RFC 8075 8.4). */
static bool read_multicast(struct document *document, const struct document_place *place)
{
    struct document_place member = document_member(document, place, "multicast");
    bool is_wanted = false;

    document_read_bool(document, place, "multicast", &is_wanted);
    if (!is_wanted)
        return true;
    document_error(document, &member,
                   "this version sends no multicast requests: leave it out or say false");
    return false;
}

static bool read_rule(struct document *document, const struct document_place *place,
                      struct access_rule *rule)
{
    bool is_fine = true;

    memset(rule, 0, sizeof *rule);
    if (!document_expect_object(document, place))
        return false;
    rule->is_allow = true;
    document_read_bool(document, place, "allow", &rule->is_allow);
    is_fine = read_targets(document, place, rule) && is_fine;
    is_fine = read_networks(document, place, rule) && is_fine;
    if (is_fine && rule->target_count == 0 && rule->network_count == 0) {
        document_error(document, place, "needs \"targets\" or \"networks\": it would never apply");
        is_fine = false;
    }
    is_fine = read_ports(document, place, rule) && is_fine;
    is_fine = read_schemes(document, place, rule) && is_fine;
    is_fine = read_methods(document, place, rule) && is_fine;
    is_fine = read_roles(document, place, rule) && is_fine;
    is_fine = refuse_beside_deny(document, place, rule) && is_fine;
    is_fine = read_multicast(document, place) && is_fine;
    document_refuse_unknown(document, place);
    return is_fine;
}

/* A judgement may have to wait for each of the names. */
static void limit_names(const struct access_table *table, struct document *document,
                        const struct document_place *place)
{
    const char *names[ACCESS_NAMES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < table->rule_count; i++) {
        for (size_t j = 0; j < table->rules[i].target_count; j++) {
            const struct uri_authority *authority = &table->rules[i].targets[j].authority;
            bool is_known = authority->host_kind != URI_HOST_NAME;

            for (size_t k = 0; k < count && !is_known; k++)
                is_known = strcmp(names[k], authority->host) == 0;
            if (!is_known && count == ACCESS_NAMES_MAX) {
                document_error(document, place,
                               "has more than %d host names; give addresses or networks",
                               ACCESS_NAMES_MAX);
                return;
            }
            if (!is_known)
                names[count++] = authority->host;
        }
    }
}

void access_load(struct access_table *table, struct document *document,
                 const struct document_place *place)
{
    if (place->value == NULL)
        return;
    table->rules = make_elements(document, place, sizeof *table->rules);
    if (table->rules == NULL)
        return;
    for (size_t i = 0; i < json_array_size(place->value); i++) {
        struct document_place element = document_element(place, i);

        if (read_rule(document, &element, &table->rules[table->rule_count]))
            table->rule_count++;
        else
            access_rule_clear(&table->rules[table->rule_count]);
    }
    limit_names(table, document, place);
}
