/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * subscribers: ten thousand clients that subscribe to a hundred resources of one node. The node has
 * one registration for each resource; each client gets every state, and what it costs the daemon
 * in memory is measured. When all have left nothing stays, here or at the node. At the end the
 * daemon is stopped while a thousand are there, and each gets a proper end.
 *
 *     subscribers [GATEWAY [SUBSCRIBERS]]        exit code 0, 1, or 77: too few descriptors
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <signal.h>
#include <unistd.h>

#include "body_reader.h"
#include "event_stream.h"
#include "node_world.h"

enum {
    SUBSCRIBERS = 10000,
    AT_THE_STOP = 1000,
    RESOURCES = 100,
    BATCH = 250, /* that connect at a time */
    ROUNDS = 4,
    BURST = 3, /* states without waiting in between */
    BYTES_EACH = 12000,
    SPARE_DESCRIPTORS = 300,
    EXIT_SKIPPED = 77,
};

struct resource {
    uint8_t token[TOKEN_SIZE];
    bool is_registered;
    unsigned registrations; /* that were ever made */
    unsigned value;         /* goes from 1 */
};

struct subscriber {
    struct http_client *client;
    struct body_reader body;
    struct event_stream events;
    unsigned resource;
    unsigned newest; /* value */
    size_t values;
    bool has_head;
    bool has_ended; /* as a body must */
    bool is_gone;   /* it was told so */
};

static struct {
    int epoll;
    struct node node;
    struct resource resources[RESOURCES];
    struct subscriber *subscribers;
    size_t count;
} run;

/* --- the node --- */

static void send_value(struct resource *resource, unsigned type, uint16_t mid)
{
    uint8_t datagram[64] = {(uint8_t)(0x40 | type << 4 | TOKEN_SIZE), 0x45, (uint8_t)(mid >> 8),
                            (uint8_t)mid};
    size_t length = 4;
    memcpy(datagram + length, resource->token, TOKEN_SIZE);
    length += TOKEN_SIZE;
    datagram[length++] = 0x62; /* Observe */
    datagram[length++] = (uint8_t)(resource->value >> 8);
    datagram[length++] = (uint8_t)resource->value;
    datagram[length++] = 0x60; /* Content-Format: text */
    datagram[length++] = 0xff;
    length += (size_t)snprintf((char *)datagram + length, sizeof datagram - length, "%u %u",
                               (unsigned)(resource - run.resources), resource->value);
    node_send(&run.node, datagram, length);
}

/* A node answers whatever comes, and notes who is registered. */
static void serve_node(void)
{
    struct arrival arrival;
    node_receive(&run.node, &arrival);
    if (arrival.type != MESSAGE_CON || arrival.token_length != TOKEN_SIZE)
        return;
    unsigned number = (unsigned)strtoul(arrival.path, NULL, 10);
    expect(number < RESOURCES, "a request for %s", arrival.path);
    struct resource *resource = &run.resources[number];
    if (arrival.observe == 0) {
        expect(!resource->is_registered, "resource %u is registered for twice", number);
        resource->registrations++;
        resource->is_registered = true;
    } else {
        expect(arrival.observe == 1 && memcmp(resource->token, arrival.token, TOKEN_SIZE) == 0,
               "resource %u: Observe %ld, or with another token", number, arrival.observe);
        resource->is_registered = false;
    }
    memcpy(resource->token, arrival.token, TOKEN_SIZE);
    send_value(resource, MESSAGE_ACK, arrival.mid);
}

static size_t count_registered(void)
{
    size_t count = 0;
    for (size_t i = 0; i < RESOURCES; i++)
        count += run.resources[i].is_registered;
    return count;
}

/* --- the subscribers --- */

static void fired(void *handle, const struct event *event)
{
    struct subscriber *subscriber = handle;
    unsigned resource, value;
    const char *text = bytes_text(event->data);
    if (strcmp(event->type, "state") == 0) {
        subscriber->is_gone |= strstr(text, "\"gone\"") != NULL;
        return;
    }
    expect(sscanf(text, "%u %u", &resource, &value) == 2 && resource == subscriber->resource,
           "an event of another resource: %s", text);
    expect(value > subscriber->newest, "value %u behind value %u", value, subscriber->newest);
    subscriber->newest = value;
    subscriber->values++;
}

static void take(void *handle, const void *data, size_t length)
{
    struct subscriber *subscriber = handle;
    event_stream_feed(&subscriber->events, data, length);
}

static void read_subscriber(struct subscriber *subscriber)
{
    struct http_client *client = subscriber->client;
    if (!subscriber->has_head) {
        const char *trouble = http_client_head(client, &world.gateway, patience());
        expect(trouble == NULL, "no stream: %s", trouble == NULL ? "" : trouble);
        expect(client->response.status == 200, "status %u", client->response.status);
        body_reader_begin(&subscriber->body, client);
        expect(subscriber->body.framing == BODY_CHUNKED, "a stream that is not chunked");
        subscriber->has_head = true;
    } else {
        (void)http_client_read(client, &world.gateway, 0);
    }
    enum body_progress progress = body_reader_read(&subscriber->body, client);
    expect(progress != BODY_BROKEN, "a stream breaks off");
    subscriber->has_ended = progress == BODY_ENDED;
    if (subscriber->has_ended)
        epoll_ctl(run.epoll, EPOLL_CTL_DEL, client->fd, NULL);
}

static void begin_subscriber(struct subscriber *subscriber, unsigned resource)
{
    struct bytes request = {NULL, 0, 0};
    struct epoll_event wish = {.events = EPOLLIN, .data.ptr = subscriber};
    *subscriber = (struct subscriber){.resource = resource};
    subscriber->client = make_client();
    subscriber->body = (struct body_reader){.take = take, .handle = subscriber};
    subscriber->events =
        (struct event_stream){.fired = fired, .handle = subscriber, .retry_ms = -1};
    bytes_print(&request,
                "GET /hc/coap://127.0.0.1:%u/%u HTTP/1.1\r\nHost: h\r\n"
                "Accept: text/event-stream\r\n\r\n",
                run.node.port, resource);
    http_client_note_request(subscriber->client, false);
    expect(http_client_send(subscriber->client, &world.gateway, request.data, request.length,
                            patience()),
           "a request cannot be sent");
    bytes_clear(&request);
    expect(epoll_ctl(run.epoll, EPOLL_CTL_ADD, subscriber->client->fd, &wish) == 0, "no epoll");
    if (subscriber->client->input.length > 0) /* it was read with the last of the sending */
        read_subscriber(subscriber);
}

/* Half of them close, the others vanish by a reset. */
static void end_subscriber(struct subscriber *subscriber, bool is_reset)
{
    struct linger linger = {.l_onoff = 1};
    if (is_reset)
        setsockopt(subscriber->client->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    http_client_free(subscriber->client);
    event_stream_clear(&subscriber->events);
}

/* Lets node and subscribers do what they can; waits for that until `until`. */
static void play_turn(double until)
{
    struct epoll_event events[256];
    expect(gateway_process_wait(&world.gateway, run.epoll, POLLIN, until),
           "nothing moves any more");
    int count = epoll_wait(run.epoll, events, sizeof events / sizeof *events, 0);
    for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == NULL)
            serve_node();
        else
            read_subscriber(events[i].data.ptr);
    }
}

static bool has_newest(const struct subscriber *subscriber)
{
    return subscriber->newest == run.resources[subscriber->resource].value;
}

static void play_until_all_have_the_newest(void)
{
    double until = patience();
    for (size_t i = 0; i < run.count; i++) {
        while (!has_newest(&run.subscribers[i]))
            play_turn(until);
    }
}

static void subscribe(size_t count)
{
    run.subscribers = bytes_allocate(count * sizeof *run.subscribers);
    for (run.count = 0; run.count < count;) {
        size_t end = run.count + BATCH < count ? run.count + BATCH : count;
        for (; run.count < end; run.count++)
            begin_subscriber(&run.subscribers[run.count], (unsigned)(run.count % RESOURCES));
        play_until_all_have_the_newest();
    }
}

static void change_all(unsigned states)
{
    for (unsigned state = 0; state < states; state++) {
        for (size_t i = 0; i < RESOURCES; i++) {
            run.resources[i].value++;
            send_value(&run.resources[i], MESSAGE_NON, run.node.next_mid++);
        }
    }
}

static void all_leave(void)
{
    for (size_t i = 0; i < run.count; i++)
        end_subscriber(&run.subscribers[i], i % 2 == 0);
    free(run.subscribers);
    run.count = 0;
}

/* --- what is looked at --- */

static size_t resident_bytes(void)
{
    char path[64], text[256];
    unsigned long kilobytes = 0;
    snprintf(path, sizeof path, "/proc/%ld/status", (long)world.gateway.pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(text, sizeof text, file) != NULL)
        sscanf(text, "VmRSS: %lu kB", &kilobytes);
    if (file != NULL)
        fclose(file);
    expect(kilobytes > 0, "%s does not tell it", path);
    return (size_t)kilobytes * 1024;
}

static void expect_clients(size_t count)
{
    char line[64];
    snprintf(line, sizeof line, "\ncoapgw_sse_clients %zu\n", count);
    expect_metric(line);
}

static void expect_all_states(void)
{
    for (size_t i = 0; i < run.count; i++)
        expect(run.subscribers[i].values == 1 + ROUNDS + BURST, "subscriber %zu got %zu of %d", i,
               run.subscribers[i].values, 1 + ROUNDS + BURST);
    for (size_t i = 0; i < RESOURCES; i++)
        expect(run.resources[i].registrations == 1, "%u registrations for one resource",
               run.resources[i].registrations);
}

/* --- the cases --- */

static void ten_thousand_get_every_state_and_leave_nothing_behind(size_t subscribers)
{
    double began = gateway_process_now();
    expect_clients(0);
    size_t before = resident_bytes();
    subscribe(subscribers);
    double subscribed = gateway_process_now();
    expect_clients(subscribers);
    for (unsigned round = 0; round < ROUNDS; round++) {
        change_all(1);
        play_until_all_have_the_newest();
    }
    change_all(BURST);
    play_until_all_have_the_newest();
    double told = gateway_process_now();
    expect_all_states();
    size_t each = (resident_bytes() - before) / subscribers;

    all_leave();
    double left = gateway_process_now();
    while (count_registered() > 0)
        play_turn(patience());
    printf("%zu subscribers: all there after %.1f s, %d states told in %.2f s, deregistered %.2f s "
           "after the last had left; %zu bytes each\n",
           subscribers, subscribed - began, ROUNDS + BURST, told - subscribed,
           gateway_process_now() - left, each);
    expect(each <= BYTES_EACH, "more than %d", BYTES_EACH);
    expect_clients(0);
    expect_metric("\ncoapgw_http_connections 1\n");
}

static void a_stop_ends_every_stream(size_t subscribers)
{
    subscribe(subscribers);
    kill(world.gateway.pid, SIGTERM);
    double until = patience();
    for (size_t i = 0; i < run.count; i++) {
        while (!run.subscribers[i].has_ended)
            play_turn(until);
        expect(run.subscribers[i].is_gone, "an end without a word");
    }
    all_leave();
}

static bool has_descriptors(size_t subscribers)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max < subscribers + SPARE_DESCRIPTORS)
        return false;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

int main(int argc, char **argv)
{
    size_t subscribers = argc > 2 ? strtoul(argv[2], NULL, 10) : SUBSCRIBERS;
    struct epoll_event wish = {.events = EPOLLIN};
    char configuration[512];
    if (!has_descriptors(subscribers)) {
        printf("SKIPPED: %zu descriptors are needed\n", subscribers + SPARE_DESCRIPTORS);
        return EXIT_SKIPPED;
    }
    world_begin(argc > 1 ? argv[1] : "./coapgw", "subscribers-XXXXXX");
    snprintf(configuration, sizeof configuration,
             "{ \"http\": { \"listen\": [\"127.0.0.1:0\"],\n"
             "    \"limits\": { \"connections\": %zu, \"streams\": %zu } },\n"
             "  \"coap\": { \"queue_per_node\": %d },\n"
             "  \"observe\": { \"registrations\": %d, \"registrations_per_node\": %d },\n"
             "  \"auth\": \"none\", \"access\": [ { \"targets\": [\"coap://127.0.0.1:*\"] } ] }\n",
             subscribers + 100, subscribers, RESOURCES, RESOURCES, RESOURCES);
    start_gateway_as(configuration);
    run.epoll = epoll_create1(EPOLL_CLOEXEC);
    open_node(&run.node, 0);
    for (size_t i = 0; i < RESOURCES; i++)
        run.resources[i].value = 1;
    expect(epoll_ctl(run.epoll, EPOLL_CTL_ADD, run.node.fd, &wish) == 0, "no epoll");

    ten_thousand_get_every_state_and_leave_nothing_behind(subscribers);
    a_stop_ends_every_stream(subscribers < AT_THE_STOP ? subscribers : AT_THE_STOP);
    expect(gateway_process_wait_end(&world.gateway, patience()) && world.gateway.exit_code == 0,
           "the gateway does not end with 0");
    close(run.node.fd);
    close(run.epoll);
    world_end();
    return EXIT_SUCCESS;
}
