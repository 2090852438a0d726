/* SPDX-License-Identifier: BSD-2-Clause */
#include "channel_udp.h"

/* test_channel_udp: the channel against sockets of the test's own on loopback. */

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop.h"
#include "timers.h"

enum { SECOND_US = 1000000, TURNS_MAX = 1000 };

static struct timers *timers;
static struct loop *loop;
static struct channel_udp *udp;
static struct channel channel;

static struct news {
    unsigned received;
    unsigned refused; /* by the network */
    unsigned local;   /* by our own system */
    struct endpoint_address address;
    uint8_t datagram[65536];
    size_t length;
    int error;
    const struct endpoint_address *send_to_on_refusal;
} news;

static void remember(const struct endpoint_address *address, const uint8_t *datagram, size_t length)
{
    news.address = *address;
    ck_assert_uint_le(length, sizeof news.datagram);
    if (length > 0) {
        memcpy(news.datagram, datagram, length);
    }
    news.length = length;
}

static void received(void *handle, const struct endpoint_address *from, const uint8_t *datagram,
                     size_t length)
{
    ck_assert_ptr_eq(handle, &news);
    news.received++;
    remember(from, datagram, length);
}

static void undeliverable(void *handle, const struct endpoint_address *to, const uint8_t *datagram,
                          size_t length, int error, int is_local)
{
    ck_assert_ptr_eq(handle, &news);
    *(is_local ? &news.local : &news.refused) += 1;
    news.error = error;
    remember(to, datagram, length);
    if (news.send_to_on_refusal != NULL) {
        ck_assert_int_eq(
            channel.send(channel.handle, news.send_to_on_refusal, (const uint8_t *)"again", 5),
            CHANNEL_SENT);
    }
}

static void setup(void)
{
    memset(&news, 0, sizeof news);
    timers = timers_new();
    loop = loop_new(timers);
    ck_assert_ptr_nonnull(loop);
    struct channel_udp_options options = {.loop = loop};
    udp = channel_udp_new(&options);
    ck_assert_ptr_nonnull(udp);
    struct channel_events events = {
        .received = received, .undeliverable = undeliverable, .handle = &news};
    channel_udp_set_events(udp, &events);
    channel = channel_udp_channel(udp);
    ck_assert_int_eq(loop_add_turn_end(loop, channel_udp_flush, udp), 0);
}

static void teardown(void)
{
    channel_udp_free(udp);
    loop_free(loop);
    timers_free(timers);
}

static void loopback(struct endpoint_address *address, unsigned family, unsigned port)
{
    *address = (struct endpoint_address){.family = (uint8_t)family, .port = (uint16_t)port};
    if (family == 4) {
        address->bytes[0] = 127;
        address->bytes[3] = 1;
    } else {
        address->bytes[15] = 1;
    }
}

/* A node's socket on loopback and its address; -1 when the host lacks the family. */
static int node_open(unsigned family, struct endpoint_address *address)
{
    int fd = socket(family == 4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0);
    if (fd < 0) {
        return -1;
    }
    struct sockaddr_storage name;
    loopback(address, family, 0);
    socklen_t length = endpoint_address_to_sockaddr(address, &name);
    if (bind(fd, (struct sockaddr *)&name, length) != 0) {
        close(fd);
        return -1;
    }
    length = sizeof name;
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&name, &length), 0);
    ck_assert(endpoint_address_from_sockaddr(address, (struct sockaddr *)&name));
    struct timeval limit = {.tv_sec = 5};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return fd;
}

/* The address of a port that nobody listens on. */
static void closed_port(unsigned family, struct endpoint_address *address)
{
    int fd = node_open(family, address);
    ck_assert_int_ge(fd, 0);
    close(fd);
}

static void send_text(const struct endpoint_address *to, const char *text)
{
    ck_assert_int_eq(channel.send(channel.handle, to, (const uint8_t *)text, strlen(text)),
                     CHANNEL_SENT);
}

static void expect_at_node(int fd, const char *text)
{
    char bytes[100];
    ssize_t length = recv(fd, bytes, sizeof bytes, 0);
    ck_assert_int_eq(length, (ssize_t)strlen(text));
    ck_assert_mem_eq(bytes, text, strlen(text));
}

static void turn_until(const unsigned *counter, unsigned count)
{
    for (int i = 0; *counter < count && i < TURNS_MAX; i++) {
        loop_turn(loop, SECOND_US);
    }
    ck_assert_uint_eq(*counter, count);
}

static void exchange_with_node(unsigned family)
{
    struct endpoint_address node;
    int fd = node_open(family, &node);
    if (fd < 0) {
        printf("no IPv%u on this host\n", family);
        return;
    }
    send_text(&node, "ping");
    struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
    ck_assert_int_eq(poll(&poll_fd, 1, 0), 0); /* nothing leaves before the end of the turn */
    loop_turn(loop, 0);
    char bytes[10];
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    ck_assert_int_eq(recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &length), 4);
    struct endpoint_address seen;
    ck_assert(endpoint_address_from_sockaddr(&seen, (struct sockaddr *)&from));
    ck_assert_uint_eq(seen.port, channel_udp_port(udp, family));
    ck_assert_int_eq(sendto(fd, "pong!", 5, 0, (struct sockaddr *)&from, length), 5);
    turn_until(&news.received, 1);
    ck_assert(endpoint_address_equal(&news.address, &node));
    ck_assert_uint_eq(news.length, 5);
    ck_assert_mem_eq(news.datagram, "pong!", 5);
    close(fd);
}

START_TEST(datagrams_leave_at_the_end_of_the_turn_and_answers_come_back)
{
    exchange_with_node(_i == 0 ? 4 : 6);
}
END_TEST

START_TEST(one_turn_sends_many_datagrams_in_order)
{
    struct endpoint_address node;
    int fd = node_open(4, &node);
    for (int i = 0; i < 200; i++) {
        char text[16];
        snprintf(text, sizeof text, "number %d", i);
        send_text(&node, text);
    }
    loop_turn(loop, 0);
    for (int i = 0; i < 200; i++) {
        char text[16];
        snprintf(text, sizeof text, "number %d", i);
        expect_at_node(fd, text);
    }
    close(fd);
}
END_TEST

START_TEST(the_longest_datagram_goes_both_ways)
{
    enum { LONGEST = 65507 };
    static uint8_t bytes[LONGEST + 1];
    memset(bytes, 'x', sizeof bytes);
    struct endpoint_address node;
    int fd = node_open(4, &node);
    ck_assert_int_eq(channel.send(channel.handle, &node, bytes, LONGEST + 1), CHANNEL_TOO_LONG);
    ck_assert_int_eq(channel.send(channel.handle, &node, bytes, LONGEST), CHANNEL_SENT);
    loop_turn(loop, 0);
    static uint8_t seen[LONGEST + 1];
    struct sockaddr_storage from;
    socklen_t length = sizeof from;
    ck_assert_int_eq(recvfrom(fd, seen, sizeof seen, 0, (struct sockaddr *)&from, &length),
                     LONGEST);
    ck_assert_int_eq(sendto(fd, seen, LONGEST, 0, (struct sockaddr *)&from, length), LONGEST);
    turn_until(&news.received, 1);
    ck_assert_uint_eq(news.length, LONGEST);
    ck_assert_mem_eq(news.datagram, bytes, LONGEST);
    close(fd);
}
END_TEST

START_TEST(an_empty_datagram_is_told_too)
{
    struct endpoint_address node;
    int fd = node_open(4, &node);
    struct endpoint_address ours;
    loopback(&ours, 4, channel_udp_port(udp, 4));
    struct sockaddr_storage name;
    socklen_t length = endpoint_address_to_sockaddr(&ours, &name);
    ck_assert_int_eq(sendto(fd, "", 0, 0, (struct sockaddr *)&name, length), 0);
    turn_until(&news.received, 1);
    ck_assert_uint_eq(news.length, 0);
    close(fd);
}
END_TEST

START_TEST(a_closed_port_gives_the_whole_datagram_back)
{
    unsigned family = _i == 0 ? 4 : 6;
    struct endpoint_address node;
    int probe = node_open(family, &node);
    if (probe < 0) {
        return;
    }
    close(probe);
    static const char datagram[] = "a datagram that is quite a bit longer than eight octets";
    send_text(&node, datagram);
    loop_turn(loop, 0);
    turn_until(&news.refused, 1);
    ck_assert_uint_eq(news.local, 0);
    ck_assert_int_eq(news.error, ECONNREFUSED);
    ck_assert(endpoint_address_equal(&news.address, &node));
    ck_assert_uint_eq(news.length, strlen(datagram));
    ck_assert_mem_eq(news.datagram, datagram, strlen(datagram));
    /* and the loop rests again */
    loop_turn(loop, 10000);
    ck_assert_uint_eq(news.refused, 1);
}
END_TEST

START_TEST(an_icmp_error_of_one_node_loses_no_datagram_to_another)
{
    struct endpoint_address closed;
    struct endpoint_address node;
    closed_port(4, &closed);
    int fd = node_open(4, &node);
    for (int i = 0; i < 20; i++) {
        /* each send to the closed port leaves an error that fails the send behind it */
        send_text(&closed, "lost");
        send_text(&node, "kept");
    }
    channel_udp_flush(udp);
    for (int i = 0; i < 20; i++) {
        expect_at_node(fd, "kept");
    }
    turn_until(&news.refused, 20);
    ck_assert_uint_eq(news.local, 0);
    close(fd);
}
END_TEST

START_TEST(an_icmp_error_does_not_hide_a_datagram_that_came)
{
    struct endpoint_address closed;
    struct endpoint_address node;
    closed_port(4, &closed);
    int fd = node_open(4, &node);
    send_text(&closed, "lost");
    channel_udp_flush(udp);
    struct endpoint_address ours;
    loopback(&ours, 4, channel_udp_port(udp, 4));
    struct sockaddr_storage name;
    socklen_t length = endpoint_address_to_sockaddr(&ours, &name);
    ck_assert_int_eq(sendto(fd, "news", 4, 0, (struct sockaddr *)&name, length), 4);
    turn_until(&news.received, 1);
    ck_assert_uint_eq(news.refused, 1);
    close(fd);
}
END_TEST

static uint16_t icmp_checksum(const uint8_t *bytes, size_t length)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < length; i++) {
        sum += i % 2 == 0 ? (uint32_t)bytes[i] << 8 : bytes[i];
    }
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t) ~(sum + (sum >> 16));
}

/* An ICMP error about a datagram of ours to that port of 127.0.0.1, as if from a router. */
static void forge_icmp(int raw, uint8_t type, uint8_t code, uint16_t port)
{
    unsigned ours = channel_udp_port(udp, 4);
    uint8_t bytes[8 + 20 + 8] = {type, code};
    uint8_t *ip = bytes + 8;
    ip[0] = 0x45;
    ip[3] = 28;
    ip[8] = 64;
    ip[9] = IPPROTO_UDP;
    memcpy(ip + 12, (const uint8_t[]){127, 0, 0, 1, 127, 0, 0, 1}, 8);
    memcpy(ip + 20, (const uint8_t[]){ours >> 8, ours & 0xff, port >> 8, port & 0xff, 0, 8}, 6);
    uint16_t sum = icmp_checksum(bytes, sizeof bytes);
    bytes[2] = (uint8_t)(sum >> 8);
    bytes[3] = (uint8_t)sum;
    struct endpoint_address address;
    struct sockaddr_storage to;
    loopback(&address, 4, 0);
    socklen_t length = endpoint_address_to_sockaddr(&address, &to);
    ck_assert_int_eq(sendto(raw, bytes, sizeof bytes, 0, (struct sockaddr *)&to, length),
                     (ssize_t)sizeof bytes);
}

/* RFC 7252 4.2; the kernel gives both errors as EHOSTUNREACH. */
START_TEST(time_exceeded_on_the_way_is_no_unreachable_destination)
{
    int raw = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
    if (raw < 0) {
        printf("no permission for raw sockets\n");
        return;
    }
    forge_icmp(raw, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 1001);
    forge_icmp(raw, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 1002);
    turn_until(&news.refused, 1);
    ck_assert_uint_eq(news.address.port, 1002);
    ck_assert_int_eq(news.error, EHOSTUNREACH);
    loop_turn(loop, 10000);
    ck_assert_uint_eq(news.refused, 1);
    close(raw);
}
END_TEST

START_TEST(more_errors_than_the_kernel_keeps_do_not_stop_the_channel)
{
    struct endpoint_address closed;
    struct endpoint_address node;
    closed_port(4, &closed);
    int fd = node_open(4, &node);
    for (int i = 0; i < 1000; i++) {
        send_text(&closed, "lost");
    }
    send_text(&node, "kept");
    loop_turn(loop, 0);
    expect_at_node(fd, "kept");
    loop_turn(loop, 0);
    ck_assert_uint_gt(news.refused, 100);
    ck_assert_uint_eq(news.local, 0);
    close(fd);
}
END_TEST

/* The kernel takes 32 datagrams at once; the error of the last one fails the first of the next. */
START_TEST(an_icmp_error_that_comes_within_the_flush_asks_for_another_turn)
{
    struct endpoint_address closed;
    struct endpoint_address node;
    closed_port(4, &closed);
    int fd = node_open(4, &node);
    for (int i = 0; i < 31; i++) {
        send_text(&node, "early");
    }
    send_text(&closed, "lost");
    send_text(&node, "late");
    ck_assert(channel_udp_flush(udp));
    ck_assert_uint_eq(news.refused, 1);
    ck_assert_uint_eq(news.local, 0);
    for (int i = 0; i < 31; i++) {
        expect_at_node(fd, "early");
    }
    expect_at_node(fd, "late");
    ck_assert(!channel_udp_flush(udp));
    close(fd);
}
END_TEST

START_TEST(a_local_refusal_is_told_in_the_flush_and_the_others_go_on)
{
    struct endpoint_address forbidden = {.bytes = {255, 255, 255, 255}, .port = 9, .family = 4};
    struct endpoint_address node;
    int fd = node_open(4, &node);
    send_text(&node, "one");
    send_text(&forbidden, "no broadcast");
    send_text(&node, "two");
    ck_assert_uint_eq(news.local, 0);
    ck_assert(channel_udp_flush(udp));
    ck_assert(!channel_udp_flush(udp)); /* told once */
    ck_assert_uint_eq(news.local, 1);
    ck_assert_uint_eq(news.refused, 0);
    ck_assert_int_ne(news.error, 0);
    ck_assert(endpoint_address_equal(&news.address, &forbidden));
    ck_assert_uint_eq(news.length, strlen("no broadcast"));
    expect_at_node(fd, "one");
    expect_at_node(fd, "two");
    close(fd);
}
END_TEST

START_TEST(what_a_refusal_sends_leaves_in_the_next_turn)
{
    struct endpoint_address forbidden = {.bytes = {255, 255, 255, 255}, .port = 9, .family = 4};
    struct endpoint_address node;
    int fd = node_open(4, &node);
    news.send_to_on_refusal = &node;
    send_text(&forbidden, "no broadcast");
    loop_turn(loop, 0);
    ck_assert_uint_eq(news.local, 1);
    loop_turn(loop, SECOND_US); /* woken without any other event */
    expect_at_node(fd, "again");
    close(fd);
}
END_TEST

START_TEST(destinations_that_cannot_work_are_refused_at_once)
{
    struct endpoint_address node;
    loopback(&node, 4, 0);
    ck_assert_int_eq(channel.send(channel.handle, &node, (const uint8_t *)"x", 1),
                     CHANNEL_UNREACHABLE);
    struct endpoint_address zoneless = {.bytes = {0xfe, 0x80, [15] = 1}, .port = 5683, .family = 6};
    ck_assert_int_eq(channel.send(channel.handle, &zoneless, (const uint8_t *)"x", 1),
                     CHANNEL_UNREACHABLE);
    loopback(&node, 4, 5684);
    node.is_secure = 1;
    ck_assert_int_eq(channel.send(channel.handle, &node, (const uint8_t *)"x", 1),
                     CHANNEL_UNREACHABLE);
    channel_udp_flush(udp);
    ck_assert_uint_eq(news.local, 0);
}
END_TEST

START_TEST(datagrams_lost_for_want_of_room_are_counted)
{
    struct endpoint_address node;
    int fd = node_open(4, &node);
    struct endpoint_address ours;
    loopback(&ours, 4, channel_udp_port(udp, 4));
    struct sockaddr_storage name;
    socklen_t length = endpoint_address_to_sockaddr(&ours, &name);
    const unsigned sent = 30000; /* far more than 4 MiB take with the kernel's bookkeeping */
    for (unsigned i = 0; i < sent; i++) {
        ck_assert_int_eq(sendto(fd, "flood", 5, 0, (struct sockaddr *)&name, length), 5);
    }
    unsigned before;
    do {
        before = news.received;
        loop_turn(loop, 0);
    } while (news.received > before);
    ck_assert_uint_lt(news.received, sent);
    /* the kernel tells its count with the next datagram */
    ck_assert_int_eq(sendto(fd, "after", 5, 0, (struct sockaddr *)&name, length), 5);
    turn_until(&news.received, before + 1);
    ck_assert_uint_eq(channel_udp_dropped(udp), sent + 1 - news.received);
    close(fd);
}
END_TEST

START_TEST(our_own_socket_is_recognised)
{
    unsigned port = channel_udp_port(udp, 4);
    struct endpoint_address address;
    loopback(&address, 4, port);
    ck_assert(channel_udp_is_self(udp, &address));
    address.bytes[3] = 77; /* all of 127.0.0.0/8 is this host */
    ck_assert(channel_udp_is_self(udp, &address));
    loopback(&address, 4, port == 65535 ? 1 : port + 1);
    ck_assert(!channel_udp_is_self(udp, &address));
    struct endpoint_address unspecified = {.port = (uint16_t)port, .family = 4};
    ck_assert(channel_udp_is_self(udp, &unspecified));
    struct endpoint_address elsewhere = {
        .bytes = {192, 0, 2, 1}, .port = (uint16_t)port, .family = 4};
    ck_assert(!channel_udp_is_self(udp, &elsewhere));
    if (channel_udp_port(udp, 6) != 0) {
        loopback(&address, 6, channel_udp_port(udp, 6));
        ck_assert(channel_udp_is_self(udp, &address));
    }
}
END_TEST

START_TEST(a_given_address_is_bound_or_refused)
{
    struct endpoint_address wanted;
    closed_port(4, &wanted);
    struct channel_udp_options options = {.loop = loop, .bind = &wanted};
    struct channel_udp *bound = channel_udp_new(&options);
    ck_assert_ptr_nonnull(bound);
    ck_assert_uint_eq(channel_udp_port(bound, 4), wanted.port);
    ck_assert(channel_udp_is_self(bound, &wanted));
    struct endpoint_address neighbour = wanted;
    neighbour.bytes[3] = 2; /* another service of this host may use the port there */
    ck_assert(!channel_udp_is_self(bound, &neighbour));
    ck_assert_ptr_null(channel_udp_new(&options)); /* taken */
    channel_udp_free(bound);
    bound = channel_udp_new(&options); /* free again at once */
    ck_assert_ptr_nonnull(bound);
    channel_udp_free(bound);
    struct endpoint_address foreign = {.bytes = {192, 0, 2, 1}, .family = 4};
    options.bind = &foreign;
    ck_assert_ptr_null(channel_udp_new(&options));
}
END_TEST

START_TEST(a_port_on_all_addresses_holds_for_both_families)
{
    struct endpoint_address wanted;
    closed_port(4, &wanted);
    memset(wanted.bytes, 0, sizeof wanted.bytes);
    struct channel_udp_options options = {.loop = loop, .bind = &wanted};
    struct channel_udp *bound = channel_udp_new(&options);
    ck_assert_ptr_nonnull(bound);
    ck_assert_uint_eq(channel_udp_port(bound, 4), wanted.port);
    if (channel_udp_port(bound, 6) != 0) {
        ck_assert_uint_eq(channel_udp_port(bound, 6), wanted.port);
    }
    channel_udp_free(bound);
    channel_udp_free(NULL);
}
END_TEST

START_TEST(a_port_that_is_preferred_is_bound_if_it_is_free)
{
    struct endpoint_address wanted;
    closed_port(4, &wanted);
    struct channel_udp_options options = {.loop = loop, .ports = {wanted.port, 0}};
    struct channel_udp *first = channel_udp_new(&options);
    ck_assert_ptr_nonnull(first);
    ck_assert_uint_eq(channel_udp_port(first, 4), wanted.port);
    struct channel_udp *second = channel_udp_new(&options); /* taken: another one */
    ck_assert_ptr_nonnull(second);
    ck_assert_uint_ne(channel_udp_port(second, 4), 0);
    ck_assert_uint_ne(channel_udp_port(second, 4), wanted.port);
    channel_udp_free(second);
    channel_udp_free(first);
}
END_TEST

START_TEST(a_port_that_was_asked_for_wins_over_a_preferred_one)
{
    struct endpoint_address wanted;
    closed_port(4, &wanted);
    struct channel_udp_options options = {
        .loop = loop, .bind = &wanted, .ports = {(uint16_t)(wanted.port ^ 1), 0}};
    struct channel_udp *bound = channel_udp_new(&options);
    ck_assert_ptr_nonnull(bound);
    ck_assert_uint_eq(channel_udp_port(bound, 4), wanted.port);
    channel_udp_free(bound);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("channel_udp");
    TCase *tcase = tcase_create("channel_udp");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, datagrams_leave_at_the_end_of_the_turn_and_answers_come_back, 0, 2);
    tcase_add_test(tcase, one_turn_sends_many_datagrams_in_order);
    tcase_add_test(tcase, the_longest_datagram_goes_both_ways);
    tcase_add_test(tcase, an_empty_datagram_is_told_too);
    tcase_add_loop_test(tcase, a_closed_port_gives_the_whole_datagram_back, 0, 2);
    tcase_add_test(tcase, an_icmp_error_of_one_node_loses_no_datagram_to_another);
    tcase_add_test(tcase, an_icmp_error_does_not_hide_a_datagram_that_came);
    tcase_add_test(tcase, time_exceeded_on_the_way_is_no_unreachable_destination);
    tcase_add_test(tcase, more_errors_than_the_kernel_keeps_do_not_stop_the_channel);
    tcase_add_test(tcase, an_icmp_error_that_comes_within_the_flush_asks_for_another_turn);
    tcase_add_test(tcase, a_local_refusal_is_told_in_the_flush_and_the_others_go_on);
    tcase_add_test(tcase, what_a_refusal_sends_leaves_in_the_next_turn);
    tcase_add_test(tcase, destinations_that_cannot_work_are_refused_at_once);
    tcase_add_test(tcase, datagrams_lost_for_want_of_room_are_counted);
    tcase_add_test(tcase, our_own_socket_is_recognised);
    tcase_add_test(tcase, a_given_address_is_bound_or_refused);
    tcase_add_test(tcase, a_port_on_all_addresses_holds_for_both_families);
    tcase_add_test(tcase, a_port_that_is_preferred_is_bound_if_it_is_free);
    tcase_add_test(tcase, a_port_that_was_asked_for_wins_over_a_preferred_one);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
