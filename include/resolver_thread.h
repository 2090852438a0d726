/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_RESOLVER_THREAD_H
#define COAPGW_RESOLVER_THREAD_H

/*
 * resolver_thread: the daemon's resolver: getaddrinfo in the helper thread.
 */

#include "resolver.h"

struct helper_thread;
struct resolver_thread;

/* `helper` is borrowed for life. NULL when memory is short. */
struct resolver_thread *resolver_thread_new(struct helper_thread *helper);
/* Forgets all questions without an answer. Before or after the helper thread is freed: when the
 * helper goes first, open questions are answered RESOLVER_FAILED. */
void resolver_thread_free(struct resolver_thread *resolver);
/* The resolver for the core; it lives as long as `resolver`. */
struct resolver resolver_thread_resolver(struct resolver_thread *resolver);

#endif
