/* SPDX-License-Identifier: BSD-2-Clause */
#include "access.h"

/* test_access: the rules of "access" (RFC 8075 10.4) on decoded options and resolved addresses. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "http_message.h"
#include "proves.h"
#include "rest.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* What the fake name service knows; a name without addresses does not resolve. */
struct known_name {
    const char *name;
    const char *address;
};
static const struct known_name known_names[] = {
    {"lamp.example", "coap://192.0.2.1"},
    {"ghost.example", NULL},
};
static struct endpoint_address found;

static void read_address(const char *uri, struct uri_authority *authority,
                         struct endpoint_address *address)
{
    struct uri_parts parts;

    ck_assert_msg(uri_parse(uri, strlen(uri), URI_SCHEME_NONE, &parts) == URI_OK, "%s", uri);
    memset(address, 0, sizeof *address);
    *authority = parts.authority;
    if (authority->host_kind != URI_HOST_NAME)
        ck_assert(uri_authority_address(authority, address));
    address->port = authority->port;
}

static bool lookup(void *handle, const char *name, struct access_addresses *addresses)
{
    struct uri_authority authority;

    (void)handle;
    for (size_t i = 0; i < LENGTH(known_names); i++) {
        if (strcmp(known_names[i].name, name) != 0)
            continue;
        addresses->count = known_names[i].address != NULL;
        addresses->addresses = &found;
        if (known_names[i].address != NULL)
            read_address(known_names[i].address, &authority, &found);
        return true;
    }
    return false;
}

static struct access_table *load(const char *rules, char *errors, size_t size)
{
    struct access_table *table = access_table_new();
    char text[4096];
    struct document *document;
    struct document_place top, place;

    ck_assert_int_lt(snprintf(text, sizeof text, "{ \"access\":\n%s }", rules), (int)sizeof text);
    document = document_read_text("test.json", text, strlen(text));
    ck_assert_ptr_nonnull(document);
    top = document_top(document);
    place = document_member(document, &top, "access");
    access_load(table, document, &place);
    (void)snprintf(errors, size, "%s", document_errors(document));
    document_free(document);
    return table;
}

struct judge_case {
    unsigned method;
    unsigned roles;
    const char *target;   /* as the client wrote it */
    const char *resolved; /* address of a name; NULL: the target's own */
    enum access_verdict verdict;
};

static struct access_judgement judge(const struct access_table *table, const struct judge_case *c)
{
    static struct rest_request request;
    struct uri_authority authority, resolved;
    struct endpoint_address address;
    struct uri_parts parts;
    struct access_question question = {.authority = &authority,
                                       .address = &address,
                                       .request = &request.message,
                                       .method = c->method,
                                       .roles = c->roles,
                                       .lookup = lookup};

    ck_assert_int_eq(uri_parse(c->target, strlen(c->target), URI_SCHEME_NONE, &parts), URI_OK);
    read_address(c->target, &authority, &address);
    if (c->resolved != NULL) {
        read_address(c->resolved, &resolved, &address);
        address.port = authority.port;
    }
    rest_request_init(&request);
    ck_assert_int_eq(uri_add_path(&request, parts.path, parts.path_length), URI_OK);
    return access_judge(table, &question);
}

static void judge_all(const char *rules, const struct judge_case *cases, size_t count)
{
    char errors[1024];
    struct access_table *table = load(rules, errors, sizeof errors);

    ck_assert_str_eq(errors, "");
    for (size_t i = 0; i < count; i++) {
        struct access_judgement judgement = judge(table, &cases[i]);

        ck_assert_msg(judgement.verdict == cases[i].verdict, "%s (%s): %d, not %d", cases[i].target,
                      cases[i].resolved, judgement.verdict, cases[i].verdict);
    }
    access_table_free(table);
}

enum { GET = HTTP_METHOD_GET, PUT = HTTP_METHOD_PUT, READ = ROLE_READ, WRITE = ROLE_WRITE };

START_TEST(nothing_is_allowed_without_a_rule)
{
    static const struct judge_case none[] = {
        {GET, ROLE_ADMIN, "coap://127.0.0.1/", NULL, ACCESS_DENIED}};
    static const struct judge_case one[] = {
        {GET, READ, "coap://127.0.0.1:7000/light", NULL, ACCESS_ALLOWED},
        {GET, READ, "coap://127.0.0.1:7000/light/1", NULL, ACCESS_ALLOWED},
        {GET, READ, "coap://127.0.0.1:7000/lights", NULL, ACCESS_DENIED},
        {GET, READ, "coap://127.0.0.1:7000/", NULL, ACCESS_DENIED},
        {GET, READ, "coap://127.0.0.1:7000/.well-known/core", NULL, ACCESS_DENIED},
        {GET, READ, "coap://127.0.0.1:7001/light", NULL, ACCESS_DENIED},
        {GET, READ, "coap://127.0.0.2:7000/light", NULL, ACCESS_DENIED},
        {GET, READ, "coaps://127.0.0.1:7000/light", NULL, ACCESS_DENIED},
    };

    judge_all("[]", none, LENGTH(none));
    judge_all("[ { \"targets\": [\"coap://127.0.0.1:7000/light/\"] } ]", one, LENGTH(one));
    proves("SEC-06");
    proves("DISC-07");
}
END_TEST

START_TEST(rules_judge_the_decoded_path_and_nothing_but_true_aliases)
{
    static const struct judge_case cases[] = {
        {GET, READ, "coap://127.0.0.1/secret", NULL, ACCESS_DENIED},
        {GET, READ, "coap://127.0.0.1/%73ecret", NULL, ACCESS_DENIED},
        {GET, READ, "coap://127.0.0.1/x/../secret", NULL, ACCESS_DENIED},
        {GET, READ, "coap://127.0.0.1/secret/", NULL, ACCESS_DENIED},
        {GET, READ, "coap://127.0.0.1/secret/x", NULL, ACCESS_DENIED},
        {GET, READ, "coap://127.0.0.1/SECRET", NULL, ACCESS_ALLOWED},
        {GET, READ, "coap://127.0.0.1//secret", NULL, ACCESS_ALLOWED},
        {GET, READ, "coap://127.0.0.1/secret%2Fx", NULL, ACCESS_ALLOWED},
        {GET, READ, "coap://127.0.0.1/secrets", NULL, ACCESS_ALLOWED},
    };

    judge_all("[ { \"targets\": [\"coap://127.0.0.1/secret\"], \"allow\": false },"
              "  { \"targets\": [\"coap://127.0.0.1\"] } ]",
              cases, LENGTH(cases));
    proves("URI-32");
}
END_TEST

START_TEST(the_first_rule_that_applies_decides_by_method_and_role)
{
    static const char rules[] =
        "[ { \"targets\": [\"coap://127.0.0.1/a\"], \"methods\": [\"GET\"] },"
        "  { \"targets\": [\"coap://127.0.0.1/b\"], \"roles\": [\"write\"] },"
        "  { \"targets\": [\"coap://127.0.0.1\"] } ]";
    static const struct judge_case cases[] = {
        {GET, READ, "coap://127.0.0.1/a", NULL, ACCESS_ALLOWED},
        {HTTP_METHOD_HEAD, READ, "coap://127.0.0.1/a", NULL, ACCESS_ALLOWED},
        {PUT, WRITE, "coap://127.0.0.1/a", NULL, ACCESS_METHOD_NOT_ALLOWED},
        {GET, READ, "coap://127.0.0.1/b", NULL, ACCESS_DENIED},
        {GET, WRITE, "coap://127.0.0.1/b", NULL, ACCESS_ALLOWED},
        {GET, READ, "coap://127.0.0.1/c", NULL, ACCESS_ALLOWED},
        {PUT, READ, "coap://127.0.0.1/c", NULL, ACCESS_DENIED},
        {PUT, ROLE_ADMIN, "coap://127.0.0.1/c", NULL, ACCESS_ALLOWED},
        {HTTP_METHOD_QUERY, READ, "coap://127.0.0.1/c", NULL, ACCESS_ALLOWED},
    };
    char errors[256];
    struct access_table *table = load(rules, errors, sizeof errors);

    judge_all(rules, cases, LENGTH(cases));
    ck_assert_uint_eq(judge(table, &cases[2]).allowed_methods, GET | HTTP_METHOD_HEAD);
    access_table_free(table);
}
END_TEST

START_TEST(networks_go_with_ports_and_schemes)
{
    static const struct judge_case cases[] = {
        {GET, READ, "coap://[fd00::12]/x", NULL, ACCESS_ALLOWED},
        {GET, READ, "coap://[fd00::12]:5684/x", NULL, ACCESS_DENIED},
        {GET, READ, "coaps://[fd00::12]:5683/x", NULL, ACCESS_DENIED},
        {GET, READ, "coap://[fd00:0:0:1::12]/x", NULL, ACCESS_DENIED},
        {GET, READ, "coap://10.9.8.7:5684/x", NULL, ACCESS_ALLOWED},
        {GET, READ, "coap://10.9.8.7:5685/x", NULL, ACCESS_DENIED},
        {GET, READ, "coap://192.168.1.1:9999/x", NULL, ACCESS_ALLOWED},
    };

    judge_all("[ { \"networks\": [\"fd00::/64\"], \"ports\": [5683], \"schemes\": [\"coap\"] },"
              "  { \"networks\": [\"10.0.0.0/8\"] },"
              "  { \"networks\": [\"::ffff:192.168.0.0/112\"], \"ports\": [\"*\"] } ]",
              cases, LENGTH(cases));
}
END_TEST

START_TEST(special_ports_need_the_number_itself)
{
    static const struct judge_case cases[] = {
        {GET, READ, "coap://127.0.0.1:53/", NULL, ACCESS_SPECIAL_PORT},
        {GET, READ, "coap://127.0.0.1:123/", NULL, ACCESS_SPECIAL_PORT},
        {GET, READ, "coap://127.0.0.1:161/", NULL, ACCESS_SPECIAL_PORT},
        {GET, READ, "coap://127.0.0.1:1900/", NULL, ACCESS_SPECIAL_PORT},
        {GET, READ, "coap://127.0.0.1:5353/", NULL, ACCESS_SPECIAL_PORT},
        {GET, READ, "coap://127.0.0.1:54/", NULL, ACCESS_ALLOWED},
        {GET, READ, "coap://127.0.0.2:53/", NULL, ACCESS_ALLOWED},
        {GET, READ, "coap://10.0.0.1:53/", NULL, ACCESS_SPECIAL_PORT},
        {GET, READ, "coap://10.0.0.1:123/", NULL, ACCESS_ALLOWED},
        {GET, READ, "coap://127.0.0.3:53/", NULL, ACCESS_DENIED},
    };

    judge_all("[ { \"targets\": [\"coap://127.0.0.3:*\"], \"allow\": false },"
              "  { \"targets\": [\"coap://127.0.0.1:*\", \"coap://127.0.0.2:53\","
              "                  \"coap://127.0.0.3:53\"] },"
              "  { \"networks\": [\"10.0.0.0/8\"], \"ports\": [\"*\", 123] } ]",
              cases, LENGTH(cases));
}
END_TEST

START_TEST(addresses_that_no_rule_opens)
{
    static const struct judge_case cases[] = {
        {GET, READ, "coap://224.0.1.187/", NULL, ACCESS_MULTICAST},
        {GET, READ, "coap://255.255.255.255/", NULL, ACCESS_MULTICAST},
        {GET, READ, "coap://[ff02::fd%25lo]/", NULL, ACCESS_MULTICAST},
        {GET, READ, "coap://group.example/", "coap://224.0.1.187", ACCESS_MULTICAST},
        {GET, READ, "coap://0.0.0.0/", NULL, ACCESS_DENIED},
        {GET, READ, "coap://[::]/", NULL, ACCESS_DENIED},
    };
    char errors[256];
    struct access_table *table =
        load("[ { \"networks\": [\"0.0.0.0/0\", \"::/0\"] } ]", errors, sizeof errors);
    struct endpoint_address link_local = {.family = 6, .bytes = {0xfe, 0x80, [15] = 1}};

    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct uri_parts parts;

        if (uri_parse(cases[i].target, strlen(cases[i].target), URI_SCHEME_NONE, &parts) != URI_OK)
            continue;
        ck_assert_msg(judge(table, &cases[i]).verdict == cases[i].verdict, "%s", cases[i].target);
    }
    ck_assert_int_eq(access_judge_address(&link_local), ACCESS_LINK_LOCAL);
    link_local.scope_id = 1;
    ck_assert_int_eq(access_judge_address(&link_local), ACCESS_ALLOWED);
    access_table_free(table);
}
END_TEST

/* RFC 6052 2.1: 64:ff9b::192.0.2.1 reaches 192.0.2.1 where a NAT64 stands on the way. */
START_TEST(what_is_denied_is_denied_through_a_nat64_too)
{
    static const struct judge_case cases[] = {
        {GET, READ, "coap://[64:ff9b::192.0.2.1]/x", NULL, ACCESS_DENIED},
        {GET, READ, "coap://[64:ff9b::c000:201]/x", NULL, ACCESS_DENIED},
        {GET, READ, "coap://any.example/x", "coap://[64:ff9b::192.0.2.1]", ACCESS_DENIED},
        {GET, READ, "coap://[64:ff9b::10.1.2.3]/x", NULL, ACCESS_DENIED},
        {GET, READ, "coap://[64:ff9b::192.0.2.2]/x", NULL, ACCESS_ALLOWED},
        {GET, READ, "coap://[64:ff9b:1::192.0.2.1]/x", NULL, ACCESS_ALLOWED},
        {GET, READ, "coap://[64:ff9b::224.0.1.187]/x", NULL, ACCESS_MULTICAST},
    };
    static const struct judge_case as_it_stands[] = {
        {GET, READ, "coap://[64:ff9b::192.0.2.1]/x", NULL, ACCESS_DENIED},
    };

    judge_all("[ { \"targets\": [\"coap://lamp.example\"], \"allow\": false },"
              "  { \"networks\": [\"10.0.0.0/8\"], \"ports\": \"*\", \"allow\": false },"
              "  { \"networks\": [\"::/0\"] } ]",
              cases, LENGTH(cases));
    judge_all("[ { \"targets\": [\"coap://192.0.2.1\"] } ]", as_it_stands, LENGTH(as_it_stands));
}
END_TEST

START_TEST(a_name_in_a_rule_stands_for_its_addresses)
{
    static const struct judge_case cases[] = {
        {GET, READ, "coap://192.0.2.1/x", NULL, ACCESS_ALLOWED},
        {GET, READ, "coap://other.example/x", "coap://192.0.2.1", ACCESS_ALLOWED},
        {GET, READ, "coap://LAMP.example/x", "coap://192.0.2.99", ACCESS_ALLOWED},
        {GET, READ, "coap://192.0.2.2/x", NULL, ACCESS_DENIED},
    };
    static const struct judge_case unresolved[] = {
        {GET, READ, "coap://192.0.2.2/x", NULL, ACCESS_NEEDS_NAME},
        {GET, READ, "coap://unasked.example/x", "coap://192.0.2.2", ACCESS_ALLOWED},
        {GET, READ, "coap://192.0.2.2:99/x", NULL, ACCESS_DENIED},
    };

    judge_all("[ { \"targets\": [\"coap://lamp.example\"] } ]", cases, LENGTH(cases));
    judge_all("[ { \"targets\": [\"coap://unasked.example\"] } ]", unresolved, LENGTH(unresolved));
}
END_TEST

START_TEST(a_name_that_does_not_resolve_errs_on_the_side_of_refusal)
{
    static const struct judge_case denied[] = {
        {GET, READ, "coap://192.0.2.2/x", NULL, ACCESS_DENIED},
        {GET, READ, "coap://192.0.2.2/y", NULL, ACCESS_ALLOWED},
    };
    static const struct judge_case allowed[] = {
        {GET, READ, "coap://192.0.2.2/x", NULL, ACCESS_DENIED}};

    judge_all("[ { \"targets\": [\"coap://ghost.example/x\"], \"allow\": false },"
              "  { \"networks\": [\"192.0.2.0/24\"] } ]",
              denied, LENGTH(denied));
    judge_all("[ { \"targets\": [\"coap://ghost.example/x\"] } ]", allowed, LENGTH(allowed));
}
END_TEST

START_TEST(errors_name_the_member_and_what_would_be_right)
{
    static const struct {
        const char *rules;
        const char *expected;
    } cases[] = {
        {"[ {} ]", "\"targets\" or \"networks\""},
        {"[ { \"targets\": [\"http://x/\"] } ]", "access[0].targets[0]"},
        {"[ { \"targets\": [\"coap://x/?a=1\"] } ]", "no query"},
        {"[ { \"targets\": [\"coap+tcp://x/\"] } ]", "access[0].targets[0]"},
        {"[ { \"targets\": [7] } ]", "coap://host:5683/path"},
        {"[ { \"targets\": \"coap://x\" } ]", "access[0].targets"},
        {"[ { \"networks\": [\"10.0.0.1\"] } ]", "prefix length"},
        {"[ { \"networks\": [\"10.0.0.0/33\"] } ]", "prefix length"},
        {"[ { \"networks\": [\"lamp/8\"] } ]", "prefix length"},
        {"[ { \"networks\": [\"10.0.0.0/8\"], \"ports\": [0] } ]", "access[0].ports[0]"},
        {"[ { \"networks\": [\"10.0.0.0/8\"], \"ports\": [\"5683\"] } ]", "access[0].ports[0]"},
        {"[ { \"networks\": [\"10.0.0.0/8\"], \"schemes\": [\"http\"] } ]", "schemes[0]"},
        {"[ { \"targets\": [\"coap://x\"], \"ports\": [5683] } ]", "networks"},
        {"[ { \"targets\": [\"coap://x\"], \"methods\": [\"get\"] } ]", "methods[0]"},
        {"[ { \"targets\": [\"coap://x\"], \"methods\": [\"OPTIONS\"] } ]", "methods[0]"},
        {"[ { \"targets\": [\"coap://x\"], \"methods\": [] } ]", "no method"},
        {"[ { \"targets\": [\"coap://x\"], \"roles\": [\"root\"] } ]",
         "test.json:2: access[0].roles[0]"},
        {"[ { \"targets\": [\"coap://x\"], \"multicast\": true } ]", "multicast"},
        {"[ { \"targets\": [\"coap://x\"], \"alow\": true } ]", "alow"},
        {"[ { \"targets\": [\"coap://x\"], \"allow\": \"no\" } ]", "allow"},
        {"[ { \"targets\": [\"coap://x\"], \"allow\": false, \"methods\": [\"PUT\"] } ]",
         "access[0].methods: does not go with"},
        {"[ { \"targets\": [\"coap://x\"], \"roles\": [\"read\"], \"allow\": false } ]",
         "access[0].roles: does not go with"},
        {"[ { \"targets\": [\"coap://*:5683/\"] } ]", "use \"networks\""},
        {"[ { \"networks\": [\"10.0.0.0/8\"], \"ports\": \"5683\" } ]", "access[0].ports: must be"},
        {"{}", "access"},
        {"[ 1 ]", "access[0]"},
    };

    for (size_t i = 0; i < LENGTH(cases); i++) {
        char errors[2048];

        access_table_free(load(cases[i].rules, errors, sizeof errors));
        ck_assert_msg(strncmp(errors, "test.json:", 10) == 0, "%s: %s", cases[i].rules, errors);
        ck_assert_msg(strstr(errors, cases[i].expected) != NULL, "%s: %s", cases[i].rules, errors);
    }
}
END_TEST

START_TEST(roles_include_the_lesser_ones)
{
    ck_assert(access_role_suffices(0, ROLE_READ, HTTP_METHOD_GET));
    ck_assert(!access_role_suffices(0, ROLE_READ, HTTP_METHOD_DELETE));
    ck_assert(access_role_suffices(0, ROLE_WRITE, HTTP_METHOD_GET));
    ck_assert(access_role_suffices(ROLE_READ, ROLE_ADMIN, HTTP_METHOD_PUT));
    ck_assert(!access_role_suffices(ROLE_ADMIN, ROLE_WRITE, HTTP_METHOD_GET));
    ck_assert(!access_role_suffices(0, 0, HTTP_METHOD_GET));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("access");
    TCase *tests = tcase_create("access");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, nothing_is_allowed_without_a_rule);
    tcase_add_test(tests, rules_judge_the_decoded_path_and_nothing_but_true_aliases);
    tcase_add_test(tests, the_first_rule_that_applies_decides_by_method_and_role);
    tcase_add_test(tests, networks_go_with_ports_and_schemes);
    tcase_add_test(tests, special_ports_need_the_number_itself);
    tcase_add_test(tests, addresses_that_no_rule_opens);
    tcase_add_test(tests, what_is_denied_is_denied_through_a_nat64_too);
    tcase_add_test(tests, a_name_in_a_rule_stands_for_its_addresses);
    tcase_add_test(tests, a_name_that_does_not_resolve_errs_on_the_side_of_refusal);
    tcase_add_test(tests, errors_name_the_member_and_what_would_be_right);
    tcase_add_test(tests, roles_include_the_lesser_ones);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
