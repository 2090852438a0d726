/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include <string.h>

#include "blockwise.h"
#include "cache.h"
#include "capability.h"
#include "core_private.h"
#include "exchange.h"
#include "memory.h"
#include "message_layer.h"
#include "observation.h"
#include "observe.h"
#include "policy.h"
#include "relation_watch.h"
#include "request_layer.h"
#include "rest.h"
#include "stream.h"
#include "timers.h"

/*
 * world: puts the gateway together as gateway.c does, with simulated neighbours in place of
 * libmicrohttpd, sockets and the resolver's thread; then lets time pass from one event to the next.
 * When the last client has gone it waits, and looks at what is left.
 */

enum {
    START_S = 1000,
    AUDIT_S = 5,
    QUIET_S = 300,
    AUTO_S = 700, /* for so long the gateway observes what nobody asks for any more */
    ENDPOINTS_MAXIMUM = 20000,
    MIDS_SPENT = 60000,
    PENDING_BYTES_MAX = 1024,
};

/* The time of day has no handle in core_options: the daemon has just one, and so has a world. */
static uint64_t time_of_day_ms;

static uint64_t wall_ms(void)
{
    return time_of_day_ms;
}

static bool is_self(void *handle, const struct endpoint_address *address)
{
    (void)handle;
    (void)address;
    return false;
}

static void add_event(struct world *world, uint64_t delay_us, struct happening event)
{
    event.at_us = world->now_us + delay_us;
    event_queue_add(&world->events, &event);
}

void world_later(struct world *world, uint64_t delay_us,
                 void (*happens)(void *handle, void *subject), void *handle, void *subject)
{
    add_event(world, delay_us,
              (struct happening){.happens = happens, .handle = handle, .subject = subject});
}

void world_later_owning(struct world *world, uint64_t delay_us,
                        void (*happens)(void *handle, void *subject), void *handle, void *subject)
{
    add_event(world, delay_us,
              (struct happening){
                  .happens = happens, .handle = handle, .subject = subject, .owns_subject = true});
}

bool world_is_stalled(const struct world *world)
{
    return world->now_us < world->stalled_until_us;
}

uint64_t world_slack_us(const struct world *world)
{
    return world->scenario.stall_us;
}

/* --- the gateway --- */

void world_resume_failing(struct world *world)
{
    memory_fail(&world->memory_dice, world->is_peaceful ? 0 : world->scenario.memory_per_million);
}

static void answered(void *north)
{
    ((struct client *)north)->ops->answered(north);
}

static void readable(void *north)
{
    ((struct client *)north)->ops->readable(north);
}

static const struct north_ops north = {.answered = answered, .readable = readable};

static void make_gateway(struct world *world)
{
    struct request_layer_options requests = {
        .message =
            {
                .timers = world->timers,
                .random = dice_source(&world->mid_dice),
                .channel = network_channel(world),
                .maximum_endpoints = ENDPOINTS_MAXIMUM,
            },
        .token_random = dice_source(&world->token_dice),
        .maximum_requests = world->scenario.outstanding,
    };
    struct random_source block_random = dice_source(&world->block_dice);
    struct blockwise_options blocks = {
        .timers = world->timers, .random = block_random, .memory = &world->memory};
    struct core_options options = {
        .timers = world->timers,
        .random = dice_source(&world->core_dice),
        .resolver = name_service(world),
        .north = &north,
        .wall_ms = wall_ms,
        .is_self = is_self,
        .memory = &world->memory,
    };

    world->requests = request_layer_new(&requests);
    world->gateway = message_layer_channel_events(request_layer_messages(world->requests));
    world->capabilities = capability_table_new(world->timers, &block_random);
    blocks.requests = world->requests;
    blocks.capabilities = world->capabilities;
    world->blockwise = blockwise_new(&blocks);
    options.requests = world->requests;
    options.blockwise = world->blockwise;
    world->observe = observe_new(&(struct observe_options){
        .timers = world->timers,
        .requests = world->requests,
        .blockwise = world->blockwise,
        .capabilities = world->capabilities,
        .random = dice_source(&world->observe_dice),
        .memory = &world->memory,
    });
    options.observe = world->observe;
    world->core = core_new(&options);
    (void)core_set_policy(world->core, world_make_policy(world));
    memory_fail(&world->memory_dice, world->scenario.memory_per_million);
}

static void free_gateway(struct world *world)
{
    memory_fail(&world->memory_dice, 0);
    world->is_closed = true;
    core_free(world->core);
    observe_free(world->observe);
    blockwise_free(world->blockwise);
    capability_table_free(world->capabilities);
    request_layer_free(world->requests);
    timers_free(world->timers);
    world->totals->failed_allocations += memory_failures();
    judge_that(world->judge, INVARIANT_NO_LEAK, memory_blocks() == 0,
               "%zu blocks are left behind the gateway", memory_blocks());
    judge_that(world->judge, INVARIANT_NO_STRAY_WRITE, memory_is_clean(),
               "a freed block was written to");
}

/* --- what happens by itself --- */

static void reload(void *handle, void *subject)
{
    struct world *world = handle;
    struct policy *policy;

    (void)subject;
    if (world->clients_done_us != 0 || world->is_peaceful)
        return;
    memory_fail(&world->memory_dice, 0);
    policy = world_make_policy(world);
    world_resume_failing(world);
    judge_tell(world->judge, "the configuration is loaded anew");
    if (core_set_policy(world->core, policy) != 0)
        policy_release(policy);
    world->totals->reloads++;
    world_later(world, dice_spread(&world->life_dice, S, 60 * (uint64_t)S), reload, world, NULL);
}

static void wall_clock_steps(void *handle, void *subject)
{
    struct world *world = handle;

    (void)subject;
    if (world->clients_done_us != 0)
        return;
    time_of_day_ms =
        dice_between(&world->wall_dice, 0, UINT64_C(4000000000000)) + world->now_us / MS;
    world_later(world, dice_spread(&world->wall_dice, MS, 100 * (uint64_t)S), wall_clock_steps,
                world, NULL);
}

static void stall(void *handle, void *subject)
{
    struct world *world = handle;

    (void)subject;
    if (world->clients_done_us != 0 || world->is_peaceful)
        return;
    world->stalled_until_us =
        world->now_us + dice_between(&world->life_dice, 1, world->scenario.stall_us);
    world_later(world,
                world->scenario.stall_us + dice_spread(&world->life_dice, MS, 5 * (uint64_t)S),
                stall, world, NULL);
}

static void drain_ends(void *handle, void *subject)
{
    struct world *world = handle;

    (void)subject;
    judge_tell(world->judge, "the gateway refuses who still waits");
    core_refuse_waiting(world->core);
    subscribers_leave(world);
    clients_leave(world);
}

static void drain_begins(void *handle, void *subject)
{
    struct world *world = handle;

    (void)subject;
    if (world->clients_done_us != 0 || world->is_peaceful)
        return;
    judge_tell(world->judge, "the gateway stops");
    world->totals->drains++;
    world->is_draining = true;
    core_set_draining(world->core);
    subscribers_were_stopped(world);
    world_later(world, 5 * S, drain_ends, world, NULL);
}

/* A request may wait because the gateway has sent all that may be outstanding, because
 * every MID is in use, or because the node does not answer (PROBING_RATE). */
static void judge_slots(struct world *world, struct place *place)
{
    const struct endpoint *endpoint =
        message_layer_find_endpoint(request_layer_messages(world->requests), &place->address);

    if (endpoint == NULL || endpoint_queue_length(endpoint) == 0 || place->opened > MIDS_SPENT ||
        !wire_watch_is_lively(place) ||
        message_layer_outstanding(request_layer_messages(world->requests)) >=
            world->scenario.outstanding)
        return;
    judge_that(world->judge, INVARIANT_SLOT_FREE,
               wire_watch_slots(place, false) >= world->scenario.settings.nstart,
               "node %u: %zu requests wait while only %u are unacknowledged", place->index,
               endpoint_queue_length(endpoint), wire_watch_slots(place, false));
}

static void judge_bounds(struct world *world, struct place *place)
{
    const struct message_layer *messages = request_layer_messages(world->requests);
    const struct endpoint *endpoint =
        message_layer_find_endpoint(request_layer_messages(world->requests), &place->address);
    size_t waiting = endpoint == NULL ? 0 : endpoint_queue_length(endpoint);

    judge_that(world->judge, INVARIANT_BOUNDED,
               waiting <= world->scenario.settings.queue_per_node +
                              (world->scenario.has_blocks ? world->under_way : 0) +
                              world->subscriber_count &&
                   message_layer_outstanding(messages) <= world->scenario.outstanding,
               "node %u: %zu requests wait, %zu are outstanding in all", place->index, waiting,
               message_layer_outstanding(messages));
}

/* What is stored; requests under way count in bytes, too, but are not thrown away. */
static void judge_cache(struct world *world)
{
    const struct cache_counts counts = cache_count(world->core->cache);
    const struct scenario *scenario = &world->scenario;

    judge_that(world->judge, INVARIANT_CACHE_BOUNDED,
               counts.entries <= scenario->cache_entries &&
                   counts.bytes <= scenario->cache_bytes + (core_exchange_count(world->core) +
                                                            observations_count(world->core)) *
                                                               PENDING_BYTES_MAX,
               "%zu entries and %zu bytes are stored", counts.entries, counts.bytes);
}

static void audit(void *handle, void *subject)
{
    struct world *world = handle;

    (void)subject;
    world_later(world, AUDIT_S * (uint64_t)S, audit, world, NULL);
    if (world_is_stalled(world))
        return;
    clients_audit(world);
    subscribers_audit(world);
    judge_cache(world);
    for (unsigned i = 0; i < world->place_count; i++) {
        if (i == world->scenario.nodes)
            continue;
        wire_watch_audit(&world->places[i]);
        relation_watch_audit(&world->places[i]);
        judge_slots(world, &world->places[i]);
        judge_bounds(world, &world->places[i]);
    }
}

/* --- time --- */

/* Lets one thing happen; false when nothing more comes until then. */
static bool turn(struct world *world, uint64_t until_us)
{
    uint64_t timer_us = timers_next_us(world->timers);
    uint64_t event_us = event_queue_next_us(&world->events);
    struct happening event;

    if (timer_us != TIMERS_NEVER && timer_us < world->stalled_until_us)
        timer_us = world->stalled_until_us;
    uint64_t next_us = event_us <= timer_us ? event_us : timer_us;
    if (next_us > until_us)
        return false;
    if (next_us > world->now_us)
        world->now_us = next_us;
    world->judge->now_us = world->now_us;
    timers_set_now_us(world->timers, world->now_us);
    if (event_us <= timer_us && event_queue_take(&world->events, &event))
        event.happens(event.handle, event.subject);
    else
        (void)timers_run(world->timers);
    (void)core_reap(world->core);
    return !world->judge->has_failed;
}

static void begin(struct world *world)
{
    const struct scenario *scenario = &world->scenario;
    struct dice *streams[] = {&world->network_dice, &world->client_dice, &world->life_dice,
                              &world->mid_dice,     &world->token_dice,  &world->core_dice,
                              &world->name_dice,    &world->memory_dice, &world->wall_dice,
                              &world->forge_dice,   &world->block_dice,  &world->stream_dice,
                              &world->observe_dice};

    for (size_t i = 0; i < sizeof streams / sizeof *streams; i++)
        dice_init(streams[i], world->seed, 10 + i);
    scenario_draw(&world->scenario, world->seed);
    TAILQ_INIT(&world->questions);
    event_queue_init(&world->events);
    world->now_us = START_S * (uint64_t)S;
    world->judge->now_us = world->now_us;
    time_of_day_ms = UINT64_C(1700000000000);
    memory_begin();
    world->timers = timers_new();
    timers_set_now_us(world->timers, world->now_us);
    make_gateway(world);
    nodes_begin(world);
    subscribers_begin(world);
    clients_begin(world);
    world_later(world, AUDIT_S * (uint64_t)S, audit, world, NULL);
    if (scenario->reloads)
        reload(world, NULL);
    if (scenario->steps_wall_clock)
        wall_clock_steps(world, NULL);
    if (scenario->stall_us > 0)
        stall(world, NULL);
    if (scenario->drains)
        world_later(world,
                    dice_between(&world->life_dice, 1,
                                 2 * scenario->gap_us * scenario->requests / scenario->burst),
                    drain_begins, world, NULL);
}

static void judge_quiet(struct world *world)
{
    size_t outstanding = request_layer_outstanding(world->requests) +
                         message_layer_outstanding(request_layer_messages(world->requests));
    size_t waiting = 0;

    for (unsigned i = 0; i < world->place_count; i++) {
        const struct endpoint *endpoint = message_layer_find_endpoint(
            request_layer_messages(world->requests), &world->places[i].address);
        if (endpoint != NULL)
            waiting += endpoint_queue_length(endpoint);
    }
    judge_that(world->judge, INVARIANT_FREE_AT_END,
               core_exchange_count(world->core) == 0 && outstanding == 0 && waiting == 0,
               "%zu exchanges, %zu CoAP requests, %zu in queues are left",
               core_exchange_count(world->core), outstanding, waiting);
    judge_that(world->judge, INVARIANT_FREE_AT_END,
               observe_count(world->observe) == 0 && observations_count(world->core) == 0 &&
                   streams_count(world->core) == 0,
               "%zu relations, %zu observations, %zu streams are left",
               observe_count(world->observe), observations_count(world->core),
               streams_count(world->core));
    relation_watch_judge_rest(world);
    if (world->scenario.auto_observe && !world->is_peaceful) {
        world->is_peaceful = true;
        nodes_find_peace(world);
    }
    if (world->scenario.subscribers > 0 || world->scenario.auto_observe)
        nodes_change_all(world);
}

/* Whoever was told has been reset (RFC 7641 3.6). */
static void judge_forgotten(struct world *world)
{
    for (unsigned i = 0; i < world->scenario.nodes; i++)
        for (unsigned j = 0; j < world->scenario.traits[i].resources; j++)
            judge_that(world->judge, INVARIANT_NO_REST,
                       model_node_observers(world->places[i].model, j) == 0,
                       "node %u /r%u still has an observer", i, j);
}

static void judge_idle(struct world *world)
{
    judge_forgotten(world);
    size_t endpoints = message_layer_endpoint_count(request_layer_messages(world->requests));

    judge_that(
        world->judge, INVARIANT_IDLE_AT_END,
        endpoints == 0 && timers_next_us(world->timers) == TIMERS_NEVER && world->memory.used == 0,
        "%zu endpoints are left, the next timer comes in %.3f s, %zu bytes are charged", endpoints,
        ((double)timers_next_us(world->timers) - (double)world->now_us) / S, world->memory.used);
}

/* 300 s with the protocol's parameters; longer where a scenario's add up to more. */
static uint64_t quiet_us(const struct world *world)
{
    const struct settings *settings = &world->scenario.settings;
    uint64_t longest_us = message_transmit_wait_us(settings) +
                          ((uint64_t)settings->deadline_ms + settings->acked_deadline_ms) * MS +
                          10 * (uint64_t)S;

    if (world->scenario.has_blocks)
        longest_us += settings->transfer_deadline_ms * (uint64_t)MS;
    if (world->scenario.auto_observe)
        longest_us += AUTO_S * (uint64_t)S;
    return longest_us > QUIET_S * (uint64_t)S ? longest_us : QUIET_S * (uint64_t)S;
}

/* For how long an endpoint is remembered that did not answer: what the longest message takes at
 * PROBING_RATE. */
static uint64_t silence_us(const struct world *world)
{
    return REST_REQUEST_SIZE * UINT64_C(1000000000) / world->scenario.settings.probing_rate_milli;
}

static void let_time_pass(struct world *world)
{
    uint64_t quiet = quiet_us(world);

    while (world->clients_done_us == 0 && turn(world, UINT64_MAX - 1))
        continue;
    if (world->judge->has_failed)
        return;
    for (size_t i = 0; i < world->asking_count; i++)
        judge_that(world->judge, INVARIANT_ANSWERED_ONCE,
                   world->askings[i]->answers == 1 || world->askings[i]->has_left,
                   "request %u was answered %u times", world->askings[i]->tag,
                   world->askings[i]->answers);
    if (world->is_draining)
        return;
    while (turn(world, world->clients_done_us + quiet))
        continue;
    judge_quiet(world);
    while (turn(world, world->clients_done_us + 2 * quiet + 2 * EXCHANGE_LIFETIME_S * (uint64_t)S +
                           silence_us(world)))
        continue;
    judge_idle(world);
}

/* What is still on its way has nowhere to go. */
static void end(struct world *world)
{
    event_queue_clear(&world->events);
    nodes_clear(world);
    clients_clear(world);
    subscribers_free(world);
    relation_watch_clear(world);
}

bool world_run(uint64_t seed, struct judge *judge, struct totals *totals)
{
    struct world *world = memory_take(sizeof *world);
    bool has_failed;

    memset(world, 0, sizeof *world);
    world->seed = seed;
    world->judge = judge;
    world->totals = totals;
    begin(world);
    let_time_pass(world);
    totals->seeds++;
    totals->simulated_us += world->now_us - START_S * (uint64_t)S;
    /* After a violation nothing about the gateway's state can be trusted: it stays. */
    subscribers_clear(world);
    if (!judge->has_failed) {
        core_reap(world->core);
        free_gateway(world);
    }
    end(world);
    has_failed = judge->has_failed;
    memory_return(world);
    return !has_failed;
}
