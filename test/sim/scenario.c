/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario.h"

#include "dice.h"

/*
 * scenario: a seed first chooses one of a few kinds of world, then everything in it. Extremes are
 * more likely than in life.
 */

enum { MS = 1000, S = 1000000 };

static void draw_settings(struct scenario *scenario, struct dice *dice)
{
    struct settings *settings = &scenario->settings;

    settings_init(settings);
    scenario->outstanding = dice_chance(dice, 100) ? dice_between(dice, 2, 30) : 1000;
    if (dice_chance(dice, 300)) {
        settings->has_unsafe_timing = true;
        settings->ack_timeout_ms = (uint32_t)dice_spread(dice, 50, 4000);
        settings->ack_random_percent = (uint32_t)dice_between(dice, 100, 300);
        settings->max_retransmit = (uint32_t)dice_between(dice, 0, 5);
        settings->nstart = (uint32_t)dice_spread(dice, 1, 16);
    }
    if (dice_chance(dice, 250)) {
        settings->deadline_ms = (uint32_t)dice_spread(dice, 200, 120000);
        settings->acked_deadline_ms = (uint32_t)dice_spread(dice, 200, 600000);
    }
    if (dice_chance(dice, 200))
        settings->queue_per_node = (uint32_t)dice_spread(dice, 1, 300);
    if (dice_chance(dice, 300))
        settings->probing_rate_milli = (uint32_t)dice_spread(dice, 100, 1000000);
    settings->is_non_confirmable = dice_chance(dice, 150);
}

static void draw_traits(struct model_traits *traits, struct dice *dice)
{
    *traits = (struct model_traits){
        .resources = (unsigned)dice_between(dice, 1, MODEL_RESOURCES_MAX),
        .separate_percent = dice_chance(dice, 500) ? 0 : (unsigned)dice_between(dice, 1, 100),
        .ackless_percent = dice_chance(dice, 600) ? 0 : (unsigned)dice_between(dice, 1, 100),
        .non_percent = dice_chance(dice, 500) ? 0 : (unsigned)dice_between(dice, 1, 100),
        .reset_permille = dice_chance(dice, 800) ? 0 : (unsigned)dice_between(dice, 1, 200),
        .think_max_us = dice_spread(dice, 1 * MS, 3 * S),
        .separate_max_us = dice_spread(dice, 10 * MS, 30 * S),
        .has_etags = dice_chance(dice, 700),
        .copies_mids = dice_chance(dice, 250),
        .creates = dice_chance(dice, 300),
        .challenges = dice_chance(dice, 150),
        .acts_at_once = dice_chance(dice, 500),
        .block_size = 1024,
        .body_max = MODEL_VALUE_MAX,
        .plain_max = 1024,
    };
    if (dice_chance(dice, 50))
        traits->separate_max_us = 140 * (uint64_t)S;
}

static void draw_network(struct scenario *scenario, struct dice *dice)
{
    scenario->delay_min_us = dice_spread(dice, 100, 200 * MS);
    scenario->delay_max_us = scenario->delay_min_us + dice_spread(dice, 100, 2 * S);
    if (dice_chance(dice, 50))
        scenario->delay_max_us += 20 * (uint64_t)S;
    if (dice_chance(dice, 700)) {
        scenario->loss_permille = (unsigned)dice_spread(dice, 1, 500);
        scenario->duplicate_permille = (unsigned)dice_spread(dice, 1, 500);
    }
    if (dice_chance(dice, 400))
        scenario->corrupt_permille = (unsigned)dice_spread(dice, 1, 200);
    if (dice_chance(dice, 500))
        scenario->forge_permille = (unsigned)dice_spread(dice, 10, 1000);
}

static void draw_clients(struct scenario *scenario, struct dice *dice)
{
    scenario->requests = (unsigned)dice_spread(dice, 20, 600);
    scenario->burst = dice_chance(dice, 600) ? 1 : (unsigned)dice_spread(dice, 2, 100);
    scenario->gap_us = dice_spread(dice, 1 * MS, 10 * S) * scenario->burst;
    if (dice_chance(dice, 50))
        scenario->gap_us = 200 * (uint64_t)S;
    scenario->leave_permille = dice_chance(dice, 500) ? 0 : (unsigned)dice_spread(dice, 1, 900);
    scenario->unsafe_percent = (unsigned)dice_between(dice, 0, 100);
    scenario->untagged_percent = dice_chance(dice, 700) ? 0 : 30;
    scenario->uses_names = dice_chance(dice, 500);
    scenario->prefer_percent = dice_chance(dice, 700) ? 0 : 50;
    scenario->reloads = dice_chance(dice, 200);
    scenario->drains = dice_chance(dice, 150);
    scenario->value_size = dice_spread(dice, 40, 900);
}

static unsigned draw_block_size(struct dice *dice)
{
    return 16u << dice_below(dice, 7);
}

/* What no node should do with blocks. */
static void draw_oddities(struct model_traits *traits, struct dice *dice)
{
    unsigned *const oddities[] = {&traits->forgets_permille, &traits->changes_permille,
                                  &traits->repeats_permille, &traits->skips_permille,
                                  &traits->trims_permille};

    traits->shrinks_blocks = dice_chance(dice, 400);
    traits->hints_size = dice_chance(dice, 500);
    if (dice_chance(dice, 600))
        return;
    for (size_t i = 0; i < sizeof oddities / sizeof oddities[0]; i++)
        if (dice_chance(dice, 300))
            *oddities[i] = dice_chance(dice, 200) ? 1000 : (unsigned)dice_spread(dice, 5, 1000);
}

/* Bodies of some kilobytes. Without an ETag nobody could tell the blocks of two values apart. */
static void draw_blocks(struct scenario *scenario, struct dice *dice)
{
    struct settings *settings = &scenario->settings;

    scenario->has_blocks = true;
    scenario->value_size = dice_spread(dice, 40, 6000);
    settings->block_size = dice_chance(dice, 500) ? 1024 : draw_block_size(dice);
    settings->blockwise_threshold =
        dice_chance(dice, 500) ? 1024 : (uint32_t)dice_between(dice, 16, 1024);
    settings->block_token = dice_chance(dice, 600)   ? BLOCK_TOKEN_BY_SCHEME
                            : dice_chance(dice, 500) ? BLOCK_TOKEN_REUSE
                                                     : BLOCK_TOKEN_FRESH;
    settings->transfer_deadline_ms = 7200000;
    scenario->cuts_transfers = dice_chance(dice, 150);
    if (scenario->cuts_transfers)
        settings->transfer_deadline_ms = (uint32_t)dice_spread(dice, 1000, 100000);
    for (unsigned i = 0; i < scenario->nodes; i++) {
        struct model_traits *traits = &scenario->traits[i];
        traits->has_etags = dice_chance(dice, 700);
        traits->tells_by_format = !traits->has_etags;
        traits->knows_blocks_again = dice_chance(dice, 500);
        traits->block_size = dice_chance(dice, 300) ? 1024 : draw_block_size(dice);
        traits->plain_max = dice_chance(dice, 600) ? 1024 : (size_t)dice_between(dice, 0, 1024);
        traits->body_max =
            dice_chance(dice, 800) ? MODEL_VALUE_MAX : (size_t)dice_between(dice, 100, 6000);
        traits->answer_size = dice_chance(dice, 600) ? 0 : (size_t)dice_spread(dice, 1, 3000);
        draw_oddities(traits, dice);
        /* Transfers meet at a resource. */
        if (dice_chance(dice, 300))
            traits->resources = 1 + dice_below(dice, 2);
    }
    if (scenario->requests > 200)
        scenario->requests = 200;
    if (dice_chance(dice, 50)) {
        scenario->value_size = dice_spread(dice, 6000, 60000);
        if (scenario->requests > 40)
            scenario->requests = 40;
    }
}

/* A node that knows no blocks has only what fits into one message. */
static void draw_blockless(struct scenario *scenario, struct dice *dice)
{
    if (scenario->value_size > 900)
        return;
    for (unsigned i = 0; i < scenario->nodes; i++)
        if (dice_chance(dice, 150)) {
            scenario->traits[i].takes_no_blocks = true;
            scenario->traits[i].plain_max = 1024;
            scenario->traits[i].body_max = 1024;
            scenario->traits[i].answer_size = 0;
        }
}

/* Transfers in blocks and little else: nodes that err in one way each, uploads that meet at one
 * resource, answers that are slower than the deadline. */
static void draw_transfers(struct scenario *scenario, struct dice *dice)
{
    struct settings *settings = &scenario->settings;

    settings_init(settings);
    settings->block_size = dice_chance(dice, 500) ? 1024 : 64u << dice_below(dice, 3);
    settings->transfer_deadline_ms =
        dice_chance(dice, 500) ? 7200000 : (uint32_t)dice_spread(dice, 5000, 60000);
    *scenario = (struct scenario){
        .name = "transfers",
        .settings = *settings,
        .outstanding = 1000,
        .nodes = 1 + dice_below(dice, 2),
        .has_blocks = true,
        .cuts_transfers = settings->transfer_deadline_ms < 7200000,
        .value_size = dice_spread(dice, 500, 3000),
        .delay_min_us = 1 * MS,
        .delay_max_us = dice_spread(dice, 2, 100) * MS,
        .requests = (unsigned)dice_between(dice, 20, 80),
        .burst = (unsigned)dice_between(dice, 1, 8),
        .gap_us = dice_spread(dice, 5, 100) * S,
        .leave_permille = dice_chance(dice, 700) ? 0 : 200,
        .unsafe_percent = (unsigned)dice_between(dice, 0, 100),
    };
    for (unsigned i = 0; i < scenario->nodes; i++) {
        struct model_traits *traits = &scenario->traits[i];
        *traits = (struct model_traits){
            .resources = 1 + dice_below(dice, 2),
            .separate_percent = dice_chance(dice, 700) ? 0 : 100,
            .think_max_us = dice_spread(dice, 1, 500) * MS,
            .separate_max_us = dice_spread(dice, 100, 5000) * MS,
            .has_etags = true,
            .knows_blocks_again = dice_chance(dice, 500),
            .hints_size = dice_chance(dice, 700),
            .repeats_permille = dice_chance(dice, 500) ? 0 : (unsigned)dice_spread(dice, 20, 300),
            .block_size = 64u << dice_below(dice, 4),
            .body_max = dice_chance(dice, 600) ? MODEL_VALUE_MAX : dice_between(dice, 100, 1500),
            .plain_max = dice_chance(dice, 600) ? 1024 : 0,
            .answer_size = dice_chance(dice, 500) ? 0 : dice_spread(dice, 100, 3000),
        };
    }
}

/* One node, all message IDs of EXCHANGE_LIFETIME. */
static void draw_flood(struct scenario *scenario, struct dice *dice)
{
    scenario->name = "flood";
    scenario->nodes = 1;
    scenario->settings.has_unsafe_timing = true;
    scenario->settings.nstart = 64;
    scenario->settings.queue_per_node = 256;
    scenario->traits[0] = (struct model_traits){
        .resources = 4,
        .think_max_us = 500,
        .block_size = 1024,
        .body_max = 2048,
        .plain_max = 1024,
    };
    scenario->value_size = 40;
    scenario->delay_min_us = 100;
    scenario->delay_max_us = 1000;
    scenario->loss_permille = 1;
    scenario->duplicate_permille = 1;
    scenario->requests = 72000;
    scenario->parallel = 64;
    scenario->burst = 64;
    scenario->gap_us = 1 * MS;
    scenario->unsafe_percent = (unsigned)dice_between(dice, 0, 20);
}

static void draw_cache_limits(struct scenario *scenario, struct dice *dice)
{
    scenario->cache_entries = dice_chance(dice, 600) ? 10000 : (size_t)dice_spread(dice, 1, 20);
    scenario->cache_bytes =
        dice_chance(dice, 600) ? 16 << 20 : (size_t)dice_spread(dice, 500, 20000);
    scenario->serves_stale = dice_chance(dice, 200);
}

/* Nodes whose answers may be kept, and what can be wrong with them. */
static void draw_keeping(struct model_traits *traits, struct dice *dice)
{
    traits->has_etags = dice_chance(dice, 700);
    traits->has_json = dice_chance(dice, 500);
    traits->ages_errors = dice_chance(dice, 500);
    traits->max_age_max_s = (unsigned)dice_spread(dice, 1, 300);
    traits->has_same_etags = dice_chance(dice, 100);
    traits->misvalid_permille = dice_chance(dice, 800) ? 0 : (unsigned)dice_spread(dice, 10, 500);
    traits->fails_permille = dice_chance(dice, 800) ? 0 : (unsigned)dice_spread(dice, 10, 500);
}

/* Nothing goes wrong on the way, so that all that does is the gateway's. */
static void make_sound(struct scenario *scenario, struct dice *dice)
{
    struct settings *settings = &scenario->settings;

    scenario->is_sound = true;
    settings_init(settings);
    if (dice_chance(dice, 500)) {
        settings->has_unsafe_timing = true;
        settings->nstart = 8;
    }
    scenario->outstanding = 1000;
    scenario->uses_names = scenario->drains = false;
    scenario->loss_permille = scenario->duplicate_permille = 0;
    scenario->trouble_us = scenario->stall_us = scenario->memory_per_million = 0;
    scenario->prefer_percent = 0;
    /* A slot for each, in time. */
    scenario->delay_min_us = 5 * MS;
    scenario->delay_max_us = dice_spread(dice, 6, 50) * MS;
    if (scenario->gap_us < scenario->burst * (uint64_t)(300 * MS))
        scenario->gap_us = scenario->burst * (uint64_t)(300 * MS);
    for (unsigned i = 0; i < scenario->nodes; i++) {
        struct model_traits *traits = &scenario->traits[i];
        traits->reset_permille = traits->ackless_percent = traits->non_percent = 0;
        traits->challenges = false;
        traits->think_max_us = 150 * MS;
        traits->separate_max_us = 2 * S;
    }
}

/* Clients that want nothing but the value, and nodes that have it. */
static void make_plain(struct scenario *scenario, struct dice *dice)
{
    scenario->is_plain = true;
    scenario->reloads = scenario->serves_stale = false;
    scenario->wish_percent = scenario->known_percent = 0;
    scenario->unsafe_percent = dice_chance(dice, 500) ? 0 : 3;
    scenario->cache_entries = 10000;
    scenario->cache_bytes = 16 << 20;
    for (unsigned i = 0; i < scenario->nodes; i++) {
        scenario->traits[i].has_same_etags = false;
        scenario->traits[i].misvalid_permille = scenario->traits[i].fails_permille = 0;
    }
}

/* Everybody asks for one resource, whose node takes its time. */
static void make_crowd(struct scenario *scenario, struct dice *dice)
{
    struct model_traits *traits = &scenario->traits[0];

    scenario->nodes = 1;
    scenario->settings.has_unsafe_timing = true;
    scenario->settings.nstart = 8;
    scenario->untagged_percent = 100;
    scenario->marks = dice_below(dice, 3);
    scenario->burst = 1 + dice_below(dice, 3);
    scenario->gap_us = scenario->burst * dice_between(dice, 50, 300) * MS;
    scenario->unsafe_percent = dice_chance(dice, 300) ? 0 : (unsigned)dice_between(dice, 3, 20);
    /* What clients remember the cache has forgotten. */
    if (dice_chance(dice, 500)) {
        scenario->cache_entries = 1;
        scenario->marks = 2;
        scenario->known_percent = 60;
        traits->has_etags = true;
        traits->has_same_etags = false;
        traits->misvalid_permille = traits->fails_permille = 0;
    }
    traits->resources = 1;
    traits->separate_percent = 100;
    traits->separate_min_us = 0;
    traits->separate_max_us = 3 * S;
    traits->think_max_us = 20 * MS;
    traits->acts_at_once = true;
}

/* Clients that ask for few things again and again, several at once, with all that HTTP lets them
 * say of caches. */
static void draw_shares(struct scenario *scenario, struct dice *dice)
{
    scenario->name = "shares";
    scenario->shares = true;
    scenario->has_blocks = scenario->cuts_transfers = false;
    scenario->settings.block_size = scenario->settings.blockwise_threshold = 1024;
    scenario->value_size = dice_spread(dice, 40, 900);
    scenario->nodes = 1 + dice_below(dice, 3);
    scenario->forge_permille = scenario->corrupt_permille = 0;
    scenario->untagged_percent = (unsigned)dice_between(dice, 50, 100);
    scenario->unsafe_percent = dice_chance(dice, 300) ? 0 : (unsigned)dice_spread(dice, 1, 40);
    scenario->wish_percent = dice_chance(dice, 300) ? 0 : (unsigned)dice_between(dice, 1, 80);
    scenario->known_percent = dice_chance(dice, 300) ? 0 : (unsigned)dice_between(dice, 1, 80);
    scenario->marks = dice_below(dice, 4);
    scenario->requests = (unsigned)dice_between(dice, 50, 300);
    scenario->burst = dice_chance(dice, 500) ? 1 : (unsigned)dice_spread(dice, 2, 30);
    scenario->gap_us = dice_spread(dice, 10 * MS, 20 * S);
    scenario->change_us = dice_chance(dice, 300) ? 0 : dice_spread(dice, S, 60 * S);
    for (unsigned i = 0; i < scenario->nodes; i++) {
        struct model_traits *traits = &scenario->traits[i];
        traits->resources = 1 + dice_below(dice, 3);
        traits->tells_by_format = traits->takes_no_blocks = false;
        traits->block_size = traits->plain_max = 1024;
        traits->body_max = MODEL_VALUE_MAX;
        traits->answer_size = 0;
        traits->forgets_permille = traits->changes_permille = traits->repeats_permille = 0;
        traits->skips_permille = traits->trims_permille = 0;
        traits->shrinks_blocks = false;
        draw_keeping(traits, dice);
    }
    if (dice_chance(dice, 500))
        return;
    make_sound(scenario, dice);
    if (dice_chance(dice, 400))
        make_plain(scenario, dice);
    else if (dice_chance(dice, 600))
        make_crowd(scenario, dice);
}

/* Worlds in which one thing happens more often than by chance. */
static void draw_special(struct scenario *scenario, uint64_t seed)
{
    struct dice dice;

    dice_init(&dice, seed, 2);
    if (dice_chance(&dice, 60)) {
        draw_transfers(scenario, &dice);
        return;
    }
    dice_init(&dice, seed, 3);
    if (dice_chance(&dice, 500))
        draw_cache_limits(scenario, &dice);
    if (scenario->cache_entries > 0 && dice_chance(&dice, 500))
        draw_shares(scenario, &dice);
}

void scenario_draw(struct scenario *scenario, uint64_t seed)
{
    struct dice dice;

    dice_init(&dice, seed, 1);
    *scenario = (struct scenario){.name = "mixed", .nodes = 1 + dice_below(&dice, 5)};
    scenario_streams_none(scenario);
    draw_settings(scenario, &dice);
    if (dice_chance(&dice, 5)) {
        settings_init(&scenario->settings);
        scenario->outstanding = 1000;
        draw_flood(scenario, &dice);
        return;
    }
    draw_network(scenario, &dice);
    draw_clients(scenario, &dice);
    for (unsigned i = 0; i < scenario->nodes; i++)
        draw_traits(&scenario->traits[i], &dice);
    if (dice_chance(&dice, 350))
        draw_blocks(scenario, &dice);
    draw_blockless(scenario, &dice);
    scenario->change_us = dice_chance(&dice, 500) ? 0 : dice_spread(&dice, S, 60 * S);
    if (scenario->has_blocks && dice_chance(&dice, 150))
        scenario->change_us = dice_spread(&dice, 10 * MS, S);
    scenario->trouble_us = dice_chance(&dice, 400) ? 0 : dice_spread(&dice, 5 * S, 300 * S);
    scenario->stall_us = dice_chance(&dice, 800) ? 0 : dice_spread(&dice, 1 * MS, 30 * MS);
    scenario->steps_wall_clock = dice_chance(&dice, 500);
    scenario->memory_per_million =
        dice_chance(&dice, 850) ? 0 : (unsigned)dice_spread(&dice, 100, 50000);
    if (dice_chance(&dice, 150)) {
        scenario->name = "calm";
        scenario->loss_permille = scenario->duplicate_permille = scenario->corrupt_permille = 0;
        scenario->trouble_us = 0;
    }
    draw_special(scenario, seed);
    scenario_streams_none(scenario);
    dice_init(&dice, seed, 4);
    if (dice_chance(&dice, 300) && scenario->name[0] != 't')
        scenario_streams(scenario, &dice);
    dice_init(&dice, seed, 5);
    if (scenario->cache_entries > 0 && dice_chance(&dice, 200))
        scenario_auto(scenario, &dice);
}
