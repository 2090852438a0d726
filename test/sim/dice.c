/* SPDX-License-Identifier: BSD-2-Clause */
#include "dice.h"

/*
 * dice: see the header. The numbers come from random_sequence, which gives the same ones on every
 * machine.
 */

void dice_init(struct dice *dice, uint64_t seed, uint64_t consumer)
{
    random_sequence_init(&dice->sequence, seed * UINT64_C(0x9E3779B97F4A7C15) + consumer);
}

struct random_source dice_source(struct dice *dice)
{
    return random_sequence_source(&dice->sequence);
}

static uint64_t draw(struct dice *dice)
{
    struct random_source source = dice_source(dice);
    uint8_t bytes[8];
    uint64_t value = 0;

    random_bytes(&source, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++)
        value = value << 8 | bytes[i];
    return value;
}

uint32_t dice_below(struct dice *dice, uint32_t bound)
{
    return bound == 0 ? 0 : (uint32_t)((draw(dice) >> 32) * bound >> 32);
}

uint64_t dice_between(struct dice *dice, uint64_t low, uint64_t high)
{
    return high <= low ? low : low + draw(dice) % (high - low + 1);
}

bool dice_chance(struct dice *dice, unsigned permille)
{
    return permille > 0 && dice_below(dice, 1000) < permille;
}

uint64_t dice_spread(struct dice *dice, uint64_t low, uint64_t high)
{
    unsigned steps = 0;

    while (steps < 63 && (low + 1) << steps < high)
        steps++;
    uint64_t top = (low + 1) << dice_below(dice, steps + 1);
    return dice_between(dice, low, top < high ? top : high);
}

void dice_bytes(struct dice *dice, void *bytes, size_t length)
{
    struct random_source source = dice_source(dice);

    random_bytes(&source, bytes, length);
}
