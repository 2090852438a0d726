/* SPDX-License-Identifier: BSD-2-Clause */
#include "http_guard.h"

#include <string.h>

#include "method.h"
#include "text.h"

/*
 * http_guard: the first stop of a request. libmicrohttpd is generous: it takes the first of two
 * Content-Length fields, knows no transfer coding but a lone "chunked", and hands over what it does
 * not understand. Two readers that disagree about where a request ends are how requests are
 * smuggled, so everything that can be read in two ways is refused here, and its connection closed
 * (RFC 9112 6.3, 11.2).
 */

static bool refuse(struct http_guard_verdict *verdict, unsigned status, const char *slug,
                   const char *detail)
{
    verdict->status = status;
    verdict->slug = slug;
    verdict->detail = detail;
    return false;
}

static bool refuse_bad(struct http_guard_verdict *verdict, const char *detail)
{
    return refuse(verdict, 400, "bad-request", detail);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Narrows [*text, *text + length) to what stands between optional whitespace. */
static size_t trim(const char **text, size_t length)
{
    while (length > 0 && is_blank((*text)[length - 1]))
        length--;
    while (length > 0 && is_blank(**text)) {
        (*text)++;
        length--;
    }
    return length;
}

static bool equals(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && text_equal_ignoring_case_n(text, word, length);
}

/* Takes the next element of a comma-separated list (RFC 9110 5.6.1), empty ones skipped. False at
 * the end. */
static bool next_element(const char **rest, const char **element, size_t *length)
{
    while (**rest != '\0') {
        size_t span = strcspn(*rest, ",");
        *element = *rest;
        *rest += span;
        if (**rest == ',')
            (*rest)++;
        *length = trim(element, span);
        if (*length > 0)
            return true;
    }
    return false;
}

static bool is_reg_name_octet(char c)
{
    /* unreserved, sub-delims and "%" of RFC 3986 3.2.2 */
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("-._~!$&'()*+,;=%", c) != NULL);
}

bool http_guard_is_host(const char *text, size_t length)
{
    size_t end = 0;
    if (length > 0 && text[0] == '[') {
        const char *bracket = memchr(text, ']', length);
        if (bracket == NULL || bracket == text + 1)
            return false;
        end = (size_t)(bracket - text) + 1;
        for (size_t i = 1; i + 1 < end; i++) {
            if (!is_reg_name_octet(text[i]) && text[i] != ':')
                return false;
        }
    } else {
        while (end < length && is_reg_name_octet(text[end]))
            end++;
        if (end == 0)
            return false;
    }
    if (end == length)
        return true;
    if (text[end] != ':')
        return false;
    uint64_t port;
    return end + 1 == length || text_to_number(text + end + 1, length - end - 1, 65535, &port);
}

static bool judge_sizes(const struct http_guard_head *head, struct http_guard_verdict *verdict)
{
    if (head->header_bytes <= head->header_maximum)
        return true;
    size_t line = strlen(head->method) + strlen(head->target) + strlen(head->version) + 4;
    if (line > head->header_maximum)
        return refuse(verdict, 414, "target-too-long", "The request line is too long.");
    return refuse(verdict, 431, "header-too-large", "The header section is too large.");
}

static bool judge_version(const struct http_guard_head *head, struct http_guard_verdict *verdict)
{
    const char *version = head->version;
    if (strncmp(version, "HTTP/", 5) != 0 || strlen(version) != 8 || version[6] != '.')
        return refuse_bad(verdict, "The HTTP version is malformed.");
    if (version[5] != '1')
        return refuse(verdict, 505, "not-implemented", "Only HTTP/1 is spoken here.");
    /* A higher minor version is to be read as the highest that we know (RFC 9110 2.5). */
    verdict->is_http_1_0 = version[7] == '0';
    verdict->is_last = verdict->is_http_1_0;
    return true;
}

/* Names are tokens: no whitespace before the colon, no line folding (RFC 9112 5.1, 5.2). Values
 * have no control characters but the tab. */
static bool judge_field_syntax(const struct http_guard_head *head,
                               struct http_guard_verdict *verdict)
{
    for (size_t i = 0; i < head->field_count; i++) {
        const struct http_field *field = &head->fields[i];
        if (!text_is_token(field->name, strlen(field->name)))
            return refuse_bad(verdict, "The name of a header field is malformed.");
        for (const char *c = field->value; *c != '\0'; c++) {
            if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
                return refuse_bad(verdict, "A header field has control characters.");
        }
    }
    return true;
}

static bool judge_content_length(const char *value, bool *is_there,
                                 struct http_guard_verdict *verdict)
{
    if (*is_there)
        return refuse_bad(verdict, "There is more than one Content-Length.");
    *is_there = true;
    size_t length = trim(&value, strlen(value));
    if (length == 0 || strspn(value, "0123456789") < length)
        return refuse_bad(verdict, "Content-Length is no number.");
    /* The greatest number of all is what libmicrohttpd takes for "unknown". */
    if (!text_to_number(value, length, UINT64_MAX - 1, &verdict->content_length))
        return refuse(verdict, 413, "body-too-large", "The body is too large.");
    verdict->has_length = true;
    return true;
}

struct codings {
    size_t fields;
    size_t count;
    size_t chunked;
    bool is_last_chunked;
    bool is_plain; /* the value is the one word that libmicrohttpd recognizes */
};

static void add_codings(const char *value, struct codings *codings)
{
    const char *element;
    size_t length;
    codings->fields++;
    codings->is_plain = equals(value, strlen(value), "chunked");
    while (next_element(&value, &element, &length)) {
        codings->count++;
        codings->is_last_chunked = equals(element, length, "chunked");
        codings->chunked += codings->is_last_chunked;
    }
}

static bool judge_codings(const struct codings *codings, bool has_length,
                          struct http_guard_verdict *verdict)
{
    if (codings->fields == 0)
        return true;
    if (has_length)
        return refuse_bad(verdict, "There are both Content-Length and Transfer-Encoding.");
    if (verdict->is_http_1_0)
        return refuse_bad(verdict, "HTTP/1.0 has no Transfer-Encoding.");
    if (!codings->is_last_chunked || codings->chunked > 1)
        return refuse_bad(verdict, "Transfer-Encoding does not end in one \"chunked\".");
    if (codings->count > 1)
        return refuse(verdict, 501, "not-implemented",
                      "No transfer coding but \"chunked\" is implemented.");
    if (codings->fields > 1 || !codings->is_plain)
        return refuse_bad(verdict, "Transfer-Encoding is not written as \"chunked\".");
    verdict->has_body = true;
    return true;
}

/* RFC 9112 6.3: one way only to find the end of the body. */
static bool judge_framing(const struct http_guard_head *head, struct http_guard_verdict *verdict)
{
    struct codings codings = {0};
    bool has_length = false;
    for (size_t i = 0; i < head->field_count; i++) {
        const struct http_field *field = &head->fields[i];
        if (text_equal_ignoring_case(field->name, "Transfer-Encoding"))
            add_codings(field->value, &codings);
        else if (text_equal_ignoring_case(field->name, "Content-Length") &&
                 !judge_content_length(field->value, &has_length, verdict))
            return false;
    }
    if (!judge_codings(&codings, has_length, verdict))
        return false;
    verdict->has_body = verdict->has_body || verdict->content_length > 0;
    return true;
}

/* RFC 9112 3.2: exactly one valid Host in HTTP/1.1, at most one in HTTP/1.0. */
static bool judge_host(const struct http_guard_head *head, struct http_guard_verdict *verdict)
{
    size_t count = 0;
    for (size_t i = 0; i < head->field_count; i++) {
        const char *value = head->fields[i].value;
        if (!text_equal_ignoring_case(head->fields[i].name, "Host"))
            continue;
        size_t length = trim(&value, strlen(value));
        if (count++ > 0)
            return refuse_bad(verdict, "There is more than one Host.");
        if (!http_guard_is_host(value, length))
            return refuse_bad(verdict, "Host is no host name or address.");
    }
    if (count == 0 && !verdict->is_http_1_0)
        return refuse_bad(verdict, "There is no Host.");
    return true;
}

static bool judge_method(const struct http_guard_head *head, struct http_guard_verdict *verdict)
{
    if (!text_is_token(head->method, strlen(head->method)))
        return refuse_bad(verdict, "The method is malformed.");
    verdict->method = method_parse(head->method);
    if (verdict->method == HTTP_METHOD_UNKNOWN || verdict->method == HTTP_METHOD_CONNECT)
        return refuse(verdict, 501, "not-implemented", "The method is not implemented.");
    /* CoAP's GET and DELETE carry no payload; dropping one in silence would hide smuggling. */
    if (verdict->has_body && (verdict->method & (unsigned)(HTTP_METHOD_GET | HTTP_METHOD_HEAD |
                                                           HTTP_METHOD_DELETE)) != 0)
        return refuse_bad(verdict, "GET, HEAD and DELETE have no content here.");
    return true;
}

static bool is_coap_scheme(const char *scheme, size_t length)
{
    static const char *const schemes[] = {"coap",      "coaps",   "coap+tcp",
                                          "coaps+tcp", "coap+ws", "coaps+ws"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (equals(scheme, length, schemes[i]))
            return true;
    }
    return false;
}

/* absolute-form (RFC 9112 3.2.2): its authority takes the place of Host. */
static bool judge_absolute_form(const char *target, size_t scheme_length,
                                struct http_guard_verdict *verdict)
{
    if (is_coap_scheme(target, scheme_length)) {
        verdict->is_absolute_form = true;
        verdict->target = target;
        return true;
    }
    if (!equals(target, scheme_length, "http") && !equals(target, scheme_length, "https"))
        return refuse_bad(verdict, "The scheme of the request target is not served here.");
    const char *authority = target + scheme_length + 3;
    size_t length = strcspn(authority, "/?");
    if (!http_guard_is_host(authority, length))
        return refuse_bad(verdict, "The authority of the request target is malformed.");
    verdict->target = authority + length;
    verdict->lacks_slash = *verdict->target != '/';
    return true;
}

static bool judge_target(const struct http_guard_head *head, struct http_guard_verdict *verdict)
{
    const char *target = head->target;
    for (const char *c = target; *c != '\0'; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return refuse_bad(verdict, "The request target has blanks or control characters.");
        if (*c == '#')
            return refuse_bad(verdict, "The request target has a fragment.");
    }
    if (strcmp(target, "*") == 0) {
        if (verdict->method != HTTP_METHOD_OPTIONS)
            return refuse_bad(verdict, "Only OPTIONS takes \"*\".");
        return refuse(verdict, 501, "not-implemented", "OPTIONS is not implemented.");
    }
    if (*target == '/') {
        verdict->target = target;
        return true;
    }
    const char *colon = strstr(target, "://");
    if (colon == NULL || memchr(target, '/', (size_t)(colon - target)) != NULL)
        return refuse_bad(verdict, "The request target is malformed.");
    return judge_absolute_form(target, (size_t)(colon - target), verdict);
}

static void read_connection(const struct http_guard_head *head, struct http_guard_verdict *verdict)
{
    for (size_t i = 0; i < head->field_count; i++) {
        const char *value = head->fields[i].value;
        const char *element;
        size_t length;
        if (!text_equal_ignoring_case(head->fields[i].name, "Connection"))
            continue;
        while (next_element(&value, &element, &length)) {
            if (equals(element, length, "close"))
                verdict->is_last = true;
        }
    }
}

void http_guard_judge(const struct http_guard_head *head, struct http_guard_verdict *verdict)
{
    *verdict =
        (struct http_guard_verdict){.method = method_parse(head->method), .target = head->target};
    if (!judge_sizes(head, verdict) || !judge_version(head, verdict))
        return;
    if (!head->is_as_sent) {
        refuse_bad(verdict, "The request line or a header field is malformed.");
        return;
    }
    if (!judge_field_syntax(head, verdict) || !judge_framing(head, verdict) ||
        !judge_host(head, verdict) || !judge_method(head, verdict) || !judge_target(head, verdict))
        return;
    read_connection(head, verdict);
}
