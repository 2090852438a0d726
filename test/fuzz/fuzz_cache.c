/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_cache: header fields to an empty line are read as what a client asks of caches; a line is
 * the gateway's name in Cache-Status; each byte of the rest is something done to a cache.
 * Directives that are added only make the wishes stricter, the name is read back, and the cache
 * keeps its limits and answers with what was stored last and has not changed since.
 */
#include "cache_control.h"

#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "fuzz.h"
#include "http_message.h"
#include "random_source.h"
#include "representation.h"
#include "rest.h"
#include "timers.h"
#include "uri.h"

static void check_values(const struct cache_control *control)
{
    const uint32_t highest = (uint32_t)INT32_MAX + 1;

    FUZZ_CHECK(!control->has_max_age || control->max_age_s <= highest);
    FUZZ_CHECK(!control->has_max_age || control->max_age_s > 0 || control->no_cache);
    FUZZ_CHECK(!control->has_min_fresh || control->min_fresh_s <= highest);
    FUZZ_CHECK(!control->has_max_stale || control->max_stale_s <= highest ||
               control->max_stale_s == UINT32_MAX);
}

/* The wishes of a request, alone and with a further field. */
static void check_control(const struct http_request *request)
{
    static const struct http_field more = {"Cache-Control", "no-store, max-age=9, min-fresh=3"};
    struct http_field fields[FUZZ_FIELDS_MAX + 1];
    struct http_request longer = *request;
    struct cache_control control, stricter;

    cache_control_read(request, &control);
    check_values(&control);
    for (size_t i = 0; i < request->field_count; i++)
        fields[i] = request->fields[i];
    fields[longer.field_count++] = more;
    longer.fields = fields;
    cache_control_read(&longer, &stricter);
    FUZZ_CHECK(stricter.no_store && stricter.has_max_age && stricter.has_min_fresh);
    FUZZ_CHECK(stricter.max_age_s <= 9 && stricter.min_fresh_s >= 3);
    FUZZ_CHECK(!control.has_max_age || stricter.max_age_s <= control.max_age_s);
    FUZZ_CHECK(!control.has_min_fresh || stricter.min_fresh_s >= control.min_fresh_s);
    FUZZ_CHECK(stricter.only_if_cached == control.only_if_cached);
    if (http_request_field(request, "Cache-Control") != NULL)
        FUZZ_CHECK(stricter.no_cache == control.no_cache);
    else
        FUZZ_CHECK(!control.no_store && !control.only_if_cached && !control.has_max_age &&
                   (!control.no_cache || http_request_field(request, "Pragma") != NULL));
}

/* Compares the item that `text` begins with, a token or a string (RFC 8941 4.2); returns what
 * follows it. */
static const char *expect_item(const char *text, const char *item)
{
    bool is_string = *text == '"';

    for (text += is_string; *item != '\0'; item++, text++) {
        if (is_string && *text == '\\')
            text++;
        else
            FUZZ_CHECK(*text != '"' && (is_string || *text != ' '));
        FUZZ_CHECK(*text == *item);
        if (*text != *item)
            return "";
    }
    FUZZ_CHECK(!is_string || *text == '"');
    return text + is_string;
}

static bool is_printable(const char *text)
{
    while (*text >= 0x20 && *text <= 0x7e)
        text++;
    return *text == '\0';
}

static void check_status(uint8_t flags, const char *name)
{
    const struct cache_status status = {
        .forwarded = (enum cache_forwarded)(flags % (CACHE_FORWARDED_STALE + 1)),
        .is_stored = (flags & 8) != 0,
        .is_collapsed = (flags & 16) != 0,
        .has_ttl = (flags & 32) != 0,
        .ttl_s = (int64_t)flags * 40000000 - 5000000000,
        .detail = (flags & 64) != 0 ? name : NULL,
    };
    struct http_reply reply;

    http_reply_init(&reply, 0);
    if (cache_status_add(&status, name, &reply) == 0) {
        const char *text = http_reply_field(&reply, "Cache-Status");
        const char *detail;

        FUZZ_CHECK(fuzz_is_field_text(text));
        text = expect_item(text, name);
        FUZZ_CHECK(strncmp(text, "; ", 2) == 0);
        detail = strstr(text, "; detail=");
        FUZZ_CHECK((detail != NULL) == (status.detail != NULL));
        if (detail != NULL)
            FUZZ_CHECK(*expect_item(detail + strlen("; detail="), name) == '\0');
    } else {
        FUZZ_CHECK(!is_printable(name) || strlen(name) > 300);
    }
    http_reply_clear(&reply);
}

enum { LIMIT_BYTES = 1500, LIMIT_ENTRIES = 3, PENDINGS = 4 };

struct world {
    struct timers *timers;
    struct cache *cache;
    struct cache_limits limits;
    struct cache_pending pendings[PENDINGS];
};

/* One of eight requests for four targets, one of which is the beginning of another. */
static void set_key(uint8_t which, struct cache_key *key)
{
    static const char *const paths[] = {"a", "aa", "b", ""};
    const char *path = paths[which & 3];
    struct rest_request message;
    struct uri_authority authority = {
        .scheme = URI_SCHEME_COAP, .host_kind = URI_HOST_NAME, .host = "n", .port = 5683};

    rest_request_init(&message);
    message.message.code = REST_GET;
    (void)rest_request_add(&message, REST_OPTION_URI_PATH, path, strlen(path));
    if ((which & 4) != 0)
        (void)rest_request_add_uint(&message, REST_OPTION_ACCEPT, 50);
    FUZZ_CHECK(cache_key_set_target(key, &authority, NULL, &message.message));
    FUZZ_CHECK(cache_key_set_request(key, &message.message));
}

static void check_found(struct world *w, const struct cache_key *key,
                        const struct representation *stored, bool is_invalidated)
{
    struct cache_found found;
    bool has_others;

    if (!cache_find(w->cache, key, &found, &has_others)) {
        FUZZ_CHECK(stored == NULL);
        return;
    }
    FUZZ_CHECK(stored == NULL || found.representation == stored);
    FUZZ_CHECK(stored == NULL || found.is_invalidated == is_invalidated);
    FUZZ_CHECK(found.age_us <= timers_now_us(w->timers));
}

static void store(struct world *w, uint8_t how, const struct cache_key *key,
                  struct cache_pending *pending)
{
    static const uint8_t codes[] = {REST_CODE(2, 5), REST_CODE(4, 4), REST_CODE(5, 0),
                                    REST_CODE(2, 5)};
    static const uint8_t payload[600];
    struct rest_request message;
    struct representation *representation;
    bool is_outdated = pending->cache != NULL && cache_is_outdated(pending);
    bool is_stored;

    rest_request_init(&message);
    message.message.code = codes[how & 3];
    message.message.payload = payload;
    message.message.payload_length = (how & 4) != 0 ? sizeof payload : 1;
    if ((how & 8) != 0)
        (void)rest_request_add_uint(&message, REST_OPTION_MAX_AGE, how);
    representation = representation_new(&message.message, timers_now_us(w->timers));
    if (representation == NULL)
        return;
    is_stored = pending->cache != NULL ? cache_store_pending(w->cache, key, pending, representation)
                                       : cache_store(w->cache, key, representation);
    if (is_stored)
        check_found(w, key, representation, is_outdated);
    representation_release(representation);
}

/* Narrower limits, wider ones that want larger tables, or a new beginning. */
static void change_all(struct world *w, uint8_t how)
{
    if (how == 7) {
        cache_clear(w->cache);
        FUZZ_CHECK(cache_count(w->cache).entries == 0);
        return;
    }
    w->limits = how == 6 ? (struct cache_limits){1 << 20, 1500}
                         : (struct cache_limits){LIMIT_BYTES - how * 100u, LIMIT_ENTRIES};
    cache_set_limits(w->cache, &w->limits);
}

/* Pending n is always one for key n. */
static void do_one(struct world *w, uint8_t what, struct fuzz_input *input)
{
    uint8_t which = what >> 5;
    struct cache_pending *pending = &w->pendings[which % PENDINGS];
    struct cache_key key;

    set_key(which, &key);
    switch (what & 7) {
    case 0:
        store(w, fuzz_take_byte(input), &key, &(struct cache_pending){0});
        break;
    case 1:
        set_key(which % PENDINGS, &key);
        store(w, fuzz_take_byte(input), &key, pending);
        break;
    case 2:
        cache_invalidate(w->cache, &key);
        FUZZ_CHECK(cache_find_pending(w->cache, &key) == NULL);
        break;
    case 3:
        set_key(which % PENDINGS, &key);
        if (pending->cache == NULL && cache_begin(w->cache, &key, pending) == 0)
            FUZZ_CHECK(cache_find_pending(w->cache, &key) == pending);
        break;
    case 4:
        cache_end(w->cache, pending);
        break;
    case 5:
        timers_set_now_us(w->timers, timers_now_us(w->timers) + which * UINT64_C(20000000));
        check_found(w, &key, NULL, false);
        break;
    case 6:
        cache_forget(w->cache, &key);
        break;
    default:
        change_all(w, which);
        break;
    }
}

static void check_cache(struct fuzz_input *input)
{
    struct random_sequence sequence;
    struct world w = {.timers = timers_new(), .limits = {LIMIT_BYTES, LIMIT_ENTRIES}};

    random_sequence_init(&sequence, 1);
    if (w.timers != NULL)
        w.cache = cache_new(w.timers, random_sequence_source(&sequence), &w.limits);
    while (w.cache != NULL && input->left > 0) {
        struct cache_counts counts;

        do_one(&w, fuzz_take_byte(input), input);
        counts = cache_count(w.cache);
        FUZZ_CHECK(counts.entries <= w.limits.entries);
        FUZZ_CHECK(counts.bytes <= w.limits.bytes || counts.entries == 0);
    }
    for (size_t i = 0; i < PENDINGS; i++)
        cache_end(w.cache, &w.pendings[i]);
    cache_free(w.cache);
    timers_free(w.timers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct http_field fields[FUZZ_FIELDS_MAX];
    struct http_request request = {.method = HTTP_METHOD_GET, .fields = fields};
    uint8_t flags;
    char *name;

    request.field_count = fuzz_take_fields(&input, fields);
    check_control(&request);
    fuzz_free_fields(fields, request.field_count);
    flags = fuzz_take_byte(&input);
    name = fuzz_take_line(&input, NULL);
    if (name != NULL)
        check_status(flags, name);
    free(name);
    check_cache(&input);
    return 0;
}
