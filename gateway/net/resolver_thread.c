/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolver_thread.h"

/*
 * resolver_thread: names to addresses by getaddrinfo, so that whatever the host knows (hosts file,
 * DNS, multicast DNS) counts, in the helper thread, as it may block for seconds.
 *
 * A lookup is one job of the thread; a question is one asker's interest in it. Askers of a name
 * that is being looked up share the lookup. A cancelled question only leaves: the lookup goes on,
 * and its answer goes to who is left.
 */

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

#define HASH_NONFATAL_OOM 1
/* ids count up from 1 and no peer chooses them: spreading them is enough */
#define HASH_FUNCTION(key, length, hash)                                                           \
    do {                                                                                           \
        uint64_t id_;                                                                              \
        memcpy(&id_, (key), (length));                                                             \
        (hash) = (unsigned)((id_ * UINT64_C(0x9E3779B97F4A7C15)) >> 32);                           \
    } while (0)
#include <uthash.h>

#include "helper_thread.h"

struct question {
    uint64_t id;
    resolver_answer *answer;
    void *handle;
    struct lookup *lookup;
    TAILQ_ENTRY(question) entry;
    UT_hash_handle hh;
};

TAILQ_HEAD(question_list, question);

struct lookup {
    struct helper_job job;            /* first: the thread gives this back */
    struct resolver_thread *resolver; /* NULL once the resolver was freed */
    struct question_list questions;   /* loop's side only */
    LIST_ENTRY(lookup) entry;
    /* the thread's while it works */
    enum resolver_status status;
    size_t count;
    struct endpoint_address addresses[RESOLVER_ADDRESSES_MAX];
    char name[];
};

struct resolver_thread {
    struct helper_thread *helper;
    LIST_HEAD(, lookup) lookups; /* at most as many as the thread holds jobs */
    struct question *by_id;
    uint64_t next_id;
};

/* Adds an address unless it is there or the table is full. */
static void add_address(struct lookup *lookup, const struct sockaddr *found)
{
    struct endpoint_address address;
    if (lookup->count == RESOLVER_ADDRESSES_MAX ||
        !endpoint_address_from_sockaddr(&address, found)) {
        return;
    }
    address.port = 0;
    for (size_t i = 0; i < lookup->count; i++) {
        if (endpoint_address_equal(&lookup->addresses[i], &address)) {
            return;
        }
    }
    lookup->addresses[lookup->count++] = address;
}

/* Runs in the helper thread. AI_ADDRCONFIG stays off: it hides ::1 and link-local addresses on
 * hosts without a global one, which is usual at the edge. */
static void lookup_work(struct helper_job *job)
{
    struct lookup *lookup = (struct lookup *)job;
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
    struct addrinfo *found = NULL;
    int result = getaddrinfo(lookup->name, NULL, &hints, &found);
    if (result == EAI_NONAME || result == EAI_NODATA) {
        lookup->status = RESOLVER_UNKNOWN_NAME;
        return;
    }
    if (result != 0) {
        lookup->status = RESOLVER_FAILED;
        return;
    }
    for (const struct addrinfo *i = found; i != NULL; i = i->ai_next) {
        add_address(lookup, i->ai_addr);
    }
    freeaddrinfo(found);
    lookup->status = lookup->count > 0 ? RESOLVER_FOUND : RESOLVER_UNKNOWN_NAME;
}

static void question_free(struct resolver_thread *resolver, struct question *question)
{
    TAILQ_REMOVE(&question->lookup->questions, question, entry);
    HASH_DEL(resolver->by_id, question);
    free(question);
}

static void lookup_done(struct helper_job *job)
{
    struct lookup *lookup = (struct lookup *)job;
    if (lookup->resolver != NULL) {
        /* out of the list first: who asks again from inside an answer begins a new lookup */
        LIST_REMOVE(lookup, entry);
    }
    struct question *question;
    while ((question = TAILQ_FIRST(&lookup->questions)) != NULL) {
        resolver_answer *answer = question->answer;
        void *handle = question->handle;
        question_free(lookup->resolver, question);
        answer(handle, lookup->status, lookup->addresses, lookup->count);
    }
    free(lookup);
}

static struct lookup *lookup_find(const struct resolver_thread *resolver, const char *name)
{
    struct lookup *lookup;
    LIST_FOREACH(lookup, &resolver->lookups, entry)
    {
        if (strcmp(lookup->name, name) == 0) {
            return lookup;
        }
    }
    return NULL;
}

/* Starts a lookup that nobody asks yet. NULL when the thread is full or memory is short. */
static struct lookup *lookup_start(struct resolver_thread *resolver, const char *name)
{
    size_t size = strlen(name) + 1;
    struct lookup *lookup = calloc(1, sizeof *lookup + size);
    if (lookup == NULL) {
        return NULL;
    }
    lookup->job = (struct helper_job){.work = lookup_work, .done = lookup_done};
    lookup->resolver = resolver;
    lookup->status = RESOLVER_FAILED; /* should the thread end without working on it */
    memcpy(lookup->name, name, size);
    TAILQ_INIT(&lookup->questions);
    if (!helper_thread_submit(resolver->helper, &lookup->job)) {
        free(lookup);
        return NULL;
    }
    LIST_INSERT_HEAD(&resolver->lookups, lookup, entry);
    return lookup;
}

static uint64_t resolver_thread_ask(void *handle, const char *name, resolver_answer *answer,
                                    void *answer_handle)
{
    struct resolver_thread *resolver = handle;
    struct question *question = calloc(1, sizeof *question);
    if (question == NULL) {
        return 0;
    }
    question->id = resolver->next_id;
    question->answer = answer;
    question->handle = answer_handle;
    HASH_ADD(hh, resolver->by_id, id, sizeof question->id, question);
    if (question->hh.tbl == NULL) {
        free(question);
        return 0;
    }
    struct lookup *lookup = lookup_find(resolver, name);
    if (lookup == NULL) {
        lookup = lookup_start(resolver, name);
    }
    if (lookup == NULL) {
        HASH_DEL(resolver->by_id, question);
        free(question);
        return 0;
    }
    question->lookup = lookup;
    TAILQ_INSERT_TAIL(&lookup->questions, question, entry);
    resolver->next_id++;
    return question->id;
}

static void resolver_thread_cancel(void *handle, uint64_t id)
{
    struct resolver_thread *resolver = handle;
    struct question *question = NULL;
    HASH_FIND(hh, resolver->by_id, &id, sizeof id, question);
    if (question != NULL) {
        question_free(resolver, question);
    }
}

struct resolver_thread *resolver_thread_new(struct helper_thread *helper)
{
    struct resolver_thread *resolver = calloc(1, sizeof *resolver);
    if (resolver != NULL) {
        resolver->helper = helper;
        resolver->next_id = 1;
        LIST_INIT(&resolver->lookups);
    }
    return resolver;
}

void resolver_thread_free(struct resolver_thread *resolver)
{
    if (resolver == NULL) {
        return;
    }
    struct question *question;
    struct question *next;
    HASH_ITER(hh, resolver->by_id, question, next)
    {
        question_free(resolver, question);
    }
    while (!LIST_EMPTY(&resolver->lookups)) {
        struct lookup *lookup = LIST_FIRST(&resolver->lookups);
        LIST_REMOVE(lookup, entry);
        lookup->resolver = NULL;
    }
    free(resolver);
}

struct resolver resolver_thread_resolver(struct resolver_thread *resolver)
{
    static const struct resolver_ops ops = {.ask = resolver_thread_ask,
                                            .cancel = resolver_thread_cancel};
    return (struct resolver){.ops = &ops, .handle = resolver};
}
