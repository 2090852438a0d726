/* SPDX-License-Identifier: BSD-2-Clause */
#include "status.h"

#include <stddef.h>

#include "rest.h"

/*
 * status: the outcome that a node reports, as HTTP tells it. A table and no arithmetic: 4.01 is not
 * 401, 4.05 is mostly not 405 and 5.05 is never 505 (RFC 8075 7). A code that the table does not
 * have means what its class means (RFC 7252 5.2).
 */

struct code {
    const char *name;
    unsigned with_payload;
    unsigned without_payload;
};

static bool find_code(uint8_t code, struct code *found)
{
    switch (code) {
#define CODE(class, detail, text, with, without)                                                   \
    case REST_CODE(class, detail):                                                                 \
        *found = (struct code){text, with, without};                                               \
        return true;
#include "tables/codes.h"
#undef CODE
    default:
        return false;
    }
}

static struct code code_of_class(uint8_t code)
{
    switch (REST_CODE_CLASS(code)) {
    case 2:
        return (struct code){NULL, 200, 204};
    case 4:
        return (struct code){NULL, 400, 400};
    case 5:
        return (struct code){NULL, 500, 500};
    default:
        return (struct code){NULL, 502, 502};
    }
}

unsigned status_from_code(uint8_t code, const struct status_context *context)
{
    if (code == REST_CODE(4, 2) && context->blames_client_field)
        return 400;
    if (code == REST_CODE(4, 5) && context->methods_known)
        return 405;
    struct code found;
    if (!find_code(code, &found))
        found = code_of_class(code);
    return context->has_payload ? found.with_payload : found.without_payload;
}

const char *status_code_name(uint8_t code)
{
    struct code found;
    return find_code(code, &found) ? found.name : NULL;
}

struct phrase {
    unsigned status;
    const char *text;
};

static const struct phrase phrases[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {422, "Unprocessable Content"},
    {425, "Too Early"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
    {508, "Loop Detected"},
};

const char *status_phrase(unsigned status)
{
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        if (phrases[i].status == status)
            return phrases[i].text;
    }
    return "Unknown";
}
