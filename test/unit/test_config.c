/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_config: loads configurations from test/data/config/<case>/input and compares the errors with
 * <case>/expected (empty for a configuration that is right), checks the defaults, that what
 * --print-config shows loads again, and that the JSON Schema knows what the loader knows.
 */
#include <check.h>
#include <dirent.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../gateway/config.h"
#include "buffer.h"
#include "policy.h"
#include "settings.h"

enum { TEXT_MAXIMUM = 1 << 20 };

static const char *source_folder(void)
{
    const char *folder = getenv("srcdir");

    return folder == NULL ? "." : folder;
}

static char *read_text(const char *path)
{
    struct buffer text;
    char block[4096];
    size_t length;
    FILE *file = fopen(path, "r");

    ck_assert_msg(file != NULL, "%s cannot be read", path);
    buffer_init(&text, TEXT_MAXIMUM);
    ck_assert_int_eq(buffer_append_text(&text, ""), 0);
    while ((length = fread(block, 1, sizeof block, file)) > 0)
        ck_assert_int_eq(buffer_append(&text, block, length), 0);
    fclose(file);
    return buffer_take(&text, &length);
}

static char *scratch_folder(void)
{
    static const char pattern[] = "config-test-XXXXXX";
    char *folder = strdup(pattern);

    ck_assert_ptr_nonnull(folder);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    return folder;
}

/* Loads `text` from a file in a folder of its own. */
static struct config *load_text(const char *text, struct buffer *errors)
{
    char *folder = scratch_folder();
    struct config *config;
    char path[64];
    FILE *file;

    snprintf(path, sizeof path, "%s/coapgw.json", folder);
    file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    config = config_load(path, errors);
    unlink(path);
    rmdir(folder);
    free(folder);
    return config;
}

static struct config *load_right(const char *text)
{
    struct buffer errors;
    struct config *config;

    buffer_init(&errors, TEXT_MAXIMUM);
    config = load_text(text, &errors);
    ck_assert_msg(config != NULL, "refused: %s", buffer_text(&errors));
    buffer_clear(&errors);
    return config;
}

static void try_case(const char *name)
{
    struct buffer errors;
    struct config *config;
    char *expected = read_text("expected");

    buffer_init(&errors, TEXT_MAXIMUM);
    config = config_load("input", &errors);
    ck_assert_msg(strcmp(buffer_text(&errors), expected == NULL ? "" : expected) == 0,
                  "case %s\nexpected:\n%s\nfound:\n%s", name, expected == NULL ? "" : expected,
                  buffer_text(&errors));
    ck_assert_int_eq(config == NULL, errors.length > 0);
    config_free(config);
    buffer_clear(&errors);
    free(expected);
}

START_TEST(every_error_of_a_configuration_is_reported_with_file_line_and_member)
{
    struct dirent **cases = NULL;
    int count;

    ck_assert_int_eq(chdir(source_folder()), 0);
    ck_assert_int_eq(chdir("test/data/config"), 0);
    count = scandir(".", &cases, NULL, alphasort);
    ck_assert_int_gt(count, 10);
    for (int i = 0; i < count; i++) {
        if (cases[i]->d_name[0] != '.') {
            ck_assert_int_eq(chdir(cases[i]->d_name), 0);
            try_case(cases[i]->d_name);
            ck_assert_int_eq(chdir(".."), 0);
        }
        free(cases[i]);
    }
    free(cases);
}
END_TEST

START_TEST(an_empty_object_gives_the_documented_defaults)
{
    struct config *config = load_right("{}");
    const struct policy *policy = config->policy;
    const struct settings *settings = &policy->defaults.settings;

    ck_assert_uint_eq(config->listen_count, 2);
    ck_assert_str_eq(config->listen[0], "127.0.0.1:8080");
    ck_assert_str_eq(config->listen[1], "[::1]:8080");
    ck_assert_uint_eq(config->limits.body, 1048576);
    ck_assert_uint_eq(config->limits.header, 9216);
    ck_assert_uint_eq(config->limits.connections, 10000);
    ck_assert_uint_eq(config->limits.idle_timeout_ms, 60000);
    ck_assert_uint_eq(config->limits.request_timeout_ms, 10000);
    ck_assert(!config->has_bind);
    ck_assert_ptr_null(config->mappings_folder);
    ck_assert_ptr_null(config->state_folder);
    ck_assert_int_eq(config->log_level, LOG_LEVEL_INFO);
    ck_assert(!policy->is_open && !policy->forward_proxy && policy->takes_query);
    ck_assert(!policy->has_upstream_proxy && !policy->writes_access_log);
    ck_assert_uint_eq(policy->maximum_body, 1048576);
    ck_assert_uint_eq(policy->outstanding, 1000);
    ck_assert_uint_eq(policy->cache_limits.bytes, 16777216);
    ck_assert_uint_eq(policy->cache_limits.entries, 10000);
    ck_assert(!policy->auto_observe);
    ck_assert_uint_eq(policy->observation_limits.registrations, 10000);
    ck_assert_uint_eq(policy->observation_limits.registrations_per_node, 100);
    ck_assert_uint_eq(policy->observation_limits.poll_minimum_ms, 10000);
    ck_assert_uint_eq(policy->stream_limits.streams, 10000);
    ck_assert_uint_eq(policy->stream_limits.queue, 16);
    ck_assert_uint_eq(policy->stream_limits.heartbeat_ms, 15000);
    ck_assert_uint_eq(policy->stream_limits.retry_ms, 5000);
    ck_assert(policy->defaults.is_cached && !policy->defaults.stale_if_error);
    ck_assert_uint_eq(settings->ack_timeout_ms, 2000);
    ck_assert_uint_eq(settings->ack_random_percent, 150);
    ck_assert_uint_eq(settings->max_retransmit, 4);
    ck_assert_uint_eq(settings->nstart, 1);
    ck_assert_uint_eq(settings->deadline_ms, 45000);
    ck_assert_uint_eq(settings->acked_deadline_ms, 120000);
    ck_assert_uint_eq(settings->queue_per_node, 64);
    ck_assert_uint_eq(settings->hop_limit, 16);
    config_free(config);
}
END_TEST

START_TEST(clients_are_not_told_the_name_of_the_host_unless_it_was_chosen)
{
    struct config *config = load_right("{}");
    struct config *again = load_right("{}");
    char host[256] = "";

    ck_assert_int_eq(gethostname(host, sizeof host - 1), 0);
    ck_assert_uint_eq(strlen(policy_pseudonym(config->policy)), strlen("coapgw-01234567"));
    ck_assert_str_ne(policy_pseudonym(config->policy), host);
    ck_assert_str_eq(policy_pseudonym(config->policy), policy_pseudonym(again->policy));
    config_free(config);
    config_free(again);
}
END_TEST

START_TEST(members_of_the_file_reach_the_policy)
{
    struct config *config = load_right(
        "{\"http\": {\"listen\": [\"127.0.0.1:0\"], \"name\": \"edge\", \"forward_proxy\": true,"
        " \"limits\": {\"body\": 500, \"streams\": 9, \"idle_timeout\": 1.5},"
        " \"methods\": {\"patch\": \"ipatch\", \"query\": \"off\"}}, \"auth\": \"none\","
        " \"coap\": {\"bind\": \"[::1]:5700\", \"max_body\": 600, \"deadline\": 0.25,"
        " \"upstream_proxy\": \"coap://[::1]:5701\"}, \"media\": {\"loose\": true},"
        " \"cache\": {\"bytes\": 4096, \"entries\": 0, \"auto_observe\": true},"
        " \"observe\": {\"registrations\": 7, \"registrations_per_node\": 6, \"poll_minimum\": 0.5,"
        " \"heartbeat\": 2.5, \"retry\": 3, \"queue\": 8},"
        " \"log\": {\"level\": \"error\", \"format\": \"json\", \"access\": true}}");
    const struct policy *policy = config->policy;

    ck_assert_uint_eq(config->listen_count, 1);
    ck_assert_str_eq(policy->name, "edge");
    ck_assert_str_eq(policy_pseudonym(policy), "edge");
    ck_assert(policy->is_open && policy->forward_proxy && !policy->takes_query);
    ck_assert(policy->defaults.patch_is_ipatch && policy->defaults.has_loose);
    ck_assert_uint_eq(policy->maximum_body, 500);
    ck_assert_uint_eq(config->limits.idle_timeout_ms, 1500);
    ck_assert_uint_eq(policy->defaults.settings.deadline_ms, 250);
    ck_assert(config->has_bind);
    ck_assert_uint_eq(config->bind.port, 5700);
    ck_assert_uint_eq(config->bind.family, 6);
    ck_assert(policy->has_upstream_proxy);
    ck_assert_uint_eq(policy->upstream_proxy.port, 5701);
    ck_assert_uint_eq(policy->cache_limits.bytes, 4096);
    ck_assert_uint_eq(policy->cache_limits.entries, 0);
    ck_assert(policy->auto_observe);
    ck_assert_uint_eq(policy->observation_limits.registrations, 7);
    ck_assert_uint_eq(policy->observation_limits.registrations_per_node, 6);
    ck_assert_uint_eq(policy->observation_limits.poll_minimum_ms, 500);
    ck_assert_uint_eq(policy->stream_limits.streams, 9);
    ck_assert_uint_eq(policy->stream_limits.queue, 8);
    ck_assert_uint_eq(policy->stream_limits.heartbeat_ms, 2500);
    ck_assert_uint_eq(policy->stream_limits.retry_ms, 3000);
    ck_assert_int_eq(config->log_level, LOG_LEVEL_ERROR);
    ck_assert_int_eq(config->log_format, LOG_FORMAT_JSON);
    ck_assert(policy->writes_access_log);
    config_free(config);
}
END_TEST

START_TEST(the_smaller_one_of_both_body_limits_counts)
{
    struct config *config =
        load_right("{\"http\": {\"limits\": {\"body\": 700}}, \"coap\": {\"max_body\": 600}}");

    ck_assert_uint_eq(config->policy->maximum_body, 600);
    config_free(config);
}
END_TEST

static char *print(const struct config *config)
{
    struct buffer text;

    buffer_init(&text, TEXT_MAXIMUM);
    ck_assert_int_eq(config_print(config, &text), 0);
    return buffer_take(&text, &(size_t){0});
}

START_TEST(a_printed_configuration_loads_again_and_prints_the_same)
{
    struct buffer errors;
    struct config *config, *again;
    char *printed, *printed_again;

    buffer_init(&errors, TEXT_MAXIMUM);
    ck_assert_int_eq(chdir(source_folder()), 0);
    config = config_load("test/data/config/everything/input", &errors);
    ck_assert_msg(config != NULL, "%s", buffer_text(&errors));
    printed = print(config);
    ck_assert_ptr_nonnull(strstr(printed, "\"deadline\": 1.25"));
    ck_assert_ptr_nonnull(strstr(printed, "\"bind\": \"[::1]:5700\""));
    ck_assert_ptr_nonnull(strstr(printed, "\"65001\": \"application/x-my\""));
    ck_assert_ptr_nonnull(strstr(printed, "\"entries\": 7"));
    ck_assert_ptr_nonnull(strstr(printed, "\"poll_minimum\": 0.25"));
    ck_assert_ptr_nonnull(strstr(printed, "/everything/documents\",\n  \"state\": "));
    /* Members that were not written are shown with their defaults. */
    ck_assert_ptr_nonnull(strstr(printed, "\"acked_deadline\": 2"));
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(chdir(getenv("TMPDIR") != NULL ? getenv("TMPDIR") : P_tmpdir), 0);
    again = load_right(printed);
    printed_again = print(again);
    ck_assert_str_eq(printed_again, printed);
    free(printed);
    free(printed_again);
    config_free(config);
    config_free(again);
    buffer_clear(&errors);
}
END_TEST

START_TEST(a_missing_file_is_an_error_that_names_it)
{
    struct buffer errors;

    buffer_init(&errors, TEXT_MAXIMUM);
    ck_assert_ptr_null(config_load("absent/coapgw.json", &errors));
    ck_assert_int_eq(strncmp(buffer_text(&errors), "absent/coapgw.json:", 19), 0);
    buffer_clear(&errors);
}
END_TEST

/* An object that has every member of `schema` that has a default. */
static json_t *defaults_of(json_t *schema)
{
    json_t *object = json_object();
    const char *key;
    json_t *member;

    json_object_foreach(json_object_get(schema, "properties"), key, member)
    {
        json_t *value = json_object_get(member, "default");

        if (value != NULL)
            json_object_set(object, key, value);
        else if (json_object_get(member, "properties") != NULL)
            json_object_set_new(object, key, defaults_of(member));
    }
    return object;
}

/* True when `schema` knows every member of `object`, to any depth of plain objects. */
static bool schema_knows(json_t *schema, json_t *object)
{
    json_t *members = json_object_get(schema, "properties");
    const char *key;
    json_t *value;

    if (members == NULL || !json_is_object(object))
        return true;
    json_object_foreach(object, key, value) if (json_object_get(members, key) == NULL ||
                                                !schema_knows(json_object_get(members, key), value))
    {
        printf("the schema lacks %s\n", key);
        return false;
    }
    return true;
}

START_TEST(the_schema_has_the_members_and_defaults_of_the_loader)
{
    struct config *from_schema, *from_nothing;
    char path[1024];
    json_t *schema, *object;
    char *text, *printed, *expected;

    snprintf(path, sizeof path, "%s/etc/coapgw.schema.json", source_folder());
    schema = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_ptr_nonnull(schema);
    object = defaults_of(schema);
    text = json_dumps(object, 0);
    from_schema = load_right(text);
    from_nothing = load_right("{}");
    printed = print(from_schema);
    expected = print(from_nothing);
    ck_assert_str_eq(printed, expected);
    json_decref(object);
    object = json_loads(expected, 0, NULL);
    ck_assert(schema_knows(schema, object));
    json_decref(object);
    json_decref(schema);
    free(text);
    free(printed);
    free(expected);
    config_free(from_schema);
    config_free(from_nothing);
}
END_TEST

START_TEST(addresses_of_sockets_are_literals)
{
    static const struct {
        const char *text;
        bool is_right;
        bool has_port;
        unsigned port;
    } cases[] = {
        {"127.0.0.1:8080", true, true, 8080},
        {"[::1]:0", true, true, 0},
        {"127.0.0.1", true, false, 0},
        {"[fd00::1]", true, false, 0},
        {"", false, false, 0},
        {":8080", false, false, 0},
        {"localhost:80", false, false, 0},
        {"127.1:80", false, false, 0},
        {"::1", false, false, 0},
        {"[::1", false, false, 0},
        {"[::1]x", false, false, 0},
        {"[127.0.0.1]:80", false, false, 0},
        {"127.0.0.1:", false, false, 0},
        {"127.0.0.1:65536", false, false, 0},
        {"127.0.0.1:-1", false, false, 0},
        {"127.0.0.1:8080 ", false, false, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct endpoint_address address;
        bool has_port = false;
        bool is_right = config_parse_address(cases[i].text, &address, &has_port);

        ck_assert_msg(is_right == cases[i].is_right, "\"%s\"", cases[i].text);
        if (is_right) {
            ck_assert_int_eq(has_port, cases[i].has_port);
            ck_assert_uint_eq(address.port, cases[i].port);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config");
    TCase *tests = tcase_create("config");
    SRunner *runner;
    int failed;

    tcase_add_test(tests, every_error_of_a_configuration_is_reported_with_file_line_and_member);
    tcase_add_test(tests, an_empty_object_gives_the_documented_defaults);
    tcase_add_test(tests, clients_are_not_told_the_name_of_the_host_unless_it_was_chosen);
    tcase_add_test(tests, members_of_the_file_reach_the_policy);
    tcase_add_test(tests, the_smaller_one_of_both_body_limits_counts);
    tcase_add_test(tests, a_printed_configuration_loads_again_and_prints_the_same);
    tcase_add_test(tests, a_missing_file_is_an_error_that_names_it);
    tcase_add_test(tests, the_schema_has_the_members_and_defaults_of_the_loader);
    tcase_add_test(tests, addresses_of_sockets_are_literals);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
