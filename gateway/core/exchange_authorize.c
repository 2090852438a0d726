/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange_private.h"

/*
 * Where the messages of a request would go, and whether they may (RFC 8075 10.4). A name is
 * resolved once for each request; the addresses are judged one by one, and only to those that pass
 * anything is sent (SEC-07). Everything here may run twice or more often: a name that is not
 * known yet parks the exchange, and the step starts anew when the answer is there.
 */

#include <string.h>

#include "access.h"
#include "core_private.h"
#include "policy.h"
#include "target.h"
#include "timers.h"

static void wake(void *handle)
{
    struct exchange *exchange = handle;

    exchange_resume(exchange);
    /* It may wait for another one: the time is for all of them. */
    if (exchange->wait.entry == NULL)
        timers_disarm(exchange->core->options.timers, &exchange->names_deadline);
}

static void names_overdue(void *handle)
{
    struct exchange *exchange = handle;

    exchange_forget_names(exchange);
    (void)exchange_fail(exchange, PROBLEM_NAME, 504,
                        "the name service did not answer within %.3g s",
                        (double)exchange->rules->settings.deadline_ms / 1000);
    exchange_prefer_stale(exchange);
    exchange_tell(exchange);
}

void exchange_init_names(struct exchange *exchange)
{
    exchange->wait.answered = wake;
    exchange->wait.handle = exchange;
    timer_init(&exchange->names_deadline, names_overdue, exchange);
}

void exchange_forget_names(struct exchange *exchange)
{
    names_forget(&exchange->wait);
    timers_disarm(exchange->core->options.timers, &exchange->names_deadline);
}

/* A name service gets as much time as a node. */
static enum step_result park(struct exchange *exchange)
{
    if (!exchange->names_deadline.is_armed)
        timers_arm(exchange->core->options.timers, &exchange->names_deadline,
                   (uint64_t)exchange->rules->settings.deadline_ms * 1000);
    return STEP_PARKED;
}

enum step_result exchange_await_name(struct exchange *exchange, const char *name)
{
    /* exchange_begin does not wait: the head is checked on, and exchange_run comes back to here. */
    if (exchange->is_beginning) {
        exchange->is_deferred = true;
        exchange->step = EXCHANGE_STEP_BODY;
        return STEP_NEXT;
    }
    /* Each name of the rules, the target and the proxy once; more only when the cache is flooded.
     */
    if (exchange->names_asked++ < ACCESS_NAMES_MAX + 8 &&
        names_ask(exchange->core->names, name, &exchange->wait) == 0)
        return park(exchange);
    (void)exchange_fail(exchange, PROBLEM_OVERLOADED, 503,
                        "too many names are being resolved at the moment");
    (void)http_reply_add(&exchange->reply, "Retry-After", "5");
    return STEP_ANSWERED;
}

enum step_result exchange_addresses(struct exchange *exchange,
                                    const struct uri_authority *authority,
                                    struct endpoint_address addresses[RESOLVER_ADDRESSES_MAX],
                                    size_t *count)
{
    switch (
        target_addresses(exchange->core->names, authority, exchange->began_us, addresses, count)) {
    case TARGET_KNOWN:
        break;
    case TARGET_NEEDS_NAME:
        return exchange_await_name(exchange, authority->host);
    case TARGET_NO_ZONE:
        return exchange_fail(exchange, PROBLEM_UNREACHABLE, 502,
                             "the gateway has no interface of the name in the address's zone");
    case TARGET_NAME_FAILED:
        return exchange_fail(exchange, PROBLEM_NAME, 502,
                             "the name service gave no answer for the name of the node");
    case TARGET_NAME_UNKNOWN:
        return exchange_fail(exchange, PROBLEM_NAME, 502,
                             "the name of the node is not known to the name service");
    }
    return STEP_NEXT;
}

static struct target target_of(const struct exchange *exchange)
{
    return (struct target){
        .core = exchange->core,
        .policy = exchange->policy,
        .authority = &exchange->match.authority,
        .is_chosen_by_client = exchange->match.kind == MAPPING_HC,
        .request = &exchange->coap.message,
        .method = exchange->method,
        .roles = exchange->request->roles,
        .since_us = exchange->began_us,
    };
}

bool exchange_may_get(struct exchange *exchange, const struct rest_message *request)
{
    struct target target = target_of(exchange);

    target.request = request;
    target.method = HTTP_METHOD_GET;
    return target_judge(&target, &exchange->peer).verdict == ACCESS_ALLOWED;
}

bool exchange_may_see(struct exchange *exchange, const struct endpoint_address *address)
{
    struct target target = target_of(exchange);
    struct target_objection objection;

    /* Behind an upstream proxy what was judged is not where messages go. */
    target.is_chosen_by_client &= !exchange->policy->has_upstream_proxy;
    objection = target_object(&target, address);
    return objection.verdict == ACCESS_ALLOWED && !objection.is_self;
}

/* The problem is written only for the first of several objections. */
static enum step_result refuse(struct exchange *exchange, const struct target_objection *objection)
{
    if (objection->is_self)
        return exchange_fail(exchange, PROBLEM_LOOP, 508, "the target is the gateway itself");
    switch (objection->verdict) {
    case ACCESS_METHOD_NOT_ALLOWED:
        return exchange_fail_method(exchange, objection->allowed_methods);
    case ACCESS_MULTICAST:
        return exchange_fail(exchange, PROBLEM_FORBIDDEN, 403, "the target is a multicast address");
    case ACCESS_SPECIAL_PORT:
        return exchange_fail(exchange, PROBLEM_FORBIDDEN, 403,
                             "the port belongs to another service; only an access rule that names "
                             "the number allows it");
    case ACCESS_LINK_LOCAL:
        return exchange_fail(exchange, PROBLEM_BAD_TARGET, 400, "%s",
                             uri_error_text(URI_ERROR_ZONE));
    case ACCESS_DENIED:
    case ACCESS_ALLOWED:
    case ACCESS_NEEDS_NAME:
        break;
    }
    return exchange_fail(exchange, PROBLEM_FORBIDDEN, 403,
                         "the access rules do not let this client reach this target");
}

/* Keeps the addresses that nothing stands against, in their order; the first is the peer. */
static enum step_result choose_peers(struct exchange *exchange,
                                     const struct endpoint_address *addresses, size_t count)
{
    struct target target = target_of(exchange);
    struct target_objection first = {.verdict = ACCESS_DENIED};
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        struct target_objection objection = target_object(&target, &addresses[i]);

        if (objection.verdict == ACCESS_NEEDS_NAME)
            return exchange_await_name(exchange, objection.name);
        if (objection.verdict == ACCESS_ALLOWED && !objection.is_self)
            exchange->addresses[kept++] = addresses[i];
        if (i == 0)
            first = objection;
    }
    if (kept == 0)
        return refuse(exchange, &first);
    exchange->address_count = kept;
    exchange->is_partly_refused = kept < count;
    exchange->peer = exchange->addresses[0];
    exchange->step = exchange->is_beginning ? EXCHANGE_STEP_BODY : EXCHANGE_STEP_COMPOSE;
    return STEP_NEXT;
}

/* A mapped target that goes to the upstream proxy is the proxy's to resolve. */
static bool is_resolved_upstream(const struct exchange *exchange)
{
    return exchange->policy->has_upstream_proxy && exchange->match.kind != MAPPING_HC &&
           exchange->match.authority.host_kind == URI_HOST_NAME;
}

enum step_result exchange_authorize(struct exchange *exchange)
{
    const struct mapping_policy *rules = exchange->rules;
    struct endpoint_address addresses[RESOLVER_ADDRESSES_MAX];
    enum step_result result;
    size_t count = 0;

    if (exchange->match.kind != MAPPING_HC &&
        !access_role_suffices(rules->roles, exchange->request->roles, exchange->method))
        return exchange_fail(exchange, PROBLEM_FORBIDDEN, 403,
                             "your roles do not include this method here");
    if (is_resolved_upstream(exchange)) {
        memset(&exchange->peer, 0, sizeof exchange->peer);
        exchange->step = exchange->is_beginning ? EXCHANGE_STEP_BODY : EXCHANGE_STEP_COMPOSE;
        return STEP_NEXT;
    }
    if (exchange->match.kind != MAPPING_HC && rules->has_connect) {
        addresses[0] = rules->connect;
        addresses[0].is_secure = exchange->match.authority.scheme == URI_SCHEME_COAPS;
        return choose_peers(exchange, addresses, 1);
    }
    result = exchange_addresses(exchange, &exchange->match.authority, addresses, &count);
    if (result != STEP_NEXT || count == 0 || exchange->step != EXCHANGE_STEP_AUTHORIZE)
        return result;
    return choose_peers(exchange, addresses, count);
}
