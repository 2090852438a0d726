/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include <stdio.h>
#include <string.h>

#include "exchange.h"
#include "status_monitor.h"

/*
 * client_monitor: the client that did not want to wait (Prefer: respond-async) asks the status
 * monitor of its request from time to time, until the result is there. That is then measured as any
 * other reply is.
 */

enum { S = 1000000 };

static void asks(void *handle, void *subject);

static void ask_later(struct asking *asking)
{
    struct world *world = asking->world;

    world_later(world, dice_spread(&world->client_dice, 1000, 300 * (uint64_t)S), asks, world,
                asking);
}

static void judge_result(struct asking *asking, const struct http_reply *reply)
{
    struct world *world = asking->world;
    bool is_old = world->now_us - asking->answered_us > STATUS_MONITOR_LIFE_S * (uint64_t)S;

    judge_tell(world->judge, "request %u: its monitor says %u", asking->tag, reply->status);
    judge_that(world->judge, INVARIANT_MONITOR,
               reply->status != 404 || is_old || asking->method != HTTP_METHOD_POST ||
                   world->scenario.memory_per_million > 0,
               "request %u: its monitor has gone", asking->tag);
    if (reply->status == 202) {
        ask_later(asking);
    } else if (reply->status != 404 || !is_old) {
        asking->is_fetched = true;
        client_judge_reply(asking, reply);
    }
}

static void asks(void *handle, void *subject)
{
    struct world *world = handle;
    struct asking *asking = subject;
    struct http_request request = {
        .method = HTTP_METHOD_GET,
        .method_text = "GET",
        .target = asking->monitor,
        .roles = ROLE_READ | ROLE_WRITE,
        .client = "192.0.2.1",
        .client_key = 1,
        .id = "sim",
    };
    uint64_t id = 0;

    if (world->clients_done_us != 0 || world->is_draining)
        return;
    world->is_inside = true;
    enum exchange_progress progress = exchange_begin(world->core, &request, asking, &id);
    world->is_inside = false;
    if (progress == EXCHANGE_ANSWERED)
        judge_result(asking, exchange_reply(world->core, id));
    exchange_detach(world->core, id);
}

void client_fetch_later(struct asking *asking, const struct http_reply *accepted)
{
    const char *location = http_reply_field(accepted, "Location");
    bool is_usable = location != NULL && strlen(location) < sizeof asking->monitor;

    judge_that(asking->world->judge, INVARIANT_MONITOR, is_usable,
               "request %u: 202 without a place to look at", asking->tag);
    if (!is_usable)
        return;
    (void)snprintf(asking->monitor, sizeof asking->monitor, "%s", location);
    ask_later(asking);
}
