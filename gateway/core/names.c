/* SPDX-License-Identifier: BSD-2-Clause */
#include "names.h"

/*
 * The cache is a list with the name used last at its head. It is small enough to be searched from
 * the head on; names that configuration uses are found within the first few, whatever names clients
 * make up. Entries with a question under way are never dropped.
 */

#include <stdlib.h>
#include <string.h>

#include "timers.h"

TAILQ_HEAD(names_waits, names_wait);

struct names_entry {
    struct names *names;
    TAILQ_ENTRY(names_entry) link;
    struct names_waits waits;
    uint64_t question; /* id of the resolver; 0: none under way */
    bool is_telling;   /* its waits are being told: it must stay */
    bool is_known;
    uint64_t answered_us;
    struct names_answer answer;
    char name[];
};

struct names {
    struct timers *timers;
    const struct resolver *resolver;
    size_t count;
    TAILQ_HEAD(names_list, names_entry) entries;
};

struct names *names_new(struct timers *timers, const struct resolver *resolver)
{
    struct names *names = calloc(1, sizeof *names);

    if (names == NULL)
        return NULL;
    names->timers = timers;
    names->resolver = resolver;
    TAILQ_INIT(&names->entries);
    return names;
}

static void drop(struct names *names, struct names_entry *entry)
{
    if (entry->question != 0)
        names->resolver->ops->cancel(names->resolver->handle, entry->question);
    TAILQ_REMOVE(&names->entries, entry, link);
    names->count--;
    free(entry);
}

void names_free(struct names *names)
{
    if (names == NULL)
        return;
    while (!TAILQ_EMPTY(&names->entries))
        drop(names, TAILQ_FIRST(&names->entries));
    free(names);
}

static struct names_entry *find_entry(struct names *names, const char *name)
{
    struct names_entry *entry;

    TAILQ_FOREACH(entry, &names->entries, link)
    {
        if (strcmp(entry->name, name) != 0)
            continue;
        if (entry != TAILQ_FIRST(&names->entries)) {
            TAILQ_REMOVE(&names->entries, entry, link);
            TAILQ_INSERT_HEAD(&names->entries, entry, link);
        }
        return entry;
    }
    return NULL;
}

const struct names_answer *names_find(struct names *names, const char *name, uint64_t since_us)
{
    struct names_entry *entry = find_entry(names, name);
    uint64_t lifetime_us = NAMES_LIFETIME_US;

    if (entry == NULL || !entry->is_known)
        return NULL;
    if (entry->answer.status != RESOLVER_FOUND)
        lifetime_us = NAMES_FAILURE_LIFETIME_US;
    return entry->answered_us + lifetime_us > since_us ? &entry->answer : NULL;
}

/* Drops the entry whose use lies longest ago; false when all are waited for. */
static bool make_room(struct names *names)
{
    struct names_entry *entry;

    if (names->count < NAMES_ENTRIES_MAX)
        return true;
    TAILQ_FOREACH_REVERSE(entry, &names->entries, names_list, link)
    {
        if (entry->question == 0 && !entry->is_telling) {
            drop(names, entry);
            return true;
        }
    }
    return false;
}

static struct names_entry *add_entry(struct names *names, const char *name)
{
    size_t size = strlen(name) + 1;
    struct names_entry *entry = make_room(names) ? calloc(1, sizeof *entry + size) : NULL;

    if (entry == NULL)
        return NULL;
    entry->names = names;
    TAILQ_INIT(&entry->waits);
    memcpy(entry->name, name, size);
    TAILQ_INSERT_HEAD(&names->entries, entry, link);
    names->count++;
    return entry;
}

/* A wait may leave or join while the others are told, so each is taken off the list first; those
 * who join again find the answer fresh. */
static void tell(struct names_entry *entry)
{
    struct names_wait *wait;

    entry->is_telling = true;
    while ((wait = TAILQ_FIRST(&entry->waits)) != NULL) {
        TAILQ_REMOVE(&entry->waits, wait, link);
        wait->entry = NULL;
        wait->answered(wait->handle);
    }
    entry->is_telling = false;
}

static void take_answer(void *handle, enum resolver_status status,
                        const struct endpoint_address *addresses, size_t count)
{
    struct names_entry *entry = handle;

    if (count > RESOLVER_ADDRESSES_MAX)
        count = RESOLVER_ADDRESSES_MAX;
    entry->question = 0;
    entry->is_known = true;
    entry->answered_us = timers_now_us(entry->names->timers);
    entry->answer.status = status == RESOLVER_FOUND && count == 0 ? RESOLVER_UNKNOWN_NAME : status;
    entry->answer.count = status == RESOLVER_FOUND ? count : 0;
    if (entry->answer.count > 0)
        memcpy(entry->answer.addresses, addresses, count * sizeof *addresses);
    tell(entry);
}

int names_ask(struct names *names, const char *name, struct names_wait *wait)
{
    struct names_entry *entry = find_entry(names, name);

    if (entry == NULL)
        entry = add_entry(names, name);
    if (entry == NULL)
        return -1;
    if (entry->question == 0)
        entry->question =
            names->resolver->ops->ask(names->resolver->handle, entry->name, take_answer, entry);
    if (entry->question == 0)
        return -1;
    wait->entry = entry;
    TAILQ_INSERT_TAIL(&entry->waits, wait, link);
    return 0;
}

void names_forget(struct names_wait *wait)
{
    if (wait->entry == NULL)
        return;
    TAILQ_REMOVE(&wait->entry->waits, wait, link);
    wait->entry = NULL;
}
