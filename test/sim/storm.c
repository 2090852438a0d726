/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include "memory.h"
#include "wire_books.h"

/*
 * storm: a world with subscribers has a storm, in which everything goes wrong that its scenario
 * has; then peace, in which nothing does, until all that was missed must have been made good; and
 * then the end that every world has. Those who are still subscribed when peace ends must have been
 * told the final state of their nodes.
 */

enum { CHECK_S = 1, SETTLE_S = 300 };

/* For how long a value is fetched in blocks, of which the smallest has 16 bytes. */
static uint64_t transfer_us(const struct world *world)
{
    const struct scenario *scenario = &world->scenario;
    uint64_t longest_us = 0;

    for (unsigned i = 0; i < scenario->nodes; i++) {
        const struct model_traits *traits = &scenario->traits[i];
        uint64_t answer_us = traits->think_max_us > traits->separate_max_us
                                 ? traits->think_max_us
                                 : traits->separate_max_us;
        if (answer_us > longest_us)
            longest_us = answer_us;
    }
    return scenario->has_blocks
               ? (scenario->value_size / 16 + 2) * (longest_us + 2 * scenario->delay_max_us)
               : 0;
}

/* What the oldest value may be told for, and all that it takes to find out that it is old. */
static uint64_t peace_us(const struct world *world)
{
    const struct settings *settings = &world->scenario.settings;
    uint64_t spent_us =
        wire_longest_timeout_us(settings) * wire_backoff(settings->max_retransmit + 1);
    uint64_t wait_us = ((uint64_t)settings->deadline_ms + settings->acked_deadline_ms) * MS;
    uint64_t max_age_s = 60;

    for (unsigned i = 0; i < world->scenario.nodes; i++)
        if (world->scenario.traits[i].max_age_max_s > max_age_s)
            max_age_s = world->scenario.traits[i].max_age_max_s;
    return (max_age_s + SETTLE_S) * S + world->scenario.poll_minimum_ms * (uint64_t)MS +
           2 * wait_us + 4 * spent_us + 2 * world->scenario.delay_max_us + transfer_us(world);
}

static void peace_ends(void *handle, void *subject)
{
    struct world *world = handle;

    (void)subject;
    if (world->clients_done_us != 0 || world->is_draining)
        return;
    subscribers_judge_final(world);
    subscribers_leave(world);
    world->under_way--;
    if (world->under_way == 0)
        world->clients_done_us = world->now_us;
}

static void peace_begins(void *handle, void *subject)
{
    struct world *world = handle;

    (void)subject;
    if (world->clients_done_us != 0 || world->is_draining)
        return;
    /* One of those under way is the company of subscribers. */
    if (world->now_us < world->storm_ends_us || world->to_come > 0 || world->under_way > 1 ||
        world->subscribers_to_come > 0) {
        world_later(world, CHECK_S * (uint64_t)S, peace_begins, world, NULL);
        return;
    }
    judge_tell(world->judge, "the storm is over");
    world->is_peaceful = true;
    memory_fail(&world->memory_dice, 0);
    nodes_find_peace(world);
    world_later(world, peace_us(world), peace_ends, world, NULL);
}

void storm_begin(struct world *world)
{
    world->storm_ends_us = world->now_us + world->scenario.storm_us;
    world_later(world, CHECK_S * (uint64_t)S, peace_begins, world, NULL);
}
