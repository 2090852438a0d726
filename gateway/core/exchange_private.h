/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_EXCHANGE_PRIVATE_H
#define COAPGW_EXCHANGE_PRIVATE_H

/*
 * exchange_private: the exchange and its steps, for the modules exchange_*.c.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "cache.h"
#include "cache_control.h"
#include "exchange.h"
#include "inquiry.h"
#include "mapping.h"
#include "media_type.h"
#include "metrics.h"
#include "names.h"
#include "prefer.h"
#include "problem.h"
#include "request_layer.h"
#include "rest.h"
#include "timers.h"

struct events_run;
struct exchange_async;
struct node;
struct node_label;
struct observation_spec;
struct policy;
struct representation;

/* In the order in which a request takes them; AUTHORIZE may come behind BODY when a name has to be
 * resolved, since exchange_begin does not wait. LOOK_UP may be taken again: when the node has no
 * such media type, or when the request of another that was waited for came to nothing. */
enum exchange_step {
    EXCHANGE_STEP_AUTHENTICATE, /* own resources, 401 */
    EXCHANGE_STEP_EVENTS,       /* /events: 400, then the streams of all its targets */
    EXCHANGE_STEP_MAP,          /* 404, 400 */
    EXCHANGE_STEP_METHOD,       /* 405, 501 */
    EXCHANGE_STEP_AUTHORIZE,    /* resolve the target, 403 */
    EXCHANGE_STEP_BODY,         /* what the head tells of the body: 400, 411, 413, 415 */
    EXCHANGE_STEP_COMPOSE,      /* the body is there: the CoAP request */
    EXCHANGE_STEP_LOOK_UP,      /* answered from the cache, or waits for the request of another */
    EXCHANGE_STEP_ROUTE,        /* to the node itself or to the upstream proxy */
    EXCHANGE_STEP_STREAM,       /* of events, in place of an answer: waits for first news */
    EXCHANGE_STEP_FORWARD,      /* queue of the node, 503 */
    EXCHANGE_STEP_AWAIT,        /* parked until the final event of the request, or of another's */
    EXCHANGE_STEP_ANSWERED,
};

enum step_result {
    STEP_NEXT,       /* the step has set the next one */
    STEP_WANTS_BODY, /* exchange_begin is done */
    STEP_PARKED,     /* an event goes on with it */
    STEP_ANSWERED,   /* the reply is complete */
};

TAILQ_HEAD(exchange_joiners, exchange);

struct exchange {
    uint64_t id;
    TAILQ_ENTRY(exchange) link; /* of the table: ended, or in the pool */

    /* From here to `match` zeroed at the beginning of each request. */
    struct core *core;
    enum exchange_step step;
    bool is_beginning;         /* inside exchange_begin: no waiting */
    bool is_deferred;          /* AUTHORIZE waits until exchange_run */
    bool is_ended;             /* both halves are over: in the list `ended` */
    bool has_sent;             /* a request was given to blockwise */
    bool is_quiet;             /* the node is asked for fewer answers: `quiet_settings` */
    bool has_echoed;           /* a challenge of the node was answered */
    bool is_attached;          /* the HTTP side is there */
    bool is_routed;            /* the CoAP request says where it goes */
    bool has_waited_for_route; /* the cache may know more by now */
    bool wants_stream;         /* a GET or HEAD that prefers events (SSE-01) */
    bool is_partly_refused;    /* not all addresses of the name: who asked there could reach more */
    struct exchange_async *async;       /* owned; the client got 202 and was not made to wait */
    const struct http_request *request; /* borrowed, or that of `async`; NULL once nobody wants the
                                           reply any more */
    uint8_t *body;                      /* owned, of the request: sent block by block */
    size_t body_charge;                 /* of core->options.memory */
    void *north;
    struct policy *policy;              /* counted */
    const struct mapping_policy *rules; /* of the mapping; borrowed from the policy */
    struct node_label *label;           /* counted; NULL until mapped */
    struct node *node;                  /* at `peer`; counted; NULL until chosen, or unknown */
    unsigned method;                    /* one bit of enum http_method, override applied */
    uint64_t client_key;                /* of the request: it may be gone when we ask again */
    uint64_t began_us;
    struct preferences preferences;
    struct request_times times; /* of all CoAP requests together */
    struct timer patience;      /* armed: how long the client wants to wait for its answer */
    unsigned names_asked;
    struct names_wait wait;
    struct timer names_deadline; /* armed while a name is waited for */
    struct settings quiet_settings;
    struct endpoint_address peer; /* where messages go; valid from AUTHORIZE on */
    size_t address_count;         /* of `addresses` */
    size_t address_index;         /* of `peer` */
    uint64_t request_id;          /* of blockwise; 0: none under way */
    struct inquiry_told told;     /* of the request under way: what its node was told of */
    unsigned retransmissions;     /* of the requests before it */
    uint8_t response_code;        /* of the last response; 0: none */
    uint32_t size_limit;          /* of a body, as the node told with 4.13; 0: unknown */
    enum problem_type problem;    /* of the last failure; PROBLEM_TYPES: none */
    int content_format;           /* of the request's body; -1: none */
    int accept;                   /* Content-Format of the Accept option; -1: none */
    size_t candidate;             /* index into choice.formats */
    struct media_choice choice;

    /* Of exchange_cache.c. */
    struct cache_key *key; /* owned, only as long as what is written; NULL before LOOK_UP */
    bool uses_cache;       /* what the node answers may be stored under `key` */
    bool is_alone;         /* nobody may wait for this request beside its own client */
    struct cache_control wishes;
    struct cache_status cache_status;
    enum metrics_cache_result cache_result; /* METRICS_CACHE_RESULTS: not looked up */
    struct representation *held;            /* lent: the request asks whether it is still valid */
    struct cache_pending pending;           /* announced while a request is under way */
    uint64_t announced_us;
    /* Of exchange_join.c. */
    struct exchange *leader;         /* whose CoAP request it waits for; NULL: its own, or none */
    struct exchange_joiners joiners; /* that wait for the request of this one */
    TAILQ_ENTRY(exchange) join_link;
    struct timer join_deadline; /* armed while it has a leader */
    /* Of exchange_stream.c. */
    struct stream *stream;     /* owned until it is taken; NULL */
    struct timer stream_timer; /* armed while it waits for first news */
    bool is_for_events;
    struct events_run *run; /* of events.c: the target of /events that it is for; NULL: none */

    struct mapping_match match;
    /* Where messages may go, the best first: all that nothing stands against. */
    struct endpoint_address addresses[RESOLVER_ADDRESSES_MAX];
    struct rest_request coap;
    struct http_reply reply;
};

/* How a CoAP request has ended, for all that wait for it; and what else a reply can be made of. */
struct exchange_outcome {
    const struct rest_message *response;   /* NULL: it failed */
    struct representation *representation; /* whose content `response` is, or NULL */
    const struct request_report *report;   /* NULL: the node was not asked */
    struct buffer *body;                   /* has the payload, and may be taken; or NULL */
    enum request_failure failure;
    bool is_inconclusive; /* it says nothing of what others would get */
    uint64_t age_us;      /* of the response, since it came from the node */
    bool is_stored;
    int64_t fresh_us; /* of what is stored: as in struct cache_found */
};

/* exchange.c */
/* Goes on after a wait; tells the HTTP side when the reply is complete. */
void exchange_resume(struct exchange *exchange);
/* The reply was completed by an event: tells the HTTP side, or the status monitor. */
void exchange_tell(struct exchange *exchange);
/* Hands the exchange to the reaper when both halves are over. */
void exchange_end_if_over(struct exchange *exchange);
/* Cancels every request that still runs; all exchanges must have been detached. */
void exchange_abandon_all(struct core *core);
static inline bool exchange_is_answered(const struct exchange *exchange)
{
    return exchange->step == EXCHANGE_STEP_ANSWERED;
}

/* A GET for a target of /events, begun behind authentication: nobody is told of its end but
 * events_answered. NULL when memory is short. */
struct exchange *exchange_open_run(struct core *core, struct policy *policy, struct events_run *run,
                                   const struct http_request *request);
/* True when it has its reply. */
bool exchange_run_target(struct exchange *exchange);
/* Ends an exchange that nobody is inside of and no request is under way for. */
void exchange_close(struct exchange *exchange);

/* exchange_steps.c: takes steps until one waits or answers. */
enum step_result exchange_advance(struct exchange *exchange);
/* The largest body that is taken, in bytes. */
size_t exchange_body_limit(const struct exchange *exchange);
/* 400 for a request that must not have content. */
enum step_result exchange_fail_content(struct exchange *exchange);
/* 413 with a detail that names the limit. */
enum step_result exchange_fail_body_too_large(struct exchange *exchange);

/* exchange_authorize.c */
enum step_result exchange_authorize(struct exchange *exchange);
/* No name is waited for yet. */
void exchange_init_names(struct exchange *exchange);
/* No name is waited for any more. */
void exchange_forget_names(struct exchange *exchange);
/* Waits for a host name: PARKED, or another result when the exchange cannot wait. */
enum step_result exchange_await_name(struct exchange *exchange, const char *name);
/* The addresses of an authority with port and security filled in. NEXT; otherwise as
 * exchange_await_name, or ANSWERED with 502. */
enum step_result exchange_addresses(struct exchange *exchange,
                                    const struct uri_authority *authority,
                                    struct endpoint_address addresses[RESOLVER_ADDRESSES_MAX],
                                    size_t *count);
/* Whether the client may GET another resource of the target (for Location). */
bool exchange_may_get(struct exchange *exchange, const struct rest_message *request);

/* Whether the client may GET the target from that address, as far as the names in the rules are
 * known. */
bool exchange_may_see(struct exchange *exchange, const struct endpoint_address *address);

/* exchange_compose.c */
/* Reads Content-Type and Content-Encoding. ANSWERED with 400 or 415, or NEXT. */
enum step_result exchange_check_media(struct exchange *exchange);
enum step_result exchange_compose(struct exchange *exchange);
enum step_result exchange_route(struct exchange *exchange);
/* Asks for the next Content-Format of the client's Accept. False when there is none. */
bool exchange_next_candidate(struct exchange *exchange);

/* exchange_condition.c: If-None-Match of GET and HEAD. */
/* Asks the node about the entity tags that the client has, in place of ETag options that stand
 * there; those for which there is no room are left out. Returns how many it asks about. */
size_t exchange_add_client_etags(struct exchange *exchange);
/* Asks the node about one entity tag; false when there is no room for it. */
bool exchange_add_etag(struct exchange *exchange, const uint8_t *etag, size_t length);
/* True for a 2.03 with one of the entity tags that the request asked about. */
bool exchange_is_confirmation(const struct exchange *exchange, const struct rest_message *response);
/* Turns a complete reply into 304 when its client has what is in it. */
void exchange_judge_condition(struct exchange *exchange);

/* exchange_node.c */
/* Chooses the first of the remaining addresses at which a node may be asked. NEXT; or ANSWERED with
 * 504 when all of them are unreachable. */
enum step_result exchange_choose_node(struct exchange *exchange);
/* 504 for a request that waited for a node which became unreachable. */
enum step_result exchange_fail_given_up(struct exchange *exchange);
/* The request ended without a response: tells the node and its label, once for each request. */
void exchange_note_failure(struct exchange *exchange, enum request_failure failure,
                           const struct request_report *report);
/* The deadline has passed while the request goes on. */
void exchange_note_overdue(struct exchange *exchange, const struct request_report *report);
/* Whether a request that failed may be sent to another address, which becomes the next to choose:
 * one that is unsafe only if the node cannot have it. */
bool exchange_may_try_next(struct exchange *exchange, enum request_failure failure,
                           const struct request_report *report);
/* Whether the node asked not to be sent such a request for a while: NEXT, or ANSWERED with 429 or
 * 503. */
enum step_result exchange_check_hold(struct exchange *exchange);
/* The node answered: what its response says of requests to come. */
void exchange_note_response(struct exchange *exchange, const struct rest_message *response,
                            const struct request_report *report);

/* exchange_cache.c: what the cache has to do with an exchange. */
enum step_result exchange_look_up(struct exchange *exchange);
/* Adds the entity tags that the node is asked about: of what is stored, or the client's own. */
void exchange_add_tags(struct exchange *exchange);
/* The request is under way: others may join it. */
void exchange_announce(struct exchange *exchange);
/* A response of the node: stores it, or takes a 2.03 for what is stored (then `outcome` becomes
 * that). Nobody joins the request any more. `room` is for the content; the caller releases
 * outcome->representation. */
void exchange_take_response(struct exchange *exchange, struct exchange_outcome *outcome,
                            struct rest_message *room);
/* A request with an effect may have had it: what is stored of its target is not used any more
 * (RFC 9111 4.4). `response` may be NULL. Harmless after others. */
void exchange_invalidate(struct exchange *exchange, const struct rest_message *response);
/* The reply is a failure of the node: puts what is stored in its place where client or mapping
 * would rather have that (CACHE-20). */
void exchange_prefer_stale(struct exchange *exchange);
/* Nobody joins the request any more, and nothing of it will be stored. */
void exchange_leave_cache(struct exchange *exchange);
/* The exchange ends: counts what the cache did for it. */
void exchange_free_cache(struct exchange *exchange);

/* exchange_demand.c: what is asked for so often that it is worth being observed (CACHE-22). */
/* The client is given what the node answered with that code, whether it was asked for it or not. */
void exchange_note_given(const struct exchange *exchange, uint8_t code);
/* The node answered. */
void exchange_note_value(const struct exchange *exchange, const struct exchange_outcome *outcome);

/* exchange_join.c: those that wait for the CoAP request of another exchange, the leader. */
void exchange_init_joining(struct exchange *exchange);
/* Waits for the request of `leader`. */
enum step_result exchange_join(struct exchange *exchange, struct exchange *leader);
/* Its client has gone, or was answered. Harmless without a leader. */
void exchange_leave(struct exchange *exchange);
/* Answers all that wait for the leader's request; those for whom it says nothing begin again at
 * LOOK_UP. `outcome` NULL: all of them. Anything may be detached meanwhile. */
void exchange_share(struct exchange *leader, const struct exchange_outcome *outcome);

/* exchange_stream.c: requests for events. */
void exchange_init_stream(struct exchange *exchange);
/* Joins the observation of the target. ANSWERED, or PARKED until something is known of it. */
enum step_result exchange_stream(struct exchange *exchange);
/* An observation of what the exchange asks for, from ROUTE on; borrows all from it. */
struct observation_spec exchange_observation_spec(const struct exchange *exchange);
/* Makes the exchange's stream, without targets. NEXT, or ANSWERED with 503. */
enum step_result exchange_begin_stream(struct exchange *exchange);
/* The targets of the stream are joined. ANSWERED, or PARKED until something is known of one. */
enum step_result exchange_await_stream(struct exchange *exchange);
/* The head of a stream. Always ANSWERED. */
enum step_result exchange_answer_stream(struct exchange *exchange);
/* Gives up the stream that the exchange has. Harmless without. */
void exchange_leave_stream(struct exchange *exchange);

/* events.c: the step of a request for /events. */
enum step_result exchange_events(struct exchange *exchange);

/* exchange_forward.c */
/* NEXT; or ANSWERED with 403 when the target may only be asked by coaps, which is not there. */
enum step_result exchange_check_security(struct exchange *exchange);
enum step_result exchange_forward(struct exchange *exchange);
/* Makes the reply that an outcome has for the exchange and tells it; or asks for the next
 * Content-Format. */
void exchange_settle(struct exchange *exchange, const struct exchange_outcome *outcome);

/* exchange_quiet.c: requests to which not every answer is wanted (RFC 7967). */
/* Adds No-Response when the mapping asks for it. 0, or -1 when it does not fit. */
int exchange_add_no_response(struct exchange *exchange);
/* Takes it away from a request to a node that has kept silent a moment ago, or in blocks. */
void exchange_limit_silence(struct exchange *exchange);
bool exchange_wants_no_answer(const struct exchange *exchange);
/* Nobody answered, which says that all is well: 204. Always STEP_ANSWERED. */
enum step_result exchange_answer_quiet(struct exchange *exchange);

/* exchange_prefer.c: how long the client waits. */
void exchange_init_patience(struct exchange *exchange);
/* The exchange is parked: from now on the client waits. */
void exchange_begin_patience(struct exchange *exchange);
/* 202, of an exchange with `async`. */
const struct http_reply *exchange_async_reply(const struct exchange *exchange);
/* The reply is complete and goes to the status monitor. */
void exchange_complete_async(struct exchange *exchange);
/* Harmless without. */
void exchange_free_async(struct exchange *exchange);

/* exchange_echo.c: the node wants to know whether the request is fresh (RFC 9175 2.3). */
/* The request goes to another node: it does not get the value of this one. */
void exchange_forget_challenge(struct exchange *exchange);
bool exchange_is_challenge(const struct rest_message *response);
/* Whether the exchange can give the proof that is wanted. */
bool exchange_may_meet_challenge(const struct exchange *exchange);
/* Always STEP_ANSWERED. */
enum step_result exchange_refuse_challenge(struct exchange *exchange);
/* PARKED when the node is asked again, otherwise ANSWERED. */
enum step_result exchange_meet_challenge(struct exchange *exchange,
                                         const struct rest_message *response);
/* Whether an Echo value that came with another response may go with the request. */
bool exchange_may_echo(const struct exchange *exchange);

/* exchange_translate.c: makes the reply from a response. */
void exchange_translate(struct exchange *exchange, const struct exchange_outcome *outcome);

/* exchange_fail.c */
/* The reply becomes a problem document. Always STEP_ANSWERED. */
enum step_result exchange_fail(struct exchange *exchange, enum problem_type type, unsigned status,
                               const char *format, ...) __attribute__((format(printf, 4, 5)));
/* The same with an Allow field for a set of methods. */
enum step_result exchange_fail_method(struct exchange *exchange, unsigned allowed);
/* Forgets what stands in the reply. */
void exchange_reset_reply(struct exchange *exchange);
/* Adds a field; a reply that is full goes without it. */
void exchange_add_allow(struct exchange *exchange, unsigned methods);
/* "node kitchen", "the node of /kitchen/light", "the node": never an address (ERR-10). */
const char *exchange_node_phrase(const struct exchange *exchange, char *text, size_t size);

#endif
