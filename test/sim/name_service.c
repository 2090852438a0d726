/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

/*
 * name_service: the resolver of the simulated world. "n3.sim" is the address of node 3; answers
 * take their time, fail now and then, and at times no question is taken.
 */

enum { MS = 1000 };

struct question {
    struct world *world;
    uint64_t id;
    unsigned node;
    resolver_answer *answer; /* NULL: cancelled */
    void *handle;
    TAILQ_ENTRY(question) link;
};

static void answer_comes(void *handle, void *subject)
{
    struct world *world = handle;
    struct question *question = subject;
    struct endpoint_address address;

    TAILQ_REMOVE(&world->questions, question, link);
    if (question->answer != NULL) {
        enum resolver_status status = RESOLVER_FOUND;
        if (dice_chance(&world->name_dice, 30))
            status = dice_chance(&world->name_dice, 500) ? RESOLVER_FAILED : RESOLVER_UNKNOWN_NAME;
        judge_tell(world->judge, "name of node %u: status %d", question->node, status);
        address = world->places[question->node].home->address;
        address.port = 0;
        question->answer(question->handle, status, &address, status == RESOLVER_FOUND ? 1 : 0);
    }
    memory_return(question);
}

static uint64_t ask(void *resolver, const char *name, resolver_answer *answer, void *handle)
{
    struct world *world = resolver;
    struct question *question;
    unsigned node = (unsigned)strtoul(name + 1, NULL, 10);

    if (dice_chance(&world->name_dice, 10) || node >= world->scenario.nodes)
        return 0;
    question = memory_take(sizeof *question);
    *question = (struct question){.world = world,
                                  .id = ++world->last_question,
                                  .node = node,
                                  .answer = answer,
                                  .handle = handle};
    TAILQ_INSERT_TAIL(&world->questions, question, link);
    world_later_owning(world, dice_spread(&world->name_dice, MS, NAME_SERVICE_WAIT_US),
                       answer_comes, world, question);
    return question->id;
}

static void cancel(void *resolver, uint64_t id)
{
    struct world *world = resolver;
    struct question *question;

    TAILQ_FOREACH(question, &world->questions, link)
    {
        if (question->id == id)
            question->answer = NULL;
    }
}

struct resolver name_service(struct world *world)
{
    static const struct resolver_ops ops = {.ask = ask, .cancel = cancel};

    return (struct resolver){.ops = &ops, .handle = world};
}
