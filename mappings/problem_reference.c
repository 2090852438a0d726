/* SPDX-License-Identifier: BSD-2-Clause */
#include "problem_reference.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "buffer.h"

/*
 * problem_reference: RFC 3986 5.2 for the "instance" of concise problem details, whose base may be
 * in the same document (RFC 9290 2). The result is text for the HTTP client and never a target of
 * the gateway's, so the components are split generically and nothing is decoded.
 */

struct part {
    const char *text;
    size_t length;
    bool is_there;
};

struct parts {
    struct part scheme;    /* with the colon */
    struct part authority; /* with the slashes */
    struct part path;
    struct part query; /* with the question mark */
    struct part fragment;
};

static struct part take_part(const char **rest, size_t length)
{
    struct part part = {*rest, length, length > 0};
    *rest += length;
    return part;
}

/* RFC 3986 appendix B. */
static void split(const char *text, struct parts *parts)
{
    const char *rest = text;
    size_t colon = strcspn(rest, ":/?#");
    *parts = (struct parts){0};
    if (colon > 0 && rest[colon] == ':')
        parts->scheme = take_part(&rest, colon + 1);
    if (strncmp(rest, "//", 2) == 0)
        parts->authority = take_part(&rest, 2 + strcspn(rest + 2, "/?#"));
    parts->path = take_part(&rest, strcspn(rest, "?#"));
    if (*rest == '?')
        parts->query = take_part(&rest, strcspn(rest, "#"));
    parts->fragment = take_part(&rest, strlen(rest));
}

static int append_part(struct buffer *out, struct part part)
{
    return part.length > 0 ? buffer_append(out, part.text, part.length) : 0;
}

/* Cuts the last segment off what was written behind `start`, its slash included. */
static void drop_segment(struct buffer *out, size_t start)
{
    while (out->length > start && out->data[out->length - 1] != '/')
        out->length--;
    if (out->length > start)
        out->length--;
}

static bool is_segment(const char *text, size_t length, const char *segment)
{
    return strlen(segment) == length && memcmp(text, segment, length) == 0;
}

/* Appends a path that begins with "/" without its dot segments (RFC 3986 5.2.4). */
static int append_path(struct buffer *out, const char *path, size_t length)
{
    const char *end = path + length;
    size_t start = out->length;
    while (path < end) {
        const char *segment = path + 1; /* behind the slash */
        const char *next = memchr(segment, '/', (size_t)(end - segment));
        size_t segment_length = (size_t)((next ? next : end) - segment);
        bool is_dots = is_segment(segment, segment_length, "..");
        if (is_dots)
            drop_segment(out, start);
        if (is_dots || is_segment(segment, segment_length, ".")) {
            if (!next && buffer_append_char(out, '/') != 0)
                return -1;
        } else if (buffer_append(out, path, segment_length + 1) != 0) {
            return -1;
        }
        path = next ? next : end;
    }
    return 0;
}

/* RFC 3986 5.2.3: the base's path up to its last slash, then the reference's. */
static int append_merged(struct buffer *out, const struct parts *base, struct part path)
{
    struct buffer merged;
    buffer_init(&merged, base->path.length + path.length + 1);
    const char *slash =
        base->path.length > 0 ? memrchr(base->path.text, '/', base->path.length) : NULL;
    if (slash)
        buffer_append(&merged, base->path.text, (size_t)(slash - base->path.text) + 1);
    else
        buffer_append_char(&merged, '/');
    buffer_append(&merged, path.text, path.length);
    int result = merged.failed ? -1 : append_path(out, merged.data, merged.length);
    buffer_clear(&merged);
    return result;
}

int problem_reference_resolve(const char *base_text, const char *reference_text, struct buffer *out)
{
    struct parts base, reference;
    split(base_text ? base_text : "", &base);
    split(reference_text, &reference);
    bool can_be_base = base.scheme.is_there && (base.authority.is_there || base.path.length == 0 ||
                                                base.path.text[0] == '/');
    if (reference.scheme.is_there || !can_be_base)
        return buffer_append_text(out, reference_text);

    int failed = append_part(out, base.scheme);
    bool has_authority = reference.authority.is_there;
    failed |= append_part(out, has_authority ? reference.authority : base.authority);
    bool has_path = reference.path.is_there;
    if (has_authority || !has_path)
        failed |= append_part(out, has_authority ? reference.path : base.path);
    else if (reference.path.text[0] == '/')
        failed |= append_path(out, reference.path.text, reference.path.length);
    else
        failed |= append_merged(out, &base, reference.path);
    bool keeps_query = !has_authority && !has_path && !reference.query.is_there;
    failed |= append_part(out, keeps_query ? base.query : reference.query);
    failed |= append_part(out, reference.fragment);
    return failed ? -1 : 0;
}
