/* SPDX-License-Identifier: BSD-2-Clause */
#include "audience.h"

/*
 * Between an observation and the streams that show it. An audience is what they have in common: the
 * observation, the name under which they see it, the form (text or envelope) and the policy, whose
 * media types say what is text. It is found by a hash over all of that, and lives as long as it has
 * members and the observation is not gone. Each event is rendered once; what a stream shows first
 * is shared too while somebody still has it to send.
 *
 * Everything is queued before any reader is told, as that one may close streams.
 */

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Short of memory an audience is not found by those who come later. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "buffer.h"
#include "core_private.h"
#include "http_message.h"
#include "media_type.h"
#include "memory_account.h"
#include "policy.h"
#include "problem.h"
#include "representation.h"
#include "sse.h"
#include "stream_private.h"

enum { ROLES_MASK = ROLE_READ | ROLE_WRITE | ROLE_ADMIN };

struct audience {
    struct subscription subscription; /* the first member: see audience_of */
    struct streams *streams;
    TAILQ_ENTRY(audience) link;
    UT_hash_handle hh;
    bool is_hashed;
    bool is_ended; /* no live members: it stays for the name of those who owe their end */
    size_t live;   /* members that are not gone */
    int default_format;
    struct stream_targets members;
    /* The value that was rendered last, while somebody still has it. */
    struct stream_event *latest; /* not counted; NULL */
    uint64_t latest_number;
    uint32_t latest_max_age_s;
    /* From here on it is the key. No padding. */
    struct observation *observation;
    struct policy *policy; /* counted */
    uintptr_t form;        /* enum form */
    char target[];
};

enum form { FORM_ENVELOPE = 1, FORM_MAPPED = 2 };

static struct audience *audience_of(struct subscription *subscription)
{
    return (struct audience *)(void *)subscription;
}

static struct memory_account *account_of(const struct audience *audience)
{
    return audience->streams->core->options.memory;
}

/* --- one for all who share it --- */

static const char *key_of(const struct audience *audience)
{
    return (const char *)audience + offsetof(struct audience, observation);
}

static size_t key_length(const struct audience *audience)
{
    return offsetof(struct audience, target) - offsetof(struct audience, observation) +
           strlen(audience->target);
}

static unsigned hash_of(const struct audience *audience)
{
    return keyed_hash(&audience->streams->hash, key_of(audience), key_length(audience));
}

static struct audience *find(const struct audience *wanted)
{
    struct audience *audience;

    HASH_FIND_BYHASHVALUE(hh, wanted->streams->audiences, key_of(wanted), key_length(wanted),
                          hash_of(wanted), audience);
    return audience;
}

static void insert(struct audience *audience)
{
    struct streams *streams = audience->streams;

    TAILQ_INSERT_TAIL(&streams->audience_list, audience, link);
    streams->audience_count++;
    HASH_ADD_BYHASHVALUE(hh, streams->audiences, observation, key_length(audience),
                         hash_of(audience), audience);
    audience->is_hashed = audience->hh.tbl != NULL;
}

static void take_out(struct audience *audience)
{
    TAILQ_REMOVE(&audience->streams->audience_list, audience, link);
    audience->streams->audience_count--;
    if (audience->is_hashed)
        HASH_DEL(audience->streams->audiences, audience);
    audience->is_hashed = false;
}

static void free_audience(struct audience *audience)
{
    if (audience->latest != NULL)
        audience->latest->latest_of = NULL;
    policy_release(audience->policy);
    free(audience);
}

static void leave(struct stream_target *target)
{
    TAILQ_REMOVE(&target->audience->members, target, audience_link);
    target->audience = NULL;
}

/* Nobody is shown anything any more. */
static void close_audience(struct audience *audience)
{
    if (!audience->is_ended) {
        audience->is_ended = true;
        take_out(audience);
        observation_unsubscribe(&audience->subscription);
    }
    if (TAILQ_EMPTY(&audience->members))
        free_audience(audience);
}

/* --- what is shown --- */

void audience_forget_latest(struct audience *audience)
{
    audience->latest = NULL;
}

static struct stream_event *render_change(const struct audience *audience,
                                          struct sse_change *change)
{
    struct stream_event *event = NULL;
    struct buffer text;

    change->target = audience->target;
    buffer_init(&text, SIZE_MAX);
    if (sse_write_state(&text, change) == 0)
        event = stream_event_new(STREAM_EVENT_STATE, &text, account_of(audience));
    buffer_clear(&text);
    return event;
}

static int format_of(const struct audience *audience, const struct rest_message *message)
{
    const struct rest_option *option = rest_find_option(message, REST_OPTION_CONTENT_FORMAT);
    uint32_t format;

    if (option != NULL && rest_option_uint(option, &format) && format <= UINT16_MAX)
        return (int)format;
    return audience->default_format;
}

static int write_value(const struct audience *audience, uint32_t max_age_s, struct buffer *out)
{
    const struct observation *observation = audience->observation;
    const struct media_table *media = audience->policy->media;
    const struct sse_id id = observation_value_id(observation);
    struct rest_message message;
    struct sse_value value = {
        .target = audience->target,
        .max_age_s = max_age_s,
        .at_ms = observation_value_at_ms(observation),
    };

    representation_read(observation_value(observation), &message);
    value.format = format_of(audience, &message);
    value.payload = message.payload;
    value.length = message.payload_length;
    return (audience->form & FORM_ENVELOPE) != 0 ? sse_write_envelope(out, media, &id, &value)
                                                 : sse_write_value(out, media, &id, &value);
}

/* The value as it is now: a reference, or NULL when there is no memory for it. */
static struct stream_event *render_value(struct audience *audience)
{
    uint64_t number = observation_value_id(audience->observation).number;
    uint32_t max_age_s = observation_max_age_s(audience->observation);
    struct stream_event *event = NULL;
    struct buffer text;

    if (audience->latest != NULL && audience->latest_number == number &&
        audience->latest_max_age_s == max_age_s)
        return stream_event_reference(audience->latest);
    buffer_init_charged(&text, SIZE_MAX, account_of(audience));
    if (write_value(audience, max_age_s, &text) == 0)
        event = stream_event_new(STREAM_EVENT_VALUE, &text, account_of(audience));
    buffer_clear(&text);
    if (event == NULL)
        return NULL;
    if (audience->latest != NULL)
        audience->latest->latest_of = NULL;
    audience->latest = event;
    audience->latest_number = number;
    audience->latest_max_age_s = max_age_s;
    event->latest_of = audience;
    return event;
}

static void show(struct stream_target *target, struct stream_event *event,
                 enum stream_event_kind kind)
{
    /* A value is not told before the state that it is told in. */
    bool comes_later = kind == STREAM_EVENT_VALUE && target->owes_state;

    if (event != NULL && !comes_later)
        stream_push(target, event);
    else
        stream_owe(target, kind);
}

static void show_state(struct stream_target *target)
{
    struct audience *audience = target->audience;
    struct stream_event *event;
    struct sse_change change = {0};

    observation_change(audience->observation, &change);
    event = render_change(audience, &change);
    show(target, event, STREAM_EVENT_STATE);
    stream_event_release(event);
}

static void show_value(struct stream_target *target)
{
    struct stream_event *event = render_value(target->audience);

    show(target, event, STREAM_EVENT_VALUE);
    stream_event_release(event);
}

void audience_show(struct stream_target *target, const struct sse_id *last)
{
    const struct observation *observation = target->audience->observation;
    struct sse_id id;

    show_state(target);
    if (observation_value(observation) == NULL)
        return;
    id = observation_value_id(observation);
    if (last == NULL || last->epoch != id.epoch || last->number != id.number)
        show_value(target);
}

static void pay_end(struct stream_target *target)
{
    struct audience *audience = target->audience;
    struct sse_change change = {
        .state = SSE_STATE_GONE, .reason = target->gone_reason, .status = target->gone_status};
    struct stream_event *event = render_change(audience, &change);

    show(target, event, STREAM_EVENT_STATE);
    stream_event_release(event);
    if (target->owes_state)
        return;
    leave(target);
    if (audience->live == 0)
        close_audience(audience);
}

void audience_pay(struct stream_target *target)
{
    bool owes_value = target->owes_value;

    if (target->is_gone) {
        pay_end(target);
        return;
    }
    if (target->owes_state)
        show_state(target);
    if (owes_value)
        show_value(target);
}

/* --- what is told --- */

static void show_all(struct audience *audience, struct stream_event *event,
                     enum stream_event_kind kind)
{
    struct stream_target *target;

    TAILQ_FOREACH(target, &audience->members, audience_link)
    {
        struct stream *stream = target->stream;

        if (target->is_gone)
            continue;
        if (stream->is_open)
            show(target, event, kind);
        else
            stream->opener.news(stream->opener.handle);
    }
}

static void drop_values(struct audience *audience)
{
    struct stream_target *target;

    TAILQ_FOREACH(target, &audience->members, audience_link)
    {
        stream_drop_values(target);
    }
}

/* Without room for it what waits goes first: it is not the newest any more. */
static void tell_value(struct audience *audience)
{
    struct stream_event *event = render_value(audience);

    if (event == NULL) {
        drop_values(audience);
        event = render_value(audience);
    }
    show_all(audience, event, STREAM_EVENT_VALUE);
    stream_event_release(event);
}

/* Who has no memory for the end stays until it is paid. */
static void end_member(struct stream_target *target, struct stream_event *event,
                       const struct sse_change *change, struct representation *refusal)
{
    target->audience->live--;
    stream_end_target(target, event, change, refusal);
    if (!target->owes_state)
        leave(target);
}

static void end(struct audience *audience, struct sse_change *change,
                struct representation *refusal)
{
    struct stream_event *event = render_change(audience, change);
    struct stream_target *target, *next;

    for (target = TAILQ_FIRST(&audience->members); target != NULL; target = next) {
        next = TAILQ_NEXT(target, audience_link);
        if (!target->is_gone)
            end_member(target, event, change, refusal);
    }
    stream_event_release(event);
    close_audience(audience);
}

static void told(struct subscription *subscription, enum observation_news news)
{
    struct audience *audience = audience_of(subscription);
    struct streams *streams = audience->streams;
    struct sse_change change = {0};

    if (news == OBSERVATION_VALUE) {
        tell_value(audience);
    } else {
        observation_change(audience->observation, &change);
        if (change.state == SSE_STATE_GONE) {
            end(audience, &change, observation_refusal(audience->observation));
        } else {
            struct stream_event *event = render_change(audience, &change);

            show_all(audience, event, STREAM_EVENT_STATE);
            stream_event_release(event);
        }
    }
    streams_tell(streams);
}

/* The node has moved: what each role may see there is asked once. */
static bool may_follow(struct subscription *subscription)
{
    struct audience *audience = audience_of(subscription);
    struct sse_change change = {
        .state = SSE_STATE_GONE, .reason = problem_slug(PROBLEM_FORBIDDEN), .status = 403};
    bool is_known[ROLES_MASK + 1] = {false}, is_allowed[ROLES_MASK + 1] = {false};
    struct stream_target *target, *next;
    struct stream_event *event = NULL;
    bool some_may = false, some_may_not = false;

    TAILQ_FOREACH(target, &audience->members, audience_link)
    {
        unsigned roles = target->roles & ROLES_MASK;

        if (target->is_gone)
            continue;
        if (!is_known[roles])
            is_allowed[roles] = observation_judge(audience->observation, roles);
        is_known[roles] = true;
        some_may = some_may || is_allowed[roles];
        some_may_not = some_may_not || !is_allowed[roles];
    }
    /* With none left the observation tells all of them. */
    if (!some_may || !some_may_not)
        return some_may;
    event = render_change(audience, &change);
    for (target = TAILQ_FIRST(&audience->members); target != NULL; target = next) {
        next = TAILQ_NEXT(target, audience_link);
        if (!target->is_gone && !is_allowed[target->roles & ROLES_MASK])
            end_member(target, event, &change, NULL);
    }
    stream_event_release(event);
    streams_tell_later(audience->streams);
    return true;
}

/* --- members --- */

static struct audience *make(struct streams *streams, const struct audience_wish *wish)
{
    size_t length = strlen(wish->target);
    struct audience *audience = calloc(1, sizeof *audience + length + 1);

    if (audience == NULL)
        return NULL;
    audience->streams = streams;
    audience->policy = policy_reference(wish->spec->policy);
    audience->default_format = wish->spec->rules->content_format;
    audience->form =
        (wish->is_envelope ? FORM_ENVELOPE : 0) | (wish->spec->is_mapped ? FORM_MAPPED : 0);
    memcpy(audience->target, wish->target, length + 1);
    TAILQ_INIT(&audience->members);
    audience->subscription.told = told;
    /* Where the configuration has chosen the target, whoever may see it may see it anywhere. */
    audience->subscription.may_follow = wish->spec->is_mapped ? NULL : may_follow;
    return audience;
}

static enum observation_refusal subscribe(struct audience *audience,
                                          const struct observation_spec *spec)
{
    struct core *core = audience->streams->core;
    enum observation_refusal refusal = OBSERVATION_OPENED;

    if (audience->observation != NULL) {
        observation_subscribe(audience->observation, &audience->subscription);
        return OBSERVATION_OPENED;
    }
    refusal = observation_open(core, spec, &audience->subscription);
    if (refusal == OBSERVATION_OPENED)
        audience->observation = observation_find(core, spec->key);
    return refusal;
}

enum observation_refusal audience_join(struct streams *streams, const struct audience_wish *wish,
                                       struct stream_target *target)
{
    struct audience *audience = make(streams, wish), *found = NULL;
    enum observation_refusal refusal;

    if (audience == NULL)
        return OBSERVATION_NO_MEMORY;
    audience->observation = observation_find(streams->core, wish->spec->key);
    if (audience->observation != NULL)
        found = find(audience);
    if (found != NULL) {
        free_audience(audience);
        audience = found;
    } else {
        refusal = subscribe(audience, wish->spec);
        if (refusal != OBSERVATION_OPENED) {
            free_audience(audience);
            return refusal;
        }
        insert(audience);
    }
    target->audience = audience;
    target->stream->live++;
    audience->live++;
    TAILQ_INSERT_TAIL(&audience->members, target, audience_link);
    return OBSERVATION_OPENED;
}

void audience_leave(struct stream_target *target)
{
    struct audience *audience = target->audience;

    if (audience == NULL)
        return;
    stream_forgive(target);
    if (!target->is_gone) {
        target->stream->live--;
        audience->live--;
    }
    leave(target);
    if (audience->live == 0)
        close_audience(audience);
}

bool audience_is_settled(const struct stream_target *target)
{
    return observation_is_settled(target->audience->observation);
}

/* --- a reload --- */

static void refuse_member(struct stream_target *target, unsigned status)
{
    struct sse_change change = {.state = SSE_STATE_GONE, .status = status};
    struct stream_event *event;

    if (status == 403 || status == 404)
        change.reason = problem_slug(status == 403 ? PROBLEM_FORBIDDEN : PROBLEM_NOT_FOUND);
    event = render_change(target->audience, &change);
    end_member(target, event, &change, NULL);
    stream_event_release(event);
}

/* Each role is judged once, whatever the number of members. */
static void judge_members(struct audience *audience)
{
    const struct core *core = audience->streams->core;
    bool is_known[ROLES_MASK + 1] = {false};
    unsigned statuses[ROLES_MASK + 1] = {0};
    struct stream_target *target, *next;

    for (target = TAILQ_FIRST(&audience->members); target != NULL; target = next) {
        unsigned roles = target->roles & ROLES_MASK;

        next = TAILQ_NEXT(target, audience_link);
        if (target->is_gone)
            continue;
        if (!is_known[roles])
            statuses[roles] =
                stream_judge(core, audience->observation, audience->target, target->roles);
        is_known[roles] = true;
        if (statuses[roles] != 0)
            refuse_member(target, statuses[roles]);
    }
    if (audience->live == 0)
        close_audience(audience);
}

void audience_judge_all(struct streams *streams)
{
    struct audience *audience, *next;

    for (audience = TAILQ_FIRST(&streams->audience_list); audience != NULL; audience = next) {
        next = TAILQ_NEXT(audience, link);
        judge_members(audience);
    }
    streams_tell(streams);
}

void audience_end_all(struct streams *streams, const struct sse_change *change)
{
    struct audience *audience;

    while ((audience = TAILQ_FIRST(&streams->audience_list)) != NULL) {
        struct sse_change farewell = *change;

        end(audience, &farewell, NULL);
    }
}
