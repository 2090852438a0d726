/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * demo-node: a small CoAP server on libcoap's server side, the node of scripts/demo and one of the
 * real peers of the tests. It shows what constrained nodes usually offer: a light, a sensor that
 * changes, a log that needs blocks, an answer that takes its time, a resource guarded by entity
 * tags, one that is absent and one with two formats. It is no part of the gateway.
 *
 *     demo-node [-A address] [-p port] [-t MILLISECONDS]
 *
 * Port 0: the kernel chooses; the ready line tells. The temperature takes a step every 5 s, or so
 * often.
 */

#include <coap3/coap.h>

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define LOG_BYTES      20000
#define TEMPERATURE_MS 5000
#define SLOW_SECONDS   1
#define FORMAT_TEXT    0
#define FORMAT_JSON    50
#define FORMAT_CBOR    60

struct demo_node {
    coap_context_t *context;
    coap_resource_t *light_resource;
    coap_resource_t *temperature_resource;
    char light[32];
    char guarded[256];
    uint64_t guarded_version; /* the entity tag of guarded */
    unsigned ticks;           /* steps of the temperature */
    unsigned step_ms;         /* from one step to the next */
    uint8_t log[LOG_BYTES];
};

static void add_uint_option(coap_pdu_t *pdu, coap_option_num_t number, unsigned value)
{
    uint8_t bytes[4];
    coap_add_option(pdu, number, coap_encode_var_safe(bytes, sizeof(bytes), value), bytes);
}

static void answer_text(coap_pdu_t *response, const char *text)
{
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
    add_uint_option(response, COAP_OPTION_CONTENT_FORMAT, FORMAT_TEXT);
    coap_add_data(response, strlen(text), (const uint8_t *)text);
}

/* Keeps a request's payload as text of at most size - 1 bytes; false when it does not fit. */
static int keep_payload(const coap_pdu_t *request, char *text, size_t size)
{
    size_t length = 0;
    const uint8_t *data = NULL;
    if (!coap_get_data(request, &length, &data))
        length = 0;
    if (length >= size)
        return 0;
    if (length > 0)
        memcpy(text, data, length);
    text[length] = '\0';
    return 1;
}

static void get_light(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
                      const coap_string_t *query, coap_pdu_t *response)
{
    const struct demo_node *node = coap_resource_get_userdata(resource);
    (void)session, (void)request, (void)query;
    answer_text(response, node->light);
}

static void put_light(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
                      const coap_string_t *query, coap_pdu_t *response)
{
    struct demo_node *node = coap_resource_get_userdata(resource);
    (void)session, (void)query;
    if (!keep_payload(request, node->light, sizeof(node->light))) {
        coap_pdu_set_code(response, COAP_RESPONSE_CODE_REQUEST_TOO_LARGE);
        return;
    }
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
    coap_resource_notify_observers(resource, NULL);
}

/* A triangle between 20.0 and 22.0 degrees: it changes with every step and needs no clock. Max-Age
 * reaches over the next step, lest an observer finds the value stale when a notification is late.
 */
static void get_temperature(coap_resource_t *resource, coap_session_t *session,
                            const coap_pdu_t *request, const coap_string_t *query,
                            coap_pdu_t *response)
{
    const struct demo_node *node = coap_resource_get_userdata(resource);
    unsigned phase = node->ticks % 40;
    unsigned tenths = 200 + (phase < 20 ? phase : 40 - phase);
    char text[16];
    (void)session, (void)request, (void)query;
    snprintf(text, sizeof(text), "%u.%u", tenths / 10, tenths % 10);
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
    add_uint_option(response, COAP_OPTION_CONTENT_FORMAT, FORMAT_TEXT);
    add_uint_option(response, COAP_OPTION_MAXAGE, node->step_ms * 2 / 1000 + 1);
    coap_add_data(response, strlen(text), (const uint8_t *)text);
}

static void get_log(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
                    const coap_string_t *query, coap_pdu_t *response)
{
    struct demo_node *node = coap_resource_get_userdata(resource);
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
    coap_add_data_large_response(resource, session, request, response, query, FORMAT_TEXT, -1, 1,
                                 sizeof(node->log), node->log, NULL, NULL);
}

/* Called twice: the first time libcoap sends the empty ACK because no code is set, the second time,
 * when the delay is over, it sends the response as a message of its own. */
static void get_slow(coap_resource_t *resource, coap_session_t *session, const coap_pdu_t *request,
                     const coap_string_t *query, coap_pdu_t *response)
{
    (void)resource, (void)query;
    if (coap_find_async(session, coap_pdu_get_token(request)) == NULL) {
        if (coap_register_async(session, request, SLOW_SECONDS * COAP_TICKS_PER_SECOND) == NULL)
            coap_pdu_set_code(response, COAP_RESPONSE_CODE_SERVICE_UNAVAILABLE);
        return;
    }
    answer_text(response, "at last");
}

static void add_guarded_etag(const struct demo_node *node, coap_pdu_t *response)
{
    uint8_t tag[8];
    coap_add_option(response, COAP_OPTION_ETAG,
                    coap_encode_var_safe8(tag, sizeof(tag), node->guarded_version), tag);
}

static void get_guarded(coap_resource_t *resource, coap_session_t *session,
                        const coap_pdu_t *request, const coap_string_t *query, coap_pdu_t *response)
{
    const struct demo_node *node = coap_resource_get_userdata(resource);
    (void)session, (void)request, (void)query;
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
    add_guarded_etag(node, response);
    add_uint_option(response, COAP_OPTION_CONTENT_FORMAT, FORMAT_TEXT);
    coap_add_data(response, strlen(node->guarded), (const uint8_t *)node->guarded);
}

/* RFC 7252 5.10.8.1: an empty If-Match matches whatever exists, otherwise one of the tags must. */
static int if_match_holds(const struct demo_node *node, const coap_pdu_t *request)
{
    uint8_t tag[8];
    size_t tag_length = coap_encode_var_safe8(tag, sizeof(tag), node->guarded_version);
    coap_opt_iterator_t walk;
    coap_opt_filter_t filter;
    coap_option_filter_clear(&filter);
    coap_option_filter_set(&filter, COAP_OPTION_IF_MATCH);
    coap_option_iterator_init(request, &walk, &filter);
    for (coap_opt_t *option; (option = coap_option_next(&walk)) != NULL;) {
        size_t length = coap_opt_length(option);
        if (length == 0)
            return 1;
        if (length == tag_length && memcmp(coap_opt_value(option), tag, length) == 0)
            return 1;
    }
    return 0;
}

static void put_guarded(coap_resource_t *resource, coap_session_t *session,
                        const coap_pdu_t *request, const coap_string_t *query, coap_pdu_t *response)
{
    struct demo_node *node = coap_resource_get_userdata(resource);
    (void)session, (void)query;
    if (!if_match_holds(node, request)) {
        coap_pdu_set_code(response, COAP_RESPONSE_CODE_PRECONDITION_FAILED);
        return;
    }
    if (!keep_payload(request, node->guarded, sizeof(node->guarded))) {
        coap_pdu_set_code(response, COAP_RESPONSE_CODE_REQUEST_TOO_LARGE);
        return;
    }
    node->guarded_version++;
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_CHANGED);
    add_guarded_etag(node, response);
}

static void answer_absent(coap_resource_t *resource, coap_session_t *session,
                          const coap_pdu_t *request, const coap_string_t *query,
                          coap_pdu_t *response)
{
    static const char diagnostic[] = "no such sensor";
    (void)resource, (void)session, (void)request, (void)query;
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_NOT_FOUND);
    coap_add_data(response, sizeof(diagnostic) - 1, (const uint8_t *)diagnostic);
}

static void get_reading(coap_resource_t *resource, coap_session_t *session,
                        const coap_pdu_t *request, const coap_string_t *query, coap_pdu_t *response)
{
    static const char json[] = "{\"t\":21.5}";
    static const uint8_t cbor[] = {0xa1, 0x61, 't', 0xf9, 0x4d, 0x60}; /* {"t": 21.5} */
    unsigned format = FORMAT_JSON;
    coap_opt_iterator_t walk;
    coap_opt_t *accept = coap_check_option(request, COAP_OPTION_ACCEPT, &walk);
    (void)resource, (void)session, (void)query;
    if (accept != NULL)
        format = coap_decode_var_bytes(coap_opt_value(accept), coap_opt_length(accept));
    if (format != FORMAT_JSON && format != FORMAT_CBOR) {
        coap_pdu_set_code(response, COAP_RESPONSE_CODE_NOT_ACCEPTABLE);
        return;
    }
    coap_pdu_set_code(response, COAP_RESPONSE_CODE_CONTENT);
    add_uint_option(response, COAP_OPTION_CONTENT_FORMAT, format);
    if (format == FORMAT_JSON)
        coap_add_data(response, sizeof(json) - 1, (const uint8_t *)json);
    else
        coap_add_data(response, sizeof(cbor), cbor);
}

static coap_resource_t *add_resource(struct demo_node *node, const char *path, const char *type,
                                     coap_method_handler_t get, coap_method_handler_t put)
{
    coap_str_const_t *name = coap_new_str_const((const uint8_t *)path, strlen(path));
    coap_resource_t *resource =
        name == NULL ? NULL : coap_resource_init(name, COAP_RESOURCE_FLAGS_RELEASE_URI);
    if (resource == NULL)
        return NULL;
    coap_resource_set_userdata(resource, node);
    coap_register_request_handler(resource, COAP_REQUEST_GET, get);
    if (put != NULL)
        coap_register_request_handler(resource, COAP_REQUEST_PUT, put);
    coap_str_const_t *value = coap_new_str_const((const uint8_t *)type, strlen(type));
    if (value != NULL)
        coap_add_attr(resource, coap_make_str_const("rt"), value, COAP_ATTR_FLAGS_RELEASE_VALUE);
    coap_add_resource(node->context, resource);
    return resource;
}

static int add_resources(struct demo_node *node)
{
    node->light_resource =
        add_resource(node, "kitchen/light", "\"demo.light\"", get_light, put_light);
    node->temperature_resource =
        add_resource(node, "temperature", "\"demo.temperature\"", get_temperature, NULL);
    if (node->light_resource == NULL || node->temperature_resource == NULL)
        return 0;
    coap_resource_set_get_observable(node->light_resource, 1);
    coap_resource_set_get_observable(node->temperature_resource, 1);
    return add_resource(node, "log", "\"demo.log\"", get_log, NULL) != NULL &&
           add_resource(node, "slow", "\"demo.slow\"", get_slow, NULL) != NULL &&
           add_resource(node, "guarded", "\"demo.guarded\"", get_guarded, put_guarded) != NULL &&
           add_resource(node, "absent", "\"demo.absent\"", answer_absent, answer_absent) != NULL &&
           add_resource(node, "reading", "\"demo.reading\"", get_reading, NULL) != NULL;
}

static void fill_log(struct demo_node *node)
{
    char line[41];
    for (size_t at = 0; at < sizeof(node->log); at += 40) {
        snprintf(line, sizeof(line), "line %03zu: all is well in every kitchen.\n", at / 40);
        memcpy(node->log + at, line, 40);
    }
}

/* libcoap binds with SO_REUSEADDR, which lets two servers share a UDP port without a word; a plain
 * socket finds out. */
static int is_taken(const coap_address_t *local)
{
    int probe = socket(local->addr.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int taken = probe >= 0 && bind(probe, &local->addr.sa, local->size) < 0 && errno == EADDRINUSE;
    if (probe >= 0)
        close(probe);
    return taken;
}

/* The ready line carries the port that the kernel gave. */
static int listen_on(struct demo_node *node, const char *address, unsigned long port)
{
    coap_address_t local;
    coap_address_init(&local);
    if (inet_pton(AF_INET, address, &local.addr.sin.sin_addr) == 1) {
        local.size = sizeof(local.addr.sin);
        local.addr.sin.sin_family = AF_INET;
        local.addr.sin.sin_port = htons((uint16_t)port);
    } else if (inet_pton(AF_INET6, address, &local.addr.sin6.sin6_addr) == 1) {
        local.size = sizeof(local.addr.sin6);
        local.addr.sin6.sin6_family = AF_INET6;
        local.addr.sin6.sin6_port = htons((uint16_t)port);
    } else {
        fprintf(stderr, "demo-node: %s is no IP address\n", address);
        return EXIT_FAILURE;
    }
    coap_endpoint_t *endpoint =
        is_taken(&local) ? NULL : coap_new_endpoint(node->context, &local, COAP_PROTO_UDP);
    if (endpoint == NULL) {
        fprintf(stderr, "demo-node: cannot listen on UDP port %lu of %s: is it taken?\n", port,
                address);
        return EXIT_FAILURE;
    }
    const char *name = coap_endpoint_str(endpoint); /* "127.0.0.1:5683 UDP" */
    printf("demo-node: ready on coap://%.*s\n", (int)strcspn(name, " "), name);
    fflush(stdout);
    return EXIT_SUCCESS;
}

/* Serves until SIGINT or SIGTERM. */
static int serve(struct demo_node *node)
{
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    int stop = signalfd(-1, &signals, SFD_CLOEXEC);
    int tick = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    const struct timespec step = {node->step_ms / 1000, node->step_ms % 1000 * 1000000};
    const struct itimerspec period = {step, step};
    struct pollfd waits[] = {
        {coap_context_get_coap_fd(node->context), POLLIN, 0}, {tick, POLLIN, 0}, {stop, POLLIN, 0}};
    int result = EXIT_FAILURE;
    if (stop < 0 || tick < 0 || waits[0].fd < 0 || timerfd_settime(tick, 0, &period, NULL) < 0) {
        fprintf(stderr, "demo-node: %s\n", strerror(errno));
        goto out;
    }
    while (!(waits[2].revents & POLLIN)) {
        uint64_t expirations = 0;
        if (poll(waits, 3, -1) < 0 && errno != EINTR)
            goto out;
        if ((waits[1].revents & POLLIN) && read(tick, &expirations, sizeof(expirations)) > 0) {
            node->ticks += (unsigned)expirations;
            coap_resource_notify_observers(node->temperature_resource, NULL);
        }
        coap_io_process(node->context, COAP_IO_NO_WAIT);
    }
    result = EXIT_SUCCESS;
out:
    if (tick >= 0)
        close(tick);
    if (stop >= 0)
        close(stop);
    return result;
}

static bool read_number(const char *text, unsigned long most, unsigned long *number)
{
    char *end;
    *number = strtoul(text, &end, 10);
    return *text != '\0' && *end == '\0' && *number <= most;
}

int main(int argc, char **argv)
{
    const char *address = "127.0.0.1";
    unsigned long port = 5683, step_ms = TEMPERATURE_MS;
    for (int option; (option = getopt(argc, argv, "A:p:t:")) != -1;) {
        bool good = option != '?';
        if (option == 'A')
            address = optarg;
        else if (option == 'p')
            good = read_number(optarg, 65535, &port);
        else if (option == 't')
            good = read_number(optarg, 3600000, &step_ms) && step_ms > 0;
        if (!good) {
            fprintf(stderr, "usage: demo-node [-A address] [-p port] [-t milliseconds]\n");
            return 64;
        }
    }
    struct demo_node *node = calloc(1, sizeof(*node));
    if (node == NULL)
        return EXIT_FAILURE;
    node->step_ms = (unsigned)step_ms;
    snprintf(node->light, sizeof(node->light), "off");
    snprintf(node->guarded, sizeof(node->guarded), "first");
    node->guarded_version = 1;
    fill_log(node);
    coap_startup();
    coap_set_log_level(LOG_EMERG);
    node->context = coap_new_context(NULL);
    int result = EXIT_FAILURE;
    if (node->context != NULL) {
        coap_context_set_block_mode(node->context, COAP_BLOCK_USE_LIBCOAP | COAP_BLOCK_SINGLE_BODY);
        if (!add_resources(node))
            fprintf(stderr, "demo-node: out of memory\n");
        else if (listen_on(node, address, port) == EXIT_SUCCESS)
            result = serve(node);
        coap_free_context(node->context);
    }
    coap_cleanup();
    free(node);
    return result;
}
