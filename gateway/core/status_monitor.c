/* SPDX-License-Identifier: BSD-2-Clause */
#include "status_monitor.h"

/*
 * A table of monitors by their names, which are random enough to be the hash as well. A pending one
 * lives as long as its exchange, which always ends; a complete one until its time is over. Those
 * stand in the order in which they were completed, so one timer for the oldest serves all. Number
 * and bytes are bounded: what does not fit is not monitored.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "access.h"
#include "http_message.h"
#include "text.h"
#include "timers.h"

/* Without memory for the table a request is not monitored. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum { ID_BYTES = 16, SECOND_US = 1000000 };

struct status_monitor {
    uint8_t key[ID_BYTES];
    UT_hash_handle hh;
    TAILQ_ENTRY(status_monitor) entry; /* when complete */
    uint64_t principal;
    unsigned method;
    uint64_t began_us;
    uint64_t expires_us;
    bool is_complete;
    struct http_reply reply;
};

TAILQ_HEAD(monitor_list, status_monitor);

struct status_monitors {
    struct timers *timers;
    struct random_source random;
    struct status_monitor *by_key;
    struct monitor_list complete; /* the oldest first */
    size_t bytes;                 /* of bodies */
    struct timer expiry;          /* of the oldest */
};

static unsigned hash_key(const uint8_t key[ID_BYTES])
{
    unsigned hash;

    memcpy(&hash, key, sizeof hash);
    return hash;
}

static struct status_monitor *find_key(const struct status_monitors *monitors,
                                       const uint8_t key[ID_BYTES])
{
    struct status_monitor *monitor;

    HASH_FIND_BYHASHVALUE(hh, monitors->by_key, key, ID_BYTES, hash_key(key), monitor);
    return monitor;
}

/* `id` need not end behind the name. */
static struct status_monitor *find(const struct status_monitors *monitors, const char *id,
                                   size_t length)
{
    uint8_t key[ID_BYTES];
    size_t key_length;

    if (length != STATUS_MONITOR_ID_SIZE - 1 ||
        !text_from_hex(id, length, key, sizeof key, &key_length) || key_length != sizeof key)
        return NULL;
    return find_key(monitors, key);
}

static void free_monitor(struct status_monitors *monitors, struct status_monitor *monitor)
{
    HASH_DEL(monitors->by_key, monitor);
    if (monitor->is_complete)
        TAILQ_REMOVE(&monitors->complete, monitor, entry);
    monitors->bytes -= monitor->reply.body.length;
    http_reply_clear(&monitor->reply);
    free(monitor);
}

static void arm(struct status_monitors *monitors)
{
    const struct status_monitor *oldest = TAILQ_FIRST(&monitors->complete);
    uint64_t now_us = timers_now_us(monitors->timers);

    if (oldest != NULL && !monitors->expiry.is_armed)
        timers_arm(monitors->timers, &monitors->expiry,
                   oldest->expires_us > now_us ? oldest->expires_us - now_us : 0);
}

static void expire(void *handle)
{
    struct status_monitors *monitors = handle;
    struct status_monitor *monitor;

    while ((monitor = TAILQ_FIRST(&monitors->complete)) != NULL &&
           monitor->expires_us <= timers_now_us(monitors->timers))
        free_monitor(monitors, monitor);
    arm(monitors);
}

struct status_monitors *status_monitors_new(struct timers *timers,
                                            const struct random_source *random)
{
    struct status_monitors *monitors = calloc(1, sizeof *monitors);

    if (monitors == NULL)
        return NULL;
    monitors->timers = timers;
    monitors->random = *random;
    TAILQ_INIT(&monitors->complete);
    timer_init(&monitors->expiry, expire, monitors);
    return monitors;
}

void status_monitors_free(struct status_monitors *monitors)
{
    struct status_monitor *monitor, *next;

    if (monitors == NULL)
        return;
    timers_disarm(monitors->timers, &monitors->expiry);
    HASH_ITER(hh, monitors->by_key, monitor, next)
    {
        free_monitor(monitors, monitor);
    }
    free(monitors);
}

int status_monitors_add(struct status_monitors *monitors, const struct http_request *request,
                        unsigned method, char id[STATUS_MONITOR_ID_SIZE])
{
    struct status_monitor *monitor;

    if (HASH_COUNT(monitors->by_key) >= STATUS_MONITORS_MAX)
        return -1;
    monitor = calloc(1, sizeof *monitor);
    if (monitor == NULL)
        return -1;
    do
        random_bytes(&monitors->random, monitor->key, sizeof monitor->key);
    while (find_key(monitors, monitor->key) != NULL);
    HASH_ADD_BYHASHVALUE(hh, monitors->by_key, key, sizeof monitor->key, hash_key(monitor->key),
                         monitor);
    if (monitor->hh.tbl == NULL) {
        free(monitor);
        return -1;
    }
    monitor->principal = request->principal;
    monitor->method = method;
    monitor->began_us = timers_now_us(monitors->timers);
    http_reply_init(&monitor->reply, STATUS_MONITORS_BYTES_MAX);
    text_to_hex(monitor->key, sizeof monitor->key, id);
    return 0;
}

/* A result is not for caches: it goes with its monitor. What a node sent for HEAD is at most the
 * beginning of a representation, and no content. */
static void take_result(struct status_monitors *monitors, struct status_monitor *monitor,
                        struct http_reply *reply)
{
    bool has_room;

    if (monitor->method == HTTP_METHOD_HEAD)
        buffer_clear(&reply->body);
    has_room = reply->body.length <= STATUS_MONITORS_BYTES_MAX - monitors->bytes;
    monitor->reply.status = has_room ? reply->status : 503;
    for (size_t i = 0; has_room && i < reply->field_count; i++)
        (void)http_reply_add(&monitor->reply, reply->fields[i].name, "%s", reply->fields[i].value);
    http_reply_remove(&monitor->reply, "Cache-Control");
    (void)http_reply_add(&monitor->reply, "Cache-Control", "no-store");
    if (has_room) {
        monitor->reply.body = reply->body;
        buffer_init(&reply->body, reply->body.maximum);
    }
    monitors->bytes += monitor->reply.body.length;
}

void status_monitors_complete(struct status_monitors *monitors, const char *id,
                              struct http_reply *reply)
{
    struct status_monitor *monitor = find(monitors, id, strlen(id));

    if (monitor == NULL || monitor->is_complete)
        return;
    take_result(monitors, monitor, reply);
    monitor->is_complete = true;
    monitor->expires_us =
        timers_now_us(monitors->timers) + (uint64_t)STATUS_MONITOR_LIFE_S * SECOND_US;
    TAILQ_INSERT_TAIL(&monitors->complete, monitor, entry);
    arm(monitors);
}

static void write_pending(struct http_reply *reply, const char *id, double elapsed_s)
{
    reply->status = 202;
    (void)http_reply_add(reply, "Content-Type", "application/json");
    (void)http_reply_add(reply, "Cache-Control", "no-store");
    (void)http_reply_add(reply, "Retry-After", "1");
    (void)buffer_printf(&reply->body,
                        "{\"state\":\"pending\",\"elapsed\":%.3f,\"location\":\"%s%s\"}\n",
                        elapsed_s, STATUS_MONITOR_PATH, id);
}

void status_monitors_write_accepted(const char *id, struct http_reply *reply)
{
    write_pending(reply, id, 0);
    (void)http_reply_add(reply, "Location", "%s%s", STATUS_MONITOR_PATH, id);
    (void)http_reply_add(reply, "Preference-Applied", "respond-async");
}

static int copy_reply(const struct http_reply *from, struct http_reply *to)
{
    int failed = 0;

    to->status = from->status;
    for (size_t i = 0; i < from->field_count; i++)
        failed |= http_reply_add(to, from->fields[i].name, "%s", from->fields[i].value);
    if (from->body.length > 0)
        failed |= buffer_append(&to->body, from->body.data, from->body.length);
    to->has_unknown_length = from->has_unknown_length;
    return failed;
}

bool status_monitors_answer(const struct status_monitors *monitors,
                            const struct http_request *request, struct http_reply *reply)
{
    const char *id = request->target + strlen(STATUS_MONITOR_PATH);
    const struct status_monitor *monitor = find(monitors, id, strcspn(id, "?"));
    size_t body_maximum = reply->body.maximum;
    char text[STATUS_MONITOR_ID_SIZE];

    if (monitor == NULL || monitor->principal != request->principal ||
        !access_role_suffices(0, request->roles, monitor->method))
        return false;
    if (!monitor->is_complete) {
        text_to_hex(monitor->key, sizeof monitor->key, text);
        write_pending(reply, text,
                      (double)(timers_now_us(monitors->timers) - monitor->began_us) / SECOND_US);
        return true;
    }
    if (copy_reply(&monitor->reply, reply) != 0) {
        http_reply_clear(reply);
        http_reply_init(reply, body_maximum);
        reply->status = 503;
        (void)http_reply_add(reply, "Retry-After", "1");
    }
    return true;
}
