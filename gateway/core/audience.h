/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_AUDIENCE_H
#define COAPGW_AUDIENCE_H

/*
 * audience: all streams that see one observation under one name and in one form. It is one
 * subscription of the observation, renders what is told once, and gives each of its members a
 * reference.
 */

#include <stdbool.h>

#include "observation.h"

struct audience;
struct sse_change;
struct sse_id;
struct stream_target;
struct streams;

struct audience_wish {
    const struct observation_spec *spec; /* of the observation, when there is none yet */
    const char *target;                  /* as events name it; copied */
    bool is_envelope;                    /* whatever the format: /events */
};

/* Subscribes a target of a stream, which has no audience yet. It leaves by audience_leave or when
 * the observation is gone. OPENED, or why there is no observation. */
enum observation_refusal audience_join(struct streams *streams, const struct audience_wish *wish,
                                       struct stream_target *target);
/* The last one's leaving ends the subscription. Fine without an audience. */
void audience_leave(struct stream_target *target);
/* Queues the state and the value that the target has now; without the value when `last` (may be
 * NULL) names it. */
void audience_show(struct stream_target *target, const struct sse_id *last);
/* Queues what the target owes. */
void audience_pay(struct stream_target *target);
bool audience_is_settled(const struct stream_target *target);
/* What it rendered last is not there any more. */
void audience_forget_latest(struct audience *audience);
/* Another policy is in force: who would not get the stream under it is told `gone`. */
void audience_judge_all(struct streams *streams);
/* All members of all audiences are told `gone`. */
void audience_end_all(struct streams *streams, const struct sse_change *change);

#endif
