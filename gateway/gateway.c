/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gateway: makes the parts of the daemon, wires them, and runs the loop. One thread, one loop: what
 * comes in (datagrams, HTTP, answers of the resolver, signals, due timers) is worked on in its
 * turn, and at the end of each turn gateway_turn_end() sends what was queued, so that an answer
 * leaves in the turn in which it came. It also owns the life of the process: start, reload at
 * SIGHUP, and the orderly stop at SIGTERM.
 */
#include "gateway.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "blockwise.h"
#include "buffer.h"
#include "capability.h"
#include "channel_udp.h"
#include "core.h"
#include "helper_thread.h"
#include "http_server.h"
#include "kept_ports.h"
#include "loop.h"
#include "memory_account.h"
#include "message_layer.h"
#include "metrics.h"
#include "observe.h"
#include "policy.h"
#include "request_layer.h"
#include "resolver_thread.h"
#include "secure_random.h"
#include "service_manager.h"
#include "timers.h"

enum {
    DRAIN_US = 5 * 1000 * 1000, /* what has not been answered by then gets 503 */
    REFUSE_US = 1000 * 1000,    /* for sending these */
    ERRORS_MAXIMUM = 1 << 20,
    ENDPOINTS_MAXIMUM = 20000,   /* addresses with a live message ID history */
    SPARE_DESCRIPTORS = 64,      /* beside those of HTTP connections */
    CONNECTIONS_PER_SPARE = 128, /* libmicrohttpd takes one for every 256 */
};

struct gateway {
    const struct gateway_options *options;
    struct config *config; /* owned: the one that the sockets were opened with */
    struct log *log;
    struct timers *timers;
    struct loop *loop;
    struct secure_random *random;
    struct channel_udp *channel;
    struct memory_account memory;
    struct request_layer *requests;
    struct capability_table *capabilities;
    struct blockwise *blockwise;
    struct observe *observe;
    struct helper_thread *helper;
    struct resolver_thread *resolver;
    struct core *core;
    struct http_server *server;
    struct timer drain_timer;
    bool is_draining; /* a signal came */
    bool is_refusing; /* its time is over */
};

static uint64_t wall_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static bool is_self(void *handle, const struct endpoint_address *address)
{
    const struct gateway *gateway = handle;

    return channel_udp_is_self(gateway->channel, address);
}

/* -v and -q win over the configuration. */
static enum log_level chosen_level(const struct gateway *gateway, const struct config *config)
{
    int verbosity = gateway->options->verbosity;

    if (verbosity > 0)
        return LOG_LEVEL_DEBUG;
    if (verbosity < 0)
        return verbosity == -1 ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR;
    return config->log_level;
}

/* True when standard error is the journal's stream that JOURNAL_STREAM names ("device:inode"): the
 * variable is inherited by processes whose standard error goes elsewhere. */
static bool is_journal(void)
{
    const char *named = getenv("JOURNAL_STREAM");
    struct stat status;
    char actual[64];

    if (named == NULL || fstat(STDERR_FILENO, &status) != 0)
        return false;
    snprintf(actual, sizeof actual, "%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    return strcmp(named, actual) == 0;
}

/* Logs each line of `text` by itself. */
static void log_lines(struct log *log, enum log_level level, const char *text)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");

        log_write(log, level, "%.*s", (int)length, text);
        text += length + (text[length] == '\n' ? 1 : 0);
    }
}

/* Every connection takes a descriptor: raises the soft limit as far as the system lets us. */
static void raise_descriptor_limit(struct gateway *gateway, const struct http_limits *limits)
{
    rlim_t wanted =
        limits->connections + limits->connections / CONNECTIONS_PER_SPARE + SPARE_DESCRIPTORS;
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < wanted)
        log_write(gateway->log, LOG_LEVEL_WARNING,
                  "http.limits.connections: %u connections are allowed, but the system gives only "
                  "%ju descriptors",
                  limits->connections, (uintmax_t)limit.rlim_cur);
}

static void warn_of_openness(struct gateway *gateway, const struct policy *policy)
{
    if (policy->is_open)
        log_write(gateway->log, LOG_LEVEL_WARNING,
                  "auth: \"none\" lets every client that can connect read and write");
}

/* The work that is left at the end of a turn, in the order in which it causes more of it:
 * libmicrohttpd sends the answers that came and reads requests, whose datagrams then leave; when
 * our own system refuses one of these, there is an answer again, and another turn follows at once.
 */
static bool gateway_turn_end(void *handle)
{
    struct gateway *gateway = handle;
    bool wants_turn = http_server_run(gateway->server);

    wants_turn |= channel_udp_flush(gateway->channel);
    core_reap(gateway->core);
    if (gateway->is_draining && http_server_connections(gateway->server) == 0)
        loop_stop(gateway->loop);
    return wants_turn;
}

/* The time for answering is over. What is parked gets its 503 and a moment to send it; after that
 * nothing is waited for. */
static void drain_ended(void *handle)
{
    struct gateway *gateway = handle;

    if (gateway->is_refusing) {
        loop_stop(gateway->loop);
        return;
    }
    gateway->is_refusing = true;
    log_write(gateway->log, LOG_LEVEL_WARNING, "stopping: %zu connections still wait",
              http_server_connections(gateway->server));
    core_refuse_waiting(gateway->core);
    timers_arm(gateway->timers, &gateway->drain_timer, REFUSE_US);
}

static void stop_caught(void *handle, int number)
{
    struct gateway *gateway = handle;

    if (gateway->is_draining) {
        log_write(gateway->log, LOG_LEVEL_INFO, "stopping at once: second signal %d", number);
        loop_stop(gateway->loop);
        return;
    }
    log_write(gateway->log, LOG_LEVEL_INFO, "stopping: signal %d, %zu connections", number,
              http_server_connections(gateway->server));
    service_manager_tell("STOPPING=1");
    gateway->is_draining = true;
    core_set_draining(gateway->core);
    http_server_drain(gateway->server);
    timers_arm(gateway->timers, &gateway->drain_timer, DRAIN_US);
}

static bool listens_elsewhere(const struct config *a, const struct config *b)
{
    if (a->listen_count != b->listen_count)
        return true;
    for (size_t i = 0; i < a->listen_count; i++)
        if (strcmp(a->listen[i], b->listen[i]) != 0)
            return true;
    return false;
}

static bool binds_elsewhere(const struct config *a, const struct config *b)
{
    return a->has_bind != b->has_bind ||
           (a->has_bind && !endpoint_address_equal(&a->bind, &b->bind));
}

static bool keeps_elsewhere(const struct config *a, const struct config *b)
{
    if (a->state_folder == NULL || b->state_folder == NULL)
        return a->state_folder != b->state_folder;
    return strcmp(a->state_folder, b->state_folder) != 0;
}

/* Puts the policy and the limits of `config` in force; what the sockets need stays. 0 or -1. */
static int apply(struct gateway *gateway, struct config *config)
{
    struct policy *policy = config_take_policy(config);

    if (core_set_policy(gateway->core, policy) != 0) {
        policy_release(policy);
        log_write(gateway->log, LOG_LEVEL_ERROR, "configuration: not enough memory");
        return -1;
    }
    log_configure(gateway->log, chosen_level(gateway, config), config->log_format);
    raise_descriptor_limit(gateway, &config->limits);
    http_server_configure(gateway->server, &config->limits);
    if (listens_elsewhere(gateway->config, config))
        log_write(gateway->log, LOG_LEVEL_WARNING,
                  "http.listen: the new addresses need a restart, the old ones stay");
    if (binds_elsewhere(gateway->config, config))
        log_write(gateway->log, LOG_LEVEL_WARNING,
                  "coap.bind: the new address needs a restart, the old one stays");
    if (keeps_elsewhere(gateway->config, config))
        log_write(gateway->log, LOG_LEVEL_WARNING,
                  "state: the new folder needs a restart, the old one stays");
    warn_of_openness(gateway, policy);
    return 0;
}

static void reload_caught(void *handle, int number)
{
    struct gateway *gateway = handle;
    struct metrics *metrics = core_metrics(gateway->core);
    struct config *config;
    struct buffer errors;
    bool is_loaded = false;

    (void)number;
    if (gateway->is_draining) {
        log_write(gateway->log, LOG_LEVEL_INFO, "configuration: not loaded anew while stopping");
        return;
    }
    service_manager_tell_reloading();
    buffer_init(&errors, ERRORS_MAXIMUM);
    config = config_load(gateway->options->config_path, &errors);
    if (config == NULL)
        log_lines(gateway->log, LOG_LEVEL_ERROR, buffer_text(&errors));
    else
        is_loaded = apply(gateway, config) == 0;
    metrics_set(metrics, METRIC_CONFIG_RELOADED, is_loaded ? 1 : 0);
    if (is_loaded)
        log_write(gateway->log, LOG_LEVEL_INFO, "configuration: loaded anew from %s",
                  gateway->options->config_path);
    else
        log_write(gateway->log, LOG_LEVEL_ERROR, "configuration: the old one stays in force");
    config_free(config);
    buffer_clear(&errors);
    service_manager_tell("READY=1");
}

/* Opens the UDP sockets, at the ports of the last run if these were kept and are free. NULL with
 * errno. */
static struct channel_udp *open_channel(struct gateway *gateway)
{
    const struct config *config = gateway->config;
    struct channel_udp_options options = {.loop = gateway->loop, .log = gateway->log};
    struct kept_ports kept = {0};
    struct channel_udp *channel;
    unsigned ipv4, ipv6;

    options.bind = config->has_bind ? &config->bind : NULL;
    if (config->state_folder != NULL)
        kept = kept_ports_read(config->state_folder, gateway->log);
    options.ports[0] = kept.ipv4;
    options.ports[1] = kept.ipv6;
    errno = 0;
    channel = channel_udp_new(&options);
    if (channel == NULL || config->state_folder == NULL)
        return channel;
    ipv4 = channel_udp_port(channel, 4);
    ipv6 = channel_udp_port(channel, 6);
    /* A family that is missing today may be there again tomorrow. */
    if (ipv4 != 0)
        kept.ipv4 = (uint16_t)ipv4;
    if (ipv6 != 0)
        kept.ipv6 = (uint16_t)ipv6;
    kept_ports_write(config->state_folder, &kept, gateway->log);
    return channel;
}

/* The parts below the core: time, loop, randomness, UDP. 0 or an exit code. */
static int make_ground(struct gateway *gateway)
{
    gateway->timers = timers_new();
    if (gateway->timers == NULL)
        return EX_OSERR;
    gateway->loop = loop_new(gateway->timers);
    gateway->random = secure_random_new();
    if (gateway->loop == NULL || gateway->random == NULL)
        return EX_OSERR;
    gateway->channel = open_channel(gateway);
    if (gateway->channel == NULL)
        return errno == EADDRINUSE ? EX_UNAVAILABLE : EX_OSERR;
    return 0;
}

static int make_request_layer(struct gateway *gateway)
{
    struct random_source random = secure_random_source(gateway->random);
    struct request_layer_options options = {
        .message =
            {
                .timers = gateway->timers,
                .random = random,
                .channel = channel_udp_channel(gateway->channel),
                .log = gateway->log,
                .maximum_endpoints = ENDPOINTS_MAXIMUM,
            },
        .token_random = random,
        .maximum_requests = gateway->config->policy->outstanding,
    };
    struct channel_events events;

    gateway->requests = request_layer_new(&options);
    if (gateway->requests == NULL)
        return EX_OSERR;
    events = message_layer_channel_events(request_layer_messages(gateway->requests));
    channel_udp_set_events(gateway->channel, &events);
    return 0;
}

static int make_blockwise(struct gateway *gateway)
{
    struct random_source random = secure_random_source(gateway->random);
    struct blockwise_options options = {
        .timers = gateway->timers, .requests = gateway->requests, .random = random};

    gateway->capabilities = capability_table_new(gateway->timers, &random);
    if (gateway->capabilities == NULL)
        return EX_OSERR;
    options.capabilities = gateway->capabilities;
    options.memory = &gateway->memory;
    gateway->blockwise = blockwise_new(&options);
    return gateway->blockwise == NULL ? EX_OSERR : 0;
}

static int make_observe(struct gateway *gateway)
{
    struct observe_options options = {
        .timers = gateway->timers,
        .requests = gateway->requests,
        .blockwise = gateway->blockwise,
        .capabilities = gateway->capabilities,
        .random = secure_random_source(gateway->random),
        .memory = &gateway->memory,
    };

    gateway->observe = observe_new(&options);
    return gateway->observe == NULL ? EX_OSERR : 0;
}

static int make_core(struct gateway *gateway)
{
    struct core_options options = {
        .timers = gateway->timers,
        .log = gateway->log,
        .random = secure_random_source(gateway->random),
        .requests = gateway->requests,
        .blockwise = gateway->blockwise,
        .observe = gateway->observe,
        .north = &http_server_north_ops,
        .memory = &gateway->memory,
        .wall_ms = wall_ms,
        .is_self = is_self,
        .is_self_handle = gateway,
    };
    struct policy *policy;

    gateway->helper = helper_thread_new(gateway->loop);
    if (gateway->helper == NULL)
        return EX_OSERR;
    gateway->resolver = resolver_thread_new(gateway->helper);
    if (gateway->resolver == NULL)
        return EX_OSERR;
    options.resolver = resolver_thread_resolver(gateway->resolver);
    gateway->core = core_new(&options);
    if (gateway->core == NULL)
        return EX_OSERR;
    policy = config_take_policy(gateway->config);
    if (core_set_policy(gateway->core, policy) != 0) {
        policy_release(policy);
        return EX_OSERR;
    }
    metrics_set(core_metrics(gateway->core), METRIC_CONFIG_RELOADED, 1);
    warn_of_openness(gateway, policy);
    return 0;
}

/* Opens the listeners. One on an IPv6 address may be missing on a host without IPv6. */
static int listen_all(struct gateway *gateway)
{
    size_t listening = 0;

    for (size_t i = 0; i < gateway->config->listen_count; i++) {
        const char *address = gateway->config->listen[i];
        int error = -http_server_listen(gateway->server, address);

        if (error == 0) {
            listening++;
        } else if (strncmp(address, "[::1]:", 6) == 0 &&
                   (error == EADDRNOTAVAIL || error == EAFNOSUPPORT)) {
            log_write(gateway->log, LOG_LEVEL_INFO, "not listening on %s: %s", address,
                      strerror(error));
        } else {
            log_write(gateway->log, LOG_LEVEL_ERROR, "cannot listen on %s: %s", address,
                      strerror(error));
            return error == EADDRINUSE ? EX_UNAVAILABLE : EX_OSERR;
        }
    }
    return listening > 0 ? 0 : EX_OSERR;
}

static int make_server(struct gateway *gateway)
{
    struct http_server_options options = {
        .loop = gateway->loop,
        .timers = gateway->timers,
        .log = gateway->log,
        .random = secure_random_source(gateway->random),
        .core = gateway->core,
        .limits = gateway->config->limits,
    };

    gateway->server = http_server_new(&options);
    return gateway->server == NULL ? EX_OSERR : 0;
}

static int catch_signals(struct gateway *gateway)
{
    /* A peer that closes its end is told by EPIPE. */
    if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
        return EX_OSERR;
    if (loop_signal(gateway->loop, SIGTERM, stop_caught, gateway) != 0 ||
        loop_signal(gateway->loop, SIGINT, stop_caught, gateway) != 0 ||
        loop_signal(gateway->loop, SIGHUP, reload_caught, gateway) != 0 ||
        loop_add_turn_end(gateway->loop, gateway_turn_end, gateway) != 0)
        return EX_OSERR;
    return 0;
}

/* Makes every part, from below upwards, and opens the listeners last: who can connect is served. 0
 * or an exit code. */
static int start(struct gateway *gateway)
{
    static int (*const steps[])(struct gateway *) = {
        make_ground, make_request_layer, make_blockwise, make_observe,
        make_core,   make_server,        catch_signals,  listen_all,
    };

    timer_init(&gateway->drain_timer, drain_ended, gateway);
    raise_descriptor_limit(gateway, &gateway->config->limits);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        int result = steps[i](gateway);

        if (result != 0)
            return result;
    }
    service_manager_tell("READY=1");
    return 0;
}

/* Frees from above downwards: whoever is freed may still use what stands below it. */
static void clear(struct gateway *gateway)
{
    if (gateway->timers != NULL)
        timers_disarm(gateway->timers, &gateway->drain_timer);
    http_server_free(gateway->server);
    core_free(gateway->core);
    resolver_thread_free(gateway->resolver);
    helper_thread_free(gateway->helper);
    observe_free(gateway->observe);
    blockwise_free(gateway->blockwise);
    capability_table_free(gateway->capabilities);
    request_layer_free(gateway->requests);
    channel_udp_free(gateway->channel);
    secure_random_free(gateway->random);
    loop_free(gateway->loop);
    timers_free(gateway->timers);
    config_free(gateway->config);
    log_free(gateway->log);
}

int gateway_run(struct config *config, const struct gateway_options *options)
{
    struct gateway gateway = {.options = options, .config = config};
    int result = EX_OSERR;

    gateway.log =
        log_new(stderr, chosen_level(&gateway, config), config->log_format, is_journal(), wall_ms);
    if (gateway.log != NULL)
        result = start(&gateway);
    if (result == 0 && loop_run(gateway.loop) != 0)
        result = EX_OSERR;
    if (result == 0) {
        log_write(gateway.log, LOG_LEVEL_INFO, "stopped");
    } else if (result == EX_OSERR) {
        log_write(gateway.log, LOG_LEVEL_ERROR, "ended: the system refuses what is needed");
    }
    clear(&gateway);
    return result;
}
