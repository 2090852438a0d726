/* SPDX-License-Identifier: BSD-2-Clause */
#include "http_request.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http_guard.h"

/*
 * http_request: names and values stay where libmicrohttpd parsed them; what is ours is one
 * allocation with the array of fields and room for the few strings that must differ.
 *
 * libmicrohttpd 0.9.75 loses octets without a word: what stands behind a NUL, a line that begins
 * with whitespace (it goes to the *name* of the field before), a field without a name, a second
 * blank in the request line. Another reader in front of us may have seen a Content-Length there. It
 * does tell the size of the head, so all parts are added up: they must make exactly that many
 * octets. Version 1.0 refuses such heads itself and drops whitespace behind values.
 */

struct sizes {
    size_t fields;
    size_t copied; /* octets of values that must be copied to lose whitespace behind them */
};

static bool ends_blank(const char *value, size_t length)
{
    return length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t');
}

static enum MHD_Result measure_field(void *handle, enum MHD_ValueKind kind, const char *name,
                                     size_t name_length, const char *value, size_t length)
{
    (void)kind;
    (void)name;
    (void)name_length;
    struct sizes *sizes = handle;
    sizes->fields++;
    if (value != NULL && ends_blank(value, length))
        sizes->copied += length;
    return MHD_YES;
}

struct collector {
    struct http_request_head *head;
    size_t maximum; /* fields */
    size_t octets;
    size_t header_size; /* as libmicrohttpd tells it */
    bool has_gap;
};

static enum MHD_Result collect_field(void *handle, enum MHD_ValueKind kind, const char *name,
                                     size_t name_length, const char *value, size_t length)
{
    (void)kind;
    struct collector *collector = handle;
    struct http_request_head *head = collector->head;
    if (head->field_count == collector->maximum)
        return MHD_NO;
    if (value == NULL)
        value = "";
    head->fields[head->field_count++] = (struct http_field){name, value};

    /* name ":" whitespace value CR LF, one behind the other */
    uintptr_t colon = (uintptr_t)name + name_length;
    uintptr_t distance = (uintptr_t)value - colon;
    if ((uintptr_t)value <= colon || distance > collector->header_size) {
        collector->has_gap = true;
        distance = 1;
    }
    collector->octets += name_length + distance + length + 2;
    return MHD_YES;
}

static size_t header_size(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    return info != NULL ? info->header_size : 0;
}

int http_request_head_read(struct http_request_head *head, struct MHD_Connection *connection,
                           const char *method, const char *target, const char *version)
{
    struct sizes sizes = {0};
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, measure_field, &sizes);
    size_t method_size = strlen(method) + 1;
    size_t target_size = strlen(target) + 1;
    /* each copied value gets a NUL, and the target perhaps a slash */
    size_t text = method_size + target_size + 1 + sizes.copied + sizes.fields;
    *head = (struct http_request_head){.method = method};
    head->fields = malloc(sizes.fields * sizeof(struct http_field) + text);
    if (head->fields == NULL)
        return -1;
    char *room = (char *)(head->fields + sizes.fields);
    memcpy(room, method, method_size);
    head->method = room;
    head->room = room + method_size;

    struct collector collector = {
        .head = head, .maximum = sizes.fields, .header_size = header_size(connection)};
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, collect_field, &collector);
    head->octets = collector.octets + method_size + target_size + strlen(version) + 2;
    size_t came = collector.header_size - 2; /* but for the empty line that ends the head */
    head->is_as_sent = !collector.has_gap && head->octets == came;
    if (MHD_VERSION >= 0x01000000)
        head->is_as_sent = true;
    if (collector.header_size > 2 && head->octets < came)
        head->octets = came;
    return 0;
}

void http_request_head_clear(struct http_request_head *head)
{
    free(head->fields);
    *head = (struct http_request_head){0};
}

static const char *put(struct http_request_head *head, const char *prefix, const char *text,
                       size_t length)
{
    char *start = head->room;
    size_t before = strlen(prefix);
    memcpy(start, prefix, before);
    memcpy(start + before, text, length);
    start[before + length] = '\0';
    head->room += before + length + 1;
    return start;
}

static void trim_values(struct http_request_head *head)
{
    for (size_t i = 0; i < head->field_count; i++) {
        const char *value = head->fields[i].value;
        size_t length = strlen(value);
        if (!ends_blank(value, length))
            continue;
        while (ends_blank(value, length))
            length--;
        head->fields[i].value = put(head, "", value, length);
    }
}

void http_request_fill(struct http_request *request, struct http_request_head *head,
                       const struct http_guard_verdict *verdict)
{
    trim_values(head);
    request->method = verdict->method;
    request->method_text = head->method;
    request->target = verdict->target;
    if (verdict->lacks_slash)
        request->target = put(head, "/", verdict->target, strlen(verdict->target));
    request->is_absolute_form = verdict->is_absolute_form;
    request->is_http_1_0 = verdict->is_http_1_0;
    request->fields = head->fields;
    request->field_count = head->field_count;
    request->has_body = verdict->has_body;
    request->has_length = verdict->has_length;
    request->content_length = verdict->content_length;
}
