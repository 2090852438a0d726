/* SPDX-License-Identifier: BSD-2-Clause */
/* test_template: URI mapping templates (RFC 8075 5.4); the cases stand in test/data/template. */

#include "template.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "cases.h"
#include "proves.h"
#include "random_source.h"
#include "uri.h"

static const char *const names[TEMPLATE_VARIABLES] = {"tu", "s", "hp", "p", "q", "qq"};

static void describe_match(const char *template_text_, const char *text, struct buffer *out)
{
    const char *reason;
    struct template *template = template_parse(template_text_, false, &reason);
    ck_assert_msg(template != NULL, "%s: %s", template_text_, reason);
    struct template_span values[TEMPLATE_VARIABLES];
    if (!template_match(template, text, strlen(text), values)) {
        buffer_append_text(out, "-");
        template_free(template);
        return;
    }
    for (size_t i = 0; i < TEMPLATE_VARIABLES; i++) {
        if (values[i].text != NULL) {
            buffer_printf(out, "%s%s=", out->length > 0 ? " " : "", names[i]);
            buffer_append(out, values[i].text, values[i].length);
        }
        ck_assert_int_eq(values[i].text != NULL, template_has(template, i));
    }
    template_free(template);
}

static void run_case(const struct cases *cases)
{
    const char *kind = cases->fields[0];
    if (strcmp(kind, "match") == 0) {
        ck_assert_uint_eq(cases->count, 4);
        struct buffer out;
        buffer_init(&out, 100000);
        describe_match(cases->fields[1], cases->fields[2], &out);
        ck_assert_msg(strcmp(buffer_text(&out), cases->fields[3]) == 0,
                      "%s:%u: gives \"%s\", expected \"%s\"", cases->name, cases->line,
                      buffer_text(&out), cases->fields[3]);
        buffer_clear(&out);
        return;
    }
    const char *reason;
    struct template *template =
        template_parse(cases->fields[1], strcmp(kind, "part") != 0, &reason);
    ck_assert_msg((template == NULL) == (strcmp(kind, "bad") == 0), "%s:%u: %s", cases->name,
                  cases->line, reason != NULL ? reason : "was taken");
    if (template != NULL) {
        ck_assert_str_eq(template_text(template), cases->fields[1]);
    } else {
        ck_assert_uint_gt(strlen(reason), 10);
    }
    template_free(template);
}

START_TEST(templates_are_read_and_matched_as_the_table_says)
{
    struct cases cases;
    cases_open(&cases, "template/templates");
    size_t count = 0;
    while (cases_next(&cases)) {
        run_case(&cases);
        count++;
    }
    ck_assert_uint_gt(count, 50);
    proves("TMPL-06");
}
END_TEST

START_TEST(an_expansion_that_does_not_fit_fails)
{
    const char *reason;
    struct template *template = template_parse("x/{+p}", false, &reason);
    struct template_span values[TEMPLATE_VARIABLES] = {[TEMPLATE_P] = {"/abc", 4}};
    char out[8];
    size_t length;
    ck_assert_int_eq(template_expand_into(template, values, out, 6, &length), 0);
    ck_assert_uint_eq(length, 6);
    ck_assert_mem_eq(out, "x//abc", 6);
    ck_assert_int_eq(template_expand_into(template, values, out, 5, &length), -1);
    struct buffer buffer;
    buffer_init(&buffer, 5);
    ck_assert_int_eq(template_expand(template, values, &buffer), -1);
    buffer_clear(&buffer);
    template_free(template);
}
END_TEST

/* A random choice of `count` pieces from a list. */
static void append_pieces(struct random_source *random, struct buffer *out,
                          const char *const *pieces, unsigned piece_count, unsigned maximum)
{
    for (unsigned left = random_below(random, maximum + 1); left > 0; left--) {
        buffer_append_text(out, pieces[random_below(random, piece_count)]);
    }
}

/* The parts of a random valid Target CoAP URI. */
struct random_uri {
    struct buffer hp, p, query;
    const char *scheme;
    bool has_query;
};

enum { HOSTS = 7, PIECES = 22, ARGUMENT_PIECES = 24 };

static void random_uri_fill(struct random_source *random, struct random_uri *uri)
{
    static const char *const hosts[HOSTS] = {
        "127.0.0.1",       "lamp.example", "%5B2001:db8::7%5D", "%5Bfe80::1%25wpan0%5D",
        "l%C3%A4mp.local", "a&p=b&q=c",    "a(b)=c;d",
    };
    static const char *const pieces[PIECES] = {
        "a",    "light", "/", "/", "/", "%2F", "%20", "%C3%A9", "%E2%82%AC", "&q=", "&p=",
        "&hp=", "=",     ";", "@", ":", "%25", "~",   "%3F",    "coap://x",  "'",   "%26",
    };
    static const char *const argument_pieces[ARGUMENT_PIECES] = {
        "a",    "b=", "&",   "&", "/", "?",  "%26", "%C3%A9", "%20",   "+",  "&q=", "&p=",
        "&hp=", "..", "%23", "~", "!", "=1", "%2B", "on",     "coap:", "//", "%3D", "x",
    };
    uri->scheme = random_below(random, 2) == 0 ? "coap" : "coaps";
    buffer_append_text(&uri->hp, hosts[random_below(random, HOSTS)]);
    if (random_below(random, 2) == 0) {
        buffer_printf(&uri->hp, ":%u", random_below(random, 65535) + 1);
    }
    if (random_below(random, 8) > 0) {
        buffer_append_char(&uri->p, '/');
        append_pieces(random, &uri->p, pieces, PIECES, 8);
    }
    /* "qq is empty if and only if the query is empty" (RFC 8075 5.4.2): an empty query cannot be
     * told from none in the enhanced form */
    uri->has_query = random_below(random, 2) == 0;
    if (uri->has_query) {
        append_pieces(random, &uri->query, argument_pieces, ARGUMENT_PIECES, 6);
        uri->has_query = uri->query.length > 0;
    }
}

/* Reads the options of a target from the values that a template gave. */
static int values_to_request(const struct template_span values[TEMPLATE_VARIABLES],
                             struct uri_authority *authority, struct rest_request *request)
{
    rest_request_init(request);
    if (values[TEMPLATE_TU].text != NULL) {
        struct uri_parts parts;
        int error = uri_parse(values[TEMPLATE_TU].text, values[TEMPLATE_TU].length, URI_SCHEME_NONE,
                              &parts);
        *authority = parts.authority;
        error = error != URI_OK ? error : uri_add_path(request, parts.path, parts.path_length);
        return error != URI_OK || !parts.has_query
                   ? error
                   : uri_add_query(request, parts.query, parts.query_length);
    }
    enum uri_scheme scheme = uri_parse_scheme(values[TEMPLATE_S].text, values[TEMPLATE_S].length);
    int error = uri_parse_authority(values[TEMPLATE_HP].text, values[TEMPLATE_HP].length, scheme,
                                    authority);
    error = error != URI_OK
                ? error
                : uri_add_path(request, values[TEMPLATE_P].text, values[TEMPLATE_P].length);
    struct template_span query = values[TEMPLATE_Q];
    if (values[TEMPLATE_QQ].length > 0) {
        query =
            (struct template_span){values[TEMPLATE_QQ].text + 1, values[TEMPLATE_QQ].length - 1};
    }
    return error != URI_OK || query.length == 0 ? error
                                                : uri_add_query(request, query.text, query.length);
}

static void assert_same_target(const struct rest_request *a, const struct rest_request *b,
                               const struct uri_authority *authority_a,
                               const struct uri_authority *authority_b, const char *text)
{
    ck_assert_msg(authority_a->scheme == authority_b->scheme &&
                      authority_a->port == authority_b->port &&
                      strcmp(authority_a->host, authority_b->host) == 0 &&
                      strcmp(authority_a->zone, authority_b->zone) == 0,
                  "%s: another authority", text);
    ck_assert_msg(a->message.option_count == b->message.option_count, "%s: options", text);
    for (size_t i = 0; i < a->message.option_count; i++) {
        const struct rest_option *x = &a->message.options[i];
        const struct rest_option *y = &b->message.options[i];
        ck_assert_msg(x->number == y->number && x->length == y->length &&
                          memcmp(x->value, y->value, x->length) == 0,
                      "%s: option %zu", text, i);
    }
}

static void round_trip(const struct template *template, const struct random_uri *uri)
{
    static struct rest_request direct;
    static struct rest_request mapped;
    struct uri_authority authority;
    struct uri_authority mapped_authority;
    struct buffer tu, qq, hosting;
    buffer_init(&tu, 10000);
    buffer_init(&qq, 10000);
    buffer_init(&hosting, 10000);
    if (uri->has_query) {
        buffer_printf(&qq, "?%s", buffer_text(&uri->query));
    }
    buffer_printf(&tu, "%s://%s%s%s", uri->scheme, buffer_text(&uri->hp), buffer_text(&uri->p),
                  buffer_text(&qq));
    struct template_span values[TEMPLATE_VARIABLES] = {
        [TEMPLATE_TU] = {buffer_text(&tu), tu.length},
    };
    ck_assert_msg(values_to_request(values, &authority, &direct) == URI_OK, "%s", buffer_text(&tu));

    values[TEMPLATE_S] = (struct template_span){uri->scheme, strlen(uri->scheme)};
    values[TEMPLATE_HP] = (struct template_span){buffer_text(&uri->hp), uri->hp.length};
    values[TEMPLATE_P] = (struct template_span){buffer_text(&uri->p), uri->p.length};
    values[TEMPLATE_Q] = (struct template_span){buffer_text(&uri->query), uri->query.length};
    values[TEMPLATE_QQ] = (struct template_span){buffer_text(&qq), qq.length};
    ck_assert_int_eq(template_expand(template, values, &hosting), 0);
    struct template_span found[TEMPLATE_VARIABLES];
    ck_assert_msg(template_match(template, buffer_text(&hosting), hosting.length, found),
                  "%s does not match", buffer_text(&hosting));
    ck_assert_msg(values_to_request(found, &mapped_authority, &mapped) == URI_OK, "%s",
                  buffer_text(&hosting));
    assert_same_target(&direct, &mapped, &authority, &mapped_authority, buffer_text(&hosting));
    buffer_clear(&tu);
    buffer_clear(&qq);
    buffer_clear(&hosting);
}

/* TMPL-08 */
START_TEST(any_target_survives_expansion_and_extraction)
{
    static const char *const texts[] = {
        "{+tu}",
        "forward/{+tu}",
        "?target_uri={+tu}",
        "{+s}/{+hp}{+p}{+qq}",
        "?s={+s}&hp={+hp}&p={+p}&q={+q}",
    };
    struct random_sequence sequence;
    random_sequence_init(&sequence, 8075);
    struct random_source random = random_sequence_source(&sequence);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *reason;
        struct template *template = template_parse(texts[i], true, &reason);
        ck_assert_ptr_nonnull(template);
        for (unsigned n = 0; n < 10000; n++) {
            struct random_uri uri = {0};
            buffer_init(&uri.hp, 1000);
            buffer_init(&uri.p, 1000);
            buffer_init(&uri.query, 1000);
            random_uri_fill(&random, &uri);
            round_trip(template, &uri);
            buffer_clear(&uri.hp);
            buffer_clear(&uri.p);
            buffer_clear(&uri.query);
        }
        template_free(template);
    }
    proves("TMPL-08");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("template");
    TCase *tests = tcase_create("template");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, templates_are_read_and_matched_as_the_table_says);
    tcase_add_test(tests, an_expansion_that_does_not_fit_fails);
    tcase_add_test(tests, any_target_survives_expansion_and_extraction);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
