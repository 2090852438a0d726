/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * upload_storm: a thousand clients that upload 1 MiB each at the same time, to a node that is
 * silent, so that what was taken is kept. What memory is taken altogether is the kernel's word, the
 * peak of the daemon's resident set.
 *
 *     upload_storm [GATEWAY]        exit code 0, 1, or 77: too few descriptors
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node_world.h"

enum {
    CLIENTS = 1000,
    UPLOAD_BYTES = 1 << 20,
    PIECE_BYTES = 65536, /* a chunk, or what is written at once */
    BOUND_KIB = 65536,   /* http.limits.memory: 64 MiB by default */
    PEAK_KIB = BOUND_KIB + BOUND_KIB / 5,
    SPARE_DESCRIPTORS = 64,
    EXIT_SKIPPED = 77,
};

/* One client: it is refused, or sends all of its body and waits. */
struct upload {
    struct http_client *client;
    struct bytes output;
    size_t left; /* of the body, behind `output` */
    bool is_chunked;
    bool is_refused;
};

static uint8_t piece[PIECE_BYTES];

static void begin_upload(struct upload *upload, const struct node *node, unsigned number,
                         bool is_chunked)
{
    *upload = (struct upload){.is_chunked = is_chunked, .left = UPLOAD_BYTES};
    upload->client = make_client();
    http_client_note_request(upload->client, false);
    bytes_print(&upload->output, "PUT /hc/coap://127.0.0.1:%u/%u HTTP/1.1\r\nHost: h\r\n",
                node->port, number);
    if (is_chunked)
        bytes_print(&upload->output, "Transfer-Encoding: chunked\r\n\r\n");
    else
        bytes_print(&upload->output, "Content-Length: %d\r\n\r\n", UPLOAD_BYTES);
}

static void add_piece(struct upload *upload)
{
    if (upload->is_chunked)
        bytes_print(&upload->output, "%x\r\n", PIECE_BYTES);
    bytes_append(&upload->output, piece, PIECE_BYTES);
    upload->left -= PIECE_BYTES;
    if (upload->is_chunked)
        bytes_print(&upload->output, "\r\n%s", upload->left == 0 ? "0\r\n\r\n" : "");
}

/* Once the gateway has closed, its answer tells more. */
static void write_some(struct upload *upload)
{
    if (upload->output.length == 0)
        add_piece(upload);
    ssize_t sent = send(upload->client->fd, upload->output.data, upload->output.length,
                        MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent > 0)
        bytes_drop(&upload->output, (size_t)sent);
    else if (sent < 0 && errno != EAGAIN)
        upload->left = upload->output.length = 0;
}

static bool is_sent(const struct upload *upload)
{
    return upload->output.length == 0 && upload->left == 0;
}

static void read_refusal(struct upload *upload)
{
    struct bytes value = {NULL, 0, 0};
    expect_response(upload->client, 503, NULL);
    expect(http_client_field(&upload->client->response, "Retry-After", 0, &value),
           "a refusal without Retry-After");
    bytes_clear(&value);
    upload->is_refused = true;
}

/* --- what is looked at meanwhile --- */

static void expect_small_get(struct node *node)
{
    struct arrival arrival;
    struct http_client *client = make_client();
    send_get_to(client, node, "small");
    node_expect_request(node, &arrival);
    node_reply(node, &arrival, MESSAGE_ACK, 0x45, "21.5");
    expect_response(client, 200, "21.5");
    http_client_free(client);
}

static unsigned long peak_kib(void)
{
    char path[64], line[256];
    unsigned long kib = 0;
    snprintf(path, sizeof path, "/proc/%ld/status", (long)world.gateway.pid);
    FILE *file = fopen(path, "r");
    expect(file != NULL, "no %s", path);
    while (fgets(line, sizeof line, file) != NULL)
        sscanf(line, "VmHWM: %lu kB", &kib);
    fclose(file);
    return kib;
}

static unsigned long number_behind(const char *page, const char *name)
{
    const char *found = strstr(page, name);
    expect(found != NULL, "no%s in the metrics", name);
    return strtoul(found + strlen(name), NULL, 10);
}

struct gauges {
    unsigned long bytes;
    size_t requests; /* to nodes: their HTTP requests have come completely */
};

static struct gauges read_gauges(void)
{
    struct http_client *client = make_client();
    send_get(client, "/-/metrics");
    expect_response(client, 200, NULL);
    const char *page = bytes_text(&client->response.body);
    struct gauges gauges = {
        .bytes = number_behind(page, "\ncoapgw_memory_bytes "),
        .requests = number_behind(page, "\ncoapgw_coap_outstanding ") +
                    number_behind(page, "\ncoapgw_coap_queued "),
    };
    http_client_free(client);
    return gauges;
}

/* --- the storm --- */

/* Lets each upload that can go on do so, and waits until one can. Returns how many have not sent
 * everything and were not refused. */
static size_t play_turn(struct upload *uploads, int timeout_ms)
{
    static struct pollfd fds[CLIENTS];
    size_t under_way = 0;
    for (size_t i = 0; i < CLIENTS; i++)
        fds[i] = (struct pollfd){.fd = uploads[i].is_refused ? -1 : uploads[i].client->fd,
                                 .events = is_sent(&uploads[i]) ? POLLIN : POLLIN | POLLOUT};
    expect(poll(fds, CLIENTS, timeout_ms) > 0 || timeout_ms == 0, "nothing moves any more");
    for (size_t i = 0; i < CLIENTS; i++) {
        if ((fds[i].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
            read_refusal(&uploads[i]);
        else if ((fds[i].revents & POLLOUT) != 0)
            write_some(&uploads[i]);
        under_way += !uploads[i].is_refused && !is_sent(&uploads[i]);
    }
    return under_way;
}

static size_t count_refused(const struct upload *uploads)
{
    size_t count = 0;
    for (size_t i = 0; i < CLIENTS; i++)
        count += uploads[i].is_refused;
    return count;
}

/* Until each upload was refused or has come completely. Returns how many have. */
static size_t play_storm(struct upload *uploads, struct node *other)
{
    double until = patience();
    size_t taken = 0;
    for (size_t under_way = CLIENTS; under_way > 0;) {
        size_t before = under_way;
        under_way = play_turn(uploads, PATIENCE_S * 1000);
        if (before > CLIENTS / 2 && under_way <= CLIENTS / 2)
            expect_small_get(other);
    }
    while (taken + count_refused(uploads) < CLIENTS) {
        expect(gateway_process_now() < until, "of %zu uploads nothing is heard",
               CLIENTS - taken - count_refused(uploads));
        (void)play_turn(uploads, 0);
        taken = read_gauges().requests;
    }
    expect_small_get(other);
    return taken;
}

static void leave(struct upload *uploads, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        http_client_free(uploads[i].client);
        bytes_clear(&uploads[i].output);
    }
}

/* Nobody waits for these any more; the node wants none of them. */
static void end_requests(struct node *node, size_t count)
{
    struct arrival arrival;
    for (size_t ended = 0, last = 65536; ended < count;) {
        node_expect_request(node, &arrival);
        node_reply(node, &arrival, MESSAGE_ACK, 0x84, "no");
        ended += arrival.mid != last; /* else it was sent again before the answer */
        last = arrival.mid;
    }
}

static void a_thousand_uploads_stay_within_the_bound(bool is_chunked)
{
    static struct upload uploads[CLIENTS];
    double until = patience();
    struct node node = {.next_mid = 0}, other = {.next_mid = 0};
    start_gateway("{}");
    open_node(&node, 0);
    open_node(&other, 0);
    for (unsigned i = 0; i < CLIENTS; i++)
        begin_upload(&uploads[i], &node, i, is_chunked);
    size_t taken = play_storm(uploads, &other);
    unsigned long peak = peak_kib(), charged = read_gauges().bytes;
    printf("%s: %zu taken, %zu refused, peak of the resident set %lu KiB of %d\n",
           is_chunked ? "chunked" : "with a length", taken, CLIENTS - taken, peak, PEAK_KIB);
    expect(taken >= 10 && taken < CLIENTS, "%zu uploads were taken", taken);
    expect(peak <= PEAK_KIB, "a peak of %lu KiB", peak);
    expect(charged >= taken * UPLOAD_BYTES, "%lu bytes are charged for %zu uploads", charged,
           taken);
    /* Bodies whose clients have left are sent on, and count. */
    leave(uploads, CLIENTS);
    expect_metric("\ncoapgw_http_connections 1\n");
    expect(read_gauges().bytes >= taken * UPLOAD_BYTES, "what was left behind is not charged");
    end_requests(&node, taken);
    while (read_gauges().bytes >= UPLOAD_BYTES)
        expect(gateway_process_now() < until, "the memory is not given back");
    expect_small_get(&node);
    close(node.fd);
    close(other.fd);
    stop_gateway();
}

static bool has_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max < CLIENTS + SPARE_DESCRIPTORS)
        return false;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

int main(int argc, char **argv)
{
    if (!has_descriptors()) {
        printf("SKIPPED: %d descriptors are needed\n", CLIENTS + SPARE_DESCRIPTORS);
        return EXIT_SKIPPED;
    }
    world_begin(argc > 1 ? argv[1] : "./coapgw", "upload-storm-XXXXXX");
    a_thousand_uploads_stay_within_the_bound(false);
    a_thousand_uploads_stay_within_the_bound(true);
    world_end();
    printf("ROW SEC-19 wire upload_storm:a_thousand_uploads_stay_within_the_bound\n");
    return EXIT_SUCCESS;
}
