/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include <stdio.h>
#include <string.h>

#include "memory.h"
#include "wire_message.h"

/*
 * nodes: the model nodes in their places: when they run, what befalls them (crashes, sleep, no
 * route), and what their applications see, which is what clients are measured against. Each value
 * is a function of its number, so that a single wrong byte shows, wherever it came from.
 */

enum { S = 1000000, NODE_PORT = 5683, HEAD_MAX = 48, BURST_MAX = 40 };

/* --- values --- */

size_t node_write_value(const struct world *world, unsigned node, unsigned resource, uint32_t value,
                        uint8_t *out, size_t size)
{
    char head[HEAD_MAX];
    uint32_t state = value * 2654435761u + 12345;
    size_t length = (size_t)snprintf(head, sizeof head, "n%u.r%u.v%u|", node, resource, value);
    size_t total = world->scenario.value_size;

    /* Lengths differ too. */
    total = total / 2 + value % (total / 2 + 1);
    if (total < length)
        total = length;
    if (total > size)
        total = size;
    memcpy(out, head, length);
    for (size_t i = length; i < total; i++) {
        state = state * 1664525 + 1013904223;
        out[i] = (uint8_t)("abcdefghijklmnopqrstuvwxyz0123456789"[state >> 24 & 31]);
    }
    return total;
}

static bool read_number(const uint8_t **at, const uint8_t *end, uint32_t *number)
{
    const uint8_t *first = *at;

    *number = 0;
    while (*at < end && **at >= '0' && **at <= '9')
        *number = *number * 10 + (uint32_t)(*(*at)++ - '0');
    return *at > first;
}

uint32_t node_read_value(const struct world *world, unsigned node, unsigned resource,
                         const uint8_t *bytes, size_t length)
{
    static uint8_t wanted[MODEL_VALUE_MAX];
    char head[HEAD_MAX];
    size_t used = (size_t)snprintf(head, sizeof head, "n%u.r%u.v", node, resource);
    const uint8_t *at = bytes + used;
    uint32_t value;

    if (length <= used || memcmp(bytes, head, used) != 0 ||
        !read_number(&at, bytes + length, &value))
        return 0;
    size_t total = node_write_value(world, node, resource, value, wanted, sizeof wanted);
    return total == length && memcmp(wanted, bytes, length) == 0 ? value : 0;
}

bool node_had_value(const struct world *world, unsigned node, unsigned resource, uint32_t value,
                    uint64_t from_us)
{
    const struct value_history *history = &world->places[node].histories[resource];

    for (size_t i = history->count; i-- > 0;) {
        if (history->spans[i].value == value)
            return true;
        if (history->spans[i].from_us < from_us)
            return false;
    }
    return false;
}

static void note_value(struct place *place, unsigned resource, uint32_t value)
{
    struct value_history *history = &place->histories[resource];

    if (history->count == history->capacity) {
        history->capacity = history->capacity == 0 ? 8 : 2 * history->capacity;
        history->spans = memory_resize(history->spans, history->capacity * sizeof *history->spans);
    }
    history->spans[history->count++] =
        (struct value_span){value, place->epoch, place->world->now_us};
}

/* --- what the application of a node sees --- */

static size_t host_make_value(void *handle, unsigned resource, uint8_t *out, size_t size)
{
    struct place *place = handle;
    struct world *world = place->world;

    return node_write_value(world, place->index, resource, ++world->next_value, out, size);
}

static void host_value_is(void *handle, unsigned resource, const uint8_t *bytes, size_t length)
{
    struct place *place = handle;
    struct world *world = place->world;
    uint32_t value = 0;

    if (bytes != NULL) {
        value = node_read_value(world, place->index, resource, bytes, length);
        judge_that(world->judge, INVARIANT_WHOLE_BODY, value != 0,
                   "node %u /r%u was given %zu bytes that nobody sent: %.40s", place->index,
                   resource, length, (const char *)bytes);
    }
    note_value(place, resource, value);
    judge_tell(world->judge, "node %u /r%u is v%u", place->index, resource, value);
}

static enum http_method method_of(uint8_t code)
{
    return code == 2   ? HTTP_METHOD_POST
           : code == 3 ? HTTP_METHOD_PUT
           : code == 4 ? HTTP_METHOD_DELETE
                       : HTTP_METHOD_QUERY;
}

static void judge_body(const struct asking *asking, const uint8_t *body, size_t length)
{
    const struct world *world = asking->world;
    uint32_t value = node_read_value(world, asking->node, asking->resource, body, length);

    judge_that(world->judge, INVARIANT_WHOLE_BODY, value == asking->value,
               "request %u: node %u got %zu bytes, value v%u in place of v%u", asking->tag,
               asking->node, length, value, asking->value);
}

static void host_executed(void *handle, uint8_t code, unsigned resource, const char *tag,
                          const uint8_t *body, size_t length)
{
    struct place *place = handle;
    struct world *world = place->world;
    const uint8_t *at = (const uint8_t *)tag;
    uint32_t number = 0;

    struct asking *asking =
        read_number(&at, at + strlen(tag), &number)
            ? clients_find(world, number)
            : clients_find_owner(world,
                                 node_read_value(world, place->index, resource, body, length));
    judge_that(world->judge, INVARIANT_OWN_REQUEST,
               asking != NULL && asking->node == place->index && asking->resource == resource &&
                   asking->method == method_of(code),
               "node %u /r%u carries out a request that nobody made (q=%s, code %u)", place->index,
               resource, tag, code);
    if (asking == NULL)
        return;
    number = asking->tag;
    judge_tell(world->judge, "node %u carries out request %u", place->index, number);
    judge_that(world->judge, INVARIANT_FRESH,
               asking->is_fresh || asking->method == HTTP_METHOD_QUERY ||
                   !world->scenario.traits[place->index].challenges,
               "node %u carries out request %u, which is not fresh", place->index, number);
    if (asking->epoch != place->epoch)
        asking->executions = 0;
    asking->epoch = place->epoch;
    asking->was_executed = true;
    asking->executions++;
    /* The last block of an idempotent request may be sent again (RFC 7959 2.5). */
    judge_that(world->judge, INVARIANT_AT_MOST_ONCE,
               asking->executions == 1 || asking->method == HTTP_METHOD_QUERY ||
                   (asking->method == HTTP_METHOD_PUT && world->scenario.has_blocks),
               "node %u carried request %u out %u times", place->index, number, asking->executions);
    if (asking->value != 0)
        judge_body(asking, body, length);
}

static void host_send(void *handle, unsigned peer, const uint8_t *bytes, size_t length)
{
    (void)peer;
    network_send_from(((struct place *)handle)->home, bytes, length);
}

/* --- when they run --- */

static void node_runs(void *handle, void *subject)
{
    struct place *place = subject;

    (void)handle;
    if (place->scheduled_us > place->world->now_us)
        return;
    place->scheduled_us = UINT64_MAX;
    if (place->model == NULL)
        return;
    model_node_run(place->model, place->world->now_us);
    node_schedule(place);
}

void node_schedule(struct place *place)
{
    uint64_t next_us = model_node_next_us(place->model);
    struct world *world = place->world;

    if (next_us == UINT64_MAX || place->scheduled_us <= next_us)
        return;
    place->scheduled_us = next_us;
    world_later(world, next_us > world->now_us ? next_us - world->now_us : 0, node_runs, world,
                place);
}

/* --- what befalls them --- */

static void trouble_ends(void *handle, void *subject)
{
    struct place *place = subject;

    (void)handle;
    if (place->is_dead || place->trouble == TROUBLE_NONE)
        return;
    judge_tell(place->world->judge, "node %u: trouble is over", place->index);
    place->trouble = TROUBLE_NONE;
}

static void trouble_comes(void *handle, void *subject)
{
    struct world *world = handle;
    struct dice *dice = &world->life_dice;
    struct place *place = &world->places[dice_below(dice, world->scenario.nodes)];

    (void)subject;
    if (world->is_peaceful)
        return;
    if (world->clients_done_us == 0)
        world_later(world, dice_between(dice, 1, 2 * world->scenario.trouble_us), trouble_comes,
                    world, NULL);
    if (place->trouble != TROUBLE_NONE)
        return;
    switch (dice_below(dice, 6)) {
    case 0:
    case 1: /* back at once: between two transmissions */
    case 2:
        place->trouble = dice_chance(dice, 500) ? TROUBLE_CLOSED : TROUBLE_NONE;
        world->totals->reboots++;
        place->epoch++;
        judge_tell(world->judge, "node %u reboots", place->index);
        model_node_reboot(place->model, world->now_us);
        place->scheduled_us = UINT64_MAX;
        break;
    case 3:
    case 4:
        place->trouble = TROUBLE_ASLEEP;
        break;
    default:
        place->trouble = TROUBLE_NO_ROUTE;
        break;
    }
    judge_tell(world->judge, "node %u: trouble %d", place->index, place->trouble);
    if (place->trouble != TROUBLE_NONE)
        world_later(world, dice_spread(dice, 1000, 200 * (uint64_t)S), trouble_ends, world, place);
}

static void value_changes(void *handle, void *subject)
{
    struct world *world = handle;
    struct dice *dice = &world->life_dice;
    struct place *place = &world->places[dice_below(dice, world->scenario.nodes)];

    (void)subject;
    if (world->is_peaceful)
        return;
    if (world->clients_done_us == 0)
        world_later(world, dice_between(dice, 1, 2 * world->scenario.change_us), value_changes,
                    world, NULL);
    model_node_change(place->model, world->now_us,
                      dice_below(dice, world->scenario.traits[place->index].resources));
    node_schedule(place);
}

/* --- what observers see --- */

static bool is_over(const struct world *world)
{
    return world->is_peaceful || world->clients_done_us != 0;
}

/* A resource changes several times at once, or goes. */
static void burst_of_changes(void *handle, void *subject)
{
    struct world *world = handle;
    struct dice *dice = &world->stream_dice;
    struct place *place = &world->places[dice_below(dice, world->scenario.nodes)];
    unsigned resource = dice_below(dice, world->scenario.traits[place->index].resources);
    unsigned count = (unsigned)dice_spread(dice, 1, BURST_MAX);

    (void)subject;
    if (is_over(world))
        return;
    world_later(world, dice_between(dice, 1, 2 * world->scenario.burst_us), burst_of_changes, world,
                NULL);
    if (dice_chance(dice, 50)) {
        model_node_remove(place->model, world->now_us, resource);
    } else {
        for (unsigned i = 0; i < count; i++) {
            model_node_change(place->model, world->now_us, resource);
            model_node_run(place->model, world->now_us);
        }
    }
    node_schedule(place);
}

static void moves(void *handle, void *subject)
{
    struct world *world = handle;
    struct dice *dice = &world->stream_dice;
    unsigned index = dice_below(dice, world->scenario.nodes);
    struct place *place = &world->places[index];
    struct place *other = &world->places[world->scenario.nodes + 1 + index];

    (void)subject;
    if (is_over(world))
        return;
    world_later(world, dice_between(dice, 1, 2 * world->scenario.move_us), moves, world, NULL);
    place->home = place->home == place ? other : place;
    place->moved_us = world->now_us;
    world->totals->moves++;
    judge_tell(world->judge, "node %u moves to place %u", index, place->home->index);
    /* What has an address by DHCP has often just been switched on. */
    if (dice_chance(dice, 500)) {
        place->epoch++;
        world->totals->reboots++;
        model_node_reboot(place->model, world->now_us);
        place->scheduled_us = UINT64_MAX;
    }
}

void nodes_find_peace(struct world *world)
{
    struct scenario *scenario = &world->scenario;
    bool has_dead = dice_below(&world->stream_dice, 100) < scenario->dead_percent;

    scenario->loss_permille = scenario->duplicate_permille = scenario->corrupt_permille = 0;
    scenario->forge_permille = 0;
    for (unsigned i = 0; i < scenario->nodes; i++) {
        struct model_traits *traits = model_node_traits(world->places[i].model);
        traits->reset_permille = traits->fails_permille = traits->misvalid_permille = 0;
        traits->forgets_permille = traits->changes_permille = traits->repeats_permille = 0;
        traits->skips_permille = traits->trims_permille = 0;
        traits->forgets_observers_permille = 0;
        if (!(has_dead && i == 0) && world->places[i].trouble != TROUBLE_NONE) {
            world->places[i].trouble = TROUBLE_NONE;
            judge_tell(world->judge, "node %u: trouble is over", i);
        }
    }
    if (has_dead) {
        world->places[0].trouble =
            dice_chance(&world->stream_dice, 500) ? TROUBLE_ASLEEP : TROUBLE_NO_ROUTE;
        world->places[0].is_dead = true;
        judge_tell(world->judge, "node 0 is dead");
    }
}

void nodes_change_all(struct world *world)
{
    for (unsigned i = 0; i < world->scenario.nodes; i++) {
        struct place *place = &world->places[i];
        place->trouble = TROUBLE_NONE;
        for (unsigned j = 0; j < world->scenario.traits[i].resources; j++)
            model_node_change(place->model, world->now_us, j);
        node_schedule(place);
    }
}

static struct endpoint_address make_address(unsigned index)
{
    if (index > SCENARIO_NODES_MAX)
        return (struct endpoint_address){
            .bytes = {10, 0, 1, (uint8_t)index}, .port = NODE_PORT, .family = 4};
    /* every other node is an IPv6 host */
    if (index % 2 == 1)
        return (struct endpoint_address){
            .bytes = {0xfd, [15] = (uint8_t)(index + 1)}, .port = NODE_PORT, .family = 6};
    return (struct endpoint_address){
        .bytes = {10, 0, 0, (uint8_t)(index + 1)}, .port = NODE_PORT, .family = 4};
}

static void begin_place(struct world *world, unsigned index, struct endpoint_address address,
                        struct place *node)
{
    struct place *place = &world->places[index];

    place->world = world;
    place->index = index;
    place->node = node;
    place->home = place;
    place->address = address;
    place->scheduled_us = UINT64_MAX;
    place->epoch = 1;
    TAILQ_INIT(&place->live);
    TAILQ_INIT(&place->relations);
}

void nodes_begin(struct world *world)
{
    const struct scenario *scenario = &world->scenario;

    world->place_count = scenario->nodes + 1 + (scenario->move_us > 0 ? scenario->nodes : 0);
    for (unsigned i = scenario->nodes + 1; i < world->place_count; i++)
        begin_place(world, i, make_address(SCENARIO_NODES_MAX + i),
                    &world->places[i - scenario->nodes - 1]);
    for (unsigned i = 0; i <= scenario->nodes; i++) {
        struct place *place = &world->places[i];
        struct model_host host = {
            .send = host_send,
            .make_value = host_make_value,
            .value_is = host_value_is,
            .executed = host_executed,
            .handle = place,
        };
        begin_place(world, i, make_address(i), place);
        dice_init(&place->dice, world->seed, 100 + i);
        if (i == scenario->nodes)
            break;
        place->model = model_node_new(&scenario->traits[i], &host, &place->dice, world->now_us);
        model_node_set_echo(place->model, (uint8_t)i);
    }
    if (scenario->trouble_us > 0)
        world_later(world, dice_between(&world->life_dice, 1, 2 * scenario->trouble_us),
                    trouble_comes, world, NULL);
    if (scenario->change_us > 0)
        world_later(world, scenario->change_us, value_changes, world, NULL);
    if (scenario->burst_us > 0)
        world_later(world, scenario->burst_us, burst_of_changes, world, NULL);
    if (scenario->move_us > 0)
        world_later(world, scenario->move_us, moves, world, NULL);
}

void nodes_clear(struct world *world)
{
    for (unsigned i = 0; i < world->place_count; i++) {
        struct place *place = &world->places[i];
        model_node_free(place->model);
        wire_watch_clear(place);
        for (unsigned j = 0; j < MODEL_RESOURCES_MAX; j++)
            memory_return(place->histories[j].spans);
        store_watch_clear(place);
    }
}
