/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_DICE_H
#define COAPGW_TEST_DICE_H

/*
 * dice: one stream of random numbers for each consumer of the simulation, all of them made from one
 * seed, so that one more throw of one consumer shifts nothing of the others.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "random_source.h"

struct dice {
    struct random_sequence sequence;
};

/* `consumer` tells the streams of one seed apart. */
void dice_init(struct dice *dice, uint64_t seed, uint64_t consumer);
struct random_source dice_source(struct dice *dice);
/* 0 .. bound-1; 0 for a bound of 0. */
uint32_t dice_below(struct dice *dice, uint32_t bound);
/* low .. high */
uint64_t dice_between(struct dice *dice, uint64_t low, uint64_t high);
/* True in `permille` of 1000 cases. */
bool dice_chance(struct dice *dice, unsigned permille);
/* low .. high with every order of magnitude alike. */
uint64_t dice_spread(struct dice *dice, uint64_t low, uint64_t high);
void dice_bytes(struct dice *dice, void *bytes, size_t length);

#endif
