/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include <errno.h>
#include <string.h>

#include "memory.h"

/*
 * network: takes datagrams from the gateway and from the nodes and decides what becomes of each:
 * lost, delayed (and so reordered), duplicated, corrupted. UDP's checksum makes a corrupted
 * datagram a lost one, or, one time in some, random bytes. A host whose port is closed gives the
 * datagram back (ICMP), more or less of it.
 */

enum { RANDOM_BYTES_MAX = 64 };

struct packet {
    struct place *place; /* the other end: the gateway is at one end of each way */
    int error;           /* ICMP: the datagram comes back */
    size_t length;
    uint8_t bytes[];
};

static struct packet *make_packet(struct place *place, const uint8_t *bytes, size_t length)
{
    struct packet *packet = memory_take(sizeof *packet + length);

    packet->place = place;
    packet->error = 0;
    packet->length = length;
    memcpy(packet->bytes, bytes, length);
    return packet;
}

static void reaches_gateway(void *handle, void *subject)
{
    struct world *world = handle;
    struct packet *packet = subject;
    struct place *place = packet->place;

    if (world_is_stalled(world)) {
        world_later_owning(world, world->stalled_until_us - world->now_us, reaches_gateway, world,
                           packet);
        return;
    }
    if (packet->error != 0) {
        judge_tell(world->judge, "node %u <- returned, error %d, %zu bytes", place->index,
                   packet->error, packet->length);
        world->totals->returned++;
        wire_watch_returns(place, packet->bytes, packet->length, packet->error);
        world->gateway.undeliverable(world->gateway.handle, &place->address, packet->bytes,
                                     packet->length, packet->error, 0);
    } else {
        world->totals->came++;
        wire_watch_comes(place, packet->bytes, packet->length);
        world->gateway.received(world->gateway.handle, &place->address, packet->bytes,
                                packet->length);
        wire_watch_came(place);
    }
    memory_return(packet);
}

void network_inject(struct place *from, uint64_t delay_us, const uint8_t *bytes, size_t length)
{
    struct world *world = from->world;

    world_later_owning(world, delay_us, reaches_gateway, world, make_packet(from, bytes, length));
}

void network_return(struct place *place, uint64_t delay_us, const uint8_t *bytes, size_t length,
                    int error)
{
    struct world *world = place->world;
    struct packet *packet = make_packet(place, bytes, length);

    packet->error = error;
    world_later_owning(world, delay_us, reaches_gateway, world, packet);
}

static uint64_t draw_delay(struct world *world)
{
    return dice_between(&world->network_dice, world->scenario.delay_min_us,
                        world->scenario.delay_max_us);
}

static void give_back(struct place *place, const uint8_t *bytes, size_t length)
{
    static const int errors[] = {ECONNREFUSED, EHOSTUNREACH, ENETUNREACH};
    struct world *world = place->world;
    struct dice *dice = &world->network_dice;

    if (!dice_chance(dice, 700))
        return;
    /* RFC 792: the IP header and 64 bits, which are those of UDP; most hosts give more. */
    if (dice_chance(dice, 200))
        length = dice_below(dice, (uint32_t)(length < 12 ? length : 12));
    network_return(place, draw_delay(world), bytes, length, errors[dice_below(dice, 3)]);
}

static void reaches_node(void *handle, void *subject)
{
    struct world *world = handle;
    struct packet *packet = subject;
    struct place *place = packet->place;

    struct place *node = place->node;

    if (node->home != place)
        ; /* it has moved away */
    else if (node->trouble == TROUBLE_CLOSED) {
        give_back(place, packet->bytes, packet->length);
    } else if (node->trouble != TROUBLE_ASLEEP && node->model != NULL) {
        model_node_receive(node->model, world->now_us, 0, packet->bytes, packet->length);
        node_schedule(node);
    }
    memory_return(packet);
}

/* Sends one copy on its way, as it is or as random bytes. */
static void send_copy(struct place *place, const uint8_t *bytes, size_t length,
                      void (*reaches)(void *handle, void *subject))
{
    struct world *world = place->world;
    const struct scenario *scenario = &world->scenario;
    struct dice *dice = &world->network_dice;
    uint8_t random[RANDOM_BYTES_MAX];

    if (dice_chance(dice, scenario->loss_permille)) {
        world->totals->lost++;
        return;
    }
    if (dice_chance(dice, scenario->corrupt_permille)) {
        world->totals->corrupted++;
        if (dice_chance(dice, 500))
            return;
        length = dice_below(dice, sizeof random + 1);
        dice_bytes(dice, random, length);
        /* So that more than a quarter of them is looked into. */
        if (length > 0 && dice_chance(dice, 500))
            random[0] = (uint8_t)(0x40 | (random[0] & 0x3f));
        bytes = random;
    }
    world_later_owning(world, draw_delay(world), reaches, world, make_packet(place, bytes, length));
}

static void transit(struct place *place, const uint8_t *bytes, size_t length,
                    void (*reaches)(void *handle, void *subject))
{
    struct world *world = place->world;

    send_copy(place, bytes, length, reaches);
    while (dice_chance(&world->network_dice, world->scenario.duplicate_permille)) {
        world->totals->duplicated++;
        send_copy(place, bytes, length, reaches);
    }
}

void network_send_from(struct place *place, const uint8_t *bytes, size_t length)
{
    if (place->node->trouble == TROUBLE_ASLEEP || place->node->trouble == TROUBLE_CLOSED)
        return;
    transit(place, bytes, length, reaches_gateway);
}

struct place *network_find(struct world *world, const struct endpoint_address *address)
{
    for (unsigned i = 0; i < world->place_count; i++)
        if (memcmp(&world->places[i].address, address, sizeof *address) == 0)
            return &world->places[i];
    return NULL;
}

static enum channel_result gateway_sends(void *handle, const struct endpoint_address *to,
                                         const uint8_t *bytes, size_t length)
{
    struct world *world = handle;
    struct place *place = network_find(world, to);

    if (world->is_closed)
        return CHANNEL_SENT;
    if (place == NULL) {
        judge_that(world->judge, INVARIANT_WELL_FORMED, false, "a datagram to nobody");
        return CHANNEL_SENT;
    }
    if (place->node->trouble == TROUBLE_NO_ROUTE) {
        wire_watch_refused(place, bytes, length);
        return CHANNEL_UNREACHABLE;
    }
    world->totals->sent++;
    wire_watch_sent(place, bytes, length);
    forger_saw(place, bytes, length);
    transit(place, bytes, length, reaches_node);
    return CHANNEL_SENT;
}

struct channel network_channel(struct world *world)
{
    return (struct channel){.send = gateway_sends, .handle = world};
}
