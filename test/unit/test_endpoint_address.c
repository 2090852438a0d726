/* SPDX-License-Identifier: BSD-2-Clause */
#include "endpoint_address.h"

/* test_endpoint_address: one value for one endpoint, canonical text, and the kinds of addresses. */

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static struct endpoint_address parse(const char *text)
{
    struct endpoint_address address = {0};
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
        ck_assert(endpoint_address_from_sockaddr(&address, (struct sockaddr *)&in));
    } else {
        ck_assert_int_eq(inet_pton(AF_INET6, text, &in6.sin6_addr), 1);
        ck_assert(endpoint_address_from_sockaddr(&address, (struct sockaddr *)&in6));
    }
    return address;
}

START_TEST(a_sockaddr_goes_both_ways)
{
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                               .sin6_port = htons(5683),
                               .sin6_flowinfo = 99, /* no part of the identity */
                               .sin6_scope_id = 3};
    ck_assert_int_eq(inet_pton(AF_INET6, "fe80::1", &in6.sin6_addr), 1);
    struct endpoint_address address;
    memset(&address, 0xaa, sizeof address);
    ck_assert(endpoint_address_from_sockaddr(&address, (struct sockaddr *)&in6));
    struct sockaddr_storage storage;
    ck_assert_uint_eq(endpoint_address_to_sockaddr(&address, &storage), sizeof in6);
    in6.sin6_flowinfo = 0;
    ck_assert_mem_eq(&storage, &in6, sizeof in6);
    struct sockaddr_in in = {
        .sin_family = AF_INET, .sin_port = htons(61616), .sin_addr.s_addr = htonl(0xc0000201)};
    ck_assert(endpoint_address_from_sockaddr(&address, (struct sockaddr *)&in));
    ck_assert_uint_eq(address.port, 61616);
    ck_assert_uint_eq(address.family, 4);
    ck_assert_uint_eq(endpoint_address_to_sockaddr(&address, &storage), sizeof in);
    ck_assert_mem_eq(&storage, &in, sizeof in);
    struct sockaddr_un other = {.sun_family = AF_UNIX};
    ck_assert(!endpoint_address_from_sockaddr(&address, (struct sockaddr *)&other));
}
END_TEST

START_TEST(a_mapped_address_is_the_ipv4_address)
{
    struct endpoint_address mapped = parse("::ffff:192.0.2.1");
    struct endpoint_address plain = parse("192.0.2.1");
    ck_assert(endpoint_address_equal(&mapped, &plain));
    plain.port = 1;
    ck_assert(!endpoint_address_equal(&mapped, &plain));
    mapped.port = 1;
    mapped.is_secure = 1;
    ck_assert(!endpoint_address_equal(&mapped, &plain));
}
END_TEST

START_TEST(text_is_canonical)
{
    /* RFC 5952 section 4 */
    static const struct {
        const char *from;
        const char *text;
    } cases[] = {
        {"192.0.2.1", "192.0.2.1"},
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"::1:2", "::1:2"},
        {"2001:0db8::0001", "2001:db8::1"},
        {"2001:DB8::ABCD", "2001:db8::abcd"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, /* one group is not shortened */
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},          /* the longest run */
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},    /* the first of two */
        {"0:0:1:0:0:0:0:0", "0:0:1::"},
        {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct endpoint_address address = parse(cases[i].from);
        char text[ENDPOINT_ADDRESS_TEXT_SIZE];
        ck_assert_str_eq(endpoint_address_format_host(&address, text), cases[i].text);
    }
}
END_TEST

START_TEST(log_text_has_zone_and_port)
{
    char text[ENDPOINT_ADDRESS_TEXT_SIZE];
    struct endpoint_address address = parse("127.0.0.1");
    address.port = 5683;
    ck_assert_str_eq(endpoint_address_format(&address, text), "127.0.0.1:5683");
    address = parse("fe80::1");
    address.port = 65535;
    ck_assert_str_eq(endpoint_address_format(&address, text), "[fe80::1]:65535");
    address.scope_id = UINT32_MAX;
    ck_assert_str_eq(endpoint_address_format(&address, text), "[fe80::1%4294967295]:65535");
}
END_TEST

START_TEST(kinds_of_addresses_are_told_apart)
{
    static const struct {
        const char *text;
        bool multicast, loopback, unspecified, link_local6;
    } cases[] = {
        {"192.0.2.1", false, false, false, false},
        {"223.255.255.255", false, false, false, false},
        {"224.0.0.1", true, false, false, false},
        {"239.255.255.255", true, false, false, false},
        {"240.0.0.1", false, false, false, false},
        {"255.255.255.255", true, false, false, false},
        {"127.0.0.1", false, true, false, false},
        {"127.255.0.9", false, true, false, false},
        {"128.0.0.1", false, false, false, false},
        {"0.0.0.0", false, false, true, false},
        {"254.128.0.1", false, false, false, false}, /* begins with the octets of fe80 */
        {"::", false, false, true, false},
        {"::1", false, true, false, false},
        {"::2", false, false, false, false},
        {"ff02::fd", true, false, false, false},
        {"fe80::1", false, false, false, true},
        {"febf::1", false, false, false, true},
        {"fec0::1", false, false, false, false},
        {"7f00::1", false, false, false, false}, /* begins with the octet 127 */
        {"::ffff:127.0.0.1", false, true, false, false},
        {"::ffff:224.0.0.1", true, false, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct endpoint_address address = parse(cases[i].text);
        ck_assert_msg(endpoint_address_is_multicast(&address) == cases[i].multicast &&
                          endpoint_address_is_loopback(&address) == cases[i].loopback &&
                          endpoint_address_is_unspecified(&address) == cases[i].unspecified &&
                          endpoint_address_is_link_local6(&address) == cases[i].link_local6,
                      "%s", cases[i].text);
    }
}
END_TEST

START_TEST(a_network_holds_the_addresses_with_its_prefix)
{
    static const struct {
        const char *address;
        const char *network;
        unsigned prefix;
        bool is_inside;
    } cases[] = {
        {"192.0.2.77", "192.0.2.0", 24, true},
        {"192.0.3.77", "192.0.2.0", 24, false},
        {"192.0.3.77", "192.0.2.0", 23, true},
        {"192.0.2.1", "192.0.2.1", 32, true},
        {"192.0.2.0", "192.0.2.1", 32, false},
        {"192.0.2.0", "192.0.2.1", 31, true},
        {"10.0.0.1", "192.0.2.1", 0, true},
        {"::1", "0.0.0.0", 0, false},
        {"0.0.0.1", "::", 0, false},
        {"fd00::12", "fd00::", 64, true},
        {"fd00:0:0:1::12", "fd00::", 64, false},
        {"fd00::1", "fd00::1", 128, true},
        {"fd00::2", "fd00::1", 128, false},
        {"fd00::2", "fd00::3", 127, true},
        {"fe80::1", "fe80::", 10, true},
        {"192.0.2.1", "192.0.2.1", 99, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct endpoint_address address = parse(cases[i].address);
        struct endpoint_address network = parse(cases[i].network);
        ck_assert_msg(endpoint_address_in_network(&address, &network, cases[i].prefix) ==
                          cases[i].is_inside,
                      "%s in %s/%u", cases[i].address, cases[i].network, cases[i].prefix);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("endpoint_address");
    TCase *tcase = tcase_create("endpoint_address");
    tcase_add_test(tcase, a_sockaddr_goes_both_ways);
    tcase_add_test(tcase, a_mapped_address_is_the_ipv4_address);
    tcase_add_test(tcase, text_is_canonical);
    tcase_add_test(tcase, log_text_has_zone_and_port);
    tcase_add_test(tcase, kinds_of_addresses_are_told_apart);
    tcase_add_test(tcase, a_network_holds_the_addresses_with_its_prefix);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
