/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario.h"

#include "dice.h"

/*
 * scenario_streams: subscribers in a world that was drawn without them. Its nodes observe, most of
 * them, and its clients go on with what they do. In some worlds days pass, with little happening in
 * each of them.
 */

enum { MS = 1000, S = 1000000, HOUR_S = 3600 };

void scenario_streams_none(struct scenario *scenario)
{
    scenario->subscribers = 0;
    scenario->poll_minimum_ms = 10000;
    scenario->heartbeat_ms = 15000;
    scenario->stream_queue = 16;
    scenario->streams_max = 10000;
    scenario->registrations = 10000;
    scenario->registrations_per_node = 1000;
}

static unsigned sometimes(struct dice *dice, unsigned permille, unsigned low, unsigned high)
{
    return dice_chance(dice, permille) ? (unsigned)dice_spread(dice, low, high) : 0;
}

static void draw_observing(struct model_traits *traits, struct dice *dice)
{
    traits->observes = dice_chance(dice, 850);
    traits->has_same_etags = false;
    traits->misvalid_permille = sometimes(dice, 100, 10, 300);
    traits->fails_permille = sometimes(dice, 100, 5, 300);
    traits->max_age_max_s = dice_chance(dice, 300) ? 10 : (unsigned)dice_spread(dice, 1, 200);
    traits->ages_are_bounded = true;
    traits->observers_max = sometimes(dice, 150, 1, 5);
    traits->refuses_observers_permille = sometimes(dice, 100, 10, 1000);
    traits->forgets_observers_permille = sometimes(dice, 200, 10, 500);
    traits->notify_con_percent = dice_chance(dice, 300)   ? 0
                                 : dice_chance(dice, 300) ? 100
                                                          : dice_below(dice, 101);
    traits->renews_percent = dice_chance(dice, 500) ? 0 : dice_below(dice, 101);
    traits->observe_step_max = dice_chance(dice, 500) ? 1 : (unsigned)dice_spread(dice, 2, 100000);
    if (traits->resources > 4)
        traits->resources = 1 + dice_below(dice, 4);
    if (traits->reset_permille > 100)
        traits->reset_permille = 100;
    if (traits->separate_max_us > 20 * (uint64_t)S)
        traits->separate_max_us = 20 * (uint64_t)S;
}

static void draw_readers(struct scenario *scenario, struct dice *dice)
{
    scenario->subscribers = (unsigned)dice_spread(dice, 3, 60);
    scenario->subscribe_gap_us = dice_spread(dice, 1 * MS, 20 * S);
    scenario->storm_us = dice_spread(dice, 30 * S, 900 * (uint64_t)S);
    scenario->stay_us = dice_spread(dice, 1 * S, 300 * (uint64_t)S);
    scenario->stay_percent = dice_below(dice, 101);
    scenario->many_permille = dice_chance(dice, 500) ? 0 : (unsigned)dice_between(dice, 50, 500);
    scenario->slow_percent = dice_chance(dice, 500) ? 0 : dice_below(dice, 101);
    scenario->burst_us = dice_chance(dice, 300) ? 0 : dice_spread(dice, S, 200 * (uint64_t)S);
    scenario->move_us = dice_chance(dice, 850) ? 0 : dice_spread(dice, 30 * S, 600 * (uint64_t)S);
    scenario->dead_percent = dice_chance(dice, 700) ? 0 : 50;
    scenario->poll_minimum_ms =
        dice_chance(dice, 500) ? 10000 : (uint32_t)dice_spread(dice, 1000, 60000);
    scenario->heartbeat_ms =
        dice_chance(dice, 700) ? 15000 : (uint32_t)dice_spread(dice, 1000, 60000);
    scenario->stream_queue = dice_chance(dice, 500) ? 16 : (size_t)dice_spread(dice, 1, 64);
    if (dice_chance(dice, 100))
        scenario->streams_max = (size_t)dice_spread(dice, 1, 10);
    if (dice_chance(dice, 100))
        scenario->registrations = (size_t)dice_spread(dice, 1, 5);
    if (dice_chance(dice, 100))
        scenario->registrations_per_node = (size_t)dice_spread(dice, 1, 3);
}

/* Hours between two things that happen; nodes come back as others. */
static void make_days(struct scenario *scenario, struct dice *dice)
{
    scenario->name = "days";
    scenario->storm_us = dice_between(dice, 12, 30) * HOUR_S * S;
    scenario->requests = 20;
    scenario->burst = 1;
    scenario->gap_us = scenario->storm_us / 20;
    scenario->subscribers = 3 + dice_below(dice, 6);
    scenario->subscribe_gap_us = scenario->storm_us / 10;
    scenario->stay_us = dice_spread(dice, 600, 12 * HOUR_S) * S;
    scenario->stay_percent = 50;
    scenario->change_us = scenario->burst_us = 0;
    if (dice_chance(dice, 700))
        scenario->change_us = dice_spread(dice, 600, 6 * HOUR_S) * S;
    scenario->trouble_us = dice_spread(dice, 600, 3 * HOUR_S) * S;
    scenario->move_us = dice_chance(dice, 700) ? 0 : dice_spread(dice, HOUR_S, 12 * HOUR_S) * S;
    scenario->stall_us = 0;
    scenario->steps_wall_clock = false;
    scenario->reloads = false;
    if (scenario->nodes > 2)
        scenario->nodes = 2;
    for (unsigned i = 0; i < scenario->nodes; i++) {
        scenario->traits[i].max_age_max_s = 60 + dice_below(dice, 3000);
        scenario->traits[i].resources = 1 + dice_below(dice, 2);
    }
    if (scenario->heartbeat_ms < 15000)
        scenario->heartbeat_ms = 15000;
}

/* Where no answer can come in time nobody is ever told anything. */
static void leave_time(struct scenario *scenario)
{
    struct settings *settings = &scenario->settings;
    uint64_t needed_ms = 2 * scenario->delay_max_us / MS + scenario->stall_us / MS + 2000;
    uint64_t longest_ms = 0;

    for (unsigned i = 0; i < scenario->nodes; i++) {
        const struct model_traits *traits = &scenario->traits[i];
        uint64_t node_ms =
            (traits->think_max_us > traits->separate_max_us ? traits->think_max_us
                                                            : traits->separate_max_us) /
            MS;
        if (node_ms > longest_ms)
            longest_ms = node_ms;
    }
    needed_ms += longest_ms;
    if (settings->deadline_ms < needed_ms)
        settings->deadline_ms = (uint32_t)needed_ms;
    if (settings->acked_deadline_ms < needed_ms)
        settings->acked_deadline_ms = (uint32_t)needed_ms;
    if ((uint64_t)settings->ack_timeout_ms * ((UINT64_C(2) << settings->max_retransmit) - 1) >=
        needed_ms)
        return;
    settings->ack_timeout_ms = 2000;
    settings->max_retransmit = 4;
}

/* Nothing that happens is to blame for what should not be. */
static void keep_sound(struct scenario *scenario)
{
    scenario->move_us = 0;
    scenario->dead_percent = 0;
    scenario->streams_max = scenario->registrations = scenario->registrations_per_node = 10000;
    for (unsigned i = 0; i < scenario->nodes; i++) {
        struct model_traits *traits = &scenario->traits[i];
        traits->reset_permille = traits->misvalid_permille = traits->fails_permille = 0;
    }
}

void scenario_streams(struct scenario *scenario, struct dice *dice)
{
    scenario->name = "streams";
    if (scenario->requests > 60)
        scenario->requests = 60;
    if (scenario->delay_max_us > 5 * (uint64_t)S)
        scenario->delay_max_us = 5 * (uint64_t)S;
    if (scenario->loss_permille > 300)
        scenario->loss_permille = 300;
    if (scenario->nodes > 3)
        scenario->nodes = 3;
    if (scenario->trouble_us > 0 && scenario->trouble_us < 20 * (uint64_t)S)
        scenario->trouble_us = 20 * (uint64_t)S;
    if (scenario->value_size > 2000)
        scenario->value_size = 2000;
    /* One that never comes to its end in time is never told. */
    scenario->cuts_transfers = false;
    if (scenario->has_blocks)
        scenario->settings.transfer_deadline_ms = 7200000;
    for (unsigned i = 0; i < scenario->nodes; i++)
        draw_observing(&scenario->traits[i], dice);
    draw_readers(scenario, dice);
    leave_time(scenario);
    if (scenario->is_sound)
        keep_sound(scenario);
    else if (dice_chance(dice, 80))
        make_days(scenario, dice);
}

void scenario_auto(struct scenario *scenario, struct dice *dice)
{
    scenario->auto_observe = true;
    for (unsigned i = 0; i < scenario->nodes; i++) {
        struct model_traits *traits = &scenario->traits[i];
        if (scenario->subscribers > 0)
            continue;
        traits->observes = dice_chance(dice, 800);
        traits->notify_con_percent = dice_below(dice, 101);
        traits->renews_percent = dice_chance(dice, 500) ? 0 : dice_below(dice, 101);
        traits->forgets_observers_permille = sometimes(dice, 200, 10, 500);
    }
}
