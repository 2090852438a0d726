/* SPDX-License-Identifier: BSD-2-Clause */
#include "stream_private.h"

/*
 * What streams send, as text that is rendered once for all who read it. It is charged to the memory
 * account once, for as long as the slowest of them has not read it.
 */

#include <stdlib.h>

#include "audience.h"
#include "buffer.h"
#include "memory_account.h"

/* What is not larger than a CoAP message is charged but never refused: there are no more of those
 * than places in queues, which are. */
enum { SMALL = 1152 };

static bool charge(struct memory_account *account, size_t bytes)
{
    if (bytes > SMALL)
        return memory_account_take(account, bytes);
    memory_account_add(account, bytes);
    return true;
}

static size_t charge_of(const struct stream_event *event)
{
    return sizeof *event + event->length;
}

struct stream_event *stream_event_new(enum stream_event_kind kind, struct buffer *text,
                                      struct memory_account *account)
{
    struct stream_event *event = calloc(1, sizeof *event);

    if (event == NULL) {
        buffer_clear(text);
        return NULL;
    }
    event->references = 1;
    event->kind = kind;
    event->text = buffer_take(text, &event->length);
    if (event->text == NULL || !charge(account, charge_of(event))) {
        free(event->text);
        free(event);
        return NULL;
    }
    event->account = account;
    return event;
}

struct stream_event *stream_event_reference(struct stream_event *event)
{
    event->references++;
    return event;
}

void stream_event_release(struct stream_event *event)
{
    if (event == NULL || --event->references > 0)
        return;
    if (event->latest_of != NULL)
        audience_forget_latest(event->latest_of);
    memory_account_give(event->account, charge_of(event));
    free(event->text);
    free(event);
}
