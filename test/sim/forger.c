/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include <errno.h>
#include <string.h>

#include "wire_message.h"

/*
 * forger: somebody near the path, or a node that is out of step, sends what looks like an answer
 * to a request of the gateway but is none: the token is another one, the MID is another one, it
 * comes from another address, it is cut off. None of these may have an effect; the value that they
 * carry is one that no client may ever see. ICMP errors are forged too.
 */

static const char forged_value[] = "forged";

/* Lets at least one bit differ. */
static void spoil(struct dice *dice, uint8_t *bytes, size_t length)
{
    if (length > 0)
        bytes[dice_below(dice, (uint32_t)length)] ^= (uint8_t)(1u << dice_below(dice, 8));
}

static void make_answer(const struct wire_message *request, struct wire_message *answer,
                        enum wire_type type)
{
    wire_init(answer, type, WIRE_CODE(2, 5));
    answer->mid = request->mid;
    answer->token_length = request->token_length;
    memcpy(answer->token, request->token, sizeof answer->token);
    wire_add_uint(answer, WIRE_CONTENT_FORMAT, 0);
    answer->payload = (const uint8_t *)forged_value;
    answer->payload_length = sizeof forged_value - 1;
}

static void inject(struct place *from, const struct wire_message *message)
{
    struct world *world = from->world;
    uint8_t bytes[WIRE_DATAGRAM_MAX];
    size_t length = wire_write(message, bytes, sizeof bytes);

    world->totals->forged++;
    network_inject(from, dice_spread(&world->forge_dice, 10, 5000000), bytes, length);
}

static void inject_empty(struct place *from, enum wire_type type, uint16_t mid)
{
    struct wire_message message;

    wire_init(&message, type, 0);
    message.mid = mid;
    inject(from, &message);
}

/* Any place but that one. */
static struct place *elsewhere(struct place *place)
{
    struct world *world = place->world;
    unsigned count = world->scenario.nodes + 1;
    unsigned step = 1 + dice_below(&world->forge_dice, count - 1);

    return &world->places[(place->index + step) % count];
}

static void forge_icmp(struct place *place, const uint8_t *bytes, size_t length)
{
    struct dice *dice = &place->world->forge_dice;
    uint8_t copy[WIRE_DATAGRAM_MAX];

    if (length > sizeof copy || length < 12)
        return;
    memcpy(copy, bytes, length);
    switch (dice_below(dice, 4)) {
    case 0: /* right but for the token */
        spoil(dice, copy + 4, 8);
        break;
    case 1: /* right but for the MID */
        spoil(dice, copy + 2, 2);
        break;
    case 2: /* too little of it */
        length = dice_below(dice, 12);
        break;
    default: /* right, but no sign that the destination fails */
        network_return(place, dice_spread(dice, 10, 1000000), copy, length, ENOBUFS);
        return;
    }
    network_return(place, dice_spread(dice, 10, 1000000), copy, length, ECONNREFUSED);
    place->world->totals->forged++;
}

void forger_saw(struct place *place, const uint8_t *bytes, size_t length)
{
    struct world *world = place->world;
    struct dice *dice = &world->forge_dice;
    struct wire_message request, answer;

    if (!dice_chance(dice, world->scenario.forge_permille) ||
        wire_parse(&request, bytes, length) != WIRE_FINE || !wire_is_request(&request))
        return;
    make_answer(&request, &answer, (enum wire_type)dice_below(dice, 3));
    switch (dice_below(dice, 8)) {
    case 0: /* another token, the MID is right */
        spoil(dice, answer.token, answer.token_length);
        inject(place, &answer);
        return;
    case 1: /* another MID in the ACK, the token is right */
        answer.type = WIRE_ACK;
        /* one of the past: a later block may have the token, and the next MIDs */
        answer.mid = (uint16_t)(answer.mid - 1 - dice_below(dice, 1000));
        inject(place, &answer);
        return;
    case 2: /* all right, but from another address */
        inject(elsewhere(place), &answer);
        return;
    case 3: /* a shorter token, or none */
        answer.token_length = (uint8_t)dice_below(dice, answer.token_length);
        inject(place, &answer);
        return;
    case 4:
        inject_empty(place, dice_chance(dice, 500) ? WIRE_ACK : WIRE_RST,
                     (uint16_t)(request.mid ^ (1u << dice_below(dice, 16))));
        return;
    case 5:
        inject_empty(elsewhere(place), dice_chance(dice, 500) ? WIRE_ACK : WIRE_RST, request.mid);
        return;
    case 6:
        inject_empty(place, WIRE_CON, (uint16_t)dice_below(dice, 65536));
        return;
    default:
        forge_icmp(place, bytes, length);
        return;
    }
}
