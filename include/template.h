/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEMPLATE_H
#define COAPGW_TEMPLATE_H

/*
 * template: URI mapping templates of RFC 8075 5.4: level 2 expressions {+var} of the variables tu
 * (simple form) or s, hp, p, q, qq (enhanced form).
 */

#include <stdbool.h>
#include <stddef.h>

struct buffer;
struct template;

enum template_variable {
    TEMPLATE_TU,
    TEMPLATE_S,
    TEMPLATE_HP,
    TEMPLATE_P,
    TEMPLATE_Q,
    TEMPLATE_QQ,
    TEMPLATE_VARIABLES,
};

struct template_span {
    const char *text; /* NULL: the template does not have the variable, or it did not match */
    size_t length;
};

/* Reads a template; NULL and a reason (static text) when it is not one of RFC 8075 (TMPL-06). With
 * `is_complete` it must be able to give a whole target (tu, or at least hp): HC Proxy templates. */
struct template *template_parse(const char *text, bool is_complete, const char **reason);
void template_free(struct template *template);
const char *template_text(const struct template *template);
bool template_has(const struct template *template, enum template_variable variable);

/* Matches the rest of a request target behind the HC Proxy URI (path and query as sent). On true
 * each variable's span points into `text`. qq includes its "?"; q does not (TMPL-02..05). */
bool template_match(const struct template *template, const char *text, size_t length,
                    struct template_span values[TEMPLATE_VARIABLES]);
/* Appends the template with the variables filled in (as they are: reserved expansion of text that
 * is already escaped). In hp and p a delimiter of the template is percent-encoded, so that
 * template_match gives the same options back. 0 or -1. */
int template_expand(const struct template *template,
                    const struct template_span values[TEMPLATE_VARIABLES], struct buffer *out);
/* The same without allocation, into `size` bytes at `out` (no NUL): -1 when they do not suffice. */
int template_expand_into(const struct template *template,
                         const struct template_span values[TEMPLATE_VARIABLES], char *out,
                         size_t size, size_t *length);

#endif
